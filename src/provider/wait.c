/* How long a provider asks to wait: every form in which it is said. Sources: openai.md section 3 (durations, and what others put
 * in headers of the same names), anthropic.md section 1 (RFC 3339), gemini.md 10.3 and 10.4, openai-compatible.md 17 (epoch
 * milliseconds); November 2026. */
#include "provider/provider.h"

#include "base/clock.h"

#define EPOCH_S UINT64_C(1000000000)    /* as seconds 2001, and as a wait 31 years */
#define EPOCH_MS UINT64_C(100000000000) /* as milliseconds 1973 */
#define EPOCH_MAX UINT64_C(9000000000)  /* seconds; 2255: the last that fits in nanoseconds */
#define MESSAGE_LOOK_BYTES 1024u

static int64_t bounded(int64_t ns)
{
    return ns < 0 ? 0 : ns < PROVIDER_WAIT_MAX_NS ? ns : PROVIDER_WAIT_MAX_NS;
}

/* Takes "12", "1.5" off the front: whole part and billionths. False: it begins with no digit. */
static bool take_decimal(struct sl_str *s, uint64_t *out_whole, int64_t *out_billionths)
{
    size_t i = 0;
    uint64_t whole = 0;
    int64_t part = 0, place = SL_SEC;
    for (; i < s->n && s->p[i] >= '0' && s->p[i] <= '9'; i++)
        if (whole < UINT64_MAX / 16)
            whole = whole * 10 + (uint64_t)(s->p[i] - '0');
    if (i == 0)
        return false;
    if (i < s->n && s->p[i] == '.')
        for (i++; i < s->n && s->p[i] >= '0' && s->p[i] <= '9'; i++) {
            place /= 10;
            part += place * (s->p[i] - '0');
        }
    *s = sl_str_from(*s, i);
    *out_whole = whole;
    *out_billionths = part;
    return true;
}

static int64_t times(uint64_t whole, int64_t billionths, int64_t unit_ns)
{
    if (whole > (uint64_t)(PROVIDER_WAIT_MAX_NS / unit_ns))
        return PROVIDER_WAIT_MAX_NS;
    return bounded((int64_t)whole * unit_ns + (int64_t)((__int128)billionths * unit_ns / SL_SEC));
}

/* A count of units and nothing else. */
static bool read_decimal(struct sl_str s, int64_t unit_ns, int64_t *out_ns)
{
    uint64_t whole;
    int64_t billionths;
    if (!take_decimal(&s, &whole, &billionths) || s.n > 0)
        return false;
    *out_ns = times(whole, billionths, unit_ns);
    return true;
}

static const struct unit {
    struct sl_str name;
    int64_t ns;
} units[] = {
    /* a longer name before its beginning */
    {SL_STR_INIT("ns"), 1},          {SL_STR_INIT("us"), SL_US},        {SL_STR_INIT("\xc2\xb5s"), SL_US},
    {SL_STR_INIT("ms"), SL_MS},      {SL_STR_INIT("s"), SL_SEC},        {SL_STR_INIT("m"), SL_MIN},
    {SL_STR_INIT("h"), 60 * SL_MIN}, {SL_STR_INIT("d"), 1440 * SL_MIN},
};

/* Takes "6m0s" off the front. False: it begins with no duration. */
static bool take_duration(struct sl_str *s, int64_t *out_ns)
{
    uint64_t whole;
    int64_t billionths, sum = 0;
    bool any = false;
    struct sl_str rest = *s;
    while (take_decimal(&rest, &whole, &billionths)) {
        const struct unit *u = NULL;
        for (size_t i = 0; i < sizeof units / sizeof units[0] && u == NULL; i++)
            if (sl_str_starts(rest, units[i].name))
                u = &units[i];
        if (u == NULL)
            break;
        rest = sl_str_from(rest, u->name.n);
        *s = rest;
        sum = bounded(sum + times(whole, billionths, u->ns));
        any = true;
    }
    *out_ns = sum;
    return any;
}

static bool read_duration(struct sl_str s, int64_t *out_ns)
{
    return take_duration(&s, out_ns) && s.n == 0;
}

/* ---- dates ---- */

static bool take_number(struct sl_str *s, size_t digits, char before, unsigned *out)
{
    if (before != 0) {
        if (s->n == 0 || s->p[0] != before)
            return false;
        *s = sl_str_from(*s, 1);
    }
    uint64_t v;
    if (s->n < digits || !sl_str_to_u64(sl_str_head(*s, digits), &v))
        return false;
    *s = sl_str_from(*s, digits);
    *out = (unsigned)v;
    return true;
}

/* ".5" off the front, in nanoseconds; 0 when there is none. */
static int64_t take_fraction(struct sl_str *s)
{
    int64_t part = 0, place = SL_SEC;
    if (s->n == 0 || s->p[0] != '.')
        return 0;
    for (*s = sl_str_from(*s, 1); s->n > 0 && s->p[0] >= '0' && s->p[0] <= '9'; *s = sl_str_from(*s, 1)) {
        place /= 10;
        part += place * (s->p[0] - '0');
    }
    return part;
}

/* "Z", "+01:00": seconds to take away. */
static bool read_zone(struct sl_str s, int64_t *out_s)
{
    unsigned hours = 0, minutes = 0;
    *out_s = 0;
    if (s.n == 1)
        return s.p[0] == 'Z' || s.p[0] == 'z';
    if (s.n == 0 || (s.p[0] != '+' && s.p[0] != '-'))
        return false;
    int sign = s.p[0] == '+' ? 1 : -1;
    s = sl_str_from(s, 1);
    if (!take_number(&s, 2, 0, &hours) || !take_number(&s, 2, ':', &minutes) || hours > 23 || minutes > 59)
        return false;
    *out_s = sign * (int64_t)(hours * 3600 + minutes * 60);
    return s.n == 0;
}

static bool in_range(const struct sl_civil *c)
{
    return c->month >= 1 && c->month <= 12 && c->day >= 1 && c->day <= 31 && c->hour <= 23 && c->minute <= 59 &&
           c->second <= 60;
}

/* "2026-11-21T07:53:00.5+01:00"; RFC 3339 section 5.6 */
static bool read_rfc3339(struct sl_str s, int64_t *out_wall_ns)
{
    struct sl_civil c = {0};
    unsigned year;
    int64_t zone;
    if (!take_number(&s, 4, 0, &year) || !take_number(&s, 2, '-', &c.month) || !take_number(&s, 2, '-', &c.day))
        return false;
    char between = s.n > 0 ? s.p[0] : '\0';
    if ((between != 'T' && between != 't' && between != ' ') || !take_number(&s, 2, between, &c.hour) ||
        !take_number(&s, 2, ':', &c.minute) || !take_number(&s, 2, ':', &c.second) || !in_range(&c))
        return false;
    c.year = year < 1970 ? 1970 : year > 2200 ? 2200 : year; /* it fits in nanoseconds, and means the same */
    int64_t part = take_fraction(&s);
    if (!read_zone(s, &zone))
        return false;
    *out_wall_ns = (sl_civil_to_s(&c) - zone) * SL_SEC + part;
    return true;
}

static bool read_date(struct sl_str s, int64_t now_wall_ns, int64_t *out_ns)
{
    int64_t at;
    if (!sl_http_date_parse(s, &at) && !read_rfc3339(s, &at))
        return false;
    *out_ns = bounded(at - now_wall_ns);
    return true;
}

static int64_t until(uint64_t at, uint64_t at_max, int64_t unit_ns, int64_t now_wall_ns)
{
    return bounded((int64_t)(at < at_max ? at : at_max) * unit_ns - now_wall_ns);
}

bool provider_reset_ns(struct sl_str value, int64_t now_wall_ns, int64_t *out_ns)
{
    value = sl_str_trim(value);
    struct sl_str rest = value;
    uint64_t whole;
    int64_t billionths;
    if (read_duration(value, out_ns) || read_date(value, now_wall_ns, out_ns))
        return true;
    if (!take_decimal(&rest, &whole, &billionths) || rest.n > 0)
        return false;
    if (whole < EPOCH_S)
        *out_ns = times(whole, billionths, SL_SEC);
    else if (whole < EPOCH_MS)
        *out_ns = until(whole, EPOCH_MAX, SL_SEC, now_wall_ns);
    else
        *out_ns = until(whole, EPOCH_MAX * 1000, SL_MS, now_wall_ns);
    return true;
}

/* ---- limits ---- */

/* The value of the header whose name is that one with "remaining" instead of "reset". */
static struct sl_str remaining_of(const struct http_headers *h, struct sl_str name, size_t reset_at)
{
    static const struct sl_str reset = SL_STR_INIT("reset"), remaining = SL_STR_INIT("remaining");
    char text[96];
    if (name.n + remaining.n - reset.n > sizeof text)
        return SL_STR_NONE;
    struct sl_str tail = sl_str_from(name, reset_at + reset.n);
    memcpy(text, name.p, reset_at);
    memcpy(text + reset_at, remaining.p, remaining.n);
    memcpy(text + reset_at + remaining.n, tail.p, tail.n);
    const struct http_header *r = http_headers_find_name(h, sl_str_of(text, reset_at + remaining.n + tail.n));
    return r != NULL ? sl_str_trim(r->value) : SL_STR_NONE;
}

/* A reset is when the limit is whole again, so of the limits that still have something it tells nothing. One of 0 is how some
 * servers say that they do not know. */
static int64_t latest_reset(const struct http_headers *h, int64_t now_wall_ns)
{
    int64_t latest = -1, ns;
    for (size_t i = 0; i < h->n; i++) {
        struct sl_str name = h->v[i].name;
        if (!sl_str_starts(name, SL_STR("x-ratelimit-")) && !sl_str_starts(name, SL_STR("anthropic-ratelimit-")))
            continue;
        ptrdiff_t at = sl_str_find_str(name, SL_STR("reset"));
        if (at < 0 || !sl_str_eq(remaining_of(h, name, (size_t)at), SL_STR("0")))
            continue;
        if (provider_reset_ns(h->v[i].value, now_wall_ns, &ns) && ns > latest && ns > 0)
            latest = ns;
    }
    return latest;
}

/* ---- texts ---- */

/* "Please try again in 6m0s.", "Please retry in 34.07s.", "Please retry after 7 seconds." */
static int64_t wait_in_message(struct sl_str message)
{
    static const struct sl_str before[] = {SL_STR_INIT("try again in "), SL_STR_INIT("retry in "),
                                           SL_STR_INIT("retry after ")};
    message = sl_str_head(message, MESSAGE_LOOK_BYTES);
    for (size_t i = 0; i < sizeof before / sizeof before[0]; i++) {
        ptrdiff_t at = sl_str_find_str(message, before[i]);
        if (at < 0)
            continue;
        struct sl_str rest = sl_str_from(message, (size_t)at + before[i].n), words = rest;
        uint64_t whole;
        int64_t ns, billionths;
        if (take_duration(&rest, &ns))
            return ns;
        if (!take_decimal(&words, &whole, &billionths))
            continue;
        if (sl_str_starts(words, SL_STR(" second")))
            return times(whole, billionths, SL_SEC);
        if (sl_str_starts(words, SL_STR(" minute")))
            return times(whole, billionths, SL_MIN);
    }
    return -1;
}

int64_t provider_wait_ns(const struct provider_wait *w)
{
    int64_t ns = -1;
    struct sl_str after = http_headers_get(w->headers, HN_RETRY_AFTER);
    /* Azure has been seen to send 0 ms beside 1 s */
    if (read_decimal(http_headers_get(w->headers, HN_RETRY_AFTER_MS), SL_MS, &ns) && (ns > 0 || after.n == 0))
        return ns;
    ns = -1;
    if (read_decimal(after, SL_SEC, &ns) || read_duration(after, &ns) || read_date(after, w->now_wall_ns, &ns))
        return ns;
    if (read_duration(w->delay, &ns))
        return ns;
    ns = wait_in_message(w->message);
    return ns >= 0 || !w->limited ? ns : latest_reset(w->headers, w->now_wall_ns);
}
