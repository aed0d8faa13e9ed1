/* Embeddings, moderations, reranking, images, speech: what the steps do otherwise for them than for a conversation. What they mean is
 * in dialect/other/.
 *
 * A provider that takes fewer inputs at once than the request has is asked several times, one call after the other and each an
 * attempt of its own with its rows in the ledger, for the reasons that fan.c tells: nothing is shown before all are there, and
 * the next target begins anew. A client that gets events is given those of each call when it is over: other_stream.c. */
#include "dialect/request_look.h"
#include "exchange/exchange_int.h"
#include "exchange/other_int.h"

#define ANSWER_BYTES (256u << 20) /* of all calls together: 2048 vectors of 3072 numbers are 80 MB of text */
#define EVENT_BYTES (48u << 20)   /* a picture is one event */
#define MS_OF_CHARACTER                                                                                                \
    70u /* of speech: assumed, about 14 characters a second; not measured. Such usage is marked estimated */
#define PART_CALLS (EXCHANGE_TRIES_MAX - 2u) /* of one request: some are left for trying again */

static bool is_v2(const struct exchange *x)
{
    return sl_str_find_str(x->req->path, SL_STR("/v2/")) >= 0;
}

static bool copy_refusal(struct exchange *x, const struct request_refusal *r)
{
    x->refused = r->error;
    x->refused.message = sl_arena_str(x->a, r->error.message);
    x->refused.param = sl_arena_str(x->a, r->error.param);
    return false;
}

bool other_understand(struct exchange *x)
{
    struct request_refusal refusal = {0};
    x->other = SL_ARENA_NEW(x->a, struct exchange_other);
    if (!other_look(x->match.op, x->body_text, x->a, &x->other->look, &refusal))
        return copy_refusal(x, &refusal);
    x->other->look.ark = x->match.ark;
    if (x->facts.payload_bytes == 0) /* it has other names for what it asks about */
        x->facts.payload_bytes = x->body_text.n;
    return true;
}

struct sl_str other_default_model(struct exchange *x, struct sl_str body)
{
    bool moderation = x->match.op == OP_MODERATIONS;
    return moderation ? request_default_model(body, SL_STR("omni-moderation-latest"), x->a) : body;
}

/* -- A candidate ------------------------------------------------------------------------------------------------------- */

static bool refuse(struct exchange *x, enum gateway_error e, struct sl_str param, struct sl_str message)
{
    x->refused = (struct error_facts){.error = e, .param = param, .message = message};
    return false;
}

static bool plan_calls(struct exchange *x, const struct other_pair *pair)
{
    struct exchange_other *o = x->other;
    uint32_t most = pair->most;
    if (o->candidate == x->at_candidate && o->calls > 0)
        return true;
    o->candidate = x->at_candidate;
    o->got = 0;
    o->bytes = 0;
    o->calls = most > 0 ? (o->look.n + most - 1) / most : 1;
    if (most > 0 && (o->look.n > OTHER_INPUTS_MAX || o->calls > PART_CALLS)) {
        uint32_t all = most * PART_CALLS > OTHER_INPUTS_MAX ? OTHER_INPUTS_MAX : most * PART_CALLS;
        o->calls = 0;
        return refuse(
            x, GE_MEMBER_TOO_MANY, SL_STR("input"),
            sl_arena_printf(x->a, "At most %u inputs are taken at once for this model; there are %u.", all, o->look.n));
    }
    o->bodies = sl_arena_zalloc(x->a, o->calls * sizeof *o->bodies);
    return true;
}

static bool write_pair(struct exchange *x, const struct route_candidate *c, const struct other_pair *pair)
{
    struct exchange_other *o = x->other;
    struct request_refusal refusal = {0};
    struct sl_buf body;
    if (!plan_calls(x, pair))
        return false;
    char *id = sl_arena_alloc(x->a, SL_ID_TEXT);
    sl_id_text(x->id, id);
    uint32_t most = pair->most > 0 ? pair->most : o->look.n, from = o->got * most;
    struct other_translation *t = SL_ARENA_NEW(&x->attempt_arena, struct other_translation);
    *t = (struct other_translation){
        .op = x->match.op,
        .pair = pair,
        .look = &o->look,
        .model = x->facts.model,
        .up_model = provider_known_model(&x->snap->providers[c->provider_index].provider, c->model),
        .asked_as = c->model,
        .from = from,
        .count = o->look.n - from < most ? o->look.n - from : most,
        .v2 = is_v2(x),
        .stream = x->facts.stream,
        .created_s = x->wall_ns / SL_SEC,
        .guess = guess_for(x),
        .id = sl_str_c(id),
        .notes = SL_ARENA_NEW(&x->attempt_arena, struct neutral_notes),
        .a = &x->attempt_arena,
    };
    t->notes->a = t->a;
    t->up_stream = other_asks_stream(t);
    sl_buf_init(&body, ANSWER_BYTES);
    bool ok = pair->write(t, &body, &refusal) && !body.over;
    if (ok) {
        struct iovec *v = SL_ARENA_NEW(&x->attempt_arena, struct iovec);
        struct sl_str kept = sl_arena_str(&x->attempt_arena, sl_buf_str(&body));
        *v = (struct iovec){.iov_base = (void *)(uintptr_t)kept.p, .iov_len = kept.n};
        x->pieces = (struct body_pieces){.v = v, .n = 1, .bytes = kept.n};
    } else {
        copy_refusal(x, &refusal);
        if (body.over)
            refuse(x, GE_BODY_TOO_LARGE, SL_STR_NONE, SL_STR_NONE);
    }
    sl_buf_done(&body);
    if (!ok)
        return false;
    x->dropped = sl_arena_str(x->a, neutral_notes_text(t->notes, t->a, DROPPED_TEXT));
    if (x->dropped.n > 0 && x->snap->set.unsupported == UNSUPPORTED_REJECT)
        return refuse(
            x, GE_UNSUPPORTED, x->dropped,
            SL_STR("The provider has no place for this, and nothing may be left out (on_unsupported: reject)."));
    o->live = t;
    o->path = pair->path_of != NULL ? pair->path_of(t) : pair->path;
    o->verb = t->up_stream && pair->stream_verb.n > 0 ? pair->stream_verb : pair->verb;
    o->root = pair->root;
    return true;
}

/* Each entry of Gemini's batch names the model again: as the path does. */
static void rename_in_body(struct exchange *x, struct sl_str model)
{
    const struct json_tree *t = &x->other->look.tree;
    struct iovec *v;
    struct sl_str text = sl_arena_printf(&x->attempt_arena, "\"models/" SL_STR_FMT "\"",
                                         SL_STR_ARG(json_escape(model, &x->attempt_arena)));
    const struct json_node *requests = json_got(t, json_root(t), SL_STR("requests"));
    uint32_t most = requests != NULL ? requests->children : 1;
    size_t at = 0;
    int n = 0;
    size_t bytes = 0;
    if (sl_str_eq(model, x->facts.model) || sl_str_starts(model, SL_STR("models/")))
        return;
    v = sl_arena_alloc(&x->attempt_arena, (2 * (size_t)most + 1) * sizeof *v);
    const struct json_node *of = requests != NULL ? json_child(requests) : json_root(t);
    for (; of != NULL; of = requests != NULL ? json_sibling(t, of) : NULL) {
        const struct json_node *m = json_got(t, of, SL_STR("model"));
        if (json_kind_of(m) != JSON_STRING)
            continue;
        v[n++] = (struct iovec){(void *)(uintptr_t)(t->doc.p + at), m->at - at};
        v[n++] = (struct iovec){(void *)(uintptr_t)text.p, text.n};
        bytes += m->at - at + text.n;
        at = m->at + m->n;
    }
    v[n++] = (struct iovec){(void *)(uintptr_t)(t->doc.p + at), t->doc.n - at};
    x->pieces = (struct body_pieces){.v = v, .n = n, .bytes = bytes + t->doc.n - at};
}

static bool write_same(struct exchange *x, const struct route_candidate *c, const struct provider *p)
{
    struct request_refusal refusal = {0};
    struct sl_str plain = provider_plain_model(p, c->model);
    bool vendor = sl_str_eq(p->kind->prices, SL_STR("openai")) || sl_str_eq(p->kind->prices, SL_STR("azure"));
    if (x->match.op == OP_IMAGES && vendor && !other_size_fits(plain, x->other->look.size, &x->attempt_arena, &refusal))
        return copy_refusal(x, &refusal);
    const struct request_change change = {.model = c->model, .platform = p->kind->platform};
    x->dialect->request_encode_same(&x->facts, x->body_text, &change, &x->attempt_arena, &x->pieces);
    if (x->match.op == OP_EMBED_CONTENT || x->match.op == OP_EMBED_BATCH)
        rename_in_body(x, c->model);
    return true;
}

bool other_request(struct exchange *x, const struct route_candidate *c, const struct provider *p)
{
    const struct other_pair *pair;
    const struct other_provider to = {
        .dialect = provider_dialect(p, x->dialect->name, c->model),
        .platform = p->kind->platform,
        .model = provider_known_model(p, c->model),
    };
    struct exchange_other *o = x->other;
    o->live = NULL;
    o->path = other_root_path(x->match.op, &to, is_v2(x));
    o->root = o->path.n > 0;
    o->verb = SL_STR_NONE;
    o->used = false;
    x->up = dialect_find(to.dialect);
    switch (other_way_to(x->match.op, &to, &o->look, is_v2(x), &pair)) {
    case OTHER_SAME:
        return write_same(x, c, p);
    case OTHER_PAIR:
        return write_pair(x, c, pair);
    case OTHER_NONE:
        break;
    }
    return refuse(x, GE_UNSUPPORTED, SL_STR("model"),
                  sl_arena_printf(x->a, "The provider of '" SL_STR_FMT "' does not have this operation.",
                                  SL_STR_ARG(x->facts.model)));
}

/* The form is read when the first candidate wants it so: most are sent on as they came. */
static bool look_at_edit(struct exchange *x)
{
    struct request_refusal refusal = {0};
    struct sl_str body = x->body_text;
    if (x->other->look.n > 0)
        return true;
    if (x->form != NULL &&
        !other_edit_from_form(http_headers_get(&x->req->headers, HN_CONTENT_TYPE), x->body_text, x->a, &body, &refusal))
        return copy_refusal(x, &refusal);
    if (body.n > 2 * OTHER_EDIT_BYTES)
        return refuse(x, GE_BODY_TOO_LARGE, SL_STR_NONE, SL_STR_NONE);
    return other_look(OP_IMAGE_EDIT, body, x->a, &x->other->look, &refusal) || copy_refusal(x, &refusal);
}

bool other_takes_edit(struct exchange *x, const struct route_candidate *c, const struct provider *p)
{
    static const struct other_look nothing = {.n = 0};
    const struct other_pair *pair;
    const struct other_provider to = {
        .dialect = provider_dialect(p, x->dialect->name, c->model),
        .platform = p->kind->platform,
        .model = provider_known_model(p, c->model),
    };
    if (x->match.op != OP_IMAGE_EDIT)
        return false;
    if (other_way_to(OP_IMAGE_EDIT, &to, &nothing, false, &pair) == OTHER_PAIR) {
        if (x->other == NULL)
            x->other = SL_ARENA_NEW(x->a, struct exchange_other);
        return true;
    }
    if (x->other != NULL) { /* an earlier candidate was asked in other words */
        x->other->live = NULL;
        x->other->path = x->other->verb = SL_STR_NONE;
    }
    return false;
}

bool other_edit_request(struct exchange *x, const struct route_candidate *c, const struct provider *p)
{
    x->other->live = NULL;
    return look_at_edit(x) && other_request(x, c, p);
}

bool other_is_foreign(const struct exchange *x)
{
    return x->other != NULL && x->other->live != NULL;
}

struct sl_str other_answer_type(const struct exchange *x)
{
    const struct exchange_other *o = x->other;
    if (o->live->pair->sound)
        return other_sound_type(&o->look);
    return x->facts.stream ? SL_STR("text/event-stream; charset=utf-8") : SL_STR("application/json");
}

/* The base URL names a version, behind which Cohere's own paths do not stand. */
struct sl_str other_path(const struct exchange *x, const struct provider *p, struct sl_str model, struct sl_arena *a)
{
    static const struct sl_str tails[] = {SL_STR_INIT("/compatibility/v1"), SL_STR_INIT("/v1"), SL_STR_INIT("/v2")};
    const struct exchange_other *o = x->other;
    if (o != NULL && o->verb.n > 0)
        return provider_method_path(p, model, o->verb, a);
    if (o == NULL || o->path.n == 0)
        return SL_STR_NONE;
    if (!o->root)
        return provider_path(p, o->path, model, a);
    struct sl_str base = p->base_path;
    for (size_t i = 0; i < sizeof tails / sizeof *tails; i++)
        if (sl_str_ends(base, tails[i])) {
            base = sl_str_head(base, base.n - tails[i].n);
            break;
        }
    return sl_arena_printf(a, SL_STR_FMT SL_STR_FMT, SL_STR_ARG(base), SL_STR_ARG(o->path));
}

/* -- Its answer ---------------------------------------------------------------------------------------------------------- */

bool other_is_sound(const struct exchange *x)
{
    return x->op->other && forms_answer_is_other(x);
}

size_t other_event_bytes(const struct exchange *x)
{
    size_t set = x->snap->set.event_bytes;
    return x->op->other && set < EVENT_BYTES ? EVENT_BYTES : set;
}

enum outcome other_verdict(struct exchange *x)
{
    struct exchange_other *o = x->other;
    struct other_translation *t = o->live;
    struct sl_str body = sl_chunks_flat(&x->held);
    struct sl_buf out;
    struct answer_error e;
    struct answer_facts f = {.valid = false};
    if (x->up->answer_decode != NULL) /* Converse has none: its errors have a status */
        x->up->answer_decode(body, &f);
    if (f.error.found) {
        x->answer.error = f.error;
        e = f.error;
        return try_judge_inner(x, &e);
    }
    o->bytes += body.n;
    if (o->bytes > ANSWER_BYTES)
        return OUT_TOO_LARGE;
    o->usage = (struct other_usage){.found = false};
    t->pair->usage(t, body, &o->usage);
    o->used = true;
    if (!other_gives_events(x))
        o->bodies[o->got] = sl_arena_str(x->a, body);
    sl_buf_init(&out, ANSWER_BYTES);
    /* Each answer is looked at when it comes, so that one that is none can be asked for again. */
    bool each = other_gives_events(x), last = o->got + 1 == o->calls && !each;
    uint32_t from = t->from, count = t->count;
    if (last) {
        t->from = 0;
        t->count = o->look.n;
    }
    bool ok = t->pair->answer(t,
                              last   ? o->bodies
                              : each ? &body
                                     : &o->bodies[o->got],
                              last ? o->calls : 1, &out) &&
              !out.over;
    t->from = from;
    t->count = count;
    if (ok && (last || each)) {
        sl_chunks_clear(&x->held);
        SL_CHECK(sl_chunks_add(&x->held, out.p, out.n) == SL_OK);
    }
    o->got += ok;
    sl_buf_done(&out);
    return ok ? OUT_OK : OUT_MALFORMED;
}

bool other_wants_more(const struct exchange *x)
{
    return other_is_foreign(x) && x->other->got < x->other->calls && x->n_tries < EXCHANGE_TRIES_MAX;
}

unsigned other_answered(const struct exchange *x)
{
    return other_is_foreign(x) ? x->other->got : 0;
}

/* -- What it costs --------------------------------------------------------------------------------------------------------- */

struct price_shape other_image_shape(struct sl_str model, struct sl_str size, struct sl_str quality)
{
    struct price_shape s = {.quality = sl_str_eq(quality, SL_STR("auto")) ? SL_STR_NONE : quality,
                            .size = sl_str_eq(size, SL_STR("auto")) ? SL_STR_NONE : size};
    if (sl_str_starts(model, SL_STR("dall-e")) && s.quality.n == 0) /* openai.md 12.1: what they do by themselves */
        s.quality = SL_STR("standard");
    if (sl_str_starts(model, SL_STR("dall-e")) && s.size.n == 0)
        s.size = SL_STR("1024x1024");
    return s;
}

static struct price_shape shape_of(const struct exchange *x, const struct other_usage *u, struct sl_str model)
{
    const struct other_look *l = &x->other->look;
    bool size = u != NULL && u->size.n > 0, quality = u != NULL && u->quality.n > 0;
    return other_image_shape(model, size ? sl_arena_str(x->a, u->size) : l->size,
                             quality ? sl_arena_str(x->a, u->quality) : l->quality);
}

/* How many of the units of the whole request one call is about. */
static void units_of_call(const struct exchange *x, struct usage *u)
{
    const struct exchange_other *o = x->other;
    memcpy(u->by_unit, o->look.units, sizeof u->by_unit);
    if (o->live != NULL && o->live->count < o->look.n && u->images_out > 0)
        u->images_out = o->live->count;
}

uint64_t other_share(const struct exchange *x, uint64_t tokens)
{
    const struct other_translation *t = x->other != NULL ? x->other->live : NULL;
    if (t == NULL || x->other->look.n == 0)
        return tokens;
    uint64_t n = x->other->look.n; /* the shares of all calls add up to the whole */
    return tokens * (t->from + t->count) / n - tokens * t->from / n;
}

void other_reserve(struct exchange *x, struct try *t)
{
    struct usage expected = {.flags = 0};
    struct reserve_facts f = {
        .price = t->price,
        .terms.shape = shape_of(x, NULL, provider_known_model(&t->at->provider, t->candidate->model)),
        .input_tokens = other_share(x, x->estimate_input),
        .no_output = true,
        .expected = &expected,
    };
    units_of_call(x, &expected);
    bool by_characters = t->price == NULL || t->price->units.p[UU_CHARACTERS] != PRICE_NONE;
    if (expected.characters > 0 && !by_characters)
        expected.audio_ms_out = expected.characters * MS_OF_CHARACTER;
    t->reservation = reserve_estimate(&f);
    t->shape = f.terms.shape;
}

void other_note_usage(struct exchange *x, struct try *t)
{
    struct exchange_other *o = x->other;
    struct usage asked = {.flags = 0};
    if (x->answer_ok && other_note_stream(x, t))
        return;
    if (!x->answer_ok || !x->over || t->outcome != OUT_OK)
        return;
    units_of_call(x, &asked);
    t->output_bytes = 0;
    if (!o->used && o->live == NULL && !x->committed && !x->is_stream && !other_is_sound(x)) {
        other_usage_same(x->match.op, sl_chunks_flat(&x->held), &x->attempt_arena, &o->usage);
        o->used = true;
    }
    if (o->used) {
        t->counts = o->usage.counts;
        t->counted = o->usage.found;
        memcpy(t->units.by_unit, o->usage.units, sizeof t->units.by_unit);
        t->shape = shape_of(x, &o->usage, provider_known_model(&t->at->provider, t->candidate->model));
        return;
    }
    /* It passed unheld: what was asked for is what came. Speech by the character is exact, too. */
    bool known = t->counts.found || (t->price != NULL && t->price->units.p[UU_CHARACTERS] != PRICE_NONE);
    t->counted = known;
    memcpy(t->units.by_unit, asked.by_unit, sizeof t->units.by_unit);
}
