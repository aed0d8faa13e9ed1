/* HTTP/2 frames by hand, for what a well-behaved library would not send; and reading back what a session answers. */
#ifndef SLUICE_TESTS_HTTP_H2_RAW_H
#define SLUICE_TESTS_HTTP_H2_RAW_H

#include <nghttp2/nghttp2.h>

#include "base/buf.h"
#include "base/check.h"

#define H2_PREFACE SL_STR("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n")

enum {
    F_DATA = 0,
    F_HEADERS,
    F_PRIORITY,
    F_RST,
    F_SETTINGS,
    F_PUSH,
    F_PING,
    F_GOAWAY,
    F_WINDOW,
    F_CONTINUATION
};
enum {
    END_STREAM = 1,
    ACK = 1,
    END_HEADERS = 4,
    PADDED = 8
};

static inline void put_int(struct sl_buf *b, uint64_t v, unsigned bytes) /* big-endian */
{
    for (unsigned i = bytes; i-- > 0;)
        sl_buf_addc(b, (char)(v >> (8 * i)));
}

static inline void put_frame(struct sl_buf *b, unsigned type, unsigned flags, uint32_t id, struct sl_str payload)
{
    put_int(b, payload.n, 3);
    put_int(b, type, 1);
    put_int(b, flags, 1);
    put_int(b, id, 4);
    sl_buf_adds(b, payload);
}

static inline void put_hpack_int(struct sl_buf *b, size_t v)
{
    if (v < 127) {
        sl_buf_addc(b, (char)v);
        return;
    }
    sl_buf_addc(b, 127);
    for (v -= 127; v >= 128; v >>= 7)
        sl_buf_addc(b, (char)(v | 128));
    sl_buf_addc(b, (char)v);
}

static inline void put_field(struct sl_buf *b, struct sl_str name, struct sl_str value) /* literal, not indexed */
{
    sl_buf_addc(b, 0);
    put_hpack_int(b, name.n);
    sl_buf_adds(b, name);
    put_hpack_int(b, value.n);
    sl_buf_adds(b, value);
}

/* "name: value" lines, each ended by LF, as a header block. */
static inline void put_fields(struct sl_buf *b, const char *lines)
{
    struct sl_str rest = sl_str_c(lines);
    while (rest.n > 0) {
        struct sl_str line = sl_str_cut(&rest, '\n');
        ptrdiff_t colon = sl_str_find(sl_str_from(line, 1), ':'); /* not the one of pseudo-headers */
        SL_CHECK(colon >= 0);
        put_field(b, sl_str_head(line, (size_t)colon + 1), sl_str_from(line, (size_t)colon + 3));
    }
}

static inline void put_headers(struct sl_buf *b, unsigned flags, uint32_t id, const char *lines)
{
    struct sl_buf block;
    sl_buf_init(&block, 1u << 20);
    put_fields(&block, lines);
    put_frame(b, F_HEADERS, flags | END_HEADERS, id, sl_buf_str(&block));
    sl_buf_done(&block);
}

static inline uint32_t get_int(const char *p, unsigned bytes)
{
    uint32_t v = 0;
    for (unsigned i = 0; i < bytes; i++)
        v = v << 8 | (unsigned char)p[i];
    return v;
}

/* Writes down the frames that matter: "RST id error", "GOAWAY error", "HEADERS id status [end]", "DATA id n [end]",
 * "WINDOW id n". */
static inline void note_frames(struct sl_str bytes, struct sl_buf *out)
{
    nghttp2_hd_inflater *hd;
    SL_CHECK(nghttp2_hd_inflate_new(&hd) == 0);
    while (bytes.n >= 9) {
        uint32_t n = get_int(bytes.p, 3), type = get_int(bytes.p + 3, 1), flags = get_int(bytes.p + 4, 1);
        uint32_t id = get_int(bytes.p + 5, 4);
        const char *p = bytes.p + 9;
        SL_CHECK(bytes.n - 9 >= n);
        if (type == F_RST)
            sl_buf_addf(out, "RST %u %u\n", id, get_int(p, 4));
        if (type == F_GOAWAY)
            sl_buf_addf(out, "GOAWAY %u\n", get_int(p + 4, 4));
        if (type == F_WINDOW)
            sl_buf_addf(out, "WINDOW %u %u\n", id, get_int(p, 4));
        if (type == F_DATA)
            sl_buf_addf(out, "DATA %u %u%s\n", id, n, flags & END_STREAM ? " end" : "");
        if (type == F_HEADERS) {
            const uint8_t *at = (const uint8_t *)p, *end = at + n;
            int done = 0;
            while (!(done & NGHTTP2_HD_INFLATE_FINAL)) {
                nghttp2_nv nv;
                ssize_t used = nghttp2_hd_inflate_hd2(hd, &nv, &done, at, (size_t)(end - at), 1);
                SL_CHECK(used >= 0);
                at += used;
                if ((done & NGHTTP2_HD_INFLATE_EMIT) && nv.namelen == 7 && memcmp(nv.name, ":status", 7) == 0)
                    sl_buf_addf(out, "HEADERS %u %.*s%s\n", id, (int)nv.valuelen, (const char *)nv.value,
                                flags & END_STREAM ? " end" : "");
            }
            nghttp2_hd_inflate_end_headers(hd);
        }
        bytes = sl_str_from(bytes, 9 + (size_t)n);
    }
    nghttp2_hd_inflate_del(hd);
}

#endif
