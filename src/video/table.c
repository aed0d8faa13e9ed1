/* See table.h: one adapter for all rows. None of these servers has a list that tells enough; only Kling can be asked for the task of a
 * token: elsewhere an unclear create stays unclear. */
#include "video/table.h"

#include "base/check.h"
#include "base/hash.h"
#include "http/url.h"

#define TICKS_TO_PICO 100 /* xAI: a dollar has 10^10 ticks */

static const struct table_row *row_of(const struct video_call *c)
{
    const char *at = (const char *)c->adapter - offsetof(struct table_row, adapter);
    return (const struct table_row *)(const void *)at;
}

struct table_wish { /* the request in words of the row */
    struct table_limit limit;
    struct sl_str ratio, resolution;
    int64_t s;
    unsigned w, h;
    const struct video_media *first, *last;
};

/* What holds for this model. */
static struct table_limit limit_of(const struct video_call *c, const struct table_row *row)
{
    struct sl_str model = video_known(c);
    struct table_limit own = {.seconds = row->seconds, .resolutions = row->resolutions, .preset = row->preset};
    for (unsigned i = 0; i < row->n_limits; i++) {
        if (sl_str_find_str(model, row->limits[i].model) < 0)
            continue;
        own = row->limits[i];
        own.preset = own.preset.n > 0 ? own.preset : row->preset;
        break;
    }
    return own;
}

/* ---- check ---- */

static bool settle_media(const struct video_call *c, const struct table_row *row, struct table_wish *w,
                         struct video_refusal *no)
{
    const struct video_request *r = c->req;
    for (unsigned i = 0; i < r->n_media; i++) {
        const struct video_media *m = &r->media[i];
        bool frame = m->role == VIDEO_FIRST_FRAME || m->role == VIDEO_LAST_FRAME;
        if (row->no_media)
            return video_no(c->a, no, VIDEO_UNSUPPORTED, m->param,
                            "This provider's media have to be uploaded to it first, which is not done here.");
        if (m->file_id.n > 0 || sl_str_starts_nocase(m->url, SL_STR("gs://")) ||
            sl_str_starts_nocase(m->url, SL_STR("asset://")))
            return video_no(c->a, no, VIDEO_BAD_VALUE, m->param, "Media are given by an https URL or a data URL here.");
        if (row->url_media && m->url.n == 0)
            return video_no(c->a, no, VIDEO_BAD_VALUE, m->param, "This provider takes pictures by their URL only.");
        if (frame ? m->kind != VIDEO_MEDIA_IMAGE : !row->references)
            return video_no(c->a, no, VIDEO_UNSUPPORTED, m->param,
                            "This provider takes a first frame%s, and no references.",
                            row->last_frame ? ", a last frame" : "");
        if (m->role == VIDEO_LAST_FRAME && !row->last_frame)
            return video_no(c->a, no, VIDEO_UNSUPPORTED, m->param, "This provider takes no last frame.");
        if (m->role == VIDEO_FIRST_FRAME)
            w->first = m;
        if (m->role == VIDEO_LAST_FRAME)
            w->last = m;
    }
    bool edits = (r->work == VIDEO_EDIT || r->work == VIDEO_REMIX) && row->edit_path.n > 0;
    bool extends = r->work == VIDEO_EXTEND && row->extend_path.n > 0;
    if (r->work != VIDEO_GENERATE && ((!edits && !extends) || c->source_url.n == 0))
        return video_no(c->a, no, VIDEO_UNSUPPORTED, SL_STR("video"),
                        "This provider cannot work on a video that is there already.");
    return true;
}

static bool settle_listed(const struct video_call *c, struct video_notes *notes, struct table_wish *w)
{
    struct sl_str list = w->limit.seconds;
    while (list.n > 0) {
        int64_t one = 0;
        sl_str_to_i64(sl_str_cut(&list, ','), &one);
        bool rounded = one > w->s && c->req->face == VIDEO_FACE_OPENAI && !c->strict;
        if (one != w->s && !rounded)
            continue;
        if (rounded)
            video_note(notes, c->a, "seconds: made as %d, the nearest that is not shorter", (int)one);
        w->s = one;
        return true;
    }
    return false;
}

static bool settle_seconds(const struct video_call *c, const struct table_row *row, struct video_notes *notes,
                           struct table_wish *w, struct video_refusal *no)
{
    const struct video_request *r = c->req;
    struct sl_str param = video_ms_param(r);
    if (r->ms == 0 && r->frames == 0)
        return true;
    w->s = r->ms / VIDEO_S;
    bool whole = r->ms > 0 && r->ms % VIDEO_S == 0 && r->frames == 0;
    if (w->limit.seconds.n > 0)
        return (whole && settle_listed(c, notes, w)) ||
               video_no(c->a, no, VIDEO_BAD_VALUE, param, "The duration in seconds has to be one of " SL_STR_FMT ".",
                        SL_STR_ARG(w->limit.seconds));
    if (whole && w->s < row->least_s && r->face == VIDEO_FACE_OPENAI && !c->strict) {
        w->s = row->least_s;
        video_note(notes, c->a, "seconds: made as %u, the shortest there is", row->least_s);
    }
    if (whole && w->s >= row->least_s && w->s <= row->most_s)
        return true;
    return video_no(c->a, no, VIDEO_BAD_VALUE, param, "The duration has to be %u to %u whole seconds.", row->least_s,
                    row->most_s);
}

static void pixels_of(struct table_wish *w)
{
    static const struct {
        struct sl_str resolution, ratio;
        unsigned w, h;
    } sizes[] = {
        {SL_STR_INIT("360p"), SL_STR_INIT("16:9"), 640, 360},
        {SL_STR_INIT("360p"), SL_STR_INIT("9:16"), 360, 640},
        {SL_STR_INIT("540p"), SL_STR_INIT("16:9"), 960, 540},
        {SL_STR_INIT("540p"), SL_STR_INIT("9:16"), 540, 960},
        {SL_STR_INIT("768p"), SL_STR_INIT("16:9"), 1366, 768},
        {SL_STR_INIT("480p"), SL_STR_INIT("16:9"), 832, 480},
        {SL_STR_INIT("480p"), SL_STR_INIT("9:16"), 480, 832},
        {SL_STR_INIT("480p"), SL_STR_INIT("1:1"), 624, 624},
        {SL_STR_INIT("720p"), SL_STR_INIT("16:9"), 1280, 720},
        {SL_STR_INIT("720p"), SL_STR_INIT("9:16"), 720, 1280},
        {SL_STR_INIT("720p"), SL_STR_INIT("1:1"), 960, 960},
        {SL_STR_INIT("720p"), SL_STR_INIT("4:3"), 1088, 832},
        {SL_STR_INIT("720p"), SL_STR_INIT("3:4"), 832, 1088},
        {SL_STR_INIT("1080p"), SL_STR_INIT("16:9"), 1920, 1080},
        {SL_STR_INIT("1080p"), SL_STR_INIT("9:16"), 1080, 1920},
        {SL_STR_INIT("1080p"), SL_STR_INIT("1:1"), 1440, 1440},
        {SL_STR_INIT("1080p"), SL_STR_INIT("4:3"), 1632, 1248},
        {SL_STR_INIT("1080p"), SL_STR_INIT("3:4"), 1248, 1632},
    };
    struct sl_str resolution = w->resolution.n > 0 ? w->resolution : w->limit.preset;
    struct sl_str ratio = w->ratio.n > 0 ? w->ratio : SL_STR("16:9");
    for (size_t i = 0; i < VIDEO_COUNT(sizes); i++) {
        if (!sl_str_eq(sizes[i].resolution, resolution) || !sl_str_eq(sizes[i].ratio, ratio))
            continue;
        w->w = sizes[i].w;
        w->h = sizes[i].h;
    }
}

static uint64_t lines_of(struct sl_str resolution) /* "720p"; 4k: 2160 */
{
    uint64_t n = 0;
    bool lines = resolution.n > 1 && sl_str_to_u64(sl_str_head(resolution, resolution.n - 1), &n);
    return !lines ? 0 : n < 100 ? n * 540 : n;
}

/* A size is no word of theirs: the least of the resolutions that is not smaller. */
static void settle_class(const struct video_call *c, struct video_notes *notes, struct table_wish *w)
{
    struct sl_str list = w->limit.resolutions, best = SL_STR_NONE;
    if (list.n == 0 || c->strict || c->req->width == 0 || c->req->resolution.n > 0 ||
        video_list_has(list, w->resolution))
        return;
    while (list.n > 0) {
        struct sl_str one = sl_str_cut(&list, ',');
        if (lines_of(one) >= lines_of(w->resolution) && (best.n == 0 || lines_of(one) < lines_of(best)))
            best = one;
    }
    if (best.n == 0)
        return;
    w->resolution = best;
    video_note(notes, c->a, "size: made in " SL_STR_FMT ", the nearest that is not smaller", SL_STR_ARG(best));
}

/* Some lengths are made in some resolutions only; where none is asked for, they choose one that fits. */
static bool check_pair(const struct video_call *c, const struct table_wish *w, struct video_refusal *no)
{
    const struct table_limit *l = &w->limit;
    struct sl_str s = sl_arena_printf(c->a, "%d", (int)w->s);
    if (w->s == 0 || w->resolution.n == 0 || !video_list_has(l->long_seconds, s) ||
        video_list_has(l->long_resolutions, w->resolution))
        return true;
    return video_no(c->a, no, VIDEO_BAD_VALUE, video_ms_param(c->req),
                    "Videos of " SL_STR_FMT " seconds are made in " SL_STR_FMT " only; lengths are " SL_STR_FMT
                    ", resolutions " SL_STR_FMT ".",
                    SL_STR_ARG(l->long_seconds), SL_STR_ARG(l->long_resolutions), SL_STR_ARG(l->seconds),
                    SL_STR_ARG(l->resolutions));
}

static bool settle_size(const struct video_call *c, const struct table_row *row, struct video_notes *notes,
                        struct table_wish *w, struct video_refusal *no)
{
    struct video_frame f = video_frame_of(c->req, row->ratios);
    w->ratio = f.ratio;
    w->resolution = f.resolution;
    if (f.nearest && c->strict)
        return video_no(c->a, no, VIDEO_BAD_VALUE, SL_STR("size"),
                        "The size has to have one of the ratios " SL_STR_FMT ".", SL_STR_ARG(row->ratios));
    if (f.nearest)
        video_note(notes, c->a, "size: made as " SL_STR_FMT ", the nearest ratio there is", SL_STR_ARG(f.ratio));
    if (w->ratio.n > 0 && !video_list_has(row->ratios, w->ratio))
        return video_no(c->a, no, VIDEO_BAD_VALUE, video_ratio_param(c->req),
                        "The ratio has to be one of " SL_STR_FMT ".", SL_STR_ARG(row->ratios));
    settle_class(c, notes, w);
    if (w->resolution.n > 0 && w->limit.resolutions.n > 0 && !video_list_has(w->limit.resolutions, w->resolution))
        return video_no(c->a, no, VIDEO_BAD_VALUE, video_size_param(c->req),
                        "The resolution has to be one of " SL_STR_FMT ".", SL_STR_ARG(w->limit.resolutions));
    if (!check_pair(c, w, no))
        return false;
    if (row->says_all) {
        struct sl_str ratios = row->ratios;
        w->s = w->s > 0 ? w->s : row->preset_s;
        w->ratio = w->ratio.n > 0 ? w->ratio : sl_str_cut(&ratios, ',');
        w->resolution = w->resolution.n > 0 ? w->resolution : w->limit.preset;
    }
    pixels_of(w);
    return true;
}

static bool check_wishes(const struct video_call *c, const struct table_row *row, struct video_notes *notes,
                         struct video_refusal *no)
{
    const struct video_request *r = c->req;
    const struct video_wish rows[] = {
        {r->seed >= 0 && !row->has_seed, "seed"},
        {r->watermark == VIDEO_YES && !row->has_watermark, "watermark"},
        {r->audio != VIDEO_UNSAID && !row->has_audio, "audio"},
        {r->negative_prompt.n > 0 && !row->has_negative, "negative_prompt"},
        {r->camera_fixed == VIDEO_YES, "camera_fixed"},
        {r->fps > 0, "fps"},
        {r->person_generation.n > 0, "person_generation"},
        {r->last_frame_wanted == VIDEO_YES, "return_last_frame"},
        {r->priority >= 0, "priority"},
        {r->service_tier.n > 0 && !sl_str_eq(r->service_tier, SL_STR("default")), "service_tier"},
    };
    if (r->n > 1)
        return video_no(c->a, no, VIDEO_UNSUPPORTED, SL_STR("n"), "One video is made at a time: n has to be 1.");
    if (r->draft == VIDEO_YES || r->draft_task.n > 0 || r->task_type.n > 0 || r->web_search)
        return video_no(c->a, no, VIDEO_UNSUPPORTED, SL_STR_NONE, "This provider has no drafts, task types and tools.");
    return video_leave_out(c, rows, VIDEO_COUNT(rows), notes, no);
}

static bool settle_wish(const struct video_call *c, struct video_notes *notes, struct table_wish *w,
                        struct video_refusal *no)
{
    const struct table_row *row = row_of(c);
    *w = (struct table_wish){.limit = limit_of(c, row)};
    bool in_path = sl_str_find_str(row->text_path, SL_STR("{model}")) >= 0;
    if (in_path && (c->model.n > 256 || c->model.p[0] == '/' || sl_str_find_str(c->model, SL_STR("..")) >= 0))
        return video_no(c->a, no, VIDEO_BAD_VALUE, SL_STR("model"), "This is no name of a model of this provider.");
    return settle_media(c, row, w, no) && settle_seconds(c, row, notes, w, no) && settle_size(c, row, notes, w, no) &&
           check_wishes(c, row, notes, no);
}

bool video_table_check(const struct video_call *c, struct video_notes *notes, struct video_refusal *no)
{
    struct table_wish w;
    return settle_wish(c, notes, &w, no);
}

/* ---- create ---- */

static struct sl_str upper(struct sl_str s, struct sl_arena *a)
{
    char *to = sl_arena_alloc(a, s.n + 1);
    for (size_t i = 0; i < s.n; i++)
        to[i] = s.p[i] >= 'a' && s.p[i] <= 'z' ? (char)(s.p[i] - 32) : s.p[i];
    return sl_str_of(to, s.n);
}

static void write_content(struct json_writer *w, const struct video_call *c)
{
    jw_open(w, '[');
    jw_open(w, '{');
    jw_member_plain(w, SL_STR("type"), SL_STR("text"));
    jw_member_plain(w, SL_STR("text"), c->req->prompt);
    jw_close(w, '}');
    for (unsigned i = 0; i < c->req->n_media; i++)
        video_media_write_item(w, &c->req->media[i], c->a);
    jw_close(w, ']');
}

/* The text of a member; empty: it is not written. */
static struct sl_str text_of(const struct video_call *c, const struct table_wish *w, enum table_write what)
{
    const struct video_request *r = c->req;
    bool large = w->resolution.n > 0 && !video_list_has(SL_STR("480p,720p"), w->resolution);
    bool sized = (r->width > 0 || w->ratio.n > 0 || w->resolution.n > 0) && w->w > 0;
    switch (what) {
    case TW_MODEL:
        return c->model;
    case TW_PROMPT:
        return r->prompt;
    case TW_NEGATIVE:
        return r->negative_prompt;
    case TW_SECONDS_UNIT:
        return w->s > 0 ? sl_arena_printf(c->a, "%ds", (int)w->s) : SL_STR_NONE;
    case TW_SECONDS_TEXT:
        return w->s > 0 ? sl_arena_printf(c->a, "%d", (int)w->s) : SL_STR_NONE;
    case TW_RATIO:
        return w->ratio;
    case TW_RATIO_WITHOUT_IMAGE:
        return w->first == NULL ? w->ratio : SL_STR_NONE;
    case TW_PIXELS_COLON: /* it has to be said there */
        return w->w > 0 ? sl_arena_printf(c->a, "%u:%u", w->w, w->h) : SL_STR_NONE;
    case TW_PIXELS_STAR:
        return sized && w->first == NULL ? sl_arena_printf(c->a, "%u*%u", w->w, w->h) : SL_STR_NONE;
    case TW_RESOLUTION:
        return w->resolution;
    case TW_RESOLUTION_UPPER:
        return upper(w->resolution, c->a);
    case TW_RESOLUTION_WITH_IMAGE:
        return w->first != NULL ? upper(w->resolution, c->a) : SL_STR_NONE;
    case TW_MODE:
        return large ? SL_STR("pro") : SL_STR("std");
    case TW_SOURCE:
        return r->work != VIDEO_GENERATE ? c->source_url : SL_STR_NONE;
    case TW_AUDIO_ON: /* always said: it changes the price */
        return r->audio == VIDEO_YES ? SL_STR("on") : SL_STR("off");
    case TW_USER:
        return c->user;
    case TW_CALLBACK:
        return c->callback;
    case TW_TOKEN:
        return c->token;
    default:
        return SL_STR_NONE;
    }
}

static bool is_there(const struct video_call *c, const struct table_wish *w, enum table_write what)
{
    const struct video_request *r = c->req;
    switch (what) {
    case TW_SECONDS:
        return w->s > 0;
    case TW_FIRST:
    case TW_FIRST_BARE:
        return w->first != NULL;
    case TW_LAST:
    case TW_LAST_BARE:
        return w->last != NULL;
    case TW_FRAMES:
    case TW_KEYFRAMES:
        return w->first != NULL || w->last != NULL;
    case TW_CALLBACK_WHEN:
        return c->callback.n > 0;
    case TW_CONTENT:
    case TW_WATERMARK: /* always said: it changes looks */
        return true;
    case TW_SEED:
        return r->seed >= 0;
    case TW_AUDIO:
        return r->audio != VIDEO_UNSAID;
    default:
        return text_of(c, w, what).n > 0;
    }
}

static void write_bare(struct json_writer *w, const struct video_media *m, struct sl_arena *a)
{
    if (m->url.n > 0)
        jw_plain(w, m->url);
    else
        jw_inside(w, video_media_base64(m, a));
}

static void write_keyframe(struct json_writer *w, struct sl_str name, const struct video_media *m, struct sl_arena *a)
{
    if (m == NULL)
        return;
    jw_key(w, name);
    jw_open(w, '{');
    jw_member_plain(w, SL_STR("type"), SL_STR("image"));
    jw_key(w, SL_STR("url"));
    video_media_write_url(w, m, a);
    jw_close(w, '}');
}

static void write_value(struct json_writer *w, const struct video_call *c, const struct table_wish *wish,
                        enum table_write what)
{
    switch (what) {
    case TW_SECONDS:
        jw_u64(w, (uint64_t)wish->s);
        break;
    case TW_FIRST:
        video_media_write_url(w, wish->first, c->a);
        break;
    case TW_FIRST_BARE:
        write_bare(w, wish->first, c->a);
        break;
    case TW_LAST:
        video_media_write_url(w, wish->last, c->a);
        break;
    case TW_LAST_BARE:
        write_bare(w, wish->last, c->a);
        break;
    case TW_FRAMES:
        jw_open(w, '[');
        if (wish->first != NULL)
            video_media_write_url(w, wish->first, c->a);
        if (wish->last != NULL)
            video_media_write_url(w, wish->last, c->a);
        jw_close(w, ']');
        break;
    case TW_KEYFRAMES:
        jw_open(w, '{');
        write_keyframe(w, SL_STR("frame0"), wish->first, c->a);
        write_keyframe(w, SL_STR("frame1"), wish->last, c->a);
        jw_close(w, '}');
        break;
    case TW_CALLBACK_WHEN:
        jw_raw(w, SL_STR("[\"completed\"]"));
        break;
    case TW_CONTENT:
        write_content(w, c);
        break;
    case TW_SEED:
        jw_u64(w, (uint64_t)c->req->seed);
        break;
    case TW_AUDIO:
        jw_bool(w, c->req->audio == VIDEO_YES);
        break;
    case TW_WATERMARK:
        jw_bool(w, c->req->watermark == VIDEO_YES);
        break;
    default:
        jw_plain(w, text_of(c, wish, what));
        break;
    }
}

static void write_body(const struct video_call *c, const struct table_row *row, const struct table_wish *wish,
                       struct sl_buf *body)
{
    struct json_writer w = json_writer_on(body);
    struct sl_str open = SL_STR_NONE; /* the parent that is open */
    jw_open(&w, '{');
    for (unsigned i = 0; i < row->n_members; i++) {
        struct sl_str name = row->members[i].path, parent = SL_STR_NONE;
        if (!is_there(c, wish, row->members[i].what))
            continue;
        if (sl_str_find(name, '.') >= 0)
            parent = sl_str_cut(&name, '.');
        if (open.n > 0 && !sl_str_eq(open, parent))
            jw_close(&w, '}');
        if (parent.n > 0 && !sl_str_eq(open, parent)) {
            jw_key(&w, parent);
            jw_open(&w, '{');
        }
        open = parent;
        jw_key(&w, name);
        write_value(&w, c, wish, row->members[i].what);
    }
    if (open.n > 0)
        jw_close(&w, '}');
    jw_close(&w, '}');
}

/* Of the job's own token: the same at every try, and no other job's. */
static struct sl_str trace_of(const struct video_call *c, enum http_method method)
{
    static const struct sl_hash_key keys[] = {{0x73697465, 1}, {0x73697465, 2}};
    struct sl_str what = sl_arena_printf(c->a, "%d " SL_STR_FMT " " SL_STR_FMT, (int)method, SL_STR_ARG(c->token),
                                         SL_STR_ARG(c->task_id));
    uint64_t x = sl_hash(keys[0], what), y = sl_hash(keys[1], what);
    return sl_arena_printf(c->a, "%08x-%04x-4%03x-a%03x-%012llx", (unsigned)(x >> 32), (unsigned)(x >> 16 & 0xffff),
                           (unsigned)(x & 0xfff), (unsigned)(y >> 52), (unsigned long long)(y & 0xffffffffffff));
}

static void http_of(const struct video_call *c, enum http_method method, struct sl_str path, struct video_http *out)
{
    const struct table_row *row = row_of(c);
    video_http_init(out, method, path);
    out->rooted = row->rooted;
    if (row->header.name.n > 0)
        out->headers[out->n_headers++] = row->header;
    if (row->trace.n > 0)
        out->headers[out->n_headers++] = (struct video_header){row->trace, trace_of(c, method)};
}

static struct sl_str create_path(const struct table_row *row, const struct video_request *r)
{
    bool image = false, last = false;
    for (unsigned i = 0; i < r->n_media; i++) {
        image = image || r->media[i].role == VIDEO_FIRST_FRAME;
        last = last || r->media[i].role == VIDEO_LAST_FRAME;
    }
    if (r->work == VIDEO_EXTEND)
        return row->extend_path;
    if (r->work != VIDEO_GENERATE)
        return row->edit_path;
    if (last && row->frames_path.n > 0)
        return row->frames_path;
    return image ? row->image_path : row->text_path;
}

/* The model's name where the path has a place for it, the callback where the query has. */
static struct sl_str whole_path(const struct video_call *c, const struct table_row *row)
{
    static const struct sl_str place = SL_STR_INIT("{model}");
    struct sl_str path = create_path(row, c->req);
    ptrdiff_t at = sl_str_find_str(path, place);
    if (at >= 0) {
        struct sl_str model = url_escape(c->model, SL_STR("/"), c->a);
        path = sl_arena_printf(c->a, SL_STR_FMT SL_STR_FMT SL_STR_FMT, SL_STR_ARG(sl_str_head(path, (size_t)at)),
                               SL_STR_ARG(model), SL_STR_ARG(sl_str_from(path, (size_t)at + place.n)));
    }
    if (c->callback.n == 0 || row->callback_query.n == 0)
        return path;
    return sl_arena_printf(c->a, SL_STR_FMT "?" SL_STR_FMT "=" SL_STR_FMT, SL_STR_ARG(path),
                           SL_STR_ARG(row->callback_query), SL_STR_ARG(url_escape(c->callback, SL_STR(""), c->a)));
}

bool video_table_create_write(const struct video_call *c, struct video_http *out, struct sl_buf *body,
                              struct video_refusal *no)
{
    struct table_wish w;
    if (!settle_wish(c, NULL, &w, no))
        return false;
    http_of(c, HTTP_POST, whole_path(c, row_of(c)), out);
    video_http_json(out);
    write_body(c, row_of(c), &w, body);
    return true;
}

/* An error with a status of 200. */
static bool is_refused(const struct json_tree *t, const struct table_row *row, struct sl_arena *a,
                       struct video_trouble *why)
{
    const struct json_node *code = row->ok_code.n > 0 ? video_at(t, json_root(t), row->ok_code) : NULL;
    if (code == NULL || video_count_of(t, code, a) == 0)
        return false;
    why->code = video_text_of(t, code, a);
    why->message = json_plain_of(t, video_at(t, json_root(t), row->ok_message), a);
    why->policy = video_is_policy(why->message) || video_list_has(row->policy_codes, why->code);
    why->account = video_list_has(row->account_codes, why->code);
    why->capacity = video_list_has(row->capacity_codes, why->code);
    why->invalid = !why->policy && !why->account && !why->capacity;
    return true;
}

static struct sl_str text_at(const struct json_tree *t, struct sl_str path, struct sl_arena *a)
{
    return path.n > 0 ? video_text_of(t, video_at(t, json_root(t), path), a) : SL_STR_NONE;
}

/* The links that a create gave, as facts: they are not to be built. */
static struct sl_str links_of(const struct video_call *c, const struct table_row *row, const struct json_tree *t)
{
    const struct {
        struct sl_str name, path;
    } links[] = {{SL_STR("status"), row->status_link},
                 {SL_STR("result"), row->result_link},
                 {SL_STR("cancel"), row->cancel_link}};
    struct sl_str aux = video_facts_of(c, SL_STR_NONE, SL_STR_NONE);
    for (size_t i = 0; i < VIDEO_COUNT(links); i++) {
        struct sl_str url = text_at(t, links[i].path, c->a);
        bool http = sl_str_starts(url, SL_STR("https://")) || sl_str_starts(url, SL_STR("http://"));
        if (http && url.n < 1024 && url_target_is_clean(url) && sl_str_find(url, ' ') < 0)
            aux = sl_arena_printf(c->a, SL_STR_FMT " " SL_STR_FMT "=" SL_STR_FMT, SL_STR_ARG(aux),
                                  SL_STR_ARG(links[i].name), SL_STR_ARG(url));
    }
    return aux;
}

enum video_created video_table_create_read(const struct video_call *c, const struct video_answer *answer,
                                           struct video_job *out, struct video_trouble *why)
{
    const struct table_row *row = row_of(c);
    struct json_tree t;
    enum video_created no;
    if (!video_create_document(c, answer, &t, out, why, &no))
        return no;
    if (is_refused(&t, row, c->a, why))
        return VIDEO_NOT_CREATED;
    struct sl_str id = video_text_of(&t, video_at(&t, json_root(&t), row->id), c->a);
    if (id.n == 0 || id.n > 256)
        return VIDEO_UNCLEAR;
    out->task_id = id;
    if (row->status_link.n > 0) {
        out->aux = links_of(c, row, &t);
        return VIDEO_CREATED;
    }
    out->aux = row->poll_path.n > 0 || c->req == NULL ? video_facts_of(c, SL_STR_NONE, SL_STR_NONE)
                                                      : video_facts_of(c, SL_STR("path"), create_path(row, c->req));
    return VIDEO_CREATED;
}

/* ---- tasks ---- */

static struct sl_str task_path(const struct video_call *c)
{
    const struct table_row *row = row_of(c);
    struct sl_str id = url_escape(c->task_id, SL_STR(""), c->a), path = video_fact(c->aux, SL_STR("path"));
    if (row->poll_path.n > 0)
        return sl_arena_printf(c->a, SL_STR_FMT SL_STR_FMT SL_STR_FMT, SL_STR_ARG(row->poll_path), SL_STR_ARG(id),
                               SL_STR_ARG(row->poll_tail));
    bool ours = sl_str_eq(path, row->image_path) || sl_str_eq(path, row->text_path);
    return sl_arena_printf(c->a, SL_STR_FMT "/" SL_STR_FMT, SL_STR_ARG(ours ? path : row->text_path), SL_STR_ARG(id));
}

static bool wants_result(const struct video_call *c)
{
    return sl_str_eq(video_fact(c->aux, SL_STR("stage")), SL_STR("result"));
}

void video_table_poll_write(const struct video_call *c, struct video_http *out, struct sl_buf *body)
{
    struct sl_str link = video_fact(c->aux, wants_result(c) ? SL_STR("result") : SL_STR("status"));
    (void)body;
    if (row_of(c)->file_path.n > 0 && wants_result(c)) {
        struct sl_str file = url_escape(video_fact(c->aux, SL_STR("file")), SL_STR(""), c->a);
        http_of(c, HTTP_GET,
                sl_arena_printf(c->a, SL_STR_FMT SL_STR_FMT, SL_STR_ARG(row_of(c)->file_path), SL_STR_ARG(file)), out);
        return;
    }
    if (link.n > 0) {
        http_of(c, HTTP_GET, SL_STR_NONE, out);
        out->url = link;
        return;
    }
    http_of(c, HTTP_GET, task_path(c), out);
}

void video_table_delete_write(const struct video_call *c, struct video_http *out)
{
    http_of(c, HTTP_DELETE, task_path(c), out);
}

void video_table_cancel_write(const struct video_call *c, struct video_http *out)
{
    const struct table_row *row = row_of(c);
    struct sl_str link = video_fact(c->aux, SL_STR("cancel"));
    if (link.n > 0) {
        http_of(c, HTTP_PUT, SL_STR_NONE, out);
        out->url = link;
        return;
    }
    struct sl_str path = task_path(c);
    http_of(c, HTTP_POST, sl_arena_printf(c->a, SL_STR_FMT SL_STR_FMT, SL_STR_ARG(path), SL_STR_ARG(row->cancel_tail)),
            out);
}

static void read_status(const struct table_row *row, struct sl_str word, struct video_job *j)
{
    video_job_status(j, word);
    for (unsigned i = 0; i < row->n_words; i++) {
        if (!sl_str_eq_nocase(j->upstream_status, row->words[i].word))
            continue;
        j->unknown_status = false;
        j->status = row->words[i].status;
        j->reason = row->words[i].reason;
    }
}

static void read_progress(const struct json_tree *t, const struct table_row *row, struct sl_arena *a,
                          struct video_job *j)
{
    int64_t thousandths;
    if (row->progress.n == 0 || !video_ms_of_text(text_at(t, row->progress, a), &thousandths))
        return;
    int64_t percent = row->progress_of == 1 ? thousandths / 10 : thousandths / 1000;
    j->progress = percent > 100 ? 100 : (int)percent;
}

static void read_costs(const struct json_tree *t, const struct table_row *row, struct sl_arena *a, struct video_job *j)
{
    uint64_t ticks = 0;
    int64_t ms;
    if (video_ms_of_text(text_at(t, row->seconds_used, a), &ms))
        j->usage.ms = (uint64_t)ms;
    if (sl_str_to_u64(text_at(t, row->cost_ticks, a), &ticks) && ticks < UINT64_C(1000000000000000))
        j->usage.cost_p = (int64_t)ticks * TICKS_TO_PICO;
    if (sl_str_to_u64(text_at(t, row->credits, a), &ticks) && ticks < UINT32_MAX)
        j->usage.units = ticks;
}

/* As the provider reports it; else as it was asked for. */
static void read_length(const struct video_call *c, const struct json_tree *t, const struct table_row *row,
                        struct video_job *j)
{
    if (video_ms_of_text(text_at(t, row->duration, c->a), &j->ms) && j->ms > 0)
        return;
    if (video_ms_of_text(text_at(t, row->other_duration, c->a), &j->ms) && j->ms > 0)
        return;
    j->ms = j->status == VIDEO_COMPLETED ? (int64_t)video_fact_u64(c->aux, SL_STR("ms")) : 0;
}

static void read_size(const struct json_tree *t, const struct table_row *row, struct sl_arena *a, struct video_job *j)
{
    uint64_t w = 0, h = 0;
    if (!video_size_of(text_at(t, row->size, a), &j->terms.width, &j->terms.height))
        video_size_of(text_at(t, row->other_size, a), &j->terms.width, &j->terms.height);
    bool told = sl_str_to_u64(text_at(t, row->width, a), &w) && sl_str_to_u64(text_at(t, row->height, a), &h);
    if (told && w > 0 && h > 0 && w <= 16384 && h <= 16384) {
        j->terms.width = (unsigned)w;
        j->terms.height = (unsigned)h;
    }
}

static void read_task(const struct video_call *c, const struct json_tree *t, struct video_job *j)
{
    const struct table_row *row = row_of(c);
    struct sl_arena *a = c->a;
    read_status(row, text_at(t, row->status, a), j);
    read_progress(t, row, a, j);
    j->error_code = text_at(t, row->error_code, a);
    j->error_message = text_at(t, row->error_message, a);
    if (j->status == VIDEO_FAILED && j->reason == VIDEO_REASON_PROVIDER &&
        (video_is_policy(j->error_code) || video_list_has(row->policy_codes, j->error_code) ||
         (j->error_code.n == 0 && video_is_policy(j->error_message))))
        j->reason = VIDEO_REASON_POLICY;
    bool blocked = row->moderation.n > 0 && json_kind_of(video_at(t, json_root(t), row->moderation)) == JSON_FALSE;
    if (j->status == VIDEO_COMPLETED && blocked) {
        j->status = VIDEO_FAILED;
        j->reason = VIDEO_REASON_POLICY;
    }
    j->created_s = row->created.n > 0 ? video_time_of(t, video_at(t, json_root(t), row->created), a) : 0;
    read_length(c, t, row, j);
    read_size(t, row, a, j);
    j->terms.resolution = video_lower(text_at(t, row->resolution, a), a);
    j->ratio = text_at(t, row->ratio, a);
    read_costs(t, row, a, j);
    if (j->status == VIDEO_COMPLETED)
        video_job_add(j, VIDEO_PART_VIDEO, text_at(t, row->url, a), SL_STR_NONE);
    if (j->n_content == 0 && j->status == VIDEO_COMPLETED)
        video_job_add(j, VIDEO_PART_VIDEO, text_at(t, row->other_url, a), SL_STR_NONE);
    j->usage.videos = j->status == VIDEO_COMPLETED;
}

/* "completed" says only that something came of it: what, the result's own address says, with an error's status where it failed. */
static enum video_polled read_result(const struct video_call *c, const struct video_answer *answer,
                                     struct video_job *out, struct video_trouble *why)
{
    struct json_tree t;
    int s = answer->status;
    bool ours = s == 401 || s == 403 || s == 404 || s == 408 || s == 410 ||
                s == 429; /* of the asking, not of the job */
    bool json = answer->whole && json_tree_read(&t, answer->body, c->a);
    const struct json_node *detail = json ? json_got(&t, json_root(&t), SL_STR("detail")) : NULL;
    out->upstream_status = SL_STR("completed");
    if (s == 200 && json) {
        out->status = VIDEO_COMPLETED;
        out->ms = (int64_t)video_fact_u64(c->aux, SL_STR("ms"));
        out->usage.videos = 1;
        video_job_add(out, VIDEO_PART_VIDEO, text_at(&t, row_of(c)->url, c->a),
                      text_at(&t, SL_STR("video.content_type"), c->a));
        return VIDEO_POLL_OK;
    }
    if (ours || s < 400 || detail == NULL)
        return s == 200 ? VIDEO_POLL_AGAIN : video_poll_failed(answer, c->a, why);
    bool list = json_kind_of(detail) == JSON_ARRAY;
    out->status = VIDEO_FAILED;
    out->error_message = list ? text_at(&t, SL_STR("detail[0].msg"), c->a) : video_text_of(&t, detail, c->a);
    out->error_code = list ? text_at(&t, SL_STR("detail[0].type"), c->a) : SL_STR_NONE;
    bool policy = s < 500 && (video_is_policy(out->error_code) || video_is_policy(out->error_message));
    out->reason = policy ? VIDEO_REASON_POLICY : VIDEO_REASON_PROVIDER;
    return VIDEO_POLL_OK;
}

/* Where the file is that a finished task named. */
static enum video_polled read_file(const struct video_call *c, const struct video_answer *answer, struct video_job *out,
                                   struct video_trouble *why)
{
    const struct table_row *row = row_of(c);
    struct json_tree t;
    if (answer->status != 200)
        return video_poll_failed(answer, c->a, why);
    if (!answer->whole || !json_tree_read(&t, answer->body, c->a) || is_refused(&t, row, c->a, why))
        return VIDEO_POLL_AGAIN;
    out->upstream_status = SL_STR("Success");
    out->status = VIDEO_COMPLETED;
    out->ms = (int64_t)video_fact_u64(c->aux, SL_STR("ms"));
    out->terms.width = (unsigned)video_fact_u64(c->aux, SL_STR("made_w"));
    out->terms.height = (unsigned)video_fact_u64(c->aux, SL_STR("made_h"));
    out->usage.videos = 1;
    video_job_add(out, VIDEO_PART_VIDEO, text_at(&t, row->url, c->a), SL_STR_NONE);
    return out->n_content > 0 ? VIDEO_POLL_OK : VIDEO_POLL_AGAIN;
}

/* The second of two questions: what is needed for it goes into the job's facts. */
static bool needs_more(const struct video_call *c, const struct json_tree *t, struct video_job *out)
{
    const struct table_row *row = row_of(c);
    struct sl_str file = row->file_path.n > 0 ? text_at(t, row->file_id, c->a) : SL_STR_NONE;
    if (out->status != VIDEO_COMPLETED || (row->result_link.n == 0 && row->file_path.n == 0))
        return false;
    if (file.n > 0 && file.n < 256 && sl_str_find(file, ' ') < 0)
        out->aux = sl_arena_printf(c->a, SL_STR_FMT " file=" SL_STR_FMT " made_w=%u made_h=%u", SL_STR_ARG(out->aux),
                                   SL_STR_ARG(file), out->terms.width, out->terms.height);
    out->aux = sl_arena_printf(c->a, SL_STR_FMT " stage=result", SL_STR_ARG(out->aux));
    return true;
}

/* It failed, and says so as errors are said. */
static bool says_failed(const struct json_tree *t, const struct table_row *row, struct sl_arena *a)
{
    enum video_status status = VIDEO_QUEUED;
    enum video_reason reason;
    return video_status_of_word(text_at(t, row->status, a), &status, &reason) && status == VIDEO_FAILED;
}

enum video_polled video_table_poll_read(const struct video_call *c, const struct video_answer *answer,
                                        struct video_job *out, struct video_trouble *why, bool *again)
{
    const struct table_row *row = row_of(c);
    struct json_tree t;
    *again = false;
    *why = (struct video_trouble){.status = answer->status};
    video_job_init(out);
    out->aux = c->aux;
    out->task_id = c->task_id;
    out->status = VIDEO_IN_PROGRESS;
    if (wants_result(c))
        return row->file_path.n > 0 ? read_file(c, answer, out, why) : read_result(c, answer, out, why);
    bool pending = row->pending_202 && answer->status == 202;
    if (answer->status != 200 && !pending)
        return video_poll_failed(answer, c->a, why);
    if (!answer->whole)
        return VIDEO_POLL_AGAIN;
    if (!json_tree_read(&t, answer->body, c->a))
        return pending ? VIDEO_POLL_OK : VIDEO_POLL_AGAIN;
    if (is_refused(&t, row, c->a, why) && !says_failed(&t, row, c->a))
        return VIDEO_POLL_AGAIN;
    enum json_kind kind = json_kind_of(video_at(&t, json_root(&t), row->status));
    if (kind != JSON_STRING && (kind != JSON_NUMBER || row->n_words == 0))
        return pending ? VIDEO_POLL_OK : VIDEO_POLL_AGAIN;
    read_task(c, &t, out);
    *again = needs_more(c, &t, out);
    return VIDEO_POLL_OK;
}

/* ---- a create that nobody answered ---- */

bool video_table_find_write(const struct video_call *c, const struct video_list_ask *ask, struct video_http *out)
{
    const struct table_row *row = row_of(c);
    (void)ask;
    if (c->req == NULL || c->token.n == 0)
        return false;
    struct sl_str path = create_path(row, c->req);
    http_of(c, HTTP_GET, sl_arena_printf(c->a, SL_STR_FMT "/" SL_STR_FMT, SL_STR_ARG(path), SL_STR_ARG(c->token)), out);
    return true;
}

enum video_polled video_table_find_read(const struct video_call *c, const struct video_answer *answer,
                                        struct video_list *out, struct video_trouble *why)
{
    const struct table_row *row = row_of(c);
    struct json_tree t;
    struct video_job *j = SL_ARENA_NEW(c->a, struct video_job);
    *out = (struct video_list){.v = j};
    *why = (struct video_trouble){.status = answer->status};
    if (answer->status == 404)
        return VIDEO_POLL_OK; /* there is none */
    if (answer->status != 200)
        return video_poll_failed(answer, c->a, why);
    if (!answer->whole || !json_tree_read(&t, answer->body, c->a))
        return VIDEO_POLL_AGAIN;
    if (is_refused(&t, row, c->a, why))
        return VIDEO_POLL_AGAIN;
    video_job_init(j);
    j->task_id = text_at(&t, row->id, c->a);
    if (j->task_id.n == 0 || !sl_str_eq(text_at(&t, row->token, c->a), c->token))
        return VIDEO_POLL_OK;
    j->aux = video_facts_of(c, SL_STR("path"), create_path(row, c->req));
    out->n = 1;
    return VIDEO_POLL_OK;
}

enum video_match video_table_find_match(const struct video_call *c, int64_t sent_s, const struct video_job *listed)
{
    (void)c;
    (void)sent_s;
    (void)listed;
    return VIDEO_MATCH_YES; /* its token was compared */
}

bool video_table_content_write(const struct video_call *c, const struct video_job *job, enum video_part part,
                               struct video_http *out)
{
    (void)c;
    return video_link_write(job, part, out);
}

/* ---- money ---- */

void video_table_reserve(const struct video_call *c, struct video_units *out, struct video_terms *terms)
{
    const struct table_row *row = row_of(c);
    struct video_refusal unused;
    struct table_wish w;
    *out = (struct video_units){.videos = 1, .cost_p = -1, .ms = row->preset_s * (uint64_t)VIDEO_S};
    *terms = (struct video_terms){.tier = SL_STR("default"), .resolution = limit_of(c, row).preset};
    if (!settle_wish(c, NULL, &w, &unused))
        return;
    if (w.s > 0)
        out->ms = (uint64_t)(w.s * VIDEO_S);
    if (w.resolution.n > 0)
        terms->resolution = w.resolution;
    terms->width = w.w;
    terms->height = w.h;
    terms->audio = c->req->audio == VIDEO_YES;
    terms->video_input = c->req->work != VIDEO_GENERATE;
}

void video_table_settle(const struct video_call *c, const struct video_job *job, struct video_units *out,
                        struct video_terms *terms)
{
    struct sl_str aux = c->aux.n > 0 ? c->aux : job->aux;
    video_settle_seconds(job, out, terms);
    video_facts_fill(aux, terms);
    if (row_of(c)->policy_charged && job->status == VIDEO_FAILED && job->reason == VIDEO_REASON_POLICY) {
        out->ms = video_fact_u64(aux, SL_STR("ms"));
        out->videos = 1;
    }
}
