/* The catalogue: what loads, what is refused and where, how names are found, and that the shipped one is sound. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
/* cmocka wants the three above first. */
#include <cmocka.h>
#include <pthread.h>
#include <unistd.h>
#include <yyjson.h>

#include "base/clock.h"
#include "base/mem.h"
#include "ledger/money.h"
#include "ledger/price.h"

#define ROOT(models) "{\"schema\":1,\"generated\":\"2026-11-20\",\n\"models\":[\n" models "]}"
#define ENTRY(price) "{\"id\":\"m\",\"provider\":\"p\",\"price\":" price "}"

static struct price_catalog *load(const char *text)
{
    struct price_catalog *c = NULL;
    struct sl_fail f = {0};
    if (price_catalog_load(sl_str_c(text), SL_STR("prices.json"), &c, &f) != SL_OK)
        fail_msg("%s: %s", f.place, f.text);
    return c;
}

static void test_one_entry(void **state)
{
    (void)state;
    struct price_catalog *c = load(ROOT(
        "{\"price\":{\"input\":2.5,\"output\":1e1,\"cache_read\":1.25,\"tiers\":[{\"above\":200000,\"input\":5}],"
        "\"batch\":{\"input\":1.25},\"service_tier\":{\"priority\":{\"input\":4.25}},\"region_multiplier\":{\"eu\":1.1},"
        "\"web_search\":0.01},\"aliases\":[\"big\"],\"ids\":{\"bedrock\":\"v.m\",\"foundry\":\"fm\"},\"unknown\":[{\"x\":1e999}],"
        "\"context\":128000,\"max_output\":16384,\"status\":\"deprecated\",\"batch_rule\":0.5,\"provider\":\"p\",\"id\":\"m\"}"));
    enum price_match how;
    const struct price *p = price_lookup(c, SL_STR("p"), SL_STR("m"), &how);
    assert_non_null(p);
    assert_int_equal(how, PRICE_BY_ID);
    assert_int_equal(price_catalog_count(c), 1);
    assert_ptr_equal(p, price_at(c, 0));
    assert_int_equal(p->rates.p[PR_INPUT], 2500000);
    assert_int_equal(p->rates.p[PR_OUTPUT], 10000000);
    assert_int_equal(p->rates.p[PR_CACHE_READ], 1250000);
    assert_true(p->rates.p[PR_CACHE_WRITE] == PRICE_NONE);
    assert_int_equal(p->n_tiers, 1);
    assert_int_equal(p->tiers[0].above, 200000);
    assert_int_equal(p->tiers[0].rates.p[PR_INPUT], 5000000);
    assert_true(p->tiers[0].rates.p[PR_OUTPUT] == PRICE_NONE);
    assert_int_equal(p->n_services, 2);
    assert_int_equal(p->n_regions, 1);
    assert_int_equal(p->regions[0].ppm, 1100000);
    assert_int_equal(p->batch_ppm, 500000);
    assert_int_equal(p->context, 128000);
    assert_int_equal(p->max_output, 16384);
    assert_true(p->deprecated);
    assert_false(p->free);
    assert_false(p->has_units);
    /* Aliases before the provider in the text, names at other vendors, Foundry as Azure. */
    assert_ptr_equal(price_lookup(c, SL_STR("p"), SL_STR("big"), &how), p);
    assert_int_equal(how, PRICE_BY_ALIAS);
    assert_ptr_equal(price_lookup(c, SL_STR("bedrock"), SL_STR("v.m"), NULL), p);
    assert_ptr_equal(price_lookup(c, SL_STR("azure"), SL_STR("fm"), NULL), p);
    assert_null(price_lookup(c, SL_STR("foundry"), SL_STR("fm"), NULL));
    const struct price_version *v = price_catalog_version(c);
    assert_true(sl_str_eq(v->date, SL_STR("2026-11-20")));
    assert_true(sl_str_starts(v->text, SL_STR("2026-11-20+")));
    assert_int_equal(v->text.n, 27);
    price_catalog_unref(c);
}

static void test_dated_names(void **state)
{
    (void)state;
    struct price_catalog *c = load(ROOT("{\"id\":\"m\",\"provider\":\"p\",\"aliases\":[\"al\"],\"price\":{}},"
                                        "{\"id\":\"m-2024-05-13\",\"provider\":\"p\",\"price\":{\"input\":1}}"));
    static const struct {
        const char *id;
        int found; /* index, -1: none */
        enum price_match how;
    } rows[] = {
        {"m", 0, PRICE_BY_ID},
        {"m-2024-05-13", 1, PRICE_BY_ID},
        {"m-2026-04-21", 0, PRICE_BY_UNDATED},
        {"m-20260421", 0, PRICE_BY_UNDATED},
        {"m@20260421", 0, PRICE_BY_UNDATED},
        {"al-2026-04-21", 0, PRICE_BY_UNDATED},
        {"m-2026-04-2", -1, PRICE_BY_ID},
        {"m-2026-04-21x", -1, PRICE_BY_ID},
        {"m-2026-04-21-2026-04-21", -1, PRICE_BY_ID}, /* one date only */
        {"m2026-04-21", -1, PRICE_BY_ID},
        {"-2026-04-21", -1, PRICE_BY_ID},
        {"ft:m-2026-04-21", -1, PRICE_BY_ID}, /* fine-tuned models have prices of their own */
        {"M", -1, PRICE_BY_ID},
        {"", -1, PRICE_BY_ID},
    };
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        enum price_match how = PRICE_BY_ID;
        const struct price *p = price_lookup(c, SL_STR("p"), sl_str_c(rows[i].id), &how);
        const struct price *want = rows[i].found >= 0 ? price_at(c, (uint32_t)rows[i].found) : NULL;
        if (p != want || how != rows[i].how)
            fail_msg("'%s'", rows[i].id);
    }
    assert_null(price_lookup(c, SL_STR("q"), SL_STR("m"), NULL));
    price_catalog_unref(c);
}

static void test_alias_gives_way_to_entry(void **state)
{
    (void)state;
    struct price_catalog *c =
        load(ROOT("{\"id\":\"a\",\"provider\":\"p\",\"aliases\":[\"b\"],\"ids\":{\"q\":\"x\"},\"price\":{}},"
                  "{\"id\":\"b\",\"provider\":\"p\",\"aliases\":[\"a\"],\"price\":{}},"
                  "{\"id\":\"x\",\"provider\":\"q\",\"price\":{}}"));
    assert_ptr_equal(price_lookup(c, SL_STR("p"), SL_STR("a"), NULL), price_at(c, 0));
    assert_ptr_equal(price_lookup(c, SL_STR("p"), SL_STR("b"), NULL), price_at(c, 1));
    assert_ptr_equal(price_lookup(c, SL_STR("q"), SL_STR("x"), NULL), price_at(c, 2));
    price_catalog_unref(c);
}

static void test_free_cache_is_distrusted(void **state)
{
    (void)state;
    struct price_catalog *c = load(ROOT(ENTRY(
        "{\"input\":0.5,\"output\":1.5,\"cache_read\":0,\"cache_write\":0}") ","
                                                                             "{\"id\":\"z\",\"provider\":\"p\",\"price\":{\"input\":0,\"output\":0,\"cache_read\":0}}"));
    assert_true(price_at(c, 0)->rates.p[PR_CACHE_READ] == PRICE_NONE);
    assert_true(price_at(c, 0)->rates.p[PR_CACHE_WRITE] == PRICE_NONE);
    assert_int_equal(price_at(c, 1)->rates.p[PR_CACHE_READ], 0);
    price_catalog_unref(c);
}

#define T10 "{\"above\":1,\"input\":1},{\"above\":1,\"input\":1}"
static const struct {
    const char *text;
    enum sl_err e;
    const char *place; /* what must be in the place; NULL: not looked at */
    const char *words; /* and in the text */
} bad[] = {
    {"", SL_EINVAL, "prices.json:1:1", "not JSON"},
    {"[]", SL_EINVAL, NULL, "not a JSON object"},
    {"{\"schema\":1", SL_EINVAL, "prices.json:1:", "not JSON"},
    {"{\"schema\":1,\"generated\":\"2026-11-20\"}", SL_EINVAL, NULL, "models"},
    {"{\"schema\":2,\"generated\":\"2026-11-20\",\"models\":[]}", SL_EINVAL, ":1:3", "schema"},
    {"{\"schema\":1,\"schema\":1,\"generated\":\"2026-11-20\",\"models\":[]}", SL_EEXIST, ":1:14", "twice"},
    {"{\"schema\":1,\"generated\":\"20-11-2026\",\"models\":[]}", SL_EINVAL, NULL, "date"},
    {"{\"schema\":1,\"generated\":\"2026-11-20\",\"models\":{}}", SL_EINVAL, NULL, "not a list"},
    {"{\"schema\":1,\"generated\":\"2026-11-20\",\"models\":[]}x", SL_EINVAL, NULL, "not JSON"},
    {ROOT("7"), SL_EINVAL, NULL, "not an object"},
    {ROOT("{\"provider\":\"p\",\"price\":{}}"), SL_EINVAL, "prices.json:3:3", "without 'id'"},
    {ROOT("{\"id\":\"m\",\"price\":{}}"), SL_EINVAL, ":3:3", "provider"},
    {ROOT("{\"id\":\"m\",\"provider\":\"p\"}"), SL_EINVAL, ":3:3", "without 'price'"},
    {ROOT("{\"id\":7,\"provider\":\"p\",\"price\":{}}"), SL_EINVAL, ":3:3", "not a name"},
    {ROOT("{\"id\":\"\",\"provider\":\"p\",\"price\":{}}"), SL_EINVAL, NULL, "not a name"},
    {ROOT("{\"id\":\"a b\",\"provider\":\"p\",\"price\":{}}"), SL_EINVAL, NULL, "blanks"},
    {ROOT("{\"id\":\"a\\n\",\"provider\":\"p\",\"price\":{}}"), SL_EINVAL, NULL, "blanks"},
    {ROOT("{\"id\":\"a\\u0000\",\"provider\":\"p\",\"price\":{}}"), SL_EINVAL, NULL, "blanks"},
    {ROOT("{\"id\":\"\xff\",\"provider\":\"p\",\"price\":{}}"), SL_EINVAL, NULL, "not JSON"},
    {ROOT(ENTRY("{}") ",\n" ENTRY("{}")), SL_EEXIST, ":4:3", "models[1] p/m"},
    {ROOT("{\"id\":\"m\",\"id\":\"n\",\"provider\":\"p\",\"price\":{}}"), SL_EEXIST, ":3:12", "twice"},
    {ROOT(ENTRY("[]")), SL_EINVAL, NULL, "not an object"},
    {ROOT(ENTRY("null")), SL_EINVAL, NULL, "not an object"},
    {ROOT(ENTRY("{\"input\":-1}")), SL_EINVAL, ":3:36", "not negative"},
    {ROOT(ENTRY("{\"input\":-0}")), SL_EINVAL, NULL, "not negative"},
    {ROOT(ENTRY("{\"input\":\"1\"}")), SL_EINVAL, NULL, "'input'"},
    {ROOT(ENTRY("{\"input\":null}")), SL_EINVAL, NULL, "'input'"},
    {ROOT(ENTRY("{\"input\":NaN}")), SL_EINVAL, ":3:", "not JSON"},
    {ROOT(ENTRY("{\"input\":Infinity}")), SL_EINVAL, NULL, "not JSON"},
    {ROOT(ENTRY("{\"input\":1e999}")), SL_ELIMIT, NULL, "over a dollar a token"},
    {ROOT(ENTRY("{\"input\":1000000.000001}")), SL_ELIMIT, NULL, "over a dollar a token"},
    {ROOT(ENTRY("{\"input\":99999999999999999999999999999999999999999999999999}")), SL_ELIMIT, NULL, "over a dollar"},
    {ROOT(ENTRY("{\"input\":0.1234567}")), SL_EINVAL, NULL, "6 decimals"},
    {ROOT(ENTRY("{\"input\":1,\"input\":1}")), SL_EEXIST, ":3:46", "twice"},
    {ROOT(ENTRY("{\"inptu\":1}")), SL_EINVAL, NULL, "unknown kind: 'inptu'"},
    {ROOT(ENTRY("{\"free\":1}")), SL_EINVAL, NULL, "neither true nor false"},
    {ROOT(ENTRY("{\"free\":true,\"input\":1}")), SL_EINVAL, NULL, "both free and priced"},
    {ROOT(ENTRY("{\"free\":true,\"per\":{\"image\":1}}")), SL_EINVAL, NULL, "both free and priced"},
    {ROOT(ENTRY("{\"per\":true}")), SL_EINVAL, NULL, "'per'"},
    {ROOT(ENTRY("{\"per\":{\"imagee\":1}}")), SL_EINVAL, NULL, "unknown unit: 'imagee'"},
    {ROOT(ENTRY("{\"per\":{\"image\":-1}}")), SL_EINVAL, NULL, "not a price"},
    {ROOT(ENTRY("{\"per\":{\"image\":1001}}")), SL_ELIMIT, NULL, "not a price"},
    {ROOT(ENTRY("{\"images\":[]}")), SL_EINVAL, NULL, "not a list of rows"},
    {ROOT(ENTRY("{\"images\":[{\"size\":\"a\"}]}")), SL_EINVAL, NULL, "without a price"},
    {ROOT(ENTRY("{\"images\":[{\"second\":1}]}")), SL_EINVAL, NULL, "unknown member"},
    {ROOT(ENTRY("{\"images\":[{\"image\":1,\"mood\":1}]}")), SL_EINVAL, NULL, "unknown member"},
    {ROOT(ENTRY("{\"video\":[{\"second\":1,\"output\":1}]}")), SL_EEXIST, NULL, "second price"},
    {ROOT(ENTRY("{\"video\":[{\"audio\":1,\"output\":1}]}")), SL_EINVAL, NULL, "neither true nor false"},
    {ROOT(ENTRY("{\"video\":[{\"output_cny\":1}]}")), SL_EINVAL, NULL, "fx.CNY"},
    {ROOT(ENTRY("{\"tiers\":[]}")), SL_EINVAL, NULL, "not a list of tiers"},
    {ROOT(ENTRY("{\"tiers\":{}}")), SL_EINVAL, NULL, "not a list of tiers"},
    {ROOT(ENTRY("{\"tiers\":[1]}")), SL_EINVAL, NULL, "not an object"},
    {ROOT(ENTRY("{\"tiers\":[{\"input\":1}]}")), SL_EINVAL, NULL, "without 'above'"},
    {ROOT(ENTRY("{\"tiers\":[{\"above\":1.5}]}")), SL_EINVAL, NULL, "whole number"},
    {ROOT(ENTRY("{\"tiers\":[{\"above\":-1}]}")), SL_EINVAL, NULL, "whole number"},
    {ROOT(ENTRY("{\"tiers\":[{\"above\":1,\"above\":2}]}")), SL_EEXIST, NULL, "twice"},
    {ROOT(ENTRY("{\"tiers\":[{\"above\":99999999999999999999}]}")), SL_EINVAL, NULL, "whole number"},
    {ROOT(ENTRY("{\"tiers\":[" T10 "]}")), SL_EINVAL, NULL, "does not rise"},
    {ROOT(ENTRY("{\"tiers\":[" T10 "," T10 "," T10 "," T10 "," T10 "," T10 "," T10 "," T10 "," T10 "]}")), SL_ELIMIT,
     NULL, "more than 16"},
    {ROOT(ENTRY("{\"service_tier\":{\"warp\":{\"input\":1}}}")), SL_EINVAL, NULL, "unknown service tier: 'warp'"},
    {ROOT(ENTRY("{\"service_tier\":{\"flex\":{},\"flex\":{}}}")), SL_EEXIST, NULL, "twice"},
    {ROOT(ENTRY("{\"service_tier\":{\"flex\":{\"input\":-1}}}")), SL_EINVAL, NULL, "not negative"},
    {ROOT(ENTRY("{\"service_tier\":3}")), SL_EINVAL, NULL, "service tiers"},
    {ROOT(ENTRY("{\"batch\":3}")), SL_EINVAL, NULL, "object of prices"},
    {ROOT(ENTRY("{\"region_multiplier\":{\"eu\":0}}")), SL_ELIMIT, NULL, "factor"},
    {ROOT(ENTRY("{\"region_multiplier\":{\"eu\":11}}")), SL_ELIMIT, NULL, "factor"},
    {ROOT(ENTRY("{\"region_multiplier\":{\"eu\":-1}}")), SL_EINVAL, NULL, "factor"},
    {ROOT(ENTRY("{\"region_multiplier\":{\"eu\":1,\"eu\":1}}")), SL_EEXIST, NULL, "twice"},
    {ROOT(ENTRY("{\"region_multiplier\":[]}")), SL_EINVAL, NULL, "by region"},
    {ROOT("{\"id\":\"m\",\"provider\":\"p\",\"price\":{},\"context\":1.5}"), SL_EINVAL, NULL, "'context'"},
    {ROOT("{\"id\":\"m\",\"provider\":\"p\",\"price\":{},\"max_output\":\"9\"}"), SL_EINVAL, NULL, "'max_output'"},
    {ROOT("{\"id\":\"m\",\"provider\":\"p\",\"price\":{},\"batch_rule\":\"half\"}"), SL_EINVAL, NULL, "factor"},
    {ROOT("{\"id\":\"m\",\"provider\":\"p\",\"price\":{},\"status\":1}"), SL_EINVAL, NULL, "'status'"},
    {ROOT("{\"id\":\"m\",\"provider\":\"p\",\"price\":{},\"aliases\":\"x\"}"), SL_EINVAL, NULL, "list of names"},
    {ROOT("{\"id\":\"m\",\"provider\":\"p\",\"price\":{},\"aliases\":[1]}"), SL_EINVAL, NULL, "not a name"},
    {ROOT("{\"id\":\"m\",\"provider\":\"p\",\"price\":{},\"ids\":[]}"), SL_EINVAL, NULL, "by vendor"},
    {ROOT("{\"id\":\"m\",\"provider\":\"p\",\"price\":{},\"aliases\":[\"x\"]},\n"
          "{\"id\":\"n\",\"provider\":\"p\",\"price\":{},\"aliases\":[\"x\"]}"),
     SL_EEXIST, ":4:49", "models[1] p/n: an alias that another entry has, too: 'x'"},
};

static void test_refused(void **state)
{
    (void)state;
    struct price_catalog *old = load(ROOT(ENTRY("{\"input\":1}")));
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        struct price_catalog *c = old;
        struct sl_fail f = {0};
        enum sl_err e = price_catalog_load(sl_str_c(bad[i].text), SL_STR("prices.json"), &c, &f);
        bool placed = bad[i].place == NULL || strstr(f.place, bad[i].place) != NULL;
        if (e != bad[i].e || f.code != e || !placed || strstr(f.text, bad[i].words) == NULL)
            fail_msg("row %zu: %s\n%d at %s: %s", i, bad[i].text, (int)e, f.place, f.text);
        assert_ptr_equal(c, old);
        /* Nobody has to take the explanation. */
        assert_int_equal(price_catalog_load(sl_str_c(bad[i].text), SL_STR("x"), &c, NULL), e);
    }
    assert_non_null(price_lookup(old, SL_STR("p"), SL_STR("m"), NULL));
    price_catalog_unref(old);
}

static void test_limits(void **state)
{
    (void)state;
    struct price_catalog *c = NULL;
    struct sl_fail f = {0};
    char *text = sl_calloc(1, PRICE_FILE_MAX + 1u);
    memset(text, ' ', PRICE_FILE_MAX + 1u);
    assert_int_equal(price_catalog_load(sl_str_of(text, PRICE_FILE_MAX + 1u), SL_STR("x"), &c, &f), SL_ELIMIT);
    /* A million opening brackets: refused or not, but never a deep stack. */
    memset(text, '[', 1000000);
    assert_int_equal(price_catalog_load(sl_str_of(text, 1000000), SL_STR("x"), &c, &f), SL_EINVAL);
    /* A name one byte too long, and one that fits. */
    for (size_t n = 200; n <= 201; n++) {
        int at = snprintf(
            text, 1000,
            "{\"schema\":1,\"generated\":\"2026-11-20\",\"models\":[{\"provider\":\"p\",\"price\":{},\"id\":\"");
        memset(text + at, 'a', n);
        snprintf(text + (size_t)at + n, 100, "\"}]}");
        c = NULL;
        enum sl_err e = price_catalog_load(sl_str_c(text), SL_STR("x"), &c, &f);
        assert_int_equal(e, n == 200 ? SL_OK : SL_ELIMIT);
        price_catalog_unref(c);
    }
    sl_free(text);
}

/* Every prefix of a good file is refused, cleanly. */
static void test_cut_anywhere(void **state)
{
    (void)state;
    const char *text =
        ROOT("{\"id\":\"m\",\"provider\":\"p\",\"aliases\":[\"al\"],\"price\":{\"input\":1,\"tiers\":[{\"above\":1,"
             "\"input\":2}],\"region_multiplier\":{\"eu\":1.1}}}");
    for (size_t n = 0; n < strlen(text); n++) {
        struct price_catalog *c = NULL;
        char *exact = sl_malloc(n); /* so that a read behind the end is seen */
        memcpy(exact, text, n);
        assert_int_equal(price_catalog_load(sl_str_of(exact, n), SL_STR("x"), &c, NULL), SL_EINVAL);
        sl_free(exact);
    }
}

static void test_version_follows_content(void **state)
{
    (void)state;
    struct price_catalog *a = load(ROOT(ENTRY("{\"input\":1}"))), *b = load(ROOT(ENTRY("{\"input\":2}")));
    struct price_catalog *again = load(ROOT(ENTRY("{\"input\":1}")));
    assert_true(price_catalog_version(a)->hash != price_catalog_version(b)->hash);
    assert_true(price_catalog_version(a)->hash == price_catalog_version(again)->hash);
    assert_true(sl_str_eq(price_catalog_version(a)->text, price_catalog_version(again)->text));
    /* The hash is the same on every machine, forever: ledger records compare it. */
    char hex[17];
    snprintf(hex, sizeof hex, "%016llx", (unsigned long long)price_catalog_version(a)->hash);
    assert_true(sl_str_ends(price_catalog_version(a)->text, sl_str_c(hex)));
    assert_string_equal(hex, "e8cabc4146ef3d35");
    price_catalog_unref(a);
    price_catalog_unref(b);
    price_catalog_unref(again);
}

/* ---- files ---- */

static void test_files(void **state)
{
    (void)state;
    char dir[] = "/tmp/sluice-price-XXXXXX", path[64];
    assert_non_null(mkdtemp(dir));
    struct price_catalog *c = NULL;
    struct sl_fail f = {0};
    snprintf(path, sizeof path, "%s/none.json", dir);
    assert_int_equal(price_catalog_load_file(path, &c, &f), SL_EIO);
    assert_string_equal(f.place, path);
    assert_non_null(strstr(f.text, "No such file"));
    assert_int_equal(price_catalog_load_file(dir, &c, &f), SL_EIO);
    assert_non_null(strstr(f.text, "regular file"));

    snprintf(path, sizeof path, "%s/good.json", dir);
    FILE *to = fopen(path, "w");
    assert_non_null(to);
    fputs(ROOT(ENTRY("{\"input\":3}")), to);
    fclose(to);
    assert_int_equal(price_catalog_load_file(path, &c, &f), SL_OK);
    assert_int_equal(price_at(c, 0)->rates.p[PR_INPUT], 3000000);
    price_catalog_unref(c);

    to = fopen(path, "w");
    assert_non_null(to);
    fclose(to);
    c = NULL;
    assert_int_equal(price_catalog_load_file(path, &c, &f), SL_EINVAL);
    assert_non_null(strstr(f.place, "good.json:1:1"));
    to = fopen(path, "w");
    assert_non_null(to);
    assert_int_equal(ftruncate(fileno(to), PRICE_FILE_MAX + 1), 0);
    fclose(to);
    assert_int_equal(price_catalog_load_file(path, &c, &f), SL_ELIMIT);
    assert_null(c);
    unlink(path);
    rmdir(dir);
}

/* ---- the one in the binary ---- */

/* An own reading of the prices: doubles are near enough to see that the right number is in the right place. */
static void compare_rates(const struct price *p, yyjson_val *price)
{
    size_t i, n;
    yyjson_val *key, *v;
    yyjson_obj_foreach(price, i, n, key, v)
    {
        enum price_rate r;
        if (!price_rate_of_key(sl_str_c(yyjson_get_str(key)), &r))
            continue;
        double usd = yyjson_get_num(v);
        bool cache = r == PR_CACHE_READ || r == PR_CACHE_WRITE;
        if (cache && usd == 0.0 && p->rates.p[PR_INPUT] > 0) {
            assert_true(p->rates.p[r] == PRICE_NONE);
            continue;
        }
        double off = (double)p->rates.p[r] - usd * 1e6;
        assert_true(off < 0.001 && off > -0.001);
    }
}

static void test_embedded(void **state)
{
    (void)state;
    struct price_catalog *c = price_catalog_embedded();
    struct sl_str text = price_embedded_text();
    yyjson_doc *doc = yyjson_read(text.p, text.n, 0);
    yyjson_val *models = yyjson_obj_get(yyjson_doc_get_root(doc), "models"), *m;
    assert_int_equal(price_catalog_count(c), yyjson_arr_size(models));
    assert_true(price_catalog_count(c) > 1000);
    size_t i, n;
    yyjson_arr_foreach(models, i, n, m)
    {
        struct sl_str provider = sl_str_c(yyjson_get_str(yyjson_obj_get(m, "provider")));
        struct sl_str id = sl_str_c(yyjson_get_str(yyjson_obj_get(m, "id")));
        enum price_match how = PRICE_BY_UNDATED;
        const struct price *p = price_lookup(c, provider, id, &how);
        assert_ptr_equal(p, price_at(c, (uint32_t)i));
        assert_int_equal(how, PRICE_BY_ID);
        compare_rates(p, yyjson_obj_get(m, "price"));
    }
    yyjson_doc_free(doc);
    /* The dated name that OpenAI's answers carry. */
    enum price_match how;
    assert_non_null(price_lookup(c, SL_STR("openai"), SL_STR("gpt-4o-2024-11-20"), &how));
    assert_int_equal(how, PRICE_BY_ID);
    assert_non_null(price_lookup(c, SL_STR("openai"), SL_STR("gpt-4o-mini-2024-07-18"), &how));
    assert_int_equal(how, PRICE_BY_UNDATED);
    assert_null(price_lookup(c, SL_STR("openai"), SL_STR("gpt-17"), NULL));
    price_catalog_unref(c);
}

/* Start to ready is 50 ms for everything. Sanitizers slow it down tenfold, so this only catches the absurd; the
 * figure itself is 2 ms (release build, November 2026). */
static void test_embedded_loads_fast(void **state)
{
    (void)state;
    int64_t best = INT64_MAX;
    for (unsigned i = 0; i < 3; i++) {
        int64_t t = sl_clock_mono_ns();
        price_catalog_unref(price_catalog_embedded());
        int64_t took = sl_clock_mono_ns() - t;
        best = took < best ? took : best;
    }
    assert_true(best < 200 * SL_MS);
}

static void *use_and_drop(void *arg)
{
    struct price_catalog *c = arg;
    for (unsigned i = 0; i < 10000; i++) {
        price_catalog_ref(c);
        if (price_lookup(c, SL_STR("p"), SL_STR("m"), NULL) == NULL)
            abort();
        price_catalog_unref(c);
    }
    price_catalog_unref(c);
    return NULL;
}

static void test_counted_by_threads(void **state)
{
    (void)state;
    struct price_catalog *c = load(ROOT(ENTRY("{}")));
    pthread_t t[4];
    for (size_t i = 0; i < 4; i++)
        assert_int_equal(pthread_create(&t[i], NULL, use_and_drop, price_catalog_ref(c)), 0);
    price_catalog_unref(c); /* whoever is last releases it; the leak checker sees if nobody did */
    for (size_t i = 0; i < 4; i++)
        pthread_join(t[i], NULL);
    price_catalog_unref(NULL);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_one_entry),
        cmocka_unit_test(test_dated_names),
        cmocka_unit_test(test_alias_gives_way_to_entry),
        cmocka_unit_test(test_free_cache_is_distrusted),
        cmocka_unit_test(test_refused),
        cmocka_unit_test(test_limits),
        cmocka_unit_test(test_cut_anywhere),
        cmocka_unit_test(test_version_follows_content),
        cmocka_unit_test(test_files),
        cmocka_unit_test(test_embedded),
        cmocka_unit_test(test_embedded_loads_fast),
        cmocka_unit_test(test_counted_by_threads),
    };
    return cmocka_run_group_tests_name("ledger/price", tests, NULL, NULL);
}
