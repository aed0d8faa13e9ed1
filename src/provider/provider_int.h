/* Inside provider/ only. */
#ifndef SLUICE_PROVIDER_PROVIDER_INT_H
#define SLUICE_PROVIDER_PROVIDER_INT_H

#include "provider/provider.h"

extern const struct provider_kind provider_presets[]; /* presets.c */
extern const unsigned provider_n_presets;

#endif
