/* How hard a model shall think, in words and in tokens. The tables that every pair of formats uses, so that there and back gives
 * the same word. Sources: translate-openai-anthropic.md 2.7 and 5.1, translate-gemini.md 6 (November 2026). */
#ifndef SLUICE_DIALECT_EFFORT_H
#define SLUICE_DIALECT_EFFORT_H

#include "dialect/caps.h"
#include "dialect/neutral.h"

/* "none", "minimal", "low", "medium", "high", "xhigh", "max"; any case (Gemini shouts). EFFORT_UNSAID: no such word. */
enum neutral_effort effort_of(struct sl_str word);
struct sl_str effort_word(enum neutral_effort e); /* static; UNSAID: empty */

/* The level that a model takes for the one wanted: it, else the nearest below it, else the nearest above; NONE is only chosen when
 * wanted, and gives the lowest where it is missing. efforts: model_caps.efforts. UNSAID: the model takes none at all. */
enum neutral_effort effort_fit(enum neutral_effort wanted, uint16_t efforts);
#define EFFORT_BIT(e) (1u << (e))

/* A budget of tokens in words (Anthropic's budget_tokens; numbers for Gemini 3): 0 is NONE; below 1,024 minimal, 4,096 low, 16,384
 * medium, else high. -1 and -2 (not said, the model decides): UNSAID. */
enum neutral_effort effort_of_budget(int64_t budget);
/* The same for a Gemini client's thinkingBudget: by nearest in the table of effort_budget_google; 1 to 1,024 is low. */
enum neutral_effort effort_of_budget_google(int64_t budget);

/* Tokens of Anthropic's manual thinking: a share of max_tokens, at least 1,024 and below max_tokens. 0: no thinking (NONE, UNSAID or
 * max_tokens of 2,048 and less). */
uint64_t effort_budget(enum neutral_effort e, uint64_t max_tokens);
/* Tokens for Gemini 2.5, within the model's range. NONE gives 0 where the model can be told not to think, else its least. -1: UNSAID. */
int64_t effort_budget_google(enum neutral_effort e, const struct model_caps *caps);

/* What a request asks for, whichever way it was said: its effort, else its budget in words. */
enum neutral_effort effort_wanted(const struct neutral_reasoning *r);

#endif
