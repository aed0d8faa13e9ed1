/* Words of the chat format and of the servers that are like it: endings and service tiers. Sources: openai.md 6.6,
 * openai-compatible.md 2 (10, 11) and 7-22, translate-openai-anthropic.md 3 and 13, translate-gemini.md 8 (November 2026). */
#include "dialect/openai_chat/chat_codec.h"

struct sl_str chat_finish_word(enum neutral_finish f, bool has_calls, bool legacy)
{
    switch (f) {
    case FINISH_LENGTH:
    case FINISH_CONTEXT:
        return SL_STR("length");
    case FINISH_CONTENT_FILTER:
        return SL_STR("content_filter");
    case FINISH_TOOL_CALLS:
    case FINISH_NONE:
    case FINISH_OTHER:
        if (has_calls)
            return legacy ? SL_STR("function_call") : SL_STR("tool_calls");
        return SL_STR("stop");
    default:
        return SL_STR("stop");
    }
}

static const struct {
    struct sl_str word;
    enum neutral_finish finish;
    bool failed;
} finishes[] = {
    {SL_STR_INIT("stop"), FINISH_STOP, false},
    {SL_STR_INIT("length"), FINISH_LENGTH, false},
    {SL_STR_INIT("tool_calls"), FINISH_TOOL_CALLS, false},
    {SL_STR_INIT("function_call"), FINISH_TOOL_CALLS, false},
    {SL_STR_INIT("content_filter"), FINISH_CONTENT_FILTER, false},
    {SL_STR_INIT("eos"), FINISH_STOP, false},                    /* Together */
    {SL_STR_INIT("end_turn"), FINISH_STOP, false},               /* proxies */
    {SL_STR_INIT("complete"), FINISH_STOP, false},               /* Cohere */
    {SL_STR_INIT("stop_sequence"), FINISH_STOP_SEQUENCE, false}, /* proxies, SGLang */
    {SL_STR_INIT("tool_call"), FINISH_TOOL_CALLS, false},
    {SL_STR_INIT("tool_use"), FINISH_TOOL_CALLS, false}, /* proxies */
    {SL_STR_INIT("model_length"), FINISH_LENGTH, false}, /* Mistral */
    {SL_STR_INIT("max_tokens"), FINISH_LENGTH, false},   /* proxies, Cohere */
    {SL_STR_INIT("max_output_tokens"), FINISH_LENGTH, false},
    {SL_STR_INIT("model_context_window_exceeded"), FINISH_CONTEXT, false}, /* Zhipu */
    {SL_STR_INIT("sensitive"), FINISH_CONTENT_FILTER, false},              /* Zhipu */
    {SL_STR_INIT("safety"), FINISH_CONTENT_FILTER, false},                 /* proxies of Gemini */
    {SL_STR_INIT("refusal"), FINISH_CONTENT_FILTER, false},
    {SL_STR_INIT("malformed_function_call"), FINISH_MALFORMED_CALL, false},
    {SL_STR_INIT("error"), FINISH_OTHER, true},                        /* OpenRouter, Mistral, vLLM */
    {SL_STR_INIT("abort"), FINISH_OTHER, true},                        /* vLLM, SGLang */
    {SL_STR_INIT("insufficient_system_resource"), FINISH_OTHER, true}, /* DeepSeek */
    {SL_STR_INIT("network_error"), FINISH_OTHER, true},                /* Zhipu */
};

/* Many servers say "stop" behind calls, or "tool_calls" without any. */
enum neutral_finish chat_finish_of(struct sl_str word, bool has_calls, bool *out_failed)
{
    enum neutral_finish f = FINISH_OTHER;
    *out_failed = false;
    for (size_t i = 0; i < sizeof finishes / sizeof finishes[0]; i++)
        if (sl_str_eq_nocase(finishes[i].word, word)) {
            f = finishes[i].finish;
            *out_failed = finishes[i].failed;
            break;
        }
    if (f == FINISH_STOP && has_calls)
        return FINISH_TOOL_CALLS;
    return f == FINISH_TOOL_CALLS && !has_calls ? FINISH_STOP : f;
}

struct sl_str chat_tier(struct sl_str tier)
{
    static const struct {
        struct sl_str from, to;
    } rows[] = {
        {SL_STR_INIT("auto"), SL_STR_INIT("auto")},         {SL_STR_INIT("default"), SL_STR_INIT("default")},
        {SL_STR_INIT("flex"), SL_STR_INIT("flex")},         {SL_STR_INIT("priority"), SL_STR_INIT("priority")},
        {SL_STR_INIT("scale"), SL_STR_INIT("scale")},       {SL_STR_INIT("fast"), SL_STR_INIT("fast")},
        {SL_STR_INIT("standard"), SL_STR_INIT("default")},  {SL_STR_INIT("standard_only"), SL_STR_INIT("default")},
        {SL_STR_INIT("batch"), SL_STR_INIT("default")},     {SL_STR_INIT("ultrafast"), SL_STR_INIT("priority")},
        {SL_STR_INIT("on_demand"), SL_STR_INIT("default")},
    };
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++)
        if (sl_str_eq_nocase(rows[i].from, tier))
            return rows[i].to;
    return SL_STR_NONE;
}
