/* Inside http/ only: what h2.c (session, frames, windows) and h2_head.c (heads) share. */
#ifndef SLUICE_HTTP_H2_INT_H
#define SLUICE_HTTP_H2_INT_H

#include <nghttp2/nghttp2.h>

#include "base/list.h"
#include "http/h2.h"

/* Counts events against an average rate and a burst (GCRA): `at` is when the bucket would be empty again. */
struct h2_meter {
    int64_t at_ns;
};

struct h2_session {
    nghttp2_session *ng; /* own */
    enum h2_side side;
    const struct h2_limits *limits; /* borrow */
    const struct h2_events *events; /* borrow */
    void *owner;                    /* borrow */
    struct sl_chunk_cache *cache;   /* borrow */
    struct sl_list streams;         /* struct h2_stream */
    struct sl_list spare;           /* own: streams for reuse */
    unsigned n_streams, n_spare;
    struct h2_meter resets, controls;
    int64_t now_ns, pong_ns;
    int32_t last_id, gap_behind, gap_end; /* server: of requests, and the last row of numbers that was passed over */
    struct sl_str pending;                /* borrow of ng, until its next mem_send: bytes of a frame that did not fit */
    char *out;                            /* borrow, during h2_session_output */
    size_t out_n, out_cap;
    bool busy; /* inside feed or output: events may not call these */
    bool failed, flooded;
    bool draining, last_goaway, goaway_came;
    bool unsent; /* a request could not be sent: look for its stream */
};

struct h2_stream {
    struct h2_session *session; /* borrow */
    struct sl_list node;
    void *x;                /* borrow, the owner's */
    struct sl_arena *arena; /* borrow, until on_closed or detach; NULL when refused or detached */
    union {
        struct http_request *request; /* of the arena */
        struct http_response *response;
    };
    struct sl_chunks out;
    size_t unconsumed; /* bytes of on_body that the owner has not given back */
    uint32_t list_bytes, fields;
    uint32_t reset_error; /* of a reset that we sent */
    int32_t id;
    uint16_t flaw; /* status to refuse the head with; 0: none */
    uint8_t informational;
    bool scheme_ok;
    bool silent;       /* refused or detached: no events */
    bool head_came;    /* the head was given to the owner */
    bool last_came;    /* the other side ended the stream, and in order */
    bool head_sent;    /* submitted */
    bool ended;        /* written to its end */
    bool end_sent;     /* END_STREAM left */
    bool deferred;     /* nghttp2 waits for bytes */
    bool reset;        /* broken off, by either side */
    bool own_reset;    /* by us, without a fault of the other side */
    bool reset_behind; /* RST_STREAM(NO_ERROR) is due behind END_STREAM */
    bool full;         /* on_room is due */
    bool unsent;
};

/* ---- h2_head.c ---- */

/* One field of a head. */
void h2_head_field(struct h2_stream *s, struct sl_str name, struct sl_str value);

/* The head of a request is whole: gives 0, or the status to refuse it with. */
int h2_request_judge(struct h2_stream *s, bool has_body);

/* The head of a response is whole. */
enum h2_response_verdict {
    H2_RESPONSE_FINAL = 0,
    H2_RESPONSE_INFORMATIONAL,
    H2_RESPONSE_BAD
};
enum h2_response_verdict h2_response_judge(struct h2_stream *s, bool has_body);

/* Fields to send, in the arena. */
struct h2_fields {
    nghttp2_nv *v;
    size_t n;
};
bool h2_request_fields(const struct h2_submit *m,
                       struct h2_fields *out_fields); /* false: bytes that may not be there */
void h2_response_fields(struct sl_arena *a, const struct http_response *r, struct sl_str date,
                        struct h2_fields *out_fields);

#endif
