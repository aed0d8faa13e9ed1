/* Prices of what is not a token: by unit, and by the shape of a picture or a video. Called by price_of.c and price_load*.c.
 * Pure. */
#include "ledger/price_int.h"

#define ANY SL_STR("default")

bool price_unit_of_key(struct sl_str key, enum usage_unit *out)
{
    static const struct {
        struct sl_str key;
        enum usage_unit unit;
    } keys[] = {
        {SL_STR_INIT("image"), UU_IMAGES_OUT},
        {SL_STR_INIT("input_image_each"), UU_IMAGES_IN},
        {SL_STR_INIT("extra_image"), UU_IMAGES_IN},
        {SL_STR_INIT("second_in"), UU_AUDIO_MS_IN},
        {SL_STR_INIT("audio_second_in"), UU_AUDIO_MS_IN},
        {SL_STR_INIT("second_out"), UU_AUDIO_MS_OUT},
        {SL_STR_INIT("video_second_in"), UU_VIDEO_MS_IN},
        {SL_STR_INIT("video_second_out"), UU_VIDEO_MS_OUT},
        {SL_STR_INIT("character_in"), UU_CHARACTERS},
        {SL_STR_INIT("query"), UU_SEARCHES},
        {SL_STR_INIT("page"), UU_PAGES},
    };
    for (size_t i = 0; i < sizeof keys / sizeof *keys; i++)
        if (sl_str_eq(key, keys[i].key)) {
            *out = keys[i].unit;
            return true;
        }
    return false;
}

bool price_unit_is_time(enum usage_unit unit)
{
    return unit == UU_AUDIO_MS_IN || unit == UU_AUDIO_MS_OUT || unit == UU_VIDEO_MS_IN || unit == UU_VIDEO_MS_OUT;
}

/* -- Rows --------------------------------------------------------------------------------------------------------------- */

#define NO_FIT (-1)

static bool in_list(struct sl_str list, struct sl_str one)
{
    while (list.n > 0)
        if (sl_str_eq_nocase(sl_str_cut(&list, ','), one))
            return true;
    return false;
}

/* 2: names it; 1: any by its own words; 0: says nothing of it. */
static int fit_text(struct sl_str row, struct sl_str call, bool list)
{
    if (row.n == 0)
        return 0;
    if (sl_str_eq(row, ANY))
        return 1;
    if (call.n == 0)
        return NO_FIT;
    return (list ? in_list(row, call) : sl_str_eq_nocase(row, call)) ? 2 : NO_FIT;
}

static int fit_said(enum price_said row, enum price_said call)
{
    if (row == PRICE_ANY)
        return 0;
    return row == call ? 2 : NO_FIT;
}

/* How much of the call's shape the row names; NO_FIT: it is another's. */
static int fit(const struct price_row *row, const struct price_shape *shape)
{
    const int fits[] = {fit_text(row->when.quality, shape->quality, false),
                        fit_text(row->when.size, shape->size, false),
                        fit_text(row->when.resolution, shape->resolution, true),
                        fit_said(row->when.sound, shape->sound), fit_said(row->when.video_input, shape->video_input)};
    int sum = 0;
    for (size_t i = 0; i < sizeof fits / sizeof *fits; i++) {
        if (fits[i] == NO_FIT)
            return NO_FIT;
        sum += fits[i];
    }
    return sum;
}

int64_t price_row_rate(const struct price *p, enum price_per per, const struct price_shape *shape, uint32_t *flags)
{
    int64_t best = PRICE_NONE, dearest = PRICE_NONE;
    int best_fit = NO_FIT;
    for (size_t i = 0; i < p->n_rows; i++) {
        const struct price_row *row = &p->rows[i];
        if (row->per != per)
            continue;
        int f = fit(row, shape);
        if (f > best_fit || (f == best_fit && f != NO_FIT && row->p > best)) {
            best = row->p;
            best_fit = f;
        }
        dearest = row->p > dearest ? row->p : dearest;
    }
    if (best_fit == NO_FIT && dearest != PRICE_NONE)
        *flags |= COST_ASSUMED;
    return best_fit != NO_FIT ? best : dearest;
}

int64_t price_unit_rate(const struct price *p, enum usage_unit unit, const struct price_shape *shape, uint32_t *flags)
{
    uint32_t assumed = 0;
    int64_t row = unit == UU_IMAGES_OUT     ? price_row_rate(p, PRICE_PER_IMAGE, shape, &assumed)
                  : unit == UU_VIDEO_MS_OUT ? price_row_rate(p, PRICE_PER_SECOND, shape, &assumed)
                                            : PRICE_NONE;
    if (row != PRICE_NONE && (assumed == 0 || p->units.p[unit] == PRICE_NONE)) {
        *flags |= assumed;
        return row;
    }
    /* veo and sora of older lists: "second_out" of a model that makes videos */
    if (unit == UU_VIDEO_MS_OUT && p->units.p[unit] == PRICE_NONE)
        return p->units.p[UU_AUDIO_MS_OUT];
    return p->units.p[unit];
}
