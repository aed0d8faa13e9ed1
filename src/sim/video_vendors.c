/* Makers of videos that differ in words: Runway, Kling, xAI, MiniMax, DashScope, Replicate, Luma (video.md A6, A8 to A12), Vidu, PixVerse. A row each;
 * of what they refuse only this: a missing prompt, and a missing header that is mandatory. fal's queue (A7), whose requests are asked
 * for in two steps, stands below. */
#include "sim/ask.h"
#include "sim/video.h"

static const struct sim_format format = {.name = "video", .vendor = VENDOR_OPENAI};

static const struct vendor {
    enum video_vendor vendor;
    struct sl_str create[3]; /* paths; "*": a model's name */
    struct sl_str poll;      /* before the id; empty: the path of the create */
    const char *header;      /* mandatory; NULL: none */
    const char *prompt[2];   /* where it is: object and member, or member alone */
    const char *created;     /* "%s": the id */
    const char *going;       /* "%s": the word */
    const char *done;        /* "%s": the link; "%d": seconds */
    const char *failed;      /* "%s": a code */
    const char *waits, *runs, *policy;
    const char *trouble; /* NULL: "INTERNAL" */
    struct sl_str tail;  /* of poll, behind the id */
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
     "{\"code\":0,\"data\":{\"task_status\":\"succeed\",\"task_result\":{\"videos\":[{\"url\":\"%s\",\"duration\":\"%d\"}]}}}",
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
     "{\"status\":\"done\",\"video\":{\"url\":\"%s\",\"duration\":%d,\"respect_moderation\":true}}",
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
     "{\"task\":{\"status\":\"succeeded\",\"content\":{\"url\":\"%s\"},\"duration\":%d,\"usage\":{\"total_seconds\":%d}}}",
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
     "{\"output\":{\"task_status\":\"SUCCEEDED\",\"video_url\":\"%s\"},\"usage\":{\"duration\":%d}}",
     "{\"output\":{\"task_status\":\"FAILED\",\"code\":\"%s\",\"message\":\"It failed.\"}}",
     "PENDING",
     "RUNNING",
     "DataInspectionFailed"},
    {VIDEO_REPLICATE,
     {SL_STR_INIT("/v1/models/*/predictions")},
     SL_STR_INIT("/v1/predictions/"),
     NULL,
     {"input", "prompt"},
     "{\"id\":\"%s\",\"status\":\"starting\",\"output\":null,\"error\":null}",
     "{\"status\":\"%s\",\"output\":null}",
     "{\"status\":\"succeeded\",\"output\":\"%s\",\"metrics\":{\"predict_time\":1.5}}",
     "{\"status\":\"failed\",\"output\":null,\"error\":\"%s\"}",
     "starting",
     "processing",
     "NSFW content detected"},
    {VIDEO_LUMA,
     {SL_STR_INIT("/dream-machine/v1/generations/video")},
     SL_STR_INIT("/dream-machine/v1/generations/"),
     NULL,
     {"prompt", NULL},
     "{\"id\":\"%s\",\"state\":\"queued\",\"assets\":null}",
     "{\"state\":\"%s\",\"assets\":null}",
     "{\"state\":\"completed\",\"assets\":{\"video\":\"%s\"}}",
     "{\"state\":\"failed\",\"failure_reason\":\"%s\"}",
     "queued",
     "dreaming",
     "the prompt was blocked by moderation"},
    {VIDEO_MINIMAX_V1, /* "%s" of done: the file's id */
     {SL_STR_INIT("/v1/video_generation")},
     SL_STR_INIT("/v1/query/video_generation?task_id="),
     NULL,
     {"prompt", NULL},
     "{\"task_id\":\"%s\",\"base_resp\":{\"status_code\":0,\"status_msg\":\"success\"}}",
     "{\"status\":\"%s\",\"base_resp\":{\"status_code\":0,\"status_msg\":\"success\"}}",
     "{\"status\":\"Success\",\"file_id\":\"%s\",\"video_width\":1366,\"video_height\":768,"
     "\"base_resp\":{\"status_code\":0,\"status_msg\":\"success\"}}",
     "{\"status\":\"Fail\",\"base_resp\":{\"status_code\":%s,\"status_msg\":\"It failed.\"}}",
     "Queueing",
     "Processing",
     "1027",
     "1000"},
    {VIDEO_VIDU,
     {SL_STR_INIT("/ent/v2/text2video"), SL_STR_INIT("/ent/v2/img2video"), SL_STR_INIT("/ent/v2/start-end2video")},
     SL_STR_INIT("/ent/v2/tasks/"),
     NULL,
     {"prompt", NULL},
     "{\"task_id\":\"%s\",\"state\":\"created\",\"credits\":4}",
     "{\"state\":\"%s\",\"err_code\":\"\",\"creations\":[]}",
     "{\"state\":\"success\",\"err_code\":\"\",\"credits\":4,\"creations\":[{\"id\":\"1\",\"url\":\"%s\"}]}",
     "{\"state\":\"failed\",\"err_code\":\"%s\",\"creations\":[]}",
     "queueing",
     "processing",
     "CreationPolicyViolation",
     "SystemError",
     SL_STR_INIT("/creations")},
    {VIDEO_PIXVERSE, /* its ids are numbers */
     {SL_STR_INIT("/openapi/v2/video/text/generate")},
     SL_STR_INIT("/openapi/v2/video/result/"),
     "ai-trace-id",
     {"prompt", NULL},
     "{\"ErrCode\":0,\"ErrMsg\":\"success\",\"Resp\":{\"video_id\":%s}}",
     "{\"ErrCode\":0,\"ErrMsg\":\"success\",\"Resp\":{\"status\":%s,\"url\":\"\"}}",
     "{\"ErrCode\":0,\"ErrMsg\":\"success\",\"Resp\":{\"status\":1,\"url\":\"%s\",\"outputWidth\":1280,"
     "\"outputHeight\":720}}",
     "{\"ErrCode\":0,\"ErrMsg\":\"success\",\"Resp\":{\"status\":%s,\"url\":\"\"}}",
     "5",
     "5",
     "7",
     "8"},
};

#define NUMBERS UINT64_C(320000000) /* PixVerse's first id */

/* The template with each "%s" and "%d" replaced. */
static struct sl_str filled(struct sim_call *c, const char *form, struct sl_str with, unsigned seconds)
{
    struct sl_buf b;
    sl_buf_init(&b, 65536);
    for (const char *p = form; *p != 0; p++) {
        if (*p != '%')
            sl_buf_addc(&b, *p);
        else if (*++p == 'd')
            sl_buf_addf(&b, "%u", seconds);
        else
            sl_buf_adds(&b, with);
    }
    struct sl_str out = sl_arena_str(c->s->arena, sl_buf_str(&b));
    sl_buf_done(&b);
    return out;
}

/* As a number or as a text, wherever a vendor has it; 5 where nothing is said. */
static unsigned seconds_of(yyjson_val *root)
{
    static const char *const places[] = {NULL, "input", "parameters"};
    for (size_t i = 0; i < 3; i++) {
        yyjson_val *v = yyjson_obj_get(places[i] == NULL ? root : yyjson_obj_get(root, places[i]), "duration");
        struct sl_str text = sim_str(v);
        uint64_t n = yyjson_is_uint(v) ? yyjson_get_uint(v) : 0;
        while (text.n > 0 && text.p[0] >= '0' && text.p[0] <= '9') {
            n = n * 10 + (uint64_t)(text.p[0] - '0');
            text = sl_str_from(text, 1);
        }
        if (n > 0 && n < 3600)
            return (unsigned)n;
    }
    return 5;
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
    if (model.n == 0)
        model = c->model; /* of the path */
    bool whole = v->vendor != VIDEO_PIXVERSE ||
                 (yyjson_is_uint(yyjson_obj_get(root, "duration")) && sim_str(yyjson_obj_get(root, "quality")).n > 0 &&
                  sim_str(yyjson_obj_get(root, "aspect_ratio")).n > 0);
    bool header = v->header == NULL || http_headers_find_name(&c->r->headers, sl_str_c(v->header)) != NULL;
    c->model = sl_arena_str(c->s->arena, model);
    if (prompt.n == 0 || model.n == 0 || !header || !whole) {
        sim_video_store_of(c->sim)->refused++;
        sim_say_no(c, "a prompt, a model and what else is mandatory are needed");
        return;
    }
    sim_faults_choose(c);
    if (sim_fault_instead(c) || sim_video_no_room(c, prompt))
        return;
    struct video_job *j = sim_video_make(c, v->vendor, "task-", prompt);
    j->seconds = seconds_of(root);
    sim_keep(j->user, sizeof j->user, sim_str(yyjson_obj_get(root, "external_task_id")));
    struct sl_str id = sl_str_c(j->id);
    if (v->vendor == VIDEO_PIXVERSE)
        id = sl_arena_printf(c->s->arena, "%llu", (unsigned long long)(NUMBERS + sim_video_store_of(c->sim)->n - 1));
    sim_video_born(c, j, filled(c, v->created, id, 0));
}

static void poll(struct sim_call *c, const struct vendor *v, struct video_job *j)
{
    enum video_state s = sim_video_state_of(c->sim, j);
    struct sl_str body;
    j->polls++;
    sim_video_store_of(c->sim)->polls++;
    if (s == STATE_QUEUED || s == STATE_RUNNING)
        body = filled(c, v->going, sl_str_c(s == STATE_QUEUED ? v->waits : v->runs), 0);
    else if (s == STATE_DONE)
        body = filled(c, v->done, v->vendor == VIDEO_MINIMAX_V1 ? sl_str_c(j->id) : sim_video_link(c, j, "video"),
                      j->seconds);
    else if (s == STATE_CANCELLED)
        body = filled(c, v->going, SL_STR("cancelled"), 0);
    else
        body = filled(c, v->failed,
                      sl_str_c(j->k.fate == FATE_POLICY ? v->policy
                               : v->trouble != NULL     ? v->trouble
                                                        : "INTERNAL"),
                      0);
    if (v->vendor == VIDEO_KLING) /* names the task by both names */
        body = sl_arena_printf(
            c->s->arena,
            "{\"code\":0,\"data\":{\"task_id\":\"%s\",\"task_info\":{\"external_task_id\":\"%s\"}," SL_STR_FMT, j->id,
            j->user, SL_STR_ARG(sl_str_from(body, sizeof "{\"code\":0,\"data\":{" - 1)));
    bool pending = v->vendor == VIDEO_XAI && (s == STATE_QUEUED || s == STATE_RUNNING);
    sim_answer(c, pending ? 202 : 200, SIM_JSON, body);
}

static bool serve_create(struct sim_call *c, const struct vendor *v, struct sl_str raw)
{
    c->vendor = VENDOR_OPENAI;
    c->format = &format;
    if (sim_video_refused(c, raw))
        return true;
    yyjson_doc *doc = raw.n > 0 ? yyjson_read_opts((char *)(uintptr_t)raw.p, raw.n, 0, &sim_json_alc, NULL) : NULL;
    create(c, v, yyjson_doc_get_root(doc));
    yyjson_doc_free(doc);
    return true;
}

static struct video_job *find_named(struct sim_call *c, struct sl_str token)
{
    struct video_store *s = sim_video_store_of(c->sim);
    for (size_t i = s->first; i < s->n && token.n >= 16; i++)
        if (s->v[i]->vendor == VIDEO_KLING && sl_str_eq(sl_str_c(s->v[i]->user), token) &&
            sim_video_is_mine(c, s->v[i]))
            return s->v[i];
    return NULL;
}

/* "/v1/models/owner/name/predictions" fits "/v1/models/(star)/predictions": the name is c->model then. */
static bool path_fits(struct sim_call *c, struct sl_str pattern)
{
    struct sl_str path = c->r->path, tail = pattern, head = sl_str_cut(&tail, '*');
    if (tail.p == NULL)
        return sl_str_eq(path, pattern);
    if (path.n <= head.n + tail.n || !sl_str_starts(path, head) || !sl_str_ends(path, tail))
        return false;
    c->model = sim_unescape(c, sl_str_head(sl_str_from(path, head.n), path.n - head.n - tail.n));
    return true;
}

static struct sl_str id_behind(const struct vendor *v, struct sl_str path)
{
    if (v->poll.n > 0) {
        bool fits = sl_str_starts(path, v->poll) && sl_str_ends(path, v->tail) && path.n > v->poll.n + v->tail.n;
        return fits ? sl_str_head(sl_str_from(path, v->poll.n), path.n - v->poll.n - v->tail.n) : SL_STR_NONE;
    }
    for (size_t i = 0; i < 3; i++)
        if (v->create[i].n > 0 && sl_str_starts(path, v->create[i]))
            return sl_str_from(path, v->create[i].n + 1);
    return SL_STR_NONE;
}

/* PixVerse: by its number. */
static struct video_job *find_numbered(struct sim_call *c, struct sl_str number)
{
    struct video_store *s = sim_video_store_of(c->sim);
    uint64_t n = 0;
    if (!sl_str_to_u64(number, &n) || n < NUMBERS || n - NUMBERS >= s->n)
        return NULL;
    return sim_video_find(c, VIDEO_PIXVERSE, sl_str_c(s->v[n - NUMBERS]->id));
}

/* MiniMax: where the file of a finished task is. */
static bool retrieve(struct sim_call *c, struct sl_str raw)
{
    if (!sl_str_eq(c->r->path, SL_STR("/v1/files/retrieve")) || !sl_str_starts(c->r->query, SL_STR("file_id=")))
        return false;
    struct video_job *j = sim_video_find(c, VIDEO_MINIMAX_V1, sl_str_from(c->r->query, 8));
    if (j == NULL)
        return false;
    c->vendor = VENDOR_OPENAI;
    c->format = &format;
    if (sim_video_guard(c, raw))
        return true;
    sim_video_store_of(c->sim)->polls++;
    sim_answer(
        c, 200, SIM_JSON,
        sl_arena_printf(c->s->arena,
                        "{\"file\":{\"file_id\":\"%s\",\"purpose\":\"video_generation\",\"download_url\":\"" SL_STR_FMT
                        "\"},\"base_resp\":{\"status_code\":0,\"status_msg\":\"success\"}}",
                        j->id, SL_STR_ARG(sim_video_link(c, j, "video"))));
    return true;
}

/* ---- fal's queue ---- */

static void fal_create(struct sim_call *c, yyjson_val *root)
{
    struct sl_str prompt = sim_str(yyjson_obj_get(root, "prompt"));
    const char *http = c->s->tls ? "https" : "http";
    if (prompt.n == 0) {
        sim_video_store_of(c->sim)->refused++;
        sim_answer(
            c, 422, SIM_JSON,
            SL_STR("{\"detail\":[{\"loc\":[\"body\",\"prompt\"],\"msg\":\"Field required\",\"type\":\"missing\"}]}"));
        return;
    }
    sim_faults_choose(c);
    if (sim_fault_instead(c) || sim_video_no_room(c, prompt))
        return;
    struct video_job *j = sim_video_make(c, VIDEO_FAL, "req-", prompt);
    j->seconds = seconds_of(root);
    struct sl_str at = sl_arena_printf(c->s->arena, "%s://" SL_STR_FMT "/fal-ai/app/requests/%s", http,
                                       SL_STR_ARG(c->r->authority), j->id);
    sim_video_born(
        c, j,
        sl_arena_printf(
            c->s->arena,
            "{\"status\":\"IN_QUEUE\",\"queue_position\":0,\"request_id\":\"%s\",\"response_url\":\"" SL_STR_FMT
            "\",\"status_url\":\"" SL_STR_FMT "/status\",\"cancel_url\":\"" SL_STR_FMT "/cancel\"}",
            j->id, SL_STR_ARG(at), SL_STR_ARG(at), SL_STR_ARG(at)));
}

/* "COMPLETED" whatever came of it. */
static void fal_status(struct sim_call *c, struct video_job *j)
{
    enum video_state s = sim_video_state_of(c->sim, j);
    j->polls++;
    sim_video_store_of(c->sim)->polls++;
    if (s == STATE_QUEUED)
        sim_answer(c, 202, SIM_JSON, SL_STR("{\"status\":\"IN_QUEUE\",\"queue_position\":3}"));
    else if (s == STATE_RUNNING)
        sim_answer(c, 202, SIM_JSON, SL_STR("{\"status\":\"IN_PROGRESS\",\"logs\":null}"));
    else
        sim_answer(c, 200, SIM_JSON,
                   s == STATE_CANCELLED ? SL_STR("{\"status\":\"CANCELLED\"}") : SL_STR("{\"status\":\"COMPLETED\"}"));
}

static void fal_result(struct sim_call *c, struct video_job *j)
{
    enum video_state s = sim_video_state_of(c->sim, j);
    struct sl_str link = sim_video_link(c, j, "video");
    sim_video_store_of(c->sim)->polls++;
    if (s == STATE_QUEUED || s == STATE_RUNNING)
        sim_answer(c, 400, SIM_JSON, SL_STR("{\"detail\":\"Request is still in progress\"}"));
    else if (s == STATE_DONE)
        sim_answer(c, 200, SIM_JSON,
                   sl_arena_printf(c->s->arena,
                                   "{\"video\":{\"url\":\"" SL_STR_FMT "\",\"content_type\":\"video/mp4\"},\"seed\":7}",
                                   SL_STR_ARG(link)));
    else if (j->k.fate == FATE_POLICY)
        sim_answer(
            c, 422, SIM_JSON,
            SL_STR(
                "{\"detail\":[{\"loc\":[\"body\"],\"msg\":\"The content was flagged.\",\"type\":\"content_policy_violation\"}]}"));
    else
        sim_answer(c, 500, SIM_JSON, SL_STR("{\"detail\":\"Internal Server Error\"}"));
}

static bool fal_serve(struct sim_call *c, struct sl_str raw)
{
    struct sl_str path = c->r->path, id;
    ptrdiff_t at = sl_str_find_str(path, SL_STR("/requests/"));
    if (!sl_str_starts(path, SL_STR("/fal-ai/")))
        return false;
    c->vendor = VENDOR_OPENAI;
    c->format = &format;
    if (at < 0 && c->r->method == HTTP_POST) {
        const struct sim_error *e = sim_key_error(c, raw);
        c->model = sim_unescape(c, sl_str_from(path, 1));
        if (e != NULL) {
            sim_refuse(c, e);
            return true;
        }
        yyjson_doc *doc = raw.n > 0 ? yyjson_read_opts((char *)(uintptr_t)raw.p, raw.n, 0, &sim_json_alc, NULL) : NULL;
        fal_create(c, yyjson_doc_get_root(doc));
        yyjson_doc_free(doc);
        return true;
    }
    struct sl_str rest = sl_str_from(path, at < 0 ? path.n : (size_t)at + 10);
    id = sl_str_cut(&rest, '/');
    struct video_job *j = sim_video_find(c, VIDEO_FAL, id);
    if (j == NULL)
        return false;
    if (sim_video_guard(c, raw))
        return true;
    if (sl_str_eq(rest, SL_STR("status"))) {
        fal_status(c, j);
    } else if (sl_str_eq(rest, SL_STR("cancel")) && c->r->method == HTTP_PUT) {
        j->cancelled = true;
        sim_answer(c, 202, SIM_JSON, SL_STR("{\"status\":\"CANCELLATION_REQUESTED\"}"));
    } else {
        fal_result(c, j);
    }
    return true;
}

static struct video_job *find(struct sim_call *c, const struct vendor *v, struct sl_str id, bool asks)
{
    struct video_job *j = id.n > 0 ? sim_video_find(c, v->vendor, id) : NULL;
    if (j == NULL && v->vendor == VIDEO_KLING && asks)
        j = find_named(c, id);
    if (j == NULL && v->vendor == VIDEO_PIXVERSE && asks)
        j = find_numbered(c, id);
    return j;
}

static bool creates(struct sim_call *c, const struct vendor *v)
{
    for (size_t k = 0; c->r->method == HTTP_POST && k < 3; k++)
        if (v->create[k].n > 0 && path_fits(c, v->create[k]) &&
            (v->vendor != VIDEO_XAI || k == 0)) /* edits are OpenAI's here */
            return true;
    return false;
}

bool sim_video_vendors_serve(struct sim_call *c, struct sl_str raw)
{
    if (fal_serve(c, raw) || retrieve(c, raw))
        return true;
    struct sl_str path = c->r->path;
    if (c->r->method == HTTP_GET && c->r->query.n > 0)
        path = sl_arena_printf(c->s->arena, SL_STR_FMT "?" SL_STR_FMT, SL_STR_ARG(path), SL_STR_ARG(c->r->query));
    bool asks = c->r->method == HTTP_GET, ends = c->r->method == HTTP_DELETE;
    if (c->r->method == HTTP_POST && sl_str_ends(path, SL_STR("/cancel"))) {
        path = sl_str_head(path, path.n - 7);
        ends = true;
    }
    for (size_t i = 0; i < sizeof vendors / sizeof vendors[0]; i++) {
        const struct vendor *v = &vendors[i];
        if (creates(c, v))
            return serve_create(c, v, raw);
        struct video_job *j = asks || ends ? find(c, v, id_behind(v, path), asks) : NULL;
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
