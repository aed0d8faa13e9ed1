/* Answers of count_tokens (anthropic.md 5). */
#include "dialect/anthropic/anthropic.h"

void anthropic_count_answer_write(uint64_t tokens, struct sl_buf *out)
{
    sl_buf_adds(out, SL_STR("{\"input_tokens\":"));
    sl_buf_add_u64(out, tokens);
    sl_buf_addc(out, '}');
}
