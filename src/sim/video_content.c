/* The bytes of videos: made while they are sent, the same at every asking, of any size. Byte i of a part is 12 bytes of an MP4's head, then
 * (i ^ i>>8 ^ i>>16 ^ i>>24 ^ sum of the id's bytes) & 255. Behind signed links that expire. */
#include "base/hash.h"
#include "sim/video.h"

#include <stdio.h>

#define SLICE 32768u
#define SMALL_BYTES 5000u /* of pictures */

static const char head_of_mp4[12] = {0, 0, 0, 0x18, 'f', 't', 'y', 'p', 'm', 'p', '4', '2'};
static const char head_of_png[12] = {(char)0x89, 'P', 'N', 'G', '\r', '\n', 0x1a, '\n', 0, 0, 0, 13};

static bool is_video(struct sl_str part)
{
    return sl_str_eq(part, SL_STR("video"));
}

static uint64_t sim_video_part_bytes(const struct video_job *j, struct sl_str part)
{
    return is_video(part) ? j->k.bytes : SMALL_BYTES;
}

static unsigned sum_of(const char *id)
{
    unsigned sum = 0;
    for (; *id != 0; id++)
        sum += (unsigned char)*id;
    return sum;
}

void sim_video_fill(const struct video_job *j, struct sl_str part, uint64_t at, char *to, size_t n)
{
    unsigned sum = sum_of(j->id);
    const char *head = is_video(part) ? head_of_mp4 : head_of_png;
    for (size_t k = 0; k < n; k++) {
        uint64_t i = at + k;
        to[k] = i < 12 ? head[i] : (char)((i ^ (i >> 8) ^ (i >> 16) ^ (i >> 24) ^ sum) & 255);
    }
}

/* ---- links ---- */

static uint64_t signature_of(const struct sim_call *c, const struct video_job *j, struct sl_str part, int64_t expires)
{
    struct sl_hash_key key = {j->key, 0x6c696e6bu};
    struct sl_str what =
        sl_arena_printf(c->s->arena, "%s/" SL_STR_FMT "/%lld", j->id, SL_STR_ARG(part), (long long)expires);
    return sl_hash(key, what);
}

struct sl_str sim_video_link(struct sim_call *c, const struct video_job *j, const char *part)
{
    int64_t expires = sim_video_ended_s(c->sim, j) + j->k.link_s;
    return sl_arena_printf(c->s->arena, "%s://" SL_STR_FMT "/video-store/%c-%s/%s?expires=%lld&signature=%016llx",
                           c->s->tls ? "https" : "http", SL_STR_ARG(c->r->authority), 'a' + (char)j->vendor, j->id,
                           part, (long long)expires, (unsigned long long)signature_of(c, j, sl_str_c(part), expires));
}

static void no_access(struct sim_call *c, int status, const char *code)
{
    struct sl_str body = sl_arena_printf(c->s->arena, "<?xml version=\"1.0\"?><Error><Code>%s</Code></Error>", code);
    sim_answer(c, status, SL_STR("application/xml"), body);
}

static struct sl_str query_value(struct sl_str query, const char *name)
{
    while (query.p != NULL) {
        struct sl_str part = sl_str_cut(&query, '&'), key = sl_str_cut(&part, '=');
        if (sl_str_eq(key, sl_str_c(name)))
            return part;
    }
    return SL_STR_NONE;
}

static struct video_job *linked(struct sim *s, struct sl_str id)
{
    struct sl_str vendor = sl_str_cut(&id, '-');
    struct video_store *v = sim_video_store_of(s);
    for (size_t i = 0; i < v->n; i++)
        if (sl_str_eq(sl_str_c(v->v[i]->id), id) && (int)v->v[i]->vendor == vendor.p[0] - 'a')
            return v->v[i];
    return NULL;
}

bool sim_video_link_serve(struct sim_call *c)
{
    struct sl_str path = c->r->path;
    if (!sl_str_starts(path, SL_STR("/video-store/")))
        return false;
    path = sl_str_from(path, 13);
    struct sl_str id = sl_str_cut(&path, '/'), part = path;
    struct sl_str given = query_value(c->r->query, "signature"), until = query_value(c->r->query, "expires");
    int64_t expires = 0;
    bool keys = http_headers_get(&c->r->headers, HN_AUTHORIZATION).n > 0 ||
                http_headers_get(&c->r->headers, HN_X_GOOG_API_KEY).n > 0;
    struct video_job *j = id.n > 2 && part.p != NULL ? linked(c->sim, id) : NULL;
    if (keys) { /* the store refuses two kinds of authentication at once, and the key has leaked */
        sim_video_store_of(c->sim)->leaked++;
        no_access(c, 400, "InvalidArgument");
        return true;
    }
    if (j == NULL || !sl_str_to_i64(until, &expires) || sim_video_state_of(c->sim, j) != STATE_DONE) {
        no_access(c, 404, "NoSuchKey");
        return true;
    }
    char hex[20];
    snprintf(hex, sizeof hex, "%016llx", (unsigned long long)signature_of(c, j, part, expires));
    if (!sl_str_eq(given, sl_str_c(hex)) || sl_loop_wall(c->sim->loop) / SL_SEC >= expires) {
        no_access(c, 403, "AccessDenied");
        return true;
    }
    sim_video_bytes_send(c, j, sl_arena_cstr(c->s->arena, part),
                         is_video(part) ? SL_STR("video/mp4") : SL_STR("image/png"));
    return true;
}

/* ---- sending ---- */

struct sending {
    struct video_job *j;
    struct sl_str part;
    uint64_t at, end;
};

static void send_more(struct sim_call *c)
{
    struct sending *g = c->more;
    char slice[SLICE];
    while (g->at < g->end && http_stream_room(c->s) > 0 && !c->released) {
        size_t n = g->end - g->at < SLICE ? (size_t)(g->end - g->at) : SLICE;
        sim_video_fill(g->j, g->part, g->at, slice, n);
        g->at += n;
        g->j->sent += n;
        sim_send(c, sl_str_of(slice, n), g->at == g->end);
    }
    if (g->at == g->end && !c->released)
        sim_finish(c, true);
}

enum range {
    RANGE_NONE,
    RANGE_FITS,
    RANGE_BEYOND
};

/* One range of bytes (RFC 9110 14.1.2); several, or nonsense: all of it. */
static enum range range_of(struct sl_str s, uint64_t size, uint64_t *from, uint64_t *end)
{
    uint64_t a = 0, b = 0;
    if (!sl_str_starts_nocase(s, SL_STR("bytes=")) || sl_str_find(s, ',') >= 0)
        return RANGE_NONE;
    struct sl_str last = sl_str_from(s, 6), first = sl_str_cut(&last, '-');
    if (last.p == NULL)
        return RANGE_NONE;
    if (first.n == 0) {
        if (!sl_str_to_u64(last, &b))
            return RANGE_NONE;
        *from = b < size ? size - b : 0;
        *end = size;
        return b == 0 || size == 0 ? RANGE_BEYOND : RANGE_FITS;
    }
    if (!sl_str_to_u64(first, &a) || (last.n > 0 && (!sl_str_to_u64(last, &b) || b < a)))
        return RANGE_NONE;
    *from = a;
    *end = last.n > 0 && b < size ? b + 1 : size;
    return a >= size ? RANGE_BEYOND : RANGE_FITS;
}

static void send_head(struct sim_call *c, int status, struct sl_str type, uint64_t length, struct sl_str content_range)
{
    struct sl_arena *a = c->s->arena;
    struct http_header room[8];
    struct http_headers h = {.v = room, .n = 0, .cap = 8};
    c->head_sent = true;
    c->status = status;
    http_headers_add_id(&h, a, HN_CONTENT_TYPE, type);
    http_headers_add(&h, a, SL_STR("accept-ranges"), SL_STR("bytes"));
    http_headers_add(&h, a, SL_STR("x-sluice-simulated"), SL_STR("true"));
    if (content_range.n > 0)
        http_headers_add(&h, a, SL_STR("content-range"), content_range);
    const struct http_response r = {.status = status, .headers = h, .content_length = (int64_t)length};
    http_stream_send_head(c->s, &r, length == 0 || c->r->method == HTTP_HEAD);
}

void sim_video_bytes_send(struct sim_call *c, struct video_job *j, const char *part, struct sl_str type)
{
    struct sl_arena *a = c->s->arena;
    uint64_t size = sim_video_part_bytes(j, sl_str_c(part)), from = 0, end = size;
    const struct http_header *h = http_headers_find_name(&c->r->headers, SL_STR("range"));
    enum range range = h != NULL ? range_of(h->value, size, &from, &end) : RANGE_NONE;
    j->downloads++;
    if (range == RANGE_BEYOND) {
        send_head(c, 416, type, 0, sl_arena_printf(a, "bytes */%llu", (unsigned long long)size));
        sim_finish(c, true);
        return;
    }
    if (range == RANGE_FITS)
        send_head(c, 206, type, end - from,
                  sl_arena_printf(a, "bytes %llu-%llu/%llu", (unsigned long long)from, (unsigned long long)(end - 1),
                                  (unsigned long long)size));
    else
        send_head(c, 200, type, end - from, SL_STR_NONE);
    if (end == from || c->r->method == HTTP_HEAD) {
        sim_finish(c, true);
        return;
    }
    struct sending *g = SL_ARENA_NEW(a, struct sending);
    *g = (struct sending){.j = j, .part = sl_str_c(part), .at = from, .end = end};
    c->more = g;
    c->room = send_more;
    send_more(c);
}
