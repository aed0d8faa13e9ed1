/* Streams of operations that are no conversation: pictures and sound of a provider with another format (dialect/other/stream.h), and
 * clients that are told of each of several calls when it is over.
 *
 *   TRY ── output, or the call is over ──► RELAY ── over, more calls ──► rest, until the client has room ──► TRY ...
 *
 * Once the client has been told of one call nobody else is asked for the others: a call that fails before a word of it was told is
 * asked again at the same target, and when that is no use the client gets what came and an error behind it. */
#include "dialect/errors.h"
#include "exchange/exchange_int.h"
#include "exchange/other_int.h"
#include "ledger/price.h"

bool other_reads(const struct exchange *x)
{
    return x->other != NULL && x->other->reads;
}

bool other_is_told(const struct exchange *x)
{
    return x->other != NULL && x->other->told;
}

/* The client wants events, whatever the provider answers with. */
bool other_gives_events(const struct exchange *x)
{
    const struct exchange_other *o = x->other;
    if (!other_is_foreign(x))
        return false;
    return o->live->pair->sound ? other_wants_sound_events(&o->look) : x->facts.stream;
}

bool other_may_stream(const struct exchange *x)
{
    return !other_is_foreign(x) || x->other->live->up_stream;
}

void other_open(struct exchange *x)
{
    struct exchange_other *o = x->other;
    other_stream_init(&o->stream, o->live, other_event_bytes(x));
    o->reads = true;
    o->rest = SL_STR_NONE;
    x->seen = &o->stream.state;
}

void other_close(struct exchange *x)
{
    other_stream_done(&x->other->stream);
    x->other->reads = false;
}

enum relay_feed other_feed(struct exchange *x, struct sl_str bytes, const struct iovec **out_v, int *out_n)
{
    struct exchange_other *o = x->other;
    o->rest = bytes;
    return other_stream_feed(&o->stream, &o->rest, out_v, out_n);
}

struct sl_str other_rest(const struct exchange *x)
{
    return x->relay_bad ? SL_STR_NONE : x->other->rest;
}

bool other_stream_is_whole(struct exchange *x)
{
    struct exchange_other *o = x->other;
    bool first = !o->stream.ended, whole = other_stream_end(&o->stream);
    o->got += first && whole;
    return whole;
}

bool other_is_shown(const struct exchange *x, bool over)
{
    return over && other_reads(x) && x->held.n > 0;
}

struct sl_str other_error(struct exchange *x, const struct error_facts *f)
{
    return other_reads(x) ? other_stream_error(&x->other->stream, f) : error_event(x->a, x->match.errors, f);
}

/* ---- several calls ---- */

static void give_held(struct exchange *x, struct sl_str end)
{
    struct iovec v[16];
    int n;
    while ((n = sl_chunks_iov(&x->held, v, 16)) > 0) {
        size_t part = 0;
        for (int i = 0; i < n; i++)
            part += v[i].iov_len;
        http_stream_send_body(x->stream, v, n, false);
        sl_chunks_drop(&x->held, part);
    }
    if (end.n > 0)
        http_stream_send_body(x->stream, &(struct iovec){(void *)(uintptr_t)end.p, end.n}, 1, false);
}

bool other_goes_on(struct exchange *x)
{
    struct exchange_other *o = x->other;
    struct try *t = try_current(x);
    if (!other_gives_events(x) || !other_wants_more(x))
        return false;
    if (!x->committed)
        relay_send_head(x, HTTP_LENGTH_NONE);
    give_held(x, relay_end_text(x));
    t->outcome = OUT_OK;
    t->why = "one of several calls";
    try_note_head(x, t);
    relay_note_usage(x, t);
    try_close(x, t);
    try_drop(x);
    o->told = o->rests = true;
    return true;
}

bool other_rests(const struct exchange *x)
{
    return x->other != NULL && x->other->rests;
}

enum step other_step(struct exchange *x)
{
    if (exchange_take(x, EV_GONE))
        return exchange_client_gone(x);
    if (x->timed_out)
        return exchange_refuse(x, GE_TIMEOUT);
    x->events = 0;
    if (relay_is_full(x))
        return STEP_WAIT;
    x->other->rests = false;
    exchange_goto(x, XS_TRY);
    return STEP_GO;
}

/* ---- what it costs ---- */

/* The pictures that came are charged, however the stream ended. */
bool other_note_stream(const struct exchange *x, struct try *t)
{
    const struct relay_state *s = x->seen;
    bool by_picture = t->price != NULL && t->price->units.p[UU_IMAGES_OUT] != PRICE_NONE;
    if (!x->is_stream || s == NULL || (s->images == 0 && !(other_reads(x) && s->usage.found)))
        return false;
    t->counted = s->usage.found || by_picture;
    t->units.images_out = s->images;
    return true;
}
