/* The pairs of formats that are translated: inside other/ only. */
#ifndef SLUICE_DIALECT_OTHER_PAIRS_H
#define SLUICE_DIALECT_OTHER_PAIRS_H

#include "dialect/json_write.h"
#include "dialect/other/other.h"

#endif
