/* What is known of a stream of Responses while it passes, for the case that it breaks off: the items that are whole, and the one that
 * is open. Shared by stream_unended.c and stream_resume.c of this folder. */
#ifndef SLUICE_DIALECT_OPENAI_RESPONSES_UNENDED_H
#define SLUICE_DIALECT_OPENAI_RESPONSES_UNENDED_H

#include "base/arena.h"
#include "base/buf.h"
#include "dialect/dialect.h"

#define UNENDED_KEPT_MAX (1u << 20) /* bytes of items together, and of the response object */
#define UNENDED_ITEMS_MAX 128u
#define UNENDED_PARTS_MAX 16u /* of one item */

enum unended_kind {
    UK_NONE = 0,
    UK_MESSAGE,
    UK_REASONING,
    UK_OTHER
};

enum unended_part {
    UP_NONE = 0,
    UP_TEXT,    /* output_text, of a message */
    UP_SUMMARY, /* of reasoning */
    UP_THOUGHT  /* reasoning_text, of reasoning */
};

struct stream_unended {
    struct sl_arena *a;                     /* borrow */
    struct sl_str response;                 /* raw; of the first event */
    struct sl_str items[UNENDED_ITEMS_MAX]; /* raw; whole */
    uint32_t n_items, open;                 /* open: announced and not done */
    size_t kept;
    uint64_t sequence, n_pieces; /* of the next event, and how many pieces of output came since it was read off */
    bool lost;                   /* something is too large, or not whole */
    bool may_end;                /* nothing was said behind an item that an answer ends with */
    bool barred;                 /* something was said that nobody else can take up */
    struct {
        enum unended_kind kind;
        struct sl_str item;                     /* raw; as announced */
        struct sl_str parts[UNENDED_PARTS_MAX]; /* raw; whole */
        uint32_t n_parts;
        enum unended_part part; /* that is open */
        uint64_t index;         /* its own */
        bool said;              /* pieces of text came */
        bool said_all;          /* its text was told to be whole */
        struct sl_buf text;     /* inside; of it */
        struct sl_buf notes;    /* raw; its annotations, joined by commas */
        uint32_t n_notes;
    } at;
};

/* The value of a member, raw; empty: none, or no object. */
struct sl_str unended_member(struct sl_str object, struct sl_str name);
/* stream_resume.c: writes the events that end the item that is open and makes it one of the whole ones. */
void unended_close(struct stream_unended *s, struct sl_buf *out);
/* Of the event that comes next. */
uint64_t unended_sequence(const struct stream_unended *s);

#endif
