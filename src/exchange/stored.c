/* Stored responses outside of RECALL: which candidates may go on, what a provider is asked, and SETTLE's part, which gives the
 * store what came. docs/internals/stored-responses.md. */
#include "base/log.h"
#include "dialect/openai_responses/openai_responses.h"
#include "exchange/exchange_int.h"
#include "exchange/video_int.h"
#include "http/url.h"

#define INPUT_BYTES ((size_t)1 << 30)

/* ---- who may ---- */

bool stored_forbidden(const struct exchange *x)
{
    return x->snap->set.stored.off || !tenant_may_store(x->snap, x->key->tenant);
}

void stored_decide(struct exchange *x, const struct snapshot_provider *p)
{
    x->stored.keep = x->match.op == OP_RESPONSES && x->env->stored_ask != NULL && !p->keeps_nothing &&
                     x->facts.at[RM_STORE].kind != JSON_FALSE && !stored_forbidden(x);
}

/* ---- between formats ---- */

void stored_hide(struct exchange *x)
{
    struct neutral_request *n = x->neutral;
    if (x->match.op != OP_RESPONSES)
        return;
    n->previous_response_id = SL_STR_NONE;
    n->background = n->background && !x->stored.run;
    if (x->env->stored_ask == NULL)
        return;
    n->store = x->stored.keep ? SAID_NOTHING
                              : SAID_NO; /* what a provider of another format stores nobody can ask for */
}

void stored_tell(struct exchange *x)
{
    struct neutral_request *n = x->neutral;
    if (x->match.op != OP_RESPONSES || x->env->stored_ask == NULL)
        return;
    n->store = x->stored.keep ? SAID_YES : SAID_NO;
    n->background = x->stored.run;
    if (x->stored.chain != NULL)
        n->previous_response_id = x->stored.previous; /* its bytes need no escaping: responses_id_is */
}

/* ---- PLAN ---- */

static bool goes_on(const struct exchange *x, const struct route_candidate *c)
{
    const struct provider *p = &x->snap->providers[c->provider_index].provider;
    return sl_str_eq(c->provider, x->stored.provider) &&
           sl_str_eq(provider_dialect(p, x->dialect->name, c->model), x->dialect->name);
}

/* Leaves the candidates that `keep` says; the others are excluded for that reason. */
void stored_filter(struct exchange *x, stored_keep_f *keep, bool wanted, const char *why)
{
    struct route_plan *plan = &x->plan;
    struct route_candidate *excluded = sl_arena_alloc(x->a, (plan->n_excluded + plan->n + 1) * sizeof *excluded);
    uint32_t n = 0;
    if (plan->n_excluded > 0)
        memcpy(excluded, plan->excluded, plan->n_excluded * sizeof *excluded);
    for (uint32_t i = 0; i < plan->n; i++) {
        struct route_candidate c = plan->candidates[i];
        if (keep(x, &c) == wanted) {
            plan->candidates[n++] = c;
            continue;
        }
        c.why = why;
        excluded[plan->n_excluded++] = c;
    }
    plan->excluded = excluded;
    plan->n = n;
}

bool stored_fits_plan(struct exchange *x)
{
    if (x->stored.provider.n == 0)
        return true;
    stored_filter(x, goes_on, true, "another provider has the previous response");
    if (x->plan.n > 0)
        return true;
    if (x->object.pinned) {
        x->refused = (struct error_facts){
            .error = GE_MEMBER_VALUE,
            .param = SL_STR("file_id"),
            .message =
                sl_arena_printf(x->a,
                                "The file that this request names lies at a provider that does not serve the model "
                                "'" SL_STR_FMT "' in this format.",
                                SL_STR_ARG(sl_str_head(x->facts.model, 200))),
        };
        return false;
    }
    x->refused = (struct error_facts){
        .error = GE_MEMBER_VALUE,
        .param = x->stored.previous.n > 0 ? SL_STR("previous_response_id") : SL_STR("input"),
        .message =
            sl_arena_printf(x->a,
                            "What this request goes on from is stored by a provider that does not serve the model "
                            "'" SL_STR_FMT "': ask for a model of that provider, or send the whole input.",
                            SL_STR_ARG(sl_str_head(x->facts.model, 200))),
    };
    return false;
}

/* ---- TRY ---- */

void stored_digest(const struct exchange *x, const struct provider *p, unsigned i,
                   unsigned char out[STORE_CREDENTIAL_BYTES])
{
    video_credential(x->env, p, i, out);
}

/* Another of the same account will do where the one that made it is configured no more. */
bool stored_credential(const struct exchange *x, const struct provider *p, unsigned *out)
{
    unsigned char digest[STORE_CREDENTIAL_BYTES];
    for (unsigned i = 0; x->stored.provider.n > 0 && i < p->n_credentials; i++) {
        stored_digest(x, p, i, digest);
        *out = i;
        if (memcmp(digest, x->stored.credential, sizeof digest) == 0)
            return true;
    }
    return false;
}

/* Of the query only what is known: it may have the client's key in it. */
static void add_query(struct sl_buf *b, struct sl_str query)
{
    static const struct sl_str passed[] = {
        SL_STR_INIT("include"), SL_STR_INIT("include[]"), SL_STR_INIT("include%5B%5D"),
        SL_STR_INIT("stream"),  SL_STR_INIT("limit"),     SL_STR_INIT("starting_after"),
        SL_STR_INIT("order"),   SL_STR_INIT("after"),     SL_STR_INIT("include_obfuscation"),
        SL_STR_INIT("before"),  SL_STR_INIT("beta"),
    };
    char sep = sl_str_find(sl_buf_str(b), '?') >= 0 ? '&' : '?';
    struct sl_str name, value;
    while (url_query_next(&query, &name, &value)) {
        for (size_t i = 0; i < sizeof passed / sizeof passed[0]; i++) {
            if (!sl_str_eq(name, passed[i]))
                continue;
            sl_buf_addf(b, "%c" SL_STR_FMT "=" SL_STR_FMT, sep, SL_STR_ARG(name), SL_STR_ARG(value));
            sep = '&';
        }
    }
}

void stored_request(struct exchange *x, const struct provider *p, struct sl_str model, struct attempt_request *r)
{
    enum operation op = x->match.op;
    struct sl_arena *a = &x->attempt_arena;
    const char *verb = op == OP_RESPONSE_CANCEL ? "/cancel" : op == OP_RESPONSE_ITEMS ? "/input_items" : "";
    struct sl_str path = sl_arena_printf(a, "/responses/" SL_STR_FMT "%s", SL_STR_ARG(x->stored.id), verb);
    struct sl_buf b;
    sl_buf_init(&b, 65536);
    sl_buf_adds(&b, provider_path(p, path, model, a));
    add_query(&b, x->req->query);
    r->path = sl_arena_str(a, sl_buf_str(&b));
    sl_buf_done(&b);
    r->method = op == OP_RESPONSE_CANCEL ? SL_STR("POST") : op == OP_RESPONSE_DELETE ? SL_STR("DELETE") : SL_STR("GET");
    r->body = NULL;
    r->n_body = 0;
}

/* ---- what the store is given ---- */

struct response_job *stored_put(struct exchange *x, enum store_response_state state, struct sl_str id,
                                struct sl_str model)
{
    struct response_job *j = response_job_new(RJ_PUT);
    const struct stored_policy *set = &x->snap->set.stored;
    int64_t now = sl_loop_wall(x->env->loop);
    j->synced = set->synced;
    j->put.per_key = set->per_key;
    j->put.r = (struct store_response){
        .id = sl_arena_str(&j->a, id),
        .key = x->key->id,
        .tenant = sl_arena_str(&j->a, x->key->tenant),
        .state = state,
        .made_ns = now,
        .expires_ns = now + set->keep_ns,
        .model = sl_arena_str(&j->a, model),
        .previous = x->stored.chain != NULL && state != STORE_RESPONSE_PIN ? x->stored.chain->r.row : 0,
    };
    return j;
}

static void put_items(struct response_job *j, const struct responses_kept *k)
{
    struct sl_str *items = sl_arena_alloc(&j->a, (k->n_items + 1) * sizeof *items);
    for (size_t i = 0; i < k->n_items; i++)
        items[i] = sl_arena_str(&j->a, k->items[i]);
    j->put.items = items;
    j->put.n_items = k->n_items;
}

/* What the client is told as a whole or at its end. */
static struct sl_str said_at_end(struct exchange *x)
{
    if (x->out_stream && x->final_text.n > 0)
        return x->final_text;
    return sl_chunks_flat(&x->held);
}

static struct response_job *pin_of(struct exchange *x, const struct try *t, const struct responses_kept *k)
{
    struct response_job *j = stored_put(x, STORE_RESPONSE_PIN, k->id, t->candidate->model);
    j->put.r.provider = sl_arena_str(&j->a, t->candidate->provider);
    stored_digest(x, &t->at->provider, t->credential, j->put.r.credential);
    put_items(j, k);
    return j;
}

static struct response_job *pin_job(struct exchange *x, const struct try *t)
{
    struct responses_kept k = {.stored = false};
    bool whole = t->outcome == OUT_OK && x->final_kind == FINAL_ANSWER;
    if (!whole || !responses_kept_read(said_at_end(x), x->a, &k))
        k = (struct responses_kept){.id = x->stored.begun_id, .stored = true};
    return k.stored && responses_id_is(k.id) ? pin_of(x, t, &k) : NULL;
}

static struct response_job *own_job(struct exchange *x, const struct try *t)
{
    struct responses_kept k;
    char id[SL_ID_TEXT];
    struct sl_buf input;
    if (!responses_kept_read(said_at_end(x), x->a, &k))
        return NULL;
    sl_id_text(x->id, id);
    sl_buf_init(&input, INPUT_BYTES);
    struct sl_str own = x->stored.own_body.n > 0 ? x->stored.own_body : x->body_text;
    struct response_job *j = NULL;
    if (responses_input_items(own, sl_str_c(id), x->a, &input) && !input.over) {
        if (k.object.n + input.n > x->snap->set.stored.max_bytes) {
            tel_add(x->env->tel, TEL_RESPONSES_NOT_STORED, 1);
            SL_LOG(SL_LOG_WARN, "responses.too_large", SL_LI("bytes", (int64_t)(k.object.n + input.n)));
        } else {
            j = stored_put(x, STORE_RESPONSE_ENDED, k.id, t->candidate->model);
            j->put.r.body = sl_arena_str(&j->a, k.object);
            j->put.r.input = sl_arena_str(&j->a, sl_buf_str(&input));
            put_items(j, &k);
            j->put.only_running = x->stored.run;
        }
    }
    sl_buf_done(&input);
    return j;
}

/* ---- RELAY ---- */

/* Gives the job away; whoever asks waits for no answer. */
static void send_off(struct exchange *x, struct response_job *j)
{
    if (!x->env->stored_ask(x->env->owner, j))
        response_job_free(j);
}

/* The provider has made it from here on, however this ends; and an answer that passes as it comes is seen whole by nobody. What
 * runs in the background over there goes on without this client, and may be asked for at once. */
void stored_begun(struct exchange *x)
{
    const struct try *t = try_current(x);
    if (!x->stored.keep || x->translation != NULL || !x->answer_ok)
        return;
    x->stored.begun_id = sl_arena_str(x->a, responses_id_peek(sl_chunks_flat(&x->held)));
    if (x->stored.begun_id.n > 0 && x->facts.at[RM_BACKGROUND].kind == JSON_TRUE)
        send_off(x, pin_of(x, t, &(struct responses_kept){.id = x->stored.begun_id}));
}

/* ---- SETTLE ---- */

/* What was deleted there is not to be asked for again. */
static struct response_job *drop_job(struct exchange *x, const struct try *t)
{
    if (x->match.op != OP_RESPONSE_DELETE || t->outcome != OUT_OK)
        return NULL;
    struct response_job *j = response_job_new(RJ_DROP);
    j->id = sl_arena_str(&j->a, x->stored.id);
    j->owner = (struct store_response_owner){.key = x->key->id, .now_ns = sl_loop_wall(x->env->loop)};
    if (x->snap->set.stored.tenant_scope)
        j->owner.tenant = sl_arena_str(&j->a, x->key->tenant);
    return j;
}

static struct response_job *answer_job(struct exchange *x)
{
    const struct try *t = try_current(x);
    if (x->object.intent.n > 0 && (t == NULL || !x->answer_ok))
        return intent_end(x, t);
    if (t == NULL || !x->answer_ok)
        return NULL;
    if (x->op->object != OBJECT_NONE)
        return objects_job(x, t);
    if (x->op->stored)
        return drop_job(x, t);
    if (!x->stored.keep)
        return NULL;
    if (x->translation == NULL)
        return pin_job(x, t);
    return x->final_kind == FINAL_ANSWER ? own_job(x, t) : NULL;
}

bool stored_keep(struct exchange *x)
{
    struct response_job *j = answer_job(x);
    bool stopped = x->gone && x->gone_why != HTTP_GONE_SHUTDOWN; /* its row says so already */
    if (j == NULL && x->stored.run && !stopped)
        j = stored_run_failed(x);
    if (j == NULL)
        return false;
    bool gone = x->stream->gone || x->gone;
    j->asker = gone ? NULL : x;
    if (!x->env->stored_ask(x->env->owner, j)) {
        response_job_free(j);
        return false;
    }
    x->stored.waiting = gone ? NULL : j;
    return !gone;
}
