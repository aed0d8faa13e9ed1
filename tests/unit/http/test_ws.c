/* Frames and handshake of RFC 6455: its own examples (sections 1.3 and 5.7), every cut, and each way to break the protocol. */
#include "http/ws.h"

#include "tls/digest.h"
#include "unit/http/cm.h"
#include "unit/http/ws_transcript.h"

#define BYTES(text)                                                                                                    \
    {                                                                                                                  \
        text, sizeof(text) - 1                                                                                         \
    }

struct row {
    struct sl_str bytes;
    enum ws_role role;
    const char *want;
};

static void expect(const struct row *row, size_t max)
{
    struct sl_buf out;
    sl_buf_init(&out, 1u << 20);
    for (size_t step = 0; step < 12; step++) {
        sl_buf_reset(&out);
        ws_transcript(row->bytes, row->role, max, (struct cut){step, 0}, &out);
        expect_text(sl_buf_str(&out), sl_str_c(row->want), "in slices");
    }
    for (size_t at = 1; at < row->bytes.n; at++) {
        sl_buf_reset(&out);
        ws_transcript(row->bytes, row->role, max, (struct cut){SIZE_MAX, at}, &out);
        expect_text(sl_buf_str(&out), sl_str_c(row->want), "cut in two");
    }
    sl_buf_done(&out);
}

static void examples(void **state)
{
    static const struct row rows[] = {
        {BYTES("\x81\x05\x48\x65\x6c\x6c\x6f"), WS_FROM_SERVER, "message 1 0 \"Hello\"\"\"\nclosed 0"},
        {BYTES("\x81\x85\x37\xfa\x21\x3d\x7f\x9f\x4d\x51\x58"), WS_FROM_CLIENT, "message 1 0 \"Hello\"\"\"\nclosed 0"},
        {BYTES("\x01\x03\x48\x65\x6c\x80\x02\x6c\x6f"), WS_FROM_SERVER, "message 1 0 \"Hello\"\"\"\nclosed 0"},
        {BYTES("\x89\x05\x48\x65\x6c\x6c\x6f"), WS_FROM_SERVER, "control 9 0 \"Hello\"\"\"\nclosed 0"},
        {BYTES("\x8a\x85\x37\xfa\x21\x3d\x7f\x9f\x4d\x51\x58"), WS_FROM_CLIENT, "control 10 0 \"Hello\"\"\"\nclosed 0"},
        /* a ping between fragments, a character cut by them */
        {BYTES("\x01\x02\x61\xc3\x89\x01\x70\x00\x00\x80\x01\xa9"), WS_FROM_SERVER,
         "control 9 0 \"p\"\"\"\nmessage 1 0 \"aé\"\"\"\nclosed 0"},
        {BYTES("\x81\x00\x82\x00\x01\x00\x80\x00"), WS_FROM_SERVER,
         "message 1 0 \"\"\"\"\nmessage 2 0 \"\"\"\"\nmessage 1 0 \"\"\"\"\nclosed 0"},
        {BYTES("\x88\x06\x03\xe8"
               "done\x81\x01x"),
         WS_FROM_SERVER,
         "control 8 1000 \"\\u0003\xef\xbf\xbd"
         "done\"\"done\"\nclosed 1"},
        {BYTES("\x88\x00"), WS_FROM_SERVER, "control 8 1005 \"\"\"\"\nclosed 1"},
        {BYTES("\x88\x80zzzz\x81\x85"), WS_FROM_CLIENT, "control 8 1005 \"\"\"\"\nclosed 1"},
        {BYTES("\x81"), WS_FROM_SERVER, "closed 0"},
        {BYTES("\x81\x05Hel"), WS_FROM_SERVER, "closed 0"},
    };
    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++)
        expect(&rows[i], 1000);
}

#define BAD(code, why) "bad 8 " code " \"\"\"" why "\"\nclosed 0"

static void breakers(void **state)
{
    static const struct row rows[] = {
        {BYTES("\x81\x05Hello"), WS_FROM_CLIENT, BAD("1002", "a frame of a client that is not masked")},
        {BYTES("\x81\x85zzzzHello"), WS_FROM_SERVER, BAD("1002", "a masked frame of a server")},
        {BYTES("\xc1\x05Hello"), WS_FROM_SERVER, BAD("1002", "reserved bits are set and no extension was agreed on")},
        {BYTES("\x91\x05Hello"), WS_FROM_SERVER, BAD("1002", "reserved bits are set and no extension was agreed on")},
        {BYTES("\x83\x05Hello"), WS_FROM_SERVER, BAD("1002", "a reserved opcode")},
        {BYTES("\x8b\x05Hello"), WS_FROM_SERVER, BAD("1002", "a reserved opcode")},
        {BYTES("\x09\x05Hello"), WS_FROM_SERVER, BAD("1002", "a control frame in fragments")},
        {BYTES("\x89\x7e\x00\x7e"), WS_FROM_SERVER, BAD("1002", "a control frame of more than 125 bytes")},
        {BYTES("\x80\x05Hello"), WS_FROM_SERVER, BAD("1002", "a continuation of nothing")},
        {BYTES("\x01\x01H\x81\x01x"), WS_FROM_SERVER, BAD("1002", "a new message inside of another")},
        {BYTES("\x81\x7e\x00\x05Hello"), WS_FROM_SERVER, BAD("1002", "a length in a longer form than needed")},
        {BYTES("\x81\x7f\x00\x00\x00\x00\x00\x00\xff\xff"), WS_FROM_SERVER,
         BAD("1002", "a length in a longer form than needed")},
        {BYTES("\x81\x7f\x80\x00\x00\x00\x00\x01\x00\x00"), WS_FROM_SERVER,
         BAD("1002", "a length in a longer form than needed")},
        {BYTES("\x81\x7f\x7f\xff\xff\xff\xff\xff\xff\xff"), WS_FROM_SERVER,
         BAD("1009", "the message is larger than is taken here")},
        {BYTES("\x81\x15"), WS_FROM_SERVER, BAD("1009", "the message is larger than is taken here")},
        {BYTES("\x01\x10"
               "0123456789abcdef\x80\x05"),
         WS_FROM_SERVER, BAD("1009", "the message is larger than is taken here")},
        {BYTES("\x81\x02\xc3\x28"), WS_FROM_SERVER, BAD("1007", "a text message is not UTF-8")},
        {BYTES("\x81\x03\xed\xa0\x80"), WS_FROM_SERVER, BAD("1007", "a text message is not UTF-8")}, /* a surrogate */
        {BYTES("\x81\x04\xf4\x90\x80\x80"), WS_FROM_SERVER, BAD("1007", "a text message is not UTF-8")}, /* too high */
        {BYTES("\x81\x02\xc0\xaf"), WS_FROM_SERVER, BAD("1007", "a text message is not UTF-8")},         /* overlong */
        {BYTES("\x01\x01\xc3\x80\x01\x28"), WS_FROM_SERVER, BAD("1007", "a text message is not UTF-8")},
        {BYTES("\x81\x01\xc3"), WS_FROM_SERVER, BAD("1007", "a text message ends within a character")},
        {BYTES("\x88\x01x"), WS_FROM_SERVER, BAD("1002", "a close frame with half a code")},
        {BYTES("\x88\x02\x03\xed"), WS_FROM_SERVER, BAD("1002", "a close code that may not be sent")}, /* 1005 */
        {BYTES("\x88\x02\x03\xe7"), WS_FROM_SERVER, BAD("1002", "a close code that may not be sent")}, /* 999 */
        {BYTES("\x88\x04\x03\xe8\xc3\x28"), WS_FROM_SERVER, BAD("1007", "the reason of a close frame is not UTF-8")},
    };
    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++)
        expect(&rows[i], 20);
}

/* Every length at which the form of a head changes, both roles; what was large is not kept. */
static void lengths(void **state)
{
    static const size_t sizes[] = {0, 1, 125, 126, 127, 65535, 65536, 200000};
    static const unsigned char key[4] = {1, 200, 0, 77};
    (void)state;
    char *p = sl_malloc(200000);
    for (size_t i = 0; i < 200000; i++)
        p[i] = (char)(i * 31 >> 3);
    for (size_t i = 0; i < sizeof sizes / sizeof *sizes; i++)
        for (int masked = 0; masked < 2; masked++) {
            unsigned char head[WS_HEAD_MAX];
            struct ws_reader w;
            struct ws_event e;
            struct sl_buf frame;
            size_t n = sizes[i];
            sl_buf_init(&frame, 1u << 20);
            sl_buf_add(&frame, head, ws_put_head(head, WS_BINARY, n, masked ? key : NULL));
            size_t from = frame.n;
            sl_buf_add(&frame, p, n);
            if (masked && n > 7) { /* in two parts: the second begins within the mask */
                ws_mask(frame.p + from, 7, key, 0);
                ws_mask(frame.p + from + 7, n - 7, key, 7);
            } else if (masked && n > 0) {
                ws_mask(frame.p + from, n, key, 0);
            }
            ws_reader_init(&w, masked ? WS_FROM_CLIENT : WS_FROM_SERVER, n);
            struct sl_str in = sl_buf_str(&frame), ping = masked ? SL_STR("\x89\x80zzzz") : SL_STR("\x89\x00");
            assert_int_equal(ws_read(&w, &in, &e), WS_MESSAGE);
            assert_true(sl_str_eq(e.payload, sl_str_of(p, n)));
            ping.n = masked ? 6 : 2;
            assert_int_equal(ws_read(&w, &ping, &e), WS_CONTROL);
            assert_true(w.message.cap <= WS_KEEP_BYTES);
            ws_reader_done(&w);
            sl_buf_done(&frame);
        }
    sl_free(p);
}

static void closes(void **state)
{
    unsigned char out[WS_CONTROL_MAX];
    char reason[200];
    (void)state;
    assert_int_equal(ws_put_close(out, WS_CODE_NONE, SL_STR("x")), 0);
    assert_int_equal(ws_put_close(out, 1006, SL_STR("x")), 0);
    assert_int_equal(ws_put_close(out, 2000, SL_STR("x")), 0);
    assert_int_equal(ws_put_close(out, 5000, SL_STR("x")), 0);
    assert_int_equal(ws_put_close(out, WS_CODE_POLICY, SL_STR("no")), 4);
    assert_memory_equal(out, "\x03\xf0no", 4);
    for (size_t i = 0; i < sizeof reason; i += 2)
        memcpy(reason + i, "é", 2);
    size_t n = ws_put_close(out, 4000, sl_str_of(reason, sizeof reason));
    assert_int_equal(n, 124); /* 123 would cut a character */
    assert_true(sl_utf8_valid(sl_str_of(out + 2, n - 2)));
}

static struct http_request ask(struct http_header *v, uint32_t n)
{
    for (uint32_t i = 0; i < n; i++)
        v[i].id = http_name_of(v[i].name);
    return (struct http_request){.method = HTTP_GET, .version = HTTP_1_1, .headers = {.v = v, .n = n, .cap = n}};
}

static void handshake(void **state)
{
    struct http_header v[] = {
        {.name = SL_STR("upgrade"), .value = SL_STR("WebSocket")},
        {.name = SL_STR("connection"), .value = SL_STR("keep-alive, Upgrade")},
        {.name = SL_STR("sec-websocket-version"), .value = SL_STR("13")},
        {.name = SL_STR("sec-websocket-key"), .value = SL_STR("dGhlIHNhbXBsZSBub25jZQ==")},
    };
    char accept[WS_ACCEPT_TEXT], key[WS_KEY_TEXT], other[WS_KEY_TEXT];
    (void)state;
    struct http_request r = ask(v, 4);
    assert_int_equal(ws_asked(&r), WS_ASK_OK);
    r.method = HTTP_POST;
    assert_int_equal(ws_asked(&r), WS_ASK_BROKEN);
    r.method = HTTP_GET;
    r.version = HTTP_1_0;
    assert_int_equal(ws_asked(&r), WS_ASK_BROKEN);
    r.version = HTTP_1_1;
    r.has_body = true;
    assert_int_equal(ws_asked(&r), WS_ASK_BROKEN);
    r.has_body = false;
    v[3].value = SL_STR("dGhlIHNhbXBsZSBub25jZQ");
    assert_int_equal(ws_asked(&r), WS_ASK_BROKEN);
    v[3].value = SL_STR("dGhlIHNhbXBsZSBub25jZSE=");
    assert_int_equal(ws_asked(&r), WS_ASK_BROKEN);
    v[2].value = SL_STR("8");
    assert_int_equal(ws_asked(&r), WS_ASK_VERSION);
    v[1].value = SL_STR("keep-alive");
    assert_int_equal(ws_asked(&r), WS_ASK_BROKEN);
    v[0].value = SL_STR("h2c");
    assert_int_equal(ws_asked(&r), WS_ASK_NOT);
    r.headers.n = 0;
    assert_int_equal(ws_asked(&r), WS_ASK_NOT);

    struct sl_str sample = SL_STR("dGhlIHNhbXBsZSBub25jZQ==");
    ws_accept_of(sample, tls_sha1, accept);
    assert_memory_equal(accept, "s3pPLMBiTxaQ9kYGzzhZRbK+xOo=", WS_ACCEPT_TEXT);
    struct http_header a[] = {
        {.name = SL_STR("upgrade"), .value = SL_STR("websocket")},
        {.name = SL_STR("connection"), .value = SL_STR("Upgrade")},
        {.name = SL_STR("sec-websocket-accept"), .value = SL_STR("s3pPLMBiTxaQ9kYGzzhZRbK+xOo=")},
        {.name = SL_STR("sec-websocket-extensions"), .value = SL_STR("permessage-deflate")},
    };
    struct http_response yes = {.status = 101, .headers = {.v = a, .n = 3, .cap = 4}};
    assert_true(ws_is_accepted(&yes, sample, tls_sha1));
    ws_key_make(key);
    ws_key_make(other);
    assert_memory_not_equal(key, other, WS_KEY_TEXT);
    assert_false(ws_is_accepted(&yes, sl_str_of(key, WS_KEY_TEXT), tls_sha1));
    yes.headers.n = 4; /* what was not asked for */
    assert_false(ws_is_accepted(&yes, sample, tls_sha1));
    yes.headers.n = 3;
    yes.status = 200;
    assert_false(ws_is_accepted(&yes, sample, tls_sha1));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(examples), cmocka_unit_test(breakers),  cmocka_unit_test(lengths),
        cmocka_unit_test(closes),   cmocka_unit_test(handshake),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
