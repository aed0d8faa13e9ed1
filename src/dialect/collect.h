/* Events of an answer put together: for clients that did not ask for a stream, and for tests of the law that the assembled stream
 * is the answer. And the reverse: an answer as events. */
#ifndef SLUICE_DIALECT_COLLECT_H
#define SLUICE_DIALECT_COLLECT_H

#include "base/arena.h"
#include "base/buf.h"
#include "dialect/neutral.h"

struct neutral_answer_choice {
    struct neutral_part
        *parts; /* TEXT, REASONING (one for each block), REFUSAL, TOOL_CALL, IMAGE, AUDIO, HOSTED in order */
    enum neutral_finish finish;
    struct sl_str finish_text;   /* inside */
    struct sl_str stop_sequence; /* inside */
    struct sl_str logprobs;      /* raw: the elements of OpenAI's content array, joined by commas, without brackets */
    const struct neutral_citation *citations;
    uint32_t n_citations;
};

struct neutral_answer {
    struct sl_str id, model, tier; /* inside */
    struct neutral_answer_choice *choices;
    uint32_t n_choices; /* at least 1 once anything came */
    struct token_counts usage;
    bool failed;
    struct neutral_error error;
};

struct neutral_collector; /* in the arena */
struct neutral_collector *neutral_collector_new(struct sl_arena *a);
struct neutral_sink neutral_collector_sink(struct neutral_collector *c);
/* What came so far; arguments of calls are unescaped (raw JSON), pieces of a block joined. Views live as long as the arena. */
const struct neutral_answer *neutral_collected(struct neutral_collector *c);

/* The answer as events: START, parts block by block, USAGE, FINISH for each choice. */
void neutral_replay(const struct neutral_answer *answer, struct sl_arena *a, const struct neutral_sink *to);

#endif
