/* Makes frames of application/vnd.amazon.eventstream, for tests and fuzz targets. Layout: http/aws_frames.h. */
#ifndef SLUICE_TESTS_LIB_AWS_FRAME_H
#define SLUICE_TESTS_LIB_AWS_FRAME_H

#include <stdint.h>
#include <stdio.h>

#include "base/base64.h"
#include "base/buf.h"
#include "base/check.h"

static inline uint32_t aws_test_crc(struct sl_str s)
{
    uint32_t c = 0xffffffffu;
    for (size_t i = 0; i < s.n; i++) {
        c ^= (unsigned char)s.p[i];
        for (int bit = 0; bit < 8; bit++)
            c = (c & 1) != 0 ? c >> 1 ^ 0xedb88320u : c >> 1;
    }
    return ~c;
}

static inline void aws_test_u32(char *to, size_t v)
{
    for (unsigned i = 0; i < 4; i++)
        to[i] = (char)(unsigned char)(v >> (24 - 8 * i));
}

/* headers: as they are encoded. */
static inline void aws_test_frame(struct sl_buf *b, struct sl_str headers, struct sl_str payload)
{
    size_t from = b->n;
    char four[4];
    sl_buf_add(b, "\0\0\0\0\0\0\0\0\0\0\0", 12);
    sl_buf_adds(b, headers);
    sl_buf_adds(b, payload);
    SL_CHECK(!b->over);
    aws_test_u32(b->p + from, b->n - from + 4);
    aws_test_u32(b->p + from + 4, headers.n);
    aws_test_u32(b->p + from + 8, aws_test_crc(sl_str_of(b->p + from, 8)));
    aws_test_u32(four, aws_test_crc(sl_str_of(b->p + from, b->n - from)));
    sl_buf_add(b, four, 4);
}

static inline void aws_test_header(struct sl_buf *b, const char *name, const char *value)
{
    struct sl_str n = sl_str_c(name), v = sl_str_c(value);
    sl_buf_addc(b, (char)n.n);
    sl_buf_adds(b, n);
    sl_buf_addc(b, 7);
    sl_buf_addc(b, (char)(v.n >> 8));
    sl_buf_addc(b, (char)(v.n & 0xff));
    sl_buf_adds(b, v);
}

/* type "event", "exception" or "error"; named by what goes with it. */
static inline void aws_test_message(struct sl_buf *b, const char *type, const char *kind, struct sl_str payload)
{
    struct sl_buf headers;
    char name[32];
    sl_buf_init(&headers, 1024);
    snprintf(name, sizeof name, ":%s-%s", type, sl_str_eq(sl_str_c(type), SL_STR("error")) ? "code" : "type");
    aws_test_header(&headers, name, kind);
    aws_test_header(&headers, ":message-type", type);
    aws_test_frame(b, sl_buf_str(&headers), payload);
    sl_buf_done(&headers);
}

/* One event of Claude's as Bedrock sends it. */
static inline void aws_test_chunk(struct sl_buf *b, const char *json)
{
    struct sl_str s = sl_str_c(json);
    struct sl_buf payload;
    sl_buf_init(&payload, 1u << 20);
    sl_buf_adds(&payload, SL_STR("{\"bytes\":\""));
    char *to = sl_buf_room(&payload, SL_BASE64_BYTES(s.n));
    SL_CHECK(to != NULL);
    sl_buf_wrote(&payload, sl_base64_encode(s, to));
    sl_buf_adds(&payload, SL_STR("\",\"p\":\"abcdef\"}"));
    aws_test_message(b, "event", "chunk", sl_buf_str(&payload));
    sl_buf_done(&payload);
}

#endif
