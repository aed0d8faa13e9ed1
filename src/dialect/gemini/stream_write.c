/* A stream for a Gemini client: translate-gemini.md 12.3, 15; gemini.md 8, 21.3 (November 2026). Frames as Google's front end makes
 * them, "data: {...}" CR LF CR LF and nothing else: no comments, no names, no [DONE], since every SDK breaks on some of these. Or,
 * for a client that did not ask for events, one JSON array.
 *
 * Text goes out as it comes. A call goes out whole, so from the first open call on parts wait in a queue in their order. The last
 * chunk has what is left, the finish and the usage. */
#include "dialect/gemini/gemini_int.h"
#include "dialect/json_peek.h"
#include "dialect/json_tree.h"

#define CHOICES_MAX 16u

struct piece {
    struct sl_str s;
    struct piece *next;
};

/* A part that waits, or a thought that is remembered. */
struct queued {
    struct neutral_part part;
    uint32_t block;
    bool open; /* a call whose arguments still come */
    struct piece *first, *last;
    size_t bytes;
    struct queued *thoughts; /* of a call: what was thought before it */
    struct queued *next;
};

struct out_choice {
    bool seen, malformed;
    struct queued *first, *last;
    struct queued *thoughts, *last_thought;
    struct queued **calls; /* by ordinal */
    uint32_t n_calls, cap_calls;
    enum neutral_finish finish;
    struct sl_str finish_text;
    struct gem_text_map map;
    struct neutral_citation *citations;
    uint32_t n_citations, cap_citations;
    struct piece *logprobs, *last_logprobs;
    size_t logprobs_bytes;
};

struct gem_stream {
    struct translation *t;
    struct sl_buf *out;
    struct json_writer w;
    bool begun;
    struct token_counts usage;
    struct sl_str tier;
    struct out_choice choices[CHOICES_MAX];
};

void *gemini_stream_write_begin(struct translation *t, struct sl_buf *out)
{
    struct gem_stream *s = SL_ARENA_NEW(t->a, struct gem_stream);
    s->t = t;
    s->out = out;
    return s;
}

void *gemini_stream_write_resume(struct translation *t, struct sl_buf *out, const struct told *told)
{
    struct sl_str value;
    if (told->last.n == 0 || told->last.p[0] != '{')
        return NULL;
    struct gem_stream *s = gemini_stream_write_begin(t, out);
    struct neutral_request *named = SL_ARENA_NEW(t->a, struct neutral_request);
    struct json_peek k = json_peek_at(sl_buf_str(&told->last));
    *named = *t->req;
    while (json_peek_key(&k) && json_peek_value(&k, &value)) {
        bool text = value.n > 2 && value.p[0] == '"';
        struct sl_str inside = text ? sl_arena_str(t->a, sl_str_of(value.p + 1, value.n - 2)) : SL_STR_NONE;
        if (text && sl_str_eq(k.key, SL_STR("modelVersion")))
            named->model = json_plain(inside, t->a);
        if (text && sl_str_eq(k.key, SL_STR("responseId")))
            t->id = json_plain(inside, t->a);
    }
    t->req = named; /* nothing else is read from here on */
    s->begun = true;
    return s;
}

/* -- Frames ---------------------------------------------------------------------------------------------------------------------- */

static void open_chunk(struct gem_stream *s)
{
    if (!s->t->stream_array)
        sl_buf_adds(s->out, SL_STR("data: "));
    else
        sl_buf_adds(s->out, s->begun ? SL_STR("\r\n,\r\n") : SL_STR("["));
    s->begun = true;
    s->w = json_writer_on_line(s->out);
    jw_open(&s->w, '{');
    jw_key(&s->w, SL_STR("candidates"));
    jw_open(&s->w, '[');
}

static void close_chunk(struct gem_stream *s, const struct token_counts *usage)
{
    jw_close(&s->w, ']');
    gem_write_tail(&s->w, s->t, usage, s->tier);
    jw_close(&s->w, '}');
    if (!s->t->stream_array)
        sl_buf_adds(s->out, SL_STR("\r\n\r\n"));
}

static void open_candidate(struct gem_stream *s)
{
    jw_open(&s->w, '{');
    jw_key(&s->w, SL_STR("content"));
    jw_open(&s->w, '{');
    jw_key(&s->w, SL_STR("parts"));
    jw_open(&s->w, '[');
}

static void close_parts(struct gem_stream *s)
{
    jw_close(&s->w, ']');
    jw_member_inside(&s->w, SL_STR("role"), SL_STR("model"));
    jw_close(&s->w, '}');
}

static void write_now(struct gem_stream *s, uint32_t choice, const struct neutral_part *p, struct sl_str signature)
{
    open_chunk(s);
    open_candidate(s);
    s->choices[choice].malformed |= !gem_write_part(&s->w, s->t, p, signature);
    close_parts(s);
    jw_member_u64(&s->w, SL_STR("index"), choice);
    jw_close(&s->w, '}');
    close_chunk(s, NULL);
}

/* -- What waits --------------------------------------------------------------------------------------------------------------------- */

static struct sl_str keep(struct gem_stream *s, struct sl_str v)
{
    return v.n > 0 ? sl_arena_str(s->t->a, v) : v;
}

static void add_piece(struct gem_stream *s, struct piece **first, struct piece **last, size_t *bytes, struct sl_str v)
{
    if (v.n == 0)
        return;
    struct piece *p = SL_ARENA_NEW(s->t->a, struct piece);
    p->s = keep(s, v);
    *bytes += v.n;
    if (*last != NULL)
        (*last)->next = p;
    else
        *first = p;
    *last = p;
}

static struct sl_str joined(struct gem_stream *s, const struct piece *p, size_t bytes)
{
    if (p == NULL || p->next == NULL)
        return p != NULL ? p->s : SL_STR_NONE;
    char *out = sl_arena_alloc(s->t->a, bytes);
    size_t n = 0;
    for (; p != NULL; p = p->next) {
        memcpy(out + n, p->s.p, p->s.n);
        n += p->s.n;
    }
    return sl_str_of(out, n);
}

static struct queued *new_queued(struct gem_stream *s, enum neutral_part_kind kind, const struct neutral_event *e)
{
    struct queued *q = SL_ARENA_NEW(s->t->a, struct queued);
    q->part.kind = kind;
    q->part.signature = keep(s, e->signature);
    q->block = e->block;
    return q;
}

static void append(struct queued **first, struct queued **last, struct queued *q)
{
    if (*last != NULL)
        (*last)->next = q;
    else
        *first = q;
    *last = q;
}

static const struct neutral_part *thoughts_of(struct gem_stream *s, struct queued *thoughts)
{
    struct neutral_part *before = NULL;
    for (struct queued *q = thoughts; q != NULL; q = q->next) {
        q->part.text = joined(s, q->first, q->bytes);
        q->part.next = NULL;
        if (before != NULL)
            before->next = &q->part;
        before = &q->part;
    }
    return thoughts != NULL ? &thoughts->part : NULL;
}

static struct sl_str signature_of(struct gem_stream *s, struct queued *q)
{
    if (q->part.kind == NP_TOOL_CALL && s->t->up != &gemini_dialect) {
        struct sl_str packed = gem_envelope_pack(s->t, thoughts_of(s, q->thoughts));
        if (packed.n > 0)
            return packed;
    }
    return gem_signature_native(s->t->a, q->part.signature);
}

static void complete(struct gem_stream *s, struct queued *q)
{
    struct sl_str text = joined(s, q->first, q->bytes);
    q->open = false;
    if (q->part.kind == NP_TOOL_CALL && !q->part.custom)
        q->part.arguments = json_plain(text, s->t->a);
    else if (q->part.kind != NP_HOSTED)
        q->part.text = text;
}

/* Writes what stands before the first open call. */
static void flush(struct gem_stream *s, uint32_t choice)
{
    struct out_choice *c = &s->choices[choice];
    for (; c->first != NULL && !c->first->open; c->first = c->first->next) {
        complete(s, c->first);
        if (gem_part_shows(s->t, &c->first->part))
            write_now(s, choice, &c->first->part, signature_of(s, c->first));
    }
    if (c->first == NULL)
        c->last = NULL;
}

/* -- Events ---------------------------------------------------------------------------------------------------------------------------- */

/* Where the text stands among the thoughts (signature.c). */
static void remember_text(struct gem_stream *s, const struct neutral_event *e)
{
    struct out_choice *c = &s->choices[e->choice];
    if (c->last_thought != NULL && c->last_thought->part.kind == NP_REASONING)
        append(&c->thoughts, &c->last_thought, new_queued(s, NP_TEXT, e));
}

static void take_text(struct gem_stream *s, const struct neutral_event *e, enum neutral_part_kind kind)
{
    struct out_choice *c = &s->choices[e->choice];
    bool native = s->t->up == &gemini_dialect;
    struct neutral_part p = {.kind = kind, .text = e->text, .signature = native ? e->signature : SL_STR_NONE};
    if (kind != NP_REASONING)
        gem_text_add(&c->map, s->t->a, e->text);
    if (kind == NP_TEXT && e->text.n > 0)
        remember_text(s, e);
    if (!gem_part_shows(s->t, &p))
        return;
    if (c->first == NULL) {
        write_now(s, e->choice, &p, gem_signature_native(s->t->a, p.signature));
        return;
    }
    struct queued *q = c->last;
    if (q->part.kind != kind || q->block != e->block) {
        q = new_queued(s, kind, e);
        append(&c->first, &c->last, q);
    }
    if (p.signature.n > 0)
        q->part.signature = keep(s, p.signature);
    add_piece(s, &q->first, &q->last, &q->bytes, e->text);
}

/* The block of thinking that goes on, for the envelope. */
static struct queued *thought_of(struct gem_stream *s, const struct neutral_event *e)
{
    struct out_choice *c = &s->choices[e->choice];
    struct queued *q = c->last_thought;
    if (q == NULL || q->part.kind != NP_REASONING || q->block != e->block || q->part.encrypted.n > 0) {
        q = new_queued(s, NP_REASONING, e);
        append(&c->thoughts, &c->last_thought, q);
    }
    if (e->id.n > 0)
        q->part.id = keep(s, e->id);
    return q;
}

static void take_thought(struct gem_stream *s, const struct neutral_event *e)
{
    if (s->t->up != &gemini_dialect) {
        struct queued *q = thought_of(s, e);
        if (e->kind == NE_REASONING)
            add_piece(s, &q->first, &q->last, &q->bytes, e->text);
        else if (e->kind == NE_SIGNATURE)
            q->part.signature = keep(s, e->text);
        else
            q->part.encrypted = keep(s, e->text);
    }
    if (e->kind == NE_REASONING)
        take_text(s, e, NP_REASONING);
}

static void begin_call(struct gem_stream *s, const struct neutral_event *e)
{
    struct out_choice *c = &s->choices[e->choice];
    if (e->call != c->n_calls) /* they are dense: anything else is a reader's mistake */
        return;
    if (c->n_calls == c->cap_calls) {
        c->cap_calls = c->cap_calls == 0 ? 8 : 2 * c->cap_calls;
        c->calls = sl_arena_grow(s->t->a, c->calls, c->n_calls, c->cap_calls, sizeof *c->calls);
    }
    struct queued *q = new_queued(s, NP_TOOL_CALL, e);
    q->open = true;
    q->part.id = keep(s, e->id);
    q->part.name = keep(s, e->name);
    q->part.custom = e->custom;
    q->thoughts = c->thoughts;
    c->thoughts = c->last_thought = NULL;
    c->calls[c->n_calls++] = q;
    append(&c->first, &c->last, q);
}

static void take_media(struct gem_stream *s, const struct neutral_event *e)
{
    struct out_choice *c = &s->choices[e->choice];
    struct queued *q = new_queued(s, e->is_audio ? NP_AUDIO : NP_IMAGE, e);
    q->part.media = e->media;
    if (c->first == NULL) {
        if (gem_part_shows(s->t, &q->part))
            write_now(s, e->choice, &q->part, gem_signature_native(s->t->a, q->part.signature));
        return;
    }
    q->part.media.data = keep(s, e->media.data);
    q->part.media.mime = keep(s, e->media.mime);
    append(&c->first, &c->last, q);
}

static void take_hosted(struct gem_stream *s, const struct neutral_event *e)
{
    struct out_choice *c = &s->choices[e->choice];
    struct queued *q = new_queued(s, NP_HOSTED, e);
    q->part.type = keep(s, e->type);
    q->part.raw = keep(s, e->raw);
    append(&c->first, &c->last, q);
    flush(s, e->choice);
}

static void take_citation(struct gem_stream *s, const struct neutral_event *e)
{
    struct out_choice *c = &s->choices[e->choice];
    if (c->n_citations == c->cap_citations) {
        c->cap_citations = c->cap_citations == 0 ? 8 : 2 * c->cap_citations;
        c->citations = sl_arena_grow(s->t->a, c->citations, c->n_citations, c->cap_citations, sizeof *c->citations);
    }
    struct neutral_citation *to = &c->citations[c->n_citations++];
    *to = e->citation;
    to->url = keep(s, to->url);
    to->title = keep(s, to->title);
    to->cited_text = keep(s, to->cited_text);
}

static void take_logprobs(struct gem_stream *s, const struct neutral_event *e)
{
    struct out_choice *c = &s->choices[e->choice];
    if (e->raw.n <= 2)
        return;
    if (c->logprobs != NULL)
        add_piece(s, &c->logprobs, &c->last_logprobs, &c->logprobs_bytes, SL_STR(","));
    add_piece(s, &c->logprobs, &c->last_logprobs, &c->logprobs_bytes, sl_str_of(e->raw.p + 1, e->raw.n - 2));
}

static void take_call(struct gem_stream *s, const struct neutral_event *e)
{
    struct out_choice *c = &s->choices[e->choice];
    if (e->kind == NE_CALL_BEGIN) {
        begin_call(s, e);
        return;
    }
    struct queued *q = e->call < c->n_calls ? c->calls[e->call] : NULL;
    if (q == NULL || !q->open)
        return;
    if (e->kind == NE_CALL_ARGS) {
        add_piece(s, &q->first, &q->last, &q->bytes, e->text);
        return;
    }
    q->open = false;
    flush(s, e->choice);
}

static void take_output(struct gem_stream *s, const struct neutral_event *e)
{
    struct out_choice *c = &s->choices[e->choice];
    c->seen = true;
    switch (e->kind) {
    case NE_TEXT:
    case NE_REFUSAL:
        take_text(s, e, NP_TEXT);
        break;
    case NE_REASONING:
    case NE_SIGNATURE:
    case NE_REDACTED:
        take_thought(s, e);
        break;
    case NE_CALL_BEGIN:
    case NE_CALL_ARGS:
    case NE_CALL_END:
        take_call(s, e);
        break;
    case NE_MEDIA:
        take_media(s, e);
        break;
    case NE_HOSTED:
        take_hosted(s, e);
        break;
    case NE_CITATION:
        take_citation(s, e);
        break;
    case NE_LOGPROBS:
        take_logprobs(s, e);
        break;
    case NE_FINISH:
        c->finish = e->finish;
        c->finish_text = keep(s, e->text);
        break;
    default:
        break;
    }
}

void gemini_stream_write(void *state, const struct neutral_event *e)
{
    struct gem_stream *s = state;
    switch (e->kind) {
    case NE_START:
    case NE_USAGE:
        if (e->usage.found)
            s->usage = e->usage;
        if (e->tier.n > 0)
            s->tier = keep(s, e->tier);
        break;
    case NE_PING:
    case NE_ERROR:
    case NE_DONE:
        break;
    default:
        if (e->choice < CHOICES_MAX)
            take_output(s, e);
        break;
    }
}

static void write_last(struct gem_stream *s, uint32_t choice)
{
    struct out_choice *c = &s->choices[choice];
    const struct neutral_part empty = {.kind = NP_TEXT};
    bool any = false;
    open_candidate(s);
    for (struct queued *q = c->first; q != NULL; q = q->next) {
        complete(s, q);
        if (!gem_part_shows(s->t, &q->part))
            continue;
        bool written = gem_write_part(&s->w, s->t, &q->part, signature_of(s, q));
        c->malformed |= !written;
        any |= written;
    }
    if (!any)
        gem_write_part(&s->w, s->t, &empty, SL_STR_NONE);
    close_parts(s);
    gem_write_ending(&s->w, s->t,
                     &(struct gem_ending){.finish = c->finish,
                                          .text = c->finish_text,
                                          .malformed = c->malformed,
                                          .index = choice,
                                          .citations = c->citations,
                                          .n_citations = c->n_citations,
                                          .map = &c->map,
                                          .logprobs = joined(s, c->logprobs, c->logprobs_bytes)});
    jw_close(&s->w, '}');
}

void gemini_stream_write_end(void *state)
{
    struct gem_stream *s = state;
    bool any = false;
    open_chunk(s);
    for (uint32_t i = 0; i < CHOICES_MAX; i++) {
        if (!s->choices[i].seen)
            continue;
        write_last(s, i);
        any = true;
    }
    if (!any)
        write_last(s, 0);
    close_chunk(s, &s->usage);
    if (s->t->stream_array)
        sl_buf_addc(s->out, ']');
}
