/* A Messages request for Claude where others serve it: only what has to change does. Apostrophes stand for quotes. */
#include "dialect/anthropic/anthropic.h"
#include "dialect/media.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>

#include <cmocka.h>

#define SEARCH "tool-search-tool-2025-10-19"
#define V "'anthropic_version':'bedrock-2023-05-31',"
#define M "'messages':[{'role':'user','content':'hi'}]"

static struct sl_str quoted(struct sl_arena *a, const char *text)
{
    char *p = sl_arena_cstr(a, sl_str_c(text));
    for (char *q = p; *q != 0; q++)
        if (*q == '\'')
            *q = '"';
    return sl_str_c(p);
}

static const struct {
    const char *platform, *betas, *in, *out, *notes;
} cases[] = {
    {"bedrock", "", "{'model':'m','stream':true,'max_tokens':9," M "}", "{" V "'max_tokens':9," M "}", ""},
    {"vertex", "interleaved-thinking-2025-05-14", "{'model':'m','stream':true," M "}",
     "{'anthropic_version':'vertex-2023-10-16','stream':true," M "}", ""},
    {"bedrock", "", "{" M ", 'anthropic_version' : 'other' , 'max_tokens': 9.0 , 'stream':false}",
     "{" V M " , 'max_tokens': 9.0}", ""},
    /* betas: those that are served, in the body */
    {"bedrock", "claude-code-20250219, interleaved-thinking-2025-05-14,context-management-2025-06-27",
     "{'model':'m'," M ",'context_management':{'edits':[]}}",
     "{" V "'anthropic_beta':['context-management-2025-06-27','interleaved-thinking-2025-05-14']," M
     ",'context_management':{'edits':[]}}",
     "anthropic-beta:claude-code-20250219"},
    {"bedrock", "x", "{'model':'m','context_management':{'edits':[]}," M "}", "{" V M "}",
     "anthropic-beta:x, context_management"},
    /* the body's own list counts, whatever the header says */
    {"bedrock", "effort-2025-11-24", "{'anthropic_beta':['computer-use-2025-01-24', 7, 'y'],'model':'m'," M "}",
     "{" V "'anthropic_beta':['computer-use-2025-01-24']," M "}", "anthropic-beta:y"},
    {"bedrock", "", "{'model':'m','anthropic_beta':[]," M "}", "{" V M "}", ""},
    /* members that it refuses */
    {"bedrock", "fast-mode-2026-02-01",
     "{'service_tier':'auto','model':'m','speed':'fast'," M
     ",'cache_control':{'type':'ephemeral'},'inference_geo':'us'}",
     "{" V M ",'inference_geo':'us'}", "anthropic-beta:fast-mode-2026-02-01, speed, service_tier, cache_control"},
    /* the same name deeper down is another member */
    {"bedrock", "", "{'model':'m','metadata':{'speed':1,'model':2}," M "}",
     "{" V "'metadata':{'speed':1,'model':2}," M "}", ""},
    {"bedrock", "",
     "{'model':'m','tools':[{'name':'a'},{'eager_input_streaming':true,'name':'b'},{'name':'c','eager_input_streaming':"
     "false},{'eager_input_streaming':null}]," M ",'stream':true}",
     "{" V
     "'anthropic_beta':['fine-grained-tool-streaming-2025-05-14'],'tools':[{'name':'a'},{'name':'b'},{'name':'c'},{}]," M
     "}",
     ""},
    {"bedrock", "", "{'tools':[{'name':'a','eager_input_streaming':false}],'model':'m'," M "}",
     "{" V "'tools':[{'name':'a'}]," M "}", ""},
    /* a search among deferred tools is a beta there, with or without a search of the provider's */
    {"bedrock", "advanced-tool-use-2025-11-20",
     "{'tools':[{'type':'tool_search_tool_regex_20251119','name':'s'},{'name':'a','defer_loading':true}],'model':'m'," M
     "}",
     "{" V "'anthropic_beta':['" SEARCH "'],'tools':[{'type':'tool_search_tool_regex_20251119','name':'s'},"
     "{'name':'a','defer_loading':true}]," M "}",
     "anthropic-beta:advanced-tool-use-2025-11-20"},
    {"bedrock", "",
     "{'tools':[{'name':'a','defer_loading':true},{'name':'b','defer_loading':false}],'model':'m'," M "}",
     "{" V "'anthropic_beta':['" SEARCH
     "'],'tools':[{'name':'a','defer_loading':true},{'name':'b','defer_loading':false}]," M "}",
     ""},
    {"vertex", "",
     "{'tools':[{'type':'tool_search_tool_bm25','name':'s'},{'name':'a','defer_loading':true}],'model':'m'," M "}",
     "{'anthropic_version':'vertex-2023-10-16','tools':[{'type':'tool_search_tool_bm25','name':'s'},{'name':'a',"
     "'defer_loading':true}]," M "}",
     ""},
    /* the one that Bedrock has not: nobody finds the deferred tools, so they are loaded */
    {"bedrock", "",
     "{'tools':[{'type':'tool_search_tool_bm25_20251119','name':'s'}, {'defer_loading':true,'name':'a'},{'name':'b',"
     "'defer_loading':true,'eager_input_streaming':true},{'eager_input_streaming':null,'defer_loading':true,'name':'c'},"
     "{'defer_loading':true,'eager_input_streaming':false},{'name':'d','defer_loading':false}],'model':'m'," M "}",
     "{" V
     "'anthropic_beta':['fine-grained-tool-streaming-2025-05-14'],'tools':[{'name':'a'},{'name':'b'},{'name':'c'},{},"
     "{'name':'d','defer_loading':false}]," M "}",
     "tools[1].defer_loading;loaded, tools[2].defer_loading;loaded, tools[3].defer_loading;loaded, "
     "tools[4].defer_loading;loaded, tools[0].type"},
    {"bedrock", "",
     "{'tools':[{'name':'a','defer_loading':true},{'type':'tool_search_tool_bm25','name':'s'},{'type':'tool_search_tool_bm25',"
     "'name':'t'},{'name':'b'}],'model':'m'," M "}",
     "{" V "'tools':[{'name':'a'},{'name':'b'}]," M "}", "tools[0].defer_loading;loaded, tools[1].type, tools[2].type"},
    {"bedrock", "", "{'tools':[{'type':'tool_search_tool_bm25','name':'s'}],'model':'m'," M "}",
     "{" V "'tools':[]," M "}", "tools[0].type"},
    {"bedrock", "",
     "{'tools':[{'type':'tool_search_tool_bm25','name':'s'},{'type':'tool_search_tool_bm25','name':'t'},"
     "{'type':'tool_search_tool_regex','name':'u'},{'name':'a','defer_loading':true}],'model':'m'," M "}",
     "{" V "'anthropic_beta':['" SEARCH "'],'tools':[{'type':'tool_search_tool_regex','name':'u'},{'name':'a',"
     "'defer_loading':true}]," M "}",
     "tools[0].type, tools[1].type"},
};

static void bodies(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct sl_arena a;
        struct request_facts facts = {0};
        struct request_refusal refusal = {0};
        struct body_pieces pieces = {0};
        struct sl_buf b;
        sl_arena_init(&a, NULL);
        sl_buf_init(&b, 1u << 20);
        struct sl_str body = quoted(&a, cases[i].in), out = quoted(&a, cases[i].out);
        assert_true(anthropic_request_decode(OP_MESSAGES, body, &a, &facts, &refusal) || facts.model.n == 0);
        const struct request_change change = {.model = SL_STR("anthropic.claude-opus-5"),
                                              .platform = sl_str_c(cases[i].platform),
                                              .betas = sl_str_c(cases[i].betas)};
        anthropic_request_encode_same(&facts, body, &change, &a, &pieces);
        for (int k = 0; k < pieces.n; k++)
            sl_buf_add(&b, pieces.v[k].iov_base, pieces.v[k].iov_len);
        struct sl_str notes = neutral_notes_text(pieces.notes, &a, 500);
        if (!sl_str_eq(sl_buf_str(&b), out) || !sl_str_eq(notes, sl_str_c(cases[i].notes)))
            fail_msg("case %zu\n" SL_STR_FMT "\n" SL_STR_FMT "\n" SL_STR_FMT, i, SL_STR_ARG(sl_buf_str(&b)),
                     SL_STR_ARG(out), SL_STR_ARG(notes));
        assert_int_equal(pieces.bytes, b.n);
        bool searches = sl_str_find_str(out, SL_STR("tool_search_tool")) >=
                        0; /* on Vertex AI the beta is in the header */
        if (searches && sl_str_eq(change.platform, SL_STR("vertex")))
            assert_true(sl_str_eq(pieces.betas, SL_STR(SEARCH)));
        sl_buf_done(&b);
        sl_arena_done(&a);
    }
}

/* {"max_tokens":1} goes in where it is lacking, and all of it into a text. */
static void counts(void **state)
{
    struct sl_arena a;
    struct request_facts facts = {0};
    struct request_refusal refusal = {0};
    struct body_pieces pieces = {0};
    struct sl_str decoded;
    (void)state;
    sl_arena_init(&a, NULL);
    struct sl_str body = quoted(&a, "{'model':'m'," M "}");
    assert_true(anthropic_request_decode(OP_MESSAGES_COUNT, body, &a, &facts, &refusal));
    const struct request_change change = {.model = SL_STR("m"), .platform = SL_STR("bedrock"), .counts = true};
    anthropic_request_encode_same(&facts, body, &change, &a, &pieces);
    assert_int_equal(pieces.n, 3);
    assert_true(media_decode(sl_str_of(pieces.v[1].iov_base, pieces.v[1].iov_len), &a, &decoded));
    assert_true(sl_str_eq(decoded, quoted(&a, "{" V "'max_tokens':1," M "}")));
    assert_int_equal(pieces.bytes, pieces.v[0].iov_len + pieces.v[1].iov_len + pieces.v[2].iov_len);
    sl_arena_done(&a);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(bodies), cmocka_unit_test(counts)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
