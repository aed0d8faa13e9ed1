/* Money: an integer count of 10^-12 US dollars ("pico-dollars", names end in _p). Never a double, never negative.
 *
 * One attempt fits int64_t (up to 9.2 million dollars); totals are 128 bits. Whatever does not fit saturates and says
 * so: an amount never wraps. */
#ifndef SLUICE_LEDGER_MONEY_H
#define SLUICE_LEDGER_MONEY_H

#include <stdint.h>

#include "base/buf.h"
#include "base/err.h"
#include "base/str.h"

#define MONEY_MAX INT64_MAX
#define MONEY_PER_USD INT64_C(1000000000000)

/* Reads the text of a JSON number ("0.15", "1e-3") as exactly value * 10^exponent. exponent 12: dollars to
 * pico-dollars; exponent 6: dollars per 1,000,000 tokens to pico-dollars per token.
 * SL_EINVAL: not a number as JSON writes one, negative, or not a whole count (nothing is ever rounded here).
 * SL_ELIMIT: too large for int64_t. *out_p is untouched on failure. */
enum sl_err money_parse(struct sl_str text, unsigned exponent, int64_t *out_p) SL_MUST_CHECK;
/* The same, but a number with more digits is rounded up in the last place: for list prices of vendors, never for amounts. */
enum sl_err money_parse_up(struct sl_str text, unsigned exponent, int64_t *out_p) SL_MUST_CHECK;
enum sl_err money_parse_usd(struct sl_str text, int64_t *out_p) SL_MUST_CHECK;
enum sl_err money_parse_usd_per_mtok(struct sl_str text, int64_t *out_p) SL_MUST_CHECK;

/* a + b, both >= 0; at MONEY_MAX it stops and *saturated (may be NULL) is set, else left alone. A negative argument
 * counts as 0 and sets it too. */
int64_t money_add(int64_t a_p, int64_t b_p, bool *saturated);

/* A total. Cannot overflow in practice: 2^63 amounts of MONEY_MAX fit. */
struct money_sum {
    unsigned __int128 p;
};

/* Dollars as exact decimal text without trailing zeros: "0.00015", "12", "0". Writes a NUL; gives the length. */
#define MONEY_TEXT 48
size_t money_text(int64_t p, char out[MONEY_TEXT]);
size_t money_sum_text(const struct money_sum *s, char out[MONEY_TEXT]);

#endif
