/* HTTP/1.0 and 1.1 on the wire: reading requests (listen/) and responses (upstream/), writing both. RFC 9110, 9112.
 *
 * Sans-I/O and without callbacks: the owner feeds slices, each call gives one piece of news and how many bytes it took:
 *
 *     h1_parser_begin(&p, arena);                      for each message, when its first byte is there
 *     while ((r = h1_parser_feed(&p, &in, &body)) != H1_MORE)    `in` moves forward
 *         switch (r) {
 *         case H1_HEAD:     h1_parser_request(&p) ...  the head is whole; body bytes may follow in `in`
 *         case H1_BODY:     ... `body` is a slice of `in`
 *         case H1_COMPLETE: ... what is left of `in` belongs to the next message
 *         case H1_BAD:      ... h1_parser_error(&p); answer and close
 *         }
 *
 * Holding the sender back is not feeding on: after H1_HEAD or H1_BODY the owner may keep the rest of `in` and come back
 * later, the parser notices nothing. Between messages a parser holds no memory outside its struct. Header views point into
 * one copy of the head in the message's arena.
 *
 * Strict: llhttp with its leniency off, and our own checks where it accepts more than we want (see h1.c). Whatever makes
 * the length of a message doubtful is H1_BAD. */
#ifndef SLUICE_HTTP_H1_H
#define SLUICE_HTTP_H1_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/arena.h"
#include "base/chunks.h"
#include "base/err.h"
#include "base/str.h"
#include "http/message.h"

struct h1_limits {
    uint32_t head_bytes;   /* start line and fields with their line ends; 431 */
    uint32_t headers;      /* fields in a head; 431 */
    uint32_t target_bytes; /* of a request line; 414 */
};
#define H1_HEAD_BYTES 32768u   /* four times what clients with large cookies send */
#define H1_HEADERS 100u        /* common proxies allow 100 */
#define H1_TARGET_BYTES 16384u /* signed URLs reach some KiB */
#define H1_LIMITS_DEFAULT ((struct h1_limits){H1_HEAD_BYTES, H1_HEADERS, H1_TARGET_BYTES})

/* Chunk framing (extensions, zeros before a size, trailers) beyond 16 bytes for each chunk and 2 for each body byte. The
 * allowance is exact to some bytes only: it is counted by slices. */
#define H1_CHUNK_SLACK_BYTES 16384u
#define H1_INFORMATIONAL_MAX 8u /* 1xx heads before a response */

enum h1_side {
    H1_REQUESTS = 0,
    H1_RESPONSES
}; /* what is read */

enum h1_result {
    H1_MORE = 0, /* everything was taken; the message is not over */
    H1_HEAD,     /* the head is whole, *in is behind it. Once per message. */
    H1_BODY,     /* *out_body holds at least one byte */
    H1_COMPLETE, /* the message is over, *in is behind it. Without a body this comes with the feed after H1_HEAD. */
    H1_BAD       /* refused; stays so. The connection must be closed (after the answer h1_parser_error asks for). */
};

struct h1_error {
    int status;       /* for requests: the answer to give, 400, 405, 414, 431, 501, 505. For responses: 502 */
    const char *code; /* stable, machine-readable: "te_and_content_length" */
    const char *text; /* one sentence for people; holds no bytes of the message */
};

enum h1_eof {
    H1_EOF_IDLE = 0, /* no byte of a message was seen: an orderly close */
    H1_EOF_COMPLETE, /* a body that lasts until the close is over with this */
    H1_EOF_CUT       /* the message is truncated */
};

/* Embedded by value; fields belong to h1.c. */
struct h1_parser {
    _Alignas(8) unsigned char ll[128]; /* llhttp_t; its size is checked in h1.c */
    const struct h1_limits *limits;    /* borrow, as long as the parser */
    struct sl_arena *arena;            /* borrow, from h1_parser_begin to the next */
    union {
        struct http_request *request; /* of the arena */
        struct http_response *response;
    };
    char *head;            /* of the arena: the raw head so far */
    struct h1_span *spans; /* of the arena: where names and values are in the head */
    const char *slice;     /* borrow, during a feed only */
    struct sl_str piece;   /* borrow, during a feed only: the body bytes it found */
    uint64_t left;         /* body bytes to come, by content-length */
    uint64_t slack;        /* chunk framing bytes beyond what is allowed for each chunk */
    uint32_t head_n, head_cap;
    uint32_t n_spans, cap_spans;
    uint32_t method_n, target_at, target_n;
    uint8_t side, state, framing, error;
    uint8_t informational;  /* 1xx heads so far */
    uint8_t request_method; /* of the request that a response answers */
    bool in_value, keep_alive;
    bool takes_101;
};

/* Borrows `limits` (NULL: the defaults) as long as the parser lives. There is nothing to release. */
void h1_parser_init(struct h1_parser *p, enum h1_side side, const struct h1_limits *limits);

/* Starts a message. Borrows the arena until the next begin (the head's views stay valid as long as the arena). */
void h1_parser_begin(struct h1_parser *p, struct sl_arena *arena);

/* The same for a response; `method` is that of the request it answers (HEAD has no body). */
void h1_parser_begin_response(struct h1_parser *p, struct sl_arena *arena, enum http_method method);

/* After h1_parser_begin_response: 101 is no error but the answer, and what follows its head is given as a body that lasts until the
 * close, whatever protocol it is. */
void h1_parser_take_upgrade(struct h1_parser *p);

/* Takes bytes from the front of *in until there is news. *out_body is set with H1_BODY only and points into *in's bytes.
 * An empty *in is allowed. Not to be called before h1_parser_begin, nor after H1_COMPLETE until the next begin. */
enum h1_result h1_parser_feed(struct h1_parser *p, struct sl_str *in, struct sl_str *out_body);

/* After H1_HEAD, until the arena goes. */
struct http_request *h1_parser_request(const struct h1_parser *p);
struct http_response *h1_parser_response(const struct h1_parser *p);

/* After H1_HEAD: whether the sender lets the connection live on behind this message (version and connection header; false
 * for a response whose body lasts until the close). */
bool h1_parser_keep_alive(const struct h1_parser *p);

/* True when no body byte is to come any more (content-length is used up): lets the owner treat an H1_BODY as the last
 * one. Chunked bodies are over with H1_COMPLETE only. */
bool h1_parser_is_drained(const struct h1_parser *p);

/* True from begin until the first byte of a message was taken. */
bool h1_parser_is_untouched(const struct h1_parser *p);

const struct h1_error *h1_parser_error(const struct h1_parser *p); /* after H1_BAD; static storage */

/* The sender closed its side. */
enum h1_eof h1_parser_eof(const struct h1_parser *p);

/* ---- writing ---- */

enum h1_write_flags {
    H1_W_CLOSE = 1 << 0,       /* connection: close */
    H1_W_KEEP_ALIVE = 1 << 1,  /* connection: keep-alive (for HTTP/1.0 clients that asked for it) */
    H1_W_UNTIL_CLOSE = 1 << 2, /* a body of unknown length lasts until the close instead of being chunked (HTTP/1.0
                                * clients); implies H1_W_CLOSE */
    H1_W_UPGRADE = 1 << 4,     /* connection: Upgrade, upgrade: websocket; no close */
    H1_W_NO_BODY = 1 << 3      /* answer to HEAD: content-length is written when known, nothing is chunked */
};

/* Writes the head with its framing headers; `date` (an IMF-fixdate) is written when not empty. Headers that are the
 * codec's own (connection, content-length, transfer-encoding, keep-alive, date when given, upgrade, trailer) in r->headers
 * are left out. Control bytes in values become spaces; a header whose name is no token is left out. So no CR, LF or NUL
 * can pass whatever the caller gave. SL_ELIMIT: over q's maximum, nothing was added. */
enum sl_err h1_write_response_head(struct sl_chunks *q, const struct http_response *r, unsigned flags,
                                   struct sl_str date);

/* "HTTP/1.1 100 Continue" and the like. */
enum sl_err h1_write_informational(struct sl_chunks *q, int status);

/* Writes method_text (or method), target, host from authority, headers, and content-length or, with has_body and
 * HTTP_LENGTH_NONE, transfer-encoding: chunked. `host`, too, is left out of r->headers. SL_EINVAL when method, target
 * or authority hold a byte that may not be there; nothing was added. */
enum sl_err h1_write_request_head(struct sl_chunks *q, const struct http_request *r, unsigned flags);

/* A chunk is prefix, bytes, suffix; n > 0. Gives the count of bytes written to out. */
#define H1_CHUNK_PREFIX_MAX 18u
size_t h1_chunk_prefix(uint64_t n, char out[H1_CHUNK_PREFIX_MAX]);

#endif
