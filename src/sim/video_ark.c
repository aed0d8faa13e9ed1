/* Ark's tasks: seedance.md 3 to 10. What a model does not take is refused at once and in Ark's words; content is looked at later. */
#include "sim/ask.h"
#include "sim/video.h"

#include <stdio.h>

static const struct sim_format format = {.name = "ark-tasks", .vendor = VENDOR_OPENAI};

#define PATH SL_STR("/api/v3/contents/generations/tasks")

enum has {
    HAS_AUTO = 1,
    HAS_FRAMES = 2,
    HAS_CAMERA = 4,
    HAS_FLEX = 8,
    HAS_PRIORITY = 16,
    HAS_DRAFT = 32,
    HAS_MOV = 64,
    HAS_TASK_TYPE = 128,
    HAS_TOOLS = 256,
    HAS_REFERENCES = 512,
    HAS_LAST = 1024,
    HAS_ADAPTIVE = 2048,
    HAS_AUDIO = 4096,
    OLD = 8192
};
#define TWO (HAS_AUTO | HAS_PRIORITY | HAS_TOOLS | HAS_REFERENCES | HAS_LAST | HAS_ADAPTIVE | HAS_AUDIO)

static const struct family {
    const char *part, *resolutions, *preset;
    uint32_t least, most;
    unsigned has;
} families[] = {
    {"seedance-2-5", "480p 720p 1080p", "720p", 4, 30, TWO | HAS_MOV | HAS_TASK_TYPE},
    {"seedance-2-0-fast", "480p 720p", "720p", 4, 15, TWO},
    {"seedance-2-0-mini", "480p 720p", "720p", 4, 15, TWO},
    {"seedance-2-0", "480p 720p 1080p 4k", "720p", 4, 15, TWO},
    {"seedance-1-5-pro", "480p 720p 1080p", "720p", 4, 12,
     HAS_AUTO | HAS_CAMERA | HAS_FLEX | HAS_DRAFT | HAS_LAST | HAS_ADAPTIVE | HAS_AUDIO},
    {"seedance-1-0-pro-fast", "480p 720p 1080p", "1080p", 2, 12, HAS_FRAMES | HAS_CAMERA | HAS_FLEX | OLD},
    {"seedance-1-0-pro", "480p 720p 1080p", "1080p", 2, 12, HAS_FRAMES | HAS_CAMERA | HAS_FLEX | HAS_LAST | OLD},
    {"seedance-1-0-lite", "480p 720p 1080p", "720p", 2, 12, HAS_CAMERA | HAS_FLEX | HAS_LAST | HAS_REFERENCES | OLD},
};

/* Landscape: new, old. */
static const struct {
    const char *resolution, *ratio, *portrait;
    unsigned w, h, old_w, old_h;
} sizes[] = {
    {"480p", "16:9", "9:16", 864, 496, 864, 480},      {"480p", "4:3", "3:4", 752, 560, 736, 544},
    {"480p", "1:1", "1:1", 640, 640, 640, 640},        {"480p", "21:9", "9:21", 992, 432, 960, 416},
    {"720p", "16:9", "9:16", 1280, 720, 1248, 704},    {"720p", "4:3", "3:4", 1112, 834, 1120, 832},
    {"720p", "1:1", "1:1", 960, 960, 960, 960},        {"720p", "21:9", "9:21", 1470, 630, 1504, 640},
    {"1080p", "16:9", "9:16", 1920, 1080, 1920, 1088}, {"1080p", "4:3", "3:4", 1664, 1248, 1664, 1248},
    {"1080p", "1:1", "1:1", 1440, 1440, 1440, 1440},   {"1080p", "21:9", "9:21", 2206, 946, 2176, 928},
    {"4k", "16:9", "9:16", 3840, 2160, 3840, 2160},    {"4k", "4:3", "3:4", 3840, 2880, 3840, 2880},
    {"4k", "1:1", "1:1", 3840, 3840, 3840, 3840},      {"4k", "21:9", "9:21", 3840, 1646, 3840, 1646},
};

#define COUNT(v) (sizeof(v) / sizeof((v)[0]))

static bool refuse(struct sim_call *c, int status, const char *code, const char *param, const char *message)
{
    struct sl_buf b;
    sl_buf_init(&b, 16384);
    sl_buf_addf(&b, "{\"error\":{\"code\":\"%s\",\"message\":", code);
    sl_buf_add_json(&b, sl_arena_printf(c->s->arena, "%s Request id: 02178%016llx", message,
                                        (unsigned long long)sl_rand_next(&c->sim->rand)));
    sl_buf_addf(&b, ",\"param\":\"%s\",\"type\":\"%s\"}}", param,
                status == 404   ? "NotFound"
                : status == 409 ? "Conflict"
                                : "BadRequest");
    sim_video_store_of(c->sim)->refused++;
    sim_answer(c, status, SIM_JSON, sl_buf_str(&b));
    sl_buf_done(&b);
    return false;
}

/* Ark's SDK sends everything that was not said as null. */
static yyjson_val *got(yyjson_val *of, const char *name)
{
    yyjson_val *v = yyjson_obj_get(of, name);
    return yyjson_is_null(v) ? NULL : v;
}

static const struct family *family_of(struct sl_str model)
{
    for (size_t i = 0; i < COUNT(families); i++)
        if (sl_str_find_str(model, sl_str_c(families[i].part)) >= 0)
            return &families[i];
    return sl_str_starts(model, SL_STR("ep-")) ? &families[3] : NULL;
}

static bool has_word(const char *list, struct sl_str word)
{
    struct sl_str rest = sl_str_c(list);
    while (rest.n > 0)
        if (sl_str_eq_nocase(sl_str_cut(&rest, ' '), word))
            return true;
    return false;
}

static void frame_of(const struct family *f, struct video_job *j)
{
    bool adaptive = sl_str_eq(sl_str_c(j->ratio), SL_STR("adaptive"));
    if (adaptive) /* as the first picture has it: always wide here */
        sim_keep(j->ratio, sizeof j->ratio, SL_STR("16:9"));
    for (size_t i = 0; i < COUNT(sizes); i++) {
        bool portrait = sl_str_eq(sl_str_c(j->ratio), sl_str_c(sizes[i].portrait));
        if (!sl_str_eq(sl_str_c(sizes[i].resolution), sl_str_c(j->resolution)) ||
            (!portrait && !sl_str_eq(sl_str_c(j->ratio), sl_str_c(sizes[i].ratio))))
            continue;
        unsigned w = f->has & OLD ? sizes[i].old_w : sizes[i].w, h = f->has & OLD ? sizes[i].old_h : sizes[i].h;
        if (f == &families[0] && w == 864) {
            w = 854;
            h = 480;
        }
        j->w = portrait ? h : w;
        j->h = portrait ? w : h;
    }
}

struct asked {
    struct sl_str prompt;
    unsigned texts, images, references, last, frames, videos;
    bool draft;
};

static bool read_item(struct sim_call *c, yyjson_val *item, struct asked *a)
{
    struct sl_str type = sim_str(yyjson_obj_get(item, "type")), role = sim_str(yyjson_obj_get(item, "role"));
    if (sl_str_eq(type, SL_STR("text"))) {
        a->prompt = sim_str(yyjson_obj_get(item, "text"));
        a->texts++;
        return true;
    }
    if (sl_str_eq(type, SL_STR("draft_task"))) {
        a->draft = true;
        struct sl_str id = sim_str(yyjson_obj_get(yyjson_obj_get(item, "draft_task"), "id"));
        return sim_video_find(c, VIDEO_ARK, id) != NULL ||
               refuse(c, 400, "InvalidParameter", "content", "no such draft task.");
    }
    if (type.n < 5 || !has_word("image_url video_url audio_url", type))
        return refuse(c, 400, "InvalidParameter", "content", "the specified content type is not supported.");
    struct sl_str url = sim_str(yyjson_obj_get(yyjson_obj_getn(item, type.p, type.n), "url"));
    bool inline_video = sl_str_eq(type, SL_STR("video_url")) && sl_str_starts(url, SL_STR("data:"));
    if (url.n == 0 || inline_video)
        return refuse(c, 400, "InvalidImageURL.EmptyURL", "content", "the specified url is not valid.");
    bool reference = sl_str_starts(role, SL_STR("reference_"));
    a->references += reference;
    a->videos += sl_str_eq(type, SL_STR("video_url"));
    a->frames += !reference;
    a->last += sl_str_eq(role, SL_STR("last_frame"));
    a->images++;
    return true;
}

static bool read_content(struct sim_call *c, yyjson_val *root, const struct family *f, struct asked *a)
{
    yyjson_val *content = yyjson_obj_get(root, "content"), *item;
    size_t i, n;
    if (!yyjson_is_arr(content) || yyjson_arr_size(content) == 0)
        return refuse(c, 400, "MissingParameter", "content",
                      "the request is missing the required parameter `content`.");
    yyjson_arr_foreach(content, i, n, item)
    {
        if (!read_item(c, item, a))
            return false;
    }
    if (a->texts > 1 || (a->frames > 0 && a->references > 0))
        return refuse(c, 400, "InvalidParameter", "content",
                      "first/last frame content cannot be mixed with reference media content.");
    if ((a->references > 0 && !(f->has & HAS_REFERENCES)) || (a->last > 0 && !(f->has & HAS_LAST)))
        return refuse(c, 400, "InvalidParameter", "content", "the specified role is not supported for this model.");
    return true;
}

/* An inapplicable member is an error, not ignored. */
static bool check_members(struct sim_call *c, yyjson_val *root, const struct family *f)
{
    static const struct {
        const char *name;
        unsigned needs;
    } rows[] = {{"frames", HAS_FRAMES}, {"camera_fixed", HAS_CAMERA}, {"priority", HAS_PRIORITY},
                {"draft", HAS_DRAFT},   {"output_format", HAS_MOV},   {"omni_reference_task_type", HAS_TASK_TYPE},
                {"tools", HAS_TOOLS}};
    static const char *const known =
        "model content resolution ratio duration frames seed camera_fixed watermark generate_audio service_tier priority "
        "return_last_frame draft output_format omni_reference_task_type execution_expires_after callback_url "
        "safety_identifier tools";
    yyjson_val *key, *v;
    size_t i, n;
    for (size_t k = 0; k < COUNT(rows); k++)
        if (got(root, rows[k].name) != NULL && !(f->has & rows[k].needs))
            return refuse(c, 400, "InvalidParameter", rows[k].name,
                          "the specified parameter is not supported for this model, must be empty.");
    yyjson_obj_foreach(root, i, n, key, v)
    {
        if (!has_word(known, sim_str(key)))
            return refuse(c, 400, "InvalidParameter", "body", "the request has a parameter that is not known.");
    }
    bool flex = yyjson_equals_str(got(root, "service_tier"), "flex");
    return !flex || (f->has & HAS_FLEX) ||
           refuse(c, 400, "InvalidParameter", "service_tier", "the specified service tier is not supported.");
}

static bool read_length(struct sim_call *c, yyjson_val *root, const struct family *f, struct video_job *j)
{
    yyjson_val *duration = got(root, "duration"), *frames = got(root, "frames");
    int64_t s = duration == NULL ? 5 : yyjson_is_int(duration) ? yyjson_get_sint(duration) : 0;
    if (s == -1 && (f->has & HAS_AUTO))
        s = f->least + 3;
    if (s < f->least || s > f->most)
        return refuse(c, 400, "InvalidParameter", "duration", "the parameter `duration` is not valid.");
    j->seconds = (uint32_t)s;
    if (frames != NULL) {
        uint64_t n = yyjson_get_uint(frames);
        if (n < 29 || n > 289 || (n - 25) % 4 != 0)
            return refuse(c, 400, "InvalidParameter", "frames", "the parameter `frames` is not valid.");
        j->frames = (uint32_t)n;
        j->seconds = (uint32_t)(n / 24);
    }
    return true;
}

static bool read_options(struct sim_call *c, yyjson_val *root, const struct family *f, const struct asked *a,
                         struct video_job *j)
{
    struct sl_str resolution = sim_str(got(root, "resolution")), ratio = sim_str(got(root, "ratio"));
    yyjson_val *seed = got(root, "seed");
    if (resolution.n == 0)
        resolution = sl_str_c(f->preset);
    if (ratio.n == 0)
        ratio = f->has & HAS_ADAPTIVE || a->images > 0 ? SL_STR("adaptive") : SL_STR("16:9");
    if (!has_word(f->resolutions, resolution))
        return refuse(c, 400, "InvalidParameter", "resolution",
                      "the parameter `resolution` is not supported for this model.");
    bool adaptive = sl_str_eq(ratio, SL_STR("adaptive"));
    if (!has_word("16:9 9:16 4:3 3:4 1:1 21:9 adaptive", ratio) ||
        (adaptive && a->images == 0 && !(f->has & HAS_ADAPTIVE)))
        return refuse(c, 400, "InvalidParameter", "ratio", "the parameter `ratio` is not valid.");
    sim_keep(j->resolution, sizeof j->resolution, resolution);
    for (char *p = j->resolution; *p != 0; p++)
        *p = sl_lower(*p);
    sim_keep(j->ratio, sizeof j->ratio, ratio);
    j->seed = yyjson_is_int(seed) && yyjson_get_sint(seed) >= 0 ? yyjson_get_sint(seed)
                                                                : (int64_t)(sl_rand_next(&c->sim->rand) >> 32);
    yyjson_val *audio = got(root, "generate_audio");
    j->audio = (f->has & HAS_AUDIO) && (audio == NULL || yyjson_is_true(audio));
    j->last_frame = yyjson_is_true(got(root, "return_last_frame"));
    j->draft = yyjson_is_true(got(root, "draft"));
    sim_keep(j->user, sizeof j->user, sim_str(got(root, "safety_identifier")));
    struct sl_str tier = sim_str(got(root, "service_tier"));
    sim_keep(j->tier, sizeof j->tier, tier.n > 0 ? tier : SL_STR("default"));
    bool fits = read_length(c, root, f, j);
    j->input_seconds = a->videos > 0 ? j->seconds : 0; /* as long as what is made of them */
    return fits;
}

static void create_from(struct sim_call *c, yyjson_val *root)
{
    struct asked a = {.texts = 0};
    struct video_job checked = {.seed = -1}, *j;
    struct sl_str model = sim_str(yyjson_obj_get(root, "model"));
    const struct family *f = family_of(model);
    char answer[256];
    if (model.n == 0) {
        refuse(c, 400, "MissingParameter", "model", "the request is missing the required parameter `model`.");
        return;
    }
    c->model = sl_arena_str(c->s->arena, model);
    sim_faults_choose(c);
    if (sim_fault_instead(c))
        return;
    if (f == NULL) {
        refuse(c, 404, "InvalidEndpointOrModel.NotFound", "model", "The model or endpoint does not exist.");
        return;
    }
    if (!read_content(c, root, f, &a) || !check_members(c, root, f) || !read_options(c, root, f, &a, &checked) ||
        sim_video_no_room(c, a.prompt))
        return;
    if (sl_str_find_str(a.prompt, SL_STR("[[refuse]]")) >= 0) {
        refuse(c, 400, "InputTextSensitiveContentDetected", "content",
               "the input text may contain sensitive information.");
        return;
    }
    j = sim_video_make(c, VIDEO_ARK, sl_str_eq(sl_str_c(checked.tier), SL_STR("flex")) ? "cgt-batch-" : "cgt-",
                       a.prompt);
    checked.vendor = VIDEO_ARK;
    checked.k = j->k;
    checked.key = j->key;
    checked.born_ns = j->born_ns;
    checked.born_s = j->born_s;
    checked.prompt = j->prompt;
    memcpy(checked.id, j->id, sizeof checked.id);
    memcpy(checked.model, j->model, sizeof checked.model);
    *j = checked;
    frame_of(f, j);
    sim_video_size_tokens(j);
    snprintf(answer, sizeof answer, "{\"id\":\"%s\"}", j->id);
    sim_video_born(c, j, sl_str_c(answer));
}

/* ---- tasks ---- */

static const char *word_of(enum video_state s)
{
    static const char *const words[] = {"queued", "running", "succeeded", "failed", "expired", "cancelled", "gone"};
    return words[s];
}

static void add_task(struct sim_call *c, struct sl_buf *b, const struct video_job *j, bool listed)
{
    enum video_state s = sim_video_state_of(c->sim, j);
    sl_buf_addf(b, "{\"id\":\"%s\",\"model\":\"%s\",\"status\":\"%s\"", j->id, j->model, word_of(s));
    if (s == STATE_FAILED)
        sl_buf_addf(
            b, ",\"%s\":{\"code\":\"%s\",\"message\":\"The task failed.\"}", listed ? "failure_reason" : "error",
            j->k.fate == FATE_POLICY ? "OutputVideoSensitiveContentDetected.PolicyViolation" : "InternalServiceError");
    if (s == STATE_DONE) {
        sl_buf_addf(b, ",\"content\":{\"video_url\":\"" SL_STR_FMT "\"", SL_STR_ARG(sim_video_link(c, j, "video")));
        if (j->last_frame)
            sl_buf_addf(b, ",\"last_frame_url\":\"" SL_STR_FMT "\"", SL_STR_ARG(sim_video_link(c, j, "last_frame")));
        sl_buf_addf(b, "},\"usage\":{\"completion_tokens\":%llu,\"total_tokens\":%llu}", (unsigned long long)j->tokens,
                    (unsigned long long)j->tokens);
    }
    sl_buf_addf(b,
                ",\"created_at\":%lld,\"updated_at\":%lld,\"seed\":%lld,\"resolution\":\"%s\",\"ratio\":\"%s\","
                "\"duration\":%u,\"framespersecond\":24,\"generate_audio\":%s,\"service_tier\":\"%s\","
                "\"execution_expires_after\":172800",
                (long long)j->born_s, (long long)sim_video_ended_s(c->sim, j), (long long)j->seed, j->resolution,
                j->ratio, j->seconds, j->audio ? "true" : "false", j->tier);
    if (j->user[0] != 0) {
        sl_buf_adds(b, SL_STR(",\"safety_identifier\":"));
        sl_buf_add_json(b, sl_str_c(j->user));
    }
    sl_buf_addc(b, '}');
}

static void get_task(struct sim_call *c, struct sl_str id)
{
    struct video_job *j = sim_video_find(c, VIDEO_ARK, id);
    sim_video_store_of(c->sim)->polls++;
    if (j == NULL) {
        refuse(c, 404, "ResourceNotFound", "id", "The specified task is not found.");
        return;
    }
    j->polls++;
    struct sl_buf *b = &c->sim->out;
    sl_buf_reset(b);
    add_task(c, b, j, false);
    sim_answer(c, 200, SIM_JSON, sl_buf_str(b));
}

static void delete_task(struct sim_call *c, struct sl_str id)
{
    struct video_job *j = sim_video_find(c, VIDEO_ARK, id);
    sim_video_store_of(c->sim)->deletes++;
    if (j == NULL) {
        refuse(c, 404, "ResourceNotFound", "id", "The specified task is not found.");
        return;
    }
    enum video_state s = sim_video_state_of(c->sim, j);
    if (s == STATE_RUNNING || s == STATE_CANCELLED) {
        refuse(c, 409, "TaskRunningCannotCancel", "id", "The task is running and cannot be cancelled.");
        return;
    }
    if (s == STATE_QUEUED)
        j->cancelled = true;
    else
        j->deleted = true;
    sim_answer(c, 200, SIM_JSON, SL_STR("{}"));
}

struct filter {
    uint64_t page, size;
    struct sl_str status, model, tier;
    struct sl_str ids[512];
    unsigned n_ids;
};

static void read_filter(struct sim_call *c, struct filter *f)
{
    struct sl_str query = c->r->query;
    *f = (struct filter){.page = 1, .size = 20};
    while (query.p != NULL) {
        struct sl_str value = sl_str_cut(&query, '&'), name = sl_str_cut(&value, '=');
        value = sim_unescape(c, value);
        if (sl_str_eq(name, SL_STR("page_num")))
            sl_str_to_u64(value, &f->page);
        else if (sl_str_eq(name, SL_STR("page_size")))
            sl_str_to_u64(value, &f->size);
        else if (sl_str_eq(name, SL_STR("filter.status")))
            f->status = value;
        else if (sl_str_eq(name, SL_STR("filter.model")))
            f->model = value;
        else if (sl_str_eq(name, SL_STR("filter.service_tier")))
            f->tier = value;
        else if (sl_str_eq(name, SL_STR("filter.task_ids")) && f->n_ids < COUNT(f->ids))
            f->ids[f->n_ids++] = value;
    }
}

static bool is_wanted(struct sim_call *c, const struct filter *f, const struct video_job *j)
{
    enum video_state s = sim_video_state_of(c->sim, j);
    bool flex = sl_str_eq(sl_str_c(j->tier), SL_STR("flex")), named = f->n_ids == 0;
    if (j->vendor != VIDEO_ARK || j->deleted || s == STATE_GONE || !sim_video_is_mine(c, j) ||
        flex != sl_str_eq(f->tier, SL_STR("flex")))
        return false;
    for (unsigned i = 0; i < f->n_ids && !named; i++)
        named = sl_str_eq(f->ids[i], sl_str_c(j->id));
    return named && (f->status.n == 0 || sl_str_eq(f->status, sl_str_c(word_of(s)))) &&
           (f->model.n == 0 || sl_str_eq(f->model, sl_str_c(j->model)));
}

static void list_tasks(struct sim_call *c) /* newest first */
{
    struct video_store *s = sim_video_store_of(c->sim);
    struct filter *f = SL_ARENA_NEW(c->s->arena, struct filter);
    struct sl_buf *b = &c->sim->out;
    uint64_t total = 0;
    read_filter(c, f);
    s->lists++;
    if (f->page == 0 || f->size == 0 || f->size > 500) {
        refuse(c, 400, "InvalidParameter", "page_size", "the page is not valid.");
        return;
    }
    sl_buf_reset(b);
    sl_buf_adds(b, SL_STR("{\"items\":["));
    for (size_t i = s->n; i > s->first; i--) {
        struct video_job *j = s->v[i - 1];
        if (!is_wanted(c, f, j))
            continue;
        uint64_t place = total++;
        if (place < (f->page - 1) * f->size || place >= f->page * f->size)
            continue;
        sl_buf_adds(b, b->p[b->n - 1] == '[' ? SL_STR_NONE : SL_STR(","));
        j->polls++;
        add_task(c, b, j, true);
    }
    sl_buf_addf(b, "],\"total\":%llu}", (unsigned long long)total);
    sim_answer(c, 200, SIM_JSON, sl_buf_str(b));
}

static void create(struct sim_call *c, struct sl_str raw)
{
    yyjson_doc *doc = raw.n > 0 ? yyjson_read_opts((char *)(uintptr_t)raw.p, raw.n, 0, &sim_json_alc, NULL) : NULL;
    yyjson_val *root = yyjson_doc_get_root(doc);
    if (yyjson_is_obj(root))
        create_from(c, root);
    else
        refuse(c, 400, "InvalidParameter", "body", "the request body is not valid JSON.");
    yyjson_doc_free(doc);
}

bool sim_video_ark_serve(struct sim_call *c, struct sl_str raw)
{
    struct sl_str path = c->r->path;
    if (!sl_str_starts(path, PATH))
        return false;
    path = sl_str_from(path, PATH.n);
    if (path.n > 0 && path.p[0] != '/')
        return false;
    c->vendor = VENDOR_OPENAI;
    c->format = &format;
    struct sl_str id = path.n > 1 ? sim_unescape(c, sl_str_from(path, 1)) : SL_STR_NONE;
    if (c->r->method != HTTP_POST && sim_video_guard(c, raw))
        return true;
    const struct sim_error *e = c->r->method == HTTP_POST ? sim_key_error(c, raw) : NULL;
    if (e != NULL || c->too_large)
        sim_refuse(c, e != NULL ? e : &sim_error_too_large);
    else if (c->r->method == HTTP_POST && id.n == 0)
        create(c, raw);
    else if (c->r->method == HTTP_GET && id.n == 0)
        list_tasks(c);
    else if (c->r->method == HTTP_GET)
        get_task(c, id);
    else if (c->r->method == HTTP_DELETE && id.n > 0)
        delete_task(c, id);
    else
        sim_refuse(c, &sim_error_not_found);
    return true;
}
