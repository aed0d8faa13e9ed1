/* Usage reports of the OpenAI formats, and of the many servers that write them a little differently. Strict: what is read here
 * is charged. Source: openai.md sections 6.6, 7 and 22; names of other vendors from openai-compatible.md. */
#include "dialect/openai_chat/openai_chat.h"

enum usage_member {
    UM_PROMPT = 0,
    UM_INPUT,
    UM_COMPLETION,
    UM_OUTPUT,
    UM_TOTAL,
    UM_PROMPT_DETAILS,
    UM_INPUT_DETAILS,
    UM_COMPLETION_DETAILS,
    UM_OUTPUT_DETAILS,
    UM_P_CACHED,
    UM_P_WRITE,
    UM_P_AUDIO,
    UM_P_IMAGE,
    UM_P_TEXT,
    UM_I_CACHED,
    UM_I_WRITE,
    UM_I_AUDIO,
    UM_I_IMAGE,
    UM_I_TEXT,
    UM_C_REASONING,
    UM_C_AUDIO,
    UM_C_IMAGE,
    UM_C_TEXT,
    UM_C_ACCEPTED,
    UM_C_REJECTED,
    UM_O_REASONING,
    UM_O_AUDIO,
    UM_O_IMAGE,
    UM_O_TEXT,
    UM_COUNT
};

#define COUNTED(field) ((int)offsetof(struct token_counts, field))
#define A_FRAME (-1) /* an object that holds others */
#define IMPLIED (-2) /* says nothing that the others do not */

struct usage_row {
    struct json_watch watch;
    int field; /* offset of a uint64_t in struct token_counts, or one of the above */
};

#define ROW(text, parent, field)                                                                                       \
    {                                                                                                                  \
        {SL_STR_INIT(text), parent}, field                                                                             \
    }

static const struct usage_row table[UM_COUNT] = {
    [UM_PROMPT] = ROW("prompt_tokens", -1, COUNTED(prompt)),
    [UM_INPUT] = ROW("input_tokens", -1, COUNTED(prompt)),
    [UM_COMPLETION] = ROW("completion_tokens", -1, COUNTED(completion)),
    [UM_OUTPUT] = ROW("output_tokens", -1, COUNTED(completion)),
    [UM_TOTAL] = ROW("total_tokens", -1, COUNTED(total)),
    [UM_PROMPT_DETAILS] = ROW("prompt_tokens_details", -1, A_FRAME),
    [UM_INPUT_DETAILS] = ROW("input_tokens_details", -1, A_FRAME),
    [UM_COMPLETION_DETAILS] = ROW("completion_tokens_details", -1, A_FRAME),
    [UM_OUTPUT_DETAILS] = ROW("output_tokens_details", -1, A_FRAME),
    [UM_P_CACHED] = ROW("cached_tokens", UM_PROMPT_DETAILS, COUNTED(cached)),
    [UM_P_WRITE] = ROW("cache_write_tokens", UM_PROMPT_DETAILS, COUNTED(cache_write)),
    [UM_P_AUDIO] = ROW("audio_tokens", UM_PROMPT_DETAILS, COUNTED(audio_prompt)),
    [UM_P_IMAGE] = ROW("image_tokens", UM_PROMPT_DETAILS, COUNTED(image_prompt)),
    [UM_P_TEXT] = ROW("text_tokens", UM_PROMPT_DETAILS, IMPLIED),
    [UM_I_CACHED] = ROW("cached_tokens", UM_INPUT_DETAILS, COUNTED(cached)),
    [UM_I_WRITE] = ROW("cache_write_tokens", UM_INPUT_DETAILS, COUNTED(cache_write)),
    [UM_I_AUDIO] = ROW("audio_tokens", UM_INPUT_DETAILS, COUNTED(audio_prompt)),
    [UM_I_IMAGE] = ROW("image_tokens", UM_INPUT_DETAILS, COUNTED(image_prompt)),
    [UM_I_TEXT] = ROW("text_tokens", UM_INPUT_DETAILS, IMPLIED),
    [UM_C_REASONING] = ROW("reasoning_tokens", UM_COMPLETION_DETAILS, COUNTED(reasoning)),
    [UM_C_AUDIO] = ROW("audio_tokens", UM_COMPLETION_DETAILS, COUNTED(audio_completion)),
    [UM_C_IMAGE] = ROW("image_tokens", UM_COMPLETION_DETAILS, COUNTED(image_completion)),
    [UM_C_TEXT] = ROW("text_tokens", UM_COMPLETION_DETAILS, IMPLIED),
    [UM_C_ACCEPTED] = ROW("accepted_prediction_tokens", UM_COMPLETION_DETAILS, COUNTED(prediction_accepted)),
    [UM_C_REJECTED] = ROW("rejected_prediction_tokens", UM_COMPLETION_DETAILS, COUNTED(prediction_rejected)),
    [UM_O_REASONING] = ROW("reasoning_tokens", UM_OUTPUT_DETAILS, COUNTED(reasoning)),
    [UM_O_AUDIO] = ROW("audio_tokens", UM_OUTPUT_DETAILS, COUNTED(audio_completion)),
    [UM_O_IMAGE] = ROW("image_tokens", UM_OUTPUT_DETAILS, COUNTED(image_completion)),
    [UM_O_TEXT] = ROW("text_tokens", UM_OUTPUT_DETAILS, IMPLIED),
};

static void take(const struct usage_row *row, struct sl_str object, const struct json_member *m, struct token_counts *c)
{
    if (m->kind == JSON_ABSENT || m->kind == JSON_NULL || row->field == IMPLIED)
        return;
    if (row->field == A_FRAME) {
        c->unknown |= m->kind != JSON_OBJECT;
        return;
    }
    uint64_t v = 0;
    if (m->kind != JSON_NUMBER || !json_count(json_raw(object, m), &v)) {
        c->bad = true;
        return;
    }
    memcpy((char *)c + row->field, &v, sizeof v);
}

void openai_usage_read(struct sl_str object, struct token_counts *out)
{
    *out = (struct token_counts){.found = false};
    struct json_watch watches[UM_COUNT];
    struct json_member at[UM_COUNT];
    struct json_info info;
    for (int i = 0; i < UM_COUNT; i++)
        watches[i] = table[i].watch;
    if (json_scan(object, watches, UM_COUNT, at, &info) != JSON_OK || info.root != JSON_OBJECT)
        return;
    out->found = true;
    out->unknown = info.unwatched > 0;
    for (int i = 0; i < UM_COUNT; i++)
        take(&table[i], object, &at[i], out);
}
