#include "ledger/settle.h"

/* A report is used when it says anything at all: one that was not believed (USAGE_IMPLAUSIBLE) is as good as none. */
static bool has_report(const struct settle_facts *f)
{
    return f->has_usage && (f->usage.flags & USAGE_IMPLAUSIBLE) == 0;
}

static struct usage estimate_of(const struct settle_facts *f)
{
    uint64_t input = f->input_seen > 0 ? f->input_seen : usage_input_total(&f->reservation->usage);
    struct usage u = {.input = input < USAGE_TOKENS_MAX ? input : USAGE_TOKENS_MAX, .flags = USAGE_ESTIMATED};
    memcpy(u.by_unit, f->reservation->usage.by_unit, sizeof u.by_unit);
    u.output = f->output_seen < USAGE_TOKENS_MAX ? f->output_seen : USAGE_TOKENS_MAX;
    u.flags |= f->has_usage ? f->usage.flags & (USAGE_INCONSISTENT | USAGE_IMPLAUSIBLE | USAGE_UNKNOWN_FIELDS) : 0;
    return u;
}

/* anthropic.md 4.6: what passed after the report is not in it. */
static void add_unreported(struct usage *u, uint64_t output_seen)
{
    uint64_t said = usage_output_total(u);
    if (output_seen <= said || output_seen > USAGE_TOKENS_MAX)
        return;
    u->output += output_seen - said;
    u->flags |= USAGE_ESTIMATED;
}

struct settlement settle_attempt(const struct settle_facts *f)
{
    struct settlement s = {0};
    if (!f->sent || (f->end == SETTLE_REFUSED && !has_report(f)))
        return s;
    s.billed = true;
    s.usage = has_report(f) ? f->usage : estimate_of(f);
    if (f->end == SETTLE_CUT)
        s.usage.flags |= USAGE_PARTIAL;
    if (f->end == SETTLE_CUT && f->report_is_early && has_report(f))
        add_unreported(&s.usage, f->output_seen);
    s.cost = price_of(f->price, &s.usage, &f->terms);
    s.bound_p = s.cost.cost_p;
    if (!has_report(f) && f->reservation->cost.cost_p > s.bound_p)
        s.bound_p = f->reservation->cost.cost_p;
    return s;
}
