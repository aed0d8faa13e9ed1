/* Single values: parsing and showing sizes, durations, addresses, URLs; the words for types and bounds. Pure. */
#include <arpa/inet.h>
#include <string.h>

#include "base/clock.h"
#include "config/config_int.h"

struct unit {
    struct sl_str name;
    uint64_t of;
};

static const struct unit SIZE_UNITS[] = {
    /* the first ones are also for showing: largest first */
    {SL_STR_INIT("TiB"), UINT64_C(1) << 40},
    {SL_STR_INIT("GiB"), 1 << 30},
    {SL_STR_INIT("MiB"), 1 << 20},
    {SL_STR_INIT("KiB"), 1 << 10},
    {SL_STR_INIT("B"), 1},
    {SL_STR_INIT("KB"), 1000},
    {SL_STR_INIT("MB"), 1000000},
    {SL_STR_INIT("GB"), 1000000000},
    {SL_STR_INIT("TB"), UINT64_C(1000000000000)},
};
#define SIZE_UNITS_SHOWN 4u

static const struct unit TIME_UNITS[] = {
    /* largest first */
    {SL_STR_INIT("d"), 86400 * (uint64_t)SL_SEC},
    {SL_STR_INIT("h"), 3600 * (uint64_t)SL_SEC},
    {SL_STR_INIT("m"), 60 * (uint64_t)SL_SEC},
    {SL_STR_INIT("s"), (uint64_t)SL_SEC},
    {SL_STR_INIT("ms"), (uint64_t)SL_MS},
    {SL_STR_INIT("us"), (uint64_t)SL_US},
    {SL_STR_INIT("ns"), 1},
};
#define COUNT(a) (sizeof(a) / sizeof *(a))

bool text_is_clean(struct sl_str s)
{
    for (size_t i = 0; i < s.n; i++) {
        unsigned char b = (unsigned char)s.p[i];
        if (b < 0x20 || b == 0x7f || (b == 0xc2 && i + 1 < s.n && (unsigned char)s.p[i + 1] < 0xa0))
            return false;
    }
    return sl_utf8_valid(s);
}

/* Cuts the leading digits off *s. */
static enum sl_err cut_number(struct sl_str *s, uint64_t *out)
{
    size_t n = 0;
    while (n < s->n && s->p[n] >= '0' && s->p[n] <= '9')
        n++;
    if (n == 0)
        return SL_EINVAL;
    if (!sl_str_to_u64(sl_str_head(*s, n), out))
        return SL_ELIMIT;
    *s = sl_str_from(*s, n);
    return SL_OK;
}

static const struct unit *unit_named(const struct unit *units, size_t n, struct sl_str name)
{
    for (size_t i = 0; i < n; i++)
        if (sl_str_eq(units[i].name, name))
            return &units[i];
    return NULL;
}

enum sl_err cfg_parse_size(struct sl_str s, uint64_t *out_bytes)
{
    uint64_t number;
    enum sl_err e = cut_number(&s, &number);
    if (e != SL_OK)
        return e;
    uint64_t of = 1;
    if (s.n != 0) {
        const struct unit *u = unit_named(SIZE_UNITS, COUNT(SIZE_UNITS), sl_str_trim(s));
        if (u == NULL)
            return SL_EINVAL;
        of = u->of;
    }
    if (__builtin_mul_overflow(number, of, &number) || number > INT64_MAX)
        return SL_ELIMIT;
    *out_bytes = number;
    return SL_OK;
}

/* "90s", "1h30m", "0": parts from large to small, each unit once. */
enum sl_err cfg_parse_duration(struct sl_str s, int64_t *out_ns)
{
    uint64_t sum = 0, last = UINT64_MAX;
    if (sl_str_eq(s, SL_STR("0"))) {
        *out_ns = 0;
        return SL_OK;
    }
    if (s.n == 0)
        return SL_EINVAL;
    while (s.n != 0) {
        uint64_t number;
        enum sl_err e = cut_number(&s, &number);
        if (e != SL_OK)
            return e;
        size_t n = 0;
        while (n < s.n && (s.p[n] < '0' || s.p[n] > '9'))
            n++;
        const struct unit *u = unit_named(TIME_UNITS, COUNT(TIME_UNITS), sl_str_head(s, n));
        if (u == NULL || u->of >= last)
            return SL_EINVAL;
        last = u->of;
        s = sl_str_from(s, n);
        if (__builtin_mul_overflow(number, u->of, &number) || __builtin_add_overflow(sum, number, &sum) ||
            sum > INT64_MAX)
            return SL_ELIMIT;
    }
    *out_ns = (int64_t)sum;
    return SL_OK;
}

void cfg_add_size(struct sl_buf *out, uint64_t bytes)
{
    for (size_t i = 0; i < SIZE_UNITS_SHOWN; i++)
        if (bytes != 0 && bytes % SIZE_UNITS[i].of == 0) {
            sl_buf_add_u64(out, bytes / SIZE_UNITS[i].of);
            sl_buf_adds(out, SIZE_UNITS[i].name);
            return;
        }
    sl_buf_add_u64(out, bytes);
}

/* In the largest unit that is exact, but for days, which are shown from two on: 24h, 2d. */
void cfg_add_duration(struct sl_buf *out, int64_t ns)
{
    uint64_t v = ns > 0 ? (uint64_t)ns : 0;
    for (size_t i = 0; i < COUNT(TIME_UNITS); i++)
        if (v != 0 && v % TIME_UNITS[i].of == 0 && (i > 0 || v / TIME_UNITS[i].of > 1)) {
            sl_buf_add_u64(out, v / TIME_UNITS[i].of);
            sl_buf_adds(out, TIME_UNITS[i].name);
            return;
        }
    sl_buf_addc(out, '0');
}

/* Addresses and URLs ---------------------------------------------------------------------------------------------- */

/* "host:port" or "[v6]:port" -> the two parts; without a colon, *port is empty with p == NULL. */
static bool split_port(struct sl_str s, struct sl_str *host, struct sl_str *port)
{
    if (s.n != 0 && s.p[0] == '[') {
        ptrdiff_t end = sl_str_find(s, ']');
        if (end < 0)
            return false;
        *host = sl_str_of(s.p + 1, (size_t)end - 1);
        struct sl_str rest = sl_str_from(s, (size_t)end + 1);
        *port = rest.n != 0 ? sl_str_from(rest, 1) : SL_STR_NONE;
        return rest.n == 0 || rest.p[0] == ':';
    }
    *port = s;
    *host = sl_str_cut(port, ':');
    return port->p == NULL || sl_str_find(*port, ':') < 0;
}

static bool parse_port(struct sl_str s, unsigned *out)
{
    uint64_t v;
    if (s.n > 5 || !sl_str_to_u64(s, &v) || v > 65535)
        return false;
    *out = (unsigned)v;
    return true;
}

enum sl_err cfg_parse_address(struct sl_str s, struct sl_arena *a, struct cfg_address *out, const char **out_why)
{
    const char *nowhere;
    const char **why = out_why != NULL ? out_why : &nowhere;
    struct sl_str host, port;
    unsigned number;
    struct cfg_address at = {0};
    *why = "not an address of the form 127.0.0.1:8080 or [::1]:8080";
    if (!text_is_clean(s) || s.n == 0 || !split_port(s, &host, &port))
        return SL_EINVAL;
    if (port.p == NULL && parse_port(host, &number)) {
        *why = "a port alone: write 127.0.0.1:PORT for this machine only, 0.0.0.0:PORT for all its IPv4 addresses";
        return SL_EINVAL;
    }
    if (port.p == NULL) {
        *why = "the port is missing, as in 127.0.0.1:8080";
        return SL_EINVAL;
    }
    if (host.n == 0) {
        *why = "the host is missing: write 0.0.0.0:PORT for all IPv4 addresses of the machine, [::]:PORT for all";
        return SL_EINVAL;
    }
    if (!parse_port(port, &number)) {
        *why = "the port is not a number from 0 to 65535";
        return SL_EINVAL;
    }
    if (sl_str_eq_nocase(host, SL_STR("localhost")))
        host = SL_STR("127.0.0.1");
    if (!sl_addr_parse(host, number, &at.addr)) {
        *why = "the host is not an IP address, and only localhost is taken by name";
        return SL_EINVAL;
    }
    at.text = sl_arena_str(a, s);
    *out = at;
    return SL_OK;
}

/* Networks that are not of the public internet (IANA special-purpose registries, RFC 6890 and its updates, read 2026-11;
 * with the forms that carry an IPv4 address inside: those are judged by it). */
static bool is_private_v4(const unsigned char b[4])
{
    return b[0] == 0 || b[0] == 10 || b[0] == 127 || (b[0] == 100 && (b[1] & 0xc0) == 64) ||
           (b[0] == 169 && b[1] == 254) || (b[0] == 172 && (b[1] & 0xf0) == 16) || (b[0] == 192 && b[1] == 168) ||
           (b[0] == 192 && b[1] == 0 && b[2] == 0) || (b[0] == 198 && (b[1] & 0xfe) == 18) || b[0] >= 224;
}

static bool is_private_v6(const unsigned char b[16])
{
    static const unsigned char MAPPED[12] = {0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff}; /* ::ffff:a.b.c.d */
    static const unsigned char NAT64[12] = {0, 0x64, 0xff, 0x9b};                       /* 64:ff9b::a.b.c.d */
    static const unsigned char ZERO[12] = {0};                                          /* ::, ::1, ::a.b.c.d */
    if (memcmp(b, ZERO, 12) == 0)
        return true;
    if (memcmp(b, MAPPED, 12) == 0 || memcmp(b, NAT64, 12) == 0)
        return is_private_v4(b + 12);
    if (b[0] == 0x20 && b[1] == 0x02) /* 6to4 */
        return is_private_v4(b + 2);
    return (b[0] & 0xfe) == 0xfc || (b[0] == 0xfe && (b[1] & 0x80) != 0) || b[0] == 0xff ||
           (b[0] == 0 && b[1] == 0x64 && b[2] == 0xff && b[3] == 0x9b && b[4] == 0 && b[5] == 1);
}

static void judge_host(struct cfg_url *u)
{
    struct sl_addr addr;
    if (sl_str_eq(u->host, SL_STR("localhost"))) {
        u->is_loopback = u->is_private = true;
        return;
    }
    if (!sl_addr_parse(u->host, u->port, &addr))
        return;
    u->is_literal = true;
    u->is_loopback = sl_addr_is_loopback(&addr);
    u->is_private = addr.sa.any.sa_family == AF_INET6
                        ? is_private_v6(addr.sa.v6.sin6_addr.s6_addr)
                        : is_private_v4((const unsigned char *)&addr.sa.v4.sin_addr.s_addr);
}

/* Names as the DNS has them (RFC 1123 2.1, and the underscore that private names use): letters, digits, '-', '_', '.';
 * all-digit last labels would be IPv4 addresses in other spellings, which the resolver of the system takes: refused. */
static bool is_host_name(struct sl_str host)
{
    if (host.n == 0 || host.n > 253 || host.p[0] == '.' || host.p[0] == '-')
        return false;
    for (size_t i = 0; i < host.n; i++) {
        char c = sl_lower(host.p[i]);
        bool is_fine = (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '-' || c == '_' || c == '.';
        if (!is_fine || (c == '.' && i > 0 && host.p[i - 1] == '.'))
            return false;
    }
    struct sl_str rest = host, last = host;
    while (rest.p != NULL && rest.n != 0)
        last = sl_str_cut(&rest, '.');
    return last.n != 0 && !(last.p[0] >= '0' && last.p[0] <= '9');
}

/* Printable ASCII without what ends a path or would be read in two ways. */
static bool is_url_path(struct sl_str path)
{
    for (size_t i = 0; i < path.n; i++) {
        char c = path.p[i];
        if (c <= 0x20 || c >= 0x7f || strchr("?#\"<>\\^`{|}", c) != NULL)
            return false;
    }
    return sl_str_find_str(path, SL_STR("/../")) < 0 && !sl_str_ends(path, SL_STR("/.."));
}

static struct sl_str authority_of(struct sl_arena *a, const struct cfg_url *u)
{
    bool is_v6 = sl_str_find(u->host, ':') >= 0;
    const char *left = is_v6 ? "[" : "", *right = is_v6 ? "]" : "";
    if (u->port == (u->tls ? 443u : 80u))
        return sl_arena_printf(a, "%s" SL_STR_FMT "%s", left, SL_STR_ARG(u->host), right);
    return sl_arena_printf(a, "%s" SL_STR_FMT "%s:%u", left, SL_STR_ARG(u->host), right, u->port);
}

static bool cut_scheme(struct sl_str *s, bool *tls)
{
    *tls = sl_str_starts_nocase(*s, SL_STR("https://"));
    if (!*tls && !sl_str_starts_nocase(*s, SL_STR("http://")))
        return false;
    *s = sl_str_from(*s, *tls ? 8 : 7);
    return true;
}

static const char *url_parts(struct sl_str s, struct cfg_url *u, struct sl_str *host)
{
    struct sl_str port;
    if (!text_is_clean(s) || !cut_scheme(&s, &u->tls))
        return "not an address that begins with https:// or http://";
    if (sl_str_find(s, '?') >= 0 || sl_str_find(s, '#') >= 0)
        return "a query ('?') or fragment ('#') has no place here";
    ptrdiff_t slash = sl_str_find(s, '/');
    struct sl_str authority = slash >= 0 ? sl_str_head(s, (size_t)slash) : s;
    u->path = slash >= 0 ? sl_str_from(s, (size_t)slash) : SL_STR_NONE;
    if (sl_str_find(authority, '@') >= 0)
        return "a user or password ('@') has no place in an address";
    if (!split_port(authority, host, &port))
        return "the host is not a name or an IP address";
    u->port = u->tls ? 443 : 80;
    if (port.p != NULL && (!parse_port(port, &u->port) || u->port == 0))
        return "the port is not a number from 1 to 65535";
    while (sl_str_ends(u->path, SL_STR("/")))
        u->path.n--;
    if (!is_url_path(u->path))
        return "the path holds a character that does not belong there";
    return NULL;
}

enum sl_err cfg_parse_url(struct sl_str s, struct sl_arena *a, struct cfg_url *out, const char **out_why)
{
    struct cfg_url u = {0};
    struct sl_str host;
    const char *why = s.n > 2048 ? "longer than 2048 bytes" : url_parts(s, &u, &host);
    if (why == NULL) {
        char *lower = sl_arena_cstr(a, host);
        for (size_t i = 0; i < host.n; i++)
            lower[i] = sl_lower(lower[i]);
        u.host = sl_str_of(lower, host.n);
        judge_host(&u);
        if (!u.is_literal && !is_host_name(u.host))
            why = "the host is not a name or an IP address";
    }
    if (why != NULL) {
        if (out_why != NULL)
            *out_why = why;
        return SL_EINVAL;
    }
    u.text = sl_arena_str(a, s);
    u.path = sl_arena_str(a, u.path);
    u.authority = authority_of(a, &u);
    *out = u;
    return SL_OK;
}

/* Showing --------------------------------------------------------------------------------------------------------- */

const char *word_of(const struct cfg_word *words, uint64_t value)
{
    for (; words->word != NULL; words++)
        if (words->value == value)
            return words->word;
    return "?";
}

uint64_t member_uint(const struct cfg_setting *s, const void *member)
{
    uint32_t small;
    uint64_t large;
    if (s->width == sizeof small) {
        memcpy(&small, member, sizeof small);
        return small;
    }
    SL_CHECK(s->width == sizeof large);
    memcpy(&large, member, sizeof large);
    return large;
}

struct items member_items(const void *member)
{
    struct items i;
    memcpy(&i.v, member, sizeof i.v);
    memcpy(&i.n, (const char *)member + sizeof i.v, sizeof i.n);
    return i;
}

void *item_at(const struct cfg_setting *s, struct items i, size_t index)
{
    SL_CHECK(index < i.n);
    return i.v + index * s->item_size;
}

/* Would a YAML reader take it for what it is without quotes? */
static bool is_plain(struct sl_str s)
{
    static const char *const WORDS[] = {"null", "true", "false", "yes", "no", "on", "off", "y", "n"};
    bool has_letter = false;
    for (size_t i = 0; i < s.n; i++) {
        char c = sl_lower(s.p[i]);
        bool is_letter = c >= 'a' && c <= 'z';
        bool is_inner = i > 0 && i + 1 < s.n && (c == ':' || c == '-' || c == '@');
        if (!is_letter && !(c >= '0' && c <= '9') && c != '.' && c != '/' && c != '_' && !is_inner)
            return false;
        has_letter |= is_letter;
    }
    for (size_t i = 0; i < COUNT(WORDS); i++)
        if (sl_str_eq_nocase(s, sl_str_c(WORDS[i])))
            return false;
    return has_letter;
}

/* Quoted as JSON, which YAML reads the same; "${" doubled so that it is not a variable when read again. */
void value_add_plain(struct sl_buf *out, struct sl_str text)
{
    if (is_plain(text)) {
        sl_buf_adds(out, text);
        return;
    }
    struct sl_buf escaped;
    sl_buf_init(&escaped, 2 * text.n + 1);
    for (size_t i = 0; i < text.n; i++) {
        if (text.p[i] == '$' && i + 1 < text.n && text.p[i + 1] == '{')
            sl_buf_addc(&escaped, '$');
        sl_buf_addc(&escaped, text.p[i]);
    }
    sl_buf_add_json(out, sl_buf_str(&escaped));
    sl_buf_done(&escaped);
}

static void add_items(struct sl_buf *out, const struct cfg_setting *s, const void *member)
{
    struct items items = member_items(member);
    struct cfg_setting item = *s;
    item.type = s->item;
    item.width = s->item_size;
    sl_buf_addc(out, '[');
    for (size_t i = 0; i < items.n; i++) {
        if (i > 0)
            sl_buf_adds(out, SL_STR(", "));
        value_add_text(out, &item, item_at(s, items, i));
    }
    sl_buf_addc(out, ']');
}

static void add_int(struct sl_buf *out, const struct cfg_setting *s, const void *member)
{
    sl_buf_add_i64(out, (int64_t)member_uint(s, member));
}

void value_add_text(struct sl_buf *out, const struct cfg_setting *s, const void *member)
{
    bool has_off = (s->flags & CFG_OFF) != 0;
    switch (s->type) {
    case CFG_BOOL:
        sl_buf_adds(out, *(const bool *)member ? SL_STR("true") : SL_STR("false"));
        break;
    case CFG_INT:
    case CFG_SIZE:
        if (has_off && member_uint(s, member) == 0)
            sl_buf_adds(out, SL_STR("off"));
        else if (s->type == CFG_INT)
            add_int(out, s, member);
        else
            cfg_add_size(out, member_uint(s, member));
        break;
    case CFG_DURATION:
        if (has_off && *(const int64_t *)member == 0)
            sl_buf_adds(out, SL_STR("off"));
        else
            cfg_add_duration(out, *(const int64_t *)member);
        break;
    case CFG_ENUM:
        sl_buf_adds(out, sl_str_c(word_of(s->words, member_uint(s, member))));
        break;
    case CFG_STRING:
    case CFG_PATH:
    case CFG_ADDRESS: /* their text comes first */
    case CFG_URL:
        if (has_off && ((const struct sl_str *)member)->n == 0)
            sl_buf_adds(out, SL_STR("off"));
        else
            value_add_plain(out, *(const struct sl_str *)member);
        break;
    case CFG_SECRET:
        sl_buf_adds(out, ((const struct sl_secret *)member)->n != 0 ? SL_STR("\"***\"") : SL_STR("\"\""));
        break;
    case CFG_TREE: /* JSON is YAML */
        sl_buf_adds(out, *(const struct sl_str *)member);
        break;
    case CFG_LIST:
        add_items(out, s, member);
        break;
    case CFG_SECTION:
    case CFG_MAP:
        SL_CHECK(s->type < CFG_TREE); /* these have no text of their own */
    }
}

static const char *const TYPE_TEXT[][2] = {
    [CFG_BOOL] = {"true or false", "true or false"},
    [CFG_INT] = {"number", "numbers"},
    [CFG_SIZE] = {"size", "sizes"},
    [CFG_DURATION] = {"duration", "durations"},
    [CFG_STRING] = {"text", "texts"},
    [CFG_PATH] = {"path", "paths"},
    [CFG_ENUM] = {"word", "words"},
    [CFG_SECRET] = {"secret", "secrets"},
    [CFG_ADDRESS] = {"address", "addresses"},
    [CFG_URL] = {"URL", "URLs"},
    [CFG_TREE] = {"list or section of a shape of its own", "such"},
    [CFG_SECTION] = {"section", "sections"},
};

void type_add_text(struct sl_buf *out, const struct cfg_setting *s)
{
    if (s->type == CFG_LIST) {
        sl_buf_addf(out, "list of %s", TYPE_TEXT[s->item][1]);
        return;
    }
    if (s->type == CFG_MAP) {
        sl_buf_addf(out, "sections by name");
        return;
    }
    if (s->type == CFG_ENUM) {
        for (const struct cfg_word *w = s->words; w->word != NULL; w++)
            sl_buf_addf(out, "%s%s", w == s->words ? "" : " | ", w->word);
    } else {
        sl_buf_adds(out, sl_str_c(TYPE_TEXT[s->type][0]));
    }
    if ((s->flags & CFG_OFF) != 0)
        sl_buf_adds(out, SL_STR(" | off"));
}

static void bound_add(struct sl_buf *out, const struct cfg_setting *s, int64_t v)
{
    if (s->type == CFG_SIZE)
        cfg_add_size(out, (uint64_t)v);
    else if (s->type == CFG_DURATION)
        cfg_add_duration(out, v);
    else
        sl_buf_add_i64(out, v);
}

void bounds_add_text(struct sl_buf *out, const struct cfg_setting *s)
{
    if (s->min == 0 && s->max == 0)
        return;
    if (s->type == CFG_LIST || s->type == CFG_MAP) {
        sl_buf_addf(out, "at most %lld", (long long)s->max);
        return;
    }
    bound_add(out, s, s->min);
    sl_buf_adds(out, SL_STR(" to "));
    bound_add(out, s, s->max);
}

const char *cfg_usd_refused(struct sl_str text)
{
    struct sl_str rest = text, whole = sl_str_cut(&rest, '.');
    bool good = whole.n >= 1 && whole.n <= 6 && rest.n <= 6 &&
                (rest.p == NULL || rest.n > 0); /* so that it always fits */
    for (size_t i = 0; i < text.n && good; i++)
        good = (text.p[i] >= '0' && text.p[i] <= '9') || text.p[i] == '.';
    for (size_t i = 0; i < rest.n && good; i++)
        good = rest.p[i] != '.';
    if (whole.n > 1 && whole.p[0] == '0')
        good = false; /* as JSON has numbers */
    return good ? NULL : "is no amount of US dollars, as in 2.50";
}
