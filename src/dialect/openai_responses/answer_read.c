/* A whole answer as events. */
#include "dialect/openai_responses/answer_reading.h"
#include "dialect/openai_responses/openai_responses.h"

static bool read_items(struct answer_reading *r, const struct json_node *output)
{
    uint64_t i = 0;
    for (JSON_EACH(&r->tree, output, it)) {
        struct answer_item *item = answer_item_at(r, i++);
        if (item == NULL || !answer_item_done(r, item, it))
            return false;
    }
    return true;
}

bool responses_answer_read(struct translation *t, struct sl_str body, const struct neutral_sink *to)
{
    struct answer_reading *r = answer_reading_new(t);
    r->to = to;
    if (!json_tree_read(&r->tree, body, t->a) || json_kind_of(json_root(&r->tree)) != JSON_OBJECT)
        return false;
    const struct json_node *root = json_root(&r->tree), *output = json_got(&r->tree, root, SL_STR("output"));
    answer_start(r, root);
    if (json_kind_of(output) == JSON_ARRAY) {
        if (!read_items(r, output))
            return false;
    } else if (json_got(&r->tree, root, SL_STR("error")) == NULL) {
        return false;
    }
    answer_end(r, root, false);
    return true;
}
