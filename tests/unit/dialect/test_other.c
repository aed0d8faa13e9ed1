/* Operations that are no conversation: what a body is refused for, vectors in both encodings, events of streams, pairs. */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <cmocka.h>
#include <stdio.h>

#include "base/rand.h"
#include "dialect/gemini/gemini.h"
#include "dialect/other/pairs.h"

struct world {
    struct sl_arena a;
    struct sl_buf out;
};

static int set_up(void **state)
{
    static struct world w;
    sl_arena_init(&w.a, NULL);
    sl_buf_init(&w.out, 1u << 24);
    *state = &w;
    return 0;
}

static int tear_down(void **state)
{
    struct world *w = *state;
    sl_buf_done(&w->out);
    sl_arena_done(&w->a);
    return 0;
}

static void bodies_are_refused(void **state)
{
    static const struct {
        enum operation op;
        const char *body, *param; /* NULL: it is good */
    } rows[] = {
        {OP_EMBEDDINGS, "{\"input\":\"a\"}", NULL},
        {OP_EMBEDDINGS, "{\"input\":[1,2]}", NULL},
        {OP_EMBEDDINGS, "{\"input\":\"\"}", "input"},
        {OP_EMBEDDINGS, "{\"input\":[]}", "input"},
        {OP_EMBEDDINGS, "{}", "input"},
        {OP_EMBEDDINGS, "{\"input\":null}", "input"},
        {OP_MODERATIONS, "{\"input\":[{\"type\":\"text\",\"text\":\"a\"}]}", NULL},
        {OP_RERANK, "{\"query\":\"q\",\"documents\":[\"a\"]}", NULL},
        {OP_RERANK, "{\"query\":\"q\",\"documents\":\"a\"}", "documents"},
        {OP_RERANK, "{\"query\":\"q\",\"documents\":[]}", "documents"},
        {OP_RERANK, "{\"documents\":[\"a\"]}", "query"},
        {OP_IMAGES, "{\"prompt\":\"p\"}", NULL},
        {OP_IMAGES, "{\"prompt\":\"\"}", "prompt"},
        {OP_IMAGES, "{\"prompt\":\"p\",\"n\":0}", "n"},
        {OP_IMAGES, "{\"prompt\":\"p\",\"n\":1.5}", "n"},
        {OP_IMAGES, "{\"prompt\":\"p\",\"n\":11}", "n"},
        {OP_SPEECH, "{\"input\":\"p\"}", NULL},
        {OP_SPEECH, "{\"input\":[\"p\"]}", "input"},
        {OP_EMBED_BATCH, "{\"requests\":[]}", "requests"},
        {OP_EMBED_CONTENT, "{}", "content"},
        {OP_SPEECH, "[1]", ""},
    };
    struct world *w = *state;
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        struct other_look l;
        struct request_refusal r = {0};
        bool good = other_look(rows[i].op, sl_str_c(rows[i].body), &w->a, &l, &r);
        if (good != (rows[i].param == NULL) || (!good && !sl_str_eq(r.error.param, sl_str_c(rows[i].param))))
            fail_msg("%s", rows[i].body);
    }
}

static void units_are_told_by_the_request(void **state)
{
    struct world *w = *state;
    struct other_look l;
    struct request_refusal r;
    assert_true(other_look(OP_SPEECH, SL_STR("{\"input\":\"h\\u00f6re \\ud83d\\ude00\"}"), &w->a, &l, &r));
    assert_int_equal(l.units[UU_CHARACTERS], 6);
    assert_true(
        other_look(OP_IMAGES, SL_STR("{\"prompt\":\"p\",\"n\":3,\"size\":\"1x2\",\"quality\":\"hd\"}"), &w->a, &l, &r));
    assert_int_equal(l.units[UU_IMAGES_OUT], 3);
    assert_true(sl_str_eq(l.size, SL_STR("1x2")) && sl_str_eq(l.quality, SL_STR("hd")));
}

static void sizes_of_known_models(void **state)
{
    static const struct {
        const char *model, *size;
        bool fits;
    } rows[] = {{"dall-e-3", "1792x1024", true},    {"dall-e-3", "512x512", false},
                {"dall-e-2", "512x512", true},      {"gpt-image-1.5", "auto", true},
                {"gpt-image-1", "1x1", false},      {"gpt-image-2", "1000x1000", false},
                {"gpt-image-2", "2048x1024", true}, {"gpt-image-2", "4096x1024", false},
                {"gpt-image-2", "x", false},        {"flux", "whatever", true},
                {"gpt-image-2", "", true}};
    struct world *w = *state;
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        struct request_refusal r = {0};
        if (other_size_fits(sl_str_c(rows[i].model), sl_str_c(rows[i].size), &w->a, &r) != rows[i].fits)
            fail_msg("%s %s", rows[i].model, rows[i].size);
        assert_true(rows[i].fits || sl_str_eq(r.error.param, SL_STR("size")));
    }
}

static bool convert(struct world *w, struct sl_str value, bool base64)
{
    struct json_tree t;
    sl_buf_reset(&w->out);
    struct json_writer jw = json_writer_on(&w->out);
    assert_true(json_tree_read(&t, value, &w->a));
    return other_vector_write(&jw, &t, json_root(&t), base64);
}

static void vectors_are_exact_both_ways(void **state)
{
    struct world *w = *state;
    assert_true(convert(w, SL_STR("[ 0.5,-2,1e2 ]"), false)); /* as it stands */
    assert_true(sl_str_eq(sl_buf_str(&w->out), SL_STR("[ 0.5,-2,1e2 ]")));
    assert_true(convert(w, SL_STR("[0.5,-2,1e2]"), true));
    assert_true(sl_str_eq(sl_buf_str(&w->out), SL_STR("\"AAAAPwAAAMAAAMhC\"")));
    assert_true(convert(w, SL_STR("\"AAAAPwAAAMAAAMhC\""), false));
    assert_true(sl_str_eq(sl_buf_str(&w->out), SL_STR("[0.5,-2.0,100.0]")));
    assert_false(convert(w, SL_STR("[1,\"a\"]"), true));
    assert_false(convert(w, SL_STR("\"AAAA\""), false));     /* three bytes */
    assert_false(convert(w, SL_STR("\"AADAfw==\""), false)); /* not a number */
    assert_false(convert(w, SL_STR("\"****\""), false));
    assert_false(convert(w, SL_STR("{}"), false));

    /* Any float32 survives: base64, numbers, base64. */
    struct sl_rand r;
    sl_rand_seed(&r, 7);
    for (int i = 0; i < 20000; i++) {
        uint32_t bits = (uint32_t)sl_rand_next(&r);
        if ((bits >> 23 & 255) == 255)
            continue;
        char text[32], again[64];
        static const char digits[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
        unsigned char b[6] = {(unsigned char)bits, (unsigned char)(bits >> 8), (unsigned char)(bits >> 16),
                              (unsigned char)(bits >> 24)};
        int n = 0;
        text[n++] = '"';
        for (int k = 0; k < 2; k++) {
            unsigned v = (unsigned)b[3 * k] << 16 | (unsigned)b[3 * k + 1] << 8 | b[3 * k + 2];
            for (int s = 18; s >= 0; s -= 6)
                text[n++] = digits[v >> s & 63];
        }
        text[n - 1] = text[n - 2] = '=';
        text[n++] = '"';
        assert_true(convert(w, sl_str_of(text, (size_t)n), false));
        size_t len = w->out.n;
        memcpy(again, w->out.p, len);
        assert_true(convert(w, sl_str_of(again, len), true));
        assert_true(sl_str_eq(sl_buf_str(&w->out), sl_str_of(text, (size_t)n)));
        sl_arena_done(&w->a);
        sl_arena_init(&w->a, NULL);
    }
}

static void events_are_known(void **state)
{
    static const struct {
        const char *event, *data;
        enum stream_kind kind;
        bool finish, usage;
    } rows[] = {
        {"", "", SK_EMPTY, false, false},
        {"", "[DONE]", SK_DONE, false, false},
        {"", "{\"type\":\"image_generation.partial_image\",\"b64_json\":\"AA\"}", SK_CONTENT, false, false},
        {"",
         "{\"type\":\"image_generation.completed\",\"b64_json\":\"AA\",\"usage\":{\"input_tokens\":1,\"output_tokens\":2}}",
         SK_FINISH, true, true},
        {"", "{\"type\":\"speech.audio.delta\",\"audio\":\"AA\"}", SK_CONTENT, false, false},
        {"", "{\"type\":\"speech.audio.done\",\"usage\":{\"input_tokens\":1,\"output_tokens\":2,\"total_tokens\":3}}",
         SK_FINISH, true, true},
        {"error", "{\"message\":\"no\"}", SK_ERROR, false, false},
        {"", "{\"error\":{\"message\":\"no\"}}", SK_ERROR, false, false},
        {"", "{\"type\":\"image_generation.partial_failed\",\"error\":{\"code\":\"x\"}}", SK_CONTENT, false, false},
        {"", "{\"type\":", SK_OTHER, false, false},
    };
    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        struct stream_event e;
        struct stream_memo memo = {.head = 0};
        other_stream_watch(&memo, sl_str_c(rows[i].event), sl_str_c(rows[i].data), &e);
        if (e.kind != rows[i].kind || e.finish != rows[i].finish || e.has_usage != rows[i].usage)
            fail_msg("%s", rows[i].data);
    }
}

/* Each picture reports its own part: the last report is the sum. Ark's pictures report nothing, its last event all. */
static void pictures_are_summed(void **state)
{
    static const struct {
        const char *data;
        uint32_t images;
        uint64_t completion;
    } rows[] = {
        {"{\"type\":\"image_generation.partial_image\",\"b64_json\":\"AA\"}", 0, 0},
        {"{\"type\":\"image_generation.completed\",\"b64_json\":\"AA\",\"usage\":{\"input_tokens\":1,\"output_tokens\":2}}",
         1, 2},
        {"{\"usage\":{\"input_tokens\":1,\"output_tokens\":5},\"b64_json\":\"AA\",\"type\":\"image_edit.completed\"}",
         1, 7},
        {"{\"type\":\"image_generation.partial_succeeded\",\"url\":\"https://a\"}", 1, 0},
        {"{\"type\":\"image_generation.partial_failed\",\"error\":{\"code\":\"x\"}}", 0, 0},
        {"{\"type\":\"image_generation.completed\",\"usage\":{\"generated_images\":1,\"output_tokens\":9}}", 0, 9},
    };
    struct stream_memo memo = {.head = 0};
    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        struct stream_event e;
        other_stream_watch(&memo, SL_STR_NONE, sl_str_c(rows[i].data), &e);
        assert_int_equal(e.images, rows[i].images);
        assert_int_equal(e.has_usage ? e.usage.completion : 0, rows[i].completion);
    }
}

/* However an answer is cut, its pictures are the same: whole, byte by byte, and in two. */
static void pictures_are_counted_in_slices(void **state)
{
    static const struct {
        const char *answer;
        uint32_t pictures;
    } rows[] = {
        {"{\"candidates\":[{\"content\":{\"parts\":[{\"text\":\"a\"},{\"inlineData\":{\"mimeType\":\"image/png\",\"data\":"
         "\"QUJDQUJDQUJDQUJDQUJDQUJDQUJDQUJDQUJD\"}}]}},{\"content\":{\"parts\":[{\"inline_data\":{\"data\":\"QUJD\","
         "\"mime_type\":\"IMAGE/jpeg\"}}]}}]}",
         2},
        {"[{\"candidates\":[{\"content\":{\"parts\":[{\"inlineData\":{\"mimeType\":\"image/png\"}}]}}]},\n"
         "{\"candidates\":[{\"content\":{\"parts\":[{\"inlineData\":{\"mimeType\":\"image/png\"}}]}}]}]",
         2},
        {"{\"candidates\":[{\"content\":{\"parts\":[{\"thought\":true,\"inlineData\":{\"mimeType\":\"image/png\"}},"
         "{\"inlineData\":{\"mimeType\":\"image/png\"},\"thought\" : true},{\"thought\":false,\"inlineData\":{\"mimeType\" : "
         "\"image/png\"}}]}}]}",
         1},
        {"{\"candidates\":[{\"content\":{\"parts\":[{\"inlineData\":{\"mimeType\":\"audio/pcm\",\"data\":\"image/\"}},"
         "{\"text\":\"\\\\\\\"},{\\\"inlineData\\\":{\\\"mimeType\\\":\\\"image/png\\\"}}\"},{\"functionCall\":{\"args\":"
         "{\"inlineData\":{\"mimeType\":\"image/png\"}}}}]},\"inlineData\":{\"mimeType\":\"image/png\"}}],"
         "\"parts\":[{\"inlineData\":{\"mimeType\":\"image/png\"}}]}",
         0},
        {"}]}]{{[[\"inlineData\":::\"image/\",{]}", 0},
    };
    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        struct sl_str all = sl_str_c(rows[i].answer);
        for (size_t cut = 0; cut <= all.n; cut++) {
            struct gemini_pictures p = {.count = 0};
            gemini_pictures_feed(&p, sl_str_head(all, cut));
            gemini_pictures_feed(&p, sl_str_from(all, cut));
            assert_int_equal(p.count, rows[i].pictures);
        }
        struct gemini_pictures p = {.count = 0};
        for (size_t at = 0; at < all.n; at++)
            gemini_pictures_feed(&p, sl_str_of(all.p + at, 1));
        assert_int_equal(p.count, rows[i].pictures);
    }
}

#define FIELD(name, value) "--b\r\nContent-Disposition: form-data; name=\"" name "\"\r\n\r\n" value "\r\n"
#define PICTURE(name, file, value)                                                                                     \
    "--b\r\nContent-Disposition: form-data; name=\"" name "\"; filename=\"" file "\"\r\n\r\n" value "\r\n"
#define FOUR(x) x x x x

static void edits_are_read(void **state)
{
    static const struct {
        const char *form;
        enum gateway_error error;
        const char *json; /* GE_NONE: what it says */
    } rows[] = {
        {FIELD("n", "2") PICTURE("image[]", "a.png", "abc") FIELD("prompt", "a \"b\"\n\x01") FIELD("size", "1x1")
             PICTURE("mask", "m.png", "x") PICTURE("image", "b", "\xff\xd8\xff") "--b--\r\n",
         GE_NONE,
         "{\"n\":2,\"prompt\":\"a \\\"b\\\"\\n\\u0001\",\"size\":\"1x1\",\"mask\":{},\"images\":[{\"image_url\":"
         "\"data:image/png;base64,YWJj\"},{\"image_url\":\"data:image/jpeg;base64,/9j/\"}]}"},
        {FIELD("n", "two") "--b--\r\n", GE_NONE, "{\"n\":\"two\",\"images\":[]}"},
        {PICTURE("image", "a.txt", "abc") "--b--\r\n", GE_MEMBER_VALUE, NULL},
        {FIELD("n", "1") FIELD("n", "2") "--b--\r\n", GE_MEMBER_REPEATED, NULL},
        {FIELD("prompt", "\xff") "--b--\r\n", GE_MEMBER_VALUE, NULL},
        {FIELD("prompt", "a"), GE_BAD_REQUEST, NULL},
        {"--b\r\nnothing\r\n\r\n\r\n--b--\r\n", GE_BAD_REQUEST, NULL},
        {FOUR(FOUR(PICTURE("image", "a.png", "a"))) PICTURE("image", "a.png", "a") "--b--\r\n", GE_MEMBER_TOO_MANY,
         NULL},
    };
    struct world *w = *state;
    struct sl_str type = SL_STR("multipart/form-data; boundary=b"), json;
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        struct request_refusal r = {0};
        bool ok = other_edit_from_form(type, sl_str_c(rows[i].form), &w->a, &json, &r);
        assert_int_equal(r.error.error, rows[i].error);
        assert_int_equal(ok, rows[i].error == GE_NONE);
        if (ok && !sl_str_eq(json, sl_str_c(rows[i].json)))
            fail_msg(SL_STR_FMT, SL_STR_ARG(json));
    }
    struct request_refusal r = {0};
    sl_buf_reset(&w->out);
    struct sl_buf big;
    sl_buf_init(&big, 2 * OTHER_EDIT_BYTES);
    sl_buf_adds(&big,
                SL_STR(FIELD("prompt",
                             "a") "--b\r\nContent-Disposition: form-data; name=\"image\"; filename=\"a.png\"\r\n\r\n"));
    char *room = sl_buf_room(&big, OTHER_EDIT_BYTES);
    memset(room, 'a', OTHER_EDIT_BYTES);
    sl_buf_wrote(&big, OTHER_EDIT_BYTES);
    sl_buf_adds(&big, SL_STR("\r\n--b--\r\n"));
    assert_false(other_edit_from_form(type, sl_buf_str(&big), &w->a, &json, &r));
    assert_int_equal(r.error.error, GE_BODY_TOO_LARGE);
    sl_buf_done(&big);
}

/* Answers that break their format are none, whatever the pair. */
static void broken_answers(void **state)
{
    static const struct {
        const struct other_pair *pair;
        enum operation op;
        const char *ask, *answer;
    } rows[] = {
        {&other_embed_gemini, OP_EMBEDDINGS, "{\"input\":[\"a\",\"b\"]}",
         "{\"embeddings\":[{\"values\":[1]}]}"}, /* too few */
        {&other_embed_gemini, OP_EMBEDDINGS, "{\"input\":\"a\"}",
         "{\"embeddings\":[{\"values\":[1]},{\"values\":[1]}]}"},
        {&other_embed_gemini, OP_EMBEDDINGS, "{\"input\":\"a\"}", "{\"embeddings\":[{}]}"},
        {&other_embed_cohere, OP_EMBEDDINGS, "{\"input\":\"a\"}", "{\"embeddings\":{\"int8\":[[1]]}}"},
        {&other_embed_ark, OP_EMBEDDINGS, "{\"input\":\"a\"}", "{\"data\":[]}"},
        {&other_embed_vertex, OP_EMBEDDINGS, "{\"input\":[\"a\",\"b\"]}",
         "{\"predictions\":[{\"embeddings\":{\"values\":[1]}}]}"}, /* too few */
        {&other_embed_vertex, OP_EMBEDDINGS, "{\"input\":\"a\"}", "{\"predictions\":[{\"embeddings\":{}}]}"},
        {&other_embed_vertex_two, OP_EMBEDDINGS, "{\"input\":\"a\"}", "{\"embedding\":{\"values\":7}}"},
        {&other_embed_titan, OP_EMBEDDINGS, "{\"input\":\"a\"}", "{\"inputTextTokenCount\":1}"},
        {&other_embed_bedrock_cohere, OP_EMBEDDINGS, "{\"input\":\"a\"}", "{\"embeddings\":[]}"},
        {&other_images_vertex, OP_IMAGES, "{\"prompt\":\"p\"}", "{\"predictions\":[]}"},
        {&other_speech_gemini, OP_SPEECH, "{\"input\":\"a\",\"voice\":\"v\",\"response_format\":\"wav\"}",
         "{\"candidates\":[{\"content\":{\"parts\":[{\"text\":\"no\"}]}}]}"},
        {&other_speech_gemini, OP_SPEECH, "{\"input\":\"a\",\"voice\":\"v\",\"response_format\":\"wav\"}",
         "{\"candidates\":[{\"content\":{\"parts\":[{\"inlineData\":{\"mimeType\":\"audio/L16\",\"data\":\"!\"}}]}}]}"},
        {&other_rerank_cohere, OP_RERANK, "{\"query\":\"q\",\"documents\":[\"a\"]}",
         "{\"results\":[{\"index\":1,\"relevance_score\":1}]}"},
        {&other_rerank_jina, OP_RERANK, "{\"query\":\"q\",\"documents\":[\"a\"]}", "{\"results\":{}}"},
        {&other_images_imagen, OP_IMAGES, "{\"prompt\":\"p\"}", "{\"predictions\":[{\"raiFilteredReason\":\"x\"}]}"},
        {&other_images_gemini, OP_IMAGES, "{\"prompt\":\"p\"}",
         "{\"candidates\":[{\"content\":{\"parts\":[{\"text\":\"no\"}]}}]}"},
        {&other_images_seedream, OP_IMAGES, "{\"prompt\":\"p\"}", "{\"data\":[{\"error\":{\"code\":\"x\"}}]}"},
    };
    struct world *w = *state;
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        struct other_look l;
        struct request_refusal r = {0};
        struct neutral_notes notes = {.a = &w->a};
        assert_true(other_look(rows[i].op, sl_str_c(rows[i].ask), &w->a, &l, &r));
        struct other_translation t = {.op = rows[i].op,
                                      .pair = rows[i].pair,
                                      .look = &l,
                                      .model = SL_STR("m"),
                                      .up_model = SL_STR("u"),
                                      .count = l.n,
                                      .notes = &notes,
                                      .a = &w->a};
        sl_buf_reset(&w->out);
        assert_true(rows[i].pair->write(&t, &w->out, &r));
        struct json_tree written;
        assert_true(json_tree_read(&written, sl_buf_str(&w->out), &w->a));
        sl_buf_reset(&w->out);
        struct sl_str body = sl_str_c(rows[i].answer);
        if (rows[i].pair->answer(&t, &body, 1, &w->out))
            fail_msg("%s", rows[i].answer);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(bodies_are_refused, set_up, tear_down),
        cmocka_unit_test_setup_teardown(units_are_told_by_the_request, set_up, tear_down),
        cmocka_unit_test_setup_teardown(sizes_of_known_models, set_up, tear_down),
        cmocka_unit_test_setup_teardown(vectors_are_exact_both_ways, set_up, tear_down),
        cmocka_unit_test_setup_teardown(events_are_known, set_up, tear_down),
        cmocka_unit_test(pictures_are_summed),
        cmocka_unit_test(pictures_are_counted_in_slices),
        cmocka_unit_test_setup_teardown(edits_are_read, set_up, tear_down),
        cmocka_unit_test_setup_teardown(broken_answers, set_up, tear_down),
    };
    return cmocka_run_group_tests_name("other", tests, NULL, NULL);
}
