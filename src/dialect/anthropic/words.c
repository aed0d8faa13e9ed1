/* Words of the format: why an answer ended, what kind of error. Source: anthropic.md 3.3, 9; translate-openai-anthropic.md 13
 * (November 2026). */
#include "dialect/anthropic/anthropic_int.h"

static const struct {
    struct sl_str word;
    enum neutral_finish finish;
} stops[] = {
    {SL_STR_INIT("end_turn"), FINISH_STOP},
    {SL_STR_INIT("max_tokens"), FINISH_LENGTH},
    {SL_STR_INIT("stop_sequence"), FINISH_STOP_SEQUENCE},
    {SL_STR_INIT("tool_use"), FINISH_TOOL_CALLS},
    {SL_STR_INIT("pause_turn"), FINISH_PAUSE},
    {SL_STR_INIT("refusal"), FINISH_CONTENT_FILTER},
    {SL_STR_INIT("model_context_window_exceeded"), FINISH_CONTEXT},
    {SL_STR_INIT("compaction"), FINISH_PAUSE}, /* to be sent back as it is, too */
};

enum neutral_finish anthropic_finish_of(struct sl_str stop_reason)
{
    for (size_t i = 0; i < sizeof stops / sizeof stops[0]; i++)
        if (sl_str_eq(stops[i].word, stop_reason))
            return stops[i].finish;
    return FINISH_OTHER;
}

/* Clients act on tool_use only when it is said, and many servers say "stop" with calls. */
struct sl_str anthropic_stop_reason(enum neutral_finish f, bool calls)
{
    bool turn_over = f == FINISH_NONE || f == FINISH_STOP || f == FINISH_TOOL_CALLS || f == FINISH_MALFORMED_CALL ||
                     f == FINISH_OTHER;
    if (turn_over)
        return calls ? SL_STR("tool_use") : SL_STR("end_turn");
    for (size_t i = 0; i < sizeof stops / sizeof stops[0]; i++)
        if (stops[i].finish == f)
            return stops[i].word;
    return SL_STR("end_turn");
}

int anthropic_error_status(struct sl_str type)
{
    static const struct {
        struct sl_str type;
        int status;
    } rows[] = {
        {SL_STR_INIT("invalid_request_error"), 400},
        {SL_STR_INIT("authentication_error"), 401},
        {SL_STR_INIT("billing_error"), 402},
        {SL_STR_INIT("permission_error"), 403},
        {SL_STR_INIT("not_found_error"), 404},
        {SL_STR_INIT("conflict_error"), 409},
        {SL_STR_INIT("request_too_large"), 413},
        {SL_STR_INIT("rate_limit_error"), 429},
        {SL_STR_INIT("api_error"), 500},
        {SL_STR_INIT("timeout_error"), 504},
        {SL_STR_INIT("overloaded_error"), 529},
    };
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++)
        if (sl_str_eq(rows[i].type, type))
            return rows[i].status;
    return 0;
}
