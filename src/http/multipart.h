/* multipart/form-data as a stream: RFC 7578 (July 2015), its framing RFC 2046 section 5.1 (November 1996). Sans-I/O, bounded.
 * What is taken and what is refused: docs/internals/multipart.md.
 *
 *     if (!multipart_boundary(content_type, &boundary)) ...
 *     multipart_init(&m, boundary, NULL);
 *     per slice: while ((e = multipart_next(&m, &in, &data)) != MULTIPART_MORE)
 *         MULTIPART_PART: m.part is the head; MULTIPART_DATA: data are bytes of its body; MULTIPART_PART_END;
 *         MULTIPART_END: the last delimiter was seen (what follows is passed over); MULTIPART_BAD: m.error, stays so
 *     at the end of the body: multipart_is_whole(&m), else it was cut short
 *     multipart_done(&m); */
#ifndef SLUICE_HTTP_MULTIPART_H
#define SLUICE_HTTP_MULTIPART_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/buf.h"
#include "base/str.h"

#define MULTIPART_BOUNDARY_MAX 70u /* RFC 2046 5.1.1 */

struct multipart_limits {
    size_t head_bytes; /* of one part's head */
    uint32_t parts;
};
#define MULTIPART_HEAD_BYTES 8192u
#define MULTIPART_PARTS 512u

struct multipart_part { /* views of the parser's own memory, until the next part */
    struct sl_str name;
    struct sl_str filename; /* without its quotes and escapes; of filename* where there is no other */
    bool has_filename;      /* it is a file, be the name empty */
    struct sl_str type;     /* content-type as sent; empty: none */
};

enum multipart_event {
    MULTIPART_MORE = 0, /* all input was taken */
    MULTIPART_PART,
    MULTIPART_DATA,
    MULTIPART_PART_END,
    MULTIPART_END,
    MULTIPART_BAD
};

enum multipart_state { /* multipart.c's */
    MULTIPART_S_PREAMBLE = 0,
    MULTIPART_S_BEHIND, /* a delimiter */
    MULTIPART_S_HEAD,
    MULTIPART_S_BODY,
    MULTIPART_S_EPILOGUE,
    MULTIPART_S_BAD
};

/* Embedded by value; fields but part, parts and error belong to multipart.c. */
struct multipart {
    struct multipart_part part;
    uint32_t parts;    /* begun so far */
    const char *error; /* static text of MULTIPART_BAD: a sentence for the client */
    struct multipart_limits limits;
    enum multipart_state state;
    char delimiter[MULTIPART_BOUNDARY_MAX + 4]; /* CR LF "--" boundary */
    size_t n, matched;
    char behind; /* the last that came behind a delimiter; 0: nothing yet */
    size_t behind_n;
    struct sl_buf head; /* own */
};

/* The boundary of a content-type of multipart/form-data, without quotes; a view. False: it is no such type, or has none that
 * may be (1 to 70 of RFC 2046's characters, said once). */
bool multipart_boundary(struct sl_str content_type, struct sl_str *out);

void multipart_init(struct multipart *m, struct sl_str boundary,
                    const struct multipart_limits *limits); /* NULL: the above */
void multipart_done(struct multipart *m);

/* Takes bytes from the front of *in. */
enum multipart_event multipart_next(struct multipart *m, struct sl_str *in, struct sl_str *out_data);

static inline bool multipart_is_whole(const struct multipart *m)
{
    return m->state == MULTIPART_S_EPILOGUE;
}

#endif
