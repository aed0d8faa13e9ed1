/* The client of a drill: one request in OpenAI's chat format over a connection of its own, read until its end. Plain blocking calls
 * with a deadline: it is alone on its thread. */
#include <poll.h>
#include <stdio.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/mem.h"
#include "dialect/json_tree.h"
#include "http/h1.h"
#include "main/drill.h"

#define ANSWER_MAX (8u << 20)
#define GIVE_UP_NS (45 * SL_SEC) /* longer than any request may take */
#define READ_BYTES 16384u
#define QUESTION "Tell me about the quick brown fox."

struct asking {
    int fd;
    int64_t due_ns;
    struct sl_arena *a;
    struct drill_seen *seen;
    struct sl_buf body;
};

/* ---- the wire ---- */

static bool wait_for(const struct asking *k, short what)
{
    struct pollfd p = {.fd = k->fd, .events = what};
    int64_t left = k->due_ns - sl_clock_mono_ns();
    return left > 0 && poll(&p, 1, (int)(left / SL_MS) + 1) == 1;
}

static bool send_all(const struct asking *k, struct sl_str bytes)
{
    while (bytes.n > 0) {
        ssize_t n = wait_for(k, POLLOUT) ? send(k->fd, bytes.p, bytes.n, MSG_NOSIGNAL) : -1;
        if (n <= 0)
            return false;
        bytes = sl_str_from(bytes, (size_t)n);
    }
    return true;
}

static void take_head(struct asking *k, const struct h1_parser *p)
{
    const struct http_response *r = h1_parser_response(p);
    k->seen->status = r->status;
    k->seen->tells_when = http_headers_find_name(&r->headers, SL_STR("retry-after")) != NULL;
}

/* True: the answer is over. */
static bool take_bytes(struct asking *k, struct h1_parser *p, struct sl_str in)
{
    struct sl_str piece;
    for (;;) {
        switch (h1_parser_feed(p, &in, &piece)) {
        case H1_HEAD:
            take_head(k, p);
            break;
        case H1_BODY:
            (void)sl_buf_adds(&k->body, piece);
            break;
        case H1_COMPLETE:
            k->seen->has_end = true;
            return true;
        case H1_BAD:
            return true;
        case H1_MORE:
            return false;
        }
    }
}

static void read_answer(struct asking *k)
{
    char *in = sl_arena_alloc(k->a, READ_BYTES);
    struct h1_parser p;
    h1_parser_init(&p, H1_RESPONSES, NULL);
    h1_parser_begin_response(&p, k->a, HTTP_POST);
    for (;;) {
        if (!wait_for(k, POLLIN)) {
            k->seen->timed_out = true;
            return;
        }
        ssize_t n = recv(k->fd, in, READ_BYTES, 0);
        if (n <= 0 || take_bytes(k, &p, sl_str_of(in, (size_t)n)))
            return;
    }
}

/* ---- what it says ---- */

static void take_error(struct asking *k, const struct json_tree *t)
{
    const struct json_node *e = json_got(t, json_root(t), SL_STR("error"));
    if (e == NULL)
        return;
    const struct json_node *code = json_got(t, e, SL_STR("code"));
    if (json_kind_of(code) != JSON_STRING)
        code = json_got(t, e, SL_STR("type"));
    k->seen->has_error = true;
    k->seen->error = sl_arena_str(k->a, json_plain_of(t, code, k->a));
}

static const struct json_node *first_choice(const struct json_tree *t)
{
    return json_child(json_get(t, json_root(t), SL_STR("choices")));
}

static void take_finish(struct asking *k, const struct json_tree *t)
{
    struct sl_str said = json_plain_of(t, json_got(t, first_choice(t), SL_STR("finish_reason")), k->a);
    if (said.n > 0)
        k->seen->finish = sl_arena_str(k->a, said);
}

static void take_whole(struct asking *k)
{
    struct json_tree t;
    if (!json_tree_read(&t, sl_buf_str(&k->body), k->a)) {
        k->seen->has_end = false;
        return;
    }
    const struct json_node *m = json_get(&t, first_choice(&t), SL_STR("message"));
    k->seen->text = json_plain_of(&t, json_get(&t, m, SL_STR("content")), k->a);
    take_finish(k, &t);
    take_error(k, &t);
}

static void take_events(struct asking *k)
{
    struct sl_str rest = sl_buf_str(&k->body);
    struct sl_buf text;
    bool done = false;
    sl_buf_init(&text, ANSWER_MAX);
    while (rest.n > 0) {
        struct sl_str line = sl_str_cut(&rest, '\n');
        struct json_tree t;
        if (!sl_str_starts(line, SL_STR("data:")))
            continue;
        line = sl_str_trim(sl_str_from(line, 5));
        if (sl_str_eq(line, SL_STR("[DONE]"))) {
            done = true;
            continue;
        }
        if (!json_tree_read(&t, line, k->a)) {
            k->seen->has_garbage = true;
            continue;
        }
        const struct json_node *delta = json_get(&t, first_choice(&t), SL_STR("delta"));
        take_finish(k, &t);
        (void)sl_buf_adds(&text, json_plain_of(&t, json_get(&t, delta, SL_STR("content")), k->a));
        take_error(k, &t);
    }
    k->seen->text = sl_arena_str(k->a, sl_buf_str(&text));
    k->seen->has_end = done || k->seen->finish.n > 0; /* some servers send no [DONE] */
    sl_buf_done(&text);
}

/* ---- asking ---- */

static struct sl_str request_of(const struct drill_case *c, const char *key, struct sl_arena *a)
{
    struct sl_buf b;
    sl_buf_init(&b, 65536);
    (void)sl_buf_adds(&b, SL_STR("{\"model\":"));
    (void)sl_buf_add_json(&b, sl_str_c(c->model));
    if (c->route[0] != 0) {
        (void)sl_buf_adds(&b, SL_STR(",\"route\":"));
        (void)sl_buf_add_json(&b, sl_str_c(c->route));
    }
    (void)sl_buf_addf(&b, ",\"stream\":%s,\"messages\":[{\"role\":\"user\",\"content\":\"" QUESTION "\"}]}",
                      c->stream ? "true" : "false");
    struct sl_str body = sl_buf_str(&b);
    struct sl_str all = sl_arena_printf(
        a,
        "POST /v1/chat/completions HTTP/1.1\r\nhost: drill\r\nauthorization: Bearer %s\r\ncontent-type: "
        "application/json\r\ncontent-length: %zu\r\nconnection: close\r\n\r\n" SL_STR_FMT,
        key, body.n, SL_STR_ARG(body));
    sl_buf_done(&b);
    return all;
}

static void connect_to(struct asking *k, const struct sl_addr *at)
{
    bool six = at->sa.any.sa_family == AF_INET6;
    k->fd = socket(at->sa.any.sa_family, SOCK_STREAM | SOCK_CLOEXEC, 0);
    k->seen->connected = k->fd >= 0 && connect(k->fd, &at->sa.any, six ? sizeof at->sa.v6 : sizeof at->sa.v4) == 0;
}

bool drill_fetch(const struct sl_addr *at, struct sl_str request, struct sl_arena *a, int *out_status,
                 struct sl_str *out_body)
{
    struct drill_seen seen = {0};
    struct asking k = {.due_ns = sl_clock_mono_ns() + GIVE_UP_NS, .a = a, .seen = &seen};
    sl_buf_init(&k.body, ANSWER_MAX);
    connect_to(&k, at);
    if (seen.connected && send_all(&k, request))
        read_answer(&k);
    if (k.fd >= 0)
        close(k.fd);
    *out_status = seen.status;
    *out_body = sl_arena_str(a, sl_buf_str(&k.body));
    sl_buf_done(&k.body);
    return seen.has_end;
}

void drill_ask(const struct sl_addr *at, const char *key, const struct drill_case *c, struct sl_arena *a,
               struct drill_seen *out)
{
    int64_t began = sl_clock_mono_ns();
    struct asking k = {.due_ns = began + GIVE_UP_NS, .a = a, .seen = out};
    *out = (struct drill_seen){0};
    sl_buf_init(&k.body, ANSWER_MAX);
    connect_to(&k, at);
    if (out->connected && send_all(&k, request_of(c, key, a)))
        read_answer(&k);
    if (k.fd >= 0)
        close(k.fd);
    if (c->stream && out->status == 200)
        take_events(&k);
    else
        take_whole(&k);
    out->took_ns = sl_clock_mono_ns() - began;
    out->text = sl_arena_str(a, out->text); /* they are views of the body, where no escape was in them */
    out->finish = sl_arena_str(a, out->finish);
    out->error = sl_arena_str(a, out->error);
    sl_buf_done(&k.body);
}
