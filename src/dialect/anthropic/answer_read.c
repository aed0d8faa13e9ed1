/* Reads a whole message. Source: anthropic.md section 3 (November 2026). */
#include "dialect/anthropic/anthropic_int.h"

bool anthropic_answer_read(struct translation *t, struct sl_str body, const struct neutral_sink *to)
{
    struct anthropic_answering *r = anthropic_answering_new(t);
    r->to = to;
    if (!json_tree_read(&r->tree, body, t->a) || json_kind_of(json_root(&r->tree)) != JSON_OBJECT)
        return false;
    const struct json_node *root = json_root(&r->tree), *error = json_got(&r->tree, root, SL_STR("error")),
                           *content = json_got(&r->tree, root, SL_STR("content"));
    if (error != NULL && content == NULL) {
        anthropic_take_error(r, error);
        return true;
    }
    if (json_kind_of(content) != JSON_ARRAY)
        return false;
    anthropic_take_start(r, root);
    for (JSON_EACH(&r->tree, content, it)) {
        if (json_kind_of(it) != JSON_OBJECT || !anthropic_block_start(r, 0, it))
            return false;
        anthropic_block_stop(r, 0);
        sl_arena_reset(&r->scratch);
    }
    anthropic_take_stop(r, root);
    anthropic_finish(r);
    neutral_put(to, &(struct neutral_event){.kind = NE_DONE});
    return true;
}
