/* What the client of a stream has been told, as far as somebody else could go on with it: text. Kept while the stream runs, in at
 * most TOLD_TEXT_MAX bytes and one event; looked at only when the provider fails in the middle (resume.h). Pure. */
#ifndef SLUICE_DIALECT_TOLD_H
#define SLUICE_DIALECT_TOLD_H

#include "base/buf.h"
#include "dialect/dialect.h"

#define TOLD_TEXT_MAX (32u * 1024u) /* a longer text is not taken up: sending it again costs more than asking anew */
#define TOLD_EVENT_MAX (16u * 1024u)
#define TOLD_FIRST_MAX 256u

struct told {
    struct sl_buf text;             /* own: insides, joined */
    struct sl_buf last;             /* own: data of the last event that said something; same format only */
    struct sl_buf first;            /* own: how the first event began; same format only */
    struct stream_unended *unended; /* borrow; what else is known of a stream of Responses; same format only */
    uint32_t block;                 /* translated: the neutral event's of the last text */
    bool thought;                   /* reasoning was shown */
    bool barred;                    /* something was told that cannot be taken up in the middle */
    bool finished;                  /* the provider said why it ended */
};

void told_init(struct told *t, struct sl_arena *a); /* a: outlives it */
void told_done(struct told *t);
/* An event that the client is given as it is. data: of the event, without the frame. */
void told_event(struct told *t, const struct stream_event *e, struct sl_str data);
/* An event that the client's writer is given. */
void told_neutral(struct told *t, const struct neutral_event *e);

#endif
