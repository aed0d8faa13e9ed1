/* What OpenAI's formats, and the servers that are like them, refuse in words that no other client understands: a result of a tool that
 * was never called, and a conversation without a word. Found before anything is sent, and told with the client's own place. The
 * other formats' writers repair or refuse such orders themselves. Pure. */
#ifndef SLUICE_DIALECT_ORDER_CHECK_H
#define SLUICE_DIALECT_ORDER_CHECK_H

#include "dialect/codec.h"

/* False: *out says what and where; texts in the arena. */
bool order_check(const struct neutral_request *r, struct sl_arena *a, struct request_refusal *out);

#endif
