/* What OpenAI's models take on Responses. Sources: openai.md sections 6.2, 7.2, 7.3 (November 2026); the model pages of
 * developers.openai.com (memory, November 2026) for contexts, efforts and sampling: what a model takes is the same here and on chat
 * (openai_chat/caps.c; tests/unit/dialect/test_caps.c holds them together). The API has no stop sequences, no n, no penalties and no audio:
 * no row has these flags. */
#include "dialect/openai_responses/openai_responses.h"

#define EFFORT(e) (1u << EFFORT_##e)
#define EVERY                                                                                                          \
    (CAP_TOOLS | CAP_FORCED_TOOL | CAP_PARALLEL_FLAG | CAP_STRICT_TOOLS | CAP_SCHEMA | CAP_JSON_AND_TOOLS |            \
     CAP_MID_SYSTEM | CAP_DEVELOPER | CAP_IMAGES | CAP_IMAGE_URLS | CAP_PDF | CAP_MEDIA_IN_RESULTS)
#define SAMPLES (CAP_SAMPLING | CAP_TEMPERATURE_AND_TOP_P | CAP_LOGPROBS)
#define ROW(name, ctx, max, flag, think, effort)                                                                       \
    {                                                                                                                  \
        .pattern = SL_STR_INIT(name), .context = (ctx), .max_output = (max), .flags = (flag), .thinking = (think),     \
        .efforts = (uint16_t)(effort)                                                                                  \
    }

#define LOW_TO_HIGH (EFFORT(LOW) | EFFORT(MEDIUM) | EFFORT(HIGH))
#define MEDIUM_TO_XHIGH (EFFORT(MEDIUM) | EFFORT(HIGH) | EFFORT(XHIGH))
#define NONE_TO_XHIGH (EFFORT(NONE) | LOW_TO_HIGH | EFFORT(XHIGH))
#define LOW_TO_MAX (LOW_TO_HIGH | EFFORT(XHIGH) | EFFORT(MAX))
#define OFF_SAMPLES (CAP_THINKING_OFF | CAP_SAMPLING | CAP_TEMPERATURE_AND_TOP_P)

const struct model_caps responses_caps[] = {
    ROW("gpt-3.5*", 16385, 4096, (EVERY | SAMPLES) & ~(unsigned)(CAP_IMAGES | CAP_IMAGE_URLS | CAP_PDF), THINK_NONE, 0),
    ROW("gpt-4*", 128000, 16384, EVERY | SAMPLES, THINK_NONE, 0),
    ROW("gpt-4.1*", 1047576, 32768, EVERY | SAMPLES, THINK_NONE, 0),
    ROW("gpt-4.5*", 128000, 16384, EVERY | SAMPLES, THINK_NONE, 0),
    ROW("o1*", 200000, 100000, EVERY, THINK_EFFORT, LOW_TO_HIGH),
    ROW("o3*", 200000, 100000, EVERY, THINK_EFFORT, LOW_TO_HIGH),
    ROW("o3-mini*", 200000, 100000, EVERY & ~(unsigned)(CAP_IMAGES | CAP_IMAGE_URLS | CAP_PDF), THINK_EFFORT,
        LOW_TO_HIGH),
    ROW("o4*", 200000, 100000, EVERY, THINK_EFFORT, LOW_TO_HIGH),
    ROW("gpt-5*", 400000, 128000, EVERY, THINK_EFFORT, EFFORT(MINIMAL) | LOW_TO_HIGH),
    ROW("gpt-5-chat*", 128000, 16384, EVERY | SAMPLES, THINK_NONE, 0),
    ROW("gpt-5-pro*", 400000, 272000, EVERY, THINK_EFFORT, EFFORT(HIGH)),
    /* these sample when they are told not to think, which is their default */
    ROW("gpt-5.1*", 400000, 128000, EVERY | OFF_SAMPLES, THINK_EFFORT, EFFORT(NONE) | LOW_TO_HIGH),
    ROW("gpt-5.1-chat*", 128000, 16384, EVERY, THINK_EFFORT, EFFORT(MEDIUM)),
    ROW("gpt-5.1-codex*", 400000, 128000, EVERY, THINK_EFFORT, LOW_TO_HIGH | EFFORT(XHIGH)),
    ROW("gpt-5.2*", 400000, 128000, EVERY | OFF_SAMPLES, THINK_EFFORT, NONE_TO_XHIGH),
    ROW("gpt-5.2-chat*", 128000, 16384, EVERY, THINK_EFFORT, EFFORT(MEDIUM)),
    ROW("gpt-5.2-pro*", 400000, 128000, EVERY, THINK_EFFORT, MEDIUM_TO_XHIGH),
    ROW("gpt-5.*", 400000, 128000, EVERY | CAP_THINKING_OFF, THINK_EFFORT, NONE_TO_XHIGH),
    ROW("gpt-5.3-chat*", 128000, 16384, EVERY, THINK_NONE, 0),
    ROW("gpt-5.3-codex-spark*", 128000, 32000, EVERY | CAP_THINKING_OFF, THINK_EFFORT, NONE_TO_XHIGH),
    ROW("gpt-5.4*", 1050000, 128000, EVERY | OFF_SAMPLES, THINK_EFFORT, NONE_TO_XHIGH),
    ROW("gpt-5.4-mini*", 400000, 128000, EVERY | OFF_SAMPLES, THINK_EFFORT, NONE_TO_XHIGH),
    ROW("gpt-5.4-nano*", 400000, 128000, EVERY | OFF_SAMPLES, THINK_EFFORT, NONE_TO_XHIGH),
    ROW("gpt-5.4-pro*", 1050000, 128000, EVERY, THINK_EFFORT, MEDIUM_TO_XHIGH),
    ROW("gpt-5.5*", 1050000, 128000, EVERY | CAP_THINKING_OFF, THINK_EFFORT, NONE_TO_XHIGH),
    ROW("gpt-5.5-pro*", 1050000, 128000, EVERY, THINK_EFFORT, MEDIUM_TO_XHIGH),
    ROW("gpt-5.6*", 1050000, 128000, EVERY | CAP_THINKING_OFF | CAP_TOP_CACHE, THINK_EFFORT, EFFORT(NONE) | LOW_TO_MAX),
    ROW("gpt-5.6-cyber*", 400000, 128000, EVERY | CAP_TOP_CACHE, THINK_EFFORT, LOW_TO_MAX),
    ROW("gpt-6*", 1050000, 128000, EVERY | CAP_THINKING_OFF | CAP_TOP_CACHE, THINK_EFFORT, EFFORT(NONE) | LOW_TO_MAX),
    ROW("gpt-6-astra*", 1050000, 128000, EVERY | CAP_TOP_CACHE, THINK_EFFORT, LOW_TO_MAX),
    ROW("gpt-6.1*", 272000, 128000, EVERY | CAP_TOP_CACHE, THINK_EFFORT, LOW_TO_MAX),
    ROW("gpt-daybreak*", 400000, 128000, EVERY | CAP_THINKING_OFF | CAP_TOP_CACHE, THINK_EFFORT,
        EFFORT(NONE) | LOW_TO_MAX),
    ROW("gpt-oss*", 131072, 131072, (EVERY | SAMPLES) & ~(unsigned)(CAP_IMAGES | CAP_IMAGE_URLS | CAP_PDF),
        THINK_EFFORT, LOW_TO_HIGH),
    ROW("grok-*", 256000, 0, EVERY | SAMPLES, THINK_NONE, 0),
    ROW("*", 0, 0, EVERY | SAMPLES, THINK_NONE, 0),
    {.flags = 0},
};
