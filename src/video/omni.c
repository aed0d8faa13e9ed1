/* Google's omni models: videos by the Interactions API of the Gemini API (video.md A4, gemini.md section 16, google-genai 2.32.0;
 * November 2026). What is made is billed by tokens. A video that is there already is worked on by the interaction that made it. */
#include "http/url.h"
#include "video/video_int.h"

/* About 57,920 tokens for ten seconds in 720p; how many more the larger ones have nobody says: bounds. */
#define TOKENS_A_SECOND 5792u

static const struct omni_model {
    struct sl_str part;
    unsigned most_s;
    struct sl_str resolutions;
} models[] = {
    {SL_STR_INIT("omni-1.2"), 15, SL_STR_INIT("360p,720p,1080p,4k")},
    {SL_STR_INIT("omni-flash-preview"), 10, SL_STR_INIT("720p")},
    {SL_STR_INIT("omni"), 10, SL_STR_INIT("360p,720p,1080p,4k")},
};
#define LEAST_S 3u
#define IMAGES 3u
#define RATIOS "16:9,9:16"

struct omni_wish {
    const struct omni_model *model;
    struct sl_str ratio, resolution, tier;
    int64_t s; /* 0: the model chooses */
    unsigned references;
    bool first;
};

static const struct omni_model *model_of(const struct video_call *c)
{
    struct sl_str name = video_known(c);
    for (size_t i = 0; i + 1 < VIDEO_COUNT(models); i++)
        if (sl_str_find_str(name, models[i].part) >= 0)
            return &models[i];
    return &models[VIDEO_COUNT(models) - 1];
}

/* ---- check ---- */

static bool check_media(const struct video_call *c, struct omni_wish *w, struct video_refusal *no)
{
    const struct video_request *r = c->req;
    for (unsigned i = 0; i < r->n_media; i++) {
        const struct video_media *m = &r->media[i];
        if (m->kind != VIDEO_MEDIA_IMAGE || (m->role != VIDEO_FIRST_FRAME && m->role != VIDEO_REFERENCE))
            return video_no(c->a, no, VIDEO_UNSUPPORTED, m->param,
                            "This provider takes a first frame, or up to %u reference images.", IMAGES);
        if (m->file_id.n > 0 || m->url.n > 0)
            return video_no(c->a, no, VIDEO_BAD_VALUE, m->param,
                            "This provider takes no URLs: give the image inline, as a data URL or a file.");
        w->first = w->first || m->role == VIDEO_FIRST_FRAME;
        w->references += m->role == VIDEO_REFERENCE;
        if ((w->first && w->references > 0) || w->references > IMAGES)
            return video_no(c->a, no, VIDEO_BAD_VALUE, m->param, "Give a first frame, or up to %u references.", IMAGES);
    }
    return true;
}

static bool settle_seconds(const struct video_call *c, struct video_notes *notes, struct omni_wish *w,
                           struct video_refusal *no)
{
    const struct video_request *r = c->req;
    if (r->ms == 0 && r->frames == 0)
        return true;
    bool whole = r->ms > 0 && r->ms % VIDEO_S == 0 && r->frames == 0;
    w->s = r->ms / VIDEO_S;
    if (whole && w->s < LEAST_S && r->face == VIDEO_FACE_OPENAI && !c->strict) {
        w->s = LEAST_S;
        video_note(notes, c->a, "seconds: made as %u, the shortest there is", LEAST_S);
    }
    if (whole && w->s >= LEAST_S && w->s <= w->model->most_s)
        return true;
    return video_no(c->a, no, VIDEO_BAD_VALUE, video_ms_param(r), "The duration has to be %u to %u whole seconds.",
                    LEAST_S, w->model->most_s);
}

static bool settle_size(const struct video_call *c, struct video_notes *notes, struct omni_wish *w,
                        struct video_refusal *no)
{
    struct video_frame f = video_frame_of(c->req, SL_STR(RATIOS));
    w->ratio = f.ratio;
    w->resolution = f.resolution;
    if (f.nearest && c->strict)
        return video_no(c->a, no, VIDEO_BAD_VALUE, SL_STR("size"), "The size has to have the ratio 16:9 or 9:16.");
    if (f.nearest)
        video_note(notes, c->a, "size: made as " SL_STR_FMT ", the nearest ratio there is", SL_STR_ARG(f.ratio));
    if (w->ratio.n > 0 && !video_list_has(SL_STR(RATIOS), w->ratio))
        return video_no(c->a, no, VIDEO_BAD_VALUE, video_ratio_param(c->req), "The ratio has to be 16:9 or 9:16.");
    if (sl_str_eq(w->resolution, SL_STR("480p")) && c->req->width > 0) { /* there is none */
        w->resolution = SL_STR("720p");
        video_note(notes, c->a, "size: made in 720p, the nearest that is not smaller");
    }
    if (w->resolution.n > 0 && !video_list_has(w->model->resolutions, w->resolution))
        return video_no(c->a, no, VIDEO_BAD_VALUE, video_size_param(c->req),
                        "The resolution has to be one of " SL_STR_FMT " for " SL_STR_FMT ".",
                        SL_STR_ARG(w->model->resolutions), SL_STR_ARG(c->model));
    return true;
}

static bool check_wishes(const struct video_call *c, struct video_notes *notes, struct omni_wish *w,
                         struct video_refusal *no)
{
    const struct video_request *r = c->req;
    w->tier = video_list_has(SL_STR("flex,priority"), r->service_tier) ? r->service_tier : SL_STR_NONE;
    const struct video_wish rows[] = {
        {r->watermark == VIDEO_YES, "watermark"},
        {r->camera_fixed == VIDEO_YES, "camera_fixed"},
        {r->fps > 0 && r->fps != 24, "fps"},
        {r->negative_prompt.n > 0, "negative_prompt"},
        {r->person_generation.n > 0, "person_generation"},
        {r->last_frame_wanted == VIDEO_YES, "return_last_frame"},
        {r->priority >= 0, "priority"},
        {r->audio == VIDEO_NO, "audio"},
        {w->tier.n == 0 && r->service_tier.n > 0 && !sl_str_eq(r->service_tier, SL_STR("default")), "service_tier"},
    };
    return video_leave_out(c, rows, VIDEO_COUNT(rows), notes, no);
}

static bool settle_wish(const struct video_call *c, struct video_notes *notes, struct omni_wish *w,
                        struct video_refusal *no)
{
    const struct video_request *r = c->req;
    *w = (struct omni_wish){.model = model_of(c)};
    if (r->work != VIDEO_GENERATE && c->source_task.n == 0)
        return video_no(c->a, no, VIDEO_UNSUPPORTED, SL_STR("video"),
                        "This provider works only on videos that it made at the same account.");
    if (r->n > 1)
        return video_no(c->a, no, VIDEO_UNSUPPORTED, SL_STR("n"), "One video is made at a time: n has to be 1.");
    if (r->draft == VIDEO_YES || r->draft_task.n > 0 || r->task_type.n > 0 || r->web_search)
        return video_no(c->a, no, VIDEO_UNSUPPORTED, SL_STR_NONE, "This provider has no drafts, task types and tools.");
    return check_media(c, w, no) && settle_seconds(c, notes, w, no) && settle_size(c, notes, w, no) &&
           check_wishes(c, notes, w, no);
}

static bool omni_check(const struct video_call *c, struct video_notes *notes, struct video_refusal *no)
{
    struct omni_wish w;
    return settle_wish(c, notes, &w, no);
}

/* ---- create ---- */

static void write_input(struct json_writer *w, const struct video_call *c)
{
    jw_key(w, SL_STR("input"));
    jw_open(w, '[');
    if (c->req->prompt.n > 0) {
        jw_open(w, '{');
        jw_member_plain(w, SL_STR("type"), SL_STR("text"));
        jw_member_plain(w, SL_STR("text"), c->req->prompt);
        jw_close(w, '}');
    }
    for (unsigned i = 0; i < c->req->n_media; i++) {
        jw_open(w, '{');
        jw_member_plain(w, SL_STR("type"), SL_STR("image"));
        jw_member_inside(w, SL_STR("data"), video_media_base64(&c->req->media[i], c->a));
        jw_member_plain(w, SL_STR("mime_type"), video_media_type(&c->req->media[i], c->a));
        jw_close(w, '}');
    }
    jw_close(w, ']');
}

static void write_config(struct json_writer *w, const struct video_call *c, const struct omni_wish *wish)
{
    const struct video_request *r = c->req;
    struct sl_str task = r->work == VIDEO_EXTEND     ? SL_STR("extend")
                         : r->work != VIDEO_GENERATE ? SL_STR("edit")
                         : wish->references > 0      ? SL_STR("reference_to_video")
                         : wish->first               ? SL_STR("image_to_video")
                                                     : SL_STR("text_to_video");
    jw_key(w, SL_STR("generation_config"));
    jw_open(w, '{');
    if (r->seed >= 0)
        jw_member_u64(w, SL_STR("seed"), (uint64_t)r->seed);
    jw_key(w, SL_STR("video_config"));
    jw_open(w, '{');
    jw_member_plain(w, SL_STR("task"), task);
    jw_close(w, '}');
    jw_close(w, '}');
    jw_key(w, SL_STR("response_format"));
    jw_open(w, '{');
    jw_member_plain(w, SL_STR("type"), SL_STR("video"));
    jw_member_plain(w, SL_STR("delivery"), SL_STR("uri"));
    if (wish->ratio.n > 0)
        jw_member_plain(w, SL_STR("aspect_ratio"), wish->ratio);
    if (wish->resolution.n > 0)
        jw_member_plain(w, SL_STR("resolution"), wish->resolution);
    if (wish->s > 0)
        jw_member_plain(w, SL_STR("duration"), sl_arena_printf(c->a, "%ds", (int)wish->s));
    jw_close(w, '}');
}

static bool omni_create_write(const struct video_call *c, struct video_http *out, struct sl_buf *body,
                              struct video_refusal *no)
{
    struct json_writer w = json_writer_on(body);
    struct omni_wish wish;
    if (!settle_wish(c, NULL, &wish, no))
        return false;
    video_http_init(out, HTTP_POST, SL_STR("/interactions"));
    video_http_json(out);
    jw_open(&w, '{');
    jw_member_plain(&w, SL_STR("model"), c->model);
    write_input(&w, c);
    if (c->req->work != VIDEO_GENERATE)
        jw_member_plain(&w, SL_STR("previous_interaction_id"), c->source_task);
    write_config(&w, c, &wish);
    if (wish.tier.n > 0)
        jw_member_plain(&w, SL_STR("service_tier"), wish.tier);
    jw_member_bool(&w, SL_STR("background"), true);
    jw_member_bool(&w, SL_STR("store"), true); /* what runs in the background has to be kept */
    jw_close(&w, '}');
    return true;
}

static enum video_created omni_create_read(const struct video_call *c, const struct video_answer *answer,
                                           struct video_job *out, struct video_trouble *why)
{
    struct json_tree t;
    enum video_created no;
    if (!video_create_document(c, answer, &t, out, why, &no))
        return no;
    struct sl_str id = json_plain_of(&t, json_got(&t, json_root(&t), SL_STR("id")), c->a);
    if (id.n == 0 || id.n > 512)
        return VIDEO_UNCLEAR;
    bool said = c->req != NULL && c->req->ms > 0;
    out->task_id = id;
    out->aux = video_facts_of(c, said ? SL_STR("said") : SL_STR_NONE, said ? SL_STR("1") : SL_STR_NONE);
    return VIDEO_CREATED;
}

/* ---- interactions ---- */

static struct sl_str task_path(const struct video_call *c, const char *tail)
{
    return sl_arena_printf(c->a, "/interactions/" SL_STR_FMT "%s", SL_STR_ARG(url_escape(c->task_id, SL_STR(""), c->a)),
                           tail);
}

static void omni_poll_write(const struct video_call *c, struct video_http *out, struct sl_buf *body)
{
    (void)body;
    video_http_init(out, HTTP_GET, task_path(c, ""));
}

static void omni_cancel_write(const struct video_call *c, struct video_http *out)
{
    video_http_init(out, HTTP_POST, task_path(c, "/cancel"));
}

static void omni_delete_write(const struct video_call *c, struct video_http *out)
{
    video_http_init(out, HTTP_DELETE, task_path(c, ""));
}

static void read_content(const struct json_tree *t, const struct json_node *item, struct sl_arena *a,
                         struct video_job *j)
{
    struct sl_str type = json_plain_of(t, json_got(t, item, SL_STR("type")), a);
    if (sl_str_eq(type, SL_STR("text"))) /* why there is none */
        j->error_message = json_plain_of(t, json_got(t, item, SL_STR("text")), a);
    if (!sl_str_eq(type, SL_STR("video")))
        return;
    struct sl_str mime = json_plain_of(t, json_got(t, item, SL_STR("mime_type")), a);
    const struct json_node *data = json_got(t, item, SL_STR("data"));
    if (json_kind_of(data) == JSON_STRING && j->n_content < VIDEO_CONTENT_MAX)
        j->content[j->n_content++] =
            (struct video_content){.part = VIDEO_PART_VIDEO, .mime = mime, .base64 = json_inside_of(t, data)};
    else
        video_job_add(j, VIDEO_PART_VIDEO, json_plain_of(t, json_got(t, item, SL_STR("uri")), a), mime);
}

static void read_steps(const struct json_tree *t, const struct json_node *steps, struct sl_arena *a,
                       struct video_job *j)
{
    for (JSON_EACH(t, json_kind_of(steps) == JSON_ARRAY ? steps : NULL, step)) {
        if (!sl_str_eq(json_plain_of(t, json_got(t, step, SL_STR("type")), a), SL_STR("model_output")))
            continue;
        const struct json_node *error = json_got(t, step, SL_STR("error")),
                               *content = json_got(t, step, SL_STR("content"));
        if (error != NULL && j->error_code.n == 0) {
            j->error_code = video_text_of(t, json_got(t, error, SL_STR("code")), a);
            j->error_message = json_plain_of(t, json_got(t, error, SL_STR("message")), a);
        }
        for (JSON_EACH(t, json_kind_of(content) == JSON_ARRAY ? content : NULL, item))
            read_content(t, item, a, j);
    }
}

static void read_failure(const struct json_tree *t, const struct json_node *root, struct sl_arena *a,
                         struct video_job *j)
{
    const struct json_node *error = video_at(t, root, SL_STR("errors[0]"));
    if (error != NULL) {
        j->error_code = video_text_of(t, json_got(t, error, SL_STR("code")), a);
        j->error_message = json_plain_of(t, json_got(t, error, SL_STR("message")), a);
    }
    if (j->status == VIDEO_COMPLETED) { /* done, and nothing to show */
        j->status = VIDEO_FAILED;
        j->reason = VIDEO_REASON_PROVIDER;
        j->error_code = j->error_code.n > 0 ? j->error_code : SL_STR("no_video");
    }
    if (j->reason == VIDEO_REASON_PROVIDER && (video_is_policy(j->error_code) || video_is_policy(j->error_message)))
        j->reason = VIDEO_REASON_POLICY;
}

static void read_status(struct video_job *j, struct sl_str word)
{
    video_job_status(j, word);
    if (!sl_str_eq_nocase(j->upstream_status, SL_STR("incomplete")) &&
        !sl_str_eq_nocase(j->upstream_status, SL_STR("budget_exceeded")))
        return;
    j->unknown_status = false;
    j->status = VIDEO_FAILED;
    j->reason = VIDEO_REASON_EXPIRED;
}

static void read_usage(const struct json_tree *t, const struct json_node *usage, struct sl_arena *a,
                       struct video_job *j)
{
    j->usage.tokens = video_count_of(t, json_got(t, usage, SL_STR("total_output_tokens")), a) +
                      video_count_of(t, json_got(t, usage, SL_STR("total_thought_tokens")), a);
}

static enum video_polled omni_poll_read(const struct video_call *c, const struct video_answer *answer,
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
    if (!answer->whole || !json_tree_read(&t, answer->body, c->a) ||
        json_kind_of(json_got(&t, json_root(&t), SL_STR("status"))) != JSON_STRING)
        return VIDEO_POLL_AGAIN;
    const struct json_node *root = json_root(&t);
    read_status(out, json_plain_of(&t, json_got(&t, root, SL_STR("status")), c->a));
    if (out->status != VIDEO_COMPLETED && out->status != VIDEO_FAILED)
        return VIDEO_POLL_OK;
    read_steps(&t, json_got(&t, root, SL_STR("steps")), c->a, out);
    read_usage(&t, json_got(&t, root, SL_STR("usage")), c->a, out);
    if (out->status == VIDEO_FAILED || out->n_content == 0) {
        read_failure(&t, root, c->a, out);
        return VIDEO_POLL_OK;
    }
    out->error_message = SL_STR_NONE;
    out->usage.videos = 1;
    out->ms = video_fact_u64(c->aux, SL_STR("said")) == 1 ? (int64_t)video_fact_u64(c->aux, SL_STR("ms")) : 0;
    out->terms.width = (unsigned)video_fact_u64(c->aux, SL_STR("w"));
    out->terms.height = (unsigned)video_fact_u64(c->aux, SL_STR("h"));
    return VIDEO_POLL_OK;
}

static bool omni_content_write(const struct video_call *c, const struct video_job *job, enum video_part part,
                               struct video_http *out)
{
    const struct video_content *v = video_content_find(job, part);
    if (v == NULL || v->url.n > 0)
        return v != NULL && video_google_file_write(job, part, out);
    omni_poll_write(c, out, NULL);
    out->unpack = true;
    return true;
}

/* ---- money ---- */

static void omni_reserve(const struct video_call *c, struct video_units *out, struct video_terms *terms)
{
    struct video_refusal unused;
    struct omni_wish w;
    *out = (struct video_units){.videos = 1, .cost_p = -1};
    *terms = (struct video_terms){.tier = SL_STR("default"), .resolution = SL_STR("720p"), .audio = true};
    if (!settle_wish(c, NULL, &w, &unused))
        w = (struct omni_wish){.model = model_of(c)};
    out->ms = (uint64_t)((w.s > 0 ? w.s : w.model->most_s) * VIDEO_S);
    if (w.resolution.n > 0)
        terms->resolution = w.resolution;
    if (w.tier.n > 0)
        terms->tier = w.tier;
    bool huge = sl_str_eq(terms->resolution, SL_STR("4k")), large = sl_str_eq(terms->resolution, SL_STR("1080p"));
    bool small = sl_str_eq(terms->resolution, SL_STR("360p")), portrait = sl_str_eq(w.ratio, SL_STR("9:16"));
    unsigned x = huge ? 3840 : large ? 1920 : small ? 640 : 1280, y = x / 16 * 9;
    terms->width = portrait ? y : x;
    terms->height = portrait ? x : y;
    terms->video_input = c->req->work != VIDEO_GENERATE;
    out->tokens = out->ms / 1000 * TOKENS_A_SECOND * (huge ? 4 : large ? 2 : 1);
}

/* A failed one costs nothing: its tokens are not billed. */
static void omni_settle(const struct video_call *c, const struct video_job *job, struct video_units *out,
                        struct video_terms *terms)
{
    video_settle_seconds(job, out, terms);
    video_facts_fill(c->aux.n > 0 ? c->aux : job->aux, terms);
}

const struct video_adapter video_omni = {
    .name = "omni",
    .inline_data = true,
    .resolve = VIDEO_RESOLVE_NONE,
    .cancel = VIDEO_CANCEL_RUNNING,
    .result_life_s = 172800,
    .poll_first_ns = INT64_C(15000000000),
    .poll_ns = INT64_C(5000000000),
    .poll_max_ns = INT64_C(20000000000),
    .deadline_s = 7200,
    .check = omni_check,
    .create_write = omni_create_write,
    .create_read = omni_create_read,
    .poll_write = omni_poll_write,
    .poll_read = omni_poll_read,
    .cancel_write = omni_cancel_write,
    .delete_write = omni_delete_write,
    .content_write = omni_content_write,
    .reserve = omni_reserve,
    .settle = omni_settle,
};
