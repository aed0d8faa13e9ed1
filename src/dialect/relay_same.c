/* See relay_same.h. Called by exchange/step_relay.c for each slice that the attempt gives.
 *
 * Output is a list of slices. Neighbouring pieces of the input that pass unchanged become one slice, so that a read full of
 * events is one write. Only what began in an earlier slice (at most one event) and our bare "\n" are not part of the input:
 * those bytes are in `held`, which is emptied with every feed and never grows while slices point into it. */
#include "dialect/relay_same.h"

#include "base/check.h"
#include "dialect/json_tree.h"

#define FIRST_SLICES 16

void relay_same_init(struct relay_same *r, const struct dialect *d, unsigned options, struct sl_arena *a)
{
    *r = (struct relay_same){.dialect = d,
                             .hide_usage = (options & RELAY_HIDE_USAGE) != 0,
                             .hold_errors = (options & RELAY_HOLD_ERRORS) != 0,
                             .array = (options & RELAY_ARRAY) != 0,
                             .arena = a};
    r->memo = SL_ARENA_NEW(a, struct stream_memo);
    sse_scanner_init(&r->sse, 0);
    sl_buf_init_in(&r->held, 2 * SSE_EVENT_BYTES, a);
}

void relay_same_limit(struct relay_same *r, size_t max_event)
{
    sse_scanner_done(&r->sse);
    sse_scanner_init(&r->sse, max_event);
    sse_scanner_from(&r->sse, r->arena);
    r->held.max = 2 * (max_event > 0 ? max_event : SSE_EVENT_BYTES); /* one event, and what sl_buf rounds up to */
}

void relay_same_unended(struct relay_same *r, struct usage_guess guess)
{
    if (r->dialect->unended_new == NULL)
        return;
    r->unended = r->dialect->unended_new(r->arena);
    r->guess = guess;
}

void relay_same_done(struct relay_same *r)
{
    sse_scanner_done(&r->sse);
    sl_buf_done(&r->held);
}

static void send(struct relay_same *r, struct sl_str bytes)
{
    if (bytes.n == 0)
        return;
    if (r->n > 0) {
        struct iovec *last = &r->v[r->n - 1];
        if ((const char *)last->iov_base + last->iov_len == bytes.p) {
            last->iov_len += bytes.n;
            return;
        }
    }
    if (r->n == r->cap) {
        r->cap = r->cap == 0 ? FIRST_SLICES : 2 * r->cap;
        r->v = sl_arena_grow(r->arena, r->v, (size_t)r->n, (size_t)r->cap, sizeof *r->v);
    }
    r->v[r->n++] = (struct iovec){(void *)(uintptr_t)bytes.p, bytes.n};
}

/* The raw bytes without [from, to) of the data, when the data is one view of them. */
static void send_cut(struct relay_same *r, const struct sse_piece *piece, struct sl_str raw, size_t from, size_t to)
{
    bool inside = piece->data.p >= piece->raw.p && piece->data.p + piece->data.n <= piece->raw.p + piece->raw.n;
    if (from == to || !inside) {
        send(r, raw);
        return;
    }
    size_t at = (size_t)(piece->data.p - piece->raw.p);
    send(r, sl_str_head(raw, at + from));
    send(r, sl_str_from(raw, at + to));
}

/* What stands before the next element of a client's array. */
static struct sl_str array_lead(struct relay_same *r)
{
    struct sl_str lead = r->in_array ? SL_STR(",\r\n") : SL_STR("[");
    r->in_array = true;
    return lead;
}

/* The data where they stay until the next feed; raw is where the piece's bytes do. */
static struct sl_str data_of(struct relay_same *r, const struct sse_piece *piece, struct sl_str raw)
{
    bool inside = piece->data.p >= piece->raw.p && piece->data.p + piece->data.n <= piece->raw.p + piece->raw.n;
    if (!inside) /* of several lines */
        return sl_arena_str(r->arena, piece->data);
    return sl_str_of(raw.p + (piece->data.p - piece->raw.p), piece->data.n);
}

/* An event as the client's framing has it, to be sent later. */
static struct sl_str kept_event(struct relay_same *r, const struct sse_piece *piece, struct sl_str raw, const char *end)
{
    if (!r->array)
        return sl_arena_str(r->arena, raw);
    struct sl_str lead = array_lead(r);
    return sl_arena_printf(r->arena, SL_STR_FMT SL_STR_FMT "%s", SL_STR_ARG(lead), SL_STR_ARG(piece->data), end);
}

/* Error texts outlive the slice: what is kept of one is bounded by what is worth recording. */
static void keep_error(struct relay_same *r, const struct answer_error *e)
{
    r->state.error = (struct answer_error){.found = true,
                                           .type = sl_arena_str(r->arena, sl_str_head(e->type, 128)),
                                           .code = sl_arena_str(r->arena, sl_str_head(e->code, 128)),
                                           .message = sl_arena_str(r->arena, sl_str_head(e->message, 1024)),
                                           .param = sl_arena_str(r->arena, sl_str_head(e->param, 128))};
}

static void count(struct relay_same *r, const struct stream_event *e)
{
    struct relay_state *s = &r->state;
    s->saw_finish |= e->finish;
    s->output_bytes += e->output_bytes;
    if (e->kind == SK_CONTENT || e->kind == SK_OTHER)
        s->content_events++;
    s->unreported += e->kind == SK_CONTENT;
    s->images += e->images;
    if (e->has_usage) {
        s->usage = e->usage;
        s->unreported = 0;
    }
    if (e->answer_id.n > 0 && s->answer_id.n == 0)
        s->answer_id = sl_arena_str(r->arena, e->answer_id);
    if (e->kind == SK_ERROR && !s->saw_error) {
        s->saw_error = true;
        keep_error(r, &e->error);
    }
}

/* The provider's own bytes, with its own line ends. A slice that ended between CR and LF gave the event without the LF. */
static void keep_terminal(struct relay_same *r, struct sl_str raw)
{
    bool lf = sl_str_ends(raw, SL_STR("\r")) && sl_str_find_str(raw, SL_STR("\r\n")) >= 0;
    char *p = sl_arena_alloc(r->arena, raw.n + 1);
    memcpy(p, raw.p, raw.n);
    p[raw.n] = '\n';
    r->state.terminal = sl_str_of(p, raw.n + lf);
}

/* What no decoder of the format takes: an SDK would raise. Bytes that are no UTF-8 are left to the client. */
static bool is_garbage(struct sl_str data, const struct stream_event *e)
{
    struct json_info info;
    if (e->kind != SK_OTHER || sl_str_trim(data).n == 0)
        return false;
    enum json_status s = json_scan(data, NULL, 0, NULL, &info);
    return s == JSON_BAD_SYNTAX || s == JSON_CUT_SHORT || s == JSON_TRAILING;
}

/* raw: the piece's bytes where they stay until the next feed. False: the stream is over. */
static bool take_event(struct relay_same *r, const struct sse_piece *piece, struct sl_str raw)
{
    struct stream_event e;
    r->dialect->stream_watch(r->memo, piece->name, piece->data, &e);
    r->broken = is_garbage(piece->data, &e);
    if (r->broken)
        return false;
    count(r, &e); /* the terminal event may carry usage, too (Responses) */
    if (e.kind == SK_DONE) {
        r->state.saw_done = true;
        keep_terminal(r, raw);
        return false;
    }
    if (r->told != NULL)
        told_event(r->told, &e, piece->data);
    if (r->unended != NULL)
        r->dialect->unended_see(r->unended, piece->data, &e);
    if (e.kind == SK_ERROR && r->hold_errors && r->state.error_event.n == 0)
        r->state.error_event = kept_event(r, piece, raw, "]");
    if ((e.kind == SK_USAGE && r->hide_usage) || (e.kind == SK_ERROR && r->hold_errors)) {
        r->skip_lf = sl_str_ends(raw, SL_STR("\r"));
        return true;
    }
    r->state.events++;
    /* What we do not understand may be output, too: the client has seen something that we cannot take back. */
    r->state.saw_content |= e.kind == SK_CONTENT || e.kind == SK_FINISH || e.kind == SK_OTHER;
    if (r->array) {
        send(r, array_lead(r));
        send(r, data_of(r, piece, raw));
        return true;
    }
    send_cut(r, piece, raw, e.cut_from, r->hide_usage ? e.cut_to : e.cut_from);
    return true;
}

static struct sl_str stay(struct relay_same *r, struct sl_str raw, struct sl_str slice)
{
    if (raw.p >= slice.p && raw.p < slice.p + slice.n)
        return raw;
    /* Only the first piece of a feed can be elsewhere, so `held` is empty and may move. */
    SL_CHECK(r->held.n == 0);
    SL_CHECK(sl_buf_adds(&r->held, raw) == SL_OK); /* an event is within the scanner's maximum */
    return sl_buf_str(&r->held);
}

/* Whether the piece is the LF of a CR LF that a slice's end has cut off, behind an event that was not passed on. */
static bool is_leftover(struct relay_same *r, const struct sse_piece *piece)
{
    bool leftover = r->skip_lf && sl_str_eq(piece->raw, SL_STR("\n"));
    r->skip_lf = false;
    return leftover;
}

static bool take_piece(struct relay_same *r, const struct sse_piece *piece, struct sl_str slice)
{
    if (is_leftover(r, piece))
        return true;
    if (piece->kind == SSE_BLANK) {
        send(r, stay(r, piece->raw, slice));
        return true;
    }
    if (piece->kind == SSE_EVENT && piece->has_data)
        return take_event(r, piece, stay(r, piece->raw, slice));
    send(r, SL_STR("\n"));
    r->skip_lf = sl_str_ends(piece->raw, SL_STR("\r"));
    return true;
}

static void note_line_end(struct relay_same *r)
{
    const struct iovec *last = &r->v[r->n - 1];
    const char *p = last->iov_base;
    size_t n = last->iov_len;
    r->cut_crlf = !r->array && n >= 2 && p[n - 1] == '\r' && p[n - 2] == '\n';
}

enum relay_feed relay_same_feed(struct relay_same *r, struct sl_str slice, const struct iovec **out_v, int *out_n)
{
    r->n = 0;
    sl_buf_reset(&r->held);
    struct sl_str in = slice;
    while (!r->over) {
        struct sse_piece piece;
        enum sse_result s = sse_next(&r->sse, &in, &piece);
        if (s == SSE_MORE)
            break;
        r->over = s == SSE_LIMIT || !take_piece(r, &piece, slice);
    }
    if (r->n > 0)
        note_line_end(r);
    *out_v = r->v;
    *out_n = r->n;
    if (!r->over)
        return RELAY_MORE;
    return r->state.saw_done ? RELAY_DONE : r->broken ? RELAY_BROKEN : RELAY_LIMIT;
}

bool relay_is_whole_data(struct sl_str data)
{
    return sl_str_eq(data, SL_STR("[DONE]")) || json_is(data, JSON_OBJECT);
}

bool relay_is_part_of_done(struct sl_str data)
{
    return data.n > 0 && sl_str_starts(SL_STR("[DONE]"), data);
}

/* The event that the scanner kept, as if its blank line had come. */
static void take_last(struct relay_same *r)
{
    struct sl_str in = SL_STR("\n\n");
    struct sse_piece piece;
    struct stream_event e;
    if (sse_next(&r->sse, &in, &piece) != SSE_PIECE || piece.kind != SSE_EVENT)
        return;
    if (!relay_is_whole_data(piece.data)) {
        r->rest_is_lost = !relay_is_part_of_done(piece.data);
        return;
    }
    r->dialect->stream_watch(r->memo, piece.name, piece.data, &e);
    bool ends = e.kind == SK_DONE || (e.finish && e.kind != SK_ERROR) || (e.kind == SK_USAGE && r->state.saw_finish);
    r->rest_is_lost = !ends; /* and what comes next did not come */
    if (!ends)
        return;
    count(r, &e);
    r->state.saw_done |= e.kind == SK_DONE;
    if (e.kind != SK_USAGE || !r->hide_usage)
        r->state.terminal = kept_event(r, &piece, piece.raw, "");
}

/* Nothing is missing but the event that says so, or a part of it. */
static bool end_here(struct relay_same *r, unsigned ending, enum rest_says rest)
{
    struct relay_state *s = &r->state;
    if (r->unended == NULL || s->saw_error || r->broken)
        return false;
    bool may = rest == REST_ENDS || (rest == REST_MAY_END && (ending & (RELAY_NO_MORE | RELAY_STRUCTURED)) != 0);
    if (!may)
        return false;
    if (!s->usage.found)
        s->usage = r->guess.of(r->guess.owner, r->told, s->output_bytes, s->events);
    s->terminal = r->dialect->unended_write(r->unended, &s->usage, (ending & RELAY_STRUCTURED) != 0);
    s->ended_here = s->terminal.n > 0;
    return s->ended_here;
}

/* It was not said, and some clients wait for it. */
static void add_done(struct relay_same *r)
{
    r->state.terminal = sl_arena_printf(r->arena, "%s" SL_STR_FMT SL_STR_FMT, r->cut_crlf ? "\n" : "",
                                        SL_STR_ARG(r->state.terminal), SL_STR_ARG(r->dialect->stream_done));
}

bool relay_same_end(struct relay_same *r, unsigned ending)
{
    enum rest_says rest = r->unended != NULL ? r->dialect->unended_rest(sse_rest(&r->sse)) : REST_IS_OTHER;
    if (!r->over && !r->state.saw_error && sse_rest(&r->sse).n > 0)
        take_last(r);
    r->over = true;
    bool lost = r->rest_is_lost && !((ending & RELAY_LONE) != 0 && r->state.saw_finish);
    bool whole = !r->state.saw_error && !lost && !r->broken && (r->state.saw_done || r->state.saw_finish);
    if (!whole && end_here(r, ending, rest))
        return true;
    if (whole && !r->state.saw_done && !r->array)
        add_done(r);
    if (whole && r->array)
        r->state.terminal =
            sl_arena_printf(r->arena, SL_STR_FMT "%s", SL_STR_ARG(r->state.terminal), r->in_array ? "]" : "[]");
    return whole;
}

bool relay_same_complete(const struct relay_same *r)
{
    if (r->state.saw_error)
        return false;
    if (r->state.saw_done)
        return true;
    return r->state.saw_finish && !r->over && sse_rest(&r->sse).n == 0;
}
