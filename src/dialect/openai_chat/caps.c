/* What models take that are spoken to in the chat format. OpenAI's own: OpenAPI document 2.3.0 and the model pages (limits, efforts,
 * refused sampling), November 2026; openai.md 6.2 (`stop`, `max_tokens`). The others: their vendors' lists of November 2026 and
 * openai-compatible.md 3, 5 and 8-22. On a server that somebody runs himself the name says what the model can, not what the server
 * does: the "*" row is what nearly all of them take. */
#include "dialect/openai_chat/chat_codec.h"

#define TALK (CAP_TOOLS | CAP_FORCED_TOOL | CAP_N | CAP_MID_SYSTEM)
#define OLD                                                                                                            \
    (TALK | CAP_PARALLEL_FLAG | CAP_SAMPLING | CAP_TEMPERATURE_AND_TOP_P | CAP_PENALTIES | CAP_STOP | CAP_LOGPROBS)
#define STRUCTURED (CAP_STRICT_TOOLS | CAP_SCHEMA | CAP_JSON_SCHEMA | CAP_JSON_AND_TOOLS)
#define SEES (CAP_IMAGES | CAP_IMAGE_URLS)
#define READS (SEES | CAP_PDF)
#define O_SERIES (TALK | STRUCTURED | CAP_DEVELOPER)
#define GPT5 (TALK | STRUCTURED | READS | CAP_DEVELOPER | CAP_PARALLEL_FLAG)
#define GPT56 (GPT5 | CAP_CACHE_MARKS)
#define AUDIO (OLD | CAP_AUDIO | CAP_AUDIO_OUT)

/* Servers that are like it. Images by URL are not for all (Ollama), so they are in the rows of those that fetch. */
#define LIKE                                                                                                           \
    (CAP_TOOLS | CAP_FORCED_TOOL | CAP_PARALLEL_FLAG | CAP_SCHEMA | CAP_JSON_SCHEMA | CAP_JSON_AND_TOOLS |             \
     CAP_SAMPLING | CAP_TEMPERATURE_AND_TOP_P | CAP_PENALTIES | CAP_STOP | CAP_LOGPROBS | CAP_N)
#define LIKE_SEEING (LIKE | SEES)
#define LIKE_ALL (LIKE | SEES | CAP_VIDEO | CAP_AUDIO)

#define E(name) (1u << EFFORT_##name)
#define LOW_HIGH (E(LOW) | E(MEDIUM) | E(HIGH))
#define MIN_HIGH (E(MINIMAL) | LOW_HIGH)
#define NONE_HIGH (E(NONE) | LOW_HIGH)
#define NONE_XHIGH (NONE_HIGH | E(XHIGH))
#define LOW_MAX (LOW_HIGH | E(XHIGH) | E(MAX))
#define NONE_MAX (E(NONE) | LOW_MAX)
#define DEEP (E(LOW) | E(HIGH) | E(MAX))

#define K 1000u

/* pattern, context, max_output, flags, efforts (0: it does not think by a word) */
#define ROW(pattern, context, output, flags, efforts)                                                                  \
    {                                                                                                                  \
        SL_STR_INIT(pattern), context, output, flags, (efforts) != 0 ? THINK_EFFORT : THINK_NONE, efforts, 0, 0        \
    }

const struct model_caps chat_caps[] = {
    ROW("*", 0, 0, LIKE_SEEING | CAP_VIDEO | CAP_AUDIO, 0),

    /* OpenAI before reasoning */
    ROW("gpt-*", 128 * K, 0, OLD | STRUCTURED | READS, 0),
    ROW("ft:*", 128 * K, 0, OLD | STRUCTURED | READS, 0),
    ROW("gpt-3.5*", 16385, 4096, OLD, 0),
    ROW("gpt-4", 8192, 8192, OLD, 0),
    ROW("gpt-4-*", 8192, 8192, OLD, 0),
    ROW("gpt-4-turbo*", 128 * K, 4096, OLD | SEES, 0),
    ROW("gpt-4-vision*", 128 * K, 4096, OLD | SEES, 0),
    ROW("gpt-4o*", 128 * K, 16384, OLD | STRUCTURED | READS, 0),
    ROW("gpt-4o-2024-05-13", 128 * K, 4096, (OLD | READS), 0),
    ROW("gpt-4o-audio*", 128 * K, 16384, AUDIO, 0),
    ROW("gpt-4o-mini-audio*", 128 * K, 16384, AUDIO, 0),
    ROW("gpt-audio*", 128 * K, 16384, AUDIO, 0),
    ROW("gpt-4o-search*", 128 * K, 16384, CAP_SCHEMA | CAP_JSON_SCHEMA | CAP_MID_SYSTEM, 0),
    ROW("gpt-4o-mini-search*", 128 * K, 16384, CAP_SCHEMA | CAP_JSON_SCHEMA | CAP_MID_SYSTEM, 0),
    ROW("gpt-4.1*", 1047576, 32768, OLD | STRUCTURED | READS, 0),
    ROW("chatgpt-*", 128 * K, 16384, OLD | STRUCTURED | READS, 0),

    /* reasoning: no sampling, no stop, no log-probabilities */
    ROW("o1*", 200 * K, 100 * K, O_SERIES | READS, LOW_HIGH),
    ROW("o1-mini*", 128 * K, 65536, CAP_N, 0),
    ROW("o1-preview*", 128 * K, 32768, CAP_N, 0),
    ROW("o3*", 200 * K, 100 * K, O_SERIES | READS, LOW_HIGH),
    ROW("o3-mini*", 200 * K, 100 * K, O_SERIES, LOW_HIGH),
    ROW("o4-mini*", 200 * K, 100 * K, O_SERIES | READS, LOW_HIGH),
    ROW("codex-mini*", 200 * K, 100 * K, O_SERIES | READS, LOW_HIGH),
    ROW("chat-latest", 400 * K, 128 * K, GPT5, 0),
    ROW("gpt-5*", 400 * K, 128 * K, GPT5, MIN_HIGH),
    ROW("gpt-5-chat*", 128 * K, 16384, OLD | STRUCTURED | READS | CAP_DEVELOPER, 0),
    ROW("gpt-5-pro*", 400 * K, 272 * K, GPT5, E(HIGH)),
    ROW("gpt-5-search*", 400 * K, 128 * K, GPT5, MIN_HIGH),
    /* these sample when they are told not to think, which is their default */
    ROW("gpt-5.1*", 400 * K, 128 * K, GPT5 | CAP_SAMPLING | CAP_TEMPERATURE_AND_TOP_P, NONE_HIGH),
    ROW("gpt-5.1-chat*", 128 * K, 16384, GPT5, E(MEDIUM)),
    ROW("gpt-5.1-codex*", 400 * K, 128 * K, GPT5, LOW_HIGH | E(XHIGH)),
    ROW("gpt-5.2*", 400 * K, 128 * K, GPT5 | CAP_SAMPLING | CAP_TEMPERATURE_AND_TOP_P, NONE_XHIGH),
    ROW("gpt-5.2-chat*", 128 * K, 16384, GPT5, E(MEDIUM)),
    ROW("gpt-5.2-pro*", 400 * K, 128 * K, GPT5, E(MEDIUM) | E(HIGH) | E(XHIGH)),
    ROW("gpt-5.3*", 400 * K, 128 * K, GPT5, NONE_XHIGH),
    ROW("gpt-5.3-chat*", 128 * K, 16384, GPT5, 0),
    ROW("gpt-5.3-codex-spark*", 128 * K, 32 * K, GPT5, NONE_XHIGH),
    ROW("gpt-5.4*", 1050 * K, 128 * K, GPT5 | CAP_SAMPLING | CAP_TEMPERATURE_AND_TOP_P, NONE_XHIGH),
    ROW("gpt-5.4-mini*", 400 * K, 128 * K, GPT5 | CAP_SAMPLING | CAP_TEMPERATURE_AND_TOP_P, NONE_XHIGH),
    ROW("gpt-5.4-nano*", 400 * K, 128 * K, GPT5 | CAP_SAMPLING | CAP_TEMPERATURE_AND_TOP_P, NONE_XHIGH),
    ROW("gpt-5.4-pro*", 1050 * K, 128 * K, GPT5, E(MEDIUM) | E(HIGH) | E(XHIGH)),
    ROW("gpt-5.5*", 1050 * K, 128 * K, GPT5, NONE_XHIGH),
    ROW("gpt-5.5-pro*", 1050 * K, 128 * K, GPT5, E(MEDIUM) | E(HIGH) | E(XHIGH)),
    ROW("gpt-5.6*", 1050 * K, 128 * K, GPT56, NONE_MAX),
    ROW("gpt-5.6-cyber*", 400 * K, 128 * K, GPT56, LOW_MAX),
    ROW("gpt-6*", 1050 * K, 128 * K, GPT56, NONE_MAX),
    ROW("gpt-6-astra*", 1050 * K, 128 * K, GPT56, LOW_MAX),
    ROW("gpt-6.1*", 272 * K, 128 * K, GPT56, LOW_MAX),
    ROW("gpt-daybreak*", 400 * K, 128 * K, GPT56, NONE_MAX),

    /* Others. No max_output: the same weights have another limit on each server. */
    ROW("gpt-oss*", 131072, 0, LIKE | CAP_MID_SYSTEM, LOW_HIGH),
    ROW("deepseek*", 0, 0, LIKE | CAP_MID_SYSTEM, 0),
    ROW("deepseek-flash*", 1000 * K, 0, LIKE_SEEING | CAP_MID_SYSTEM, DEEP),
    ROW("deepseek-v4*", 1000 * K, 0, LIKE_SEEING | CAP_MID_SYSTEM, DEEP),
    ROW("deepseek-latest*", 1000 * K, 0, LIKE_SEEING | CAP_MID_SYSTEM, DEEP),
    ROW("glm-*", 0, 0, LIKE_SEEING | CAP_VIDEO, 0),
    ROW("glm-5.2*", 1000 * K, 0, LIKE, E(HIGH) | E(MAX)),
    ROW("glm-5.3*", 1000 * K, 0, LIKE_SEEING | CAP_VIDEO, DEEP),
    ROW("glm-5p3*", 1000 * K, 0, LIKE_SEEING | CAP_VIDEO, DEEP),
    ROW("grok-*", 0, 0, LIKE_SEEING | CAP_MID_SYSTEM, 0),
    ROW("grok-4*", 256 * K, 0, (LIKE_SEEING | CAP_MID_SYSTEM) & ~(CAP_STOP | CAP_PENALTIES), 0),
    ROW("grok-3-mini*", 131072, 0, (LIKE | CAP_MID_SYSTEM) & ~(CAP_STOP | CAP_PENALTIES), E(LOW) | E(HIGH)),
    ROW("grok-4.3*", 1000 * K, 0, (LIKE_SEEING | CAP_MID_SYSTEM) & ~(CAP_STOP | CAP_PENALTIES), NONE_HIGH),
    ROW("grok-4.5*", 500 * K, 0, (LIKE_SEEING | CAP_MID_SYSTEM) & ~(CAP_STOP | CAP_PENALTIES), LOW_HIGH),
    ROW("grok-4.6*", 500 * K, 0, (LIKE_SEEING | CAP_MID_SYSTEM) & ~(CAP_STOP | CAP_PENALTIES), LOW_HIGH | E(XHIGH)),
    ROW("grok-4.7*", 500 * K, 0, (LIKE_SEEING | CAP_MID_SYSTEM) & ~(CAP_STOP | CAP_PENALTIES), LOW_HIGH | E(XHIGH)),
    ROW("kimi*", 262144, 0, LIKE_ALL | CAP_MID_SYSTEM, 0),
    ROW("kimi-k3*", 1048576, 0, (LIKE_ALL | CAP_MID_SYSTEM) & ~(CAP_SAMPLING | CAP_PENALTIES), DEEP),
    ROW("mistral*", 0, 0, LIKE_SEEING & ~CAP_LOGPROBS, 0),
    ROW("mistral-large-4*", 1048576, 0, LIKE_SEEING & ~CAP_LOGPROBS, LOW_HIGH),
    ROW("mistral-medium*", 262144, 0, LIKE_SEEING & ~CAP_LOGPROBS, E(NONE) | E(HIGH)),
    ROW("mistral-small*", 256 * K, 0, LIKE_SEEING & ~CAP_LOGPROBS, E(NONE) | E(HIGH)),
    ROW("magistral*", 128 * K, 0, LIKE & ~CAP_LOGPROBS, 0),
    ROW("minimax-m3*", 512 * K, 0, LIKE_SEEING, LOW_HIGH),
    ROW("qwen*", 0, 0, LIKE_ALL, 0),
    ROW("qwen3.8*", 1000 * K, 0, LIKE_ALL, E(LOW) | E(MEDIUM) | E(XHIGH)),
    /* Seed (seedance.md 16): minimal is not to think */
    ROW("doubao-seed-*", 256 * K, 0, LIKE_ALL | CAP_MID_SYSTEM, MIN_HIGH),
    ROW("dola-seed-*", 256 * K, 0, LIKE_ALL | CAP_MID_SYSTEM, MIN_HIGH),
    ROW("seed-*", 256 * K, 0, LIKE_ALL | CAP_MID_SYSTEM, MIN_HIGH),
    ROW("sonar*", 128 * K, 0, (LIKE_SEEING & ~(CAP_TOOLS | CAP_FORCED_TOOL | CAP_N | CAP_LOGPROBS)), 0),
    {{NULL, 0}, 0, 0, 0, THINK_NONE, 0, 0, 0},
};
