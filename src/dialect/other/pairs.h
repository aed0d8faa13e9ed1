/* The pairs of formats that are translated: inside other/ only. */
#ifndef SLUICE_DIALECT_OTHER_PAIRS_H
#define SLUICE_DIALECT_OTHER_PAIRS_H

#include "dialect/json_write.h"
#include "dialect/other/other.h"

/* common.c */
bool other_refuse(struct request_refusal *r, enum gateway_error e, const char *param, const char *message);
/* Notes each member that is not in the list (blanks between). */
void other_note_rest(struct other_translation *t, const char *known);
const struct json_node *other_member(const struct other_translation *t, struct sl_str name); /* null: absent */
/* "models/M", as Google writes it in bodies and paths; inside. */
struct sl_str other_google_model(const struct other_translation *t);
struct sl_str other_google_path(const struct other_translation *t, const char *verb);

/* vectors.c: a vector in the encoding that the client asked for. `v` is a list of numbers, or base64 of float32, little-endian.
 * False: neither. */
bool other_vector_write(struct json_writer *w, const struct json_tree *t, const struct json_node *v, bool base64);

extern const struct other_pair other_embed_gemini, other_embed_cohere, other_embed_ark;         /* embed.c */
extern const struct other_pair other_rerank_cohere, other_rerank_jina;                          /* rerank.c */
extern const struct other_pair other_images_imagen, other_images_gemini, other_images_seedream; /* images.c */

#endif
