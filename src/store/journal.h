/* The journal: append-only segment files, one writer per worker thread, read by the keeper thread.
 *
 *   worker thread                             keeper thread
 *   journal_append ─ memcpy, CRC, release ─►  journal_reader_next (same mapping, up to `committed`)
 *        │ segment full: seal, take a ready one     │ journal_prepare: puts ready segments in
 *        ▼                                          ▼ journal_sync: fdatasync; journal_retire: unlink
 *
 * Appending makes no system call and takes no lock. A segment is preallocated and mapped shared, so what was appended
 * survives the death of the process ("kept"); journal_sync makes it survive the machine ("synced").
 *
 * Records are chained: each one's CRC-32C covers the CRC of the one before it, its number, and a random salt of its
 * segment, so that a flipped byte, a torn tail, a missing or a swapped record is always seen.
 *
 * Each open record reserves room for its close: an attempt that was let out can always be settled, also on a full disk.
 *
 * Owns: the segment files and their mappings (struct journal, keeper's). Threads: what follows is marked W (the writer's
 * own thread), K (the keeper's) or any. Format: docs/internals/journal.md. */
#ifndef SLUICE_STORE_JOURNAL_H
#define SLUICE_STORE_JOURNAL_H

#include <stdatomic.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "base/err.h"
#include "base/list.h"
#include "base/str.h"

#define JOURNAL_PAYLOAD_MAX 4096u /* one record; bounds what a reader must look at */
#define JOURNAL_CLOSING_MAX 304u  /* payload of a closing record; its frame included it takes JOURNAL_CLOSING_ROOM */
#define JOURNAL_SEGMENT_MIN 65536u
#define JOURNAL_SEGMENT_MAX (UINT64_C(1) << 30)
#define JOURNAL_SEGMENT_DEFAULT (UINT64_C(8) << 20)
#define JOURNAL_READY 2 /* segments kept ready per writer */
#define JOURNAL_WRITERS_MAX 256u

#define JOURNAL_HEAD_BYTES 1024u  /* two copies of the segment's head, 512 bytes apart: two sectors */
#define JOURNAL_FRAME_BYTES 20u   /* before each payload */
#define JOURNAL_CLOSING_ROOM 328u /* frame + JOURNAL_CLOSING_MAX, rounded up to 8 */

/* What the journal asks of the disk. Tests put their own under it (full disk, failing sync); the program uses
 * journal_io_real. All give 0 or an errno value. */
struct journal_io {
    int (*create)(void *arg, const char *path, int *out_fd); /* must not exist yet */
    int (*allocate)(void *arg, int fd, uint64_t bytes);      /* real blocks, not a hole */
    int (*map)(void *arg, int fd, uint64_t bytes, void **out_p);
    int (*unmap)(void *arg, void *p, uint64_t bytes);
    int (*sync_data)(void *arg, int fd);
    int (*sync_file)(void *arg, int fd);         /* with its length and block list */
    int (*sync_dir)(void *arg, const char *dir); /* makes the name itself durable */
    int (*close)(void *arg, int fd);
    int (*remove)(void *arg, const char *path);
    int (*rename)(void *arg, const char *from, const char *to);
};
extern const struct journal_io journal_io_real;

/* Wakes a sleeping keeper: the writer rings it once per sleep. ring is called on the writer's thread. */
struct journal_bell {
    _Atomic bool wanted; /* set by the keeper before it sleeps, taken by the first writer that has news */
    void (*ring)(void *arg);
    void *arg;
};

enum journal_segment_state {
    JOURNAL_LIVE = 0, /* ready or being written */
    JOURNAL_ABANDONED /* a sync failed: nothing more is promised by it; its writer leaves it at the next append */
};

struct journal_segment { /* fields by thread */
    /* set at creation, then constant */
    unsigned char *base; /* own: the mapping */
    uint64_t size;
    uint64_t no; /* number of the segment: unique in its directory for ever */
    uint32_t salt;
    unsigned writer;
    int fd;
    /* writer's */
    char gap_writer[64];        /* a cache line between the threads' fields */
    _Atomic uint64_t committed; /* bytes of whole records, from the start of the file; release/acquire */
    _Atomic bool sealed;        /* the writer touches it no more */
    /* keeper's; any may read the atomics */
    char gap_keeper[64];
    _Atomic uint64_t synced;
    _Atomic int state;                  /* enum journal_segment_state */
    bool is_durable;                    /* its name and block list were synced */
    uint64_t released, populated, seen; /* journal_advise */
    struct sl_list node;
    void *owner_data; /* the keeper's own */
};

struct journal_writer {
    /* writer's thread */
    struct journal_segment *segment; /* borrow (of the journal, until sealed); NULL before the first append */
    uint64_t at;                     /* where the next record goes */
    uint32_t last_crc, sequence;     /* of the last record in this segment */
    uint32_t open_count;             /* opens that were not closed: room for so many closes is kept */
    unsigned next_ready;
    unsigned index;
    struct journal *journal;   /* borrow */
    struct journal_bell *bell; /* borrow or NULL */
    /* any may read */
    char gap_counters[64];
    _Atomic uint64_t records, bytes, refused;
    /* slots filled by the keeper, emptied by the writer */
    char gap_ready[64];
    _Atomic(struct journal_segment *) ready[JOURNAL_READY];
    char gap_next[64]; /* writers lie side by side */
};

enum journal_use {
    JOURNAL_PLAIN = 0, /* just a record */
    JOURNAL_OPENS,     /* reserves the room of one JOURNAL_CLOSES */
    JOURNAL_CLOSES     /* takes a reserved place: never refused; payload <= JOURNAL_CLOSING_MAX */
};

struct journal_place { /* where a record ended: what to sync up to */
    uint64_t segment;
    uint64_t end;
};

/* W. Appends one record and publishes it. SL_EFULL: no room and no ready segment (or more attempts open than a segment
 * holds closes); nothing was written; counted in `refused`; the caller's policy answers. Not for JOURNAL_CLOSES, which
 * cannot fail. type: 1..239. out_place may be NULL. Borrows payload for the call. */
enum sl_err journal_append(struct journal_writer *w, enum journal_use use, unsigned type, struct sl_str payload,
                           struct journal_place *out_place) SL_MUST_CHECK;
/* W, at the thread's end: seals the current segment. No append after it until the journal is closed. */
void journal_writer_finish(struct journal_writer *w);

/* K. ------------------------------------------------------------------------------------------------------------ */

struct journal;

struct journal_options {
    const char *dir;             /* borrow for the call; exists */
    unsigned n_writers;          /* 1..JOURNAL_WRITERS_MAX */
    uint64_t segment_bytes;      /* multiple of 4096, within JOURNAL_SEGMENT_MIN..MAX */
    uint64_t first_no;           /* the first segment's number is at least this */
    struct journal_bell *bell;   /* borrow (until closed) or NULL */
    const struct journal_io *io; /* borrow, static; NULL: journal_io_real */
    void *io_arg;
};

/* Opens the directory for writing. Existing segment files are left alone (see journal_leftovers): numbers go on behind
 * them. Gives a journal with no segment; call journal_prepare. */
enum sl_err journal_open(const struct journal_options *o, struct journal **out_j, struct sl_fail *fail) SL_MUST_CHECK;
void journal_close(struct journal *j); /* unmaps and closes; files that were not retired stay. NULL accepted */
struct journal_writer *journal_writer_of(struct journal *j, unsigned index); /* borrow (of j) */

/* Makes segments until each writer has one ready (`ready` of them). SL_EFULL: no space left; SL_EIO: other trouble. Both:
 * what could be made is there; try again later. */
enum sl_err journal_prepare(struct journal *j, unsigned ready, struct sl_fail *fail) SL_MUST_CHECK;
bool journal_wants_segments(const struct journal *j, unsigned ready); /* true when journal_prepare would make one */

/* All segments that are not retired, oldest first within a writer: a list of journal_segment.node. */
struct sl_list *journal_segments(struct journal *j);

/* Makes everything committed so far in s durable; publishes s->synced. SL_EIO: the segment is abandoned (its pages may
 * already be marked clean by the kernel, so that a second sync would lie) and stays readable. */
enum sl_err journal_sync(struct journal *j, struct journal_segment *s) SL_MUST_CHECK;

/* Deletes a segment that is sealed and fully ingested. SL_EIO: the file could not be removed (it is unmapped anyway). */
enum sl_err journal_retire(struct journal *j, struct journal_segment *s) SL_MUST_CHECK;

/* Helps the mapping along: pages behind `done` leave the process (not the page cache), pages ahead are made writable. */
void journal_advise(struct journal_segment *s, uint64_t done);

/* Segment files in a directory, by number, ascending: those from before, when asked at start. */
struct journal_file {
    uint64_t no;
    char name[32];
};
enum sl_err journal_leftovers(const char *dir, struct journal_file **out_files, size_t *out_n,
                              struct sl_fail *fail) SL_MUST_CHECK; /* gives an array (sl_free) */
/* The whole file's bytes (gives, sl_free). SL_ELIMIT: larger than a segment can be. */
enum sl_err journal_file_read(const char *dir, const struct journal_file *f, void **out_bytes, uint64_t *out_n,
                              struct sl_fail *fail) SL_MUST_CHECK;
enum sl_err journal_file_remove(const char *dir, const struct journal_file *f, struct sl_fail *fail) SL_MUST_CHECK;
/* Renames it to damaged-<number>.jnl: kept for people, not read again. */
enum sl_err journal_file_set_aside(const char *dir, const struct journal_file *f, struct sl_fail *fail) SL_MUST_CHECK;

/* Reading, any thread. ------------------------------------------------------------------------------------------- */

enum journal_read {
    JOURNAL_RECORD = 0, /* out_record is filled */
    JOURNAL_END,        /* nothing but zeros (file), or everything committed was read (live) */
    JOURNAL_SEALED,     /* the writer's own end mark; nothing follows */
    JOURNAL_TORN, /* the end, with bytes behind it that are no record: what a crash leaves, or damage at the tail */
    JOURNAL_GAP   /* damage: gap_from..gap_to could not be read (equal: records are missing); records follow */
};

struct journal_record {
    unsigned type;
    uint32_t sequence;
    uint64_t from, end;    /* place in the file */
    struct sl_str payload; /* borrow (of the bytes read) */
};

struct journal_head {
    uint64_t no, size;
    int64_t created_ns; /* wall */
    uint32_t salt;
    unsigned writer;
    bool was_repaired; /* one of the two copies is damaged */
};

struct journal_reader {
    const unsigned char *base; /* borrow */
    uint64_t limit;            /* bytes that may be read */
    uint64_t at;
    uint32_t salt, last_crc, sequence;
    bool is_live;           /* limit is what the writer published: zeros are not the end, damage is no torn tail */
    bool is_synced;         /* false after a gap: the next record is trusted by its own CRC, not by the chain */
    enum journal_read over; /* JOURNAL_RECORD: not yet */
    uint64_t gap_from, gap_to;
    uint64_t records, gaps;
};

/* A whole file's bytes. SL_ECORRUPT: neither head is whole, nothing can be read. */
enum sl_err journal_reader_init(struct journal_reader *r, const void *bytes, uint64_t n,
                                struct journal_head *out_head) SL_MUST_CHECK;
/* A segment of this process, while it is written: call journal_reader_follow to see what came since. */
void journal_reader_init_live(struct journal_reader *r, const struct journal_segment *s);
void journal_reader_follow(struct journal_reader *r, const struct journal_segment *s);
/* The next thing. Never reads beyond the limit, whatever the bytes say. After END (file), SEALED or TORN it repeats it. */
enum journal_read journal_reader_next(struct journal_reader *r, struct journal_record *out_record);
/* Goes on at `at`, a record's end that was stored before: the chain starts anew there. False: not a possible place. */
bool journal_reader_seek(struct journal_reader *r, uint64_t at);

#endif
