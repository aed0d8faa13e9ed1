/* From the journal into the store: joins open and close records and writes rows, in batches. Used by the keeper for the
 * segments of this process (live), and for those of before at start; by `sluice usage` when no gateway runs.
 *
 * An attempt that closes soon after it opened becomes one row, written once: the open waits here, in memory, for its
 * close. A source's position is the place up to which everything is in the store: the first waiting open, or what was
 * read. Positions are written in the same transaction as the rows, so that a crash at any moment only means reading some
 * records again, and reading twice changes nothing.
 *
 * Used by one thread. Does not log; it counts, and keeps the last damage for its caller to log. */
#ifndef SLUICE_MAIN_INGEST_H
#define SLUICE_MAIN_INGEST_H

#include "base/list.h"
#include "base/map.h"
#include "store/journal.h"
#include "store/store.h"

struct ingest_source {
    struct journal_reader reader;
    struct journal_segment *live; /* borrow; NULL: a file's bytes */
    uint64_t no;
    uint64_t position;               /* as committed to the store */
    struct sl_list waiting;          /* opens without a close, in the order of the file */
    struct sl_list node;             /* in struct ingest */
    enum journal_read last;          /* how the last reading ended: END, SEALED or TORN */
    uint64_t gaps, gap_from, gap_to; /* damage found so far; the last one's place */
};

struct ingest {
    struct store *store; /* borrow */
    struct sl_list sources;
    struct sl_map waiting; /* attempt id -> struct waiting_open, of all sources */
    struct sl_list free_opens;
    uint64_t records, undecodable; /* statistics */
};

void ingest_init(struct ingest *g, struct store *s);
void ingest_done(struct ingest *g); /* also frees sources */

/* Gives a source that g owns: a segment of this process, from its start. */
struct ingest_source *ingest_add_live(struct ingest *g, struct journal_segment *s);
void ingest_drop(struct ingest *g, struct ingest_source *src); /* what waits in it is forgotten: write it before */

bool ingest_has_news(const struct ingest *g); /* some live source has committed more than was read */
uint64_t ingest_lag_bytes(const struct ingest *g);
bool ingest_has_old(const struct ingest *g, int64_t before_ns); /* an open waits since before then */

enum ingest_opens {
    INGEST_OLD_OPENS = 0,
    INGEST_ALL_OPENS
};

struct ingest_batch {
    enum store_durable durable;
    enum ingest_opens opens; /* which waiting opens get a row of their own */
    int64_t now_ns;          /* monotonic; stamped on opens that are read */
    int64_t old_before_ns;   /* opens read before this are old */
    uint64_t max_records;    /* 0: no limit */
};

/* One transaction: reads all sources (or `only`), writes rows and positions. On failure nothing has changed, in the store
 * or here: what was read will be read again. *out_more: max_records was reached. */
enum sl_err ingest_run(struct ingest *g, struct ingest_source *only, const struct ingest_batch *b, bool *out_more,
                       struct sl_fail *fail) SL_MUST_CHECK;

/* Everything of the segment files in `dir` into the store; files that were taken in whole are removed when `remove` says
 * so, damaged ones are renamed to damaged-*.jnl. Reports what it found through the visitor (may be NULL). */
enum ingest_found {
    INGEST_CLEAN = 0,
    INGEST_TORN,
    INGEST_DAMAGED,
    INGEST_UNREADABLE
};
struct ingest_report {
    const char *file;
    enum ingest_found found;
    uint64_t records, gaps, at; /* at: offset of the tear, or of the last gap */
};
typedef void ingest_report_f(void *arg, const struct ingest_report *r);
struct ingest_replay {
    const char *dir;
    ingest_report_f *report;
    void *arg;
    uint64_t files, records, undecodable; /* out */
};
enum sl_err ingest_replay(struct store *s, struct ingest_replay *r, struct sl_fail *fail) SL_MUST_CHECK;

#endif
