/* Frames of either role: whole and in slices a reader must say the same; what it says keeps to its limits (ws_transcript.h); and a
 * message written by our writer is read back as it was. */
#include "unit/http/ws_transcript.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void there_and_back(struct sl_str payload, const unsigned char *mask)
{
    unsigned char head[WS_HEAD_MAX];
    struct ws_reader w;
    struct ws_event e;
    struct sl_buf frame;
    sl_buf_init(&frame, payload.n + WS_HEAD_MAX);
    sl_buf_add(&frame, head, ws_put_head(head, WS_BINARY, payload.n, mask));
    size_t from = frame.n;
    sl_buf_adds(&frame, payload);
    if (mask != NULL)
        ws_mask(frame.p + from, payload.n, mask, 0);
    ws_reader_init(&w, mask != NULL ? WS_FROM_CLIENT : WS_FROM_SERVER, payload.n);
    struct sl_str in = sl_buf_str(&frame);
    SL_CHECK(ws_read(&w, &in, &e) == WS_MESSAGE && e.opcode == WS_BINARY && sl_str_eq(e.payload, payload));
    SL_CHECK(in.n == 0);
    ws_reader_done(&w);
    sl_buf_done(&frame);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static const size_t limits[] = {1u << 20, 40};
    struct sl_str bytes = sl_str_of(data, size);
    struct sl_buf whole, cut;
    sl_buf_init(&whole, 1u << 24);
    sl_buf_init(&cut, 1u << 24);
    for (int role = WS_FROM_CLIENT; role <= WS_FROM_SERVER; role++) {
        for (size_t i = 0; i < 2; i++) {
            sl_buf_reset(&whole);
            ws_transcript(bytes, (enum ws_role)role, limits[i], (struct cut){0, 0}, &whole);
            for (size_t step = 1; step <= 9; step += 4) {
                sl_buf_reset(&cut);
                ws_transcript(bytes, (enum ws_role)role, limits[i], (struct cut){step, 0}, &cut);
                SL_CHECK(sl_str_eq(sl_buf_str(&whole), sl_buf_str(&cut)));
            }
        }
    }
    there_and_back(bytes, NULL);
    there_and_back(bytes, (const unsigned char *)"\x12\xfe\x00\x7f");
    sl_buf_done(&whole);
    sl_buf_done(&cut);
    return 0;
}
