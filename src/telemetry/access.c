/* One pass over the record measures the longest line it could become, one check asks the buffer for that much, and then
 * bytes are stored without further checks. Every text is bounded before it is measured, so the bound is small.
 *
 * To add a member: write it in write_line (or write_attempt), count its text in the bound, name it in
 * docs/internals/access-record.md and in the test that compares the whole line. */
#include "telemetry/access.h"

#include "base/check.h"
#include "base/clock.h"
#include "telemetry/fixed.h"
#include "telemetry/redact.h"

#include <endian.h>

#define ESCAPED_MAX 6u     /* bytes that one byte may become: \u001f */
#define TEXT_OVERHEAD 40u  /* member name, quotes, comma, "..." */
#define SESSION_FIXED 160u /* four names, four numbers */
#define TIME_BYTES 64u     /* one state: name (32 at most), number, punctuation */
#define TIME_NAME_MAX 32u
/* Names of members, numbers (20 digits each), times, ids: the sums below, rounded up generously. */
#define LINE_FIXED 2560u
#define ATTEMPT_FIXED 1536u
#define CANDIDATE_FIXED 320u

/* The place to write at. Stored bytes may alias anything, so `at` stays in a register only while no call that is not
 * inlined sees it: parts that write it are INLINE, what is too long for that takes and gives the place. */
struct line {
    char *at;
};

#define INLINE static inline __attribute__((always_inline))

/* ---- the bound ---- */

static size_t text_bound(struct sl_str s, size_t max)
{
    return (s.n < max ? s.n : max) * ESCAPED_MAX + TEXT_OVERHEAD;
}

static uint32_t at_most(uint32_t n, uint32_t max)
{
    return n < max ? n : max;
}

static size_t attempt_bound(const struct access_attempt *a)
{
    const struct sl_str texts[] = {a->provider, a->model, a->outcome,       a->detail,
                                   a->why,      a->at,    a->provider_code, a->provider_request_id};
    size_t n = ATTEMPT_FIXED + (size_t)at_most(a->n_times, ACCESS_TIMES_MAX) * TIME_BYTES;
    for (size_t i = 0; i < sizeof texts / sizeof texts[0]; i++)
        n += text_bound(texts[i], ACCESS_TEXT_MAX);
    return n + 2 * sizeof REDACT_MARK * ESCAPED_MAX; /* a mark may be longer than what it replaces */
}

static size_t line_bound(const struct access_record *r)
{
    const struct sl_str texts[] = {
        r->trace_id, r->span_id,   r->parent_span_id, r->tenant,          r->team,     r->user, r->key_name,
        r->peer,     r->method,    r->path,           r->operation,       r->dialect,  r->http, r->model,
        r->ended_in, r->ended_why, r->price_version,  r->config_revision, r->priority,
    };
    size_t n = LINE_FIXED + text_bound(r->user_agent, ACCESS_AGENT_MAX);
    for (size_t i = 0; i < sizeof texts / sizeof texts[0]; i++)
        n += text_bound(texts[i], ACCESS_TEXT_MAX);
    for (uint32_t i = 0; i < at_most(r->n_plan, ACCESS_PLAN_MAX); i++)
        n += CANDIDATE_FIXED + text_bound(r->plan[i].provider, ACCESS_TEXT_MAX) +
             text_bound(r->plan[i].model, ACCESS_TEXT_MAX) + text_bound(r->plan[i].why, ACCESS_TEXT_MAX) +
             text_bound(r->plan[i].route, ACCESS_TEXT_MAX) + text_bound(r->plan[i].state, ACCESS_TEXT_MAX);
    for (uint32_t i = 0; i < at_most(r->n_attempts, ACCESS_ATTEMPTS_MAX); i++)
        n += attempt_bound(&r->attempts[i]);
    n += r->session != NULL ? SESSION_FIXED : 0;
    return n + r->routing.n + (size_t)at_most(r->n_times, ACCESS_TIMES_MAX) * TIME_BYTES;
}

/* ---- storing ---- */

INLINE void put(struct line *l, const char *p, size_t n)
{
    memcpy(l->at, p, n);
    l->at += n;
}

#define PUT(l, literal) put((l), "" literal, sizeof(literal) - 1)

INLINE void put_u64(struct line *l, uint64_t v)
{
    if (v < 10) {
        *l->at++ = (char)('0' + v);
        return;
    }
    l->at += sl_u64_digits(v, l->at);
}

INLINE void put_i64(struct line *l, int64_t v)
{
    if (v < 0)
        *l->at++ = '-';
    put_u64(l, v < 0 ? 0 - (uint64_t)v : (uint64_t)v);
}

/* 1: stands for itself inside a JSON string. '<' and DEL do not, so that a line can be shown anywhere. */
static const unsigned char plain[256] = {
    [0x20 ... 0x21] = 1,
    [0x23 ... 0x3B] = 1,
    [0x3D ... 0x5B] = 1,
    [0x5D ... 0x7E] = 1,
};

static void put_escape(struct line *l, unsigned char c)
{
    static const char hex[] = "0123456789abcdef";
    if (c == '"' || c == '\\') {
        *l->at++ = '\\';
        *l->at++ = (char)c;
        return;
    }
    PUT(l, "\\u00");
    *l->at++ = hex[c >> 4];
    *l->at++ = hex[c & 15];
}

/* One character that is not plain: escaped when ASCII, kept when UTF-8, U+FFFD for a byte that is neither. */
static size_t put_special(struct line *l, struct sl_str s)
{
    unsigned char c = (unsigned char)s.p[0];
    if (c < 0x80) {
        put_escape(l, c);
        return 1;
    }
    for (size_t n = 2; n <= 4 && n <= s.n; n++) {
        if (sl_utf8_valid(sl_str_head(s, n))) {
            put(l, s.p, n);
            return n;
        }
    }
    PUT(l, "\xEF\xBF\xBD");
    return 1;
}

static struct sl_str cut_at_character(struct sl_str s, size_t max)
{
    if (s.n <= max)
        return s;
    size_t n = max;
    while (n > 0 && n > max - 4 && ((unsigned char)s.p[n] & 0xC0) == 0x80)
        n--;
    return sl_str_head(s, n);
}

/* Sixteen bytes at once; the compiler makes of it what the processor has. As signed numbers the bytes from 0x80 on are
 * below 0x20 too. */
typedef signed char lanes __attribute__((vector_size(16)));
typedef uint64_t halves __attribute__((vector_size(16)));

static bool all_plain(halves bytes)
{
    lanes v = (lanes)bytes;
    halves special = (halves)((v < 0x20) | (v == '"') | (v == '\\') | (v == '<') | (v == 0x7F));
    return (special[0] | special[1]) == 0;
}

static uint64_t load(const char *p, size_t n) /* n: 4 or 8 */
{
    uint64_t w = 0;
    memcpy(&w, p, n);
    return le64toh(w);
}

static bool copy_tiny(char *to, const char *from, size_t n) /* fewer than four */
{
    unsigned ok = 1;
    for (size_t i = 0; i < n; i++) {
        ok &= plain[(unsigned char)from[i]];
        to[i] = from[i];
    }
    return ok != 0;
}

/* Copies s and tells whether all of it is plain; if not, what was copied is to be written again. Head and end are copied
 * with one width and may overlap. */
static bool copy_plain(char *to, struct sl_str s)
{
    const uint64_t spaces = UINT64_C(0x2020202020202020);
    if (s.n < 4)
        return copy_tiny(to, s.p, s.n);
    if (s.n < 8) {
        uint64_t head = load(s.p, 4), end = load(s.p + s.n - 4, 4);
        memcpy(to, s.p, 4);
        memcpy(to + s.n - 4, s.p + s.n - 4, 4);
        return all_plain((halves){head | end << 32, spaces});
    }
    if (s.n < 16) {
        uint64_t head = load(s.p, 8), end = load(s.p + s.n - 8, 8);
        memcpy(to, s.p, 8);
        memcpy(to + s.n - 8, s.p + s.n - 8, 8);
        return all_plain((halves){head, end});
    }
    bool ok = true;
    for (size_t i = 0;; i = i + 32 <= s.n ? i + 16 : s.n - 16) {
        halves w;
        memcpy(&w, s.p + i, 16);
        memcpy(to + i, &w, 16);
        ok &= all_plain(w);
        if (i + 16 == s.n)
            return ok;
    }
}

static char *escaped_at(char *at, struct sl_str s)
{
    struct line l = {at};
    for (size_t i = 0; i < s.n;) {
        if (plain[(unsigned char)s.p[i]] == 0)
            i += put_special(&l, sl_str_from(s, i));
        else
            *l.at++ = s.p[i++];
    }
    return l.at;
}

static char *string_at(char *at, struct sl_str whole, size_t max)
{
    struct line l = {at};
    struct sl_str s = cut_at_character(whole, max);
    *l.at++ = '"';
    if (SL_LIKELY(copy_plain(l.at, s)))
        l.at += s.n;
    else
        l.at = escaped_at(l.at, s);
    if (s.n < whole.n)
        PUT(&l, "...");
    *l.at++ = '"';
    return l.at;
}

INLINE void put_string(struct line *l, struct sl_str s, size_t max)
{
    l->at = string_at(l->at, s, max);
}

/* `name` comes with comma, quotes and colon: ",\"tenant\":". */
#define PUT_TEXT(l, name, s)                                                                                           \
    do {                                                                                                               \
        if ((s).n != 0) {                                                                                              \
            PUT(l, name);                                                                                              \
            put_string(l, (s), ACCESS_TEXT_MAX);                                                                       \
        }                                                                                                              \
    } while (0)

#define PUT_INT(l, name, v)                                                                                            \
    do {                                                                                                               \
        PUT(l, name);                                                                                                  \
        put_i64((l), (v));                                                                                             \
    } while (0)

#define PUT_COUNT(l, name, v)                                                                                          \
    do {                                                                                                               \
        PUT(l, name);                                                                                                  \
        put_u64((l), (v));                                                                                             \
    } while (0)

#define PUT_BOOL(l, name, v)                                                                                           \
    do {                                                                                                               \
        if (v)                                                                                                         \
            PUT(l, name "true");                                                                                       \
        else                                                                                                           \
            PUT(l, name "false");                                                                                      \
    } while (0)

INLINE void put_id(struct line *l, struct sl_id id)
{
    char text[SL_ID_TEXT];
    sl_id_text(id, text);
    *l->at++ = '"';
    put(l, text, SL_ID_TEXT - 1);
    *l->at++ = '"';
}

INLINE void put_digits(struct line *l, unsigned v, unsigned width)
{
    for (unsigned i = width; i > 0; i--) {
        l->at[i - 1] = (char)('0' + v % 10);
        v /= 10;
    }
    l->at += width;
}

/* RFC 3339 with microseconds; sl_time_text would cost as much as the rest of the line. */
INLINE void put_time(struct line *l, int64_t wall_ns)
{
    int64_t ns = wall_ns > 0 ? wall_ns : 0;
    struct sl_civil c = sl_civil_of(ns / SL_SEC);
    put_digits(l, (unsigned)(c.year % 10000), 4);
    *l->at++ = '-';
    put_digits(l, c.month, 2);
    *l->at++ = '-';
    put_digits(l, c.day, 2);
    *l->at++ = 'T';
    put_digits(l, c.hour, 2);
    *l->at++ = ':';
    put_digits(l, c.minute, 2);
    *l->at++ = ':';
    put_digits(l, c.second, 2);
    *l->at++ = '.';
    put_digits(l, (unsigned)(ns / SL_US % 1000000), 6);
    *l->at++ = 'Z';
}

/* ---- parts ---- */

INLINE void put_times(struct line *l, const struct access_time *t, uint32_t n)
{
    bool first = true;
    PUT(l, ",\"times_us\":{");
    for (uint32_t i = 0; i < at_most(n, ACCESS_TIMES_MAX); i++) {
        if (t[i].us == 0)
            continue;
        if (!first)
            *l->at++ = ',';
        first = false;
        struct sl_str name = sl_str_head(sl_str_c(t[i].name), TIME_NAME_MAX);
        *l->at++ = '"';
        put(l, name.p, name.n);
        PUT(l, "\":");
        put_i64(l, t[i].us);
    }
    *l->at++ = '}';
}

/* Those that are not 0. False: none. */
INLINE bool put_counts(struct line *l, const uint64_t *counts, const struct sl_str *names, size_t n)
{
    bool first = true;
    for (size_t c = 0; c < n; c++) {
        if (counts[c] == 0)
            continue;
        if (!first)
            *l->at++ = ',';
        first = false;
        put(l, names[c].p, names[c].n);
        put_u64(l, counts[c]);
    }
    return !first;
}

INLINE void put_usage(struct line *l, const struct access_usage *u)
{
    static const struct sl_str names[TOKEN_CLASS_COUNT] = {
#define X(id, name, side) [TC_##id] = SL_STR_INIT("\"" #name "\":"),
        TOKEN_CLASSES(X)
#undef X
    };
    static const struct sl_str unit_names[USAGE_UNIT_COUNT] = {
#define X(id, name, side) [UU_##id] = SL_STR_INIT("\"" #name "\":"),
        USAGE_UNITS(X)
#undef X
    };
    PUT(l, ",\"usage\":{");
    (void)put_counts(l, u->tokens, names, TOKEN_CLASS_COUNT);
    *l->at++ = '}';
    for (size_t i = 0; i < USAGE_UNIT_COUNT; i++) {
        if (u->units[i] == 0)
            continue;
        PUT(l, ",\"units\":{");
        (void)put_counts(l, u->units, unit_names, USAGE_UNIT_COUNT);
        *l->at++ = '}';
        break;
    }
    if (u->flags & ACCESS_ESTIMATED)
        PUT(l, ",\"estimated\":true");
    if (u->flags & ACCESS_PARTIAL)
        PUT(l, ",\"partial\":true");
    if (u->flags & ACCESS_INCONSISTENT)
        PUT(l, ",\"inconsistent\":true");
    if (u->flags & ACCESS_REPORTED)
        PUT(l, ",\"reported\":true");
    PUT(l, ",\"cost_usd\":");
    if ((u->flags & ACCESS_UNPRICED) != 0 && u->cost_p <= 0) {
        PUT(l, "null,\"unpriced\":true"); /* not known is not nothing */
        return;
    }
    char cost[TEL_FIXED_TEXT];
    put(l, cost, tel_fixed_text(u->cost_p > 0 ? (unsigned __int128)u->cost_p : 0, 12, cost));
    if (u->flags & ACCESS_UNPRICED)
        PUT(l, ",\"unpriced\":true");
}

INLINE void put_terms(struct line *l, const struct access_candidate *c)
{
    PUT(l, ",\"terms_p\":{\"cost\":");
    put_i64(l, c->cost_p);
    PUT(l, ",\"time\":");
    put_i64(l, c->time_p);
    PUT(l, ",\"fail\":");
    put_i64(l, c->fail_p);
    PUT(l, ",\"sum\":");
    put_i64(l, c->sum_p);
    *l->at++ = '}';
}

INLINE void put_place(struct line *l, const struct access_candidate *c)
{
    if (c->route.n > 0) {
        PUT_TEXT(l, ",\"route\":", c->route);
        PUT(l, ",\"rule\":");
        put_u64(l, c->rule);
    }
    if (c->tier > 0) {
        PUT(l, ",\"tier\":");
        put_u64(l, c->tier);
    }
    PUT_TEXT(l, ",\"state\":", c->state);
    if (c->last_resort)
        PUT(l, ",\"last_resort\":true");
    if (c->has_terms)
        put_terms(l, c);
    if (c->excluded)
        PUT(l, ",\"excluded\":true");
}

INLINE void put_plan(struct line *l, const struct access_record *r)
{
    PUT(l, ",\"plan\":[");
    for (uint32_t i = 0; i < at_most(r->n_plan, ACCESS_PLAN_MAX); i++) {
        const struct access_candidate *c = &r->plan[i];
        if (i != 0)
            *l->at++ = ',';
        PUT(l, "{\"provider\":");
        put_string(l, c->provider, ACCESS_TEXT_MAX);
        PUT(l, ",\"model\":");
        put_string(l, c->model, ACCESS_TEXT_MAX);
        PUT_TEXT(l, ",\"why\":", c->why);
        put_place(l, c);
        *l->at++ = '}';
    }
    *l->at++ = ']';
    if (r->routing.n > 0) {
        PUT(l, ",\"routing\":");
        put(l, r->routing.p, r->routing.n);
    }
}

/* Texts that the provider chose are cleaned of keys here, so that no caller can forget it. */
INLINE void put_foreign(struct line *l, const char *name, struct sl_str text, enum redact_level level)
{
    if (text.n == 0)
        return;
    char clean[ACCESS_TEXT_MAX];
    const struct redact_rules rules = {.level = level};
    struct sl_str n = sl_str_c(name);
    put(l, n.p, n.n);
    put_string(l, sl_str_of(clean, redact_text(text, &rules, clean, sizeof clean)), ACCESS_TEXT_MAX);
}

INLINE void put_attempt(struct line *l, const struct access_attempt *a)
{
    PUT(l, "{\"id\":");
    put_id(l, a->id);
    PUT(l, ",\"provider\":");
    put_string(l, a->provider, ACCESS_TEXT_MAX);
    PUT(l, ",\"model\":");
    put_string(l, a->model, ACCESS_TEXT_MAX);
    PUT(l, ",\"outcome\":");
    put_string(l, a->outcome, ACCESS_TEXT_MAX);
    PUT_TEXT(l, ",\"detail\":", a->detail);
    PUT_TEXT(l, ",\"at\":", a->at);
    PUT_TEXT(l, ",\"why\":", a->why);
    put_foreign(l, ",\"provider_code\":", a->provider_code, REDACT_ALL);
    put_foreign(l, ",\"provider_request_id\":", a->provider_request_id, REDACT_KEYS);
    PUT_INT(l, ",\"status\":", a->status);
    PUT_BOOL(l, ",\"sent\":", a->sent);
    PUT_BOOL(l, ",\"reused\":", a->reused);
    if (a->h2)
        PUT(l, ",\"h2\":true");
    PUT_INT(l, ",\"start_us\":", a->start_us);
    PUT_INT(l, ",\"duration_us\":", a->duration_us);
    if (a->first_byte_us >= 0)
        PUT_INT(l, ",\"first_byte_us\":", a->first_byte_us);
    if (a->pause_us > 0)
        PUT_INT(l, ",\"pause_us\":", a->pause_us);
    PUT_COUNT(l, ",\"bytes_out\":", a->bytes_out);
    PUT_COUNT(l, ",\"bytes_in\":", a->bytes_in);
    put_times(l, a->times, a->n_times);
    put_usage(l, &a->usage);
    *l->at++ = '}';
}

INLINE void put_attempts(struct line *l, const struct access_record *r)
{
    PUT_COUNT(l, ",\"attempts_n\":", r->n_attempts);
    PUT(l, ",\"attempts\":[");
    for (uint32_t i = 0; i < at_most(r->n_attempts, ACCESS_ATTEMPTS_MAX); i++) {
        if (i != 0)
            *l->at++ = ',';
        put_attempt(l, &r->attempts[i]);
    }
    *l->at++ = ']';
}

INLINE void put_who(struct line *l, const struct access_record *r)
{
    PUT_TEXT(l, ",\"trace_id\":", r->trace_id);
    PUT_TEXT(l, ",\"span_id\":", r->span_id);
    PUT_TEXT(l, ",\"parent_span_id\":", r->parent_span_id);
    PUT_TEXT(l, ",\"tenant\":", r->tenant);
    PUT_TEXT(l, ",\"team\":", r->team);
    PUT_TEXT(l, ",\"user\":", r->user);
    if (r->key_id.hi != 0 || r->key_id.lo != 0) {
        PUT(l, ",\"key_id\":");
        put_id(l, r->key_id);
    }
    PUT_TEXT(l, ",\"key\":", r->key_name);
    PUT_TEXT(l, ",\"peer\":", r->peer);
    if (r->user_agent.n != 0) {
        PUT(l, ",\"user_agent\":");
        put_string(l, r->user_agent, ACCESS_AGENT_MAX);
    }
}

INLINE void put_what(struct line *l, const struct access_record *r)
{
    PUT_TEXT(l, ",\"method\":", r->method);
    PUT_TEXT(l, ",\"path\":", r->path);
    PUT_TEXT(l, ",\"operation\":", r->operation);
    PUT_TEXT(l, ",\"dialect\":", r->dialect);
    PUT_TEXT(l, ",\"http\":", r->http);
    PUT_BOOL(l, ",\"tls\":", r->tls);
    PUT_BOOL(l, ",\"stream\":", r->stream);
    PUT_TEXT(l, ",\"model\":", r->model);
    PUT_TEXT(l, ",\"priority\":", r->priority);
    PUT_INT(l, ",\"status\":", r->status);
}

INLINE void put_end(struct line *l, const struct access_record *r)
{
    static const struct sl_str sides[] = {
        [ACCESS_NOBODY] = SL_STR_INIT("nobody"),
        [ACCESS_CLIENT] = SL_STR_INIT("client"),
        [ACCESS_GATEWAY] = SL_STR_INIT("gateway"),
        [ACCESS_PROVIDER] = SL_STR_INIT("provider"),
    };
    SL_CHECK((unsigned)r->ended_by < sizeof sides / sizeof sides[0]);
    PUT(l, ",\"ended\":{\"by\":");
    put_string(l, sides[r->ended_by], ACCESS_TEXT_MAX);
    PUT_TEXT(l, ",\"in\":", r->ended_in);
    PUT_TEXT(l, ",\"why\":", r->ended_why);
    *l->at++ = '}';
    PUT_BOOL(l, ",\"committed\":", r->committed);
}

INLINE void put_sums(struct line *l, const struct access_record *r)
{
    put_times(l, r->times, r->n_times);
    PUT_INT(l, ",\"duration_us\":", r->duration_us);
    if (r->first_token_us >= 0)
        PUT_INT(l, ",\"first_token_us\":", r->first_token_us);
    PUT_INT(l, ",\"overhead_us\":", r->overhead_us);
    PUT_COUNT(l, ",\"bytes_in\":", r->bytes_in);
    PUT_COUNT(l, ",\"bytes_out\":", r->bytes_out);
    PUT_COUNT(l, ",\"events\":", r->events);
    if (r->session != NULL) {
        PUT_COUNT(l, ",\"session\":{\"messages_in\":", r->session->messages_in);
        PUT_COUNT(l, ",\"messages_out\":", r->session->messages_out);
        PUT_COUNT(l, ",\"responses\":", r->session->responses);
        PUT_COUNT(l, ",\"closed\":", r->session->closed);
        *l->at++ = '}';
    }
    put_usage(l, &r->usage);
    PUT_TEXT(l, ",\"prices\":", r->price_version);
    PUT_TEXT(l, ",\"config\":", r->config_revision);
    PUT_COUNT(l, ",\"worker\":", r->worker);
}

enum sl_err access_write(struct sl_buf *out, const struct access_record *r)
{
    size_t bound = line_bound(r);
    bool over = out->over;
    char *to = sl_buf_room(out, bound);
    if (to == NULL) {
        out->over = over;
        return SL_ELIMIT;
    }
    struct line l = {to};
    PUT(&l, "{\"time\":\"");
    put_time(&l, r->wall_ns);
    PUT(&l, "\",\"id\":");
    put_id(&l, r->id);
    put_who(&l, r);
    put_what(&l, r);
    put_end(&l, r);
    put_plan(&l, r);
    put_attempts(&l, r);
    put_sums(&l, r);
    PUT(&l, "}\n");
    SL_CHECK((size_t)(l.at - to) <= bound);
    sl_buf_wrote(out, (size_t)(l.at - to));
    return SL_OK;
}
