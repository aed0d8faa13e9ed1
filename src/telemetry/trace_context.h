/* W3C Trace Context (w3.org/TR/trace-context, level 1, and the random flag of level 2): joins the caller's trace or
 * starts one, and writes the header that goes upstream. Pure. */
#ifndef SLUICE_TELEMETRY_TRACE_CONTEXT_H
#define SLUICE_TELEMETRY_TRACE_CONTEXT_H

#include <stdbool.h>
#include <stdint.h>

#include "base/rand.h"
#include "base/str.h"

#define TRACE_PARENT_TEXT 56 /* "00-<32>-<16>-<2>" and a NUL */
#define TRACE_ID_TEXT 33
#define TRACE_SPAN_TEXT 17
#define TRACE_STATE_MAX 512u /* bytes that every implementation must pass on (3.3.1.5); longer ones are dropped whole */

enum trace_flag {
    TRACE_SAMPLED = 1u << 0,
    TRACE_RANDOM = 1u << 1
};

struct trace_context {
    uint64_t trace_hi, trace_lo; /* never both 0 */
    uint64_t span;               /* ours, never 0 */
    uint64_t parent;             /* the caller's span; 0: we started the trace */
    uint8_t flags;               /* enum trace_flag; others are not passed on */
    struct sl_str state;         /* borrow (of the header given): tracestate as received, or empty */
};

/* Takes the values of `traceparent` and `tracestate` (empty when absent; several tracestate headers joined by commas, in
 * order) and makes a span of our own. Anything malformed starts a new trace, silently, as section 4.3 of the standard asks;
 * a malformed tracestate alone is dropped. */
void trace_join(struct trace_context *out, struct sl_str traceparent, struct sl_str tracestate, struct sl_rand *rand);

/* A child for an attempt: same trace, new span, the given one as its parent. */
struct trace_context trace_child(const struct trace_context *t, struct sl_rand *rand);

void trace_parent_text(const struct trace_context *t,
                       char out[TRACE_PARENT_TEXT]); /* header value with our span in it */
void trace_id_text(const struct trace_context *t, char out[TRACE_ID_TEXT]);
void trace_span_text(uint64_t span, char out[TRACE_SPAN_TEXT]);

/* The two parsers, for tests. False leaves *out untouched. */
bool trace_parent_parse(struct sl_str value, struct trace_context *out); /* fills trace, parent, flags */
bool trace_state_valid(struct sl_str value);

#endif
