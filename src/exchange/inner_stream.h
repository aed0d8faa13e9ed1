/* The http_stream of an exchange that no connection asked for: a line of a batch (batch_line.c), a response in the background
 * (stored_run.c). It gives one body when the exchange wants to read; what becomes of the answer is its owner's. */
#ifndef SLUICE_EXCHANGE_INNER_STREAM_H
#define SLUICE_EXCHANGE_INNER_STREAM_H

#include "exchange/env.h"
#include "http/server.h"

struct inner_stream {
    struct http_stream pub; /* first; app and arena are set, the other views are the owner's to set */
    struct sl_loop *loop;   /* borrow */
    struct sl_arena arena;  /* own */
    struct http_request req;
    struct sl_str body; /* borrow */
    struct sl_task give;
    bool given;
};

/* ops: with the three below. The owner ends with sl_task_cancel of `give` on release, and sl_arena_done once nothing looks any more. */
void inner_stream_init(struct inner_stream *s, struct exchange_env *env, const struct http_stream_ops *ops);

void inner_stream_read(struct http_stream *s, bool on);
void inner_stream_send_informational(struct http_stream *s, int status); /* nobody waits for it */
size_t inner_stream_room(const struct http_stream *s);                   /* always */

#endif
