/* See core.h. The snapshot is what main/snapshot.c makes of settings; the keeper's part is a timer. */
#include "lib/core.h"

#include <errno.h>
#include <stdio.h>

#include "auth/key.h"
#include "base/mem.h"
#include "dialect/operation.h"
#include "tls/digest.h"

/* ---- a disk in memory ---- */

static bool by_chance(struct core_disk *d, uint32_t ppm)
{
    return ppm > 0 && sl_rand_below(&d->rand, 1000000) < ppm;
}

static int disk_create(void *arg, const char *path, int *out_fd)
{
    struct core_disk *d = arg;
    (void)path;
    SL_CHECK(d->n < CORE_FILES_MAX);
    *out_fd = (int)d->n;
    d->files[d->n++] = (struct core_file){.removed = true}; /* until it has its name */
    return 0;
}

static int disk_allocate(void *arg, int fd, uint64_t bytes)
{
    struct core_disk *d = arg;
    if (d->full || by_chance(d, d->full_ppm)) {
        d->refused++;
        return ENOSPC;
    }
    d->files[fd].bytes = sl_calloc(1, (size_t)bytes);
    d->files[fd].size = bytes;
    return 0;
}

static int disk_map(void *arg, int fd, uint64_t bytes, void **out_p)
{
    struct core_disk *d = arg;
    SL_CHECK(d->files[fd].size == bytes);
    *out_p = d->files[fd].bytes;
    return 0;
}

static int disk_unmap(void *arg, void *p, uint64_t bytes)
{
    (void)arg, (void)p, (void)bytes;
    return 0;
}

static int disk_sync(void *arg, int fd)
{
    struct core_disk *d = arg;
    (void)fd;
    if (d->no_sync || by_chance(d, d->sync_ppm)) {
        d->failed_syncs++;
        return EIO;
    }
    return 0;
}

static int disk_sync_dir(void *arg, const char *dir)
{
    (void)dir;
    return disk_sync(arg, 0);
}

static int disk_close(void *arg, int fd)
{
    (void)arg, (void)fd;
    return 0;
}

static int disk_remove(void *arg, const char *path)
{
    struct core_disk *d = arg;
    (void)path;
    if (d->n > 0 && d->files[d->n - 1].removed && d->files[d->n - 1].bytes == NULL)
        d->n--; /* it never came to be */
    return 0;
}

static int disk_rename(void *arg, const char *from, const char *to)
{
    struct core_disk *d = arg;
    (void)from, (void)to;
    d->files[d->n - 1].removed = false; /* the journal names a file before it makes the next */
    return 0;
}

const struct journal_io core_disk_io = {
    .create = disk_create,
    .allocate = disk_allocate,
    .map = disk_map,
    .unmap = disk_unmap,
    .sync_data = disk_sync,
    .sync_file = disk_sync,
    .sync_dir = disk_sync_dir,
    .close = disk_close,
    .remove = disk_remove,
    .rename = disk_rename,
};

void core_disk_free(struct core_disk *d)
{
    for (unsigned i = 0; i < d->n; i++)
        sl_free(d->files[i].bytes);
    d->n = 0;
}

/* ---- what the journal says ---- */

static struct core_entry *entry_of(struct core_ledger *l, struct sl_id attempt)
{
    for (size_t i = 0; i < l->n; i++)
        if (sl_id_eq(l->v[i].open.attempt, attempt))
            return &l->v[i];
    return NULL;
}

static void keep_text(char *out, size_t cap, struct sl_str s)
{
    size_t n = s.n < cap - 1 ? s.n : cap - 1;
    memcpy(out, s.p, n);
    out[n] = 0;
}

static void take_open(struct core_ledger *l, struct sl_str payload)
{
    struct entry_open open;
    SL_CHECK(entry_open_decode(payload, &open) == SL_OK);
    struct core_entry *e = entry_of(l, open.attempt);
    if (e != NULL) {
        e->opens++;
        return;
    }
    if (l->n == l->cap) {
        l->cap = l->cap == 0 ? 16 : 2 * l->cap;
        l->v = sl_realloc(l->v, l->cap * sizeof *l->v);
    }
    e = &l->v[l->n++];
    *e = (struct core_entry){.open = open, .opens = 1};
    keep_text(e->model, sizeof e->model, open.model);
}

static void take_close(struct core_ledger *l, struct sl_str payload)
{
    struct entry_close close;
    SL_CHECK(entry_close_decode(payload, &close) == SL_OK);
    struct core_entry *e = entry_of(l, close.attempt);
    if (e == NULL) {
        l->strays++;
        return;
    }
    if (e->closes++ > 0)
        return;
    e->close = close;
    keep_text(e->outcome, sizeof e->outcome, close.outcome);
}

static void read_file(const struct core_file *f, struct core_ledger *out)
{
    struct journal_reader r;
    struct journal_head head;
    struct journal_record record;
    enum journal_read got;
    SL_CHECK(journal_reader_init(&r, f->bytes, f->size, &head) == SL_OK);
    while ((got = journal_reader_next(&r, &record)) == JOURNAL_RECORD) {
        if (record.type == ENTRY_OPEN)
            take_open(out, record.payload);
        else if (record.type == ENTRY_CLOSE)
            take_close(out, record.payload);
    }
    SL_CHECK(got == JOURNAL_END || got == JOURNAL_SEALED);
}

void core_ledger_read(const struct core_disk *d, struct core_ledger *out)
{
    *out = (struct core_ledger){0};
    for (unsigned i = 0; i < d->n; i++)
        if (!d->files[i].removed)
            read_file(&d->files[i], out);
}

void core_ledger_free(struct core_ledger *l)
{
    sl_free(l->v);
    *l = (struct core_ledger){0};
}

/* ---- what is the same for all cores of a process ---- */

static struct {
    struct key_table *keys;
    struct price_catalog *prices;
    bool made;
} common;

static struct tls_hmac the_pepper;

static void make_common(void)
{
    struct key_row rows[4] = {
        {.id = {0x11, 0x22}, .name = SL_STR("all"), .tenant = SL_STR("acme")},
        {.id = {0x33, 0x44},
         .name = SL_STR("narrow"),
         .tenant = SL_STR("acme"),
         .models = SL_STR("solo"),
         .operations = SL_STR("embeddings")},
        {.id = {0x55, 0x66}, .name = SL_STR("other"), .tenant = SL_STR("other")},
        {.id = {0x77, 0x88}, .name = SL_STR("third"), .tenant = SL_STR("third")},
    };
    if (common.made)
        return;
    tls_hmac_init(&the_pepper, SL_STR("pepper of the tests"));
    key_digest_prepared(&the_pepper, SL_STR(CORE_KEY), rows[0].digest);
    key_digest_prepared(&the_pepper, SL_STR(CORE_KEY_NARROW), rows[1].digest);
    key_digest_prepared(&the_pepper, SL_STR(CORE_KEY_OTHER), rows[2].digest);
    key_digest_prepared(&the_pepper, SL_STR(CORE_KEY_THIRD), rows[3].digest);
    common.keys = key_table_build(rows, 4, operation_by_name, NULL);
    common.prices = price_catalog_embedded();
    common.made = true;
}

/* ---- the snapshot ---- */

static void free_snapshot(struct snapshot *s)
{
    for (size_t i = 0; i < s->n_providers; i++) {
        provider_release(&s->providers[i].provider);
        sl_free(s->providers[i].keys);
    }
    route_policy_free(s->policy);
    sl_free(s->lanes);
    sl_free(s->providers);
    sl_free(s);
}

static void fill_provider(struct core *c, struct snapshot_provider *p, unsigned i)
{
    static const char *const names[] = {"one", "two"}, *const ips[] = {CORE_ONE, CORE_TWO},
                             *const hosts[] = {"one.test", "two.test"};
    const struct core_options *o = &c->o;
    const char *kind = i == 1 && o->kind_two != NULL ? o->kind_two : o->kind;
    struct sl_addr at = core_addr(ips[i], 80);
    p->provider = (struct provider){.name = sl_str_c(names[i]),
                                    .kind = provider_kind_find(sl_str_c(kind != NULL ? kind : "openai")),
                                    .only_responses = i == 0 && o->only_responses,
                                    .base_path = SL_STR("/v1"),
                                    .n_credentials = i == 0 && o->keys > 1 ? o->keys : 1,
                                    .pass = i == 0 ? o->pass : NULL,
                                    .n_pass = i == 0 ? o->n_pass : 0};
    static const char *const keys[] = {"sk-provider-secret", "sk-provider-second", "sk-provider-third"};
    p->provider.credentials = sl_calloc(p->provider.n_credentials, sizeof *p->provider.credentials);
    for (unsigned k = 0; k < p->provider.n_credentials; k++)
        sl_secret_set(&p->provider.credentials[k], sl_str_c(keys[k % 3]));
    provider_prepare(&p->provider);
    p->price_provider = SL_STR("openai");
    p->origin = (struct upstream_origin){.id = 1001 + i,
                                         .provider = p->provider.name,
                                         .host = sl_str_c(o->names ? hosts[i] : ips[i]),
                                         .authority = sl_str_c(o->names ? hosts[i] : ips[i]),
                                         .port = 80,
                                         .http = o->http != 0 ? o->http : UPSTREAM_HTTP1,
                                         .max_idle = 8,
                                         .idle_ns = 60 * SL_SEC};
    if (o->names)
        vnet_name(c->net, sl_str_c(hosts[i]), SL_OK, &at, 1, 0);
}

static struct route_policy *make_policy(const struct core_options *o)
{
    const struct route_provider_spec providers[] = {
        {.name = SL_STR("one"), .direct = true, .open_models = o->open},
        {.name = SL_STR("two"), .direct = true, .open_models = o->open},
    };
    const struct route_target_spec solo = {SL_STR("one"), SL_STR("up-solo")},
                                   priced = {SL_STR("one"), SL_STR("gpt-4o-mini")};
    const struct route_target_spec pair[] = {{SL_STR("one"), SL_STR("up-a")},
                                             {SL_STR("two"), sl_str_c(o->pair_two != NULL ? o->pair_two : "up-b")}};
    const struct route_model_spec models[] = {
        {SL_STR("solo"), &solo, 1}, {SL_STR("pair"), pair, 2}, {SL_STR("gpt-4o-mini"), &priced, 1}};
    struct route_policy *p = NULL;
    SL_CHECK(
        route_policy_build(
            &(struct route_policy_spec){
                .providers = providers, .n_providers = 2, .models = models, .n_models = 3, .created_s = 1700000000},
            &p, NULL) == SL_OK);
    return p;
}

#define OR(value, preset) ((value) != 0 ? (value) : (preset))

static void fill_lanes(struct core *c, struct snapshot *s)
{
    for (size_t i = 0; i < s->n_providers; i++) {
        struct snapshot_provider *p = &s->providers[i];
        uint64_t hashes[8];
        for (unsigned k = 0; k < p->provider.n_credentials; k++)
            hashes[k] = 1 + k;
        p->keys = sl_calloc(8, sizeof *p->keys);
        p->adaptive = i == 0 && c->o.adaptive;
        p->probed = true;
        s->some_adaptive |= p->adaptive;
        health_keys_set(c->health, p->provider.name, hashes, p->provider.n_credentials, p->keys);
    }
    s->n_lanes = route_policy_targets(s->policy);
    s->lanes = sl_calloc(s->n_lanes, sizeof(struct health_lane *));
    for (uint32_t i = 0; i < s->n_lanes; i++) {
        uint32_t provider;
        struct sl_str model;
        route_policy_target(s->policy, i, &provider, &model);
        s->lanes[i] = health_lane_of(c->health, s->providers[provider].provider.name, model);
    }
}

static struct snapshot *make_snapshot(struct core *c)
{
    const struct core_options *o = &c->o;
    struct snapshot *s = SL_NEW(struct snapshot);
    s->refs = 1;
    s->revision = 1;
    s->revision_text = SL_STR("r1");
    s->free_it = free_snapshot;
    s->set = (struct exchange_policy){.hold_bytes = OR(o->set.hold_bytes, 256u << 10),
                                      .body_bytes = OR(o->set.body_bytes, 1u << 20),
                                      .decoded_body_bytes = OR(o->set.decoded_body_bytes, 1u << 20),
                                      .queue_ns = OR(o->set.queue_ns, SL_SEC),
                                      .write_ns = OR(o->set.write_ns, 30 * SL_SEC),
                                      .settle_ns = OR(o->set.settle_ns, 2 * SL_SEC),
                                      .answer_bytes = o->set.answer_bytes,
                                      .event_bytes = OR(o->set.event_bytes, 1u << 20),
                                      .answer_ns = OR(o->set.answer_ns, 300 * SL_SEC),
                                      .hold_start_ns = o->set.hold_start_ns,
                                      .hedge = o->set.hedge,
                                      .probe = o->set.probe,
                                      .hedge_input_tokens = o->set.hedge_input_tokens,
                                      .rescue = o->set.rescue,
                                      .hold_pieces = OR(o->set.hold_pieces, 64),
                                      .hold_more_ns = OR(o->set.hold_more_ns, 2 * SL_SEC),
                                      .slow_stays = o->set.slow_stays,
                                      .priority = o->set.priority,
                                      .adaptive = o->set.adaptive,
                                      .first_token_ns = o->set.first_token_ns,
                                      .thinking_ns = OR(o->set.thinking_ns, o->set.first_token_ns),
                                      .between_tokens_ns = o->set.between_tokens_ns,
                                      .media = o->set.media,
                                      .spill_bytes = o->set.spill_bytes,
                                      .body_memory = o->set.body_memory,
                                      .stored = o->set.stored,
                                      .open_synced = o->set.open_synced,
                                      .close_synced = o->set.close_synced,
                                      .full_refuses = !o->continue_when_full};
    s->retry = o->retry.attempts != 0 ? o->retry : RETRY_POLICY_DEFAULT;
    s->deadlines = (struct attempt_deadlines){.connect_ns = OR(o->deadlines.connect_ns, 5 * SL_SEC),
                                              .tls_ns = OR(o->deadlines.tls_ns, 5 * SL_SEC),
                                              .send_ns = OR(o->deadlines.send_ns, 30 * SL_SEC),
                                              .first_byte_ns = OR(o->deadlines.first_byte_ns, 60 * SL_SEC),
                                              .between_ns = OR(o->deadlines.between_ns, 30 * SL_SEC),
                                              .total_due_ns = OR(o->deadlines.total_due_ns, 600 * SL_SEC)};
    s->n_providers = 2;
    s->providers = sl_calloc(2, sizeof *s->providers);
    for (unsigned i = 0; i < 2; i++)
        fill_provider(c, &s->providers[i], i);
    s->policy = make_policy(o);
    if (c->health != NULL)
        fill_lanes(c, s);
    return s;
}

/* ---- the keeper's part ---- */

struct core_sync {
    struct sl_list node;
    struct sl_timer timer;
    struct core *core;
    struct exchange *x; /* NULL: it waits no more */
    struct journal_place upto;
};

static bool flush_segment(struct core *c, uint64_t no)
{
    SL_LIST_EACH(node, journal_segments(c->journal))
    {
        struct journal_segment *s = SL_CONTAINER_OF(node, struct journal_segment, node);
        if (s->no == no)
            return journal_sync(c->journal, s) == SL_OK;
    }
    return false;
}

static void on_flushed(struct sl_timer *t)
{
    struct core_sync *s = SL_CONTAINER_OF(t, struct core_sync, timer);
    struct core *c = s->core;
    struct exchange *x = s->x;
    c->flushes++;
    bool ok = flush_segment(c, s->upto.segment);
    sl_list_remove(&s->node);
    sl_free(s);
    if (x != NULL)
        exchange_synced(x, ok);
}

static bool ask_sync(void *owner, struct exchange *x, const struct journal_place *upto)
{
    struct core *c = owner;
    struct core_sync *s = SL_NEW(struct core_sync);
    c->syncs_asked++;
    s->core = c;
    s->x = x;
    s->upto = *upto;
    sl_list_init(&s->node);
    sl_list_add_tail(&c->syncs, &s->node);
    sl_timer_init(&s->timer, on_flushed);
    if (c->o.sync_ns >= 0)
        sl_timer_arm(&c->loop, &s->timer, sl_loop_now(&c->loop) + c->o.sync_ns);
    return true;
}

static void forget_sync(void *owner, struct exchange *x)
{
    struct core *c = owner;
    c->syncs_forgotten++;
    SL_LIST_EACH(node, &c->syncs)
    {
        struct core_sync *s = SL_CONTAINER_OF(node, struct core_sync, node);
        if (s->x == x)
            s->x = NULL;
    }
}

static void on_keep(struct sl_timer *t)
{
    struct core *c = SL_CONTAINER_OF(t, struct core, keep);
    if (journal_wants_segments(c->journal, 1))
        (void)!journal_prepare(c->journal, 1, NULL);
    sl_timer_arm(&c->loop, &c->keep, sl_loop_now(&c->loop) + c->o.keep_ns);
}

static void take_lines(void *owner, struct sl_buf *lines)
{
    struct core *c = owner;
    SL_CHECK(sl_buf_adds(&c->lines, sl_buf_str(lines)) == SL_OK);
    sl_buf_reset(lines);
}

static void lines_began(void *owner)
{
    (void)owner;
}

/* ---- life ---- */

struct sl_addr core_addr(const char *host, unsigned port)
{
    struct sl_addr a;
    SL_CHECK(sl_addr_parse(sl_str_c(host), port, &a));
    return a;
}

static void publish(struct core *c)
{
    exchange_env_set_epoch(
        &c->env, epoch_new(snapshot_ref(c->snapshot), key_table_ref(common.keys), price_catalog_ref(common.prices)));
}

static void fill_env(struct core *c)
{
    struct exchange_env *e = &c->env;
    exchange_env_init(e, &c->loop);
    e->upstream = c->upstream;
    e->journal = journal_writer_of(c->journal, 0);
    e->tel = c->tel;
    e->arenas = &c->arenas;
    e->chunks = &c->chunks;
    e->pepper = &the_pepper;
    e->gate = &c->gate;
    e->spill_io = &spill_disk_io;
    e->spill_io_arg = &c->spills;
    e->spill_dir = "/";
    e->owner = c;
    e->journal_sync = ask_sync;
    e->journal_sync_forget = forget_sync;
    e->access_flush = c->o.access ? take_lines : NULL;
    e->access_began = lines_began;
    publish(c);
}

void core_reload(struct core *c)
{
    snapshot_unref(c->snapshot);
    c->snapshot = make_snapshot(c);
    publish(c);
}

void core_open(struct core *c, const struct core_options *o)
{
    *c = (struct core){.o = *o};
    make_common();
    c->o.keep_ns = OR(o->keep_ns, 5 * SL_MS);
    c->net = vnet_new(o->seed);
    vnet_loop_init(c->net, &c->loop);
    sl_arena_cache_init(&c->arenas, 64);
    sl_chunk_cache_init(&c->chunks, 64, 8);
    c->scratch = sl_malloc(CORE_SCRATCH);
    sl_rand_seed(&c->disk.rand, o->seed + 1);
    sl_rand_seed(&c->spills.rand, o->seed + 2);
    const struct journal_options jo = {.dir = "/",
                                       .n_writers = 1,
                                       .segment_bytes = OR(o->segment_bytes, JOURNAL_SEGMENT_MIN),
                                       .io = &core_disk_io,
                                       .io_arg = &c->disk};
    SL_CHECK(journal_open(&jo, &c->journal, NULL) == SL_OK);
    if (!o->no_prepare)
        SL_CHECK(journal_prepare(c->journal, 1, NULL) == SL_OK);
    c->tel = tel_worker_new(0);
    limit_gate_init(&c->gate, o->max_live);
    limit_gate_set_waiting(&c->gate, o->max_waiting);
    c->health = o->breaker ? health_board_new() : NULL;
    c->snapshot = make_snapshot(c);
    c->upstream = upstream_new(&(struct upstream_parts){
        .loop = &c->loop, .chunks = &c->chunks, .scratch = c->scratch, .scratch_n = CORE_SCRATCH});
    sl_list_init(&c->syncs);
    sl_buf_init(&c->lines, 64u << 20);
    sl_timer_init(&c->keep, on_keep);
    if (!o->no_prepare)
        sl_timer_arm(&c->loop, &c->keep, sl_loop_now(&c->loop) + c->o.keep_ns);
    fill_env(c);
}

void core_crash(struct core *c)
{
    c->crashed = true;
    for (unsigned i = 0; i < c->disk.n; i++) {
        struct core_file *f = &c->disk.files[i];
        if (f->bytes == NULL || f->removed)
            continue;
        f->dead = sl_malloc((size_t)f->size);
        memcpy(f->dead, f->bytes, (size_t)f->size);
    }
}

/* What was written while the dead process was taken apart never happened. */
static void back_to_death(struct core_disk *d)
{
    for (unsigned i = 0; i < d->n; i++) {
        struct core_file *f = &d->files[i];
        f->removed = f->removed || f->dead == NULL;
        sl_free(f->bytes);
        f->bytes = f->dead;
        f->dead = NULL;
    }
}

static void drop_syncs(struct core *c)
{
    struct sl_list *node;
    while ((node = sl_list_take_head(&c->syncs)) != NULL) {
        struct core_sync *s = SL_CONTAINER_OF(node, struct core_sync, node);
        sl_timer_cancel(&c->loop, &s->timer);
        sl_free(s);
    }
}

void core_stop(struct core *c)
{
    if (c->stopped)
        return;
    c->stopped = true;
    exchange_end_all(&c->env);
    sl_loop_drain(&c->loop);
    sl_timer_cancel(&c->loop, &c->keep);
    drop_syncs(c);
    upstream_free(c->upstream);
    sl_loop_drain(&c->loop);
    journal_writer_finish(c->env.journal);
    exchange_env_done(&c->env);
    snapshot_unref(c->snapshot);
    health_board_free(c->health);
    journal_close(c->journal);
    if (c->crashed)
        back_to_death(&c->disk);
    tel_worker_free(c->tel);
    sl_buf_done(&c->lines);
    sl_loop_done(&c->loop);
    sl_arena_cache_done(&c->arenas);
    sl_chunk_cache_done(&c->chunks);
    sl_free(c->scratch);
}

void core_close(struct core *c)
{
    core_stop(c);
    vnet_free(c->net);
    c->net = NULL;
}

/* ---- looking ---- */

uint64_t core_count(const struct core *c, enum tel_number id)
{
    return tel_read(&c->tel->numbers[id]);
}

const char *core_unquiet(const struct core *c)
{
    const struct upstream_stats *u = upstream_stats(c->upstream);
    if (exchange_live(&c->env) != 0)
        return "an exchange is live";
    if (core_count(c, TEL_IN_FLIGHT) != 0)
        return "the gauge of exchanges is not 0";
    if (core_count(c, TEL_ATTEMPTS_LIVE) != 0)
        return "the gauge of attempts is not 0";
    if (limit_live(&c->gate) != 0 || atomic_load(&c->gate.bytes) != 0)
        return "a place is held";
    if (c->spills.open != 0 || c->spills.mapped != 0)
        return "a body waits in a file";
    if (c->env.journal->open_count != 0)
        return "the journal holds room for a close";
    if (atomic_load(&u->live) != 0)
        return "an attempt is live";
    return NULL;
}

struct sl_str core_line(struct core *c, unsigned n)
{
    if (c->env.lines.n > 0)
        take_lines(c, &c->env.lines);
    struct sl_str all = sl_buf_str(&c->lines);
    for (unsigned i = 0; all.n > 0; i++) {
        struct sl_str line = sl_str_cut(&all, '\n');
        if (i == n)
            return line;
    }
    return SL_STR_NONE;
}
