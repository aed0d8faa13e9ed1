/* The catalogue as an object: counted, looked up by vendor and model id, read from a file or from the binary itself.
 *
 * Who calls: config (a snapshot holds one reference and resolves its targets once), the keeper (replaces it when the file
 * changes). Invariant: immutable after price_catalog_load gave it out, so that any thread may read it. */
#include "ledger/price.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/check.h"
#include "base/heap.h"
#include "base/mem.h"
#include "ledger/money.h"
#include "ledger/price_int.h"

/* ---- single prices ---- */

void price_init(struct price *p)
{
    *p = (struct price){0};
    for (size_t i = 0; i < PR_COUNT; i++)
        p->rates.p[i] = PRICE_NONE;
    for (size_t i = 0; i < USAGE_UNIT_COUNT; i++)
        p->units.p[i] = PRICE_NONE;
}

bool price_rate_of_key(struct sl_str key, enum price_rate *out)
{
    static const struct sl_str keys[PR_COUNT] = {
#define X(id, key) [PR_##id] = SL_STR_INIT(key),
        PRICE_RATES(X)
#undef X
    };
    for (unsigned i = 0; i < PR_COUNT; i++) {
        if (sl_str_eq(key, keys[i])) {
            *out = (enum price_rate)i;
            return true;
        }
    }
    return false;
}

bool price_service_of_name(struct sl_str name, enum price_service *out)
{
    static const struct {
        struct sl_str name;
        enum price_service service;
    } rows[] = {
        {SL_STR_INIT("standard"), PRICE_STANDARD}, {SL_STR_INIT("default"), PRICE_STANDARD},
        {SL_STR_INIT("batch"), PRICE_BATCH},       {SL_STR_INIT("flex"), PRICE_FLEX},
        {SL_STR_INIT("priority"), PRICE_PRIORITY}, {SL_STR_INIT("fast"), PRICE_FAST},
    };
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        if (sl_str_eq(name, rows[i].name)) {
            *out = rows[i].service;
            return true;
        }
    }
    return false;
}

enum sl_err price_set_rate(struct price *p, enum price_rate r, struct sl_str usd_per_mtok, struct sl_fail *f)
{
    int64_t v = 0;
    enum sl_err e = money_parse_usd_per_mtok(usd_per_mtok, &v);
    if (e == SL_OK && v > PRICE_MAX)
        e = SL_ELIMIT;
    if (e == SL_ELIMIT)
        return sl_fail_set(f, e, "", "a price over a dollar a token");
    if (e != SL_OK)
        return sl_fail_set(f, e, "", "not a price: USD per 1,000,000 tokens, not negative, at most 6 decimals");
    p->rates.p[r] = v;
    return SL_OK;
}

/* ---- the catalogue ---- */

struct price_catalog *price_catalog_new(void)
{
    struct price_catalog *c = SL_NEW(struct price_catalog);
    atomic_init(&c->refs, 1);
    sl_arena_init(&c->arena, NULL);
    sl_map_init(&c->providers);
    return c;
}

struct price_catalog *price_catalog_ref(struct price_catalog *c)
{
    SL_CHECK(atomic_fetch_add_explicit(&c->refs, 1, memory_order_relaxed) > 0);
    return c;
}

void price_catalog_unref(struct price_catalog *c)
{
    /* acq_rel: what other threads read before they let go happens before the release below. */
    if (c == NULL || atomic_fetch_sub_explicit(&c->refs, 1, memory_order_acq_rel) > 1)
        return;
    size_t at = 0;
    for (struct sl_map_slot *s; (s = sl_map_next(&c->providers, &at)) != NULL;) {
        struct price_provider *p = s->value;
        sl_map_done(&p->ids);
        sl_map_done(&p->aliases);
    }
    sl_map_done(&c->providers);
    sl_arena_done(&c->arena);
    sl_free(c);
}

struct price_provider *price_provider_get(struct price_catalog *c, struct sl_str name)
{
    struct price_provider *p = sl_map_get(&c->providers, name);
    if (p != NULL)
        return p;
    p = SL_ARENA_NEW(&c->arena, struct price_provider);
    p->name = sl_arena_str(&c->arena, name);
    sl_map_init(&p->ids);
    sl_map_init(&p->aliases);
    sl_map_put(&c->providers, p->name, p);
    return p;
}

const struct price_version *price_catalog_version(const struct price_catalog *c)
{
    return &c->version;
}

uint32_t price_catalog_count(const struct price_catalog *c)
{
    return c->n;
}

const struct price *price_at(const struct price_catalog *c, uint32_t i)
{
    SL_CHECK(i < c->n);
    return &c->prices[i];
}

/* ---- looking up ---- */

/* Whether s is '0' to '9' where the pattern has 'd', and the pattern's own character elsewhere. */
static bool ends_like(struct sl_str s, const char *pattern, size_t n)
{
    if (s.n <= n) /* something must be left in front of the date */
        return false;
    const char *at = s.p + (s.n - n);
    for (size_t i = 0; i < n; i++) {
        bool digit = at[i] >= '0' && at[i] <= '9';
        if (pattern[i] == 'd' ? !digit : at[i] != pattern[i])
            return false;
    }
    return true;
}

static struct sl_str without_date(struct sl_str id) /* empty when there is none */
{
    static const struct sl_str dates[] = {SL_STR_INIT("-dddd-dd-dd"), SL_STR_INIT("-dddddddd"),
                                          SL_STR_INIT("@dddddddd")};
    for (size_t i = 0; i < sizeof dates / sizeof dates[0]; i++)
        if (ends_like(id, dates[i].p, dates[i].n))
            return sl_str_head(id, id.n - dates[i].n);
    return SL_STR_NONE;
}

static const struct price *find_named(const struct price_provider *p, struct sl_str id, enum price_match *how)
{
    *how = PRICE_BY_ID;
    const struct price *price = sl_map_get(&p->ids, id);
    if (price == NULL) {
        *how = PRICE_BY_ALIAS;
        price = sl_map_get(&p->aliases, id);
    }
    return price;
}

const struct price *price_lookup(const struct price_catalog *c, struct sl_str provider, struct sl_str id,
                                 enum price_match *how)
{
    enum price_match found;
    const struct price_provider *p = sl_map_get(&c->providers, provider);
    if (p == NULL)
        return NULL;
    const struct price *price = find_named(p, id, &found);
    if (price == NULL) {
        struct sl_str undated = without_date(id);
        if (undated.n == 0)
            return NULL;
        price = find_named(p, undated, &found);
        found = PRICE_BY_UNDATED;
    }
    if (price != NULL && how != NULL)
        *how = found;
    return price;
}

/* ---- where the text comes from ---- */

static enum sl_err read_all(int fd, char *to, size_t room, size_t *out_n)
{
    size_t n = 0;
    while (n < room) {
        ssize_t got = read(fd, to + n, room - n);
        if (got < 0 && errno == EINTR)
            continue;
        if (got < 0)
            return SL_EIO;
        if (got == 0)
            break;
        n += (size_t)got;
    }
    *out_n = n;
    return SL_OK;
}

enum sl_err price_catalog_load_file(const char *path, struct price_catalog **out, struct sl_fail *f)
{
    int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOCTTY | O_NONBLOCK); /* a FIFO must not hang us */
    if (fd < 0)
        return sl_fail_set(f, SL_EIO, path, "cannot open the price catalogue: %s", sl_errno_text(errno));
    char *text = NULL;
    size_t n = 0;
    enum sl_err e;
    struct stat st;
    if (fstat(fd, &st) != 0 || !S_ISREG(st.st_mode)) {
        e = sl_fail_set(f, SL_EIO, path, "the price catalogue is not a regular file");
        goto out;
    }
    if (st.st_size > (off_t)PRICE_FILE_MAX) {
        e = sl_fail_set(f, SL_ELIMIT, path, "the price catalogue is larger than %u bytes", PRICE_FILE_MAX);
        goto out;
    }
    /* One byte more than it had: a file that grows meanwhile is noticed and refused. */
    text = sl_malloc((size_t)st.st_size + 1);
    e = read_all(fd, text, (size_t)st.st_size + 1, &n);
    if (e != SL_OK) {
        e = sl_fail_set(f, e, path, "cannot read the price catalogue: %s", sl_errno_text(errno));
        goto out;
    }
    if (n != (size_t)st.st_size) {
        e = sl_fail_set(f, SL_EIO, path, "the price catalogue changed while it was read");
        goto out;
    }
    e = price_catalog_load(sl_str_of(text, n), sl_str_c(path), out, f);
out:
    sl_free(text);
    close(fd);
    return e;
}

struct sl_str price_embedded_text(void)
{
    return sl_str_of(price_embedded, price_embedded_n);
}

struct price_catalog *price_catalog_embedded(void)
{
    struct price_catalog *c = NULL;
    struct sl_fail f = {0};
    enum sl_err e = price_catalog_load(price_embedded_text(), SL_STR("(embedded)"), &c, &f);
    sl_pages_forget(price_embedded, price_embedded_n);
    SL_CHECK(e == SL_OK); /* tests/unit/ledger loads it in every build */
    return c;
}
