/* Paths and addresses of platforms that serve other vendors' models: Bedrock. Sources: bedrock.md sections 1, 2 and 4. */
#include "provider/provider.h"

static bool is_unreserved(char c) /* RFC 3986 section 2.3 */
{
    char lower = sl_lower(c);
    return (lower >= 'a' && lower <= 'z') || (c >= '0' && c <= '9') || c == '-' || c == '.' || c == '_' || c == '~';
}

/* A name as one segment of a path, ARNs with their ':' and '/' too: signatures are made of exactly this text. */
static struct sl_str one_segment(struct sl_str name, struct sl_arena *a)
{
    static const char hex[] = "0123456789ABCDEF";
    char *out = sl_arena_alloc(a, name.n * 3 + 1);
    size_t n = 0;
    for (size_t i = 0; i < name.n; i++) {
        unsigned char c = (unsigned char)name.p[i];
        if (is_unreserved((char)c)) {
            out[n++] = (char)c;
            continue;
        }
        out[n++] = '%';
        out[n++] = hex[c >> 4];
        out[n++] = hex[c & 15];
    }
    return sl_str_of(out, n);
}

struct sl_str provider_model_path(const struct provider *p, struct sl_str dialect, struct sl_str model, bool counts,
                                  bool stream, struct sl_arena *a)
{
    bool bedrock = sl_str_eq(p->kind->platform, SL_STR("bedrock")) && sl_str_eq(dialect, SL_STR("anthropic"));
    if (!bedrock || counts)
        return SL_STR_NONE;
    return sl_arena_printf(a, SL_STR_FMT "/model/" SL_STR_FMT "/invoke%s", SL_STR_ARG(p->base_path),
                           SL_STR_ARG(one_segment(model, a)), stream ? "-with-response-stream" : "");
}

/* -- Regions --------------------------------------------------------------------------------------------------------- */

bool provider_region_is(struct sl_str name)
{
    for (size_t i = 0; i < name.n; i++) {
        char c = name.p[i];
        if (!(c >= 'a' && c <= 'z') && !(c >= '0' && c <= '9') && c != '-')
            return false;
    }
    return name.n > 0 && name.n <= 32 && name.p[0] != '-' && name.p[name.n - 1] != '-';
}

static struct sl_str aws_suffix(struct sl_str region)
{
    static const struct {
        struct sl_str prefix, suffix;
    } rows[] = {
        {SL_STR_INIT("cn-"), SL_STR_INIT("amazonaws.com.cn")},
        {SL_STR_INIT("us-iso-"), SL_STR_INIT("c2s.ic.gov")},
        {SL_STR_INIT("us-isob-"), SL_STR_INIT("sc2s.sgov.gov")},
        {SL_STR_INIT("eu-isoe-"), SL_STR_INIT("cloud.adc-e.uk")},
        {SL_STR_INIT("us-isof-"), SL_STR_INIT("csp.hci.ic.gov")},
        {SL_STR_INIT("eusc-"), SL_STR_INIT("amazonaws.eu")},
    };
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++)
        if (sl_str_starts(region, rows[i].prefix))
            return rows[i].suffix;
    return SL_STR("amazonaws.com");
}

struct sl_str provider_region_url(const struct provider_kind *kind, struct sl_str region, struct sl_arena *a)
{
    if (!sl_str_eq(kind->platform, SL_STR("bedrock")) || !provider_region_is(region))
        return SL_STR_NONE;
    return sl_arena_printf(a, "https://bedrock-runtime." SL_STR_FMT "." SL_STR_FMT, SL_STR_ARG(region),
                           SL_STR_ARG(aws_suffix(region)));
}
