/* Ranges and validators of a representation whose size and entity tag are known: RFC 9110 sections 8.8.3, 13.1 and 14 (June 2022).
 * Pure. */
#ifndef SLUICE_HTTP_RANGE_H
#define SLUICE_HTTP_RANGE_H

#include "base/str.h"

enum range_kind {
    RANGE_WHOLE = 0, /* none asked for, or one that may be ignored: another unit, several ranges, no valid form */
    RANGE_PART,      /* *first to *last, both within */
    RANGE_BEYOND     /* nothing of it is there: 416 */
};

/* Value of Range; size in bytes. */
enum range_kind range_read(struct sl_str value, uint64_t size, uint64_t *first, uint64_t *last);

/* Whether Range counts: If-Range is absent (empty) or is this very tag. etag: strong, with its quotes. Dates and weak tags never do. */
bool range_holds(struct sl_str if_range, struct sl_str etag);

/* Whether the tag is in the list of If-None-Match (weak comparison) or the list is "*". */
bool etag_is_listed(struct sl_str list, struct sl_str etag);

#endif
