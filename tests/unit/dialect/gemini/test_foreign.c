/* Recorded requests of other formats, when they lie beside the tree (../shared/corpus), written for Google: only names that Google
 * knows, turns in the order that it insists on, schemas of its subsets (gemini.md 3, 4, 5). Prints what was tried. Argument: the
 * tree's root. */
#include "dialect/gemini/gemini_int.h"

#include <stdio.h>

#include <zlib.h>

#include "gemini_test.h"

static const char *root_of_tree = ".";

static struct counts {
    unsigned requests, unread, refused, written, schemas, wrong;
} k;

static struct sl_str id;

static void wrong(const char *what, const char *which)
{
    if (k.wrong++ < 20)
        printf(SL_STR_FMT ": %s %s\n", SL_STR_ARG(id), what, which);
}

static bool is_one_of(const char *key, const char *const *names)
{
    for (; *names != NULL; names++)
        if (strcmp(key, *names) == 0)
            return true;
    return false;
}

static void expect_keys(yyjson_val *object, const char *const *names)
{
    size_t i, n;
    yyjson_val *key, *value;
    yyjson_obj_foreach(object, i, n, key, value)
    {
        if (!is_one_of(yyjson_get_str(key), names))
            wrong("an unknown member", yyjson_get_str(key));
    }
}

static const char *const top[] = {
    "systemInstruction", "contents", "tools", "toolConfig", "safetySettings", "generationConfig", "cachedContent",
    "serviceTier",       "labels",   "store", NULL};
static const char *const config[] = {"temperature",
                                     "topP",
                                     "topK",
                                     "candidateCount",
                                     "maxOutputTokens",
                                     "stopSequences",
                                     "seed",
                                     "presencePenalty",
                                     "frequencyPenalty",
                                     "responseMimeType",
                                     "responseSchema",
                                     "responseJsonSchema",
                                     "responseLogprobs",
                                     "logprobs",
                                     "responseModalities",
                                     "speechConfig",
                                     "thinkingConfig",
                                     NULL};
static const char *const part[] = {
    "text", "inlineData", "fileData", "functionCall", "functionResponse", "thoughtSignature", "mediaResolution", NULL};
static const char *const json_schema[] = {"type", "format", "title", "description", "enum", "items", "prefixItems",
                                          "minItems", "maxItems", "minimum", "maximum", "anyOf", "oneOf", "properties",
                                          "additionalProperties", "required", "$ref", "$defs", "propertyOrdering",
                                          /* accepted, without effect */
                                          "default", "pattern", "minLength", "maxLength", "minProperties",
                                          "maxProperties", "multipleOf", "uniqueItems", NULL};
static const char *const open_schema[] = {"type",
                                          "format",
                                          "title",
                                          "description",
                                          "nullable",
                                          "default",
                                          "enum",
                                          "items",
                                          "minItems",
                                          "maxItems",
                                          "minLength",
                                          "maxLength",
                                          "minProperties",
                                          "maxProperties",
                                          "properties",
                                          "required",
                                          "propertyOrdering",
                                          "anyOf",
                                          "minimum",
                                          "maximum",
                                          "pattern",
                                          "example",
                                          NULL};

static void check_schema(yyjson_val *v, const char *const *names)
{
    static const char *const maps[] = {"properties", "$defs"}, *const lists[] = {"anyOf", "oneOf", "prefixItems"};
    size_t i, n;
    yyjson_val *key, *child;
    if (!yyjson_is_obj(v))
        return;
    k.schemas++;
    expect_keys(v, names);
    for (size_t m = 0; m < 2; m++) {
        yyjson_val *map = yyjson_obj_get(v, maps[m]);
        yyjson_obj_foreach(map, i, n, key, child) check_schema(child, names);
    }
    for (size_t m = 0; m < 3; m++) {
        yyjson_val *list = yyjson_obj_get(v, lists[m]);
        yyjson_arr_foreach(list, i, n, child) check_schema(child, names);
    }
    check_schema(yyjson_obj_get(v, "items"), names);
    if (names == open_schema && yyjson_obj_get(v, "enum") != NULL) {
        yyjson_arr_foreach(yyjson_obj_get(v, "enum"), i, n, child)
        {
            if (!yyjson_is_str(child))
                wrong("an enum that is no text", "");
        }
    }
    if (yyjson_obj_get(v, "$ref") != NULL && yyjson_obj_size(v) > 1)
        wrong("a $ref with company", "");
}

static void check_tools(yyjson_val *tools)
{
    size_t i, n, d, m;
    yyjson_val *entry, *one;
    yyjson_arr_foreach(tools, i, n, entry)
    {
        static const char *const kinds[] = {"functionDeclarations", "googleSearch", NULL};
        static const char *const members[] = {"name", "description", "parameters", "parametersJsonSchema", NULL};
        expect_keys(entry, kinds);
        yyjson_arr_foreach(yyjson_obj_get(entry, "functionDeclarations"), d, m, one)
        {
            expect_keys(one, members);
            check_schema(yyjson_obj_get(one, "parametersJsonSchema"), json_schema);
            check_schema(yyjson_obj_get(one, "parameters"), open_schema);
        }
    }
}

static size_t count_parts(yyjson_val *content, const char *name)
{
    size_t i, n, found = 0;
    yyjson_val *p;
    yyjson_arr_foreach(yyjson_obj_get(content, "parts"), i, n, p) found += yyjson_obj_get(p, name) != NULL;
    return found;
}

static bool is_model(yyjson_val *content)
{
    return yyjson_equals_str(yyjson_obj_get(content, "role"), "model");
}

static void check_turns(yyjson_val *contents, bool prefill, bool signed_calls)
{
    size_t i, n, p, m;
    yyjson_val *content, *one;
    size_t waiting = 0;
    bool before = false;
    if (yyjson_arr_size(contents) == 0 || is_model(yyjson_arr_get_first(contents)))
        wrong("the first content", "is not the user's");
    yyjson_arr_foreach(contents, i, n, content)
    {
        size_t calls = count_parts(content, "functionCall"), results = count_parts(content, "functionResponse");
        size_t size = yyjson_arr_size(yyjson_obj_get(content, "parts")), signatures = 0;
        if (size == 0)
            wrong("a content", "without parts");
        if (waiting != results)
            wrong("results", "are not as many as calls");
        if (results > 0 && results != size)
            wrong("results", "have company");
        if (is_model(content) && before)
            wrong("two contents of the model", "in a row");
        yyjson_arr_foreach(yyjson_obj_get(content, "parts"), p, m, one)
        {
            expect_keys(one, part);
            yyjson_val *text = yyjson_obj_get(one, "text");
            if (text != NULL && yyjson_get_len(text) == 0)
                wrong("an empty", "text");
            bool call = yyjson_obj_get(one, "functionCall") != NULL;
            signatures += call && yyjson_obj_get(one, "thoughtSignature") != NULL;
            if (call && !yyjson_is_obj(yyjson_obj_get(yyjson_obj_get(one, "functionCall"), "args")))
                wrong("args", "that are no object");
        }
        if (calls > 0 && signed_calls && signatures == 0)
            wrong("calls", "without a signature");
        waiting = calls;
        before = is_model(content);
    }
    if (waiting > 0)
        wrong("calls at the end", "without results");
    if (before && !prefill)
        wrong("the last content", "is the model's");
}

static void check_written(struct sl_str body, const struct model_caps *caps)
{
    yyjson_doc *doc = yyjson_read(body.p, body.n, YYJSON_READ_NUMBER_AS_RAW);
    yyjson_val *root = yyjson_doc_get_root(doc);
    if (!yyjson_is_obj(root)) {
        wrong("no JSON", "");
        return;
    }
    expect_keys(root, top);
    expect_keys(yyjson_obj_get(root, "generationConfig"), config);
    check_tools(yyjson_obj_get(root, "tools"));
    check_turns(yyjson_obj_get(root, "contents"), caps_has(caps, CAP_PREFILL), caps_has(caps, CAP_SIGNED_CALLS));
    check_schema(yyjson_obj_get(yyjson_obj_get(root, "generationConfig"), "responseJsonSchema"), json_schema);
    check_schema(yyjson_obj_get(yyjson_obj_get(root, "generationConfig"), "responseSchema"), open_schema);
    yyjson_doc_free(doc);
}

static void try_body(const char *face, enum operation op, struct sl_str body)
{
    static const char *const models[] = {"gemini-3.8-flash", "gemini-2.5-flash", "gemini-2.0-flash"};
    struct neutral_request req = {.model = SL_STR("mine")};
    struct request_refusal refusal;
    k.requests++;
    if (!dialect_find(sl_str_c(face))->codec->request_read(op, body, &arena, &req, &refusal)) {
        k.unread++; /* fixtures with placeholders, requests that were refused then, too */
        return;
    }
    for (size_t i = 0; i < sizeof models / sizeof models[0]; i++) {
        struct translation *t = translation(face, "gemini", models[i]);
        struct sl_buf out;
        t->req = &req;
        t->unsupported = UNSUPPORTED_DROP;
        sl_buf_init(&out, 64u << 20);
        bool fine = gemini_request_write(t, &out, &refusal);
        struct sl_str got = kept(&out);
        k.refused += !fine;
        k.written += fine;
        if (fine)
            check_written(got, t->caps);
        else if (refusal.error.param.n == 0)
            wrong("refused without a place", "");
    }
}

static void try_record(struct sl_str line, const char *face, enum operation op)
{
    struct json_tree t;
    if (!json_tree_read(&t, line, &arena))
        return;
    const struct json_node *body = json_get(&t, json_root(&t), SL_STR("request_body"));
    uint64_t status = 0;
    json_u64_of(&t, json_get(&t, json_root(&t), SL_STR("status")), &status);
    id = json_get_inside(&t, json_root(&t), SL_STR("id"));
    if (json_kind_of(body) == JSON_OBJECT && status < 300)
        try_body(face, op, json_raw_of(&t, body));
}

static bool try_file(const char *name, const char *face, enum operation op)
{
    struct sl_str path = sl_arena_printf(&arena, "%s/../shared/corpus/%s.jsonl.gz", root_of_tree, name);
    gzFile f = gzopen(sl_arena_cstr(&arena, path), "rb");
    struct sl_buf b;
    char chunk[65536];
    int n;
    if (f == NULL)
        return false;
    sl_buf_init(&b, 512u << 20);
    while ((n = gzread(f, chunk, sizeof chunk)) > 0)
        sl_buf_add(&b, chunk, (size_t)n);
    gzclose(f);
    struct sl_str all = sl_buf_str(&b);
    while (all.p != NULL && all.n > 0) {
        struct sl_str line = sl_str_cut(&all, '\n');
        struct sl_arena outer = arena;
        sl_arena_init(&arena, NULL);
        try_record(line, face, op);
        sl_arena_done(&arena);
        arena = outer;
    }
    sl_buf_done(&b);
    return true;
}

static void writes_recorded_requests(void **state)
{
    (void)state;
    static const struct {
        const char *file, *face;
        enum operation op;
    } files[] = {
        {"openai.chat", "openai", OP_CHAT},           {"mistral.chat", "openai", OP_CHAT},
        {"openrouter.chat", "openai", OP_CHAT},       {"anthropic.messages", "anthropic", OP_MESSAGES},
        {"azure.messages", "anthropic", OP_MESSAGES}, {"openai.responses", "openai-responses", OP_RESPONSES},
    };
    bool any = false;
    for (size_t i = 0; i < sizeof files / sizeof files[0]; i++)
        any |= try_file(files[i].file, files[i].face, files[i].op);
    if (!any) {
        printf("no recorded traffic beside the tree: skipped\n");
        skip();
    }
    printf("requests %u: not read %u; for three models each: written %u, refused %u; schemas %u; wrong %u\n",
           k.requests, k.unread, k.written, k.refused, k.schemas, k.wrong);
    assert_int_equal(k.wrong, 0);
}

int main(int argc, char **argv)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(writes_recorded_requests, set_up, tear_down),
    };
    if (argc > 1)
        root_of_tree = argv[1];
    return cmocka_run_group_tests(tests, NULL, NULL);
}
