/* AWS' frames: the documented vectors, every cut, what is broken and how it is told. */
#include "http/aws_frames.h"

#include "lib/aws_frame.h"
#include "unit/http/cm.h"
#include "unit/http/transcript.h"

/* The vectors of bedrock.md section 5, computed by two independent programs. */
static const char event_hex[] =
    "000000870000004b87ea2bf30b3a6576656e742d747970650700056368756e6b0d3a636f6e74656e742d747970650700106170706c69636174696f"
    "6e2f6a736f6e0d3a6d6573736167652d747970650700056576656e747b226279746573223a2265794a306558426c496a6f696257567a6332466e5a"
    "56397a64473977496e303d227d"
    "ba48ab22";
static const char exception_hex[] =
    "0000008e00000061514180540f3a657863657074696f6e2d747970650700137468726f74746c696e67457863657074696f6e0d3a636f6e74656e74"
    "2d747970650700106170706c69636174696f6e2f6a736f6e0d3a6d6573736167652d74797065070009657863657074696f6e7b226d657373616765"
    "223a22546f6f206d616e7920746f6b656e73227dc81b1ec1";
static const char empty_hex[] = "000000100000000005c248eb7d98c8ff";

static unsigned nibble(char c)
{
    return c >= 'a' ? (unsigned)(c - 'a') + 10 : (unsigned)(c - '0');
}

static void add_hex(struct sl_buf *b, const char *hex)
{
    for (; hex[0] != 0; hex += 2)
        sl_buf_addc(b, (char)(nibble(hex[0]) << 4 | nibble(hex[1])));
}

static enum aws_result parse(struct sl_str bytes, size_t max, struct cut cut, struct sl_buf *out, size_t *out_rest)
{
    static const char *const kinds[] = {"event", "exception", "error"};
    struct aws_frames s;
    struct aws_frame f;
    enum aws_result r = AWS_MORE;
    sl_buf_reset(out);
    aws_frames_init(&s, max);
    for (size_t from = 0; from < bytes.n && (r == AWS_MORE || r == AWS_FRAME);) {
        struct slice slice = slice_take(bytes, from, cut);
        from += slice.view.n;
        struct sl_str in = slice.view;
        while ((r = aws_frames_next(&s, &in, &f)) == AWS_FRAME)
            sl_buf_addf(out, "%s " SL_STR_FMT " '" SL_STR_FMT "' '" SL_STR_FMT "'\n", kinds[f.kind], SL_STR_ARG(f.name),
                        SL_STR_ARG(f.message), SL_STR_ARG(f.payload));
        if (r == AWS_MORE)
            assert_int_equal(in.n, 0);
        sl_free(slice.own);
    }
    *out_rest = aws_frames_rest(&s);
    aws_frames_done(&s);
    return r;
}

/* Whole, in slices and cut in two at every byte. */
static void expect(struct sl_str bytes, enum aws_result want, const char *text, size_t rest)
{
    struct sl_buf out;
    size_t left;
    sl_buf_init(&out, 1u << 20);
    for (size_t step = 0; step < 18; step++) {
        assert_int_equal(parse(bytes, 0, (struct cut){step, 0}, &out, &left), want);
        expect_text(sl_buf_str(&out), sl_str_c(text), "in slices");
        if (want == AWS_MORE)
            assert_int_equal(left, rest);
    }
    for (size_t at = 1; at < bytes.n; at++) {
        assert_int_equal(parse(bytes, 0, (struct cut){SIZE_MAX, at}, &out, &left), want);
        expect_text(sl_buf_str(&out), sl_str_c(text), "cut in two");
    }
    sl_buf_done(&out);
}

#define EVENT_TEXT "event chunk '' '{\"bytes\":\"eyJ0eXBlIjoibWVzc2FnZV9zdG9wIn0=\"}'\n"
#define EXCEPTION_TEXT "exception throttlingException '' '{\"message\":\"Too many tokens\"}'\n"

static void vectors(void **state)
{
    (void)state;
    struct sl_buf b;
    sl_buf_init(&b, 4096);
    add_hex(&b, event_hex);
    expect(sl_buf_str(&b), AWS_MORE, EVENT_TEXT, 0);
    add_hex(&b, exception_hex);
    add_hex(&b, event_hex);
    expect(sl_buf_str(&b), AWS_MORE, EVENT_TEXT EXCEPTION_TEXT EVENT_TEXT, 0);
    expect(sl_str_head(sl_buf_str(&b), b.n - 1), AWS_MORE, EVENT_TEXT EXCEPTION_TEXT, strlen(event_hex) / 2 - 1);
    sl_buf_reset(&b);
    add_hex(&b, empty_hex); /* right, but of no type */
    expect(sl_buf_str(&b), AWS_BROKEN, "", 0);
    sl_buf_done(&b);
}

/* Any flipped bit is found, and nothing of its frame is given. */
static void flipped_bits(void **state)
{
    (void)state;
    struct sl_buf b, out;
    size_t left;
    sl_buf_init(&b, 4096);
    sl_buf_init(&out, 4096);
    add_hex(&b, event_hex);
    for (size_t bit = 0; bit < b.n * 8; bit++) {
        b.p[bit / 8] = (char)(b.p[bit / 8] ^ (1 << bit % 8));
        assert_int_equal(parse(sl_buf_str(&b), 0, (struct cut){7, 0}, &out, &left), AWS_BROKEN);
        assert_int_equal(out.n, 0);
        b.p[bit / 8] = (char)(b.p[bit / 8] ^ (1 << bit % 8));
    }
    sl_buf_done(&b);
    sl_buf_done(&out);
}

static void add_prelude(struct sl_buf *b, size_t total, size_t headers)
{
    char p[12];
    aws_test_u32(p, total);
    aws_test_u32(p + 4, headers);
    aws_test_u32(p + 8, aws_test_crc(sl_str_of(p, 8)));
    sl_buf_add(b, p, 12);
}

static void lengths(void **state)
{
    (void)state;
    static const struct {
        size_t total, headers;
        enum aws_result want;
    } rows[] = {
        {0, 0, AWS_BROKEN},
        {15, 0, AWS_BROKEN},
        {16, 1, AWS_BROKEN},
        {100, 85, AWS_BROKEN},
        {100, 84, AWS_MORE},
        {(1u << 20), (128u << 10) + 1, AWS_BROKEN},
        {(1u << 20), 0xffffffffu, AWS_BROKEN},
        {AWS_FRAME_BYTES, 100, AWS_MORE},
        {AWS_FRAME_BYTES + 1, 100, AWS_LIMIT},
        {0xffffffffu, 100, AWS_LIMIT},
    };
    struct sl_buf b;
    sl_buf_init(&b, 4096);
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        sl_buf_reset(&b);
        add_prelude(&b, rows[i].total, rows[i].headers);
        expect(sl_buf_str(&b), rows[i].want, "", 12);
    }
    sl_buf_done(&b);
}

static void a_smaller_limit(void **state)
{
    (void)state;
    struct sl_buf b, out;
    size_t left;
    sl_buf_init(&b, 4096);
    sl_buf_init(&out, 4096);
    add_hex(&b, event_hex);
    assert_int_equal(parse(sl_buf_str(&b), b.n, (struct cut){0}, &out, &left), AWS_MORE);
    assert_true(out.n > 0);
    assert_int_equal(parse(sl_buf_str(&b), b.n - 1, (struct cut){0}, &out, &left), AWS_LIMIT);
    assert_int_equal(out.n, 0);
    sl_buf_done(&b);
    sl_buf_done(&out);
}

/* Headers of every type; those that are not asked for are passed over by their size. */
static void header_types(void **state)
{
    (void)state;
    struct sl_buf b, h;
    sl_buf_init(&b, 4096);
    sl_buf_init(&h, 4096);
    sl_buf_add(&h, "\1a\0\1b\1\1c\2x\1d\3xx\1e\4xxxx\1f\5xxxxxxxx\1g\6\0\3xxx\1h\10xxxxxxxx\1i\11xxxxxxxxxxxxxxxx", 71);
    aws_test_header(&h, ":message-type", "error");
    aws_test_header(&h, ":error-code", "InternalFailure");
    aws_test_header(&h, ":error-message", "It broke");
    aws_test_frame(&b, sl_buf_str(&h), SL_STR_NONE);
    expect(sl_buf_str(&b), AWS_MORE, "error InternalFailure 'It broke' ''\n", 0);

    static const struct sl_str bad[] = {
        SL_STR_INIT("\1a\12"),                             /* no such type */
        SL_STR_INIT("\5a\0"),                              /* a name that is not all there */
        SL_STR_INIT("\1a\7\0\5xxx"),                       /* a value that is not */
        SL_STR_INIT("\1a\7\0"),                            /* a length that is not */
        SL_STR_INIT("\1a"),                                /* no type */
        SL_STR_INIT("\15:message-type\7\0\5other"),        /* no such message */
        SL_STR_INIT("\15:message-type\6\0\5event\1a\0\0"), /* not a string */
    };
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        sl_buf_reset(&b);
        aws_test_frame(&b, bad[i], SL_STR("{}"));
        expect(sl_buf_str(&b), AWS_BROKEN, "", 0);
    }
    sl_buf_done(&b);
    sl_buf_done(&h);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(vectors),         cmocka_unit_test(flipped_bits), cmocka_unit_test(lengths),
        cmocka_unit_test(a_smaller_limit), cmocka_unit_test(header_types),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
