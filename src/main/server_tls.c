/* The listeners' certificate over time. A watch of its directory, and a slow tick for mounts that tell nothing, look at the
 * marks of the files; a changed pair is loaded, checked, and given to the workers, whose open connections keep the old one.
 * What does not load is reported once and changes nothing. The same tick rotates the keys of session tickets and says when
 * the certificate is about to end. */
#include "base/log.h"
#include "main/gateway.h"
#include "main/settings_files.h"
#include "tls/tickets.h"

#define SETTLE_NS (200 * SL_MS) /* certificate and key come one after the other */
#define TICK_NS (10 * SL_SEC)

enum sl_err server_tls_open(struct gateway *g, const struct settings *s, struct server_tls *out, struct sl_fail *fail)
{
    struct tls_server_options o = settings_server_tls(s);
    *out = (struct server_tls){0};
    if (o.cert_file.n == 0)
        return SL_OK;
    if (g->tickets == NULL)
        g->tickets = tls_tickets_new(sl_clock_mono_ns());
    o.http2 = g->settings->listen.http2; /* what the listeners speak since the start */
    o.tickets = g->tickets;
    tls_certs_init(&out->certs, &o);
    enum sl_err e = tls_certs_load(&out->certs, &out->context, NULL, fail);
    if (e != SL_OK)
        server_tls_close(out);
    return e;
}

void server_tls_close(struct server_tls *t)
{
    tls_context_unref(t->context);
    tls_certs_done(&t->certs);
    *t = (struct server_tls){0};
}

/* ---- the end of a certificate ---- */

static void warn_of_expiry(struct gateway *g)
{
    struct tls_certs *c = &g->server_tls.certs;
    int64_t now = sl_clock_wall_ns();
    char at[SL_TIME_TEXT];
    enum tls_expiry due = g->server_tls.context != NULL ? tls_certs_expiry(c, now) : TLS_EXPIRY_FAR;
    if (due == TLS_EXPIRY_FAR)
        return;
    sl_time_text(c->expires_s * SL_SEC, at);
    SL_LOG(due >= TLS_EXPIRY_1_DAY ? SL_LOG_ERROR : SL_LOG_WARN, due == TLS_EXPIRY_OVER ? "tls.expired" : "tls.expires",
           SL_LS("file", c->options.cert_file), SL_LC("at", at),
           SL_LI("days_left", tls_context_days_left(g->server_tls.context, now)),
           SL_LC("todo", "renew it; a replaced file is taken up without a restart"));
}

/* ---- publishing ---- */

static void publish(struct gateway *g)
{
    const struct server_tls *t = &g->server_tls;
    char at[SL_TIME_TEXT];
    for (unsigned i = 0; i < g->n_workers; i++)
        if (g->workers[i] != NULL)
            worker_set_server_tls(g->workers[i], t->context);
    atomic_store(&g->cert_expires_s, t->context != NULL ? tls_context_expires_s(t->context) : INT64_MAX);
    if (t->context == NULL)
        return;
    sl_time_text(tls_context_expires_s(t->context) * SL_SEC, at);
    SL_LOG(SL_LOG_INFO, "tls.loaded", SL_LS("file", t->certs.options.cert_file), SL_LC("expires", at));
    warn_of_expiry(g);
}

/* A gateway without TLS has nothing to wake up for. */
static void arm_tick(struct gateway *g)
{
    if (g->is_watching)
        sl_timer_arm(&g->loop, &g->tls_tick,
                     g->server_tls.context != NULL ? sl_loop_now(&g->loop) + TICK_NS : SL_NEVER);
}

void server_tls_use(struct gateway *g, struct server_tls *fresh)
{
    if (g->server_tls.context != NULL && fresh->context == NULL)
        SL_LOG(SL_LOG_WARN, "tls.off",
               SL_LC("todo", "new connections are not encrypted: set listen.tls to change that"));
    server_tls_close(&g->server_tls);
    g->server_tls = *fresh;
    *fresh = (struct server_tls){0};
    publish(g);
    arm_tick(g);
}

/* ---- looking ---- */

static void load_again(struct gateway *g)
{
    struct server_tls *t = &g->server_tls;
    struct tls_context *fresh = NULL;
    struct tls_trouble trouble;
    struct sl_fail fail = {0};
    char at[SL_TIME_TEXT];
    sl_time_text(t->certs.expires_s * SL_SEC, at);
    if (tls_certs_load(&t->certs, &fresh, &trouble, &fail) != SL_OK) {
        SL_LOG(SL_LOG_ERROR, "tls.refused", SL_LC("place", fail.place), SL_LC("error", fail.text),
               SL_LC("todo", trouble.todo != NULL ? trouble.todo : ""), SL_LC("kept", "the one before stays in use"),
               SL_LC("kept_expires", at));
        return;
    }
    tls_context_unref(t->context);
    t->context = fresh;
    publish(g);
}

static void look(struct gateway *g)
{
    if (g->server_tls.context != NULL && tls_certs_changed(&g->server_tls.certs))
        load_again(g);
}

static void on_soon(struct sl_timer *t)
{
    look(SL_CONTAINER_OF(t, struct gateway, tls_soon));
}

static void on_tick(struct sl_timer *t)
{
    struct gateway *g = SL_CONTAINER_OF(t, struct gateway, tls_tick);
    arm_tick(g);
    look(g);
    warn_of_expiry(g);
    if (g->tickets != NULL && tls_tickets_rotate(g->tickets, sl_clock_mono_ns()))
        SL_LOG(SL_LOG_INFO, "tls.tickets_rotated");
}

void server_tls_file_changed(struct gateway *g)
{
    sl_timer_arm(&g->loop, &g->tls_soon, sl_loop_now(&g->loop) + SETTLE_NS);
}

void server_tls_watch(struct gateway *g)
{
    sl_timer_init(&g->tls_soon, on_soon);
    sl_timer_init(&g->tls_tick, on_tick);
    g->is_watching = true;
    arm_tick(g);
}
