/* Decoding of compressed request bodies: gzip, deflate (zlib), br, zstd. Sans-I/O, streaming, bounded: a decoded maximum and
 * a ratio, so that a bomb costs nothing. RFC 9110 8.4, 1952, 1950, 7932, 8878, 9659.
 *
 *     d = body_decoder_new(coding, max_decoded);
 *     per slice: do { r = body_decoder_feed(d, &in, out, cap, &n); use n bytes of out; } while (r == BODY_OUT);
 *     at the end of the body: body_decoder_is_whole(d), else the body is truncated
 *     body_decoder_free(d); */
#ifndef SLUICE_HTTP_BODY_H
#define SLUICE_HTTP_BODY_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/str.h"

enum body_coding {
    BODY_IDENTITY = 0, /* no content-encoding, or "identity" */
    BODY_GZIP,         /* "gzip", "x-gzip" */
    BODY_DEFLATE,
    BODY_BR,
    BODY_ZSTD,
    BODY_UNKNOWN /* something else, or several codings: 415 */
};

#define BODY_RATIO_MAX 100u          /* decoded bytes for one encoded; JSON prompts stay under 20 */
#define BODY_RATIO_FREE_BYTES 65536u /* decoded bytes before the ratio counts: a small body of blanks is no bomb */
#define BODY_ZSTD_WINDOW_LOG 23      /* 8 MiB: RFC 9659 */

enum body_result {
    BODY_MORE = 0, /* all input was taken (some output may have been given) */
    BODY_OUT,      /* output space is full: come again, also with an empty input */
    BODY_BAD,      /* not in the coding it claims, or bytes behind its end */
    BODY_LIMIT,    /* more decoded bytes than allowed: 413 */
    BODY_BOMB      /* expands beyond the ratio: 413 */
};

struct body_decoder;

/* From the value of content-encoding (all fields joined by comma). */
enum body_coding body_coding_of(struct sl_str content_encoding);

struct body_decoder *body_decoder_new(enum body_coding coding, uint64_t max_decoded); /* not for BODY_UNKNOWN; gives */
void body_decoder_free(struct body_decoder *d);                                       /* accepts NULL */

/* Takes bytes from the front of *in, writes at most cap (> 0) bytes to out. *out_n is always set. Errors stay. */
enum body_result body_decoder_feed(struct body_decoder *d, struct sl_str *in, char *out, size_t cap, size_t *out_n);

/* True when the input so far is whole: ends with the end of the compressed stream. */
bool body_decoder_is_whole(const struct body_decoder *d);

#endif
