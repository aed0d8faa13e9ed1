/* What the adapters write, taken by the simulator, which is another reading of the same references; and what it answers, read. */
#include "lib.h"

#include "base/base64.h"
#include "../sim/stub.h"

static struct stub_world w;
static struct sl_arena arena;

static struct stub *send_http(const struct video_http *h, struct sl_str base, struct sl_str body)
{
    char target[4096], headers[300];
    struct sl_str at = h->url.n > 0 ? h->url : h->path;
    if (h->url.n > 0) { /* a link: what is behind its host */
        at = sl_str_from(at, (size_t)sl_str_find_str(at, SL_STR("://")) + 3);
        at = sl_str_from(at, (size_t)sl_str_find(at, '/'));
        base = SL_STR_NONE;
    } else if (h->rooted) {
        base = SL_STR_NONE;
    }
    snprintf(target, sizeof target, "%.*s%.*s", SL_STR_ARG(base), SL_STR_ARG(at));
    snprintf(headers, sizeof headers, "%s%s%.*s\n%s%.*s%.*s\n", h->keyless ? "" : "authorization: Bearer k\n",
             h->content_type.n > 0 ? "content-type: " : "accept: */*", SL_STR_ARG(h->content_type),
             h->n_headers > 0 ? "" : "x-none: 1", SL_STR_ARG(h->headers[0].name),
             h->n_headers > 0 ? (int)h->headers[0].value.n + 2 : 0,
             h->n_headers > 0 ? sl_arena_printf(&arena, ": %.*s", SL_STR_ARG(h->headers[0].value)).p : "");
    const char *method = h->method == HTTP_POST ? "POST" : h->method == HTTP_DELETE ? "DELETE" : "GET";
    struct stub *c = stub_ask(&w, method, target, headers, body);
    stub_run(&w, 0);
    return c;
}

static struct video_answer answer_of(const struct stub *c)
{
    return (struct video_answer){.status = c->status, .body = sl_buf_str(&c->body), .whole = c->last};
}

static const struct row {
    const char *kind, *model, *base, *body;
    bool inline_bytes;
} rows[] = {
    {"ark", "dreamina-seedance-2-0-260128", "/api/v3",
     "{\"model\":\"v\",\"prompt\":\"A\",\"seconds\":\"8\",\"size\":\"1280x720\",\"return_last_frame\":true}", 0},
    {"byteplus", "dreamina-seedance-2-5-260628", "/api/v3",
     "{\"model\":\"v\",\"prompt\":\"A\",\"seconds\":\"30\",\"output_format\":\"mov\",\"references\":[{\"type\":\"audio\","
     "\"url\":\"https://x.example/a.mp3\"}]}",
     0},
    {"ark", "doubao-seedance-1-5-pro-251215", "/api/v3",
     "{\"model\":\"v\",\"prompt\":\"A\",\"service_tier\":\"flex\",\"camera_fixed\":true,\"input_reference\":\"data:image/"
     "png;base64,iVBORw0KGgo=\"}",
     0},
    {"ark", "seedance-1-0-pro-250528", "/api/v3", "{\"model\":\"v\",\"prompt\":\"A --rs 480p --dur 3 --cf true\"}", 0},
    {"ark", "seedance-1-0-pro-fast-251015", "/api/v3", "{\"model\":\"v\",\"prompt\":\"A\",\"aspect_ratio\":\"9:16\"}",
     0},
    {"ark", "seedance-1-0-lite-t2v-250428", "/api/v3", "{\"model\":\"v\",\"prompt\":\"A\",\"seed\":3}", 0},
    {"openai", "sora-2", "/v1", "{\"model\":\"v\",\"prompt\":\"A\",\"seconds\":\"8\",\"size\":\"1280x720\"}", 0},
    {"openai-compatible", "other", "/v1", "{\"prompt\":\"A\",\"model\":\"v\"}", 0},
    {"gemini", "veo-3.1-generate-preview", "/v1beta",
     "{\"model\":\"v\",\"prompt\":\"A\",\"seconds\":\"7\",\"input_reference\":\"data:image/png;base64,iVBORw0KGgo=\"}",
     0},
    {"gemini", "veo-2.0-generate-001", "/v1beta", "{\"model\":\"v\",\"prompt\":\"A\",\"seconds\":\"5\"}", 0},
    {"runway", "gen4.5", "/v1", "{\"model\":\"v\",\"prompt\":\"A\",\"seconds\":\"5\"}", 0},
    {"kling", "kling-v3", "", "{\"model\":\"v\",\"prompt\":\"A\",\"input_reference\":\"https://x.example/a.png\"}", 0},
    {"xai", "grok-imagine-video", "/v1", "{\"model\":\"v\",\"prompt\":\"A\",\"seconds\":\"8\"}", 0},
    {"minimax", "MiniMax-H3", "", "{\"model\":\"v\",\"prompt\":\"A\",\"seconds\":\"5\"}", 0},
    {"qwen", "wan3-t2v", "/compatible-mode/v1", "{\"model\":\"v\",\"prompt\":\"A\",\"size\":\"1280x720\"}", 0},
    {"fal", "fal-ai/kling-video/v2/master", "", "{\"model\":\"v\",\"prompt\":\"A\",\"seconds\":\"6\"}", 0},
    {"replicate", "bytedance/seedance-1-pro", "/v1", "{\"model\":\"v\",\"prompt\":\"A\",\"seconds\":\"6\"}", 0},
    {"luma", "ray-2", "/dream-machine/v1", "{\"model\":\"v\",\"prompt\":\"A\",\"seconds\":\"9\"}", 0},
    {"minimax", "MiniMax-Hailuo-2.3", "", "{\"model\":\"v\",\"prompt\":\"A\",\"seconds\":\"6\"}", 0},
    {"minimax", "T2V-01", "", "{\"model\":\"v\",\"prompt\":\"A\",\"size\":\"1280x720\"}", 0},
    {"vidu", "viduq3-pro", "", "{\"model\":\"v\",\"prompt\":\"A\",\"seconds\":\"16\",\"audio\":true}", 0},
    {"vidu", "vidu2.0", "",
     "{\"model\":\"v\",\"prompt\":\"A\",\"input_reference\":\"https://x.example/a.png\",\"last_frame\":\"https://x.example/b.png\"}",
     0},
    {"pixverse", "v5", "", "{\"model\":\"v\",\"prompt\":\"A\"}", 0},
    {"gemini", "gemini-omni-1.2-flash", "/v1beta", "{\"model\":\"v\",\"prompt\":\"A\",\"seconds\":\"8\"}", 0},
    {"vertex", "veo-3.1-generate-001", "/v1",
     "{\"model\":\"v\",\"prompt\":\"A\",\"size\":\"1920x1080\",\"seconds\":\"8\"}", 1},
};

static void poll(struct bench *b, const struct row *r, enum video_status want)
{
    bool again;
    sl_buf_reset(&b->body);
    b->call.adapter->poll_write(&b->call, &b->http, &b->body);
    struct stub *c = send_http(&b->http, sl_str_c(r->base), sl_buf_str(&b->body));
    struct video_answer a = answer_of(c);
    a.body = sl_arena_str(&b->a, a.body);
    assert_int_equal(b->call.adapter->poll_read(&b->call, &a, &b->job, &b->why, &again), VIDEO_POLL_OK);
    stub_free(c);
    if (again) {
        b->call.aux = b->job.aux;
        poll(b, r, want);
        return;
    }
    assert_int_equal(b->job.status, want);
}

static void make(struct bench *b, const struct row *r)
{
    bench_begin(b, r->kind, r->model);
    b->call.project = SL_STR("p");
    b->call.location = SL_STR("global");
    b->call.user = SL_STR("u_1");
    assert_true(bench_openai(b, r->body));
    bench_create(b);
    struct stub *c = send_http(&b->http, sl_str_c(r->base), sl_buf_str(&b->body));
    struct video_answer a = answer_of(c);
    a.body = sl_arena_str(&b->a, a.body);
    if (b->call.adapter->create_read(&b->call, &a, &b->job, &b->why) != VIDEO_CREATED)
        fail_msg("%s: %d %.*s", r->model, a.status, SL_STR_ARG(a.body));
    b->call.task_id = b->job.task_id;
    b->call.aux = b->job.aux;
    stub_free(c);
}

static void whole_lives(void **state)
{
    (void)state;
    for (size_t i = 0; i < N(rows); i++) {
        const struct row *r = &rows[i];
        struct bench b;
        struct video_units reserved, units;
        struct video_terms terms;
        make(&b, r);
        b.call.adapter->reserve(&b.call, &reserved, &terms);
        stub_run(&w, 500 * SL_MS);
        poll(&b, r, VIDEO_IN_PROGRESS);
        stub_run(&w, SL_SEC);
        poll(&b, r, VIDEO_COMPLETED);
        b.call.req = NULL;
        b.call.adapter->settle(&b.call, &b.job, &units, &terms);
        if (units.videos != 1 || units.ms == 0 || units.ms > reserved.ms || units.tokens > reserved.tokens)
            fail_msg("%s: %llu ms of %llu, %llu tokens of %llu", r->model, (unsigned long long)units.ms,
                     (unsigned long long)reserved.ms, (unsigned long long)units.tokens,
                     (unsigned long long)reserved.tokens);
        if (r->inline_bytes) {
            assert_int_equal(b.job.content[0].base64.n, SL_BASE64_BYTES(100000));
        } else {
            assert_true(b.call.adapter->content_write(&b.call, &b.job, VIDEO_PART_VIDEO, &b.http));
            struct stub *c = send_http(&b.http, sl_str_c(r->base), SL_STR_NONE);
            assert_int_equal(c->status, 200);
            assert_int_equal(c->body.n, 100000);
            stub_free(c);
        }
        bench_end(&b);
    }
}

/* The same tokens as the account has. */
static void billed(void **state)
{
    (void)state;
    uint64_t tokens = 0, seconds = 0;
    stub_free(stub_ask(&w, "DELETE", "/sim/video", NULL, SL_STR_NONE));
    for (size_t i = 0; i < 6; i++) {
        struct bench b;
        struct video_units units;
        struct video_terms terms = {.audio = false};
        make(&b, &rows[i]);
        stub_run(&w, 2 * SL_SEC);
        poll(&b, &rows[i], VIDEO_COMPLETED);
        b.call.adapter->settle(&b.call, &b.job, &units, &terms);
        tokens += units.tokens;
        seconds += units.ms / 1000;
        bench_end(&b);
    }
    struct stub *c = stub_ask(&w, "GET", "/sim/video", NULL, SL_STR_NONE);
    yyjson_doc *d = stub_json(c);
    assert_int_equal(stub_number_at(d, "/billed/tokens"), tokens);
    assert_int_equal(stub_number_at(d, "/billed/seconds"), seconds);
    assert_int_equal(stub_number_at(d, "/leaked"), 0);
    yyjson_doc_free(d);
    stub_free(c);
}

/* The answer to a create is lost: the list shows the one that was made, without doubt. */
static void adopted(void **state)
{
    (void)state;
    struct bench b, other;
    stub_free(stub_ask(&w, "DELETE", "/sim/video", NULL, SL_STR_NONE));
    make(&other, &rows[5]);
    bench_end(&other);
    bench_begin(&b, "ark", "dreamina-seedance-2-0-260128");
    b.call.user = SL_STR("u_1");
    assert_true(bench_openai(&b, "{\"model\":\"v\",\"prompt\":\"[[video create=lost]]\"}"));
    bench_create(&b);
    b.call.aux = video_facts(&b.call);
    struct stub *c = send_http(&b.http, SL_STR("/api/v3"), sl_buf_str(&b.body));
    assert_true(c->reset);
    struct video_answer a = {.status = 0};
    assert_int_equal(b.call.adapter->create_read(&b.call, &a, &b.job, &b.why), VIDEO_UNCLEAR);
    stub_free(c);
    other = b;
    other.call.token = SL_STR("another-job-s-token"); /* the same wish, made by another job */
    sl_buf_init(&other.body, 1u << 20);
    bench_create(&other);
    stub_free(send_http(&other.http, SL_STR("/api/v3"), sl_buf_str(&other.body)));
    sl_buf_done(&other.body);
    struct video_list_ask ask = {.page = 1};
    struct video_list list;
    assert_true(b.call.adapter->list_write(&b.call, &ask, &b.http));
    c = send_http(&b.http, SL_STR("/api/v3"), SL_STR_NONE);
    a = answer_of(c);
    assert_int_equal(b.call.adapter->list_read(&b.call, &a, &list, &b.why), VIDEO_POLL_OK);
    assert_int_equal(list.n, 3);
    unsigned yes = 0, maybe = 0;
    for (unsigned i = 0; i < list.n; i++) {
        enum video_match m = b.call.adapter->match(&b.call, list.v[i].created_s, &list.v[i]);
        yes += m == VIDEO_MATCH_YES;
        maybe += m == VIDEO_MATCH_MAYBE;
    }
    assert_int_equal(yes, 1);
    assert_int_equal(maybe, 0);
    stub_free(c);
    bench_end(&b);
}

static int open_world(void **state)
{
    (void)state;
    sl_arena_init(&arena, NULL);
    stub_world_open(&w, &(struct sim_settings){.seed = 7});
    return 0;
}

static int close_world(void **state)
{
    (void)state;
    stub_world_close(&w);
    sl_arena_done(&arena);
    return 0;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(whole_lives),
        cmocka_unit_test(billed),
        cmocka_unit_test(adopted),
    };
    return cmocka_run_group_tests(tests, open_world, close_world);
}
