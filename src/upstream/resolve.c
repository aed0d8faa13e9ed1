/* The cache of names. An entry is either at rest, queued for a lookup, or being looked up; those who wait hang on it. */
#include "upstream/resolve.h"

#include "base/map.h"
#include "base/mem.h"

enum entry_phase {
    ENTRY_REST = 0,
    ENTRY_QUEUED,
    ENTRY_ASKING
};

struct entry {
    struct resolver *r;
    struct sl_list by_use;                 /* in r->by_use, longest unused first */
    struct sl_list queued;                 /* in r->queue while QUEUED */
    struct sl_list waiting;                /* resolve_wait.node */
    struct resolve_addrs addrs;            /* n == 0: none known */
    int64_t good_until_ns, stale_until_ns; /* of addrs */
    int64_t failed_until_ns;
    enum sl_err failed; /* what the last lookup said; SL_OK */
    enum entry_phase phase;
    struct sl_dns *dns;
    size_t n;
    char name[RESOLVE_NAME_MAX + 1];
};

struct resolver {
    struct sl_loop *loop; /* borrow */
    struct resolve_limits limits;
    struct sl_map by_name;
    struct sl_list by_use, queue;
    uint32_t n_names, n_asking;
    struct resolve_stats stats;
};

struct resolver *resolver_new(struct sl_loop *l, const struct resolve_limits *limits)
{
    struct resolver *r = SL_NEW(struct resolver);
    r->loop = l;
    r->limits = *limits;
    sl_map_init(&r->by_name);
    sl_list_init(&r->by_use);
    sl_list_init(&r->queue);
    return r;
}

static void entry_free(struct entry *e)
{
    struct resolver *r = e->r;
    SL_CHECK(sl_list_is_empty(&e->waiting));
    sl_dns_cancel(e->dns);
    sl_list_remove(&e->by_use);
    sl_list_remove(&e->queued);
    sl_map_remove(&r->by_name, sl_str_of(e->name, e->n));
    r->n_names--;
    sl_free(e);
}

void resolver_free(struct resolver *r)
{
    if (r == NULL)
        return;
    SL_LIST_EACH(node, &r->by_use)
    entry_free(SL_CONTAINER_OF(node, struct entry, by_use));
    sl_map_done(&r->by_name);
    sl_free(r);
}

/* Room for one more name; false when all are in use. */
static bool make_room(struct resolver *r)
{
    if (r->n_names < r->limits.names)
        return true;
    SL_LIST_EACH(node, &r->by_use)
    {
        struct entry *e = SL_CONTAINER_OF(node, struct entry, by_use);
        if (e->phase != ENTRY_REST)
            continue;
        entry_free(e);
        return true;
    }
    return false;
}

static struct entry *entry_get(struct resolver *r, struct sl_str host)
{
    char lower[RESOLVE_NAME_MAX + 1];
    if (host.n == 0 || host.n > RESOLVE_NAME_MAX || sl_str_find(host, 0) >= 0)
        return NULL;
    for (size_t i = 0; i < host.n; i++)
        lower[i] = sl_lower(host.p[i]);
    struct entry *e = sl_map_get(&r->by_name, sl_str_of(lower, host.n));
    if (e == NULL) {
        if (!make_room(r))
            return NULL;
        e = SL_NEW(struct entry);
        e->r = r;
        e->n = host.n;
        memcpy(e->name, lower, host.n);
        sl_list_init(&e->by_use);
        sl_list_init(&e->queued);
        sl_list_init(&e->waiting);
        sl_map_put(&r->by_name, sl_str_of(e->name, e->n), e);
        r->n_names++;
    }
    sl_list_remove(&e->by_use);
    sl_list_add_tail(&r->by_use, &e->by_use);
    return e;
}

/* ---- asking the system ---- */

static void keep_answer(struct entry *e, const struct sl_addr *addrs, size_t n)
{
    struct resolver *r = e->r;
    int first = addrs[0].sa.any.sa_family;
    size_t at[2] = {0, 0}; /* next of the first family, next of the other */
    bool other = false;
    e->addrs.n = 0;
    while (e->addrs.n < RESOLVE_ADDRS && (at[0] < n || at[1] < n)) {
        size_t *i = &at[other];
        while (*i < n && (addrs[*i].sa.any.sa_family == first) == other)
            (*i)++;
        if (*i < n)
            e->addrs.v[e->addrs.n++] = addrs[(*i)++];
        other = !other;
    }
    e->failed = SL_OK;
    e->good_until_ns = sl_loop_now(r->loop) + r->limits.ttl_ns;
    e->stale_until_ns = e->good_until_ns + r->limits.stale_ns;
}

static void start_next(struct resolver *r);

static void tell_waiting(struct entry *e, enum sl_err err)
{
    struct sl_list all, *node;
    struct resolve_addrs addrs = e->addrs; /* a callback may ask for another name, and e make room for that */
    sl_list_init(&all);
    sl_list_splice(&all, &e->waiting); /* who asks again from inside its callback is not told twice */
    while ((node = sl_list_take_head(&all)) != NULL) {
        struct resolve_wait *w = SL_CONTAINER_OF(node, struct resolve_wait, node);
        struct resolve_addrs out = {.n = 0};
        if (err == SL_OK)
            out = addrs;
        for (unsigned i = 0; i < out.n; i++)
            sl_addr_set_port(&out.v[i], w->port);
        w->done(w, err, &out);
    }
}

static void settle(struct entry *e, enum sl_err err)
{
    struct resolver *r = e->r;
    int64_t now = sl_loop_now(r->loop);
    e->phase = ENTRY_REST;
    if (err != SL_OK) {
        r->stats.failed++;
        e->failed = err;
        e->failed_until_ns = now + r->limits.failed_ttl_ns;
        if (e->addrs.n > 0 && now < e->stale_until_ns)
            err = SL_OK; /* the old answer is better than none */
    }
    tell_waiting(e, err);
}

static void on_answer(void *owner, enum sl_err err, const struct sl_addr *addrs, size_t n)
{
    struct entry *e = owner;
    struct resolver *r = e->r;
    e->dns = NULL;
    r->n_asking--;
    if (err == SL_OK && n > 0)
        keep_answer(e, addrs, n);
    else if (err == SL_OK)
        err = SL_ENOENT;
    settle(e, err);
    start_next(r);
}

/* Until the allowed number is under way. A lookup that cannot even start counts as failed. */
static void start_next(struct resolver *r)
{
    while (r->n_asking < r->limits.lookups) {
        struct sl_list *node = sl_list_take_head(&r->queue);
        if (node == NULL)
            return;
        struct entry *e = SL_CONTAINER_OF(node, struct entry, queued);
        e->phase = ENTRY_ASKING;
        r->stats.lookups++;
        r->n_asking++;
        e->dns = sl_dns_start(r->loop, sl_str_of(e->name, e->n), 0, on_answer, e);
        if (e->dns == NULL) {
            r->n_asking--;
            settle(e, SL_EIO);
        }
    }
}

static void look_up(struct entry *e)
{
    if (e->phase != ENTRY_REST)
        return;
    e->phase = ENTRY_QUEUED;
    sl_list_add_tail(&e->r->queue, &e->queued);
    start_next(e->r);
}

/* ---- being asked ---- */

static void give(const struct entry *e, unsigned port, struct resolve_addrs *out)
{
    *out = e->addrs;
    for (unsigned i = 0; i < out->n; i++)
        sl_addr_set_port(&out->v[i], port);
}

enum resolve_now resolver_ask(struct resolver *r, struct sl_str host, unsigned port, struct resolve_wait *w,
                              struct resolve_addrs *out)
{
    int64_t now = sl_loop_now(r->loop);
    sl_list_init(&w->node);
    w->port = port;
    r->stats.asked++;
    if (sl_addr_parse(host, port, &out->v[0])) {
        out->n = 1;
        return RESOLVE_READY;
    }
    struct entry *e = entry_get(r, host);
    if (e == NULL) {
        r->stats.refused++;
        return RESOLVE_FULL;
    }
    bool known = e->addrs.n > 0 && now < e->stale_until_ns;
    if (known && now < e->good_until_ns) {
        r->stats.from_cache++;
        give(e, port, out);
        return RESOLVE_READY;
    }
    bool failed_lately = e->failed != SL_OK && now < e->failed_until_ns;
    if (!failed_lately)
        look_up(e);
    if (known) {
        r->stats.stale++;
        give(e, port, out);
        return RESOLVE_READY;
    }
    if (e->phase == ENTRY_REST) /* failed lately, or just now */
        return e->failed == SL_ENOENT ? RESOLVE_UNKNOWN : RESOLVE_FAILED;
    sl_list_add_tail(&e->waiting, &w->node);
    return RESOLVE_WAITS;
}

void resolver_cancel(struct resolve_wait *w)
{
    sl_list_remove(&w->node);
}

const struct resolve_stats *resolver_stats(const struct resolver *r)
{
    return &r->stats;
}
