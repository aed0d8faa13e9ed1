/* Decimal text to integer money and back; checked sums. Called by price.c, by config through its settings, by everything
 * that shows an amount. Pure. */
#include "ledger/money.h"

#include "base/check.h"
#include "telemetry/fixed.h"

#define EXPONENT_MAX 64 /* "1e-3" is welcome; a larger exponent is no price */
#define NUMBER_MAX 64u  /* characters of a number; the longest sensible price has 20 */
#define USD_DECIMALS 12u

/* A JSON number taken apart: digits (as a value), and how many of them stand behind the point after the exponent. */
struct decimal {
    unsigned __int128 value;
    int scale; /* value * 10^-scale */
    bool nonzero;
};

/* Reads one run of digits into d; gives how many there were. 38 digits fit 128 bits. */
static size_t read_digits(struct sl_str *s, struct decimal *d, bool *fits)
{
    size_t n = 0;
    while (n < s->n && s->p[n] >= '0' && s->p[n] <= '9') {
        unsigned digit = (unsigned)(s->p[n] - '0');
        if (__builtin_mul_overflow(d->value, (unsigned __int128)10, &d->value) ||
            __builtin_add_overflow(d->value, (unsigned __int128)digit, &d->value))
            *fits = false;
        n++;
    }
    *s = sl_str_from(*s, n);
    return n;
}

static bool read_exponent(struct sl_str *s, int *out)
{
    bool minus = s->n > 0 && s->p[0] == '-';
    if (s->n > 0 && (s->p[0] == '-' || s->p[0] == '+'))
        *s = sl_str_from(*s, 1);
    uint64_t v = 0;
    if (!sl_str_to_u64(*s, &v))
        return false;
    *s = sl_str_from(*s, s->n);
    int capped = v > EXPONENT_MAX ? EXPONENT_MAX + 1 : (int)v;
    *out = minus ? -capped : capped;
    return true;
}

/* The grammar of RFC 8259 section 6, without the minus: int [frac] [exp]. */
static enum sl_err read_decimal(struct sl_str s, struct decimal *out)
{
    struct decimal d = {0};
    bool fits = true;
    if (s.n == 0 || s.n > NUMBER_MAX)
        return s.n == 0 ? SL_EINVAL : SL_ELIMIT;
    bool leading_zero = s.p[0] == '0';
    size_t whole = read_digits(&s, &d, &fits);
    if (whole == 0 || (leading_zero && whole > 1))
        return SL_EINVAL;
    if (s.n > 0 && s.p[0] == '.') {
        s = sl_str_from(s, 1);
        size_t frac = read_digits(&s, &d, &fits);
        if (frac == 0)
            return SL_EINVAL;
        d.scale = (int)frac;
    }
    int exponent = 0;
    if (s.n > 0 && (s.p[0] | 0x20) == 'e') {
        s = sl_str_from(s, 1);
        if (!read_exponent(&s, &exponent))
            return SL_EINVAL;
    }
    if (s.n != 0)
        return SL_EINVAL;
    if (!fits || exponent > EXPONENT_MAX || exponent < -EXPONENT_MAX)
        return SL_ELIMIT;
    d.scale -= exponent;
    d.nonzero = d.value != 0;
    *out = d;
    return SL_OK;
}

/* up: what is smaller than the last place counts as one there; else it is refused. */
static enum sl_err parse(struct sl_str text, unsigned exponent, bool up, int64_t *out_p)
{
    struct decimal d;
    enum sl_err e = read_decimal(text, &d);
    if (e != SL_OK)
        return e;
    if (!d.nonzero) {
        *out_p = 0;
        return SL_OK;
    }
    bool more = false;
    int shift = (int)exponent - d.scale; /* multiply by 10^shift */
    for (; shift < 0; shift++) {
        if (!up && d.value % 10 != 0)
            return SL_EINVAL; /* not a whole count: rounding money is not ours to do */
        more = more || d.value % 10 != 0;
        d.value /= 10;
    }
    for (; shift > 0; shift--)
        if (__builtin_mul_overflow(d.value, (unsigned __int128)10, &d.value))
            return SL_ELIMIT;
    d.value += more;
    if (d.value > (unsigned __int128)MONEY_MAX)
        return SL_ELIMIT;
    *out_p = (int64_t)d.value;
    return SL_OK;
}

enum sl_err money_parse(struct sl_str text, unsigned exponent, int64_t *out_p)
{
    return parse(text, exponent, false, out_p);
}

enum sl_err money_parse_up(struct sl_str text, unsigned exponent, int64_t *out_p)
{
    return parse(text, exponent, true, out_p);
}

enum sl_err money_parse_usd(struct sl_str text, int64_t *out_p)
{
    return money_parse(text, USD_DECIMALS, out_p);
}

enum sl_err money_parse_usd_per_mtok(struct sl_str text, int64_t *out_p)
{
    return money_parse(text, USD_DECIMALS - 6, out_p);
}

int64_t money_add(int64_t a_p, int64_t b_p, bool *saturated)
{
    bool bad = a_p < 0 || b_p < 0;
    int64_t a = a_p < 0 ? 0 : a_p, b = b_p < 0 ? 0 : b_p, sum;
    if (__builtin_add_overflow(a, b, &sum)) {
        sum = MONEY_MAX;
        bad = true;
    }
    if (bad && saturated != NULL)
        *saturated = true;
    return sum;
}

size_t money_text(int64_t p, char out[MONEY_TEXT])
{
    _Static_assert(MONEY_TEXT >= TEL_FIXED_TEXT, "room for the longest amount");
    return tel_fixed_text(p > 0 ? (unsigned __int128)p : 0, USD_DECIMALS, out);
}

size_t money_sum_text(const struct money_sum *s, char out[MONEY_TEXT])
{
    return tel_fixed_text(s->p, USD_DECIMALS, out);
}
