/* See gemini.h. */
#include "dialect/gemini/gemini.h"

void gemini_stream_watch(struct stream_memo *memo, struct sl_str event, struct sl_str data, struct stream_event *out)
{
    (void)memo;
    (void)event;
    (void)data;
    *out = (struct stream_event){.kind = SK_OTHER};
}
