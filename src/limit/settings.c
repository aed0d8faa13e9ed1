#include "limit/settings.h"

#include "base/clock.h"

const struct cfg_section limit_settings_section = {
    .settings = (const struct cfg_setting[]){
        {"exchanges", CFG_INT_AT(struct limit_settings, exchanges), .preset = "0", .min = 0, .max = 1 << 24,
         .text =
             "Requests that are served at the same time in the whole process; more wait (`queue`) or are refused. 0: "
             "no limit but that of connections and memory."},
        {"queue", CFG_INT_AT(struct limit_settings, queue), .preset = "256", .min = 0, .max = 1 << 20,
         .text = "Requests that wait for one of these places, in the order in which they came, but so that a key that "
                 "sends many does not keep the others waiting. 0: nobody waits."},
        {"queue_wait", CFG_DURATION_AT(struct limit_settings, queue_ns), .preset = "2s", .min = SL_MS,
         .max = 600 * SL_SEC, .text = "How long one waits; then it is refused with 503 and a retry-after."},
        {"memory", CFG_SIZE_AT(struct limit_settings, memory), .preset = "0", .min = 0, .max = INT64_C(1) << 44,
         .text =
             "Bytes that requests in flight may hold together: their bodies, answers that are held back, and what was made of "
             "both. Above it new requests wait or are refused as with `exchanges`, and a body that does not fit is not read. "
             "What is sent to slow clients (`relay.client_queue`) and connections come on top. 0: no limit."},
        {"adaptive", CFG_BOOL_AT(struct limit_settings, adaptive), .preset = "false",
         .text =
             "Whether fewer requests than `exchanges` are taken on while this process does not keep up: when its loops run "
             "50 ms late or more, a tenth less each second (never below 16); back by and by when they do not."},
        CFG_END}};
