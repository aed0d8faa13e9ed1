/* Converse: requests of all faces written, answers and streams read, cut anywhere. Apostrophes stand for quotes. */
#include "dialect/bedrock_converse/converse_int.h"
#include "dialect/relay_translate.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>

#include <cmocka.h>

struct fixture {
    struct sl_arena a;
    struct neutral_request req;
    struct request_refusal refusal;
    struct neutral_notes notes;
    struct translation t;
    struct sl_buf out;
};

static struct sl_str quoted(struct sl_arena *a, const char *text)
{
    char *p = sl_arena_cstr(a, sl_str_c(text));
    for (char *q = p; *q != 0; q++)
        if (*q == '\'')
            *q = '"';
    return sl_str_c(p);
}

static void begin(struct fixture *f, const char *face, const char *model)
{
    memset(f, 0, sizeof *f);
    sl_arena_init(&f->a, NULL);
    sl_buf_init(&f->out, 1u << 24);
    f->notes.a = &f->a;
    f->req.from = dialect_find(sl_str_c(face));
    f->req.model = SL_STR("m");
    f->t = (struct translation){.face = f->req.from,
                                .up = &bedrock_converse_dialect,
                                .req = &f->req,
                                .caps = caps_find(bedrock_converse_caps, sl_str_c(model)),
                                .up_model = sl_str_c(model),
                                .platform = SL_STR("bedrock"),
                                .a = &f->a,
                                .notes = &f->notes,
                                .id = SL_STR("x"),
                                .show_reasoning = true};
}

static void end(struct fixture *f)
{
    sl_buf_done(&f->out);
    sl_arena_done(&f->a);
}

static enum operation op_of(const char *face)
{
    return strcmp(face, "anthropic") == 0          ? OP_MESSAGES
           : strcmp(face, "gemini") == 0           ? OP_GENERATE
           : strcmp(face, "openai-responses") == 0 ? OP_RESPONSES
                                                   : OP_CHAT;
}

/* -- Requests ---------------------------------------------------------------------------------------------------------- */

#define NOVA "us.amazon.nova-lite-v1:0"
#define NOVA2 "us.amazon.nova-2-lite-v1:0"
#define LLAMA "us.meta.llama3-3-70b-instruct-v1:0"
#define MISTRAL "mistral.mistral-large-2407-v1:0"
#define HI "{'role':'user','content':'hi'}"
#define HI_OUT "'messages':[{'role':'user','content':[{'text':'hi'}]}]"
#define TOOL "{'name':'f','description':'d','input_schema':{'type':'object','properties':{}}}"
#define TOOL_OUT                                                                                                       \
    "'toolConfig':{'tools':[{'toolSpec':{'name':'f','description':'d','inputSchema':{'json':{'type':'object',"         \
    "'properties':{}}}}}]"

static const struct {
    const char *face, *model, *in, *out, *notes; /* out NULL: refused, notes has its param */
} requests[] = {
    {"anthropic", NOVA, "{'model':'m','max_tokens':9,'messages':[" HI "]}",
     "{" HI_OUT ",'inferenceConfig':{'maxTokens':9}}", ""},
    {"anthropic", NOVA,
     "{'model':'m','max_tokens':99999,'temperature':0.20,'top_p':1,'stop_sequences':['END',' '],'system':[{'type':'text',"
     "'text':'brief','cache_control':{'type':'ephemeral','ttl':'1h'}}],'messages':[" HI "]}",
     "{'system':[{'text':'brief'},{'cachePoint':{'type':'default','ttl':'1h'}}]," HI_OUT
     ",'inferenceConfig':{'maxTokens':10000,'temperature':0.20,'topP':1,'stopSequences':['END']}}",
     "max_tokens;clamped, stop_sequences;blank ones"},
    /* a model that keeps no prompts, and one that cannot be made to call */
    {"anthropic", LLAMA,
     "{'model':'m','max_tokens':9,'system':[{'type':'text','text':'s','cache_control':{'type':'ephemeral'}}],'messages':[" HI
     "],'tools':[" TOOL "],'tool_choice':{'type':'any'}}",
     "{'system':[{'text':'s'}]," HI_OUT "," TOOL_OUT ",'toolChoice':{'auto':{}}},'inferenceConfig':{'maxTokens':9}}",
     "tool_choice;auto, cache_control"},
    {"openai", NOVA,
     "{'model':'m','temperature':1.5,'seed':7,'user':'u','messages':[{'role':'system','content':'a'}," HI
     ",{'role':'system','content':'b'}]}",
     "{'system':[{'text':'a'}],'messages':[{'role':'user','content':[{'text':'hi'},{'text':'<system>b</system>'}]}],"
     "'inferenceConfig':{'temperature':1}}",
     "messages[2];folded, temperature;clamped, seed, safety_identifier"},
    /* calls and results: results first, in the order of the calls, whatever stood between */
    {"openai", NOVA,
     "{'model':'m','messages':[" HI
     ",{'role':'assistant','content':'so','tool_calls':[{'id':'a|b','type':'function','function':{'name':'f','arguments':'{\\'x\\': "
     "1.0}'}},{'id':'c2','type':'function','function':{'name':'f','arguments':''}}]},{'role':'tool','tool_call_id':'c2','content':"
     "''},{'role':'tool','tool_call_id':'a|b','content':'one'}],'tools':[{'type':'function','function':{'name':'f','description':"
     "'d','parameters':{'type':'object','properties':{}}}}],'tool_choice':{'type':'function','function':{'name':'f'}}}",
     "{'messages':[{'role':'user','content':[{'text':'hi'}]},{'role':'assistant','content':[{'text':'so'},{'toolUse':{"
     "'toolUseId':'@','name':'f','input':{'x': 1.0}}},{'toolUse':{'toolUseId':'c2','name':'f','input':{}}}]},{'role':'user',"
     "'content':[{'toolResult':{'toolUseId':'@','content':[{'text':'one'}]}},{'toolResult':{'toolUseId':'c2','content':[{'json':"
     "{}}]}}]}]," TOOL_OUT ",'toolChoice':{'tool':{'name':'f'}}}}",
     ""},
    /* without tools the blocks are refused: text of them */
    {"openai", NOVA,
     "{'model':'m','messages':[" HI
     ",{'role':'assistant','tool_calls':[{'id':'c1','type':'function','function':{'name':'f','arguments':'{\\'x\\':1}'}}]},{'role':"
     "'tool','tool_call_id':'c1','content':'one'}]}",
     "{'messages':[{'role':'user','content':[{'text':'hi'}]},{'role':'assistant','content':[{'text':'<call name=\\'f\\'>{\\'x\\':1}"
     "</call>'}]},{'role':'user','content':[{'text':'<result of=\\'f\\'>one</result>'}]}]}",
     "messages[1].tool_calls[0];folded"},
    {"anthropic", NOVA,
     "{'model':'m','max_tokens':9,'messages':[{'role':'user','content':[{'type':'tool_result','tool_use_id':'zz','content':'x'}]}]"
     "}",
     NULL, "messages[0].content[0]"},
    {"anthropic", NOVA,
     "{'model':'m','max_tokens':9,'messages':[" HI
     ",{'role':'assistant','content':[{'type':'tool_use','id':'t1','name':'f','input':{}}]}," HI "]}",
     NULL, "messages[1].content[0]"},
    {"anthropic", NOVA, "{'model':'m','max_tokens':9,'messages':[" HI ",{'role':'assistant','content':'so'}]}", NULL,
     "messages[1]"},
    /* ids of Mistral are nine letters and digits */
    {"anthropic", MISTRAL,
     "{'model':'m','max_tokens':9,'tools':[" TOOL "],'messages':[" HI
     ",{'role':'assistant','content':[{'type':'tool_use','id':'abcdefghi','name':'f','input':{}}]},{'role':'user','content':[{"
     "'type':'tool_result','tool_use_id':'abcdefghi','is_error':true,'content':[{'type':'text','text':'x'}]}]}]}",
     "{'messages':[{'role':'user','content':[{'text':'hi'}]},{'role':'assistant','content':[{'toolUse':{'toolUseId':'abcdefghi',"
     "'name':'f','input':{}}}]},{'role':'user','content':[{'toolResult':{'toolUseId':'abcdefghi','content':[{'text':'x'}],'status':"
     "'error'}}]}]," TOOL_OUT "},'inferenceConfig':{'maxTokens':9}}",
     ""},
    /* media: by their bytes; names of documents; text beside them */
    {"anthropic", NOVA,
     "{'model':'m','max_tokens':9,'messages':[{'role':'user','content':[{'type':'image','source':{'type':'base64','media_type':"
     "'image/jpeg','data':'iVBORw0KGgo='}},{'type':'document','title':'my_plan.v2.pdf','source':{'type':'base64','media_type':"
     "'application/pdf','data':'JVBERi0='}}]}]}",
     "{'messages':[{'role':'user','content':[{'image':{'format':'png','source':{'bytes':'iVBORw0KGgo='}}},{'document':{'format':"
     "'pdf','name':'my plan v2','source':{'bytes':'JVBERi0='}}},{'text':'.'}]}],'inferenceConfig':{'maxTokens':9}}",
     ""},
    {"openai", NOVA,
     "{'model':'m','messages':[{'role':'user','content':[{'type':'image_url','image_url':{'url':'s3://b/k.png'}}]}]}",
     NULL, "messages[0].content[0]"},
    {"anthropic", LLAMA,
     "{'model':'m','max_tokens':9,'messages':[{'role':'user','content':[{'type':'image','source':{'type':'base64','media_type':"
     "'image/png','data':'iVBORw0KGgo='}}]}]}",
     NULL, "messages[0].content[0]"},
    /* thinking */
    {"openai", NOVA2, "{'model':'m','reasoning_effort':'xhigh','max_completion_tokens':9,'messages':[" HI "]}",
     "{" HI_OUT
     ",'inferenceConfig':{},'additionalModelRequestFields':{'reasoningConfig':{'type':'enabled','maxReasoningEffort':"
     "'high'}}}",
     "max_completion_tokens"},
    {"openai", NOVA2, "{'model':'m','reasoning_effort':'none','messages':[" HI "]}",
     "{" HI_OUT ",'additionalModelRequestFields':{'reasoningConfig':{'type':'disabled'}}}", ""},
    {"openai", NOVA, "{'model':'m','reasoning_effort':'low','messages':[" HI "]}", "{" HI_OUT "}", "reasoning_effort"},
    {"openai", "openai.gpt-oss-120b-1:0", "{'model':'m','reasoning_effort':'low','stop':['x'],'messages':[" HI "]}",
     NULL, "stop"},
    {"openai", "openai.gpt-oss-120b-1:0", "{'model':'m','reasoning_effort':'low','messages':[" HI "]}",
     "{" HI_OUT ",'additionalModelRequestFields':{'reasoning_effort':'low'}}", ""},
    {"anthropic", NOVA, "{'model':'m','max_tokens':9,'top_k':5,'messages':[" HI "]}",
     "{" HI_OUT ",'inferenceConfig':{'maxTokens':9},'additionalModelRequestFields':{'inferenceConfig':{'topK':5}}}",
     ""},
    /* what a client says in this format's own words */
    {"openai", NOVA,
     "{'model':'m','messages':[" HI
     "],'guardrailConfig':{'guardrailIdentifier':'g','guardrailVersion':'1'},'additionalModelRequestFields':{'a':[1.0]},"
     "'service_tier':'flex'}",
     "{" HI_OUT ",'additionalModelRequestFields':{'a':[1.0]},'serviceTier':{'type':'flex'},'guardrailConfig':{"
     "'guardrailIdentifier':'g','guardrailVersion':'1'}}",
     ""},
    {"openai", NOVA, "{'model':'m','n':2,'messages':[" HI "]}", NULL, "n"},
    /* JSON: by a tool, or in words */
    {"openai", NOVA,
     "{'model':'m','messages':[" HI
     "],'response_format':{'type':'json_schema','json_schema':{'name':'p','schema':{'type':'object','properties':{}}}}}",
     "{" HI_OUT
     ",'toolConfig':{'tools':[{'toolSpec':{'name':'json_response','description':'Gives the answer. Call this tool to "
     "respond.','inputSchema':{'json':{'type':'object','properties':{}}}}}],'toolChoice':{'tool':{'name':'json_response'}}}}",
     ""},
    {"openai", LLAMA, "{'model':'m','messages':[" HI "],'response_format':{'type':'json_object'}}",
     "{'system':[{'text':'Respond with one JSON object and nothing else, without a code fence.'}]," HI_OUT "}",
     "response_format;instruction"},
};

static void written_requests(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof requests / sizeof requests[0]; i++) {
        struct fixture f;
        begin(&f, requests[i].face, requests[i].model);
        struct sl_str in = quoted(&f.a, requests[i].in);
        if (!f.req.from->codec->request_read(op_of(requests[i].face), in, &f.a, &f.req, &f.refusal))
            fail_msg("case %zu is not read: " SL_STR_FMT, i, SL_STR_ARG(f.refusal.error.message));
        bool fine = bedrock_converse_codec.request_write(&f.t, &f.out, &f.refusal);
        if (requests[i].out == NULL) {
            if (fine || !sl_str_eq(f.refusal.error.param, sl_str_c(requests[i].notes)))
                fail_msg("case %zu: refused for " SL_STR_FMT ", written " SL_STR_FMT, i,
                         SL_STR_ARG(f.refusal.error.param), SL_STR_ARG(sl_buf_str(&f.out)));
            end(&f);
            continue;
        }
        struct sl_buf expected;
        struct sl_str out = quoted(&f.a, requests[i].out), id = names_fit(&ids_converse, SL_STR("a|b"), &f.a);
        sl_buf_init(&expected, 1u << 20);
        for (size_t k = 0; k < out.n; k++) {
            if (out.p[k] == '@')
                sl_buf_adds(&expected, id);
            else
                sl_buf_addc(&expected, out.p[k]);
        }
        struct sl_str notes = neutral_notes_text(&f.notes, &f.a, 500);
        if (!fine || !sl_str_eq(sl_buf_str(&f.out), sl_buf_str(&expected)) ||
            !sl_str_eq(notes, sl_str_c(requests[i].notes)))
            fail_msg("case %zu (" SL_STR_FMT ")\n" SL_STR_FMT "\n" SL_STR_FMT "\n" SL_STR_FMT, i,
                     SL_STR_ARG(f.refusal.error.message), SL_STR_ARG(sl_buf_str(&f.out)),
                     SL_STR_ARG(sl_buf_str(&expected)), SL_STR_ARG(notes));
        assert_true(json_is(sl_buf_str(&f.out), JSON_OBJECT));
        sl_buf_done(&expected);
        end(&f);
    }
}

/* -- Thoughts there and back ------------------------------------------------------------------------------------------- */

static void thoughts(void **state)
{
    (void)state;
    struct fixture f;
    char what = 0;
    begin(&f, "anthropic", NOVA2);
    struct sl_str sealed = converse_seal(&f.a, sl_str_c(NOVA2), 's', SL_STR("sig=="));
    assert_true(sl_str_eq(converse_unseal(&f.a, sl_str_c(NOVA2), sealed, &what), SL_STR("sig==")));
    assert_int_equal(what, 's');
    assert_int_equal(converse_unseal(&f.a, sl_str_c(LLAMA), sealed, &what).n, 0); /* another family */
    assert_int_equal(converse_unseal(&f.a, sl_str_c(NOVA2), SL_STR("sig=="), &what).n, 0);
    assert_int_equal(converse_unseal(&f.a, sl_str_c(NOVA2), SL_STR_NONE, &what).n, 0);
    struct sl_str body = sl_arena_printf(
        &f.a,
        "{\"model\":\"m\",\"max_tokens\":9,\"messages\":[{\"role\":\"user\",\"content\":\"hi\"},{\"role\":\"assistant\","
        "\"content\":[{\"type\":\"thinking\",\"thinking\":\"hm\",\"signature\":\"" SL_STR_FMT
        "\"},{\"type\":\"redacted_thinking\",\"data\":\"" SL_STR_FMT
        "\"},{\"type\":\"thinking\",\"thinking\":\"not ours\",\"signature\":\"abc\"},{\"type\":\"text\",\"text\":\"a\"}]},"
        "{\"role\":\"user\",\"content\":\"go\"}]}",
        SL_STR_ARG(sealed), SL_STR_ARG(converse_seal(&f.a, sl_str_c(NOVA2), 'r', SL_STR("blob"))));
    assert_true(f.req.from->codec->request_read(OP_MESSAGES, body, &f.a, &f.req, &f.refusal));
    assert_true(bedrock_converse_codec.request_write(&f.t, &f.out, &f.refusal));
    struct sl_str expected = quoted(
        &f.a,
        "{'messages':[{'role':'user','content':[{'text':'hi'}]},{'role':'assistant','content':[{'reasoningContent':{"
        "'reasoningText':{'text':'hm','signature':'sig=='}}},{'reasoningContent':{'redactedContent':'blob'}},{'text':"
        "'a'}]},{'role':'user','content':[{'text':'go'}]}],'inferenceConfig':{'maxTokens':9}}");
    if (!sl_str_eq(sl_buf_str(&f.out), expected))
        fail_msg(SL_STR_FMT, SL_STR_ARG(sl_buf_str(&f.out)));
    end(&f);
}

/* -- Answers and streams ----------------------------------------------------------------------------------------------- */

#define START "event: messageStart\ndata: {'role':'assistant','p':'ab'}\n\n"
#define DELTA(i, what) "event: contentBlockDelta\ndata: {'contentBlockIndex':" #i ",'delta':" what "}\n\n"
#define STOP(i) "event: contentBlockStop\ndata: {'contentBlockIndex':" #i "}\n\n"
#define OVER(why)                                                                                                      \
    "event: messageStop\ndata: {'stopReason':'" why "'}\n\n"                                                           \
    "event: metadata\ndata: {'usage':{'inputTokens':5,'outputTokens':7,'totalTokens':1,'cacheReadInputTokens':3,"      \
    "'cacheWriteInputTokens':2,'cacheDetails':[{'ttl':'1h','inputTokens':1}]},'metrics':{'latencyMs':1}}\n\n"
#define USAGE                                                                                                          \
    "'usage':{'inputTokens':5,'outputTokens':7,'totalTokens':1,'cacheReadInputTokens':3,'cacheWriteInputTokens':2,"    \
    "'cacheDetails':[{'ttl':'1h','inputTokens':1}]}"
#define WHOLE(content, why)                                                                                            \
    "{'output':{'message':{'role':'assistant','content':[" content "]}},'stopReason':'" why "'," USAGE "}"

static const struct {
    const char *stream, *whole;
} answers[] = {
    {START DELTA(0, "{'text':'he'}") DELTA(0, "{'text':'llo \\'x\\''}") STOP(0) OVER("end_turn"),
     WHOLE("{'text':'hello \\'x\\''}", "end_turn")},
    {START DELTA(0, "{'reasoningContent':{'text':'hm'}}") DELTA(0, "{'reasoningContent':{'signature':'S='}}") STOP(
         0) DELTA(1, "{'text':'a'}")
         STOP(1) "event: contentBlockStart\ndata: {'contentBlockIndex':2,'start':{'toolUse':{'toolUseId':'t1','name':'f'}}}\n\n" DELTA(
             2, "{'toolUse':{'input':'{\\'x\\':'}}") DELTA(2, "{'toolUse':{'input':' 1.0}'}}")
             STOP(2) "event: contentBlockStart\ndata: {'contentBlockIndex':3,'start':{'toolUse':{'toolUseId':'t2','name':'g'}}}\n\n" STOP(
                 3) OVER("tool_use"),
     WHOLE(
         "{'reasoningContent':{'reasoningText':{'text':'hm','signature':'S='}}},{'text':'a'},{'toolUse':{'toolUseId':'t1',"
         "'name':'f','input':{'x': 1.0}}},{'toolUse':{'toolUseId':'t2','name':'g','input':{}}}",
         "tool_use")},
    {START DELTA(0, "{'reasoningContent':{'redactedContent':'QUJ'}}")
         DELTA(0, "{'reasoningContent':{'redactedContent':'D'}}") STOP(0) DELTA(1, "{'text':'a'}") OVER("max_tokens"),
     WHOLE("{'reasoningContent':{'redactedContent':'QUJD'}},{'text':'a'}", "max_tokens")},
    {START DELTA(0, "{'text':'no'}") OVER("guardrail_intervened"), WHOLE("{'text':'no'}", "guardrail_intervened")},
    /* calls, and the model says that it is done */
    {START
     "event: contentBlockStart\ndata: {'contentBlockIndex':0,'start':{'toolUse':{'toolUseId':'t1','name':'f'}}}\n\n" DELTA(
         0, "{'toolUse':{'input':'{}'}}") STOP(0) OVER("end_turn"),
     WHOLE("{'toolUse':{'toolUseId':'t1','name':'f','input':{}}}", "end_turn")},
};

static const char *const faces[] = {"openai", "anthropic", "gemini", "openai-responses"};

static struct sl_str collected(struct fixture *f, const struct neutral_answer *answer)
{
    struct sl_buf out;
    sl_buf_init(&out, 1u << 20);
    f->t.face->codec->answer_write(&f->t, answer, &out);
    struct sl_str text = sl_arena_str(&f->a, sl_buf_str(&out));
    sl_buf_done(&out);
    return text;
}

/* Feeds the slices [0, cut) and [cut, n) of a stream; what the client would get whole. */
static struct sl_str stream_collected(struct fixture *f, struct sl_str stream, size_t cut, bool *out_whole)
{
    struct sse_scanner sse;
    struct sse_piece piece;
    struct neutral_collector *c = neutral_collector_new(&f->a);
    const struct neutral_sink sink = neutral_collector_sink(c);
    void *reader = bedrock_converse_codec.stream_read_begin(&f->t);
    const struct sl_str parts[] = {sl_str_head(stream, cut), sl_str_from(stream, cut)};
    bool good = true;
    sse_scanner_init(&sse, 0);
    for (int i = 0; i < 2; i++) {
        struct sl_str in = parts[i];
        while (sse_next(&sse, &in, &piece) == SSE_PIECE)
            if (piece.kind == SSE_EVENT && piece.has_data)
                good = good && bedrock_converse_codec.stream_read(reader, piece.name, piece.data, &sink);
    }
    *out_whole = good && bedrock_converse_codec.stream_read_end(reader, &sink) && sse_rest(&sse).n == 0;
    sse_scanner_done(&sse);
    return collected(f, neutral_collected(c));
}

/* Assembled, a stream is the answer, in every face, wherever its bytes are cut; and a part of it is never whole. */
static void streams_are_answers(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof answers / sizeof answers[0]; i++) {
        for (size_t k = 0; k < sizeof faces / sizeof faces[0]; k++) {
            struct fixture f;
            bool whole;
            begin(&f, faces[k], NOVA2);
            struct sl_str stream = quoted(&f.a, answers[i].stream), body = quoted(&f.a, answers[i].whole);
            struct neutral_collector *c = neutral_collector_new(&f.a);
            const struct neutral_sink sink = neutral_collector_sink(c);
            assert_true(bedrock_converse_codec.answer_read(&f.t, body, &sink));
            const struct neutral_answer *answer = neutral_collected(c);
            assert_int_equal(answer->usage.prompt, 10);
            assert_int_equal(answer->usage.cached, 3);
            assert_int_equal(answer->usage.cache_write, 2);
            assert_int_equal(answer->usage.cache_write_1h, 1);
            assert_int_equal(answer->usage.completion, 7);
            struct sl_str expected = collected(&f, answer);
            size_t step = k == 0 ? 1 : 37;
            for (size_t cut = 0; cut <= stream.n; cut += step) {
                struct sl_str got = stream_collected(&f, stream, cut, &whole);
                if (!whole || !sl_str_eq(got, expected))
                    fail_msg("case %zu, %s, cut at %zu\n" SL_STR_FMT "\n" SL_STR_FMT, i, faces[k], cut, SL_STR_ARG(got),
                             SL_STR_ARG(expected));
            }
            ptrdiff_t stop = sl_str_find_str(stream, SL_STR("event: messageStop"));
            ptrdiff_t counts = sl_str_find_str(stream, SL_STR("event: metadata"));
            for (size_t n = 0; n < stream.n; n += step) {
                stream_collected(&f, sl_str_head(stream, n), n, &whole);
                assert_false(whole && (ptrdiff_t)n != counts); /* all is there but the counts, or */
                assert_false(whole && (ptrdiff_t)n <= stop);
            }
            end(&f);
        }
    }
}

static void finishes(void **state)
{
    static const struct {
        const char *word;
        enum neutral_finish finish;
    } rows[] = {{"end_turn", FINISH_STOP},
                {"stop_sequence", FINISH_STOP_SEQUENCE},
                {"content_filtered", FINISH_CONTENT_FILTER},
                {"malformed_tool_use", FINISH_MALFORMED_CALL},
                {"model_context_window_exceeded", FINISH_CONTEXT},
                {"of tomorrow", FINISH_OTHER}};
    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++)
        assert_int_equal(converse_finish_of(sl_str_c(rows[i].word)), rows[i].finish);
}

/* -- What breaks the format, and errors in it ----------------------------------------------------------------------------- */

static const struct {
    const char *stream;
    bool error; /* told by the provider; else it is broken */
} bad[] = {
    {START "event: contentBlockDelta\ndata: [1]\n\n", false},
    {START "event: contentBlockDelta\ndata: {'contentBlockIndex':-1,'delta':{'text':'a'}}\n\n", false},
    {START "event: contentBlockDelta\ndata: {'contentBlockIndex':0,'delta':{'toolUse':{'input':'x'}}}\n\n", false},
    {START "event: contentBlockStart\ndata: {'contentBlockIndex':0,'start':{'toolUse':{'toolUseId':'a'}}}\n\n", false},
    {START "event: messageStop\ndata: {}\n\n", false},
    {START "event: contentBlockDelta\ndata: {'contentBlockIndex':0,'delta':{'text':'a'}\n\n", false},
    {START DELTA(0, "{'text':'a'}"), false},
    {"event: error\ndata: {'type':'throttlingException','message':'slow'}\n\n", true},
    {START DELTA(0, "{'text':'a'}") "event: error\ndata: {'type':'modelStreamErrorException','message':'gone'}\n\n",
     true},
    {START DELTA(0, "{'text':'a'}") "event: messageStop\ndata: {'stopReason':'malformed_model_output'}\n\n", true},
};

static void bad_streams(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        struct fixture f;
        struct relay_translate r;
        const struct iovec *v;
        int n;
        begin(&f, "openai", NOVA);
        relay_translate_init(&r, &f.t, 0);
        relay_translate_feed(&r, quoted(&f.a, bad[i].stream), &v, &n);
        bool whole = relay_translate_end(&r, 0);
        if (whole || r.state.saw_error != bad[i].error)
            fail_msg("case %zu: whole %d, error %d", i, whole, r.state.saw_error);
        relay_translate_done(&r);
        end(&f);
    }
}

static void bad_answers(void **state)
{
    static const char *const rows[] = {
        "",
        "[]",
        "{}",
        "{'output':{}}",
        "{'output':{'message':{'content':[1]}},'stopReason':'end_turn'}",
        "{'output':{'message':{'content':[{'text':'a'}]}}}",
        "{'output':{'message':{'content':[{'toolUse':{'input':{}}}]}},'stopReason':'tool_use'}"};
    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        struct fixture f;
        begin(&f, "openai", NOVA);
        struct neutral_collector *c = neutral_collector_new(&f.a);
        const struct neutral_sink sink = neutral_collector_sink(c);
        assert_false(bedrock_converse_codec.answer_read(&f.t, quoted(&f.a, rows[i]), &sink));
        end(&f);
    }
}

/* A JSON answer that was asked for by a tool, or in words. */
static void json_answers(void **state)
{
    static const struct {
        bool tool;
        const char *stream, *text;
    } rows[] = {
        {true,
         START DELTA(0, "{'text':'Here:'}")
             STOP(0) "event: contentBlockStart\ndata: {'contentBlockIndex':1,'start':{'toolUse':{"
                     "'toolUseId':'t','name':'json_response'}}}\n\n" DELTA(1, "{'toolUse':{'input':'{\\'a\\':'}}")
                         DELTA(1, "{'toolUse':{'input':'1}'}}") STOP(1) OVER("tool_use"),
         "{\\\"a\\\":1}"},
        {true, START DELTA(0, "{'text':'no'}") OVER("end_turn"), "no"},
        {false, START DELTA(0, "{'text':'```json\\n{'}") DELTA(0, "{'text':'}\\n```\\n'}") OVER("end_turn"), "{}"},
        {false, START DELTA(0, "{'text':' {} '}") OVER("end_turn"), " {} "},
    };
    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        struct fixture f;
        bool whole;
        begin(&f, "openai", NOVA);
        f.t.json_tool = rows[i].tool ? SL_STR("json_response") : SL_STR_NONE;
        f.t.json_asked_in_words = !rows[i].tool;
        struct sl_str got = stream_collected(&f, quoted(&f.a, rows[i].stream), 5, &whole);
        struct sl_str expected = sl_arena_printf(&f.a, "\"content\":\"%s\"", rows[i].text);
        if (!whole || sl_str_find_str(got, expected) < 0 ||
            sl_str_find_str(got, SL_STR("\"finish_reason\":\"stop\"")) < 0)
            fail_msg("case %zu\n" SL_STR_FMT "\n" SL_STR_FMT, i, SL_STR_ARG(got), SL_STR_ARG(expected));
        end(&f);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(written_requests), cmocka_unit_test(thoughts),    cmocka_unit_test(streams_are_answers),
        cmocka_unit_test(finishes),         cmocka_unit_test(bad_streams), cmocka_unit_test(bad_answers),
        cmocka_unit_test(json_answers),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
