#include "provider/limits.h"

#include "base/clock.h"
#include "provider/provider.h"

#define VALUE_MAX UINT64_C(1000000000000000)
#define CLOCKS_APART_NS (24 * 60 * SL_MIN) /* a date header farther from ours than this is no clock */

enum part {
    PART_LIMIT = 0,
    PART_REMAINING,
    PART_RESET,
    PART_COUNT
};

struct said { /* of one limit */
    struct sl_str v[PART_COUNT];
    bool twice; /* two values for one thing */
};

static bool part_of(struct sl_str word, enum part *out)
{
    static const struct sl_str names[PART_COUNT] = {SL_STR_INIT("limit"), SL_STR_INIT("remaining"),
                                                    SL_STR_INIT("reset")};
    for (unsigned i = 0; i < PART_COUNT; i++)
        if (sl_str_eq(word, names[i])) {
            *out = (enum part)i;
            return true;
        }
    return false;
}

static bool limit_of(struct sl_str name, bool anthropic, enum provider_limit_id *out)
{
    static const struct {
        struct sl_str name;
        enum provider_limit_id id;
    } rows[] = {
        {SL_STR_INIT("requests"), LIMIT_REQUESTS},
        {SL_STR_INIT("tokens"), LIMIT_TOKENS},
        {SL_STR_INIT("project-tokens"), LIMIT_PROJECT_TOKENS},
        {SL_STR_INIT(""), LIMIT_REQUESTS}, /* Together's */
        {SL_STR_INIT("req-minute"), LIMIT_REQUESTS},
        {SL_STR_INIT("requests-minute"), LIMIT_REQUESTS},
        {SL_STR_INIT("tokens-minute"), LIMIT_TOKENS},
        {SL_STR_INIT("requests-day"), LIMIT_REQUESTS_DAY},
        {SL_STR_INIT("tokens-day"), LIMIT_TOKENS_DAY},
        {SL_STR_INIT("input-tokens"), LIMIT_INPUT},
        {SL_STR_INIT("output-tokens"), LIMIT_OUTPUT},
    };
    if (anthropic && sl_str_eq(name, SL_STR("tokens")))
        return false; /* repeats the narrower of the next two */
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++)
        if (sl_str_eq(name, rows[i].name)) {
            *out = rows[i].id;
            return true;
        }
    return false;
}

/* "x-ratelimit-remaining-tokens", "anthropic-ratelimit-input-tokens-remaining", "x-tokenlimit-remaining" */
static bool name_of(struct sl_str name, enum provider_limit_id *out_id, enum part *out_part)
{
    static const struct sl_str before = SL_STR_INIT("x-ratelimit-"), vendor = SL_STR_INIT("anthropic-ratelimit-");
    static const struct sl_str tokens = SL_STR_INIT("x-tokenlimit-"); /* Together's */
    struct sl_str rest;
    if (sl_str_starts(name, tokens)) {
        *out_id = LIMIT_TOKENS;
        return part_of(sl_str_from(name, tokens.n), out_part);
    }
    if (sl_str_starts(name, before)) {
        rest = sl_str_from(name, before.n);
        return part_of(sl_str_cut(&rest, '-'), out_part) && limit_of(rest.p != NULL ? rest : SL_STR(""), false, out_id);
    }
    if (!sl_str_starts(name, vendor))
        return false;
    rest = sl_str_from(name, vendor.n);
    size_t at = rest.n;
    while (at > 0 && rest.p[at - 1] != '-')
        at--;
    return at > 1 && part_of(sl_str_from(rest, at), out_part) && limit_of(sl_str_head(rest, at - 1), true, out_id);
}

static bool read_value(struct sl_str s, int64_t *out)
{
    uint64_t v;
    if (s.p == NULL || !sl_str_to_u64(sl_str_trim(s), &v) || v > VALUE_MAX)
        return false;
    *out = (int64_t)v;
    return true;
}

/* Instants are by the provider's clock, which the same answer tells. */
static int64_t clock_of(const struct http_headers *h, int64_t now_wall_ns)
{
    int64_t at;
    struct sl_str date = http_headers_get(h, HN_DATE);
    if (date.n == 0 || !sl_http_date_parse(date, &at) || at - now_wall_ns > CLOCKS_APART_NS ||
        now_wall_ns - at > CLOCKS_APART_NS)
        return now_wall_ns;
    return at;
}

bool provider_limits_read(const struct http_headers *h, int64_t now_wall_ns, struct provider_limits *out)
{
    struct said said[LIMIT_COUNT] = {0};
    enum provider_limit_id id;
    enum part part;
    bool any = false;
    out->known = 0;
    for (size_t i = 0; i < h->n; i++) {
        if (h->v[i].name.n < 15 || !name_of(h->v[i].name, &id, &part))
            continue;
        said[id].twice |= said[id].v[part].p != NULL && !sl_str_eq(said[id].v[part], h->v[i].value);
        said[id].v[part] = h->v[i].value;
        any = true;
    }
    if (!any)
        return false;
    int64_t clock_ns = clock_of(h, now_wall_ns);
    for (unsigned i = 0; i < LIMIT_COUNT; i++) {
        struct provider_limit *l = &out->by[i];
        if (said[i].twice || !read_value(said[i].v[PART_LIMIT], &l->limit) ||
            !read_value(said[i].v[PART_REMAINING], &l->remaining) || l->limit == 0 || l->remaining > l->limit)
            continue;
        if (said[i].v[PART_RESET].p == NULL || !provider_reset_ns(said[i].v[PART_RESET], clock_ns, &l->reset_ns))
            l->reset_ns = -1;
        out->known |= 1u << i;
    }
    return out->known != 0;
}
