/* Jobs that make videos: what is refused, how they go, what they cost, their bytes (seedance.md, video.md, openai.md 14). */
#include "stub.h"

#include "base/mem.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdio.h>

#define TASKS "/api/v3/contents/generations/tasks"
#define S20 "dreamina-seedance-2-0-260128"
#define KEY "authorization: Bearer one\n"
#define OTHER "authorization: Bearer two\n"

static struct stub_world w;

static struct stub *call(const char *method, const char *target, const char *headers, const char *body)
{
    struct stub *c = stub_ask(&w, method, target, headers, sl_str_c(body));
    stub_run(&w, 0);
    return c;
}

static yyjson_doc *answer(const char *method, const char *target, const char *headers, const char *body, int status)
{
    struct stub *c = call(method, target, headers, body);
    if (c->status != status)
        fail_msg("%s %s: %d %.*s", method, target, c->status, (int)c->body.n, c->body.p);
    yyjson_doc *d = stub_json(c);
    stub_free(c);
    return d;
}

static void ark(char id[80], const char *model, const char *prompt, const char *more, int status)
{
    char body[2048];
    snprintf(body, sizeof body, "{\"model\":\"%s\",\"content\":[{\"type\":\"text\",\"text\":\"%s\"}]%s}", model, prompt,
             more);
    yyjson_doc *d = answer("POST", TASKS, KEY, body, status);
    snprintf(id, 80, "%s", stub_text_at(d, status == 200 ? "/id" : "/error/code"));
    yyjson_doc_free(d);
}

static yyjson_doc *task(const char *id, const char *key, int status)
{
    char path[160];
    snprintf(path, sizeof path, TASKS "/%s", id);
    return answer("GET", path, key, "", status);
}

static void is_status(const char *id, const char *status)
{
    yyjson_doc *d = task(id, KEY, 200);
    assert_string_equal(stub_text_at(d, "/status"), status);
    yyjson_doc_free(d);
}

static void test_ark_life(void **state)
{
    char id[80];
    (void)state;
    ark(id, S20, "A cat", ",\"ratio\":\"16:9\",\"duration\":5,\"seed\":7,\"return_last_frame\":true", 200);
    is_status(id, "queued");
    yyjson_doc_free(task(id, OTHER, 404)); /* another account's */
    stub_run(&w, 500 * SL_MS);
    is_status(id, "running");
    stub_run(&w, SL_SEC);
    yyjson_doc *d = task(id, KEY, 200);
    assert_string_equal(stub_text_at(d, "/status"), "succeeded");
    assert_int_equal(stub_number_at(d, "/usage/completion_tokens"), 108900);
    assert_int_equal(stub_number_at(d, "/seed"), 7);
    assert_non_null(strstr(stub_text_at(d, "/content/last_frame_url"), "/video-store/"));
    yyjson_doc_free(d);
}

static void test_ark_fates(void **state)
{
    static const struct {
        const char *prompt, *status;
    } rows[] = {{"[[video fate=fail]]", "failed"},
                {"[[video fate=policy]]", "failed"},
                {"[[video fate=expire]]", "expired"},
                {"[[video fate=stuck]]", "running"}};
    char id[80];
    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        ark(id, S20, rows[i].prompt, "", 200);
        stub_run(&w, 2 * SL_SEC);
        is_status(id, rows[i].status);
    }
    ark(id, S20, "[[video fate=vanish takes=300]]", "", 200);
    is_status(id, "queued");
    stub_run(&w, SL_SEC);
    yyjson_doc_free(task(id, KEY, 404));
}

static void test_ark_refused(void **state)
{
    static const struct {
        const char *model, *more, *code;
        int status;
    } rows[] = {
        {S20, ",\"duration\":3", "InvalidParameter", 400},
        {S20, ",\"draft\":true", "InvalidParameter", 400},
        {S20, ",\"camera_fixed\":false", "InvalidParameter", 400},
        {S20, ",\"unheard_of\":1", "InvalidParameter", 400},
        {S20, ",\"service_tier\":\"flex\"", "InvalidParameter", 400},
        {"doubao-seedance-2-0-fast-260128", ",\"resolution\":\"1080p\"", "InvalidParameter", 400},
        {"seedance-9", "", "InvalidEndpointOrModel.NotFound", 404},
        {"", "", "MissingParameter", 400},
    };
    char code[80];
    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        ark(code, rows[i].model, "A", rows[i].more, rows[i].status);
        assert_string_equal(code, rows[i].code);
    }
    ark(code, S20, "[[refuse]]", "", 400);
    assert_string_equal(code, "InputTextSensitiveContentDetected");
}

static void test_ark_delete(void **state)
{
    char id[80], path[160];
    (void)state;
    ark(id, S20, "A", "", 200);
    snprintf(path, sizeof path, TASKS "/%s", id);
    yyjson_doc_free(answer("DELETE", path, KEY, "", 200));
    is_status(id, "cancelled");
    ark(id, S20, "A", "", 200);
    snprintf(path, sizeof path, TASKS "/%s", id);
    stub_run(&w, 500 * SL_MS);
    yyjson_doc_free(answer("DELETE", path, KEY, "", 409));
    stub_run(&w, SL_SEC);
    yyjson_doc_free(answer("DELETE", path, KEY, "", 200)); /* of a finished one the record goes */
    yyjson_doc_free(task(id, KEY, 404));
}

static void test_ark_list(void **state)
{
    char id[80], flex[80], path[300];
    (void)state;
    yyjson_doc_free(answer("DELETE", "/sim/video", KEY, "", 200));
    ark(id, S20, "A", "", 200);
    ark(flex, "seedance-1-5-pro-251215", "A", ",\"service_tier\":\"flex\"", 200);
    yyjson_doc *d = answer("GET", TASKS "?page_size=10", KEY, "", 200);
    assert_int_equal(stub_number_at(d, "/total"), 1);
    assert_string_equal(stub_text_at(d, "/items/0/id"), id);
    yyjson_doc_free(d);
    snprintf(path, sizeof path, TASKS "?filter.service_tier=flex&filter.task_ids=%s&filter.task_ids=x", flex);
    d = answer("GET", path, KEY, "", 200);
    assert_string_equal(stub_text_at(d, "/items/0/id"), flex);
    yyjson_doc_free(d);
    d = answer("GET", TASKS, OTHER, "", 200);
    assert_int_equal(stub_number_at(d, "/total"), 0);
    yyjson_doc_free(d);
}

/* Made, and the client does not hear of it. */
static void test_births(void **state)
{
    static const char *const births[] = {"lost", "late", "error"};
    (void)state;
    yyjson_doc_free(answer("DELETE", "/sim/video", KEY, "", 200));
    for (size_t i = 0; i < 3; i++) {
        char body[200];
        snprintf(body, sizeof body, "{\"create\":\"%s\",\"times\":1}", births[i]);
        yyjson_doc_free(answer("POST", "/sim/video", KEY, body, 200));
        struct stub *c =
            call("POST", TASKS, KEY, "{\"model\":\"" S20 "\",\"content\":[{\"type\":\"text\",\"text\":\"A\"}]}");
        assert_true(i == 0 ? c->reset : c->status == 500);
        stub_free(c);
    }
    char id[80];
    ark(id, S20, "A", "", 200); /* only once each */
    struct stub *c = call("POST", TASKS, KEY,
                          "{\"model\":\"" S20
                          "\",\"content\":[{\"type\":\"text\",\"text\":\"[[video create=busy]]\"}]}");
    assert_int_equal(c->status / 100, c->status == 503 ? 5 : 4);
    stub_free(c);
    stub_run(&w, 2 * SL_SEC);
    yyjson_doc *d = answer("GET", "/sim/video", KEY, "", 200);
    assert_int_equal(stub_number_at(d, "/creates"), 4);
    assert_int_equal(stub_number_at(d, "/refused"), 1);
    assert_int_equal(stub_number_at(d, "/billed/jobs"), 4);
    assert_int_equal(stub_number_at(d, "/billed/seconds"), 20);
    assert_int_equal(stub_number_at(d, "/billed/tokens"), 4 * 108900);
    yyjson_doc_free(d);
}

static unsigned char byte_at(const char *id, uint64_t i)
{
    unsigned sum = 0;
    for (; *id != 0; id++)
        sum += (unsigned char)*id;
    return (unsigned char)(i ^ (i >> 8) ^ (i >> 16) ^ (i >> 24) ^ sum);
}

static void test_content(void **state)
{
    char id[80], path[300];
    (void)state;
    ark(id, S20, "[[video takes=0 queue=0 bytes=70000 link=60]]", "", 200);
    yyjson_doc *d = task(id, KEY, 200);
    const char *url = strstr(stub_text_at(d, "/content/video_url"), "/video-store/");
    assert_non_null(url);
    snprintf(path, sizeof path, "%s", url);
    yyjson_doc_free(d);
    struct stub *c = call("GET", path, NULL, "");
    assert_int_equal(c->status, 200);
    assert_int_equal(c->length, 70000);
    assert_int_equal(c->body.n, 70000);
    assert_memory_equal(c->body.p + 4, "ftypmp42", 8);
    for (size_t i = 12; i < 70000; i++)
        assert_int_equal((unsigned char)c->body.p[i], byte_at(id, i));
    stub_free(c);
    static const struct {
        const char *range, *told;
        int status;
        uint64_t from, n;
    } rows[] = {
        {"range: bytes=100-199\n", "bytes 100-199/70000", 206, 100, 100},
        {"range: bytes=69990-\n", "bytes 69990-69999/70000", 206, 69990, 10},
        {"range: bytes=-5\n", "bytes 69995-69999/70000", 206, 69995, 5},
        {"range: bytes=60000-99999\n", "bytes 60000-69999/70000", 206, 60000, 10000},
        {"range: bytes=70000-\n", "bytes */70000", 416, 0, 0},
        {"range: bytes=5-1\n", NULL, 200, 0, 70000},
        {"range: lines=1-2\n", NULL, 200, 0, 70000},
    };
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        c = call("GET", path, rows[i].range, "");
        assert_int_equal(c->status, rows[i].status);
        assert_int_equal(c->body.n, rows[i].n);
        if (rows[i].told != NULL)
            assert_string_equal(stub_header(c, "content-range"), rows[i].told);
        if (rows[i].n > 0 && rows[i].from >= 12)
            assert_int_equal((unsigned char)c->body.p[0], byte_at(id, rows[i].from));
        stub_free(c);
    }
    c = call("GET", path, KEY, ""); /* credentials where none belong */
    assert_int_equal(c->status, 400);
    stub_free(c);
    d = answer("GET", "/sim/video", KEY, "", 200);
    assert_int_equal(stub_number_at(d, "/leaked"), 1);
    yyjson_doc_free(d);
    path[strlen(path) - 1] ^= 1;
    c = call("GET", path, NULL, "");
    assert_int_equal(c->status, 403);
    stub_free(c);
    path[strlen(path) - 1] ^= 1;
    stub_run(&w, 61 * SL_SEC);
    c = call("GET", path, NULL, "");
    assert_int_equal(c->status, 403);
    stub_free(c);
}

/* However large: no more is made than there is room for. */
static void test_slow_reader(void **state)
{
    char id[80], path[300];
    (void)state;
    ark(id, S20, "[[video takes=0 queue=0 bytes=500000000000]]", "", 200);
    yyjson_doc *d = task(id, KEY, 200);
    snprintf(path, sizeof path, "%s", strstr(stub_text_at(d, "/content/video_url"), "/video-store/"));
    yyjson_doc_free(d);
    struct stub *c = stub_begin(&w, "GET", path, "range: bytes=0-99999\n", -1);
    c->room = 40000;
    stub_body(c, SL_STR(""), true);
    assert_true(c->body.n < 100000);
    for (unsigned i = 0; i < 20 && c->body.n < 100000; i++)
        stub_make_room(c, 40000);
    assert_int_equal(c->body.n, 100000);
    assert_true(stub_is_complete(c));
    stub_free(c);
}

static void test_openai(void **state)
{
    char id[80], path[200];
    (void)state;
    yyjson_doc *d = answer("POST", "/v1/videos", KEY, "{\"model\":\"sora-2\",\"prompt\":\"A\",\"seconds\":\"8\"}", 200);
    snprintf(id, sizeof id, "%s", stub_text_at(d, "/id"));
    assert_string_equal(stub_text_at(d, "/status"), "queued");
    assert_string_equal(stub_text_at(d, "/size"), "720x1280");
    yyjson_doc_free(d);
    snprintf(path, sizeof path, "/v1/videos/%s/content", id);
    stub_free(call("GET", path, KEY, ""));
    stub_run(&w, 600 * SL_MS);
    path[strlen(path) - 8] = 0;
    d = answer("GET", path, KEY, "", 200);
    assert_string_equal(stub_text_at(d, "/status"), "in_progress");
    assert_int_equal(stub_number_at(d, "/progress"), 50);
    yyjson_doc_free(d);
    stub_run(&w, SL_SEC);
    snprintf(path, sizeof path, "/v1/videos/%s/content", id);
    struct stub *c = call("GET", path, KEY, "");
    assert_int_equal(c->body.n, 100000);
    assert_string_equal(stub_header(c, "content-type"), "video/mp4");
    stub_free(c);
    snprintf(path, sizeof path, "/v1/videos/%s/remix", id);
    d = answer("POST", path, KEY, "{\"prompt\":\"B\"}", 200);
    assert_string_equal(stub_text_at(d, "/remixed_from_video_id"), id);
    assert_string_equal(stub_text_at(d, "/seconds"), "8");
    yyjson_doc_free(d);
    d = answer("GET", "/v1/videos?limit=1", KEY, "", 200);
    assert_true(yyjson_is_true(yyjson_doc_ptr_get(d, "/has_more")));
    assert_string_equal(stub_text_at(d, "/data/0/prompt"), "B");
    yyjson_doc_free(d);
    snprintf(path, sizeof path, "/v1/videos/%s", id);
    yyjson_doc_free(answer("DELETE", path, KEY, "", 200));
    yyjson_doc_free(answer("GET", path, KEY, "", 404));
    yyjson_doc_free(
        answer("POST", "/v1/videos", KEY, "{\"model\":\"sora-2\",\"prompt\":\"A\",\"seconds\":\"5\"}", 400));
    yyjson_doc_free(answer("POST", "/v1/videos", KEY, "{\"model\":\"sora-2\"}", 400));
    yyjson_doc_free(answer("POST", "/v1/videos", KEY, "]", 400));
}

static void test_openai_form(void **state)
{
    static const char form[] = "--b\r\ncontent-disposition: form-data; name=\"prompt\"\r\n\r\nA cat\r\n"
                               "--b\r\ncontent-disposition: form-data; name=\"seconds\"\r\n\r\n12\r\n--b--\r\n";
    (void)state;
    yyjson_doc *d = answer("POST", "/v1/videos", KEY "content-type: multipart/form-data; boundary=b\n", form, 200);
    assert_string_equal(stub_text_at(d, "/prompt"), "A cat");
    assert_string_equal(stub_text_at(d, "/seconds"), "12");
    yyjson_doc_free(d);
    yyjson_doc_free(
        answer("POST", "/v1/videos", KEY "content-type: multipart/form-data; boundary=b\n", "--b\r\n", 400));
}

#define VEO "/v1beta/models/veo-3.1-generate-preview:predictLongRunning"
#define GOOG "x-goog-api-key: one\n"

static void test_veo(void **state)
{
    char path[300];
    (void)state;
    yyjson_doc *d =
        answer("POST", VEO, GOOG, "{\"instances\":[{\"prompt\":\"A\"}],\"parameters\":{\"durationSeconds\":4}}", 200);
    snprintf(path, sizeof path, "/v1beta/%s", stub_text_at(d, "/name"));
    yyjson_doc_free(d);
    d = answer("GET", path, GOOG, "", 200);
    assert_null(yyjson_doc_ptr_get(d, "/done"));
    yyjson_doc_free(d);
    stub_run(&w, 2 * SL_SEC);
    d = answer("GET", path, GOOG, "", 200);
    const char *uri = stub_text_at(d, "/response/generateVideoResponse/generatedSamples/0/video/uri");
    snprintf(path, sizeof path, "%s", strstr(uri, "/v1beta/files/"));
    yyjson_doc_free(d);
    struct stub *c = call("GET", path, GOOG, "");
    assert_int_equal(c->body.n, 100000);
    stub_free(c);
    c = call("GET", path, NULL, ""); /* it needs the key */
    assert_int_equal(c->status, 404);
    stub_free(c);
    yyjson_doc_free(
        answer("POST", VEO, GOOG, "{\"instances\":[{\"prompt\":\"A\"}],\"parameters\":{\"durationSeconds\":5}}", 400));
    yyjson_doc_free(
        answer("POST", VEO, GOOG, "{\"instances\":[{\"prompt\":\"A\",\"image\":{\"imageUri\":\"https://x\"}}]}", 400));
    yyjson_doc_free(answer("POST", VEO, GOOG, "{\"instances\":[]}", 400));
}

static void test_veo_ends(void **state)
{
    static const struct {
        const char *prompt, *where;
    } rows[] = {{"[[video fate=filtered takes=0 queue=0]]", "/response/generateVideoResponse/raiMediaFilteredCount"},
                {"[[video fate=policy takes=0 queue=0]]", "/error/code"},
                {"[[video fate=fail takes=0 queue=0]]", "/error/code"}};
    char body[200], path[300];
    (void)state;
    for (size_t i = 0; i < 3; i++) {
        snprintf(body, sizeof body, "{\"instances\":[{\"prompt\":\"%s\"}]}", rows[i].prompt);
        yyjson_doc *d = answer("POST", VEO, GOOG, body, 200);
        snprintf(path, sizeof path, "/v1beta/%s", stub_text_at(d, "/name"));
        yyjson_doc_free(d);
        d = answer("GET", path, GOOG, "", 200);
        assert_true(yyjson_is_true(yyjson_doc_ptr_get(d, "/done")));
        assert_int_not_equal(stub_number_at(d, rows[i].where), -1);
        yyjson_doc_free(d);
    }
}

static void test_vertex(void **state)
{
#define MODEL "/v1/projects/p/locations/us-central1/publishers/google/models/veo-3.1-generate-001"
    char body[400];
    (void)state;
    yyjson_doc *d = answer("POST", MODEL ":predictLongRunning", KEY,
                           "{\"instances\":[{\"prompt\":\"[[video takes=0 queue=0 bytes=3000]]\"}]}", 200);
    snprintf(body, sizeof body, "{\"operationName\":\"%s\"}", stub_text_at(d, "/name"));
    yyjson_doc_free(d);
    d = answer("POST", MODEL ":fetchPredictOperation", KEY, body, 200);
    assert_int_equal(strlen(stub_text_at(d, "/response/videos/0/bytesBase64Encoded")), 4000);
    yyjson_doc_free(d);
    d = answer(
        "POST", MODEL ":predictLongRunning", KEY,
        "{\"instances\":[{\"prompt\":\"[[video takes=0 queue=0]]\"}],\"parameters\":{\"storageUri\":\"gs://b/\"}}",
        200);
    snprintf(body, sizeof body, "{\"operationName\":\"%s\"}", stub_text_at(d, "/name"));
    yyjson_doc_free(d);
    d = answer("POST", MODEL ":fetchPredictOperation", KEY, body, 200);
    assert_int_equal(strncmp(stub_text_at(d, "/response/videos/0/gcsUri"), "gs://", 5), 0);
    yyjson_doc_free(d);
}

static int open_world(void **state)
{
    (void)state;
    stub_world_open(&w, &(struct sim_settings){.seed = 7});
    return 0;
}

static int close_world(void **state)
{
    (void)state;
    stub_world_close(&w);
    return 0;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_ark_life),    cmocka_unit_test(test_ark_fates),   cmocka_unit_test(test_ark_refused),
        cmocka_unit_test(test_ark_delete),  cmocka_unit_test(test_ark_list),    cmocka_unit_test(test_births),
        cmocka_unit_test(test_content),     cmocka_unit_test(test_slow_reader), cmocka_unit_test(test_openai),
        cmocka_unit_test(test_openai_form), cmocka_unit_test(test_veo),         cmocka_unit_test(test_veo_ends),
        cmocka_unit_test(test_vertex),
    };
    return cmocka_run_group_tests(tests, open_world, close_world);
}
