/* Veo as operations: video.md A2 (Gemini API) and A3 (Vertex). */
#include "base/base64.h"
#include "sim/ask.h"
#include "sim/video.h"

#include <stdio.h>

static const struct sim_format format = {.name = "veo", .vendor = VENDOR_GOOGLE};

#define INLINE_MAX (16u << 20) /* of a video inside of an answer (Vertex) */

static bool no(struct sim_call *c, const char *message)
{
    sim_video_store_of(c->sim)->refused++;
    return sim_say_no(c, "%s", message);
}

static bool check_instance(struct sim_call *c, yyjson_val *instance)
{
    static const char *const media[] = {"image", "lastFrame", "video"};
    for (size_t i = 0; i < 3; i++) {
        yyjson_val *m = yyjson_obj_get(instance, media[i]);
        bool bytes = sim_str(yyjson_obj_get(m, "bytesBase64Encoded")).n > 0;
        bool stored = sl_str_starts(sim_str(yyjson_obj_get(m, "gcsUri")), SL_STR("gs://")) ||
                      (i == 2 && sim_str(yyjson_obj_get(m, "uri")).n > 0);
        if (m != NULL && (!(bytes || stored) || (i < 2 && sim_str(yyjson_obj_get(m, "mimeType")).n == 0)))
            return no(c, "Input instance with `image` should contain both `bytesBase64Encoded` and `mimeType` in it.");
    }
    if (yyjson_obj_get(instance, "lastFrame") != NULL && yyjson_obj_get(instance, "image") == NULL)
        return no(c, "lastFrame needs image.");
    if (sim_str(yyjson_obj_get(instance, "prompt")).n == 0 && yyjson_obj_get(instance, "image") == NULL)
        return no(c, "Text prompt is required.");
    return true;
}

static bool check_parameters(struct sim_call *c, yyjson_val *p, uint32_t *seconds, struct sl_str *resolution,
                             bool *portrait)
{
    bool two = sl_str_starts(c->model, SL_STR("veo-2"));
    yyjson_val *s = yyjson_obj_get(p, "durationSeconds");
    struct sl_str ratio = sim_str(yyjson_obj_get(p, "aspectRatio"));
    uint64_t n = s == NULL ? 8 : yyjson_get_uint(s);
    *resolution = sim_str(yyjson_obj_get(p, "resolution"));
    if (resolution->n == 0)
        *resolution = SL_STR("720p");
    if (two ? n < 5 || n > 8 : n != 4 && n != 6 && n != 8)
        return no(c, "durationSeconds is out of bound.");
    bool large = !sl_str_eq(*resolution, SL_STR("720p"));
    if (large && !sl_str_eq(*resolution, SL_STR("1080p")) && !sl_str_eq(*resolution, SL_STR("4k")))
        return no(c, "resolution is not supported.");
    if (large && n != 8)
        return no(c, "1080p and 4k need durationSeconds of 8.");
    if (ratio.n > 0 && !sl_str_eq(ratio, SL_STR("16:9")) && !sl_str_eq(ratio, SL_STR("9:16")))
        return no(c, "aspectRatio has to be 16:9 or 9:16.");
    if (yyjson_get_uint(yyjson_obj_get(p, "sampleCount")) > 1)
        return no(c, "sampleCount has to be 1.");
    *portrait = sl_str_eq(ratio, SL_STR("9:16"));
    *seconds = (uint32_t)n;
    return true;
}

static void create_from(struct sim_call *c, yyjson_val *root, struct sl_str head)
{
    yyjson_val *instances = yyjson_obj_get(root, "instances"), *p = yyjson_obj_get(root, "parameters");
    yyjson_val *instance = yyjson_arr_get_first(instances);
    struct sl_str prompt = sim_str(yyjson_obj_get(instance, "prompt")), resolution;
    uint32_t seconds = 0;
    bool portrait = false;
    if (!yyjson_is_obj(instance)) {
        no(c, "instances is required.");
        return;
    }
    sim_faults_choose(c);
    if (sim_fault_instead(c) || !check_instance(c, instance) ||
        !check_parameters(c, p, &seconds, &resolution, &portrait) || sim_video_no_room(c, prompt))
        return;
    struct video_job *j = sim_video_make(c, c->carrier == CARRIER_VERTEX ? VIDEO_VERTEX : VIDEO_GEMINI, "op", prompt);
    bool hd = sl_str_eq(resolution, SL_STR("1080p")), huge = sl_str_eq(resolution, SL_STR("4k"));
    unsigned w = huge ? 3840 : hd ? 1920 : 1280, h = huge ? 2160 : hd ? 1080 : 720;
    j->seconds = seconds;
    j->w = portrait ? h : w;
    j->h = portrait ? w : h;
    j->stored = sim_str(yyjson_obj_get(p, "storageUri")).n > 0;
    struct sl_str answer =
        sl_arena_printf(c->s->arena, "{\"name\":\"" SL_STR_FMT "/operations/%s\"}", SL_STR_ARG(head), j->id);
    sim_video_born(c, j, answer);
}

static void add_inline(struct sl_buf *b, const struct video_job *j)
{
    static char bytes[3 * 4096], text[4 * 4096 + 4];
    uint64_t size = j->k.bytes < INLINE_MAX ? j->k.bytes : INLINE_MAX;
    for (uint64_t at = 0; at < size; at += sizeof bytes) {
        size_t n = size - at < sizeof bytes ? (size_t)(size - at) : sizeof bytes;
        sim_video_fill(j, SL_STR("video"), at, bytes, n);
        sl_buf_add(b, text, sl_base64_encode(sl_str_of(bytes, n), text));
    }
}

static void add_result(struct sim_call *c, struct sl_buf *b, const struct video_job *j)
{
    bool vertex = j->vendor == VIDEO_VERTEX;
    if (j->k.fate == FATE_FILTERED) {
        sl_buf_adds(
            b, vertex ? SL_STR(",\"response\":{\"raiMediaFilteredCount\":1,\"raiMediaFilteredReasons\":[\"The prompt "
                               "was blocked.\"]}")
                      : SL_STR(",\"response\":{\"generateVideoResponse\":{\"raiMediaFilteredCount\":1,"
                               "\"raiMediaFilteredReasons\":[\"The prompt was blocked.\"]}}"));
    } else if (!vertex) {
        sl_buf_addf(b,
                    ",\"response\":{\"@type\":\"type.googleapis.com/google.ai.generativelanguage.v1beta."
                    "PredictLongRunningResponse\",\"generateVideoResponse\":{\"generatedSamples\":[{\"video\":{\"uri\":"
                    "\"%s://" SL_STR_FMT "/v1beta/files/%s:download?alt=media\"}}]}}",
                    c->s->tls ? "https" : "http", SL_STR_ARG(c->r->authority), j->id);
    } else if (j->stored) {
        sl_buf_addf(
            b, ",\"response\":{\"videos\":[{\"gcsUri\":\"gs://bucket/%s/sample_0.mp4\",\"mimeType\":\"video/mp4\"}]}",
            j->id);
    } else {
        sl_buf_adds(b, SL_STR(",\"response\":{\"videos\":[{\"bytesBase64Encoded\":\""));
        add_inline(b, j);
        sl_buf_adds(b, SL_STR("\",\"mimeType\":\"video/mp4\"}]}"));
    }
}

static void answer_operation(struct sim_call *c, enum video_vendor vendor, struct sl_str name)
{
    struct sl_str id = name;
    ptrdiff_t at;
    while ((at = sl_str_find(id, '/')) >= 0)
        id = sl_str_from(id, (size_t)at + 1);
    struct video_job *j = sim_video_find(c, vendor, id);
    struct sl_buf *b = &c->sim->out;
    sim_video_store_of(c->sim)->polls++;
    if (j == NULL) {
        sim_refuse(c, &(struct sim_error){.trouble = TROUBLE_MODEL, .status = 404});
        return;
    }
    enum video_state s = sim_video_state_of(c->sim, j);
    j->polls++;
    sl_buf_reset(b);
    sl_buf_adds(b, SL_STR("{\"name\":"));
    sl_buf_add_json(b, name);
    if (s == STATE_DONE) {
        sl_buf_adds(b, SL_STR(",\"done\":true"));
        add_result(c, b, j);
    } else if (s != STATE_QUEUED && s != STATE_RUNNING) {
        sl_buf_addf(b, ",\"done\":true,\"error\":{\"code\":%d,\"message\":\"%s\"}", j->k.fate == FATE_POLICY ? 3 : 13,
                    j->k.fate == FATE_POLICY ? "The prompt violates our usage guidelines." : "Internal error.");
    }
    sl_buf_addc(b, '}');
    sim_answer(c, 200, SIM_JSON, sl_buf_str(b));
}

static void with_json(struct sim_call *c, struct sl_str raw, struct sl_str head, bool fetch)
{
    yyjson_doc *doc = raw.n > 0 ? yyjson_read_opts((char *)(uintptr_t)raw.p, raw.n, 0, &sim_json_alc, NULL) : NULL;
    yyjson_val *root = yyjson_doc_get_root(doc);
    if (!yyjson_is_obj(root))
        no(c, "Invalid JSON payload received.");
    else if (fetch)
        answer_operation(c, VIDEO_VERTEX, sim_str(yyjson_obj_get(root, "operationName")));
    else
        create_from(c, root, head);
    yyjson_doc_free(doc);
}

/* ".../models/M" of ".../models/M:VERB"; the model is c->model. */
static bool cut_verb(struct sim_call *c, struct sl_str *path, struct sl_str verb)
{
    if (!sl_str_ends(*path, verb))
        return false;
    *path = sl_str_head(*path, path->n - verb.n);
    ptrdiff_t at = sl_str_find_str(*path, SL_STR("models/"));
    if (at < 0)
        return false;
    c->model = sim_unescape(c, sl_str_from(*path, (size_t)at + 7));
    return true;
}

static bool authorised(struct sim_call *c, struct sl_str raw)
{
    const struct sim_error *e = sim_key_error(c, raw);
    if (e == NULL && c->too_large)
        e = &sim_error_too_large;
    if (e != NULL)
        sim_refuse(c, e);
    return e == NULL;
}

static void download(struct sim_call *c, struct sl_str id)
{
    struct video_job *j = sim_video_find(c, VIDEO_GEMINI, id);
    if (j == NULL || sim_video_state_of(c->sim, j) != STATE_DONE ||
        sl_loop_wall(c->sim->loop) / SL_SEC >= sim_video_ended_s(c->sim, j) + j->k.link_s)
        sim_refuse(c, &(struct sim_error){.trouble = TROUBLE_MODEL, .status = 404});
    else
        sim_video_bytes_send(c, j, "video", SL_STR("video/mp4"));
}

bool sim_video_google_serve(struct sim_call *c, struct sl_str raw)
{
    struct sl_str path = sl_str_from(c->r->path, 1), version = sl_str_cut(&path, '/');
    if (path.p == NULL || version.n < 2 || version.n > 8 || version.p[0] != 'v')
        return false;
    bool post = c->r->method == HTTP_POST, fetch = post && cut_verb(c, &path, SL_STR(":fetchPredictOperation"));
    bool make = post && !fetch && cut_verb(c, &path, SL_STR(":predictLongRunning"));
    bool file = !post && sl_str_starts(path, SL_STR("files/op")) && sl_str_ends(path, SL_STR(":download"));
    bool poll = c->r->method == HTTP_GET && sl_str_find_str(path, SL_STR("operations/op")) >= 0;
    if (!fetch && !make && !file && !poll)
        return false;
    c->vendor = VENDOR_GOOGLE;
    c->format = &format;
    c->version = version;
    if (sl_str_starts(path, SL_STR("projects/")) || sl_str_starts(path, SL_STR("publishers/")))
        c->carrier = CARRIER_VERTEX;
    if (!authorised(c, raw))
        return true;
    if (!make) {
        sim_faults_choose(c);
        if (sim_fault_instead(c))
            return true;
    }
    if (make || fetch)
        with_json(c, raw, path, fetch);
    else if (file)
        download(c, sl_str_head(sl_str_from(path, 6), path.n - 6 - 9));
    else
        answer_operation(c, VIDEO_GEMINI, path);
    return true;
}
