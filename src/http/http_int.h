/* Inside http/ only: what bytes may stand in names and values, for both codecs. */
#ifndef SLUICE_HTTP_HTTP_INT_H
#define SLUICE_HTTP_HTTP_INT_H

#include "base/str.h"
#include "http/message.h"

struct h1_parser;

struct h1_span { /* offsets and lengths in the raw head */
    uint32_t name, name_n, value, value_n;
};

/* The next free span of p. */
struct h1_span *h1_span_add(struct h1_parser *p);

/* Reads a head that lies whole at the front of `in` and holds nothing unusual: sets method, target and spans of p as
 * llhttp's callbacks would, and gives its bytes. 0: not such a head, p is as it was. Only for the first bytes of a message. */
size_t h1_quick_head(struct h1_parser *p, struct sl_str in);

/* A token (RFC 9110 5.6.2) of at least one byte. */
bool http_token_is_valid(struct sl_str s);

/* How many token bytes stand at p. */
size_t http_token_run(const char *p, const char *end);

/* The same in lower case, as HTTP/2 wants names. */
bool http_lower_token_is_valid(struct sl_str s);

/* Copies a field value; control bytes but tab become spaces (RFC 9110 5.5 allows that for CR, LF and NUL). */
void http_value_put(char *out, struct sl_str value);

/* True when http_value_put would change nothing. */
bool http_value_is_clean(struct sl_str value);

enum http_method http_method_of(struct sl_str text);
struct sl_str http_method_text(enum http_method m); /* not for HTTP_OTHER */

/* True for headers that the codecs write themselves, or that belong to one connection only. */
bool http_name_is_codecs(enum http_name id);

#endif
