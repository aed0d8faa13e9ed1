/* The desk of batches that run here (docs/internals/batches.md): one in the process, on the first worker. It knows all that have not
 * ended, reads their input, runs their lines as exchanges and writes down what comes. */
#ifndef SLUICE_EXCHANGE_BATCH_DESK_H
#define SLUICE_EXCHANGE_BATCH_DESK_H

#include "exchange/env.h"

struct batch_desk;

struct batch_desk *batch_desk_new(struct exchange_env *env); /* on the worker's thread, or before it runs */
void batch_desk_start(struct batch_desk *d); /* what another process left, and what providers may have made for it */
/* Looks at what there is: when somebody made or cancelled a batch. */
void batch_desk_poke(struct batch_desk *d);
void batch_desk_end(struct batch_desk *d);  /* begins nothing any more; before exchange_end_all; NULL accepted */
void batch_desk_free(struct batch_desk *d); /* when no exchange lives and no answer of the keeper's can come */

#endif
