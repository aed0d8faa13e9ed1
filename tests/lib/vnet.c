/* The virtual network. A link is two ends; what is written at one end is scheduled to arrive at the other. All that
 * will happen sits in one heap ordered by time and by the order of scheduling. */
#include "lib/vnet.h"

#include "base/buf.h"
#include "base/mem.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

#define MILLION 1000000u
#define TURNS_AT_ONE_TIME_MAX 300000u /* far above what short reads of one byte need for the tests' bodies */

enum end_state {
    END_CONNECTING = 0,
    END_FAILED,
    END_OPEN,
    END_CLOSED
};

struct pipe {    /* what comes in at an end */
    char *bytes; /* own */
    size_t room; /* allocated */
    size_t from; /* first unread */
    size_t arrived, under_way;
    bool fin, rst; /* arrived */
    bool fin_sent, rst_sent;
    bool swallow; /* later writes vanish: cut in the middle */
    bool silent;
    size_t held; /* arrived during silence */
    bool held_fin, held_rst;
    int64_t last_at; /* arrivals keep their order */
};

struct end {
    struct vnet *net;
    struct end *peer;
    unsigned id;
    enum end_state state;
    struct sl_tcp *tcp; /* borrow; NULL: parked or not yet taken up */
    struct pipe in;
    int err;           /* not yet told */
    bool shut;         /* our FIN is out */
    bool resting;      /* sl_tcp_rest: nothing is told */
    bool rested;       /* the next event is due, bytes or not */
    struct sl_addr to; /* of a connecting end */
    int connect_errno; /* what the connect will meet */
};

struct link {
    struct end ends[2];
};

enum event_kind {
    EV_BYTES = 1,
    EV_FIN,
    EV_RST,
    EV_CONNECT,
    EV_NAME,
    EV_REST_OVER
};

struct event {
    int64_t at;
    uint64_t seq;
    enum event_kind kind;
    unsigned id; /* of the end; or of the lookup */
    size_t n;
};

struct place { /* an address and what is there */
    struct sl_addr addr;
    bool listens, has_rule;
    sl_accept_f *on_accept;
    void *owner;
    enum vnet_connect how;
    int64_t delay_ns;
    uint64_t connects;
    struct place *next;
};

struct name {
    char *host;
    enum sl_err err;
    struct sl_addr addrs[64];
    size_t n;
    int64_t delay_ns;
    uint64_t lookups;
    struct name *next;
};

struct lookup {
    unsigned id;
    struct sl_dns *dns;
    struct name *name; /* NULL: unknown */
    unsigned port;
    bool fail;
    struct lookup *next;
};

struct vnet {
    struct sl_rand rand;
    struct vnet_faults faults;
    size_t capacity;
    int64_t now_ns, wall_offset_ns;
    struct sl_loop **loops;
    size_t n_loops;
    struct end **ends; /* by id; NULL: gone */
    size_t n_ends, cap_ends;
    struct event *heap;
    size_t n_heap, cap_heap;
    uint64_t seq;
    struct place *places;
    struct name *names;
    struct lookup *lookups;
    unsigned next_lookup;
    uint64_t connects, trace, injected;
    unsigned *ready; /* ids, for shuffling */
    size_t cap_ready;
};

static const struct sl_net_ops vnet_ops;

/* ---- chance and trace ---- */

static bool chance(struct vnet *v, uint32_t ppm)
{
    if (ppm == 0)
        return false;
    bool hit = sl_rand_below(&v->rand, MILLION) < ppm;
    v->injected += hit;
    return hit;
}

static int64_t between(struct vnet *v, int64_t min, int64_t max)
{
    return max <= min ? min : min + (int64_t)sl_rand_below(&v->rand, (uint64_t)(max - min) + 1);
}

static void note(struct vnet *v, unsigned what, uint64_t a, uint64_t b)
{
    uint64_t all[3] = {what, a, b};
    for (int i = 0; i < 3; i++)
        v->trace = (v->trace ^ all[i]) * UINT64_C(0x9E3779B97F4A7C15) + (v->trace >> 29);
    v->trace = (v->trace ^ (uint64_t)v->now_ns) * UINT64_C(0x100000001B3);
}

/* ---- the heap of what will happen ---- */

static bool before(const struct event *a, const struct event *b)
{
    return a->at != b->at ? a->at < b->at : a->seq < b->seq;
}

static void heap_push(struct vnet *v, struct event e)
{
    if (v->n_heap == v->cap_heap) {
        v->cap_heap = v->cap_heap == 0 ? 64 : v->cap_heap * 2;
        v->heap = sl_realloc(v->heap, v->cap_heap * sizeof *v->heap);
    }
    e.seq = v->seq++;
    size_t i = v->n_heap++;
    while (i > 0 && before(&e, &v->heap[(i - 1) / 2])) {
        v->heap[i] = v->heap[(i - 1) / 2];
        i = (i - 1) / 2;
    }
    v->heap[i] = e;
}

static struct event heap_pop(struct vnet *v)
{
    struct event top = v->heap[0], last = v->heap[--v->n_heap];
    size_t i = 0;
    for (;;) {
        size_t c = 2 * i + 1;
        if (c >= v->n_heap)
            break;
        if (c + 1 < v->n_heap && before(&v->heap[c + 1], &v->heap[c]))
            c++;
        if (!before(&v->heap[c], &last))
            break;
        v->heap[i] = v->heap[c];
        i = c;
    }
    v->heap[i] = last;
    return top;
}

/* Something on its way to end `to`, behind all that was sent there before. */
static void send_to(struct end *to, enum event_kind kind, size_t n)
{
    struct vnet *v = to->net;
    int64_t at = v->now_ns + between(v, v->faults.delay_min_ns, v->faults.delay_max_ns);
    if (at < to->in.last_at)
        at = to->in.last_at;
    to->in.last_at = at;
    heap_push(v, (struct event){.at = at, .kind = kind, .id = to->id, .n = n});
}

/* ---- ends ---- */

static struct link *link_new(struct vnet *v)
{
    struct link *k = SL_NEW(struct link);
    if (v->n_ends + 2 > v->cap_ends) {
        v->cap_ends = v->cap_ends == 0 ? 32 : v->cap_ends * 2;
        v->ends = sl_realloc(v->ends, v->cap_ends * sizeof *v->ends);
    }
    for (unsigned i = 0; i < 2; i++) {
        struct end *e = &k->ends[i];
        e->net = v;
        e->peer = &k->ends[1 - i];
        e->id = (unsigned)v->n_ends;
        v->ends[v->n_ends++] = e;
    }
    return k;
}

static struct link *link_of(struct end *e) /* an even id is the first of the pair */
{
    struct end *first = e->id % 2 == 0 ? e : e->peer;
    return SL_CONTAINER_OF(first, struct link, ends[0]);
}

static void link_free(struct vnet *v, struct link *k)
{
    for (unsigned i = 0; i < 2; i++) {
        v->ends[k->ends[i].id] = NULL;
        sl_free(k->ends[i].in.bytes);
    }
    sl_free(k);
}

static void link_free_if_closed(struct end *e)
{
    if (e->state == END_CLOSED && e->peer->state == END_CLOSED)
        link_free(e->net, link_of(e));
}

static int handle_of(const struct end *e)
{
    return -2 - (int)e->id;
}

static struct end *end_of_handle(struct vnet *v, int handle)
{
    SL_CHECK(handle <= -2 && (size_t)(-2 - handle) < v->n_ends);
    struct end *e = v->ends[-2 - handle];
    SL_CHECK(e != NULL);
    return e;
}

static void put_bytes(struct pipe *p, const char *from, size_t n)
{
    size_t used = p->arrived + p->under_way + p->held;
    if (p->from + used + n > p->room) {
        if (p->from > 0)
            memmove(p->bytes, p->bytes + p->from, used);
        p->from = 0;
        while (used + n > p->room) {
            p->room = p->room == 0 ? 1024 : p->room * 2;
            p->bytes = sl_realloc(p->bytes, p->room);
        }
    }
    memcpy(p->bytes + p->from + used, from, n);
    p->under_way += n;
}

static void send_fin(struct end *to)
{
    if (to->state == END_CLOSED || to->in.fin_sent || to->in.rst_sent)
        return;
    to->in.fin_sent = true;
    send_to(to, EV_FIN, 0);
}

static void send_rst(struct end *to)
{
    if (to->state == END_CLOSED || to->in.rst_sent)
        return;
    to->in.rst_sent = true;
    send_to(to, EV_RST, 0);
}

static void arrive(struct end *e, enum event_kind kind, size_t n)
{
    struct pipe *p = &e->in;
    if (kind == EV_BYTES) {
        p->under_way -= n;
        *(p->silent ? &p->held : &p->arrived) += n;
    } else if (kind == EV_FIN) {
        *(p->silent ? &p->held_fin : &p->fin) = true;
    } else {
        *(p->silent ? &p->held_rst : &p->rst) = true;
        if (!p->silent)
            e->err = p->fin ? EPIPE : ECONNRESET;
    }
}

static size_t room_at(const struct end *to)
{
    size_t used = to->in.arrived + to->in.under_way + to->in.held;
    return used >= to->net->capacity ? 0 : to->net->capacity - used;
}

/* ---- sl_net_ops ---- */

static struct vnet *net_of(struct sl_loop *l)
{
    return l->net_state;
}

static bool same_addr(const struct sl_addr *a, const struct sl_addr *b)
{
    return sl_addr_host_eq(a, b) && sl_addr_port(a) == sl_addr_port(b);
}

static struct place *place_find(const struct vnet *v, const struct sl_addr *at)
{
    for (struct place *p = v->places; p != NULL; p = p->next)
        if (same_addr(&p->addr, at))
            return p;
    return NULL;
}

static struct place *place_get(struct vnet *v, const struct sl_addr *at)
{
    struct place *p = place_find(v, at);
    if (p != NULL)
        return p;
    p = SL_NEW(struct place);
    p->addr = *at;
    p->next = v->places;
    v->places = p;
    return p;
}

static void take_up(struct sl_loop *l, struct sl_tcp *t, struct end *e)
{
    e->tcp = t;
    t->impl = e;
    t->loop = l;
    t->fd = -1;
    t->want = 0;
}

static enum vnet_connect decide_connect(struct vnet *v, const struct place *p)
{
    if (chance(v, v->faults.connect_refused))
        return VNET_CONNECT_REFUSED;
    if (chance(v, v->faults.connect_blackhole))
        return VNET_CONNECT_BLACKHOLE;
    if (p != NULL && p->has_rule)
        return p->how;
    return p != NULL && p->listens ? VNET_CONNECT_OK : VNET_CONNECT_REFUSED;
}

static enum sl_err vnet_connect(struct sl_loop *l, struct sl_tcp *t, const struct sl_addr *to)
{
    static const int errnos[] = {0, ECONNREFUSED, ETIMEDOUT, EHOSTUNREACH};
    struct vnet *v = net_of(l);
    struct place *p = place_get(v, to);
    enum vnet_connect how = decide_connect(v, p);
    struct link *k = link_new(v);
    v->connects++;
    p->connects++;
    k->ends[0].to = *to;
    k->ends[0].connect_errno = errnos[how];
    take_up(l, t, &k->ends[0]);
    t->want = SL_WRITABLE;
    note(v, 1, k->ends[0].id, how);
    if (how == VNET_CONNECT_BLACKHOLE)
        return SL_OK;
    int64_t delay = p->has_rule ? p->delay_ns : between(v, v->faults.connect_min_ns, v->faults.connect_max_ns);
    heap_push(v, (struct event){.at = v->now_ns + delay, .kind = EV_CONNECT, .id = k->ends[0].id});
    return SL_OK;
}

static void on_connect_due(struct end *e)
{
    struct vnet *v = e->net;
    struct place *p = place_find(v, &e->to);
    if (e->state != END_CONNECTING)
        return;
    if (e->connect_errno == 0 && (p == NULL || !p->listens))
        e->connect_errno = ECONNREFUSED;
    if (e->connect_errno != 0) {
        e->state = END_FAILED;
        e->err = e->connect_errno;
        e->peer->state = END_CLOSED;
        return;
    }
    struct sl_addr from;
    e->state = e->peer->state = END_OPEN;
    SL_CHECK(sl_addr_parse(SL_STR("198.51.100.1"), 1024 + e->id % 60000, &from));
    if (p->on_accept != NULL)
        p->on_accept(p->owner, handle_of(e->peer), &from);
}

static int vnet_connect_result(struct sl_tcp *t)
{
    struct end *e = t->impl;
    int err = e->state == END_CONNECTING ? EINPROGRESS : e->err;
    if (e->state != END_CONNECTING)
        e->err = 0;
    return err;
}

static enum sl_err vnet_attach(struct sl_loop *l, struct sl_tcp *t, int handle)
{
    struct end *e = end_of_handle(net_of(l), handle);
    SL_CHECK(e->tcp == NULL && e->state != END_CLOSED);
    take_up(l, t, e);
    return SL_OK;
}

static int vnet_detach(struct sl_tcp *t)
{
    struct end *e = t->impl;
    e->tcp = NULL;
    t->impl = NULL;
    t->loop = NULL;
    t->fd = -1;
    t->want = 0;
    return handle_of(e);
}

static enum sl_io tell_error(struct sl_tcp *t, struct end *e, int otherwise)
{
    t->last_errno = e->err != 0 ? e->err : otherwise;
    e->err = 0;
    return SL_IO_ERROR;
}

static enum sl_io vnet_read(struct sl_tcp *t, void *p, size_t n, size_t *out_n)
{
    struct end *e = t->impl;
    struct vnet *v = e->net;
    struct pipe *in = &e->in;
    if (e->state == END_CONNECTING || e->state == END_FAILED)
        return e->state == END_FAILED ? tell_error(t, e, ENOTCONN) : SL_IO_AGAIN;
    if (in->arrived > 0) {
        if (chance(v, v->faults.again_read))
            return SL_IO_AGAIN;
        if (n > in->arrived)
            n = in->arrived;
        if (n > 1 && chance(v, v->faults.short_read))
            n = 1 + (size_t)sl_rand_below(&v->rand, n - 1);
        memcpy(p, in->bytes + in->from, n);
        in->from += n;
        in->arrived -= n;
        note(v, 2, e->id, n);
        *out_n = n;
        return SL_IO_OK;
    }
    if (in->rst && e->err != 0 && !in->fin)
        return tell_error(t, e, ECONNRESET);
    return in->fin || in->rst ? SL_IO_EOF : SL_IO_AGAIN;
}

static size_t copy_in(struct end *to, const struct iovec *v, int n, size_t limit)
{
    size_t done = 0;
    for (int i = 0; i < n && done < limit; i++) {
        size_t part = v[i].iov_len < limit - done ? v[i].iov_len : limit - done;
        if (part == 0)
            continue;
        put_bytes(&to->in, v[i].iov_base, part);
        done += part;
    }
    return done;
}

static enum sl_io write_open(struct end *e, const struct iovec *iov, int n, size_t *out_n)
{
    struct vnet *v = e->net;
    struct end *to = e->peer;
    size_t all = 0, limit = room_at(to);
    for (int i = 0; i < n; i++)
        all += iov[i].iov_len;
    if (limit == 0 || chance(v, v->faults.again_write))
        return SL_IO_AGAIN;
    if (limit > all)
        limit = all;
    if (limit > 1 && chance(v, v->faults.short_write))
        limit = 1 + (size_t)sl_rand_below(&v->rand, limit - 1);
    *out_n = limit;
    if (chance(v, v->faults.reset)) {
        send_rst(e);
        send_rst(to);
        return SL_IO_OK;
    }
    bool cut = chance(v, v->faults.cut);
    if (cut)
        limit = (size_t)sl_rand_below(&v->rand, limit + 1);
    copy_in(to, iov, n, limit);
    if (limit > 0)
        send_to(to, EV_BYTES, limit);
    if (cut) {
        to->in.swallow = true;
        send_fin(to);
    }
    return SL_IO_OK;
}

static enum sl_io vnet_write(struct sl_tcp *t, const struct iovec *iov, int n, size_t *out_n)
{
    struct end *e = t->impl;
    struct end *to = e->peer;
    size_t all = 0;
    for (int i = 0; i < n; i++)
        all += iov[i].iov_len;
    if (e->state != END_OPEN || e->shut)
        return tell_error(t, e, e->state == END_CONNECTING ? ENOTCONN : EPIPE);
    if (e->in.rst)
        return tell_error(t, e, EPIPE);
    note(e->net, 3, e->id, all);
    *out_n = all;
    if (all == 0)
        return SL_IO_OK;
    if (to->state == END_CLOSED) { /* what the socket's buffer takes; answered by a reset */
        if (e->in.rst_sent)
            return SL_IO_AGAIN;
        *out_n = all < e->net->capacity ? all : e->net->capacity;
        send_rst(e);
        return SL_IO_OK;
    }
    if (to->in.swallow || to->in.rst_sent)
        return SL_IO_OK;
    return write_open(e, iov, n, out_n);
}

static void vnet_want(struct sl_tcp *t, unsigned events)
{
    struct end *e = t->impl;
    t->want = events;
    e->resting = e->rested = false;
}

static void vnet_rest(struct sl_tcp *t)
{
    struct end *e = t->impl;
    struct vnet *v = e->net;
    if (e->resting)
        return;
    e->resting = true;
    heap_push(v, (struct event){.at = v->now_ns + SL_REST_NS, .kind = EV_REST_OVER, .id = e->id});
}

static void vnet_shut_write(struct sl_tcp *t)
{
    struct end *e = t->impl;
    e->shut = true;
    send_fin(e->peer);
}

static void vnet_close(struct sl_tcp *t, bool reset)
{
    struct end *e = t->impl;
    vnet_detach(t);
    note(e->net, 4, e->id, reset);
    if (e->state == END_CONNECTING)
        e->peer->state = END_CLOSED;
    bool unread = e->in.arrived > 0;
    bool more = e->in.under_way > 0;
    e->state = END_CLOSED;
    if (e->peer->state == END_OPEN && !e->in.rst) {
        if (reset || unread) {
            send_rst(e->peer);
        } else {
            send_fin(e->peer);
            if (more)
                send_rst(e->peer);
        }
    }
    link_free_if_closed(e);
}

static bool vnet_is_idle(struct sl_tcp *t)
{
    const struct end *e = t->impl;
    return e->state == END_OPEN && e->in.arrived == 0 && !e->in.fin && !e->in.rst;
}

static int64_t vnet_mono(struct sl_loop *l)
{
    return net_of(l)->now_ns;
}

static int64_t vnet_wall(struct sl_loop *l)
{
    return net_of(l)->now_ns + net_of(l)->wall_offset_ns;
}

/* ---- names ---- */

static struct name *name_find(const struct vnet *v, struct sl_str host)
{
    for (struct name *m = v->names; m != NULL; m = m->next)
        if (sl_str_eq_nocase(sl_str_c(m->host), host))
            return m;
    return NULL;
}

static void vnet_dns(struct sl_loop *l, struct sl_dns *d, struct sl_str host, unsigned port)
{
    struct vnet *v = net_of(l);
    struct lookup *k = SL_NEW(struct lookup);
    *k =
        (struct lookup){.id = v->next_lookup++, .dns = d, .name = name_find(v, host), .port = port, .next = v->lookups};
    k->fail = chance(v, v->faults.dns_fail);
    v->lookups = k;
    int64_t delay = between(v, v->faults.dns_min_ns, v->faults.dns_max_ns);
    if (k->name != NULL) {
        k->name->lookups++;
        if (k->name->delay_ns < 0)
            return;
        delay += k->name->delay_ns;
    }
    heap_push(v, (struct event){.at = v->now_ns + delay, .kind = EV_NAME, .id = k->id});
}

static struct lookup *lookup_take(struct vnet *v, unsigned id)
{
    for (struct lookup **k = &v->lookups; *k != NULL; k = &(*k)->next) {
        if ((*k)->id == id) {
            struct lookup *found = *k;
            *k = found->next;
            return found;
        }
    }
    return NULL;
}

static void answer(struct lookup *k)
{
    struct sl_addr addrs[64];
    size_t n = 0;
    enum sl_err e = k->name == NULL ? SL_ENOENT : k->name->err;
    if (k->fail)
        e = SL_EIO;
    else if (k->name != NULL)
        for (; n < k->name->n; n++) {
            addrs[n] = k->name->addrs[n];
            sl_addr_set_port(&addrs[n], k->port);
        }
    sl_dns_deliver(k->dns, n > 0 ? SL_OK : e, addrs, n);
    sl_free(k);
}

static const struct sl_net_ops vnet_ops = {
    .connect = vnet_connect,
    .attach = vnet_attach,
    .detach = vnet_detach,
    .connect_result = vnet_connect_result,
    .read = vnet_read,
    .write = vnet_write,
    .want = vnet_want,
    .shut_write = vnet_shut_write,
    .close = vnet_close,
    .is_idle = vnet_is_idle,
    .rest = vnet_rest,
    .now = vnet_mono,
    .wall = vnet_wall,
    .dns = vnet_dns,
};

/* ---- running ---- */

static void happen(struct vnet *v, const struct event *ev)
{
    note(v, 5 + (unsigned)ev->kind, ev->id, ev->n);
    if (ev->kind == EV_NAME) {
        struct lookup *k = lookup_take(v, ev->id);
        if (k != NULL)
            answer(k);
        return;
    }
    struct end *e = v->ends[ev->id];
    if (e == NULL || e->state == END_CLOSED)
        return;
    if (ev->kind == EV_CONNECT) {
        on_connect_due(e);
    } else if (ev->kind == EV_REST_OVER) {
        e->rested = e->resting;
        e->resting = false;
    } else {
        arrive(e, ev->kind, ev->n);
    }
}

/* What a watch of this end would tell now. */
static unsigned ready_events(const struct end *e)
{
    unsigned r = 0;
    if (e->state == END_FAILED || e->err != 0)
        return SL_READABLE | SL_WRITABLE;
    if (e->state != END_OPEN)
        return 0;
    if (e->in.arrived > 0 || e->in.fin || e->in.rst)
        r |= SL_READABLE;
    if (e->in.rst || (e->peer->state == END_CLOSED && !e->in.rst_sent))
        r |= SL_WRITABLE;
    else if (e->peer->state == END_OPEN && (e->peer->in.swallow || room_at(e->peer) > 0))
        r |= SL_WRITABLE;
    return r;
}

static void tell(struct end *e)
{
    struct vnet *v = e->net;
    struct sl_tcp *t = e->tcp;
    unsigned ready = ready_events(e);
    bool failed = e->state == END_FAILED || e->err != 0;
    if (t == NULL || t->want == 0)
        return;
    if (failed)
        t->want = 0; /* as libuv on POLLERR */
    else
        ready &= t->want;
    if (!failed && e->state == END_OPEN && (e->rested || chance(v, v->faults.spurious)))
        ready |= t->want;
    e->rested = false;
    if (ready == 0)
        return;
    note(v, 20, e->id, ready);
    t->on_event(t, ready);
}

static bool is_ready(const struct end *e)
{
    if (e == NULL || e->tcp == NULL || e->tcp->want == 0 || e->resting)
        return false;
    return e->rested || e->err != 0 || e->state == END_FAILED || (ready_events(e) & e->tcp->want) != 0;
}

static bool tell_ready(struct vnet *v)
{
    size_t n = 0;
    if (v->cap_ready < v->n_ends) {
        v->cap_ready = v->n_ends + 32;
        v->ready = sl_realloc(v->ready, v->cap_ready * sizeof *v->ready);
    }
    for (size_t i = 0; i < v->n_ends; i++)
        if (is_ready(v->ends[i]))
            v->ready[n++] = (unsigned)i;
    for (size_t i = n; i > 1; i--) {
        size_t k = (size_t)sl_rand_below(&v->rand, i);
        unsigned swap = v->ready[i - 1];
        v->ready[i - 1] = v->ready[k];
        v->ready[k] = swap;
    }
    for (size_t i = 0; i < n; i++) {
        struct end *e = v->ends[v->ready[i]];
        if (e != NULL && !chance(v, v->faults.hold))
            tell(e);
    }
    return n > 0;
}

static void set_now(struct vnet *v, int64_t now_ns)
{
    v->now_ns = now_ns;
    for (size_t i = 0; i < v->n_loops; i++)
        v->loops[i]->now_ns = now_ns;
}

static int64_t next_time(const struct vnet *v)
{
    int64_t next = v->n_heap > 0 ? v->heap[0].at : SL_NEVER;
    for (size_t i = 0; i < v->n_loops; i++) {
        int64_t w = sl_wheel_next_ns(&v->loops[i]->wheel);
        if (w < next)
            next = w;
    }
    return next;
}

static bool turn(struct vnet *v)
{
    bool any = false;
    while (v->n_heap > 0 && v->heap[0].at <= v->now_ns) {
        struct event e = heap_pop(v);
        happen(v, &e);
        any = true;
    }
    if (tell_ready(v))
        any = true;
    for (size_t i = 0; i < v->n_loops; i++)
        sl_loop_drain(v->loops[i]);
    for (size_t i = 0; i < v->n_ends && !any; i++) /* tasks and timers may have asked for what is there already */
        any = is_ready(v->ends[i]);
    return any;
}

enum vnet_end vnet_run(struct vnet *v, vnet_until_f *until, void *arg, int64_t max_ns)
{
    int64_t end = v->now_ns + max_ns;
    unsigned turns = 0;
    for (;;) {
        bool any = turn(v);
        if (until != NULL && until(arg))
            return VNET_UNTIL;
        if (any || (v->n_heap > 0 && v->heap[0].at <= v->now_ns)) {
            if (++turns > TURNS_AT_ONE_TIME_MAX) {
                fprintf(stderr, "vnet: the loops turn without end at %lld ns\n", (long long)v->now_ns);
                abort();
            }
            continue;
        }
        int64_t next = next_time(v);
        if (next == SL_NEVER)
            return VNET_IDLE;
        if (next > end) {
            set_now(v, end);
            return VNET_TIME;
        }
        if (next > v->now_ns) {
            set_now(v, next);
            turns = 0;
        }
    }
}

void vnet_pass(struct vnet *v, int64_t ns)
{
    int64_t end = v->now_ns + ns;
    if (vnet_run(v, NULL, NULL, ns) == VNET_IDLE)
        set_now(v, end);
}

/* ---- making and arranging ---- */

struct vnet *vnet_new(uint64_t seed)
{
    struct vnet *v = SL_NEW(struct vnet);
    sl_rand_seed(&v->rand, seed ^ UINT64_C(0x766e6574));
    v->capacity = 65536;
    v->now_ns = VNET_START_NS;
    v->wall_offset_ns = INT64_C(1795000000) * SL_SEC - VNET_START_NS; /* a day in November 2026 */
    return v;
}

void vnet_free(struct vnet *v)
{
    if (v == NULL)
        return;
    for (size_t i = 0; i < v->n_ends; i += 2)
        if (v->ends[i] != NULL)
            link_free(v, link_of(v->ends[i]));
    while (v->places != NULL) {
        struct place *p = v->places;
        v->places = p->next;
        sl_free(p);
    }
    while (v->lookups != NULL) {
        struct lookup *k = lookup_take(v, v->lookups->id);
        sl_dns_cancel(k->dns);
        answer(k);
    }
    while (v->names != NULL) {
        struct name *m = v->names;
        v->names = m->next;
        sl_free(m->host);
        sl_free(m);
    }
    sl_free(v->loops);
    sl_free(v->ends);
    sl_free(v->heap);
    sl_free(v->ready);
    sl_free(v);
}

void vnet_set_faults(struct vnet *v, const struct vnet_faults *f)
{
    v->faults = *f;
}

void vnet_set_capacity(struct vnet *v, size_t bytes)
{
    v->capacity = bytes;
}

void vnet_loop_init(struct vnet *v, struct sl_loop *l)
{
    sl_loop_init_bare(l, &vnet_ops, v, v->now_ns, sl_rand_next(&v->rand));
    v->loops = sl_realloc(v->loops, (v->n_loops + 1) * sizeof(struct sl_loop *));
    v->loops[v->n_loops++] = l;
}

int64_t vnet_now(const struct vnet *v)
{
    return v->now_ns;
}

void vnet_wall_set(struct vnet *v, int64_t wall_ns)
{
    v->wall_offset_ns = wall_ns - v->now_ns;
}

uint64_t vnet_random(struct vnet *v, uint64_t below)
{
    return sl_rand_below(&v->rand, below);
}

void vnet_listen(struct vnet *v, const struct sl_addr *at, sl_accept_f *on_accept, void *owner)
{
    struct place *p = place_get(v, at);
    p->listens = true;
    p->on_accept = on_accept;
    p->owner = owner;
}

void vnet_unlisten(struct vnet *v, const struct sl_addr *at)
{
    place_get(v, at)->listens = false;
}

void vnet_set_connect(struct vnet *v, const struct sl_addr *at, enum vnet_connect how, int64_t delay_ns)
{
    struct place *p = place_get(v, at);
    p->has_rule = true;
    p->how = how;
    p->delay_ns = delay_ns;
}

uint64_t vnet_connects(const struct vnet *v, const struct sl_addr *at)
{
    if (at == NULL)
        return v->connects;
    const struct place *p = place_find(v, at);
    return p != NULL ? p->connects : 0;
}

void vnet_name(struct vnet *v, struct sl_str host, enum sl_err e, const struct sl_addr *addrs, size_t n,
               int64_t delay_ns)
{
    struct name *m = name_find(v, host);
    if (m == NULL) {
        m = SL_NEW(struct name);
        m->host = sl_memdup0(host.p, host.n);
        m->next = v->names;
        v->names = m;
    }
    SL_CHECK(n <= sizeof m->addrs / sizeof m->addrs[0]);
    m->err = e;
    m->n = n;
    m->delay_ns = delay_ns;
    if (n > 0)
        memcpy(m->addrs, addrs, n * sizeof *addrs);
}

uint64_t vnet_lookups(const struct vnet *v, struct sl_str host)
{
    const struct name *m = name_find(v, host);
    return m != NULL ? m->lookups : 0;
}

void vnet_pair(struct vnet *v, int out[2])
{
    struct link *k = link_new(v);
    for (int i = 0; i < 2; i++) {
        k->ends[i].state = END_OPEN;
        out[i] = handle_of(&k->ends[i]);
    }
}

void vnet_break(struct sl_tcp *t)
{
    struct end *e = t->impl;
    send_rst(e);
    send_rst(e->peer);
}

void vnet_silence(struct sl_tcp *t, bool silent)
{
    struct end *e = ((struct end *)t->impl)->peer;
    struct pipe *p = &e->in;
    p->silent = silent;
    if (silent)
        return;
    p->arrived += p->held;
    p->held = 0;
    if (p->held_fin)
        p->fin = true;
    if (p->held_rst) {
        p->rst = true;
        e->err = p->fin ? EPIPE : ECONNRESET;
    }
    p->held_fin = p->held_rst = false;
}

size_t vnet_unread(const struct sl_tcp *t)
{
    const struct end *e = t->impl;
    return e->in.arrived + e->in.under_way + e->in.held;
}

uint64_t vnet_trace(const struct vnet *v)
{
    return v->trace;
}

uint64_t vnet_injected(const struct vnet *v)
{
    return v->injected;
}

size_t vnet_open(const struct vnet *v)
{
    size_t n = 0;
    for (size_t i = 0; i < v->n_ends; i++)
        if (v->ends[i] != NULL && v->ends[i]->state != END_CLOSED)
            n++;
    return n;
}
