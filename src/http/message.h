/* Heads of HTTP messages, the same for HTTP/1.1 and HTTP/2. RFC 9110, 9112, 9113. */
#ifndef SLUICE_HTTP_MESSAGE_H
#define SLUICE_HTTP_MESSAGE_H

#include <stdint.h>

#include "base/arena.h"
#include "base/str.h"

enum http_method {
    HTTP_OTHER = 0,
    HTTP_GET,
    HTTP_HEAD,
    HTTP_POST,
    HTTP_PUT,
    HTTP_DELETE,
    HTTP_PATCH,
    HTTP_OPTIONS
};
enum http_version {
    HTTP_1_0 = 10,
    HTTP_1_1 = 11,
    HTTP_2 = 20
};

/* Names that the program asks for, interned once while parsing, compared as integers afterwards. The X table in
 * http/header_names.h makes this enum and the lookup. */
#include "http/header_names.h"

struct http_header {
    struct sl_str name;  /* borrow; lower case */
    struct sl_str value; /* borrow; no blanks at the ends, no CR, LF, NUL */
    enum http_name id;   /* HN_OTHER when not in the table */
};

struct http_headers {
    struct http_header *v; /* borrow (of an arena) */
    uint32_t n, cap;
};

/* Appends (name must be lower case; the views are kept, not copied). Grows in the arena. */
void http_headers_add(struct http_headers *h, struct sl_arena *a, struct sl_str name, struct sl_str value);
void http_headers_add_id(struct http_headers *h, struct sl_arena *a, enum http_name id, struct sl_str value);
const struct http_header *http_headers_find(const struct http_headers *h, enum http_name id); /* first or NULL */
struct sl_str http_headers_get(const struct http_headers *h, enum http_name id); /* empty (p NULL) when absent */
const struct http_header *http_headers_find_name(const struct http_headers *h, struct sl_str lower_name);
/* True when a comma-separated list value holds the token (no case). */
bool http_list_has(struct sl_str list, struct sl_str token);

#define HTTP_LENGTH_NONE (-1) /* no content-length: chunked, DATA frames, or until close */

struct http_request { /* all views live as long as the arena of the stream that carries it */
    enum http_method method;
    enum http_version version;
    struct sl_str method_text;
    struct sl_str target;    /* as received: "/v1/models?limit=3" */
    struct sl_str path;      /* without query, not decoded */
    struct sl_str query;     /* behind '?', may be empty */
    struct sl_str authority; /* host[:port] */
    struct http_headers headers;
    int64_t content_length; /* HTTP_LENGTH_NONE when unknown */
    bool has_body;          /* a body follows (even of unknown length) */
    bool expect_continue;
};

struct http_response {
    int status; /* 100..599 */
    enum http_version version;
    /* Parsed: as received, without hop-by-hop handling. To send: without framing headers. */
    struct http_headers headers;
    int64_t content_length; /* parsed: as received. To send: the codec writes it; HTTP_LENGTH_NONE: chunked/DATA */
    bool has_body;          /* parsed: false for HEAD, 1xx, 204, 304 */
};

struct sl_str http_status_text(int status); /* "OK"; "" when unknown */

/* Hop-by-hop headers (RFC 9110 7.6.1): connection, keep-alive, proxy-*, te, trailer, transfer-encoding, upgrade. Those that
 * `connection` names are the caller's to drop. */
bool http_name_is_hop(enum http_name id);

#endif
