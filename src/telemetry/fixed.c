#include "telemetry/fixed.h"

#include "base/str.h"

/* Digits of v, most significant first, without leading zeros; gives how many (0 for v == 0). */
static size_t digits_of(unsigned __int128 v, char out[TEL_FIXED_TEXT])
{
    const uint64_t e19 = UINT64_C(10000000000000000000);
    if (v <= UINT64_MAX)
        return v != 0 ? sl_u64_digits((uint64_t)v, out) : 0;
    size_t n = digits_of(v / e19, out);
    char low[20];
    size_t k = sl_u64_digits((uint64_t)(v % e19), low);
    memset(out + n, '0', 19 - k);
    memcpy(out + n + (19 - k), low, k);
    return n + 19;
}

size_t tel_fixed_text(unsigned __int128 v, unsigned decimals, char out[TEL_FIXED_TEXT])
{
    SL_CHECK(decimals <= TEL_FIXED_DECIMALS);
    char digits[TEL_FIXED_TEXT];
    size_t n = digits_of(v, digits), whole = n > decimals ? n - decimals : 0, at = 0;
    if (whole == 0)
        out[at++] = '0';
    memcpy(out + at, digits, whole);
    at += whole;
    size_t end = n; /* of the fraction, without its trailing zeros */
    while (end > whole && digits[end - 1] == '0')
        end--;
    if (end > whole) {
        size_t zeros = n < decimals ? decimals - n : 0;
        out[at++] = '.';
        memset(out + at, '0', zeros);
        at += zeros;
        memcpy(out + at, digits + whole, end - whole);
        at += end - whole;
    }
    out[at] = '\0';
    return at;
}

enum sl_err tel_fixed_add(struct sl_buf *b, unsigned __int128 v, unsigned decimals)
{
    char text[TEL_FIXED_TEXT];
    return sl_buf_add(b, text, tel_fixed_text(v, decimals, text));
}
