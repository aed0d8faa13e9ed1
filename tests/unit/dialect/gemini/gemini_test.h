/* What the tests of this folder share. */
#ifndef SLUICE_TESTS_UNIT_DIALECT_GEMINI_GEMINI_TEST_H
#define SLUICE_TESTS_UNIT_DIALECT_GEMINI_GEMINI_TEST_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>

#include <cmocka.h>
#include <yyjson.h>

#include "dialect/carrier.h"
#include "dialect/codec.h"
#include "dialect/gemini/gemini.h"
#include "dialect/openai_chat/openai_chat.h"
#include "http/sse.h"

static struct sl_arena arena;

static inline int set_up(void **state)
{
    (void)state;
    sl_arena_init(&arena, NULL);
    return 0;
}

static inline int tear_down(void **state)
{
    (void)state;
    sl_arena_done(&arena);
    return 0;
}

static inline struct translation *translation(const char *face, const char *up, const char *model)
{
    struct translation *t = SL_ARENA_NEW(&arena, struct translation);
    struct neutral_request *req = SL_ARENA_NEW(&arena, struct neutral_request);
    struct neutral_notes *notes = SL_ARENA_NEW(&arena, struct neutral_notes);
    notes->a = &arena;
    t->face = dialect_find(sl_str_c(face));
    t->up = dialect_find(sl_str_c(up));
    assert_non_null(t->face);
    assert_non_null(t->up);
    req->from = t->face;
    req->model = SL_STR("mine");
    req->n = 1;
    req->include_usage = SAID_YES;
    t->req = req;
    t->caps = caps_find(t->up->codec->caps, sl_str_c(model));
    t->up_model = sl_str_c(model);
    t->a = &arena;
    t->notes = notes;
    t->id = SL_STR("x1");
    t->created_s = 1790000000;
    t->show_reasoning = true;
    return t;
}

static inline struct sl_str kept(struct sl_buf *b)
{
    assert_false(b->over);
    struct sl_str s = sl_arena_str(&arena, sl_buf_str(b));
    sl_buf_done(b);
    return s;
}

/* The same JSON, whatever the order of members. */
static inline bool same_json(struct sl_str a, struct sl_str b)
{
    yyjson_doc *x = yyjson_read(a.p, a.n, 0), *y = yyjson_read(b.p, b.n, 0);
    bool same = x != NULL && y != NULL && yyjson_equals(yyjson_doc_get_root(x), yyjson_doc_get_root(y));
    yyjson_doc_free(x);
    yyjson_doc_free(y);
    return same;
}

static inline void expect_json(struct sl_str got, const char *want)
{
    if (!same_json(got, sl_str_c(want)))
        fail_msg("got  %.*s\nwant %s", SL_STR_ARG(got), want);
}

static inline struct sl_str noted(const struct translation *t)
{
    return neutral_notes_text(t->notes, &arena, 1000);
}

/* Feeds a stream through the scanner. */
struct stream_result {
    bool broken, whole;
    const struct neutral_answer *answer;
};
static inline struct stream_result read_stream(struct translation *t, struct sl_str bytes)
{
    struct neutral_collector *c = neutral_collector_new(&arena);
    const struct neutral_sink sink = neutral_collector_sink(c);
    struct stream_result result = {.broken = false};
    void *reader = t->up->codec->stream_read_begin(t);
    struct sse_scanner sse;
    struct sse_piece piece;
    sse_scanner_init(&sse, 0);
    while (!result.broken && sse_next(&sse, &bytes, &piece) == SSE_PIECE)
        if (piece.kind == SSE_EVENT && piece.has_data)
            result.broken = !t->up->codec->stream_read(reader, piece.name, piece.data, &sink);
    bool rest = sse_rest(&sse).n > 0;
    sse_scanner_done(&sse);
    result.whole = !result.broken && t->up->codec->stream_read_end(reader, &sink) && !rest;
    result.answer = neutral_collected(c);
    return result;
}

#endif
