#include "kit.h"

/* ---- the client ---- */

static struct client *client_of(struct http_stream *s)
{
    return (struct client *)s;
}

static void give_waiting(struct client *c)
{
    struct sl_str bytes = c->waiting;
    if (!c->reading || c->last_given || bytes.p == NULL || c->pub.gone || c->released)
        return;
    c->waiting = SL_STR_NONE;
    client_give(c, bytes, true);
}

static void op_read(struct http_stream *s, bool on)
{
    client_of(s)->reading = on;
}

static void op_send_head(struct http_stream *s, const struct http_response *r, bool last)
{
    struct client *c = client_of(s);
    assert_false(c->released);
    if (s->gone)
        return;
    assert_int_equal(c->heads, 0);
    c->heads++;
    c->status = r->status;
    c->length = r->content_length;
    c->last = last;
    c->head_ns = sl_loop_now(&c->core->loop);
    for (uint32_t i = 0; i < r->headers.n; i++)
        sl_buf_addf(&c->head, SL_STR_FMT ": " SL_STR_FMT "\n", SL_STR_ARG(r->headers.v[i].name),
                    SL_STR_ARG(r->headers.v[i].value));
}

static void op_send_body(struct http_stream *s, const struct iovec *v, int n, bool last)
{
    struct client *c = client_of(s);
    assert_false(c->released);
    if (s->gone || c->reset)
        return;
    assert_int_equal(c->heads, 1);
    assert_false(c->last);
    for (int i = 0; i < n; i++)
        assert_int_equal(sl_buf_add(&c->body, v[i].iov_base, v[i].iov_len), SL_OK);
    c->last = last;
    if (last)
        c->last_ns = sl_loop_now(&c->core->loop);
    s->bytes_out = c->body.n;
}

static void op_informational(struct http_stream *s, int status)
{
    (void)s, (void)status;
}

static size_t op_room(const struct http_stream *s)
{
    struct client *c = (struct client *)(uintptr_t)s;
    c->room_asked += c->room == 0;
    return c->room;
}

static void op_reset(struct http_stream *s)
{
    assert_false(client_of(s)->released);
    client_of(s)->reset = true;
}

/* The stream's memory goes at once: whoever looks at it later is told by the sanitizer. */
static void op_release(struct http_stream *s)
{
    struct client *c = client_of(s);
    assert_false(c->released);
    c->released = true;
    sl_arena_done(&c->arena);
}

static const struct http_stream_ops ops = {
    .read = op_read,
    .send_head = op_send_head,
    .send_body = op_send_body,
    .send_informational = op_informational,
    .room = op_room,
    .reset = op_reset,
    .release = op_release,
};

static void add_header(struct client *c, struct sl_str line)
{
    struct sl_str rest = line, name = sl_str_cut(&rest, ':');
    name = sl_arena_str(&c->arena, name);
    enum http_name id = http_name_of(name);
    rest = sl_arena_str(&c->arena, sl_str_trim(rest));
    if (id != HN_OTHER)
        http_headers_add_id(&c->req.headers, &c->arena, id, rest);
    else
        http_headers_add(&c->req.headers, &c->arena, name, rest);
}

static void fill_request(struct client *c, const struct ask *a)
{
    struct http_request *r = &c->req;
    struct sl_str method = sl_str_c(a->method != NULL ? a->method : "POST");
    r->method_text = sl_arena_str(&c->arena, method);
    r->method = sl_str_eq(method, SL_STR("POST"))     ? HTTP_POST
                : sl_str_eq(method, SL_STR("GET"))    ? HTTP_GET
                : sl_str_eq(method, SL_STR("DELETE")) ? HTTP_DELETE
                                                      : HTTP_HEAD;
    r->version = a->version != 0 ? a->version : HTTP_1_1;
    r->target = sl_arena_str(&c->arena, sl_str_c(a->path));
    struct sl_str rest = r->target;
    r->path = sl_str_cut(&rest, '?');
    r->query = rest.p != NULL ? rest : SL_STR_NONE;
    r->authority = SL_STR("gateway.test");
    r->has_body = a->body != NULL || a->body_by_hand;
    r->content_length = a->body != NULL && !a->no_length ? (int64_t)strlen(a->body) : HTTP_LENGTH_NONE;
    if (a->key != NULL) {
        struct sl_str line = sl_arena_printf(&c->arena, "authorization: Bearer %s", a->key);
        add_header(c, line);
    }
    for (size_t i = 0; a->headers != NULL && a->headers[i] != NULL; i++)
        add_header(c, sl_str_c(a->headers[i]));
}

void client_send(struct client *c, struct core *core, const struct ask *a)
{
    *c = (struct client){.core = core, .room = 1u << 20};
    sl_arena_init(&c->arena, NULL);
    sl_buf_init(&c->head, 1u << 20);
    sl_buf_init(&c->body, 64u << 20);
    fill_request(c, a);
    c->pub = (struct http_stream){.ops = &ops,
                                  .app = &exchange_app,
                                  .arena = &c->arena,
                                  .peer = core_addr("198.51.100.7", 4321),
                                  .began_ns = sl_loop_now(&core->loop)};
    if (!a->body_by_hand)
        c->waiting = sl_str_c(a->body);
    void *x = exchange_app.on_request(&core->env, &c->pub, &c->req);
    assert_non_null(x);
    c->pub.x = x;
    if (!c->released)
        give_waiting(c);
}

void client_chat(struct client *c, struct core *core, const char *body)
{
    client_send(c, core, &(struct ask){.path = "/v1/chat/completions", .key = CORE_KEY, .body = body});
}

void client_give(struct client *c, struct sl_str bytes, bool last)
{
    assert_false(c->last_given);
    c->last_given = last;
    c->pub.bytes_in += bytes.n;
    if (!c->released)
        exchange_app.on_body(c->pub.x, bytes, last);
}

void client_leave(struct client *c, enum http_gone why)
{
    if (c->released)
        return;
    c->pub.gone = why != HTTP_GONE_BODY_SLOW;
    exchange_app.on_gone(c->pub.x, why);
}

void client_room(struct client *c, size_t room)
{
    bool was = c->room == 0;
    c->room = room;
    if (was && room > 0 && !c->released)
        exchange_app.on_room(c->pub.x);
}

void client_done(struct client *c)
{
    assert_true(c->released);
    sl_buf_done(&c->head);
    sl_buf_done(&c->body);
}

struct sl_str client_header(const struct client *c, const char *name)
{
    struct sl_str all = sl_buf_str(&c->head);
    while (all.n > 0) {
        struct sl_str line = sl_str_cut(&all, '\n'), key = sl_str_cut(&line, ':');
        if (sl_str_eq(key, sl_str_c(name)))
            return sl_str_trim(line);
    }
    return SL_STR_NONE;
}

bool client_has(const struct client *c, const char *text)
{
    return sl_str_find_str(sl_buf_str(&c->body), sl_str_c(text)) >= 0;
}

/* ---- the kit ---- */

void kit_open(struct kit *k, const struct core_options *o)
{
    struct core_options with_access = o != NULL ? *o : (struct core_options){.seed = 0};
    with_access.access = true;
    core_open(&k->core, &with_access);
    fake_open(&k->one, k->core.net, &k->core.loop, CORE_ONE);
    fake_open(&k->two, k->core.net, &k->core.loop, CORE_TWO);
}

struct core_ledger kit_ledger(struct kit *k)
{
    struct core_ledger l;
    core_ledger_read(&k->core.disk, &l);
    return l;
}

size_t kit_close(struct kit *k)
{
    kit_run(k, 0);
    const char *trouble = core_unquiet(&k->core);
    if (trouble != NULL)
        fail_msg("%s", trouble);
    struct core_ledger l = kit_ledger(k);
    assert_int_equal(l.strays, 0);
    for (size_t i = 0; i < l.n; i++) {
        assert_int_equal(l.v[i].opens, 1);
        assert_int_equal(l.v[i].closes, 1);
    }
    size_t n = l.n;
    core_ledger_free(&l);
    fake_close(&k->one);
    fake_close(&k->two);
    core_close(&k->core);
    core_disk_free(&k->core.disk);
    return n;
}

void kit_run(struct kit *k, int64_t ns)
{
    vnet_run(k->core.net, NULL, NULL, ns);
}

struct sl_str record_member(struct kit *k, unsigned n, const char *name)
{
    char quoted[64];
    struct sl_str line = core_line(&k->core, n);
    int len = snprintf(quoted, sizeof quoted, "\"%s\":", name);
    ptrdiff_t at = sl_str_find_str(line, sl_str_of(quoted, (size_t)len));
    if (at < 0)
        return SL_STR_NONE;
    line = sl_str_from(line, (size_t)at + (size_t)len);
    size_t end = 0;
    if (line.n > 0 && line.p[0] == '"')
        for (end = 1; end < line.n && line.p[end] != '"'; end++)
            ;
    else
        while (end < line.n && line.p[end] != ',' && line.p[end] != '}')
            end++;
    return line.n > 0 && line.p[0] == '"' ? sl_str_of(line.p + 1, end - 1) : sl_str_head(line, end);
}
