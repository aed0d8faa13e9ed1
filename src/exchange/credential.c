/* Tokens that must be fetched before an attempt can go out. The cell (provider/token.h) says whether there is one and who fetches;
 * here the fetch runs, as an attempt of its own on this worker's loop, and exchanges wait for its end, on whatever worker they are.
 *
 *   credential_ready ─► token_cell_ask ─► READY: go │ WAIT: on env->credential_waits │ FAILED: the try is over
 *                            └ fetch ─► start_fetch ─► attempt ─► end_fetch ─► token_cell_got/_failed ─► wake
 *
 * A fetch belongs to its worker and holds the snapshot that its origin is in. Nothing of a token or of what it was fetched with gets
 * into a log, a record or an error. */
#include <string.h>

#include "base/log.h"
#include "base/mem.h"
#include "exchange/exchange_int.h"
#include "loop/mailbox.h"

#define FETCH_NS (10 * SL_SEC) /* in all; usual ones take a tenth of a second */

struct token_fetch {
    struct sl_list node; /* in env->credential_fetches */
    struct exchange_env *env;
    struct snapshot *snap; /* ref: `at` is in it */
    const struct snapshot_provider *at;
    struct attempt *attempt; /* own */
    struct attempt_request request;
    struct sl_arena arena;      /* the attempt's */
    struct sl_buf body, answer; /* own; wiped */
    struct iovec piece;
    int status;
    bool over; /* the attempt has ended by itself */
    struct attempt_result result;
    struct sl_task task; /* the attempt is over */
    struct sl_ended ended;
};

/* -- Waking ------------------------------------------------------------------------------------------------------------ */

struct token_news {
    struct sl_msg msg;
    struct exchange_env *env;
    struct token_cell *cell; /* only compared */
};

static void wake_here(struct exchange_env *env, const struct token_cell *cell)
{
    SL_LIST_EACH(node, &env->credential_waits)
    {
        struct exchange *x = SL_CONTAINER_OF(node, struct exchange, credential_node);
        if (x->token_cell == cell)
            exchange_wake(x, EV_CREDENTIAL);
    }
}

static void on_news(struct sl_msg *m, void *receiver)
{
    struct token_news *n = SL_CONTAINER_OF(m, struct token_news, msg);
    if (receiver != NULL)
        wake_here(n->env, n->cell);
    sl_free(n);
}

static void wake(struct exchange_env *env, struct token_cell *cell, const struct token_waiters *w)
{
    for (unsigned i = 0; i < w->n; i++) {
        struct exchange_env *to = w->v[i];
        if (to == env || to->mailbox == NULL) {
            wake_here(to, cell);
            continue;
        }
        struct token_news *n = SL_NEW(struct token_news);
        n->msg.deliver = on_news;
        n->env = to;
        n->cell = cell;
        if (!sl_mailbox_post(to->mailbox, &n->msg)) /* that worker has ended, and everybody on it */
            sl_free(n);
    }
}

/* -- Fetching ---------------------------------------------------------------------------------------------------------- */

static void wipe_buf(struct sl_buf *b)
{
    if (b->p != NULL)
        explicit_bzero(b->p, b->cap);
    sl_buf_done(b);
}

static void free_fetch(struct sl_ended *e)
{
    sl_free(SL_CONTAINER_OF(e, struct token_fetch, ended));
}

static void release(struct token_fetch *f)
{
    sl_task_cancel(&f->task);
    attempt_free(f->attempt);
    sl_arena_done(&f->arena);
    wipe_buf(&f->body);
    wipe_buf(&f->answer);
    sl_list_remove(&f->node);
    snapshot_unref(f->snap);
    sl_end(f->env->loop, &f->ended, free_fetch);
}

/* What waiting exchanges are told: an outcome that leads to the next target, or to nothing. */
static enum outcome failure_of(const struct token_fetch *f, enum token_verdict v)
{
    static const enum outcome of[] = {
        [TOKEN_GOT] = OUT_OK,
        [TOKEN_REFUSED] = OUT_BAD_CREDENTIALS,
        [TOKEN_LIMITED] = OUT_RATE_LIMITED,
        [TOKEN_TROUBLE] = OUT_SERVER_ERROR,
        [TOKEN_NONSENSE] = OUT_MALFORMED,
    };
    enum outcome o = f->result.outcome;
    if (o == OUT_OK)
        return of[v];
    if (o == OUT_TOTAL_TIMEOUT)
        return OUT_FIRST_BYTE_TIMEOUT;
    return outcome_row(o)->next == NEXT_SAME ? OUT_SERVER_ERROR : o;
}

static void give_failure(struct token_fetch *f, enum outcome o, const char *word)
{
    struct token_waiters w;
    struct exchange_env *env = f->env;
    struct token_cell *cell = f->at->login->cell;
    tel_add(env->tel, TEL_TOKENS_FAILED, 1);
    SL_LOG(SL_LOG_WARN, "credential.failed", SL_LS("provider", f->at->provider.name),
           SL_LS("outcome", outcome_row(o)->name), SL_LI("status", f->status), SL_LC("error", word),
           SL_LC("detail", f->result.detail));
    token_cell_failed(cell, (int)o, sl_loop_now(env->loop), sl_rand_next(&env->loop->rand), &w);
    wake(env, cell, &w);
}

static void give_token(struct token_fetch *f, const struct token_answer *a)
{
    struct token_waiters w;
    struct exchange_env *env = f->env;
    struct token_cell *cell = f->at->login->cell;
    tel_add(env->tel, TEL_TOKENS_FETCHED, 1);
    SL_LOG(SL_LOG_INFO, "credential.fetched", SL_LS("provider", f->at->provider.name),
           SL_LI("expires_in_s", a->life_ns / SL_SEC));
    token_cell_got(cell, sl_secret_expose(&a->token), a->life_ns, sl_loop_now(env->loop),
                   sl_rand_next(&env->loop->rand), &w);
    wake(env, cell, &w);
}

static void end_fetch(struct sl_task *t)
{
    struct token_fetch *f = SL_CONTAINER_OF(t, struct token_fetch, task);
    struct token_answer a = {.verdict = TOKEN_NONSENSE};
    if (!f->over) /* too much of an answer */
        attempt_cancel(f->attempt, false, NULL);
    if (f->result.outcome == OUT_OK && !f->answer.over)
        token_answer_read(f->status, sl_buf_str(&f->answer), &a);
    enum outcome o = failure_of(f, a.verdict);
    if (o == OUT_OK)
        give_token(f, &a);
    else
        give_failure(f, o, a.error);
    sl_secret_done(&a.token);
    release(f);
}

static void on_fetch_head(void *owner, const struct http_response *head)
{
    struct token_fetch *f = owner;
    f->status = head->status;
}

static void on_fetch_body(void *owner, struct sl_str bytes)
{
    struct token_fetch *f = owner;
    sl_buf_adds(&f->answer, bytes);
    if (f->answer.over) /* not in here: nobody frees who calls */
        sl_task_post(f->env->loop, &f->task);
}

static void on_fetch_over(void *owner, const struct attempt_result *r)
{
    struct token_fetch *f = owner;
    f->result = *r;
    f->over = true;
    sl_task_post(f->env->loop, &f->task);
}

static const struct attempt_owner fetch_owner = {
    .on_head = on_fetch_head, .on_body = on_fetch_body, .on_over = on_fetch_over};

static void fill_request(struct token_fetch *f)
{
    const struct credential *c = &f->at->login->credential;
    struct http_headers h = {0};
    bool posts = credential_posts(c);
    http_headers_add_id(&h, &f->arena, HN_ACCEPT, SL_STR("application/json"));
    http_headers_add_id(&h, &f->arena, HN_ACCEPT_ENCODING, SL_STR("identity"));
    http_headers_add_id(&h, &f->arena, HN_USER_AGENT, SL_STR("sluice"));
    if (posts)
        http_headers_add_id(&h, &f->arena, HN_CONTENT_TYPE, SL_STR("application/x-www-form-urlencoded"));
    else
        http_headers_add(&h, &f->arena, SL_STR("metadata-flavor"), SL_STR("Google"));
    f->piece = (struct iovec){.iov_base = f->body.p, .iov_len = f->body.n};
    f->request = (struct attempt_request){
        .origin = &f->at->login->origin,
        .method = posts ? SL_STR("POST") : SL_STR("GET"),
        .path = c->token_url.path.n > 0 ? c->token_url.path : SL_STR("/"),
        .headers = h.v,
        .n_headers = h.n,
        .body = &f->piece,
        .n_body = posts ? 1 : 0,
        .deadlines = f->snap->deadlines,
    };
    f->request.deadlines.total_due_ns = sl_loop_now(f->env->loop) + FETCH_NS;
}

static void start_fetch(struct exchange_env *env, struct snapshot *snap, const struct snapshot_provider *at)
{
    struct token_fetch *f = SL_NEW(struct token_fetch);
    f->env = env;
    f->snap = snapshot_ref(snap);
    f->at = at;
    f->result.detail = "";
    sl_arena_init(&f->arena, NULL);
    sl_buf_init(&f->body, CREDENTIAL_BODY_MAX);
    sl_buf_init(&f->answer, CREDENTIAL_ANSWER_MAX);
    sl_task_init(&f->task, end_fetch);
    sl_list_init(&f->node);
    sl_list_add_tail(&env->credential_fetches, &f->node);
    if (!credential_body(&at->login->credential, sl_loop_wall(env->loop), &f->body)) {
        f->result.detail = "the key does not sign";
        give_failure(f, OUT_BAD_CREDENTIALS, "");
        release(f);
        return;
    }
    fill_request(f);
    f->attempt = attempt_start(env->upstream, &f->arena, &f->request, &fetch_owner, f);
}

void credential_end_all(struct exchange_env *env)
{
    while (!sl_list_is_empty(&env->credential_fetches)) {
        struct token_fetch *f = SL_CONTAINER_OF(env->credential_fetches.next, struct token_fetch, node);
        struct token_waiters w;
        struct token_cell *cell = f->at->login->cell;
        if (!sl_list_is_empty(&f->task.node)) { /* it is over already, and may be what the others wait for */
            end_fetch(&f->task);
            continue;
        }
        attempt_cancel(f->attempt, false, NULL);
        token_cell_left(cell, &w);
        wake(env, cell, &w);
        release(f);
    }
}

/* -- The exchange's side ----------------------------------------------------------------------------------------------- */

static void begin_wait(struct exchange *x, struct token_cell *cell, uint64_t fetch)
{
    x->token_cell = cell;
    x->token_fetch = fetch;
    x->credential_wait = true;
    sl_list_init(&x->credential_node);
    sl_list_add_tail(&x->env->credential_waits, &x->credential_node);
}

void credential_forget(struct exchange *x)
{
    if (x->credential_wait)
        sl_list_remove(&x->credential_node);
    x->credential_wait = false;
    x->token_fetch = 0;
}

bool credential_came(struct exchange *x)
{
    bool news = exchange_take(x, EV_CREDENTIAL);
    x->events &= EV_DEADLINE;
    if (!news)
        return false;
    sl_list_remove(&x->credential_node);
    x->credential_wait = false; /* token_fetch stays: what that one has ended with counts */
    return true;
}

bool credential_for(struct exchange_env *env, struct snapshot *snap, const struct snapshot_provider *at,
                    struct sl_arena *a, struct sl_str *out_authorization)
{
    struct token_asked said;
    *out_authorization = SL_STR_NONE;
    if (at->login == NULL)
        return true;
    const struct token_ask q = {.now_ns = sl_loop_now(env->loop), .who = env, .a = a};
    token_cell_ask(at->login->cell, &q, &said);
    if (said.fetch)
        start_fetch(env, snap, at);
    *out_authorization = said.say == TOKEN_READY ? said.authorization : SL_STR_NONE;
    return said.say == TOKEN_READY;
}

enum credential_now credential_ready(struct exchange *x, struct try *t)
{
    struct provider_login *login = t->at->login;
    struct token_asked said;
    x->authorization = SL_STR_NONE;
    if (login == NULL)
        return CREDENTIAL_READY;
    const struct token_ask q = {
        .now_ns = sl_loop_now(x->env->loop), .who = x->env, .waited = x->token_fetch, .a = &x->attempt_arena};
    token_cell_ask(login->cell, &q, &said);
    x->token_fetch = 0;
    if (said.say == TOKEN_WAIT)
        begin_wait(x, login->cell, said.number);
    if (said.fetch)
        start_fetch(x->env, x->epoch->snapshot, t->at);
    if (said.say == TOKEN_WAIT)
        return CREDENTIAL_WAITS;
    if (said.say == TOKEN_READY) {
        x->authorization = said.authorization;
        x->token_number = said.number;
        return CREDENTIAL_READY;
    }
    t->outcome = t->result.outcome = (enum outcome)said.failure;
    t->result.detail = t->outcome == OUT_BAD_CREDENTIALS ? "the token endpoint refused the credential"
                                                         : "the token could not be fetched";
    return CREDENTIAL_FAILED;
}

bool credential_again(struct exchange *x, const struct try *t)
{
    bool refused = t->outcome == OUT_BAD_CREDENTIALS && t->status == 401 && t->at->login != NULL;
    if (!refused || x->token_again || x->committed || x->n_tries >= EXCHANGE_TRIES_MAX)
        return false;
    x->token_again = true;
    return token_cell_refused(t->at->login->cell, x->token_number, sl_loop_now(x->env->loop));
}
