/* OpenAI's embeddings at providers that have another form of them: Gemini (gemini.md 11.3), Cohere's own (v2/embed), Ark's models that
 * take pictures (seedance.md 18: all inputs of a call make one vector, so each goes alone). */
#include "dialect/other/pairs.h"

#define GEMINI_BATCH 100u
#define COHERE_BATCH 96u

static bool other_embed_wish(struct other_translation *t, struct embed_wish *out, struct request_refusal *r)
{
    const struct json_tree *tree = &t->look->tree;
    const struct json_node *format = other_member(t, SL_STR("encoding_format")),
                           *dimensions = other_member(t, SL_STR("dimensions"));
    *out = (struct embed_wish){.input = other_member(t, SL_STR("input"))};
    out->base64 = json_text_is(tree, format, SL_STR("base64"));
    if (format != NULL && !out->base64 && !json_text_is(tree, format, SL_STR("float")))
        return other_refuse(r, GE_MEMBER_VALUE, "encoding_format", "'encoding_format' must be float or base64.");
    if (dimensions != NULL && (!json_u64_of(tree, dimensions, &out->dimensions) || out->dimensions == 0))
        return other_refuse(r, GE_MEMBER_VALUE, "dimensions", "'dimensions' must be a whole number, at least 1.");
    for (JSON_EACH(tree, json_kind_of(out->input) == JSON_ARRAY ? out->input : NULL, it))
        if (it->kind != JSON_STRING)
            return other_refuse(r, GE_UNSUPPORTED, "input", "'input' must be texts for this model, not tokens.");
    return true;
}

bool other_embed_begin(struct other_translation *t, struct json_writer *w, struct embed_wish *out,
                       struct request_refusal *r)
{
    if (!other_embed_wish(t, out, r))
        return false;
    other_note_rest(t, "model input dimensions encoding_format input_type task fallback models route");
    jw_open(w, '{');
    return true;
}

const struct json_node *other_embed_text(const struct other_translation *t, const struct embed_wish *w,
                                         const struct json_node *before, uint32_t i)
{
    const struct json_tree *tree = &t->look->tree;
    if (i == t->count)
        return NULL;
    if (json_kind_of(w->input) == JSON_STRING)
        return w->input;
    if (before != NULL)
        return json_sibling(tree, before);
    const struct json_node *first = json_child(w->input);
    for (uint32_t k = 0; k < t->from && first != NULL; k++)
        first = json_sibling(tree, first);
    return first;
}

/* input_type; inside. Empty: not said. */
static struct sl_str other_embed_type(const struct other_translation *t)
{
    return json_inside_of(&t->look->tree, other_member(t, SL_STR("input_type")));
}

/* -- Requests -------------------------------------------------------------------------------------------------------------- */

const char *other_embed_task(const struct other_translation *t)
{
    struct sl_str type = other_embed_type(t);
    static const struct {
        struct sl_str type;
        const char *task;
    } rows[] = {{SL_STR_INIT("search_query"), "RETRIEVAL_QUERY"},
                {SL_STR_INIT("search_document"), "RETRIEVAL_DOCUMENT"},
                {SL_STR_INIT("classification"), "CLASSIFICATION"},
                {SL_STR_INIT("clustering"), "CLUSTERING"}};
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++)
        if (sl_str_eq(rows[i].type, type))
            return rows[i].task;
    return NULL;
}

static bool write_gemini(struct other_translation *t, struct sl_buf *out, struct request_refusal *r)
{
    struct embed_wish wish;
    struct json_writer w = json_writer_on(out);
    const char *task = other_embed_task(t);
    const struct json_node *text = NULL;
    if (!other_embed_begin(t, &w, &wish, r))
        return false;
    jw_key(&w, SL_STR("requests"));
    jw_open(&w, '[');
    for (uint32_t i = 0; (text = other_embed_text(t, &wish, text, i)) != NULL; i++) {
        jw_open(&w, '{');
        jw_member_inside(&w, SL_STR("model"), other_google_model(t));
        jw_key(&w, SL_STR("content"));
        jw_raw(&w, SL_STR("{\"parts\":[{\"text\":"));
        sl_buf_adds(out, json_raw_of(&t->look->tree, text));
        sl_buf_adds(out, SL_STR("}]}"));
        if (task != NULL)
            jw_member_plain(&w, SL_STR("taskType"), sl_str_c(task));
        if (wish.dimensions > 0)
            jw_member_u64(&w, SL_STR("outputDimensionality"), wish.dimensions);
        jw_close(&w, '}');
    }
    jw_close(&w, ']');
    jw_close(&w, '}');
    return true;
}

void other_embed_cohere_end(struct other_translation *t, struct json_writer *w, const struct embed_wish *wish)
{
    struct sl_str type = other_embed_type(t);
    const struct json_node *text = NULL;
    jw_member_inside(w, SL_STR("input_type"), type.n > 0 ? type : SL_STR("search_document"));
    jw_member_raw(w, SL_STR("embedding_types"), SL_STR("[\"float\"]"));
    if (wish->dimensions > 0)
        jw_member_u64(w, SL_STR("output_dimension"), wish->dimensions);
    jw_key(w, SL_STR("texts"));
    jw_open(w, '[');
    for (uint32_t i = 0; (text = other_embed_text(t, wish, text, i)) != NULL; i++)
        jw_raw(w, json_raw_of(&t->look->tree, text));
    jw_close(w, ']');
    jw_close(w, '}');
}

static bool write_cohere(struct other_translation *t, struct sl_buf *out, struct request_refusal *r)
{
    struct embed_wish wish;
    struct json_writer w = json_writer_on(out);
    if (!other_embed_begin(t, &w, &wish, r))
        return false;
    jw_member_plain(&w, SL_STR("model"), other_model(t));
    other_embed_cohere_end(t, &w, &wish);
    return true;
}

static bool write_ark(struct other_translation *t, struct sl_buf *out, struct request_refusal *r)
{
    struct embed_wish wish;
    struct json_writer w = json_writer_on(out);
    if (!other_embed_begin(t, &w, &wish, r))
        return false;
    if (wish.dimensions != 0 && wish.dimensions != 1024 && wish.dimensions != 2048)
        return other_refuse(r, GE_MEMBER_VALUE, "dimensions", "'dimensions' must be 1024 or 2048 for this model.");
    jw_member_plain(&w, SL_STR("model"), other_model(t));
    jw_key(&w, SL_STR("input"));
    jw_raw(&w, SL_STR("[{\"type\":\"text\",\"text\":"));
    sl_buf_adds(out, json_raw_of(&t->look->tree, other_embed_text(t, &wish, NULL, 0)));
    sl_buf_adds(out, SL_STR("}]"));
    jw_member_plain(&w, SL_STR("encoding_format"), SL_STR("float"));
    if (wish.dimensions > 0)
        jw_member_u64(&w, SL_STR("dimensions"), wish.dimensions);
    jw_close(&w, '}');
    return true;
}

/* -- Answers --------------------------------------------------------------------------------------------------------------- */

static bool count_of(const struct json_tree *t, const struct json_node *of, struct sl_str name, uint64_t *out)
{
    return json_u64_of(t, json_got(t, of, name), out);
}

static void use_in(struct sl_str body, struct sl_arena *a, struct other_usage *out)
{
    struct json_tree tree;
    uint64_t n = 0;
    if (!json_tree_read(&tree, body, a))
        return;
    const struct json_node *root = json_root(&tree), *meta = json_got(&tree, root, SL_STR("meta"));
    const struct json_node *billed = json_got(&tree, meta, SL_STR("billed_units"));
    bool found = count_of(&tree, json_got(&tree, root, SL_STR("usageMetadata")), SL_STR("promptTokenCount"), &n) ||
                 count_of(&tree, billed, SL_STR("input_tokens"), &n) ||
                 count_of(&tree, json_got(&tree, root, SL_STR("usage")), SL_STR("prompt_tokens"), &n);
    uint64_t one = 0, all = 0;
    for (JSON_EACH(&tree, json_got(&tree, root, SL_STR("predictions")), it)) { /* Vertex says it of each */
        const struct json_node *of = json_got(&tree, json_got(&tree, it, SL_STR("embeddings")), SL_STR("statistics"));
        found = count_of(&tree, of, SL_STR("token_count"), &one);
        all += one;
    }
    found = found || count_of(&tree, root, SL_STR("inputTextTokenCount"), &n); /* Titan */
    out->found = out->counts.found = found;
    out->counts.prompt = out->counts.total = n + all;
}

/* Trees of answers are large and read one after the other: none stays. */
void other_embed_usage(struct other_translation *t, struct sl_str body, struct other_usage *out)
{
    struct sl_arena a;
    (void)t;
    sl_arena_init(&a, NULL);
    use_in(body, &a, out);
    sl_arena_done(&a);
}

/* The vectors of one answer: the first of a list, or the only one. */
static const struct json_node *first_vector(const struct json_tree *t, bool *out_alone)
{
    const struct json_node *root = json_root(t), *all = json_got(t, root, SL_STR("embeddings")),
                           *data = json_got(t, root, SL_STR("data")), *one = json_got(t, root, SL_STR("embedding")),
                           *predictions = json_got(t, root, SL_STR("predictions"));
    *out_alone = all == NULL && predictions == NULL;
    if (predictions != NULL)
        return json_child(predictions);
    if (all == NULL && one != NULL)
        return one;
    if (all == NULL)
        return json_got(t, data, SL_STR("embedding"));
    return json_child(json_kind_of(all) == JSON_OBJECT ? json_got(t, all, SL_STR("float")) : all);
}

/* One call's vectors; gives how many, 0: it breaks its format. */
static uint32_t add_vectors(struct sl_arena *a, struct json_writer *w, struct sl_str body, uint32_t index, bool base64)
{
    struct json_tree tree;
    bool alone;
    uint32_t n = 0;
    if (!json_tree_read(&tree, body, a))
        return 0;
    for (const struct json_node *v = first_vector(&tree, &alone); v != NULL;
         v = alone ? NULL : json_sibling(&tree, v), n++) {
        const struct json_node *inner = json_got(&tree, v, SL_STR("embeddings"));
        const struct json_node *values = json_got(&tree, inner != NULL ? inner : v, SL_STR("values"));
        jw_open(w, '{');
        jw_member_plain(w, SL_STR("object"), SL_STR("embedding"));
        jw_member_u64(w, SL_STR("index"), index + n);
        jw_key(w, SL_STR("embedding"));
        if (!other_vector_write(w, &tree, values != NULL ? values : v, base64))
            return 0;
        jw_close(w, '}');
    }
    return n;
}

bool other_embed_answer(struct other_translation *t, const struct sl_str *bodies, uint32_t n, struct sl_buf *out)
{
    struct json_writer w = json_writer_on(out);
    struct embed_wish wish;
    struct request_refusal none = {0};
    uint32_t index = 0;
    uint64_t tokens = 0;
    bool all_said = true;
    if (!other_embed_wish(t, &wish, &none))
        return false;
    jw_open(&w, '{');
    jw_member_plain(&w, SL_STR("object"), SL_STR("list"));
    jw_key(&w, SL_STR("data"));
    jw_open(&w, '[');
    for (uint32_t i = 0; i < n; i++) {
        struct other_usage u = {.found = false};
        uint32_t left = t->count - index, want = left < t->pair->most ? left : t->pair->most;
        struct sl_arena a;
        sl_arena_init(&a, NULL);
        bool whole = add_vectors(&a, &w, bodies[i], index, wish.base64) == want;
        sl_arena_done(&a);
        if (!whole)
            return false;
        index += want;
        other_embed_usage(t, bodies[i], &u);
        tokens += u.counts.prompt;
        all_said = all_said && u.found;
    }
    jw_close(&w, ']');
    jw_member_plain(&w, SL_STR("model"), t->model);
    tokens = all_said ? tokens : other_guessed(t);
    jw_key(&w, SL_STR("usage"));
    jw_open(&w, '{');
    jw_member_u64(&w, SL_STR("prompt_tokens"), tokens);
    jw_member_u64(&w, SL_STR("total_tokens"), tokens);
    if (!all_said)
        jw_member_bool(&w, SL_STR("estimated"), true);
    jw_close(&w, '}');
    jw_close(&w, '}');
    return index == t->count;
}

static struct sl_str gemini_path(const struct other_translation *t)
{
    return other_google_path(t, ":batchEmbedContents");
}

const struct other_pair other_embed_gemini = {.most = GEMINI_BATCH,
                                              .path_of = gemini_path,
                                              .write = write_gemini,
                                              .usage = other_embed_usage,
                                              .answer = other_embed_answer};
const struct other_pair other_embed_cohere = {.most = COHERE_BATCH,
                                              .root = true,
                                              .path = SL_STR_INIT("/v2/embed"),
                                              .write = write_cohere,
                                              .usage = other_embed_usage,
                                              .answer = other_embed_answer};
const struct other_pair other_embed_ark = {.most = 1,
                                           .path = SL_STR_INIT("/embeddings/multimodal"),
                                           .write = write_ark,
                                           .usage = other_embed_usage,
                                           .answer = other_embed_answer};
