/* The gateway's core on a virtual network: a struct exchange_env with everything that it points to, made by hand, and
 * the keeper's part played on the same loop. Used by the tests of exchange/ and by the seeded runs of tests/fault.
 *
 * Two providers, "one" and "two", OpenAI's format, plain HTTP/1.1. Models: "solo" (one/up-solo), "pair" (one/up-a, then
 * two/up-b), "gpt-4o-mini" (one, the only one with a price), with `open` any other name (one, then two, the name as it
 * is). Keys: CORE_KEY may do everything, CORE_KEY_NARROW embeddings of "solo" only.
 *
 * The journal lies on a disk in memory that can fill, fail, and be read after a crash. */
#ifndef SLUICE_TESTS_LIB_CORE_H
#define SLUICE_TESTS_LIB_CORE_H

#include "base/buf.h"
#include "exchange/env.h"
#include "exchange/exchange.h"
#include "ledger/entry.h"
#include "lib/spill_disk.h"
#include "lib/vnet.h"
#include "upstream/health.h"

#define CORE_KEY "sk-core-all"
#define CORE_KEY_NARROW "sk-core-narrow"
#define CORE_KEY_OTHER "sk-core-other" /* as CORE_KEY, of another tenant each */
#define CORE_KEY_THIRD "sk-core-third"
#define CORE_ONE "93.184.216.1" /* port 80; public addresses: the guard lets them through */
#define CORE_TWO "93.184.216.2"
#define CORE_SCRATCH 65536u

/* ---- a disk in memory ---- */

#define CORE_FILES_MAX 256u

struct core_file {
    unsigned char *bytes; /* own */
    unsigned char *dead;  /* own: what it held when the process died; NULL: it did not die, or the file came later */
    uint64_t size;
    bool removed;
};

struct core_disk {
    struct core_file files[CORE_FILES_MAX];
    unsigned n;
    bool full;                   /* nothing can be allocated */
    bool no_sync;                /* EIO */
    uint32_t full_ppm, sync_ppm; /* chances of either, per call */
    struct sl_rand rand;
    unsigned refused, failed_syncs;
};
extern const struct journal_io core_disk_io; /* its argument is a struct core_disk */
void core_disk_free(struct core_disk *d);

/* What the journal says, read as the keeper reads it after a crash. Ends the process on damage: nothing here damages. */
struct core_entry {
    struct entry_open open;
    struct entry_close close; /* of the (first) close */
    unsigned opens, closes;
    char model[96], outcome[ENTRY_SHORT_MAX + 1]; /* open.model, close.outcome: the views do not live */
};
struct core_ledger {
    struct core_entry *v; /* own; in the order of the opens */
    size_t n, cap;
    unsigned strays; /* closes of nothing */
};
void core_ledger_read(const struct core_disk *d, struct core_ledger *out);
void core_ledger_free(struct core_ledger *l);

/* ---- the core ---- */

struct core_options { /* all zero: as the program's own settings are */
    uint64_t seed;
    struct exchange_policy set; /* zero fields: the defaults */
    bool adaptive;              /* provider `one` gets no more than it answers without queueing */
    unsigned keys;              /* of provider `one`, up to 3; 0: one */
    bool continue_when_full;    /* the opposite of set.full_refuses, which is the default */
    struct retry_policy retry;
    struct attempt_deadlines deadlines;
    uint32_t max_live;    /* of the gate; 0: no ceiling */
    uint32_t max_waiting; /* 0: nobody waits */
    uint64_t segment_bytes;
    bool no_prepare;      /* no segment is made until the test says so */
    bool open;            /* names that are no model go to both providers */
    const char *kind;     /* of both providers; NULL: "openai" */
    const char *kind_two; /* of provider "two"; NULL: as `kind` */
    const char *pair_two; /* model of "pair"'s second target; NULL: "up-b" */
    bool only_responses;  /* of provider "one" */
    bool names;           /* providers have host names: "one.test", "two.test" */
    enum upstream_http http;
    const struct sl_str *pass; /* client headers that provider "one" gets */
    unsigned n_pass;
    int64_t keep_ns; /* the keeper looks after the journal so often; 0: 5 ms */
    int64_t sync_ns; /* a flush takes so long; < 0: it never comes back */
    bool breaker;    /* targets that fail are passed over */
    bool access;     /* access records are kept in core.lines */
};

struct core_sync;

struct core {
    struct core_options o;
    struct vnet *net;            /* own */
    struct health_board *health; /* own; NULL: no breaker */
    struct sl_loop loop;
    struct sl_arena_cache arenas;
    struct sl_chunk_cache chunks;
    char *scratch; /* own */
    struct core_disk disk;
    struct spill_disk spills;  /* large bodies, where set.spill_bytes says so */
    struct journal *journal;   /* own */
    struct upstream *upstream; /* own */
    struct tel_worker *tel;    /* own */
    struct limit_gate gate;
    struct snapshot *snapshot; /* ref */
    struct exchange_env env;
    struct sl_buf lines; /* access records */
    struct sl_timer keep;
    struct sl_list syncs; /* struct core_sync */
    unsigned flushes, syncs_asked, syncs_forgotten;
    bool crashed, stopped;
};

void core_open(struct core *c, const struct core_options *o);
/* The process dies here: nothing settles any more, what is in memory stays on the disk. Then core_close. */
void core_crash(struct core *c);
/* A new snapshot like the old one is published; exchanges that live keep theirs. */
void core_reload(struct core *c);
/* Ends what is live and takes everything down but the network and the disk. */
void core_stop(struct core *c);
/* The same, and the network (others' loops on it must be done with it). The disk stays until core_disk_free. */
void core_close(struct core *c);
/* NULL: nothing is live and nothing is held. Otherwise what is. Asked while the core is open and at rest. */
const char *core_unquiet(const struct core *c);
/* The n-th access record (from 0) as one line; empty: there is none. */
struct sl_str core_line(struct core *c, unsigned n);
uint64_t core_count(const struct core *c, enum tel_number id);

struct sl_addr core_addr(const char *host, unsigned port);

#endif
