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

/* clang-format off */
static const struct row rows[] = {
    /* == Chat completions: openai.md 6.2 == */
    {CHAT, TOP, "'temperature':0.15", "temperature", "0.15", NULL},
    {CHAT, TOP, "'top_p':0.97", "top_p", "0.97", NULL},
    {CHAT, TOP, "'n':2", "n", "'n':2|candidateCount", NULL},
    {CHAT, TOP, "'stop':['mk-stop']", "stop", "mk-stop", "looked for in the answer where a provider takes none"},
    {CHAT, TOP, "'seed':4711", "seed", "4711", NULL},
    {CHAT, TOP, "'presence_penalty':0.31", "presence_penalty", "0.31", NULL},
    {CHAT, TOP, "'frequency_penalty':0.32", "frequency_penalty", "0.32", NULL},
    {CHAT, TOP, "'logit_bias':{'4711':5}", "logit_bias", "4711", NULL},
    {CHAT, TOP, "'logprobs':true,'top_logprobs':3", "logprobs|top_logprobs", "logprobs|Logprobs", NULL},
    {CHAT, TOP, "'reasoning_effort':'high'", "reasoning_effort", "high|HIGH|thinking", NULL},
    {CHAT, TOP, "'verbosity':'low'", "verbosity", "verbosity", NULL},
    {CHAT, TOP, "'tool_choice':'required'", "tool_choice", "tool_choice|toolChoice|ANY", NULL},
    {CHAT, TOP, "'tool_choice':{'type':'function','function':{'name':'f'}}", "tool_choice", "tool_choice|toolChoice|ANY", NULL},
    {CHAT, TOP, "'parallel_tool_calls':false", "parallel_tool_calls", "parallel", NULL},
    {CHAT, TOP, "'stream':true,'stream_options':{'include_usage':true}", "", "", "the exchange's: usage is always asked for"},
    {CHAT, CHOICE, "'include_obfuscation':false", "stream_options", "include_obfuscation", "padding against eavesdroppers on the provider's line: nobody else has any"},
    {CHAT, TOP, "'modalities':['text','audio'],'audio':{'voice':'mk','format':'wav'}", "modalities|audio", "AUDIO", NULL},
    {CHAT, TOP, "'prediction':{'type':'content','content':'mk'}", "prediction", "", NULL},
    {CHAT, TOP, "'web_search_options':{'search_context_size':'low'}", "web_search_options", "web_search|googleSearch", NULL},
    {CHAT, TOP, "'store':true", "store", "'store'", NULL},
    {CHAT, TOP, "'metadata':{'k':'mk'}", "metadata", "'mk'", NULL},
    {CHAT, TOP, "'service_tier':'flex'", "service_tier", "flex|standard_only", NULL},
    {CHAT, TOP, "'prompt_cache_key':'mk-key'", "prompt_cache_key", "mk-key", NULL},
    {CHAT, TOP, "'prompt_cache_options':{'mode':'explicit','ttl':'30m'}", "prompt_cache_options", "prompt_cache_options", NULL},
    {CHAT, TOP, "'prompt_cache_retention':'24h'", "prompt_cache_retention", "prompt_cache_retention", NULL},
    {CHAT, TOP, "'safety_identifier':'mk-id'", "safety_identifier", "mk-id", NULL},
    {CHAT, TOP, "'user':'mk-user'", "user|safety_identifier", "mk-user", NULL},
    {CHAT, TOP, "'moderation':{'model':'mk'}", "moderation", "moderation", NULL},
    {CHAT, TOP, "'mk_odd':1", "mk_odd", "mk_odd", NULL},
    {CHAT, MESSAGE, "'name':'mk-name'", "messages[0].name", "mk-name", NULL},
    {CHAT, MESSAGE, "'mk_odd':1", "messages[0].mk_odd", "mk_odd", NULL},
    {CHAT, TEXT, "'prompt_cache_breakpoint':{'mode':'explicit'}", "prompt_cache_breakpoint", "prompt_cache_breakpoint|cache_control|cachePoint", "a hint for prices; Responses caches by itself"},
    {CHAT, TEXT, "'mk_odd':1", "messages[0].content[0].mk_odd", "mk_odd", NULL},
    {CHAT, IMAGE, "'detail':'low'", "messages[0].content[1].detail", "'low'|_LOW", NULL},
    {CHAT, IMAGE, "'mk_odd':1", "messages[0].content[1].image_url.mk_odd", "mk_odd", NULL},
    {CHAT, FILE_PART, "'mk_odd':1", "messages[0].content[1].mk_odd", "mk_odd", NULL},
    {CHAT, ASSISTANT, "'content':'mk-said'", "", "mk-said", NULL},
    {CHAT, ASSISTANT, "'refusal':'mk-said'", "", "mk-said", NULL},
    {CHAT, ASSISTANT, "'name':'mk-name'", "messages[1].name", "mk-name", NULL},
    {CHAT, ASSISTANT, "'audio':{'id':'audio_mk'}", "messages[1]", "audio_mk", NULL},
    {CHAT, ASSISTANT, "'mk_odd':1", "messages[1].mk_odd", "mk_odd", "said by whoever answered: sending it back is no wish"},
    {CHAT, CALL, "'mk_odd':1", "messages[1].tool_calls[0].mk_odd", "mk_odd", "said by whoever answered: sending it back is no wish"},
    {CHAT, RESULT, "'mk_odd':1", "messages[2].mk_odd", "mk_odd", NULL},
    {CHAT, TOOL, "'description':'mk-said'", "", "mk-said", NULL},
    {CHAT, TOOL, "'strict':true", "tools[0].strict", "'strict':true|VALIDATED", NULL},
    {CHAT, TOOL, "'mk_odd':1", "tools[0].function.mk_odd", "mk_odd", NULL},
    {CHAT, CONFIG, "'strict':true", "response_format", "'strict':true|response_schema|responseJsonSchema|json_schema|json_response", NULL},
    {CHAT, CONFIG, "'description':'mk-said'", "response_format", "mk-said", NULL},
    {CHAT, CONFIG, "'mk_odd':1", "response_format.json_schema.mk_odd", "mk_odd", NULL},
    /* == Responses: openai.md 7.2 == */
    {RESPONSES, TOP, "'instructions':'mk-said'", "", "mk-said", NULL},
    {RESPONSES, TOP, "'previous_response_id':'resp_mk'", "previous_response_id", "resp_mk", NULL},
    {RESPONSES, TOP, "'conversation':'conv_mk'", "conversation", "conv_mk", NULL},
    {RESPONSES, TOP, "'store':true", "store", "", "kept here"},
    {RESPONSES, TOP, "'background':true", "background", "", NULL},
    {RESPONSES, TOP, "'include':['message.output_text.logprobs'],'top_logprobs':3", "include|top_logprobs", "logprobs|Logprobs", NULL},
    {RESPONSES, TOP, "'include':['file_search_call.results']", "include", "", "of a tool that is named itself"},
    {RESPONSES, TOP, "'max_output_tokens':1717", "max_output_tokens", "1717", NULL},
    {RESPONSES, TOP, "'max_tool_calls':3", "max_tool_calls", "max_uses", NULL},
    {RESPONSES, TOP, "'temperature':0.15", "temperature", "0.15", NULL},
    {RESPONSES, TOP, "'top_p':0.97", "top_p", "0.97", NULL},
    {RESPONSES, CONFIG, "'effort':'high'", "reasoning", "high|HIGH|thinking", NULL},
    {RESPONSES, CONFIG, "'effort':'high','summary':'concise'", "reasoning", "high|HIGH|thinking", NULL},
    {RESPONSES, CONFIG, "'context':'all_turns'", "reasoning.context", "all_turns", NULL},
    {RESPONSES, CONFIG, "'mode':'pro'", "reasoning.mode", "'pro'", NULL},
    {RESPONSES, CONFIG, "'mk_odd':1", "reasoning.mk_odd", "mk_odd", NULL},
    {RESPONSES, CHOICE, "'verbosity':'low'", "text.verbosity", "verbosity", NULL},
    {RESPONSES, CHOICE, "'format':{'type':'json_schema','name':'n','schema':{'type':'object','properties':{'mk_p':{'type':'string'}},'required':['mk_p'],'additionalProperties':false}}", "text.format", "mk_p", NULL},
    {RESPONSES, CHOICE, "'format':{'type':'json_object'}", "text.format", "json_object|application/json|JSON", NULL},
    {RESPONSES, CHOICE, "'mk_odd':1", "text.mk_odd", "mk_odd", NULL},
    {RESPONSES, TOP, "'tool_choice':'required'", "tool_choice", "tool_choice|toolChoice|ANY", NULL},
    {RESPONSES, TOP, "'tool_choice':{'type':'function','name':'f'}", "tool_choice", "tool_choice|toolChoice|ANY", NULL},
    {RESPONSES, TOP, "'parallel_tool_calls':false", "parallel_tool_calls", "parallel", NULL},
    {RESPONSES, TOP, "'prompt':{'id':'pmpt_mk'}", "prompt", "", NULL},
    {RESPONSES, TOP, "'metadata':{'k':'mk'}", "metadata", "'mk'", NULL},
    {RESPONSES, TOP, "'service_tier':'flex'", "service_tier", "flex|standard_only", NULL},
    {RESPONSES, TOP, "'prompt_cache_key':'mk-key'", "prompt_cache_key", "mk-key", NULL},
    {RESPONSES, TOP, "'prompt_cache_options':{'mode':'explicit'}", "prompt_cache_options", "prompt_cache_options", NULL},
    {RESPONSES, TOP, "'prompt_cache_retention':'24h'", "prompt_cache_retention", "prompt_cache_retention", NULL},
    {RESPONSES, TOP, "'safety_identifier':'mk-id'", "safety_identifier", "mk-id", NULL},
    {RESPONSES, TOP, "'user':'mk-user'", "user|safety_identifier", "mk-user", NULL},
    {RESPONSES, TOP, "'truncation':'auto'", "truncation", "", NULL},
    {RESPONSES, TOP, "'context_management':[{'type':'compaction'}]", "context_management", "context_management", NULL},
    {RESPONSES, TOP, "'image':{'context_compression':'enabled'}", "image", "context_compression", NULL},
    {RESPONSES, TOP, "'moderation':{'model':'mk'}", "moderation", "moderation", NULL},
    {RESPONSES, TOP, "'access_programs':{'cyber':'standard'}", "access_programs", "", NULL},
    {RESPONSES, TOP, "'stream_options':{'include_obfuscation':false}", "stream_options", "", "padding against eavesdroppers on the provider's line: nobody else has any"},
    {RESPONSES, TOP, "'mk_odd':1", "mk_odd", "mk_odd", NULL},
    {RESPONSES, MESSAGE, "'mk_odd':1", "input[0].mk_odd", "mk_odd", NULL},
    {RESPONSES, TEXT, "'prompt_cache_breakpoint':{'mode':'explicit'}", "prompt_cache_breakpoint", "prompt_cache_breakpoint|cache_control|cachePoint", NULL},
    {RESPONSES, TEXT, "'mk_odd':1", "input[0].content[0].mk_odd", "mk_odd", NULL},
    {RESPONSES, IMAGE, "'detail':'low'", "input[0].content[1].detail", "'low'|_LOW", NULL},
    {RESPONSES, IMAGE, "'mk_odd':1", "input[0].content[1].mk_odd", "mk_odd", NULL},
    {RESPONSES, FILE_PART, "'detail':'low'", "input[0].content[1].detail", "'low'|_LOW", NULL},
    {RESPONSES, FILE_PART, "'mk_odd':1", "input[0].content[1].mk_odd", "mk_odd", NULL},
    {RESPONSES, ASSISTANT, "'phase':'commentary'", "", "commentary", "a mark of Responses' own models on what they said"},
    {RESPONSES, ASSISTANT, "'status':'completed','id':'msg_1'", "", "", "said by whoever answered"},
    {RESPONSES, ASSISTANT, "'mk_odd':1", "input[1].mk_odd", "mk_odd", "said by whoever answered: sending it back is no wish"},
    {RESPONSES, CALL, "'namespace':'mk_space'", "", "mk_space", NULL},
    {RESPONSES, CALL, "'caller':{'type':'direct'}", "", "", "said by whoever called"},
    {RESPONSES, CALL, "'async':true", "input[2].async", "async", "said by whoever answered: sending it back is no wish"},
    {RESPONSES, CALL, "'mk_odd':1", "input[2].mk_odd", "mk_odd", "said by whoever answered: sending it back is no wish"},
    {RESPONSES, RESULT, "'mk_odd':1", "input[3].mk_odd", "mk_odd", NULL},
    {RESPONSES, TOOL, "'description':'mk-said'", "", "mk-said", NULL},
    {RESPONSES, TOOL, "'strict':true", "tools[0].strict", "'strict':true|VALIDATED", NULL},
    {RESPONSES, TOOL, "'async':true", "tools[0].async", "async", NULL},
    {RESPONSES, TOOL, "'defer_loading':true", "tools[0].defer_loading", "defer_loading", "all tools are sent"},
    {RESPONSES, TOOL, "'output_schema':{'type':'object'}", "tools[0].output_schema", "output_schema", NULL},
    {RESPONSES, TOOL, "'allowed_callers':['programmatic']", "tools[0].allowed_callers", "allowed_callers", NULL},
    {RESPONSES, TOOL, "'mk_odd':1", "tools[0].mk_odd", "mk_odd", NULL},
    {RESPONSES, SEARCH, "'filters':{'allowed_domains':['mk.test']}", "tools[1]", "mk.test", NULL},
    {RESPONSES, SEARCH, "'search_context_size':'low'", "tools[1]", "'low'", NULL},
    {RESPONSES, SEARCH, "'user_location':{'type':'approximate','city':'mk-city'}", "tools[1]", "mk-city", NULL},
    {RESPONSES, SEARCH, "'external_web_access':false", "tools[1]", "external_web_access", NULL},
    {RESPONSES, SEARCH, "'mk_odd':1", "tools[1]", "mk_odd", NULL},
    /* == Messages: anthropic.md 2 == */
    {MESSAGES, TOP, "'system':'mk-said'", "", "mk-said", NULL},
    {MESSAGES, TOP, "'temperature':0.15", "temperature", "0.15", NULL},
    {MESSAGES, TOP, "'top_p':0.97", "top_p", "0.97", NULL},
    {MESSAGES, TOP, "'top_k':47", "top_k", "47", NULL},
    {MESSAGES, TOP, "'stop_sequences':['mk-stop']", "stop_sequences", "mk-stop", "looked for in the answer where a provider takes none"},
    {MESSAGES, TOP, "'metadata':{'user_id':'mk-user'}", "metadata", "mk-user", NULL},
    {MESSAGES, TOP, "'metadata':{'user_id':'u','mk_odd':1}", "metadata", "mk_odd", NULL},
    {MESSAGES, TOP, "'cache_control':{'type':'ephemeral'}", "cache_control", "cache_control|breakpoint|cachePoint", "a hint for prices; Responses caches by itself"},
    {MESSAGES, TOP, "'service_tier':'standard_only'", "service_tier", "service_tier|serviceTier|standard|default", "what others do without being asked"},
    {MESSAGES, TOP, "'speed':'fast'", "speed", "", NULL},
    {MESSAGES, TOP, "'inference_geo':'us'", "inference_geo", "", NULL},
    {MESSAGES, TOP, "'container':'mk'", "container", "", NULL},
    {MESSAGES, TOP, "'diagnostics':{'previous_message_id':null}", "diagnostics", "", NULL},
    {MESSAGES, TOP, "'context_management':{'edits':[]}", "context_management", "", NULL},
    {MESSAGES, TOP, "'compaction':{'type':'summarize'}", "compaction", "", NULL},
    {MESSAGES, TOP, "'mcp_servers':[{'type':'url','url':'https://mk.test','name':'x'}]", "mcp_servers", "", NULL},
    {MESSAGES, TOP, "'fallbacks':'default'", "fallbacks", "", NULL},
    {MESSAGES, TOP, "'fallback_credit_token':'t'", "fallback_credit_token", "", NULL},
    {MESSAGES, TOP, "'thread':{'type':'create'}", "thread", "", NULL},
    {MESSAGES, TOP, "'billing_policy':{'type':'billing_policy','bill_to':'self'}", "billing_policy", "", NULL},
    {MESSAGES, TOP, "'safeguards':[{'type':'dangerous_tool_use'}]", "safeguards", "", NULL},
    {MESSAGES, TOP, "'output_format':{'type':'json_schema','schema':{'type':'object','properties':{'mk_p':{'type':'string'}},'required':['mk_p'],'additionalProperties':false}}", "output_format|output_config", "mk_p", NULL},
    {MESSAGES, TOP, "'mk_odd':1", "mk_odd", "mk_odd", NULL},
    {MESSAGES, CONFIG, "'effort':'high'", "output_config.effort|thinking", "high|HIGH|thinking", NULL},
    {MESSAGES, CONFIG, "'format':{'type':'json_schema','schema':{'type':'object','properties':{'mk_p':{'type':'string'}},'required':['mk_p'],'additionalProperties':false}}", "output_config.format", "mk_p", NULL},
    {MESSAGES, CONFIG, "'task_budget':{'type':'tokens','total':20000}", "output_config.task_budget", "task_budget", NULL},
    {MESSAGES, CONFIG, "'mk_odd':1", "output_config.mk_odd", "mk_odd", NULL},
    {MESSAGES, CHOICE, "'display':'summarized'", "thinking", "thinking|reasoning|includeThoughts|summary", NULL},
    {MESSAGES, CHOICE, "'block_binding':{'prefix_mismatch_behavior':'error'}", "thinking.block_binding", "block_binding", NULL},
    {MESSAGES, CHOICE, "'mk_odd':1", "thinking.mk_odd", "mk_odd", NULL},
    {MESSAGES, TOP, "'tool_choice':{'type':'any'}", "tool_choice", "tool_choice|toolChoice|ANY", NULL},
    {MESSAGES, TOP, "'tool_choice':{'type':'auto','disable_parallel_tool_use':true}", "tool_choice", "parallel", NULL},
    {MESSAGES, MESSAGE, "'mk_odd':1", "messages[0].mk_odd", "mk_odd", NULL},
    {MESSAGES, TEXT, "'cache_control':{'type':'ephemeral'}", "cache_control", "cache_control|breakpoint|cachePoint", "a hint for prices; Responses caches by itself"},
    {MESSAGES, TEXT, "'mk_odd':1", "messages[0].content[0].mk_odd", "mk_odd", NULL},
    {MESSAGES, IMAGE, "'transformations':{'oversized_image':'error'}", "messages[0].content[1].transformations", "transformations", NULL},
    {MESSAGES, IMAGE, "'mk_odd':1", "messages[0].content[1].mk_odd", "mk_odd", NULL},
    {MESSAGES, FILE_PART, "'title':'mk-title'", "messages[0].content[1]", "mk-title", "Gemini has no names for media in messages"},
    {MESSAGES, FILE_PART, "'context':'mk-context'", "messages[0].content[1]", "mk-context", NULL},
    {MESSAGES, FILE_PART, "'citations':{'enabled':true}", "messages[0].content[1].citations", "citations", NULL},
    {MESSAGES, FILE_PART, "'mk_odd':1", "messages[0].content[1].mk_odd", "mk_odd", NULL},
    {MESSAGES, ASSISTANT, "'mk_odd':1", "messages[1].mk_odd", "mk_odd", "said by whoever answered: sending it back is no wish"},
    {MESSAGES, CALL, "'caller':{'type':'direct'}", "", "", "said by whoever called"},
    {MESSAGES, CALL, "'toolset_name':'mk'", "messages[1].content[0].toolset_name", "toolset_name", "said by whoever answered: sending it back is no wish"},
    {MESSAGES, CALL, "'mk_odd':1", "messages[1].content[0].mk_odd", "mk_odd", "said by whoever answered: sending it back is no wish"},
    {MESSAGES, RESULT, "'is_error':true", "", "is_error|rror", NULL},
    {MESSAGES, RESULT, "'cache_control':{'type':'ephemeral'}", "cache_control", "cache_control|breakpoint|cachePoint", "a hint for prices; Responses caches by itself"},
    {MESSAGES, RESULT, "'toolset_name':'mk'", "messages[2].content[0].toolset_name", "toolset_name", "the echo of what the call said"},
    {MESSAGES, RESULT, "'mk_odd':1", "messages[2].content[0].mk_odd", "mk_odd", NULL},
    {MESSAGES, TOOL, "'description':'mk-said'", "", "mk-said", NULL},
    {MESSAGES, TOOL, "'strict':true", "tools[0].strict", "'strict':true|VALIDATED", NULL},
    {MESSAGES, TOOL, "'eager_input_streaming':true", "tools[0].eager_input_streaming", "eager", "how fast arguments come: others stream them as they are made"},
    {MESSAGES, TOOL, "'defer_loading':true", "tools[0].defer_loading", "defer_loading", "all tools are sent"},
    {MESSAGES, TOOL, "'input_examples':[{'mk_example':1}]", "tools[0].input_examples", "mk_example", NULL},
    {MESSAGES, TOOL, "'allowed_callers':['code_execution_20250825']", "tools[0].allowed_callers", "allowed_callers", NULL},
    {MESSAGES, TOOL, "'cache_control':{'type':'ephemeral'}", "cache_control", "cache_control|breakpoint|cachePoint", "a hint for prices; Responses caches by itself"},
    {MESSAGES, TOOL, "'mk_odd':1", "tools[0].mk_odd", "mk_odd", NULL},
    {MESSAGES, SEARCH, "'max_uses':3", "tools[1]", "max_uses", NULL},
    {MESSAGES, SEARCH, "'allowed_domains':['mk.test']", "tools[1]", "mk.test", NULL},
    {MESSAGES, SEARCH, "'blocked_domains':['mk.test']", "tools[1]", "mk.test", NULL},
    {MESSAGES, SEARCH, "'user_location':{'type':'approximate','city':'mk-city'}", "tools[1]", "mk-city", NULL},
    {MESSAGES, SEARCH, "'response_inclusion':'full'", "tools[1]", "response_inclusion", NULL},
    {MESSAGES, SEARCH, "'mk_odd':1", "tools[1]", "mk_odd", NULL},
    /* == Gemini: gemini.md 3 == */
    {GEMINI, TOP, "'systemInstruction':{'parts':[{'text':'mk-said'}]}", "", "mk-said", NULL},
    {GEMINI, TOP, "'safetySettings':[{'category':'HARM_CATEGORY_HARASSMENT','threshold':'BLOCK_NONE'}]", "safetySettings", "BLOCK_NONE", NULL},
    {GEMINI, TOP, "'cachedContent':'cachedContents/mk'", "cachedContent", "cachedContents/mk", NULL},
    {GEMINI, TOP, "'serviceTier':'flex'", "serviceTier", "flex|standard_only", NULL},
    {GEMINI, TOP, "'labels':{'k':'mk-label'}", "labels", "mk-label", NULL},
    {GEMINI, TOP, "'continuationToken':'bWs='", "continuationToken", "", NULL},
    {GEMINI, TOP, "'store':true", "store", "'store'", NULL},
    {GEMINI, TOP, "'modelArmorConfig':{'promptTemplateName':'mk'}", "modelArmorConfig", "", NULL},
    {GEMINI, TOP, "'outputConfig':{'outputUriPrefix':'gs://mk'}", "outputConfig", "", NULL},
    {GEMINI, TOP, "'mkOdd':1", "mkOdd", "mkOdd", NULL},
    {GEMINI, CONFIG, "'temperature':0.15", "generationConfig.temperature", "0.15", NULL},
    {GEMINI, CONFIG, "'topP':0.97", "generationConfig.topP", "0.97", NULL},
    {GEMINI, CONFIG, "'topK':47", "generationConfig.topK", "47", NULL},
    {GEMINI, CONFIG, "'candidateCount':2", "generationConfig.candidateCount", "'n':2", NULL},
    {GEMINI, CONFIG, "'maxOutputTokens':1717", "generationConfig.maxOutputTokens", "1717", NULL},
    {GEMINI, CONFIG, "'stopSequences':['mk-stop']", "generationConfig.stopSequences", "mk-stop", "looked for in the answer where a provider takes none"},
    {GEMINI, CONFIG, "'seed':4711", "generationConfig.seed", "4711", NULL},
    {GEMINI, CONFIG, "'presencePenalty':0.31", "generationConfig.presencePenalty", "0.31", NULL},
    {GEMINI, CONFIG, "'frequencyPenalty':0.32", "generationConfig.frequencyPenalty", "0.32", NULL},
    {GEMINI, CONFIG, "'responseMimeType':'application/json'", "generationConfig.response", "json_object|JSON", NULL},
    {GEMINI, CONFIG, "'responseMimeType':'text/x.enum','responseSchema':{'type':'STRING','enum':['mk_a']}", "generationConfig.response", "mk_a", NULL},
    {GEMINI, CONFIG, "'responseMimeType':'application/json','responseSchema':{'type':'OBJECT','properties':{'mk_p':{'type':'STRING'}}}", "generationConfig.response", "mk_p", NULL},
    {GEMINI, CONFIG, "'responseFormat':[{'text':{}}]", "generationConfig.responseFormat", "", NULL},
    {GEMINI, CONFIG, "'responseLogprobs':true,'logprobs':3", "generationConfig.responseLogprobs|generationConfig.logprobs", "logprobs", NULL},
    {GEMINI, CONFIG, "'responseModalities':['AUDIO']", "generationConfig.responseModalities", "audio", NULL},
    {GEMINI, CONFIG, "'speechConfig':{'languageCode':'mk'}", "generationConfig.speechConfig", "", NULL},
    {GEMINI, CONFIG, "'thinkingConfig':{'thinkingLevel':'HIGH'}", "generationConfig.thinkingConfig", "high|thinking", NULL},
    {GEMINI, CONFIG, "'thinkingConfig':{'thinkingLevel':'HIGH','mkOdd':1}", "generationConfig.thinkingConfig.mkOdd", "mkOdd", NULL},
    {GEMINI, CONFIG, "'imageConfig':{'aspectRatio':'1:1'}", "generationConfig.imageConfig", "", NULL},
    {GEMINI, CONFIG, "'mediaResolution':'MEDIA_RESOLUTION_LOW'", "generationConfig.mediaResolution", "", NULL},
    {GEMINI, CONFIG, "'audioTimestamp':true", "generationConfig.audioTimestamp", "", NULL},
    {GEMINI, CONFIG, "'enableEnhancedCivicAnswers':true", "generationConfig.enableEnhancedCivicAnswers", "", NULL},
    {GEMINI, CONFIG, "'enableAffectiveDialog':true", "generationConfig.enableAffectiveDialog", "", NULL},
    {GEMINI, CONFIG, "'audioTranscriptionConfig':{}", "generationConfig.audioTranscriptionConfig", "", NULL},
    {GEMINI, CONFIG, "'translationConfig':{}", "generationConfig.translationConfig", "", NULL},
    {GEMINI, CONFIG, "'routingConfig':{}", "generationConfig.routingConfig", "", NULL},
    {GEMINI, CONFIG, "'modelConfig':{}", "generationConfig.modelConfig", "", NULL},
    {GEMINI, CONFIG, "'mkOdd':1", "generationConfig.mkOdd", "mkOdd", NULL},
    {GEMINI, CHOICE, "'functionCallingConfig':{'mode':'ANY'}", "toolConfig", "tool_choice|toolChoice", NULL},
    {GEMINI, CHOICE, "'functionCallingConfig':{'mode':'ANY','allowedFunctionNames':['f']}", "toolConfig", "tool_choice|toolChoice", NULL},
    {GEMINI, CHOICE, "'functionCallingConfig':{'mode':'AUTO','streamFunctionCallArguments':true}", "toolConfig.functionCallingConfig.streamFunctionCallArguments", "", "how fast arguments come: others stream them as they are made"},
    {GEMINI, CHOICE, "'functionCallingConfig':{'mode':'AUTO','mkOdd':true}", "toolConfig.functionCallingConfig.mkOdd", "", NULL},
    {GEMINI, CHOICE, "'retrievalConfig':{'languageCode':'mk'}", "toolConfig.retrievalConfig", "", NULL},
    {GEMINI, CHOICE, "'includeServerSideToolInvocations':true", "toolConfig.includeServerSideToolInvocations", "", NULL},
    {GEMINI, CHOICE, "'mkOdd':1", "toolConfig.mkOdd", "mkOdd", NULL},
    {GEMINI, MESSAGE, "'mkOdd':1", "contents[0].mkOdd", "mkOdd", NULL},
    {GEMINI, TEXT, "'partMetadata':{'a':1}", "contents[0].parts[0].partMetadata", "", NULL},
    {GEMINI, TEXT, "'mkOdd':1", "contents[0].parts[0].mkOdd", "mkOdd", NULL},
    {GEMINI, IMAGE, "'mediaResolution':{'level':'MEDIA_RESOLUTION_LOW'}", "contents[0].parts[1]", "'low'", NULL},
    {GEMINI, IMAGE, "'mediaResolution':{'level':'MEDIA_RESOLUTION_ULTRA_HIGH'}", "contents[0].parts[1]", "'high'", "nobody else looks closer than in full"},
    {GEMINI, IMAGE, "'mediaResolution':{'level':'MEDIA_RESOLUTION_MEDIUM'}", "contents[0].parts[1]", "", NULL},
    {GEMINI, IMAGE, "'mediaProcessing':'STATIC'", "contents[0].parts[1].mediaProcessing", "", NULL},
    {GEMINI, FILE_PART, "'videoMetadata':{'fps':0.5}", "contents[0].parts[1]", "0.5", NULL},
    {GEMINI, FILE_PART, "'videoMetadata':{'startOffset':'1s'}", "contents[0].parts[1]", "", NULL},
    {GEMINI, CALL, "'mkOdd':1", "contents[1].parts[0].functionCall.mkOdd", "mkOdd", "said by whoever answered: sending it back is no wish"},
    {GEMINI, RESULT, "'scheduling':'SILENT'", "contents[2].parts[0].functionResponse.scheduling", "", NULL},
    {GEMINI, RESULT, "'willContinue':true", "contents[2].parts[0].functionResponse.willContinue", "", NULL},
    {GEMINI, RESULT, "'mkOdd':1", "contents[2].parts[0].functionResponse.mkOdd", "mkOdd", NULL},
    {GEMINI, TOOL, "'description':'mk-said'", "", "mk-said", NULL},
    {GEMINI, TOOL, "'parameters':{'type':'OBJECT','properties':{'mk_p':{'type':'STRING'}}}", "", "mk_p", NULL},
    {GEMINI, TOOL, "'parametersJsonSchema':{'type':'object','properties':{'mk_p':{'type':'string'}}}", "", "mk_p", NULL},
    {GEMINI, TOOL, "'response':{'type':'OBJECT'}", "tools[0].functionDeclarations[0].response", "", NULL},
    {GEMINI, TOOL, "'responseJsonSchema':{'type':'object'}", "tools[0].functionDeclarations[0].responseJsonSchema", "", NULL},
    {GEMINI, TOOL, "'behavior':'NON_BLOCKING'", "tools[0].functionDeclarations[0].behavior", "", NULL},
    {GEMINI, TOOL, "'mkOdd':1", "tools[0].functionDeclarations[0].mkOdd", "mkOdd", NULL},
    {GEMINI, SEARCH, "'timeRangeFilter':{'startTime':'mk'}", "tools[1]", "", NULL},
    {GEMINI, SEARCH, "'excludeDomains':['mk.test']", "tools[1]", "mk.test", NULL},
    {GEMINI, SEARCH, "'mkOdd':1", "tools[1]", "mkOdd", NULL},
};
/* clang-format on */

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
