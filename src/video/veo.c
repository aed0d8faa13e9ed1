/* Google's Veo: long-running operations on the Gemini API and on Vertex (video.md A2 and A3, November 2026). There is no list and no
 * cancelling, and the answer reports neither seconds nor size. */
#include "http/url.h"
#include "video/video_int.h"

#define PRESET_S 8

enum veo_can {
    VEO_LAST = 1 << 0,
    VEO_REFERENCES = 1 << 1,
    VEO_AUDIO = 1 << 2
};

static const struct veo_model {
    struct sl_str part;
    struct sl_str seconds, resolutions;
    unsigned can, images;
} models[] = {
    {SL_STR_INIT("veo-3.1-lite"), SL_STR_INIT("4,6,8"), SL_STR_INIT("720p,1080p"), VEO_LAST | VEO_AUDIO, 0},
    {SL_STR_INIT("veo-3.1"), SL_STR_INIT("4,6,8"), SL_STR_INIT("720p,1080p,4k"), VEO_LAST | VEO_REFERENCES | VEO_AUDIO,
     3},
    {SL_STR_INIT("veo-3"), SL_STR_INIT("4,6,8"), SL_STR_INIT("720p,1080p"), VEO_AUDIO, 0},
    {SL_STR_INIT("veo-2"), SL_STR_INIT("5,6,7,8"), SL_STR_INIT("720p"), VEO_LAST | VEO_REFERENCES, 1},
};

static struct sl_str bare(struct sl_str model) /* behind "publishers/google/models/" */
{
    ptrdiff_t at;
    while ((at = sl_str_find(model, '/')) >= 0)
        model = sl_str_from(model, (size_t)at + 1);
    return model;
}

static const struct veo_model *model_of(const struct video_call *c)
{
    struct sl_str name = bare(video_known(c));
    for (size_t i = 0; i < VIDEO_COUNT(models); i++)
        if (sl_str_starts(name, models[i].part))
            return &models[i];
    return NULL;
}

static bool on_vertex(const struct video_call *c)
{
    return c->adapter == &video_vertex;
}

struct veo_wish { /* the request in Google's words */
    struct sl_str ratio, resolution;
    int64_t s;
    unsigned references;
    bool first, last;
    enum video_said audio;
};

/* ---- check ---- */

static bool check_media(const struct video_call *c, const struct veo_model *m, struct veo_wish *w,
                        struct video_refusal *no)
{
    const struct video_request *r = c->req;
    struct sl_str last = SL_STR_NONE;
    for (unsigned i = 0; i < r->n_media; i++) {
        const struct video_media *one = &r->media[i];
        last = one->param;
        if (one->kind != VIDEO_MEDIA_IMAGE || one->role == VIDEO_SOURCE)
            return video_no(c->a, no, VIDEO_UNSUPPORTED, one->param, "This provider takes images only.");
        if (one->file_id.n > 0)
            return video_no(c->a, no, VIDEO_BAD_VALUE, one->param, "There is no such file.");
        bool stored = sl_str_starts_nocase(one->url, SL_STR("gs://"));
        if (one->url.n > 0 && !(stored && on_vertex(c)))
            return video_no(c->a, no, VIDEO_BAD_VALUE, one->param,
                            "This provider takes no URLs: give the image inline, as a data URL or a file%s.",
                            on_vertex(c) ? ", or as gs://" : "");
        w->first = w->first || one->role == VIDEO_FIRST_FRAME;
        w->last = w->last || one->role == VIDEO_LAST_FRAME;
        w->references += one->role == VIDEO_REFERENCE;
    }
    if (w->references > 0 && (w->first || w->last))
        return video_no(c->a, no, VIDEO_BAD_VALUE, last, "Frames cannot be mixed with references.");
    if (m != NULL && ((w->last && !(m->can & VEO_LAST)) || w->references > m->images))
        return video_no(c->a, no, VIDEO_UNSUPPORTED, last,
                        SL_STR_FMT " takes %s last frame and at most %u reference images.", SL_STR_ARG(c->model),
                        m->can & VEO_LAST ? "a" : "no", m->images);
    return true;
}

/* The nearest that is not shorter. */
static bool settle_seconds(const struct video_call *c, const struct veo_model *m, struct video_notes *notes,
                           struct veo_wish *w, struct video_refusal *no)
{
    const struct video_request *r = c->req;
    struct sl_str list = m != NULL ? m->seconds : SL_STR_NONE, param = video_ms_param(r);
    if (r->ms == VIDEO_AUTO_MS || r->frames > 0 || r->ms % VIDEO_S != 0)
        return video_no(c->a, no, VIDEO_BAD_VALUE, param,
                        "The duration has to be whole seconds: one of " SL_STR_FMT ".", SL_STR_ARG(list));
    w->s = r->ms / VIDEO_S;
    if (w->s == 0 || m == NULL)
        return true;
    while (list.n > 0) {
        int64_t one = 0;
        sl_str_to_i64(sl_str_cut(&list, ','), &one);
        bool exact = one == w->s, rounded = one > w->s && r->face == VIDEO_FACE_OPENAI && !c->strict;
        if (rounded)
            video_note(notes, c->a, "seconds: made as %d, the nearest that is not shorter", (int)one);
        if (exact || rounded) {
            w->s = one;
            return true;
        }
    }
    return video_no(c->a, no, VIDEO_BAD_VALUE, param, "The duration in seconds has to be one of " SL_STR_FMT ".",
                    SL_STR_ARG(m->seconds));
}

static bool settle_size(const struct video_call *c, const struct veo_model *m, struct video_notes *notes,
                        struct veo_wish *w, struct video_refusal *no)
{
    struct video_frame f = video_frame_of(c->req, SL_STR("16:9,9:16"));
    w->ratio = f.ratio;
    w->resolution = f.resolution;
    if (f.nearest && c->strict)
        return video_no(c->a, no, VIDEO_BAD_VALUE, SL_STR("size"), "The size has to have the ratio 16:9 or 9:16.");
    if (f.nearest)
        video_note(notes, c->a, "size: made as " SL_STR_FMT ", the nearest ratio there is", SL_STR_ARG(f.ratio));
    if (w->ratio.n > 0 && !video_list_has(SL_STR("16:9,9:16"), w->ratio))
        return video_no(c->a, no, VIDEO_BAD_VALUE, video_ratio_param(c->req), "The ratio has to be 16:9 or 9:16.");
    if (sl_str_eq(w->resolution, SL_STR("480p")) && c->req->width > 0) { /* the smallest there is */
        w->resolution = SL_STR("720p");
        video_note(notes, c->a, "size: made in 720p, the smallest there is");
    }
    if (m != NULL && w->resolution.n > 0 && !video_list_has(m->resolutions, w->resolution))
        return video_no(c->a, no, VIDEO_BAD_VALUE, video_size_param(c->req),
                        "The resolution has to be one of " SL_STR_FMT " for " SL_STR_FMT ".",
                        SL_STR_ARG(m->resolutions), SL_STR_ARG(c->model));
    bool long_only = w->references > 0 || (w->resolution.n > 0 && !sl_str_eq(w->resolution, SL_STR("720p")));
    if (m != NULL && long_only && w->s != 0 && w->s != 8)
        return video_no(c->a, no, VIDEO_BAD_VALUE, video_ms_param(c->req),
                        "The duration has to be 8 seconds in 1080p, in 4k and with references.");
    return true;
}

static bool check_wishes(const struct video_call *c, const struct veo_model *m, struct video_notes *notes,
                         struct veo_wish *w, struct video_refusal *no)
{
    const struct video_request *r = c->req;
    bool loud = m != NULL && (m->can & VEO_AUDIO) != 0;
    const struct video_wish rows[] = {
        {r->watermark == VIDEO_YES, "watermark"},
        {r->camera_fixed == VIDEO_YES, "camera_fixed"},
        {r->fps > 0 && r->fps != 24, "fps"},
        {r->last_frame_wanted == VIDEO_YES, "return_last_frame"},
        {r->service_tier.n > 0 && !sl_str_eq(r->service_tier, SL_STR("default")), "service_tier"},
        {r->priority >= 0, "priority"},
        {r->audio == VIDEO_NO && loud && !on_vertex(c), "audio"},
        {r->audio == VIDEO_YES && m != NULL && !loud, "audio"},
    };
    if (!video_leave_out(c, rows, VIDEO_COUNT(rows), notes, no))
        return false;
    w->audio = !loud ? VIDEO_UNSAID : r->audio == VIDEO_NO && on_vertex(c) ? VIDEO_NO : VIDEO_YES;
    return true;
}

static bool settle_wish(const struct video_call *c, struct video_notes *notes, struct veo_wish *w,
                        struct video_refusal *no)
{
    const struct video_request *r = c->req;
    const struct veo_model *m = model_of(c);
    *w = (struct veo_wish){.s = 0};
    if (r->work != VIDEO_GENERATE || r->draft_task.n > 0)
        return video_no(c->a, no, VIDEO_UNSUPPORTED, SL_STR("video"),
                        "This provider cannot work on a video that is there already.");
    if (r->n > 1)
        return video_no(c->a, no, VIDEO_UNSUPPORTED, SL_STR("n"), "One video is made at a time: n has to be 1.");
    if (r->draft == VIDEO_YES || r->task_type.n > 0 || r->web_search)
        return video_no(c->a, no, VIDEO_UNSUPPORTED, SL_STR_NONE, "This provider has no drafts, task types and tools.");
    if (r->person_generation.n > 0 && !video_list_has(SL_STR("dont_allow,allow_adult,allow_all"), r->person_generation))
        return video_no(c->a, no, VIDEO_BAD_VALUE, SL_STR("person_generation"),
                        "person_generation has to be dont_allow, allow_adult or allow_all.");
    return check_media(c, m, w, no) && settle_seconds(c, m, notes, w, no) && settle_size(c, m, notes, w, no) &&
           check_wishes(c, m, notes, w, no);
}

static bool veo_check(const struct video_call *c, struct video_notes *notes, struct video_refusal *no)
{
    struct veo_wish w;
    return settle_wish(c, notes, &w, no);
}

/* ---- create ---- */

static void write_image(struct json_writer *w, const struct video_media *m, struct sl_arena *a)
{
    jw_open(w, '{');
    if (m->url.n > 0) {
        jw_member_plain(w, SL_STR("gcsUri"), m->url);
        struct sl_str mime = m->mime.n > 0 ? m->mime : SL_STR("image/png");
        jw_member_plain(w, SL_STR("mimeType"), sl_str_ends(m->url, SL_STR(".jpg")) ? SL_STR("image/jpeg") : mime);
    } else {
        jw_member_inside(w, SL_STR("bytesBase64Encoded"), video_media_base64(m, a));
        jw_member_plain(w, SL_STR("mimeType"), video_media_type(m, a));
    }
    jw_close(w, '}');
}

static void write_instance(struct json_writer *w, const struct video_call *c)
{
    const struct video_request *r = c->req;
    bool references = false;
    jw_open(w, '{');
    if (r->prompt.n > 0)
        jw_member_plain(w, SL_STR("prompt"), r->prompt);
    for (unsigned i = 0; i < r->n_media; i++) {
        references = references || r->media[i].role == VIDEO_REFERENCE;
        if (r->media[i].role == VIDEO_REFERENCE)
            continue;
        jw_key(w, r->media[i].role == VIDEO_LAST_FRAME ? SL_STR("lastFrame") : SL_STR("image"));
        write_image(w, &r->media[i], c->a);
    }
    if (references) {
        jw_key(w, SL_STR("referenceImages"));
        jw_open(w, '[');
        for (unsigned i = 0; i < r->n_media; i++) {
            jw_open(w, '{');
            jw_key(w, SL_STR("image"));
            write_image(w, &r->media[i], c->a);
            jw_member_plain(w, SL_STR("referenceType"), SL_STR("asset"));
            jw_close(w, '}');
        }
        jw_close(w, ']');
    }
    jw_close(w, '}');
}

static void maybe_plain(struct json_writer *w, struct sl_str name, struct sl_str text)
{
    if (text.n > 0)
        jw_member_plain(w, name, text);
}

static struct sl_str model_path(const struct video_call *c)
{
    struct sl_str model = url_escape(bare(c->model), SL_STR(""), c->a);
    if (!on_vertex(c))
        return sl_arena_printf(c->a, "/models/" SL_STR_FMT, SL_STR_ARG(model));
    if (c->project.n == 0)
        return sl_arena_printf(c->a, "/publishers/google/models/" SL_STR_FMT, SL_STR_ARG(model));
    return sl_arena_printf(c->a,
                           "/projects/" SL_STR_FMT "/locations/" SL_STR_FMT "/publishers/google/models/" SL_STR_FMT,
                           SL_STR_ARG(c->project), SL_STR_ARG(c->location), SL_STR_ARG(model));
}

static bool veo_create_write(const struct video_call *c, struct video_http *out, struct sl_buf *body,
                             struct video_refusal *no)
{
    const struct video_request *r = c->req;
    struct json_writer w = json_writer_on(body);
    struct veo_wish wish;
    if (!settle_wish(c, NULL, &wish, no))
        return false;
    struct sl_str path = model_path(c);
    video_http_init(out, HTTP_POST, sl_arena_printf(c->a, SL_STR_FMT ":predictLongRunning", SL_STR_ARG(path)));
    video_http_json(out);
    jw_open(&w, '{');
    jw_key(&w, SL_STR("instances"));
    jw_open(&w, '[');
    write_instance(&w, c);
    jw_close(&w, ']');
    jw_key(&w, SL_STR("parameters"));
    jw_open(&w, '{');
    jw_member_u64(&w, SL_STR("sampleCount"), 1);
    maybe_plain(&w, SL_STR("aspectRatio"), wish.ratio);
    maybe_plain(&w, SL_STR("resolution"), wish.resolution);
    if (wish.s > 0)
        jw_member_u64(&w, SL_STR("durationSeconds"), (uint64_t)wish.s);
    maybe_plain(&w, SL_STR("negativePrompt"), r->negative_prompt);
    maybe_plain(&w, SL_STR("personGeneration"), r->person_generation);
    if (r->seed >= 0)
        jw_member_u64(&w, SL_STR("seed"), (uint64_t)r->seed);
    if (on_vertex(c) && wish.audio != VIDEO_UNSAID) /* always said: it changes the price */
        jw_member_bool(&w, SL_STR("generateAudio"), wish.audio == VIDEO_YES);
    jw_close(&w, '}');
    jw_close(&w, '}');
    return true;
}

/* "models/M/operations/X", "projects/.../operations/X": it becomes a path, so that nothing else may stand in it. */
static bool is_name(struct sl_str s)
{
    bool begins = sl_str_starts(s, SL_STR("models/")) || sl_str_starts(s, SL_STR("projects/")) ||
                  sl_str_starts(s, SL_STR("operations/")) || sl_str_starts(s, SL_STR("publishers/"));
    if (!begins || s.n > 1024 || sl_str_find_str(s, SL_STR("..")) >= 0 || sl_str_find_str(s, SL_STR("operations/")) < 0)
        return false;
    for (size_t i = 0; i < s.n; i++) {
        char ch = sl_lower(s.p[i]);
        bool fine = (ch >= 'a' && ch <= 'z') || (ch >= '0' && ch <= '9') || ch == '-' || ch == '_' || ch == '.' ||
                    ch == '/' || ch == '@';
        if (!fine)
            return false;
    }
    return true;
}

static enum video_created veo_create_read(const struct video_call *c, const struct video_answer *answer,
                                          struct video_job *out, struct video_trouble *why)
{
    struct json_tree t;
    enum video_created no;
    if (!video_create_document(c, answer, &t, out, why, &no))
        return no;
    struct sl_str name = json_plain_of(&t, json_got(&t, json_root(&t), SL_STR("name")), c->a);
    if (!is_name(name))
        return VIDEO_UNCLEAR;
    out->task_id = name;
    out->aux = video_facts_of(c, SL_STR_NONE, SL_STR_NONE);
    return VIDEO_CREATED;
}

/* ---- operations ---- */

static void veo_poll_write(const struct video_call *c, struct video_http *out, struct sl_buf *body)
{
    ptrdiff_t at = sl_str_find_str(c->task_id, SL_STR("/operations/"));
    if (!on_vertex(c) || at < 0) {
        video_http_init(out, HTTP_GET, sl_arena_printf(c->a, "/" SL_STR_FMT, SL_STR_ARG(c->task_id)));
        return;
    }
    struct sl_str model = sl_str_head(c->task_id, (size_t)at);
    video_http_init(out, HTTP_POST, sl_arena_printf(c->a, "/" SL_STR_FMT ":fetchPredictOperation", SL_STR_ARG(model)));
    video_http_json(out);
    struct json_writer w = json_writer_on(body);
    jw_open(&w, '{');
    jw_member_plain(&w, SL_STR("operationName"), c->task_id);
    jw_close(&w, '}');
}

static void read_failure(const struct json_tree *t, const struct json_node *e, struct sl_arena *a, struct video_job *j)
{
    static const struct {
        uint64_t code;
        const char *name;
        enum video_reason reason;
    } rows[] = {
        /* gRPC's numbers */
        {1, "CANCELLED", VIDEO_REASON_CANCELLED},       {3, "INVALID_ARGUMENT", VIDEO_REASON_PROVIDER},
        {4, "DEADLINE_EXCEEDED", VIDEO_REASON_EXPIRED}, {8, "RESOURCE_EXHAUSTED", VIDEO_REASON_PROVIDER},
        {13, "INTERNAL", VIDEO_REASON_PROVIDER},        {14, "UNAVAILABLE", VIDEO_REASON_PROVIDER},
    };
    uint64_t code = video_count_of(t, json_got(t, e, SL_STR("code")), a);
    j->status = VIDEO_FAILED;
    j->reason = VIDEO_REASON_PROVIDER;
    j->error_code = sl_arena_printf(a, "%llu", (unsigned long long)code);
    j->error_message = json_plain_of(t, json_got(t, e, SL_STR("message")), a);
    for (size_t i = 0; i < VIDEO_COUNT(rows); i++) {
        if (rows[i].code != code)
            continue;
        j->error_code = sl_str_c(rows[i].name);
        j->reason = rows[i].reason;
    }
    if (code == 3 && video_is_policy(j->error_message))
        j->reason = VIDEO_REASON_POLICY;
}

/* {"video": {"uri"}} of the Gemini API, {"gcsUri"} or {"bytesBase64Encoded"} of Vertex; some versions have encodedVideo. */
static void read_sample(const struct json_tree *t, const struct json_node *v, struct sl_arena *a, struct video_job *j)
{
    const struct json_node *video = json_got(t, v, SL_STR("video"));
    if (video == NULL)
        video = v;
    struct sl_str mime = json_plain_of(t, json_got(t, video, SL_STR("mimeType")), a);
    const struct json_node *bytes = json_got(t, video, SL_STR("bytesBase64Encoded"));
    if (bytes == NULL)
        bytes = json_got(t, video, SL_STR("encodedVideo"));
    j->usage.videos++;
    if (json_kind_of(bytes) == JSON_STRING && j->n_content < VIDEO_CONTENT_MAX)
        j->content[j->n_content++] =
            (struct video_content){.part = VIDEO_PART_VIDEO, .mime = mime, .base64 = json_inside_of(t, bytes)};
    else
        video_job_add(j, VIDEO_PART_VIDEO, json_plain_of(t, json_got(t, video, SL_STR("uri")), a), mime);
}

static void read_response(const struct json_tree *t, const struct json_node *response, struct sl_arena *a,
                          struct video_job *j)
{
    const struct json_node *inner = json_got(t, response, SL_STR("generateVideoResponse"));
    if (inner == NULL)
        inner = response;
    const struct json_node *samples = json_got(t, inner, SL_STR("generatedSamples"));
    if (samples == NULL)
        samples = json_got(t, inner, SL_STR("videos"));
    for (JSON_EACH(t, json_kind_of(samples) == JSON_ARRAY ? samples : NULL, it))
        if (j->usage.videos < VIDEO_CONTENT_MAX)
            read_sample(t, it, a, j);
    uint64_t filtered = video_count_of(t, json_got(t, inner, SL_STR("raiMediaFilteredCount")), a);
    j->filtered = filtered < 1000 ? (unsigned)filtered : 1000;
    if (j->usage.videos > 0)
        return;
    const struct json_node *reason = json_child(json_got(t, inner, SL_STR("raiMediaFilteredReasons")));
    bool policy = j->filtered > 0 || reason != NULL;
    j->status = VIDEO_FAILED; /* done, and nothing to show */
    j->reason = policy ? VIDEO_REASON_POLICY : VIDEO_REASON_PROVIDER;
    j->error_code = policy ? SL_STR("raiMediaFiltered") : SL_STR("no_samples");
    j->error_message = json_plain_of(t, reason, a);
}

static enum video_polled veo_poll_read(const struct video_call *c, const struct video_answer *answer,
                                       struct video_job *out, struct video_trouble *why, bool *again)
{
    struct json_tree t;
    *again = false;
    *why = (struct video_trouble){.status = answer->status};
    video_job_init(out);
    out->aux = c->aux;
    out->task_id = c->task_id;
    if (answer->status != 200)
        return video_poll_failed(answer, c->a, why);
    if (!answer->whole || !json_tree_read(&t, answer->body, c->a) || json_kind_of(json_root(&t)) != JSON_OBJECT)
        return VIDEO_POLL_AGAIN;
    const struct json_node *root = json_root(&t), *error = json_got(&t, root, SL_STR("error"));
    bool done = json_kind_of(json_got(&t, root, SL_STR("done"))) == JSON_TRUE;
    if (!done && json_got(&t, root, SL_STR("name")) == NULL)
        return VIDEO_POLL_AGAIN;
    out->upstream_status = done ? SL_STR("done") : SL_STR("running");
    out->status = VIDEO_IN_PROGRESS;
    if (!done)
        return VIDEO_POLL_OK;
    out->status = VIDEO_COMPLETED;
    out->ms = (int64_t)video_fact_u64(c->aux, SL_STR("ms"));
    out->terms.width = (unsigned)video_fact_u64(c->aux, SL_STR("w"));
    out->terms.height = (unsigned)video_fact_u64(c->aux, SL_STR("h"));
    if (error != NULL)
        read_failure(&t, error, c->a, out);
    else
        read_response(&t, json_got(&t, root, SL_STR("response")), c->a, out);
    return VIDEO_POLL_OK;
}

/* It is in the answer to a poll, and nowhere else. */
static void write_inline(const struct video_call *c, struct video_http *out)
{
    struct sl_buf body;
    sl_buf_init(&body, 16384);
    veo_poll_write(c, out, &body);
    out->body = sl_arena_str(c->a, sl_buf_str(&body));
    out->unpack = true;
    sl_buf_done(&body);
}

static bool veo_content_write(const struct video_call *c, const struct video_job *job, enum video_part part,
                              struct video_http *out)
{
    const struct video_content *v = video_content_find(job, part);
    if (v == NULL)
        return false;
    if (v->url.n == 0) {
        write_inline(c, out);
        return true;
    }
    return video_google_file_write(job, part, out);
}

static void veo_reserve(const struct video_call *c, struct video_units *out, struct video_terms *terms)
{
    struct video_refusal unused;
    struct veo_wish w;
    *out = (struct video_units){.videos = 1, .cost_p = -1, .ms = PRESET_S * (uint64_t)VIDEO_S};
    *terms =
        (struct video_terms){.tier = SL_STR("default"), .resolution = SL_STR("720p"), .width = 1280, .height = 720};
    if (!settle_wish(c, NULL, &w, &unused))
        return;
    if (w.s > 0)
        out->ms = (uint64_t)(w.s * VIDEO_S);
    if (w.resolution.n > 0)
        terms->resolution = w.resolution;
    bool huge = sl_str_eq(terms->resolution, SL_STR("4k")), large = sl_str_eq(terms->resolution, SL_STR("1080p"));
    unsigned x = huge ? 3840 : large ? 1920 : 1280, y = huge ? 2160 : large ? 1080 : 720;
    bool portrait = sl_str_eq(w.ratio, SL_STR("9:16"));
    terms->width = portrait ? y : x;
    terms->height = portrait ? x : y;
    terms->audio = w.audio == VIDEO_YES;
}

static void veo_settle(const struct video_call *c, const struct video_job *job, struct video_units *out,
                       struct video_terms *terms)
{
    video_settle_seconds(job, out, terms);
    video_facts_fill(c->aux.n > 0 ? c->aux : job->aux, terms);
}

#define VEO_FUNCTIONS                                                                                                  \
    .resolve = VIDEO_RESOLVE_NONE, .cancel = VIDEO_CANCEL_NEVER, .result_life_s = 172800,                              \
    .poll_first_ns = INT64_C(15000000000), .poll_ns = INT64_C(5000000000), .poll_max_ns = INT64_C(20000000000),        \
    .deadline_s = 7200, .check = veo_check, .create_write = veo_create_write, .create_read = veo_create_read,          \
    .poll_write = veo_poll_write, .poll_read = veo_poll_read, .content_write = veo_content_write,                      \
    .reserve = veo_reserve, .settle = veo_settle

const struct video_adapter video_veo = {.name = "veo", VEO_FUNCTIONS};
const struct video_adapter video_vertex = {.name = "vertex", VEO_FUNCTIONS};
