/* See ark_models.h. */
#include "video/ark_models.h"

#define MEDIA_TWO (ARK_TEXT | ARK_FIRST | ARK_LAST)
#define SECOND (MEDIA_TWO | ARK_AUTO | ARK_AUDIO | ARK_PRIORITY | ARK_SEARCH | ARK_ADAPTIVE)
#define FIRST_ONES (ARK_CAMERA | ARK_FLEX | ARK_OLD_SIZES)

/* The first that fits. */
static const struct ark_model models[] = {
    {SL_STR_INIT("seedance-2-5"), SL_STR_INIT("480p,720p,1080p"), SL_STR_INIT("720p"),
     SECOND | ARK_MOV | ARK_TASK_TYPE | ARK_AUDIO_ALONE, 4, 30, 30, 10, 10, 30},
    {SL_STR_INIT("seedance-2-0-fast"), SL_STR_INIT("480p,720p"), SL_STR_INIT("720p"), SECOND, 4, 15, 9, 3, 3, 15},
    {SL_STR_INIT("seedance-2-0-mini"), SL_STR_INIT("480p,720p"), SL_STR_INIT("720p"), SECOND, 4, 15, 9, 3, 3, 15},
    {SL_STR_INIT("seedance-2-0"), SL_STR_INIT("480p,720p,1080p,4k"), SL_STR_INIT("720p"), SECOND, 4, 15, 9, 3, 3, 15},
    {SL_STR_INIT("seedance-1-5-pro"), SL_STR_INIT("480p,720p,1080p"), SL_STR_INIT("720p"),
     MEDIA_TWO | ARK_AUTO | ARK_AUDIO | ARK_CAMERA | ARK_FLEX | ARK_DRAFT | ARK_ADAPTIVE, 4, 12, 0, 0, 0, 0},
    {SL_STR_INIT("seedance-1-0-pro-fast"), SL_STR_INIT("480p,720p,1080p"), SL_STR_INIT("1080p"),
     ARK_TEXT | ARK_FIRST | ARK_FRAMES | FIRST_ONES, 2, 12, 0, 0, 0, 0},
    {SL_STR_INIT("seedance-1-0-pro"), SL_STR_INIT("480p,720p,1080p"), SL_STR_INIT("1080p"),
     MEDIA_TWO | ARK_FRAMES | FIRST_ONES, 2, 12, 0, 0, 0, 0},
    {SL_STR_INIT("seedance-1-0-lite-t2v"), SL_STR_INIT("480p,720p,1080p"), SL_STR_INIT("720p"), ARK_TEXT | FIRST_ONES,
     2, 12, 0, 0, 0, 0},
    {SL_STR_INIT("seedance-1-0-lite-i2v"), SL_STR_INIT("480p,720p,1080p"), SL_STR_INIT("720p"),
     ARK_FIRST | ARK_LAST | FIRST_ONES, 2, 12, 4, 0, 0, 0},
};

const struct ark_model *ark_model_find(struct sl_str name)
{
    for (size_t i = 0; i < VIDEO_COUNT(models); i++)
        if (sl_str_find_str(name, models[i].part) >= 0)
            return &models[i];
    return NULL;
}

/* Landscape; portrait swaps. Where 1.0 has sizes of its own, they stand in `old`. */
static const struct {
    struct sl_str resolution, ratio, portrait;
    unsigned w, h, old_w, old_h;
} pixels[] = {
    {SL_STR_INIT("480p"), SL_STR_INIT("16:9"), SL_STR_INIT("9:16"), 864, 496, 864, 480},
    {SL_STR_INIT("480p"), SL_STR_INIT("4:3"), SL_STR_INIT("3:4"), 752, 560, 736, 544},
    {SL_STR_INIT("480p"), SL_STR_INIT("1:1"), SL_STR_INIT("1:1"), 640, 640, 640, 640},
    {SL_STR_INIT("480p"), SL_STR_INIT("21:9"), SL_STR_INIT("9:21"), 992, 432, 960, 416},
    {SL_STR_INIT("720p"), SL_STR_INIT("16:9"), SL_STR_INIT("9:16"), 1280, 720, 1248, 704},
    {SL_STR_INIT("720p"), SL_STR_INIT("4:3"), SL_STR_INIT("3:4"), 1112, 834, 1120, 832},
    {SL_STR_INIT("720p"), SL_STR_INIT("1:1"), SL_STR_INIT("1:1"), 960, 960, 960, 960},
    {SL_STR_INIT("720p"), SL_STR_INIT("21:9"), SL_STR_INIT("9:21"), 1470, 630, 1504, 640},
    {SL_STR_INIT("1080p"), SL_STR_INIT("16:9"), SL_STR_INIT("9:16"), 1920, 1080, 1920, 1088},
    {SL_STR_INIT("1080p"), SL_STR_INIT("4:3"), SL_STR_INIT("3:4"), 1664, 1248, 1664, 1248},
    {SL_STR_INIT("1080p"), SL_STR_INIT("1:1"), SL_STR_INIT("1:1"), 1440, 1440, 1440, 1440},
    {SL_STR_INIT("1080p"), SL_STR_INIT("21:9"), SL_STR_INIT("9:21"), 2206, 946, 2176, 928},
    {SL_STR_INIT("4k"), SL_STR_INIT("16:9"), SL_STR_INIT("9:16"), 3840, 2160, 3840, 2160},
    {SL_STR_INIT("4k"), SL_STR_INIT("4:3"), SL_STR_INIT("3:4"), 3840, 2880, 3840, 2880},
    {SL_STR_INIT("4k"), SL_STR_INIT("1:1"), SL_STR_INIT("1:1"), 3840, 3840, 3840, 3840},
    {SL_STR_INIT("4k"), SL_STR_INIT("21:9"), SL_STR_INIT("9:21"), 3840, 1646, 3840, 1646},
};

bool ark_pixels(const struct ark_model *m, struct sl_str resolution, struct sl_str ratio, unsigned *w, unsigned *h)
{
    bool any = ratio.n == 0 || sl_str_eq(ratio, SL_STR("adaptive")), old = m != NULL && (m->can & ARK_OLD_SIZES) != 0;
    bool small = m != NULL && sl_str_eq(m->part, SL_STR("seedance-2-5"));
    uint64_t most = 0;
    for (size_t i = 0; i < VIDEO_COUNT(pixels); i++) {
        bool portrait = sl_str_eq(pixels[i].portrait, ratio);
        if (!sl_str_eq(pixels[i].resolution, resolution) || (!any && !portrait && !sl_str_eq(pixels[i].ratio, ratio)))
            continue;
        unsigned x = old ? pixels[i].old_w : pixels[i].w, y = old ? pixels[i].old_h : pixels[i].h;
        if (small && x == 864) { /* 2.5 has 854x480 there */
            x = 854;
            y = 480;
        }
        if ((uint64_t)x * y <= most)
            continue;
        most = (uint64_t)x * y;
        *w = portrait ? y : x;
        *h = portrait ? x : y;
    }
    return most > 0;
}

uint64_t ark_tokens(unsigned w, unsigned h, uint64_t frames)
{
    return (uint64_t)w * h * frames / 1024;
}

/* ---- flags ---- */

enum flag {
    FLAG_RESOLUTION,
    FLAG_RATIO,
    FLAG_DURATION,
    FLAG_FRAMES,
    FLAG_FPS,
    FLAG_SEED,
    FLAG_CAMERA,
    FLAG_WATERMARK
};

static const struct {
    struct sl_str name;
    enum flag flag;
} flags[] = {
    {SL_STR_INIT("--resolution"), FLAG_RESOLUTION},
    {SL_STR_INIT("--rs"), FLAG_RESOLUTION},
    {SL_STR_INIT("--ratio"), FLAG_RATIO},
    {SL_STR_INIT("--rt"), FLAG_RATIO},
    {SL_STR_INIT("--duration"), FLAG_DURATION},
    {SL_STR_INIT("--dur"), FLAG_DURATION},
    {SL_STR_INIT("--frames"), FLAG_FRAMES},
    {SL_STR_INIT("--framespersecond"), FLAG_FPS},
    {SL_STR_INIT("--fps"), FLAG_FPS},
    {SL_STR_INIT("--seed"), FLAG_SEED},
    {SL_STR_INIT("--camerafixed"), FLAG_CAMERA},
    {SL_STR_INIT("--cf"), FLAG_CAMERA},
    {SL_STR_INIT("--watermark"), FLAG_WATERMARK},
    {SL_STR_INIT("--wm"), FLAG_WATERMARK},
};

static struct sl_str word_at(struct sl_str s, size_t *at)
{
    while (*at < s.n && sl_is_blank(s.p[*at]))
        (*at)++;
    size_t from = *at;
    while (*at < s.n && !sl_is_blank(s.p[*at]))
        (*at)++;
    return sl_str_of(s.p + from, *at - from);
}

/* Each gives whether the member says something else already. */
static bool set_text(struct sl_str *to, struct sl_str value, struct sl_arena *a)
{
    struct sl_str low = video_lower(value, a);
    if (to->n > 0)
        return !sl_str_eq(*to, low);
    *to = low;
    return false;
}

static bool set_said(enum video_said *to, struct sl_str value)
{
    bool yes = sl_str_eq_nocase(value, SL_STR("true")), negative = sl_str_eq_nocase(value, SL_STR("false"));
    if (!yes && !negative)
        return false;
    enum video_said said = yes ? VIDEO_YES : VIDEO_NO;
    if (*to != VIDEO_UNSAID)
        return *to != said;
    *to = said;
    return false;
}

static bool set_ms(int64_t *to, struct sl_str value)
{
    int64_t ms = sl_str_eq(value, SL_STR("-1")) ? VIDEO_AUTO_MS : 0;
    if (ms == 0 && (!video_ms_of_text(value, &ms) || ms == 0))
        return false;
    if (*to != 0)
        return *to != ms;
    *to = ms;
    return false;
}

static bool set_number(struct video_request *r, enum flag flag, struct sl_str value)
{
    int64_t n = 0;
    if (!sl_str_to_i64(value, &n) || n < -1 || n > UINT32_MAX)
        return false;
    if (flag == FLAG_SEED) {
        if (r->seed != VIDEO_SEED_NONE)
            return r->seed != n;
        r->seed = n;
        return false;
    }
    if (n <= 0)
        return false;
    uint32_t *to = flag == FLAG_FRAMES ? &r->frames : &r->fps;
    if (*to != 0)
        return *to != n;
    *to = (uint32_t)n;
    return false;
}

static bool set_flag(struct video_request *r, enum flag flag, struct sl_str value, struct sl_arena *a)
{
    switch (flag) {
    case FLAG_RESOLUTION:
        return set_text(&r->resolution, value, a);
    case FLAG_RATIO:
        return set_text(&r->ratio, value, a);
    case FLAG_DURATION:
        return set_ms(&r->ms, value);
    case FLAG_CAMERA:
        return set_said(&r->camera_fixed, value);
    case FLAG_WATERMARK:
        return set_said(&r->watermark, value);
    case FLAG_FRAMES:
    case FLAG_FPS:
    case FLAG_SEED:
        return set_number(r, flag, value);
    }
    return false;
}

static int flag_of(struct sl_str word)
{
    for (size_t i = 0; i < VIDEO_COUNT(flags); i++)
        if (sl_str_eq_nocase(flags[i].name, word))
            return (int)flags[i].flag;
    return -1;
}

void ark_flags_take(struct video_request *r, struct sl_arena *a, struct ark_flags *out)
{
    struct sl_str s = r->prompt;
    *out = (struct ark_flags){.prompt = s};
    if (sl_str_find_str(s, SL_STR("--")) < 0)
        return;
    char *left = sl_arena_alloc(a, s.n + 1);
    size_t n = 0, at = 0, copied = 0;
    while (at < s.n) {
        struct sl_str word = word_at(s, &at);
        int flag = word.n > 2 ? flag_of(word) : -1;
        if (flag < 0)
            continue;
        size_t from = (size_t)(word.p - s.p);
        size_t behind = at;
        struct sl_str value = word_at(s, &at);
        if (flag_of(value) >= 0) { /* a flag without a value */
            at = behind;
            value = SL_STR_NONE;
        }
        out->n++;
        if (set_flag(r, (enum flag)flag, value, a) && out->conflict.n == 0)
            out->conflict = word;
        while (from > copied && sl_is_blank(s.p[from - 1]))
            from--;
        memcpy(left + n, s.p + copied, from - copied);
        n += from - copied;
        copied = at;
    }
    memcpy(left + n, s.p + copied, s.n - copied);
    n += s.n - copied;
    while (n > 0 && sl_is_blank(left[n - 1]))
        n--;
    if (out->n > 0)
        out->prompt = sl_str_of(left, n);
}
