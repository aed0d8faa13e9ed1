/* Compressed bodies (the first byte says which coding): never more than the maximum; what can be decoded comes out the
 * same whatever the slices. */
#include "base/buf.h"
#include "base/check.h"
#include "http/body.h"

#define MAX 300000u

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static bool decode(enum body_coding coding, struct sl_str in, size_t step, size_t cap, struct sl_buf *out)
{
    struct body_decoder *d = body_decoder_new(coding, MAX);
    enum body_result r = BODY_MORE;
    char space[4096];
    sl_buf_reset(out);
    for (size_t at = 0; at < in.n && r == BODY_MORE; at += step) {
        struct sl_str slice = sl_str_head(sl_str_from(in, at), step);
        do {
            size_t n;
            r = body_decoder_feed(d, &slice, space, cap, &n);
            SL_CHECK(n <= cap && (n == 0 || r == BODY_MORE || r == BODY_OUT));
            sl_buf_add(out, space, n);
        } while (r == BODY_OUT);
        SL_CHECK(r != BODY_MORE || slice.n == 0);
    }
    bool whole = body_decoder_is_whole(d);
    SL_CHECK(out->n <= MAX && !(whole && r != BODY_MORE));
    body_decoder_free(d);
    return whole;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (size == 0)
        return 0;
    enum body_coding coding = (enum body_coding)(data[0] % BODY_UNKNOWN);
    struct sl_str in = sl_str_of(data + 1, size - 1);
    struct sl_buf a, b;
    sl_buf_init(&a, 1u << 20);
    sl_buf_init(&b, 1u << 20);
    bool whole = decode(coding, in, 1u << 30, 4096, &a);
    bool cut = decode(coding, in, 7, 100, &b);
    if (whole && cut)
        SL_CHECK(sl_str_eq(sl_buf_str(&a), sl_buf_str(&b)));
    body_coding_of(in);
    sl_buf_done(&a);
    sl_buf_done(&b);
    return 0;
}
