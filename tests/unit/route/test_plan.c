/* Plans: which targets, in which order, why, and what is told to whom. */
#include "route/plan.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

static struct sl_arena arena;
static struct route_policy *policy;

static const struct sl_str llama_models[] = {SL_STR_INIT("llama-3"), SL_STR_INIT("meta/llama-4")};
static const struct route_provider_spec providers[] = {
    {.name = SL_STR_INIT("openai"), .direct = true},
    {.name = SL_STR_INIT("eu")},
    {.name = SL_STR_INIT("llama"), .models = llama_models, .n_models = 2},
};
static const struct route_target_spec gpt_targets[] = {
    {SL_STR_INIT("openai"), SL_STR_INIT("gpt-4o-2024")},
    {SL_STR_INIT("eu"), SL_STR_INIT("gpt-4o")},
};
static const struct route_target_spec mini_targets[] = {
    {SL_STR_INIT("openai"), SL_STR_INIT("gpt-4o-mini")},
    {SL_STR_INIT("eu"), SL_STR_INIT("gpt-4o")}, /* the same target as one of gpt-4o's */
};
static const struct route_model_spec models[] = {
    {SL_STR_INIT("gpt-4o"), gpt_targets, 2},
    {SL_STR_INIT("mini"), mini_targets, 2},
};
static const struct route_alias_spec aliases[] = {
    {SL_STR_INIT("assistant"), SL_STR_INIT("gpt-4o")},
    {SL_STR_INIT("local"), SL_STR_INIT("llama/llama-3")},
};
static const struct route_policy_spec spec = {providers, 3, models, 2, aliases, 2, 1790000000};

static int set_up(void **state)
{
    (void)state;
    sl_arena_init(&arena, NULL);
    struct sl_fail fail;
    return route_policy_build(&spec, &policy, &fail);
}

static int tear_down(void **state)
{
    (void)state;
    route_policy_free(policy);
    sl_arena_done(&arena);
    return 0;
}

static bool all(const void *grant, struct sl_str model)
{
    (void)grant;
    (void)model;
    return true;
}

static bool only(const void *grant, struct sl_str model) /* grant: a prefix */
{
    return sl_str_starts(model, sl_str_c(grant));
}

static struct route_plan plan(const struct route_ask *ask, enum route_verdict want)
{
    struct route_plan p;
    assert_int_equal(route_plan(policy, ask, &arena, &p), want);
    assert_int_equal(p.n > 0, want == ROUTE_OK);
    for (uint32_t i = 0; i < p.n; i++)
        assert_non_null(p.candidates[i].why);
    for (uint32_t i = 0; i < p.n_excluded; i++)
        assert_non_null(p.excluded[i].why);
    return p;
}

static void candidate_is(const struct route_candidate *c, const char *provider, const char *model, uint32_t index)
{
    assert_true(sl_str_eq(c->provider, sl_str_c(provider)));
    assert_true(sl_str_eq(c->model, sl_str_c(model)));
    assert_int_equal(c->provider_index, index);
}

static void targets_in_their_order(void **state)
{
    (void)state;
    static const char *const names[] = {"gpt-4o", "assistant"};
    for (int i = 0; i < 2; i++) {
        struct route_plan p = plan(&(struct route_ask){.model = sl_str_c(names[i]), .granted = all}, ROUTE_OK);
        assert_int_equal(p.n, 2);
        candidate_is(&p.candidates[0], "openai", "gpt-4o-2024", 0);
        candidate_is(&p.candidates[1], "eu", "gpt-4o", 1);
        assert_true(sl_str_eq(p.candidates[0].asked, sl_str_c(names[i])));
        assert_int_equal(p.n_excluded, 0);
    }
}

static void fallback_off_means_the_first_only(void **state)
{
    (void)state;
    struct sl_str more[] = {SL_STR("local")};
    struct route_plan p = plan(
        &(struct route_ask){
            .model = SL_STR("gpt-4o"), .models = more, .n_models = 1, .granted = all, .fallback = ROUTE_FIRST_ONLY},
        ROUTE_OK);
    assert_int_equal(p.n, 1);
    candidate_is(&p.candidates[0], "openai", "gpt-4o-2024", 0);
    assert_int_equal(p.n_excluded, 2);
    assert_string_equal(p.excluded[0].why, "fallback is off");
    candidate_is(&p.excluded[1], "llama", "llama-3", 2);
}

static void a_list_of_models(void **state)
{
    (void)state;
    struct sl_str more[] = {SL_STR("mini"), SL_STR("gpt-4o"), SL_STR("nothing"), SL_STR("local")};
    struct route_plan p =
        plan(&(struct route_ask){.model = SL_STR("gpt-4o"), .models = more, .n_models = 4, .granted = all}, ROUTE_OK);
    assert_int_equal(p.n, 4);
    candidate_is(&p.candidates[2], "openai", "gpt-4o-mini", 0);
    candidate_is(&p.candidates[3], "llama", "llama-3", 2);
    assert_true(sl_str_eq(p.candidates[3].asked, SL_STR("local")));
    assert_int_equal(p.n_excluded, 4);                       /* eu/gpt-4o again, gpt-4o twice, and the unknown one */
    assert_string_equal(p.excluded[0].why, "unknown model"); /* found first; the others are known at the end */
    /* An unknown first name does not stop the others. */
    p = plan(&(struct route_ask){.model = SL_STR("nothing"), .models = more, .n_models = 1, .granted = all}, ROUTE_OK);
    candidate_is(&p.candidates[0], "openai", "gpt-4o-mini", 0);
}

static void direct_targets(void **state)
{
    (void)state;
    struct route_plan p = plan(&(struct route_ask){.model = SL_STR("openai/o3/x"), .granted = all}, ROUTE_OK);
    assert_int_equal(p.n, 1);
    candidate_is(&p.candidates[0], "openai", "o3/x", 0);
    p = plan(&(struct route_ask){.model = SL_STR("llama/meta/llama-4"), .granted = all}, ROUTE_OK);
    candidate_is(&p.candidates[0], "llama", "meta/llama-4", 2);
    plan(&(struct route_ask){.model = SL_STR("eu/gpt-4o"), .granted = all}, ROUTE_UNKNOWN);   /* not direct */
    plan(&(struct route_ask){.model = SL_STR("llama/other"), .granted = all}, ROUTE_UNKNOWN); /* not known there */
    plan(&(struct route_ask){.model = SL_STR("nobody/gpt-4o"), .granted = all}, ROUTE_UNKNOWN);
    plan(&(struct route_ask){.model = SL_STR("openai/"), .granted = all}, ROUTE_UNKNOWN);
    plan(&(struct route_ask){.model = SL_STR("/gpt-4o"), .granted = all}, ROUTE_UNKNOWN);
    plan(&(struct route_ask){.model = SL_STR("openai"), .granted = all}, ROUTE_UNKNOWN);
    plan(&(struct route_ask){.model = SL_STR(""), .granted = all}, ROUTE_UNKNOWN);
}

static void rights(void **state)
{
    (void)state;
    plan(&(struct route_ask){.model = SL_STR("gpt-4o"), .granted = only, .grant = "mini"}, ROUTE_NOT_GRANTED);
    plan(&(struct route_ask){.model = SL_STR("gpt-4o"), .granted = only, .grant = "gpt"}, ROUTE_OK);
    /* An alias and a direct name are granted by their own names, not by what is behind them. */
    plan(&(struct route_ask){.model = SL_STR("assistant"), .granted = only, .grant = "gpt"}, ROUTE_NOT_GRANTED);
    plan(&(struct route_ask){.model = SL_STR("openai/gpt-4o"), .granted = only, .grant = "gpt"}, ROUTE_NOT_GRANTED);
    plan(&(struct route_ask){.model = SL_STR("openai/gpt-4o"), .granted = only, .grant = "openai/"}, ROUTE_OK);
    struct sl_str more[] = {SL_STR("gpt-4o"), SL_STR("mini")};
    struct route_plan p = plan(
        &(struct route_ask){.model = SL_STR("local"), .models = more, .n_models = 2, .granted = only, .grant = "mini"},
        ROUTE_OK);
    assert_int_equal(p.n, 2);
    assert_int_equal(p.n_excluded, 2);
    assert_string_equal(p.excluded[0].why, "not granted to this key");
}

static void the_nearest_name_is_told_to_those_who_may(void **state)
{
    (void)state;
    struct route_plan p = plan(&(struct route_ask){.model = SL_STR("gpt4o"), .granted = all}, ROUTE_UNKNOWN);
    assert_true(sl_str_eq(p.near, SL_STR("gpt-4o")));
    p = plan(&(struct route_ask){.model = SL_STR("gpt4o"), .granted = only, .grant = "mini"}, ROUTE_UNKNOWN);
    assert_int_equal(p.near.n, 0);
    p = plan(&(struct route_ask){.model = SL_STR("gpt-4o"), .granted = only, .grant = "mini"}, ROUTE_NOT_GRANTED);
    assert_int_equal(p.near.n, 0);
    p = plan(&(struct route_ask){.model = SL_STR("something else"), .granted = all}, ROUTE_UNKNOWN);
    assert_int_equal(p.near.n, 0);
}

static void named_routes_are_not_there_yet(void **state)
{
    (void)state;
    plan(&(struct route_ask){.model = SL_STR("gpt-4o"), .route = SL_STR("cheap"), .granted = all}, ROUTE_NO_SUCH_ROUTE);
}

static void open_models(void **state)
{
    (void)state;
    static const struct route_provider_spec open[] = {
        {.name = SL_STR_INIT("a"), .open_models = true},
        {.name = SL_STR_INIT("b"), .direct = true},
        {.name = SL_STR_INIT("c"), .open_models = true},
    };
    static const struct route_target_spec t[] = {{SL_STR_INIT("b"), SL_STR_INIT("x")}};
    static const struct route_model_spec m[] = {{SL_STR_INIT("x"), t, 1}};
    route_policy_free(policy);
    assert_int_equal(route_policy_build(&(struct route_policy_spec){open, 3, m, 1, NULL, 0, 0}, &policy, NULL), SL_OK);
    struct route_plan p = plan(&(struct route_ask){.model = SL_STR("any/model"), .granted = all}, ROUTE_OK);
    assert_int_equal(p.n, 2);
    candidate_is(&p.candidates[0], "a", "any/model", 0);
    candidate_is(&p.candidates[1], "c", "any/model", 2);
    p = plan(&(struct route_ask){.model = SL_STR("x"), .granted = all}, ROUTE_OK);
    assert_int_equal(p.n, 1);
    candidate_is(&p.candidates[0], "b", "x", 1);
    p = plan(&(struct route_ask){.model = SL_STR("b/y"), .granted = all}, ROUTE_OK);
    candidate_is(&p.candidates[0], "b", "y", 1);
    plan(&(struct route_ask){.model = SL_STR("any"), .granted = only, .grant = "x"}, ROUTE_NOT_GRANTED);
}

static void long_plans_are_cut(void **state)
{
    (void)state;
    static struct route_target_spec many[100];
    for (size_t i = 0; i < 100; i++)
        many[i] = (struct route_target_spec){SL_STR("p"), sl_arena_printf(&arena, "m%zu", i)};
    static const struct route_provider_spec p1[] = {{.name = SL_STR_INIT("p")}};
    const struct route_model_spec m[] = {{SL_STR("all"), many, 100}};
    route_policy_free(policy);
    assert_int_equal(route_policy_build(&(struct route_policy_spec){p1, 1, m, 1, NULL, 0, 0}, &policy, NULL), SL_OK);
    struct route_plan p = plan(&(struct route_ask){.model = SL_STR("all"), .granted = all}, ROUTE_OK);
    assert_int_equal(p.n, ROUTE_CANDIDATES_MAX);
    assert_string_equal(p.excluded[0].why, "the plan is full");
}

static void lists(void **state)
{
    (void)state;
    struct route_listed *rows;
    static const char *const want[] = {"assistant", "gpt-4o", "llama/llama-3", "llama/meta/llama-4", "local", "mini"};
    size_t n = route_list(policy, all, NULL, &arena, &rows);
    assert_int_equal(n, 6);
    for (size_t i = 0; i < n; i++) {
        assert_true(sl_str_eq(rows[i].id, sl_str_c(want[i])));
        assert_int_equal(rows[i].created_s, 1790000000);
        assert_true(rows[i].owned_by.n > 0);
        struct route_listed one;
        assert_true(route_listed_find(policy, all, NULL, rows[i].id, &one));
        assert_true(sl_str_eq(one.id, rows[i].id));
    }
    assert_int_equal(route_list(policy, only, "l", &arena, &rows), 3);
    struct route_listed one;
    assert_false(route_listed_find(policy, only, "l", SL_STR("mini"), &one));
    assert_false(route_listed_find(policy, all, NULL, SL_STR("minix"), &one));
}

static void wrong_policies(void **state)
{
    (void)state;
    static const struct route_target_spec nobody[] = {{SL_STR_INIT("nobody"), SL_STR_INIT("x")}};
    static const struct route_model_spec at_nobody[] = {{SL_STR_INIT("x"), nobody, 1}};
    static const struct route_model_spec empty[] = {{SL_STR_INIT("x"), nobody, 0}};
    static const struct route_model_spec twice[] = {{SL_STR_INIT("x"), gpt_targets, 1},
                                                    {SL_STR_INIT("x"), gpt_targets, 1}};
    static const struct route_alias_spec to_nothing[] = {{SL_STR_INIT("y"), SL_STR_INIT("z")}};
    static const struct route_alias_spec onto_itself[] = {{SL_STR_INIT("y"), SL_STR_INIT("y")}};
    static const struct route_alias_spec taken[] = {{SL_STR_INIT("gpt-4o"), SL_STR_INIT("mini")}};
    static const struct route_provider_spec same[] = {{.name = SL_STR_INIT("p")}, {.name = SL_STR_INIT("p")}};
    const struct route_policy_spec specs[] = {
        {providers, 3, at_nobody, 1, NULL, 0, 0},
        {providers, 3, empty, 1, NULL, 0, 0},
        {providers, 3, twice, 2, NULL, 0, 0},
        {providers, 3, models, 2, to_nothing, 1, 0},
        {providers, 3, models, 2, onto_itself, 1, 0},
        {providers, 3, models, 2, taken, 1, 0},
        {same, 2, NULL, 0, NULL, 0, 0},
    };
    for (size_t i = 0; i < sizeof specs / sizeof specs[0]; i++) {
        struct route_policy *p = NULL;
        struct sl_fail fail = {.text = ""};
        assert_int_equal(route_policy_build(&specs[i], &p, &fail), SL_EINVAL);
        assert_null(p);
        assert_true(strlen(fail.text) > 0);
    }
    struct route_policy *p;
    assert_int_equal(route_policy_build(&(struct route_policy_spec){0}, &p, NULL), SL_OK);
    struct route_plan none;
    assert_int_equal(route_plan(p, &(struct route_ask){.model = SL_STR("x"), .granted = all}, &arena, &none),
                     ROUTE_UNKNOWN);
    route_policy_free(p);
    route_policy_free(NULL);
}

int main(void)
{
#define T(f) cmocka_unit_test_setup_teardown(f, set_up, tear_down)
    const struct CMUnitTest tests[] = {
        T(targets_in_their_order),
        T(fallback_off_means_the_first_only),
        T(a_list_of_models),
        T(direct_targets),
        T(rights),
        T(the_nearest_name_is_told_to_those_who_may),
        T(open_models),
        T(named_routes_are_not_there_yet),
        T(long_plans_are_cut),
        T(lists),
        T(wrong_policies),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
