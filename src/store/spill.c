#include "store/spill.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "base/check.h"

#define PATH_BYTES 4096

/* ---- the disk ---- */

/* For file systems that have no files without a name. */
static int open_named(const char *dir, int *out_fd)
{
    char path[PATH_BYTES];
    int n = snprintf(path, sizeof path, "%s/body.XXXXXX", dir);
    if (n < 0 || (size_t)n >= sizeof path)
        return ENAMETOOLONG;
    int fd = mkostemp(path, O_CLOEXEC); /* mode 0600 */
    if (fd < 0)
        return errno;
    if (unlink(path) != 0) {
        int e = errno;
        close(fd);
        return e;
    }
    *out_fd = fd;
    return 0;
}

static int files_open(void *arg, const char *dir, int *out_fd)
{
    (void)arg;
    int fd = open(dir, O_TMPFILE | O_EXCL | O_RDWR | O_CLOEXEC, 0600);
    if (fd < 0)
        return errno == EOPNOTSUPP || errno == EISDIR || errno == ENOENT || errno == EINVAL ? open_named(dir, out_fd)
                                                                                            : errno;
    *out_fd = fd;
    return 0;
}

static int files_write(void *arg, int fd, const void *p, size_t n, uint64_t at, size_t *out_n)
{
    (void)arg;
    ssize_t r = pwrite(fd, p, n, (off_t)at);
    *out_n = r > 0 ? (size_t)r : 0;
    return r < 0 ? errno : r == 0 && n > 0 ? EIO : 0;
}

static int files_read(void *arg, int fd, void *p, size_t n, uint64_t at, size_t *out_n)
{
    (void)arg;
    ssize_t r = pread(fd, p, n, (off_t)at);
    *out_n = r > 0 ? (size_t)r : 0;
    return r < 0 ? errno : 0;
}

static int files_map(void *arg, int fd, uint64_t n, void **out_p)
{
    (void)arg;
    void *p = mmap(NULL, (size_t)n, PROT_READ, MAP_SHARED, fd, 0);
    if (p == MAP_FAILED)
        return errno;
    *out_p = p;
    return 0;
}

/* Systems that do not know this bring pages when they are looked at. */
static int files_fetch(void *arg, void *p, uint64_t n)
{
    (void)arg;
#ifdef MADV_POPULATE_READ
    if (madvise(p, (size_t)n, MADV_POPULATE_READ) != 0 && errno == EFAULT)
        return EIO; /* to look at it would be the end of the process */
#else
    (void)p;
    (void)n;
#endif
    return 0;
}

static void files_rest(void *arg, void *p, uint64_t n)
{
    (void)arg;
    (void)madvise(p, (size_t)n, MADV_DONTNEED); /* a wish: nothing depends on it */
}

static int files_unmap(void *arg, void *p, uint64_t n)
{
    (void)arg;
    return munmap(p, (size_t)n) == 0 ? 0 : errno;
}

static int files_close(void *arg, int fd)
{
    (void)arg;
    return close(fd) == 0 ? 0 : errno;
}

const struct spill_io spill_io_files = {
    .open = files_open,
    .write = files_write,
    .read = files_read,
    .map = files_map,
    .fetch = files_fetch,
    .rest = files_rest,
    .unmap = files_unmap,
    .close = files_close,
};

/* ---- a body ---- */

bool spill_open(struct spill *s, const struct spill_io *io, void *io_arg, const char *dir)
{
    *s = (struct spill){.fd = -1};
    s->error = io->open(io_arg, dir, &s->fd);
    if (s->error != 0)
        return false;
    s->io = io;
    s->io_arg = io_arg;
    return true;
}

bool spill_is_open(const struct spill *s)
{
    return s->io != NULL;
}

bool spill_add(struct spill *s, const void *p, size_t n)
{
    SL_CHECK(s->io != NULL && s->map == NULL);
    const char *from = p;
    while (n > 0 && s->error == 0) {
        size_t took = 0;
        int e = s->io->write(s->io_arg, s->fd, from, n, s->n, &took);
        if (e != EINTR)
            s->error = e;
        SL_CHECK(took <= n);
        s->n += took;
        from += took;
        n -= took;
    }
    return s->error == 0;
}

bool spill_text(struct spill *s, struct sl_str *out)
{
    SL_CHECK(s->io != NULL && s->n > 0);
    if (s->map == NULL && s->error == 0) {
        s->error = s->io->map(s->io_arg, s->fd, s->n, &s->map);
        s->map_n = s->n;
        if (s->error == 0)
            s->error = s->io->fetch(s->io_arg, s->map, s->map_n);
    }
    if (s->error != 0)
        return false;
    *out = sl_str_of(s->map, (size_t)s->map_n);
    return true;
}

void spill_rest(struct spill *s)
{
    if (s->map != NULL)
        s->io->rest(s->io_arg, s->map, s->map_n);
}

bool spill_has(const struct spill *s, const void *p, uint64_t *out_at)
{
    uintptr_t at = (uintptr_t)p, from = (uintptr_t)s->map;
    if (s->map == NULL || at < from || at - from >= s->map_n)
        return false;
    *out_at = at - from;
    return true;
}

bool spill_read(struct spill *s, uint64_t at, void *to, size_t n)
{
    SL_CHECK(s->io != NULL && at + n <= s->n);
    char *into = to;
    while (n > 0) {
        size_t got = 0;
        int e = s->io->read(s->io_arg, s->fd, into, n, at, &got);
        if (e == EINTR)
            continue;
        if (e != 0 || got == 0) {
            s->error = e != 0 ? e : EIO;
            return false;
        }
        at += got;
        into += got;
        n -= got;
    }
    return true;
}

void spill_close(struct spill *s)
{
    if (s->io == NULL)
        return;
    if (s->map != NULL)
        (void)s->io->unmap(s->io_arg, s->map, s->map_n);
    (void)s->io->close(s->io_arg, s->fd); /* what is in it is wanted by nobody */
    *s = (struct spill){.fd = -1, .error = s->error};
}
