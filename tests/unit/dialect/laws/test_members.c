/* Law (d) over every member that a request of each format can have by its reference (openai.md 6.2 to 6.4 and 7.2 to 7.4, anthropic.md 2,
 * gemini.md 3; November 2026), at the top and within messages, parts and tools, and over members that nobody knows in each of these
 * places: towards each other format it is in what the provider gets, or named, or the row says why nothing is owed. */
#include "laws.h"

#include <string.h>

#define LEN(a) (sizeof(a) / sizeof((a)[0]))

#define UPS 7u
static const struct {
    const char *name, *dialect, *model, *platform;
} ups[UPS] = {{"chat", "openai", "gpt-5.2", ""},
              {"compatible", "openai", "some-model", "compatible"},
              {"responses", "openai-responses", "gpt-5.2", ""},
              {"messages", "anthropic", "claude-opus-4-6", ""},
              {"gemini", "gemini", "gemini-3-pro-preview", ""},
              {"vertex", "gemini", "gemini-3-pro-preview", "vertex"},
              {"converse", "bedrock-converse", "amazon.nova-pro-v1:0", "bedrock"}};

/* The frames that members are put into: '@'. */
enum frame {
    TOP = 0,
    MESSAGE, /* of the user */
    TEXT,    /* a text part of the user's */
    IMAGE,
    FILE_PART,
    ASSISTANT,
    CALL,
    RESULT,
    TOOL,
    SEARCH, /* a web search tool */
    CONFIG, /* generationConfig; reasoning; text; output_config */
    CHOICE, /* toolConfig */
    FRAMES
};

#define PIC "iVBORw0KGgo="
#define C_CALL "{'id':'c1','type':'function','function':{'name':'f','arguments':'{}'}@3}"
#define C_TOOL "{'type':'function','function':{'name':'f','parameters':{'type':'object','properties':{}}@4}}"
#define CHAT_BODY(top, message, text, more, assistant, call, result, tool, tools)                                      \
    "{'model':'m','messages':[{'role':'user','content':[{'type':'text','text':'hi'" text "}" more "]" message          \
    "},{'role':'assistant','tool_calls':[{'id':'c1','type':'function','function':{'name':'f','arguments':'{}'}" call   \
    "}]" assistant "},{'role':'tool','tool_call_id':'c1','content':'7'" result                                         \
    "}],'tools':[{'type':'function','function':{'name':'f','parameters':{'type':'object','properties':{}}" tool        \
    "}}" tools "]" top "}"
#define RESPONSES_BODY(top, message, text, more, assistant, call, result, tool, tools)                                 \
    "{'model':'m','input':[{'role':'user','content':[{'type':'input_text','text':'hi'" text "}" more "]" message       \
    "},{'role':'assistant','content':[{'type':'output_text','text':'a'}]" assistant                                    \
    "},{'type':'function_call','call_id':'c1','name':'f','arguments':'{}'" call                                        \
    "},{'type':'function_call_output','call_id':'c1','output':'7'" result                                              \
    "}],'tools':[{'type':'function','name':'f','parameters':{'type':'object','properties':{}}" tool "}" tools "]" top  \
    "}"
#define MESSAGES_BODY(top, message, text, more, assistant, call, result, tool, tools)                                  \
    "{'model':'m','max_tokens':99,'messages':[{'role':'user','content':[{'type':'text','text':'hi'" text "}" more      \
    "]" message "},{'role':'assistant','content':[{'type':'tool_use','id':'c1','name':'f','input':{}" call             \
    "}]" assistant "},{'role':'user','content':[{'type':'tool_result','tool_use_id':'c1','content':'7'" result         \
    "}]}],'tools':[{'name':'f','input_schema':{'type':'object','properties':{}}" tool "}" tools "]" top "}"
#define GEMINI_BODY(top, message, text, more, assistant, call, result, tool, tools)                                    \
    "{'contents':[{'role':'user','parts':[{'text':'hi'" text "}" more "]" message                                      \
    "},{'role':'model','parts':[{'functionCall':{'name':'f','args':{}" call "}}]" assistant                            \
    "},{'role':'user','parts':[{'functionResponse':{'name':'f','response':{'a':7}" result                              \
    "}}]}],'tools':[{'functionDeclarations':[{'name':'f'" tool "}]}" tools "]" top "}"
#define ALL(BODY, image, file, search, config, choice)                                                                 \
    {                                                                                                                  \
        BODY(",@", "", "", "", "", "", "", "", ""), BODY("", ",@", "", "", "", "", "", "", ""),                        \
            BODY("", "", ",@", "", "", "", "", "", ""), BODY("", "", "", image, "", "", "", "", ""),                   \
            BODY("", "", "", file, "", "", "", "", ""), BODY("", "", "", "", ",@", "", "", "", ""),                    \
            BODY("", "", "", "", "", ",@", "", "", ""), BODY("", "", "", "", "", "", ",@", "", ""),                    \
            BODY("", "", "", "", "", "", "", ",@", ""), BODY("", "", "", "", "", "", "", "", search),                  \
            BODY(config, "", "", "", "", "", "", "", ""), BODY(choice, "", "", "", "", "", "", "", "")                 \
    }

static const char *const frames[FORMATS][FRAMES] = {
    ALL(CHAT_BODY, ",{'type':'image_url','image_url':{'url':'data:image/png;base64," PIC "',@}}",
        ",{'type':'file','file':{'filename':'a.pdf','file_data':'data:application/pdf;base64,JVBERi0xLjQ='},@}",
        ",{'type':'web_search',@}",
        ",'response_format':{'type':'json_schema','json_schema':{'name':'n','schema':{'type':'object'},@}}",
        ",'stream_options':{@}"),
    ALL(RESPONSES_BODY, ",{'type':'input_image','image_url':'data:image/png;base64," PIC "',@}",
        ",{'type':'input_file','filename':'a.pdf','file_data':'data:application/pdf;base64,JVBERi0xLjQ=',@}",
        ",{'type':'web_search',@}", ",'reasoning':{@}", ",'text':{@}"),
    ALL(MESSAGES_BODY, ",{'type':'image','source':{'type':'base64','media_type':'image/png','data':'" PIC "'},@}",
        ",{'type':'document','source':{'type':'base64','media_type':'application/pdf','data':'JVBERi0xLjQ='},@}",
        ",{'type':'web_search_20250305','name':'web_search',@}", ",'output_config':{@}",
        ",'thinking':{'type':'enabled','budget_tokens':2048,@}"),
    ALL(GEMINI_BODY, ",{'inlineData':{'mimeType':'image/png','data':'" PIC "'},@}",
        ",{'fileData':{'mimeType':'video/mp4','fileUri':'https://x.test/a.mp4'},@}", ",{'googleSearch':{@}}",
        ",'generationConfig':{@}", ",'toolConfig':{@}"),
};

struct row {
    enum format face;
    enum frame in;
    const char *json;  /* the member; ' for " */
    const char *named; /* what a note may call it: a beginning, by '|' */
    const char *found; /* one of these, by '|', is in what the provider gets */
    const char *why;   /* nothing is owed; NULL: it is */
};

static const struct row rows[] = {
#include "members_rows.h"
};

static struct sl_str filled(const struct row *row)
{
    struct sl_buf b;
    sl_buf_init(&b, 1u << 16);
    for (const char *p = frames[row->face][row->in]; *p != 0; p++)
        if (*p == '@')
            sl_buf_adds(&b, sl_str_c(row->json));
        else
            sl_buf_addc(&b, *p);
    struct sl_str s = kept(&b);
    char *p = sl_arena_alloc(&arena, s.n);
    for (size_t i = 0; i < s.n; i++)
        p[i] = s.p[i] == '\'' ? '"' : s.p[i];
    return sl_str_of(p, s.n);
}

static bool stands_in(struct sl_str body, const char *what)
{
    char text[256];
    snprintf(text, sizeof text, "%s", what);
    for (char *p = text; *p != 0; p++)
        *p = *p == '\'' ? '"' : *p;
    for (struct sl_str left = sl_str_c(text); left.n > 0;)
        if (sl_str_find_str(body, sl_str_cut(&left, '|')) >= 0)
            return true;
    return false;
}

static bool is_named(const struct neutral_notes *notes, const char *named)
{
    for (const struct neutral_note_row *r = notes->first; r != NULL; r = r->next)
        for (struct sl_str left = sl_str_c(named); left.n > 0;)
            if (sl_str_starts(r->what, sl_str_cut(&left, '|')))
                return true;
    return false;
}

static void test_members(void **state)
{
    unsigned kept_n = 0, named_n = 0, owed = 0, lost = 0;
    (void)state;
    for (size_t i = 0; i < LEN(rows); i++) {
        for (unsigned up = 0; up < UPS; up++) {
            const struct row *row = &rows[i];
            struct neutral_request req = {.model = SL_STR("m")};
            struct request_refusal refusal = {0};
            struct sl_buf out;
            begin_case(CHAT, row->face, (unsigned)i);
            const struct dialect *face = dialect_find(sl_str_c(formats[row->face].dialect));
            if (face == dialect_find(sl_str_c(ups[up].dialect)))
                continue;
            if (!face->codec->request_read(OP_CHAT, filled(row), &arena, &req, &refusal)) {
                if (row->named[0] == 0 || !sl_str_starts(refusal.error.param, sl_str_c(row->named)))
                    FAIL_CASE("%s is not read: " SL_STR_FMT, row->json, SL_STR_ARG(refusal.error.message));
                named_n++;
                continue;
            }
            struct translation *t = translation(row->face, CHAT, &req);
            t->up = dialect_find(sl_str_c(ups[up].dialect));
            t->up_model = sl_str_c(ups[up].model);
            t->platform = sl_str_c(ups[up].platform);
            t->caps = caps_find(t->up->codec->caps, t->up_model);
            sl_buf_init(&out, 1u << 18);
            if (!t->up->codec->request_write(t, &out, &refusal))
                FAIL_CASE("%s is not written: " SL_STR_FMT, row->json, SL_STR_ARG(refusal.error.message));
            struct sl_str body = kept(&out);
            bool said = row->found[0] != 0 && (stands_in(body, row->found) || stands_in(t->tier, row->found));
            bool named = is_named(t->notes, row->named);
            kept_n += said;
            named_n += named && !said;
            owed += !said && !named && row->why != NULL;
            if (said || named || row->why != NULL)
                continue;
            lost++;
            printf("%s: %s at %s: LOST (" SL_STR_FMT ")\n", formats[row->face].name, row->json, ups[up].name,
                   SL_STR_ARG(neutral_notes_text(t->notes, &arena, 300)));
        }
    }
    printf("%zu members: %u times said, %u named, %u nothing owed, %u lost\n", LEN(rows), kept_n, named_n, owed, lost);
    assert_int_equal(lost, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_members)};
    return cmocka_run_group_tests(tests, set_up, tear_down);
}
