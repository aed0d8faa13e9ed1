/* Usage reports of any server that speaks the chat format, in OpenAI's convention: what usage.c reads, the members that others have
 * beside it, and the vendors whose sums are other sums. Source: openai-compatible.md 4 (November 2026). */
#include "dialect/openai_chat/chat_codec.h"

enum other_member {
    OM_DEEPSEEK_HIT = 0,
    OM_MOONSHOT_CACHED,
    OM_PERPLEXITY_REASONING,
    OM_MISTRAL_CACHED,
    OM_PROMPT_DETAILS,
    OM_MISTRAL_DETAILS,
    OM_QWEN_WRITE,
    OM_MISTRAL_DETAIL_CACHED,
    OM_COUNT
};

static const struct json_watch watches[OM_COUNT] = {
    [OM_DEEPSEEK_HIT] = {SL_STR_INIT("prompt_cache_hit_tokens"), -1},
    [OM_MOONSHOT_CACHED] = {SL_STR_INIT("cached_tokens"), -1},
    [OM_PERPLEXITY_REASONING] = {SL_STR_INIT("reasoning_tokens"), -1},
    [OM_MISTRAL_CACHED] = {SL_STR_INIT("num_cached_tokens"), -1},
    [OM_PROMPT_DETAILS] = {SL_STR_INIT("prompt_tokens_details"), -1},
    [OM_MISTRAL_DETAILS] = {SL_STR_INIT("prompt_token_details"), -1},
    [OM_QWEN_WRITE] = {SL_STR_INIT("cache_creation_input_tokens"), OM_PROMPT_DETAILS},
    [OM_MISTRAL_DETAIL_CACHED] = {SL_STR_INIT("cached_tokens"), OM_MISTRAL_DETAILS},
};

static void fill(uint64_t *to, struct sl_str object, const struct json_member *m)
{
    uint64_t v = 0;
    if (*to == 0 && m->kind == JSON_NUMBER && json_count(json_raw(object, m), &v))
        *to = v;
}

static void read_others(struct sl_str object, struct token_counts *c)
{
    struct json_member at[OM_COUNT];
    struct json_info info;
    if (json_scan(object, watches, OM_COUNT, at, &info) != JSON_OK)
        return;
    fill(&c->cached, object, &at[OM_DEEPSEEK_HIT]);
    fill(&c->cached, object, &at[OM_MOONSHOT_CACHED]);
    fill(&c->cached, object, &at[OM_MISTRAL_CACHED]);
    fill(&c->cached, object, &at[OM_MISTRAL_DETAIL_CACHED]);
    fill(&c->cache_write, object, &at[OM_QWEN_WRITE]);
    fill(&c->reasoning, object, &at[OM_PERPLEXITY_REASONING]);
}

void chat_usage_read(struct sl_str object, struct token_counts *out)
{
    openai_usage_read(object, out);
    if (!out->found)
        return;
    if (out->unknown)
        read_others(object, out);
    /* xAI leaves reasoning out of completion_tokens, and its total shows it */
    uint64_t sum = out->prompt + out->completion;
    if (out->reasoning > 0 && out->total == sum + out->reasoning && out->total > sum)
        out->completion += out->reasoning;
    if (out->cached > out->prompt)
        out->prompt += out->cached;
}

static void add_details(struct json_writer *w, const struct token_counts *c)
{
    jw_key(w, SL_STR("prompt_tokens_details"));
    jw_open(w, '{');
    jw_member_u64(w, SL_STR("cached_tokens"), c->cached);
    jw_member_u64(w, SL_STR("audio_tokens"), c->audio_prompt);
    if (c->image_prompt > 0)
        jw_member_u64(w, SL_STR("image_tokens"), c->image_prompt);
    jw_member_u64(w, SL_STR("cache_write_tokens"), c->cache_write);
    jw_close(w, '}');
    jw_key(w, SL_STR("completion_tokens_details"));
    jw_open(w, '{');
    jw_member_u64(w, SL_STR("reasoning_tokens"), c->reasoning < c->completion ? c->reasoning : c->completion);
    jw_member_u64(w, SL_STR("audio_tokens"), c->audio_completion);
    if (c->image_completion > 0)
        jw_member_u64(w, SL_STR("image_tokens"), c->image_completion);
    jw_member_u64(w, SL_STR("accepted_prediction_tokens"), c->prediction_accepted);
    jw_member_u64(w, SL_STR("rejected_prediction_tokens"), c->prediction_rejected);
    jw_close(w, '}');
}

void chat_usage_write(struct json_writer *w, const struct token_counts *c)
{
    jw_open(w, '{');
    jw_member_u64(w, SL_STR("prompt_tokens"), c->prompt);
    jw_member_u64(w, SL_STR("completion_tokens"), c->completion);
    jw_member_u64(w, SL_STR("total_tokens"), c->prompt + c->completion);
    add_details(w, c);
    if (c->estimated)
        jw_member_bool(w, SL_STR("estimated"), true);
    jw_close(w, '}');
}
