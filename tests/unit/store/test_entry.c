/* The ledger's records: what goes in comes out, names are cut, foreign bytes are refused. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/rand.h"
#include "ledger/entry.h"
#include "ledger/price.h"
#include "store/journal.h"

static struct entry_open an_open(void)
{
    return (struct entry_open){
        .attempt = {1, 2},
        .exchange = {3, 4},
        .key = {5, 6},
        .wall_ns = INT64_C(1795000000123456789),
        .estimate_input = 1234,
        .estimate_cost_p = INT64_MAX,
        .flags = ENTRY_STREAM,
        .worker = 65535,
        .number = 3,
        .tenant = SL_STR("acme"),
        .model = SL_STR("gpt-4o"),
        .provider = SL_STR("openai"),
        .target = SL_STR("gpt-4o-2024-08-06"),
        .operation = SL_STR("chat"),
        .price_version = SL_STR("2026-11-20+89abcdef01234567"),
    };
}

static struct entry_close a_close(void)
{
    struct entry_close c = {
        .attempt = {1, 2},
        .wall_ns = -1,
        .cost_p = 42,
        .duration_ns = INT64_MAX,
        .first_token_ns = -1,
        .bytes_in = UINT64_MAX,
        .bytes_out = 7,
        .flags = UINT32_MAX,
        .status = 200,
        .outcome = SL_STR("first_byte_timeout"),
        .price_version = SL_STR(""),
    };
    for (unsigned i = 0; i < TOKEN_CLASS_COUNT; i++)
        c.usage.by_class[i] = UINT64_MAX - i;
    for (unsigned i = 0; i < USAGE_UNIT_COUNT; i++)
        c.usage.by_unit[i] = i % 3 == 1 ? 0 : UINT64_MAX - i;
    return c;
}

#define SAME_STR(a, b) assert_true(sl_str_eq((a), (b)))

static void an_open_comes_back(void **state)
{
    (void)state;
    unsigned char bytes[ENTRY_OPEN_MAX];
    struct entry_open in = an_open(), out;
    size_t n = entry_open_encode(&in, bytes);
    assert_in_range(n, 100, 200);
    assert_int_equal(entry_open_decode(sl_str_of(bytes, n), &out), SL_OK);
    assert_true(sl_id_eq(in.attempt, out.attempt) && sl_id_eq(in.exchange, out.exchange) && sl_id_eq(in.key, out.key));
    assert_true(in.wall_ns == out.wall_ns && in.estimate_input == out.estimate_input);
    assert_true(in.estimate_cost_p == out.estimate_cost_p && in.flags == out.flags);
    assert_int_equal(in.worker, out.worker);
    assert_int_equal(in.number, out.number);
    SAME_STR(in.tenant, out.tenant);
    SAME_STR(in.model, out.model);
    SAME_STR(in.provider, out.provider);
    SAME_STR(in.target, out.target);
    SAME_STR(in.operation, out.operation);
    SAME_STR(in.price_version, out.price_version);
}

static void a_close_comes_back(void **state)
{
    (void)state;
    unsigned char bytes[ENTRY_CLOSE_MAX];
    struct entry_close in = a_close(), out;
    size_t n = entry_close_encode(&in, bytes);
    assert_int_equal(entry_close_decode(sl_str_of(bytes, n), &out), SL_OK);
    assert_true(sl_id_eq(in.attempt, out.attempt));
    assert_true(in.wall_ns == out.wall_ns && in.cost_p == out.cost_p && in.duration_ns == out.duration_ns);
    assert_true(in.first_token_ns == out.first_token_ns && in.bytes_in == out.bytes_in &&
                in.bytes_out == out.bytes_out);
    assert_true(in.flags == out.flags && in.status == out.status);
    for (unsigned i = 0; i < TOKEN_CLASS_COUNT; i++)
        assert_true(in.usage.by_class[i] == out.usage.by_class[i]);
    for (unsigned i = 0; i < USAGE_UNIT_COUNT; i++)
        assert_true(in.usage.by_unit[i] == out.usage.by_unit[i]);
    SAME_STR(in.outcome, out.outcome);
    SAME_STR(in.price_version, out.price_version);
}

/* What releases before units wrote: version 1, nine classes. */
static void a_close_of_version_1_is_read(void **state)
{
    (void)state;
    unsigned char bytes[256] = {1};
    size_t n = 1 + 16 + 6 * 8 + 4 + 2;
    struct entry_close out;
    bytes[n++] = 9;
    for (unsigned i = 0; i < 9; i++, n += 8)
        bytes[n] = (unsigned char)(i + 1);
    memcpy(bytes + n, "\x02ok\x00", 4);
    n += 4;
    assert_int_equal(entry_close_decode(sl_str_of(bytes, n), &out), SL_OK);
    for (unsigned i = 0; i < 9; i++)
        assert_int_equal(out.usage.by_class[i], i + 1);
    assert_int_equal(out.usage.video_out, 0);
    for (unsigned i = 0; i < USAGE_UNIT_COUNT; i++)
        assert_int_equal(out.usage.by_unit[i], 0);
    SAME_STR(out.outcome, SL_STR("ok"));
    bytes[0] = 3;
    assert_int_equal(entry_close_decode(sl_str_of(bytes, n), &out), SL_EINVAL);
}

static void units_have_one_form(void **state)
{
    (void)state;
    unsigned char bytes[ENTRY_CLOSE_MAX];
    struct entry_close in = {.usage = {.images_in = 7, .pages = 9}}, out;
    size_t n = entry_close_encode(&in, bytes), at = 1 + 16 + 6 * 8 + 4 + 2 + 1 + 8 * TOKEN_CLASS_COUNT;
    assert_int_equal(bytes[at], 2);
    assert_int_equal(entry_close_decode(sl_str_of(bytes, n), &out), SL_OK);
    bytes[at + 1] = UU_PAGES; /* not rising */
    assert_int_equal(entry_close_decode(sl_str_of(bytes, n), &out), SL_EINVAL);
    bytes[at + 1] = UU_IMAGES_IN;
    bytes[at + 10] = USAGE_UNIT_COUNT; /* of a later release */
    assert_int_equal(entry_close_decode(sl_str_of(bytes, n), &out), SL_EINVAL);
    bytes[at + 10] = UU_PAGES;
    bytes[at + 11] = 0; /* a count of 0 */
    assert_int_equal(entry_close_decode(sl_str_of(bytes, n), &out), SL_EINVAL);
}

static void long_names_are_cut_between_characters(void **state)
{
    (void)state;
    unsigned char bytes[ENTRY_OPEN_MAX];
    char ascii[5000], umlauts[400], smileys[400];
    memset(ascii, 'a', sizeof ascii);
    for (size_t i = 0; i < sizeof umlauts; i += 2)
        memcpy(umlauts + i, "\xC3\xA4", 2);
    for (size_t i = 0; i < sizeof smileys; i += 4)
        memcpy(smileys + i, "\xF0\x9F\x98\x80", 4);
    struct entry_open in = an_open(), out;
    in.tenant = sl_str_of(ascii, sizeof ascii);
    in.model = sl_str_of(umlauts, 399);        /* ends inside a character already */
    in.provider = sl_str_of(smileys + 1, 399); /* begins inside one: 127 bytes are 31 characters and a bit */
    in.target = sl_str_of(ascii, ENTRY_NAME_MAX);
    in.operation = sl_str_of(ascii, 100);
    in.price_version = sl_str_of(smileys, 34);
    size_t n = entry_open_encode(&in, bytes);
    assert_true(n <= ENTRY_OPEN_MAX);
    assert_int_equal(entry_open_decode(sl_str_of(bytes, n), &out), SL_OK);
    assert_int_equal(out.tenant.n, ENTRY_NAME_MAX);
    assert_int_equal(out.model.n, ENTRY_NAME_MAX);
    assert_true(sl_utf8_valid(out.model));
    assert_int_equal(out.provider.n, 127);
    assert_true(sl_utf8_valid(sl_str_from(out.provider, 3)));
    assert_int_equal(out.target.n, ENTRY_NAME_MAX);
    assert_int_equal(out.operation.n, ENTRY_SHORT_MAX);
    assert_int_equal(out.price_version.n, ENTRY_SHORT_MAX);
}

static void the_largest_fit_their_places(void **state)
{
    (void)state;
    unsigned char open_bytes[ENTRY_OPEN_MAX], close_bytes[ENTRY_CLOSE_MAX];
    char text[ENTRY_NAME_MAX];
    memset(text, 'x', sizeof text);
    struct sl_str big = sl_str_of(text, sizeof text);
    struct entry_open o = an_open();
    o.tenant = o.model = o.provider = o.target = o.operation = o.price_version = big;
    struct entry_close c = a_close();
    c.outcome = c.price_version = big;
    assert_true(entry_open_encode(&o, open_bytes) <= ENTRY_OPEN_MAX);
    assert_true(entry_close_encode(&c, close_bytes) <= ENTRY_CLOSE_MAX);
    assert_true(ENTRY_OPEN_MAX <= JOURNAL_PAYLOAD_MAX && ENTRY_CLOSE_MAX <= JOURNAL_CLOSING_MAX);
}

static void cut_longer_and_foreign_records_are_refused(void **state)
{
    (void)state;
    unsigned char bytes[ENTRY_OPEN_MAX + ENTRY_CLOSE_MAX] = {0};
    struct entry_open o = an_open(), open_out = {.worker = 77};
    struct entry_close c = a_close(), close_out = {.status = 77};
    size_t n = entry_open_encode(&o, bytes);
    for (size_t k = 0; k < n; k++)
        assert_int_equal(entry_open_decode(sl_str_of(bytes, k), &open_out), SL_EINVAL);
    assert_int_equal(entry_open_decode(sl_str_of(bytes, n + 1), &open_out), SL_EINVAL);
    assert_int_equal(entry_close_decode(sl_str_of(bytes, n), &close_out), SL_EINVAL);
    assert_int_equal(open_out.worker, 77); /* untouched on failure */
    bytes[0] = 2;                          /* a version to come */
    assert_int_equal(entry_open_decode(sl_str_of(bytes, n), &open_out), SL_EINVAL);
    n = entry_close_encode(&c, bytes);
    for (size_t k = 0; k < n; k++)
        assert_int_equal(entry_close_decode(sl_str_of(bytes, k), &close_out), SL_EINVAL);
    bytes[25 + 7] = 0x80; /* the highest byte of the cost: negative money */
    assert_int_equal(entry_close_decode(sl_str_of(bytes, n), &close_out), SL_EINVAL);
    assert_int_equal(close_out.status, 77);
}

static void random_bytes_are_never_trusted(void **state)
{
    (void)state;
    unsigned char bytes[700];
    struct sl_rand r;
    struct entry_open o;
    struct entry_close c;
    sl_rand_seed(&r, 11);
    for (int i = 0; i < 20000; i++) {
        size_t n = (size_t)sl_rand_below(&r, sizeof bytes);
        for (size_t k = 0; k < n; k++)
            bytes[k] = (unsigned char)sl_rand_next(&r);
        if (n > 0)
            bytes[0] = 1;
        if (entry_open_decode(sl_str_of(bytes, n), &o) == SL_OK)
            assert_true(o.tenant.n <= ENTRY_NAME_MAX && o.estimate_cost_p >= 0);
        if (entry_close_decode(sl_str_of(bytes, n), &c) == SL_OK)
            assert_true(c.outcome.n <= ENTRY_SHORT_MAX && c.cost_p >= 0);
    }
}

static void flags_come_from_usage_and_cost(void **state)
{
    (void)state;
    assert_int_equal(entry_flags_of(USAGE_REPORTED, 0), 0);
    assert_int_equal(entry_flags_of(0, 0), ENTRY_USAGE_MISSING);
    assert_int_equal(entry_flags_of(USAGE_ESTIMATED | USAGE_PARTIAL, COST_UNPRICED),
                     ENTRY_USAGE_MISSING | ENTRY_ESTIMATED | ENTRY_PARTIAL | ENTRY_UNPRICED);
    assert_int_equal(entry_flags_of(USAGE_REPORTED | USAGE_UNKNOWN_FIELDS | USAGE_INCONSISTENT,
                                    COST_ASSUMED | COST_SATURATED | COST_TIER | COST_FREE),
                     ENTRY_UNKNOWN_FIELDS | ENTRY_INCONSISTENT | ENTRY_COST_ASSUMED | ENTRY_COST_SATURATED);
    assert_int_equal(entry_flags_of(USAGE_IMPLAUSIBLE, 0), ENTRY_USAGE_MISSING | ENTRY_INCONSISTENT);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(an_open_comes_back),
        cmocka_unit_test(a_close_comes_back),
        cmocka_unit_test(a_close_of_version_1_is_read),
        cmocka_unit_test(units_have_one_form),
        cmocka_unit_test(long_names_are_cut_between_characters),
        cmocka_unit_test(the_largest_fit_their_places),
        cmocka_unit_test(cut_longer_and_foreign_records_are_refused),
        cmocka_unit_test(random_bytes_are_never_trusted),
        cmocka_unit_test(flags_come_from_usage_and_cost),
    };
    return cmocka_run_group_tests_name("entry", tests, NULL, NULL);
}
