/* RECALL of video jobs: what the path names is asked of the keeper. Retrieve, list, delete and cancel are answered from the rows;
 * the content and a remix go to TRY and PLAN with what was found. docs/internals/jobs.md. */
#include "exchange/video_int.h"
#include "http/url.h"

#define LISTED_BYTES ((size_t)64 << 20)
#define HINT_ID 64u
#define PAGE_DEFAULT 20u
#define PAGE_MAX 100u

bool video_recalls(const struct exchange *x)
{
    return x->op->stored || x->match.op == OP_VIDEO_REMIX || (x->video != NULL && x->video->has_once);
}

enum step video_refuse_unknown(struct exchange *x)
{
    return exchange_refuse_with(
        x, &(struct error_facts){.error = GE_VIDEO_UNKNOWN,
                                 .message = sl_arena_printf(x->a, "Video with id '" SL_STR_FMT "' not found.",
                                                            SL_STR_ARG(sl_str_head(x->video->id, HINT_ID)))});
}

enum step video_answer(struct exchange *x, struct sl_buf *b)
{
    bool over = b->over;
    x->own_body = sl_arena_str(x->a, sl_buf_str(b));
    sl_buf_done(b);
    if (over)
        return exchange_refuse(x, GE_INTERNAL);
    exchange_ends(x, ACCESS_GATEWAY, SL_STR("ok"));
    exchange_goto(x, XS_RESPOND);
    return STEP_GO;
}

/* Pollers of OpenAI's libraries keep the first number that they are told. */
void video_headers(struct exchange *x, struct http_headers *to)
{
    if (x->video != NULL && x->video->replayed)
        http_headers_add(to, x->a, SL_STR("idempotent-replayed"), SL_STR("true"));
    if (!x->match.ark && !x->match.google)
        http_headers_add(to, x->a, SL_STR("openai-poll-after-ms"), sl_arena_printf(x->a, "%d", VIDEO_POLL_AFTER_MS));
}

/* ---- the face's words ---- */

/* What an operation of this job is called by who asked for it: as it was asked for, so that libraries ask at the same place again. */
static struct sl_str google_name(struct exchange *x, const struct store_video *row)
{
    struct sl_str path = x->req->path;
    ptrdiff_t at = sl_str_find_str(path, SL_STR("/projects/")), verb = sl_str_find_str(path, SL_STR(":predict"));
    if (x->match.op == OP_VIDEO_FETCH)
        return x->video->operation;
    if (at < 0)
        at = sl_str_find_str(path, SL_STR("/publishers/"));
    if (at < 0)
        at = sl_str_find_str(path, SL_STR("/models/"));
    if (at < 0) /* "/v1beta/operations/ID" */
        return sl_arena_printf(x->a, "operations/" SL_STR_FMT, SL_STR_ARG(row->id));
    struct sl_str name = sl_str_from(path, (size_t)at + 1);
    if (verb < at)
        return name;
    name = sl_str_of(name.p, (size_t)(verb - at) - 1);
    return sl_arena_printf(x->a, SL_STR_FMT "/operations/" SL_STR_FMT, SL_STR_ARG(name), SL_STR_ARG(row->id));
}

static bool is_vertex(const struct exchange *x)
{
    return x->match.op == OP_VIDEO_FETCH || sl_str_find_str(x->req->path, SL_STR("/publishers/")) >= 0;
}

/* Google's library reads "files/" and the small letters and digits behind it. */
static struct sl_str google_url(struct exchange *x, struct sl_str id)
{
    const struct http_header *proto = http_headers_find(&x->req->headers, HN_X_FORWARDED_PROTO);
    bool tls = x->stream->tls || (proto != NULL && sl_str_eq(proto->value, SL_STR("https")));
    struct sl_str host = x->req->authority;
    if (host.n == 0)
        host = http_headers_get(&x->req->headers, HN_HOST);
    return sl_arena_printf(x->a, "%s://" SL_STR_FMT "/v1beta/files/video" SL_STR_FMT ":download?alt=media",
                           tls ? "https" : "http", SL_STR_ARG(host), SL_STR_ARG(sl_str_from(id, SL_STR("video_").n)));
}

/* Where its bytes are, at this gateway. */
static struct sl_str content_url(struct exchange *x, struct sl_str id, const char *variant)
{
    struct sl_str host = x->req->authority;
    if (host.n == 0)
        host = http_headers_get(&x->req->headers, HN_HOST);
    return sl_arena_printf(x->a, "%s://" SL_STR_FMT "/v1/videos/" SL_STR_FMT "/content%s",
                           x->stream->tls ? "https" : "http", SL_STR_ARG(host), SL_STR_ARG(id), variant);
}

static void view_of(struct exchange *x, const struct store_video *row, struct video_view *v)
{
    video_view_of(row, sl_loop_wall(x->env->loop), x->a, v);
    if (v->status == VIDEO_COMPLETED && x->match.google)
        v->video_url = google_url(x, row->id);
    if (!x->match.ark || v->status != VIDEO_COMPLETED)
        return;
    struct video_job made;
    video_result_read(row->result, x->a, &made);
    for (unsigned i = 0; i < made.n_content; i++)
        if (made.content[i].part == VIDEO_PART_LAST_FRAME)
            v->last_frame_url = content_url(x, row->id, "?variant=last_frame");
    v->video_url = content_url(x, row->id, "");
}

void video_show(struct exchange *x, const struct store_video *row, struct sl_buf *out)
{
    struct video_view v;
    view_of(x, row, &v);
    if (x->match.google)
        video_google_write(&v, google_name(x, row), is_vertex(x), out);
    else if (!x->match.ark)
        video_openai_write(&v, out);
    else if (x->match.op == OP_VIDEO)
        video_ark_created_write(&v, out);
    else
        video_ark_write(&v, out);
}

static enum step answer_row(struct exchange *x, const struct store_video *row)
{
    struct sl_buf b;
    sl_buf_init(&b, LISTED_BYTES);
    video_show(x, row, &b);
    return video_answer(x, &b);
}

/* ---- list ---- */

static uint64_t query_number(const struct exchange *x, const char *name, uint64_t otherwise)
{
    struct sl_str v;
    uint64_t n = 0;
    if (!url_query_find(x->req->query, sl_str_c(name), &v) || !sl_str_to_u64(v, &n))
        return otherwise;
    return n;
}

static struct sl_str query_text(const struct exchange *x, const char *name)
{
    struct sl_str v = SL_STR_NONE;
    return url_query_find(x->req->query, sl_str_c(name), &v) ? v : SL_STR_NONE;
}

/* Ark's pages are counted, ours begin behind an id: enough rows are asked for to count. */
static struct video_rows *list_question(struct exchange *x)
{
    struct video_rows *j = video_rows_new(VR_LIST);
    uint64_t limit = query_number(x, "limit", PAGE_DEFAULT);
    struct sl_str order = query_text(x, "order");
    j->page = (struct store_video_page){
        .tenant = sl_arena_str(&j->a, x->key->tenant),
        .after = sl_arena_str(&j->a, query_text(x, "after")),
        .now_ns = sl_loop_wall(x->env->loop),
        .limit = (uint32_t)(limit == 0         ? 1
                            : limit > PAGE_MAX ? PAGE_MAX
                                               : limit),
        .ascending = sl_str_eq(order, SL_STR("asc")),
    };
    if (x->match.ark) {
        j->page.after = SL_STR_NONE;
        j->page.limit = 500;
        j->page.ascending = false;
    }
    return j;
}

static bool ark_wants(const struct video_ark_list *q, const struct video_view *v)
{
    bool named = q->n_task_ids == 0;
    for (unsigned i = 0; i < q->n_task_ids && !named; i++)
        named = sl_str_eq(q->task_ids[i], v->id);
    return named && (q->model.n == 0 || sl_str_eq(q->model, v->model)) &&
           (q->status.n == 0 || sl_str_eq(q->status, sl_str_c(video_ark_status(v->status, v->reason)))) &&
           (q->service_tier.n == 0 || v->service_tier.n == 0 || sl_str_eq(q->service_tier, v->service_tier));
}

static enum step answer_ark_list(struct exchange *x, const struct video_rows *j)
{
    struct video_ark_list q = {0};
    struct video_refusal no = {0};
    struct sl_buf b;
    if (!video_ark_list_read(x->req->query, x->a, &q, &no))
        return exchange_refuse_with(
            x, &(struct error_facts){.error = GE_MEMBER_VALUE, .param = no.param, .message = no.message});
    struct video_view *v = sl_arena_alloc(x->a, (j->n_rows + 1) * sizeof *v);
    unsigned n = 0;
    for (size_t i = 0; i < j->n_rows; i++) {
        view_of(x, &j->rows[i], &v[n]);
        n += ark_wants(&q, &v[n]);
    }
    unsigned from = q.page > 0 ? (q.page - 1) * q.size : 0;
    unsigned here = from >= n ? 0 : n - from < q.size ? n - from : q.size;
    sl_buf_init(&b, LISTED_BYTES);
    video_ark_list_write(v + (from < n ? from : 0), here, n, &b);
    return video_answer(x, &b);
}

static enum step answer_list(struct exchange *x, const struct video_rows *j)
{
    struct sl_buf b;
    if (x->match.ark)
        return answer_ark_list(x, j);
    struct video_view *v = sl_arena_alloc(x->a, (j->n_rows + 1) * sizeof *v);
    for (size_t i = 0; i < j->n_rows; i++)
        view_of(x, &j->rows[i], &v[i]);
    sl_buf_init(&b, LISTED_BYTES);
    video_openai_list_write(v, (unsigned)j->n_rows, j->more, &b);
    return video_answer(x, &b);
}

/* ---- one job ---- */

struct video_rows *video_find(struct exchange *x, struct sl_str id)
{
    struct video_rows *j = video_rows_new(x->match.op == OP_VIDEO_DELETE ? VR_DELETE : VR_FIND);
    j->tenant = sl_arena_str(&j->a, x->key->tenant);
    j->id = sl_arena_str(&j->a, id);
    j->now_ns = sl_loop_wall(x->env->loop);
    j->synced = j->tell = j->kind == VR_DELETE;
    j->with_copy = x->match.op == OP_VIDEO_CONTENT;
    return j;
}

static enum step answer_deleted(struct exchange *x, const struct store_video *row)
{
    struct sl_buf b;
    sl_buf_init(&b, 4096);
    if (x->match.ark)
        sl_buf_adds(&b, SL_STR("{}"));
    else
        video_openai_deleted_write(row->id, &b);
    return video_answer(x, &b);
}

/* The client sees it cancelled from now on; what the provider does, the desk finds out. */
static enum step cancel(struct exchange *x, const struct store_video *row)
{
    struct exchange_video *v = x->video;
    if (video_state_is_over(row->state))
        return answer_row(x, row);
    store_video_copy(&v->row, row, x->a);
    v->row.state = STORE_VIDEO_CANCELLED;
    v->row.ended_ns = sl_loop_wall(x->env->loop);
    struct video_rows *j = video_rows_new(VR_PUT);
    store_video_copy(&j->v, &v->row, &j->a);
    j->synced = j->tell = true;
    return video_ask(x, j) ? STEP_WAIT : exchange_refuse(x, GE_STORE_UNAVAILABLE);
}

/* A remix is made where its source was. */
static enum step remix(struct exchange *x, const struct store_video *row)
{
    struct exchange_video *v = x->video;
    if (row->state != STORE_VIDEO_COMPLETED)
        return exchange_refuse_with(x,
                                    &(struct error_facts){.error = GE_VIDEO_NOT_READY,
                                                          .message = SL_STR("Only a finished video can be remixed.")});
    store_video_copy(&v->source, row, x->a);
    video_result_read(v->source.result, x->a, &v->made);
    x->facts.model = v->source.model;
    v->req.model = v->source.model;
    return video_pin(x, &v->source, "has the source");
}

enum step video_pin(struct exchange *x, const struct store_video *row, const char *why)
{
    for (size_t i = 0; i < x->snap->n_providers; i++) {
        const struct snapshot_provider *at = &x->snap->providers[i];
        if (!sl_str_eq(at->provider.name, row->provider))
            continue;
        struct route_candidate *c = SL_ARENA_NEW(x->a, struct route_candidate);
        *c = (struct route_candidate){
            .asked = row->model,
            .provider = at->provider.name,
            .model = row->target,
            .provider_index = (uint32_t)i,
            .target_index = route_policy_target_of(x->snap->policy, (uint32_t)i, row->target),
            .why = why,
        };
        x->plan = (struct route_plan){.candidates = c, .n = 1};
        x->facts.model = row->model;
        x->stored.provider = row->provider;
        x->stored.credential = row->credential;
        exchange_goto(x, XS_TRY);
        return STEP_GO;
    }
    return exchange_refuse_with(x, &(struct error_facts){
                                       .error = GE_VIDEO_EXPIRED,
                                       .message = SL_STR("The provider that made this video is configured no more."),
                                   });
}

static enum step found(struct exchange *x, const struct video_rows *j)
{
    if (x->match.op == OP_VIDEO_LIST)
        return answer_list(x, j);
    const struct store_video *row = j->n_rows > 0 ? &j->rows[0] : NULL;
    switch (x->match.op) {
    case OP_VIDEO_DELETE:
        return answer_deleted(x, row);
    case OP_VIDEO_CANCEL:
        return cancel(x, row);
    case OP_VIDEO_CONTENT:
        x->video->found = row;
        return video_content_begin(x);
    case OP_VIDEO_REMIX:
        return remix(x, row);
    default:
        return answer_row(x, row);
    }
}

static enum step ask(struct exchange *x)
{
    struct exchange_video *v = video_open(x);
    if (x->match.op == OP_VIDEO_LIST)
        return video_ask(x, list_question(x)) ? STEP_WAIT : exchange_refuse(x, GE_STORE_UNAVAILABLE);
    if (v->id.n == 0 && !operation_model_id(&x->match, x->a, &v->id))
        return video_refuse_unknown(x);
    if (x->match.google && x->match.op == OP_VIDEO_CONTENT) /* said without what a file's name cannot have */
        v->id = sl_arena_printf(x->a, "video_" SL_STR_FMT, SL_STR_ARG(x->match.model));
    return video_ask(x, video_find(x, v->id)) ? STEP_WAIT : exchange_refuse(x, GE_STORE_UNAVAILABLE);
}

enum step video_recall(struct exchange *x)
{
    bool gone = exchange_take(x, EV_GONE);
    if (gone || x->timed_out)
        video_forget(x);
    if (gone)
        return exchange_client_gone(x);
    if (x->video != NULL && x->video->serving != NULL)
        return video_kept_step(x);
    if (x->timed_out)
        return exchange_refuse(x, GE_TIMEOUT);
    exchange_take(x, EV_STORED | EV_DEADLINE);
    if (video_waits(x))
        return STEP_WAIT;
    const struct video_rows *j = x->video != NULL ? x->video->answer : NULL;
    if (j == NULL)
        return x->video != NULL && x->video->has_once ? video_once_ask(x) : ask(x);
    if (j->found == VF_FAILED)
        return exchange_refuse(x, GE_STORE_UNAVAILABLE);
    if (j->kind == VR_ONCE && j->found == VF_TAKEN)
        return video_once_answer(x, j);
    if (j->kind == VR_ONCE && x->match.op == OP_VIDEO_REMIX)
        return ask(x);
    if (j->kind == VR_ONCE) {
        exchange_goto(x, XS_PLAN);
        return STEP_GO;
    }
    if (j->kind == VR_PUT && j->found == VF_NONE) { /* it ended meanwhile */
        return ask(x);
    }
    if (j->kind == VR_PUT)
        return answer_row(x, &x->video->row);
    if (j->found == VF_NONE)
        return video_refuse_unknown(x);
    return found(x, j);
}
