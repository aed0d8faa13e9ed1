/* See gemini.h. */
#include "dialect/gemini/gemini.h"

void gemini_request_encode_same(const struct request_facts *f, struct sl_str body, const struct request_change *change,
                                struct sl_arena *a, struct body_pieces *out)
{
    (void)f;
    (void)body;
    (void)change;
    (void)a;
    *out = (struct body_pieces){.n = 0};
}
