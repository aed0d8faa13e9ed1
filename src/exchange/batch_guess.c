/* What a batch may have cost whose results cannot be had: from the lines of its input file, as they pass. An estimate, and marked as
 * one: input by its bytes, output as much as the line allows, or OUTPUT_GUESS where it does not say. docs/internals/files.md. */
#include "base/mem.h"
#include "dialect/json_tree.h"
#include "exchange/batch_int.h"
#include "tokens/estimate.h"

#define MODELS_MAX 16u
#define MODEL_MAX 256u
#define OUTPUT_GUESS 1000u
#define OUTPUT_MAX 131072u

struct batch_guess {
    struct sl_arena a; /* own: models */
    struct sl_buf line;
    struct {
        struct sl_str model;
        uint64_t input, output;
    } uses[MODELS_MAX];
    unsigned n, at;
};

struct batch_guess *batch_guess_new(void)
{
    struct batch_guess *g = SL_NEW(struct batch_guess);
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

static void add(struct batch_guess *g, struct sl_str model, uint64_t input, uint64_t output)
{
    unsigned i = 0;
    while (i < g->n && !sl_str_eq(g->uses[i].model, model))
        i++;
    if (i == MODELS_MAX)
        i = MODELS_MAX - 1;
    if (i == g->n)
        g->uses[g->n++].model = sl_arena_str(&g->a, sl_str_head(model, MODEL_MAX));
    g->uses[i].input += input;
    g->uses[i].output += output;
}

static bool generates(struct sl_str url)
{
    static const struct sl_str none[] = {SL_STR_INIT("/embeddings"), SL_STR_INIT("/moderations")};
    for (size_t i = 0; i < sizeof none / sizeof none[0]; i++)
        if (url.n >= none[i].n && sl_str_eq(sl_str_from(url, url.n - none[i].n), none[i]))
            return false;
    return true;
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
    uint64_t output = OUTPUT_GUESS, said;
    if (line.n == 0)
        return;
    sl_arena_init(&scratch, NULL);
    bool good = json_scan(line, watches, 6, m, &info) == JSON_OK && m[2].kind == JSON_STRING;
    for (int i = 3; i < 6 && good; i++)
        if (m[i].kind == JSON_NUMBER && sl_str_to_u64(json_raw(line, &m[i]), &said))
            output = said < OUTPUT_MAX ? said : OUTPUT_MAX;
    if (good && m[0].kind == JSON_STRING && !generates(json_plain(json_inside(line, &m[0]), &scratch)))
        output = 0;
    if (good)
        add(g, json_plain(json_inside(line, &m[2]), &scratch), tokens_estimate_input(m[1].to - m[1].from, 1), output);
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
        if (g->line.over && g->n > 0)
            add(g, g->uses[0].model, tokens_estimate_input(g->line.n, 1), OUTPUT_GUESS);
        else
            take_line(g);
        sl_buf_reset(&g->line);
    }
}

static uint64_t share(uint64_t n, uint64_t done, uint64_t all)
{
    return all == 0 || done >= all ? n : (uint64_t)((unsigned __int128)n * done / all);
}

bool batch_guess_next(struct batch_guess *g, uint64_t done, uint64_t all, struct sl_str *out_model,
                      struct usage *out_usage)
{
    take_line(g);
    if (g->at == g->n)
        return false;
    *out_model = g->uses[g->at].model;
    *out_usage = (struct usage){.input = share(g->uses[g->at].input, done, all),
                                .output = share(g->uses[g->at].output, done, all),
                                .flags = USAGE_ESTIMATED};
    g->at++;
    return true;
}
