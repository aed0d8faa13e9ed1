/* GET /videos/ID/content: the provider's bytes, passed through in constant memory. One candidate, pinned to the account that made the
 * video; TRY asks it, or follows the link that it gave, and RELAY passes what comes. A link is never shown, and the key goes to no
 * host but the provider's own. docs/internals/jobs.md. */
#include "exchange/video_int.h"
#include "http/range.h"
#include "http/url.h"
#include "upstream/fetch.h"

#define HOPS_MAX 3u
#define LINK_SLACK_NS (30 * SL_SEC)
#define DOWNLOAD_NS (4 * 3600 * SL_SEC) /* in all; stalls end it much sooner */

bool video_is_content(const struct exchange *x)
{
    return x->op->video && x->op->stored;
}

static enum step refuse(struct exchange *x, enum gateway_error e, struct sl_str message)
{
    return exchange_refuse_with(x, &(struct error_facts){.error = e, .message = message});
}

static enum step not_there(struct exchange *x, const struct store_video *row)
{
    if (row->state == STORE_VIDEO_EXPIRED)
        return exchange_refuse(x, GE_VIDEO_EXPIRED);
    if (!video_state_is_over(row->state))
        return exchange_refuse(x, GE_VIDEO_NOT_READY);
    return refuse(x, GE_VIDEO_FAILED,
                  row->error_text.n > 0 ? sl_arena_printf(x->a, "The job made no video: " SL_STR_FMT,
                                                          SL_STR_ARG(sl_str_head(row->error_text, 500)))
                                        : SL_STR_NONE);
}

/* The desk polls the job again, and the row comes back with links that work. */
static bool renew(struct exchange *x)
{
    struct exchange_video *v = x->video;
    if (v->renewed || x->env->videos_renew == NULL)
        return false;
    v->renewed = true;
    struct video_rows *j = video_find(x, v->id);
    store_video_copy(&j->v, v->found, &j->a); /* the desk has it no more */
    j->asker = x;
    if (!x->env->videos_renew(x->env->owner, j)) {
        video_rows_free(j);
        return false;
    }
    v->waiting = j;
    return true;
}

enum step video_content_begin(struct exchange *x)
{
    struct exchange_video *v = x->video;
    const struct store_video *row = v->found;
    struct sl_str name = SL_STR_NONE;
    (void)url_query_find(x->req->query, SL_STR("variant"), &name);
    if (!video_part_of_name(name, &v->part))
        return exchange_refuse_with(x, &(struct error_facts){.error = GE_MEMBER_VALUE,
                                                             .param = SL_STR("variant"),
                                                             .message = SL_STR("'variant' is none of video, thumbnail, "
                                                                               "spritesheet and last_frame.")});
    if (row->state != STORE_VIDEO_COMPLETED)
        return not_there(x, row);
    enum step s;
    if (!v->no_copy && video_kept_begin(x, &s))
        return s;
    return video_content_pass(x);
}

/* ---- what is inside of an answer ---- */

/* How long it is, and what of it is asked for. False: a range beyond its end. There is no entity tag, so that If-Range never holds. */
bool video_content_measure(struct exchange *x)
{
    struct exchange_video *v = x->video;
    const struct http_header *range = http_headers_find_name(&x->req->headers, SL_STR("range"));
    bool counts = http_headers_find_name(&x->req->headers, SL_STR("if-range")) == NULL;
    struct video_job made;
    video_result_read(v->found->result, x->a, &made);
    v->whole_bytes = 0;
    for (unsigned i = 0; i < made.n_content && v->whole_bytes == 0; i++)
        if (made.content[i].part == v->part && made.content[i].url.n == 0)
            v->whole_bytes = made.content[i].bytes;
    v->first = 0;
    v->last = v->whole_bytes > 0 ? v->whole_bytes - 1 : UINT64_MAX;
    v->in_part = false;
    if (v->whole_bytes == 0 || range == NULL || !counts)
        return true;
    enum range_kind kind = range_read(range->value, v->whole_bytes, &v->first, &v->last);
    v->in_part = kind == RANGE_PART;
    if (kind == RANGE_WHOLE) {
        v->first = 0;
        v->last = v->whole_bytes - 1;
    }
    return kind != RANGE_BEYOND;
}

void video_inline_headers(const struct exchange *x, struct http_headers *to)
{
    const struct exchange_video *v = x->video;
    http_headers_add(to, x->a, SL_STR("accept-ranges"), v->whole_bytes > 0 ? SL_STR("bytes") : SL_STR("none"));
    if (v->in_part)
        http_headers_add(to, x->a, SL_STR("content-range"),
                         sl_arena_printf(x->a, "bytes %llu-%llu/%llu", (unsigned long long)v->first,
                                         (unsigned long long)v->last, (unsigned long long)v->whole_bytes));
}

int64_t video_content_length(const struct exchange *x)
{
    const struct exchange_video *v = x->video;
    return v->whole_bytes > 0 ? (int64_t)(v->last - v->first + 1) : HTTP_LENGTH_NONE;
}

int video_content_status(const struct exchange *x)
{
    return video_unpacks(x) && x->video->in_part ? 206 : x->head->status;
}

enum step video_content_pass(struct exchange *x)
{
    const struct store_video *row = x->video->found;
    int64_t wall = sl_loop_wall(x->env->loop);
    if (!video_content_measure(x)) {
        x->video->size = x->video->whole_bytes;
        return exchange_refuse(x, GE_VIDEO_RANGE);
    }
    if (row->links_ns > 0 && wall + LINK_SLACK_NS >= row->links_ns && renew(x))
        return STEP_WAIT;
    x->total_due_ns = sl_loop_now(x->env->loop) + DOWNLOAD_NS;
    x->deadline_kind = DL_NONE; /* the wait's end moves */
    return video_pin(x, row, "has the video");
}

bool video_content_request(struct exchange *x, const struct route_candidate *c)
{
    struct exchange_video *v = x->video;
    const struct snapshot_provider *at = &x->snap->providers[c->provider_index];
    const char *why = NULL;
    struct attempt_request probe;
    video_call_fill(&v->call, at, v->found, &x->attempt_arena);
    video_result_read(v->found->result, &x->attempt_arena, &v->made);
    if (v->call.adapter == NULL || !v->call.adapter->content_write(&v->call, &v->made, v->part, &v->http)) {
        x->refused = (struct error_facts){.error = GE_VIDEO_VARIANT};
        return false;
    }
    if (v->link.n > 0)
        v->http = (struct video_http){.method = HTTP_GET, .url = v->link, .keyless = true};
    v->unpack = (struct video_unpack){.data = v->call.adapter->inline_data};
    v->at = 0;
    if (v->http.body.n > 0) {
        struct iovec *piece = SL_ARENA_NEW(&x->attempt_arena, struct iovec);
        *piece = (struct iovec){.iov_base = (void *)(uintptr_t)v->http.body.p, .iov_len = v->http.body.n};
        x->pieces = (struct body_pieces){.v = piece, .n = 1, .bytes = v->http.body.n};
    }
    const struct video_send s = {.env = x->env, .snap = x->snap, .at = at, .http = &v->http};
    if (video_send_fill(&s, &x->attempt_arena, &v->origin, &probe, &why))
        return true;
    x->refused = (struct error_facts){.error = GE_UP_ADDRESS};
    return false;
}

/* RFC 3986 5.2 as far as servers use it: whole URLs, and paths of the same host. */
static struct sl_str where_to(struct exchange *x, struct sl_str to)
{
    const struct try *t = try_current(x);
    const struct upstream_origin *at = x->video->http.url.n > 0 ? &x->video->origin : &t->at->origin;
    if (!sl_str_starts(to, SL_STR("/")) || sl_str_starts(to, SL_STR("//")))
        return sl_arena_str(x->a, to);
    return sl_arena_printf(x->a, "%s://" SL_STR_FMT SL_STR_FMT, at->tls ? "https" : "http", SL_STR_ARG(at->authority),
                           SL_STR_ARG(to));
}

/* An answer without the bytes. GO: asked again, elsewhere or with other links; OVER: the client is told. */
enum step video_content_over(struct exchange *x, bool *out_again)
{
    struct exchange_video *v = x->video;
    int status = x->head != NULL ? x->head->status : 0;
    struct sl_str to = x->head != NULL ? http_headers_get(&x->head->headers, HN_LOCATION) : SL_STR_NONE;
    *out_again = false;
    if (fetch_redirects(status) && to.n > 0 && v->hops++ < HOPS_MAX) {
        v->link = where_to(x, to);
        *out_again = true;
        return STEP_GO;
    }
    if (status == 416)
        return exchange_refuse(x, GE_VIDEO_RANGE);
    if (status == 403 || status == 404 || status == 410) {
        if (renew(x)) {
            v->wait = VW_LINKS;
            v->link = SL_STR_NONE;
            *out_again = true;
            return STEP_WAIT;
        }
        return exchange_refuse(x, GE_VIDEO_EXPIRED);
    }
    return exchange_refuse(x, GE_UP_ERROR);
}

/* Links came anew, or did not. */
bool video_links_came(struct exchange *x)
{
    struct exchange_video *v = x->video;
    v->wait = VW_NOTHING;
    if (v->answer->found != VF_OK || v->answer->n_rows == 0)
        return false;
    v->found = &v->answer->rows[0];
    return true;
}

bool video_unpacks(const struct exchange *x)
{
    return x->video != NULL && x->video->http.unpack && video_is_content(x);
}

struct sl_str video_content_bytes(struct exchange *x, struct sl_str slice)
{
    struct exchange_video *v = x->video;
    if (v->unpacked_cap < slice.n) {
        v->unpacked = sl_arena_alloc(x->a, slice.n);
        v->unpacked_cap = slice.n;
    }
    struct sl_str plain = sl_str_of(v->unpacked, video_unpack(&v->unpack, slice, v->unpacked));
    uint64_t begins = v->at;
    v->at += plain.n;
    if (v->last < UINT64_MAX && v->last < begins + plain.n)
        plain = sl_str_head(plain, v->last >= begins ? (size_t)(v->last - begins + 1) : 0);
    return v->first > begins ? sl_str_from(plain, v->first - begins) : plain;
}

bool video_content_is_passed(const struct exchange *x)
{
    return x->video->in_part && x->video->at > x->video->last;
}

/* As long as it was when its length was told. */
bool video_content_is_whole(const struct exchange *x)
{
    const struct exchange_video *v = x->video;
    return video_unpack_whole(&v->unpack) && (v->whole_bytes == 0 || v->at == v->whole_bytes);
}

/* Of the answer's head only what is about the bytes. */
void video_content_headers(struct exchange *x, struct http_headers *to)
{
    static const struct sl_str passed[] = {SL_STR_INIT("content-type"), SL_STR_INIT("content-range"),
                                           SL_STR_INIT("last-modified"), SL_STR_INIT("etag")};
    const struct http_headers *from = &x->head->headers;
    bool typed = false, unpacks = video_unpacks(x); /* then the head is about the JSON around them */
    for (size_t i = 0; i < sizeof passed / sizeof passed[0]; i++) {
        const struct http_header *h = http_headers_find_name(from, passed[i]);
        if (h == NULL || unpacks)
            continue;
        http_headers_add(to, x->a, passed[i], h->value);
        typed = typed || i == 0;
    }
    if (!typed)
        http_headers_add(to, x->a, passed[0], SL_STR("video/mp4"));
    if (unpacks)
        video_inline_headers(x, to);
    else
        http_headers_add(to, x->a, SL_STR("accept-ranges"), SL_STR("bytes"));
    http_headers_add(to, x->a, SL_STR("content-disposition"), SL_STR("attachment"));
    http_headers_add(to, x->a, SL_STR("x-content-type-options"), SL_STR("nosniff"));
}
