/* Event streams: kinds, fields, line ends, every split, limits, where the views point. */
#include "http/sse.h"

#include "unit/http/cm.h"
#include "unit/http/transcript.h"

#define OUT_MAX (1u << 22)

static void parse(struct sl_str bytes, size_t max, struct cut cut, struct sl_buf *out)
{
    sl_buf_reset(out);
    sse_transcript(bytes, max, cut, out);
}

static void expect(struct sl_str bytes, struct sl_str want)
{
    struct sl_buf out;
    sl_buf_init(&out, OUT_MAX);
    parse(bytes, 0, (struct cut){0}, &out);
    expect_text(sl_buf_str(&out), want, bytes.p);
    for (size_t step = 1; step < 6; step++) {
        parse(bytes, 0, (struct cut){step, 0}, &out);
        expect_text(sl_buf_str(&out), want, "in small slices");
    }
    for (size_t at = 1; at < bytes.n; at++) {
        parse(bytes, 0, (struct cut){SIZE_MAX, at}, &out);
        expect_text(sl_buf_str(&out), want, "cut in two");
    }
    sl_buf_done(&out);
}
#define EXPECT(bytes, want) expect(SL_STR(bytes), SL_STR(want))

static void events(void **state)
{
    (void)state;
    EXPECT("data: {\"a\":1}\n\ndata: [DONE]\n\n",
           "0 data1 done0 id \"\"\"\"\"{\\\"a\\\":1}\"\n0 data1 done1 id \"\"\"\"\"[DONE]\"\n");
    EXPECT("event: message_start\nid: 7\nretry: 10\ndata:x\n\n", "0 data1 done0 id \"7\"\"message_start\"\"x\"\n");
    EXPECT("data: a\ndata:b\ndata\ndata:  c\n\n", "0 data1 done0 id \"\"\"\"\"a\\nb\\n\\n c\"\n");
    EXPECT("event: a\nevent: b\n\n", "0 data0 done0 id \"\"\"b\"\"\"\n");
    EXPECT("data\n\n", "0 data1 done0 id \"\"\"\"\"\"\n");
    EXPECT("dat: x\nDATA: y\n data: z\n\n", "0 data0 done0 id \"\"\"\"\"\"\n");
    EXPECT("data: [DONE] \n\n", "0 data1 done0 id \"\"\"\"\"[DONE] \"\n");
    EXPECT("data: unfinished\n", "");
    EXPECT("", "");
}

static void comments_and_blanks(void **state)
{
    (void)state;
    EXPECT(": ping\n\n", "1 data0 done0 id \"\"\"\"\"\"\n2 data0 done0 id \"\"\"\"\"\"\n");
    EXPECT(":\n:\n", "1 data0 done0 id \"\"\"\"\"\"\n1 data0 done0 id \"\"\"\"\"\"\n");
    EXPECT("\n\ndata: x\n\n",
           "2 data0 done0 id \"\"\"\"\"\"\n2 data0 done0 id \"\"\"\"\"\"\n0 data1 done0 id \"\"\"\"\"x\"\n");
    EXPECT("data: x\n: inside\ndata: y\n\n", "0 data1 done0 id \"\"\"\"\"x\\ny\"\n");
    EXPECT(": before\ndata: x\n\n", "1 data0 done0 id \"\"\"\"\"\"\n0 data1 done0 id \"\"\"\"\"x\"\n");
}

static void line_ends(void **state)
{
    (void)state;
    EXPECT("data: a\r\ndata: b\r\n\r\n: c\r\ndata: d\r\n\r\n",
           "0 data1 done0 id \"\"\"\"\"a\\nb\"\n1 data0 done0 id \"\"\"\"\"\"\n0 data1 done0 id \"\"\"\"\"d\"\n");
    EXPECT("data: a\rdata: b\r\rdata: c\r\r", "0 data1 done0 id \"\"\"\"\"a\\nb\"\n0 data1 done0 id \"\"\"\"\"c\"\n");
    EXPECT("data: a\n\r\ndata: b\r\n\ndata: c\r\n\rdata: d\n\n",
           "0 data1 done0 id \"\"\"\"\"a\"\n0 data1 done0 id \"\"\"\"\"b\"\n0 data1 done0 id \"\"\"\"\"c\"\n"
           "0 data1 done0 id \"\"\"\"\"d\"\n");
    EXPECT("data: tab\tx01\x01y\x0b\x0cz\n\n", "0 data1 done0 id \"\"\"\"\"tab\\tx01\\u0001y\\u000b\\u000cz\"\n");
}

static void byte_order_mark(void **state)
{
    (void)state;
    EXPECT("\xef\xbb\xbf"
           "data: a\n\ndata: b\n\n",
           "0 data1 done0 id \"\"\"\"\"a\"\n0 data1 done0 id \"\"\"\"\"b\"\n");
    EXPECT("\xef\xbb\xbf\ndata: b\n\n", "2 data0 done0 id \"\"\"\"\"\"\n0 data1 done0 id \"\"\"\"\"b\"\n");
    EXPECT("\n\xef\xbb\xbf"
           "data: a\n\n",
           "2 data0 done0 id \"\"\"\"\"\"\n0 data0 done0 id \"\"\"\"\"\"\n");
    EXPECT("\xef\xbb"
           "data: a\n\n",
           "0 data0 done0 id \"\"\"\"\"\"\n");
}

/* Neighbours in one slice are views of it, one behind the other; only what began before comes from the scanner. */
static void views(void **state)
{
    struct sse_scanner s;
    struct sse_piece piece;
    char first[] = "data: abc\n\ndata: de", second[] = "f\n\n: x\ndata: g\n\n";
    struct sl_str in = sl_str_of(first, sizeof first - 1);
    (void)state;
    sse_scanner_init(&s, 0);
    assert_int_equal(sse_next(&s, &in, &piece), SSE_PIECE);
    assert_ptr_equal(piece.raw.p, first);
    assert_int_equal(piece.raw.n, 11);
    assert_ptr_equal(piece.data.p, first + 6);
    assert_ptr_equal(in.p, first + 11);
    assert_int_equal(sse_next(&s, &in, &piece), SSE_MORE);
    expect_text(sse_rest(&s), SL_STR("data: de"), "kept");
    in = sl_str_of(second, sizeof second - 1);
    assert_int_equal(sse_next(&s, &in, &piece), SSE_PIECE);
    assert_true(piece.raw.p < second || piece.raw.p >= second + sizeof second);
    expect_text(piece.raw, SL_STR("data: def\n\n"), "joined");
    expect_text(piece.data, SL_STR("def"), "its data");
    assert_ptr_equal(in.p, second + 3);
    assert_int_equal(sse_rest(&s).n, 0);
    assert_int_equal(sse_next(&s, &in, &piece), SSE_PIECE);
    assert_int_equal(piece.kind, SSE_COMMENT);
    assert_ptr_equal(piece.raw.p, second + 3);
    assert_int_equal(sse_next(&s, &in, &piece), SSE_PIECE);
    assert_ptr_equal(piece.raw.p, second + 7);
    assert_int_equal(sse_next(&s, &in, &piece), SSE_MORE);
    assert_int_equal(sse_rest(&s).n, 0);
    sse_scanner_done(&s);
}

/* An event is given with its last CR, not when the LF comes that may never. */
static void a_cut_crlf_holds_nothing_back(void **state)
{
    struct sse_scanner s;
    struct sse_piece piece;
    struct sl_str in = SL_STR("data: a\r\n\r"), rest = SL_STR("\ndata: b\r\n\r\n");
    (void)state;
    sse_scanner_init(&s, 0);
    assert_int_equal(sse_next(&s, &in, &piece), SSE_PIECE);
    assert_int_equal(piece.kind, SSE_EVENT);
    assert_int_equal(sse_next(&s, &in, &piece), SSE_MORE);
    assert_int_equal(sse_next(&s, &rest, &piece), SSE_PIECE);
    assert_int_equal(piece.kind, SSE_BLANK);
    expect_text(piece.raw, SL_STR("\n"), "the LF");
    assert_int_equal(sse_next(&s, &rest, &piece), SSE_PIECE);
    expect_text(piece.data, SL_STR("b"), "the next event");
    sse_scanner_done(&s);
}

static void limits(void **state)
{
    struct sl_buf b, out;
    (void)state;
    sl_buf_init(&b, OUT_MAX);
    sl_buf_init(&out, OUT_MAX);
    for (size_t n = 999; n <= 1002; n++) {
        static const struct cut cuts[] = {{0}, {1, 0}, {7, 0}, {1000, 0}};
        sl_buf_reset(&b);
        sl_buf_adds(&b, SL_STR("data: ok\n\ndata: "));
        memset(sl_buf_room(&b, n), 'x', n - 8);
        sl_buf_wrote(&b, n - 8);
        sl_buf_adds(&b, SL_STR("\n\ndata: never\n\n"));
        for (size_t i = 0; i < sizeof cuts / sizeof cuts[0]; i++) {
            parse(sl_buf_str(&b), 1000, cuts[i], &out);
            assert_true(sl_str_starts(sl_buf_str(&out), SL_STR("0 data1 done0 id \"\"\"\"\"ok\"\n")));
            assert_int_equal(sl_str_ends(sl_buf_str(&out), SL_STR("LIMIT")), n > 1000);
            assert_int_equal(sl_str_find_str(sl_buf_str(&out), SL_STR("never")) < 0, n > 1000);
        }
    }
    sl_buf_done(&b);
    sl_buf_done(&out);
}

static void a_limit_stays(void **state)
{
    struct sse_scanner s;
    struct sse_piece piece;
    struct sl_str in = SL_STR("data: 0123456789"), more = SL_STR("\n\ndata: x\n\n");
    (void)state;
    sse_scanner_init(&s, 10);
    assert_int_equal(sse_next(&s, &in, &piece), SSE_LIMIT);
    assert_int_equal(sse_next(&s, &more, &piece), SSE_LIMIT);
    sse_scanner_done(&s);
}

/* The default takes an event of nearly 1 MiB in any slices. */
static void large_events(void **state)
{
    struct sl_buf b, out, want;
    (void)state;
    sl_buf_init(&b, OUT_MAX);
    sl_buf_init(&out, OUT_MAX);
    sl_buf_init(&want, OUT_MAX);
    for (int i = 0; i < 3; i++) {
        sl_buf_adds(&b, SL_STR("data: "));
        memset(sl_buf_room(&b, 1000000), 'y', 1000000);
        sl_buf_wrote(&b, 1000000);
        sl_buf_adds(&b, SL_STR("\n\n"));
    }
    parse(sl_buf_str(&b), 0, (struct cut){0}, &want);
    assert_true(want.n > 3000000);
    static const size_t steps[] = {1, 1000, 65536};
    for (size_t i = 0; i < 3; i++) {
        parse(sl_buf_str(&b), 0, (struct cut){steps[i], 0}, &out);
        assert_true(sl_str_eq(sl_buf_str(&out), sl_buf_str(&want)));
    }
    sl_buf_done(&b);
    sl_buf_done(&out);
    sl_buf_done(&want);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(events),       cmocka_unit_test(comments_and_blanks),
        cmocka_unit_test(line_ends),    cmocka_unit_test(byte_order_mark),
        cmocka_unit_test(views),        cmocka_unit_test(a_cut_crlf_holds_nothing_back),
        cmocka_unit_test(limits),       cmocka_unit_test(a_limit_stays),
        cmocka_unit_test(large_events),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
