/* Which schemas may be sent with `strict`. */
#include "dialect/schema_strict.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#define CLOSED(properties, required)                                                                                   \
    "{\"type\":\"object\",\"properties\":{" properties "},\"required\":[" required "],\"additionalProperties\":false}"
#define TEXT "{\"type\":\"string\"}"

static void rows(void **state)
{
    (void)state;
    static const struct {
        const char *schema;
        bool strict;
    } v[] = {
        {CLOSED("", ""), true},
        {CLOSED("\"a\":" TEXT, "\"a\""), true},
        {CLOSED("\"a\":" TEXT, ""), false},
        {"{\"type\":\"object\",\"properties\":{\"a\":" TEXT "},\"required\":[\"a\"]}", false},
        {CLOSED("\"a\":{\"type\":\"array\",\"items\":" CLOSED("\"b\":{\"type\":[\"string\",\"null\"]}", "\"b\"") "}",
                "\"a\""),
         true},
        {CLOSED("\"a\":{\"type\":\"array\",\"items\":" CLOSED("\"b\":" TEXT, "") "}", "\"a\""), false},
        {CLOSED("\"a\":{\"anyOf\":[" TEXT ",{\"$ref\":\"#\"}]}", "\"a\""), true},
        {CLOSED("\"a\":{\"oneOf\":[" TEXT "]}", "\"a\""), false},
        {CLOSED("\"a\":{\"type\":\"string\",\"format\":\"date-time\"}", "\"a\""), true},
        {CLOSED("\"a\":{\"type\":\"string\",\"format\":\"uri\"}", "\"a\""), false},
        {CLOSED("\"format\":" TEXT ",\"type\":" TEXT, "\"type\",\"format\""), true},
        {CLOSED("\"a\":{\"type\":\"array\",\"items\":" TEXT ",\"uniqueItems\":true}", "\"a\""), false},
        {"{\"anyOf\":[" CLOSED("", "") "]}", false},
        {"{\"type\":\"array\",\"items\":" TEXT "}", false},
        {"true", false},
        {"{\"type\":\"object\"", false},
        {"", false},
    };
    for (size_t i = 0; i < sizeof v / sizeof v[0]; i++) {
        struct sl_arena a;
        sl_arena_init(&a, NULL);
        if (schema_is_strict(sl_str_c(v[i].schema), &a) != v[i].strict)
            fail_msg("%s", v[i].schema);
        sl_arena_done(&a);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(rows),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
