/* What an exchange has around it: the worker's things. main/worker.c fills it; everything in it belongs to one thread,
 * except what struct epoch points to, which is immutable and counted. */
#ifndef SLUICE_EXCHANGE_ENV_H
#define SLUICE_EXCHANGE_ENV_H

#include <pthread.h>
#include <stdatomic.h>

#include "base/arena.h"
#include "base/buf.h"
#include "base/chunks.h"
#include "base/id.h"
#include "keep/place.h"
#include "ledger/price.h"
#include "limit/admit.h"
#include "limit/spend.h"
#include "loop/timer.h"
#include "loop/loop.h"
#include "provider/credential.h"
#include "provider/provider.h"
#include "provider/token.h"
#include "route/plan.h"
#include "route/script.h"
#include "store/journal.h"
#include "telemetry/counters.h"
#include "upstream/attempt.h"
#include "upstream/retry.h"
#include "upstream/settings.h"
#include "upstream/upstream.h"

struct auth_key;
struct batch_rows;
struct key_table;
struct live_drill;
struct spill_io;
struct sl_mailbox;
struct exchange;
struct tls_hmac;
struct tokens_set;

/* What may be fetched for a client: exchange/media.c. */
struct media_policy {
    bool fetch;
    bool plain_http, allow_private;
    uint32_t count, parallel;
    uint64_t max_bytes, total_bytes; /* of one, of all of a request */
    int64_t timeout_ns;              /* of one */
    const struct sl_str *hosts;      /* borrow (of the settings); none: any */
    size_t n_hosts;
};

enum priority_class {
    CLASS_HIGH = 0,
    CLASS_NORMAL,
    CLASS_LOW,
    CLASS_COUNT
};
struct priority_policy {
    const struct sl_str *high, *low; /* borrow (of the settings): "key:NAME", ... */
    size_t n_high, n_low;
    unsigned header; /* enum priority_header */
};

/* What a route may say differently; durations of 0: none. */
struct exchange_terms {
    enum rescue_policy rescue;
    int64_t first_token_ns, thinking_ns, between_tokens_ns, first_byte_ns, answer_ns;
};
struct snapshot_route {
    struct sl_str name;
    bool has_rescue;
    struct exchange_terms terms; /* 0: as for all */
    int64_t total_ns;
};

struct response_job;

struct stored_policy { /* docs/internals/stored-responses.md */
    bool off;          /* nothing is stored, here or at providers */
    bool tenant_scope, synced;
    int64_t keep_ns;
    uint64_t max_bytes, per_key;
    const struct sl_str *except; /* tenants */
    size_t n_except;
};

struct video_rows;
struct video_desk;

struct hook_secrets {       /* what webhooks are signed with; borrow (of the settings) */
    struct sl_str secret;   /* empty: none are sent */
    struct sl_str previous; /* signed with it, too, while it is being replaced; empty: none */
};

struct videos_policy { /* docs/internals/jobs.md */
    int64_t keep_ns;
    bool prompts;             /* what was asked for is kept and shown again */
    bool zero_retention;      /* providers that are to keep nothing may run jobs all the same */
    struct hook_secrets hook; /* of tenants without their own */
    const struct sl_str *hook_hosts;
    size_t n_hook_hosts;     /* none: any public host */
    bool hook_private;       /* these may be private, and spoken to without TLS */
    struct sl_str callback;  /* where providers reach this gateway: "https://gateway.example.com"; empty: nowhere */
    double polls_per_second; /* of one provider */
    int64_t poll_first_ns, poll_ns, poll_max_ns; /* 0: as the provider's adapter says */
    int64_t resolve_ns;                          /* how long a create that nobody answered is looked for */
    struct keep_place place;                     /* where contents are kept; docs/internals/kept-videos.md */
};

struct files_policy {       /* docs/internals/files.md */
    struct sl_str provider; /* borrow (of the settings): where new ones go; empty: the first that can */
    uint64_t max_bytes;     /* of one upload */
    int64_t time_ns;        /* of one upload or download */
};

struct probe_policy { /* docs/internals/never-down.md */
    enum probe_ask ask;
    int64_t interval_ns, timeout_ns;
    unsigned jitter_percent;
};

struct batches_policy { /* docs/internals/batches.md */
    uint32_t parallel, tries;
    int64_t window_ns, keep_ns, retry_ns, poll_ns;
    uint64_t max_bytes;
    bool zero_retention;
};

struct realtime_policy { /* docs/internals/realtime.md */
    size_t message_bytes;
    int64_t session_ns, idle_ns, ping_ns; /* 0: none */
    int64_t cost_p;                       /* of a session; 0: any */
    uint32_t responses_per_minute;        /* of a session; 0: any */
};

/* The settings that exchanges look at, as plain values. */
struct exchange_policy {
    struct priority_policy priority;
    struct stored_policy stored;
    struct videos_policy videos;
    struct files_policy files;
    struct batches_policy batches;
    size_t hold_bytes;           /* of an answer that is not a stream, before the client sees a byte */
    uint64_t body_bytes;         /* of a request, as received */
    uint64_t decoded_body_bytes; /* after content-encoding */
    uint64_t answer_bytes;       /* of an answer that is not a stream; 0: any */
    size_t event_bytes;          /* of one event of a stream */
    int64_t answer_ns;           /* to the head of an answer that is not a stream: it comes when all of it is ready */
    int64_t hold_start_ns;       /* of a stream that has not said anything yet */
    int64_t first_token_ns, thinking_ns, between_tokens_ns; /* patience.c; 0: none */
    int64_t queue_ns, write_ns, settle_ns;
    enum rescue_policy rescue;
    uint64_t hold_pieces; /* of output, with rescue: hold */
    int64_t hold_more_ns; /* ... or so long */
    bool hedge;
    uint64_t hedge_input_tokens; /* of a larger request none is asked twice */
    bool slow_stays;             /* a target that became slow keeps its place */
    bool adaptive;               /* fewer places while the loops are late */
    uint32_t fan_out;            /* how often a target without n is asked for one request, at most */
    unsigned unsupported;        /* enum on_unsupported (dialect/codec.h) */
    bool open_synced;            /* nothing goes upstream before the open record is on disk */
    bool close_synced;           /* the client gets the end of its answer when the close record is on disk */
    bool full_refuses;           /* no attempt without an open record (ledger.on_full: refuse) */
    struct media_policy media;
    struct realtime_policy realtime;
    struct probe_policy probe;
    bool wipe;             /* nothing of a body stays in memory behind the exchange */
    uint64_t spill_bytes;  /* a larger body of a request lies in a file; 0: none does */
    uint64_t body_memory;  /* the largest that is written anew, or of one for whom nothing may be stored */
    const char *spill_dir; /* borrow (of the settings); NULL: exchange_env's */
};

/* The immutable configuration of the running process, as exchanges see it. Built by main/snapshot.c. */
struct snapshot {
    _Atomic unsigned refs;
    uint64_t revision;
    struct sl_str revision_text;
    struct exchange_policy set;
    struct retry_policy retry;
    struct attempt_deadlines deadlines; /* total_due_ns holds the duration here */
    struct route_policy *policy;        /* own */
    struct health_lane **lanes;         /* own array of borrows, by target index; NULL: no breaker */
    uint32_t n_lanes;
    bool some_adaptive;                  /* of the providers */
    const struct snapshot_route *routes; /* own: those that say something differently */
    size_t n_routes;
    const struct tenant_terms *tenants; /* by name */
    size_t n_tenants;
    struct tls_context *media_tls;       /* ref: for what is fetched by URL; NULL: no https there */
    struct snapshot_provider *providers; /* own; index = route's provider index */
    size_t n_providers;
    const struct route_script_text *scripts; /* own: of the rules that are scripts, by the policy's index */
    uint32_t n_scripts;
    void (*free_it)(struct snapshot *s); /* main's: releases the rest */
};

/* A provider whose token is fetched: docs/internals/credentials.md. */
struct provider_login {
    struct credential credential;  /* own */
    struct upstream_origin origin; /* where tokens are; origin.tls_ctx: ref */
    struct token_cell *cell;       /* ref */
};

struct snapshot_provider {
    struct provider provider;      /* own: provider_release */
    struct provider_login *login;  /* own; NULL: its keys are sent as they are */
    struct upstream_origin origin; /* origin.tls_ctx: ref */
    bool adaptive;                 /* its targets get no more at a time than they answer without queueing */
    struct health_key **keys;      /* own array of borrows, by credential; NULL: no breaker */
    struct sl_str price_provider;  /* the catalogue's name of the vendor */
    bool probed;                   /* its targets are asked by the gateway itself (probe.h) */
    bool keeps_nothing;            /* zero_retention: nothing of its answers is stored */
    bool no_files;                 /* it has no files and batches: they are held and run here */
};
/* What that provider's model costs: by the model's own name. NULL: not known. Borrowed of the catalogue. (asking.c) */
struct price;
struct price_catalog;
const struct price *model_price(const struct price_catalog *prices, const struct snapshot_provider *at,
                                struct sl_str model);

/* What holds for all that a tenant asks, whatever key it comes with. */
struct tenant_terms {
    struct sl_str name;       /* borrow (of the settings) */
    struct sl_str region;     /* "eu": only providers there, or in "eu-central-1"; empty: any */
    bool zero_retention;      /* only providers that keep nothing, and nothing is stored here */
    struct hook_secrets hook; /* its own */
};
const struct tenant_terms *tenant_terms_of(const struct snapshot *s, struct sl_str tenant); /* NULL: none are set */
bool tenant_may_store(const struct snapshot *s, struct sl_str tenant); /* here, and at providers on its behalf */

/* What the board of health knows of a target of the policy, for explanations; any thread. now_ns: monotonic. need: of the request; NULL:
 * a small one. False: nothing. */
struct headroom_need;
bool snapshot_see_target(const struct snapshot *s, const struct headroom_need *need, int64_t now_ns,
                         uint32_t target_index, struct route_target_view *out);

/* The route whose terms hold for what was planned so; NULL: none, or it says nothing. */
const struct snapshot_route *snapshot_route_of(const struct snapshot *s, const struct route_plan *p);

static inline struct snapshot *snapshot_ref(struct snapshot *s)
{
    atomic_fetch_add_explicit(&s->refs, 1, memory_order_relaxed);
    return s;
}

static inline void snapshot_unref(struct snapshot *s)
{
    if (s != NULL && atomic_fetch_sub_explicit(&s->refs, 1, memory_order_acq_rel) == 1)
        s->free_it(s);
}

/* One worker's view at one time: what it holds is counted once per worker and epoch; exchanges count the epoch without
 * atomics. A new epoch is made when any of the three is replaced. */
struct epoch {
    unsigned refs;
    struct snapshot *snapshot;     /* ref */
    struct key_table *keys;        /* ref */
    struct price_catalog *prices;  /* ref */
    struct route_scripts *scripts; /* own: the snapshot's, compiled when first asked; NULL: not yet */
};
struct route_scripts *epoch_scripts(struct epoch *e); /* NULL: the snapshot has none */
struct epoch *epoch_new(struct snapshot *s, struct key_table *k, struct price_catalog *p); /* takes all three */
void epoch_unref(struct epoch *e);

/* Bytes of access records, given away when full or at the flush tick. */
typedef void access_flush_f(void *owner, struct sl_buf *lines); /* takes the bytes; leaves an empty buffer */
/* Asks the keeper to make the journal durable up to `upto`; exchange_synced(x, ok) is called later on this thread. */
typedef bool journal_sync_f(void *owner, struct exchange *x, const struct journal_place *upto);

/* A job for the store of responses: takes it until `done` has run on this thread. False: there is no store, the caller keeps it. */
typedef bool stored_ask_f(void *owner, struct response_job *j);

/* A message about rows of video jobs, to the keeper (or the desk, which polls first): takes it until `done` has run on the thread
 * of the asker. False: stopped, the caller keeps it. `done` and `ask.reply_to` are filled where they are empty. */
typedef bool videos_ask_f(void *owner, struct video_rows *j);

/* A message about rows of batches, to the keeper: as videos_ask_f. */
typedef bool batches_ask_f(void *owner, struct batch_rows *j);

/* Who asks inside of the gateway: a line of a batch. */
struct exchange_inside {
    const struct auth_key *key; /* borrow (of env->epoch->keys); NULL: it is no more */
    struct sl_str provider;     /* borrow (until the exchange is over): who is asked; empty: whoever routing finds */
    const unsigned char *credential;
};

#define QUEUE_TURNS 1024u /* tenants and keys whose hashes meet there share a turn */

/* Who waits for a place, in all workers that share a gate: whose turn it is does not depend on where somebody's connection is. */
struct exchange_queue { /* all of it under the lock */
    pthread_mutex_t lock;
    struct sl_list waiting;       /* exchanges in the order in which they came */
    uint32_t n_of[CLASS_COUNT];   /* ... of each class */
    struct sl_id served;          /* the key that got the last place */
    char served_tenant[64];       /* ... and its tenant's first bytes; empty: it has none */
    uint64_t passes[CLASS_COUNT]; /* how far each class has come */
    uint32_t places_given;        /* so far */
    uint32_t tenant_turns[QUEUE_TURNS], key_turns[QUEUE_TURNS]; /* places_given when one whose hash this is got one */
};
void exchange_queue_init(struct exchange_queue *q);
void exchange_queue_done(struct exchange_queue *q);

struct exchange_env {
    struct sl_loop *loop;            /* borrow */
    struct upstream *upstream;       /* borrow */
    struct journal_writer *journal;  /* borrow */
    struct tel_worker *tel;          /* borrow */
    struct sl_arena_cache *arenas;   /* borrow */
    struct sl_chunk_cache *chunks;   /* borrow */
    const struct tls_hmac *pepper;   /* borrow: what key digests are made under */
    const struct tokens_set *tokens; /* borrow: vocabularies; NULL: counts are estimates */
    struct limit_gate *gate;         /* borrow: shared by all workers */
    struct exchange_queue *queue;    /* borrow: shared by who shares the gate; exchange_env_init: own_queue */
    struct spend_board *spend;       /* borrow: shared by all workers; NULL: nobody has a budget */
    struct live_drill *drill;        /* borrow: shared by all workers; NULL: none may be */
    const struct spill_io *spill_io; /* borrow: the disk that large bodies wait on (store/spill.h) */
    void *spill_io_arg;
    const char *spill_dir;             /* borrow: where, unless the settings say another; NULL: nowhere */
    struct epoch *epoch;               /* ref: the current one */
    struct sl_buf lines;               /* access records not yet handed over */
    access_flush_f *access_flush;      /* NULL: no access log */
    void (*access_began)(void *owner); /* the first line is in an empty buffer: flush it before long */
    journal_sync_f *journal_sync;      /* NULL: "synced" is not offered */
    void (*journal_sync_forget)(void *owner, struct exchange *x); /* x waits no more */
    stored_ask_f *stored_ask;                                     /* NULL: nothing is stored */
    videos_ask_f *videos_ask, *videos_renew;                      /* NULL: no video jobs */
    void (*videos_poke)(void *owner, struct sl_str token);        /* a provider has called back */
    struct video_desk *desk;                                      /* borrow; on one worker, NULL on others */
    batches_ask_f *batches_ask;                                   /* NULL: none run here, no file is held here */
    void (*batches_poke)(void *owner);                            /* there is a new batch, or one is to be cancelled */
    const struct exchange_inside *inside; /* of the exchange that is opened just now; else NULL */
    void *owner;                          /* for those above */
    struct sl_mailbox *mailbox; /* borrow: where other workers say that a token came, or a turn; NULL: there are none */
    unsigned worker;
    unsigned credential; /* rotates over a provider's keys */
    bool draining;
    /* exchange's own */
    struct sl_list credential_waits;   /* exchanges that wait for a token */
    struct sl_list credential_fetches; /* tokens that are fetched from here */
    struct sl_list live;
    struct exchange_queue own_queue;
    struct sl_list told;        /* exchanges of this worker whose turn it was, or who made room; under queue->lock */
    bool told_sent;             /* a message says that there are some; under it, too */
    unsigned n_queued;          /* of this worker */
    struct sl_timer queue_tick; /* while one of them waits: places that other workers gave back, and what they told */
    struct sl_timer lag_tick;   /* limits.adaptive: how late the loop runs */
    int64_t lag_due_ns;
    int64_t took_ns; /* how long exchanges hold their places, smoothed; 0: not known */
    unsigned n_live;
    struct exchange *free_list;
    unsigned n_free;
};

void exchange_env_init(struct exchange_env *e, struct sl_loop *l);
void exchange_env_done(struct exchange_env *e);
void exchange_env_set_epoch(struct exchange_env *e, struct epoch *takes);
void exchange_drain(struct exchange_env *e); /* env->draining is set: sessions come to their end */
void exchange_synced(struct exchange *x, bool ok);
/* The store's answer to a job of stored_ask; takes it. */
void exchange_stored(struct response_job *j);
void exchange_videos(struct video_rows *j);  /* the same of videos_ask */
void exchange_batches(struct batch_rows *j); /* ... and of batches_ask */
/* What runs in the background under that id is to end. */
void exchange_stop_run(struct exchange_env *e, struct sl_id run);

#endif
