/* traceparent and tracestate (the first line and the rest of the input): joined or started anew, and what we then write
 * can be read again. */
#include <stddef.h>
#include <stdint.h>

#include "base/check.h"
#include "telemetry/trace_context.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct sl_rand rand;
    struct trace_context t, back = {0};
    char text[TRACE_PARENT_TEXT];
    struct sl_str rest = sl_str_of(data, size);
    struct sl_str parent = sl_str_cut(&rest, '\n');
    sl_rand_seed(&rand, size);
    trace_join(&t, parent, rest, &rand);
    SL_CHECK((t.trace_hi != 0 || t.trace_lo != 0) && t.span != 0 && t.state.n <= TRACE_STATE_MAX);
    SL_CHECK(t.parent != 0 || t.state.n == 0);
    for (size_t i = 0; i < t.state.n; i++)
        SL_CHECK(t.state.p[i] == '\t' || (t.state.p[i] >= 0x20 && t.state.p[i] < 0x7F));
    trace_parent_text(&t, text);
    SL_CHECK(trace_parent_parse(sl_str_of(text, TRACE_PARENT_TEXT - 1), &back));
    SL_CHECK(back.trace_hi == t.trace_hi && back.trace_lo == t.trace_lo && back.parent == t.span &&
             back.flags == t.flags);
    return 0;
}
