/* What is left under a limit: refilled with time, less what was sent behind the last word; per key; lies are forgotten. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/clock.h"
#include "upstream/health.h"

#define T0 (1000 * SL_SEC)

static const struct headroom_need need = {.input = 900, .output = 100};

static struct provider_limits tokens(int64_t limit, int64_t remaining, int64_t reset_ns)
{
    struct provider_limits l = {.known = 1u << LIMIT_TOKENS};
    l.by[LIMIT_TOKENS] = (struct provider_limit){limit, remaining, reset_ns};
    return l;
}

static void test_refills(void **state)
{
    (void)state;
    struct headroom h = {0};
    const struct headroom_mark none = {.set = false};
    assert_int_equal(headroom_left(&h, &need, T0), HEADROOM_WHOLE);
    struct provider_limits l = tokens(10000, 0, 10 * SL_SEC);
    headroom_take(&h, &l, &none, T0);
    assert_int_equal(headroom_left(&h, &need, T0), 0);
    assert_int_equal(headroom_left(&h, &need, T0 + SL_SEC - SL_MS), 0);
    assert_in_range(headroom_left(&h, &need, T0 + SL_SEC), 1, 16);
    assert_in_range(headroom_left(&h, &need, T0 + 6 * SL_SEC), HEADROOM_WHOLE / 2 - 8, HEADROOM_WHOLE / 2 + 8);
    assert_int_equal(headroom_left(&h, &need, T0 + 20 * SL_SEC), HEADROOM_WHOLE * 9 / 10);
    assert_int_equal(headroom_left(&h, &need, T0 + 61 * SL_SEC), HEADROOM_WHOLE); /* nobody knows any more */
    l = tokens(6000, 3000, -1); /* no reset was said: all of it in a minute */
    headroom_take(&h, &l, &none, T0);
    assert_in_range(headroom_left(&h, &need, T0 + 10 * SL_SEC), HEADROOM_WHOLE / 2 - 8, HEADROOM_WHOLE / 2 + 8);
    const struct headroom_need many = {
        .input = 900, .output = 100, .most = 9000}; /* what may come counts where it is said */
    assert_int_equal(headroom_left(&h, &many, T0), 0);
    const struct headroom_need nonsense = {.input = UINT64_MAX, .output = UINT64_MAX, .most = UINT64_MAX};
    assert_int_equal(headroom_left(&h, &nonsense, T0), 0);
    l = tokens(10000, 0, 24 * 3600 * SL_SEC); /* a day without asking again would be one word too many */
    headroom_take(&h, &l, &none, T0);
    assert_int_equal(headroom_left(&h, &need, T0 + 299 * SL_SEC), 0);
    assert_int_equal(headroom_left(&h, &need, T0 + 300 * SL_SEC), HEADROOM_WHOLE);
    assert_int_equal(headroom_left(&h, &need, T0 - SL_SEC), 0); /* a clock that goes back */
}

/* Anthropic's: input and output each by what it needs. */
static void test_input_and_output(void **state)
{
    (void)state;
    static const struct {
        enum provider_limit_id id;
        int64_t left;
        bool fits;
    } rows[] = {{LIMIT_INPUT, 900, true},   {LIMIT_INPUT, 899, false},      {LIMIT_OUTPUT, 100, true},
                {LIMIT_OUTPUT, 99, false},  {LIMIT_REQUESTS, 1, true},      {LIMIT_REQUESTS_DAY, 0, false},
                {LIMIT_TOKENS, 1000, true}, {LIMIT_TOKENS_DAY, 999, false}, {LIMIT_PROJECT_TOKENS, 999, false}};
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        struct headroom h = {0};
        const struct headroom_mark none = {.set = false};
        struct provider_limits l = {.known = 1u << rows[i].id};
        l.by[rows[i].id] = (struct provider_limit){100000, rows[i].left, 3600 * SL_SEC};
        headroom_take(&h, &l, &none, T0);
        if ((headroom_left(&h, &need, T0) > 0) != rows[i].fits)
            fail_msg("limit %d with %lld", (int)rows[i].id, (long long)rows[i].left);
    }
}

static void test_in_flight(void **state)
{
    (void)state;
    struct headroom h = {0};
    struct headroom_mark m[8];
    struct provider_limits l = tokens(10000, 5000, -1);
    headroom_send(&h, &need, &m[0]);
    headroom_take(&h, &l, &m[0], T0);
    for (unsigned i = 1; i <= 4; i++)
        headroom_send(&h, &need, &m[i]);
    assert_int_equal(headroom_left(&h, &need, T0), 1); /* the fifth fits exactly */
    headroom_send(&h, &need, &m[5]);
    assert_int_equal(headroom_left(&h, &need, T0), 0);
    l = tokens(10000, 1000, -1); /* the fourth's answer has counted those before it */
    headroom_take(&h, &l, &m[4], T0);
    assert_int_equal(headroom_left(&h, &need, T0), 0);
    l = tokens(10000, 2500, -1); /* an earlier one answers later: what was counted stays counted */
    headroom_take(&h, &l, &m[2], T0);
    assert_in_range(headroom_left(&h, &need, T0), 3200, 3300); /* 500 of 10,000 */
}

struct world {
    struct health_board *b;
    struct health_key *keys[3];
    struct health_lane *m, *other;
};

static void open_world(struct world *w, unsigned n)
{
    const uint64_t hashes[] = {11, 22, 33};
    w->b = health_board_new();
    w->m = health_lane_of(w->b, SL_STR("p"), SL_STR("m"));
    w->other = health_lane_of(w->b, SL_STR("p"), SL_STR("other"));
    health_keys_set(w->b, SL_STR("p"), hashes, n, w->keys);
}

static enum health_news ends(struct world *w, unsigned key, enum outcome o, int64_t wait_ns, int64_t now)
{
    struct health_use u = {.key = w->keys[key], .need = need};
    bool probe = health_begin(w->m, &u, now, NULL);
    const struct lane_sample s = {
        .outcome = o, .first_us = -1, .between_us = -1, .wait_ns = wait_ns, .was_probe = probe};
    return health_end(w->m, &s, &u, now);
}

static enum health_state state_of(struct health_lane *l, int64_t now, int64_t *out_until)
{
    struct health_view v;
    health_see(l, NULL, now, &v);
    *out_until = v.until_ns;
    return v.state;
}

/* A refused key rests alone; the account when it is the last one. A wait and a forbidden model are of one key at one model. */
static void test_keys_rest(void **state)
{
    (void)state;
    struct world w;
    int64_t until;
    open_world(&w, 3);
    assert_int_equal(ends(&w, 0, OUT_BAD_CREDENTIALS, -1, T0), HEALTH_KEY_RESTS);
    assert_int_equal(ends(&w, 0, OUT_BAD_CREDENTIALS, -1, T0), HEALTH_NO_NEWS);
    assert_int_equal(state_of(w.m, T0, &until), HEALTH_UP);
    for (unsigned from = 0; from < 6; from++) {
        struct health_pick p = health_pick_key(w.m, w.keys, 3, from, 3, &need, T0);
        assert_true(p.is_free && p.index == 1 + from % 2);
    }
    assert_int_equal(health_pick_key(w.m, w.keys, 3, 1, 1, &need, T0).index, 2);
    assert_int_equal(ends(&w, 1, OUT_QUOTA_EXHAUSTED, 40 * SL_SEC, T0), HEALTH_KEY_RESTS);
    assert_int_equal(ends(&w, 2, OUT_RATE_LIMITED, 20 * SL_SEC, T0), HEALTH_NO_NEWS);
    assert_int_equal(state_of(w.m, T0, &until), HEALTH_BLOCKED);
    assert_int_equal(until, T0 + 20 * SL_SEC);
    assert_int_equal(state_of(w.other, T0, &until), HEALTH_UP); /* the third key may be asked for another model */
    assert_false(health_pick_key(w.m, w.keys, 3, 0, 3, &need, T0).is_free);
    assert_int_equal(health_pick_key(w.m, w.keys, 3, 0, 3, &need, T0).index, 2); /* the first that may be asked again */
    assert_int_equal(state_of(w.m, T0 + 20 * SL_SEC, &until), HEALTH_UP);
    assert_int_equal(ends(&w, 2, OUT_FORBIDDEN, -1, T0 + 20 * SL_SEC), HEALTH_NO_NEWS);
    assert_int_equal(state_of(w.m, T0 + 21 * SL_SEC, &until), HEALTH_BLOCKED);
    assert_int_equal(state_of(w.other, T0 + 21 * SL_SEC, &until), HEALTH_UP);
    assert_int_equal(ends(&w, 2, OUT_BAD_CREDENTIALS, -1, T0 + 21 * SL_SEC), HEALTH_ACCOUNT_RESTS);
    assert_int_equal(state_of(w.other, T0 + 22 * SL_SEC, &until), HEALTH_BLOCKED);
    assert_int_equal(until, T0 + 40 * SL_SEC);
    assert_int_equal(ends(&w, 0, OUT_OK, -1, T0 + 23 * SL_SEC), HEALTH_NO_NEWS); /* it is well again */
    assert_int_equal(state_of(w.other, T0 + 23 * SL_SEC, &until), HEALTH_UP);
    health_board_free(w.b);
}

static void count_keys(void *arg, struct sl_str provider, unsigned n, unsigned resting)
{
    unsigned *sum = arg;
    assert_true(sl_str_eq(provider, SL_STR("p")));
    *sum = n * 10 + resting;
}

/* A reload keeps what is known of keys that stay, forgives those that were refused, and forgets those that have gone. */
static void test_reload(void **state)
{
    (void)state;
    struct world w;
    int64_t until;
    unsigned sum = 0;
    open_world(&w, 2);
    ends(&w, 0, OUT_BAD_CREDENTIALS, -1, T0);
    ends(&w, 1, OUT_RATE_LIMITED, 50 * SL_SEC, T0);
    health_keys_each(w.b, T0, count_keys, &sum);
    assert_int_equal(sum, 21);
    const uint64_t hashes[] = {22, 44, 22};
    struct health_key *keys[3];
    health_forgive_accounts(w.b);
    health_keys_set(w.b, SL_STR("p"), hashes, 3, keys);
    assert_ptr_equal(keys[0], w.keys[1]);
    assert_ptr_equal(keys[2], keys[0]);
    assert_int_equal(health_key_number(keys[0]), 1);
    assert_int_equal(health_key_number(w.keys[0]), 0);
    health_keys_each(w.b, T0, count_keys, &sum);
    assert_int_equal(sum, 20);
    assert_int_equal(state_of(w.m, T0, &until), HEALTH_UP); /* 44 is new */
    assert_int_equal(health_pick_key(w.m, keys, 3, 0, 3, &need, T0).index, 1);
    health_board_free(w.b);
}

/* Keys of one account share what is said of its limits, its waits and its credit; a refused key and a forbidden model are the key's. */
static void test_accounts(void **state)
{
    (void)state;
    static const unsigned accounts[] = {7, 7, 9};
    struct world w;
    struct health_view v;
    int64_t until;
    struct provider_limits full = tokens(10000, 0, -1);
    open_world(&w, 3);
    health_keys_share(w.b, w.keys, 3, accounts);
    struct health_use u = {.key = w.keys[1], .need = need};
    (void)health_begin(w.m, &u, T0, NULL);
    health_limits(w.m, &u, &full, T0);
    for (unsigned from = 0; from < 4; from++) /* neither of the two: what one was told counts for both */
        assert_int_equal(health_pick_key(w.m, w.keys, 3, from, 3, &need, T0).index, 2);
    ends(&w, 2, OUT_RATE_LIMITED, 50 * SL_SEC, T0);
    health_see(w.m, &need, T0, &v);
    assert_int_equal(v.state, HEALTH_UP);
    assert_int_equal(v.room, 0);
    ends(&w, 0, OUT_RATE_LIMITED, 20 * SL_SEC, T0);
    assert_int_equal(state_of(w.m, T0, &until), HEALTH_BLOCKED);
    assert_int_equal(until, T0 + 20 * SL_SEC);
    int64_t later = T0 + 400 * SL_SEC;
    assert_int_equal(ends(&w, 0, OUT_FORBIDDEN, -1, later), HEALTH_NO_NEWS);
    assert_true(health_pick_key(w.m, w.keys, 3, 0, 3, &need, later).index != 0);
    assert_true(health_pick_key(w.m, w.keys, 3, 0, 2, &need, later).is_free); /* the other one of the account */
    assert_int_equal(ends(&w, 2, OUT_BAD_CREDENTIALS, -1, later), HEALTH_KEY_RESTS);
    assert_int_equal(state_of(w.other, later, &until), HEALTH_UP);
    assert_int_equal(ends(&w, 0, OUT_QUOTA_EXHAUSTED, -1, later), HEALTH_ACCOUNT_RESTS);
    assert_int_equal(state_of(w.other, later, &until), HEALTH_BLOCKED);
    const uint64_t hashes[] = {11, 22, 33};
    health_forgive_accounts(w.b);
    health_keys_set(w.b, SL_STR("p"), hashes, 3, w.keys); /* nobody says it any more: each for itself */
    ends(&w, 0, OUT_RATE_LIMITED, 20 * SL_SEC, later);
    assert_true(health_pick_key(w.m, w.keys, 3, 0, 0, &need, later).is_free);
    health_board_free(w.b);
}

/* A lane has the room of its best key; requests go to keys that have some. More keys than can be told apart do no harm. */
static void test_room(void **state)
{
    (void)state;
    struct world w;
    struct health_view v;
    open_world(&w, 2);
    struct provider_limits full = tokens(10000, 200, -1), half = tokens(10000, 6000, -1);
    for (unsigned i = 0; i < 2; i++) {
        struct health_use u = {.key = w.keys[i], .need = need};
        health_begin(w.m, &u, T0, NULL);
        health_limits(w.m, &u, &full, T0);
    }
    health_see(w.m, &need, T0, &v);
    assert_int_equal(v.room, 0);
    assert_int_equal(v.state, HEALTH_UP);
    struct health_use u = {.key = w.keys[1], .need = need};
    health_begin(w.m, &u, T0, NULL);
    health_limits(w.m, &u, &half, T0);
    health_see(w.m, &need, T0, &v);
    assert_int_equal(v.room, HEADROOM_WHOLE / 2);
    for (unsigned from = 0; from < 4; from++)
        assert_int_equal(health_pick_key(w.m, w.keys, 2, from, 2, &need, T0).index, 1);
    uint64_t hashes[HEALTH_KEYS_MAX + 10];
    struct health_key *keys[HEALTH_KEYS_MAX + 10];
    for (unsigned i = 0; i < HEALTH_KEYS_MAX + 10; i++)
        hashes[i] = 1000 + i;
    health_keys_set(w.b, SL_STR("p"), hashes, HEALTH_KEYS_MAX + 10, keys);
    assert_null(keys[HEALTH_KEYS_MAX + 9]);
    struct health_pick p = health_pick_key(w.m, keys, HEALTH_KEYS_MAX + 10, HEALTH_KEYS_MAX + 9, UINT32_MAX, &need, T0);
    assert_true(p.is_free && p.index == HEALTH_KEYS_MAX + 9);
    health_board_free(w.b);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_refills),   cmocka_unit_test(test_input_and_output), cmocka_unit_test(test_in_flight),
        cmocka_unit_test(test_keys_rest), cmocka_unit_test(test_reload),           cmocka_unit_test(test_room),
        cmocka_unit_test(test_accounts),
    };
    return cmocka_run_group_tests_name("upstream headroom", tests, NULL, NULL);
}
