/* Rules and sources. OpenAI: "Images and vision" guide (2025-08 to 2026-06); checked on recorded calls: 255 (gpt-4o, one tile), 425 and
 * 1,105 (gpt-4-vision), 8,500 (gpt-4o-mini). For gpt-5-mini the guide of 2025 says a factor of 1.62, but a recorded image of 597 x 566
 * (342 patches) cost at most 475 with its text: 1.20. Anthropic: wire/anthropic.md section 1. Gemini: "Media resolution" and
 * "Understand and count tokens" (2025-11 to 2026). */
#include "tokens/image.h"

#define SIDE_ASSUMED 1024u
#define FLAT 1000u /* where no rule is known */

struct size {
    uint64_t w, h;
};

static uint64_t divide_up(uint64_t n, uint64_t by)
{
    return n / by + (n % by != 0);
}

/* Scales down so that neither side is longer than `most`. */
static struct size fit_within(struct size s, uint64_t most)
{
    uint64_t longer = s.w > s.h ? s.w : s.h;
    if (longer <= most)
        return s;
    return (struct size){s.w * most / longer, s.h * most / longer};
}

/* Scales down so that the shorter side is not longer than `most`. */
static struct size shrink_shorter(struct size s, uint64_t most)
{
    uint64_t shorter = s.w < s.h ? s.w : s.h;
    if (shorter <= most)
        return s;
    return (struct size){s.w * most / shorter, s.h * most / shorter};
}

static uint64_t at_least_1(uint64_t n)
{
    return n > 0 ? n : 1;
}

/* A flat sum, and one for each tile of 512 pixels. */
static uint64_t tiles(struct size s, enum tokens_detail detail, uint32_t flat, uint32_t each)
{
    if (detail == TOKENS_DETAIL_LOW)
        return flat;
    s = shrink_shorter(fit_within(s, 2048), 768);
    return flat + at_least_1(divide_up(s.w, 512)) * at_least_1(divide_up(s.h, 512)) * each;
}

/* Squares of `side` pixels, so many at most (larger images are scaled down to that), times hundredths. */
static uint64_t patches(struct size s, uint32_t side, uint64_t most, uint32_t hundredths)
{
    uint64_t n = at_least_1(divide_up(s.w, side)) * at_least_1(divide_up(s.h, side));
    return divide_up((n < most ? n : most) * hundredths, 100);
}

static uint64_t gemini2(struct size s, enum tokens_detail detail)
{
    if (detail == TOKENS_DETAIL_LOW)
        return 64;
    if (s.w <= 384 && s.h <= 384)
        return 258;
    return 258 * at_least_1(divide_up(s.w, 768)) * at_least_1(divide_up(s.h, 768));
}

static uint64_t gemini3(enum tokens_detail detail)
{
    static const uint32_t by_detail[] = {[TOKENS_DETAIL_AUTO] = 1120,
                                         [TOKENS_DETAIL_LOW] = 280,
                                         [TOKENS_DETAIL_MEDIUM] = 560,
                                         [TOKENS_DETAIL_HIGH] = 1120,
                                         [TOKENS_DETAIL_ULTRA] = 2240};
    return by_detail[detail];
}

static uint64_t by_rule(enum tokens_image_rule rule, struct size s, enum tokens_detail detail)
{
    switch (rule) {
    case TOKENS_IMAGE_GPT4O:
        return tiles(s, detail, 85, 170);
    case TOKENS_IMAGE_GPT4O_MINI:
        return tiles(s, detail, 2833, 5667);
    case TOKENS_IMAGE_GPT5:
        return tiles(s, detail, 70, 140);
    case TOKENS_IMAGE_O1:
        return tiles(s, detail, 75, 150);
    case TOKENS_IMAGE_PATCH_120:
        return patches(s, 32, 1536, 120);
    case TOKENS_IMAGE_PATCH_162:
        return patches(s, 32, 1536, 162);
    case TOKENS_IMAGE_PATCH_172:
        return patches(s, 32, 1536, 172);
    case TOKENS_IMAGE_PATCH_246:
        return patches(s, 32, 1536, 246);
    case TOKENS_IMAGE_CLAUDE:
        return patches(s, 28, 1568, 100);
    case TOKENS_IMAGE_CLAUDE_LARGE:
        return patches(s, 28, 4784, 100);
    case TOKENS_IMAGE_GEMINI2:
        return gemini2(s, detail);
    case TOKENS_IMAGE_GEMINI3:
        return gemini3(detail);
    case TOKENS_IMAGE_NONE:
    case TOKENS_IMAGE_RULES:
        break;
    }
    return FLAT;
}

uint32_t tokens_of_image(enum tokens_image_rule rule, uint32_t width, uint32_t height, enum tokens_detail detail)
{
    struct size s = {width > 0 ? width : SIDE_ASSUMED, height > 0 ? height : SIDE_ASSUMED};
    uint64_t n = by_rule(rule, s, detail);
    return n < UINT32_MAX ? (uint32_t)n : UINT32_MAX;
}
