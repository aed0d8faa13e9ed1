/* Chat and completions of OpenAI: openai.md 6.6, 6.7 and 9. Everything that does not change between the chunks of a call is made
 * once (chunk_head). */
#include "sim/sim_int.h"

static struct sl_str finish_text(const struct sim_call *c)
{
    switch (c->finish) {
    case FINISH_LENGTH:
        return SL_STR("\"length\"");
    case FINISH_TOOLS:
        return SL_STR("\"tool_calls\"");
    case FINISH_STOP:
    case FINISH_SEQUENCE:
        break;
    }
    return SL_STR("\"stop\"");
}

static void add_usage(struct sim_call *c, struct sl_buf *b)
{
    uint64_t completion = sim_completion_tokens(c);
    sl_buf_adds(b, SL_STR("{\"prompt_tokens\":"));
    sl_buf_add_u64(b, c->prompt);
    sl_buf_adds(b, SL_STR(",\"completion_tokens\":"));
    sl_buf_add_u64(b, completion);
    sl_buf_adds(b, SL_STR(",\"total_tokens\":"));
    sl_buf_add_u64(b, c->prompt + completion);
    sl_buf_adds(b, SL_STR(",\"prompt_tokens_details\":{\"cached_tokens\":"));
    sl_buf_add_u64(b, c->cached);
    sl_buf_adds(b, SL_STR(",\"audio_tokens\":0},\"completion_tokens_details\":{\"reasoning_tokens\":"));
    sl_buf_add_u64(b, c->reasoning);
    sl_buf_adds(b, SL_STR(",\"audio_tokens\":0,\"accepted_prediction_tokens\":0,\"rejected_prediction_tokens\":0}}"));
    c->usage_sent = true;
}

/* "{" to "choices":[ ; the same for whole answers and for each chunk. */
static void add_start(const struct sim_call *c, struct sl_buf *b, struct sl_str object)
{
    sl_buf_adds(b, SL_STR("{\"id\":\""));
    sl_buf_adds(b, sl_str_c(c->id));
    sl_buf_adds(b, SL_STR("\",\"object\":\""));
    sl_buf_adds(b, object);
    sl_buf_adds(b, SL_STR("\",\"created\":"));
    sl_buf_add_i64(b, c->created);
    sl_buf_adds(b, SL_STR(",\"model\":"));
    sl_buf_add_json(b, c->snapshot);
    if (c->kind == SIM_CHAT) {
        sl_buf_adds(b, SL_STR(",\"service_tier\":\""));
        sl_buf_adds(b, c->tier);
        sl_buf_addc(b, '"');
    }
    sl_buf_adds(b, SL_STR(",\"system_fingerprint\":\"fp_sluice_sim\",\"choices\":["));
}

static void add_tools(const struct sim_call *c, struct sl_buf *b, uint32_t choice)
{
    sl_buf_adds(b, SL_STR(",\"tool_calls\":["));
    for (unsigned i = 0; i < c->n_tools; i++) {
        const struct sim_tool *t = &c->tools[i];
        sl_buf_addf(b, "%s{\"id\":\"call_%s_%u_%u\",\"type\":\"%s\",\"%s\":{\"name\":", i > 0 ? "," : "", c->id + 9,
                    choice, i, t->custom ? "custom" : "function", t->custom ? "custom" : "function");
        sl_buf_add_json(b, t->name);
        sl_buf_adds(b, t->custom ? SL_STR(",\"input\":") : SL_STR(",\"arguments\":"));
        sl_buf_add_json(b, t->arguments);
        sl_buf_adds(b, SL_STR("}}"));
    }
    sl_buf_addc(b, ']');
}

static void add_message(struct sim_call *c, struct sl_buf *b, uint32_t choice)
{
    sl_buf_adds(b, SL_STR("\"message\":{\"role\":\"assistant\",\"content\":"));
    if (c->text_pieces == 0 && c->n_tools > 0)
        sl_buf_adds(b, SL_STR("null"));
    else
        sim_add_text(c, b, 0, c->text_pieces);
    if (c->think_pieces > 0) {
        sl_buf_adds(b, SL_STR(",\"reasoning_content\":"));
        sim_add_think(c, b, 0, c->think_pieces);
    }
    sl_buf_adds(b, SL_STR(",\"refusal\":null"));
    if (c->n_tools > 0)
        add_tools(c, b, choice);
    sl_buf_adds(b, SL_STR(",\"annotations\":[]}"));
}

/* The text of a completion; with echo, the prompt comes first. */
static void add_completion(struct sim_call *c, struct sl_buf *b, uint32_t choice)
{
    sl_buf_adds(b, SL_STR("\"text\":"));
    if (!c->echo) {
        sim_add_text(c, b, 0, c->text_pieces);
        return;
    }
    sl_buf_add_json(b, c->prompt_texts[choice / c->n]);
    if (!b->over)
        b->n--; /* the closing quote: the text goes on */
    size_t at = b->n;
    sim_add_text(c, b, 0, c->text_pieces);
    if (!b->over)
        b->p[at] = ' '; /* the opening quote */
}

static void add_choice(struct sim_call *c, struct sl_buf *b, uint32_t choice)
{
    sl_buf_adds(b, choice > 0 ? SL_STR(",{\"index\":") : SL_STR("{\"index\":"));
    sl_buf_add_u64(b, choice);
    sl_buf_addc(b, ',');
    if (c->kind == SIM_CHAT)
        add_message(c, b, choice);
    else
        add_completion(c, b, choice);
    sl_buf_adds(b, SL_STR(",\"logprobs\":null,\"finish_reason\":"));
    sl_buf_adds(b, finish_text(c));
    sl_buf_addc(b, '}');
}

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

/* ---- chunks ---- */

static void make_head(struct sim_call *c)
{
    struct sl_buf b;
    sl_buf_init(&b, 8192);
    sl_buf_adds(&b, SL_STR("data: "));
    add_start(c, &b, c->kind == SIM_CHAT ? SL_STR("chat.completion.chunk") : SL_STR("text_completion"));
    c->chunk_head = sl_arena_str(c->s->arena, sl_buf_str(&b));
    sl_buf_done(&b);
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
    sl_buf_adds(b, sim_end_of_event(c));
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

/* Piece k of a choice: the reasoning first, then the text, then the calls. */
static void add_piece(struct sim_call *c, struct sl_buf *b, uint32_t choice, uint32_t k)
{
    begin_choice(c, b, choice);
    if (k < c->think_pieces) {
        sl_buf_adds(b, SL_STR("\"reasoning_content\":"));
        sim_add_think(c, b, k, k + 1);
    } else if (k >= c->think_pieces + c->text_pieces) {
        add_tool_piece(c, b, choice, k - c->think_pieces - c->text_pieces);
    } else {
        k -= c->think_pieces;
        sl_buf_adds(b, c->kind == SIM_CHAT ? SL_STR("\"content\":") : SL_STR(",\"text\":"));
        sim_add_text(c, b, k, k + 1);
    }
    end_choice(c, b, SL_STR("null"));
}

/* Tokens of a call are all its own from the first piece on: a provider made it whole. */
static void count_piece(struct sim_call *c, uint32_t k)
{
    if (k < c->think_pieces)
        return;
    if (k < c->think_pieces + c->text_pieces)
        c->out_tokens++;
    else if (k == c->think_pieces + c->text_pieces)
        c->out_tokens += c->tokens - c->text_pieces;
}

/* n roles (chat) | pieces of all choices in turn | n finish chunks | usage, when asked for | [DONE] */
static bool add_event(struct sim_call *c, struct sl_buf *b)
{
    uint32_t event = c->event, of = choices(c), body = of * c->pieces;
    if (c->chunk_head.n == 0)
        make_head(c);
    if (event < roles(c)) {
        begin_choice(c, b, event);
        sl_buf_adds(b, c->text_pieces == 0 && c->n_tools > 0
                           ? SL_STR("\"role\":\"assistant\",\"content\":null,\"refusal\":null")
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
        end_choice(c, b, finish_text(c));
        return true;
    }
    event -= of;
    if (says_usage(c) && event-- == 0) {
        sl_buf_adds(b, c->chunk_head);
        sl_buf_adds(b, SL_STR("],\"usage\":"));
        add_usage(c, b);
        end_chunk(c, b);
        return true;
    }
    if (event > 0 || sim_fault_marked(c, MARK_NO_DONE) != NULL)
        return false;
    sl_buf_adds(b, SL_STR("data: [DONE]"));
    sl_buf_adds(b, sim_end_of_event(c));
    return true;
}

static void write_whole(struct sim_call *c, struct sl_buf *b)
{
    add_start(c, b, c->kind == SIM_CHAT ? SL_STR("chat.completion") : SL_STR("text_completion"));
    for (uint32_t i = 0; i < c->n * c->prompts; i++)
        add_choice(c, b, i);
    sl_buf_addc(b, ']');
    if (sim_fault_marked(c, MARK_NO_USAGE) == NULL) {
        sl_buf_adds(b, SL_STR(",\"usage\":"));
        add_usage(c, b);
    }
    sl_buf_addc(b, '}');
}

/* Roles and what follows the last piece take no time. */
static bool is_paced(const struct sim_call *c)
{
    return c->event >= roles(c) && c->event < roles(c) + choices(c) * c->pieces;
}

static void add_garbage(struct sim_call *c, struct sl_buf *b)
{
    (void)c;
    sl_buf_adds(b, SL_STR("data: {\"id\": this is \xff no JSON\n\n"));
}

static void add_trouble(struct sim_call *c, struct sl_buf *b)
{
    (void)c;
    sl_buf_adds(b, SL_STR("data: {\"error\":{\"message\":\"The server had an error while processing your request.\","
                          "\"type\":\"server_error\",\"param\":null,\"code\":null}}\n\n"));
}

#define FORMAT(what, reader)                                                                                           \
    {                                                                                                                  \
        .name = (what), .read = (reader), .whole = write_whole, .event = add_event, .paced = is_paced,                 \
        .garbage = add_garbage, .trouble = add_trouble, .comments = sim_sse_comments,                                  \
        .type = SL_STR_INIT("application/json"), .stream_type = SL_STR_INIT("text/event-stream; charset=utf-8")        \
    }
const struct sim_format sim_chat = FORMAT("openai-chat", sim_chat_read);
const struct sim_format sim_completion = FORMAT("openai-completions", sim_chat_read);
const struct sim_format sim_embeddings = FORMAT("openai-embeddings", sim_chat_read);
