/* Reading HTTP/1 messages. llhttp finds the parts and does the chunks; this file keeps the head, judges it, and counts
 * lengths.
 *
 * The head: a plain one that lies whole in the first slice is found by h1_quick.c. Any other: llhttp runs over the caller's
 * slices, its callbacks note where names and values are (offsets from the start of the head). What was taken is appended to
 * one block of the arena. When the head is whole, offsets become views and names are made lower case in place. So a head
 * that came in one slice costs one copy.
 *
 * What llhttp 9.2 accepts although its leniency is off, and we do not (each has a test):
 * - any row of CR and LF before a request, and before a response: we allow two whole CRLF before a request, none before a
 *   response
 * - several spaces between method, target and version; RTSP/1.0; HTTP/0.9 without a version; HTTP/2.0: request_line_is_exact
 * - control bytes in a reason phrase, status codes under 100 and over 599
 * - '#', userinfo and strange schemes in a target; Host any number of times with any text
 * - an empty transfer-encoding; codings before the final chunked; chunked in HTTP/1.0
 * - content-length up to 2^64-1; any number of zeros before a chunk's size
 * - upgrade and CONNECT end its parsing: we clear the former and refuse the latter */
#include "http/h1.h"

#include "base/check.h"
#include "http/http_int.h"
#include "http/url.h"

/* llhttp's enum of methods has names of ours; we do not use it. */
#define HTTP_DELETE LLHTTP_DELETE
#define HTTP_GET LLHTTP_GET
#define HTTP_HEAD LLHTTP_HEAD
#define HTTP_POST LLHTTP_POST
#define HTTP_PUT LLHTTP_PUT
#define HTTP_OPTIONS LLHTTP_OPTIONS
#define HTTP_PATCH LLHTTP_PATCH
#include <llhttp.h>
#undef HTTP_DELETE
#undef HTTP_GET
#undef HTTP_HEAD
#undef HTTP_POST
#undef HTTP_PUT
#undef HTTP_OPTIONS
#undef HTTP_PATCH

/* Why: (name, status towards a client, text). The code that people and machines see is the name in lower case. */
#define H1_ERRORS(X)                                                                                                   \
    X(empty_lines, 400, "the message does not begin with a start line")                                                \
    X(bad_method, 400, "the method is not a token")                                                                    \
    X(unknown_method, 501, "the method is not known here")                                                             \
    X(connect_refused, 405, "CONNECT is not served here")                                                              \
    X(bad_target, 400, "the request target is malformed")                                                              \
    X(target_too_long, 414, "the request target is too long")                                                          \
    X(bad_start_line, 400, "the start line is malformed")                                                              \
    X(bad_version, 505, "the HTTP version is not 1.0 or 1.1")                                                          \
    X(bad_status, 400, "the status line is malformed")                                                                 \
    X(switching_refused, 400, "the server switched protocols unasked")                                                 \
    X(too_many_informational, 400, "too many informational responses")                                                 \
    X(head_too_large, 431, "the head is too large")                                                                    \
    X(too_many_headers, 431, "the head has too many fields")                                                           \
    X(bad_header, 400, "a header field is malformed")                                                                  \
    X(header_fold, 400, "a header field is folded, or begins with a blank")                                            \
    X(bare_line_end, 400, "CR or LF without the other")                                                                \
    X(missing_host, 400, "the host header is missing")                                                                 \
    X(several_hosts, 400, "the host header is there more than once")                                                   \
    X(bad_host, 400, "the host is malformed")                                                                          \
    X(bad_length, 400, "content-length is malformed")                                                                  \
    X(several_lengths, 400, "content-length is there more than once")                                                  \
    X(length_and_encoding, 400, "content-length and transfer-encoding together")                                       \
    X(bad_encoding, 400, "transfer-encoding is not exactly one chunked")                                               \
    X(unknown_encoding, 501, "a transfer coding other than chunked")                                                   \
    X(encoding_in_1_0, 400, "transfer-encoding in HTTP/1.0")                                                           \
    X(bad_chunk, 400, "the chunked body is malformed")                                                                 \
    X(chunk_overhead, 400, "the chunked body has too much framing")                                                    \
    X(malformed, 400, "the message is malformed")

enum h1_error_id {
    ERR_NONE = 0,
#define X(name, status, text) ERR_##name,
    H1_ERRORS(X)
#undef X
    ERR_COUNT
};

static const struct h1_error request_errors[ERR_COUNT] = {
#define X(name, status, text) [ERR_##name] = {status, #name, text},
    H1_ERRORS(X)
#undef X
};

static const struct h1_error response_errors[ERR_COUNT] = {/* a server that talks nonsense is a bad gateway */
#define X(name, status, text) [ERR_##name] = {502, #name, text},
                                                           H1_ERRORS(X)
#undef X
};

enum state {
    ST_IDLE = 0,
    ST_START,
    ST_HEAD,
    ST_BODY,
    ST_OVER,
    ST_BAD
};
enum framing {
    FR_NONE = 0,
    FR_LENGTH,
    FR_CHUNKED,
    FR_CLOSE
};

#define LEAD_MAX 4u      /* bytes of empty lines before a request (RFC 9112 2.2: some clients send one too many) */
#define HEAD_FIRST 2048u /* room for a head that does not come in one slice */
#define SPANS_FIRST 24u
#define ALLOWED_PER_CHUNK 16u
#define ALLOWED_PER_BYTE 2u

static const struct h1_limits limits_default = {H1_HEAD_BYTES, H1_HEADERS, H1_TARGET_BYTES};

_Static_assert(sizeof(llhttp_t) <= sizeof(((struct h1_parser *)NULL)->ll), "h1.h keeps room for llhttp_t");
_Static_assert(_Alignof(llhttp_t) <= 8, "and its alignment");

static int on_method(llhttp_t *ll, const char *at, size_t n);
static int on_url(llhttp_t *ll, const char *at, size_t n);
static int on_header_field(llhttp_t *ll, const char *at, size_t n);
static int on_header_field_complete(llhttp_t *ll);
static int on_header_value(llhttp_t *ll, const char *at, size_t n);
static int on_headers_complete(llhttp_t *ll);
static int on_chunk_header(llhttp_t *ll);
static int on_body(llhttp_t *ll, const char *at, size_t n);
static int on_message_complete(llhttp_t *ll);

static const llhttp_settings_t settings = {
    .on_method = on_method,
    .on_url = on_url,
    .on_header_field = on_header_field,
    .on_header_field_complete = on_header_field_complete,
    .on_header_value = on_header_value,
    .on_headers_complete = on_headers_complete,
    .on_chunk_header = on_chunk_header,
    .on_body = on_body,
    .on_message_complete = on_message_complete,
};

static llhttp_t *ll_of(struct h1_parser *p)
{
    return (llhttp_t *)(void *)p->ll;
}

void h1_parser_init(struct h1_parser *p, enum h1_side side, const struct h1_limits *limits)
{
    *p = (struct h1_parser){.side = (uint8_t)side, .limits = limits != NULL ? limits : &limits_default};
}

static void restart(struct h1_parser *p)
{
    llhttp_init(ll_of(p), p->side == H1_REQUESTS ? HTTP_REQUEST : HTTP_RESPONSE, &settings);
    ll_of(p)->data = p;
    p->state = ST_START;
    p->head_n = p->n_spans = 0;
    p->method_n = p->target_at = p->target_n = 0;
    p->in_value = false;
}

void h1_parser_begin(struct h1_parser *p, struct sl_arena *arena)
{
    p->arena = arena;
    p->request = NULL;
    p->head = NULL;
    p->spans = NULL;
    p->head_cap = p->cap_spans = 0;
    p->left = p->slack = 0;
    p->framing = FR_NONE;
    p->error = ERR_NONE;
    p->informational = 0;
    p->request_method = HTTP_OTHER;
    p->keep_alive = p->takes_101 = false;
    restart(p);
}

void h1_parser_begin_response(struct h1_parser *p, struct sl_arena *arena, enum http_method method)
{
    SL_CHECK(p->side == H1_RESPONSES);
    h1_parser_begin(p, arena);
    p->request_method = (uint8_t)method;
}

void h1_parser_take_upgrade(struct h1_parser *p)
{
    SL_CHECK(p->side == H1_RESPONSES && p->state == ST_START);
    p->takes_101 = true;
}

static enum h1_result refuse(struct h1_parser *p, enum h1_error_id why)
{
    p->error = (uint8_t)why;
    p->state = ST_BAD;
    return H1_BAD;
}

static enum h1_result feed_head(struct h1_parser *p, struct sl_str *in);
static enum h1_result feed_body(struct h1_parser *p, struct sl_str *in, struct sl_str *out_body);
static enum h1_error_id lead_skip(struct h1_parser *p, struct sl_str *in);

enum h1_result h1_parser_feed(struct h1_parser *p, struct sl_str *in, struct sl_str *out_body)
{
    SL_CHECK(p->state != ST_IDLE && p->state != ST_OVER);
    if (p->state == ST_BAD)
        return H1_BAD;
    if (p->state == ST_BODY)
        return feed_body(p, in, out_body);
    if (p->state == ST_START) {
        enum h1_error_id flaw = lead_skip(p, in);
        if (flaw != ERR_NONE)
            return refuse(p, flaw);
    }
    return feed_head(p, in);
}

/* ---- the head ---- */

/* Empty lines before a start line. While they come, the state is ST_START and head_n counts their bytes. */
static enum h1_error_id lead_skip(struct h1_parser *p, struct sl_str *in)
{
    while (in->n > 0) {
        char c = in->p[0], wanted = p->head_n % 2 == 0 ? '\r' : '\n';
        if (c != '\r' && c != '\n' && p->head_n % 2 == 0) {
            p->head_n = 0;
            p->state = ST_HEAD;
            return ERR_NONE;
        }
        if (c != wanted || p->side == H1_RESPONSES || p->head_n >= LEAD_MAX)
            return ERR_empty_lines;
        p->head_n++;
        *in = sl_str_from(*in, 1);
    }
    return ERR_NONE;
}

static void head_keep(struct h1_parser *p, const char *bytes, size_t n, bool whole)
{
    if (n > p->head_cap - p->head_n) {
        size_t cap = p->head_n + n;
        if (!whole)
            cap = cap * 2 > HEAD_FIRST ? cap * 2 : HEAD_FIRST;
        if (cap > p->limits->head_bytes)
            cap = p->limits->head_bytes;
        char *head = sl_arena_alloc(p->arena, cap);
        if (p->head_n != 0)
            memcpy(head, p->head, p->head_n);
        p->head = head;
        p->head_cap = (uint32_t)cap;
    }
    memcpy(p->head + p->head_n, bytes, n);
    p->head_n += (uint32_t)n;
}

static enum h1_error_id head_flaw(struct h1_parser *p, llhttp_errno_t e, struct sl_str taken);
static enum h1_error_id request_make(struct h1_parser *p);
static enum h1_error_id response_make(struct h1_parser *p);

static enum h1_error_id head_make(struct h1_parser *p)
{
    return p->side == H1_REQUESTS ? request_make(p) : response_make(p);
}

/* The bytes of *in up to `used` end the head. H1_MORE: it was informational, the next one follows. */
static enum h1_result head_ends(struct h1_parser *p, struct sl_str *in, size_t used)
{
    head_keep(p, in->p, used, true);
    *in = sl_str_from(*in, used);
    enum h1_error_id flaw = head_make(p);
    if (flaw != ERR_NONE)
        return refuse(p, flaw);
    if (p->state == ST_BODY)
        return H1_HEAD;
    if (in->n > 0 && (flaw = lead_skip(p, in)) != ERR_NONE) /* behind a 1xx head comes the next */
        return refuse(p, flaw);
    return H1_MORE;
}

static enum h1_result feed_head(struct h1_parser *p, struct sl_str *in)
{
    if (p->head_n == 0 && in->n > 0) {
        size_t quick = h1_quick_head(p, sl_str_head(*in, p->limits->head_bytes));
        if (quick != 0)
            return head_ends(p, in, quick);
    }
    while (in->n > 0) {
        if (p->head_n >= p->limits->head_bytes) /* more than: the limit was lowered in the meantime */
            return refuse(p, ERR_head_too_large);
        size_t n = p->limits->head_bytes - p->head_n;
        if (n > in->n)
            n = in->n;
        p->slice = in->p;
        llhttp_errno_t e = llhttp_execute(ll_of(p), in->p, n);
        if (e == HPE_OK) {
            head_keep(p, in->p, n, false);
            *in = sl_str_from(*in, n);
            continue;
        }
        size_t used = (size_t)(llhttp_get_error_pos(ll_of(p)) - in->p);
        if (e != HPE_PAUSED)
            return refuse(p, p->error != ERR_NONE ? p->error : head_flaw(p, e, sl_str_head(*in, used + 1)));
        enum h1_result r = head_ends(p, in, used);
        if (r != H1_MORE)
            return r;
    }
    return H1_MORE;
}

/* Which of our errors llhttp's is. taken: the slice up to the byte that it did not like. */
static enum h1_error_id method_flaw(const struct h1_parser *p, struct sl_str taken)
{
    if (p->side == H1_RESPONSES)
        return ERR_bad_start_line;
    struct sl_str before = sl_str_of(p->head, p->head_n);
    if (before.n > 0 && !http_token_is_valid(before))
        return ERR_bad_method;
    return http_token_is_valid(taken) ? ERR_unknown_method : ERR_bad_method;
}

/* The k-th byte from the end of what came so far, 0 when there is none. */
static char byte_back(const struct h1_parser *p, struct sl_str taken, size_t k)
{
    if (k < taken.n)
        return taken.p[taken.n - 1 - k];
    k -= taken.n;
    return k < p->head_n ? p->head[p->head_n - 1 - k] : 0;
}

/* True when a line begins with a blank at the last byte, or the one before it (llhttp names either). */
static bool is_fold(const struct h1_parser *p, struct sl_str taken)
{
    for (size_t k = 0; k < 2; k++) {
        char c = byte_back(p, taken, k);
        if ((c == ' ' || c == '\t') && byte_back(p, taken, k + 1) == '\n')
            return true;
    }
    return false;
}

static enum h1_error_id head_flaw(struct h1_parser *p, llhttp_errno_t e, struct sl_str taken)
{
    const llhttp_t *ll = ll_of(p);
    switch (e) {
    case HPE_INVALID_METHOD:
        return method_flaw(p, taken);
    case HPE_INVALID_URL:
        return ERR_bad_target;
    case HPE_INVALID_VERSION:
        return ll->http_major == 1 && ll->http_minor <= 1 ? ERR_bad_start_line : ERR_bad_version;
    case HPE_INVALID_CONSTANT:
        return ERR_bad_start_line;
    case HPE_INVALID_STATUS:
        return ERR_bad_status;
    case HPE_CR_EXPECTED:
    case HPE_LF_EXPECTED:
    case HPE_STRICT: /* "expected LF after …" */
        return ERR_bare_line_end;
    case HPE_UNEXPECTED_SPACE:
        return ERR_header_fold;
    case HPE_INVALID_HEADER_TOKEN:
        return is_fold(p, taken) ? ERR_header_fold : ERR_bad_header;
    case HPE_UNEXPECTED_CONTENT_LENGTH:
        return ERR_several_lengths;
    case HPE_INVALID_CONTENT_LENGTH:
        return ll->flags & F_TRANSFER_ENCODING ? ERR_length_and_encoding : ERR_bad_length;
    case HPE_INVALID_TRANSFER_ENCODING:
        return ll->flags & F_CONTENT_LENGTH ? ERR_length_and_encoding : ERR_bad_encoding;
    default:
        return ERR_malformed;
    }
}

/* What the head's fields say about framing and the connection, collected while they are listed. */
struct head_facts {
    struct sl_str host, length, encoding;
    unsigned hosts, lengths, encodings;
    bool close, keep_alive, expect_continue;
};

static void note_field(struct head_facts *f, enum http_name id, struct sl_str value)
{
    switch (id) {
    case HN_HOST:
        f->host = value;
        f->hosts++;
        break;
    case HN_CONTENT_LENGTH:
        f->length = value;
        f->lengths++;
        break;
    case HN_TRANSFER_ENCODING:
        f->encoding = value;
        f->encodings++;
        break;
    case HN_CONNECTION:
        f->close |= http_list_has(value, SL_STR("close"));
        f->keep_alive |= http_list_has(value, SL_STR("keep-alive"));
        break;
    case HN_EXPECT:
        f->expect_continue |= sl_str_eq_nocase(value, SL_STR("100-continue"));
        break;
    default:
        break;
    }
}

#define EACH_BYTE(c) ((uint64_t)(c)*0x0101010101010101u)

/* Makes eight bytes lower case, which are ASCII as all name bytes are. The sums set the top bit of each byte that is at least
 * 'A', and more than 'Z'. Gives bits where there is '_'. */
static uint64_t eight_lower(char *p)
{
    uint64_t w, capital, x;
    memcpy(&w, p, 8);
    capital = (w + EACH_BYTE(0x80 - 'A')) & ~(w + EACH_BYTE(0x7f - 'Z')) & EACH_BYTE(0x80);
    x = w ^ EACH_BYTE('_');
    w |= capital >> 2;
    memcpy(p, &w, 8);
    return (x - EACH_BYTE(1)) & ~x & EACH_BYTE(0x80);
}

/* Makes the name lower case; false when it holds '_' (some servers read it as '-', so it could stand for a header that we
 * checked or set: such fields are dropped). */
static bool name_lower(char *p, size_t n)
{
    uint64_t underscores = 0;
    for (size_t i = 0; i + 8 <= n; i += 8)
        underscores |= eight_lower(p + i);
    if (n >= 8)
        return (underscores | eight_lower(p + n - 8)) == 0; /* what is lower case already stays so */
    for (size_t i = 0; i < n; i++) {
        underscores |= p[i] == '_';
        p[i] = sl_lower(p[i]);
    }
    return underscores == 0;
}

static void headers_make(struct h1_parser *p, struct http_headers *h, struct head_facts *f)
{
    h->cap = p->n_spans + 8; /* owners add some of their own */
    h->v = sl_arena_alloc(p->arena, h->cap * sizeof *h->v);
    h->n = 0;
    for (uint32_t i = 0; i < p->n_spans; i++) {
        const struct h1_span *s = &p->spans[i];
        char *name = p->head + s->name;
        if (!name_lower(name, s->name_n))
            continue;
        struct http_header *one = &h->v[h->n++];
        one->name = sl_str_of(name, s->name_n);
        one->value = sl_str_trim(sl_str_of(p->head + s->value, s->value_n));
        one->id = http_name_of(one->name);
        note_field(f, one->id, one->value);
    }
}

/* Length and encoding: both sides. Sets framing and *out_length, not has_body. */
static enum h1_error_id framing_judge(struct h1_parser *p, const struct head_facts *f, enum http_version version,
                                      int64_t *out_length)
{
    uint64_t n;
    *out_length = HTTP_LENGTH_NONE;
    p->framing = FR_NONE;
    if (f->encodings > 0 && f->lengths > 0)
        return ERR_length_and_encoding;
    if (f->encodings > 0) {
        if (version == HTTP_1_0)
            return ERR_encoding_in_1_0;
        if (f->encodings > 1 || f->encoding.n == 0)
            return ERR_bad_encoding;
        if (!sl_str_eq_nocase(f->encoding, SL_STR("chunked")))
            return ERR_unknown_encoding;
        p->framing = FR_CHUNKED;
        return ERR_NONE;
    }
    if (f->lengths == 0)
        return ERR_NONE;
    if (f->lengths > 1)
        return ERR_several_lengths;
    if (!sl_str_to_u64(f->length, &n) || n > INT64_MAX)
        return ERR_bad_length;
    *out_length = (int64_t)n;
    p->left = n;
    p->framing = n > 0 ? FR_LENGTH : FR_NONE;
    return ERR_NONE;
}

/* The line must be: method, one space, target, one space, "HTTP/1.x", CRLF; nothing else is left to llhttp's taste. */
static enum h1_error_id request_line_judge(const struct h1_parser *p, enum http_version *out_version)
{
    size_t behind = (size_t)p->target_at + p->target_n;
    struct sl_str rest = sl_str_from(sl_str_of(p->head, p->head_n), behind);
    if (p->method_n == 0 || p->head[p->method_n] != ' ' || p->target_at != p->method_n + 1 || p->target_n == 0)
        return ERR_bad_start_line;
    if (rest.n < 11 || !sl_str_starts(rest, SL_STR(" HTTP/")) || rest.p[9] != '\r')
        return ERR_bad_start_line;
    if (rest.p[6] != '1' || rest.p[7] != '.' || (rest.p[8] != '0' && rest.p[8] != '1'))
        return ERR_bad_version;
    *out_version = rest.p[8] == '0' ? HTTP_1_0 : HTTP_1_1;
    return ERR_NONE;
}

/* Origin form, absolute form, or "*" for OPTIONS (RFC 9112 3.2). */
static enum h1_error_id target_judge(struct http_request *r)
{
    struct sl_str t = r->target, rest = t;
    if (!url_target_is_clean(t))
        return ERR_bad_target;
    if (t.p[0] == '*') {
        r->path = t;
        r->query = sl_str_from(t, t.n);
        return t.n == 1 && r->method == HTTP_OPTIONS ? ERR_NONE : ERR_bad_target;
    }
    if (t.p[0] != '/') {
        bool https = sl_str_starts_nocase(t, SL_STR("https://"));
        if (!https && !sl_str_starts_nocase(t, SL_STR("http://")))
            return ERR_bad_target;
        rest = sl_str_from(t, https ? 8 : 7);
        size_t n = 0;
        while (n < rest.n && rest.p[n] != '/' && rest.p[n] != '?')
            n++;
        r->authority = sl_str_head(rest, n);
        rest = sl_str_from(rest, n);
    }
    url_target_split(rest, &r->path, &r->query);
    if (r->path.n == 0)
        r->path = SL_STR("/");
    return ERR_NONE;
}

static enum h1_error_id host_judge(struct http_request *r, const struct head_facts *f)
{
    if (f->hosts > 1)
        return ERR_several_hosts;
    if (f->hosts == 0 && r->version != HTTP_1_0)
        return ERR_missing_host;
    if (f->hosts == 1 && !url_authority_is_valid(f->host))
        return ERR_bad_host;
    if (r->target.p[0] != '/' && r->target.p[0] != '*') /* the target's authority goes before Host (RFC 9112 3.2.2) */
        return url_authority_is_valid(r->authority) ? ERR_NONE : ERR_bad_target;
    r->authority = f->host;
    return ERR_NONE;
}

static enum h1_error_id request_make(struct h1_parser *p)
{
    enum http_version version;
    enum h1_error_id flaw = request_line_judge(p, &version);
    if (flaw != ERR_NONE)
        return flaw;
    struct http_request *r = SL_ARENA_NEW(p->arena, struct http_request);
    struct head_facts f = {0};
    r->version = version;
    r->method_text = sl_str_of(p->head, p->method_n);
    r->target = sl_str_of(p->head + p->target_at, p->target_n);
    r->method = http_method_of(r->method_text);
    if (sl_str_eq(r->method_text, SL_STR("CONNECT")))
        return ERR_connect_refused;
    if ((flaw = target_judge(r)) != ERR_NONE)
        return flaw;
    headers_make(p, &r->headers, &f);
    if ((flaw = host_judge(r, &f)) != ERR_NONE)
        return flaw;
    if ((flaw = framing_judge(p, &f, version, &r->content_length)) != ERR_NONE)
        return flaw;
    r->has_body = p->framing != FR_NONE;
    r->expect_continue = f.expect_continue && r->has_body && version == HTTP_1_1;
    p->keep_alive = !f.close && (version == HTTP_1_1 || f.keep_alive);
    p->request = r;
    p->state = ST_BODY;
    if (p->framing == FR_CHUNKED)
        llhttp_resume(ll_of(p));
    return ERR_NONE;
}

/* "HTTP/1.x", one space, three digits, then CRLF or a space and the reason phrase without control bytes. */
static enum h1_error_id status_line_judge(const struct h1_parser *p, struct http_response *r)
{
    const char *end = memchr(p->head, '\r', p->head_n);
    struct sl_str line = sl_str_of(p->head, end != NULL ? (size_t)(end - p->head) : 0);
    if (line.n < 12 || !sl_str_starts(line, SL_STR("HTTP/")) || line.p[8] != ' ')
        return ERR_bad_start_line;
    if (line.p[5] != '1' || line.p[6] != '.' || (line.p[7] != '0' && line.p[7] != '1'))
        return ERR_bad_version;
    uint64_t status;
    if (!sl_str_to_u64(sl_str_head(sl_str_from(line, 9), 3), &status) || status < 100 || status > 599)
        return ERR_bad_status;
    if (line.n > 12 && (line.p[12] != ' ' || !http_value_is_clean(line)))
        return ERR_bad_status;
    r->version = line.p[7] == '0' ? HTTP_1_0 : HTTP_1_1;
    r->status = (int)status;
    return ERR_NONE;
}

static bool response_has_body(const struct h1_parser *p, int status)
{
    return p->request_method != HTTP_HEAD && status != 204 && status != 304;
}

static enum h1_error_id informational_skip(struct h1_parser *p, int status)
{
    if (status == 101)
        return ERR_switching_refused;
    if (++p->informational > H1_INFORMATIONAL_MAX)
        return ERR_too_many_informational;
    restart(p);
    return ERR_NONE;
}

static enum h1_error_id response_make(struct h1_parser *p)
{
    struct http_response line = {0};
    enum h1_error_id flaw = status_line_judge(p, &line);
    if (flaw != ERR_NONE)
        return flaw;
    bool tunnel = line.status == 101 && p->takes_101;
    if (line.status < 200 && !tunnel)
        return informational_skip(p, line.status);
    struct http_response *r = SL_ARENA_NEW(p->arena, struct http_response);
    struct head_facts f = {0};
    r->version = line.version;
    r->status = line.status;
    headers_make(p, &r->headers, &f);
    if (tunnel && (f.lengths > 0 || f.encodings > 0)) /* RFC 9110 8.6, RFC 9112 6.1: neither may be there */
        return ERR_switching_refused;
    if ((flaw = framing_judge(p, &f, r->version, &r->content_length)) != ERR_NONE)
        return flaw;
    if (!response_has_body(p, r->status))
        p->framing = FR_NONE;
    else if (f.lengths == 0 && p->framing == FR_NONE)
        p->framing = FR_CLOSE;
    r->has_body = p->framing != FR_NONE;
    p->keep_alive = !f.close && p->framing != FR_CLOSE && (r->version == HTTP_1_1 || f.keep_alive);
    p->response = r;
    p->state = ST_BODY;
    if (p->framing == FR_CHUNKED)
        llhttp_resume(ll_of(p));
    return ERR_NONE;
}

/* ---- the body ---- */

static enum h1_result complete(struct h1_parser *p)
{
    p->state = ST_OVER;
    return H1_COMPLETE;
}

static enum h1_error_id chunk_flaw(llhttp_errno_t e)
{
    switch (e) {
    case HPE_CR_EXPECTED:
    case HPE_LF_EXPECTED:
        return ERR_bare_line_end;
    case HPE_INVALID_HEADER_TOKEN:
    case HPE_UNEXPECTED_SPACE:
        return ERR_bad_header;
    default:
        return ERR_bad_chunk;
    }
}

static enum h1_result feed_chunked(struct h1_parser *p, struct sl_str *in, struct sl_str *out_body)
{
    p->piece = SL_STR_NONE;
    llhttp_errno_t e = llhttp_execute(ll_of(p), in->p, in->n);
    if (e != HPE_OK && e != HPE_PAUSED)
        return refuse(p, chunk_flaw(e));
    size_t used = e == HPE_OK ? in->n : (size_t)(llhttp_get_error_pos(ll_of(p)) - in->p);
    *in = sl_str_from(*in, used);
    p->slack += used - p->piece.n;
    if (p->slack > H1_CHUNK_SLACK_BYTES)
        return refuse(p, ERR_chunk_overhead);
    if (e == HPE_OK)
        return H1_MORE;
    llhttp_resume(ll_of(p));
    if (p->piece.n == 0)
        return complete(p);
    uint64_t allowed = p->piece.n * (uint64_t)ALLOWED_PER_BYTE;
    p->slack = p->slack > allowed ? p->slack - allowed : 0;
    *out_body = p->piece;
    return H1_BODY;
}

static enum h1_result feed_body(struct h1_parser *p, struct sl_str *in, struct sl_str *out_body)
{
    if (h1_parser_is_drained(p))
        return complete(p);
    if (in->n == 0)
        return H1_MORE;
    if (p->framing == FR_CHUNKED)
        return feed_chunked(p, in, out_body);
    size_t n = in->n;
    if (p->framing == FR_LENGTH) {
        n = n < p->left ? n : (size_t)p->left;
        p->left -= n;
    }
    *out_body = sl_str_head(*in, n);
    *in = sl_str_from(*in, n);
    return H1_BODY;
}

/* ---- questions ---- */

struct http_request *h1_parser_request(const struct h1_parser *p)
{
    SL_CHECK(p->side == H1_REQUESTS && p->request != NULL);
    return p->request;
}

struct http_response *h1_parser_response(const struct h1_parser *p)
{
    SL_CHECK(p->side == H1_RESPONSES && p->response != NULL);
    return p->response;
}

bool h1_parser_keep_alive(const struct h1_parser *p)
{
    return p->keep_alive && p->state != ST_BAD;
}

bool h1_parser_is_drained(const struct h1_parser *p)
{
    return p->state == ST_OVER ||
           (p->state == ST_BODY && (p->framing == FR_NONE || (p->framing == FR_LENGTH && p->left == 0)));
}

bool h1_parser_is_untouched(const struct h1_parser *p)
{
    return p->state == ST_START && p->head_n == 0 && p->informational == 0;
}

const struct h1_error *h1_parser_error(const struct h1_parser *p)
{
    SL_CHECK(p->error != ERR_NONE && p->error < ERR_COUNT);
    return p->side == H1_REQUESTS ? &request_errors[p->error] : &response_errors[p->error];
}

enum h1_eof h1_parser_eof(const struct h1_parser *p)
{
    if (p->state == ST_IDLE || p->state == ST_OVER || h1_parser_is_untouched(p))
        return H1_EOF_IDLE;
    if (p->state == ST_BODY && (p->framing == FR_CLOSE || h1_parser_is_drained(p)))
        return H1_EOF_COMPLETE;
    return H1_EOF_CUT;
}

/* ---- llhttp's callbacks. In the body they come for trailers too, which are dropped. ---- */

static struct h1_parser *parser_of(const llhttp_t *ll)
{
    return ll->data;
}

static uint32_t offset_of(const struct h1_parser *p, const char *at)
{
    return p->head_n + (uint32_t)(at - p->slice);
}

static int fail(struct h1_parser *p, enum h1_error_id why)
{
    p->error = (uint8_t)why;
    return HPE_USER;
}

static int on_method(llhttp_t *ll, const char *at, size_t n)
{
    (void)at;
    parser_of(ll)->method_n += (uint32_t)n; /* it begins the head */
    return 0;
}

static int on_url(llhttp_t *ll, const char *at, size_t n)
{
    struct h1_parser *p = parser_of(ll);
    if (p->target_n == 0)
        p->target_at = offset_of(p, at);
    p->target_n += (uint32_t)n;
    return p->target_n > p->limits->target_bytes ? fail(p, ERR_target_too_long) : 0;
}

struct h1_span *h1_span_add(struct h1_parser *p)
{
    if (p->n_spans == p->cap_spans) {
        uint32_t cap = p->cap_spans == 0 ? SPANS_FIRST : p->cap_spans * 2;
        struct h1_span *spans = sl_arena_alloc(p->arena, cap * sizeof *spans);
        if (p->n_spans != 0)
            memcpy(spans, p->spans, p->n_spans * sizeof *spans);
        p->spans = spans;
        p->cap_spans = cap;
    }
    return &p->spans[p->n_spans++];
}

static int on_header_field(llhttp_t *ll, const char *at, size_t n)
{
    struct h1_parser *p = parser_of(ll);
    if (p->state != ST_HEAD)
        return 0;
    uint32_t from = offset_of(p, at);
    struct h1_span *last = p->n_spans > 0 ? &p->spans[p->n_spans - 1] : NULL;
    if (last != NULL && last->name_n != 0 && !p->in_value && last->name + last->name_n == from) {
        last->name_n += (uint32_t)n; /* the name goes on in this slice */
        return 0;
    }
    if (p->n_spans >= p->limits->headers)
        return fail(p, ERR_too_many_headers);
    *h1_span_add(p) = (struct h1_span){.name = from, .name_n = (uint32_t)n};
    p->in_value = false;
    return 0;
}

static int on_header_field_complete(llhttp_t *ll)
{
    parser_of(ll)->in_value = true;
    return 0;
}

static int on_header_value(llhttp_t *ll, const char *at, size_t n)
{
    struct h1_parser *p = parser_of(ll);
    if (p->state != ST_HEAD)
        return 0;
    SL_CHECK(p->n_spans > 0);
    struct h1_span *last = &p->spans[p->n_spans - 1];
    uint32_t from = offset_of(p, at);
    if (last->value_n == 0)
        last->value = from;
    last->value_n = from + (uint32_t)n - last->value;
    return 0;
}

static int on_headers_complete(llhttp_t *ll)
{
    ll->upgrade = 0; /* a request to upgrade is served as an ordinary one */
    return HPE_PAUSED;
}

static int on_chunk_header(llhttp_t *ll)
{
    struct h1_parser *p = parser_of(ll);
    p->slack = p->slack > ALLOWED_PER_CHUNK ? p->slack - ALLOWED_PER_CHUNK : 0;
    return 0;
}

static int on_body(llhttp_t *ll, const char *at, size_t n)
{
    if (n == 0) /* an open span at the end of a slice */
        return 0;
    parser_of(ll)->piece = sl_str_of(at, n);
    return HPE_PAUSED;
}

static int on_message_complete(llhttp_t *ll)
{
    (void)ll;
    return HPE_PAUSED;
}
