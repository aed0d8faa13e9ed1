/* The metrics page: every thread's counters, and what listen/, upstream/, the keeper and the journal count by themselves,
 * gathered when it is asked for. Runs on the admin thread; reads atomics only. */
#include "main/gateway.h"
#include "sluice_build.h"

#define READ(field) atomic_load_explicit(&(field), memory_order_relaxed)

static void add(struct tel_worker *w, enum tel_number id, uint64_t v)
{
    tel_gauge_set(w, id, (int64_t)v);
}

struct sums {
    uint64_t accepted, closed, refused, tls_failed, opened, reused, stale, bad;
    int64_t idle;
};

/* Under the lock: a worker that has drained before the others has nothing any more. */
static void sum_worker(const struct worker *w, struct sums *s)
{
    if (w->server == NULL || w->upstream == NULL)
        return;
    const struct listen_stats *l = listen_server_stats(w->server);
    const struct upstream_stats *u = upstream_stats(w->upstream);
    s->accepted += READ(l->accepted);
    s->closed += READ(l->closed);
    s->refused += READ(l->refused_full) + READ(l->refused_address);
    s->tls_failed += READ(l->tls_failed);
    s->bad += READ(l->bad_requests);
    s->opened += READ(u->connects);
    s->reused += READ(u->reused);
    s->stale += READ(u->stale);
    s->idle += READ(u->idle);
}

/* The admin worker's own struct tel_worker carries these: it is its only writer. */
static void gather(struct gateway *g, struct tel_worker *w)
{
    const struct keeper_counters *k = keeper_counters(g->keeper);
    struct sums s = {0};
    int64_t since = READ(k->lag_since_ns);
    pthread_mutex_lock(&g->lock);
    for (unsigned i = 0; i < g->n_workers; i++)
        sum_worker(g->workers[i], &s);
    pthread_mutex_unlock(&g->lock);
    add(w, TEL_CONNECTIONS, s.accepted);
    add(w, TEL_CONNECTIONS_OPEN, s.accepted - s.closed);
    add(w, TEL_CONNECTIONS_REFUSED, s.refused);
    add(w, TEL_TLS_FAILURES, s.tls_failed);
    add(w, TEL_POOL_NEW, s.opened);
    add(w, TEL_POOL_REUSED, s.reused);
    add(w, TEL_POOL_STALE, s.stale);
    add(w, TEL_POOL_IDLE, (uint64_t)s.idle);
    add(w, TEL_JOURNAL_PENDING, READ(k->lag_bytes));
    add(w, TEL_JOURNAL_LAG, since != 0 ? (uint64_t)(sl_clock_mono_ns() - since) : 0);
    add(w, TEL_JOURNAL_FULL, READ(k->disk_full) ? 1 : 0);
    add(w, TEL_LEDGER_ERRORS, READ(k->ingest_errors) + READ(k->sync_errors) + READ(k->gaps) + READ(k->undecodable));
    add(w, TEL_HELD_BYTES, READ(g->gate.bytes));
    add(w, TEL_PLACES, READ(g->gate.adapted));
    add(w, TEL_ACCESS_DROPPED, READ(k->lines_dropped));
    atomic_store_explicit(&w->refused[TEL_WHY_MALFORMED_HTTP], s.bad, memory_order_relaxed);
}

static void add_keys(void *out, struct sl_str provider, unsigned n, unsigned resting)
{
    struct sl_buf *b = out;
    sl_buf_adds(b, SL_STR("sluice_provider_keys_resting{provider="));
    prometheus_add_label(b, provider);
    sl_buf_addf(b, ",keys=\"%u\"} %u\n", n, resting);
}

enum sl_err gateway_metrics(void *owner, struct sl_buf *out)
{
    struct gateway *g = owner;
    const struct tel_worker *workers[GATEWAY_WORKERS_MAX + 2];
    struct sl_str outcomes[OUT_COUNT];
    size_t n = 0;
    gather(g, g->admin->tel);
    for (unsigned i = 0; i < g->n_workers; i++)
        workers[n++] = g->workers[i]->tel;
    workers[n++] = g->admin->tel;
    workers[n++] = g->main_tel;
    for (unsigned i = 0; i < OUT_COUNT; i++)
        outcomes[i] = outcome_row((enum outcome)i)->name;
    pthread_mutex_lock(&g->lock);
    struct snapshot *snap = snapshot_ref(g->snapshot);
    struct price_catalog *prices = price_catalog_ref(g->prices);
    pthread_mutex_unlock(&g->lock);
    int64_t cert_expires_s = READ(g->cert_expires_s);
    const struct prometheus_facts facts = {
        .workers = workers,
        .n_workers = n,
        .outcomes = outcomes,
        .n_outcomes = OUT_COUNT,
        .version = SL_STR(SLUICE_VERSION),
        .revision = SL_STR(SLUICE_REVISION),
        .price_version = price_catalog_version(prices)->text,
        .config_revision = snap->revision_text,
        .start_wall_ns = g->start_wall_ns,
        .has_certificate = cert_expires_s != INT64_MAX,
        .certificate_left_s = cert_expires_s - sl_clock_wall_ns() / SL_SEC,
    };
    enum sl_err e = prometheus_write(g->exported, &facts, out);
    if (e == SL_OK && snap->lanes != NULL) {
        sl_buf_adds(
            out,
            SL_STR("# HELP sluice_provider_keys_resting Keys that are set aside because they were refused or have no "
                   "credit left.\n# TYPE sluice_provider_keys_resting gauge\n"));
        health_keys_each(g->health, sl_clock_mono_ns(), add_keys, out);
    }
    if (e == SL_OK)
        budgets_metrics(g, out);
    price_catalog_unref(prices);
    snapshot_unref(snap);
    return e;
}

bool gateway_ready(void *owner, const char **out_why)
{
    struct gateway *g = owner;
    const struct keeper_counters *k = keeper_counters(g->keeper);
    if (atomic_load(&g->is_draining)) {
        *out_why = "draining";
        return false;
    }
    if (!atomic_load(&g->is_ready)) {
        *out_why = "starting";
        return false;
    }
    if (READ(k->disk_full)) {
        *out_why = "the journal has no room";
        return false;
    }
    *out_why = "ok";
    return true;
}
