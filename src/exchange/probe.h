/* The prober (resilience.probe): asks targets that are down or that nobody has asked for a while, so that no client's request has to find
 * out. One in the process, on the first worker; what it learns goes to the board of health that all workers share. Nothing that it
 * sends is a client's: no access record, no place, no limit; a completion is booked under PROBE_MODEL.
 * docs/internals/never-down.md. */
#ifndef SLUICE_EXCHANGE_PROBE_H
#define SLUICE_EXCHANGE_PROBE_H

#include "exchange/env.h"

#define PROBE_MODEL "sluice:probe" /* the client's model in the ledger */

struct prober;

struct prober *prober_new(struct exchange_env *env); /* on the worker's thread, or before it runs */
void prober_start(struct prober *p);                 /* on the thread; also where nothing is to be probed yet */
/* The environment has another snapshot: what is under way for one that says otherwise ends. */
void prober_reload(struct prober *p);
unsigned prober_calls(const struct prober *p); /* under way */
void prober_end(struct prober *p);             /* ends its calls, their attempts are settled; NULL accepted */
void prober_free(struct prober *p);            /* after it has ended */

#endif
