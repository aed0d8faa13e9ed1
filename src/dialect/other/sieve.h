/* Sound inside of a stream of events: `data: {... "data": "BASE64" ...}` (gemini.md 8.1 and 15.3, November 2026). What stands in
 * members "data" is decoded while it comes, so that it can be passed on before its event is over; everything else of an event is kept
 * as a small document with these members empty. Any bytes may come, cut anywhere: the same bytes give the same, however they are cut.
 *
 *     while ((r = other_sieve_next(&s, &in, &bytes)) == SIEVE_EVENT)
 *         ... sl_buf_str(&s.doc) is what the event says
 *
 * Memory: SIEVE_DOC_BYTES for the document, and what is decoded from one slice. Inside other/ only. */
#ifndef SLUICE_DIALECT_OTHER_SIEVE_H
#define SLUICE_DIALECT_OTHER_SIEVE_H

#include "base/buf.h"
#include "dialect/json_base64.h"

#define SIEVE_DOC_BYTES (256u << 10)

enum sieve_result {
    SIEVE_MORE = 0, /* all of the slice was taken */
    SIEVE_EVENT,    /* an event has ended: its document is valid until the next call */
    SIEVE_LIMIT,    /* a document is too large; stays so */
    SIEVE_BAD       /* a member "data" is no base64; stays so */
};

struct other_sieve {   /* fields but doc belong to sieve.c */
    struct sl_buf doc; /* own */
    char field[6];     /* of the line */
    uint8_t field_n, line;
    char key[8]; /* of the last string */
    uint8_t key_n, json;
    bool escape;              /* within a string that is no sound */
    struct json_base64 sound; /* within one that is */
    bool cr, blank;           /* blank: the one behind the colon may come */
    bool has_data;            /* the event has a line of data */
    bool given;               /* doc was given: it is dropped first */
    enum sieve_result over;   /* SIEVE_LIMIT, SIEVE_BAD */
};

void other_sieve_init(struct other_sieve *s);
void other_sieve_done(struct other_sieve *s);

/* Takes from the front of *in; what was decoded is added to out, which needs room for 3/4 of *in. */
enum sieve_result other_sieve_next(struct other_sieve *s, struct sl_str *in, struct sl_buf *out);

/* Something of an event came, and not its end. */
bool other_sieve_is_inside(const struct other_sieve *s);

#endif
