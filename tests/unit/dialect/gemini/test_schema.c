/* Schemas: towards both of Gemini's forms, and back. Cases: translate-gemini.md 5, 19 (17 to 19), 20.5. */
#include "dialect/gemini/gemini_int.h"

#include "gemini_test.h"

static const struct {
    const char *in, *json, *openapi; /* NULL: not looked at */
} cases[] = {
    {"{\"$schema\":\"http://json-schema.org/draft-07/schema#\",\"type\":\"object\",\"properties\":{"
     "\"mode\":{\"const\":\"fast\"},\"level\":{\"type\":[\"integer\",\"null\"],\"exclusiveMinimum\":0},"
     "\"tags\":{\"type\":\"array\"},\"who\":{\"$ref\":\"#/definitions/P\",\"description\":\"person\"}},"
     "\"definitions\":{\"P\":{\"type\":\"object\",\"properties\":{\"name\":{\"type\":\"string\",\"format\":\"uuid\"}}}},"
     "\"additionalProperties\":false}",
     "{\"type\":\"object\",\"properties\":{\"mode\":{\"enum\":[\"fast\"],\"type\":\"string\"},"
     "\"level\":{\"type\":[\"integer\",\"null\"],\"minimum\":1},\"tags\":{\"type\":\"array\",\"items\":{}},"
     "\"who\":{\"type\":\"object\",\"properties\":{\"name\":{\"type\":\"string\",\"format\":\"uuid\"}},"
     "\"description\":\"person\"}},\"additionalProperties\":false}",
     "{\"type\":\"OBJECT\",\"properties\":{\"mode\":{\"type\":\"STRING\",\"enum\":[\"fast\"]},"
     "\"level\":{\"type\":\"INTEGER\",\"nullable\":true,\"minimum\":1},"
     "\"tags\":{\"type\":\"ARRAY\",\"items\":{\"type\":\"STRING\"}},"
     "\"who\":{\"type\":\"OBJECT\",\"properties\":{\"name\":{\"type\":\"STRING\"}},\"description\":\"person\"}}}"},
    /* properties with the names of keywords are names */
    {"{\"type\":\"object\",\"properties\":{\"type\":{\"type\":\"string\"},\"format\":{\"type\":\"string\"},"
     "\"properties\":{\"type\":\"string\"},\"$ref\":{\"type\":\"string\"},\"default\":{\"type\":\"string\"}},"
     "\"required\":[\"type\",\"$ref\"]}",
     "{\"type\":\"object\",\"properties\":{\"type\":{\"type\":\"string\"},\"format\":{\"type\":\"string\"},"
     "\"properties\":{\"type\":\"string\"},\"$ref\":{\"type\":\"string\"},\"default\":{\"type\":\"string\"}},"
     "\"required\":[\"type\",\"$ref\"]}",
     "{\"type\":\"OBJECT\",\"properties\":{\"type\":{\"type\":\"STRING\"},\"format\":{\"type\":\"STRING\"},"
     "\"properties\":{\"type\":\"STRING\"},\"$ref\":{\"type\":\"STRING\"},\"default\":{\"type\":\"STRING\"}},"
     "\"required\":[\"type\",\"$ref\"]}"},
    /* a recursive list, through a member that need not be there: the reference stays */
    {"{\"type\":\"object\",\"properties\":{\"root\":{\"$ref\":\"#/$defs/N\"}},\"$defs\":{\"N\":{\"type\":\"object\","
     "\"properties\":{\"next\":{\"$ref\":\"#/$defs/N\"}}},\"unused\":{\"type\":\"string\"}}}",
     "{\"type\":\"object\",\"properties\":{\"root\":{\"$ref\":\"#/$defs/N\"}},\"$defs\":{\"N\":{\"type\":\"object\","
     "\"properties\":{\"next\":{\"$ref\":\"#/$defs/N\"}}}}}",
     "{\"type\":\"OBJECT\",\"properties\":{\"root\":{\"type\":\"OBJECT\",\"properties\":{\"next\":{\"type\":\"OBJECT\","
     "\"properties\":{\"next\":{\"type\":\"OBJECT\",\"properties\":{\"next\":{\"type\":\"OBJECT\","
     "\"description\":\"recursive\"}}}}}}}}}"},
    /* through one that must: unrolled three times */
    {"{\"type\":\"object\",\"properties\":{\"t\":{\"$ref\":\"#/$defs/T\"}},\"$defs\":{\"T\":{\"type\":\"object\","
     "\"properties\":{\"c\":{\"type\":\"array\",\"items\":{\"$ref\":\"#/$defs/T\"}}},\"required\":[\"c\"]}}}",
     "{\"type\":\"object\",\"properties\":{\"t\":{\"type\":\"object\",\"properties\":{\"c\":{\"type\":\"array\",\"items\":"
     "{\"type\":\"object\",\"properties\":{\"c\":{\"type\":\"array\",\"items\":"
     "{\"type\":\"object\",\"properties\":{\"c\":{\"type\":\"array\",\"items\":"
     "{\"type\":\"object\",\"description\":\"recursive\"}}},\"required\":[\"c\"]}}},\"required\":[\"c\"]}}},"
     "\"required\":[\"c\"]}}}",
     NULL},
    /* the root is a reference */
    {"{\"$ref\":\"#/definitions/A\",\"definitions\":{\"A\":{\"type\":\"object\",\"properties\":{\"x\":{\"type\":\"number\"}}}}}",
     "{\"type\":\"object\",\"properties\":{\"x\":{\"type\":\"number\"}}}",
     "{\"type\":\"OBJECT\",\"properties\":{\"x\":{\"type\":\"NUMBER\"}}}"},
    /* enums */
    {"{\"type\":\"object\",\"properties\":{\"a\":{\"enum\":[\"x\",null,\"\"],\"type\":\"string\"},\"b\":{\"enum\":[1,2],"
     "\"type\":\"integer\"},\"c\":{\"enum\":[\"only\"]},\"d\":{\"type\":\"string\",\"enum\":[\"\"]}}}",
     "{\"type\":\"object\",\"properties\":{\"a\":{\"enum\":[\"x\"],\"type\":[\"string\",\"null\"]},\"b\":{\"enum\":[1,2],"
     "\"type\":\"integer\"},\"c\":{\"enum\":[\"only\"]},\"d\":{\"type\":\"string\"}}}",
     "{\"type\":\"OBJECT\",\"properties\":{\"a\":{\"enum\":[\"x\"],\"type\":\"STRING\",\"nullable\":true},"
     "\"b\":{\"type\":\"INTEGER\",\"description\":\"(one of [1,2])\"},\"c\":{\"enum\":[\"only\"],\"type\":\"STRING\"},"
     "\"d\":{\"type\":\"STRING\"}}}"},
    /* unions */
    {"{\"type\":\"object\",\"properties\":{\"a\":{\"anyOf\":[{\"type\":\"string\"},{\"type\":\"null\"}],\"title\":\"A\"},"
     "\"b\":{\"oneOf\":[{\"type\":\"string\"},{\"type\":\"array\",\"items\":{\"type\":\"string\"}}],\"type\":\"string\"},"
     "\"c\":{\"type\":[\"string\",\"number\"]}}}",
     "{\"type\":\"object\",\"properties\":{\"a\":{\"anyOf\":[{\"type\":\"string\"},{\"type\":\"null\"}],\"title\":\"A\"},"
     "\"b\":{\"oneOf\":[{\"type\":\"string\"},{\"type\":\"array\",\"items\":{\"type\":\"string\"}}],\"type\":\"string\"},"
     "\"c\":{\"type\":[\"string\",\"number\"]}}}",
     "{\"type\":\"OBJECT\",\"properties\":{\"a\":{\"type\":\"STRING\",\"nullable\":true,\"title\":\"A\"},"
     "\"b\":{\"anyOf\":[{\"type\":\"STRING\"},{\"type\":\"ARRAY\",\"items\":{\"type\":\"STRING\"}}]},"
     "\"c\":{\"anyOf\":[{\"type\":\"STRING\"},{\"type\":\"NUMBER\"}]}}}"},
    /* allOf */
    {"{\"type\":\"object\",\"allOf\":[{\"properties\":{\"a\":{\"type\":\"string\"}},\"required\":[\"a\"],"
     "\"description\":\"one\"},{\"properties\":{\"b\":{\"type\":\"string\"},\"a\":{\"type\":\"number\"}},"
     "\"required\":[\"b\"],\"description\":\"two\"}]}",
     "{\"type\":\"object\",\"properties\":{\"a\":{\"type\":\"string\"},\"b\":{\"type\":\"string\"}},"
     "\"required\":[\"a\",\"b\"],\"description\":\"one two\"}",
     NULL},
    /* what has no keyword is told; what nobody knows goes */
    {"{\"type\":\"object\",\"x-order\":1,\"properties\":{\"a\":{\"type\":\"string\",\"not\":{\"const\":\"x\"},"
     "\"description\":\"d\",\"readOnly\":true,\"$comment\":\"c\"}},\"propertyNames\":{\"pattern\":\"^a\"}}",
     "{\"type\":\"object\",\"properties\":{\"a\":{\"type\":\"string\",\"description\":\"d (not: {\\\"const\\\":\\\"x\\\"})\"}},"
     "\"description\":\"(propertyNames: {\\\"pattern\\\":\\\"^a\\\"})\"}",
     NULL},
    /* required: of what is there, and in the old spelling */
    {"{\"properties\":{\"a\":{\"type\":\"string\",\"required\":true},\"b\":{\"type\":\"string\"},\"c\":false},"
     "\"required\":[\"b\",\"nothing\",\"c\",\"b\"]}",
     "{\"properties\":{\"a\":{\"type\":\"string\"},\"b\":{\"type\":\"string\"}},\"required\":[\"b\",\"a\"],"
     "\"type\":\"object\"}",
     NULL},
    /* bounds */
    {"{\"type\":\"object\",\"properties\":{\"a\":{\"type\":\"number\",\"exclusiveMinimum\":0.5},"
     "\"b\":{\"type\":\"integer\",\"maximum\":9,\"exclusiveMaximum\":true},\"c\":{\"type\":\"integer\","
     "\"exclusiveMaximum\":9223372036854775808}}}",
     "{\"type\":\"object\",\"properties\":{\"a\":{\"type\":\"number\",\"minimum\":0.5,\"description\":\"(more than 0.5)\"},"
     "\"b\":{\"type\":\"integer\",\"maximum\":8},\"c\":{\"type\":\"integer\",\"maximum\":9223372036854775808,"
     "\"description\":\"(less than 9223372036854775808)\"}}}",
     NULL},
    /* a map of properties without its frame */
    {"{\"city\":{\"type\":\"string\"}}", "{\"type\":\"object\",\"properties\":{\"city\":{\"type\":\"string\"}}}", NULL},
    /* open maps, tuples, counts */
    {"{\"type\":\"object\",\"properties\":{\"m\":{\"type\":\"object\",\"additionalProperties\":{\"type\":\"number\"}},"
     "\"t\":{\"type\":\"array\",\"items\":[{\"type\":\"string\"},{\"type\":\"number\"}]},"
     "\"s\":{\"type\":\"string\",\"minLength\":3,\"format\":\"date-time\"},\"i\":{\"type\":\"integer\",\"format\":\"int32\"}}}",
     "{\"type\":\"object\",\"properties\":{\"m\":{\"type\":\"object\",\"additionalProperties\":{\"type\":\"number\"}},"
     "\"t\":{\"type\":\"array\",\"prefixItems\":[{\"type\":\"string\"},{\"type\":\"number\"}]},"
     "\"s\":{\"type\":\"string\",\"minLength\":3,\"format\":\"date-time\"},\"i\":{\"type\":\"integer\",\"format\":\"int32\"}}}",
     "{\"type\":\"OBJECT\",\"properties\":{\"m\":{\"type\":\"OBJECT\",\"description\":\"(any names, with values "
     "{\\\"type\\\":\\\"number\\\"})\"},\"t\":{\"type\":\"ARRAY\",\"items\":{\"anyOf\":[{\"type\":\"STRING\"},"
     "{\"type\":\"NUMBER\"}]}},\"s\":{\"type\":\"STRING\",\"minLength\":\"3\",\"format\":\"date-time\"},"
     "\"i\":{\"type\":\"INTEGER\",\"format\":\"int32\"}}}"},
    /* numbers and texts keep their bytes */
    {"{\"type\":\"object\",\"properties\":{\"a\":{\"type\":\"number\",\"default\":1.0,\"maximum\":12345678901234567890,"
     "\"description\":\"<>&\\u00e4\"}}}",
     "{\"type\":\"object\",\"properties\":{\"a\":{\"type\":\"number\",\"default\":1.0,\"maximum\":12345678901234567890,"
     "\"description\":\"<>&\\u00e4\"}}}",
     NULL},
};

static void converts(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct sl_str out;
        bool lost;
        assert_int_equal(gem_schema_json(&arena, sl_str_c(cases[i].in), GEM_FOR_TOOL, &out, &lost), GEM_SCHEMA_FINE);
        expect_json(out, cases[i].json);
        if (cases[i].openapi == NULL)
            continue;
        assert_int_equal(gem_schema_openapi(&arena, sl_str_c(cases[i].in), GEM_FOR_TOOL, &out, &lost), GEM_SCHEMA_FINE);
        expect_json(out, cases[i].openapi);
    }
    struct sl_str out;
    bool lost;
    struct sl_str last = sl_str_c(cases[sizeof cases / sizeof cases[0] - 1].in);
    gem_schema_json(&arena, last, GEM_FOR_TOOL, &out, &lost);
    assert_true(sl_str_eq(out, last)); /* byte for byte */
    assert_false(lost);
}

/* What was converted needs no more converting. */
static void stays_converted(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct sl_str once, twice;
        bool lost;
        gem_schema_json(&arena, sl_str_c(cases[i].in), GEM_FOR_TOOL, &once, &lost);
        assert_int_equal(gem_schema_json(&arena, once, GEM_FOR_TOOL, &twice, &lost), GEM_SCHEMA_FINE);
        if (!same_json(once, twice))
            fail_msg("%.*s\n%.*s", SL_STR_ARG(once), SL_STR_ARG(twice));
    }
}

static void refuses(void **state)
{
    (void)state;
    struct sl_str out;
    bool lost;
    assert_int_equal(gem_schema_json(&arena, SL_STR("[]"), GEM_FOR_TOOL, &out, &lost), GEM_SCHEMA_NOT_OBJECT);
    assert_int_equal(gem_schema_json(&arena, SL_STR("{\"type\":\"array\"}"), GEM_FOR_TOOL, &out, &lost),
                     GEM_SCHEMA_NOT_OBJECT);
    assert_int_equal(gem_schema_json(&arena, SL_STR("{\"type\":\"array\"}"), GEM_FOR_ANSWER, &out, &lost),
                     GEM_SCHEMA_FINE);
    assert_int_equal(gem_schema_json(&arena,
                                     SL_STR("{\"type\":\"object\",\"properties\":{\"a\":{\"$ref\":\"http://x/y\"}}}"),
                                     GEM_FOR_TOOL, &out, &lost),
                     GEM_SCHEMA_EXTERNAL);
    assert_int_equal(
        gem_schema_json(&arena,
                        SL_STR("{\"type\":\"object\",\"properties\":{\"a\":{\"$ref\":\"#/definitions/Lost\","
                               "\"description\":\"d\"}}}"),
                        GEM_FOR_TOOL, &out, &lost),
        GEM_SCHEMA_FINE);
    assert_true(lost); /* but a request with such a tool goes through */
    expect_json(out, "{\"type\":\"object\",\"properties\":{\"a\":{\"description\":\"d\",\"type\":\"object\"}}}");
    assert_int_equal(gem_schema_json(&arena, SL_STR("{\"$ref\":\"#\"}"), GEM_FOR_TOOL, &out, &lost), GEM_SCHEMA_FINE);
}

/* Definitions that name each other twice: 2^60 nodes if nobody counted. */
static void survives_expansion(void **state)
{
    (void)state;
    struct sl_buf b;
    sl_buf_init(&b, 1 << 20);
    sl_buf_adds(&b, SL_STR("{\"type\":\"object\",\"properties\":{\"a\":{\"$ref\":\"#/$defs/d0\"}},\"$defs\":{"));
    for (int i = 0; i < 60; i++)
        sl_buf_addf(&b,
                    "\"d%d\":{\"type\":\"object\",\"properties\":{\"x\":{\"$ref\":\"#/$defs/d%d\"},"
                    "\"y\":{\"$ref\":\"#/$defs/d%d\",\"description\":\"y\"}},\"required\":[\"x\",\"y\"]},",
                    i, i + 1, i + 1);
    sl_buf_adds(&b, SL_STR("\"d60\":{\"type\":\"string\"}}}"));
    struct sl_str in = kept(&b), out;
    bool lost;
    assert_int_equal(gem_schema_openapi(&arena, in, GEM_FOR_TOOL, &out, &lost), GEM_SCHEMA_FINE);
    assert_true(lost);
    assert_true(out.n < (64u << 20));
    assert_int_equal(gem_schema_json(&arena, in, GEM_FOR_TOOL, &out, &lost), GEM_SCHEMA_FINE);
}

static const struct {
    const char *in, *out;
} backs[] = {
    {"{\"type\":\"OBJECT\",\"properties\":{\"b\":{\"type\":\"STRING\",\"nullable\":true},\"a\":{\"type\":\"ARRAY\","
     "\"items\":{\"type\":\"INTEGER\",\"format\":\"int32\"},\"minItems\":\"2\"}},\"required\":[\"a\"],"
     "\"propertyOrdering\":[\"a\",\"b\"]}",
     "{\"type\":\"object\",\"properties\":{\"a\":{\"type\":\"array\",\"items\":{\"type\":\"integer\",\"format\":\"int32\"},"
     "\"minItems\":2},\"b\":{\"type\":[\"string\",\"null\"]}},\"required\":[\"a\"]}"},
    {"{\"type\":\"STRING\",\"format\":\"enum\",\"enum\":[\"x\"],\"nullable\":true,\"example\":\"x\"}",
     "{\"type\":[\"string\",\"null\"],\"enum\":[\"x\",null],\"examples\":[\"x\"]}"},
    {"{\"anyOf\":[{\"type\":\"STRING\"},{\"type\":\"NUMBER\"}],\"nullable\":true}",
     "{\"anyOf\":[{\"type\":\"string\"},{\"type\":\"number\"},{\"type\":\"null\"}]}"},
    {"{\"type\":\"object\",\"properties\":{\"type\":{\"type\":\"STRING\"},\"nullable\":{\"type\":\"BOOLEAN\"}}}",
     "{\"type\":\"object\",\"properties\":{\"type\":{\"type\":\"string\"},\"nullable\":{\"type\":\"boolean\"}}}"},
};

static void comes_back(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof backs / sizeof backs[0]; i++)
        expect_json(gem_schema_back(&arena, sl_str_c(backs[i].in)), backs[i].out);
    struct sl_str ordered = gem_schema_back(&arena, sl_str_c(backs[0].in));
    assert_true(sl_str_find_str(ordered, SL_STR("\"a\":")) < sl_str_find_str(ordered, SL_STR("\"b\":")));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(converts, set_up, tear_down),
        cmocka_unit_test_setup_teardown(stays_converted, set_up, tear_down),
        cmocka_unit_test_setup_teardown(refuses, set_up, tear_down),
        cmocka_unit_test_setup_teardown(survives_expansion, set_up, tear_down),
        cmocka_unit_test_setup_teardown(comes_back, set_up, tear_down),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
