/* Who is asking: keys in heads, the table of keys, grants. */
#include "auth/key.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>

#include <cmocka.h>

#include "base/rand.h"

static struct sl_arena arena;

static int set_up(void **state)
{
    (void)state;
    sl_arena_init(&arena, NULL);
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    sl_arena_done(&arena);
    return 0;
}

static int operation_of(struct sl_str name)
{
    static const char *const names[] = {"none", "chat", "embeddings", "models_list"};
    for (int i = 1; i < 4; i++)
        if (sl_str_eq(name, sl_str_c(names[i])))
            return i;
    return -1;
}

/* -- Finding --------------------------------------------------------------------------------------------------------- */

#define LONG64 "xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx"
#define LONG512 LONG64 LONG64 LONG64 LONG64 LONG64 LONG64 LONG64 LONG64

static const struct {
    const char *headers[6]; /* name, value, ... */
    const char *query;
    enum key_find want;
    const char *key;
} finds[] = {
    {{NULL}, "", KEY_NONE, NULL},
    {{"authorization", "Bearer sk-1"}, "", KEY_FOUND, "sk-1"},
    {{"authorization", "bearer sk-1"}, "", KEY_FOUND, "sk-1"},
    {{"authorization", "BEARER   sk-1"}, "", KEY_FOUND, "sk-1"},
    {{"authorization", "Bearer"}, "", KEY_NONE, NULL},
    {{"authorization", ""}, "", KEY_NONE, NULL},
    {{"authorization", "sk-1"}, "", KEY_MALFORMED, NULL},
    {{"authorization", "Basic c2s6MQ=="}, "", KEY_MALFORMED, NULL},
    {{"authorization", "Bearer sk 1"}, "", KEY_MALFORMED, NULL},
    {{"authorization", "Bearer sk-\xc3\xa4"}, "", KEY_MALFORMED, NULL},
    {{"authorization", "Bearer sk-\t1"}, "", KEY_MALFORMED, NULL},
    {{"x-api-key", "sk-1"}, "", KEY_FOUND, "sk-1"},
    {{"api-key", "sk-1"}, "", KEY_FOUND, "sk-1"},
    {{"x-goog-api-key", "sk-1"}, "", KEY_FOUND, "sk-1"},
    {{NULL}, "key=sk-1", KEY_FOUND, "sk-1"},
    {{NULL}, "alt=sse&key=sk%2D1&x=2", KEY_FOUND, "sk-1"},
    {{NULL}, "key=", KEY_NONE, NULL},
    {{NULL}, "key=%zz", KEY_MALFORMED, NULL},
    {{NULL}, "key=a%20b", KEY_MALFORMED, NULL},
    {{NULL}, "key=a%00b", KEY_MALFORMED, NULL},
    {{NULL}, "monkey=sk-1", KEY_NONE, NULL},
    {{"authorization", "Bearer sk-1", "api-key", "sk-1"}, "key=sk-1", KEY_FOUND, "sk-1"},
    {{"authorization", "Bearer sk-1", "x-api-key", ""}, "", KEY_FOUND, "sk-1"},
    {{"authorization", "Bearer ", "x-api-key", "sk-1"}, "", KEY_FOUND, "sk-1"},
    {{"authorization", "Bearer sk-1", "api-key", "sk-2"}, "", KEY_CONFLICT, NULL},
    {{"authorization", "Bearer sk-1", "authorization", "Bearer sk-2"}, "", KEY_CONFLICT, NULL},
    {{"x-api-key", "sk-1", "x-api-key", "sk-1"}, "", KEY_FOUND, "sk-1"},
    {{"x-api-key", "sk-1"}, "key=sk-2", KEY_CONFLICT, NULL},
    {{"x-api-key", "sk-1", "authorization", "Basic x"}, "", KEY_MALFORMED, NULL},
    {{"x-api-key", LONG512}, "", KEY_FOUND, LONG512},
    {{"x-api-key", LONG512 "y"}, "", KEY_MALFORMED, NULL},
    {{NULL}, "key=" LONG512 "%41", KEY_MALFORMED, NULL},
    {{"cookie", "key=sk-1", "proxy-authorization", "Bearer sk-1"}, "", KEY_NONE, NULL},
};

static void finds_keys(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof finds / sizeof finds[0]; i++) {
        struct http_headers h = {0};
        for (int k = 0; k < 6 && finds[i].headers[k] != NULL; k += 2)
            http_headers_add(&h, &arena, sl_str_c(finds[i].headers[k]), sl_str_c(finds[i].headers[k + 1]));
        char scratch[KEY_TEXT_MAX];
        struct sl_str key = SL_STR_NONE;
        enum key_find got = key_find(&h, sl_str_c(finds[i].query), scratch, &key);
        if (got != finds[i].want)
            fail_msg("row %zu: %d", i, got);
        assert_true(sl_str_eq(key, sl_str_c(finds[i].key)));
    }
}

static void digests(void **state)
{
    (void)state;
    /* RFC 4231, test case 2. */
    static const unsigned char want[KEY_DIGEST_BYTES] = {
        0x5b, 0xdc, 0xc1, 0x46, 0xbf, 0x60, 0x75, 0x4e, 0x6a, 0x04, 0x24, 0x26, 0x08, 0x95, 0x75, 0xc7,
        0x5a, 0x00, 0x3f, 0x08, 0x9d, 0x27, 0x39, 0x83, 0x9d, 0xec, 0x58, 0xb9, 0x64, 0xec, 0x38, 0x43};
    unsigned char got[KEY_DIGEST_BYTES];
    key_digest(SL_STR("Jefe"), SL_STR("what do ya want for nothing?"), got);
    assert_memory_equal(got, want, sizeof want);
    struct tls_hmac pepper;
    tls_hmac_init(&pepper, SL_STR("Jefe"));
    for (int i = 0; i < 2; i++) {
        memset(got, 0, sizeof got);
        key_digest_prepared(&pepper, SL_STR("what do ya want for nothing?"), got);
        assert_memory_equal(got, want, sizeof want);
    }
    tls_hmac_done(&pepper);
    /* A common prefix of a thousand bytes tells nothing. */
    char a[1001], b[1001];
    memset(a, 'a', sizeof a);
    memcpy(b, a, sizeof b);
    b[1000] = 'b';
    unsigned char other[KEY_DIGEST_BYTES];
    key_digest(SL_STR("p"), sl_str_of(a, sizeof a), got);
    key_digest(SL_STR("p"), sl_str_of(b, sizeof b), other);
    assert_memory_not_equal(got, other, sizeof got);
}

/* -- The table ------------------------------------------------------------------------------------------------------- */

static struct key_row row(unsigned char first, const char *name)
{
    struct key_row r = {.id = {first, 1}, .name = sl_str_c(name), .tenant = SL_STR("acme")};
    memset(r.digest, first, sizeof r.digest);
    return r;
}

static void verdicts(void **state)
{
    (void)state;
    struct key_row rows[] = {row(1, "plain"), row(2, "expiring"), row(3, "revoked"), row(4, "bad"), row(1, "twin")};
    rows[0].models = SL_STR("gpt-*, o3");
    rows[0].operations = SL_STR("chat");
    rows[1].expires_ns = 1000;
    rows[2].revoked_ns = 500;
    rows[3].models = SL_STR("a*b");
    size_t bad = 0;
    struct key_table *t = key_table_build(rows, 5, operation_of, &bad);
    assert_int_equal(bad, 1);
    assert_int_equal(key_table_count(t), 4);
    struct auth_result r = auth_check(t, rows[0].digest, 999);
    assert_int_equal(r.verdict, AUTH_OK);
    assert_true(sl_str_eq(r.key->name, SL_STR("plain"))); /* the first of two equal digests */
    assert_true(sl_str_eq(r.key->tenant, SL_STR("acme")));
    assert_true(sl_id_eq(r.key->id, rows[0].id));
    assert_true(grant_allows_model(&r.key->grant, SL_STR("gpt-4o")));
    assert_false(grant_allows_model(&r.key->grant, SL_STR("o3-mini")));
    assert_true(grant_allows_operation(&r.key->grant, 1));
    assert_false(grant_allows_operation(&r.key->grant, 2));

    assert_int_equal(auth_check(t, rows[1].digest, 999).verdict, AUTH_OK);
    r = auth_check(t, rows[1].digest, 1000);
    assert_int_equal(r.verdict, AUTH_UNKNOWN);
    assert_int_equal(r.reason, AUTH_EXPIRED);
    assert_null(r.key);
    assert_true(sl_str_eq(r.known->name, SL_STR("expiring")));

    r = auth_check(t, rows[2].digest, 999);
    assert_int_equal(r.verdict, AUTH_UNKNOWN);
    assert_int_equal(r.reason, AUTH_REVOKED);
    assert_int_equal(auth_check(t, rows[2].digest, 499).verdict, AUTH_OK); /* a grace period */

    r = auth_check(t, rows[3].digest, 999); /* a grant that cannot be read grants nothing */
    assert_int_equal(r.verdict, AUTH_OK);
    assert_false(grant_allows_model(&r.key->grant, SL_STR("a*b")));
    assert_false(grant_allows_model(&r.key->grant, SL_STR("ab")));
    assert_false(grant_allows_operation(&r.key->grant, 1));

    unsigned char unknown[KEY_DIGEST_BYTES];
    memset(unknown, 1, sizeof unknown);
    for (size_t i = 0; i < sizeof unknown; i++) { /* one bit off, anywhere */
        unknown[i] ^= 0x10;
        r = auth_check(t, unknown, 0);
        assert_int_equal(r.verdict, AUTH_UNKNOWN);
        assert_int_equal(r.reason, AUTH_NO_SUCH_KEY);
        assert_null(r.known);
        unknown[i] ^= 0x10;
    }
    memset(unknown, 0, sizeof unknown); /* what empty places hold */
    assert_int_equal(auth_check(t, unknown, 0).verdict, AUTH_UNKNOWN);
    assert_ptr_equal(key_table_ref(t), t);
    key_table_unref(t);
    assert_int_equal(key_table_count(t), 4);
    key_table_unref(t);
    key_table_unref(NULL);
    assert_int_equal(auth_check(NULL, unknown, 0).verdict, AUTH_UNKNOWN);
}

static void empty_and_large_tables(void **state)
{
    (void)state;
    struct key_table *t = key_table_build(NULL, 0, operation_of, NULL);
    unsigned char d[KEY_DIGEST_BYTES] = {0};
    assert_int_equal(auth_check(t, d, 0).verdict, AUTH_UNKNOWN);
    key_table_unref(t);
    assert_null(key_table_build(NULL, KEY_TABLE_MAX + 1, operation_of, NULL));
    enum {
        N = 20000
    };
    struct key_row *rows = calloc(N, sizeof *rows);
    struct sl_rand r;
    sl_rand_seed(&r, 11);
    for (int i = 0; i < N; i++) {
        rows[i] = row(0, "many");
        rows[i].id.lo = (uint64_t)i;
        for (size_t k = 0; k < KEY_DIGEST_BYTES; k += 8) {
            uint64_t x = sl_rand_next(&r);
            memcpy(rows[i].digest + k, &x, 8);
        }
        if (i < 100) /* a hundred that all want the same place */
            memset(rows[i].digest, 0xff, 8);
    }
    t = key_table_build(rows, N, operation_of, NULL);
    assert_int_equal(key_table_count(t), N);
    for (int i = 0; i < N; i++) {
        struct auth_result a = auth_check(t, rows[i].digest, 0);
        assert_int_equal(a.verdict, AUTH_OK);
        assert_int_equal(a.key->id.lo, i);
        rows[i].digest[31] ^= 1;
        assert_int_equal(auth_check(t, rows[i].digest, 0).verdict, AUTH_UNKNOWN);
    }
    key_table_unref(t);
    free(rows);
}

/* -- Grants ---------------------------------------------------------------------------------------------------------- */

static void grants(void **state)
{
    (void)state;
    static const struct {
        const char *models, *asked;
        bool allowed;
    } rows[] = {
        {"", "anything", true},
        {"  ", "anything", true},
        {"gpt-4o", "gpt-4o", true},
        {"gpt-4o", "gpt-4", false},
        {"gpt-4o", "gpt-4o-mini", false},
        {"gpt-4o", "GPT-4o", false},
        {"gpt-*", "gpt-", true},
        {"gpt-*", "gpt-4o", true},
        {"gpt-*", "openai/gpt-4o", false},
        {"openai/*", "openai/gpt-4o", true},
        {"*", "x", true},
        {"a, b ,c*", "b", true},
        {"a, b ,c*", "cc", true},
        {"a, b ,c*", "d", false},
        {"a, b ,c*", "", false},
    };
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        struct grant g;
        assert_int_equal(grant_build(sl_str_c(rows[i].models), SL_STR(""), operation_of, &arena, &g, NULL), SL_OK);
        assert_int_equal(grant_allows_model(&g, sl_str_c(rows[i].asked)), rows[i].allowed);
        assert_true(grant_allows_operation(&g, 1) && grant_allows_operation(&g, 63));
        assert_false(grant_allows_operation(&g, -1) || grant_allows_operation(&g, 64));
    }
}

static void wrong_grants(void **state)
{
    (void)state;
    static const char *const models[] = {",", "a,", ",a", "a,,b", "*a", "a*b", "**"};
    struct grant g;
    struct sl_fail fail;
    for (size_t i = 0; i < sizeof models / sizeof models[0]; i++) {
        assert_int_equal(grant_build(sl_str_c(models[i]), SL_STR(""), operation_of, &arena, &g, &fail), SL_EINVAL);
        assert_true(strlen(fail.text) > 0);
    }
    assert_int_equal(grant_build(SL_STR(""), SL_STR("chat, video"), operation_of, &arena, &g, &fail), SL_EINVAL);
    assert_non_null(strstr(fail.text, "video"));
    assert_int_equal(grant_build(SL_STR(""), SL_STR("chat, embeddings"), operation_of, &arena, &g, &fail), SL_OK);
    assert_true(grant_allows_operation(&g, 1) && grant_allows_operation(&g, 2));
    assert_false(grant_allows_operation(&g, 3));
    assert_int_equal(grant_build(SL_STR(LONG512), SL_STR(""), operation_of, &arena, &g, &fail), SL_ELIMIT);
    char *many = calloc(GRANT_MODELS_MAX + 1, 2);
    for (unsigned i = 0; i <= GRANT_MODELS_MAX; i++)
        memcpy(many + 2 * i, "a,", 2);
    size_t n = 2 * (GRANT_MODELS_MAX + 1) - 1;
    assert_int_equal(grant_build(sl_str_of(many, n), SL_STR(""), operation_of, &arena, &g, &fail), SL_ELIMIT);
    assert_int_equal(grant_build(sl_str_of(many, n - 2), SL_STR(""), operation_of, &arena, &g, &fail), SL_OK);
    free(many);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(finds_keys, set_up, tear_down),
        cmocka_unit_test(digests),
        cmocka_unit_test(verdicts),
        cmocka_unit_test(empty_and_large_tables),
        cmocka_unit_test_setup_teardown(grants, set_up, tear_down),
        cmocka_unit_test_setup_teardown(wrong_grants, set_up, tear_down),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
