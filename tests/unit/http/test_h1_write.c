/* Writing heads and chunks: the exact bytes, what is left out, and that no CR, LF or NUL can pass. */
#include "http/h1.h"

#include "unit/http/cm.h"

static struct sl_arena arena;
static struct sl_chunks q;

static int begin(void **state)
{
    (void)state;
    sl_arena_init(&arena, NULL);
    sl_chunks_init(&q, 1u << 20, NULL);
    return 0;
}

static int end(void **state)
{
    (void)state;
    sl_arena_done(&arena);
    sl_chunks_done(&q);
    return 0;
}

static void expect_written(struct sl_str want, const char *what)
{
    expect_text(sl_chunks_flat(&q), want, what);
    sl_chunks_clear(&q);
}

static void expect_response(const struct http_response *r, unsigned flags, const char *date, const char *want)
{
    assert_int_equal(h1_write_response_head(&q, r, flags, sl_str_c(date)), SL_OK);
    expect_written(sl_str_c(want), "a head");
}

static void responses(void **state)
{
    struct http_response r = {.status = 200, .content_length = 12};
    (void)state;
    http_headers_add_id(&r.headers, &arena, HN_CONTENT_TYPE, SL_STR("application/json"));
    http_headers_add(&r.headers, &arena, SL_STR("x-odd"), SL_STR(""));
    expect_response(&r, 0, "Sat, 21 Nov 2026 08:00:00 GMT",
                    "HTTP/1.1 200 OK\r\ncontent-type: application/json\r\nx-odd: \r\n"
                    "date: Sat, 21 Nov 2026 08:00:00 GMT\r\ncontent-length: 12\r\n\r\n");
    r.headers.n = 0;
    r.content_length = HTTP_LENGTH_NONE;
    expect_response(&r, H1_W_KEEP_ALIVE, "",
                    "HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\nconnection: keep-alive\r\n\r\n");
    expect_response(&r, H1_W_UNTIL_CLOSE, "", "HTTP/1.1 200 OK\r\nconnection: close\r\n\r\n");
    expect_response(&r, H1_W_NO_BODY, "", "HTTP/1.1 200 OK\r\n\r\n");
    r.content_length = INT64_MAX;
    expect_response(&r, H1_W_NO_BODY | H1_W_CLOSE, "",
                    "HTTP/1.1 200 OK\r\ncontent-length: 9223372036854775807\r\nconnection: close\r\n\r\n");
    r.status = 204;
    expect_response(&r, 0, "", "HTTP/1.1 204 No Content\r\n\r\n");
    r.status = 304;
    r.content_length = HTTP_LENGTH_NONE;
    expect_response(&r, 0, "", "HTTP/1.1 304 Not Modified\r\n\r\n");
    r.status = 599;
    r.content_length = 0;
    expect_response(&r, 0, "", "HTTP/1.1 599 \r\ncontent-length: 0\r\n\r\n");
}

/* Whatever framing headers the caller left in the list, the codec's are the only ones. */
static void framing_is_the_codecs(void **state)
{
    static const char *const names[] = {"content-length", "transfer-encoding", "connection",      "keep-alive",
                                        "upgrade",        "trailer",           "proxy-connection"};
    struct http_response r = {.status = 200, .content_length = 1};
    (void)state;
    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++)
        http_headers_add(&r.headers, &arena, sl_str_c(names[i]), SL_STR("77"));
    http_headers_add_id(&r.headers, &arena, HN_DATE, SL_STR("theirs"));
    expect_response(&r, 0, "ours", "HTTP/1.1 200 OK\r\ndate: ours\r\ncontent-length: 1\r\n\r\n");
    expect_response(&r, 0, "", "HTTP/1.1 200 OK\r\ndate: theirs\r\ncontent-length: 1\r\n\r\n");
}

static void no_control_passes(void **state)
{
    struct http_response r = {.status = 200, .content_length = 0};
    (void)state;
    for (unsigned c = 0; c < 256; c++) {
        char *value = sl_arena_alloc(&arena, 3), *name = sl_arena_alloc(&arena, 3);
        value[0] = name[0] = 'a';
        value[1] = name[1] = (char)c;
        value[2] = name[2] = 'b';
        http_headers_add(&r.headers, &arena, SL_STR("x-value"), sl_str_of(value, 3));
        http_headers_add(&r.headers, &arena, sl_str_of(name, 3), SL_STR("x-name"));
    }
    assert_int_equal(h1_write_response_head(&q, &r, 0, SL_STR("a\r\nb")), SL_OK);
    struct sl_str all = sl_chunks_flat(&q);
    unsigned lines = 0, names = 0, values = 0;
    for (size_t i = 0; i < all.n; i++) {
        unsigned char c = (unsigned char)all.p[i];
        if (c == '\r') {
            lines++;
            assert_int_equal(all.p[++i], '\n');
        } else {
            assert_true(c == '\t' || (c >= 0x20 && c != 0x7f));
        }
    }
    for (struct sl_str rest = all; rest.p != NULL;) {
        struct sl_str line = sl_str_cut(&rest, '\n');
        values += sl_str_starts(line, SL_STR("x-value: a"));
        names += sl_str_find_str(line, SL_STR(": x-name")) >= 0;
    }
    assert_int_equal(values, 256);
    assert_int_equal(names, 77);                   /* the bytes of tokens (RFC 9110 5.6.2) */
    assert_int_equal(lines, 1 + 256 + 77 + 2 + 1); /* status line, headers, date and length, the empty line */
    sl_chunks_clear(&q);
}

static void informational(void **state)
{
    (void)state;
    assert_int_equal(h1_write_informational(&q, 100), SL_OK);
    expect_written(SL_STR("HTTP/1.1 100 Continue\r\n\r\n"), "100");
}

static void requests(void **state)
{
    struct http_request r = {.method = HTTP_POST,
                             .target = SL_STR("/v1/chat/completions?a=b"),
                             .authority = SL_STR("[::1]:8080"),
                             .content_length = 5,
                             .has_body = true};
    (void)state;
    http_headers_add_id(&r.headers, &arena, HN_HOST, SL_STR("theirs"));
    http_headers_add_id(&r.headers, &arena, HN_AUTHORIZATION, SL_STR("Bearer x"));
    http_headers_add_id(&r.headers, &arena, HN_CONTENT_LENGTH, SL_STR("77"));
    assert_int_equal(h1_write_request_head(&q, &r, 0), SL_OK);
    expect_written(SL_STR("POST /v1/chat/completions?a=b HTTP/1.1\r\nhost: [::1]:8080\r\nauthorization: Bearer x\r\n"
                          "content-length: 5\r\n\r\n"),
                   "with a length");
    r.headers.n = 0;
    r.content_length = HTTP_LENGTH_NONE;
    assert_int_equal(h1_write_request_head(&q, &r, H1_W_CLOSE), SL_OK);
    expect_written(SL_STR("POST /v1/chat/completions?a=b HTTP/1.1\r\nhost: [::1]:8080\r\n"
                          "transfer-encoding: chunked\r\nconnection: close\r\n\r\n"),
                   "chunked");
    r.has_body = false;
    assert_int_equal(h1_write_request_head(&q, &r, 0), SL_OK);
    expect_written(SL_STR("POST /v1/chat/completions?a=b HTTP/1.1\r\nhost: [::1]:8080\r\ncontent-length: 0\r\n\r\n"),
                   "POST of nothing");
    r.method = HTTP_GET;
    assert_int_equal(h1_write_request_head(&q, &r, 0), SL_OK);
    expect_written(SL_STR("GET /v1/chat/completions?a=b HTTP/1.1\r\nhost: [::1]:8080\r\n\r\n"), "GET");
    r.method_text = SL_STR("PURGE");
    assert_int_equal(h1_write_request_head(&q, &r, 0), SL_OK);
    expect_written(SL_STR("PURGE /v1/chat/completions?a=b HTTP/1.1\r\nhost: [::1]:8080\r\n\r\n"), "by its text");
}

static void requests_refused(void **state)
{
    const struct http_request good = {
        .method = HTTP_GET, .target = SL_STR("/"), .authority = SL_STR("h"), .content_length = HTTP_LENGTH_NONE};
    struct http_request r;
    (void)state;
    r = good, r.target = SL_STR("/a b");
    assert_int_equal(h1_write_request_head(&q, &r, 0), SL_EINVAL);
    r = good, r.target = SL_STR("/a\r\nX: y");
    assert_int_equal(h1_write_request_head(&q, &r, 0), SL_EINVAL);
    r = good, r.target = SL_STR("");
    assert_int_equal(h1_write_request_head(&q, &r, 0), SL_EINVAL);
    r = good, r.authority = SL_STR("h\r\nX: y");
    assert_int_equal(h1_write_request_head(&q, &r, 0), SL_EINVAL);
    r = good, r.authority = SL_STR("");
    assert_int_equal(h1_write_request_head(&q, &r, 0), SL_EINVAL);
    r = good, r.method_text = SL_STR("GET /x HTTP/1.1\r\n");
    assert_int_equal(h1_write_request_head(&q, &r, 0), SL_EINVAL);
    r = good, r.method = HTTP_OTHER;
    assert_int_equal(h1_write_request_head(&q, &r, 0), SL_EINVAL);
    assert_int_equal(q.n, 0);
    struct sl_chunks small;
    sl_chunks_init(&small, 50, NULL);
    assert_int_equal(h1_write_request_head(&small, &good, 0), SL_ELIMIT);
    assert_int_equal(small.n, 0);
    sl_chunks_done(&small);
}

static void chunks(void **state)
{
    static const struct {
        uint64_t n;
        const char *want;
    } rows[] = {{1, "1\r\n"},         {9, "9\r\n"},
                {10, "a\r\n"},        {15, "f\r\n"},
                {16, "10\r\n"},       {255, "ff\r\n"},
                {256, "100\r\n"},     {65535, "ffff\r\n"},
                {65536, "10000\r\n"}, {UINT64_MAX, "ffffffffffffffff\r\n"}};
    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        char out[H1_CHUNK_PREFIX_MAX];
        expect_text(sl_str_of(out, h1_chunk_prefix(rows[i].n, out)), sl_str_c(rows[i].want), "prefix");
    }
}

/* What is written is read back as the same. */
static void what_is_written_is_read(void **state)
{
    struct h1_parser p;
    struct http_request r = {
        .method = HTTP_POST, .target = SL_STR("/x"), .authority = SL_STR("h:1"), .content_length = 3, .has_body = true};
    struct sl_str in, body;
    (void)state;
    http_headers_add(&r.headers, &arena, SL_STR("x-a"), SL_STR("  b\r\n c  "));
    assert_int_equal(h1_write_request_head(&q, &r, 0), SL_OK);
    in = sl_chunks_flat(&q);
    h1_parser_init(&p, H1_REQUESTS, NULL);
    h1_parser_begin(&p, &arena);
    assert_int_equal(h1_parser_feed(&p, &in, &body), H1_HEAD);
    const struct http_request *got = h1_parser_request(&p);
    assert_int_equal(got->method, HTTP_POST);
    assert_int_equal(got->content_length, 3);
    expect_text(got->authority, r.authority, "authority");
    expect_text(http_headers_find_name(&got->headers, SL_STR("x-a"))->value, SL_STR("b   c"), "value");
    assert_int_equal(got->headers.n, 3);
    sl_chunks_clear(&q);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(responses),
        cmocka_unit_test(framing_is_the_codecs),
        cmocka_unit_test(no_control_passes),
        cmocka_unit_test(informational),
        cmocka_unit_test(requests),
        cmocka_unit_test(requests_refused),
        cmocka_unit_test(chunks),
        cmocka_unit_test(what_is_written_is_read),
    };
    return cmocka_run_group_tests(tests, begin, end);
}
