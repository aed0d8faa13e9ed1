/* See carrier.h. */
#include "dialect/carrier.h"

#include "base/base64.h"

static const struct {
    enum carrier_vendor vendor;
    struct sl_str word;
} vendors[] = {
    {CARRIER_ANTHROPIC, SL_STR_INIT("ant")}, {CARRIER_ANTHROPIC_REDACTED, SL_STR_INIT("antr")},
    {CARRIER_OPENAI, SL_STR_INIT("oai")},    {CARRIER_GOOGLE, SL_STR_INIT("goo")},
    {CARRIER_OTHER, SL_STR_INIT("oth")},
};
#define VENDORS (sizeof vendors / sizeof vendors[0])

/* "gpt-5.2-mini" is "gpt-5": the name up to and with its first whole number behind a dash. */
static struct sl_str numbered(struct sl_str model)
{
    for (size_t i = 1; i < model.n; i++) {
        if (model.p[i - 1] != '-' || !sl_is_digit(model.p[i]))
            continue;
        while (i < model.n && sl_is_digit(model.p[i]))
            i++;
        return sl_str_head(model, i);
    }
    return model;
}

struct sl_str carrier_family(struct sl_str model)
{
    ptrdiff_t slash;
    while ((slash = sl_str_find(model, '/')) >= 0)
        model = sl_str_from(model, (size_t)slash + 1);
    if (sl_str_find_str(model, SL_STR("claude")) >= 0)
        return SL_STR("claude");
    if (sl_str_starts(model, SL_STR("gpt-")) || sl_str_starts(model, SL_STR("gemini-")))
        return numbered(model);
    return model;
}

struct sl_str carrier_pack(struct sl_arena *a, enum carrier_vendor vendor, struct sl_str family, struct sl_str payload)
{
    struct sl_str word = SL_STR("oth");
    for (size_t i = 0; i < VENDORS; i++)
        if (vendors[i].vendor == vendor)
            word = vendors[i].word;
    char *out = sl_arena_alloc(a, 16 + family.n + SL_BASE64_BYTES(payload.n));
    size_t n = 0;
    memcpy(out, "slc1.", 5);
    n += 5;
    memcpy(out + n, word.p, word.n);
    n += word.n;
    out[n++] = '.';
    for (size_t i = 0; i < family.n; i++) { /* no dot, nothing that JSON would escape */
        char c = family.p[i];
        bool fine = sl_is_digit(c) || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '-' || c == '_';
        out[n++] = fine ? c : '_';
    }
    out[n++] = '.';
    n += sl_base64url_encode(payload, out + n);
    return sl_str_of(out, n);
}

struct carrier carrier_unpack(struct sl_arena *a, struct sl_str text)
{
    struct carrier none = {.vendor = CARRIER_NONE, .payload = text}, c = none;
    if (!sl_str_starts(text, SL_STR("slc1.")))
        return none;
    struct sl_str rest = sl_str_from(text, 5), word = sl_str_cut(&rest, '.');
    for (size_t i = 0; i < VENDORS; i++)
        if (sl_str_eq(vendors[i].word, word))
            c.vendor = vendors[i].vendor;
    c.family = sl_str_cut(&rest, '.');
    if (c.vendor == CARRIER_NONE || rest.p == NULL)
        return none;
    char *out = sl_arena_alloc(a, rest.n + 4);
    size_t n = 0;
    if (!sl_base64_decode(rest, out, &n))
        return none;
    c.payload = sl_str_of(out, n);
    return c;
}

bool carrier_fits(const struct carrier *c, struct sl_str model)
{
    struct sl_str family = carrier_family(model);
    if (c->family.n != family.n)
        return false;
    for (size_t i = 0; i < family.n; i++)
        if (c->family.p[i] != family.p[i] && c->family.p[i] != '_')
            return false;
    return true;
}

bool carrier_is_in(struct sl_str body)
{
    return sl_str_find_str(body, SL_STR("\"slc1.")) >= 0;
}
