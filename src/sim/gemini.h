/* Gemini's generateContent, read and written: gemini.md 3 to 8, 10, 20 (November 2026). Inside sim/ only. */
#ifndef SLUICE_SIM_GEMINI_H
#define SLUICE_SIM_GEMINI_H

#include "sim/ask.h"

enum gemini_flag {
    GEMINI_LEVEL = 1 << 0,   /* thinkingConfig.thinkingLevel */
    GEMINI_BUDGET = 1 << 1,  /* thinkingConfig.thinkingBudget */
    GEMINI_SIGNED = 1 << 2,  /* the first call of a step needs its signature */
    GEMINI_PREFILL = 1 << 3, /* takes a model turn at the end */
    GEMINI_MIXES = 1 << 4,   /* functions beside built-in tools and JSON output; media in results */
    GEMINI_PENALTIES = 1 << 5,
    GEMINI_SYSTEM = 1 << 6, /* systemInstruction */
    GEMINI_TOOLS = 1 << 7,
    GEMINI_THINKS = 1 << 8, /* always */
    GEMINI_MANY = 1 << 9,   /* candidates */
    GEMINI_LAX = 1 << 10    /* calls need no answers */
};

/* Members by either spelling, "maxOutputTokens" and "max_output_tokens"; null counts as absent. */
yyjson_val *gemini_get(yyjson_val *obj, const char *camel);

enum gemini_body {
    GEMINI_GENERATE = 0,
    GEMINI_COUNT
};
/* Refuses members that Google's parser does not know, and values of the wrong kind. */
bool gemini_check(struct sim_call *c, yyjson_val *root, enum gemini_body body);

struct gemini_reader {
    struct sim_ask *a;
    struct sim_call *c;
    unsigned flags;
    bool functions, built_in; /* kinds of tools */
};

bool gemini_read(struct sim_ask *a, yyjson_val *root);
bool gemini_read_tools(struct gemini_reader *r, yyjson_val *root);

#endif
