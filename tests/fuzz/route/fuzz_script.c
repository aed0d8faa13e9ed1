/* Scripts from anybody: whatever is compiled ends in time, within its memory, with names or a reason; and asked again it does the same. */
#include <string.h>

#include "base/check.h"
#include "route/script.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n);

static int ask_it(struct route_scripts *s, struct sl_arena *a, struct sl_str names[16], const char **why)
{
    const struct route_tag tag = {SL_STR("a"), SL_STR("o/b")};
    const struct route_facts facts = {.task = SL_STR("code"),
                                      .user = SL_STR("somebody"),
                                      .input_tokens = 77,
                                      .modalities = ROUTE_MODE_TEXT,
                                      .tags = &tag,
                                      .n_tags = 1};
    const struct route_ask ask = {.model = SL_STR("m"), .facts = &facts};
    return route_scripts_ask(s, 0, &ask, a, names, 16, why);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
    const struct route_script_text text = {SL_STR("fuzz.lua"), sl_str_of(data, n)};
    struct route_scripts *s;
    struct sl_fail fail;
    struct sl_arena a;
    struct sl_str one[16], two[16];
    const char *why = NULL, *again = NULL;
    if (n > SCRIPT_TEXT_MAX || route_scripts_new(&text, 1, &s, &fail) != SL_OK)
        return 0;
    sl_arena_init(&a, NULL);
    int first = ask_it(s, &a, one, &why), second = ask_it(s, &a, two, &again);
    SL_CHECK(first <= 16 && second <= 16 && first != 0 && second != 0);
    SL_CHECK((first < 0) == (why != NULL) && (second < 0) == (again != NULL));
    for (int i = 0; i < first; i++)
        SL_CHECK(one[i].n > 0 && one[i].n <= SCRIPT_NAME_MAX && sl_utf8_valid(one[i]));
    route_scripts_free(s);
    sl_arena_done(&a);
    return 0;
}
