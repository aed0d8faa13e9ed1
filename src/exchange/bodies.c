/* Where a request's body waits while it is asked with: in memory, or above relay.spill_bytes in a file without a name, from which
 * each attempt gets it anew. docs/internals/request-bodies.md.
 *
 *   client ─► bodies_came ─► x->body ─┬─ small: stays, body_text is it
 *                                     └─ spill_add; whole: body_text is the file, mapped: what scans it sees no difference
 *   attempt ◄─ attempt_body_write ◄─ window ◄─ spill_read          (pieces that are the file's; others are copied)
 *
 * Who may have nothing stored has no file either: then the body stays in memory, up to relay.body_memory. */
#include "base/log.h"
#include "exchange/exchange_int.h"
#include "store/spill.h"

#define WRITE_AT 65536u /* so much waits in memory before it is written */
#define WINDOW 65536u   /* of the file at a time */
#define IOV 16

struct exchange_spill {
    struct spill file;
    char *window; /* arena */
    int piece;    /* of x->pieces: what the live attempt was given last ... */
    size_t from;  /* ... and how much of it */
    bool given;   /* all of it */
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
    uint64_t bound = x->snap->set.spill_bytes + WRITE_AT;
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

/* False: it goes on in memory. */
static bool open_file(struct exchange *x)
{
    struct exchange_spill *s = SL_ARENA_NEW(x->a, struct exchange_spill);
    if (!spill_open(&s->file, x->env->spill_io, x->env->spill_io_arg, dir_of(x))) {
        say_failed(x, s->file.error);
        x->spill_off = true;
        x->body_room = 0; /* less was set aside than it will take */
        return false;
    }
    s->window = sl_arena_alloc(x->a, WINDOW);
    x->spill = s;
    tel_add(x->env->tel, TEL_SPILLS, 1);
    return true;
}

static void write_out(struct exchange *x)
{
    struct iovec v[IOV];
    int n;
    while ((n = sl_chunks_iov(&x->body, v, IOV)) > 0) {
        size_t written = 0;
        for (int i = 0; i < n; i++) {
            if (!spill_add(&x->spill->file, v[i].iov_base, v[i].iov_len)) {
                say_failed(x, x->spill->file.error);
                x->body_error = GE_BODY_NOT_KEPT;
                return;
            }
            written += v[i].iov_len;
        }
        sl_chunks_drop(&x->body, written);
    }
}

bool bodies_came(struct exchange *x, bool last)
{
    bool opened = x->spill == NULL && x->body.n > x->snap->set.spill_bytes && may_spill(x) && open_file(x);
    bool bounded = x->spill_off || (x->spill == NULL && is_forbidden(x));
    if (bounded && x->body.n > memory_max(x))
        x->body_error = x->spill_off ? GE_BODY_NOT_KEPT : GE_BODY_TOO_LARGE;
    if (x->spill != NULL && (opened || last || x->body.n >= WRITE_AT))
        write_out(x);
    return x->body_error == GE_NONE;
}

bool bodies_whole(struct exchange *x)
{
    if (x->spill == NULL) {
        x->body_text = sl_chunks_flat(&x->body);
        return true;
    }
    x->body_room = 0; /* nothing of it is held any more */
    if (spill_text(&x->spill->file, &x->body_text))
        return true;
    say_failed(x, x->spill->file.error);
    x->body_error = GE_BODY_NOT_KEPT;
    return false;
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

/* The next bytes of the present piece, at most n; empty: the file cannot be read. */
static struct sl_str next_bytes(struct exchange *x, const struct iovec *piece, size_t n)
{
    struct exchange_spill *s = x->spill;
    const char *p = (const char *)piece->iov_base + s->from;
    uint64_t at;
    if (!spill_has(&s->file, p, &at))
        return sl_str_of(p, n);
    if (n > WINDOW)
        n = WINDOW;
    return sl_str_of(s->window, spill_read(&s->file, at, s->window, n) ? n : 0);
}

static void give(struct exchange *x)
{
    struct exchange_spill *s = x->spill;
    size_t room = attempt_body_room(x->attempt); /* of one that is over it never ends */
    while (room > 0 && !s->given) {
        const struct iovec *piece = &x->pieces.v[s->piece];
        size_t left = piece->iov_len - s->from;
        struct sl_str bytes = next_bytes(x, piece, left < room ? left : room);
        if (bytes.n == 0 && left > 0) {
            say_failed(x, s->file.error);
            x->body_error = GE_BODY_NOT_KEPT;
            exchange_wake(x, EV_BODY);
            return;
        }
        room -= bytes.n;
        s->from += bytes.n;
        if (s->from == piece->iov_len) {
            s->piece++;
            s->from = 0;
        }
        s->given = s->piece == x->pieces.n;
        attempt_body_write(x->attempt, bytes, s->given);
    }
}

void bodies_send(struct exchange *x)
{
    if (x->spill == NULL || !x->spilled_out)
        return;
    bodies_rest(x);
    x->spill->piece = 0;
    x->spill->from = 0;
    x->spill->given = false;
    give(x);
}

void bodies_on_room(struct exchange *x)
{
    if (x->spill == NULL || !x->spilled_out || x->attempt == NULL || x->over || x->body_error != GE_NONE)
        return;
    give(x);
}

bool bodies_failed(const struct exchange *x)
{
    return x->spill != NULL && x->body_error != GE_NONE;
}

void bodies_drop(struct exchange *x)
{
    if (x->spill != NULL)
        spill_close(&x->spill->file);
    x->spill = NULL;
}
