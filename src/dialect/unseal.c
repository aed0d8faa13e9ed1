/* See unseal.h. Lists and messages that hold something sealed are written anew, member by member; the rest is copied. */
#include "dialect/unseal.h"

#include "dialect/carrier.h"
#include "dialect/json_tree.h"
#include "dialect/json_write.h"

#define BODY_MAX (256u << 20)
#define MARK SL_STR("\"slc1.") /* how a sealed text begins, with its quote */
#define NO_ANSWER SL_STR("{\"type\":\"text\",\"text\":\"(no answer)\"}")

struct edit {
    struct json_tree t;
    struct sl_arena *a;
    struct sl_str model;
    bool openai; /* its own servers take no thoughts in chat completions */
    bool wants_thoughts;
    struct sl_buf out;
    size_t at; /* of the body: written so far */
};

static void up_to(struct edit *e, const struct json_node *n)
{
    sl_buf_add(&e->out, e->t.doc.p + e->at, n->at - e->at);
    e->at = n->at + n->n;
}

static bool holds(const struct edit *e, const struct json_node *v)
{
    return sl_str_find_str(json_raw_of(&e->t, v), MARK) >= 0;
}

static struct carrier carrier_of(struct edit *e, const struct json_node *v)
{
    return carrier_unpack(e->a, json_plain_of(&e->t, v, e->a));
}

/* The carrier of a thought: its signature, or its sealed text. vendor CARRIER_NONE: it came as it is. */
static struct carrier carrier_in(struct edit *e, const struct json_node *thought)
{
    struct carrier c = carrier_of(e, json_get(&e->t, thought, SL_STR("signature")));
    return c.vendor != CARRIER_NONE ? c : carrier_of(e, json_get(&e->t, thought, SL_STR("data")));
}

static void copy_member(struct edit *e, struct json_writer *w, const struct json_node *member)
{
    jw_key_inside(w, json_key_of(&e->t, member));
    jw_raw(w, json_raw_of(&e->t, member));
}

/* -- Messages ----------------------------------------------------------------------------------------------------------- */

static bool is_type(const struct edit *e, const struct json_node *v, struct sl_str type)
{
    return json_text_is(&e->t, json_get(&e->t, v, SL_STR("type")), type);
}

static bool is_thinking(const struct edit *e, const struct json_node *block)
{
    return is_type(e, block, SL_STR("thinking")) || is_type(e, block, SL_STR("redacted_thinking"));
}

/* Claude's own block, as another format's client had it sealed. */
static bool is_claudes(const struct edit *e, const struct carrier *c)
{
    return (c->vendor == CARRIER_ANTHROPIC || c->vendor == CARRIER_ANTHROPIC_REDACTED) && carrier_fits(c, e->model);
}

static bool leaves(struct edit *e, const struct json_node *block)
{
    if (!is_thinking(e, block))
        return false;
    struct carrier c = carrier_in(e, block);
    return c.vendor != CARRIER_NONE && !is_claudes(e, &c);
}

static void write_block(struct edit *e, struct json_writer *w, const struct json_node *block)
{
    struct carrier c = is_thinking(e, block) ? carrier_in(e, block) : (struct carrier){.vendor = CARRIER_NONE};
    if (c.vendor == CARRIER_NONE) {
        jw_raw(w, json_raw_of(&e->t, block));
        return;
    }
    jw_open(w, '{');
    if (c.vendor == CARRIER_ANTHROPIC_REDACTED) {
        jw_member_inside(w, SL_STR("type"), SL_STR("redacted_thinking"));
        jw_member_plain(w, SL_STR("data"), c.payload);
    } else {
        jw_member_inside(w, SL_STR("type"), SL_STR("thinking"));
        jw_member_inside(w, SL_STR("thinking"), json_get_inside(&e->t, block, SL_STR("thinking")));
        jw_member_plain(w, SL_STR("signature"), c.payload);
    }
    jw_close(w, '}');
}

/* Thinking blocks among others; `instead` stands for a list of which nothing is left. */
static void write_blocks(struct edit *e, struct json_writer *w, const struct json_node *list, struct sl_str instead)
{
    bool left = false;
    jw_open(w, '[');
    for (JSON_EACH(&e->t, list, block)) {
        if (leaves(e, block))
            continue;
        write_block(e, w, block);
        left = true;
    }
    if (!left && instead.n > 0)
        jw_raw(w, instead);
    jw_close(w, ']');
}

static const struct json_node *last_of(const struct edit *e, const struct json_node *list)
{
    const struct json_node *last = NULL;
    for (JSON_EACH(&e->t, list, it))
        last = it;
    return last;
}

static bool has_block(const struct edit *e, const struct json_node *message, struct sl_str type)
{
    for (JSON_EACH(&e->t, json_get(&e->t, message, SL_STR("content")), block))
        if (is_type(e, block, type))
            return true;
    return false;
}

static bool starts_with_thinking(struct edit *e, const struct json_node *message)
{
    for (JSON_EACH(&e->t, json_get(&e->t, message, SL_STR("content")), block))
        if (!leaves(e, block))
            return is_thinking(e, block);
    return false;
}

/* Whether the turn goes on with the results of calls that a message without Claude's thinking made. */
static bool lacks_thinking(struct edit *e, const struct json_node *messages)
{
    const struct json_node *said = NULL, *last = last_of(e, messages);
    for (JSON_EACH(&e->t, messages, m))
        if (json_text_is(&e->t, json_get(&e->t, m, SL_STR("role")), SL_STR("assistant")))
            said = m;
    return said != NULL && has_block(e, last, SL_STR("tool_result")) && holds(e, said) &&
           !starts_with_thinking(e, said);
}

/* They clear thinking, which must be on for that. */
static void write_clearing(struct edit *e, const struct json_node *edits)
{
    struct json_writer w = json_writer_on(&e->out);
    if (edits == NULL)
        return;
    up_to(e, edits);
    jw_open(&w, '[');
    for (JSON_EACH(&e->t, edits, it))
        if (!sl_str_starts(json_get_inside(&e->t, it, SL_STR("type")), SL_STR("clear_thinking")))
            jw_raw(&w, json_raw_of(&e->t, it));
    jw_close(&w, ']');
}

static void edit_messages_body(struct edit *e, bool *out_off)
{
    const struct json_node *root = json_root(&e->t);
    *out_off = is_type(e, json_get(&e->t, root, SL_STR("thinking")), SL_STR("enabled")) &&
               lacks_thinking(e, json_get(&e->t, root, SL_STR("messages")));
    for (JSON_EACH(&e->t, root, member)) {
        if (*out_off && json_key_is(&e->t, member, SL_STR("thinking"))) {
            up_to(e, member);
            sl_buf_adds(&e->out, SL_STR("{\"type\":\"disabled\"}"));
        } else if (*out_off && json_key_is(&e->t, member, SL_STR("context_management"))) {
            write_clearing(e, json_get(&e->t, member, SL_STR("edits")));
        } else if (json_key_is(&e->t, member, SL_STR("messages"))) {
            for (JSON_EACH(&e->t, member, m)) {
                const struct json_node *content = json_get(&e->t, m, SL_STR("content"));
                if (json_kind_of(content) != JSON_ARRAY || !holds(e, content))
                    continue;
                struct json_writer w = json_writer_on(&e->out);
                up_to(e, content);
                write_blocks(e, &w, content, NO_ANSWER);
            }
        }
    }
}

/* -- Chat completions --------------------------------------------------------------------------------------------------- */

/* What a message's thoughts are to this server. All of a message is one model's. */
struct thoughts {
    bool sealed;          /* some are, so that they came through the gateway */
    struct sl_str member; /* plain; the member that their text goes back to; empty: none */
    const struct json_node *details;
};

static bool is_own(const struct edit *e, const struct carrier *c, enum carrier_vendor vendor)
{
    return !e->openai && c->vendor == vendor && carrier_fits(c, e->model);
}

bool unseal_is_member(struct sl_str payload)
{
    return sl_str_eq(payload, SL_STR("reasoning_content")) || sl_str_eq(payload, SL_STR("reasoning")) ||
           sl_str_eq(payload, SL_STR("thinking"));
}

static struct thoughts look(struct edit *e, const struct json_node *message)
{
    struct thoughts out = {.sealed = holds(e, message),
                           .details = json_got(&e->t, message, SL_STR("reasoning_details"))};
    for (JSON_EACH(&e->t, out.details, it)) {
        struct carrier c = carrier_in(e, it);
        if (is_own(e, &c, CARRIER_OTHER) && unseal_is_member(c.payload))
            out.member = c.payload;
    }
    return out;
}

static void write_details(struct edit *e, struct json_writer *w, const struct json_node *details)
{
    jw_open(w, '[');
    for (JSON_EACH(&e->t, details, it)) {
        struct carrier c = carrier_in(e, it);
        if (!is_own(e, &c, CARRIER_OTHER) || !json_is(c.payload, JSON_ARRAY))
            continue;
        struct sl_str inner = sl_str_trim(sl_str_of(c.payload.p + 1, c.payload.n - 2));
        if (inner.n > 0)
            jw_raw(w, inner);
    }
    jw_close(w, ']');
}

/* What these thoughts say, as a string: of the details, or where the client kept no text there, of the member beside them. */
static void write_said(struct edit *e, struct json_writer *w, const struct thoughts *of,
                       const struct json_node *message)
{
    bool any = false;
    jw_string(w);
    for (JSON_EACH(&e->t, of->details, it)) {
        struct sl_str text = json_get_inside(&e->t, it, SL_STR("text"));
        any |= text.n > 0;
        jw_piece_inside(w, text);
    }
    struct sl_str beside = json_get_inside(&e->t, message, SL_STR("reasoning_content"));
    if (!any)
        jw_piece_inside(w, beside.n > 0 ? beside : json_get_inside(&e->t, message, SL_STR("reasoning")));
    jw_string_end(w);
}

/* Mistral's thoughts stand in the content, before the text. */
static void write_thinking_content(struct edit *e, struct json_writer *w, const struct thoughts *of,
                                   const struct json_node *message, const struct json_node *content)
{
    jw_open(w, '[');
    jw_open(w, '{');
    jw_member_inside(w, SL_STR("type"), SL_STR("thinking"));
    jw_key(w, SL_STR("thinking"));
    jw_open(w, '[');
    jw_open(w, '{');
    jw_member_inside(w, SL_STR("type"), SL_STR("text"));
    jw_key(w, SL_STR("text"));
    write_said(e, w, of, message);
    jw_close(w, '}');
    jw_close(w, ']');
    jw_close(w, '}');
    if (json_kind_of(content) == JSON_STRING && content->n > 2) {
        jw_open(w, '{');
        jw_member_inside(w, SL_STR("type"), SL_STR("text"));
        jw_member_raw(w, SL_STR("text"), json_raw_of(&e->t, content));
        jw_close(w, '}');
    }
    for (JSON_EACH(&e->t, json_kind_of(content) == JSON_ARRAY ? content : NULL, it))
        jw_raw(w, json_raw_of(&e->t, it));
    jw_close(w, ']');
}

/* Google's signature of a call; another's goes. */
static void write_calls(struct edit *e, struct json_writer *w, const struct json_node *calls)
{
    jw_open(w, '[');
    for (JSON_EACH(&e->t, calls, call)) {
        const struct json_node *extra = json_get(&e->t, call, SL_STR("extra_content"));
        if (extra == NULL || !holds(e, extra)) {
            jw_raw(w, json_raw_of(&e->t, call));
            continue;
        }
        const struct json_node *google = json_get(&e->t, extra, SL_STR("google"));
        struct carrier c = carrier_of(e, json_get(&e->t, google, SL_STR("thought_signature")));
        jw_open(w, '{');
        for (JSON_EACH(&e->t, call, member))
            if (member != extra)
                copy_member(e, w, member);
        if (is_own(e, &c, CARRIER_GOOGLE)) {
            jw_key(w, SL_STR("extra_content"));
            jw_open(w, '{');
            jw_key(w, SL_STR("google"));
            jw_open(w, '{');
            jw_member_plain(w, SL_STR("thought_signature"), c.payload);
            jw_close(w, '}');
            jw_close(w, '}');
        }
        jw_close(w, '}');
    }
    jw_close(w, ']');
}

static bool is_text_member(const struct edit *e, const struct json_node *member)
{
    return json_key_is(&e->t, member, SL_STR("reasoning_content")) || json_key_is(&e->t, member, SL_STR("reasoning"));
}

static bool thinks_aloud(const struct edit *e, const struct json_node *message)
{
    return json_get_inside(&e->t, message, SL_STR("reasoning_content")).n > 0 ||
           json_get_inside(&e->t, message, SL_STR("reasoning")).n > 0;
}

static void write_member(struct edit *e, struct json_writer *w, const struct thoughts *of,
                         const struct json_node *message, const struct json_node *member)
{
    if (member == of->details && of->sealed) {
        size_t before = e->out.n;
        bool comma = w->comma;
        jw_key(w, SL_STR("reasoning_details"));
        write_details(e, w, member);
        if (e->out.n >= 2 && !e->out.over && e->out.p[e->out.n - 2] == '[') { /* nothing is left */
            e->out.n = before;
            w->comma = comma;
        }
    } else if (json_key_is(&e->t, member, SL_STR("thinking_blocks")) && holds(e, member)) {
        jw_key(w, SL_STR("thinking_blocks"));
        write_blocks(e, w, member, SL_STR_NONE);
    } else if (json_key_is(&e->t, member, SL_STR("tool_calls")) && holds(e, member)) {
        jw_key(w, SL_STR("tool_calls"));
        write_calls(e, w, member);
    } else if (json_key_is(&e->t, member, SL_STR("content")) && sl_str_eq(of->member, SL_STR("thinking"))) {
        jw_key(w, SL_STR("content"));
        write_thinking_content(e, w, of, message, member);
    } else {
        copy_member(e, w, member);
    }
}

static void edit_message(struct edit *e, const struct json_node *m)
{
    struct thoughts of = look(e, m);
    struct json_writer w = json_writer_on(&e->out);
    bool aloud = thinks_aloud(e, m) && !of.sealed;
    bool wanted = e->wants_thoughts && !aloud && json_child(json_got(&e->t, m, SL_STR("tool_calls"))) != NULL;
    if (!of.sealed && !wanted)
        return;
    up_to(e, m);
    jw_open(&w, '{');
    for (JSON_EACH(&e->t, m, member))
        if (aloud || !is_text_member(e, member))
            write_member(e, &w, &of, m, member);
    if (of.member.n > 0 && !sl_str_eq(of.member, SL_STR("thinking"))) {
        jw_key(&w, of.member);
        write_said(e, &w, &of, m);
    } else if (wanted) {
        jw_member_inside(&w, SL_STR("reasoning_content"), UNSEAL_NO_THOUGHT);
    }
    jw_close(&w, '}');
}

bool unseal_wants_thoughts(struct sl_str platform)
{
    return sl_str_eq(platform, SL_STR("moonshot")) || sl_str_eq(platform, SL_STR("deepseek"));
}

/* ----------------------------------------------------------------------------------------------------------------------- */

bool unseal_body(struct unseal *u, struct sl_str body, struct sl_arena *a)
{
    struct edit e = {.a = a, .model = u->model, .wants_thoughts = unseal_wants_thoughts(u->platform)};
    e.openai = u->platform.n == 0 || sl_str_eq(u->platform, SL_STR("azure"));
    u->body = body;
    u->thinking_off = false;
    if (u->dialect->errors != ERRORS_ANTHROPIC && u->dialect->errors != ERRORS_OPENAI)
        return true;
    if (!json_tree_read(&e.t, body, a))
        return false;
    sl_buf_init(&e.out, BODY_MAX);
    if (u->dialect->errors == ERRORS_ANTHROPIC)
        edit_messages_body(&e, &u->thinking_off);
    else
        for (JSON_EACH(&e.t, json_get(&e.t, json_root(&e.t), SL_STR("messages")), m))
            if (m->kind == JSON_OBJECT)
                edit_message(&e, m);
    sl_buf_add(&e.out, body.p + e.at, body.n - e.at);
    bool ok = !e.out.over;
    if (ok && e.at > 0)
        u->body = sl_arena_str(a, sl_buf_str(&e.out));
    sl_buf_done(&e.out);
    return ok;
}
