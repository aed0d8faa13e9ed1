/* Pieces, merges, counts at once and in slices, and files that are no vocabularies. The arguments: the toy vocabulary packed with
 * either pattern, and the directory of the real ones, which may be missing (dev/setup.sh makes them). */
#include "tokens/tokens.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>
#include <unistd.h>

#include <cmocka.h>

#include "tokens/tokens_int.h"
#include "unit/tokens/reference.h"

static struct tokens_vocab *toy[2], *real[2]; /* cl100k, o200k; real: NULL when not there */
static const char *toy_path;

static uint64_t seed = 0x2545f4914f6cdd1d; /* the same run every time */

static uint32_t below(uint32_t n)
{
    seed ^= seed << 13;
    seed ^= seed >> 7;
    seed ^= seed << 17;
    return (uint32_t)(seed >> 33) % n;
}

/* -- Pieces ------------------------------------------------------------------------------------------------------------- */

/* Texts and their pieces, as the patterns of cl100k_base and of o200k_base cut them; `|` is between pieces. Made with the
 * regular expressions themselves. */
static const struct {
    const char *text, *pieces[2];
} cuts[] = {
    {"Hello, world!", "Hello|,| world|!", "Hello|,| world|!"},
    {"I'm you're WE'LL don't'x", "I|'m| you|'re| WE|'LL| don|'t|'x", "I'm| you're| WE'LL| don't|'x"},
    {"'s'S'll'LL'x 'tis", "'s|'S|'ll|'LL|'x| '|tis", "'s'S|'ll'LL|'x| '|tis"},
    {"HTTPServerError XMLHttpRequest", "HTTPServerError| XMLHttpRequest", "HTTPServer|Error| XMLHttp|Request"},
    {"  a   b  ", " | a|  | b|  ", " | a|  | b|  "},
    {"\011\011if (x) {\012\011\011\011return 1;\012\011\011}",
     "\011|\011if| (|x|)| {\012|\011\011|\011return| |1|;\012|\011|\011|}",
     "\011|\011if| (|x|)| {\012|\011\011|\011return| |1|;\012|\011|\011|}"},
    {"a\012\012  \012 b", "a|\012\012  \012| b", "a|\012\012  \012| b"},
    {"a \012 ", "a| \012 ", "a| \012| "},
    {"  \012  \011 ", "  \012  \011 ", "  \012|  \011 "},
    {"1234567 12a3", "123|456|7| |12|a|3", "123|456|7| |12|a|3"},
    {"!!\015\012\012/x", "!!\015\012\012|/x", "!!\015\012\012/|x"},
    {"//\012//path", "//\012|//|path", "//\012//|path"},
    {"\312\260ABCx \312\260ABC1", "\312\260ABCx| \312\260ABC|1", "\312\260ABCx| \312\260|ABC|1"},
    {"ABC\344\270\255DEF", "ABC\344\270\255DEF", "ABC\344\270\255|DEF"},
    {"\314\201ABC \314\201 x\314\201y", "\314\201ABC| \314\201| x|\314\201y", "\314\201|ABC| \314\201| x\314\201y"},
    {"!\314\201! \314\201", "!\314\201!| \314\201", "!\314\201|!| \314\201"},
    {"a'\305\277 b'\305\277x '\305\277", "a|'\305\277| b|'\305\277|x| '|\305\277",
     "a'\305\277| b'\305\277|x| '|\305\277"},
    {"\344\275\240\345\245\275\357\274\214AB\344\270\226\347\225\214",
     "\344\275\240\345\245\275|\357\274\214AB\344\270\226\347\225\214",
     "\344\275\240\345\245\275|\357\274\214AB\344\270\226\347\225\214"},
    {"\360\237\230\200\342\200\215\360\237\230\200 ok", "\360\237\230\200\342\200\215\360\237\230\200| ok",
     "\360\237\230\200\342\200\215\360\237\230\200| ok"},
    {"a\302\240b\342\200\203c \343\200\200d", "a|\302\240b|\342\200\203c| |\343\200\200d",
     "a|\302\240b|\342\200\203c| |\343\200\200d"},
    {"\331\245\331\246\331\247\331\250", "\331\245\331\246\331\247|\331\250", "\331\245\331\246\331\247|\331\250"},
    {"\307\205ab\307\205", "\307\205ab\307\205", "\307\205ab|\307\205"},
    {"x\342\200\250\342\200\250y", "x|\342\200\250|\342\200\250y", "x|\342\200\250|\342\200\250y"},
    {" 's", " '|s", " '|s"},
    {" 1", " |1", " |1"},
    {"_a__b", "_a|__|b", "_a|__|b"},
    {"\015\012\015\012x", "\015\012\015\012|x", "\015\012\015\012|x"},
    {"a'LLb'Ve", "a|'LL|b|'Ve", "a'LL|b'Ve"},
};

static void check_cut(enum vocab_pattern pattern, const char *text, const char *pieces)
{
    const unsigned char *p = (const unsigned char *)text;
    size_t n = strlen(text), at = 0;
    char got[256];
    size_t got_n = 0;
    while (at < n) {
        size_t piece = scan_piece(pattern, p + at, n - at, false);
        assert_in_range(piece, 1, n - at);
        if (at > 0)
            got[got_n++] = '|';
        memcpy(got + got_n, p + at, piece);
        got_n += piece;
        at += piece;
    }
    got[got_n] = 0;
    assert_string_equal(got, pieces);
}

static void pieces_are_those_of_the_patterns(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof cuts / sizeof cuts[0]; i++) {
        check_cut(VOCAB_CL100K, cuts[i].text, cuts[i].pieces[0]);
        check_cut(VOCAB_O200K, cuts[i].text, cuts[i].pieces[1]);
    }
}

/* With more text to come, a piece is either not decided or what it will be with that text. */
static void undecided_pieces_wait(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof cuts / sizeof cuts[0]; i++) {
        const unsigned char *p = (const unsigned char *)cuts[i].text;
        size_t n = strlen(cuts[i].text);
        for (int pattern = VOCAB_CL100K; pattern <= VOCAB_O200K; pattern++) {
            size_t whole = scan_piece(pattern, p, n, false);
            for (size_t seen = 1; seen <= n; seen++) {
                size_t known = scan_whole(p, seen);
                size_t piece = known > 0 ? scan_piece(pattern, p, known, true) : 0;
                assert_true(piece == 0 || piece == whole);
            }
        }
    }
}

static void characters_that_are_cut(void **state)
{
    (void)state;
    static const struct {
        const char *text;
        size_t whole;
    } rows[] = {{"a", 1},         {"a\303", 1},         {"a\303\251", 3},         {"a\342\202", 1},
                {"a\342", 1},     {"a\360\237\230", 1}, {"a\360\237\230\200", 5}, {"\200\200\200\200", 4},
                {"a\377", 2},     {"a\301", 2},         {"a\340\200", 3},         {"a\355\240", 3},
                {"a\364\220", 3}, {"\303", 0},          {"\342\202", 0}};
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++)
        assert_int_equal(scan_whole((const unsigned char *)rows[i].text, strlen(rows[i].text)), rows[i].whole);
}

/* -- Merges ------------------------------------------------------------------------------------------------------------- */

static size_t random_piece(unsigned char *p, size_t max)
{
    static const char *const sets[] = {"ab", "abcdefghijklmnopqrstuvwxyz", "a-=* #", "-",
                                       "a",  "\344\275\240\345\245",       "the of"};
    size_t n = 1 + below((uint32_t)max);
    const char *set = sets[below(7)];
    bool runs = below(2) == 0;
    for (size_t i = 0; i < n;) {
        unsigned char c = below(20) == 0 ? (unsigned char)below(256) : (unsigned char)set[below((uint32_t)strlen(set))];
        size_t run = runs ? 1 + below(200) : 1;
        while (run-- > 0 && i < n)
            p[i++] = c;
    }
    return n;
}

static void merges_of(const struct tokens_vocab *v, unsigned rounds, size_t max)
{
    unsigned char p[3000];
    uint32_t got[3000], want[3000];
    struct merge_memo memo, fresh;
    merge_memo_init(&memo);
    for (unsigned i = 0; v != NULL && i < rounds; i++) {
        size_t n = random_piece(p, max);
        size_t got_n = merge_piece(v, sl_str_of(p, n), &memo, got, n), want_n = reference_merge(v, p, n, want, n);
        assert_int_equal(got_n, want_n);
        assert_memory_equal(got, want, got_n * sizeof *got);
        merge_memo_init(&fresh);
        assert_int_equal(merge_piece(v, sl_str_of(p, n), &fresh, NULL, 0), want_n);
    }
}

static void merges_are_those_of_the_definition(void **state)
{
    (void)state;
    merges_of(toy[0], 3000, 40);
    merges_of(toy[0], 300, 3000);
    merges_of(real[0], 3000, 40);
    merges_of(real[0], 200, 3000);
    merges_of(real[1], 3000, 40);
    merges_of(real[1], 200, 3000);
}

/* -- Counts ------------------------------------------------------------------------------------------------------------- */

/* What tiktoken counts. */
static const struct {
    const char *text;
    uint64_t o200k, cl100k;
} known[] = {
    {"", 0, 0},
    {"Hello, world!", 4, 4},
    {"a  b   c    d", 7, 7},
    {"trailing spaces   ", 4, 4},
    {"line1\012\012\012line2\015\012line3\012", 9, 9},
    {"\011\011if (x) {\012\011\011\011return 1;\012\011\011}", 14, 14},
    {"1234567890 3.14159 1,000,000", 15, 15},
    {"I'm you're WE'LL don't", 6, 9},
    {"\344\275\240\345\245\275\357\274\214\344\270\226\347\225\214\343\200\202\344\273\212\345\244\251\345\244\251\346\260\224\345\276\210\345\245\275\357\274\201",
     9, 16},
    {"\343\201\223\343\202\223\343\201\253\343\201\241\343\201\257\343\200\201\344\270\226\347\225\214\343\200\202\343\203\210\343\203\274\343\202\257\343\203\212\343\202\244\343\202\266\343\203\274\343\201\256\343\203\206\343\202\271\343\203\210",
     12, 17},
    {"\354\225\210\353\205\225\355\225\230\354\204\270\354\232\224 \354\204\270\352\263\204", 3, 9},
    {"\320\237\321\200\320\270\320\262\320\265\321\202, \320\274\320\270\321\200! \320\241\321\212\320\265\321\210\321\214 \320\265\321\211\321\221 \321\215\321\202\320\270\321\205 \320\274\321\217\320\263\320\272\320\270\321\205 \321\204\321\200\320\260\320\275\321\206\321\203\320\267\321\201\320\272\320\270\321\205 \320\261\321\203\320\273\320\276\320\272",
     16, 33},
    {"\331\205\330\261\330\255\330\250\330\247 \330\250\330\247\331\204\330\271\330\247\331\204\331\205", 4, 10},
    {"\340\244\250\340\244\256\340\244\270\340\245\215\340\244\244\340\245\207 \340\244\246\340\245\201\340\244\250\340\244\277\340\244\257\340\244\276",
     5, 13},
    {"\360\237\221\250\342\200\215\360\237\221\251\342\200\215\360\237\221\247\342\200\215\360\237\221\246\360\237\217\263\357\270\217\342\200\215\360\237\214\210\360\237\207\253\360\237\207\267 ok",
     22, 34},
    {"e\314\201a\314\210 n\314\203", 6, 8},
    {"for(int i=0;i<n;i++){sum+=a[i]*b[i];}", 18, 18},
    {"https://example.com/a/b?c=d&e=f#g", 12, 12},
    {"{\"a\":[1,2,3],\"b\":{\"c\":null,\"d\":true}}", 19, 19},
    {"HTTPServerError XMLHttpRequest", 5, 3},
    {"\344\270\255\346\226\207English\346\267\267\345\220\210123\343\203\206\343\202\271\343\203\210", 7, 9},
    {"a\302\240b\342\200\203c\343\200\200d", 7, 8},
    {"<|endoftext|>", 7, 7},
};
static const struct {
    char c;
    size_t n;
    uint64_t o200k, cl100k;
} known_runs[] = {{'a', 1000, 125, 125}, {' ', 1000, 9, 9}, {'\n', 500, 32, 17}, {'0', 300, 100, 100}};

static void counts_are_those_of_tiktoken(void **state)
{
    (void)state;
    if (real[0] == NULL || real[1] == NULL) {
        print_message("skipped: no vocabularies; run dev/setup.sh\n");
        skip();
    }
    for (size_t i = 0; i < sizeof known / sizeof known[0]; i++) {
        assert_int_equal(tokens_count(real[1], sl_str_c(known[i].text)), known[i].o200k);
        assert_int_equal(tokens_count(real[0], sl_str_c(known[i].text)), known[i].cl100k);
    }
    for (size_t i = 0; i < sizeof known_runs / sizeof known_runs[0]; i++) {
        char *p = malloc(known_runs[i].n);
        memset(p, known_runs[i].c, known_runs[i].n);
        assert_int_equal(tokens_count(real[1], sl_str_of(p, known_runs[i].n)), known_runs[i].o200k);
        assert_int_equal(tokens_count(real[0], sl_str_of(p, known_runs[i].n)), known_runs[i].cl100k);
        free(p);
    }
    static const uint32_t hello[] = {13225, 11, 2375, 0};
    uint32_t out[4] = {0};
    assert_int_equal(tokens_encode(real[1], SL_STR("Hello, world!"), out, 4), 4);
    assert_memory_equal(out, hello, sizeof hello);
}

static void encoding_stops_where_told(void **state)
{
    (void)state;
    uint32_t all[64], some[64];
    struct sl_str text = SL_STR("the counting of tokens ----------------------- is 12345 not \344\275\240");
    uint64_t n = tokens_encode(toy[1], text, all, 64);
    assert_in_range(n, 8, 63);
    assert_int_equal(tokens_count(toy[1], text), n);
    for (uint64_t max = 0; max <= n; max++) {
        memset(some, 0xee, sizeof some);
        assert_int_equal(tokens_encode(toy[1], text, some, max), n);
        assert_memory_equal(some, all, max * sizeof *some);
        assert_int_equal(some[max], 0xeeeeeeee);
    }
    assert_int_equal(tokens_count(toy[1], SL_STR_NONE), 0);
}

static size_t random_text(char *p, size_t max)
{
    static const char *const words[] = {"the",
                                        " of",
                                        "'s",
                                        "'LL",
                                        "  ",
                                        "\n",
                                        "\r\n",
                                        " \n ",
                                        "ABC",
                                        "\312\260",
                                        "\314\201",
                                        "12345",
                                        "\344\275\240\345\245\275",
                                        "\360\237\230\200",
                                        "!!",
                                        "/",
                                        "------------",
                                        "\377",
                                        "\342\202",
                                        "\305\277",
                                        "\302\240",
                                        "'",
                                        "I",
                                        "x",
                                        "\t",
                                        "counted"};
    size_t n = 0;
    for (uint32_t left = 1 + below(12); left > 0; left--) {
        const char *w = words[below(sizeof words / sizeof words[0])];
        size_t w_n = strlen(w);
        if (w_n > max - n)
            break;
        memcpy(p + n, w, w_n);
        n += w_n;
    }
    return n;
}

/* Cut in two at every place, and fed byte by byte. */
static void check_slices(const struct tokens_vocab *v, struct sl_str text)
{
    uint64_t want = tokens_count(v, text);
    struct tokens_counter c;
    for (size_t cut = 0; cut <= text.n; cut++) {
        tokens_counter_init(&c, v);
        tokens_counter_feed(&c, sl_str_head(text, cut));
        assert_int_equal(tokens_counter_count(&c), tokens_count(v, sl_str_head(text, cut)));
        tokens_counter_feed(&c, sl_str_from(text, cut));
        assert_int_equal(tokens_counter_count(&c), want);
        tokens_counter_done(&c);
    }
    tokens_counter_init(&c, v);
    for (size_t i = 0; i < text.n; i++) {
        tokens_counter_feed(&c, sl_str_of(text.p + i, 1));
        assert_int_equal(tokens_counter_count(&c), tokens_count(v, sl_str_head(text, i + 1)));
    }
    tokens_counter_done(&c);
    tokens_counter_done(&c);
}

static void slices_count_as_the_whole(void **state)
{
    (void)state;
    char text[128];
    for (size_t i = 0; i < sizeof cuts / sizeof cuts[0]; i++)
        for (int k = 0; k < 2; k++)
            check_slices(toy[k], sl_str_c(cuts[i].text));
    for (int i = 0; i < 300; i++) {
        struct sl_str s = sl_str_of(text, random_text(text, sizeof text));
        check_slices(toy[i % 2], s);
        if (real[i % 2] != NULL)
            check_slices(real[i % 2], s);
    }
}

static void long_texts_in_slices(void **state)
{
    (void)state;
    size_t n = 300000;
    char *p = malloc(n);
    for (int kind = 0; kind < 4; kind++) {
        for (size_t i = 0; i < n; i++)
            p[i] = kind == 0 ? 'a' : kind == 1 ? ' ' : kind == 2 ? (char)below(256) : "ab \n"[below(4)];
        for (int k = 0; k < 2; k++) {
            struct tokens_counter c;
            tokens_counter_init(&c, toy[k]);
            for (size_t at = 0; at < n;) {
                size_t slice = 1 + below(9000);
                slice = slice < n - at ? slice : n - at;
                tokens_counter_feed(&c, sl_str_of(p + at, slice));
                at += slice;
            }
            assert_int_equal(tokens_counter_count(&c), tokens_count(toy[k], sl_str_of(p, n)));
            tokens_counter_done(&c);
        }
    }
    free(p);
}

/* A piece over TOKENS_PIECE_MAX: bounded memory, nearly the same count. */
static void endless_pieces_are_cut(void **state)
{
    (void)state;
    size_t n = TOKENS_PIECE_MAX * 2 + 777;
    char *p = malloc(n);
    for (size_t i = 0; i < n; i++)
        p[i] = "ab"[below(2)];
    uint64_t whole = tokens_count(toy[1], sl_str_of(p, n)), halves = 0;
    uint64_t want = reference_merge(toy[1], (const unsigned char *)p, n, NULL, 0);
    assert_in_range(whole, want, want + 4);
    struct tokens_counter c;
    tokens_counter_init(&c, toy[1]);
    tokens_counter_feed(&c, sl_str_of(p, n));
    halves = tokens_counter_count(&c);
    assert_in_range(halves, want, want + 4);
    assert_true(c.held_room <= 4 * TOKENS_PIECE_MAX);
    tokens_counter_done(&c);
    free(p);
}

/* Quadratic would be minutes; the bound is wide because the machine may be busy and this build slow. */
static void time_is_linear(void **state)
{
    (void)state;
    static const char *const fills[] = {"a",  " ",        "-", "=", "\n", "ab", "A", "1a", "\303\203\303\202",
                                        "a-", "\312\260A"};
    size_t n = 1000000;
    char *p = malloc(n);
    const struct tokens_vocab *v[] = {toy[0], toy[1], real[0], real[1]};
    for (size_t f = 0; f < sizeof fills / sizeof fills[0]; f++) {
        for (size_t i = 0; i < n; i++)
            p[i] = fills[f][i % strlen(fills[f])];
        for (int k = 0; k < 4; k++) {
            clock_t start = clock();
            if (v[k] != NULL)
                assert_in_range(tokens_count(v[k], sl_str_of(p, n)), n / 200, n);
            assert_true(clock() - start < 10 * CLOCKS_PER_SEC);
        }
    }
    free(p);
}

/* -- Files -------------------------------------------------------------------------------------------------------------- */

static char *scratch_file(const char *bytes, size_t n)
{
    static char path[64];
    snprintf(path, sizeof path, "/tmp/sluice-test-vocab-XXXXXX");
    int fd = mkstemp(path);
    assert_true(fd >= 0);
    assert_int_equal(write(fd, bytes, n), (ssize_t)n);
    close(fd);
    return path;
}

static void check_refused(const char *bytes, size_t n, enum sl_err want, const char *text)
{
    struct tokens_vocab *v = NULL;
    struct sl_fail fail;
    char *path = scratch_file(bytes, n);
    assert_int_equal(tokens_vocab_open(path, &v, &fail), want);
    assert_null(v);
    assert_string_equal(fail.place, path);
    if (strstr(fail.text, text) == NULL)
        fail_msg("'%s' does not say '%s'", fail.text, text);
    unlink(path);
}

static void broken_files_are_refused(void **state)
{
    (void)state;
    FILE *f = fopen(toy_path, "rb");
    char *bytes = malloc(1 << 20), *bad = malloc(1 << 20);
    size_t n = fread(bytes, 1, 1 << 20, f);
    fclose(f);
    struct tokens_vocab *v = NULL;
    struct sl_fail fail;
    assert_int_equal(tokens_vocab_open("/nonexistent/x.vocab", &v, &fail), SL_ENOENT);
    assert_non_null(strstr(fail.text, "cannot open"));
    assert_int_equal(tokens_vocab_open("/", &v, &fail), SL_ECORRUPT);
    check_refused("", 0, SL_ECORRUPT, "cut short");
    check_refused(bytes, 20, SL_ECORRUPT, "cut short");
    check_refused(bytes, n - 1, SL_ECORRUPT, "cut short or too long");
    memcpy(bad, bytes, n);
    check_refused(bad, n + 1, SL_ECORRUPT, "cut short or too long");
    for (size_t at = 0; at < n; at += at < sizeof(struct vocab_header) ? 1 : 997) {
        memcpy(bad, bytes, n);
        bad[at] = (char)(bad[at] ^ 0x10);
        check_refused(bad, n, SL_ECORRUPT, "");
    }
    memcpy(bad, bytes, n);
    bad[offsetof(struct vocab_header, version)]++;
    check_refused(bad, n, SL_ECORRUPT, "another version");
    memset(bad, 'x', n);
    check_refused(bad, n, SL_ECORRUPT, "no vocabulary");
    free(bytes);
    free(bad);
}

static bool is_mapped(const char *name)
{
    char line[1024];
    bool found = false;
    FILE *f = fopen("/proc/self/maps", "r");
    assert_non_null(f);
    while (fgets(line, sizeof line, f) != NULL)
        found |= strstr(line, name) != NULL;
    fclose(f);
    return found;
}

/* The file itself is looked into, not a copy of it; with the last reference it is let go. */
static void the_file_is_mapped(void **state)
{
    (void)state;
    FILE *f = fopen(toy_path, "rb");
    char *bytes = malloc(1 << 20);
    size_t n = fread(bytes, 1, 1 << 20, f);
    fclose(f);
    char *path = scratch_file(bytes, n);
    struct tokens_vocab *v = NULL;
    struct sl_fail fail;
    assert_int_equal(tokens_vocab_open(path, &v, &fail), SL_OK);
    assert_true(is_mapped(path));
    unlink(path); /* those who have it keep it */
    assert_int_equal(tokens_count(v, SL_STR("the counting")), tokens_count(toy[0], SL_STR("the counting")));
    tokens_vocab_close(v);
    assert_false(is_mapped(path));
    free(bytes);
}

static struct tokens_vocab *open_or_null(const char *directory, const char *name)
{
    char path[512];
    struct tokens_vocab *v = NULL;
    struct sl_fail fail;
    snprintf(path, sizeof path, "%s/%s", directory, name);
    enum sl_err e = tokens_vocab_open(path, &v, &fail);
    if (e != SL_OK)
        print_message("%s: %s\n", fail.place, fail.text);
    return v;
}

int main(int argc, char **argv)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(pieces_are_those_of_the_patterns), cmocka_unit_test(undecided_pieces_wait),
        cmocka_unit_test(characters_that_are_cut),          cmocka_unit_test(merges_are_those_of_the_definition),
        cmocka_unit_test(counts_are_those_of_tiktoken),     cmocka_unit_test(encoding_stops_where_told),
        cmocka_unit_test(slices_count_as_the_whole),        cmocka_unit_test(long_texts_in_slices),
        cmocka_unit_test(endless_pieces_are_cut),           cmocka_unit_test(time_is_linear),
        cmocka_unit_test(broken_files_are_refused),         cmocka_unit_test(the_file_is_mapped),
    };
    struct sl_fail fail;
    if (argc != 4 || tokens_vocab_open(argv[1], &toy[0], &fail) != SL_OK ||
        tokens_vocab_open(argv[2], &toy[1], &fail) != SL_OK)
        return 1;
    toy_path = argv[1];
    real[0] = open_or_null(argv[3], "cl100k_base.vocab");
    real[1] = open_or_null(argv[3], "o200k_base.vocab");
    int failed = cmocka_run_group_tests(tests, NULL, NULL);
    for (int i = 0; i < 2; i++) {
        tokens_vocab_close(toy[i]);
        tokens_vocab_close(real[i]);
    }
    return failed;
}
