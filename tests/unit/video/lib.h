/* What the tests of video/ share. */
#ifndef SLUICE_TESTS_VIDEO_LIB_H
#define SLUICE_TESTS_VIDEO_LIB_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>

#include <cmocka.h>

#include "video/video.h"

#define N(v) (sizeof(v) / sizeof((v)[0]))

struct bench { /* one call, and what came of it */
    struct sl_arena a;
    struct video_request req;
    struct video_call call;
    struct video_refusal no;
    struct video_notes notes;
    struct video_http http;
    struct video_job job;
    struct video_trouble why;
    struct sl_buf body;
};

static inline void bench_begin(struct bench *b, const char *kind, const char *model)
{
    memset(b, 0, sizeof *b);
    sl_arena_init(&b->a, NULL);
    sl_buf_init(&b->body, 64u << 20);
    b->call = (struct video_call){.kind = sl_str_c(kind),
                                  .model = sl_str_c(model),
                                  .adapter = video_adapter_find(sl_str_c(kind), sl_str_c(model)),
                                  .req = &b->req,
                                  .token = SL_STR("t0k3n0t0k3n0t0k3n0"),
                                  .a = &b->a};
    assert_non_null(b->call.adapter);
}

static inline void bench_end(struct bench *b)
{
    sl_buf_done(&b->body);
    sl_arena_done(&b->a);
}

static inline bool bench_openai(struct bench *b, const char *json)
{
    return video_openai_read(VIDEO_GENERATE, sl_str_c(json), &b->a, &b->req, &b->no);
}

static inline bool bench_ark(struct bench *b, const char *json)
{
    return video_ark_read(sl_str_c(json), &b->a, &b->req, &b->no);
}

static inline bool bench_check(struct bench *b)
{
    return b->call.adapter->check(&b->call, &b->notes, &b->no);
}

/* The body that is sent; the call has to be one that can be made. */
static inline const char *bench_create(struct bench *b)
{
    bool fine = bench_check(b) && b->call.adapter->create_write(&b->call, &b->http, &b->body, &b->no);
    if (!fine)
        fail_msg("refused: %.*s: %.*s", SL_STR_ARG(b->no.param), SL_STR_ARG(b->no.message));
    return sl_arena_cstr(&b->a, sl_buf_str(&b->body));
}

static inline struct video_answer bench_answer(int status, const char *body)
{
    return (struct video_answer){.status = status, .body = sl_str_c(body), .whole = true};
}

static inline enum video_created bench_created(struct bench *b, int status, const char *body)
{
    struct video_answer answer = bench_answer(status, body);
    return b->call.adapter->create_read(&b->call, &answer, &b->job, &b->why);
}

static inline enum video_polled bench_polled(struct bench *b, int status, const char *body)
{
    struct video_answer answer = bench_answer(status, body);
    bool again;
    return b->call.adapter->poll_read(&b->call, &answer, &b->job, &b->why, &again);
}

static inline void has_text(struct sl_str s, const char *what)
{
    if (sl_str_find_str(s, sl_str_c(what)) < 0)
        fail_msg("\"%.*s\" has no \"%s\"", SL_STR_ARG(s), what);
}

static inline void is_text(struct sl_str s, const char *what)
{
    if (!sl_str_eq(s, sl_str_c(what)))
        fail_msg("\"%.*s\" is not \"%s\"", SL_STR_ARG(s), what);
}

#endif
