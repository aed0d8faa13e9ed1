/* Journal to store; see ingest.h. The only place where the ledger's records (ledger/entry.h) meet the store's rows. */
#include "main/ingest.h"

#include <stdio.h>

#include "base/mem.h"
#include "ledger/entry.h"

/* The two lists of token classes must say the same: this is where one becomes the other. */
_Static_assert((int)STORE_TOKEN_CLASSES == (int)TOKEN_CLASS_COUNT, "a token class needs a column");
_Static_assert((int)STORE_CLASSES == (int)TOKEN_CLASS_COUNT + (int)USAGE_UNIT_COUNT, "a unit needs a column");
_Static_assert((int)STORE_INPUT == (int)TC_INPUT && (int)STORE_CACHE_READ == (int)TC_CACHE_READ &&
                   (int)STORE_CACHE_WRITE == (int)TC_CACHE_WRITE && (int)STORE_OUTPUT == (int)TC_OUTPUT &&
                   (int)STORE_REASONING == (int)TC_REASONING && (int)STORE_AUDIO_IN == (int)TC_AUDIO_IN &&
                   (int)STORE_AUDIO_OUT == (int)TC_AUDIO_OUT && (int)STORE_IMAGE_IN == (int)TC_IMAGE_IN &&
                   (int)STORE_IMAGE_OUT == (int)TC_IMAGE_OUT,
               "columns and classes must have one order");
_Static_assert((int)STORE_FLAG_ESTIMATED == (int)ENTRY_ESTIMATED &&
                   (int)STORE_FLAG_INTERRUPTED == (int)ENTRY_INTERRUPTED &&
                   (int)STORE_FLAG_USAGE_MISSING == (int)ENTRY_USAGE_MISSING && (int)ENTRY_UNPRICED == 16,
               "the store's statements know these bits");
_Static_assert(ENTRY_CLOSE_MAX <= JOURNAL_CLOSING_MAX, "a close must fit its reserved place");

struct waiting_open {
    unsigned char key[16]; /* the attempt's id, for the map */
    struct ingest_source *src;
    uint64_t from; /* where its record begins */
    int64_t read_ns;
    struct sl_str record; /* borrow (of the source's bytes) */
    struct sl_list node;  /* in src->waiting, or free */
};

void ingest_init(struct ingest *g, struct store *s)
{
    *g = (struct ingest){.store = s};
    sl_list_init(&g->sources);
    sl_list_init(&g->free_opens);
    sl_map_init(&g->waiting);
}

void ingest_done(struct ingest *g)
{
    SL_LIST_EACH(node, &g->sources)
    ingest_drop(g, SL_CONTAINER_OF(node, struct ingest_source, node));
    SL_LIST_EACH(node, &g->free_opens)
    sl_free(SL_CONTAINER_OF(node, struct waiting_open, node));
    sl_map_done(&g->waiting);
}

static struct ingest_source *add(struct ingest *g, uint64_t no)
{
    struct ingest_source *src = SL_NEW(struct ingest_source);
    src->no = no;
    sl_list_init(&src->waiting);
    sl_list_init(&src->node);
    sl_list_add_tail(&g->sources, &src->node);
    return src;
}

struct ingest_source *ingest_add_live(struct ingest *g, struct journal_segment *s)
{
    struct ingest_source *src = add(g, s->no);
    src->live = s;
    journal_reader_init_live(&src->reader, s);
    src->position = src->reader.at;
    return src;
}

/* Gives a source that g owns: bytes of a file, borrowed until ingest_drop; starts at `position` (0: from the start).
 * SL_ECORRUPT: nothing in it can be read. */
static enum sl_err SL_MUST_CHECK ingest_add_file(struct ingest *g, const void *bytes, uint64_t n, uint64_t no,
                                                 uint64_t position, struct ingest_source **out_src)
{
    struct journal_reader reader;
    struct journal_head head;
    enum sl_err e = journal_reader_init(&reader, bytes, n, &head);
    if (e != SL_OK)
        return e;
    struct ingest_source *src = add(g, no);
    src->reader = reader;
    if (position != 0)
        (void)journal_reader_seek(&src->reader, position); /* not possible: read all of it again, which is harmless */
    src->position = src->reader.at;
    src->gaps = head.was_repaired;
    *out_src = src;
    return SL_OK;
}

static void forget(struct ingest *g, struct waiting_open *o)
{
    (void)sl_map_remove(&g->waiting, sl_str_of(o->key, sizeof o->key));
    sl_list_remove(&o->node);
    sl_list_add_tail(&g->free_opens, &o->node);
}

static void forget_all(struct ingest *g, struct ingest_source *src)
{
    SL_LIST_EACH(node, &src->waiting)
    forget(g, SL_CONTAINER_OF(node, struct waiting_open, node));
}

void ingest_drop(struct ingest *g, struct ingest_source *src)
{
    forget_all(g, src);
    sl_list_remove(&src->node);
    sl_free(src);
}

static uint64_t committed_of(const struct ingest_source *src)
{
    return src->live != NULL ? atomic_load_explicit(&src->live->committed, memory_order_acquire) : src->reader.limit;
}

bool ingest_has_news(const struct ingest *g)
{
    SL_LIST_EACH(node, &g->sources)
    {
        const struct ingest_source *src = SL_CONTAINER_OF(node, struct ingest_source, node);
        if (committed_of(src) != src->reader.at)
            return true;
    }
    return false;
}

uint64_t ingest_lag_bytes(const struct ingest *g)
{
    uint64_t lag = 0;
    SL_LIST_EACH(node, &g->sources)
    {
        const struct ingest_source *src = SL_CONTAINER_OF(node, struct ingest_source, node);
        lag += committed_of(src) - src->reader.at;
    }
    return lag;
}

bool ingest_has_old(const struct ingest *g, int64_t before_ns)
{
    SL_LIST_EACH(node, &g->sources)
    {
        const struct ingest_source *src = SL_CONTAINER_OF(node, struct ingest_source, node);
        if (!sl_list_is_empty(&src->waiting) &&
            SL_CONTAINER_OF(src->waiting.next, struct waiting_open, node)->read_ns < before_ns)
            return true;
    }
    return false;
}

/* -- Records to rows ------------------------------------------------------------------------------------------------ */

static void fill_open(struct store_attempt *a, const struct entry_open *o)
{
    a->has |= STORE_HAS_OPEN;
    a->attempt = o->attempt;
    a->exchange = o->exchange;
    a->key = o->key;
    a->opened_ns = o->wall_ns;
    a->estimate_input = o->estimate_input;
    a->estimate_cost_p = o->estimate_cost_p;
    a->open_flags = o->flags;
    a->worker = o->worker;
    a->number = o->number;
    a->tenant = o->tenant;
    a->model = o->model;
    a->provider = o->provider;
    a->target = o->target;
    a->operation = o->operation;
    a->open_price_version = o->price_version;
}

static void fill_close(struct store_attempt *a, const struct entry_close *c)
{
    a->has |= STORE_HAS_CLOSE;
    a->attempt = c->attempt;
    a->closed_ns = c->wall_ns;
    a->cost_p = c->cost_p;
    a->duration_ns = c->duration_ns;
    a->first_token_ns = c->first_token_ns;
    a->bytes_in = c->bytes_in;
    a->bytes_out = c->bytes_out;
    a->close_flags = c->flags;
    a->status = c->status;
    a->outcome = c->outcome;
    a->price_version = c->price_version;
    memcpy(a->used, c->usage.by_class, sizeof c->usage.by_class);
    memcpy(a->used + STORE_TOKEN_CLASSES, c->usage.by_unit, sizeof c->usage.by_unit);
}

static void id_key(struct sl_id id, unsigned char out[16])
{
    memcpy(out, &id.hi, 8);
    memcpy(out + 8, &id.lo, 8);
}

static void keep_open(struct ingest *g, struct ingest_source *src, const struct journal_record *rec, struct sl_id id,
                      int64_t now_ns)
{
    struct sl_list *node = sl_list_take_head(&g->free_opens);
    struct waiting_open *o = node != NULL ? SL_CONTAINER_OF(node, struct waiting_open, node)
                                          : SL_NEW(struct waiting_open);
    id_key(id, o->key);
    o->src = src;
    o->from = rec->from;
    o->read_ns = now_ns;
    o->record = rec->payload;
    sl_list_init(&o->node);
    struct waiting_open *same = sl_map_put(&g->waiting, sl_str_of(o->key, sizeof o->key), o);
    if (same != NULL) { /* the same attempt twice: the later one stands */
        sl_list_remove(&same->node);
        sl_list_add_tail(&g->free_opens, &same->node);
    }
    sl_list_add_tail(&src->waiting, &o->node);
}

static enum sl_err put_close(struct ingest *g, const struct entry_close *c, struct sl_fail *fail)
{
    unsigned char key[16];
    struct store_attempt a = {.has = 0};
    struct entry_open o;
    id_key(c->attempt, key);
    struct waiting_open *waiting = sl_map_get(&g->waiting, sl_str_of(key, sizeof key));
    if (waiting != NULL && entry_open_decode(waiting->record, &o) == SL_OK)
        fill_open(&a, &o);
    fill_close(&a, c);
    enum sl_err e = g->store->ops->put_attempt(g->store, &a, fail);
    if (e == SL_OK && waiting != NULL)
        forget(g, waiting);
    return e;
}

static enum sl_err put_record(struct ingest *g, struct ingest_source *src, const struct journal_record *rec,
                              int64_t now_ns, struct sl_fail *fail)
{
    struct entry_open o;
    struct entry_close c;
    g->records++;
    if (rec->type == ENTRY_OPEN && entry_open_decode(rec->payload, &o) == SL_OK)
        keep_open(g, src, rec, o.attempt, now_ns);
    else if (rec->type == ENTRY_CLOSE && entry_close_decode(rec->payload, &c) == SL_OK)
        return put_close(g, &c, fail);
    else
        g->undecodable++;
    return SL_OK;
}

static enum sl_err put_open(struct ingest *g, struct waiting_open *w, struct sl_fail *fail)
{
    struct store_attempt a = {.has = 0};
    struct entry_open o;
    if (entry_open_decode(w->record, &o) != SL_OK) { /* it could be read when it came: the mapping has changed */
        g->undecodable++;
        forget(g, w);
        return SL_OK;
    }
    fill_open(&a, &o);
    enum sl_err e = g->store->ops->put_attempt(g->store, &a, fail);
    if (e == SL_OK)
        forget(g, w);
    return e;
}

/* -- Batches -------------------------------------------------------------------------------------------------------- */

static enum sl_err read_source(struct ingest *g, struct ingest_source *src, const struct ingest_batch *b,
                               uint64_t *left, struct sl_fail *fail)
{
    struct journal_record rec;
    if (src->live != NULL)
        journal_reader_follow(&src->reader, src->live);
    while (*left > 0) {
        enum journal_read what = journal_reader_next(&src->reader, &rec);
        if (what == JOURNAL_GAP) {
            src->gaps++;
            src->gap_from = src->reader.gap_from;
            src->gap_to = src->reader.gap_to;
            continue;
        }
        if (what != JOURNAL_RECORD) {
            src->last = what;
            return SL_OK;
        }
        (*left)--;
        enum sl_err e = put_record(g, src, &rec, b->now_ns, fail);
        if (e != SL_OK)
            return e;
    }
    return SL_OK;
}

static enum sl_err write_opens(struct ingest *g, struct ingest_source *src, const struct ingest_batch *b,
                               struct sl_fail *fail)
{
    SL_LIST_EACH(node, &src->waiting)
    {
        struct waiting_open *w = SL_CONTAINER_OF(node, struct waiting_open, node);
        if (b->opens == INGEST_OLD_OPENS && w->read_ns >= b->old_before_ns)
            break;
        enum sl_err e = put_open(g, w, fail);
        if (e != SL_OK)
            return e;
    }
    return SL_OK;
}

static uint64_t position_of(const struct ingest_source *src)
{
    if (sl_list_is_empty(&src->waiting))
        return src->reader.at;
    return SL_CONTAINER_OF(src->waiting.next, struct waiting_open, node)->from;
}

static enum sl_err write_batch(struct ingest *g, struct ingest_source *only, const struct ingest_batch *b,
                               uint64_t *left, struct sl_fail *fail)
{
    SL_LIST_EACH(node, &g->sources)
    {
        struct ingest_source *src = SL_CONTAINER_OF(node, struct ingest_source, node);
        if (only != NULL && only != src)
            continue;
        enum sl_err e = read_source(g, src, b, left, fail);
        if (e == SL_OK)
            e = write_opens(g, src, b, fail);
        if (e != SL_OK)
            return e;
    }
    /* After all reading: a close in one source may have ended the wait of an open in another. */
    SL_LIST_EACH(node, &g->sources)
    {
        struct ingest_source *src = SL_CONTAINER_OF(node, struct ingest_source, node);
        uint64_t position = position_of(src);
        if (position == src->position)
            continue;
        enum sl_err e = g->store->ops->put_position(g->store, src->no, position, fail);
        if (e != SL_OK)
            return e;
    }
    return SL_OK;
}

/* Back to what the store has: everything behind the committed positions is read again. */
static void start_over(struct ingest *g)
{
    SL_LIST_EACH(node, &g->sources)
    {
        struct ingest_source *src = SL_CONTAINER_OF(node, struct ingest_source, node);
        forget_all(g, src);
        (void)journal_reader_seek(&src->reader, src->position);
    }
}

enum sl_err ingest_run(struct ingest *g, struct ingest_source *only, const struct ingest_batch *b, bool *out_more,
                       struct sl_fail *fail)
{
    struct store *s = g->store;
    uint64_t left = b->max_records != 0 ? b->max_records : UINT64_MAX;
    enum sl_err e = s->ops->begin(s, b->durable, fail);
    if (e != SL_OK)
        return e;
    e = write_batch(g, only, b, &left, fail);
    if (e == SL_OK)
        e = s->ops->commit(s, fail);
    if (e != SL_OK) {
        s->ops->rollback(s);
        start_over(g);
        return e;
    }
    SL_LIST_EACH(node, &g->sources)
    {
        struct ingest_source *src = SL_CONTAINER_OF(node, struct ingest_source, node);
        src->position = position_of(src);
    }
    *out_more = left == 0;
    return SL_OK;
}

/* -- Files of before ------------------------------------------------------------------------------------------------ */

static enum ingest_found found_in(const struct ingest_source *src)
{
    if (src->gaps > 0)
        return INGEST_DAMAGED;
    return src->last == JOURNAL_TORN ? INGEST_TORN : INGEST_CLEAN;
}

static bool is_all_zero(const unsigned char *p, uint64_t n)
{
    return n == 0 || (p[0] == 0 && memcmp(p, p + 1, (size_t)n - 1) == 0);
}

static enum sl_err replay_bytes(struct store *s, const void *bytes, uint64_t n, uint64_t no, struct ingest_replay *r,
                                struct ingest_report *out, struct sl_fail *fail)
{
    struct ingest g;
    struct ingest_source *src;
    uint64_t position = 0;
    bool more;
    enum sl_err e = s->ops->get_position(s, no, &position, fail);
    if (e != SL_OK)
        return e;
    ingest_init(&g, s);
    if (ingest_add_file(&g, bytes, n, no, position, &src) != SL_OK) {
        /* All zeros: made just before a crash of the machine, nothing was ever in it. */
        out->found = is_all_zero(bytes, n) ? INGEST_CLEAN : INGEST_UNREADABLE;
        ingest_done(&g);
        return SL_OK;
    }
    struct ingest_batch b = {.durable = STORE_NOW, .opens = INGEST_ALL_OPENS};
    e = ingest_run(&g, NULL, &b, &more, fail);
    if (e == SL_OK) {
        out->found = found_in(src);
        out->gaps = src->gaps;
        out->at = src->gaps > 0 ? src->gap_from : src->reader.at;
        out->records = g.records;
        r->records += g.records;
        r->undecodable += g.undecodable;
    }
    ingest_done(&g);
    return e;
}

static enum sl_err replay_file(struct store *s, const struct journal_file *f, struct ingest_replay *r,
                               struct sl_fail *fail)
{
    struct ingest_report report = {.file = f->name};
    void *bytes;
    uint64_t n;
    enum sl_err e = journal_file_read(r->dir, f, &bytes, &n, fail);
    if (e != SL_OK)
        return e;
    e = replay_bytes(s, bytes, n, f->no, r, &report, fail);
    sl_free(bytes);
    if (e != SL_OK)
        return e;
    if (r->report != NULL)
        r->report(r->arg, &report);
    r->files++;
    /* What could not be read whole is kept for people to look at, out of the way of the next replay. */
    if (report.found >= INGEST_DAMAGED)
        return journal_file_set_aside(r->dir, f, fail);
    return journal_file_remove(r->dir, f, fail);
}

enum sl_err ingest_replay(struct store *s, struct ingest_replay *r, struct sl_fail *fail)
{
    struct journal_file *files;
    size_t n;
    enum sl_err e = journal_leftovers(r->dir, &files, &n, fail);
    if (e != SL_OK)
        return e;
    for (size_t i = 0; i < n && e == SL_OK; i++)
        e = replay_file(s, &files[i], r, fail);
    sl_free(files);
    return e;
}
