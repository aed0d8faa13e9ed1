/* Making a video job: docs/internals/jobs.md. The exchange goes its usual way (READ_BODY ... PLAN, TRY); here is what differs:
 *
 *   READ_BODY  video_understand   the face's words
 *   TRY        video_request      the candidate's body
 *              video_begin        the row, on the disk, before anything is sent       ─► VW_ROW ─► the attempt
 *              video_outcome      created, not created, unclear
 *              video_taken        the row with the provider's task, on the disk        ─► VW_TAKEN ─► RESPOND
 *   SETTLE     video_end          a row that got no task: failed, or unclear
 *
 * Once the request is on its way the client may go: the job does not. */
#include "base/die.h"
#include "exchange/video_hook.h"
#include "exchange/video_int.h"
#include "http/multipart.h"
#include "tokens/estimate.h"

#define BODY_BYTES ((size_t)256 << 20)
#define FIELDS_MAX 128u

/* ---- asking the keeper ---- */

static void drop_rows(void *j)
{
    video_rows_free(j);
}

void exchange_videos(struct video_rows *j)
{
    struct exchange *x = j->asker;
    if (x == NULL) {
        video_rows_free(j);
        return;
    }
    SL_DCHECK(x->magic == EXCHANGE_MAGIC && x->video->waiting == j);
    x->video->waiting = NULL;
    x->video->answer = j;
    sl_arena_on_drop(x->a, drop_rows, j);
    exchange_wake(x, EV_STORED);
}

bool video_ask(struct exchange *x, struct video_rows *j)
{
    j->asker = x;
    if (x->env->videos_ask == NULL || !x->env->videos_ask(x->env->owner, j)) {
        video_rows_free(j);
        return false;
    }
    x->video->waiting = j;
    return true;
}

void video_forget(struct exchange *x)
{
    if (x->video == NULL)
        return;
    if (x->video->waiting != NULL)
        x->video->waiting->asker = NULL;
    x->video->waiting = NULL;
    x->video->wait = VW_NOTHING;
}

bool video_waits(const struct exchange *x)
{
    return x->video != NULL && (x->video->waiting != NULL || x->video->serving != NULL);
}

bool video_is_waiting(const struct exchange *x)
{
    return x->video != NULL && x->video->wait != VW_NOTHING;
}

bool video_wants_links(const struct exchange *x)
{
    return x->video != NULL && x->video->wait == VW_LINKS;
}

bool video_goes_on(const struct exchange *x)
{
    return x->video != NULL && x->video->sending;
}

bool video_creates(const struct exchange *x)
{
    return x->op->video && !x->op->stored;
}

/* ---- READ_BODY ---- */

static enum gateway_error error_of(struct sl_str code)
{
    static const struct {
        struct sl_str code;
        enum gateway_error error;
    } rows[] = {
        {SL_STR_INIT("unsupported_parameter"), GE_UNSUPPORTED},
        {SL_STR_INIT("missing_required_parameter"), GE_MEMBER_MISSING},
        {SL_STR_INIT("invalid_json"), GE_BODY_INVALID},
        {SL_STR_INIT("invalid_type"), GE_MEMBER_TYPE},
    };
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++)
        if (sl_str_eq(code, rows[i].code))
            return rows[i].error;
    return GE_MEMBER_VALUE;
}

/* Google's errors have no place for a parameter but their text. */
static struct error_facts refusal_of(struct exchange *x, const struct video_refusal *no)
{
    bool named = !x->match.google || no->param.n == 0 || sl_str_find_str(no->message, no->param) >= 0;
    return (struct error_facts){
        .error = error_of(no->code),
        .param = sl_arena_str(x->a, no->param),
        .message = named ? sl_arena_str(x->a, no->message)
                         : sl_arena_printf(x->a, "'" SL_STR_FMT "': " SL_STR_FMT, SL_STR_ARG(no->param),
                                           SL_STR_ARG(no->message)),
    };
}

struct exchange_video *video_open(struct exchange *x)
{
    if (x->video == NULL)
        x->video = SL_ARENA_NEW(x->a, struct exchange_video);
    return x->video;
}

static struct sl_str lower(struct sl_arena *a, struct sl_str s)
{
    char *p = sl_arena_alloc(a, s.n + 1);
    for (size_t i = 0; i < s.n; i++)
        p[i] = sl_lower(s.p[i]);
    return sl_str_of(p, s.n);
}

/* Slices that follow each other in the body are one; others are copied together. */
static void join(struct sl_arena *a, struct sl_str *to, struct sl_str more)
{
    if (to->n == 0) {
        *to = more;
    } else if (to->p + to->n == more.p) {
        to->n += more.n;
    } else {
        char *p = sl_arena_alloc(a, to->n + more.n);
        memcpy(p, to->p, to->n);
        memcpy(p + to->n, more.p, more.n);
        *to = sl_str_of(p, to->n + more.n);
    }
}

/* The fields of a form, views of the body: it is fed in one piece. */
static bool read_fields(struct exchange *x, struct video_field *v, unsigned *out_n, struct video_refusal *no)
{
    struct multipart m;
    struct sl_str boundary, in = x->body_text, data;
    enum multipart_event e = MULTIPART_BAD;
    unsigned n = 0;
    *no = (struct video_refusal){.code = SL_STR("invalid_value"),
                                 .message = SL_STR("The body is no form: its content-type names no boundary.")};
    if (!multipart_boundary(http_headers_get(&x->req->headers, HN_CONTENT_TYPE), &boundary))
        return false;
    multipart_init(&m, boundary, NULL);
    while ((e = multipart_next(&m, &in, &data)) != MULTIPART_MORE && e != MULTIPART_BAD && e != MULTIPART_END) {
        if (e == MULTIPART_PART && n < FIELDS_MAX)
            v[n++] = (struct video_field){.name = sl_arena_str(x->a, m.part.name),
                                          .filename = m.part.has_filename && m.part.filename.n == 0
                                                          ? SL_STR("file")
                                                          : sl_arena_str(x->a, m.part.filename),
                                          .mime = lower(x->a, m.part.type)};
        else if (e == MULTIPART_DATA && n > 0)
            join(x->a, &v[n - 1].value, data);
    }
    bool whole = e == MULTIPART_END || multipart_is_whole(&m);
    if (e == MULTIPART_BAD)
        no->message = sl_str_c(m.error);
    else
        no->message = n == FIELDS_MAX ? SL_STR("The form has too many fields.") : SL_STR("The form was cut short.");
    multipart_done(&m);
    *out_n = n;
    return whole && n < FIELDS_MAX;
}

static bool read_openai(struct exchange *x, struct video_refusal *no)
{
    enum video_work work = x->match.op == OP_VIDEO_REMIX ? VIDEO_REMIX : VIDEO_GENERATE;
    struct video_request *req = &x->video->req;
    unsigned n = 0;
    if (!sl_str_starts_nocase(http_headers_get(&x->req->headers, HN_CONTENT_TYPE), SL_STR("multipart/")))
        return video_openai_read(work, x->body_text, x->a, req, no);
    struct video_field *v = sl_arena_alloc(x->a, FIELDS_MAX * sizeof *v);
    if (!read_fields(x, v, &n, no))
        return false;
    x->video->fields = v;
    x->video->n_fields = n;
    return video_openai_read_fields(work, v, n, x->a, req, no);
}

/* Refused before anything is spent, rather than never told. */
static bool hook_fits(struct exchange *x, struct error_facts *out)
{
    const char *why = "has nobody to send it: this gateway sends no webhooks (videos.webhook_secret)";
    if (video_hook_may(x->snap, x->key->tenant))
        why = video_hook_refusal(x->snap, x->video->req.callback, x->a);
    if (why == NULL)
        return true;
    const char *name = x->match.ark ? "callback_url" : "webhook_url";
    *out = (struct error_facts){
        .error = GE_MEMBER_VALUE, .param = sl_str_c(name), .message = sl_arena_printf(x->a, "'%s' %s.", name, why)};
    return false;
}

static enum step refuse_body(struct exchange *x, const struct video_refusal *no)
{
    struct error_facts bad = refusal_of(x, no);
    tel_refuse(x->env->tel, TEL_WHY_BODY);
    return exchange_refuse_with(x, &bad);
}

/* Vertex' clients ask for a job with its name in a body. */
static enum step understand_fetch(struct exchange *x)
{
    struct exchange_video *v = x->video;
    struct video_refusal no = {0};
    if (!video_google_fetch_read(x->body_text, x->a, &v->operation, &no))
        return refuse_body(x, &no);
    v->id = video_google_id(v->operation);
    if (v->id.n == 0)
        return video_refuse_unknown(x);
    x->facts = (struct request_facts){.op = x->match.op, .n = 1};
    exchange_goto(x, XS_ADMIT);
    return STEP_GO;
}

static bool read_face(struct exchange *x, struct video_refusal *no)
{
    struct exchange_video *v = x->video;
    if (x->match.google)
        return video_google_read(v->id, x->body_text, x->a, &v->req, no);
    return x->match.ark ? video_ark_read(x->body_text, x->a, &v->req, no) : read_openai(x, no);
}

enum step video_understand(struct exchange *x)
{
    struct exchange_video *v = video_open(x);
    struct video_refusal no = {0};
    struct error_facts bad = {0};
    if (x->match.op == OP_VIDEO_FETCH)
        return understand_fetch(x);
    if (x->match.model.n > 0 && !operation_model_id(&x->match, x->a, &v->id))
        return x->match.google ? exchange_refuse(x, GE_MODEL_UNKNOWN) : video_refuse_unknown(x);
    if (!read_face(x, &no))
        return refuse_body(x, &no);
    if (x->match.op == OP_VIDEO_REMIX)
        v->req.source_id = v->id;
    for (unsigned i = 0; i < v->req.n_media; i++)
        if (v->req.media[i].file_id.n > 0)
            return exchange_refuse_with(
                x, &(struct error_facts){.error = GE_UNSUPPORTED,
                                         .param = v->req.media[i].param,
                                         .message = SL_STR("Files of the gateway cannot be used in a video job yet: "
                                                           "send a URL or the bytes.")});
    if (!video_once_read(x, &bad))
        return exchange_refuse_with(x, &bad);
    if (v->req.callback.n > 0 && !hook_fits(x, &bad))
        return exchange_refuse_with(x, &bad);
    x->facts = (struct request_facts){.op = x->match.op, .model = v->req.model, .n = 1};
    if (!request_hints_from_headers(&x->req->headers, &x->facts.hints, &bad)) {
        tel_refuse(x->env->tel, TEL_WHY_BODY);
        return exchange_refuse_with(x, &bad);
    }
    x->facts.payload_bytes = v->req.prompt.n;
    x->estimate_input = tokens_estimate_input(v->req.prompt.n, 1);
    exchange_goto(x, XS_ADMIT);
    return STEP_GO;
}

/* ---- TRY: the candidate ---- */

static void random_text(struct exchange *x, size_t n, char *out)
{
    static const char letters[] = "0123456789abcdefghjkmnpqrstvwxyz";
    unsigned char bytes[64];
    (void)x;
    sl_random_bytes(bytes, n);
    for (size_t i = 0; i < n; i++)
        out[i] = letters[bytes[i] & 31];
}

/* What the job is known by, once for all candidates. */
static void name_row(struct exchange *x)
{
    struct exchange_video *v = x->video;
    const struct videos_policy *set = &x->snap->set.videos;
    char id[VIDEO_ID_BYTES], token[VIDEO_TOKEN_BYTES];
    struct sl_buf b;
    if (v->row.id.n > 0)
        return;
    random_text(x, sizeof id, id);
    random_text(x, sizeof token, token);
    sl_buf_init(&b, 1 << 20);
    video_asked_write(&v->req, &v->notes, set->prompts, v->source.id, &b);
    v->asked = b.over ? SL_STR("{}") : sl_arena_str(x->a, sl_buf_str(&b));
    v->row = (struct store_video){
        .id = sl_arena_printf(x->a, "video_%.*s", (int)sizeof id, id),
        .key = x->key->id,
        .exchange = x->id,
        .tenant = x->key->tenant,
        .state = STORE_VIDEO_SUBMITTING,
        .model = x->facts.model,
        .made_ns = x->wall_ns,
        .expires_ns = x->wall_ns + set->keep_ns,
        .price_version = price_catalog_version(x->epoch->prices)->text,
        .operation = x->op->name,
        .progress = -1,
        .request = v->asked,
        .hook = video_hook_may(x->snap, x->key->tenant) ? v->req.callback : SL_STR_NONE,
        .token = sl_arena_str(x->a, sl_str_of(token, sizeof token)),
    };
    sl_buf_done(&b);
}

static bool refuse_candidate(struct exchange *x, const char *message)
{
    x->refused = (struct error_facts){
        .error = GE_UNSUPPORTED,
        .param = SL_STR("model"),
        .message = sl_arena_printf(x->a, "The provider of '" SL_STR_FMT "' %s.", SL_STR_ARG(x->facts.model), message),
    };
    return false;
}

/* Whom the client asks for, of this tenant: a name that only we could have given. */
static struct sl_str user_of(struct exchange *x)
{
    unsigned char digest[KEY_DIGEST_BYTES];
    struct sl_str user = x->video->req.user;
    if (user.n == 0)
        return SL_STR_NONE;
    struct sl_str whole =
        sl_arena_printf(&x->attempt_arena, SL_STR_FMT "/" SL_STR_FMT, SL_STR_ARG(x->key->tenant), SL_STR_ARG(user));
    key_digest_prepared(x->env->pepper, whole, digest);
    char *hex = sl_arena_alloc(&x->attempt_arena, 32);
    sl_hex_digits(digest, 16, hex);
    return sl_str_of(hex, 32);
}

static void fill_call(struct exchange *x, const struct snapshot_provider *at, struct sl_str model)
{
    struct exchange_video *v = x->video;
    bool same = sl_str_eq(v->source.provider, at->provider.name);
    v->call = (struct video_call){
        .adapter = video_adapter_of(at, model),
        .req = &v->req,
        .kind = at->provider.kind->name,
        .model = model,
        .known_as = provider_known_model(&at->provider, model),
        .project = at->provider.project,
        .location = at->provider.location,
        .token = v->row.token,
        .user = user_of(x),
        .source_task = same ? v->source.task : SL_STR_NONE,
        .source_url = same && v->made.n_content > 0 ? v->made.content[0].url : SL_STR_NONE,
        .strict = x->snap->set.unsupported == UNSUPPORTED_REJECT,
        .a = &x->attempt_arena,
    };
}

static bool write_body(struct exchange *x)
{
    struct exchange_video *v = x->video;
    struct video_refusal no = {0};
    struct sl_buf body;
    sl_buf_init(&body, BODY_BYTES);
    bool ok = v->call.adapter->create_write(&v->call, &v->http, &body, &no) && !body.over;
    if (ok) {
        struct iovec *piece = SL_ARENA_NEW(&x->attempt_arena, struct iovec);
        struct sl_str kept = sl_arena_str(&x->attempt_arena, sl_buf_str(&body));
        *piece = (struct iovec){.iov_base = (void *)(uintptr_t)kept.p, .iov_len = kept.n};
        x->pieces = (struct body_pieces){.v = piece, .n = kept.n > 0 ? 1 : 0, .bytes = kept.n};
    } else {
        x->refused = body.over ? (struct error_facts){.error = GE_BODY_TOO_LARGE} : refusal_of(x, &no);
    }
    sl_buf_done(&body);
    return ok;
}

bool video_request(struct exchange *x, const struct route_candidate *c)
{
    const struct snapshot_provider *at = &x->snap->providers[c->provider_index];
    struct exchange_video *v = x->video;
    struct video_refusal no = {0};
    x->up = x->dialect;
    x->pieces = (struct body_pieces){.n = 0};
    if (video_is_content(x))
        return video_content_request(x, c);
    if (at->keeps_nothing && !x->snap->set.videos.zero_retention)
        return refuse_candidate(x, "stores nothing (zero_retention), and a video job is stored there until it is done");
    v->notes = (struct video_notes){.n = 0};
    fill_call(x, at, c->model);
    if (v->call.adapter == NULL)
        return refuse_candidate(x, "does not have this operation");
    if (!video_check(&v->call, &v->notes, &no)) {
        x->refused = refusal_of(x, &no);
        return false;
    }
    name_row(x);
    v->call.token = v->row.token;
    if (x->snap->set.videos.callback.n > 0 && v->call.adapter->unsigned_callback)
        v->call.callback = sl_arena_printf(&x->attempt_arena, SL_STR_FMT "/callbacks/videos/" SL_STR_FMT,
                                           SL_STR_ARG(x->snap->set.videos.callback), SL_STR_ARG(v->row.token));
    return write_body(x);
}

void video_reserve(struct exchange *x, struct try *t)
{
    const struct video_call *c = &x->video->call;
    struct video_units units = {.cost_p = -1};
    struct video_terms terms = {0};
    t->reservation = (struct reservation){0};
    if (video_is_content(x))
        return;
    c->adapter->reserve(c, &units, &terms);
    t->price = model_price(x->epoch->prices, t->at, c->model);
    t->reservation.cost = video_cost(t->price, &units, &terms, &t->reservation.usage);
    t->reservation.usage.flags = USAGE_ESTIMATED;
}

/* What can go wrong in it has gone wrong in video_request. */
void video_attempt_request(struct exchange *x, const struct try *t, struct attempt_request *out)
{
    struct exchange_video *v = x->video;
    const char *why = NULL;
    const struct http_header *range = http_headers_find_name(&x->req->headers, SL_STR("range"));
    const struct video_send s = {
        .env = x->env,
        .snap = x->snap,
        .at = t->at,
        .credential = t->credential,
        .authorization = x->authorization,
        .http = &v->http,
        .body = x->pieces.n > 0 ? *x->pieces.v : (struct iovec){NULL, 0},
        .range = video_is_content(x) && range != NULL && !video_unpacks(x) ? range->value : SL_STR_NONE,
    };
    SL_CHECK(video_send_fill(&s, &x->attempt_arena, &v->origin, out, &why));
}

/* ---- TRY: the row first ---- */

static struct video_rows *put_of(struct exchange *x)
{
    struct video_rows *j = video_rows_new(VR_PUT);
    store_video_copy(&j->v, &x->video->row, &j->a);
    j->synced = true;
    return j;
}

/* What whoever has to look for the task must know of it. */
static struct sl_str facts_row(struct exchange *x)
{
    struct video_job none;
    struct sl_buf b;
    video_job_init(&none);
    none.aux = video_facts(&x->video->call);
    sl_buf_init(&b, VIDEO_ANSWER_BYTES);
    video_result_write(&none, &b);
    struct sl_str row = sl_arena_str(x->a, sl_buf_str(&b));
    sl_buf_done(&b);
    return row;
}

enum step video_begin(struct exchange *x, struct try *t)
{
    struct exchange_video *v = x->video;
    struct store_video *row = &v->row;
    t->credential = lanes_credential(x, t->candidate);
    row->attempt = t->id;
    row->provider = t->candidate->provider;
    row->target = t->candidate->model;
    row->reserved_p = t->reservation.cost.cost_p;
    row->request = video_price_add(v->asked, t->price, x->a);
    row->result = facts_row(x);
    row->sent_ns = sl_loop_wall(x->env->loop);
    row->state = STORE_VIDEO_SUBMITTING;
    v->created = VIDEO_UNCLEAR; /* until the provider has said something */
    video_credential(x->env, &t->at->provider, t->credential, row->credential);
    struct video_rows *j = put_of(x);
    j->has_once = v->has_once;
    j->once = v->once;
    j->once.tenant = j->v.tenant;
    j->once.id = j->v.id;
    if (!video_ask(x, j))
        return exchange_refuse(x, GE_STORE_UNAVAILABLE);
    v->written = true;
    v->wait = VW_ROW;
    return STEP_WAIT;
}

/* False: the store could not. */
static bool video_row_written(struct exchange *x)
{
    struct exchange_video *v = x->video;
    v->wait = VW_NOTHING;
    if (v->answer->found != VF_OK)
        return false;
    sl_die_at("video_row");
    v->sending = true;
    return true;
}

/* ---- TRY: what the provider said ---- */

static enum outcome outcome_of(const struct video_trouble *w, int status)
{
    if (w->policy)
        return OUT_CONTENT_FILTER;
    if (w->model_gone)
        return OUT_MODEL_GONE;
    if (w->account)
        return status == 401 ? OUT_BAD_CREDENTIALS : status == 403 ? OUT_FORBIDDEN : OUT_QUOTA_EXHAUSTED;
    if (w->capacity)
        return status == 429 ? OUT_RATE_LIMITED : OUT_OVERLOADED;
    if (w->invalid || (status >= 400 && status < 500))
        return status == 429 ? OUT_RATE_LIMITED : OUT_CLIENT_FAULT;
    return OUT_OVERLOADED;
}

static void keep_job(struct exchange *x, const struct video_job *j)
{
    struct video_job *to = &x->video->job;
    *to = *j;
    to->task_id = sl_arena_str(x->a, j->task_id);
    to->aux = sl_arena_str(x->a, j->aux);
    to->upstream_status = sl_arena_str(x->a, j->upstream_status);
    to->n_content = 0;
}

enum outcome video_outcome(struct exchange *x, enum outcome transport)
{
    struct exchange_video *v = x->video;
    const struct video_answer a = {
        .status = x->head != NULL ? x->head->status : 0,
        .headers = x->head != NULL ? &x->head->headers : NULL,
        .body = sl_chunks_flat(&x->held),
        .whole = transport == OUT_OK && !x->error_cut,
    };
    struct video_trouble why = {0};
    struct video_job job;
    video_job_init(&job);
    v->created = v->call.adapter->create_read(&v->call, &a, &job, &why);
    v->trouble = why;
    v->trouble.message = sl_arena_str(x->a, why.message);
    v->trouble.param = sl_arena_str(x->a, why.param);
    v->trouble.code = sl_arena_str(x->a, why.code);
    try_current(x)->provider_code = sl_arena_str(x->a, sl_str_head(why.code, 128));
    if (v->created == VIDEO_CREATED && job.task_id.n > 0) {
        sl_die_at("video_accepted");
        keep_job(x, &job);
        return OUT_OK;
    }
    if (v->created == VIDEO_NOT_CREATED)
        return outcome_of(&why, a.status);
    v->created = VIDEO_UNCLEAR;
    if (transport != OUT_OK)
        return transport;
    return a.status >= 500 ? OUT_SERVER_ERROR : OUT_MALFORMED;
}

/* The live attempt left something that may be a job. */
static bool is_unclear(const struct exchange *x)
{
    const struct try *t = x->n_tries > 0 ? x->tries[x->n_tries - 1] : NULL;
    return t != NULL && t->result.sent && x->video->created == VIDEO_UNCLEAR;
}

enum step video_taken(struct exchange *x)
{
    struct exchange_video *v = x->video;
    struct sl_buf b;
    sl_buf_init(&b, VIDEO_ANSWER_BYTES);
    video_result_write(&v->job, &b);
    v->row.task = v->job.task_id;
    v->row.state = STORE_VIDEO_QUEUED;
    v->row.result = sl_arena_str(x->a, sl_buf_str(&b));
    sl_buf_done(&b);
    struct video_rows *j = put_of(x);
    j->tell = true;
    if (!video_ask(x, j))
        return exchange_refuse(x, GE_STORE_UNAVAILABLE); /* the process ends: the next one asks the provider for it */
    v->wait = VW_TAKEN;
    return STEP_WAIT;
}

/* The desk has the row in any case. */
static enum step tell_client(struct exchange *x)
{
    struct sl_buf b;
    sl_die_at("video_submitted");
    sl_buf_init(&b, VIDEO_ANSWER_BYTES);
    video_show(x, &x->video->row, &b);
    x->video->sending = false;
    return video_answer(x, &b);
}

enum step video_waited(struct exchange *x, bool *out_send)
{
    struct exchange_video *v = x->video;
    *out_send = false;
    x->events &= EV_DEADLINE;
    if (v->waiting != NULL)
        return STEP_WAIT;
    if (v->wait == VW_TAKEN) {
        v->wait = VW_NOTHING;
        return tell_client(x);
    }
    if (v->wait == VW_ROW && v->answer->found == VF_TAKEN)
        return video_once_answer(x, v->answer);
    *out_send = v->wait == VW_LINKS || video_row_written(x);
    return *out_send ? STEP_GO : exchange_refuse(x, GE_STORE_UNAVAILABLE);
}

/* Nobody else is to be asked. */
enum step video_give_up(struct exchange *x, struct try *t)
{
    struct exchange_video *v = x->video;
    const struct outcome_row *row = outcome_row(t->outcome);
    const struct video_trouble *w = &v->trouble;
    exchange_ends(x, ACCESS_PROVIDER, row->name);
    if (is_unclear(x))
        return exchange_refuse_with(
            x, &(struct error_facts){
                   .error = GE_VIDEO_UNCLEAR,
                   .message = sl_arena_printf(x->a,
                                              "The provider did not say whether it took the job. It is not sent again: "
                                              "retrieve '" SL_STR_FMT "' to see what became of it.",
                                              SL_STR_ARG(v->row.id)),
               });
    enum gateway_error e = t->outcome == OUT_CONTENT_FILTER ? GE_UP_CONTENT
                           : t->outcome == OUT_MODEL_GONE   ? GE_MODEL_UNKNOWN
                           : t->outcome == OUT_CLIENT_FAULT ? GE_UP_REQUEST
                           : row->code.n > 0                ? gateway_error_by_code(row->code)
                                                            : GE_UP_ERROR;
    bool show = e == GE_UP_CONTENT || e == GE_UP_REQUEST;
    return exchange_refuse_with(x, &(struct error_facts){
                                       .error = e,
                                       .message = show ? w->message : SL_STR_NONE,
                                       .param = show ? w->param : SL_STR_NONE,
                                       .retry_after_ns = t->wait_ns > 0 ? t->wait_ns : 0,
                                   });
}

/* ---- money, and the end ---- */

void video_settled(struct exchange *x, struct try *t)
{
    bool billed = !video_is_content(x) && t->result.sent && (t->outcome == OUT_OK || is_unclear(x));
    t->settled = (struct settlement){.billed = billed};
    if (!billed)
        return;
    t->settled.usage = t->reservation.usage;
    t->settled.usage.flags = USAGE_ESTIMATED;
    t->settled.cost = t->reservation.cost;
    t->settled.bound_p = t->reservation.cost.cost_p;
}

/* Whatever ended the exchange: a row that has no task does not stay behind as one that is being sent. */
void video_end(struct exchange *x)
{
    struct exchange_video *v = x->video;
    if (v == NULL)
        return;
    video_forget(x);
    video_kept_end(x);
    if (!v->written || v->row.task.n > 0)
        return;
    struct video_rows *j = put_of(x);
    if (is_unclear(x)) {
        j->v.state = STORE_VIDEO_UNCLEAR;
        j->tell = true;
    } else { /* the client was told of no id */
        j->v.state = STORE_VIDEO_FAILED;
        j->v.settled = j->v.deleted = true;
        j->forgets_once = v->has_once;
        j->v.ended_ns = sl_loop_wall(x->env->loop);
    }
    v->written = false;
    if (!x->env->videos_ask(x->env->owner, j))
        video_rows_free(j);
}
