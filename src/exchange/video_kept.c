/* GET and HEAD of /videos/ID/content from a copy (docs/internals/kept-videos.md). All of it happens in RECALL: no provider is asked,
 * so none need be up, or configured. A copy that cannot be read before the client has seen a byte is no copy: the provider is asked.
 *
 *   row ─► If-None-Match, If-Range, Range ─┬─ 304, 416, HEAD: the answer
 *                                          └─ source (keep/source.h) ─► head ─► bytes, with the client's back-pressure ─► SETTLE */
#include "exchange/video_int.h"
#include "http/range.h"
#include "keep/source.h"

#define DOWNLOAD_NS (4 * 3600 * SL_SEC) /* in all; stalls end it much sooner */
#define ETAG_BYTES 32u                  /* of the sum in hexadecimal */

struct kept_serving {
    struct keep_env env;
    struct keep_source *source; /* own */
    struct video_copied part;   /* views of the answer */
    struct sl_str etag;
    uint64_t first, last;
    int status;
    bool held, over, whole;
};

static struct sl_str asked(const struct exchange *x, const char *name)
{
    const struct http_header *h = http_headers_find_name(&x->req->headers, sl_str_c(name));
    return h != NULL ? h->value : SL_STR_NONE;
}

void video_refusal_headers(struct exchange *x, struct http_headers *to)
{
    if (x->video == NULL || x->refusal.error != GE_VIDEO_RANGE || x->video->size == 0)
        return;
    http_headers_add(to, x->a, SL_STR("content-range"),
                     sl_arena_printf(x->a, "bytes */%llu", (unsigned long long)x->video->size));
}

/* ---- the head ---- */

static void send_head(struct exchange *x, struct kept_serving *k)
{
    struct http_response r = {.status = k->status};
    struct http_headers *h = &r.headers;
    r.content_length = k->status == 304 ? HTTP_LENGTH_NONE : (int64_t)(k->last - k->first + 1);
    if (k->status != 304)
        http_headers_add_id(h, x->a, HN_CONTENT_TYPE, k->part.type.n > 0 ? k->part.type : SL_STR("video/mp4"));
    if (k->status == 206)
        http_headers_add(h, x->a, SL_STR("content-range"),
                         sl_arena_printf(x->a, "bytes %llu-%llu/%llu", (unsigned long long)k->first,
                                         (unsigned long long)k->last, (unsigned long long)k->part.bytes));
    http_headers_add(h, x->a, SL_STR("etag"), k->etag);
    http_headers_add(h, x->a, SL_STR("accept-ranges"), SL_STR("bytes"));
    http_headers_add(h, x->a, SL_STR("content-disposition"), SL_STR("attachment"));
    http_headers_add(h, x->a, SL_STR("x-content-type-options"), SL_STR("nosniff"));
    exchange_headers(x, h);
    x->committed = true; /* a byte of it is a byte that no other answer can follow */
    x->status_sent = k->status;
    http_stream_send_head(x->stream, &r, k->status == 304);
    tel_add(x->env->tel, TEL_VIDEO_COPIES_SERVED, 1);
}

static enum step answered(struct exchange *x, enum final_kind kind)
{
    exchange_ends(x, ACCESS_GATEWAY, kind == FINAL_RESET ? SL_STR("copy_broken") : SL_STR("ok"));
    x->final_kind = kind;
    exchange_goto(x, XS_SETTLE);
    return STEP_GO;
}

/* Without a copy only the provider knows how long it is. */
static enum step head_of_unkept(struct exchange *x)
{
    struct http_response r = {.status = 200, .content_length = HTTP_LENGTH_NONE};
    http_headers_add_id(&r.headers, x->a, HN_CONTENT_TYPE, SL_STR("video/mp4"));
    (void)video_content_measure(x);
    if (x->video->whole_bytes > 0) { /* Range is no word of HEAD's */
        x->video->in_part = false;
        r.content_length = (int64_t)x->video->whole_bytes;
        video_inline_headers(x, &r.headers);
    }
    exchange_headers(x, &r.headers);
    x->committed = true;
    x->status_sent = r.status;
    http_stream_send_head(x->stream, &r, false);
    return answered(x, FINAL_ANSWER);
}

/* ---- the bytes ---- */

static void on_ready(void *owner)
{
    struct exchange *x = owner;
    if (!x->stream->gone)
        send_head(x, x->video->serving);
}

static void on_bytes(void *owner, struct sl_str bytes)
{
    struct exchange *x = owner;
    struct kept_serving *k = x->video->serving;
    http_stream_send_body(x->stream, &(struct iovec){(void *)(uintptr_t)bytes.p, bytes.n}, 1, false);
    if (relay_is_full(x) && !k->held) {
        k->held = true;
        keep_source_read(k->source, false);
    }
}

static void on_over(void *owner, bool whole, const char *why)
{
    struct exchange *x = owner;
    struct kept_serving *k = x->video->serving;
    (void)why;
    k->over = true;
    k->whole = whole;
    exchange_wake(x, EV_STORED);
}

static const struct keep_source_owner source_owner = {.ready = on_ready, .bytes = on_bytes, .over = on_over};

void video_kept_end(struct exchange *x)
{
    struct kept_serving *k = x->video != NULL ? x->video->serving : NULL;
    if (k == NULL)
        return;
    keep_source_close(k->source);
    k->source = NULL;
    x->video->serving = NULL;
}

enum step video_kept_step(struct exchange *x)
{
    struct kept_serving *k = x->video->serving;
    bool room = exchange_take(x, EV_ROOM);
    exchange_take(x, EV_STORED | EV_DEADLINE);
    if (k->over && !k->whole && !x->committed) {
        video_kept_end(x);
        x->video->no_copy = true;
        return video_content_pass(x);
    }
    if (k->over || x->timed_out) {
        bool whole = k->over && k->whole && x->committed;
        video_kept_end(x);
        return whole || x->committed ? answered(x, whole ? FINAL_ANSWER : FINAL_RESET) : exchange_refuse(x, GE_TIMEOUT);
    }
    if (room && k->held && !relay_is_full(x)) {
        k->held = false;
        keep_source_read(k->source, true);
    }
    return STEP_WAIT;
}

/* ---- what is asked for ---- */

/* False: the range is beyond the end. */
static bool choose(struct exchange *x, struct kept_serving *k)
{
    uint64_t first = 0, last = 0;
    enum range_kind kind = RANGE_WHOLE;
    k->status = 200;
    k->first = 0;
    k->last = k->part.bytes - 1;
    if (etag_is_listed(asked(x, "if-none-match"), k->etag)) {
        k->status = 304;
        return true;
    }
    if (range_holds(asked(x, "if-range"), k->etag))
        kind = range_read(asked(x, "range"), k->part.bytes, &first, &last);
    if (kind != RANGE_PART)
        return kind == RANGE_WHOLE;
    k->status = 206;
    k->first = first;
    k->last = last;
    return true;
}

static const struct video_copied *find_part(struct exchange *x, const struct keep_place *place)
{
    struct exchange_video *v = x->video;
    const struct store_copy *c = v->answer->n_copies > 0 ? &v->answer->copies[0] : NULL;
    struct video_copy *all = SL_ARENA_NEW(x->a, struct video_copy);
    if (c == NULL || c->state != STORE_COPY_KEPT || place->kind == KEEP_NOWHERE || !sl_str_eq(c->place, place->name) ||
        c->until_ns <= sl_loop_wall(x->env->loop))
        return NULL;
    video_copy_read(c->parts, x->a, all);
    for (unsigned i = 0; i < all->n; i++)
        if (all->v[i].part == v->part && all->v[i].bytes > 0 && all->v[i].sum.n >= ETAG_BYTES)
            return &all->v[i];
    return NULL;
}

bool video_kept_begin(struct exchange *x, enum step *out)
{
    struct exchange_video *v = x->video;
    const struct keep_place *place = &x->snap->set.videos.place;
    const struct video_copied *part = find_part(x, place);
    struct sl_str name = video_copy_name(v->found->id, v->part, x->a);
    if (part == NULL || !keep_name_is(name)) {
        *out = x->req->method == HTTP_HEAD ? head_of_unkept(x) : STEP_WAIT;
        return x->req->method == HTTP_HEAD;
    }
    struct kept_serving *k = SL_ARENA_NEW(x->a, struct kept_serving);
    k->env = (struct keep_env){.loop = x->env->loop, .upstream = x->env->upstream};
    k->part = *part;
    k->etag = sl_arena_printf(x->a, "\"" SL_STR_FMT "\"", SL_STR_ARG(sl_str_head(part->sum, ETAG_BYTES)));
    x->facts.model = v->found->model;
    if (!choose(x, k)) {
        v->size = part->bytes;
        *out = exchange_refuse(x, GE_VIDEO_RANGE);
        return true;
    }
    if (k->status == 304 || x->req->method == HTTP_HEAD) {
        send_head(x, k);
        *out = answered(x, k->status == 304 ? FINAL_NONE : FINAL_ANSWER);
        return true;
    }
    const struct keep_piece piece = {
        .name = name, .etag = part->etag, .size = part->bytes, .first = k->first, .last = k->last};
    v->serving = k;
    x->total_due_ns = sl_loop_now(x->env->loop) + DOWNLOAD_NS;
    x->deadline_kind = DL_NONE; /* the wait's end moves */
    k->source = keep_source_open(&k->env, place, &piece, &source_owner, x);
    *out = STEP_WAIT;
    return true;
}
