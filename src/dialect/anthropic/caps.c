/* What Claude models take. Source: anthropic.md 2.8, 2.3, 2.10 (platform documents of August 2026, @ai-sdk/anthropic 4.0.105) and
 * bedrock.md 1, 4.1, 11.2. Effort bits: NONE stands for thinking.type between_tools. */
#include "dialect/anthropic/anthropic.h"

#define LOW_TO(e) ((2u << (e)) - (1u << EFFORT_LOW))
#define TO_MAX LOW_TO(EFFORT_MAX)
#define TO_MAX_BUT_XHIGH (TO_MAX & ~EFFORT_BIT_OF(EFFORT_XHIGH))
#define EFFORT_BIT_OF(e) (1u << (e))

#define BASE                                                                                                           \
    (CAP_TOOLS | CAP_PARALLEL_FLAG | CAP_STOP | CAP_IMAGES | CAP_IMAGE_URLS | CAP_PDF | CAP_MEDIA_IN_RESULTS |         \
     CAP_TOP_CACHE)
#define STRUCTURED (CAP_SCHEMA | CAP_STRICT_TOOLS | CAP_JSON_SCHEMA | CAP_JSON_AND_TOOLS)
#define OLD (BASE | CAP_FORCED_TOOL | CAP_SAMPLING | CAP_THINKING_OFF) /* up to 4.6 */
#define NEW (BASE | STRUCTURED)                                        /* from 4.7 on */

#define MILLION 1000000u
#define ADAPTIVE(name, more, levels)                                                                                   \
    {                                                                                                                  \
        .pattern = SL_STR_INIT(name), .context = MILLION, .max_output = 128000, .flags = NEW | (more),                 \
        .thinking = THINK_ADAPTIVE, .efforts = (levels)                                                                \
    }
#define MANUAL(name, output, more, levels)                                                                             \
    {                                                                                                                  \
        .pattern = SL_STR_INIT(name), .context = 200000, .max_output = (output), .flags = OLD | (more),                \
        .thinking = THINK_BUDGET, .efforts = (levels), .budget_min = 1024, .budget_max = (output)-1                    \
    }

const struct model_caps anthropic_caps[] = {
    /* servers that copy this format */
    {.pattern = SL_STR_INIT("*"),
     .flags = CAP_TOOLS | CAP_PARALLEL_FLAG | CAP_STOP | CAP_IMAGES | CAP_PDF | CAP_FORCED_TOOL | CAP_SAMPLING |
              CAP_TEMPERATURE_AND_TOP_P | CAP_PREFILL | CAP_THINKING_OFF | CAP_MEDIA_IN_RESULTS,
     .thinking = THINK_BUDGET,
     .budget_min = 1024},
    /* of Anthropic's own but not known by name: as the newest ones, for they take the least */
    ADAPTIVE("claude*", 0, TO_MAX),
    ADAPTIVE("claude-fable-5*", CAP_MID_SYSTEM, TO_MAX),
    ADAPTIVE("claude-mythos-5*", CAP_MID_SYSTEM, TO_MAX),
    ADAPTIVE("claude-mythos-preview*", 0, TO_MAX),
    ADAPTIVE("claude-opus-5*", CAP_MID_SYSTEM | CAP_FORCED_TOOL | CAP_THINKING_OFF, TO_MAX),
    ADAPTIVE("claude-opus-5-5*", CAP_MID_SYSTEM, TO_MAX),
    ADAPTIVE("claude-sonnet-5*", CAP_FORCED_TOOL | CAP_THINKING_OFF, TO_MAX),
    ADAPTIVE("claude-sonnet-5-5*", 0, TO_MAX | EFFORT_BIT_OF(EFFORT_NONE)),
    ADAPTIVE("claude-haiku-5-5*", CAP_FORCED_TOOL | CAP_THINKING_OFF, TO_MAX),
    ADAPTIVE("claude-opus-4-8*", CAP_MID_SYSTEM | CAP_FORCED_TOOL | CAP_THINKING_OFF, TO_MAX),
    ADAPTIVE("claude-opus-4-7*", CAP_FORCED_TOOL | CAP_THINKING_OFF, TO_MAX),
    ADAPTIVE("claude-opus-4-6*", CAP_FORCED_TOOL | CAP_SAMPLING | CAP_THINKING_OFF, TO_MAX_BUT_XHIGH),
    ADAPTIVE("claude-sonnet-4-6*", CAP_FORCED_TOOL | CAP_SAMPLING | CAP_THINKING_OFF, TO_MAX_BUT_XHIGH),
    MANUAL("claude-opus-4-5*", 64000, STRUCTURED | CAP_PREFILL, LOW_TO(EFFORT_HIGH)),
    MANUAL("claude-sonnet-4-5*", 64000, STRUCTURED | CAP_PREFILL, 0),
    MANUAL("claude-haiku-4-5*", 64000, STRUCTURED | CAP_PREFILL, 0),
    /* out of service at Anthropic, still found on other platforms (limits: memory) */
    MANUAL("claude-opus-4*", 32000, CAP_PREFILL | CAP_TEMPERATURE_AND_TOP_P, 0),
    MANUAL("claude-sonnet-4*", 64000, CAP_PREFILL | CAP_TEMPERATURE_AND_TOP_P, 0),
    MANUAL("claude-3-7*", 64000, CAP_PREFILL | CAP_TEMPERATURE_AND_TOP_P, 0),
    {.pattern = SL_STR_INIT("claude-3*"),
     .context = 200000,
     .max_output = 4096,
     .flags = OLD | CAP_PREFILL | CAP_TEMPERATURE_AND_TOP_P},
    {.pattern = SL_STR_INIT("claude-3-5*"),
     .context = 200000,
     .max_output = 8192,
     .flags = OLD | CAP_PREFILL | CAP_TEMPERATURE_AND_TOP_P},
    {.pattern = SL_STR_NONE},
};

/* What a platform refuses that Anthropic's own API takes. */
static const struct {
    struct sl_str platform, pattern;
    uint32_t refused;
} refusals[] = {
    {SL_STR_INIT("bedrock"), SL_STR_INIT("*"), CAP_IMAGE_URLS | CAP_TOP_CACHE},
    {SL_STR_INIT("bedrock"), SL_STR_INIT("claude-opus-4-7"), CAP_SCHEMA | CAP_STRICT_TOOLS},
    {SL_STR_INIT("bedrock"), SL_STR_INIT("claude-opus-4-8"), CAP_SCHEMA | CAP_STRICT_TOOLS},
    {SL_STR_INIT("bedrock"), SL_STR_INIT("claude-opus-5"), CAP_SCHEMA | CAP_STRICT_TOOLS},
    {SL_STR_INIT("bedrock"), SL_STR_INIT("claude-sonnet-5"), CAP_SCHEMA | CAP_STRICT_TOOLS | CAP_MID_SYSTEM},
    {SL_STR_INIT("bedrock"), SL_STR_INIT("claude-haiku-5"), CAP_SCHEMA | CAP_STRICT_TOOLS | CAP_MID_SYSTEM},
    {SL_STR_INIT("bedrock"), SL_STR_INIT("claude-fable-5"), CAP_SCHEMA | CAP_STRICT_TOOLS},
    {SL_STR_INIT("bedrock"), SL_STR_INIT("claude-mythos-5"), CAP_SCHEMA | CAP_STRICT_TOOLS},
    {SL_STR_INIT("vertex"), SL_STR_INIT("*"), CAP_IMAGE_URLS | CAP_MID_SYSTEM},
};

uint32_t anthropic_flags(const struct model_caps *caps, struct sl_str model, struct sl_str platform)
{
    uint32_t flags = caps->flags;
    for (size_t i = 0; i < sizeof refusals / sizeof refusals[0]; i++) {
        struct sl_str pattern = refusals[i].pattern;
        if (sl_str_eq(refusals[i].platform, platform) &&
            (sl_str_eq(pattern, SL_STR("*")) || sl_str_find_str(model, pattern) >= 0))
            flags &= ~refusals[i].refused;
    }
    return flags;
}
