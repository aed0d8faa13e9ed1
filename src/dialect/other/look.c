/* What a request of these operations asks for, and what its answer says was used. Called by exchange/other.c. */
#include "dialect/openai_chat/openai_chat.h"
#include "dialect/other/other.h"

#define IMAGES_MAX 10u /* openai.md 12.1 */

static bool refuse(struct request_refusal *r, enum gateway_error e, const char *param, const char *message)
{
    r->error = (struct error_facts){.error = e, .param = sl_str_c(param), .message = sl_str_c(message)};
    return false;
}

static const struct json_node *got(const struct json_tree *t, struct sl_str name)
{
    return json_got(t, json_root(t), name);
}

static bool is_text(const struct json_node *v) /* not empty */
{
    return json_kind_of(v) == JSON_STRING && v->n > 2;
}

/* -- Requests ------------------------------------------------------------------------------------------------------- */

static bool look_inputs(struct other_look *l, struct request_refusal *r)
{
    const struct json_node *input = got(&l->tree, SL_STR("input")), *first = json_child(input);
    if (input == NULL)
        return refuse(r, GE_MEMBER_MISSING, "input", "'input' is missing.");
    if (json_kind_of(input) == JSON_STRING ? !is_text(input) : first == NULL)
        return refuse(r, GE_MEMBER_VALUE, "input", "'input' must not be empty.");
    l->n = json_kind_of(input) == JSON_ARRAY && json_kind_of(first) != JSON_NUMBER ? input->children : 1;
    return true;
}

static bool look_embeddings(struct other_look *l, struct request_refusal *r)
{
    return look_inputs(l, r);
}

static bool look_gemini_embed(struct other_look *l, struct request_refusal *r)
{
    const struct json_node *content = got(&l->tree, SL_STR("content"));
    l->n = 1;
    return content != NULL || refuse(r, GE_MEMBER_MISSING, "content", "'content' is missing.");
}

static bool look_gemini_batch(struct other_look *l, struct request_refusal *r)
{
    const struct json_node *requests = got(&l->tree, SL_STR("requests"));
    if (json_child(requests) == NULL)
        return refuse(r, GE_MEMBER_VALUE, "requests", "'requests' must be a list that is not empty.");
    l->n = requests->children;
    return true;
}

static bool look_rerank(struct other_look *l, struct request_refusal *r)
{
    const struct json_node *documents = got(&l->tree, SL_STR("documents")), *query = got(&l->tree, SL_STR("query"));
    if (query == NULL || (json_kind_of(query) == JSON_STRING && !is_text(query)))
        return refuse(r, GE_MEMBER_MISSING, "query", "'query' is missing or empty.");
    if (json_kind_of(documents) != JSON_ARRAY || json_child(documents) == NULL)
        return refuse(r, GE_MEMBER_VALUE, "documents", "'documents' must be a list that is not empty.");
    l->n = documents->children;
    l->units[UU_SEARCHES] = (l->n + 99) / 100; /* a query with up to a hundred documents is one (Cohere's price list) */
    return true;
}

static bool look_images(struct other_look *l, struct request_refusal *r)
{
    const struct json_node *n = got(&l->tree, SL_STR("n")), *root = json_root(&l->tree);
    uint64_t images = 1;
    if (!is_text(got(&l->tree, SL_STR("prompt"))))
        return refuse(r, GE_MEMBER_MISSING, "prompt", "'prompt' is missing or empty.");
    if (n != NULL && (!json_u64_of(&l->tree, n, &images) || images < 1 || images > IMAGES_MAX))
        return refuse(r, GE_MEMBER_VALUE, "n", "'n' must be a whole number from 1 to 10.");
    l->size = json_get_inside(&l->tree, root, SL_STR("size"));
    l->quality = json_get_inside(&l->tree, root, SL_STR("quality"));
    l->n = (uint32_t)images;
    l->units[UU_IMAGES_OUT] = images;
    return true;
}

static bool look_edit(struct other_look *l, struct request_refusal *r)
{
    const struct json_node *images = got(&l->tree, SL_STR("images"));
    if (json_kind_of(images) != JSON_ARRAY || json_child(images) == NULL)
        return refuse(r, GE_MEMBER_MISSING, "images", "'images' must be a list that is not empty.");
    return look_images(l, r);
}

static bool look_speech(struct other_look *l, struct request_refusal *r)
{
    const struct json_node *input = got(&l->tree, SL_STR("input"));
    if (!is_text(input))
        return refuse(r, GE_MEMBER_MISSING, "input", "'input' is missing or empty.");
    l->n = 1;
    l->units[UU_CHARACTERS] = json_chars(json_inside_of(&l->tree, input));
    return true;
}

bool other_look(enum operation op, struct sl_str body, struct sl_arena *a, struct other_look *out,
                struct request_refusal *out_refusal)
{
    *out = (struct other_look){.n = 0};
    if (!json_tree_read(&out->tree, body, a) || json_kind_of(json_root(&out->tree)) != JSON_OBJECT)
        return refuse(out_refusal, GE_BODY_INVALID, "", "The body is not a JSON object.");
    switch (op) {
    case OP_EMBEDDINGS:
        return look_embeddings(out, out_refusal);
    case OP_MODERATIONS:
        return look_inputs(out, out_refusal);
    case OP_EMBED_CONTENT:
        return look_gemini_embed(out, out_refusal);
    case OP_EMBED_BATCH:
        return look_gemini_batch(out, out_refusal);
    case OP_RERANK:
        return look_rerank(out, out_refusal);
    case OP_IMAGES:
        return look_images(out, out_refusal);
    case OP_IMAGE_EDIT:
        return look_edit(out, out_refusal);
    case OP_SPEECH:
        return look_speech(out, out_refusal);
    default:
        return true;
    }
}

/* -- Sizes of images --------------------------------------------------------------------------------------------------- */

/* "1024x1536"; false: no such form. */
static bool read_size(struct sl_str s, uint64_t *out_w, uint64_t *out_h)
{
    struct sl_str w = sl_str_cut(&s, 'x');
    return s.p != NULL && sl_str_to_u64(w, out_w) && sl_str_to_u64(s, out_h) && *out_w > 0 && *out_h > 0 &&
           *out_w <= 16384 && *out_h <= 16384;
}

bool other_size_fits(struct sl_str model, struct sl_str size, struct sl_arena *a, struct request_refusal *out_refusal)
{
    static const struct {
        struct sl_str model, sizes; /* by its beginning; sizes with commas. The first row that fits */
    } rows[] = {
        {SL_STR_INIT("dall-e-2"), SL_STR_INIT("256x256, 512x512, 1024x1024")},
        {SL_STR_INIT("dall-e-3"), SL_STR_INIT("1024x1024, 1792x1024, 1024x1792")},
        {SL_STR_INIT("gpt-image-1"), SL_STR_INIT("1024x1024, 1536x1024, 1024x1536, auto")},
        {SL_STR_INIT("chatgpt-image"), SL_STR_INIT("1024x1024, 1536x1024, 1024x1536, auto")},
    };
    uint64_t w, h;
    if (size.n == 0)
        return true;
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        if (!sl_str_starts(model, rows[i].model))
            continue;
        struct sl_str all = rows[i].sizes;
        while (all.n > 0)
            if (sl_str_eq(sl_str_trim(sl_str_cut(&all, ',')), size))
                return true;
        out_refusal->error = (struct error_facts){
            .error = GE_MEMBER_VALUE,
            .param = SL_STR("size"),
            .message = sl_arena_printf(a, "'size' is not one of those that '" SL_STR_FMT "' takes: " SL_STR_FMT ".",
                                       SL_STR_ARG(model), SL_STR_ARG(rows[i].sizes)),
        };
        return false;
    }
    if (!sl_str_starts(model, SL_STR("gpt-image-")) || sl_str_eq(size, SL_STR("auto")))
        return true;
    if (read_size(size, &w, &h) && w % 16 == 0 && h % 16 == 0 && w <= 3 * h && h <= 3 * w)
        return true;
    return refuse(
        out_refusal, GE_MEMBER_VALUE, "size",
        "'size' must be auto or WIDTHxHEIGHT, both multiples of 16 and neither more than three times the other.");
}

/* -- Answers ------------------------------------------------------------------------------------------------------------ */

static bool count_at(const struct json_tree *t, const struct json_node *of, struct sl_str name, uint64_t *out)
{
    return json_u64_of(t, json_got(t, of, name), out);
}

static void use_images(const struct json_tree *t, struct other_usage *u)
{
    const struct json_node *root = json_root(t), *data = json_got(t, root, SL_STR("data")),
                           *usage = json_got(t, root, SL_STR("usage"));
    if (!count_at(t, usage, SL_STR("generated_images"), &u->units[UU_IMAGES_OUT]))
        for (JSON_EACH(t, data, it))
            u->units[UU_IMAGES_OUT] += json_got(t, it, SL_STR("error")) == NULL;
    u->quality = json_get_inside(t, root, SL_STR("quality"));
    u->size = json_get_inside(t, root, SL_STR("size"));
    if (u->counts.image_completion == 0) /* all that these models generate */
        u->counts.image_completion = u->counts.completion;
    u->found = data != NULL;
}

/* Cohere's meta.billed_units, OpenRouter's usage.search_units; Jina's and local servers' tokens. */
static void use_rerank(const struct json_tree *t, struct other_usage *u)
{
    const struct json_node *root = json_root(t), *usage = json_got(t, root, SL_STR("usage")),
                           *billed = json_got(t, json_got(t, root, SL_STR("meta")), SL_STR("billed_units"));
    bool said = count_at(t, billed, SL_STR("search_units"), &u->units[UU_SEARCHES]) ||
                count_at(t, usage, SL_STR("search_units"), &u->units[UU_SEARCHES]);
    if (!said && u->counts.prompt == 0)
        u->counts.prompt = u->counts.total; /* "usage":{"total_tokens":17} */
    u->counts.unknown = false;
    u->found = said || u->counts.prompt > 0;
}

static void use_gemini(const struct json_tree *t, struct other_usage *u)
{
    const struct json_node *meta = json_got(t, json_root(t), SL_STR("usageMetadata"));
    u->counts.found = u->found = count_at(t, meta, SL_STR("promptTokenCount"), &u->counts.prompt);
    u->counts.total = u->counts.prompt;
}

void other_usage_same(enum operation op, struct sl_str body, struct sl_arena *a, struct other_usage *out)
{
    struct answer_facts f;
    struct json_tree t;
    *out = (struct other_usage){.found = false};
    if (op == OP_MODERATIONS) { /* says nothing and costs nothing */
        out->found = true;
        return;
    }
    if (!json_tree_read(&t, body, a))
        return;
    if (op == OP_EMBED_CONTENT || op == OP_EMBED_BATCH) {
        use_gemini(&t, out);
        return;
    }
    openai_answer_decode(body, &f);
    out->counts = f.usage;
    out->found = f.usage.found && !f.usage.bad;
    if (op == OP_IMAGES)
        use_images(&t, out);
    else if (op == OP_RERANK)
        use_rerank(&t, out);
}
