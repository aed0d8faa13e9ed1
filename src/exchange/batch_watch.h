/* Who watches the batches at providers until the ledger has what they did cost (docs/internals/files.md): part of the desk of batches,
 * one in the process, on the first worker. */
#ifndef SLUICE_EXCHANGE_BATCH_WATCH_H
#define SLUICE_EXCHANGE_BATCH_WATCH_H

#include "exchange/env.h"

struct batch_watch;

struct batch_watch *batch_watch_new(struct exchange_env *env);
void batch_watch_start(struct batch_watch *w);
void batch_watch_end(struct batch_watch *w);  /* begins nothing any more */
void batch_watch_free(struct batch_watch *w); /* when no exchange lives and no answer of the keeper's can come */

#endif
