/* Streams. Events are numbered from 0, as the format makes them: one at a time as the clock says, or as many as fit when there is no
 * latency. */
#include "sim/presets.h"

#define BATCH_BYTES 16384u /* without latency: bytes in one write */

enum next {
    NEXT_MORE = 0,
    NEXT_END,
    NEXT_STALL,
    NEXT_CUT,
    NEXT_CLOSE,
    NEXT_RESET
};

struct sl_str sim_end_of_event(const struct sim_call *c)
{
    bool crlf = sim_has(c, HABIT_CRLF) || sim_fault_marked(c, MARK_CRLF) != NULL;
    if (sim_has(c, HABIT_PADDED))
        return crlf ? SL_STR("    \r\n\r\n") : SL_STR("    \n\n");
    return crlf ? SL_STR("\r\n\r\n") : SL_STR("\n\n");
}

/* ---- faults between events ---- */

void sim_sse_comments(struct sim_call *c, struct sl_buf *b)
{
    static const struct sl_str comments[] = {
        SL_STR_INIT(": keep-alive\n\n"), SL_STR_INIT(": ping\n"),          SL_STR_INIT("\n"), SL_STR_INIT(":\n\n"),
        SL_STR_INIT("retry: 3000\n"),    SL_STR_INIT(": \xc3\xa9\r\n\r\n")};
    sl_buf_adds(b, comments[c->event % (sizeof comments / sizeof comments[0])]);
}

/* What a fault puts before the next event, or that it ends the stream here. */
static enum next fault_here(struct sim_call *c, struct sl_buf *b)
{
    for (unsigned i = 0; i < c->n_faults; i++) {
        const struct sim_active *a = &c->faults[i];
        if (a->fault->mark == MARK_COMMENTS)
            c->format->comments(c, b);
        if (a->fault->stage != STAGE_STREAM || a->arg != (int64_t)c->event)
            continue;
        switch (a->fault->mark) {
        case MARK_STALL:
            return NEXT_STALL;
        case MARK_CUT:
            return NEXT_CUT;
        case MARK_CLOSE:
            return NEXT_CLOSE;
        case MARK_RESET:
            return NEXT_RESET;
        case MARK_GARBAGE:
            c->format->garbage(c, b);
            break;
        case MARK_ERROR:
            c->format->trouble(c, b);
            return NEXT_CUT;
        default:
            break;
        }
    }
    return NEXT_MORE;
}

static enum next next_event(struct sim_call *c, struct sl_buf *b)
{
    enum next n = fault_here(c, b);
    if (n != NEXT_MORE)
        return n;
    if (!c->format->event(c, b))
        return NEXT_END;
    c->event++;
    return NEXT_MORE;
}

/* ---- pace ---- */

/* Whether the next event has to wait for its time. */
static bool is_paced(const struct sim_call *c)
{
    return c->sim->set.token_ns > 0 && c->format->paced(c);
}

static void set_next(struct sim_call *c)
{
    int64_t ns = c->sim->set.token_ns;
    uint64_t span = (uint64_t)ns / 100 * c->sim->set.jitter_percent;
    c->next_ns += ns + (int64_t)sl_rand_below(&c->sim->rand, span + 1);
}

static void end_stream(struct sim_call *c, enum next how)
{
    switch (how) {
    case NEXT_END:
    case NEXT_CUT:
        sim_send(c, SL_STR_NONE, true);
        sim_finish(c, how == NEXT_END);
        return;
    case NEXT_CLOSE:
        sim_raw(c, SL_STR_NONE, true);
        sim_finish(c, false);
        return;
    case NEXT_RESET:
        c->stopped = true;
        sim_after(c, 2 * SL_MS, sim_reset); /* what was sent arrives first */
        return;
    case NEXT_STALL:
        c->stopped = true;
        return;
    case NEXT_MORE:
        return;
    }
}

void sim_stream_go(struct sim_call *c)
{
    struct sl_buf *b = &c->sim->out;
    enum next n = NEXT_MORE;
    while (n == NEXT_MORE && !c->released && http_stream_room(c->s) > 0) {
        sl_buf_reset(b);
        if (c->sim->set.token_ns > 0) {
            if (is_paced(c) && c->next_ns > sl_loop_now(c->sim->loop)) {
                sim_after(c, c->next_ns - sl_loop_now(c->sim->loop), sim_stream_go);
                return;
            }
            if (is_paced(c))
                set_next(c);
            n = next_event(c, b);
        } else {
            while (n == NEXT_MORE && b->n < BATCH_BYTES)
                n = next_event(c, b);
        }
        if (b->n > 0)
            sim_send(c, sl_buf_str(b), false);
    }
    if (n != NEXT_MORE && !c->released)
        end_stream(c, n);
}

/* All of it, for faults that handle bytes. */
static void sim_stream_render(struct sim_call *c, struct sl_buf *out)
{
    while (!out->over && next_event(c, out) == NEXT_MORE)
        ;
}

void sim_stream_begin(struct sim_call *c)
{
    struct sl_str type = c->array ? c->format->type : c->format->stream_type;
    struct sl_buf all;
    c->billed = c->streaming = true;
    c->next_ns = sl_loop_now(c->sim->loop);
    for (unsigned i = 0; i < c->n_faults; i++) {
        if (c->faults[i].fault->stage != STAGE_BYTES)
            continue;
        sl_buf_init(&all, SIM_ANSWER_MAX);
        sim_stream_render(c, &all);
        c->stopped = true;
        bool taken = sim_fault_bytes(c, sl_buf_str(&all), type); /* c may be gone behind it */
        SL_CHECK(taken);
        sl_buf_done(&all);
        return;
    }
    sim_head(c, 200, type, HTTP_LENGTH_NONE, NULL);
    sim_stream_go(c);
}
