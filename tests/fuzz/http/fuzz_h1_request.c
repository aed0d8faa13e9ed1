/* Requests: fed whole, byte by byte and in odd slices they must say the same. */
#include "unit/http/transcript.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static const struct h1_limits small = {.head_bytes = 2000, .headers = 20, .target_bytes = 500};
    struct sl_str bytes = sl_str_of(data, size);
    struct h1_run run = {.side = H1_REQUESTS, .limits = &small};
    struct sl_buf whole, cut;
    sl_buf_init(&whole, 1u << 24);
    sl_buf_init(&cut, 1u << 24);
    h1_transcript(&run, bytes, &whole);
    static const struct cut cuts[] = {{1, 0}, {3, 0}, {17, 0}};
    for (size_t i = 0; i < 3; i++) {
        sl_buf_reset(&cut);
        run.cut = cuts[i];
        h1_transcript(&run, bytes, &cut);
        SL_CHECK(sl_str_eq(sl_buf_str(&whole), sl_buf_str(&cut)));
    }
    sl_buf_done(&whole);
    sl_buf_done(&cut);
    return 0;
}
