/* The worker's whole: made, read and ended here. See upstream.h. */
#include "upstream/upstream.h"

#include "base/mem.h"
#include "upstream/upstream_int.h"

#define SCRATCH_BYTES 65536u /* one read takes what a socket's buffer usually holds */

static struct h2_limits h2_limits_of(const struct upstream_limits *l)
{
    struct h2_limits h = H2_LIMITS_DEFAULT;
    h.streams = l->streams;
    h.header_list_bytes = l->head_bytes;
    h.headers = l->headers;
    h.stream_window = l->stream_window;
    /* stalled streams must not stop the others: the connection's window is all of theirs */
    uint64_t all = (uint64_t)l->streams * l->stream_window;
    h.connection_window = all > INT32_MAX ? INT32_MAX : (uint32_t)all;
    return h;
}

struct upstream *upstream_new(const struct upstream_parts *parts)
{
    struct upstream *u = SL_NEW(struct upstream);
    u->loop = parts->loop;
    u->shelf = parts->shelf;
    u->chunks = parts->chunks;
    u->limits = parts->limits != NULL ? *parts->limits : UPSTREAM_LIMITS_DEFAULT;
    u->h1_limits = H1_LIMITS_DEFAULT;
    u->h1_limits.head_bytes = u->limits.head_bytes;
    u->h1_limits.headers = u->limits.headers;
    u->h2_limits = h2_limits_of(&u->limits);
    u->owns_scratch = parts->scratch == NULL;
    u->scratch = u->owns_scratch ? sl_malloc(SCRATCH_BYTES) : parts->scratch;
    u->scratch_n = u->owns_scratch ? SCRATCH_BYTES : parts->scratch_n;
    SL_CHECK(u->scratch_n >= UPSTREAM_SCRATCH_MIN);
    struct resolve_limits names = {.names = u->limits.names,
                                   .lookups = u->limits.lookups,
                                   .ttl_ns = u->limits.name_ttl_ns,
                                   .stale_ns = u->limits.name_stale_ns,
                                   .failed_ttl_ns = u->limits.name_failed_ttl_ns};
    u->resolver = resolver_new(u->loop, &names);
    sl_list_init(&u->conns);
    sl_list_init(&u->idle);
    pool_sweep_init(u);
    return u;
}

void upstream_free(struct upstream *u)
{
    if (u == NULL)
        return;
    SL_CHECK(u->n_attempts == 0);
    sl_timer_cancel(u->loop, &u->sweep);
    SL_LIST_EACH(node, &u->conns)
    conn_close(SL_CONTAINER_OF(node, struct up_conn, node), CONN_CLOSE_ORDERLY);
    SL_CHECK(sl_list_is_empty(&u->conns));
    for (unsigned b = 0; b < POOL_BUCKETS; b++) {
        while (u->buckets[b] != NULL) {
            struct pool_origin *o = u->buckets[b];
            SL_CHECK(o->users == 0);
            u->buckets[b] = o->next;
            sl_free(o);
        }
    }
    resolver_free(u->resolver);
    if (u->owns_scratch)
        sl_free(u->scratch);
    sl_free(u);
}

const struct upstream_stats *upstream_stats(const struct upstream *u)
{
    return &u->stats;
}
