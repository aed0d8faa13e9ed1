/* Servers of OpenAI's shape: openai.md section 14, video.md A1. The vendor's own API ended in September 2026; other gateways and servers
 * speak it, and so does another sluice. */
#include "http/url.h"
#include "video/video_int.h"

#define LIST_PAGE 100u
#define CLOCK_SLACK_S 120
#define BOUNDARY "sluice-5f0e4c1b7a92d836"

/* Sizes and lengths of the vendor's models; others pass unchecked. */
static const struct {
    struct sl_str model, seconds, sizes;
} models[] = {
    {SL_STR_INIT("sora-2-pro"), SL_STR_INIT("4,8,12"), SL_STR_INIT("720x1280,1280x720,1024x1792,1792x1024")},
    {SL_STR_INIT("sora-2"), SL_STR_INIT("4,8,12"), SL_STR_INIT("720x1280,1280x720")},
};

static struct sl_str size_text(const struct video_request *r, struct sl_arena *a)
{
    if (r->width > 0)
        return sl_arena_printf(a, "%ux%u", r->width, r->height);
    bool large = sl_str_eq(r->resolution, SL_STR("1080p"));
    bool portrait = sl_str_eq(r->ratio, SL_STR("9:16")) || (large && r->ratio.n == 0); /* as what it makes unasked */
    bool known = portrait || sl_str_eq(r->ratio, SL_STR("16:9"));
    if (!known)
        return SL_STR_NONE;
    return large ? (portrait ? SL_STR("1024x1792") : SL_STR("1792x1024"))
                 : (portrait ? SL_STR("720x1280") : SL_STR("1280x720"));
}

static bool is_same(const struct video_request *r)
{
    return r->face == VIDEO_FACE_OPENAI;
}

static bool check_model(const struct video_call *c, struct video_refusal *no)
{
    const struct video_request *r = c->req;
    for (size_t i = 0; i < VIDEO_COUNT(models); i++) {
        if (!sl_str_starts(video_known(c), models[i].model))
            continue;
        struct sl_str size = size_text(r, c->a);
        if (size.n > 0 && !video_list_has(models[i].sizes, size))
            return video_no(c->a, no, VIDEO_BAD_VALUE, video_size_param(r), "The size has to be one of " SL_STR_FMT ".",
                            SL_STR_ARG(models[i].sizes));
        struct sl_str s = sl_arena_printf(c->a, "%lld", (long long)(r->ms / VIDEO_S));
        bool fits = r->ms % VIDEO_S == 0 && video_list_has(models[i].seconds, s);
        if (r->ms != 0 && !fits && r->work == VIDEO_GENERATE)
            return video_no(c->a, no, VIDEO_BAD_VALUE, video_ms_param(r),
                            "The duration in seconds has to be one of " SL_STR_FMT ".", SL_STR_ARG(models[i].seconds));
        return true;
    }
    return true;
}

/* What has no place in this format; a client of this format may say it all the same. */
static bool check_foreign(const struct video_call *c, struct video_notes *notes, struct video_refusal *no)
{
    const struct video_request *r = c->req;
    for (unsigned i = 0; i < r->n_media; i++) {
        const struct video_media *m = &r->media[i];
        if (m->role != VIDEO_FIRST_FRAME || m->kind != VIDEO_MEDIA_IMAGE)
            return video_no(c->a, no, VIDEO_UNSUPPORTED, m->param, "This provider takes one first frame, and no more.");
    }
    if (r->frames > 0 || r->draft == VIDEO_YES || r->draft_task.n > 0 || r->task_type.n > 0 || r->web_search)
        return video_no(c->a, no, VIDEO_UNSUPPORTED, SL_STR_NONE,
                        "This provider has no frames, drafts, task types and tools.");
    if (r->width == 0 && r->ratio.n > 0 && !video_list_has(SL_STR("16:9,9:16,adaptive"), r->ratio))
        return video_no(c->a, no, VIDEO_BAD_VALUE, video_ratio_param(r), "The ratio has to be one of 16:9, 9:16.");
    if (r->width == 0 && r->resolution.n > 0 && !video_list_has(SL_STR("720p,1080p"), r->resolution))
        return video_no(c->a, no, VIDEO_BAD_VALUE, SL_STR("resolution"),
                        "The resolution has to be one of 720p, 1080p.");
    const struct video_wish wishes[] = {
        {sl_str_eq(r->ratio, SL_STR("adaptive")), "ratio"},
        {r->seed != VIDEO_SEED_NONE, "seed"},
        {r->watermark == VIDEO_YES, "watermark"},
        {r->camera_fixed == VIDEO_YES, "camera_fixed"},
        {r->audio == VIDEO_NO, "audio"},
        {r->last_frame_wanted == VIDEO_YES, "return_last_frame"},
        {r->service_tier.n > 0 && !sl_str_eq(r->service_tier, SL_STR("default")), "service_tier"},
        {r->priority >= 0, "priority"},
    };
    return video_leave_out(c, wishes, VIDEO_COUNT(wishes), notes, no);
}

static bool openai_check(const struct video_call *c, struct video_notes *notes, struct video_refusal *no)
{
    const struct video_request *r = c->req;
    if (r->work != VIDEO_GENERATE && c->source_task.n == 0)
        return video_no(c->a, no, VIDEO_UNSUPPORTED, SL_STR("video"), "The source was not made at this provider.");
    for (unsigned i = 0; i < r->n_media; i++)
        if (r->media[i].file_id.n > 0)
            return video_no(c->a, no, VIDEO_BAD_VALUE, r->media[i].param, "There is no such file.");
    return check_model(c, no) && (is_same(r) || check_foreign(c, notes, no));
}

/* ---- create ---- */

/* A form, again: the names and the bytes are the client's. */
static bool header_safe(struct sl_str s)
{
    for (size_t i = 0; i < s.n; i++)
        if ((unsigned char)s.p[i] < 0x20 || s.p[i] == '"' || s.p[i] == 0x7f)
            return false;
    return true;
}

static void write_field(const struct video_call *c, const struct video_field *f, struct sl_buf *body)
{
    struct sl_str value = f->value;
    if (sl_str_eq(f->name, SL_STR("model")))
        value = c->model;
    else if (sl_str_eq(f->name, SL_STR("video[id]")))
        value = c->source_task;
    sl_buf_adds(body, SL_STR("--" BOUNDARY "\r\ncontent-disposition: form-data; name=\""));
    sl_buf_adds(body, f->name);
    sl_buf_addc(body, '"');
    if (f->filename.n > 0) {
        sl_buf_adds(body, SL_STR("; filename=\""));
        sl_buf_adds(body, header_safe(f->filename) ? f->filename : SL_STR("file"));
        sl_buf_addc(body, '"');
    }
    if (f->mime.n > 0 && header_safe(f->mime)) {
        sl_buf_adds(body, SL_STR("\r\ncontent-type: "));
        sl_buf_adds(body, f->mime);
    }
    sl_buf_adds(body, SL_STR("\r\n\r\n"));
    sl_buf_adds(body, value);
    sl_buf_adds(body, SL_STR("\r\n"));
}

static bool write_form(const struct video_call *c, struct video_http *out, struct sl_buf *body,
                       struct video_refusal *no)
{
    const struct video_request *r = c->req;
    for (unsigned i = 0; i < r->n_fields; i++) {
        if (!header_safe(r->fields[i].name) || r->fields[i].name.n == 0 ||
            sl_str_find_str(r->fields[i].value, SL_STR("--" BOUNDARY)) >= 0)
            return video_no(c->a, no, VIDEO_BAD_VALUE, SL_STR_NONE, "A field of the form cannot be passed on.");
        if (!sl_str_eq(r->fields[i].name, SL_STR("webhook_url"))) /* the client's own: it is served by us */
            write_field(c, &r->fields[i], body);
    }
    sl_buf_adds(body, SL_STR("--" BOUNDARY "--\r\n"));
    out->content_type = SL_STR("multipart/form-data; boundary=" BOUNDARY);
    return true;
}

static bool write_raw(const struct video_call *c, struct sl_buf *body)
{
    struct json_tree t;
    if (!json_tree_read(&t, c->req->raw, c->a))
        return false;
    const struct json_node *root = json_root(&t), *video = json_got(&t, root, SL_STR("video"));
    struct video_splice v[3] = {{.node = json_got(&t, root, SL_STR("model")), .plain = c->model},
                                {.node = json_get(&t, root, SL_STR("webhook_url")), .drop = true}};
    if (c->req->work == VIDEO_EDIT || c->req->work == VIDEO_EXTEND)
        v[2] = (struct video_splice){.node = json_got(&t, video, SL_STR("id")), .plain = c->source_task};
    for (unsigned i = 1; i < 3; i++)
        for (unsigned j = i; j > 0 && v[j].node != NULL && (v[j - 1].node == NULL || v[j - 1].node->at > v[j].node->at);
             j--) {
            struct video_splice x = v[j];
            v[j] = v[j - 1];
            v[j - 1] = x;
        }
    video_splice_write(c->req->raw, v, 3, body);
    return true;
}

static void write_translated(const struct video_call *c, struct sl_buf *body)
{
    const struct video_request *r = c->req;
    struct json_writer w = json_writer_on(body);
    struct sl_str size = size_text(r, c->a);
    jw_open(&w, '{');
    jw_member_plain(&w, SL_STR("model"), c->model);
    jw_member_plain(&w, SL_STR("prompt"), r->prompt);
    if (r->ms > 0)
        jw_member_plain(&w, SL_STR("seconds"), sl_arena_printf(c->a, "%lld", (long long)(r->ms / VIDEO_S)));
    if (size.n > 0)
        jw_member_plain(&w, SL_STR("size"), size);
    if (r->n_media > 0) {
        jw_key(&w, SL_STR("input_reference"));
        jw_open(&w, '{');
        jw_key(&w, SL_STR("image_url"));
        video_media_write_url(&w, &r->media[0], c->a);
        jw_close(&w, '}');
    }
    jw_close(&w, '}');
}

static struct sl_str create_path(const struct video_call *c)
{
    switch (c->req->work) {
    case VIDEO_REMIX:
        return sl_arena_printf(c->a, "/videos/" SL_STR_FMT "/remix",
                               SL_STR_ARG(url_escape(c->source_task, SL_STR(""), c->a)));
    case VIDEO_EDIT:
        return SL_STR("/videos/edits");
    case VIDEO_EXTEND:
        return SL_STR("/videos/extensions");
    case VIDEO_GENERATE:
        break;
    }
    return SL_STR("/videos");
}

static bool openai_create_write(const struct video_call *c, struct video_http *out, struct sl_buf *body,
                                struct video_refusal *no)
{
    video_http_init(out, HTTP_POST, create_path(c));
    video_http_json(out);
    if (!is_same(c->req)) {
        write_translated(c, body);
        return true;
    }
    if (c->req->fields != NULL)
        return write_form(c, out, body, no);
    return write_raw(c, body) || video_no(c->a, no, "invalid_json", SL_STR_NONE, "The body is not JSON.");
}

/* ---- jobs ---- */

static void read_video(const struct json_tree *t, const struct json_node *v, struct sl_arena *a, struct video_job *j)
{
    video_job_init(j);
    j->task_id = json_plain_of(t, json_got(t, v, SL_STR("id")), a);
    j->model = json_plain_of(t, json_got(t, v, SL_STR("model")), a);
    j->prompt = json_plain_of(t, json_got(t, v, SL_STR("prompt")), a);
    video_job_status(j, json_plain_of(t, json_got(t, v, SL_STR("status")), a));
    uint64_t progress;
    if (json_u64_of(t, json_got(t, v, SL_STR("progress")), &progress) && progress <= 100)
        j->progress = (int)progress;
    j->created_s = video_time_of(t, json_got(t, v, SL_STR("created_at")), a);
    j->completed_s = video_time_of(t, json_got(t, v, SL_STR("completed_at")), a);
    j->expires_s = video_time_of(t, json_got(t, v, SL_STR("expires_at")), a);
    j->ms = video_ms_of(t, json_got(t, v, SL_STR("seconds")), a);
    video_size_of(json_plain_of(t, json_got(t, v, SL_STR("size")), a), &j->terms.width, &j->terms.height);
    const struct json_node *e = json_got(t, v, SL_STR("error")), *usage = json_got(t, v, SL_STR("usage"));
    j->error_code = json_plain_of(t, json_got(t, e, SL_STR("code")), a);
    j->error_message = json_plain_of(t, json_got(t, e, SL_STR("message")), a);
    if (j->status == VIDEO_FAILED &&
        !video_reason_of_name(j->error_code, &j->reason)) /* another sluice says it in our words */
        j->reason = video_is_policy(j->error_code) ? VIDEO_REASON_POLICY : VIDEO_REASON_PROVIDER;
    if (j->status == VIDEO_FAILED &&
        (j->reason == VIDEO_REASON_TIMEOUT || j->reason == VIDEO_REASON_UNCLEAR || j->reason == VIDEO_REASON_NONE))
        j->reason = VIDEO_REASON_PROVIDER;
    j->usage.tokens = video_count_of(t, json_got(t, usage, SL_STR("total_tokens")), a);
    j->usage.videos = j->status == VIDEO_COMPLETED;
}

static enum video_created openai_create_read(const struct video_call *c, const struct video_answer *answer,
                                             struct video_job *out, struct video_trouble *why)
{
    struct json_tree t;
    enum video_created no;
    if (!video_create_document(c, answer, &t, out, why, &no))
        return no;
    read_video(&t, json_root(&t), c->a, out);
    out->aux = video_facts_of(c, SL_STR_NONE, SL_STR_NONE);
    return out->task_id.n > 0 && out->task_id.n <= 256 ? VIDEO_CREATED : VIDEO_UNCLEAR;
}

static struct sl_str task_path(const struct video_call *c)
{
    return sl_arena_printf(c->a, "/videos/" SL_STR_FMT, SL_STR_ARG(url_escape(c->task_id, SL_STR(""), c->a)));
}

static void openai_poll_write(const struct video_call *c, struct video_http *out, struct sl_buf *body)
{
    (void)body;
    video_http_init(out, HTTP_GET, task_path(c));
}

static enum video_polled openai_poll_read(const struct video_call *c, const struct video_answer *answer,
                                          struct video_job *out, struct video_trouble *why, bool *again)
{
    *again = false;
    return video_poll_task(c, answer, read_video, out, why);
}

static bool openai_list_write(const struct video_call *c, const struct video_list_ask *ask, struct video_http *out)
{
    struct sl_str path = SL_STR("/videos?limit=100&order=desc");
    if (ask->cursor.n > 0)
        path = sl_arena_printf(c->a, SL_STR_FMT "&after=" SL_STR_FMT, SL_STR_ARG(path),
                               SL_STR_ARG(url_escape(ask->cursor, SL_STR(""), c->a)));
    video_http_init(out, HTTP_GET, path);
    return true;
}

static enum video_polled openai_list_read(const struct video_call *c, const struct video_answer *answer,
                                          struct video_list *out, struct video_trouble *why)
{
    struct json_tree t;
    const struct json_node *data;
    *out = (struct video_list){.n = 0};
    *why = (struct video_trouble){.status = answer->status};
    if (answer->status != 200)
        return video_poll_failed(answer, c->a, why);
    if (!answer->whole || !json_tree_read(&t, answer->body, c->a) ||
        json_kind_of(data = json_get(&t, json_root(&t), SL_STR("data"))) != JSON_ARRAY)
        return VIDEO_POLL_AGAIN;
    uint32_t most = data->children < LIST_PAGE ? data->children : LIST_PAGE;
    struct video_job *v = sl_arena_alloc(c->a, (most + 1u) * sizeof *v);
    for (JSON_EACH(&t, data, it)) {
        if (out->n == most)
            break;
        read_video(&t, it, c->a, &v[out->n]);
        out->n += v[out->n].task_id.n > 0;
    }
    out->v = v;
    out->more = json_kind_of(json_get(&t, json_root(&t), SL_STR("has_more"))) == JSON_TRUE;
    return VIDEO_POLL_OK;
}

static enum video_match openai_match(const struct video_call *c, int64_t sent_s, const struct video_job *listed)
{
    bool old = listed->created_s > 0 && listed->created_s + CLOCK_SLACK_S < sent_s;
    bool other = listed->model.n > 0 && !sl_str_eq(listed->model, c->model);
    bool said = listed->prompt.n > 0 && c->req != NULL && c->req->prompt.n > 0; /* prompts need not be kept */
    if (old || other || (said && !sl_str_eq(listed->prompt, c->req->prompt)))
        return VIDEO_MATCH_NO;
    return VIDEO_MATCH_MAYBE;
}

static void openai_delete_write(const struct video_call *c, struct video_http *out)
{
    video_http_init(out, HTTP_DELETE, task_path(c));
}

static bool openai_content_write(const struct video_call *c, const struct video_job *job, enum video_part part,
                                 struct video_http *out)
{
    static const char *const variants[] = {[VIDEO_PART_VIDEO] = "",
                                           [VIDEO_PART_THUMBNAIL] = "?variant=thumbnail",
                                           [VIDEO_PART_SPRITESHEET] = "?variant=spritesheet"};
    (void)job;
    if (part == VIDEO_PART_LAST_FRAME)
        return false;
    video_http_init(out, HTTP_GET,
                    sl_arena_printf(c->a, SL_STR_FMT "/content%s", SL_STR_ARG(task_path(c)), variants[part]));
    return true;
}

static void openai_reserve(const struct video_call *c, struct video_units *out, struct video_terms *terms)
{
    const struct video_request *r = c->req;
    *out = (struct video_units){.videos = 1, .cost_p = -1, .ms = r->ms > 0 ? (uint64_t)r->ms : 4 * (uint64_t)VIDEO_S};
    *terms = (struct video_terms){.tier = SL_STR("default"), .audio = true, .width = 720, .height = 1280};
    video_size_of(size_text(r, c->a), &terms->width, &terms->height);
    terms->resolution =
        video_frame_of(&(struct video_request){.width = terms->width, .height = terms->height}, SL_STR_NONE).resolution;
}

static void openai_settle(const struct video_call *c, const struct video_job *job, struct video_units *out,
                          struct video_terms *terms)
{
    struct sl_str aux = c->aux.n > 0 ? c->aux : job->aux;
    video_settle_seconds(job, out, terms);
    video_facts_fill(aux, terms);
    if (job->status == VIDEO_COMPLETED && out->ms == 0) /* a server that does not say */
        out->ms = video_fact_u64(aux, SL_STR("ms"));
}

const struct video_adapter video_openai = {
    .name = "openai",
    .as = VIDEO_FACE_OPENAI,
    .same_face = true,
    .resolve = VIDEO_RESOLVE_WINDOW,
    .cancel = VIDEO_CANCEL_NEVER,
    .result_life_s = 3600,
    .poll_first_ns = INT64_C(10000000000),
    .poll_ns = INT64_C(5000000000),
    .poll_max_ns = INT64_C(30000000000),
    .deadline_s = 86400,
    .check = openai_check,
    .create_write = openai_create_write,
    .create_read = openai_create_read,
    .poll_write = openai_poll_write,
    .poll_read = openai_poll_read,
    .list_write = openai_list_write,
    .list_read = openai_list_read,
    .match = openai_match,
    .delete_write = openai_delete_write,
    .content_write = openai_content_write,
    .reserve = openai_reserve,
    .settle = openai_settle,
};
