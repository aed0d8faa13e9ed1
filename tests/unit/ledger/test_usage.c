/* usage: what providers report becomes disjoint classes that sum to the whole, whatever they report. */
#include "ledger/usage.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>
/* cmocka wants the three above first. */
#include <cmocka.h>

#include "base/rand.h"

static void test_chat_example(void **state)
{
    (void)state;
    struct usage u = usage_from_openai(&(struct usage_openai){.prompt = 1000,
                                                              .cached = 640,
                                                              .cache_write = 128,
                                                              .audio_prompt = 20,
                                                              .completion = 300,
                                                              .reasoning = 256,
                                                              .audio_completion = 4,
                                                              .total = 1300});
    assert_int_equal(u.input, 1000 - 640 - 128 - 20);
    assert_int_equal(u.cache_read, 640);
    assert_int_equal(u.cache_write, 128);
    assert_int_equal(u.audio_in, 20);
    assert_int_equal(u.output, 300 - 256 - 4);
    assert_int_equal(u.reasoning, 256);
    assert_int_equal(u.audio_out, 4);
    assert_int_equal(u.flags, USAGE_REPORTED);
    assert_int_equal(usage_input_total(&u), 1000);
    assert_int_equal(usage_output_total(&u), 300);
    assert_int_equal(usage_total(&u), 1300);
}

static void test_embeddings(void **state)
{
    (void)state;
    struct usage u = usage_from_openai(&(struct usage_openai){.prompt = 5, .total = 5});
    assert_int_equal(u.input, 5);
    assert_int_equal(usage_output_total(&u), 0);
    assert_int_equal(u.flags, USAGE_REPORTED);
}

static void test_subset_over_whole_is_clamped(void **state)
{
    (void)state;
    struct usage u =
        usage_from_openai(&(struct usage_openai){.prompt = 10, .cached = 11, .completion = 3, .reasoning = 9});
    assert_int_equal(u.cache_read, 10);
    assert_int_equal(u.input, 0);
    assert_int_equal(u.reasoning, 3);
    assert_int_equal(u.output, 0);
    assert_int_equal(u.flags, USAGE_REPORTED | USAGE_INCONSISTENT);
}

static void test_subsets_together_over_whole(void **state)
{
    (void)state;
    struct usage u =
        usage_from_openai(&(struct usage_openai){.prompt = 10, .cached = 6, .cache_write = 6, .image_prompt = 1});
    assert_int_equal(u.cache_read, 6);
    assert_int_equal(u.cache_write, 4);
    assert_int_equal(u.image_in, 0);
    assert_true(u.flags & USAGE_INCONSISTENT);
}

static void test_total_contradicts(void **state)
{
    (void)state;
    struct usage u = usage_from_openai(&(struct usage_openai){.prompt = 10, .completion = 5, .total = 16});
    assert_true(u.flags & USAGE_INCONSISTENT);
    assert_int_equal(usage_total(&u), 15);
    u = usage_from_openai(&(struct usage_openai){.prompt = 10, .completion = 5, .total = 0});
    assert_false(u.flags & USAGE_INCONSISTENT);
}

static void test_reasoning_outside(void **state)
{
    (void)state;
    struct usage u = usage_from_openai(&(struct usage_openai){
        .prompt = 10, .completion = 5, .reasoning = 200, .total = 215, .reasoning_outside = true});
    assert_int_equal(u.output, 5);
    assert_int_equal(u.reasoning, 200);
    assert_false(u.flags & USAGE_INCONSISTENT);
}

static void test_implausible_is_not_believed(void **state)
{
    (void)state;
    struct usage u = usage_from_openai(&(struct usage_openai){.prompt = USAGE_TOKENS_MAX, .completion = 1});
    assert_int_equal(u.flags, USAGE_REPORTED);
    u = usage_from_openai(&(struct usage_openai){.prompt = USAGE_TOKENS_MAX + 1, .completion = 1});
    assert_int_equal(u.flags, USAGE_INCONSISTENT | USAGE_IMPLAUSIBLE);
    assert_int_equal(usage_total(&u), 0);
    u = usage_from_openai(
        &(struct usage_openai){.prompt = 1, .completion = 1, .reasoning = UINT64_MAX, .reasoning_outside = true});
    assert_true(u.flags & USAGE_IMPLAUSIBLE);
    u = usage_from_openai(&(struct usage_openai){.prompt = 1, .total = UINT64_MAX, .unknown_fields = true});
    assert_int_equal(u.flags, USAGE_REPORTED | USAGE_INCONSISTENT | USAGE_UNKNOWN_FIELDS);
}

/* Small numbers collide with each other often, large ones reach the limits. */
static uint64_t any_count(struct sl_rand *r)
{
    static const uint64_t limits[] = {1, 3, 10, 1000, 1000000, USAGE_TOKENS_MAX + 1};
    return sl_rand_below(r, limits[sl_rand_below(r, sizeof limits / sizeof limits[0])]);
}

static void test_classes_always_sum(void **state)
{
    (void)state;
    struct sl_rand r;
    sl_rand_seed(&r, 20261121);
    for (unsigned i = 0; i < 100000; i++) {
        struct usage_openai o = {any_count(&r), any_count(&r), any_count(&r), any_count(&r),
                                 any_count(&r), any_count(&r), any_count(&r), any_count(&r),
                                 any_count(&r), any_count(&r), false,         false};
        o.reasoning_outside = sl_rand_below(&r, 2) != 0;
        struct usage u = usage_from_openai(&o);
        assert_int_equal(usage_input_total(&u), o.prompt);
        assert_int_equal(usage_output_total(&u), o.completion + (o.reasoning_outside ? o.reasoning : 0));
        assert_true(u.flags & USAGE_REPORTED);
        /* Either everything is as reported, or it says that it is not. */
        bool as_reported = u.cache_read == o.cached && u.cache_write == o.cache_write && u.audio_in == o.audio_prompt &&
                           u.image_in == o.image_prompt && u.reasoning == o.reasoning &&
                           u.audio_out == o.audio_completion && u.image_out == o.image_completion;
        if (!as_reported)
            assert_true(u.flags & USAGE_INCONSISTENT);
        for (unsigned c = 0; c < TOKEN_CLASS_COUNT; c++)
            assert_true(u.by_class[c] <= o.prompt + o.completion + o.reasoning);
    }
}

static void test_add_saturates(void **state)
{
    (void)state;
    struct usage a = {.input = UINT64_MAX - 1, .output = 7, .flags = USAGE_REPORTED};
    usage_add(&a, &(struct usage){.input = 1, .output = 1, .flags = USAGE_ESTIMATED});
    assert_true(a.input == UINT64_MAX);
    assert_int_equal(a.output, 8);
    assert_int_equal(a.flags, USAGE_REPORTED | USAGE_ESTIMATED);
    usage_add(&a, &(struct usage){.input = 1});
    assert_true(a.input == UINT64_MAX);
    assert_true(a.flags & USAGE_INCONSISTENT);
    a.cache_read = 9;
    assert_true(usage_input_total(&a) == UINT64_MAX);
    assert_true(usage_total(&a) == UINT64_MAX);
}

static void test_names(void **state)
{
    (void)state;
    assert_string_equal(token_class_name(TC_INPUT), "input");
    assert_string_equal(token_class_name(TC_IMAGE_OUT), "image_out");
    assert_string_equal(token_class_name((enum token_class)TOKEN_CLASS_COUNT), "unknown");
    assert_string_equal(usage_unit_name(UU_SEARCHES), "searches");
    assert_string_equal(usage_unit_name((enum usage_unit)USAGE_UNIT_COUNT), "unknown");
    struct usage with = {.pages = 3}, more = {.pages = UINT64_MAX, .images_out = 1};
    assert_true(usage_has_units(&with) && usage_total(&with) == 0);
    usage_add(&with, &more);
    assert_true(with.pages == UINT64_MAX && with.images_out == 1 && (with.flags & USAGE_INCONSISTENT) != 0);
    struct usage u = {.reasoning = 42};
    assert_int_equal(u.by_class[TC_REASONING], 42);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_chat_example),
        cmocka_unit_test(test_embeddings),
        cmocka_unit_test(test_subset_over_whole_is_clamped),
        cmocka_unit_test(test_subsets_together_over_whole),
        cmocka_unit_test(test_total_contradicts),
        cmocka_unit_test(test_reasoning_outside),
        cmocka_unit_test(test_implausible_is_not_believed),
        cmocka_unit_test(test_classes_always_sum),
        cmocka_unit_test(test_add_saturates),
        cmocka_unit_test(test_names),
    };
    return cmocka_run_group_tests_name("ledger/usage", tests, NULL, NULL);
}
