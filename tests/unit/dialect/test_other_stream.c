/* Streams of pictures and sound between two formats: the same however they are cut, and no end that is none. */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <cmocka.h>

#include "dialect/other/pairs.h"
#include "dialect/other/stream.h"

struct run {           /* what one stream came to */
    struct sl_buf out; /* with the terminal, or the error, behind it */
    struct relay_state state;
    enum relay_feed last;
    bool whole;
};

#define PNG "iVBORw0KGgo="
#define THOUGHT                                                                                                        \
    "data: {\"candidates\":[{\"content\":{\"parts\":[{\"inlineData\":{\"data\":\"" PNG                                 \
    "\"},\"thought\":true}]}}]}\r\n\r\n"
#define PICTURE                                                                                                        \
    "data: {\"candidates\":[{\"content\":{\"parts\":[{\"inlineData\":{\"mimeType\":\"image/png\",\"data\":\"" PNG      \
    "\"}}]}}],\"usageMetadata\":{\"promptTokenCount\":3}}\r\n\r\n"
#define STOP                                                                                                           \
    "data: {\"candidates\":[{\"finishReason\":\"STOP\"}],\"usageMetadata\":{\"promptTokenCount\":3,"                   \
    "\"candidatesTokenCount\":5,\"totalTokenCount\":8}}\r\n\r\n"
#define SAYS(b64)                                                                                                             \
    "data: {\"candidates\":[{\"content\":{\"parts\":[{\"inlineData\":{\"mimeType\":\"audio/L16;rate=16000\",\"data\": \"" b64 \
    "\"}}]}}]}\n\n"
#define MADE                                                                                                           \
    "event: image_generation.partial_succeeded\ndata: {\"type\":\"image_generation.partial_succeeded\","               \
    "\"image_index\":0,\"b64_json\":\"" PNG "\",\"size\":\"2048x2048\"}\n\n"
#define COST(n)                                                                                                        \
    "data: {\"type\":\"image_generation.completed\",\"usage\":{\"generated_images\":" #n ",\"output_tokens\":16}}\n\n" \
    "data: [DONE]\n\n"

static const char *const DRAW = "{\"prompt\":\"p\",\"stream\":true,\"partial_images\":1}";
static const char *const WAV = "{\"input\":\"a\",\"voice\":\"v\",\"response_format\":\"wav\"}";
static const char *const PCM = "{\"input\":\"a\",\"voice\":\"v\",\"response_format\":\"pcm\"}";
static const char *const EVENTS =
    "{\"input\":\"a\",\"voice\":\"v\",\"response_format\":\"pcm\",\"stream_format\":\"sse\"}";

/* In pieces of `piece` bytes behind a first one of `first`. */
static void run(struct sl_arena *a, const struct other_pair *pair, const char *ask, struct sl_str all, size_t first,
                size_t piece, struct run *r)
{
    struct other_look l;
    struct request_refusal refusal = {0};
    struct neutral_notes notes = {.a = a};
    struct other_stream s;
    enum operation op = pair->sound ? OP_SPEECH : OP_IMAGES;
    *r = (struct run){.last = RELAY_MORE};
    sl_buf_init(&r->out, 1u << 20);
    assert_true(other_look(op, sl_str_c(ask), a, &l, &refusal));
    struct other_translation t = {.op = op,
                                  .pair = pair,
                                  .look = &l,
                                  .model = SL_STR("m"),
                                  .up_model = SL_STR("gemini-3-seedream-4"),
                                  .count = 1,
                                  .stream = true,
                                  .created_s = 7,
                                  .notes = &notes,
                                  .a = a};
    t.up_stream = other_asks_stream(&t);
    assert_true(t.up_stream && pair->write(&t, &r->out, &refusal));
    sl_buf_reset(&r->out);
    other_stream_init(&s, &t, 1u << 16);
    for (size_t at = 0, n = first; at < all.n && r->last == RELAY_MORE; at += n, n = piece) {
        struct sl_str in = sl_str_head(sl_str_from(all, at), n);
        while (in.n > 0 && r->last == RELAY_MORE) {
            const struct iovec *v;
            int k;
            r->last = other_stream_feed(&s, &in, &v, &k);
            for (int i = 0; i < k; i++)
                sl_buf_add(&r->out, v[i].iov_base, v[i].iov_len);
        }
    }
    r->whole = other_stream_end(&s);
    assert_true(other_stream_end(&s) == r->whole);
    if (r->whole)
        sl_buf_adds(&r->out, s.state.terminal);
    else if (!pair->sound)
        sl_buf_adds(&r->out, other_stream_error(&s, &(struct error_facts){.error = GE_UP_ERROR}));
    r->state = s.state;
    other_stream_done(&s);
}

static const struct row {
    const struct other_pair *pair;
    const char *const *ask;
    const char *stream;
    bool whole, error;
    uint32_t images;
    const char *must; /* in what the client gets */
} rows[] = {
    {&other_images_gemini, &DRAW, THOUGHT THOUGHT PICTURE STOP, true, false, 1, "\"partial_image_index\":0"},
    {&other_images_gemini, &DRAW, PICTURE STOP, true, false, 1, "\"output_tokens\":5,\"total_tokens\":8}}\n\n"},
    {&other_images_gemini, &DRAW, PICTURE PICTURE STOP, true, false, 2, "\"output_tokens\":0,"},
    {&other_images_gemini, &DRAW, PICTURE, false, false, 1, "\"b64_json\":\"" PNG},
    {&other_images_gemini, &DRAW, THOUGHT STOP, false, false, 0, "\"error\""},
    {&other_images_gemini, &DRAW, PICTURE "data: {\"error\":{\"code\":503,\"message\":\"x\"}}\n\n", false, true, 1,
     "\"error\""},
    {&other_images_gemini, &DRAW, "data: {\"promptFeedback\":{\"blockReason\":\"SAFETY\"}}\n\n", false, true, 0,
     "\"error\""},
    {&other_images_gemini, &DRAW, "data: {\"candidates\":[{\"finishReason\":\"IMAGE_SAFETY\"}]}\n\n", false, true, 0,
     ""},
    {&other_images_gemini, &DRAW, "data: [1]\n\n", false, false, 0, ""},
    {&other_images_vertex_gemini, &DRAW, ": hm\n\n" PICTURE STOP, true, false, 1, "\"output_format\":\"png\""},
    {&other_images_seedream, &DRAW, MADE COST(1), true, false, 1, "\"size\":\"2048x2048\""},
    {&other_images_seedream, &DRAW, MADE, false, false, 1, "\"b64_json\":\"" PNG},
    {&other_images_seedream, &DRAW, COST(0), false, false, 0, ""},
    {&other_images_seedream, &DRAW, COST(1), false, false, 0, ""},
    {&other_images_seedream, &DRAW,
     "data: {\"type\":\"image_generation.partial_failed\",\"error\":{\"code\":\"OutputImageSensitiveContentDetected\"}}\n\n" COST(
         0),
     false, true, 0, "\"error\""},
    {&other_images_seedream, &DRAW, "data: {\"error\":{\"code\":\"InternalServiceError\",\"message\":\"x\"}}\n\n",
     false, true, 0, ""},
    {&other_speech_gemini, &PCM, SAYS("YWJj") SAYS("ZGVm") STOP, true, false, 0, "abcdef"},
    {&other_speech_gemini, &WAV, SAYS("YWJj") STOP, true, false, 0, "WAVEfmt "},
    {&other_speech_gemini, &PCM,
     SAYS("Y\\u0057J\\/") "data: {\ndata: \"candidates\":[{\"finishReason\":\"STOP\"}]}\n\n", true, false, 0, "ab"},
    {&other_speech_vertex, &PCM, SAYS("YQ==") STOP, true, false, 0, "a"},
    {&other_speech_gemini, &PCM, SAYS("YWJj"), false, false, 0, ""},
    {&other_speech_gemini, &PCM, SAYS("YWJ*") STOP, false, false, 0, ""},
    {&other_speech_gemini, &PCM, SAYS("YWJjZ") STOP, false, false, 0, ""},
    {&other_speech_gemini, &PCM, SAYS("YW==Jj") STOP, false, false, 0, ""},
    {&other_speech_gemini, &PCM, STOP, false, false, 0, ""},
    {&other_speech_gemini, &PCM, SAYS("YWJj") "data: {\"candidates\":[{\"finishReason\":\"SAFETY\"}]}\n\n", false, true,
     0, ""},
    {&other_speech_gemini, &PCM, SAYS("YWJj") "data: {\"error\":{\"code\":500}}\n\n", false, true, 0, ""},
};

static bool same(const struct run *a, const struct run *b)
{
    return a->whole == b->whole && sl_str_eq(sl_buf_str(&a->out), sl_buf_str(&b->out)) &&
           a->state.images == b->state.images && a->state.saw_error == b->state.saw_error &&
           a->state.usage.completion == b->state.usage.completion;
}

static void streams_are_read_however_they_are_cut(void **state)
{
    struct sl_arena a;
    (void)state;
    sl_arena_init(&a, NULL);
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        struct sl_str all = sl_str_c(rows[i].stream);
        struct run r, cut;
        run(&a, rows[i].pair, *rows[i].ask, all, all.n, all.n, &r);
        if (r.whole != rows[i].whole || r.state.saw_error != rows[i].error || r.state.images != rows[i].images ||
            sl_str_find_str(sl_buf_str(&r.out), sl_str_c(rows[i].must)) < 0)
            fail_msg("%zu: whole %d, error %d, %u images: %.*s", i, r.whole, r.state.saw_error, r.state.images,
                     (int)r.out.n, r.out.p);
        for (size_t at = 0; at < all.n; at++) {
            run(&a, rows[i].pair, *rows[i].ask, all, at, at == 0 ? 1 : all.n, &cut);
            if (!same(&r, &cut))
                fail_msg("%zu, cut at %zu: %.*s", i, at, (int)cut.out.n, cut.out.p);
            sl_buf_done(&cut.out);
        }
        sl_buf_done(&r.out);
        sl_arena_reset(&a);
    }
    sl_arena_done(&a);
}

/* What lacks its end is no answer; only line ends may be missing. */
static void no_part_is_whole(void **state)
{
    struct sl_arena a;
    (void)state;
    sl_arena_init(&a, NULL);
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        struct sl_str all = sl_str_c(rows[i].stream);
        ptrdiff_t done = sl_str_find_str(all, SL_STR("\n\ndata: [DONE]"));
        size_t needed = done >= 0 ? (size_t)done : all.n;
        while (needed > 0 && (all.p[needed - 1] == '\n' || all.p[needed - 1] == '\r'))
            needed--;
        for (size_t n = 0; rows[i].whole && n < needed; n++) {
            struct run r;
            run(&a, rows[i].pair, *rows[i].ask, sl_str_head(all, n), 1 + n, 1 + n, &r);
            if (r.whole)
                fail_msg("%zu, %zu bytes of %zu", i, n, all.n);
            sl_buf_done(&r.out);
            sl_arena_reset(&a);
        }
    }
    sl_arena_done(&a);
}

/* Half a sample waits for its other half; the head comes first. */
static void sound_as_events(void **state)
{
    struct sl_arena a;
    struct run r;
    (void)state;
    sl_arena_init(&a, NULL);
    struct sl_str all = SL_STR(SAYS("YWJj") SAYS("ZGU=") STOP);
    run(&a, &other_speech_gemini, EVENTS, all, 1, 1, &r);
    assert_true(r.whole);
    assert_true(
        sl_str_ends(sl_buf_str(&r.out), SL_STR("data: {\"type\":\"speech.audio.done\",\"usage\":{\"input_tokens\":3,"
                                               "\"output_tokens\":5,\"total_tokens\":8}}\n\n")));
    assert_true(sl_str_find_str(sl_buf_str(&r.out), SL_STR("\"audio\":\"YWI=\"")) >= 0);
    assert_true(sl_str_find_str(sl_buf_str(&r.out), SL_STR("\"audio\":\"Y2Q=\"")) >= 0);
    assert_true(sl_str_find_str(sl_buf_str(&r.out), SL_STR("\"audio\":\"ZQ==\"")) >= 0);
    sl_buf_done(&r.out);
    run(&a, &other_speech_gemini, WAV, all, all.n, 1, &r);
    assert_true(sl_str_starts(sl_buf_str(&r.out), SL_STR("RIFF\xff\xff\xff\xffWAVE")));
    assert_int_equal((unsigned char)r.out.p[24] | (unsigned char)r.out.p[25] << 8, 16000);
    assert_int_equal(r.out.n, 44 + 5);
    sl_buf_done(&r.out);
    /* the rate changes on the way */
    run(&a, &other_speech_gemini, WAV,
        SL_STR(SAYS("YWJj") "data: {\"candidates\":[{\"content\":{\"parts\":[{\"inlineData\":{"
                            "\"mimeType\":\"audio/L16;rate=8000\",\"data\":\"YWJj\"}}]}}]}\n\n" STOP),
        150, 10, &r);
    assert_false(r.whole);
    sl_buf_done(&r.out);
    sl_arena_done(&a);
}

/* What is too large is told so, and not kept. */
static void bounds_are_met(void **state)
{
    struct sl_arena a;
    struct sl_buf big;
    struct run r;
    (void)state;
    sl_arena_init(&a, NULL);
    sl_buf_init(&big, 1u << 20);
    sl_buf_adds(&big, SL_STR("data: {\"x\":\""));
    while (big.n < SIEVE_DOC_BYTES + 64)
        sl_buf_adds(&big, SL_STR("aaaaaaaaaaaaaaaa"));
    run(&a, &other_speech_gemini, PCM, sl_buf_str(&big), 100, 5000, &r);
    assert_true(!r.whole && r.last == RELAY_LIMIT);
    sl_buf_done(&r.out);
    run(&a, &other_images_gemini, DRAW, sl_buf_str(&big), 100, 5000, &r);
    assert_true(!r.whole && r.last == RELAY_LIMIT);
    sl_buf_done(&r.out);
    sl_buf_done(&big);
    sl_arena_done(&a);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(streams_are_read_however_they_are_cut),
        cmocka_unit_test(no_part_is_whole),
        cmocka_unit_test(sound_as_events),
        cmocka_unit_test(bounds_are_met),
    };
    return cmocka_run_group_tests_name("other_stream", tests, NULL, NULL);
}
