/* Inside other/ only: what the two kinds of streams share. */
#ifndef SLUICE_DIALECT_OTHER_STREAM_INT_H
#define SLUICE_DIALECT_OTHER_STREAM_INT_H

#include "dialect/other/pairs.h"
#include "dialect/other/stream.h"

/* stream.c */
void other_stream_fails(struct other_stream *s, const struct answer_error *e); /* the first counts */
/* Usage and errors of an event of Gemini's, and its finishReason (inside; empty: none). False: it has an error. */
bool other_stream_gemini(struct other_stream *s, const struct json_tree *t, struct sl_str *out_finish);
/* A finishReason, or a prompt's blockReason, behind which there is no answer. */
void other_stream_refused(struct other_stream *s, struct sl_str word);

/* stream_pictures.c */
bool other_pictures_next(struct other_stream *s, struct sl_str *in); /* false: nothing more is read */
void other_pictures_end(struct other_stream *s);

/* stream_sound.c */
bool other_sound_next(struct other_stream *s, struct sl_str *in);
void other_sound_end(struct other_stream *s);

#endif
