/* One scenario on a gateway of its own: started as `serve` starts it, asked over a socket, taken apart, and its ledger looked at. */
#include <fcntl.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "dialect/json_tree.h"
#include "base/mem.h"
#include "ledger/money.h"
#include "main/drill.h"
#include "main/gateway.h"

#define LOG_BYTES_MAX (1u << 20)
#define FLAP_PAUSE_MS 5

struct run {
    struct settings *s;      /* as they are drilled */
    struct settings written; /* by the user: deadlines, policy */
    const struct drill_case *c;
    struct drill_result *out;
    struct drill_sims *sims;
    struct gateway g;
    struct first_key first;
    struct sl_net_ops net;
    struct sl_addr at;
    struct sl_arena arena;
    __int128 cost_p;
    __int128 first_at, answered_at, failed_at; /* of attempts in the ledger, comparable */
};

static void keep(char *to, size_t n, struct sl_str s)
{
    s = sl_str_head(s, n - 1);
    if (s.n > 0)
        memcpy(to, s.p, s.n);
    to[s.n] = 0;
}

/* ---- no way out ---- */

/* What the gateway's workers have in place of the network: this machine, and no names. */
static enum sl_err (*system_connect)(struct sl_loop *l, struct sl_tcp *t, const struct sl_addr *to);

static enum sl_err connect_here(struct sl_loop *l, struct sl_tcp *t, const struct sl_addr *to)
{
    return sl_addr_is_loopback(to) ? system_connect(l, t, to) : SL_EDENIED;
}

struct lookup {
    struct sl_task task;
    struct sl_dns *d;
};

static void tell_nothing(struct sl_task *t)
{
    struct lookup *k = SL_CONTAINER_OF(t, struct lookup, task);
    sl_dns_deliver(k->d, SL_ENOENT, NULL, 0);
    sl_free(k);
}

static void know_no_name(struct sl_loop *l, struct sl_dns *d, struct sl_str host, unsigned port)
{
    struct lookup *k = SL_NEW(struct lookup);
    (void)host;
    (void)port;
    k->d = d;
    sl_task_init(&k->task, tell_nothing); /* later: who asks does not have the lookup yet */
    sl_task_post(l, &k->task);
}

/* ---- the gateway ---- */

static bool start(struct run *r, struct sl_fail *fail)
{
    struct gateway *g = &r->g;
    r->sims = drill_sims_open(r->s, r->c, fail);
    if (r->sims == NULL)
        return false;
    drill_settings_apply(r->s, r->c, r->sims);
    g->settings = r->s;
    g->start_wall_ns = sl_clock_wall_ns();
    g->first = &r->first;
    g->state.lock_fd = -1;
    pthread_mutex_init(&g->lock, NULL);
    if (sl_loop_init(&g->loop, fail) != SL_OK)
        return false;
    r->net = *g->loop.net;
    system_connect = r->net.connect;
    r->net.connect = connect_here;
    r->net.dns = know_no_name;
    g->net = &r->net;
    return gateway_assemble(g, &r->at, fail) == SL_OK && drill_sims_start(r->sims, fail) == SL_OK;
}

static void ask_all(struct run *r)
{
    const struct drill_scenario *s = r->c->scenario;
    unsigned n = s != NULL && s->requests > 0 ? s->requests : 1;
    for (unsigned i = 0; i < n; i++) {
        struct drill_seen seen;
        drill_ask(&r->at, r->first.made.text, r->c, &r->arena, &seen);
        drill_judge(&r->written, r->c, &seen, r->out);
        if (s == NULL)
            keep(r->out->text, sizeof r->out->text, seen.text);
        if (s != NULL && s->flaps)
            poll(NULL, 0, FLAP_PAUSE_MS);
    }
}

/* ---- what is in its books ---- */

static void name_target(struct run *r, struct drill_target *t, struct sl_str provider, struct sl_str model)
{
    keep(t->provider_name, sizeof t->provider_name, provider);
    keep(t->model, sizeof t->model, model);
    for (uint32_t i = 0; i < r->written.providers.n; i++) {
        if (sl_str_eq(r->written.providers.v[i].name, provider))
            t->provider = i;
    }
}

static bool on_attempt(void *arg, const struct store_attempt *a)
{
    struct run *r = arg;
    struct drill_result *o = r->out;
    bool ok = sl_str_eq(a->outcome, SL_STR("ok"));
    struct sl_str model = a->target, provider = sl_str_cut(&model, '/');
    if (model.p == NULL) {
        model = provider;
        provider = a->provider;
    }
    o->attempts++;
    __int128 at = (__int128)a->opened_ns * 8 +
                  (a->number < 8 ? a->number : 7); /* several begin in one tick of the clock */
    if (o->first.provider_name[0] == 0 || at < r->first_at)
        name_target(r, &o->first, a->provider, model);
    if (ok && (o->answered.provider_name[0] == 0 || at > r->answered_at))
        name_target(r, &o->answered, a->provider, model);
    if (!ok && (o->outcome[0] == 0 || at < r->failed_at))
        keep(o->outcome, sizeof o->outcome, a->outcome);
    r->first_at = at < r->first_at ? at : r->first_at;
    r->answered_at = ok && at > r->answered_at ? at : r->answered_at;
    r->failed_at = !ok && at < r->failed_at ? at : r->failed_at;
    r->cost_p += a->cost_p;
    for (int i = 0; i < STORE_TOKEN_CLASSES; i++)
        o->booked += a->used[i];
    return true;
}

static void read_ledger(struct run *r)
{
    struct sl_fail fail = {0};
    struct store *store = NULL;
    struct sim_billed billed;
    char path[DRILL_PATH], text[MONEY_TEXT];
    snprintf(path, sizeof path, "%s/state/ledger.db", r->c->folder);
    if (store_open_sqlite(path, STORE_READ, &store, &fail) != SL_OK ||
        store->ops->each_attempt(store, on_attempt, r, &fail) != SL_OK) {
        r->out->ran = false;
        keep(r->out->why, sizeof r->out->why, sl_str_c(fail.text));
    }
    store_close(store);
    struct money_sum sum = {.p = r->cost_p > 0 ? (unsigned __int128)r->cost_p : 0};
    (void)money_sum_text(&sum, text);
    keep(r->out->cost, sizeof r->out->cost, sl_str_c(text));
    drill_sims_bill(r->sims, &billed);
    r->out->billed = billed.input + billed.cache_read + billed.cache_write + billed.output + billed.reasoning;
}

/* The targets of the plan, from the access record. */
static void read_plan(struct run *r)
{
    struct sl_fail fail = {0};
    struct sl_buf log;
    struct json_tree t;
    char path[DRILL_PATH];
    snprintf(path, sizeof path, "%s/access.jsonl", r->c->folder);
    sl_buf_init(&log, LOG_BYTES_MAX);
    if (cfg_read_file(path, LOG_BYTES_MAX, &log, &fail) == SL_OK) {
        struct sl_str rest = sl_buf_str(&log), line = sl_str_cut(&rest, '\n');
        struct drill_result *o = r->out;
        if (json_tree_read(&t, line, &r->arena))
            for (JSON_EACH(&t, json_get(&t, json_root(&t), SL_STR("plan")), it))
                if (o->n_targets < DRILL_TARGETS && json_get(&t, it, SL_STR("provider")) != NULL)
                    name_target(r, &o->targets[o->n_targets++],
                                json_plain_of(&t, json_get(&t, it, SL_STR("provider")), &r->arena),
                                json_plain_of(&t, json_get(&t, it, SL_STR("model")), &r->arena));
    }
    sl_buf_done(&log);
}

/* ---- all of it ---- */

static bool has_met(const struct run *r)
{
    const struct drill_scenario *s = r->c->scenario;
    if (s == NULL)
        return true;
    if (s->at == DRILL_CERTIFICATE)
        return sl_str_eq(sl_str_c(r->out->outcome), SL_STR("tls_failed"));
    if (s->at == DRILL_NAME_LOOKUP)
        return sl_str_eq(sl_str_c(r->out->outcome), SL_STR("resolve_failed"));
    return drill_sims_met(r->sims);
}

static bool nobody_is_larger(const struct drill_result *o, const struct snapshot *s)
{
    uint64_t first = route_policy_context(s->policy, o->first.provider, sl_str_c(o->first.model));
    for (uint32_t i = 0; i < o->n_targets; i++) {
        uint64_t context = route_policy_context(s->policy, o->targets[i].provider, sl_str_c(o->targets[i].model));
        if (context == 0 || context > first)
            return false;
    }
    return o->n_targets > 1;
}

static void settle(struct run *r, const struct snapshot *snapshot)
{
    struct drill_result *o = r->out;
    const struct drill_scenario *s = r->c->scenario;
    read_ledger(r);
    read_plan(r);
    o->met = has_met(r);
    if (!o->passed && s != NULL && s->too_long && o->status == 400 && nobody_is_larger(o, snapshot)) {
        o->passed = o->by_policy = true;
        o->failed = 0;
        keep(o->saw, sizeof o->saw, SL_STR("the refusal: no target takes more"));
        o->why[0] = 0;
    }
    if (o->passed && !o->met) {
        o->passed = false;
        keep(o->why, sizeof o->why, SL_STR("the fault was never met: another target was asked first"));
    }
    if (o->passed && s != NULL && s->accounts && o->booked != o->billed) {
        o->passed = false;
        snprintf(o->why, sizeof o->why, "the ledger has %llu tokens, the providers counted %llu",
                 (unsigned long long)o->booked, (unsigned long long)o->billed);
    }
}

void drill_run(struct settings *s, const struct drill_case *c, struct drill_result *out)
{
    static struct run run; /* large, and once in a process */
    struct run *r = &run;
    struct sl_fail fail = {0};
    r->s = s;
    r->written = *s;
    r->c = c;
    r->out = out;
    r->first_at = r->failed_at = (__int128)INT64_MAX * 8;
    r->answered_at = -1;
    *out = (struct drill_result){.passed = true};
    sl_arena_init(&r->arena, NULL);
    out->ran = start(r, &fail);
    if (!out->ran) {
        out->passed = false;
        snprintf(out->why, sizeof out->why, "%.100s%s%.90s", fail.place, fail.place[0] != 0 ? ": " : "", fail.text);
        return; /* the process ends */
    }
    ask_all(r);
    struct snapshot *kept = snapshot_ref(r->g.first_snapshot); /* the settings live in it */
    gateway_take_apart(&r->g);
    drill_sims_stop(r->sims);
    settle(r, kept);
    drill_sims_free(r->sims);
    snapshot_unref(kept);
    keys_made_wipe(&r->first.made);
    sl_loop_done(&r->g.loop);
    sl_arena_done(&r->arena);
}
