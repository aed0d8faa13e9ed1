#include "limit/settings.h"

const struct cfg_section limit_settings_section = {
    .settings = (const struct cfg_setting[]){
        {"exchanges", CFG_INT_AT(struct limit_settings, exchanges), .preset = "0", .min = 0, .max = 1 << 24,
         .text = "Requests that are served at the same time in the whole process; more are refused at once. 0: "
                 "no limit but that of connections and memory."},
        CFG_END}};
