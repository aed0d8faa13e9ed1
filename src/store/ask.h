/* What the messages about rows (response_job.h, video_rows.h, batch_rows.h) have in common: the way to the keeper, which runs those that
 * came in a turn together, and back. */
#ifndef SLUICE_STORE_ASK_H
#define SLUICE_STORE_ASK_H

#include <stdbool.h>

#include "loop/mailbox.h"

struct store_ask {
    struct sl_msg msg;           /* the keeper's, then the asker's */
    struct sl_mailbox *reply_to; /* set by the asker */
    /* the keeper's */
    struct store_ask *next;
    void *queue;
    bool writes, synced; /* synced: on the disk before the answer */
};

#endif
