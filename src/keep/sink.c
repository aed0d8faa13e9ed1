/* See sink.h.
 *
 *   block full, or the end ─► hash, file (work) ─► S3: ask ─► ... ─► next block
 *
 * `busy` from the first to the last arrow: then bytes that still come wait in `waiting`. */
#include "keep/sink.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/mem.h"
#include "http/url.h"
#include "keep/s3.h"
#include "loop/work.h"

#define BLOCK_BYTES ((size_t)256 << 10) /* of a file */
#define WAITING_MAX ((size_t)4 << 20)   /* what may still come after there was no room */
#define PARTS_MAX 10000u
#define ROOT_MODE 0700
#define FILE_MODE 0600

enum next {
    NEXT_CLEAR = 0, /* S3: uploads of an earlier try are looked for */
    NEXT_ABORT,     /* ... and ended */
    NEXT_FILL,      /* waits for bytes */
    NEXT_HASH,
    NEXT_PUT,
    NEXT_BEGIN,
    NEXT_PART,
    NEXT_COMPLETE,
    NEXT_CHECK,
    NEXT_UNDO, /* the upload is ended; then it has failed */
    NEXT_OVER
};

struct keep_sink {
    struct keep_env env; /* a copy: the end of work may come behind that of who started it */
    const struct keep_place *p;
    const struct keep_sink_owner *calls; /* NULL: dropped */
    void *owner;
    struct sl_arena a; /* own */
    struct sl_str name, type;
    size_t cap;
    char *block; /* own */
    size_t n;
    struct sl_chunks waiting;
    struct sl_work work;
    struct sl_task task;
    enum next next;
    bool working, ended, failed;
    bool has_sum;
    uint8_t sum[TLS_SHA256_BYTES];
    struct tls_sha256_run all;
    uint8_t part_sha[TLS_SHA256_BYTES];
    uint64_t taken, written;
    bool last; /* the block in hand is the last */
    /* the directory's */
    bool of_s3;
    int fd, dir;
    char *root, *file, *temp; /* in `a`: the place may be gone when work ends */
    int error;                /* of the work; an errno */
    const char *failed_at;
    /* S3's */
    struct s3_call *call;
    struct s3_ask ask;
    struct sl_str upload; /* escaped; empty: none */
    struct sl_str aborts; /* of earlier tries: what is left of the list */
    struct sl_buf parts;  /* of the completion's XML */
    unsigned n_parts;
    struct sl_str completion;
    struct keep_sunk r;
};

static void step(struct keep_sink *s);
static void ask(struct keep_sink *s, const char *method, struct sl_str query, struct iovec body, const uint8_t *sha);

/* ---- the end ---- */

static void free_sink(struct keep_sink *s)
{
    s3_call_free(s->call);
    sl_task_cancel(&s->task);
    if (s->fd >= 0)
        (void)close(s->fd);
    if (s->dir >= 0)
        (void)close(s->dir);
    sl_chunks_done(&s->waiting);
    sl_buf_done(&s->parts);
    sl_free(s->block);
    sl_arena_done(&s->a);
    sl_free(s);
}

static void run_unlink(struct sl_work *w)
{
    struct keep_sink *s = SL_CONTAINER_OF(w, struct keep_sink, work);
    (void)unlinkat(s->dir, s->temp, 0);
}

static void unlinked(struct sl_work *w)
{
    free_sink(SL_CONTAINER_OF(w, struct keep_sink, work));
}

/* The sink is nobody's now: the half of a file goes. */
static void clean_up(struct keep_sink *s)
{
    if (s->temp == NULL || s->dir < 0 || s->next == NEXT_OVER) {
        free_sink(s);
        return;
    }
    s->work = (struct sl_work){.run = run_unlink, .done = unlinked};
    sl_work_start(s->env.loop, &s->work);
}

void keep_sink_drop(struct keep_sink *s)
{
    if (s == NULL)
        return;
    s->calls = NULL;
    s3_call_free(s->call);
    s->call = NULL;
    if (!s->working)
        clean_up(s);
}

static void tell_over(struct keep_sink *s)
{
    const struct keep_sink_owner *calls = s->calls;
    s->next = NEXT_OVER;
    s->calls = NULL;
    if (calls != NULL)
        calls->over(s->owner, &s->r);
}

static void fail(struct keep_sink *s, struct sl_str why)
{
    s->failed = true;
    if (s->r.why.n == 0)
        s->r.why = why;
    if (s->upload.n > 0 && s->next != NEXT_UNDO) {
        s->next = NEXT_UNDO;
        step(s);
    } else {
        tell_over(s);
    }
}

static void finish(struct keep_sink *s)
{
    s->r.ok = true;
    s->r.bytes = s->written;
    tell_over(s);
}

/* ---- the directory: on a thread of its own ---- */

static bool trouble(struct keep_sink *s, const char *at)
{
    s->error = errno;
    s->failed_at = at;
    return false;
}

static bool open_file(struct keep_sink *s)
{
    if (mkdir(s->root, ROOT_MODE) != 0 && errno != EEXIST)
        return trouble(s, "make the directory");
    s->dir = open(s->root, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (s->dir < 0)
        return trouble(s, "open the directory");
    s->fd = openat(s->dir, s->temp, O_WRONLY | O_CREAT | O_TRUNC | O_NOFOLLOW | O_CLOEXEC, FILE_MODE);
    return s->fd >= 0 || trouble(s, "open a file");
}

static bool write_all(struct keep_sink *s)
{
    size_t at = 0;
    while (at < s->n) {
        ssize_t n = write(s->fd, s->block + at, s->n - at);
        if (n < 0 && errno == EINTR)
            continue;
        if (n <= 0)
            return trouble(s, "write");
        at += (size_t)n;
    }
    return true;
}

static bool is_as_said(struct keep_sink *s)
{
    struct tls_sha256_run copy = s->all;
    tls_sha256_end(&copy, s->r.sha256);
    return !s->has_sum || memcmp(s->sum, s->r.sha256, sizeof s->sum) == 0;
}

static bool close_file(struct keep_sink *s)
{
    if (!is_as_said(s))
        return false; /* block_hashed says so */
    if (fsync(s->fd) != 0)
        return trouble(s, "flush");
    if (renameat(s->dir, s->temp, s->dir, s->file) != 0)
        return trouble(s, "name the file");
    return fsync(s->dir) == 0 || trouble(s, "flush the directory");
}

static void run_block(struct sl_work *w)
{
    struct keep_sink *s = SL_CONTAINER_OF(w, struct keep_sink, work);
    tls_sha256_add(&s->all, s->block, s->n);
    if (s->of_s3) {
        tls_sha256(s->block, s->n, s->part_sha);
        if (s->last)
            (void)is_as_said(s);
        return;
    }
    bool ok = (s->fd >= 0 || open_file(s)) && write_all(s);
    if (ok && s->last)
        ok = close_file(s);
    if (!ok && s->dir >= 0)
        (void)unlinkat(s->dir, s->temp, 0);
}

/* ---- blocks ---- */

static void take_waiting(struct keep_sink *s)
{
    struct iovec v[1];
    while (s->n < s->cap && s->waiting.n > 0) {
        (void)sl_chunks_iov(&s->waiting, v, 1);
        size_t n = v[0].iov_len < s->cap - s->n ? v[0].iov_len : s->cap - s->n;
        memcpy(s->block + s->n, v[0].iov_base, n);
        s->n += n;
        sl_chunks_drop(&s->waiting, n);
    }
}

static void begin_block(struct keep_sink *s)
{
    take_waiting(s);
    s->last = s->ended && s->waiting.n == 0;
    if (s->n < s->cap && !s->last) {
        s->next = NEXT_FILL;
        return;
    }
    s->next = NEXT_HASH;
    s->working = true;
    sl_work_start(s->env.loop, &s->work);
}

static void fill(struct keep_sink *s)
{
    begin_block(s);
    if (s->next == NEXT_FILL && s->calls != NULL)
        s->calls->room(s->owner);
}

/* The block is where it belongs. */
static void block_done(struct keep_sink *s)
{
    s->written += s->n;
    s->n = 0;
    fill(s);
}

static void block_hashed(struct sl_work *w)
{
    struct keep_sink *s = SL_CONTAINER_OF(w, struct keep_sink, work);
    s->working = false;
    if (s->calls == NULL) { /* dropped meanwhile */
        clean_up(s);
        return;
    }
    if (s->error != 0) {
        fail(s, sl_arena_printf(&s->a, "cannot %s: %s", s->failed_at, sl_errno_text(s->error)));
        return;
    }
    if (s->last && s->has_sum && memcmp(s->sum, s->r.sha256, sizeof s->sum) != 0) {
        fail(s, SL_STR("the bytes are not those that their sum says"));
        return;
    }
    if (s->p->kind == KEEP_S3) {
        s->next = s->last && s->n_parts == 0 ? NEXT_PUT
                  : s->last && s->n == 0     ? NEXT_COMPLETE
                  : s->upload.n == 0         ? NEXT_BEGIN
                                             : NEXT_PART;
        step(s);
    } else if (s->last) {
        s->written += s->n;
        finish(s);
    } else {
        block_done(s);
    }
}

/* ---- S3 ---- */

static void refused(struct keep_sink *s, const char *doing, const struct s3_answer *a)
{
    struct sl_str code = SL_STR_NONE;
    if (a->status != 0 && !s3_xml_text(a->body, SL_STR("Code"), &s->a, &code))
        code = SL_STR_NONE;
    if (a->status == 0)
        fail(s, sl_arena_printf(&s->a, "cannot %s: " SL_STR_FMT, doing, SL_STR_ARG(a->why)));
    else
        fail(s, sl_arena_printf(&s->a, "cannot %s: the store says %d " SL_STR_FMT, doing, a->status,
                                SL_STR_ARG(sl_str_head(code, 100))));
}

static struct sl_str header_of(const struct s3_answer *a, struct sl_str name)
{
    const struct http_header *h = http_headers_find_name(&a->head->headers, name);
    return h != NULL ? h->value : SL_STR_NONE;
}

static struct sl_str etag_of(struct keep_sink *s, const struct s3_answer *a)
{
    struct sl_str etag = header_of(a, SL_STR("etag"));
    return s3_etag_is(etag) ? sl_arena_str(&s->a, etag) : SL_STR_NONE;
}

static bool begun(struct keep_sink *s, const struct s3_answer *a)
{
    struct sl_str id;
    if (a->status != 200 || !s3_xml_text(a->body, SL_STR("UploadId"), &s->a, &id) || id.n == 0 ||
        id.n > S3_UPLOAD_ID_MAX)
        return false;
    s->upload = url_escape(id, SL_STR_NONE, &s->a);
    return true;
}

static bool part_taken(struct keep_sink *s, const struct s3_answer *a)
{
    struct sl_str etag = a->status == 200 ? etag_of(s, a) : SL_STR_NONE;
    if (etag.n == 0)
        return false;
    s->n_parts++;
    sl_buf_addf(&s->parts, "<Part><PartNumber>%u</PartNumber><ETag>" SL_STR_FMT "</ETag></Part>", s->n_parts,
                SL_STR_ARG(etag));
    return s->n_parts < PARTS_MAX && !s->parts.over;
}

/* A completion may say 200 and mean an error. */
static bool completed(struct keep_sink *s, const struct s3_answer *a)
{
    struct sl_str rest = a->body, inside;
    (void)s;
    return a->status == 200 && !s3_xml_next(&rest, SL_STR("Error"), &inside);
}

static bool has_length(struct keep_sink *s, const struct s3_answer *a)
{
    uint64_t n = 0;
    struct sl_str range = a->status == 206 ? header_of(a, SL_STR("content-range")) : SL_STR_NONE;
    ptrdiff_t slash = sl_str_find(range, '/');
    s->r.etag = a->status == 206 ? etag_of(s, a) : SL_STR_NONE;
    return slash > 0 && sl_str_to_u64(sl_str_from(range, (size_t)slash + 1), &n) && n == s->written && s->r.etag.n > 0;
}

static void answered(struct keep_sink *s, const struct s3_answer *a)
{
    switch (s->next) {
    case NEXT_CLEAR:
        if (a->status == 200)
            s->aborts = s3_uploads_read(s->p, s->name, a->body, &s->a);
        s->next = s->aborts.n > 0 ? NEXT_ABORT : NEXT_FILL;
        break;
    case NEXT_ABORT:
        s->next = s->aborts.n > 0 ? NEXT_ABORT : NEXT_FILL;
        break;
    case NEXT_PUT:
        s->next = NEXT_CHECK;
        if (a->status != 200) {
            refused(s, "store the object", a);
            return;
        }
        s->written += s->n;
        break;
    case NEXT_BEGIN:
        s->next = NEXT_PART;
        if (!begun(s, a)) {
            refused(s, "begin an upload", a);
            return;
        }
        break;
    case NEXT_PART:
        if (!part_taken(s, a)) {
            refused(s, "store a part", a);
            return;
        }
        if (!s->last) {
            block_done(s);
            return;
        }
        s->written += s->n;
        s->next = NEXT_COMPLETE;
        break;
    case NEXT_COMPLETE:
        s->next = NEXT_CHECK; /* an upload that is not known any more may have been completed by the try before */
        if (!completed(s, a) && a->status != 404) {
            refused(s, "complete the upload", a);
            return;
        }
        break;
    case NEXT_CHECK:
        if (!has_length(s, a))
            refused(s, "find what was stored, as long as it was,", a);
        else
            finish(s);
        return;
    case NEXT_UNDO:
        fail(s, SL_STR_NONE);
        return;
    case NEXT_FILL:
    case NEXT_HASH:
    case NEXT_OVER:
        return;
    }
    step(s);
}

static void on_answer(void *owner, struct s3_call *c, const struct s3_answer *a)
{
    struct keep_sink *s = owner;
    s->call = NULL;
    answered(s, a); /* may free s, not what a points at */
    s3_call_free(c);
}

static void ask(struct keep_sink *s, const char *method, struct sl_str query, struct iovec body, const uint8_t *sha)
{
    bool of_bucket = s->next == NEXT_CLEAR;
    s->ask = (struct s3_ask){
        .method = sl_str_c(method),
        .name = of_bucket ? SL_STR_NONE : s->name,
        .query = query,
        .body = body,
        .sha256 = sha,
        .type = s->next == NEXT_PUT || s->next == NEXT_BEGIN ? s->type : SL_STR_NONE,
        .range = s->next == NEXT_CHECK ? SL_STR("bytes=0-0") : SL_STR_NONE,
    };
    s->call = s3_call_start(&s->env, s->p, &s->ask, on_answer, s);
}

static void complete(struct keep_sink *s)
{
    s->completion =
        sl_arena_printf(&s->a,
                        "<CompleteMultipartUpload xmlns=\"http://s3.amazonaws.com/doc/2006-03-01/\">" SL_STR_FMT
                        "</CompleteMultipartUpload>",
                        SL_STR_ARG(sl_buf_str(&s->parts)));
    tls_sha256(s->completion.p, s->completion.n, s->part_sha);
    ask(s, "POST", sl_arena_printf(&s->a, "uploadId=" SL_STR_FMT, SL_STR_ARG(s->upload)),
        (struct iovec){(void *)(uintptr_t)s->completion.p, s->completion.n}, s->part_sha);
}

static void step(struct keep_sink *s)
{
    const struct iovec none = {0}, block = {s->block, s->n};
    struct sl_str id;
    switch (s->next) {
    case NEXT_CLEAR:
        ask(s, "GET", s3_uploads_query(s->p, s->name, &s->a), none, NULL);
        break;
    case NEXT_ABORT:
        id = sl_str_cut(&s->aborts, '\n');
        ask(s, "DELETE", sl_arena_printf(&s->a, "uploadId=" SL_STR_FMT, SL_STR_ARG(id)), none, NULL);
        break;
    case NEXT_FILL:
        fill(s);
        break;
    case NEXT_UNDO:
        ask(s, "DELETE", sl_arena_printf(&s->a, "uploadId=" SL_STR_FMT, SL_STR_ARG(s->upload)), none, NULL);
        break;
    case NEXT_HASH:
        break;
    case NEXT_PUT:
        ask(s, "PUT", SL_STR_NONE, block, s->part_sha);
        break;
    case NEXT_BEGIN:
        ask(s, "POST", SL_STR("uploads"), none, NULL);
        break;
    case NEXT_PART:
        ask(s, "PUT",
            sl_arena_printf(&s->a, "partNumber=%u&uploadId=" SL_STR_FMT, s->n_parts + 1, SL_STR_ARG(s->upload)), block,
            s->part_sha);
        break;
    case NEXT_COMPLETE:
        complete(s);
        break;
    case NEXT_CHECK:
        ask(s, "GET", SL_STR_NONE, none, NULL);
        break;
    case NEXT_OVER:
        break;
    }
}

/* ---- from outside ---- */

static void on_task(struct sl_task *t)
{
    struct keep_sink *s = SL_CONTAINER_OF(t, struct keep_sink, task);
    if (s->next == NEXT_FILL)
        step(s);
}

struct keep_sink *keep_sink_new(const struct keep_env *env, const struct keep_place *p, struct sl_str name,
                                struct sl_str type, bool again, const struct keep_sink_owner *calls, void *owner)
{
    struct keep_sink *s = SL_NEW(struct keep_sink);
    SL_CHECK(keep_name_is(name) && p->kind != KEEP_NOWHERE);
    *s = (struct keep_sink){.env = *env, .p = p, .calls = calls, .owner = owner, .fd = -1, .dir = -1};
    sl_arena_init(&s->a, NULL);
    s->name = sl_arena_str(&s->a, name);
    s->type = sl_arena_str(&s->a, type);
    s->file = sl_arena_cstr(&s->a, name);
    s->of_s3 = p->kind == KEEP_S3;
    s->root = s->of_s3 ? NULL : sl_arena_cstr(&s->a, sl_str_c(p->directory));
    s->next = NEXT_FILL;
    if (p->kind == KEEP_DIRECTORY)
        s->temp = sl_arena_cstr(&s->a, sl_arena_printf(&s->a, "." SL_STR_FMT ".part", SL_STR_ARG(name)));
    else if (again)
        s->next = NEXT_CLEAR;
    s->cap = p->kind == KEEP_S3 ? S3_PART_BYTES : BLOCK_BYTES;
    s->block = sl_malloc(s->cap);
    s->work = (struct sl_work){.run = run_block, .done = block_hashed};
    sl_chunks_init(&s->waiting, WAITING_MAX, NULL);
    sl_buf_init(&s->parts, (size_t)4 << 20);
    sl_task_init(&s->task, on_task);
    tls_sha256_begin(&s->all);
    if (s->next == NEXT_CLEAR)
        step(s);
    return s;
}

void keep_sink_write(struct keep_sink *s, struct sl_str bytes)
{
    s->taken += bytes.n;
    if (bytes.n == 0 || s->failed || s->next == NEXT_OVER)
        return;
    if (s->next == NEXT_FILL && s->waiting.n == 0) { /* straight to its place */
        size_t n = bytes.n < s->cap - s->n ? bytes.n : s->cap - s->n;
        memcpy(s->block + s->n, bytes.p, n);
        s->n += n;
        bytes = sl_str_from(bytes, n);
    }
    if (bytes.n > 0)
        SL_CHECK(sl_chunks_add(&s->waiting, bytes.p, bytes.n) == SL_OK);
    if (s->next == NEXT_FILL && s->n == s->cap)
        sl_task_post(s->env.loop, &s->task);
}

size_t keep_sink_room(const struct keep_sink *s)
{
    return s->next == NEXT_FILL && s->n < s->cap ? s->cap - s->n : 0;
}

uint64_t keep_sink_bytes(const struct keep_sink *s)
{
    return s->taken;
}

void keep_sink_end(struct keep_sink *s, const uint8_t *sha256)
{
    s->ended = true;
    s->has_sum = sha256 != NULL;
    if (sha256 != NULL)
        memcpy(s->sum, sha256, sizeof s->sum);
    sl_task_post(s->env.loop, &s->task);
}
