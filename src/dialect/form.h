/* Requests that are forms (multipart/form-data) and kept whole: transcriptions, translations of speech, edits and variations of
 * images. What routing needs is read from the fields; to a provider the body goes as it came, with the model's name replaced.
 * Sources: openai.md 12.1, 13.2, 13.3 (November 2026). Pure. */
#ifndef SLUICE_DIALECT_FORM_H
#define SLUICE_DIALECT_FORM_H

#include "dialect/dialect.h"

struct form_facts {
    size_t model_from, model_to; /* the model's value in the body */
    uint32_t files;
    uint64_t file_bytes;         /* of all of them */
    struct sl_str size, quality; /* of pictures; empty: not said */
};

/* body: the whole form, content_type: with its boundary. f is filled as request_decode fills it (no JSON members). False:
 * *out_refusal says why. Texts are views of the body or in the arena. */
bool form_read(enum operation op, struct sl_str content_type, struct sl_str body, struct sl_arena *a,
               struct request_facts *f, struct form_facts *out, struct request_refusal *out_refusal);

/* The same form for a provider that calls the model so; empty or equal to f->model: unchanged. Slices of the body. */
void form_encode(const struct request_facts *f, const struct form_facts *form, struct sl_str body, struct sl_str model,
                 struct sl_arena *a, struct body_pieces *out);

#endif
