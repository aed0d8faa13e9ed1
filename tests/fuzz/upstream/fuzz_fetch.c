/* URLs that clients write: whatever is let through has a host of the list, the scheme that is allowed and a clean target. */
#include "upstream/fetch.h"

#include "base/check.h"

int LLVMFuzzerTestOneInput(const unsigned char *data, size_t n);

int LLVMFuzzerTestOneInput(const unsigned char *data, size_t n)
{
    static const struct sl_str hosts[] = {SL_STR_INIT("media.test"), SL_STR_INIT(".example.org")};
    if (n < 1)
        return 0;
    struct sl_arena a;
    const struct fetch_rules rules = {
        .hosts = hosts, .n_hosts = (data[0] & 1) != 0 ? 2 : 0, .plain_http = (data[0] & 2) != 0, .max_bytes = 1};
    struct sl_str url = sl_str_of(data + 1, n - 1);
    sl_arena_init(&a, NULL);
    if (fetch_refusal(url, &rules, &a) == NULL) { /* no TLS here: only plain http can pass */
        SL_CHECK(rules.plain_http && sl_str_starts_nocase(url, SL_STR("http://")));
        SL_CHECK(url.n <= FETCH_URL_MAX);
        struct sl_str rest = sl_str_from(url, 7);
        size_t end = 0;
        while (end < rest.n && memchr("/?#", rest.p[end], 3) == NULL)
            end++;
        SL_CHECK(end > 0 && memchr(rest.p, '@', end) == NULL && memchr(rest.p, '\\', end) == NULL);
    }
    sl_arena_done(&a);
    return 0;
}
