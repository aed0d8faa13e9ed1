/* A choice that forces a tool which a provider runs: said as the target says it, or named as lost; never as a function that nobody
 * declared, which is a 400 everywhere. */
#include "laws.h"

#include <string.h>

#define A(name) "{'name':'" name "','input_schema':{'type':'object','properties':{}}}"
#define R(name) "{'type':'function','name':'" name "','parameters':{'type':'object','properties':{}}}"
#define CLAUDE "{'model':'m','max_tokens':99,'messages':[{'role':'user','content':'hi'}],"
#define SEARCH                                                                                                         \
    CLAUDE "'tools':[{'type':'web_search_20250305','name':'web_search'}," A(                                           \
        "a") "],'tool_choice':{'type':'tool','name':'web_search'}}"
#define CODE                                                                                                           \
    CLAUDE "'tools':[{'type':'code_execution_20250825','name':'code_execution'}," A(                                   \
        "a") "],'tool_choice':{'type':'tool','name':'code_execution'}}"
#define OPENAI                                                                                                                     \
    "{'model':'m','input':'hi','tools':[{'type':'web_search_preview'},{'type':'code_interpreter','container':{'type':'auto'}}," R( \
        "a") "],"
#define ALLOWED                                                                                                        \
    OPENAI                                                                                                             \
    "'tool_choice':{'type':'allowed_tools','mode':'required','tools':[{'type':'web_search_preview'},{'type':'function','name':'a'}]}}"
#define HOSTED_ALLOWED                                                                                                 \
    OPENAI "'tool_choice':{'type':'allowed_tools','mode':'required','tools':[{'type':'code_interpreter'}]}}"

static const struct {
    enum format face;
    const char *up, *model, *platform, *body;
    const char *said; /* ' for "; NULL: tool_choice is noted */
} rows[] = {
    {MESSAGES, "openai", "gpt-4o-search-preview", "", SEARCH, NULL},
    {MESSAGES, "openai", "gpt-5.2", "", SEARCH, NULL},
    {MESSAGES, "openai", "some-model", "compatible", SEARCH, NULL},
    {MESSAGES, "openai-responses", "gpt-5.2", "", SEARCH, "'tool_choice':{'type':'web_search'}"},
    {MESSAGES, "openai-responses", "gpt-5.2", "", CODE, "'tool_choice':{'type':'code_interpreter'}"},
    {MESSAGES, "gemini", "gemini-3-pro-preview", "", SEARCH, NULL},
    {MESSAGES, "gemini", "gemini-2.5-pro", "", SEARCH, NULL},
    {MESSAGES, "bedrock-converse", "amazon.nova-pro-v1:0", "bedrock", SEARCH, NULL},
    {RESPONSES, "anthropic", "claude-opus-4-6", "", OPENAI "'tool_choice':{'type':'web_search_preview'}}",
     "'tool_choice':{'type':'tool','name':'web_search'}"},
    {RESPONSES, "anthropic", "claude-opus-4-6", "", OPENAI "'tool_choice':{'type':'code_interpreter'}}",
     "'tool_choice':{'type':'tool','name':'code_execution'}"},
    {RESPONSES, "anthropic", "claude-opus-4-6", "bedrock", OPENAI "'tool_choice':{'type':'web_search_preview'}}", NULL},
    {RESPONSES, "anthropic", "claude-opus-4-6", "bedrock", HOSTED_ALLOWED, NULL},
    {RESPONSES, "openai", "gpt-5.2", "", OPENAI "'tool_choice':{'type':'code_interpreter'}}", NULL},
    {RESPONSES, "openai", "gpt-5.2", "", ALLOWED, "'tools':[{'type':'function','function':{'name':'a'}}]}}"},
    {RESPONSES, "openai", "gpt-5.2", "", HOSTED_ALLOWED, NULL},
    {RESPONSES, "openai", "some-model", "compatible", ALLOWED, "'tool_choice':'required'"},
    {RESPONSES, "openai", "some-model", "compatible", HOSTED_ALLOWED, NULL},
    {RESPONSES, "gemini", "gemini-3-pro-preview", "", ALLOWED, "'mode':'ANY','allowedFunctionNames':['a']"},
    {RESPONSES, "gemini", "gemini-3-pro-preview", "", HOSTED_ALLOWED, NULL},
    {RESPONSES, "bedrock-converse", "amazon.nova-pro-v1:0", "bedrock",
     OPENAI "'tool_choice':{'type':'web_search_preview'}}", NULL},
};

static void test_choices(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        struct neutral_request req = {.model = SL_STR("m")};
        struct request_refusal refusal = {0};
        struct sl_buf out;
        begin_case(CHAT, rows[i].face, (unsigned)i);
        const struct dialect *face = dialect_find(sl_str_c(formats[rows[i].face].dialect));
        if (!face->codec->request_read(OP_CHAT, quoted(rows[i].body), &arena, &req, &refusal))
            FAIL_CASE("not read: " SL_STR_FMT, SL_STR_ARG(refusal.error.message));
        struct translation *t = translation(rows[i].face, CHAT, &req);
        t->up = dialect_find(sl_str_c(rows[i].up));
        t->up_model = sl_str_c(rows[i].model);
        t->platform = sl_str_c(rows[i].platform);
        t->caps = caps_find(t->up->codec->caps, t->up_model);
        sl_buf_init(&out, 1u << 16);
        if (!t->up->codec->request_write(t, &out, &refusal))
            FAIL_CASE("not written: " SL_STR_FMT, SL_STR_ARG(refusal.error.message));
        struct sl_str body = kept(&out);
        bool noted = false;
        for (const struct neutral_note_row *r = t->notes->first; r != NULL; r = r->next)
            noted = noted || sl_str_eq(r->what, SL_STR("tool_choice"));
        bool forced = sl_str_find_str(body, SL_STR("\"tool_choice\":{")) >= 0 ||
                      sl_str_find_str(body, SL_STR("\"ANY\"")) >= 0 ||
                      sl_str_find_str(body, SL_STR("\"toolChoice\"")) >= 0;
        bool good = rows[i].said != NULL ? !noted && sl_str_find_str(body, quoted(rows[i].said)) >= 0
                                         : noted && !forced;
        if (!good)
            FAIL_CASE("%s: " SL_STR_FMT " (" SL_STR_FMT ")", rows[i].up, SL_STR_ARG(body),
                      SL_STR_ARG(neutral_notes_text(t->notes, &arena, 400)));
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_choices)};
    return cmocka_run_group_tests(tests, set_up, tear_down);
}
