/* HTTP/2 sessions over nghttp2: frames in, frames out, windows, floods. Heads are in h2_head.c.
 *
 * nghttp2 calls us from inside mem_recv (feed) and mem_send (output); we call the owner's events from there, and the owner
 * may submit, write, reset and consume: these only queue. Body bytes wait in their stream's queue until nghttp2 asks for
 * them, and are copied from there straight into the owner's output space (NO_COPY), not through nghttp2's buffer. */
#include "http/h2.h"

#include "base/check.h"
#include "base/mem.h"
#include "http/h2_int.h"

#define SPARE_MAX 16u
#define INFORMATIONAL_MAX 8u
#define SECOND_NS INT64_C(1000000000)
#define FRAME_HEAD 9u
#define QUEUE_MAX (SIZE_MAX / 4) /* the queue takes what it is given: callers stop when room is 0 */

static const uint8_t drain_ping[8] = {'d', 'r', 'a', 'i', 'n'};
static const uint8_t probe_ping[8] = {'p', 'r', 'o', 'b', 'e'};

static nghttp2_session *ng_new(struct h2_session *s);
static void greet(struct h2_session *s);
static void stream_close(struct h2_stream *st, uint32_t error);
static void stream_drop(struct h2_stream *st);

/* ---- life ---- */

struct h2_session *h2_session_new(enum h2_side side, const struct h2_limits *limits, const struct h2_events *events,
                                  void *owner, struct sl_chunk_cache *cache)
{
    struct h2_session *s = SL_NEW(struct h2_session);
    s->side = side;
    s->limits = limits;
    s->events = events;
    s->owner = owner;
    s->cache = cache;
    s->last_id = -1;
    sl_list_init(&s->streams);
    sl_list_init(&s->spare);
    s->ng = ng_new(s);
    greet(s);
    return s;
}

void h2_session_free(struct h2_session *s)
{
    if (s == NULL)
        return;
    SL_CHECK(!s->busy);
    s->busy = true;
    while (!sl_list_is_empty(&s->streams))
        stream_close(SL_CONTAINER_OF(s->streams.next, struct h2_stream, node), H2_INTERNAL_ERROR);
    nghttp2_session_del(s->ng);
    struct sl_list *node;
    while ((node = sl_list_take_head(&s->spare)) != NULL)
        sl_free(SL_CONTAINER_OF(node, struct h2_stream, node));
    sl_free(s);
}

static void greet(struct h2_session *s)
{
    const struct h2_limits *l = s->limits;
    nghttp2_settings_entry v[4] = {
        {NGHTTP2_SETTINGS_INITIAL_WINDOW_SIZE, l->stream_window},
        {NGHTTP2_SETTINGS_MAX_HEADER_LIST_SIZE, l->header_list_bytes},
    };
    size_t n = 2;
    if (s->side == H2_SERVER)
        v[n++] = (nghttp2_settings_entry){NGHTTP2_SETTINGS_MAX_CONCURRENT_STREAMS, l->streams};
    else
        v[n++] = (nghttp2_settings_entry){NGHTTP2_SETTINGS_ENABLE_PUSH, 0};
    SL_CHECK(nghttp2_submit_settings(s->ng, NGHTTP2_FLAG_NONE, v, n) == 0);
    SL_CHECK(nghttp2_session_set_local_window_size(s->ng, NGHTTP2_FLAG_NONE, 0, (int32_t)l->connection_window) == 0);
}

static struct h2_stream *stream_new(struct h2_session *s, int32_t id)
{
    struct sl_list *node = sl_list_take_head(&s->spare);
    struct h2_stream *st;
    if (node != NULL) {
        st = SL_CONTAINER_OF(node, struct h2_stream, node);
        memset(st, 0, sizeof *st);
        s->n_spare--;
    } else {
        st = SL_NEW(struct h2_stream);
    }
    st->session = s;
    st->id = id;
    sl_list_init(&st->node);
    sl_list_add_tail(&s->streams, &st->node);
    sl_chunks_init(&st->out, QUEUE_MAX, s->cache);
    s->n_streams++;
    return st;
}

static void stream_drop(struct h2_stream *st)
{
    struct h2_session *s = st->session;
    sl_chunks_done(&st->out);
    sl_list_remove(&st->node);
    s->n_streams--;
    if (s->n_spare >= SPARE_MAX) {
        sl_free(st);
        return;
    }
    sl_list_add_tail(&s->spare, &st->node);
    s->n_spare++;
}

static void stream_break(struct h2_stream *st, uint32_t error)
{
    st->reset = true;
    st->reset_error = error;
    nghttp2_submit_rst_stream(st->session->ng, NGHTTP2_FLAG_NONE, st->id, error);
}

/* nghttp2 knows the stream no more (or the session ends). */
static void stream_close(struct h2_stream *st, uint32_t error)
{
    struct h2_session *s = st->session;
    bool whole = s->side == H2_SERVER ? st->end_sent : st->last_came;
    if (error == H2_NO_ERROR && !whole) /* it ended before our reset left; or the other side's reset said NO_ERROR */
        error = st->reset_error != H2_NO_ERROR ? st->reset_error : H2_CANCEL;
    st->reset = true; /* what the owner still calls does nothing */
    if (!st->silent && s->events->on_closed != NULL)
        s->events->on_closed(s->owner, st, error);
    if (st->unconsumed != 0)
        nghttp2_session_consume_connection(s->ng, st->unconsumed);
    stream_drop(st);
}

/* ---- floods ---- */

static bool meter_takes(struct h2_meter *m, int64_t now, uint32_t per_s, uint32_t burst)
{
    int64_t cost = SECOND_NS / (per_s != 0 ? per_s : 1);
    int64_t at = (m->at_ns > now ? m->at_ns : now) + cost;
    if (at - now > cost * burst)
        return false;
    m->at_ns = at;
    return true;
}

static void flood(struct h2_session *s)
{
    if (s->flooded)
        return;
    s->flooded = true;
    nghttp2_session_terminate_session(s->ng, NGHTTP2_ENHANCE_YOUR_CALM);
}

static void count_reset(struct h2_session *s)
{
    if (s->side == H2_SERVER && !meter_takes(&s->resets, s->now_ns, s->limits->resets_per_s, s->limits->resets_burst))
        flood(s);
}

static void count_control(struct h2_session *s)
{
    if (!meter_takes(&s->controls, s->now_ns, s->limits->controls_per_s, s->limits->controls_burst))
        flood(s);
}

/* ---- bytes in ---- */

enum sl_err h2_session_feed(struct h2_session *s, struct sl_str bytes, int64_t now_ns)
{
    SL_CHECK(!s->busy);
    if (s->failed || s->flooded)
        return s->flooded ? SL_ELIMIT : SL_EINVAL;
    s->now_ns = now_ns;
    s->busy = true;
    ssize_t n = nghttp2_session_mem_recv(s->ng, (const uint8_t *)bytes.p, bytes.n);
    s->busy = false;
    if (s->flooded)
        return SL_ELIMIT;
    if (n >= 0)
        return SL_OK;
    s->failed = true;
    bool calm = n == NGHTTP2_ERR_FLOODED || n == NGHTTP2_ERR_TOO_MANY_CONTINUATIONS;
    s->flooded = calm;
    nghttp2_session_terminate_session(s->ng, calm ? NGHTTP2_ENHANCE_YOUR_CALM : NGHTTP2_PROTOCOL_ERROR);
    return calm ? SL_ELIMIT : SL_EINVAL;
}

static struct h2_stream *stream_of(nghttp2_session *ng, int32_t id)
{
    return id != 0 ? nghttp2_session_get_stream_user_data(ng, id) : NULL;
}

/* A request on a number that its client passed over (RFC 9113 5.1.1). nghttp2 takes it for a late frame on a closed stream. We
 * remember the last gap only: clients leave none. */
static int on_begin_frame(nghttp2_session *ng, const nghttp2_frame_hd *head, void *arg)
{
    struct h2_session *s = arg;
    int32_t id = head->stream_id;
    if (s->side != H2_SERVER || head->type != NGHTTP2_HEADERS || id % 2 == 0)
        return 0;
    if (id <= s->last_id) {
        if (id > s->gap_behind && id < s->gap_end)
            nghttp2_session_terminate_session(ng, NGHTTP2_PROTOCOL_ERROR);
        return 0;
    }
    if (id != s->last_id + 2) {
        s->gap_behind = s->last_id;
        s->gap_end = id;
    }
    s->last_id = id;
    return 0;
}

static int on_begin_headers(nghttp2_session *ng, const nghttp2_frame *frame, void *arg)
{
    struct h2_session *s = arg;
    if (s->side != H2_SERVER || frame->headers.cat != NGHTTP2_HCAT_REQUEST)
        return 0;
    struct h2_stream *st = stream_new(s, frame->hd.stream_id);
    nghttp2_session_set_stream_user_data(ng, st->id, st);
    st->arena = s->events->on_begin(s->owner, st);
    if (st->arena == NULL) {
        st->silent = st->own_reset = true;
        stream_break(st, H2_REFUSED_STREAM);
    }
    return 0;
}

static int on_header(nghttp2_session *ng, const nghttp2_frame *frame, nghttp2_rcbuf *name, nghttp2_rcbuf *value,
                     uint8_t flags, void *arg)
{
    struct h2_stream *st = stream_of(ng, frame->hd.stream_id);
    (void)flags;
    (void)arg;
    if (st == NULL || st->silent || st->head_came || st->reset) /* trailers are dropped */
        return 0;
    nghttp2_vec n = nghttp2_rcbuf_get_buf(name), v = nghttp2_rcbuf_get_buf(value);
    h2_head_field(st, sl_str_of(n.base, n.len), sl_str_of(v.base, v.len));
    return 0;
}

/* nghttp2 would leave some malformed fields out; RFC 9113 8.1.1 wants the stream reset. */
static int on_invalid_header(nghttp2_session *ng, const nghttp2_frame *frame, nghttp2_rcbuf *name, nghttp2_rcbuf *value,
                             uint8_t flags, void *arg)
{
    (void)ng, (void)frame, (void)name, (void)value, (void)flags, (void)arg;
    return NGHTTP2_ERR_TEMPORAL_CALLBACK_FAILURE;
}

/* Answers a request that the owner never sees. */
static void refuse_request(struct h2_stream *st, int status, bool has_body)
{
    struct http_response r = {.status = status, .content_length = 0};
    struct h2_fields f;
    h2_response_fields(st->arena, &r, SL_STR_NONE, &f);
    st->head_sent = st->ended = true;
    st->head_came = true;
    st->own_reset = st->reset_behind = has_body;
    nghttp2_submit_response(st->session->ng, st->id, f.v, f.n, NULL);
}

static void on_request_head(struct h2_session *s, struct h2_stream *st, bool has_body)
{
    int status = h2_request_judge(st, has_body);
    st->last_came = !has_body;
    if (status != 0) {
        st->flaw = (uint16_t)status;
        refuse_request(st, status, has_body);
        return;
    }
    st->head_came = true;
    s->events->on_request(s->owner, st, st->request);
}

static void on_response_head(struct h2_session *s, struct h2_stream *st, bool has_body)
{
    switch (h2_response_judge(st, has_body)) {
    case H2_RESPONSE_INFORMATIONAL:
        if (++st->informational <= INFORMATIONAL_MAX)
            return;
        break;
    case H2_RESPONSE_FINAL:
        st->head_came = true;
        st->last_came = !has_body;
        s->events->on_response(s->owner, st, st->response);
        return;
    case H2_RESPONSE_BAD:
        break;
    }
    stream_break(st, H2_PROTOCOL_ERROR);
}

static void on_stream_frame(struct h2_session *s, struct h2_stream *st, const nghttp2_frame *frame)
{
    bool ends = (frame->hd.flags & NGHTTP2_FLAG_END_STREAM) != 0;
    if (st->silent || st->reset) {
        st->last_came |= ends;
        return;
    }
    if (!st->head_came) {
        if (frame->hd.type == NGHTTP2_HEADERS && s->side == H2_SERVER)
            on_request_head(s, st, !ends);
        else if (frame->hd.type == NGHTTP2_HEADERS)
            on_response_head(s, st, !ends);
        return;
    }
    if (!ends || st->last_came)
        return;
    st->last_came = true;
    if (st->flaw == 0)
        s->events->on_body(s->owner, st, SL_STR_NONE, true);
}

static bool is_empty_data(const nghttp2_frame *frame)
{
    return frame->hd.length <= frame->data.padlen && !(frame->hd.flags & NGHTTP2_FLAG_END_STREAM);
}

static void on_ping(struct h2_session *s, const nghttp2_frame *frame)
{
    if (!(frame->hd.flags & NGHTTP2_FLAG_ACK)) {
        count_control(s);
        return;
    }
    s->pong_ns = s->now_ns;
    if (s->draining && !s->last_goaway && memcmp(frame->ping.opaque_data, drain_ping, sizeof drain_ping) == 0)
        h2_session_drain(s);
}

static int on_frame_recv(nghttp2_session *ng, const nghttp2_frame *frame, void *arg)
{
    struct h2_session *s = arg;
    struct h2_stream *st = stream_of(ng, frame->hd.stream_id);
    switch (frame->hd.type) {
    case NGHTTP2_DATA:
        if (is_empty_data(frame))
            count_control(s);
        if (st != NULL)
            on_stream_frame(s, st, frame);
        break;
    case NGHTTP2_HEADERS:
        if (st != NULL)
            on_stream_frame(s, st, frame);
        break;
    case NGHTTP2_RST_STREAM:
        if (st != NULL)
            st->reset = true;
        count_reset(s);
        break;
    case NGHTTP2_PING:
        on_ping(s, frame);
        break;
    case NGHTTP2_SETTINGS:
        if (frame->hd.flags & NGHTTP2_FLAG_ACK)
            break;
        count_control(s);
        break;
    case NGHTTP2_PRIORITY:
        count_control(s);
        break;
    case NGHTTP2_GOAWAY:
        s->goaway_came = true;
        if (s->events->on_goaway != NULL)
            s->events->on_goaway(s->owner, frame->goaway.error_code);
        break;
    default:
        break;
    }
    return 0;
}

static int on_data_chunk(nghttp2_session *ng, uint8_t flags, int32_t id, const uint8_t *data, size_t n, void *arg)
{
    struct h2_session *s = arg;
    struct h2_stream *st = stream_of(ng, id);
    (void)flags;
    if (st == NULL || st->silent || st->reset || st->flaw != 0) {
        nghttp2_session_consume(ng, id, n);
        return 0;
    }
    st->unconsumed += n;
    s->events->on_body(s->owner, st, sl_str_of(data, n), false);
    return 0;
}

static int on_stream_close(nghttp2_session *ng, int32_t id, uint32_t error, void *arg)
{
    struct h2_stream *st = stream_of(ng, id);
    (void)arg;
    if (st != NULL)
        stream_close(st, error);
    return 0;
}

/* ---- bytes out ---- */

bool h2_session_wants_write(const struct h2_session *s)
{
    return s->pending.n > 0 || nghttp2_session_want_write(s->ng) != 0;
}

bool h2_session_is_over(const struct h2_session *s)
{
    return s->pending.n == 0 && nghttp2_session_want_write(s->ng) == 0 &&
           (s->failed || nghttp2_session_want_read(s->ng) == 0);
}

static void output_put(struct h2_session *s, struct sl_str bytes)
{
    size_t n = bytes.n < s->out_cap - s->out_n ? bytes.n : s->out_cap - s->out_n;
    memcpy(s->out + s->out_n, bytes.p, n);
    s->out_n += n;
    s->pending = sl_str_from(bytes, n);
}

/* Requests that nghttp2 could not send and has no stream for. */
static void sweep_unsent(struct h2_session *s)
{
    s->unsent = false;
    SL_LIST_EACH(node, &s->streams)
    {
        struct h2_stream *st = SL_CONTAINER_OF(node, struct h2_stream, node);
        if (st->unsent)
            stream_close(st, H2_REFUSED_STREAM);
    }
}

size_t h2_session_output(struct h2_session *s, char *out, size_t cap)
{
    SL_CHECK(!s->busy && cap >= H2_OUTPUT_MIN);
    s->busy = true;
    s->out = out;
    s->out_cap = cap;
    s->out_n = 0;
    if (s->pending.n > 0)
        output_put(s, s->pending);
    while (s->pending.n == 0 && s->out_n < cap) {
        const uint8_t *p = NULL;
        ssize_t n = nghttp2_session_mem_send(s->ng, &p);
        if (n < 0)
            s->failed = true;
        if (n <= 0)
            break;
        output_put(s, sl_str_of(p, (size_t)n));
    }
    if (s->unsent)
        sweep_unsent(s);
    s->busy = false;
    return s->out_n;
}

enum sl_err h2_session_output_chunks(struct h2_session *s, struct sl_chunks *q, size_t mark)
{
    char piece[H2_OUTPUT_MIN];
    while (q->n < mark) {
        size_t n = h2_session_output(s, piece, sizeof piece);
        if (n == 0)
            break;
        if (sl_chunks_add(q, piece, n) != SL_OK)
            return SL_ELIMIT;
    }
    return SL_OK;
}

static ssize_t on_read(nghttp2_session *ng, int32_t id, uint8_t *buf, size_t length, uint32_t *flags,
                       nghttp2_data_source *source, void *arg)
{
    struct h2_stream *st = source->ptr;
    (void)ng, (void)id, (void)buf, (void)arg;
    size_t n = st->out.n < length ? st->out.n : length;
    if (n == 0 && !st->ended) {
        st->deferred = true;
        return NGHTTP2_ERR_DEFERRED;
    }
    *flags |= NGHTTP2_DATA_FLAG_NO_COPY;
    if (n == st->out.n && st->ended)
        *flags |= NGHTTP2_DATA_FLAG_EOF;
    return (ssize_t)n;
}

static void queue_copy(struct h2_stream *st, char *to, size_t n)
{
    while (n > 0) {
        struct iovec v;
        SL_CHECK(sl_chunks_iov(&st->out, &v, 1) == 1);
        size_t part = v.iov_len < n ? v.iov_len : n;
        memcpy(to, v.iov_base, part);
        sl_chunks_drop(&st->out, part);
        to += part;
        n -= part;
    }
}

static int on_send_data(nghttp2_session *ng, nghttp2_frame *frame, const uint8_t *head, size_t n,
                        nghttp2_data_source *source, void *arg)
{
    struct h2_session *s = arg;
    struct h2_stream *st = source->ptr;
    (void)ng, (void)frame;
    if (s->out_cap - s->out_n < FRAME_HEAD + n)
        return NGHTTP2_ERR_WOULDBLOCK;
    SL_CHECK(n <= st->out.n);
    memcpy(s->out + s->out_n, head, FRAME_HEAD);
    queue_copy(st, s->out + s->out_n + FRAME_HEAD, n);
    s->out_n += FRAME_HEAD + n;
    if (st->full && st->out.n <= s->limits->stream_queue_bytes / 2) {
        st->full = false;
        if (!st->silent && !st->ended && !st->reset && s->events->on_room != NULL)
            s->events->on_room(s->owner, st);
    }
    return 0;
}

static int on_frame_send(nghttp2_session *ng, const nghttp2_frame *frame, void *arg)
{
    struct h2_session *s = arg;
    struct h2_stream *st = stream_of(ng, frame->hd.stream_id);
    if (frame->hd.type == NGHTTP2_RST_STREAM) {
        if (st == NULL ||
            !st->own_reset) /* made by the other side: it broke a rule of the protocol, on purpose or not */
            count_reset(s);
        return 0;
    }
    if (frame->hd.type == NGHTTP2_GOAWAY && frame->goaway.error_code != NGHTTP2_NO_ERROR)
        s->failed = true;
    if ((frame->hd.type != NGHTTP2_DATA && frame->hd.type != NGHTTP2_HEADERS) || st == NULL ||
        !(frame->hd.flags & NGHTTP2_FLAG_END_STREAM))
        return 0;
    st->end_sent = true;
    if (st->reset_behind && !st->last_came)
        nghttp2_submit_rst_stream(ng, NGHTTP2_FLAG_NONE, st->id, NGHTTP2_NO_ERROR);
    return 0;
}

static int on_frame_not_send(nghttp2_session *ng, const nghttp2_frame *frame, int error, void *arg)
{
    struct h2_session *s = arg;
    (void)ng, (void)error;
    if (s->side != H2_CLIENT || frame->hd.type != NGHTTP2_HEADERS)
        return 0;
    SL_LIST_EACH(node, &s->streams)
    {
        struct h2_stream *st = SL_CONTAINER_OF(node, struct h2_stream, node);
        if (st->id == frame->hd.stream_id && !st->head_came)
            s->unsent = st->unsent = true;
    }
    return 0;
}

/* ---- nghttp2's set-up ---- */

static nghttp2_option *options_new(const struct h2_limits *l)
{
    nghttp2_option *o = NULL;
    SL_CHECK(nghttp2_option_new(&o) == 0);
    nghttp2_option_set_no_auto_window_update(o, 1);
    /* Closed streams are kept (at most as many as may be open): frames on them are errors (RFC 9113 5.1, closed), which
     * only this tells from frames on streams that were reset a moment ago. */
    nghttp2_option_set_no_closed_streams(o, 0);
    nghttp2_option_set_max_continuations(o, H2_CONTINUATIONS_MAX);
    /* ours counts more kinds and comes first; this is the second fence */
    nghttp2_option_set_stream_reset_rate_limit(o, (uint64_t)l->resets_burst * 2, (uint64_t)l->resets_per_s * 2);
    return o;
}

static nghttp2_session *ng_new(struct h2_session *s)
{
    nghttp2_session_callbacks *c = NULL;
    nghttp2_session *ng = NULL;
    nghttp2_option *o = options_new(s->limits);
    SL_CHECK(nghttp2_session_callbacks_new(&c) == 0);
    nghttp2_session_callbacks_set_on_begin_frame_callback(c, on_begin_frame);
    nghttp2_session_callbacks_set_on_begin_headers_callback(c, on_begin_headers);
    nghttp2_session_callbacks_set_on_header_callback2(c, on_header);
    nghttp2_session_callbacks_set_on_invalid_header_callback2(c, on_invalid_header);
    nghttp2_session_callbacks_set_on_frame_recv_callback(c, on_frame_recv);
    nghttp2_session_callbacks_set_on_data_chunk_recv_callback(c, on_data_chunk);
    nghttp2_session_callbacks_set_on_stream_close_callback(c, on_stream_close);
    nghttp2_session_callbacks_set_send_data_callback(c, on_send_data);
    nghttp2_session_callbacks_set_on_frame_send_callback(c, on_frame_send);
    nghttp2_session_callbacks_set_on_frame_not_send_callback(c, on_frame_not_send);
    int e = s->side == H2_SERVER ? nghttp2_session_server_new2(&ng, c, s, o)
                                 : nghttp2_session_client_new2(&ng, c, s, o);
    SL_CHECK(e == 0);
    nghttp2_session_callbacks_del(c);
    nghttp2_option_del(o);
    return ng;
}

/* ---- the session as a whole ---- */

void h2_session_drain(struct h2_session *s)
{
    if (!s->draining && s->side == H2_SERVER) {
        s->draining = true;
        nghttp2_submit_shutdown_notice(s->ng);
        nghttp2_submit_ping(s->ng, NGHTTP2_FLAG_NONE, drain_ping);
        return;
    }
    s->draining = true;
    if (s->last_goaway)
        return;
    s->last_goaway = true;
    nghttp2_submit_goaway(s->ng, NGHTTP2_FLAG_NONE, nghttp2_session_get_last_proc_stream_id(s->ng), NGHTTP2_NO_ERROR,
                          NULL, 0);
}

bool h2_session_is_draining(const struct h2_session *s)
{
    return s->draining || s->goaway_came || s->failed || s->flooded;
}

unsigned h2_session_streams(const struct h2_session *s)
{
    return s->n_streams;
}

unsigned h2_session_stream_room(const struct h2_session *s)
{
    uint32_t most = nghttp2_session_get_remote_settings(s->ng, NGHTTP2_SETTINGS_MAX_CONCURRENT_STREAMS);
    if (s->side != H2_CLIENT || h2_session_is_draining(s) || nghttp2_session_check_request_allowed(s->ng) == 0)
        return 0;
    if (most > s->limits->streams)
        most = s->limits->streams;
    return s->n_streams < most ? most - s->n_streams : 0;
}

void h2_session_ping(struct h2_session *s)
{
    nghttp2_submit_ping(s->ng, NGHTTP2_FLAG_NONE, probe_ping);
}

int64_t h2_session_last_pong_ns(const struct h2_session *s)
{
    return s->pong_ns;
}

/* ---- streams ---- */

void h2_stream_set_x(struct h2_stream *s, void *x)
{
    s->x = x;
}

void *h2_stream_x(const struct h2_stream *s)
{
    return s->x;
}

int32_t h2_stream_id(const struct h2_stream *s)
{
    return s->id;
}

static nghttp2_data_provider provider_of(struct h2_stream *st)
{
    return (nghttp2_data_provider){.source = {.ptr = st}, .read_callback = on_read};
}

struct h2_stream *h2_submit_request(struct h2_session *s, const struct h2_submit *m)
{
    struct h2_fields f;
    SL_CHECK(s->side == H2_CLIENT);
    if (h2_session_stream_room(s) == 0 || !h2_request_fields(m, &f))
        return NULL;
    struct h2_stream *st = stream_new(s, 0);
    nghttp2_data_provider body = provider_of(st);
    st->x = m->x;
    st->arena = m->arena;
    st->head_sent = true;
    st->ended = m->last;
    st->id = nghttp2_submit_request(s->ng, NULL, f.v, f.n, m->last ? NULL : &body, st);
    if (st->id >= 0)
        return st;
    stream_drop(st);
    return NULL;
}

void h2_submit_response(struct h2_stream *s, const struct http_response *r, struct sl_str date, bool last)
{
    struct h2_fields f;
    SL_CHECK(s->session->side == H2_SERVER && !s->head_sent && s->arena != NULL);
    if (s->reset)
        return;
    h2_response_fields(s->arena, r, date, &f);
    nghttp2_data_provider body = provider_of(s);
    s->head_sent = true;
    s->ended = last;
    nghttp2_submit_response(s->session->ng, s->id, f.v, f.n, last ? NULL : &body);
}

void h2_submit_informational(struct h2_stream *s, int status)
{
    struct sl_str text = status == 103 ? SL_STR("103") : SL_STR("100");
    SL_CHECK(s->session->side == H2_SERVER && (status == 100 || status == 103));
    if (s->reset || s->head_sent)
        return;
    nghttp2_nv v = {.name = (uint8_t *)(uintptr_t) ":status",
                    .namelen = 7,
                    .value = (uint8_t *)(uintptr_t)text.p,
                    .valuelen = text.n};
    nghttp2_submit_headers(s->session->ng, NGHTTP2_FLAG_NONE, s->id, NULL, &v, 1, NULL);
}

void h2_stream_write(struct h2_stream *s, const struct iovec *v, int n, bool last)
{
    if (s->reset || s->ended)
        return;
    SL_CHECK(s->head_sent);
    for (int i = 0; i < n; i++)
        SL_CHECK(sl_chunks_add(&s->out, v[i].iov_base, v[i].iov_len) == SL_OK);
    s->ended = last;
    s->full = s->full || s->out.n > s->session->limits->stream_queue_bytes / 2;
    if (s->deferred && (s->out.n > 0 || last)) {
        s->deferred = false;
        nghttp2_session_resume_data(s->session->ng, s->id);
    }
}

size_t h2_stream_room(const struct h2_stream *s)
{
    size_t most = s->session->limits->stream_queue_bytes;
    return s->out.n < most ? most - s->out.n : 0;
}

size_t h2_stream_queued(const struct h2_stream *s)
{
    return s->out.n;
}

void h2_stream_consume(struct h2_stream *s, size_t n)
{
    SL_CHECK(n <= s->unconsumed);
    s->unconsumed -= n;
    if (n != 0)
        nghttp2_session_consume(s->session->ng, s->id, n);
}

void h2_stream_reset(struct h2_stream *s, uint32_t error)
{
    if (s->reset || s->reset_behind)
        return;
    s->own_reset = true;
    if (error == H2_NO_ERROR && s->ended && !s->end_sent) {
        s->reset_behind = true;
        return;
    }
    stream_break(s, error);
}

void h2_stream_detach(struct h2_stream *s)
{
    bool server = s->session->side == H2_SERVER;
    if (!(s->ended && (server || s->last_came)))
        h2_stream_reset(s, H2_CANCEL);
    else if (!s->last_came)
        h2_stream_reset(s, H2_NO_ERROR);
    s->silent = true;
    s->arena = NULL;
    s->x = NULL;
    h2_stream_consume(s, s->unconsumed);
}
