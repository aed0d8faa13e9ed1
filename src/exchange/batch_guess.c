/* What a batch may have cost whose results cannot be had: from the lines of its input file, as they pass. An estimate, and marked as
 * one: input by the vocabulary, of the first COUNTED_BYTES, which stand for the rest, output as much as the line allows, or OUTPUT_GUESS
 * where it does not say. docs/internals/files.md. */
#include "base/mem.h"
#include "dialect/json_tree.h"
#include "exchange/batch_int.h"
#include "exchange/count_tokens.h"
#include "tokens/estimate.h"

#define MODELS_MAX 16u
#define MODEL_MAX 256u
#define OUTPUT_GUESS 1000u
#define OUTPUT_MAX 131072u
#define COUNTED_BYTES ((uint64_t)8 << 20) /* of bodies: 80 ms in all, while the file comes */

struct batch_guess {
    const struct tokens_set *tokens; /* borrow; NULL: none */
    struct sl_arena a;               /* own: models */
    struct sl_buf line;
    struct {
        struct sl_str model;
        uint64_t counted, as_bytes; /* tokens of the lines that were counted, and by their bytes */
        uint64_t by_bytes;          /* of the others */
        uint64_t output;
    } uses[MODELS_MAX];
    uint64_t bytes; /* counted so far */
    unsigned n, at;
};

struct batch_guess *batch_guess_new(const struct tokens_set *tokens)
{
    struct batch_guess *g = SL_NEW(struct batch_guess);
    g->tokens = tokens;
    sl_arena_init(&g->a, NULL);
    sl_buf_init(&g->line, BATCH_LINE_MAX);
    return g;
}

void batch_guess_free(struct batch_guess *g)
{
    if (g == NULL)
        return;
    sl_buf_done(&g->line);
    sl_arena_done(&g->a);
    sl_free(g);
}

struct line_use {
    uint64_t tokens;   /* counted; 0: not */
    uint64_t by_bytes; /* four a token */
    uint64_t output;
};

static void add(struct batch_guess *g, struct sl_str model, const struct line_use *u)
{
    unsigned i = 0;
    while (i < g->n && !sl_str_eq(g->uses[i].model, model))
        i++;
    if (i == MODELS_MAX)
        i = MODELS_MAX - 1;
    if (i == g->n)
        g->uses[g->n++].model = sl_arena_str(&g->a, sl_str_head(model, MODEL_MAX));
    g->uses[i].counted += u->tokens;
    *(u->tokens > 0 ? &g->uses[i].as_bytes : &g->uses[i].by_bytes) += u->by_bytes;
    g->uses[i].output += u->output;
}

static bool generates(struct sl_str url)
{
    static const struct sl_str none[] = {SL_STR_INIT("/embeddings"), SL_STR_INIT("/moderations")};
    for (size_t i = 0; i < sizeof none / sizeof none[0]; i++)
        if (url.n >= none[i].n && sl_str_eq(sl_str_from(url, url.n - none[i].n), none[i]))
            return false;
    return true;
}

static uint64_t count_body(struct batch_guess *g, struct sl_str url, struct sl_str model, struct sl_str body,
                           struct sl_arena *a)
{
    const struct http_request r = {
        .method = HTTP_POST, .method_text = SL_STR("POST"), .target = url, .path = url, .query = SL_STR_NONE};
    const struct request_facts facts = {.op = operation_of(&r).op, .model = model, .payload_bytes = body.n};
    const struct count_from from = {.op = facts.op, .body = body, .facts = &facts};
    if (g->bytes >= COUNTED_BYTES)
        return 0;
    g->bytes += body.n;
    return count_asked(g->tokens, &from, model, COUNT_ASKED_BYTES, a);
}

static void take_line(struct batch_guess *g)
{
    static const struct json_watch watches[] = {{SL_STR_INIT("url"), -1},
                                                {SL_STR_INIT("body"), -1},
                                                {SL_STR_INIT("model"), 1},
                                                {SL_STR_INIT("max_tokens"), 1},
                                                {SL_STR_INIT("max_completion_tokens"), 1},
                                                {SL_STR_INIT("max_output_tokens"), 1}};
    struct json_member m[6];
    struct json_info info;
    struct sl_arena scratch;
    struct sl_str line = sl_buf_str(&g->line);
    struct line_use u = {.output = OUTPUT_GUESS};
    uint64_t said;
    if (line.n == 0)
        return;
    sl_arena_init(&scratch, NULL);
    bool good = json_scan(line, watches, 6, m, &info) == JSON_OK && m[2].kind == JSON_STRING;
    for (int i = 3; i < 6 && good; i++)
        if (m[i].kind == JSON_NUMBER && sl_str_to_u64(json_raw(line, &m[i]), &said))
            u.output = said < OUTPUT_MAX ? said : OUTPUT_MAX;
    if (good) {
        struct sl_str url = json_plain(json_inside_if(line, &m[0]), &scratch), body = json_raw(line, &m[1]);
        struct sl_str model = json_plain(json_inside(line, &m[2]), &scratch);
        if (url.n > 0 && !generates(url))
            u.output = 0;
        u.by_bytes = tokens_estimate_input(body.n, 1);
        u.tokens = count_body(g, url, model, body, &scratch);
        add(g, model, &u);
    }
    sl_arena_done(&scratch);
    sl_buf_reset(&g->line);
}

/* A line that is too long to be read counts by what was kept of it, where another one told the model. */
void batch_guess_bytes(struct batch_guess *g, struct sl_str bytes)
{
    while (bytes.n > 0) {
        ptrdiff_t end = sl_str_find(bytes, '\n');
        size_t n = end < 0 ? bytes.n : (size_t)end;
        (void)sl_buf_add(&g->line, bytes.p, n);
        bytes = sl_str_from(bytes, end < 0 ? n : n + 1);
        if (end < 0)
            continue;
        const struct line_use over = {.by_bytes = tokens_estimate_input(g->line.n, 1), .output = OUTPUT_GUESS};
        if (g->line.over && g->n > 0)
            add(g, g->uses[0].model, &over);
        else
            take_line(g);
        sl_buf_reset(&g->line);
    }
}

static uint64_t share(uint64_t n, uint64_t done, uint64_t all)
{
    return all == 0 || done >= all ? n : (uint64_t)((unsigned __int128)n * done / all);
}

/* What was counted says how far bytes are from the truth. */
static uint64_t input_of(const struct batch_guess *g, unsigned i)
{
    uint64_t rest = g->uses[i].by_bytes;
    if (g->uses[i].as_bytes > 0)
        rest = (uint64_t)((unsigned __int128)rest * g->uses[i].counted / g->uses[i].as_bytes);
    return g->uses[i].counted + rest;
}

bool batch_guess_next(struct batch_guess *g, uint64_t done, uint64_t all, struct sl_str *out_model,
                      struct usage *out_usage)
{
    take_line(g);
    if (g->at == g->n)
        return false;
    *out_model = g->uses[g->at].model;
    *out_usage = (struct usage){.input = share(input_of(g, g->at), done, all),
                                .output = share(g->uses[g->at].output, done, all),
                                .flags = USAGE_ESTIMATED};
    g->at++;
    return true;
}
