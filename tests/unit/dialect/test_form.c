/* Forms that are kept whole: their facts, what is refused, and that only the model's name changes. */
#include "dialect/form.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include "base/buf.h"

#define TYPE SL_STR("multipart/form-data; boundary=b")
#define FIELD(name, value) "--b\r\nContent-Disposition: form-data; name=\"" name "\"\r\n\r\n" value "\r\n"
#define FILE_PART(name, bytes)                                                                                         \
    "--b\r\nContent-Disposition: form-data; name=\"" name "\"; filename=\"a.wav\"\r\n\r\n" bytes "\r\n"
#define END "--b--\r\n"

static struct sl_arena arena;
static struct request_facts facts;
static struct form_facts form;
static struct request_refusal refusal;

static bool read_as(enum operation op, struct sl_str type, struct sl_str body)
{
    return form_read(op, type, body, &arena, &facts, &form, &refusal);
}

static void refused(enum operation op, struct sl_str body, enum gateway_error e, const char *param)
{
    assert_false(read_as(op, TYPE, body));
    assert_int_equal(refusal.error.error, e);
    assert_string_equal(
        refusal.error.param.n > 0 ? sl_arena_printf(&arena, SL_STR_FMT, SL_STR_ARG(refusal.error.param)).p : "", param);
}
#define REFUSED(op, text, e, param) refused(op, SL_STR(text), e, param)

static void facts_of_a_form(void **state)
{
    (void)state;
    struct sl_str body = SL_STR(FIELD("stream", "True") FILE_PART("file", "RIFF\r\n--x") FIELD("n", "3")
                                    FIELD("model", "whisper-1") FIELD("prompt", "words") END);
    assert_true(read_as(OP_TRANSCRIPTION, TYPE, body));
    assert_true(sl_str_eq(facts.model, SL_STR("whisper-1")));
    assert_true(facts.stream);
    assert_int_equal(facts.n, 3);
    assert_int_equal(form.files, 1);
    assert_int_equal(form.file_bytes, 9);
    assert_int_equal(facts.payload_bytes, 4 + 1 + 9 + 5);
    assert_int_equal(facts.at[RM_STREAM].kind, JSON_ABSENT);
    assert_true(read_as(OP_TRANSLATION, TYPE, body)); /* has no streams: the field is the provider's to judge */
    assert_false(facts.stream);
    assert_true(read_as(OP_IMAGE_EDIT, TYPE,
                        SL_STR(FILE_PART("image[]", "1") FILE_PART("image[]", "22") FILE_PART("mask", "3")
                                   FIELD("model", "gpt-image-2") END)));
    assert_int_equal(form.files, 3);
    assert_int_equal(form.file_bytes, 4);
}

static void refusals(void **state)
{
    (void)state;
    REFUSED(OP_TRANSCRIPTION, FILE_PART("file", "x") END, GE_MEMBER_MISSING, "model");
    REFUSED(OP_TRANSCRIPTION, FIELD("model", "m") END, GE_MEMBER_MISSING, "file");
    REFUSED(OP_TRANSCRIPTION, FIELD("model", "m") FIELD("file", "text") END, GE_MEMBER_MISSING, "file");
    REFUSED(OP_IMAGE_EDIT, FIELD("model", "m") FILE_PART("file", "x") END, GE_MEMBER_MISSING, "image");
    REFUSED(OP_TRANSCRIPTION, FIELD("model", "m") FIELD("model", "n") FILE_PART("file", "x") END, GE_MEMBER_REPEATED,
            "model");
    REFUSED(OP_TRANSCRIPTION, FIELD("model", "") FILE_PART("file", "x") END, GE_MEMBER_VALUE, "model");
    REFUSED(OP_TRANSCRIPTION, FIELD("model", "a\tb") FILE_PART("file", "x") END, GE_MEMBER_VALUE, "model");
    REFUSED(OP_TRANSCRIPTION, FIELD("model", "m") FIELD("stream", "perhaps") FILE_PART("file", "x") END, GE_MEMBER_TYPE,
            "stream");
    REFUSED(OP_TRANSCRIPTION, FIELD("model", "m") FILE_PART("file", "x"), GE_BAD_REQUEST, "");
    REFUSED(OP_TRANSCRIPTION, "", GE_BAD_REQUEST, "");
    REFUSED(OP_TRANSCRIPTION, "{\"model\":\"m\"}", GE_BAD_REQUEST, "");
    REFUSED(OP_TRANSCRIPTION, "--b\nContent-Disposition: form-data; name=a\n\n" END, GE_BAD_REQUEST, "");
    assert_false(read_as(OP_TRANSCRIPTION, SL_STR("multipart/form-data"), SL_STR(END)));
    assert_int_equal(refusal.error.error, GE_TYPE_UNSUPPORTED);
    char *name = sl_arena_alloc(&arena, 3000);
    memset(name, 'm', 3000);
    refused(OP_TRANSCRIPTION, sl_arena_printf(&arena, FIELD("model", "%.3000s") FILE_PART("file", "x") END, name),
            GE_MEMBER_TOO_LONG, "model");
}

static void only_the_model_changes(void **state)
{
    (void)state;
    static const char before[] =
        FILE_PART("file", "whisper-1") "--b\r\nContent-Disposition: form-data; name=\"model\"\r\n\r\n",
                      after[] = "\r\n" FIELD("language", "de") END;
    struct sl_str body = sl_arena_printf(&arena, "%swhisper-1%s", before, after);
    struct sl_buf b;
    struct body_pieces p;
    sl_buf_init(&b, 65536);
    assert_true(read_as(OP_TRANSCRIPTION, TYPE, body));
    form_encode(&facts, &form, body, SL_STR("other/name"), &arena, &p);
    for (int i = 0; i < p.n; i++)
        sl_buf_add(&b, p.v[i].iov_base, p.v[i].iov_len);
    assert_int_equal(b.n, p.bytes);
    assert_true(sl_str_eq(sl_buf_str(&b), sl_arena_printf(&arena, "%sother/name%s", before, after)));
    form_encode(&facts, &form, body, SL_STR("whisper-1"), &arena, &p);
    assert_int_equal(p.n, 1);
    assert_ptr_equal(p.v[0].iov_base, body.p);
    assert_int_equal(p.bytes, body.n);
    sl_buf_done(&b);
}

static int begin(void **state)
{
    (void)state;
    sl_arena_init(&arena, NULL);
    return 0;
}

static int end(void **state)
{
    (void)state;
    sl_arena_done(&arena);
    return 0;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(facts_of_a_form, begin, end),
        cmocka_unit_test_setup_teardown(refusals, begin, end),
        cmocka_unit_test_setup_teardown(only_the_model_changes, begin, end),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
