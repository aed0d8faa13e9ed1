/* What was asked for, kept with the job for its bill: most providers report little of it. In video_job.aux, as words "name=value" with
 * blanks between; what an adapter needs besides stands in it, too ("path=..."). */
#include "video/video_int.h"

struct sl_str video_fact(struct sl_str aux, struct sl_str name)
{
    while (aux.n > 0) {
        struct sl_str value = sl_str_cut(&aux, ' '), key = sl_str_cut(&value, '=');
        if (value.p != NULL && sl_str_eq(key, name))
            return value;
    }
    return SL_STR_NONE;
}

uint64_t video_fact_u64(struct sl_str aux, struct sl_str name)
{
    uint64_t n = 0;
    return sl_str_to_u64(video_fact(aux, name), &n) && n < UINT32_MAX ? n : 0;
}

static bool is_plain(struct sl_str s) /* what may stand in a fact */
{
    for (size_t i = 0; i < s.n; i++)
        if (s.p[i] <= ' ' || s.p[i] >= 0x7f || s.p[i] == '=')
            return false;
    return s.n > 0 && s.n < 1024;
}

struct sl_str video_facts_of(const struct video_call *c, struct sl_str more_name, struct sl_str more)
{
    struct video_units units;
    struct video_terms terms;
    struct sl_buf b;
    if (c->req == NULL || c->adapter == NULL)
        return c->aux;
    c->adapter->reserve(c, &units, &terms);
    sl_buf_init(&b, 4096);
    sl_buf_addf(&b, "ms=%llu w=%u h=%u audio=%d input=%d", (unsigned long long)units.ms, terms.width, terms.height,
                terms.audio, terms.video_input);
    if (is_plain(terms.resolution))
        sl_buf_addf(&b, " res=" SL_STR_FMT, SL_STR_ARG(terms.resolution));
    if (is_plain(terms.tier))
        sl_buf_addf(&b, " tier=" SL_STR_FMT, SL_STR_ARG(terms.tier));
    if (is_plain(more))
        sl_buf_addf(&b, " " SL_STR_FMT "=" SL_STR_FMT, SL_STR_ARG(more_name), SL_STR_ARG(more));
    struct sl_str out = sl_arena_str(c->a, sl_buf_str(&b));
    sl_buf_done(&b);
    return out;
}

/* What the provider does not report, as it was asked for. */
void video_facts_fill(struct sl_str aux, struct video_terms *terms)
{
    if (aux.n == 0)
        return;
    if (terms->resolution.n == 0)
        terms->resolution = video_fact(aux, SL_STR("res"));
    if (terms->tier.n == 0)
        terms->tier = video_fact(aux, SL_STR("tier"));
    if (terms->width == 0) {
        terms->width = (unsigned)video_fact_u64(aux, SL_STR("w"));
        terms->height = (unsigned)video_fact_u64(aux, SL_STR("h"));
    }
    terms->audio = terms->audio || video_fact_u64(aux, SL_STR("audio")) == 1;
    terms->video_input = terms->video_input || video_fact_u64(aux, SL_STR("input")) == 1;
}

struct sl_str video_facts(const struct video_call *c)
{
    return c->adapter->facts != NULL ? c->adapter->facts(c) : video_facts_of(c, SL_STR_NONE, SL_STR_NONE);
}
