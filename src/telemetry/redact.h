/* Takes what looks like a secret out of a text that somebody else wrote (an error of a provider, above all), before it
 * goes to a log, a span, an error message or the access record. Pure.
 *
 * It errs towards taking out too much. It is the second line: the first is that secrets are not put into texts. */
#ifndef SLUICE_TELEMETRY_REDACT_H
#define SLUICE_TELEMETRY_REDACT_H

#include <stddef.h>

#include "base/str.h"

#define REDACT_TEXT_MAX 4096u /* longer texts are cut before they are looked at */
#define REDACT_MARK "[redacted]"

enum redact_level {
    REDACT_KEYS = 0, /* known secrets, key prefixes (sk-..., AIza...), Bearer and Basic, key=..., user:password@ */
    REDACT_ALL       /* and every long run of mixed letters and digits (base64, hex): loses request ids, too */
};

struct redact_rules {
    enum redact_level level;
    const struct sl_str
        *known; /* borrow: secrets in use for this call, wherever and in whatever they occur; 4 bytes at least */
    size_t n_known;
};

/* Writes the cleaned text to out (cap bytes, 16 at least), gives its length; never more than fits, no NUL behind it. NUL
 * bytes of the input are dropped first, so that UTF-16 of ASCII is read as ASCII. rules may be NULL: REDACT_ALL. */
size_t redact_text(struct sl_str in, const struct redact_rules *rules, char *out, size_t cap);

#endif
