/* What a job costs is what the catalogue said when it was made: that entry, as far as videos are priced by it, is kept with the row as
 * JSON, because the job may end under another catalogue or in another process. The form is ours alone. Pure. */
#include "dialect/json_tree.h"
#include "exchange/video_int.h"

#define ROWS_MAX 64u

static const struct sl_str rate_names[PR_COUNT] = {
#define X(id, key) SL_STR_INIT(key),
    PRICE_RATES(X)
#undef X
};

/* ---- writing ---- */

static void number(struct sl_buf *out, struct sl_str name, int64_t v)
{
    video_json_comma(out);
    sl_buf_addf(out, "\"" SL_STR_FMT "\":%lld", SL_STR_ARG(name), (long long)v);
}

static void open_member(struct sl_buf *out, const char *name, char bracket)
{
    video_json_comma(out);
    sl_buf_addf(out, "\"%s\":%c", name, bracket);
}

static void rates(struct sl_buf *out, const char *name, const struct price_rates *r)
{
    open_member(out, name, '{');
    for (size_t i = 0; i < PR_COUNT; i++)
        if (r->p[i] != PRICE_NONE)
            number(out, rate_names[i], r->p[i]);
    sl_buf_addc(out, '}');
}

static void rows(struct sl_buf *out, const struct price *p)
{
    open_member(out, "rows", '[');
    for (unsigned i = 0; i < p->n_rows && i < ROWS_MAX; i++) {
        const struct price_row *r = &p->rows[i];
        if (r->per == PRICE_PER_IMAGE)
            continue;
        video_json_comma(out);
        sl_buf_addc(out, '{');
        number(out, r->per == PRICE_PER_SECOND ? SL_STR("second") : SL_STR("token"), r->p);
        video_json_text(out, "quality", r->when.quality);
        video_json_text(out, "size", r->when.size);
        video_json_text(out, "resolution", r->when.resolution);
        number(out, SL_STR("sound"), r->when.sound);
        number(out, SL_STR("video_input"), r->when.video_input);
        sl_buf_addc(out, '}');
    }
    sl_buf_addc(out, ']');
}

static void video_price_write(const struct price *p, struct sl_buf *out)
{
    sl_buf_addc(out, '{');
    number(out, SL_STR("free"), p->free);
    number(out, SL_STR("has_units"), p->has_units);
    rates(out, "rates", &p->rates);
    for (unsigned i = 0; i < p->n_services; i++)
        if (p->services[i].service == PRICE_FLEX)
            rates(out, "flex", &p->services[i].rates);
    open_member(out, "units", '{');
    for (unsigned i = 0; i < USAGE_UNIT_COUNT; i++)
        if (p->units.p[i] != PRICE_NONE)
            number(out, sl_str_c(usage_unit_name((enum usage_unit)i)), p->units.p[i]);
    sl_buf_addc(out, '}');
    rows(out, p);
    sl_buf_addc(out, '}');
}

/* ---- reading ---- */

static int64_t get_number(const struct json_tree *t, const struct json_node *of, struct sl_str name, int64_t otherwise)
{
    uint64_t v = 0;
    return json_u64_of(t, json_got(t, of, name), &v) && v <= (uint64_t)PRICE_UNIT_MAX ? (int64_t)v : otherwise;
}

static struct sl_str get_text(const struct json_tree *t, const struct json_node *of, struct sl_str name,
                              struct sl_arena *a)
{
    return json_plain_of(t, json_got(t, of, name), a);
}

static enum price_said get_said(const struct json_tree *t, const struct json_node *of, struct sl_str name)
{
    return (enum price_said)(get_number(t, of, name, 0) % 3);
}

static void get_rates(const struct json_tree *t, const struct json_node *of, struct price_rates *out)
{
    for (size_t i = 0; i < PR_COUNT; i++) {
        int64_t v = get_number(t, of, rate_names[i], PRICE_NONE);
        out->p[i] = v <= PRICE_MAX ? v : PRICE_NONE;
    }
}

static void get_rows(const struct json_tree *t, const struct json_node *list, struct sl_arena *a, struct price *out)
{
    struct price_row *v = sl_arena_alloc(a, ROWS_MAX * sizeof *v);
    for (JSON_EACH(t, list, it)) {
        bool second = json_got(t, it, SL_STR("second")) != NULL;
        int64_t p = get_number(t, it, second ? SL_STR("second") : SL_STR("token"), PRICE_NONE);
        if (out->n_rows == ROWS_MAX || p == PRICE_NONE || (!second && p > PRICE_MAX))
            continue;
        v[out->n_rows++] = (struct price_row){
            .per = second ? PRICE_PER_SECOND : PRICE_PER_VIDEO_TOKEN,
            .when = {.quality = get_text(t, it, SL_STR("quality"), a),
                     .size = get_text(t, it, SL_STR("size"), a),
                     .resolution = get_text(t, it, SL_STR("resolution"), a),
                     .sound = get_said(t, it, SL_STR("sound")),
                     .video_input = get_said(t, it, SL_STR("video_input"))},
            .p = p,
        };
    }
    out->rows = v;
}

bool video_price_read(struct sl_str request, struct sl_arena *a, struct price *out)
{
    struct json_tree t;
    price_init(out);
    if (request.n == 0 || !json_tree_read(&t, request, a))
        return false;
    const struct json_node *of = json_got(&t, json_root(&t), SL_STR("price"));
    const struct json_node *units = json_got(&t, of, SL_STR("units")), *flex = json_got(&t, of, SL_STR("flex"));
    if (json_kind_of(of) != JSON_OBJECT)
        return false;
    out->free = get_number(&t, of, SL_STR("free"), 0) == 1;
    out->has_units = get_number(&t, of, SL_STR("has_units"), 0) == 1;
    get_rates(&t, json_got(&t, of, SL_STR("rates")), &out->rates);
    for (unsigned i = 0; i < USAGE_UNIT_COUNT; i++)
        out->units.p[i] = get_number(&t, units, sl_str_c(usage_unit_name((enum usage_unit)i)), PRICE_NONE);
    get_rows(&t, json_got(&t, of, SL_STR("rows")), a, out);
    if (flex == NULL)
        return true;
    struct price_service_rates *s = SL_ARENA_NEW(a, struct price_service_rates);
    s->service = PRICE_FLEX;
    get_rates(&t, flex, &s->rates);
    out->services = s;
    out->n_services = 1;
    return true;
}

/* The row's own JSON with the price of this attempt in it. */
struct sl_str video_price_add(struct sl_str request, const struct price *p, struct sl_arena *a)
{
    struct sl_buf b;
    if (p == NULL || !sl_str_ends(request, SL_STR("}")))
        return request;
    sl_buf_init(&b, request.n + 65536);
    sl_buf_adds(&b, sl_str_head(request, request.n - 1));
    video_json_comma(&b);
    sl_buf_adds(&b, SL_STR("\"price\":"));
    video_price_write(p, &b);
    sl_buf_addc(&b, '}');
    struct sl_str with = b.over ? request : sl_arena_str(a, sl_buf_str(&b));
    sl_buf_done(&b);
    return with;
}
