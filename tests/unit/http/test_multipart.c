/* Forms: every split gives the same, what is strict, limits, boundaries. */
#include "unit/http/cm.h"
#include "unit/http/multipart_transcript.h"

#define OUT_MAX (1u << 22)

static void expect_within(struct sl_str bytes, const struct multipart_limits *limits, struct sl_str want)
{
    struct sl_buf out;
    sl_buf_init(&out, OUT_MAX);
    multipart_transcript(bytes, SL_STR("AaB03x"), limits, (struct cut){0}, &out);
    expect_text(sl_buf_str(&out), want, bytes.p);
    for (size_t step = 1; step < 12; step++) {
        sl_buf_reset(&out);
        multipart_transcript(bytes, SL_STR("AaB03x"), limits, (struct cut){step, 0}, &out);
        expect_text(sl_buf_str(&out), want, "in small slices");
    }
    for (size_t at = 1; at < bytes.n; at++) {
        sl_buf_reset(&out);
        multipart_transcript(bytes, SL_STR("AaB03x"), limits, (struct cut){SIZE_MAX, at}, &out);
        expect_text(sl_buf_str(&out), want, "cut in two");
    }
    sl_buf_done(&out);
}
#define EXPECT(bytes, want) expect_within(SL_STR(bytes), NULL, SL_STR(want))
#define NAMED(parameters) "--AaB03x\r\nContent-Disposition: form-data; " parameters "\r\n\r\nv\r\n--AaB03x--\r\n"

static void forms(void **state)
{
    (void)state;
    EXPECT(
        "--AaB03x\r\nContent-Disposition: form-data; name=\"model\"\r\n\r\nwhisper-1\r\n--AaB03x\r\n"
        "content-disposition:form-data;name=file;filename=\"a b.wav\"\r\nContent-Type: audio/wav\r\nX: y\r\n\r\n"
        "RIFF\r\n--AaB03y\r\r\n--\r\n-\r\n--AaB03x--\r\n",
        "PART \"model\" file0 \"\"\"\" \"whisper-1\"\n"
        "PART \"file\" file1 \"a b.wav\"\"audio/wav\" \"RIFF\\u000d\\n--AaB03y\\u000d\\u000d\\n--\\u000d\\n-\"\nEND\nwhole1\n");
    EXPECT("preamble --AaB03x\r\n\r\n--AaB03x \t \r\nContent-Disposition: form-data; name=\"e\"\r\n\r\n\r\n--AaB03x--"
           "epilogue\r\n--AaB03x\r\n",
           "PART \"e\" file0 \"\"\"\" \"\"\nEND\nwhole1\n");
    EXPECT("--AaB03x--", "END\nwhole1\n");
    EXPECT(
        "--AaB03x\r\nContent-Disposition: form-data; name=\"m\"\r\nContent-Type: multipart/mixed; boundary=b\r\n\r\n"
        "--b\r\n\r\nx\r\n--b--\r\n--AaB03x--",
        "PART \"m\" file0 \"\"\"multipart/mixed; boundary=b\" \"--b\\u000d\\n\\u000d\\nx\\u000d\\n--b--\"\nEND\nwhole1\n");
}

static void names(void **state)
{
    (void)state;
    EXPECT(NAMED("name=\"a\\\"b\\\\c\\d\"; filename=\"\""),
           "PART \"a\\\"b\\\\c\\\\d\" file1 \"\"\"\" \"v\"\nEND\nwhole1\n");
    EXPECT(NAMED("name=f; filename=plain.txt; filename*=UTF-8''%e2%82%ac.txt"),
           "PART \"f\" file1 \"plain.txt\"\"\" \"v\"\nEND\nwhole1\n");
    EXPECT(NAMED("name=f; filename*=utf-8'en'%e2%82%ac%20rates"),
           "PART \"f\" file1 \"\xe2\x82\xac rates\"\"\" \"v\"\nEND\nwhole1\n");
    EXPECT(NAMED("NAME=\"x;y=z\"; extra=1;"), "PART \"x;y=z\" file0 \"\"\"\" \"v\"\nEND\nwhole1\n");
    EXPECT(NAMED("name=f; filename*=iso-8859-1''%a3"), "BAD\nwhole0\n");
    EXPECT(NAMED("name=f; filename*=UTF-8''%zz"), "BAD\nwhole0\n");
    EXPECT(NAMED("name=f; filename*=UTF-8''%ff"), "BAD\nwhole0\n");
    EXPECT(NAMED("name=f; filename*=nothing"), "BAD\nwhole0\n");
    EXPECT(NAMED("name=f; name=g"), "BAD\nwhole0\n");
    EXPECT(NAMED("name=f; filename=a; filename=b"), "BAD\nwhole0\n");
    EXPECT(NAMED("name*=UTF-8''f"), "BAD\nwhole0\n");
    EXPECT(NAMED("filename=f"), "BAD\nwhole0\n");
    EXPECT(NAMED("name=\"f"), "BAD\nwhole0\n");
    EXPECT(NAMED("name"), "BAD\nwhole0\n");
    EXPECT(NAMED("=f"), "BAD\nwhole0\n");
}

static void hostile(void **state)
{
    (void)state;
    EXPECT("", "whole0\n");
    EXPECT("no form at all", "whole0\n");
    EXPECT("--AaB03x\r\n", "whole0\n");
    EXPECT("--AaB03x-", "whole0\n");
    EXPECT("--AaB03x\r\nContent-Disposition: form-data; name=a\r\n\r\ncut short", "PART \"a\" file0 \"\"\"\"whole0\n");
    EXPECT("--AaB03x\r\nContent-Disposition: form-data; name=a\r\n\r\nx\r\n--AaB03x",
           "PART \"a\" file0 \"\"\"\" \"x\"\nwhole0\n");
    EXPECT("--AaB03x\nContent-Disposition: form-data; name=a\n\nx\n--AaB03x--\n", "BAD\nwhole0\n");
    EXPECT("--AaB03x\r\nContent-Disposition: form-data; name=a\n\nx\r\n--AaB03x--\r\n", "BAD\nwhole0\n");
    EXPECT("--AaB03x\r\nA: b\nContent-Disposition: form-data; name=a\r\n\r\nx\r\n--AaB03x--\r\n", "BAD\nwhole0\n");
    EXPECT("--AaB03x\r\nContent-Disposition: form-data;\r\n name=a\r\n\r\nx\r\n--AaB03x--\r\n", "BAD\nwhole0\n");
    EXPECT("--AaB03x\r\nContent-Disposition: attachment; name=a\r\n\r\nx\r\n--AaB03x--\r\n", "BAD\nwhole0\n");
    EXPECT("--AaB03x\r\nContent-Type: text/plain\r\n\r\nx\r\n--AaB03x--\r\n", "BAD\nwhole0\n");
    EXPECT("--AaB03x\r\n\r\nx\r\n--AaB03x--\r\n", "BAD\nwhole0\n");
    EXPECT("--AaB03x\r\nno header\r\n\r\nx\r\n--AaB03x--\r\n", "BAD\nwhole0\n");
    EXPECT("--AaB03x\r\nContent-Disposition: form-data; name=a\r\nContent-Disposition: form-data; name=b\r\n\r\n\r\n"
           "--AaB03x--",
           "BAD\nwhole0\n");
    EXPECT("--AaB03xy\r\n", "BAD\nwhole0\n");
    EXPECT("--AaB03x -- \r\n", "BAD\nwhole0\n");
    EXPECT("--AaB03x-\r\n", "BAD\nwhole0\n");
    EXPECT("--AaB03x\r\r\n", "BAD\nwhole0\n");
}

static void limits(void **state)
{
    (void)state;
    const struct multipart_limits two = {.head_bytes = 60, .parts = 2};
    expect_within(SL_STR("--AaB03x\r\nContent-Disposition: form-data; name=a\r\n\r\n1\r\n"
                         "--AaB03x\r\nContent-Disposition: form-data; name=b\r\n\r\n2\r\n"
                         "--AaB03x\r\nContent-Disposition: form-data; name=c\r\n\r\n3\r\n--AaB03x--"),
                  &two, SL_STR("PART \"a\" file0 \"\"\"\" \"1\"\nPART \"b\" file0 \"\"\"\" \"2\"\nBAD\nwhole0\n"));
    expect_within(SL_STR("--AaB03x\r\nContent-Disposition: form-data; name=abcdefghijklmnopqrstuvwxyz\r\n\r\n1"), &two,
                  SL_STR("BAD\nwhole0\n"));
    char blanks[400];
    memset(blanks, ' ', sizeof blanks);
    memcpy(blanks, "--AaB03x", 8);
    expect_within(sl_str_of(blanks, sizeof blanks), NULL, SL_STR("BAD\nwhole0\n"));
}

/* The bytes of a body are views of what was fed, wherever the delimiter did not begin before. */
static void nothing_is_copied(void **state)
{
    (void)state;
    static const char text[] =
        "--AaB03x\r\nContent-Disposition: form-data; name=a\r\n\r\nsome\r\nlines\r\n--AaB\r\n--AaB03x--";
    struct multipart m;
    struct sl_str in = sl_str_c(text), data, whole = in;
    enum multipart_event e;
    unsigned slices = 0;
    multipart_init(&m, SL_STR("AaB03x"), NULL);
    while ((e = multipart_next(&m, &in, &data)) != MULTIPART_MORE) {
        if (e != MULTIPART_DATA)
            continue;
        slices++;
        assert_true(data.p >= whole.p && data.p + data.n <= whole.p + whole.n);
        expect_text(data, SL_STR("some\r\nlines\r\n--AaB"), "one slice");
    }
    assert_int_equal(slices, 1);
    assert_true(multipart_is_whole(&m));
    multipart_done(&m);
}

static void boundaries(void **state)
{
    (void)state;
    static const struct {
        struct sl_str type, boundary; /* empty: refused */
    } rows[] = {
        {SL_STR_INIT("multipart/form-data; boundary=abc"), SL_STR_INIT("abc")},
        {SL_STR_INIT("Multipart/Form-Data;charset=utf-8 ; Boundary=\"a b:c\" "), SL_STR_INIT("a b:c")},
        {SL_STR_INIT("multipart/form-data; boundary="
                     "0123456789012345678901234567890123456789012345678901234567890123456789"),
         SL_STR_INIT("0123456789012345678901234567890123456789012345678901234567890123456789")},
        {SL_STR_INIT("multipart/form-data; boundary="
                     "01234567890123456789012345678901234567890123456789012345678901234567890"),
         {NULL, 0}},
        {SL_STR_INIT("multipart/form-data"), {NULL, 0}},
        {SL_STR_INIT("multipart/form-data; boundary="), {NULL, 0}},
        {SL_STR_INIT("multipart/form-data; boundary=\"\""), {NULL, 0}},
        {SL_STR_INIT("multipart/form-data; boundary=\"a "), {NULL, 0}},
        {SL_STR_INIT("multipart/form-data; boundary=\"a \""), {NULL, 0}},
        {SL_STR_INIT("multipart/form-data; boundary=a; boundary=b"), {NULL, 0}},
        {SL_STR_INIT("multipart/form-data; boundary=a\x01"), {NULL, 0}},
        {SL_STR_INIT("multipart/form-data boundary=a"), {NULL, 0}},
        {SL_STR_INIT("multipart/mixed; boundary=abc"), {NULL, 0}},
        {SL_STR_INIT("application/json"), {NULL, 0}},
        {{NULL, 0}, {NULL, 0}},
    };
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        struct sl_str got = SL_STR_NONE;
        bool ok = multipart_boundary(rows[i].type, &got);
        assert_int_equal(ok, rows[i].boundary.n > 0);
        if (ok)
            expect_text(got, rows[i].boundary, "the boundary");
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(forms),
        cmocka_unit_test(names),
        cmocka_unit_test(hostile),
        cmocka_unit_test(limits),
        cmocka_unit_test(nothing_is_copied),
        cmocka_unit_test(boundaries),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
