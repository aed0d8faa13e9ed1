/* Writes Bedrock's Converse: whole, and in frames; metadata with the usage comes behind messageStop. bedrock.md 6.2, 6.3; recorded
 * answers of 2026. */
#include "sim/converse.h"
#include "sim/frames.h"

static const char *finish_text(const struct sim_call *c)
{
    switch (c->finish) {
    case FINISH_LENGTH:
        return "max_tokens";
    case FINISH_TOOLS:
        return "tool_use";
    case FINISH_SEQUENCE:
        return "stop_sequence";
    case FINISH_STOP:
        break;
    }
    return "end_turn";
}

static void make_ids(struct sim_call *c)
{
    if (c->id[0] != 0)
        return;
    sim_make_id(c, c->id, "tooluse_", 20);
    if (c->redacted)
        c->think_pieces = 0;
    if (c->thinks)
        c->signature = sim_sign(c, SIGNER_ANTHROPIC, c->nonce, c->redacted ? SL_STR("redacted") : sim_think_text(c));
}

static void add_usage(struct sim_call *c, struct sl_buf *b)
{
    uint32_t input = c->prompt - c->cached - c->written, output = c->tokens + c->reasoning;
    sl_buf_addf(b, "\"usage\":{\"inputTokens\":%u,\"outputTokens\":%u,\"totalTokens\":%u", input, output,
                c->prompt + output);
    if (c->cached + c->written > 0)
        sl_buf_addf(
            b,
            ",\"cacheReadInputTokens\":%u,\"cacheWriteInputTokens\":%u,\"cacheDetails\":[{\"ttl\":\"5m\",\"inputTokens\":%u},"
            "{\"ttl\":\"1h\",\"inputTokens\":%u}]",
            c->cached, c->written, c->written - c->written_1h, c->written_1h);
    sl_buf_adds(b, SL_STR(",\"serverToolUsage\":{}}"));
    c->usage_sent = true;
}

static void add_part(struct sim_call *c, struct sl_buf *b, const struct sim_part *p)
{
    const struct sim_tool *t = &c->tools[p->tool];
    switch (p->kind) {
    case PART_THINK:
        if (c->redacted) {
            sl_buf_addf(b, "{\"reasoningContent\":{\"redactedContent\":\"" SL_STR_FMT "\"}}", SL_STR_ARG(c->signature));
            return;
        }
        sl_buf_adds(b, SL_STR("{\"reasoningContent\":{\"reasoningText\":{\"text\":"));
        sim_add_think(c, b, 0, c->think_pieces);
        sl_buf_addf(b, ",\"signature\":\"" SL_STR_FMT "\"}}}", SL_STR_ARG(c->signature));
        return;
    case PART_TEXT:
        sl_buf_adds(b, SL_STR("{\"text\":"));
        sim_add_text(c, b, 0, c->text_pieces);
        sl_buf_addc(b, '}');
        return;
    case PART_TOOL:
        sl_buf_addf(b, "{\"toolUse\":{\"toolUseId\":\"%s%02u\",\"name\":", c->id, p->tool);
        sl_buf_add_json(b, t->name);
        sl_buf_adds(b, SL_STR(",\"input\":"));
        sl_buf_adds(b, t->arguments);
        sl_buf_adds(b, SL_STR("}}"));
        return;
    }
}

static void write_whole(struct sim_call *c, struct sl_buf *b)
{
    if (c->count) {
        sl_buf_addf(b, "{\"inputTokens\":%u}", c->prompt);
        return;
    }
    make_ids(c);
    sl_buf_adds(b, SL_STR("{\"metrics\":{\"latencyMs\":512},\"output\":{\"message\":{\"content\":["));
    for (unsigned i = 0; i < c->n_parts; i++) {
        sl_buf_adds(b, i > 0 ? SL_STR(",") : SL_STR_NONE);
        add_part(c, b, &c->parts[i]);
    }
    sl_buf_addf(b, "],\"role\":\"assistant\"}},\"stopReason\":\"%s\"", finish_text(c));
    if (sim_fault_marked(c, MARK_NO_USAGE) == NULL) {
        sl_buf_addc(b, ',');
        add_usage(c, b);
    }
    sl_buf_addc(b, '}');
}

/* ---- frames ---- */

/* Gives the event's name and its payload; NULL: this beat has none. */
static const char *open_payload(struct sim_call *c, struct sl_buf *b, struct sim_beat at)
{
    const struct sim_part *p = &c->parts[at.part];
    if (p->kind != PART_TOOL)
        return NULL; /* text and reasoning begin with their first piece */
    sl_buf_addf(b, "{\"contentBlockIndex\":%u,\"start\":{\"toolUse\":{\"toolUseId\":\"%s%02u\",\"name\":", at.part,
                c->id, p->tool);
    sl_buf_add_json(b, c->tools[p->tool].name);
    sl_buf_adds(b, SL_STR("}}}"));
    return "contentBlockStart";
}

static const char *piece_payload(struct sim_call *c, struct sl_buf *b, struct sim_beat at)
{
    const struct sim_part *p = &c->parts[at.part];
    sl_buf_addf(b, "{\"contentBlockIndex\":%u,\"delta\":", at.part);
    if (p->kind == PART_TEXT) {
        sl_buf_adds(b, SL_STR("{\"text\":"));
        sim_add_text(c, b, at.piece, at.piece + 1);
        sl_buf_adds(b, SL_STR("}}"));
    } else if (p->kind == PART_THINK) {
        sl_buf_adds(b, SL_STR("{\"reasoningContent\":{\"text\":"));
        sim_add_think(c, b, at.piece, at.piece + 1);
        sl_buf_adds(b, SL_STR("}}}"));
    } else {
        sl_buf_adds(b, SL_STR("{\"toolUse\":{\"input\":"));
        sl_buf_add_json(b, sim_piece(&c->tools[p->tool], at.piece));
        sl_buf_adds(b, SL_STR("}}}"));
    }
    return "contentBlockDelta";
}

static const char *close_payload(struct sim_call *c, struct sl_buf *b, struct sim_beat at)
{
    if (c->parts[at.part].kind == PART_THINK && at.sub == 0) {
        sl_buf_addf(b, "{\"contentBlockIndex\":%u,\"delta\":{\"reasoningContent\":{\"%s\":\"" SL_STR_FMT "\"}}}",
                    at.part, c->redacted ? "redactedContent" : "signature", SL_STR_ARG(c->signature));
        return "contentBlockDelta";
    }
    sl_buf_addf(b, "{\"contentBlockIndex\":%u}", at.part);
    return "contentBlockStop";
}

static const char *finish_payload(struct sim_call *c, struct sl_buf *b, struct sim_beat at)
{
    if (sim_fault_marked(c, MARK_NO_DONE) != NULL)
        return NULL;
    if (at.sub == 0) {
        sl_buf_addf(b, "{\"stopReason\":\"%s\"}", finish_text(c));
        return "messageStop";
    }
    if (sim_fault_marked(c, MARK_NO_USAGE) != NULL)
        return NULL;
    sl_buf_adds(b, SL_STR("{\"metrics\":{\"latencyMs\":512},"));
    add_usage(c, b);
    sl_buf_addc(b, '}');
    return "metadata";
}

static const char *payload_of(struct sim_call *c, struct sl_buf *b, struct sim_beat at)
{
    switch (at.kind) {
    case BEAT_BEGIN:
        make_ids(c);
        sl_buf_adds(b, SL_STR("{\"role\":\"assistant\"}"));
        return "messageStart";
    case BEAT_OPEN:
        return open_payload(c, b, at);
    case BEAT_PIECE:
        return piece_payload(c, b, at);
    case BEAT_CLOSE:
        return close_payload(c, b, at);
    case BEAT_FINISH:
        return finish_payload(c, b, at);
    case BEAT_OVER:
        break;
    }
    return NULL;
}

static bool write_beat(struct sim_call *c, struct sl_buf *b, struct sim_beat at)
{
    struct sl_buf payload;
    sl_buf_init(&payload, SIM_ANSWER_MAX);
    const char *kind = payload_of(c, &payload, at);
    if (kind != NULL)
        sim_frame_event(c, b, kind, sl_buf_str(&payload));
    sl_buf_done(&payload);
    bool signs = at.kind == BEAT_CLOSE && c->parts[at.part].kind == PART_THINK;
    return at.sub == 0 && (signs || (at.kind == BEAT_FINISH && kind != NULL));
}

static bool write_event(struct sim_call *c, struct sl_buf *b)
{
    return sim_beat_event(c, b, write_beat);
}

#define FORMAT(what, reader)                                                                                           \
    {                                                                                                                  \
        .name = (what), .vendor = VENDOR_AWS, .read = (reader), .whole = write_whole, .event = write_event,            \
        .paced = sim_beat_paced, .garbage = sim_frame_garbage, .trouble = sim_frame_trouble,                           \
        .comments = sim_frame_comment, .type = SL_STR_INIT("application/json"),                                        \
        .stream_type = SL_STR_INIT("application/vnd.amazon.eventstream")                                               \
    }
const struct sim_format sim_converse = FORMAT("bedrock-converse", converse_read);
const struct sim_format sim_bedrock_count = FORMAT("bedrock-count", bedrock_count_read);
