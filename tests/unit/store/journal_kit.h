/* What the tests of the journal share: a directory of their own, a disk that fails on request, files as bytes. */
#ifndef SLUICE_TESTS_JOURNAL_KIT_H
#define SLUICE_TESTS_JOURNAL_KIT_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <dirent.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/mem.h"
#include "base/rand.h"
#include "store/journal.h"

struct kit_disk { /* calls to come that fail, by kind; 0: none */
    int fail_allocate, fail_sync, fail_rename, fail_create, fail_map;
    unsigned creates, syncs, removes;
};

static struct kit_disk *kit_disk_of(void *arg)
{
    return arg;
}

#define KIT_CALL(kind, real)                                                                                           \
    do {                                                                                                               \
        int failure = __atomic_load_n(&kit_disk_of(arg)->kind, __ATOMIC_SEQ_CST);                                      \
        if (failure != 0)                                                                                              \
            return failure;                                                                                            \
        return journal_io_real.real;                                                                                   \
    } while (0)

static int kit_create(void *arg, const char *path, int *out_fd)
{
    kit_disk_of(arg)->creates++;
    KIT_CALL(fail_create, create(NULL, path, out_fd));
}
static int kit_allocate(void *arg, int fd, uint64_t bytes)
{
    KIT_CALL(fail_allocate, allocate(NULL, fd, bytes));
}
static int kit_map(void *arg, int fd, uint64_t bytes, void **out_p)
{
    KIT_CALL(fail_map, map(NULL, fd, bytes, out_p));
}
static int kit_unmap(void *arg, void *p, uint64_t bytes)
{
    (void)arg;
    return journal_io_real.unmap(NULL, p, bytes);
}
static int kit_sync_data(void *arg, int fd)
{
    kit_disk_of(arg)->syncs++;
    KIT_CALL(fail_sync, sync_data(NULL, fd));
}
static int kit_sync_file(void *arg, int fd)
{
    kit_disk_of(arg)->syncs++;
    KIT_CALL(fail_sync, sync_file(NULL, fd));
}
static int kit_sync_dir(void *arg, const char *dir)
{
    (void)arg;
    return journal_io_real.sync_dir(NULL, dir);
}
static int kit_close(void *arg, int fd)
{
    (void)arg;
    return journal_io_real.close(NULL, fd);
}
static int kit_remove(void *arg, const char *path)
{
    kit_disk_of(arg)->removes++;
    return journal_io_real.remove(NULL, path);
}
static int kit_rename(void *arg, const char *from, const char *to)
{
    KIT_CALL(fail_rename, rename(NULL, from, to));
}

static const struct journal_io kit_io = {
    .create = kit_create,
    .allocate = kit_allocate,
    .map = kit_map,
    .unmap = kit_unmap,
    .sync_data = kit_sync_data,
    .sync_file = kit_sync_file,
    .sync_dir = kit_sync_dir,
    .close = kit_close,
    .remove = kit_remove,
    .rename = kit_rename,
};

static void kit_make_dir(char out[64])
{
    memcpy(out, "/tmp/sluice-test-XXXXXX", 24);
    assert_non_null(mkdtemp(out));
}

static void kit_remove_dir(const char *dir) /* and what is in it, one level of directories deep */
{
    char path[512];
    DIR *d = opendir(dir);
    if (d == NULL)
        return;
    struct dirent *e;
    while ((e = readdir(d)) != NULL) {
        if (e->d_name[0] == '.')
            continue;
        (void)snprintf(path, sizeof path, "%s/%s", dir, e->d_name);
        if (unlink(path) != 0 && errno == EISDIR) {
            DIR *below = opendir(path);
            struct dirent *f;
            while (below != NULL && (f = readdir(below)) != NULL) {
                char inner[1024];
                (void)snprintf(inner, sizeof inner, "%s/%s", path, f->d_name);
                if (f->d_name[0] != '.')
                    (void)unlink(inner);
            }
            if (below != NULL)
                closedir(below);
            (void)rmdir(path);
        }
    }
    closedir(d);
    (void)rmdir(dir);
}

static inline unsigned kit_count_files(const char *dir, const char *end)
{
    unsigned n = 0;
    DIR *d = opendir(dir);
    assert_non_null(d);
    struct dirent *e;
    while ((e = readdir(d)) != NULL)
        n += sl_str_ends(sl_str_c(e->d_name), sl_str_c(end));
    closedir(d);
    return n;
}

static inline struct journal *kit_open(const char *dir, struct kit_disk *disk, uint64_t bytes)
{
    struct journal *j;
    struct sl_fail fail;
    struct journal_options o = {
        .dir = dir, .n_writers = 1, .segment_bytes = bytes, .io = disk != NULL ? &kit_io : NULL, .io_arg = disk};
    assert_int_equal(journal_open(&o, &j, &fail), SL_OK);
    return j;
}

static inline struct journal_segment *kit_first_segment(struct journal *j)
{
    struct sl_list *all = journal_segments(j);
    assert_false(sl_list_is_empty(all));
    return SL_CONTAINER_OF(all->next, struct journal_segment, node);
}

static inline unsigned char *kit_copy(const struct journal_segment *s)
{
    unsigned char *copy = sl_malloc(s->size);
    memcpy(copy, s->base, s->size);
    return copy;
}

static inline void kit_append(struct journal_writer *w, unsigned type, const char *text)
{
    assert_int_equal(journal_append(w, JOURNAL_PLAIN, type, sl_str_c(text), NULL), SL_OK);
}

#endif
