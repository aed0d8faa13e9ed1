/* The map against a plain list, over random puts, replacements and removals; walking; keys of any bytes. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include <cmocka.h>

#include "base/map.h"
#include "base/rand.h"

enum {
    KEYS = 500
};
static char keys[KEYS][16];
static int values[KEYS][2];

static struct sl_str key_of(unsigned i)
{
    return sl_str_c(keys[i]);
}

static void check_all(const struct sl_map *m, void *const *want, size_t n)
{
    size_t at = 0, walked = 0;
    assert_int_equal(m->n, n);
    for (unsigned i = 0; i < KEYS; i++)
        assert_ptr_equal(sl_map_get(m, key_of(i)), want[i]);
    while (sl_map_next(m, &at) != NULL)
        walked++;
    assert_int_equal(walked, n);
    assert_true(m->cap == 0 || m->used < m->cap);
}

static void test_against_a_model(void **state)
{
    (void)state;
    for (uint64_t seed = 0; seed < 20; seed++) {
        struct sl_map m;
        struct sl_rand r;
        void *want[KEYS] = {0};
        size_t n = 0;
        unsigned span = seed % 3 == 0 ? 6 : KEYS; /* few keys: the same ones come and go */
        sl_map_init(&m);
        sl_rand_seed(&r, seed);
        for (int i = 0; i < 3000; i++) {
            unsigned k = (unsigned)sl_rand_below(&r, span);
            if (sl_rand_below(&r, 1000) < (i < 1500 ? 700u : 350u)) {
                void *v = &values[k][sl_rand_below(&r, 2)];
                assert_ptr_equal(sl_map_put(&m, key_of(k), v), want[k]);
                n += want[k] == NULL;
                want[k] = v;
            } else {
                assert_ptr_equal(sl_map_remove(&m, key_of(k)), want[k]);
                n -= want[k] != NULL;
                want[k] = NULL;
            }
            if (i % 97 == 0)
                check_all(&m, want, n);
        }
        check_all(&m, want, n);
        assert_true(m.cap <= 2048);
        sl_map_done(&m);
    }
}

/* One key that comes and goes for ever does not make it grow. */
static void test_churn(void **state)
{
    (void)state;
    struct sl_map m;
    sl_map_init(&m);
    for (int i = 0; i < 100000; i++) {
        unsigned k = (unsigned)i % KEYS;
        assert_null(sl_map_put(&m, key_of(k), &values[k]));
        assert_non_null(sl_map_remove(&m, key_of(k)));
    }
    assert_int_equal(m.n, 0);
    assert_int_equal(m.cap, 16);
    sl_map_done(&m);
}

static void test_keys(void **state)
{
    (void)state;
    struct sl_map m;
    int a, b, c;
    sl_map_init(&m);
    assert_null(sl_map_get(&m, SL_STR("x")));
    assert_null(sl_map_remove(&m, SL_STR("x")));
    assert_null(sl_map_put(&m, SL_STR_NONE, &a)); /* the empty key is a key */
    assert_ptr_equal(sl_map_get(&m, SL_STR("")), &a);
    assert_null(sl_map_put(&m, SL_STR("\0"), &b));
    assert_null(sl_map_put(&m, SL_STR("\0\0"), &c));
    assert_ptr_equal(sl_map_get(&m, SL_STR("\0")), &b);
    assert_ptr_equal(sl_map_get(&m, SL_STR("\0\0")), &c);
    assert_ptr_equal(sl_map_remove(&m, SL_STR("")), &a);
    assert_null(sl_map_get(&m, SL_STR_NONE));
    assert_ptr_equal(sl_map_get(&m, SL_STR("\0")), &b);
    sl_map_done(&m);
}

static void test_remove_while_walking(void **state)
{
    (void)state;
    struct sl_map m;
    size_t at = 0, seen = 0;
    struct sl_map_slot *s;
    sl_map_init(&m);
    for (unsigned i = 0; i < KEYS; i++)
        sl_map_put(&m, key_of(i), &values[i]);
    while ((s = sl_map_next(&m, &at)) != NULL) {
        assert_non_null(sl_map_remove(&m, s->key));
        seen++;
    }
    assert_int_equal(seen, KEYS);
    assert_int_equal(m.n, 0);
    sl_map_done(&m);
}

int main(void)
{
    for (unsigned i = 0; i < KEYS; i++)
        snprintf(keys[i], sizeof keys[i], "key-%u", i);
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_against_a_model),
        cmocka_unit_test(test_churn),
        cmocka_unit_test(test_keys),
        cmocka_unit_test(test_remove_while_walking),
    };
    return cmocka_run_group_tests_name("base map", tests, NULL, NULL);
}
