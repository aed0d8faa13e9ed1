/* Counting for a model: exactly where its vocabulary is public and there, else by another vocabulary, else by what the text looks
 * like; and saying which of these it was. */
#ifndef SLUICE_TOKENS_METER_H
#define SLUICE_TOKENS_METER_H

#include "tokens/model.h"
#include "tokens/tokens.h"

#define TOKENS_PATH_MAX 4096

/* -- Vocabularies that are there ---------------------------------------------------------------------------------------- */

struct tokens_set {
    struct tokens_vocab *vocab[TOKENS_ENCODINGS]; /* own; NULL: not there */
};

/* Opens <directory>/<name>.vocab. With NULL, where sluice looks by itself: beside the executable, in ../share/sluice, and in the
 * share directory of a build tree. What could not be opened stays NULL and is estimated; then the first failure is given. */
enum sl_err tokens_set_open(struct tokens_set *s, const char *directory, struct sl_fail *fail);
void tokens_set_done(struct tokens_set *s);

/* -- Counts ------------------------------------------------------------------------------------------------------------- */

struct tokens_answer {
    uint64_t n;
    const struct tokens_method *method;
    bool is_exact;    /* the model's own tokens */
    bool is_by_looks; /* the vocabulary is missing: ratio.h, whose error adds to the method's */
};

/* A text in slices. */
struct tokens_meter {
    const struct tokens_method *method;
    struct tokens_counter counter; /* with a vocabulary */
    struct tokens_tally tally;     /* without */
};

void tokens_meter_init(struct tokens_meter *m, const struct tokens_set *set,
                       const struct tokens_method *method); /* borrows set */
void tokens_meter_done(struct tokens_meter *m);
void tokens_meter_feed(struct tokens_meter *m, struct sl_str slice);
struct tokens_answer tokens_meter_answer(const struct tokens_meter *m);

/* The whole text at once. `set` may be NULL. */
struct tokens_answer tokens_of_text(const struct tokens_set *set, struct sl_str model, struct sl_str text);

#endif
