/* What is read from a credential, what is asked with it, and what answers mean. */
#include "provider/credential.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include "base/base64.h"
#include "base/clock.h"
#include "base/mem.h"
#include "tls/rs256.h"

#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/rsa.h>
#include <stdio.h>

static struct sl_arena arena;
static char key_json[8192],
    key_escaped[8192]; /* a fresh key: in a JSON string, and with its line ends as backslash and n */

static void append(char *out, const char *text)
{
    size_t n = strlen(out), m = strlen(text);
    assert_true(n + m < sizeof key_json);
    memcpy(out + n, text, m + 1);
}

static int make_key(void **state)
{
    (void)state;
    EVP_PKEY *key = EVP_RSA_gen(2048);
    BIO *b = BIO_new(BIO_s_mem());
    char *text;
    assert_int_equal(PEM_write_bio_PKCS8PrivateKey(b, key, NULL, NULL, 0, NULL, NULL), 1);
    long n = BIO_get_mem_data(b, &text);
    for (long i = 0; i < n; i++) {
        const char one[] = {text[i], 0};
        append(key_json, text[i] == '\n' ? "\\n" : one);
        append(key_escaped, text[i] == '\n' ? "\\\\n" : one);
    }
    BIO_free(b);
    EVP_PKEY_free(key);
    return 0;
}

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

static void expect(struct sl_str got, const char *want)
{
    if (!sl_str_eq(got, sl_str_c(want)))
        fail_msg("got '" SL_STR_FMT "', want '%s'", SL_STR_ARG(got), want);
}

static const char *account(const char *key)
{
    return sl_arena_printf(
               &arena,
               "{\"type\":\"service_account\",\"project_id\":\"p-1\",\"private_key_id\":\"kid\",\"private_key\":\"%s\","
               "\"client_email\":\"a@p-1.example\",\"token_uri\":\"https://oauth2.googleapis.com/token\"}",
               key)
        .p;
}
#define USER                                                                                                           \
    "{\"type\":\"authorized_user\",\"client_id\":\"i&d\",\"client_secret\":\"s c\",\"refresh_token\":\"1//r+t\","      \
    "\"quota_project_id\":\"q\"}"

static void read_good(const char *text, struct credential *c)
{
    struct credential_trouble why = {.text = "nothing"};
    if (!credential_read(sl_str_c(text), &arena, c, &why))
        fail_msg("the credential %s", why.text);
}

static void read_bad(const char *text, const char *because)
{
    struct credential_trouble why = {.text = "nothing"};
    struct credential c;
    assert_false(credential_read(sl_str_c(text), &arena, &c, &why));
    assert_string_equal(why.text, because);
}

static struct sl_str part_of(struct sl_str *rest)
{
    struct sl_str part = sl_str_cut(rest, '.');
    char *out = sl_arena_alloc(&arena, part.n + 3);
    size_t n = 0;
    assert_true(sl_base64_decode(part, out, &n));
    return sl_str_of(out, n);
}

static void check_assertion(const char *text)
{
    struct credential c;
    struct sl_buf body;
    static const char before[] = "grant_type=urn%3Aietf%3Aparams%3Aoauth%3Agrant-type%3Ajwt-bearer&assertion=";
    read_good(text, &c);
    assert_int_equal(c.kind, CREDENTIAL_SERVICE_ACCOUNT);
    expect(c.project, "p-1");
    expect(c.token_url.host, "oauth2.googleapis.com");
    expect(c.token_url.path, "/token");
    assert_true(credential_posts(&c));
    assert_true(credential_address_is_fine(&c, false));
    sl_buf_init(&body, CREDENTIAL_BODY_MAX);
    assert_true(credential_body(&c, INT64_C(1764000000) * SL_SEC + 7, &body));
    struct sl_str all = sl_buf_str(&body);
    assert_true(sl_str_starts(all, sl_str_c(before)));
    struct sl_str jwt = sl_str_from(all, sizeof before - 1), rest = jwt;
    expect(part_of(&rest), "{\"alg\":\"RS256\",\"typ\":\"JWT\",\"kid\":\"kid\"}");
    expect(part_of(&rest),
           "{\"iss\":\"a@p-1.example\",\"scope\":\"https://www.googleapis.com/auth/cloud-platform\",\"aud\":"
           "\"https://oauth2.googleapis.com/token\",\"iat\":1763999990,\"exp\":1764003590}");
    struct sl_str signature = rest;
    struct sl_str said = sl_str_head(jwt, jwt.n - signature.n - 1), bytes = part_of(&rest);
    assert_int_equal(bytes.n, 256);
    assert_true(tls_rs256_verify(c.key, said, bytes));
    sl_buf_done(&body);
    credential_done(&c);
}

static void test_service_account(void **state)
{
    (void)state;
    check_assertion(account(key_json));
    check_assertion(account(key_escaped)); /* through an environment variable: backslash and n */
}

static void test_user(void **state)
{
    (void)state;
    struct credential c;
    struct sl_buf body;
    read_good(USER, &c);
    assert_int_equal(c.kind, CREDENTIAL_USER);
    expect(c.token_url.text, "https://oauth2.googleapis.com/token");
    expect(c.quota_project, "q");
    sl_buf_init(&body, CREDENTIAL_BODY_MAX);
    assert_true(credential_body(&c, 0, &body));
    expect(sl_buf_str(&body),
           "grant_type=refresh_token&client_id=i%26d&client_secret=s%20c&refresh_token=1%2F%2Fr%2Bt");
    sl_buf_done(&body);
    credential_done(&c);
}

static void test_metadata(void **state)
{
    (void)state;
    struct credential c;
    struct sl_buf body;
    read_good("metadata", &c);
    expect(c.token_url.text,
           "http://metadata.google.internal/computeMetadata/v1/instance/service-accounts/default/token");
    assert_false(credential_posts(&c));
    assert_true(credential_address_is_fine(&c, false));
    sl_buf_init(&body, 10);
    assert_true(credential_body(&c, 0, &body));
    assert_int_equal(body.n, 0);
    sl_buf_done(&body);
    credential_done(&c);
    read_good("metadata:127.0.0.1:99", &c);
    assert_int_equal(c.token_url.port, 99);
    credential_done(&c);
    read_bad("metadata:a/b", "names a metadata server that is no host");
    read_bad("metadata:", "names a metadata server that is no host");
}

static void test_client(void **state)
{
    (void)state;
    struct credential c, other;
    struct credential_trouble why;
    struct sl_buf body;
    struct sl_str at = SL_STR("https://login.microsoftonline.com");
    assert_true(credential_client(at, SL_STR("t-1"), SL_STR("app"), SL_STR("s/1"), &arena, &c, &why));
    assert_true(credential_client(at, SL_STR("t-2"), SL_STR("app"), SL_STR("s/1"), &arena, &other, &why));
    expect(c.token_url.text, "https://login.microsoftonline.com/t-1/oauth2/v2.0/token");
    assert_true(c.identity != other.identity);
    sl_buf_init(&body, CREDENTIAL_BODY_MAX);
    assert_true(credential_body(&c, 0, &body));
    expect(sl_buf_str(&body), "grant_type=client_credentials&client_id=app&client_secret=s%2F1&scope="
                              "https%3A%2F%2Fcognitiveservices.azure.com%2F.default");
    sl_buf_done(&body);
    credential_done(&c);
    credential_done(&other);
    assert_false(credential_client(at, SL_STR("a/../b"), SL_STR("app"), SL_STR("s"), &arena, &c, &why));
}

static void test_addresses(void **state)
{
    (void)state;
    static const struct {
        const char *uri;
        bool local, else_where;
    } rows[] = {{"https://10.0.0.1/t", true, true}, /* the guard looks at addresses */
                {"http://127.0.0.1:1/t", true, false}, {"http://localhost/t", true, false},
                {"http://[::1]/t", true, false},       {"http://10.0.0.1/t", false, false},
                {"http://example.com/t", false, false}};
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        struct credential c;
        char text[400];
        snprintf(text, sizeof text,
                 "{\"type\":\"authorized_user\",\"client_id\":\"i\",\"client_secret\":\"s\",\"refresh_token\":\"r\","
                 "\"token_uri\":\"%s\"}",
                 rows[i].uri);
        read_good(text, &c);
        assert_int_equal(credential_address_is_fine(&c, true), rows[i].local);
        assert_int_equal(credential_address_is_fine(&c, false), rows[i].else_where);
        credential_done(&c);
    }
}

static void test_refused(void **state)
{
    (void)state;
    read_bad("", "is not a JSON object");
    read_bad("[]", "is not a JSON object");
    read_bad("{\"type\":\"service_account\"", "is not a JSON object");
    read_bad("{}", "is of a type that is not spoken here");
    read_bad("{\"type\":7}", "is of a type that is not spoken here");
    read_bad("{\"type\":\"external_account\"}", "is of a type that is not spoken here");
    read_bad("{\"type\":\"service_account\"}", "lacks client_email");
    read_bad("{\"type\":\"service_account\",\"client_email\":\"a\\nb\"}", "lacks client_email");
    read_bad("{\"type\":\"service_account\",\"client_email\":\"a\"}", "lacks token_uri, or it is no address");
    read_bad("{\"type\":\"service_account\",\"client_email\":\"a\",\"token_uri\":\"file:///x\"}",
             "lacks token_uri, or it is no address");
    read_bad("{\"type\":\"service_account\",\"client_email\":\"a\",\"token_uri\":\"https://x/t\"}",
             "lacks private_key");
    read_bad(account("hello"), "has a private_key that is not PEM");
    read_bad(account("-----BEGIN PRIVATE KEY-----\\nAAAA\\n-----END PRIVATE KEY-----\\n"),
             "has a private_key that cannot be read: it is cut or damaged");
    read_bad("{\"type\":\"authorized_user\",\"client_id\":\"i\"}", "lacks client_secret");
    read_bad("{\"type\":\"authorized_user\",\"client_id\":\"i\",\"client_secret\":\"s\"}", "lacks refresh_token");
    struct sl_str whole = sl_str_c(account(key_json)); /* half of it, wherever it is cut */
    for (size_t n = 0; n < whole.n; n += 13) {
        struct credential c;
        struct credential_trouble why;
        assert_false(credential_read(sl_str_head(whole, n), &arena, &c, &why));
    }
}

/* ---- answers ---- */

static void test_answers(void **state)
{
    (void)state;
    static const struct {
        int status;
        const char *body;
        enum token_verdict verdict;
        int64_t life_s;
        const char *error;
    } rows[] = {
        {200, "{\"access_token\":\"ya29.x\",\"expires_in\":3599,\"token_type\":\"Bearer\"}", TOKEN_GOT, 3599, ""},
        {200, "{\"access_token\":\"x\",\"token_type\":\"bearer\"}", TOKEN_GOT, 300, ""},
        {200, "{\"access_token\":\"x\",\"expires_in\":null}", TOKEN_GOT, 300, ""},
        {200, "{\"access_token\":\"x\",\"expires_in\":\"3599\"}", TOKEN_GOT, 3599, ""},
        {200, "{\"access_token\":\"x\",\"expires_in\":59.9}", TOKEN_GOT, 59, ""},
        {200, "{\"access_token\":\"x\",\"expires_in\":1e300}", TOKEN_GOT, 86400, ""},
        {200, "{\"access_token\":\"x\",\"expires_in\":18446744073709551615}", TOKEN_GOT, 86400, ""},
        {200, "{\"access_token\":\"x\",\"expires_in\":99999999999999999999}", TOKEN_GOT, 86400, ""},
        {200, "{\"access_token\":\"x\",\"expires_in\":0}", TOKEN_NONSENSE, 0, ""},
        {200, "{\"access_token\":\"x\",\"expires_in\":-1}", TOKEN_NONSENSE, 0, ""},
        {200, "{\"access_token\":\"x\",\"expires_in\":-1e9}", TOKEN_NONSENSE, 0, ""},
        {200, "{\"access_token\":\"x\",\"expires_in\":0.5}", TOKEN_NONSENSE, 0, ""},
        {200, "{\"access_token\":\"x\",\"expires_in\":\"soon\"}", TOKEN_NONSENSE, 0, ""},
        {200, "{\"access_token\":\"x\",\"expires_in\":[1]}", TOKEN_NONSENSE, 0, ""},
        {200, "{\"access_token\":\"\",\"expires_in\":1}", TOKEN_NONSENSE, 0, ""},
        {200, "{\"access_token\":7,\"expires_in\":1}", TOKEN_NONSENSE, 0, ""},
        {200, "{\"access_token\":\"a b\",\"expires_in\":1}", TOKEN_NONSENSE, 0, ""},
        {200, "{\"access_token\":\"a\\r\\nb\",\"expires_in\":1}", TOKEN_NONSENSE, 0, ""},
        {200, "{\"access_token\":\"a\\u00e9\",\"expires_in\":1}", TOKEN_NONSENSE, 0, ""},
        {200, "{\"access_token\":\"x\",\"token_type\":\"mac\"}", TOKEN_NONSENSE, 0, ""},
        {200, "{\"id_token\":\"x\"}", TOKEN_NONSENSE, 0, ""},
        {200, "{\"access_token\":\"x\"", TOKEN_NONSENSE, 0, ""},
        {200, "", TOKEN_NONSENSE, 0, ""},
        {200, "<html>", TOKEN_NONSENSE, 0, ""},
        {200, "{\"error\":\"invalid_grant\"}", TOKEN_NONSENSE, 0, ""},
        {302, "", TOKEN_NONSENSE, 0, ""},
        {400, "{\"error\":\"invalid_grant\",\"error_description\":\"Invalid JWT\"}", TOKEN_REFUSED, 0, "invalid_grant"},
        {401, "{\"error\":{\"status\":\"UNAUTHENTICATED\"}}", TOKEN_REFUSED, 0, "UNAUTHENTICATED"},
        {403, "{\"error\":\"a b\"}", TOKEN_REFUSED, 0, ""},
        {400, "{\"error\":\"0123456789012345678901234567890123456789012345678901234567890123456789\"}", TOKEN_REFUSED,
         0, ""},
        {404, "not here", TOKEN_REFUSED, 0, ""},
        {400, "{\"error\":\"slow_down\"}", TOKEN_LIMITED, 0, "slow_down"},
        {429, "{}", TOKEN_LIMITED, 0, ""},
        {500, "{\"access_token\":\"x\",\"expires_in\":3599}", TOKEN_TROUBLE, 0, ""},
        {503, "", TOKEN_TROUBLE, 0, ""},
        {0, "{\"access_token\":\"x\"}", TOKEN_NONSENSE, 0, ""},
    };
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        struct token_answer a;
        token_answer_read(rows[i].status, sl_str_c(rows[i].body), &a);
        if (a.verdict != rows[i].verdict || a.life_ns != rows[i].life_s * SL_SEC || strcmp(a.error, rows[i].error) != 0)
            fail_msg("%d %s: %d, %lld s, '%s'", rows[i].status, rows[i].body, (int)a.verdict,
                     (long long)(a.life_ns / SL_SEC), a.error);
        assert_int_equal(a.verdict == TOKEN_GOT, a.token.n > 0);
        sl_secret_done(&a.token);
    }
}

static void test_huge_answers(void **state)
{
    (void)state;
    struct sl_buf b;
    struct token_answer a;
    sl_buf_init(&b, 1 << 20);
    sl_buf_adds(&b, SL_STR("{\"access_token\":\""));
    for (size_t i = 0; i < TOKEN_BYTES_MAX; i++)
        sl_buf_addc(&b, 'a');
    sl_buf_adds(&b, SL_STR("\"}"));
    token_answer_read(200, sl_buf_str(&b), &a);
    assert_int_equal(a.verdict, TOKEN_GOT);
    assert_int_equal(a.token.n, TOKEN_BYTES_MAX);
    sl_secret_done(&a.token);
    sl_buf_reset(&b);
    sl_buf_adds(&b, SL_STR("{\"access_token\":\"a"));
    for (size_t i = 0; i < TOKEN_BYTES_MAX; i++)
        sl_buf_addc(&b, 'a');
    sl_buf_adds(&b, SL_STR("\"}"));
    token_answer_read(200, sl_buf_str(&b), &a);
    assert_int_equal(a.verdict, TOKEN_NONSENSE);
    sl_buf_reset(&b);
    for (size_t i = 0; i < CREDENTIAL_ANSWER_MAX; i++) /* as deep as it goes */
        sl_buf_addc(&b, '[');
    token_answer_read(200, sl_buf_str(&b), &a);
    assert_int_equal(a.verdict, TOKEN_NONSENSE);
    sl_buf_adds(&b, SL_STR("[["));
    token_answer_read(200, sl_buf_str(&b), &a);
    assert_int_equal(a.verdict, TOKEN_NONSENSE);
    sl_buf_done(&b);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_service_account, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_user, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_metadata, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_client, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_addresses, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_refused, set_up, tear_down),
        cmocka_unit_test(test_answers),
        cmocka_unit_test(test_huge_answers),
    };
    return cmocka_run_group_tests_name("provider/credential", tests, make_key, NULL);
}
