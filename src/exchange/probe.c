/* See probe.h.
 *
 *   tick ─► lanes that are due ─► call: models: one of a provider, for all its lanes that are due ─► health_probe_end of each
 *                                       completion: one of a target
 *
 * The provider's list of models says whether it answers and takes the key; what goes wrong with it in any other way says nothing of the
 * models, and clients find out as without probes. */
#include "exchange/probe.h"

#include "base/hash.h"
#include "base/mem.h"
#include "dialect/codec.h"
#include "dialect/error_read.h"
#include "dialect/order_check.h"
#include "exchange/exchange_int.h"
#include "tokens/estimate.h"
#include "upstream/health.h"

#define TICK_NS (SL_SEC / 2)
#define CALLS_AT_ONCE 32u
#define LIST_KEPT ((size_t)64 << 10) /* of an answer that nobody reads: enough for an error */
#define COMPLETION_KEPT ((size_t)1 << 20)
#define ESTIMATE_INPUT 8u
#define MOST_OUTPUT 16u /* the least that the Responses API takes */

struct probe_call {
    struct sl_list node;
    struct prober *prober;
    struct snapshot *snap; /* ref */
    const struct snapshot_provider *at;
    struct health_lane **lanes; /* in the arena; borrows */
    bool *was_probe;
    unsigned n;
    struct health_key *key; /* NULL: not known which */
    struct sl_arena a;
    struct attempt_request request;
    struct attempt *attempt; /* own */
    struct attempt_result result;
    struct sl_chunks body;
    const struct http_response *head;
    struct sl_task task;
    bool over;
    struct sl_ended ended;
    /* of a completion; else empty */
    struct sl_str model;
    const struct dialect *up;
    struct sl_id id;
    int64_t began_ns, wall_ns;
    const struct price *price;
    struct reservation reservation;
    bool is_open;
};

struct prober {
    struct exchange_env *env;
    struct sl_list calls;
    struct sl_timer tick;
    unsigned n;
    uint64_t salt;        /* what tells this gateway's draws from another's */
    bool ending, watches; /* lanes may wait for us */
};

static const struct probe_policy *policy_of(const struct prober *p)
{
    return &p->env->epoch->snapshot->set.probe;
}

static int64_t now_of(const struct prober *p)
{
    return sl_loop_now(p->env->loop);
}

/* ---- what a call did cost ---- */

static void append_open(struct probe_call *c)
{
    struct exchange_env *env = c->prober->env;
    unsigned char bytes[ENTRY_OPEN_MAX];
    struct journal_place at;
    c->wall_ns = sl_loop_wall(env->loop);
    c->id = sl_id_make(c->wall_ns, &env->loop->rand);
    c->price = model_price(env->epoch->prices, c->at, c->model);
    c->reservation = reserve_estimate(
        &(struct reserve_facts){.price = c->price, .input_tokens = ESTIMATE_INPUT, .max_output = MOST_OUTPUT});
    const struct entry_open e = {
        .attempt = c->id,
        .exchange = c->id,
        .wall_ns = c->wall_ns,
        .estimate_input = ESTIMATE_INPUT,
        .estimate_cost_p = c->reservation.cost.cost_p,
        .worker = (uint16_t)env->worker,
        .number = 1,
        .model = SL_STR(PROBE_MODEL),
        .provider = c->at->provider.name,
        .target = c->model,
        .operation = operation_row(OP_CHAT)->name,
        .price_version = price_catalog_version(env->epoch->prices)->text,
    };
    size_t n = entry_open_encode(&e, bytes);
    c->is_open = journal_append(env->journal, JOURNAL_OPENS, ENTRY_OPEN, sl_str_of(bytes, n), &at) == SL_OK;
    tel_add(env->tel, c->is_open ? TEL_JOURNAL_RECORDS : TEL_JOURNAL_REFUSED, 1);
}

static void append_close(struct probe_call *c, enum outcome o, const struct answer_facts *f)
{
    struct exchange_env *env = c->prober->env;
    unsigned char bytes[ENTRY_CLOSE_MAX];
    struct journal_place at;
    int status = c->head != NULL ? c->head->status : 0;
    bool has = f->valid && f->usage.found && !f->usage.bad && (f->usage.prompt > 0 || f->usage.completion > 0);
    const struct settle_facts facts = {
        .price = c->price,
        .reservation = &c->reservation,
        .sent = c->result.sent,
        .end = o == OUT_OK                       ? SETTLE_WHOLE
               : status >= 300 || f->error.found ? SETTLE_REFUSED
                                                 : SETTLE_CUT,
        .has_usage = has,
        .usage = has ? usage_reported(&f->usage, false) : (struct usage){.flags = 0},
        .output_seen = tokens_estimate_output(f->content_bytes, 1),
    };
    const struct settlement s = settle_attempt(&facts);
    uint32_t flags = entry_flags_of(s.usage.flags, s.cost.flags);
    if (!s.billed)
        flags &= ~(uint32_t)(ENTRY_USAGE_MISSING | ENTRY_UNPRICED);
    int64_t duration = sl_loop_now(env->loop) - c->began_ns;
    const struct entry_close e = {
        .attempt = c->id,
        .wall_ns = c->wall_ns + duration,
        .cost_p = s.cost.cost_p,
        .duration_ns = duration,
        .first_token_ns = -1,
        .bytes_in = c->result.bytes_in,
        .bytes_out = c->result.bytes_out,
        .flags = flags | (o == OUT_CANCELLED ? ENTRY_INTERRUPTED : 0u) | (c->result.sent ? 0u : ENTRY_NOT_SENT),
        .status = (uint16_t)status,
        .usage = s.usage,
        .outcome = outcome_row(o)->name,
    };
    size_t n = entry_close_encode(&e, bytes);
    enum sl_err err = journal_append(env->journal, JOURNAL_CLOSES, ENTRY_CLOSE, sl_str_of(bytes, n), &at);
    SL_CHECK(err == SL_OK); /* its room was reserved with the open */
    tel_add(env->tel, TEL_JOURNAL_RECORDS, 1);
}

/* ---- what came of a call ---- */

static enum outcome judge_error(struct probe_call *c, const struct answer_error *e, bool inside, int64_t *out_wait)
{
    *out_wait = provider_wait_ns(&(struct provider_wait){
        .headers = &c->head->headers,
        .delay = e->delay,
        .message = e->message,
        .limited = c->head->status == 429,
        .now_wall_ns = sl_loop_wall(c->prober->env->loop),
    });
    const struct provider_answer answer = {
        .words = provider_words_of(c->at->provider.kind),
        .status = c->head->status,
        .type = e->type,
        .code = e->code,
        .param = e->param,
        .message = e->message,
        .reason = e->reason,
        .quota = e->quota,
        .inner_status = e->status,
        .retry_after = *out_wait >= 0,
    };
    return try_outcome_of_fault(inside ? provider_fault_inside(&answer) : provider_fault_of(&answer));
}

/* A list tells that the provider answers and takes the key, or that it does not. */
static enum outcome of_list(enum outcome o)
{
    return o == OUT_OK || o == OUT_BAD_CREDENTIALS || lane_effect_of(o) == LANE_BAD ? o : OUT_CANCELLED;
}

static enum outcome judge(struct probe_call *c, struct answer_facts *f, int64_t *out_wait)
{
    struct sl_str body = sl_chunks_flat(&c->body);
    enum outcome o = c->result.outcome;
    *out_wait = -1;
    *f = (struct answer_facts){.valid = false};
    if (o == OUT_TOTAL_TIMEOUT) /* here it is the target's own: nobody else had any of that time */
        return OUT_FIRST_BYTE_TIMEOUT;
    if (o != OUT_OK || c->head == NULL)
        return o;
    if (c->head->status < 200 || c->head->status > 299) {
        struct answer_error e;
        error_read(body, &c->head->headers, &c->a, &e);
        o = judge_error(c, &e, false, out_wait);
        return c->model.n > 0 ? o : of_list(o);
    }
    if (c->model.n == 0)
        return OUT_OK;
    c->up->answer_decode(body, f);
    if (f->error.found)
        return judge_error(c, &f->error, true, out_wait);
    return f->valid ? OUT_OK : OUT_MALFORMED;
}

static void free_call(struct sl_ended *e)
{
    sl_free(SL_CONTAINER_OF(e, struct probe_call, ended));
}

static void release(struct probe_call *c)
{
    struct prober *p = c->prober;
    attempt_free(c->attempt);
    sl_task_cancel(&c->task);
    sl_chunks_done(&c->body);
    sl_arena_done(&c->a);
    snapshot_unref(c->snap);
    sl_list_remove(&c->node);
    p->n--;
    sl_end(p->env->loop, &c->ended, free_call);
}

static void call_over(struct sl_task *t)
{
    struct probe_call *c = SL_CONTAINER_OF(t, struct probe_call, task);
    struct exchange_env *env = c->prober->env;
    struct answer_facts f;
    struct lane_sample s = {.first_us = -1, .between_us = -1, .random = sl_rand_next(&env->loop->rand)};
    s.outcome = judge(c, &f, &s.wait_ns);
    if (c->is_open)
        append_close(c, s.outcome, &f);
    if (s.outcome != OUT_OK)
        tel_add(env->tel, TEL_PROBES_FAILED, 1);
    for (unsigned i = 0; i < c->n; i++) {
        s.was_probe = c->was_probe[i];
        (void)health_probe_end(c->lanes[i], &s, c->key, sl_loop_now(env->loop));
    }
    release(c);
}

static void on_head(void *owner, const struct http_response *head)
{
    struct probe_call *c = owner;
    c->head = head;
}

static void on_body(void *owner, struct sl_str bytes)
{
    struct probe_call *c = owner;
    size_t most = c->model.n > 0 ? COMPLETION_KEPT : LIST_KEPT;
    if (c->body.n < most)
        (void)sl_chunks_add(&c->body, bytes.p, bytes.n < most - c->body.n ? bytes.n : most - c->body.n);
}

static void on_over(void *owner, const struct attempt_result *r)
{
    struct probe_call *c = owner;
    c->result = *r;
    c->over = true;
    sl_task_post(c->prober->env->loop, &c->task);
}

static const struct attempt_owner call_owner = {.on_head = on_head, .on_body = on_body, .on_over = on_over};

/* ---- what is asked ---- */

/* Where the provider lists its models; empty: it has no such place behind its address. */
static struct sl_str list_path(const struct provider *p, struct sl_arena *a)
{
    struct sl_str platform = p->kind->platform;
    const char *query = "";
    if (sl_str_eq(platform, SL_STR("bedrock")) || sl_str_eq(platform, SL_STR("vertex")))
        return SL_STR_NONE;
    if (p->api_version.n > 0) /* Azure's classic one is no deployment's */
        return sl_arena_printf(a, SL_STR_FMT "/models?api-version=" SL_STR_FMT, SL_STR_ARG(p->base_path),
                               SL_STR_ARG(p->api_version));
    if (sl_str_eq(p->kind->dialect, SL_STR("anthropic")))
        query = "?limit=1";
    else if (sl_str_eq(p->kind->dialect, SL_STR("gemini")))
        query = "?pageSize=1";
    return sl_arena_printf(a, SL_STR_FMT "/models%s", SL_STR_ARG(p->base_path), query);
}

/* The smallest request there is, in the words of the target. False: it has no such operation, or no place for something. */
static bool completion_body(struct probe_call *c, struct sl_str *out)
{
    static const struct sl_str said = SL_STR_INIT(
        "{\"model\":\"probe\",\"messages\":[{\"role\":\"user\",\"content\":\"Hi\"}],\"max_completion_tokens\":16}");
    const struct dialect *face = dialect_of(OP_CHAT);
    struct request_refusal refusal = {0};
    struct neutral_request *n = SL_ARENA_NEW(&c->a, struct neutral_request);
    n->from = face;
    n->model = c->model;
    c->up = dialect_find(provider_dialect(&c->at->provider, face->name, c->model));
    if (c->up == NULL || c->up->codec == NULL || !face->codec->request_read(OP_CHAT, said, &c->a, n, &refusal))
        return false;
    n->model = c->model;
    struct translation *t = SL_ARENA_NEW(&c->a, struct translation);
    struct sl_str known = provider_known_model(&c->at->provider, c->model);
    *t = (struct translation){
        .face = face,
        .up = c->up,
        .req = n,
        .caps = caps_find(c->up->codec->caps, known),
        .unsupported = UNSUPPORTED_DROP,
        .up_model = known,
        .asked_as = c->model,
        .platform = c->at->provider.kind->platform,
        .lacks = c->at->provider.kind->chat_lacks,
        .a = &c->a,
        .notes = SL_ARENA_NEW(&c->a, struct neutral_notes),
        .id = SL_STR("probe"),
        .estimate_input = ESTIMATE_INPUT,
    };
    t->notes->a = &c->a;
    struct sl_buf body;
    sl_buf_init(&body, 1 << 16);
    bool ok = c->up->codec->request_write(t, &body, &refusal) && !body.over;
    *out = ok ? sl_arena_str(&c->a, sl_buf_str(&body)) : SL_STR_NONE;
    sl_buf_done(&body);
    return ok;
}

static struct sl_str completion_path(struct probe_call *c)
{
    const struct provider *p = &c->at->provider;
    struct sl_str path = provider_model_path(p, c->up->name, c->model, false, false, &c->a);
    if (path.n > 0)
        return path;
    struct sl_str of = dialect_upstream_path(c->up, OP_CHAT, c->model, false, &c->a);
    return of.n > 0 ? provider_path(p, of, c->model, &c->a) : SL_STR_NONE;
}

static unsigned choose_key(struct probe_call *c)
{
    struct exchange_env *env = c->prober->env;
    unsigned n = c->at->provider.n_credentials;
    if (c->at->keys == NULL || n == 0)
        return 0;
    unsigned i = health_pick_key(c->lanes[0], c->at->keys, n, env->credential++, n, NULL, sl_loop_now(env->loop)).index;
    c->key = c->at->keys[i];
    return i;
}

/* False: it cannot be asked (now). */
static bool fill_request(struct probe_call *c)
{
    struct exchange_env *env = c->prober->env;
    const struct provider *p = &c->at->provider;
    struct sl_str authorization, body = SL_STR_NONE;
    bool completes = c->model.n > 0;
    if (completes && !completion_body(c, &body))
        return false;
    struct sl_str path = completes ? completion_path(c) : list_path(p, &c->a);
    if (path.n == 0 || !credential_for(env, c->snap, c->at, &c->a, &authorization)) /* or a token is being fetched */
        return false;
    struct http_headers h = {0};
    const struct provider_call call = {
        .credential = choose_key(c), .authorization = authorization, .body = completes, .foreign = true};
    provider_request_headers(p, &call, &c->a, &h);
    struct iovec *v = SL_ARENA_NEW(&c->a, struct iovec);
    *v = (struct iovec){.iov_base = (void *)(uintptr_t)body.p, .iov_len = body.n};
    struct sl_str method = completes ? SL_STR("POST") : SL_STR("GET");
    provider_sign(p,
                  &(struct provider_signing){
                      .method = method,
                      .authority = c->at->origin.authority,
                      .target = path,
                      .body = v,
                      .n_body = completes ? 1 : 0,
                      .wall_ns = sl_loop_wall(env->loop),
                  },
                  &c->a, &h);
    c->request = (struct attempt_request){
        .origin = &c->at->origin,
        .method = method,
        .path = path,
        .headers = h.v,
        .n_headers = h.n,
        .body = v,
        .n_body = completes ? 1 : 0,
        .deadlines = c->snap->deadlines,
    };
    c->request.deadlines.total_due_ns = sl_loop_now(env->loop) + c->snap->set.probe.timeout_ns;
    return true;
}

/* ---- when ---- */

static struct probe_call *new_call(struct prober *p, uint32_t provider, struct sl_str model)
{
    struct exchange_env *env = p->env;
    struct probe_call *c = SL_NEW(struct probe_call);
    c->prober = p;
    c->snap = snapshot_ref(env->epoch->snapshot);
    c->at = &c->snap->providers[provider];
    c->began_ns = now_of(p);
    c->result.detail = "";
    sl_arena_init(&c->a, env->arenas);
    c->model = sl_arena_str(&c->a, model);
    sl_chunks_init(&c->body, COMPLETION_KEPT, env->chunks);
    sl_task_init(&c->task, call_over);
    sl_list_init(&c->node);
    sl_list_add_tail(&p->calls, &c->node);
    p->n++;
    return c;
}

static int64_t watched_until(const struct prober *p)
{
    const struct probe_policy *set = policy_of(p);
    return now_of(p) + set->timeout_ns + 2 * set->interval_ns;
}

/* It cannot be asked: clients find out as without probes, and later it is tried again. */
static void give_up(struct probe_call *c)
{
    const struct lane_sample s = {.outcome = OUT_CANCELLED, .first_us = -1, .between_us = -1, .wait_ns = -1};
    for (unsigned i = 0; i < c->n; i++)
        (void)health_probe_end(c->lanes[i], &s, NULL, now_of(c->prober));
    release(c);
}

static void start(struct probe_call *c)
{
    struct prober *p = c->prober;
    bool can = fill_request(c);
    if (can && c->model.n > 0) {
        append_open(c);
        can = c->is_open; /* nothing is spent that nobody books */
    }
    if (!can) {
        give_up(c);
        return;
    }
    for (unsigned i = 0; i < c->n; i++)
        c->was_probe[i] = health_probe_begin(c->lanes[i], watched_until(p), now_of(p));
    tel_add(p->env->tel, TEL_PROBES, 1);
    c->attempt = attempt_start(p->env->upstream, &c->a, &c->request, &call_owner, c);
}

/* Drawn anew for each interval, so that gateways that began together do not go on together. */
static int64_t interval_of(const struct prober *p, struct sl_str provider, uint32_t target)
{
    const struct probe_policy *set = policy_of(p);
    uint64_t span = (uint64_t)set->interval_ns / 100 * set->jitter_percent;
    const struct sl_hash_key key = {p->salt, UINT64_C(0x70726f6265000001)};
    uint64_t turn = (uint64_t)(now_of(p) / set->interval_ns);
    uint64_t drawn = sl_hash(key, provider) + (target * UINT64_C(0x9e3779b97f4a7c15)) +
                     turn * UINT64_C(0xbf58476d1ce4e5b9);
    drawn ^= drawn >> 31;
    return set->interval_ns - (int64_t)span + (span > 0 ? (int64_t)(drawn % (2 * span)) : 0);
}

static bool is_under_way(const struct prober *p, const struct snapshot_provider *at, struct sl_str model)
{
    SL_LIST_EACH(node, &p->calls)
    {
        const struct probe_call *c = SL_CONTAINER_OF(node, struct probe_call, node);
        if (sl_str_eq(c->at->provider.name, at->provider.name) && sl_str_eq(c->model, model))
            return true;
    }
    return false;
}

/* INT64_MAX: never. */
static int64_t due_of(const struct prober *p, uint32_t target, int64_t interval_ns)
{
    struct health_lane *l = p->env->epoch->snapshot->lanes[target];
    return l != NULL ? health_probe_due(l, interval_ns, watched_until(p), now_of(p)) : INT64_MAX;
}

/* Of the provider's targets those that are due by then, into the call where there is one; how many. */
static uint32_t gather(const struct prober *p, uint32_t provider, int64_t by_ns, struct probe_call *c)
{
    const struct snapshot *s = p->env->epoch->snapshot;
    int64_t interval = interval_of(p, s->providers[provider].provider.name, 0);
    uint32_t n = 0;
    for (uint32_t i = 0; i < s->n_lanes; i++) {
        uint32_t of;
        struct sl_str model;
        route_policy_target(s->policy, i, &of, &model);
        if (of != provider || due_of(p, i, interval) > by_ns)
            continue;
        if (c != NULL)
            c->lanes[c->n++] = s->lanes[i];
        n++;
    }
    return n;
}

/* One list for all targets of the provider, also those that are due soon. */
static void look_at_provider(struct prober *p, uint32_t provider)
{
    const struct snapshot *s = p->env->epoch->snapshot;
    const struct snapshot_provider *at = &s->providers[provider];
    int64_t soon = now_of(p) + s->set.probe.interval_ns / 4;
    if (!at->probed || p->n >= CALLS_AT_ONCE || is_under_way(p, at, SL_STR_NONE) ||
        gather(p, provider, now_of(p), NULL) == 0)
        return;
    struct probe_call *c = new_call(p, provider, SL_STR_NONE);
    c->lanes = sl_arena_zalloc(&c->a, s->n_lanes * sizeof *c->lanes);
    c->was_probe = sl_arena_zalloc(&c->a, s->n_lanes * sizeof *c->was_probe);
    (void)gather(p, provider, soon, c);
    start(c);
}

static void look_at_target(struct prober *p, uint32_t target)
{
    const struct snapshot *s = p->env->epoch->snapshot;
    uint32_t provider;
    struct sl_str model;
    route_policy_target(s->policy, target, &provider, &model);
    const struct snapshot_provider *at = &s->providers[provider];
    if (!at->probed || model.n == 0 || p->n >= CALLS_AT_ONCE || is_under_way(p, at, model) ||
        due_of(p, target, interval_of(p, at->provider.name, target)) > now_of(p))
        return;
    struct probe_call *c = new_call(p, provider, model);
    c->lanes = sl_arena_zalloc(&c->a, sizeof *c->lanes);
    c->was_probe = sl_arena_zalloc(&c->a, sizeof *c->was_probe);
    c->lanes[c->n++] = s->lanes[target];
    start(c);
}

static void on_tick(struct sl_timer *t)
{
    struct prober *p = SL_CONTAINER_OF(t, struct prober, tick);
    const struct snapshot *s = p->env->epoch->snapshot;
    if (p->ending || s->set.probe.ask == PROBE_OFF || s->lanes == NULL)
        return;
    p->watches = true;
    if (s->set.probe.ask == PROBE_MODELS)
        for (size_t i = 0; i < s->n_providers; i++)
            look_at_provider(p, (uint32_t)i);
    else
        for (uint32_t i = 0; i < s->n_lanes; i++)
            look_at_target(p, i);
    sl_timer_arm(p->env->loop, &p->tick, now_of(p) + TICK_NS);
}

/* ---- from outside ---- */

struct prober *prober_new(struct exchange_env *env)
{
    struct prober *p = SL_NEW(struct prober);
    p->env = env;
    sl_list_init(&p->calls);
    sl_timer_init(&p->tick, on_tick);
    p->salt = sl_rand_next(&env->loop->rand);
    return p;
}

void prober_start(struct prober *p)
{
    if (!p->ending)
        sl_timer_arm(p->env->loop, &p->tick, now_of(p) + 1);
}

static void end_call(struct probe_call *c)
{
    if (!c->over)
        attempt_cancel(c->attempt, false, &c->result);
    if (c->is_open)
        append_close(c, OUT_CANCELLED, &(struct answer_facts){.valid = false});
    for (unsigned i = 0; i < c->n; i++)
        health_probe_leave(c->lanes[i], c->was_probe[i]);
    release(c);
}

static void end_calls(struct prober *p)
{
    SL_LIST_EACH(node, &p->calls)
    end_call(SL_CONTAINER_OF(node, struct probe_call, node));
}

void prober_reload(struct prober *p)
{
    const struct snapshot *s = p->env->epoch->snapshot;
    if (p->ending)
        return;
    end_calls(p);
    for (uint32_t i = 0; i < s->n_lanes && p->watches && s->lanes != NULL; i++)
        if (s->lanes[i] != NULL)
            health_probe_leave(s->lanes[i], false);
    p->watches = false;
    sl_timer_cancel(p->env->loop, &p->tick);
    prober_start(p);
}

unsigned prober_calls(const struct prober *p)
{
    return p->n;
}

void prober_end(struct prober *p)
{
    if (p == NULL)
        return;
    p->ending = true;
    sl_timer_cancel(p->env->loop, &p->tick);
    end_calls(p);
}

void prober_free(struct prober *p)
{
    sl_free(p);
}
