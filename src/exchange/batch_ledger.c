/* What a batch did cost, once it is over: from the usage in the batch itself (OpenAI), or from its results as they pass (Anthropic,
 * and OpenAI's format where the batch does not say). Who asks does not matter: a client, or the gateway itself (batch_watch.c).
 *
 * An attempt per model, in the ledger like any other, at batch prices, with an id made of the batch's: the same batch read twice,
 * by two workers at once or again after a crash, is the same attempt, and the ledger keeps it once. The row says `settled` when
 * it was written, so that it is not written at each look. docs/internals/files.md. */
#include "base/hash.h"
#include "base/log.h"
#include "base/die.h"
#include "dialect/json_tree.h"
#include "exchange/batch_int.h"
#include "exchange/count_tokens.h"
#include "exchange/exchange_int.h"

#define MODELS_MAX 16u
#define LINE_MAX (16u << 20)

struct batch_use {
    struct sl_str model; /* plain; in the exchange's arena */
    struct usage sum;
};

struct batch_lines { /* of results that pass */
    struct sl_buf line;
    struct batch_use uses[MODELS_MAX];
    unsigned n;
    bool
        bad; /* a line that was too long, or more models than fit: not everything was counted, and the entries say so */
};

/* The row's own time, and what cannot be another's: `id` is the output file's where there is one, so that a batch that is charged by its
 * lines and one that is charged by its object are the same. */
static struct sl_id attempt_id(const struct store_object *row, struct sl_str id, struct sl_str model)
{
    static const struct sl_hash_key key = {UINT64_C(0x6261746368657331), UINT64_C(0x6c65646765720001)};
    struct sl_rand r;
    sl_rand_seed(&r, sl_hash(key, id) ^ (sl_hash(key, model) * 3) ^ sl_hash(key, row->provider));
    return sl_id_make(row->made_ns, &r);
}

bool batch_charge(const struct exchange_env *env, const struct batch_charge *c)
{
    const struct store_object *row = c->row;
    unsigned char bytes[ENTRY_OPEN_MAX > ENTRY_CLOSE_MAX ? ENTRY_OPEN_MAX : ENTRY_CLOSE_MAX];
    struct journal_place at;
    const struct price *price = NULL;
    if (c->at != NULL)
        price = model_price(c->prices, c->at, c->model);
    struct cost cost = price_of(price, c->usage, &(struct price_terms){.service = PRICE_BATCH});
    int64_t now = sl_loop_wall(env->loop);
    const struct entry_open open = {
        .attempt = attempt_id(row, c->id, c->model),
        .exchange = c->exchange,
        .key = row->key,
        .wall_ns = row->made_ns,
        .worker = (uint16_t)env->worker,
        .number = 1,
        .tenant = row->tenant,
        .model = c->model,
        .provider = row->provider,
        .target = c->model,
        .operation = c->operation,
        .price_version = price_catalog_version(c->prices)->text,
    };
    size_t n = entry_open_encode(&open, bytes);
    if (journal_append(env->journal, JOURNAL_OPENS, ENTRY_OPEN, sl_str_of(bytes, n), &at) != SL_OK)
        return false; /* the next look tries again */
    sl_die_at("batch_charge_open");
    const struct entry_close close = {
        .attempt = open.attempt,
        .wall_ns = now,
        .cost_p = cost.cost_p,
        .duration_ns = now > row->made_ns ? now - row->made_ns : 0,
        .first_token_ns = -1,
        .flags = entry_flags_of(c->usage->flags, cost.flags),
        .status = 200,
        .usage = *c->usage,
        .outcome = outcome_row(OUT_OK)->name,
    };
    budget_correct_once(env, open.tenant, open.attempt, open.wall_ns, close.cost_p);
    n = entry_close_encode(&close, bytes);
    SL_CHECK(journal_append(env->journal, JOURNAL_CLOSES, ENTRY_CLOSE, sl_str_of(bytes, n), &at) == SL_OK);
    if (c->out_closed != NULL)
        *c->out_closed = at;
    tel_add(env->tel, TEL_JOURNAL_RECORDS, 2);
    sl_die_at("batch_charged");
    return true;
}

static bool append(struct exchange *x, const struct try *t, struct sl_str id, const struct batch_use *u)
{
    return batch_charge(x->env, &(struct batch_charge){
                                    .row = x->object.row,
                                    .id = id,
                                    .model = u->model,
                                    .usage = &u->sum,
                                    .at = t->at,
                                    .prices = x->epoch->prices,
                                    .exchange = x->id,
                                    .operation = operation_row(operation_granted_as(x->match.op))->name,
                                    .out_closed = &x->closed_at,
                                });
}

/* ---- a batch that says itself what it used ---- */

static bool is_over(struct sl_str status)
{
    static const struct sl_str over[] = {SL_STR_INIT("completed"), SL_STR_INIT("expired"), SL_STR_INIT("cancelled"),
                                         SL_STR_INIT("failed")};
    for (size_t i = 0; i < sizeof over / sizeof over[0]; i++)
        if (sl_str_eq(status, over[i]))
            return true;
    return false;
}

bool batches_settle_object(struct exchange *x, const struct try *t, struct sl_str body, struct sl_str status)
{
    struct answer_facts f;
    if (x->object.row == NULL || x->object.row->settled || !is_over(status))
        return false;
    x->dialect->answer_decode(body, &f);
    if (!f.valid || !f.usage.found || f.usage.bad)
        return false;
    const struct batch_use u = {.model = json_plain(f.model, x->a), .sum = usage_reported(&f.usage, false)};
    struct sl_str output = objects_member(body, "output_file_id");
    return append(x, t, output.n > 0 ? output : x->object.row->id, &u);
}

/* ---- results that pass ---- */

static void drop(void *arg)
{
    struct batch_lines *l = arg;
    sl_buf_done(&l->line);
}

static struct batch_use *use_of(struct exchange *x, struct batch_lines *l, struct sl_str model)
{
    for (unsigned i = 0; i < l->n; i++)
        if (sl_str_eq(l->uses[i].model, model))
            return &l->uses[i];
    if (l->n == MODELS_MAX) {
        l->bad = true;
        return NULL;
    }
    l->uses[l->n] = (struct batch_use){.model = sl_arena_str(x->a, model)};
    return &l->uses[l->n++];
}

/* Lines of Responses have their own names for what was used. Gives whose format it is. */
static const struct dialect *read_answer(const struct exchange *x, struct sl_str body, struct answer_facts *out)
{
    const struct dialect *other = dialect_find(SL_STR("openai-responses"));
    struct answer_facts f;
    x->dialect->answer_decode(body, out);
    if ((out->valid && (out->usage.found || out->content_bytes > 0)) || x->match.op != OP_FILE_CONTENT)
        return x->dialect;
    other->answer_decode(body, &f);
    if (!f.usage.found && f.content_bytes == 0)
        return x->dialect;
    *out = f;
    return other;
}

/* What the line says that nobody reports: its input is in another file. */
static uint64_t count_output(const struct exchange *x, const struct dialect *of, struct sl_str body,
                             const struct answer_facts *f, struct sl_str model)
{
    struct sl_arena a;
    struct told told;
    uint64_t n;
    sl_arena_init(&a, NULL);
    told_init(&told, &a);
    if (body.n <= COUNT_BODY_MAX && told_answer(&told, of, body))
        n = count_told(x->env->tokens, &told, told.bytes, 0, model);
    else
        n = count_told(x->env->tokens, NULL, f->content_bytes, 0, model);
    told_done(&told);
    sl_arena_done(&a);
    return n;
}

static void take_line(struct exchange *x, struct batch_lines *l)
{
    static const struct json_watch results[] = {{SL_STR_INIT("result"), -1}, {SL_STR_INIT("message"), 0}},
                                   output[] = {{SL_STR_INIT("response"), -1}, {SL_STR_INIT("body"), 0}};
    struct json_member at[2];
    struct json_info info;
    struct answer_facts f;
    struct sl_str line = sl_buf_str(&l->line);
    const struct json_watch *watches = x->match.op == OP_FILE_CONTENT ? output : results;
    bool message = json_scan(line, watches, 2, at, &info) == JSON_OK && at[1].kind == JSON_OBJECT;
    if (message) {
        struct sl_str body = json_raw(line, &at[1]);
        const struct dialect *of = read_answer(x, body, &f);
        bool told = f.usage.found && !f.usage.bad;
        struct batch_use *u = f.valid && (told || f.content_bytes > 0) ? use_of(x, l, f.model) : NULL;
        struct usage more = {.flags = USAGE_ESTIMATED};
        if (told)
            more = usage_reported(&f.usage, false);
        else if (u != NULL)
            more.output = count_output(x, of, body, &f, u->model);
        if (u != NULL)
            usage_add(&u->sum, &more);
    }
    sl_buf_reset(&l->line);
}

void batches_begin(struct exchange *x)
{
    struct batch_lines *l = x->object.lines;
    if (l == NULL)
        return;
    sl_buf_reset(&l->line);
    l->n = 0;
    l->bad = false;
}

/* What add_results in objects.c made: a file that the gateway says is a batch's. */
static bool is_output(const struct exchange *x)
{
    return x->match.op == OP_FILE_CONTENT &&
           sl_str_find_str(x->object.row->body, SL_STR("\"purpose\":\"batch_output\"")) >= 0;
}

void batches_on_body(struct exchange *x, struct sl_str bytes)
{
    struct batch_lines *l = x->object.lines;
    if (x->object.row == NULL || x->object.row->settled || !(x->match.op == OP_MESSAGE_BATCH_RESULTS || is_output(x)))
        return;
    if (l == NULL) {
        l = x->object.lines = SL_ARENA_NEW(x->a, struct batch_lines);
        sl_buf_init(&l->line, LINE_MAX);
        sl_arena_on_drop(x->a, drop, l);
    }
    while (bytes.n > 0) {
        ptrdiff_t end = sl_str_find(bytes, '\n');
        size_t n = end < 0 ? bytes.n : (size_t)end;
        l->bad |= sl_buf_add(&l->line, bytes.p, n) != SL_OK;
        bytes = sl_str_from(bytes, end < 0 ? n : n + 1);
        if (end >= 0)
            take_line(x, l);
    }
}

bool batches_settle_results(struct exchange *x, const struct try *t)
{
    struct batch_lines *l = x->object.lines;
    bool ok = true;
    if (l == NULL)
        return false;
    if (l->line.n > 0)
        take_line(x, l);
    if (l->bad)
        SL_LOG(SL_LOG_WARN, "batches.not_all_counted", SL_LS("provider", t->candidate->provider),
               SL_LS("id", x->object.id));
    for (unsigned i = 0; i < l->n && l->bad; i++)
        l->uses[i].sum.flags = (l->uses[i].sum.flags & ~(uint32_t)USAGE_REPORTED) | USAGE_ESTIMATED | USAGE_PARTIAL;
    for (unsigned i = 0; i < l->n && ok; i++)
        ok = append(x, t, x->object.row->id, &l->uses[i]);
    return ok && l->n > 0;
}

/* An entry without tokens, marked: something is missing here. */
void batches_settle_unread(struct exchange *x, const struct try *t)
{
    const struct batch_use u = {.model = SL_STR("unknown"), .sum.flags = USAGE_ESTIMATED | USAGE_PARTIAL};
    (void)append(x, t, x->object.row->id, &u);
}
