/* A request without what models thought earlier: for the one more try when a provider does not believe a signature that it is
 * shown (translate-openai-anthropic.md 15, translate-gemini.md 10, November 2026). Pure. */
#ifndef SLUICE_DIALECT_REASONING_H
#define SLUICE_DIALECT_REASONING_H

#include "dialect/dialect.h"

/* Whether a provider's error is about reasoning of earlier turns: its signature, its encrypted content, its absence. */
bool reasoning_is_refused(const struct answer_error *e, struct sl_arena *a);

/* Takes reasoning and signatures out of the messages. False: there were none. */
bool reasoning_forget(struct neutral_request *r);

/* The same in a body of that dialect, everything else keeps its bytes. Anthropic: thinking that was asked for by a budget is
 * switched off, which needs the blocks. Gemini: the value that stands for a lost signature goes to the first call of a content.
 * False: nothing to take out, or this format has none. */
bool reasoning_strip(const struct dialect *d, struct sl_str body, struct sl_arena *a, struct sl_str *out);

/* What left is called in the client's format, for x-sluice-dropped. Static. */
struct sl_str reasoning_term(const struct dialect *face);

#endif
