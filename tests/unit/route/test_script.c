/* The user's own function: what it sees, what it may give, and that it can neither loop, eat memory, reach out nor remember. */
#include "route/kit.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/clock.h"

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

static void write_script(char path[64], const char *text)
{
    snprintf(path, 64, "./route-script-XXXXXX");
    int fd = mkstemp(path);
    assert_true(fd >= 0);
    FILE *f = fdopen(fd, "w");
    assert_true(fputs(text, f) >= 0);
    fclose(f);
}

static void open_with(struct kit *k, const char *script)
{
    char path[64];
    write_script(path, script);
    kit_open(k, sl_arena_printf(
                    &arena,
                    "providers: {o: {kind: openai, keys: ['${K}']}, c: {kind: anthropic, keys: ['${K}'], region: eu}}\n"
                    "models: {m: {route: r}, alias: [o/x, o/y]}\n"
                    "routes: {r: [{script: %s}, {use: o/next}]}\n",
                    path)
                    .p);
    unlink(path);
}

static struct sl_str ask(struct kit *k, struct route_scripts *s, const char *line)
{
    struct kit_ask q;
    kit_ask(k, line, &q);
    q.ask.script = route_scripts_ask;
    q.ask.script_arg = s;
    q.ask.policy = k->policy;
    return kit_plan(k, &q, &arena, true);
}

struct row {
    const char *script, *ask, *plan;
};

#define FALLS(why) "o/next - /: " why

static const struct row rows[] = {
    {"function route(r) return {'o/a', 'c/b'} end", "model=m", "o/a c/b"},
    {"function route(r) return 'o/a' end", "model=m", "o/a"},
    {"function route(r) return {'alias', 'o/a'} end", "model=m", "o/x o/y o/a"},
    {"function route(r) return {r.model == 'm' and 'o/yes' or 'o/no'} end", "model=m", "o/yes"},
    {"function route(r) if r.task == 'code' then return {'o/a'} end end", "model=m task=code", "o/a"},
    {"function route(r) if r.task == 'code' then return {'o/a'} end end", "model=m",
     FALLS("the script named no target")},
    {"function route(r) return {r.input_tokens > 100 and 'o/long' or 'o/short'} end", "model=m in=101", "o/long"},
    {"function route(r) return {r.tags.a or 'o/none'} end", "model=m tag.a=o/tag", "o/tag"},
    {"function route(r) return {r.tags.a or 'o/none'} end", "model=m", "o/none"},
    {"function route(r) return {r.tools and 'o/t' or 'o/n'} end", "model=m tools", "o/t"},
    {"function route(r) return {r.modality.image and 'o/t' or 'o/n'} end", "model=m image", "o/t"},
    {"function route(r) return {r.header('x-a') or 'o/n'} end", "model=m header.x-a=o/h", "o/h"},
    {"function route(r) return {r.header('x-b') or 'o/n'} end", "model=m header.x-a=o/h", "o/n"},
    {"function route(r) return {'o/' .. r.health('o/x')} end", "model=m down:o/x", "o/open"},
    {"function route(r) return {'o/' .. r.health('o/x')} end", "model=m", "o/up"},
    {"function route(r) return {'o/' .. r.health('nobody/x')} end", "model=m", FALLS("the script failed")},
    {"function route(r) return {r.user:lower()} end", "model=m user=O/UP", "o/up"},
    {"function route(r) return {r.user:sub(1, 3)} end", "model=m user=o/abc", "o/a"},
    {"function route(r) return {r.user:sub(-3)} end", "model=m user=xxo/a", "o/a"},
    {"function route(r) return {r.user:starts('a') and 'o/s' or 'o/n'} end", "model=m user=abc", "o/s"},
    {"function route(r) return {r.user:contains('b') and 'o/s' or 'o/n'} end", "model=m user=abc", "o/s"},
    {"function route(r) local t = {} for i, v in ipairs({'o/a', 'o/b'}) do t[i] = v end return t end", "model=m",
     "o/a o/b"},
    {"function route(r) local n = 0 for k in pairs(r.tags) do n = n + 1 end return {'o/' .. n} end",
     "model=m tag.a=b tag.c=d", "o/2"},
    {"function route(r) return {'o/' .. math.floor(3.7) .. math.max(1, 5, 2) .. math.min(4, 2)} end", "model=m",
     "o/352"},
    {"function route(r) return {'o/a', 'o/a'} end", "model=m", "o/a - o/a: planned already"},
    {"function route(r) return {'c/b', 'o/a'} end", "model=m region=eu",
     "c/b - o/a: outside the region that the request must stay in"}, /* filters hold for scripts, too */
    {"function route(r) return {'o/a'} end", "model=m region=eu",
     "none fits - o/a: outside the region that the request must "
     "stay in - o/next: outside the region that the request must "
     "stay in"},
    {"function route(r) return {'nobody/x'} end", "model=m", "o/next - /: the script named what is no target"},
    {"function route(r) return {1, 2} end", "model=m", FALLS("the script gave no list of names")},
    {"function route(r) return {{}} end", "model=m", FALLS("the script gave no list of names")},
    {"function route(r) return {''} end", "model=m", FALLS("the script gave no list of names")},
    {"function route(r) return true end", "model=m", FALLS("the script gave no list of names")},
    {"function route(r) return {} end", "model=m", FALLS("the script named no target")},
    {"function route(r) local t = {} for i = 1, 33 do t[i] = 'o/a' .. i end return t end", "model=m",
     FALLS("the script gave no list of names")},
    {"function route(r) return {('x'):rep(400)} end", "model=m", FALLS("the script failed")},
    {"function route(r) local s = 'o/' for i = 1, 9 do s = s .. s end return {s} end", "model=m",
     FALLS("the script gave no list of names")}, /* 1,024 bytes of a name */
    {"function route(r) return {'o/\xff'} end", "model=m", FALLS("the script gave no list of names")},
    {"function route(r) return {'o/' .. tostring(r)} end", "model=m", "o/table"}, /* no address of ours */
    {"function route(r) return {'o/' .. tostring(r.header)} end", "model=m", "o/function"},
    {"x = 1", "model=m", FALLS("the script failed")},
    {"function route(r) error('no') end", "model=m", FALLS("the script failed")},
    {"function route(r) return r.nothing.at.all end", "model=m", FALLS("the script failed")},
    {"function route(r) while true do end end", "model=m", FALLS("the script ran too long")},
    {"while true do end", "model=m", FALLS("the script ran too long")},
    {"function route(r) local function f() return f() end return f() end", "model=m", FALLS("the script ran too long")},
    {"function route(r) local function f() return 1 + f() end return f() end", "model=m",
     FALLS("the script took too much memory")},
    {"function route(r) local t = {} for i = 1, 1e9 do t[i] = i end end", "model=m",
     FALLS("the script took too much memory")},
    {"function route(r) local s = 'x' while true do s = s .. s end end", "model=m",
     FALLS("the script took too much memory")},
    {"function route(r) local s = ('x'):lower() for i = 1, 15 do s = s .. s end for i = 1, 1e9 do local t = s .. i end end",
     "model=m", FALLS("the script took too much memory")},
    {"function route(r) return {os and 'o/os' or io and 'o/io' or load and 'o/load' or debug and 'o/debug' or require and "
     "'o/require' or pcall and 'o/pcall' or setmetatable and 'o/meta' or coroutine and 'o/co' or string.find and 'o/find' or "
     "math.random and 'o/random' or 'o/clean'} end",
     "model=m", "o/clean"},
    {"function route(r) r.model = 'x' return {r.model == 'x' and 'o/a'} end", "model=m", "o/a"}, /* its own copy */
};

static void scripts(void **state)
{
    (void)state;
    unsigned wrong = 0;
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        struct kit k;
        struct route_scripts *s;
        struct sl_fail fail;
        open_with(&k, rows[i].script);
        assert_int_equal(route_scripts_new(k.snap->scripts, k.snap->n_scripts, &s, &fail), SL_OK);
        for (int again = 0; again < 3; again++) { /* a failure leaves nothing behind */
            struct sl_str got = ask(&k, s, rows[i].ask);
            if (!sl_str_eq(got, sl_str_c(rows[i].plan))) {
                wrong++;
                fprintf(stderr, "%s\n  expected %s\n  found    %.*s (%.*s)\n", rows[i].script, rows[i].plan,
                        SL_STR_ARG(got), SL_STR_ARG(route_scripts_trouble(s)));
            }
        }
        route_scripts_free(s);
        kit_close(&k);
    }
    assert_int_equal(wrong, 0);
}

static void nothing_is_remembered(void **state)
{
    (void)state;
    struct kit k;
    struct route_scripts *s;
    struct sl_fail fail;
    open_with(&k, "n = (n or 0) + 1\n"
                  "string.seen = true\n"
                  "function route(r) n = n + 1; math.x = (math.x or 0) + 1; return {'o/' .. n .. math.x} end");
    assert_int_equal(route_scripts_new(k.snap->scripts, k.snap->n_scripts, &s, &fail), SL_OK);
    for (int i = 0; i < 100; i++)
        assert_true(sl_str_eq(ask(&k, s, "model=m"), SL_STR("o/21")));
    route_scripts_free(s);
    kit_close(&k);
}

static void what_cannot_be_compiled(void **state)
{
    (void)state;
    static const struct {
        const char *text, *says;
    } cases[] = {
        {"function route(r)\n  return {\nend", "route.lua:3: unexpected symbol near 'end'"},
        {"\x1bLua", "route.lua"}, /* no bytecode */
        {"x = = 1", "route.lua:1: unexpected symbol near '='"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        const struct route_script_text t = {SL_STR("route.lua"), sl_str_c(cases[i].text)};
        struct route_scripts *s = NULL;
        struct sl_fail fail = {0};
        assert_int_equal(route_scripts_new(&t, 1, &s, &fail), SL_EINVAL);
        assert_true(sl_str_starts(sl_str_c(fail.text), sl_str_c(cases[i].says)) ||
                    sl_str_find_str(sl_str_c(fail.text), SL_STR("binary")) >= 0);
    }
}

static void it_is_quick(void **state)
{
    (void)state;
    struct kit k;
    struct route_scripts *s;
    struct sl_fail fail;
    open_with(&k, "function route(r) if r.input_tokens > 5000 then return {'c/long'} end\n"
                  "if r.tags.budget == 'low' then return {'o/small'} end return {'o/a', 'c/b'} end");
    assert_int_equal(route_scripts_new(k.snap->scripts, k.snap->n_scripts, &s, &fail), SL_OK);
    int64_t began = sl_clock_mono_ns();
    for (int i = 0; i < 2000; i++) {
        ask(&k, s, "model=m tag.budget=low");
        if (i % 100 == 0)
            sl_arena_reset(&arena);
    }
    fprintf(stderr, "a plan by script: %lld ns\n", (long long)((sl_clock_mono_ns() - began) / 2000));
    route_scripts_free(s);
    kit_close(&k);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(scripts, set_up, tear_down),
        cmocka_unit_test_setup_teardown(nothing_is_remembered, set_up, tear_down),
        cmocka_unit_test_setup_teardown(what_cannot_be_compiled, set_up, tear_down),
        cmocka_unit_test_setup_teardown(it_is_quick, set_up, tear_down),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
