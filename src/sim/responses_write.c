/* Writes OpenAI's Responses: the object, and its stream with all events of a life, numbered without gaps. openai.md 7.5, 7.6;
 * recorded answers of 2026. */
#include "sim/responses.h"

static const struct responses_more *more_of(const struct sim_call *c)
{
    return c->more;
}

static bool is_cut(const struct sim_call *c)
{
    return c->finish == FINISH_LENGTH;
}

static void make_ids(struct sim_call *c)
{
    if (c->id[0] != 0)
        return;
    sim_make_id(c, c->id, "resp_", 40);
    if (c->thinks)
        c->signature = sim_sign(c, SIGNER_OPENAI, c->nonce, SL_STR("reasoning"));
}

struct sl_str responses_call_id(const struct sim_call *c, unsigned tool)
{
    return sl_arena_printf(c->s->arena, "call_%.22s%02u", c->id + 5, tool);
}

static void add_item_id(const struct sim_call *c, struct sl_buf *b, unsigned part)
{
    const struct sim_part *p = &c->parts[part];
    char reasoning[40];
    if (p->kind == PART_THINK) {
        responses_reasoning_id(c->nonce, reasoning);
        sl_buf_addf(b, "\"%s\"", reasoning);
        return;
    }
    const char *prefix = p->kind == PART_TEXT ? "msg" : c->tools[p->tool].custom ? "ctc" : "fc";
    sl_buf_addf(b, "\"%s_%.30s%02u\"", prefix, c->id + 5, part);
}

/* ---- items ---- */

static void add_reasoning(struct sim_call *c, struct sl_buf *b, unsigned part, bool done)
{
    sl_buf_adds(b, SL_STR("{\"id\":"));
    add_item_id(c, b, part);
    /* what comes first is not the last word: only the item that is done has what may be sent back */
    sl_buf_addf(b, ",\"type\":\"reasoning\",\"content\":[],\"encrypted_content\":\"" SL_STR_FMT "%s\",\"summary\":[",
                SL_STR_ARG(done ? c->signature : SL_STR("gAAAAAB")), done ? "" : "notyet");
    if (done && c->think_pieces > 0) {
        sl_buf_adds(b, SL_STR("{\"type\":\"summary_text\",\"text\":"));
        sim_add_think(c, b, 0, c->think_pieces);
        sl_buf_addc(b, '}');
    }
    sl_buf_adds(b, SL_STR("]}"));
}

static void add_text_part(struct sim_call *c, struct sl_buf *b, uint32_t pieces)
{
    sl_buf_adds(b, SL_STR("{\"type\":\"output_text\",\"annotations\":[],\"logprobs\":[],\"text\":"));
    if (pieces > 0)
        sim_add_text(c, b, 0, pieces);
    else
        sl_buf_adds(b, SL_STR("\"\""));
    sl_buf_addc(b, '}');
}

static void add_message(struct sim_call *c, struct sl_buf *b, unsigned part, bool done)
{
    sl_buf_adds(b, SL_STR("{\"id\":"));
    add_item_id(c, b, part);
    sl_buf_addf(b, ",\"type\":\"message\",\"status\":\"%s\",\"content\":[",
                !done       ? "in_progress"
                : is_cut(c) ? "incomplete"
                            : "completed");
    if (done)
        add_text_part(c, b, c->text_pieces);
    sl_buf_adds(b, SL_STR("]"));
    if (sim_openai_reasons(c))
        sl_buf_addf(b, ",\"phase\":\"%s\"", c->n_tools > 0 ? "commentary" : "final_answer");
    sl_buf_adds(b, SL_STR(",\"role\":\"assistant\"}"));
}

static void add_call(struct sim_call *c, struct sl_buf *b, unsigned part, bool done)
{
    unsigned tool = c->parts[part].tool;
    const struct sim_tool *t = &c->tools[tool];
    sl_buf_adds(b, SL_STR("{\"id\":"));
    add_item_id(c, b, part);
    sl_buf_addf(b, ",\"type\":\"%s\",\"status\":\"%s\",\"%s\":", t->custom ? "custom_tool_call" : "function_call",
                done ? "completed" : "in_progress", t->custom ? "input" : "arguments");
    sl_buf_add_json(b, done ? t->arguments : SL_STR(""));
    sl_buf_addf(b, ",\"call_id\":\"" SL_STR_FMT "\",\"name\":", SL_STR_ARG(responses_call_id(c, tool)));
    sl_buf_add_json(b, t->name);
    sl_buf_addc(b, '}');
}

static void add_item(struct sim_call *c, struct sl_buf *b, unsigned part, bool done)
{
    switch (c->parts[part].kind) {
    case PART_THINK:
        add_reasoning(c, b, part, done);
        return;
    case PART_TEXT:
        add_message(c, b, part, done);
        return;
    case PART_TOOL:
        add_call(c, b, part, done);
        return;
    }
}

/* ---- the object ---- */

static void add_or(struct sl_buf *b, const char *name, struct sl_str value, const char *none)
{
    sl_buf_addf(b, ",\"%s\":", name);
    sl_buf_adds(b, value.n > 0 ? value : sl_str_c(none));
}

static void add_usage(struct sim_call *c, struct sl_buf *b)
{
    uint32_t output = c->tokens + c->reasoning;
    sl_buf_addf(
        b,
        ",\"usage\":{\"input_tokens\":%u,\"input_tokens_details\":{\"cached_tokens\":%u,\"cache_write_tokens\":0},"
        "\"output_tokens\":%u,\"output_tokens_details\":{\"reasoning_tokens\":%u},\"total_tokens\":%u}",
        c->prompt, c->cached, output, c->reasoning, c->prompt + output);
    c->usage_sent = true;
}

/* What of the request the object repeats. */
static void add_request(const struct sim_call *c, struct sl_buf *b)
{
    const struct responses_more *m = more_of(c);
    add_or(b, "instructions", m->instructions, "null");
    add_or(b, "max_output_tokens", m->most, "null");
    sl_buf_adds(b, SL_STR(",\"max_tool_calls\":null,\"model\":"));
    sl_buf_add_json(b, c->snapshot);
    add_or(b, "parallel_tool_calls", m->parallel, "true");
    add_or(b, "previous_response_id", m->previous, "null");
    add_or(b, "prompt_cache_key", m->cache_key, "null");
    sl_buf_adds(b, SL_STR(",\"reasoning\":{\"effort\":"));
    sl_buf_adds(b, m->effort.n > 0 ? m->effort : sim_openai_reasons(c) ? SL_STR("\"medium\"") : SL_STR("null"));
    add_or(b, "summary", m->summary, "null");
    sl_buf_addf(b, "},\"safety_identifier\":null,\"service_tier\":\"" SL_STR_FMT "\",\"store\":%s", SL_STR_ARG(c->tier),
                m->store ? "true" : "false");
    add_or(b, "temperature", m->temperature, "1.0");
    sl_buf_adds(b, SL_STR(",\"text\":{\"format\":"));
    sl_buf_adds(b, m->format.n > 0 ? m->format : SL_STR("{\"type\":\"text\"}"));
    add_or(b, "verbosity", m->verbosity, "\"medium\"");
    sl_buf_addc(b, '}');
    add_or(b, "tool_choice", m->choice, "\"auto\"");
    add_or(b, "tools", m->tools, "[]");
    sl_buf_adds(b, SL_STR(",\"top_logprobs\":0"));
    add_or(b, "top_p", m->top_p, "1.0");
    sl_buf_adds(b, SL_STR(",\"truncation\":\"disabled\""));
    add_or(b, "user", m->user, "null");
    add_or(b, "metadata", m->metadata, "{}");
}

static void add_object(struct sim_call *c, struct sl_buf *b, const char *status)
{
    const struct responses_more *m = c->more;
    bool over = status[0] != 'q' && (status[0] != 'i' || status[2] == 'c'); /* not "queued", "in_progress" */
    sl_buf_addf(b, "{\"id\":\"%s\",\"object\":\"response\",\"created_at\":%lld,\"status\":\"%s\",\"background\":%s,",
                c->id, (long long)c->created, status, m->background ? "true" : "false");
    if (over && !is_cut(c))
        sl_buf_addf(b, "\"completed_at\":%lld,", (long long)c->created);
    else
        sl_buf_adds(b, SL_STR("\"completed_at\":null,"));
    sl_buf_adds(b, SL_STR("\"error\":null,\"incomplete_details\":"));
    sl_buf_adds(b, over && is_cut(c) ? SL_STR("{\"reason\":\"max_output_tokens\"}") : SL_STR("null"));
    add_request(c, b);
    sl_buf_adds(b, SL_STR(",\"output\":["));
    for (unsigned i = 0; over && i < c->n_parts; i++) {
        sl_buf_adds(b, i > 0 ? SL_STR(",") : SL_STR_NONE);
        add_item(c, b, i, true);
    }
    sl_buf_addc(b, ']');
    if (over && sim_fault_marked(c, MARK_NO_USAGE) == NULL)
        add_usage(c, b);
    else
        sl_buf_adds(b, SL_STR(",\"usage\":null"));
    sl_buf_addc(b, '}');
}

static void write_whole(struct sim_call *c, struct sl_buf *b)
{
    if (c->count) {
        sl_buf_addf(b, "{\"object\":\"response.input_tokens\",\"input_tokens\":%u}", c->prompt);
        return;
    }
    size_t from = b->n;
    make_ids(c);
    add_object(c, b, is_cut(c) ? "incomplete" : "completed");
    if (!b->over)
        responses_keep(c, sl_str_of(b->p + from, b->n - from));
    const struct responses_more *m = c->more;
    if (!m->background)
        return;
    b->n = from; /* told when it is asked for */
    add_object(c, b, "queued");
}

/* ---- stream ---- */

static void begin_event(struct sim_call *c, struct sl_buf *b, const char *type)
{
    sl_buf_addf(b, "event: %s\ndata: {\"type\":\"%s\",\"sequence_number\":%u", type, type, c->event);
}

static void end_event(struct sim_call *c, struct sl_buf *b)
{
    sl_buf_addc(b, '}');
    sl_buf_adds(b, sim_end_of_event(c));
}

static void add_place(struct sim_call *c, struct sl_buf *b, unsigned part)
{
    sl_buf_adds(b, SL_STR(",\"item_id\":"));
    add_item_id(c, b, part);
    sl_buf_addf(b, ",\"output_index\":%u", part);
}

static void add_obfuscation(struct sim_call *c, struct sl_buf *b)
{
    static const char noise[] = "K7vQ2mXp9LrT4wZc8BnY3sHd6JfG1kVaR5tEuNx0";
    if (!c->obfuscate)
        return;
    size_t n = 1 + sl_rand_below(&c->sim->rand, 16), from = sl_rand_below(&c->sim->rand, sizeof noise - 18);
    sl_buf_adds(b, SL_STR(",\"obfuscation\":\""));
    sl_buf_add(b, noise + from, n);
    sl_buf_addc(b, '"');
}

static bool write_begin(struct sim_call *c, struct sl_buf *b, struct sim_beat at)
{
    make_ids(c);
    begin_event(c, b, at.sub == 0 ? "response.created" : "response.in_progress");
    sl_buf_adds(b, SL_STR(",\"response\":"));
    add_object(c, b, "in_progress");
    end_event(c, b);
    return at.sub == 0;
}

static bool write_open(struct sim_call *c, struct sl_buf *b, struct sim_beat at)
{
    enum sim_part_kind kind = c->parts[at.part].kind;
    if (at.sub == 0) {
        begin_event(c, b, "response.output_item.added");
        sl_buf_addf(b, ",\"output_index\":%u,\"item\":", at.part);
        add_item(c, b, at.part, false);
        end_event(c, b);
        return kind == PART_TEXT || (kind == PART_THINK && c->think_pieces > 0);
    }
    if (kind == PART_TEXT) {
        begin_event(c, b, "response.content_part.added");
        add_place(c, b, at.part);
        sl_buf_adds(b, SL_STR(",\"content_index\":0,\"part\":"));
        add_text_part(c, b, 0);
    } else {
        begin_event(c, b, "response.reasoning_summary_part.added");
        add_place(c, b, at.part);
        sl_buf_adds(b, SL_STR(",\"summary_index\":0,\"part\":{\"type\":\"summary_text\",\"text\":\"\"}"));
    }
    end_event(c, b);
    return false;
}

static void write_piece(struct sim_call *c, struct sl_buf *b, struct sim_beat at)
{
    const struct sim_part *p = &c->parts[at.part];
    const struct sim_tool *t = &c->tools[p->tool];
    begin_event(c, b,
                p->kind == PART_TEXT    ? "response.output_text.delta"
                : p->kind == PART_THINK ? "response.reasoning_summary_text.delta"
                : t->custom             ? "response.custom_tool_call_input.delta"
                                        : "response.function_call_arguments.delta");
    add_place(c, b, at.part);
    if (p->kind == PART_TEXT) {
        sl_buf_adds(b, SL_STR(",\"content_index\":0,\"logprobs\":[],\"delta\":"));
        sim_add_text(c, b, at.piece, at.piece + 1);
    } else if (p->kind == PART_THINK) {
        sl_buf_adds(b, SL_STR(",\"summary_index\":0,\"delta\":"));
        sim_add_think(c, b, at.piece, at.piece + 1);
    } else {
        sl_buf_adds(b, SL_STR(",\"delta\":"));
        sl_buf_add_json(b, sim_piece(t, at.piece));
    }
    add_obfuscation(c, b);
    end_event(c, b);
}

static void write_text_done(struct sim_call *c, struct sl_buf *b, struct sim_beat at)
{
    begin_event(c, b, at.sub == 0 ? "response.output_text.done" : "response.content_part.done");
    add_place(c, b, at.part);
    sl_buf_adds(b, SL_STR(",\"content_index\":0"));
    if (at.sub == 0) {
        sl_buf_adds(b, SL_STR(",\"logprobs\":[],\"text\":"));
        sim_add_text(c, b, 0, c->text_pieces);
    } else {
        sl_buf_adds(b, SL_STR(",\"part\":"));
        add_text_part(c, b, c->text_pieces);
    }
}

static void write_think_done(struct sim_call *c, struct sl_buf *b, struct sim_beat at)
{
    begin_event(c, b, at.sub == 0 ? "response.reasoning_summary_text.done" : "response.reasoning_summary_part.done");
    add_place(c, b, at.part);
    sl_buf_adds(b, at.sub == 0 ? SL_STR(",\"summary_index\":0,\"text\":")
                               : SL_STR(",\"summary_index\":0,\"part\":{\"type\":\"summary_text\",\"text\":"));
    sim_add_think(c, b, 0, c->think_pieces);
    sl_buf_adds(b, at.sub == 0 ? SL_STR_NONE : SL_STR("}"));
}

static void write_call_done(struct sim_call *c, struct sl_buf *b, struct sim_beat at)
{
    const struct sim_tool *t = &c->tools[c->parts[at.part].tool];
    begin_event(c, b, t->custom ? "response.custom_tool_call_input.done" : "response.function_call_arguments.done");
    add_place(c, b, at.part);
    sl_buf_addf(b, ",\"%s\":", t->custom ? "input" : "arguments");
    sl_buf_add_json(b, t->arguments);
}

static bool write_close(struct sim_call *c, struct sl_buf *b, struct sim_beat at)
{
    enum sim_part_kind kind = c->parts[at.part].kind;
    unsigned before = kind == PART_TEXT ? 2 : kind == PART_TOOL ? 1 : c->think_pieces > 0 ? 2 : 0;
    if (at.sub == before) {
        begin_event(c, b, "response.output_item.done");
        sl_buf_addf(b, ",\"output_index\":%u,\"item\":", at.part);
        add_item(c, b, at.part, true);
    } else if (kind == PART_TEXT) {
        write_text_done(c, b, at);
    } else if (kind == PART_THINK) {
        write_think_done(c, b, at);
    } else {
        write_call_done(c, b, at);
    }
    end_event(c, b);
    return at.sub < before;
}

static void write_finish(struct sim_call *c, struct sl_buf *b)
{
    const char *status = is_cut(c) ? "incomplete" : "completed";
    if (sim_fault_marked(c, MARK_NO_DONE) != NULL)
        return;
    begin_event(c, b, is_cut(c) ? "response.incomplete" : "response.completed");
    sl_buf_adds(b, SL_STR(",\"response\":"));
    size_t from = b->n;
    add_object(c, b, status);
    if (!b->over)
        responses_keep(c, sl_str_of(b->p + from, b->n - from));
    end_event(c, b);
}

static bool write_beat(struct sim_call *c, struct sl_buf *b, struct sim_beat at)
{
    switch (at.kind) {
    case BEAT_BEGIN:
        return write_begin(c, b, at);
    case BEAT_OPEN:
        return write_open(c, b, at);
    case BEAT_PIECE:
        write_piece(c, b, at);
        return false;
    case BEAT_CLOSE:
        return write_close(c, b, at);
    case BEAT_FINISH:
        write_finish(c, b);
        return false;
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
    sl_buf_adds(b, SL_STR("event: response.output_text.delta\ndata: {\"type\": this is \xff no JSON\n\n"));
}

/* The flat form that is documented, then the terminal event (openai.md 2.5). */
static void add_trouble(struct sim_call *c, struct sl_buf *b)
{
    sl_buf_addf(
        b,
        "event: error\ndata: {\"type\":\"error\",\"sequence_number\":%u,\"code\":\"server_error\",\"message\":\"The server "
        "had an error while processing your request.\",\"param\":null}\n\n",
        c->event);
    sl_buf_addf(
        b,
        "event: response.failed\ndata: {\"type\":\"response.failed\",\"sequence_number\":%u,\"response\":{\"id\":\"%s\","
        "\"object\":\"response\",\"created_at\":%lld,\"status\":\"failed\",\"error\":{\"code\":\"server_error\",\"message\":"
        "\"The server had an error while processing your request.\"},\"incomplete_details\":null,\"model\":",
        c->event + 1, c->id, (long long)c->created);
    sl_buf_add_json(b, c->snapshot);
    sl_buf_adds(b, SL_STR(",\"output\":[],\"usage\":null}}\n\n"));
}

const struct sim_format sim_responses = {
    .name = "openai-responses",
    .vendor = VENDOR_OPENAI,
    .read = responses_read,
    .whole = write_whole,
    .event = write_event,
    .paced = sim_beat_paced,
    .garbage = add_garbage,
    .trouble = add_trouble,
    .comments = sim_sse_comments,
    .type = SL_STR_INIT("application/json"),
    .stream_type = SL_STR_INIT("text/event-stream; charset=utf-8"),
};
