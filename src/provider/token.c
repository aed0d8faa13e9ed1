/* See token.h. */
#include "provider/token.h"

#include <pthread.h>
#include <stdatomic.h>

#include "base/check.h"
#include "base/clock.h"
#include "base/mem.h"

#define MARGIN_NS (10 * SL_SEC) /* over so long before it is over: the request still has to get there */
#define BACKOFF_NS SL_SEC
#define BACKOFF_MAX_NS (60 * SL_SEC)
#define BACKOFF_DOUBLINGS 6u
#define DROP_NS (10 * SL_SEC)

struct token_cell {
    _Atomic unsigned refs;
    uint64_t identity;
    pthread_mutex_t lock;
    /* under lock */
    struct sl_secret authorization; /* own; empty: none */
    uint64_t number;                /* of the token; counts up */
    int64_t renew_ns, over_ns;      /* when to fetch the next; when it is not used any more */
    uint64_t fetch;                 /* number of the newest fetch; counts up */
    bool fetching;
    uint64_t failed_fetch; /* the newest one that failed; 0: none since the last success */
    unsigned failures;     /* in a row */
    int failure;
    int64_t again_ns; /* after a failure: no fetch before */
    int64_t dropped_ns;
    bool was_dropped;
    struct token_waiters waiters;
};

struct token_cell *token_cell_new(uint64_t identity)
{
    struct token_cell *c = SL_NEW(struct token_cell);
    c->refs = 1;
    c->identity = identity;
    pthread_mutex_init(&c->lock, NULL);
    return c;
}

struct token_cell *token_cell_ref(struct token_cell *c)
{
    atomic_fetch_add_explicit(&c->refs, 1, memory_order_relaxed);
    return c;
}

void token_cell_unref(struct token_cell *c)
{
    if (c == NULL || atomic_fetch_sub_explicit(&c->refs, 1, memory_order_acq_rel) != 1)
        return;
    sl_secret_done(&c->authorization);
    pthread_mutex_destroy(&c->lock);
    sl_free(c);
}

uint64_t token_cell_identity(const struct token_cell *c)
{
    return c->identity;
}

/* -- Asking ------------------------------------------------------------------------------------------------------------ */

static bool has_token(const struct token_cell *c, int64_t now_ns)
{
    return c->authorization.n > 0 && now_ns < c->over_ns;
}

static bool may_fetch(const struct token_cell *c, int64_t now_ns)
{
    return !c->fetching && (c->failures == 0 || now_ns >= c->again_ns);
}

static void begin_fetch(struct token_cell *c)
{
    c->fetching = true;
    c->fetch++;
}

static void note_waiter(struct token_cell *c, void *who)
{
    for (unsigned i = 0; i < c->waiters.n; i++)
        if (c->waiters.v[i] == who)
            return;
    SL_CHECK(c->waiters.n < TOKEN_ASKERS_MAX);
    c->waiters.v[c->waiters.n++] = who;
}

static void wipe_copy(void *p)
{
    struct sl_str *copy = p;
    explicit_bzero((void *)(uintptr_t)copy->p, copy->n);
}

static struct sl_str copy_of(const struct sl_secret *s, struct sl_arena *a)
{
    struct sl_str *copy = SL_ARENA_NEW(a, struct sl_str);
    *copy = sl_arena_str(a, sl_secret_expose(s));
    sl_arena_on_drop(a, wipe_copy, copy);
    return *copy;
}

static void answer(struct token_cell *c, const struct token_ask *q, struct token_asked *out)
{
    bool ready = has_token(c, q->now_ns), lost = q->waited > 0 && c->failed_fetch >= q->waited;
    bool due = !ready || q->now_ns >= c->renew_ns;
    if (due && !lost && may_fetch(c, q->now_ns)) {
        begin_fetch(c);
        out->fetch = true;
    }
    if (ready) {
        out->say = TOKEN_READY;
        out->number = c->number;
        out->authorization = copy_of(&c->authorization, q->a);
    } else if (c->fetching && !lost) {
        out->say = TOKEN_WAIT;
        out->number = c->fetch;
        note_waiter(c, q->who);
    } else {
        out->say = TOKEN_FAILED;
        out->failure = c->failure;
    }
}

void token_cell_ask(struct token_cell *c, const struct token_ask *q, struct token_asked *out)
{
    *out = (struct token_asked){.say = TOKEN_FAILED};
    pthread_mutex_lock(&c->lock);
    answer(c, q, out);
    pthread_mutex_unlock(&c->lock);
}

/* -- The end of a fetch ------------------------------------------------------------------------------------------------ */

static void end_fetch(struct token_cell *c, struct token_waiters *out)
{
    SL_CHECK(c->fetching);
    c->fetching = false;
    *out = c->waiters;
    c->waiters.n = 0;
}

static int64_t part(int64_t whole, uint64_t random) /* from 0 to whole */
{
    return (int64_t)(((unsigned __int128)random * ((uint64_t)whole + 1)) >> 64);
}

static void set_authorization(struct token_cell *c, struct sl_str token)
{
    static const char scheme[] = "Bearer ";
    size_t n = sizeof scheme - 1 + token.n;
    char *text = sl_malloc(n);
    memcpy(text, scheme, sizeof scheme - 1);
    memcpy(text + sizeof scheme - 1, token.p, token.n);
    sl_secret_set(&c->authorization, sl_str_of(text, n));
    explicit_bzero(text, n);
    sl_free(text);
}

void token_cell_got(struct token_cell *c, struct sl_str token, int64_t life_ns, int64_t now_ns, uint64_t random,
                    struct token_waiters *out)
{
    SL_CHECK(life_ns > 0 && token.n > 0);
    int64_t margin = life_ns / 10 < MARGIN_NS ? life_ns / 10 : MARGIN_NS;
    pthread_mutex_lock(&c->lock);
    end_fetch(c, out);
    set_authorization(c, token);
    c->number++;
    c->renew_ns = now_ns + life_ns / 4 * 3 + part(life_ns / 20, random);
    c->over_ns = now_ns + life_ns - margin;
    c->failures = 0;
    c->failed_fetch = 0;
    pthread_mutex_unlock(&c->lock);
}

void token_cell_failed(struct token_cell *c, int failure, int64_t now_ns, uint64_t random, struct token_waiters *out)
{
    pthread_mutex_lock(&c->lock);
    end_fetch(c, out);
    unsigned doublings = c->failures < BACKOFF_DOUBLINGS ? c->failures : BACKOFF_DOUBLINGS;
    int64_t most = BACKOFF_NS << doublings < BACKOFF_MAX_NS ? BACKOFF_NS << doublings : BACKOFF_MAX_NS;
    c->failures++;
    c->failure = failure;
    c->failed_fetch = c->fetch;
    c->again_ns = now_ns + most / 2 + part(most / 2, random);
    pthread_mutex_unlock(&c->lock);
}

void token_cell_left(struct token_cell *c, struct token_waiters *out)
{
    pthread_mutex_lock(&c->lock);
    end_fetch(c, out);
    pthread_mutex_unlock(&c->lock);
}

bool token_cell_refused(struct token_cell *c, uint64_t number, int64_t now_ns)
{
    pthread_mutex_lock(&c->lock);
    bool is_other = c->number != number || c->authorization.n == 0; /* somebody has seen to it already */
    bool drops = !is_other && (!c->was_dropped || now_ns - c->dropped_ns >= DROP_NS);
    if (drops) {
        sl_secret_done(&c->authorization);
        c->was_dropped = true;
        c->dropped_ns = now_ns;
    }
    pthread_mutex_unlock(&c->lock);
    return drops || is_other;
}
