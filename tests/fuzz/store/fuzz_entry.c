/* The ledger's records from any bytes: what decodes keeps its limits, and encodes to the same meaning again. */
#include "base/check.h"
#include "ledger/entry.h"

int LLVMFuzzerTestOneInput(const unsigned char *data, size_t n);

static void try_open(struct sl_str s)
{
    unsigned char again[ENTRY_OPEN_MAX];
    struct entry_open e, f;
    if (entry_open_decode(s, &e) != SL_OK)
        return;
    SL_CHECK(e.estimate_cost_p >= 0 && e.tenant.n <= ENTRY_NAME_MAX && e.price_version.n <= ENTRY_SHORT_MAX);
    size_t n = entry_open_encode(&e, again);
    SL_CHECK(n == s.n && memcmp(again, s.p, n) == 0); /* one form for one meaning */
    SL_CHECK(entry_open_decode(sl_str_of(again, n), &f) == SL_OK && sl_str_eq(e.target, f.target));
}

static void try_close(struct sl_str s)
{
    unsigned char again[ENTRY_CLOSE_MAX];
    struct entry_close e, f;
    if (entry_close_decode(s, &e) != SL_OK)
        return;
    SL_CHECK(e.cost_p >= 0 && e.outcome.n <= ENTRY_SHORT_MAX);
    size_t n = entry_close_encode(&e, again);
    SL_CHECK(n >= s.n && n <= ENTRY_CLOSE_MAX); /* a record with fewer classes becomes one with all */
    SL_CHECK(entry_close_decode(sl_str_of(again, n), &f) == SL_OK && e.cost_p == f.cost_p);
}

int LLVMFuzzerTestOneInput(const unsigned char *data, size_t n)
{
    try_open(sl_str_of(data, n));
    try_close(sl_str_of(data, n));
    return 0;
}
