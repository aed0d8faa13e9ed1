/* A request body that waits in a file without a name: written once as it comes, looked at as one piece, and read again for each
 * attempt. Nobody but the process that made it can open it, and it is gone with the process or with spill_close.
 *
 * All calls are for one thread at a time and do bounded work: spill_add and spill_read as many bytes as they are given. What was just
 * written is in the page cache, and nothing is ever flushed, so that they copy memory as a rule; a disk that cannot keep up
 * makes those wait that are marked so, which are no calls for a thread that serves others. Linux: open(2) O_TMPFILE (3.11), where
 * the file system has it, else a name that is removed at once; madvise(2) MADV_POPULATE_READ (5.14). */
#ifndef SLUICE_STORE_SPILL_H
#define SLUICE_STORE_SPILL_H

#include <stdbool.h>
#include <stdint.h>

#include "base/str.h"

/* The disk; each gives 0 or an errno value. For tests that let it fail. */
struct spill_io {
    int (*open)(void *arg, const char *dir, int *out_fd); /* mode 0600, close-on-exec, no name any more */
    int (*write)(void *arg, int fd, const void *p, size_t n, uint64_t at,
                 size_t *out_n);                                                   /* may take fewer, never 0 of n */
    int (*read)(void *arg, int fd, void *p, size_t n, uint64_t at, size_t *out_n); /* 0 of n: the file ends */
    int (*map)(void *arg, int fd, uint64_t n, void **out_p);                       /* for reading */
    int (*fetch)(void *arg, void *p, uint64_t n);                                  /* of map: will be looked at now */
    void (*rest)(void *arg, void *p, uint64_t n);                                  /* of map: not needed for a while */
    int (*unmap)(void *arg, void *p, uint64_t n);
    int (*close)(void *arg, int fd);
};
extern const struct spill_io spill_io_files;

struct spill {
    const struct spill_io *io; /* borrow; NULL: it was never opened, or is closed */
    void *io_arg;
    int fd;
    int error;      /* errno of the first call that failed; 0: none. Nothing is written behind it */
    uint64_t n;     /* bytes written */
    void *map;      /* NULL: not looked at yet */
    uint64_t map_n; /* of map */
};

/* May wait. False: s->error says why, and s needs no close. */
bool spill_open(struct spill *s, const struct spill_io *io, void *io_arg, const char *dir);
bool spill_is_open(const struct spill *s);
/* May wait. At the end; all of it or false. Not once spill_text was asked. */
bool spill_add(struct spill *s, const void *p, size_t n);
/* May wait, the first time. All of it, until spill_close; at least a byte was written. False: s->error. Its pages are in memory, as long
 * as the system has room for them. */
bool spill_text(struct spill *s, struct sl_str *out);
/* What of spill_text is in this process's memory need not stay there; it comes again when it is looked at. */
void spill_rest(struct spill *s);
/* Whether p points into spill_text; *out_at: where in the file. */
bool spill_has(const struct spill *s, const void *p, uint64_t *out_at);
/* May wait. n bytes from there into `to`; all of them or false. */
bool spill_read(struct spill *s, uint64_t at, void *to, size_t n);
void spill_close(struct spill *s); /* may wait; harmless when it is not open */

#endif
