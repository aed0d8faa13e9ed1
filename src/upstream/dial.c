/* From an origin to a connection that can carry requests: the name, the addresses in turn, the proxy, TLS. Belongs to one
 * attempt, whose deadlines hold.
 *
 *   addresses --connect--> the first that answers --[CONNECT at the proxy]--> --[TLS]--> ready: HTTP/1 or a session
 *
 * A further address is tried beside the others when they have not answered for a while, or at once when one has failed
 * (RFC 8305, without its sorting rules: the system's resolver has sorted). Each address is held against the guard
 * immediately before connect(). The guard does not hold for a proxy's address: that is the operator's own machine, named in
 * the configuration, and what it connects to is its own business; a literal target is still checked. */
#include "upstream/guard.h"
#include "upstream/upstream_int.h"

#include <errno.h>

static void on_resolved(struct resolve_wait *w, enum sl_err e, const struct resolve_addrs *addrs);
static void have_addresses(struct attempt *t);
static void begin_tls(struct up_conn *c);
static void shake(struct up_conn *c);
static void ready(struct up_conn *c);

/* ---- the name ---- */

static void resolve_failed(struct attempt *t, enum resolve_now how)
{
    const char *detail = how == RESOLVE_UNKNOWN ? "no such name"
                         : how == RESOLVE_FULL  ? "too many names are being looked up"
                                                : "name lookup failed";
    attempt_over(t, OUT_RESOLVE_FAILED, detail);
}

static void copy_name_stats(struct upstream *u)
{
    const struct resolve_stats *s = resolver_stats(u->resolver);
    atomic_store_explicit(&u->stats.lookups, s->lookups, memory_order_relaxed);
}

/* RESOLVE: entered to open a connection; waits for the name's addresses; leaves to CONNECT. */
void dial_start(struct attempt *t)
{
    const struct upstream_origin *at = t->req.origin;
    struct dial *d = &t->dial;
    struct sl_addr literal;
    *d = (struct dial){.next_due_ns = SL_NEVER, .through_proxy = at->proxy_host.n > 0, .detail = ""};
    d->wait.done = on_resolved;
    sl_list_init(&d->wait.node);
    attempt_goto(t, AS_RESOLVE);
    if (d->through_proxy && !at->allow_private && sl_addr_parse(at->host, at->port, &literal)) {
        const char *refusal = guard_refusal(&literal);
        if (refusal != NULL) {
            attempt_over(t, OUT_ADDRESS_REFUSED, refusal);
            return;
        }
    }
    enum resolve_now r = resolver_ask(t->up->resolver, d->through_proxy ? at->proxy_host : at->host,
                                      d->through_proxy ? at->proxy_port : at->port, &d->wait, &d->addrs);
    copy_name_stats(t->up);
    if (r == RESOLVE_READY)
        have_addresses(t);
    else if (r != RESOLVE_WAITS)
        resolve_failed(t, r);
}

static void on_resolved(struct resolve_wait *w, enum sl_err e, const struct resolve_addrs *addrs)
{
    struct dial *d = SL_CONTAINER_OF(w, struct dial, wait);
    struct attempt *t = SL_CONTAINER_OF(d, struct attempt, dial);
    if (e != SL_OK) {
        resolve_failed(t, e == SL_ENOENT ? RESOLVE_UNKNOWN : RESOLVE_FAILED);
        return;
    }
    d->addrs = *addrs;
    have_addresses(t);
}

/* ---- the addresses ---- */

static void note_failure(struct dial *d, int errno_value)
{
    d->outcome = errno_value == ETIMEDOUT ? OUT_CONNECT_TIMEOUT
                 : d->through_proxy       ? OUT_PROXY_FAILED
                                          : OUT_CONNECT_REFUSED;
    switch (errno_value) {
    case ECONNREFUSED:
        d->detail = d->through_proxy ? "the proxy refused the connection" : "connection refused";
        return;
    case ETIMEDOUT:
        d->detail = "connect timed out";
        return;
    case EHOSTUNREACH:
        d->detail = "no route to the host";
        return;
    case ENETUNREACH:
        d->detail = "network unreachable";
        return;
    case EMFILE:
    case ENFILE:
        d->detail = "out of file descriptors";
        return;
    case EADDRNOTAVAIL:
        d->detail = "out of local ports";
        return;
    default:
        d->detail = "connect failed";
        return;
    }
}

static struct up_conn **free_place(struct dial *d)
{
    for (unsigned i = 0; i < DIAL_MAX; i++)
        if (d->conns[i] == NULL)
            return &d->conns[i];
    return NULL;
}

static void forget(struct dial *d, const struct up_conn *c)
{
    for (unsigned i = 0; i < DIAL_MAX; i++) {
        if (d->conns[i] != c)
            continue;
        d->conns[i] = NULL;
        d->n_conns--;
    }
}

/* True when a connect to this address is under way. */
static bool try_address(struct attempt *t, const struct sl_addr *a)
{
    struct dial *d = &t->dial;
    const char *refusal = t->req.origin->allow_private || d->through_proxy ? NULL : guard_refusal(a);
    if (refusal != NULL) {
        if (d->outcome == OUT_OK) { /* a failure of an allowed address says more */
            d->outcome = OUT_ADDRESS_REFUSED;
            d->detail = refusal;
        }
        return false;
    }
    struct up_conn *c = conn_new(t->up, t->origin);
    STAT(t->up, connects);
    if (sl_tcp_connect(t->up->loop, &c->stream.tcp, a) != SL_OK) {
        note_failure(d, c->stream.tcp.last_errno);
        conn_close(c, CONN_CLOSE_ORDERLY);
        return false;
    }
    c->attempt = t;
    *free_place(d) = c;
    d->n_conns++;
    return true;
}

/* The next address that can be tried, beside those under way. t may be gone afterwards. */
void dial_next_address(struct attempt *t)
{
    struct dial *d = &t->dial;
    d->next_due_ns = SL_NEVER;
    while (d->next < d->addrs.n && d->n_conns < DIAL_MAX) {
        if (!try_address(t, &d->addrs.v[d->next++]))
            continue;
        if (d->next < d->addrs.n)
            d->next_due_ns = sl_loop_now(t->up->loop) + t->up->limits.next_address_ns;
        attempt_rearm(t);
        return;
    }
    if (d->n_conns == 0)
        attempt_over(t, d->outcome, d->detail);
}

/* CONNECT: entered with at least one address; waits for the first connect that succeeds, and for the proxy's answer; leaves to
 * HANDSHAKE, SEND. */
static void have_addresses(struct attempt *t)
{
    attempt_goto(t, AS_CONNECT);
    dial_next_address(t);
}

void dial_stop(struct attempt *t)
{
    struct dial *d = &t->dial;
    resolver_cancel(&d->wait);
    d->next_due_ns = SL_NEVER;
    for (unsigned i = 0; i < DIAL_MAX; i++) {
        struct up_conn *c = d->conns[i];
        if (c == NULL)
            continue;
        forget(d, c);
        conn_close(c, CONN_CLOSE_RESET);
    }
    if (t->origin->dialling == t) {
        t->origin->dialling = NULL;
        pool_wake_waiting(t->origin);
    }
}

static void connect_failed(struct up_conn *c, int errno_value)
{
    struct attempt *t = c->attempt;
    note_failure(&t->dial, errno_value);
    forget(&t->dial, c);
    conn_close(c, CONN_CLOSE_ORDERLY);
    dial_next_address(t);
}

/* ---- the proxy ---- */

static void ask_proxy(struct up_conn *c)
{
    struct attempt *t = c->attempt;
    const struct upstream_origin *at = t->req.origin;
    bool brackets = sl_str_find(at->host, ':') >= 0;
    struct sl_str target =
        sl_arena_printf(t->arena, brackets ? "[" SL_STR_FMT "]:%u" : SL_STR_FMT ":%u", SL_STR_ARG(at->host), at->port);
    struct http_header auth = {SL_STR_INIT("proxy-authorization"), at->proxy_auth, HN_PROXY_AUTHORIZATION};
    struct http_request r = {
        .method_text = SL_STR("CONNECT"),
        .target = target,
        .authority = target,
        .headers = {.v = &auth, .n = at->proxy_auth.n > 0 ? 1 : 0},
        .content_length = HTTP_LENGTH_NONE,
    };
    c->phase = CONN_PROXY;
    h1_parser_init(&c->parser, H1_RESPONSES, &c->up->h1_limits);
    h1_parser_begin_response(&c->parser, t->arena, HTTP_OTHER);
    if (h1_write_request_head(&c->out, &r, 0) != SL_OK) {
        attempt_over(t, OUT_PROXY_FAILED, "the request to the proxy cannot be written");
        return;
    }
    if (!conn_write_out(c)) {
        attempt_over(t, OUT_PROXY_FAILED, "the proxy closed the connection");
        return;
    }
    conn_want(c);
}

static void judge_proxy(struct up_conn *c, bool is_more)
{
    struct attempt *t = c->attempt;
    int status = h1_parser_response(&c->parser)->status;
    if (status == 407)
        attempt_over(t, OUT_PROXY_FAILED, "the proxy wants other credentials");
    else if (status < 200 || status > 299)
        attempt_over(t, OUT_PROXY_FAILED, "the proxy did not connect");
    else if (is_more) /* nobody speaks before we do: these bytes are not the provider's */
        attempt_over(t, OUT_PROXY_FAILED, "bytes behind the proxy's answer");
    else
        begin_tls(c);
}

static void read_proxy(struct up_conn *c)
{
    struct attempt *t = c->attempt;
    size_t n = 0;
    enum sl_io r = tls_stream_read(&c->stream, c->up->scratch, c->up->scratch_n, &n);
    if (r == SL_IO_AGAIN)
        return;
    if (r != SL_IO_OK) {
        attempt_over(t, OUT_PROXY_FAILED, "the proxy closed the connection");
        return;
    }
    struct sl_str in = sl_str_of(c->up->scratch, n), body;
    switch (h1_parser_feed(&c->parser, &in, &body)) {
    case H1_MORE:
        return;
    case H1_HEAD:
        judge_proxy(c, in.n > 0);
        return;
    default:
        attempt_over(t, OUT_PROXY_FAILED, "the proxy's answer is malformed");
        return;
    }
}

/* ---- TLS ---- */

static struct sl_str alpn_of(const struct upstream_origin *at)
{
    switch (at->http) {
    case UPSTREAM_HTTP2:
        return SL_STR("h2");
    case UPSTREAM_AUTO:
        return SL_STR("h2,http/1.1");
    case UPSTREAM_HTTP1:
        break;
    }
    return SL_STR("http/1.1");
}

/* HANDSHAKE: entered when the way to the provider is open; waits for TLS; leaves to SEND. */
static void begin_tls(struct up_conn *c)
{
    struct attempt *t = c->attempt;
    const struct upstream_origin *at = t->req.origin;
    if (!at->tls) {
        ready(c);
        return;
    }
    attempt_goto(t, AS_HANDSHAKE);
    c->phase = CONN_SHAKE;
    tls_stream_want(&c->stream, 0);
    if (tls_stream_start_client(&c->stream, at->tls_ctx, at->tls_name, alpn_of(at)) != SL_OK) {
        attempt_over(t, OUT_TLS_FAILED, "TLS cannot be set up");
        return;
    }
    shake(c);
}

static void shake(struct up_conn *c)
{
    switch (tls_stream_handshake(&c->stream)) {
    case TLS_SHAKE_MORE:
        return;
    case TLS_SHAKE_FAILED:
        attempt_over(c->attempt, OUT_TLS_FAILED, tls_stream_failure(&c->stream));
        return;
    case TLS_SHAKE_DONE:
        break;
    }
    ready(c);
}

/* ---- the end of it ---- */

static void ready(struct up_conn *c)
{
    struct attempt *t = c->attempt;
    struct pool_origin *o = c->origin;
    const struct upstream_origin *at = t->req.origin;
    bool h2 = at->tls ? sl_str_eq(tls_stream_alpn(&c->stream), SL_STR("h2")) : at->http == UPSTREAM_HTTP2;
    if (at->http == UPSTREAM_HTTP2 && !h2) {
        attempt_over(t, OUT_TLS_FAILED, "the provider does not speak HTTP/2");
        return;
    }
    c->idle_ns = at->idle_ns;
    c->max_idle = at->max_idle;
    o->speaks_h1 = !h2;
    forget(&t->dial, c);
    c->attempt = NULL;
    if (h2)
        conn_start_h2(c);
    dial_stop(t); /* wakes those who wait for the session; they run by their tasks, after us */
    attempt_take_conn(t, c);
}

static void connected(struct up_conn *c)
{
    struct attempt *t = c->attempt;
    struct dial *d = &t->dial;
    d->next_due_ns = SL_NEVER;
    for (unsigned i = 0; i < DIAL_MAX; i++) {
        struct up_conn *other = d->conns[i];
        if (other == NULL || other == c)
            continue;
        forget(d, other);
        conn_close(other, CONN_CLOSE_RESET);
    }
    forget(d, c);
    d->conns[0] = c;
    d->n_conns = 1;
    if (d->through_proxy)
        ask_proxy(c);
    else
        begin_tls(c);
}

void dial_on_event(struct up_conn *c, unsigned events)
{
    switch (c->phase) {
    case CONN_CONNECT: {
        int e = sl_tcp_connect_result(&c->stream.tcp);
        if (e == EINPROGRESS)
            return;
        if (e != 0)
            connect_failed(c, e);
        else
            connected(c);
        return;
    }
    case CONN_PROXY:
        if ((events & SL_WRITABLE) != 0 && !conn_write_out(c)) {
            attempt_over(c->attempt, OUT_PROXY_FAILED, "the proxy closed the connection");
            return;
        }
        if ((events & SL_READABLE) != 0)
            read_proxy(c);
        if (c->phase == CONN_PROXY)
            conn_want(c);
        return;
    default:
        shake(c);
        return;
    }
}
