/* What the pairs share. */
#include "dialect/other/pairs.h"

#include "http/url.h"

bool other_refuse(struct request_refusal *r, enum gateway_error e, const char *param, const char *message)
{
    r->error = (struct error_facts){.error = e, .param = sl_str_c(param), .message = sl_str_c(message)};
    return false;
}

void other_note_rest(struct other_translation *t, const char *known)
{
    const struct json_tree *tree = &t->look->tree;
    for (JSON_EACH(tree, json_root(tree), it)) {
        struct sl_str all = sl_str_c(known), key = json_plain(json_key_of(tree, it), t->a);
        bool found = it->kind == JSON_NULL;
        while (all.n > 0 && !found)
            found = sl_str_eq(sl_str_cut(&all, ' '), key);
        if (!found)
            neutral_note(t->notes, "", key);
    }
}

const struct json_node *other_member(const struct other_translation *t, struct sl_str name)
{
    return json_got(&t->look->tree, json_root(&t->look->tree), name);
}

uint64_t other_guessed(const struct other_translation *t)
{
    return t->guess.of != NULL ? t->guess.of(t->guess.owner, NULL, 0, 0).prompt : 0;
}

struct sl_str other_google_model(const struct other_translation *t)
{
    struct sl_str name = json_escape(other_model(t), t->a);
    bool has = sl_str_starts(name, SL_STR("models/"));
    return sl_arena_printf(t->a, "%s" SL_STR_FMT, has ? "" : "models/", SL_STR_ARG(name));
}

struct sl_str other_google_path(const struct other_translation *t, const char *verb)
{
    struct sl_str name = url_segment(other_model(t), t->a);
    bool has = sl_str_starts(name, SL_STR("models/"));
    return sl_arena_printf(t->a, "/%s" SL_STR_FMT "%s", has ? "" : "models/", SL_STR_ARG(name), verb);
}
