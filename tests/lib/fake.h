/* A provider that says what it is told to: a listener on the virtual network that reads HTTP/1 requests and answers each
 * with the next of its scripts, byte for byte and on time. */
#ifndef SLUICE_TESTS_LIB_FAKE_H
#define SLUICE_TESTS_LIB_FAKE_H

#include "base/arena.h"
#include "base/buf.h"
#include "base/chunks.h"
#include "lib/vnet.h"

enum fake_act {
    FAKE_END = 0, /* the script is over; the connection waits for the next request */
    FAKE_SEND,
    FAKE_WAIT,
    FAKE_CLOSE, /* orderly, behind what was sent */
    FAKE_RESET,
    FAKE_HANG /* nothing more is said */
};

struct fake_step {
    enum fake_act act;
    struct sl_str bytes;
    int64_t ns;
};

#define FAKE_SCRIPTS_MAX 64u

struct fake {
    struct vnet *net;
    struct sl_loop *loop;
    struct sl_addr at;
    struct sl_arena arena; /* scripts made here */
    const struct fake_step *scripts[FAKE_SCRIPTS_MAX];
    unsigned n_scripts, next;
    const struct fake_step *usual, *usual_get; /* borrow: of requests without a script; NULL: they hang */
    unsigned gets;                             /* of `requests`, those without a body to be done something with */
    struct sl_list conns;
    unsigned accepted, requests;
    unsigned unasked;   /* requests without a script: they hang */
    unsigned left;      /* connections that the other side ended in the middle of a script */
    int64_t left_ns;    /* when the last of them */
    struct sl_buf last; /* the last request, head and body */
};

void fake_open(struct fake *f, struct vnet *net, struct sl_loop *l, const char *host);
void fake_close(struct fake *f);

/* Appends the answer to a further request. Borrows steps, up to FAKE_END. */
void fake_script(struct fake *f, const struct fake_step *steps);
/* The same, from a whole answer: content-length is written; type NULL: application/json. extra: further header lines. */
void fake_answer(struct fake *f, int status, const char *extra, const char *body);
void fake_bytes(struct fake *f, struct sl_str bytes, enum fake_act then);
/* A stream of events, chunked, each event a chunk, `ns` apart; `end`: with the last chunk. */
void fake_stream(struct fake *f, const char *const *events, size_t n, int64_t ns, bool end, enum fake_act then);

/* Of the last request. */
struct sl_str fake_body(const struct fake *f);
struct sl_str fake_header(const struct fake *f, const char *lower_name); /* empty when absent */

#endif
