#include "telemetry/spans.h"

#include "base/clock.h"
#include "telemetry/trace_context.h"

static void copy_id(char to[TRACE_SPAN_TEXT], struct sl_str from)
{
    size_t n = from.n < TRACE_SPAN_TEXT ? from.n : TRACE_SPAN_TEXT - 1;
    if (n != 0)
        memcpy(to, from.p, n);
    to[n] = '\0';
}

/* The random half of the attempt's id serves as its span id: the caller put the same into the traceparent it sent. */
static void attempt_span(const struct access_record *r, const struct access_attempt *a, struct span *out)
{
    *out = (struct span){
        .trace_id = r->trace_id,
        .name = a->provider,
        .start_wall_ns = r->wall_ns + a->start_us * SL_US,
        .duration_ns = a->duration_us * SL_US,
        .client = true,
        .failed = !sl_str_eq(a->outcome, SL_STR("ok")),
        .attempt = a,
    };
    trace_span_text(a->id.lo, out->span_id);
    copy_id(out->parent_id, r->span_id);
}

size_t spans_of(const struct access_record *r, struct span *out, size_t max)
{
    if (r->trace_id.n == 0 || max == 0)
        return 0;
    out[0] = (struct span){
        .trace_id = r->trace_id,
        .name = r->operation,
        .start_wall_ns = r->wall_ns,
        .duration_ns = r->duration_us * SL_US,
        .failed = r->status == 0 || r->status >= 500,
    };
    copy_id(out[0].span_id, r->span_id);
    copy_id(out[0].parent_id, r->parent_span_id);
    size_t n = 1;
    for (uint32_t i = 0; i < r->n_attempts && n < max; i++)
        attempt_span(r, &r->attempts[i], &out[n++]);
    return n;
}
