/* Messages requests: read, and written for Claude. A case whose client is not "anthropic" is read by this reader, too, and then
 * taken for another format's: what is tested is the writer. Apostrophes stand for quotes. */
#include "dialect/anthropic/anthropic.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>

#include <cmocka.h>

struct fixture {
    struct sl_arena a;
    struct neutral_notes notes;
    struct neutral_request req;
    struct request_refusal refusal;
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

static void begin(struct fixture *f)
{
    memset(f, 0, sizeof *f);
    sl_arena_init(&f->a, NULL);
    sl_buf_init(&f->out, 1u << 24);
    f->notes.a = &f->a;
}

static void end(struct fixture *f)
{
    sl_buf_done(&f->out);
    sl_arena_done(&f->a);
}

static bool read_request(struct fixture *f, const char *text)
{
    struct sl_str body = quoted(&f->a, text);
    return anthropic_codec.request_read(OP_MESSAGES, body, &f->a, &f->req, &f->refusal);
}

static bool write_request(struct fixture *f, const char *client, const char *model, const char *platform)
{
    f->req.from = dialect_find(sl_str_c(client));
    f->t = (struct translation){.face = f->req.from,
                                .up = &anthropic_dialect,
                                .req = &f->req,
                                .caps = caps_find(anthropic_caps, sl_str_c(model)),
                                .up_model = sl_str_c(model),
                                .platform = sl_str_c(platform),
                                .a = &f->a,
                                .notes = &f->notes};
    return anthropic_codec.request_write(&f->t, &f->out, &f->refusal);
}

#define M "'model':'m','max_tokens':500,"
#define HI "'messages':[{'role':'user','content':'Hi'}]"
#define SENT_HI "'messages':[{'role':'user','content':[{'type':'text','text':'Hi'}]}]"
#define ASK_TOOL_AND_SEARCH                                                                                            \
    "'tools':[{'name':'w','input_schema':{'type':'object','properties':{}}},"                                          \
    "{'type':'tool_search_tool_regex','name':'s'}]"
#define ASK_TOOL "'tools':[{'name':'w','input_schema':{'type':'object','properties':{}}}]"

static const struct {
    const char *name, *client, *model, *platform, *in, *out, *notes;
} cases[] = {
    {"minimal", "openai", "claude-opus-4-6", "", "{" M HI "}",
     "{'model':'claude-opus-4-6','max_tokens':500," SENT_HI "}", ""},
    {"worked example 20.1", "openai", "claude-opus-4-6", "",
     "{" M "'temperature':1.4,'stop_sequences':['END'],'system':'Be brief.','messages':["
     "{'role':'user','content':'Weather in Oslo and Rome?'},{'role':'assistant','content':["
     "{'type':'tool_use','id':'a1','name':'w','input':{'city':'Oslo'}},"
     "{'type':'tool_use','id':'a2','name':'w','input':{}}]},"
     "{'role':'user','content':[{'type':'tool_result','tool_use_id':'a2','content':'no city'}]},"
     "{'role':'user','content':[{'type':'tool_result','tool_use_id':'a1','content':'4 C'}]},"
     "{'role':'user','content':[{'type':'text','text':''},{'type':'text','text':'In Fahrenheit.'}]}],"
     "'tools':[{'name':'w','input_schema':{}}],'tool_choice':{'type':'auto','disable_parallel_tool_use':true}}",
     "{'model':'claude-opus-4-6','max_tokens':500,'temperature':1,'stop_sequences':['END'],"
     "'system':[{'type':'text','text':'Be brief.'}],"
     "'messages':[{'role':'user','content':[{'type':'text','text':'Weather in Oslo and Rome?'}]},"
     "{'role':'assistant','content':[{'type':'tool_use','id':'a1','name':'w','input':{'city':'Oslo'}},"
     "{'type':'tool_use','id':'a2','name':'w','input':{}}]},"
     "{'role':'user','content':[{'type':'tool_result','tool_use_id':'a1','content':'4 C'},"
     "{'type':'tool_result','tool_use_id':'a2','content':'no city'},{'type':'text','text':'In Fahrenheit.'}]}],"
     "'tools':[{'name':'w','input_schema':{'type':'object'}}],"
     "'tool_choice':{'type':'auto','disable_parallel_tool_use':true}}",
     "temperature;clamped"},
    {"a search of tools is named, and a choice that forces it", "openai", "claude-opus-4-6", "",
     "{" M HI ",'tool_choice':{'type':'tool','name':'s'}," ASK_TOOL_AND_SEARCH "}",
     "{'model':'claude-opus-4-6','max_tokens':500," SENT_HI "," ASK_TOOL "}", "tools[1].type, tool_choice.name"},
    {"the same for its own clients", "anthropic", "claude-opus-4-6", "",
     "{" M HI ",'tool_choice':{'type':'any'},'tools':[{'type':'tool_search_tool_bm25_20251119','name':'s'}]}",
     "{'model':'claude-opus-4-6','max_tokens':500," SENT_HI "}", "tools[0].type, tool_choice.type"},
    {"what was deferred is found by nobody, so it is loaded", "anthropic", "claude-opus-4-6", "vertex",
     "{" M HI
     ",'tools':[{'type':'tool_search_tool_regex','name':'s'},{'defer_loading':true,'name':'w','input_schema':{}},"
     "{'name':'v','defer_loading':false,'input_schema':{}}]}",
     "{'anthropic_version':'vertex-2023-10-16','max_tokens':500," SENT_HI
     ",'tools':[{'name':'w','input_schema':{}},{'name':'v','defer_loading':false,'input_schema':{}}]}",
     "tools[1].defer_loading;loaded, tools[0].type"},
    {"who finds its tools itself goes on deferring them", "anthropic", "claude-opus-4-6", "vertex",
     "{" M HI ",'tools':[{'name':'w','defer_loading':true,'input_schema':{}}]}",
     "{'anthropic_version':'vertex-2023-10-16','max_tokens':500," SENT_HI
     ",'tools':[{'name':'w','defer_loading':true,'input_schema':{}}]}",
     ""},
    {"any other tool meets the choice", "openai", "claude-opus-4-6", "",
     "{" M HI ",'tool_choice':{'type':'tool','name':'w'}," ASK_TOOL_AND_SEARCH "}",
     "{'model':'claude-opus-4-6','max_tokens':500," SENT_HI "," ASK_TOOL ",'tool_choice':{'type':'tool','name':'w'}}",
     "tools[1].type"},
    {"system blocks stay apart", "openai", "claude-opus-4-6", "",
     "{" M "'system':[{'type':'text','text':'a','cache_control':{'type':'ephemeral','ttl':'1h'}},"
     "{'type':'text','text':'b'},"
     "{'type':'text','text':'c','cache_control':{'type':'ephemeral'}}]," HI "}",
     "{'model':'claude-opus-4-6','max_tokens':500,'system':[{'type':'text','text':'a','cache_control':"
     "{'type':'ephemeral','ttl':'1h'}},{'type':'text','text':'b'},{'type':'text','text':'c','cache_control':"
     "{'type':'ephemeral'}}]," SENT_HI "}",
     ""},
    {"system message between turns, supported", "openai", "claude-opus-4-8", "",
     "{" M "'messages':[{'role':'user','content':'a'},{'role':'system','content':'s'},"
     "{'role':'assistant','content':'b'},{'role':'user','content':'c'}]}",
     "{'model':'claude-opus-4-8','max_tokens':500,'messages':[{'role':'user','content':[{'type':'text','text':'a'}]},"
     "{'role':'system','content':[{'type':'text','text':'s'}]},"
     "{'role':'assistant','content':[{'type':'text','text':'b'}]},"
     "{'role':'user','content':[{'type':'text','text':'c'}]}]}",
     ""},
    {"system message between turns, not supported", "openai", "claude-sonnet-4-6", "",
     "{" M "'messages':[{'role':'user','content':'a'},{'role':'system','content':'s'},"
     "{'role':'assistant','content':'b'},{'role':'user','content':'c'}]}",
     "{'model':'claude-sonnet-4-6','max_tokens':500,'messages':[{'role':'user','content':[{'type':'text','text':'a'},"
     "{'type':'text','text':'<system>s</system>'}]},{'role':'assistant','content':[{'type':'text','text':'b'}]},"
     "{'role':'user','content':[{'type':'text','text':'c'}]}]}",
     "messages[1];folded"},
    {"system message before a user's is folded", "openai", "claude-opus-4-8", "",
     "{" M "'messages':[{'role':'user','content':'a'},{'role':'system','content':'s'},{'role':'user','content':'c'}]}",
     "{'model':'claude-opus-4-8','max_tokens':500,'messages':[{'role':'user','content':[{'type':'text','text':'a'},"
     "{'type':'text','text':'<system>s</system>'},{'type':'text','text':'c'}]}]}",
     "messages[1];folded"},
    {"system message between call and result goes behind", "openai", "claude-opus-4-8", "",
     "{" M "'messages':[{'role':'user','content':'a'},{'role':'assistant','content':[{'type':'tool_use','id':'x',"
     "'name':'w','input':{}}]},{'role':'system','content':'s'},{'role':'user','content':[{'type':'tool_result',"
     "'tool_use_id':'x','content':[]}]}]," ASK_TOOL "}",
     "{'model':'claude-opus-4-8','max_tokens':500,'messages':[{'role':'user','content':[{'type':'text','text':'a'}]},"
     "{'role':'assistant','content':[{'type':'tool_use','id':'x','name':'w','input':{}}]},{'role':'user','content':["
     "{'type':'tool_result','tool_use_id':'x'}]},{'role':'system','content':[{'type':'text','text':'s'}]}]," ASK_TOOL
     "}",
     ""},
    {"only a system prompt", "openai", "claude-opus-4-6", "", "{" M "'system':'s','messages':[]}",
     "{'model':'claude-opus-4-6','max_tokens':500,'system':[{'type':'text','text':'s'}],'messages':[{'role':'user',"
     "'content':[{'type':'text','text':'.'}]}]}",
     ""},
    {"beginning with the assistant; prefill, trimmed", "openai", "claude-opus-4-5", "",
     "{" M "'messages':[{'role':'assistant','content':'It is \\n '}]}",
     "{'model':'claude-opus-4-5','max_tokens':500,'messages':[{'role':'user','content':[{'type':'text','text':'.'}]},"
     "{'role':'assistant','content':[{'type':'text','text':'It is'}]}]}",
     ""},
    {"sampling that a new model refuses", "openai", "claude-opus-5", "",
     "{" M "'temperature':0.2,'top_p':0.5,'top_k':3," HI "}", "{'model':'claude-opus-5','max_tokens':500," SENT_HI "}",
     "temperature, top_p, top_k"},
    {"temperature of one is the default", "openai", "claude-opus-5", "", "{" M "'temperature':1.0e0," HI "}",
     "{'model':'claude-opus-5','max_tokens':500," SENT_HI "}", ""},
    {"temperature and top_p", "openai", "claude-sonnet-4-5", "",
     "{" M "'temperature':0.25,'top_p':0.5,'top_k':3," HI "}",
     "{'model':'claude-sonnet-4-5','max_tokens':500,'temperature':0.25,'top_k':3," SENT_HI "}", "top_p"},
    {"blank stops", "openai", "claude-opus-5", "", "{" M "'stop_sequences':['',' \\n','x']," HI "}",
     "{'model':'claude-opus-5','max_tokens':500,'stop_sequences':['x']," SENT_HI "}", "stop;blank ones"},
    {"max_tokens above what there is", "openai", "claude-opus-4-5", "", "{'model':'m','max_tokens':999999," HI "}",
     "{'model':'claude-opus-4-5','max_tokens':64000," SENT_HI "}", "max_completion_tokens;clamped"},
    {"effort of an adaptive model", "openai", "claude-opus-4-6", "",
     "{" M "'temperature':0.5,'output_config':{'effort':'xhigh'}," HI "}",
     "{'model':'claude-opus-4-6','max_tokens':500,'thinking':{'type':'adaptive'},'output_config':{'effort':'high'}," SENT_HI
     "}",
     "temperature"},
    {"no thinking where it can be off", "openai", "claude-opus-5", "", "{" M "'thinking':{'type':'disabled'}," HI "}",
     "{'model':'claude-opus-5','max_tokens':500,'thinking':{'type':'disabled'}," SENT_HI "}", ""},
    {"no thinking, sonnet 5.5", "openai", "claude-sonnet-5-5", "", "{" M "'thinking':{'type':'disabled'}," HI "}",
     "{'model':'claude-sonnet-5-5','max_tokens':500,'thinking':{'type':'between_tools'}," SENT_HI "}", ""},
    {"no thinking where it is always on", "openai", "claude-opus-5-5", "",
     "{" M "'thinking':{'type':'disabled'}," HI "}",
     "{'model':'claude-opus-5-5','max_tokens':500,'output_config':{'effort':'low'}," SENT_HI "}",
     "reasoning_effort;lowest"},
    {"no thinking, manual", "openai", "claude-sonnet-4-5", "", "{" M "'thinking':{'type':'disabled'}," HI "}",
     "{'model':'claude-sonnet-4-5','max_tokens':500," SENT_HI "}", ""},
    {"effort as a budget", "openai", "claude-haiku-4-5-20251001", "",
     "{'model':'m','max_tokens':10000,'output_config':{'effort':'medium'}," HI "}",
     "{'model':'claude-haiku-4-5-20251001','max_tokens':10000,'thinking':{'type':'enabled','budget_tokens':5000}," SENT_HI
     "}",
     ""},
    {"no room for thinking", "openai", "claude-haiku-4-5", "", "{" M "'output_config':{'effort':'max'}," HI "}",
     "{'model':'claude-haiku-4-5','max_tokens':500," SENT_HI "}", "reasoning_effort;no room for it"},
    {"budget for an adaptive model", "gemini", "claude-opus-4-7", "",
     "{" M "'thinking':{'type':'enabled','budget_tokens':20000}," HI "}",
     "{'model':'claude-opus-4-7','max_tokens':500,'thinking':{'type':'adaptive'},'output_config':{'effort':'high'}," SENT_HI
     "}",
     ""},
    {"manual thinking without thoughts in the turn", "openai", "claude-sonnet-4-5", "",
     "{'model':'m','max_tokens':10000,'output_config':{'effort':'low'},'messages':[{'role':'user','content':'a'},"
     "{'role':'assistant','content':[{'type':'tool_use','id':'x','name':'w','input':{}}]},{'role':'user','content':["
     "{'type':'tool_result','tool_use_id':'x','content':'r'}]}]," ASK_TOOL "}",
     "{'model':'claude-sonnet-4-5','max_tokens':10000,'messages':[{'role':'user','content':[{'type':'text','text':'a'}]},"
     "{'role':'assistant','content':[{'type':'tool_use','id':'x','name':'w','input':{}}]},{'role':'user','content':["
     "{'type':'tool_result','tool_use_id':'x','content':'r'}]}]," ASK_TOOL "}",
     "reasoning_effort;off in this turn"},
    {"forced tool, model refuses", "openai", "claude-opus-5-5", "",
     "{" M
     "'tool_choice':{'type':'tool','name':'w'},'tools':[{'name':'v','input_schema':{'type':'object'}},{'name':'w',"
     "'input_schema':{'type':'object'}}]," HI "}",
     "{'model':'claude-opus-5-5','max_tokens':500," SENT_HI
     ",'tools':[{'name':'w','input_schema':{'type':'object'}}],'tool_choice':{'type':'auto'}}",
     "tool_choice;auto"},
    {"a tool of another provider, which the model can do without", "openai-responses", "claude-opus-5", "",
     "{" M "'tools':[{'type':'computer_toolset_20260801'},{'name':'w','input_schema':{'type':'object'}}]," HI "}",
     "{'model':'claude-opus-5','max_tokens':500," SENT_HI ",'tools':[{'name':'w','input_schema':{'type':'object'}}]}",
     "tools[0];no such tool there"},
    {"forced tool, model takes it", "openai", "claude-opus-5", "",
     "{" M "'tool_choice':{'type':'any'}," ASK_TOOL "," HI "}",
     "{'model':'claude-opus-5','max_tokens':500," SENT_HI "," ASK_TOOL ",'tool_choice':{'type':'any'}}", ""},
    {"forced tool turns manual thinking off", "openai", "claude-opus-4-5", "",
     "{'model':'m','max_tokens':10000,'output_config':{'effort':'low'},'tool_choice':{'type':'any'}," ASK_TOOL "," HI
     "}",
     "{'model':'claude-opus-4-5','max_tokens':10000," SENT_HI "," ASK_TOOL ",'tool_choice':{'type':'any'}}",
     "reasoning_effort;off for a forced tool"},
    {"choice without tools", "openai", "claude-opus-5", "", "{" M "'tool_choice':{'type':'any'}," HI "}",
     "{'model':'claude-opus-5','max_tokens':500," SENT_HI "}", ""},
    {"none keeps the tools", "openai", "claude-opus-5", "",
     "{" M "'tool_choice':{'type':'none','disable_parallel_tool_use':true}," ASK_TOOL "," HI "}",
     "{'model':'claude-opus-5','max_tokens':500," SENT_HI "," ASK_TOOL ",'tool_choice':{'type':'none'}}", ""},
    {"schemas: no type, a union", "openai", "claude-opus-5", "",
     "{" M "'tools':[{'name':'a','input_schema':{'properties':{'x':{'$ref':'#/$defs/X'}},'$defs':{'X':{}}}},"
     "{'name':'b','input_schema':{'anyOf':[{'type':'object'}]}}]," HI "}",
     "{'model':'claude-opus-5','max_tokens':500," SENT_HI
     ",'tools':[{'name':'a','input_schema':{'type':'object','properties':{'x':{'$ref':'#/$defs/X'}},'$defs':{'X':{}}}},"
     "{'name':'b','input_schema':{'type':'object','properties':{'value':{'anyOf':[{'type':'object'}]}},"
     "'required':['value']}}]}",
     ""},
    {"strict where the schema is in the subset", "openai", "claude-opus-5", "",
     "{" M "'tools':[{'name':'a','strict':true,'input_schema':{'type':'object','properties':{'x':{'type':'string'}},"
     "'required':['x'],'additionalProperties':false}},{'name':'b','strict':true,'input_schema':{'type':'object'}}]," HI
     "}",
     "{'model':'claude-opus-5','max_tokens':500," SENT_HI
     ",'tools':[{'name':'a','input_schema':{'type':'object','properties':{'x':{'type':'string'}},"
     "'required':['x'],'additionalProperties':false},'strict':true},{'name':'b','input_schema':{'type':'object'}}]}",
     "tools[1].strict"},
    {"JSON by schema", "openai", "claude-opus-5", "",
     "{" M
     "'output_config':{'format':{'type':'json_schema','schema':{'type':'object','properties':{'n':{'type':'integer',"
     "'minimum':1,'description':'count'},'k':{'oneOf':[{'type':'string'},{'type':'null'}]}},'required':['n','k']}}}," HI
     "}",
     "{'model':'claude-opus-5','max_tokens':500,'output_config':{'format':{'type':'json_schema','schema':{'type':'object',"
     "'properties':{'n':{'type':'integer','description':'count\\n\\n{minimum: 1}'},"
     "'k':{'anyOf':[{'type':'string'},{'type':'null'}]}},'required':['n','k'],'additionalProperties':false}}}," SENT_HI
     "}",
     ""},
    {"JSON by a tool", "openai", "claude-opus-5", "bedrock",
     "{" M "'output_config':{'format':{'type':'json_schema','schema':{'type':'object'}}}," HI "}",
     "{'anthropic_version':'bedrock-2023-05-31','max_tokens':500," SENT_HI
     ",'tools':[{'name':'json_response','description':'Gives the answer. Call this tool to respond.',"
     "'input_schema':{'type':'object'}}],'tool_choice':{'type':'tool','name':'json_response',"
     "'disable_parallel_tool_use':true}}",
     ""},
    {"JSON in words", "openai", "claude-opus-5-5", "vertex",
     "{" M "'stream':true,'output_config':{'format':{'type':'json_schema','schema':{'type':'object'}}}," HI "}",
     "{'anthropic_version':'vertex-2023-10-16','max_tokens':500,'stream':true,'system':[{'type':'text','text':"
     "'Respond with one JSON value that fits this JSON Schema and nothing else, without a code fence.\\n\\n"
     "{\\'type\\':\\'object\\'}'}]," SENT_HI "}",
     "response_format;instruction"},
    {"five marks", "openai", "claude-opus-5", "",
     "{" M "'tools':[{'name':'w','input_schema':{'type':'object'},'cache_control':{'type':'ephemeral'}}],"
     "'system':[{'type':'text','text':'s','cache_control':{'type':'ephemeral','ttl':'1h'}}],"
     "'messages':[{'role':'user','content':[{'type':'text','text':'1','cache_control':{'type':'ephemeral'}},"
     "{'type':'text','text':'2','cache_control':{'type':'ephemeral'}},"
     "{'type':'text','text':'3','cache_control':{'type':'ephemeral'}}]}]}",
     "{'model':'claude-opus-5','max_tokens':500,'system':[{'type':'text','text':'s','cache_control':"
     "{'type':'ephemeral'}}],'messages':[{'role':'user','content':[{'type':'text','text':'1'},"
     "{'type':'text','text':'2','cache_control':{'type':'ephemeral'}},"
     "{'type':'text','text':'3','cache_control':{'type':'ephemeral'}}]}],"
     "'tools':[{'name':'w','input_schema':{'type':'object'},'cache_control':{'type':'ephemeral'}}]}",
     ""},
    {"ids: illegal, repeated; names too long", "openai", "claude-opus-5", "",
     "{" M "'messages':[{'role':'user','content':'a'},{'role':'assistant','content':[{'type':'tool_use','id':'Bash:1',"
     "'name':'w','input':{}}]},{'role':'user','content':[{'type':'tool_result','tool_use_id':'Bash:1','content':'1'}]},"
     "{'role':'assistant','content':[{'type':'tool_use','id':'c0','name':'w','input':{}}]},{'role':'user','content':["
     "{'type':'tool_result','tool_use_id':'c0','content':'2'}]},"
     "{'role':'assistant','content':[{'type':'tool_use','id':'c0','name':'w','input':{}}]},{'role':'user','content':["
     "{'type':'tool_result','tool_use_id':'c0','content':'3'}]}]," ASK_TOOL "}",
     "{'model':'claude-opus-5','max_tokens':500,'messages':[{'role':'user','content':[{'type':'text','text':'a'}]},"
     "{'role':'assistant','content':[{'type':'tool_use','id':'Bash_1_Mzpejwlme370','name':'w','input':{}}]},"
     "{'role':'user','content':[{'type':'tool_result','tool_use_id':'Bash_1_Mzpejwlme370','content':'1'}]},"
     "{'role':'assistant','content':[{'type':'tool_use','id':'c0','name':'w','input':{}}]},"
     "{'role':'user','content':[{'type':'tool_result','tool_use_id':'c0','content':'2'}]},"
     "{'role':'assistant','content':[{'type':'tool_use','id':'c0_t5','name':'w','input':{}}]},"
     "{'role':'user','content':[{'type':'tool_result','tool_use_id':'c0_t5','content':'3'}]}]," ASK_TOOL "}",
     ""},
    {"images by their bytes, PDF, text", "openai", "claude-opus-5", "",
     "{" M "'messages':[{'role':'user','content':[{'type':'image','source':{'type':'base64','media_type':'image/jpeg',"
     "'data':'iVBORw0KGgoAAAAN'}},{'type':'image','source':{'type':'url','url':'https://x/y.png'}},"
     "{'type':'document','title':'t.pdf','source':{'type':'base64','media_type':'application/pdf','data':'JVBERi0xLjQK'}},"
     "{'type':'document','title':'n.txt','source':{'type':'text','media_type':'text/plain','data':'abc'}}]}]}",
     "{'model':'claude-opus-5','max_tokens':500,'messages':[{'role':'user','content':[{'type':'image','source':{"
     "'type':'base64','media_type':'image/png','data':'iVBORw0KGgoAAAAN'}},{'type':'image','source':{'type':'url','url':"
     "'https://x/y.png'}},{'type':'document','source':{'type':'base64','media_type':'application/pdf',"
     "'data':'JVBERi0xLjQK'},'title':'t.pdf'},{'type':'document','source':{'type':'text','media_type':'text/plain',"
     "'data':'abc'},'title':'n.txt'}]}]}",
     ""},
    {"user ids", "openai", "claude-opus-5", "", "{" M "'metadata':{'user_id':'u-1'}," HI "}",
     "{'model':'claude-opus-5','max_tokens':500,'metadata':{'user_id':'u-1'}," SENT_HI "}", ""},
    {"thinking of the same client format is native", "anthropic", "claude-opus-5", "bedrock",
     "{" M "'thinking':{'type':'adaptive'},'messages':[{'role':'user','content':'a'},{'role':'assistant','content':["
     "{'type':'thinking','thinking':'','signature':'Eq=='},{'type':'redacted_thinking','data':'Rd'},"
     "{'type':'text','text':'b'}]},{'role':'user','content':'c'}]}",
     "{'anthropic_version':'bedrock-2023-05-31','max_tokens':500,'thinking':{'type':'adaptive'},"
     "'messages':[{'role':'user','content':[{'type':'text','text':'a'}]},{'role':'assistant','content':["
     "{'type':'thinking','thinking':'','signature':'Eq=='},{'type':'redacted_thinking','data':'Rd'},"
     "{'type':'text','text':'b'}]},{'role':'user','content':[{'type':'text','text':'c'}]}]}",
     ""},
    {"foreign thinking is left out", "openai", "claude-opus-5", "",
     "{" M "'messages':[{'role':'user','content':'a'},{'role':'assistant','content':["
     "{'type':'thinking','thinking':'hm','signature':'Eq=='},{'type':'thinking','thinking':'hm','signature':"
     "'slc1.oai.gpt-5.UlM'},{'type':'thinking','thinking':'ours','signature':'slc1.ant.claude.RXE9PQ'},"
     "{'type':'redacted_thinking','data':'slc1.antr.claude.UmQ'},{'type':'text','text':'b'}]},"
     "{'role':'user','content':'c'}]}",
     "{'model':'claude-opus-5','max_tokens':500,'messages':[{'role':'user','content':[{'type':'text','text':'a'}]},"
     "{'role':'assistant','content':[{'type':'thinking','thinking':'ours','signature':'Eq=='},"
     "{'type':'redacted_thinking','data':'Rd'},{'type':'text','text':'b'}]},{'role':'user','content':[{'type':'text',"
     "'text':'c'}]}]}",
     ""},
};

static void test_written(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct fixture f;
        begin(&f);
        if (!read_request(&f, cases[i].in))
            fail_msg("%s: not read: %.*s", cases[i].name, SL_STR_ARG(f.refusal.error.message));
        if (!write_request(&f, cases[i].client, cases[i].model, cases[i].platform))
            fail_msg("%s: refused: %.*s", cases[i].name, SL_STR_ARG(f.refusal.error.message));
        struct sl_str got = sl_buf_str(&f.out);
        if (!sl_str_eq(got, quoted(&f.a, cases[i].out)))
            fail_msg("%s:\n  %.*s\nis not\n  %s", cases[i].name, SL_STR_ARG(got), quoted(&f.a, cases[i].out).p);
        struct sl_str notes = neutral_notes_text(&f.notes, &f.a, 500);
        if (!sl_str_eq(notes, sl_str_c(cases[i].notes)))
            fail_msg("%s: notes '%.*s'", cases[i].name, SL_STR_ARG(notes));
        end(&f);
    }
}

/* -- What is refused ------------------------------------------------------------------------------------------------------ */

#define MSG(content) "{" M "'messages':[{'role':'user','content':" content "}]}"

static const struct {
    const char *in, *param;
    enum gateway_error error;
} bad[] = {
    {"[]", "", GE_BODY_NOT_OBJECT},
    {"{", "", GE_BODY_INVALID},
    {"{'max_tokens':1," HI "}", "model", GE_MEMBER_MISSING},
    {"{'model':'m'," HI "}", "max_tokens", GE_MEMBER_MISSING},
    {"{'model':'m','max_tokens':0," HI "}", "max_tokens", GE_MEMBER_VALUE},
    {"{'model':'m','max_tokens':'9'," HI "}", "max_tokens", GE_MEMBER_TYPE},
    {"{'model':'m','max_tokens':9}", "messages", GE_MEMBER_MISSING},
    {"{" M "'messages':{}}", "messages", GE_MEMBER_TYPE},
    {"{" M "'messages':[7]}", "messages[0]", GE_MEMBER_TYPE},
    {"{" M "'messages':[{'role':'tool','content':'x'}]}", "messages[0].role", GE_MEMBER_VALUE},
    {"{" M "'messages':[{'content':'x'}]}", "messages[0].role", GE_MEMBER_MISSING},
    {"{" M "'messages':[{'role':'user'}]}", "messages[0].content", GE_MEMBER_MISSING},
    {MSG("7"), "messages[0].content", GE_MEMBER_TYPE},
    {MSG("[7]"), "messages[0].content[0]", GE_MEMBER_TYPE},
    {MSG("[{'type':'text','text':'a'},{'type':7}]"), "messages[0].content[1].type", GE_MEMBER_TYPE},
    {MSG("[{'type':'text'}]"), "messages[0].content[0].text", GE_MEMBER_MISSING},
    {MSG("[{'type':'image'}]"), "messages[0].content[0].source", GE_MEMBER_MISSING},
    {MSG("[{'type':'image','source':{'type':'x'}}]"), "messages[0].content[0].source.type", GE_MEMBER_VALUE},
    {MSG("[{'type':'tool_use','id':'a','name':'b','input':{}}]"), "messages[0].content[0].type", GE_MEMBER_VALUE},
    {MSG("[{'type':'tool_result','content':'b'}]"), "messages[0].content[0].tool_use_id", GE_MEMBER_MISSING},
    {MSG("[{'type':'tool_result','tool_use_id':'a','content':[{'type':'text','text':7}]}]"),
     "messages[0].content[0].content[0].text", GE_MEMBER_TYPE},
    {"{" M "'system':7," HI "}", "system", GE_MEMBER_TYPE},
    {"{" M "'system':[{'type':'text'}]," HI "}", "system[0].text", GE_MEMBER_MISSING},
    {"{" M "'tools':[{'name':'x'}]," HI "}", "tools[0].input_schema", GE_MEMBER_MISSING},
    {"{" M "'tools':[{'input_schema':{}}]," HI "}", "tools[0].name", GE_MEMBER_MISSING},
    {"{" M "'tool_choice':{'type':'all'}," HI "}", "tool_choice.type", GE_MEMBER_VALUE},
    {"{" M "'tool_choice':{'type':'tool'}," HI "}", "tool_choice.name", GE_MEMBER_MISSING},
    {"{" M "'thinking':{'type':'enabled'}," HI "}", "thinking.budget_tokens", GE_MEMBER_VALUE},
    {"{" M "'output_config':{'format':{'type':'json_schema'}}," HI "}", "output_config.format.schema",
     GE_MEMBER_MISSING},
    {"{" M "'temperature':'1'," HI "}", "temperature", GE_MEMBER_TYPE},
    {"{" M "'stop_sequences':'x'," HI "}", "stop_sequences", GE_MEMBER_TYPE},
};

static void test_not_read(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        struct fixture f;
        begin(&f);
        if (read_request(&f, bad[i].in))
            fail_msg("read: %s", bad[i].in);
        if (f.refusal.error.error != bad[i].error || !sl_str_eq(f.refusal.error.param, sl_str_c(bad[i].param)))
            fail_msg("%s: %d '%.*s'", bad[i].in, (int)f.refusal.error.error, SL_STR_ARG(f.refusal.error.param));
        end(&f);
    }
}

#define CALL "{'role':'assistant','content':[{'type':'tool_use','id':'x','name':'w','input':{}}]}"

static const struct {
    const char *model, *in, *param;
} unsayable[] = {
    {"claude-opus-5", "{" M "'messages':[{'role':'user','content':'a'}," CALL "]," ASK_TOOL "}",
     "messages[1].tool_calls[0]"},
    {"claude-opus-5", MSG("[{'type':'tool_result','tool_use_id':'x','content':'b'}]"), "messages[0].content[0]"},
    {"claude-opus-5", "{" M "'messages':[{'role':'user','content':'a'},{'role':'assistant','content':'b'}]}",
     "messages[1]"},
    {"claude-opus-5", MSG("[{'type':'image','source':{'type':'base64','media_type':'image/png','data':'!!'}}]"),
     "messages[0].content[0]"},
    {"claude-opus-5", MSG("[{'type':'image','source':{'type':'base64','media_type':'image/bmp','data':'Qk0='}}]"),
     "messages[0].content[0]"},
    {"claude-opus-5", MSG("[{'type':'container_upload','file_id':'f'}]"), "messages[0].content[0]"},
    {"claude-opus-5", "{" M "'tools':[{'type':'computer_toolset_20260801'}]," HI "}", "tools[0]"},
    {"claude-opus-5", "{" M "'fallbacks':'default'," HI "}", "fallbacks"},
};

static void test_not_written(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof unsayable / sizeof unsayable[0]; i++) {
        struct fixture f;
        begin(&f);
        assert_true(read_request(&f, unsayable[i].in));
        if (write_request(&f, "openai", unsayable[i].model, ""))
            fail_msg("written: %s", unsayable[i].in);
        if (!sl_str_eq(f.refusal.error.param, sl_str_c(unsayable[i].param)))
            fail_msg("%s: '%.*s'", unsayable[i].in, SL_STR_ARG(f.refusal.error.param));
        end(&f);
    }
}

/* -- Claude Code ---------------------------------------------------------------------------------------------------------- */

#define CLAUDE_CODE                                                                                                     \
    "{'model':'claude-opus-5','max_tokens':128000,'stream':true,'system':[{'type':'text','text':"                       \
    "'x-anthropic-billing-header: cc_version=2.1.329; cc_entrypoint=cli;'},{'type':'text','text':'You are.',"           \
    "'cache_control':{'type':'ephemeral'}}],'thinking':{'type':'adaptive','display':'omitted'},"                        \
    "'context_management':{'edits':[{'type':'clear_thinking_20251015','keep':'all'}]},"                                 \
    "'output_config':{'effort':'high'},'metadata':{'user_id':'{\\'session_id\\':\\'s\\'}'},"                            \
    "'tools':[{'name':'Bash','input_schema':{'type':'object'}},{'name':'DeferredToolPlaceholder','defer_loading':true," \
    "'input_schema':{'type':'object'}},{'type':'tool_search_tool_regex','name':'s'},"                                   \
    "{'type':'bash_20250124','name':'bash'}],"                                                                          \
    "'messages':[{'role':'user','content':'a'},{'role':'system','content':[],'output_config':{'effort':'max'}},"        \
    "{'role':'assistant','content':[{'type':'thinking','thinking':'','signature':'E'},"                                 \
    "{'type':'tool_use','id':'t1','name':'Bash','input':{'command':'ls'}}]},"                                           \
    "{'role':'user','content':[{'type':'text','text':'more'},{'type':'tool_result','tool_use_id':'t1','is_error':true," \
    "'content':'no'}]}]}"

/* Just what may be there, and four bytes of base64 more. */
static void test_large_images(void **state)
{
    (void)state;
    static const struct {
        const char *platform;
        size_t most;
    } rows[] = {{"", 10u << 20}, {"bedrock", 5u << 20}, {"vertex", 5u << 20}};
    for (size_t i = 0; i < 2 * sizeof rows / sizeof rows[0]; i++) {
        size_t n = rows[i / 2].most + (i % 2) * 4;
        char *data = malloc(n);
        memset(data, 'A', n);
        memcpy(data, "iVBORw0KGgo", 11);
        struct fixture f;
        begin(&f);
        struct neutral_part image = {
            .kind = NP_IMAGE, .at = 1, .media = {.source = NS_BASE64, .data = sl_str_of(data, n)}};
        struct neutral_message m = {.role = NR_USER, .index = 2, .parts = &image};
        f.req = (struct neutral_request){.n = 1, .messages = &m, .max_output = 9, .reasoning = {.budget = -1}};
        bool good = write_request(&f, "openai", "claude-opus-4-6", rows[i / 2].platform);
        assert_int_equal(good, i % 2 == 0);
        if (!good)
            assert_true(sl_str_eq(f.refusal.error.param, SL_STR("messages[2].content[0]")));
        end(&f);
        free(data);
    }
}

static void test_claude_code(void **state)
{
    (void)state;
    struct fixture f;
    begin(&f);
    assert_true(read_request(&f, CLAUDE_CODE));
    const struct neutral_request *r = &f.req;
    const struct neutral_message *m = r->messages;
    assert_true(m->role == NR_SYSTEM && m->parts->next == NULL);
    assert_true(sl_str_eq(m->parts->text, SL_STR("You are.")) && m->parts->cache == NC_5M);
    assert_true((m = m->next)->role == NR_USER);
    assert_true((m = m->next)->role == NR_ASSISTANT && m->parts->kind == NP_REASONING);
    assert_true((m = m->next)->role == NR_TOOL && m->parts->is_error && m->parts->next == NULL && m->index == 3);
    assert_true((m = m->next)->role == NR_USER && m->index == 3 && m->next == NULL);
    assert_int_equal(r->reasoning.effort, EFFORT_MAX);
    assert_true(r->reasoning.budget == -2 && r->reasoning.visible == SAID_NO);
    assert_true(sl_str_eq(r->unknown->name, SL_STR("context_management")) && !r->unknown->harmful);
    const struct neutral_member *left = r->unknown->next; /* members stand in the order they have in the body */
    assert_true(sl_str_eq(left->name, SL_STR("tools[2].type")) && !left->harmful && left->next == NULL);
    const struct neutral_tool *tool = r->tools;
    assert_true(sl_str_eq(tool->name, SL_STR("Bash")));
    tool = tool->next;
    assert_true(sl_str_eq(tool->name, SL_STR("bash")) && tool->kind == NT_FUNCTION && tool->schema.n > 0);
    assert_null(tool->next);
    end(&f);
}

static void test_compaction(void **state)
{
    (void)state;
    struct fixture f;
    begin(&f);
    assert_true(read_request(&f, "{" M "'system':'s','messages':[{'role':'user','content':'old'},{'role':'assistant',"
                                 "'content':[{'type':'text','text':'older'},{'type':'compaction','content':'sum'},"
                                 "{'type':'text','text':'then'}]},{'role':'user','content':'new'}]}"));
    const struct neutral_message *m = f.req.messages;
    assert_true(m->role == NR_SYSTEM);
    m = m->next;
    assert_true(m->role == NR_USER && sl_str_eq(m->parts->text, SL_STR("Summary of earlier conversation: sum")));
    m = m->next;
    assert_true(m->role == NR_ASSISTANT && sl_str_eq(m->parts->text, SL_STR("then")) && m->parts->next == NULL);
    assert_true(m->next->role == NR_USER && m->next->next == NULL);
    end(&f);
}

static void test_counting(void **state)
{
    (void)state;
    struct fixture f;
    begin(&f);
    struct sl_str body = quoted(&f.a, "{'model':'m','system':'s'," HI "}");
    assert_true(anthropic_codec.request_read(OP_MESSAGES_COUNT, body, &f.a, &f.req, &f.refusal));
    assert_int_equal(f.req.kind, NO_COUNT_TOKENS);
    assert_true(write_request(&f, "openai", "claude-opus-5", "vertex"));
    assert_true(sl_str_eq(sl_buf_str(&f.out),
                          quoted(&f.a, "{'anthropic_version':'vertex-2023-10-16','model':'claude-opus-5','system':[{"
                                       "'type':'text','text':'s'}]," SENT_HI "}")));
    sl_buf_reset(&f.out);
    anthropic_count_answer_write(2095, &f.out);
    assert_true(sl_str_eq(sl_buf_str(&f.out), SL_STR("{\"input_tokens\":2095}")));
    end(&f);
}

/* -- From other formats ------------------------------------------------------------------------------------------------- */

/* translate-openai-anthropic.md 20.1. */
static void test_from_chat(void **state)
{
    (void)state;
    struct fixture f;
    const struct dialect *chat = dialect_find(SL_STR("openai"));
    begin(&f);
    struct sl_str body = quoted(
        &f.a,
        "{'model':'fast-claude','temperature':1.4,'max_completion_tokens':500,'stop':'END',"
        "'parallel_tool_calls':false,'seed':7,'messages':[{'role':'system','content':'Be brief.'},"
        "{'role':'user','content':'Weather in Oslo and Rome?'},{'role':'assistant','content':null,'tool_calls':["
        "{'id':'a1','type':'function','function':{'name':'w','arguments':'{\\'city\\':\\'Oslo\\'}'}},"
        "{'id':'a2','type':'function','function':{'name':'w','arguments':''}}]},"
        "{'role':'tool','tool_call_id':'a2','content':'no city'},{'role':'tool','tool_call_id':'a1','content':'4 C'},"
        "{'role':'user','content':[{'type':'text','text':''},{'type':'text','text':'In Fahrenheit.'}]}],"
        "'tools':[{'type':'function','function':{'name':'w'}}]}");
    assert_true(chat->codec->request_read(OP_CHAT, body, &f.a, &f.req, &f.refusal));
    assert_true(write_request(&f, "openai", "claude-opus-4-6", ""));
    struct sl_str want = quoted(
        &f.a,
        "{'model':'claude-opus-4-6','max_tokens':500,'temperature':1,'stop_sequences':['END'],"
        "'system':[{'type':'text','text':'Be brief.'}],'messages':[{'role':'user','content':[{'type':'text',"
        "'text':'Weather in Oslo and Rome?'}]},{'role':'assistant','content':[{'type':'tool_use','id':'a1',"
        "'name':'w','input':{'city':'Oslo'}},{'type':'tool_use','id':'a2','name':'w','input':{}}]},"
        "{'role':'user','content':[{'type':'tool_result','tool_use_id':'a1','content':'4 C'},"
        "{'type':'tool_result','tool_use_id':'a2','content':'no city'},{'type':'text','text':'In Fahrenheit.'}]}],"
        "'tools':[{'name':'w','input_schema':{'type':'object','properties':{}}}],"
        "'tool_choice':{'type':'auto','disable_parallel_tool_use':true}}");
    if (!sl_str_eq(sl_buf_str(&f.out), want))
        fail_msg("%.*s", SL_STR_ARG(sl_buf_str(&f.out)));
    assert_true(sl_str_eq(neutral_notes_text(&f.notes, &f.a, 200), SL_STR("temperature;clamped, seed")));
    end(&f);
}

/* -- Large ------------------------------------------------------------------------------------------------------------------ */

/* Thousands of tools with names that do not fit, of calls with one id, of cache marks: all in linear time. */
static void test_hostile(void **state)
{
    (void)state;
    enum {
        MANY = 20000
    };
    struct fixture f;
    struct sl_buf body;
    begin(&f);
    sl_buf_init(&body, 1u << 26);
    sl_buf_addf(&body, "{\"model\":\"m\",\"max_tokens\":9,\"messages\":[{\"role\":\"user\",\"content\":\"a\"}");
    for (int i = 0; i < MANY; i++)
        sl_buf_addf(&body,
                    ",{\"role\":\"assistant\",\"content\":[{\"type\":\"tool_use\",\"id\":\"c\",\"name\":\"t.%d\","
                    "\"input\":{}}]},{\"role\":\"user\",\"content\":[{\"type\":\"tool_result\",\"tool_use_id\":\"c\","
                    "\"content\":\"r\",\"cache_control\":{}}]}",
                    i);
    sl_buf_addf(&body, "],\"tools\":[{\"name\":\"x\",\"input_schema\":{\"anyOf\":[]}}");
    for (int i = 0; i < MANY; i++)
        sl_buf_addf(&body, ",{\"name\":\"t.%d\",\"input_schema\":{\"oneOf\":[]},\"cache_control\":{}}", i);
    sl_buf_addf(&body, "]}");
    f.out.max = 1u << 26;
    assert_true(anthropic_codec.request_read(OP_MESSAGES, sl_buf_str(&body), &f.a, &f.req, &f.refusal));
    assert_true(write_request(&f, "openai", "claude-opus-5", ""));
    assert_false(f.out.over);
    assert_int_equal(f.t.n_wrapped, MANY + 1);
    unsigned marks = 0;
    struct sl_str rest = sl_buf_str(&f.out);
    for (ptrdiff_t at; (at = sl_str_find_str(rest, SL_STR("\"cache_control\""))) >= 0; marks++)
        rest = sl_str_from(rest, (size_t)at + 1);
    assert_int_equal(marks, 3);
    sl_buf_done(&body);
    end(&f);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_written),      cmocka_unit_test(test_not_read),    cmocka_unit_test(test_not_written),
        cmocka_unit_test(test_large_images), cmocka_unit_test(test_claude_code), cmocka_unit_test(test_compaction),
        cmocka_unit_test(test_counting),     cmocka_unit_test(test_from_chat),   cmocka_unit_test(test_hostile),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
