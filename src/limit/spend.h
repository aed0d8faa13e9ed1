/* What tenants have spent of their budgets in the current period (docs/internals/budgets.md): one board in the process, shared by all
 * workers. An attempt reserves what it may cost at most before it is sent and settles to what it did cost; what both add up to is never
 * above the budget, as far as reservations are upper bounds. The board says what the ledger says: an attempt belongs to the period in
 * which it was opened.
 *
 * Any thread. Each cell has a lock of its own, held for a few additions. Cells live as long as the board: an attempt that outlives a
 * reload settles where it reserved. Money: 10^-12 USD. Times: wall clock in ns since 1970; periods are those of UTC. */
#ifndef SLUICE_LIMIT_SPEND_H
#define SLUICE_LIMIT_SPEND_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/id.h"
#include "base/str.h"

enum spend_per {
    SPEND_DAY = 0,
    SPEND_WEEK, /* from Monday */
    SPEND_MONTH,
    SPEND_PER_COUNT
};
const char *spend_per_name(enum spend_per p); /* "day" */

struct spend_period {
    int64_t from_ns, until_ns; /* until: not in it */
};
struct spend_period spend_period_of(enum spend_per per, int64_t wall_ns);

struct spend_budget {     /* of the settings */
    struct sl_str tenant; /* copied */
    enum spend_per per;
    int64_t limit_p;
};

struct spend_board;
struct spend_cell;

struct spend_board *spend_board_new(void);
void spend_board_free(struct spend_board *b); /* NULL: nothing */

/* The budgets from now on. A tenant that had one with the same period keeps what it has spent; the others begin at wall_ns and are to be
 * filled with what the ledger has from before. One thread at a time. */
void spend_board_set(struct spend_board *b, const struct spend_budget *v, size_t n, int64_t wall_ns);

struct spend_cells; /* inside */
struct spend_board_head {
    _Atomic(struct spend_cells *) cells; /* NULL: nobody has a budget */
};
struct spend_cell *spend_find_(const struct spend_board *b, struct sl_str tenant);
/* NULL: the tenant has none. */
static inline struct spend_cell *spend_find(const struct spend_board *b, struct sl_str tenant)
{
    const struct spend_board_head *h = (const struct spend_board_head *)(const void *)b;
    return h == NULL || atomic_load_explicit(&h->cells, memory_order_acquire) == NULL ? NULL : spend_find_(b, tenant);
}

/* What an attempt opened at wall_ns may cost. False: it would pass the limit, nothing is reserved, and *out_until_ns is when the next
 * period begins. Free ones always go. unpriced: some of its cost is not known; it goes as long as anything is left. */
bool spend_reserve(struct spend_cell *c, int64_t wall_ns, int64_t cost_p, bool unpriced, int64_t *out_until_ns);
/* Counted, whatever the limit says: it cannot be stopped any more. */
void spend_count(struct spend_cell *c, int64_t wall_ns, int64_t cost_p);
/* The attempt of that moment did cost so much; in front of its close record, so that a filling never sees both. */
void spend_settle(struct spend_cell *c, int64_t wall_ns, int64_t reserved_p, int64_t cost_p);
/* The same of nothing reserved, for what may be charged again by others or after a failure: once for each attempt, as far as it is
 * among the last SPEND_ONCE of the cell. */
#define SPEND_ONCE 256u
void spend_settle_once(struct spend_cell *c, struct sl_id attempt, int64_t wall_ns, int64_t cost_p);

struct spend_view {
    struct sl_str tenant; /* borrow (of the board) */
    enum spend_per per;
    struct spend_period period;
    int64_t limit_p;
    int64_t used_p; /* settled and reserved; INT64_MAX: at least that */
    bool is_filled;
};
void spend_see(struct spend_cell *c, int64_t wall_ns, struct spend_view *out);
uint32_t spend_permille(struct spend_cell *c,
                        int64_t wall_ns); /* used of the limit, rounded down; of a limit of 0: 1000 */
static inline bool spend_is_empty(const struct spend_board *b)
{
    return b == NULL || atomic_load(&((const struct spend_board_head *)(const void *)b)->cells) == NULL;
}
/* All that hold now, by name. */
typedef void spend_each_f(void *arg, struct spend_cell *c);
void spend_each(const struct spend_board *b, spend_each_f *f, void *arg);

/* -- What the ledger has from before a cell was made --------------------------------------------------------------- */

struct spend_gap { /* attempts opened from from_ns until until_ns (not in it) are missing */
    struct spend_cell *cell;
    struct sl_str tenant; /* borrow (of the board) */
    int64_t from_ns, until_ns;
    size_t at; /* where the next look begins: 0 at first */
};
/* The next cell that is not filled and was made at or before made_ns. False: there is none. */
bool spend_next_gap(const struct spend_board *b, int64_t made_ns, struct spend_gap *out);
/* sum_p: of all attempts in the gap, those that are under way by their reservations. */
void spend_fill(const struct spend_gap *g, unsigned __int128 sum_p);

#endif
