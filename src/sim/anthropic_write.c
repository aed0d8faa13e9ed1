/* Writes Anthropic's answers: a whole message, its stream (event lines, a ping, blanks behind the JSON as the API pads it), the
 * count of tokens; and the same stream in Bedrock's frames. anthropic.md 3, 4, 5; bedrock.md 4.2; recorded answers of 2026. */
#include "sim/anthropic.h"
#include "sim/frames.h"

#define PAD_MOST 15u

static struct sl_str finish_text(const struct sim_call *c)
{
    switch (c->finish) {
    case FINISH_LENGTH:
        return SL_STR("max_tokens");
    case FINISH_TOOLS:
        return SL_STR("tool_use");
    case FINISH_SEQUENCE:
        return SL_STR("stop_sequence");
    case FINISH_STOP:
        break;
    }
    return SL_STR("end_turn");
}

static void add_stopped_by(const struct sim_call *c, struct sl_buf *b)
{
    if (c->finish == FINISH_SEQUENCE)
        sl_buf_add_json(b, c->stopped_by);
    else
        sl_buf_adds(b, SL_STR("null"));
}

static const char *infix(const struct sim_call *c)
{
    return c->carrier == CARRIER_BEDROCK ? "bdrk_" : c->carrier == CARRIER_VERTEX ? "vrtx_" : "";
}

/* "usage":{...} up to the output; cache counts are not part of input_tokens. */
static void add_input(const struct sim_call *c, struct sl_buf *b)
{
    sl_buf_addf(b, "\"input_tokens\":%u,\"cache_creation_input_tokens\":%u,\"cache_read_input_tokens\":%u",
                c->prompt - c->cached - c->written, c->written, c->cached);
}

static void add_usage(struct sim_call *c, struct sl_buf *b, uint32_t output, bool whole)
{
    sl_buf_adds(b, SL_STR("\"usage\":{"));
    add_input(c, b);
    sl_buf_addf(b, ",\"cache_creation\":{\"ephemeral_5m_input_tokens\":%u,\"ephemeral_1h_input_tokens\":%u}",
                c->written - c->written_1h, c->written_1h);
    sl_buf_addf(b, ",\"output_tokens\":%u", output);
    if (whole)
        sl_buf_addf(b, ",\"output_tokens_details\":{\"thinking_tokens\":%u},\"server_tool_use\":null", c->reasoning);
    sl_buf_addf(b, ",\"service_tier\":\"standard\",\"inference_geo\":\"%s\"}",
                c->carrier == CARRIER_OWN ? "global" : "not_available");
    c->usage_sent = true;
}

static bool tells_usage(const struct sim_call *c)
{
    return sim_fault_marked(c, MARK_NO_USAGE) == NULL;
}

static void make_ids(struct sim_call *c)
{
    char *prefix = sl_arena_cstr(c->s->arena, sl_arena_printf(c->s->arena, "msg_%s01", infix(c)));
    if (c->id[0] != 0)
        return;
    sim_make_id(c, c->id, prefix, 22);
    struct sl_str bound = c->redacted ? SL_STR("redacted") : sim_think_text(c);
    if (c->thinks)
        c->signature = sim_sign(c, SIGNER_ANTHROPIC, c->nonce, bound);
}

static void add_tool_id(const struct sim_call *c, struct sl_buf *b, unsigned tool)
{
    sl_buf_addf(b, "\"toolu_%s01" SL_STR_FMT "%02u\"", infix(c), SL_STR_ARG(sl_str_head(sl_str_c(c->id + 10), 14)),
                tool);
}

/* ---- whole ---- */

static void add_part(struct sim_call *c, struct sl_buf *b, const struct sim_part *p)
{
    switch (p->kind) {
    case PART_THINK:
        if (c->redacted) {
            sl_buf_addf(b, "{\"type\":\"redacted_thinking\",\"data\":\"" SL_STR_FMT "\"}", SL_STR_ARG(c->signature));
            return;
        }
        sl_buf_adds(b, SL_STR("{\"type\":\"thinking\",\"thinking\":"));
        sim_add_think(c, b, 0, c->think_pieces);
        sl_buf_addf(b, ",\"signature\":\"" SL_STR_FMT "\"}", SL_STR_ARG(c->signature));
        return;
    case PART_TEXT:
        sl_buf_adds(b, SL_STR("{\"type\":\"text\",\"text\":"));
        sim_add_text(c, b, 0, c->text_pieces);
        sl_buf_addc(b, '}');
        return;
    case PART_TOOL:
        sl_buf_adds(b, SL_STR("{\"type\":\"tool_use\",\"id\":"));
        add_tool_id(c, b, p->tool);
        sl_buf_adds(b, SL_STR(",\"name\":"));
        sl_buf_add_json(b, c->tools[p->tool].name);
        sl_buf_adds(b, SL_STR(",\"input\":"));
        sl_buf_adds(b, c->tools[p->tool].arguments);
        sl_buf_adds(b, SL_STR(",\"caller\":{\"type\":\"direct\"}}"));
        return;
    }
}

static void add_begin(const struct sim_call *c, struct sl_buf *b)
{
    sl_buf_adds(b, SL_STR("{\"model\":"));
    sl_buf_add_json(b, c->snapshot);
    sl_buf_addf(b, ",\"id\":\"%s\",\"type\":\"message\",\"role\":\"assistant\",\"content\":[", c->id);
}

static void write_whole(struct sim_call *c, struct sl_buf *b)
{
    if (c->count) {
        sl_buf_addf(b, "{\"input_tokens\":%u}", c->prompt);
        return;
    }
    make_ids(c);
    if (c->redacted)
        c->think_pieces = 0;
    add_begin(c, b);
    for (unsigned i = 0; i < c->n_parts; i++) {
        sl_buf_adds(b, i > 0 ? SL_STR(",") : SL_STR_NONE);
        add_part(c, b, &c->parts[i]);
    }
    sl_buf_addf(b, "],\"stop_reason\":\"" SL_STR_FMT "\",\"stop_sequence\":", SL_STR_ARG(finish_text(c)));
    add_stopped_by(c, b);
    sl_buf_adds(b, SL_STR(",\"stop_details\":null"));
    if (tells_usage(c)) {
        sl_buf_addc(b, ',');
        add_usage(c, b, c->tokens + c->reasoning, true);
    }
    sl_buf_addc(b, '}');
}

/* ---- stream ---- */

static void begin_event(struct sl_buf *b, const char *type)
{
    sl_buf_addf(b, "event: %s\ndata: {\"type\":\"%s\"", type, type);
}

static void end_event(struct sim_call *c, struct sl_buf *b)
{
    static const char blanks[] = "               ";
    size_t n = sl_rand_below(&c->sim->rand, PAD_MOST);
    sl_buf_add(b, blanks, n);
    sl_buf_addc(b, '}');
    sl_buf_adds(b, sim_end_of_event(c));
}

static bool write_begin(struct sim_call *c, struct sl_buf *b)
{
    make_ids(c);
    if (c->redacted)
        c->think_pieces = 0;
    begin_event(b, "message_start");
    sl_buf_adds(b, SL_STR(",\"message\":"));
    add_begin(c, b);
    sl_buf_adds(b, SL_STR("],\"stop_reason\":null,\"stop_sequence\":null,\"stop_details\":null"));
    if (tells_usage(c)) {
        sl_buf_addc(b, ',');
        add_usage(c, b, 1, false);
    }
    sl_buf_addc(b, '}');
    end_event(c, b);
    return false;
}

static bool write_ping(struct sim_call *c, struct sl_buf *b)
{
    sl_buf_adds(b, SL_STR("event: ping\ndata: {\"type\": \"ping\"}"));
    sl_buf_adds(b, sim_end_of_event(c));
    return false;
}

static bool write_open(struct sim_call *c, struct sl_buf *b, struct sim_beat at)
{
    const struct sim_part *p = &c->parts[at.part];
    if (at.sub == 1)
        return write_ping(c, b);
    begin_event(b, "content_block_start");
    sl_buf_addf(b, ",\"index\":%u,\"content_block\":", at.part);
    if (p->kind == PART_TEXT) {
        sl_buf_adds(b, SL_STR("{\"type\":\"text\",\"text\":\"\"}"));
    } else if (p->kind == PART_THINK && c->redacted) {
        add_part(c, b, p);
    } else if (p->kind == PART_THINK) {
        sl_buf_adds(b, SL_STR("{\"type\":\"thinking\",\"thinking\":\"\",\"signature\":\"\"}"));
    } else {
        sl_buf_adds(b, SL_STR("{\"type\":\"tool_use\",\"id\":"));
        add_tool_id(c, b, p->tool);
        sl_buf_adds(b, SL_STR(",\"name\":"));
        sl_buf_add_json(b, c->tools[p->tool].name);
        sl_buf_adds(b, SL_STR(",\"input\":{},\"caller\":{\"type\":\"direct\"}}"));
    }
    end_event(c, b);
    return at.part == 0 && c->carrier != CARRIER_BEDROCK; /* the ping comes early; Bedrock has none */
}

static bool write_piece(struct sim_call *c, struct sl_buf *b, struct sim_beat at)
{
    const struct sim_part *p = &c->parts[at.part];
    /* a call's first piece is empty, as the API's is */
    bool empty_first = p->kind == PART_TOOL && at.piece == 0 && at.sub == 0;
    begin_event(b, "content_block_delta");
    sl_buf_addf(b, ",\"index\":%u,\"delta\":", at.part);
    if (p->kind == PART_TEXT) {
        sl_buf_adds(b, SL_STR("{\"type\":\"text_delta\",\"text\":"));
        sim_add_text(c, b, at.piece, at.piece + 1);
    } else if (p->kind == PART_THINK) {
        sl_buf_adds(b, SL_STR("{\"type\":\"thinking_delta\",\"thinking\":"));
        sim_add_think(c, b, at.piece, at.piece + 1);
    } else {
        sl_buf_adds(b, SL_STR("{\"type\":\"input_json_delta\",\"partial_json\":"));
        sl_buf_add_json(b, empty_first ? SL_STR("") : sim_piece(&c->tools[p->tool], at.piece));
    }
    sl_buf_addc(b, '}');
    end_event(c, b);
    return empty_first;
}

static bool write_close(struct sim_call *c, struct sl_buf *b, struct sim_beat at)
{
    bool sign = c->parts[at.part].kind == PART_THINK && !c->redacted && at.sub == 0;
    if (sign) {
        begin_event(b, "content_block_delta");
        sl_buf_addf(b, ",\"index\":%u,\"delta\":{\"type\":\"signature_delta\",\"signature\":\"" SL_STR_FMT "\"}",
                    at.part, SL_STR_ARG(c->signature));
    } else {
        begin_event(b, "content_block_stop");
        sl_buf_addf(b, ",\"index\":%u", at.part);
    }
    end_event(c, b);
    return sign;
}

static void add_metrics(const struct sim_call *c, struct sl_buf *b)
{
    sl_buf_addf(b,
                ",\"amazon-bedrock-invocationMetrics\":{\"inputTokenCount\":%u,\"outputTokenCount\":%u,"
                "\"invocationLatency\":512,\"firstByteLatency\":128,\"cacheReadInputTokenCount\":%u,"
                "\"cacheWriteInputTokenCount\":%u}",
                c->prompt - c->cached - c->written, c->tokens + c->reasoning, c->cached, c->written);
}

static bool write_finish(struct sim_call *c, struct sl_buf *b, struct sim_beat at)
{
    if (at.sub == 0) {
        begin_event(b, "message_delta");
        sl_buf_addf(b, ",\"delta\":{\"stop_reason\":\"" SL_STR_FMT "\",\"stop_sequence\":", SL_STR_ARG(finish_text(c)));
        add_stopped_by(c, b);
        sl_buf_adds(b, SL_STR(",\"stop_details\":null}"));
        if (tells_usage(c)) {
            sl_buf_adds(b, SL_STR(",\"usage\":{"));
            add_input(c, b);
            sl_buf_addf(b, ",\"output_tokens\":%u,\"output_tokens_details\":{\"thinking_tokens\":%u}}",
                        sim_shown_tokens(c) + c->reasoning, c->reasoning);
        }
        end_event(c, b);
        return sim_fault_marked(c, MARK_NO_DONE) == NULL;
    }
    begin_event(b, "message_stop");
    if (c->carrier == CARRIER_BEDROCK && tells_usage(c))
        add_metrics(c, b);
    end_event(c, b);
    return false;
}

static bool write_beat(struct sim_call *c, struct sl_buf *b, struct sim_beat at)
{
    switch (at.kind) {
    case BEAT_BEGIN:
        return write_begin(c, b);
    case BEAT_OPEN:
        return write_open(c, b, at);
    case BEAT_PIECE:
        return write_piece(c, b, at);
    case BEAT_CLOSE:
        return write_close(c, b, at);
    case BEAT_FINISH:
        return write_finish(c, b, at);
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
    (void)c;
    sl_buf_adds(b, SL_STR("event: content_block_delta\ndata: {\"type\": this is \xff no JSON\n\n"));
}

static void add_trouble(struct sim_call *c, struct sl_buf *b)
{
    sl_buf_addf(b,
                "event: error\ndata: {\"type\":\"error\",\"error\":{\"details\":null,\"type\":\"overloaded_error\","
                "\"message\":\"Overloaded\"},\"request_id\":\"" SL_STR_FMT "\"}\n\n",
                SL_STR_ARG(sim_request_id(c)));
}

const struct sim_format sim_anthropic = {
    .name = "anthropic",
    .vendor = VENDOR_ANTHROPIC,
    .read = claude_read,
    .whole = write_whole,
    .event = write_event,
    .paced = sim_beat_paced,
    .garbage = add_garbage,
    .trouble = add_trouble,
    .comments = sim_sse_comments,
    .type = SL_STR_INIT("application/json"),
    .stream_type = SL_STR_INIT("text/event-stream; charset=utf-8"),
};

/* ---- in Bedrock's frames ---- */

static bool write_framed(struct sim_call *c, struct sl_buf *b)
{
    struct sl_buf plain;
    sl_buf_init(&plain, SIM_ANSWER_MAX);
    bool more = sim_beat_event(c, &plain, write_beat);
    struct sl_str event = sl_buf_str(&plain);
    ptrdiff_t data = sl_str_find_str(event, SL_STR("\ndata: "));
    if (more && data >= 0) {
        event = sl_str_from(event, (size_t)data + 7);
        ptrdiff_t end = sl_str_find(event, '\n');
        event = sl_str_head(event, end > 0 && event.p[end - 1] == '\r' ? (size_t)end - 1 : (size_t)end);
        sim_frame_chunk(c, b, event);
    }
    sl_buf_done(&plain);
    return more;
}

const struct sim_format sim_claude_frames = {
    .name = "anthropic",
    .vendor = VENDOR_AWS,
    .read = claude_read,
    .whole = write_whole,
    .event = write_framed,
    .paced = sim_beat_paced,
    .garbage = sim_frame_garbage,
    .trouble = sim_frame_trouble,
    .comments = sim_frame_comment,
    .type = SL_STR_INIT("application/json"),
    .stream_type = SL_STR_INIT("application/vnd.amazon.eventstream"),
};
