/* One vocabulary, many threads that count with it at once. */
#include "tokens/tokens.h"

#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#define THREADS 4
#define ROUNDS 300

static const char *toy_path;
static const char text[] =
    "the counting of tokens ------------------------------ is 12345 not \xe4\xbd\xa0\xe5\xa5\xbd aaaaaaaaaaaaa";

struct worker {
    pthread_t thread;
    const struct tokens_vocab *v;
    uint64_t want;
    unsigned wrong;
};

static void *count(void *arg)
{
    struct worker *w = arg;
    for (int i = 0; i < ROUNDS; i++) {
        struct tokens_counter c;
        tokens_counter_init(&c, w->v);
        tokens_counter_feed(&c, sl_str_head(sl_str_c(text), (size_t)(i % 90)));
        tokens_counter_feed(&c, sl_str_from(sl_str_c(text), (size_t)(i % 90)));
        w->wrong += tokens_counter_count(&c) != w->want || tokens_count(w->v, sl_str_c(text)) != w->want;
        tokens_counter_done(&c);
    }
    return NULL;
}

static void threads_share_it(void **state)
{
    (void)state;
    struct worker workers[THREADS] = {{0}};
    struct tokens_vocab *v = NULL;
    struct sl_fail fail;
    assert_int_equal(tokens_vocab_open(toy_path, &v, &fail), SL_OK);
    uint64_t want = tokens_count(v, sl_str_c(text));
    for (int i = 0; i < THREADS; i++) {
        workers[i].v = v;
        workers[i].want = want;
        assert_int_equal(pthread_create(&workers[i].thread, NULL, count, &workers[i]), 0);
    }
    for (int i = 0; i < THREADS; i++) {
        assert_int_equal(pthread_join(workers[i].thread, NULL), 0);
        assert_int_equal(workers[i].wrong, 0);
    }
    tokens_vocab_close(v);
}

int main(int argc, char **argv)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(threads_share_it)};
    if (argc != 2)
        return 1;
    toy_path = argv[1];
    return cmocka_run_group_tests(tests, NULL, NULL);
}
