/* What the tests of the translation laws share: the sixteen pairs, deterministic chance, what an answer says. The laws:
 * (a) same format: bytes identical; (b) the assembled stream is the whole answer; (c) there and back again keeps what both formats
 * can say; (d) what cannot be said is named or refused; (e) usage is exact in each convention; (f) order, ids and arguments of
 * calls are stable; (g) reasoning returns to the model that made it and reaches no other; (h) no cut of the provider's bytes is a
 * success that says less. */
#ifndef SLUICE_TESTS_UNIT_DIALECT_LAWS_LAWS_H
#define SLUICE_TESTS_UNIT_DIALECT_LAWS_LAWS_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include <cmocka.h>

#include "base/rand.h"
#include "dialect/codec.h"

enum format {
    CHAT = 0,
    RESPONSES,
    MESSAGES,
    GEMINI,
    FORMATS
};

static const struct {
    const char *dialect, *model, *name;
} formats[FORMATS] = {
    [CHAT] = {"openai", "some-model", "chat"},
    [RESPONSES] = {"openai-responses", "gpt-5.2", "responses"},
    [MESSAGES] = {"anthropic", "claude-opus-4-6", "messages"},
    [GEMINI] = {"gemini", "gemini-2.5-pro", "gemini"},
};

static struct sl_arena arena;
static struct sl_arena_cache arena_cache;
static struct sl_rand chance;
static unsigned the_case; /* and the formats that it is about, for messages of failures */
static enum format the_up, the_face;

/* Not by cmocka's own printing, which cuts texts off. */
#define FAIL_CASE(...)                                                                                                 \
    do {                                                                                                               \
        printf("\ncase %u, %s behind %s: ", the_case, formats[the_up].name, formats[the_face].name);                   \
        printf(__VA_ARGS__);                                                                                           \
        printf("\n");                                                                                                  \
        fflush(stdout);                                                                                                \
        fail();                                                                                                        \
    } while (0)

/* JSON as rows of tests have it, with single quotes. */
static inline struct sl_str quoted(const char *text)
{
    size_t n = strlen(text);
    char *p = sl_arena_alloc(&arena, n + 1);
    for (size_t i = 0; i <= n; i++)
        p[i] = text[i] == '\'' ? '"' : text[i];
    return sl_str_of(p, n);
}

static inline unsigned below(unsigned n)
{
    return (unsigned)sl_rand_below(&chance, n);
}

static inline bool one_in(unsigned n)
{
    return below(n) == 0;
}

/* A case of its own: any can be run alone. */
static inline void begin_case(enum format up, enum format face, unsigned n)
{
    the_up = up;
    the_face = face;
    the_case = n;
    sl_arena_reset(&arena);
    sl_rand_seed(&chance, (uint64_t)n * FORMATS * FORMATS + (uint64_t)up * FORMATS + face + 1);
}

static inline struct translation *translation(enum format face, enum format up, const struct neutral_request *req)
{
    struct translation *t = SL_ARENA_NEW(&arena, struct translation);
    struct neutral_notes *notes = SL_ARENA_NEW(&arena, struct neutral_notes);
    notes->a = &arena;
    *t = (struct translation){.face = dialect_find(sl_str_c(formats[face].dialect)),
                              .up = dialect_find(sl_str_c(formats[up].dialect)),
                              .req = req,
                              .up_model = sl_str_c(formats[up].model),
                              .platform = up == CHAT ? SL_STR("compatible") : SL_STR_NONE,
                              .a = &arena,
                              .notes = notes,
                              .id = SL_STR("x1"),
                              .created_s = 1795000000,
                              .show_reasoning = true,
                              .unsupported = UNSUPPORTED_DROP};
    t->caps = caps_find(t->up->codec->caps, t->up_model);
    return t;
}

static inline struct sl_str kept(struct sl_buf *b)
{
    assert_false(b->over);
    struct sl_str s = sl_arena_str(&arena, sl_buf_str(b));
    sl_buf_done(b);
    return s;
}

static inline double cpu_s(void)
{
    return (double)clock() / CLOCKS_PER_SEC;
}

static inline int set_up(void **state)
{
    (void)state;
    sl_arena_cache_init(&arena_cache, 64);
    sl_arena_init(&arena, &arena_cache);
    return 0;
}

static inline int tear_down(void **state)
{
    (void)state;
    sl_arena_done(&arena);
    sl_arena_cache_done(&arena_cache);
    return 0;
}

struct pair {
    enum format up, face;
};
static double cpu_of_pairs __attribute__((unused));

/* A test for each pair, so that all of them tell what they find. */
static inline void each_pair(struct pair *pairs, struct CMUnitTest *tests, CMUnitTestFunction test)
{
    static char names[FORMATS * FORMATS][64];
    for (unsigned i = 0; i < FORMATS * FORMATS; i++) {
        pairs[i] = (struct pair){(enum format)(i / FORMATS), (enum format)(i % FORMATS)};
        snprintf(names[i], sizeof names[i], "%s behind %s", formats[pairs[i].up].name, formats[pairs[i].face].name);
        tests[i] = (struct CMUnitTest){.name = names[i], .test_func = test, .initial_state = &pairs[i]};
    }
}

/* How many cases each pair gets: an argument of the test, for longer runs. */
static unsigned cases_per_pair __attribute__((unused)) = 2000;

static inline void take_arguments(int argc, char **argv)
{
    if (argc > 1)
        cases_per_pair = (unsigned)strtoul(argv[1], NULL, 10);
}

#endif
