/* See video_hook.h.
 *
 *   row ─► hook ─► timer ─► attempt ─┬─ 2xx: done, the row says so
 *                                    └─ anything else: later, twice as late each time; after GIVE_UP_NS no more
 *
 * Told at least once: an answer that a kill swallowed is told again, under the same webhook-id. */
#include "exchange/video_hook.h"

#include "base/base64.h"
#include "base/log.h"
#include "base/mem.h"
#include "exchange/video_int.h"
#include "tls/digest.h"
#include "upstream/fetch.h"

#define HOOK_NS (10 * SL_SEC)
#define GIVE_UP_NS (72 * 3600 * SL_SEC)
#define FIRST_WAIT_NS (5 * SL_SEC)
#define LAST_WAIT_NS (3600 * SL_SEC)
#define AT_ONCE 16u
#define BODY_MAX ((size_t)1 << 20)
#define KEY_MAX 512u

struct hook {
    struct sl_list node;
    struct video_hooks *all;
    struct sl_arena a; /* own: of the row */
    struct store_video v;
    struct sl_timer timer;
    struct sl_task task;
    struct sl_ended ended;
    /* while it is told */
    struct snapshot *snap;   /* ref; NULL: it is not */
    struct sl_arena call;    /* own */
    struct attempt *attempt; /* own */
    struct upstream_origin origin;
    struct attempt_request request;
    int status;
    bool over;
};

struct video_hooks {
    struct exchange_env *env; /* borrow */
    struct sl_list list;
    unsigned live;
    bool ending;
};

static struct fetch_rules rules_of(const struct snapshot *s)
{
    const struct videos_policy *set = &s->set.videos;
    return (struct fetch_rules){
        .hosts = set->hook_hosts,
        .n_hosts = set->n_hook_hosts,
        .plain_http = set->hook_private,
        .allow_private = set->hook_private,
        .tls = s->media_tls,
    };
}

const char *video_hook_refusal(const struct snapshot *s, struct sl_str url, struct sl_arena *a)
{
    const struct fetch_rules rules = rules_of(s);
    return fetch_refusal(url, &rules, a);
}

/* ---- what is said ---- */

/* A tenant with a secret of its own is told with that alone: what is the gateway's would let others speak for it. */
static struct hook_secrets secrets_of(const struct snapshot *s, struct sl_str tenant)
{
    const struct tenant_terms *terms = tenant_terms_of(s, tenant);
    return terms != NULL && terms->hook.secret.n > 0 ? terms->hook : s->set.videos.hook;
}

bool video_hook_may(const struct snapshot *s, struct sl_str tenant)
{
    return secrets_of(s, tenant).secret.n > 0;
}

static size_t key_of(struct sl_str secret, char out[KEY_MAX])
{
    size_t n = 0;
    if (sl_str_starts(secret, SL_STR("whsec_")) && secret.n < KEY_MAX &&
        sl_base64_decode(sl_str_from(secret, 6), out, &n))
        return n;
    n = secret.n < KEY_MAX ? secret.n : KEY_MAX;
    if (n > 0)
        memcpy(out, secret.p, n);
    return n;
}

struct sl_str video_hook_signature(struct sl_str secret, struct sl_str id, int64_t timestamp, struct sl_str body,
                                   struct sl_arena *a)
{
    char key[KEY_MAX], text[64];
    uint8_t mac[TLS_SHA256_BYTES];
    size_t n = key_of(secret, key);
    struct sl_str head = sl_arena_printf(a, SL_STR_FMT ".%lld.", SL_STR_ARG(id), (long long)timestamp);
    char *all = sl_arena_alloc(a, head.n + body.n + 1);
    memcpy(all, head.p, head.n);
    if (body.n > 0)
        memcpy(all + head.n, body.p, body.n);
    tls_hmac_once(sl_str_of(key, n), sl_str_of(all, head.n + body.n), mac);
    explicit_bzero(key, sizeof key);
    size_t text_n = sl_base64_encode(sl_str_of(mac, sizeof mac), text);
    return sl_arena_printf(a, "v1,%.*s", (int)text_n, text);
}

/* Ark's clients are told what a GET would say, OpenAI's get its event. The same bytes at every try. */
static struct sl_str body_of(struct hook *h, struct sl_str event)
{
    struct video_view view;
    struct sl_buf b;
    video_view_of(&h->v, h->v.ended_ns, &h->call, &view);
    sl_buf_init(&b, BODY_MAX);
    if (video_asked_in_ark(h->v.request, &h->call))
        video_ark_write(&view, &b);
    else
        video_openai_event_write(event, &view, h->v.ended_ns / SL_SEC, &b);
    struct sl_str body = sl_arena_str(&h->call, sl_buf_str(&b));
    sl_buf_done(&b);
    return body;
}

static void fill_headers(struct hook *h, struct http_headers *to, struct sl_str event, struct sl_str body)
{
    struct sl_arena *a = &h->call;
    int64_t now = sl_loop_wall(h->all->env->loop) / SL_SEC;
    const struct hook_secrets secrets = secrets_of(h->snap, h->v.tenant);
    struct sl_str signature = video_hook_signature(secrets.secret, event, now, body, a);
    if (secrets.previous.n > 0) /* who has not changed yet believes the second one */
        signature = sl_arena_printf(a, SL_STR_FMT " " SL_STR_FMT, SL_STR_ARG(signature),
                                    SL_STR_ARG(video_hook_signature(secrets.previous, event, now, body, a)));
    http_headers_add_id(to, a, HN_CONTENT_TYPE, SL_STR("application/json"));
    http_headers_add_id(to, a, HN_USER_AGENT, SL_STR("sluice"));
    http_headers_add(to, a, SL_STR("webhook-id"), event);
    http_headers_add(to, a, SL_STR("webhook-timestamp"), sl_arena_printf(a, "%lld", (long long)now));
    http_headers_add(to, a, SL_STR("webhook-signature"), signature);
}

/* ---- the row ---- */

static void on_noted(struct video_rows *m, void *receiver)
{
    (void)receiver;
    video_rows_free(m);
}

static void note(struct hook *h, int64_t due_ns)
{
    struct exchange_env *env = h->all->env;
    struct video_rows *m = video_rows_new(VR_HOOK);
    m->v.id = sl_arena_str(&m->a, h->v.id);
    m->v.hook_due_ns = due_ns;
    m->v.hook_tries = h->v.hook_tries;
    m->done = on_noted;
    if (!env->videos_ask(env->owner, m))
        video_rows_free(m);
}

static void free_hook(struct sl_ended *e)
{
    sl_free(SL_CONTAINER_OF(e, struct hook, ended));
}

static void stop_telling(struct hook *h)
{
    if (h->snap == NULL)
        return;
    attempt_free(h->attempt);
    h->attempt = NULL;
    sl_arena_done(&h->call);
    snapshot_unref(h->snap);
    h->snap = NULL;
    h->all->live--;
}

static void forget(struct hook *h)
{
    struct sl_loop *l = h->all->env->loop;
    stop_telling(h);
    sl_timer_cancel(l, &h->timer);
    sl_task_cancel(&h->task);
    sl_list_remove(&h->node);
    sl_arena_done(&h->a);
    sl_end(l, &h->ended, free_hook);
}

static void later(struct hook *h, const char *why)
{
    struct exchange_env *env = h->all->env;
    int64_t wall = sl_loop_wall(env->loop), wait = FIRST_WAIT_NS;
    h->v.hook_tries++;
    for (uint32_t i = 1; i < h->v.hook_tries && wait < LAST_WAIT_NS; i++)
        wait *= 2;
    wait = wait > LAST_WAIT_NS ? LAST_WAIT_NS : wait;
    wait -= (int64_t)sl_rand_below(&env->loop->rand, (uint64_t)wait / 4);
    if (wall - h->v.ended_ns > GIVE_UP_NS) {
        SL_LOG(SL_LOG_WARN, "video.webhook_given_up", SL_LS("id", h->v.id), SL_LC("why", why));
        note(h, 0);
        forget(h);
        return;
    }
    note(h, wall + wait);
    sl_timer_arm(env->loop, &h->timer, sl_loop_now(env->loop) + wait);
}

/* ---- telling ---- */

static void on_head(void *owner, const struct http_response *head)
{
    struct hook *h = owner;
    h->status = head->status;
    sl_task_post(h->all->env->loop, &h->task); /* what else it says is of no interest */
}

static void on_body(void *owner, struct sl_str bytes)
{
    (void)owner, (void)bytes;
}

static void on_over(void *owner, const struct attempt_result *r)
{
    struct hook *h = owner;
    (void)r;
    h->over = true;
    sl_task_post(h->all->env->loop, &h->task);
}

static const struct attempt_owner hook_owner = {.on_head = on_head, .on_body = on_body, .on_over = on_over};

static void on_told(struct sl_task *t)
{
    struct hook *h = SL_CONTAINER_OF(t, struct hook, task);
    struct tel_worker *tel = h->all->env->tel;
    if (!h->over)
        attempt_cancel(h->attempt, false, NULL);
    stop_telling(h);
    if (h->status >= 200 && h->status < 300) {
        tel_add(tel, TEL_VIDEO_HOOKS, 1);
        note(h, 0);
        forget(h);
        return;
    }
    tel_add(tel, TEL_VIDEO_HOOKS_FAILED, 1);
    later(h, h->status != 0 ? "it answered with an error" : "it did not answer");
}

static void tell(struct hook *h)
{
    struct exchange_env *env = h->all->env;
    struct http_headers headers = {0};
    struct sl_str path, event;
    h->snap = snapshot_ref(env->epoch->snapshot);
    h->all->live++;
    sl_arena_init(&h->call, NULL);
    h->status = 0;
    h->over = false;
    const struct fetch_rules rules = rules_of(h->snap);
    const char *why = fetch_origin(h->v.hook, &rules, &h->call, &h->origin, &path);
    if (why != NULL) {
        stop_telling(h);
        later(h, why);
        return;
    }
    event = sl_arena_printf(&h->call, "evt_" SL_STR_FMT, SL_STR_ARG(sl_str_from(h->v.id, 6)));
    struct sl_str body = body_of(h, event);
    struct iovec *piece = SL_ARENA_NEW(&h->call, struct iovec);
    *piece = (struct iovec){(void *)(uintptr_t)body.p, body.n};
    fill_headers(h, &headers, event, body);
    h->request = (struct attempt_request){
        .origin = &h->origin,
        .method = SL_STR("POST"),
        .path = path,
        .headers = headers.v,
        .n_headers = headers.n,
        .body = piece,
        .n_body = 1,
        .deadlines = {.connect_ns = HOOK_NS, .tls_ns = HOOK_NS, .total_due_ns = sl_loop_now(env->loop) + HOOK_NS},
    };
    h->attempt = attempt_start(env->upstream, &h->call, &h->request, &hook_owner, h);
}

static void on_due(struct sl_timer *t)
{
    struct hook *h = SL_CONTAINER_OF(t, struct hook, timer);
    struct video_hooks *all = h->all;
    if (all->ending || h->snap != NULL)
        return;
    if (video_hook_may(all->env->epoch->snapshot, h->v.tenant) && all->live < AT_ONCE)
        tell(h);
    else /* too many at once, or there is no secret since a reload */
        sl_timer_arm(all->env->loop, &h->timer, sl_loop_now(all->env->loop) + SL_SEC);
}

/* ---- from outside ---- */

void video_hooks_add(struct video_hooks *all, const struct store_video *row)
{
    struct exchange_env *env = all->env;
    if (all->ending)
        return;
    struct hook *h = SL_NEW(struct hook);
    h->all = all;
    sl_arena_init(&h->a, NULL);
    store_video_copy(&h->v, row, &h->a);
    sl_list_init(&h->node);
    sl_timer_init(&h->timer, on_due);
    sl_task_init(&h->task, on_told);
    sl_list_add_tail(&all->list, &h->node);
    int64_t wait = row->hook_due_ns - sl_loop_wall(env->loop);
    sl_timer_arm(env->loop, &h->timer, sl_loop_now(env->loop) + (wait > 0 ? wait : SL_MS));
}

struct video_hooks *video_hooks_new(struct exchange_env *env)
{
    struct video_hooks *all = SL_NEW(struct video_hooks);
    all->env = env;
    sl_list_init(&all->list);
    return all;
}

void video_hooks_end(struct video_hooks *all)
{
    all->ending = true;
    SL_LIST_EACH(node, &all->list)
    {
        struct hook *h = SL_CONTAINER_OF(node, struct hook, node);
        if (h->attempt != NULL && !h->over)
            attempt_cancel(h->attempt, false, NULL);
        forget(h);
    }
}

void video_hooks_free(struct video_hooks *all)
{
    sl_free(all);
}
