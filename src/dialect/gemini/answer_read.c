/* An answer that is not streamed, also the list of chunks that streamGenerateContent gives without alt=sse, and the answer of
 * countTokens. */
#include "dialect/gemini/gemini_int.h"

/* {"totalTokens":31,"cachedContentTokenCount":...}: gemini.md 11.1 (November 2026). */
static bool read_count(struct translation *t, struct sl_str body, const struct neutral_sink *to)
{
    struct json_tree tree;
    struct neutral_event e = {.kind = NE_USAGE};
    if (!json_tree_read(&tree, body, t->a) || json_root(&tree)->kind != JSON_OBJECT)
        return false;
    const struct json_node *root = json_root(&tree);
    const struct json_node *total = gem_get(&tree, root, SL_STR("totalTokens"));
    if (gem_get(&tree, root, SL_STR("error")) != NULL) {
        e.kind = NE_ERROR;
        gem_error_read(body, t->a, &e.error);
        neutral_put(to, &e);
        return true;
    }
    if (total != NULL && !gem_count_of(&tree, total, &e.usage.prompt)) /* of an empty prompt it is left out */
        return false;
    gem_count_of(&tree, gem_get(&tree, root, SL_STR("cachedContentTokenCount")), &e.usage.cached);
    e.usage.found = true;
    e.usage.total = e.usage.prompt;
    neutral_put(to, &(struct neutral_event){.kind = NE_START, .usage = e.usage});
    neutral_put(to, &e);
    return true;
}

bool gemini_answer_read(struct translation *t, struct sl_str body, const struct neutral_sink *to)
{
    if (t->req != NULL && t->req->kind == NO_COUNT_TOKENS)
        return read_count(t, body, to);
    struct gem_answer *x = gem_answer_begin(t);
    if (!gem_answer_chunk(x, body, to))
        return false;
    return gem_answer_end(x, to);
}
