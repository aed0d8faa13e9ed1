/* Bytes inside of requests: how many they are and what they begin with. */
#include "base/base64.h"
#include "sim/ask.h"

bool sim_media_size(struct sim_call *c, struct sl_str base64, size_t *out_bytes, struct sl_str *out_magic)
{
    static const struct {
        struct sl_str magic, type;
    } kinds[] = {
        {SL_STR_INIT("\x89PNG"), SL_STR_INIT("image/png")},    {SL_STR_INIT("\xff\xd8\xff"), SL_STR_INIT("image/jpeg")},
        {SL_STR_INIT("GIF8"), SL_STR_INIT("image/gif")},       {SL_STR_INIT("RIFF"), SL_STR_INIT("image/webp")},
        {SL_STR_INIT("%PDF"), SL_STR_INIT("application/pdf")},
    };
    char *out = sl_arena_alloc(c->s->arena, base64.n / 4 * 3 + 3);
    *out_magic = SL_STR_NONE;
    if (!sl_base64_decode(base64, out, out_bytes))
        return false;
    struct sl_str bytes = sl_str_of(out, *out_bytes);
    for (size_t i = 0; i < sizeof kinds / sizeof kinds[0]; i++) {
        if (sl_str_starts(bytes, kinds[i].magic))
            *out_magic = kinds[i].type;
    }
    if (sl_str_starts(bytes, SL_STR("RIFF")) && !sl_str_eq(sl_str_head(sl_str_from(bytes, 8), 4), SL_STR("WEBP")))
        *out_magic = SL_STR_NONE; /* a wave file, say */
    return true;
}

bool sim_media_data_url(struct sl_str url, struct sl_str *out_type, struct sl_str *out_data)
{
    if (!sl_str_starts_nocase(url, SL_STR("data:")))
        return false;
    struct sl_str rest = sl_str_from(url, 5), head = sl_str_cut(&rest, ',');
    if (rest.p == NULL || !sl_str_ends(head, SL_STR(";base64")))
        return false;
    *out_type = sl_str_head(head, head.n - 7);
    ptrdiff_t semicolon = sl_str_find(*out_type, ';');
    if (semicolon >= 0)
        *out_type = sl_str_head(*out_type, (size_t)semicolon);
    *out_data = rest;
    return true;
}
