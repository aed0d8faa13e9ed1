/* Client keys: made, rotated, ended; the table of them. Called by cmd_keys.c, by the keeper, and by serve at the first
 * run. Owns nothing. The text of a key is on the stack here and in struct keys_made, which its owner wipes. */
#include "main/keys.h"

#include "auth/key.h"
#include "base/clock.h"
#include "base/mem.h"
#include "base/rand.h"
#include "dialect/operation.h"

_Static_assert(KEY_DIGEST_BYTES == STORE_DIGEST_BYTES, "one digest");

#define RANDOM_BYTES 32u

/* 256 random bits as 43 digits of base 62: letters and digits only, so that a double click takes the whole key. */
static void write_random(char out[KEYS_RANDOM_CHARS])
{
    static const char digits[] = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";
    unsigned char n[RANDOM_BYTES];
    sl_random_bytes(n, sizeof n);
    for (size_t i = KEYS_RANDOM_CHARS; i-- > 0;) {
        unsigned rest = 0;
        for (size_t k = 0; k < sizeof n; k++) { /* long division by 62 */
            unsigned v = rest << 8 | n[k];
            n[k] = (unsigned char)(v / 62u);
            rest = v % 62u;
        }
        out[i] = digits[rest];
    }
    explicit_bzero(n, sizeof n);
}

static struct sl_id make_id(void)
{
    struct sl_rand r;
    sl_rand_seed_system(&r);
    return sl_id_make(sl_clock_wall_ns(), &r);
}

static bool is_plain(struct sl_str s) /* one line of text that can be shown anywhere */
{
    for (size_t i = 0; i < s.n; i++)
        if ((unsigned char)s.p[i] < 0x20 || s.p[i] == 0x7F)
            return false;
    return sl_utf8_valid(s);
}

static enum sl_err check_name(const char *what, struct sl_str s, struct sl_fail *fail)
{
    if (s.n == 0)
        return sl_fail_set(fail, SL_EINVAL, "", "the %s is empty", what);
    if (s.n > KEYS_NAME_MAX)
        return sl_fail_set(fail, SL_EINVAL, "", "the %s is longer than %u bytes", what, KEYS_NAME_MAX);
    if (!is_plain(s))
        return sl_fail_set(fail, SL_EINVAL, "", "the %s has characters that cannot be shown", what);
    return SL_OK;
}

static enum sl_err check_grant(const struct keys_spec *spec, struct sl_fail *fail)
{
    struct sl_arena a;
    struct grant g;
    if (spec->models.n > KEYS_LIST_MAX || spec->operations.n > KEYS_LIST_MAX || spec->tags.n > KEYS_LIST_MAX)
        return sl_fail_set(fail, SL_EINVAL, "", "the list is longer than %u bytes", KEYS_LIST_MAX);
    if (!is_plain(spec->models) || !is_plain(spec->operations) || !is_plain(spec->tags))
        return sl_fail_set(fail, SL_EINVAL, "", "the list has characters that cannot be shown");
    sl_arena_init(&a, NULL);
    const struct key_tag *tags;
    uint32_t n_tags;
    enum sl_err e = grant_build(spec->models, spec->operations, operation_by_name, &a, &g, fail);
    if (e == SL_OK)
        e = key_tags_read(spec->tags, &a, &tags, &n_tags, fail);
    sl_arena_done(&a);
    return e;
}

static enum sl_err check_spec(const struct keys_spec *spec, int64_t now_ns, struct sl_fail *fail)
{
    enum sl_err e = check_name("name", spec->name, fail);
    if (e == SL_OK && spec->tenant.n > 0)
        e = check_name("tenant", spec->tenant, fail);
    if (e == SL_OK)
        e = check_grant(spec, fail);
    if (e == SL_OK && spec->expires_ns != 0 && spec->expires_ns <= now_ns)
        e = sl_fail_set(fail, SL_EINVAL, "", "the key would have expired already");
    return e;
}

/* Makes the secret and what is stored of it. */
static void fill_secret(const struct state_dir *d, struct store_key *row, struct keys_made *made)
{
    size_t prefix = sizeof KEYS_PREFIX - 1;
    memset(made, 0, sizeof *made);
    memcpy(made->text, KEYS_PREFIX, prefix);
    write_random(made->text + prefix);
    made->id = make_id();
    row->id = made->id;
    row->prefix = sl_str_of(made->text, prefix + KEYS_SHOWN_CHARS);
    key_digest(sl_secret_expose(&d->pepper), sl_str_c(made->text), row->digest);
}

enum sl_err keys_create(const struct state_dir *d, struct store *s, const struct keys_spec *spec,
                        struct keys_made *out_made, struct sl_fail *fail)
{
    int64_t now_ns = sl_clock_wall_ns();
    struct keys_made made;
    enum sl_err e = check_spec(spec, now_ns, fail);
    if (e != SL_OK)
        return e;
    struct store_key row = {
        .name = spec->name,
        .tenant = spec->tenant.n > 0 ? spec->tenant : SL_STR("default"),
        .created_ns = now_ns,
        .expires_ns = spec->expires_ns,
        .models = spec->models,
        .operations = spec->operations,
        .tags = spec->tags,
    };
    fill_secret(d, &row, &made);
    e = s->ops->insert_key(s, &row, fail);
    if (e == SL_OK) {
        *out_made = made;
        state_dir_notify(d, "keys");
    }
    keys_made_wipe(&made);
    return e;
}

void keys_made_wipe(struct keys_made *m)
{
    explicit_bzero(m, sizeof *m);
}

struct finding { /* one key by id, copied out of the store */
    struct sl_id id;
    bool found;
    struct store_key row;
    struct sl_arena arena;
};

static bool on_find(void *arg, const struct store_key *k)
{
    struct finding *f = arg;
    if (!sl_id_eq(k->id, f->id))
        return true;
    f->found = true;
    f->row = *k;
    f->row.name = sl_arena_str(&f->arena, k->name);
    f->row.tenant = sl_arena_str(&f->arena, k->tenant);
    f->row.models = sl_arena_str(&f->arena, k->models);
    f->row.operations = sl_arena_str(&f->arena, k->operations);
    f->row.tags = sl_arena_str(&f->arena, k->tags);
    return false;
}

static enum sl_err rotate(const struct state_dir *d, struct store *s, const struct store_key *old, int64_t grace_ns,
                          struct keys_made *out_made, struct sl_fail *fail)
{
    int64_t now_ns = sl_clock_wall_ns();
    struct keys_made made;
    if (old->revoked_ns != 0 || (old->expires_ns != 0 && old->expires_ns <= now_ns))
        return sl_fail_set(fail, SL_EINVAL, "", "the key has ended already: make a new one instead");
    /* The old key ends after the grace, or at its own time when that is sooner. */
    int64_t ends_ns = now_ns + grace_ns;
    if (old->expires_ns != 0 && old->expires_ns < ends_ns)
        ends_ns = old->expires_ns;
    struct store_key row = {
        .name = old->name,
        .tenant = old->tenant,
        .created_ns = now_ns,
        .expires_ns = old->expires_ns,
        .rotated_from = old->id,
        .models = old->models,
        .operations = old->operations,
        .tags = old->tags,
    };
    fill_secret(d, &row, &made);
    enum sl_err e = s->ops->rotate_key(s, &row, ends_ns, fail);
    if (e == SL_OK) {
        *out_made = made;
        state_dir_notify(d, "keys");
    }
    keys_made_wipe(&made);
    return e;
}

enum sl_err keys_rotate(const struct state_dir *d, struct store *s, struct sl_id id, int64_t grace_ns,
                        struct keys_made *out_made, struct sl_fail *fail)
{
    struct finding f = {.id = id};
    if (grace_ns < 0 || grace_ns > INT64_MAX / 4)
        return sl_fail_set(fail, SL_EINVAL, "", "the grace is out of range");
    sl_arena_init(&f.arena, NULL);
    enum sl_err e = s->ops->each_key(s, on_find, &f, fail);
    if (e == SL_OK && !f.found)
        e = sl_fail_set(fail, SL_ENOENT, "", "there is no key with this id");
    if (e == SL_OK)
        e = rotate(d, s, &f.row, grace_ns, out_made, fail);
    sl_arena_done(&f.arena);
    return e;
}

enum sl_err keys_revoke(const struct state_dir *d, struct store *s, struct sl_id id, struct sl_fail *fail)
{
    enum sl_err e = s->ops->end_key(s, id, sl_clock_wall_ns(), fail);
    if (e == SL_OK)
        state_dir_notify(d, "keys");
    return e;
}

enum sl_err keys_expire(const struct state_dir *d, struct store *s, struct sl_id id, int64_t expires_ns,
                        struct sl_fail *fail)
{
    struct finding f = {.id = id};
    sl_arena_init(&f.arena, NULL);
    enum sl_err e = s->ops->each_key(s, on_find, &f, fail);
    if (e == SL_OK && f.found && f.row.revoked_ns != 0)
        e = sl_fail_set(fail, SL_EINVAL, "", "the key is revoked, which is for good: make a new one instead");
    if (e == SL_OK)
        e = s->ops->expire_key(s, id, expires_ns, fail);
    if (e == SL_OK)
        state_dir_notify(d, "keys");
    sl_arena_done(&f.arena);
    return e;
}

/* -- First run ------------------------------------------------------------------------------------------------------ */

struct survey {
    uint64_t keys;
    int64_t now_ns;
    char shown[KEYS_SHOWN];
};

static bool on_survey(void *arg, const struct store_key *k)
{
    struct survey *v = arg;
    v->keys++;
    bool works = k->revoked_ns == 0 && (k->expires_ns == 0 || k->expires_ns > v->now_ns);
    if (v->shown[0] == 0 && works && k->prefix.n + 4 <= sizeof v->shown) {
        memcpy(v->shown, k->prefix.p, k->prefix.n);
        memcpy(v->shown + k->prefix.n, "...", 4);
    }
    return true;
}

enum sl_err keys_first_run(const struct state_dir *d, struct store *s, struct keys_made *out_made, bool *out_is_new,
                           char out_shown[KEYS_SHOWN], struct sl_fail *fail)
{
    struct survey v = {.now_ns = sl_clock_wall_ns()};
    enum sl_err e = s->ops->each_key(s, on_survey, &v, fail);
    if (e != SL_OK)
        return e;
    *out_is_new = v.keys == 0;
    memcpy(out_shown, v.shown, sizeof v.shown);
    struct keys_spec spec = {.name = SL_STR("first-run")};
    return v.keys == 0 ? keys_create(d, s, &spec, out_made, fail) : SL_OK;
}

/* -- The table ------------------------------------------------------------------------------------------------------ */

struct rows {
    struct key_row *v; /* own */
    size_t n, cap;
    struct sl_arena arena;
};

static bool on_row(void *arg, const struct store_key *k)
{
    struct rows *r = arg;
    if (r->n == r->cap) {
        r->cap = r->cap == 0 ? 64 : r->cap * 2;
        r->v = sl_realloc(r->v, r->cap * sizeof *r->v);
    }
    struct key_row *row = &r->v[r->n++];
    *row = (struct key_row){
        .id = k->id,
        .name = sl_arena_str(&r->arena, k->name),
        .tenant = sl_arena_str(&r->arena, k->tenant),
        .models = sl_arena_str(&r->arena, k->models),
        .operations = sl_arena_str(&r->arena, k->operations),
        .tags = sl_arena_str(&r->arena, k->tags),
        .expires_ns = k->expires_ns,
        .revoked_ns = k->revoked_ns,
    };
    memcpy(row->digest, k->digest, sizeof row->digest);
    return r->n <= KEY_TABLE_MAX;
}

enum sl_err keys_table_load(struct store *s, struct key_table **out_t, size_t *out_bad, struct sl_fail *fail)
{
    struct rows r = {.v = NULL};
    sl_arena_init(&r.arena, NULL);
    enum sl_err e = s->ops->each_key(s, on_row, &r, fail);
    if (e == SL_OK) {
        struct key_table *t = key_table_build(r.v, r.n, operation_by_name, out_bad);
        if (t != NULL)
            *out_t = t;
        else
            e = sl_fail_set(fail, SL_ELIMIT, "", "more than %u keys", KEY_TABLE_MAX);
    }
    sl_arena_done(&r.arena);
    sl_free(r.v);
    return e;
}
