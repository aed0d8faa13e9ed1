/* Reload: all or nothing. Reads the configuration again, builds a snapshot, and only when everything of it is good gives it to
 * the workers; exchanges under way finish on the one they began with. Runs on the main thread, which serves nothing. */
#include "base/log.h"
#include "main/gateway.h"
#include "tls/context.h"

#define SETTLE_NS (100 * SL_MS) /* editors write in several steps: look when it has been quiet for so long */

enum sl_err server_tls_load(const struct settings *s, struct tls_context **out, struct sl_fail *fail)
{
    const struct listen_tls_settings *t = &s->listen.tls;
    *out = NULL;
    if (t->cert.n == 0)
        return SL_OK;
    const struct tls_server_options o = {
        .cert_file = t->cert,
        .key_file = t->key,
        .min_version = t->min_version == LISTEN_TLS_1_2 ? TLS_1_2 : TLS_1_3,
        .http2 = s->listen.http2,
        .client_ca_file = t->client_ca,
        .client_cert = t->client_certificate == LISTEN_CERT_REQUIRED   ? TLS_CLIENT_CERT_REQUIRED
                       : t->client_certificate == LISTEN_CERT_OPTIONAL ? TLS_CLIENT_CERT_OPTIONAL
                                                                       : TLS_CLIENT_CERT_NONE,
    };
    return tls_context_new_server(&o, out, fail);
}

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

/* The files that stand beside the settings: certificate and price catalogue. */
static enum sl_err load_files(struct gateway *g, const struct settings *s, struct tls_context **out_tls,
                              struct price_catalog **out_prices, struct sl_fail *fail)
{
    (void)g;
    *out_prices = NULL;
    enum sl_err e = server_tls_load(s, out_tls, fail);
    if (e != SL_OK)
        return e;
    if (s->ledger.prices.n > 0)
        e = price_catalog_load_file(s->ledger.prices.p, out_prices, fail);
    else
        *out_prices = price_catalog_embedded();
    if (e != SL_OK) {
        tls_context_unref(*out_tls);
        tel_add(g->main_tel, TEL_PRICE_RELOADS_REFUSED, 1);
    }
    return e;
}

static void publish(struct gateway *g, struct snapshot *snap, struct tls_context *tls, struct price_catalog *prices)
{
    pthread_mutex_lock(&g->lock);
    struct snapshot *old = g->snapshot;
    struct price_catalog *old_prices = g->prices;
    g->snapshot = snap;
    g->prices = prices;
    pthread_mutex_unlock(&g->lock);
    for (unsigned i = 0; i < g->n_workers; i++) {
        worker_publish(g->workers[i], snap, NULL, prices);
        if (tls != NULL)
            worker_set_server_tls(g->workers[i], tls);
    }
    limit_gate_set(&g->gate, snapshot_settings(snap)->limits.exchanges);
    snapshot_unref(old);
    price_catalog_unref(old_prices);
    tls_context_unref(tls);
    tel_add(g->main_tel, TEL_RELOADS, 1);
    tel_add(g->main_tel, TEL_PRICE_RELOADS, 1);
}

static bool apply(struct gateway *g, struct settings *s, const char *why)
{
    struct sl_fail fail = {0};
    struct snapshot *snap = NULL;
    struct tls_context *tls = NULL;
    struct price_catalog *prices = NULL;
    if (settings_need_sim(s) && g->sim == NULL) {
        sl_fail_set(&fail, SL_EINVAL, "", "a simulated provider without an address needs a restart");
        refused(g, why, &fail);
        return false;
    }
    if (load_files(g, s, &tls, &prices, &fail) != SL_OK) {
        refused(g, why, &fail);
        return false;
    }
    settings_compare(g->settings, s, note_restart, NULL);
    if (snapshot_build(s, &g->sim_addr, &snap, &fail) != SL_OK) {
        tls_context_unref(tls);
        price_catalog_unref(prices);
        refused(g, why, &fail);
        return false;
    }
    publish(g, snap, tls, prices);
    return true;
}

void reload_now(struct gateway *g, const char *why)
{
    struct cfg_report report;
    cfg_report_init(&report);
    struct settings *s = settings_load(g->config_path, &report);
    report_findings(&report);
    if (s == NULL) {
        struct sl_fail fail = {0};
        sl_fail_set(&fail, SL_EINVAL, "", "%zu errors: the running configuration stays", report.n_errors);
        refused(g, why, &fail);
    } else if (apply(g, s, why)) {
        SL_LOG(SL_LOG_INFO, "config.reloaded", SL_LC("because", why), SL_LS("revision", g->snapshot->revision_text));
    } else {
        settings_free(s);
    }
    cfg_report_done(&report);
}

/* ---- watching ---- */

static void on_quiet(struct sl_timer *t)
{
    struct gateway *g = SL_CONTAINER_OF(t, struct gateway, reload_soon);
    reload_now(g, "file changed");
}

struct watched { /* names in one directory */
    struct gateway *gateway;
    const char *name;
};

static struct watched watched[8];

static void on_change(void *owner, struct sl_str name)
{
    struct watched *w = owner;
    if (name.n > 0 && !sl_str_eq(name, sl_str_c(w->name)))
        return;
    sl_timer_arm(&w->gateway->loop, &w->gateway->reload_soon, sl_loop_now(&w->gateway->loop) + SETTLE_NS);
}

/* A directory is watched, not the file: files are replaced by renaming. */
static void watch_file(struct gateway *g, const char *path)
{
    char dir[4096];
    const char *slash = path != NULL ? strrchr(path, '/') : NULL;
    size_t n = slash != NULL ? (size_t)(slash - path) : 0;
    if (path == NULL || path[0] == 0 || n >= sizeof dir || g->n_watches >= sizeof watched / sizeof watched[0])
        return;
    memcpy(dir, path, n);
    dir[n] = 0;
    struct watched *w = &watched[g->n_watches];
    *w = (struct watched){.gateway = g, .name = slash != NULL ? slash + 1 : path};
    struct sl_watch *opened = sl_watch_open(&g->loop, slash == NULL ? "." : n == 0 ? "/" : dir, on_change, w);
    if (opened != NULL)
        g->watches[g->n_watches++] = opened;
    else
        SL_LOG(SL_LOG_WARN, "config.not_watched", SL_LC("file", path));
}

void reload_watch(struct gateway *g)
{
    sl_timer_init(&g->reload_soon, on_quiet);
    watch_file(g, g->config_path);
    watch_file(g, g->settings->listen.tls.cert.p);
    watch_file(g, g->settings->listen.tls.key.p);
    watch_file(g, g->settings->ledger.prices.p);
}
