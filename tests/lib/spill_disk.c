#include "lib/spill_disk.h"

#include <errno.h>
#include <string.h>

#include "base/check.h"
#include "base/mem.h"

static bool fails(struct spill_disk *d)
{
    return d->fail_ppm > 0 && sl_rand_below(&d->rand, 1000000) < d->fail_ppm;
}

static int disk_open(void *arg, const char *dir, int *out_fd)
{
    struct spill_disk *d = arg;
    (void)dir;
    if (d->no_open || fails(d) || d->open == SPILL_FILES)
        return EACCES;
    int fd = 0;
    while (d->files[fd] != NULL)
        fd++;
    d->files[fd] = sl_malloc(SPILL_FILE_BYTES);
    d->sizes[fd] = 0;
    d->open++;
    d->opened++;
    *out_fd = fd;
    return 0;
}

static size_t moved(const struct spill_disk *d, size_t n)
{
    return d->short_by > 0 && n > d->short_by ? d->short_by : n;
}

static int disk_write(void *arg, int fd, const void *p, size_t n, uint64_t at, size_t *out_n)
{
    struct spill_disk *d = arg;
    uint64_t room = d->room > 0 ? d->room : SPILL_FILE_BYTES;
    *out_n = 0;
    SL_CHECK(d->files[fd] != NULL && at == d->sizes[fd]);
    if (fails(d) || at >= room)
        return ENOSPC;
    n = moved(d, n);
    if (n > room - at) /* a full disk takes what fits first */
        n = (size_t)(room - at);
    memcpy(d->files[fd] + at, p, n);
    d->sizes[fd] += n;
    *out_n = n;
    return 0;
}

static int disk_read(void *arg, int fd, void *p, size_t n, uint64_t at, size_t *out_n)
{
    struct spill_disk *d = arg;
    *out_n = 0;
    SL_CHECK(d->files[fd] != NULL && at <= d->sizes[fd]);
    if (d->no_read || fails(d))
        return EIO;
    n = moved(d, n);
    if (n > d->sizes[fd] - at)
        n = (size_t)(d->sizes[fd] - at);
    memcpy(p, d->files[fd] + at, n);
    d->reads++;
    *out_n = n;
    return 0;
}

static int disk_map(void *arg, int fd, uint64_t n, void **out_p)
{
    struct spill_disk *d = arg;
    if (d->no_map || fails(d))
        return ENOMEM;
    SL_CHECK(n == d->sizes[fd]);
    d->mapped++;
    *out_p = d->files[fd];
    return 0;
}

static int disk_fetch(void *arg, void *p, uint64_t n)
{
    struct spill_disk *d = arg;
    (void)p;
    (void)n;
    return d->no_fetch || fails(d) ? EIO : 0;
}

static void disk_rest(void *arg, void *p, uint64_t n)
{
    (void)arg;
    (void)p;
    (void)n;
}

static int disk_unmap(void *arg, void *p, uint64_t n)
{
    struct spill_disk *d = arg;
    (void)n;
    SL_CHECK(d->mapped > 0);
    d->mapped--;
    memset(p, 0x5a, (size_t)n); /* whoever still looks there finds nothing */
    return 0;
}

static int disk_close(void *arg, int fd)
{
    struct spill_disk *d = arg;
    SL_CHECK(d->files[fd] != NULL);
    sl_free(d->files[fd]);
    d->files[fd] = NULL;
    d->open--;
    return 0;
}

const struct spill_io spill_disk_io = {
    .open = disk_open,
    .write = disk_write,
    .read = disk_read,
    .map = disk_map,
    .fetch = disk_fetch,
    .rest = disk_rest,
    .unmap = disk_unmap,
    .close = disk_close,
};
