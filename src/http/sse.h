/* Splitting a stream of server-sent events into its events while keeping the raw bytes, for a relay that passes them on
 * untouched. HTML Living Standard, section "Server-sent events" (event stream interpretation).
 *
 * Pull style: the owner hands a slice and takes piece after piece from its front:
 *
 *     struct sl_str in = slice;
 *     while ((r = sse_next(&s, &in, &piece)) == SSE_PIECE)
 *         ... piece.raw are the next bytes of the stream, complete with their line ends
 *     r == SSE_MORE: the tail of the slice that is no whole piece was kept (bounded); in is empty
 *
 * The raw views of consecutive pieces are the stream, without gap or overlap. A piece that lies in one slice is a view of
 * it (so neighbours can be written as one: a.raw.p + a.raw.n == b.raw.p); only a piece that began in an earlier slice is
 * in the scanner's own buffer. All views of a piece are valid until the next call, those into the slice as long as it.
 *
 * Any split of the bytes gives the same pieces, with one exception: when a slice ends between the CR and the LF of the line
 * that ends a piece, the piece is given at once and the LF comes as a piece of its own (SSE_BLANK). */
#ifndef SLUICE_HTTP_SSE_H
#define SLUICE_HTTP_SSE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/buf.h"
#include "base/str.h"

#define SSE_EVENT_BYTES                                                                                                \
    (1024u * 1024u) /* default maximum of one event; images in events of base64 need several 100 KiB */

enum sse_kind {
    SSE_EVENT = 0, /* one or more field lines (and comments between them), ended by a blank line */
    SSE_COMMENT,   /* one comment line outside an event, given as soon as its line ends: ": ping\n" */
    SSE_BLANK      /* a blank line outside an event */
};

struct sse_piece {
    enum sse_kind kind;
    bool has_data;      /* at least one data field (an event without is not dispatched by clients) */
    bool is_done;       /* data is exactly "[DONE]" */
    struct sl_str raw;  /* the exact bytes */
    struct sl_str data; /* values of the data fields, joined by LF; a view of raw when there is one */
    struct sl_str name; /* of the event field; empty when absent */
    struct sl_str id;   /* of the id field; empty when absent */
};

enum sse_result {
    SSE_MORE = 0,
    SSE_PIECE,
    SSE_LIMIT /* an event is larger than the maximum; stays so */
};

/* Embedded by value; fields belong to sse.c. */
struct sse_scanner {
    struct sl_buf carry;  /* own: the event that began in an earlier slice */
    struct sl_buf joined; /* own: data of an event with several data fields */
    size_t max;
    size_t line; /* where the current line begins, from the start of the event */
    size_t data_at, data_n, name_at, name_n, id_at, id_n; /* from the start of the event */
    uint32_t data_lines;
    bool fields; /* the event has a field line */
    bool cr;     /* the last byte taken was a CR that ended a line */
    bool begun;  /* a byte was seen: no byte order mark any more */
    bool given;  /* the piece given last is in carry: drop it first */
    bool over;
};

void sse_scanner_init(struct sse_scanner *s, size_t max_event);   /* 0: SSE_EVENT_BYTES */
void sse_scanner_from(struct sse_scanner *s, struct sl_arena *a); /* right behind init: a small event is kept in a */
void sse_scanner_done(struct sse_scanner *s);

enum sse_result sse_next(struct sse_scanner *s, struct sl_str *in, struct sse_piece *out_piece);

/* The bytes of an unfinished event that are kept, after SSE_MORE. At the end of the stream: what clients will ignore. */
struct sl_str sse_rest(const struct sse_scanner *s);

#endif
