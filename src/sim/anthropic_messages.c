/* Messages and their blocks, as strictly as Anthropic reads them: anthropic.md 2.3 to 2.5 and 9 (November 2026). */
#include "sim/anthropic.h"

#include "base/hash.h"

#define CALLS_MAX 1024u /* of one turn */
#define SEEN 4096u      /* slots for ids of calls; beyond half of them repetitions are not noticed */
#define CACHE_CONTROLS_MAX 4u

enum where {
    IN_USER = 1 << 0,
    IN_MODEL = 1 << 1,
    IN_SYSTEM = 1 << 2,
    IN_RESULT = 1 << 3
};

struct turn { /* what the conversation waits for */
    struct claude_reader *r;
    size_t index; /* of the message */
    enum sim_role role, before;
    struct sl_str calls[CALLS_MAX]; /* ids of the last assistant turn */
    bool given[CALLS_MAX];
    unsigned n_calls, n_given;
    bool others;         /* a block that is no tool_result was seen in this user turn */
    bool began;          /* the assistant turn has a block */
    bool thought;        /* and it began with thinking */
    bool uses;           /* and it has a tool_use */
    size_t turn_at;      /* where it began */
    uint64_t seen[SEEN]; /* hashes of ids of calls, of the whole conversation */
    const char *path;    /* of the block */
};

/* ---- cache_control ---- */

bool claude_cache_control(struct claude_reader *r, yyjson_val *block, const char *path, bool *out_marked,
                          bool *out_hour)
{
    static const char *const members[] = {"type", "ttl", NULL};
    yyjson_val *mark = yyjson_obj_get(block, "cache_control"), *ttl = yyjson_obj_get(mark, "ttl");
    const char *dot = path[0] != 0 ? "." : "";
    *out_marked = *out_hour = false;
    if (mark == NULL || yyjson_is_null(mark))
        return true;
    if (!claude_only(r, mark, members, path))
        return false;
    if (!yyjson_equals_str(yyjson_obj_get(mark, "type"), "ephemeral"))
        return claude_no(r, "%s%scache_control.type: Input should be 'ephemeral'", path, dot);
    if (ttl != NULL && !yyjson_is_null(ttl) && !yyjson_equals_str(ttl, "5m") && !yyjson_equals_str(ttl, "1h"))
        return claude_no(r, "%s%scache_control.ephemeral.ttl: Input should be '5m' or '1h'", path, dot);
    if (++r->n_cache_control > CACHE_CONTROLS_MAX)
        return claude_no(r, "A maximum of 4 blocks with cache_control may be provided. Found %u.", r->n_cache_control);
    *out_marked = true;
    *out_hour = yyjson_equals_str(ttl, "1h");
    return true;
}

void claude_block(struct claude_reader *r, yyjson_val *block, bool marked, bool hour)
{
    size_t i, max;
    yyjson_val *key, *v;
    if (!r->marked)
        return;
    yyjson_obj_foreach(sim_members(block), i, max, key, v)
    {
        size_t n = 0;
        if (yyjson_equals_str(key, "cache_control"))
            continue;
        char *text = yyjson_val_write_opts(v, YYJSON_WRITE_NOFLAG, &sim_json_alc, &n, NULL);
        sim_marks_add(&r->marks, sim_str(key));
        sim_marks_add(&r->marks, sl_str_of(text, n));
        sim_json_alc.free(NULL, text);
    }
    sim_marks_block(&r->marks, sim_ask_tokens(r->a));
    if (marked)
        sim_marks_break(&r->marks, hour);
}

/* ---- blocks ---- */

static bool is_blank(struct sl_str s)
{
    for (size_t i = 0; i < s.n; i++) {
        if (s.p[i] != ' ' && s.p[i] != '\n' && s.p[i] != '\t' && s.p[i] != '\r')
            return false;
    }
    return true;
}

static bool is_id(struct sl_str s)
{
    for (size_t i = 0; i < s.n; i++) {
        char ch = sl_lower(s.p[i]);
        if (!((ch >= 'a' && ch <= 'z') || (ch >= '0' && ch <= '9') || ch == '_' || ch == '-'))
            return false;
    }
    return s.n > 0;
}

static bool read_text(struct turn *t, yyjson_val *block)
{
    yyjson_val *text = yyjson_obj_get(block, "text"), *mark = yyjson_obj_get(block, "cache_control");
    if (!yyjson_is_str(text))
        return claude_no(t->r, "%s.text.text: Field required", t->path);
    if (yyjson_get_len(text) == 0 && mark != NULL && !yyjson_is_null(mark))
        return claude_no(t->r, "%s.text: cache_control cannot be set for empty text blocks", t->path);
    if (yyjson_get_len(text) == 0)
        return claude_no(t->r, "messages: text content blocks must be non-empty");
    if (t->role == ROLE_USER && is_blank(sim_str(text))) /* the model's own may be blank between its tools */
        return claude_no(t->r, "messages: text content blocks must contain non-whitespace text");
    sim_ask_text(t->r->a, sim_str(text));
    return true;
}

static bool read_base64(struct turn *t, yyjson_val *source, const char *word)
{
    static const char *const members[] = {"type", "media_type", "data", NULL};
    static const char *const types[] = {"image/jpeg", "image/png", "image/gif", "image/webp"};
    struct sl_str type = sim_str(yyjson_obj_get(source, "media_type")), magic = SL_STR_NONE;
    bool image = sl_str_eq(sl_str_c(word), SL_STR("image")), known = false;
    size_t bytes = 0;
    if (!claude_only(t->r, source, members, t->path))
        return false;
    for (size_t i = 0; image && i < 4; i++)
        known |= sl_str_eq(type, sl_str_c(types[i]));
    if (image && !known)
        return claude_no(t->r,
                         "%s.image.source.base64.media_type: Input should be 'image/jpeg', 'image/png', 'image/gif' or "
                         "'image/webp'",
                         t->path);
    if (!image && !sl_str_eq(type, SL_STR("application/pdf")))
        return claude_no(t->r, "%s.document.source.base64.media_type: Input should be 'application/pdf'", t->path);
    if (!sim_media_size(t->r->c, sim_str(yyjson_obj_get(source, "data")), &bytes, &magic) || bytes == 0)
        return claude_no(t->r, "%s.%s.source.base64: invalid base64 data", t->path, word);
    if (image && magic.n > 0 && !sl_str_eq(magic, type))
        return claude_no(t->r,
                         "%s.image.source.base64.data: The image was specified using the " SL_STR_FMT
                         " media type, but the image appears to be a " SL_STR_FMT " image",
                         t->path, SL_STR_ARG(type), SL_STR_ARG(magic));
    sim_ask_media(t->r->a, word, type, SL_STR_NONE, bytes);
    return true;
}

static bool read_text_source(struct turn *t, yyjson_val *source)
{
    yyjson_val *data = yyjson_obj_get(source, "data");
    if (!yyjson_equals_str(yyjson_obj_get(source, "media_type"), "text/plain") || !yyjson_is_str(data))
        return claude_no(t->r, "%s.document.source.text: Input should be text of type 'text/plain'", t->path);
    sim_ask_media(t->r->a, "document", SL_STR("text/plain"), SL_STR_NONE, yyjson_get_len(data));
    return true;
}

static bool read_source(struct turn *t, yyjson_val *block, const char *word)
{
    yyjson_val *source = yyjson_obj_get(block, "source");
    struct sl_str type = sim_str(yyjson_obj_get(source, "type"));
    bool own = t->r->c->carrier == CARRIER_OWN, document = sl_str_eq(sl_str_c(word), SL_STR("document"));
    if (!yyjson_is_obj(source))
        return claude_no(t->r, "%s.%s.source: Field required", t->path, word);
    if (sl_str_eq(type, SL_STR("base64")))
        return read_base64(t, source, word);
    if (own && (sl_str_eq(type, SL_STR("url")) || sl_str_eq(type, SL_STR("file")))) {
        struct sl_str at = sim_str(yyjson_obj_get(source, sl_str_eq(type, SL_STR("url")) ? "url" : "file_id"));
        if (at.n == 0)
            return claude_no(t->r, "%s.%s.source." SL_STR_FMT ": Field required", t->path, word, SL_STR_ARG(type));
        sim_ask_media(t->r->a, word, SL_STR_NONE, at, 0);
        return true;
    }
    if (document && sl_str_eq(type, SL_STR("text")))
        return read_text_source(t, source);
    if (document && sl_str_eq(type, SL_STR("content")))
        return true;
    return claude_no(
        t->r, "%s.%s.source: Input tag '" SL_STR_FMT "' found using 'type' does not match any of the expected tags",
        t->path, word, SL_STR_ARG(sl_str_head(type, 100)));
}

static bool read_image(struct turn *t, yyjson_val *block)
{
    return read_source(t, block, "image");
}

static bool read_document(struct turn *t, yyjson_val *block)
{
    return read_source(t, block, "document");
}

static bool read_thinking(struct turn *t, yyjson_val *block)
{
    yyjson_val *text = yyjson_obj_get(block, "thinking"), *signature = yyjson_obj_get(block, "signature");
    uint64_t nonce;
    if (!yyjson_is_str(text))
        return claude_no(t->r, "%s.thinking.thinking: Field required", t->path);
    if (!yyjson_is_str(signature))
        return claude_no(t->r, "%s.thinking.signature: Field required", t->path);
    if (!sim_sign_check(t->r->c, SIGNER_ANTHROPIC, sim_str(signature), sim_str(text), &nonce))
        return claude_no(t->r, "%s: Invalid `signature` in `thinking` block", t->path);
    return true;
}

static bool read_redacted(struct turn *t, yyjson_val *block)
{
    yyjson_val *data = yyjson_obj_get(block, "data");
    uint64_t nonce;
    if (!yyjson_is_str(data))
        return claude_no(t->r, "%s.redacted_thinking.data: Field required", t->path);
    if (!sim_sign_check(t->r->c, SIGNER_ANTHROPIC, sim_str(data), SL_STR("redacted"), &nonce))
        return claude_no(t->r, "%s: Invalid `data` in `redacted_thinking` block", t->path);
    return true;
}

static bool was_seen(struct turn *t, struct sl_str id)
{
    uint64_t hash = sl_hash((struct sl_hash_key){1, 2}, id) | 1;
    size_t at = (size_t)(hash % SEEN);
    for (size_t i = 0; i < SEEN / 2; i++, at = (at + 1) % SEEN) {
        if (t->seen[at] == hash)
            return true;
        if (t->seen[at] == 0) {
            t->seen[at] = hash;
            return false;
        }
    }
    return false;
}

static bool read_tool_use(struct turn *t, yyjson_val *block)
{
    struct sl_str id = sim_str(yyjson_obj_get(block, "id")), name = sim_str(yyjson_obj_get(block, "name"));
    yyjson_val *input = yyjson_obj_get(block, "input");
    if (id.p == NULL)
        return claude_no(t->r, "%s.tool_use.id: Field required", t->path);
    if (!is_id(id))
        return claude_no(t->r, "%s.tool_use.id: String should match pattern '^[a-zA-Z0-9_-]+$'", t->path);
    if (name.n == 0 || name.n > 200)
        return claude_no(t->r, "%s.tool_use.name: String should have at least 1 character and at most 200", t->path);
    if (!yyjson_is_obj(input))
        return claude_no(t->r, "%s.tool_use.input: Input should be a valid dictionary", t->path);
    if (was_seen(t, id))
        return claude_no(t->r, "%s: `tool_use` ids must be unique", t->path);
    if (t->n_calls == CALLS_MAX)
        return claude_no(t->r, "%s: too many `tool_use` blocks", t->path);
    t->given[t->n_calls] = false;
    t->calls[t->n_calls++] = id;
    t->uses = true;
    sim_ask_call(t->r->a);
    return true;
}

static bool read_blocks(struct turn *t, yyjson_val *content, enum where where, struct sl_buf *into);

static bool read_result(struct turn *t, yyjson_val *block)
{
    struct sl_str id = sim_str(yyjson_obj_get(block, "tool_use_id"));
    yyjson_val *content = yyjson_obj_get(block, "content"), *failed = yyjson_obj_get(block, "is_error");
    const char *path = t->path;
    struct sl_buf text;
    unsigned i = 0;
    if (!is_id(id))
        return claude_no(t->r, "%s.tool_result.tool_use_id: String should match pattern '^[a-zA-Z0-9_-]+$'", path);
    while (i < t->n_calls && !sl_str_eq(t->calls[i], id))
        i++;
    if (i == t->n_calls)
        return claude_no(
            t->r,
            "%s: unexpected `tool_use_id` found in `tool_result` blocks: " SL_STR_FMT
            ". Each `tool_result` block must have a corresponding `tool_use` block in the previous message.",
            path, SL_STR_ARG(sl_str_head(id, 100)));
    if (t->given[i])
        return claude_no(
            t->r,
            "%s: each tool_use must have a single result. Found multiple `tool_result` blocks with id: " SL_STR_FMT,
            path, SL_STR_ARG(sl_str_head(id, 100)));
    if (failed != NULL && !yyjson_is_bool(failed) && !yyjson_is_null(failed))
        return claude_no(t->r, "%s.tool_result.is_error: Input should be a valid boolean", path);
    t->given[i] = true;
    t->n_given++;
    sl_buf_init(&text, SIM_BODY_MAX);
    bool good = content == NULL || yyjson_is_null(content) || read_blocks(t, content, IN_RESULT, &text);
    if (good)
        sim_ask_result(t->r->a, sl_arena_str(t->r->c->s->arena, sl_buf_str(&text)), yyjson_get_bool(failed));
    sl_buf_done(&text);
    return good;
}

static bool read_search_result(struct turn *t, yyjson_val *block)
{
    if (yyjson_arr_size(yyjson_obj_get(block, "content")) == 0)
        return claude_no(t->r, "%s.search_result.content: List should have at least 1 item", t->path);
    return true;
}

static bool read_echo(struct turn *t, yyjson_val *block)
{
    (void)t;
    (void)block;
    return true;
}

#define MEMBERS(...)                                                                                                   \
    (const char *const[])                                                                                              \
    {                                                                                                                  \
        "type", __VA_ARGS__, NULL                                                                                      \
    }
static const struct kind {
    struct sl_str type;
    unsigned where;
    bool (*read)(struct turn *t, yyjson_val *block);
    const char *const *members;
} kinds[] = {
    {SL_STR_INIT("text"), IN_USER | IN_MODEL | IN_SYSTEM | IN_RESULT, read_text,
     MEMBERS("text", "citations", "cache_control")},
    {SL_STR_INIT("image"), IN_USER | IN_RESULT, read_image, MEMBERS("source", "transformations", "cache_control")},
    {SL_STR_INIT("document"), IN_USER | IN_RESULT, read_document,
     MEMBERS("source", "title", "context", "citations", "cache_control")},
    {SL_STR_INIT("search_result"), IN_USER | IN_RESULT, read_search_result,
     MEMBERS("source", "title", "content", "citations", "cache_control")},
    {SL_STR_INIT("thinking"), IN_MODEL, read_thinking, MEMBERS("thinking", "signature")},
    {SL_STR_INIT("redacted_thinking"), IN_MODEL, read_redacted, MEMBERS("data")},
    {SL_STR_INIT("tool_use"), IN_MODEL, read_tool_use,
     MEMBERS("id", "name", "input", "caller", "toolset_name", "cache_control")},
    {SL_STR_INIT("tool_result"), IN_USER, read_result,
     MEMBERS("tool_use_id", "content", "is_error", "toolset_name", "cache_control")},
    {SL_STR_INIT("tool_reference"), IN_RESULT, read_echo, MEMBERS("tool_name", "cache_control")},
    {SL_STR_INIT("server_tool_use"), IN_MODEL, read_echo, NULL},
    {SL_STR_INIT("web_search_tool_result"), IN_MODEL, read_echo, NULL},
    {SL_STR_INIT("web_fetch_tool_result"), IN_MODEL, read_echo, NULL},
    {SL_STR_INIT("code_execution_tool_result"), IN_MODEL, read_echo, NULL},
    {SL_STR_INIT("bash_code_execution_tool_result"), IN_MODEL, read_echo, NULL},
    {SL_STR_INIT("text_editor_code_execution_tool_result"), IN_MODEL, read_echo, NULL},
    {SL_STR_INIT("tool_search_tool_result"), IN_MODEL, read_echo, NULL},
    {SL_STR_INIT("mcp_tool_use"), IN_MODEL, read_echo, NULL},
    {SL_STR_INIT("mcp_tool_result"), IN_MODEL, read_echo, NULL},
    {SL_STR_INIT("tool_addition"), IN_SYSTEM, read_echo, MEMBERS("tool", "cache_control")},
    {SL_STR_INIT("tool_removal"), IN_SYSTEM, read_echo, MEMBERS("tool", "cache_control")},
    {SL_STR_INIT("container_upload"), IN_USER, read_echo, MEMBERS("file_id", "cache_control")},
};

static const struct kind *kind_of(struct sl_str type, enum where where)
{
    for (size_t i = 0; i < sizeof kinds / sizeof kinds[0]; i++) {
        if ((kinds[i].where & where) != 0 && sl_str_eq(kinds[i].type, type))
            return &kinds[i];
    }
    return NULL;
}

/* Results come first and all together; the turn may be several messages. */
static bool check_order(struct turn *t, const struct kind *k, enum where where)
{
    bool result = sl_str_eq(k->type, SL_STR("tool_result"));
    bool thinking = sl_str_eq(k->type, SL_STR("thinking")) || sl_str_eq(k->type, SL_STR("redacted_thinking"));
    if (where == IN_MODEL) {
        t->thought |= !t->began && thinking;
        t->began = true;
        return true;
    }
    if (where != IN_USER)
        return true;
    if (result && t->others && t->n_given < t->n_calls)
        return claude_no(
            t->r,
            "messages.%llu: `tool_use` ids were found without `tool_result` blocks immediately after: " SL_STR_FMT
            ". Each `tool_use` block must have a corresponding `tool_result` block in the next "
            "message.",
            (unsigned long long)t->turn_at, SL_STR_ARG(t->calls[0]));
    t->others |= !result;
    return true;
}

static bool read_block(struct turn *t, yyjson_val *block, enum where where, struct sl_buf *into)
{
    struct sl_str type = sim_str(yyjson_obj_get(block, "type"));
    const struct kind *k = kind_of(type, where);
    bool marked = false, hour = false;
    if (!yyjson_is_obj(block))
        return claude_no(t->r, "%s: Input should be a valid dictionary or object to extract fields from", t->path);
    if (k == NULL)
        return claude_no(t->r,
                         "%s: Input tag '" SL_STR_FMT "' found using 'type' does not match any of the expected tags",
                         t->path, SL_STR_ARG(sl_str_head(type, 100)));
    const char *path = sl_arena_printf(t->r->c->s->arena, "%s." SL_STR_FMT, t->path, SL_STR_ARG(type)).p;
    if (k->members != NULL && !claude_only(t->r, block, k->members, path))
        return false;
    if (!check_order(t, k, where))
        return false;
    if (into != NULL && sl_str_eq(type, SL_STR("text"))) { /* of a result: it is no text of the user's */
        sl_buf_adds(into, into->n > 0 ? SL_STR("\n") : SL_STR_NONE);
        sl_buf_adds(into, sim_str(yyjson_obj_get(block, "text")));
        return true;
    }
    if (!k->read(t, block) || !claude_cache_control(t->r, block, path, &marked, &hour))
        return false;
    if (into == NULL)
        claude_block(t->r, block, marked, hour);
    return true;
}

/* A block inside a block is one of a result: the depth is two. */
static bool read_blocks(struct turn *t, yyjson_val *content, enum where where, struct sl_buf *into)
{
    const char *path = t->path;
    size_t i, max;
    yyjson_val *block;
    if (yyjson_is_str(content) && into != NULL) {
        sl_buf_adds(into, sim_str(content));
        return true;
    }
    if (!yyjson_is_arr(content))
        return claude_no(t->r, "%s.tool_result.content: Input should be a valid string or list", path);
    yyjson_arr_foreach(content, i, max, block)
    {
        t->path = sl_arena_printf(t->r->c->s->arena, "%s.%s%llu", path,
                                  into != NULL ? "tool_result.content." : "content.", (unsigned long long)i)
                      .p;
        if (!read_block(t, block, where, into))
            return false;
    }
    t->path = path;
    return true;
}

/* ---- messages ---- */

/* A user turn is over, or the conversation. */
static bool check_results(struct turn *t)
{
    for (unsigned i = 0; i < t->n_calls; i++) {
        if (!t->given[i])
            return claude_no(
                t->r,
                "messages.%llu: `tool_use` ids were found without `tool_result` blocks immediately after: " SL_STR_FMT
                ". Each `tool_use` block must have a corresponding `tool_result` block in the "
                "next message.",
                (unsigned long long)t->turn_at, SL_STR_ARG(t->calls[i]));
    }
    t->n_calls = t->n_given = 0;
    return true;
}

static bool begin_turn(struct turn *t)
{
    if (t->role == ROLE_MODEL) {
        if (t->before == ROLE_MODEL)
            return true; /* neighbours of one role are one turn */
        if (!check_results(t))
            return false;
        t->began = t->thought = t->uses = false;
        t->turn_at = t->index;
    } else if (t->before == ROLE_MODEL) {
        t->others = false;
    }
    return true;
}

static bool check_system(struct turn *t)
{
    if ((t->r->model->flags & CLAUDE_SYSTEM) == 0)
        return claude_no(t->r, "role 'system' is not supported on this model");
    if (t->index == 0)
        return claude_no(t->r, "messages.0: a system message cannot be the first message");
    if (t->n_given < t->n_calls)
        return claude_no(t->r, "messages.%llu: a system message cannot stand between a tool_use and its tool_result",
                         (unsigned long long)t->index);
    return true;
}

static bool read_string(struct turn *t, yyjson_val *content)
{
    struct sl_str text = sim_str(content);
    if (text.n == 0)
        return claude_no(t->r,
                         "messages.%llu: all messages must have non-empty content except for the optional final "
                         "assistant message",
                         (unsigned long long)t->index);
    if (is_blank(text))
        return claude_no(t->r, "messages: text content blocks must contain non-whitespace text");
    t->others = t->others || t->role == ROLE_USER;
    t->began = true;
    sim_ask_text(t->r->a, text);
    if (t->r->marked) {
        sim_marks_add(&t->r->marks, text);
        sim_marks_block(&t->r->marks, sim_ask_tokens(t->r->a));
    }
    return true;
}

static bool read_message(struct turn *t, yyjson_val *m, size_t n)
{
    static const char *const members[] = {"role", "content", NULL};
    static const char *const system_members[] = {"role", "content", "output_config", "clear_at", "cache_control", NULL};
    yyjson_val *content = yyjson_obj_get(m, "content");
    struct sl_str role = sim_str(yyjson_obj_get(m, "role"));
    t->path = sl_arena_printf(t->r->c->s->arena, "messages.%llu", (unsigned long long)t->index).p;
    t->role = sl_str_eq(role, SL_STR("user"))        ? ROLE_USER
              : sl_str_eq(role, SL_STR("assistant")) ? ROLE_MODEL
              : sl_str_eq(role, SL_STR("system"))    ? ROLE_SYSTEM
                                                     : ROLE_NONE;
    if (!yyjson_is_obj(m) || t->role == ROLE_NONE)
        return claude_no(t->r, "%s.role: Input should be 'user' or 'assistant'", t->path);
    if (!claude_only(t->r, m, t->role == ROLE_SYSTEM ? system_members : members, t->path))
        return false;
    if (t->role == ROLE_SYSTEM && !check_system(t))
        return false;
    if (t->index == 0 && t->role == ROLE_MODEL)
        return claude_no(t->r, "messages: first message must use the \"user\" role");
    if (t->role != ROLE_SYSTEM && !begin_turn(t))
        return false;
    if (content == NULL)
        return claude_no(t->r, "%s.content: Field required", t->path);
    sim_ask_message(t->r->a, t->role);
    if (t->r->marked)
        sim_marks_add(&t->r->marks, role);
    if (yyjson_is_str(content))
        return read_string(t, content);
    if (!yyjson_is_arr(content))
        return claude_no(t->r, "%s.content: Input should be a valid string or list", t->path);
    bool may_be_empty = (t->role == ROLE_MODEL && t->index + 1 == n) || t->role == ROLE_SYSTEM;
    if (yyjson_arr_size(content) == 0 && !may_be_empty)
        return claude_no(t->r,
                         "%s: all messages must have non-empty content except for the optional final assistant message",
                         t->path);
    enum where where = t->role == ROLE_USER ? IN_USER : t->role == ROLE_MODEL ? IN_MODEL : IN_SYSTEM;
    return read_blocks(t, content, where, NULL);
}

static bool check_prefill(struct turn *t, yyjson_val *last)
{
    yyjson_val *content = yyjson_obj_get(last, "content");
    if (t->role != ROLE_MODEL)
        return true;
    if ((t->r->model->flags & CLAUDE_PREFILL) == 0)
        return claude_no(t->r,
                         "This model does not support assistant message prefill. The conversation must end with a "
                         "user message.");
    struct sl_str text =
        sim_str(yyjson_is_arr(content) ? yyjson_obj_get(yyjson_arr_get_last(content), "text") : content);
    if (text.n > 0 && is_blank(sl_str_from(text, text.n - 1)))
        return claude_no(t->r, "messages: final assistant content cannot end with trailing whitespace");
    return true;
}

/* With manual thinking the last assistant turn that called tools has to begin with its thinking. */
static bool check_thinking(struct turn *t)
{
    if (!t->r->manual || !t->uses || t->thought)
        return true;
    return claude_no(
        t->r,
        "messages.%llu.content.0.type: Expected `thinking` or `redacted_thinking`, but found `tool_use`. When "
        "`thinking` is enabled, a final `assistant` message must start with a thinking block (preceeding the "
        "lastmost set of `tool_use` and `tool_result` blocks).",
        (unsigned long long)t->turn_at);
}

bool claude_read_messages(struct claude_reader *r, yyjson_val *messages)
{
    struct turn *t = SL_ARENA_NEW(r->c->s->arena, struct turn);
    size_t max, n = yyjson_arr_size(messages);
    yyjson_val *m;
    t->r = r;
    if (messages == NULL)
        return claude_no(r, "messages: Field required");
    if (!yyjson_is_arr(messages))
        return claude_no(r, "messages: Input should be a valid list");
    if (n == 0)
        return claude_no(r, "messages: at least one message is required");
    yyjson_arr_foreach(messages, t->index, max, m)
    {
        if (!read_message(t, m, n))
            return false;
        t->before = t->role == ROLE_SYSTEM ? t->before : t->role;
    }
    return check_prefill(t, yyjson_arr_get_last(messages)) && check_results(t) && check_thinking(t);
}

bool claude_read_system(struct claude_reader *r, yyjson_val *system)
{
    struct turn *t = SL_ARENA_NEW(r->c->s->arena, struct turn);
    size_t i, max;
    yyjson_val *block;
    t->r = r;
    if (system == NULL || yyjson_is_null(system))
        return true;
    sim_ask_message(r->a, ROLE_SYSTEM);
    if (yyjson_is_str(system)) {
        sim_ask_text(r->a, sim_str(system));
        if (r->marked) {
            sim_marks_add(&r->marks, sim_str(system));
            sim_marks_block(&r->marks, sim_ask_tokens(r->a));
        }
        return true;
    }
    if (!yyjson_is_arr(system))
        return claude_no(r, "system: Input should be a valid string or list");
    yyjson_arr_foreach(system, i, max, block)
    {
        t->path = sl_arena_printf(r->c->s->arena, "system.%llu", (unsigned long long)i).p;
        if (!read_block(t, block, IN_SYSTEM, NULL))
            return false;
    }
    return true;
}
