/* Streams: openai.md 6.7. Events are numbered from 0:
 *
 *   n roles (chat) | pieces of all choices in turn | n finish chunks | usage, when asked for | [DONE]
 *
 * One at a time as the clock says, or as many as fit when there is no latency. Everything that does not change between
 * the chunks of a call is made once (chunk_head). */
#include "sim/sim_int.h"

#define BATCH_BYTES 16384u /* without latency: bytes in one write */

enum next {
    NEXT_MORE = 0,
    NEXT_END,
    NEXT_STALL,
    NEXT_CUT,
    NEXT_CLOSE,
    NEXT_RESET
};

static uint32_t choices(const struct sim_call *c)
{
    return c->n * c->prompts;
}

static uint32_t roles(const struct sim_call *c)
{
    return c->kind == SIM_CHAT ? choices(c) : 0;
}

static bool says_usage(const struct sim_call *c)
{
    return c->include_usage && sim_fault_marked(c, MARK_NO_USAGE) == NULL;
}

static struct sl_str end_of_event(const struct sim_call *c)
{
    return sim_fault_marked(c, MARK_CRLF) != NULL ? SL_STR("\r\n\r\n") : SL_STR("\n\n");
}

/* ---- chunks ---- */

static void make_head(struct sim_call *c)
{
    struct sl_buf *b = &c->sim->out;
    sl_buf_reset(b);
    sl_buf_adds(b, SL_STR("data: "));
    sim_add_start(c, b, c->kind == SIM_CHAT ? SL_STR("chat.completion.chunk") : SL_STR("text_completion"));
    c->chunk_head = sl_arena_str(c->s->arena, sl_buf_str(b));
}

static void begin_choice(const struct sim_call *c, struct sl_buf *b, uint32_t choice)
{
    sl_buf_adds(b, c->chunk_head);
    sl_buf_adds(b, SL_STR("{\"index\":"));
    sl_buf_add_u64(b, choice);
    if (c->kind == SIM_CHAT)
        sl_buf_adds(b, SL_STR(",\"delta\":{"));
}

/* Random padding against guessing text from lengths. */
static void add_obfuscation(struct sim_call *c, struct sl_buf *b)
{
    static const char noise[] = "K7vQ2mXp9LrT4wZc8BnY3sHd6JfG1kVaR5tEuNx0";
    size_t n = 1 + sl_rand_below(&c->sim->rand, 12), from = sl_rand_below(&c->sim->rand, sizeof noise - 13);
    sl_buf_adds(b, SL_STR(",\"obfuscation\":\""));
    sl_buf_add(b, noise + from, n);
    sl_buf_addc(b, '"');
}

static void end_chunk(struct sim_call *c, struct sl_buf *b)
{
    if (c->obfuscate)
        add_obfuscation(c, b);
    sl_buf_addc(b, '}');
    sl_buf_adds(b, end_of_event(c));
}

static void end_choice(struct sim_call *c, struct sl_buf *b, struct sl_str finish)
{
    if (c->kind == SIM_CHAT)
        sl_buf_addc(b, '}');
    sl_buf_adds(b, SL_STR(",\"logprobs\":null,\"finish_reason\":"));
    sl_buf_adds(b, finish);
    sl_buf_adds(b, says_usage(c) ? SL_STR("}],\"usage\":null") : SL_STR("}]"));
    end_chunk(c, b);
}

/* Piece k of the calls of a choice: a call's name first, then its arguments. */
static void add_tool_piece(const struct sim_call *c, struct sl_buf *b, uint32_t choice, uint32_t k)
{
    unsigned i = 0;
    while (i + 1 < c->n_tools && k >= sim_tool_pieces(&c->tools[i]))
        k -= sim_tool_pieces(&c->tools[i++]);
    const struct sim_tool *t = &c->tools[i];
    const char *kind = t->custom ? "custom" : "function", *member = t->custom ? "input" : "arguments";
    if (k == 0) {
        sl_buf_addf(b, "\"tool_calls\":[{\"index\":%u,\"id\":\"call_%s_%u_%u\",\"type\":\"%s\",\"%s\":{\"name\":", i,
                    c->id + 9, choice, i, kind, kind);
        sl_buf_add_json(b, t->name);
        sl_buf_addf(b, ",\"%s\":\"\"}}]", member);
        return;
    }
    sl_buf_addf(b, "\"tool_calls\":[{\"index\":%u,\"%s\":{\"%s\":", i, kind, member);
    sl_buf_add_json(b, sim_piece(t, k - 1));
    sl_buf_adds(b, SL_STR("}}]"));
}

static void add_piece(struct sim_call *c, struct sl_buf *b, uint32_t choice, uint32_t k)
{
    begin_choice(c, b, choice);
    if (c->n_tools > 0) {
        add_tool_piece(c, b, choice, k);
    } else {
        sl_buf_adds(b, c->kind == SIM_CHAT ? SL_STR("\"content\":") : SL_STR(",\"text\":"));
        sim_add_text(c, b, k, k + 1);
    }
    end_choice(c, b, SL_STR("null"));
}

/* Tokens of a call are all its own from the first piece on: a provider made it whole. */
static void count_piece(struct sim_call *c, uint32_t k)
{
    if (c->n_tools == 0)
        c->out_tokens++;
    else if (k == 0)
        c->out_tokens += c->tokens;
}

/* The event's bytes. False: there is none with this number. */
static bool add_event(struct sim_call *c, struct sl_buf *b, uint32_t event)
{
    uint32_t of = choices(c), body = of * c->pieces;
    if (event < roles(c)) {
        begin_choice(c, b, event);
        sl_buf_adds(b, c->n_tools > 0 ? SL_STR("\"role\":\"assistant\",\"content\":null,\"refusal\":null")
                                      : SL_STR("\"role\":\"assistant\",\"content\":\"\",\"refusal\":null"));
        end_choice(c, b, SL_STR("null"));
        return true;
    }
    event -= roles(c);
    if (event < body) {
        add_piece(c, b, event % of, event / of);
        count_piece(c, event / of);
        return true;
    }
    event -= body;
    if (event < of) {
        begin_choice(c, b, event);
        if (c->kind != SIM_CHAT)
            sl_buf_adds(b, SL_STR(",\"text\":\"\""));
        end_choice(c, b, sim_finish_text(c));
        return true;
    }
    event -= of;
    if (says_usage(c) && event-- == 0) {
        sl_buf_adds(b, c->chunk_head);
        sl_buf_adds(b, SL_STR("],\"usage\":"));
        sim_add_usage(c, b);
        end_chunk(c, b);
        return true;
    }
    if (event > 0 || sim_fault_marked(c, MARK_NO_DONE) != NULL)
        return false;
    sl_buf_adds(b, SL_STR("data: [DONE]"));
    sl_buf_adds(b, end_of_event(c));
    return true;
}

/* ---- faults between events ---- */

static void add_comments(struct sl_buf *b, uint32_t event)
{
    static const struct sl_str comments[] = {
        SL_STR_INIT(": keep-alive\n\n"), SL_STR_INIT(": ping\n"),          SL_STR_INIT("\n"), SL_STR_INIT(":\n\n"),
        SL_STR_INIT("retry: 3000\n"),    SL_STR_INIT(": \xc3\xa9\r\n\r\n")};
    sl_buf_adds(b, comments[event % (sizeof comments / sizeof comments[0])]);
}

/* What a fault puts before the next event, or that it ends the stream here. */
static enum next fault_here(struct sim_call *c, struct sl_buf *b)
{
    for (unsigned i = 0; i < c->n_faults; i++) {
        const struct sim_active *a = &c->faults[i];
        if (a->fault->mark == MARK_COMMENTS)
            add_comments(b, c->event);
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
            sl_buf_adds(b, SL_STR("data: {\"id\": this is \xff no JSON\n\n"));
            break;
        case MARK_ERROR:
            sl_buf_adds(
                b, SL_STR("data: {\"error\":{\"message\":\"The server had an error while processing your request.\","
                          "\"type\":\"server_error\",\"param\":null,\"code\":null}}\n\n"));
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
    if (!add_event(c, b, c->event))
        return NEXT_END;
    c->event++;
    return NEXT_MORE;
}

/* ---- pace ---- */

/* When the next event is due; 0: now. Roles and what follows the last piece take no time. */
static bool is_paced(const struct sim_call *c)
{
    return c->sim->set.token_ns > 0 && c->event >= roles(c) && c->event < roles(c) + choices(c) * c->pieces;
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

void sim_stream_render(struct sim_call *c, struct sl_buf *out)
{
    while (!out->over && next_event(c, out) == NEXT_MORE)
        ;
}

void sim_stream_begin(struct sim_call *c)
{
    struct sl_str type = SL_STR("text/event-stream; charset=utf-8");
    struct sl_buf all;
    make_head(c);
    c->billed = true;
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
