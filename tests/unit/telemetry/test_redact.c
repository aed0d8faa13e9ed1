/* redact: canaries in many places and encodings must be gone, and what a person needs must stay. */
#include "telemetry/redact.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>
/* cmocka wants the three above first. */
#include <cmocka.h>

#include "base/rand.h"

static struct sl_str run(struct sl_str in, const struct redact_rules *rules)
{
    static char out[3 * REDACT_TEXT_MAX];
    size_t n = redact_text(in, rules, out, sizeof out);
    return sl_str_of(out, n);
}

static void test_exact_results(void **state)
{
    (void)state;
    static const struct {
        const char *in, *out;
    } rows[] = {
        {"", ""},
        {"Incorrect API key provided: sk-abc12***********wxyz. You can find your API key at "
         "https://platform.openai.com/account/api-keys.",
         "Incorrect API key provided: [redacted] You can find your API key at "
         "https://platform.openai.com/account/api-keys."},
        {"Authorization: Bearer abc", "Authorization: Bearer [redacted]"},
        {"authorization=basic dXNlcjpwYXNz, next", "authorization=basic [redacted], next"},
        {"{\"api_key\": \"hunter22\"}", "{\"api_key\": \"[redacted]\"}"},
        {"?key=AIzaSyA1234567&alt=sse", "?key=[redacted]&alt=sse"},
        {"https://user:pa55@host/x", "https://user:[redacted]@host/x"},
        {"line\\nsk-abcdef and %3Dsk-abcdef", "line\\n[redacted] and %3D[redacted]"},
        {"\\u0073k-abcdef \\u0073\\u006b\\u002dabcdef sk%2Dabcdef %73%6b-abcdef",
         "[redacted] [redacted] [redacted] [redacted]"},
        {"prefix/sk-abcdef", "[redacted]"},
        {"sk-abcdef,sk-ghijkl;sk-mnopqr", "[redacted],[redacted];[redacted]"},
        {"SK-ABCDEF", "[redacted]"},
        {"Bearer: sk-abcdef", "Bearer: [redacted]"},
        /* What stays. */
        {"The model `gpt-4o-mini-realtime-preview-2024-12-17` does not exist",
         "The model `gpt-4o-mini-realtime-preview-2024-12-17` does not exist"},
        {"Rate limit reached for gpt-4o in organization org-x on tokens per min (TPM): Limit 30000, Used 29000.",
         "Rate limit reached for gpt-4o in organization org-x on tokens per min (TPM): Limit 30000, Used 29000."},
        {"Your key expired yesterday; a token is needed: 4096 max",
         "Your key expired yesterday; a token is needed: 4096 max"},
        {"AccessDeniedExceptionForThisOrganization", "AccessDeniedExceptionForThisOrganization"},
        {"max_tokens: 128000 is too large", "max_tokens: 128000 is too large"},
        {"risk-based, desk-top, task-1234567", "risk-based, desk-top, task-1234567"},
        {"0193c8a1-7c1e-7f00-8000-0123456789ab", "0193c8a1-7c1e-7f00-8000-0123456789ab"},
        {"100% sure \\ or not \\", "100% sure \\ or not \\"},
        {"caf\xc3\xa9 \xff", "caf\xc3\xa9 \xff"},
    };
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        struct sl_str out = run(sl_str_c(rows[i].in), NULL);
        if (!sl_str_eq(out, sl_str_c(rows[i].out)))
            fail_msg("'%s'\n-> '%.*s'", rows[i].in, SL_STR_ARG(out));
    }
}

/* ---- a canary, encoded ---- */

static const char hexes[] = "0123456789abcdef";
static const char base64[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

typedef size_t encode_f(const char *in, size_t n, char *out);

static size_t as_is(const char *in, size_t n, char *out)
{
    memcpy(out, in, n);
    return n;
}

static size_t as_json(const char *in, size_t n, char *out)
{
    for (size_t i = 0; i < n; i++)
        snprintf(out + 6 * i, 7, "\\u%04x", (unsigned)(unsigned char)in[i]);
    return 6 * n;
}

static size_t as_url(const char *in, size_t n, char *out)
{
    for (size_t i = 0; i < n; i++)
        snprintf(out + 3 * i, 4, "%%%02X", (unsigned)(unsigned char)in[i]);
    return 3 * n;
}

static size_t as_hex(const char *in, size_t n, char *out)
{
    for (size_t i = 0; i < n; i++) {
        out[2 * i] = hexes[(unsigned char)in[i] >> 4];
        out[2 * i + 1] = hexes[(unsigned char)in[i] & 15];
    }
    return 2 * n;
}

static size_t as_base64(const char *in, size_t n, char *out)
{
    size_t k = 0;
    for (size_t i = 0; i + 2 < n; i += 3) {
        unsigned v = (unsigned)(unsigned char)in[i] << 16 | (unsigned)(unsigned char)in[i + 1] << 8 |
                     (unsigned char)in[i + 2];
        for (int s = 18; s >= 0; s -= 6)
            out[k++] = base64[v >> s & 63];
    }
    return k;
}

static size_t as_base64_shifted(const char *in, size_t n, char *out)
{
    char text[256] = "x:";
    memcpy(text + 2, in, n);
    return as_base64(text, n + 2, out);
}

static size_t as_utf16(const char *in, size_t n, char *out)
{
    for (size_t i = 0; i < n; i++) {
        out[2 * i] = in[i];
        out[2 * i + 1] = '\0';
    }
    return 2 * n;
}

static void random_key(struct sl_rand *r, const char *prefix, char *out, size_t n)
{
    size_t at = strlen(prefix);
    memcpy(out, prefix, at);
    for (; at < n; at++)
        out[at] = base64[sl_rand_below(r, 62)];
}

/* The longest piece of the canary (as encoded) that came through. */
static size_t longest_leak(struct sl_str out, struct sl_str canary)
{
    size_t longest = 0;
    for (size_t from = 0; from < canary.n; from++)
        for (size_t n = longest + 1; n <= canary.n - from; n++) {
            if (sl_str_find_str(out, sl_str_of(canary.p + from, n)) < 0)
                break;
            longest = n;
        }
    return longest;
}

static void test_canaries_in_encodings(void **state)
{
    (void)state;
    static encode_f *const encodings[] = {as_is, as_json, as_url, as_hex, as_base64, as_base64_shifted, as_utf16};
    static const char *const prefixes[] = {"sk-proj-", "sk-ant-api03-", "AIzaSy", "gsk_", "xai-", ""};
    static const char *const frames[][2] = {
        {"", ""},
        {"Invalid key: ", " (see docs)"},
        {"{\"error\":{\"message\":\"bad ", "\",\"code\":1}}"},
        {"x-api-key: ", "\r\n"},
        {"<b>", "</b>"},
    };
    struct sl_rand r;
    sl_rand_seed(&r, 5);
    for (unsigned round = 0; round < 50; round++) {
        for (size_t p = 0; p < sizeof prefixes / sizeof prefixes[0]; p++) {
            char key[48], coded[400], text[600];
            random_key(&r, prefixes[p], key, sizeof key);
            for (size_t e = 0; e < sizeof encodings / sizeof encodings[0]; e++) {
                size_t n = encodings[e](key, sizeof key, coded);
                const char *const *frame = frames[sl_rand_below(&r, 5)];
                size_t before = strlen(frame[0]), after = strlen(frame[1]);
                memcpy(text, frame[0], before);
                memcpy(text + before, coded, n);
                memcpy(text + before + n, frame[1], after);
                struct sl_str out = run(sl_str_of(text, before + n + after), NULL);
                size_t leak = longest_leak(out, sl_str_of(coded, n));
                /* Base64 has '/' at which runs break; a short rest of one may stay and is worth nothing. */
                if (leak > (encodings[e] == as_base64 || encodings[e] == as_base64_shifted ? 24u : 6u))
                    fail_msg("encoding %zu: %zu bytes of '%.*s' in '%.*s'", e, leak, (int)n, coded, SL_STR_ARG(out));
            }
        }
    }
}

static void test_known_secrets(void **state)
{
    (void)state;
    const struct sl_str known[] = {SL_STR("swordfish"), SL_STR("swordfish-and-more"), SL_STR("abc"), SL_STR_NONE};
    const struct redact_rules rules = {.level = REDACT_KEYS, .known = known, .n_known = 4};
    assert_true(sl_str_eq(run(SL_STR("swordfish"), &rules), SL_STR("[redacted]")));
    assert_true(sl_str_eq(run(SL_STR("a swordfish-and-more b"), &rules), SL_STR("a [redacted] b")));
    assert_true(sl_str_eq(run(SL_STR("xxswordfishyy"), &rules), SL_STR("xx[redacted]yy")));
    assert_true(sl_str_eq(run(SL_STR("(swordfish)swordfish"), &rules), SL_STR("([redacted])[redacted]")));
    assert_true(sl_str_eq(run(SL_STR("abc"), &rules), SL_STR("abc"))); /* too short to be taken for one */
}

static void test_levels(void **state)
{
    (void)state;
    const struct redact_rules keys = {.level = REDACT_KEYS};
    assert_true(sl_str_eq(run(SL_STR("req_0123456789abcdef0123456789abcdef"), &keys),
                          SL_STR("req_0123456789abcdef0123456789abcdef")));
    assert_true(sl_str_eq(run(SL_STR("req_0123456789abcdef0123456789abcdef"), NULL), SL_STR("[redacted]")));
}

static void test_lengths(void **state)
{
    (void)state;
    static char text[3 * REDACT_TEXT_MAX];
    char out[20];
    memset(text, 'a', sizeof text);
    /* A key across the place where a long text is cut: its front must not stay. */
    memset(text + REDACT_TEXT_MAX - 100, ' ', 100);
    memcpy(text + REDACT_TEXT_MAX - 6, "swordfish-0", 11);
    struct sl_str got = run(sl_str_of(text, sizeof text), NULL);
    assert_true(sl_str_find_str(got, SL_STR("sword")) < 0);
    assert_true(got.n <= REDACT_TEXT_MAX);
    /* A small room is filled and not passed. */
    memset(out, '#', sizeof out);
    assert_int_equal(redact_text(SL_STR("0123456 sk-abcdef 0123456"), NULL, out, 16), 16);
    assert_memory_equal(out, "0123456 [redacte####", 20);
}

static void test_any_bytes(void **state)
{
    (void)state;
    struct sl_rand r;
    sl_rand_seed(&r, 8);
    char text[400], out[64];
    static const char seeds[] = "sk-Bearer %3D\\u0073key=:@\"*+/0aZ";
    for (unsigned i = 0; i < 10000; i++) {
        size_t n = sl_rand_below(&r, sizeof text);
        for (size_t k = 0; k < n; k++)
            text[k] = sl_rand_below(&r, 4) ? seeds[sl_rand_below(&r, sizeof seeds - 1)] : (char)sl_rand_next(&r);
        size_t cap = 16 + sl_rand_below(&r, sizeof out - 16);
        assert_true(redact_text(sl_str_of(text, n), NULL, out, cap) <= cap);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_exact_results), cmocka_unit_test(test_canaries_in_encodings),
        cmocka_unit_test(test_known_secrets), cmocka_unit_test(test_levels),
        cmocka_unit_test(test_lengths),       cmocka_unit_test(test_any_bytes),
    };
    return cmocka_run_group_tests_name("telemetry/redact", tests, NULL, NULL);
}
