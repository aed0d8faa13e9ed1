/* What a model can take: data that decides what request_write sends. One table for each dialect (<dialect>/caps.c), rows for model
 * name patterns, the match that fixes most bytes counts; a model that no row knows gets the dialect's "*" row. Sources stand in the tables. */
#ifndef SLUICE_DIALECT_CAPS_H
#define SLUICE_DIALECT_CAPS_H

#include <stdint.h>

#include "base/str.h"
#include "dialect/neutral.h"

enum model_flag {
    CAP_TOOLS = 1 << 0,
    CAP_FORCED_TOOL = 1 << 1,   /* tool_choice any / a named tool */
    CAP_PARALLEL_FLAG = 1 << 2, /* can be told to call one tool at a time */
    CAP_STRICT_TOOLS = 1 << 3,
    CAP_SCHEMA = 1 << 4,      /* structured output by JSON Schema */
    CAP_JSON_SCHEMA = 1 << 5, /* Gemini: parametersJsonSchema, responseJsonSchema; else only its OpenAPI subset */
    CAP_JSON_AND_TOOLS = 1 << 6,
    CAP_SAMPLING = 1 << 7, /* temperature, top_p, top_k */
    CAP_TEMPERATURE_AND_TOP_P = 1 << 8,
    CAP_PENALTIES = 1 << 9,
    CAP_STOP = 1 << 10,
    CAP_LOGPROBS = 1 << 11,
    CAP_N = 1 << 12,
    CAP_PREFILL = 1 << 13,
    CAP_MID_SYSTEM = 1 << 14, /* system messages between turns */
    CAP_DEVELOPER = 1 << 15,  /* the role `developer` */
    CAP_THINKING_OFF = 1 << 16,
    CAP_IMAGES = 1 << 17,
    CAP_IMAGE_URLS = 1 << 18, /* fetches URLs by itself */
    CAP_PDF = 1 << 19,
    CAP_AUDIO = 1 << 20,
    CAP_VIDEO = 1 << 21,
    CAP_IMAGE_OUT = 1 << 22,
    CAP_AUDIO_OUT = 1 << 23,
    CAP_MEDIA_IN_RESULTS = 1 << 24,
    CAP_TOP_CACHE = 1 << 25,      /* Anthropic: cache_control at the top */
    CAP_CALL_IDS = 1 << 26,       /* Gemini: takes ids of function calls */
    CAP_SIGNED_CALLS = 1 << 27,   /* Gemini 3: the first call of a step needs its thought signature */
    CAP_SYSTEM_IN_USER = 1 << 28, /* Gemma: has no place for system text but the first user message */
    CAP_CACHE_MARKS = 1 << 29     /* OpenAI from gpt-5.6: prompt_cache_breakpoint on parts */
};

enum model_thinking {
    THINK_NONE = 0,
    THINK_BUDGET,   /* a number of tokens (Claude up to 4.5, Gemini 2.5) */
    THINK_ADAPTIVE, /* Claude from 4.6: adaptive, with effort */
    THINK_LEVEL,    /* Gemini 3: thinkingLevel */
    THINK_EFFORT    /* OpenAI: reasoning_effort */
};

struct model_caps {
    struct sl_str pattern;        /* "claude-opus-4-6*": '*' is any bytes; compared without case */
    uint32_t context, max_output; /* tokens; 0: not known */
    uint32_t flags;               /* enum model_flag */
    enum model_thinking thinking;
    uint16_t efforts;                /* bit (1 << enum neutral_effort) for each level it takes */
    uint32_t budget_min, budget_max; /* THINK_BUDGET */
};

static inline bool caps_has(const struct model_caps *c, unsigned flag)
{
    return (c->flags & flag) != 0;
}

/* Whether temperature and top_p go with that effort: models of OpenAI's that can be told not to think take them only then (model
 * pages of gpt-5.1, 5.2 and 5.4, November 2026). effort: as wanted; unsaid: their default, which is none. */
static inline bool caps_samples(const struct model_caps *c, enum neutral_effort effort)
{
    bool can_rest = c->thinking == THINK_EFFORT && (c->efforts & (1u << EFFORT_NONE)) != 0;
    return caps_has(c, CAP_SAMPLING) && (!can_rest || effort <= EFFORT_NONE);
}

/* rows: the dialect's table, ended by a row with an empty pattern; has a row "*". Names with a prefix ("anthropic.", "models/",
 * "publishers/google/models/", "us.", "eu.") are looked for without it, too. */
const struct model_caps *caps_find(const struct model_caps *rows, struct sl_str model);

#endif
