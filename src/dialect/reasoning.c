/* See reasoning.h. Bodies are edited by writing the lists anew that something leaves; the rest is copied. */
#include "dialect/reasoning.h"

#include "dialect/error_read.h"
#include "dialect/json_tree.h"
#include "dialect/json_write.h"

#define BYPASS SL_STR("\"skip_thought_signature_validator\"") /* gemini.md 6.3 */
#define BODY_MAX (256u << 20)

/* -- What providers say ------------------------------------------------------------------------------------------------ */

/* anthropic.md 2.8, gemini.md 6.3, openai.md 7.2; in lower case. */
bool reasoning_is_refused(const struct answer_error *e, struct sl_arena *a)
{
    static const struct sl_str words[] = {
        SL_STR_INIT("`signature` in `thinking`"),   SL_STR_INIT("signature in thinking"),
        SL_STR_INIT("thinking.signature"),          SL_STR_INIT("`redacted_thinking` blocks"),
        SL_STR_INIT("or `redacted_thinking`, but"), SL_STR_INIT("thought signature"),
        SL_STR_INIT("thought_signature"),           SL_STR_INIT("thoughtsignature"),
        SL_STR_INIT("encrypted content could not"), SL_STR_INIT("encrypted_content"),
    };
    struct sl_str text = error_message_text(e, a);
    char *p = sl_arena_alloc(a, text.n + 1);
    for (size_t i = 0; i < text.n; i++)
        p[i] = sl_lower(text.p[i]);
    text = sl_str_of(p, text.n);
    for (size_t i = 0; i < sizeof words / sizeof words[0]; i++)
        if (sl_str_find_str(text, words[i]) >= 0)
            return true;
    return sl_str_eq(e->code, SL_STR("invalid_encrypted_content"));
}

struct sl_str reasoning_term(const struct dialect *face)
{
    switch (face->errors) {
    case ERRORS_ANTHROPIC:
        return SL_STR("thinking");
    case ERRORS_GEMINI:
        return SL_STR("thoughtSignature");
    default:
        return SL_STR("reasoning");
    }
}

/* -- The neutral form --------------------------------------------------------------------------------------------------- */

static bool forget_message(struct neutral_message *m)
{
    bool found = false;
    for (struct neutral_part **at = &m->parts; *at != NULL;) {
        struct neutral_part *p = *at;
        found = found || p->kind == NP_REASONING || p->signature.n > 0;
        if (p->kind == NP_REASONING) {
            *at = p->next;
            continue;
        }
        p->signature = SL_STR_NONE;
        at = &p->next;
    }
    return found;
}

bool reasoning_forget(struct neutral_request *r)
{
    bool found = false;
    for (struct neutral_message *m = r->messages; m != NULL; m = m->next)
        found = forget_message(m) || found;
    return found;
}

/* -- Bodies --------------------------------------------------------------------------------------------------------------- */

struct strip {
    const struct json_tree *t;
    struct sl_buf out;
    size_t at; /* of the body: written so far */
    bool found;
};

/* The bytes before the node; it is written by the caller. */
static void up_to(struct strip *s, const struct json_node *n)
{
    sl_buf_add(&s->out, s->t->doc.p + s->at, n->at - s->at);
    s->at = n->at + n->n;
    s->found = true;
}

static bool is_thinking(const struct json_tree *t, const struct json_node *block)
{
    const struct json_node *type = json_get(t, block, SL_STR("type"));
    return json_text_is(t, type, SL_STR("thinking")) || json_text_is(t, type, SL_STR("redacted_thinking"));
}

static bool is_reasoning_item(const struct json_tree *t, const struct json_node *item)
{
    return json_text_is(t, json_get(t, item, SL_STR("type")), SL_STR("reasoning"));
}

/* A list without some of its elements; `instead` stands for one that nothing is left of. */
static void filter(struct strip *s, const struct json_node *list,
                   bool (*leaves)(const struct json_tree *t, const struct json_node *e), struct sl_str instead)
{
    bool any = false, left = false;
    for (JSON_EACH(s->t, list, e))
        any = any || leaves(s->t, e);
    if (!any)
        return;
    up_to(s, list);
    struct json_writer w = json_writer_on(&s->out);
    jw_open(&w, '[');
    for (JSON_EACH(s->t, list, e)) {
        if (leaves(s->t, e))
            continue;
        jw_raw(&w, json_raw_of(s->t, e));
        left = true;
    }
    if (!left && instead.n > 0)
        jw_raw(&w, instead);
    jw_close(&w, ']');
}

static void strip_messages(struct strip *s)
{
    for (JSON_EACH(s->t, json_root(s->t), member)) {
        if (json_key_is(s->t, member, SL_STR("messages"))) {
            for (JSON_EACH(s->t, member, m))
                filter(s, json_get(s->t, m, SL_STR("content")), is_thinking,
                       SL_STR("{\"type\":\"text\",\"text\":\"(no answer)\"}"));
        } else if (json_key_is(s->t, member, SL_STR("thinking")) &&
                   json_text_is(s->t, json_get(s->t, member, SL_STR("type")), SL_STR("enabled"))) {
            bool before = s->found;
            up_to(s, member);
            sl_buf_adds(&s->out, SL_STR("{\"type\":\"disabled\"}"));
            s->found = before; /* by itself it is no reason to ask again */
        }
    }
}

static const struct json_node *get_either(const struct json_tree *t, const struct json_node *of, struct sl_str camel,
                                          struct sl_str snake)
{
    const struct json_node *v = json_get(t, of, camel);
    return v != NULL ? v : json_get(t, of, snake);
}

static bool is_signature(const struct json_tree *t, const struct json_node *member)
{
    return json_key_is(t, member, SL_STR("thoughtSignature")) || json_key_is(t, member, SL_STR("thought_signature"));
}

/* A part of Gemini's: without its signature, or with the value that stands for a lost one. */
static void write_part(struct strip *s, struct json_writer *w, const struct json_node *part, bool bypass)
{
    jw_open(w, '{');
    for (JSON_EACH(s->t, part, member)) {
        if (is_signature(s->t, member))
            continue;
        jw_key_inside(w, json_key_of(s->t, member));
        jw_raw(w, json_raw_of(s->t, member));
    }
    if (bypass)
        jw_member_raw(w, SL_STR("thoughtSignature"), BYPASS);
    jw_close(w, '}');
}

static bool is_thought(const struct json_tree *t, const struct json_node *part)
{
    return json_kind_of(json_get(t, part, SL_STR("thought"))) == JSON_TRUE;
}

static void strip_parts(struct strip *s, const struct json_node *parts)
{
    bool any = false, called = false;
    for (JSON_EACH(s->t, parts, p))
        any = any || is_thought(s->t, p) ||
              get_either(s->t, p, SL_STR("thoughtSignature"), SL_STR("thought_signature")) != NULL ||
              get_either(s->t, p, SL_STR("functionCall"), SL_STR("function_call")) != NULL;
    if (!any)
        return;
    up_to(s, parts);
    struct json_writer w = json_writer_on(&s->out);
    jw_open(&w, '[');
    for (JSON_EACH(s->t, parts, p)) {
        bool call = get_either(s->t, p, SL_STR("functionCall"), SL_STR("function_call")) != NULL;
        if (is_thought(s->t, p))
            continue;
        write_part(s, &w, p, call && !called);
        called = called || call;
    }
    jw_close(&w, ']');
}

static void strip_contents(struct strip *s)
{
    for (JSON_EACH(s->t, json_get(s->t, json_root(s->t), SL_STR("contents")), content))
        strip_parts(s, json_get(s->t, content, SL_STR("parts")));
}

bool reasoning_strip(const struct dialect *d, struct sl_str body, struct sl_arena *a, struct sl_str *out)
{
    struct json_tree t;
    if (!json_tree_read(&t, body, a))
        return false;
    struct strip s = {.t = &t};
    sl_buf_init(&s.out, BODY_MAX);
    if (d->errors == ERRORS_ANTHROPIC)
        strip_messages(&s);
    else if (d->errors == ERRORS_GEMINI)
        strip_contents(&s);
    else if (sl_str_eq(d->name, SL_STR("openai-responses")))
        filter(&s, json_get(&t, json_root(&t), SL_STR("input")), is_reasoning_item, SL_STR_NONE);
    sl_buf_add(&s.out, body.p + s.at, body.n - s.at);
    bool ok = s.found && !s.out.over;
    if (ok)
        *out = sl_arena_str(a, sl_buf_str(&s.out));
    sl_buf_done(&s.out);
    return ok;
}
