/* See presets.h. */
#include "sim/presets.h"

static const struct sim_preset rows[] = {
    {"vllm", HABIT_USAGE_EACH, "reasoning", NULL, USAGE_BARE, ERROR_NUMBER},
    {"ollama", HABIT_WHOLE_CALLS | HABIT_STOP_CALLS | HABIT_REPEATS_ROLE, "reasoning", NULL, USAGE_BARE, ERROR_OPENAI},
    {"llamacpp", HABIT_NO_SPACE | HABIT_PADDED, NULL, NULL, USAGE_OPENAI, ERROR_NUMBER},
    {"groq", HABIT_USAGE_FINISH, "reasoning", NULL, USAGE_OPENAI, ERROR_OPENAI},
    {"deepseek", HABIT_EMPTY_LINES, NULL, ": keep-alive\n\n", USAGE_HIT_MISS, ERROR_OPENAI},
    {"mistral", HABIT_USAGE_FINISH | HABIT_WHOLE_CALLS | HABIT_NO_INDEX | HABIT_THINK_IN_PARTS, NULL, NULL,
     USAGE_OPENAI, ERROR_FLAT},
    {"xai", HABIT_WHOLE_CALLS | HABIT_NO_INDEX | HABIT_REASONING_APART | HABIT_USAGE_EACH, NULL, NULL, USAGE_OPENAI,
     ERROR_CODE},
    {"together", HABIT_USAGE_FINISH | HABIT_CRLF, "reasoning", NULL, USAGE_OPENAI, ERROR_OPENAI},
    {"fireworks", HABIT_USAGE_LAST | HABIT_LONG_LINES, NULL, NULL, USAGE_OPENAI, ERROR_TEXT},
    {"openrouter", HABIT_USAGE_LAST, "reasoning", ": OPENROUTER PROCESSING\n\n: OPENROUTER PROCESSING\n\n", USAGE_COST,
     ERROR_NUMBER},
    {"perplexity", HABIT_NO_DONE | HABIT_CRLF | HABIT_USAGE_EACH | HABIT_FULL_MESSAGE | HABIT_THINK_IN_TEXT, NULL, NULL,
     USAGE_COST, ERROR_NUMBER},
    {"cohere", HABIT_FLOAT_CREATED, NULL, NULL, USAGE_BARE, ERROR_MESSAGE},
    {"qwen", HABIT_EMPTY_FINISH, NULL, NULL, USAGE_OPENAI, ERROR_OPENAI},
    {"moonshot", 0, NULL, NULL, USAGE_TOP, ERROR_OPENAI},
    {"zhipu", HABIT_WHOLE_CALLS | HABIT_USAGE_FINISH, NULL, NULL, USAGE_OPENAI, ERROR_WORD},
    {"ark", HABIT_EMPTY_ID | HABIT_SEED, NULL, NULL, USAGE_OPENAI, ERROR_OPENAI},
};

const struct sim_preset *sim_preset_find(struct sl_str name)
{
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++)
        if (sl_str_eq(sl_str_c(rows[i].name), name))
            return &rows[i];
    return NULL;
}

/* Zhipu's business codes, Mistral's: by the status. */
static const char *number_of(int status)
{
    return status == 401 ? "1000" : status == 404 ? "1211" : status == 429 ? "1302" : status >= 500 ? "1234" : "1210";
}

bool sim_preset_error(struct sim_call *c, const struct sim_error *e, struct sl_buf *b)
{
    enum sim_error_shape shape = c->preset != NULL ? c->preset->errors : ERROR_OPENAI;
    struct sl_str message = sl_str_c(e->message), type = sl_str_c(e->type);
    switch (shape) {
    case ERROR_OPENAI:
        return false;
    case ERROR_NUMBER:
        sl_buf_adds(b, SL_STR("{\"error\":{\"message\":"));
        sl_buf_add_json(b, message);
        sl_buf_adds(b, SL_STR(",\"type\":"));
        sl_buf_add_json(b, type);
        sl_buf_addf(b, ",\"param\":null,\"code\":%d}}", e->status);
        break;
    case ERROR_TEXT:
        sl_buf_adds(b, SL_STR("{\"error\":"));
        sl_buf_add_json(b, message);
        sl_buf_addc(b, '}');
        break;
    case ERROR_FLAT:
        sl_buf_adds(b, SL_STR("{\"object\":\"error\",\"message\":"));
        sl_buf_add_json(b, message);
        sl_buf_addf(b, ",\"type\":\"%s\",\"param\":null,\"code\":\"%s\",\"raw_status_code\":%d}",
                    e->status == 429 ? "rate_limited" : "invalid_request_error", e->status == 429 ? "1300" : "3000",
                    e->status);
        break;
    case ERROR_MESSAGE:
        sl_buf_adds(b, SL_STR("{\"id\":\"0a1b2c3d\",\"message\":"));
        sl_buf_add_json(b, message);
        sl_buf_addc(b, '}');
        break;
    case ERROR_CODE:
        sl_buf_adds(b, SL_STR("{\"code\":"));
        sl_buf_add_json(b, e->code != NULL ? sl_str_c(e->code) : type);
        sl_buf_adds(b, SL_STR(",\"error\":"));
        sl_buf_add_json(b, message);
        sl_buf_addc(b, '}');
        break;
    case ERROR_WORD:
        sl_buf_addf(b, "{\"error\":{\"code\":\"%s\",\"message\":", number_of(e->status));
        sl_buf_add_json(b, message);
        sl_buf_adds(b, SL_STR("}}"));
        break;
    }
    return true;
}
