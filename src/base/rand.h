/* Randomness. struct sl_rand is a fast generator for jitter, sampling and ids' low bits, seedable so that tests can
 * replay; sl_random_bytes is the system's, for keys and secrets. */
#ifndef SLUICE_BASE_RAND_H
#define SLUICE_BASE_RAND_H

#include <stddef.h>
#include <stdint.h>

struct sl_rand {
    uint64_t s[4]; /* xoshiro256++ (Blackman, Vigna 2019) */
};

void sl_rand_seed(struct sl_rand *r, uint64_t seed);
void sl_rand_seed_system(struct sl_rand *r);
uint64_t sl_rand_next(struct sl_rand *r);
uint64_t sl_rand_below(struct sl_rand *r, uint64_t n); /* 0 <= result < n; n == 0 gives 0 */

void sl_random_bytes(void *out, size_t n); /* getrandom(2); ends the process if the system has none */

#endif
