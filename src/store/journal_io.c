/* The journal's view of the disk: thin calls, so that tests can put a failing disk in their place. Each gives 0 or an
 * errno value. Called by store/journal.c only. */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <sys/mman.h>
#include <unistd.h>

#include "store/journal.h"

static int io_create(void *arg, const char *path, int *out_fd)
{
    (void)arg;
    int fd = open(path, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
    if (fd < 0)
        return errno;
    *out_fd = fd;
    return 0;
}

static int io_allocate(void *arg, int fd, uint64_t bytes)
{
    (void)arg;
    return posix_fallocate(fd, 0, (off_t)bytes);
}

static int io_map(void *arg, int fd, uint64_t bytes, void **out_p)
{
    (void)arg;
    void *p = mmap(NULL, (size_t)bytes, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
    if (p == MAP_FAILED)
        return errno;
    *out_p = p;
    return 0;
}

static int io_unmap(void *arg, void *p, uint64_t bytes)
{
    (void)arg;
    return munmap(p, (size_t)bytes) == 0 ? 0 : errno;
}

static int io_sync_data(void *arg, int fd)
{
    (void)arg;
    return fdatasync(fd) == 0 ? 0 : errno;
}

static int io_sync_file(void *arg, int fd)
{
    (void)arg;
    return fsync(fd) == 0 ? 0 : errno;
}

static int io_sync_dir(void *arg, const char *dir)
{
    (void)arg;
    int fd = open(dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (fd < 0)
        return errno;
    int e = fsync(fd) == 0 ? 0 : errno;
    close(fd);
    return e;
}

static int io_close(void *arg, int fd)
{
    (void)arg;
    return close(fd) == 0 ? 0 : errno;
}

static int io_remove(void *arg, const char *path)
{
    (void)arg;
    return unlink(path) == 0 ? 0 : errno;
}

static int io_rename(void *arg, const char *from, const char *to)
{
    (void)arg;
    return rename(from, to) == 0 ? 0 : errno;
}

const struct journal_io journal_io_real = {
    .create = io_create,
    .allocate = io_allocate,
    .map = io_map,
    .unmap = io_unmap,
    .sync_data = io_sync_data,
    .sync_file = io_sync_file,
    .sync_dir = io_sync_dir,
    .close = io_close,
    .remove = io_remove,
    .rename = io_rename,
};
