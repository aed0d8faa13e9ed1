/* The listening sockets of one worker, admission of connections, draining. */
#include "listen/listener.h"

#include "base/hash.h"
#include "base/map.h"
#include "base/mem.h"
#include "listen/conn_int.h"
#include "tls/context.h"

struct address_count { /* of one peer address; freed when its last connection goes */
    unsigned n;
    unsigned key_n;
    char key[16];
};

struct listener {
    struct sl_list node;
    struct listen_server *srv;
    struct sl_listener *l; /* own */
};

struct listen_server *listen_server_new(struct sl_loop *l, const struct listen_options *o)
{
    struct listen_server *s = SL_NEW(struct listen_server);
    s->loop = l;
    s->o = *o;
    s->o.tls = NULL;
    s->date_s = INT64_MIN;
    sl_list_init(&s->conns);
    sl_list_init(&s->listeners);
    s->addresses = SL_NEW(struct sl_map);
    sl_map_init(s->addresses);
    if (o->tls != NULL)
        s->o.tls = tls_context_ref(o->tls);
    listen_server_set_limits(s, &o->limits);
    return s;
}

static struct sl_str address_key(const struct sl_addr *a)
{
    if (a->sa.any.sa_family == AF_INET)
        return sl_str_of(&a->sa.v4.sin_addr, sizeof a->sa.v4.sin_addr);
    return sl_str_of(&a->sa.v6.sin6_addr, 8); /* a /64 is one customer */
}

/* False: this address has its share already. */
static bool address_enter(struct listen_server *s, const struct sl_addr *peer)
{
    struct sl_str key = address_key(peer);
    struct address_count *a = sl_map_get(s->addresses, key);
    if (a != NULL && a->n >= s->o.limits.connections_per_address)
        return false;
    if (a == NULL) {
        a = SL_NEW(struct address_count);
        a->key_n = (unsigned)key.n;
        memcpy(a->key, key.p, key.n);
        sl_map_put(s->addresses, sl_str_of(a->key, a->key_n), a);
    }
    a->n++;
    return true;
}

void listen_address_leave(struct listen_server *s, const struct sl_addr *peer)
{
    struct sl_str key = address_key(peer);
    struct address_count *a = sl_map_get(s->addresses, key);
    SL_CHECK(a != NULL && a->n > 0);
    if (--a->n > 0)
        return;
    sl_map_remove(s->addresses, key);
    sl_free(a);
}

static void on_accept(void *owner, int fd, const struct sl_addr *peer)
{
    struct listener *l = owner;
    listen_server_adopt(l->srv, fd, peer);
}

void listen_server_adopt(struct listen_server *s, int fd, const struct sl_addr *peer)
{
    bool exempt = sl_addr_is_loopback(peer) || s->o.limits.connections_per_address == 0;
    if (s->draining || s->n_conns >= s->o.limits.connections) {
        stat_add(&s->stats.refused_full, 1);
        sl_tcp_discard_fd(fd);
        return;
    }
    if (!exempt && !address_enter(s, peer)) {
        stat_add(&s->stats.refused_address, 1);
        sl_tcp_discard_fd(fd);
        return;
    }
    listen_conn_open(s, fd, peer, !exempt);
}

enum sl_err listen_server_open(struct listen_server *s, const struct sl_addr *at, int backlog,
                               struct sl_addr *out_bound, struct sl_fail *fail)
{
    struct listener *l = SL_NEW(struct listener);
    l->srv = s;
    sl_list_init(&l->node);
    enum sl_err e = sl_listener_open(s->loop, at, backlog, on_accept, l, &l->l, fail);
    if (e != SL_OK) {
        sl_free(l);
        return e;
    }
    sl_list_add_tail(&s->listeners, &l->node);
    *out_bound = sl_listener_addr(l->l);
    return SL_OK;
}

void listen_server_set_tls(struct listen_server *s, struct tls_context *ctx)
{
    struct tls_context *old = s->o.tls;
    s->o.tls = ctx != NULL ? tls_context_ref(ctx) : NULL;
    if (old != NULL)
        tls_context_unref(old);
}

void listen_server_set_limits(struct listen_server *s, const struct listen_limits *limits)
{
    s->o.limits = *limits;
    s->h1_limits = (struct h1_limits){
        .head_bytes = limits->head_bytes, .headers = limits->headers, .target_bytes = limits->target_bytes};
    s->h2_limits = H2_LIMITS_DEFAULT;
    s->h2_limits.streams = limits->streams;
    s->h2_limits.header_list_bytes = limits->head_bytes;
    s->h2_limits.headers = limits->headers;
    s->h2_limits.target_bytes = limits->target_bytes;
    s->h2_limits.stream_queue_bytes = limits->queue_bytes;
    s->h2_limits.resets_per_s = limits->resets_per_second;
    s->h2_limits.resets_burst = 2 * limits->resets_per_second;
}

static void close_listeners(struct listen_server *s)
{
    struct sl_list *node;
    while ((node = sl_list_take_head(&s->listeners)) != NULL) {
        struct listener *l = SL_CONTAINER_OF(node, struct listener, node);
        sl_listener_close(l->l);
        sl_free(l);
    }
}

void listen_server_drain(struct listen_server *s)
{
    s->draining = true;
    close_listeners(s);
    SL_LIST_EACH(node, &s->conns)
    {
        struct conn *c = SL_CONTAINER_OF(node, struct conn, node);
        if (c->kind == CONN_H1)
            conn_h1_drain(c);
        else if (c->kind == CONN_H2)
            conn_h2_drain(c);
        else if (c->kind == CONN_SNIFF)
            conn_fail(c, HTTP_GONE_SHUTDOWN);
    }
}

unsigned listen_server_connections(const struct listen_server *s)
{
    return s->n_conns;
}

const struct listen_stats *listen_server_stats(const struct listen_server *s)
{
    return &s->stats;
}

void listen_server_free(struct listen_server *s)
{
    if (s == NULL)
        return;
    s->draining = true;
    close_listeners(s);
    SL_LIST_EACH(node, &s->conns)
    {
        conn_fail(SL_CONTAINER_OF(node, struct conn, node), HTTP_GONE_SHUTDOWN);
    }
    sl_loop_drain(s->loop);
    SL_CHECK(s->n_conns == 0);
    if (s->o.tls != NULL)
        tls_context_unref(s->o.tls);
    sl_map_done(s->addresses);
    sl_free(s->addresses);
    h1_streams_free(s);
    listen_conns_free(s);
    sl_free(s);
}
