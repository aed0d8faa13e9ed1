/* Writes a stream for clients of Messages.
 *
 * Blocks stand one behind the other and cannot be opened again, while other formats mix calls with each other and with text. So
 * blocks are a queue: its head streams; what comes for a later one waits there, until the head is complete. A text or thought is
 * complete when something else comes, a call when it is said so or its braces are balanced; at the end everything is.
 *
 *   head (streams) ─► call 1 (gathers) ─► text (gathers)
 *
 * Arguments that are no object, or whose form has to be changed, go as one piece when they are whole. Source: anthropic.md section
 * 4; translate-openai-anthropic.md 7, 11; translate-gemini.md 14.3 (November 2026). */
#include "dialect/anthropic/anthropic_int.h"

#include "base/list.h"
#include "dialect/json_peek.h"

#define GATHERED_MAX (64u * 1024u * 1024u)
#define REFUSAL_MAX 4096u
#define BYTES_OF_A_TOKEN 4u

enum block_kind {
    BK_TEXT = 0,
    BK_THINKING,
    BK_REDACTED,
    BK_CALL
};

struct braces { /* where in an object the arguments are */
    uint32_t depth;
    bool begun, odd, in_string, escape, balanced;
};

struct out_block {
    enum block_kind kind;
    uint32_t block, call;       /* the neutral event's */
    bool streams, ended, given; /* streams: it is the head and was begun; given: something of it was */
    bool custom;
    struct braces braces;
    struct sl_str id, name, signature; /* insides, in the arena of the translation */
    struct sl_buf pending;             /* own: inside, what has not been given */
    struct out_block *next;
};

struct streaming {
    struct translation *t;
    struct sl_buf *out; /* borrow */
    struct sl_arena scratch;
    struct out_block *head, *tail, *unused;
    struct out_block **calls; /* by ordinal; NULL: closed */
    uint32_t n_calls, cap_calls;
    uint32_t index; /* of the next block */
    bool started, refused;
    bool sound, spoken;    /* audio came; and words of it */
    struct sl_buf refusal; /* own: inside */
    struct token_counts usage;
    enum neutral_finish finish;
    struct sl_str finish_text, stop_sequence;
    uint64_t bytes; /* of output */
};

static void drop_list(struct out_block *b)
{
    for (; b != NULL; b = b->next)
        sl_buf_done(&b->pending);
}

static void drop(void *arg)
{
    struct streaming *s = arg;
    drop_list(s->head);
    drop_list(s->unused);
    sl_buf_done(&s->refusal);
    sl_arena_done(&s->scratch);
}

void *anthropic_stream_write_begin(struct translation *t, struct sl_buf *out)
{
    struct streaming *s = SL_ARENA_NEW(t->a, struct streaming);
    s->t = t;
    s->out = out;
    sl_arena_init(&s->scratch, t->a->cache);
    sl_buf_init(&s->refusal, 2 * REFUSAL_MAX);
    sl_arena_on_drop(t->a, drop, s);
    return s;
}

/* -- Events --------------------------------------------------------------------------------------------------------------------- */

static struct json_writer event(struct streaming *s, struct sl_str name)
{
    sl_buf_adds(s->out, SL_STR("event: "));
    sl_buf_adds(s->out, name);
    sl_buf_adds(s->out, SL_STR("\ndata: "));
    struct json_writer w = json_writer_on_line(s->out);
    jw_open(&w, '{');
    jw_member_inside(&w, SL_STR("type"), name);
    return w;
}

static void send(struct streaming *s, struct json_writer *w)
{
    jw_close(w, '}');
    sl_buf_adds(s->out, SL_STR("\n\n"));
}

static void ping(struct streaming *s)
{
    struct json_writer w = event(s, SL_STR("ping"));
    send(s, &w);
}

/* What is known of the input when it begins; clients compute how full the context is from it. */
static struct token_counts usage_at_start(const struct streaming *s)
{
    struct token_counts u = s->usage;
    if (!u.found || u.prompt == 0)
        u = (struct token_counts){.prompt = s->t->estimate_input};
    u.completion = u.completion > 0 ? u.completion : 1;
    u.reasoning = 0;
    return u;
}

static void start(struct streaming *s, struct sl_str id)
{
    if (s->started)
        return;
    s->started = true;
    struct json_writer w = event(s, SL_STR("message_start"));
    struct token_counts usage = usage_at_start(s);
    jw_key(&w, SL_STR("message"));
    jw_open(&w, '{');
    anthropic_write_message_head(&w, s->t, id);
    jw_member_raw(&w, SL_STR("content"), SL_STR("[]"));
    jw_member_null(&w, SL_STR("stop_reason"));
    jw_member_null(&w, SL_STR("stop_sequence"));
    jw_key(&w, SL_STR("usage"));
    anthropic_write_usage(&w, &usage, true);
    jw_close(&w, '}');
    send(s, &w);
    ping(s);
}

static void send_delta(struct streaming *s, const char *type, const char *holder, struct sl_str inside)
{
    struct json_writer w = event(s, SL_STR("content_block_delta"));
    jw_member_u64(&w, SL_STR("index"), s->index);
    jw_key(&w, SL_STR("delta"));
    jw_open(&w, '{');
    jw_member_inside(&w, SL_STR("type"), sl_str_c(type));
    jw_member_inside(&w, sl_str_c(holder), inside);
    jw_close(&w, '}');
    send(s, &w);
}

static void send_block_start(struct streaming *s, const struct out_block *b)
{
    static const char *const types[] = {
        [BK_TEXT] = "text", [BK_THINKING] = "thinking", [BK_REDACTED] = "redacted_thinking", [BK_CALL] = "tool_use"};
    struct json_writer w = event(s, SL_STR("content_block_start"));
    jw_member_u64(&w, SL_STR("index"), s->index);
    jw_key(&w, SL_STR("content_block"));
    jw_open(&w, '{');
    jw_member_inside(&w, SL_STR("type"), sl_str_c(types[b->kind]));
    if (b->kind == BK_TEXT) {
        jw_member_inside(&w, SL_STR("text"), SL_STR_NONE);
    } else if (b->kind == BK_THINKING) {
        jw_member_inside(&w, SL_STR("thinking"), SL_STR_NONE);
        jw_member_inside(&w, SL_STR("signature"), SL_STR_NONE);
    } else if (b->kind == BK_REDACTED) {
        jw_member_inside(&w, SL_STR("data"), b->signature);
    } else {
        jw_member_inside(&w, SL_STR("id"), b->id);
        jw_member_inside(&w, SL_STR("name"), b->name);
        jw_member_raw(&w, SL_STR("input"), SL_STR("{}"));
    }
    jw_close(&w, '}');
    send(s, &w);
}

/* -- Blocks ------------------------------------------------------------------------------------------------------------------------ */

/* Whether its pieces can go as they come. */
static bool is_direct(const struct out_block *b)
{
    return b->kind != BK_CALL || (!b->custom && b->braces.begun && !b->braces.odd);
}

static void give(struct streaming *s, struct out_block *b, struct sl_str inside)
{
    if (inside.n == 0)
        return;
    if (b->kind == BK_CALL)
        send_delta(s, "input_json_delta", "partial_json", inside);
    else if (b->kind == BK_THINKING)
        send_delta(s, "thinking_delta", "thinking", inside);
    else
        send_delta(s, "text_delta", "text", inside);
    b->given = true;
}

static void flush(struct streaming *s, struct out_block *b)
{
    if (!b->streams || b->pending.n == 0 || !is_direct(b))
        return;
    give(s, b, sl_buf_str(&b->pending));
    sl_buf_reset(&b->pending);
}

static void begin(struct streaming *s, struct out_block *b)
{
    if (b->streams)
        return;
    send_block_start(s, b);
    b->streams = true;
    flush(s, b);
}

/* Arguments in the form of an object, whatever they are. */
static void give_fixed(struct streaming *s, struct out_block *b)
{
    struct sl_buf fixed;
    struct neutral_part part = {.kind = NP_TOOL_CALL, .custom = b->custom};
    if (b->custom)
        part.text = sl_buf_str(&b->pending);
    else
        part.arguments = json_plain(sl_buf_str(&b->pending), &s->scratch);
    sl_buf_init_in(&fixed, GATHERED_MAX, &s->scratch);
    struct json_writer w = json_writer_on(&fixed);
    anthropic_write_input(&w, &part, false, &s->scratch);
    give(s, b, json_escape(sl_buf_str(&fixed), &s->scratch));
    sl_buf_done(&fixed);
}

static void close_head(struct streaming *s)
{
    struct out_block *b = s->head;
    begin(s, b);
    if (b->kind == BK_CALL && !is_direct(b) && !b->given)
        give_fixed(s, b);
    if (b->kind == BK_THINKING) {
        struct sl_str signature = anthropic_signature(s->t, b->signature, &s->scratch);
        if (signature.n > 0)
            send_delta(s, "signature_delta", "signature", signature);
    }
    struct json_writer w = event(s, SL_STR("content_block_stop"));
    jw_member_u64(&w, SL_STR("index"), s->index);
    send(s, &w);
    s->index++;
    if (b->kind == BK_CALL)
        s->calls[b->call] = NULL;
    s->head = b->next;
    if (s->head == NULL)
        s->tail = NULL;
    b->next = s->unused;
    s->unused = b;
}

/* Lets the queue move: a head that is complete makes room for the next. */
static void advance(struct streaming *s)
{
    while (s->head != NULL && s->head->next != NULL) {
        struct out_block *b = s->head;
        if (b->kind == BK_CALL && !b->ended && !b->braces.balanced)
            break;
        close_head(s);
    }
    if (s->head != NULL)
        begin(s, s->head);
}

static struct out_block *add_block(struct streaming *s, enum block_kind kind, const struct neutral_event *e)
{
    struct out_block *b = s->unused;
    if (b != NULL) {
        struct sl_buf pending = b->pending;
        sl_buf_reset(&pending);
        s->unused = b->next;
        *b = (struct out_block){.pending = pending};
    } else {
        b = SL_ARENA_NEW(s->t->a, struct out_block);
        sl_buf_init(&b->pending, GATHERED_MAX);
    }
    b->kind = kind;
    b->block = e->block;
    b->call = e->call;
    SL_APPEND(s->head, s->tail, b);
    return b;
}

static void append(struct streaming *s, struct out_block *b, struct sl_str inside)
{
    s->bytes += inside.n;
    if (b->streams && b->pending.n == 0 && is_direct(b))
        give(s, b, inside);
    else
        sl_buf_adds(&b->pending, inside);
}

/* -- Texts and thoughts ------------------------------------------------------------------------------------------------------------ */

static void take_text(struct streaming *s, enum block_kind kind, const struct neutral_event *e, struct sl_str text)
{
    struct out_block *b = s->tail;
    if (text.n == 0)
        return;
    bool same = b != NULL && b->kind == kind && b->block == e->block && b->signature.n == 0;
    if (!same)
        b = add_block(s, kind, e);
    advance(s);
    append(s, b, text);
}

static void take_reasoning(struct streaming *s, const struct neutral_event *e)
{
    if (anthropic_wants_thinking(s->t) && s->t->show_reasoning)
        take_text(s, BK_THINKING, e, e->text);
    else
        s->bytes += e->text.n;
}

/* A thought without text is what clients know from models that do not show theirs. */
static void take_signature(struct streaming *s, const struct neutral_event *e, struct sl_str signature)
{
    struct out_block *b = s->tail;
    if (signature.n == 0 || !anthropic_wants_thinking(s->t))
        return;
    if (b == NULL || b->kind != BK_THINKING || b->signature.n > 0) {
        b = add_block(s, BK_THINKING, e);
        advance(s);
    }
    b->signature = sl_arena_str(s->t->a, signature);
}

static void take_redacted(struct streaming *s, const struct neutral_event *e)
{
    if (s->t->up != &anthropic_dialect) {
        struct out_block *b = s->tail;
        if (b != NULL && b->kind == BK_THINKING && b->signature.n == 0)
            b->signature = anthropic_signature(s->t, SL_STR_NONE, s->t->a); /* it stays unsigned */
        take_signature(s, e, e->text);
    } else if (anthropic_wants_thinking(s->t)) {
        add_block(s, BK_REDACTED, e)->signature = sl_arena_str(s->t->a, e->text);
        advance(s);
    }
}

static void take_refusal(struct streaming *s, const struct neutral_event *e)
{
    s->refused = true;
    if (s->refusal.n + e->text.n <= REFUSAL_MAX)
        sl_buf_adds(&s->refusal, e->text);
    take_text(s, BK_TEXT, e, e->text);
}

/* Sound comes in pieces, some of which have words. */
static void take_media(struct streaming *s, const struct neutral_event *e)
{
    s->sound |= e->is_audio;
    s->spoken |= e->is_audio && e->text.n > 0;
    take_text(s, BK_TEXT, e, e->is_audio ? e->text : SL_STR("[image]"));
}

/* -- Calls -------------------------------------------------------------------------------------------------------------------------- */

static void scan_braces(struct braces *k, struct sl_str plain)
{
    for (size_t i = 0; i < plain.n && !k->balanced && !k->odd; i++) {
        char c = plain.p[i];
        if (k->in_string) {
            if (k->escape)
                k->escape = false;
            else if (c == '\\')
                k->escape = true;
            else if (c == '"')
                k->in_string = false;
        } else if (!k->begun) {
            k->begun = c == '{';
            k->depth = k->begun;
            k->odd = !k->begun && !sl_is_blank(c);
        } else if (c == '"') {
            k->in_string = true;
        } else if (c == '{' || c == '[') {
            k->depth++;
        } else if (c == '}' || c == ']') {
            k->balanced = --k->depth == 0;
        }
    }
}

static bool remember_call(struct streaming *s, uint32_t call, struct out_block *b)
{
    if (call > s->n_calls) /* ordinals are dense */
        return false;
    if (call == s->cap_calls) {
        s->cap_calls = s->cap_calls == 0 ? 8 : 2 * s->cap_calls;
        s->calls = sl_arena_grow(s->t->a, s->calls, s->n_calls, s->cap_calls, sizeof *s->calls);
    }
    s->calls[call] = b;
    s->n_calls += call == s->n_calls;
    return true;
}

static struct out_block *call_of(const struct streaming *s, uint32_t call)
{
    return call < s->n_calls ? s->calls[call] : NULL;
}

static void begin_call(struct streaming *s, const struct neutral_event *e)
{
    if (e->call > s->n_calls || call_of(s, e->call) != NULL)
        return;
    take_signature(s, e, e->signature);
    struct out_block *b = add_block(s, BK_CALL, e);
    remember_call(s, e->call, b);
    b->custom = e->custom;
    b->id = e->id.n > 0 ? sl_arena_str(s->t->a, names_fit(&ids_anthropic, e->id, &s->scratch))
                        : sl_arena_printf(s->t->a, "toolu_" SL_STR_FMT "_%u", SL_STR_ARG(s->t->id), e->call);
    b->name = sl_arena_str(s->t->a, e->name);
    s->bytes += e->name.n;
    advance(s);
}

static void take_arguments(struct streaming *s, const struct neutral_event *e)
{
    struct out_block *b = call_of(s, e->call);
    if (b == NULL || e->text.n == 0)
        return;
    bool before = is_direct(b);
    if (!b->custom)
        scan_braces(&b->braces, json_plain(e->text, &s->scratch));
    if (before) {
        append(s, b, e->text);
    } else {
        s->bytes += e->text.n;
        sl_buf_adds(&b->pending, e->text);
        flush(s, b);
    }
    advance(s);
}

static void end_call(struct streaming *s, const struct neutral_event *e)
{
    struct out_block *b = call_of(s, e->call);
    if (b == NULL)
        return;
    b->ended = true;
    advance(s);
}

/* -- The seam ------------------------------------------------------------------------------------------------------------------------ */

static void take_finish(struct streaming *s, const struct neutral_event *e)
{
    s->finish = e->finish;
    s->finish_text = sl_arena_str(s->t->a, e->text);
    s->stop_sequence = sl_arena_str(s->t->a, e->stop_sequence);
}

static void take_output(struct streaming *s, const struct neutral_event *e)
{
    switch (e->kind) {
    case NE_TEXT:
        take_text(s, BK_TEXT, e, e->text);
        break;
    case NE_REASONING:
        take_reasoning(s, e);
        break;
    case NE_SIGNATURE:
        take_signature(s, e, e->text);
        break;
    case NE_REDACTED:
        take_redacted(s, e);
        break;
    case NE_REFUSAL:
        take_refusal(s, e);
        break;
    case NE_MEDIA:
        take_media(s, e);
        break;
    case NE_CALL_BEGIN:
        begin_call(s, e);
        break;
    case NE_CALL_ARGS:
        take_arguments(s, e);
        break;
    case NE_CALL_END:
        end_call(s, e);
        break;
    case NE_FINISH:
        take_finish(s, e);
        break;
    default: /* NE_HOSTED, NE_CITATION, NE_LOGPROBS: this format has no place for another vendor's */
        break;
    }
}

void anthropic_stream_write(void *state, const struct neutral_event *e)
{
    struct streaming *s = state;
    sl_arena_reset(&s->scratch);
    if (e->choice > 0 || e->kind == NE_ERROR || e->kind == NE_DONE)
        return; /* the format has one answer only */
    if (e->kind == NE_PING) {
        if (s->started)
            ping(s);
        return;
    }
    if (e->usage.found && (e->kind == NE_START || e->kind == NE_USAGE))
        s->usage = e->usage;
    if (e->kind == NE_USAGE)
        return;
    start(s, e->kind == NE_START ? e->id : SL_STR_NONE);
    take_output(s, e);
}

void anthropic_stream_write_end(void *state)
{
    struct streaming *s = state;
    sl_arena_reset(&s->scratch);
    start(s, SL_STR_NONE);
    if (s->sound && !s->spoken)
        take_text(s, BK_TEXT, &(struct neutral_event){.kind = NE_TEXT, .block = UINT32_MAX}, SL_STR("[audio]"));
    while (s->head != NULL)
        close_head(s);
    struct token_counts usage = s->usage;
    if (!usage.found)
        usage = (struct token_counts){.prompt = s->t->estimate_input,
                                      .completion = (s->bytes + BYTES_OF_A_TOKEN - 1) / BYTES_OF_A_TOKEN};
    struct json_writer w = event(s, SL_STR("message_delta"));
    jw_key(&w, SL_STR("delta"));
    jw_open(&w, '{');
    anthropic_write_stop(&w, s->refused ? FINISH_CONTENT_FILTER : s->finish, s->n_calls > 0, s->stop_sequence,
                         s->refused ? sl_buf_str(&s->refusal) : s->finish_text);
    jw_close(&w, '}');
    jw_key(&w, SL_STR("usage"));
    anthropic_write_usage(&w, &usage, false);
    send(s, &w);
    struct json_writer stop = event(s, SL_STR("message_stop"));
    send(s, &stop);
}

/* -- Going on ------------------------------------------------------------------------------------------------------------------ */

struct last_event {
    struct sl_str type, inner; /* inside: of the event; of its delta or block */
    uint64_t index;
};

static void look_inside(struct json_peek *outer, struct last_event *l)
{
    struct json_peek k = json_peek_enter(outer);
    struct sl_str value;
    while (json_peek_key(&k) && json_peek_value(&k, &value))
        if (sl_str_eq(k.key, SL_STR("type")) && value.n > 2)
            l->inner = sl_str_of(value.p + 1, value.n - 2);
    (void)json_peek_leave(outer, &k);
}

static struct last_event look_at(struct sl_str data)
{
    struct last_event l = {.index = 0};
    struct json_peek k = json_peek_at(data);
    struct sl_str value;
    while (json_peek_key(&k)) {
        if ((sl_str_eq(k.key, SL_STR("delta")) || sl_str_eq(k.key, SL_STR("content_block"))) &&
            json_peek_opens(&k, '{')) {
            look_inside(&k, &l);
        } else if (json_peek_value(&k, &value)) {
            if (sl_str_eq(k.key, SL_STR("type")) && value.n > 2)
                l.type = sl_str_of(value.p + 1, value.n - 2);
            else if (sl_str_eq(k.key, SL_STR("index")))
                (void)sl_str_to_u64(value, &l.index);
        } else {
            break;
        }
    }
    return l;
}

/* The message was begun; a block may be open: a text that goes on, or a thought that the next block ends. */
void *anthropic_stream_write_resume(struct translation *t, struct sl_buf *out, const struct told *told)
{
    if (told->last.n == 0 || told->last.p[0] != '{')
        return NULL;
    struct streaming *s = anthropic_stream_write_begin(t, out);
    const struct last_event l = look_at(sl_buf_str(&told->last));
    s->started = true;
    if (sl_str_eq(l.type, SL_STR("message_start")))
        return s;
    if (sl_str_eq(l.type, SL_STR("content_block_stop"))) {
        s->index = (uint32_t)l.index + 1;
        return s;
    }
    if (!sl_str_starts(l.type, SL_STR("content_block_")))
        return NULL;
    bool text = sl_str_starts(l.inner, SL_STR("text"));
    struct out_block *b = add_block(s, text ? BK_TEXT : BK_THINKING, &(struct neutral_event){.block = told->block});
    b->streams = b->given = true;
    s->index = (uint32_t)l.index;
    return s;
}
