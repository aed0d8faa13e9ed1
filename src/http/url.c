#include "http/url.h"

enum byte_class {
    C_TARGET = 1 << 0, /* may stand in a request target: visible ASCII but '#' */
    C_NAME =
        1 << 1, /* reg-name without percent escapes, and IPv4: unreserved and sub-delims but ',' (RFC 3986 3.2.2) */
    C_HEX = 1 << 2,
    C_DIGIT = 1 << 3
};

/* Two bytes that reg-name would allow are left out of C_NAME: ',' (lists of authorities have been taken for one host) and
 * '%' (an escaped host has two spellings). */
static const unsigned char classes[256] = {
    ['"'] = C_TARGET,
    ['%'] = C_TARGET,
    [','] = C_TARGET,
    ['/'] = C_TARGET,
    [':'] = C_TARGET,
    ['<'] = C_TARGET,
    ['>' ... '@'] = C_TARGET,
    ['[' ... '^'] = C_TARGET,
    ['`'] = C_TARGET,
    ['{' ... '}'] = C_TARGET,
    ['!'] = C_TARGET | C_NAME,
    ['$'] = C_TARGET | C_NAME,
    ['&' ... '+'] = C_TARGET | C_NAME, /* & ' ( ) * + */
    ['-' ... '.'] = C_TARGET | C_NAME,
    [';'] = C_TARGET | C_NAME,
    ['='] = C_TARGET | C_NAME,
    ['_'] = C_TARGET | C_NAME,
    ['~'] = C_TARGET | C_NAME,
    ['0' ... '9'] = C_TARGET | C_NAME | C_HEX | C_DIGIT,
    ['A' ... 'F'] = C_TARGET | C_NAME | C_HEX,
    ['G' ... 'Z'] = C_TARGET | C_NAME,
    ['a' ... 'f'] = C_TARGET | C_NAME | C_HEX,
    ['g' ... 'z'] = C_TARGET | C_NAME,
};

static unsigned class_of(char c)
{
    return classes[(unsigned char)c];
}

static unsigned hex_value(char c)
{
    return c <= '9' ? (unsigned)(c - '0') : (unsigned)((c | 0x20) - 'a' + 10);
}

void url_target_split(struct sl_str target, struct sl_str *out_path, struct sl_str *out_query)
{
    ptrdiff_t at = sl_str_find(target, '?');
    if (at < 0) {
        *out_path = target;
        *out_query = (struct sl_str){target.p + target.n, 0};
        return;
    }
    *out_path = sl_str_head(target, (size_t)at);
    *out_query = sl_str_from(target, (size_t)at + 1);
}

size_t url_target_run(struct sl_str s)
{
    size_t n = 0;
    while (n < s.n && (class_of(s.p[n]) & C_TARGET))
        n++;
    return n;
}

bool url_target_is_clean(struct sl_str target)
{
    return url_target_run(target) == target.n;
}

bool url_decode(struct sl_str in, char *out, size_t *out_n)
{
    size_t n = 0;
    for (size_t i = 0; i < in.n; i++) {
        char c = in.p[i];
        if (c == '%') {
            if (in.n - i < 3 || !(class_of(in.p[i + 1]) & C_HEX) || !(class_of(in.p[i + 2]) & C_HEX))
                return false;
            c = (char)(hex_value(in.p[i + 1]) << 4 | hex_value(in.p[i + 2]));
            i += 2;
        }
        if (c == 0)
            return false;
        out[n++] = c;
    }
    *out_n = n;
    return true;
}

bool url_query_next(struct sl_str *query, struct sl_str *out_key, struct sl_str *out_value)
{
    while (query->p != NULL && query->n > 0) {
        struct sl_str pair = sl_str_cut(query, '&');
        if (pair.n == 0)
            continue;
        ptrdiff_t eq = sl_str_find(pair, '=');
        *out_key = eq < 0 ? pair : sl_str_head(pair, (size_t)eq);
        *out_value = eq < 0 ? sl_str_from(pair, pair.n) : sl_str_from(pair, (size_t)eq + 1);
        return true;
    }
    return false;
}

bool url_query_find(struct sl_str query, struct sl_str key, struct sl_str *out_value)
{
    struct sl_str k, v;
    while (url_query_next(&query, &k, &v)) {
        if (!sl_str_eq(k, key))
            continue;
        *out_value = v;
        return true;
    }
    return false;
}

/* ---- authority ---- */

/* Bytes in [from, to) that make groups of IPv6: gives how many groups, or -1. An IPv4 address at the very end counts as
 * two (RFC 3986 3.2.2, ls32). */
static int ipv4_is_valid(struct sl_str s)
{
    int parts = 0;
    while (s.p != NULL) {
        struct sl_str part = sl_str_cut(&s, '.');
        uint64_t v;
        if (part.n == 0 || part.n > 3 || (part.n > 1 && part.p[0] == '0') || !sl_str_to_u64(part, &v) || v > 255)
            return 0;
        parts++;
    }
    return parts == 4;
}

static int groups_of(struct sl_str s)
{
    int groups = 0;
    if (s.n == 0)
        return 0;
    while (s.p != NULL) {
        struct sl_str part = sl_str_cut(&s, ':');
        if (s.p == NULL && sl_str_find(part, '.') >= 0)
            return ipv4_is_valid(part) ? groups + 2 : -1;
        if (part.n == 0 || part.n > 4)
            return -1;
        for (size_t i = 0; i < part.n; i++)
            if (!(class_of(part.p[i]) & C_HEX))
                return -1;
        groups++;
    }
    return groups;
}

static bool ipv6_is_valid(struct sl_str s)
{
    ptrdiff_t gap = sl_str_find_str(s, SL_STR("::"));
    if (gap < 0)
        return groups_of(s) == 8;
    struct sl_str before = sl_str_head(s, (size_t)gap), behind = sl_str_from(s, (size_t)gap + 2);
    if (sl_str_find(before, '.') >= 0) /* IPv4 stands at the end only */
        return false;
    int a = groups_of(before), b = groups_of(behind);
    return a >= 0 && b >= 0 && a + b <= 7;
}

static bool name_is_valid(struct sl_str s)
{
    for (size_t i = 0; i < s.n; i++)
        if (!(class_of(s.p[i]) & C_NAME))
            return false;
    return s.n > 0;
}

/* rest: what stands behind the host: nothing, ":" or ":port". */
static bool port_read(struct sl_str rest, uint16_t *out_port)
{
    uint64_t v = 0;
    if (rest.n > 1 && (rest.n > 6 || !sl_str_to_u64(sl_str_from(rest, 1), &v) || v == 0 || v > 65535))
        return false;
    if (rest.n > 0 && rest.p[0] != ':')
        return false;
    *out_port = (uint16_t)v;
    return true;
}

bool url_authority_split(struct sl_str authority, struct sl_str *out_host, uint16_t *out_port)
{
    struct sl_str host, rest;
    uint16_t port = 0;
    bool v6 = authority.n > 0 && authority.p[0] == '[';
    ptrdiff_t end = sl_str_find(authority, v6 ? ']' : ':');
    if (v6 && end < 0)
        return false;
    size_t host_n = end < 0 ? authority.n : (size_t)end;
    host = v6 ? sl_str_head(sl_str_from(authority, 1), host_n - 1) : sl_str_head(authority, host_n);
    rest = sl_str_from(authority, v6 ? host_n + 1 : host_n);
    if (!(v6 ? ipv6_is_valid(host) : name_is_valid(host)) || !port_read(rest, &port))
        return false;
    *out_host = host;
    *out_port = port;
    return true;
}

bool url_authority_is_valid(struct sl_str authority)
{
    struct sl_str host;
    uint16_t port;
    return url_authority_split(authority, &host, &port);
}

size_t url_escape_byte(char c, struct sl_str also, char out[3])
{
    static const char hex[] = "0123456789ABCDEF";
    char lower = sl_lower(c);
    bool stays = (lower >= 'a' && lower <= 'z') || (c >= '0' && c <= '9') || c == '-' || c == '.' || c == '_' ||
                 c == '~';
    if (stays || sl_str_find(also, c) >= 0) {
        out[0] = c;
        return 1;
    }
    out[0] = '%';
    out[1] = hex[(unsigned char)c >> 4];
    out[2] = hex[(unsigned char)c & 15];
    return 3;
}

struct sl_str url_escape(struct sl_str s, struct sl_str also, struct sl_arena *a)
{
    char *out = sl_arena_alloc(a, s.n * 3 + 1);
    size_t n = 0;
    for (size_t i = 0; i < s.n; i++)
        n += url_escape_byte(s.p[i], also, out + n);
    return sl_str_of(out, n);
}

struct sl_str url_segment(struct sl_str name, struct sl_arena *a)
{
    return url_escape(name, SL_STR("/:@"), a);
}
