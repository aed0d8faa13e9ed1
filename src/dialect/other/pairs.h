/* The pairs of formats that are translated: inside other/ only. */
#ifndef SLUICE_DIALECT_OTHER_PAIRS_H
#define SLUICE_DIALECT_OTHER_PAIRS_H

#include "dialect/json_write.h"
#include "dialect/other/other.h"

/* common.c */
bool other_refuse(struct request_refusal *r, enum gateway_error e, const char *param, const char *message);
/* Tokens of the inputs that nobody reports. */
uint64_t other_guessed(const struct other_translation *t);
/* Notes each member that is not in the list (blanks between). */
void other_note_rest(struct other_translation *t, const char *known);
const struct json_node *other_member(const struct other_translation *t, struct sl_str name); /* null: absent */
/* "models/M", as Google writes it in bodies and paths; inside. */
struct sl_str other_google_model(const struct other_translation *t);
struct sl_str other_google_path(const struct other_translation *t, const char *verb);

/* speech.c */
#define OTHER_WAV_UNKNOWN UINT32_MAX /* bytes of samples: not known yet, as OpenAI writes it */
bool other_wants_pcm(const struct other_look *l);
uint32_t other_sound_rate(struct sl_str mime); /* "audio/L16;codec=pcm;rate=24000", or any text with that in it */
/* stream_sound.c: sound as events (openai.md 13.1) */
void other_sound_event(struct sl_buf *out, struct sl_str bytes);
void other_sound_done(struct sl_buf *out, const struct token_counts *c);
void other_wav_head(struct sl_buf *out, uint32_t rate, uint32_t n);

/* image_events.c: a picture as an event: begin, then end with what it cost (NULL: not said) */
struct other_image {
    const char *name;   /* "b64_json", "url" */
    struct sl_str raw;  /* its value */
    struct sl_str size; /* as answered; inside; empty: as asked */
    int partial;        /* its index; -1: it is no partial one */
};
void other_image_begin(const struct other_translation *t, const struct other_image *i, struct sl_buf *out);
void other_image_end(const struct token_counts *usage, struct sl_buf *out);
void other_image_usage(struct json_writer *w, const struct token_counts *c); /* a member; nothing where none is known */

/* edits.c: gives each picture of an edit (raw, a URL) in order, at most so many. False: refused, by it or by `each`. */
typedef bool other_edit_picture_f(void *arg, struct sl_str raw_url, struct request_refusal *r);
bool other_edit_pictures(struct other_translation *t, uint32_t most, other_edit_picture_f *each, void *arg,
                         struct request_refusal *r);

/* embed.c: what a request for vectors asks for, and what its pairs share. */
struct embed_wish {
    const struct json_node *input; /* a text, or a list of texts */
    uint64_t dimensions;           /* 0: not said */
    bool base64;
};
/* How each body begins: the wish is read, what no pair knows is noted, and the body's object is open. */
bool other_embed_begin(struct other_translation *t, struct json_writer *w, struct embed_wish *out,
                       struct request_refusal *r);
/* Cohere's members but the model, and the end of the body. */
void other_embed_cohere_end(struct other_translation *t, struct json_writer *w, const struct embed_wish *wish);
/* The texts of this call, one after the other: NULL behind the last. i counts from 0. */
const struct json_node *other_embed_text(const struct other_translation *t, const struct embed_wish *w,
                                         const struct json_node *before, uint32_t i);
const char *other_embed_task(const struct other_translation *t); /* Google's word for input_type; NULL: none */
void other_embed_usage(struct other_translation *t, struct sl_str body, struct other_usage *out);
bool other_embed_answer(struct other_translation *t, const struct sl_str *bodies, uint32_t n, struct sl_buf *out);

/* vectors.c: a vector in the encoding that the client asked for. `v` is a list of numbers, or base64 of float32, little-endian.
 * False: neither. */
bool other_vector_write(struct json_writer *w, const struct json_tree *t, const struct json_node *v, bool base64);

extern const struct other_pair other_embed_gemini, other_embed_cohere, other_embed_ark;            /* embed.c */
extern const struct other_pair other_embed_vertex, other_embed_vertex_one, other_embed_vertex_two; /* embed_cloud.c */
extern const struct other_pair other_embed_titan, other_embed_bedrock_cohere;
extern const struct other_pair other_images_vertex, other_images_vertex_gemini;                 /* images.c */
extern const struct other_pair other_speech_gemini, other_speech_vertex;                        /* speech.c */
extern const struct other_pair other_rerank_cohere, other_rerank_jina;                          /* rerank.c */
extern const struct other_pair other_images_imagen, other_images_gemini, other_images_seedream; /* images.c */

#endif
