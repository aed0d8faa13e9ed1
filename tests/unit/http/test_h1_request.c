/* Reading requests: what is taken and how, what is refused and with which words, every split, pipelining, limits. */
#include "http/h1.h"

#include "unit/http/cm.h"
#include "unit/http/transcript.h"

#define OUT_MAX (1u << 20)
#define H "Host: h\r\n"
#define CHUNKED "POST /a HTTP/1.1\r\n" H "Transfer-Encoding: chunked\r\n\r\n"

static struct sl_arena_cache cache;

static void parse(struct sl_str bytes, const struct h1_limits *limits, struct cut cut, struct sl_buf *out)
{
    struct h1_run run = {.side = H1_REQUESTS, .limits = limits, .cut = cut, .codes = true, .cache = &cache};
    sl_buf_reset(out);
    h1_transcript(&run, bytes, out);
}

static void expect(struct sl_str bytes, struct sl_str want)
{
    struct sl_buf out;
    sl_buf_init(&out, OUT_MAX);
    parse(bytes, NULL, (struct cut){0}, &out);
    expect_text(sl_buf_str(&out), want, bytes.p);
    parse(bytes, NULL, (struct cut){1, 0}, &out);
    expect_text(sl_buf_str(&out), want, "byte by byte");
    for (size_t at = 1; at < bytes.n; at++) {
        parse(bytes, NULL, (struct cut){SIZE_MAX, at}, &out);
        expect_text(sl_buf_str(&out), want, "cut in two");
    }
    sl_buf_done(&out);
}
#define EXPECT(bytes, want) expect(SL_STR(bytes), SL_STR(want))

static void plain_requests(void **state)
{
    (void)state;
    EXPECT("GET /v1/models?limit=3 HTTP/1.1\r\nHost: api.example.com:8080\r\nACCEPT:*/*\r\nX-Odd:  a\t b \t\r\n\r\n",
           "HEAD 1 v11 length -1 body 0 expect 0 GET /v1/models?limit=3 path /v1/models query limit=3 at "
           "api.example.com:8080 keep 1\nhost=\"api.example.com:8080\"\naccept=\"*/*\"\nx-odd=\"a\\t b\"\n"
           "COMPLETE\nEOF 0");
    EXPECT("POST / HTTP/1.1\r\n" H "Content-Length: 5\r\nConnection: x, Close\r\nExpect: 100-Continue\r\n\r\nhello",
           "HEAD 3 v11 length 5 body 1 expect 1 POST / path / query  at h keep 0\nhost=\"h\"\ncontent-length=\"5\"\n"
           "connection=\"x, Close\"\nexpect=\"100-Continue\"\nBODY \"hello\"\nCOMPLETE\nEOF 0");
    EXPECT(CHUNKED "5\r\nhello\r\nA;x=\"y\";z\r\n0123456789\r\n0\r\nX-Trailer: dropped\r\n\r\n",
           "HEAD 3 v11 length -1 body 1 expect 0 POST /a path /a query  at h keep 1\nhost=\"h\"\n"
           "transfer-encoding=\"chunked\"\nBODY \"hello0123456789\"\nCOMPLETE\nEOF 0");
    EXPECT("POST /a HTTP/1.1\r\n" H "Content-Length: 0\r\nExpect: 100-continue\r\n\r\n",
           "HEAD 3 v11 length 0 body 0 expect 0 POST /a path /a query  at h keep 1\nhost=\"h\"\n"
           "content-length=\"0\"\nexpect=\"100-continue\"\nCOMPLETE\nEOF 0");
    EXPECT("GET /a HTTP/1.0\r\n\r\n",
           "HEAD 1 v10 length -1 body 0 expect 0 GET /a path /a query  at  keep 0\nCOMPLETE\nEOF 0");
    EXPECT("GET /a HTTP/1.0\r\nConnection: keep-alive\r\n\r\n",
           "HEAD 1 v10 length -1 body 0 expect 0 GET /a path /a query  at  keep 1\nconnection=\"keep-alive\"\n"
           "COMPLETE\nEOF 0");
}

static void forms_of_targets(void **state)
{
    (void)state;
    EXPECT(
        "GET http://Other.example:81?q HTTP/1.1\r\n" H "\r\n",
        "HEAD 1 v11 length -1 body 0 expect 0 GET http://Other.example:81?q path / query q at Other.example:81 keep 1\n"
        "host=\"h\"\nCOMPLETE\nEOF 0");
    EXPECT("GET HTTPS://o/x/y?z HTTP/1.1\r\n" H "\r\n",
           "HEAD 1 v11 length -1 body 0 expect 0 GET HTTPS://o/x/y?z path /x/y query z at o keep 1\nhost=\"h\"\n"
           "COMPLETE\nEOF 0");
    EXPECT("OPTIONS * HTTP/1.1\r\n" H "\r\n",
           "HEAD 7 v11 length -1 body 0 expect 0 OPTIONS * path * query  at h keep 1\nhost=\"h\"\nCOMPLETE\nEOF 0");
    EXPECT("PROPFIND /{a}|\"b\" HTTP/1.1\r\n" H "\r\n",
           "HEAD 0 v11 length -1 body 0 expect 0 PROPFIND /{a}|\"b\" path /{a}|\"b\" query  at h keep 1\nhost=\"h\"\n"
           "COMPLETE\nEOF 0");
}

static void upgrades_are_ordinary(void **state)
{
    (void)state;
    EXPECT("GET /a HTTP/1.1\r\n" H "Connection: Upgrade\r\nUpgrade: h2c\r\n\r\nGET /b HTTP/1.1\r\n" H "\r\n",
           "HEAD 1 v11 length -1 body 0 expect 0 GET /a path /a query  at h keep 1\nhost=\"h\"\n"
           "connection=\"Upgrade\"\nupgrade=\"h2c\"\nCOMPLETE\n"
           "HEAD 1 v11 length -1 body 0 expect 0 GET /b path /b query  at h keep 1\nhost=\"h\"\nCOMPLETE\nEOF 0");
    EXPECT("POST /a HTTP/1.1\r\n" H
           "Connection: upgrade\r\nUpgrade: x\r\nTransfer-Encoding: chunked\r\n\r\n1\r\na\r\n0\r\n\r\n",
           "HEAD 3 v11 length -1 body 1 expect 0 POST /a path /a query  at h keep 1\nhost=\"h\"\n"
           "connection=\"upgrade\"\nupgrade=\"x\"\ntransfer-encoding=\"chunked\"\nBODY \"a\"\nCOMPLETE\nEOF 0");
}

static void pipelining(void **state)
{
    (void)state;
    EXPECT("GET /1 HTTP/1.1\r\n" H "\r\nPOST /2 HTTP/1.1\r\n" H
           "Content-Length: 2\r\n\r\nab\r\n\r\nPOST /3 HTTP/1.1\r\n" H
           "Transfer-Encoding: CHUNKED\r\n\r\n2\r\ncd\r\n0\r\n\r\nHEAD /4 HTTP/1.1\r\n" H "\r\n",
           "HEAD 1 v11 length -1 body 0 expect 0 GET /1 path /1 query  at h keep 1\nhost=\"h\"\nCOMPLETE\n"
           "HEAD 3 v11 length 2 body 1 expect 0 POST /2 path /2 query  at h keep 1\nhost=\"h\"\n"
           "content-length=\"2\"\nBODY \"ab\"\nCOMPLETE\n"
           "HEAD 3 v11 length -1 body 1 expect 0 POST /3 path /3 query  at h keep 1\nhost=\"h\"\n"
           "transfer-encoding=\"CHUNKED\"\nBODY \"cd\"\nCOMPLETE\n"
           "HEAD 2 v11 length -1 body 0 expect 0 HEAD /4 path /4 query  at h keep 1\nhost=\"h\"\nCOMPLETE\nEOF 0");
}

static void underscores_are_dropped(void **state)
{
    (void)state;
    EXPECT("POST /a HTTP/1.1\r\n" H
           "Content_Length: 5\r\nX_Real-IP: 1\r\nTransfer_Encoding: chunked\r\nx-real-ip: 2\r\n\r\n",
           "HEAD 3 v11 length -1 body 0 expect 0 POST /a path /a query  at h keep 1\nhost=\"h\"\nx-real-ip=\"2\"\n"
           "COMPLETE\nEOF 0");
}

/* Refused before the app sees a head. Rows marked "smuggling" are shapes known from request smuggling write-ups. */
static const struct {
    const char *what;
    struct sl_str bytes;
    struct sl_str want;
} refused[] = {
#define ROW(what, bytes, want)                                                                                         \
    {                                                                                                                  \
        what, SL_STR_INIT(bytes), SL_STR_INIT("BAD " want)                                                             \
    }
    ROW("length and encoding (smuggling)",
        "POST /a HTTP/1.1\r\n" H "Content-Length: 4\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
        "400 length_and_encoding"),
    ROW("encoding and length (smuggling)",
        "POST /a HTTP/1.1\r\n" H "Transfer-Encoding: chunked\r\nContent-Length: 4\r\n\r\n0\r\n\r\n",
        "400 length_and_encoding"),
    ROW("unknown encoding and length", "POST /a HTTP/1.1\r\n" H "Transfer-Encoding: x\r\nContent-Length: 4\r\n\r\n",
        "400 length_and_encoding"),
    ROW("empty encoding and length", "POST /a HTTP/1.1\r\n" H "Transfer-Encoding:\r\nContent-Length: 4\r\n\r\n",
        "400 length_and_encoding"),
    ROW("two lengths (smuggling)", "POST /a HTTP/1.1\r\n" H "Content-Length: 4\r\nContent-Length: 5\r\n\r\n",
        "400 several_lengths"),
    ROW("two equal lengths", "POST /a HTTP/1.1\r\n" H "Content-Length: 4\r\nContent-Length: 4\r\n\r\n",
        "400 several_lengths"),
    ROW("list of lengths", "POST /a HTTP/1.1\r\n" H "Content-Length: 4, 4\r\n\r\n", "400 bad_length"),
    ROW("length with sign", "POST /a HTTP/1.1\r\n" H "Content-Length: +4\r\n\r\n", "400 bad_length"),
    ROW("negative length", "POST /a HTTP/1.1\r\n" H "Content-Length: -4\r\n\r\n", "400 bad_length"),
    ROW("hex length", "POST /a HTTP/1.1\r\n" H "Content-Length: 0x4\r\n\r\n", "400 bad_length"),
    ROW("empty length", "POST /a HTTP/1.1\r\n" H "Content-Length:\r\n\r\n", "400 bad_length"),
    ROW("blank length", "POST /a HTTP/1.1\r\n" H "Content-Length:  \t\r\n\r\n", "400 bad_length"),
    ROW("length with a blank in it", "POST /a HTTP/1.1\r\n" H "Content-Length: 4 4\r\n\r\n", "400 bad_length"),
    ROW("length over 63 bits", "POST /a HTTP/1.1\r\n" H "Content-Length: 9223372036854775808\r\n\r\n",
        "400 bad_length"),
    ROW("length over 64 bits", "POST /a HTTP/1.1\r\n" H "Content-Length: 18446744073709551616\r\n\r\n",
        "400 bad_length"),
    ROW("coding before chunked", "POST /a HTTP/1.1\r\n" H "Transfer-Encoding: gzip, chunked\r\n\r\n",
        "501 unknown_encoding"),
    ROW("other coding", "POST /a HTTP/1.1\r\n" H "Transfer-Encoding: identity\r\n\r\n", "501 unknown_encoding"),
    ROW("nearly chunked (smuggling)", "POST /a HTTP/1.1\r\n" H "Transfer-Encoding: xchunked\r\n\r\n",
        "501 unknown_encoding"),
    ROW("quoted chunked", "POST /a HTTP/1.1\r\n" H "Transfer-Encoding: \"chunked\"\r\n\r\n", "501 unknown_encoding"),
    ROW("chunked with parameter", "POST /a HTTP/1.1\r\n" H "Transfer-Encoding: chunked;a=b\r\n\r\n",
        "501 unknown_encoding"),
    ROW("chunked not last", "POST /a HTTP/1.1\r\n" H "Transfer-Encoding: chunked, gzip\r\n\r\n", "400 bad_encoding"),
    ROW("chunked twice", "POST /a HTTP/1.1\r\n" H "Transfer-Encoding: chunked, chunked\r\n\r\n", "400 bad_encoding"),
    ROW("two encodings (smuggling)",
        "POST /a HTTP/1.1\r\n" H "Transfer-Encoding: chunked\r\nTransfer-Encoding: identity\r\n\r\n",
        "400 bad_encoding"),
    ROW("two encodings, chunked last",
        "POST /a HTTP/1.1\r\n" H "Transfer-Encoding: identity\r\nTransfer-Encoding: chunked\r\n\r\n",
        "400 bad_encoding"),
    ROW("empty encoding", "POST /a HTTP/1.1\r\n" H "Transfer-Encoding:\r\n\r\n", "400 bad_encoding"),
    ROW("vertical tab before chunked (smuggling)",
        "POST /a HTTP/1.1\r\n" H "Transfer-Encoding: \x0b"
        "chunked\r\n\r\n",
        "400 bad_header"),
    ROW("encoding in 1.0", "POST /a HTTP/1.0\r\n" H "Transfer-Encoding: chunked\r\n\r\n", "400 encoding_in_1_0"),
    ROW("fold (smuggling)", "GET /a HTTP/1.1\r\n" H "A: b\r\n c\r\n\r\n", "400 header_fold"),
    ROW("fold with tab", "GET /a HTTP/1.1\r\n" H "A: b\r\n\tc\r\n\r\n", "400 header_fold"),
    ROW("fold of an empty value", "GET /a HTTP/1.1\r\n" H "A:\r\n b\r\n\r\n", "400 header_fold"),
    ROW("folded encoding (smuggling)", "POST /a HTTP/1.1\r\n" H "Transfer-Encoding:\r\n chunked\r\n\r\n",
        "400 header_fold"),
    ROW("blank before the first header", "GET /a HTTP/1.1\r\n Host: h\r\n\r\n", "400 header_fold"),
    ROW("space before colon (smuggling)", "GET /a HTTP/1.1\r\n" H "A : b\r\n\r\n", "400 bad_header"),
    ROW("space before colon, first", "GET /a HTTP/1.1\r\nHost : h\r\n\r\n", "400 bad_header"),
    ROW("tab before colon", "GET /a HTTP/1.1\r\n" H "Content-Length\t: 4\r\n\r\n", "400 bad_header"),
    ROW("empty name", "GET /a HTTP/1.1\r\n" H ": b\r\n\r\n", "400 bad_header"),
    ROW("no colon", "GET /a HTTP/1.1\r\n" H "A\r\n\r\n", "400 bad_header"),
    ROW("NUL in a name", "GET /a HTTP/1.1\r\n" H "A\0: b\r\n\r\n", "400 bad_header"),
    ROW("NUL in a value", "GET /a HTTP/1.1\r\n" H "A: b\0c\r\n\r\n", "400 bad_header"),
    ROW("8 bit name", "GET /a HTTP/1.1\r\n" H "A\xe4: b\r\n\r\n", "400 bad_header"),
    ROW("bracket in a name", "GET /a HTTP/1.1\r\n" H "A(b): c\r\n\r\n", "400 bad_header"),
    ROW("bare LF after the request line", "GET /a HTTP/1.1\n" H "\r\n", "400 bad_start_line"),
    ROW("bare LF after a header", "GET /a HTTP/1.1\r\nHost: h\n\r\n", "400 bare_line_end"),
    ROW("bare LF at the end", "GET /a HTTP/1.1\r\n" H "\n", "400 bad_header"),
    ROW("bare CR in a value (smuggling)", "GET /a HTTP/1.1\r\n" H "A: b\rc: d\r\n\r\n", "400 bare_line_end"),
    ROW("bare CR after the request line", "GET /a HTTP/1.1\rX\r\n" H "\r\n", "400 bare_line_end"),
    ROW("missing host", "GET /a HTTP/1.1\r\nA: b\r\n\r\n", "400 missing_host"),
    ROW("missing host, absolute form", "GET http://h/a HTTP/1.1\r\nA: b\r\n\r\n", "400 missing_host"),
    ROW("two hosts (smuggling)", "GET /a HTTP/1.1\r\n" H "Host: i\r\n\r\n", "400 several_hosts"),
    ROW("two hosts in 1.0", "GET /a HTTP/1.0\r\n" H H "\r\n", "400 several_hosts"),
    ROW("empty host", "GET /a HTTP/1.1\r\nHost:\r\n\r\n", "400 bad_host"),
    ROW("list of hosts", "GET /a HTTP/1.1\r\nHost: a,b\r\n\r\n", "400 bad_host"),
    ROW("host with blank", "GET /a HTTP/1.1\r\nHost: a b\r\n\r\n", "400 bad_host"),
    ROW("host with path", "GET /a HTTP/1.1\r\nHost: a/b\r\n\r\n", "400 bad_host"),
    ROW("host with userinfo", "GET /a HTTP/1.1\r\nHost: a@b\r\n\r\n", "400 bad_host"),
    ROW("host with bad port", "GET /a HTTP/1.1\r\nHost: a:65536\r\n\r\n", "400 bad_host"),
    ROW("userinfo in the target", "GET http://u@h/a HTTP/1.1\r\n" H "\r\n", "400 bad_target"),
    ROW("no authority in the target", "GET http:///a HTTP/1.1\r\n" H "\r\n", "400 bad_target"),
    ROW("strange scheme", "GET ftp://h/a HTTP/1.1\r\n" H "\r\n", "400 bad_target"),
    ROW("fragment", "GET /a#b HTTP/1.1\r\n" H "\r\n", "400 bad_target"),
    ROW("relative target", "GET a HTTP/1.1\r\n" H "\r\n", "400 bad_target"),
    ROW("star for GET", "GET * HTTP/1.1\r\n" H "\r\n", "400 bad_target"),
    ROW("star and more", "OPTIONS */a HTTP/1.1\r\n" H "\r\n", "400 bad_target"),
    ROW("control in the target", "GET /a\x01 HTTP/1.1\r\n" H "\r\n", "400 bad_target"),
    ROW("DEL in the target", "GET /a\x7f HTTP/1.1\r\n" H "\r\n", "400 bad_target"),
    ROW("8 bit target", "GET /\xc3\xa4 HTTP/1.1\r\n" H "\r\n", "400 bad_target"),
    ROW("two spaces before the target", "GET  /a HTTP/1.1\r\n" H "\r\n", "400 bad_start_line"),
    ROW("two spaces before the version", "GET /a  HTTP/1.1\r\n" H "\r\n", "400 bad_start_line"),
    ROW("space behind the version", "GET /a HTTP/1.1 \r\n" H "\r\n", "400 bad_start_line"),
    ROW("no version", "GET /a\r\n\r\n", "400 bad_start_line"),
    ROW("version in lower case", "GET /a http/1.1\r\n" H "\r\n", "400 bad_start_line"),
    ROW("other protocol", "GET /a RTSP/1.0\r\n" H "\r\n", "400 bad_start_line"),
    ROW("0.9", "GET /a HTTP/0.9\r\n" H "\r\n", "505 bad_version"),
    ROW("1.2", "GET /a HTTP/1.2\r\n" H "\r\n", "505 bad_version"),
    ROW("2.0", "GET /a HTTP/2.0\r\n" H "\r\n", "505 bad_version"),
    ROW("CONNECT", "CONNECT h:80 HTTP/1.1\r\n" H "\r\n", "405 connect_refused"),
    ROW("unknown method", "BREW /a HTTP/1.1\r\n" H "\r\n", "501 unknown_method"),
    ROW("method in lower case", "get /a HTTP/1.1\r\n" H "\r\n", "501 unknown_method"),
    ROW("tab behind the method", "GET\t/a HTTP/1.1\r\n" H "\r\n", "400 bad_method"),
    ROW("blank before the method", " GET /a HTTP/1.1\r\n" H "\r\n", "400 bad_method"),
    ROW("TLS to a plain port", "\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03", "400 bad_method"),
    ROW("HTTP/2 preface", "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", "400 malformed"),
    ROW("bare LF before the request", "\nGET /a HTTP/1.1\r\n" H "\r\n", "400 empty_lines"),
    ROW("bare CR before the request", "\rGET /a HTTP/1.1\r\n" H "\r\n", "400 empty_lines"),
    ROW("three empty lines", "\r\n\r\n\r\nGET /a HTTP/1.1\r\n" H "\r\n", "400 empty_lines"),
#undef ROW
};

static void refusals(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof refused / sizeof refused[0]; i++) {
        print_message("         %s\n", refused[i].what);
        expect(refused[i].bytes, refused[i].want);
    }
}

static void controls_in_values(void **state)
{
    struct sl_buf out;
    (void)state;
    sl_buf_init(&out, OUT_MAX);
    for (unsigned c = 0; c < 256; c++) {
        char bytes[] = "GET /a HTTP/1.1\r\nHost: h\r\nA: bXc\r\n\r\n";
        bool bad = (c < 0x20 && c != '\t') || c == 0x7f;
        *strchr(bytes, 'X') = (char)c;
        parse(sl_str_of(bytes, sizeof bytes - 1), NULL, (struct cut){0}, &out);
        assert_int_equal(sl_str_starts(sl_buf_str(&out), SL_STR("BAD 400")), bad);
    }
    sl_buf_done(&out);
}

/* In the body: the head was given, what comes then is refused. */
static void bad_chunks(void **state)
{
    static const struct {
        struct sl_str bytes, want;
    } rows[] = {
#define ROW(bytes, want) {SL_STR_INIT(CHUNKED bytes), SL_STR_INIT("BAD 400 " want)}
        ROW("5\nhello\r\n0\r\n\r\n", "bare_line_end"),
        ROW("5\r\nhello\n0\r\n\r\n", "bare_line_end"),
        ROW("5\r\nhello0\r\n\r\n", "bad_chunk"),
        ROW("5\r\nhelloo\r\n0\r\n\r\n", "bad_chunk"),
        ROW("5 \r\nhello\r\n0\r\n\r\n", "bad_chunk"),
        ROW(" 5\r\nhello\r\n0\r\n\r\n", "bad_chunk"),
        ROW("0x5\r\nhello\r\n0\r\n\r\n", "bad_chunk"),
        ROW("-5\r\nhello\r\n0\r\n\r\n", "bad_chunk"),
        ROW("+5\r\nhello\r\n0\r\n\r\n", "bad_chunk"),
        ROW("\r\nhello\r\n0\r\n\r\n", "bad_chunk"),
        ROW(";a\r\nhello\r\n0\r\n\r\n", "bad_chunk"),
        ROW("g\r\nhello\r\n0\r\n\r\n", "bad_chunk"),
        ROW("10000000000000005\r\nhello\r\n0\r\n\r\n", "bad_chunk"),
        ROW("fffffffffffffffff\r\nhello\r\n0\r\n\r\n", "bad_chunk"),
        ROW("5;a\nhello\r\n0\r\n\r\n", "bare_line_end"),
        ROW("5;a=\"b\nc\"\r\nhello\r\n0\r\n\r\n", "bad_chunk"),
        ROW("5;a\rb\r\nhello\r\n0\r\n\r\n", "bad_chunk"),
        ROW("5;\x01\r\nhello\r\n0\r\n\r\n", "bad_chunk"),
        ROW("0\n\r\n", "bare_line_end"),
        ROW("0\r\n\n", "bad_header"),
        ROW("0\r\nA: b\n\r\n", "bare_line_end"),
        ROW("0\r\nA : b\r\n\r\n", "bad_header"),
        ROW("0\r\n A: b\r\n\r\n", "bad_header"),
        ROW("0\r\nContent-Length: 5\r\n\r\n", "bad_chunk"),
        ROW("0\r\nTransfer-Encoding: chunked\r\n\r\n", "bad_chunk"),
#undef ROW
    };
    struct sl_buf out;
    (void)state;
    sl_buf_init(&out, OUT_MAX);
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++)
        for (size_t at = 0; at < rows[i].bytes.n; at++) {
            parse(rows[i].bytes, NULL, (struct cut){at == 0 ? 1 : SIZE_MAX, at}, &out);
            assert_true(sl_str_starts(sl_buf_str(&out), SL_STR("HEAD 3 v11")));
            if (!sl_str_ends(sl_buf_str(&out), rows[i].want))
                fail_msg("row %zu cut at %zu: " SL_STR_FMT, i, at, SL_STR_ARG(sl_buf_str(&out)));
            assert_true(sl_str_find_str(sl_buf_str(&out), SL_STR("COMPLETE")) < 0);
        }
    sl_buf_done(&out);
}

/* Every byte of a name, at every place, in names of every length. */
static void names_become_lower_case(void **state)
{
    struct sl_buf in, out;
    (void)state;
    sl_buf_init(&in, OUT_MAX);
    sl_buf_init(&out, OUT_MAX);
    for (size_t n = 1; n <= 20; n++)
        for (size_t at = 0; at < n; at++)
            for (const char *c = "AZMaz09-@[`{_!~|^"; *c != 0; c++) {
                char name[20], lower[20];
                memset(name, 'N', n), memset(lower, 'n', n);
                name[at] = *c, lower[at] = sl_lower(*c);
                sl_buf_reset(&in);
                sl_buf_adds(&in, SL_STR("GET /a HTTP/1.1\r\n" H));
                sl_buf_add(&in, name, n);
                sl_buf_adds(&in, SL_STR(": v\r\n\r\n"));
                parse(sl_buf_str(&in), NULL, (struct cut){0}, &out);
                sl_buf_reset(&in);
                sl_buf_adds(&in, SL_STR("\n"));
                sl_buf_add(&in, lower, n);
                sl_buf_adds(&in, SL_STR("=\"v\"\nCOMPLETE"));
                bool there = sl_str_find_str(sl_buf_str(&out), sl_buf_str(&in)) >= 0;
                assert_int_equal(there, strchr("@[{_", *c) == NULL);
                assert_int_equal(sl_str_starts(sl_buf_str(&out), SL_STR("BAD")), strchr("@[{", *c) != NULL);
            }
    sl_buf_done(&in);
    sl_buf_done(&out);
}

static void fill(struct sl_buf *b, const char *before, char c, size_t n, const char *behind)
{
    sl_buf_reset(b);
    sl_buf_adds(b, sl_str_c(before));
    memset(sl_buf_room(b, n), c, n);
    sl_buf_wrote(b, n);
    sl_buf_adds(b, sl_str_c(behind));
}

static bool is_taken(const struct sl_buf *in, const struct h1_limits *limits, const char *otherwise)
{
    static const struct cut cuts[] = {{0}, {1, 0}, {7, 0}, {4096, 0}};
    struct sl_buf out;
    bool taken = false;
    sl_buf_init(&out, OUT_MAX);
    for (size_t i = 0; i < sizeof cuts / sizeof cuts[0]; i++) {
        parse(sl_buf_str(in), limits, cuts[i], &out);
        taken = sl_str_ends(sl_buf_str(&out), SL_STR("COMPLETE\nEOF 0"));
        if (!taken)
            expect_text(sl_buf_str(&out), sl_str_c(otherwise), "over a limit");
    }
    sl_buf_done(&out);
    return taken;
}

static void limits_of_heads(void **state)
{
    const struct h1_limits l = {.head_bytes = 1000, .headers = 5, .target_bytes = 100};
    const size_t frame = sizeof "GET /a HTTP/1.1\r\nHost: h\r\nA: \r\n\r\n" - 1;
    struct sl_buf b;
    (void)state;
    sl_buf_init(&b, OUT_MAX);
    fill(&b, "GET /a HTTP/1.1\r\n" H "A: ", 'x', 1000 - frame, "\r\n\r\n");
    assert_int_equal(b.n, 1000);
    assert_true(is_taken(&b, &l, ""));
    fill(&b, "GET /a HTTP/1.1\r\n" H "A: ", 'x', 1001 - frame, "\r\n\r\n");
    assert_false(is_taken(&b, &l, "BAD 431 head_too_large"));
    fill(&b, "GET /a HTTP/1.1\r\n" H "A: ", 'x', 100000, "");
    assert_false(is_taken(&b, &l, "BAD 431 head_too_large"));
    fill(&b, "GET /", 'x', 99, " HTTP/1.1\r\n" H "\r\n");
    assert_true(is_taken(&b, &l, ""));
    fill(&b, "GET /", 'x', 100, " HTTP/1.1\r\n" H "\r\n");
    assert_false(is_taken(&b, &l, "BAD 414 target_too_long"));
    fill(&b, "GET /", 'x', 500000, "");
    assert_false(is_taken(&b, &l, "BAD 414 target_too_long"));
    fill(&b, "GET /a HTTP/1.1\r\n" H "a:1\r\nb:2\r\nc:3\r\nd:", '4', 1, "\r\n\r\n");
    assert_true(is_taken(&b, &l, ""));
    fill(&b, "GET /a HTTP/1.1\r\n" H "a:1\r\nb:2\r\nc:3\r\nd:4\r\ne:", '5', 1, "\r\n\r\n");
    assert_false(is_taken(&b, &l, "BAD 431 too_many_headers"));
    sl_buf_done(&b);
}

static void the_default_limits(void **state)
{
    struct sl_buf b;
    (void)state;
    sl_buf_init(&b, OUT_MAX);
    sl_buf_adds(&b, SL_STR("GET /a HTTP/1.1\r\n" H));
    for (unsigned i = 0; i < H1_HEADERS - 1; i++)
        sl_buf_addf(&b, "x-%u: %u\r\n", i, i);
    size_t n = b.n;
    sl_buf_adds(&b, SL_STR("\r\n"));
    assert_true(is_taken(&b, NULL, ""));
    b.n = n;
    sl_buf_adds(&b, SL_STR("one: more\r\n\r\n"));
    assert_false(is_taken(&b, NULL, "BAD 431 too_many_headers"));
    sl_buf_done(&b);
}

/* What chunk framing may cost: extensions, zeros, trailers are bounded; many small chunks are not. */
static bool body_is_taken(const struct sl_buf *in)
{
    static const struct cut cuts[] = {{0}, {1, 0}, {4096, 0}};
    struct sl_buf out;
    bool taken = false;
    sl_buf_init(&out, OUT_MAX);
    for (size_t i = 0; i < sizeof cuts / sizeof cuts[0]; i++) {
        parse(sl_buf_str(in), NULL, cuts[i], &out);
        taken = sl_str_ends(sl_buf_str(&out), SL_STR("COMPLETE\nEOF 0"));
        if (!taken)
            assert_true(sl_str_ends(sl_buf_str(&out), SL_STR("BAD 400 chunk_overhead")));
    }
    sl_buf_done(&out);
    return taken;
}

static void chunk_overhead(void **state)
{
    struct sl_buf b;
    (void)state;
    sl_buf_init(&b, OUT_MAX);
    fill(&b, CHUNKED "1;", 'x', 16000, "\r\na\r\n0\r\n\r\n");
    assert_true(body_is_taken(&b));
    fill(&b, CHUNKED "1;", 'x', 17000, "\r\na\r\n0\r\n\r\n");
    assert_false(body_is_taken(&b));
    fill(&b, CHUNKED, '0', 17000, "1\r\na\r\n0\r\n\r\n");
    assert_false(body_is_taken(&b));
    fill(&b, CHUNKED "0\r\nA: ", 'x', 17000, "\r\n\r\n");
    assert_false(body_is_taken(&b));
    sl_buf_reset(&b);
    sl_buf_adds(&b, SL_STR(CHUNKED));
    for (int i = 0; i < 20000; i++)
        sl_buf_adds(&b, SL_STR("1\r\na\r\n"));
    sl_buf_adds(&b, SL_STR("0\r\n\r\n"));
    assert_true(body_is_taken(&b));
    sl_buf_reset(&b);
    sl_buf_adds(&b, SL_STR(CHUNKED));
    for (int i = 0; i < 2000; i++)
        sl_buf_adds(&b, SL_STR("1;xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx\r\na\r\n"));
    sl_buf_adds(&b, SL_STR("0\r\n\r\n"));
    assert_false(body_is_taken(&b));
    sl_buf_done(&b);
}

/* Holding back: the owner keeps the rest of the slice after each piece of news and comes back with it. */
static void the_owner_may_wait(void **state)
{
    struct sl_str all = SL_STR(CHUNKED "3\r\nabc\r\n2\r\nde\r\n0\r\n\r\nGET /next"), body;
    struct h1_parser p;
    struct sl_arena arena;
    (void)state;
    sl_arena_init(&arena, NULL);
    h1_parser_init(&p, H1_REQUESTS, NULL);
    assert_int_equal(h1_parser_eof(&p), H1_EOF_IDLE);
    h1_parser_begin(&p, &arena);
    assert_true(h1_parser_is_untouched(&p));
    assert_int_equal(h1_parser_feed(&p, &all, &body), H1_HEAD);
    assert_false(h1_parser_is_untouched(&p));
    assert_int_equal(h1_parser_eof(&p), H1_EOF_CUT);
    assert_true(sl_str_starts(all, SL_STR("3\r\nabc")));
    assert_int_equal(h1_parser_feed(&p, &all, &body), H1_BODY);
    expect_text(body, SL_STR("abc"), "first");
    struct sl_str none = SL_STR("");
    assert_int_equal(h1_parser_feed(&p, &none, &body), H1_MORE);
    assert_int_equal(h1_parser_feed(&p, &all, &body), H1_BODY);
    expect_text(body, SL_STR("de"), "second");
    assert_false(h1_parser_is_drained(&p));
    assert_int_equal(h1_parser_feed(&p, &all, &body), H1_COMPLETE);
    expect_text(all, SL_STR("GET /next"), "left to the next");
    assert_int_equal(h1_parser_eof(&p), H1_EOF_IDLE);
    sl_arena_reset(&arena);
    h1_parser_begin(&p, &arena);
    assert_int_equal(h1_parser_feed(&p, &all, &body), H1_MORE);
    assert_int_equal(h1_parser_eof(&p), H1_EOF_CUT);
    sl_arena_done(&arena);
}

static void lengths_drain(void **state)
{
    struct sl_str all = SL_STR("POST /a HTTP/1.1\r\n" H "Content-Length: 5\r\n\r\nhel"), body, rest = SL_STR("loX");
    struct h1_parser p;
    struct sl_arena arena;
    (void)state;
    sl_arena_init(&arena, NULL);
    h1_parser_init(&p, H1_REQUESTS, NULL);
    h1_parser_begin(&p, &arena);
    assert_int_equal(h1_parser_feed(&p, &all, &body), H1_HEAD);
    assert_int_equal(h1_parser_feed(&p, &all, &body), H1_BODY);
    assert_false(h1_parser_is_drained(&p));
    assert_int_equal(h1_parser_feed(&p, &all, &body), H1_MORE);
    assert_int_equal(h1_parser_feed(&p, &rest, &body), H1_BODY);
    expect_text(body, SL_STR("lo"), "only what belongs to it");
    assert_true(h1_parser_is_drained(&p));
    assert_int_equal(h1_parser_feed(&p, &rest, &body), H1_COMPLETE);
    expect_text(rest, SL_STR("X"), "left");
    sl_arena_done(&arena);
}

static void parsers_are_small(void **state)
{
    (void)state;
    assert_true(sizeof(struct h1_parser) <= 320);
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
        cmocka_unit_test(plain_requests),
        cmocka_unit_test(forms_of_targets),
        cmocka_unit_test(upgrades_are_ordinary),
        cmocka_unit_test(pipelining),
        cmocka_unit_test(underscores_are_dropped),
        cmocka_unit_test(refusals),
        cmocka_unit_test(controls_in_values),
        cmocka_unit_test(names_become_lower_case),
        cmocka_unit_test(bad_chunks),
        cmocka_unit_test(limits_of_heads),
        cmocka_unit_test(the_default_limits),
        cmocka_unit_test(chunk_overhead),
        cmocka_unit_test(the_owner_may_wait),
        cmocka_unit_test(lengths_drain),
        cmocka_unit_test(parsers_are_small),
    };
    return cmocka_run_group_tests(tests, group_begin, group_end);
}
