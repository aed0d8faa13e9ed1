/* Answers of count_tokens (anthropic.md 5). */
#include "dialect/anthropic/anthropic.h"

void anthropic_count_answer_write(uint64_t tokens, struct sl_buf *out)
{
    sl_buf_adds(out, SL_STR("{\"input_tokens\":"));
    sl_buf_add_u64(out, tokens);
    sl_buf_addc(out, '}');
}

bool anthropic_count_answer_read(struct sl_str body, uint64_t *out_tokens)
{
    static const struct json_watch watch[] = {{SL_STR_INIT("input_tokens"), -1}};
    struct json_member at;
    struct json_info info;
    return json_scan(body, watch, 1, &at, &info) == JSON_OK && info.root == JSON_OBJECT && at.kind == JSON_NUMBER &&
           json_count(json_raw(body, &at), out_tokens);
}
