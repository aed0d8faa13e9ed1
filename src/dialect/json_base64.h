/* Base64 in a string of JSON, read byte by byte while it passes: behind the quote that opens it, up to the one that closes it. Escapes
 * are read as JSON has them: "\/", "\n", and as Google's servers write "=", "\u003d". Either alphabet; nothing is allocated. */
#ifndef SLUICE_DIALECT_JSON_BASE64_H
#define SLUICE_DIALECT_JSON_BASE64_H

#include <stdbool.h>
#include <stdint.h>

struct json_base64 { /* zeroed: behind the quote */
    uint32_t bits;
    uint16_t unicode;
    uint8_t n_bits, unicode_n;
    bool escape, padded;
};

enum json_base64_news {
    BASE64_MORE = 0, /* nothing yet */
    BASE64_BYTE,     /* *out is the next byte */
    BASE64_END,      /* c was the quote that closes it */
    BASE64_BAD       /* no base64, or a single letter is left over at the quote */
};
enum json_base64_news json_base64_take(struct json_base64 *s, char c, char *out);

#endif
