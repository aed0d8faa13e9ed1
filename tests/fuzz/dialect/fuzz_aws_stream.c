/* Claude's stream in AWS' frames: whole and in slices the same events come out. Since hardly any bytes have the right checksums,
 * input that begins with 'F' is a list of frames to be made: lengths of headers and payload (two bytes each), then these. */
#include "dialect/aws_stream.h"

#include "base/check.h"
#include "base/mem.h"
#include "lib/aws_frame.h"

#define FRAMES_MAX (1u << 22)

int LLVMFuzzerTestOneInput(const unsigned char *data, size_t n);

static size_t take_u16(struct sl_str *in)
{
    size_t v = (size_t)(unsigned char)in->p[0] << 8 | (unsigned char)in->p[1];
    *in = sl_str_from(*in, 2);
    return v;
}

static void make_frames(struct sl_str in, struct sl_buf *out)
{
    while (in.n >= 4) {
        size_t headers = take_u16(&in), payload = take_u16(&in);
        struct sl_str h = sl_str_head(in, headers);
        in = sl_str_from(in, h.n);
        struct sl_str p = sl_str_head(in, payload);
        in = sl_str_from(in, p.n);
        aws_test_frame(out, h, p);
    }
}

static enum relay_feed feed(struct sl_str in, size_t max, size_t step, struct sl_buf *out)
{
    struct aws_stream s;
    struct sl_str events;
    enum relay_feed r = RELAY_MORE;
    aws_stream_init(&s, max);
    while (in.n > 0 && r == RELAY_MORE) {
        struct sl_str part = sl_str_head(in, step);
        char *own = sl_malloc(part.n); /* memory of its own: reading past its end is found */
        memcpy(own, part.p, part.n);
        r = aws_stream_feed(&s, sl_str_of(own, part.n), &events);
        sl_buf_adds(out, events);
        sl_free(own);
        in = sl_str_from(in, part.n);
    }
    aws_stream_done(&s);
    return r;
}

int LLVMFuzzerTestOneInput(const unsigned char *data, size_t n)
{
    static const size_t steps[] = {1, 5, 12, 61};
    struct sl_str in = sl_str_of(data, n);
    struct sl_buf frames, whole, cut;
    if (n > 1u << 16)
        return 0;
    sl_buf_init(&frames, FRAMES_MAX);
    sl_buf_init(&whole, FRAMES_MAX);
    sl_buf_init(&cut, FRAMES_MAX);
    if (n > 0 && data[0] == 'F') {
        make_frames(sl_str_from(in, 1), &frames);
        in = sl_buf_str(&frames);
    }
    enum relay_feed r = feed(in, 0, SIZE_MAX, &whole);
    for (size_t i = 0; i < sizeof steps / sizeof steps[0]; i++) {
        sl_buf_reset(&cut);
        SL_CHECK(feed(in, 0, steps[i], &cut) == r);
        SL_CHECK(sl_str_eq(sl_buf_str(&whole), sl_buf_str(&cut)));
    }
    sl_buf_reset(&cut);
    feed(in, 64, 9, &cut); /* a small maximum */
    sl_buf_done(&frames);
    sl_buf_done(&whole);
    sl_buf_done(&cut);
    return 0;
}
