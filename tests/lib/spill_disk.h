/* A disk in memory for bodies that wait in files (store/spill.h): it can be full, take less than it is given, and fail. */
#ifndef SLUICE_TESTS_LIB_SPILL_DISK_H
#define SLUICE_TESTS_LIB_SPILL_DISK_H

#include "base/rand.h"
#include "store/spill.h"

#define SPILL_FILES 64u
#define SPILL_FILE_BYTES (4u << 20) /* the largest */

struct spill_disk {
    char *files[SPILL_FILES]; /* own; NULL: not open */
    uint64_t sizes[SPILL_FILES];
    unsigned open, mapped;  /* now */
    unsigned opened, reads; /* ever */
    size_t short_by;        /* a call moves at most so many bytes; 0: all */
    uint64_t room;          /* of a file: then ENOSPC; 0: SPILL_FILE_BYTES */
    bool no_open, no_map, no_fetch, no_read;
    uint32_t fail_ppm; /* chance of each call but close */
    struct sl_rand rand;
};
extern const struct spill_io spill_disk_io; /* its argument is a struct spill_disk */

#endif
