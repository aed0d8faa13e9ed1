/* What models on Bedrock take by Converse. Sources: bedrock.md 4.3 and 6.1; AWS' pages on supported models and features of Converse, on
 * Nova 2's reasoning and on structured outputs, 2026 (memory: where a row is wrong, Bedrock says 400 and names the member). */
#include "dialect/bedrock_converse/bedrock_converse.h"

#include "dialect/effort.h"

#define BASE (CAP_SAMPLING | CAP_TEMPERATURE_AND_TOP_P | CAP_STOP)
#define CALLS (CAP_TOOLS | CAP_FORCED_TOOL | CAP_MEDIA_IN_RESULTS)
#define LOOKS (CAP_IMAGES | CAP_PDF)
#define EFFORTS (EFFORT_BIT(EFFORT_LOW) | EFFORT_BIT(EFFORT_MEDIUM) | EFFORT_BIT(EFFORT_HIGH))

const struct model_caps bedrock_converse_caps[] = {
    {.pattern = SL_STR_INIT("*"), .flags = BASE | CALLS | LOOKS | CAP_VIDEO},
    /* Amazon. Nova 2 thinks when told how hard; told nothing, it does not. */
    {.pattern = SL_STR_INIT("nova-*"),
     .context = 300000,
     .max_output = 10000,
     .flags = BASE | CALLS | LOOKS | CAP_VIDEO | CAP_CACHE_MARKS},
    {.pattern = SL_STR_INIT("nova-micro*"),
     .context = 128000,
     .max_output = 10000,
     .flags = BASE | CALLS | CAP_CACHE_MARKS},
    {.pattern = SL_STR_INIT("nova-premier*"),
     .context = 1000000,
     .max_output = 32000,
     .flags = BASE | CALLS | LOOKS | CAP_VIDEO | CAP_CACHE_MARKS},
    {.pattern = SL_STR_INIT("nova-2-*"),
     .context = 1000000,
     .max_output = 65535,
     .flags = BASE | CALLS | LOOKS | CAP_VIDEO | CAP_CACHE_MARKS | CAP_THINKING_OFF,
     .thinking = THINK_EFFORT,
     .efforts = EFFORTS},
    {.pattern = SL_STR_INIT("titan-text*"), .flags = BASE},
    /* Meta: no forced tools */
    {.pattern = SL_STR_INIT("llama*"), .context = 128000, .max_output = 8192, .flags = BASE | CAP_TOOLS},
    {.pattern = SL_STR_INIT("llama3-2-*"),
     .context = 128000,
     .max_output = 8192,
     .flags = BASE | CAP_TOOLS | CAP_IMAGES},
    {.pattern = SL_STR_INIT("llama4-*"),
     .context = 1000000,
     .max_output = 8192,
     .flags = BASE | CAP_TOOLS | CAP_IMAGES},
    {.pattern = SL_STR_INIT("mistral-7b*"), .flags = BASE},
    {.pattern = SL_STR_INIT("mixtral*"), .flags = BASE},
    {.pattern = SL_STR_INIT("mistral-*"), .flags = BASE | CALLS},
    {.pattern = SL_STR_INIT("pixtral*"), .flags = BASE | CALLS | LOOKS},
    {.pattern = SL_STR_INIT("deepseek.r1*"), .context = 128000, .max_output = 32768, .flags = BASE},
    {.pattern = SL_STR_INIT("deepseek.*"), .flags = BASE | CAP_TOOLS},
    {.pattern = SL_STR_INIT("qwen.*"), .flags = BASE | CAP_TOOLS},
    {.pattern = SL_STR_INIT("moonshot*.*"), .flags = BASE | CAP_TOOLS},
    {.pattern = SL_STR_INIT("minimax.*"), .flags = BASE | CAP_TOOLS},
    {.pattern = SL_STR_INIT("zai.*"), .flags = BASE | CAP_TOOLS},
    /* OpenAI's refuse stop sequences, and all but gpt-oss sampling (bedrock.md 6.1) */
    {.pattern = SL_STR_INIT("openai.*"), .flags = CAP_TOOLS, .thinking = THINK_EFFORT, .efforts = EFFORTS},
    {.pattern = SL_STR_INIT("openai.gpt-oss*"),
     .context = 128000,
     .flags = CAP_TOOLS | CAP_SAMPLING | CAP_TEMPERATURE_AND_TOP_P,
     .thinking = THINK_EFFORT,
     .efforts = EFFORTS},
    {.pattern = SL_STR_INIT("command-r*"), .context = 128000, .max_output = 4096, .flags = BASE | CAP_TOOLS | CAP_PDF},
    {.pattern = SL_STR_INIT("jamba*"), .context = 256000, .max_output = 4096, .flags = BASE | CAP_TOOLS},
    {.pattern = SL_STR_NONE},
};
