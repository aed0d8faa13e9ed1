/* The same request for a provider of the same dialect: the body as it came, in slices, with small pieces put between them.
 *
 * All changes are edits: bytes [from, to) of the body are replaced by a text. They are collected, ordered, and turned into
 * one list of slices; nothing is copied. */
#include "dialect/openai_chat/openai_chat.h"

#include "base/check.h"
#include "dialect/pieces.h"

#define EDITS_MAX (RM_OURS + 3) /* our members, the model, stream_options, store */

struct edit {
    size_t from, to; /* of the body */
    struct sl_str text;
};

struct edits {
    struct edit v[EDITS_MAX];
    int n;
};

static void add(struct edits *e, size_t from, size_t to, struct sl_str text);
static void cut_ours(struct edits *e, const struct request_facts *f);
static void set_model(struct edits *e, const struct request_facts *f, struct sl_str model, bool options,
                      struct sl_arena *a);
static bool set_include_usage(struct edits *e, const struct request_facts *f, bool *out_options);
static void set_no_store(struct edits *e, const struct request_facts *f);
static void make_pieces(const struct edits *e, struct sl_str body, struct sl_arena *a, struct body_pieces *out);

void openai_request_encode_same(const struct request_facts *f, struct sl_str body, const struct request_change *change,
                                struct sl_arena *a, struct body_pieces *out)
{
    struct edits e = {.n = 0};
    bool options = false;
    *out = (struct body_pieces){.n = 0};
    if (change->ask_usage && f->stream && f->include_usage != SAID_YES)
        out->usage_asked = set_include_usage(&e, f, &options);
    set_model(&e, f, change->model, options, a);
    if (change->no_store)
        set_no_store(&e, f);
    cut_ours(&e, f);
    make_pieces(&e, body, a, out);
}

/* Keeps the list in the order of the body; at the same place what inserts comes first. */
static void add(struct edits *e, size_t from, size_t to, struct sl_str text)
{
    SL_CHECK(e->n < (int)EDITS_MAX);
    int i = e->n++;
    while (i > 0 && (e->v[i - 1].from > from || (e->v[i - 1].from == from && to == from))) {
        e->v[i] = e->v[i - 1];
        i--;
    }
    e->v[i] = (struct edit){from, to, text};
}

/* Behind the model's value, a place that is always there, comes a stream_options of ours when the client sent none. */
static void set_model(struct edits *e, const struct request_facts *f, struct sl_str model, bool options,
                      struct sl_arena *a)
{
    const struct json_member *m = &f->at[RM_MODEL];
    if (options)
        add(e, m->to, m->to, SL_STR(",\"stream_options\":{\"include_usage\":true}"));
    if (model.n > 0 && !sl_str_eq(model, f->model))
        add(e, m->from, m->to, json_quote(a, model));
}

/* Gives whether usage will be asked for by us. *out_options: stream_options has to be added as a whole. */
static bool set_include_usage(struct edits *e, const struct request_facts *f, bool *out_options)
{
    const struct json_member *options = &f->at[RM_STREAM_OPTIONS], *usage = &f->at[RM_INCLUDE_USAGE];
    switch (options->kind) {
    case JSON_ABSENT:
        *out_options = true;
        return true;
    case JSON_NULL:
        add(e, options->from, options->to, SL_STR("{\"include_usage\":true}"));
        return true;
    case JSON_OBJECT:
        break;
    default:
        return false; /* the provider will say what it thinks of it */
    }
    if (usage->kind == JSON_ABSENT) {
        size_t at = options->from + 1;
        add(e, at, at, options->children > 0 ? SL_STR("\"include_usage\":true,") : SL_STR("\"include_usage\":true"));
        return true;
    }
    if (usage->kind != JSON_FALSE && usage->kind != JSON_NULL)
        return false;
    add(e, usage->from, usage->to, SL_STR("true"));
    return true;
}

static void set_no_store(struct edits *e, const struct request_facts *f)
{
    const struct json_member *store = &f->at[RM_STORE];
    if (store->kind == JSON_ABSENT)
        add(e, f->at[RM_MODEL].to, f->at[RM_MODEL].to, SL_STR(",\"store\":false"));
    else if (store->kind != JSON_FALSE)
        add(e, store->from, store->to, SL_STR("false"));
}

static void cut_ours(struct edits *e, const struct request_facts *f)
{
    struct body_cut cuts[RM_OURS];
    unsigned n = cuts_of_ours(f, cuts);
    for (unsigned i = 0; i < n; i++)
        add(e, cuts[i].from, cuts[i].to, SL_STR_NONE);
}

static void make_pieces(const struct edits *e, struct sl_str body, struct sl_arena *a, struct body_pieces *out)
{
    struct iovec *v = sl_arena_alloc(a, (2 * (size_t)e->n + 1) * sizeof *v);
    size_t at = 0;
    for (int i = 0; i < e->n; i++) {
        SL_CHECK(e->v[i].from >= at && e->v[i].to <= body.n);
        piece_add(v, out, sl_str_of(body.p + at, e->v[i].from - at));
        piece_add(v, out, e->v[i].text);
        at = e->v[i].to;
    }
    piece_add(v, out, sl_str_from(body, at));
    out->v = v;
}
