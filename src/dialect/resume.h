/* Going on in the middle of an answer with another provider: what it is asked, and how its words are joined to those that were told.
 * routing-algorithms section 11 (November 2026); the text is plain UTF-8 here, so that two ways of escaping are no difference.
 *
 *   provider B ─► stream_read ─► neutral events ─► resume_put ─► the writer that goes on
 *
 * The beginning of what comes is held until it can be compared with the end of what was told: a repetition is taken off, an answer
 * that begins anew is refused. What B thought is not shown, its start is not told, and usage is that of all together. Pure. */
#ifndef SLUICE_DIALECT_RESUME_H
#define SLUICE_DIALECT_RESUME_H

#include "base/arena.h"
#include "base/buf.h"
#include "dialect/caps.h"
#include "dialect/neutral.h"

#define RESUME_HELD 512u   /* bytes of the continuation that are compared */
#define RESUME_OVERLAP 12u /* characters; a shorter repetition may be the author's */

struct resume {
    struct sl_str told;       /* plain: all that the client has */
    uint32_t block;           /* of the writer, that the text goes on in */
    struct token_counts past; /* what was used before; found: it is added */
    struct sl_arena *a;       /* borrow */
    bool
        turn; /* the same provider's next turn: all of it follows, with ordinals from block and call on, and nothing is compared */
    uint32_t call;
    bool anew; /* it was not asked to go on: its text is a block of its own, and nothing is compared */
    /* resume_put's own, starts zeroed */
    struct sl_buf held; /* plain */
    bool begun;         /* held was given away */
    bool restarted;     /* it does not go on, it begins anew */
    bool has_block;
    uint32_t first_block;
};

void resume_init(struct resume *r, struct sl_arena *a, struct sl_str told);
void resume_again(struct resume *r); /* another provider is to go on: nothing of the one before was told */
void resume_done(struct resume *r);
/* What the writer gets of an event: nothing, it, or others. After r->restarted nothing more is given. */
void resume_put(struct resume *r, const struct neutral_event *e, const struct neutral_sink *to);

enum resume_how {
    RESUME_BY_MODEL = 0, /* prefill where the model takes it */
    RESUME_BY_WORDS      /* always by the user's word: it refused a prefill */
};

void resume_add_past(struct resume *r, const struct token_counts *used); /* of one more that has ended */
void resume_flush(struct resume *r, const struct neutral_sink *to);      /* the provider's stream is over */

/* Whether a request of resume_request ends with the assistant's words. */
bool resume_is_prefill(const struct neutral_request *req);

/* The request that asks to go on: as `req`, with what was told as the assistant's last message, and, where the model does not go on
 * from that by itself, the user's word to do so. In the arena. told: plain, not empty. */
struct neutral_request *resume_request(const struct neutral_request *req, const struct model_caps *caps,
                                       enum resume_how how, struct sl_str told, struct sl_arena *a);

#endif
