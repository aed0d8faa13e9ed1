/* OpenAI's embeddings at the clouds: Vertex AI's :predict and :embedContent (gemini.md 11.3), Bedrock's Titan and Cohere (bedrock.md
 * 4.3). */
#include "dialect/other/pairs.h"

#define VERTEX_BATCH 100u
#define COHERE_BATCH 96u

static bool write_predict(struct other_translation *t, struct sl_buf *out, struct request_refusal *r)
{
    struct embed_wish wish;
    struct json_writer w = json_writer_on(out);
    const char *task = other_embed_task(t);
    const struct json_node *text = NULL;
    if (!other_embed_begin(t, &w, &wish, r))
        return false;
    jw_key(&w, SL_STR("instances"));
    jw_open(&w, '[');
    for (uint32_t i = 0; (text = other_embed_text(t, &wish, text, i)) != NULL; i++) {
        jw_open(&w, '{');
        jw_member_raw(&w, SL_STR("content"), json_raw_of(&t->look->tree, text));
        if (task != NULL)
            jw_member_plain(&w, SL_STR("task_type"), sl_str_c(task));
        jw_close(&w, '}');
    }
    jw_close(&w, ']');
    if (wish.dimensions > 0) {
        jw_key(&w, SL_STR("parameters"));
        jw_open(&w, '{');
        jw_member_u64(&w, SL_STR("outputDimensionality"), wish.dimensions);
        jw_close(&w, '}');
    }
    jw_close(&w, '}');
    return true;
}

static bool write_content(struct other_translation *t, struct sl_buf *out, struct request_refusal *r)
{
    struct embed_wish wish;
    struct json_writer w = json_writer_on(out);
    const char *task = other_embed_task(t);
    if (!other_embed_begin(t, &w, &wish, r))
        return false;
    jw_key(&w, SL_STR("content"));
    jw_raw(&w, SL_STR("{\"parts\":[{\"text\":"));
    sl_buf_adds(out, json_raw_of(&t->look->tree, other_embed_text(t, &wish, NULL, 0)));
    sl_buf_adds(out, SL_STR("}]}"));
    if (task != NULL || wish.dimensions > 0) {
        jw_key(&w, SL_STR("embedContentConfig"));
        jw_open(&w, '{');
        if (task != NULL)
            jw_member_plain(&w, SL_STR("taskType"), sl_str_c(task));
        if (wish.dimensions > 0)
            jw_member_u64(&w, SL_STR("outputDimensionality"), wish.dimensions);
        jw_close(&w, '}');
    }
    jw_close(&w, '}');
    return true;
}

static bool write_titan(struct other_translation *t, struct sl_buf *out, struct request_refusal *r)
{
    struct embed_wish wish;
    struct json_writer w = json_writer_on(out);
    bool second = sl_str_find_str(t->up_model, SL_STR("-v2")) >= 0;
    if (!other_embed_begin(t, &w, &wish, r))
        return false;
    bool fits = wish.dimensions == 0 ||
                (second && (wish.dimensions == 256 || wish.dimensions == 512 || wish.dimensions == 1024));
    if (!fits)
        return other_refuse(r, GE_MEMBER_VALUE, "dimensions",
                            second ? "'dimensions' must be 256, 512 or 1024 for this model."
                                   : "'dimensions' cannot be chosen for this model.");
    jw_member_raw(&w, SL_STR("inputText"), json_raw_of(&t->look->tree, other_embed_text(t, &wish, NULL, 0)));
    if (wish.dimensions > 0)
        jw_member_u64(&w, SL_STR("dimensions"), wish.dimensions);
    jw_close(&w, '}');
    return true;
}

static bool write_cohere(struct other_translation *t, struct sl_buf *out, struct request_refusal *r)
{
    struct embed_wish wish;
    struct json_writer w = json_writer_on(out);
    bool fourth = sl_str_find_str(t->up_model, SL_STR("embed-v4")) >= 0;
    if (!other_embed_begin(t, &w, &wish, r))
        return false;
    if (wish.dimensions > 0 && !fourth)
        return other_refuse(r, GE_MEMBER_VALUE, "dimensions", "'dimensions' cannot be chosen for this model.");
    other_embed_cohere_end(t, &w, &wish);
    return true;
}

#define EMBED(n, v, f)                                                                                                 \
    {                                                                                                                  \
        .most = (n), .verb = SL_STR_INIT(v), .write = (f), .usage = other_embed_usage, .answer = other_embed_answer    \
    }
const struct other_pair other_embed_vertex = EMBED(VERTEX_BATCH, ":predict", write_predict);
const struct other_pair other_embed_vertex_one = EMBED(1, ":predict", write_predict);
const struct other_pair other_embed_vertex_two = EMBED(1, ":embedContent", write_content);
const struct other_pair other_embed_titan = EMBED(1, "/invoke", write_titan);
const struct other_pair other_embed_bedrock_cohere = EMBED(COHERE_BATCH, "/invoke", write_cohere);
