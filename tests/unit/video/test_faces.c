/* OpenAI's face and servers of its shape, Ark's answers, sizes, words. */
#include "lib.h"

static void openai_read(void **state)
{
    (void)state;
    static const struct {
        const char *body, *param; /* NULL: taken */
    } rows[] = {
        {"{\"model\":\"v\",\"prompt\":\"A\"}", NULL},
        {"{\"model\":\"v\",\"prompt\":\"A\",\"seconds\":8,\"size\":\"auto\",\"n\":1,\"metadata\":{\"a\":\"b\"}}", NULL},
        {"{\"model\":\"v\",\"prompt\":\"A\",\"seconds\":null,\"input_reference\":null,\"metadata\":null}", NULL},
        {"{\"model\":\"v\"}", "prompt"},
        {"{\"prompt\":\"A\"}", "model"},
        {"{\"model\":\"v\",\"prompt\":5}", "prompt"},
        {"{\"model\":\"v\",\"prompt\":\"A\",\"seconds\":\"soon\"}", "seconds"},
        {"{\"model\":\"v\",\"prompt\":\"A\",\"seconds\":\"-4\"}", "seconds"},
        {"{\"model\":\"v\",\"prompt\":\"A\",\"seconds\":99999999999999999999}", "seconds"},
        {"{\"model\":\"v\",\"prompt\":\"A\",\"size\":\"1280\"}", "size"},
        {"{\"model\":\"v\",\"prompt\":\"A\",\"size\":\"0x720\"}", "size"},
        {"{\"model\":\"v\",\"prompt\":\"A\",\"size\":\"99999999999x720\"}", "size"},
        {"{\"model\":\"v\",\"prompt\":\"A\",\"input_reference\":{}}", "input_reference"},
        {"{\"model\":\"v\",\"prompt\":\"A\",\"input_reference\":{\"image_url\":\"ftp://x/\"}}", "input_reference"},
        {"{\"model\":\"v\",\"prompt\":\"A\",\"references\":{}}", "references"},
        {"{\"model\":\"v\",\"prompt\":\"A\",\"references\":[{\"type\":\"smell\",\"url\":\"https://x.y\"}]}",
         "references[0]"},
        {"{\"model\":\"v\",\"prompt\":\"A\",\"last_frame\":{\"url\":\"https://x.y/\"}}", "last_frame"},
        {"{\"model\":\"v\",\"prompt\":\"A\",\"metadata\":{\"a\":1}}", "metadata"},
        {"{\"model\":\"v\",\"prompt\":\"A\",\"provider_options\":[]}", "provider_options"},
        {"{\"model\":\"v\",\"prompt\":\"A\",\"prompt\":\"B\"}", "prompt"},
        {"{\"model\":\"v\",\"prompt\":\"A\",\"pr\\u006fmpt\":\"B\"}", "prompt"},
        {"{\"model\":\"v\",\"prompt\":\"A\"", ""},
        {"null", ""},
    };
    for (size_t i = 0; i < N(rows); i++) {
        struct bench b;
        bench_begin(&b, "openai", "v");
        bool fine = bench_openai(&b, rows[i].body);
        if (fine != (rows[i].param == NULL))
            fail_msg("row %zu", i);
        if (!fine)
            is_text(b.no.param, rows[i].param);
        bench_end(&b);
    }
}

static void openai_form(void **state)
{
    (void)state;
    struct bench b;
    static const struct video_field fields[] = {
        {.name = SL_STR_INIT("prompt"), .value = SL_STR_INIT("A cat")},
        {.name = SL_STR_INIT("model"), .value = SL_STR_INIT("v")},
        {.name = SL_STR_INIT("seconds"), .value = SL_STR_INIT("8")},
        {.name = SL_STR_INIT("webhook_url"), .value = SL_STR_INIT("https://me.example")},
        {.name = SL_STR_INIT("metadata[k]"), .value = SL_STR_INIT("w")},
        {.name = SL_STR_INIT("input_reference"),
         .value = SL_STR_INIT("\x89PNG\r\n\x1a\nabc"),
         .filename = SL_STR_INIT("a.png"),
         .mime = SL_STR_INIT("image/png")},
    };
    bench_begin(&b, "openai", "sora-2");
    assert_true(video_openai_read_fields(VIDEO_GENERATE, fields, N(fields), &b.a, &b.req, &b.no));
    assert_int_equal(b.req.ms, 8000);
    assert_int_equal(b.req.n_metadata, 1);
    struct sl_str out = sl_str_c(bench_create(&b));
    has_text(out, "name=\"model\"\r\n\r\nsora-2\r\n");
    has_text(out, "name=\"input_reference\"; filename=\"a.png\"\r\ncontent-type: image/png\r\n\r\n\x89PNG");
    has_text(b.http.content_type, "multipart/form-data; boundary=");
    assert_true(sl_str_find_str(out, SL_STR("me.example")) < 0);
    bench_end(&b);
    bench_begin(&b, "ark", "dreamina-seedance-2-0-260128"); /* the same to a provider of JSON */
    assert_true(video_openai_read_fields(VIDEO_GENERATE, fields, N(fields), &b.a, &b.req, &b.no));
    has_text(sl_str_c(bench_create(&b)),
             "\"url\":\"data:image/png;base64,iVBORw0KGgphYmM=\"},\"role\":\"first_frame\"");
    bench_end(&b);
}

static void openai_same(void **state)
{
    (void)state;
    struct bench b;
    bench_begin(&b, "openai-compatible", "up");
    assert_true(
        bench_openai(&b, "{ \"prompt\":\"A\", \"new\":1.0, \"webhook_url\":\"https://me.example\", \"model\":\"v\"}"));
    assert_string_equal(bench_create(&b), "{ \"prompt\":\"A\", \"new\":1.0,  \"model\":\"up\"}");
    is_text(b.http.path, "/videos");
    bench_end(&b);
    bench_begin(&b, "openai", "sora-2");
    assert_true(video_openai_read(VIDEO_REMIX, SL_STR("{\"prompt\":\"B\"}"), &b.a, &b.req, &b.no));
    assert_false(bench_check(&b));
    b.call.source_task = SL_STR("video_7");
    assert_string_equal(bench_create(&b), "{\"prompt\":\"B\"}");
    is_text(b.http.path, "/videos/video_7/remix");
    bench_end(&b);
    bench_begin(&b, "openai", "sora-2");
    assert_true(
        video_openai_read(VIDEO_EDIT, SL_STR("{\"prompt\":\"B\",\"video\":{\"id\":\"ours\"}}"), &b.a, &b.req, &b.no));
    b.call.source_task = SL_STR("video_7");
    assert_string_equal(bench_create(&b), "{\"prompt\":\"B\",\"video\":{\"id\":\"video_7\"}}");
    is_text(b.http.path, "/videos/edits");
    bench_end(&b);
}

static void openai_limits(void **state)
{
    (void)state;
    struct bench b;
    bench_begin(&b, "openai", "sora-2");
    assert_true(bench_openai(&b, "{\"model\":\"v\",\"prompt\":\"A\",\"seconds\":\"5\"}"));
    assert_false(bench_check(&b));
    is_text(b.no.param, "seconds");
    has_text(b.no.message, "4,8,12");
    assert_true(bench_openai(&b, "{\"model\":\"v\",\"prompt\":\"A\",\"size\":\"1792x1024\"}"));
    assert_false(bench_check(&b));
    is_text(b.no.param, "size");
    has_text(b.no.message, "720x1280,1280x720");
    bench_end(&b);
}

static void from_ark_to_openai(void **state)
{
    (void)state;
    struct bench b;
    bench_begin(&b, "openai", "sora-2");
    assert_true(bench_ark(&b,
                          "{\"model\":\"v\",\"content\":[{\"type\":\"text\",\"text\":\"A\"},{\"type\":\"image_url\","
                          "\"image_url\":{\"url\":\"https://x.y/z\"}}],\"duration\":8,\"ratio\":\"9:16\",\"seed\":5}"));
    assert_string_equal(bench_create(&b),
                        "{\"model\":\"sora-2\",\"prompt\":\"A\",\"seconds\":\"8\",\"size\":\"720x1280\","
                        "\"input_reference\":{\"image_url\":\"https://x.y/z\"}}");
    assert_int_equal(b.notes.n, 1);
    bench_end(&b);
}

static void openai_jobs(void **state)
{
    (void)state;
    struct bench b;
    bench_begin(&b, "openai", "sora-2");
    assert_int_equal(
        bench_created(&b, 200, "{\"id\":\"video_1\",\"object\":\"video\",\"status\":\"queued\",\"created_at\":7}"),
        VIDEO_CREATED);
    assert_int_equal(bench_polled(&b, 200, "{\"id\":\"video_1\",\"status\":\"in_progress\",\"progress\":42}"),
                     VIDEO_POLL_OK);
    assert_int_equal(b.job.progress, 42);
    assert_int_equal(bench_polled(&b, 200,
                                  "{\"id\":\"video_1\",\"status\":\"completed\",\"progress\":100,\"seconds\":\"8\","
                                  "\"size\":\"1280x720\",\"expires_at\":99}"),
                     VIDEO_POLL_OK);
    assert_int_equal(b.job.expires_s, 99);
    struct video_units units;
    struct video_terms terms = {.audio = true};
    b.call.adapter->settle(&b.call, &b.job, &units, &terms);
    assert_int_equal(units.ms, 8000);
    assert_int_equal(terms.width, 1280);
    b.call.task_id = SL_STR("video_1");
    assert_true(b.call.adapter->content_write(&b.call, &b.job, VIDEO_PART_THUMBNAIL, &b.http));
    is_text(b.http.path, "/videos/video_1/content?variant=thumbnail");
    assert_false(b.http.keyless);
    static const struct {
        const char *code;
        enum video_reason reason;
    } rows[] = {{"moderation_blocked", VIDEO_REASON_POLICY},
                {"content_policy_violation", VIDEO_REASON_POLICY},
                {"cancelled", VIDEO_REASON_CANCELLED},
                {"expired", VIDEO_REASON_EXPIRED},
                {"video_generation_failed", VIDEO_REASON_PROVIDER},
                {"timeout", VIDEO_REASON_PROVIDER}};
    for (size_t i = 0; i < N(rows); i++) {
        char body[256];
        snprintf(body, sizeof body,
                 "{\"id\":\"v\",\"status\":\"failed\",\"error\":{\"code\":\"%s\",\"message\":\"m\"}}", rows[i].code);
        assert_int_equal(bench_polled(&b, 200, body), VIDEO_POLL_OK);
        assert_int_equal(b.job.reason, rows[i].reason);
    }
    bench_end(&b);
}

static void shown(void **state)
{
    (void)state;
    struct sl_buf out;
    sl_buf_init(&out, 1u << 20);
    struct video_view v = {.id = SL_STR("video_1"),
                           .model = SL_STR("my-model"),
                           .status = VIDEO_COMPLETED,
                           .created_s = 10,
                           .completed_s = 20,
                           .ms = 5040,
                           .width = 1280,
                           .height = 720,
                           .seed = VIDEO_SEED_NONE,
                           .usage_known = true,
                           .usage = {.tokens = 108900},
                           .cost_p = INT64_C(762300000000),
                           .provider = SL_STR("ark")};
    video_openai_write(&v, &out);
    is_text(
        sl_buf_str(&out),
        "{\"id\":\"video_1\",\"object\":\"video\",\"model\":\"my-model\",\"status\":\"completed\",\"progress\":100,"
        "\"created_at\":10,\"completed_at\":20,\"expires_at\":null,\"seconds\":\"5.04\",\"size\":\"1280x720\","
        "\"remixed_from_video_id\":null,\"error\":null,\"usage\":{\"seconds\":5,\"total_tokens\":108900,\"cost\":0.7623,"
        "\"currency\":\"USD\"},\"gateway\":{\"provider\":\"ark\"}}");
    sl_buf_reset(&out);
    v.status = VIDEO_FAILED;
    v.reason = VIDEO_REASON_EXPIRED;
    v.usage_known = false;
    video_openai_write(&v, &out);
    has_text(sl_buf_str(&out), "\"error\":{\"code\":\"expired\",\"message\":\"The provider gave the video up");
    sl_buf_reset(&out);
    video_ark_write(&v, &out);
    has_text(sl_buf_str(&out), "\"status\":\"expired\"");
    sl_buf_reset(&out);
    v.status = VIDEO_COMPLETED;
    v.video_url = SL_STR("https://gw.example/v1/videos/video_1/content");
    v.resolution = SL_STR("720p");
    video_ark_write(&v, &out);
    is_text(
        sl_buf_str(&out),
        "{\"id\":\"video_1\",\"model\":\"my-model\",\"status\":\"succeeded\",\"content\":{\"video_url\":"
        "\"https://gw.example/v1/videos/video_1/content\"},\"usage\":{\"completion_tokens\":108900,\"total_tokens\":108900},"
        "\"created_at\":10,\"updated_at\":10,\"resolution\":\"720p\",\"duration\":5}");
    sl_buf_reset(&out);
    video_openai_list_write(&v, 1, true, &out);
    has_text(sl_buf_str(&out), "\"first_id\":\"video_1\",\"last_id\":\"video_1\",\"has_more\":true}");
    sl_buf_reset(&out);
    video_openai_list_write(NULL, 0, false, &out);
    is_text(sl_buf_str(&out),
            "{\"object\":\"list\",\"data\":[],\"first_id\":null,\"last_id\":null,\"has_more\":false}");
    sl_buf_done(&out);
}

/* video.md B3 */
static void frames(void **state)
{
    (void)state;
    static const struct {
        unsigned w, h;
        const char *ratio, *resolution;
        bool nearest;
    } rows[] = {
        {1280, 720, "16:9", "720p", 0},   {720, 1280, "9:16", "720p", 0}, {1792, 1024, "16:9", "1080p", 0},
        {1920, 1080, "16:9", "1080p", 0}, {3840, 2160, "16:9", "4k", 0},  {960, 960, "1:1", "720p", 0},
        {1024, 1024, "1:1", "720p", 0},   {854, 480, "16:9", "480p", 0},  {864, 480, "16:9", "480p", 0},
        {1470, 630, "21:9", "720p", 0},   {640, 480, "4:3", "480p", 0},   {1, 16384, "9:16", "480p", 1},
        {2000, 1600, "4:3", "4k", 1},
    };
    for (size_t i = 0; i < N(rows); i++) {
        struct video_request r = {.width = rows[i].w, .height = rows[i].h};
        struct video_frame f = video_frame_of(&r, SL_STR("16:9,9:16,4:3,3:4,1:1,21:9"));
        is_text(f.ratio, rows[i].ratio);
        is_text(f.resolution, rows[i].resolution);
        if (f.nearest != rows[i].nearest)
            fail_msg("row %zu", i);
    }
}

static void ark_list(void **state)
{
    (void)state;
    struct bench b;
    struct video_ark_list q;
    bench_begin(&b, "ark", "x");
    assert_true(video_ark_list_read(
        SL_STR("page_num=2&page_size=50&filter.task_ids=a&filter.task_ids=b%26&filter.status=queued"), &b.a, &q,
        &b.no));
    assert_int_equal(q.page, 2);
    assert_int_equal(q.n_task_ids, 2);
    is_text(q.task_ids[1], "b&");
    assert_false(video_ark_list_read(SL_STR("page_size=501"), &b.a, &q, &b.no));
    assert_false(video_ark_list_read(SL_STR("filter.status=%zz"), &b.a, &q, &b.no));
    bench_end(&b);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(openai_read),
        cmocka_unit_test(openai_form),
        cmocka_unit_test(openai_same),
        cmocka_unit_test(openai_limits),
        cmocka_unit_test(from_ark_to_openai),
        cmocka_unit_test(openai_jobs),
        cmocka_unit_test(shown),
        cmocka_unit_test(frames),
        cmocka_unit_test(ark_list),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
