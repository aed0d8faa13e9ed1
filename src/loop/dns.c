/* Name resolution by the system's resolver on libuv's worker threads. */
#include <stdio.h>

#include "base/mem.h"
#include "loop/loop_int.h"
#include "loop/net.h"

#define DNS_MAX_ADDRS 32 /* more than any sane service publishes; 1,000 A records are cut here */

struct sl_dns {
    uv_getaddrinfo_t req;
    sl_dns_f *done; /* NULL once cancelled */
    void *owner;
    bool is_virtual; /* answered by sl_net_ops.dns */
};

static size_t collect(const struct addrinfo *res, struct sl_addr *out)
{
    size_t n = 0;
    for (; res != NULL && n < DNS_MAX_ADDRS; res = res->ai_next) {
        struct sl_addr a = {0};
        if (res->ai_family == AF_INET && res->ai_addrlen >= sizeof a.sa.v4)
            memcpy(&a.sa.v4, res->ai_addr, sizeof a.sa.v4);
        else if (res->ai_family == AF_INET6 && res->ai_addrlen >= sizeof a.sa.v6)
            memcpy(&a.sa.v6, res->ai_addr, sizeof a.sa.v6);
        else
            continue;
        out[n++] = a;
    }
    return n;
}

static void on_addrinfo(uv_getaddrinfo_t *req, int status, struct addrinfo *res)
{
    struct sl_dns *d = SL_CONTAINER_OF(req, struct sl_dns, req);
    struct sl_addr addrs[DNS_MAX_ADDRS];
    struct sl_loop *l = sl_loop_of_uv(req->loop);
    if (d->done != NULL) {
        size_t n = status == 0 ? collect(res, addrs) : 0;
        enum sl_err e = n > 0                                                               ? SL_OK
                        : status == UV_EAI_NONAME || status == UV_EAI_NODATA || status == 0 ? SL_ENOENT
                                                                                            : SL_EIO;
        l->now_ns = sl_clock_mono_ns();
        d->done(d->owner, e, addrs, n);
    }
    uv_freeaddrinfo(res);
    sl_free(d);
}

void sl_dns_deliver(struct sl_dns *d, enum sl_err e, const struct sl_addr *addrs, size_t n)
{
    SL_CHECK(d->is_virtual);
    if (d->done != NULL)
        d->done(d->owner, e, addrs, n);
    sl_free(d);
}

static struct sl_dns *start_virtual(struct sl_loop *l, struct sl_str host, unsigned port, sl_dns_f *done, void *owner)
{
    struct sl_dns *d = SL_NEW(struct sl_dns);
    d->done = done;
    d->owner = owner;
    d->is_virtual = true;
    l->net->dns(l, d, host, port);
    return d;
}

struct sl_dns *sl_dns_start(struct sl_loop *l, struct sl_str host, unsigned port, sl_dns_f *done, void *owner)
{
    char name[256], service[16];
    if (l->net->dns != NULL)
        return start_virtual(l, host, port, done, owner);
    if (l->uv == NULL || host.n == 0 || host.n >= sizeof name || port > 65535)
        return NULL;
    memcpy(name, host.p, host.n);
    name[host.n] = 0;
    snprintf(service, sizeof service, "%u", port);
    struct addrinfo hints = {
        .ai_family = AF_UNSPEC, .ai_socktype = SOCK_STREAM, .ai_flags = AI_NUMERICSERV | AI_ADDRCONFIG};
    struct sl_dns *d = SL_NEW(struct sl_dns);
    d->done = done;
    d->owner = owner;
    if (uv_getaddrinfo(&l->uv->uv, &d->req, on_addrinfo, name, service, &hints) != 0) {
        sl_free(d);
        return NULL;
    }
    return d;
}

void sl_dns_cancel(struct sl_dns *d)
{
    if (d == NULL)
        return;
    d->done = NULL;
    if (!d->is_virtual)
        uv_cancel((uv_req_t *)&d->req);
}
