/* The state directory: where the gateway keeps what must outlive it. Used by serve (through the keeper) and by the
 * commands that work on it directly (keys, usage).
 *
 *   DIR/                 mode 0700
 *     lock               flock'ed by the running gateway; holds its pid
 *     pepper             32 random bytes, mode 0600: the HMAC key of stored key digests
 *     ledger.db (-wal, -shm)  SQLite
 *     journal/           segments that are not yet in the database
 *     notify/            `sluice keys` touches notify/keys, so that a running gateway looks at once */
#ifndef SLUICE_MAIN_STATE_DIR_H
#define SLUICE_MAIN_STATE_DIR_H

#include "base/err.h"
#include "base/secret.h"

#define STATE_PATH_MAX 4096u
#define STATE_PEPPER_BYTES 32u

enum state_mode {
    STATE_CREATE = 0,
    STATE_EXISTING
};

struct state_dir {
    char path[STATE_PATH_MAX - 64]; /* leaves room for the names below it */
    int lock_fd;                    /* -1: not locked by us */
    struct sl_secret pepper;        /* own */
};

/* CREATE makes the directory with all below it and the pepper where they are missing (the parents of DIR too). EXISTING:
 * SL_ENOENT when it is not there. A pepper of the wrong size, or readable by others, is refused with what to do. */
enum sl_err state_dir_open(struct state_dir *d, const char *path, enum state_mode mode,
                           struct sl_fail *fail) SL_MUST_CHECK;
void state_dir_close(struct state_dir *d); /* unlocks, wipes the pepper */

/* One gateway per directory: SL_EEXIST, with the other's pid in the text, when another process holds it. */
enum sl_err state_dir_lock(struct state_dir *d, struct sl_fail *fail) SL_MUST_CHECK;

/* "DIR/name". */
struct state_path {
    char text[STATE_PATH_MAX];
};
struct state_path state_dir_path(const struct state_dir *d, const char *name);

/* SLUICE_STATE_DIR, or /var/lib/sluice for root, or $XDG_STATE_HOME/sluice, or ~/.local/state/sluice. */
enum sl_err state_dir_default(char *out, size_t n, struct sl_fail *fail) SL_MUST_CHECK;

void state_dir_notify(const struct state_dir *d, const char *what); /* touches notify/<what>; failure is harmless */

#endif
