/* Storage of the numbers and the table of targets. One writer per struct tel_worker; see counters.h. */
#include "telemetry/counters.h"

#include <stdbool.h>
#include <stdlib.h>

#include "base/check.h"
#include "base/mem.h"

#define NAME_MAX_BYTES 200u /* of a provider or model in a label; longer names share the "other" numbers */

/* 64-byte alignment without a second allocator: the pointer that sl_free needs is kept in front. */
static struct tel_worker *alloc_aligned(void)
{
    enum {
        LINE = 64
    };
    char *raw = sl_calloc(1, sizeof(struct tel_worker) + 2 * LINE);
    uintptr_t at = ((uintptr_t)raw + LINE + (LINE - 1)) & ~(uintptr_t)(LINE - 1);
    struct tel_worker *w = (struct tel_worker *)(void *)(raw + (at - (uintptr_t)raw));
    memcpy((char *)(void *)w - sizeof raw, &raw, sizeof raw);
    return w;
}

static void free_aligned(struct tel_worker *w)
{
    char *raw;
    memcpy(&raw, (char *)(void *)w - sizeof raw, sizeof raw);
    sl_free(raw);
}

/* One allocation: the struct, then "provider\0model\0", which is both names and the key of the map. */
static struct tel_target *target_new(struct sl_str provider, struct sl_str model)
{
    struct tel_target *t = sl_calloc(1, sizeof *t + provider.n + model.n + 2);
    char *names = (char *)(t + 1);
    memcpy(names, provider.p, provider.n);
    memcpy(names + provider.n + 1, model.p, model.n);
    t->provider = sl_str_of(names, provider.n);
    t->model = sl_str_of(names + provider.n + 1, model.n);
    return t;
}

static void publish(struct tel_worker *w, struct tel_target *t)
{
    t->next = atomic_load_explicit(&w->targets, memory_order_relaxed);
    /* Release: a reader that finds t also finds its names and its zeros. */
    atomic_store_explicit(&w->targets, t, memory_order_release);
}

struct tel_worker *tel_worker_new(uint32_t max_series)
{
    struct tel_worker *w = alloc_aligned();
    sl_map_init(&w->by_name);
    if (max_series == 0)
        max_series = TEL_SERIES_DEFAULT;
    w->max_targets = max_series / TEL_SERIES_PER_TARGET + 1;
    w->other = target_new(SL_STR("other"), SL_STR("other"));
    publish(w, w->other);
    return w;
}

void tel_worker_free(struct tel_worker *w)
{
    if (w == NULL)
        return;
    struct tel_target *t = atomic_load_explicit(&w->targets, memory_order_relaxed);
    while (t != NULL) {
        struct tel_target *next = t->next;
        sl_free(t);
        t = next;
    }
    sl_map_done(&w->by_name);
    free_aligned(w);
}

struct tel_target *tel_target_get(struct tel_worker *w, struct sl_str provider, struct sl_str model)
{
    char key[2 * NAME_MAX_BYTES + 1];
    if (provider.n > NAME_MAX_BYTES || model.n > NAME_MAX_BYTES || provider.n == 0 || model.n == 0) {
        tel_add(w, TEL_SERIES_FOLDED, 1);
        return w->other;
    }
    memcpy(key, provider.p, provider.n);
    key[provider.n] = '\0';
    memcpy(key + provider.n + 1, model.p, model.n);
    size_t n = provider.n + 1 + model.n;
    struct tel_target *t = sl_map_get(&w->by_name, sl_str_of(key, n));
    if (t != NULL)
        return t;
    if (w->n_targets >= w->max_targets) {
        tel_add(w, TEL_SERIES_FOLDED, 1);
        return w->other;
    }
    t = target_new(provider, model);
    sl_map_put(&w->by_name, sl_str_of(t->provider.p, n), t);
    w->n_targets++;
    publish(w, t);
    return t;
}

enum tel_status tel_status_of(int http_status)
{
    switch (http_status / 100) {
    case 2:
        return TEL_ST_2XX;
    case 3:
        return TEL_ST_3XX;
    case 4:
        return http_status == 499 ? TEL_ST_GONE : TEL_ST_4XX;
    case 5:
        return TEL_ST_5XX;
    default:
        return TEL_ST_GONE;
    }
}

void tel_request(struct tel_worker *w, enum tel_operation op, int http_status, int64_t latency_ns)
{
    SL_CHECK((unsigned)op < TEL_OP_COUNT);
    tel_bump(&w->requests[op][tel_status_of(http_status)], 1);
    tel_hist_record(&w->latency[op], latency_ns);
}

static void add_saturating(_Atomic uint64_t *c, int64_t n)
{
    uint64_t v = tel_read(c);
    if (n > 0 && __builtin_add_overflow(v, (uint64_t)n, &v))
        v = UINT64_MAX;
    atomic_store_explicit(c, v, memory_order_relaxed);
}

void tel_attempt_over(struct tel_target *t, const struct tel_attempt *a)
{
    SL_CHECK(a->outcome < TEL_MAX_OUTCOMES);
    tel_bump(&t->outcomes[a->outcome], 1);
    add_saturating(&t->duration_ns, a->duration_ns);
    add_saturating(&t->cost_p, a->cost_p);
    if (a->first_byte_ns >= 0) {
        add_saturating(&t->first_byte_ns, a->first_byte_ns);
        tel_bump(&t->first_bytes, 1);
    }
    for (size_t c = 0; a->tokens != NULL && c < TOKEN_CLASS_COUNT; c++)
        if (a->tokens[c] != 0)
            tel_bump(&t->tokens[c], a->tokens[c]);
    for (size_t i = 0; a->units != NULL && i < USAGE_UNIT_COUNT; i++)
        if (a->units[i] != 0)
            tel_bump(&t->units[i], a->units[i]);
}
