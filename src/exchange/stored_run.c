/* Responses that run in the background. docs/internals/stored-responses.md. */
#include "exchange/exchange_int.h"

void exchange_stop_run(struct exchange_env *e, struct sl_id run)
{
    SL_LIST_EACH(node, &e->live)
    {
        struct exchange *x = SL_CONTAINER_OF(node, struct exchange, node);
        if (!sl_id_eq(x->id, run))
            continue;
        x->gone = true;
        x->gone_why = HTTP_GONE_CLOSED;
        exchange_wake(x, EV_GONE);
        return;
    }
}
