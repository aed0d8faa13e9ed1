/* See batch_watch.h. For every batch that lies at a provider and is not in the ledger:
 *
 *   WAITS ─► GET the batch ─┬─ it runs: WAITS, longer with its age
 *                           └─ over, or gone ─► its row ─┬─ settled by what was just asked (it says its usage), or by a client: done
 *                                                        ├─ has results: GET them, they are charged as they pass ─► its row
 *                                                        ├─ nothing succeeded: settled
 *                                                        └─ results cannot be had: GET the input file, estimate ─► settled
 *
 * What is asked goes as an exchange with the owner's key, as a client's own look would, and is charged by the same code
 * (batch_ledger.c): who comes second finds the row settled, or makes the same attempts again. Results are counted and dropped as they
 * come. Of one tenant one batch is asked for at a time, of all AT_ONCE, those first that have waited longest. What fails is asked
 * later and later; behind GIVE_UP_NS it is estimated. */
#include "exchange/batch_watch.h"

#include "base/die.h"
#include "base/log.h"
#include "base/mem.h"
#include "dialect/json_tree.h"
#include "exchange/batch_int.h"
#include "exchange/exchange_int.h"

#define AT_ONCE 4u
#define LONGEST_NS (15 * 60 * SL_SEC)
#define GIVE_UP_NS (72 * 3600 * SL_SEC)
#define PAGE 64u
#define WATCHED_MAX 20000u /* the others are looked for when some of these are done */
#define READS_MAX 3u       /* of results that cannot be counted */

struct watched {
    struct sl_list node;
    struct batch_watch *all;
    struct sl_arena a; /* own: texts of row */
    struct store_object row;
    bool busy;
    int64_t due_ns;        /* loop time, unless busy */
    unsigned fails, reads; /* in a row; of results */
    int64_t failing_ns;    /* wall: since when; 0: it does not */
    struct batch_call *call;
    struct batch_guess *guess; /* own */
    struct sl_arena now;       /* own: what this look found */
    bool live;                 /* now is */
    bool gone;                 /* the provider has it no more, or cannot be asked for so long */
    bool some;                 /* of its requests one succeeded, or nobody knows */
    uint64_t done, total;
    struct sl_str input, output, model;
};

struct batch_watch {
    struct exchange_env *env; /* borrow */
    struct sl_list list;
    unsigned n, running;
    const struct watched *busy[AT_ONCE]; /* those that are asked just now; NULL: a place is free */
    int64_t cursor;                      /* the newest row that was looked at */
    bool asking, ending;
    struct sl_timer tick;
    int64_t scan_ns; /* loop time: when new ones are looked for */
};

static void look(struct watched *b);
static void charge(struct watched *b);

static int64_t poll_of(const struct batch_watch *w)
{
    return w->env->epoch->snapshot->set.batches.poll_ns;
}

static bool is_openai(const struct watched *b)
{
    return b->row.kind == STORE_OBJECT_BATCH;
}

static const struct snapshot_provider *provider_of(const struct watched *b)
{
    const struct snapshot *s = b->all->env->epoch->snapshot;
    for (uint32_t i = 0; i < s->n_providers; i++)
        if (sl_str_eq(s->providers[i].provider.name, b->row.provider))
            return &s->providers[i];
    return NULL;
}

/* ---- when ---- */

/* Keys without a tenant are each their own. */
static bool tenant_waits(const struct batch_watch *w, const struct watched *b)
{
    for (unsigned i = 0; i < AT_ONCE; i++) {
        const struct watched *o = w->busy[i];
        if (o != NULL && sl_str_eq(o->row.tenant, b->row.tenant) &&
            (b->row.tenant.n > 0 || (o->row.key.hi == b->row.key.hi && o->row.key.lo == b->row.key.lo)))
            return true;
    }
    return false;
}

/* The one that may be asked and has waited longest, or waits least. */
static struct watched *next_of(struct batch_watch *w)
{
    struct watched *best = NULL;
    if (w->running == AT_ONCE || w->env->draining)
        return NULL;
    SL_LIST_EACH(node, &w->list)
    {
        struct watched *b = SL_CONTAINER_OF(node, struct watched, node);
        if (!b->busy && (best == NULL || b->due_ns < best->due_ns) && !tenant_waits(w, b))
            best = b;
    }
    return best;
}

static void arm(struct batch_watch *w)
{
    const struct watched *b = next_of(w);
    if (!w->ending)
        sl_timer_arm(w->env->loop, &w->tick, b != NULL && b->due_ns < w->scan_ns ? b->due_ns : w->scan_ns);
}

static void set_busy(struct watched *b, bool on)
{
    struct batch_watch *w = b->all;
    for (unsigned i = 0; i < AT_ONCE && b->busy != on; i++)
        if (w->busy[i] == (on ? NULL : b)) {
            w->busy[i] = on ? b : NULL;
            w->running += on ? 1u : -1u;
            b->busy = on;
        }
}

static int64_t clamp(int64_t wait, int64_t least)
{
    int64_t most = least > LONGEST_NS ? least : LONGEST_NS;
    return wait < least ? least : wait > most ? most : wait;
}

static void rest(struct watched *b, int64_t wait)
{
    struct batch_watch *w = b->all;
    if (b->live)
        sl_arena_done(&b->now);
    b->live = false;
    batch_guess_free(b->guess);
    b->guess = NULL;
    set_busy(b, false);
    wait += (int64_t)sl_rand_below(&w->env->loop->rand, (uint64_t)wait / 8 + 1);
    b->due_ns = sl_loop_now(w->env->loop) + wait;
    sl_list_remove(&b->node);
    sl_list_add_tail(&w->list, &b->node);
    arm(w);
}

static void forget(struct watched *b)
{
    struct batch_watch *w = b->all;
    if (b->live)
        sl_arena_done(&b->now);
    batch_guess_free(b->guess);
    batch_call_free(b->call);
    sl_list_remove(&b->node);
    sl_arena_done(&b->a);
    set_busy(b, false);
    w->n--;
    sl_free(b);
}

static void done(struct watched *b)
{
    struct batch_watch *w = b->all;
    forget(b);
    arm(w);
}

static void later(struct watched *b)
{
    b->fails = 0;
    b->failing_ns = 0;
    rest(b, clamp((sl_loop_wall(b->all->env->loop) - b->row.made_ns) / 8, poll_of(b->all)));
}

static void failed(struct watched *b)
{
    int64_t wall = sl_loop_wall(b->all->env->loop), wait = poll_of(b->all);
    if (b->failing_ns == 0)
        b->failing_ns = wall;
    for (unsigned i = 0; i < b->fails && wait < LONGEST_NS; i++)
        wait *= 2;
    b->fails++;
    rest(b, clamp(wait, poll_of(b->all)));
}

/* ---- the row ---- */

static void on_settled(struct batch_rows *j, void *receiver)
{
    struct watched *b = j->asker;
    bool ok = j->found != BF_FAILED;
    (void)receiver;
    batch_rows_free(j);
    if (ok)
        done(b);
    else
        failed(b);
}

static bool ask(struct watched *b, enum batch_rows_kind kind, void (*done_f)(struct batch_rows *j, void *receiver))
{
    struct exchange_env *env = b->all->env;
    struct batch_rows *j = batch_rows_new(kind);
    j->at = (uint64_t)b->row.row;
    j->asker = b;
    j->done = done_f;
    j->synced = kind == BR_CHARGED;
    if (env->batches_ask(env->owner, j))
        return true;
    batch_rows_free(j);
    failed(b);
    return false;
}

static void settle(struct watched *b, const char *how)
{
    SL_LOG(SL_LOG_INFO, "batches.charged", SL_LS("provider", b->row.provider), SL_LS("id", b->row.id),
           SL_LC("how", how));
    (void)ask(b, BR_CHARGED, on_settled);
}

/* ---- calls ---- */

static void on_bytes_dropped(void *arg, struct sl_str bytes)
{
    (void)arg, (void)bytes;
}

static void call(struct watched *b, struct sl_str path, batch_call_over_f *over,
                 void (*on_bytes)(void *arg, struct sl_str bytes))
{
    const struct batch_call_ask ask = {
        .key = b->row.key,
        .tenant = b->row.tenant,
        .house = true,
        .path = path,
        .anthropic = !is_openai(b),
        .lists = true,
        .provider = b->row.provider,
        .credential = b->row.credential,
        .on_bytes = on_bytes,
    };
    b->call = batch_call_start(b->all->env, &ask, over, b);
}

/* What came is read before the call ends. */
static int end_call(struct watched *b)
{
    int status = batch_call_status(b->call);
    batch_call_free(b->call);
    b->call = NULL;
    return status;
}

static bool says_never(int status)
{
    return status == 400 || status == 404 || status == 410;
}

/* ---- an estimate ---- */

static void on_guess_bytes(void *arg, struct sl_str bytes)
{
    struct watched *b = arg;
    batch_guess_bytes(b->guess, bytes);
}

static void on_input(void *arg, struct batch_call *c)
{
    struct watched *b = arg;
    (void)c;
    int status = end_call(b);
    if (b->all->ending)
        return;
    if (status != 200 && !says_never(status) && !b->gone) {
        failed(b);
        return;
    }
    if (status != 200) {
        batch_guess_free(b->guess);
        b->guess = NULL;
    }
    charge(b);
}

static void estimate(struct watched *b)
{
    if (!is_openai(b) || !objects_is_id(b->input) || provider_of(b) == NULL) {
        charge(b);
        return;
    }
    b->guess = batch_guess_new(b->all->env->tokens);
    call(b, sl_arena_printf(&b->now, "/v1/files/" SL_STR_FMT "/content", SL_STR_ARG(b->input)), on_input,
         on_guess_bytes);
}

static bool charge_one(struct watched *b, struct sl_str model, const struct usage *u)
{
    const struct exchange_env *env = b->all->env;
    return batch_charge(env,
                        &(struct batch_charge){
                            .row = &b->row,
                            .id = b->output.n > 0 ? b->output : b->row.id,
                            .model = model,
                            .usage = u,
                            .at = provider_of(b),
                            .prices = env->epoch->prices,
                            .exchange = sl_id_make(b->row.made_ns, &env->loop->rand),
                            .operation = operation_row(is_openai(b) ? OP_BATCH_CREATE : OP_MESSAGE_BATCH_CREATE)->name,
                        });
}

/* Where not even the input can be had, an entry without tokens says that something is missing. */
static void charge(struct watched *b)
{
    struct sl_str model;
    struct usage u = {.flags = USAGE_ESTIMATED | USAGE_PARTIAL};
    unsigned n = 0;
    bool ok = true;
    while (b->guess != NULL && ok && batch_guess_next(b->guess, b->done, b->total, &model, &u)) {
        ok = charge_one(b, model, &u);
        n++;
    }
    if (n == 0)
        ok = charge_one(b, b->model.n > 0 ? b->model : SL_STR("unknown"), &u);
    SL_LOG(SL_LOG_WARN, "batches.estimated", SL_LS("provider", b->row.provider), SL_LS("id", b->row.id),
           SL_LI("models", (int64_t)n));
    if (ok)
        settle(b, "by estimate");
    else
        failed(b);
}

/* ---- results ---- */

static void on_results(void *arg, struct batch_call *c)
{
    struct watched *b = arg;
    (void)c;
    int status = end_call(b);
    if (b->all->ending)
        return;
    if (says_never(status))
        estimate(b);
    else if (status != 200)
        failed(b);
    else if (++b->reads < READS_MAX)
        look(b);
    else
        estimate(b);
}

static void read_results(struct watched *b)
{
    sl_die_at("batch_reads");
    call(b,
         is_openai(b) ? sl_arena_printf(&b->now, "/v1/files/" SL_STR_FMT "/content", SL_STR_ARG(b->output))
                      : sl_arena_printf(&b->now, "/v1/messages/batches/" SL_STR_FMT "/results", SL_STR_ARG(b->row.id)),
         on_results, on_bytes_dropped);
}

/* ---- what the batch says of itself ---- */

static uint64_t count_of(struct json_tree *t, const struct json_node *counts, const char *name)
{
    uint64_t n = 0;
    return json_u64_of(t, json_get(t, counts, sl_str_c(name)), &n) ? n : 0;
}

/* False: it has not ended. */
static bool read_batch(struct watched *b, struct sl_str body)
{
    static const struct sl_str over[] = {SL_STR_INIT("completed"), SL_STR_INIT("expired"), SL_STR_INIT("cancelled"),
                                         SL_STR_INIT("failed")};
    struct json_tree t;
    bool openai = is_openai(b), ended = false;
    if (!json_tree_read(&t, body, &b->now))
        return false;
    const struct json_node *root = json_root(&t), *counts = json_got(&t, root, SL_STR("request_counts"));
    struct sl_str status =
        json_plain_of(&t, json_get(&t, root, openai ? SL_STR("status") : SL_STR("processing_status")), &b->now);
    for (size_t i = 0; i < sizeof over / sizeof over[0]; i++)
        ended |= openai && sl_str_eq(status, over[i]);
    b->input = json_plain_of(&t, json_get(&t, root, SL_STR("input_file_id")), &b->now);
    b->output = json_plain_of(&t, json_get(&t, root, SL_STR("output_file_id")), &b->now);
    b->model = json_plain_of(&t, json_get(&t, root, SL_STR("model")), &b->now);
    b->done = count_of(&t, counts, openai ? "completed" : "succeeded");
    b->total = openai ? count_of(&t, counts, "total") : 0;
    b->some = counts == NULL || b->done > 0;
    return openai ? ended : sl_str_eq(status, SL_STR("ended"));
}

static void go_on(struct watched *b, bool charged)
{
    bool has = is_openai(b) ? objects_is_id(b->output) : true;
    if (charged)
        settle(b, "by its results");
    else if (b->gone)
        estimate(b);
    else if (b->reads > 0 && !(b->some && b->done > 0))
        settle(b, "nothing was used"); /* its results have passed, and nothing was in them */
    else if (b->reads == 0 ? has && b->some : has)
        read_results(b);
    else if (b->some && b->done > 0)
        estimate(b);
    else
        settle(b, "nothing was used");
}

static void on_looked(struct batch_rows *j, void *receiver)
{
    struct watched *b = j->asker;
    (void)receiver;
    bool charged = j->count > 0;
    enum batch_rows_found found = j->found;
    if (found == BF_OK && b->gone && b->input.n == 0)
        (void)read_batch(b, sl_arena_str(&b->now, j->objects[0].body));
    batch_rows_free(j);
    if (found == BF_NONE)
        done(b); /* what was asked has settled it, or a client; or it was deleted */
    else if (found == BF_FAILED)
        failed(b);
    else
        go_on(b, charged);
}

static void look(struct watched *b)
{
    (void)ask(b, BR_UNCHARGED_ONE, on_looked);
}

static void on_batch(void *arg, struct batch_call *c)
{
    struct watched *b = arg;
    struct batch_answer r;
    int64_t wait_ns;
    bool whole = batch_call_answer(c, &r, &wait_ns), over = false;
    if (whole && r.status == 200)
        over = read_batch(b, sl_arena_str(&b->now, r.body));
    int status = end_call(b);
    if (b->all->ending)
        return;
    bool never = says_never(status) && status != 400;
    if (!whole || (status != 200 && !never)) {
        failed(b);
    } else if (status == 200 && !over) {
        later(b);
    } else {
        b->gone = never;
        sl_die_at("batch_over");
        look(b);
    }
}

static void start(struct watched *b)
{
    set_busy(b, true);
    b->live = true;
    b->reads = 0;
    sl_arena_init(&b->now, NULL);
    b->input = b->output = b->model = SL_STR_NONE;
    b->done = b->total = 0;
    b->some = true;
    b->gone = b->failing_ns > 0 && sl_loop_wall(b->all->env->loop) - b->failing_ns > GIVE_UP_NS;
    if (b->gone)
        look(b);
    else if (provider_of(b) == NULL)
        failed(b); /* its provider may be configured again */
    else
        call(b,
             sl_arena_printf(&b->now, "%s" SL_STR_FMT, is_openai(b) ? "/v1/batches/" : "/v1/messages/batches/",
                             SL_STR_ARG(b->row.id)),
             on_batch, NULL);
}

/* ---- which ---- */

static void add(struct batch_watch *w, const struct store_object *row)
{
    struct watched *b = SL_NEW(struct watched);
    int64_t poll = poll_of(w);
    b->all = w;
    sl_list_init(&b->node);
    sl_arena_init(&b->a, NULL);
    store_object_copy(&b->row, row, &b->a);
    b->due_ns = sl_loop_now(w->env->loop) + (int64_t)sl_rand_below(&w->env->loop->rand, (uint64_t)poll) / 2 + poll / 2;
    sl_list_add_tail(&w->list, &b->node);
    w->n++;
}

static void scan(struct batch_watch *w);

static void on_page(struct batch_rows *j, void *receiver)
{
    struct batch_watch *w = j->asker;
    (void)receiver;
    w->asking = false;
    for (size_t i = 0; i < j->n_objects && !w->ending; i++) {
        w->cursor = j->objects[i].row;
        add(w, &j->objects[i]);
    }
    bool more = j->n_objects == PAGE;
    batch_rows_free(j);
    if (w->ending)
        return;
    if (more)
        scan(w);
    else
        arm(w);
}

static void scan(struct batch_watch *w)
{
    if (w->asking || w->n >= WATCHED_MAX)
        return;
    struct batch_rows *j = batch_rows_new(BR_UNCHARGED);
    j->after = (uint64_t)w->cursor;
    j->limit = PAGE;
    j->asker = w;
    j->done = on_page;
    w->asking = w->env->batches_ask(w->env->owner, j);
    if (!w->asking)
        batch_rows_free(j);
}

static void pump(struct batch_watch *w)
{
    int64_t now = sl_loop_now(w->env->loop);
    struct watched *b;
    if (w->scan_ns <= now) {
        w->scan_ns = now + clamp(poll_of(w), 0);
        scan(w);
    }
    while ((b = next_of(w)) != NULL && b->due_ns <= now)
        start(b);
    arm(w);
}

static void on_tick(struct sl_timer *t)
{
    struct batch_watch *w = SL_CONTAINER_OF(t, struct batch_watch, tick);
    if (!w->ending)
        pump(w);
}

struct batch_watch *batch_watch_new(struct exchange_env *env)
{
    struct batch_watch *w = SL_NEW(struct batch_watch);
    w->env = env;
    sl_list_init(&w->list);
    sl_timer_init(&w->tick, on_tick);
    return w;
}

void batch_watch_start(struct batch_watch *w)
{
    pump(w);
}

void batch_watch_end(struct batch_watch *w)
{
    w->ending = true;
    sl_timer_cancel(w->env->loop, &w->tick);
}

void batch_watch_free(struct batch_watch *w)
{
    while (!sl_list_is_empty(&w->list))
        forget(SL_CONTAINER_OF(w->list.next, struct watched, node));
    sl_free(w);
}
