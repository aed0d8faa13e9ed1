/* Decoding bodies: round trips at every split, truncation, garbage, limits, bombs. */
#include "http/body.h"

#include "base/mem.h"
#include "unit/http/cm.h"

#include <brotli/encode.h>
#include <zlib.h>
#include <zstd.h>

#define NO_LIMIT (1u << 30)

static const enum body_coding codings[] = {BODY_IDENTITY, BODY_GZIP, BODY_DEFLATE, BODY_BR, BODY_ZSTD};
#define CODINGS (sizeof codings / sizeof codings[0])

static size_t deflate_all(struct sl_str in, char *out, size_t cap, int window_bits)
{
    z_stream z = {0};
    assert_int_equal(deflateInit2(&z, 9, Z_DEFLATED, window_bits, 8, Z_DEFAULT_STRATEGY), Z_OK);
    z.next_in = (Bytef *)(uintptr_t)in.p;
    z.avail_in = (unsigned)in.n;
    z.next_out = (Bytef *)out;
    z.avail_out = (unsigned)cap;
    assert_int_equal(deflate(&z, Z_FINISH), Z_STREAM_END);
    size_t n = cap - z.avail_out;
    deflateEnd(&z);
    return n;
}

/* Compresses to a buffer of its own (sl_free). */
static struct sl_str encode(enum body_coding coding, struct sl_str in)
{
    size_t cap = in.n + in.n / 8 + 1024, n = cap;
    char *out = sl_malloc(cap);
    switch (coding) {
    case BODY_GZIP:
        n = deflate_all(in, out, cap, 16 + 15);
        break;
    case BODY_DEFLATE:
        n = deflate_all(in, out, cap, 15);
        break;
    case BODY_BR:
        assert_true(BrotliEncoderCompress(5, 22, BROTLI_MODE_TEXT, in.n, (const uint8_t *)in.p, &n, (uint8_t *)out));
        break;
    case BODY_ZSTD:
        n = ZSTD_compress(out, cap, in.p, in.n, 3);
        assert_false(ZSTD_isError(n));
        break;
    default:
        memcpy(out, in.p, in.n);
        n = in.n;
    }
    return sl_str_of(out, n);
}

struct outcome {
    enum body_result last;
    bool whole;
};

/* Decodes slices of `step` bytes (0: all at once) through an output space of `cap` bytes. */
static struct outcome decode(enum body_coding coding, struct sl_str in, uint64_t max, size_t step, size_t cap,
                             struct sl_buf *out)
{
    struct body_decoder *d = body_decoder_new(coding, max);
    struct outcome o = {BODY_MORE, false};
    char *space = sl_malloc(cap);
    sl_buf_reset(out);
    for (size_t at = 0; at < in.n && o.last == BODY_MORE;) {
        struct sl_str slice = sl_str_head(sl_str_from(in, at), step != 0 ? step : in.n);
        at += slice.n;
        do {
            size_t n = 99;
            o.last = body_decoder_feed(d, &slice, space, cap, &n);
            assert_true(n <= cap);
            assert_true(o.last == BODY_MORE || o.last == BODY_OUT || n == 0);
            sl_buf_add(out, space, n);
        } while (o.last == BODY_OUT);
        assert_true(o.last != BODY_MORE || slice.n == 0);
    }
    o.whole = body_decoder_is_whole(d);
    sl_free(space);
    body_decoder_free(d);
    return o;
}

static struct sl_str text_of(size_t n) /* a little like JSON; sl_free */
{
    char *p = sl_malloc(n);
    uint32_t x = 1;
    for (size_t i = 0; i < n; i++) {
        x = x * 1664525u + 1013904223u;
        p[i] = i % 11 == 0 ? '"' : (char)('a' + (x >> 28));
    }
    return sl_str_of(p, n);
}

static void names(void **state)
{
    (void)state;
    assert_int_equal(body_coding_of(SL_STR_NONE), BODY_IDENTITY);
    assert_int_equal(body_coding_of(SL_STR("")), BODY_IDENTITY);
    assert_int_equal(body_coding_of(SL_STR(" Identity ")), BODY_IDENTITY);
    assert_int_equal(body_coding_of(SL_STR("GZIP")), BODY_GZIP);
    assert_int_equal(body_coding_of(SL_STR("x-gzip")), BODY_GZIP);
    assert_int_equal(body_coding_of(SL_STR("deflate")), BODY_DEFLATE);
    assert_int_equal(body_coding_of(SL_STR("br")), BODY_BR);
    assert_int_equal(body_coding_of(SL_STR("zstd")), BODY_ZSTD);
    assert_int_equal(body_coding_of(SL_STR("compress")), BODY_UNKNOWN);
    assert_int_equal(body_coding_of(SL_STR("gzip, gzip")), BODY_UNKNOWN);
    assert_int_equal(body_coding_of(SL_STR("gzip,")), BODY_UNKNOWN);
    assert_int_equal(body_coding_of(SL_STR("*")), BODY_UNKNOWN);
}

static void round_trips(void **state)
{
    static const size_t steps[] = {0, 1, 2, 3, 7, 100, 4096}, caps[] = {1, 5, 1000, 65536};
    struct sl_buf out;
    (void)state;
    sl_buf_init(&out, NO_LIMIT);
    for (size_t c = 0; c < CODINGS; c++)
        for (size_t n = 0; n <= 20000; n = n * 3 + 1) {
            struct sl_str text = text_of(n), packed = encode(codings[c], text);
            for (size_t s = 0; s < 7; s++)
                for (size_t k = 0; k < 4; k++) {
                    struct outcome o = decode(codings[c], packed, n, steps[s], caps[k], &out);
                    assert_int_equal(o.last, BODY_MORE);
                    assert_true(o.whole);
                    assert_true(sl_str_eq(sl_buf_str(&out), text));
                }
            sl_free((void *)(uintptr_t)text.p);
            sl_free((void *)(uintptr_t)packed.p);
        }
    sl_buf_done(&out);
}

/* A body that ends early is never whole; one with bytes behind its end is refused (or begins a member that is not whole). */
static void truncated_and_longer(void **state)
{
    struct sl_buf out;
    struct sl_str text = text_of(3000);
    (void)state;
    sl_buf_init(&out, NO_LIMIT);
    for (size_t c = 1; c < CODINGS; c++) {
        struct sl_str packed = encode(codings[c], text);
        for (size_t n = 0; n < packed.n; n++) {
            struct outcome o = decode(codings[c], sl_str_head(packed, n), NO_LIMIT, 0, 4096, &out);
            assert_int_equal(o.last, BODY_MORE);
            assert_false(o.whole);
        }
        char *longer = sl_malloc(packed.n + 1);
        memcpy(longer, packed.p, packed.n);
        for (unsigned extra = 0; extra < 256; extra++) {
            longer[packed.n] = (char)extra;
            assert_false(decode(codings[c], sl_str_of(longer, packed.n + 1), NO_LIMIT, 0, 4096, &out).whole);
        }
        sl_free(longer);
        sl_free((void *)(uintptr_t)packed.p);
    }
    sl_free((void *)(uintptr_t)text.p);
    sl_buf_done(&out);
}

static void garbage(void **state)
{
    struct sl_buf out;
    (void)state;
    sl_buf_init(&out, NO_LIMIT);
    for (size_t c = 1; c < CODINGS; c++) {
        if (codings[c] != BODY_BR) /* brotli has no mark at its start */
            assert_int_equal(decode(codings[c], SL_STR("{\"model\":\"x\"}"), NO_LIMIT, 1, 100, &out).last, BODY_BAD);
        struct sl_str text = text_of(500), packed = encode(codings[c], text);
        char *broken = sl_malloc(packed.n);
        unsigned found = 0;
        for (size_t i = 0; i < packed.n; i++) {
            memcpy(broken, packed.p, packed.n);
            broken[i] = (char)(broken[i] ^ 0x55);
            struct outcome o = decode(codings[c], sl_str_of(broken, packed.n), NO_LIMIT, 0, 100, &out);
            found += o.last == BODY_BAD || !o.whole;
        }
        assert_true(found > 0);
        sl_free(broken);
        sl_free((void *)(uintptr_t)text.p);
        sl_free((void *)(uintptr_t)packed.p);
    }
    sl_buf_done(&out);
}

/* RFC 1952 2.2 and RFC 8878 3.1: members and frames one behind the other. */
static void members(void **state)
{
    struct sl_buf out, two;
    (void)state;
    sl_buf_init(&out, NO_LIMIT);
    sl_buf_init(&two, NO_LIMIT);
    for (size_t c = 1; c < CODINGS; c++) {
        struct sl_str packed = encode(codings[c], SL_STR("hello"));
        bool may = codings[c] == BODY_GZIP || codings[c] == BODY_ZSTD;
        sl_buf_reset(&two);
        sl_buf_adds(&two, packed);
        sl_buf_adds(&two, packed);
        for (size_t step = 0; step < 3; step++) {
            struct outcome o = decode(codings[c], sl_buf_str(&two), NO_LIMIT, step, 100, &out);
            assert_int_equal(o.whole, may);
            assert_int_equal(o.last, may ? BODY_MORE : BODY_BAD);
            if (may)
                expect_text(sl_buf_str(&out), SL_STR("hellohello"), "both");
        }
        sl_free((void *)(uintptr_t)packed.p);
    }
    sl_buf_done(&out);
    sl_buf_done(&two);
}

static void limits(void **state)
{
    struct sl_buf out;
    struct sl_str text = text_of(5000);
    (void)state;
    sl_buf_init(&out, NO_LIMIT);
    for (size_t c = 0; c < CODINGS; c++) {
        struct sl_str packed = encode(codings[c], text);
        assert_int_equal(decode(codings[c], packed, 5000, 0, 70, &out).last, BODY_MORE);
        assert_int_equal(decode(codings[c], packed, 4999, 0, 70, &out).last, BODY_LIMIT);
        assert_true(out.n <= 4999);
        assert_int_equal(decode(codings[c], packed, 4999, 1, 100000, &out).last, BODY_LIMIT);
        assert_int_equal(decode(codings[c], packed, 0, 0, 70, &out).last, BODY_LIMIT);
        sl_free((void *)(uintptr_t)packed.p);
    }
    sl_free((void *)(uintptr_t)text.p);
    sl_buf_done(&out);
}

static void bombs(void **state)
{
    size_t n = 64u << 20;
    struct sl_str zeros = sl_str_of(sl_calloc(n, 1), n);
    struct sl_buf out;
    (void)state;
    sl_buf_init(&out, NO_LIMIT);
    for (size_t c = 1; c < CODINGS; c++) {
        struct sl_str packed = encode(codings[c], zeros);
        assert_true(packed.n * BODY_RATIO_MAX < n);
        struct outcome o = decode(codings[c], packed, NO_LIMIT, 0, 16384, &out);
        assert_int_equal(o.last, BODY_BOMB);
        assert_true(out.n <= (packed.n + 1) * BODY_RATIO_MAX + BODY_RATIO_FREE_BYTES);
        sl_free((void *)(uintptr_t)packed.p);
        /* blanks up to the free amount are no bomb, whatever their ratio */
        packed = encode(codings[c], sl_str_head(zeros, BODY_RATIO_FREE_BYTES));
        o = decode(codings[c], packed, NO_LIMIT, 0, 16384, &out);
        assert_int_equal(o.last, BODY_MORE);
        assert_true(o.whole);
        assert_int_equal(out.n, BODY_RATIO_FREE_BYTES);
        sl_free((void *)(uintptr_t)packed.p);
    }
    sl_free((void *)(uintptr_t)zeros.p);
    sl_buf_done(&out);
}

/* RFC 9659: a frame that wants more than 8 MiB of memory is refused at its head. */
static void windows(void **state)
{
    struct sl_buf out;
    size_t n = 20u << 20, cap;
    struct sl_str text = text_of(n);
    ZSTD_CCtx *z = ZSTD_createCCtx();
    (void)state;
    sl_buf_init(&out, NO_LIMIT);
    cap = ZSTD_compressBound(n);
    char *packed = sl_malloc(cap);
    ZSTD_CCtx_setParameter(z, ZSTD_c_windowLog, BODY_ZSTD_WINDOW_LOG + 1);
    ZSTD_CCtx_setParameter(z, ZSTD_c_contentSizeFlag, 0);
    size_t packed_n = ZSTD_compress2(z, packed, cap, text.p, n);
    assert_false(ZSTD_isError(packed_n));
    assert_int_equal(decode(BODY_ZSTD, sl_str_of(packed, packed_n), NO_LIMIT, 0, 65536, &out).last, BODY_BAD);
    assert_int_equal(out.n, 0);
    ZSTD_freeCCtx(z);
    sl_free(packed);
    sl_free((void *)(uintptr_t)text.p);
    sl_buf_done(&out);
}

static void errors_stay(void **state)
{
    struct body_decoder *d = body_decoder_new(BODY_GZIP, 100);
    struct sl_str in = SL_STR("not gzip"), good = SL_STR("\x1f\x8b");
    char out[10];
    size_t n;
    (void)state;
    assert_int_equal(body_decoder_feed(d, &in, out, sizeof out, &n), BODY_BAD);
    assert_int_equal(body_decoder_feed(d, &good, out, sizeof out, &n), BODY_BAD);
    assert_int_equal(n, 0);
    assert_false(body_decoder_is_whole(d));
    body_decoder_free(d);
    body_decoder_free(NULL);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(names),   cmocka_unit_test(round_trips), cmocka_unit_test(truncated_and_longer),
        cmocka_unit_test(garbage), cmocka_unit_test(members),     cmocka_unit_test(limits),
        cmocka_unit_test(bombs),   cmocka_unit_test(windows),     cmocka_unit_test(errors_stay),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
