/* The ledger's part of one try: the open record before anything goes upstream, and once it is over: what was used, what it
 * cost, the close record, the target's numbers. */
#include "base/log.h"
#include "exchange/exchange_int.h"

bool try_append_open(struct exchange *x, struct try *t)
{
    if (x->op->session)
        return session_open_first(x, t);
    x->budget_until_ns = 0;
    if (x->op->counts || x->op->stored) /* costs nothing; a batch is charged when it is over */
        return !(x->match.op == OP_BATCH_CREATE || x->match.op == OP_MESSAGE_BATCH_CREATE) || budget_has_room(x);
    if (!budget_reserve_try(x, t))
        return false;
    unsigned char bytes[ENTRY_OPEN_MAX];
    const struct entry_open e = {
        .attempt = t->id,
        .exchange = x->id,
        .key = x->key->id,
        .wall_ns = t->wall_ns,
        .estimate_input = x->estimate_input,
        .estimate_cost_p = t->reservation.cost.cost_p,
        .flags = x->facts.stream ? ENTRY_STREAM : 0,
        .worker = (uint16_t)x->env->worker,
        .number = (uint16_t)x->n_tries,
        .tenant = x->key->tenant,
        .model = x->facts.model,
        .provider = t->candidate->provider,
        .target = t->candidate->model,
        .operation = x->op->name,
        .price_version = price_catalog_version(x->epoch->prices)->text,
    };
    size_t n = entry_open_encode(&e, bytes);
    if (journal_append(x->env->journal, JOURNAL_OPENS, ENTRY_OPEN, sl_str_of(bytes, n), &t->opened_at) == SL_OK) {
        t->is_open = true;
        tel_add(x->env->tel, TEL_JOURNAL_RECORDS, 1);
        return true;
    }
    tel_add(x->env->tel, TEL_JOURNAL_REFUSED, 1);
    if (!x->snap->set
             .full_refuses) /* the operator chose to go on: said for each attempt that the ledger will not have */
        SL_LOG(SL_LOG_ERROR, "ledger.unrecorded", SL_LS("provider", t->candidate->provider),
               SL_LS("model", t->candidate->model));
    if (x->snap->set.full_refuses)
        budget_settle(&t->spend, t->wall_ns, &t->reservation, 0);
    return !x->snap->set.full_refuses;
}

struct usage usage_reported(const struct token_counts *c, bool reasoning_outside)
{
    return usage_from_openai(&(struct usage_openai){
        .prompt = c->prompt,
        .completion = c->completion,
        .total = c->total,
        .cached = c->cached,
        .cache_write = c->cache_write,
        .audio_prompt = c->audio_prompt,
        .image_prompt = c->image_prompt,
        .reasoning = c->reasoning,
        .audio_completion = c->audio_completion,
        .image_completion = c->image_completion,
        .reasoning_outside = reasoning_outside,
        .unknown_fields = c->unknown,
    });
}

static struct usage reported(const struct exchange *x, const struct try *t)
{
    struct token_counts c = t->counts;
    /* the total tells whether a codec has brought it in already */
    bool outside = t->at->provider.kind->reasoning_outside &&
                   (c.total == 0 || c.total >= c.prompt + c.completion + c.reasoning);
    if (forms_makes_images(x) && c.image_completion == 0)
        c.image_completion = c.completion; /* what editing images generates is images, whatever the report calls it */
    struct usage u = {.flags = 0};
    if (c.found && !c.bad)
        u = usage_reported(&c, outside);
    memcpy(u.by_unit, t->units.by_unit, sizeof u.by_unit);
    u.audio_ms_in += c.seconds < UINT32_MAX ? c.seconds * 1000 : 0;
    return u;
}

/* An error, be it inside of a 200, and no output before it. */
static bool was_refused(const struct try *t)
{
    return t->status >= 300 || ((t->outcome == OUT_STREAM_ERROR || t->fault != PF_NONE) && t->output_bytes == 0);
}

/* A report of nothing at all is none: an answer cannot have cost no tokens. */
static bool has_report(const struct try *t)
{
    const struct token_counts *c = &t->counts;
    return t->counted ||
           (c->found && !c->bad && !c->estimated && (c->prompt > 0 || c->completion > 0 || c->seconds > 0));
}

static void settle(struct exchange *x, struct try *t)
{
    if (x->op->video) {
        video_settled(x, t);
        return;
    }
    if (x->op->counts || x->op->stored || x->op->session) {
        t->settled = (struct settlement){.billed = false};
        return;
    }
    enum settle_end end = t->outcome == OUT_OK ? SETTLE_WHOLE : was_refused(t) ? SETTLE_REFUSED : SETTLE_CUT;
    bool has_usage = has_report(t);
    if (t->result.sent && end != SETTLE_REFUSED && (!has_usage || (end == SETTLE_CUT && t->report_is_early)))
        guess_usage(x, t, !has_usage);
    const struct settle_facts f = {
        .price = t->price,
        .terms.shape = t->shape,
        .reservation = &t->reservation,
        .sent = t->result.sent,
        .end = end,
        .has_usage = has_usage,
        .report_is_early = t->report_is_early,
        .usage = reported(x, t),
        .input_seen = t->guess.prompt,
        .output_seen = t->guess.completion,
    };
    t->settled = settle_attempt(&f);
}

int64_t try_cost_now(struct exchange *x, struct try *t)
{
    const struct settlement was = t->settled;
    if (t->closed || x->op->video)
        return exchange_cost(x);
    relay_note_usage(x, t);
    settle(x, t);
    int64_t cost_p = exchange_cost(x);
    t->settled = was;
    return cost_p;
}

static void append_close(struct exchange *x, struct try *t)
{
    unsigned char bytes[ENTRY_CLOSE_MAX];
    int64_t duration = sl_loop_now(x->env->loop) - t->began_ns;
    bool cut = t->outcome == OUT_CLIENT_GONE || t->outcome == OUT_CANCELLED || t->outcome == OUT_TRUNCATED;
    uint32_t flags = entry_flags_of(t->settled.usage.flags, t->settled.cost.flags);
    if (!t->settled.billed)
        flags &= ~(uint32_t)(ENTRY_USAGE_MISSING | ENTRY_UNPRICED); /* nothing can have been charged */
    const struct entry_close e = {
        .attempt = t->id,
        .wall_ns = t->wall_ns + duration,
        .cost_p = t->settled.cost.cost_p,
        .duration_ns = duration,
        .first_token_ns = t->first_token_ns,
        .bytes_in = t->result.bytes_in,
        .bytes_out = t->result.bytes_out,
        .flags = flags | (cut ? ENTRY_INTERRUPTED : 0u) | (t->result.sent ? 0u : ENTRY_NOT_SENT) |
                 (x->is_stream ? ENTRY_STREAM : 0u),
        .status = (uint16_t)t->status,
        .usage = t->settled.usage,
        .outcome = outcome_row(t->outcome)->name,
    };
    size_t n = entry_close_encode(&e, bytes);
    enum sl_err err = journal_append(x->env->journal, JOURNAL_CLOSES, ENTRY_CLOSE, sl_str_of(bytes, n), &x->closed_at);
    SL_CHECK(err == SL_OK); /* its room was reserved with the open */
    t->is_open = false;
    tel_add(x->env->tel, TEL_JOURNAL_RECORDS, 1);
}

static void count(struct exchange *x, struct try *t)
{
    struct tel_worker *w = x->env->tel;
    tel_attempt_over(tel_target_get(w, t->candidate->provider, t->candidate->model),
                     &(struct tel_attempt){
                         .outcome = (unsigned)t->outcome,
                         .duration_ns = sl_loop_now(x->env->loop) - t->began_ns,
                         .first_byte_ns = t->result.first_byte_us >= 0 ? t->result.first_byte_us * 1000 : -1,
                         .cost_p = t->settled.cost.cost_p,
                         .tokens = t->settled.usage.by_class,
                         .units = t->settled.usage.by_unit,
                     });
    tel_add(w, TEL_UPSTREAM_BYTES_OUT, t->result.bytes_out);
    tel_add(w, TEL_UPSTREAM_BYTES_IN, t->result.bytes_in);
    if (t->result.first_byte_us >= 0)
        tel_observe(w, TEL_H_UPSTREAM_FIRST_BYTE, t->result.first_byte_us * 1000);
    if ((t->settled.usage.flags & USAGE_ESTIMATED) != 0)
        tel_add(w, TEL_USAGE_ESTIMATED, 1);
    if ((t->settled.usage.flags & USAGE_INCONSISTENT) != 0)
        tel_add(w, TEL_USAGE_INCONSISTENT, 1);
    if ((t->settled.cost.flags & COST_UNPRICED) != 0)
        tel_add(w, TEL_UNPRICED, 1);
}

void try_close(struct exchange *x, struct try *t)
{
    SL_CHECK(!t->closed);
    t->closed = true;
    t->ended_ns = sl_loop_now(x->env->loop);
    settle(x, t);
    budget_settle(&t->spend, t->wall_ns, &t->reservation, t->settled.cost.cost_p);
    if (x->op->session)
        session_try_over(x, t);
    else if (t->is_open)
        append_close(x, t);
    count(x, t);
    lanes_end(x, t);
}
