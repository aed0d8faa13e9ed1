/* Chat and completions of OpenAI: openai.md 6.6, 6.7 and 9. Everything that does not change between the chunks of a call is made
 * once (chunk_head). */
#include "sim/presets.h"

#define LONG_LINE 70000u /* bytes: more than 64 KiB */

static struct sl_str finish_text(const struct sim_call *c)
{
    switch (c->finish) {
    case FINISH_LENGTH:
        return SL_STR("\"length\"");
    case FINISH_TOOLS:
        return sim_has(c, HABIT_STOP_CALLS) ? SL_STR("\"stop\"") : SL_STR("\"tool_calls\"");
    case FINISH_STOP:
    case FINISH_SEQUENCE:
        break;
    }
    return SL_STR("\"stop\"");
}

/* What a server tells beside the three totals. */
static void add_usage_rest(const struct sim_call *c, struct sl_buf *b)
{
    switch (c->preset != NULL ? c->preset->usage : USAGE_OPENAI) {
    case USAGE_BARE:
        break;
    case USAGE_HIT_MISS:
        sl_buf_addf(b,
                    ",\"prompt_cache_hit_tokens\":%u,\"prompt_cache_miss_tokens\":%u,\"completion_tokens_details\":{"
                    "\"reasoning_tokens\":%u}",
                    c->cached, c->prompt - c->cached, c->reasoning);
        break;
    case USAGE_TOP:
        sl_buf_addf(b, ",\"cached_tokens\":%u,\"completion_tokens_details\":{\"reasoning_tokens\":%u}", c->cached,
                    c->reasoning);
        break;
    case USAGE_COST:
        sl_buf_addf(b,
                    ",\"cost\":0.00014,\"is_byok\":false,\"prompt_tokens_details\":{\"cached_tokens\":%u},"
                    "\"completion_tokens_details\":{\"reasoning_tokens\":%u}",
                    c->cached, c->reasoning);
        break;
    case USAGE_OPENAI:
        sl_buf_addf(b,
                    ",\"prompt_tokens_details\":{\"cached_tokens\":%u,\"audio_tokens\":0},"
                    "\"completion_tokens_details\":{\"reasoning_tokens\":%u,\"audio_tokens\":0,"
                    "\"accepted_prediction_tokens\":0,\"rejected_prediction_tokens\":0}",
                    c->cached, c->reasoning);
    }
}

static void add_usage(struct sim_call *c, struct sl_buf *b)
{
    uint64_t completion = sim_completion_tokens(c);
    sl_buf_adds(b, SL_STR("{\"prompt_tokens\":"));
    sl_buf_add_u64(b, c->prompt);
    sl_buf_adds(b, SL_STR(",\"completion_tokens\":"));
    sl_buf_add_u64(b, sim_has(c, HABIT_REASONING_APART) ? completion - c->reasoning : completion);
    sl_buf_adds(b, SL_STR(",\"total_tokens\":"));
    sl_buf_add_u64(b, c->prompt + completion);
    add_usage_rest(c, b);
    sl_buf_addc(b, '}');
    c->usage_sent = true;
}

/* "{" to "choices":[ ; the same for whole answers and for each chunk. */
static void add_start(const struct sim_call *c, struct sl_buf *b, struct sl_str object)
{
    sl_buf_adds(b, SL_STR("{\"id\":\""));
    sl_buf_adds(b, sim_has(c, HABIT_EMPTY_ID) ? SL_STR_NONE : sl_str_c(c->id));
    sl_buf_adds(b, SL_STR("\",\"object\":\""));
    sl_buf_adds(b, object);
    sl_buf_adds(b, SL_STR("\",\"created\":"));
    sl_buf_add_i64(b, c->created);
    sl_buf_adds(b, sim_has(c, HABIT_FLOAT_CREATED) ? SL_STR(".25") : SL_STR_NONE);
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

static const char *reasoning_of(const struct sim_call *c)
{
    return c->preset != NULL && c->preset->reasoning != NULL ? c->preset->reasoning : "reasoning_content";
}

static bool thinks_apart(const struct sim_call *c)
{
    return c->think_pieces > 0 && !sim_has(c, HABIT_THINK_IN_TEXT) && !sim_has(c, HABIT_THINK_IN_PARTS);
}

/* One text, of thinking and what follows. */
static void add_thinking_text(struct sim_call *c, struct sl_buf *b)
{
    size_t at;
    sl_buf_adds(b, SL_STR("\"<think>"));
    at = b->n;
    sim_add_think(c, b, 0, c->think_pieces);
    if (b->over)
        return;
    memmove(b->p + at, b->p + at + 1, b->n - at - 2); /* without its quotes */
    b->n -= 2;
    sl_buf_adds(b, SL_STR("</think>"));
    at = b->n;
    sim_add_text(c, b, 0, c->text_pieces);
    if (b->over)
        return;
    memmove(b->p + at, b->p + at + 1, b->n - at - 1);
    b->n--;
}

static void add_content(struct sim_call *c, struct sl_buf *b)
{
    bool parts = c->think_pieces > 0 && sim_has(c, HABIT_THINK_IN_PARTS);
    if (c->think_pieces > 0 && sim_has(c, HABIT_THINK_IN_TEXT)) {
        add_thinking_text(c, b);
        return;
    }
    if (parts) {
        sl_buf_adds(b, SL_STR("[{\"type\":\"thinking\",\"thinking\":[{\"type\":\"text\",\"text\":"));
        sim_add_think(c, b, 0, c->think_pieces);
        sl_buf_adds(b, SL_STR("}],\"closed\":true}"));
        if (c->text_pieces > 0) {
            sl_buf_adds(b, SL_STR(",{\"type\":\"text\",\"text\":"));
            sim_add_text(c, b, 0, c->text_pieces);
            sl_buf_addc(b, '}');
        }
        sl_buf_addc(b, ']');
    } else if (c->text_pieces == 0 && c->n_tools > 0) {
        sl_buf_adds(b, SL_STR("null"));
    } else {
        sim_add_text(c, b, 0, c->text_pieces);
    }
}

static void add_message(struct sim_call *c, struct sl_buf *b, uint32_t choice)
{
    sl_buf_adds(b, SL_STR("\"message\":{\"role\":\"assistant\",\"content\":"));
    add_content(c, b);
    if (thinks_apart(c)) {
        sl_buf_addf(b, ",\"%s\":", reasoning_of(c));
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

/* In a chunk of its own. */
static bool says_usage(const struct sim_call *c)
{
    bool asked = c->include_usage && !sim_has(c, HABIT_USAGE_EACH) && !sim_has(c, HABIT_USAGE_FINISH);
    return (asked || sim_has(c, HABIT_USAGE_LAST)) && sim_fault_marked(c, MARK_NO_USAGE) == NULL;
}

/* ---- chunks ---- */

static void make_head(struct sim_call *c)
{
    struct sl_buf b;
    sl_buf_init(&b, 8192);
    sl_buf_adds(&b, sim_has(c, HABIT_NO_SPACE) ? SL_STR("data:") : SL_STR("data: "));
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
    if (sim_has(c, HABIT_REPEATS_ROLE) && c->event >= roles(c))
        sl_buf_adds(b, SL_STR("\"role\":\"assistant\","));
}

/* The message so far, beside the delta: nobody shall count it twice. */
static void add_full_message(struct sim_call *c, struct sl_buf *b)
{
    uint32_t pieces = c->event > roles(c) ? c->event - roles(c) : 0;
    if (!sim_has(c, HABIT_FULL_MESSAGE))
        return;
    sl_buf_adds(b, SL_STR(",\"message\":{\"role\":\"assistant\",\"content\":"));
    sim_add_text(c, b, 0, pieces < c->text_pieces ? pieces : c->text_pieces);
    sl_buf_addc(b, '}');
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
    if (sim_has(c, HABIT_LONG_LINES) && c->event == 0) {
        char *fill = sl_buf_room(b, LONG_LINE + 16);
        if (fill != NULL) {
            memcpy(fill, ",\"prompt_ids\":\"", 15);
            memset(fill + 15, 'x', LONG_LINE);
            fill[15 + LONG_LINE] = '"';
            sl_buf_wrote(b, LONG_LINE + 16);
        }
    }
    sl_buf_addc(b, '}');
    sl_buf_adds(b, sim_end_of_event(c));
    if (sim_has(c, HABIT_EMPTY_LINES))
        sl_buf_addc(b, '\n');
}

/* Usage where it is told in chunks with content: what was made so far, and at last all of it. */
static void add_usage_now(struct sim_call *c, struct sl_buf *b, bool last)
{
    if (sim_fault_marked(c, MARK_NO_USAGE) != NULL)
        return;
    sl_buf_adds(b, SL_STR(",\"usage\":"));
    if (last)
        add_usage(c, b);
    else
        sl_buf_addf(b, "{\"prompt_tokens\":%u,\"completion_tokens\":%u,\"total_tokens\":%u}", c->prompt, c->event,
                    c->prompt + c->event);
}

static void end_choice(struct sim_call *c, struct sl_buf *b, struct sl_str finish)
{
    bool last = !sl_str_eq(finish, SL_STR("null"));
    if (c->kind == SIM_CHAT)
        sl_buf_addc(b, '}');
    add_full_message(c, b);
    sl_buf_adds(b, SL_STR(",\"logprobs\":null,\"finish_reason\":"));
    sl_buf_adds(b, !last && sim_has(c, HABIT_EMPTY_FINISH) ? SL_STR("\"\"") : finish);
    sl_buf_adds(b, SL_STR("}]"));
    if (sim_has(c, HABIT_USAGE_EACH) || (last && sim_has(c, HABIT_USAGE_FINISH)))
        add_usage_now(c, b, last);
    else if (says_usage(c))
        sl_buf_adds(b, SL_STR(",\"usage\":null"));
    end_chunk(c, b);
}

/* Without its index where the server has none: what is there is whole. */
static void add_whole_call(const struct sim_call *c, struct sl_buf *b, uint32_t choice, unsigned i)
{
    const struct sim_tool *t = &c->tools[i];
    sl_buf_adds(b, SL_STR("\"tool_calls\":[{"));
    if (!sim_has(c, HABIT_NO_INDEX))
        sl_buf_addf(b, "\"index\":%u,", i);
    if (c->preset != NULL && strcmp(c->preset->name, "mistral") == 0)
        sl_buf_addf(b, "\"id\":\"%.7s%u%u\",\"function\":{\"name\":", c->id + 9, choice % 10, i % 10);
    else
        sl_buf_addf(b, "\"id\":\"call_%s_%u_%u\",\"type\":\"function\",\"function\":{\"name\":", c->id + 9, choice, i);
    sl_buf_add_json(b, t->name);
    sl_buf_adds(b, SL_STR(",\"arguments\":"));
    sl_buf_add_json(b, t->arguments);
    sl_buf_adds(b, SL_STR("}}]"));
}

/* Piece k of the calls of a choice: a call's name first, then its arguments. */
static void add_tool_piece(const struct sim_call *c, struct sl_buf *b, uint32_t choice, uint32_t k)
{
    unsigned i = 0;
    while (i + 1 < c->n_tools && k >= sim_tool_pieces(&c->tools[i]))
        k -= sim_tool_pieces(&c->tools[i++]);
    const struct sim_tool *t = &c->tools[i];
    const char *kind = t->custom ? "custom" : "function", *member = t->custom ? "input" : "arguments";
    if (sim_has(c, HABIT_WHOLE_CALLS)) {
        if (k == 0)
            add_whole_call(c, b, choice, i);
        else
            sl_buf_adds(b, SL_STR("\"content\":\"\""));
        return;
    }
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

static void add_think_piece(struct sim_call *c, struct sl_buf *b, uint32_t k)
{
    if (sim_has(c, HABIT_THINK_IN_PARTS)) {
        sl_buf_adds(b, SL_STR("\"content\":[{\"type\":\"thinking\",\"thinking\":[{\"type\":\"text\",\"text\":"));
        sim_add_think(c, b, k, k + 1);
        sl_buf_adds(b, SL_STR("}]}]"));
        return;
    }
    if (!sim_has(c, HABIT_THINK_IN_TEXT)) {
        sl_buf_addf(b, "\"%s\":", reasoning_of(c));
        sim_add_think(c, b, k, k + 1);
        return;
    }
    sl_buf_adds(b, SL_STR("\"content\":"));
    size_t at = b->n;
    sim_add_think(c, b, k, k + 1);
    if (b->over)
        return;
    struct sl_str piece = sl_arena_str(c->s->arena, sl_str_of(b->p + at + 1, b->n - at - 2));
    b->n = at;
    sl_buf_addf(b, "\"%s" SL_STR_FMT "%s\"", k == 0 ? "<think>" : "", SL_STR_ARG(piece),
                k + 1 == c->think_pieces ? "</think>" : "");
}

/* Piece k of a choice: the reasoning first, then the text, then the calls. */
static void add_piece(struct sim_call *c, struct sl_buf *b, uint32_t choice, uint32_t k)
{
    begin_choice(c, b, choice);
    if (k < c->think_pieces) {
        add_think_piece(c, b, k);
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
    if (event == 0 && c->preset != NULL && c->preset->comment != NULL)
        sl_buf_adds(b, sl_str_c(c->preset->comment));
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
        else if (sim_has(c, HABIT_REPEATS_ROLE))
            sl_buf_adds(b, SL_STR("\"content\":\"\""));
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
    if (event > 0 || sim_has(c, HABIT_NO_DONE) || sim_fault_marked(c, MARK_NO_DONE) != NULL)
        return false;
    sl_buf_adds(b, SL_STR("data: [DONE]"));
    sl_buf_adds(b, sim_end_of_event(c));
    return true;
}

static void write_whole(struct sim_call *c, struct sl_buf *b)
{
    if (sim_has(c, HABIT_EMPTY_LINES)) /* while the request waited */
        sl_buf_adds(b, SL_STR("\n\n\n"));
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
