/* The settings under `ledger`: how durable the account of what was spent is. Immutable. */
#ifndef SLUICE_LEDGER_SETTINGS_H
#define SLUICE_LEDGER_SETTINGS_H

#include "config/schema.h"

enum ledger_durability {
    LEDGER_KEPT = 0,
    LEDGER_SYNCED
};
enum ledger_on_full {
    LEDGER_REFUSE = 0,
    LEDGER_CONTINUE
};

struct ledger_settings {
    enum ledger_durability open, close; /* of the two records of an attempt */
    enum ledger_on_full on_full;
    uint64_t segment_bytes;
    struct sl_str prices; /* file that replaces the built-in catalogue; empty: none */
};

extern const struct cfg_section ledger_settings_section;

#endif
