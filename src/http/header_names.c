/* Interning of header names: a small hash table over the X table, filled once. The hash looks at the length and three
 * bytes, which is enough to keep the probes at one or two for names we know. What a client sends cannot make the table
 * slower than its longest run of neighbours (checked when it is filled), so an unkeyed hash will do. */
#include "http/header_names.h"

#include "base/check.h"

#include <pthread.h>
#include <stdatomic.h>

#define SLOTS 512u
#define RUN_MAX 4u /* longest run of used slots that the table may have */
#define NAME_MAX_N 32u

static const struct sl_str texts[HN_COUNT] = {[HN_OTHER] = SL_STR_INIT(""),
#define X(id, text) [HN_##id] = SL_STR_INIT(text),
                                              HTTP_NAMES(X)
#undef X
};

static uint8_t slots[SLOTS]; /* enum http_name; written under `once` only */
static pthread_once_t once = PTHREAD_ONCE_INIT;
static _Atomic bool filled;

_Static_assert(HN_COUNT < 256, "slots hold bytes");

static unsigned slot_of(struct sl_str s)
{
    const unsigned char *p = (const unsigned char *)s.p;
    unsigned h = (unsigned)s.n * 0x9e37u + p[0] * 0x85ebu + p[s.n / 2] * 0x2c1bu + p[s.n - 1] * 0x165fu;
    return (h ^ h >> 7) % SLOTS;
}

static void check_runs(void)
{
    unsigned run = 0;
    for (unsigned i = 0; i < SLOTS + RUN_MAX; i++) {
        run = slots[i % SLOTS] != HN_OTHER ? run + 1 : 0;
        SL_CHECK(run <= RUN_MAX * 2);
    }
}

static void fill(void)
{
    for (unsigned id = HN_OTHER + 1; id < HN_COUNT; id++) {
        SL_CHECK(texts[id].n > 0 && texts[id].n <= NAME_MAX_N);
        unsigned i = slot_of(texts[id]);
        while (slots[i] != HN_OTHER)
            i = (i + 1) % SLOTS;
        slots[i] = (uint8_t)id;
    }
    check_runs();
    atomic_store_explicit(&filled, true, memory_order_release);
}

enum http_name http_name_of(struct sl_str lower)
{
    if (lower.n == 0 || lower.n > NAME_MAX_N)
        return HN_OTHER;
    if (SL_UNLIKELY(!atomic_load_explicit(&filled, memory_order_acquire)))
        pthread_once(&once, fill);
    for (unsigned i = slot_of(lower); slots[i] != HN_OTHER; i = (i + 1) % SLOTS)
        if (sl_str_eq(texts[slots[i]], lower))
            return (enum http_name)slots[i];
    return HN_OTHER;
}

struct sl_str http_name_text(enum http_name id)
{
    SL_CHECK(id > HN_OTHER && id < HN_COUNT);
    return texts[id];
}
