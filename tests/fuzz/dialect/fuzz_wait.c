/* How long a provider asks to wait, in any header and any body: always within its range. Lines: retry-after-ms, retry-after, a
 * reset, its remaining, a delay; the rest is a message. */
#include "base/check.h"
#include "provider/provider.h"

int LLVMFuzzerTestOneInput(const unsigned char *data, size_t n);

int LLVMFuzzerTestOneInput(const unsigned char *data, size_t n)
{
    struct sl_str in = sl_str_of(data, n);
    struct sl_str parts[5];
    struct sl_arena a;
    struct http_headers h = {0};
    const int64_t now = INT64_C(1795000000) * 1000000000;
    for (unsigned i = 0; i < 5; i++)
        parts[i] = sl_str_cut(&in, '\n');
    sl_arena_init(&a, NULL);
    http_headers_add_id(&h, &a, HN_RETRY_AFTER_MS, parts[0]);
    http_headers_add_id(&h, &a, HN_RETRY_AFTER, parts[1]);
    http_headers_add(&h, &a, SL_STR("x-ratelimit-reset-tokens"), parts[2]);
    http_headers_add(&h, &a, SL_STR("x-ratelimit-remaining-tokens"), parts[3]);
    for (int limited = 0; limited < 2; limited++) {
        int64_t ns = provider_wait_ns(&(struct provider_wait){
            .headers = &h, .delay = parts[4], .message = in, .limited = limited, .now_wall_ns = now});
        SL_CHECK(ns >= -1 && ns <= PROVIDER_WAIT_MAX_NS);
    }
    int64_t ns = 0;
    if (provider_reset_ns(parts[2], now, &ns))
        SL_CHECK(ns >= 0 && ns <= PROVIDER_WAIT_MAX_NS);
    sl_arena_done(&a);
    return 0;
}
