/* Which counter is right for which model: a table. Pure, static. */
#ifndef SLUICE_TOKENS_MODEL_H
#define SLUICE_TOKENS_MODEL_H

#include <stdbool.h>
#include <stdint.h>

#include "base/str.h"
#include "tokens/ratio.h"

/* What a request weighs besides its text (tokens/chat.c). */
enum tokens_frame {
    TOKENS_FRAME_GPT = 0, /* gpt-3.5, gpt-4, gpt-4o, gpt-4.1 */
    TOKENS_FRAME_O,       /* o1, o3, o4 */
    TOKENS_FRAME_GPT5,
    TOKENS_FRAME_CLAUDE,
    TOKENS_FRAME_CLAUDE45, /* since Claude 4.5 */
    TOKENS_FRAME_GEMINI,
    TOKENS_FRAME_OTHER,
    TOKENS_FRAMES
};

/* How an image is turned into tokens (tokens/image.c). */
enum tokens_image_rule {
    TOKENS_IMAGE_NONE = 0, /* not known: a flat sum */
    TOKENS_IMAGE_GPT4O,
    TOKENS_IMAGE_GPT4O_MINI,
    TOKENS_IMAGE_GPT5,
    TOKENS_IMAGE_O1,
    TOKENS_IMAGE_PATCH_120, /* 32-pixel patches; the factor in hundredths */
    TOKENS_IMAGE_PATCH_162,
    TOKENS_IMAGE_PATCH_172,
    TOKENS_IMAGE_PATCH_246,
    TOKENS_IMAGE_CLAUDE,
    TOKENS_IMAGE_CLAUDE_LARGE, /* since Claude Opus 4.7 */
    TOKENS_IMAGE_GEMINI2,
    TOKENS_IMAGE_GEMINI3,
    TOKENS_IMAGE_RULES
};

struct tokens_method {
    const char *name;              /* "o200k_base", "claude", ...: for people and records */
    enum tokens_encoding encoding; /* what the text is counted with */
    bool is_exact;                 /* it is the model's own */
    uint16_t permille;             /* times this: tokens of the model for a thousand of these */
    int16_t low_percent,
        high_percent; /* estimate against truth, 5th and 95th percentile, for answers of 20 tokens and more */
    const char *source;
};

struct tokens_model {
    const char *prefix; /* of the model's name; a hyphen also stands for a dot */
    const struct tokens_method *method;
    enum tokens_frame frame;
    enum tokens_image_rule image;
};

/* Never NULL: what is not known is estimated. Accepts names as clients write them: "gpt-4o-2024-08-06", "openai/gpt-4o",
 * "ft:gpt-4o-mini:org::id", "models/gemini-2.5-pro", "us.anthropic.claude-opus-4-7-v1:0". */
const struct tokens_model *tokens_model_of(struct sl_str name);

#endif
