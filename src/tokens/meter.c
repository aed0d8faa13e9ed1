#include "tokens/meter.h"

#include <stdio.h>
#include <unistd.h>

static const char *const encoding_names[TOKENS_ENCODINGS] = {
    [TOKENS_O200K_BASE] = "o200k_base", [TOKENS_CL100K_BASE] = "cl100k_base"};

/* Below the executable's directory. The last is where dev/setup.sh puts them: build/<flavour>/src/main/sluice finds
 * build/share/sluice. */
static const char *const places[] = {"", "../share/sluice/", "../../../share/sluice/"};

/* The executable's directory with a slash at its end; false: the system does not tell. */
static bool own_directory(char out[TOKENS_PATH_MAX])
{
    ssize_t n = readlink("/proc/self/exe", out, TOKENS_PATH_MAX - 1);
    if (n <= 0)
        return false;
    while (n > 0 && out[n - 1] != '/')
        n--;
    out[n] = 0;
    return n > 0;
}

static enum sl_err open_one(const char *directory, const char *between, const char *name, struct tokens_vocab **out,
                            struct sl_fail *fail)
{
    char path[TOKENS_PATH_MAX];
    int n = snprintf(path, sizeof path, "%s%s%s.vocab", directory, between, name);
    if (n < 0 || (size_t)n >= sizeof path)
        return sl_fail_set(fail, SL_ELIMIT, name, "the path of its directory is too long");
    return tokens_vocab_open(path, out, fail);
}

static enum sl_err find_one(const char *own, const char *name, struct tokens_vocab **out, struct sl_fail *fail)
{
    for (size_t i = 0; i < sizeof places / sizeof places[0]; i++) {
        enum sl_err e = open_one(own, places[i], name, out, fail);
        if (e != SL_ENOENT)
            return e;
    }
    return sl_fail_set(fail, SL_ENOENT, name,
                       "there is no %s.vocab beside the executable or in ../share/sluice: dev/setup.sh makes it", name);
}

enum sl_err tokens_set_open(struct tokens_set *s, const char *directory, struct sl_fail *fail)
{
    char own[TOKENS_PATH_MAX] = "";
    enum sl_err first = SL_OK;
    if (directory == NULL && !own_directory(own))
        own[0] = 0;
    for (int i = 0; i < TOKENS_ENCODINGS; i++) {
        struct sl_fail f;
        s->vocab[i] = NULL;
        enum sl_err e = directory != NULL ? open_one(directory, "/", encoding_names[i], &s->vocab[i], &f)
                                          : find_one(own, encoding_names[i], &s->vocab[i], &f);
        if (e != SL_OK && first == SL_OK) {
            first = e;
            if (fail != NULL)
                *fail = f;
        }
    }
    return first;
}

void tokens_set_done(struct tokens_set *s)
{
    for (int i = 0; i < TOKENS_ENCODINGS; i++) {
        tokens_vocab_close(s->vocab[i]);
        s->vocab[i] = NULL;
    }
}

/* -- Counts ------------------------------------------------------------------------------------------------------------- */

static const struct tokens_vocab *vocab_of(const struct tokens_set *set, const struct tokens_method *method)
{
    return set != NULL ? set->vocab[method->encoding] : NULL;
}

static struct tokens_answer answer(uint64_t n, const struct tokens_method *method, bool is_by_looks)
{
    /* n * permille, without overflow for what no text can have. */
    uint64_t scaled = n / 1000 * method->permille + (n % 1000 * method->permille + 500) / 1000;
    return (struct tokens_answer){scaled, method, method->is_exact && !is_by_looks, is_by_looks};
}

void tokens_meter_init(struct tokens_meter *m, const struct tokens_set *set, const struct tokens_method *method)
{
    m->method = method;
    tokens_counter_init(&m->counter, vocab_of(set, method));
    tokens_tally_init(&m->tally);
}

void tokens_meter_done(struct tokens_meter *m)
{
    tokens_counter_done(&m->counter);
}

void tokens_meter_feed(struct tokens_meter *m, struct sl_str slice)
{
    if (m->counter.v != NULL)
        tokens_counter_feed(&m->counter, slice);
    else
        tokens_tally_feed(&m->tally, slice);
}

struct tokens_answer tokens_meter_answer(const struct tokens_meter *m)
{
    bool is_by_looks = m->counter.v == NULL;
    uint64_t n = is_by_looks ? tokens_tally_count(&m->tally, m->method->encoding) : tokens_counter_count(&m->counter);
    return answer(n, m->method, is_by_looks);
}

struct tokens_answer tokens_of_text(const struct tokens_set *set, struct sl_str model, struct sl_str text)
{
    const struct tokens_method *method = tokens_model_of(model)->method;
    const struct tokens_vocab *v = vocab_of(set, method);
    if (v != NULL)
        return answer(tokens_count(v, text), method, false);
    struct tokens_tally t;
    tokens_tally_init(&t);
    tokens_tally_feed(&t, text);
    return answer(tokens_tally_count(&t, method->encoding), method, true);
}
