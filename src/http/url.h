/* Small pure functions over request targets and authorities. RFC 3986, 9110, 9112.
 * Nothing here allocates; results are views of the input or bytes in a given space. */
#ifndef SLUICE_HTTP_URL_H
#define SLUICE_HTTP_URL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/arena.h"
#include "base/str.h"

/* Cuts "/a/b?c=d" at the first '?': path and query (without '?'). */
void url_target_split(struct sl_str target, struct sl_str *out_path, struct sl_str *out_query);

/* True when every byte may stand in a request target: visible ASCII except '#'. That is more than RFC 3986 allows ('"', '{',
 * '|' and the like), because clients do send these unescaped; controls, blanks and bytes over 0x7e are not in it. */
bool url_target_is_clean(struct sl_str target);
size_t url_target_run(struct sl_str s); /* how many such bytes stand at the front */

/* Percent-decoding into out (at least in.n bytes). False: a bad escape, or %00; out's content is undefined then.
 * '+' stays '+'. */
bool url_decode(struct sl_str in, char *out, size_t *out_n);

/* The raw (still encoded) value of the first `key` in a query "a=1&key=x". True with an empty value for "key" or "key=".
 * Keys are compared byte by byte, undecoded. */
bool url_query_find(struct sl_str query, struct sl_str key, struct sl_str *out_value);

/* Walks the parameters: gives the next one and moves *query behind it; false at the end. */
bool url_query_next(struct sl_str *query, struct sl_str *out_key, struct sl_str *out_value);

/* Percent encoding: letters, digits and "-._~" stay (RFC 3986 2.3), and what is in `also`; the rest becomes %XX. One byte: gives how
 * many of out, 1 or 3, were written. A text: in the arena. */
size_t url_escape_byte(char c, struct sl_str also, char out[3]);
struct sl_str url_escape(struct sl_str s, struct sl_str also, struct sl_arena *a);
/* A name as path segments (RFC 3986 3.3): '/', ':' and '@' stay. In the arena. */
struct sl_str url_segment(struct sl_str name, struct sl_arena *a);

/* host[:port] as in Host and :authority: reg-name, IPv4 or [IPv6]; no userinfo, no comma, no blanks, no percent escapes;
 * port 1..65535 (or empty behind the colon). Host may not be empty. */
bool url_authority_is_valid(struct sl_str authority);

/* Cuts a valid authority; host is without brackets; *out_port is 0 when there is none. False when not valid. */
bool url_authority_split(struct sl_str authority, struct sl_str *out_host, uint16_t *out_port);

#endif
