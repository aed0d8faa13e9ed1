/* See json_base64.h. */
#include "dialect/json_base64.h"

#include "base/base64.h"

static enum json_base64_news take_letter(struct json_base64 *s, char c, char *out)
{
    int v = sl_base64_value(c);
    if (c == '=') {
        s->padded = true;
        return BASE64_MORE;
    }
    if (v < 0 || s->padded)
        return BASE64_BAD;
    s->bits = s->bits << 6 | (unsigned)v;
    s->n_bits = (uint8_t)(s->n_bits + 6);
    if (s->n_bits < 8)
        return BASE64_MORE;
    s->n_bits = (uint8_t)(s->n_bits - 8);
    *out = (char)(s->bits >> s->n_bits & 0xff);
    return BASE64_BYTE;
}

static enum json_base64_news take_escaped(struct json_base64 *s, char c, char *out)
{
    if (s->unicode_n == 0) {
        s->escape = c == 'u';
        s->unicode_n = c == 'u';
        s->unicode = 0;
        return c == 'u' || c == 'n' || c == 'r' ? BASE64_MORE : take_letter(s, c, out);
    }
    int digit = sl_hex_value(c);
    if (digit < 0)
        return BASE64_BAD;
    s->unicode = (uint16_t)(s->unicode << 4 | digit);
    if (s->unicode_n++ < 4)
        return BASE64_MORE;
    s->escape = false;
    s->unicode_n = 0;
    return take_letter(s, s->unicode < 128 ? (char)s->unicode : '!', out);
}

enum json_base64_news json_base64_take(struct json_base64 *s, char c, char *out)
{
    if (s->escape)
        return take_escaped(s, c, out);
    if (c == '"')
        return s->n_bits == 6 ? BASE64_BAD : BASE64_END;
    if (c != '\\')
        return take_letter(s, c, out);
    s->escape = true;
    return BASE64_MORE;
}
