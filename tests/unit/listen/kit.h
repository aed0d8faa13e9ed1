/* What the tests of listen/ share: a server on a virtual network, raw connections to it, and an app that does what the
 * path says:
 *   /echo      reads the body, answers with it
 *   /now       answers at once, reads nothing
 *   /read      reads the body, says nothing (kit.answer answers)
 *   /big       reads the body, then sends kit.big bytes, as fast as there is room
 *   /hang      reads nothing, says nothing
 *   /stream    head and a chunk at once; more by kit_send
 */
#ifndef SLUICE_TESTS_LISTEN_KIT_H
#define SLUICE_TESTS_LISTEN_KIT_H

#include <setjmp.h>
#include <stdatomic.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include <cmocka.h>

#include "http/h2.h"
#include "lib/wire.h"
#include "listen/listener.h"

struct kit;

struct call {
    struct kit *kit;
    struct http_stream *s;
    const struct http_request *r;
    struct sl_list node;
    struct sl_buf body;
    bool last, gone, answered, released;
    enum http_gone why;
    uint64_t left; /* of /big */
    char path[32];
};

struct kit {
    struct vnet *net;
    struct sl_loop loop;
    struct sl_arena_cache arenas;
    struct sl_chunk_cache chunks;
    char *scratch;
    struct listen_server *server;
    struct listen_options o;
    struct sl_list calls; /* not released */
    unsigned requests, gone, slow;
    enum http_gone last_why;
    uint64_t big;
    uint64_t queued_most; /* the most that /big ever saw waiting */
    bool big_is_rude;     /* sends all of it whatever the room */
};

void kit_open(struct kit *k, const struct listen_limits *limits); /* NULL: the defaults of the settings */
void kit_close(struct kit *k);                                    /* checks that nothing is left */
void kit_run(struct kit *k, int64_t ns);
void kit_connect(struct kit *k, struct wire *w, const char *peer);
struct call *kit_call(struct kit *k, unsigned n); /* the n-th live one; NULL */
void kit_answer(struct call *c, int status, struct sl_str body);
void kit_release(struct call *c);
struct listen_limits kit_limits(void);

/* ---- an HTTP/2 client ---- */

struct peer_stream {
    struct peer *peer;
    struct h2_stream *s; /* NULL: closed */
    struct sl_arena arena;
    int status;
    struct sl_buf body;
    bool last, closed;
    uint32_t error;
    bool hold; /* body bytes are not consumed */
    size_t held;
};

struct peer {
    struct wire wire;
    struct h2_session *session;
    struct h2_limits limits;
    size_t taken; /* bytes of wire.in that the session has */
    bool goaway, bad;
};

void peer_open(struct kit *k, struct peer *p); /* prior knowledge; sends its preface */
void peer_done(struct peer *p);
void peer_ask(struct peer *p, struct peer_stream *s, const char *method, const char *path, const char *body);
/* The same with a body that goes on (last false). */
void peer_ask_open(struct peer *p, struct peer_stream *s, const char *path, const char *body);
void peer_go(struct peer *p); /* lets out what the session has to say */
void peer_stream_done(struct peer_stream *s);

static inline void expect_text_(struct sl_str got, const char *want, int line)
{
    if (!sl_str_eq(got, sl_str_c(want)))
        fail_msg("line %d: got '" SL_STR_FMT "', want '%s'", line, SL_STR_ARG(got), want);
}
#define expect_str(got, want) expect_text_(got, want, __LINE__)
static inline bool has(const struct wire *w, const char *text)
{
    return sl_str_find_str(sl_buf_str(&w->in), sl_str_c(text)) >= 0;
}
unsigned count_of(const struct wire *w, const char *text);

#endif
