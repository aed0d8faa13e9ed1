/* See s3.h. */
#include "keep/s3.h"

#include "base/clock.h"
#include "base/buf.h"
#include "base/mem.h"
#include "http/url.h"
#include "loop/timer.h"
#include "tls/digest.h"
#include "upstream/upstream.h"

#define TRIES 3u
#define FIRST_WAIT_NS (200 * SL_MS)
#define CONNECT_NS (10 * SL_SEC)
#define CALL_NS (60 * SL_SEC)
#define SLOW_BYTES_PER_S 32768u /* a body may take as long as that */

/* ---- requests ---- */

static void add(struct http_headers *h, struct sl_arena *a, struct sl_str name, struct sl_str value)
{
    if (value.n > 0)
        http_headers_add(h, a, name, value);
}

void s3_fill(const struct keep_place *p, const struct s3_ask *ask, int64_t wall_s, struct sl_arena *a,
             struct attempt_request *out)
{
    struct http_headers h = {0}, to_sign = {0};
    uint8_t none[TLS_SHA256_BYTES];
    tls_sha256("", 0, none);
    struct sl_str payload = sigv4_hex(ask->sha256 != NULL ? ask->sha256 : none, a);
    struct sl_str path = ask->name.n > 0
                             ? sl_arena_printf(a, SL_STR_FMT SL_STR_FMT, SL_STR_ARG(p->base), SL_STR_ARG(ask->name))
                             : p->root;
    if (ask->query.n > 0)
        path = sl_arena_printf(a, SL_STR_FMT "?" SL_STR_FMT, SL_STR_ARG(path), SL_STR_ARG(ask->query));
    http_headers_add_id(&to_sign, a, HN_HOST, p->origin.authority);
    http_headers_add(&to_sign, a, SL_STR("x-amz-content-sha256"), payload);
    http_headers_add(&to_sign, a, SL_STR("x-amz-date"), sigv4_stamp(wall_s, a));
    add(&to_sign, a, SL_STR("x-amz-security-token"), p->key.session);
    for (uint32_t i = 1; i < to_sign.n; i++) /* host is the attempt's */
        http_headers_add(&h, a, to_sign.v[i].name, to_sign.v[i].value);
    const struct sigv4_request r = {
        .method = ask->method,
        .host = p->origin.authority,
        .target = path,
        .region = p->region,
        .service = SL_STR("s3"),
        .wall_s = wall_s,
    };
    http_headers_add_id(&h, a, HN_AUTHORIZATION, sigv4_authorization(&p->key, &r, &to_sign, payload, a));
    http_headers_add_id(&h, a, HN_USER_AGENT, SL_STR("sluice"));
    http_headers_add_id(&h, a, HN_ACCEPT_ENCODING, SL_STR("identity"));
    if (ask->type.n > 0)
        http_headers_add_id(&h, a, HN_CONTENT_TYPE, ask->type);
    add(&h, a, SL_STR("range"), ask->range);
    add(&h, a, SL_STR("if-match"), ask->if_match);
    *out = (struct attempt_request){
        .origin = &p->origin,
        .method = ask->method,
        .path = path,
        .headers = h.v,
        .n_headers = h.n,
        .body = &ask->body,
        .n_body = ask->body.iov_len > 0 ? 1 : 0,
        .deadlines = {.connect_ns = CONNECT_NS, .tls_ns = CONNECT_NS},
    };
}

/* ---- answers ---- */

/* Where "<name>" or "</name>" begins in s; -1: nowhere. */
static ptrdiff_t find_tag(struct sl_str s, struct sl_str name, bool end, size_t *out_n)
{
    size_t at = 0, skip = end ? 2 : 1;
    while (at < s.n) {
        ptrdiff_t open = sl_str_find(sl_str_from(s, at), '<');
        if (open < 0)
            return -1;
        at += (size_t)open;
        struct sl_str tag = sl_str_from(s, at);
        bool is_end = tag.n > 1 && tag.p[1] == '/';
        if (is_end == end && tag.n > skip && sl_str_starts(sl_str_from(tag, skip), name) && tag.n > skip + name.n) {
            char after = tag.p[skip + name.n];
            ptrdiff_t close = sl_str_find(tag, '>');
            bool bounded = after == '>' || sl_is_blank(after);
            if (close < 0)
                return -1;
            if (bounded && tag.p[close - 1] != '/') {
                *out_n = (size_t)close + 1;
                return (ptrdiff_t)at;
            }
        }
        at++;
    }
    return -1;
}

bool s3_xml_next(struct sl_str *rest, struct sl_str name, struct sl_str *out_inside)
{
    size_t n = 0, n_end = 0;
    ptrdiff_t begin = find_tag(*rest, name, false, &n);
    if (begin < 0)
        return false;
    struct sl_str inside = sl_str_from(*rest, (size_t)begin + n);
    ptrdiff_t end = find_tag(inside, name, true, &n_end);
    if (end < 0)
        return false;
    *out_inside = sl_str_head(inside, (size_t)end);
    *rest = sl_str_from(inside, (size_t)end + n_end);
    return true;
}

static bool entity(struct sl_str name, char *out)
{
    static const struct {
        const char *name;
        char c;
    } named[] = {{"amp", '&'}, {"lt", '<'}, {"gt", '>'}, {"quot", '"'}, {"apos", '\''}};
    uint64_t v = 0;
    for (size_t i = 0; i < sizeof named / sizeof named[0]; i++)
        if (sl_str_eq(name, sl_str_c(named[i].name))) {
            *out = named[i].c;
            return true;
        }
    if (name.n < 2 || name.p[0] != '#' || !sl_str_to_u64(sl_str_from(name, 1), &v) || v < ' ' || v > '~')
        return false;
    *out = (char)v;
    return true;
}

bool s3_xml_text(struct sl_str xml, struct sl_str name, struct sl_arena *a, struct sl_str *out)
{
    struct sl_str inside;
    size_t n = 0;
    if (!s3_xml_next(&xml, name, &inside))
        return false;
    char *to = sl_arena_alloc(a, inside.n + 1);
    while (inside.n > 0) {
        ptrdiff_t end = inside.p[0] == '&' ? sl_str_find(sl_str_head(inside, inside.n < 10 ? inside.n : 10), ';') : -1;
        if (end > 0 && entity(sl_str_of(inside.p + 1, (size_t)end - 1), to + n)) {
            inside = sl_str_from(inside, (size_t)end + 1);
        } else {
            to[n] = inside.p[0];
            inside = sl_str_from(inside, 1);
        }
        n++;
    }
    *out = sl_str_of(to, n);
    return true;
}

bool s3_etag_is(struct sl_str etag)
{
    if (etag.n < 3 || etag.n > 200)
        return false;
    for (size_t i = 0; i < etag.n; i++) {
        char c = etag.p[i];
        if (c <= ' ' || c > '~' || c == '<' || c == '>' || c == '&')
            return false;
    }
    return true;
}

static struct sl_str key_of(const struct keep_place *p, struct sl_str name, struct sl_arena *a)
{
    return sl_arena_printf(a, SL_STR_FMT SL_STR_FMT, SL_STR_ARG(p->prefix), SL_STR_ARG(name));
}

struct sl_str s3_uploads_query(const struct keep_place *p, struct sl_str name, struct sl_arena *a)
{
    struct sl_str key = url_escape(key_of(p, name, a), SL_STR_NONE, a);
    return sl_arena_printf(a, "prefix=" SL_STR_FMT "&uploads", SL_STR_ARG(key));
}

struct sl_str s3_uploads_read(const struct keep_place *p, struct sl_str name, struct sl_str xml, struct sl_arena *a)
{
    struct sl_str inside, its, id, all, key = key_of(p, name, a);
    struct sl_buf b;
    sl_buf_init(&b, S3_ANSWER_MAX);
    while (s3_xml_next(&xml, SL_STR("Upload"), &inside))
        if (s3_xml_text(inside, SL_STR("Key"), a, &its) && s3_xml_text(inside, SL_STR("UploadId"), a, &id) &&
            sl_str_eq(its, key) && id.n > 0 && id.n <= S3_UPLOAD_ID_MAX) {
            sl_buf_adds(&b, url_escape(id, SL_STR_NONE, a));
            sl_buf_addc(&b, '\n');
        }
    all = sl_arena_str(a, sl_buf_str(&b));
    sl_buf_done(&b);
    return all;
}

/* ---- calls ---- */

struct s3_call {
    struct keep_env env; /* a copy: who asked may be gone when it is freed */
    const struct keep_place *p;
    struct s3_ask ask;
    s3_done_f *done;
    void *owner;
    struct sl_arena a; /* of the live try */
    struct attempt_request request;
    struct attempt *attempt; /* own or NULL */
    struct sl_chunks body;
    struct s3_answer answer;
    struct sl_task task;
    struct sl_timer timer;
    unsigned tries;
    bool over, opened;
};

static void on_head(void *owner, const struct http_response *head)
{
    struct s3_call *c = owner;
    c->answer.head = head;
    c->answer.status = head->status;
}

static void on_body(void *owner, struct sl_str bytes)
{
    struct s3_call *c = owner;
    size_t room = S3_ANSWER_MAX - c->body.n, n = bytes.n < room ? bytes.n : room;
    if (n > 0)
        SL_CHECK(sl_chunks_add(&c->body, bytes.p, n) == SL_OK);
    if (n < bytes.n)
        sl_task_post(c->env.loop, &c->task); /* enough of it */
}

static void on_over(void *owner, const struct attempt_result *r)
{
    struct s3_call *c = owner;
    c->over = true;
    if (r->outcome != OUT_OK)
        c->answer.status = 0;
    c->answer.why = r->outcome != OUT_OK ? outcome_row(r->outcome)->name : SL_STR_NONE;
    sl_task_post(c->env.loop, &c->task);
}

static const struct attempt_owner call_owner = {.on_head = on_head, .on_body = on_body, .on_over = on_over};

static void drop_try(struct s3_call *c)
{
    if (!c->opened)
        return;
    if (c->attempt != NULL && !c->over)
        attempt_cancel(c->attempt, false, NULL);
    attempt_free(c->attempt);
    c->attempt = NULL;
    sl_arena_done(&c->a);
    sl_chunks_clear(&c->body);
    c->opened = false;
}

static void try_it(struct s3_call *c)
{
    struct sl_loop *l = c->env.loop;
    sl_arena_init(&c->a, NULL);
    c->opened = true;
    c->over = false;
    c->answer = (struct s3_answer){0};
    c->tries++;
    s3_fill(c->p, &c->ask, sl_loop_wall(l) / SL_SEC, &c->a, &c->request);
    c->request.deadlines.total_due_ns = sl_loop_now(l) + CALL_NS +
                                        (int64_t)(c->ask.body.iov_len / SLOW_BYTES_PER_S) * SL_SEC;
    c->attempt = attempt_start(c->env.upstream, &c->a, &c->request, &call_owner, c);
}

static bool is_passing(int status)
{
    return status == 0 || status == 408 || status == 429 || status >= 500;
}

static void on_task(struct sl_task *t)
{
    struct s3_call *c = SL_CONTAINER_OF(t, struct s3_call, task);
    struct sl_loop *l = c->env.loop;
    if (is_passing(c->answer.status) && c->tries < TRIES) {
        int64_t wait = FIRST_WAIT_NS << (2 * (c->tries - 1));
        drop_try(c);
        sl_timer_arm(l, &c->timer, sl_loop_now(l) + wait + (int64_t)sl_rand_below(&l->rand, (uint64_t)wait / 2));
        return;
    }
    if (!c->over)
        attempt_cancel(c->attempt, false, NULL);
    c->over = true;
    c->answer.body = sl_chunks_flat(&c->body);
    c->done(c->owner, c, &c->answer);
}

static void on_timer(struct sl_timer *t)
{
    try_it(SL_CONTAINER_OF(t, struct s3_call, timer));
}

struct s3_call *s3_call_start(const struct keep_env *env, const struct keep_place *p, const struct s3_ask *ask,
                              s3_done_f *done, void *owner)
{
    struct s3_call *c = SL_NEW(struct s3_call);
    c->env = *env;
    c->p = p;
    c->ask = *ask;
    c->done = done;
    c->owner = owner;
    sl_chunks_init(&c->body, S3_ANSWER_MAX, NULL);
    sl_task_init(&c->task, on_task);
    sl_timer_init(&c->timer, on_timer);
    try_it(c);
    return c;
}

void s3_call_free(struct s3_call *c)
{
    if (c == NULL)
        return;
    drop_try(c);
    sl_task_cancel(&c->task);
    sl_timer_cancel(c->env.loop, &c->timer);
    sl_chunks_done(&c->body);
    sl_free(c);
}
