/* Usage reports. Strict: what is read here is charged. Source: anthropic.md 3.4 and 4.3 (November 2026). */
#include "dialect/anthropic/anthropic.h"

enum usage_member {
    UM_INPUT = 0,
    UM_READ,
    UM_WRITE,
    UM_SPLIT,
    UM_SPLIT_5M,
    UM_SPLIT_1H,
    UM_OUTPUT,
    UM_DETAILS,
    UM_THINKING,
    UM_ITERATIONS,
    UM_TYPE, /* of an iteration */
    UM_MODEL,
    UM_SERVER_TOOLS,
    UM_TIER,
    UM_GEO,
    UM_SPEED,
    UM_CREDIT,
    UM_COUNT
};

static const struct json_watch watches[UM_COUNT] = {
    [UM_INPUT] = {SL_STR_INIT("input_tokens"), -1},
    [UM_READ] = {SL_STR_INIT("cache_read_input_tokens"), -1},
    [UM_WRITE] = {SL_STR_INIT("cache_creation_input_tokens"), -1},
    [UM_SPLIT] = {SL_STR_INIT("cache_creation"), -1},
    [UM_SPLIT_5M] = {SL_STR_INIT("ephemeral_5m_input_tokens"), UM_SPLIT},
    [UM_SPLIT_1H] = {SL_STR_INIT("ephemeral_1h_input_tokens"), UM_SPLIT},
    [UM_OUTPUT] = {SL_STR_INIT("output_tokens"), -1},
    [UM_DETAILS] = {SL_STR_INIT("output_tokens_details"), -1},
    [UM_THINKING] = {SL_STR_INIT("thinking_tokens"), UM_DETAILS},
    [UM_ITERATIONS] = {SL_STR_INIT("iterations"), -1},
    [UM_TYPE] = {SL_STR_INIT("type"), -1},
    [UM_MODEL] = {SL_STR_INIT("model"), -1},
    [UM_SERVER_TOOLS] = {SL_STR_INIT("server_tool_use"), -1},
    [UM_TIER] = {SL_STR_INIT("service_tier"), -1},
    [UM_GEO] = {SL_STR_INIT("inference_geo"), -1},
    [UM_SPEED] = {SL_STR_INIT("speed"), -1},
    [UM_CREDIT] = {SL_STR_INIT("fallback_credit"), -1},
};

static const struct {
    enum usage_member member;
    size_t field;
} counted[] = {
    {UM_INPUT, offsetof(struct anthropic_usage, input)},
    {UM_READ, offsetof(struct anthropic_usage, cache_read)},
    {UM_WRITE, offsetof(struct anthropic_usage, cache_write)},
    {UM_SPLIT_5M, offsetof(struct anthropic_usage, cache_write_5m)},
    {UM_SPLIT_1H, offsetof(struct anthropic_usage, cache_write_1h)},
    {UM_OUTPUT, offsetof(struct anthropic_usage, output)},
    {UM_THINKING, offsetof(struct anthropic_usage, thinking)},
};

static void add(uint64_t *to, uint64_t v)
{
    if (__builtin_add_overflow(*to, v, to))
        *to = UINT64_MAX;
}

/* Null and absent leave what was known: in streams they mean "as before". */
static bool read_counts(struct anthropic_usage *u, struct sl_str object, struct json_member at[UM_COUNT])
{
    struct json_info info;
    if (json_scan(object, watches, UM_COUNT, at, &info) != JSON_OK || info.root != JSON_OBJECT)
        return false;
    u->found = true;
    u->unknown = u->unknown || info.unwatched > 0;
    for (size_t i = 0; i < sizeof counted / sizeof counted[0]; i++) {
        const struct json_member *m = &at[counted[i].member];
        uint64_t v = 0;
        if (m->kind == JSON_ABSENT || m->kind == JSON_NULL)
            continue;
        if (m->kind == JSON_NUMBER && json_count(json_raw(object, m), &v))
            memcpy((char *)u + counted[i].field, &v, sizeof v);
        else
            u->bad = true;
    }
    return true;
}

static uint64_t written(const struct anthropic_usage *u)
{
    uint64_t split = u->cache_write_5m;
    add(&split, u->cache_write_1h);
    return u->cache_write > split ? u->cache_write : split;
}

static bool is_extra(struct sl_str object, const struct json_member *type)
{
    struct sl_str word = json_inside_if(object, type);
    return sl_str_eq(word, SL_STR("compaction")) || sl_str_eq(word, SL_STR("advisor_message"));
}

/* `message` and `fallback_message` are in the counts at the top. */
static void read_iterations(struct anthropic_usage *u, struct sl_str array)
{
    struct json_member e, at[UM_COUNT];
    u->more_input = u->more_read = u->more_write = u->more_write_1h = u->more_output = 0;
    for (size_t from = 0; json_next_element(array, &from, &e);) {
        struct anthropic_usage one = {.found = false};
        struct sl_str object = json_raw(array, &e);
        if (e.kind != JSON_OBJECT || !read_counts(&one, object, at) || !is_extra(object, &at[UM_TYPE]))
            continue;
        u->bad = u->bad || one.bad;
        add(&u->more_input, one.input);
        add(&u->more_read, one.cache_read);
        add(&u->more_write, written(&one));
        add(&u->more_write_1h, one.cache_write_1h);
        add(&u->more_output, one.output);
    }
}

void anthropic_usage_merge(struct anthropic_usage *u, struct sl_str object)
{
    struct json_member at[UM_COUNT];
    if (read_counts(u, object, at) && at[UM_ITERATIONS].kind == JSON_ARRAY)
        read_iterations(u, json_raw(object, &at[UM_ITERATIONS]));
}

void anthropic_usage_counts(const struct anthropic_usage *u, struct token_counts *out)
{
    *out = (struct token_counts){.found = u->found, .bad = u->bad, .unknown = u->unknown};
    out->cached = u->cache_read;
    add(&out->cached, u->more_read);
    out->cache_write = written(u);
    add(&out->cache_write, u->more_write);
    out->cache_write_1h = u->cache_write_1h;
    add(&out->cache_write_1h, u->more_write_1h);
    out->prompt = u->input;
    add(&out->prompt, u->more_input);
    add(&out->prompt, out->cached);
    add(&out->prompt, out->cache_write);
    out->completion = u->output;
    add(&out->completion, u->more_output);
    out->reasoning = u->thinking < out->completion ? u->thinking : out->completion;
    out->total = out->prompt;
    add(&out->total, out->completion);
}
