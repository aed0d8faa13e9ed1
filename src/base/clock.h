/* Time. Durations and deadlines are int64_t nanoseconds of the monotonic clock; wall time is for records only.
 * Code above loop/ asks its loop (loop/loop.h, sl_loop_now), which may be virtual; these are for the edges. */
#ifndef SLUICE_BASE_CLOCK_H
#define SLUICE_BASE_CLOCK_H

#include <stddef.h>
#include <stdint.h>

#include "base/str.h"

#define SL_US INT64_C(1000)
#define SL_MS INT64_C(1000000)
#define SL_SEC INT64_C(1000000000)
#define SL_MIN (60 * SL_SEC)
#define SL_NEVER INT64_MAX

int64_t sl_clock_mono_ns(void);
int64_t sl_clock_wall_ns(void); /* since 1970-01-01T00:00:00Z */

/* RFC 3339 in UTC with milliseconds, "2026-11-21T07:53:00.123Z"; writes 24 bytes and a NUL. */
#define SL_TIME_TEXT 25
void sl_time_text(int64_t wall_ns, char out[SL_TIME_TEXT]);

/* IMF-fixdate of RFC 9110 5.6.7, "Sun, 06 Nov 1994 08:49:37 GMT"; writes 29 bytes and a NUL. */
#define SL_HTTP_DATE 30
void sl_http_date(int64_t wall_ns, char out[SL_HTTP_DATE]);
bool sl_http_date_parse(struct sl_str s, int64_t *out_wall_ns); /* IMF-fixdate only */

struct sl_civil {
    int64_t year;
    unsigned month, day, hour, minute, second; /* month and day from 1 */
    unsigned weekday;                          /* 0 = Sunday */
};
struct sl_civil sl_civil_of(int64_t wall_s);
int64_t sl_civil_to_s(const struct sl_civil *c);

#endif
