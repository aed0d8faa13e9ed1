/* Who makes videos: the adapters, and which kinds of providers they are for. If you add one: a row in each table. */
#include "video/table.h"

static const struct video_adapter *const adapters[] = {&video_ark,
                                                       &video_openai,
                                                       &video_veo,
                                                       &video_vertex,
                                                       &video_omni,
                                                       &video_rows[0].adapter,
                                                       &video_rows[1].adapter,
                                                       &video_rows[2].adapter,
                                                       &video_rows[3].adapter,
                                                       &video_rows[4].adapter,
                                                       &video_rows[5].adapter,
                                                       &video_rows[6].adapter,
                                                       &video_rows[7].adapter,
                                                       &video_rows[8].adapter,
                                                       &video_rows[9].adapter,
                                                       &video_rows[10].adapter,
                                                       NULL};

static const struct {
    struct sl_str kind;  /* of the provider */
    struct sl_str model; /* that the model's name has to have in it; empty: any */
    const struct video_adapter *adapter;
} kinds[] = {
    {SL_STR_INIT("ark"), SL_STR_INIT(""), &video_ark},
    {SL_STR_INIT("byteplus"), SL_STR_INIT(""), &video_ark},
    {SL_STR_INIT("openai"), SL_STR_INIT(""), &video_openai},
    {SL_STR_INIT("openai-compatible"), SL_STR_INIT(""), &video_openai},
    {SL_STR_INIT("gemini"), SL_STR_INIT("veo"), &video_veo},
    {SL_STR_INIT("gemini"), SL_STR_INIT("omni"), &video_omni},
    {SL_STR_INIT("vertex"), SL_STR_INIT("veo"), &video_vertex},
    {SL_STR_INIT("runway"), SL_STR_INIT(""), &video_rows[0].adapter},
    {SL_STR_INIT("kling"), SL_STR_INIT(""), &video_rows[1].adapter},
    {SL_STR_INIT("xai"), SL_STR_INIT("grok-imagine"), &video_rows[2].adapter},
    {SL_STR_INIT("minimax"), SL_STR_INIT("Hailuo"), &video_rows[8].adapter}, /* its first API */
    {SL_STR_INIT("minimax"), SL_STR_INIT("V-01"), &video_rows[8].adapter},
    {SL_STR_INIT("minimax"), SL_STR_INIT("video-01"), &video_rows[8].adapter},
    {SL_STR_INIT("minimax"), SL_STR_INIT(""), &video_rows[3].adapter},
    {SL_STR_INIT("vidu"), SL_STR_INIT(""), &video_rows[9].adapter},
    {SL_STR_INIT("pixverse"), SL_STR_INIT(""), &video_rows[10].adapter},
    {SL_STR_INIT("qwen"), SL_STR_INIT("wan"), &video_rows[4].adapter},
    {SL_STR_INIT("fal"), SL_STR_INIT(""), &video_rows[5].adapter},
    {SL_STR_INIT("replicate"), SL_STR_INIT(""), &video_rows[6].adapter},
    {SL_STR_INIT("luma"), SL_STR_INIT(""), &video_rows[7].adapter},
    {SL_STR_INIT("sim"), SL_STR_INIT("seedance"), &video_ark},
    {SL_STR_INIT("sim"), SL_STR_INIT(""), &video_openai},
};

const struct video_adapter *video_adapter_at(unsigned i)
{
    return i < VIDEO_COUNT(adapters) ? adapters[i] : NULL;
}

const struct video_adapter *video_adapter_by_name(struct sl_str name)
{
    const struct video_adapter *a;
    for (unsigned i = 0; (a = video_adapter_at(i)) != NULL; i++)
        if (sl_str_eq(name, sl_str_c(a->name)))
            return a;
    return NULL;
}

const struct video_adapter *video_adapter_find(struct sl_str kind, struct sl_str model)
{
    for (size_t i = 0; i < VIDEO_COUNT(kinds); i++)
        if (sl_str_eq(kinds[i].kind, kind) && (kinds[i].model.n == 0 || sl_str_find_str(model, kinds[i].model) >= 0))
            return kinds[i].adapter;
    return NULL;
}
