/* Veo: what is refused, what is written, what operations say (video.md A2, A3). */
#include "lib.h"

#define V31 "veo-3.1-generate-preview"
#define PNG "\"input_reference\":{\"image_url\":\"data:image/png;base64,iVBORw0KGgo=\"}"

static void checked(void **state)
{
    (void)state;
    static const struct {
        const char *kind, *model, *more, *param, *allowed;
    } rows[] = {
        {"gemini", V31, "", NULL, NULL},
        {"gemini", V31, ",\"seconds\":\"5\"", NULL, NULL}, /* made as 6 */
        {"gemini", V31, ",\"seconds\":\"12\"", "seconds", "4,6,8"},
        {"gemini", V31, ",\"seconds\":\"4\",\"size\":\"1920x1080\"", "seconds", "8 seconds"},
        {"gemini", V31, ",\"seconds\":\"8\",\"resolution\":\"4k\"", NULL, NULL},
        {"gemini", "veo-3.0-generate-001", ",\"seconds\":\"8\",\"resolution\":\"4k\"", "resolution", "720p,1080p"},
        {"gemini", "veo-2.0-generate-001", ",\"seconds\":\"7\"", NULL, NULL},
        {"gemini", V31, ",\"aspect_ratio\":\"1:1\"", "aspect_ratio", "16:9"},
        {"gemini", V31, "," PNG, NULL, NULL},
        {"gemini", V31, "," PNG ",\"last_frame\":\"data:image/png;base64,iVBORw0KGgo=\"", NULL, NULL},
        {"gemini", "veo-3.0-generate-001", "," PNG ",\"last_frame\":\"data:image/png;base64,iVBORw0KGgo=\"",
         "last_frame", "no last frame"},
        {"gemini", V31, ",\"input_reference\":\"https://x.example/a.png\"", "input_reference", "inline"},
        {"gemini", V31, ",\"input_reference\":\"gs://b/a.png\"", "input_reference", "inline"},
        {"vertex", V31, ",\"input_reference\":\"gs://b/a.png\"", NULL, NULL},
        {"gemini", V31, ",\"references\":[{\"type\":\"video\",\"url\":\"https://x.example/v\"}]", "references[0]",
         "images"},
        {"gemini", V31, ",\"n\":2", "n", "1"},
        {"gemini", V31, ",\"person_generation\":\"all\"", "person_generation", "allow_adult"},
    };
    for (size_t i = 0; i < N(rows); i++) {
        struct bench b;
        char body[1024];
        bench_begin(&b, rows[i].kind, rows[i].model);
        snprintf(body, sizeof body, "{\"model\":\"v\",\"prompt\":\"A\"%s}", rows[i].more);
        bool fine = bench_openai(&b, body) && bench_check(&b);
        if (fine != (rows[i].param == NULL))
            fail_msg("row %zu: %.*s", i, SL_STR_ARG(b.no.message));
        if (!fine) {
            is_text(b.no.param, rows[i].param);
            has_text(b.no.message, rows[i].allowed);
        }
        bench_end(&b);
    }
}

static void written(void **state)
{
    (void)state;
    struct bench b;
    bench_begin(&b, "gemini", V31);
    assert_true(
        bench_openai(&b, "{\"model\":\"v\",\"prompt\":\"A\",\"seconds\":\"8\",\"size\":\"1080x1920\",\"seed\":5," PNG
                         ",\"negative_prompt\":\"text\"}"));
    assert_string_equal(
        bench_create(&b),
        "{\"instances\":[{\"prompt\":\"A\",\"image\":{\"bytesBase64Encoded\":\"iVBORw0KGgo=\",\"mimeType\":"
        "\"image/png\"}}],\"parameters\":{\"sampleCount\":1,\"aspectRatio\":\"9:16\",\"resolution\":\"1080p\","
        "\"durationSeconds\":8,\"negativePrompt\":\"text\",\"seed\":5}}");
    is_text(b.http.path, "/models/" V31 ":predictLongRunning");
    struct video_units units;
    struct video_terms terms;
    b.call.adapter->reserve(&b.call, &units, &terms);
    assert_int_equal(units.ms, 8000);
    assert_int_equal(terms.width, 1080);
    assert_true(terms.audio);
    bench_end(&b);
    bench_begin(&b, "vertex", V31);
    b.call.project = SL_STR("p");
    b.call.location = SL_STR("global");
    assert_true(bench_openai(&b, "{\"model\":\"v\",\"prompt\":\"A\",\"audio\":false}"));
    assert_string_equal(bench_create(&b), "{\"instances\":[{\"prompt\":\"A\"}],\"parameters\":{\"sampleCount\":1,"
                                          "\"generateAudio\":false}}");
    is_text(b.http.path, "/projects/p/locations/global/publishers/google/models/" V31 ":predictLongRunning");
    bench_end(&b);
}

#define OP "models/" V31 "/operations/abc"

static void operations(void **state)
{
    (void)state;
    static const struct {
        const char *body;
        enum video_polled polled;
        enum video_status status;
        enum video_reason reason;
    } rows[] = {
        {"{\"name\":\"" OP "\"}", VIDEO_POLL_OK, VIDEO_IN_PROGRESS, VIDEO_REASON_NONE},
        {"{\"name\":\"" OP "\",\"done\":false}", VIDEO_POLL_OK, VIDEO_IN_PROGRESS, VIDEO_REASON_NONE},
        {"{\"done\":true,\"error\":{\"code\":3,\"message\":\"violates our usage guidelines\"}}", VIDEO_POLL_OK,
         VIDEO_FAILED, VIDEO_REASON_POLICY},
        {"{\"done\":true,\"error\":{\"code\":13,\"message\":\"m\"}}", VIDEO_POLL_OK, VIDEO_FAILED,
         VIDEO_REASON_PROVIDER},
        {"{\"done\":true,\"response\":{\"generateVideoResponse\":{\"raiMediaFilteredCount\":1}}}", VIDEO_POLL_OK,
         VIDEO_FAILED, VIDEO_REASON_POLICY},
        {"{\"done\":true,\"response\":{}}", VIDEO_POLL_OK, VIDEO_FAILED, VIDEO_REASON_PROVIDER},
        {"{\"done\":true}", VIDEO_POLL_OK, VIDEO_FAILED, VIDEO_REASON_PROVIDER},
        {"{}", VIDEO_POLL_AGAIN, VIDEO_IN_PROGRESS, VIDEO_REASON_NONE},
        {"[]", VIDEO_POLL_AGAIN, VIDEO_IN_PROGRESS, VIDEO_REASON_NONE},
    };
    for (size_t i = 0; i < N(rows); i++) {
        struct bench b;
        bench_begin(&b, "gemini", V31);
        if (bench_polled(&b, 200, rows[i].body) != rows[i].polled)
            fail_msg("row %zu", i);
        if (rows[i].polled == VIDEO_POLL_OK && (b.job.status != rows[i].status || b.job.reason != rows[i].reason))
            fail_msg("row %zu", i);
        bench_end(&b);
    }
}

static void created(void **state)
{
    (void)state;
    struct bench b;
    bench_begin(&b, "gemini", V31);
    assert_true(bench_openai(&b, "{\"model\":\"v\",\"prompt\":\"A\",\"seconds\":\"4\"}"));
    assert_int_equal(bench_created(&b, 200, "{\"name\":\"" OP "\"}"), VIDEO_CREATED);
    b.call.task_id = b.job.task_id;
    b.call.aux = b.job.aux;
    b.call.adapter->poll_write(&b.call, &b.http, &b.body);
    is_text(b.http.path, "/" OP);
    assert_int_equal(b.http.method, HTTP_GET);
    b.call.req = NULL; /* what was asked for is known all the same */
    assert_int_equal(
        bench_polled(&b, 200,
                     "{\"done\":true,\"response\":{\"generateVideoResponse\":{\"generatedSamples\":[{\"video\":{"
                     "\"uri\":\"https://evil.example/v1beta/files/x:download?alt=media\"}}]}}}"),
        VIDEO_POLL_OK);
    struct video_units units;
    struct video_terms terms = {.audio = false};
    b.call.adapter->settle(&b.call, &b.job, &units, &terms);
    assert_int_equal(units.ms, 4000);
    assert_true(terms.audio);
    is_text(terms.resolution, "720p");
    assert_true(b.call.adapter->content_write(&b.call, &b.job, VIDEO_PART_VIDEO, &b.http));
    is_text(b.http.path, "/v1beta/files/x:download?alt=media"); /* at the provider's own address, with its key */
    assert_true(b.http.rooted && b.http.url.n == 0);
    static const char *const bad[] = {"{\"name\":\"https://x\"}",
                                      "{\"name\":\"models/a/operations/../../x\"}",
                                      "{\"name\":\"models/a/operations/b?c\"}",
                                      "{\"name\":1}",
                                      "{}",
                                      "x"};
    for (size_t i = 0; i < N(bad); i++)
        assert_int_equal(bench_created(&b, 200, bad[i]), VIDEO_UNCLEAR);
    assert_int_equal(bench_created(&b, 429, "{\"error\":{\"code\":429,\"status\":\"RESOURCE_EXHAUSTED\"}}"),
                     VIDEO_NOT_CREATED);
    assert_int_equal(bench_created(&b, 503, "{\"error\":{\"code\":503,\"message\":\"m\",\"status\":\"UNAVAILABLE\"}}"),
                     VIDEO_NOT_CREATED);
    assert_int_equal(bench_created(&b, 500, "{\"error\":{\"code\":500,\"message\":\"m\",\"status\":\"INTERNAL\"}}"),
                     VIDEO_UNCLEAR);
    bench_end(&b);
}

static void vertex(void **state)
{
    (void)state;
    struct bench b;
    bench_begin(&b, "vertex", V31);
    b.call.task_id = SL_STR("projects/p/locations/l/publishers/google/models/m/operations/u");
    b.call.adapter->poll_write(&b.call, &b.http, &b.body);
    is_text(b.http.path, "/projects/p/locations/l/publishers/google/models/m:fetchPredictOperation");
    is_text(sl_buf_str(&b.body),
            "{\"operationName\":\"projects/p/locations/l/publishers/google/models/m/operations/u\"}");
    assert_int_equal(
        bench_polled(&b, 200,
                     "{\"done\":true,\"response\":{\"videos\":[{\"bytesBase64Encoded\":\"AAAA\",\"mimeType\":"
                     "\"video/mp4\"}]}}"),
        VIDEO_POLL_OK);
    assert_int_equal(b.job.status, VIDEO_COMPLETED);
    is_text(b.job.content[0].base64, "AAAA");
    assert_true(b.call.adapter->content_write(&b.call, &b.job, VIDEO_PART_VIDEO, &b.http)); /* asked for once more */
    assert_true(b.http.unpack && !b.http.keyless && b.http.method == HTTP_POST);
    is_text(b.http.path, "/projects/p/locations/l/publishers/google/models/m:fetchPredictOperation");
    is_text(b.http.body, "{\"operationName\":\"projects/p/locations/l/publishers/google/models/m/operations/u\"}");
    assert_false(b.call.adapter->content_write(&b.call, &b.job, VIDEO_PART_THUMBNAIL, &b.http));
    bench_end(&b);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(checked), cmocka_unit_test(written), cmocka_unit_test(operations),
        cmocka_unit_test(created), cmocka_unit_test(vertex),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
