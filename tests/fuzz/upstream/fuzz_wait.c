/* retry-after and retry-after-ms with any value, and the classes of any error body: always an answer within its range. */
#include "base/check.h"
#include "upstream/outcome.h"

int LLVMFuzzerTestOneInput(const unsigned char *data, size_t n);

int LLVMFuzzerTestOneInput(const unsigned char *data, size_t n)
{
    struct sl_str in = sl_str_of(data, n);
    struct sl_str parts[4];
    struct sl_arena a;
    struct http_headers h = {0};
    for (unsigned i = 0; i < 4; i++)
        parts[i] = sl_str_cut(&in, '\n');
    sl_arena_init(&a, NULL);
    http_headers_add_id(&h, &a, HN_RETRY_AFTER_MS, parts[0]);
    http_headers_add_id(&h, &a, HN_RETRY_AFTER, parts[1]);
    int64_t ns = outcome_retry_after_ns(&h, INT64_C(1795000000) * 1000000000);
    SL_CHECK(ns >= -1 && ns <= OUTCOME_WAIT_CAP_NS);
    for (int status = 100; status < 600; status += 1)
        SL_CHECK((unsigned)outcome_of_response(status, parts[2], parts[3], in) < OUT_COUNT);
    sl_arena_done(&a);
    return 0;
}
