#include "exchange/settings.h"

#include "base/clock.h"

static const struct cfg_word ON_UNSUPPORTED[] = {
    {"report", UNSUPPORTED_SAYS,
     "wishes that do no harm are left out and named in `x-sluice-dropped`; those that would change what the caller gets "
     "are refused"},
    {"reject", UNSUPPORTED_REFUSES, "anything that cannot be said is refused with a 400 that names it"},
    {"drop", UNSUPPORTED_DROPS, "whatever can be left out is, and named in `x-sluice-dropped`"},
    {NULL, 0, NULL}};

const struct cfg_section exchange_settings_section = {
    .settings = (const struct cfg_setting[]){
        {"hold_bytes", CFG_SIZE_AT(struct exchange_settings, hold_bytes), .preset = "256KiB", .min = 0, .max = 16 << 20,
         .text =
             "An answer that is not a stream is held back up to this size before the client sees a byte, so that one "
             "that breaks off can still be asked for again. Most answers are smaller; larger ones pass as they come."},
        {"hold_start", CFG_DURATION_AT(struct exchange_settings, hold_start_ns), .preset = "20s", .min = 0,
         .max = 600 * SL_SEC,
         .text =
             "What announces the answer of a stream (role, message_start, response.created, life signs) is held back "
             "until there is output or so long, so that a provider that fails before it has said anything is not "
             "seen. Up to hold_bytes are held."},
        {"client_queue", CFG_SIZE_AT(struct exchange_settings, client_queue_bytes), .preset = "256KiB", .min = 16 << 10,
         .max = 16 << 20,
         .text =
             "Bytes that wait for a slow client before reading from the provider stops. Bounds what one slow client "
             "costs; a fast one never has that much waiting."},
        {"sse_event", CFG_SIZE_AT(struct exchange_settings, sse_event_bytes), .preset = "1MiB", .min = 16 << 10,
         .max = 64 << 20,
         .text = "Largest single event of a stream; a larger one ends it. Events with tool arguments or images are the "
                 "largest seen, some hundred KiB."},
        {"on_unsupported", CFG_ENUM_AT(struct exchange_settings, on_unsupported, ON_UNSUPPORTED), .preset = "report",
         .text =
             "What happens to a member of a request that the provider's format or model has no word for. Only where "
             "client and provider speak different formats; else requests pass as they are."},
        CFG_END}};
