/* See gemini.h. */
#include "dialect/gemini/gemini.h"

void gemini_answer_decode(struct sl_str body, struct answer_facts *out)
{
    (void)body;
    *out = (struct answer_facts){.valid = false};
}
