/* The whole core under a seeded scheduler: clients, listen, exchange, upstream, journal and two simulated providers on one
 * virtual network with one virtual clock. Each seed decides who asks what over which protocol and when they leave, which
 * fault each provider plays, what the network does to every read and write, what the disk refuses, and when the process
 * dies. What must hold whatever happens is in judge().
 *
 *   test_seeds FIRST COUNT      SEED=n test_seeds      one seed again, with more words
 */
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "base/log.h"
#include "lib/core.h"
#include "listen/listener.h"
#include "sim/sim_int.h"
#include "visitor.h"

#define VISITORS_MAX 3
#define RUN_NS (240 * SL_SEC) /* far above every deadline of a run: what is not over then never will be */

struct provider_place {
    struct sim *sim;
    struct listen_server *server;
};

struct run {
    uint64_t seed;
    struct sl_rand rand;
    struct core core;
    struct listen_server *gateway;
    struct sl_loop outside; /* providers and clients */
    struct sl_arena_cache arenas;
    struct sl_chunk_cache chunks;
    char scratch[32768];
    struct provider_place places[2];
    struct visitor visitors[VISITORS_MAX];
    unsigned n_visitors;
    int64_t crash_ns;      /* < 0: it does not die by time */
    unsigned crash_writes; /* 0, or it dies in this write to a socket ... */
    bool crash_after;      /* ... behind what it does, else before */
    bool dying, crashed;
    struct sl_timer change; /* a reload, or the beginning of a drain */
    bool drains;
    unsigned requests;
};

static bool loud;

/* The reason for a failure is told once, with what is needed to see it again. */
static void fail(const struct run *r, const char *what, const char *name)
{
    fprintf(stderr, "seed %llu: %s%s%s\n", (unsigned long long)r->seed, what, name[0] != 0 ? ": " : "", name);
    fflush(stdout);
    abort(); /* on_signal tells how to see it again */
}

static bool one_in(struct run *r, unsigned n)
{
    return sl_rand_below(&r->rand, n) == 0;
}

static int64_t up_to(struct run *r, int64_t ns)
{
    return (int64_t)sl_rand_below(&r->rand, (uint64_t)ns + 1);
}

/* ---- what the seed decides ---- */

static const char *const faults[] = {
    "reset-before-head",
    "reset-in-head=20",
    "close-in-head=30",
    "reset-mid-body=40",
    "cut-mid-body=40",
    "hang-mid-body=20",
    "hang",
    "slow=3000",
    "drip=3",
    "stall=2",
    "cut=2",
    "close=2",
    "reset=2",
    "garbage-chunk=1",
    "error-event=0",
    "error-event=2",
    "missing-end",
    "comments",
    "crlf",
    "no-usage",
    "split",
    "garbage-body",
    "length-long",
    "length-short",
    "length-twice",
    "bad-head",
    "huge-head=40000",
    "informational=3",
    "informational=30",
    "flap",
    "400",
    "401",
    "404",
    "429-ms",
    "429",
    "429-long",
    "quota",
    "500",
    "502",
    "503",
    "529",
    "302",
    "gzip",
    "slow=200;cut=1",
};

static struct core_options choose_core(struct run *r)
{
    static const struct sl_str pass[] = {SL_STR_INIT("x-sim-fault"), SL_STR_INIT("x-sim-tokens")};
    static const size_t holds[] = {0, 1, 300, 5000};
    struct core_options o = {.seed = r->seed,
                             .open = true,
                             .pass = pass,
                             .n_pass = 2,
                             .retry = RETRY_POLICY_DEFAULT,
                             .deadlines = {.connect_ns = 2 * SL_SEC,
                                           .send_ns = 5 * SL_SEC,
                                           .first_byte_ns = 4 * SL_SEC,
                                           .between_ns = 3 * SL_SEC,
                                           .total_due_ns = 20 * SL_SEC}};
    o.set.answer_ns = 6 * SL_SEC;
    o.set.settle_ns = SL_SEC;
    o.set.hold_bytes = holds[sl_rand_below(&r->rand, 4)];
    o.set.spill_bytes = one_in(r, 2) ? 1 + sl_rand_below(&r->rand, 200) : 0;
    o.breaker = one_in(r, 2);
    o.set.hedge = one_in(r, 2);
    o.set.hedge_input_tokens = 32768;
    o.set.hold_start_ns = one_in(r, 3) ? 0 : up_to(r, 4 * SL_SEC);
    o.set.first_token_ns = one_in(r, 3) ? 0 : up_to(r, 4 * SL_SEC);
    o.set.between_tokens_ns = one_in(r, 3) ? 0 : up_to(r, 3 * SL_SEC);
    o.set.rescue = (enum rescue_policy)sl_rand_below(&r->rand, 3);
    o.set.close_synced = one_in(r, 4);
    o.set.open_synced = one_in(r, 10);
    o.continue_when_full = one_in(r, 5);
    o.retry.attempts = 1 + (uint32_t)sl_rand_below(&r->rand, 4);
    o.retry.wait_cap_ns = 5 * SL_SEC;
    o.names = one_in(r, 2);
    o.http = one_in(r, 4) ? UPSTREAM_HTTP2 : UPSTREAM_HTTP1;
    o.max_live = one_in(r, 12) ? 2 : 0;
    o.max_waiting = one_in(r, 2) ? 3 : 0;
    o.sync_ns = one_in(r, 20) ? -1 : up_to(r, 20 * SL_MS);
    return o;
}

static struct vnet_faults choose_network(struct run *r)
{
    struct vnet_faults f = {
        .delay_max_ns = up_to(r, 3 * SL_MS), .connect_max_ns = up_to(r, 5 * SL_MS), .dns_max_ns = up_to(r, 50 * SL_MS)};
    if (one_in(r, 5))
        return (struct vnet_faults){0}; /* a perfect network: what is wrong then is ours */
    if (one_in(r, 2))
        f.short_read = f.short_write = (uint32_t)sl_rand_below(&r->rand, 400000);
    if (one_in(r, 2))
        f.again_read = f.again_write = f.spurious = f.hold = (uint32_t)sl_rand_below(&r->rand, 300000);
    if (one_in(r, 3))
        f.reset = (uint32_t)sl_rand_below(&r->rand, 30000);
    if (one_in(r, 3))
        f.cut = (uint32_t)sl_rand_below(&r->rand, 30000);
    if (one_in(r, 4))
        f.connect_refused = f.connect_blackhole = (uint32_t)sl_rand_below(&r->rand, 200000);
    if (one_in(r, 6))
        f.dns_fail = (uint32_t)sl_rand_below(&r->rand, 400000);
    return f;
}

static void choose_want(struct run *r, struct want *w, unsigned visitor, unsigned i)
{
    snprintf(w->name, sizeof w->name, "v%u-r%u", visitor, i);
    w->stream = one_in(r, 2);
    w->tokens = 1 + (unsigned)sl_rand_below(&r->rand, 12);
    w->pad = one_in(r, 10) ? (size_t)sl_rand_below(&r->rand, 100000) : (size_t)sl_rand_below(&r->rand, 200);
    if (one_in(r, 2))
        w->fault = faults[sl_rand_below(&r->rand, sizeof faults / sizeof faults[0])];
}

static void choose_visitor(struct run *r, struct visitor *v, unsigned at)
{
    v->h2 = one_in(r, 3);
    v->pipelines = one_in(r, 4);
    v->n = 1 + (unsigned)sl_rand_below(&r->rand, one_in(r, 3) ? WANTS_MAX : 2);
    v->leave_ns = one_in(r, 4) ? up_to(r, one_in(r, 2) ? 30 * SL_MS : 3 * SL_SEC) : -1;
    v->leave_how = (unsigned)sl_rand_below(&r->rand, 4);
    for (unsigned i = 0; i < v->n; i++)
        choose_want(r, &v->wants[i], at, i);
    r->requests += v->n;
}

/* ---- a process that dies in the middle of a turn ---- */

static struct run *mortal; /* whose loop has these operations */
static struct sl_net_ops mortal_ops;
static const struct sl_net_ops *living_ops;

static void stop_time(struct run *r)
{
    r->dying = true;
    core_crash(&r->core);
}

/* Behind its death nothing that the process writes gets out; what the kernel does is that its sockets are closed. */
static enum sl_io mortal_write(struct sl_tcp *t, const struct iovec *v, int n, size_t *out_n)
{
    struct run *r = mortal;
    bool now = !r->dying && r->crash_writes > 0 && --r->crash_writes == 0;
    if (now && !r->crash_after)
        stop_time(r);
    if (r->dying) {
        *out_n = 0;
        for (int i = 0; i < n; i++)
            *out_n += v[i].iov_len;
        return SL_IO_OK;
    }
    enum sl_io io = living_ops->write(t, v, n, out_n);
    if (now)
        stop_time(r);
    return io;
}

static void make_mortal(struct run *r)
{
    mortal = r;
    living_ops = r->core.loop.net;
    mortal_ops = *living_ops;
    mortal_ops.write = mortal_write;
    r->core.loop.net = &mortal_ops;
    r->crash_writes = 1 + (unsigned)sl_rand_below(&r->rand, one_in(r, 2) ? 10 : 60);
    r->crash_after = one_in(r, 2);
}

/* ---- the world ---- */

static void on_provider_accept(void *owner, int fd, const struct sl_addr *peer)
{
    listen_server_adopt(owner, fd, peer);
}

static struct listen_limits limits(void)
{
    return (struct listen_limits){.head_bytes = 16384,
                                  .headers = 64,
                                  .target_bytes = 4096,
                                  .streams = 20,
                                  .resets_per_second = 100,
                                  .connections = 100,
                                  .connections_per_address = 100,
                                  .queue_bytes = 8192,
                                  .handshake_ns = 5 * SL_SEC,
                                  .head_ns = 5 * SL_SEC,
                                  .idle_ns = 10 * SL_SEC,
                                  .body_ns = 5 * SL_SEC,
                                  .write_ns = 10 * SL_SEC,
                                  .linger_ns = SL_SEC};
}

static void open_provider(struct run *r, unsigned i)
{
    const char *const hosts[] = {CORE_ONE, CORE_TWO};
    struct provider_place *p = &r->places[i];
    struct sl_addr at = core_addr(hosts[i], 80);
    p->sim = sim_new(&r->outside, &(struct sim_settings){.seed = r->seed + 7 + i,
                                                         .token_ns = one_in(r, 2) ? 20 * SL_MS : 0,
                                                         .ttft_ns = up_to(r, 100 * SL_MS)});
    p->server = listen_server_new(&r->outside, &(struct listen_options){.limits = limits(),
                                                                        .http2 = true,
                                                                        .app = &sim_app,
                                                                        .app_arg = p->sim,
                                                                        .arenas = &r->arenas,
                                                                        .chunks = &r->chunks,
                                                                        .scratch = r->scratch,
                                                                        .scratch_bytes = sizeof r->scratch});
    vnet_listen(r->core.net, &at, on_provider_accept, p->server);
}

static void open_gateway(struct run *r)
{
    r->gateway = listen_server_new(&r->core.loop, &(struct listen_options){.limits = limits(),
                                                                           .http2 = true,
                                                                           .app = &exchange_app,
                                                                           .app_arg = &r->core.env,
                                                                           .arenas = &r->core.arenas,
                                                                           .chunks = &r->core.chunks,
                                                                           .scratch = r->core.scratch,
                                                                           .scratch_bytes = CORE_SCRATCH});
}

static void on_change(struct sl_timer *t)
{
    struct run *r = SL_CONTAINER_OF(t, struct run, change);
    if (r->drains)
        listen_server_drain(r->gateway);
    else
        core_reload(&r->core);
}

/* As if the providers had been asked for a while: a silence of 300 ms is unusual. */
static void teach(struct run *r, const char *provider)
{
    struct health_lane *l = health_lane_of(r->core.health, sl_str_c(provider), SL_STR(""));
    int64_t now = sl_loop_now(&r->core.loop);
    for (unsigned i = 0; i < 400; i++) {
        bool probe = health_begin(l, NULL, now, NULL);
        health_end(l,
                   &(struct lane_sample){.outcome = OUT_OK,
                                         .first_us = i % 33 == 0 ? 1500000 : 50000,
                                         .between_us = -1,
                                         .wait_ns = -1,
                                         .was_probe = probe},
                   NULL, now);
        health_hedge_begin(l, now);
    }
}

static void begin(struct run *r)
{
    static const size_t capacities[] = {500, 4000, 65536};
    struct core_options o = choose_core(r);
    core_open(&r->core, &o);
    if (o.breaker && o.set.hedge) {
        teach(r, "one");
        teach(r, "two");
    }
    struct vnet_faults f = choose_network(r);
    vnet_set_faults(r->core.net, &f);
    vnet_set_capacity(r->core.net, capacities[sl_rand_below(&r->rand, 3)]);
    if (one_in(r, 6))
        r->core.disk.full_ppm = (uint32_t)sl_rand_below(&r->rand, 1000000);
    if (one_in(r, 6))
        r->core.disk.sync_ppm = (uint32_t)sl_rand_below(&r->rand, 1000000);
    if (one_in(r, 20))
        r->core.disk.full = true;
    if (one_in(r, 3))
        r->core.spills.short_by = 1 + sl_rand_below(&r->rand, 50);
    if (one_in(r, 6))
        r->core.spills.fail_ppm = (uint32_t)sl_rand_below(&r->rand, 300000);
    if (r->seed % 3 == 0)
        r->core.loop.works.takes_ns = (int64_t)(r->seed % 40) * SL_MS;
    vnet_loop_init(r->core.net, &r->outside);
    sl_arena_cache_init(&r->arenas, 16);
    sl_chunk_cache_init(&r->chunks, 16, 4);
    open_provider(r, 0);
    open_provider(r, 1);
    open_gateway(r);
    sl_timer_init(&r->change, on_change);
    r->drains = one_in(r, 3);
    if (one_in(r, 4))
        sl_timer_arm(&r->core.loop, &r->change, sl_loop_now(&r->core.loop) + up_to(r, SL_SEC));
    r->crash_ns = one_in(r, 5) ? up_to(r, one_in(r, 2) ? 200 * SL_MS : 4 * SL_SEC) : -1;
    if (r->crash_ns < 0 && one_in(r, 4))
        make_mortal(r);
    r->n_visitors = 1 + (unsigned)sl_rand_below(&r->rand, VISITORS_MAX);
    for (unsigned i = 0; i < r->n_visitors; i++) {
        struct sl_addr from = core_addr("198.51.100.20", 6000 + i);
        int fds[2];
        choose_visitor(r, &r->visitors[i], i);
        vnet_pair(r->core.net, fds);
        listen_server_adopt(r->gateway, fds[0], &from);
        visitor_start(&r->visitors[i], &r->outside, fds[1], r->seed * 8 + i);
    }
}

static bool all_done(void *arg)
{
    struct run *r = arg;
    for (unsigned i = 0; i < r->n_visitors; i++)
        if (!visitor_is_done(&r->visitors[i]))
            return false;
    return true;
}

static bool dead_or_done(void *arg)
{
    return ((struct run *)arg)->dying || all_done(arg);
}

/* ---- what must hold ---- */

struct tally { /* of one request */
    unsigned opens, closes, ok, unsent;
    unsigned seen; /* attempts that the providers saw: distinct spans */
    bool complete; /* a provider served it to the end */
    const struct core_entry *ok_entry;
};

static void count_ledger(const struct run *r, const struct core_ledger *l, const char *name, struct tally *t)
{
    for (size_t i = 0; i < l->n; i++) {
        const struct core_entry *e = &l->v[i];
        if (strcmp(e->model, name) != 0)
            continue;
        if (e->opens != 1 || e->closes > 1)
            fail(r, "an attempt is in the ledger twice", name);
        t->opens++;
        t->closes += e->closes;
        if (e->closes == 0)
            continue;
        t->unsent += (e->close.flags & ENTRY_NOT_SENT) != 0;
        if (strcmp(e->outcome, "ok") == 0) {
            t->ok++;
            t->ok_entry = e;
        }
    }
}

static bool same_span(const struct sim_served *a, const struct sim_served *b)
{
    return memcmp(a->trace, b->trace, SIM_TRACE) == 0;
}

static void count_served(const struct run *r, const char *name, struct tally *t)
{
    for (unsigned p = 0; p < 2; p++) {
        const struct sim *s = r->places[p].sim;
        for (uint64_t i = 0; i < s->n_served; i++) {
            bool again = false;
            if (strcmp(s->served[i].model, name) != 0)
                continue;
            for (uint64_t k = 0; k < i; k++) /* a free try goes out a second time under the same span */
                again = again || (strcmp(s->served[k].model, name) == 0 && same_span(&s->served[k], &s->served[i]));
            t->seen += !again;
            /* a stream is complete when all of it was said, be its framing broken behind that */
            bool said_all = s->served[i].complete || (s->served[i].stream && s->served[i].usage_sent);
            t->complete = t->complete || (said_all && s->served[i].status == 200);
        }
    }
}

/* The tokens that were booked are those that a provider served. */
static bool tokens_match(const struct run *r, const char *name, const struct core_entry *e)
{
    const struct usage *u = &e->close.usage;
    for (unsigned p = 0; p < 2; p++) {
        const struct sim *s = r->places[p].sim;
        for (uint64_t i = 0; i < s->n_served; i++) {
            const struct sim_served *v = &s->served[i];
            if (strcmp(v->model, name) == 0 && v->prompt == u->input + u->cache_read &&
                v->completion == u->output + u->reasoning)
                return true;
        }
    }
    return false;
}

static void judge_want(const struct run *r, const struct core_ledger *l, const struct want *w)
{
    struct tally t = {0};
    bool unrecorded = r->core.o.continue_when_full; /* then an attempt may go out without a record, loudly */
    count_ledger(r, l, w->name, &t);
    count_served(r, w->name, &t);
    if (!r->crashed && t.opens != t.closes)
        fail(r, "an attempt was opened and not closed", w->name);
    if (!unrecorded && t.seen > t.opens - t.unsent)
        fail(r, "a provider saw more attempts than the ledger has", w->name);
    if (t.ok > 1)
        fail(r, "two attempts of one request succeeded", w->name);
    if (t.ok_entry != NULL && (t.ok_entry->close.flags & ENTRY_ESTIMATED) == 0 && !tokens_match(r, w->name, t.ok_entry))
        fail(r, "the tokens in the ledger are nobody's", w->name);
    if (!want_succeeded(w))
        return;
    if (!t.complete)
        fail(r, "a client was given a success that no provider completed", w->name);
    if (!unrecorded && t.ok != 1)
        fail(r, "a client has its answer and the ledger has no close of it", w->name);
}

/* Everything that is known about a run, for whoever looks at one seed. */
static void show(const struct run *r, const struct core_ledger *l)
{
    for (unsigned i = 0; i < r->n_visitors; i++) {
        const struct visitor *v = &r->visitors[i];
        for (unsigned k = 0; k < v->n; k++) {
            const struct want *w = &v->wants[k];
            printf("%s: http/%d stream %d fault %s -> status %d whole %d, %zu bytes%s\n", w->name, v->h2 ? 2 : 1,
                   w->stream, w->fault != NULL ? w->fault : "none", w->status, w->whole, w->body.n,
                   v->left ? ", left" : "");
        }
    }
    for (size_t i = 0; i < l->n; i++)
        printf("ledger %s number %u: opens %u closes %u outcome %s status %u flags %x\n", l->v[i].model,
               l->v[i].open.number, l->v[i].opens, l->v[i].closes, l->v[i].outcome, l->v[i].close.status,
               l->v[i].close.flags);
    for (unsigned p = 0; p < 2; p++)
        for (uint64_t i = 0; i < r->places[p].sim->n_served; i++) {
            const struct sim_served *s = &r->places[p].sim->served[i];
            printf("provider %u %s: status %u complete %d stream %d usage %d, %u + %u tokens, %llu bytes\n", p,
                   s->model, s->status, s->complete, s->stream, s->usage_sent, s->prompt, s->completion,
                   (unsigned long long)s->bytes);
        }
}

static void show_state(const struct run *r)
{
    struct core_ledger l;
    core_ledger_read(&r->core.disk, &l);
    show(r, &l);
    core_ledger_free(&l);
    for (unsigned i = 0; i < r->n_visitors; i++)
        printf("v%u: http/%d next %u current %u open %d over %d deaf %d, %zu bytes to send\n", i,
               r->visitors[i].h2 ? 2 : 1, r->visitors[i].next, r->visitors[i].current,
               wire_is_open(&r->visitors[i].wire), r->visitors[i].over, r->visitors[i].wire.deaf,
               r->visitors[i].wire.out.n);
    if (!r->crashed)
        printf("gateway: %u connections, %u exchanges; at %lld ms\n", listen_server_connections(r->gateway),
               exchange_live(&r->core.env), (long long)((vnet_now(r->core.net) - VNET_START_NS) / SL_MS));
}

static void judge(struct run *r)
{
    struct core_ledger l;
    core_ledger_read(&r->core.disk, &l);
    if (loud)
        show(r, &l);
    if (l.strays != 0)
        fail(r, "a close of nothing is in the ledger", "");
    for (unsigned i = 0; i < r->n_visitors; i++) {
        struct visitor *v = &r->visitors[i];
        if (v->bad && r->core.net != NULL)
            fail(r, "a client was answered with what is no HTTP", "");
        for (unsigned k = 0; k < v->n; k++)
            judge_want(r, &l, &v->wants[k]);
    }
    core_ledger_free(&l);
}

/* ---- one run ---- */

static void die(struct run *r)
{
    sl_timer_cancel(&r->core.loop, &r->change);
    r->crashed = true;
    if (!r->dying)
        core_crash(&r->core);
    listen_server_free(r->gateway);
    r->gateway = NULL;
    core_stop(&r->core);
}

static void live(struct run *r)
{
    enum vnet_end end;
    if (r->crash_ns >= 0) {
        vnet_run(r->core.net, NULL, NULL, r->crash_ns);
        die(r);
    } else if (r->crash_writes > 0) {
        vnet_run(r->core.net, dead_or_done, r, RUN_NS);
        if (r->dying)
            die(r);
        else
            r->crash_writes = 0;
    }
    end = vnet_run(r->core.net, all_done, r, RUN_NS);
    if (end != VNET_UNTIL && !all_done(r) && loud)
        show_state(r);
    if (end != VNET_UNTIL && !all_done(r))
        fail(r, end == VNET_IDLE ? "somebody waits for what will never come" : "it does not end", "");
}

/* Everybody leaves; then nothing may be left. */
static void finish(struct run *r)
{
    for (unsigned i = 0; i < r->n_visitors; i++)
        visitor_close(&r->visitors[i]);
    vnet_run(r->core.net, NULL, NULL, 30 * SL_SEC);
    if (!r->crashed) {
        const char *trouble = core_unquiet(&r->core);
        if (trouble != NULL)
            fail(r, trouble, "");
        if (listen_server_connections(r->gateway) != 0)
            fail(r, "a client's connection is left", "");
        listen_server_free(r->gateway);
        core_stop(&r->core);
    }
    for (unsigned i = 0; i < 2; i++)
        listen_server_free(r->places[i].server);
    vnet_run(r->core.net, NULL, NULL, SL_SEC);
    if (vnet_open(r->core.net) != 0)
        fail(r, "a socket is left", "");
}

/* Gives a hash of all that happened. */
static uint64_t run_seed(uint64_t seed)
{
    static struct run r;
    r = (struct run){.seed = seed};
    sl_rand_seed(&r.rand, seed);
    begin(&r);
    live(&r);
    finish(&r);
    judge(&r);
    if (loud)
        printf("seed %llu: %u requests, trace %016llx, %llu faults injected, %s\n", (unsigned long long)seed,
               r.requests, (unsigned long long)vnet_trace(r.core.net), (unsigned long long)vnet_injected(r.core.net),
               r.crashed ? "died" : "lived");
    uint64_t trace = vnet_trace(r.core.net);
    for (unsigned i = 0; i < r.n_visitors; i++)
        visitor_free(&r.visitors[i]);
    for (unsigned i = 0; i < 2; i++)
        sim_free(r.places[i].sim);
    sl_loop_done(&r.outside);
    core_close(&r.core);
    core_disk_free(&r.core.disk);
    sl_arena_cache_done(&r.arenas);
    sl_chunk_cache_done(&r.chunks);
    return trace;
}

/* ---- whatever ends the process, the seed is told ---- */

#define SEED_SECONDS 60 /* of real time: a seed takes some milliseconds */

static char death_note[80];

static void tell_seed(void)
{
    ssize_t ignored = write(STDERR_FILENO, death_note, strlen(death_note));
    (void)ignored;
}

static void on_signal(int signum)
{
    tell_seed();
    signal(SIGABRT, SIG_DFL);
    if (signum != SIGABRT)
        abort();
}

void __sanitizer_set_death_callback(void (*callback)(void)) __attribute__((weak));

static void begin_seed(uint64_t seed)
{
    snprintf(death_note, sizeof death_note, "it ended within seed %llu: SEED=%llu\n", (unsigned long long)seed,
             (unsigned long long)seed);
    alarm(SEED_SECONDS);
}

static uint64_t number(const char *text, uint64_t preset)
{
    uint64_t n = preset;
    if (text != NULL && !sl_str_to_u64(sl_str_c(text), &n)) {
        fprintf(stderr, "not a number: %s\n", text);
        exit(2);
    }
    return n;
}

int main(int argc, char **argv)
{
    const char *one = getenv("SEED");
    uint64_t first = number(argc > 1 ? argv[1] : NULL, 1), count = number(argc > 2 ? argv[2] : NULL, 1000);
    loud = one != NULL || getenv("LOUD") != NULL;
    if (one != NULL) {
        first = number(one, 1);
        count = 1;
    }
    sl_log_set(loud ? SL_LOG_INFO : SL_LOG_ERROR + 1, SL_LOG_TEXT, 2);
    signal(SIGABRT, on_signal);
    signal(SIGALRM, on_signal);
    if (__sanitizer_set_death_callback != NULL)
        __sanitizer_set_death_callback(tell_seed);
    for (uint64_t seed = first; seed < first + count; seed++) {
        begin_seed(seed);
        uint64_t trace = run_seed(seed);
        if (seed < first + 20 && run_seed(seed) != trace) { /* a failure that cannot be seen again is of little use */
            fprintf(stderr, "two runs of the same seed differ\n");
            abort();
        }
    }
    printf("%llu seeds from %llu: ok\n", (unsigned long long)count, (unsigned long long)first);
    return 0;
}
