/* See video_keep.h.
 *
 *   copies' rows ─► those that are due ─► task ─┬─ WANTED: the job's row ─► place noted ─► part by part: GET ─► sink ─► KEPT
 *                                               └─ REMOVE: part by part: keep_remove ─► the row goes
 *
 * A task that fails says so in its row, with when to try again. While it runs its row stays due, so that a kill changes nothing. */
#include "exchange/video_keep.h"

#include "base/die.h"
#include "base/log.h"
#include "base/mem.h"
#include "exchange/video_int.h"
#include "keep/remove.h"
#include "keep/sink.h"
#include "keep/sum.h"
#include "upstream/fetch.h"

#define PAGE 64u /* rows that are looked at: more than tasks can be */
#define REMOVALS_AT_ONCE 4u
#define IDLE_NS (60 * SL_SEC) /* between two looks when nothing seems due: jobs are swept by the database */
#define BUSY_NS (5 * SL_SEC)  /* the store did not answer */
#define NO_PLACE_NS (3600 * SL_SEC)
#define LAST_WAIT_NS (3600 * SL_SEC)
#define DOWNLOAD_NS (4 * 3600 * SL_SEC)
#define HOPS_MAX 3u
#define PART_TRIES 2u /* of what is not the video itself */
#define LOST_TRIES 3u /* the provider says that there is no such content */

struct keep_task {
    struct sl_list node;
    struct video_keep *keep;
    struct sl_arena a; /* own */
    struct store_copy c;
    struct store_video v;  /* id empty: not asked yet */
    struct snapshot *snap; /* ref */
    const struct keep_place *place;
    const struct snapshot_provider *at;
    struct video_copy done; /* texts in `a` */
    unsigned part;          /* enum video_part: the one in hand */
    bool again;             /* something of an earlier try may be there */
    struct keep_sink *sink;
    struct keep_remove *removal;
    /* the download of a part */
    struct sl_arena call_arena; /* own while `calling` */
    bool calling;
    struct video_call call;
    struct video_http http;
    struct upstream_origin origin;
    struct attempt_request request;
    struct attempt *attempt; /* own or NULL */
    const struct http_response *head;
    struct attempt_result result;
    struct sl_task task;
    struct sl_ended ended;
    struct sl_str link, type;
    struct video_unpack unpack; /* of an answer that has the bytes in JSON */
    uint8_t sum[TLS_SHA256_BYTES];
    bool has_sum, over, cut, renewed;
    unsigned hops;
    const char *refused; /* why the download is not wanted; NULL: it is */
};

struct video_keep {
    struct exchange_env *env; /* borrow */
    struct keep_env io;
    struct sl_list tasks;
    unsigned copying, removing;
    struct sl_timer timer;
    bool asking, poked, ending, failing;
};

static void next_part(struct keep_task *t);
static void begin_copy(struct keep_task *t);
static void look(struct video_keep *k);

static const struct keep_place *place_of(const struct exchange_env *env)
{
    return &env->epoch->snapshot->set.videos.place;
}

static int64_t wall_of(const struct video_keep *k)
{
    return sl_loop_wall(k->env->loop);
}

static void look_in(struct video_keep *k, int64_t wait_ns)
{
    struct sl_loop *l = k->env->loop;
    if (k->asking) { /* what comes may be older than what is to be looked at */
        k->poked = true;
        return;
    }
    sl_timer_arm(l, &k->timer, sl_loop_now(l) + (wait_ns > SL_MS ? wait_ns : SL_MS));
}

/* ---- tasks ---- */

static void free_task(struct sl_ended *e)
{
    sl_free(SL_CONTAINER_OF(e, struct keep_task, ended));
}

static void drop_call(struct keep_task *t)
{
    if (!t->calling)
        return;
    if (t->attempt != NULL && !t->over)
        attempt_cancel(t->attempt, false, NULL);
    attempt_free(t->attempt);
    t->attempt = NULL;
    t->head = NULL;
    t->calling = false;
    sl_task_cancel(&t->task);
    sl_arena_done(&t->call_arena);
}

static void end_task(struct keep_task *t)
{
    struct video_keep *k = t->keep;
    drop_call(t);
    keep_sink_drop(t->sink);
    keep_remove_free(t->removal);
    if (t->c.state == STORE_COPY_REMOVE)
        k->removing--;
    else
        k->copying--;
    sl_list_remove(&t->node);
    snapshot_unref(t->snap);
    sl_arena_done(&t->a);
    sl_end(k->env->loop, &t->ended, free_task);
    if (!k->ending)
        look_in(k, SL_MS);
}

static struct keep_task *find(const struct video_keep *k, struct sl_str id)
{
    SL_LIST_EACH(node, &k->tasks)
    {
        struct keep_task *t = SL_CONTAINER_OF(node, struct keep_task, node);
        if (sl_str_eq(t->c.id, id))
            return t;
    }
    return NULL;
}

/* ---- the store ---- */

/* False: there is no keeper any more; m is freed. */
static bool ask(struct video_keep *k, struct video_rows *m, void (*done)(struct video_rows *, void *))
{
    m->asker = k;
    m->done = done;
    if (k->env->videos_ask(k->env->owner, m))
        return true;
    video_rows_free(m);
    return false;
}

static void on_written(struct video_rows *m, void *receiver)
{
    struct video_keep *k = m->asker;
    (void)receiver;
    struct keep_task *t = k->ending ? NULL : find(k, m->copy.id);
    if (t != NULL)
        end_task(t);
    if (m->found == VF_FAILED && !k->ending)
        look_in(k, BUSY_NS);
    video_rows_free(m);
}

/* The row says what became of it; then the task is over. */
static void write_row(struct keep_task *t, enum store_copy_state to, int64_t due_ns, uint32_t tries)
{
    struct video_rows *m = video_rows_new(VR_COPY);
    struct sl_buf b;
    store_copy_copy(&m->copy, &t->c, &m->a);
    m->copy_from = t->c.state;
    m->copy.state = to;
    m->copy.due_ns = due_ns;
    m->copy.tries = tries;
    sl_buf_init(&b, (size_t)1 << 20);
    video_copy_write(&t->done, &b);
    m->copy.parts = sl_arena_str(&m->a, sl_buf_str(&b));
    sl_buf_done(&b);
    m->synced = to == STORE_COPY_KEPT;
    drop_call(t);
    keep_sink_drop(t->sink);
    t->sink = NULL;
    if (!ask(t->keep, m, on_written))
        end_task(t);
}

static void forget_row(struct keep_task *t)
{
    struct video_rows *m = video_rows_new(VR_COPY_GONE);
    m->copy.id = sl_arena_str(&m->a, t->c.id);
    if (!ask(t->keep, m, on_written))
        end_task(t);
}

static int64_t wait_after(const struct keep_task *t, uint32_t tries)
{
    int64_t wait = t->place->retry_ns > 0 ? t->place->retry_ns : 5 * SL_SEC;
    for (uint32_t i = 1; i < tries && wait < LAST_WAIT_NS; i++)
        wait *= 2;
    wait = wait < LAST_WAIT_NS ? wait : LAST_WAIT_NS;
    return wait - (int64_t)sl_rand_below(&t->keep->env->loop->rand, (uint64_t)wait / 4 + 1);
}

static void failed(struct keep_task *t, struct sl_str why)
{
    struct video_keep *k = t->keep;
    const char *event = t->c.state == STORE_COPY_REMOVE ? "video.copy_not_removed" : "video.copy_failed";
    uint32_t tries = t->c.tries + 1;
    int64_t wait = wait_after(t, tries);
    SL_LOG(k->failing ? SL_LOG_WARN : SL_LOG_ERROR, event, SL_LS("id", t->c.id),
           SL_LC("part", video_part_name((enum video_part)t->part)), SL_LS("place", t->place->name), SL_LS("why", why),
           SL_LI("tries", tries), SL_LI("again_ms", wait / SL_MS));
    k->failing = true;
    tel_add(k->env->tel, TEL_VIDEO_COPIES_FAILED, 1);
    write_row(t, t->c.state, wall_of(k) + wait, tries);
}

static void works(struct video_keep *k)
{
    if (k->failing)
        SL_LOG(SL_LOG_INFO, "video.copies_work_again", SL_LS("place", place_of(k->env)->name));
    k->failing = false;
}

/* ---- copying ---- */

static void part_is_done(struct keep_task *t)
{
    t->part++;
    t->link = SL_STR_NONE;
    t->hops = 0;
    drop_call(t);
    keep_sink_drop(t->sink);
    t->sink = NULL;
    next_part(t);
}

static bool has_part(const struct keep_task *t, enum video_part part)
{
    for (unsigned i = 0; i < t->done.n; i++)
        if (t->done.v[i].part == part)
            return true;
    return false;
}

static void copied(struct keep_task *t)
{
    struct video_keep *k = t->keep;
    if (!has_part(t, VIDEO_PART_VIDEO)) { /* the provider has no such thing to give: what is inline, for one */
        SL_LOG(SL_LOG_WARN, "video.copy_impossible", SL_LS("id", t->c.id), SL_LS("provider", t->v.provider));
        write_row(t, STORE_COPY_NONE, INT64_MAX, t->c.tries);
        return;
    }
    works(k);
    tel_add(k->env->tel, TEL_VIDEO_COPIES, 1);
    sl_die_at("video_copied");
    write_row(t, STORE_COPY_KEPT, t->c.until_ns, 0);
}

static void on_sunk(void *owner, const struct keep_sunk *r)
{
    struct keep_task *t = owner;
    struct video_copied *one = &t->done.v[t->done.n];
    if (!r->ok) {
        failed(t, sl_arena_str(&t->a, r->why));
        return;
    }
    char *hex = sl_arena_alloc(&t->a, 2u * TLS_SHA256_BYTES);
    sl_hex_digits(r->sha256, TLS_SHA256_BYTES, hex);
    *one = (struct video_copied){
        .part = (enum video_part)t->part,
        .bytes = r->bytes,
        .sum = sl_str_of(hex, 2u * TLS_SHA256_BYTES),
        .type = t->type,
        .etag = sl_arena_str(&t->a, r->etag),
    };
    t->done.n++;
    part_is_done(t);
}

static void on_sink_room(void *owner)
{
    struct keep_task *t = owner;
    if (t->attempt != NULL && !t->over)
        attempt_read(t->attempt, true);
}

static const struct keep_sink_owner sink_owner = {.room = on_sink_room, .over = on_sunk};

/* ---- the download ---- */

static void open_sink(struct keep_task *t, const struct http_response *head)
{
    struct sl_str name = video_copy_name(t->c.id, (enum video_part)t->part, &t->a);
    const struct http_header *type = http_headers_find(&head->headers, HN_CONTENT_TYPE);
    t->type = type != NULL && type->value.n <= 100 ? sl_arena_str(&t->a, type->value)
                                                   : SL_STR("application/octet-stream");
    t->has_sum = !t->http.unpack && keep_sum_of(&head->headers, t->sum);
    if (t->http.unpack) /* its head is about the JSON */
        t->type = SL_STR("video/mp4");
    t->sink = keep_sink_new(&t->keep->io, t->place, name, t->type, t->again, &sink_owner, t);
}

static void on_head(void *owner, const struct http_response *head)
{
    struct keep_task *t = owner;
    struct sl_str coding = http_headers_get(&head->headers, HN_CONTENT_ENCODING);
    t->head = head;
    if (head->status != 200)
        t->cut = true; /* its body is of no interest */
    else if (!t->http.unpack && head->content_length > 0 && (uint64_t)head->content_length > t->place->max_bytes)
        t->refused = "it is larger than videos.content.max_bytes";
    else if (coding.n > 0 && !sl_str_eq_nocase(coding, SL_STR("identity")))
        t->refused = "it is compressed on its way";
    else
        open_sink(t, head);
    if (t->sink == NULL)
        sl_task_post(t->keep->env->loop, &t->task);
}

static void sink_bytes(struct keep_task *t, struct sl_str bytes)
{
    char plain[4096];
    while (t->http.unpack && bytes.n > 0) {
        struct sl_str slice = sl_str_head(bytes, sizeof plain);
        keep_sink_write(t->sink, sl_str_of(plain, video_unpack(&t->unpack, slice, plain)));
        bytes = sl_str_from(bytes, slice.n);
    }
    if (bytes.n > 0)
        keep_sink_write(t->sink, bytes);
}

static void on_body(void *owner, struct sl_str bytes)
{
    struct keep_task *t = owner;
    if (t->sink == NULL || t->refused != NULL)
        return;
    if (keep_sink_bytes(t->sink) + bytes.n > t->place->max_bytes) {
        t->refused = "it is larger than videos.content.max_bytes";
        sl_task_post(t->keep->env->loop, &t->task);
        return;
    }
    sink_bytes(t, bytes);
    sl_die_at("video_copying");
    if (keep_sink_room(t->sink) == 0)
        attempt_read(t->attempt, false);
}

static void on_over(void *owner, const struct attempt_result *r)
{
    struct keep_task *t = owner;
    t->result = *r;
    t->over = true;
    sl_task_post(t->keep->env->loop, &t->task);
}

static const struct attempt_owner call_owner = {.on_head = on_head, .on_body = on_body, .on_over = on_over};

static void later(struct keep_task *t, const char *why)
{
    failed(t, sl_str_c(why));
}

/* What is not the video itself is worth a try or two. */
static bool may_be_left_out(const struct keep_task *t)
{
    return t->part != VIDEO_PART_VIDEO && t->c.tries + 1 >= PART_TRIES;
}

static void on_renewed(struct video_rows *m, void *receiver)
{
    struct video_keep *k = m->asker;
    struct keep_task *t = k->ending ? NULL : find(k, m->id);
    (void)receiver;
    if (t != NULL && m->found == VF_OK && m->n_rows > 0) {
        store_video_copy(&t->v, &m->rows[0], &t->a);
        next_part(t);
    } else if (t != NULL) {
        later(t, "the provider was not asked for new links");
    }
    video_rows_free(m);
}

/* The desk polls the job again for links that work. */
static bool renew(struct keep_task *t)
{
    struct exchange_env *env = t->keep->env;
    if (t->renewed || env->videos_renew == NULL)
        return false;
    t->renewed = t->again = true;
    t->link = SL_STR_NONE;
    t->hops = 0;
    drop_call(t);
    struct video_rows *m = video_rows_new(VR_FIND);
    m->tenant = sl_arena_str(&m->a, t->c.tenant);
    m->id = sl_arena_str(&m->a, t->c.id);
    m->now_ns = wall_of(t->keep);
    m->asker = t->keep;
    m->done = on_renewed;
    store_video_copy(&m->v, &t->v, &m->a);
    if (env->videos_renew(env->owner, m))
        return true;
    video_rows_free(m);
    return false;
}

static struct sl_str where_to(struct keep_task *t, struct sl_str to)
{
    const struct upstream_origin *at = t->http.url.n > 0 ? &t->origin : &t->at->origin;
    if (!sl_str_starts(to, SL_STR("/")) || sl_str_starts(to, SL_STR("//")))
        return sl_arena_str(&t->a, to);
    return sl_arena_printf(&t->a, "%s://" SL_STR_FMT SL_STR_FMT, at->tls ? "https" : "http", SL_STR_ARG(at->authority),
                           SL_STR_ARG(to));
}

static void other_status(struct keep_task *t, int status)
{
    struct sl_str to = http_headers_get(&t->head->headers, HN_LOCATION);
    bool gone = status == 404 || status == 410;
    if (fetch_redirects(status) && to.n > 0 && t->hops++ < HOPS_MAX) {
        t->link = where_to(t, to);
        drop_call(t);
        next_part(t);
    } else if (t->part != VIDEO_PART_VIDEO && status >= 400 && status < 500 && status != 429) {
        part_is_done(t); /* it has no such part */
    } else if ((gone || status == 401 || status == 403) && renew(t)) {
        return;
    } else if (gone && t->c.tries + 1 >= LOST_TRIES) {
        SL_LOG(SL_LOG_WARN, "video.copy_impossible", SL_LS("id", t->c.id), SL_LS("provider", t->v.provider),
               SL_LI("status", status));
        write_row(t, STORE_COPY_NONE, INT64_MAX, t->c.tries);
    } else if (may_be_left_out(t)) {
        part_is_done(t);
    } else {
        failed(t, sl_arena_printf(&t->a, "the provider answers %d", status));
    }
}

static void call_over(struct sl_task *task)
{
    struct keep_task *t = SL_CONTAINER_OF(task, struct keep_task, task);
    if (t->refused != NULL) {
        SL_LOG(SL_LOG_WARN, "video.copy_refused", SL_LS("id", t->c.id), SL_LC("why", t->refused));
        if (t->part != VIDEO_PART_VIDEO)
            part_is_done(t);
        else
            write_row(t, STORE_COPY_NONE, INT64_MAX, t->c.tries);
        return;
    }
    if (t->head != NULL && t->head->status != 200) {
        other_status(t, t->head->status);
        return;
    }
    bool whole = t->result.outcome == OUT_OK && (!t->http.unpack || video_unpack_whole(&t->unpack));
    if (whole && keep_sink_bytes(t->sink) > 0)
        keep_sink_end(t->sink, t->has_sum ? t->sum : NULL);
    else if (may_be_left_out(t))
        part_is_done(t);
    else
        failed(t, t->result.outcome == OUT_OK ? SL_STR("the provider gave no bytes")
                                              : outcome_row(t->result.outcome)->name);
}

/* False: not now, a token is being fetched. */
static bool send_call(struct keep_task *t)
{
    struct video_keep *k = t->keep;
    struct sl_str authorization = SL_STR_NONE;
    const char *why = NULL;
    if (!credential_for(k->env, t->snap, t->at, &t->call_arena, &authorization))
        return false;
    const struct video_send s = {
        .env = k->env,
        .snap = t->snap,
        .at = t->at,
        .credential = video_credential_find(k->env, &t->at->provider, t->v.credential),
        .authorization = authorization,
        .http = &t->http,
        .body = {(void *)(uintptr_t)t->http.body.p, t->http.body.n},
    };
    if (!video_send_fill(&s, &t->call_arena, &t->origin, &t->request, &why))
        return false;
    t->request.deadlines.total_due_ns = sl_loop_now(k->env->loop) + DOWNLOAD_NS;
    t->attempt = attempt_start(k->env->upstream, &t->call_arena, &t->request, &call_owner, t);
    return true;
}

static void start_part(struct keep_task *t)
{
    struct video_job made;
    sl_arena_init(&t->call_arena, NULL);
    t->calling = true;
    t->over = t->cut = t->has_sum = false;
    t->refused = NULL;
    t->unpack = (struct video_unpack){.state = 0};
    t->result = (struct attempt_result){0};
    t->http = (struct video_http){.method = HTTP_GET};
    video_call_fill(&t->call, t->at, &t->v, &t->call_arena);
    video_result_read(t->v.result, &t->call_arena, &made);
    if (t->call.adapter == NULL ||
        !t->call.adapter->content_write(&t->call, &made, (enum video_part)t->part, &t->http)) {
        part_is_done(t);
        return;
    }
    if (t->link.n > 0)
        t->http = (struct video_http){.method = HTTP_GET, .url = t->link, .keyless = true};
    t->unpack.data = t->call.adapter->inline_data;
    if (!send_call(t))
        later(t, "the provider cannot be asked now");
}

static void next_part(struct keep_task *t)
{
    while (t->part < VIDEO_CONTENT_MAX && has_part(t, (enum video_part)t->part))
        t->part++;
    if (t->part < VIDEO_CONTENT_MAX)
        start_part(t);
    else
        copied(t);
}

static const struct snapshot_provider *provider_of(const struct snapshot *s, struct sl_str name)
{
    for (size_t i = 0; i < s->n_providers; i++)
        if (sl_str_eq(s->providers[i].provider.name, name))
            return &s->providers[i];
    return NULL;
}

/* Where it goes is on the disk before a byte is there. */
static void on_placed(struct video_rows *m, void *receiver)
{
    struct video_keep *k = m->asker;
    struct keep_task *t = k->ending ? NULL : find(k, m->copy.id);
    (void)receiver;
    if (t != NULL && m->found == VF_OK)
        next_part(t);
    else if (t != NULL)
        end_task(t); /* it is to be removed now; or the store does not write */
    if (m->found == VF_FAILED && !k->ending)
        look_in(k, BUSY_NS);
    video_rows_free(m);
}

static void begin_copy(struct keep_task *t)
{
    t->at = provider_of(t->snap, t->v.provider);
    if (t->at == NULL) {
        later(t, "its provider is configured no more");
        return;
    }
    t->again = t->c.place.n > 0;
    if (sl_str_eq(t->c.place, t->place->name)) {
        next_part(t);
        return;
    }
    t->done.n = 0;
    t->c.place = t->place->name;
    struct video_rows *m = video_rows_new(VR_COPY);
    store_copy_copy(&m->copy, &t->c, &m->a);
    m->copy.parts = SL_STR_NONE;
    m->copy_from = t->c.state;
    m->synced = true;
    if (!ask(t->keep, m, on_placed))
        end_task(t);
}

static void on_job(struct video_rows *m, void *receiver)
{
    struct video_keep *k = m->asker;
    struct keep_task *t = k->ending ? NULL : find(k, m->id);
    (void)receiver;
    if (t != NULL && m->found == VF_OK && m->n_rows > 0) {
        store_video_copy(&t->v, &m->rows[0], &t->a);
        if (video_keeps_nothing(t->snap, t->v.tenant, t->v.provider))
            write_row(t, STORE_COPY_REMOVE, 0, 0);
        else
            begin_copy(t);
    } else if (t != NULL && m->found == VF_NONE) {
        write_row(t, STORE_COPY_REMOVE, 0, 0); /* the job is nobody's any more */
    } else if (t != NULL) {
        end_task(t);
        look_in(k, BUSY_NS);
    }
    video_rows_free(m);
}

static void ask_job(struct keep_task *t)
{
    struct video_rows *m = video_rows_new(VR_FIND);
    m->tenant = sl_arena_str(&m->a, t->c.tenant);
    m->id = sl_arena_str(&m->a, t->c.id);
    m->now_ns = wall_of(t->keep);
    if (!ask(t->keep, m, on_job))
        end_task(t);
}

/* ---- removing ---- */

static void remove_next(struct keep_task *t);

static void on_removed(void *owner, struct keep_remove *r, bool ok, struct sl_str why)
{
    struct keep_task *t = owner;
    struct sl_str said = sl_arena_str(&t->a, why);
    t->removal = NULL;
    keep_remove_free(r);
    if (!ok) {
        failed(t, said);
        return;
    }
    t->part++;
    remove_next(t);
}

static void remove_next(struct keep_task *t)
{
    if (t->part >= VIDEO_CONTENT_MAX) {
        works(t->keep);
        forget_row(t);
        return;
    }
    struct sl_str name = video_copy_name(t->c.id, (enum video_part)t->part, &t->a);
    t->removal = keep_remove_start(&t->keep->io, t->place, name, on_removed, t);
}

/* ---- who is next ---- */

static struct keep_task *new_task(struct video_keep *k, const struct store_copy *c)
{
    struct keep_task *t = SL_NEW(struct keep_task);
    t->keep = k;
    sl_arena_init(&t->a, NULL);
    store_copy_copy(&t->c, c, &t->a);
    video_copy_read(t->c.parts, &t->a, &t->done);
    t->snap = snapshot_ref(k->env->epoch->snapshot);
    t->place = &t->snap->set.videos.place;
    sl_task_init(&t->task, call_over);
    sl_list_init(&t->node);
    sl_list_add_tail(&k->tasks, &t->node);
    if (c->state == STORE_COPY_REMOVE)
        k->removing++;
    else
        k->copying++;
    return t;
}

static void start_wanted(struct keep_task *t)
{
    if (t->c.until_ns <= wall_of(t->keep))
        write_row(t, STORE_COPY_REMOVE, 0, 0);
    else if (t->place->kind == KEEP_NOWHERE) /* since a reload */
        write_row(t, t->c.state, wall_of(t->keep) + NO_PLACE_NS, t->c.tries);
    else
        ask_job(t);
}

static void start_removal(struct keep_task *t)
{
    if (t->c.place.n == 0) { /* nothing was ever written */
        forget_row(t);
    } else if (!sl_str_eq(t->c.place, t->place->name)) {
        SL_LOG(SL_LOG_WARN, "video.copy_out_of_reach", SL_LS("id", t->c.id), SL_LS("place", t->c.place));
        write_row(t, t->c.state, wall_of(t->keep) + NO_PLACE_NS, t->c.tries);
    } else {
        remove_next(t);
    }
}

static void start(struct video_keep *k, const struct store_copy *c)
{
    bool remove = c->state == STORE_COPY_REMOVE;
    unsigned most = place_of(k->env)->parallel > 0 ? place_of(k->env)->parallel : 1;
    if (find(k, c->id) != NULL || !keep_name_is(c->id) ||
        (remove ? k->removing >= REMOVALS_AT_ONCE : k->copying >= most))
        return;
    struct keep_task *t = new_task(k, c);
    if (remove)
        start_removal(t);
    else if (c->state == STORE_COPY_WANTED)
        start_wanted(t);
    else
        write_row(t, STORE_COPY_REMOVE, 0, 0); /* its time is over */
}

static void on_due(struct video_rows *m, void *receiver)
{
    struct video_keep *k = m->asker;
    int64_t now = wall_of(k), wait = IDLE_NS;
    (void)receiver;
    k->asking = false;
    if (m->found == VF_FAILED)
        wait = BUSY_NS;
    for (size_t i = 0; i < m->n_copies && !k->ending; i++) {
        if (m->copies[i].due_ns <= now) {
            start(k, &m->copies[i]);
        } else {
            wait = m->copies[i].due_ns - now < wait ? m->copies[i].due_ns - now : wait;
            break;
        }
    }
    if (k->poked)
        wait = 0;
    k->poked = false;
    if (!k->ending)
        look_in(k, wait);
    video_rows_free(m);
}

static void look(struct video_keep *k)
{
    struct video_rows *m = video_rows_new(VR_COPIES);
    m->page.limit = PAGE;
    k->asking = ask(k, m, on_due);
}

static void on_timer(struct sl_timer *timer)
{
    struct video_keep *k = SL_CONTAINER_OF(timer, struct video_keep, timer);
    if (!k->ending && !k->asking)
        look(k);
}

/* ---- from outside ---- */

bool video_keep_wants(const struct exchange_env *env, const struct store_video *v, struct store_copy *to)
{
    const struct keep_place *place = place_of(env);
    if (place->kind == KEEP_NOWHERE || v->state != STORE_VIDEO_COMPLETED || v->deleted ||
        video_keeps_nothing(env->epoch->snapshot, v->tenant, v->provider))
        return false;
    int64_t until = place->for_ns > 0 ? v->ended_ns + place->for_ns : v->expires_ns;
    *to = (struct store_copy){
        .id = v->id,
        .tenant = v->tenant,
        .state = STORE_COPY_WANTED,
        .until_ns = until < v->expires_ns ? until : v->expires_ns,
    };
    return true;
}

struct video_keep *video_keep_new(struct exchange_env *env)
{
    struct video_keep *k = SL_NEW(struct video_keep);
    k->env = env;
    k->io = (struct keep_env){.loop = env->loop, .upstream = env->upstream};
    sl_list_init(&k->tasks);
    sl_timer_init(&k->timer, on_timer);
    return k;
}

void video_keep_start(struct video_keep *k)
{
    look(k);
}

void video_keep_poke(struct video_keep *k)
{
    if (!k->ending)
        look_in(k, 0);
}

void video_keep_end(struct video_keep *k)
{
    k->ending = true;
    sl_timer_cancel(k->env->loop, &k->timer);
    SL_LIST_EACH(node, &k->tasks)
    end_task(SL_CONTAINER_OF(node, struct keep_task, node));
}

void video_keep_free(struct video_keep *k)
{
    sl_free(k);
}
