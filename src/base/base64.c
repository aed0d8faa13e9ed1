/* See base64.h. */
#include "base/base64.h"

static const char standard[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
static const char url_safe[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";

static size_t encode(const char *alphabet, struct sl_str s, char *out)
{
    const unsigned char *p = (const unsigned char *)s.p;
    char *to = out;
    size_t left = s.n;
    for (; left >= 3; left -= 3, p += 3) {
        *to++ = alphabet[p[0] >> 2];
        *to++ = alphabet[(p[0] & 3) << 4 | p[1] >> 4];
        *to++ = alphabet[(p[1] & 15) << 2 | p[2] >> 6];
        *to++ = alphabet[p[2] & 63];
    }
    if (left > 0) {
        unsigned second = left == 2 ? p[1] : 0;
        *to++ = alphabet[p[0] >> 2];
        *to++ = alphabet[(p[0] & 3) << 4 | second >> 4];
        if (left == 2)
            *to++ = alphabet[(second & 15) << 2];
    }
    return (size_t)(to - out);
}

size_t sl_base64_encode(struct sl_str bytes, char *out)
{
    size_t n = encode(standard, bytes, out);
    while (n % 4 != 0)
        out[n++] = '=';
    return n;
}

size_t sl_base64url_encode(struct sl_str bytes, char *out)
{
    return encode(url_safe, bytes, out);
}

int sl_base64_value(char c)
{
    if (c >= 'A' && c <= 'Z')
        return c - 'A';
    if (c >= 'a' && c <= 'z')
        return c - 'a' + 26;
    if (c >= '0' && c <= '9')
        return c - '0' + 52;
    if (c == '+' || c == '-')
        return 62;
    return c == '/' || c == '_' ? 63 : -1;
}

bool sl_base64_decode(struct sl_str text, char *out, size_t *out_n)
{
    uint32_t bits = 0;
    unsigned have = 0;
    size_t n = 0;
    bool padded = false;
    for (size_t i = 0; i < text.n; i++) {
        char c = text.p[i];
        int v = sl_base64_value(c);
        if (sl_is_blank(c))
            continue;
        padded = padded || c == '=';
        if (c == '=')
            continue;
        if (v < 0 || padded)
            return false;
        bits = bits << 6 | (uint32_t)v;
        have += 6;
        if (have >= 8) {
            have -= 8;
            out[n++] = (char)(bits >> have);
        }
    }
    *out_n = n;
    return have < 6;
}
