/* What all codecs share: see codec.h. */
#include "dialect/codec.h"

#include "base/list.h"
#include "base/hash.h"
#include "dialect/json_tree.h"
#include "dialect/json_write.h"
#include "dialect/terms.h"

bool translation_refuses(struct translation *t, bool harmful, struct sl_str what, const char *how,
                         struct request_refusal *out)
{
    bool refuse = t->unsupported == UNSUPPORTED_REJECT || (harmful && t->unsupported == UNSUPPORTED_REPORT);
    if (!refuse) {
        neutral_note(t->notes, how, what);
        return false;
    }
    *out = (struct request_refusal){
        .error = {.error = GE_UNSUPPORTED,
                  .param = sl_arena_str(t->a, what),
                  .message = sl_arena_printf(t->a,
                                             "'" SL_STR_FMT "' cannot be passed to the model '" SL_STR_FMT "'%s%s.",
                                             SL_STR_ARG(what), SL_STR_ARG(t->up_model), how[0] != 0 ? ": " : "", how)}};
    return true;
}

bool translation_fetches(struct translation *t, const struct neutral_part *p, struct sl_str place)
{
    struct sl_str url = p->media.data;
    bool web = sl_str_starts_nocase(url, SL_STR("http:")) || sl_str_starts_nocase(url, SL_STR("https:"));
    if (t->wishes == NULL || p->media.source != NS_URL || !web)
        return false;
    struct media_wish *w = SL_ARENA_NEW(t->a, struct media_wish);
    *w = (struct media_wish){
        .part = p,
        .place = sl_arena_printf(t->a, SL_STR_FMT "." SL_STR_FMT, SL_STR_ARG(place),
                                 SL_STR_ARG(term_media(t->req, p->kind))),
    };
    SL_APPEND(t->wishes->first, t->wishes->last, w);
    t->wishes->n++;
    return true;
}

const struct neutral_member *neutral_member_find(const struct neutral_member *list, struct sl_str name)
{
    while (list != NULL && !sl_str_eq(list->name, name))
        list = list->next;
    return list;
}

bool translation_lacks(const struct translation *t, struct sl_str name)
{
    for (struct sl_str left = t->lacks; left.n > 0;)
        if (sl_str_eq(sl_str_cut(&left, ' '), name))
            return true;
    return false;
}

struct sl_str translation_name(const struct translation *t, struct sl_str name)
{
    for (struct sl_str left = t->lacks; left.n > 0;) {
        struct sl_str row = sl_str_cut(&left, ' '), own = sl_str_cut(&row, '=');
        if (row.p != NULL && sl_str_eq(own, name))
            return row;
    }
    return name;
}

#define SHORT_ID_MAX 64u

struct sl_str translation_short_id(const struct translation *t, const char *prefix, struct sl_str id)
{
    static const struct sl_hash_key one = {0x736c75696365, 0x757365726964}, two = {0x757365726964, 0x736c75696365};
    struct sl_str plain = json_plain(id, t->a), account = SL_STR_NONE;
    if (plain.n <= SHORT_ID_MAX && sl_str_find(plain, '{') < 0)
        return id;
    struct json_tree tree;
    if (plain.n > 0 && plain.p[0] == '{' && json_tree_read(&tree, plain, t->a))
        account = json_get_inside(&tree, json_root(&tree), SL_STR("account_uuid"));
    if (account.n > 0)
        plain = account;
    return sl_arena_printf(t->a, "%s%016llx%016llx", prefix, (unsigned long long)sl_hash(one, plain),
                           (unsigned long long)sl_hash(two, plain));
}

bool translation_is_custom(const struct translation *t, struct sl_str name)
{
    for (const struct neutral_tool *tool = t->req != NULL ? t->req->tools : NULL; tool != NULL; tool = tool->next)
        if (tool->kind == NT_CUSTOM && sl_str_eq(tool->name, name))
            return true;
    return false;
}

bool translation_is_wrapped(const struct translation *t, struct sl_str name)
{
    for (uint32_t i = 0; i < t->n_wrapped; i++)
        if (sl_str_eq(t->wrapped[i], name))
            return true;
    return false;
}

struct sl_str translation_unwrap(struct sl_str whole, bool custom, struct sl_arena *a)
{
    struct json_tree t;
    bool good = whole.n > 0 && json_tree_read(&t, whole, a);
    const struct json_node *v = good ? json_get(&t, json_root(&t), custom ? SL_STR("input") : SL_STR("value")) : NULL;
    if (v == NULL)
        return json_escape(whole, a);
    return custom && json_kind_of(v) == JSON_STRING ? json_inside_of(&t, v) : json_escape(json_raw_of(&t, v), a);
}

void translation_describe_tool(struct json_writer *w, const struct neutral_tool *tool, struct sl_arena *a)
{
    jw_key(w, SL_STR("description"));
    jw_string(w);
    jw_piece_inside(w, tool->description);
    if (tool->kind == NT_CUSTOM && tool->schema.n > 0) {
        jw_piece_inside(w, tool->description.n > 0 ? SL_STR("\\n\\n") : SL_STR_NONE);
        jw_piece_inside(w, SL_STR("The input follows this format: "));
        jw_piece_inside(w, json_escape(tool->schema, a));
    }
    jw_string_end(w);
}
