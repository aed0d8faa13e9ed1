/* See sum.h. */
#include "keep/sum.h"

#include <string.h>

#include "base/base64.h"

#define TEXT_BYTES 44u /* of 32 bytes in base64 */

static bool take(struct sl_str text, uint8_t out[TLS_SHA256_BYTES])
{
    char raw[TEXT_BYTES];
    size_t n = 0;
    if (text.n != TEXT_BYTES || !sl_base64_decode(text, raw, &n) || n != TLS_SHA256_BYTES)
        return false;
    memcpy(out, raw, n);
    return true;
}

/* "sha-512=:...:, sha-256=:...:" and "SHA-256=...". */
static bool listed(struct sl_str list, uint8_t out[TLS_SHA256_BYTES])
{
    while (list.n > 0) {
        struct sl_str one = sl_str_trim(sl_str_cut(&list, ','));
        if (!sl_str_starts_nocase(one, SL_STR("sha-256=")))
            continue;
        one = sl_str_from(one, 8);
        if (one.n == TEXT_BYTES + 2 && one.p[0] == ':' && one.p[one.n - 1] == ':')
            one = sl_str_of(one.p + 1, TEXT_BYTES);
        if (take(one, out))
            return true;
    }
    return false;
}

bool keep_sum_of(const struct http_headers *h, uint8_t out[TLS_SHA256_BYTES])
{
    static const struct sl_str names[] = {SL_STR_INIT("repr-digest"), SL_STR_INIT("content-digest"),
                                          SL_STR_INIT("digest")};
    const struct http_header *v;
    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++) {
        v = http_headers_find_name(h, names[i]);
        if (v != NULL && listed(v->value, out))
            return true;
    }
    v = http_headers_find_name(h, SL_STR("x-amz-checksum-sha256"));
    return v != NULL && take(sl_str_trim(v->value), out);
}
