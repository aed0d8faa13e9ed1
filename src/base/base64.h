/* base64, RFC 4648: the standard alphabet and the URL-safe one. */
#ifndef SLUICE_BASE_BASE64_H
#define SLUICE_BASE_BASE64_H

#include "base/str.h"

#define SL_BASE64_BYTES(n) (((n) + 2) / 3 * 4) /* of n bytes, with padding */

/* Writes SL_BASE64_BYTES(n) bytes at most; gives how many. */
size_t sl_base64_encode(struct sl_str bytes, char *out);    /* standard, padded */
size_t sl_base64url_encode(struct sl_str bytes, char *out); /* URL-safe, not padded */
int sl_base64_value(char c);                                /* 0 to 63 in either alphabet; -1: no character of it */
/* Either alphabet, padding or none, blanks and line ends anywhere. out has room for n / 4 * 3 + 3 bytes. False: another byte,
 * padding in the middle, or a single character left over. */
bool sl_base64_decode(struct sl_str text, char *out, size_t *out_n);

#endif
