/* What an image, a page or a second of sound costs in tokens, by the vendors' rules (image.c names them). Pure. */
#ifndef SLUICE_TOKENS_IMAGE_H
#define SLUICE_TOKENS_IMAGE_H

#include "tokens/model.h"

enum tokens_detail {
    TOKENS_DETAIL_AUTO = 0, /* or not said */
    TOKENS_DETAIL_LOW,
    TOKENS_DETAIL_MEDIUM, /* Gemini */
    TOKENS_DETAIL_HIGH,
    TOKENS_DETAIL_ULTRA /* "original" of OpenAI's, ULTRA_HIGH of Gemini's */
};

/* Pixels; 0: not known, then one of 1024 by 1024 is assumed. Any size is accepted. */
uint32_t tokens_of_image(enum tokens_image_rule rule, uint32_t width, uint32_t height, enum tokens_detail detail);

#endif
