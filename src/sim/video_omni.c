/* Omni models by interactions: video.md A4, gemini.md section 16. Other interactions are none of this file's. */
#include "sim/ask.h"
#include "sim/video.h"

#define PATH "/v1beta/interactions"
#define TOKENS_A_SECOND 5792u

static const struct sim_format format = {.name = "interactions", .vendor = VENDOR_GOOGLE};

static bool no(struct sim_call *c, const char *message)
{
    sim_video_store_of(c->sim)->refused++;
    return sim_say_no(c, "%s", message);
}

/* The text of the input's first text. */
static struct sl_str prompt_of(yyjson_val *input)
{
    size_t i, n;
    yyjson_val *item;
    if (yyjson_is_str(input))
        return sim_str(input);
    yyjson_arr_foreach(input, i, n, item) if (sim_str(yyjson_obj_get(item, "text")).n >
                                              0) return sim_str(yyjson_obj_get(item, "text"));
    return SL_STR_NONE;
}

/* "8s" */
static bool seconds_of(yyjson_val *format_, uint32_t *out)
{
    struct sl_str text = sim_str(yyjson_obj_get(format_, "duration"));
    uint64_t n = 0;
    *out = 10;
    if (text.n == 0)
        return true;
    bool fine = sl_str_ends(text, SL_STR("s")) && sl_str_to_u64(sl_str_head(text, text.n - 1), &n) && n >= 3 && n <= 15;
    *out = (uint32_t)n;
    return fine;
}

static bool is_one_of(struct sl_str word, const char *const *v, size_t n)
{
    for (size_t i = 0; i < n; i++)
        if (word.n == 0 || sl_str_eq(word, sl_str_c(v[i])))
            return true;
    return false;
}

static bool check(struct sim_call *c, yyjson_val *root, uint32_t *seconds)
{
    static const char *const ratios[] = {"16:9", "9:16"}, *const sizes[] = {"360p", "720p", "1080p", "4k"};
    static const char *const tasks[] = {"text_to_video", "image_to_video", "reference_to_video",
                                        "edit",          "extend",         "upscale"};
    yyjson_val *f = yyjson_obj_get(root, "response_format"),
               *video = yyjson_obj_get(yyjson_obj_get(root, "generation_config"), "video_config");
    struct sl_str task = sim_str(yyjson_obj_get(video, "task"));
    if (!yyjson_get_bool(yyjson_obj_get(root, "background")) || !yyjson_get_bool(yyjson_obj_get(root, "store")))
        return no(c, "background and store are needed.");
    if (!sl_str_eq(sim_str(yyjson_obj_get(f, "type")), SL_STR("video")) || !seconds_of(f, seconds))
        return no(c, "response_format is not that of a video, or its duration not that of this model.");
    if (!is_one_of(sim_str(yyjson_obj_get(f, "aspect_ratio")), ratios, 2) ||
        !is_one_of(sim_str(yyjson_obj_get(f, "resolution")), sizes, 4) || !is_one_of(task, tasks, 6))
        return no(c, "aspect_ratio, resolution or task is unknown.");
    bool works = sl_str_eq(task, SL_STR("edit")) || sl_str_eq(task, SL_STR("extend"));
    if (works && sim_video_find(c, VIDEO_OMNI, sim_str(yyjson_obj_get(root, "previous_interaction_id"))) == NULL)
        return no(c, "previous_interaction_id is unknown.");
    return true;
}

static void create(struct sim_call *c, yyjson_val *root)
{
    struct sl_str prompt = prompt_of(yyjson_obj_get(root, "input"));
    uint32_t seconds = 0;
    if (prompt.n == 0) {
        no(c, "input is required.");
        return;
    }
    sim_faults_choose(c);
    if (sim_fault_instead(c) || !check(c, root, &seconds) || sim_video_no_room(c, prompt))
        return;
    struct video_job *j = sim_video_make(c, VIDEO_OMNI, "v1_omni", prompt);
    j->seconds = seconds;
    j->tokens = (uint64_t)seconds * TOKENS_A_SECOND;
    sim_keep(j->source, sizeof j->source, sim_str(yyjson_obj_get(root, "previous_interaction_id")));
    sim_video_born(
        c, j,
        sl_arena_printf(c->s->arena, "{\"id\":\"%s\",\"status\":\"in_progress\",\"object\":\"interaction\"}", j->id));
}

static void poll(struct sim_call *c, struct video_job *j)
{
    struct sl_buf *b = &c->sim->out;
    enum video_state s = sim_video_state_of(c->sim, j);
    j->polls++;
    sim_video_store_of(c->sim)->polls++;
    sl_buf_reset(b);
    sl_buf_addf(b, "{\"id\":\"%s\",\"object\":\"interaction\",", j->id);
    if (s == STATE_QUEUED || s == STATE_RUNNING)
        sl_buf_addf(b, "\"status\":\"%s\"}", s == STATE_QUEUED ? "queued" : "in_progress");
    else if (s == STATE_CANCELLED)
        sl_buf_adds(b, SL_STR("\"status\":\"cancelled\"}"));
    else if (s == STATE_DONE && j->k.fate == FATE_FILTERED)
        sl_buf_adds(b, SL_STR("\"status\":\"completed\",\"steps\":[{\"type\":\"model_output\",\"content\":[{\"type\":"
                              "\"text\",\"text\":\"This was blocked by a safety filter.\"}]}]}"));
    else if (s == STATE_DONE)
        sl_buf_addf(
            b,
            "\"status\":\"completed\",\"steps\":[{\"type\":\"thought\",\"signature\":\"c2ln\"},{\"type\":"
            "\"model_output\",\"content\":[{\"type\":\"video\",\"uri\":\"%s://" SL_STR_FMT
            "/v1beta/files/%s:download?alt=media\",\"mime_type\":\"video/mp4\"}]}],\"usage\":{"
            "\"total_output_tokens\":%llu,\"output_tokens_by_modality\":[{\"modality\":\"video\",\"tokens\":%llu}]}}",
            c->s->tls ? "https" : "http", SL_STR_ARG(c->r->authority), j->id, (unsigned long long)j->tokens,
            (unsigned long long)j->tokens);
    else
        sl_buf_addf(b, "\"status\":\"%s\",\"errors\":[{\"code\":\"%s\",\"message\":\"%s\"}]}",
                    s == STATE_EXPIRED ? "incomplete" : "failed", j->k.fate == FATE_POLICY ? "safety" : "internal",
                    j->k.fate == FATE_POLICY ? "The prompt violates our usage guidelines." : "Internal error.");
    sim_answer(c, 200, SIM_JSON, sl_buf_str(b));
}

static bool serve_create(struct sim_call *c, struct sl_str raw)
{
    yyjson_doc *doc = yyjson_read_opts((char *)(uintptr_t)raw.p, raw.n, 0, &sim_json_alc, NULL);
    yyjson_val *root = yyjson_doc_get_root(doc);
    struct sl_str model = sim_str(yyjson_obj_get(root, "model"));
    bool ours = sl_str_find_str(model, SL_STR("omni")) >= 0;
    if (ours) {
        c->vendor = VENDOR_GOOGLE;
        c->format = &format;
        c->model = sl_arena_str(c->s->arena, model);
        const struct sim_error *e = sim_key_error(c, raw);
        if (e == NULL && c->too_large)
            e = &sim_error_too_large;
        if (e != NULL)
            sim_refuse(c, e);
        else
            create(c, root);
    }
    yyjson_doc_free(doc);
    return ours;
}

static void act(struct sim_call *c, struct video_job *j, bool cancel)
{
    if (cancel) {
        j->cancelled = true;
        poll(c, j);
    } else if (c->r->method == HTTP_DELETE) {
        j->deleted = true;
        sim_video_store_of(c->sim)->deletes++;
        sim_answer(c, 200, SIM_JSON, SL_STR("{}"));
    } else {
        poll(c, j);
    }
}

bool sim_video_omni_serve(struct sim_call *c, struct sl_str raw)
{
    struct sl_str path = c->r->path;
    bool post = c->r->method == HTTP_POST, cancel = post && sl_str_ends(path, SL_STR("/cancel"));
    bool file = sl_str_starts(path, SL_STR("/v1beta/files/v1_omni")) && sl_str_ends(path, SL_STR(":download"));
    if (post && sl_str_eq(path, SL_STR(PATH)))
        return raw.n > 0 && serve_create(c, raw);
    if (!file && !sl_str_starts(path, SL_STR(PATH "/v1_omni")))
        return false;
    c->vendor = VENDOR_GOOGLE; /* by whose credentials it is found */
    struct sl_str id = file ? sl_str_from(path, sizeof "/v1beta/files/" - 1) : sl_str_from(path, sizeof PATH);
    id = sl_str_head(id, id.n - (file ? 9 : cancel ? 7 : 0));
    struct video_job *j = sim_video_find(c, VIDEO_OMNI, id);
    c->format = &format;
    if (sim_video_guard(c, raw))
        return true;
    if (j == NULL || (file && sim_video_state_of(c->sim, j) != STATE_DONE))
        sim_refuse(c, &(struct sim_error){.trouble = TROUBLE_MODEL, .status = 404});
    else if (file)
        sim_video_bytes_send(c, j, "video", SL_STR("video/mp4"));
    else
        act(c, j, cancel);
    return true;
}
