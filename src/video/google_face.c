/* Veo's operations as a face: video.md A2 (Gemini API) and A3 (Vertex). What has no place in a job is refused by its name: an operation
 * has no member to say that something was left out. */
#include "video/video_int.h"

#define AT(member) offsetof(struct video_request, member)

static const struct video_member parameters[] = {
    {SL_STR_INIT("sampleCount"), VM_U32, AT(n)},
    {SL_STR_INIT("durationSeconds"), VM_MS, AT(ms)},
    {SL_STR_INIT("aspectRatio"), VM_LOWER, AT(ratio)},
    {SL_STR_INIT("resolution"), VM_LOWER, AT(resolution)},
    {SL_STR_INIT("personGeneration"), VM_LOWER, AT(person_generation)},
    {SL_STR_INIT("negativePrompt"), VM_TEXT, AT(negative_prompt)},
    {SL_STR_INIT("seed"), VM_SEED, AT(seed)},
    {SL_STR_INIT("fps"), VM_U32, AT(fps)},
    {SL_STR_INIT("generateAudio"), VM_SAID, AT(audio)},
};

/* Values that say what happens anyway. */
static const struct {
    struct sl_str name, value;
} presets[] = {
    {SL_STR_INIT("enhancePrompt"), SL_STR_INIT("true")},
    {SL_STR_INIT("compressionQuality"), SL_STR_INIT("OPTIMIZED")},
};

struct reading {
    struct json_tree t;
    struct sl_arena *a;
    struct video_request *r;
    struct video_refusal *no;
};

static bool is_null(const struct json_node *v)
{
    return v == NULL || json_kind_of(v) == JSON_NULL;
}

static bool unknown(struct reading *g, struct sl_str name)
{
    return video_no(g->a, g->no, VIDEO_UNSUPPORTED, name, "This gateway has no such member for videos.");
}

/* What decides has to be what is sent. */
static bool is_twice(struct reading *g, const struct json_node *of, struct sl_str name, const struct json_node *it)
{
    if (json_get(&g->t, of, name) == it)
        return false;
    video_no(g->a, g->no, "invalid_json", name, SL_STR_FMT " stands twice in the body.", SL_STR_ARG(name));
    return true;
}

/* {"bytesBase64Encoded", "mimeType"}, {"gcsUri", "mimeType"} */
static bool take_image(struct reading *g, const struct json_node *v, struct video_media m)
{
    struct sl_str mime = json_plain_of(&g->t, json_got(&g->t, v, SL_STR("mimeType")), g->a);
    struct sl_str url = json_plain_of(&g->t, json_got(&g->t, v, SL_STR("gcsUri")), g->a);
    const struct json_node *bytes = json_got(&g->t, v, SL_STR("bytesBase64Encoded"));
    if (is_null(v))
        return true;
    if (url.n == 0 && json_kind_of(bytes) == JSON_STRING)
        url = sl_arena_printf(g->a, "data:" SL_STR_FMT ";base64," SL_STR_FMT, SL_STR_ARG(mime),
                              SL_STR_ARG(json_plain_of(&g->t, bytes, g->a)));
    if (url.n == 0)
        return video_no(g->a, g->no, VIDEO_BAD_VALUE, m.param, SL_STR_FMT " has to have bytesBase64Encoded or gcsUri.",
                        SL_STR_ARG(m.param));
    return video_media_url(url, g->a, &m, g->no) && video_media_add(g->r, &m, g->a, g->no);
}

static bool take_references(struct reading *g, const struct json_node *v)
{
    unsigned i = 0;
    if (!is_null(v) && json_kind_of(v) != JSON_ARRAY)
        return video_no(g->a, g->no, VIDEO_BAD_VALUE, SL_STR("referenceImages"), "referenceImages has to be an array.");
    for (JSON_EACH(&g->t, is_null(v) ? NULL : v, it)) {
        struct video_media m = {.role = VIDEO_REFERENCE, .param = sl_arena_printf(g->a, "referenceImages[%u]", i++)};
        struct sl_str type = json_plain_of(&g->t, json_got(&g->t, it, SL_STR("referenceType")), g->a);
        if (type.n > 0 && !sl_str_eq_nocase(type, SL_STR("asset")))
            return video_no(g->a, g->no, VIDEO_UNSUPPORTED, m.param, "The only type of a reference image is asset.");
        const struct json_node *image = json_got(&g->t, it, SL_STR("image"));
        if (is_null(image))
            return video_no(g->a, g->no, VIDEO_MISSING, m.param, "A reference has to have an image.");
        if (!take_image(g, image, m))
            return false;
    }
    return true;
}

static bool take_prompt(struct reading *g, const struct json_node *v)
{
    if (is_null(v))
        return true;
    if (json_kind_of(v) != JSON_STRING)
        return video_no(g->a, g->no, VIDEO_BAD_VALUE, SL_STR("prompt"), "prompt has to be a string.");
    g->r->prompt = json_plain_of(&g->t, v, g->a);
    return true;
}

static bool take_instance(struct reading *g, const struct json_node *instance)
{
    for (JSON_EACH(&g->t, instance, it)) {
        struct sl_str name = json_plain(json_key_of(&g->t, it), g->a);
        bool fine, first = sl_str_eq(name, SL_STR("image"));
        if (is_twice(g, instance, name, it))
            return false;
        if (sl_str_eq(name, SL_STR("prompt")))
            fine = take_prompt(g, it);
        else if (first || sl_str_eq(name, SL_STR("lastFrame")))
            fine = take_image(
                g, it, (struct video_media){.role = first ? VIDEO_FIRST_FRAME : VIDEO_LAST_FRAME, .param = name});
        else if (sl_str_eq(name, SL_STR("referenceImages")))
            fine = take_references(g, it);
        else if (sl_str_eq(name, SL_STR("video")) && !is_null(it))
            fine = video_no(g->a, g->no, VIDEO_UNSUPPORTED, name, "Videos cannot be extended in Google's format.");
        else
            fine = is_null(it) || unknown(g, name);
        if (!fine)
            return false;
    }
    return true;
}

static bool is_preset(struct sl_str name, struct sl_str value)
{
    for (size_t i = 0; i < VIDEO_COUNT(presets); i++)
        if (sl_str_eq(name, presets[i].name))
            return sl_str_eq_nocase(value, presets[i].value);
    return false;
}

static bool take_parameters(struct reading *g, const struct json_node *v)
{
    if (!is_null(v) && json_kind_of(v) != JSON_OBJECT)
        return video_no(g->a, g->no, VIDEO_BAD_VALUE, SL_STR("parameters"), "parameters has to be an object.");
    for (JSON_EACH(&g->t, is_null(v) ? NULL : v, it)) {
        struct sl_str name = json_plain(json_key_of(&g->t, it), g->a), raw = json_raw_of(&g->t, it);
        struct video_value value = {.text = video_text_of(&g->t, it, g->a), .raw = raw, .kind = json_kind_of(it)};
        bool found;
        if (is_twice(g, v, name, it) ||
            !video_member_take(parameters, VIDEO_COUNT(parameters), name, &value, g->a, g->r, &found, g->no))
            return false;
        if (!found && !is_null(it) && !is_preset(name, value.text.n > 0 ? value.text : raw))
            return unknown(g, name);
    }
    if (g->r->n > 1)
        return video_no(g->a, g->no, VIDEO_UNSUPPORTED, SL_STR("sampleCount"),
                        "One video is made at a time: sampleCount has to be 1.");
    return true;
}

static bool take_body(struct reading *g, const struct json_node *root)
{
    const struct json_node *instances = json_got(&g->t, root, SL_STR("instances"));
    for (JSON_EACH(&g->t, root, it)) {
        struct sl_str name = json_plain(json_key_of(&g->t, it), g->a);
        bool known = sl_str_eq(name, SL_STR("instances")) || sl_str_eq(name, SL_STR("parameters"));
        if (is_twice(g, root, name, it))
            return false;
        if (!known && !is_null(it))
            return unknown(g, name);
    }
    if (json_kind_of(instances) != JSON_ARRAY || instances->children != 1 ||
        json_kind_of(json_child(instances)) != JSON_OBJECT)
        return video_no(g->a, g->no, VIDEO_MISSING, SL_STR("instances"), "instances has to be an array of one object.");
    return take_instance(g, json_child(instances)) && take_parameters(g, json_got(&g->t, root, SL_STR("parameters")));
}

static bool open_object(struct json_tree *t, struct sl_str body, struct sl_arena *a, struct video_refusal *no)
{
    if (json_tree_read(t, body, a) && json_kind_of(json_root(t)) == JSON_OBJECT)
        return true;
    return video_no(a, no, "invalid_json", SL_STR_NONE, "The body has to be a JSON object.");
}

bool video_google_read(struct sl_str model, struct sl_str body, struct sl_arena *a, struct video_request *out,
                       struct video_refusal *no)
{
    struct reading g = {.a = a, .r = out, .no = no};
    video_request_init(out, VIDEO_FACE_GOOGLE, VIDEO_GENERATE);
    out->model = model;
    if (!open_object(&g.t, body, a, no) || !take_body(&g, json_root(&g.t)))
        return false;
    out->raw = body;
    if (out->prompt.n == 0 && out->n_media == 0)
        return video_no(a, no, VIDEO_MISSING, SL_STR("prompt"), "A prompt or an image has to be given.");
    return video_request_done(out, a, no);
}

struct sl_str video_google_id(struct sl_str name)
{
    static const struct sl_str mark = SL_STR_INIT("operations/");
    ptrdiff_t at = sl_str_find_str(name, mark);
    bool begins = at == 0 || (at > 0 && name.p[at - 1] == '/');
    struct sl_str id = begins ? sl_str_from(name, (size_t)at + mark.n) : SL_STR_NONE;
    return sl_str_find(id, '/') >= 0 ? SL_STR_NONE : id;
}

bool video_google_fetch_read(struct sl_str body, struct sl_arena *a, struct sl_str *out, struct video_refusal *no)
{
    struct json_tree t;
    if (!open_object(&t, body, a, no))
        return false;
    *out = json_plain_of(&t, json_got(&t, json_root(&t), SL_STR("operationName")), a);
    return out->n > 0 || video_no(a, no, VIDEO_MISSING, SL_STR("operationName"), "operationName has to be given.");
}

/* ---- answers ---- */

/* Numbers of gRPC. */
static unsigned code_of(enum video_reason r)
{
    switch (r) {
    case VIDEO_REASON_CANCELLED:
        return 1;
    case VIDEO_REASON_UNCLEAR:
        return 2; /* UNKNOWN */
    case VIDEO_REASON_EXPIRED:
    case VIDEO_REASON_TIMEOUT:
        return 4; /* DEADLINE_EXCEEDED */
    case VIDEO_REASON_POLICY:
        return 3; /* INVALID_ARGUMENT */
    case VIDEO_REASON_NONE:
    case VIDEO_REASON_PROVIDER:
        break;
    }
    return 13; /* INTERNAL */
}

static void write_failure(struct json_writer *w, const struct video_view *v)
{
    jw_key(w, SL_STR("error"));
    jw_open(w, '{');
    jw_member_u64(w, SL_STR("code"), code_of(v->reason));
    jw_member_plain(w, SL_STR("message"),
                    v->error_message.n > 0 ? v->error_message : SL_STR("The video could not be made."));
    jw_close(w, '}');
}

/* What content policies withhold is no error here: an answer without videos, and why. */
static void write_filtered(struct json_writer *w, const struct video_view *v)
{
    jw_member_u64(w, SL_STR("raiMediaFilteredCount"), 1);
    jw_key(w, SL_STR("raiMediaFilteredReasons"));
    jw_open(w, '[');
    jw_plain(w, v->error_message.n > 0
                    ? v->error_message
                    : SL_STR("The request or its result was refused by the provider's content policy."));
    jw_close(w, ']');
}

static void write_made(struct json_writer *w, const struct video_view *v, bool vertex)
{
    jw_key(w, vertex ? SL_STR("videos") : SL_STR("generatedSamples"));
    jw_open(w, '[');
    jw_open(w, '{');
    if (!vertex) {
        jw_key(w, SL_STR("video"));
        jw_open(w, '{');
    }
    jw_member_plain(w, vertex ? SL_STR("gcsUri") : SL_STR("uri"), v->video_url);
    jw_member_plain(w, SL_STR("mimeType"), SL_STR("video/mp4"));
    if (!vertex)
        jw_close(w, '}');
    jw_close(w, '}');
    jw_close(w, ']');
}

static void write_response(struct json_writer *w, const struct video_view *v, bool vertex)
{
    jw_key(w, SL_STR("response"));
    jw_open(w, '{');
    jw_member_plain(w, SL_STR("@type"),
                    vertex ? SL_STR("type.googleapis.com/cloud.ai.large_models.vision.GenerateVideoResponse")
                           : SL_STR("type.googleapis.com/google.ai.generativelanguage.v1beta."
                                    "PredictLongRunningResponse"));
    if (!vertex) {
        jw_key(w, SL_STR("generateVideoResponse"));
        jw_open(w, '{');
    }
    if (v->status == VIDEO_COMPLETED)
        write_made(w, v, vertex);
    else
        write_filtered(w, v);
    if (!vertex)
        jw_close(w, '}');
    jw_close(w, '}');
}

void video_google_write(const struct video_view *v, struct sl_str name, bool vertex, struct sl_buf *out)
{
    struct json_writer w = json_writer_on(out);
    bool done = v->status == VIDEO_COMPLETED || v->status == VIDEO_FAILED;
    jw_open(&w, '{');
    jw_member_plain(&w, SL_STR("name"), name);
    if (done)
        jw_member_bool(&w, SL_STR("done"), true);
    if (v->status == VIDEO_COMPLETED || (done && v->reason == VIDEO_REASON_POLICY))
        write_response(&w, v, vertex);
    else if (done)
        write_failure(&w, v);
    jw_close(&w, '}');
}
