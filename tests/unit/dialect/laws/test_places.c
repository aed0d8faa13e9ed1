/* What a note or a refusal names is the place in the client's own request: whatever a reader left out in front of it (an empty
 * text, a search of tools), split off (results of tools), joined (items of one turn) or was given in front (what a response goes
 * on from). */
#include "laws.h"

#include <string.h>

#include "dialect/order_check.h"

struct row {
    enum format face, up;
    const char *platform, *model; /* of the target; NULL: the usual ones */
    const char *body;             /* ' for " */
    const char *named;            /* ", " between */
    uint32_t earlier;
};

#define F(name) "{'type':'function','function':{'name':'" name "','parameters':{'type':'object','properties':{}}}}"
#define A(name) "{'name':'" name "','input_schema':{'type':'object','properties':{}}}"
#define R(name) "{'type':'function','name':'" name "','parameters':{'type':'object','properties':{}}}"
#define HI "'messages':[{'role':'user','content':'hi'}]"
#define USE                                                                                                            \
    "{'role':'user','content':'q'},{'role':'assistant','content':[{'type':'tool_use','id':'x','name':'w','input':{}}]}"
#define CLAUDE "'model':'m','max_tokens':99,"
#define GEMINI_CALL "{'role':'model','parts':[{'functionCall':{'name':'w','args':{}}}]}"

static const struct row rows[] = {
    /* tools behind one that was left out */
    {MESSAGES, CHAT, NULL, NULL,
     "{" CLAUDE
     "'tools':[{'type':'tool_search_tool_regex_20251119','name':'s'}," A("a") ",{'type':'code_execution_20250825',"
                                                                              "'name':'code_execution'}]," HI "}",
     "tools[0].type, tools[2]", 0},
    {MESSAGES, RESPONSES, NULL, NULL,
     "{" CLAUDE "'tools':[" A(
         "DeferredToolPlaceholder") ",{'type':'web_search_20250305','name':'web_search','max_uses':2}]," HI "}",
     "tools[1]", 0},
    {MESSAGES, GEMINI, NULL, NULL,
     "{" CLAUDE "'tools':[" A("DeferredToolPlaceholder") "," A(
         "a") ",{'type':'web_search_20250305','name':'web_search','max_uses':2}]," HI "}",
     "tools[2]", 0},
    {MESSAGES, CHAT, NULL, NULL,
     "{" CLAUDE "'tools':[" A(
         "a") "],'messages':[" USE ",{'role':'user','content':[{'type':'tool_result','tool_use_id':'x'}]},"
              "{'role':'system','content':[{'type':'tool_addition','tool':{'name':'b','strict':true,'input_schema':{'type':'object'}}}]}]}",
     "messages[3].content[0].tool.strict", 0},
    {CHAT, GEMINI, NULL, "gemini-1.5-pro",
     "{'model':'m','functions':[{'name':'a'},{'name':'b','parameters':{'type':'object','properties':{'p':{'type':'string',"
     "'not':{'const':'x'}}}}}]," HI "}",
     "functions[1]", 0},
    {CHAT, GEMINI, NULL, NULL,
     "{'model':'m','tools':[" F(
         "a") ",{'type':'custom','custom':{'name':'b'}}],'web_search_options':{'search_context_size':'low'}," HI "}",
     "tools[1], web_search_options", 0},
    {RESPONSES, CHAT, NULL, NULL,
     "{'model':'m','tools':[{'type':'namespace','name':'n','tools':[" R("a") "," R(
         "b") "]},{'type':'image_generation'},"
              "{'type':'function','name':'c','strict':true,'parameters':{'type':'object'}}],'input':'hi'}",
     "tools[1], tools[2].strict", 0},
    {RESPONSES, MESSAGES, NULL, NULL,
     "{'model':'m','tools':[{'type':'namespace','name':'n','tools':[" R(
         "a") ",{'type':'function','name':'b','strict':true,"
              "'parameters':{'type':'string'}}]}],'input':'hi'}",
     "tools[0].tools[1].strict", 0},
    {RESPONSES, CHAT, NULL, NULL,
     "{'model':'m','input':[{'role':'user','content':'hi'},{'type':'additional_tools','tools':[" R(
         "a") ",{'type':'computer'}]},"
              "{'role':'user','content':'go'}]}",
     "input[1].tools[1]", 0},
    {GEMINI, CHAT, NULL, NULL,
     "{'tools':[{'functionDeclarations':[{'name':'a'},{'name':'b'}]},{'urlContext':{}}],'contents':[{'parts':[{'text':'hi'}]}]}",
     "tools[1]", 0},
    /* parts behind one that was left out, or in a message that was split */
    {MESSAGES, CHAT, NULL, NULL,
     "{" CLAUDE "'messages':[" USE ",{'role':'user','content':[{'type':'tool_result','tool_use_id':'x','content':'y'},"
     "{'type':'text','text':''},{'type':'container_upload','file_id':'f'}]}]}",
     "messages[2].content[2]", 0},
    {MESSAGES, RESPONSES, NULL, NULL,
     "{" CLAUDE "'messages':[" USE
     ",{'role':'user','content':[{'type':'text','text':'here'},{'type':'tool_result','tool_use_id':'x',"
     "'content':[{'type':'text','text':''},{'type':'text','text':'y'},{'type':'mk'}]}]}]}",
     "messages[2].content[1].content[2]", 0},
    {MESSAGES, GEMINI, NULL, NULL,
     "{" CLAUDE
     "'system':[{'type':'text','text':'x-anthropic-billing-header: a'},{'type':'text','text':'b'},{'type':'image','source':"
     "{'type':'url','url':'https://x.test/a.png'}}]," HI "}",
     "system[2]", 0},
    {CHAT, MESSAGES, NULL, NULL,
     "{'model':'m','messages':[{'role':'user','content':'q'},{'role':'assistant','reasoning_content':'hm','content':'c','tool_calls':["
     "{'id':'a','type':'function','function':{'name':'w','arguments':'{}'}},{'id':'b','type':'function','function':{'name':'w',"
     "'arguments':'{}'}}]},{'role':'tool','tool_call_id':'a','content':'y'},{'role':'user','content':[{'type':'text','text':'z'},"
     "{'type':'mk'}]}]}",
     "messages[1].tool_calls[1], messages[3].content[1]", 0},
    {CHAT, GEMINI, NULL, NULL,
     "{'model':'m','messages':[{'role':'user','content':'q'},{'role':'assistant','reasoning_content':'hm','content':'c','tool_calls':["
     "{'id':'a','type':'function','function':{'name':'w','arguments':'[1]'}}]},{'role':'tool','tool_call_id':'a','content':'y'}]}",
     "messages[1].tool_calls[0]", 0},
    {GEMINI, CHAT, NULL, NULL,
     "{'contents':[{'parts':[{'text':''},{'text':'hi'},{'fileData':{'mimeType':'image/png','fileUri':'files/o'}}]}]}",
     "contents[0].parts[2]", 0},
    {GEMINI, CHAT, NULL, NULL,
     "{'contents':[{'parts':[{'text':'q'}]}," GEMINI_CALL
     ",{'parts':[{'functionResponse':{'name':'w','response':{'a':1},'parts':["
     "{'inlineData':{'mimeType':'image/png','data':'iVBORw0KGgo='}},{'inlineData':{'mimeType':'application/zip','data':'AAAA'}}]}},"
     "{'fileData':{'mimeType':'image/png','fileUri':'files/o'}}]}]}",
     "contents[2].parts[0].functionResponse.parts[1], contents[2].parts[1]", 0},
    {RESPONSES, CHAT, NULL, NULL,
     "{'model':'m','input':[{'role':'user','content':'q'},{'type':'reasoning','summary':[]},{'role':'assistant','content':'a'},"
     "{'type':'image_generation_call','id':'i'},{'type':'function_call','call_id':'x','name':'w','arguments':'{}'},"
     "{'type':'function_call_output','call_id':'x','output':[{'type':'input_text','text':'t'},{'type':'input_file','file_id':'f'}]},"
     "{'role':'user','content':[{'type':'input_text','text':'t'},{'type':'mk'}]}]}",
     "input[3], input[5], input[5].output[1], input[6].content[1]", 0},
    {RESPONSES, MESSAGES, NULL, NULL,
     "{'model':'m','input':[{'role':'user','content':'q'},{'role':'assistant','content':'a'},{'type':'function_call','call_id':'x',"
     "'name':'w','arguments':'{}'}],'tools':[" R("w") "]}",
     "input[2]", 0},
    /* the first two items are of a response before */
    {RESPONSES, CHAT, NULL, NULL,
     "{'model':'m','input':[{'role':'user','content':[{'type':'mk_old'}]},{'role':'assistant','content':'a'},"
     "{'role':'user','content':[{'type':'input_text','text':'t'},{'type':'mk'}]},"
     "{'type':'additional_tools','tools':[{'type':'computer'}]},{'role':'user','content':'go'}]}",
     "previous_response_id.content[0], input[0].content[1], input[1].tools[0]", 2},
};

/* The name itself, or something within it (".strict", ".max_uses"). */
static bool is_named(const struct neutral_notes *notes, struct sl_str name)
{
    for (const struct neutral_note_row *r = notes->first; r != NULL; r = r->next)
        if (sl_str_starts(r->what, name) && (r->what.n == name.n || r->what.p[name.n] == '.'))
            return true;
    return false;
}

/* Nothing but what is listed, and what it stands in. */
static bool is_listed(const char *named, struct sl_str what)
{
    for (struct sl_str left = sl_str_c(named); left.n > 0;) {
        struct sl_str name = sl_str_trim(sl_str_cut(&left, ','));
        if (sl_str_starts(what, name) || sl_str_starts(name, what))
            return true;
    }
    return false;
}

static void test_places(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        const struct row *row = &rows[i];
        struct neutral_request req = {.model = SL_STR("m"), .earlier = row->earlier};
        struct request_refusal refusal = {0};
        struct sl_buf out;
        begin_case(row->up, row->face, (unsigned)i);
        const struct dialect *face = dialect_find(sl_str_c(formats[row->face].dialect));
        enum operation op = row->face == GEMINI ? OP_GENERATE : OP_CHAT;
        if (!face->codec->request_read(op, quoted(row->body), &arena, &req, &refusal))
            FAIL_CASE("not read: " SL_STR_FMT, SL_STR_ARG(refusal.error.message));
        struct translation *t = translation(row->face, row->up, &req);
        if (row->model != NULL)
            t->up_model = sl_str_c(row->model);
        t->caps = caps_find(t->up->codec->caps, t->up_model);
        sl_buf_init(&out, 1u << 16);
        if (!t->up->codec->request_write(t, &out, &refusal))
            FAIL_CASE("not written: " SL_STR_FMT, SL_STR_ARG(refusal.error.message));
        sl_buf_done(&out);
        struct sl_str told = neutral_notes_text(t->notes, &arena, 4096);
        for (struct sl_str left = sl_str_c(row->named); left.n > 0;) {
            struct sl_str name = sl_str_trim(sl_str_cut(&left, ','));
            if (!is_named(t->notes, name))
                FAIL_CASE("'" SL_STR_FMT "' is not named: " SL_STR_FMT, SL_STR_ARG(name), SL_STR_ARG(told));
        }
        for (const struct neutral_note_row *r = t->notes->first; r != NULL; r = r->next)
            if (sl_str_find(r->what, '[') >= 0 && !is_listed(row->named, r->what))
                FAIL_CASE("a place that is none: " SL_STR_FMT, SL_STR_ARG(told));
    }
}

/* What is found out before anything is written. */
static void test_order(void **state)
{
    (void)state;
    static const struct {
        enum format face;
        const char *body, *param;
    } bad[] = {
        {MESSAGES,
         "{" CLAUDE
         "'messages':[{'role':'user','content':[{'type':'text','text':'a'},{'type':'tool_result','tool_use_id':'x'}]}]}",
         "messages[0].content[1]"},
        {RESPONSES,
         "{'model':'m','input':[{'role':'user','content':'q'},{'role':'assistant','content':'a'},"
         "{'type':'function_call_output','call_id':'x','output':'y'}]}",
         "input[2]"},
        {CHAT,
         "{'model':'m','messages':[{'role':'user','content':'a'},{'role':'tool','tool_call_id':'x','content':'y'}]}",
         "messages[1]"},
    };
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        struct neutral_request req = {.model = SL_STR("m")};
        struct request_refusal refusal = {0};
        begin_case(CHAT, bad[i].face, (unsigned)i);
        const struct dialect *face = dialect_find(sl_str_c(formats[bad[i].face].dialect));
        assert_true(face->codec->request_read(OP_CHAT, quoted(bad[i].body), &arena, &req, &refusal));
        assert_false(order_check(&req, &arena, &refusal));
        if (!sl_str_eq(refusal.error.param, sl_str_c(bad[i].param)))
            FAIL_CASE("'" SL_STR_FMT "' instead of '%s'", SL_STR_ARG(refusal.error.param), bad[i].param);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_places), cmocka_unit_test(test_order)};
    return cmocka_run_group_tests(tests, set_up, tear_down);
}
