/* A mailbox: messages from any thread to the thread of one loop; ownership of the message moves with it. */
#ifndef SLUICE_LOOP_MAILBOX_H
#define SLUICE_LOOP_MAILBOX_H

#include "loop/loop.h"

struct sl_msg {
    struct sl_msg *next;
    void (*deliver)(struct sl_msg *m, void *receiver); /* on the receiver's thread; owns m from then on */
};

struct sl_mailbox;

struct sl_mailbox *sl_mailbox_open(struct sl_loop *l, void *receiver); /* on the loop's thread or before it runs */
/* On the loop's thread, once. Delivers what is there; who posts later keeps its message. The mailbox itself stays until
 * sl_loop_done of its loop, so that a late post is safe until then: whoever may still post must be gone by that time. */
void sl_mailbox_close(struct sl_mailbox *b);
bool sl_mailbox_post(struct sl_mailbox *b, struct sl_msg *m); /* any thread; false: closed, the caller keeps m */

#endif
