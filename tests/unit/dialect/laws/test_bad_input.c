/* Bad input, line by line: for each face in front of each other format, a request that cannot be right. Either it is refused with the
 * place in the client's own request, or it is repaired as translate-openai-anthropic.md 2 and translate-gemini.md 3 say and what was
 * said is in what the provider gets; never sent as it is broken, never lost without a word. */
#include "laws.h"

#include <string.h>

#include "dialect/order_check.h"

#define UPS 6u
static const struct {
    const char *dialect, *model, *platform;
} ups[UPS] = {{"openai", "gpt-5.2", ""},           {"openai", "some-model", "compatible"},
              {"openai-responses", "gpt-5.2", ""}, {"anthropic", "claude-opus-4-6", ""},
              {"gemini", "gemini-2.5-pro", ""},    {"bedrock-converse", "amazon.nova-pro-v1:0", "bedrock"}};

#define CLAUDE "{'model':'m','max_tokens':99,"
#define HI "{'role':'user','content':'mk-hi'}"
#define G_HI "{'parts':[{'text':'mk-hi'}]}"
#define C_TOOL "'tools':[{'type':'function','function':{'name':'f','parameters':{'type':'object','properties':{}}}}]"
#define M_TOOL "'tools':[{'name':'f','input_schema':{'type':'object','properties':{}}}]"
#define R_TOOL "'tools':[{'type':'function','name':'f','parameters':{'type':'object','properties':{}}}]"
#define G_TOOL "'tools':[{'functionDeclarations':[{'name':'f'}]}]"
#define FAR "{'type':'object','properties':{'a':{'$ref':'https://x.test/mk-far'}}}"
#define AGAIN "{'$ref':'#/$defs/n','$defs':{'n':{'type':'object','properties':{'mk_again':{'$ref':'#/$defs/n'}}}}}"
#define BMP "Qk0AAAAAAAAAAAAA"

/* Outcomes by target, in their order: r refused at the place; s sent, and `found` is in it; n sent without it, named at the place;
 * t sent, and the target's own judgement: nothing is lost; - the same format. */
static const struct {
    const char *name;
    enum format face;
    const char *body, *place, *found, *outcomes;
} rows[] = {
    /* unknown block types */
    {"unknown block", CHAT,
     "{'model':'m','messages':[{'role':'user','content':[{'type':'text','text':'a'},{'type':'mk_odd'}]}]}",
     "messages[0].content[1]", "mk_odd", "--rrrr"},
    {"unknown block", RESPONSES,
     "{'model':'m','input':[{'role':'user','content':[{'type':'input_text','text':'a'},{'type':'mk_odd'}]}]}",
     "input[0].content[1]", "mk_odd", "rr-rrr"},
    {"unknown block", MESSAGES,
     CLAUDE "'messages':[{'role':'user','content':[{'type':'text','text':'a'},{'type':'mk_odd'}]}]}",
     "messages[0].content[1]", "mk_odd", "rrr-rr"},
    {"unknown block", GEMINI, "{'contents':[{'parts':[{'text':'a'},{'mkOdd':{}}]}]}", "contents[0].parts[1]", "mkOdd",
     "rrrr-r"},
    {"unknown block of the model", CHAT,
     "{'model':'m','messages':[" HI ",{'role':'assistant','content':[{'type':'text','text':'a'},{'type':'mk_odd'}]}," HI
     "]}",
     "messages[1].content[1]", "mk_odd", "--nnrn"},
    {"unknown block of the model", MESSAGES,
     CLAUDE "'messages':[" HI ",{'role':'assistant','content':[{'type':'text','text':'a'},{'type':'mk_odd'}]}," HI "]}",
     "messages[1].content[1]", "mk_odd", "nnn-rn"},
    {"unknown item", RESPONSES, "{'model':'m','input':[" HI ",{'type':'mk_odd'}," HI "]}", "input[1]", "mk_odd",
     "nn-nrn"},
    {"unknown block in a result", MESSAGES,
     CLAUDE M_TOOL
     ",'messages':[" HI
     ",{'role':'assistant','content':[{'type':'tool_use','id':'c1','name':'f','input':{}}]},{'role':'user','content':[{'type':'tool_result','tool_use_id':'c1','content':[{'type':'text','text':'a'},{'type':'mk_odd'}]}]}]}",
     "messages[2].content[0].content[1]", "mk_odd", "rrr-sr"},
    /* a result without its call, and the other way */
    {"result without its call", CHAT,
     "{'model':'m','messages':[" HI ",{'role':'tool','tool_call_id':'c1','content':'mk-7'}]}", "messages[1]", "mk-7",
     "--rrsr"},
    {"result without its call", RESPONSES,
     "{'model':'m','input':[" HI ",{'type':'function_call_output','call_id':'c1','output':'mk-7'}]}", "input[1]",
     "mk-7", "rr-rsr"},
    {"result without its call", MESSAGES,
     CLAUDE "'messages':[" HI
            ",{'role':'user','content':[{'type':'tool_result','tool_use_id':'c1','content':'mk-7'}]}]}",
     "messages[1].content[0]", "mk-7", "rrr-sr"},
    {"result without its call", GEMINI,
     "{'contents':[" G_HI ",{'parts':[{'functionResponse':{'name':'f','response':{'a':'mk-7'}}}]}]}", "contents[1]",
     "mk-7", "ssss-s"},
    {"call without its result", CHAT,
     "{'model':'m'," C_TOOL ",'messages':[" HI
     ",{'role':'assistant','tool_calls':[{'id':'mk-c1','type':'function','function':{'name':'f','arguments':'{}'}}]}," HI
     "]}",
     "messages[1].tool_calls[0]", "no result provided", "--trsr"},
    {"call without its result", RESPONSES,
     "{'model':'m'," R_TOOL ",'input':[" HI
     ",{'type':'function_call','call_id':'mk-c1','name':'f','arguments':'{}'}," HI "]}",
     "input[1]", "no result provided", "tt-rsr"},
    {"call without its result", MESSAGES,
     CLAUDE M_TOOL ",'messages':[" HI
                   ",{'role':'assistant','content':[{'type':'tool_use','id':'mk-c1','name':'f','input':{}}]}," HI "]}",
     "messages[1].content[0]", "no result provided", "ttt-sr"},
    {"call without its result", GEMINI,
     "{" G_TOOL ",'contents':[" G_HI ",{'role':'model','parts':[{'functionCall':{'name':'f','args':{}}}]}," G_HI "]}",
     "contents[1].parts[0]", "no result provided", "tttr-r"},
    /* two system prompts */
    {"two system prompts", CHAT,
     "{'model':'m','messages':[{'role':'system','content':'mk-one'},{'role':'system','content':'mk-two'}," HI "]}", "",
     "mk-one&mk-two", "--ssss"},
    {"two system prompts", RESPONSES,
     "{'model':'m','instructions':'mk-one','input':[{'role':'system','content':'mk-two'}," HI "]}", "", "mk-one&mk-two",
     "ss-sss"},
    {"two system prompts", MESSAGES,
     CLAUDE "'system':[{'type':'text','text':'mk-one'},{'type':'text','text':'mk-two'}],'messages':[" HI "]}", "",
     "mk-one&mk-two", "sss-ss"},
    {"two system prompts", GEMINI,
     "{'systemInstruction':{'parts':[{'text':'mk-one'},{'text':'mk-two'}]},'contents':[" G_HI "]}", "", "mk-one&mk-two",
     "ssss-s"},
    {"a late system prompt", CHAT,
     "{'model':'m','messages':[" HI ",{'role':'assistant','content':'a'},{'role':'system','content':'mk-late'}," HI
     "]}",
     "", "mk-late", "--ssss"},
    {"a late system prompt", RESPONSES,
     "{'model':'m','input':[" HI ",{'role':'assistant','content':'a'},{'role':'system','content':'mk-late'}," HI "]}",
     "", "mk-late", "ss-sss"},
    {"a late system prompt", MESSAGES,
     CLAUDE "'messages':[" HI ",{'role':'system','content':'mk-late'},{'role':'assistant','content':'a'}," HI "]}", "",
     "mk-late", "sss-ss"},
    {"only system prompts", CHAT, "{'model':'m','messages':[{'role':'system','content':'mk-only'}]}", "", "mk-only",
     "--ssss"},
    {"only system prompts", RESPONSES, "{'model':'m','input':[{'role':'developer','content':'mk-only'}]}", "",
     "mk-only", "ss-sss"},
    /* empty content */
    {"nothing said", CHAT, "{'model':'m','messages':[{'role':'user','content':''}]}", "messages", "\".\"|\" \"",
     "--rssr"},
    {"nothing said", RESPONSES, "{'model':'m','input':''}", "input", "\".\"|\" \"", "rr-ssr"},
    {"nothing said", MESSAGES, CLAUDE "'messages':[{'role':'user','content':''}]}", "messages", "\".\"|\" \"",
     "rrr-sr"},
    {"nothing said", GEMINI, "{'contents':[{'parts':[{'text':''}]}]}", "contents", "\".\"|\" \"", "rrrs-r"},
    {"an empty list", CHAT, "{'model':'m','messages':[{'role':'user','content':[]}," HI "]}", "", "mk-hi", "--ssss"},
    {"an empty list", RESPONSES, "{'model':'m','input':[{'role':'user','content':[]}," HI "]}", "", "mk-hi", "ss-sss"},
    {"an empty list", MESSAGES, CLAUDE "'messages':[{'role':'user','content':[]}," HI "]}", "", "mk-hi", "sss-ss"},
    {"an empty list", GEMINI, "{'contents':[{'parts':[]}," G_HI "]}", "", "mk-hi", "ssss-s"},
    /* invalid base64, and bytes that are no picture */
    {"invalid base64", CHAT,
     "{'model':'m','messages':[{'role':'user','content':[{'type':'text','text':'a'},{'type':'image_url','image_url':{'url':'data:image/png;base64,@@@@'}}]}]}",
     "messages[0].content[1]", "", "--rrrr"},
    {"invalid base64", RESPONSES,
     "{'model':'m','input':[{'role':'user','content':[{'type':'input_text','text':'a'},{'type':'input_image','image_url':'data:image/png;base64,@@@@'}]}]}",
     "input[0].content[1]", "", "rr-rrr"},
    {"invalid base64", MESSAGES,
     CLAUDE
     "'messages':[{'role':'user','content':[{'type':'text','text':'a'},{'type':'image','source':{'type':'base64','media_type':'image/png','data':'@@@@'}}]}]}",
     "messages[0].content[1]", "", "rrr-rr"},
    {"invalid base64", GEMINI,
     "{'contents':[{'parts':[{'text':'a'},{'inlineData':{'mimeType':'image/png','data':'@@@@'}}]}]}",
     "contents[0].parts[1]", "", "rrrr-r"},
    {"invalid base64 in a result", MESSAGES,
     CLAUDE M_TOOL
     ",'messages':[" HI
     ",{'role':'assistant','content':[{'type':'tool_use','id':'c1','name':'f','input':{}}]},{'role':'user','content':[{'type':'tool_result','tool_use_id':'c1','content':[{'type':'image','source':{'type':'base64','media_type':'image/png','data':'@@@@'}}]}]}]}",
     "messages[2].content[0].content[0]", "", "rrr-rr"},
    {"invalid base64 of a file", CHAT,
     "{'model':'m','messages':[{'role':'user','content':[{'type':'file','file':{'filename':'a.pdf','file_data':'data:application/pdf;base64,@@@@'}}]}]}",
     "messages[0].content[0]", "", "--rrrr"},
    {"invalid base64 of a file", RESPONSES,
     "{'model':'m','input':[{'role':'user','content':[{'type':'input_file','filename':'a.pdf','file_data':'data:application/pdf;base64,@@@@'}]}]}",
     "input[0].content[0]", "", "rr-rrr"},
    {"invalid base64 of a file", MESSAGES,
     CLAUDE
     "'messages':[{'role':'user','content':[{'type':'document','source':{'type':'base64','media_type':'application/pdf','data':'@@@@'}}]}]}",
     "messages[0].content[0]", "", "rrr-rr"},
    {"invalid base64 of sound", CHAT,
     "{'model':'m','messages':[{'role':'user','content':[{'type':'input_audio','input_audio':{'data':'@@@@','format':'wav'}}]}]}",
     "messages[0].content[0]", "", "--rrrr"},
    {"a picture of a type unknown there", CHAT,
     "{'model':'m','messages':[{'role':'user','content':[{'type':'image_url','image_url':{'url':'data:image/bmp;base64," BMP
     "'}}]}]}",
     "messages[0].content[0]", BMP, "--srsr"},
    {"a picture of a type unknown there", MESSAGES,
     CLAUDE
     "'messages':[{'role':'user','content':[{'type':'image','source':{'type':'base64','media_type':'image/bmp','data':'" BMP
     "'}}]}]}",
     "messages[0].content[0]", BMP, "sss-sr"},
    {"a picture of a type unknown there", GEMINI,
     "{'contents':[{'parts':[{'inlineData':{'mimeType':'image/bmp','data':'" BMP "'}}]}]}", "contents[0].parts[0]", BMP,
     "sssr-r"},
    /* features of schemas that the target lacks */
    {"a schema elsewhere", CHAT,
     "{'model':'m','messages':[" HI "],'tools':[{'type':'function','function':{'name':'f','parameters':" FAR "}}]}",
     "tools[0]", "mk-far", "--ssrs"},
    {"a schema elsewhere", RESPONSES,
     "{'model':'m','input':'mk-hi','tools':[{'type':'function','name':'f','parameters':" FAR "}]}", "tools[0]",
     "mk-far", "ss-srs"},
    {"a schema elsewhere", MESSAGES, CLAUDE "'messages':[" HI "],'tools':[{'name':'f','input_schema':" FAR "}]}",
     "tools[0]", "mk-far", "sss-rs"},
    {"a recursive schema", CHAT,
     "{'model':'m','messages':[" HI
     "],'response_format':{'type':'json_schema','json_schema':{'name':'s','schema':" AGAIN "}}}",
     "response_format", "mk_again", "--ssss"},
    {"a recursive schema", RESPONSES,
     "{'model':'m','input':'mk-hi','text':{'format':{'type':'json_schema','name':'s','schema':" AGAIN "}}}",
     "text.format", "mk_again", "ss-sss"},
    {"a recursive schema", MESSAGES,
     CLAUDE "'messages':[" HI "],'output_config':{'format':{'type':'json_schema','schema':" AGAIN "}}}",
     "output_config.format", "mk_again", "sss-ss"},
    {"a recursive schema", GEMINI,
     "{'contents':[" G_HI "],'generationConfig':{'responseMimeType':'application/json','responseJsonSchema':" AGAIN
     "}}",
     "generationConfig", "mk_again", "ssss-s"},
    {"a tool that takes a text", CHAT,
     "{'model':'m','messages':[" HI
     "],'tools':[{'type':'function','function':{'name':'f','parameters':{'type':'string','description':'mk-d'}}}]}",
     "tools[0]", "mk-d", "--ssrs"},
    {"a tool that takes a text", RESPONSES,
     "{'model':'m','input':'mk-hi','tools':[{'type':'function','name':'f','parameters':{'type':'string','description':'mk-d'}}]}",
     "tools[0]", "mk-d", "ss-srs"},
    {"a tool that takes a text", MESSAGES,
     CLAUDE "'messages':[" HI "],'tools':[{'name':'f','input_schema':{'type':'string','description':'mk-d'}}]}",
     "tools[0]", "mk-d", "sss-rs"},
};

/* "a&b": both; "a|b": one of them. */
static bool has(struct sl_str body, const char *what)
{
    bool all = strchr(what, '&') != NULL, any = false;
    for (struct sl_str left = quoted(what); left.n > 0;) {
        bool there = sl_str_find_str(body, sl_str_cut(&left, all ? '&' : '|')) >= 0;
        if (all && !there)
            return false;
        any = any || there;
    }
    return any;
}

static bool is_named(const struct neutral_notes *notes, const char *place)
{
    for (const struct neutral_note_row *r = notes->first; r != NULL; r = r->next)
        if (sl_str_starts(r->what, sl_str_c(place)))
            return true;
    return false;
}

struct result {
    bool read, sent;
    struct request_refusal refusal;
    struct sl_str body;
    struct translation *t;
};

/* As the exchange does it. */
static struct result pass(size_t row, unsigned up)
{
    struct result r = {.sent = false};
    struct neutral_request *req = SL_ARENA_NEW(&arena, struct neutral_request);
    struct sl_buf out;
    const struct dialect *face = dialect_find(sl_str_c(formats[rows[row].face].dialect));
    req->model = SL_STR("m");
    r.read = face->codec->request_read(OP_CHAT, quoted(rows[row].body), &arena, req, &r.refusal);
    if (!r.read)
        return r;
    struct translation *t = r.t = translation(rows[row].face, CHAT, req);
    t->up = dialect_find(sl_str_c(ups[up].dialect));
    t->up_model = sl_str_c(ups[up].model);
    t->platform = sl_str_c(ups[up].platform);
    t->unsupported = UNSUPPORTED_REPORT;
    t->caps = caps_find(t->up->codec->caps, t->up_model);
    sl_buf_init(&out, 1u << 18);
    bool orders = t->up->errors == ERRORS_OPENAI || t->up->errors == ERRORS_RESPONSES;
    r.sent = (!orders || order_check(req, &arena, &r.refusal)) && t->up->codec->request_write(t, &out, &r.refusal);
    r.body = kept(&out);
    return r;
}

static bool as_decided(char want, const struct result *r, size_t row)
{
    bool place = sl_str_starts(r->refusal.error.param, sl_str_c(rows[row].place)) && r->refusal.error.message.n > 0;
    switch (want) {
    case 'r':
        return !r->sent && rows[row].place[0] != 0 && place;
    case 's':
        return r->sent && has(r->body, rows[row].found);
    case 'n':
        return r->sent && !has(r->body, rows[row].found) && is_named(r->t->notes, rows[row].place);
    default:
        return r->sent;
    }
}

static void test_bad_input(void **state)
{
    unsigned n = 0, wrong = 0;
    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        assert_int_equal(strlen(rows[i].outcomes), UPS);
        for (unsigned up = 0; up < UPS; up++) {
            if (rows[i].outcomes[up] == '-')
                continue;
            begin_case(CHAT, rows[i].face, (unsigned)i);
            const struct result r = pass(i, up);
            n++;
            if (as_decided(rows[i].outcomes[up], &r, i))
                continue;
            wrong++;
            struct sl_str told = r.read ? neutral_notes_text(r.t->notes, &arena, 300) : SL_STR_NONE;
            printf("%s of %s at %s (%s): %c wanted; %s " SL_STR_FMT " (" SL_STR_FMT ")\n", rows[i].name,
                   formats[rows[i].face].name, ups[up].dialect, ups[up].platform, rows[i].outcomes[up],
                   r.sent ? "sent" : "refused", SL_STR_ARG(r.sent ? r.body : r.refusal.error.message),
                   SL_STR_ARG(told));
        }
    }
    printf("%u bad requests between two formats, %u not as decided\n", n, wrong);
    assert_int_equal(wrong, 0);
}

/* Larger than Claude takes: refused with its place (at others it is theirs to judge). */
static void test_oversized(void **state)
{
    (void)state;
    static const char *const frames[FORMATS][2] = {
        {"{'model':'m','messages':[{'role':'user','content':[{'type':'text','text':'a'},{'type':'image_url','image_url':{'url':'data:image/png;base64,",
         "'}}]}]}"},
        {"{'model':'m','input':[{'role':'user','content':[{'type':'input_text','text':'a'},{'type':'input_image','image_url':'data:image/png;base64,",
         "'}]}]}"},
        {CLAUDE
         "'messages':[{'role':'user','content':[{'type':'text','text':'a'},{'type':'image','source':{'type':'base64','media_type':'image/png','data':'",
         "'}}]}]}"},
        {"{'contents':[{'parts':[{'text':'a'},{'inlineData':{'mimeType':'image/png','data':'", "'}}]}]}"}};
    static const char *const places[FORMATS] = {"messages[0].content[1]", "input[0].content[1]",
                                                "messages[0].content[1]", "contents[0].parts[1]"};
    size_t bytes = (10u << 20) + 4;
    for (enum format face = CHAT; face < FORMATS; face++) {
        struct neutral_request req = {.model = SL_STR("m")};
        struct request_refusal refusal = {0};
        struct sl_buf body, out;
        begin_case(MESSAGES, face, face);
        sl_buf_init(&body, 16u << 20);
        sl_buf_init(&out, 16u << 20);
        sl_buf_adds(&body, quoted(frames[face][0]));
        sl_buf_adds(&body, SL_STR("iVBORw0KGgo"));
        for (size_t i = 11; i < bytes; i++)
            sl_buf_addc(&body, 'A');
        sl_buf_adds(&body, quoted(frames[face][1]));
        assert_true(dialect_find(sl_str_c(formats[face].dialect))
                        ->codec->request_read(OP_CHAT, sl_buf_str(&body), &arena, &req, &refusal));
        struct translation *t = translation(face, MESSAGES, &req);
        t->unsupported = UNSUPPORTED_REPORT;
        t->platform = SL_STR_NONE;
        assert_false(t->up->codec->request_write(t, &out, &refusal));
        if (!sl_str_eq(refusal.error.param, sl_str_c(places[face])))
            FAIL_CASE("'" SL_STR_FMT "'", SL_STR_ARG(refusal.error.param));
        sl_buf_done(&body);
        sl_buf_done(&out);
    }
}

/* -- Providers that break their formats ---------------------------------------------------------------------------------- */

static const char *const broken[] = {"",
                                     "{",
                                     "[]",
                                     "null",
                                     "'text'",
                                     "7",
                                     "<html>no</html>",
                                     "\xff\xfe",
                                     "{}",
                                     "{'error':'mk'}",
                                     "{'error':{'message':'mk'}}",
                                     "{'choices':{}}",
                                     "{'choices':[7]}",
                                     "{'choices':[{'message':7}]}",
                                     "{'candidates':7}",
                                     "{'candidates':[7]}",
                                     "{'candidates':[{'content':7}]}",
                                     "{'type':'message','content':7}",
                                     "{'type':'message','role':'assistant','content':[7]}",
                                     "{'object':'response','output':7}",
                                     "{'object':'response','output':[7]}",
                                     "{'output':7}",
                                     "{'output':{'message':7}}",
                                     "{'output':{'message':{'role':'assistant','content':7}}}"};
static const char *const broken_events[] = {
    "{",
    "null",
    "[1]",
    "7",
    "\xff",
    "{'choices':7}",
    "{'choices':[7]}",
    "{'candidates':7}",
    "{'candidates':[7]}",
    "{'type':'content_block_delta','index':'x'}",
    "{'type':'content_block_delta','index':3,'delta':{'type':'text_delta','text':'a'}}",
    "{'type':'message_start','message':7}",
    "{'type':'response.output_text.delta','output_index':'x'}",
    "{'type':'response.output_item.added','output_index':0,'item':7}",
    "{'type':'response.completed','response':7}",
    "{'contentBlockDelta':{'contentBlockIndex':'x'}}",
    "{'messageStart':7}",
    "{'error':{'message':'mk'}}"};

struct seen {
    bool error, said, finished;
};

static void see(void *owner, const struct neutral_event *e)
{
    struct seen *s = owner;
    s->error = s->error || e->kind == NE_ERROR;
    s->finished = s->finished || e->kind == NE_FINISH;
    s->said = s->said || e->kind == NE_TEXT || e->kind == NE_CALL_BEGIN;
}

/* Never a whole answer: the reader says that the format is broken, or that it is an error, or it never comes to an end. */
static void test_broken_answers(void **state)
{
    unsigned n = 0;
    (void)state;
    for (unsigned up = 0; up < UPS; up++) {
        for (size_t i = 0; i < sizeof broken / sizeof broken[0] + sizeof broken_events / sizeof broken_events[0];
             i++, n++) {
            bool stream = i >= sizeof broken / sizeof broken[0];
            const char *text = stream ? broken_events[i - sizeof broken / sizeof broken[0]] : broken[i];
            struct seen seen = {false};
            const struct neutral_sink to = {.put = see, .owner = &seen};
            struct neutral_request req = {.model = SL_STR("m"), .n = 1};
            begin_case(CHAT, MESSAGES, (unsigned)i);
            struct translation *t = translation(MESSAGES, CHAT, &req);
            req.from = t->face;
            t->up = dialect_find(sl_str_c(ups[up].dialect));
            t->up_model = sl_str_c(ups[up].model);
            t->platform = sl_str_c(ups[up].platform);
            t->caps = caps_find(t->up->codec->caps, t->up_model);
            bool whole;
            if (stream) {
                void *s = t->up->codec->stream_read_begin(t);
                whole = t->up->codec->stream_read(s, SL_STR_NONE, quoted(text), &to);
                whole = t->up->codec->stream_read_end(s, &to) && whole;
            } else {
                whole = t->up->codec->answer_read(t, quoted(text), &to);
            }
            if (whole && !seen.error && (seen.finished || seen.said))
                FAIL_CASE("%s (%s) takes %s for an answer", ups[up].dialect, stream ? "stream" : "whole", text);
            if (whole && !seen.error && !stream)
                FAIL_CASE("%s takes %s for an answer that says nothing", ups[up].dialect, text);
        }
    }
    printf("%u broken answers, none of them taken for one\n", n);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_bad_input), cmocka_unit_test(test_oversized),
                                       cmocka_unit_test(test_broken_answers)};
    return cmocka_run_group_tests(tests, set_up, tear_down);
}
