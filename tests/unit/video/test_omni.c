/* Omni models by interactions: what is refused, what is written, what interactions say (video.md A4, gemini.md 16). */
#include "lib.h"

#define OMNI "gemini-omni-1.2-flash"
#define PNG "\"input_reference\":\"data:image/png;base64,iVBORw0KGgo=\""

static void checked(void **state)
{
    (void)state;
    static const struct {
        const char *model, *more, *param, *allowed;
    } rows[] = {
        {OMNI, "", NULL, NULL},
        {OMNI, ",\"seconds\":\"15\",\"resolution\":\"4k\"", NULL, NULL},
        {OMNI, ",\"seconds\":\"16\"", "seconds", "3 to 15"},
        {"gemini-omni-1.1-flash", ",\"seconds\":\"11\"", "seconds", "3 to 10"},
        {"gemini-omni-flash-preview", ",\"resolution\":\"1080p\"", "resolution", "720p"},
        {OMNI, ",\"aspect_ratio\":\"1:1\"", "aspect_ratio", "16:9"},
        {OMNI, ",\"resolution\":\"480p\"", "resolution", "360p,720p"},
        {OMNI, ",\"size\":\"854x480\"", NULL, NULL},
        {OMNI, ",\"input_reference\":\"https://x.example/a.png\"", "input_reference", "inline"},
        {OMNI, "," PNG ",\"last_frame\":\"data:image/png;base64,iVBORw0KGgo=\"", "last_frame", "first frame"},
        {OMNI, ",\"n\":2", "n", "1"},
    };
    for (size_t i = 0; i < N(rows); i++) {
        struct bench b;
        char body[1024];
        bench_begin(&b, "gemini", rows[i].model);
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
    bench_begin(&b, "gemini", OMNI);
    assert_true(bench_openai(
        &b, "{\"model\":\"v\",\"prompt\":\"A\",\"seconds\":\"8\",\"size\":\"1080x1920\",\"seed\":5," PNG "}"));
    assert_string_equal(
        bench_create(&b),
        "{\"model\":\"gemini-omni-1.2-flash\",\"input\":[{\"type\":\"text\",\"text\":\"A\"},{\"type\":\"image\",\"data\":"
        "\"iVBORw0KGgo=\",\"mime_type\":\"image/png\"}],\"generation_config\":{\"seed\":5,\"video_config\":{\"task\":"
        "\"image_to_video\"}},\"response_format\":{\"type\":\"video\",\"delivery\":\"uri\",\"aspect_ratio\":\"9:16\","
        "\"resolution\":\"1080p\",\"duration\":\"8s\"},\"background\":true,\"store\":true}");
    is_text(b.http.path, "/interactions");
    bench_end(&b);
    bench_begin(&b, "gemini", OMNI); /* what is there already is worked on where it was made */
    assert_true(video_openai_read(VIDEO_REMIX, SL_STR("{\"prompt\":\"In blue\"}"), &b.a, &b.req, &b.no));
    assert_false(bench_check(&b));
    b.call.source_task = SL_STR("v1_x");
    assert_string_equal(
        bench_create(&b),
        "{\"model\":\"gemini-omni-1.2-flash\",\"input\":[{\"type\":\"text\",\"text\":\"In blue\"}],"
        "\"previous_interaction_id\":\"v1_x\",\"generation_config\":{\"video_config\":{\"task\":\"edit\"}},"
        "\"response_format\":{\"type\":\"video\",\"delivery\":\"uri\"},\"background\":true,\"store\":true}");
    bench_end(&b);
}

static void polled(void **state)
{
    (void)state;
    static const struct {
        int status;
        const char *body;
        enum video_polled said;
        enum video_status is;
        enum video_reason reason;
    } rows[] = {
        {200, "{\"status\":\"queued\"}", VIDEO_POLL_OK, VIDEO_QUEUED, 0},
        {200, "{\"status\":\"in_progress\"}", VIDEO_POLL_OK, VIDEO_IN_PROGRESS, 0},
        {200,
         "{\"status\":\"completed\",\"steps\":[{\"type\":\"model_output\",\"content\":[{\"type\":\"video\",\"uri\":"
         "\"https://generativelanguage.googleapis.com/v1beta/files/x:download?alt=media\",\"mime_type\":\"video/mp4\"}]}],"
         "\"usage\":{\"total_output_tokens\":57920,\"total_thought_tokens\":80}}",
         VIDEO_POLL_OK, VIDEO_COMPLETED, 0},
        {200,
         "{\"status\":\"completed\",\"steps\":[{\"type\":\"model_output\",\"content\":[{\"type\":\"text\",\"text\":"
         "\"blocked\"}]}]}",
         VIDEO_POLL_OK, VIDEO_FAILED, VIDEO_REASON_POLICY},
        {200, "{\"status\":\"completed\",\"steps\":[]}", VIDEO_POLL_OK, VIDEO_FAILED, VIDEO_REASON_PROVIDER},
        {200, "{\"status\":\"failed\",\"errors\":[{\"code\":\"x/safety\",\"message\":\"no\"}]}", VIDEO_POLL_OK,
         VIDEO_FAILED, VIDEO_REASON_POLICY},
        {200, "{\"status\":\"failed\",\"errors\":[{\"code\":\"internal\"}]}", VIDEO_POLL_OK, VIDEO_FAILED,
         VIDEO_REASON_PROVIDER},
        {200, "{\"status\":\"cancelled\"}", VIDEO_POLL_OK, VIDEO_FAILED, VIDEO_REASON_CANCELLED},
        {200, "{\"status\":\"incomplete\"}", VIDEO_POLL_OK, VIDEO_FAILED, VIDEO_REASON_EXPIRED},
        {200, "{\"status\":\"budget_exceeded\"}", VIDEO_POLL_OK, VIDEO_FAILED, VIDEO_REASON_EXPIRED},
        {200, "{\"status\":\"requires_action\"}", VIDEO_POLL_OK, VIDEO_IN_PROGRESS, 0},
        {200, "{}", VIDEO_POLL_AGAIN, 0, 0},
        {404, "{\"error\":{\"code\":\"not_found\"}}", VIDEO_POLL_GONE, 0, 0},
        {403, "{}", VIDEO_POLL_DENIED, 0, 0},
        {500, "<html>", VIDEO_POLL_AGAIN, 0, 0},
    };
    for (size_t i = 0; i < N(rows); i++) {
        struct bench b;
        struct video_units units;
        struct video_terms terms = {.width = 0};
        bench_begin(&b, "gemini", OMNI);
        assert_true(bench_openai(&b, "{\"model\":\"v\",\"prompt\":\"A\",\"seconds\":\"10\"}"));
        assert_int_equal(bench_created(&b, 200, "{\"id\":\"v1_a\",\"status\":\"in_progress\"}"), VIDEO_CREATED);
        b.call.task_id = b.job.task_id;
        b.call.aux = b.job.aux;
        b.call.adapter->poll_write(&b.call, &b.http, &b.body);
        is_text(b.http.path, "/interactions/v1_a");
        if (bench_polled(&b, rows[i].status, rows[i].body) != rows[i].said)
            fail_msg("row %zu", i);
        if (rows[i].said == VIDEO_POLL_OK && (b.job.status != rows[i].is || b.job.reason != rows[i].reason))
            fail_msg("row %zu: %d %d", i, b.job.status, b.job.reason);
        if (rows[i].said == VIDEO_POLL_OK && rows[i].is == VIDEO_COMPLETED) {
            assert_int_equal(b.job.ms, 10000);
            assert_true(b.call.adapter->content_write(&b.call, &b.job, VIDEO_PART_VIDEO, &b.http));
            is_text(b.http.path, "/v1beta/files/x:download?alt=media"); /* the provider's own, with its key */
            assert_true(b.http.rooted && !b.http.keyless);
            b.call.adapter->settle(&b.call, &b.job, &units, &terms);
            assert_int_equal(units.tokens, 58000);
        }
        bench_end(&b);
    }
}

/* Bytes inside of the answer are unpacked as Vertex' are. */
static void inlined(void **state)
{
    (void)state;
    struct bench b;
    bench_begin(&b, "gemini", OMNI);
    assert_int_equal(
        bench_polled(&b, 200,
                     "{\"status\":\"completed\",\"steps\":[{\"type\":\"model_output\",\"content\":[{\"type\":"
                     "\"video\",\"data\":\"AAAA\"}]}]}"),
        VIDEO_POLL_OK);
    b.call.task_id = SL_STR("v1_a");
    assert_true(b.call.adapter->content_write(&b.call, &b.job, VIDEO_PART_VIDEO, &b.http));
    assert_true(b.http.unpack && b.call.adapter->inline_data);
    is_text(b.http.path, "/interactions/v1_a");
    bench_end(&b);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(checked),
        cmocka_unit_test(written),
        cmocka_unit_test(polled),
        cmocka_unit_test(inlined),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
