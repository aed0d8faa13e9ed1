/* The simulators of one run, one for each provider of the configuration, on a thread of their own; and who of them fails: the
 * victim is whoever is asked first. All state is the thread's until drill_sims_stop. */
#include <pthread.h>
#include <stdio.h>

#include "base/mem.h"
#include "loop/mailbox.h"
#include "main/cmd_sim.h"
#include "main/drill.h"
#include "tls/ended.h"

#define SCRATCH 65536u
#define BACKLOG 128
#define KEY_BYTES 512u
#define TURN 3u /* requests, of flapping */

struct one {
    struct drill_sims *all;
    uint32_t provider;
    struct sim_chooser chooser;
    struct sim *sim;
    struct listen_server *server;
    struct sl_addr at;
};

struct drill_sims {
    const struct settings *s;
    const struct drill_case *c;
    struct sl_loop loop;
    struct sl_mailbox *mailbox;
    struct sl_arena_cache arenas;
    struct sl_chunk_cache chunks;
    char *scratch;
    struct one *v; /* own */
    uint32_t n;
    struct tls_context *ended; /* own or NULL */
    char ca[DRILL_PATH];
    pthread_t thread;
    bool started;
    int64_t slow_ms;
    /* the conductor's */
    bool has_victim;
    uint32_t victim;
    char model[DRILL_NAME], key[KEY_BYTES];
    unsigned asked, hits; /* of those at fault: requests, and faults that they were given */
};

/* ---- who fails ---- */

static void keep(char *to, size_t n, struct sl_str s)
{
    s = sl_str_head(s, n - 1);
    if (s.n > 0)
        memcpy(to, s.p, s.n);
    to[s.n] = 0;
}

/* Whatever names the key, each vendor's way. A signature of AWS begins with the key's id. */
static struct sl_str credential_of(const struct http_request *r)
{
    static const enum http_name names[] = {HN_X_API_KEY, HN_API_KEY, HN_X_GOOG_API_KEY, HN_AUTHORIZATION};
    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++) {
        struct sl_str v = http_headers_get(&r->headers, names[i]);
        ptrdiff_t at = sl_str_find(v, '/');
        if (v.n > 0)
            return sl_str_starts(v, SL_STR("AWS4")) && at > 0 ? sl_str_head(v, (size_t)at) : v;
    }
    return r->query;
}

static bool is_at_fault(const struct one *o, const struct sim_asked *asked)
{
    const struct drill_sims *d = o->all;
    const struct provider_settings *own = &d->s->providers.v[o->provider], *first = &d->s->providers.v[d->victim];
    bool same = o->provider == d->victim;
    switch (d->c->scenario->at) {
    case DRILL_TARGET:
        return same && sl_str_eq(asked->model, sl_str_c(d->model));
    case DRILL_KEY:
        return same && sl_str_eq(sl_str_head(credential_of(asked->r), KEY_BYTES - 1), sl_str_c(d->key));
    case DRILL_REGION:
        return same || (first->region.n > 0 && sl_str_eq(own->region, first->region));
    case DRILL_ALL:
        return true;
    case DRILL_PROVIDER:
    case DRILL_NAME_LOOKUP:
    case DRILL_CERTIFICATE:
        break;
    }
    return same;
}

static const char *choose(void *owner, const struct sim_asked *asked, int64_t *out_arg)
{
    struct one *o = owner;
    struct drill_sims *d = o->all;
    const struct drill_scenario *s = d->c->scenario;
    if (s == NULL || s->fault == NULL)
        return NULL;
    if (!d->has_victim) {
        d->has_victim = true;
        d->victim = o->provider;
        keep(d->model, sizeof d->model, asked->model);
        keep(d->key, sizeof d->key, credential_of(asked->r));
    }
    if (!is_at_fault(o, asked))
        return s->no_prefill && asked->prefill ? "no-prefill" : NULL;
    unsigned n = d->asked++;
    if ((s->times > 0 && d->hits >= s->times) || (s->flaps && n / TURN % 2 == 1))
        return NULL;
    d->hits++;
    if (s->slow || s->arg != INT64_MIN)
        *out_arg = s->slow ? d->slow_ms : s->arg;
    return !asked->stream && s->fault_whole != NULL ? s->fault_whole : s->fault;
}

/* ---- making them ---- */

static enum sl_err open_one(struct drill_sims *d, uint32_t i, struct sl_fail *fail)
{
    struct one *o = &d->v[i];
    struct sl_addr any;
    const struct drill_scenario *s = d->c->scenario;
    bool is_ended = s != NULL && s->at == DRILL_CERTIFICATE && i == d->c->victim.provider;
    o->all = d;
    o->provider = i;
    o->chooser = (struct sim_chooser){.choose = choose, .owner = o};
    o->sim = sim_new(&d->loop, &(struct sim_settings){.seed = 7, .records = 4096, .chooser = &o->chooser});
    if (is_ended) {
        snprintf(d->ca, sizeof d->ca, "%s/ended.pem", d->c->folder);
        enum sl_err e = tls_context_new_ended(d->ca, &d->ended, fail);
        if (e != SL_OK)
            return e;
    }
    const struct listen_options lo = {
        .limits = sim_wide_limits,
        .app = &sim_app,
        .app_arg = o->sim,
        .arenas = &d->arenas,
        .chunks = &d->chunks,
        .scratch = d->scratch,
        .scratch_bytes = SCRATCH,
        .tls = is_ended ? d->ended : NULL,
    };
    o->server = listen_server_new(&d->loop, &lo);
    SL_CHECK(sl_addr_parse(SL_STR("127.0.0.1"), 0, &any));
    return listen_server_open(o->server, &any, BACKLOG, &o->at, fail);
}

struct drill_sims *drill_sims_open(const struct settings *s, const struct drill_case *c, struct sl_fail *fail)
{
    struct drill_sims *d = SL_NEW(struct drill_sims);
    d->s = s;
    d->c = c;
    d->slow_ms = drill_shorter(s, s->resilience.deadline.first_token_ns, c->wait_ns) * 3 / 2 / SL_MS;
    sl_arena_cache_init(&d->arenas, 256);
    sl_chunk_cache_init(&d->chunks, 64, 4);
    d->scratch = sl_malloc(SCRATCH);
    d->v = sl_calloc(s->providers.n, sizeof *d->v);
    if (sl_loop_init(&d->loop, fail) != SL_OK)
        return NULL; /* the process ends; nothing is taken apart */
    d->mailbox = sl_mailbox_open(&d->loop, d);
    for (uint32_t i = 0; i < s->providers.n; i++) {
        d->n = i + 1;
        if (open_one(d, i, fail) != SL_OK)
            return NULL;
    }
    return d;
}

struct sl_str drill_sims_url(const struct drill_sims *d, uint32_t provider, struct sl_arena *a)
{
    const struct drill_scenario *s = d->c->scenario;
    bool is_victim = s != NULL && provider == d->c->victim.provider;
    unsigned port = sl_addr_port(&d->v[provider].at);
    if (is_victim && s->at == DRILL_NAME_LOOKUP)
        return sl_arena_printf(a, "http://nobody.drill.invalid:%u", port);
    return sl_arena_printf(a, "%s://127.0.0.1:%u", is_victim && s->at == DRILL_CERTIFICATE ? "https" : "http", port);
}

struct sl_str drill_sims_ca(const struct drill_sims *d)
{
    return sl_str_c(d->ca);
}

/* ---- the thread ---- */

static void *thread_main(void *arg)
{
    struct drill_sims *d = arg;
    sl_log_thread_name("sim");
    sl_loop_run(&d->loop);
    return NULL;
}

enum sl_err drill_sims_start(struct drill_sims *d, struct sl_fail *fail)
{
    int e = pthread_create(&d->thread, NULL, thread_main, d);
    if (e != 0)
        return sl_fail_set(fail, SL_EIO, "", "cannot start a thread: %s", sl_errno_text(e));
    d->started = true;
    return SL_OK;
}

static void on_stop(struct sl_msg *m, void *receiver)
{
    struct drill_sims *d = receiver;
    if (d != NULL)
        sl_loop_stop(&d->loop);
    sl_free(m);
}

void drill_sims_stop(struct drill_sims *d)
{
    struct sl_msg *m = SL_NEW(struct sl_msg);
    m->deliver = on_stop;
    if (!sl_mailbox_post(d->mailbox, m))
        sl_free(m);
    if (d->started)
        pthread_join(d->thread, NULL);
    d->started = false;
    for (uint32_t i = 0; i < d->n; i++)
        listen_server_free(d->v[i].server); /* what hangs is over now, and counted */
    sl_loop_drain(&d->loop);
}

bool drill_sims_met(const struct drill_sims *d)
{
    return d->hits > 0;
}

void drill_sims_bill(const struct drill_sims *d, struct sim_billed *out)
{
    *out = (struct sim_billed){0};
    for (uint32_t i = 0; i < d->n; i++)
        sim_bill(d->v[i].sim, out);
}

void drill_sims_free(struct drill_sims *d)
{
    for (uint32_t i = 0; i < d->n; i++)
        sim_free(d->v[i].sim);
    tls_context_unref(d->ended);
    sl_mailbox_close(d->mailbox);
    sl_loop_drain(&d->loop);
    sl_loop_done(&d->loop);
    sl_arena_cache_done(&d->arenas);
    sl_chunk_cache_done(&d->chunks);
    sl_free(d->scratch);
    sl_free(d->v);
    sl_free(d);
}
