#include "admin/settings.h"

const struct cfg_section admin_settings_section = {
    .settings = (const struct cfg_setting[]){
        {"address", CFG_ADDRESS_AT(struct admin_settings, address), .preset = "127.0.0.1:8081",
         .flags = CFG_OFF | CFG_RESTART,
         .text = "Where operators connect: /metrics, /livez, /readyz. Anything but loopback needs a token."},
        {"token", CFG_SECRET_AT(struct admin_settings, token),
         .text = "What operators have to send as `Authorization: Bearer`, at least 16 characters. Without one, only "
                 "loopback may connect."},
        CFG_END}};

const struct cfg_section drill_settings_section = {
    .settings = (const struct cfg_setting[]){
        {"live", CFG_BOOL_AT(struct drill_settings, live), .preset = "false",
         .text =
             "Whether `sluice drill --live` may let real attempts at a target fail, for a share and a time. For staging "
             "gateways; a drill on simulated providers needs no setting."},
        CFG_END}};
