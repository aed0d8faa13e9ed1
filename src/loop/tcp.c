/* The real network: non-blocking sockets watched by libuv's poll handles, read and written directly.
 *
 * libuv's poll handle must outlive uv_close by a turn, while the owner's memory may go at once. So the handle sits in
 * a struct sl_poll of our own, taken from a small free list; struct sl_tcp only points to it. */
#include <errno.h>
#include <fcntl.h>
#include <netinet/tcp.h>
#include <sys/timerfd.h>
#include <unistd.h>

#include "base/mem.h"
#include "loop/loop_int.h"
#include "loop/net.h"

#define FREE_POLLS_MAX 256u /* about 50 KiB: enough for the turnover of a busy worker */

struct sl_poll {
    uv_poll_t uv;
    struct sl_tcp *tcp; /* borrow; NULL once closed */
    struct sl_poll *next;
    struct sl_list resting; /* in sl_rest.polls */
    bool unwatched;         /* the poll was stopped for a rest */
};

static struct sl_poll *poll_take(struct sl_uv *u)
{
    struct sl_poll *p = u->free_polls;
    if (p == NULL)
        return SL_NEW(struct sl_poll);
    u->free_polls = p->next;
    u->n_free_polls--;
    return p;
}

static void on_poll_closed(uv_handle_t *h)
{
    struct sl_poll *p = (struct sl_poll *)h;
    struct sl_uv *u = sl_loop_of_uv(h->loop)->uv;
    if (u == NULL || u->n_free_polls >= FREE_POLLS_MAX) {
        sl_free(p);
        return;
    }
    p->next = u->free_polls;
    u->free_polls = p;
    u->n_free_polls++;
}

void sl_polls_free(struct sl_uv *u)
{
    while (u->free_polls != NULL) {
        struct sl_poll *p = u->free_polls;
        u->free_polls = p->next;
        sl_free(p);
    }
}

/* A status below zero means that the socket is in error: readable, so that the owner's read learns the errno. */
static void on_poll(uv_poll_t *h, int status, int events)
{
    struct sl_poll *p = (struct sl_poll *)h;
    struct sl_tcp *t = p->tcp;
    if (t == NULL)
        return;
    sl_loop_touch(t->loop);
    unsigned ready = 0;
    if (status < 0) {
        ready = SL_READABLE | SL_WRITABLE;
        t->want = 0; /* libuv has stopped the handle */
    } else {
        if ((events & (UV_READABLE | UV_DISCONNECT)) != 0)
            ready |= SL_READABLE;
        if ((events & UV_WRITABLE) != 0)
            ready |= SL_WRITABLE;
    }
    if (ready != 0)
        t->on_event(t, ready);
}

static enum sl_err real_attach(struct sl_loop *l, struct sl_tcp *t, int fd)
{
    struct sl_poll *p = poll_take(l->uv);
    int e = uv_poll_init(&l->uv->uv, &p->uv, fd);
    if (e != 0) {
        sl_free(p);
        t->last_errno = -e;
        return SL_EIO;
    }
    p->tcp = t;
    sl_list_init(&p->resting);
    p->unwatched = false;
    t->impl = p;
    t->loop = l;
    t->fd = fd;
    t->want = 0;
    return SL_OK;
}

static void real_want(struct sl_tcp *t, unsigned events)
{
    struct sl_poll *p = t->impl;
    int uv_events = ((events & SL_READABLE) != 0 ? UV_READABLE : 0) | ((events & SL_WRITABLE) != 0 ? UV_WRITABLE : 0);
    t->want = events;
    sl_list_remove(&p->resting);
    p->unwatched = false;
    if (uv_events != 0)
        uv_poll_start(&p->uv, uv_events, on_poll);
    else
        uv_poll_stop(&p->uv);
}

static void set_nodelay(int fd)
{
    int one = 1;
    setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one);
}

static enum sl_err real_connect(struct sl_loop *l, struct sl_tcp *t, const struct sl_addr *to)
{
    socklen_t n = to->sa.any.sa_family == AF_INET6 ? sizeof to->sa.v6 : sizeof to->sa.v4;
    int fd = socket(to->sa.any.sa_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    if (fd < 0) {
        t->last_errno = errno;
        return SL_EIO;
    }
    set_nodelay(fd);
    if (connect(fd, &to->sa.any, n) != 0 && errno != EINPROGRESS) {
        t->last_errno = errno;
        close(fd);
        return SL_EIO;
    }
    if (real_attach(l, t, fd) != SL_OK) {
        close(fd);
        return SL_EIO;
    }
    real_want(t, SL_WRITABLE);
    return SL_OK;
}

static int real_connect_result(struct sl_tcp *t)
{
    int e = 0;
    socklen_t n = sizeof e;
    if (getsockopt(t->fd, SOL_SOCKET, SO_ERROR, &e, &n) != 0)
        return errno;
    return e;
}

static int real_detach(struct sl_tcp *t)
{
    struct sl_poll *p = t->impl;
    int fd = t->fd;
    p->tcp = NULL;
    sl_list_remove(&p->resting);
    uv_poll_stop(&p->uv);
    uv_close((uv_handle_t *)&p->uv, on_poll_closed);
    t->impl = NULL;
    t->loop = NULL;
    t->fd = -1;
    t->want = 0;
    return fd;
}

static void real_close(struct sl_tcp *t, bool reset)
{
    int fd = real_detach(t);
    if (reset) {
        struct linger l = {.l_onoff = 1, .l_linger = 0};
        setsockopt(fd, SOL_SOCKET, SO_LINGER, &l, sizeof l);
    }
    close(fd);
}

/* ---- resting ---- */

/* One timer for all that rest: libuv's counts milliseconds. It runs while somebody rests; who came late rests less. */
struct sl_rest {
    uv_poll_t uv;
    int fd;
    bool armed;
    struct sl_list polls; /* sl_poll.resting */
};

static void arm_rest(struct sl_rest *r)
{
    struct itimerspec in = {.it_value = {.tv_nsec = SL_REST_NS}};
    if (r->armed)
        return;
    r->armed = true;
    timerfd_settime(r->fd, 0, &in, NULL);
}

static void wake(struct sl_poll *p)
{
    if (p->tcp == NULL)
        return;
    p->tcp->on_event(p->tcp, SL_READABLE);
    if (p->tcp != NULL && p->unwatched &&
        sl_list_is_empty(&p->resting)) { /* nothing came, or it wants to be told again */
        p->unwatched = false;
        uv_poll_start(&p->uv, UV_READABLE, on_poll);
    }
}

static void on_rest_over(uv_poll_t *h, int status, int events)
{
    struct sl_rest *r = SL_CONTAINER_OF(h, struct sl_rest, uv);
    struct sl_list *node, over;
    uint64_t times;
    (void)status, (void)events;
    if (read(r->fd, &times, sizeof times) < 0)
        return;
    r->armed = false;
    sl_list_init(&over);
    while ((node = sl_list_take_head(&r->polls)) != NULL)
        sl_list_add_tail(&over, node);
    while ((node = sl_list_take_head(&over)) != NULL) {
        sl_loop_touch(sl_loop_of_uv(h->loop));
        wake(SL_CONTAINER_OF(node, struct sl_poll, resting));
    }
    if (!sl_list_is_empty(&r->polls))
        arm_rest(r);
}

static struct sl_rest *rest_of(struct sl_uv *u)
{
    if (u->rest != NULL)
        return u->rest;
    int fd = timerfd_create(CLOCK_MONOTONIC, TFD_NONBLOCK | TFD_CLOEXEC);
    if (fd < 0)
        return NULL;
    struct sl_rest *r = SL_NEW(struct sl_rest);
    if (uv_poll_init(&u->uv, &r->uv, fd) != 0) {
        close(fd);
        sl_free(r);
        return NULL;
    }
    r->fd = fd;
    sl_list_init(&r->polls);
    uv_poll_start(&r->uv, UV_READABLE, on_rest_over);
    u->rest = r;
    return r;
}

static void real_rest(struct sl_tcp *t)
{
    struct sl_poll *p = t->impl;
    struct sl_rest *r = rest_of(t->loop->uv);
    if (r == NULL || !sl_list_is_empty(&p->resting))
        return;
    sl_list_add_tail(&r->polls, &p->resting);
    if (!p->unwatched)
        uv_poll_stop(&p->uv);
    p->unwatched = true;
    arm_rest(r);
}

static void on_rest_closed(uv_handle_t *h)
{
    sl_free(SL_CONTAINER_OF((uv_poll_t *)h, struct sl_rest, uv));
}

void sl_rest_close(struct sl_uv *u)
{
    struct sl_rest *r = u->rest;
    if (r == NULL)
        return;
    u->rest = NULL;
    while (sl_list_take_head(&r->polls) != NULL)
        ;
    uv_poll_stop(&r->uv);
    uv_close((uv_handle_t *)&r->uv, on_rest_closed);
    close(r->fd);
}

#define FLAT_MAX 4096u /* up to here copying costs less than the kernel's reading of a list of parts */

static enum sl_io real_read(struct sl_tcp *t, void *p, size_t n, size_t *out_n)
{
    for (;;) {
        ssize_t got = recv(t->fd, p, n, 0);
        if (got > 0) {
            *out_n = (size_t)got;
            return SL_IO_OK;
        }
        if (got == 0)
            return SL_IO_EOF;
        if (errno == EAGAIN || errno == EWOULDBLOCK)
            return SL_IO_AGAIN;
        if (errno == EINTR)
            continue;
        t->last_errno = errno;
        return SL_IO_ERROR;
    }
}

/* Puts the parts behind one another; gives their bytes, 0 when they are too many. */
static size_t flatten(const struct iovec *v, int n, char out[FLAT_MAX])
{
    size_t sum = 0;
    for (int i = 0; i < n; i++) {
        if (v[i].iov_len > FLAT_MAX - sum)
            return 0;
        if (v[i].iov_len != 0)
            memcpy(out + sum, v[i].iov_base, v[i].iov_len);
        sum += v[i].iov_len;
    }
    return sum;
}

static ssize_t send_parts(int fd, const struct iovec *v, int n)
{
    char flat[FLAT_MAX];
    struct msghdr m = {.msg_iov = (struct iovec *)(uintptr_t)v, .msg_iovlen = (size_t)n};
    if (n == 1)
        return send(fd, v->iov_base, v->iov_len, MSG_NOSIGNAL);
    size_t sum = flatten(v, n, flat);
    return sum != 0 ? send(fd, flat, sum, MSG_NOSIGNAL) : sendmsg(fd, &m, MSG_NOSIGNAL);
}

static enum sl_io real_write(struct sl_tcp *t, const struct iovec *v, int n, size_t *out_n)
{
    for (;;) {
        ssize_t put = send_parts(t->fd, v, n);
        if (put >= 0) {
            *out_n = (size_t)put;
            return SL_IO_OK;
        }
        if (errno == EAGAIN || errno == EWOULDBLOCK)
            return SL_IO_AGAIN;
        if (errno == EINTR)
            continue;
        t->last_errno = errno;
        return SL_IO_ERROR;
    }
}

static void real_shut_write(struct sl_tcp *t)
{
    shutdown(t->fd, SHUT_WR);
}

bool sl_fd_is_idle(int fd)
{
    char c;
    return recv(fd, &c, 1, MSG_PEEK | MSG_DONTWAIT) < 0 && (errno == EAGAIN || errno == EWOULDBLOCK);
}

static bool real_is_idle(struct sl_tcp *t)
{
    return sl_fd_is_idle(t->fd);
}

static int64_t real_now(struct sl_loop *l)
{
    (void)l;
    return sl_clock_mono_ns();
}

static int64_t real_wall(struct sl_loop *l)
{
    (void)l;
    return sl_clock_wall_ns();
}

const struct sl_net_ops sl_net_real = {
    .connect = real_connect,
    .attach = real_attach,
    .detach = real_detach,
    .connect_result = real_connect_result,
    .read = real_read,
    .write = real_write,
    .want = real_want,
    .shut_write = real_shut_write,
    .close = real_close,
    .is_idle = real_is_idle,
    .rest = real_rest,
    .now = real_now,
    .wall = real_wall,
};

void sl_tcp_discard_fd(int fd)
{
    if (fd >= 0)
        close(fd);
}

/* ---- listening ---- */

#define ACCEPT_BATCH 64               /* connections taken per event: fairness towards those that are served */
#define ACCEPT_PAUSE_NS (100 * SL_MS) /* out of descriptors: look again after this, never spin */

struct sl_listener {
    struct sl_tcp tcp;
    struct sl_addr addr;
    sl_accept_f *on_accept;
    void *owner;
    struct sl_timer again;
};

static void on_listen_event(struct sl_tcp *t, unsigned events)
{
    struct sl_listener *s = SL_CONTAINER_OF(t, struct sl_listener, tcp);
    (void)events;
    for (int i = 0; i < ACCEPT_BATCH && t->loop != NULL; i++) {
        struct sl_addr peer = {0};
        socklen_t n = sizeof peer.sa;
        int fd = accept4(t->fd, &peer.sa.any, &n, SOCK_NONBLOCK | SOCK_CLOEXEC);
        if (fd < 0 && (errno == EINTR || errno == ECONNABORTED))
            continue;
        if (fd < 0 && (errno == EMFILE || errno == ENFILE || errno == ENOBUFS || errno == ENOMEM)) {
            sl_tcp_want(t, 0);
            sl_timer_arm(t->loop, &s->again, sl_loop_now(t->loop) + ACCEPT_PAUSE_NS);
            return;
        }
        if (fd < 0)
            return;
        set_nodelay(fd);
        s->on_accept(s->owner, fd, &peer);
    }
}

static void on_listen_again(struct sl_timer *t)
{
    struct sl_listener *s = SL_CONTAINER_OF(t, struct sl_listener, again);
    sl_tcp_want(&s->tcp, SL_READABLE);
}

/* `backlog` 0: only bound. */
static int open_socket(const struct sl_addr *at, bool shared, int backlog, const char **out_what)
{
    int one = 1;
    socklen_t n = at->sa.any.sa_family == AF_INET6 ? sizeof at->sa.v6 : sizeof at->sa.v4;
    int fd = socket(at->sa.any.sa_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    *out_what = "make a socket for";
    if (fd < 0)
        return -1;
    setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &one, sizeof one);
    *out_what = "share";
    if (shared && setsockopt(fd, SOL_SOCKET, SO_REUSEPORT, &one, sizeof one) != 0)
        goto fail;
    if (at->sa.any.sa_family == AF_INET6)
        setsockopt(fd, IPPROTO_IPV6, IPV6_V6ONLY, &one, sizeof one);
    *out_what = "bind";
    if (bind(fd, &at->sa.any, n) != 0)
        goto fail;
    *out_what = "listen on";
    if (backlog > 0 && listen(fd, backlog) != 0)
        goto fail;
    return fd;
fail:;
    int saved = errno;
    close(fd);
    errno = saved;
    return -1;
}

static const char *listen_help(int e)
{
    switch (e) {
    case EADDRINUSE:
        return ". Another program listens there: stop it, or choose another address or port";
    case EADDRNOTAVAIL:
        return ". No network device of this machine has this address";
    case EACCES:
        return ". Ports below 1024 need a right of their own (CAP_NET_BIND_SERVICE)";
    default:
        return "";
    }
}

enum sl_err sl_listener_check(const struct sl_addr *at, struct sl_fail *fail)
{
    char text[SL_ADDR_TEXT];
    const char *what = "";
    int fd = open_socket(at, false, 0, &what);
    sl_addr_text(at, text);
    if (fd < 0)
        return sl_fail_set(fail, SL_EIO, text, "cannot %s it: %s%s", what, sl_errno_text(errno), listen_help(errno));
    close(fd);
    return SL_OK;
}

enum sl_err sl_listener_open(struct sl_loop *l, const struct sl_addr *at, int backlog, sl_accept_f *on_accept,
                             void *owner, struct sl_listener **out, struct sl_fail *fail)
{
    char text[SL_ADDR_TEXT];
    const char *what = "";
    sl_addr_text(at, text);
    int fd = open_socket(at, true, backlog, &what);
    if (fd < 0)
        return sl_fail_set(fail, SL_EIO, text, "cannot %s %s: %s", what, text, sl_errno_text(errno));
    struct sl_listener *s = SL_NEW(struct sl_listener);
    socklen_t n = sizeof s->addr.sa;
    sl_tcp_init(&s->tcp, on_listen_event);
    sl_timer_init(&s->again, on_listen_again);
    s->on_accept = on_accept;
    s->owner = owner;
    getsockname(fd, &s->addr.sa.any, &n);
    if (real_attach(l, &s->tcp, fd) != SL_OK) {
        close(fd);
        sl_free(s);
        return sl_fail_set(fail, SL_EIO, text, "cannot watch %s", text);
    }
    real_want(&s->tcp, SL_READABLE);
    *out = s;
    return SL_OK;
}

struct sl_addr sl_listener_addr(const struct sl_listener *s)
{
    return s->addr;
}

void sl_listener_close(struct sl_listener *s)
{
    if (s == NULL)
        return;
    sl_timer_cancel(s->tcp.loop, &s->again);
    sl_tcp_close(&s->tcp);
    sl_free(
        s); /* on_poll looks at p->tcp, which is NULL from now on; on_listen_event checks t->loop only while alive */
}
