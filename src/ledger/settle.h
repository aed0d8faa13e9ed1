/* What an attempt did cost, once it is over. One rule for every way in which it can end; pure.
 *
 *   nothing was sent                         nothing                                   NOT billed
 *   refused by the provider, no usage        nothing: providers do not bill errors     NOT billed
 *   usage was reported                       as reported (PARTIAL when the answer was cut behind it)
 *   ... and cut before the output's end      the larger of the reported output and what was seen of it, ESTIMATED
 *   answered whole, no usage                 estimate: prompt and output as seen, units as reserved    ESTIMATED
 *   cut, cancelled or timed out, no usage    the same, and more may be billed          ESTIMATED | PARTIAL
 *   the process died (no close record)       the reservation, as the open record has it (ENTRY_INTERRUPTED; the keeper)
 *
 * An estimate is never 0 tokens silently: the flags are in the record, and bound_p tells what it can be at most. */
#ifndef SLUICE_LEDGER_SETTLE_H
#define SLUICE_LEDGER_SETTLE_H

#include <stdbool.h>
#include <stdint.h>

#include "ledger/price.h"
#include "ledger/reserve.h"
#include "ledger/usage.h"

enum settle_end {
    SETTLE_WHOLE = 0, /* the answer's end was seen, success */
    SETTLE_REFUSED,   /* the provider answered with an error status, or with an error event before any output */
    SETTLE_CUT        /* anything else: reset, time-out, cancelled, client gone */
};

struct settle_facts {
    const struct price *price; /* borrow; of the version at admission */
    struct price_terms terms;
    const struct reservation *reservation; /* borrow: what reserve_estimate gave */
    bool sent;                             /* a byte of the request left (attempt_result.sent) */
    enum settle_end end;
    bool has_usage;       /* the provider reported */
    bool report_is_early; /* ... before the output was over: Anthropic's first event says one token */
    struct usage usage;   /* then: disjoint (usage_from_openai); flags 0 where we counted exactly what nobody reports */
    uint64_t input_seen;  /* tokens of the prompt, counted here; 0: not counted, what was reserved stands for it */
    uint64_t output_seen; /* tokens of output that passed us, counted here or estimated */
};

struct settlement {
    struct usage usage; /* what is booked */
    struct cost cost;
    int64_t bound_p; /* upper bound: equals cost for reported usage, else at least the reservation's cost */
    bool billed;     /* false: nothing can have been charged */
};

struct settlement settle_attempt(const struct settle_facts *f);

#endif
