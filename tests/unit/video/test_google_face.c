/* Google's face: what is taken, what is refused by which name, what operations say. */
#include "lib.h"

#include <stdlib.h>

#define ASK(instance, rest) "{\"instances\":[{" instance "}]" rest "}"
#define PNG "{\"bytesBase64Encoded\":\"iVBORw0KGgo=\",\"mimeType\":\"image/png\"}"

static bool take(struct bench *b, const char *json)
{
    return video_google_read(SL_STR("veo"), sl_str_c(json), &b->a, &b->req, &b->no);
}

static void read_or_refused(void **state)
{
    (void)state;
    static const struct {
        const char *body, *param; /* NULL: taken */
    } rows[] = {
        {ASK("\"prompt\":\"A\"", ""), NULL},
        {ASK("\"prompt\":\"A\"", ",\"parameters\":{}"), NULL},
        {ASK("\"prompt\":\"A\",\"image\":null", ",\"parameters\":null,\"labels\":null"), NULL},
        {ASK("\"image\":" PNG, ""), NULL},
        {ASK("\"prompt\":\"A\",\"image\":" PNG ",\"lastFrame\":" PNG, ""), NULL},
        {ASK("\"prompt\":\"A\",\"image\":{\"gcsUri\":\"gs://b/a.png\"}", ""), NULL},
        {ASK("\"prompt\":\"A\",\"referenceImages\":[{\"image\":" PNG ",\"referenceType\":\"ASSET\"}]", ""), NULL},
        {ASK("\"prompt\":\"A\"",
             ",\"parameters\":{\"durationSeconds\":\"8\",\"sampleCount\":1,\"enhancePrompt\":true}"),
         NULL},
        {ASK("", ""), "prompt"},
        {ASK("\"prompt\":5", ""), "prompt"},
        {ASK("\"prompt\":\"A\",\"pr\\u006fmpt\":\"B\"", ""), "prompt"},
        {ASK("\"prompt\":\"A\",\"lastFrame\":" PNG, ""), "lastFrame"},
        {ASK("\"prompt\":\"A\",\"image\":{}", ""), "image"},
        {ASK("\"prompt\":\"A\",\"image\":\"x\"", ""), "image"},
        {ASK("\"prompt\":\"A\",\"image\":{\"bytesBase64Encoded\":\"!\",\"mimeType\":\"image/png\"}", ""), "image"},
        {ASK("\"prompt\":\"A\",\"image\":{\"gcsUri\":\"ftp://b/a\"}", ""), "image"},
        {ASK("\"prompt\":\"A\",\"video\":{\"uri\":\"https://x.example/v\"}", ""), "video"},
        {ASK("\"prompt\":\"A\",\"mask\":{}", ""), "mask"},
        {ASK("\"prompt\":\"A\",\"referenceImages\":{}", ""), "referenceImages"},
        {ASK("\"prompt\":\"A\",\"referenceImages\":[{}]", ""), "referenceImages[0]"},
        {ASK("\"prompt\":\"A\",\"referenceImages\":[{\"image\":" PNG ",\"referenceType\":\"style\"}]", ""),
         "referenceImages[0]"},
        {ASK("\"prompt\":\"A\"", ",\"parameters\":[]"), "parameters"},
        {ASK("\"prompt\":\"A\"", ",\"parameters\":{\"sampleCount\":2}"), "sampleCount"},
        {ASK("\"prompt\":\"A\"", ",\"parameters\":{\"durationSeconds\":\"long\"}"), "durationSeconds"},
        {ASK("\"prompt\":\"A\"", ",\"parameters\":{\"durationSeconds\":99999999999999999999}"), "durationSeconds"},
        {ASK("\"prompt\":\"A\"", ",\"parameters\":{\"seed\":-5}"), "seed"},
        {ASK("\"prompt\":\"A\"", ",\"parameters\":{\"seed\":1,\"seed\":2}"), "seed"},
        {ASK("\"prompt\":\"A\"", ",\"parameters\":{\"generateAudio\":\"loud\"}"), "generateAudio"},
        {ASK("\"prompt\":\"A\"", ",\"parameters\":{\"enhancePrompt\":false}"), "enhancePrompt"},
        {ASK("\"prompt\":\"A\"", ",\"parameters\":{\"storageUri\":\"gs://b/\"}"), "storageUri"},
        {ASK("\"prompt\":\"A\"", ",\"webhookConfig\":{\"uris\":[\"https://x.example\"]}"), "webhookConfig"},
        {ASK("\"prompt\":\"A\"", ",\"instances\":[{\"prompt\":\"B\"}]"), "instances"},
        {"{\"instances\":[{\"prompt\":\"A\"},{\"prompt\":\"B\"}]}", "instances"},
        {"{\"instances\":[[]]}", "instances"},
        {"{\"instances\":[]}", "instances"},
        {"{\"instances\":{}}", "instances"},
        {"{}", "instances"},
        {"{\"instances\":[{\"prompt\":\"A\"}]", ""},
        {"[]", ""},
        {"null", ""},
        {"", ""},
    };
    for (size_t i = 0; i < N(rows); i++) {
        struct bench b;
        bench_begin(&b, "gemini", "veo-3.1-generate-preview");
        bool fine = take(&b, rows[i].body);
        if (fine != (rows[i].param == NULL))
            fail_msg("row %zu: %.*s", i, SL_STR_ARG(b.no.message));
        if (!fine)
            is_text(b.no.param, rows[i].param);
        bench_end(&b);
    }
}

/* The beginning of a body is never a request, wherever it was cut. */
static void half_sent(void **state)
{
    (void)state;
    static const char whole[] =
        ASK("\"prompt\":\"A\",\"image\":" PNG, ",\"parameters\":{\"seed\":7,\"resolution\":\"4k\"}");
    for (size_t n = 0; n <= sizeof whole - 1; n++) {
        struct bench b;
        bench_begin(&b, "gemini", "veo-3.1-generate-preview");
        bool fine = video_google_read(SL_STR("veo"), sl_str_of(whole, n), &b.a, &b.req, &b.no);
        assert_int_equal(fine, n == sizeof whole - 1);
        assert_true(fine || sl_str_eq(b.no.code, SL_STR("invalid_json")));
        bench_end(&b);
    }
}

static void written_upstream(void **state)
{
    (void)state;
    struct bench b;
    bench_begin(&b, "gemini", "veo-3.1-generate-preview");
    assert_true(take(&b, ASK("\"prompt\":\"A\",\"image\":" PNG,
                             ",\"parameters\":{\"sampleCount\":1,\"durationSeconds\":8,\"aspectRatio\":\"9:16\","
                             "\"resolution\":\"1080p\",\"negativePrompt\":\"text\",\"seed\":5}")));
    is_text(b.req.model, "veo");
    assert_int_equal(b.req.ms, 8000);
    assert_string_equal(
        bench_create(&b),
        "{\"instances\":[{\"prompt\":\"A\",\"image\":{\"bytesBase64Encoded\":\"iVBORw0KGgo=\",\"mimeType\":"
        "\"image/png\"}}],\"parameters\":{\"sampleCount\":1,\"aspectRatio\":\"9:16\",\"resolution\":\"1080p\","
        "\"durationSeconds\":8,\"negativePrompt\":\"text\",\"seed\":5}}");
    bench_end(&b);
}

/* Lengths are made exactly or refused: nothing could tell that they were rounded. */
static void checked(void **state)
{
    (void)state;
    static const struct {
        const char *kind, *model, *more, *param;
    } rows[] = {
        {"gemini", "veo-3.1-generate-preview", "\"durationSeconds\":6", NULL},
        {"gemini", "veo-3.1-generate-preview", "\"durationSeconds\":5", "durationSeconds"},
        {"gemini", "veo-3.1-generate-preview", "\"aspectRatio\":\"1:1\"", "aspectRatio"},
        {"gemini", "veo-3.0-generate-001", "\"resolution\":\"4k\"", "resolution"},
        {"ark", "seedance-1-0-pro-250528", "\"durationSeconds\":5,\"resolution\":\"720p\"", NULL},
        {"ark", "seedance-1-0-pro-250528", "\"durationSeconds\":99", "durationSeconds"},
        {"ark", "seedance-1-0-pro-250528", "\"aspectRatio\":\"5:7\"", "aspectRatio"},
        {"runway", "gen4.5", "\"durationSeconds\":99", "durationSeconds"},
    };
    for (size_t i = 0; i < N(rows); i++) {
        struct bench b;
        char body[512];
        bench_begin(&b, rows[i].kind, rows[i].model);
        snprintf(body, sizeof body, ASK("\"prompt\":\"A\"", ",\"parameters\":{%s}"), rows[i].more);
        assert_true(take(&b, body));
        bool fine = bench_check(&b);
        if (fine != (rows[i].param == NULL))
            fail_msg("row %zu: %.*s", i, SL_STR_ARG(b.no.message));
        if (!fine)
            is_text(b.no.param, rows[i].param);
        bench_end(&b);
    }
}

static void names(void **state)
{
    (void)state;
    static const struct {
        const char *name, *id;
    } rows[] = {
        {"models/veo/operations/video_1", "video_1"},
        {"projects/p/locations/l/publishers/google/models/m/operations/video_1", "video_1"},
        {"operations/video_1", "video_1"},
        {"operations/", ""},
        {"models/veo", ""},
        {"myoperations/video_1", ""},
        {"operations/video_1/more", ""},
        {"", ""},
    };
    for (size_t i = 0; i < N(rows); i++)
        is_text(video_google_id(sl_str_c(rows[i].name)), rows[i].id);
    struct bench b;
    struct sl_str name;
    bench_begin(&b, "gemini", "veo-3.1-generate-preview");
    assert_true(video_google_fetch_read(SL_STR("{\"operationName\":\"operations/x\"}"), &b.a, &name, &b.no));
    is_text(name, "operations/x");
    assert_false(video_google_fetch_read(SL_STR("{\"operationName\":5}"), &b.a, &name, &b.no));
    is_text(b.no.param, "operationName");
    assert_false(video_google_fetch_read(SL_STR("{\"operationName\""), &b.a, &name, &b.no));
    bench_end(&b);
}

#define TYPE "\"@type\":\"type.googleapis.com/google.ai.generativelanguage.v1beta.PredictLongRunningResponse\","
#define TYPE_VERTEX "\"@type\":\"type.googleapis.com/cloud.ai.large_models.vision.GenerateVideoResponse\","

static void operations(void **state)
{
    (void)state;
    static const struct {
        enum video_status status;
        enum video_reason reason;
        bool vertex;
        const char *message, *rest;
    } rows[] = {
        {VIDEO_QUEUED, VIDEO_REASON_NONE, false, "", "}"},
        {VIDEO_IN_PROGRESS, VIDEO_REASON_NONE, true, "", "}"},
        {VIDEO_COMPLETED, VIDEO_REASON_NONE, false, "",
         ",\"done\":true,\"response\":{" TYPE "\"generateVideoResponse\":{\"generatedSamples\":[{\"video\":{\"uri\":"
         "\"https://g/v\",\"mimeType\":\"video/mp4\"}}]}}}"},
        {VIDEO_COMPLETED, VIDEO_REASON_NONE, true, "",
         ",\"done\":true,\"response\":{" TYPE_VERTEX
         "\"videos\":[{\"gcsUri\":\"https://g/v\",\"mimeType\":\"video/mp4\"}]}}"},
        {VIDEO_FAILED, VIDEO_REASON_POLICY, false, "No \"cats\"\n",
         ",\"done\":true,\"response\":{" TYPE "\"generateVideoResponse\":{\"raiMediaFilteredCount\":1,"
         "\"raiMediaFilteredReasons\":[\"No \\\"cats\\\"\\n\"]}}}"},
        {VIDEO_FAILED, VIDEO_REASON_POLICY, true, "No",
         ",\"done\":true,\"response\":{" TYPE_VERTEX "\"raiMediaFilteredCount\":1,"
         "\"raiMediaFilteredReasons\":[\"No\"]}}"},
        {VIDEO_FAILED, VIDEO_REASON_PROVIDER, false, "",
         ",\"done\":true,\"error\":{\"code\":13,\"message\":\"The video could not be made.\"}}"},
        {VIDEO_FAILED, VIDEO_REASON_CANCELLED, false, "c", ",\"done\":true,\"error\":{\"code\":1,\"message\":\"c\"}}"},
        {VIDEO_FAILED, VIDEO_REASON_UNCLEAR, false, "u", ",\"done\":true,\"error\":{\"code\":2,\"message\":\"u\"}}"},
        {VIDEO_FAILED, VIDEO_REASON_EXPIRED, false, "e", ",\"done\":true,\"error\":{\"code\":4,\"message\":\"e\"}}"},
        {VIDEO_FAILED, VIDEO_REASON_TIMEOUT, false, "t", ",\"done\":true,\"error\":{\"code\":4,\"message\":\"t\"}}"},
    };
    for (size_t i = 0; i < N(rows); i++) {
        struct sl_buf b;
        char want[512];
        const struct video_view v = {.status = rows[i].status,
                                     .reason = rows[i].reason,
                                     .error_message = sl_str_c(rows[i].message),
                                     .video_url = SL_STR("https://g/v")};
        sl_buf_init(&b, 1 << 16);
        video_google_write(&v, SL_STR("models/m/operations/x"), rows[i].vertex, &b);
        snprintf(want, sizeof want, "{\"name\":\"models/m/operations/x\"%s", rows[i].rest);
        is_text(sl_buf_str(&b), want);
        sl_buf_done(&b);
    }
}

/* Errors of providers that end in the middle of an escape: what was read of them is never read past. */
static void broken_words(void **state)
{
    (void)state;
    static const char *const bodies[] = {
        "{\"error\":{\"code\":\"no\\u0\",\"param\":\"p\\ud83d\\u\"}}",
        "{\"error\":{\"code\":\"no\\u00",
        "{\"error\":{\"type\":\"no\\",
        "{\"error\":{\"code\":\"n\\u006f\"}}",
    };
    for (size_t i = 0; i < N(bodies); i++)
        for (size_t n = 1; n <= strlen(bodies[i]); n++) {
            struct bench b;
            char *exact = malloc(n); /* so that a byte too far is seen */
            bench_begin(&b, "ark", "seedance-1-0-pro-250528");
            memcpy(exact, bodies[i], n);
            const struct video_answer answer = {.status = 400, .body = sl_str_of(exact, n), .whole = true};
            assert_int_equal(b.call.adapter->create_read(&b.call, &answer, &b.job, &b.why), VIDEO_NOT_CREATED);
            if (i == 3 && n == strlen(bodies[i]))
                is_text(b.why.code, "no");
            bench_end(&b);
            free(exact);
        }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(read_or_refused), cmocka_unit_test(half_sent), cmocka_unit_test(written_upstream),
        cmocka_unit_test(checked),         cmocka_unit_test(names),     cmocka_unit_test(operations),
        cmocka_unit_test(broken_words),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
