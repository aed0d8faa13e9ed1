/* retry_decide: each outcome against each fact that can change the verdict. */
#include "upstream/retry.h"

#include "base/clock.h"
#include "base/rand.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include <cmocka.h>

static const struct retry_policy policy = {
    .attempts = 5, .same = 2, .base_ns = 100 * SL_MS, .cap_ns = 500 * SL_MS, .wait_cap_ns = 60 * SL_SEC};

static struct retry_facts facts_of(enum outcome o)
{
    return (struct retry_facts){
        .outcome = o,
        .tries_same = 1,
        .tries_total = 1,
        .now_ns = 1000 * SL_SEC,
        .total_due_ns = 1300 * SL_SEC,
        .op_repeatable = true,
        .was_sent = true,
        .provider_wait_ns = -1,
        .candidates_left = 1,
        .policy = &policy,
        .random = UINT64_MAX,
    };
}

/* What comes after the first try, with another target left (`with`), with none (`alone`), and for an operation that must not
 * be done twice and was sent (`once`, with another target left). G: give up, S: same, N: next. */
static const struct {
    enum outcome o;
    char with, alone, once;
} table[] = {
    {OUT_OK, 'G', 'G', 'G'},
    {OUT_CLIENT_FAULT, 'G', 'G', 'G'},
    {OUT_CONTEXT_OVERFLOW, 'N', 'G', 'N'},
    {OUT_CONTENT_FILTER, 'G', 'G', 'G'},
    {OUT_MODEL_GONE, 'N', 'G', 'N'},
    {OUT_RATE_LIMITED, 'N', 'S', 'N'},
    {OUT_QUOTA_EXHAUSTED, 'N', 'G', 'N'},
    {OUT_BAD_CREDENTIALS, 'N', 'G', 'N'},
    {OUT_FORBIDDEN, 'N', 'G', 'N'},
    {OUT_OVERLOADED, 'N', 'S', 'N'},
    {OUT_SERVER_ERROR, 'N', 'S', 'G'},
    {OUT_RESOLVE_FAILED, 'N', 'S', 'N'},
    {OUT_ADDRESS_REFUSED, 'N', 'G', 'N'},
    {OUT_CONNECT_REFUSED, 'N', 'S', 'N'},
    {OUT_CONNECT_TIMEOUT, 'N', 'S', 'N'},
    {OUT_PROXY_FAILED, 'N', 'S', 'N'},
    {OUT_TLS_FAILED, 'N', 'G', 'N'},
    {OUT_TLS_TIMEOUT, 'N', 'S', 'N'},
    {OUT_SEND_FAILED, 'S', 'S', 'G'},
    {OUT_SEND_TIMEOUT, 'N', 'S', 'G'},
    {OUT_STALE, 'S', 'S', 'G'},
    {OUT_FIRST_BYTE_TIMEOUT, 'N', 'S', 'G'},
    {OUT_BETWEEN_TIMEOUT, 'N', 'S', 'G'},
    {OUT_FIRST_TOKEN_TIMEOUT, 'N', 'S', 'G'},
    {OUT_STALLED, 'N', 'S', 'G'},
    {OUT_TOTAL_TIMEOUT, 'G', 'G', 'G'},
    {OUT_RESET, 'S', 'S', 'G'},
    {OUT_TRUNCATED, 'N', 'S', 'G'},
    {OUT_MALFORMED, 'N', 'S', 'G'},
    {OUT_TOO_LARGE, 'N', 'G', 'G'},
    {OUT_STREAM_ERROR, 'N', 'S', 'G'},
    {OUT_REDIRECT, 'N', 'G', 'N'},
    {OUT_CLIENT_GONE, 'G', 'G', 'G'},
    {OUT_CANCELLED, 'G', 'G', 'G'},
    {OUT_INTERRUPTED, 'G', 'G', 'G'},
};

static void check(const struct retry_facts *f, char expect, const char *what)
{
    static const char letters[] = {[RETRY_GIVE_UP] = 'G', [RETRY_SAME_TARGET] = 'S', [RETRY_NEXT_TARGET] = 'N'};
    struct retry_verdict v = retry_decide(f);
    if (letters[v.next] != expect)
        fail_msg("%s, %s: %c (%s)", outcome_row(f->outcome)->name.p, what, letters[v.next], v.why);
    assert_true(v.why != NULL && v.why[0] != 0);
    if (v.next != RETRY_SAME_TARGET)
        assert_int_equal(v.delay_ns, 0); /* moving on is immediate */
}

static void every_outcome(void **state)
{
    (void)state;
    assert_int_equal(sizeof table / sizeof table[0], OUT_COUNT);
    for (unsigned i = 0; i < OUT_COUNT; i++) {
        struct retry_facts f = facts_of(table[i].o);
        assert_int_equal(table[i].o, i);
        check(&f, table[i].with, "another target left");
        struct retry_policy filtered = policy;
        filtered.filtered_next = true;
        f.policy = &filtered;
        check(&f, table[i].o == OUT_CONTENT_FILTER ? 'N' : table[i].with,
              "the next target is asked what a filter refuses");
        f.candidates_left = 0;
        check(&f, table[i].alone, "no other target, to ask what a filter refuses");
        f.policy = &policy;
        check(&f, table[i].alone, "no other target");
        f.candidates_left = 1;
        f.op_repeatable = false;
        check(&f, table[i].once, "not repeatable and sent");
        f.was_sent = false; /* nothing has happened: as if it could be repeated */
        check(&f, table[i].with, "not repeatable, not sent");
        f = facts_of(table[i].o);
        f.committed = true;
        check(&f, 'G', "committed");
        f.committed = false;
        f.tries_total = 5;
        check(&f, 'G', "attempts used up");
        f.tries_total = 6;
        check(&f, 'G', "more than all attempts");
        f.tries_total = 4;
        check(&f, table[i].with, "one attempt left");
        struct retry_policy bounded = *f.policy;
        bounded.cost_p = 1000;
        f.policy = &bounded;
        f.cost_p = 999;
        check(&f, table[i].with, "money left");
        f.cost_p = 1000;
        check(&f, 'G', "the money is spent");
        f.policy = facts_of(table[i].o).policy;
        f.now_ns = f.total_due_ns;
        check(&f, 'G', "no time left");
        f.now_ns = f.total_due_ns + SL_SEC;
        check(&f, 'G', "late");
        f.total_due_ns = 0;
        check(&f, table[i].with, "no total deadline");
        f.total_due_ns = SL_NEVER;
        check(&f, table[i].with, "never due");
        f = facts_of(table[i].o);
        f.tries_same = 2; /* enough of this one */
        check(&f, table[i].with == 'S' ? 'N' : table[i].with, "tried twice, another left");
        f.candidates_left = 0;
        f.tries_same = f.tries_total = 4;
        check(&f, table[i].alone, "tried four times, nobody else");
        f = facts_of(table[i].o);
        f.provider_wait_ns = 10 * SL_SEC; /* waiting is for the same target only */
        if (table[i].with == 'N')
            check(&f, 'N', "asked to wait, another left");
        f.candidates_left = 0;
        f.provider_wait_ns = 61 * SL_SEC;
        check(&f, 'G', "asked to wait too long");
        f.provider_wait_ns = 60 * SL_SEC;
        check(&f, table[i].alone, "asked to wait as long as allowed");
        f.total_due_ns = f.now_ns + 60 * SL_SEC;
        check(&f, 'G', "the wait does not fit");
        f.total_due_ns = 0;
        check(&f, table[i].alone, "the wait fits forever");
    }
}

static void back_off(void **state)
{
    (void)state;
    struct retry_facts f = facts_of(OUT_OVERLOADED);
    static const int64_t most[] = {100 * SL_MS, 200 * SL_MS, 400 * SL_MS, 500 * SL_MS, 500 * SL_MS};
    struct retry_policy p = policy;
    f.candidates_left = 0;
    p.attempts = UINT32_MAX;
    f.policy = &p;
    for (unsigned i = 0; i < 5; i++) {
        f.tries_same = i + 1;
        f.random = UINT64_MAX;
        assert_true(retry_decide(&f).delay_ns == most[i]);
        f.random = 0;
        assert_true(retry_decide(&f).delay_ns == 0);
        f.random = UINT64_C(1) << 63;
        assert_in_range(retry_decide(&f).delay_ns, most[i] / 2, most[i] / 2 + 1);
    }
    f.random = UINT64_MAX;
    f.tries_same = UINT32_MAX;
    assert_true(retry_decide(&f).delay_ns == 500 * SL_MS);
    p.cap_ns = INT64_MAX;
    p.base_ns = INT64_MAX;
    f.total_due_ns = 0;
    assert_true(retry_decide(&f).delay_ns == INT64_MAX);
    p.base_ns = 0;
    assert_true(retry_decide(&f).delay_ns == 0);
    p = policy;
    p.base_ns = 2 * SL_SEC; /* over the cap from the start */
    f.tries_same = 1;
    assert_true(retry_decide(&f).delay_ns == 500 * SL_MS);
}

static void waits_at_least_as_long_as_asked(void **state)
{
    (void)state;
    struct sl_rand r;
    int64_t sum = 0;
    sl_rand_seed(&r, 5);
    for (unsigned i = 0; i < 1000; i++) {
        struct retry_facts f = facts_of(OUT_RATE_LIMITED);
        f.candidates_left = 0;
        f.provider_wait_ns = 3 * SL_SEC;
        f.random = sl_rand_next(&r);
        struct retry_verdict v = retry_decide(&f);
        assert_int_equal(v.next, RETRY_SAME_TARGET);
        assert_true(v.delay_ns >= 3 * SL_SEC && v.delay_ns <= 3 * SL_SEC + 100 * SL_MS);
        sum += v.delay_ns - 3 * SL_SEC;
    }
    assert_in_range(sum / 1000, 45 * SL_MS, 55 * SL_MS); /* spread evenly: nobody wakes together */
}

static void a_reset_moves_on_when_waiting_does_not_fit(void **state)
{
    (void)state;
    struct retry_facts f = facts_of(OUT_RESET);
    f.total_due_ns = f.now_ns + SL_MS; /* the back-off is longer */
    check(&f, 'N', "another target");
    f.candidates_left = 0;
    check(&f, 'G', "no other target");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_outcome),
        cmocka_unit_test(back_off),
        cmocka_unit_test(waits_at_least_as_long_as_asked),
        cmocka_unit_test(a_reset_moves_on_when_waiting_does_not_fit),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
