/* usageMetadata: gemini.md 9.1, translate-gemini.md 8.3 (November 2026). A snapshot that grows from chunk to chunk: the newest report
 * of each count is the truth, one that is missing later keeps its value. */
#include "dialect/gemini/gemini_int.h"

enum usage_member {
    UM_PROMPT = 0,
    UM_CACHED,
    UM_CANDIDATES,
    UM_RESPONSE, /* candidates, as some versions call them */
    UM_THOUGHTS,
    UM_TOOL_USE,
    UM_TOTAL,
    UM_COUNTS, /* the rest are no counts */
    UM_PROMPT_DETAILS = UM_COUNTS,
    UM_CANDIDATES_DETAILS,
    UM_RESPONSE_DETAILS, /* the same of responseTokenCount (Live) */
    UM_TIER,
    UM_TRAFFIC,
    UM_COUNT
};

static const struct json_watch watches[UM_COUNT] = {
    [UM_PROMPT] = {SL_STR_INIT("promptTokenCount"), -1},
    [UM_CACHED] = {SL_STR_INIT("cachedContentTokenCount"), -1},
    [UM_CANDIDATES] = {SL_STR_INIT("candidatesTokenCount"), -1},
    [UM_RESPONSE] = {SL_STR_INIT("responseTokenCount"), -1},
    [UM_THOUGHTS] = {SL_STR_INIT("thoughtsTokenCount"), -1},
    [UM_TOOL_USE] = {SL_STR_INIT("toolUsePromptTokenCount"), -1},
    [UM_TOTAL] = {SL_STR_INIT("totalTokenCount"), -1},
    [UM_PROMPT_DETAILS] = {SL_STR_INIT("promptTokensDetails"), -1},
    [UM_CANDIDATES_DETAILS] = {SL_STR_INIT("candidatesTokensDetails"), -1},
    [UM_RESPONSE_DETAILS] = {SL_STR_INIT("responseTokensDetails"), -1},
    [UM_TIER] = {SL_STR_INIT("serviceTier"), -1},
    [UM_TRAFFIC] = {SL_STR_INIT("trafficType"), -1},
};

/* Where each count is kept. */
static const size_t fields[UM_COUNTS] = {
    [UM_PROMPT] = offsetof(struct gem_usage, prompt),         [UM_CACHED] = offsetof(struct gem_usage, cached),
    [UM_CANDIDATES] = offsetof(struct gem_usage, candidates), [UM_RESPONSE] = offsetof(struct gem_usage, candidates),
    [UM_THOUGHTS] = offsetof(struct gem_usage, thoughts),     [UM_TOOL_USE] = offsetof(struct gem_usage, tool_use),
    [UM_TOTAL] = offsetof(struct gem_usage, total),
};

/* A count is a number, or (int64 in proto's JSON) a text of digits. */
static bool count_of(struct sl_str doc, const struct json_member *m, uint64_t *out)
{
    if (m->kind == JSON_STRING)
        return sl_str_to_u64(json_inside(doc, m), out);
    return m->kind == JSON_NUMBER && json_count(json_raw(doc, m), out);
}

static struct sl_str word_of(struct sl_str doc, const struct json_member *m)
{
    if (m->kind == JSON_STRING)
        return json_inside(doc, m);
    return m->kind == JSON_NUMBER ? json_raw(doc, m) : SL_STR_NONE;
}

/* [{"modality":"AUDIO","tokenCount":7}, ...] */
static void take_details(struct sl_str list, uint64_t *out_audio, uint64_t *out_image)
{
    static const struct json_watch of_one[] = {{SL_STR_INIT("modality"), -1}, {SL_STR_INIT("tokenCount"), -1}};
    struct json_member e, at[2];
    struct json_info info;
    *out_audio = *out_image = 0;
    for (size_t i = 0; json_next_element(list, &i, &e);) {
        struct sl_str one = json_raw(list, &e);
        uint64_t n = 0, *to = NULL;
        if (e.kind != JSON_OBJECT || json_scan(one, of_one, 2, at, &info) != JSON_OK || !count_of(one, &at[1], &n))
            continue;
        enum gem_modality is = gem_modality_of(word_of(one, &at[0]));
        to = is == GEM_AUDIO ? out_audio : is == GEM_IMAGE ? out_image : NULL;
        if (to != NULL && !__builtin_add_overflow(*to, n, &n))
            *to = n;
    }
}

void gem_usage_add(struct gem_usage *u, struct sl_str object)
{
    struct json_member at[UM_COUNT];
    struct json_info info;
    if (json_scan(object, watches, UM_COUNT, at, &info) != JSON_OK || info.root != JSON_OBJECT)
        return;
    for (unsigned i = 0; i < UM_COUNTS; i++) {
        uint64_t n = 0;
        if (!json_is_said(&at[i]))
            continue;
        u->found = true; /* the first chunks may hold a trafficType only: that is no report */
        u->bad |= !count_of(object, &at[i], &n);
        memcpy((char *)u + fields[i], &n, sizeof n);
    }
    if (at[UM_PROMPT_DETAILS].kind == JSON_ARRAY)
        take_details(json_raw(object, &at[UM_PROMPT_DETAILS]), &u->audio_in, &u->image_in);
    if (at[UM_CANDIDATES_DETAILS].kind == JSON_ARRAY)
        take_details(json_raw(object, &at[UM_CANDIDATES_DETAILS]), &u->audio_out, &u->image_out);
    if (at[UM_RESPONSE_DETAILS].kind == JSON_ARRAY)
        take_details(json_raw(object, &at[UM_RESPONSE_DETAILS]), &u->audio_out, &u->image_out);
    for (unsigned i = UM_TIER; i <= UM_TRAFFIC; i++) {
        struct sl_str tier = gem_tier_to_neutral(word_of(object, &at[i]));
        if (tier.n > 0)
            u->tier = tier;
    }
}

static uint64_t sum(uint64_t a, uint64_t b)
{
    uint64_t v;
    return __builtin_add_overflow(a, b, &v) ? UINT64_MAX : v;
}

struct token_counts gem_usage_counts(const struct gem_usage *u)
{
    /* Some relays count thoughts among the candidates: their own total tells. */
    bool inside = u->thoughts > 0 && u->total > 0 && u->candidates >= u->thoughts &&
                  sum(sum(u->prompt, u->tool_use), u->candidates) == u->total;
    struct token_counts c = {.found = u->found,
                             .bad = u->bad,
                             .prompt = sum(u->prompt, u->tool_use),
                             .completion = inside ? u->candidates : sum(u->candidates, u->thoughts),
                             .cached = u->cached,
                             .reasoning = u->thoughts,
                             .audio_prompt = u->audio_in,
                             .image_prompt = u->image_in,
                             .audio_completion = u->audio_out,
                             .image_completion = u->image_out};
    c.total = sum(c.prompt, c.completion);
    return c;
}

static void write_details(struct json_writer *w, struct sl_str name, uint64_t all, uint64_t audio, uint64_t image)
{
    static const struct sl_str words[] = {SL_STR_INIT("TEXT"), SL_STR_INIT("AUDIO"), SL_STR_INIT("IMAGE")};
    const uint64_t n[] = {sum(audio, image) < all ? all - audio - image : 0, audio, image};
    if (audio == 0 && image == 0)
        return;
    jw_key(w, name);
    jw_open(w, '[');
    for (int i = 0; i < 3; i++) {
        if (n[i] == 0)
            continue;
        jw_open(w, '{');
        jw_member_inside(w, SL_STR("modality"), words[i]);
        jw_member_u64(w, SL_STR("tokenCount"), n[i]);
        jw_close(w, '}');
    }
    jw_close(w, ']');
}

void gem_usage_write(struct json_writer *w, const struct token_counts *c, struct sl_str tier)
{
    uint64_t thoughts = c->reasoning < c->completion ? c->reasoning : c->completion;
    uint64_t visible = c->completion - thoughts;
    jw_key(w, SL_STR("usageMetadata"));
    jw_open(w, '{');
    jw_member_u64(w, SL_STR("promptTokenCount"), c->prompt);
    if (c->cached > 0)
        jw_member_u64(w, SL_STR("cachedContentTokenCount"), c->cached);
    jw_member_u64(w, SL_STR("candidatesTokenCount"), visible);
    if (thoughts > 0)
        jw_member_u64(w, SL_STR("thoughtsTokenCount"), thoughts);
    jw_member_u64(w, SL_STR("totalTokenCount"), sum(c->prompt, c->completion));
    write_details(w, SL_STR("promptTokensDetails"), c->prompt, c->audio_prompt, c->image_prompt);
    write_details(w, SL_STR("candidatesTokensDetails"), visible, c->audio_completion, c->image_completion);
    jw_maybe_inside(w, SL_STR("serviceTier"), gem_tier_from_neutral(tier));
    if (c->estimated)
        jw_member_bool(w, SL_STR("estimated"), true);
    jw_close(w, '}');
}
