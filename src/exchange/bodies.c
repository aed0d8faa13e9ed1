/* Where a request's body waits while it is asked with: in memory, or above relay.spill_bytes in a file without a name, from which
 * each attempt gets it anew. docs/internals/request-bodies.md.
 *
 *   client ─► bodies_came ─► x->body ─┬─ small: stays, body_text is it
 *                                     └─ out ═► spill_add; whole: body_text is the file, mapped: what scans it sees no difference
 *   attempt ◄─ attempt_body_write ◄─ window ◄═ spill_read          (pieces that are the file's; others are copied)
 *
 * ═ is done on a worker thread (loop/work.h), one such job of a body at a time, because a disk may be busy. While one is under way its
 * file, `out` and `window` are the thread's. The exchange may end meanwhile: then the file is closed behind the job, by one more.
 *
 * Who may have nothing stored has no file either: then the body stays in memory, up to relay.body_memory. */
#include <stdatomic.h>

#include "base/log.h"
#include "base/mem.h"
#include "exchange/exchange_int.h"
#include "loop/work.h"
#include "store/spill.h"

#define WRITE_AT 65536u        /* so much waits in memory before it is written */
#define FULL_AT (4 * WRITE_AT) /* while some is written so much more may come; then the client waits */
#define WINDOW 65536u          /* of the file at a time */

struct exchange_spill { /* heap */
    struct sl_work work;
    struct exchange *x;  /* NULL: it is over */
    atomic_bool dropped; /* the same, for the thread */
    bool working;
    bool counted; /* the file was made, and somebody knows */
    /* the job's while working */
    const struct spill_io *io;
    void *io_arg;
    char *dir; /* own; NULL: opening was tried */
    struct spill file;
    struct sl_chunks out;
    bool whole; /* nothing comes behind `out` */
    struct sl_str text;
    char *window; /* own; NULL: nothing was read yet */
    uint64_t read_at;
    size_t read_n;
    bool read_ok;
    /* the loop's */
    bool last;       /* the client has sent all of it */
    bool ready;      /* it is written, and `text` is it */
    unsigned asked;  /* attempts that got it from here */
    unsigned reader; /* ... for which window is */
    int piece;       /* of x->pieces: what the live attempt was given last ... */
    size_t from;     /* ... and how much of it */
    bool given;      /* all of it */
};

static const char *dir_of(const struct exchange *x)
{
    return x->snap->set.spill_dir != NULL ? x->snap->set.spill_dir : x->env->spill_dir;
}

static bool is_forbidden(const struct exchange *x)
{
    return x->key != NULL && stored_forbidden(x);
}

static bool may_spill(const struct exchange *x)
{
    return x->snap->set.spill_bytes > 0 && dir_of(x) != NULL && !x->spill_off && !is_forbidden(x);
}

static uint64_t memory_max(const struct exchange *x)
{
    return x->snap->set.body_memory > 0 ? x->snap->set.body_memory : UINT64_MAX;
}

uint64_t bodies_max(const struct exchange *x)
{
    uint64_t most = x->snap->set.body_bytes, memory = memory_max(x);
    return is_forbidden(x) && memory < most ? memory : most;
}

uint64_t bodies_in_memory(const struct exchange *x, uint64_t n)
{
    uint64_t bound = x->snap->set.spill_bytes + FULL_AT;
    return n > bound && may_spill(x) ? bound : n;
}

struct error_facts bodies_refusal(const struct exchange *x)
{
    struct error_facts f = {.error = x->body_error};
    if (f.error == GE_BODY_TOO_LARGE && is_forbidden(x) && bodies_max(x) < x->snap->set.body_bytes)
        f.message = sl_arena_printf(
            x->a,
            "Nothing may be stored for this API key (zero data retention), so that the request body stays in memory, and "
            "%llu bytes are the most (relay.body_memory). Send a smaller one: name media by URL, or split the request.",
            (unsigned long long)x->snap->set.body_memory);
    return f;
}

bool bodies_may_translate(struct exchange *x)
{
    if (x->body_text.n <= memory_max(x))
        return true;
    x->refused = (struct error_facts){
        .error = GE_BODY_TOO_LARGE,
        .message = sl_arena_printf(
            x->a,
            "The request has to be written anew for the chosen model's provider, which is done in memory, and %llu bytes are "
            "the most (relay.body_memory). Send a smaller one, or use a model of a provider that speaks your format.",
            (unsigned long long)x->snap->set.body_memory),
    };
    return false;
}

/* ---- the client's bytes ---- */

static void say_failed(struct exchange *x, int e)
{
    tel_add(x->env->tel, TEL_SPILLS_FAILED, 1);
    SL_LOG(SL_LOG_ERROR, "body.not_kept", SL_LC("directory", dir_of(x)), SL_LI("errno", e));
}

static void keeps_in_memory(struct exchange *x)
{
    bool bounded = x->spill_off || (x->spill == NULL && is_forbidden(x));
    if (bounded && x->body.n > memory_max(x))
        x->body_error = x->spill_off ? GE_BODY_NOT_KEPT : GE_BODY_TOO_LARGE;
}

static void on_done(struct sl_work *w);

static void start(struct exchange_spill *s, struct sl_loop *l, void (*run)(struct sl_work *w))
{
    SL_CHECK(!s->working);
    s->working = true;
    s->work = (struct sl_work){.run = run, .done = on_done};
    sl_work_start_slow(l, &s->work);
}

static void run_close(struct sl_work *w)
{
    spill_close(&SL_CONTAINER_OF(w, struct exchange_spill, work)->file);
}

/* Nobody wants it any more. */
static void end(struct exchange_spill *s, struct sl_loop *l)
{
    sl_chunks_done(&s->out);
    if (spill_is_open(&s->file)) {
        start(s, l, run_close); /* large files take a while to be given back */
        return;
    }
    sl_free(s->window);
    sl_free(s->dir);
    sl_free(s);
}

void bodies_drop(struct exchange *x)
{
    struct exchange_spill *s = x->spill;
    x->spill = NULL;
    if (s == NULL)
        return;
    s->x = NULL;
    atomic_store_explicit(&s->dropped, true, memory_order_relaxed);
    if (!s->working)
        end(s, x->env->loop);
}

static void run_write(struct sl_work *w)
{
    struct exchange_spill *s = SL_CONTAINER_OF(w, struct exchange_spill, work);
    if (s->dir != NULL) {
        bool ok = spill_open(&s->file, s->io, s->io_arg, s->dir);
        sl_free(s->dir);
        s->dir = NULL;
        if (!ok)
            return;
    }
    for (const struct sl_chunk *c = s->out.head; c != NULL && !atomic_load_explicit(&s->dropped, memory_order_relaxed);
         c = c->next)
        if (!spill_add(&s->file, c->bytes + c->from, c->to - c->from))
            return;
    if (s->whole && !atomic_load_explicit(&s->dropped, memory_order_relaxed))
        (void)!spill_text(&s->file, &s->text);
}

static void write_on(struct exchange *x)
{
    struct exchange_spill *s = x->spill;
    if (s->working || s->whole || (s->dir == NULL && !s->last && x->body.n < WRITE_AT))
        return;
    sl_chunks_move(&s->out, &x->body);
    s->whole = s->last;
    start(s, x->env->loop, run_write);
}

static void begin_file(struct exchange *x)
{
    struct exchange_spill *s = SL_NEW(struct exchange_spill);
    const char *dir = dir_of(x);
    s->x = x;
    s->io = x->env->spill_io;
    s->io_arg = x->env->spill_io_arg;
    s->dir = sl_memdup0(dir, strlen(dir));
    sl_chunks_init(&s->out, SIZE_MAX / 4, x->env->chunks);
    x->spill = s;
}

/* No file could be made: what it was to get goes back in front of what came since. */
static void stay_in_memory(struct exchange *x, struct exchange_spill *s)
{
    sl_chunks_move(&s->out, &x->body);
    sl_chunks_move(&x->body, &s->out);
    x->spill_off = true;
    x->body_room = 0; /* less was set aside than it will take */
    bodies_drop(x);
    keeps_in_memory(x);
}

static void has_written(struct exchange *x, struct exchange_spill *s)
{
    if (!s->counted && spill_is_open(&s->file))
        tel_add(x->env->tel, TEL_SPILLS, 1);
    s->counted = true;
    if (s->file.error != 0)
        say_failed(x, s->file.error);
    if (!spill_is_open(&s->file)) {
        stay_in_memory(x, s);
    } else if (s->file.error != 0) {
        x->body_error = GE_BODY_NOT_KEPT;
    } else {
        sl_chunks_clear(&s->out);
        s->ready = s->whole;
        write_on(x);
    }
    exchange_wake(x, EV_BODY);
}

static void run_read(struct sl_work *w);
static void has_read(struct exchange *x, struct exchange_spill *s);

static void on_done(struct sl_work *w)
{
    struct exchange_spill *s = SL_CONTAINER_OF(w, struct exchange_spill, work);
    struct exchange *x = s->x;
    s->working = false;
    if (x == NULL)
        end(s, w->loop);
    else if (w->run == run_read)
        has_read(x, s);
    else if (x->state == XS_READ_BODY)
        has_written(x, s);
}

bool bodies_came(struct exchange *x, bool last)
{
    keeps_in_memory(x);
    if (x->body_error != GE_NONE)
        return false;
    if (x->spill == NULL && x->body.n > x->snap->set.spill_bytes && may_spill(x))
        begin_file(x);
    if (x->spill != NULL) {
        x->spill->last |= last;
        write_on(x);
    }
    return true;
}

bool bodies_are_full(const struct exchange *x)
{
    return x->spill != NULL && x->spill->working && x->body.n >= FULL_AT;
}

bool bodies_wait(const struct exchange *x)
{
    return x->spill != NULL && x->body_error == GE_NONE && !x->spill->ready;
}

uint64_t bodies_held(const struct exchange *x)
{
    return x->spill != NULL ? x->spill->out.n + (x->spill->window != NULL ? WINDOW : 0) : 0;
}

void bodies_whole(struct exchange *x)
{
    x->body_text = x->spill != NULL ? x->spill->text : sl_chunks_flat(&x->body);
    if (x->spill != NULL)
        x->body_room = 0; /* nothing of it is held any more */
}

void bodies_rest(struct exchange *x)
{
    if (x->spill != NULL)
        spill_rest(&x->spill->file);
}

/* ---- the attempt ---- */

void bodies_request(struct exchange *x, struct attempt_request *r)
{
    uint64_t n = 0, at;
    bool of_file = false;
    if (x->spill == NULL || r->streamed || r->body != x->pieces.v)
        return;
    for (int i = 0; i < x->pieces.n; i++) {
        n += x->pieces.v[i].iov_len;
        of_file |= spill_has(&x->spill->file, x->pieces.v[i].iov_base, &at);
    }
    if (!of_file)
        return;
    r->streamed = true;
    r->streamed_length = (int64_t)n;
    r->body = NULL;
    r->n_body = 0;
    x->spilled_out = true;
}

static void run_read(struct sl_work *w)
{
    struct exchange_spill *s = SL_CONTAINER_OF(w, struct exchange_spill, work);
    s->read_ok = spill_read(&s->file, s->read_at, s->window, s->read_n);
}

static void hand(struct exchange *x, struct sl_str bytes)
{
    struct exchange_spill *s = x->spill;
    s->from += bytes.n;
    if (s->from == x->pieces.v[s->piece].iov_len) {
        s->piece++;
        s->from = 0;
    }
    s->given = s->piece == x->pieces.n;
    attempt_body_write(x->attempt, bytes, s->given);
}

static bool may_give(const struct exchange *x)
{
    return x->spilled_out && x->attempt != NULL && !x->over && x->body_error == GE_NONE;
}

/* Until the attempt has enough, or what comes next must be read. */
static void give(struct exchange *x)
{
    struct exchange_spill *s = x->spill;
    size_t room; /* of one that is over it never ends */
    while (!s->working && !s->given && (room = attempt_body_room(x->attempt)) > 0) {
        const struct iovec *piece = &x->pieces.v[s->piece];
        const char *p = (const char *)piece->iov_base + s->from;
        size_t left = piece->iov_len - s->from;
        size_t n = left < room ? left : room;
        if (n == 0 || !spill_has(&s->file, p, &s->read_at)) {
            hand(x, sl_str_of(p, n));
            continue;
        }
        if (s->window == NULL)
            s->window = sl_malloc(WINDOW);
        s->read_n = n < WINDOW ? n : WINDOW;
        s->reader = s->asked;
        start(s, x->env->loop, run_read);
    }
}

static void has_read(struct exchange *x, struct exchange_spill *s)
{
    if (!may_give(x))
        return;
    if (s->reader == s->asked && !s->read_ok) {
        say_failed(x, s->file.error);
        x->body_error = GE_BODY_NOT_KEPT;
        exchange_wake(x, EV_BODY);
        return;
    }
    if (s->reader == s->asked)
        hand(x, sl_str_of(s->window, s->read_n));
    give(x);
}

void bodies_send(struct exchange *x)
{
    struct exchange_spill *s = x->spill;
    if (s == NULL || !x->spilled_out)
        return;
    bodies_rest(x);
    s->asked++;
    s->piece = 0;
    s->from = 0;
    s->given = false;
    give(x);
}

void bodies_on_room(struct exchange *x)
{
    if (x->spill != NULL && may_give(x))
        give(x);
}

bool bodies_failed(const struct exchange *x)
{
    return x->spill != NULL && x->body_error != GE_NONE;
}
