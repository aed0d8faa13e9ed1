/* What a reader of frames says about bytes cut in some way, so that two cuts can be compared. Used by the unit tests and the fuzz
 * target. */
#ifndef SLUICE_TESTS_HTTP_WS_TRANSCRIPT_H
#define SLUICE_TESTS_HTTP_WS_TRANSCRIPT_H

#include "http/ws.h"
#include "unit/http/transcript.h"

static inline void ws_transcript(struct sl_str bytes, enum ws_role role, size_t max, struct cut cut, struct sl_buf *out)
{
    static const char *const kinds[] = {"more", "message", "control", "bad"};
    struct ws_reader w;
    struct ws_event e;
    enum ws_result r = WS_MORE;
    ws_reader_init(&w, role, max);
    for (size_t at = 0; at < bytes.n && r != WS_BAD;) {
        struct slice slice = slice_take(bytes, at, cut);
        struct sl_str in = slice.view;
        at += in.n;
        while ((r = ws_read(&w, &in, &e)) != WS_MORE) {
            sl_buf_addf(out, "%s %d %u ", kinds[r], (int)e.opcode, e.code);
            sl_buf_add_json(out, e.payload);
            sl_buf_add_json(out, e.reason);
            sl_buf_addc(out, '\n');
            SL_CHECK(e.payload.n <= (r == WS_MESSAGE ? max : WS_CONTROL_MAX));
            SL_CHECK(r != WS_MESSAGE || e.opcode != WS_TEXT || sl_utf8_valid(e.payload));
            if (r == WS_BAD)
                break;
        }
        SL_CHECK(r == WS_BAD || in.n == 0);
        sl_free(slice.own);
    }
    if (r == WS_BAD) { /* stays so */
        struct sl_str more = SL_STR("\x81\x00");
        SL_CHECK(ws_read(&w, &more, &e) == WS_BAD);
    }
    sl_buf_addf(out, "closed %d", ws_reader_is_closed(&w));
    ws_reader_done(&w);
}

#endif
