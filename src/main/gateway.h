/* The running process: what cmd_serve.c puts together, and the threads that live in it.
 *
 *   main thread     signals, watched files, reload (reload.c), renewed certificates (server_tls.c), shutdown
 *   worker threads  client traffic (worker.c), one loop each
 *   admin thread    the operators' port: the same worker with another app
 *   sim thread      simulated providers, when one is configured without an address
 *   keeper thread   everything that may block (keeper.c)
 *
 * Only the main thread writes struct gateway's fields after start; `lock` guards the three published pointers, which the
 * keeper replaces too (key tables). Workers get new ones by message and never read them here. */
#ifndef SLUICE_MAIN_GATEWAY_H
#define SLUICE_MAIN_GATEWAY_H

#include <pthread.h>

#include "admin/admin.h"
#include "auth/key.h"
#include "exchange/env.h"
#include "exchange/exchange.h"
#include "listen/listener.h"
#include "loop/mailbox.h"
#include "loop/watch.h"
#include "main/keeper.h"
#include "main/keys.h"
#include "main/settings.h"
#include "telemetry/prometheus.h"
#include "tls/certs.h"
#include "tls/digest.h"
#include "tokens/meter.h"
#include "upstream/health.h"
#include "upstream/live_drill.h"
#include "upstream/upstream.h"

#define GATEWAY_WORKERS_MAX 64u
#define WORKER_SCRATCH                                                                                                 \
    65536u /* one read: a page of 64 KiB holds most answers whole, and is the socket buffer's first size */

struct gateway;
struct store_video;
struct tls_tickets;
struct batch_desk;
struct video_desk;
struct prober;

enum worker_role {
    WORKER_CLIENTS = 0,
    WORKER_ADMIN,
    WORKER_SIM
};

struct worker {
    struct gateway *gateway; /* borrow */
    enum worker_role role;
    unsigned index; /* among the client workers: its journal writer */
    pthread_t thread;
    bool started, finished;
    struct sl_loop loop;
    struct sl_mailbox *mailbox; /* own */
    struct sl_arena_cache arenas;
    struct sl_chunk_cache chunks;
    char *scratch;                /* own */
    struct listen_server *server; /* own */
    struct tel_worker *tel;       /* own; read by others until the process ends */
    /* WORKER_CLIENTS */
    struct exchange_env env;
    struct upstream *upstream; /* own */
    struct sl_timer flush;     /* access records */
    struct sl_timer drain_tick;
    int64_t drain_due_ns;
    bool draining;
    struct video_desk *desk;    /* own; of the first one, else NULL */
    struct batch_desk *batches; /* the same */
    struct prober *prober;      /* the same */
    struct sl_list syncs;       /* struct worker_sync: exchanges that wait for the disk */
    /* WORKER_ADMIN */
    struct admin admin;
    /* WORKER_SIM */
    struct sim *sim; /* own */
};

struct first_key {         /* what a first run shows */
    struct keys_made made; /* a secret: wiped */
    bool is_new;
    char shown[KEYS_SHOWN];
};

struct server_tls {              /* what the listeners show; the main thread's */
    struct tls_certs certs;      /* the files */
    struct tls_context *context; /* ref; NULL: plain */
};

#define GATEWAY_WATCHES_MAX 8u

struct watched { /* one file, watched through its directory */
    struct gateway *gateway;
    struct sl_watch *watch; /* own */
    bool is_tls;
    uint64_t read_hash; /* of what the last reload read, where it is not for TLS; 0: none yet */
    char path[4096];
};

struct gateway {
    struct first_key *first;   /* borrow; NULL: not asked for */
    struct settings *settings; /* borrow (of first_snapshot, once made): those of the start */
    struct state_dir state;
    struct tls_hmac pepper;                      /* prepared once from the state directory's */
    struct tokens_set tokens;                    /* own: vocabularies, mapped */
    struct keeper *keeper;                       /* own */
    struct worker *workers[GATEWAY_WORKERS_MAX]; /* own */
    unsigned n_workers;
    struct worker *admin; /* own or NULL */
    struct worker *sim;   /* own or NULL */
    struct sl_addr sim_addr;
    const struct sl_net_ops *net; /* borrow, of the client workers; NULL: the system's */
    struct upstream_shelf *shelf; /* own */
    struct health_board *health;  /* own */
    struct limit_gate gate;
    struct exchange_queue queue; /* of those who wait for the gate */
    struct live_drill drill;
    struct spend_board *spend;   /* own */
    struct keeper *spend_keeper; /* the keeper's own: where the ticks of budgets.c look */
    struct tel_export *exported; /* own; the admin thread's */
    struct tel_worker *main_tel; /* own; the main thread's */
    const char *config_path;     /* NULL: the environment */
    int64_t start_wall_ns;
    _Atomic bool is_ready, is_draining;
    struct server_tls server_tls;
    struct tls_tickets *tickets;    /* ref: of all contexts of server_tls */
    _Atomic int64_t cert_expires_s; /* INT64_MAX: none; read by the admin thread */
    /* main thread's loop */
    struct sl_loop loop;
    struct sl_signal *signals[4];
    struct watched watched[GATEWAY_WATCHES_MAX];
    unsigned n_watched;
    struct sl_timer reload_soon, tls_soon, tls_tick;
    bool is_watching;                /* the three are initialised */
    struct snapshot *first_snapshot; /* ref: `settings` lives in it */
    pthread_mutex_t lock;
    /* under lock: what new workers and reloads start from; each a ref */
    struct snapshot *snapshot;
    struct key_table *keys;
    struct price_catalog *prices;
};

/* snapshot.c: the third step of the configuration: settings -> what exchanges look at. Takes s on success; the snapshot
 * frees it. sim_addr: where kind sim without an address is served. Gives one reference. */
/* What is known of its targets' health goes on from the snapshot before. */
void snapshot_attach_lanes(struct snapshot *s, struct health_board *board);
enum sl_err snapshot_build(struct settings *s, const struct sl_addr *sim_addr, struct snapshot **out,
                           struct sl_fail *fail) SL_MUST_CHECK;
/* Tokens that are still good go on to the next snapshot, before anybody sees it: where the credential is the same. */
void snapshot_adopt_tokens(struct snapshot *fresh, const struct snapshot *old);
const struct settings *snapshot_settings(const struct snapshot *s);
/* Whether a simulator inside the process is needed. */
bool settings_need_sim(const struct settings *s);

/* cmd_serve.c: everything of a gateway between its settings and its signals. Before: settings, first, state.lock_fd -1, lock, loop.
 * take_apart also after a failed assemble; the loop is the caller's. Once in a process. */
enum sl_err gateway_assemble(struct gateway *g, struct sl_addr *out_first, struct sl_fail *fail) SL_MUST_CHECK;
void gateway_take_apart(struct gateway *g);

/* worker.c. Made and opened on the main thread (so that failures to bind are told before anything serves), then started. */
struct worker *worker_new(struct gateway *g, enum worker_role role, unsigned index, struct sl_fail *fail);
enum sl_err worker_listen(struct worker *w, const struct sl_addr *at, struct sl_addr *out_bound,
                          struct sl_fail *fail) SL_MUST_CHECK;
enum sl_err worker_start(struct worker *w, struct sl_fail *fail) SL_MUST_CHECK;
void worker_publish(struct worker *w, struct snapshot *s, struct key_table *k,
                    struct price_catalog *p); /* refs of its own; NULL: unchanged */
void worker_set_server_tls(struct worker *w, struct tls_context *tls);
void worker_drain(struct worker *w, int64_t deadline_ns); /* any thread */
void worker_stop(struct worker *w);                       /* any thread: ends what is live */
void worker_join(struct worker *w);                       /* main thread */
void worker_finish_unstarted(struct worker *w);           /* one that never ran: before the keeper stops */
/* struct keeper_options.on_video: to the desk, on the first worker. */
void worker_video(void *gateway, const struct store_video *v, bool deleted, bool written);
void worker_free(struct worker *w); /* after join, and after the keeper has stopped */

/* reload.c */
void reload_now(struct gateway *g, const char *why);
void reload_watch(struct gateway *g);
void reload_unwatch(struct gateway *g);

/* server_tls.c: certificate, key and client authorities of the listeners, and when they change. Main thread. */
enum sl_err server_tls_open(struct gateway *g, const struct settings *s, struct server_tls *out,
                            struct sl_fail *fail) SL_MUST_CHECK; /* reads the files; without a certificate: all zero */
void server_tls_close(struct server_tls *t);
void server_tls_use(struct gateway *g, struct server_tls *fresh); /* takes; to the workers, where there are some */
void server_tls_watch(struct gateway *g);                         /* from now on: the tick */
void server_tls_file_changed(struct gateway *g);                  /* a watch saw something */

/* budgets.c: what tenants may spend, and what the ledger says they have (docs/internals/budgets.md) */
void budgets_set(struct gateway *g, const struct settings *s); /* at start and reload; main thread */
/* What the ledger has from before: at start all of it, on the keeper's thread what a reload has made need of. */
enum sl_err budgets_fill(struct gateway *g, struct store *store, int64_t made_ns, struct sl_fail *fail) SL_MUST_CHECK;
void budgets_on_keeper(void *gateway, struct keeper *k); /* struct keeper_options.on_thread */
void budgets_metrics(struct gateway *g, struct sl_buf *out);

/* metrics.c */
enum sl_err gateway_metrics(void *gateway, struct sl_buf *out);
bool gateway_ready(void *gateway, const char **out_why);
/* explain_live.c: struct admin_source.explain. Takes the lock. */
int gateway_explain(void *gateway, const struct admin_explain *ask, struct sl_arena *a, struct sl_buf *out);
/* drill_live.c: struct admin_source.drill. Takes the lock. */
int gateway_drill(void *gateway, const struct sl_str *body, const struct sl_addr *peer, struct sl_arena *a,
                  struct sl_buf *out);

#endif
