/* Hashes, ids, randomness, civil dates, times as text. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <time.h>

#include <cmocka.h>

#include "base/clock.h"
#include "base/hash.h"
#include "base/id.h"
#include "base/rand.h"

/* ---- hashes ---- */

/* CRC-32C bit by bit, from its polynomial alone. */
static uint32_t slow_crc(uint32_t crc, const unsigned char *p, size_t n)
{
    crc = ~crc;
    while (n-- > 0) {
        crc ^= *p++;
        for (int i = 0; i < 8; i++)
            crc = (crc >> 1) ^ (0x82F63B78u & (0u - (crc & 1)));
    }
    return ~crc;
}

static void test_crc(void **state)
{
    (void)state;
    assert_int_equal(sl_crc32c(0, "123456789", 9), 0xE3069283u);
    assert_int_equal(sl_crc32c(0, "", 0), 0);
    unsigned char zeros[32] = {0}, ones[32], bytes[300];
    memset(ones, 0xFF, sizeof ones);
    assert_int_equal(sl_crc32c(0, zeros, 32), 0x8A9136AAu); /* RFC 3720 B.4 */
    assert_int_equal(sl_crc32c(0, ones, 32), 0x62A8AB43u);
    for (size_t i = 0; i < sizeof bytes; i++)
        bytes[i] = (unsigned char)(i * 31 + 7);
    for (size_t from = 0; from < 9; from++)
        for (size_t n = 0; n < 200; n += 1 + n / 20) {
            uint32_t whole = sl_crc32c(5, bytes + from, n);
            assert_int_equal(whole, slow_crc(5, bytes + from, n));
            for (size_t cut = 0; cut <= n; cut += 13) /* chained */
                assert_int_equal(sl_crc32c(sl_crc32c(5, bytes + from, cut), bytes + from + cut, n - cut), whole);
        }
}

/* SipHash-1-3 of 00 01 02 ... under the key 00 ... 0f, computed by another implementation that gives the published values of
 * SipHash-2-4. */
static void test_siphash(void **state)
{
    (void)state;
    static const uint64_t want[] = {
        UINT64_C(0xabac0158050fc4dc), UINT64_C(0xc9f49bf37d57ca93), UINT64_C(0x82cb9b024dc7d44d),
        UINT64_C(0x8bf80ab8e7ddf7fb), UINT64_C(0xcf75576088d38328), UINT64_C(0xdef9d52f49533b67),
        UINT64_C(0xc50d2b50c59f22a7), UINT64_C(0xd3927d989bb11140), UINT64_C(0x369095118d299a8e),
        UINT64_C(0x25a48eb36c063de4), UINT64_C(0x79de85ee92ff097f), UINT64_C(0x70c118c1f94dc352),
        UINT64_C(0x78a384b157b4d9a2), UINT64_C(0x306f760c1229ffa7), UINT64_C(0x605aa111c0f95d34),
        UINT64_C(0xd320d86d2a519956), UINT64_C(0xcc4fdd1a7d908b66), UINT64_C(0x9cf2689063dbd80c),
        UINT64_C(0x8ffc389cb473e63e), UINT64_C(0xf21f9de58d297d1c), UINT64_C(0xc0dc2f46a6cce040),
        UINT64_C(0xb992abfe2b45f844), UINT64_C(0x7ffe7b9ba320872e), UINT64_C(0x525a0e7fdae6c123)};
    struct sl_hash_key key = {UINT64_C(0x0706050403020100), UINT64_C(0x0f0e0d0c0b0a0908)};
    unsigned char bytes[32];
    for (unsigned i = 0; i < 32; i++)
        bytes[i] = (unsigned char)i;
    for (size_t n = 0; n < sizeof want / sizeof want[0]; n++)
        assert_true(sl_hash(key, sl_str_of(bytes, n)) == want[n]);
    struct sl_hash_key a = sl_hash_process_key(), b = sl_hash_process_key();
    assert_true(a.k0 == b.k0 && a.k1 == b.k1 && (a.k0 != 0 || a.k1 != 0));
}

/* ---- ids ---- */

static void test_ids(void **state)
{
    (void)state;
    struct sl_rand r;
    char before[SL_ID_TEXT] = "", text[SL_ID_TEXT];
    sl_rand_seed(&r, 1);
    for (int64_t ms = 0; ms < (INT64_C(1) << 47); ms = ms * 3 / 2 + 1) { /* later ones sort behind earlier ones */
        struct sl_id id = sl_id_make(ms * SL_MS, &r), back;
        assert_int_equal(id.hi >> 12 & 15, 7); /* RFC 9562: version and variant */
        assert_int_equal(id.lo >> 62, 2);
        assert_true((int64_t)(id.hi >> 16) == ms);
        sl_id_text(id, text);
        assert_int_equal(strlen(text), 26);
        assert_true(strcmp(before, text) < 0);
        assert_true(sl_id_parse(sl_str_c(text), &back) && sl_id_eq(id, back));
        memcpy(before, text, sizeof text);
        if (ms > INT64_MAX / SL_MS / 2)
            break;
    }
    struct sl_id all = {UINT64_MAX, UINT64_MAX}, none = {0, 0}, out = {1, 2};
    sl_id_text(all, text);
    assert_string_equal(text, "7zzzzzzzzzzzzzzzzzzzzzzzzz");
    assert_true(sl_id_parse(sl_str_c(text), &out) && sl_id_eq(out, all));
    sl_id_text(none, text);
    assert_string_equal(text, "00000000000000000000000000");
    static const char *const bad[] = {"",
                                      "0",
                                      "8zzzzzzzzzzzzzzzzzzzzzzzzz",
                                      "0000000000000000000000000",
                                      "000000000000000000000000000",
                                      "0000000000000000000000000i",
                                      "0000000000000000000000000A",
                                      "0000000000000000000000000\xff",
                                      ("\xff"
                                       "0000000000000000000000000")};
    out = none;
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++)
        assert_false(sl_id_parse(sl_str_c(bad[i]), &out));
    assert_false(sl_id_parse(sl_str_of("0000000000000000000000000\0", 26), &out));
    assert_true(sl_id_eq(out, none));
}

/* ---- randomness ---- */

static void test_rand(void **state)
{
    (void)state;
    struct sl_rand a, b;
    sl_rand_seed(&a, 42);
    sl_rand_seed(&b, 42);
    for (int i = 0; i < 1000; i++)
        assert_true(sl_rand_next(&a) == sl_rand_next(&b));
    assert_int_equal(sl_rand_below(&a, 0), 0);
    assert_int_equal(sl_rand_below(&a, 1), 0);
    unsigned hits[7] = {0};
    for (int i = 0; i < 70000; i++) {
        uint64_t v = sl_rand_below(&a, 7);
        assert_true(v < 7);
        hits[v]++;
    }
    for (int i = 0; i < 7; i++)
        assert_true(hits[i] > 9500 && hits[i] < 10500);
    uint64_t most = 0;
    for (int i = 0; i < 1000; i++) {
        uint64_t v = sl_rand_below(&a, UINT64_MAX);
        most = v > most ? v : most;
    }
    assert_true(most > UINT64_MAX / 100 * 99);
    sl_rand_seed_system(&a);
    sl_rand_seed_system(&b);
    assert_true(sl_rand_next(&a) != sl_rand_next(&b));
}

/* ---- dates ---- */

static bool is_leap(int64_t y)
{
    return (y % 4 == 0 && y % 100 != 0) || y % 400 == 0;
}

/* Every day of 1970 to 9999 and 400 years before, counted by a calendar of the plainest kind. */
static void test_every_day(void **state)
{
    (void)state;
    static const unsigned months[] = {31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31};
    int64_t day = -146097; /* 400 years: 1570-01-01, a Thursday as well */
    unsigned weekday = 4;
    for (int64_t y = 1570; y <= 9999; y++) {
        for (unsigned m = 1; m <= 12; m++) {
            unsigned n = months[m - 1] + (m == 2 && is_leap(y) ? 1 : 0);
            for (unsigned d = 1; d <= n; d++, day++, weekday = (weekday + 1) % 7) {
                unsigned at = (unsigned)((uint64_t)(day + 146097) * 7919 % 86400);
                struct sl_civil c = sl_civil_of(day * 86400 + at);
                if (c.year != y || c.month != m || c.day != d || c.weekday != weekday || c.hour != at / 3600 ||
                    c.minute != at / 60 % 60 || c.second != at % 60)
                    fail_msg("%lld-%u-%u came out as %lld-%u-%u", (long long)y, m, d, (long long)c.year, c.month,
                             c.day);
                if (sl_civil_to_s(&c) != day * 86400 + at)
                    fail_msg("%lld-%u-%u does not come back", (long long)y, m, d);
            }
        }
    }
}

static void test_time_text(void **state)
{
    (void)state;
    char text[SL_TIME_TEXT];
    sl_time_text(0, text);
    assert_string_equal(text, "1970-01-01T00:00:00.000Z");
    sl_time_text(INT64_C(1795247580) * SL_SEC + 123 * SL_MS + 999999, text);
    assert_string_equal(text, "2026-11-21T07:53:00.123Z");
    sl_time_text(INT64_MAX, text);
    assert_string_equal(text, "2262-04-11T23:47:16.854Z");
    sl_time_text(-1, text); /* a clock before 1970 is wrong, not a reason for nonsense */
    assert_string_equal(text, "1969-12-31T23:59:59.999Z");
}

static void test_http_date(void **state)
{
    (void)state;
    char text[SL_HTTP_DATE];
    int64_t back = 7;
    sl_http_date(INT64_C(784111777) * SL_SEC, text);
    assert_string_equal(text, "Sun, 06 Nov 1994 08:49:37 GMT"); /* RFC 9110 5.6.7 */
    for (int64_t s = 0; s < INT64_MAX / SL_SEC; s = s * 5 / 4 + 86399) {
        sl_http_date(s * SL_SEC, text);
        assert_true(sl_http_date_parse(sl_str_c(text), &back));
        assert_true(back == s * SL_SEC);
    }
    static const char *const bad[] = {"",
                                      "Sun, 06 Nov 1994 08:49:37",
                                      "Sunday, 06-Nov-94 08:49:37 GMT",
                                      "Sun Nov  6 08:49:37 1994",
                                      "Sun, 06 Nov 1994 08:49:37 UTC",
                                      "Sun, 06 Nom 1994 08:49:37 GMT",
                                      "Sun, 00 Nov 1994 08:49:37 GMT",
                                      "Sun, 32 Nov 1994 08:49:37 GMT",
                                      "Sun, 06 Nov 1994 24:49:37 GMT",
                                      "Sun, 06 Nov 1994 08:60:37 GMT",
                                      "Sun, 06 Nov 1994 08:49:61 GMT",
                                      "Sun, +6 Nov 1994 08:49:37 GMT",
                                      "Sun, 06 Nov -994 08:49:37 GMT",
                                      "Sun, 06 Nov 9999 08:49:37 GMT"};
    back = 7;
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++)
        if (sl_http_date_parse(sl_str_c(bad[i]), &back) || back != 7)
            fail_msg("taken: %s", bad[i]);
}

static void test_clocks(void **state)
{
    (void)state;
    int64_t a = sl_clock_mono_ns(), b = sl_clock_mono_ns();
    assert_true(b >= a && a > 0);
    assert_true(llabs(sl_clock_wall_ns() / SL_SEC - (int64_t)time(NULL)) <= 1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_crc),       cmocka_unit_test(test_siphash),   cmocka_unit_test(test_ids),
        cmocka_unit_test(test_rand),      cmocka_unit_test(test_every_day), cmocka_unit_test(test_time_text),
        cmocka_unit_test(test_http_date), cmocka_unit_test(test_clocks),
    };
    return cmocka_run_group_tests_name("base numbers", tests, NULL, NULL);
}
