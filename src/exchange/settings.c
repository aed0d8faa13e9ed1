#include "exchange/settings.h"

const struct cfg_section exchange_settings_section = {
    .settings = (const struct cfg_setting[]){
        {"hold_bytes", CFG_SIZE_AT(struct exchange_settings, hold_bytes), .preset = "256KiB", .min = 0, .max = 16 << 20,
         .text =
             "An answer that is not a stream is held back up to this size before the client sees a byte, so that one "
             "that breaks off can still be asked for again. Most answers are smaller; larger ones pass as they come."},
        {"client_queue", CFG_SIZE_AT(struct exchange_settings, client_queue_bytes), .preset = "256KiB", .min = 16 << 10,
         .max = 16 << 20,
         .text =
             "Bytes that wait for a slow client before reading from the provider stops. Bounds what one slow client "
             "costs; a fast one never has that much waiting."},
        {"sse_event", CFG_SIZE_AT(struct exchange_settings, sse_event_bytes), .preset = "1MiB", .min = 16 << 10,
         .max = 64 << 20,
         .text = "Largest single event of a stream; a larger one ends it. Events with tool arguments or images are the "
                 "largest seen, some hundred KiB."},
        CFG_END}};
