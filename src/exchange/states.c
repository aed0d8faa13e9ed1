/* The table of states. One row per state: name, step, deadline, and the states it may go to. If you add a state: a row in
 * EXCHANGE_STATES, a row in `legal` below, a step file, a row in the tests and in ARCHITECTURE.md. */
#include "exchange/exchange_int.h"

#define TO(id) (1u << XS_##id)

const struct exchange_row exchange_rows[XS_COUNT] = {
#define X(id, text, fn, dl) [XS_##id] = {.name = text, .step = fn, .deadline = dl},
    EXCHANGE_STATES(X)
#undef X
};

/* Every state that a client may leave in also goes to SETTLE; that is written once, here. */
static const unsigned legal[XS_COUNT] = {
    [XS_IDENTIFY] = TO(READ_BODY) | TO(ADMIT) | TO(RESPOND),
    [XS_READ_BODY] = TO(ADMIT) | TO(RESPOND),
    [XS_ADMIT] = TO(PLAN) | TO(RECALL) | TO(QUEUE) | TO(RESPOND),
    [XS_QUEUE] = TO(ADMIT) | TO(RESPOND),
    [XS_RECALL] = TO(PLAN) | TO(TRY) | TO(RESPOND),
    [XS_PLAN] = TO(TRY) | TO(RECALL) | TO(RESPOND),
    [XS_TRY] = TO(TRY) | TO(MEDIA) | TO(PAUSE) | TO(RELAY) | TO(SESSION) | TO(RESPOND),
    [XS_MEDIA] = TO(TRY) | TO(RESPOND),
    [XS_PAUSE] = TO(TRY) | TO(RESPOND),
    [XS_RELAY] = TO(TRY), /* another target goes on with a stream that broke; the next of several calls */
    [XS_SESSION] = 0,
    [XS_RESPOND] = 0,
    [XS_SETTLE] = TO(DONE),
    [XS_DONE] = 0,
};

bool exchange_may_go(enum exchange_state from, enum exchange_state to)
{
    if (to == XS_SETTLE)
        return from != XS_SETTLE && from != XS_DONE;
    return (legal[from] & (1u << to)) != 0;
}

const char *exchange_state_name(enum exchange_state s)
{
    return exchange_rows[s].name;
}
