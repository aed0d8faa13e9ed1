/* The table of outcomes. Pure. */
#include "upstream/outcome.h"

#include "base/check.h"

static const struct outcome_row rows[] = {
#define X(id, text, where, health, gateway_code)                                                                       \
    [OUT_##id] = {.name = SL_STR_INIT(text), .next = where, .counts = health, .code = SL_STR_INIT(gateway_code)},
    OUTCOMES(X)
#undef X
};
_Static_assert(sizeof rows / sizeof rows[0] == OUT_COUNT, "an outcome without a row");

const struct outcome_row *outcome_row(enum outcome o)
{
    SL_CHECK((unsigned)o < OUT_COUNT);
    return &rows[o];
}
