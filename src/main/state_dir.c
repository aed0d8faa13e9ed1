/* The state directory: making it, the pepper, the lock. Called at start and by the commands. Never logs. */
#include "main/state_dir.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/rand.h"

struct state_path state_dir_path(const struct state_dir *d, const char *name)
{
    struct state_path p;
    int n = snprintf(p.text, sizeof p.text, "%s/%s", d->path, name);
    SL_CHECK(n > 0 && (size_t)n < sizeof p.text);
    return p;
}

static enum sl_err make_dir(const char *path, struct sl_fail *fail)
{
    if (mkdir(path, 0700) == 0 || errno == EEXIST)
        return SL_OK;
    return sl_fail_set(fail, SL_EIO, path, "cannot make the directory: %s", sl_errno_text(errno));
}

/* Parents are made with the usual mode of a private directory too; those that exist keep theirs. */
static enum sl_err make_dirs(const char *path, struct sl_fail *fail)
{
    char part[STATE_PATH_MAX];
    size_t n = strlen(path);
    for (size_t i = 1; i <= n; i++) {
        if (path[i] != '/' && path[i] != 0)
            continue;
        memcpy(part, path, i);
        part[i] = 0;
        enum sl_err e = make_dir(part, fail);
        if (e != SL_OK)
            return e;
    }
    return SL_OK;
}

/* The file appears under its name whole or not at all, and once: two programs that start at the same time use the same
 * bytes. */
static enum sl_err make_pepper(const char *path, struct sl_fail *fail)
{
    unsigned char bytes[STATE_PEPPER_BYTES];
    char fresh[STATE_PATH_MAX + 32];
    (void)snprintf(fresh, sizeof fresh, "%s.new.%ld", path, (long)getpid());
    int fd = open(fresh, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
    if (fd < 0)
        return sl_fail_set(fail, SL_EIO, path, "cannot make the file: %s", sl_errno_text(errno));
    sl_random_bytes(bytes, sizeof bytes);
    bool ok = write(fd, bytes, sizeof bytes) == (ssize_t)sizeof bytes && fsync(fd) == 0;
    int e = errno;
    explicit_bzero(bytes, sizeof bytes);
    close(fd);
    if (ok && link(fresh, path) != 0) {
        e = errno;
        ok = e == EEXIST;
    }
    (void)unlink(fresh);
    return ok ? SL_OK : sl_fail_set(fail, SL_EIO, path, "cannot write the file: %s", sl_errno_text(e));
}

static enum sl_err read_pepper(struct state_dir *d, const char *path, struct sl_fail *fail)
{
    unsigned char bytes[STATE_PEPPER_BYTES + 1];
    struct stat st;
    int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
    if (fd < 0)
        return sl_fail_set(fail, errno == ENOENT ? SL_ENOENT : SL_EIO, path, "cannot open the file: %s",
                           sl_errno_text(errno));
    ssize_t n = fstat(fd, &st) == 0 ? read(fd, bytes, sizeof bytes) : -1;
    close(fd);
    enum sl_err e = SL_OK;
    if (n != (ssize_t)STATE_PEPPER_BYTES)
        e = sl_fail_set(
            fail, SL_ECORRUPT, path,
            "the file does not hold %u bytes: bring it back from a copy (without it no existing key works), "
            "or remove it and the keys, then make new keys",
            STATE_PEPPER_BYTES);
    else if ((st.st_mode & 077) != 0)
        e = sl_fail_set(fail, SL_EDENIED, path, "others may read the file (mode %03o): chmod 600 it",
                        (unsigned)st.st_mode & 0777u);
    else
        sl_secret_set(&d->pepper, sl_str_of(bytes, STATE_PEPPER_BYTES));
    explicit_bzero(bytes, sizeof bytes);
    return e;
}

static enum sl_err make_all(const struct state_dir *d, struct sl_fail *fail)
{
    enum sl_err e = make_dirs(d->path, fail);
    if (e == SL_OK)
        e = make_dir(state_dir_path(d, "journal").text, fail);
    if (e == SL_OK)
        e = make_dir(state_dir_path(d, "notify").text, fail);
    struct state_path pepper = state_dir_path(d, "pepper");
    if (e != SL_OK || access(pepper.text, F_OK) == 0)
        return e;
    /* The pepper is made before the database: one without the other was lost, and a fresh one fits none of its keys. */
    if (access(state_dir_path(d, "ledger.db").text, F_OK) == 0)
        return sl_fail_set(fail, SL_ECORRUPT, pepper.text,
                           "the file is missing beside a ledger.db: bring it back from a copy (without it no existing "
                           "key works), or make a new one, with `head -c 32 /dev/urandom` and mode 600, and new keys");
    return make_pepper(pepper.text, fail);
}

enum sl_err state_dir_open(struct state_dir *d, const char *path, enum state_mode mode, struct sl_fail *fail)
{
    struct state_dir fresh = {.lock_fd = -1};
    size_t n = strlen(path);
    while (n > 1 && path[n - 1] == '/')
        n--;
    if (n == 0 || n >= sizeof fresh.path)
        return sl_fail_set(fail, SL_EINVAL, "", "the path of the state directory is empty or too long");
    memcpy(fresh.path, path, n);
    struct stat st;
    if (mode == STATE_EXISTING && stat(fresh.path, &st) != 0)
        return sl_fail_set(fail, SL_ENOENT, fresh.path,
                           "there is no state directory: %s. `sluice serve` or `sluice keys create` makes one; "
                           "--state names another",
                           sl_errno_text(errno));
    if (mode == STATE_EXISTING && access(state_dir_path(&fresh, "pepper").text, F_OK) != 0 && errno == ENOENT &&
        access(state_dir_path(&fresh, "ledger.db").text, F_OK) != 0)
        return sl_fail_set(fail, SL_ENOENT, fresh.path,
                           "this is no state directory of sluice: it holds neither pepper nor ledger.db");
    enum sl_err e = mode == STATE_CREATE ? make_all(&fresh, fail) : SL_OK;
    if (e == SL_OK)
        e = read_pepper(&fresh, state_dir_path(&fresh, "pepper").text, fail);
    if (e == SL_OK)
        *d = fresh;
    return e;
}

void state_dir_close(struct state_dir *d)
{
    if (d->lock_fd >= 0)
        close(d->lock_fd);
    d->lock_fd = -1;
    sl_secret_done(&d->pepper);
}

static uint64_t lock_holder(int fd) /* 0: not told */
{
    char text[24];
    uint64_t pid = 0;
    ssize_t n = pread(fd, text, sizeof text, 0);
    if (n > 0)
        (void)sl_str_to_u64(sl_str_trim(sl_str_head(sl_str_of(text, (size_t)n), (size_t)n - (text[n - 1] == '\n'))),
                            &pid);
    return pid;
}

enum sl_err state_dir_lock(struct state_dir *d, struct sl_fail *fail)
{
    struct state_path path = state_dir_path(d, "lock");
    int fd = open(path.text, O_RDWR | O_CREAT | O_CLOEXEC, 0600);
    if (fd < 0)
        return sl_fail_set(fail, SL_EIO, path.text, "cannot open the lock: %s", sl_errno_text(errno));
    if (flock(fd, LOCK_EX | LOCK_NB) != 0) {
        int e = errno;
        uint64_t pid = lock_holder(fd);
        close(fd);
        if (e != EWOULDBLOCK)
            return sl_fail_set(fail, SL_EIO, path.text, "cannot lock: %s", sl_errno_text(e));
        return sl_fail_set(fail, SL_EEXIST, d->path,
                           "another gateway (pid %llu) uses this state directory: stop it, or give this one its own",
                           (unsigned long long)pid);
    }
    char text[24];
    size_t n = sl_u64_digits((uint64_t)getpid(), text);
    text[n++] = '\n';
    /* The pid is only for the message above. */
    if (ftruncate(fd, 0) != 0 || pwrite(fd, text, n, 0) != (ssize_t)n) {
        close(fd);
        return sl_fail_set(fail, SL_EIO, path.text, "cannot write the lock: %s", sl_errno_text(errno));
    }
    d->lock_fd = fd;
    return SL_OK;
}

enum sl_err state_dir_default(char *out, size_t n, struct sl_fail *fail)
{
    const char *own = getenv("SLUICE_STATE_DIR"), *xdg = getenv("XDG_STATE_HOME"), *home = getenv("HOME");
    int wrote;
    if (own != NULL && own[0] != 0)
        wrote = snprintf(out, n, "%s", own);
    else if (geteuid() == 0)
        wrote = snprintf(out, n, "/var/lib/sluice");
    else if (xdg != NULL && xdg[0] == '/')
        wrote = snprintf(out, n, "%s/sluice", xdg);
    else if (home != NULL && home[0] == '/')
        wrote = snprintf(out, n, "%s/.local/state/sluice", home);
    else
        return sl_fail_set(fail, SL_ENOENT, "", "cannot tell where the state directory is: set SLUICE_STATE_DIR");
    if (wrote < 0 || (size_t)wrote >= n)
        return sl_fail_set(fail, SL_ELIMIT, "", "the path of the state directory is too long");
    return SL_OK;
}

void state_dir_notify(const struct state_dir *d, const char *what)
{
    char name[64];
    (void)snprintf(name, sizeof name, "notify/%s", what);
    int fd = open(state_dir_path(d, name).text, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
    if (fd < 0)
        return; /* the keeper looks once a second anyway */
    (void)!write(fd, "\n", 1);
    close(fd);
}
