/* Spans out of an access record: one for the exchange, one for each attempt, for an exporter that a later issue brings.
 * Only the shape is here, so that what an exporter needs is in the record from the first day. Pure. */
#ifndef SLUICE_TELEMETRY_SPANS_H
#define SLUICE_TELEMETRY_SPANS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/str.h"
#include "telemetry/access.h"

struct span {
    struct sl_str trace_id; /* borrow (of the record): 32 hex digits */
    char span_id[17];       /* 16 hex digits and a NUL */
    char parent_id[17];     /* "" when there is none */
    struct sl_str name;     /* borrow: operation of an exchange; provider of an attempt */
    int64_t start_wall_ns, duration_ns;
    bool client; /* a call that we made (an attempt); else one that we served */
    bool failed;
    const struct access_attempt *attempt; /* borrow; NULL for the exchange */
};

/* Fills at most `max` spans, the exchange's first; gives how many. 0 when the record has no trace. */
size_t spans_of(const struct access_record *r, struct span *out, size_t max);

#endif
