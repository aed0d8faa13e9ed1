/* OpenAI's images/generations and images/edits at Imagen (gemini.md 15.2), Gemini's image models (15.1) and Seedream (seedance.md 17). What they have
 * no word for is noted. A client that asked for a stream gets each picture as its completed event. Providers that stream are asked to
 * and read in stream_pictures.c; what comes in one piece is read here. */
#include "dialect/media.h"
#include "dialect/other/pairs.h"

#define KNOWN "model prompt n size stream task fallback models route"
#define KNOWN_EDIT KNOWN " images mask"
#define IMAGEN_MOST 4u
#define PARTIALS_MOST 3u      /* openai.md 12.1 */
#define GEMINI_PICTURES 14u   /* of one request */
#define SEEDREAM_PICTURES 14u /* seedance.md 17; its 5.0 pro takes 10 and says so */

/* -- Sizes ------------------------------------------------------------------------------------------------------------------- */

static bool read_size(struct sl_str s, uint64_t *out_w, uint64_t *out_h)
{
    struct sl_str w = sl_str_cut(&s, 'x');
    return s.p != NULL && sl_str_to_u64(w, out_w) && sl_str_to_u64(s, out_h) && *out_w > 0 && *out_h > 0 &&
           *out_w <= 16384 && *out_h <= 16384;
}

static uint64_t common(uint64_t a, uint64_t b)
{
    while (b != 0) {
        uint64_t rest = a % b;
        a = b;
        b = rest;
    }
    return a;
}

/* The size as one of the ratios (blanks between), empty where the client did not say. False: refused, the ratios named. */
static bool ratio_of(struct other_translation *t, const char *ratios, struct sl_str *out, uint64_t *out_longest,
                     struct request_refusal *r)
{
    struct sl_str size = t->look->size, all = sl_str_c(ratios);
    uint64_t w, h;
    *out = SL_STR_NONE;
    *out_longest = 0;
    if (size.n == 0 || sl_str_eq(size, SL_STR("auto")))
        return true;
    if (read_size(size, &w, &h)) {
        uint64_t c = common(w, h);
        *out = sl_arena_printf(t->a, "%llu:%llu", (unsigned long long)(w / c), (unsigned long long)(h / c));
        *out_longest = w > h ? w : h;
        while (all.n > 0)
            if (sl_str_eq(sl_str_cut(&all, ' '), *out))
                return true;
    }
    r->error = (struct error_facts){
        .error = GE_MEMBER_VALUE,
        .param = SL_STR("size"),
        .message = sl_arena_printf(
            t->a, "'size' must be WIDTHxHEIGHT in one of these ratios for this model, or auto: %s.", ratios),
    };
    return false;
}

/* The prompt as it stands in the body. */
static struct sl_str prompt_of(const struct other_translation *t)
{
    return json_raw_of(&t->look->tree, other_member(t, SL_STR("prompt")));
}

static bool is_edit(const struct other_translation *t)
{
    return t->op == OP_IMAGE_EDIT;
}

struct edit { /* whose pictures are written */
    struct other_translation *t;
    struct json_writer *w;
};

static struct sl_str format_of(const struct other_translation *t)
{
    return json_inside_of(&t->look->tree, other_member(t, SL_STR("output_format")));
}

static bool wants_link(const struct other_translation *t)
{
    return json_text_is(&t->look->tree, other_member(t, SL_STR("response_format")), SL_STR("url"));
}

/* -- Requests ---------------------------------------------------------------------------------------------------------------- */

static bool write_imagen(struct other_translation *t, struct sl_buf *out, struct request_refusal *r)
{
    struct json_writer w = json_writer_on(out);
    struct sl_str ratio, format = format_of(t);
    uint64_t longest;
    if (!ratio_of(t, "1:1 3:4 4:3 9:16 16:9", &ratio, &longest, r))
        return false;
    bool typed = sl_str_eq(format, SL_STR("png")) || sl_str_eq(format, SL_STR("jpeg"));
    other_note_rest(t, typed           ? wants_link(t) ? KNOWN " output_format" : KNOWN " output_format response_format"
                       : wants_link(t) ? KNOWN
                                       : KNOWN " response_format");
    jw_open(&w, '{');
    jw_key(&w, SL_STR("instances"));
    jw_raw(&w, SL_STR("[{\"prompt\":"));
    sl_buf_adds(out, prompt_of(t));
    sl_buf_adds(out, SL_STR("}]"));
    jw_key(&w, SL_STR("parameters"));
    jw_open(&w, '{');
    jw_member_u64(&w, SL_STR("sampleCount"), t->count);
    if (ratio.n > 0)
        jw_member_plain(&w, SL_STR("aspectRatio"), ratio);
    if (longest >= 2048)
        jw_member_plain(&w, SL_STR("sampleImageSize"), SL_STR("2K"));
    if (typed) {
        jw_key(&w, SL_STR("outputOptions"));
        jw_open(&w, '{');
        jw_member_plain(&w, SL_STR("mimeType"), sl_arena_printf(t->a, "image/" SL_STR_FMT, SL_STR_ARG(format)));
        jw_close(&w, '}');
    }
    jw_close(&w, '}');
    jw_close(&w, '}');
    return true;
}

static bool add_blob(void *arg, struct sl_str raw_url, struct request_refusal *r)
{
    struct edit *e = arg;
    struct neutral_media m = {.mime = SL_STR_NONE};
    bool good = media_from_url(sl_str_of(raw_url.p + 1, raw_url.n - 2), e->t->a, &m);
    if (good && m.source == NS_URL)
        return other_refuse(r, GE_UNSUPPORTED, "images", "This model takes images as data URLs only: it fetches none.");
    struct sl_str data = good && m.source == NS_BASE64 ? media_base64(m.data, e->t->a) : SL_STR_NONE;
    if (data.n == 0 || !sl_str_starts(m.mime, SL_STR("image/")))
        return other_refuse(r, GE_MEMBER_VALUE, "images", "An 'image_url' is no image as a data URL in base64.");
    jw_open(e->w, '{');
    jw_key(e->w, SL_STR("inlineData"));
    jw_open(e->w, '{');
    jw_member_plain(e->w, SL_STR("mimeType"), m.mime);
    jw_member_inside(e->w, SL_STR("data"), data);
    jw_close(e->w, '}');
    jw_close(e->w, '}');
    return true;
}

static bool add_url(void *arg, struct sl_str raw_url, struct request_refusal *r)
{
    struct edit *e = arg;
    (void)r;
    jw_raw(e->w, raw_url);
    return true;
}

/* {"contents":[{"role":"user","parts":[PICTURES,{"text":PROMPT}]}], */
static bool add_contents(struct other_translation *t, struct json_writer *w, struct request_refusal *r)
{
    struct edit e = {t, w};
    jw_key(w, SL_STR("contents"));
    jw_open(w, '[');
    jw_open(w, '{');
    jw_member_plain(w, SL_STR("role"), SL_STR("user"));
    jw_key(w, SL_STR("parts"));
    jw_open(w, '[');
    if (is_edit(t) && !other_edit_pictures(t, GEMINI_PICTURES, add_blob, &e, r))
        return false;
    jw_open(w, '{');
    jw_member_raw(w, SL_STR("text"), prompt_of(t));
    jw_close(w, '}');
    jw_close(w, ']');
    jw_close(w, '}');
    jw_close(w, ']');
    return true;
}

/* Models that think make pictures on the way. */
static uint32_t partials_of(const struct other_translation *t)
{
    uint64_t n = 0;
    if (!t->up_stream || sl_str_find_str(t->up_model, SL_STR("gemini-3")) < 0 ||
        !json_u64_of(&t->look->tree, other_member(t, SL_STR("partial_images")), &n))
        return 0;
    return n < PARTIALS_MOST ? (uint32_t)n : PARTIALS_MOST;
}

static bool write_gemini(struct other_translation *t, struct sl_buf *out, struct request_refusal *r)
{
    struct json_writer w = json_writer_on(out);
    struct sl_str ratio;
    uint64_t longest;
    if (!ratio_of(t, "1:1 2:3 3:2 3:4 4:3 4:5 5:4 9:16 16:9 21:9", &ratio, &longest, r))
        return false;
    t->partials = partials_of(t);
    other_note_rest(t, t->partials > 0
                           ? wants_link(t) ? KNOWN_EDIT " partial_images" : KNOWN_EDIT " response_format partial_images"
                       : wants_link(t) ? KNOWN_EDIT
                                       : KNOWN_EDIT " response_format");
    jw_open(&w, '{');
    if (!add_contents(t, &w, r))
        return false;
    jw_key(&w, SL_STR("generationConfig"));
    jw_open(&w, '{');
    jw_member_raw(&w, SL_STR("responseModalities"), SL_STR("[\"TEXT\",\"IMAGE\"]"));
    if (t->partials > 0)
        jw_member_raw(&w, SL_STR("thinkingConfig"), SL_STR("{\"includeThoughts\":true}"));
    if (ratio.n > 0) {
        jw_key(&w, SL_STR("imageConfig"));
        jw_open(&w, '{');
        jw_member_plain(&w, SL_STR("aspectRatio"), ratio);
        if (longest >= 2048 && sl_str_find_str(t->up_model, SL_STR("gemini-3")) >= 0)
            jw_member_plain(&w, SL_STR("imageSize"), longest >= 4096 ? SL_STR("4K") : SL_STR("2K"));
        jw_close(&w, '}');
    }
    jw_close(&w, '}');
    jw_close(&w, '}');
    return true;
}

static bool seedream_size(const struct other_translation *t)
{
    static const struct sl_str names[] = {SL_STR_INIT("1K"), SL_STR_INIT("2K"), SL_STR_INIT("4K")};
    uint64_t w, h;
    for (size_t i = 0; i < sizeof names / sizeof *names; i++)
        if (sl_str_eq(names[i], t->look->size))
            return true;
    return read_size(t->look->size, &w, &h) && w * h >= 1280 * 720 && w * h <= 4096 * 4096 && w <= 16 * h &&
           h <= 16 * w;
}

static bool write_seedream(struct other_translation *t, struct sl_buf *out, struct request_refusal *r)
{
    struct json_writer w = json_writer_on(out);
    bool size = t->look->size.n > 0 && !sl_str_eq(t->look->size, SL_STR("auto"));
    if (size && !seedream_size(t))
        return other_refuse(
            r, GE_MEMBER_VALUE, "size",
            "'size' must be 1K, 2K, 4K, auto, or WIDTHxHEIGHT with 921600 to 16777216 pixels and a ratio "
            "of 1:16 to 16:1 for this model.");
    other_note_rest(t, KNOWN_EDIT " response_format image seed guidance_scale watermark");
    jw_open(&w, '{');
    jw_member_plain(&w, SL_STR("model"), other_model(t));
    jw_member_raw(&w, SL_STR("prompt"), prompt_of(t));
    if (size)
        jw_member_inside(&w, SL_STR("size"), t->look->size);
    jw_member_plain(&w, SL_STR("response_format"), wants_link(t) ? SL_STR("url") : SL_STR("b64_json"));
    if (is_edit(t)) {
        struct edit e = {t, &w};
        jw_key(&w, SL_STR("image"));
        jw_open(&w, '[');
        if (!other_edit_pictures(t, SEEDREAM_PICTURES, add_url, &e, r))
            return false;
        jw_close(&w, ']');
    }
    static const struct sl_str own[] = {SL_STR_INIT("image"), SL_STR_INIT("seed"), SL_STR_INIT("guidance_scale")};
    for (size_t i = is_edit(t); i < sizeof own / sizeof *own; i++)
        jw_maybe_raw(&w, own[i], json_raw_of(&t->look->tree, other_member(t, own[i])));
    if (t->up_stream)
        jw_member_bool(&w, SL_STR("stream"), true);
    const struct json_node *mark = other_member(t, SL_STR("watermark"));
    jw_member_bool(&w, SL_STR("watermark"), json_kind_of(mark) == JSON_TRUE); /* theirs is on where nothing is said */
    jw_close(&w, '}');
    return true;
}

/* -- Answers ----------------------------------------------------------------------------------------------------------------- */

/* The pictures of one answer, each as the raw value of one member. */
struct picture {
    const char *name; /* "b64_json", "url" */
    struct sl_str raw;
};
typedef void take_f(void *arg, struct picture p);

static bool is_text(const struct json_node *v)
{
    return json_kind_of(v) == JSON_STRING && v->n > 2;
}

static void each_part(const struct json_tree *t, const struct json_node *candidate, take_f *take, void *arg)
{
    const struct json_node *parts = json_got(t, json_got(t, candidate, SL_STR("content")), SL_STR("parts"));
    for (JSON_EACH(t, parts, it)) {
        const struct json_node *blob = json_got(t, it, SL_STR("inlineData")),
                               *thought = json_got(t, it, SL_STR("thought"));
        const struct json_node *data = json_got(t, blob, SL_STR("data"));
        if (is_text(data) && json_kind_of(thought) != JSON_TRUE)
            take(arg, (struct picture){"b64_json", json_raw_of(t, data)});
    }
}

static void each_picture(const struct json_tree *t, take_f *take, void *arg)
{
    const struct json_node *root = json_root(t);
    for (JSON_EACH(t, json_got(t, root, SL_STR("predictions")), it)) {
        const struct json_node *data = json_got(t, it, SL_STR("bytesBase64Encoded"));
        if (is_text(data))
            take(arg, (struct picture){"b64_json", json_raw_of(t, data)});
    }
    for (JSON_EACH(t, json_got(t, root, SL_STR("candidates")), c))
        each_part(t, c, take, arg);
    for (JSON_EACH(t, json_got(t, root, SL_STR("data")), d)) {
        const struct json_node *data = json_got(t, d, SL_STR("b64_json")), *url = json_got(t, d, SL_STR("url"));
        if (is_text(data))
            take(arg, (struct picture){"b64_json", json_raw_of(t, data)});
        else if (is_text(url))
            take(arg, (struct picture){"url", json_raw_of(t, url)});
    }
}

static void count_one(void *arg, struct picture p)
{
    (void)p;
    ++*(uint64_t *)arg;
}

static void use(struct other_translation *t, struct sl_str body, struct other_usage *out)
{
    struct json_tree tree;
    if (!json_tree_read(&tree, body, t->a))
        return;
    const struct json_node *root = json_root(&tree), *meta = json_got(&tree, root, SL_STR("usageMetadata")),
                           *usage = json_got(&tree, root, SL_STR("usage"));
    each_picture(&tree, count_one, &out->units[UU_IMAGES_OUT]);
    (void)json_u64_of(&tree, json_got(&tree, usage, SL_STR("generated_images")), &out->units[UU_IMAGES_OUT]);
    out->found = true;
    struct token_counts *c = &out->counts;
    c->found = json_u64_of(&tree, json_got(&tree, meta, SL_STR("promptTokenCount")), &c->prompt);
    if (json_u64_of(&tree, json_got(&tree, usage, SL_STR("output_tokens")), &c->completion)) {
        c->found = true;
        c->image_completion = c->completion;
    }
    (void)json_u64_of(&tree, json_got(&tree, meta, SL_STR("candidatesTokenCount")), &c->completion);
    (void)json_u64_of(&tree, json_got(&tree, meta, SL_STR("thoughtsTokenCount")), &c->reasoning);
    c->completion += c->reasoning;
    for (JSON_EACH(&tree, json_got(&tree, meta, SL_STR("candidatesTokensDetails")), it))
        if (json_text_is(&tree, json_got(&tree, it, SL_STR("modality")), SL_STR("IMAGE")))
            (void)json_u64_of(&tree, json_got(&tree, it, SL_STR("tokenCount")), &c->image_completion);
    for (JSON_EACH(&tree, json_got(&tree, meta, SL_STR("promptTokensDetails")), it))
        if (json_text_is(&tree, json_got(&tree, it, SL_STR("modality")), SL_STR("IMAGE")))
            (void)json_u64_of(&tree, json_got(&tree, it, SL_STR("tokenCount")), &c->image_prompt);
    if (c->image_prompt > c->prompt)
        c->image_prompt = 0;
    c->total = c->prompt + c->completion;
}

struct gathering {
    struct other_translation *t;
    struct sl_buf *out;
    struct json_writer w;
    struct token_counts sum; /* of all; in a stream, of the call whose pictures come next */
    uint64_t n;
};

static void add_data(void *arg, struct picture p)
{
    struct gathering *g = arg;
    g->n++;
    jw_open(&g->w, '{');
    jw_member_raw(&g->w, sl_str_c(p.name), p.raw);
    jw_close(&g->w, '}');
}

/* As OpenAI reports, each event its own part: the first of a call has all of it, so that the sum is what was used. */
static void add_event(void *arg, struct picture p)
{
    struct gathering *g = arg;
    const struct other_image i = {.name = p.name, .raw = p.raw, .partial = -1};
    g->n++;
    other_image_begin(g->t, &i, g->out);
    other_image_end(&g->sum, g->out);
    g->sum = (struct token_counts){.found = g->sum.found};
}

static bool answer(struct other_translation *t, const struct sl_str *bodies, uint32_t n, struct sl_buf *out)
{
    struct gathering g = {.t = t, .out = out, .w = json_writer_on(out), .sum = {.found = n > 0}};
    struct json_tree tree;
    for (uint32_t i = 0; i < n; i++) {
        struct other_usage u = {.found = false};
        use(t, bodies[i], &u);
        g.sum.found = g.sum.found && u.counts.found;
        g.sum.prompt += u.counts.prompt;
        g.sum.image_prompt += u.counts.image_prompt;
        g.sum.completion += u.counts.completion;
        g.sum.total += u.counts.total;
    }
    if (!t->stream) {
        jw_open(&g.w, '{');
        jw_member_u64(&g.w, SL_STR("created"), (uint64_t)t->created_s);
        jw_key(&g.w, SL_STR("data"));
        jw_open(&g.w, '[');
    }
    for (uint32_t i = 0; i < n; i++) {
        struct other_usage u = {.found = false};
        if (!json_tree_read(&tree, bodies[i], t->a))
            return false;
        if (t->stream) {
            use(t, bodies[i], &u);
            g.sum = u.counts;
        }
        each_picture(&tree, t->stream ? add_event : add_data, &g);
    }
    if (!t->stream) {
        jw_close(&g.w, ']');
        other_image_usage(&g.w, &g.sum);
        jw_close(&g.w, '}');
    }
    return g.n > 0; /* refused, or talked instead of drawing */
}

static struct sl_str imagen_path(const struct other_translation *t)
{
    return other_google_path(t, ":predict");
}

static struct sl_str gemini_path(const struct other_translation *t)
{
    return other_google_path(t, t->up_stream ? ":streamGenerateContent?alt=sse" : ":generateContent");
}

const struct other_pair other_images_imagen = {
    .most = IMAGEN_MOST, .path_of = imagen_path, .write = write_imagen, .usage = use, .answer = answer};
const struct other_pair other_images_vertex = {
    .most = IMAGEN_MOST, .verb = SL_STR_INIT(":predict"), .write = write_imagen, .usage = use, .answer = answer};
const struct other_pair other_images_gemini = {.most = 1,
                                               .streams = OTHER_STREAMS_GEMINI,
                                               .path_of = gemini_path,
                                               .write = write_gemini,
                                               .usage = use,
                                               .answer = answer};
const struct other_pair other_images_vertex_gemini = {.most = 1,
                                                      .streams = OTHER_STREAMS_GEMINI,
                                                      .verb = SL_STR_INIT(":generateContent"),
                                                      .stream_verb = SL_STR_INIT(":streamGenerateContent?alt=sse"),
                                                      .write = write_gemini,
                                                      .usage = use,
                                                      .answer = answer};
const struct other_pair other_images_seedream = {.most = 1,
                                                 .streams = OTHER_STREAMS_SEEDREAM,
                                                 .path = SL_STR_INIT("/images/generations"),
                                                 .write = write_seedream,
                                                 .usage = use,
                                                 .answer = answer};
