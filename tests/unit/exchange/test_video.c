/* What is kept of video jobs, and how webhooks about them are signed. */
#include "exchange/video_hook.h"
#include "exchange/video_int.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

static struct sl_arena arena;

static int set_up(void **state)
{
    (void)state;
    sl_arena_init(&arena, NULL);
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    sl_arena_done(&arena);
    return 0;
}

#define IS(a, b) assert_true(sl_str_eq((a), SL_STR(b)))

/* The example of the specification's reference libraries. */
static void a_known_signature(void **state)
{
    (void)state;
    struct sl_str s = video_hook_signature(SL_STR("whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"),
                                           SL_STR("msg_p5jXN8AQM9LWM0D4loKWxJek"), 1614265330,
                                           SL_STR("{\"test\": 2432232314}"), &arena);
    IS(s, "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=");
}

static void secrets_of_any_kind(void **state)
{
    (void)state;
    static const char *const secrets[] = {"", "plain", "whsec_", "whsec_!!!not base64!!!", "whsec_AA=="};
    for (size_t i = 0; i < sizeof secrets / sizeof secrets[0]; i++) {
        struct sl_str s = video_hook_signature(sl_str_c(secrets[i]), SL_STR("id"), 1, SL_STR_NONE, &arena);
        assert_int_equal(s.n, 3 + 44);
    }
}

static struct sl_str asked(const struct video_request *r, bool prompts)
{
    struct sl_buf b;
    struct video_notes notes = {.v = {SL_STR_INIT("seed")}, .n = 1};
    sl_buf_init(&b, 1 << 20);
    video_asked_write(r, &notes, prompts, SL_STR("video_source"), &b);
    struct sl_str out = sl_arena_str(&arena, sl_buf_str(&b));
    sl_buf_done(&b);
    return out;
}

static void what_was_asked_is_read_back(void **state)
{
    (void)state;
    struct video_request *r = SL_ARENA_NEW(&arena, struct video_request),
                         *back = SL_ARENA_NEW(&arena, struct video_request);
    *r = (struct video_request){.face = VIDEO_FACE_ARK,
                                .prompt = SL_STR("a \"cat\"\n\xc3\xa4"),
                                .ms = VIDEO_AUTO_MS,
                                .width = 1280,
                                .height = 720,
                                .ratio = SL_STR("16:9"),
                                .seed = -1,
                                .audio = VIDEO_NO,
                                .user = SL_STR("u"),
                                .metadata = {{SL_STR_INIT("k"), SL_STR_INIT("v\"")}},
                                .n_metadata = 1};
    struct sl_str json = asked(r, true);
    video_asked_read(json, &arena, back);
    assert_true(sl_str_eq(back->prompt, r->prompt));
    assert_int_equal(back->ms, VIDEO_AUTO_MS);
    assert_int_equal(back->width, 1280);
    assert_int_equal(back->seed, -1);
    assert_int_equal(back->audio, VIDEO_NO);
    assert_true(video_asked_in_ark(json, &arena));
    const struct store_video row = {.id = SL_STR("video_1"), .model = SL_STR("m"), .request = json, .made_ns = SL_SEC};
    struct video_view v;
    video_view_of(&row, SL_SEC, &arena, &v);
    IS(v.remixed_from, "video_source");
    assert_int_equal(v.n_metadata, 1);
    IS(v.metadata[0].value, "v\"");
    assert_int_equal(v.notes->n, 1);
    assert_int_equal(v.status, VIDEO_QUEUED);
    video_asked_read(asked(r, false), &arena, back);
    assert_int_equal(back->prompt.n + back->user.n, 0);
}

static void what_was_made_is_read_back(void **state)
{
    (void)state;
    struct video_job job, back;
    struct sl_buf b;
    video_job_init(&job);
    job.aux = SL_STR("aux");
    job.upstream_status = SL_STR("succeeded");
    job.ms = 5000;
    job.terms = (struct video_terms){.resolution = SL_STR("720p"), .width = 1280, .height = 720, .audio = true};
    job.usage.tokens = 108900;
    job.content[0] = (struct video_content){
        .part = VIDEO_PART_LAST_FRAME, .url = SL_STR("https://x/y?sig=\"1\""), .expires_s = 1795176000};
    job.n_content = 1;
    sl_buf_init(&b, 1 << 20);
    video_result_write(&job, &b);
    video_result_read(sl_buf_str(&b), &arena, &back);
    IS(back.aux, "aux");
    assert_int_equal(back.ms, 5000);
    assert_int_equal(back.usage.tokens, 108900);
    assert_true(back.terms.audio);
    assert_int_equal(back.n_content, 1);
    assert_int_equal(back.content[0].part, VIDEO_PART_LAST_FRAME);
    IS(back.content[0].url, "https://x/y?sig=\"1\"");
    assert_int_equal(back.content[0].expires_s, 1795176000);
    for (size_t n = 0; n < b.n; n++) /* cut anywhere: nothing is read, and nothing else happens */
        video_result_read(sl_str_of(b.p, n), &arena, &back);
    sl_buf_done(&b);
}

static void states_are_what_pollers_know(void **state)
{
    (void)state;
    static const struct {
        enum store_video_state state;
        const char *code;
        enum video_status status;
        enum video_reason reason;
    } rows[] = {
        {STORE_VIDEO_SUBMITTING, "", VIDEO_QUEUED, VIDEO_REASON_NONE},
        {STORE_VIDEO_UNCLEAR, "", VIDEO_QUEUED, VIDEO_REASON_NONE},
        {STORE_VIDEO_RUNS, "", VIDEO_IN_PROGRESS, VIDEO_REASON_NONE},
        {STORE_VIDEO_COMPLETED, "", VIDEO_COMPLETED, VIDEO_REASON_NONE},
        {STORE_VIDEO_CANCELLED, "", VIDEO_FAILED, VIDEO_REASON_CANCELLED},
        {STORE_VIDEO_EXPIRED, "", VIDEO_FAILED, VIDEO_REASON_EXPIRED},
        {STORE_VIDEO_FAILED, "timeout", VIDEO_FAILED, VIDEO_REASON_TIMEOUT},
        {STORE_VIDEO_FAILED, "unknown_submission", VIDEO_FAILED, VIDEO_REASON_UNCLEAR},
        {STORE_VIDEO_FAILED, "invented", VIDEO_FAILED, VIDEO_REASON_PROVIDER},
    };
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        const struct store_video row = {
            .id = SL_STR("video_1"), .state = rows[i].state, .error_code = sl_str_c(rows[i].code), .progress = -1};
        struct video_view v;
        int before = 0;
        for (int64_t s = 0; s < 4000; s += 7) { /* an estimate never falls, and never says that it is done */
            video_view_of(&row, s * SL_SEC, &arena, &v);
            assert_in_range(v.progress, before, rows[i].state == STORE_VIDEO_COMPLETED ? 100 : 95);
            before = v.progress;
        }
        assert_int_equal(v.status, rows[i].status);
        assert_int_equal(v.reason, rows[i].reason);
    }
}

/* Every entry that videos are priced by costs the same when it was written down, kept with a row and read again. */
static void prices_are_kept(void **state)
{
    static const char *const resolutions[] = {"480p", "720p", "1080p", "4k", ""};
    struct price_catalog *all = price_catalog_embedded();
    unsigned compared = 0;
    (void)state;
    for (uint32_t i = 0; i < price_catalog_count(all); i++) {
        const struct price *p = price_at(all, i);
        struct price again;
        if (p->n_rows == 0 && p->units.p[UU_VIDEO_MS_OUT] == PRICE_NONE && p->rates.p[PR_OUTPUT_VIDEO] == PRICE_NONE)
            continue;
        struct sl_str row = video_price_add(SL_STR("{\"prompt\":\"p\"}"), p, &arena);
        assert_true(video_price_read(row, &arena, &again));
        for (unsigned k = 0; k < 5 * 2 * 3 * 2 * 2; k++) {
            struct video_units units = {.videos = 1, .cost_p = -1};
            struct video_terms terms = {.resolution = sl_str_c(resolutions[k % 5]),
                                        .audio = k / 5 % 2 == 1,
                                        .video_input = k / 10 % 3 == 1,
                                        .tier = k / 30 % 2 == 1 ? SL_STR("flex") : SL_STR("default")};
            struct usage used;
            units.tokens = k / 60 % 2 == 1 ? 108900 : 0;
            units.ms = units.tokens > 0 ? 0 : 5000;
            struct cost a = video_cost(p, &units, &terms, &used), b = video_cost(&again, &units, &terms, &used);
            if (a.cost_p != b.cost_p || a.flags != b.flags)
                fail_msg(SL_STR_FMT ": %lld is not %lld", SL_STR_ARG(p->id), (long long)a.cost_p, (long long)b.cost_p);
            compared++;
        }
    }
    assert_true(compared > 1000);
    price_catalog_unref(all);
}

static void prices_that_are_none(void **state)
{
    static const char *const rows[] = {
        "", "{}", "{\"price\":1}", "{\"price\":", "[]", "{\"prompt\":\"\\\"price\\\":{}\"}"};
    struct price p;
    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++)
        assert_false(video_price_read(sl_str_c(rows[i]), &arena, &p));
    assert_true(sl_str_eq(video_price_add(SL_STR("{}"), NULL, &arena), SL_STR("{}")));
}

static void what_was_copied_is_read_back(void **state)
{
    (void)state;
    struct video_copy back, c = {.v = {{.part = VIDEO_PART_VIDEO,
                                        .bytes = UINT64_C(1) << 40,
                                        .sum = SL_STR_INIT("00ff"),
                                        .type = SL_STR_INIT("video/mp4; codecs=\"avc1\""),
                                        .etag = SL_STR_INIT("\"abc-2\"")},
                                       {.part = VIDEO_PART_THUMBNAIL, .bytes = 1}},
                                 .n = 2};
    static const char *const broken[] = {"", "{", "[{}", "{}", "[1,null]", "null"};
    struct sl_buf b;
    sl_buf_init(&b, 1 << 20);
    video_copy_write(&c, &b);
    video_copy_read(sl_arena_str(&arena, sl_buf_str(&b)), &arena, &back); /* views of what was read */
    sl_buf_done(&b);
    assert_int_equal(back.n, 2);
    assert_int_equal(back.v[0].bytes, UINT64_C(1) << 40);
    IS(back.v[0].sum, "00ff");
    IS(back.v[0].type, "video/mp4; codecs=\"avc1\"");
    IS(back.v[0].etag, "\"abc-2\"");
    assert_int_equal(back.v[1].part, VIDEO_PART_THUMBNAIL);
    assert_int_equal(back.v[1].etag.n, 0);
    for (size_t i = 0; i < sizeof broken / sizeof broken[0]; i++) { /* no bytes: nothing that could be served */
        video_copy_read(sl_str_c(broken[i]), &arena, &back);
        for (unsigned k = 0; k < back.n; k++)
            assert_int_equal(back.v[k].bytes, 0);
    }
    IS(video_copy_name(SL_STR("video_a"), VIDEO_PART_LAST_FRAME, &arena), "video_a.last_frame");
}

#define T(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        T(what_was_copied_is_read_back),
        T(a_known_signature),
        T(secrets_of_any_kind),
        T(what_was_asked_is_read_back),
        T(what_was_made_is_read_back),
        T(states_are_what_pollers_know),
        T(prices_are_kept),
        T(prices_that_are_none),
    };
    return cmocka_run_group_tests_name("video", tests, NULL, NULL);
}
