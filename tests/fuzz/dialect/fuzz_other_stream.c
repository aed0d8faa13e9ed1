/* Streams of pictures and sound, from any bytes: "<kind><cut>STREAM". However they are cut they give the same; what is whole had no error
 * and gave something; events that are given are whole ones. */
#include "base/check.h"
#include "dialect/other/pairs.h"
#include "dialect/other/stream.h"

int LLVMFuzzerTestOneInput(const unsigned char *data, size_t n);

static const struct {
    enum operation op;
    const struct other_pair *pair;
    const char *ask;
} rows[] = {
    {OP_IMAGES, &other_images_gemini, "{\"prompt\":\"p\",\"stream\":true,\"partial_images\":2}"},
    {OP_IMAGES, &other_images_seedream, "{\"prompt\":\"p\",\"stream\":true}"},
    {OP_SPEECH, &other_speech_gemini, "{\"input\":\"a\",\"voice\":\"v\",\"response_format\":\"pcm\"}"},
    {OP_SPEECH, &other_speech_vertex,
     "{\"input\":\"a\",\"voice\":\"v\",\"response_format\":\"pcm\",\"stream_format\":\"sse\"}"},
    {OP_SPEECH, &other_speech_gemini, "{\"input\":\"a\",\"voice\":\"v\",\"response_format\":\"wav\"}"},
};

struct result {
    struct sl_buf out;
    bool whole, error;
    uint32_t images;
};

static void read_in(struct sl_arena *a, size_t k, struct sl_str all, size_t piece, struct result *r)
{
    struct other_look l;
    struct request_refusal refusal = {0};
    struct neutral_notes notes = {.a = a};
    struct other_stream s;
    enum relay_feed last = RELAY_MORE;
    sl_buf_init(&r->out, 1u << 20);
    SL_CHECK(other_look(rows[k].op, sl_str_c(rows[k].ask), a, &l, &refusal));
    struct other_translation t = {.op = rows[k].op,
                                  .pair = rows[k].pair,
                                  .look = &l,
                                  .model = SL_STR("m"),
                                  .up_model = SL_STR("gemini-3-seedream-4"),
                                  .count = 1,
                                  .stream = true,
                                  .notes = &notes,
                                  .a = a};
    t.up_stream = other_asks_stream(&t);
    SL_CHECK(t.up_stream && t.pair->write(&t, &r->out, &refusal));
    sl_buf_reset(&r->out);
    other_stream_init(&s, &t, 1u << 14);
    for (size_t at = 0; at < all.n && last == RELAY_MORE; at += piece) {
        struct sl_str in = sl_str_head(sl_str_from(all, at), piece);
        while (in.n > 0 && last == RELAY_MORE) {
            const struct iovec *v;
            int count;
            last = other_stream_feed(&s, &in, &v, &count);
            for (int i = 0; i < count; i++)
                sl_buf_add(&r->out, v[i].iov_base, v[i].iov_len);
        }
    }
    r->whole = other_stream_end(&s);
    if (r->whole)
        sl_buf_adds(&r->out, s.state.terminal);
    r->error = s.state.saw_error;
    r->images = s.state.images;
    SL_CHECK(!r->whole || (!r->error && last != RELAY_LIMIT && last != RELAY_BROKEN && r->out.n > 0));
    SL_CHECK(!r->error || last == RELAY_DONE || s.over);
    SL_CHECK(sl_str_ends(other_stream_error(&s, &(struct error_facts){.error = GE_UP_ERROR}), SL_STR("\n\n")));
    other_stream_done(&s);
}

/* "event: TYPE\ndata: {...}\n\n", one behind the other. */
static void check_events(struct sl_str out, struct sl_arena *a)
{
    while (out.n > 0) {
        ptrdiff_t end = sl_str_find_str(out, SL_STR("\n\n"));
        SL_CHECK(end > 0);
        struct sl_str event = sl_str_head(out, (size_t)end), type = sl_str_cut(&event, '\n');
        struct json_tree t;
        SL_CHECK(sl_str_starts(type, SL_STR("event: ")) && sl_str_starts(event, SL_STR("data: {")));
        SL_CHECK(json_tree_read(&t, sl_str_from(event, 6), a));
        out = sl_str_from(out, (size_t)end + 2);
    }
}

int LLVMFuzzerTestOneInput(const unsigned char *data, size_t n)
{
    if (n < 2)
        return 0;
    size_t k = data[0] % (sizeof rows / sizeof rows[0]), piece = 1 + data[1] % 97;
    struct sl_str all = sl_str_of(data + 2, n - 2);
    struct sl_arena a;
    struct result whole, cut;
    sl_arena_init(&a, NULL);
    read_in(&a, k, all, all.n > 0 ? all.n : 1, &whole);
    read_in(&a, k, all, piece, &cut);
    if (k < 2) { /* sound: how far it came before it broke depends on the reads, and events are made of these */
        SL_CHECK(whole.whole == cut.whole && whole.images == cut.images && whole.error == cut.error);
        SL_CHECK(sl_str_eq(sl_buf_str(&whole.out), sl_buf_str(&cut.out)));
    }
    if (k == 2)
        SL_CHECK(whole.whole == cut.whole && (!whole.whole || sl_str_eq(sl_buf_str(&whole.out), sl_buf_str(&cut.out))));
    if (k < 2 || k == 3) {
        check_events(sl_buf_str(&whole.out), &a);
        check_events(sl_buf_str(&cut.out), &a);
    }
    sl_buf_done(&whole.out);
    sl_buf_done(&cut.out);
    sl_arena_done(&a);
    return 0;
}
