/* The servers that are rows of a table: what is written, what their tasks say (video.md A6, A8 to A11, B18). */
#include "lib.h"

#define IMAGE "\"input_reference\":\"data:image/png;base64,iVBORw0KGgo=\""

static void written(void **state)
{
    (void)state;
    static const struct {
        const char *kind, *model, *ask, *path, *header, *body;
    } rows[] = {
        {"runway", "gen4.5", "\"seconds\":\"5\",\"size\":\"720x1280\",\"seed\":7", "/text_to_video", "x-runway-version",
         "{\"model\":\"gen4.5\",\"promptText\":\"A\",\"ratio\":\"720:1280\",\"duration\":5,\"seed\":7}"},
        {"runway", "gen4.5", IMAGE, "/image_to_video", "x-runway-version",
         "{\"model\":\"gen4.5\",\"promptText\":\"A\",\"promptImage\":\"data:image/png;base64,iVBORw0KGgo=\",\"ratio\":"
         "\"1280:720\"}"},
        {"kling", "kling-v3", "\"seconds\":\"8\",\"size\":\"1920x1080\",\"audio\":true", "/v1/videos/text2video", NULL,
         "{\"model_name\":\"kling-v3\",\"prompt\":\"A\",\"mode\":\"pro\",\"duration\":\"10\",\"aspect_ratio\":\"16:9\","
         "\"sound\":\"on\",\"external_task_id\":\"t0k3n0t0k3n0t0k3n0\"}"},
        {"kling", "kling-v3", IMAGE, "/v1/videos/image2video", NULL,
         "{\"model_name\":\"kling-v3\",\"prompt\":\"A\",\"image\":\"iVBORw0KGgo=\",\"mode\":\"std\",\"sound\":\"off\","
         "\"external_task_id\":\"t0k3n0t0k3n0t0k3n0\"}"},
        {"xai", "grok-imagine-video", "\"seconds\":\"8\",\"resolution\":\"720p\"," IMAGE, "/videos/generations", NULL,
         "{\"model\":\"grok-imagine-video\",\"prompt\":\"A\",\"duration\":8,\"resolution\":\"720p\",\"image\":{\"url\":"
         "\"data:image/png;base64,iVBORw0KGgo=\"}}"},
        {"minimax", "MiniMax-H3", "\"seconds\":\"6\",\"watermark\":true", "/v2/video_generation", NULL,
         "{\"model\":\"MiniMax-H3\",\"content\":[{\"type\":\"text\",\"text\":\"A\"}],\"duration\":6,\"aigc_watermark\":true}"},
        {"qwen", "wan3-t2v", "\"size\":\"1280x720\",\"seconds\":\"5\",\"seed\":1",
         "/api/v1/services/aigc/video-generation/video-synthesis", "x-dashscope-async",
         "{\"model\":\"wan3-t2v\",\"input\":{\"prompt\":\"A\"},\"parameters\":{\"size\":\"1280*720\",\"duration\":5,\"seed\":1,"
         "\"watermark\":false}}"},
        {"qwen", "wan3-i2v", "\"resolution\":\"1080p\",\"input_reference\":\"https://x.example/a.png\"",
         "/api/v1/services/aigc/video-generation/video-synthesis", "x-dashscope-async",
         "{\"model\":\"wan3-i2v\",\"input\":{\"prompt\":\"A\",\"img_url\":\"https://x.example/a.png\"},\"parameters\":{"
         "\"resolution\":\"1080P\",\"watermark\":false}}"},
        {"fal", "fal-ai/kling-video/v2/master",
         "\"seconds\":\"5\",\"aspect_ratio\":\"9:16\",\"seed\":3,\"audio\":true," IMAGE,
         "/fal-ai/kling-video/v2/master", NULL,
         "{\"prompt\":\"A\",\"image_url\":\"data:image/png;base64,iVBORw0KGgo=\",\"duration\":\"5\",\"aspect_ratio\":\"9:16\","
         "\"seed\":3,\"generate_audio\":true}"},
        {"replicate", "bytedance/seedance-1-pro",
         "\"seconds\":\"5\",\"size\":\"1920x1080\",\"negative_prompt\":\"text\"",
         "/models/bytedance/seedance-1-pro/predictions", NULL,
         "{\"input\":{\"prompt\":\"A\",\"negative_prompt\":\"text\",\"duration\":5,\"aspect_ratio\":\"16:9\",\"resolution\":\"1080p\"}}"},
        {"luma", "ray-2",
         "\"seconds\":\"8\",\"resolution\":\"540p\",\"input_reference\":\"https://x.example/a.png\",\"last_frame\":\"https://x.example/b.png\"",
         "/generations/video", NULL,
         "{\"model\":\"ray-2\",\"prompt\":\"A\",\"resolution\":\"540p\",\"duration\":\"9s\",\"keyframes\":{\"frame0\":{\"type\":"
         "\"image\",\"url\":\"https://x.example/a.png\"},\"frame1\":{\"type\":\"image\",\"url\":\"https://x.example/b.png\"}}}"},
        {"minimax", "MiniMax-Hailuo-02",
         "\"seconds\":\"7\",\"size\":\"1280x720\"," IMAGE ",\"last_frame\":\"https://x.example/b.png\"",
         "/v1/video_generation", NULL,
         "{\"model\":\"MiniMax-Hailuo-02\",\"prompt\":\"A\",\"first_frame_image\":\"data:image/png;base64,iVBORw0KGgo=\","
         "\"last_frame_image\":\"https://x.example/b.png\",\"duration\":10,\"resolution\":\"768P\"}"},
        {"vidu", "viduq2", "\"seconds\":\"3\",\"size\":\"720x1280\",\"seed\":4,\"audio\":false", "/ent/v2/text2video",
         NULL,
         "{\"model\":\"viduq2\",\"prompt\":\"A\",\"duration\":3,\"seed\":4,\"aspect_ratio\":\"9:16\",\"audio\":false,"
         "\"resolution\":\"720p\"}"},
        {"vidu", "viduq2", IMAGE, "/ent/v2/img2video", NULL,
         "{\"model\":\"viduq2\",\"images\":[\"data:image/png;base64,iVBORw0KGgo=\"],\"prompt\":\"A\"}"},
        {"vidu", "viduq2", IMAGE ",\"last_frame\":\"https://x.example/b.png\"", "/ent/v2/start-end2video", NULL,
         "{\"model\":\"viduq2\",\"images\":[\"data:image/png;base64,iVBORw0KGgo=\",\"https://x.example/b.png\"],\"prompt\":"
         "\"A\"}"},
        {"pixverse", "v5", "\"seed\":3,\"negative_prompt\":\"text\"", "/openapi/v2/video/text/generate", "ai-trace-id",
         "{\"model\":\"v5\",\"prompt\":\"A\",\"negative_prompt\":\"text\",\"aspect_ratio\":\"16:9\",\"duration\":5,"
         "\"quality\":\"540p\",\"seed\":3}"},
    };
    for (size_t i = 0; i < N(rows); i++) {
        struct bench b;
        char body[1024];
        bench_begin(&b, rows[i].kind, rows[i].model);
        snprintf(body, sizeof body, "{\"model\":\"v\",\"prompt\":\"A\",%s}", rows[i].ask);
        assert_true(bench_openai(&b, body));
        assert_string_equal(bench_create(&b), rows[i].body);
        is_text(b.http.path, rows[i].path);
        assert_int_equal(b.http.n_headers, rows[i].header != NULL);
        if (rows[i].header != NULL)
            is_text(b.http.headers[0].name, rows[i].header);
        bench_end(&b);
    }
}

static void refused(void **state)
{
    (void)state;
    static const struct {
        const char *kind, *model, *ask, *param, *allowed;
    } rows[] = {
        {"kling", "kling-v3", "\"seconds\":\"11\"", "seconds", "5,10"},
        {"runway", "gen4.5", "\"aspect_ratio\":\"1:1\"", "aspect_ratio", "16:9,9:16"},
        {"runway", "gen4.5", "\"seconds\":\"16\"", "seconds", "2 to 15"},
        {"xai", "grok-imagine-video", "\"resolution\":\"4k\"", "resolution", "480p,720p,1080p"},
        {"xai", "grok-imagine-video", IMAGE ",\"last_frame\":\"https://x.example/b.png\"", "last_frame",
         "no last frame"},
        {"kling", "kling-v3", "\"references\":[{\"url\":\"https://x.example/b.png\"}]", "references[0]",
         "no references"},
        {"qwen", "wan3-t2v", "\"n\":2", "n", "1"},
        {"fal", "fal-ai/x", "\"aspect_ratio\":\"7:3\"", "aspect_ratio", "16:9,9:16"},
        {"fal", "../keys", "\"seed\":1", "model", "no name"},
        {"replicate", "o/m", "\"seconds\":\"61\"", "seconds", "1 to 60"},
        {"luma", "ray-2", "\"seconds\":\"10\"", "seconds", "5,9"},
        {"luma", "ray-2", "\"resolution\":\"480p\"", "resolution", "540p,720p,1080p,4k"},
        {"luma", "ray-2", IMAGE, "input_reference", "URL only"},
        {"minimax", "MiniMax-Hailuo-2.3", "\"seconds\":\"10\",\"resolution\":\"1080p\"", "seconds", "768p only"},
        {"minimax", "MiniMax-Hailuo-2.3", "\"resolution\":\"720p\"", "resolution", "768p,1080p"},
        {"minimax", "video-01", "\"seconds\":\"10\"", "seconds", "6"},
        {"vidu", "viduq1", "\"seconds\":\"6\"", "seconds", "one of 5"},
        {"vidu", "vidu2.0", "\"seconds\":\"8\",\"resolution\":\"1080p\"", "seconds", "720p only"},
        {"pixverse", "v5", "\"seconds\":\"8\",\"resolution\":\"1080p\"", "seconds", "360p,540p,720p only"},
        {"pixverse", "v5", IMAGE, "input_reference", "uploaded"},
    };
    for (size_t i = 0; i < N(rows); i++) {
        struct bench b;
        char body[1024];
        bench_begin(&b, rows[i].kind, rows[i].model);
        snprintf(body, sizeof body, "{\"model\":\"v\",\"prompt\":\"A\",%s}", rows[i].ask);
        if (!bench_openai(&b, body) || bench_check(&b))
            fail_msg("row %zu", i);
        is_text(b.no.param, rows[i].param);
        has_text(b.no.message, rows[i].allowed);
        bench_end(&b);
    }
}

static void polled(void **state)
{
    (void)state;
    static const struct {
        const char *kind, *model;
        int status;
        const char *body;
        enum video_status is;
        enum video_reason reason;
        bool again;
    } rows[] = {
        {"runway", "g", 200, "{\"id\":\"x\",\"status\":\"PENDING\"}", VIDEO_QUEUED, 0, 0},
        {"runway", "g", 200, "{\"id\":\"x\",\"status\":\"THROTTLED\"}", VIDEO_QUEUED, 0, 0},
        {"runway", "g", 200, "{\"id\":\"x\",\"status\":\"RUNNING\",\"progress\":0.42}", VIDEO_IN_PROGRESS, 0, 0},
        {"runway", "g", 200, "{\"status\":\"SUCCEEDED\",\"output\":[\"https://x.example/v.mp4\"]}", VIDEO_COMPLETED, 0,
         0},
        {"runway", "g", 200, "{\"status\":\"FAILED\",\"failure\":\"no\",\"failureCode\":\"SAFETY.INPUT.TEXT\"}",
         VIDEO_FAILED, VIDEO_REASON_POLICY, 0},
        {"runway", "g", 200, "{\"status\":\"FAILED\",\"failureCode\":\"INTERNAL.BAD_OUTPUT\"}", VIDEO_FAILED,
         VIDEO_REASON_PROVIDER, 0},
        {"runway", "g", 200, "{\"status\":\"CANCELLED\"}", VIDEO_FAILED, VIDEO_REASON_CANCELLED, 0},
        {"kling", "k", 200, "{\"code\":0,\"data\":{\"task_id\":\"x\",\"task_status\":\"submitted\"}}", VIDEO_QUEUED, 0,
         0},
        {"kling", "k", 200, "{\"code\":0,\"data\":{\"task_status\":\"processing\"}}", VIDEO_IN_PROGRESS, 0, 0},
        {"kling", "k", 200,
         "{\"code\":0,\"data\":{\"task_status\":\"succeed\",\"task_result\":{\"videos\":[{\"url\":\"https://x.example/v\","
         "\"duration\":\"5.1\"}]}}}",
         VIDEO_COMPLETED, 0, 0},
        {"kling", "k", 200, "{\"code\":1303,\"message\":\"parallel task over resource pack limit\"}", 0, 0, 1},
        {"xai", "grok-imagine-video", 202, "", VIDEO_IN_PROGRESS, 0, 0},
        {"xai", "grok-imagine-video", 202, "{\"status\":\"pending\",\"progress\":42}", VIDEO_IN_PROGRESS, 0, 0},
        {"xai", "grok-imagine-video", 200,
         "{\"status\":\"done\",\"video\":{\"url\":\"https://x.example/v\",\"duration\":8,\"respect_moderation\":true}}",
         VIDEO_COMPLETED, 0, 0},
        {"xai", "grok-imagine-video", 200, "{\"status\":\"done\",\"video\":{\"respect_moderation\":false}}",
         VIDEO_FAILED, VIDEO_REASON_POLICY, 0},
        {"xai", "grok-imagine-video", 200, "{\"status\":\"expired\"}", VIDEO_FAILED, VIDEO_REASON_EXPIRED, 0},
        {"xai", "grok-imagine-video", 200, "", 0, 0, 1},
        {"minimax", "m", 200, "{\"task\":{\"status\":\"queued\"}}", VIDEO_QUEUED, 0, 0},
        {"minimax", "m", 200,
         "{\"task\":{\"status\":\"succeeded\",\"content\":{\"url\":\"https://x.example/v\"},\"duration\":6,\"usage\":{"
         "\"total_seconds\":12}}}",
         VIDEO_COMPLETED, 0, 0},
        {"minimax", "m", 200, "{\"base_resp\":{\"status_code\":1026,\"status_msg\":\"sensitive\"}}", 0, 0, 1},
        {"qwen", "wan", 200, "{\"output\":{\"task_status\":\"PENDING\"}}", VIDEO_QUEUED, 0, 0},
        {"qwen", "wan", 200, "{\"output\":{\"task_status\":\"UNKNOWN\"}}", VIDEO_FAILED, VIDEO_REASON_EXPIRED, 0},
        {"qwen", "wan", 200, "{\"output\":{\"task_status\":\"FAILED\",\"code\":\"DataInspectionFailed\"}}",
         VIDEO_FAILED, VIDEO_REASON_POLICY, 0},
        {"qwen", "wan", 200, "{\"output\":{\"task_status\":\"SUCCEEDED\",\"video_url\":\"https://x.example/v\"}}",
         VIDEO_COMPLETED, 0, 0},
        {"fal", "fal-ai/x", 202, "{\"status\":\"IN_QUEUE\",\"queue_position\":2}", VIDEO_QUEUED, 0, 0},
        {"fal", "fal-ai/x", 202, "{\"status\":\"IN_PROGRESS\"}", VIDEO_IN_PROGRESS, 0, 0},
        {"fal", "fal-ai/x", 500, "{\"detail\":\"oops\"}", 0, 0, 1},
        {"replicate", "o/m", 200, "{\"status\":\"starting\",\"output\":null}", VIDEO_QUEUED, 0, 0},
        {"replicate", "o/m", 200, "{\"status\":\"processing\"}", VIDEO_IN_PROGRESS, 0, 0},
        {"replicate", "o/m", 200, "{\"status\":\"succeeded\",\"output\":\"https://x.example/v.mp4\"}", VIDEO_COMPLETED,
         0, 0},
        {"replicate", "o/m", 200, "{\"status\":\"succeeded\",\"output\":[\"https://x.example/v.mp4\"]}",
         VIDEO_COMPLETED, 0, 0},
        {"replicate", "o/m", 200, "{\"status\":\"failed\",\"error\":\"NSFW content detected\"}", VIDEO_FAILED,
         VIDEO_REASON_POLICY, 0},
        {"replicate", "o/m", 200, "{\"status\":\"failed\",\"error\":\"CUDA out of memory\"}", VIDEO_FAILED,
         VIDEO_REASON_PROVIDER, 0},
        {"replicate", "o/m", 200, "{\"status\":\"canceled\"}", VIDEO_FAILED, VIDEO_REASON_CANCELLED, 0},
        {"replicate", "o/m", 200, "{\"status\":\"aborted\"}", VIDEO_FAILED, VIDEO_REASON_CANCELLED, 0},
        {"luma", "ray-2", 200, "{\"state\":\"queued\"}", VIDEO_QUEUED, 0, 0},
        {"luma", "ray-2", 200, "{\"state\":\"dreaming\"}", VIDEO_IN_PROGRESS, 0, 0},
        {"luma", "ray-2", 200, "{\"state\":\"completed\",\"assets\":{\"video\":\"https://x.example/v\"}}",
         VIDEO_COMPLETED, 0, 0},
        {"luma", "ray-2", 200, "{\"state\":\"failed\",\"failure_reason\":\"blocked by moderation\"}", VIDEO_FAILED,
         VIDEO_REASON_POLICY, 0},
        {"minimax", "T2V-01", 200, "{\"status\":\"Preparing\",\"base_resp\":{\"status_code\":0}}", VIDEO_QUEUED, 0, 0},
        {"minimax", "T2V-01", 200, "{\"status\":\"Processing\",\"base_resp\":{\"status_code\":0}}", VIDEO_IN_PROGRESS,
         0, 0},
        {"minimax", "T2V-01", 200, "{\"status\":\"Fail\",\"base_resp\":{\"status_code\":1027,\"status_msg\":\"no\"}}",
         VIDEO_FAILED, VIDEO_REASON_POLICY, 0},
        {"minimax", "T2V-01", 200, "{\"status\":\"Fail\",\"base_resp\":{\"status_code\":0}}", VIDEO_FAILED,
         VIDEO_REASON_PROVIDER, 0},
        {"minimax", "T2V-01", 200, "{\"base_resp\":{\"status_code\":1002,\"status_msg\":\"rate limit\"}}", 0, 0, 1},
        {"vidu", "viduq2", 200, "{\"state\":\"created\"}", VIDEO_QUEUED, 0, 0},
        {"vidu", "viduq2", 200, "{\"state\":\"queueing\"}", VIDEO_QUEUED, 0, 0},
        {"vidu", "viduq2", 200,
         "{\"state\":\"success\",\"credits\":4,\"creations\":[{\"id\":\"1\",\"url\":\"https://x.example/v\"}]}",
         VIDEO_COMPLETED, 0, 0},
        {"vidu", "viduq2", 200, "{\"state\":\"failed\",\"err_code\":\"SystemError\"}", VIDEO_FAILED,
         VIDEO_REASON_PROVIDER, 0},
        {"pixverse", "v5", 200, "{\"ErrCode\":0,\"Resp\":{\"status\":5}}", VIDEO_IN_PROGRESS, 0, 0},
        {"pixverse", "v5", 200, "{\"ErrCode\":0,\"Resp\":{\"status\":1,\"url\":\"https://x.example/v\"}}",
         VIDEO_COMPLETED, 0, 0},
        {"pixverse", "v5", 200, "{\"ErrCode\":0,\"Resp\":{\"status\":7}}", VIDEO_FAILED, VIDEO_REASON_POLICY, 0},
        {"pixverse", "v5", 200, "{\"ErrCode\":0,\"Resp\":{\"status\":8}}", VIDEO_FAILED, VIDEO_REASON_PROVIDER, 0},
        {"pixverse", "v5", 200, "{\"ErrCode\":500,\"ErrMsg\":\"busy\"}", 0, 0, 1},
        {"pixverse", "v5", 200, "{\"ErrCode\":0,\"Resp\":{\"status\":null}}", 0, 0, 1},
    };
    for (size_t i = 0; i < N(rows); i++) {
        struct bench b;
        bench_begin(&b, rows[i].kind, rows[i].model);
        enum video_polled said = bench_polled(&b, rows[i].status, rows[i].body);
        if (said != (rows[i].again ? VIDEO_POLL_AGAIN : VIDEO_POLL_OK))
            fail_msg("row %zu: %d", i, said);
        if (!rows[i].again && (b.job.status != rows[i].is || b.job.reason != rows[i].reason))
            fail_msg("row %zu: %d %d", i, b.job.status, b.job.reason);
        if (!rows[i].again && rows[i].is == VIDEO_COMPLETED)
            assert_true(b.call.adapter->content_write(&b.call, &b.job, VIDEO_PART_VIDEO, &b.http) && b.http.keyless);
        if (strstr(rows[i].body, "42") != NULL)
            assert_int_equal(b.job.progress, 42);
        bench_end(&b);
    }
}

static void created(void **state)
{
    (void)state;
    static const struct {
        const char *kind, *model;
        int status;
        const char *body;
        enum video_created how;
        const char *poll;
    } rows[] = {
        {"runway", "g", 200, "{\"id\":\"a/b\"}", VIDEO_CREATED, "/tasks/a%2Fb"},
        {"kling", "k", 200, "{\"code\":0,\"data\":{\"task_id\":\"77\",\"task_status\":\"submitted\"}}", VIDEO_CREATED,
         "/v1/videos/image2video/77"},
        {"kling", "k", 200, "{\"code\":1201,\"message\":\"duration is invalid\",\"request_id\":\"r\"}",
         VIDEO_NOT_CREATED, NULL},
        {"xai", "grok-imagine-video", 200, "{\"request_id\":\"r1\"}", VIDEO_CREATED, "/videos/r1"},
        {"minimax", "m", 200, "{\"task_id\":123}", VIDEO_CREATED, "/v2/query/video_generation/123"},
        {"minimax", "m", 200, "{\"base_resp\":{\"status_code\":1008,\"status_msg\":\"insufficient balance\"}}",
         VIDEO_NOT_CREATED, NULL},
        {"qwen", "wan", 200, "{\"output\":{\"task_id\":\"t\",\"task_status\":\"PENDING\"}}", VIDEO_CREATED,
         "/api/v1/tasks/t"},
        {"qwen", "wan", 200, "{\"output\":{}}", VIDEO_UNCLEAR, NULL},
        {"replicate", "o/m", 201, "{\"id\":\"r\",\"status\":\"starting\"}", VIDEO_CREATED, "/predictions/r"},
        {"replicate", "o/m", 422, "{\"detail\":\"prompt is required\"}", VIDEO_NOT_CREATED, NULL},
        {"luma", "ray-2", 201, "{\"id\":\"l\",\"state\":\"queued\"}", VIDEO_CREATED, "/generations/l"},
        {"fal", "fal-ai/x", 200, "{\"status\":\"IN_QUEUE\"}", VIDEO_UNCLEAR, NULL},
        {"minimax", "Hailuo-02", 200, "{\"task_id\":\"9\",\"base_resp\":{\"status_code\":0}}", VIDEO_CREATED,
         "/v1/query/video_generation?task_id=9"},
        {"vidu", "viduq2", 200, "{\"task_id\":\"8\",\"state\":\"created\"}", VIDEO_CREATED,
         "/ent/v2/tasks/8/creations"},
        {"pixverse", "v5", 200, "{\"ErrCode\":0,\"Resp\":{\"video_id\":321}}", VIDEO_CREATED,
         "/openapi/v2/video/result/321"},
        {"pixverse", "v5", 200, "{\"ErrCode\":400017,\"ErrMsg\":\"invalid param\"}", VIDEO_NOT_CREATED, NULL},
        {"runway", "g", 502, "<html>", VIDEO_UNCLEAR, NULL},
        {"runway", "g", 429, "{\"error\":\"slow down\"}", VIDEO_NOT_CREATED, NULL},
    };
    for (size_t i = 0; i < N(rows); i++) {
        struct bench b;
        bench_begin(&b, rows[i].kind, rows[i].model);
        bool no_media = strcmp(rows[i].kind, "pixverse") == 0;
        assert_true(bench_openai(&b, no_media ? "{\"model\":\"v\",\"prompt\":\"A\"}"
                                              : "{\"model\":\"v\",\"prompt\":\"A\"," IMAGE "}"));
        if (bench_created(&b, rows[i].status, rows[i].body) != rows[i].how)
            fail_msg("row %zu", i);
        if (rows[i].poll != NULL) {
            b.call.task_id = b.job.task_id;
            b.call.aux = b.job.aux;
            b.call.adapter->poll_write(&b.call, &b.http, &b.body);
            is_text(b.http.path, rows[i].poll);
        }
        bench_end(&b);
    }
}

/* fal: the links of its own, asked one after the other; what came of it says only the second. */
static void in_two_steps(void **state)
{
    (void)state;
    static const struct {
        int status;
        const char *body;
        enum video_polled said;
        enum video_status is;
        enum video_reason reason;
    } rows[] = {
        {200, "{\"video\":{\"url\":\"https://x.example/v.mp4\",\"content_type\":\"video/mp4\"}}", VIDEO_POLL_OK,
         VIDEO_COMPLETED, 0},
        {422, "{\"detail\":[{\"msg\":\"flagged\",\"type\":\"content_policy_violation\"}]}", VIDEO_POLL_OK, VIDEO_FAILED,
         VIDEO_REASON_POLICY},
        {422, "{\"detail\":\"bad image\"}", VIDEO_POLL_OK, VIDEO_FAILED, VIDEO_REASON_PROVIDER},
        {500, "{\"detail\":\"Internal Server Error\"}", VIDEO_POLL_OK, VIDEO_FAILED, VIDEO_REASON_PROVIDER},
        {502, "<html>", VIDEO_POLL_AGAIN, 0, 0},
        {429, "{\"detail\":\"slow down\"}", VIDEO_POLL_AGAIN, 0, 0},
        {404, "{\"detail\":\"not found\"}", VIDEO_POLL_GONE, 0, 0},
        {401, "{\"detail\":\"no\"}", VIDEO_POLL_DENIED, 0, 0},
    };
    for (size_t i = 0; i < N(rows); i++) {
        struct bench b;
        bool again;
        struct video_answer done = bench_answer(200, "{\"status\":\"COMPLETED\"}");
        bench_begin(&b, "fal", "fal-ai/x");
        assert_true(bench_openai(&b, "{\"model\":\"v\",\"prompt\":\"A\",\"seconds\":\"5\"}"));
        assert_int_equal(
            bench_created(
                &b, 200,
                "{\"request_id\":\"r\",\"status_url\":\"https://q.example/x/requests/r/status\",\"response_url\":"
                "\"https://q.example/x/requests/r\",\"cancel_url\":\"https://q.example/x/requests/r/cancel\"}"),
            VIDEO_CREATED);
        b.call.task_id = b.job.task_id;
        b.call.aux = b.job.aux;
        b.call.adapter->poll_write(&b.call, &b.http, &b.body);
        is_text(b.http.url, "https://q.example/x/requests/r/status");
        assert_false(b.http.keyless);
        assert_int_equal(b.call.adapter->poll_read(&b.call, &done, &b.job, &b.why, &again), VIDEO_POLL_OK);
        assert_true(again);
        b.call.aux = b.job.aux;
        b.call.adapter->poll_write(&b.call, &b.http, &b.body);
        is_text(b.http.url, "https://q.example/x/requests/r");
        assert_int_equal(bench_polled(&b, rows[i].status, rows[i].body), rows[i].said);
        if (rows[i].said == VIDEO_POLL_OK) {
            assert_int_equal(b.job.status, rows[i].is);
            assert_int_equal(b.job.reason, rows[i].reason);
            assert_int_equal(b.job.ms, rows[i].is == VIDEO_COMPLETED ? 5000 : 0);
        }
        b.call.adapter->cancel_write(&b.call, &b.http);
        assert_int_equal(b.http.method, HTTP_PUT);
        is_text(b.http.url, "https://q.example/x/requests/r/cancel");
        bench_end(&b);
    }
}

/* MiniMax's first API: a finished task names a file, whose link is asked for. */
static void by_file(void **state)
{
    (void)state;
    struct bench b;
    bool again;
    struct video_answer done = bench_answer(
        200, "{\"status\":\"Success\",\"file_id\":\"77\",\"video_width\":1366,\"video_height\":768,\"base_resp\":{"
             "\"status_code\":0}}");
    bench_begin(&b, "minimax", "MiniMax-Hailuo-02");
    assert_true(bench_openai(&b, "{\"model\":\"v\",\"prompt\":\"A\",\"seconds\":\"10\"}"));
    assert_int_equal(bench_created(&b, 200, "{\"task_id\":\"9\",\"base_resp\":{\"status_code\":0}}"), VIDEO_CREATED);
    b.call.task_id = b.job.task_id;
    b.call.aux = b.job.aux;
    assert_int_equal(b.call.adapter->poll_read(&b.call, &done, &b.job, &b.why, &again), VIDEO_POLL_OK);
    assert_true(again);
    b.call.aux = b.job.aux;
    b.call.adapter->poll_write(&b.call, &b.http, &b.body);
    is_text(b.http.path, "/v1/files/retrieve?file_id=77");
    assert_int_equal(bench_polled(&b, 200, "{\"base_resp\":{\"status_code\":1002,\"status_msg\":\"slow\"}}"),
                     VIDEO_POLL_AGAIN);
    assert_int_equal(bench_polled(&b, 200, "{\"file\":{},\"base_resp\":{\"status_code\":0}}"), VIDEO_POLL_AGAIN);
    assert_int_equal(bench_polled(&b, 200, "{\"file\":{\"download_url\":\"https://x.example/v\"}}"), VIDEO_POLL_OK);
    assert_int_equal(b.job.status, VIDEO_COMPLETED);
    assert_int_equal(b.job.ms, 10000);
    assert_int_equal(b.job.terms.width, 1366);
    assert_true(b.call.adapter->content_write(&b.call, &b.job, VIDEO_PART_VIDEO, &b.http) && b.http.keyless);
    bench_end(&b);
}

/* An error with a status of 200 is about the account, the moment, or the wish. */
static void codes(void **state)
{
    (void)state;
    static const struct {
        const char *kind, *body;
        bool account, capacity, policy, invalid;
    } rows[] = {
        {"minimax", "{\"base_resp\":{\"status_code\":1008,\"status_msg\":\"insufficient balance\"}}", 1, 0, 0, 0},
        {"minimax", "{\"base_resp\":{\"status_code\":1002,\"status_msg\":\"rate limit\"}}", 0, 1, 0, 0},
        {"minimax", "{\"base_resp\":{\"status_code\":1026,\"status_msg\":\"no\"}}", 0, 0, 1, 0},
        {"minimax", "{\"base_resp\":{\"status_code\":2013,\"status_msg\":\"invalid params\"}}", 0, 0, 0, 1},
        {"kling", "{\"code\":1102,\"message\":\"resource pack depleted\"}", 1, 0, 0, 0},
        {"kling", "{\"code\":1303,\"message\":\"parallel task over resource pack limit\"}", 0, 1, 0, 0},
    };
    for (size_t i = 0; i < N(rows); i++) {
        struct bench b;
        bench_begin(&b, rows[i].kind, "m");
        assert_true(bench_openai(&b, "{\"model\":\"v\",\"prompt\":\"A\"}"));
        assert_int_equal(bench_created(&b, 200, rows[i].body), VIDEO_NOT_CREATED);
        if (b.why.account != rows[i].account || b.why.capacity != rows[i].capacity || b.why.policy != rows[i].policy ||
            b.why.invalid != rows[i].invalid)
            fail_msg("row %zu", i);
        bench_end(&b);
    }
}

/* The same at every try of one job, and no other job's. */
static void traces(void **state)
{
    (void)state;
    struct bench b;
    char first[64];
    bench_begin(&b, "pixverse", "v5");
    assert_true(bench_openai(&b, "{\"model\":\"v\",\"prompt\":\"A\"}"));
    bench_create(&b);
    assert_int_equal(b.http.headers[0].value.n, 36);
    snprintf(first, sizeof first, SL_STR_FMT, SL_STR_ARG(b.http.headers[0].value));
    bench_create(&b);
    is_text(b.http.headers[0].value, first);
    b.call.token = SL_STR("an0ther0an0ther0");
    bench_create(&b);
    assert_false(sl_str_eq(b.http.headers[0].value, sl_str_c(first)));
    bench_end(&b);
}

/* Kling can be asked for the task of our token. */
static void found_by_token(void **state)
{
    (void)state;
    static const struct {
        int status;
        const char *body;
        enum video_polled said;
        unsigned n;
    } rows[] = {
        {200, "{\"code\":0,\"data\":{\"task_id\":\"7\",\"task_info\":{\"external_task_id\":\"t0k3n0t0k3n0t0k3n0\"}}}",
         VIDEO_POLL_OK, 1},
        {200, "{\"code\":0,\"data\":{\"task_id\":\"7\",\"task_info\":{\"external_task_id\":\"another\"}}}",
         VIDEO_POLL_OK, 0},
        {200, "{\"code\":0,\"data\":{}}", VIDEO_POLL_OK, 0},
        {404, "{\"code\":1203,\"message\":\"not found\"}", VIDEO_POLL_OK, 0},
        {429, "{\"code\":1302,\"message\":\"slow\"}", VIDEO_POLL_AGAIN, 0},
        {200, "<html>", VIDEO_POLL_AGAIN, 0},
    };
    for (size_t i = 0; i < N(rows); i++) {
        struct bench b;
        struct video_list list;
        struct video_list_ask ask = {.page = 1};
        bench_begin(&b, "kling", "kling-v3");
        assert_true(bench_openai(&b, "{\"model\":\"v\",\"prompt\":\"A\"," IMAGE "}"));
        assert_true(b.call.adapter->list_write(&b.call, &ask, &b.http));
        is_text(b.http.path, "/v1/videos/image2video/t0k3n0t0k3n0t0k3n0");
        struct video_answer answer = bench_answer(rows[i].status, rows[i].body);
        assert_int_equal(b.call.adapter->list_read(&b.call, &answer, &list, &b.why), rows[i].said);
        if (rows[i].said == VIDEO_POLL_OK)
            assert_int_equal(list.n, rows[i].n);
        if (rows[i].n == 1)
            assert_int_equal(b.call.adapter->match(&b.call, 0, &list.v[0]), VIDEO_MATCH_YES);
        bench_end(&b);
    }
}

static void settled(void **state)
{
    (void)state;
    struct bench b;
    struct video_units units;
    struct video_terms terms = {.width = 0};
    bench_begin(&b, "xai", "grok-imagine-video");
    assert_int_equal(bench_polled(&b, 200,
                                  "{\"status\":\"done\",\"video\":{\"url\":\"https://x.example/v\",\"duration\":8},"
                                  "\"usage\":{\"cost_in_usd_ticks\":4000000000}}"),
                     VIDEO_POLL_OK);
    b.call.adapter->settle(&b.call, &b.job, &units, &terms);
    assert_int_equal(units.cost_p, INT64_C(400000000000)); /* 0.40 dollars */
    assert_int_equal(units.ms, 8000);
    bench_end(&b);
    bench_begin(&b, "runway", "g"); /* charged although refused */
    assert_true(bench_openai(&b, "{\"model\":\"v\",\"prompt\":\"A\",\"seconds\":\"10\"}"));
    assert_int_equal(bench_created(&b, 200, "{\"id\":\"x\"}"), VIDEO_CREATED);
    b.call.aux = b.job.aux;
    assert_int_equal(bench_polled(&b, 200, "{\"status\":\"FAILED\",\"failureCode\":\"SAFETY.INPUT\"}"), VIDEO_POLL_OK);
    b.call.adapter->settle(&b.call, &b.job, &units, &terms);
    assert_int_equal(units.ms, 10000);
    bench_end(&b);
}

/* All names are found again: jobs are read back from the store by them. */
static void names(void **state)
{
    (void)state;
    const struct video_adapter *a;
    unsigned i;
    for (i = 0; (a = video_adapter_at(i)) != NULL; i++) {
        assert_ptr_equal(video_adapter_by_name(sl_str_c(a->name)), a);
        assert_true(a->check != NULL && a->settle != NULL && a->poll_ns > 0 && a->deadline_s > 0);
        assert_true((a->list_write != NULL) == (a->resolve != VIDEO_RESOLVE_NONE));
    }
    assert_int_equal(i, 16);
    assert_null(video_adapter_by_name(SL_STR("none")));
    assert_null(video_adapter_find(SL_STR("gemini"), SL_STR("gemini-3-pro")));
    assert_null(video_adapter_find(SL_STR("anthropic"), SL_STR("x")));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(written),      cmocka_unit_test(refused),        cmocka_unit_test(polled),
        cmocka_unit_test(created),      cmocka_unit_test(settled),        cmocka_unit_test(names),
        cmocka_unit_test(in_two_steps), cmocka_unit_test(found_by_token), cmocka_unit_test(by_file),
        cmocka_unit_test(codes),        cmocka_unit_test(traces),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
