/* How fast texts are counted, and how slow any bytes can make it: MB/s of text, milliseconds for 100 kB of the worst.
 *
 *     meson test -C build/release --benchmark --print-errorlogs --verbose tokens      or
 *     bench_tokens SHARE TEXT...
 *
 * SHARE is the directory of the vocabularies, TEXT files that are put together and counted. Times are of the thread's own
 * processor, the best of several rounds: the machine may be busy. Ends with 1 where a promised figure is missed
 * (docs/internals/tokens.md); a busy machine is slower even so, which is why the tests do not ask. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "tokens/tokens.h"

#define KB100 100000u
#define TEXT_MAX ((size_t)64 << 20)
#define ENGLISH_MB_S_MIN 60.0
#define LETTERS_MS_MAX 5.0

static double now(void)
{
    struct timespec t;
    clock_gettime(CLOCK_THREAD_CPUTIME_ID, &t);
    return (double)t.tv_sec + (double)t.tv_nsec * 1e-9;
}

/* Seconds for one count: the best of enough rounds. */
static double best(const struct tokens_vocab *v, struct sl_str text, uint64_t *out_tokens)
{
    double least = 1e9, until = now() + 0.5;
    for (int round = 0; round < 5 || (round < 200 && now() < until); round++) {
        double start = now();
        *out_tokens = tokens_count(v, text);
        double took = now() - start;
        least = took < least ? took : least;
    }
    return least;
}

static uint64_t seed = 88172645463325252u;

static uint32_t below(uint32_t n)
{
    seed ^= seed << 13;
    seed ^= seed >> 7;
    seed ^= seed << 17;
    return (uint32_t)(seed >> 33) % n;
}

static void fill_repeat(char *p, size_t n, const char *with)
{
    for (size_t i = 0; i < n; i++)
        p[i] = with[i % strlen(with)];
}

static void fill_set(char *p, size_t n, const char *set)
{
    for (size_t i = 0; i < n; i++)
        p[i] = set != NULL ? set[below((uint32_t)strlen(set))] : (char)below(256);
}

/* Rows of one sign, of lengths that lead into dead ends. */
static void fill_rows(char *p, size_t n, uint32_t from, uint32_t to, char end)
{
    for (size_t i = 0; i < n;) {
        for (uint32_t left = from + below(to - from); left > 0 && i < n; left--)
            p[i++] = '-';
        if (i < n)
            p[i++] = end;
    }
}

static void fill_han(char *p, size_t n)
{
    for (size_t i = 0; i + 3 <= n; i += 3) {
        uint32_t c = 0x4e00 + below(0x5000);
        p[i] = (char)(0xe0 | c >> 12);
        p[i + 1] = (char)(0x80 | (c >> 6 & 63));
        p[i + 2] = (char)(0x80 | (c & 63));
    }
}

static const char *const hard[] = {"one letter",
                                   "spaces",
                                   "line feeds",
                                   "hyphens",
                                   "alternating digits and letters",
                                   "digits",
                                   "alternating ab",
                                   "bytes",
                                   "random letters",
                                   "random han",
                                   "rows of 65-200 hyphens, blank",
                                   "rows of 200-400 hyphens, +"};

static void fill(size_t which, char *p, size_t n)
{
    static const char *const repeats[] = {"a", " ", "\n", "-", "1a", "1234567890", "ab"};
    memset(p, ' ', n);
    if (which < 7)
        fill_repeat(p, n, repeats[which]);
    else if (which < 9)
        fill_set(p, n, which == 8 ? "abcdefghijklmnopqrstuvwxyz" : NULL);
    else if (which == 9)
        fill_han(p, n);
    else
        fill_rows(p, n, which == 10 ? 65 : 200, which == 10 ? 200 : 400, which == 10 ? ' ' : '+');
}

static int run(const struct tokens_vocab *v, const char *name, struct sl_str text)
{
    char *p = malloc(KB100);
    uint64_t tokens;
    int missed = 0;
    double took = best(v, text, &tokens), mb_s = (double)text.n / took / 1e6;
    printf("%-12s text: %zu bytes, %llu tokens, %.1f MB/s\n", name, text.n, (unsigned long long)tokens, mb_s);
    missed |= mb_s < ENGLISH_MB_S_MIN;
    double start = now();
    for (int i = 0; i < 100000; i++)
        tokens = tokens_count(v, SL_STR("The gateway keeps an exact account of it all."));
    printf("%-12s a sentence of 45 bytes: %.0f ns\n", "", (now() - start) * 1e9 / 100000);
    for (size_t i = 0; i < sizeof hard / sizeof hard[0]; i++) {
        fill(i, p, KB100);
        took = best(v, sl_str_of(p, KB100), &tokens);
        printf("%-12s 100 kB of %-31s %6llu tokens %8.3f ms\n", "", hard[i], (unsigned long long)tokens, took * 1e3);
        missed |= i == 0 && took * 1e3 > LETTERS_MS_MAX;
    }
    free(p);
    return missed;
}

static struct sl_str read_texts(int n, char **paths)
{
    char *p = malloc(TEXT_MAX);
    size_t at = 0;
    for (int i = 0; i < n; i++) {
        FILE *f = fopen(paths[i], "rb");
        if (f == NULL)
            continue; /* a distribution without this licence */
        at += fread(p + at, 1, TEXT_MAX - at, f);
        fclose(f);
    }
    return sl_str_of(p, at);
}

int main(int argc, char **argv)
{
    static const char *const names[] = {"o200k_base", "cl100k_base"};
    int missed = 0;
    if (argc < 3) {
        fprintf(stderr, "usage: bench_tokens SHARE TEXT...\n");
        return 2;
    }
    struct sl_str text = read_texts(argc - 2, argv + 2);
    for (int i = 0; i < 2; i++) {
        char path[4096];
        struct tokens_vocab *v;
        struct sl_fail fail;
        snprintf(path, sizeof path, "%s/%s.vocab", argv[1], names[i]);
        double start = now();
        if (tokens_vocab_open(path, &v, &fail) != SL_OK) {
            printf("%s: %s\n", fail.place, fail.text);
            return 77; /* skipped */
        }
        printf("%-12s opened in %.1f ms\n", names[i], (now() - start) * 1e3);
        missed |= run(v, names[i], text);
        tokens_vocab_close(v);
    }
    free((void *)(uintptr_t)text.p);
    return missed;
}
