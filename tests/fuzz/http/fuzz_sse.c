/* Event streams: fed whole and in slices they must give the same pieces; raw bytes must be the stream (checked in the
 * transcript). */
#include "unit/http/transcript.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct sl_str bytes = sl_str_of(data, size);
    struct sl_buf whole, cut;
    sl_buf_init(&whole, 1u << 24);
    sl_buf_init(&cut, 1u << 24);
    sse_transcript(bytes, 1u << 20, (struct cut){0}, &whole);
    for (size_t step = 1; step <= 9; step += 4) {
        sl_buf_reset(&cut);
        sse_transcript(bytes, 1u << 20, (struct cut){step, 0}, &cut);
        SL_CHECK(sl_str_eq(sl_buf_str(&whole), sl_buf_str(&cut)));
    }
    sl_buf_reset(&cut); /* a small maximum: no more than it may be kept */
    sse_transcript(bytes, 64, (struct cut){5, 0}, &cut);
    sl_buf_done(&whole);
    sl_buf_done(&cut);
    return 0;
}
