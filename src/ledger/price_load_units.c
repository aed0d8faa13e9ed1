/* The part of a price catalogue that is not about tokens: prices by unit, and by the shape of a picture or a video. As strict
 * as the rest: an unknown member refuses the file, because it might be something we must pay. */
#include "ledger/money.h"
#include "ledger/price_load_int.h"

#define ROWS_MAX 64u
#define UNIT_DECIMALS 12u /* dollars to pico-dollars */
#define TOKEN_DECIMALS 6u /* dollars for a million tokens to pico-dollars a token */

static struct sl_str str_of(yyjson_val *v)
{
    return sl_str_of(yyjson_get_str(v), yyjson_get_len(v));
}

static struct sl_str raw_of(yyjson_val *v)
{
    return sl_str_of(yyjson_get_raw(v), yyjson_get_len(v));
}

/* A list price with more digits than a pico-dollar has (a vendor's price by the minute, told by the second) is rounded up:
 * never under the true price. */
static enum sl_err read_price(struct price_loader *l, yyjson_val *key, yyjson_val *v, unsigned decimals, int64_t max,
                              int64_t *out)
{
    int64_t p = 0;
    enum sl_err e = yyjson_is_raw(v) ? money_parse_up(raw_of(v), decimals, &p) : SL_EINVAL;
    if (e == SL_OK && p > max)
        e = SL_ELIMIT;
    if (e != SL_OK)
        return price_load_refuse(l, e, key, "not a price (USD, not negative, not larger than any known)");
    *out = p;
    return SL_OK;
}

static struct price_row *add_row(struct price_loader *l, yyjson_val *key, enum sl_err *out_e)
{
    struct price *p = l->price;
    struct price_row *rows = (struct price_row *)(uintptr_t)p->rows; /* ours until published */
    if (rows == NULL)
        p->rows = rows = sl_arena_zalloc(&l->c->arena, ROWS_MAX * sizeof *rows);
    if (p->n_rows == ROWS_MAX) {
        *out_e = price_load_refuse(l, SL_ELIMIT, key, "more than 64 rows");
        return NULL;
    }
    p->has_units = true;
    return &rows[p->n_rows++];
}

/* ---- per ---- */

static enum sl_err read_per(struct price_loader *l, yyjson_val *key, yyjson_val *v)
{
    enum usage_unit unit;
    enum sl_err e = SL_OK;
    int64_t p = 0;
    if (yyjson_equals_str(key, "annotation_page")) /* beside the page's own price: nothing here asks for it */
        return SL_OK;
    if (yyjson_equals_str(key, "image_2k")) {
        struct price_row *row = add_row(l, key, &e);
        if (row == NULL)
            return e;
        row->when.size = SL_STR("2k");
        return read_price(l, key, v, UNIT_DECIMALS, PRICE_UNIT_MAX, &row->p);
    }
    if (!price_unit_of_key(str_of(key), &unit))
        return price_load_refuse(l, SL_EINVAL, key, "a price by an unknown unit");
    e = read_price(l, key, v, UNIT_DECIMALS, PRICE_UNIT_MAX, &p);
    if (e == SL_OK && p > l->price->units.p[unit]) /* two keys of one unit: the dearer */
        l->price->units.p[unit] = p;
    return e;
}

enum sl_err price_load_per(struct price_loader *l, yyjson_val *key, yyjson_val *v)
{
    yyjson_obj_iter it;
    if (!yyjson_obj_iter_init(v, &it))
        return price_load_refuse(l, SL_EINVAL, key, "not an object of prices by unit");
    l->price->has_units = true;
    for (yyjson_val *k; (k = yyjson_obj_iter_next(&it)) != NULL;) {
        enum sl_err e = read_per(l, k, yyjson_obj_iter_get_val(k));
        if (e != SL_OK)
            return e;
    }
    return SL_OK;
}

/* ---- rows ---- */

static enum sl_err read_text(struct price_loader *l, yyjson_val *key, yyjson_val *v, struct sl_str *out)
{
    if (!yyjson_is_str(v) || yyjson_get_len(v) == 0 || yyjson_get_len(v) > 64)
        return price_load_refuse(l, SL_EINVAL, key, "not a short text");
    *out = sl_arena_str(&l->c->arena, str_of(v));
    return SL_OK;
}

static enum sl_err read_said(struct price_loader *l, yyjson_val *key, yyjson_val *v, enum price_said *out)
{
    if (!yyjson_is_bool(v))
        return price_load_refuse(l, SL_EINVAL, key, "neither true nor false");
    *out = yyjson_get_bool(v) ? PRICE_YES : PRICE_NO;
    return SL_OK;
}

/* Prices in yuan, at the rate that the file itself names. */
static enum sl_err read_cny(struct price_loader *l, yyjson_val *key, yyjson_val *v, int64_t *out)
{
    yyjson_val *rate = yyjson_obj_get(yyjson_obj_get(l->root, "fx"), "CNY");
    int64_t cny = 0, ppm = 0, usd;
    if (rate == NULL || !yyjson_is_raw(rate) || money_parse_up(raw_of(rate), 6, &ppm) != SL_OK)
        return price_load_refuse(l, SL_EINVAL, key, "a price in yuan, and the file has no fx.CNY");
    enum sl_err e = read_price(l, key, v, TOKEN_DECIMALS, PRICE_MAX, &cny);
    if (e != SL_OK)
        return e;
    if (__builtin_mul_overflow(cny, ppm, &usd) || usd / 1000000 >= PRICE_MAX)
        return price_load_refuse(l, SL_ELIMIT, key, "a price over a dollar a token");
    *out = usd / 1000000 + (usd % 1000000 != 0);
    return SL_OK;
}

struct row_reading {
    struct price_row *row;
    bool priced;
};

static enum sl_err read_row_price(struct price_loader *l, yyjson_val *key, yyjson_val *v, struct row_reading *r,
                                  bool *out_known)
{
    struct price_row *row = r->row;
    *out_known = true;
    if (r->priced && (yyjson_equals_str(key, "image") || yyjson_equals_str(key, "second")))
        return price_load_refuse(l, SL_EEXIST, key, "a second price in one row");
    if (row->per == PRICE_PER_IMAGE && yyjson_equals_str(key, "image")) {
        r->priced = true;
        return read_price(l, key, v, UNIT_DECIMALS, PRICE_UNIT_MAX, &row->p);
    }
    if (row->per != PRICE_PER_IMAGE && yyjson_equals_str(key, "second")) {
        r->priced = true;
        return read_price(l, key, v, UNIT_DECIMALS, PRICE_UNIT_MAX, &row->p);
    }
    bool cny = yyjson_equals_str(key, "output_cny");
    if (row->per != PRICE_PER_IMAGE && (cny || yyjson_equals_str(key, "output"))) {
        if (r->priced)
            return price_load_refuse(l, SL_EEXIST, key, "a second price in one row");
        r->priced = true;
        row->per = PRICE_PER_VIDEO_TOKEN;
        return cny ? read_cny(l, key, v, &row->p) : read_price(l, key, v, TOKEN_DECIMALS, PRICE_MAX, &row->p);
    }
    *out_known = false;
    return SL_OK;
}

static enum sl_err read_row_member(struct price_loader *l, yyjson_val *key, yyjson_val *v, struct row_reading *r)
{
    struct price_shape *when = &r->row->when;
    bool known;
    if (yyjson_equals_str(key, "size"))
        return read_text(l, key, v, &when->size);
    if (yyjson_equals_str(key, "quality"))
        return read_text(l, key, v, &when->quality);
    if (yyjson_equals_str(key, "resolution"))
        return read_text(l, key, v, &when->resolution);
    if (yyjson_equals_str(key, "audio"))
        return read_said(l, key, v, &when->sound);
    if (yyjson_equals_str(key, "video_input"))
        return read_said(l, key, v, &when->video_input);
    enum sl_err e = read_row_price(l, key, v, r, &known);
    return e == SL_OK && !known ? price_load_refuse(l, SL_EINVAL, key, "an unknown member of a row of prices") : e;
}

static enum sl_err read_rows(struct price_loader *l, yyjson_val *key, yyjson_val *arr, enum price_per per)
{
    if (!yyjson_is_arr(arr) || yyjson_arr_size(arr) == 0)
        return price_load_refuse(l, SL_EINVAL, key, "not a list of rows");
    yyjson_arr_iter each = yyjson_arr_iter_with(arr);
    for (yyjson_val *obj; (obj = yyjson_arr_iter_next(&each)) != NULL;) {
        enum sl_err e = SL_OK;
        struct row_reading r = {.row = add_row(l, key, &e)};
        yyjson_obj_iter it;
        if (r.row == NULL)
            return e;
        r.row->per = per;
        if (!yyjson_obj_iter_init(obj, &it))
            return price_load_refuse(l, SL_EINVAL, key, "a row that is not an object");
        for (yyjson_val *k; (k = yyjson_obj_iter_next(&it)) != NULL;) {
            e = read_row_member(l, k, yyjson_obj_iter_get_val(k), &r);
            if (e != SL_OK)
                return e;
        }
        if (!r.priced)
            return price_load_refuse(l, SL_EINVAL, key, "a row without a price");
    }
    return SL_OK;
}

enum sl_err price_load_images(struct price_loader *l, yyjson_val *key, yyjson_val *v)
{
    return read_rows(l, key, v, PRICE_PER_IMAGE);
}

enum sl_err price_load_video(struct price_loader *l, yyjson_val *key, yyjson_val *v)
{
    return read_rows(l, key, v, PRICE_PER_SECOND);
}
