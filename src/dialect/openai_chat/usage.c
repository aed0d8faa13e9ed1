/* Usage reports of the OpenAI formats, and of the many servers that write them a little differently. Strict: what is read here
 * is charged. Source: openai.md sections 6.6, 7 and 22; names of other vendors from openai-compatible.md. */
#include "dialect/openai_chat/openai_chat.h"

#define COUNTED(field) ((int)offsetof(struct token_counts, field))
#define A_FRAME (-1) /* an object that holds others */
#define IMPLIED (-2) /* says nothing that the others do not */

#define USAGE_ROWS(X) /* member, name, its object, what it means; in the order that reports have */                    \
    X(UM_PROMPT, "prompt_tokens", -1, COUNTED(prompt))                                                                 \
    X(UM_COMPLETION, "completion_tokens", -1, COUNTED(completion))                                                     \
    X(UM_TOTAL, "total_tokens", -1, COUNTED(total))                                                                    \
    X(UM_PROMPT_DETAILS, "prompt_tokens_details", -1, A_FRAME)                                                         \
    X(UM_P_CACHED, "cached_tokens", UM_PROMPT_DETAILS, COUNTED(cached))                                                \
    X(UM_P_WRITE, "cache_write_tokens", UM_PROMPT_DETAILS, COUNTED(cache_write))                                       \
    X(UM_P_AUDIO, "audio_tokens", UM_PROMPT_DETAILS, COUNTED(audio_prompt))                                            \
    X(UM_P_IMAGE, "image_tokens", UM_PROMPT_DETAILS, COUNTED(image_prompt))                                            \
    X(UM_P_TEXT, "text_tokens", UM_PROMPT_DETAILS, IMPLIED)                                                            \
    X(UM_COMPLETION_DETAILS, "completion_tokens_details", -1, A_FRAME)                                                 \
    X(UM_C_REASONING, "reasoning_tokens", UM_COMPLETION_DETAILS, COUNTED(reasoning))                                   \
    X(UM_C_AUDIO, "audio_tokens", UM_COMPLETION_DETAILS, COUNTED(audio_completion))                                    \
    X(UM_C_IMAGE, "image_tokens", UM_COMPLETION_DETAILS, COUNTED(image_completion))                                    \
    X(UM_C_TEXT, "text_tokens", UM_COMPLETION_DETAILS, IMPLIED)                                                        \
    X(UM_C_ACCEPTED, "accepted_prediction_tokens", UM_COMPLETION_DETAILS, COUNTED(prediction_accepted))                \
    X(UM_C_REJECTED, "rejected_prediction_tokens", UM_COMPLETION_DETAILS, COUNTED(prediction_rejected))                \
    X(UM_INPUT, "input_tokens", -1, COUNTED(prompt))                                                                   \
    X(UM_OUTPUT, "output_tokens", -1, COUNTED(completion))                                                             \
    X(UM_INPUT_DETAILS, "input_tokens_details", -1, A_FRAME)                                                           \
    X(UM_I_CACHED, "cached_tokens", UM_INPUT_DETAILS, COUNTED(cached))                                                 \
    X(UM_I_WRITE, "cache_write_tokens", UM_INPUT_DETAILS, COUNTED(cache_write))                                        \
    X(UM_I_AUDIO, "audio_tokens", UM_INPUT_DETAILS, COUNTED(audio_prompt))                                             \
    X(UM_I_IMAGE, "image_tokens", UM_INPUT_DETAILS, COUNTED(image_prompt))                                             \
    X(UM_I_TEXT, "text_tokens", UM_INPUT_DETAILS, IMPLIED)                                                             \
    X(UM_TYPE, "type", -1, IMPLIED) /* transcriptions: "tokens" or "duration" */                                       \
    X(UM_SECONDS, "seconds", -1, COUNTED(seconds))                                                                     \
    X(UM_T_DETAILS, "input_token_details", -1, A_FRAME)                                                                \
    X(UM_T_AUDIO, "audio_tokens", UM_T_DETAILS, COUNTED(audio_prompt))                                                 \
    X(UM_T_TEXT, "text_tokens", UM_T_DETAILS, IMPLIED)                                                                 \
    X(UM_OUTPUT_DETAILS, "output_tokens_details", -1, A_FRAME)                                                         \
    X(UM_O_REASONING, "reasoning_tokens", UM_OUTPUT_DETAILS, COUNTED(reasoning))                                       \
    X(UM_O_AUDIO, "audio_tokens", UM_OUTPUT_DETAILS, COUNTED(audio_completion))                                        \
    X(UM_O_IMAGE, "image_tokens", UM_OUTPUT_DETAILS, COUNTED(image_completion))                                        \
    X(UM_O_TEXT, "text_tokens", UM_OUTPUT_DETAILS, IMPLIED)

enum usage_member {
#define X(member, name, parent, field) member,
    USAGE_ROWS(X)
#undef X
    UM_COUNT
};

static const struct json_watch watches[UM_COUNT] = {
#define X(member, name, parent, field) [member] = {SL_STR_INIT(name), parent},
    USAGE_ROWS(X)
#undef X
};

/* Offset of a uint64_t in struct token_counts, or one of the above. */
static const int fields[UM_COUNT] = {
#define X(member, name, parent, field) [member] = field,
    USAGE_ROWS(X)
#undef X
};

static void take(int field, struct sl_str object, const struct json_member *m, struct token_counts *c)
{
    if (m->kind == JSON_ABSENT || m->kind == JSON_NULL || field == IMPLIED)
        return;
    if (field == A_FRAME) {
        c->unknown |= m->kind != JSON_OBJECT;
        return;
    }
    uint64_t v = 0;
    if (m->kind != JSON_NUMBER || !json_count(json_raw(object, m), &v)) {
        c->bad = true;
        return;
    }
    memcpy((char *)c + field, &v, sizeof v);
}

void openai_usage_read(struct sl_str object, struct token_counts *out)
{
    *out = (struct token_counts){.found = false};
    struct json_member at[UM_COUNT];
    struct json_info info;
    if (json_scan(object, watches, UM_COUNT, at, &info) != JSON_OK || info.root != JSON_OBJECT)
        return;
    out->found = true;
    out->unknown = info.unwatched > 0;
    for (int i = 0; i < UM_COUNT; i++)
        take(fields[i], object, &at[i], out);
}
