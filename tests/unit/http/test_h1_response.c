/* Reading responses: framing rules, 1xx, what a broken or hostile server sends, ends of connections. */
#include "http/h1.h"

#include "unit/http/cm.h"
#include "unit/http/transcript.h"

#define OUT_MAX (1u << 20)
#define OK "HTTP/1.1 200 OK\r\n"

static struct sl_arena_cache cache;

static void parse(struct sl_str bytes, enum http_method method, struct cut cut, struct sl_buf *out)
{
    struct h1_run run = {.side = H1_RESPONSES, .method = method, .cut = cut, .codes = true, .cache = &cache};
    sl_buf_reset(out);
    h1_transcript(&run, bytes, out);
}

static void expect(enum http_method method, struct sl_str bytes, struct sl_str want)
{
    struct sl_buf out;
    sl_buf_init(&out, OUT_MAX);
    parse(bytes, method, (struct cut){0}, &out);
    expect_text(sl_buf_str(&out), want, bytes.p);
    parse(bytes, method, (struct cut){1, 0}, &out);
    expect_text(sl_buf_str(&out), want, "byte by byte");
    for (size_t at = 1; at < bytes.n; at++) {
        parse(bytes, method, (struct cut){SIZE_MAX, at}, &out);
        expect_text(sl_buf_str(&out), want, "cut in two");
    }
    sl_buf_done(&out);
}
#define EXPECT(method, bytes, want) expect(method, SL_STR(bytes), SL_STR(want))

static void framing(void **state)
{
    (void)state;
    EXPECT(HTTP_POST, OK "Content-Length: 2\r\nContent-Type: a/b\r\n\r\nab" OK "Content-Length: 0\r\n\r\n",
           "HEAD 200 v11 length 2 body 1 keep 1\ncontent-length=\"2\"\ncontent-type=\"a/b\"\nBODY \"ab\"\nCOMPLETE\n"
           "HEAD 200 v11 length 0 body 0 keep 1\ncontent-length=\"0\"\nCOMPLETE\nEOF 0");
    EXPECT(HTTP_POST, OK "Transfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n1;x\r\nd\r\n0\r\nT: u\r\n\r\n",
           "HEAD 200 v11 length -1 body 1 keep 1\ntransfer-encoding=\"chunked\"\nBODY \"abcd\"\nCOMPLETE\nEOF 0");
    EXPECT(HTTP_POST, OK "\r\nuntil the end", "HEAD 200 v11 length -1 body 1 keep 0\nBODY \"until the end\"\nEOF 1");
    EXPECT(HTTP_POST, OK "\r\n", "HEAD 200 v11 length -1 body 1 keep 0\nEOF 1");
    EXPECT(HTTP_POST, "HTTP/1.0 200 OK\r\n\r\nx", "HEAD 200 v10 length -1 body 1 keep 0\nBODY \"x\"\nEOF 1");
    EXPECT(
        HTTP_POST, "HTTP/1.0 200 OK\r\nConnection: keep-alive\r\nContent-Length: 1\r\n\r\nx",
        "HEAD 200 v10 length 1 body 1 keep 1\nconnection=\"keep-alive\"\ncontent-length=\"1\"\nBODY \"x\"\nCOMPLETE\nEOF 0");
    EXPECT(
        HTTP_POST, "HTTP/1.1 429 Too Many Requests\r\nConnection: close\r\nContent-Length: 1\r\n\r\nx",
        "HEAD 429 v11 length 1 body 1 keep 0\nconnection=\"close\"\ncontent-length=\"1\"\nBODY \"x\"\nCOMPLETE\nEOF 0");
    EXPECT(HTTP_POST, "HTTP/1.1 599\r\nContent-Length: 0\r\n\r\n",
           "HEAD 599 v11 length 0 body 0 keep 1\ncontent-length=\"0\"\nCOMPLETE\nEOF 0");
    EXPECT(HTTP_POST, "HTTP/1.1 500 \r\nContent-Length: 0\r\n\r\n",
           "HEAD 500 v11 length 0 body 0 keep 1\ncontent-length=\"0\"\nCOMPLETE\nEOF 0");
}

static void without_a_body(void **state)
{
    (void)state;
    EXPECT(HTTP_HEAD, OK "Content-Length: 5\r\n\r\n" OK "Transfer-Encoding: chunked\r\n\r\n" OK "\r\n",
           "HEAD 200 v11 length 5 body 0 keep 1\ncontent-length=\"5\"\nCOMPLETE\n"
           "HEAD 200 v11 length -1 body 0 keep 1\ntransfer-encoding=\"chunked\"\nCOMPLETE\n"
           "HEAD 200 v11 length -1 body 0 keep 1\nCOMPLETE\nEOF 0");
    EXPECT(HTTP_GET, "HTTP/1.1 304 Not Modified\r\nContent-Length: 5\r\n\r\nHTTP/1.1 204 No Content\r\n\r\n",
           "HEAD 304 v11 length 5 body 0 keep 1\ncontent-length=\"5\"\nCOMPLETE\n"
           "HEAD 204 v11 length -1 body 0 keep 1\nCOMPLETE\nEOF 0");
}

static void informational(void **state)
{
    struct sl_buf b, out;
    (void)state;
    EXPECT(HTTP_POST,
           "HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 103 Early Hints\r\nLink: x\r\n\r\n" OK "Content-Length: 1\r\n\r\na",
           "HEAD 200 v11 length 1 body 1 keep 1\ncontent-length=\"1\"\nBODY \"a\"\nCOMPLETE\nEOF 0");
    EXPECT(HTTP_POST, "HTTP/1.1 100 Continue\r\n\r\n", "EOF 2");
    EXPECT(HTTP_POST, "HTTP/1.1 101 Switching Protocols\r\nUpgrade: x\r\nConnection: upgrade\r\n\r\nabc",
           "BAD 502 switching_refused");
    sl_buf_init(&b, OUT_MAX);
    sl_buf_init(&out, OUT_MAX);
    for (unsigned n = H1_INFORMATIONAL_MAX; n <= H1_INFORMATIONAL_MAX + 1; n++) {
        sl_buf_reset(&b);
        for (unsigned i = 0; i < n; i++)
            sl_buf_adds(&b, SL_STR("HTTP/1.1 102 Processing\r\n\r\n"));
        sl_buf_adds(&b, SL_STR(OK "Content-Length: 0\r\n\r\n"));
        parse(sl_buf_str(&b), HTTP_POST, (struct cut){0}, &out);
        assert_int_equal(sl_str_starts(sl_buf_str(&out), SL_STR("HEAD 200")), n == H1_INFORMATIONAL_MAX);
        if (n > H1_INFORMATIONAL_MAX)
            expect_text(sl_buf_str(&out), SL_STR("BAD 502 too_many_informational"), "one more");
    }
    sl_buf_done(&b);
    sl_buf_done(&out);
}

static void refusals(void **state)
{
    static const struct {
        struct sl_str bytes, want;
    } rows[] = {
#define ROW(bytes, want) {SL_STR_INIT(bytes), SL_STR_INIT("BAD 502 " want)}
        ROW(OK "Content-Length: 2\r\nTransfer-Encoding: chunked\r\n\r\n", "length_and_encoding"),
        ROW(OK "Transfer-Encoding: chunked\r\nContent-Length: 2\r\n\r\n", "length_and_encoding"),
        ROW(OK "Content-Length: 2\r\nContent-Length: 3\r\n\r\nabc", "several_lengths"),
        ROW(OK "Content-Length: 2\r\nContent-Length: 2\r\n\r\nab", "several_lengths"),
        ROW(OK "Content-Length: 2, 2\r\n\r\nab", "bad_length"),
        ROW(OK "Content-Length: -1\r\n\r\nab", "bad_length"),
        ROW(OK "Content-Length:\r\n\r\nab", "bad_length"),
        ROW(OK "Content-Length: 99999999999999999999\r\n\r\nab", "bad_length"),
        ROW(OK "Transfer-Encoding: gzip\r\n\r\nab", "unknown_encoding"),
        ROW(OK "Transfer-Encoding: gzip, chunked\r\n\r\nab", "unknown_encoding"),
        ROW(OK "Transfer-Encoding:\r\n\r\nab", "bad_encoding"),
        ROW("HTTP/1.0 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n", "encoding_in_1_0"),
        ROW(OK "A: b\r\n c\r\n\r\n", "header_fold"),
        ROW(OK "A : b\r\n\r\n", "bad_header"),
        ROW(OK "A: b\x01\r\n\r\n", "bad_header"),
        ROW(OK "A: b\0\r\n\r\n", "bad_header"),
        ROW(OK "<html>\r\n\r\n", "bad_header"),
        ROW(OK "A: b\n\r\n", "bare_line_end"),
        ROW("HTTP/1.1 200 OK\nA: b\r\n\r\n", "bare_line_end"),
        ROW("HTTP/1.1 200 O\x01K\r\n\r\n", "bad_status"),
        ROW("HTTP/1.1 099 X\r\n\r\n", "bad_status"),
        ROW("HTTP/1.1 600 X\r\n\r\n", "bad_status"),
        ROW("HTTP/1.1 20 X\r\n\r\n", "bad_status"),
        ROW("HTTP/1.1 2000 X\r\n\r\n", "bad_status"),
        ROW("HTTP/1.1  200 X\r\n\r\n", "bad_status"),
        ROW("HTTP/1.1 -20 X\r\n\r\n", "bad_status"),
        ROW("HTTP/0.9 200 OK\r\n\r\n", "bad_version"),
        ROW("HTTP/2.0 200 OK\r\n\r\n", "bad_version"),
        ROW("HTTP/1.2 200 OK\r\n\r\n", "bad_version"),
        ROW("http/1.1 200 OK\r\n\r\n", "bad_start_line"),
        ROW("ICY 200 OK\r\n\r\n", "bad_start_line"),
        ROW("<html>", "bad_start_line"),
        ROW("{\"error\":1}", "bad_start_line"),
        ROW("\x15\x03\x01\x00\x02\x02\x50", "bad_start_line"),
        ROW("\r\n" OK "\r\n", "empty_lines"),
        ROW("\n" OK "\r\n", "empty_lines"),
        ROW("HTTP/1.1 100 Continue\r\n\r\n\r\n" OK "\r\n", "empty_lines"),
        ROW("HTTP/1.1 100 Continue\r\n\r\nxyz", "bad_start_line"),
#undef ROW
    };
    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++)
        expect(HTTP_POST, rows[i].bytes, rows[i].want);
}

/* What stands behind a whole response is not taken: the owner sees that the connection cannot be used again. */
static void stray_bytes_stay(void **state)
{
    struct sl_str in = SL_STR(OK "Content-Length: 1\r\n\r\naHTTP/1.1 200 poison"), body;
    struct h1_parser p;
    struct sl_arena arena;
    (void)state;
    sl_arena_init(&arena, NULL);
    h1_parser_init(&p, H1_RESPONSES, NULL);
    h1_parser_begin_response(&p, &arena, HTTP_GET);
    assert_int_equal(h1_parser_feed(&p, &in, &body), H1_HEAD);
    assert_int_equal(h1_parser_feed(&p, &in, &body), H1_BODY);
    assert_int_equal(h1_parser_feed(&p, &in, &body), H1_COMPLETE);
    expect_text(in, SL_STR("HTTP/1.1 200 poison"), "left");
    sl_arena_done(&arena);
}

/* The server closes after byte k, for every k: only a whole message may look like one. */
static void cut_at_every_byte(void **state)
{
    static const struct sl_str whole[] = {
        SL_STR_INIT(OK "Content-Length: 5\r\n\r\nhello"),
        SL_STR_INIT(OK "Transfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\n\r\n"),
        SL_STR_INIT("HTTP/1.1 100 Continue\r\n\r\n" OK "Content-Length: 0\r\n\r\n"),
    };
    struct sl_buf out;
    (void)state;
    sl_buf_init(&out, OUT_MAX);
    for (size_t i = 0; i < sizeof whole / sizeof whole[0]; i++)
        for (size_t k = 0; k <= whole[i].n; k++) {
            parse(sl_str_head(whole[i], k), HTTP_GET, (struct cut){0}, &out);
            bool complete = sl_str_find_str(sl_buf_str(&out), SL_STR("COMPLETE")) >= 0;
            assert_int_equal(complete, k == whole[i].n);
            assert_true(sl_str_ends(sl_buf_str(&out), k == 0 || k == whole[i].n ? SL_STR("EOF 0") : SL_STR("EOF 2")));
        }
    sl_buf_done(&out);
}

static int group_begin(void **state)
{
    (void)state;
    sl_arena_cache_init(&cache, 64);
    return 0;
}

static int group_end(void **state)
{
    (void)state;
    sl_arena_cache_done(&cache);
    return 0;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(framing),  cmocka_unit_test(without_a_body),   cmocka_unit_test(informational),
        cmocka_unit_test(refusals), cmocka_unit_test(stray_bytes_stay), cmocka_unit_test(cut_at_every_byte),
    };
    return cmocka_run_group_tests(tests, group_begin, group_end);
}
