/* Forms: fed whole and in slices they must say the same. The first line is the content-type; where it has no boundary, a usual
 * one is taken. */
#include "unit/http/multipart_transcript.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct sl_str bytes = sl_str_of(data, size), type, boundary = SL_STR("b");
    const struct multipart_limits small = {.head_bytes = 64, .parts = 3};
    struct sl_buf whole, cut;
    type = sl_str_cut(&bytes, '\n');
    (void)multipart_boundary(type, &boundary);
    sl_buf_init(&whole, 1u << 24);
    sl_buf_init(&cut, 1u << 24);
    for (int i = 0; i < 2; i++) {
        const struct multipart_limits *limits = i == 0 ? NULL : &small;
        sl_buf_reset(&whole);
        multipart_transcript(bytes, boundary, limits, (struct cut){0}, &whole);
        for (size_t step = 1; step <= 9; step += 4) {
            sl_buf_reset(&cut);
            multipart_transcript(bytes, boundary, limits, (struct cut){step, 0}, &cut);
            SL_CHECK(sl_str_eq(sl_buf_str(&whole), sl_buf_str(&cut)));
        }
    }
    sl_buf_done(&whole);
    sl_buf_done(&cut);
    return 0;
}
