/* Files and batches: what a client makes at a provider and names later. docs/internals/files.md.
 *
 *   create     READ_BODY ─► ADMIT ─► RECALL (which provider) ─► TRY ─► SETTLE: a row, then the client gets the end
 *   by id      ADMIT ─► RECALL ─► keeper: the row, by id and owner ─► TRY at its provider, with its credential
 *   list       ADMIT ─► RECALL ─► keeper: a page ─► RESPOND
 *
 * The ids are the provider's; whoever does not own one gets what an unknown one gets. */
#include "base/hash.h"
#include "base/die.h"
#include "base/log.h"
#include "dialect/json_peek.h"
#include "dialect/json_tree.h"
#include "exchange/exchange_int.h"
#include "http/url.h"
#include "exchange/asking.h"

#define ID_MAX 200u
#define LIST_BYTES ((size_t)64 << 20)

static const enum store_object_kind kinds[] = {
    [OBJECT_FILE] = STORE_OBJECT_FILE,
    [OBJECT_BATCH] = STORE_OBJECT_BATCH,
    [OBJECT_MESSAGE_BATCH] = STORE_OBJECT_MESSAGE_BATCH,
    [OBJECT_GEMINI_FILE] = STORE_OBJECT_GEMINI_FILE,
    [OBJECT_UPLOAD] = STORE_OBJECT_UPLOAD,
};

const struct dialect *objects_dialect(const struct exchange *x)
{
    bool anthropic = x->op->object == OBJECT_MESSAGE_BATCH || x->match.errors == ERRORS_ANTHROPIC;
    if (x->op->object == OBJECT_GEMINI_FILE)
        return dialect_find(SL_STR("gemini"));
    return dialect_find(anthropic ? SL_STR("anthropic") : SL_STR("openai"));
}

enum step objects_refuse(struct exchange *x, enum gateway_error e, const char *param, struct sl_str message)
{
    return exchange_refuse_with(x, &(struct error_facts){.error = e, .param = sl_str_c(param), .message = message});
}

bool objects_is_id(struct sl_str s)
{
    if (s.n == 0 || s.n > ID_MAX)
        return false;
    for (size_t i = 0; i < s.n; i++) {
        char c = s.p[i];
        if (!(c >= '0' && c <= '9') && !(sl_lower(c) >= 'a' && sl_lower(c) <= 'z') && c != '-' && c != '_')
            return false;
    }
    return true;
}

/* One answer for an id that never was, was deleted, or is somebody else's. */
enum step objects_refuse_unknown(struct exchange *x, struct sl_str id)
{
    static const char *const what[] = {[OBJECT_FILE] = "File",
                                       [OBJECT_BATCH] = "Batch",
                                       [OBJECT_MESSAGE_BATCH] = "Message batch",
                                       [OBJECT_GEMINI_FILE] = "File",
                                       [OBJECT_UPLOAD] = "Upload"};
    bool of_batch = x->match.op == OP_BATCH_CREATE;
    if (x->match.op == OP_GFILE_SEND) /* its id is a secret */
        return objects_refuse(x, GE_OBJECT_UNKNOWN, NULL, SL_STR("There is no upload of that id."));
    return objects_refuse(x, GE_OBJECT_UNKNOWN, of_batch ? "input_file_id" : NULL,
                          sl_arena_printf(x->a, "%s '" SL_STR_FMT "' not found.",
                                          of_batch ? "File" : what[x->op->object],
                                          SL_STR_ARG(objects_is_id(id) ? id : SL_STR("?"))));
}

/* ---- where to ---- */

/* A key that may use some models only may use the providers that these lead to. */
static bool is_granted(const struct exchange *x, uint32_t provider_index)
{
    struct route_listed *rows = NULL;
    if (x->key->grant.n_models == 0)
        return true;
    size_t n = route_list(x->snap->policy, exchange_grants_model, &x->key->grant, x->a, &rows);
    for (size_t i = 0; i < n; i++)
        if (rows[i].provider_index == provider_index)
            return true;
    return false;
}

static bool is_where_it_may(const struct exchange *x, const struct provider *p)
{
    const struct tenant_terms *terms = tenant_terms_of(x->snap, x->key->tenant);
    return terms == NULL || terms->region.n == 0 || route_is_within(p->location, terms->region);
}

static bool speaks(const struct exchange *x, const struct provider *p)
{
    bool cloud = sl_str_eq(p->kind->platform, SL_STR("vertex")) || sl_str_eq(p->kind->platform, SL_STR("bedrock"));
    return !p->kind->chat_only && !cloud &&
           sl_str_eq(provider_dialect(p, x->dialect->name, SL_STR_NONE), x->dialect->name);
}

/* It is the only candidate. */
static enum step go(struct exchange *x, uint32_t index, const char *why)
{
    struct route_candidate *c = SL_ARENA_NEW(x->a, struct route_candidate);
    *c = (struct route_candidate){.asked = x->op->name,
                                  .provider = x->snap->providers[index].provider.name,
                                  .model = SL_STR("-"),
                                  .provider_index = index,
                                  .target_index = ROUTE_TARGET_NONE,
                                  .why = why};
    x->plan = (struct route_plan){.candidates = c, .n = 1};
    if (x->op->any_answer)
        x->total_due_ns = x->began_ns + x->snap->set.files.time_ns;
    exchange_goto(x, XS_TRY);
    return STEP_GO;
}

static enum step go_new(struct exchange *x, uint32_t index, const char *why)
{
    return intent_is_due(x) ? objects_ask(x, intent_job(x, NULL, &x->snap->providers[index].provider))
                            : go(x, index, why);
}

/* For something new: the one that the client names, or the settings name, or the first that can. */
static enum step go_anywhere(struct exchange *x)
{
    const struct http_header *h = http_headers_find_name(&x->req->headers, SL_STR("x-sluice-provider"));
    struct sl_str named = h != NULL ? h->value : SL_STR_NONE, set = x->snap->set.files.provider;
    uint32_t first = UINT32_MAX;
    if (stored_forbidden(x))
        return objects_refuse(x, GE_UNSUPPORTED, NULL,
                              SL_STR("Nothing may be stored at a provider for this API key (zero data retention)."));
    for (uint32_t i = 0; i < x->snap->n_providers; i++) {
        const struct provider *p = &x->snap->providers[i].provider;
        if (!speaks(x, p) || x->snap->providers[i].no_files || x->snap->providers[i].keeps_nothing ||
            !is_granted(x, i) || !is_where_it_may(x, p))
            continue;
        if (sl_str_eq(p->name, named.n > 0 ? named : set))
            return go_new(x, i, named.n > 0 ? "named by x-sluice-provider" : "files.provider");
        first = first == UINT32_MAX ? i : first;
    }
    if (here_may(x) && sl_str_eq(named, SL_STR("gateway")))
        return here_begin(x);
    if (named.n > 0)
        return objects_refuse(
            x, GE_MEMBER_VALUE, "x-sluice-provider",
            SL_STR("No provider of that name takes this: it must speak your format, and your key must be "
                   "allowed to use it."));
    if (first == UINT32_MAX && here_may(x))
        return here_begin(x);
    if (first == UINT32_MAX)
        return objects_refuse(x, GE_UNSUPPORTED, NULL, SL_STR("No provider that you may use has this operation."));
    return go_new(x, first, "the first that can");
}

/* To the one that has it, with the same credential. */
static enum step go_back(struct exchange *x, const struct store_object *o)
{
    if (o->provider.n == 0) {
        x->object.row = o;
        return here_found(x);
    }
    for (uint32_t i = 0; i < x->snap->n_providers; i++) {
        const struct provider *p = &x->snap->providers[i].provider;
        if (!sl_str_eq(p->name, o->provider) || !speaks(x, p))
            continue;
        x->object.row = o;
        x->stored.provider = o->provider;
        x->stored.credential = o->credential;
        if (intent_is_due(x))
            return objects_ask(x, intent_job(x, o, p));
        return go(x, i, x->match.op == OP_BATCH_CREATE ? "has the input file" : "has it");
    }
    return objects_refuse_unknown(x, x->object.id); /* it is configured no more */
}

/* ---- asking the store ---- */

struct response_job *objects_new_job(struct exchange *x, enum response_job_kind kind)
{
    struct response_job *j = response_job_new(kind);
    j->owner = (struct store_response_owner){.key = x->key->id, .now_ns = sl_loop_wall(x->env->loop)};
    j->owner.tenant = sl_arena_str(&j->a, x->key->tenant);
    j->o.kind = kinds[x->op->object];
    return j;
}

enum step objects_ask(struct exchange *x, struct response_job *j)
{
    j->asker = x;
    if (x->env->stored_ask == NULL || !x->env->stored_ask(x->env->owner, j)) {
        response_job_free(j);
        return exchange_refuse(x, GE_STORE_UNAVAILABLE);
    }
    x->stored.waiting = j;
    return STEP_WAIT;
}

static enum step objects_find(struct exchange *x, enum store_object_kind kind, struct sl_str id)
{
    x->object.id = id;
    if (!objects_is_id(id))
        return objects_refuse_unknown(x, id);
    struct response_job *j = objects_new_job(x, RJ_OBJECT_FIND);
    j->o.kind = kind;
    j->id = sl_arena_str(&j->a, id);
    return objects_ask(x, j);
}

/* ---- lists ---- */

struct sl_str objects_query(struct exchange *x, const char *name)
{
    struct sl_str v = SL_STR_NONE;
    size_t n = 0;
    if (!url_query_find(x->req->query, sl_str_c(name), &v))
        return SL_STR_NONE;
    char *plain = sl_arena_alloc(x->a, v.n + 1);
    return url_decode(v, plain, &n) ? sl_str_of(plain, n) : SL_STR_NONE;
}

static enum step ask_list(struct exchange *x)
{
    bool anthropic = x->dialect->errors == ERRORS_ANTHROPIC, files = x->op->object == OBJECT_FILE;
    uint64_t preset = files && !anthropic ? 10000 : 20, most = files && !anthropic ? 10000 : anthropic ? 1000 : 100;
    struct sl_str limit = objects_query(x, "limit"), after = objects_query(x, anthropic ? "after_id" : "after");
    struct sl_str before = anthropic ? objects_query(x, "before_id") : SL_STR_NONE;
    x->object.limit = preset;
    if (limit.n > 0 && (!sl_str_to_u64(limit, &x->object.limit) || x->object.limit == 0 || x->object.limit > most))
        return objects_refuse(
            x, GE_MEMBER_VALUE, "limit",
            sl_arena_printf(x->a, "'limit' must be a number from 1 to %llu.", (unsigned long long)most));
    if (before.n > 0 && after.n > 0)
        return objects_refuse(x, GE_MEMBER_VALUE, "before_id",
                              SL_STR("'before_id' and 'after_id' cannot both be given: a page stands on one side."));
    x->object.before = before.n > 0;
    struct response_job *j = objects_new_job(x, RJ_OBJECT_PAGE);
    j->page = (struct store_object_page){
        .kind = j->o.kind,
        .after = sl_arena_str(&j->a, before.n > 0 ? before : after),
        .before = before.n > 0,
        .purpose = sl_arena_str(&j->a, files ? objects_query(x, "purpose") : SL_STR_NONE),
        .oldest_first = sl_str_eq(objects_query(x, "order"), SL_STR("asc")),
        .limit = x->object.limit + 1,
    };
    return objects_ask(x, j);
}

static void add_id(struct sl_buf *b, const char *name, const struct store_object *o)
{
    sl_buf_addf(b, ",\"%s\":", name);
    if (o == NULL)
        sl_buf_adds(b, SL_STR("null"));
    else
        sl_buf_add_json(b, o->id);
}

static enum step answer_list(struct exchange *x, const struct response_job *j)
{
    struct sl_buf b;
    size_t n = j->n_objects > x->object.limit ? (size_t)x->object.limit : j->n_objects;
    bool more = j->n_objects > n, anthropic = x->dialect->errors == ERRORS_ANTHROPIC;
    const char *side = x->object.before ? "before_id" : anthropic ? "after_id" : "after";
    if (j->found == RF_NONE)
        return objects_refuse(x, GE_MEMBER_VALUE, side, sl_arena_printf(x->a, "'%s' is none of the list.", side));
    if (j->found != RF_OK)
        return exchange_refuse(x, GE_STORE_UNAVAILABLE);
    sl_buf_init(&b, LIST_BYTES);
    sl_buf_adds(&b, anthropic ? SL_STR("{\"data\":[") : SL_STR("{\"object\":\"list\",\"data\":["));
    for (size_t i = 0; i < n; i++) {
        sl_buf_adds(&b, i > 0 ? SL_STR(",") : SL_STR_NONE);
        sl_buf_adds(&b, j->objects[x->object.before ? n - 1 - i : i].body);
    }
    sl_buf_addc(&b, ']');
    const struct store_object *first = n > 0 ? &j->objects[0] : NULL, *last = n > 0 ? &j->objects[n - 1] : NULL;
    add_id(&b, "first_id", x->object.before ? last : first);
    add_id(&b, "last_id", x->object.before ? first : last);
    sl_buf_adds(&b, more ? SL_STR(",\"has_more\":true}") : SL_STR(",\"has_more\":false}"));
    x->own_body = sl_arena_str(x->a, sl_buf_str(&b));
    bool over = b.over;
    sl_buf_done(&b);
    if (over)
        return exchange_refuse(x, GE_STORE_UNAVAILABLE);
    exchange_ends(x, ACCESS_GATEWAY, SL_STR("ok"));
    exchange_goto(x, XS_RESPOND);
    return STEP_GO;
}

/* ---- files that other requests name ---- */

#define NAMED_MAX 256u

bool objects_named(const struct exchange *x)
{
    bool format = x->match.errors == ERRORS_OPENAI || x->match.errors == ERRORS_RESPONSES ||
                  x->match.errors == ERRORS_ANTHROPIC;
    if (x->env->stored_ask == NULL || (x->facts.starts & json_start_bit("file")) == 0)
        return false;
    if (x->match.op == OP_GENERATE || x->match.op == OP_GENERATE_COUNT)
        return named_may_be(x->body_text, SL_STR("\"fileUri\"")) || named_may_be(x->body_text, SL_STR("\"file_uri\""));
    return x->op->generates && format && named_may_be(x->body_text, SL_STR("\"file_id\""));
}

static size_t ids_of(struct sl_str body, struct sl_arena *a, struct sl_str *ids, size_t max)
{
    static const struct sl_str name = SL_STR_INIT("file_id");
    size_t n = named_values(body, &name, 1, a, ids, max), n_ids = 0;
    for (size_t i = 0; i < n; i++)
        if (objects_is_id(ids[i]))
            ids[n_ids++] = sl_arena_str(a, ids[i]);
    return n == max ? max : n_ids;
}

static enum step ask_named(struct exchange *x)
{
    struct response_job *j = objects_new_job(x, RJ_OBJECT_REFS);
    struct sl_str *ids = sl_arena_alloc(&j->a, (NAMED_MAX + 1) * sizeof *ids);
    bool gemini = x->match.errors == ERRORS_GEMINI;
    j->o.kind = gemini ? STORE_OBJECT_GEMINI_FILE : STORE_OBJECT_FILE;
    j->items = ids;
    j->n_items = gemini ? gfiles_named(x->body_text, &j->a, ids, NAMED_MAX + 1)
                        : ids_of(x->body_text, &j->a, ids, NAMED_MAX + 1);
    if (j->n_items > NAMED_MAX) {
        response_job_free(j);
        return objects_refuse(x, GE_MEMBER_TOO_MANY, "file_id", SL_STR("A request may name 256 files."));
    }
    return objects_ask(x, j);
}

enum step objects_find_named(struct exchange *x)
{
    const struct response_job *j = x->stored.answer;
    if (j == NULL)
        return ask_named(x);
    if (j->found == RF_NONE)
        return objects_refuse(x, GE_OBJECT_UNKNOWN, "file_id", SL_STR("A file that the request names was not found."));
    if (j->found == RF_BROKEN)
        return objects_refuse(
            x, GE_MEMBER_VALUE, "file_id",
            SL_STR("The files that the request names lie at several providers or accounts: upload them to one."));
    if (j->found != RF_OK)
        return exchange_refuse(x, GE_STORE_UNAVAILABLE);
    x->object.judged_refs = true;
    x->object.pinned = j->o.row != 0;
    if (x->object.pinned) {
        x->stored.provider = j->o.provider;
        x->stored.credential = j->o.credential;
    }
    return STEP_GO;
}

/* ---- READ_BODY, RECALL ---- */

enum step objects_understand(struct exchange *x)
{
    static const struct json_watch watch = {SL_STR_INIT("input_file_id"), -1};
    struct json_member m;
    struct json_info info;
    if (json_scan(x->body_text, &watch, 1, &m, &info) != JSON_OK)
        return exchange_refuse(x, GE_BODY_INVALID);
    if (info.root != JSON_OBJECT)
        return exchange_refuse(x, GE_BODY_NOT_OBJECT);
    if (x->match.op == OP_BATCH_CREATE) {
        if (m.kind != JSON_STRING)
            return objects_refuse(x, m.kind == JSON_ABSENT ? GE_MEMBER_MISSING : GE_MEMBER_TYPE, "input_file_id",
                                  SL_STR("'input_file_id' must name an uploaded file."));
        x->object.id = json_plain(json_inside(x->body_text, &m), x->a);
    }
    if (x->op->object == OBJECT_UPLOAD)
        return upload_parts_understand(x);
    if (x->match.op == OP_GFILE_START && !gfiles_command(x, &(uint64_t){0}))
        return exchange_refuse_with(x, &x->refused);
    exchange_goto(x, XS_ADMIT);
    return STEP_GO;
}

/* The provider's own list: the desk looks for a batch that it may have. */
static enum step go_there(struct exchange *x)
{
    for (uint32_t i = 0; i < x->snap->n_providers; i++)
        if (sl_str_eq(x->snap->providers[i].provider.name, x->stored.provider))
            return go(x, i, "asked what it has");
    return objects_refuse_unknown(x, SL_STR_NONE);
}

static enum step begin(struct exchange *x)
{
    struct sl_str id;
    if (x->env->stored_ask == NULL)
        return exchange_refuse(x, GE_STORE_UNAVAILABLE); /* nobody could say whose it is */
    switch (x->match.op) {
    case OP_FILE_CREATE:
    case OP_MESSAGE_BATCH_CREATE:
    case OP_GFILE_START:
    case OP_UPLOAD_CREATE:
        return go_anywhere(x);
    case OP_GFILE_LIST:
        return gfiles_list(x);
    case OP_BATCH_CREATE:
        return objects_find(x, STORE_OBJECT_FILE, x->object.id);
    case OP_BATCH_LIST:
        if (x->inside)
            return go_there(x);
        return ask_list(x);
    case OP_FILE_LIST:
        if (x->inside)
            return go_there(x);
        return ask_list(x);
    case OP_MESSAGE_BATCH_LIST:
        return ask_list(x);
    default:
        break;
    }
    enum store_object_kind kind = x->match.op == OP_GFILE_SEND ? STORE_OBJECT_GEMINI_UPLOAD : kinds[x->op->object];
    return operation_model_id(&x->match, x->a, &id) ? objects_find(x, kind, id)
                                                    : objects_refuse_unknown(x, SL_STR_NONE);
}

enum step objects_recall(struct exchange *x)
{
    const struct response_job *j = x->stored.answer;
    if (j == NULL)
        return begin(x);
    if (j->kind == RJ_OBJECT_PAGE)
        return x->match.op == OP_GFILE_LIST ? gfiles_answer_list(x, j) : answer_list(x, j);
    if (x->match.op == OP_UPLOAD_COMPLETE && j->found != RF_FAILED && j->kind != RJ_OBJECT_PUT) {
        bool go = false;
        enum step s = upload_parts_found(x, j, &go);
        return go ? go_back(x, x->object.row) : s;
    }
    if (j->kind == RJ_OBJECT_PUT && j->found == RF_OK)
        return x->object.row != NULL ? go_back(x, x->object.row) : go_anywhere(x);
    if (j->found == RF_NONE)
        return objects_refuse_unknown(x, x->object.id);
    return j->found == RF_OK ? go_back(x, &j->o) : exchange_refuse(x, GE_STORE_UNAVAILABLE);
}

/* ---- TRY ---- */

/* A tenant's files are made with one key, so that a request can name several: another key may be another account's. */
unsigned objects_credential(const struct exchange *x)
{
    return sl_crc32c(0, x->key->tenant.p, x->key->tenant.n);
}

void objects_request(struct exchange *x, const struct provider *p, struct attempt_request *r)
{
    static const char *const roots[] = {[OBJECT_FILE] = "/files",
                                        [OBJECT_BATCH] = "/batches",
                                        [OBJECT_MESSAGE_BATCH] = "/messages/batches",
                                        [OBJECT_UPLOAD] = "/uploads"};
    static const char *const verbs[OP_COUNT] = {[OP_FILE_CONTENT] = "/content",
                                                [OP_BATCH_CANCEL] = "/cancel",
                                                [OP_MESSAGE_BATCH_CANCEL] = "/cancel",
                                                [OP_MESSAGE_BATCH_RESULTS] = "/results"};
    struct sl_arena *a = &x->attempt_arena;
    const char *verb = verbs[x->match.op];
    batches_begin(x);
    bool by_id = x->match.model.n > 0;
    if (x->match.op == OP_BATCH_LIST || x->match.op == OP_FILE_LIST)
        verb = "?limit=100";
    struct sl_str path = sl_arena_printf(a, "%s%s" SL_STR_FMT "%s", roots[x->op->object], by_id ? "/" : "",
                                         SL_STR_ARG(by_id ? x->object.id : SL_STR_NONE), verb != NULL ? verb : "");
    if (x->op->object == OBJECT_GEMINI_FILE)
        path = gfiles_path(x, p);
    else
        path = provider_path(p, x->op->object == OBJECT_UPLOAD ? upload_parts_path(x) : path, SL_STR_NONE, a);
    r->path = path;
    r->method = x->req->method_text;
    r->body = NULL;
    r->n_body = 0;
    if (x->upload != NULL && x->req->has_body) {
        uploads_request(x, r);
    } else if (x->op->body) {
        struct iovec *v = SL_ARENA_NEW(a, struct iovec);
        *v = (struct iovec){(void *)(uintptr_t)x->body_text.p, x->body_text.n};
        r->body = v;
        r->n_body = 1;
    }
}

/* ---- SETTLE ---- */

struct sl_str objects_member(struct sl_str body, const char *name)
{
    struct json_peek k = json_peek_at(body);
    struct sl_str value;
    while (json_peek_key(&k) && json_peek_value(&k, &value))
        if (sl_str_eq(k.key, sl_str_c(name)) && value.n > 2 && value.p[0] == '"')
            return sl_str_of(value.p + 1, value.n - 2);
    return SL_STR_NONE;
}

void objects_fill(struct exchange *x, const struct try *t, struct response_job *j, enum store_object_kind kind,
                  struct sl_str id, struct sl_str body, struct store_object *o)
{
    const struct store_object *row = x->object.row;
    bool known = row != NULL && x->match.op != OP_BATCH_CREATE; /* by another key of the tenant, perhaps */
    *o = (struct store_object){
        .kind = kind,
        .id = sl_arena_str(&j->a, id),
        .key = known ? row->key : x->key->id,
        .tenant = sl_arena_str(&j->a, known ? row->tenant : x->key->tenant),
        .provider = sl_arena_str(&j->a, t->candidate->provider),
        .made_ns = sl_loop_wall(x->env->loop),
        .body = sl_arena_str(&j->a, body),
    };
    stored_digest(x, &t->at->provider, t->credential, o->credential);
}

struct sl_str objects_member_value(struct sl_str body, const char *name)
{
    struct sl_str value;
    named_skip_blanks(&body);
    if (body.n == 0 || body.p[0] != '{')
        return SL_STR_NONE;
    struct json_peek k = json_peek_at(body);
    while (json_peek_key(&k) && json_peek_value(&k, &value))
        if (sl_str_eq(k.key, sl_str_c(name)))
            return value;
    return SL_STR_NONE;
}

/* What a batch has written belongs to whom the batch belongs. */
static void add_results(struct exchange *x, const struct try *t, struct response_job *j, struct sl_str body)
{
    static const char *const members[] = {"output_file_id", "error_file_id"};
    j->objects = sl_arena_alloc(&j->a, 2 * sizeof *j->objects);
    for (size_t i = 0; i < 2; i++) {
        struct sl_str id = objects_member(body, members[i]);
        if (!objects_is_id(id))
            continue;
        struct sl_str file = sl_arena_printf(
            &j->a,
            "{\"id\":\"" SL_STR_FMT "\",\"object\":\"file\",\"purpose\":\"batch_output\",\"filename\":\"" SL_STR_FMT
            ".jsonl\",\"bytes\":0,\"created_at\":%lld,\"status\":\"processed\"}",
            SL_STR_ARG(id), SL_STR_ARG(id), (long long)(sl_loop_wall(x->env->loop) / SL_SEC));
        struct store_object *o = &j->objects[j->n_objects++];
        objects_fill(x, t, j, STORE_OBJECT_FILE, id, file, o);
        o->settled = j->o.settled || (x->object.row != NULL && x->object.row->settled);
        o->made_ns = x->object.row != NULL ? x->object.row->made_ns : o->made_ns; /* of what it is charged as */
    }
}

/* Anthropic's SDK fetches what `results_url` says, as it is: it is to ask here, with its key of ours. The rest stays as it came. */
static void point_here(struct exchange *x)
{
    struct sl_str body = sl_chunks_flat(&x->held), url = objects_member(body, "results_url");
    ptrdiff_t at = sl_str_find_str(url, SL_STR("/v1/messages/batches/"));
    const struct http_header *proto = http_headers_find(&x->req->headers, HN_X_FORWARDED_PROTO);
    bool tls = x->stream->tls || (proto != NULL && sl_str_eq(proto->value, SL_STR("https")));
    if (at < 0 || x->req->authority.n == 0)
        return;
    size_t from = (size_t)(url.p - body.p);
    struct sl_str after = sl_str_from(body, from + (size_t)at);
    struct sl_str whole = sl_arena_printf(x->a, SL_STR_FMT "%s://" SL_STR_FMT SL_STR_FMT,
                                          SL_STR_ARG(sl_str_head(body, from)), tls ? "https" : "http",
                                          SL_STR_ARG(x->req->authority), SL_STR_ARG(after));
    sl_chunks_clear(&x->held);
    SL_CHECK(sl_chunks_add(&x->held, whole.p, whole.n) == SL_OK);
}

struct response_job *objects_job(struct exchange *x, const struct try *t)
{
    enum operation op = x->match.op;
    if (t->outcome != OUT_OK)
        return NULL;
    if ((op == OP_MESSAGE_BATCH_RESULTS || op == OP_FILE_CONTENT) && batches_settle_results(x, t)) {
        struct response_job *j = objects_new_job(x, RJ_OBJECT_SETTLE);
        j->id = sl_arena_str(&j->a, x->object.id);
        return j;
    }
    if (x->final_kind != FINAL_ANSWER || x->op->any_answer || op == OP_BATCH_LIST || op == OP_FILE_LIST)
        return NULL;
    if (x->op->object == OBJECT_GEMINI_FILE)
        return gfiles_job(x, t);
    if (x->op->object == OBJECT_UPLOAD)
        return upload_parts_job(x, t);
    if (op == OP_MESSAGE_BATCH_DELETE && !x->object.row->settled)
        batches_settle_unread(x, t);
    if (op == OP_FILE_DELETE || op == OP_MESSAGE_BATCH_DELETE) {
        struct response_job *j = objects_new_job(x, RJ_OBJECT_DROP);
        j->id = sl_arena_str(&j->a, x->object.id);
        return j;
    }
    if (x->op->object == OBJECT_MESSAGE_BATCH && x->inside)
        return NULL; /* nobody called us by a name that `results_url` could point to */
    if (x->op->object == OBJECT_MESSAGE_BATCH)
        point_here(x);
    struct sl_str body = sl_chunks_flat(&x->held), id = objects_member(body, "id");
    struct json_info info;
    if (!objects_is_id(id) || json_scan(body, NULL, 0, NULL, &info) != JSON_OK) {
        SL_LOG(SL_LOG_ERROR, "objects.no_id", SL_LS("provider", t->candidate->provider),
               SL_LS("operation", x->op->name));
        return NULL;
    }
    struct response_job *j = objects_new_job(x, RJ_OBJECT_PUT);
    objects_fill(x, t, j, kinds[x->op->object], id, body, &j->o);
    j->intent = sl_arena_str(&j->a, x->object.intent);
    if (x->object.intent.n > 0)
        sl_die_at(x->op->object == OBJECT_FILE ? "file_taken" : "batch_taken");
    if (x->op->object == OBJECT_BATCH) {
        j->o.settled = batches_settle_object(x, t, body, objects_member(body, "status"));
        add_results(x, t, j, body);
    }
    return j;
}
