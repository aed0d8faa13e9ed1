/* What is sent to S3 and read of its answers. Signatures: the examples of "Signature Calculations for the Authorization Header",
 * Amazon S3 API Reference. */
#include "keep/s3.h"
#include "keep/sum.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

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

static struct sl_str header(const struct attempt_request *r, const char *name)
{
    for (uint32_t i = 0; i < r->n_headers; i++)
        if (sl_str_eq(r->headers[i].name, sl_str_c(name)))
            return r->headers[i].value;
    return SL_STR_NONE;
}

static struct keep_place example(void)
{
    return (struct keep_place){
        .kind = KEEP_S3,
        .base = SL_STR("/"),
        .root = SL_STR("/"),
        .region = SL_STR("us-east-1"),
        .origin = {.authority = SL_STR("examplebucket.s3.amazonaws.com")},
        .key = {.id = SL_STR("AKIAIOSFODNN7EXAMPLE"), .secret = SL_STR("wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY")},
    };
}

static void known_signatures(void **state)
{
    static const struct {
        const char *query, *signature;
    } rows[] = {
        {"lifecycle", "fea454ca298b7da1c68078a5d1bdbfbbe0d65c699e0f91ac7a200a0136783543"},
        {"max-keys=2&prefix=J", "34b48302e7b5fa45bde8084f4b7868a86f0a534bc59db6670ed5711ef69dc6f7"},
    };
    struct keep_place p = example();
    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        struct s3_ask ask = {.method = SL_STR("GET"), .query = sl_str_c(rows[i].query)};
        struct attempt_request r;
        s3_fill(&p, &ask, 1369353600, &arena, &r); /* 2013-05-24T00:00:00Z */
        struct sl_str got = header(&r, "authorization");
        assert_true(sl_str_ends(got, sl_str_c(rows[i].signature)));
        assert_true(sl_str_find_str(got, SL_STR("SignedHeaders=host;x-amz-content-sha256;x-amz-date,")) > 0);
        IS(header(&r, "x-amz-date"), "20130524T000000Z");
        IS(header(&r, "x-amz-content-sha256"), "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855");
        assert_int_equal(header(&r, "host").n, 0); /* the attempt's */
    }
}

static void a_request_for_an_object(void **state)
{
    struct keep_place p = example();
    struct attempt_request r;
    (void)state;
    p.base = SL_STR("/bucket/videos/");
    p.key.session = SL_STR("temporary");
    const struct s3_ask ask = {.method = SL_STR("GET"),
                               .name = SL_STR("video_a.video"),
                               .range = SL_STR("bytes=0-9"),
                               .if_match = SL_STR("\"e\"")};
    s3_fill(&p, &ask, 1369353600, &arena, &r);
    IS(r.path, "/bucket/videos/video_a.video");
    IS(header(&r, "range"), "bytes=0-9");
    IS(header(&r, "if-match"), "\"e\"");
    IS(header(&r, "x-amz-security-token"), "temporary");
    assert_true(sl_str_find_str(header(&r, "authorization"), SL_STR("x-amz-date;x-amz-security-token,")) > 0);
    for (uint32_t i = 0; i < r.n_headers; i++) /* the key itself is in none */
        assert_true(sl_str_find_str(r.headers[i].value, p.key.secret) < 0);
}

static void places(void **state)
{
    struct keep_settings s = {.s3 = {.endpoint = {.text = SL_STR("https://s3.example.com:9000/base"),
                                                  .host = SL_STR("s3.example.com"),
                                                  .authority = SL_STR("s3.example.com:9000"),
                                                  .path = SL_STR("/base"),
                                                  .port = 9000,
                                                  .tls = true},
                                     .bucket = SL_STR("films"),
                                     .region = SL_STR("eu-1"),
                                     .prefix = SL_STR("a/b/"),
                                     .path_style = true}};
    struct keep_place p;
    (void)state;
    sl_secret_set(&s.s3.secret_access_key, SL_STR("hidden"));
    keep_place_fill(&s, NULL, &arena, &p);
    IS(p.base, "/base/films/a/b/");
    IS(p.root, "/base/films");
    IS(p.name, "s3:https://s3.example.com:9000/base/films/a/b/");
    IS(p.origin.authority, "s3.example.com:9000");
    s.s3.path_style = false;
    s.s3.endpoint.path = SL_STR_NONE;
    keep_place_fill(&s, NULL, &arena, &p);
    IS(p.base, "/a/b/");
    IS(p.root, "/");
    IS(p.origin.host, "films.s3.example.com");
    IS(p.origin.authority, "films.s3.example.com:9000");
    IS(p.origin.tls_name, "films.s3.example.com");
    sl_secret_done(&s.s3.secret_access_key);
    s = (struct keep_settings){.directory = SL_STR("/var/videos")};
    keep_place_fill(&s, NULL, &arena, &p);
    assert_int_equal(p.kind, KEEP_DIRECTORY);
    IS(p.name, "directory:/var/videos");
    s = (struct keep_settings){.for_ns = 1};
    keep_place_fill(&s, NULL, &arena, &p);
    assert_int_equal(p.kind, KEEP_NOWHERE);
}

static void names(void **state)
{
    (void)state;
    assert_true(keep_name_is(SL_STR("video_abc.last_frame")));
    assert_false(keep_name_is(SL_STR("")));
    assert_false(keep_name_is(SL_STR(".hidden")));
    assert_false(keep_name_is(SL_STR("../video_a")));
    assert_false(keep_name_is(SL_STR("a/b")));
    assert_false(keep_name_is(SL_STR("a b")));
    assert_false(keep_name_is(SL_STR("a%2fb")));
}

static void texts_of_xml(void **state)
{
    static const struct {
        const char *xml, *want; /* NULL: none */
    } rows[] = {
        {"<?xml version='1.0'?>\n<Error><Code>NoSuchKey</Code><Message>x</Message></Error>", "NoSuchKey"},
        {"<a xmlns=\"u\"><Code >a&amp;b&lt;&#65;&quot;&unknown;&</Code></a>", "a&b<A\"&unknown;&"},
        {"<Code></Code>", ""},
        {"<Codex>1</Codex><Code>2</Code>", "2"},
        {"<Code/><Code>3</Code>", "3"},
        {"</Code><Code>4</Code></Code>", "4"},
        {"<Code>5", NULL},
        {"<Code", NULL},
        {"Code>6</Code>", NULL},
        {"", NULL},
        {"<<<<<<Code>7</Code>", "7"},
        {"<Code>&#0;&#10;&#200;</Code>", "&#0;&#10;&#200;"},
    };
    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        struct sl_str got;
        bool found = s3_xml_text(sl_str_c(rows[i].xml), SL_STR("Code"), &arena, &got);
        if (found != (rows[i].want != NULL) || (found && !sl_str_eq(got, sl_str_c(rows[i].want))))
            fail_msg("%s", rows[i].xml);
    }
}

/* Only uploads of the very name are ended: others may be somebody's. */
static void uploads(void **state)
{
    struct keep_place p = example();
    (void)state;
    p.prefix = SL_STR("v/");
    IS(s3_uploads_query(&p, SL_STR("video_a.video"), &arena), "prefix=v%2Fvideo_a.video&uploads");
    struct sl_str got =
        s3_uploads_read(&p, SL_STR("video_a.video"),
                        SL_STR("<R><Upload><Key>v/video_a.video</Key><UploadId>one/+</UploadId></Upload>"
                               "<Upload><Key>v/video_a.video2</Key><UploadId>foreign</UploadId></Upload>"
                               "<Upload><Key>v/video_a.video</Key></Upload>"
                               "<Upload><Key>v/video_a.video</Key><UploadId></UploadId></Upload>"
                               "<Upload><Key>v/video_a.video</Key><UploadId>two</UploadId></Upload></R>"),
                        &arena);
    IS(got, "one%2F%2B\ntwo\n");
    IS(s3_uploads_read(&p, SL_STR("video_a.video"), SL_STR("<Upload><Upload><Upload"), &arena), "");
}

static void tags(void **state)
{
    (void)state;
    assert_true(s3_etag_is(SL_STR("\"d41d8cd98f00b204e9800998ecf8427e-9\"")));
    assert_false(s3_etag_is(SL_STR("")));
    assert_false(s3_etag_is(SL_STR("\"a b\"")));
    assert_false(s3_etag_is(SL_STR("\"</ETag><ETag>\"")));
    assert_false(s3_etag_is(SL_STR("\"\r\nx: y\"")));
}

static void sums(void **state)
{
    static const struct {
        const char *name, *value;
        bool found;
    } rows[] = {
        {"repr-digest", "sha-512=:AAAA:, sha-256=:ungWv48Bz+pBQUDeXa4iI7ADYaOWF3qctBD/YfIAFa0=:", true},
        {"content-digest", "sha-256=:ungWv48Bz+pBQUDeXa4iI7ADYaOWF3qctBD/YfIAFa0=:", true},
        {"digest", "md5=x,SHA-256=ungWv48Bz+pBQUDeXa4iI7ADYaOWF3qctBD/YfIAFa0=", true},
        {"x-amz-checksum-sha256", "ungWv48Bz+pBQUDeXa4iI7ADYaOWF3qctBD/YfIAFa0=", true},
        {"x-amz-checksum-sha256", "ungWv48Bz+pBQUDeXa4iI7ADYaOWF3qctBD/YfIAFa0=-3", false},
        {"digest", "sha-256=short", false},
        {"digest", "sha-256=????????????????????????????????????????????", false},
        {"etag", "\"ungWv48Bz+pBQUDeXa4iI7ADYaOWF3qctBD/YfIAFa0=\"", false},
    };
    uint8_t want[TLS_SHA256_BYTES], got[TLS_SHA256_BYTES];
    (void)state;
    tls_sha256("abc", 3, want);
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        struct http_headers h = {0};
        http_headers_add(&h, &arena, sl_str_c(rows[i].name), sl_str_c(rows[i].value));
        assert_int_equal(keep_sum_of(&h, got), rows[i].found);
        if (rows[i].found)
            assert_memory_equal(got, want, sizeof want);
    }
}

#define T(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {T(known_signatures),
                                       T(a_request_for_an_object),
                                       T(places),
                                       T(names),
                                       T(texts_of_xml),
                                       T(uploads),
                                       T(tags),
                                       T(sums)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
