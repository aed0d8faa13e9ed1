/* The messages of a chat request. Source: openai.md 6.3 (November 2026), translate-openai-anthropic.md 2.2, translate-gemini.md 10
 * (where signatures of calls may stand). */
#include "dialect/openai_chat/chat_read.h"
#include "dialect/within.h"

#include "base/list.h"

static struct neutral_message *add_message(struct chat_read *r, enum neutral_role role)
{
    struct neutral_message *m = SL_ARENA_NEW(r->a, struct neutral_message);
    m->role = role;
    m->index = r->message;
    SL_APPEND(r->req->messages, r->last_message, m);
    return m;
}

/* Ids that hold a signature behind the name of the call, as other gateways write them: channel B of translate-gemini.md 10. */
static struct sl_str split_id(struct chat_read *r, struct sl_str id, struct sl_str *out_signature)
{
    struct sl_str mark = SL_STR("__thought__");
    ptrdiff_t at = sl_str_find_str(id, mark);
    if (at > 0) {
        *out_signature = sl_str_from(id, (size_t)at + mark.n);
        id = sl_str_head(id, (size_t)at);
    }
    return json_ident(id, r->a);
}

/* -- Calls ------------------------------------------------------------------------------------------------------------ */

/* Arguments are a text that holds JSON; some clients send the JSON itself. */
static bool read_arguments(struct chat_read *r, const struct json_node *of, struct sl_str *out)
{
    const struct json_node *v = json_got(r->t, of, SL_STR("arguments"));
    if (json_kind_of(v) == JSON_OBJECT)
        *out = json_raw_of(r->t, v);
    else
        *out = json_plain_of(r->t, v, r->a);
    return v == NULL || json_kind_of(v) == JSON_STRING || json_kind_of(v) == JSON_OBJECT;
}

static struct sl_str google_signature(struct chat_read *r, const struct json_node *of)
{
    const struct json_node *google = json_get(r->t, json_get(r->t, of, SL_STR("extra_content")), SL_STR("google"));
    return chat_inside(r, google, SL_STR("thought_signature"));
}

static bool read_function(struct chat_read *r, struct neutral_part *p, const struct json_node *v)
{
    const struct json_node *f = json_get(r->t, v, SL_STR("function"));
    p->name = json_ident(chat_inside(r, f, SL_STR("name")), r->a);
    if (p->name.n == 0)
        return chat_refuse_here(r, GE_MEMBER_MISSING, "is missing", ".function.name");
    return read_arguments(r, f, &p->arguments) ||
           chat_refuse_here(r, GE_MEMBER_TYPE, "must be a string", ".function.arguments");
}

static bool read_custom(struct chat_read *r, struct neutral_part *p, const struct json_node *v)
{
    const struct json_node *c = json_get(r->t, v, SL_STR("custom"));
    p->custom = true;
    p->name = json_ident(chat_inside(r, c, SL_STR("name")), r->a);
    p->text = chat_inside(r, c, SL_STR("input"));
    if (p->name.n == 0)
        return chat_refuse_here(r, GE_MEMBER_MISSING, "is missing", ".custom.name");
    if (r->n_custom < CHAT_CUSTOM_MAX)
        r->custom[r->n_custom++] = p->id;
    return true;
}

static bool read_call(struct chat_read *r, struct chat_parts *to, const struct json_node *v)
{
    struct sl_str signature = SL_STR_NONE, id = chat_inside(r, v, SL_STR("id"));
    const struct json_node *type = json_got(r->t, v, SL_STR("type"));
    if (json_kind_of(v) != JSON_OBJECT)
        return chat_refuse_here(r, GE_MEMBER_TYPE, "must be an object", "");
    if (id.n == 0)
        return chat_refuse_here(r, GE_MEMBER_MISSING, "is missing", ".id");
    struct neutral_part *p = chat_add_part(r, to, NP_TOOL_CALL);
    p->id = split_id(r, id, &signature);
    p->signature = google_signature(r, v);
    if (p->signature.n == 0)
        p->signature = signature;
    if (json_text_is(r->t, type, SL_STR("custom")))
        return read_custom(r, p, v);
    if (type == NULL || json_text_is(r->t, type, SL_STR("function")))
        return read_function(r, p, v);
    return chat_refuse_here(r, GE_MEMBER_VALUE, "must be 'function' or 'custom'", ".type");
}

static bool read_calls(struct chat_read *r, struct chat_parts *to, const struct json_node *v)
{
    r->n_custom = 0;
    if (v == NULL)
        return true;
    if (json_kind_of(v) != JSON_ARRAY)
        return chat_refuse_here(r, GE_MEMBER_TYPE, "must be a list", ".tool_calls");
    r->call = 0;
    for (JSON_EACH(r->t, v, it)) {
        if (!read_call(r, to, it))
            return false;
        r->call++;
    }
    r->call = -1;
    return true;
}

/* The form before tool_calls: one call, without an id. */
static bool read_function_call(struct chat_read *r, struct chat_parts *to, const struct json_node *v)
{
    if (v == NULL)
        return true;
    struct neutral_part *p = chat_add_part(r, to, NP_TOOL_CALL);
    p->name = json_ident(chat_inside(r, v, SL_STR("name")), r->a);
    p->id = sl_arena_printf(r->a, "call_fc_%u", r->functions++);
    r->function_id = p->id;
    r->function_name = p->name;
    if (p->name.n == 0)
        return chat_refuse_here(r, GE_MEMBER_MISSING, "is missing", ".function_call.name");
    return read_arguments(r, v, &p->arguments) ||
           chat_refuse_here(r, GE_MEMBER_TYPE, "must be a string", ".function_call.arguments");
}

/* -- Messages of each role --------------------------------------------------------------------------------------------- */

static bool read_images(struct chat_read *r, struct chat_parts *to, const struct json_node *v)
{
    return json_kind_of(v) != JSON_ARRAY || chat_read_content(r, to, v);
}

/* Most messages: nothing else needs to be looked for. */
static bool has_content_only(const struct json_node *v, const struct json_node *content)
{
    return content != NULL && v->children == 2; /* the other is the role */
}

static bool read_assistant(struct chat_read *r, const struct json_node *v)
{
    struct neutral_message *m = add_message(r, NR_ASSISTANT);
    r->assistant = true;
    struct chat_parts parts = {.first = NULL};
    const struct json_node *content = json_got(r->t, v, SL_STR("content"));
    if (!has_content_only(v, content))
        chat_read_reasoning(r, &parts, v);
    if (!chat_read_content(r, &parts, content))
        return false;
    m->parts = parts.first;
    if (has_content_only(v, content))
        return true;
    struct sl_str refusal = chat_inside(r, v, SL_STR("refusal"));
    if (refusal.n > 0)
        chat_add_part(r, &parts, NP_REFUSAL)->text = refusal;
    const struct json_node *audio = json_got(r->t, v, SL_STR("audio"));
    if (audio != NULL) {
        struct neutral_part *p = chat_add_part(r, &parts, NP_AUDIO);
        p->media = (struct neutral_media){.source = NS_FILE_ID, .data = chat_inside(r, audio, SL_STR("id"))};
        p->text = chat_inside(r, audio, SL_STR("transcript"));
    }
    bool fine = read_images(r, &parts, json_got(r->t, v, SL_STR("images"))) &&
                read_calls(r, &parts, json_got(r->t, v, SL_STR("tool_calls"))) &&
                read_function_call(r, &parts, json_got(r->t, v, SL_STR("function_call")));
    m->parts = parts.first;
    m->name = chat_inside(r, v, SL_STR("name"));
    return fine;
}

static bool is_custom(const struct chat_read *r, struct sl_str id)
{
    for (uint32_t i = 0; i < r->n_custom; i++)
        if (sl_str_eq(r->custom[i], id))
            return true;
    return false;
}

static bool add_result(struct chat_read *r, const struct json_node *v, struct sl_str id)
{
    struct neutral_message *m = add_message(r, NR_TOOL);
    struct chat_parts list = {.first = NULL}, content = {.first = NULL};
    struct neutral_part *p = chat_add_part(r, &list, NP_TOOL_RESULT);
    p->id = id;
    p->name = json_ident(chat_inside(r, v, SL_STR("name")), r->a);
    p->custom = is_custom(r, id);
    p->is_error = chat_said(json_get(r->t, v, SL_STR("is_error"))) == SAID_YES; /* an extension */
    p->cache = chat_cache_of(r, v);
    m->parts = list.first;
    if (!chat_read_content(r, &content, json_got(r->t, v, SL_STR("content"))))
        return false;
    p->content = content.first;
    within_read(r->req, r->a, r->t, v, "role content tool_call_id name is_error cache_control prompt_cache_breakpoint",
                "messages[%u]", r->message);
    return true;
}

static bool read_tool(struct chat_read *r, const struct json_node *v)
{
    struct sl_str id = chat_inside(r, v, SL_STR("tool_call_id")), ignored;
    if (id.n == 0)
        return chat_refuse_here(r, GE_MEMBER_MISSING, "is missing", ".tool_call_id");
    return add_result(r, v, split_id(r, id, &ignored));
}

/* Of the newest function_call; by name it could only be that one, since each call has its answer before the next. */
static bool read_function_result(struct chat_read *r, const struct json_node *v)
{
    struct sl_str name = json_ident(chat_inside(r, v, SL_STR("name")), r->a);
    if (name.n == 0)
        return chat_refuse_here(r, GE_MEMBER_MISSING, "is missing", ".name");
    if (r->function_id.n == 0 || !sl_str_eq(name, r->function_name))
        return chat_refuse_here(r, GE_MEMBER_VALUE, "names no function that was called before", ".name");
    return add_result(r, v, r->function_id);
}

static bool read_turn(struct chat_read *r, const struct json_node *v, enum neutral_role role)
{
    struct chat_parts parts = {.first = NULL};
    const struct json_node *content = json_got(r->t, v, SL_STR("content"));
    if (content == NULL)
        return chat_refuse_here(r, GE_MEMBER_MISSING, "is missing", ".content");
    struct neutral_message *m = add_message(r, role);
    if (!chat_read_content(r, &parts, content))
        return false;
    m->parts = parts.first;
    if (has_content_only(v, content))
        return true;
    m->name = chat_inside(r, v, SL_STR("name"));
    enum neutral_cache cache = chat_cache_of(r, v); /* an extension: a mark on the message is one on its end */
    if (parts.last != NULL && cache != NC_NONE)
        parts.last->cache = cache;
    within_read(r->req, r->a, r->t, v, "role content name cache_control prompt_cache_breakpoint", "messages[%u]",
                r->message);
    return true;
}

static bool read_message(struct chat_read *r, const struct json_node *v)
{
    const struct json_node *role = json_got(r->t, v, SL_STR("role"));
    if (json_kind_of(v) != JSON_OBJECT)
        return chat_refuse_here(r, GE_MEMBER_TYPE, "must be an object", "");
    if (role == NULL)
        return chat_refuse_here(r, GE_MEMBER_MISSING, "is missing", ".role");
    if (json_text_is(r->t, role, SL_STR("user")))
        return read_turn(r, v, NR_USER);
    if (json_text_is(r->t, role, SL_STR("system")))
        return read_turn(r, v, NR_SYSTEM);
    if (json_text_is(r->t, role, SL_STR("developer")))
        return read_turn(r, v, NR_DEVELOPER);
    if (json_text_is(r->t, role, SL_STR("assistant")))
        return read_assistant(r, v);
    if (json_text_is(r->t, role, SL_STR("tool")))
        return read_tool(r, v);
    if (json_text_is(r->t, role, SL_STR("function")))
        return read_function_result(r, v);
    return chat_refuse_here(r, GE_MEMBER_VALUE,
                            "must be 'system', 'developer', 'user', 'assistant', 'tool' or 'function'", ".role");
}

bool chat_read_messages(struct chat_read *r, const struct json_node *v)
{
    if (json_kind_of(v) != JSON_ARRAY)
        return chat_refuse(r, GE_MEMBER_TYPE, "must be a list", "messages");
    r->req->messages = r->last_message = NULL;
    r->message = 0;
    for (JSON_EACH(r->t, v, it)) {
        r->part = r->call = -1;
        r->assistant = false;
        if (!read_message(r, it))
            return false;
        r->message++;
    }
    return true;
}
