/* The items that a store of the gateway's keeps, and how they come back: see openai_responses.h. Bytes in, bytes out. */
#include "dialect/json_tree.h"
#include "dialect/json_write.h"
#include "dialect/openai_responses/openai_responses.h"

static bool is_reference(const struct json_tree *t, const struct json_node *item)
{
    const struct json_node *type = json_got(t, item, SL_STR("type"));
    if (json_kind_of(item) != JSON_OBJECT)
        return false;
    if (type != NULL)
        return json_text_is(t, type, SL_STR("item_reference"));
    return json_got(t, item, SL_STR("role")) == NULL && json_got(t, item, SL_STR("id")) != NULL;
}

#define EXPANDED_MAX                                                                                                   \
    ((size_t)1 << 30) /* a long conversation with images; bodies themselves end at 512 MB (openai.md) */

/* -- Expanding ------------------------------------------------------------------------------------------------------ */

struct expanding {
    struct json_tree t;
    struct json_writer w;
    struct sl_str stored;
    responses_find_item *find;
    void *owner;
    struct sl_arena *a;
    struct request_refusal *refusal;
};

static struct sl_str without_blanks(struct sl_str s)
{
    while (s.n > 0 && strchr(" \t\r\n", s.p[0]) != NULL && s.p[0] != 0)
        s = sl_str_from(s, 1);
    while (s.n > 0 && strchr(" \t\r\n", s.p[s.n - 1]) != NULL && s.p[s.n - 1] != 0)
        s = sl_str_head(s, s.n - 1);
    return s;
}

static struct sl_str inner(struct sl_str array) /* without its brackets */
{
    array = without_blanks(array);
    return array.n >= 2 && array.p[0] == '[' ? without_blanks(sl_str_of(array.p + 1, array.n - 2)) : SL_STR_NONE;
}

static void write_text_item(struct json_writer *w, struct sl_str raw)
{
    jw_open(w, '{');
    jw_member_inside(w, SL_STR("type"), SL_STR("message"));
    jw_member_inside(w, SL_STR("role"), SL_STR("user"));
    jw_member_raw(w, SL_STR("content"), raw);
    jw_close(w, '}');
}

static bool write_referred(struct expanding *x, const struct json_node *item, uint32_t index)
{
    struct sl_str id = json_plain_of(&x->t, json_get(&x->t, item, SL_STR("id")), x->a);
    struct sl_str found = x->find != NULL && id.n > 0 ? x->find(x->owner, id) : SL_STR_NONE;
    if (found.n > 0) {
        jw_raw(&x->w, found);
        return true;
    }
    x->refusal->error = (struct error_facts){
        .error = GE_MEMBER_VALUE,
        .param = sl_arena_printf(x->a, "input[%u].id", index),
        .message = sl_arena_printf(x->a, "'input[%u]' refers to an item that is not stored here.", index)};
    return false;
}

static bool write_input(struct expanding *x, const struct json_node *input)
{
    struct sl_str stored = inner(x->stored);
    uint32_t index = 0;
    jw_open(&x->w, '[');
    if (stored.n > 0)
        jw_raw(&x->w, stored);
    if (json_kind_of(input) == JSON_STRING)
        write_text_item(&x->w, json_raw_of(&x->t, input));
    for (const struct json_node *it = json_kind_of(input) == JSON_ARRAY ? json_child(input) : NULL; it != NULL;
         it = json_sibling(&x->t, it), index++) {
        if (!is_reference(&x->t, it))
            jw_raw(&x->w, json_raw_of(&x->t, it));
        else if (!write_referred(x, it, index))
            return false;
    }
    jw_close(&x->w, ']');
    return true;
}

static bool write_body(struct expanding *x)
{
    const struct json_node *input = NULL;
    jw_open(&x->w, '{');
    for (JSON_EACH(&x->t, json_root(&x->t), it)) {
        if (json_key_is(&x->t, it, SL_STR("input"))) {
            input = it;
        } else if (!json_key_is(&x->t, it, SL_STR("previous_response_id")) &&
                   !json_key_is(&x->t, it, SL_STR("conversation"))) {
            jw_key_inside(&x->w, json_key_of(&x->t, it));
            jw_raw(&x->w, json_raw_of(&x->t, it));
        }
    }
    jw_key(&x->w, SL_STR("input"));
    if (input != NULL && input->kind != JSON_STRING && input->kind != JSON_ARRAY && input->kind != JSON_NULL)
        jw_raw(&x->w, json_raw_of(&x->t, input)); /* whoever reads it says what is wrong with it */
    else if (!write_input(x, input))
        return false;
    jw_close(&x->w, '}');
    return true;
}

bool responses_input_expand(struct sl_str body, struct sl_str stored, responses_find_item *find, void *owner,
                            struct sl_arena *a, struct sl_str *out_body, struct request_refusal *out_refusal)
{
    struct expanding x = {.stored = stored, .find = find, .owner = owner, .a = a, .refusal = out_refusal};
    struct sl_buf out;
    *out_refusal = (struct request_refusal){.at = 0};
    if (!json_tree_read(&x.t, body, a) || json_kind_of(json_root(&x.t)) != JSON_OBJECT) {
        out_refusal->error.error = GE_BODY_INVALID;
        out_refusal->at = x.t.bad_at;
        return false;
    }
    sl_buf_init(&out, EXPANDED_MAX);
    x.w = json_writer_on(&out);
    bool good = write_body(&x);
    if (good && out.over) {
        out_refusal->error.error = GE_BODY_TOO_LARGE;
        good = false;
    }
    if (good)
        *out_body = sl_arena_str(a, sl_buf_str(&out));
    sl_buf_done(&out);
    return good;
}

/* -- Keeping -------------------------------------------------------------------------------------------------------- */

static const char *id_prefix(const struct json_tree *t, const struct json_node *item)
{
    static const struct {
        struct sl_str type;
        const char *prefix;
    } rows[] = {{SL_STR_INIT("reasoning"), "rs"},
                {SL_STR_INIT("function_call"), "fc"},
                {SL_STR_INIT("function_call_output"), "fco"},
                {SL_STR_INIT("custom_tool_call"), "ctc"},
                {SL_STR_INIT("custom_tool_call_output"), "ctco"}};
    const struct json_node *type = json_got(t, item, SL_STR("type"));
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++)
        if (json_text_is(t, type, rows[i].type))
            return rows[i].prefix;
    return type == NULL || json_text_is(t, type, SL_STR("message")) ? "msg" : "it";
}

/* As it came, with what it lacks. */
static void write_kept(struct json_writer *w, const struct json_tree *t, const struct json_node *item, struct sl_str id,
                       uint32_t index)
{
    jw_open(w, '{');
    if (json_got(t, item, SL_STR("id")) == NULL) {
        jw_key(w, SL_STR("id"));
        jw_string(w);
        sl_buf_addf(w->to, "%s_", id_prefix(t, item));
        jw_piece_plain(w, id);
        sl_buf_addf(w->to, "_in%u", index);
        jw_string_end(w);
    }
    if (json_got(t, item, SL_STR("type")) == NULL)
        jw_member_inside(w, SL_STR("type"), SL_STR("message"));
    for (JSON_EACH(t, item, it)) {
        if (it->kind == JSON_NULL && (json_key_is(t, it, SL_STR("id")) || json_key_is(t, it, SL_STR("type"))))
            continue;
        jw_key_inside(w, json_key_of(t, it));
        jw_raw(w, json_raw_of(t, it));
    }
    jw_close(w, '}');
}

bool responses_input_items(struct sl_str body, struct sl_str id, struct sl_arena *a, struct sl_buf *out)
{
    struct json_tree t;
    struct json_writer w = json_writer_on(out);
    uint32_t index = 0;
    if (!json_tree_read(&t, body, a))
        return false;
    const struct json_node *input = json_got(&t, json_root(&t), SL_STR("input"));
    if (json_kind_of(input) != JSON_STRING && json_kind_of(input) != JSON_ARRAY)
        return false;
    jw_open(&w, '[');
    if (input->kind == JSON_STRING) {
        jw_open(&w, '{');
        jw_key(&w, SL_STR("id"));
        jw_string(&w);
        jw_piece_plain(&w, SL_STR("msg_"));
        jw_piece_plain(&w, id);
        jw_piece_plain(&w, SL_STR("_in0"));
        jw_string_end(&w);
        jw_member_inside(&w, SL_STR("type"), SL_STR("message"));
        jw_member_inside(&w, SL_STR("role"), SL_STR("user"));
        jw_member_raw(&w, SL_STR("content"), json_raw_of(&t, input));
        jw_close(&w, '}');
    }
    for (const struct json_node *it = input->kind == JSON_ARRAY ? json_child(input) : NULL; it != NULL;
         it = json_sibling(&t, it))
        if (it->kind == JSON_OBJECT)
            write_kept(&w, &t, it, id, index++);
    jw_close(&w, ']');
    return true;
}
