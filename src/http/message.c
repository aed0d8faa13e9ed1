#include "http/message.h"

#include "base/check.h"
#include "http/http_int.h"

#define HEADERS_FIRST 16u

static struct http_header *headers_push(struct http_headers *h, struct sl_arena *a)
{
    if (h->n == h->cap) {
        uint32_t cap = h->cap == 0 ? HEADERS_FIRST : h->cap * 2;
        struct http_header *v = sl_arena_alloc(a, cap * sizeof *v);
        if (h->n != 0)
            memcpy(v, h->v, h->n * sizeof *v);
        h->v = v;
        h->cap = cap;
    }
    return &h->v[h->n++];
}

void http_headers_add(struct http_headers *h, struct sl_arena *a, struct sl_str name, struct sl_str value)
{
    *headers_push(h, a) = (struct http_header){.name = name, .value = value, .id = http_name_of(name)};
}

void http_headers_add_id(struct http_headers *h, struct sl_arena *a, enum http_name id, struct sl_str value)
{
    *headers_push(h, a) = (struct http_header){.name = http_name_text(id), .value = value, .id = id};
}

const struct http_header *http_headers_find(const struct http_headers *h, enum http_name id)
{
    for (uint32_t i = 0; i < h->n; i++)
        if (h->v[i].id == id)
            return &h->v[i];
    return NULL;
}

struct sl_str http_headers_get(const struct http_headers *h, enum http_name id)
{
    const struct http_header *f = http_headers_find(h, id);
    return f != NULL ? f->value : SL_STR_NONE;
}

const struct http_header *http_headers_find_name(const struct http_headers *h, struct sl_str lower_name)
{
    for (uint32_t i = 0; i < h->n; i++)
        if (sl_str_eq(h->v[i].name, lower_name))
            return &h->v[i];
    return NULL;
}

bool http_list_has(struct sl_str list, struct sl_str token)
{
    while (list.p != NULL)
        if (sl_str_eq_nocase(sl_str_trim(sl_str_cut(&list, ',')), token))
            return true;
    return false;
}

static const struct {
    int status;
    struct sl_str text;
} status_texts[] = {
    /* RFC 9110 section 15, and those that providers use besides; sorted */
    {100, SL_STR_INIT("Continue")},
    {101, SL_STR_INIT("Switching Protocols")},
    {102, SL_STR_INIT("Processing")},
    {103, SL_STR_INIT("Early Hints")},
    {200, SL_STR_INIT("OK")},
    {201, SL_STR_INIT("Created")},
    {202, SL_STR_INIT("Accepted")},
    {203, SL_STR_INIT("Non-Authoritative Information")},
    {204, SL_STR_INIT("No Content")},
    {205, SL_STR_INIT("Reset Content")},
    {206, SL_STR_INIT("Partial Content")},
    {300, SL_STR_INIT("Multiple Choices")},
    {301, SL_STR_INIT("Moved Permanently")},
    {302, SL_STR_INIT("Found")},
    {303, SL_STR_INIT("See Other")},
    {304, SL_STR_INIT("Not Modified")},
    {307, SL_STR_INIT("Temporary Redirect")},
    {308, SL_STR_INIT("Permanent Redirect")},
    {400, SL_STR_INIT("Bad Request")},
    {401, SL_STR_INIT("Unauthorized")},
    {402, SL_STR_INIT("Payment Required")},
    {403, SL_STR_INIT("Forbidden")},
    {404, SL_STR_INIT("Not Found")},
    {405, SL_STR_INIT("Method Not Allowed")},
    {406, SL_STR_INIT("Not Acceptable")},
    {407, SL_STR_INIT("Proxy Authentication Required")},
    {408, SL_STR_INIT("Request Timeout")},
    {409, SL_STR_INIT("Conflict")},
    {410, SL_STR_INIT("Gone")},
    {411, SL_STR_INIT("Length Required")},
    {412, SL_STR_INIT("Precondition Failed")},
    {413, SL_STR_INIT("Content Too Large")},
    {414, SL_STR_INIT("URI Too Long")},
    {415, SL_STR_INIT("Unsupported Media Type")},
    {416, SL_STR_INIT("Range Not Satisfiable")},
    {417, SL_STR_INIT("Expectation Failed")},
    {421, SL_STR_INIT("Misdirected Request")},
    {422, SL_STR_INIT("Unprocessable Content")},
    {424, SL_STR_INIT("Failed Dependency")},
    {425, SL_STR_INIT("Too Early")},
    {426, SL_STR_INIT("Upgrade Required")},
    {428, SL_STR_INIT("Precondition Required")},
    {429, SL_STR_INIT("Too Many Requests")},
    {431, SL_STR_INIT("Request Header Fields Too Large")},
    {451, SL_STR_INIT("Unavailable For Legal Reasons")},
    {499, SL_STR_INIT("Client Closed Request")},
    {500, SL_STR_INIT("Internal Server Error")},
    {501, SL_STR_INIT("Not Implemented")},
    {502, SL_STR_INIT("Bad Gateway")},
    {503, SL_STR_INIT("Service Unavailable")},
    {504, SL_STR_INIT("Gateway Timeout")},
    {505, SL_STR_INIT("HTTP Version Not Supported")},
    {507, SL_STR_INIT("Insufficient Storage")},
    {511, SL_STR_INIT("Network Authentication Required")},
    {529, SL_STR_INIT("Overloaded")},
};

struct sl_str http_status_text(int status)
{
    size_t low = 0, high = sizeof status_texts / sizeof status_texts[0];
    if (status == 200) /* nearly all answers */
        return SL_STR("OK");
    while (low < high) {
        size_t middle = (low + high) / 2;
        if (status_texts[middle].status == status)
            return status_texts[middle].text;
        if (status_texts[middle].status < status)
            low = middle + 1;
        else
            high = middle;
    }
    return SL_STR("");
}

bool http_name_is_hop(enum http_name id)
{
    switch (id) {
    case HN_CONNECTION:
    case HN_KEEP_ALIVE:
    case HN_PROXY_AUTHENTICATE:
    case HN_PROXY_AUTHORIZATION:
    case HN_PROXY_CONNECTION:
    case HN_TE:
    case HN_TRAILER:
    case HN_TRANSFER_ENCODING:
    case HN_UPGRADE:
        return true;
    default:
        return false;
    }
}

bool http_name_is_codecs(enum http_name id)
{
    return id == HN_CONTENT_LENGTH || id == HN_TRANSFER_ENCODING || id == HN_CONNECTION || id == HN_KEEP_ALIVE ||
           id == HN_UPGRADE || id == HN_TRAILER || id == HN_PROXY_CONNECTION;
}

static const struct sl_str method_texts[] = {
    [HTTP_OTHER] = SL_STR_INIT(""),      [HTTP_GET] = SL_STR_INIT("GET"),         [HTTP_HEAD] = SL_STR_INIT("HEAD"),
    [HTTP_POST] = SL_STR_INIT("POST"),   [HTTP_PUT] = SL_STR_INIT("PUT"),         [HTTP_DELETE] = SL_STR_INIT("DELETE"),
    [HTTP_PATCH] = SL_STR_INIT("PATCH"), [HTTP_OPTIONS] = SL_STR_INIT("OPTIONS"),
};

enum http_method http_method_of(struct sl_str text)
{
    for (unsigned m = HTTP_GET; m <= HTTP_OPTIONS; m++)
        if (sl_str_eq(method_texts[m], text))
            return (enum http_method)m;
    return HTTP_OTHER;
}

struct sl_str http_method_text(enum http_method m)
{
    SL_CHECK(m > HTTP_OTHER && m <= HTTP_OPTIONS);
    return method_texts[m];
}

/* RFC 9110 5.6.2: 1 for token bytes, 2 for those that are capital letters. */
static const unsigned char token_bytes[256] = {
    ['!'] = 1, ['#'] = 1, ['$'] = 1, ['%'] = 1,         ['&'] = 1,         ['\''] = 1,
    ['*'] = 1, ['+'] = 1, ['-'] = 1, ['.'] = 1,         ['^'] = 1,         ['_'] = 1,
    ['`'] = 1, ['|'] = 1, ['~'] = 1, ['0' ... '9'] = 1, ['a' ... 'z'] = 1, ['A' ... 'Z'] = 2,
};

bool http_token_is_valid(struct sl_str s)
{
    for (size_t i = 0; i < s.n; i++)
        if (token_bytes[(unsigned char)s.p[i]] == 0)
            return false;
    return s.n > 0;
}

size_t http_token_run(const char *p, const char *end)
{
    const char *at = p;
    while (at < end && token_bytes[(unsigned char)*at] != 0)
        at++;
    return (size_t)(at - p);
}

bool http_lower_token_is_valid(struct sl_str s)
{
    for (size_t i = 0; i < s.n; i++)
        if (token_bytes[(unsigned char)s.p[i]] != 1)
            return false;
    return s.n > 0;
}

static bool is_control(unsigned char c)
{
    return (c < 0x20 && c != '\t') || c == 0x7f;
}

/* Sixteen bytes at once; the compiler makes of it what the processor has. */
typedef unsigned char lanes __attribute__((vector_size(16)));
typedef uint64_t halves __attribute__((vector_size(16)));

static inline halves controls_in(halves bytes)
{
    lanes v = (lanes)bytes;
    return (halves)(((v < 0x20) & (v != '\t')) | (v == 0x7f));
}

static inline uint64_t load8(const char *p)
{
    uint64_t w;
    memcpy(&w, p, sizeof w);
    return w;
}

/* The last bytes are looked at together with some before them. */
bool http_value_is_clean(struct sl_str value)
{
    halves bad = {0, 0}, w;
    if (value.n < 8) {
        for (size_t i = 0; i < value.n; i++)
            if (is_control((unsigned char)value.p[i]))
                return false;
        return true;
    }
    if (value.n < 16) {
        bad = controls_in((halves){load8(value.p), load8(value.p + value.n - 8)});
        return (bad[0] | bad[1]) == 0;
    }
    for (size_t i = 0; i + 16 < value.n; i += 16) {
        memcpy(&w, value.p + i, sizeof w);
        bad |= controls_in(w);
    }
    memcpy(&w, value.p + value.n - 16, sizeof w);
    bad |= controls_in(w);
    return (bad[0] | bad[1]) == 0;
}

void http_value_put(char *out, struct sl_str value)
{
    if (value.n == 0)
        return;
    memcpy(out, value.p, value.n);
    if (SL_LIKELY(http_value_is_clean(value)))
        return;
    for (size_t i = 0; i < value.n; i++)
        if (is_control((unsigned char)out[i]))
            out[i] = ' ';
}
