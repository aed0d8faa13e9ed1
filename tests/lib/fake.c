#include "lib/fake.h"

#include "base/mem.h"

struct fake_conn {
    struct sl_tcp tcp;
    struct sl_list node;
    struct fake *fake;
    struct sl_buf in;
    struct sl_chunks out;
    const struct fake_step *at; /* NULL: waits for a request */
    struct sl_timer timer;
    struct sl_ended ended;
    bool dead, hangs;
};

static void on_event(struct sl_tcp *t, unsigned events);
static void on_timer(struct sl_timer *t);

static void free_conn(struct sl_ended *e)
{
    struct fake_conn *k = SL_CONTAINER_OF(e, struct fake_conn, ended);
    sl_buf_done(&k->in);
    sl_chunks_done(&k->out);
    sl_free(k);
}

static void drop(struct fake_conn *k, bool reset)
{
    if (k->dead)
        return;
    k->dead = true;
    if (reset)
        sl_tcp_reset(&k->tcp);
    else
        sl_tcp_close(&k->tcp);
    sl_timer_cancel(k->fake->loop, &k->timer);
    sl_list_remove(&k->node);
    sl_end(k->fake->loop, &k->ended, free_conn);
}

static void on_accept(void *owner, int fd, const struct sl_addr *peer)
{
    struct fake *f = owner;
    struct fake_conn *k = SL_NEW(struct fake_conn);
    (void)peer;
    f->accepted++;
    k->fake = f;
    sl_tcp_init(&k->tcp, on_event);
    sl_timer_init(&k->timer, on_timer);
    sl_list_init(&k->node);
    sl_list_add_tail(&f->conns, &k->node);
    sl_buf_init(&k->in, 64u << 20);
    sl_chunks_init(&k->out, 256u << 20, NULL);
    SL_CHECK(sl_tcp_attach(f->loop, &k->tcp, fd) == SL_OK);
    sl_tcp_want(&k->tcp, SL_READABLE);
}

/* ---- requests ---- */

static struct sl_str line_of(struct sl_str head, struct sl_str name)
{
    while (head.n > 0) {
        struct sl_str line = sl_str_cut(&head, '\n');
        if (sl_str_starts_nocase(line, name) && line.n > name.n && line.p[name.n] == ':') {
            line = sl_str_trim(sl_str_from(line, name.n + 1));
            return line.n > 0 && line.p[line.n - 1] == '\r' ? sl_str_head(line, line.n - 1) : line;
        }
    }
    return SL_STR_NONE;
}

/* Bytes of the first whole request; 0: there is none yet. */
static size_t request_bytes(struct sl_str in)
{
    ptrdiff_t end = sl_str_find_str(in, SL_STR("\r\n\r\n"));
    uint64_t length = 0;
    if (end < 0)
        return 0;
    sl_str_to_u64(line_of(sl_str_head(in, (size_t)end), SL_STR("content-length")), &length);
    size_t all = (size_t)end + 4 + (size_t)length;
    return in.n >= all ? all : 0;
}

struct sl_str fake_body(const struct fake *f)
{
    struct sl_str all = sl_buf_str(&f->last);
    ptrdiff_t end = sl_str_find_str(all, SL_STR("\r\n\r\n"));
    return end < 0 ? SL_STR_NONE : sl_str_from(all, (size_t)end + 4);
}

struct sl_str fake_header(const struct fake *f, const char *lower_name)
{
    struct sl_str all = sl_buf_str(&f->last);
    ptrdiff_t end = sl_str_find_str(all, SL_STR("\r\n\r\n"));
    return end < 0 ? SL_STR_NONE : line_of(sl_str_head(all, (size_t)end + 2), sl_str_c(lower_name));
}

/* ---- answers ---- */

/* False: the socket takes no more for now, or it broke. */
static bool flush(struct fake_conn *k)
{
    struct iovec v[16];
    while (k->out.n > 0) {
        size_t sent = 0;
        enum sl_io io = sl_tcp_write(&k->tcp, v, sl_chunks_iov(&k->out, v, 16), &sent);
        if (io == SL_IO_AGAIN) {
            sl_tcp_want(&k->tcp, SL_READABLE | SL_WRITABLE);
            return false;
        }
        if (io != SL_IO_OK) {
            k->fake->left++;
            k->fake->left_ns = sl_loop_now(k->fake->loop);
            drop(k, false);
            return false;
        }
        sl_chunks_drop(&k->out, sent);
    }
    sl_tcp_want(&k->tcp, SL_READABLE);
    return true;
}

static bool next_request(struct fake_conn *k)
{
    struct fake *f = k->fake;
    size_t n = request_bytes(sl_buf_str(&k->in));
    if (n == 0)
        return false;
    f->requests++;
    sl_buf_reset(&f->last);
    SL_CHECK(sl_buf_add(&f->last, k->in.p, n) == SL_OK);
    memmove(k->in.p, k->in.p + n, k->in.n - n);
    k->in.n -= n;
    bool get = sl_str_starts(sl_buf_str(&f->last), SL_STR("GET "));
    const struct fake_step *usual = get ? f->usual_get : f->usual;
    f->gets += get;
    if (usual != NULL && (get || f->next >= f->n_scripts)) {
        k->at = usual;
    } else if (f->next < f->n_scripts) {
        k->at = f->scripts[f->next++];
    } else {
        f->unasked++;
        k->hangs = true;
    }
    return !k->hangs;
}

static void go(struct fake_conn *k)
{
    while (!k->dead && !k->hangs) {
        if (k->at == NULL && !next_request(k))
            return;
        if (sl_timer_is_armed(&k->timer) || !flush(k))
            return;
        const struct fake_step *s = k->at++;
        switch (s->act) {
        case FAKE_END:
            k->at = NULL;
            break;
        case FAKE_SEND:
            SL_CHECK(sl_chunks_add(&k->out, s->bytes.p, s->bytes.n) == SL_OK);
            break;
        case FAKE_WAIT:
            sl_timer_arm(k->fake->loop, &k->timer, sl_loop_now(k->fake->loop) + s->ns);
            return;
        case FAKE_CLOSE:
        case FAKE_RESET:
            drop(k, s->act == FAKE_RESET);
            return;
        case FAKE_HANG:
            k->hangs = true;
            break;
        }
    }
}

static void on_timer(struct sl_timer *t)
{
    go(SL_CONTAINER_OF(t, struct fake_conn, timer));
}

static void on_event(struct sl_tcp *t, unsigned events)
{
    struct fake_conn *k = SL_CONTAINER_OF(t, struct fake_conn, tcp);
    char piece[4096];
    size_t n = 0;
    enum sl_io io = SL_IO_AGAIN;
    while ((events & SL_READABLE) != 0 && (io = sl_tcp_read(t, piece, sizeof piece, &n)) == SL_IO_OK)
        SL_CHECK(sl_buf_add(&k->in, piece, n) == SL_OK);
    if (io == SL_IO_EOF || io == SL_IO_ERROR) {
        if (k->at != NULL || k->hangs) {
            k->fake->left++;
            k->fake->left_ns = sl_loop_now(k->fake->loop);
        }
        drop(k, false);
        return;
    }
    go(k);
}

/* ---- scripts ---- */

void fake_script(struct fake *f, const struct fake_step *steps)
{
    SL_CHECK(f->n_scripts < FAKE_SCRIPTS_MAX);
    f->scripts[f->n_scripts++] = steps;
}

void fake_bytes(struct fake *f, struct sl_str bytes, enum fake_act then)
{
    struct fake_step *s = sl_arena_zalloc(&f->arena, 3 * sizeof *s);
    s[0] = (struct fake_step){.act = FAKE_SEND, .bytes = sl_arena_str(&f->arena, bytes)};
    s[1] = (struct fake_step){.act = then};
    fake_script(f, s);
}

void fake_answer(struct fake *f, int status, const char *extra, const char *body)
{
    struct sl_str all = sl_arena_printf(
        &f->arena, "HTTP/1.1 %d Status\r\ncontent-type: application/json\r\ncontent-length: %zu\r\n%s\r\n%s", status,
        strlen(body), extra != NULL ? extra : "", body);
    fake_bytes(f, all, FAKE_END);
}

void fake_stream(struct fake *f, const char *const *events, size_t n, int64_t ns, bool end, enum fake_act then)
{
    struct fake_step *s = sl_arena_zalloc(&f->arena, (2 * n + 4) * sizeof *s), *at = s;
    *at++ = (struct fake_step){.act = FAKE_SEND,
                               .bytes = SL_STR("HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\n"
                                               "transfer-encoding: chunked\r\nx-request-id: req_up\r\n\r\n")};
    for (size_t i = 0; i < n; i++) {
        if (ns > 0)
            *at++ = (struct fake_step){.act = FAKE_WAIT, .ns = ns};
        *at++ = (struct fake_step){.act = FAKE_SEND,
                                   .bytes = sl_arena_printf(&f->arena, "%zx\r\n%s\r\n", strlen(events[i]), events[i])};
    }
    if (end)
        *at++ = (struct fake_step){.act = FAKE_SEND, .bytes = SL_STR("0\r\n\r\n")};
    *at = (struct fake_step){.act = then};
    fake_script(f, s);
}

/* ---- life ---- */

void fake_open(struct fake *f, struct vnet *net, struct sl_loop *l, const char *host)
{
    *f = (struct fake){.net = net, .loop = l};
    SL_CHECK(sl_addr_parse(sl_str_c(host), 80, &f->at));
    sl_arena_init(&f->arena, NULL);
    sl_list_init(&f->conns);
    sl_buf_init(&f->last, 64u << 20);
    vnet_listen(net, &f->at, on_accept, f);
}

void fake_close(struct fake *f)
{
    struct sl_list *node;
    vnet_unlisten(f->net, &f->at);
    while (!sl_list_is_empty(&f->conns)) {
        node = f->conns.next;
        drop(SL_CONTAINER_OF(node, struct fake_conn, node), false);
    }
    sl_loop_drain(f->loop);
    sl_arena_done(&f->arena);
    sl_buf_done(&f->last);
}
