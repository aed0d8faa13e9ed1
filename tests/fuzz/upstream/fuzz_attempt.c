/* A provider that answers with any bytes, in pieces of any size, and ends as it likes, under an attempt that is read, held,
 * let on or cancelled. Whatever came, the attempt is over exactly once, nothing stays open, and the next request on the
 * same origin gets its own answer and nothing of the first.
 *
 * Byte 0: how it ends (bits 0-1), what the owner does (bits 2-4), HTTP/1 or an HTTP/2 session (bit 5). Byte 1: piece. The
 * rest is the answer. */
#include "base/buf.h"
#include "base/check.h"
#include "lib/vnet.h"
#include "upstream/upstream.h"

int LLVMFuzzerTestOneInput(const unsigned char *data, size_t n);

enum act {
    ACT_NONE = 0,
    ACT_HOLD,
    ACT_CANCEL,
    ACT_DRAIN,
    ACT_FREE
};

struct provider {
    struct sl_loop *loop;
    struct sl_tcp tcp[8];
    unsigned n, served;
    const unsigned char *answer;
    size_t left, piece;
    unsigned end; /* 0: stays; 1: FIN; 2: RST; 3: stays */
};

struct probe {
    struct attempt *attempt;
    struct attempt_result result;
    enum act act;
    unsigned heads, overs;
    int status;
    bool gone;
    struct sl_buf got;
};

static struct provider *the_provider;
static const char good[] = "HTTP/1.1 299 Own\r\ncontent-length: 3\r\n\r\nown";

static void say(struct sl_tcp *t, const void *p, size_t n)
{
    struct iovec v = {(void *)(uintptr_t)p, n};
    size_t put;
    if (n > 0)
        (void)!sl_tcp_write(t, &v, 1, &put);
}

static void on_event(struct sl_tcp *t, unsigned events)
{
    struct provider *s = the_provider;
    char buf[65536];
    size_t n = 0;
    (void)events;
    enum sl_io r = sl_tcp_read(t, buf, sizeof buf, &n);
    if (r == SL_IO_EOF || r == SL_IO_ERROR)
        sl_tcp_close(t);
    if (r != SL_IO_OK)
        return;
    if (s->served++ > 0) {
        say(t, good, sizeof good - 1);
        return;
    }
    while (s->left > 0) {
        size_t part = s->left < s->piece ? s->left : s->piece;
        say(t, s->answer, part);
        s->answer += part;
        s->left -= part;
    }
    if (s->end == 1)
        sl_tcp_close(t);
    if (s->end == 2)
        sl_tcp_reset(t);
}

static void on_accept(void *owner, int fd, const struct sl_addr *peer)
{
    struct provider *s = owner;
    (void)peer;
    SL_CHECK(s->n < 8);
    struct sl_tcp *t = &s->tcp[s->n++];
    sl_tcp_init(t, on_event);
    SL_CHECK(sl_tcp_attach(s->loop, t, fd) == SL_OK);
    sl_tcp_want(t, SL_READABLE);
}

static void do_act(struct probe *p)
{
    if (p->act == ACT_HOLD)
        attempt_read(p->attempt, false);
    if (p->act < ACT_CANCEL)
        return;
    attempt_cancel(p->attempt, p->act == ACT_DRAIN, &p->result);
    p->gone = true;
    if (p->act == ACT_FREE) {
        attempt_free(p->attempt);
        p->attempt = NULL;
    }
}

static void on_head(void *owner, const struct http_response *head)
{
    struct probe *p = owner;
    SL_CHECK(p->heads++ == 0 && p->overs == 0 && !p->gone && head->status >= 200 && head->status <= 599);
    p->status = head->status;
}

static void on_body(void *owner, struct sl_str bytes)
{
    struct probe *p = owner;
    SL_CHECK(p->heads == 1 && p->overs == 0 && !p->gone && bytes.n > 0);
    sl_buf_add(&p->got, bytes.p, bytes.n);
    do_act(p);
}

static void on_over(void *owner, const struct attempt_result *r)
{
    struct probe *p = owner;
    SL_CHECK(p->overs++ == 0 && !p->gone);
    SL_CHECK(r->outcome != OUT_OK || p->heads == 1);
    p->result = *r;
}

static void ask(struct vnet *net, struct upstream *u, const struct upstream_origin *at, struct probe *p)
{
    static const struct attempt_owner owner = {.on_head = on_head, .on_body = on_body, .on_over = on_over};
    static char body[] = "{}";
    struct iovec v = {body, 2};
    struct sl_arena arena;
    struct attempt_request r = {
        .origin = at,
        .method = SL_STR("POST"),
        .path = SL_STR("/v1/x"),
        .body = &v,
        .n_body = 1,
        .deadlines = {.connect_ns = SL_SEC, .send_ns = SL_SEC, .first_byte_ns = SL_SEC, .between_ns = SL_SEC},
    };
    sl_arena_init(&arena, NULL);
    sl_buf_init(&p->got, 1u << 20);
    p->attempt = attempt_start(u, &arena, &r, &owner, p);
    for (unsigned i = 0; i < 200 && p->overs == 0 && !p->gone; i++) {
        vnet_pass(net, 50 * SL_MS);
        if (p->act == ACT_HOLD && p->overs == 0)
            attempt_read(p->attempt, true);
    }
    if (p->act == ACT_HOLD && p->overs == 0) { /* many pieces: let on for good */
        p->act = ACT_NONE;
        attempt_read(p->attempt, true);
        vnet_pass(net, 5 * SL_SEC);
    }
    SL_CHECK(p->gone ? p->overs == 0 : p->overs == 1);
    attempt_free(p->attempt);
    sl_arena_done(&arena);
    vnet_pass(net, 10 * SL_MS); /* whatever else was said arrives while nobody asks */
}

static void second_is_untouched(struct vnet *net, struct upstream *u, const struct upstream_origin *at)
{
    struct probe p = {0};
    the_provider->served = 1;
    ask(net, u, at, &p);
    SL_CHECK(p.result.outcome == OUT_OK && p.status == 299);
    SL_CHECK(sl_str_eq(sl_buf_str(&p.got), SL_STR("own")));
    sl_buf_done(&p.got);
}

int LLVMFuzzerTestOneInput(const unsigned char *data, size_t n)
{
    if (n < 2 || n > 40000)
        return 0;
    struct vnet *net = vnet_new(data[1]);
    struct sl_loop loop;
    struct upstream_origin at = {.id = 1,
                                 .host = SL_STR("93.184.216.34"),
                                 .authority = SL_STR("x.example"),
                                 .port = 80,
                                 .http = (data[0] & 0x20) != 0 ? UPSTREAM_HTTP2 : UPSTREAM_HTTP1,
                                 .max_idle = 2,
                                 .idle_ns = 20 * SL_SEC};
    struct provider s = {
        .loop = &loop, .answer = data + 2, .left = n - 2, .end = data[0] & 3, .piece = data[1] == 0 ? n : data[1]};
    struct probe p = {.act = (enum act)((data[0] >> 2) % 5)};
    struct sl_addr addr;
    vnet_loop_init(net, &loop);
    struct upstream *u = upstream_new(&(struct upstream_parts){.loop = &loop});
    the_provider = &s;
    SL_CHECK(sl_addr_parse(at.host, 80, &addr));
    vnet_listen(net, &addr, on_accept, &s);
    ask(net, u, &at, &p);
    sl_buf_done(&p.got);
    if (at.http == UPSTREAM_HTTP1)
        second_is_untouched(net, u, &at);
    upstream_retire_origin(u, 1);
    vnet_pass(net, 40 * SL_SEC);
    SL_CHECK(upstream_stats(u)->connections == 0 && upstream_stats(u)->live == 0);
    upstream_free(u);
    for (unsigned i = 0; i < s.n; i++)
        sl_tcp_close(&s.tcp[i]);
    sl_loop_done(&loop);
    vnet_free(net);
    return 0;
}
