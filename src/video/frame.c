/* Sizes, in words of providers and in pixels: video.md B3, seedance.md section 8. */
#include "video/video_int.h"

static const struct {
    struct sl_str name;
    unsigned w, h;
} ratios[] = {
    {SL_STR_INIT("16:9"), 16, 9}, {SL_STR_INIT("9:16"), 9, 16}, {SL_STR_INIT("4:3"), 4, 3},
    {SL_STR_INIT("3:4"), 3, 4},   {SL_STR_INIT("1:1"), 1, 1},   {SL_STR_INIT("21:9"), 21, 9},
    {SL_STR_INIT("9:21"), 9, 21}, {SL_STR_INIT("3:2"), 3, 2},   {SL_STR_INIT("2:3"), 2, 3},
};

/* How far apart, as the larger of the two ratios' quotient, times 2^16: distance by logarithm without a logarithm. */
static uint64_t apart(uint64_t w, uint64_t h, uint64_t rw, uint64_t rh)
{
    uint64_t x = w * rh, y = h * rw;
    return x > y ? (x << 16) / y : (y << 16) / x;
}

static struct sl_str nearest_ratio(unsigned w, unsigned h, struct sl_str among, bool *exact)
{
    size_t best = 0;
    uint64_t least = UINT64_MAX;
    for (size_t i = 0; i < VIDEO_COUNT(ratios); i++) {
        if (among.n > 0 && !video_list_has(among, ratios[i].name))
            continue;
        uint64_t d = apart(w, h, ratios[i].w, ratios[i].h);
        if (d < least) {
            least = d;
            best = i;
        }
    }
    *exact = least <= (UINT64_C(104) << 16) / 100; /* 4 %: 864x496 is 16:9, 1470x630 is 21:9 */
    return ratios[best].name;
}

static struct sl_str class_of(unsigned w, unsigned h)
{
    unsigned side = w < h ? w : h;
    return side <= 540 ? SL_STR("480p") : side <= 800 ? SL_STR("720p") : side <= 1200 ? SL_STR("1080p") : SL_STR("4k");
}

struct video_frame video_frame_of(const struct video_request *r, struct sl_str among)
{
    struct video_frame f = {.ratio = r->ratio, .resolution = r->resolution};
    if (r->width == 0)
        return f;
    bool exact;
    struct sl_str ratio = nearest_ratio(r->width, r->height, among, &exact);
    if (f.ratio.n == 0) {
        f.ratio = ratio;
        f.nearest = !exact;
    }
    if (f.resolution.n == 0) {
        bool square = sl_str_eq(ratio, SL_STR("1:1")); /* 960x960 and 1024x1024 have the pixels of 720p */
        f.resolution = square && r->width <= 1100 && r->width > 800 ? SL_STR("720p") : class_of(r->width, r->height);
    }
    return f;
}
