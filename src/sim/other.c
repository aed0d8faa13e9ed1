/* Operations that are no conversation, as their vendors serve them: moderations, reranking (Cohere's and Jina's), images (OpenAI's,
 * Seedream's, Imagen's, Gemini's own), speech, embeddings of Gemini, Cohere and Ark. Strict: members that a vendor does not know are
 * refused. Read with yyjson, without dialect/: a second, independent reading of openai.md 10-13, gemini.md 11.3 and 15,
 * seedance.md 17 and 18, and of Cohere's and Jina's references (November 2026).
 *
 * Vectors: number i of a text is ((its bytes' sum + i) modulo 200) / 100 - 1, in two decimals. */
#include "base/base64.h"
#include "sim/sim_int.h"

#define GEMINI_IMAGE_TOKENS 258u
#define IMAGE_TOKENS 272u     /* of one image, OpenAI */
#define PCM_OF_CHARACTER 480u /* bytes of sound for a character */
#define SOUND_PIECE 65536u
#define SPEECH_PIECE 50000u /* bytes of sound in an event of Gemini's */

struct ask {
    struct sim_call *c;
    yyjson_val *root;
    struct sl_buf *b;
    uint32_t given; /* pictures to be edited */
    size_t given_bytes;
};

static const struct sim_format format_other = {.name = "other", .vendor = VENDOR_OPENAI};
static const struct sim_format format_google = {.name = "google-other", .vendor = VENDOR_GOOGLE};

static struct sl_str text_of(yyjson_val *v)
{
    return yyjson_is_str(v) ? sl_str_of(yyjson_get_str(v), yyjson_get_len(v)) : SL_STR("");
}

static yyjson_val *member(const struct ask *a, const char *name)
{
    yyjson_val *v = yyjson_obj_get(a->root, name);
    return yyjson_is_null(v) ? NULL : v;
}

static uint32_t tokens_of(struct sl_str text)
{
    return (uint32_t)(text.n + 3) / 4;
}

/* Only members of the list, blanks between; false: refused. */
static bool knows(struct ask *a, const char *list)
{
    size_t i, max;
    yyjson_val *k, *v;
    yyjson_obj_foreach(a->root, i, max, k, v)
    {
        struct sl_str all = sl_str_c(list);
        bool found = false;
        while (all.n > 0 && !found)
            found = sl_str_eq(sl_str_cut(&all, ' '), text_of(k));
        if (!found) {
            sim_openai_no(a->c, "unknown_parameter", yyjson_get_str(k), "Unknown parameter: '%s'.", yyjson_get_str(k));
            return false;
        }
    }
    return true;
}

static bool is_one_of(struct sl_str s, const char *list)
{
    struct sl_str all = sl_str_c(list);
    while (all.n > 0)
        if (sl_str_eq(sl_str_cut(&all, ' '), s))
            return true;
    return false;
}

static bool one_of(struct ask *a, const char *name, const char *list)
{
    yyjson_val *v = member(a, name);
    if (v == NULL || is_one_of(text_of(v), list))
        return true;
    sim_openai_no(a->c, "invalid_value", name, "Invalid value: '%s'. Supported values are: %s.",
                  yyjson_is_str(v) ? yyjson_get_str(v) : "?", list);
    return false;
}

static bool need(struct ask *a, const char *name)
{
    if (member(a, name) != NULL && (!yyjson_is_str(member(a, name)) || yyjson_get_len(member(a, name)) > 0))
        return true;
    sim_openai_no(a->c, "missing_required_parameter", name, "Missing required parameter: '%s'.", name);
    return false;
}

static bool in_range(struct ask *a, const char *name, uint64_t from, uint64_t to)
{
    yyjson_val *v = member(a, name);
    if (v == NULL || (yyjson_is_uint(v) && yyjson_get_uint(v) >= from && yyjson_get_uint(v) <= to))
        return true;
    sim_openai_no(a->c, "invalid_value", name, "'%s' must be from %llu to %llu.", name, (unsigned long long)from,
                  (unsigned long long)to);
    return false;
}

/* ---- moderations ---- */

static bool moderations(struct ask *a)
{
    static const char *const names[] = {"harassment",
                                        "harassment/threatening",
                                        "hate",
                                        "hate/threatening",
                                        "illicit",
                                        "illicit/violent",
                                        "self-harm",
                                        "self-harm/intent",
                                        "self-harm/instructions",
                                        "sexual",
                                        "sexual/minors",
                                        "violence",
                                        "violence/graphic"};
    yyjson_val *input = member(a, "input");
    size_t n = yyjson_is_arr(input) && yyjson_is_str(yyjson_arr_get_first(input)) ? yyjson_arr_size(input) : 1;
    if (!knows(a, "input model") || !need(a, "input"))
        return false;
    sl_buf_adds(a->b, SL_STR("{\"id\":\"modr-1\",\"model\":"));
    sl_buf_add_json(a->b, a->c->model);
    sl_buf_adds(a->b, SL_STR(",\"results\":["));
    for (size_t i = 0; i < n; i++) {
        struct sl_str text = text_of(yyjson_is_arr(input) ? yyjson_arr_get(input, i) : input);
        bool bad = sl_str_find_str(text, SL_STR("kill")) >= 0;
        sl_buf_addf(a->b, "%s{\"flagged\":%s,\"categories\":{", i > 0 ? "," : "", bad ? "true" : "false");
        for (size_t k = 0; k < sizeof names / sizeof *names; k++)
            sl_buf_addf(a->b, "%s\"%s\":%s", k > 0 ? "," : "", names[k], bad && k == 11 ? "true" : "false");
        sl_buf_adds(a->b, SL_STR("},\"category_scores\":{"));
        for (size_t k = 0; k < sizeof names / sizeof *names; k++)
            sl_buf_addf(a->b, "%s\"%s\":%s", k > 0 ? "," : "", names[k], bad && k == 11 ? "0.97" : "1.5e-06");
        sl_buf_adds(a->b, SL_STR("},\"category_applied_input_types\":{}}"));
    }
    sl_buf_adds(a->b, SL_STR("]}"));
    return true;
}

/* ---- reranking: the longer a document the better it fits ---- */

static void add_results(struct ask *a, bool documents)
{
    yyjson_val *list = member(a, "documents"), *top = member(a, "top_n");
    size_t n = yyjson_arr_size(list), shown = top != NULL && yyjson_get_uint(top) < n ? yyjson_get_uint(top) : n;
    bool *used = sl_arena_zalloc(a->c->s->arena, n * sizeof *used + 1);
    sl_buf_adds(a->b, SL_STR("\"results\":["));
    for (size_t k = 0; k < shown; k++) {
        size_t best = n;
        for (size_t i = 0; i < n; i++)
            if (!used[i] &&
                (best == n || yyjson_get_len(yyjson_arr_get(list, i)) > yyjson_get_len(yyjson_arr_get(list, best))))
                best = i;
        used[best] = true;
        sl_buf_addf(a->b, "%s{\"index\":%zu,\"relevance_score\":0.%zu", k > 0 ? "," : "", best, 99 - k % 90);
        if (documents) {
            sl_buf_adds(a->b, SL_STR(",\"document\":{\"text\":"));
            sl_buf_add_json(a->b, text_of(yyjson_arr_get(list, best)));
            sl_buf_addc(a->b, '}');
        }
        sl_buf_addc(a->b, '}');
    }
    sl_buf_addc(a->b, ']');
}

static bool documents_are_good(struct ask *a)
{
    size_t i, max;
    yyjson_val *v, *list = member(a, "documents");
    if (!need(a, "query") || !in_range(a, "top_n", 1, 10000))
        return false;
    bool good = yyjson_arr_size(list) > 0 && yyjson_arr_size(list) <= 10000;
    yyjson_arr_foreach(list, i, max, v)
    {
        good = good && yyjson_is_str(v);
        a->c->prompt += tokens_of(text_of(v)) + tokens_of(text_of(member(a, "query")));
    }
    if (!good)
        sim_openai_no(a->c, "invalid_value", "documents", "'documents' is a list of 1 to 10000 texts.");
    return good;
}

static bool rerank_cohere(struct ask *a)
{
    if (!knows(a, "model query documents top_n max_tokens_per_doc priority") || !documents_are_good(a))
        return false;
    a->c->prompt = 0;
    a->c->units[UU_SEARCHES] = (yyjson_arr_size(member(a, "documents")) + 99) / 100;
    sl_buf_adds(a->b, SL_STR("{\"id\":\"c3756d1b\","));
    add_results(a, false);
    sl_buf_addf(a->b, ",\"meta\":{\"api_version\":{\"version\":\"2\"},\"billed_units\":{\"search_units\":%llu}}}",
                (unsigned long long)a->c->units[UU_SEARCHES]);
    return true;
}

static bool rerank_jina(struct ask *a)
{
    if (!knows(a, "model query documents top_n return_documents truncate") || !documents_are_good(a))
        return false;
    sl_buf_adds(a->b, SL_STR("{\"model\":"));
    sl_buf_add_json(a->b, a->c->model);
    sl_buf_addf(a->b, ",\"object\":\"list\",\"usage\":{\"total_tokens\":%u},", a->c->prompt);
    a->c->usage_sent = true;
    add_results(a, !yyjson_is_false(member(a, "return_documents")));
    sl_buf_addc(a->b, '}');
    return true;
}

/* ---- images ---- */

static void add_picture(struct ask *a, uint64_t i)
{
    struct sl_str words =
        sl_arena_printf(a->c->s->arena, "picture %llu of " SL_STR_FMT, (unsigned long long)i, SL_STR_ARG(a->c->model));
    if (a->given > 0) /* an edit: what was received */
        words = sl_arena_printf(a->c->s->arena, SL_STR_FMT " from %u with %zu bytes", SL_STR_ARG(words), a->given,
                                a->given_bytes);
    char *room = sl_buf_room(a->b, SL_BASE64_BYTES(words.n));
    if (room != NULL)
        sl_buf_wrote(a->b, sl_base64_encode(words, room));
}

/* One picture that is to be edited, as base64. */
static bool take_picture(struct ask *a, struct sl_str type, struct sl_str base64)
{
    size_t n = 0;
    char *room = sl_arena_alloc(a->c->s->arena, base64.n / 4 * 3 + 3);
    if (!sl_str_starts(type, SL_STR("image/")) || base64.n == 0 || base64.n % 4 != 0 ||
        !sl_base64_decode(base64, room, &n))
        return false;
    a->given++;
    a->given_bytes += n;
    return true;
}

static void add_image_usage(struct ask *a, uint64_t n)
{
    uint32_t out = (uint32_t)n * IMAGE_TOKENS;
    a->c->tokens = a->c->image_out = out;
    sl_buf_addf(a->b,
                ",\"usage\":{\"input_tokens\":%u,\"input_tokens_details\":{\"text_tokens\":%u,\"image_tokens\":0},"
                "\"output_tokens\":%u,\"total_tokens\":%u}",
                a->c->prompt, a->c->prompt, out, a->c->prompt + out);
    a->c->usage_sent = true;
}

static void stream_images(struct ask *a, uint64_t n, uint64_t partial)
{
    a->c->stream = true;
    for (uint64_t i = 0; i < partial; i++) {
        sl_buf_addf(a->b,
                    "event: image_generation.partial_image\ndata: {\"type\":\"image_generation.partial_image\","
                    "\"partial_image_index\":%llu,\"created_at\":1790000000,\"size\":\"1024x1024\",\"quality\":\"low\","
                    "\"background\":\"opaque\",\"output_format\":\"png\",\"b64_json\":\"",
                    (unsigned long long)i);
        add_picture(a, i);
        sl_buf_adds(a->b, SL_STR("\"}\n\n"));
    }
    uint32_t prompt = a->c->prompt;
    for (uint64_t i = 0; i < n; i++) { /* each tells of itself */
        sl_buf_adds(a->b, SL_STR("event: image_generation.completed\ndata: {\"type\":\"image_generation.completed\","
                                 "\"created_at\":1790000000,\"size\":\"1024x1024\",\"quality\":\"low\","
                                 "\"background\":\"opaque\",\"output_format\":\"png\",\"b64_json\":\""));
        add_picture(a, i);
        sl_buf_addc(a->b, '"');
        add_image_usage(a, 1);
        sl_buf_adds(a->b, SL_STR("}\n\n"));
    }
    a->c->prompt = prompt * (uint32_t)n;
    a->c->tokens = a->c->image_out = (uint32_t)n * IMAGE_TOKENS;
}

static bool image_ask_is_good(struct ask *a, bool dalle)
{
    if (!need(a, "prompt") || !in_range(a, "n", 1, 10) || !in_range(a, "partial_images", 0, 3) ||
        !one_of(a, "background", "transparent opaque auto") || !one_of(a, "moderation", "auto low") ||
        !one_of(a, "output_format", "png jpeg webp"))
        return false;
    if (dalle)
        return knows(a, "model prompt n size quality style response_format user") &&
               one_of(a, "response_format", "url b64_json") && one_of(a, "quality", "standard hd") &&
               one_of(a, "size", "256x256 512x512 1024x1024 1792x1024 1024x1792");
    return knows(a, "model prompt n size quality background output_format output_compression moderation stream "
                    "partial_images user safety_identifier") &&
           one_of(a, "quality", "auto low medium high") &&
           (!sl_str_starts(a->c->model, SL_STR("gpt-image-1")) ||
            one_of(a, "size", "auto 1024x1024 1536x1024 1024x1536"));
}

static bool images(struct ask *a)
{
    bool dalle = sl_str_starts(a->c->model, SL_STR("dall-e"));
    if (!image_ask_is_good(a, dalle))
        return false;
    uint64_t n = member(a, "n") != NULL ? yyjson_get_uint(member(a, "n")) : 1;
    struct sl_str size = text_of(member(a, "size")), form = text_of(member(a, "response_format"));
    a->c->units[UU_IMAGES_OUT] = n;
    a->c->prompt = dalle ? 0 : tokens_of(text_of(member(a, "prompt")));
    if (yyjson_is_true(member(a, "stream"))) {
        stream_images(a, n, yyjson_get_uint(member(a, "partial_images")));
        return true;
    }
    sl_buf_adds(a->b, SL_STR("{\"created\":1790000000,"));
    if (!dalle) {
        sl_buf_adds(a->b, SL_STR("\"background\":\"opaque\",\"output_format\":\"png\",\"quality\":\"low\",\"size\":"));
        sl_buf_add_json(a->b, size.n > 0 && !sl_str_eq(size, SL_STR("auto")) ? size : SL_STR("1024x1024"));
        sl_buf_addc(a->b, ',');
    }
    sl_buf_adds(a->b, SL_STR("\"data\":["));
    for (uint64_t i = 0; i < n; i++) {
        bool link = dalle && !sl_str_eq(form, SL_STR("b64_json"));
        sl_buf_adds(a->b, i > 0 ? SL_STR(",{") : SL_STR("{"));
        sl_buf_adds(a->b, link ? SL_STR("\"url\":\"https://pictures.example/") : SL_STR("\"b64_json\":\""));
        add_picture(a, i);
        sl_buf_adds(a->b, SL_STR("\"}"));
    }
    sl_buf_addc(a->b, ']');
    if (!dalle)
        add_image_usage(a, n);
    sl_buf_addc(a->b, '}');
    return true;
}

static bool seedream_size(struct ask *a)
{
    struct sl_str size = text_of(member(a, "size")), w = size;
    uint64_t wide = 0, high = 0;
    if (size.n == 0 || is_one_of(size, "1K 2K 4K"))
        return true;
    struct sl_str first = sl_str_cut(&w, 'x');
    if (w.p != NULL && sl_str_to_u64(first, &wide) && sl_str_to_u64(w, &high) && wide * high >= 921600 &&
        wide * high <= 16777216)
        return true;
    sim_openai_no(a->c, "InvalidParameter", "size", "The parameter `size` specified in the request is not valid.");
    return false;
}

#define SEEDREAM_TOKENS 16384u

static void add_seedream(struct ask *a, uint64_t i)
{
    bool link = !sl_str_eq(text_of(member(a, "response_format")), SL_STR("b64_json"));
    sl_buf_adds(a->b, link ? SL_STR("\"url\":\"https://pictures.example/") : SL_STR("\"b64_json\":\""));
    add_picture(a, yyjson_is_false(member(a, "watermark")) ? i : i + 1);
    sl_buf_adds(a->b, SL_STR("\",\"size\":\"2048x2048\""));
}

static void add_seedream_usage(struct ask *a, uint64_t n)
{
    uint32_t tokens = (uint32_t)n * SEEDREAM_TOKENS;
    sl_buf_addf(a->b, "\"usage\":{\"generated_images\":%u,\"output_tokens\":%u,\"total_tokens\":%u}}", (unsigned)n,
                tokens, tokens);
}

/* The prompt's "fail" makes one of several fail: "data" has its error, and a stream an event. */
static void stream_seedream(struct ask *a, uint64_t n, bool fails)
{
    a->c->stream = true;
    for (uint64_t i = 0; i < n; i++) {
        sl_buf_addf(a->b,
                    "event: image_generation.partial_succeeded\ndata: {\"type\":\"image_generation.partial_succeeded\","
                    "\"image_index\":%llu,\"created\":1790000000,",
                    (unsigned long long)i);
        add_seedream(a, i);
        sl_buf_adds(a->b, SL_STR("}\n\n"));
    }
    if (fails)
        sl_buf_addf(
            a->b,
            "event: image_generation.partial_failed\ndata: {\"type\":\"image_generation.partial_failed\","
            "\"image_index\":%llu,\"error\":{\"code\":\"OutputImageSensitiveContentDetected\",\"message\":\"no\"}}\n\n",
            (unsigned long long)n);
    sl_buf_adds(a->b, SL_STR("event: image_generation.completed\ndata: {\"type\":\"image_generation.completed\","));
    add_seedream_usage(a, n);
    sl_buf_adds(a->b, SL_STR("\n\ndata: [DONE]\n\n"));
}

/* A URL, a data URL, or a list of them. */
static bool seedream_given(struct ask *a)
{
    yyjson_val *image = member(a, "image"), *it;
    size_t i, max, n = yyjson_is_arr(image) ? yyjson_arr_size(image) : image != NULL;
    bool good = n <= 14 && (image == NULL || n > 0);
    for (i = 0, max = n; good && i < max; i++) {
        it = yyjson_is_arr(image) ? yyjson_arr_get(image, i) : image;
        struct sl_str url = text_of(it), head = sl_str_cut(&url, ',');
        if (sl_str_starts(head, SL_STR("https://")))
            continue;
        good = sl_str_starts(head, SL_STR("data:")) && sl_str_ends(head, SL_STR(";base64")) &&
               take_picture(a, sl_str_from(head, 5), url);
    }
    if (!good)
        sim_openai_no(a->c, "InvalidParameter", "image",
                      "The parameter `image` specified in the request is not valid.");
    return good;
}

static bool seedream(struct ask *a)
{
    if (!need(a, "prompt") || !seedream_size(a) || !seedream_given(a) ||
        !one_of(a, "response_format", "url b64_json") ||
        !knows(a, "model prompt image size response_format watermark sequential_image_generation "
                  "sequential_image_generation_options output_format seed guidance_scale stream tools "
                  "optimize_prompt optimize_prompt_options layer_decomposition"))
        return false;
    yyjson_val *most = yyjson_obj_get(member(a, "sequential_image_generation_options"), "max_images");
    bool several = sl_str_eq(text_of(member(a, "sequential_image_generation")), SL_STR("auto"));
    bool fails = several && sl_str_find_str(text_of(member(a, "prompt")), SL_STR("fail")) >= 0;
    uint64_t n = several && most != NULL ? yyjson_get_uint(most) : 1;
    if (n < 1 || n > 15) {
        sim_openai_no(a->c, "InvalidParameter", "max_images", "max_images has to be within 1 and 15.");
        return false;
    }
    n -= fails && n > 1;
    a->c->units[UU_IMAGES_OUT] = n;
    a->c->tokens = a->c->image_out = (uint32_t)n * SEEDREAM_TOKENS;
    a->c->usage_sent = true;
    if (yyjson_is_true(member(a, "stream"))) {
        stream_seedream(a, n, fails);
        return true;
    }
    sl_buf_adds(a->b, SL_STR("{\"model\":"));
    sl_buf_add_json(a->b, a->c->model);
    sl_buf_adds(a->b, SL_STR(",\"created\":1790000000,\"data\":["));
    for (uint64_t i = 0; i < n; i++) {
        sl_buf_adds(a->b, i > 0 ? SL_STR(",{") : SL_STR("{"));
        add_seedream(a, i);
        sl_buf_addc(a->b, '}');
    }
    if (fails)
        sl_buf_adds(a->b, SL_STR(",{\"error\":{\"code\":\"OutputImageSensitiveContentDetected\",\"message\":\"no\"}}"));
    sl_buf_adds(a->b, SL_STR("],"));
    add_seedream_usage(a, n);
    return true;
}

static bool google_no(struct ask *a, const char *message)
{
    sim_say_no(a->c, "%s", message);
    return false;
}

static bool imagen(struct ask *a)
{
    yyjson_val *instances = member(a, "instances"), *p = member(a, "parameters"),
               *count = yyjson_obj_get(p, "sampleCount");
    uint64_t n = count != NULL ? yyjson_get_uint(count) : 4;
    struct sl_str ratio = text_of(yyjson_obj_get(p, "aspectRatio"));
    if (yyjson_arr_size(instances) != 1 ||
        yyjson_get_len(yyjson_obj_get(yyjson_arr_get_first(instances), "prompt")) == 0)
        return google_no(a, "One instance with a prompt is needed.");
    if (n < 1 || n > 4)
        return google_no(a, "sampleCount must be between 1 and 4.");
    if (ratio.n > 0 && !is_one_of(ratio, "1:1 3:4 4:3 9:16 16:9"))
        return google_no(a, "aspectRatio is not supported.");
    a->c->units[UU_IMAGES_OUT] = n;
    sl_buf_adds(a->b, SL_STR("{\"predictions\":["));
    for (uint64_t i = 0; i < n; i++) {
        sl_buf_adds(a->b, i > 0 ? SL_STR(",{\"mimeType\":\"image/png\",\"bytesBase64Encoded\":\"")
                                : SL_STR("{\"mimeType\":\"image/png\",\"bytesBase64Encoded\":\""));
        add_picture(a, i);
        sl_buf_adds(a->b, SL_STR("\"}"));
    }
    sl_buf_adds(a->b, SL_STR("]}"));
    return true;
}

static bool is_streamed(const struct ask *a)
{
    return sl_str_ends(a->c->r->path, SL_STR(":streamGenerateContent"));
}

/* In a stream each part has its own event, all but the last with the tokens of the prompt. */
static void next_part(struct ask *a, uint32_t prompt)
{
    if (!a->c->stream) {
        sl_buf_addc(a->b, ',');
        return;
    }
    sl_buf_addf(a->b,
                "]},\"index\":0}],\"usageMetadata\":{\"promptTokenCount\":%u,\"totalTokenCount\":%u}}\r\n\r\n"
                "data: {\"candidates\":[{\"content\":{\"role\":\"model\",\"parts\":[",
                prompt, prompt);
}

/* Clients write them in either case. */
static bool has_word(yyjson_val *list, struct sl_str word)
{
    size_t i, n;
    yyjson_val *v;
    yyjson_arr_foreach(list, i, n, v)
    {
        if (sl_str_eq_nocase(text_of(v), word))
            return true;
    }
    return false;
}

static bool gemini_image(struct ask *a)
{
    bool three = sl_str_find_str(a->c->model, SL_STR("gemini-3")) >= 0, thinks = false;
    yyjson_val *config = member(a, "generationConfig"), *kinds = yyjson_obj_get(config, "responseModalities");
    struct sl_str ratio = text_of(yyjson_obj_get(yyjson_obj_get(config, "imageConfig"), "aspectRatio"));
    yyjson_val *parts = yyjson_obj_get(yyjson_arr_get_first(member(a, "contents")), "parts");
    struct sl_str prompt = text_of(yyjson_obj_get(yyjson_arr_get_last(parts), "text"));
    for (size_t i = 0; i + 1 < yyjson_arr_size(parts); i++) {
        yyjson_val *blob = yyjson_obj_get(yyjson_arr_get(parts, i), "inlineData");
        if (!take_picture(a, text_of(yyjson_obj_get(blob, "mimeType")), text_of(yyjson_obj_get(blob, "data"))))
            return google_no(a, "Unable to process input image.");
    }
    if (kinds != NULL && !has_word(kinds, SL_STR("IMAGE"))) /* without: text and images */
        return google_no(a, "This simulated model makes images only: responseModalities.");
    if (ratio.n > 0 && !is_one_of(ratio, "1:1 2:3 3:2 3:4 4:3 4:5 5:4 9:16 16:9 21:9"))
        return google_no(a, "aspectRatio is not supported.");
    if (prompt.n == 0)
        return google_no(a, "contents is not specified.");
    thinks = yyjson_is_true(yyjson_obj_get(yyjson_obj_get(config, "thinkingConfig"), "includeThoughts"));
    if (thinks && !three)
        return google_no(a, "Thinking is not enabled for this model.");
    uint32_t words = tokens_of(prompt), given = a->given * GEMINI_IMAGE_TOKENS;
    if (is_streamed(a))
        sl_buf_adds(a->b, SL_STR("data: "));
    a->c->prompt = words + given;
    a->c->usage_sent = true;
    a->c->image_in = given;
    a->c->tokens = a->c->image_out = 1290;
    a->c->units[UU_IMAGES_OUT] = 1;
    a->c->stream = is_streamed(a);
    sl_buf_adds(a->b,
                SL_STR("{\"candidates\":[{\"content\":{\"role\":\"model\",\"parts\":[{\"text\":\"Here it is.\"}"));
    for (uint64_t i = 0; thinks && i < 2; i++) { /* on the way to it */
        next_part(a, words);
        sl_buf_adds(a->b, SL_STR("{\"inlineData\":{\"mimeType\":\"image/png\",\"data\":\""));
        add_picture(a, 100 + i);
        sl_buf_adds(a->b, SL_STR("\"},\"thought\":true}"));
    }
    next_part(a, words);
    sl_buf_adds(a->b, SL_STR("{\"inlineData\":{\"mimeType\":\"image/png\",\"data\":\""));
    add_picture(a, 0);
    sl_buf_adds(a->b, SL_STR("\"}}"));
    if (a->c->stream)
        next_part(a, words);
    sl_buf_addf(a->b,
                "]},\"finishReason\":\"STOP\",\"index\":0}],\"usageMetadata\":{\"promptTokenCount\":%u,"
                "\"candidatesTokenCount\":1290,\"totalTokenCount\":%u,\"candidatesTokensDetails\":[{\"modality\":"
                "\"IMAGE\",\"tokenCount\":1290}],\"promptTokensDetails\":[{\"modality\":\"TEXT\",\"tokenCount\":%u},"
                "{\"modality\":\"IMAGE\",\"tokenCount\":%u}]}}",
                a->c->prompt, a->c->prompt + 1290, words, given);
    sl_buf_adds(a->b, a->c->stream ? SL_STR("\r\n\r\n") : SL_STR_NONE);
    return true;
}

/* ---- speech ---- */

/* Gemini's speech models: 100 samples a character (gemini.md 15.3). */
static bool gemini_speech(struct ask *a)
{
    yyjson_val *parts = yyjson_obj_get(yyjson_arr_get_first(member(a, "contents")), "parts"),
               *config = member(a, "generationConfig");
    struct sl_str text = text_of(yyjson_obj_get(yyjson_arr_get_first(parts), "text"));
    if (!yyjson_equals_str(yyjson_arr_get_first(yyjson_obj_get(config, "responseModalities")), "AUDIO"))
        return google_no(a, "The requested combination of response modalities (TEXT) is not supported by the model.");
    if (text.n == 0) /* a voice need not be named: recorded */
        return google_no(a, "contents are needed.");
    size_t n = text.n * 200;
    char *samples = sl_arena_alloc(a->c->s->arena, n), *room;
    for (size_t i = 0; i < n; i++)
        samples[i] = text.p[i / 200];
    a->c->prompt = tokens_of(text);
    a->c->tokens = a->c->audio_out = (uint32_t)text.n;
    a->c->usage_sent = true;
    a->c->stream = is_streamed(a);
    sl_buf_adds(a->b, a->c->stream ? SL_STR("data: ") : SL_STR_NONE);
    sl_buf_adds(a->b, SL_STR("{\"candidates\":[{\"content\":{\"role\":\"model\",\"parts\":["));
    for (size_t at = 0, part; at < n; at += part) { /* in a stream a second and a bit each */
        part = a->c->stream && n - at > SPEECH_PIECE ? SPEECH_PIECE : n - at;
        if (at > 0)
            next_part(a, a->c->prompt);
        sl_buf_adds(a->b, SL_STR("{\"inlineData\":{\"mimeType\":\"audio/L16;codec=pcm;rate=24000\",\"data\":\""));
        room = sl_buf_room(a->b, SL_BASE64_BYTES(part));
        if (room != NULL)
            sl_buf_wrote(a->b, sl_base64_encode(sl_str_of(samples + at, part), room));
        sl_buf_adds(a->b, SL_STR("\"}}"));
    }
    if (a->c->stream)
        next_part(a, a->c->prompt);
    sl_buf_addf(a->b,
                "]},\"finishReason\":\"STOP\",\"index\":0}],\"usageMetadata\":{\"promptTokenCount\":%u,"
                "\"candidatesTokenCount\":%u,\"totalTokenCount\":%u}}",
                a->c->prompt, a->c->tokens, a->c->prompt + a->c->tokens);
    sl_buf_adds(a->b, a->c->stream ? SL_STR("\r\n\r\n") : SL_STR_NONE);
    return true;
}

static bool speech(struct ask *a)
{
    struct sl_str text = text_of(member(a, "input"));
    bool old = sl_str_starts(a->c->model, SL_STR("tts-1")), sse;
    size_t characters = 0;
    for (size_t i = 0; i < text.n; i++)
        characters += ((unsigned char)text.p[i] & 0xC0u) != 0x80u;
    if (!need(a, "input") || !need(a, "voice") ||
        !knows(a, "model input voice instructions response_format speed stream_format") ||
        !one_of(a, "response_format", "mp3 opus aac flac wav pcm") || !one_of(a, "stream_format", "audio sse"))
        return false;
    if (characters > 4096) {
        sim_openai_no(a->c, "string_above_max_length", "input", "Expected a string with maximum length 4096.");
        return false;
    }
    sse = yyjson_equals_str(member(a, "stream_format"), "sse");
    if (sse && old) {
        sim_openai_no(a->c, "invalid_value", "stream_format", "sse is not supported for this model.");
        return false;
    }
    a->c->stream = sse;
    a->c->units[UU_CHARACTERS] = characters;
    if (sse) {
        a->c->usage_sent = true;
        a->c->prompt = tokens_of(text);
        a->c->tokens = a->c->audio_out = (uint32_t)characters;
        sl_buf_adds(a->b, SL_STR("data: {\"type\":\"speech.audio.delta\",\"audio\":\"UklGRg==\"}\n\n"));
        sl_buf_addf(a->b,
                    "data: {\"type\":\"speech.audio.done\",\"usage\":{\"input_tokens\":%u,\"output_tokens\":%u,"
                    "\"total_tokens\":%u}}\n\n",
                    a->c->prompt, a->c->tokens, a->c->prompt + a->c->tokens);
        return true;
    }
    for (size_t i = 0; i < characters * (PCM_OF_CHARACTER / 16); i++)
        sl_buf_add(a->b, "0123456789\xff\x00\r\n\xc3z", 16);
    return true;
}

/* ---- embeddings ---- */

static void add_numbers(struct ask *a, struct sl_str text, uint64_t dimensions)
{
    uint64_t sum = 0;
    for (size_t i = 0; i < text.n; i++)
        sum += (unsigned char)text.p[i];
    sl_buf_addc(a->b, '[');
    for (uint64_t i = 0; i < dimensions; i++) {
        int k = (int)((sum + i) % 200) - 100;
        sl_buf_addf(a->b, "%s%s%d.%02d", i > 0 ? "," : "", k < 0 ? "-" : "", (k < 0 ? -k : k) / 100,
                    (k < 0 ? -k : k) % 100);
    }
    sl_buf_addc(a->b, ']');
}

static struct sl_str gemini_text(yyjson_val *request)
{
    yyjson_val *parts = yyjson_obj_get(yyjson_obj_get(request, "content"), "parts");
    return text_of(yyjson_obj_get(yyjson_arr_get_first(parts), "text"));
}

static uint64_t dimensions_of(yyjson_val *v, uint64_t usual)
{
    return yyjson_is_uint(v) ? yyjson_get_uint(v) : usual;
}

static void add_gemini_usage(struct ask *a)
{
    a->c->usage_sent = sl_str_find_str(a->c->model, SL_STR("embedding-2")) >= 0;
    if (a->c->usage_sent)
        sl_buf_addf(a->b, ",\"usageMetadata\":{\"promptTokenCount\":%u,\"totalTokenCount\":%u}", a->c->prompt,
                    a->c->prompt);
    sl_buf_addc(a->b, '}');
}

static bool gemini_one(struct ask *a)
{
    struct sl_str text = gemini_text(a->root);
    if (text.n == 0)
        return google_no(a, "* EmbedContentRequest.content: content is empty");
    a->c->prompt = tokens_of(text);
    sl_buf_adds(a->b, SL_STR("{\"embedding\":{\"values\":"));
    yyjson_val *config = yyjson_obj_get(a->root, "embedContentConfig"); /* Vertex */
    add_numbers(a, text, dimensions_of(yyjson_obj_get(config != NULL ? config : a->root, "outputDimensionality"), 8));
    sl_buf_addc(a->b, '}');
    add_gemini_usage(a);
    return true;
}

/* Vertex: gemini.md 11.3. */
static bool vertex_embed(struct ask *a)
{
    yyjson_val *list = member(a, "instances"),
               *dimensions = yyjson_obj_get(member(a, "parameters"), "outputDimensionality"), *v;
    bool alone = sl_str_find_str(a->c->model, SL_STR("gemini-embedding")) >= 0;
    size_t i, max;
    if (yyjson_arr_size(list) == 0 || yyjson_arr_size(list) > (alone ? 1 : 250))
        return google_no(a, "The number of instances is out of bound.");
    a->c->usage_sent = true;
    sl_buf_adds(a->b, SL_STR("{\"predictions\":["));
    yyjson_arr_foreach(list, i, max, v)
    {
        struct sl_str text = text_of(yyjson_obj_get(v, "content"));
        if (text.n == 0)
            return google_no(a, "The text content is empty.");
        a->c->prompt += tokens_of(text);
        sl_buf_adds(a->b, i > 0 ? SL_STR(",{\"embeddings\":{\"values\":") : SL_STR("{\"embeddings\":{\"values\":"));
        add_numbers(a, text, dimensions_of(dimensions, 8));
        sl_buf_addf(a->b, ",\"statistics\":{\"token_count\":%u,\"truncated\":false}}}", tokens_of(text));
    }
    sl_buf_adds(a->b, SL_STR("]}"));
    return true;
}

/* Bedrock: bedrock.md 4.3. */
static bool titan_embed(struct ask *a)
{
    struct sl_str text = text_of(member(a, "inputText"));
    if (text.n == 0)
        return google_no(a, "Malformed input request: #: required key [inputText] not found");
    a->c->prompt = tokens_of(text);
    a->c->usage_sent = true;
    sl_buf_adds(a->b, SL_STR("{\"embedding\":"));
    add_numbers(a, text, dimensions_of(member(a, "dimensions"), 8));
    sl_buf_addf(a->b, ",\"inputTextTokenCount\":%u}", a->c->prompt);
    return true;
}

static bool gemini_batch(struct ask *a)
{
    yyjson_val *list = member(a, "requests"), *v;
    size_t i, max;
    if (yyjson_arr_size(list) == 0 || yyjson_arr_size(list) > 100)
        return google_no(a, "* BatchEmbedContentsRequest.requests: at most 100 requests can be in one batch");
    sl_buf_adds(a->b, SL_STR("{\"embeddings\":["));
    yyjson_arr_foreach(list, i, max, v)
    {
        struct sl_str model = text_of(yyjson_obj_get(v, "model")), text = gemini_text(v);
        if (!sl_str_starts(model, SL_STR("models/")) || !sl_str_eq(sl_str_from(model, 7), a->c->model))
            return google_no(a, "* BatchEmbedContentsRequest.requests: model does not match the model in the path");
        if (text.n == 0)
            return google_no(a, "* EmbedContentRequest.content: content is empty");
        a->c->prompt += tokens_of(text);
        sl_buf_adds(a->b, i > 0 ? SL_STR(",{\"values\":") : SL_STR("{\"values\":"));
        add_numbers(a, text, dimensions_of(yyjson_obj_get(v, "outputDimensionality"), 8));
        sl_buf_addc(a->b, '}');
    }
    sl_buf_addc(a->b, ']');
    add_gemini_usage(a);
    return true;
}

static bool cohere_embed(struct ask *a)
{
    yyjson_val *texts = member(a, "texts"), *v;
    size_t i, max;
    if (!knows(a, "model texts input_type embedding_types output_dimension truncate max_tokens images inputs") ||
        !need(a, "input_type") ||
        !one_of(a, "input_type", "search_document search_query classification clustering image"))
        return false;
    if (yyjson_arr_size(texts) == 0 || yyjson_arr_size(texts) > 96) {
        sim_openai_no(a->c, "invalid_request", "texts", "invalid request: total number of texts must be at most 96");
        return false;
    }
    a->c->usage_sent = true;
    sl_buf_adds(a->b, SL_STR("{\"id\":\"abe31d9d\",\"embeddings\":{\"float\":["));
    yyjson_arr_foreach(texts, i, max, v)
    {
        a->c->prompt += tokens_of(text_of(v));
        if (i > 0)
            sl_buf_addc(a->b, ',');
        add_numbers(a, text_of(v), dimensions_of(member(a, "output_dimension"), 8));
    }
    sl_buf_addf(a->b,
                "]},\"texts\":[],\"meta\":{\"api_version\":{\"version\":\"2\"},\"billed_units\":{\"input_tokens\":%u}},"
                "\"response_type\":\"embeddings_by_type\"}",
                a->c->prompt);
    return true;
}

static bool ark_embed(struct ask *a)
{
    yyjson_val *first = yyjson_arr_get_first(member(a, "input"));
    struct sl_str text = text_of(yyjson_obj_get(first, "text"));
    uint64_t n = dimensions_of(member(a, "dimensions"), 2048);
    if (!knows(a, "model input dimensions encoding_format instructions") ||
        !one_of(a, "encoding_format", "float base64"))
        return false;
    if (!yyjson_equals_str(yyjson_obj_get(first, "type"), "text") || text.n == 0 || (n != 1024 && n != 2048)) {
        sim_openai_no(a->c, "InvalidParameter", "input", "The parameter `input` or `dimensions` is not valid.");
        return false;
    }
    a->c->prompt = tokens_of(text);
    a->c->usage_sent = true;
    sl_buf_adds(a->b, SL_STR("{\"created\":1790000000,\"data\":{\"object\":\"embedding\",\"embedding\":"));
    add_numbers(a, text, n);
    sl_buf_addf(a->b,
                "},\"model\":\"x\",\"object\":\"list\",\"usage\":{\"prompt_tokens\":%u,\"prompt_tokens_details\":{"
                "\"image_tokens\":0,\"text_tokens\":%u},\"total_tokens\":%u}}",
                a->c->prompt, a->c->prompt, a->c->prompt);
    return true;
}

/* ---- serving ---- */

struct served {
    struct sl_str tail; /* of the path */
    bool (*serve)(struct ask *a);
    bool google;
    struct sl_str model; /* only of models whose names have this in them; empty: any */
};

static const struct served paths[] = {
    {SL_STR_INIT("/moderations"), moderations, false, {NULL, 0}},
    {SL_STR_INIT("/v2/rerank"), rerank_cohere, false, {NULL, 0}},
    {SL_STR_INIT("/v1/rerank"), rerank_jina, false, {NULL, 0}},
    {SL_STR_INIT("/images/generations"), seedream, false, SL_STR_INIT("seedream")},
    {SL_STR_INIT("/images/generations"), images, false, {NULL, 0}},
    {SL_STR_INIT("/audio/speech"), speech, false, {NULL, 0}},
    {SL_STR_INIT("/v2/embed"), cohere_embed, false, {NULL, 0}},
    {SL_STR_INIT("/embeddings/multimodal"), ark_embed, false, {NULL, 0}},
    {SL_STR_INIT(":embedContent"), gemini_one, true, {NULL, 0}},
    {SL_STR_INIT(":batchEmbedContents"), gemini_batch, true, {NULL, 0}},
    {SL_STR_INIT(":predict"), imagen, true, SL_STR_INIT("imagen")},
    {SL_STR_INIT(":predict"), vertex_embed, true, SL_STR_INIT("embedding")},
    {SL_STR_INIT("/invoke"), titan_embed, true, SL_STR_INIT("titan-embed")},
    {SL_STR_INIT("/invoke"), cohere_embed, true, SL_STR_INIT("cohere.embed")},
    {SL_STR_INIT(":generateContent"), gemini_speech, true, SL_STR_INIT("-tts")},
    {SL_STR_INIT(":generateContent"), gemini_image, true, SL_STR_INIT("-image")},
    {SL_STR_INIT(":streamGenerateContent"), gemini_speech, true, SL_STR_INIT("-tts")},
    {SL_STR_INIT(":streamGenerateContent"), gemini_image, true, SL_STR_INIT("-image")},
};

static struct sl_str sound_type(const struct ask *a)
{
    struct sl_str f = text_of(member(a, "response_format"));
    return sl_str_eq(f, SL_STR("wav"))   ? SL_STR("audio/wav")
           : sl_str_eq(f, SL_STR("pcm")) ? SL_STR("audio/pcm")
                                         : SL_STR("audio/mpeg");
}

/* Sound goes out in pieces and without a length. */
static void send_sound(struct sim_call *c, struct sl_str type)
{
    sim_head(c, 200, type, HTTP_LENGTH_NONE, NULL);
    while (c->ready.n > SOUND_PIECE) {
        sim_send(c, sl_str_head(c->ready, SOUND_PIECE), false);
        c->ready = sl_str_from(c->ready, SOUND_PIECE);
    }
    sim_send(c, c->ready, true);
    sim_finish(c, true);
}

static void go_on(struct sim_call *c)
{
    struct sl_str type = c->snapshot; /* the content-type; nothing else here has a snapshot */
    bool sound = sl_str_starts(type, SL_STR("audio/"));
    if (sim_fault_instead(c))
        return;
    c->billed = true;
    c->out_tokens = c->tokens;
    if (sim_fault_bytes(c, c->ready, type))
        return;
    if (sound)
        send_sound(c, type);
    else
        sim_answer(c, 200, type, c->ready);
}

static const struct served *find(struct sim_call *c, yyjson_val *root)
{
    for (size_t i = 0; i < sizeof paths / sizeof *paths; i++) {
        const struct served *p = &paths[i];
        if (!sl_str_ends(c->r->path, p->tail))
            continue;
        struct sl_str model = text_of(yyjson_obj_get(root, "model"));
        if (p->google) {
            struct sl_str path = sl_str_head(c->r->path, c->r->path.n - p->tail.n);
            for (size_t k = path.n; k > 0; k--)
                if (path.p[k - 1] == '/') {
                    path = sl_str_from(path, k);
                    break;
                }
            model = sim_unescape(c, path);
        }
        if (p->model.n > 0 && sl_str_find_str(model, p->model) < 0)
            continue;
        c->model = sl_arena_str(c->s->arena, model);
        return p;
    }
    return NULL;
}

static bool may_be(const struct sim_call *c) /* before the body is parsed, which costs */
{
    for (size_t i = 0; i < sizeof paths / sizeof *paths; i++)
        if (sl_str_ends(c->r->path, paths[i].tail) &&
            (!paths[i].google || paths[i].model.n == 0 || sl_str_find_str(c->r->path, paths[i].model) >= 0))
            return true;
    return false;
}

bool sim_other_serve(struct sim_call *c, struct sl_str raw)
{
    if (c->r->method != HTTP_POST || !may_be(c))
        return false;
    yyjson_doc *doc = yyjson_read_opts((char *)(uintptr_t)raw.p, raw.n, 0, &sim_json_alc, NULL);
    struct ask a = {.c = c, .root = yyjson_doc_get_root(doc), .b = &c->sim->out};
    const struct served *p = find(c, a.root);
    if (p == NULL) {
        yyjson_doc_free(doc);
        return false;
    }
    c->format = p->google ? &format_google : &format_other;
    c->vendor = c->format->vendor;
    sl_buf_reset(a.b);
    sim_faults_choose(c);
    bool ok = yyjson_is_obj(a.root) && c->model.n > 0;
    if (!ok)
        sim_say_no(c, "%s", "The body is not an object, or names no model.");
    ok = ok && p->serve(&a);
    if (ok) {
        c->ready = sl_arena_str(c->s->arena, sl_buf_str(a.b));
        c->snapshot = c->stream            ? SL_STR("text/event-stream; charset=utf-8")
                      : p->serve == speech ? sound_type(&a)
                                           : SIM_JSON;
    }
    yyjson_doc_free(doc);
    if (!ok)
        return true;
    int64_t wait = sim_fault_delay_ns(c);
    if (wait > 0)
        sim_after(c, wait, go_on);
    else
        go_on(c);
    return true;
}
