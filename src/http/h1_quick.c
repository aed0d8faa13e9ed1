/* The heads that nearly all peers send, found without llhttp: whole in the first slice, one space where one belongs, CRLF
 * everywhere, a known method, no transfer coding. Whatever differs in the least gives 0 and is read, and judged, by llhttp;
 * so this file refuses nothing and needs no errors. Called by h1.c, which then goes on as if llhttp had found the spans.
 * Fed byte by byte a head never comes here: the fuzz targets hold one against the other. */
#include "http/h1.h"
#include "http/http_int.h"
#include "http/url.h"

#ifdef __SSE2__
#include <emmintrin.h>
#endif

#define LENGTH_DIGITS_MAX 18u /* of a content-length that cannot overflow */

struct head_scan {
    struct h1_parser *p;
    const char *from, *at, *end;
    unsigned lengths; /* content-length fields so far */
};

static bool take(struct head_scan *s, struct sl_str text)
{
    if ((size_t)(s->end - s->at) < text.n || memcmp(s->at, text.p, text.n) != 0)
        return false;
    s->at += text.n;
    return true;
}

/* The first control byte but tab, or end. */
static inline const char *find_control(const char *p, const char *end)
{
#ifdef __SSE2__
    for (; end - p >= 16; p += 16) {
        __m128i x = _mm_loadu_si128((const __m128i *)(const void *)p);
        __m128i low = _mm_cmpeq_epi8(_mm_min_epu8(x, _mm_set1_epi8(0x1f)), x);
        __m128i found = _mm_or_si128(_mm_andnot_si128(_mm_cmpeq_epi8(x, _mm_set1_epi8('\t')), low),
                                     _mm_cmpeq_epi8(x, _mm_set1_epi8(0x7f)));
        unsigned mask = (unsigned)_mm_movemask_epi8(found);
        if (mask != 0)
            return p + __builtin_ctz(mask);
    }
#endif
    while (p < end && ((unsigned char)*p >= 0x20 || *p == '\t') && *p != 0x7f)
        p++;
    return p;
}

static bool take_method(struct head_scan *s)
{
    const char *space = memchr(s->at, ' ', (size_t)(s->end - s->at) < 8 ? (size_t)(s->end - s->at) : 8);
    if (space == NULL || http_method_of(sl_str_of(s->at, (size_t)(space - s->at))) == HTTP_OTHER)
        return false;
    s->p->method_n = (uint32_t)(space - s->at);
    s->at = space + 1;
    return true;
}

static bool take_request_line(struct head_scan *s)
{
    if (!take_method(s) || s->at == s->end || *s->at != '/')
        return false;
    size_t n = url_target_run(sl_str_of(s->at, (size_t)(s->end - s->at)));
    if (n > s->p->limits->target_bytes)
        return false;
    s->p->target_at = (uint32_t)(s->at - s->from);
    s->p->target_n = (uint32_t)n;
    s->at += n;
    return take(s, SL_STR(" HTTP/1.1\r\n")) || take(s, SL_STR(" HTTP/1.0\r\n"));
}

static bool take_status_line(struct head_scan *s)
{
    if (!take(s, SL_STR("HTTP/1.1 ")) && !take(s, SL_STR("HTTP/1.0 ")))
        return false;
    const char *c = s->at;
    if (s->end - c < 5 || c[0] < '2' || c[0] > '5' || !sl_is_digit(c[1]) || !sl_is_digit(c[2]) ||
        (c[3] != ' ' && c[3] != '\r'))
        return false;
    s->at = find_control(c + 3, s->end);
    return take(s, SL_STR("\r\n"));
}

static bool is_count(struct sl_str value)
{
    if (sl_str_find(value, '\t') >= 0) /* llhttp takes no tab around it: the same whatever the slices */
        return false;
    value = sl_str_trim(value);
    if (value.n == 0 || value.n > LENGTH_DIGITS_MAX)
        return false;
    for (size_t i = 0; i < value.n; i++)
        if (!sl_is_digit(value.p[i]))
            return false;
    return true;
}

/* Fields that llhttp has an opinion about. */
static bool is_plain_field(struct head_scan *s, struct sl_str name, struct sl_str value)
{
    if (name.n == 17 && sl_str_eq_nocase(name, SL_STR("transfer-encoding")))
        return false;
    if (name.n == 14 && sl_str_eq_nocase(name, SL_STR("content-length")))
        return s->lengths++ == 0 && is_count(value);
    return true;
}

static bool take_field(struct head_scan *s)
{
    struct sl_str name = sl_str_of(s->at, http_token_run(s->at, s->end));
    const char *colon = name.p + name.n;
    if (name.n == 0 || colon == s->end || *colon != ':' || s->p->n_spans == s->p->limits->headers)
        return false;
    const char *end = find_control(colon + 1, s->end);
    struct sl_str value = sl_str_of(colon + 1, (size_t)(end - colon) - 1);
    s->at = end;
    if (!take(s, SL_STR("\r\n")) || !is_plain_field(s, name, value))
        return false;
    *h1_span_add(s->p) = (struct h1_span){.name = (uint32_t)(name.p - s->from),
                                          .name_n = (uint32_t)name.n,
                                          .value = (uint32_t)(value.p - s->from),
                                          .value_n = (uint32_t)value.n};
    return true;
}

size_t h1_quick_head(struct h1_parser *p, struct sl_str in)
{
    struct head_scan s = {.p = p, .from = in.p, .at = in.p, .end = in.p + in.n};
    bool fine = p->side == H1_REQUESTS ? take_request_line(&s) : take_status_line(&s);
    while (fine && !take(&s, SL_STR("\r\n")))
        fine = take_field(&s);
    if (fine)
        return (size_t)(s.at - s.from);
    p->method_n = p->target_at = p->target_n = p->n_spans = 0;
    return 0;
}
