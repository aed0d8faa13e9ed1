/* Each pick gives everyone its weight as credit; the richest is picked and pays the sum of all weights. So credits always
 * add up to 0 and stay within the sum. */
#include "upstream/balance/weighted.h"

size_t weighted_pick(struct weighted *v, size_t n)
{
    int64_t sum = 0;
    size_t best = n;
    for (size_t i = 0; i < n; i++) {
        if (v[i].weight == 0)
            continue;
        v[i].credit += v[i].weight;
        sum += v[i].weight;
        if (best == n || v[i].credit > v[best].credit)
            best = i;
    }
    if (best < n)
        v[best].credit -= sum;
    return best;
}
