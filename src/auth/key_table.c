/* The table of keys: open addressing by digest. A digest is an HMAC under a secret, so that nobody outside chooses where it
 * falls; its first bytes are the place. Every look-up visits the same number of places (the longest run there is in this
 * table) and compares all bytes of each, whether the key is there or not. */
#include "auth/key.h"

#include <stdatomic.h>

#include "base/check.h"
#include "base/mem.h"
#include "base/secret.h"

#define NOBODY UINT32_MAX

struct slot {
    unsigned char digest[KEY_DIGEST_BYTES];
    uint32_t key; /* index, or NOBODY */
};

struct key_table {
    _Atomic unsigned refs;
    size_t n;              /* keys */
    size_t mask;           /* slots - 1; slots is a power of two, at least twice n */
    size_t run;            /* places to visit */
    struct slot *slots;    /* own */
    struct auth_key *keys; /* own */
    struct sl_arena arena; /* own: names and grants */
};

static size_t home_of(const unsigned char digest[KEY_DIGEST_BYTES])
{
    uint64_t h;
    memcpy(&h, digest, sizeof h);
    return (size_t)h;
}

/* False: this digest is there already. */
static bool insert(struct key_table *t, const unsigned char digest[KEY_DIGEST_BYTES], uint32_t key)
{
    size_t home = home_of(digest);
    for (size_t i = 0;; i++) {
        struct slot *s = &t->slots[(home + i) & t->mask];
        if (s->key != NOBODY && memcmp(s->digest, digest, KEY_DIGEST_BYTES) == 0)
            return false;
        if (s->key != NOBODY)
            continue;
        memcpy(s->digest, digest, KEY_DIGEST_BYTES);
        s->key = key;
        if (i + 1 > t->run)
            t->run = i + 1;
        return true;
    }
}

struct key_table *key_table_build(const struct key_row *rows, size_t n, grant_operation_f *operation_of,
                                  size_t *out_bad)
{
    if (n > KEY_TABLE_MAX)
        return NULL;
    struct key_table *t = SL_NEW(struct key_table);
    atomic_init(&t->refs, 1);
    sl_arena_init(&t->arena, NULL);
    size_t cap = 16;
    while (cap < 2 * n)
        cap *= 2;
    t->mask = cap - 1;
    t->run = 1;
    t->slots = sl_calloc(cap, sizeof *t->slots);
    for (size_t i = 0; i < cap; i++)
        t->slots[i].key = NOBODY;
    t->keys = sl_calloc(n, sizeof *t->keys);
    size_t bad = 0;
    for (size_t i = 0; i < n; i++) {
        const struct key_row *r = &rows[i];
        if (!insert(t, r->digest, (uint32_t)t->n))
            continue;
        struct auth_key *k = &t->keys[t->n++];
        *k = (struct auth_key){.id = r->id,
                               .name = sl_arena_str(&t->arena, r->name),
                               .tenant = sl_arena_str(&t->arena, r->tenant),
                               .expires_ns = r->expires_ns,
                               .revoked_ns = r->revoked_ns};
        if (key_tags_read(sl_arena_str(&t->arena, r->tags), &t->arena, &k->tags, &k->n_tags, NULL) != SL_OK)
            bad++;
        if (grant_build(r->models, r->operations, operation_of, &t->arena, &k->grant, NULL) != SL_OK) {
            static const struct grant_pattern nothing = {.prefix = false};
            k->grant = (struct grant){.models = &nothing, .n_models = 1, .operations = 0};
            bad++;
        }
    }
    if (out_bad != NULL)
        *out_bad = bad;
    return t;
}

struct key_table *key_table_ref(struct key_table *t)
{
    unsigned before = atomic_fetch_add_explicit(&t->refs, 1, memory_order_relaxed);
    SL_CHECK(before > 0);
    return t;
}

void key_table_unref(struct key_table *t)
{
    if (t == NULL || atomic_fetch_sub_explicit(&t->refs, 1, memory_order_acq_rel) > 1)
        return;
    sl_arena_done(&t->arena);
    sl_free(t->keys);
    sl_free(t->slots);
    sl_free(t);
}

size_t key_table_count(const struct key_table *t)
{
    return t->n;
}

/* The index of the key with this digest, or NOBODY. No branch depends on what is in the table. */
static uint32_t find(const struct key_table *t, const unsigned char digest[KEY_DIGEST_BYTES])
{
    size_t home = home_of(digest);
    uint32_t found = NOBODY;
    for (size_t i = 0; i < t->run; i++) {
        const struct slot *s = &t->slots[(home + i) & t->mask];
        uint32_t same = 0 - (uint32_t)sl_equal_ct(s->digest, digest, KEY_DIGEST_BYTES);
        found = (s->key & same) | (found & ~same);
    }
    return found;
}

struct auth_result auth_check(const struct key_table *t, const unsigned char digest[KEY_DIGEST_BYTES],
                              int64_t now_wall_ns)
{
    struct auth_result r = {.verdict = AUTH_UNKNOWN, .reason = AUTH_NO_SUCH_KEY};
    uint32_t i = t != NULL ? find(t, digest) : NOBODY;
    if (i == NOBODY)
        return r;
    r.known = &t->keys[i];
    if (r.known->revoked_ns != 0 && r.known->revoked_ns <= now_wall_ns)
        r.reason = AUTH_REVOKED;
    else if (r.known->expires_ns != 0 && r.known->expires_ns <= now_wall_ns)
        r.reason = AUTH_EXPIRED;
    else
        r = (struct auth_result){.verdict = AUTH_OK, .reason = AUTH_FINE, .key = r.known, .known = r.known};
    return r;
}

const struct auth_key *key_table_named(const struct key_table *t, struct sl_str name, int64_t now_wall_ns)
{
    const struct auth_key *found = NULL;
    for (size_t i = 0; t != NULL && i < t->n; i++) {
        const struct auth_key *k = &t->keys[i];
        if (!sl_str_eq(k->name, name))
            continue;
        found = k;
        if (k->revoked_ns == 0 && (k->expires_ns == 0 || k->expires_ns > now_wall_ns))
            return k;
    }
    return found;
}

const struct auth_key *key_table_of_id(const struct key_table *t, struct sl_id id, int64_t now_wall_ns)
{
    for (size_t i = 0; t != NULL && i < t->n; i++) {
        const struct auth_key *k = &t->keys[i];
        if (sl_id_eq(k->id, id))
            return k->revoked_ns == 0 && (k->expires_ns == 0 || k->expires_ns > now_wall_ns) ? k : NULL;
    }
    return NULL;
}
