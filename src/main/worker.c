/* A worker: a thread with a loop and everything it needs. Client workers serve exchanges, the admin worker serves the
 * operators' port, the sim worker simulated providers; they differ in the app behind their listener.
 *
 * Messages in: publish (a new snapshot, key table or catalogue), TLS context, drain, stop. Messages out: access records and
 * sync requests to the keeper. */
#include "base/mem.h"
#include "exchange/batch_desk.h"
#include "exchange/probe.h"
#include "exchange/video_desk.h"
#include "main/gateway.h"
#include "sim/sim.h"
#include "store/batch_rows.h"
#include "store/response_job.h"
#include "store/spill.h"
#include "tls/context.h"

#define ARENA_BLOCKS 4096u /* 16 MiB of blocks at most stay cached */
#define SMALL_CHUNKS 2048u
#define LARGE_CHUNKS 64u      /* 4 MiB */
#define FLUSH_NS (50 * SL_MS) /* an access record reaches its file within this */
#define DRAIN_TICK_NS (10 * SL_MS)

struct worker_message {
    struct sl_msg msg;
    struct snapshot *snapshot;    /* ref or NULL */
    struct key_table *keys;       /* ref or NULL */
    struct price_catalog *prices; /* ref or NULL */
    struct tls_context *tls;      /* ref or NULL */
    int64_t drain_ns;
};

struct worker_sync {
    struct keeper_sync request;
    struct sl_list node;
    struct worker *worker;
    int64_t asked_ns;
};

/* ---- access records ---- */

static void give_lines(void *owner, struct sl_buf *lines)
{
    struct worker *w = owner;
    (void)keeper_lines_post(w->gateway->keeper, lines);
}

static void on_flush(struct sl_timer *t)
{
    struct worker *w = SL_CONTAINER_OF(t, struct worker, flush);
    if (w->env.lines.n > 0)
        give_lines(w, &w->env.lines);
    tel_observe(w->tel, TEL_H_LOOP_LAG, w->loop.slowest_turn_ns);
    w->loop.slowest_turn_ns = 0;
}

static void on_first_line(void *owner)
{
    struct worker *w = owner;
    sl_timer_arm(&w->loop, &w->flush, sl_loop_now(&w->loop) + FLUSH_NS);
}

/* ---- waiting for the disk ---- */

static void on_synced(struct keeper_sync *r, void *receiver)
{
    struct worker_sync *s = SL_CONTAINER_OF(r, struct worker_sync, request);
    (void)receiver;
    struct exchange *x = r->owner;
    struct worker *w = s->worker;
    tel_observe(w->tel, TEL_H_JOURNAL_SYNC, sl_loop_now(&w->loop) - s->asked_ns);
    sl_list_remove(&s->node);
    if (x != NULL)
        exchange_synced(x, r->result == SL_OK);
    sl_free(s);
}

static bool ask_sync(void *owner, struct exchange *x, const struct journal_place *upto)
{
    struct worker *w = owner;
    struct worker_sync *s = SL_NEW(struct worker_sync);
    s->request.writer = w->index;
    s->request.upto = *upto;
    s->request.reply_to = w->mailbox;
    s->request.done = on_synced;
    s->request.owner = x;
    s->worker = w;
    s->asked_ns = sl_loop_now(&w->loop);
    sl_list_init(&s->node);
    if (!keeper_sync(w->gateway->keeper, &s->request)) {
        sl_free(s);
        return false;
    }
    sl_list_add_tail(&w->syncs, &s->node);
    return true;
}

static void forget_sync(void *owner, struct exchange *x)
{
    struct worker *w = owner;
    SL_LIST_EACH(node, &w->syncs)
    {
        struct worker_sync *s = SL_CONTAINER_OF(node, struct worker_sync, node);
        if (s->request.owner == x)
            s->request.owner = NULL;
    }
}

/* ---- stored responses ---- */

static void on_stored(struct response_job *j, void *receiver)
{
    (void)receiver;
    exchange_stored(j);
}

static void on_stop_run(struct sl_id run, void *receiver)
{
    struct worker *w = receiver;
    exchange_stop_run(&w->env, run);
}

static bool ask_stored(void *owner, struct response_job *j)
{
    struct worker *w = owner;
    j->ask.reply_to = w->mailbox;
    j->done = on_stored;
    j->stop = on_stop_run;
    return keeper_response(w->gateway->keeper, j);
}

/* ---- video jobs ---- */

static void on_videos(struct video_rows *j, void *receiver)
{
    (void)receiver;
    exchange_videos(j);
}

static void fill_way_back(struct worker *w, struct video_rows *j)
{
    if (j->ask.reply_to == NULL)
        j->ask.reply_to = w->mailbox;
    if (j->done == NULL)
        j->done = on_videos;
}

static bool ask_videos(void *owner, struct video_rows *j)
{
    struct worker *w = owner;
    fill_way_back(w, j);
    return keeper_videos(w->gateway->keeper, j);
}

static void on_renew(struct sl_msg *m, void *receiver)
{
    struct worker *w = receiver;
    struct video_rows *j = SL_CONTAINER_OF(m, struct video_rows, ask.msg);
    if (w != NULL && w->desk != NULL)
        video_desk_renew(w->desk, j);
    else
        video_rows_free(j);
}

static bool renew_videos(void *owner, struct video_rows *j)
{
    struct worker *w = owner;
    fill_way_back(w, j);
    j->ask.msg.deliver = on_renew;
    return sl_mailbox_post(w->gateway->workers[0]->mailbox, &j->ask.msg);
}

struct video_poke {
    struct sl_msg msg;
    size_t n;
    char token[64];
};

static void on_poke(struct sl_msg *m, void *receiver)
{
    struct video_poke *p = SL_CONTAINER_OF(m, struct video_poke, msg);
    struct worker *w = receiver;
    if (w != NULL && w->desk != NULL)
        video_desk_poke(w->desk, sl_str_of(p->token, p->n));
    sl_free(p);
}

static void poke_videos(void *owner, struct sl_str token)
{
    struct worker *w = owner;
    struct video_poke *p = SL_NEW(struct video_poke);
    p->n = token.n <= sizeof p->token ? token.n : 0;
    if (p->n > 0)
        memcpy(p->token, token.p, p->n);
    p->msg.deliver = on_poke;
    if (!sl_mailbox_post(w->gateway->workers[0]->mailbox, &p->msg))
        sl_free(p);
}

struct video_message {
    struct sl_msg msg;
    struct sl_arena a; /* own */
    struct store_video v;
    bool deleted, written;
};

static void on_row(struct sl_msg *m, void *receiver)
{
    struct video_message *n = SL_CONTAINER_OF(m, struct video_message, msg);
    struct worker *w = receiver;
    if (w != NULL && w->desk != NULL)
        video_desk_take(w->desk, &n->v, n->deleted, n->written);
    sl_arena_done(&n->a);
    sl_free(n);
}

void worker_video(void *gateway, const struct store_video *v, bool deleted, bool written)
{
    struct gateway *g = gateway;
    struct video_message *n = SL_NEW(struct video_message);
    sl_arena_init(&n->a, NULL);
    store_video_copy(&n->v, v, &n->a);
    n->deleted = deleted;
    n->written = written;
    n->msg.deliver = on_row;
    if (g->n_workers == 0 || !sl_mailbox_post(g->workers[0]->mailbox, &n->msg))
        on_row(&n->msg, NULL);
}

/* ---- batches that run here ---- */

static void on_batches(struct batch_rows *j, void *receiver)
{
    (void)receiver;
    exchange_batches(j);
}

static bool ask_batches(void *owner, struct batch_rows *j)
{
    struct worker *w = owner;
    j->ask.reply_to = w->mailbox;
    if (j->done == NULL)
        j->done = on_batches;
    return keeper_batches(w->gateway->keeper, j);
}

static void on_batch_poke(struct sl_msg *m, void *receiver)
{
    struct worker *w = receiver;
    if (w != NULL && w->batches != NULL)
        batch_desk_poke(w->batches);
    sl_free(m);
}

static void poke_batches(void *owner)
{
    struct worker *w = owner;
    struct sl_msg *m = SL_NEW(struct sl_msg);
    m->deliver = on_batch_poke;
    if (!sl_mailbox_post(w->gateway->workers[0]->mailbox, m))
        sl_free(m);
}

/* ---- making one ---- */

static struct upstream *make_upstream(struct worker *w)
{
    const struct upstream_settings *u = &w->gateway->settings->upstream;
    struct upstream_limits limits = UPSTREAM_LIMITS_DEFAULT;
    limits.names = u->dns.names;
    limits.name_ttl_ns = u->dns.ttl_ns;
    limits.name_stale_ns = u->dns.stale_ns;
    limits.name_failed_ttl_ns = u->dns.failed_ttl_ns;
    limits.head_bytes = u->head_bytes;
    return upstream_new(&(struct upstream_parts){
        .loop = &w->loop,
        .shelf = w->gateway->shelf,
        .chunks = &w->chunks,
        .limits = &limits,
        .scratch = w->scratch,
        .scratch_n = WORKER_SCRATCH,
    });
}

static void init_clients(struct worker *w)
{
    struct gateway *g = w->gateway;
    struct exchange_env *e = &w->env;
    exchange_env_init(e, &w->loop);
    w->upstream = make_upstream(w);
    e->upstream = w->upstream;
    e->journal = keeper_writer(g->keeper, w->index);
    e->tel = w->tel;
    e->arenas = &w->arenas;
    e->chunks = &w->chunks;
    e->pepper = &g->pepper;
    e->tokens = &g->tokens;
    e->gate = &g->gate;
    e->queue = &g->queue;
    e->spend = g->spend;
    e->drill = &g->drill;
    e->spill_io = &spill_io_files;
    e->spill_dir = g->state.path;
    e->owner = w;
    e->mailbox = w->mailbox;
    e->worker = w->index;
    e->journal_sync = ask_sync;
    e->journal_sync_forget = forget_sync;
    e->stored_ask = ask_stored;
    e->videos_ask = ask_videos;
    e->videos_renew = renew_videos;
    e->videos_poke = poke_videos;
    e->batches_ask = ask_batches;
    e->batches_poke = poke_batches;
    if (w->index == 0) {
        e->desk = w->desk = video_desk_new(e);
        w->batches = batch_desk_new(e);
        w->prober = prober_new(e);
    }
    e->access_began = on_first_line;
    e->access_flush = g->settings->log.access.path.n > 0 ? give_lines : NULL;
    exchange_env_set_epoch(e,
                           epoch_new(snapshot_ref(g->snapshot), key_table_ref(g->keys), price_catalog_ref(g->prices)));
}

static struct listen_limits worker_limits(const struct settings *s, unsigned n_workers)
{
    const struct listen_limit_settings *l = &s->listen.limits;
    const struct listen_deadline_settings *d = &s->listen.deadlines;
    unsigned n = n_workers > 0 ? n_workers : 1;
    return (struct listen_limits){
        .head_bytes = l->head_bytes,
        .headers = l->headers,
        .target_bytes = l->target_bytes,
        .streams = l->streams,
        .resets_per_second = l->resets_per_second,
        /* the kernel spreads connections evenly over the workers' sockets */
        .connections = (l->connections + n - 1) / n,
        .connections_per_address = (l->connections_per_address + n - 1) / n,
        .queue_bytes = s->relay.client_queue_bytes,
        .handshake_ns = d->tls_handshake_ns,
        .head_ns = d->head_ns,
        .idle_ns = d->idle_ns,
        .body_ns = d->body_ns,
        .write_ns = d->write_ns,
        .linger_ns = d->linger_ns,
    };
}

static const struct http_app *app_of(struct worker *w, void **out_arg)
{
    switch (w->role) {
    case WORKER_ADMIN:
        w->admin = (struct admin){.magic = ADMIN_MAGIC,
                                  .source = {.metrics = gateway_metrics,
                                             .ready = gateway_ready,
                                             .explain = gateway_explain,
                                             .drill = gateway_drill,
                                             .owner = w->gateway},
                                  .token = &w->gateway->settings->admin.token};
        *out_arg = &w->admin;
        return &admin_app;
    case WORKER_SIM:
        w->sim = sim_new(&w->loop, &(struct sim_settings){0});
        *out_arg = w->sim;
        return &sim_app;
    case WORKER_CLIENTS:
        break;
    }
    *out_arg = &w->env;
    return &exchange_app;
}

static void on_drain_tick(struct sl_timer *t);

struct worker *worker_new(struct gateway *g, enum worker_role role, unsigned index, struct sl_fail *fail)
{
    struct worker *w = SL_NEW(struct worker);
    w->gateway = g;
    w->role = role;
    w->index = index;
    if (sl_loop_init(&w->loop, fail) != SL_OK) {
        sl_free(w);
        return NULL;
    }
    if (role == WORKER_CLIENTS && g->net != NULL)
        w->loop.net = g->net;
    w->mailbox = sl_mailbox_open(&w->loop, w);
    sl_arena_cache_init(&w->arenas, ARENA_BLOCKS);
    sl_chunk_cache_init(&w->chunks, SMALL_CHUNKS, LARGE_CHUNKS);
    w->scratch = sl_malloc(WORKER_SCRATCH);
    w->tel = tel_worker_new(0);
    sl_list_init(&w->syncs);
    sl_timer_init(&w->flush, on_flush);
    sl_timer_init(&w->drain_tick, on_drain_tick);
    if (role == WORKER_CLIENTS)
        init_clients(w);
    struct listen_options o = {
        .limits = worker_limits(g->settings, role == WORKER_CLIENTS ? g->n_workers : 1),
        .http2 = role == WORKER_CLIENTS && g->settings->listen.http2,
        .arenas = &w->arenas,
        .chunks = &w->chunks,
        .scratch = w->scratch,
        .scratch_bytes = WORKER_SCRATCH,
        .tls = role == WORKER_CLIENTS ? g->server_tls.context : NULL,
    };
    o.app = app_of(w, &o.app_arg);
    w->server = listen_server_new(&w->loop, &o);
    return w;
}

enum sl_err worker_listen(struct worker *w, const struct sl_addr *at, struct sl_addr *out_bound, struct sl_fail *fail)
{
    return listen_server_open(w->server, at, (int)w->gateway->settings->listen.backlog, out_bound, fail);
}

/* ---- running ---- */

static void on_check_failed(void *arg)
{
    (void)arg;
    const char *state = exchange_running_state();
    SL_LOG(SL_LOG_ERROR, "worker.crashed", SL_LC("exchange_state", state));
}

static void finish(struct worker *w)
{
    sl_timer_cancel(&w->loop, &w->drain_tick);
    if (w->role == WORKER_CLIENTS) {
        batch_desk_end(w->batches);
        exchange_end_all(&w->env);
        video_desk_end(w->desk);
        prober_end(w->prober);
    }
    sl_loop_drain(&w->loop);
    struct listen_server *server = w->server;
    struct upstream *upstream = w->upstream;
    pthread_mutex_lock(&w->gateway->lock); /* other workers may drain for long, and the admin thread counts meanwhile */
    w->server = NULL;
    w->upstream = NULL;
    pthread_mutex_unlock(&w->gateway->lock);
    listen_server_free(server);
    sl_loop_drain(&w->loop);
    if (w->role == WORKER_CLIENTS) {
        on_flush(&w->flush);
        upstream_free(upstream);
        sl_loop_drain(&w->loop);
        journal_writer_finish(w->env.journal);
    } else if (w->role == WORKER_SIM) {
        sim_free(w->sim);
    }
    sl_timer_cancel(&w->loop, &w->flush);
    w->finished = true;
}

void worker_finish_unstarted(struct worker *w)
{
    if (!w->started && !w->finished)
        finish(w);
}

static void *thread_main(void *arg)
{
    static const char *const names[] = {"worker", "admin", "sim"};
    struct worker *w = arg;
    sl_log_thread_name(names[w->role]);
    pthread_setname_np(pthread_self(), names[w->role]);
    sl_check_hook_set(on_check_failed, w);
    if (w->desk != NULL)
        video_desk_start(w->desk);
    if (w->prober != NULL)
        prober_start(w->prober);
    if (w->batches != NULL)
        batch_desk_start(w->batches);
    sl_loop_run(&w->loop);
    finish(w);
    return NULL;
}

enum sl_err worker_start(struct worker *w, struct sl_fail *fail)
{
    int e = pthread_create(&w->thread, NULL, thread_main, w);
    if (e != 0)
        return sl_fail_set(fail, SL_EIO, "", "cannot start a thread: %s", sl_errno_text(e));
    w->started = true;
    return SL_OK;
}

void worker_join(struct worker *w)
{
    if (w != NULL && w->started)
        pthread_join(w->thread, NULL);
}

static void close_mailbox(struct worker *w)
{
    if (w->mailbox != NULL)
        sl_mailbox_close(w->mailbox);
    w->mailbox = NULL;
}

void worker_free(struct worker *w)
{
    if (w == NULL)
        return;
    worker_finish_unstarted(w);
    close_mailbox(w); /* the keeper has stopped: no answer is on its way any more */
    sl_loop_drain(&w->loop);
    video_desk_free(w->desk);
    prober_free(w->prober);
    batch_desk_free(w->batches);
    if (w->role == WORKER_CLIENTS)
        exchange_env_done(&w->env);
    sl_loop_done(&w->loop);
    sl_arena_cache_done(&w->arenas);
    sl_chunk_cache_done(&w->chunks);
    tel_worker_free(w->tel);
    sl_free(w->scratch);
    sl_free(w);
}

/* ---- messages ---- */

static void post(struct worker *w, const struct worker_message *m, void (*deliver)(struct sl_msg *, void *))
{
    struct worker_message *copy = SL_NEW(struct worker_message);
    *copy = *m;
    copy->msg.deliver = deliver;
    if (!sl_mailbox_post(w->mailbox, &copy->msg))
        deliver(&copy->msg, NULL);
}

static void on_publish(struct sl_msg *msg, void *receiver)
{
    struct worker_message *m = SL_CONTAINER_OF(msg, struct worker_message, msg);
    struct worker *w = receiver;
    if (w == NULL) {
        snapshot_unref(m->snapshot);
        key_table_unref(m->keys);
        price_catalog_unref(m->prices);
        sl_free(m);
        return;
    }
    struct epoch *now = w->env.epoch;
    struct snapshot *s = m->snapshot != NULL ? m->snapshot : snapshot_ref(now->snapshot);
    struct key_table *k = m->keys != NULL ? m->keys : key_table_ref(now->keys);
    struct price_catalog *p = m->prices != NULL ? m->prices : price_catalog_ref(now->prices);
    if (m->snapshot != NULL) {
        struct listen_limits limits = worker_limits(snapshot_settings(s), w->gateway->n_workers);
        listen_server_set_limits(w->server, &limits);
    }
    exchange_env_set_epoch(&w->env, epoch_new(s, k, p));
    if (w->prober != NULL && m->snapshot != NULL)
        prober_reload(w->prober);
    sl_free(m);
}

void worker_publish(struct worker *w, struct snapshot *s, struct key_table *k, struct price_catalog *p)
{
    const struct worker_message m = {
        .snapshot = s != NULL ? snapshot_ref(s) : NULL,
        .keys = k != NULL ? key_table_ref(k) : NULL,
        .prices = p != NULL ? price_catalog_ref(p) : NULL,
    };
    post(w, &m, on_publish);
}

static void on_tls(struct sl_msg *msg, void *receiver)
{
    struct worker_message *m = SL_CONTAINER_OF(msg, struct worker_message, msg);
    struct worker *w = receiver;
    if (w != NULL)
        listen_server_set_tls(w->server, m->tls);
    if (m->tls != NULL)
        tls_context_unref(m->tls);
    sl_free(m);
}

void worker_set_server_tls(struct worker *w, struct tls_context *tls)
{
    const struct worker_message m = {.tls = tls != NULL ? tls_context_ref(tls) : NULL};
    post(w, &m, on_tls);
}

static void on_drain_tick(struct sl_timer *t)
{
    struct worker *w = SL_CONTAINER_OF(t, struct worker, drain_tick);
    bool done = w->role != WORKER_CLIENTS || (exchange_live(&w->env) == 0 && listen_server_connections(w->server) == 0);
    if (done || sl_loop_now(&w->loop) >= w->drain_due_ns)
        sl_loop_stop(&w->loop);
    else
        sl_timer_arm(&w->loop, &w->drain_tick, sl_loop_now(&w->loop) + DRAIN_TICK_NS);
}

static void on_drain(struct sl_msg *msg, void *receiver)
{
    struct worker_message *m = SL_CONTAINER_OF(msg, struct worker_message, msg);
    struct worker *w = receiver;
    if (w != NULL && !w->draining) {
        w->draining = true;
        w->env.draining = true;
        w->drain_due_ns = sl_loop_now(&w->loop) + m->drain_ns;
        exchange_drain(&w->env);
        prober_end(w->prober);
        listen_server_drain(w->server);
        sl_timer_arm(&w->loop, &w->drain_tick, sl_loop_now(&w->loop) + 1);
    }
    sl_free(m);
}

void worker_drain(struct worker *w, int64_t deadline_ns)
{
    const struct worker_message m = {.drain_ns = deadline_ns};
    post(w, &m, on_drain);
}

static void on_stop(struct sl_msg *msg, void *receiver)
{
    struct worker *w = receiver;
    if (w != NULL)
        sl_loop_stop(&w->loop);
    sl_free(SL_CONTAINER_OF(msg, struct worker_message, msg));
}

void worker_stop(struct worker *w)
{
    post(w, &(struct worker_message){0}, on_stop);
}
