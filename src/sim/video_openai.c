/* OpenAI's /v1/videos: openai.md 14, video.md A1. JSON or a form. */
#include "sim/ask.h"
#include "sim/video.h"

static const struct sim_format format = {.name = "videos", .vendor = VENDOR_OPENAI};

struct asked {
    struct sl_str model, prompt, seconds, size, source;
    bool image, bad;
};

/* ---- reading ---- */

static struct sl_str quoted(struct sl_str head, const char *mark)
{
    ptrdiff_t at = sl_str_find_str(head, sl_str_c(mark));
    struct sl_str rest = at >= 0 ? sl_str_from(head, (size_t)at + strlen(mark)) : SL_STR_NONE;
    return at >= 0 ? sl_str_cut(&rest, '"') : SL_STR_NONE;
}

static void take_field(struct asked *a, struct sl_str name, struct sl_str value)
{
    const struct {
        const char *name;
        struct sl_str *to;
    } rows[] = {{"model", &a->model},
                {"prompt", &a->prompt},
                {"seconds", &a->seconds},
                {"size", &a->size},
                {"video[id]", &a->source}};
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++)
        if (sl_str_eq(name, sl_str_c(rows[i].name)))
            *rows[i].to = value;
    a->image = a->image || sl_str_starts(name, SL_STR("input_reference"));
}

static void read_form(struct sim_call *c, struct sl_str raw, struct asked *a)
{
    struct sl_str type = http_headers_get(&c->r->headers, HN_CONTENT_TYPE);
    ptrdiff_t at = sl_str_find_str(type, SL_STR("boundary="));
    struct sl_str boundary = at >= 0 ? sl_str_from(type, (size_t)at + 9) : SL_STR_NONE;
    if (boundary.n > 2 && boundary.p[0] == '"')
        boundary = sl_str_of(boundary.p + 1, boundary.n - 2);
    struct sl_str line = sl_arena_printf(c->s->arena, "\r\n--" SL_STR_FMT, SL_STR_ARG(boundary));
    a->bad = !sl_str_starts(raw, sl_str_from(line, 2));
    raw = sl_str_from(raw, line.n - 2);
    while (!a->bad && sl_str_starts(raw, SL_STR("\r\n"))) {
        ptrdiff_t head = sl_str_find_str(raw, SL_STR("\r\n\r\n")), end = -1;
        struct sl_str body = head >= 0 ? sl_str_from(raw, (size_t)head + 4) : SL_STR_NONE;
        if (head >= 0)
            end = sl_str_find_str(body, line);
        a->bad = end < 0;
        if (a->bad)
            return;
        take_field(a, quoted(sl_str_head(raw, (size_t)head), " name=\""), sl_str_head(body, (size_t)end));
        raw = sl_str_from(body, (size_t)end + line.n);
    }
}

static struct sl_str copy(struct sim_call *c, yyjson_val *v)
{
    if (yyjson_is_uint(v)) /* not as the vendor has it, but many servers of its shape do */
        return sl_arena_printf(c->s->arena, "%llu", (unsigned long long)yyjson_get_uint(v));
    return sl_arena_str(c->s->arena, sim_str(v));
}

static void read_json(struct sim_call *c, struct sl_str raw, struct asked *a)
{
    yyjson_doc *doc = raw.n > 0 ? yyjson_read_opts((char *)(uintptr_t)raw.p, raw.n, 0, &sim_json_alc, NULL) : NULL;
    yyjson_val *root = yyjson_doc_get_root(doc);
    a->bad = !yyjson_is_obj(root);
    a->model = copy(c, yyjson_obj_get(root, "model"));
    a->prompt = copy(c, yyjson_obj_get(root, "prompt"));
    a->seconds = copy(c, yyjson_obj_get(root, "seconds"));
    a->size = copy(c, yyjson_obj_get(root, "size"));
    a->source = copy(c, yyjson_obj_get(yyjson_obj_get(root, "video"), "id"));
    yyjson_doc_free(doc);
}

/* ---- answers ---- */

static void add_video(struct sim_call *c, struct sl_buf *b, const struct video_job *j)
{
    static const char *const words[] = {"queued", "in_progress", "completed", "failed", "failed", "failed", "failed"};
    enum video_state s = sim_video_state_of(c->sim, j);
    bool over = s != STATE_QUEUED && s != STATE_RUNNING;
    sl_buf_addf(
        b, "{\"id\":\"%s\",\"object\":\"video\",\"model\":\"%s\",\"status\":\"%s\",\"progress\":%u,\"created_at\":%lld",
        j->id, j->model, words[s], sim_video_progress(c->sim, j), (long long)j->born_s);
    if (over)
        sl_buf_addf(b, ",\"completed_at\":%lld,\"expires_at\":%lld", (long long)sim_video_ended_s(c->sim, j),
                    (long long)(sim_video_ended_s(c->sim, j) + j->k.link_s));
    else
        sl_buf_adds(b, SL_STR(",\"completed_at\":null,\"expires_at\":null"));
    sl_buf_addf(b, ",\"seconds\":\"%u\",\"size\":\"%ux%u\",\"prompt\":", j->seconds, j->w, j->h);
    sl_buf_add_json(b, sl_str_c(j->prompt));
    if (j->source[0] != 0)
        sl_buf_addf(b, ",\"remixed_from_video_id\":\"%s\"", j->source);
    else
        sl_buf_adds(b, SL_STR(",\"remixed_from_video_id\":null"));
    if (s == STATE_FAILED || s == STATE_EXPIRED)
        sl_buf_addf(b, ",\"error\":{\"code\":\"%s\",\"message\":\"The video could not be generated.\"}}",
                    j->k.fate == FATE_POLICY ? "moderation_blocked" : "video_generation_failed");
    else
        sl_buf_adds(b, SL_STR(",\"error\":null}"));
}

static bool no(struct sim_call *c, const char *param, const char *message)
{
    sim_video_store_of(c->sim)->refused++;
    sim_refuse(c, &(struct sim_error){.status = 400,
                                      .type = "invalid_request_error",
                                      .code = "invalid_value",
                                      .param = param,
                                      .message = message});
    return false;
}

static bool read_size(struct sl_str text, unsigned *w, unsigned *h)
{
    uint64_t x = 0, y = 0;
    struct sl_str first = sl_str_cut(&text, 'x');
    if (!sl_str_to_u64(first, &x) || !sl_str_to_u64(text, &y) || x == 0 || y == 0 || x > 10000 || y > 10000)
        return false;
    *w = (unsigned)x;
    *h = (unsigned)y;
    return true;
}

static bool check(struct sim_call *c, struct asked *a, struct video_job *source)
{
    bool sora = sl_str_starts(a->model, SL_STR("sora-"));
    uint64_t s;
    unsigned w, h;
    if (a->bad)
        return no(c, "body", "We could not parse the body of your request.");
    if (a->prompt.n == 0)
        return no(c, "prompt", "Missing required parameter: 'prompt'.");
    if (source != NULL)
        return true;
    if (!sl_str_to_u64(a->seconds, &s) || s == 0 || s > 60 || (sora && s != 4 && s != 8 && s != 12))
        return no(c, "seconds", "Invalid value: 'seconds'. Supported values are: '4', '8', and '12'.");
    if (!read_size(a->size, &w, &h))
        return no(c, "size", "Invalid value: 'size'.");
    return true;
}

static void create(struct sim_call *c, struct asked *a, struct video_job *source)
{
    if (a->seconds.n == 0)
        a->seconds = SL_STR("4");
    if (a->size.n == 0)
        a->size = SL_STR("720x1280");
    if (source != NULL)
        a->model = sl_str_c(source->model);
    if (a->model.n == 0)
        a->model = SL_STR("sora-2");
    c->model = a->model;
    sim_faults_choose(c);
    if (sim_fault_instead(c) || !check(c, a, source) || sim_video_no_room(c, a->prompt))
        return;
    struct video_job *j = sim_video_make(c, VIDEO_OPENAI, "video_", a->prompt);
    uint64_t s = 4;
    sl_str_to_u64(a->seconds, &s);
    j->seconds = source != NULL ? source->seconds : (uint32_t)s;
    if (source == NULL)
        read_size(a->size, &j->w, &j->h);
    if (source != NULL) {
        j->w = source->w;
        j->h = source->h;
        memcpy(j->source, source->id, sizeof j->source);
    }
    struct sl_buf *b = &c->sim->out;
    sl_buf_reset(b);
    add_video(c, b, j);
    sim_video_born(c, j, sl_buf_str(b));
}

static void not_found(struct sim_call *c)
{
    sim_refuse(c, &(struct sim_error){.status = 404,
                                      .type = "invalid_request_error",
                                      .code = "not_found",
                                      .message = "Video with the given id was not found."});
}

static uint64_t limit_of(struct sl_str query, struct sl_str *after)
{
    uint64_t limit = 20;
    while (query.p != NULL) {
        struct sl_str value = sl_str_cut(&query, '&'), name = sl_str_cut(&value, '=');
        if (sl_str_eq(name, SL_STR("limit")))
            sl_str_to_u64(value, &limit);
        else if (sl_str_eq(name, SL_STR("after")))
            *after = value;
    }
    return limit < 1 ? 1 : limit > 100 ? 100 : limit;
}

static void list(struct sim_call *c)
{
    struct video_store *s = sim_video_store_of(c->sim);
    struct sl_buf *b = &c->sim->out;
    struct sl_str after = SL_STR_NONE;
    uint64_t limit = limit_of(c->r->query, &after), n = 0;
    bool open = after.n == 0, more = false;
    const struct video_job *first = NULL, *last = NULL;
    sl_buf_reset(b);
    s->lists++;
    sl_buf_adds(b, SL_STR("{\"object\":\"list\",\"data\":["));
    for (size_t i = s->n; i > s->first && !more; i--) {
        const struct video_job *j = s->v[i - 1];
        if (j->vendor != VIDEO_OPENAI || j->deleted || !sim_video_is_mine(c, j))
            continue;
        bool here = open;
        open = open || sl_str_eq(after, sl_str_c(j->id));
        more = here && n == limit;
        if (!here || more)
            continue;
        sl_buf_adds(b, n++ > 0 ? SL_STR(",") : SL_STR_NONE);
        add_video(c, b, j);
        first = first != NULL ? first : j;
        last = j;
    }
    sl_buf_addf(b, "],\"has_more\":%s,\"first_id\":", more ? "true" : "false");
    if (first != NULL)
        sl_buf_addf(b, "\"%s\",\"last_id\":\"%s\"}", first->id, last->id);
    else
        sl_buf_adds(b, SL_STR("null,\"last_id\":null}"));
    sim_answer(c, 200, SIM_JSON, sl_buf_str(b));
}

static void content(struct sim_call *c, struct video_job *j)
{
    bool thumbnail = sl_str_find_str(c->r->query, SL_STR("variant=thumbnail")) >= 0;
    bool sheet = sl_str_find_str(c->r->query, SL_STR("variant=spritesheet")) >= 0;
    bool late = sl_loop_wall(c->sim->loop) / SL_SEC >= sim_video_ended_s(c->sim, j) + j->k.link_s;
    if (sim_video_state_of(c->sim, j) != STATE_DONE || late)
        not_found(c);
    else if (thumbnail || sheet)
        sim_video_bytes_send(c, j, thumbnail ? "thumbnail" : "spritesheet",
                             thumbnail ? SL_STR("image/webp") : SL_STR("image/jpeg"));
    else
        sim_video_bytes_send(c, j, "video", SL_STR("video/mp4"));
}

static void one(struct sim_call *c, struct video_job *j, struct sl_str verb)
{
    struct sl_buf *b = &c->sim->out;
    if (c->r->method == HTTP_DELETE && verb.n == 0) {
        j->deleted = true;
        sim_video_store_of(c->sim)->deletes++;
        struct sl_str body =
            sl_arena_printf(c->s->arena, "{\"id\":\"%s\",\"object\":\"video.deleted\",\"deleted\":true}", j->id);
        sim_answer(c, 200, SIM_JSON, body);
    } else if (sl_str_eq(verb, SL_STR("content"))) {
        content(c, j);
    } else if (verb.n == 0 && c->r->method == HTTP_GET) {
        j->polls++;
        sim_video_store_of(c->sim)->polls++;
        sl_buf_reset(b);
        add_video(c, b, j);
        sim_answer(c, 200, SIM_JSON, sl_buf_str(b));
    } else {
        sim_refuse(c, &sim_error_not_found);
    }
}

static void post(struct sim_call *c, struct sl_str raw, struct sl_str id, struct sl_str verb)
{
    struct asked a = {.bad = false};
    bool form = sl_str_starts(http_headers_get(&c->r->headers, HN_CONTENT_TYPE), SL_STR("multipart/"));
    bool edit = sl_str_eq(id, SL_STR("edits")) || sl_str_eq(id, SL_STR("extensions"));
    bool remix = sl_str_eq(verb, SL_STR("remix"));
    if (form)
        read_form(c, raw, &a);
    else
        read_json(c, raw, &a);
    struct video_job *source = remix  ? sim_video_find(c, VIDEO_OPENAI, id)
                               : edit ? sim_video_find(c, VIDEO_OPENAI, a.source)
                                      : NULL;
    if ((remix || edit) && source == NULL)
        not_found(c);
    else if (id.n > 0 && !remix && !edit)
        sim_refuse(c, &sim_error_not_found);
    else
        create(c, &a, source);
}

bool sim_video_openai_serve(struct sim_call *c, struct sl_str raw)
{
    struct sl_str path = c->r->path;
    if (sl_str_starts(path, SL_STR("/v1/")))
        path = sl_str_from(path, 3);
    if (!sl_str_starts(path, SL_STR("/videos")) || (path.n > 7 && path.p[7] != '/'))
        return false;
    struct sl_str verb = sl_str_from(path, 8), id = sl_str_cut(&verb, '/');
    c->vendor = VENDOR_OPENAI;
    c->format = &format;
    const struct sim_error *e = c->r->method == HTTP_POST ? sim_key_error(c, raw) : NULL;
    if (e != NULL || c->too_large) {
        sim_refuse(c, e != NULL ? e : &sim_error_too_large);
        return true;
    }
    if (c->r->method == HTTP_POST) {
        post(c, raw, id, verb);
        return true;
    }
    if (sim_video_guard(c, raw))
        return true;
    struct video_job *j = id.n > 0 ? sim_video_find(c, VIDEO_OPENAI, id) : NULL;
    if (id.n == 0 && c->r->method == HTTP_GET)
        list(c);
    else if (j == NULL)
        not_found(c);
    else
        one(c, j, verb);
    return true;
}
