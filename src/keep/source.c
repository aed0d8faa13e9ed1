/* See source.h. A file is read block by block on a thread of libuv's; an object comes by an attempt. */
#include "keep/source.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/mem.h"
#include "keep/s3.h"
#include "loop/work.h"
#include "upstream/upstream.h"

#define BLOCK_BYTES ((size_t)128 << 10)
#define HEAD_NS (15 * SL_SEC)
#define STALL_NS (60 * SL_SEC)

struct keep_source {
    struct keep_env env;                   /* a copy: the end of work may come behind that of who started it */
    const struct keep_source_owner *calls; /* NULL: closed */
    void *owner;
    struct sl_arena a; /* own */
    uint64_t at, end, size;
    bool ready, held, over;
    struct sl_task task;
    /* a file */
    struct sl_work work;
    char *path;
    int fd;
    char *block; /* own */
    size_t n;
    bool working;
    const char *why;
    /* an object */
    struct s3_ask ask;
    struct attempt_request request;
    struct attempt *attempt; /* own or NULL */
    bool came;
    int status;
};

static void free_source(struct keep_source *s)
{
    sl_task_cancel(&s->task);
    attempt_free(s->attempt);
    if (s->fd >= 0)
        (void)close(s->fd);
    sl_free(s->block);
    sl_arena_done(&s->a);
    sl_free(s);
}

void keep_source_close(struct keep_source *s)
{
    if (s == NULL)
        return;
    s->calls = NULL;
    if (s->attempt != NULL && !s->came)
        attempt_cancel(s->attempt, false, NULL);
    if (!s->working)
        free_source(s);
}

/* The owner may close it from here. */
static void finish(struct keep_source *s, bool whole, const char *why)
{
    s->over = true;
    s->calls->over(s->owner, whole, why);
}

/* ---- a file ---- */

static void run_block(struct sl_work *w)
{
    struct keep_source *s = SL_CONTAINER_OF(w, struct keep_source, work);
    struct stat st;
    if (s->fd < 0) {
        s->fd = open(s->path, O_RDONLY | O_NOFOLLOW | O_CLOEXEC);
        if (s->fd < 0 || fstat(s->fd, &st) != 0 || !S_ISREG(st.st_mode) || (uint64_t)st.st_size != s->size) {
            s->why = "the copy is not there, or not as it was";
            return;
        }
    }
    size_t want = s->end - s->at < BLOCK_BYTES ? (size_t)(s->end - s->at) : BLOCK_BYTES;
    ssize_t n;
    do
        n = pread(s->fd, s->block, want, (off_t)s->at);
    while (n < 0 && errno == EINTR);
    if (n <= 0)
        s->why = "the copy cannot be read";
    else
        s->n = (size_t)n;
}

static void read_block(struct keep_source *s)
{
    s->working = true;
    sl_work_start(s->env.loop, &s->work);
}

static void deliver(struct keep_source *s)
{
    size_t n = s->n;
    s->n = 0;
    s->at += n;
    s->calls->bytes(s->owner, sl_str_of(s->block, n));
}

static void block_read(struct sl_work *w)
{
    struct keep_source *s = SL_CONTAINER_OF(w, struct keep_source, work);
    s->working = false;
    if (s->calls == NULL)
        free_source(s);
    else
        sl_task_post(s->env.loop, &s->task);
}

static void file_step(struct keep_source *s)
{
    if (s->why[0] != 0) {
        finish(s, false, s->why);
        return;
    }
    if (!s->ready) {
        s->ready = true;
        s->calls->ready(s->owner);
        sl_task_post(s->env.loop, &s->task); /* unless it was closed, which cancels it */
        return;
    }
    if (s->held || s->working)
        return;
    if (s->n > 0) {
        sl_task_post(s->env.loop, &s->task);
        deliver(s);
    } else if (s->at == s->end) {
        finish(s, true, "");
    } else {
        read_block(s);
    }
}

/* ---- an object ---- */

static void on_head(void *owner, const struct http_response *head)
{
    struct keep_source *s = owner;
    s->status = head->status;
    bool fits = (head->status == 200 || head->status == 206) && head->content_length == (int64_t)(s->end - s->at);
    if (!fits)
        s->why = head->status == 404   ? "the copy is not there"
                 : head->status == 412 ? "the copy is another one"
                                       : "the store did not give the copy";
    sl_task_post(s->env.loop, &s->task);
}

static void on_body(void *owner, struct sl_str bytes)
{
    struct keep_source *s = owner;
    if (s->calls == NULL || s->over || s->why[0] != 0 || bytes.n > s->end - s->at)
        return;
    if (!s->ready) {
        s->ready = true;
        s->calls->ready(s->owner);
    }
    s->at += bytes.n;
    s->calls->bytes(s->owner, bytes);
}

static void on_over(void *owner, const struct attempt_result *r)
{
    struct keep_source *s = owner;
    s->came = true;
    if (r->outcome != OUT_OK && s->why[0] == 0)
        s->why = "the store broke off";
    sl_task_post(s->env.loop, &s->task);
}

static const struct attempt_owner attempt_owner = {.on_head = on_head, .on_body = on_body, .on_over = on_over};

static void object_step(struct keep_source *s)
{
    if (s->why[0] != 0)
        finish(s, false, s->why);
    else if (s->came)
        finish(s, s->at == s->end, s->at == s->end ? "" : "the store broke off");
}

static void open_object(struct keep_source *s, const struct keep_place *p, const struct keep_piece *piece)
{
    s->ask = (struct s3_ask){
        .method = SL_STR("GET"),
        .name = sl_arena_str(&s->a, piece->name),
        .if_match = sl_arena_str(&s->a, piece->etag),
    };
    if (s->end - s->at < s->size)
        s->ask.range = sl_arena_printf(&s->a, "bytes=%llu-%llu", (unsigned long long)piece->first,
                                       (unsigned long long)piece->last);
    s3_fill(p, &s->ask, sl_loop_wall(s->env.loop) / SL_SEC, &s->a, &s->request);
    s->request.deadlines.first_byte_ns = HEAD_NS;
    s->request.deadlines.between_ns = STALL_NS;
    s->attempt = attempt_start(s->env.upstream, &s->a, &s->request, &attempt_owner, s);
}

/* ---- from outside ---- */

static void on_task(struct sl_task *t)
{
    struct keep_source *s = SL_CONTAINER_OF(t, struct keep_source, task);
    if (s->over || s->calls == NULL)
        return;
    if (s->path != NULL)
        file_step(s);
    else
        object_step(s);
}

struct keep_source *keep_source_open(const struct keep_env *env, const struct keep_place *p,
                                     const struct keep_piece *piece, const struct keep_source_owner *calls, void *owner)
{
    struct keep_source *s = SL_NEW(struct keep_source);
    *s = (struct keep_source){.env = *env, .calls = calls, .owner = owner, .fd = -1, .why = ""};
    SL_CHECK(keep_name_is(piece->name) && piece->first <= piece->last && piece->last < piece->size);
    sl_arena_init(&s->a, NULL);
    sl_task_init(&s->task, on_task);
    s->at = piece->first;
    s->end = piece->last + 1;
    s->size = piece->size;
    if (p->kind == KEEP_S3) {
        open_object(s, p, piece);
        return s;
    }
    s->path = sl_arena_cstr(&s->a, sl_arena_printf(&s->a, "%s/" SL_STR_FMT, p->directory, SL_STR_ARG(piece->name)));
    s->block = sl_malloc(BLOCK_BYTES);
    s->work = (struct sl_work){.run = run_block, .done = block_read};
    read_block(s);
    return s;
}

void keep_source_read(struct keep_source *s, bool on)
{
    s->held = !on;
    if (s->attempt != NULL && !s->came)
        attempt_read(s->attempt, on);
    else if (on)
        sl_task_post(s->env.loop, &s->task);
}
