/* Writes Gemini's answers: whole, as a stream of events (CRLF, cumulative usage, no [DONE]), as a stream that is one JSON array, the
 * count of tokens. gemini.md 7, 8, 9, 11; recorded answers of 2026. */
#include "sim/gemini.h"

static const char *finish_text(const struct sim_call *c)
{
    return c->finish == FINISH_LENGTH ? "MAX_TOKENS" : "STOP"; /* also for calls and for stop sequences */
}

static bool tells_usage(const struct sim_call *c)
{
    return sim_fault_marked(c, MARK_NO_USAGE) == NULL;
}

static void make_ids(struct sim_call *c)
{
    if (c->id[0] == 0)
        sim_make_id(c, c->id, "", 22);
}

/* Thoughts are told apart from the visible answer, and cached tokens are part of the prompt's. */
static void add_usage(struct sim_call *c, struct sl_buf *b, uint32_t shown, bool last)
{
    bool vertex = c->carrier == CARRIER_VERTEX;
    if (!tells_usage(c))
        return;
    if (vertex && !last) {
        sl_buf_adds(b, SL_STR(",\"usageMetadata\": {\"trafficType\": \"ON_DEMAND\"}"));
        return;
    }
    sl_buf_addf(b, ",\"usageMetadata\": {\"promptTokenCount\": %u", c->prompt);
    if (shown > 0)
        sl_buf_addf(b, ",\"candidatesTokenCount\": %u", shown);
    sl_buf_addf(b, ",\"totalTokenCount\": %u", c->prompt + shown + c->reasoning);
    if (c->cached > 0)
        sl_buf_addf(b, ",\"cachedContentTokenCount\": %u", c->cached);
    sl_buf_addf(b, ",\"promptTokensDetails\": [{\"modality\": \"TEXT\",\"tokenCount\": %u}]", c->prompt);
    if (c->cached > 0)
        sl_buf_addf(b, ",\"cacheTokensDetails\": [{\"modality\": \"TEXT\",\"tokenCount\": %u}]", c->cached);
    if (c->reasoning > 0)
        sl_buf_addf(b, ",\"thoughtsTokenCount\": %u", c->reasoning);
    sl_buf_adds(b, vertex ? SL_STR(",\"trafficType\": \"ON_DEMAND\"}") : SL_STR(",\"serviceTier\": \"standard\"}"));
    c->usage_sent = true;
}

static void add_end(struct sim_call *c, struct sl_buf *b)
{
    sl_buf_adds(b, SL_STR(",\"modelVersion\": "));
    sl_buf_add_json(b, c->snapshot);
    if (c->carrier == CARRIER_VERTEX)
        sl_buf_adds(b, SL_STR(",\"createTime\": \"2026-11-21T00:00:00.000000Z\""));
    sl_buf_addf(b, ",\"responseId\": \"%s\"}", c->id);
}

static void add_signature(struct sim_call *c, struct sl_buf *b, struct sl_str bound)
{
    if (c->thinks)
        sl_buf_addf(b, ",\"thoughtSignature\": \"" SL_STR_FMT "\"",
                    SL_STR_ARG(sim_sign(c, SIGNER_GOOGLE, c->nonce, bound)));
}

static void add_call(struct sim_call *c, struct sl_buf *b, unsigned tool)
{
    const struct sim_tool *t = &c->tools[tool];
    sl_buf_adds(b, SL_STR("{\"functionCall\": {\"name\": "));
    sl_buf_add_json(b, t->name);
    sl_buf_adds(b, SL_STR(",\"args\": "));
    sl_buf_adds(b, t->arguments);
    if (c->carrier == CARRIER_OWN)
        sl_buf_addf(b, ",\"id\": \"" SL_STR_FMT "%02u\"", SL_STR_ARG(sl_str_head(sl_str_c(c->id), 6)), tool);
    sl_buf_addc(b, '}');
    if (tool == 0) /* of calls in one turn the first has it */
        add_signature(c, b, sl_arena_printf(c->s->arena, "call:" SL_STR_FMT, SL_STR_ARG(t->name)));
    sl_buf_addc(b, '}');
}

/* ---- whole ---- */

static void add_part(struct sim_call *c, struct sl_buf *b, const struct sim_part *p)
{
    switch (p->kind) {
    case PART_THINK:
        sl_buf_adds(b, SL_STR("{\"text\": "));
        sim_add_think(c, b, 0, c->think_pieces);
        sl_buf_adds(b, SL_STR(",\"thought\": true}"));
        return;
    case PART_TEXT:
        sl_buf_adds(b, SL_STR("{\"text\": "));
        sim_add_text(c, b, 0, c->text_pieces);
        if (c->n_tools == 0)
            add_signature(c, b, SL_STR("text"));
        sl_buf_addc(b, '}');
        return;
    case PART_TOOL:
        add_call(c, b, p->tool);
        return;
    }
}

static void write_count(struct sim_call *c, struct sl_buf *b)
{
    sl_buf_addf(b, "{\"totalTokens\": %u", c->prompt);
    if (c->carrier == CARRIER_VERTEX)
        sl_buf_addf(b, ",\"totalBillableCharacters\": %u", c->prompt * 4);
    sl_buf_addf(b, ",\"promptTokensDetails\": [{\"modality\": \"TEXT\",\"tokenCount\": %u}]}", c->prompt);
}

static void add_candidate(struct sim_call *c, struct sl_buf *b, uint32_t index)
{
    sl_buf_adds(b, index > 0 ? SL_STR(",{\"content\": {") : SL_STR("{\"content\": {"));
    for (unsigned i = 0; i < c->n_parts; i++) {
        sl_buf_adds(b, i > 0 ? SL_STR(",") : SL_STR("\"parts\": ["));
        add_part(c, b, &c->parts[i]);
    }
    sl_buf_adds(b, c->n_parts > 0 ? SL_STR("],\"role\": \"model\"}") : SL_STR("\"role\": \"model\"}"));
    sl_buf_addf(b, ",\"finishReason\": \"%s\",\"index\": %u", finish_text(c), index);
    if (c->n_tools > 0)
        sl_buf_adds(b, SL_STR(",\"finishMessage\": \"Model generated function call(s).\""));
    sl_buf_addc(b, '}');
}

static void write_whole(struct sim_call *c, struct sl_buf *b)
{
    if (c->count) {
        write_count(c, b);
        return;
    }
    make_ids(c);
    sl_buf_adds(b, SL_STR("{\"candidates\": ["));
    for (uint32_t i = 0; i < c->n; i++)
        add_candidate(c, b, i);
    sl_buf_addc(b, ']');
    add_usage(c, b, c->tokens * c->n, true);
    add_end(c, b);
}

/* ---- stream ---- */

static struct sl_str end_of_chunk(const struct sim_call *c)
{
    /* Google's events end in CRLF: the fault is the other way */
    return c->array ? SL_STR_NONE : sim_fault_marked(c, MARK_CRLF) != NULL ? SL_STR("\n\n") : SL_STR("\r\n\r\n");
}

static void begin_chunk(struct sim_call *c, struct sl_buf *b)
{
    if (c->array)
        sl_buf_adds(b, c->event == 0 ? SL_STR("[") : SL_STR(",\r\n"));
    else
        sl_buf_adds(b, SL_STR("data: "));
    sl_buf_adds(b, SL_STR("{\"candidates\": [{\"content\": {\"parts\": ["));
}

static void end_chunk(struct sim_call *c, struct sl_buf *b, bool last)
{
    sl_buf_adds(b, SL_STR("],\"role\": \"model\"}"));
    if (last)
        sl_buf_addf(b, ",\"finishReason\": \"%s\"", finish_text(c));
    sl_buf_adds(b, SL_STR(",\"index\": 0}]"));
    add_usage(c, b, sim_shown_tokens(c), last);
    add_end(c, b);
    sl_buf_adds(b, end_of_chunk(c));
}

static void write_piece(struct sim_call *c, struct sl_buf *b, struct sim_beat at)
{
    const struct sim_part *p = &c->parts[at.part];
    if (p->kind == PART_TOOL)
        return; /* calls come whole, as they begin */
    begin_chunk(c, b);
    sl_buf_adds(b, SL_STR("{\"text\": "));
    if (p->kind == PART_THINK) {
        sim_add_think(c, b, at.piece, at.piece + 1);
        sl_buf_adds(b, SL_STR(",\"thought\": true"));
    } else {
        sim_add_text(c, b, at.piece, at.piece + 1);
    }
    sl_buf_addc(b, '}');
    end_chunk(c, b, false);
}

static bool write_finish(struct sim_call *c, struct sl_buf *b, struct sim_beat at)
{
    if (sim_fault_marked(c, MARK_NO_DONE) != NULL)
        return false;
    if (at.sub == 1) {
        sl_buf_addc(b, ']');
        return false;
    }
    begin_chunk(c, b);
    sl_buf_adds(b, SL_STR("{\"text\": \"\""));
    if (c->n_tools == 0)
        add_signature(c, b, SL_STR("text"));
    sl_buf_addc(b, '}');
    end_chunk(c, b, true);
    return c->array;
}

static bool write_beat(struct sim_call *c, struct sl_buf *b, struct sim_beat at)
{
    switch (at.kind) {
    case BEAT_BEGIN:
        make_ids(c);
        return false;
    case BEAT_OPEN:
        if (c->parts[at.part].kind != PART_TOOL)
            return false;
        begin_chunk(c, b);
        add_call(c, b, c->parts[at.part].tool);
        end_chunk(c, b, false);
        return false;
    case BEAT_PIECE:
        write_piece(c, b, at);
        return false;
    case BEAT_FINISH:
        return write_finish(c, b, at);
    case BEAT_CLOSE:
    case BEAT_OVER:
        break;
    }
    return false;
}

static bool write_event(struct sim_call *c, struct sl_buf *b)
{
    return sim_beat_event(c, b, write_beat);
}

static void add_garbage(struct sim_call *c, struct sl_buf *b)
{
    if (c->array)
        sl_buf_adds(b, c->event == 0 ? SL_STR("[{\"no\" \xff JSON}") : SL_STR(",{\"no\" \xff JSON}"));
    else
        sl_buf_adds(b, SL_STR("data: {\"candidates\": this is \xff no JSON\r\n\r\n"));
}

static void add_trouble(struct sim_call *c, struct sl_buf *b)
{
    if (c->array)
        sl_buf_adds(b, c->event == 0 ? SL_STR("[") : SL_STR(",\r\n"));
    else
        sl_buf_adds(b, SL_STR("data: "));
    sl_buf_adds(b,
                SL_STR("{\"error\": {\"code\": 503,\"message\": \"The model is overloaded. Please try again later.\","
                       "\"status\": \"UNAVAILABLE\"}}"));
    sl_buf_adds(b, c->array ? SL_STR("]") : SL_STR("\r\n\r\n"));
}

static void add_comment(struct sim_call *c, struct sl_buf *b)
{
    if (c->array)
        sl_buf_adds(b, SL_STR(" \r\n"));
    else
        sim_sse_comments(c, b);
}

const struct sim_format sim_gemini = {
    .name = "gemini",
    .vendor = VENDOR_GOOGLE,
    .read = gemini_read,
    .whole = write_whole,
    .event = write_event,
    .paced = sim_beat_paced,
    .garbage = add_garbage,
    .trouble = add_trouble,
    .comments = add_comment,
    .type = SL_STR_INIT("application/json; charset=UTF-8"),
    .stream_type = SL_STR_INIT("text/event-stream"),
};
