/* What the settings say of tenants (`tenants.NAME`). */
#include <stdlib.h>

#include "exchange/env.h"

static int by_name(const void *name, const void *terms)
{
    return sl_str_cmp(*(const struct sl_str *)name, ((const struct tenant_terms *)terms)->name);
}

const struct tenant_terms *tenant_terms_of(const struct snapshot *s, struct sl_str tenant)
{
    return s->n_tenants == 0 || tenant.n == 0 ? NULL
                                              : bsearch(&tenant, s->tenants, s->n_tenants, sizeof *s->tenants, by_name);
}

bool tenant_may_store(const struct snapshot *s, struct sl_str tenant)
{
    const struct stored_policy *set = &s->set.stored;
    const struct tenant_terms *terms = tenant_terms_of(s, tenant);
    for (size_t i = 0; i < set->n_except; i++)
        if (sl_str_eq(set->except[i], tenant))
            return false;
    return terms == NULL || !terms->zero_retention;
}
