/* Lines appended to a file, rotated by size. Called by the keeper. Does not log: its caller reports. */
#include "main/line_file.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/mem.h"

#define NAME_MAX_BYTES 4200u

static bool is_stdout(const struct line_file *f)
{
    return f->path != NULL && f->path[0] == '-' && f->path[1] == 0;
}

static enum sl_err open_file(struct line_file *f, struct sl_fail *fail)
{
    struct stat st;
    if (is_stdout(f)) {
        f->fd = STDOUT_FILENO;
        return SL_OK;
    }
    int fd = open(f->path, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0640);
    if (fd < 0)
        return sl_fail_set(fail, SL_EIO, f->path, "cannot open the file: %s", sl_errno_text(errno));
    f->size = fstat(fd, &st) == 0 && st.st_size > 0 ? (uint64_t)st.st_size : 0;
    f->fd = fd;
    return SL_OK;
}

enum sl_err line_file_open(struct line_file *f, const char *path, uint64_t max, unsigned keep, struct sl_fail *fail)
{
    *f = (struct line_file){.fd = -1, .max = max, .keep = keep};
    if (path == NULL)
        return SL_OK;
    if (strlen(path) > NAME_MAX_BYTES - 16)
        return sl_fail_set(fail, SL_ELIMIT, "", "the path of the access log is too long");
    f->path = sl_memdup0(path, strlen(path));
    enum sl_err e = open_file(f, fail);
    if (e != SL_OK)
        line_file_close(f);
    return e;
}

static void shut(struct line_file *f)
{
    if (f->fd >= 0 && !is_stdout(f))
        close(f->fd);
    f->fd = -1;
}

void line_file_close(struct line_file *f)
{
    shut(f);
    sl_free(f->path);
    f->path = NULL;
}

enum sl_err line_file_reopen(struct line_file *f, struct sl_fail *fail)
{
    if (f->path == NULL || is_stdout(f))
        return SL_OK;
    shut(f);
    return open_file(f, fail);
}

static void numbered(const struct line_file *f, unsigned n, char out[NAME_MAX_BYTES])
{
    (void)snprintf(out, NAME_MAX_BYTES, n == 0 ? "%s" : "%s.%u", f->path, n);
}

/* path.N-1 -> path.N, ..., path -> path.1; the oldest falls out. Names that are missing do no harm. */
static enum sl_err rotate(struct line_file *f, struct sl_fail *fail)
{
    char from[NAME_MAX_BYTES], to[NAME_MAX_BYTES];
    for (unsigned i = f->keep; i > 0; i--) {
        numbered(f, i - 1, from);
        numbered(f, i, to);
        (void)rename(from, to);
    }
    if (f->keep == 0)
        (void)unlink(f->path);
    return line_file_reopen(f, fail);
}

enum sl_err line_file_add(struct line_file *f, struct sl_str lines, struct sl_fail *fail)
{
    if (f->path == NULL)
        return SL_OK;
    if (f->fd < 0) {
        enum sl_err e = open_file(f, fail);
        if (e != SL_OK)
            return e;
    }
    if (f->max != 0 && f->size != 0 && !is_stdout(f) && (f->size >= f->max || lines.n > f->max - f->size)) {
        enum sl_err e = rotate(f, fail);
        if (e != SL_OK)
            return e;
    }
    size_t done = 0;
    while (done < lines.n) {
        ssize_t n = write(f->fd, lines.p + done, lines.n - done);
        if (n < 0 && errno == EINTR)
            continue;
        if (n < 0) {
            int e = errno;
            if (done > 0 && !is_stdout(f))
                (void)!ftruncate(f->fd, (off_t)f->size);
            return sl_fail_set(fail, e == ENOSPC ? SL_EFULL : SL_EIO, f->path, "cannot write to the file: %s",
                               sl_errno_text(e));
        }
        done += (size_t)n;
    }
    f->size += lines.n;
    return SL_OK;
}
