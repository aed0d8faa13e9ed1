/* Media inside messages: data URLs, base64, and what the bytes really are. */
#ifndef SLUICE_DIALECT_MEDIA_H
#define SLUICE_DIALECT_MEDIA_H

#include "base/arena.h"
#include "dialect/neutral.h"

/* Fills source, data and mime from a URL (inside): "data:" URLs (base64 or percent-encoded; RFC 2397) become NS_BASE64 or, of text
 * types, NS_TEXT; others stay NS_URL. False: a malformed data URL. */
bool media_from_url(struct sl_str url, struct sl_arena *a, struct neutral_media *out);

/* base64 as providers want it: no blanks, the standard alphabet, padded; a view when it was. Empty: it is none. */
struct sl_str media_base64(struct sl_str data, struct sl_arena *a);
/* Decodes; false: not base64. */
bool media_decode(struct sl_str base64, struct sl_arena *a, struct sl_str *out);
struct sl_str media_encode(struct sl_str bytes, struct sl_arena *a);

/* The type by the first bytes (of base64): "image/png", "image/jpeg", "image/gif", "image/webp", "application/pdf", "audio/wav",
 * "audio/mpeg", "audio/ogg", "audio/flac", "audio/mp4", "video/mp4", "video/webm"; empty: none of these. */
struct sl_str media_sniff(struct sl_str base64);
/* Whether a type (lower case, no parameters) is read as text. */
bool media_is_text(struct sl_str mime);
/* The type by a file name's ending; empty: not known. */
struct sl_str media_by_name(struct sl_str filename);
/* The name of a file for OpenAI, which goes by its ending: a document of Claude's has a title at most. name: inside. */
struct sl_str media_file_name(struct sl_str name, bool pdf, struct sl_arena *a);

#endif
