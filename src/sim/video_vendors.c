/* Makers of videos that differ in words: Runway, Kling, xAI, MiniMax, DashScope (video.md A6, A8 to A11). A row each; of what they
 * refuse only this: a missing prompt, and a missing header that is mandatory. */
#include "sim/ask.h"
#include "sim/video.h"

static const struct sim_format format = {.name = "video", .vendor = VENDOR_OPENAI};

static const struct vendor {
    enum video_vendor vendor;
    struct sl_str create[3]; /* paths */
    struct sl_str poll;      /* before the id; empty: the path of the create */
    const char *header;      /* mandatory; NULL: none */
    const char *prompt[2];   /* where it is: object and member, or member alone */
    const char *created;     /* "%s": the id */
    const char *going;       /* "%s": the word */
    const char *done;        /* "%s": the link */
    const char *failed;      /* "%s": a code */
    const char *waits, *runs, *policy;
} vendors[] = {
    {VIDEO_RUNWAY,
     {SL_STR_INIT("/v1/text_to_video"), SL_STR_INIT("/v1/image_to_video")},
     SL_STR_INIT("/v1/tasks/"),
     "x-runway-version",
     {"promptText", NULL},
     "{\"id\":\"%s\"}",
     "{\"status\":\"%s\",\"progress\":0.5}",
     "{\"status\":\"SUCCEEDED\",\"output\":[\"%s\"]}",
     "{\"status\":\"FAILED\",\"failure\":\"It failed.\",\"failureCode\":\"%s\"}",
     "PENDING",
     "RUNNING",
     "SAFETY.OUTPUT.VIDEO"},
    {VIDEO_KLING,
     {SL_STR_INIT("/v1/videos/text2video"), SL_STR_INIT("/v1/videos/image2video")},
     {NULL, 0},
     NULL,
     {"prompt", NULL},
     "{\"code\":0,\"message\":\"SUCCEED\",\"data\":{\"task_id\":\"%s\",\"task_status\":\"submitted\"}}",
     "{\"code\":0,\"data\":{\"task_status\":\"%s\"}}",
     "{\"code\":0,\"data\":{\"task_status\":\"succeed\",\"task_result\":{\"videos\":[{\"url\":\"%s\",\"duration\":\"5\"}]}}}",
     "{\"code\":0,\"data\":{\"task_status\":\"failed\",\"task_status_msg\":\"%s\"}}",
     "submitted",
     "processing",
     "Failure to pass the risk control: sensitive"},
    {VIDEO_XAI,
     {SL_STR_INIT("/v1/videos/generations"), SL_STR_INIT("/v1/videos/edits")},
     SL_STR_INIT("/v1/videos/"),
     NULL,
     {"prompt", NULL},
     "{\"request_id\":\"%s\"}",
     "{\"status\":\"%s\",\"progress\":50}",
     "{\"status\":\"done\",\"video\":{\"url\":\"%s\",\"duration\":5,\"respect_moderation\":true}}",
     "{\"status\":\"failed\",\"error\":{\"code\":\"%s\",\"message\":\"It failed.\"}}",
     "pending",
     "pending",
     "content_policy"},
    {VIDEO_MINIMAX,
     {SL_STR_INIT("/v2/video_generation")},
     SL_STR_INIT("/v2/query/video_generation/"),
     NULL,
     {"content", NULL},
     "{\"task_id\":\"%s\",\"base_resp\":{\"status_code\":0}}",
     "{\"task\":{\"status\":\"%s\"}}",
     "{\"task\":{\"status\":\"succeeded\",\"content\":{\"url\":\"%s\"},\"duration\":5,\"usage\":{\"total_seconds\":5}}}",
     "{\"task\":{\"status\":\"failed\",\"error\":{\"code\":\"%s\",\"message\":\"It failed.\"}}}",
     "queued",
     "running",
     "sensitive"},
    {VIDEO_DASHSCOPE,
     {SL_STR_INIT("/api/v1/services/aigc/video-generation/video-synthesis")},
     SL_STR_INIT("/api/v1/tasks/"),
     "x-dashscope-async",
     {"input", "prompt"},
     "{\"output\":{\"task_id\":\"%s\",\"task_status\":\"PENDING\"},\"request_id\":\"r\"}",
     "{\"output\":{\"task_status\":\"%s\"}}",
     "{\"output\":{\"task_status\":\"SUCCEEDED\",\"video_url\":\"%s\"},\"usage\":{\"duration\":5}}",
     "{\"output\":{\"task_status\":\"FAILED\",\"code\":\"%s\",\"message\":\"It failed.\"}}",
     "PENDING",
     "RUNNING",
     "DataInspectionFailed"},
};

/* The template with its one "%s" replaced. */
static struct sl_str filled(struct sim_call *c, const char *form, struct sl_str with)
{
    struct sl_str rest = sl_str_c(form);
    ptrdiff_t at = sl_str_find_str(rest, SL_STR("%s"));
    SL_CHECK(at >= 0);
    return sl_arena_printf(c->s->arena, SL_STR_FMT SL_STR_FMT SL_STR_FMT, SL_STR_ARG(sl_str_head(rest, (size_t)at)),
                           SL_STR_ARG(with), SL_STR_ARG(sl_str_from(rest, (size_t)at + 2)));
}

/* Of MiniMax the text of the first item. */
static struct sl_str prompt_of(const struct vendor *v, yyjson_val *root)
{
    yyjson_val *p = yyjson_obj_get(root, v->prompt[0]);
    if (v->prompt[1] != NULL)
        p = yyjson_obj_get(p, v->prompt[1]);
    return sim_str(yyjson_is_arr(p) ? yyjson_obj_get(yyjson_arr_get_first(p), "text") : p);
}

static void create(struct sim_call *c, const struct vendor *v, yyjson_val *root)
{
    struct sl_str prompt = prompt_of(v, root), model = sim_str(yyjson_obj_get(root, "model"));
    if (model.n == 0)
        model = sim_str(yyjson_obj_get(root, "model_name"));
    bool header = v->header == NULL || http_headers_find_name(&c->r->headers, sl_str_c(v->header)) != NULL;
    c->model = sl_arena_str(c->s->arena, model);
    if (prompt.n == 0 || model.n == 0 || !header) {
        sim_video_store_of(c->sim)->refused++;
        sim_say_no(c, "a prompt, a model and the mandatory header are needed");
        return;
    }
    sim_faults_choose(c);
    if (sim_fault_instead(c) || sim_video_no_room(c, prompt))
        return;
    struct video_job *j = sim_video_make(c, v->vendor, "task-", prompt);
    j->seconds = 5;
    sim_video_born(c, j, filled(c, v->created, sl_str_c(j->id)));
}

static void poll(struct sim_call *c, const struct vendor *v, struct video_job *j)
{
    enum video_state s = sim_video_state_of(c->sim, j);
    struct sl_str body;
    j->polls++;
    sim_video_store_of(c->sim)->polls++;
    if (s == STATE_QUEUED || s == STATE_RUNNING)
        body = filled(c, v->going, sl_str_c(s == STATE_QUEUED ? v->waits : v->runs));
    else if (s == STATE_DONE)
        body = filled(c, v->done, sim_video_link(c, j, "video"));
    else
        body = filled(c, v->failed, sl_str_c(j->k.fate == FATE_POLICY ? v->policy : "INTERNAL"));
    bool pending = v->vendor == VIDEO_XAI && (s == STATE_QUEUED || s == STATE_RUNNING);
    sim_answer(c, pending ? 202 : 200, SIM_JSON, body);
}

static bool serve_create(struct sim_call *c, const struct vendor *v, struct sl_str raw)
{
    c->vendor = VENDOR_OPENAI;
    c->format = &format;
    const struct sim_error *e = sim_key_error(c, raw);
    if (e == NULL && c->too_large)
        e = &sim_error_too_large;
    if (e != NULL) {
        sim_refuse(c, e);
        return true;
    }
    yyjson_doc *doc = raw.n > 0 ? yyjson_read_opts((char *)(uintptr_t)raw.p, raw.n, 0, &sim_json_alc, NULL) : NULL;
    create(c, v, yyjson_doc_get_root(doc));
    yyjson_doc_free(doc);
    return true;
}

static struct sl_str id_behind(const struct vendor *v, struct sl_str path)
{
    if (v->poll.n > 0)
        return sl_str_starts(path, v->poll) ? sl_str_from(path, v->poll.n) : SL_STR_NONE;
    for (size_t i = 0; i < 3; i++)
        if (v->create[i].n > 0 && sl_str_starts(path, v->create[i]))
            return sl_str_from(path, v->create[i].n + 1);
    return SL_STR_NONE;
}

bool sim_video_vendors_serve(struct sim_call *c, struct sl_str raw)
{
    struct sl_str path = c->r->path;
    bool asks = c->r->method == HTTP_GET, ends = c->r->method == HTTP_DELETE;
    for (size_t i = 0; i < sizeof vendors / sizeof vendors[0]; i++) {
        const struct vendor *v = &vendors[i];
        for (size_t k = 0; c->r->method == HTTP_POST && k < 3; k++)
            if (v->create[k].n > 0 && sl_str_eq(path, v->create[k]) &&
                (v->vendor != VIDEO_XAI || k == 0)) /* edits are OpenAI's here */
                return serve_create(c, v, raw);
        struct sl_str id = asks || ends ? id_behind(v, path) : SL_STR_NONE;
        struct video_job *j = id.n > 0 ? sim_video_find(c, v->vendor, id) : NULL;
        if (j == NULL)
            continue;
        c->vendor = VENDOR_OPENAI;
        c->format = &format;
        if (sim_video_guard(c, raw))
            return true;
        if (asks) {
            poll(c, v, j);
        } else {
            j->cancelled = true;
            sim_answer(c, 200, SIM_JSON, SL_STR("{}"));
        }
        return true;
    }
    return false;
}
