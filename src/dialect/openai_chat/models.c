/* GET /v1/models and /v1/models/{id}, in OpenAI's form (openai.md section 17). */
#include "dialect/openai_chat/openai_chat.h"

void openai_model_object(struct sl_buf *to, const struct model_row *row)
{
    sl_buf_adds(to, SL_STR("{\"id\":"));
    sl_buf_add_json(to, row->id);
    sl_buf_adds(to, SL_STR(",\"object\":\"model\",\"created\":"));
    sl_buf_add_i64(to, row->created_s);
    sl_buf_adds(to, SL_STR(",\"owned_by\":"));
    sl_buf_add_json(to, row->owned_by);
    sl_buf_adds(to, SL_STR("}"));
}

void openai_models_list(struct sl_buf *to, const struct model_row *rows, size_t n)
{
    sl_buf_adds(to, SL_STR("{\"object\":\"list\",\"data\":["));
    for (size_t i = 0; i < n; i++) {
        if (i > 0)
            sl_buf_adds(to, SL_STR(","));
        openai_model_object(to, &rows[i]);
    }
    sl_buf_adds(to, SL_STR("]}"));
}
