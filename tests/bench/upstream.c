/* The provider of the benchmarks: answers canned bytes as cheaply as a program can, so that it is never what is measured.
 *
 *     upstream [events per second of a stream, default 500]     prints "ready PORT"
 *
 * One thread, epoll, keep-alive. A request whose first bytes hold "stream":true gets 300 events of a chat stream, one write for
 * each event: paced, as a provider's tokens come; with "burst" without a pause, as fast as it can; with "slow" one event a second
 * for ten minutes. At a path that ends in /messages the stream is one of Anthropic's. Everything else gets a chat completion of
 * 1 KiB. Started by bench.py and train.sh; owns nothing outside itself. */
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <errno.h>
#include <netinet/tcp.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/resource.h>
#include <sys/timerfd.h>
#include <unistd.h>

#define CONNS_MAX 65536
#define EVENTS 300
#define SLOW_EVENTS 600
#define PEEK 4096 /* bytes of a body that are looked at: a translated one has "stream" behind its messages */

struct conn {
    bool open, in_body, stream, slow, burst, messages;
    size_t head_n, body_left, peek_n;
    unsigned event, due; /* of the running stream: next event, tick at which it is sent */
    size_t taken;        /* burst: bytes of that event that the socket has */
    char head[4096], peek[PEEK];
};

static struct conn *conns[CONNS_MAX];
static int active[CONNS_MAX], n_active; /* fds of running streams */
static int epoll_fd;
static unsigned tick, period = 2, slow_period = 1000; /* ms */
static char answer[2048], stream_head[512], event_chunk[512], usage_chunk[512];
static size_t answer_n, stream_head_n, event_n, usage_n;
static char done_chunk[64];
static size_t done_n;
static char first_chunk_m[1024], event_chunk_m[512], last_chunk_m[1024]; /* of Anthropic's stream */
static size_t first_m_n, event_m_n, last_m_n;

static size_t put_chunk(char *out, size_t cap, const char *text)
{
    return (size_t)snprintf(out, cap, "%zx\r\n%s\r\n", strlen(text), text);
}

static void make_answers(void)
{
    static char body[1100], pad[1024];
    const char *shape = "{\"id\":\"chatcmpl-bench\",\"object\":\"chat.completion\",\"created\":1764000000,"
                        "\"model\":\"bench-model\",\"choices\":[{\"index\":0,\"message\":{\"role\":\"assistant\","
                        "\"content\":\"%s\",\"refusal\":null},\"logprobs\":null,\"finish_reason\":\"stop\"}],"
                        "\"usage\":{\"prompt_tokens\":200,\"completion_tokens\":120,\"total_tokens\":320,"
                        "\"prompt_tokens_details\":{\"cached_tokens\":0},"
                        "\"completion_tokens_details\":{\"reasoning_tokens\":0}},\"system_fingerprint\":\"fp_bench\"}";
    int bare = snprintf(body, sizeof body, shape, "");
    memset(pad, 'a', (size_t)(1024 - bare));
    int n = snprintf(body, sizeof body, shape, pad);
    answer_n =
        (size_t)snprintf(answer, sizeof answer,
                         "HTTP/1.1 200 OK\r\nDate: Sat, 21 Nov 2026 09:00:00 GMT\r\nContent-Type: application/json\r\n"
                         "Content-Length: %d\r\nx-request-id: req_0123456789abcdef0123456789abcdef\r\n"
                         "openai-processing-ms: 12\r\nx-ratelimit-remaining-requests: 9999\r\n\r\n%s",
                         n, body);
    stream_head_n = (size_t)snprintf(stream_head, sizeof stream_head,
                                     "HTTP/1.1 200 OK\r\nContent-Type: text/event-stream; charset=utf-8\r\n"
                                     "Transfer-Encoding: chunked\r\nx-request-id: req_0123456789abcdef\r\n\r\n");
    event_n = put_chunk(event_chunk, sizeof event_chunk,
                        "data: {\"id\":\"chatcmpl-bench\",\"object\":\"chat.completion.chunk\",\"created\":1764000000,"
                        "\"model\":\"bench-model\",\"system_fingerprint\":\"fp_bench\",\"choices\":[{\"index\":0,"
                        "\"delta\":{\"content\":\" token\"},\"logprobs\":null,\"finish_reason\":null}]}\n\n");
    usage_n = put_chunk(usage_chunk, sizeof usage_chunk,
                        "data: {\"id\":\"chatcmpl-bench\",\"object\":\"chat.completion.chunk\",\"created\":1764000000,"
                        "\"model\":\"bench-model\",\"choices\":[],\"usage\":{\"prompt_tokens\":200,"
                        "\"completion_tokens\":300,\"total_tokens\":500}}\n\n");
    first_m_n =
        put_chunk(first_chunk_m, sizeof first_chunk_m,
                  "event: message_start\ndata: {\"type\":\"message_start\",\"message\":{\"id\":\"msg_bench\",\"type\":"
                  "\"message\",\"role\":\"assistant\",\"model\":\"bench-model\",\"content\":[],\"stop_reason\":null,"
                  "\"stop_sequence\":null,\"usage\":{\"input_tokens\":200,\"output_tokens\":1}}}\n\n"
                  "event: content_block_start\ndata: {\"type\":\"content_block_start\",\"index\":0,\"content_block\":{"
                  "\"type\":\"text\",\"text\":\"\"}}\n\n");
    event_m_n =
        put_chunk(event_chunk_m, sizeof event_chunk_m,
                  "event: content_block_delta\ndata: {\"type\":\"content_block_delta\",\"index\":0,\"delta\":{\"type\":"
                  "\"text_delta\",\"text\":\" token\"}}\n\n");
    last_m_n =
        put_chunk(last_chunk_m, sizeof last_chunk_m,
                  "event: content_block_stop\ndata: {\"type\":\"content_block_stop\",\"index\":0}\n\n"
                  "event: message_delta\ndata: {\"type\":\"message_delta\",\"delta\":{\"stop_reason\":\"end_turn\","
                  "\"stop_sequence\":null},\"usage\":{\"output_tokens\":300}}\n\n"
                  "event: message_stop\ndata: {\"type\":\"message_stop\"}\n\n");
    memcpy(last_chunk_m + last_m_n, "0\r\n\r\n", 5);
    last_m_n += 5;
    done_n = put_chunk(done_chunk, sizeof done_chunk, "data: [DONE]\n\n");
    memcpy(done_chunk + done_n, "0\r\n\r\n", 5);
    done_n += 5;
}

static void drop(int fd)
{
    struct conn *c = conns[fd];
    if (c->stream)
        for (int i = 0; i < n_active; i++)
            if (active[i] == fd) {
                active[i] = active[--n_active];
                break;
            }
    c->open = c->stream = false;
    close(fd);
}

/* Small writes on a socket that is read: what does not fit at once is an error of the benchmark. */
static void send_all(int fd, const char *p, size_t n)
{
    if (!conns[fd]->open)
        return;
    ssize_t w = send(fd, p, n, MSG_NOSIGNAL | MSG_DONTWAIT);
    if (w != (ssize_t)n)
        drop(fd);
}

/* The n-th write of a stream behind its head; false: there are no more. */
static bool piece(const struct conn *c, unsigned n, const char **out, size_t *out_n)
{
    unsigned events = c->slow ? SLOW_EVENTS : EVENTS;
    if (n < events) {
        *out = c->messages ? event_chunk_m : event_chunk;
        *out_n = c->messages ? event_m_n : event_n;
    } else if (c->messages) {
        *out = last_chunk_m;
        *out_n = last_m_n;
    } else {
        *out = n == events ? usage_chunk : done_chunk;
        *out_n = n == events ? usage_n : done_n;
    }
    return n < events + (c->messages ? 1 : 2);
}

/* Until all is written or the socket is full. */
static void burst_on(int fd)
{
    struct conn *c = conns[fd];
    const char *p;
    size_t n;
    while (piece(c, c->event, &p, &n)) {
        ssize_t w = send(fd, p + c->taken, n - c->taken, MSG_NOSIGNAL | MSG_DONTWAIT);
        if (w < 0 && errno != EAGAIN) {
            drop(fd);
            return;
        }
        c->taken += w > 0 ? (size_t)w : 0;
        if (c->taken < n) {
            epoll_ctl(epoll_fd, EPOLL_CTL_MOD, fd, &(struct epoll_event){.events = EPOLLIN | EPOLLOUT, .data.fd = fd});
            return;
        }
        c->taken = 0;
        c->event++;
    }
    c->burst = false;
    epoll_ctl(epoll_fd, EPOLL_CTL_MOD, fd, &(struct epoll_event){.events = EPOLLIN, .data.fd = fd});
}

static void answer_request(int fd)
{
    struct conn *c = conns[fd];
    c->in_body = false;
    c->head_n = 0;
    if (memmem(c->peek, c->peek_n, "\"stream\":true", 13) == NULL) {
        send_all(fd, answer, answer_n);
        return;
    }
    c->slow = memmem(c->peek, c->peek_n, "slow", 4) != NULL;
    c->burst = memmem(c->peek, c->peek_n, "burst", 5) != NULL;
    c->event = 0;
    c->taken = 0;
    send_all(fd, stream_head, stream_head_n);
    if (c->messages)
        send_all(fd, first_chunk_m, first_m_n);
    if (!c->open)
        return;
    if (c->burst) {
        burst_on(fd);
        return;
    }
    c->stream = true;
    c->due = tick + 1 + (unsigned)fd % (c->slow ? slow_period : period);
    active[n_active++] = fd;
}

static void take_body(int fd, const char **p, size_t *n)
{
    struct conn *c = conns[fd];
    size_t take = *n < c->body_left ? *n : c->body_left;
    size_t look = take < PEEK - c->peek_n ? take : PEEK - c->peek_n;
    memcpy(c->peek + c->peek_n, *p, look);
    c->peek_n += look;
    c->body_left -= take;
    *p += take;
    *n -= take;
    if (c->body_left == 0)
        answer_request(fd);
}

static bool take_head(int fd, const char **p, size_t *n)
{
    struct conn *c = conns[fd];
    size_t before = c->head_n, room = sizeof c->head - 1 - c->head_n;
    size_t take = *n < room ? *n : room;
    memcpy(c->head + c->head_n, *p, take);
    c->head_n += take;
    char *end = memmem(c->head, c->head_n, "\r\n\r\n", 4);
    if (end == NULL) {
        *n -= take;
        return c->head_n < sizeof c->head - 1;
    }
    size_t head = (size_t)(end + 4 - c->head);
    *p += head - before;
    *n -= head - before;
    c->head[head] = '\0';
    c->messages = memmem(c->head, (size_t)((char *)memchr(c->head, '\n', head) - c->head), "/messages ", 10) != NULL;
    const char *length = strcasestr(c->head, "\r\ncontent-length:");
    c->body_left = length != NULL ? (size_t)strtoull(length + 17, NULL, 10) : 0;
    c->peek_n = 0;
    c->in_body = true;
    if (c->body_left == 0)
        answer_request(fd);
    return true;
}

static void on_readable(int fd)
{
    static char buffer[1 << 17];
    ssize_t got = recv(fd, buffer, sizeof buffer, MSG_DONTWAIT);
    if (got <= 0) {
        if (got == 0 || errno != EAGAIN)
            drop(fd);
        return;
    }
    const char *p = buffer;
    size_t n = (size_t)got;
    while (n > 0 && conns[fd]->open) {
        if (conns[fd]->in_body) {
            take_body(fd, &p, &n);
        } else if (!take_head(fd, &p, &n)) {
            drop(fd);
        }
    }
}

static void on_accept(int listener)
{
    int on = 1, fd;
    while ((fd = accept4(listener, NULL, NULL, SOCK_NONBLOCK)) >= 0) {
        if (fd >= CONNS_MAX) {
            close(fd);
            continue;
        }
        if (conns[fd] == NULL)
            conns[fd] = calloc(1, sizeof *conns[fd]);
        if (conns[fd] == NULL)
            exit(1);
        *conns[fd] = (struct conn){.open = true};
        setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
        struct epoll_event e = {.events = EPOLLIN, .data.fd = fd};
        epoll_ctl(epoll_fd, EPOLL_CTL_ADD, fd, &e);
    }
}

static void send_event(int i)
{
    int fd = active[i];
    struct conn *c = conns[fd];
    const char *p;
    size_t n;
    c->due = tick + (c->slow ? slow_period : period);
    if (c->event < (c->slow ? SLOW_EVENTS : EVENTS)) {
        piece(c, c->event++, &p, &n);
        send_all(fd, p, n);
        return;
    }
    c->stream = false;
    active[i] = active[--n_active];
    while (piece(c, c->event++, &p, &n))
        send_all(fd, p, n);
}

static void on_tick(int timer)
{
    uint64_t times;
    if (read(timer, &times, sizeof times) != sizeof times)
        return;
    tick += (unsigned)times;
    for (int i = n_active - 1; i >= 0; i--)
        if (i < n_active && (int)(tick - conns[active[i]]->due) >= 0)
            send_event(i);
}

static void on_event(int fd, unsigned events)
{
    if (conns[fd]->open && conns[fd]->burst && (events & EPOLLOUT) != 0)
        burst_on(fd);
    if (conns[fd]->open && (events & ~(unsigned)EPOLLOUT) != 0)
        on_readable(fd);
}

static int listen_any(void)
{
    struct sockaddr_in at = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t size = sizeof at;
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK, 0);
    if (fd < 0 || bind(fd, (struct sockaddr *)&at, sizeof at) != 0 || listen(fd, 4096) != 0 ||
        getsockname(fd, (struct sockaddr *)&at, &size) != 0) {
        perror("upstream");
        exit(1);
    }
    printf("ready %d\n", ntohs(at.sin_port));
    fflush(stdout);
    return fd;
}

int main(int argc, char **argv)
{
    struct rlimit files;
    if (getrlimit(RLIMIT_NOFILE, &files) == 0) {
        files.rlim_cur = files.rlim_max;
        setrlimit(RLIMIT_NOFILE, &files);
    }
    if (argc > 1)
        period = 1000u / (unsigned)strtoul(argv[1], NULL, 10);
    make_answers();
    epoll_fd = epoll_create1(0);
    int listener = listen_any(), timer = timerfd_create(CLOCK_MONOTONIC, TFD_NONBLOCK);
    struct itimerspec each = {.it_interval.tv_nsec = 1000000, .it_value.tv_nsec = 1000000};
    timerfd_settime(timer, 0, &each, NULL);
    struct epoll_event a = {.events = EPOLLIN, .data.fd = listener}, t = {.events = EPOLLIN, .data.fd = timer}, e[512];
    epoll_ctl(epoll_fd, EPOLL_CTL_ADD, listener, &a);
    epoll_ctl(epoll_fd, EPOLL_CTL_ADD, timer, &t);
    for (;;) {
        int n = epoll_wait(epoll_fd, e, 512, -1);
        for (int i = 0; i < n; i++) {
            if (e[i].data.fd == listener)
                on_accept(listener);
            else if (e[i].data.fd == timer)
                on_tick(timer);
            else
                on_event(e[i].data.fd, e[i].events);
        }
    }
}
