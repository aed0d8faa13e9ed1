/* Jobs on the store of responses: see response_job.h. */
#include "store/response_job.h"

#include "base/mem.h"
#include "store/batch_rows.h"

#define TURNS_FIRST 8u

struct response_job *response_job_new(enum response_job_kind kind)
{
    struct response_job *j = SL_NEW(struct response_job);
    j->kind = kind;
    sl_arena_init(&j->a, NULL);
    return j;
}

void response_job_free(struct response_job *j)
{
    if (j == NULL)
        return;
    sl_arena_done(&j->a);
    sl_free(j);
}

/* -- Gathering rows ------------------------------------------------------------------------------------------------- */

struct gathering {
    struct response_job *j;
    size_t cap;
    uint64_t bytes;
    bool over;
};

static void keep_row(struct response_job *j, const struct store_response *r)
{
    struct sl_arena *a = &j->a;
    j->r = *r;
    j->r.id = sl_arena_str(a, r->id);
    j->r.tenant = sl_arena_str(a, r->tenant);
    j->r.provider = sl_arena_str(a, r->provider);
    j->r.model = sl_arena_str(a, r->model);
    j->r.body = sl_arena_str(a, r->body);
    j->r.input = sl_arena_str(a, r->input);
}

static bool on_found(void *arg, const struct store_response *r)
{
    keep_row(arg, r);
    return false;
}

static bool has_turn(const struct response_job *j, int64_t row)
{
    for (size_t i = 0; i < j->n_turns; i++)
        if (j->turns[i].row == row)
            return true;
    return false;
}

static bool on_turn(void *arg, const struct store_response *r)
{
    struct gathering *g = arg;
    struct response_job *j = g->j;
    if (j->kind == RJ_ITEMS && (j->r.row == 0 || r->state == STORE_RESPONSE_PIN))
        keep_row(j, r);
    if (has_turn(j, r->row))
        return true;
    g->bytes += r->body.n + r->input.n;
    if (j->max_bytes > 0 && g->bytes > j->max_bytes) {
        g->over = true;
        return false;
    }
    if (j->n_turns == g->cap) {
        g->cap = g->cap > 0 ? 2 * g->cap : TURNS_FIRST;
        j->turns = sl_arena_grow(&j->a, j->turns, j->n_turns, g->cap, sizeof *j->turns);
    }
    j->turns[j->n_turns++] = (struct response_turn){
        .row = r->row,
        .body = sl_arena_str(&j->a, r->body),
        .input = sl_arena_str(&j->a, r->input),
    };
    return true;
}

static void turn_round(struct response_job *j)
{
    for (size_t i = 0, k = j->n_turns; i + 1 < k; i++) {
        struct response_turn t = j->turns[i];
        j->turns[i] = j->turns[--k];
        j->turns[k] = t;
    }
}

/* -- Kinds ---------------------------------------------------------------------------------------------------------- */

static enum sl_err find(struct response_job *j, struct store *s, struct sl_fail *fail)
{
    return s->ops->find_response(s, &j->owner, j->id, on_found, j, fail);
}

static enum sl_err chain(struct response_job *j, struct store *s, struct sl_fail *fail)
{
    struct gathering g = {.j = j};
    bool whole = false;
    enum sl_err e = find(j, s, fail);
    if (e != SL_OK || j->r.state == STORE_RESPONSE_PIN)
        return e;
    e = s->ops->response_chain(s, &j->owner, j->r.row, on_turn, &g, &whole, fail);
    turn_round(j);
    if (e == SL_OK)
        j->found = g.over ? RF_TOO_LARGE : whole ? RF_OK : RF_BROKEN;
    return e;
}

static enum sl_err items(struct response_job *j, struct store *s, struct sl_fail *fail)
{
    struct gathering g = {.j = j};
    for (size_t i = 0; i < j->n_items; i++) {
        enum sl_err e = s->ops->find_response_item(s, &j->owner, j->items[i], on_turn, &g, fail);
        if (e != SL_OK)
            return e;
    }
    if (g.over)
        j->found = RF_TOO_LARGE;
    return SL_OK;
}

static enum sl_err remove_one(struct response_job *j, struct store *s, struct sl_fail *fail)
{
    enum sl_err e = find(j, s, fail);
    if (e != SL_OK || (j->kind == RJ_DELETE && j->r.state == STORE_RESPONSE_PIN))
        return e;
    return s->ops->delete_response(s, j->r.row, fail);
}

static enum sl_err cancel(struct response_job *j, struct store *s, struct sl_fail *fail)
{
    enum sl_err e = find(j, s, fail);
    if (e != SL_OK || j->r.state != STORE_RESPONSE_RUNS)
        return e;
    e = s->ops->cancel_response(s, j->r.row, fail);
    if (e == SL_OK)
        j->r.state = STORE_RESPONSE_CANCELLED;
    return e;
}

/* -- Objects -------------------------------------------------------------------------------------------------------- */

static bool on_object(void *arg, const struct store_object *o)
{
    struct response_job *j = arg;
    store_object_copy(&j->o, o, &j->a);
    return false;
}

static bool on_listed(void *arg, const struct store_object *o)
{
    struct response_job *j = arg;
    if (j->n_objects == j->cap_objects) {
        j->cap_objects = j->cap_objects > 0 ? 2 * j->cap_objects : TURNS_FIRST;
        j->objects = sl_arena_grow(&j->a, j->objects, j->n_objects, j->cap_objects, sizeof *j->objects);
    }
    j->objects[j->n_objects++] =
        (struct store_object){.kind = o->kind, .id = sl_arena_str(&j->a, o->id), .body = sl_arena_str(&j->a, o->body)};
    return true;
}

static enum sl_err object_put(struct response_job *j, struct store *s, struct sl_fail *fail)
{
    enum sl_err e = s->ops->put_object(s, &j->o, fail);
    for (size_t i = 0; i < j->n_objects && e == SL_OK; i++)
        e = s->ops->put_object(s, &j->objects[i], fail);
    if (e != SL_OK || j->intent.n == 0)
        return e;
    struct store_object put = j->o;
    e = s->ops->find_object(s, &j->owner, STORE_OBJECT_INTENT, j->intent, on_object, j, fail);
    if (e == SL_OK)
        e = s->ops->delete_object(s, j->o.row, fail);
    j->o = put;
    return e == SL_ENOENT ? SL_OK : e;
}

static enum sl_err object_find(struct response_job *j, struct store *s, struct sl_fail *fail)
{
    return s->ops->find_object(s, &j->owner, j->o.kind, j->id, on_object, j, fail);
}

static enum sl_err object_change(struct response_job *j, struct store *s, struct sl_fail *fail)
{
    enum sl_err e = object_find(j, s, fail);
    if (e != SL_OK)
        return e;
    return j->kind == RJ_OBJECT_DROP ? s->ops->delete_object(s, j->o.row, fail)
                                     : s->ops->settle_object(s, j->o.row, fail);
}

static bool on_anybodys(void *arg, const struct store_object *o)
{
    (void)o;
    *(bool *)arg = true;
    return false;
}

/* An id that nobody here made is the provider's to judge; somebody else's is as good as none. */
static enum sl_err object_refs(struct response_job *j, struct store *s, struct sl_fail *fail)
{
    for (size_t i = 0; i < j->n_items; i++) {
        struct store_object before = j->o;
        bool there = false;
        enum sl_err e = s->ops->find_object(s, &j->owner, j->o.kind, j->items[i], on_object, j, fail);
        if (e == SL_OK && before.row != 0 &&
            (!sl_str_eq(before.provider, j->o.provider) ||
             memcmp(before.credential, j->o.credential, sizeof before.credential) != 0)) {
            j->found = RF_BROKEN;
            return SL_OK;
        }
        if (e == SL_ENOENT)
            e = s->ops->find_object(s, NULL, j->o.kind, j->items[i], on_anybodys, &there, fail);
        if (there)
            return SL_ENOENT;
        if (e != SL_OK && e != SL_ENOENT)
            return e;
    }
    return SL_OK;
}

static enum sl_err object_page(struct response_job *j, struct store *s, struct sl_fail *fail)
{
    return s->ops->page_objects(s, &j->owner, &j->page, on_listed, j, fail);
}

bool response_job_run(struct response_job *j, struct store *s, struct sl_fail *fail)
{
    typedef enum sl_err run_f(struct response_job *, struct store *, struct sl_fail *);
    static run_f *const kinds[] = {
        [RJ_FIND] = find,
        [RJ_CHAIN] = chain,
        [RJ_ITEMS] = items,
        [RJ_DELETE] = remove_one,
        [RJ_DROP] = remove_one,
        [RJ_CANCEL] = cancel,
        [RJ_OBJECT_PUT] = object_put,
        [RJ_OBJECT_FIND] = object_find,
        [RJ_OBJECT_DROP] = object_change,
        [RJ_OBJECT_SETTLE] = object_change,
        [RJ_OBJECT_REFS] = object_refs,
        [RJ_OBJECT_PAGE] = object_page,
    };
    j->found = RF_OK;
    enum sl_err e = j->kind == RJ_PUT ? s->ops->put_response(s, &j->put, fail) : kinds[j->kind](j, s, fail);
    if (e == SL_ENOENT)
        j->found = RF_NONE;
    else if (e != SL_OK)
        j->found = RF_FAILED;
    return e == SL_OK || e == SL_ENOENT;
}
