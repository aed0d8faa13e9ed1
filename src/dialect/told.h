/* What the client has been told, as far as somebody else could go on with it: text. Kept while a stream runs, in at most TOLD_TEXT_MAX
 * bytes, some beside the text, and one event; looked at only when the provider fails in the middle (resume.h), or reports no usage,
 * so that what was told has to be counted. Pure. */
#ifndef SLUICE_DIALECT_TOLD_H
#define SLUICE_DIALECT_TOLD_H

#include "base/buf.h"
#include "dialect/dialect.h"

#define TOLD_TEXT_MAX (32u * 1024u) /* a longer text is not taken up: sending it again costs more than asking anew */
#define TOLD_ASIDE_MAX (8u * 1024u)
#define TOLD_EVENT_MAX (16u * 1024u)
#define TOLD_FIRST_MAX 256u

struct told {
    struct sl_buf text;             /* own: insides, joined; also when barred */
    struct sl_buf aside;            /* own: insides of reasoning, refusals and arguments of calls; translated only */
    uint64_t bytes;                 /* of both, with those that found no room */
    struct sl_buf last;             /* own: data of the last event that said something; same format only */
    struct sl_buf first;            /* own: how the first event began; same format only */
    struct stream_unended *unended; /* borrow; what else is known of a stream of Responses; same format only */
    uint32_t block;                 /* translated: the neutral event's of the last text */
    bool thought;                   /* reasoning was shown */
    bool barred;   /* nobody can go on from here: something was told that has no middle, or nobody is to */
    bool finished; /* the provider said why it ended */
};

/* Tokens of a request and of its answer, for answers whose provider reports none. told: what the client was told of this answer,
 * perhaps not all; NULL: not known; bytes, events: of all its output. The counts are marked as estimated. */
struct usage_guess {
    struct token_counts (*of)(void *owner, const struct told *told, uint64_t bytes, uint64_t events); /* NULL: none */
    void *owner;
};

void told_init(struct told *t, struct sl_arena *a); /* a: outlives it */
void told_done(struct told *t);
/* An event that the client is given as it is. data: of the event, without the frame. */
void told_event(struct told *t, const struct stream_event *e, struct sl_str data);
/* An event that the client's writer is given. */
void told_neutral(struct told *t, const struct neutral_event *e);

/* A whole answer in that format, as its provider gave it. False: it is none, and perhaps something was told. */
bool told_answer(struct told *t, const struct dialect *of, struct sl_str body);
/* The same of the beginning of one that has passed in slices: answer_facts.content. t->bytes is then for all of it. */
bool told_beginning(struct told *t, const struct dialect *of, const struct answer_facts *f);

#endif
