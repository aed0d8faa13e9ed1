/* Seedance: what is refused and how, what is written, what tasks say, what they cost (seedance.md). */
#include "lib.h"

#define S20 "dreamina-seedance-2-0-260128"
#define S25 "dreamina-seedance-2-5-260628"
#define S20FAST "doubao-seedance-2-0-fast-260128"
#define S15 "seedance-1-5-pro-251215"
#define S10 "seedance-1-0-pro-250528"
#define S10FAST "doubao-seedance-1-0-pro-fast-251015"
#define T2V "seedance-1-0-lite-t2v-250428"
#define I2V "seedance-1-0-lite-i2v-250428"
#define TEXT "{\"type\":\"text\",\"text\":\"A cat\"}"
#define IMAGE(role) "{\"type\":\"image_url\",\"image_url\":{\"url\":\"https://x.example/a.png\"},\"role\":\"" role "\"}"
#define VIDEO                                                                                                          \
    "{\"type\":\"video_url\",\"video_url\":{\"url\":\"https://x.example/a.mp4\"},\"role\":\"reference_video\"}"
#define AUDIO                                                                                                          \
    "{\"type\":\"audio_url\",\"audio_url\":{\"url\":\"https://x.example/a.mp3\"},\"role\":\"reference_audio\"}"
#define OPTIONS(more)                                                                                                  \
    "{\"model\":\"v\",\"prompt\":\"A\",\"output_format\":\"mov\",\"provider_options\":{\"ark\":{" more "}}}"
#define ASK(content, more) "{\"model\":\"m\",\"content\":[" content "]" more "}"

/* The matrix of section 3.1, the rules of section 5 and 6. param NULL: it is taken. */
static void matrix(void **state)
{
    (void)state;
    static const struct {
        const char *model, *body, *param, *allowed;
    } rows[] = {
        {S20, ASK(TEXT, ""), NULL, NULL},
        {S20, ASK(TEXT, ",\"resolution\":\"4K\",\"duration\":15,\"ratio\":\"21:9\""), NULL, NULL},
        {S20FAST, ASK(TEXT, ",\"resolution\":\"1080p\""), "resolution", "480p,720p"},
        {S25, ASK(TEXT, ",\"resolution\":\"4k\""), "resolution", "480p,720p,1080p"},
        {S20, ASK(TEXT, ",\"duration\":3"), "duration", "4 to 15"},
        {S20, ASK(TEXT, ",\"duration\":16"), "duration", "4 to 15"},
        {S20, ASK(TEXT, ",\"duration\":-1"), NULL, NULL},
        {S20, ASK(TEXT, ",\"duration\":4.5"), "duration", "whole seconds"},
        {S25, ASK(TEXT, ",\"duration\":30"), NULL, NULL},
        {S15, ASK(TEXT, ",\"duration\":13"), "duration", "4 to 12"},
        {S10, ASK(TEXT, ",\"duration\":2"), NULL, NULL},
        {S10, ASK(TEXT, ",\"duration\":-1"), "duration", "by itself"},
        {S10, ASK(TEXT, ",\"ratio\":\"adaptive\""), "ratio", "image"},
        {S10, ASK(TEXT "," IMAGE("first_frame"), ",\"ratio\":\"adaptive\""), NULL, NULL},
        {S20, ASK(TEXT, ",\"ratio\":\"2:1\""), "ratio", "16:9"},
        {S10, ASK(TEXT, ",\"frames\":121"), NULL, NULL},
        {S10, ASK(TEXT, ",\"frames\":120"), "frames", "25 + 4n"},
        {S10, ASK(TEXT, ",\"frames\":293"), "frames", "289"},
        {S20, ASK(TEXT, ",\"frames\":121"), "frames", "duration"},
        {S10, ASK(TEXT, ",\"camera_fixed\":true"), NULL, NULL},
        {S20, ASK(TEXT, ",\"camera_fixed\":true"), "camera_fixed", "no fixed camera"},
        {S15, ASK(TEXT, ",\"service_tier\":\"flex\""), NULL, NULL},
        {S20, ASK(TEXT, ",\"service_tier\":\"flex\""), "service_tier", "default"},
        {S20, ASK(TEXT, ",\"priority\":9"), NULL, NULL},
        {S20, ASK(TEXT, ",\"priority\":10"), "priority", "0 to 9"},
        {S15, ASK(TEXT, ",\"priority\":1"), "priority", "no priority"},
        {S15, ASK(TEXT, ",\"draft\":true"), NULL, NULL},
        {S15, ASK(TEXT, ",\"draft\":true,\"resolution\":\"720p\""), "resolution", "480p"},
        {S20, ASK(TEXT, ",\"draft\":true"), "draft", "no drafts"},
        {S25, ASK(TEXT, ",\"output_format\":\"mov\""), NULL, NULL},
        {S20, ASK(TEXT, ",\"output_format\":\"mov\""), "output_format", "mp4"},
        {S25, ASK(TEXT "," VIDEO, ",\"omni_reference_task_type\":\"extend\",\"ratio\":\"adaptive\""), NULL, NULL},
        {S25, ASK(TEXT "," VIDEO, ",\"omni_reference_task_type\":\"extend\",\"ratio\":\"16:9\""), "ratio", "adaptive"},
        {S25, ASK(TEXT "," VIDEO, ",\"omni_reference_task_type\":\"edit\",\"ratio\":\"adaptive\""), "duration", "-1"},
        {S20, ASK(TEXT, ",\"omni_reference_task_type\":\"edit\""), "omni_reference_task_type", "task type"},
        {S20, ASK(TEXT, ",\"tools\":[{\"type\":\"web_search\"}]"), NULL, NULL},
        {S15, ASK(TEXT, ",\"tools\":[{\"type\":\"web_search\"}]"), "tools", "no tools"},
        {S20, ASK(TEXT, ",\"execution_expires_after\":3599"), "execution_expires_after", "3600"},
        {S20, ASK(TEXT "," IMAGE("first_frame") "," IMAGE("last_frame"), ""), NULL, NULL},
        {S10FAST, ASK(TEXT "," IMAGE("first_frame") "," IMAGE("last_frame"), ""), "content[2]", "no last frame"},
        {T2V, ASK(TEXT "," IMAGE("first_frame"), ""), "content[1]", "no image"},
        {I2V, ASK(TEXT, ""), "content", "needs an image"},
        {I2V, ASK(TEXT "," IMAGE("reference_image") "," IMAGE("reference_image"), ""), NULL, NULL},
        {S15, ASK(TEXT "," IMAGE("reference_image"), ""), "content[1]", "0 reference images"},
        {S20, ASK(TEXT "," VIDEO "," VIDEO "," VIDEO, ""), NULL, NULL},
        {S20, ASK(TEXT "," VIDEO "," VIDEO "," VIDEO "," VIDEO, ""), "content[4]", "3 reference videos"},
        {S20, ASK(TEXT "," AUDIO, ""), "content[1]", "only with"},
        {S25, ASK(TEXT "," AUDIO, ""), NULL, NULL},
        {S20, ASK(TEXT "," IMAGE("first_frame") "," IMAGE("reference_image"), ""), "content[1]", "mixed"},
        {S20, ASK(TEXT "," IMAGE("last_frame"), ""), "content[1]", "first frame"},
        {S20, ASK("{\"type\":\"text\",\"text\":\"A cat --rs 1080p\"}", ",\"resolution\":\"720p\""), "content", "--rs"},
        {S20FAST, ASK("{\"type\":\"text\",\"text\":\"A cat --rs 1080p\"}", ""), "resolution", "480p,720p"},
        {S10, ASK("{\"type\":\"text\",\"text\":\"A cat --dur 13\"}", ""), "duration", "2 to 12"},
        {"ep-20261120-abcde", ASK(TEXT, ",\"duration\":99,\"frames\":121"), NULL, NULL},
    };
    for (size_t i = 0; i < N(rows); i++) {
        struct bench b;
        bench_begin(&b, "ark", rows[i].model);
        bool fine = bench_ark(&b, rows[i].body) && bench_check(&b);
        if (fine != (rows[i].param == NULL))
            fail_msg("row %zu: %.*s", i, SL_STR_ARG(b.no.message));
        if (!fine) {
            is_text(b.no.param, rows[i].param);
            has_text(b.no.message, rows[i].allowed);
        }
        bench_end(&b);
    }
}

/* Bodies that no model takes. */
static void unreadable(void **state)
{
    (void)state;
    static const char *const rows[] = {
        "",
        "[]",
        "{\"model\":\"m\"}",
        "{\"content\":[" TEXT "]}",
        ASK("", ""),
        ASK("{\"type\":\"text\"}", ""),
        ASK(TEXT "," TEXT, ""),
        ASK("{\"type\":\"image_url\",\"image_url\":\"https://x.example\"}", ""),
        ASK("{\"type\":\"image_url\",\"image_url\":{\"url\":\"file:///etc/passwd\"}}", ""),
        ASK("{\"type\":\"image_url\",\"image_url\":{\"url\":\"https://me:secret@x.example/\"}}", ""),
        ASK("{\"type\":\"image_url\",\"image_url\":{\"url\":\"data:image/png,zzz\"}}", ""),
        ASK("{\"type\":\"image_url\",\"image_url\":{\"url\":\"https://x.example/\"},\"role\":\"reference_video\"}", ""),
        ASK("{\"type\":\"model_3d\"}", ""),
        ASK(TEXT, ",\"duration\":\"long\""),
        ASK(TEXT, ",\"duration\":0"),
        ASK(TEXT, ",\"duration\":1e400"),
        ASK(TEXT, ",\"seed\":4294967296"),
        ASK(TEXT, ",\"seed\":-2"),
        ASK(TEXT, ",\"watermark\":\"maybe\""),
        ASK(TEXT, ",\"tools\":[{\"type\":\"shell\"}]"),
        ASK(TEXT, ",\"duration\":4,\"duration\":12"),
        ASK(TEXT, ",\"model\":\"other\""),
    };
    for (size_t i = 0; i < N(rows); i++) {
        struct bench b;
        bench_begin(&b, "ark", S20);
        if (bench_ark(&b, rows[i]) || b.no.message.n == 0)
            fail_msg("row %zu was taken", i);
        bench_end(&b);
    }
}

/* Equal formats: the client's bytes but for the model and the callback. */
static void raw(void **state)
{
    (void)state;
    static const struct {
        const char *in, *callback, *out;
    } rows[] = {
        {"{ \"content\" : [" TEXT "],\n \"model\":\"m\" , \"new_member\":1.50}", "",
         "{ \"content\" : [" TEXT "],\n \"model\":\"" S20 "\" , \"new_member\":1.50}"},
        {"{\"model\":\"m\",\"callback_url\":\"https://me.example\",\"content\":[" TEXT "]}", "https://gw.example/cb/1",
         "{\"model\":\"" S20 "\",\"callback_url\":\"https://gw.example/cb/1\",\"content\":[" TEXT "]}"},
        {"{\"callback_url\":\"https://me.example\", \"model\":\"m\",\"content\":[" TEXT "]}", "",
         "{ \"model\":\"" S20 "\",\"content\":[" TEXT "]}"},
        {"{\"model\":\"m\",\"content\":[" TEXT "] , \"callback_url\":\"https://me.example\" }", "",
         "{\"model\":\"" S20 "\",\"content\":[" TEXT "]  }"},
    };
    for (size_t i = 0; i < N(rows); i++) {
        struct bench b;
        bench_begin(&b, "byteplus", S20);
        assert_true(bench_ark(&b, rows[i].in));
        b.call.callback = sl_str_c(rows[i].callback);
        assert_string_equal(bench_create(&b), rows[i].out);
        is_text(b.http.path, "/contents/generations/tasks");
        assert_int_equal(b.http.method, HTTP_POST);
        bench_end(&b);
    }
}

static void draft_task(void **state)
{
    (void)state;
    struct bench b;
    bench_begin(&b, "ark", S15);
    assert_true(bench_ark(&b, ASK("{\"type\":\"draft_task\",\"draft_task\":{\"id\":\"video_1\"}}", "")));
    is_text(b.req.source_id, "video_1");
    assert_false(bench_check(&b)); /* nobody knows it */
    b.call.source_task = SL_STR("cgt-9");
    has_text(sl_str_c(bench_create(&b)), "{\"id\":\"cgt-9\"}");
    bench_end(&b);
}

/* From OpenAI's face: what is written, and that nothing is which the model does not take. */
static void translated(void **state)
{
    (void)state;
    static const struct {
        const char *model, *in, *has, *lacks;
    } rows[] = {
        {S20, "{\"model\":\"v\",\"prompt\":\"A \\\"cat\\\"\",\"seconds\":\"8\",\"size\":\"1280x720\"}",
         "{\"model\":\"" S20 "\",\"content\":[{\"type\":\"text\",\"text\":\"A \\\"cat\\\"\"}],\"resolution\":\"720p\","
         "\"ratio\":\"16:9\",\"duration\":8,\"seed\":",
         "camera_fixed"},
        {S20, "{\"model\":\"v\",\"prompt\":\"A\"}", "\"watermark\":false,\"generate_audio\":true", "service_tier"},
        {S10, "{\"model\":\"v\",\"prompt\":\"A\",\"audio\":true}", "\"watermark\":false", "generate_audio"},
        {S15, "{\"model\":\"v\",\"prompt\":\"A\",\"audio\":false,\"service_tier\":\"flex\"}",
         "\"generate_audio\":false,\"service_tier\":\"flex\"", "priority"},
        {S10, "{\"model\":\"v\",\"prompt\":\"A cat --rs 1080p --dur 12 jumps --wm true\"}",
         "\"text\":\"A cat jumps\"}],\"resolution\":\"1080p\",\"duration\":12", "--"},
        {S10, "{\"model\":\"v\",\"prompt\":\"A --rs --dur 3\"}", "\"duration\":3", "resolution"},
        {S20, "{\"model\":\"v\",\"prompt\":\"A\",\"size\":\"720x1280\",\"seconds\":\"2\"}",
         "\"resolution\":\"720p\",\"ratio\":\"9:16\",\"duration\":4", "16:9"},
        {S20FAST, "{\"model\":\"v\",\"prompt\":\"A\",\"size\":\"1792x1024\"}",
         "\"resolution\":\"720p\",\"ratio\":\"16:9\"", "1080p"},
        {S20, "{\"model\":\"v\",\"prompt\":\"A\",\"input_reference\":{\"image_url\":\"data:IMAGE/JPG;base64,/9j/\"}}",
         "{\"url\":\"data:image/jpeg;base64,/9j/\"},\"role\":\"first_frame\"}", "reference"},
        {S20,
         "{\"model\":\"v\",\"prompt\":\"A\",\"references\":[{\"type\":\"video\",\"url\":\"https://x.example/v\"},"
         "{\"url\":\"asset://a-1\"}]}",
         "\"video_url\":{\"url\":\"https://x.example/v\"},\"role\":\"reference_video\"},{\"type\":\"image_url\","
         "\"image_url\":{\"url\":\"asset://a-1\"},\"role\":\"reference_image\"}",
         "first_frame"},
        {S25, OPTIONS("\"priority\":3,\"execution_expires_after\":7200"),
         "\"priority\":3,\"output_format\":\"mov\",\"execution_expires_after\":7200}", "tools"},
        {S20FAST,
         "{\"model\":\"v\",\"prompt\":\"A\",\"provider_options\":{\"byteplus\":{\"tools\":[{\"type\":\"web_search\"}]}}}",
         ",\"tools\":[{\"type\":\"web_search\"}]}", "provider"},
        {S10,
         "{\"model\":\"v\",\"prompt\":\"A\",\"provider_options\":{\"ark\":{\"frames\":121},\"kling\":{\"mode\":\"pro\"}}}",
         "\"frames\":121", "kling"},
        {S20, "{\"model\":\"v\",\"prompt\":\"A\",\"seed\":7,\"webhook_url\":\"https://me.example\"}", "\"seed\":7",
         "me.example"},
    };
    for (size_t i = 0; i < N(rows); i++) {
        struct bench b;
        bench_begin(&b, "ark", rows[i].model);
        if (!bench_openai(&b, rows[i].in))
            fail_msg("row %zu: %.*s", i, SL_STR_ARG(b.no.message));
        struct sl_str out = sl_str_c(bench_create(&b));
        has_text(out, rows[i].has);
        if (sl_str_find_str(out, sl_str_c(rows[i].lacks)) >= 0)
            fail_msg("row %zu: %.*s", i, SL_STR_ARG(out));
        bench_end(&b);
    }
}

/* Options are held to the same limits as members. */
static void options_refused(void **state)
{
    (void)state;
    static const struct {
        const char *options, *param, *message;
    } rows[] = {
        {"\"priority\":10", "priority", "0 to 9"},
        {"\"duration\":99", "seconds", "4 to 30"},
        {"\"draft\":true", "draft", "no drafts"},
        {"\"model\":\"dearer\"", "provider_options", "no option model"},
        {"\"callback_url\":\"https://me.example\"", "provider_options", "no option callback_url"},
        {"\"of_tomorrow\":1", "provider_options", "no option of_tomorrow"},
        {"\"tools\":[{\"type\":\"shell\"}]", "tools", "web_search"},
        {"\"frames\":\"many\"", "frames", "number"},
    };
    for (size_t i = 0; i < N(rows); i++) {
        struct bench b;
        char body[512];
        snprintf(body, sizeof body, "{\"model\":\"v\",\"prompt\":\"A\",\"provider_options\":{\"ark\":{%s}}}",
                 rows[i].options);
        bench_begin(&b, "ark", S25);
        assert_true(bench_openai(&b, body));
        assert_false(video_check(&b.call, &b.notes, &b.no));
        is_text(b.no.param, rows[i].param);
        has_text(b.no.message, rows[i].message);
        bench_end(&b);
    }
}

static void remixed(void **state)
{
    (void)state;
    struct bench b;
    bench_begin(&b, "ark", S25);
    struct sl_str ask = SL_STR("{\"prompt\":\"in snow\",\"video\":{\"id\":\"video_1\"}}");
    assert_true(video_openai_read(VIDEO_EXTEND, ask, &b.a, &b.req, &b.no));
    is_text(b.req.source_id, "video_1");
    assert_false(bench_check(&b)); /* no link to the source */
    b.call.source_url = SL_STR("https://gw.example/s/1");
    struct sl_str out = sl_str_c(bench_create(&b));
    has_text(out, "\"video_url\":{\"url\":\"https://gw.example/s/1\"},\"role\":\"reference_video\"");
    has_text(out, "\"omni_reference_task_type\":\"extend\"");
    bench_end(&b);
    bench_begin(&b, "ark", S10);
    assert_true(video_openai_read(VIDEO_REMIX, SL_STR("{\"prompt\":\"in snow\"}"), &b.a, &b.req, &b.no));
    b.call.source_url = SL_STR("https://gw.example/s/1");
    assert_false(bench_check(&b));
    bench_end(&b);
}

static void created(void **state)
{
    (void)state;
    static const struct {
        int status;
        const char *body;
        enum video_created how;
        bool policy, capacity, account, gone;
    } rows[] = {
        {200, "{\"id\":\"cgt-1\"}", VIDEO_CREATED, 0, 0, 0, 0},
        {200, "{\"id\":\"\"}", VIDEO_UNCLEAR, 0, 0, 0, 0},
        {200, "{\"id\":\"cgt", VIDEO_UNCLEAR, 0, 0, 0, 0},
        {200, "", VIDEO_UNCLEAR, 0, 0, 0, 0},
        {0, "", VIDEO_UNCLEAR, 0, 0, 0, 0},
        {400, "{\"error\":{\"code\":\"InvalidParameter\",\"message\":\"m\",\"param\":\"duration\"}}", VIDEO_NOT_CREATED,
         0, 0, 0, 0},
        {400, "{\"error\":{\"code\":\"InputTextSensitiveContentDetected.PolicyViolation\",\"message\":\"m\"}}",
         VIDEO_NOT_CREATED, 1, 0, 0, 0},
        {401, "{\"error\":{\"code\":\"AuthenticationError\",\"message\":\"m\"}}", VIDEO_NOT_CREATED, 0, 0, 1, 0},
        {403, "{\"error\":{\"code\":\"AccountOverdueError\",\"message\":\"m\"}}", VIDEO_NOT_CREATED, 0, 0, 1, 0},
        {404, "{\"error\":{\"code\":\"ModelNotOpen\",\"message\":\"m\"}}", VIDEO_NOT_CREATED, 0, 0, 0, 1},
        {429, "{\"error\":{\"code\":\"RequestBurstTooFast\",\"message\":\"m\"}}", VIDEO_NOT_CREATED, 0, 1, 0, 0},
        {429, "{\"error\":{\"code\":\"SetLimitExceeded\",\"message\":\"m\"}}", VIDEO_NOT_CREATED, 0, 0, 1, 0},
        {413, "<html>too large</html>", VIDEO_NOT_CREATED, 0, 0, 0, 0},
        {408, "", VIDEO_UNCLEAR, 0, 0, 0, 0},
        {500, "{\"error\":{\"code\":\"InternalServiceError\",\"message\":\"m\"}}", VIDEO_UNCLEAR, 0, 0, 0, 0},
        {503, "{\"error\":{\"code\":\"ServerOverloaded\",\"message\":\"m\"}}", VIDEO_NOT_CREATED, 0, 1, 0, 0},
        {502, "<html>bad gateway</html>", VIDEO_UNCLEAR, 0, 0, 0, 0},
        {504, "", VIDEO_UNCLEAR, 0, 0, 0, 0},
    };
    for (size_t i = 0; i < N(rows); i++) {
        struct bench b;
        bench_begin(&b, "ark", S20);
        if (bench_created(&b, rows[i].status, rows[i].body) != rows[i].how)
            fail_msg("row %zu", i);
        if (rows[i].how == VIDEO_CREATED)
            is_text(b.job.task_id, "cgt-1");
        if (b.why.policy != rows[i].policy || b.why.capacity != rows[i].capacity || b.why.account != rows[i].account ||
            b.why.model_gone != rows[i].gone)
            fail_msg("row %zu: %d %d %d %d", i, b.why.policy, b.why.capacity, b.why.account, b.why.model_gone);
        bench_end(&b);
    }
}

static void tasks(void **state)
{
    (void)state;
    static const struct {
        const char *body;
        enum video_status status;
        enum video_reason reason;
        bool unknown;
    } rows[] = {
        {"{\"status\":\"queued\"}", VIDEO_QUEUED, VIDEO_REASON_NONE, 0},
        {"{\"status\":\"running\",\"content\":{}}", VIDEO_IN_PROGRESS, VIDEO_REASON_NONE, 0},
        {"{\"status\":\" Succeeded \",\"content\":{\"video_url\":\"\"}}", VIDEO_COMPLETED, VIDEO_REASON_NONE, 0},
        {"{\"status\":\"failed\",\"error\":{\"code\":\"InternalServiceError\",\"message\":\"m\"}}", VIDEO_FAILED,
         VIDEO_REASON_PROVIDER, 0},
        {"{\"status\":\"failed\",\"error\":{\"code\":\"OutputVideoSensitiveContentDetected\",\"message\":\"m\"}}",
         VIDEO_FAILED, VIDEO_REASON_POLICY, 0},
        {"{\"status\":\"failed\",\"failure_reason\":{\"code\":\"OutputVideoRiskDetection\"}}", VIDEO_FAILED,
         VIDEO_REASON_POLICY, 0},
        {"{\"status\":\"cancelled\"}", VIDEO_FAILED, VIDEO_REASON_CANCELLED, 0},
        {"{\"status\":\"CANCELED\"}", VIDEO_FAILED, VIDEO_REASON_CANCELLED, 0},
        {"{\"status\":\"expired\"}", VIDEO_FAILED, VIDEO_REASON_EXPIRED, 0},
        {"{\"status\":\"meditating\"}", VIDEO_IN_PROGRESS, VIDEO_REASON_NONE, 1},
        {"{\"status\":\"\"}", VIDEO_IN_PROGRESS, VIDEO_REASON_NONE, 1},
    };
    for (size_t i = 0; i < N(rows); i++) {
        struct bench b;
        bench_begin(&b, "ark", S20);
        assert_int_equal(bench_polled(&b, 200, rows[i].body), VIDEO_POLL_OK);
        if (b.job.status != rows[i].status || b.job.reason != rows[i].reason || b.job.unknown_status != rows[i].unknown)
            fail_msg("row %zu", i);
        bench_end(&b);
    }
    struct bench b;
    bench_begin(&b, "ark", S20);
    assert_int_equal(bench_polled(&b, 404, "{}"), VIDEO_POLL_GONE);
    assert_int_equal(bench_polled(&b, 401, "{}"), VIDEO_POLL_DENIED);
    assert_int_equal(bench_polled(&b, 429, "{}"), VIDEO_POLL_AGAIN);
    assert_int_equal(bench_polled(&b, 500, ""), VIDEO_POLL_AGAIN);
    assert_int_equal(bench_polled(&b, 200, "{\"id\":1}"), VIDEO_POLL_AGAIN);
    assert_int_equal(bench_polled(&b, 200, "{\"status\":\"succ"), VIDEO_POLL_AGAIN);
    bench_end(&b);
}

#define DONE(usage)                                                                                                    \
    "{\"id\":\"cgt-1\",\"model\":\"" S20 "\",\"status\":\"succeeded\",\"content\":{\"video_url\":"                     \
    "\"https://tos.example/v.mp4?X-Tos-Expires=86400\",\"last_frame_url\":\"https://tos.example/l.png\"},"             \
    "\"usage\":" usage ",\"created_at\":1763630000,\"updated_at\":1763630075,\"seed\":58944,\"resolution\":"           \
    "\"720p\",\"ratio\":\"16:9\",\"duration\":\"5\",\"framespersecond\":24,\"generate_audio\":true,"                   \
    "\"service_tier\":\"default\"}"

static void finished(void **state)
{
    (void)state;
    static const char *const usages[] = {"{\"completion_tokens\":108900,\"total_tokens\":108900}",
                                         "{\"completion_tokens\":\"108900\"}", "{\"total_tokens\":108900}", "{}"};
    for (size_t i = 0; i < N(usages); i++) {
        struct bench b;
        char body[2048];
        bench_begin(&b, "ark", S20);
        snprintf(body, sizeof body, DONE("%s"), usages[i]);
        assert_int_equal(bench_polled(&b, 200, body), VIDEO_POLL_OK);
        assert_int_equal(b.job.status, VIDEO_COMPLETED);
        assert_int_equal(b.job.ms, 5000);
        assert_int_equal(b.job.terms.width, 1280);
        assert_int_equal(b.job.seed, 58944);
        assert_int_equal(b.job.expires_s, 1763630075 + 86400);
        struct video_units units;
        struct video_terms terms = {.video_input = false};
        b.call.adapter->settle(&b.call, &b.job, &units, &terms);
        assert_int_equal(units.tokens, 108900); /* also by the formula, where nothing is reported */
        assert_int_equal(units.ms, 5000);
        is_text(terms.resolution, "720p");
        assert_true(terms.audio);
        assert_true(b.call.adapter->content_write(&b.call, &b.job, VIDEO_PART_VIDEO, &b.http));
        is_text(b.http.url, "https://tos.example/v.mp4?X-Tos-Expires=86400");
        assert_true(b.http.keyless);
        assert_true(b.call.adapter->content_write(&b.call, &b.job, VIDEO_PART_LAST_FRAME, &b.http));
        assert_false(b.call.adapter->content_write(&b.call, &b.job, VIDEO_PART_THUMBNAIL, &b.http));
        bench_end(&b);
    }
}

static void failed_costs_nothing(void **state)
{
    (void)state;
    struct bench b;
    bench_begin(&b, "ark", S20);
    assert_int_equal(
        bench_polled(&b, 200, "{\"status\":\"failed\",\"duration\":5,\"usage\":{\"completion_tokens\":9}}"),
        VIDEO_POLL_OK);
    struct video_units units;
    struct video_terms terms = {.audio = false};
    b.call.adapter->settle(&b.call, &b.job, &units, &terms);
    assert_int_equal(units.tokens, 0);
    assert_int_equal(units.ms, 0);
    assert_int_equal(units.videos, 0);
    bench_end(&b);
}

/* Section 13: what is reserved. */
static void reserved(void **state)
{
    (void)state;
    static const struct {
        const char *model, *body;
        uint64_t tokens;
        bool video, audio;
    } rows[] = {
        {S20, ASK(TEXT, ",\"ratio\":\"16:9\",\"duration\":4"), 87300, 0, 1},
        {S20, ASK(TEXT, ",\"ratio\":\"16:9\",\"resolution\":\"720p\""), 108900, 0, 1},
        {S20, ASK(TEXT, ",\"ratio\":\"9:16\",\"generate_audio\":false"), 108900, 0, 0},
        {S20, ASK(TEXT, ",\"ratio\":\"16:9\",\"duration\":-1"), 1280 * 720 * (24 * 15 + 1) / 1024, 0, 1},
        {S20, ASK(TEXT "," VIDEO, ",\"ratio\":\"16:9\",\"duration\":4"), 1280 * 720 * (24 * 19 + 1) / 1024, 1, 1},
        {S10, ASK(TEXT, ",\"ratio\":\"16:9\",\"resolution\":\"480p\",\"frames\":121"), 864 * 480 * 121 / 1024, 0, 0},
        {S10, ASK("{\"type\":\"text\",\"text\":\"A --rs 1080p --rt 16:9 --dur 12\"}", ""),
         UINT64_C(1920) * 1088 * (24 * 12 + 1) / 1024, 0, 0},
        {S25, ASK(TEXT, ",\"resolution\":\"480p\",\"ratio\":\"16:9\",\"duration\":30"), 854 * 480 * 721 / 1024, 0, 1},
    };
    for (size_t i = 0; i < N(rows); i++) {
        struct bench b;
        struct video_units units;
        struct video_terms terms;
        bench_begin(&b, "ark", rows[i].model);
        assert_true(bench_ark(&b, rows[i].body));
        b.call.adapter->reserve(&b.call, &units, &terms);
        if (units.tokens != rows[i].tokens || terms.video_input != rows[i].video || terms.audio != rows[i].audio)
            fail_msg("row %zu: %llu", i, (unsigned long long)units.tokens);
        bench_end(&b);
    }
}

/* An unclear create: which task of the list is it? */
static void matched(void **state)
{
    (void)state;
    struct bench b;
    char list[4096];
    unsigned long long seed = 0;
    bench_begin(&b, "ark", S20);
    b.call.user = SL_STR("u_1");
    assert_true(bench_openai(&b, "{\"model\":\"v\",\"prompt\":\"A\"}"));
    const char *at = strstr(bench_create(&b), "\"seed\":");
    assert_non_null(at);
    assert_int_equal(sscanf(at, "\"seed\":%llu", &seed), 1);
    b.call.aux = video_facts(&b.call);
    snprintf(list, sizeof list,
             "{\"total\":7,\"items\":["
             "{\"id\":\"a\",\"model\":\"" S20 "\",\"status\":\"queued\",\"created_at\":1000,\"seed\":%llu},"
             "{\"id\":\"b\",\"model\":\"" S20 "\",\"status\":\"queued\",\"created_at\":5000,\"seed\":%llu},"
             "{\"id\":\"c\",\"model\":\"" S20 "\",\"status\":\"queued\",\"created_at\":5000,\"seed\":%llu},"
             "{\"id\":\"d\",\"model\":\"" S20 "\",\"status\":\"queued\",\"created_at\":5000},"
             "{\"id\":\"e\",\"model\":\"" S25 "\",\"status\":\"queued\",\"created_at\":5000},"
             "{\"id\":\"f\",\"model\":\"" S20 "\",\"status\":\"queued\",\"safety_identifier\":\"u_2\"},"
             "{\"status\":\"queued\"}]}",
             seed, seed, seed + 1);
    struct video_answer answer = bench_answer(200, list);
    struct video_list out;
    assert_int_equal(b.call.adapter->list_read(&b.call, &answer, &out, &b.why), VIDEO_POLL_OK);
    assert_int_equal(out.n, 6);
    static const enum video_match want[] = {VIDEO_MATCH_NO,    VIDEO_MATCH_YES, VIDEO_MATCH_NO,
                                            VIDEO_MATCH_MAYBE, VIDEO_MATCH_NO,  VIDEO_MATCH_NO};
    for (unsigned i = 0; i < out.n; i++)
        assert_int_equal(b.call.adapter->match(&b.call, 5010, &out.v[i]), want[i]);
    bench_end(&b);
}

/* Where prompts are not kept nothing is known of them: a task with one may be the job all the same. */
static void matched_without_prompt(void **state)
{
    (void)state;
    static const struct {
        const char *ours, *listed, *model;
        int64_t created_s;
        enum video_match want;
    } rows[] = {
        {"A", "A", "sora-2", 5000, VIDEO_MATCH_MAYBE}, {"A", "B", "sora-2", 5000, VIDEO_MATCH_NO},
        {"", "B", "sora-2", 5000, VIDEO_MATCH_MAYBE},  {"", "B", "sora-2-pro", 5000, VIDEO_MATCH_NO},
        {"", "B", "sora-2", 1000, VIDEO_MATCH_NO},     {"A", "", "sora-2", 5000, VIDEO_MATCH_MAYBE},
    };
    for (size_t i = 0; i < N(rows); i++) {
        struct bench b;
        struct video_job job;
        bench_begin(&b, "openai", "sora-2");
        b.req.prompt = sl_str_c(rows[i].ours);
        video_job_init(&job);
        job.prompt = sl_str_c(rows[i].listed);
        job.model = sl_str_c(rows[i].model);
        job.created_s = rows[i].created_s;
        if (b.call.adapter->match(&b.call, 5010, &job) != rows[i].want)
            fail_msg("row %zu", i);
        bench_end(&b);
    }
}

static void listed(void **state)
{
    (void)state;
    struct bench b;
    bench_begin(&b, "ark", S20);
    struct sl_str ids[] = {SL_STR("cgt-1"), SL_STR("a&b")};
    struct video_list_ask ask = {.task_ids = ids, .n_task_ids = 2, .apart = true};
    assert_true(b.call.adapter->list_write(&b.call, &ask, &b.http));
    is_text(b.http.path, "/contents/generations/tasks?page_num=1&page_size=100&filter.task_ids=cgt-1"
                         "&filter.task_ids=a%26b&filter.service_tier=flex");
    b.call.task_id = SL_STR("../x?y");
    b.call.adapter->poll_write(&b.call, &b.http, &b.body);
    is_text(b.http.path, "/contents/generations/tasks/..%2Fx%3Fy");
    bench_end(&b);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(matrix),
        cmocka_unit_test(unreadable),
        cmocka_unit_test(raw),
        cmocka_unit_test(draft_task),
        cmocka_unit_test(translated),
        cmocka_unit_test(remixed),
        cmocka_unit_test(options_refused),
        cmocka_unit_test(created),
        cmocka_unit_test(tasks),
        cmocka_unit_test(finished),
        cmocka_unit_test(failed_costs_nothing),
        cmocka_unit_test(reserved),
        cmocka_unit_test(matched),
        cmocka_unit_test(listed),
        cmocka_unit_test(matched_without_prompt),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
