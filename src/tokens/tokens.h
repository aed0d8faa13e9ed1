/* Exact token counts: byte pair encoding with OpenAI's published vocabularies. Who calls: whoever needs to know before the provider
 * has said (admission, routing, count_tokens for providers that have none, `sluice tokens`). Which vocabulary a model has stands in
 * tokens/model.h; what a request weighs besides its text in tokens/chat.h; without a vocabulary there is tokens/ratio.h.
 *
 * Sources: the rank files and patterns of openai/tiktoken 0.14.0 (2026-08), Unicode 16.0. Text that looks like a special token is
 * text. Bytes that are no UTF-8 count as single characters that are no letters: nothing is refused.
 *
 * Time is linear in the bytes, whatever they are. A vocabulary is read-only and may be used by all threads at once. Pure, but for
 * mapping the file. */
#ifndef SLUICE_TOKENS_TOKENS_H
#define SLUICE_TOKENS_TOKENS_H

#include <stdint.h>

#include "base/err.h"
#include "base/str.h"

/* A piece (word, run of blanks, ...) longer than this is counted in parts of this size, so that no input takes memory without
 * bound: about one token too many for each part. */
#define TOKENS_PIECE_MAX ((size_t)1 << 20)

/* -- Vocabularies ------------------------------------------------------------------------------------------------------- */

struct tokens_vocab; /* immutable */

/* Maps a file that dev/tokens/pack made (vocab_format.h), having read it once for its checksum. Nothing of it is resident until it
 * is used. A file that is replaced must be replaced by renaming: what is mapped must not change. */
enum sl_err tokens_vocab_open(const char *path, struct tokens_vocab **out_vocab, struct sl_fail *fail) SL_MUST_CHECK;
void tokens_vocab_close(struct tokens_vocab *v); /* nobody counts with it any more; NULL is accepted */

/* -- Counting ----------------------------------------------------------------------------------------------------------- */

uint64_t tokens_count(const struct tokens_vocab *v, struct sl_str text);

/* The tokens themselves: writes the first `max` numbers to out, gives how many there are. */
uint64_t tokens_encode(const struct tokens_vocab *v, struct sl_str text, uint32_t *out, uint64_t max);

/* The same for text that comes in slices, cut anywhere (inside a character too): the end gives what tokens_count gives for all of
 * it at once. Holds back what the text to come may still change, usually one word. */
struct tokens_counter {
    const struct tokens_vocab *v; /* borrow, until done */
    uint64_t n;                   /* tokens of what is decided */
    unsigned char *held;          /* own: text that is not decided yet */
    size_t held_n, held_room;
    size_t look_at; /* not worth scanning again before this much is held */
};

void tokens_counter_init(struct tokens_counter *c, const struct tokens_vocab *v);
void tokens_counter_done(struct tokens_counter *c); /* also for one that has ended */
void tokens_counter_feed(struct tokens_counter *c, struct sl_str slice);
/* Of all text so far, were it the end. Costs counting what is held; feeding may go on. */
uint64_t tokens_counter_count(const struct tokens_counter *c);

#endif
