/* See batch_desk.h.
 *
 *   LIVE ─► batch ─► step ─┬─ VALIDATING: READ a piece ─► its lines ─► LINES ... ─► RUNNING, or FAILED
 *                          ├─ RUNNING: NEXT ─► ready ─► pump ─► call ─► answer ─┬─► results ─► DONE
 *                          │                      ▲                             └─► waits, and again
 *                          └─ FINALIZING: NEXT, DONE (lines that did not run) ─► BATCH: ended, with its files
 *
 * step() looks at what a batch is and begins what is next; it is called behind everything that happens. A batch has at most one
 * reading and one writing question at the keeper. What a write failed to store is asked again. Results count when they are stored. */
#include "exchange/batch_desk.h"

#include "base/die.h"
#include "base/log.h"
#include "base/mem.h"
#include "exchange/batch_int.h"
#include "exchange/batch_watch.h"
#include "exchange/exchange_int.h"

#define AGAIN_NS SL_SEC         /* the store could not */
#define SWEEP_NS (600 * SL_SEC) /* between looks for what is kept no longer */
#define FIRST_SWEEP_NS (5 * SL_SEC)
#define WAIT_MAX_NS (60 * SL_SEC)
#define UNRUN_AT_ONCE 500u

struct desk_line {
    struct sl_list node; /* in ready, waiting or results */
    struct desk_batch *of;
    struct sl_arena a; /* own */
    uint64_t line;
    struct sl_str custom_id, body;
    char id[SL_ID_TEXT]; /* of its result */
    unsigned tries;
    struct sl_timer timer;   /* while it waits */
    struct batch_call *call; /* own; while it runs */
    enum store_line_state state;
    struct sl_buf result; /* own */
};

struct desk_batch {
    struct sl_list node;
    struct batch_desk *desk;
    struct sl_arena a; /* own: texts of b */
    struct store_batch b;
    struct sl_list ready, waiting, results, stored; /* struct desk_line; stored: on their way to the store */
    unsigned held, running;                         /* lines in memory without a result; of them those that run */
    uint64_t cursor;                                /* the last line that was fetched */
    bool fetched;                                   /* there is none behind it */
    bool reading, writing;
    struct store_batch next; /* what is being written; texts of b */
    struct sl_timer timer;   /* expiry, or again */
    /* VALIDATING */
    bool cleared, read;   /* lines of before went; the file is at its end */
    uint64_t piece, line; /* next piece; lines so far */
    struct sl_buf part;   /* own: the line that is not whole yet */
    struct sl_buf errors; /* own: JSON array, not closed */
    unsigned n_errors;
    struct batch_rows *lines; /* own: lines of the last piece, to be stored; NULL: none */
};

struct batch_desk {
    struct exchange_env *env;
    struct sl_list batches;
    unsigned running;           /* lines, of all */
    bool asking, poked;         /* what is live */
    struct batch_rows *intents; /* own: of batches that providers may have; NULL: none is looked for */
    size_t at_intent;
    int64_t after_intent;      /* row: the last one that was looked at; 0: from the first */
    int64_t began_ns;          /* wall */
    struct batch_call *list;   /* own: what a provider has */
    struct sl_timer look;      /* for more of them */
    struct batch_watch *watch; /* own: of those at providers */
    bool ending;
    struct sl_timer retry, sweep;
};

static void step(struct desk_batch *b);
static void pump(struct batch_desk *d);

static const struct batches_policy *policy_of(const struct batch_desk *d)
{
    return &d->env->epoch->snapshot->set.batches;
}

static bool is_idle(const struct batch_desk *d)
{
    return d->ending || d->env->draining;
}

static int64_t wall_of(const struct desk_batch *b)
{
    return sl_loop_wall(b->desk->env->loop);
}

/* No new line is begun. */
static bool is_stopped(const struct desk_batch *b)
{
    return b->b.cancel_ns > 0 || wall_of(b) >= b->b.expires_ns;
}

static struct batch_rows *question(struct desk_batch *b, enum batch_rows_kind kind,
                                   void (*done)(struct batch_rows *j, void *receiver))
{
    struct batch_rows *j = batch_rows_new(kind);
    store_batch_copy(&j->b, &b->b, &j->a);
    j->asker = b;
    j->done = done;
    return j;
}

static void again(struct desk_batch *b)
{
    sl_timer_arm(b->desk->env->loop, &b->timer, sl_loop_now(b->desk->env->loop) + AGAIN_NS);
}

/* Takes j. */
static bool ask(struct desk_batch *b, struct batch_rows *j)
{
    if (b->desk->env->batches_ask(b->desk->env->owner, j))
        return true;
    batch_rows_free(j);
    again(b);
    return false;
}

/* ---- one batch ---- */

static void on_batch_timer(struct sl_timer *t)
{
    step(SL_CONTAINER_OF(t, struct desk_batch, timer));
}

static void arm_expiry(struct desk_batch *b)
{
    struct sl_loop *l = b->desk->env->loop;
    int64_t left = b->b.expires_ns - wall_of(b);
    if (left > 0 && !sl_timer_is_armed(&b->timer))
        sl_timer_arm(l, &b->timer, sl_loop_now(l) + left + SL_MS);
}

static struct desk_batch *batch_new(struct batch_desk *d, const struct store_batch *row)
{
    struct desk_batch *b = SL_NEW(struct desk_batch);
    b->desk = d;
    sl_arena_init(&b->a, NULL);
    store_batch_copy(&b->b, row, &b->a);
    sl_list_init(&b->node);
    sl_list_init(&b->ready);
    sl_list_init(&b->waiting);
    sl_list_init(&b->results);
    sl_list_init(&b->stored);
    sl_timer_init(&b->timer, on_batch_timer);
    sl_buf_init(&b->part, BATCH_LINE_MAX);
    sl_buf_init(&b->errors, (size_t)1 << 20);
    sl_list_add_tail(&d->batches, &b->node);
    return b;
}

static void line_free(struct desk_line *l)
{
    sl_list_remove(&l->node);
    sl_timer_cancel(l->of->desk->env->loop, &l->timer);
    batch_call_free(l->call);
    sl_buf_done(&l->result);
    sl_arena_done(&l->a);
    sl_free(l);
}

static void lines_free(struct sl_list *list)
{
    while (!sl_list_is_empty(list))
        line_free(SL_CONTAINER_OF(list->next, struct desk_line, node));
}

static void batch_free(struct desk_batch *b)
{
    lines_free(&b->ready);
    lines_free(&b->waiting);
    lines_free(&b->results);
    lines_free(&b->stored);
    sl_timer_cancel(b->desk->env->loop, &b->timer);
    sl_list_remove(&b->node);
    batch_rows_free(b->lines);
    sl_buf_done(&b->part);
    sl_buf_done(&b->errors);
    sl_arena_done(&b->a);
    sl_free(b);
}

/* ---- writing a batch ---- */

static void put_object(struct batch_rows *j, const struct store_batch *b, enum store_object_kind kind, struct sl_str id,
                       struct sl_str body, int64_t made_ns)
{
    const struct store_object o = {
        .kind = kind, .id = id, .key = b->key, .tenant = b->tenant, .made_ns = made_ns, .body = body, .settled = true};
    batch_rows_add_object(j, &o);
}

static void put_self(struct batch_rows *j)
{
    struct sl_buf body;
    sl_buf_init(&body, (size_t)1 << 20);
    batch_object_write(&j->b, &body);
    put_object(j, &j->b, j->b.kind, j->b.id, sl_buf_str(&body), j->b.made_ns);
    sl_buf_done(&body);
}

static void put_file(struct batch_rows *j, enum store_line_state state)
{
    struct sl_buf body;
    bool output = state == STORE_LINE_OUTPUT;
    uint64_t bytes = output ? j->b.bytes_out : j->b.bytes_err;
    if (bytes == 0 || j->b.kind != STORE_OBJECT_BATCH)
        return;
    struct sl_str id = batch_file_id(&j->b, state, &j->a);
    struct sl_str name =
        sl_arena_printf(&j->a, SL_STR_FMT "_%s.jsonl", SL_STR_ARG(j->b.id), output ? "output" : "error");
    sl_buf_init(&body, 65536);
    batch_file_write(id, name, SL_STR("batch_output"), bytes, j->b.ended_ns, &body);
    put_object(j, &j->b, STORE_OBJECT_FILE, id, sl_buf_str(&body), j->b.ended_ns);
    sl_buf_done(&body);
}

/* The new state is ours when it is stored. What cannot be stored is tried again by step. */
static void on_state(struct batch_rows *j, void *receiver)
{
    struct desk_batch *b = j->asker;
    (void)receiver;
    b->writing = false;
    if (j->found == BF_OK) {
        struct sl_str errors = b->b.errors;
        int64_t cancel_ns = b->b.cancel_ns;
        b->b = b->next;
        b->b.errors = errors;
        b->b.cancel_ns = cancel_ns > 0 ? cancel_ns : b->b.cancel_ns;
        if (b->b.state == STORE_BATCH_RUNNING)
            sl_die_at("batch_validated");
        if (b->b.state == STORE_BATCH_FINALIZING)
            sl_die_at("batch_finalizing");
        batch_rows_free(j);
        step(b);
        return;
    }
    batch_rows_free(j);
    again(b);
}

/* b->next is what it is to be. */
static void write_state(struct desk_batch *b)
{
    struct batch_rows *j = question(b, BR_BATCH, on_state);
    store_batch_copy(&j->b, &b->next, &j->a);
    put_self(j);
    if (b->next.ended_ns > 0) {
        put_file(j, STORE_LINE_OUTPUT);
        put_file(j, STORE_LINE_ERROR);
    }
    j->synced = true;
    b->writing = ask(b, j);
}

/* ---- VALIDATING ---- */

static void note_error(struct desk_batch *b, const struct batch_wrong *w, uint64_t line)
{
    if (b->n_errors++ < BATCH_ERRORS_MAX)
        batch_error_add(&b->errors, w, line);
}

static void take_line(struct desk_batch *b, struct sl_str text)
{
    struct batch_line_read read;
    struct batch_wrong wrong;
    struct sl_arena scratch;
    b->line++;
    if (sl_str_trim(text).n == 0 || sl_str_eq(sl_str_trim(text), SL_STR("\r")))
        return; /* an empty line is none */
    if (b->b.total == BATCH_LINES_OPENAI) {
        wrong = (struct batch_wrong){.code = "too_many_requests", .message = "A batch takes 50,000 lines at most."};
        note_error(b, &wrong, b->line);
        b->read = true;
        return;
    }
    b->b.total++;
    sl_arena_init(&scratch, NULL);
    if (!batch_line_read(text, b->b.endpoint, &scratch, &read, &wrong)) {
        note_error(b, &wrong, b->line);
    } else if (b->n_errors == 0) {
        if (b->lines == NULL)
            b->lines = batch_rows_new(BR_LINES);
        struct store_line *l = batch_rows_add_line(b->lines);
        l->line = b->line;
        l->custom_id = sl_arena_str(&b->lines->a, read.custom_id);
        l->input = sl_arena_str(&b->lines->a, read.body);
    }
    sl_arena_done(&scratch);
}

/* Bytes of the file, cut anywhere. */
static void take_piece(struct desk_batch *b, struct sl_str bytes)
{
    static const struct batch_wrong too_long = {.code = "line_too_long", .message = "This line is longer than 16 MiB."};
    while (bytes.n > 0 && !b->read) {
        ptrdiff_t end = sl_str_find(bytes, '\n');
        size_t n = end < 0 ? bytes.n : (size_t)end;
        (void)sl_buf_add(&b->part, bytes.p, n);
        bytes = sl_str_from(bytes, end < 0 ? n : n + 1);
        if (b->part.over) {
            note_error(b, &too_long, b->line + 1);
            b->read = true;
        } else if (end >= 0) {
            take_line(b, sl_buf_str(&b->part));
            sl_buf_reset(&b->part);
        }
    }
}

static void on_piece(struct batch_rows *j, void *receiver)
{
    static const struct batch_wrong gone = {.code = "invalid_request", .message = "The input file is gone."};
    struct desk_batch *b = j->asker;
    (void)receiver;
    b->reading = false;
    if (j->found == BF_FAILED) {
        batch_rows_free(j);
        again(b);
        return;
    }
    if (j->found == BF_NONE) {
        if (j->count == 0)
            note_error(b, &gone, 0);
        if (b->part.n > 0)
            take_line(b, sl_buf_str(&b->part));
        b->read = true;
    } else {
        b->piece++;
        take_piece(b, j->bytes);
    }
    batch_rows_free(j);
    step(b);
}

static void on_lines(struct batch_rows *j, void *receiver)
{
    static const struct batch_wrong twice = {
        .code = "duplicate_custom_id", .param = "custom_id", .message = "The custom_id of this line was used before."};
    struct desk_batch *b = j->asker;
    (void)receiver;
    b->writing = false;
    if (j->found != BF_OK) {
        b->lines = j; /* the same again */
        again(b);
        return;
    }
    for (size_t i = 0; i < j->n_lines; i++)
        if (j->lines[i].twice)
            note_error(b, &twice, j->lines[i].line);
    batch_rows_free(j);
    step(b);
}

static void on_cleared(struct batch_rows *j, void *receiver)
{
    struct desk_batch *b = j->asker;
    (void)receiver;
    b->writing = false;
    b->cleared = j->found == BF_OK;
    batch_rows_free(j);
    if (b->cleared)
        step(b);
    else
        again(b);
}

static void fail(struct desk_batch *b)
{
    static const struct batch_wrong empty = {.code = "empty_file", .message = "The input file has no lines."};
    if (b->n_errors == 0)
        note_error(b, &empty, 0);
    sl_buf_addc(&b->errors, ']');
    b->b.errors = sl_arena_str(&b->a, sl_buf_str(&b->errors));
    b->next = b->b;
    b->next.state = STORE_BATCH_FAILED;
    b->next.total = 0;
    b->next.ended_ns = wall_of(b);
}

static void validated(struct desk_batch *b)
{
    if (b->next.state == STORE_BATCH_FAILED) {
        write_state(b); /* once more */
        return;
    }
    b->next = b->b;
    if (b->n_errors > 0 || b->b.total == 0) {
        fail(b);
    } else {
        b->next.state = STORE_BATCH_RUNNING;
        b->next.began_ns = wall_of(b);
    }
    write_state(b);
}

static void step_validating(struct desk_batch *b)
{
    struct batch_rows *j;
    if (b->reading || b->writing)
        return;
    if (!b->cleared) {
        b->writing = ask(b, question(b, BR_NO_LINES, on_cleared));
    } else if (b->lines != NULL) {
        j = b->lines;
        b->lines = NULL;
        store_batch_copy(&j->b, &b->b, &j->a);
        j->asker = b;
        j->done = on_lines;
        if (!b->desk->env->batches_ask(b->desk->env->owner, j)) {
            b->lines = j;
            again(b);
            return;
        }
        b->writing = true;
    } else if (!b->read) {
        j = question(b, BR_READ, on_piece);
        j->id = sl_arena_str(&j->a, b->b.input);
        j->at = b->piece;
        b->reading = ask(b, j);
    } else {
        validated(b);
    }
}

/* ---- RUNNING: results ---- */

static void count(struct store_batch *n, const struct desk_line *l)
{
    if (l->state == STORE_LINE_OUTPUT) {
        n->completed++;
        n->bytes_out += l->result.n;
    } else {
        n->failed++;
        n->bytes_err += l->result.n;
    }
}

static void on_stored(struct batch_rows *j, void *receiver)
{
    struct desk_batch *b = j->asker;
    (void)receiver;
    b->writing = false;
    if (j->found == BF_OK) {
        b->b.completed = b->next.completed;
        b->b.failed = b->next.failed;
        b->b.bytes_out = b->next.bytes_out;
        b->b.bytes_err = b->next.bytes_err;
        lines_free(&b->stored);
        sl_die_at("batch_line_stored");
    } else {
        sl_list_splice(&b->stored, &b->results);
        sl_list_splice(&b->results, &b->stored);
        again(b);
    }
    bool ok = j->found == BF_OK;
    batch_rows_free(j);
    if (ok)
        step(b);
}

static void store_results(struct desk_batch *b)
{
    struct batch_rows *j;
    if (b->writing || sl_list_is_empty(&b->results))
        return;
    sl_list_splice(&b->stored, &b->results);
    b->next = b->b;
    j = question(b, BR_DONE, on_stored);
    SL_LIST_EACH(node, &b->stored)
    {
        const struct desk_line *l = SL_CONTAINER_OF(node, struct desk_line, node);
        struct store_line *to = batch_rows_add_line(j);
        to->line = l->line;
        to->state = l->state;
        to->result = sl_arena_str(&j->a, sl_buf_str(&l->result));
        count(&b->next, l);
    }
    store_batch_copy(&j->b, &b->next, &j->a);
    put_self(j);
    b->writing = ask(b, j);
    if (!b->writing)
        sl_list_splice(&b->results, &b->stored);
}

static void give_result(struct desk_line *l, const struct batch_answer *r)
{
    struct desk_batch *b = l->of;
    l->state = batch_result_write(b->b.kind, l->custom_id, sl_str_c(l->id), r, &l->result);
    if (l->result.over) { /* what the store cannot have */
        const struct batch_answer large = {
            .status = 500, .body = SL_STR("{\"error\":{\"message\":\"The answer was too large to be kept.\"}}")};
        sl_buf_reset(&l->result);
        l->state = batch_result_write(b->b.kind, l->custom_id, sl_str_c(l->id), &large, &l->result);
    }
    batch_call_free(l->call);
    l->call = NULL;
    sl_arena_reset(&l->a);
    b->held--;
    sl_list_add_tail(&b->results, &l->node);
}

/* ---- RUNNING: a line ---- */

static bool may_again(const struct desk_line *l, const struct batch_answer *r)
{
    const struct batches_policy *p = policy_of(l->of->desk);
    int status = r->status;
    if (r->is_final)
        return false;
    if (status == 429 || status == 503 || status == 529)
        return true;
    return (status == 408 || status == 409 || status == 425 || status >= 500) && l->tries < p->tries;
}

static void on_line_timer(struct sl_timer *t)
{
    struct desk_line *l = SL_CONTAINER_OF(t, struct desk_line, timer);
    sl_list_remove(&l->node);
    sl_list_add_tail(&l->of->ready, &l->node);
    pump(l->of->desk);
}

static void wait_for_turn(struct desk_line *l, int64_t said_ns)
{
    struct sl_loop *loop = l->of->desk->env->loop;
    int64_t wait = policy_of(l->of->desk)->retry_ns;
    for (unsigned i = 1; i < l->tries && wait < WAIT_MAX_NS; i++)
        wait *= 2;
    wait = wait < WAIT_MAX_NS ? wait : WAIT_MAX_NS;
    wait += (int64_t)sl_rand_below(&loop->rand, (uint64_t)wait / 4 + 1);
    wait = said_ns > wait ? said_ns : wait;
    sl_list_add_tail(&l->of->waiting, &l->node);
    sl_timer_arm(loop, &l->timer, sl_loop_now(loop) + wait);
}

static void on_over(void *arg, struct batch_call *c)
{
    struct desk_line *l = arg;
    struct desk_batch *b = l->of;
    struct batch_desk *d = b->desk;
    struct batch_answer r = {.status = 502};
    int64_t said_ns = 0;
    SL_CHECK(l->call == c);
    bool whole = batch_call_answer(c, &r, &said_ns);
    b->running--;
    d->running--;
    if ((!whole && is_idle(d)) || (d->ending && may_again(l, &r))) {
        b->held--; /* the next process runs it */
        line_free(l);
        return;
    }
    if (may_again(l, &r)) {
        batch_call_free(l->call);
        l->call = NULL;
        wait_for_turn(l, said_ns);
    } else {
        if (!whole)
            r.body =
                SL_STR("{\"error\":{\"message\":\"The answer broke off.\",\"type\":\"upstream_error\",\"code\":null}}");
        give_result(l, &r);
    }
    step(b);
    pump(d);
}

static void refuse_line(struct desk_line *l, const char *why)
{
    enum error_format format = l->of->b.kind == STORE_OBJECT_BATCH ? ERRORS_OPENAI : ERRORS_ANTHROPIC;
    const struct error_facts f = {.error = GE_UNSUPPORTED, .message = sl_str_c(why), .id = sl_str_c(l->id)};
    const struct batch_answer r = {.status = error_status(format, &f), .body = error_body(&l->a, format, &f)};
    give_result(l, &r);
}

static void run_line(struct desk_line *l)
{
    struct desk_batch *b = l->of;
    const char *why = batch_body_refused(l->body);
    bool anthropic = b->b.kind == STORE_OBJECT_MESSAGE_BATCH;
    const struct batch_call_ask ask = {
        .key = b->b.key,
        .path = anthropic ? SL_STR("/v1/messages") : b->b.endpoint,
        .body = l->body,
        .betas = b->b.betas,
        .anthropic = anthropic,
    };
    if (why != NULL) {
        refuse_line(l, why);
        store_results(b);
        return;
    }
    l->tries++;
    b->running++;
    b->desk->running++;
    l->call = batch_call_start(b->desk->env, &ask, on_over, l);
    sl_die_at("batch_line_sent");
}

/* One of each batch in turn. */
static void pump(struct batch_desk *d)
{
    bool some = true;
    while (some && !is_idle(d)) {
        some = false;
        SL_LIST_EACH(node, &d->batches)
        {
            struct desk_batch *b = SL_CONTAINER_OF(node, struct desk_batch, node);
            if (d->running >= policy_of(d)->parallel)
                return;
            struct sl_list *first = is_stopped(b) ? NULL : sl_list_take_head(&b->ready);
            if (first == NULL)
                continue;
            run_line(SL_CONTAINER_OF(first, struct desk_line, node));
            some = true;
        }
    }
}

static void on_next(struct batch_rows *j, void *receiver)
{
    struct desk_batch *b = j->asker;
    (void)receiver;
    b->reading = false;
    b->fetched = j->found == BF_NONE;
    for (size_t i = 0; i < j->n_lines; i++) {
        struct desk_line *l = SL_NEW(struct desk_line);
        l->of = b;
        sl_list_init(&l->node);
        sl_timer_init(&l->timer, on_line_timer);
        sl_arena_init(&l->a, NULL);
        sl_buf_init(&l->result, (size_t)80 << 20);
        l->line = j->lines[i].line;
        l->custom_id = sl_arena_str(&l->a, j->lines[i].custom_id);
        l->body = sl_arena_str(&l->a, j->lines[i].input);
        sl_id_text(sl_id_make(wall_of(b), &b->desk->env->loop->rand), l->id);
        sl_list_add_tail(&b->ready, &l->node);
        b->held++;
        b->cursor = l->line;
    }
    bool failed = j->found == BF_FAILED;
    batch_rows_free(j);
    if (failed) {
        again(b);
        return;
    }
    step(b);
    pump(b->desk);
}

static void drop_unbegun(struct desk_batch *b, struct sl_list *list)
{
    while (!sl_list_is_empty(list)) {
        line_free(SL_CONTAINER_OF(list->next, struct desk_line, node));
        b->held--;
    }
}

static void step_running(struct desk_batch *b)
{
    unsigned most = policy_of(b->desk)->parallel;
    bool stopped = is_stopped(b);
    store_results(b);
    if (stopped) {
        drop_unbegun(b, &b->ready);
        drop_unbegun(b, &b->waiting);
    } else if (!b->reading && !b->fetched && b->held < most && !is_idle(b->desk)) {
        struct batch_rows *j = question(b, BR_NEXT, on_next);
        j->after = b->cursor;
        j->limit = most - b->held;
        b->reading = ask(b, j);
    }
    if (b->held > 0 || b->reading || b->writing || !(b->fetched || stopped) || !sl_list_is_empty(&b->results))
        return;
    b->next = b->b;
    b->next.state = STORE_BATCH_FINALIZING;
    b->next.finalizing_ns = wall_of(b);
    write_state(b);
}

/* ---- FINALIZING ---- */

static void ended(struct desk_batch *b, bool all_ran)
{
    b->next = b->b;
    b->next.ended_ns = wall_of(b);
    b->next.state = b->b.cancel_ns > 0             ? STORE_BATCH_CANCELLED
                    : all_ran && b->b.expired == 0 ? STORE_BATCH_COMPLETED
                                                   : STORE_BATCH_EXPIRED;
    write_state(b);
}

static void on_unrun(struct batch_rows *j, void *receiver)
{
    struct desk_batch *b = j->asker;
    (void)receiver;
    b->writing = false;
    bool ok = j->found == BF_OK;
    if (ok) {
        b->b.cancelled = b->next.cancelled;
        b->b.expired = b->next.expired;
        b->b.failed = b->next.failed;
        b->b.bytes_err = b->next.bytes_err;
    }
    batch_rows_free(j);
    if (ok)
        step(b);
    else
        again(b);
}

static void write_unrun(struct desk_batch *b, const struct batch_rows *found)
{
    struct batch_rows *j = question(b, BR_DONE, on_unrun);
    bool cancelled = b->b.cancel_ns > 0, openai = b->b.kind == STORE_OBJECT_BATCH;
    struct sl_buf text;
    char id[SL_ID_TEXT];
    sl_buf_init(&text, 65536);
    b->next = b->b;
    for (size_t i = 0; i < found->n_lines; i++) {
        struct store_line *l = batch_rows_add_line(j);
        sl_id_text(sl_id_make(wall_of(b), &b->desk->env->loop->rand), id);
        sl_buf_reset(&text);
        batch_unrun_write(b->b.kind, found->lines[i].custom_id, sl_str_c(id), cancelled, &text);
        *l = (struct store_line){
            .line = found->lines[i].line, .state = STORE_LINE_ERROR, .result = sl_arena_str(&j->a, sl_buf_str(&text))};
        *(cancelled ? &b->next.cancelled : &b->next.expired) += 1;
        b->next.failed += openai;
        b->next.bytes_err += text.n;
    }
    store_batch_copy(&j->b, &b->next, &j->a);
    put_self(j);
    sl_buf_done(&text);
    b->writing = ask(b, j);
}

static void on_left(struct batch_rows *j, void *receiver)
{
    struct desk_batch *b = j->asker;
    (void)receiver;
    b->reading = false;
    if (j->found == BF_FAILED)
        again(b);
    else if (j->found == BF_NONE)
        ended(b, true);
    else
        write_unrun(b, j);
    batch_rows_free(j);
}

static void step_finalizing(struct desk_batch *b)
{
    if (b->reading || b->writing)
        return;
    struct batch_rows *j = question(b, BR_NEXT, on_left);
    j->limit = UNRUN_AT_ONCE;
    j->all = true; /* without their inputs */
    b->reading = ask(b, j);
}

static void step(struct desk_batch *b)
{
    struct batch_desk *d = b->desk;
    if (d->ending)
        return;
    arm_expiry(b);
    switch (b->b.state) {
    case STORE_BATCH_VALIDATING:
        step_validating(b);
        return;
    case STORE_BATCH_RUNNING:
        step_running(b);
        return;
    case STORE_BATCH_FINALIZING:
        step_finalizing(b);
        return;
    default:
        break;
    }
    if (b->reading || b->writing)
        return;
    SL_LOG(SL_LOG_INFO, "batches.ended", SL_LS("id", b->b.id), SL_LI("completed", (int64_t)b->b.completed),
           SL_LI("failed", (int64_t)b->b.failed));
    sl_die_at("batch_ended");
    batch_free(b);
}

/* ---- what there is ---- */

static struct desk_batch *find(struct batch_desk *d, struct sl_str id)
{
    SL_LIST_EACH(node, &d->batches)
    {
        struct desk_batch *b = SL_CONTAINER_OF(node, struct desk_batch, node);
        if (sl_str_eq(b->b.id, id))
            return b;
    }
    return NULL;
}

static void on_live(struct batch_rows *j, void *receiver)
{
    struct batch_desk *d = j->asker;
    (void)receiver;
    d->asking = false;
    for (size_t i = 0; i < j->n_batches && !d->ending; i++) {
        const struct store_batch *row = &j->batches[i];
        struct desk_batch *b = find(d, row->id);
        if (b == NULL)
            b = batch_new(d, row);
        else if (b->b.cancel_ns == 0)
            b->b.cancel_ns = row->cancel_ns;
        step(b);
    }
    bool more = d->poked || j->found == BF_FAILED;
    d->poked = false;
    if (j->found == BF_FAILED)
        sl_timer_arm(d->env->loop, &d->retry, sl_loop_now(d->env->loop) + AGAIN_NS);
    else if (more)
        batch_desk_poke(d);
    batch_rows_free(j);
}

void batch_desk_poke(struct batch_desk *d)
{
    if (d->ending)
        return;
    if (d->asking) {
        d->poked = true;
        return;
    }
    struct batch_rows *j = batch_rows_new(BR_LIVE);
    j->asker = d;
    j->done = on_live;
    d->asking = d->env->batches_ask(d->env->owner, j);
    if (!d->asking)
        batch_rows_free(j);
}

/* ---- batches that providers may have ---- */

#define LOOK_NS (60 * SL_SEC)
#define GIVE_UP_NS (24 * 3600 * SL_SEC)
#define LISTS_AT_ONCE 4u /* objects of one message */
#define LIST_PAGE 100u   /* of a provider's list */
#define INTENTS_AT_ONCE 16u

static void look_next(struct batch_desk *d);

static void on_resolved(struct batch_rows *j, void *receiver)
{
    struct batch_desk *d = j->asker;
    (void)receiver;
    batch_rows_free(j);
    look_next(d);
}

static void look_done(struct batch_desk *d)
{
    size_t n = d->intents->n_objects;
    d->after_intent = n == INTENTS_AT_ONCE ? d->intents->objects[n - 1].row : 0;
    batch_rows_free(d->intents);
    d->intents = NULL;
    sl_timer_arm(d->env->loop, &d->look, sl_loop_now(d->env->loop) + LOOK_NS);
}

/* j has what was found for it. */
static void resolve(struct batch_desk *d, const struct store_object *intent, struct batch_rows *j, const char *event)
{
    j->id = sl_arena_str(&j->a, intent->id);
    j->asker = d;
    j->done = on_resolved;
    j->synced = true;
    SL_LOG(SL_LOG_WARN, event, SL_LS("provider", intent->provider), SL_LS("intent", intent->id),
           SL_LS("file", intent->body), SL_LI("found", (int64_t)j->n_objects));
    if (d->env->batches_ask(d->env->owner, j))
        return;
    batch_rows_free(j);
    look_done(d);
}

/* Whatever was made of that file is its owner's: nobody else can name it. */
static void take_listed(const struct store_object *intent, struct sl_str body, struct batch_rows *j)
{
    struct sl_str id;
    size_t at = 0;
    while (j->n_objects < LISTS_AT_ONCE) {
        struct sl_str object = batch_listed(body, &at, intent->body, &id, &j->a);
        if (object.n == 0)
            return;
        struct store_object o = *intent;
        o.kind = STORE_OBJECT_BATCH;
        o.id = id;
        o.body = object;
        batch_rows_add_object(j, &o);
    }
}

static void on_found_files(struct batch_rows *j, void *receiver)
{
    int64_t sure = j->perhaps ? 0 : (int64_t)j->count, perhaps = j->perhaps ? (int64_t)j->count : 0;
    SL_LOG(SL_LOG_WARN, j->found == BF_OK && perhaps == 0 ? "files.resolved" : "files.unclear",
           SL_LS("provider", j->b.tenant), SL_LS("intent", j->id), SL_LS("file", j->b.input), SL_LI("found", sure),
           SL_LI("perhaps", perhaps), SL_LS("perhaps_id", perhaps > 0 ? j->objects[0].id : SL_STR_NONE));
    on_resolved(j, receiver);
}

static void add_listed(struct batch_rows *j, const struct store_object *intent, const struct file_intent *want,
                       struct sl_str list, size_t most)
{
    struct sl_str id, object;
    size_t at = 0;
    while (j->n_objects < most && (object = file_listed(list, &at, want, intent->made_ns, &id, &j->a)).n > 0) {
        struct store_object o = *intent;
        o.kind = STORE_OBJECT_FILE;
        o.id = id;
        o.body = object;
        if (objects_is_id(id))
            batch_rows_add_object(j, &o);
    }
}

/* The file is the tenant's who sent it: by its name, its bytes and its time. Where the bytes fit nothing, what came in that time under
 * that name may be it all the same (nobody knew them, or not rightly): that is told, and given to nobody. */
static void take_files(struct batch_desk *d, const struct store_object *intent, struct sl_str body)
{
    struct batch_rows *j = batch_rows_new(BR_FOUND_FILES);
    struct file_intent want = {.bytes = 0};
    if (file_intent_read(intent->body, &j->a, &want))
        add_listed(j, intent, &want, body, LISTS_AT_ONCE);
    if (j->n_objects == 0 && !file_list_is_whole(body, intent->made_ns, &j->a)) {
        batch_rows_free(j);
        resolve(d, intent, batch_rows_new(BR_RESOLVED), "files.unclear");
        return;
    }
    j->perhaps = j->n_objects == 0;
    want.any_size = true;
    if (j->perhaps && (want.bytes <= 0 || want.or_bytes > want.bytes)) /* of `complete` they are known */
        add_listed(j, intent, &want, body, LIST_PAGE);
    j->id = sl_arena_str(&j->a, intent->id);
    j->b.input = sl_arena_str(&j->a, intent->body);
    j->b.tenant = sl_arena_str(&j->a, intent->provider);
    j->now_ns = sl_loop_wall(d->env->loop);
    j->asker = d;
    j->done = on_found_files;
    j->synced = true;
    if (d->env->batches_ask(d->env->owner, j))
        return;
    batch_rows_free(j);
    look_done(d);
}

static void on_listed(void *arg, struct batch_call *c)
{
    struct batch_desk *d = arg;
    struct batch_answer r;
    int64_t wait_ns;
    const struct store_object *intent = &d->intents->objects[d->at_intent++];
    bool ok = batch_call_answer(c, &r, &wait_ns) && r.status == 200;
    if (ok && !d->ending && file_intent_is(intent->body)) {
        take_files(d, intent, r.body);
    } else if (ok && !d->ending) {
        struct batch_rows *j = batch_rows_new(BR_RESOLVED);
        take_listed(intent, r.body, j);
        resolve(d, intent, j, "batches.resolved");
    }
    batch_call_free(c);
    d->list = NULL;
    if (!ok)
        look_next(d); /* again at the next look */
}

/* Uploads may take longer than other requests: what was begun since this process lives may still be on its way. */
static bool may_come(const struct batch_desk *d, const struct store_object *intent)
{
    return file_intent_is(intent->body) && intent->made_ns >= d->began_ns &&
           sl_loop_wall(d->env->loop) - intent->made_ns < d->env->epoch->snapshot->set.files.time_ns + LOOK_NS;
}

static void look_next(struct batch_desk *d)
{
    struct file_intent file = {.bytes = 0};
    struct sl_arena scratch;
    if (d->ending || d->intents == NULL)
        return;
    while (d->at_intent < d->intents->n_objects && may_come(d, &d->intents->objects[d->at_intent]))
        d->at_intent++;
    if (d->at_intent == d->intents->n_objects) {
        look_done(d);
        return;
    }
    const struct store_object *intent = &d->intents->objects[d->at_intent];
    sl_arena_init(&scratch, NULL);
    if (file_intent_is(intent->body))
        (void)file_intent_read(intent->body, &scratch, &file);
    sl_arena_done(&scratch);
    const struct batch_call_ask ask = {.key = intent->key,
                                       .house = true,
                                       .tenant = intent->tenant,
                                       .path = file_intent_is(intent->body) ? SL_STR("/v1/files")
                                                                            : SL_STR("/v1/batches"),
                                       .betas = SL_STR("files-api-2025-04-14"),
                                       .anthropic = file.anthropic,
                                       .lists = true,
                                       .provider = intent->provider,
                                       .credential = intent->credential};
    if (intent->body.n == 0 || sl_loop_wall(d->env->loop) - intent->made_ns > GIVE_UP_NS) {
        d->at_intent++; /* nothing in such a list could be told to be it */
        resolve(d, intent, batch_rows_new(BR_RESOLVED),
                file_intent_is(intent->body) ? "files.unclear" : "batches.unclear");
        return;
    }
    d->list = batch_call_start(d->env, &ask, on_listed, d);
}

static void on_intents(struct batch_rows *j, void *receiver)
{
    struct batch_desk *d = j->asker;
    (void)receiver;
    if (d->ending) {
        batch_rows_free(j);
        return;
    }
    d->intents = j;
    d->at_intent = 0;
    look_next(d);
}

/* Those that a living exchange may still wait for are not looked at. */
static void look(struct batch_desk *d, int64_t age_ns)
{
    struct batch_rows *j = batch_rows_new(BR_INTENTS);
    j->after = (uint64_t)d->after_intent;
    j->limit = INTENTS_AT_ONCE;
    j->now_ns = sl_loop_wall(d->env->loop) - age_ns;
    j->asker = d;
    j->done = on_intents;
    if (d->env->batches_ask(d->env->owner, j))
        return;
    batch_rows_free(j);
    sl_timer_arm(d->env->loop, &d->look, sl_loop_now(d->env->loop) + LOOK_NS);
}

static void on_look(struct sl_timer *t)
{
    struct batch_desk *d = SL_CONTAINER_OF(t, struct batch_desk, look);
    look(d, d->env->epoch->snapshot->deadlines.total_due_ns + LOOK_NS);
}

void batch_desk_start(struct batch_desk *d)
{
    batch_desk_poke(d);
    look(d, 0);
    batch_watch_start(d->watch);
}

static void on_retry(struct sl_timer *t)
{
    batch_desk_poke(SL_CONTAINER_OF(t, struct batch_desk, retry));
}

static void on_swept(struct batch_rows *j, void *receiver)
{
    (void)receiver;
    if (j->count > 0)
        SL_LOG(SL_LOG_INFO, "batches.swept", SL_LI("rows", (int64_t)j->count));
    batch_rows_free(j);
}

static void on_sweep(struct sl_timer *t)
{
    struct batch_desk *d = SL_CONTAINER_OF(t, struct batch_desk, sweep);
    struct batch_rows *j = batch_rows_new(BR_SWEEP);
    j->now_ns = sl_loop_wall(d->env->loop) - policy_of(d)->keep_ns;
    j->done = on_swept;
    if (!d->env->batches_ask(d->env->owner, j))
        batch_rows_free(j);
    sl_timer_arm(d->env->loop, t, sl_loop_now(d->env->loop) + SWEEP_NS);
}

struct batch_desk *batch_desk_new(struct exchange_env *env)
{
    struct batch_desk *d = SL_NEW(struct batch_desk);
    d->env = env;
    d->watch = batch_watch_new(env);
    d->began_ns = sl_loop_wall(env->loop);
    sl_list_init(&d->batches);
    sl_timer_init(&d->retry, on_retry);
    sl_timer_init(&d->sweep, on_sweep);
    sl_timer_init(&d->look, on_look);
    sl_timer_arm(env->loop, &d->sweep, sl_loop_now(env->loop) + FIRST_SWEEP_NS);
    return d;
}

void batch_desk_end(struct batch_desk *d)
{
    if (d == NULL)
        return;
    d->ending = true;
    batch_watch_end(d->watch);
    sl_timer_cancel(d->env->loop, &d->retry);
    sl_timer_cancel(d->env->loop, &d->sweep);
    sl_timer_cancel(d->env->loop, &d->look);
    SL_LIST_EACH(node, &d->batches)
    sl_timer_cancel(d->env->loop, &SL_CONTAINER_OF(node, struct desk_batch, node)->timer);
}

void batch_desk_free(struct batch_desk *d)
{
    if (d == NULL)
        return;
    while (!sl_list_is_empty(&d->batches))
        batch_free(SL_CONTAINER_OF(d->batches.next, struct desk_batch, node));
    batch_call_free(d->list);
    batch_rows_free(d->intents);
    batch_watch_free(d->watch);
    sl_free(d);
}
