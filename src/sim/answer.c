/* Answers of chat and completions that are not streamed, and the parts that streams share with them. Shapes: openai.md 6.6, 9. */
#include "sim/sim_int.h"

#define PIECE_BYTES 4u /* of JSON text, as request.c counts it */

static const struct sl_str words[] = {
    SL_STR_INIT(" the"),    SL_STR_INIT(" quick"), SL_STR_INIT(" brown"), SL_STR_INIT(" fox"),   SL_STR_INIT(" jumps"),
    SL_STR_INIT(" over"),   SL_STR_INIT(" a"),     SL_STR_INIT(" lazy"),  SL_STR_INIT(" dog"),   SL_STR_INIT(" while"),
    SL_STR_INIT(" seven"),  SL_STR_INIT(" green"), SL_STR_INIT(" birds"), SL_STR_INIT(" sing"),  SL_STR_INIT(" very"),
    SL_STR_INIT(" softly"), SL_STR_INIT(" under"), SL_STR_INIT(" old"),   SL_STR_INIT(" trees"), SL_STR_INIT(" near"),
    SL_STR_INIT(" calm"),   SL_STR_INIT(" water"), SL_STR_INIT(" at"),    SL_STR_INIT(" dawn"),
};
#define N_WORDS (sizeof words / sizeof words[0])

uint64_t sim_completion_tokens(const struct sim_call *c)
{
    return (uint64_t)c->tokens * c->n * c->prompts + c->reasoning;
}

static size_t text_cut(struct sl_str s, uint64_t at)
{
    size_t i = at < s.n ? (size_t)at : s.n;
    while (i < s.n && i > 0 && ((unsigned char)s.p[i] & 0xc0) == 0x80)
        i--;
    return i;
}

void sim_add_text(struct sim_call *c, struct sl_buf *b, uint32_t from, uint32_t to)
{
    if (c->text.n > 0) {
        size_t a = text_cut(c->text, (uint64_t)from * PIECE_BYTES), z = text_cut(c->text, (uint64_t)to * PIECE_BYTES);
        sl_buf_add_json(b, sl_str_of(c->text.p + a, z - a));
        return;
    }
    sl_buf_addc(b, '"');
    for (uint32_t i = from; i < to; i++)
        sl_buf_adds(b, i == 0 ? SL_STR("[simulated]") : words[(i - 1) % N_WORDS]);
    sl_buf_addc(b, '"');
}

struct sl_str sim_finish_text(const struct sim_call *c)
{
    switch (c->finish) {
    case FINISH_LENGTH:
        return SL_STR("\"length\"");
    case FINISH_TOOLS:
        return SL_STR("\"tool_calls\"");
    case FINISH_STOP:
        break;
    }
    return SL_STR("\"stop\"");
}

void sim_add_usage(struct sim_call *c, struct sl_buf *b)
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
void sim_add_start(const struct sim_call *c, struct sl_buf *b, struct sl_str object)
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
    if (c->n_tools > 0)
        sl_buf_adds(b, SL_STR("null"));
    else
        sim_add_text(c, b, 0, c->pieces);
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
        sim_add_text(c, b, 0, c->pieces);
        return;
    }
    sl_buf_add_json(b, c->prompt_texts[choice / c->n]);
    if (!b->over)
        b->n--; /* the closing quote: the text goes on */
    size_t at = b->n;
    sim_add_text(c, b, 0, c->pieces);
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
    sl_buf_adds(b, sim_finish_text(c));
    sl_buf_addc(b, '}');
}

static void answer_whole(struct sim_call *c)
{
    struct sl_buf *b = &c->sim->out;
    sl_buf_reset(b);
    sim_add_start(c, b, c->kind == SIM_CHAT ? SL_STR("chat.completion") : SL_STR("text_completion"));
    for (uint32_t i = 0; i < c->n * c->prompts; i++)
        add_choice(c, b, i);
    sl_buf_addc(b, ']');
    c->billed = true;
    c->out_tokens = sim_completion_tokens(c) - c->reasoning;
    if (sim_fault_marked(c, MARK_NO_USAGE) == NULL) {
        sl_buf_adds(b, SL_STR(",\"usage\":"));
        sim_add_usage(c, b);
    }
    sl_buf_addc(b, '}');
    if (b->over) {
        c->billed = c->usage_sent = false;
        sim_refuse(c, &sim_error_too_large);
        return;
    }
    if (!sim_fault_bytes(c, sl_buf_str(b), SIM_JSON))
        sim_answer(c, 200, SIM_JSON, sl_buf_str(b));
}

static int64_t with_jitter(struct sim *s, int64_t ns)
{
    uint64_t span = (uint64_t)ns / 100 * s->set.jitter_percent;
    return ns + (int64_t)sl_rand_below(&s->rand, span + 1);
}

static void make_id(struct sim_call *c)
{
    static const char digits[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789xX";
    const char *prefix = c->kind == SIM_CHAT ? "chatcmpl-" : "cmpl-";
    size_t n = strlen(prefix);
    uint64_t r[3] = {sl_rand_next(&c->sim->rand), sl_rand_next(&c->sim->rand), sl_rand_next(&c->sim->rand)};
    memcpy(c->id, prefix, n);
    for (unsigned i = 0; i < 29; i++) /* as long as the real ones; ten digits of six bits out of each number */
        c->id[n + i] = digits[r[i / 10] >> (6 * (i % 10)) & 63];
    c->id[n + 29] = 0;
}

void sim_answer_begin(struct sim_call *c)
{
    const struct sim_settings *set = &c->sim->set;
    int64_t wait = set->ttft_ns > 0 ? with_jitter(c->sim, set->ttft_ns) : 0;
    make_id(c);
    c->created = sl_loop_wall(c->sim->loop) / SL_SEC;
    if (!c->stream && set->token_ns > 0)
        wait += with_jitter(c->sim, set->token_ns * (int64_t)c->tokens);
    if (wait > 0)
        sim_after(c, wait, c->stream ? sim_stream_begin : answer_whole);
    else if (c->stream)
        sim_stream_begin(c);
    else
        answer_whole(c);
}
