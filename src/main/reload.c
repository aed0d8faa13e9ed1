/* Reload: all or nothing. Reads the configuration again, builds a snapshot, and only when everything of it is good gives it to
 * the workers; exchanges under way finish on the one they began with. Runs on the main thread, which serves nothing. */
#include "base/hash.h"
#include "base/log.h"
#include "main/gateway.h"
#include "main/settings_files.h"

#include <stdio.h>

#define SETTLE_NS (100 * SL_MS) /* editors write in several steps: look when it has been quiet for so long */
#define HASHED_MAX (64u << 20)  /* bytes of a file that is watched; what is longer counts as unchanged */

static void refused(struct gateway *g, const char *why, const struct sl_fail *fail)
{
    tel_add(g->main_tel, TEL_RELOADS_REFUSED, 1);
    SL_LOG(SL_LOG_ERROR, "config.refused", SL_LC("because", why), SL_LC("place", fail->place),
           SL_LC("error", fail->text));
}

static void report_findings(const struct cfg_report *r)
{
    for (size_t i = 0; i < r->n; i++) {
        const struct cfg_finding *f = &r->findings[i];
        SL_LOG(f->grade == CFG_ERROR ? SL_LOG_ERROR : SL_LOG_WARN, "config.finding", SL_LS("file", r->source),
               SL_LI("line", f->line), SL_LI("column", f->column), SL_LS("path", f->path), SL_LS("text", f->text),
               SL_LS("todo", f->todo));
    }
}

static void note_restart(void *arg, struct sl_str path, uint32_t flags)
{
    (void)arg;
    if ((flags & CFG_RESTART) != 0)
        SL_LOG(SL_LOG_WARN, "config.needs_restart", SL_LS("path", path));
}

static enum sl_err load_prices(struct gateway *g, const struct settings *s, struct price_catalog **out,
                               struct sl_fail *fail)
{
    if (s->ledger.prices.n == 0) {
        *out = price_catalog_embedded();
        return SL_OK;
    }
    enum sl_err e = price_catalog_load_file(s->ledger.prices.p, out, fail);
    if (e != SL_OK)
        tel_add(g->main_tel, TEL_PRICE_RELOADS_REFUSED, 1);
    return e;
}

struct fresh { /* everything of a new configuration; nothing of it is in use yet */
    struct snapshot *snapshot;
    struct price_catalog *prices;
    struct server_tls tls;
};

static void publish(struct gateway *g, struct fresh *f)
{
    pthread_mutex_lock(&g->lock);
    struct snapshot *old = g->snapshot;
    struct price_catalog *old_prices = g->prices;
    g->snapshot = f->snapshot;
    g->prices = f->prices;
    pthread_mutex_unlock(&g->lock);
    for (unsigned i = 0; i < g->n_workers; i++)
        worker_publish(g->workers[i], f->snapshot, NULL, f->prices);
    server_tls_use(g, &f->tls);
    limit_gate_set(&g->gate, snapshot_settings(f->snapshot)->limits.exchanges);
    limit_gate_set_waiting(&g->gate, snapshot_settings(f->snapshot)->limits.queue);
    limit_gate_set_bytes(&g->gate, snapshot_settings(f->snapshot)->limits.memory);
    budgets_set(g, snapshot_settings(f->snapshot));
    snapshot_unref(old);
    price_catalog_unref(old_prices);
    tel_add(g->main_tel, TEL_RELOADS, 1);
    tel_add(g->main_tel, TEL_PRICE_RELOADS, 1);
}

/* Takes s when it succeeds (the snapshot has it). */
static enum sl_err build(struct gateway *g, struct settings *s, struct fresh *f, struct sl_fail *fail)
{
    if (settings_need_sim(s) && g->sim == NULL)
        return sl_fail_set(fail, SL_EINVAL, "", "a simulated provider without an address needs a restart");
    enum sl_err e = server_tls_open(g, s, &f->tls, fail);
    if (e == SL_OK)
        e = load_prices(g, s, &f->prices, fail);
    if (e == SL_OK)
        e = snapshot_build(s, &g->sim_addr, &f->snapshot, fail);
    if (e != SL_OK) {
        price_catalog_unref(f->prices);
        server_tls_close(&f->tls);
    }
    return e;
}

static bool apply(struct gateway *g, struct settings *s, const char *why)
{
    struct sl_fail fail = {0};
    struct fresh f = {0};
    if (build(g, s, &f, &fail) != SL_OK) {
        refused(g, why, &fail);
        return false;
    }
    settings_compare(g->settings, s, note_restart, NULL);
    snapshot_adopt_tokens(f.snapshot, g->snapshot);
    health_forgive_accounts(g->health);
    snapshot_attach_lanes(f.snapshot, g->health);
    publish(g, &f);
    return true;
}

static uint64_t file_hash(const char *path);
static void watch_again(struct gateway *g);

void reload_now(struct gateway *g, const char *why)
{
    struct cfg_report report;
    sl_timer_cancel(&g->loop, &g->reload_soon);
    for (unsigned i = 0; i < g->n_watched; i++) /* before they are read: a change during the read is seen as one */
        g->watched[i].read_hash = g->watched[i].is_tls ? 0 : file_hash(g->watched[i].path);
    cfg_report_init(&report);
    struct settings *s = settings_load_checked(g->config_path, &report);
    report_findings(&report);
    if (s == NULL) {
        struct sl_fail fail = {0};
        sl_fail_set(&fail, SL_EINVAL, "", "%zu error%s: the running configuration stays", report.n_errors,
                    report.n_errors == 1 ? "" : "s");
        refused(g, why, &fail);
    } else if (apply(g, s, why)) {
        SL_LOG(SL_LOG_INFO, "config.reloaded", SL_LC("because", why), SL_LS("revision", g->snapshot->revision_text));
        watch_again(g);
    } else {
        settings_free(s);
    }
    cfg_report_done(&report);
}

/* ---- watching ---- */

static uint64_t file_hash(const char *path)
{
    struct sl_buf text;
    struct sl_fail fail = {0};
    sl_buf_init(&text, HASHED_MAX);
    bool good = cfg_read_file(path, HASHED_MAX, &text, &fail) == SL_OK;
    uint64_t hash = sl_hash(sl_hash_process_key(), good ? sl_buf_str(&text) : sl_str_c(fail.text));
    if (text.p != NULL)
        explicit_bzero(text.p, text.n); /* secrets may stand in it */
    sl_buf_done(&text);
    return hash;
}

/* A change is often heard of more than once (an editor's steps, the watch and a signal): the watch does nothing about what
 * was read already. */
static void on_quiet(struct sl_timer *t)
{
    struct gateway *g = SL_CONTAINER_OF(t, struct gateway, reload_soon);
    bool is_new = false;
    for (unsigned i = 0; i < g->n_watched; i++)
        is_new |= !g->watched[i].is_tls && file_hash(g->watched[i].path) != g->watched[i].read_hash;
    if (is_new)
        reload_now(g, "file changed");
}

/* "..data" is what is renamed where Kubernetes replaces all files of a mounted secret or map at once. */
static void on_change(void *owner, struct sl_str name)
{
    struct watched *w = owner;
    struct gateway *g = w->gateway;
    const char *slash = strrchr(w->path, '/');
    if (name.n > 0 && !sl_str_eq(name, sl_str_c(slash != NULL ? slash + 1 : w->path)) &&
        !sl_str_eq(name, SL_STR("..data")))
        return;
    if (w->is_tls)
        server_tls_file_changed(g);
    else
        sl_timer_arm(&g->loop, &g->reload_soon, sl_loop_now(&g->loop) + SETTLE_NS);
}

/* A directory is watched, not the file: files are replaced by renaming. */
static void watch_file(struct gateway *g, const char *path, bool is_tls)
{
    struct watched *w = &g->watched[g->n_watched++];
    char dir[sizeof w->path];
    const char *slash = strrchr(path, '/');
    w->gateway = g;
    w->is_tls = is_tls;
    w->read_hash = 0; /* nothing */
    snprintf(w->path, sizeof w->path, "%s", path);
    snprintf(dir, sizeof dir, "%.*s", slash != NULL ? (int)(slash - path) : 0, path);
    w->watch = sl_watch_open(&g->loop, slash == NULL ? "." : slash == path ? "/" : dir, on_change, w);
    if (w->watch == NULL)
        SL_LOG(SL_LOG_WARN, "config.not_watched", SL_LC("file", path));
}

void reload_unwatch(struct gateway *g)
{
    for (unsigned i = 0; i < g->n_watched; i++)
        sl_watch_close(g->watched[i].watch);
    g->n_watched = 0;
}

struct watch_list {
    const char *path[GATEWAY_WATCHES_MAX];
    bool is_tls[GATEWAY_WATCHES_MAX];
    unsigned n;
};

static void list_add(struct watch_list *l, const char *path, bool is_tls)
{
    if (path == NULL || path[0] == 0 || strlen(path) >= sizeof((struct watched *)0)->path)
        return;
    SL_CHECK(l->n < GATEWAY_WATCHES_MAX);
    l->path[l->n] = path;
    l->is_tls[l->n++] = is_tls;
}

static struct watch_list files_of(const struct gateway *g, const struct settings *s)
{
    const struct listen_tls_settings *t = &s->listen.tls;
    struct watch_list l = {0};
    list_add(&l, g->config_path, false);
    list_add(&l, s->ledger.prices.p, false);
    list_add(&l, t->cert.p, true);
    list_add(&l, t->key.p, true);
    list_add(&l, t->client_ca.p, true);
    return l;
}

static bool is_watched(const struct gateway *g, const struct watch_list *l)
{
    bool same = g->n_watched == l->n;
    for (unsigned i = 0; same && i < l->n; i++)
        same = strcmp(g->watched[i].path, l->path[i]) == 0 && g->watched[i].is_tls == l->is_tls[i];
    return same;
}

/* The new configuration may name other files. What changed while nobody watched is looked for once. */
static void watch_again(struct gateway *g)
{
    struct watch_list l = files_of(g, snapshot_settings(g->snapshot));
    if (is_watched(g, &l))
        return;
    uint64_t config_hash = g->watched[0].read_hash;
    reload_unwatch(g);
    for (unsigned i = 0; i < l.n; i++)
        watch_file(g, l.path[i], l.is_tls[i]);
    for (unsigned i = 1; i < l.n; i++)
        g->watched[i].read_hash = l.is_tls[i] ? 0 : file_hash(l.path[i]);
    g->watched[0].read_hash = config_hash; /* the configuration itself is always the first */
    sl_timer_arm(&g->loop, &g->reload_soon, sl_loop_now(&g->loop) + SETTLE_NS);
    server_tls_file_changed(g);
}

void reload_watch(struct gateway *g)
{
    struct watch_list l = files_of(g, g->settings);
    sl_timer_init(&g->reload_soon, on_quiet);
    for (unsigned i = 0; i < l.n; i++)
        watch_file(g, l.path[i], l.is_tls[i]);
}
