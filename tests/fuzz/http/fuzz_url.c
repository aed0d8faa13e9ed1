/* Targets, escapes, queries, authorities: what they promise about their results. */
#include "base/check.h"
#include "base/mem.h"
#include "http/url.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static bool is_inside(struct sl_str part, struct sl_str all)
{
    return part.n == 0 || (part.p >= all.p && part.n <= all.n && part.p - all.p <= (ptrdiff_t)(all.n - part.n));
}

static void check_escapes(struct sl_str in)
{
    char *out = sl_malloc(in.n);
    size_t n = 0;
    if (url_decode(in, out, &n))
        SL_CHECK(n <= in.n && (n == 0 || memchr(out, 0, n) == NULL));
    sl_free(out);
}

static void check_authority(struct sl_str in)
{
    struct sl_str host;
    uint16_t port;
    if (!url_authority_split(in, &host, &port))
        return;
    SL_CHECK(host.n > 0 && is_inside(host, in));
    for (size_t i = 0; i < in.n; i++)
        SL_CHECK(in.p[i] > 0x20 && in.p[i] < 0x7f && strchr(",@/?#%\\\"<>", in.p[i]) == NULL);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    char *own = sl_malloc(size);
    memcpy(own, data, size);
    struct sl_str all = sl_str_of(own, size), path, query, key, value;
    url_target_split(all, &path, &query);
    SL_CHECK(is_inside(path, all) && is_inside(query, all) && path.n + query.n <= all.n);
    check_escapes(all);
    check_authority(all);
    while (url_query_next(&query, &key, &value))
        SL_CHECK(is_inside(key, all) && is_inside(value, all));
    sl_free(own);
    return 0;
}
