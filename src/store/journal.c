/* The writing side of the journal: segments, and appending to them. See store/journal.h for the picture.
 *
 * Who calls: workers append; the keeper prepares, syncs and retires. Owns: files and mappings of the segments of this
 * process.
 *
 * Invariant of a writer, kept by journal_append: behind `at` there is room for the seal and for one close per open
 * attempt. That is why a close can never be refused. */
#include "store/journal.h"

#include <errno.h>
#include <stdio.h>
#include <sys/mman.h>

#include "base/check.h"
#include "base/clock.h"
#include "base/mem.h"
#include "base/rand.h"
#include "store/journal_int.h"

#define PATH_MAX_BYTES 4096u
#define PAGE UINT64_C(4096)
#define POPULATE_MIN (UINT64_C(64) << 10) /* small beside 10 MiB of RSS */
#define POPULATE_MAX (UINT64_C(2) << 20)

#ifndef MADV_POPULATE_WRITE
#define MADV_POPULATE_WRITE 23 /* Linux 5.14 */
#endif

struct journal {
    char *dir; /* own */
    const struct journal_io *io;
    void *io_arg;
    uint64_t segment_bytes, next_no;
    unsigned n_writers;
    struct sl_list segments;
    unsigned fill_next[JOURNAL_WRITERS_MAX]; /* the ready slot to fill next, per writer: slots are used in turn */
    struct journal_writer *writers;          /* own */
};

/* -- Appending ------------------------------------------------------------------------------------------------------ */

static void count(_Atomic uint64_t *counter, uint64_t n) /* one writer, anyone reads */
{
    atomic_store_explicit(counter, atomic_load_explicit(counter, memory_order_relaxed) + n, memory_order_relaxed);
}

/* Writes one frame at w->at. The magic goes last, so that a process that dies in the middle leaves no frame; then the
 * new end is published to the keeper. */
static void put_frame(struct journal_writer *w, unsigned type, struct sl_str payload)
{
    struct journal_segment *s = w->segment;
    unsigned char *frame = s->base + w->at;
    uint64_t room = frame_room(payload.n);
    SL_CHECK(room <= s->size - w->at);
    if (payload.n != 0)
        memcpy(frame + JOURNAL_FRAME_BYTES, payload.p, payload.n);
    w->sequence++;
    put32(frame + 8, w->last_crc);
    put32(frame + 12, w->sequence);
    put32(frame + 16, (uint32_t)payload.n | type << 16 | FRAME_VERSION << 24);
    w->last_crc = frame_crc(frame, room, s->salt);
    put32(frame + 4, w->last_crc);
    atomic_signal_fence(memory_order_seq_cst);
    put32(frame, FRAME_MAGIC);
    w->at += room;
    atomic_store_explicit(&s->committed, w->at, memory_order_release);
    count(&w->records, 1);
    count(&w->bytes, room);
}

static void seal(struct journal_writer *w)
{
    if (w->segment == NULL)
        return;
    put_frame(w, TYPE_SEAL, SL_STR_NONE);
    atomic_store_explicit(&w->segment->sealed, true, memory_order_release);
    w->segment = NULL;
}

static bool fits(const struct journal_writer *w, uint64_t need)
{
    return w->segment != NULL && need <= w->segment->size - w->at;
}

static bool is_abandoned(const struct journal_segment *s)
{
    return s != NULL && atomic_load_explicit(&s->state, memory_order_relaxed) == JOURNAL_ABANDONED;
}

/* Seals the current segment and takes the next ready one, if there is one and it is large enough. */
static bool take_ready(struct journal_writer *w, uint64_t need)
{
    if (need > w->journal->segment_bytes - JOURNAL_HEAD_BYTES)
        return false;
    struct journal_segment *s = atomic_load_explicit(&w->ready[w->next_ready], memory_order_acquire);
    if (s == NULL)
        return false;
    seal(w);
    atomic_store_explicit(&w->ready[w->next_ready], NULL, memory_order_release);
    w->next_ready = (w->next_ready + 1) % JOURNAL_READY;
    w->segment = s;
    w->at = JOURNAL_HEAD_BYTES;
    w->sequence = 0;
    w->last_crc = s->salt;
    return true;
}

static void ring_bell(struct journal_bell *b)
{
    if (b == NULL)
        return;
    /* The keeper says "wanted", then looks at `committed` once more; we published `committed`, now look at "wanted". One
     * of the two sees the other only with a full fence on both sides. */
    atomic_thread_fence(memory_order_seq_cst);
    if (SL_UNLIKELY(atomic_load_explicit(&b->wanted, memory_order_relaxed)) && atomic_exchange(&b->wanted, false))
        b->ring(b->arg);
}

enum sl_err journal_append(struct journal_writer *w, enum journal_use use, unsigned type, struct sl_str payload,
                           struct journal_place *out_place)
{
    SL_CHECK(type >= 1 && type < 240 && payload.n <= JOURNAL_PAYLOAD_MAX);
    SL_CHECK(use != JOURNAL_CLOSES || (payload.n <= JOURNAL_CLOSING_MAX && w->open_count > 0));
    uint64_t open_after = (uint64_t)w->open_count + (use == JOURNAL_OPENS) - (use == JOURNAL_CLOSES);
    uint64_t need = frame_room(payload.n) + open_after * JOURNAL_CLOSING_ROOM + SEAL_ROOM;
    bool fit = fits(w, need);
    if (SL_UNLIKELY(!fit || is_abandoned(w->segment))) {
        /* A close goes into its reserved place, even of an abandoned segment, when there is no better one: the keeper
         * still takes it from memory. */
        if (!take_ready(w, need) && use != JOURNAL_CLOSES) {
            count(&w->refused, 1);
            ring_bell(w->bell);
            return SL_EFULL;
        }
    }
    put_frame(w, type, payload);
    w->open_count = (uint32_t)open_after;
    if (out_place != NULL)
        *out_place = (struct journal_place){.segment = w->segment->no, .end = w->at};
    ring_bell(w->bell);
    return SL_OK;
}

void journal_writer_finish(struct journal_writer *w)
{
    seal(w);
    ring_bell(w->bell);
}

/* -- Segments ------------------------------------------------------------------------------------------------------- */

void journal_head_write(unsigned char *base, const struct journal_head *h)
{
    unsigned char b[HEAD_BYTES];
    memcpy(b, HEAD_MAGIC, 8);
    put32(b + 8, HEAD_VERSION);
    put32(b + 12, h->writer);
    put64(b + 16, h->no);
    put64(b + 24, h->size);
    put64(b + 32, (uint64_t)h->created_ns);
    put32(b + 40, h->salt);
    put32(b + 44, sl_crc32c(0, b, 44));
    memcpy(base, b, HEAD_BYTES);
    memcpy(base + HEAD_SECOND, b, HEAD_BYTES);
}

static enum sl_err disk_fail(struct sl_fail *fail, const char *path, const char *what, int e)
{
    enum sl_err code = e == ENOSPC || e == EDQUOT || e == EFBIG ? SL_EFULL : SL_EIO;
    return sl_fail_set(fail, code, path, "cannot %s the journal segment: %s", what, sl_errno_text(e));
}

struct segment_paths {
    char fresh[PATH_MAX_BYTES], final[PATH_MAX_BYTES];
};

static void name_segment(const struct journal *j, uint64_t no, struct segment_paths *out)
{
    int a = snprintf(out->final, sizeof out->final, "%s/seg-%016llx.jnl", j->dir, (unsigned long long)no);
    int b = snprintf(out->fresh, sizeof out->fresh, "%s/new-%016llx.tmp", j->dir, (unsigned long long)no);
    SL_CHECK(a > 0 && b > 0 && (size_t)a < sizeof out->final && (size_t)b < sizeof out->fresh);
}

/* A file under a temporary name, allocated, mapped and with its head; then it gets its name. So a file named as a
 * segment always has a head, unless the disk lost it. */
static enum sl_err make_segment(struct journal *j, unsigned writer, struct journal_segment **out_s,
                                struct sl_fail *fail)
{
    struct segment_paths paths;
    uint64_t no = j->next_no;
    int fd = -1;
    void *base = NULL;
    const char *what = "create";
    name_segment(j, no, &paths);
    int e = j->io->create(j->io_arg, paths.fresh, &fd);
    if (e ==
        EEXIST) { /* left by a process that died while it made this one: it never was a segment, and the lock is ours */
        (void)j->io->remove(j->io_arg, paths.fresh);
        e = j->io->create(j->io_arg, paths.fresh, &fd);
    }
    if (e != 0)
        return disk_fail(fail, paths.fresh, what, e);
    what = "allocate";
    if ((e = j->io->allocate(j->io_arg, fd, j->segment_bytes)) != 0)
        goto fail;
    what = "map";
    if ((e = j->io->map(j->io_arg, fd, j->segment_bytes, &base)) != 0)
        goto fail;
    struct journal_head head = {.no = no, .size = j->segment_bytes, .created_ns = sl_clock_wall_ns(), .writer = writer};
    sl_random_bytes(&head.salt, sizeof head.salt);
    journal_head_write(base, &head);
    what = "name";
    if ((e = j->io->rename(j->io_arg, paths.fresh, paths.final)) != 0)
        goto fail;
    struct journal_segment *s = SL_NEW(struct journal_segment);
    *s = (struct journal_segment){
        .base = base, .size = head.size, .no = no, .salt = head.salt, .writer = writer, .fd = fd};
    atomic_init(&s->committed, JOURNAL_HEAD_BYTES);
    s->released = 0;
    s->populated = s->seen = JOURNAL_HEAD_BYTES;
    sl_list_init(&s->node);
    sl_list_add_tail(&j->segments, &s->node);
    j->next_no++;
    *out_s = s;
    return SL_OK;
fail:
    if (base != NULL)
        j->io->unmap(j->io_arg, base, j->segment_bytes);
    j->io->close(j->io_arg, fd);
    j->io->remove(j->io_arg, paths.fresh);
    return disk_fail(fail, paths.fresh, what, e);
}

static unsigned ready_count(const struct journal_writer *w)
{
    unsigned n = 0;
    for (unsigned i = 0; i < JOURNAL_READY; i++)
        n += atomic_load_explicit(&w->ready[i], memory_order_acquire) != NULL;
    return n;
}

bool journal_wants_segments(const struct journal *j, unsigned ready)
{
    for (unsigned i = 0; i < j->n_writers; i++)
        if (ready_count(&j->writers[i]) < ready)
            return true;
    return false;
}

enum sl_err journal_prepare(struct journal *j, unsigned ready, struct sl_fail *fail)
{
    SL_CHECK(ready <= JOURNAL_READY);
    for (unsigned i = 0; i < j->n_writers; i++) {
        struct journal_writer *w = &j->writers[i];
        while (ready_count(w) < ready) {
            struct journal_segment *s;
            enum sl_err e = make_segment(j, i, &s, fail);
            if (e != SL_OK)
                return e;
            atomic_store_explicit(&w->ready[j->fill_next[i]], s, memory_order_release);
            j->fill_next[i] = (j->fill_next[i] + 1) % JOURNAL_READY;
        }
    }
    return SL_OK;
}

enum sl_err journal_open(const struct journal_options *o, struct journal **out_j, struct sl_fail *fail)
{
    if (o->n_writers == 0 || o->n_writers > JOURNAL_WRITERS_MAX || o->segment_bytes < JOURNAL_SEGMENT_MIN ||
        o->segment_bytes > JOURNAL_SEGMENT_MAX || o->segment_bytes % PAGE != 0 || strlen(o->dir) > PATH_MAX_BYTES - 64)
        return sl_fail_set(fail, SL_EINVAL, o->dir, "journal options out of range");
    struct journal_file *files;
    size_t n;
    enum sl_err e = journal_leftovers(o->dir, &files, &n, fail);
    if (e != SL_OK)
        return e;
    struct journal *j = SL_NEW(struct journal);
    j->next_no = o->first_no > 1 ? o->first_no : 1;
    if (n > 0 && files[n - 1].no >= j->next_no)
        j->next_no = files[n - 1].no + 1;
    sl_free(files);
    j->dir = sl_memdup0(o->dir, strlen(o->dir));
    j->io = o->io != NULL ? o->io : &journal_io_real;
    j->io_arg = o->io_arg;
    j->segment_bytes = o->segment_bytes;
    j->n_writers = o->n_writers;
    sl_list_init(&j->segments);
    j->writers = sl_calloc(o->n_writers, sizeof *j->writers);
    for (unsigned i = 0; i < o->n_writers; i++)
        j->writers[i] = (struct journal_writer){.index = i, .journal = j, .bell = o->bell};
    *out_j = j;
    return SL_OK;
}

struct journal_writer *journal_writer_of(struct journal *j, unsigned index)
{
    SL_CHECK(index < j->n_writers);
    return &j->writers[index];
}

struct sl_list *journal_segments(struct journal *j)
{
    return &j->segments;
}

static void release_segment(struct journal *j, struct journal_segment *s)
{
    sl_list_remove(&s->node);
    j->io->unmap(j->io_arg, s->base, s->size);
    j->io->close(j->io_arg, s->fd);
    sl_free(s);
}

void journal_close(struct journal *j)
{
    if (j == NULL)
        return;
    SL_LIST_EACH(node, &j->segments)
    release_segment(j, SL_CONTAINER_OF(node, struct journal_segment, node));
    sl_free(j->writers);
    sl_free(j->dir);
    sl_free(j);
}

enum sl_err journal_sync(struct journal *j, struct journal_segment *s)
{
    if (is_abandoned(s))
        return SL_EIO;
    uint64_t upto = atomic_load_explicit(&s->committed, memory_order_acquire);
    int e = 0;
    if (s->is_durable) {
        if (upto <= atomic_load_explicit(&s->synced, memory_order_relaxed))
            return SL_OK;
        e = j->io->sync_data(j->io_arg, s->fd);
    } else {
        e = j->io->sync_file(j->io_arg, s->fd);
        if (e == 0)
            e = j->io->sync_dir(j->io_arg, j->dir);
    }
    if (e != 0) {
        atomic_store_explicit(&s->state, JOURNAL_ABANDONED, memory_order_relaxed);
        return SL_EIO;
    }
    s->is_durable = true;
    atomic_store_explicit(&s->synced, upto, memory_order_release);
    return SL_OK;
}

/* A segment that still lies ready is taken back first, so that its writer cannot take it any more. */
static void withdraw(struct journal *j, struct journal_segment *s)
{
    struct journal_writer *w = &j->writers[s->writer];
    for (unsigned i = 0; i < JOURNAL_READY; i++)
        if (atomic_load_explicit(&w->ready[i], memory_order_acquire) == s)
            atomic_store_explicit(&w->ready[i], NULL, memory_order_release);
}

enum sl_err journal_retire(struct journal *j, struct journal_segment *s)
{
    struct segment_paths paths;
    name_segment(j, s->no, &paths);
    withdraw(j, s);
    release_segment(j, s);
    return j->io->remove(j->io_arg, paths.final) == 0 ? SL_OK : SL_EIO;
}

void journal_advise(struct journal_segment *s, uint64_t done)
{
    uint64_t behind = done / PAGE * PAGE;
    uint64_t from = atomic_load_explicit(&s->committed, memory_order_acquire);
    if (behind > s->released) {
        (void)madvise(s->base + s->released, (size_t)(behind - s->released), MADV_DONTNEED);
        s->released = behind;
    }
    if (from == JOURNAL_HEAD_BYTES || atomic_load_explicit(&s->sealed, memory_order_relaxed))
        return;
    /* As far as the writer went since the last look, and a half. */
    uint64_t ahead = (from - s->seen) * 3 / 2;
    ahead = ahead < POPULATE_MIN ? POPULATE_MIN : ahead > POPULATE_MAX ? POPULATE_MAX : ahead;
    s->seen = from;
    uint64_t to = (from + ahead) / PAGE * PAGE;
    to = to < s->size ? to : s->size;
    from = from / PAGE * PAGE;
    from = from > s->populated ? from : s->populated / PAGE * PAGE;
    if (to > from && to - from >= POPULATE_MIN / 2) {
        (void)madvise(s->base + from, (size_t)(to - from), MADV_POPULATE_WRITE); /* only a help: may be unknown */
        s->populated = to;
    }
}
