/* What Gemini models take. gemini.md sections 6.1 and 22.1, November 2026. Version numbers do not order capabilities, so each model
 * has its row; a gemini-* that no row knows is like the newest flash.
 *
 * CAP_CALL_IDS is of the Gemini API; the writer leaves ids out on Vertex whatever the row says. CAP_LOGPROBS is of Vertex. */
#include "dialect/gemini/gemini.h"

#define ALL                                                                                                            \
    (CAP_TOOLS | CAP_FORCED_TOOL | CAP_STRICT_TOOLS | CAP_SCHEMA | CAP_JSON_SCHEMA | CAP_STOP | CAP_IMAGES | CAP_PDF | \
     CAP_AUDIO | CAP_VIDEO | CAP_CALL_IDS | CAP_LOGPROBS)
#define OLD (ALL | CAP_SAMPLING | CAP_TEMPERATURE_AND_TOP_P | CAP_PREFILL) /* 2.5: penalties on Vertex only */
#define NEW (ALL | CAP_PENALTIES | CAP_JSON_AND_TOOLS | CAP_MEDIA_IN_RESULTS | CAP_SIGNED_CALLS)
#define NEW_SAMPLED (NEW | CAP_SAMPLING | CAP_TEMPERATURE_AND_TOP_P | CAP_PREFILL)
#define IMAGES_OUT (CAP_IMAGES | CAP_IMAGE_OUT | CAP_STOP | CAP_SAMPLING | CAP_TEMPERATURE_AND_TOP_P | CAP_PREFILL)

#define E(name) (1u << EFFORT_##name)
#define FROM_MINIMAL (E(MINIMAL) | E(LOW) | E(MEDIUM) | E(HIGH))
#define FROM_LOW (E(LOW) | E(MEDIUM) | E(HIGH))

#define M 1048576u
#define OUT 65536u

const struct model_caps gemini_caps[] = {
    {SL_STR_INIT("*"), M, OUT, NEW, THINK_LEVEL, FROM_LOW, 0, 0},
    {SL_STR_INIT("gemini-1*"), M, 8192, (OLD | CAP_PENALTIES) & ~CAP_JSON_SCHEMA, THINK_NONE, 0, 0, 0},
    {SL_STR_INIT("gemini-2.0-*"), M, 8192, (OLD | CAP_PENALTIES) & ~CAP_JSON_SCHEMA, THINK_NONE, 0, 0, 0},
    {SL_STR_INIT("gemini-2.5-*"), M, OUT, OLD | CAP_THINKING_OFF, THINK_BUDGET, 0, 0, 24576},
    {SL_STR_INIT("gemini-2.5-flash*"), M, OUT, OLD | CAP_THINKING_OFF, THINK_BUDGET, 0, 0, 24576},
    {SL_STR_INIT("gemini-2.5-flash-lite*"), M, OUT, OLD | CAP_THINKING_OFF, THINK_BUDGET, 0, 512, 24576},
    {SL_STR_INIT("gemini-2.5-pro*"), M, OUT, OLD, THINK_BUDGET, 0, 128, 32768},
    {SL_STR_INIT("gemini-2.5-flash-image*"), 32768, 32768, IMAGES_OUT, THINK_NONE, 0, 0, 0},
    {SL_STR_INIT("gemini-2.5-*-tts"), 8192, 16384, CAP_AUDIO_OUT | CAP_SAMPLING | CAP_TEMPERATURE_AND_TOP_P, THINK_NONE,
     0, 0, 0},
    {SL_STR_INIT("gemini-3-flash*"), M, OUT, NEW_SAMPLED, THINK_LEVEL, FROM_MINIMAL, 0, 0},
    {SL_STR_INIT("gemini-3.1-flash-lite*"), M, OUT, NEW_SAMPLED, THINK_LEVEL, FROM_MINIMAL, 0, 0},
    {SL_STR_INIT("gemini-3.5-flash*"), M, OUT, NEW_SAMPLED, THINK_LEVEL, FROM_MINIMAL, 0, 0},
    {SL_STR_INIT("gemini-3.5-flash-lite*"), M, OUT, NEW, THINK_LEVEL, FROM_MINIMAL, 0, 0},
    {SL_STR_INIT("gemini-3.6-flash*"), M, OUT, NEW, THINK_LEVEL, FROM_MINIMAL, 0, 0},
    {SL_STR_INIT("gemini-3-pro*"), M, OUT, NEW_SAMPLED, THINK_LEVEL, E(LOW) | E(HIGH), 0, 0},
    {SL_STR_INIT("gemini-3.1-pro*"), M, OUT, NEW_SAMPLED, THINK_LEVEL, FROM_LOW, 0, 0},
    {SL_STR_INIT("gemini-3-pro-image*"), 65536, 32768,
     (NEW | CAP_IMAGE_OUT | CAP_SAMPLING | CAP_TEMPERATURE_AND_TOP_P | CAP_PREFILL) & ~(CAP_SCHEMA | CAP_JSON_SCHEMA),
     THINK_BUDGET, 0, 0, 32768},
    {SL_STR_INIT("gemini-3.1-*-image*"), 65536, 32768, IMAGES_OUT, THINK_NONE, 0, 0, 0},
    {SL_STR_INIT("gemini-nano-banana*"), 65536, 32768, IMAGES_OUT, THINK_NONE, 0, 0, 0},
    {SL_STR_INIT("nano-banana*"), 65536, 32768, IMAGES_OUT, THINK_NONE, 0, 0, 0},
    {SL_STR_INIT("gemini-3*-tts*"), 8192, 16384, CAP_AUDIO_OUT | CAP_SAMPLING | CAP_TEMPERATURE_AND_TOP_P, THINK_NONE,
     0, 0, 0},
    {SL_STR_INIT("gemini-4-*"), M, 0, NEW, THINK_LEVEL, FROM_LOW, 0, 0},
    {SL_STR_INIT("gemini-4-hydrogen*"), M, 0, NEW, THINK_LEVEL, FROM_LOW | E(XHIGH), 0, 0},
    {SL_STR_INIT("gemma-*"), 131072, 32768,
     (OLD | CAP_PENALTIES | CAP_SYSTEM_IN_USER) & ~(CAP_JSON_SCHEMA | CAP_STRICT_TOOLS | CAP_CALL_IDS | CAP_VIDEO),
     THINK_NONE, 0, 0, 0},
    {{NULL, 0}, 0, 0, 0, THINK_NONE, 0, 0, 0},
};
