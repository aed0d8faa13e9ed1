/* Runs a parser over bytes cut in some way and writes down what it says, so that two cuts can be compared. Used by unit
 * tests and fuzz targets. */
#ifndef SLUICE_TESTS_HTTP_TRANSCRIPT_H
#define SLUICE_TESTS_HTTP_TRANSCRIPT_H

#include "base/buf.h"
#include "base/mem.h"
#include "http/h1.h"
#include "http/sse.h"

/* How bytes are cut: into slices of `step` bytes (0: all at once), or at `at` when step is SIZE_MAX. */
struct cut {
    size_t step, at;
};

/* A slice in memory of its own, so that reading past its end is found. */
struct slice {
    char *own;
    struct sl_str view;
};

static inline struct slice slice_take(struct sl_str all, size_t from, struct cut c)
{
    size_t left = all.n - from, n = left;
    if (c.step == SIZE_MAX && from < c.at)
        n = c.at - from;
    else if (c.step != 0 && c.step != SIZE_MAX)
        n = c.step;
    n = n < left ? n : left;
    char *own = sl_malloc(n);
    if (n != 0)
        memcpy(own, all.p + from, n);
    return (struct slice){own, sl_str_of(own, n)};
}

static inline void note_headers(struct sl_buf *b, const struct http_headers *h)
{
    for (uint32_t i = 0; i < h->n; i++) {
        sl_buf_adds(b, h->v[i].name);
        SL_CHECK(h->v[i].id == http_name_of(h->v[i].name));
        sl_buf_addc(b, '=');
        sl_buf_add_json(b, h->v[i].value);
        sl_buf_addc(b, '\n');
    }
}

static inline void note_head(struct sl_buf *b, const struct h1_parser *p)
{
    const struct http_headers *h;
    if (p->side == H1_REQUESTS) {
        const struct http_request *r = h1_parser_request(p);
        sl_buf_addf(b, "HEAD %d v%d length %lld body %d expect %d ", (int)r->method, (int)r->version,
                    (long long)r->content_length, r->has_body, r->expect_continue);
        sl_buf_adds(b, r->method_text);
        sl_buf_addc(b, ' ');
        sl_buf_adds(b, r->target);
        sl_buf_adds(b, SL_STR(" path "));
        sl_buf_adds(b, r->path);
        sl_buf_adds(b, SL_STR(" query "));
        sl_buf_adds(b, r->query);
        sl_buf_adds(b, SL_STR(" at "));
        sl_buf_adds(b, r->authority);
        h = &r->headers;
    } else {
        const struct http_response *r = h1_parser_response(p);
        sl_buf_addf(b, "HEAD %d v%d length %lld body %d", r->status, (int)r->version, (long long)r->content_length,
                    r->has_body);
        h = &r->headers;
    }
    sl_buf_addf(b, " keep %d\n", h1_parser_keep_alive(p));
    note_headers(b, h);
}

struct h1_run {
    enum h1_side side;
    enum http_method method; /* of the requests that responses answer */
    const struct h1_limits *limits;
    struct cut cut;
    bool codes; /* write down why a message was refused */
    struct sl_arena_cache *cache;
};

/* Parses message after message until the bytes end or are refused; body bytes of a message are joined. */
static inline void h1_transcript(const struct h1_run *run, struct sl_str bytes, struct sl_buf *out)
{
    struct h1_parser p;
    struct sl_arena arena;
    bool in_body = false, begun = false;
    enum h1_result r = H1_MORE;
    sl_arena_init(&arena, run->cache);
    h1_parser_init(&p, run->side, run->limits);
    for (size_t at = 0; at < bytes.n && r != H1_BAD;) {
        struct slice s = slice_take(bytes, at, run->cut);
        struct sl_str in = s.view, body;
        at += in.n;
        while (r != H1_BAD && (in.n > 0 || r == H1_HEAD || r == H1_BODY)) {
            if (!begun) {
                sl_arena_reset(&arena);
                h1_parser_begin(&p, &arena);
                if (run->side == H1_RESPONSES)
                    h1_parser_begin_response(&p, &arena, run->method);
                begun = true;
            }
            size_t before = in.n;
            r = h1_parser_feed(&p, &in, &body);
            SL_CHECK(in.n <= before && in.p == s.view.p + (s.view.n - in.n));
            if (in_body && r != H1_BODY && r != H1_MORE) {
                sl_buf_adds(out, SL_STR("\"\n"));
                in_body = false;
            }
            if (r == H1_HEAD)
                note_head(out, &p);
            if (r == H1_BODY) {
                SL_CHECK(body.n > 0 && body.p >= s.view.p && body.p + body.n <= s.view.p + s.view.n);
                if (!in_body)
                    sl_buf_adds(out, SL_STR("BODY \""));
                in_body = true;
                sl_buf_adds(out, body);
            }
            if (r == H1_COMPLETE) {
                sl_buf_adds(out, SL_STR("COMPLETE\n"));
                begun = false;
            }
            if (r == H1_MORE)
                SL_CHECK(in.n == 0);
        }
        sl_free(s.own);
    }
    if (in_body)
        sl_buf_adds(out, SL_STR("\"\n"));
    if (r == H1_BAD) {
        sl_buf_adds(out, SL_STR("BAD"));
        if (run->codes)
            sl_buf_addf(out, " %d %s", h1_parser_error(&p)->status, h1_parser_error(&p)->code);
    } else {
        sl_buf_addf(out, "EOF %d", begun ? (int)h1_parser_eof(&p) : (int)H1_EOF_IDLE);
    }
    sl_arena_done(&arena);
}

/* Pieces of an event stream. Raw bytes are checked against the stream on the way. An LF that was cut off its CR comes as a
 * piece of its own; it is not written down, so that cuts can be compared. */
static inline void sse_transcript(struct sl_str bytes, size_t max, struct cut cut, struct sl_buf *out)
{
    struct sse_scanner s;
    size_t given = 0;
    enum sse_result r = SSE_MORE;
    sse_scanner_init(&s, max);
    for (size_t at = 0; at < bytes.n && r != SSE_LIMIT;) {
        struct slice slice = slice_take(bytes, at, cut);
        struct sl_str in = slice.view;
        struct sse_piece piece;
        at += in.n;
        while ((r = sse_next(&s, &in, &piece)) == SSE_PIECE) {
            SL_CHECK(piece.raw.n > 0 && piece.raw.n <= bytes.n - given);
            SL_CHECK(memcmp(piece.raw.p, bytes.p + given, piece.raw.n) == 0);
            given += piece.raw.n;
            if (piece.kind == SSE_BLANK && sl_str_eq(piece.raw, SL_STR("\n")) && given >= 2 &&
                bytes.p[given - 2] == '\r')
                continue;
            sl_buf_addf(out, "%d data%d done%d id ", (int)piece.kind, piece.has_data, piece.is_done);
            sl_buf_add_json(out, piece.id);
            sl_buf_add_json(out, piece.name);
            sl_buf_add_json(out, piece.data);
            sl_buf_addc(out, '\n');
        }
        SL_CHECK(r == SSE_LIMIT || in.n == 0);
        sl_free(slice.own);
    }
    if (r == SSE_LIMIT)
        sl_buf_adds(out, SL_STR("LIMIT"));
    else
        SL_CHECK(sl_str_eq(sse_rest(&s), sl_str_from(bytes, given)));
    sse_scanner_done(&s);
}

#endif
