/* Makes many connections that hold, or keep asking for, event streams: what wrk cannot.
 *
 *     load stream HOST PORT CONNS SECONDS FILE   asks again and again on each connection; prints counts as JSON
 *     load hold HOST PORT CONNS FILE             asks once on each, prints "held N" when all have their head, goes on reading
 *                                                until standard input ends, then prints counts as JSON
 *
 * FILE is a whole HTTP/1.1 request. Started by bench.py. */
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <errno.h>
#include <netinet/tcp.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/resource.h>
#include <time.h>
#include <unistd.h>

struct conn {
    int fd;
    bool answered; /* the head of the current answer came */
    bool chunked;
    size_t left;           /* of an answer with a length */
    unsigned char last[5]; /* to see the end of a chunked answer and of events */
};

static struct conn *conns;
static unsigned n_conns, n_held;
static char *request;
static size_t request_n;
static int epoll_fd;
static uint64_t answers, events, bytes, errors;
static bool again; /* mode stream */

static double now(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

static void read_request(const char *path)
{
    FILE *f = fopen(path, "rb");
    request = malloc(1 << 20);
    if (f == NULL || request == NULL) {
        perror(path);
        exit(1);
    }
    request_n = fread(request, 1, 1 << 20, f);
    fclose(f);
}

static void ask(struct conn *c)
{
    c->answered = false;
    memset(c->last, 0, sizeof c->last);
    size_t at = 0;
    while (at < request_n) {
        ssize_t w = send(c->fd, request + at, request_n - at, MSG_NOSIGNAL);
        if (w <= 0) {
            errors++;
            return;
        }
        at += (size_t)w;
    }
}

static void open_conn(struct conn *c, const struct sockaddr_in *to)
{
    int on = 1;
    c->fd = socket(AF_INET, SOCK_STREAM, 0);
    if (c->fd < 0 || connect(c->fd, (const struct sockaddr *)to, sizeof *to) != 0) {
        perror("connect");
        exit(1);
    }
    setsockopt(c->fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
    struct epoll_event e = {.events = EPOLLIN, .data.ptr = c};
    epoll_ctl(epoll_fd, EPOLL_CTL_ADD, c->fd, &e);
    ask(c);
}

static size_t take_head(struct conn *c, char *p, size_t n)
{
    char *end = memmem(p, n, "\r\n\r\n", 4); /* heads come in one piece here */
    if (end == NULL || memcmp(p, "HTTP/1.1 200", 12) != 0) {
        if (errors++ == 0)
            fprintf(stderr, "load: %.*s\n", (int)(n < 400 ? n : 400), p);
        return n;
    }
    end[2] = '\0';
    char *length = strcasestr(p, "\r\ncontent-length:");
    c->chunked = length == NULL;
    c->left = length != NULL ? (size_t)strtoull(length + 17, NULL, 10) : 0;
    c->answered = true;
    n_held++;
    return (size_t)(end + 4 - p);
}

/* Counts blank lines inside the body: events (a chunk ends in CR LF, so "\n\n" is only ever an event's end). */
static void count_events(struct conn *c, const char *p, size_t n)
{
    const char *at = p, *end = p + n;
    if (n > 0 && c->last[4] == '\n' && *p == '\n')
        events++;
    while ((at = memmem(at, (size_t)(end - at), "\n\n", 2)) != NULL) {
        events++;
        at += 2;
    }
}

static bool body_is_over(struct conn *c, const char *p, size_t n)
{
    if (!c->chunked) {
        c->left -= n < c->left ? n : c->left;
        return c->left == 0;
    }
    count_events(c, p, n);
    for (size_t i = n > 5 ? n - 5 : 0; i < n; i++) {
        memmove(c->last, c->last + 1, 4);
        c->last[4] = (unsigned char)p[i];
    }
    return memcmp(c->last, "0\r\n\r\n", 5) == 0;
}

static void on_readable(struct conn *c)
{
    static char buffer[1 << 17];
    ssize_t got = recv(c->fd, buffer, sizeof buffer - 1, MSG_DONTWAIT);
    if (got <= 0) {
        if (got == 0 || errno != EAGAIN) {
            errors++;
            epoll_ctl(epoll_fd, EPOLL_CTL_DEL, c->fd, NULL);
        }
        return;
    }
    size_t n = (size_t)got, head = 0;
    bytes += n;
    if (!c->answered)
        head = take_head(c, buffer, n);
    if (c->answered && body_is_over(c, buffer + head, n - head)) {
        answers++;
        if (again)
            ask(c);
    }
}

static void turn(int timeout_ms)
{
    struct epoll_event e[512];
    int n = epoll_wait(epoll_fd, e, 512, timeout_ms);
    for (int i = 0; i < n; i++) {
        if (e[i].data.ptr == NULL) {
            char c;
            if (read(0, &c, 1) <= 0)
                n_held = UINT32_MAX; /* told to end */
        } else {
            on_readable(e[i].data.ptr);
        }
    }
}

static void hold(void)
{
    struct epoll_event in = {.events = EPOLLIN, .data.ptr = NULL};
    double end = now() + 60;
    while (n_held < n_conns && now() < end)
        turn(100);
    printf("held %u\n", n_held);
    fflush(stdout);
    epoll_ctl(epoll_fd, EPOLL_CTL_ADD, 0, &in);
    while (n_held != UINT32_MAX)
        turn(1000);
}

int main(int argc, char **argv)
{
    struct rlimit files;
    if (argc < 6 || getrlimit(RLIMIT_NOFILE, &files) != 0)
        return 2;
    files.rlim_cur = files.rlim_max;
    setrlimit(RLIMIT_NOFILE, &files);
    again = strcmp(argv[1], "stream") == 0;
    struct sockaddr_in to = {.sin_family = AF_INET, .sin_port = htons((uint16_t)strtoul(argv[3], NULL, 10))};
    inet_pton(AF_INET, argv[2], &to.sin_addr);
    n_conns = (unsigned)strtoul(argv[4], NULL, 10);
    read_request(argv[again ? 6 : 5]);
    conns = calloc(n_conns, sizeof *conns);
    epoll_fd = epoll_create1(0);
    if (conns == NULL)
        return 1;
    double began = now();
    for (unsigned i = 0; i < n_conns; i++) {
        open_conn(&conns[i], &to);
        if (i % 64 == 63)
            turn(0);
    }
    if (again) {
        double end = began + strtod(argv[5], NULL);
        while (now() < end)
            turn(100);
    } else {
        hold();
    }
    printf("{\"answers\":%llu,\"events\":%llu,\"bytes\":%llu,\"errors\":%llu,\"seconds\":%.3f}\n",
           (unsigned long long)answers, (unsigned long long)events, (unsigned long long)bytes,
           (unsigned long long)errors, now() - began);
    return 0;
}
