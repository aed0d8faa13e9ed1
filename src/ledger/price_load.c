/* A price catalogue from JSON text. All or nothing: the first thing that is not as data/README.md says ends it with the
 * place in the file. Members that describe a model and do not price it are passed over; members of a `price` that are
 * not known are refused, because something we cannot read might be something we must pay.
 *
 *   load -> root: version, models -> entry: members -> price: rates, tiers, services -> then: names of each
 *
 * yyjson reads in place on a copy of the text: strings and raw numbers then are pointers into the copy, which gives
 * every refusal its line and column. Numbers stay text until ledger/money.c reads them; there is no double here. */
#include "ledger/price_load_int.h"

#include "base/check.h"
#include "base/hash.h"
#include "base/mem.h"
#include "ledger/money.h"

#define SCHEMA "1"
#define NAME_BYTES_MAX 200u /* of an id, an alias, a provider */
#define TIERS_MAX 16u
#define REGIONS_MAX 16u
#define NAMES_MAX 64u    /* aliases of one entry */
#define PPM_MAX 10000000 /* a factor over ten is a mistake in the file */

struct pending_name { /* an alias, kept until all ids are known */
    struct pending_name *next;
    struct price *price;
    struct sl_str provider; /* empty: that of the entry itself, which may stand behind its aliases */
    struct sl_str name;
    yyjson_val *at;
};

/* ---- refusing ---- */

static void place_text(const struct price_loader *l, size_t offset, char out[160])
{
    size_t line = 1, column = 1;
    for (size_t i = 0; i < offset && i < l->text.n; i++) {
        column = l->text.p[i] == '\n' ? 1 : column + 1;
        line += l->text.p[i] == '\n';
    }
    char *to = out;
    size_t n = l->name.n < 110 ? l->name.n : 110;
    memcpy(to, l->name.p, n);
    to += n;
    *to++ = ':';
    to += sl_u64_digits(line, to);
    *to++ = ':';
    to += sl_u64_digits(column, to);
    *to = '\0';
}

/* Where a string or a number stands in the text; containers have no place, so callers name a key near by. */
static size_t offset_of(const struct price_loader *l, yyjson_val *near)
{
    const char *p = yyjson_is_raw(near) ? yyjson_get_raw(near) : yyjson_get_str(near);
    return p != NULL && p >= l->copy && p <= l->copy + l->text.n ? (size_t)(p - l->copy) : 0;
}

enum sl_err price_load_refuse(struct price_loader *l, enum sl_err code, yyjson_val *near, const char *what)
{
    char place[160];
    place_text(l, offset_of(l, near), place);
    struct sl_str key =
        sl_str_of(yyjson_is_str(near) ? yyjson_get_str(near) : "", yyjson_is_str(near) ? yyjson_get_len(near) : 0);
    key = sl_str_head(key, 60);
    for (size_t i = 0; i < key.n; i++) /* the text goes to terminals and logs */
        if ((unsigned char)key.p[i] < 0x20 || (unsigned char)key.p[i] >= 0x7F)
            key.n = i;
    if (l->price == NULL)
        return sl_fail_set(l->f, code, place, "%s%s" SL_STR_FMT "%s", what, key.n != 0 ? ": '" : "", SL_STR_ARG(key),
                           key.n != 0 ? "'" : "");
    return sl_fail_set(l->f, code, place, "models[%u] " SL_STR_FMT "/" SL_STR_FMT ": %s%s" SL_STR_FMT "%s", l->index,
                       SL_STR_ARG(l->price->provider), SL_STR_ARG(l->price->id), what, key.n != 0 ? ": '" : "",
                       SL_STR_ARG(key), key.n != 0 ? "'" : "");
}

#define refuse price_load_refuse

/* ---- scalars ---- */

static struct sl_str str_of(yyjson_val *v)
{
    return sl_str_of(yyjson_get_str(v), yyjson_get_len(v));
}

static struct sl_str raw_of(yyjson_val *v)
{
    return sl_str_of(yyjson_get_raw(v), yyjson_get_len(v));
}

static bool is_key(yyjson_val *key, struct sl_str name)
{
    return yyjson_get_len(key) == name.n && memcmp(yyjson_get_str(key), name.p, name.n) == 0;
}

/* A name that we keep: not empty, not long, printable ASCII without blanks (so that it can be shown anywhere). */
static enum sl_err read_name(struct price_loader *l, yyjson_val *key, yyjson_val *v, struct sl_str *out)
{
    if (!yyjson_is_str(v) || yyjson_get_len(v) == 0)
        return refuse(l, SL_EINVAL, key, "not a name");
    struct sl_str s = str_of(v);
    if (s.n > NAME_BYTES_MAX)
        return refuse(l, SL_ELIMIT, key, "a name over 200 bytes");
    for (size_t i = 0; i < s.n; i++)
        if ((unsigned char)s.p[i] <= 0x20 || (unsigned char)s.p[i] >= 0x7F)
            return refuse(l, SL_EINVAL, key, "a name with blanks, controls or bytes that are not ASCII");
    *out = sl_arena_str(&l->c->arena, s);
    return SL_OK;
}

static enum sl_err read_count(struct price_loader *l, yyjson_val *key, yyjson_val *v, uint64_t *out)
{
    uint64_t n = 0;
    if (!yyjson_is_raw(v) || !sl_str_to_u64(raw_of(v), &n) || n > (uint64_t)INT64_MAX)
        return refuse(l, SL_EINVAL, key, "not a whole number of tokens");
    *out = n;
    return SL_OK;
}

static enum sl_err read_rate(struct price_loader *l, yyjson_val *key, yyjson_val *v, int64_t *out)
{
    int64_t p = 0;
    enum sl_err e = yyjson_is_raw(v) ? money_parse_usd_per_mtok(raw_of(v), &p) : SL_EINVAL;
    if (e == SL_OK && p > PRICE_MAX)
        e = SL_ELIMIT;
    if (e == SL_ELIMIT)
        return refuse(l, e, key, "a price over a dollar a token");
    if (e != SL_OK)
        return refuse(l, e, key, "not a price (USD per 1,000,000 tokens, not negative, at most 6 decimals)");
    *out = p;
    return SL_OK;
}

static enum sl_err read_factor(struct price_loader *l, yyjson_val *key, yyjson_val *v, uint32_t *out_ppm)
{
    int64_t ppm = 0;
    enum sl_err e = yyjson_is_raw(v) ? money_parse(raw_of(v), 6, &ppm) : SL_EINVAL;
    if (e != SL_OK || ppm <= 0 || ppm > PPM_MAX)
        return refuse(l, e == SL_OK ? SL_ELIMIT : e, key, "not a factor (over 0, at most 10, at most 6 decimals)");
    *out_ppm = (uint32_t)ppm;
    return SL_OK;
}

/* ---- rates ---- */

static void no_rates(struct price_rates *r)
{
    for (size_t i = 0; i < PR_COUNT; i++)
        r->p[i] = PRICE_NONE;
}

static enum sl_err set_rate(struct price_loader *l, yyjson_val *key, yyjson_val *v, struct price_rates *r)
{
    enum price_rate rate;
    if (!price_rate_of_key(str_of(key), &rate))
        return refuse(l, SL_EINVAL, key, "a price of an unknown kind");
    if (r->p[rate] != PRICE_NONE)
        return refuse(l, SL_EEXIST, key, "given twice");
    return read_rate(l, key, v, &r->p[rate]);
}

static enum sl_err read_rates(struct price_loader *l, yyjson_val *near, yyjson_val *obj, struct price_rates *out)
{
    yyjson_obj_iter it;
    if (!yyjson_obj_iter_init(obj, &it))
        return refuse(l, SL_EINVAL, near, "not an object of prices");
    no_rates(out);
    for (yyjson_val *key; (key = yyjson_obj_iter_next(&it)) != NULL;) {
        enum sl_err e = set_rate(l, key, yyjson_obj_iter_get_val(key), out);
        if (e != SL_OK)
            return e;
    }
    return SL_OK;
}

static enum sl_err read_tier(struct price_loader *l, yyjson_val *near, yyjson_val *obj, struct price_tier *out)
{
    yyjson_obj_iter it;
    if (!yyjson_obj_iter_init(obj, &it))
        return refuse(l, SL_EINVAL, near, "a tier that is not an object");
    no_rates(&out->rates);
    bool seen = false;
    for (yyjson_val *key; (key = yyjson_obj_iter_next(&it)) != NULL;) {
        yyjson_val *v = yyjson_obj_iter_get_val(key);
        enum sl_err e;
        if (!is_key(key, SL_STR("above"))) {
            e = set_rate(l, key, v, &out->rates);
        } else {
            e = seen ? refuse(l, SL_EEXIST, key, "given twice") : read_count(l, key, v, &out->above);
            seen = true;
        }
        if (e != SL_OK)
            return e;
    }
    return seen ? SL_OK : refuse(l, SL_EINVAL, near, "a tier without 'above'");
}

static enum sl_err read_tiers(struct price_loader *l, yyjson_val *key, yyjson_val *arr)
{
    size_t n = yyjson_arr_size(arr);
    if (!yyjson_is_arr(arr) || n == 0)
        return refuse(l, SL_EINVAL, key, "not a list of tiers");
    if (n > TIERS_MAX)
        return refuse(l, SL_ELIMIT, key, "more than 16 tiers");
    struct price_tier *tiers = sl_arena_zalloc(&l->c->arena, n * sizeof *tiers);
    yyjson_arr_iter it = yyjson_arr_iter_with(arr);
    for (size_t i = 0; i < n; i++) {
        enum sl_err e = read_tier(l, key, yyjson_arr_iter_next(&it), &tiers[i]);
        if (e != SL_OK)
            return e;
        if (i > 0 && tiers[i].above <= tiers[i - 1].above)
            return refuse(l, SL_EINVAL, key, "tiers whose 'above' does not rise");
    }
    l->price->tiers = tiers;
    l->price->n_tiers = (uint8_t)n;
    return SL_OK;
}

/* ---- the conditions of a price ---- */

static struct price_service_rates *add_service(struct price_loader *l, enum price_service service)
{
    struct price *p = l->price;
    struct price_service_rates *rows = (struct price_service_rates *)(uintptr_t)p->services; /* ours until published */
    if (rows == NULL) {
        rows = sl_arena_zalloc(&l->c->arena, PRICE_SERVICE_COUNT * sizeof *rows);
        p->services = rows;
    }
    for (size_t i = 0; i < p->n_services; i++)
        if (rows[i].service == service)
            return NULL;
    rows[p->n_services].service = service;
    return &rows[p->n_services++];
}

static enum sl_err read_batch(struct price_loader *l, yyjson_val *key, yyjson_val *obj)
{
    struct price_service_rates *row = add_service(l, PRICE_BATCH);
    if (row == NULL)
        return refuse(l, SL_EEXIST, key, "given twice");
    return read_rates(l, key, obj, &row->rates);
}

static enum sl_err read_services(struct price_loader *l, yyjson_val *near, yyjson_val *obj)
{
    yyjson_obj_iter it;
    if (!yyjson_obj_iter_init(obj, &it))
        return refuse(l, SL_EINVAL, near, "not an object of service tiers");
    for (yyjson_val *key; (key = yyjson_obj_iter_next(&it)) != NULL;) {
        enum price_service service;
        if (!price_service_of_name(str_of(key), &service) || service == PRICE_STANDARD || service == PRICE_BATCH)
            return refuse(l, SL_EINVAL, key, "an unknown service tier");
        struct price_service_rates *row = add_service(l, service);
        if (row == NULL)
            return refuse(l, SL_EEXIST, key, "given twice");
        enum sl_err e = read_rates(l, key, yyjson_obj_iter_get_val(key), &row->rates);
        if (e != SL_OK)
            return e;
    }
    return SL_OK;
}

static enum sl_err read_regions(struct price_loader *l, yyjson_val *near, yyjson_val *obj)
{
    yyjson_obj_iter it;
    size_t n = yyjson_obj_size(obj);
    if (!yyjson_obj_iter_init(obj, &it))
        return refuse(l, SL_EINVAL, near, "not an object of factors by region");
    if (n > REGIONS_MAX)
        return refuse(l, SL_ELIMIT, near, "more than 16 regions");
    struct price_region *rows = sl_arena_zalloc(&l->c->arena, n * sizeof *rows);
    for (size_t i = 0; i < n; i++) {
        yyjson_val *key = yyjson_obj_iter_next(&it);
        enum sl_err e = read_name(l, key, key, &rows[i].name);
        if (e == SL_OK)
            e = read_factor(l, key, yyjson_obj_iter_get_val(key), &rows[i].ppm);
        if (e != SL_OK)
            return e;
        for (size_t k = 0; k < i; k++)
            if (sl_str_eq(rows[k].name, rows[i].name))
                return refuse(l, SL_EEXIST, key, "given twice");
    }
    l->price->regions = rows;
    l->price->n_regions = (uint8_t)n;
    return SL_OK;
}

static enum sl_err read_free(struct price_loader *l, yyjson_val *key, yyjson_val *v)
{
    if (!yyjson_is_bool(v))
        return refuse(l, SL_EINVAL, key, "neither true nor false");
    l->price->free = yyjson_get_bool(v);
    return SL_OK;
}

static enum sl_err pass_over(struct price_loader *l, yyjson_val *key, yyjson_val *v)
{
    (void)l;
    (void)key;
    (void)v;
    return SL_OK;
}

typedef enum sl_err read_member_f(struct price_loader *l, yyjson_val *key, yyjson_val *v);

struct member {
    struct sl_str name;
    read_member_f *read;
};

/* Gives the row of a member, and refuses a second one of the same name (seen: one bit a row). */
static enum sl_err find_member(struct price_loader *l, yyjson_val *key, const struct member *rows, unsigned *inout_seen,
                               const struct member **out)
{
    *out = NULL;
    for (size_t i = 0; rows[i].read != NULL; i++) {
        if (!is_key(key, rows[i].name))
            continue;
        if ((*inout_seen & (1u << i)) != 0)
            return refuse(l, SL_EEXIST, key, "given twice");
        *inout_seen |= 1u << i;
        *out = &rows[i];
        return SL_OK;
    }
    return SL_OK;
}

static const struct member price_members[] = {
    {SL_STR_INIT("tiers"), read_tiers},
    {SL_STR_INIT("service_tier"), read_services},
    {SL_STR_INIT("batch"), read_batch},
    {SL_STR_INIT("region_multiplier"), read_regions},
    {SL_STR_INIT("free"), read_free},
    /* Not tokens (price_load_units.c). */
    {SL_STR_INIT("per"), price_load_per},
    {SL_STR_INIT("images"), price_load_images},
    {SL_STR_INIT("video"), price_load_video},
    /* Charged beside the tokens of a call. */
    {SL_STR_INIT("web_search"), pass_over},
    {SL_STR_INIT("cache_storage_hour"), pass_over},
    {SL_STR_INIT("video_token_formula"), pass_over},
    {{NULL, 0}, NULL},
};

/* A stated 0 for cached tokens beside a real input price means "no surcharge" or "has no cache" where it occurs (November
 * 2026), and never that a prompt is free once it is cached: such tokens are charged as input. */
static void distrust_free_cache(struct price_rates *r)
{
    if (r->p[PR_INPUT] <= 0)
        return;
    if (r->p[PR_CACHE_READ] == 0)
        r->p[PR_CACHE_READ] = PRICE_NONE;
    if (r->p[PR_CACHE_WRITE] == 0)
        r->p[PR_CACHE_WRITE] = PRICE_NONE;
}

static bool has_rate(const struct price_rates *r)
{
    for (size_t i = 0; i < PR_COUNT; i++)
        if (r->p[i] != PRICE_NONE)
            return true;
    return false;
}

static enum sl_err read_price(struct price_loader *l, yyjson_val *near, yyjson_val *obj)
{
    yyjson_obj_iter it;
    if (!yyjson_obj_iter_init(obj, &it))
        return refuse(l, SL_EINVAL, near, "not an object");
    unsigned seen = 0;
    for (yyjson_val *key; (key = yyjson_obj_iter_next(&it)) != NULL;) {
        yyjson_val *v = yyjson_obj_iter_get_val(key);
        const struct member *m;
        enum sl_err e = find_member(l, key, price_members, &seen, &m);
        if (e == SL_OK)
            e = m != NULL ? m->read(l, key, v) : set_rate(l, key, v, &l->price->rates);
        if (e != SL_OK)
            return e;
    }
    if (l->price->free && (has_rate(&l->price->rates) || l->price->has_units))
        return refuse(l, SL_EINVAL, near, "both free and priced");
    distrust_free_cache(&l->price->rates);
    return SL_OK;
}

/* ---- entries ---- */

static void add_name(struct price_loader *l, yyjson_val *at, struct sl_str provider, struct sl_str name)
{
    struct pending_name *n = SL_ARENA_NEW(l->arena, struct pending_name);
    *n = (struct pending_name){.price = l->price, .provider = provider, .name = name, .at = at};
    *l->names_end = n;
    l->names_end = &n->next;
}

static enum sl_err read_aliases(struct price_loader *l, yyjson_val *key, yyjson_val *arr)
{
    if (!yyjson_is_arr(arr))
        return refuse(l, SL_EINVAL, key, "not a list of names");
    if (yyjson_arr_size(arr) > NAMES_MAX)
        return refuse(l, SL_ELIMIT, key, "more than 64 names");
    yyjson_arr_iter it = yyjson_arr_iter_with(arr);
    for (yyjson_val *v; (v = yyjson_arr_iter_next(&it)) != NULL;) {
        struct sl_str name;
        enum sl_err e = read_name(l, key, v, &name);
        if (e != SL_OK)
            return e;
        add_name(l, v, SL_STR_NONE, name);
    }
    return SL_OK;
}

/* Identifiers of the same model at other vendors. */
static enum sl_err read_ids(struct price_loader *l, yyjson_val *near, yyjson_val *obj)
{
    yyjson_obj_iter it;
    if (!yyjson_obj_iter_init(obj, &it))
        return refuse(l, SL_EINVAL, near, "not an object of identifiers by vendor");
    if (yyjson_obj_size(obj) > NAMES_MAX)
        return refuse(l, SL_ELIMIT, near, "more than 64 names");
    for (yyjson_val *key; (key = yyjson_obj_iter_next(&it)) != NULL;) {
        struct sl_str provider, name;
        enum sl_err e = read_name(l, key, key, &provider);
        if (e == SL_OK)
            e = read_name(l, key, yyjson_obj_iter_get_val(key), &name);
        if (e != SL_OK)
            return e;
        add_name(l, key, sl_str_eq(provider, SL_STR("foundry")) ? SL_STR("azure") : provider, name);
    }
    return SL_OK;
}

static enum sl_err read_status(struct price_loader *l, yyjson_val *key, yyjson_val *v)
{
    if (!yyjson_is_str(v))
        return refuse(l, SL_EINVAL, key, "not a text");
    l->price->deprecated = sl_str_eq(str_of(v), SL_STR("deprecated"));
    return SL_OK;
}

static enum sl_err read_context(struct price_loader *l, yyjson_val *key, yyjson_val *v)
{
    return read_count(l, key, v, &l->price->context);
}

static enum sl_err read_max_output(struct price_loader *l, yyjson_val *key, yyjson_val *v)
{
    return read_count(l, key, v, &l->price->max_output);
}

static enum sl_err read_batch_rule(struct price_loader *l, yyjson_val *key, yyjson_val *v)
{
    return read_factor(l, key, v, &l->price->batch_ppm);
}

static enum sl_err read_id(struct price_loader *l, yyjson_val *key, yyjson_val *v)
{
    return read_name(l, key, v, &l->price->id);
}

static enum sl_err read_provider(struct price_loader *l, yyjson_val *key, yyjson_val *v)
{
    return read_name(l, key, v, &l->price->provider);
}

static const struct member entry_members[] = {
    {SL_STR_INIT("id"), read_id},
    {SL_STR_INIT("provider"), read_provider},
    {SL_STR_INIT("price"), read_price},
    {SL_STR_INIT("aliases"), read_aliases},
    {SL_STR_INIT("ids"), read_ids},
    {SL_STR_INIT("status"), read_status},
    {SL_STR_INIT("context"), read_context},
    {SL_STR_INIT("max_output"), read_max_output},
    {SL_STR_INIT("batch_rule"), read_batch_rule},
    {{NULL, 0}, NULL},
};

static enum sl_err read_entry(struct price_loader *l, yyjson_val *near, yyjson_val *obj)
{
    yyjson_obj_iter it;
    if (!yyjson_obj_iter_init(obj, &it))
        return refuse(l, SL_EINVAL, near, "an entry that is not an object");
    price_init(l->price);
    unsigned seen = 0;
    yyjson_val *first = NULL;
    bool priced = false;
    for (yyjson_val *key; (key = yyjson_obj_iter_next(&it)) != NULL;) {
        const struct member *m;
        first = first != NULL ? first : key;
        enum sl_err e = find_member(l, key, entry_members, &seen, &m);
        if (e == SL_OK && m != NULL)
            e = m->read(l, key, yyjson_obj_iter_get_val(key));
        if (e != SL_OK)
            return e;
        priced = priced || (m != NULL && m->read == read_price);
    }
    struct price *p = l->price;
    near = first != NULL ? first : near;
    if (p->id.n == 0 || p->provider.n == 0)
        return refuse(l, SL_EINVAL, near, "an entry without 'id' or without 'provider'");
    if (!priced)
        return refuse(l, SL_EINVAL, near, "an entry without 'price' ({} says that it is not known)");
    struct price_provider *owner = price_provider_get(l->c, p->provider);
    if (sl_map_get(&owner->ids, p->id) != NULL)
        return refuse(l, SL_EEXIST, near, "the second entry of this provider and id");
    sl_map_put(&owner->ids, p->id, p);
    return SL_OK;
}

static enum sl_err read_models(struct price_loader *l, yyjson_val *key, yyjson_val *arr)
{
    size_t n = yyjson_arr_size(arr);
    if (!yyjson_is_arr(arr))
        return refuse(l, SL_EINVAL, key, "not a list");
    if (n > PRICE_ENTRIES_MAX)
        return refuse(l, SL_ELIMIT, key, "more than 100000 entries");
    l->c->prices = sl_arena_zalloc(&l->c->arena, n * sizeof *l->c->prices);
    yyjson_arr_iter it = yyjson_arr_iter_with(arr);
    for (size_t i = 0; i < n; i++) {
        l->index = (uint32_t)i;
        l->price = &l->c->prices[i];
        enum sl_err e = read_entry(l, key, yyjson_arr_iter_next(&it));
        if (e != SL_OK)
            return e;
    }
    l->price = NULL;
    l->c->n = (uint32_t)n;
    return SL_OK;
}

/* ---- the root ---- */

static enum sl_err read_schema(struct price_loader *l, yyjson_val *key, yyjson_val *v)
{
    if (!yyjson_is_raw(v) || !sl_str_eq(raw_of(v), SL_STR(SCHEMA)))
        return refuse(l, SL_EINVAL, key, "a schema that this program does not know (it knows 1)");
    return SL_OK;
}

static enum sl_err read_generated(struct price_loader *l, yyjson_val *key, yyjson_val *v)
{
    static const char pattern[] = "dddd-dd-dd";
    struct sl_str s = yyjson_is_str(v) ? str_of(v) : SL_STR_NONE;
    bool ok = s.n == sizeof pattern - 1;
    for (size_t i = 0; ok && i < s.n; i++)
        ok = pattern[i] == 'd' ? s.p[i] >= '0' && s.p[i] <= '9' : s.p[i] == pattern[i];
    if (!ok)
        return refuse(l, SL_EINVAL, key, "not a date (YYYY-MM-DD)");
    l->c->version.date = sl_arena_str(&l->c->arena, s);
    return SL_OK;
}

static const struct member root_members[] = {
    {SL_STR_INIT("schema"), read_schema},
    {SL_STR_INIT("generated"), read_generated},
    {SL_STR_INIT("models"), read_models},
    {{NULL, 0}, NULL},
};

static enum sl_err read_root(struct price_loader *l, yyjson_val *root)
{
    yyjson_obj_iter it;
    if (!yyjson_obj_iter_init(root, &it))
        return refuse(l, SL_EINVAL, NULL, "not a JSON object");
    l->root = root;
    unsigned seen = 0;
    for (yyjson_val *key; (key = yyjson_obj_iter_next(&it)) != NULL;) {
        const struct member *m;
        enum sl_err e = find_member(l, key, root_members, &seen, &m);
        if (e == SL_OK && m != NULL)
            e = m->read(l, key, yyjson_obj_iter_get_val(key));
        if (e != SL_OK)
            return e;
    }
    if (seen != 7u)
        return refuse(l, SL_EINVAL, NULL, "needs 'schema', 'generated' and 'models'");
    return SL_OK;
}

static enum sl_err place_names(struct price_loader *l)
{
    for (const struct pending_name *n = l->names; n != NULL; n = n->next) {
        l->price = n->price;
        l->index = (uint32_t)(n->price - l->c->prices);
        struct price_provider *p = price_provider_get(l->c, n->provider.n != 0 ? n->provider : n->price->provider);
        if (sl_map_get(&p->ids, n->name) != NULL)
            continue; /* an entry of its own says more than being another's alias */
        const struct price *other = sl_map_put(&p->aliases, n->name, n->price);
        if (other != NULL && other != n->price)
            return refuse(l, SL_EEXIST, n->at, "an alias that another entry has, too");
    }
    l->price = NULL;
    return SL_OK;
}

/* SipHash under a fixed key: equal text has an equal version on every machine. It tells files apart; it does not
 * protect against one made to collide. */
static void set_version(struct price_catalog *c, struct sl_str text)
{
    static const char hex[] = "0123456789abcdef";
    uint64_t h = sl_hash((struct sl_hash_key){0x70726963655f6361u, 0x74616c6f675f7631u}, text);
    char *to = sl_arena_alloc(&c->arena, c->version.date.n + 1 + 16);
    memcpy(to, c->version.date.p, c->version.date.n);
    to[c->version.date.n] = '+';
    for (unsigned i = 0; i < 16; i++)
        to[c->version.date.n + 1 + i] = hex[(h >> (60 - 4 * i)) & 15];
    c->version.text = sl_str_of(to, c->version.date.n + 17);
    c->version.hash = h;
}

static enum sl_err parse(struct price_loader *l, char *copy, yyjson_doc **out)
{
    yyjson_read_err err = {0};
    yyjson_read_flag flags = YYJSON_READ_INSITU | YYJSON_READ_NUMBER_AS_RAW;
    yyjson_doc *doc = yyjson_read_opts(copy, l->text.n, flags, NULL, &err);
    if (doc != NULL) {
        *out = doc;
        return SL_OK;
    }
    char place[160];
    place_text(l, err.pos, place);
    return sl_fail_set(l->f, SL_EINVAL, place, "not JSON: %s", err.msg != NULL ? err.msg : "unknown");
}

enum sl_err price_catalog_load(struct sl_str json, struct sl_str name, struct price_catalog **out, struct sl_fail *f)
{
    struct sl_arena arena;
    struct price_loader l = {.text = json, .name = name, .f = f};
    if (json.n > PRICE_FILE_MAX)
        return refuse(&l, SL_ELIMIT, NULL, "larger than 16 MiB");
    sl_arena_init(&arena, NULL);
    l.arena = &arena;
    l.names_end = &l.names;
    l.c = price_catalog_new();
    char *copy = sl_calloc(1, json.n + YYJSON_PADDING_SIZE);
    if (json.n != 0)
        memcpy(copy, json.p, json.n);
    l.copy = copy;

    yyjson_doc *doc = NULL;
    enum sl_err e = parse(&l, copy, &doc);
    if (e == SL_OK)
        e = read_root(&l, yyjson_doc_get_root(doc));
    if (e == SL_OK)
        e = place_names(&l);
    if (e == SL_OK) {
        set_version(l.c, json);
        *out = l.c;
        l.c = NULL;
    }
    yyjson_doc_free(doc);
    sl_free(copy);
    price_catalog_unref(l.c);
    sl_arena_done(&arena);
    return e;
}
