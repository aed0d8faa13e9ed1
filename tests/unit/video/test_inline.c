/* Videos in JSON answers: thinned, unpacked, whatever the slices. */
#include "lib.h"

#include "base/base64.h"
#include "base/mem.h"
#include "base/rand.h"
#include "dialect/json_scan.h"
#include "video/inline.h"

#define VIDEO_BYTES 300000u

static struct sl_str answer_of(struct sl_buf *b, const char *before, struct sl_str video, bool escaped)
{
    sl_buf_adds(b, sl_str_c(before));
    char *text = sl_malloc(SL_BASE64_BYTES(video.n));
    size_t n = sl_base64_encode(video, text);
    for (size_t i = 0; i < n; i++) {
        if (escaped && text[i] == '=')
            sl_buf_adds(b, SL_STR("\\u003d"));
        else if (escaped && text[i] == '/')
            sl_buf_adds(b, SL_STR("\\/"));
        else
            sl_buf_addc(b, text[i]);
    }
    sl_free(text);
    sl_buf_adds(b, SL_STR("\",\"mimeType\":\"video/mp4\"}]},\"done\":true}"));
    return sl_buf_str(b);
}

static size_t unpacked(struct sl_str in, size_t slice, char *out, bool *whole)
{
    struct video_unpack u = {.state = 0};
    size_t n = 0;
    while (in.n > 0) {
        struct sl_str some = sl_str_head(in, slice);
        n += video_unpack(&u, some, out + n);
        in = sl_str_from(in, some.n);
    }
    *whole = video_unpack_whole(&u);
    return n;
}

static const char open_text[] =
    "{\"name\":\"a\\\"bytesBase64Encoded\",\"x\":[\"bytesBase64Encoded\"],\"response\":{\"videos\":[{\"bytesBase64Encoded\" : \"";

static void test_unpacks(void **state)
{
    static const size_t slices[] = {1, 2, 3, 5, 7, 4096, SIZE_MAX};
    struct sl_rand rand;
    char *video = sl_malloc(VIDEO_BYTES), *out = sl_malloc(2 * VIDEO_BYTES);
    (void)state;
    sl_rand_seed(&rand, 7);
    for (size_t i = 0; i < VIDEO_BYTES; i++)
        video[i] = (char)sl_rand_next(&rand);
    for (size_t k = 0; k < 4 * N(slices); k++) {
        struct sl_buf b;
        bool whole;
        size_t n = k < N(slices) ? VIDEO_BYTES : k % 5;
        sl_buf_init(&b, 4 * VIDEO_BYTES);
        struct sl_str text = answer_of(&b, open_text, sl_str_of(video, n), k % 2 == 0);
        assert_int_equal(unpacked(text, slices[k % N(slices)], out, &whole), n);
        assert_true(whole);
        assert_memory_equal(out, video, n);
        if (n > 3) {
            (void)unpacked(sl_str_head(text, text.n / 2), 999, out, &whole);
            assert_false(whole);
        }
        sl_buf_done(&b);
    }
    sl_free(video);
    sl_free(out);
}

static void test_what_is_none(void **state)
{
    static const char *const rows[] = {
        "",
        "{}",
        "[1,2",
        "{\"bytesBase64Encoded\":null}",
        "{\"bytesBase64Encoded\":\"AA!A\"}",
        "{\"bytesBase64Encoded\":\"AAA=A\"}",
        "{\"bytesBase64Encoded\":\"AAAAA\"}",
        "{\"bytesBase64Encoded\":\"AAAA",
        "{\"bytesBase64Encoded\":\"\\u00zz\"}",
        "{\"bytesBase64Encoded\":\"\\u2603\"}",
        "\"\"\"\"\\\\\\",
        "{\"bytesBase64Encodedx\":\"AAAA\"}",
    };
    (void)state;
    for (size_t i = 0; i < N(rows); i++) {
        char out[64];
        bool whole;
        unpacked(sl_str_c(rows[i]), 1, out, &whole);
        if (whole)
            fail_msg("%s", rows[i]);
    }
}

static struct sl_str thinned(struct sl_str in, size_t slice, char *out)
{
    struct video_thin t = {.n = 0};
    size_t n = 0;
    while (in.n > 0) {
        struct sl_str some = sl_str_head(in, slice);
        n += video_thin(&t, some, out + n);
        in = sl_str_from(in, some.n);
    }
    return sl_str_of(out, n);
}

static void test_thins(void **state)
{
    static const struct sl_str pieces[] = {SL_STR_INIT("A"), SL_STR_INIT("\\u003d"), SL_STR_INIT("\\\\"),
                                           SL_STR_INIT("é"), SL_STR_INIT("\\\"")};
    char *out = sl_malloc(1 << 20);
    (void)state;
    for (size_t k = 0; k < N(pieces); k++)
        for (size_t lead = 0; lead < 8; lead++) {
            struct json_info info;
            struct sl_buf b;
            sl_buf_init(&b, 1 << 20);
            sl_buf_adds(&b, SL_STR("{\"a\":\""));
            for (size_t i = 0; i < lead; i++)
                sl_buf_addc(&b, 'x');
            while (b.n < 200000)
                sl_buf_adds(&b, pieces[k]);
            sl_buf_adds(&b, SL_STR("\",\"b\":\"short\",\"n\":1}"));
            struct sl_str thin = thinned(sl_buf_str(&b), 1 + 777 * k, out);
            assert_int_equal(json_scan(thin, NULL, 0, NULL, &info), JSON_OK);
            assert_true(thin.n < VIDEO_THIN_BYTES + 100 && sl_str_ends(thin, SL_STR("\",\"b\":\"short\",\"n\":1}")));
            sl_buf_done(&b);
        }
    struct sl_str same = SL_STR("{\"a\":\"b\\\"c\",\"d\":[\"\",\"\\\\\"]}");
    assert_true(sl_str_eq(thinned(same, 3, out), same));
    sl_free(out);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_unpacks), cmocka_unit_test(test_what_is_none),
                                       cmocka_unit_test(test_thins)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
