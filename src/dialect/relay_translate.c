/* See relay_translate.h. */
#include "dialect/relay_translate.h"

#include "base/check.h"

#define TURN_BYTES (4u << 20) /* of a stream that may pause: a longer one ends where it does */
#define OUT_FACTOR 8u         /* what one event becomes at most: JSON escapes, frames of several events */

static void keep_error(struct relay_state *s, struct sl_arena *a, const struct neutral_error *e)
{
    s->saw_error = true;
    s->error = (struct answer_error){.found = true,
                                     .type = sl_arena_str(a, sl_str_head(e->type, 128)),
                                     .code = sl_arena_str(a, sl_str_head(e->code, 128)),
                                     .message = sl_arena_str(a, sl_str_head(e->message, 1024)),
                                     .param = sl_arena_str(a, sl_str_head(e->param, 128))};
}

/* What the exchange wants to know of any event, whoever writes it. */
static void note(struct relay_state *s, struct sl_arena *a, const struct neutral_event *e, bool shown)
{
    switch (e->kind) {
    case NE_START:
    case NE_USAGE:
        if (e->usage.found) {
            s->usage = e->usage;
            s->unreported = 0;
        }
        break;
    case NE_TEXT:
    case NE_REASONING:
    case NE_REFUSAL:
    case NE_CALL_ARGS:
    case NE_CALL_BEGIN:
    case NE_REDACTED:
    case NE_MEDIA:
        s->saw_content |= shown;
        s->content_events++;
        s->unreported++;
        s->output_bytes += e->text.n + e->name.n;
        s->images += e->kind == NE_MEDIA && !e->is_audio;
        break;
    case NE_FINISH:
        s->saw_finish = true;
        s->paused = e->finish == FINISH_PAUSE;
        break;
    case NE_ERROR:
        if (!s->saw_error)
            keep_error(s, a, &e->error);
        break;
    case NE_DONE:
        s->saw_done = true;
        break;
    default:
        break;
    }
}

/* The client's turn does not end where the provider's pauses. */
static bool is_held_back(struct relay_translate *r, const struct neutral_event *e)
{
    if (e->kind != NE_FINISH || e->finish != FINISH_PAUSE || !r->keeps_turn)
        return false;
    r->pauses = true;
    return true;
}

static void to_writer(void *owner, const struct neutral_event *e)
{
    struct relay_translate *r = owner;
    if (is_held_back(r, e))
        return;
    if (e->block >= r->blocks)
        r->blocks = e->block + 1;
    if (e->kind == NE_CALL_BEGIN && e->call >= r->calls)
        r->calls = e->call + 1;
    if (r->told != NULL)
        told_neutral(r->told, e);
    r->t->face->codec->stream_write(r->writer, e);
}

static void put(void *owner, const struct neutral_event *e)
{
    struct relay_translate *r = owner;
    if (r->state.saw_error || r->state.saw_done)
        return;
    note(&r->state, r->t->a, e, r->resume == NULL || r->resume->begun);
    if (e->kind == NE_ERROR || e->kind == NE_DONE)
        return;
    if (r->resume == NULL) {
        to_writer(r, e);
        return;
    }
    resume_put(r->resume, e, &(struct neutral_sink){.put = to_writer, .owner = r});
    r->state.saw_content |= r->resume->begun;
}

/* An answer cannot have cost no tokens: such a report is none. What is guessed then is told to the client and booked
 * (try_ledger.c). False: nothing has to be guessed. */
static bool guess(const struct translation *t, const struct told *told, struct relay_state *s,
                  struct neutral_event *out_event)
{
    const struct token_counts *u = &s->usage;
    if (t->guess.of == NULL || (u->found && !u->bad && (u->prompt > 0 || u->completion > 0)))
        return false;
    s->usage = t->guess.of(t->guess.owner, told, s->output_bytes, s->events);
    *out_event = (struct neutral_event){.kind = NE_USAGE, .usage = s->usage};
    return true;
}

void relay_translate_init(struct relay_translate *r, struct translation *t, size_t max_event)
{
    *r = (struct relay_translate){.t = t};
    sse_scanner_init(&r->sse, max_event);
    sse_scanner_from(&r->sse, t->a);
    sl_buf_init(&r->turn, TURN_BYTES);
    sl_buf_init_in(&r->out, OUT_FACTOR * (max_event > 0 ? max_event : SSE_EVENT_BYTES), t->a);
    r->reader = t->up->codec->stream_read_begin(t);
    r->writer = t->face->codec->stream_write_begin(t, &r->out);
}

bool relay_translate_keep(struct relay_translate *r, struct translation *t, const struct told *told, size_t max_event)
{
    *r = (struct relay_translate){.t = t, .writer = r->writer, .blocks = r->blocks, .calls = r->calls};
    sl_buf_init(&r->turn, TURN_BYTES);
    sl_buf_init(&r->out, OUT_FACTOR * (max_event > 0 ? max_event : SSE_EVENT_BYTES));
    sse_scanner_init(&r->sse, max_event);
    if (r->writer == NULL && t->face->codec->stream_write_resume != NULL)
        r->writer = t->face->codec->stream_write_resume(t, &r->out, told);
    return r->writer != NULL;
}

void relay_translate_begin_again(struct relay_translate *r, struct translation *up, struct resume *resume,
                                 size_t max_event)
{
    r->t = up;
    r->resume = resume;
    r->state = (struct relay_state){.events = 0};
    r->over = r->pauses = r->keeps_turn = false;
    sl_buf_reset(&r->turn);
    sl_buf_reset(&r->out);
    sse_scanner_done(&r->sse);
    sse_scanner_init(&r->sse, max_event);
    r->reader = up->up->codec->stream_read_begin(up);
}

void relay_translate_pause(struct relay_translate *r)
{
    sse_scanner_done(&r->sse);
    sse_scanner_init(&r->sse, 0);
}

void relay_translate_done(struct relay_translate *r)
{
    sse_scanner_done(&r->sse);
    sl_buf_done(&r->turn);
    sl_buf_done(&r->out);
}

static enum relay_feed take_piece(struct relay_translate *r, const struct sse_piece *piece)
{
    const struct neutral_sink sink = {.put = put, .owner = r};
    if (piece->kind == SSE_BLANK)
        return RELAY_MORE;
    if (piece->kind == SSE_COMMENT || !piece->has_data) {
        put(r, &(struct neutral_event){.kind = NE_PING});
        return RELAY_MORE;
    }
    size_t before = r->out.n;
    if (!r->t->up->codec->stream_read(r->reader, piece->name, piece->data, &sink))
        return RELAY_BROKEN;
    r->state.events += r->out.n > before;
    if (r->out.over)
        return RELAY_LIMIT;
    if (r->resume != NULL && r->resume->restarted)
        return RELAY_BROKEN;
    return r->state.saw_done || r->state.saw_error ? RELAY_DONE : RELAY_MORE;
}

enum relay_feed relay_translate_feed(struct relay_translate *r, struct sl_str slice, const struct iovec **out_v,
                                     int *out_n)
{
    enum relay_feed result = RELAY_MORE;
    sl_buf_reset(&r->out);
    if (r->keeps_turn && !r->over)
        (void)sl_buf_adds(&r->turn, slice);
    while (!r->over) {
        struct sse_piece piece;
        enum sse_result s = sse_next(&r->sse, &slice, &piece);
        if (s == SSE_MORE)
            break;
        result = s == SSE_LIMIT ? RELAY_LIMIT : take_piece(r, &piece);
        r->over = result != RELAY_MORE;
    }
    r->v = (struct iovec){.iov_base = r->out.p, .iov_len = r->out.n};
    *out_v = &r->v;
    *out_n = r->out.n > 0;
    return result;
}

/* The event that the scanner kept, as if its blank line had come: some servers just close behind it. */
static bool take_last(struct relay_translate *r)
{
    struct sl_str in = SL_STR("\n\n");
    struct sse_piece piece;
    if (r->over || sse_next(&r->sse, &in, &piece) != SSE_PIECE)
        return false;
    if (piece.kind != SSE_EVENT || !piece.has_data)
        return false;
    if (relay_is_part_of_done(piece.data) && r->state.saw_finish)
        return true;
    return relay_is_whole_data(piece.data) && take_piece(r, &piece) != RELAY_BROKEN;
}

/* A turn that paused. Where it cannot be sent back, it ends here. */
static bool goes_on(struct relay_translate *r)
{
    if (!r->pauses)
        return false;
    if (!r->turn.over)
        r->state.turn = r->t->up->codec->turn_of_events(sl_buf_str(&r->turn), r->t->a);
    if (r->state.turn.n > 0)
        return true;
    r->t->face->codec->stream_write(
        r->writer, &(struct neutral_event){.kind = NE_FINISH, .finish = FINISH_PAUSE, .text = SL_STR("pause_turn")});
    return false;
}

/* Whether an event that was cut lets the answer be whole all the same. */
static bool is_part_of_end(struct relay_translate *r, struct sl_str rest)
{
    const struct dialect *up = r->t->up;
    if (up->unended_rest == NULL)
        return false;
    enum rest_says says = up->unended_rest(rest);
    r->t->no_more = says == REST_ENDS || (says == REST_MAY_END && r->t->no_more);
    return r->t->no_more;
}

bool relay_translate_end(struct relay_translate *r, unsigned ending)
{
    const struct neutral_sink sink = {.put = put, .owner = r};
    if (r->state.saw_error)
        return false;
    bool said_done = r->state.saw_done;
    r->state.saw_done = false; /* what the reader kept back still goes through */
    sl_buf_reset(&r->out);
    r->t->no_more = (ending & RELAY_NO_MORE) != 0;
    struct sl_str rest = sl_arena_str(r->t->a, sse_rest(&r->sse));
    bool rest_is_whole = said_done || rest.n == 0 || take_last(r) || is_part_of_end(r, rest);
    if (r->state.saw_error)
        return false;
    said_done = said_done || r->state.saw_done;
    r->state.saw_done = false;
    bool whole = r->t->up->codec->stream_read_end(r->reader, &sink) &&
                 (rest_is_whole || ((ending & RELAY_LONE) != 0 && r->state.saw_finish));
    r->over = true;
    r->state.saw_done = said_done;
    if (r->resume != NULL && whole && !r->state.saw_error)
        resume_flush(r->resume, &(struct neutral_sink){.put = to_writer, .owner = r});
    if (!whole || r->state.saw_error || (r->resume != NULL && r->resume->restarted))
        return false;
    if (goes_on(r))
        return true;
    struct neutral_event usage;
    if (guess(r->t, r->told, &r->state, &usage)) {
        if (r->resume != NULL)
            resume_put(r->resume, &usage, &(struct neutral_sink){.put = to_writer, .owner = r});
        else
            to_writer(r, &usage);
    }
    r->t->face->codec->stream_write_end(r->writer);
    if (r->out.over)
        return false;
    r->state.terminal = sl_arena_str(r->t->a, sl_buf_str(&r->out));
    return true;
}

struct sl_str relay_translate_error(struct relay_translate *r, const struct error_facts *error)
{
    const struct dialect *face = r->t->face;
    if (face->codec->stream_write_error == NULL)
        return error_event(r->t->a, face->errors, error);
    sl_buf_reset(&r->out);
    face->codec->stream_write_error(r->writer, error);
    return sl_arena_str(r->t->a, sl_buf_str(&r->out));
}

/* -- Not streamed ---------------------------------------------------------------------------------------------------- */

struct answer_taps {
    struct relay_state *state;
    struct told *told;
    struct sl_arena *a;
    struct neutral_sink to;
};

static void tap(void *owner, const struct neutral_event *e)
{
    struct answer_taps *taps = owner;
    note(taps->state, taps->a, e, true);
    told_neutral(taps->told, e);
    neutral_put(&taps->to, e);
}

static void write_to(void *owner, const struct neutral_event *e)
{
    struct relay_translate *r = owner;
    r->t->face->codec->stream_write(r->writer, e);
}

static void write_as_stream(struct translation *t, const struct neutral_answer *answer, struct sl_buf *out)
{
    struct relay_translate r = {.t = t};
    const struct neutral_sink sink = {.put = write_to, .owner = &r};
    r.writer = t->face->codec->stream_write_begin(t, out);
    neutral_replay(answer, t->a, &sink);
    t->face->codec->stream_write_end(r.writer);
}

/* False: it is larger than `out` takes. */
static bool write_collected(struct translation *t, const struct neutral_answer *answer, bool stream, struct sl_buf *out)
{
    if (stream)
        write_as_stream(t, answer, out);
    else
        t->face->codec->answer_write(t, answer, out);
    return !out->over;
}

bool relay_translate_answer(struct translation *t, struct sl_str body, bool stream, struct sl_buf *out,
                            struct relay_state *out_state)
{
    *out_state = (struct relay_state){.events = 0};
    struct neutral_collector *c = neutral_collector_new(t->a);
    struct told told;
    struct answer_taps taps = {.state = out_state, .told = &told, .a = t->a, .to = neutral_collector_sink(c)};
    const struct neutral_sink sink = {.put = tap, .owner = &taps};
    struct neutral_event usage;
    told_init(&told, t->a);
    bool whole = t->up->codec->answer_read(t, body, &sink) && !out_state->saw_error;
    if (whole && guess(t, &told, out_state, &usage))
        neutral_put(&taps.to, &usage);
    told_done(&told);
    return whole && write_collected(t, neutral_collected(c), stream, out);
}

struct joining {
    struct answer_taps taps;
    unsigned choice;
    bool first, last;           /* of the turns of that choice */
    struct token_counts *usage; /* of the body that is read */
};

static void join(void *owner, const struct neutral_event *e)
{
    struct joining *j = owner;
    struct neutral_event mine = *e;
    if (e->usage.found)
        *j->usage = e->usage;
    bool inner = (e->kind == NE_START && (j->choice > 0 || !j->first)) || (e->kind == NE_FINISH && !j->last);
    if (e->choice > 0 || e->kind == NE_USAGE || inner)
        return;
    mine.choice = j->choice;
    tap(&j->taps, &mine);
}

static void add_counts(struct token_counts *to, const struct token_counts *c)
{
    to->found = to->found || c->found;
    to->estimated = to->estimated || c->estimated;
    to->prompt += c->prompt;
    to->completion += c->completion;
    to->total += c->total;
    to->cached += c->cached;
    to->cache_write += c->cache_write;
    to->cache_write_1h += c->cache_write_1h;
    to->audio_prompt += c->audio_prompt;
    to->image_prompt += c->image_prompt;
    to->reasoning += c->reasoning;
    to->audio_completion += c->audio_completion;
    to->image_completion += c->image_completion;
}

bool relay_translate_answers(struct translation *t, const struct sl_str *bodies, unsigned n, enum relay_join how,
                             bool stream, struct sl_buf *out, struct relay_state *out_state)
{
    bool turns = how == RELAY_JOIN_TURNS;
    struct neutral_collector *c = neutral_collector_new(t->a);
    struct token_counts sum = {.found = false};
    *out_state = (struct relay_state){.events = 0};
    for (unsigned i = 0; i < n; i++) {
        struct relay_state one = {.events = 0};
        struct told told;
        struct neutral_event guessed;
        struct joining j = {.taps = {.state = &one, .told = &told, .a = t->a, .to = neutral_collector_sink(c)},
                            .choice = turns ? 0 : i,
                            .first = !turns || i == 0,
                            .last = !turns || i + 1 == n,
                            .usage = &one.usage};
        const struct neutral_sink sink = {.put = join, .owner = &j};
        told_init(&told, t->a);
        bool whole = t->up->codec->answer_read(t, bodies[i], &sink) && !one.saw_error;
        if (whole)
            (void)guess(t, &told, &one, &guessed);
        told_done(&told);
        if (!whole)
            return false;
        add_counts(&sum, &one.usage);
    }
    const struct neutral_event usage = {.kind = NE_USAGE, .usage = sum};
    const struct neutral_sink to = neutral_collector_sink(c);
    neutral_put(&to, &usage);
    return write_collected(t, neutral_collected(c), stream, out);
}
