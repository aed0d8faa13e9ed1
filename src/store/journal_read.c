/* The reading side of the journal: what is in a segment file or in a live mapping. Bytes are not trusted: no length is
 * believed before its record's CRC was right, nothing is read beyond the limit. Called by the keeper, by the commands
 * and by the fuzzer. Owns nothing but the file lists it gives.
 *
 * After damage the reader looks for the next place where a whole record stands (its own CRC right, its number higher than
 * the last), reports the gap, and goes on from there. */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/check.h"
#include "base/mem.h"
#include "store/journal_int.h"

static bool is_zero(const unsigned char *p, uint64_t n)
{
    return n == 0 || (p[0] == 0 && memcmp(p, p + 1, (size_t)n - 1) == 0);
}

static bool head_parse(const unsigned char *b, struct journal_head *out)
{
    if (memcmp(b, HEAD_MAGIC, 8) != 0 || get32(b + 8) != HEAD_VERSION || get32(b + 44) != sl_crc32c(0, b, 44))
        return false;
    *out = (struct journal_head){
        .writer = get32(b + 12),
        .no = get64(b + 16),
        .size = get64(b + 24),
        .created_ns = (int64_t)get64(b + 32),
        .salt = get32(b + 40),
    };
    return true;
}

static void reader_start(struct journal_reader *r, const unsigned char *base, uint64_t limit, uint32_t salt)
{
    *r = (struct journal_reader){.base = base, .limit = limit, .salt = salt, .last_crc = salt, .is_synced = true};
    r->at = JOURNAL_HEAD_BYTES;
}

enum sl_err journal_reader_init(struct journal_reader *r, const void *bytes, uint64_t n, struct journal_head *out_head)
{
    struct journal_head one, two;
    if (n < JOURNAL_HEAD_BYTES)
        return SL_ECORRUPT;
    bool first = head_parse(bytes, &one);
    bool second = head_parse((const unsigned char *)bytes + HEAD_SECOND, &two);
    if (!first && !second)
        return SL_ECORRUPT;
    struct journal_head head = first ? one : two;
    head.was_repaired = !first || !second ||
                        memcmp(bytes, (const unsigned char *)bytes + HEAD_SECOND, HEAD_BYTES) != 0 ||
                        !is_zero((const unsigned char *)bytes + HEAD_BYTES, HEAD_SECOND - HEAD_BYTES) ||
                        !is_zero((const unsigned char *)bytes + HEAD_SECOND + HEAD_BYTES,
                                 JOURNAL_HEAD_BYTES - HEAD_SECOND - HEAD_BYTES) ||
                        head.size != n;
    reader_start(r, bytes, n, head.salt);
    *out_head = head;
    return SL_OK;
}

void journal_reader_init_live(struct journal_reader *r, const struct journal_segment *s)
{
    reader_start(r, s->base, JOURNAL_HEAD_BYTES, s->salt);
    r->is_live = true;
    journal_reader_follow(r, s);
}

void journal_reader_follow(struct journal_reader *r, const struct journal_segment *s)
{
    r->limit = atomic_load_explicit(&s->committed, memory_order_acquire);
}

bool journal_reader_seek(struct journal_reader *r, uint64_t at)
{
    if (at < JOURNAL_HEAD_BYTES || at > r->limit || at % 8 != 0)
        return false;
    r->at = at;
    r->is_synced = at == JOURNAL_HEAD_BYTES;
    r->last_crc = r->salt;
    r->sequence = 0;
    r->over = JOURNAL_RECORD;
    return true;
}

/* A whole record at `at`, by its own CRC. */
static bool record_at(const struct journal_reader *r, uint64_t at, struct journal_record *out, uint32_t *out_crc)
{
    const unsigned char *frame = r->base + at;
    if (r->limit - at < JOURNAL_FRAME_BYTES || get32(frame) != FRAME_MAGIC)
        return false;
    uint32_t word = get32(frame + 16);
    uint64_t length = word & 0xFFFFu;
    uint64_t room = frame_room((size_t)length);
    if (length > JOURNAL_PAYLOAD_MAX || word >> 24 != FRAME_VERSION || room > r->limit - at)
        return false;
    uint32_t crc = get32(frame + 4);
    if (crc != frame_crc(frame, room, r->salt))
        return false;
    *out_crc = crc;
    *out = (struct journal_record){
        .type = (word >> 16) & 0xFFu,
        .sequence = get32(frame + 12),
        .from = at,
        .end = at + room,
        .payload = sl_str_of(frame + JOURNAL_FRAME_BYTES, (size_t)length),
    };
    return true;
}

static enum journal_read gap(struct journal_reader *r, uint64_t from, uint64_t to)
{
    r->gap_from = from;
    r->gap_to = to;
    r->gaps++;
    r->at = to;
    r->is_synced = false;
    return JOURNAL_GAP;
}

static enum journal_read end(struct journal_reader *r, enum journal_read how)
{
    r->over = how;
    return how;
}

/* What stands at r->at is no record: the end, or damage with more behind it. */
static enum journal_read look_behind(struct journal_reader *r)
{
    struct journal_record found;
    uint32_t crc;
    uint64_t from = r->at;
    if (r->limit - from < 8 || (!r->is_live && is_zero(r->base + from, r->limit - from)))
        return end(r, is_zero(r->base + from, r->limit - from) ? JOURNAL_END : JOURNAL_TORN);
    for (uint64_t at = from + 8; at < r->limit && r->limit - at >= JOURNAL_FRAME_BYTES; at += 8)
        if (get32(r->base + at) == FRAME_MAGIC && record_at(r, at, &found, &crc) && found.sequence > r->sequence)
            return gap(r, from, at);
    /* Live, nothing torn is possible: the writer published these bytes. */
    return r->is_live ? gap(r, from, r->limit) : end(r, JOURNAL_TORN);
}

enum journal_read journal_reader_next(struct journal_reader *r, struct journal_record *out_record)
{
    struct journal_record found;
    uint32_t crc;
    if (r->over != JOURNAL_RECORD)
        return r->over;
    if (r->at == r->limit)
        return r->is_live ? JOURNAL_END : end(r, JOURNAL_END);
    if (!record_at(r, r->at, &found, &crc))
        return look_behind(r);
    bool chained = get32(r->base + r->at + 8) == r->last_crc && found.sequence == r->sequence + 1;
    if (r->is_synced && !chained)
        return gap(r, r->at, r->at);
    if (found.sequence <= r->sequence) /* after a gap: an older record, copied or moved here */
        return look_behind(r);
    r->is_synced = true;
    r->last_crc = crc;
    r->sequence = found.sequence;
    r->at = found.end;
    if (found.type == TYPE_SEAL) {
        bool clean = r->is_live || is_zero(r->base + r->at, r->limit - r->at);
        return end(r, clean ? JOURNAL_SEALED : JOURNAL_TORN);
    }
    r->records++;
    *out_record = found;
    return JOURNAL_RECORD;
}

/* -- Files ---------------------------------------------------------------------------------------------------------- */

static bool parse_name(const char *name, uint64_t *out_no)
{
    struct sl_str s = sl_str_c(name);
    if (s.n != 24 || !sl_str_starts(s, SL_STR("seg-")) || !sl_str_ends(s, SL_STR(".jnl")))
        return false;
    uint64_t no = 0;
    for (size_t i = 4; i < 20; i++) {
        char c = s.p[i];
        if (c >= '0' && c <= '9')
            no = no << 4 | (uint64_t)(c - '0');
        else if (c >= 'a' && c <= 'f')
            no = no << 4 | (uint64_t)(c - 'a' + 10);
        else
            return false;
    }
    *out_no = no;
    return true;
}

static int by_number(const void *a, const void *b)
{
    uint64_t x = ((const struct journal_file *)a)->no, y = ((const struct journal_file *)b)->no;
    return x < y ? -1 : x > y;
}

enum sl_err journal_leftovers(const char *dir, struct journal_file **out_files, size_t *out_n, struct sl_fail *fail)
{
    DIR *d = opendir(dir);
    if (d == NULL)
        return sl_fail_set(fail, SL_EIO, dir, "cannot read the journal directory: %s", sl_errno_text(errno));
    struct journal_file *files = sl_malloc(16 * sizeof *files);
    size_t n = 0, cap = 16;
    struct dirent *entry;
    while ((entry = readdir(d)) != NULL) {
        uint64_t no;
        if (!parse_name(entry->d_name, &no))
            continue;
        if (n == cap) {
            cap *= 2;
            files = sl_realloc(files, cap * sizeof *files);
        }
        files[n].no = no;
        memcpy(files[n].name, entry->d_name, 25);
        n++;
    }
    closedir(d);
    qsort(files, n, sizeof *files, by_number);
    *out_files = files;
    *out_n = n;
    return SL_OK;
}

static int open_at(const char *dir, const char *name, int flags)
{
    int at = open(dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (at < 0)
        return -1;
    int fd = openat(at, name, flags | O_CLOEXEC);
    int e = errno;
    close(at);
    errno = e;
    return fd;
}

enum sl_err journal_file_read(const char *dir, const struct journal_file *f, void **out_bytes, uint64_t *out_n,
                              struct sl_fail *fail)
{
    struct stat st;
    int fd = open_at(dir, f->name, O_RDONLY);
    if (fd < 0 || fstat(fd, &st) != 0)
        goto io;
    if (st.st_size < 0 || (uint64_t)st.st_size > JOURNAL_SEGMENT_MAX) {
        close(fd);
        return sl_fail_set(fail, SL_ELIMIT, f->name, "the journal segment is larger than one can be");
    }
    uint64_t size = (uint64_t)st.st_size, n = 0;
    char *bytes = sl_malloc((size_t)size);
    while (n < size) {
        ssize_t got = pread(fd, bytes + n, (size_t)(size - n), (off_t)n);
        if (got < 0 && errno == EINTR)
            continue;
        if (got < 0) {
            sl_free(bytes);
            goto io;
        }
        if (got == 0)
            break;
        n += (uint64_t)got;
    }
    close(fd);
    *out_bytes = bytes;
    *out_n = n;
    return SL_OK;
io:;
    int e = errno;
    if (fd >= 0)
        close(fd);
    return sl_fail_set(fail, SL_EIO, f->name, "cannot read the journal segment: %s", sl_errno_text(e));
}

enum sl_err journal_file_remove(const char *dir, const struct journal_file *f, struct sl_fail *fail)
{
    int at = open(dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    int e = at < 0 || unlinkat(at, f->name, 0) != 0 ? errno : 0;
    if (at >= 0)
        close(at);
    if (e == 0)
        return SL_OK;
    return sl_fail_set(fail, SL_EIO, f->name, "cannot remove the journal segment: %s", sl_errno_text(e));
}

enum sl_err journal_file_set_aside(const char *dir, const struct journal_file *f, struct sl_fail *fail)
{
    char aside[48];
    (void)snprintf(aside, sizeof aside, "damaged-%016llx.jnl", (unsigned long long)f->no);
    int at = open(dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    int e = at < 0 || renameat(at, f->name, at, aside) != 0 ? errno : 0;
    if (at >= 0)
        close(at);
    if (e == 0)
        return SL_OK;
    return sl_fail_set(fail, SL_EIO, f->name, "cannot set the damaged journal segment aside: %s", sl_errno_text(e));
}
