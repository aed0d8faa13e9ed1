/* Writes whole answers for clients of Messages. Source: anthropic.md section 3; translate-openai-anthropic.md 6, 11, 12, 15;
 * translate-gemini.md 14 (November 2026). */
#include "dialect/anthropic/anthropic_int.h"

#include "dialect/carrier.h"

#define BYTES_OF_A_TOKEN 4u /* for usage that nobody reported */

/* -- Shared with streams ------------------------------------------------------------------------------------------------------- */

bool anthropic_wants_thinking(const struct translation *t)
{
    const struct neutral_reasoning *r = t->req != NULL ? &t->req->reasoning : NULL;
    return r == NULL || r->budget > 0 || r->budget == -2 || (r->budget == -1 && r->visible == SAID_YES);
}

static enum carrier_vendor vendor_of(const struct dialect *up)
{
    if (up != NULL && sl_str_eq(up->name, SL_STR("openai-responses")))
        return CARRIER_OPENAI;
    if (up != NULL && sl_str_eq(up->name, SL_STR("gemini")))
        return CARRIER_GOOGLE;
    return CARRIER_OTHER;
}

/* An empty signature would be refused by Anthropic, should the conversation go there later: so that a thought of somebody else can
 * be told, it always gets an envelope (translate-openai-anthropic.md 6). */
struct sl_str anthropic_signature(const struct translation *t, struct sl_str signature, struct sl_arena *a)
{
    if (t->up == &anthropic_dialect || sl_str_starts(signature, SL_STR("slc1.")))
        return signature;
    enum carrier_vendor vendor = signature.n > 0 ? vendor_of(t->up) : CARRIER_OTHER;
    return carrier_pack(a, vendor, carrier_family(t->up_model), json_plain(signature, a));
}

void anthropic_write_message_head(struct json_writer *w, const struct translation *t, struct sl_str id)
{
    jw_key(w, SL_STR("id"));
    jw_string(w);
    if (t->id.n > 0) {
        jw_piece_inside(w, SL_STR("msg_"));
        jw_piece_plain(w, t->id);
    } else {
        jw_piece_inside(w, id.n > 0 ? id : SL_STR("msg_0"));
    }
    jw_string_end(w);
    jw_member_inside(w, SL_STR("type"), SL_STR("message"));
    jw_member_inside(w, SL_STR("role"), SL_STR("assistant"));
    jw_member_plain(w, SL_STR("model"), t->req != NULL && t->req->model.n > 0 ? t->req->model : t->up_model);
}

void anthropic_write_usage(struct json_writer *w, const struct token_counts *u, bool whole)
{
    uint64_t apart = u->cached, input = 0;
    if (__builtin_add_overflow(apart, u->cache_write, &apart))
        apart = UINT64_MAX;
    input = u->prompt > apart ? u->prompt - apart : 0;
    uint64_t hour = u->cache_write_1h < u->cache_write ? u->cache_write_1h : u->cache_write;
    jw_open(w, '{');
    jw_member_u64(w, SL_STR("input_tokens"), input);
    jw_member_u64(w, SL_STR("cache_creation_input_tokens"), u->cache_write);
    jw_member_u64(w, SL_STR("cache_read_input_tokens"), u->cached);
    if (whole) {
        jw_key(w, SL_STR("cache_creation"));
        jw_open(w, '{');
        jw_member_u64(w, SL_STR("ephemeral_5m_input_tokens"), u->cache_write - hour);
        jw_member_u64(w, SL_STR("ephemeral_1h_input_tokens"), hour);
        jw_close(w, '}');
    }
    jw_member_u64(w, SL_STR("output_tokens"), u->completion);
    if (u->reasoning > 0) {
        jw_key(w, SL_STR("output_tokens_details"));
        jw_open(w, '{');
        jw_member_u64(w, SL_STR("thinking_tokens"), u->reasoning < u->completion ? u->reasoning : u->completion);
        jw_close(w, '}');
    }
    if (whole)
        jw_member_inside(w, SL_STR("service_tier"), SL_STR("standard"));
    if (u->estimated)
        jw_member_bool(w, SL_STR("estimated"), true);
    jw_close(w, '}');
}

void anthropic_write_stop(struct json_writer *w, enum neutral_finish finish, bool calls, struct sl_str stop_sequence,
                          struct sl_str explanation)
{
    jw_member_plain(w, SL_STR("stop_reason"), anthropic_stop_reason(finish, calls));
    jw_key(w, SL_STR("stop_sequence"));
    if (finish == FINISH_STOP_SEQUENCE && stop_sequence.n > 0)
        jw_inside(w, stop_sequence);
    else
        jw_null(w);
    if (finish != FINISH_CONTENT_FILTER)
        return;
    jw_key(w, SL_STR("stop_details"));
    jw_open(w, '{');
    jw_member_inside(w, SL_STR("type"), SL_STR("refusal"));
    jw_member_null(w, SL_STR("category"));
    jw_key(w, SL_STR("explanation"));
    if (explanation.n > 0)
        jw_inside(w, explanation);
    else
        jw_null(w);
    jw_close(w, '}');
}

/* -- Whole answers --------------------------------------------------------------------------------------------------------------- */

struct answering {
    struct translation *t;
    struct json_writer w;
    bool calls;
    struct sl_str refusal;
    uint64_t bytes; /* of output */
};

static void begin(struct answering *s, const char *type)
{
    jw_open(&s->w, '{');
    jw_member_inside(&s->w, SL_STR("type"), sl_str_c(type));
}

static void write_text(struct answering *s, struct sl_str text)
{
    if (text.n == 0)
        return;
    begin(s, "text");
    jw_member_inside(&s->w, SL_STR("text"), text);
    jw_close(&s->w, '}');
    s->bytes += text.n;
}

static void write_thinking(struct answering *s, struct sl_str text, struct sl_str signature)
{
    bool shown = s->t->show_reasoning && text.n > 0;
    if (!anthropic_wants_thinking(s->t) || (!shown && signature.n == 0))
        return;
    begin(s, "thinking");
    jw_member_inside(&s->w, SL_STR("thinking"), shown ? text : SL_STR_NONE);
    jw_member_inside(&s->w, SL_STR("signature"), anthropic_signature(s->t, signature, s->t->a));
    jw_close(&s->w, '}');
    s->bytes += text.n;
}

static void write_reasoning(struct answering *s, const struct neutral_part *p)
{
    if (p->encrypted.n == 0) {
        write_thinking(s, p->text, p->signature);
    } else if (s->t->up != &anthropic_dialect) {
        write_thinking(s, SL_STR_NONE, p->encrypted);
    } else if (anthropic_wants_thinking(s->t)) {
        begin(s, "redacted_thinking");
        jw_member_inside(&s->w, SL_STR("data"), p->encrypted);
        jw_close(&s->w, '}');
    }
}

/* Gemini signs calls: the signature seals the thought before it. What was written already is not: then a thought of its own. */
static void write_call(struct answering *s, const struct neutral_part *p)
{
    if (p->signature.n > 0)
        write_thinking(s, SL_STR_NONE, p->signature);
    begin(s, "tool_use");
    jw_key(&s->w, SL_STR("id"));
    jw_inside(&s->w, names_fit(&ids_anthropic, p->id, s->t->a));
    jw_member_inside(&s->w, SL_STR("name"), p->name);
    jw_key(&s->w, SL_STR("input"));
    anthropic_write_input(&s->w, p, false, s->t->a);
    jw_close(&s->w, '}');
    s->calls = true;
    s->bytes += p->arguments.n + p->text.n;
}

static void write_part(struct answering *s, const struct neutral_part *p)
{
    switch (p->kind) {
    case NP_TEXT:
        write_text(s, p->text);
        break;
    case NP_REFUSAL:
        s->refusal = p->text;
        write_text(s, p->text);
        break;
    case NP_REASONING:
        write_reasoning(s, p);
        break;
    case NP_TOOL_CALL:
        write_call(s, p);
        break;
    case NP_IMAGE:
        write_text(s, SL_STR("[image]")); /* the format has no images in answers */
        break;
    case NP_AUDIO:
        write_text(s, p->text.n > 0 ? p->text : SL_STR("[audio]"));
        break;
    default: /* tools that ran at the provider: hidden, as everywhere */
        break;
    }
}

/* The thought that a signed call stands behind, when it is not signed itself. */
static bool seals_next(const struct neutral_part *p)
{
    return p->kind == NP_REASONING && p->signature.n == 0 && p->encrypted.n == 0 && p->next != NULL &&
           p->next->kind == NP_TOOL_CALL && p->next->signature.n > 0;
}

static void write_content(struct answering *s, const struct neutral_part *p)
{
    for (; p != NULL; p = p->next) {
        if (!seals_next(p)) {
            write_part(s, p);
            continue;
        }
        struct neutral_part thought = *p, call = *p->next;
        thought.signature = call.signature;
        call.signature = SL_STR_NONE;
        write_part(s, &thought);
        write_part(s, &call);
        p = p->next;
    }
}

void anthropic_answer_write(struct translation *t, const struct neutral_answer *answer, struct sl_buf *out)
{
    static const struct neutral_answer_choice nothing = {.finish = FINISH_STOP};
    const struct neutral_answer_choice *c = answer->n_choices > 0 ? &answer->choices[0] : &nothing;
    struct answering s = {.t = t, .w = json_writer_on(out)};
    jw_open(&s.w, '{');
    anthropic_write_message_head(&s.w, t, answer->id);
    jw_key(&s.w, SL_STR("content"));
    jw_open(&s.w, '[');
    write_content(&s, c->parts);
    jw_close(&s.w, ']');
    enum neutral_finish finish = s.refusal.n > 0 ? FINISH_CONTENT_FILTER : c->finish;
    anthropic_write_stop(&s.w, finish, s.calls, c->stop_sequence, s.refusal.n > 0 ? s.refusal : c->finish_text);
    jw_key(&s.w, SL_STR("usage"));
    struct token_counts usage = answer->usage;
    if (!usage.found)
        usage = (struct token_counts){.prompt = t->estimate_input,
                                      .completion = (s.bytes + BYTES_OF_A_TOKEN - 1) / BYTES_OF_A_TOKEN};
    anthropic_write_usage(&s.w, &usage, true);
    jw_close(&s.w, '}');
}
