/* Errors inside answers that are called a success, in the shapes of openai-compatible.md 6 (November 2026). */
#include "dialect/openai_chat/chat_answer.h"

/* A string's inside, a number's digits. */
static struct sl_str word(struct chat_reader *r, const struct json_node *of, struct sl_str name)
{
    const struct json_node *v = json_get(&r->tree, of, name);
    return json_kind_of(v) == JSON_NUMBER ? json_raw_of(&r->tree, v) : json_inside_of(&r->tree, v);
}

static int status_of(struct chat_reader *r, const struct json_node *of)
{
    static const struct sl_str names[] = {SL_STR_INIT("raw_status_code"), SL_STR_INIT("status"), SL_STR_INIT("code"),
                                          SL_STR_INIT("status_code")};
    uint64_t v = 0;
    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++)
        if (json_u64_of(&r->tree, json_get(&r->tree, of, names[i]), &v) && v >= 400 && v < 600)
            return (int)v;
    return 0;
}

static void read_object(struct chat_reader *r, const struct json_node *of, struct neutral_error *out)
{
    *out = (struct neutral_error){.status = status_of(r, of),
                                  .type = word(r, of, SL_STR("type")),
                                  .code = word(r, of, SL_STR("code")),
                                  .message = word(r, of, SL_STR("message")),
                                  .param = word(r, of, SL_STR("param"))};
}

/* FastAPI: a text, or a list of objects with `msg`. */
static void read_detail(struct chat_reader *r, const struct json_node *detail, struct neutral_error *out)
{
    *out = (struct neutral_error){.type = SL_STR("invalid_request_error"), .message = json_inside_of(&r->tree, detail)};
    if (json_kind_of(detail) == JSON_ARRAY)
        out->message = word(r, json_child(detail), SL_STR("msg"));
    else if (json_kind_of(detail) == JSON_OBJECT)
        read_object(r, detail, out);
}

/* The value of a member "error" that is not null. */
static void read_value(struct chat_reader *r, const struct json_node *root, const struct json_node *v,
                       struct neutral_error *out)
{
    if (json_kind_of(v) == JSON_ARRAY && json_child(v) != NULL)
        v = json_child(v);
    if (json_kind_of(v) == JSON_OBJECT) {
        read_object(r, v, out);
        return;
    }
    read_object(r, root, out); /* {"code": ..., "error": "text"} */
    out->message = json_inside_of(&r->tree, v);
}

bool chat_error_of(struct chat_reader *r, const struct json_node *root, struct neutral_error *out)
{
    const struct json_tree *t = &r->tree;
    uint64_t names = json_names_of(t, root);
    const struct json_node *error = json_got_of(t, root, names, SL_STR("error"));
    const struct json_node *groq = json_got(t, json_got_of(t, root, names, SL_STR("x_groq")), SL_STR("error"));
    const struct json_node *detail = json_got_of(t, root, names, SL_STR("detail"));
    if (json_kind_of(error) == JSON_FALSE)
        error = NULL;
    if (error != NULL || groq != NULL) {
        read_value(r, root, error != NULL ? error : groq, out);
        return true;
    }
    bool named = json_text_is(t, json_got_of(t, root, names, SL_STR("object")), SL_STR("error")) ||
                 json_text_is(t, json_got_of(t, root, names, SL_STR("type")), SL_STR("error"));
    bool bare = json_got_of(t, root, names, SL_STR("choices")) == NULL &&
                json_got_of(t, root, names, SL_STR("usage")) == NULL &&
                json_got_of(t, root, names, SL_STR("delta")) == NULL;
    if (named || (bare && json_kind_of(json_got_of(t, root, names, SL_STR("message"))) == JSON_STRING)) {
        read_object(r, root, out);
        return true;
    }
    if (bare && detail != NULL) {
        read_detail(r, detail, out);
        return true;
    }
    return false;
}

void chat_fail(struct chat_reader *r, const struct neutral_error *error)
{
    struct neutral_event e = {.kind = NE_ERROR, .error = *error};
    r->failed = true;
    neutral_put(r->to, &e);
}
