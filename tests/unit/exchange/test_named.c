/* Files that a body names, however their names are spelt. */
#include "exchange/exchange_int.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

static struct sl_arena arena;
static struct sl_str ids[8];

static size_t files(const char *body)
{
    static const struct sl_str name = SL_STR_INIT("file_id");
    return named_values(sl_str_c(body), &name, 1, &arena, ids, 8);
}

static void finds_members_of_that_name(void **state)
{
    (void)state;
    static const struct {
        const char *body;
        size_t n;
        const char *first;
    } rows[] = {
        {"{\"file_id\":\"file-1\"}", 1, "file-1"},
        {"{\"a\":[{\"file_id\" :\n\"file-1\"},{\"file_id\":\"file-2\"}]}", 2, "file-1"},
        {"{\"f\\u0069le_id\":\"file-1\"}", 1, "file-1"},
        {"{\"\\u0066\\u0069\\u006c\\u0065\\u005f\\u0069\\u0064\":\"x\"}", 1, "x"},
        {"{\"file_id\":\"fi\\u006ce-1\"}", 1, "file-1"},
        {"{\"text\":\"\\\"file_id\\\":\\\"file-1\\\"\"}", 0, NULL}, /* quoted in a text */
        {"{\"text\":\"file_id\",\"b\":\"file-1\"}", 0, NULL},
        {"{\"file_id\":null}", 0, NULL},
        {"{\"file_id\":[\"file-1\"]}", 0, NULL},
        {"{\"file_ids\":\"file-1\"}", 0, NULL},
        {"{\"\\\\\":\"\\\\\",\"file_id\":\"x\"}", 1, "x"},
        {"{\"file_id\":\"file-1", 0, NULL}, /* cut short */
        {"{\"file_id", 0, NULL},
        {"\"", 0, NULL},
        {"", 0, NULL},
    };
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        assert_int_equal(files(rows[i].body), rows[i].n);
        if (rows[i].n > 0)
            assert_true(sl_str_eq(ids[0], sl_str_c(rows[i].first)));
        if (rows[i].n > 0)
            assert_true(named_may_be(sl_str_c(rows[i].body), SL_STR("\"file_id\"")));
    }
}

static void no_more_than_there_is_room_for(void **state)
{
    (void)state;
    struct sl_buf b;
    sl_buf_init(&b, 4096);
    for (int i = 0; i < 20; i++)
        sl_buf_adds(&b, SL_STR("{\"file_id\":\"x\"},"));
    sl_buf_addc(&b, 0);
    assert_int_equal(files(b.p), 8);
    sl_buf_done(&b);
}

static void files_of_gemini(void **state)
{
    (void)state;
    static const struct {
        const char *uri, *id; /* NULL: none */
    } rows[] = {
        {"https://generativelanguage.googleapis.com/v1beta/files/abc-1", "abc-1"},
        {"files/abc", "abc"},
        {"https:\\/\\/x\\/v1\\/files\\/abc?alt=media", "abc"},
        {"https://x/v1beta/files/abc:download", "abc"},
        {"https://x/v1beta/fil%65s/ab%63", "abc"},
        {"https://x/files/files/abc", "abc"},
        {"https://www.youtube.com/watch?v=9hE5-98ZeCg", NULL},
        {"gs://bucket/clip.mp4", NULL},
        {"https://x/files/", NULL},
        {"https://x/files/%zz", NULL},
        {"", NULL},
    };
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        struct sl_str body =
            sl_arena_printf(&arena, "{\"fileData\":{\"mimeType\":\"a/b\",\"fileUri\":\"%s\"}}", rows[i].uri);
        assert_int_equal(gfiles_named(body, &arena, ids, 8), rows[i].id != NULL);
        if (rows[i].id != NULL)
            assert_true(sl_str_eq(ids[0], sl_str_c(rows[i].id)));
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(finds_members_of_that_name),
        cmocka_unit_test(no_more_than_there_is_room_for),
        cmocka_unit_test(files_of_gemini),
    };
    sl_arena_init(&arena, NULL);
    int failed = cmocka_run_group_tests(tests, NULL, NULL);
    sl_arena_done(&arena);
    return failed;
}
