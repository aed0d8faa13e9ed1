/* Who makes videos: the adapters, and which kinds of providers they are for. If you add one: a row in each table. */
#include "video/video_int.h"

static const struct video_adapter *const adapters[] = {
    NULL,
};

const struct video_adapter *video_adapter_at(unsigned i)
{
    return i < sizeof adapters / sizeof adapters[0] ? adapters[i] : NULL;
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
    (void)kind;
    (void)model;
    return NULL;
}
