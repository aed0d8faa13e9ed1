/* A whole chat answer as neutral events: the same reading as of a stream. */
#include "dialect/openai_chat/chat_answer.h"

bool chat_answer_read(struct translation *t, struct sl_str body, const struct neutral_sink *to)
{
    struct chat_reader *r = chat_reader_new(t);
    r->to = to;
    r->whole = true;
    if (!json_tree_read(&r->tree, body, &r->scratch))
        return false;
    const struct json_node *root = json_root(&r->tree);
    if (json_kind_of(root) == JSON_ARRAY && root->children == 1)
        root = json_child(root); /* an error, as Google wraps it */
    if (json_kind_of(root) != JSON_OBJECT || !chat_take_object(r, root))
        return false;
    if (r->failed)
        return true;
    r->done = true; /* it came whole: a finish_reason that is missing or null is a plain end */
    return chat_finish_all(r) || r->failed;
}
