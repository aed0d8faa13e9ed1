/* Facts of request bodies, refusals, and the splice: what goes upstream is the body as it came but for what was to be changed. */
#include "dialect/openai_chat/openai_chat.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>

#include <cmocka.h>
#include <yyjson.h>

#include "base/rand.h"

static struct sl_arena arena;

static int set_up(void **state)
{
    (void)state;
    sl_arena_init(&arena, NULL);
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    sl_arena_done(&arena);
    return 0;
}

static struct request_facts decode_ok(enum operation op, struct sl_str body)
{
    struct request_facts f;
    struct request_refusal r;
    if (!openai_request_decode(op, body, &arena, &f, &r)) {
        struct sl_str e = error_body(&arena, ERRORS_OPENAI, &r.error);
        fail_msg("%.*s was refused: %.*s", (int)body.n, body.p, (int)e.n, e.p);
    }
    return f;
}

static char *joined(const struct body_pieces *p, size_t *n)
{
    char *s = malloc(p->bytes + 1);
    *n = 0;
    for (int i = 0; i < p->n; i++) {
        memcpy(s + *n, p->v[i].iov_base, p->v[i].iov_len);
        *n += p->v[i].iov_len;
    }
    assert_int_equal(*n, p->bytes);
    s[*n] = 0;
    return s;
}

/* -- Facts ---------------------------------------------------------------------------------------------------------- */

static void reads_facts(void **state)
{
    (void)state;
    struct sl_str body =
        SL_STR("{\"model\":\"gpt-4o\",\"messages\":[{\"role\":\"user\",\"content\":\"hi\"},{}],\"stream\":true,\"n\":3,"
               "\"stream_options\":{\"include_usage\":true},\"max_completion_tokens\":77,\"max_tokens\":5,"
               "\"tools\":[{}],\"response_format\":{\"type\":\"json_object\"},\"audio\":{\"format\":\"wav\"},"
               "\"task\":\"summarization\",\"fallback\":false,\"route\":\"x\",\"models\":[\"a\", \"b\\u0062\"]}");
    struct request_facts f = decode_ok(OP_CHAT, body);
    assert_true(sl_str_eq(f.model, SL_STR("gpt-4o")));
    assert_true(f.stream);
    assert_int_equal(f.include_usage, SAID_YES);
    assert_int_equal(f.max_output, 77);
    assert_int_equal(f.n, 3);
    assert_true(f.has_tools);
    assert_true(f.json_output);
    assert_int_equal(f.modalities, MODALITY_AUDIO_OUT);
    assert_int_equal(f.messages, 2);
    assert_int_equal(f.body_bytes, body.n);
    assert_int_equal(f.payload_bytes, strlen("[{\"role\":\"user\",\"content\":\"hi\"},{}]") + strlen("[{}]") +
                                          strlen("{\"type\":\"json_object\"}"));
    assert_true(sl_str_eq(f.hints.task, SL_STR("summarization")));
    assert_true(sl_str_eq(f.hints.route, SL_STR("x")));
    assert_int_equal(f.hints.fallback, SAID_NO);
    assert_int_equal(f.hints.n_models, 2);
    assert_true(sl_str_eq(f.hints.models[0], SL_STR("a")));
    assert_true(sl_str_eq(f.hints.models[1], SL_STR("bb")));
}

static void defaults_are_plain(void **state)
{
    (void)state;
    struct request_facts f = decode_ok(OP_CHAT, SL_STR("{\"model\":\"m\"}"));
    assert_false(f.stream);
    assert_int_equal(f.include_usage, SAID_NOTHING);
    assert_int_equal(f.max_output, 0);
    assert_int_equal(f.n, 1);
    assert_false(f.has_tools);
    assert_int_equal(f.hints.fallback, SAID_NOTHING);
    assert_int_equal(f.hints.n_models, 0);
    assert_int_equal(f.hints.task.n, 0);
    assert_int_equal(f.payload_bytes, 0);
}

/* What is only looked at may be anything: the provider will say what it thinks of it. */
static void odd_values_are_the_providers(void **state)
{
    (void)state;
    struct request_facts f =
        decode_ok(OP_CHAT, SL_STR("{\"stream\":null,\"n\":-1,\"max_tokens\":1e30,\"messages\":\"x\",\"tools\":[],"
                                  "\"stream_options\":[1],\"response_format\":null,\"audio\":3,\"model\":\"m\"}"));
    assert_false(f.stream);
    assert_int_equal(f.n, 1);
    assert_int_equal(f.max_output, 0);
    assert_int_equal(f.messages, 0);
    assert_false(f.has_tools);
    f = decode_ok(OP_EMBEDDINGS, SL_STR("{\"model\":\"m\",\"input\":\"x\",\"stream\":true}"));
    assert_false(f.stream); /* embeddings do not stream */
    f = decode_ok(OP_COMPLETIONS, SL_STR("{\"model\":\"m\",\"prompt\":\"x\",\"stream\":true,\"n\":99999999999}"));
    assert_true(f.stream);
    assert_int_equal(f.n, UINT32_MAX);
    f = decode_ok(OP_CHAT, SL_STR("{\"model\":\"m\",\"task\":null,\"models\":null,\"fallback\":null,\"route\":null}"));
    assert_int_equal(f.hints.fallback, SAID_NOTHING);
    f = decode_ok(OP_CHAT, SL_STR("{\"model\":\"m\",\"models\":[]}"));
    assert_int_equal(f.hints.n_models, 0);
}

/* -- Refusals ------------------------------------------------------------------------------------------------------- */

static const struct {
    const char *body;
    enum gateway_error error;
    const char *param; /* NULL: null */
    const char *says;  /* in the message */
} refusals[] = {
    {"", GE_BODY_MISSING, NULL, "body"},
    {"[]", GE_BODY_NOT_OBJECT, NULL, "object"},
    {"\"model\"", GE_BODY_NOT_OBJECT, NULL, "object"},
    {"null", GE_BODY_NOT_OBJECT, NULL, "object"},
    {"{}", GE_MEMBER_MISSING, "model", "missing"},
    {"{\"Model\":\"x\"}", GE_MEMBER_MISSING, "model", "missing"},
    {"{\"messages\":[{\"model\":\"x\"}]}", GE_MEMBER_MISSING, "model", "missing"},
    {"{\"model\":null}", GE_MEMBER_TYPE, "model", "string"},
    {"{\"model\":[\"x\"]}", GE_MEMBER_TYPE, "model", "string"},
    {"{\"model\":12}", GE_MEMBER_TYPE, "model", "string"},
    {"{\"model\":\"\"}", GE_MEMBER_VALUE, "model", "empty"},
    {"{\"model\":\"a\\nb\"}", GE_MEMBER_VALUE, "model", "control"},
    {"{\"model\":\"a\\u0000b\"}", GE_MEMBER_VALUE, "model", "control"},
    {"{\"model\":\"a\x7f\"}", GE_MEMBER_VALUE, "model", "control"},
    {"{\"model\":\"\\ud800\"}", GE_MEMBER_VALUE, "model", "text"},
    {"{\"model\":\"a\",\"model\":\"b\"}", GE_MEMBER_REPEATED, "model", "twice"},
    {"{\"model\":\"a\",\"mod\\u0065l\":\"b\"}", GE_MEMBER_REPEATED, "model", "twice"},
    {"{\"model\":\"a\",\"stream\":true,\"stream\":false}", GE_MEMBER_REPEATED, "stream", "twice"},
    {"{\"model\":\"a\",\"messages\":[],\"messages\":[]}", GE_MEMBER_REPEATED, "messages", "twice"},
    {"{\"model\":\"a\",\"messages\":[\"\xff\"]}", GE_BODY_UTF8, "messages", "UTF-8"},
    {"{\"model\":\"\xc0\xaf\"}", GE_BODY_UTF8, "model", "UTF-8"},
    {"{\"model\":\"a\",\"messages\":[1,]}", GE_BODY_INVALID, "messages", "byte 27"},
    {"{\"model\":\"a\"", GE_BODY_INVALID, NULL, "ends too early"},
    {"{\"model\":\"a\"}}", GE_BODY_INVALID, NULL, "behind"},
    {"nonsense", GE_BODY_INVALID, NULL, "byte 1"},
    {"{\"model\":\"a\",\"stream\":\"yes\"}", GE_MEMBER_TYPE, "stream", "true or false"},
    {"{\"model\":\"a\",\"stream\":1}", GE_MEMBER_TYPE, "stream", "true or false"},
    {"{\"model\":\"a\",\"task\":1}", GE_MEMBER_TYPE, "task", "string"},
    {"{\"model\":\"a\",\"route\":{}}", GE_MEMBER_TYPE, "route", "string"},
    {"{\"model\":\"a\",\"fallback\":\"no\"}", GE_MEMBER_TYPE, "fallback", "true or false"},
    {"{\"model\":\"a\",\"models\":\"b\"}", GE_MEMBER_TYPE, "models", "list"},
    {"{\"model\":\"a\",\"models\":[\"b\",1]}", GE_MEMBER_TYPE, "models", "list"},
    {"{\"model\":\"a\",\"models\":[\"b\",\"\"]}", GE_MEMBER_VALUE, "models", "name"},
    {"{\"model\":\"a\",\"models\":[1,2,3,4,5,6,7,8,9,10,11,12,13,14,15,16,17]}", GE_MEMBER_TOO_MANY, "models", "many"},
};

static void refuses_and_names_the_member(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof refusals / sizeof refusals[0]; i++) {
        struct request_facts f;
        struct request_refusal r;
        const char *body = refusals[i].body;
        assert_false(openai_request_decode(OP_CHAT, sl_str_c(body), &arena, &f, &r));
        struct sl_str text = error_body(&arena, ERRORS_OPENAI, &r.error);
        yyjson_doc *y = yyjson_read(text.p, text.n, 0);
        assert_non_null(y);
        yyjson_val *e = yyjson_obj_get(yyjson_doc_get_root(y), "error");
        if (r.error.error != refusals[i].error)
            fail_msg("%s: %.*s", body, (int)text.n, text.p);
        assert_int_equal(yyjson_obj_size(e), 4);
        assert_string_equal(yyjson_get_str(yyjson_obj_get(e, "type")), "invalid_request_error");
        assert_non_null(yyjson_get_str(yyjson_obj_get(e, "code")));
        if (refusals[i].param == NULL)
            assert_true(yyjson_is_null(yyjson_obj_get(e, "param")));
        else
            assert_string_equal(yyjson_get_str(yyjson_obj_get(e, "param")), refusals[i].param);
        if (strstr(yyjson_get_str(yyjson_obj_get(e, "message")), refusals[i].says) == NULL)
            fail_msg("%s: %.*s does not say %s", body, (int)text.n, text.p, refusals[i].says);
        assert_int_equal(gateway_error_row(r.error.error)->status, 400);
        yyjson_doc_free(y);
    }
}

static void long_names(void **state)
{
    (void)state;
    for (size_t n = MODEL_NAME_MAX - 1; n <= MODEL_NAME_MAX + 1; n++) {
        char body[2000];
        int at = snprintf(body, sizeof body, "{\"model\":\"%*s\"}", (int)n, "x");
        for (char *p = body; p < body + at; p++)
            if (*p == ' ')
                *p = 'y';
        struct request_facts f;
        struct request_refusal r;
        bool ok = openai_request_decode(OP_CHAT, sl_str_of(body, (size_t)at), &arena, &f, &r);
        assert_int_equal(ok, n <= MODEL_NAME_MAX);
        if (!ok)
            assert_int_equal(r.error.error, GE_MEMBER_TOO_LONG);
    }
    char body[8 * MODEL_NAME_MAX] = "{\"model\":\""; /* escaped, it is six times as long */
    for (unsigned i = 0; i < MODEL_NAME_MAX; i++)
        memcpy(body + 10 + 6 * i, "\\u0061", 6);
    memcpy(body + 10 + 6 * MODEL_NAME_MAX, "\"}", 3);
    assert_int_equal(decode_ok(OP_CHAT, sl_str_c(body)).model.n, MODEL_NAME_MAX);
}

static void hostile_bodies(void **state)
{
    (void)state;
    struct request_facts f;
    struct request_refusal r;
    size_t n = 10000 * 2 + 30;
    char *p = malloc(n);
    int at = snprintf(p, n, "{\"model\":\"a\",\"messages\":");
    memset(p + at, '[', n - (size_t)at);
    assert_false(openai_request_decode(OP_CHAT, sl_str_of(p, n), &arena, &f, &r));
    assert_int_equal(r.error.error, GE_BODY_TOO_DEEP);
    assert_true(sl_str_eq(r.error.param, SL_STR("messages")));
    free(p);
    /* A model of 64 MiB costs no copy of it. */
    n = (size_t)64 << 20;
    p = malloc(n);
    memset(p, 'x', n);
    memcpy(p, "{\"model\":\"\\n", 12);
    memcpy(p + n - 2, "\"}", 2);
    size_t before = arena.used;
    assert_false(openai_request_decode(OP_CHAT, sl_str_of(p, n), &arena, &f, &r));
    assert_int_equal(r.error.error, GE_MEMBER_TOO_LONG);
    assert_true(arena.used - before < 4096);
    free(p);
}

/* -- The splice ------------------------------------------------------------------------------------------------------ */

static const struct {
    const char *body, *model;
    bool ask;
    const char *want;
    bool asked;
} splices[] = {
    /* Nothing to change: the same bytes, in one piece. */
    {" {\"model\" : \"a\",\"seed\":1.0} ", "a", true, " {\"model\" : \"a\",\"seed\":1.0} ", false},
    {"{\"mod\\u0065l\":\"\\u0061\"}", "a", true, "{\"mod\\u0065l\":\"\\u0061\"}", false},
    {"{\"model\":\"a\"}", "", true, "{\"model\":\"a\"}", false},
    /* The name. */
    {"{\"model\":\"a\"}", "b", false, "{\"model\":\"b\"}", false},
    {"{\"x\":[\"model\"],\"model\" :\n\"a\" ,\"y\":{\"model\":\"a\"}}", "q\"\\\n\xc3\xa4", false,
     "{\"x\":[\"model\"],\"model\" :\n\"q\\\"\\\\\\n\xc3\xa4\" ,\"y\":{\"model\":\"a\"}}", false},
    /* Our members: first, last, between, only beside the model, neighbours on both sides. */
    {"{\"task\":\"t\",\"model\":\"a\"}", "", false, "{\"model\":\"a\"}", false},
    {"{\"model\":\"a\",\"task\":\"t\"}", "", false, "{\"model\":\"a\"}", false},
    {"{ \"model\":\"a\" , \"task\" : \"t\" , \"x\":1 }", "", false, "{ \"model\":\"a\" , \"x\":1 }", false},
    {"{ \"task\" : \"t\" ,\n \"model\":\"a\" }", "", false, "{ \"model\":\"a\" }", false},
    {"{\"task\":\"t\",\"fallback\":true,\"model\":\"a\",\"route\":\"r\",\"models\":[]}", "", false, "{\"model\":\"a\"}",
     false},
    {"{\"x\":1,\"task\":\"t\",\"fallback\":true,\"model\":\"a\"}", "", false, "{\"x\":1,\"model\":\"a\"}", false},
    {"{\"models\":[\"b\"],\"x\":1,\"task\":\"t\",\"model\":\"a\",\"fallback\":false}", "b", false,
     "{\"x\":1,\"model\":\"b\"}", false},
    /* Escaped keys are ours, too; members of the same name deeper down are not. */
    {"{\"\\u0074ask\":\"t\",\"model\":\"a\",\"metadata\":{\"task\":\"t\"}}", "", false,
     "{\"model\":\"a\",\"metadata\":{\"task\":\"t\"}}", false},
    /* Usage. */
    {"{\"model\":\"a\",\"stream\":true}", "", true,
     "{\"model\":\"a\",\"stream_options\":{\"include_usage\":true},\"stream\":true}", true},
    {"{\"stream\":true,\"model\":\"a\",\"task\":\"t\"}", "b", true,
     "{\"stream\":true,\"model\":\"b\",\"stream_options\":{\"include_usage\":true}}", true},
    {"{\"model\":\"a\",\"stream\":true,\"stream_options\":null}", "", true,
     "{\"model\":\"a\",\"stream\":true,\"stream_options\":{\"include_usage\":true}}", true},
    {"{\"model\":\"a\",\"stream\":true,\"stream_options\":{}}", "", true,
     "{\"model\":\"a\",\"stream\":true,\"stream_options\":{\"include_usage\":true}}", true},
    {"{\"model\":\"a\",\"stream\":true,\"stream_options\":{ }}", "", true,
     "{\"model\":\"a\",\"stream\":true,\"stream_options\":{\"include_usage\":true }}", true},
    {"{\"model\":\"a\",\"stream\":true,\"stream_options\":{\"include_obfuscation\":false}}", "", true,
     "{\"model\":\"a\",\"stream\":true,\"stream_options\":{\"include_usage\":true,\"include_obfuscation\":false}}",
     true},
    {"{\"model\":\"a\",\"stream\":true,\"stream_options\":{\"include_usage\":false}}", "", true,
     "{\"model\":\"a\",\"stream\":true,\"stream_options\":{\"include_usage\":true}}", true},
    {"{\"model\":\"a\",\"stream\":true,\"stream_options\":{\"include_usage\":null,\"x\":1}}", "", true,
     "{\"model\":\"a\",\"stream\":true,\"stream_options\":{\"include_usage\":true,\"x\":1}}", true},
    {"{\"stream_options\":{\"include_usage\":false},\"model\":\"a\",\"stream\":true}", "b", true,
     "{\"stream_options\":{\"include_usage\":true},\"model\":\"b\",\"stream\":true}", true},
    {"{\"model\":\"a\",\"stream\":true,\"stream_options\":{\"include_usage\":true}}", "", true,
     "{\"model\":\"a\",\"stream\":true,\"stream_options\":{\"include_usage\":true}}", false},
    /* Not asked, or nothing to do with: left alone. */
    {"{\"model\":\"a\",\"stream\":true}", "", false, "{\"model\":\"a\",\"stream\":true}", false},
    {"{\"model\":\"a\",\"stream\":false}", "", true, "{\"model\":\"a\",\"stream\":false}", false},
    {"{\"model\":\"a\",\"stream\":true,\"stream_options\":7}", "", true,
     "{\"model\":\"a\",\"stream\":true,\"stream_options\":7}", false},
    {"{\"model\":\"a\",\"stream\":true,\"stream_options\":{\"include_usage\":\"x\"}}", "", true,
     "{\"model\":\"a\",\"stream\":true,\"stream_options\":{\"include_usage\":\"x\"}}", false},
};

static void splices_exactly(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof splices / sizeof splices[0]; i++) {
        struct sl_str body = sl_str_c(splices[i].body);
        struct request_facts f = decode_ok(OP_CHAT, body);
        struct request_change c = {.model = sl_str_c(splices[i].model), .ask_usage = splices[i].ask};
        struct body_pieces p;
        openai_request_encode_same(&f, body, &c, &arena, &p);
        size_t n;
        char *got = joined(&p, &n);
        assert_string_equal(got, splices[i].want);
        assert_int_equal(p.usage_asked, splices[i].asked);
        if (strcmp(splices[i].body, splices[i].want) == 0) {
            assert_int_equal(p.n, 1);
            assert_ptr_equal(p.v[0].iov_base, body.p);
        }
        free(got);
    }
}

/* -- Properties of the splice ---------------------------------------------------------------------------------------- */

struct text {
    char p[8192];
    size_t n;
};

static void add(struct text *t, const char *s)
{
    size_t n = strlen(s);
    assert_true(t->n + n < sizeof t->p);
    memcpy(t->p + t->n, s, n);
    t->n += n;
}

static void add_blanks(struct text *t, struct sl_rand *r)
{
    static const char *const blanks[] = {"", "", "", " ", "\n", "\t ", "\r\n  "};
    add(t, blanks[sl_rand_below(r, 7)]);
}

static void add_value(struct text *t, struct sl_rand *r, unsigned depth)
{
    static const char *const scalars[] = {"null",
                                          "true",
                                          "false",
                                          "0",
                                          "-1.50e+7",
                                          "1.0",
                                          "12345678901234567890123",
                                          "\"\"",
                                          "\"model\"",
                                          "\"a\\\"b,}]\"",
                                          "\"\xe4\xbd\xa0\\u00e4\\n\"",
                                          "\"{[\""};
    uint64_t kind = sl_rand_below(r, depth > 3 ? 12 : 16);
    if (kind < 12) {
        add(t, scalars[kind]);
        return;
    }
    bool object = kind < 14;
    add(t, object ? "{" : "[");
    uint64_t n = sl_rand_below(r, 4);
    for (uint64_t i = 0; i < n; i++) {
        add(t, i > 0 ? "," : "");
        add_blanks(t, r);
        if (object) {
            static const char *const keys[] = {"\"model\":", "\"task\" :", "\"stream_options\": ", "\"k\":"};
            add(t, keys[i]);
        }
        add_value(t, r, depth + 1);
        add_blanks(t, r);
    }
    add(t, object ? "}" : "]");
}

enum {
    G_MODEL = 0,
    G_STREAM,
    G_OPTIONS,
    G_TASK,
    G_ROUTE,
    G_FALLBACK,
    G_MODELS,
    G_X,
    G_Y,
    G_Z,
    G_COUNT
};
static const char *const keys[G_COUNT][2] = {
    {"model", "mod\\u0065l"}, {"stream", "stream"}, {"stream_options", "stream\\u005foptions"},
    {"task", "\\u0074ask"},   {"route", "route"},   {"fallback", "fallback"},
    {"models", "models"},     {"x", "x"},           {"yy", "y\\u0079"},
    {"messages", "messages"}};

static void add_member_value(struct text *t, struct sl_rand *r, int what)
{
    static const char *const models[] = {"\"gpt\"", "\"\\u0067pt\"", "\"other/model:1\""};
    static const char *const streams[] = {"true", "true", "true", "false", "null"};
    static const char *const options[] = {"null",
                                          "{}",
                                          "{ }",
                                          "{\"include_usage\" : false}",
                                          "{\"a\":1, \"include_usage\":true}",
                                          "{\"include_usage\":null,\"b\":[]}",
                                          "{\"b\":\"c\"}",
                                          "{\"include\\u005fusage\":false}"};
    switch (what) {
    case G_MODEL:
        add(t, models[sl_rand_below(r, 3)]);
        return;
    case G_STREAM:
        add(t, streams[sl_rand_below(r, 5)]);
        return;
    case G_OPTIONS:
        add(t, options[sl_rand_below(r, 8)]);
        return;
    case G_TASK:
    case G_ROUTE:
        add(t, sl_rand_below(r, 2) ? "null" : "\"t,\\\"\"");
        return;
    case G_FALLBACK:
        add(t, sl_rand_below(r, 2) ? "true" : "false");
        return;
    case G_MODELS:
        add(t, sl_rand_below(r, 2) ? "[]" : "[\"a\" , \"b]\"]");
        return;
    default:
        add_value(t, r, 0);
    }
}

static void make_body(struct text *t, struct sl_rand *r)
{
    int order[G_COUNT];
    for (int i = 0; i < G_COUNT; i++)
        order[i] = i;
    for (int i = G_COUNT - 1; i > 0; i--) {
        int k = (int)sl_rand_below(r, (uint64_t)i + 1), was = order[i];
        order[i] = order[k];
        order[k] = was;
    }
    t->n = 0;
    add_blanks(t, r);
    add(t, "{");
    bool first = true;
    for (int i = 0; i < G_COUNT; i++) {
        if (order[i] != G_MODEL && sl_rand_below(r, 2) == 0)
            continue;
        add(t, first ? "" : ",");
        first = false;
        add_blanks(t, r);
        add(t, "\"");
        add(t, keys[order[i]][sl_rand_below(r, 4) == 0]);
        add(t, "\"");
        add_blanks(t, r);
        add(t, ":");
        add_blanks(t, r);
        add_member_value(t, r, order[i]);
        add_blanks(t, r);
    }
    add(t, "}");
    add_blanks(t, r);
}

/* The same change made on a tree. */
static yyjson_mut_doc *expected_tree(const struct text *t, const char *model, bool ask, bool *asked)
{
    yyjson_doc *d = yyjson_read(t->p, t->n, YYJSON_READ_NUMBER_AS_RAW);
    assert_non_null(d);
    yyjson_mut_doc *m = yyjson_doc_mut_copy(d, NULL);
    yyjson_doc_free(d);
    yyjson_mut_val *root = yyjson_mut_doc_get_root(m);
    for (int i = G_TASK; i <= G_MODELS; i++)
        yyjson_mut_obj_remove_key(root, keys[i][0]);
    yyjson_mut_obj_put(root, yyjson_mut_str(m, "model"), yyjson_mut_str(m, model));
    yyjson_mut_val *options = yyjson_mut_obj_get(root, "stream_options");
    yyjson_mut_val *usage = yyjson_mut_obj_get(options, "include_usage");
    *asked = ask && yyjson_mut_is_true(yyjson_mut_obj_get(root, "stream")) && !yyjson_mut_is_true(usage);
    if (!*asked)
        return m;
    if (!yyjson_mut_is_obj(options)) {
        options = yyjson_mut_obj(m);
        yyjson_mut_obj_put(root, yyjson_mut_str(m, "stream_options"), options);
    }
    yyjson_mut_obj_put(options, yyjson_mut_str(m, "include_usage"), yyjson_mut_true(m));
    return m;
}

static void slices_are_the_bodys_own(const struct body_pieces *p, struct sl_str body)
{
    const char *at = body.p;
    size_t own = 0;
    for (int i = 0; i < p->n; i++) {
        const char *from = p->v[i].iov_base;
        assert_true(p->v[i].iov_len > 0);
        if (from < body.p || from >= body.p + body.n) {
            own += p->v[i].iov_len;
            continue;
        }
        assert_true(from >= at);
        at = from + p->v[i].iov_len;
        assert_true(at <= body.p + body.n);
    }
    assert_true(own <= 64); /* only a name and an option are ours */
}

static void result_is_the_changed_tree(void **state)
{
    (void)state;
    struct sl_rand r;
    sl_rand_seed(&r, 20261121);
    static struct text t;
    for (int round = 0; round < 20000; round++) {
        make_body(&t, &r);
        struct sl_str body = sl_str_of(t.p, t.n);
        struct request_facts f = decode_ok(OP_CHAT, body);
        const char *model = sl_rand_below(&r, 2) ? "gpt" : "new \"name\"";
        bool ask = sl_rand_below(&r, 4) != 0, asked = false;
        struct body_pieces p;
        openai_request_encode_same(&f, body, &(struct request_change){.model = sl_str_c(model), .ask_usage = ask},
                                   &arena, &p);
        slices_are_the_bodys_own(&p, body);
        size_t n;
        char *got = joined(&p, &n);
        yyjson_mut_doc *want = expected_tree(&t, model, ask, &asked);
        yyjson_doc *gd = yyjson_read(got, n, YYJSON_READ_NUMBER_AS_RAW);
        yyjson_mut_doc *gm = gd != NULL ? yyjson_doc_mut_copy(gd, NULL) : NULL;
        if (gm == NULL || !yyjson_mut_equals(yyjson_mut_doc_get_root(gm), yyjson_mut_doc_get_root(want)))
            fail_msg("round %d:\n%.*s\nbecame\n%s", round, (int)t.n, t.p, got);
        assert_int_equal(p.usage_asked, asked);
        yyjson_mut_doc_free(gm);
        yyjson_doc_free(gd);
        yyjson_mut_doc_free(want);
        free(got);
        sl_arena_reset(&arena);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(reads_facts, set_up, tear_down),
        cmocka_unit_test_setup_teardown(defaults_are_plain, set_up, tear_down),
        cmocka_unit_test_setup_teardown(odd_values_are_the_providers, set_up, tear_down),
        cmocka_unit_test_setup_teardown(refuses_and_names_the_member, set_up, tear_down),
        cmocka_unit_test_setup_teardown(long_names, set_up, tear_down),
        cmocka_unit_test_setup_teardown(hostile_bodies, set_up, tear_down),
        cmocka_unit_test_setup_teardown(splices_exactly, set_up, tear_down),
        cmocka_unit_test_setup_teardown(result_is_the_changed_tree, set_up, tear_down),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
