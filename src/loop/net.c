/* The face of sockets: thin dispatch to the loop's network, and addresses as text. */
#include "loop/net.h"

#include <arpa/inet.h>
#include <stdio.h>

void sl_tcp_init(struct sl_tcp *t, sl_tcp_event_f *on_event)
{
    *t = (struct sl_tcp){.on_event = on_event, .fd = -1};
}

bool sl_tcp_is_open(const struct sl_tcp *t)
{
    return t->loop != NULL;
}

enum sl_err sl_tcp_connect(struct sl_loop *l, struct sl_tcp *t, const struct sl_addr *to)
{
    SL_CHECK(t->loop == NULL);
    return l->net->connect(l, t, to);
}

int sl_tcp_connect_result(struct sl_tcp *t)
{
    return t->loop->net->connect_result(t);
}

enum sl_err sl_tcp_attach(struct sl_loop *l, struct sl_tcp *t, int fd)
{
    SL_CHECK(t->loop == NULL);
    return l->net->attach(l, t, fd);
}

int sl_tcp_detach(struct sl_tcp *t)
{
    SL_CHECK(t->loop != NULL);
    return t->loop->net->detach(t);
}

enum sl_io sl_tcp_read(struct sl_tcp *t, void *p, size_t n, size_t *out_n)
{
    if (t->loop == NULL)
        return SL_IO_ERROR;
    return t->loop->net->read(t, p, n, out_n);
}

enum sl_io sl_tcp_write(struct sl_tcp *t, const struct iovec *v, int n, size_t *out_n)
{
    if (t->loop == NULL)
        return SL_IO_ERROR;
    return t->loop->net->write(t, v, n, out_n);
}

void sl_tcp_want(struct sl_tcp *t, unsigned events)
{
    if (t->loop == NULL || t->want == events)
        return;
    t->loop->net->want(t, events);
}

void sl_tcp_rest(struct sl_tcp *t)
{
    if (t->loop != NULL && t->want == SL_READABLE && t->loop->net->rest != NULL)
        t->loop->net->rest(t);
}

void sl_tcp_shut_write(struct sl_tcp *t)
{
    if (t->loop != NULL)
        t->loop->net->shut_write(t);
}

void sl_tcp_close(struct sl_tcp *t)
{
    if (t->loop != NULL)
        t->loop->net->close(t, false);
}

void sl_tcp_reset(struct sl_tcp *t)
{
    if (t->loop != NULL)
        t->loop->net->close(t, true);
}

bool sl_tcp_is_idle(struct sl_tcp *t)
{
    return t->loop != NULL && t->loop->net->is_idle(t);
}

bool sl_addr_parse(struct sl_str host, unsigned port, struct sl_addr *out)
{
    char text[INET6_ADDRSTRLEN];
    struct sl_addr a = {0};
    if (host.n >= 2 && host.p[0] == '[' && host.p[host.n - 1] == ']')
        host = sl_str_of(host.p + 1, host.n - 2);
    if (host.n == 0 || host.n >= sizeof text || port > 65535)
        return false;
    memcpy(text, host.p, host.n);
    text[host.n] = 0;
    if (inet_pton(AF_INET, text, &a.sa.v4.sin_addr) == 1) {
        a.sa.v4.sin_family = AF_INET;
        a.sa.v4.sin_port = htons((uint16_t)port);
    } else if (inet_pton(AF_INET6, text, &a.sa.v6.sin6_addr) == 1) {
        a.sa.v6.sin6_family = AF_INET6;
        a.sa.v6.sin6_port = htons((uint16_t)port);
    } else {
        return false;
    }
    *out = a;
    return true;
}

unsigned sl_addr_port(const struct sl_addr *a)
{
    return a->sa.any.sa_family == AF_INET6 ? ntohs(a->sa.v6.sin6_port) : ntohs(a->sa.v4.sin_port);
}

void sl_addr_set_port(struct sl_addr *a, unsigned port)
{
    if (a->sa.any.sa_family == AF_INET6)
        a->sa.v6.sin6_port = htons((uint16_t)port);
    else
        a->sa.v4.sin_port = htons((uint16_t)port);
}

/* "127.0.0.1:8080" without printf: this runs once per request. */
static size_t v4_text(const struct sl_addr *a, char out[SL_ADDR_TEXT])
{
    uint32_t host = ntohl(a->sa.v4.sin_addr.s_addr);
    size_t n = 0;
    for (int shift = 24; shift >= 0; shift -= 8) {
        n += sl_u64_digits(host >> shift & 255, out + n);
        out[n++] = shift > 0 ? '.' : ':';
    }
    n += sl_u64_digits(ntohs(a->sa.v4.sin_port), out + n);
    out[n] = 0;
    return n;
}

size_t sl_addr_text(const struct sl_addr *a, char out[SL_ADDR_TEXT])
{
    char host[INET6_ADDRSTRLEN] = "?";
    if (a->sa.any.sa_family != AF_INET6)
        return v4_text(a, out);
    inet_ntop(AF_INET6, &a->sa.v6.sin6_addr, host, sizeof host);
    int n = snprintf(out, SL_ADDR_TEXT, "[%s]:%u", host, sl_addr_port(a));
    return n > 0 ? (size_t)n : 0;
}

bool sl_addr_is_loopback(const struct sl_addr *a)
{
    if (a->sa.any.sa_family == AF_INET)
        return (ntohl(a->sa.v4.sin_addr.s_addr) >> 24) == 127;
    if (IN6_IS_ADDR_V4MAPPED(&a->sa.v6.sin6_addr))
        return a->sa.v6.sin6_addr.s6_addr[12] == 127;
    return IN6_IS_ADDR_LOOPBACK(&a->sa.v6.sin6_addr);
}

bool sl_addr_host_eq(const struct sl_addr *a, const struct sl_addr *b)
{
    if (a->sa.any.sa_family != b->sa.any.sa_family)
        return false;
    if (a->sa.any.sa_family == AF_INET)
        return a->sa.v4.sin_addr.s_addr == b->sa.v4.sin_addr.s_addr;
    return memcmp(&a->sa.v6.sin6_addr, &b->sa.v6.sin6_addr, sizeof a->sa.v6.sin6_addr) == 0;
}
