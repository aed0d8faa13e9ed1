/* Reads a whole answer. Source: bedrock.md 6.2 (November 2026). */
#include "dialect/bedrock_converse/converse_int.h"

bool converse_answer_read(struct translation *t, struct sl_str body, const struct neutral_sink *to)
{
    struct converse_answering *r = converse_answering_new(t);
    r->to = to;
    if (!json_tree_read(&r->tree, body, t->a) || json_kind_of(json_root(&r->tree)) != JSON_OBJECT)
        return false;
    const struct json_node *root = json_root(&r->tree), *output = json_got(&r->tree, root, SL_STR("output"));
    const struct json_node *message = json_got(&r->tree, output, SL_STR("message"));
    const struct json_node *content = json_got(&r->tree, message, SL_STR("content"));
    struct sl_str said = json_get_inside(&r->tree, root, SL_STR("message"));
    if (output == NULL && said.n > 0) {
        converse_take_error(r, json_get_inside(&r->tree, root, SL_STR("__type")), said);
        return true;
    }
    if (json_kind_of(content) != JSON_ARRAY)
        return false;
    converse_start(r);
    for (JSON_EACH(&r->tree, content, it)) {
        if (!converse_whole_block(r, it))
            return false;
        sl_arena_reset(&r->scratch);
    }
    converse_take_stop(r, root);
    converse_take_metadata(r, root);
    if (r->failed)
        return true;
    if (!r->stopped)
        return false;
    converse_finish(r);
    neutral_put(to, &(struct neutral_event){.kind = NE_DONE});
    return true;
}
