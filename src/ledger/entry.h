/* The two records that every attempt leaves in the journal, and their binary form.
 *
 * open:  accepted by the journal before the first byte goes upstream. Says who asked for what, where it goes and what it
 *        may cost. close: written in SETTLE. Says how it ended, what was used, what it cost. The keeper joins them by the
 * attempt's id; an open without a close becomes "interrupted" with the open's estimate. Both are plain values: no
 * pointers are kept, decoding gives views into the record.
 *
 * Pure: bytes in, bytes out. Style section 15. The form is described byte by byte in docs/internals/journal.md. */
#ifndef SLUICE_LEDGER_ENTRY_H
#define SLUICE_LEDGER_ENTRY_H

#include <stdint.h>

#include "base/err.h"
#include "base/id.h"
#include "base/str.h"
#include "ledger/usage.h"

/* Record types in the journal. A number is never given a second meaning. */
enum entry_type {
    ENTRY_OPEN = 1,
    ENTRY_CLOSE = 2
};

#define ENTRY_NAME_MAX 128u  /* names longer than this are cut: a record stays small whatever the caller sends */
#define ENTRY_SHORT_MAX 32u  /* outcome, operation, price version: names of our own */
#define ENTRY_OPEN_MAX 672u  /* largest encoded open record */
#define ENTRY_CLOSE_MAX 304u /* largest encoded close record; the journal keeps this much free for each open */

enum entry_flags {
    ENTRY_ESTIMATED = 1 << 0,      /* usage or cost is an estimate, not the provider's own count */
    ENTRY_INTERRUPTED = 1 << 1,    /* the attempt did not reach its end: crash, client gone, cut */
    ENTRY_USAGE_MISSING = 1 << 2,  /* the provider sent no usage */
    ENTRY_STREAM = 1 << 3,         /* the answer is streamed (either record may set it) */
    ENTRY_UNPRICED = 1 << 4,       /* some tokens have no price: the cost lacks them and is a lower bound */
    ENTRY_NOT_SENT = 1 << 5,       /* no byte of the request left: certainly not billed */
    ENTRY_PARTIAL = 1 << 6,        /* the answer was cut: more may have been generated than was counted */
    ENTRY_UNKNOWN_FIELDS = 1 << 7, /* the usage report had members that we do not know */
    ENTRY_INCONSISTENT = 1 << 8,   /* the usage report contradicted itself or was not believable */
    ENTRY_COST_ASSUMED = 1 << 9,   /* a class was charged by a neighbouring class's price */
    ENTRY_COST_SATURATED = 1 << 10 /* the cost did not fit */
};

struct entry_open {
    struct sl_id attempt, exchange, key; /* key: zero when the caller has none */
    int64_t wall_ns;
    uint64_t estimate_input; /* tokens */
    int64_t estimate_cost_p; /* 10^-12 USD, upper bound of what is expected; >= 0 */
    uint32_t flags;          /* enum entry_flags */
    uint16_t worker;
    uint16_t number;                               /* of the attempt within its exchange, from 1 */
    struct sl_str tenant, model, provider, target; /* model: as asked; target: the provider's model name */
    struct sl_str operation, price_version;
};

struct entry_close {
    struct sl_id attempt;
    int64_t wall_ns;
    int64_t cost_p;               /* 10^-12 USD; >= 0 */
    int64_t duration_ns;          /* from open to close */
    int64_t first_token_ns;       /* from open; -1: none came */
    uint64_t bytes_in, bytes_out; /* from and to the upstream */
    uint32_t flags;               /* enum entry_flags */
    uint16_t status;              /* HTTP status of the upstream; 0: none */
    struct usage usage; /* classes and units; its flags member is not stored: entry_flags_of brings it into `flags` */
    struct sl_str outcome;       /* outcome_row(...)->name */
    struct sl_str price_version; /* empty: the one of the open record */
};

/* The flags that a close record takes over from what usage_* and price_of said (enum usage_flag, enum cost_flag). */
uint32_t entry_flags_of(uint32_t usage_flags, uint32_t cost_flags);

/* Encodes into `out` (at least ENTRY_OPEN_MAX / ENTRY_CLOSE_MAX bytes); gives the bytes written. Cannot fail: names are
 * cut (at a UTF-8 boundary), negative money is our own bug and checked. */
size_t entry_open_encode(const struct entry_open *e, unsigned char *out);
size_t entry_close_encode(const struct entry_close *e, unsigned char *out);

/* SL_EINVAL: not such a record, or of a version this program does not know. Views live as long as `bytes`. */
enum sl_err entry_open_decode(struct sl_str bytes, struct entry_open *out_e) SL_MUST_CHECK;
enum sl_err entry_close_decode(struct sl_str bytes, struct entry_close *out_e) SL_MUST_CHECK;

#endif
