/* See fetch.h. What an attempt reports is only noted; what follows is done by a task, when the attempt may be freed.
 *
 *   step ─► attempt ─┬─ 200: bytes are kept ─► done
 *    ▲               ├─ 3xx with a location: the next URL
 *    └───────────────┘  anything else: why ─► done */
#include "upstream/fetch.h"

#include "base/hash.h"
#include "http/url.h"
#include "upstream/upstream_int.h"

#define FETCH_MAGIC 0x46455443u
#define CONNECT_NS (5 * SL_SEC)

struct fetch_url {
    bool https;
    uint16_t port;
    struct sl_str host, authority;
    struct sl_str target; /* path and query, ready to send */
};

struct fetch {
    uint32_t magic;
    struct upstream *up; /* borrow */
    struct sl_arena *a;  /* borrow */
    struct fetch_rules rules;
    fetch_done_f *done;
    void *owner;
    struct fetch_url at;
    struct upstream_origin origin; /* of the live attempt */
    struct attempt *attempt;       /* own or NULL */
    struct sl_chunks body;         /* own */
    struct sl_task task;
    int64_t due_ns;
    unsigned redirects;
    int status;
    struct sl_str location;
    bool over, is_done;
    enum outcome outcome;
    struct fetch_result result;
};

/* ---- URLs ---- */

/* Bytes that people write into URLs and that may not stand there are escaped; controls are refused. */
static bool clean_target(struct sl_str target, struct sl_arena *a, struct sl_str *out)
{
    static const char hex[] = "0123456789ABCDEF";
    char *p = sl_arena_alloc(a, target.n * 3 + 2);
    size_t n = 0;
    if (target.n == 0 || target.p[0] != '/')
        p[n++] = '/';
    for (size_t i = 0; i < target.n; i++) {
        unsigned char c = (unsigned char)target.p[i];
        if (c < ' ' || c == 0x7f || c == '\\')
            return false;
        if (c == ' ' || c == '"' || c == '<' || c == '>' || c > 0x7e) {
            p[n++] = '%';
            p[n++] = hex[c >> 4];
            p[n++] = hex[c & 15];
        } else {
            p[n++] = (char)c;
        }
    }
    *out = sl_str_of(p, n);
    return url_target_is_clean(*out);
}

static struct sl_str lower(struct sl_str s, struct sl_arena *a)
{
    char *p = sl_arena_alloc(a, s.n + 1);
    for (size_t i = 0; i < s.n; i++)
        p[i] = sl_lower(s.p[i]);
    return sl_str_of(p, s.n);
}

/* NULL: *out is filled. */
static const char *read_url(struct sl_str url, struct sl_arena *a, struct fetch_url *out)
{
    if (url.n > FETCH_URL_MAX)
        return "is too long for a URL";
    ptrdiff_t fragment = sl_str_find(url, '#');
    if (fragment >= 0)
        url = sl_str_head(url, (size_t)fragment);
    out->https = sl_str_starts_nocase(url, SL_STR("https://"));
    if (!out->https && !sl_str_starts_nocase(url, SL_STR("http://")))
        return "is no http(s) URL";
    struct sl_str rest = sl_str_from(url, out->https ? 8 : 7);
    size_t n = 0;
    while (n < rest.n && memchr("/?\\", rest.p[n], 3) == NULL)
        n++;
    struct sl_str authority = lower(sl_str_head(rest, n), a);
    if (sl_str_find(authority, '@') >= 0)
        return "has a user name in its URL";
    if (!url_authority_split(authority, &out->host, &out->port))
        return "has no valid host in its URL";
    out->authority = authority;
    if (out->port == 0)
        out->port = out->https ? 443 : 80;
    return clean_target(sl_str_from(rest, n), a, &out->target) ? NULL : "is no valid URL";
}

static bool host_is_listed(struct sl_str host, const struct fetch_rules *r)
{
    for (size_t i = 0; i < r->n_hosts; i++) {
        struct sl_str row = r->hosts[i];
        bool below = row.n > 0 && row.p[0] == '.';
        if (below ? sl_str_ends(host, row) || sl_str_eq(host, sl_str_from(row, 1)) : sl_str_eq(host, row))
            return true;
    }
    return r->n_hosts == 0;
}

static const char *judge_url(const struct fetch_url *u, const struct fetch_rules *r)
{
    if (!u->https && !r->plain_http)
        return "is not https";
    if (u->https && r->tls == NULL)
        return "cannot be fetched over TLS";
    return host_is_listed(u->host, r) ? NULL : "is on a host that is not allowed";
}

bool fetch_redirects(int status)
{
    return status == 301 || status == 302 || status == 303 || status == 307 || status == 308;
}

const char *fetch_refusal(struct sl_str url, const struct fetch_rules *rules, struct sl_arena *a)
{
    struct fetch_url u = {0};
    const char *why = read_url(url, a, &u);
    return why != NULL ? why : judge_url(&u, rules);
}

static bool has_scheme(struct sl_str s)
{
    size_t n = 0;
    while (n < s.n && memchr(":/?#", s.p[n], 4) == NULL)
        n++;
    return n < s.n && s.p[n] == ':';
}

/* RFC 3986 5.2, as far as redirects use it: whole URLs, "//host/path", "/path", "?query" and "name". */
static struct sl_str absolute(const struct fetch *f, struct sl_str to)
{
    const struct fetch_url *at = &f->at;
    const char *scheme = at->https ? "https" : "http";
    if (has_scheme(to))
        return to;
    if (sl_str_starts(to, SL_STR("//")))
        return sl_arena_printf(f->a, "%s:" SL_STR_FMT, scheme, SL_STR_ARG(to));
    struct sl_str path = at->target;
    ptrdiff_t query = sl_str_find(path, '?');
    if (query >= 0)
        path = sl_str_head(path, (size_t)query);
    while (path.n > 0 && path.p[path.n - 1] != '/' && !sl_str_starts(to, SL_STR("?")))
        path.n--;
    if (sl_str_starts(to, SL_STR("/")))
        path.n = 0;
    return sl_arena_printf(f->a, "%s://" SL_STR_FMT SL_STR_FMT SL_STR_FMT, scheme, SL_STR_ARG(at->authority),
                           SL_STR_ARG(path), SL_STR_ARG(to));
}

/* ---- the end ---- */

static void drop_attempt(struct fetch *f)
{
    if (f->attempt == NULL)
        return;
    attempt_free(f->attempt);
    f->attempt = NULL;
}

static void finish(struct fetch *f, const char *why)
{
    drop_attempt(f);
    f->is_done = true;
    f->result.ok = why == NULL;
    f->result.why = why;
    if (why == NULL)
        f->result.bytes = sl_chunks_flat(&f->body);
    f->done(f->owner, f);
}

static void fail(struct fetch *f, const char *why)
{
    f->over = true;
    f->result.why = why;
    sl_task_post(f->up->loop, &f->task);
}

/* ---- one attempt ---- */

static void on_head(void *owner, const struct http_response *head)
{
    struct fetch *f = owner;
    struct sl_str coding = http_headers_get(&head->headers, HN_CONTENT_ENCODING);
    f->status = head->status;
    f->location = sl_arena_str(f->a, http_headers_get(&head->headers, HN_LOCATION));
    f->result.type = sl_arena_str(f->a, http_headers_get(&head->headers, HN_CONTENT_TYPE));
    if (head->status != 200)
        fail(f, NULL); /* its body is of no interest */
    else if (head->content_length > 0 && (uint64_t)head->content_length > f->rules.max_bytes)
        fail(f, "is too large");
    else if (coding.n > 0 && !sl_str_eq_nocase(coding, SL_STR("identity")))
        fail(f, "is compressed on its way");
}

static void on_body(void *owner, struct sl_str bytes)
{
    struct fetch *f = owner;
    if (!f->over && sl_chunks_add(&f->body, bytes.p, bytes.n) != SL_OK)
        fail(f, "is too large");
}

static void on_over(void *owner, const struct attempt_result *r)
{
    struct fetch *f = owner;
    f->outcome = r->outcome;
    f->over = true;
    sl_task_post(f->up->loop, &f->task);
}

static const struct attempt_owner attempt_owner = {.on_head = on_head, .on_body = on_body, .on_over = on_over};

static const char *why_over(enum outcome o)
{
    switch (o) {
    case OUT_OK:
        return NULL;
    case OUT_ADDRESS_REFUSED:
        return "has no public address";
    case OUT_RESOLVE_FAILED:
        return "is on a host that is not known";
    case OUT_TLS_FAILED:
    case OUT_TLS_TIMEOUT:
        return "is on a host without a valid certificate";
    case OUT_CONNECT_TIMEOUT:
    case OUT_SEND_TIMEOUT:
    case OUT_FIRST_BYTE_TIMEOUT:
    case OUT_BETWEEN_TIMEOUT:
    case OUT_TOTAL_TIMEOUT:
        return "did not come in time";
    case OUT_CONNECT_REFUSED:
        return "is on a host that does not answer";
    default:
        return "broke off";
    }
}

/* Equal for no two origins of different rules, and for none of the configuration's: nothing is kept for reuse anyway. */
static uint64_t origin_id(const struct fetch_url *at, const struct fetch_rules *rules, struct sl_arena *a)
{
    struct sl_str all =
        sl_arena_printf(a, "fetch|%d|%d|" SL_STR_FMT, at->https, rules->allow_private, SL_STR_ARG(at->authority));
    return sl_hash(sl_hash_process_key(), all) | 1;
}

static struct upstream_origin origin_of(const struct fetch_url *at, const struct fetch_rules *rules, struct sl_arena *a)
{
    return (struct upstream_origin){
        .id = origin_id(at, rules, a),
        .host = at->host,
        .authority = at->authority,
        .port = at->port,
        .tls = at->https,
        .allow_private = rules->allow_private,
        .http = UPSTREAM_HTTP1,
        .tls_ctx = at->https ? rules->tls : NULL,
        .tls_name = at->host,
    };
}

const char *fetch_origin(struct sl_str url, const struct fetch_rules *rules, struct sl_arena *a,
                         struct upstream_origin *out, struct sl_str *out_target)
{
    struct fetch_url u = {0};
    const char *why = read_url(url, a, &u);
    if (why == NULL)
        why = judge_url(&u, rules);
    if (why != NULL)
        return why;
    *out = origin_of(&u, rules, a);
    *out_target = u.target;
    return NULL;
}

static void step(struct fetch *f, struct sl_str url)
{
    const char *why = read_url(url, f->a, &f->at);
    if (why == NULL)
        why = judge_url(&f->at, &f->rules);
    if (why == NULL && sl_loop_now(f->up->loop) >= f->due_ns)
        why = "did not come in time";
    if (why != NULL) {
        fail(f, why);
        return;
    }
    struct http_headers h = {0};
    http_headers_add(&h, f->a, SL_STR("accept"), f->rules.accept);
    http_headers_add(&h, f->a, SL_STR("accept-encoding"), SL_STR("identity"));
    http_headers_add(&h, f->a, SL_STR("user-agent"), SL_STR("sluice"));
    f->origin = origin_of(&f->at, &f->rules, f->a);
    f->over = false;
    f->status = 0;
    f->outcome = OUT_OK;
    f->result.why = NULL;
    const struct attempt_request r = {
        .origin = &f->origin,
        .method = SL_STR("GET"),
        .path = f->at.target,
        .headers = h.v,
        .n_headers = h.n,
        .deadlines = {.connect_ns = CONNECT_NS, .tls_ns = CONNECT_NS, .total_due_ns = f->due_ns},
    };
    f->attempt = attempt_start(f->up, f->a, &r, &attempt_owner, f);
}

/* What the attempt has noted decides. */
static void on_task(struct sl_task *t)
{
    struct fetch *f = SL_CONTAINER_OF(t, struct fetch, task);
    SL_CHECK(f->magic == FETCH_MAGIC && f->over && !f->is_done);
    drop_attempt(f);
    if (f->result.why != NULL) {
        finish(f, f->result.why);
    } else if (fetch_redirects(f->status) && f->location.n > 0) {
        if (f->redirects++ < FETCH_REDIRECTS)
            step(f, absolute(f, f->location));
        else
            finish(f, "is redirected too often");
    } else if (f->status != 0 && f->status != 200) {
        finish(f, f->status == 404 || f->status == 410   ? "is not there"
                  : f->status == 401 || f->status == 403 ? "may not be read"
                                                         : "was not given by its server");
    } else {
        const char *why = why_over(f->outcome);
        finish(f, why != NULL ? why : f->body.n == 0 ? "is empty" : NULL);
    }
}

struct fetch *fetch_start(struct upstream *u, struct sl_arena *a, struct sl_str url, const struct fetch_rules *rules,
                          fetch_done_f *done, void *owner)
{
    struct fetch *f = SL_ARENA_NEW(a, struct fetch);
    f->magic = FETCH_MAGIC;
    f->up = u;
    f->a = a;
    f->rules = *rules;
    f->done = done;
    f->owner = owner;
    f->due_ns = sl_loop_now(u->loop) + rules->total_ns;
    sl_task_init(&f->task, on_task);
    sl_chunks_init(&f->body, rules->max_bytes, u->chunks);
    step(f, url);
    return f;
}

const struct fetch_result *fetch_result(const struct fetch *f)
{
    SL_CHECK(f->is_done);
    return &f->result;
}

void fetch_free(struct fetch *f)
{
    if (f == NULL)
        return;
    drop_attempt(f);
    sl_task_cancel(&f->task);
    sl_chunks_done(&f->body);
    f->magic = 0; /* its memory is the arena's */
}
