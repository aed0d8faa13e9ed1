/* Fixed-point numbers as decimal text: money and durations are integers with an implied decimal point, and no float is
 * ever made of them on the way out. */
#ifndef SLUICE_TELEMETRY_FIXED_H
#define SLUICE_TELEMETRY_FIXED_H

#include <stddef.h>

#include "base/buf.h"
#include "base/err.h"

#define TEL_FIXED_TEXT 48     /* 39 digits, a point, a leading zero, a NUL; rounded up */
#define TEL_FIXED_DECIMALS 18 /* largest `decimals` */

/* v / 10^decimals, exact, without trailing zeros: (1500, 3) is "1.5", (1000, 3) is "1", (0, 3) is "0". Writes a NUL;
 * gives the length. */
size_t tel_fixed_text(unsigned __int128 v, unsigned decimals, char out[TEL_FIXED_TEXT]);
enum sl_err tel_fixed_add(struct sl_buf *b, unsigned __int128 v, unsigned decimals);

#endif
