/* Estimates: of the right size, never wild, never zero for something. */
#include "tokens/estimate.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>

#include <cmocka.h>

static void inputs(void **state)
{
    (void)state;
    assert_int_equal(tokens_estimate_input(0, 0), 0);
    assert_int_equal(tokens_estimate_input(1, 0), 1);
    assert_int_equal(tokens_estimate_input(4, 0), 1);
    assert_int_equal(tokens_estimate_input(5, 0), 2);
    assert_int_equal(tokens_estimate_input(400, 2), 100);
    assert_int_equal(tokens_estimate_input(4, 3), 12);
    assert_true(tokens_estimate_input(UINT64_MAX, UINT32_MAX) > UINT64_MAX / 5);
}

static void outputs(void **state)
{
    (void)state;
    assert_int_equal(tokens_estimate_output(0, 0), 0);
    assert_int_equal(tokens_estimate_output(0, 3), 3);
    assert_int_equal(tokens_estimate_output(400, 3), 100);
    assert_int_equal(tokens_estimate_output(10, 7), 7);
}

static void within(uint64_t got, uint64_t low, uint64_t high)
{
    if (got < low || got > high)
        fail_msg("%llu is not from %llu to %llu", (unsigned long long)got, (unsigned long long)low,
                 (unsigned long long)high);
}

/* Texts with the counts of o200k_base (clients.md section 8.3). */
static void texts_against_a_tokeniser(void **state)
{
    (void)state;
    static const struct {
        const char *text;
        uint64_t tokens;
    } rows[] = {
        {"Hello, world!", 4},
        {"https://example.com/a/b?c=d&e=f#g", 12},
        {"\xd0\x9f\xd1\x80\xd0\xb8\xd0\xb2\xd0\xb5\xd1\x82, \xd0\xbc\xd0\xb8\xd1\x80! \xd0\xa1\xd1\x8a\xd0\xb5\xd1\x88\xd1\x8c "
         "\xd0\xb5\xd1\x89\xd1\x91 \xd1\x8d\xd1\x82\xd0\xb8\xd1\x85 \xd0\xbc\xd1\x8f\xd0\xb3\xd0\xba\xd0\xb8\xd1\x85 "
         "\xd1\x84\xd1\x80\xd0\xb0\xd0\xbd\xd1\x86\xd1\x83\xd0\xb7\xd1\x81\xd0\xba\xd0\xb8\xd1\x85 \xd0\xb1\xd1\x83\xd0\xbb\xd0\xbe\xd0\xba",
         16},
        {"\xe4\xbd\xa0\xe5\xa5\xbd\xef\xbc\x8c\xe4\xb8\x96\xe7\x95\x8c\xe3\x80\x82\xe4\xbb\x8a\xe5\xa4\xa9\xe5\xa4\xa9\xe6\xb0\x94\xe5\xbe\x88\xe5\xa5\xbd\xef\xbc\x81",
         9},
    };
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++)
        within(tokens_estimate_text(sl_str_c(rows[i].text)), rows[i].tokens / 2, rows[i].tokens * 3);
}

static void files_do_not_count_by_their_bytes(void **state)
{
    (void)state;
    size_t n = (size_t)5 << 20;
    char *p = malloc(n + 200);
    memset(p, 'A', n + 200);
    static const char head[] = "[{\"type\":\"image_url\",\"image_url\":{\"url\":\"data:image/png;base64,";
    memcpy(p, head, sizeof head - 1);
    p[n - 1] = '"';
    within(tokens_estimate_text(sl_str_of(p, n)), 1000, 1100);
    within(tokens_estimate_text(sl_str_of(p, n + 200)), 1040, 1150);
    p[n - 1] = 'A'; /* cut: no quote behind it */
    within(tokens_estimate_text(sl_str_of(p, n)), 1000, 1100);
    memset(p, 'A', n);
    within(tokens_estimate_text(sl_str_of(p, n)), n / 4, n / 4 + 1); /* just text */
    free(p);
    assert_int_equal(tokens_estimate_text(SL_STR("")), 0);
    assert_int_equal(tokens_estimate_text(SL_STR_NONE), 0);
}

/* Messages' and Gemini's files have no data URL; their frame may have blanks, their letters escapes. */
static void files_of_every_format(void **state)
{
    (void)state;
    static const char *const heads[] = {
        "{\"messages\":[{\"role\":\"user\",\"content\":[{\"type\":\"image\",\"source\":{\"type\":\"base64\",\"data\":\"",
        "{\"contents\": [{\"parts\": [{\"inlineData\": {\"mimeType\": \"image/png\", \"data\": \"",
        "{\"input\":[{\"type\":\"input_file\",\"file_data\":\"data:application/pdf;base64,",
    };
    enum {
        TEXT = 5000,
        FILE_BYTES = 50000,
        FILES = 3
    };
    char *p = malloc(FILES * (TEXT + FILE_BYTES + 500));
    for (size_t i = 0; i < sizeof heads / sizeof *heads; i++) {
        size_t n = 0, head = strlen(heads[i]);
        for (unsigned f = 0; f < FILES; f++) {
            memset(p + n, ' ', TEXT + f * 333); /* files begin anywhere between two windows */
            n += TEXT + f * 333;
            memcpy(p + n, heads[i], head);
            n += head;
            for (size_t k = 0; k < FILE_BYTES; k++)
                p[n + k] = k % 76 == 74 ? '\\' : k % 76 == 75 ? 'n' : "QUJD/+09"[k % 8];
            n += FILE_BYTES;
            p[n++] = '"';
        }
        within(tokens_estimate_text(sl_str_of(p, n)), FILES * 1000 + FILES * TEXT / 4,
               FILES * 1000 + FILES * TEXT / 4 + 600);
    }
    free(p);
}

static void long_texts_are_sampled(void **state)
{
    (void)state;
    size_t n = 300000;
    char *p = malloc(n);
    for (size_t i = 0; i + 3 <= n; i += 3)
        memcpy(p + i, "\xe4\xbd\xa0", 3);
    within(tokens_estimate_text(sl_str_of(p, n)), n / 3 - 10, n / 3 + 10);
    free(p);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(inputs),
        cmocka_unit_test(outputs),
        cmocka_unit_test(texts_against_a_tokeniser),
        cmocka_unit_test(files_do_not_count_by_their_bytes),
        cmocka_unit_test(files_of_every_format),
        cmocka_unit_test(long_texts_are_sampled),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
