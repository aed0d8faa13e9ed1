/* A client of the seeded runs: one connection to the gateway, HTTP/1 or HTTP/2, some requests on it, and whatever comes
 * to its mind: leaving, not reading for a while, sending in pieces. It writes down what it was given, and judges whether
 * an answer can be taken for a complete success. */
#ifndef SLUICE_TESTS_FAULT_VISITOR_H
#define SLUICE_TESTS_FAULT_VISITOR_H

#include "http/h1.h"
#include "http/h2.h"
#include "lib/wire.h"

#define WANTS_MAX 5

struct visitor;

struct want { /* one request, and what became of it */
    struct visitor *by;
    char name[24];     /* the model: every request of a run has its own */
    const char *fault; /* x-sim-fault; NULL: none */
    unsigned tokens;   /* x-sim-tokens */
    size_t pad;        /* bytes more in its body */
    bool stream;
    bool sent;      /* all of it was written */
    int status;     /* 0: no head came */
    bool whole;     /* the transport says that the answer is whole */
    bool over;      /* nothing more will come */
    bool is_events; /* text/event-stream */
    struct sl_buf body;
    struct sl_arena arena;
    struct h2_stream *s; /* HTTP/2: NULL when closed */
};

struct visitor {
    struct wire wire;
    struct sl_loop *loop;
    struct sl_rand rand;
    bool h2, pipelines, started;
    struct want wants[WANTS_MAX];
    unsigned n, next, current; /* H1: next to send, current to be answered */
    size_t taken;              /* bytes of wire.in that were looked at */
    bool over;                 /* the connection has ended, by whomever */
    bool left;                 /* by us, before all was answered */
    struct sl_timer leave, deaf, again, rest;
    struct sl_chunks later; /* of a request that is sent in two parts */
    int64_t leave_ns;       /* < 0: stays */
    unsigned leave_how;
    struct h1_parser parser;
    bool parsing, bad; /* bad: it was answered with nonsense */
    struct h2_session *session;
    struct h2_limits limits;
};

/* Fill wants[0..n) (name, fault, tokens, pad, stream), h2, pipelines, leave_ns, leave_how before. Takes fd. */
void visitor_start(struct visitor *v, struct sl_loop *l, int fd, uint64_t seed);
/* All requests have their end, or the connection has. */
bool visitor_is_done(const struct visitor *v);
void visitor_close(struct visitor *v);
void visitor_free(struct visitor *v);

/* What a client library would take for a complete success. */
bool want_succeeded(const struct want *w);

#endif
