/* Seedance on Volcengine's Ark and BytePlus' ModelArk: seedance.md, November 2026. */
#include "base/hash.h"
#include "http/url.h"
#include "video/ark_models.h"

#define FPS 24u /* the only one there is */
#define AUDIO_PRESET true
#define EXPIRES_PRESET_S 172800u
#define LIST_PAGE 100u
#define FLEX_SHARE 50u /* seedance.md 5: flex costs half */
#define CLOCK_SLACK_S 120

static const struct ark_model *model_of(const struct video_call *c)
{
    return ark_model_find(video_known(c));
}

static bool can(const struct ark_model *m, unsigned what)
{
    return m == NULL || (m->can & what) != 0;
}

/* The client's own body goes out: Ark's face in front of Ark. */
static bool is_raw(const struct video_request *r)
{
    return r->face == VIDEO_FACE_ARK && r->raw.n > 0;
}

/* The request with its options for Ark, the flags of its prompt, and a size in Ark's words. NULL: *refusal. */
static struct video_request *effective(const struct video_call *c, struct ark_flags *flags, struct video_frame *frame,
                                       struct video_refusal *refusal)
{
    struct video_request *r = sl_arena_alloc(c->a, sizeof *r);
    *r = *c->req;
    if (!video_ark_options(r->options, c->a, r, refusal))
        return NULL;
    ark_flags_take(r, c->a, flags);
    r->prompt = flags->prompt;
    *frame = video_frame_of(r, SL_STR("16:9,9:16,4:3,3:4,1:1,21:9"));
    r->ratio = frame->ratio;
    r->resolution = frame->resolution;
    return r;
}

/* ---- check ---- */

struct checking {
    const struct video_call *c;
    const struct ark_model *m;
    struct video_request *r;
    struct video_notes *notes;
    struct video_refusal *no;
};

static bool no(struct checking *k, struct sl_str param, const char *what)
{
    return video_no(k->c->a, k->no, VIDEO_UNSUPPORTED, param, SL_STR_FMT " %s", SL_STR_ARG(k->c->model), what);
}

static bool check_size(struct checking *k)
{
    struct video_request *r = k->r;
    struct sl_arena *a = k->c->a;
    if (r->ratio.n > 0 && !video_list_has(SL_STR("16:9,9:16,4:3,3:4,1:1,21:9,adaptive"), r->ratio))
        return video_no(a, k->no, VIDEO_BAD_VALUE, video_ratio_param(r),
                        "The ratio has to be one of 16:9, 9:16, 4:3, 3:4, 1:1, 21:9, adaptive.");
    if (k->m == NULL)
        return true;
    if (sl_str_eq(r->ratio, SL_STR("adaptive")) && r->n_media == 0 && !can(k->m, ARK_ADAPTIVE))
        return no(k, SL_STR("ratio"), "takes the ratio adaptive only with an image.");
    if (r->resolution.n == 0 || video_list_has(k->m->resolutions, r->resolution))
        return true;
    /* A size in pixels that is too large for this model is made as large as it can (video.md B3); a named one is refused. */
    if (r->width > 0 && k->c->req->resolution.n == 0 && !k->c->strict && sl_str_eq(r->resolution, SL_STR("1080p")) &&
        r->width != 1920 && r->height != 1920) {
        r->resolution = SL_STR("720p");
        video_note(k->notes, a, "size: made in 720p, the largest that this model has");
        return true;
    }
    return video_no(a, k->no, VIDEO_BAD_VALUE, video_size_param(r),
                    "The resolution has to be one of " SL_STR_FMT " for " SL_STR_FMT ".", SL_STR_ARG(k->m->resolutions),
                    SL_STR_ARG(k->c->model));
}

static bool check_frames(struct checking *k)
{
    uint32_t n = k->r->frames;
    if (n == 0)
        return true;
    if (!can(k->m, ARK_FRAMES))
        return no(k, SL_STR("frames"), "takes a duration, and no frames.");
    if (n < 29 || n > 289 || (n - 25) % 4 != 0)
        return video_no(k->c->a, k->no, VIDEO_BAD_VALUE, SL_STR("frames"),
                        "frames has to be 25 + 4n, between 29 and 289.");
    return true;
}

static bool check_duration(struct checking *k)
{
    struct video_request *r = k->r;
    struct sl_str param = video_ms_param(r);
    if (r->ms == 0)
        return true;
    if (r->ms == VIDEO_AUTO_MS)
        return can(k->m, ARK_AUTO) || no(k, param, "cannot choose the duration by itself.");
    if (r->ms % VIDEO_S != 0)
        return video_no(k->c->a, k->no, VIDEO_BAD_VALUE, param, "The duration has to be whole seconds.");
    if (k->m == NULL)
        return true;
    int64_t s = r->ms / VIDEO_S;
    if (s < k->m->least_s && r->face == VIDEO_FACE_OPENAI && !k->c->strict) { /* nearest that is not shorter */
        r->ms = k->m->least_s * VIDEO_S;
        video_note(k->notes, k->c->a, "seconds: made as %u, the shortest of this model", k->m->least_s);
        return true;
    }
    if (s < k->m->least_s || s > k->m->most_s)
        return video_no(k->c->a, k->no, VIDEO_BAD_VALUE, param,
                        "The duration has to be %u to %u seconds%s for " SL_STR_FMT ".", k->m->least_s, k->m->most_s,
                        can(k->m, ARK_AUTO) ? ", or -1," : "", SL_STR_ARG(k->c->model));
    return true;
}

static bool check_switches(struct checking *k)
{
    const struct video_request *r = k->r;
    const struct {
        bool asked;
        unsigned needs;
        const char *param, *why;
    } rows[] = {
        {r->camera_fixed == VIDEO_YES, ARK_CAMERA, "camera_fixed", "has no fixed camera."},
        {sl_str_eq(r->service_tier, SL_STR("flex")), ARK_FLEX, "service_tier", "has only the service tier default."},
        {r->draft == VIDEO_YES || r->draft_task.n > 0, ARK_DRAFT, "draft", "makes no drafts."},
        {sl_str_eq(r->output_format, SL_STR("mov")), ARK_MOV, "output_format", "has only the output format mp4."},
        {r->task_type.n > 0, ARK_TASK_TYPE, "omni_reference_task_type", "takes no task type."},
        {r->web_search, ARK_SEARCH, "tools", "takes no tools."},
        {r->priority >= 0, ARK_PRIORITY, "priority", "takes no priority."},
    };
    for (size_t i = 0; i < VIDEO_COUNT(rows); i++)
        if (rows[i].asked && !can(k->m, rows[i].needs))
            return no(k, sl_str_c(rows[i].param), rows[i].why);
    return true;
}

static bool check_values(struct checking *k)
{
    const struct video_request *r = k->r;
    struct sl_arena *a = k->c->a;
    if (r->output_format.n > 0 && !video_list_has(SL_STR("mp4,mov"), r->output_format))
        return video_no(a, k->no, VIDEO_BAD_VALUE, SL_STR("output_format"), "output_format has to be mp4 or mov.");
    if (r->service_tier.n > 0 && !video_list_has(SL_STR("default,flex,auto"), r->service_tier))
        return video_no(a, k->no, VIDEO_BAD_VALUE, SL_STR("service_tier"), "service_tier has to be default or flex.");
    if (r->priority > 9)
        return video_no(a, k->no, VIDEO_BAD_VALUE, SL_STR("priority"), "priority has to be 0 to 9.");
    if (r->expires_after_s > 0 && (r->expires_after_s < 3600 || r->expires_after_s > 259200))
        return video_no(a, k->no, VIDEO_BAD_VALUE, SL_STR("execution_expires_after"),
                        "execution_expires_after has to be 3600 to 259200 seconds.");
    if (r->draft == VIDEO_YES && r->resolution.n > 0 && !sl_str_eq(r->resolution, SL_STR("480p")))
        return video_no(a, k->no, VIDEO_BAD_VALUE, SL_STR("resolution"), "A draft has the resolution 480p.");
    if (r->user.n > 64 && is_raw(r))
        return video_no(a, k->no, VIDEO_BAD_VALUE, SL_STR("safety_identifier"),
                        "safety_identifier has at most 64 characters.");
    if (r->n > 1)
        return video_no(a, k->no, VIDEO_UNSUPPORTED, SL_STR("n"), "One video is made at a time: n has to be 1.");
    return true;
}

/* seedance.md section 5: explicit task types are checked at once. */
static bool check_task_type(struct checking *k)
{
    const struct video_request *r = k->r;
    bool edit = sl_str_eq(r->task_type, SL_STR("edit")), extend = sl_str_eq(r->task_type, SL_STR("extend"));
    if (r->task_type.n > 0 && !edit && !extend && !video_list_has(SL_STR("auto,reference"), r->task_type))
        return video_no(k->c->a, k->no, VIDEO_BAD_VALUE, SL_STR("omni_reference_task_type"),
                        "omni_reference_task_type has to be auto, reference, edit or extend.");
    if ((edit || extend) && !sl_str_eq(r->ratio, SL_STR("adaptive")))
        return video_no(k->c->a, k->no, VIDEO_BAD_VALUE, SL_STR("ratio"), "%s needs the ratio adaptive.",
                        edit ? "edit" : "extend");
    if (edit && r->ms != VIDEO_AUTO_MS)
        return video_no(k->c->a, k->no, VIDEO_BAD_VALUE, video_ms_param(r), "edit needs the duration -1.");
    return true;
}

struct counts {
    unsigned images, videos, audios, frames, last;
};

static bool check_medium(struct checking *k, const struct video_media *m, struct counts *n)
{
    struct sl_arena *a = k->c->a;
    if (m->file_id.n > 0)
        return video_no(a, k->no, VIDEO_BAD_VALUE, m->param, "There is no such file.");
    if (sl_str_starts_nocase(m->url, SL_STR("gs://")))
        return video_no(a, k->no, VIDEO_BAD_VALUE, m->param, "This provider takes no gs:// URLs: use https.");
    if (m->kind == VIDEO_MEDIA_VIDEO && m->url.n == 0)
        return video_no(a, k->no, VIDEO_BAD_VALUE, m->param, "A reference video has to be given by a URL.");
    if (m->role == VIDEO_FIRST_FRAME || m->role == VIDEO_LAST_FRAME) {
        if (m->kind != VIDEO_MEDIA_IMAGE)
            return video_no(a, k->no, VIDEO_BAD_VALUE, m->param, "A frame has to be an image.");
        n->frames++;
        n->last += m->role == VIDEO_LAST_FRAME;
        return true;
    }
    n->images += m->kind == VIDEO_MEDIA_IMAGE;
    n->videos += m->kind == VIDEO_MEDIA_VIDEO;
    n->audios += m->kind == VIDEO_MEDIA_AUDIO;
    return true;
}

static bool check_counts(struct checking *k, const struct counts *n)
{
    const struct ark_model *m = k->m;
    struct sl_str param = k->r->n_media > 0 ? k->r->media[k->r->n_media - 1].param : SL_STR("content");
    if (m == NULL)
        return true;
    if (n->images > m->images || n->videos > m->videos || n->audios > m->audios)
        return video_no(k->c->a, k->no, VIDEO_BAD_VALUE, param,
                        SL_STR_FMT " takes at most %u reference images, %u reference videos and %u reference audios.",
                        SL_STR_ARG(k->c->model), m->images, m->videos, m->audios);
    if (n->audios > 0 && n->images + n->videos == 0 && !can(m, ARK_AUDIO_ALONE))
        return no(k, param, "takes reference audio only with a reference image or video.");
    if (n->last > 0 && !can(m, ARK_LAST))
        return no(k, param, "takes no last frame.");
    if (n->frames > 0 && !can(m, ARK_FIRST))
        return no(k, param, "takes no image.");
    if (k->r->n_media == 0 && k->r->draft_task.n == 0 && !can(m, ARK_TEXT) && k->c->source_url.n == 0)
        return video_no(k->c->a, k->no, VIDEO_MISSING,
                        k->r->face == VIDEO_FACE_ARK ? SL_STR("content") : SL_STR("input_reference"),
                        SL_STR_FMT " needs an image.", SL_STR_ARG(k->c->model));
    return true;
}

static bool check_media(struct checking *k)
{
    struct counts n = {0};
    for (unsigned i = 0; i < k->r->n_media; i++)
        if (!check_medium(k, &k->r->media[i], &n))
            return false;
    if (k->r->work != VIDEO_GENERATE) {
        if (k->c->source_url.n == 0 || (k->m != NULL && k->m->videos == 0))
            return no(k, SL_STR("video"), "cannot work on a video that is there already.");
        if (k->r->work == VIDEO_EXTEND && !can(k->m, ARK_TASK_TYPE))
            return no(k, SL_STR("video"), "cannot extend a video.");
        n.videos++;
    }
    if (n.frames > 0 && n.images + n.videos + n.audios > 0)
        return video_no(k->c->a, k->no, VIDEO_BAD_VALUE, k->r->media[0].param,
                        "First and last frames cannot be mixed with references.");
    if (k->r->draft_task.n > 0 && (k->r->n_media > 0 || k->r->prompt.n > 0))
        return video_no(k->c->a, k->no, VIDEO_BAD_VALUE, SL_STR("content"), "draft_task has to stand alone.");
    if (k->r->draft_task.n > 0 && k->c->source_task.n == 0)
        return video_no(k->c->a, k->no, VIDEO_BAD_VALUE, SL_STR("content"), "There is no such draft.");
    return check_counts(k, &n);
}

static bool check_wishes(struct checking *k)
{
    const struct video_request *r = k->r;
    const struct {
        bool asked;
        const char *param;
    } rows[] = {
        {r->negative_prompt.n > 0, "negative_prompt"},
        {r->person_generation.n > 0, "person_generation"},
        {r->fps > 0 && r->fps != FPS, "fps"},
        {r->audio == VIDEO_YES && k->m != NULL && !can(k->m, ARK_AUDIO), "audio"},
    };
    for (size_t i = 0; i < VIDEO_COUNT(rows); i++) {
        if (!rows[i].asked)
            continue;
        if (k->c->strict)
            return no(k, sl_str_c(rows[i].param), "has no such member.");
        video_note(k->notes, k->c->a, "%s: not known to this model, left out", rows[i].param);
    }
    return true;
}

static bool ark_check_into(struct checking *k)
{
    struct ark_flags flags;
    struct video_frame frame;
    k->r = effective(k->c, &flags, &frame, k->no);
    if (k->r == NULL)
        return false;
    if (flags.conflict.n > 0 && is_raw(k->c->req)) /* whichever counted: nobody could say what it costs */
        return video_no(k->c->a, k->no, VIDEO_BAD_VALUE, SL_STR("content"),
                        "The flag " SL_STR_FMT " in the prompt says something else than the member of the body.",
                        SL_STR_ARG(flags.conflict));
    if (frame.nearest && k->c->strict)
        return video_no(k->c->a, k->no, VIDEO_BAD_VALUE, SL_STR("size"),
                        "The size has to have one of the ratios 16:9, 9:16, 4:3, 3:4, 1:1, 21:9.");
    if (frame.nearest)
        video_note(k->notes, k->c->a, "size: made as " SL_STR_FMT ", the nearest ratio there is",
                   SL_STR_ARG(k->r->ratio));
    return check_size(k) && check_frames(k) && check_duration(k) && check_switches(k) && check_values(k) &&
           check_task_type(k) && check_media(k) && check_wishes(k);
}

static bool ark_check(const struct video_call *c, struct video_notes *notes, struct video_refusal *refusal)
{
    struct checking k = {.c = c, .m = model_of(c), .notes = notes, .no = refusal};
    return ark_check_into(&k);
}

/* ---- create ---- */

/* A seed of ours names the task: the provider echoes it, and without one it would roll dice itself. */
static uint32_t seed_of(const struct video_call *c)
{
    static const struct sl_hash_key key = {0x736c756963652d76u, 0x6964656f2d736565u};
    return (uint32_t)sl_hash(key, c->token);
}

/* r: the request with its flags. */
static bool seed_is_ours(const struct video_call *c, const struct video_request *r)
{
    return !is_raw(r) && r->seed == VIDEO_SEED_NONE && c->token.n > 0;
}

/* Who asks, without saying it: prompts and users need not be kept. */
static uint32_t user_mark(struct sl_str user)
{
    static const struct sl_hash_key key = {0x736c756963652d76u, 0x6964656f2d757372u};
    return (uint32_t)sl_hash(key, user);
}

/* By what a list can tell the task from others: "mark", a seed of ours; "seed", the client's; "user". */
static struct sl_str ark_facts(const struct video_call *c)
{
    struct ark_flags flags;
    struct video_frame frame;
    struct video_refusal unused;
    const struct video_request *r = effective(c, &flags, &frame, &unused);
    struct sl_str facts = video_facts_of(c, SL_STR_NONE, SL_STR_NONE);
    if (r == NULL) /* it was not checked */
        return facts;
    struct sl_str user = is_raw(r) ? r->user : sl_str_head(c->user, 64);
    if (seed_is_ours(c, r))
        facts = sl_arena_printf(c->a, SL_STR_FMT " mark=%u", SL_STR_ARG(facts), seed_of(c));
    else if (r->seed >= 0)
        facts = sl_arena_printf(c->a, SL_STR_FMT " seed=%lld", SL_STR_ARG(facts), (long long)r->seed);
    if (user.n > 0)
        facts = sl_arena_printf(c->a, SL_STR_FMT " user=%u", SL_STR_ARG(facts), user_mark(user));
    return facts;
}

static bool ark_listed_apart(struct sl_str aux)
{
    return sl_str_eq(video_fact(aux, SL_STR("tier")), SL_STR("flex"));
}

static void write_content(struct json_writer *w, const struct video_call *c, const struct video_request *r)
{
    jw_key(w, SL_STR("content"));
    jw_open(w, '[');
    if (r->prompt.n > 0) {
        jw_open(w, '{');
        jw_member_plain(w, SL_STR("type"), SL_STR("text"));
        jw_member_plain(w, SL_STR("text"), r->prompt);
        jw_close(w, '}');
    }
    for (unsigned i = 0; i < r->n_media; i++)
        video_media_write_item(w, &r->media[i], c->a);
    if (r->work != VIDEO_GENERATE) {
        struct video_media source = {.kind = VIDEO_MEDIA_VIDEO, .role = VIDEO_REFERENCE, .url = c->source_url};
        video_media_write_item(w, &source, c->a);
    }
    jw_close(w, ']');
}

static void maybe_plain(struct json_writer *w, struct sl_str name, struct sl_str text)
{
    if (text.n > 0)
        jw_member_plain(w, name, text);
}

static void maybe_said(struct json_writer *w, struct sl_str name, enum video_said said)
{
    if (said != VIDEO_UNSAID)
        jw_member_bool(w, name, said == VIDEO_YES);
}

static void write_length(struct json_writer *w, const struct video_request *r)
{
    if (r->frames > 0)
        jw_member_u64(w, SL_STR("frames"), r->frames);
    if (r->ms != 0 && r->frames == 0) {
        jw_key(w, SL_STR("duration"));
        jw_i64(w, r->ms == VIDEO_AUTO_MS ? -1 : r->ms / VIDEO_S);
    }
}

/* What is inapplicable is an error there: only what this model takes is written. */
static void write_options(struct json_writer *w, const struct video_call *c, const struct ark_model *m,
                          const struct video_request *r)
{
    bool seeded = seed_is_ours(c, r);
    if (seeded || r->seed != VIDEO_SEED_NONE) {
        jw_key(w, SL_STR("seed"));
        jw_i64(w, seeded ? (int64_t)seed_of(c) : r->seed);
    }
    if (can(m, ARK_CAMERA))
        maybe_said(w, SL_STR("camera_fixed"), r->camera_fixed);
    jw_member_bool(w, SL_STR("watermark"), r->watermark == VIDEO_YES); /* always said: it changes looks */
    if (m != NULL && can(m, ARK_AUDIO))                                /* always said: it changes the price */
        jw_member_bool(w, SL_STR("generate_audio"), r->audio == VIDEO_UNSAID ? AUDIO_PRESET : r->audio == VIDEO_YES);
    else if (m == NULL)
        maybe_said(w, SL_STR("generate_audio"), r->audio);
    if (sl_str_eq(r->service_tier, SL_STR("flex")))
        jw_member_plain(w, SL_STR("service_tier"), r->service_tier);
    if (r->priority >= 0)
        jw_member_u64(w, SL_STR("priority"), (uint64_t)r->priority);
    if (r->last_frame_wanted == VIDEO_YES)
        jw_member_bool(w, SL_STR("return_last_frame"), true);
    if (r->draft == VIDEO_YES)
        jw_member_bool(w, SL_STR("draft"), true);
    if (can(m, ARK_MOV))
        maybe_plain(w, SL_STR("output_format"), r->output_format);
    maybe_plain(w, SL_STR("omni_reference_task_type"), r->task_type);
    if (r->expires_after_s > 0)
        jw_member_u64(w, SL_STR("execution_expires_after"), r->expires_after_s);
    maybe_plain(w, SL_STR("callback_url"), c->callback);
    maybe_plain(w, SL_STR("safety_identifier"), sl_str_head(c->user, 64));
    if (r->web_search) {
        jw_key(w, SL_STR("tools"));
        jw_open(w, '[');
        jw_open(w, '{');
        jw_member_plain(w, SL_STR("type"), SL_STR("web_search"));
        jw_close(w, '}');
        jw_close(w, ']');
    }
}

static void write_translated(const struct video_call *c, const struct ark_model *m, struct video_request *r,
                             struct sl_buf *body)
{
    struct json_writer w = json_writer_on(body);
    if (r->work == VIDEO_EXTEND) {
        r->task_type = SL_STR("extend");
        r->ratio = SL_STR("adaptive");
    }
    jw_open(&w, '{');
    jw_member_plain(&w, SL_STR("model"), c->model);
    write_content(&w, c, r);
    maybe_plain(&w, SL_STR("resolution"), r->resolution);
    maybe_plain(&w, SL_STR("ratio"), r->ratio);
    write_length(&w, r);
    write_options(&w, c, m, r);
    jw_close(&w, '}');
}

static bool write_raw(const struct video_call *c, struct sl_buf *body)
{
    struct json_tree t;
    if (!json_tree_read(&t, c->req->raw, c->a))
        return false;
    const struct json_node *root = json_root(&t);
    struct video_splice v[3] = {
        {.node = json_get(&t, root, SL_STR("model")), .plain = c->model},
        {.node = json_get(&t, root, SL_STR("callback_url")), .plain = c->callback, .drop = c->callback.n == 0},
    };
    if (c->req->draft_task.n > 0) {
        const struct json_node *item = json_child(json_get(&t, root, SL_STR("content")));
        v[2] = (struct video_splice){.node = video_at(&t, item, SL_STR("draft_task.id")), .plain = c->source_task};
    }
    for (unsigned i = 1; i < 3; i++) /* in the order of the document */
        for (unsigned j = i; j > 0; j--) {
            bool behind = v[j].node == NULL || (v[j - 1].node != NULL && v[j - 1].node->at <= v[j].node->at);
            if (behind)
                break;
            struct video_splice x = v[j];
            v[j] = v[j - 1];
            v[j - 1] = x;
        }
    video_splice_write(c->req->raw, v, 3, body);
    return true;
}

static bool ark_create_write(const struct video_call *c, struct video_http *out, struct sl_buf *body,
                             struct video_refusal *refusal)
{
    struct checking k = {.c = c, .m = model_of(c), .no = refusal};
    video_http_init(out, HTTP_POST, SL_STR("/contents/generations/tasks"));
    video_http_json(out);
    if (!ark_check_into(&k)) /* settles sizes and lengths, too */
        return false;
    if (is_raw(c->req))
        return write_raw(c, body) || video_no(c->a, refusal, "invalid_json", SL_STR_NONE, "The body is not JSON.");
    write_translated(c, k.m, k.r, body);
    return true;
}

static enum video_created ark_create_read(const struct video_call *c, const struct video_answer *answer,
                                          struct video_job *out, struct video_trouble *why)
{
    struct json_tree t;
    enum video_created no;
    if (!video_create_document(c, answer, &t, out, why, &no))
        return no;
    struct sl_str id = json_plain_of(&t, json_get(&t, json_root(&t), SL_STR("id")), c->a);
    if (id.n == 0 || id.n > 256)
        return VIDEO_UNCLEAR;
    out->task_id = id;
    out->aux = ark_facts(c);
    return VIDEO_CREATED;
}

/* ---- tasks ---- */

static void read_error(const struct json_tree *t, const struct json_node *task, struct sl_arena *a, struct video_job *j)
{
    const struct json_node *e = json_got(t, task, SL_STR("error"));
    if (e == NULL)
        e = json_got(t, task, SL_STR("failure_reason")); /* so in lists of some versions */
    if (json_kind_of(e) == JSON_STRING) {
        j->error_message = json_plain_of(t, e, a);
        j->error_code = j->error_message;
    } else {
        j->error_code = json_plain_of(t, json_got(t, e, SL_STR("code")), a);
        j->error_message = json_plain_of(t, json_got(t, e, SL_STR("message")), a);
    }
    if (j->reason == VIDEO_REASON_PROVIDER && video_is_policy(j->error_code))
        j->reason = VIDEO_REASON_POLICY;
}

static void read_frame(const struct json_tree *t, const struct json_node *task, struct sl_arena *a, struct video_job *j)
{
    j->terms.resolution = video_lower(json_plain_of(t, json_got(t, task, SL_STR("resolution")), a), a);
    j->ratio = json_plain_of(t, json_got(t, task, SL_STR("ratio")), a);
    j->ms = video_ms_of(t, json_got(t, task, SL_STR("duration")), a);
    uint64_t frames = video_count_of(t, json_got(t, task, SL_STR("frames")), a);
    j->fps = (uint32_t)video_count_of(t, json_got(t, task, SL_STR("framespersecond")), a);
    if (j->ms == 0 && frames > 0 && frames < 100000)
        j->ms = (int64_t)frames * VIDEO_S / FPS;
    if (j->ratio.n > 0 && !sl_str_eq(j->ratio, SL_STR("adaptive")))
        ark_pixels(ark_model_find(j->model), j->terms.resolution, j->ratio, &j->terms.width, &j->terms.height);
}

static void read_usage(const struct json_tree *t, const struct json_node *task, struct sl_arena *a, struct video_job *j)
{
    const struct json_node *u = json_got(t, task, SL_STR("usage"));
    j->usage.tokens = video_count_of(t, json_got(t, u, SL_STR("completion_tokens")), a);
    if (j->usage.tokens == 0)
        j->usage.tokens = video_count_of(t, json_got(t, u, SL_STR("total_tokens")), a);
    j->usage.searches = video_count_of(t, video_at(t, u, SL_STR("tool_usage.web_search")), a);
}

static void read_task(const struct json_tree *t, const struct json_node *task, struct sl_arena *a, struct video_job *j)
{
    video_job_init(j);
    j->task_id = json_plain_of(t, json_got(t, task, SL_STR("id")), a);
    j->model = json_plain_of(t, json_got(t, task, SL_STR("model")), a);
    video_job_status(j, json_plain_of(t, json_got(t, task, SL_STR("status")), a));
    read_error(t, task, a, j);
    read_frame(t, task, a, j);
    read_usage(t, task, a, j);
    j->created_s = video_time_of(t, json_got(t, task, SL_STR("created_at")), a);
    j->terms.tier = json_plain_of(t, json_got(t, task, SL_STR("service_tier")), a);
    j->terms.audio = json_kind_of(json_got(t, task, SL_STR("generate_audio"))) == JSON_TRUE;
    j->user = json_plain_of(t, json_got(t, task, SL_STR("safety_identifier")), a);
    int64_t seed;
    if (sl_str_to_i64(video_text_of(t, json_got(t, task, SL_STR("seed")), a), &seed) && seed >= -1 &&
        seed <= UINT32_MAX)
        j->seed = seed;
    if (j->status == VIDEO_COMPLETED) {
        const struct json_node *content = json_got(t, task, SL_STR("content"));
        struct sl_str url = json_plain_of(t, json_got(t, content, SL_STR("video_url")), a);
        struct sl_str last = json_plain_of(t, json_got(t, content, SL_STR("last_frame_url")), a);
        j->completed_s = video_time_of(t, json_got(t, task, SL_STR("updated_at")), a);
        j->expires_s = j->completed_s > 0 ? j->completed_s + 86400 : 0;
        video_job_add(j, VIDEO_PART_VIDEO, url, SL_STR_NONE);
        video_job_add(j, VIDEO_PART_LAST_FRAME, last, SL_STR("image/png"));
        for (unsigned i = 0; i < j->n_content; i++)
            j->content[i].expires_s = j->expires_s;
        j->usage.videos = 1;
    }
}

static struct sl_str task_path(const struct video_call *c)
{
    return sl_arena_printf(c->a, "/contents/generations/tasks/" SL_STR_FMT,
                           SL_STR_ARG(url_escape(c->task_id, SL_STR(""), c->a)));
}

static void ark_poll_write(const struct video_call *c, struct video_http *out, struct sl_buf *body)
{
    (void)body;
    video_http_init(out, HTTP_GET, task_path(c));
}

static enum video_polled ark_poll_read(const struct video_call *c, const struct video_answer *answer,
                                       struct video_job *out, struct video_trouble *why, bool *again)
{
    *again = false;
    return video_poll_task(c, answer, read_task, out, why);
}

static bool ark_list_write(const struct video_call *c, const struct video_list_ask *ask, struct video_http *out)
{
    struct sl_buf path;
    sl_buf_init(&path, 1u << 16);
    sl_buf_addf(&path, "/contents/generations/tasks?page_num=%u&page_size=%u", ask->page > 0 ? ask->page : 1,
                LIST_PAGE);
    for (unsigned i = 0; i < ask->n_task_ids; i++) {
        sl_buf_adds(&path, SL_STR("&filter.task_ids="));
        sl_buf_adds(&path, url_escape(ask->task_ids[i], SL_STR(""), c->a));
    }
    if (ask->apart)
        sl_buf_adds(&path, SL_STR("&filter.service_tier=flex"));
    bool fits = !path.over;
    video_http_init(out, HTTP_GET, sl_arena_str(c->a, sl_buf_str(&path)));
    sl_buf_done(&path);
    return fits;
}

static enum video_polled ark_list_read(const struct video_call *c, const struct video_answer *answer,
                                       struct video_list *out, struct video_trouble *why)
{
    struct json_tree t;
    *out = (struct video_list){.n = 0};
    *why = (struct video_trouble){.status = answer->status};
    if (answer->status != 200)
        return video_poll_failed(answer, c->a, why);
    const struct json_node *items;
    if (!answer->whole || !json_tree_read(&t, answer->body, c->a) ||
        json_kind_of(items = json_get(&t, json_root(&t), SL_STR("items"))) != JSON_ARRAY)
        return VIDEO_POLL_AGAIN;
    uint32_t most = items->children < LIST_PAGE * 5 ? items->children
                                                    : LIST_PAGE * 5; /* it never gives more than 500 */
    struct video_job *v = sl_arena_alloc(c->a, (most + 1u) * sizeof *v);
    for (JSON_EACH(&t, items, it)) {
        if (out->n == most)
            break;
        read_task(&t, it, c->a, &v[out->n]);
        out->n += v[out->n].task_id.n > 0;
    }
    out->v = v;
    out->total = video_count_of(&t, json_get(&t, json_root(&t), SL_STR("total")), c->a);
    out->more = items->children >= LIST_PAGE;
    return VIDEO_POLL_OK;
}

static enum video_match ark_match(const struct video_call *c, int64_t sent_s, const struct video_job *listed)
{
    bool hidden = sl_str_starts(c->model, SL_STR("ep-")); /* an endpoint: the list may name the model behind it */
    if (listed->created_s > 0 && listed->created_s + CLOCK_SLACK_S < sent_s)
        return VIDEO_MATCH_NO;
    if (!hidden && listed->model.n > 0 && !sl_str_eq(listed->model, c->model))
        return VIDEO_MATCH_NO;
    if (c->aux.n == 0) /* nobody wrote down what was sent */
        return VIDEO_MATCH_MAYBE;
    if (listed->user.n > 0 && video_fact_u64(c->aux, SL_STR("user")) != user_mark(listed->user))
        return VIDEO_MATCH_NO;
    bool ours = video_fact(c->aux, SL_STR("mark")).n > 0;
    struct sl_str seed = video_fact(c->aux, ours ? SL_STR("mark") : SL_STR("seed"));
    if (listed->seed < 0 || seed.n == 0) /* not told, or anything goes */
        return VIDEO_MATCH_MAYBE;
    uint64_t n = 0;
    if (!sl_str_to_u64(seed, &n) || n != (uint64_t)listed->seed)
        return VIDEO_MATCH_NO;
    return ours ? VIDEO_MATCH_YES : VIDEO_MATCH_MAYBE;
}

static void ark_delete_write(const struct video_call *c, struct video_http *out)
{
    video_http_init(out, HTTP_DELETE, task_path(c));
}

static bool ark_content_write(const struct video_call *c, const struct video_job *job, enum video_part part,
                              struct video_http *out)
{
    (void)c;
    return video_link_write(job, part, out);
}

/* ---- money ---- */

static bool has_video(const struct video_request *r)
{
    bool any = r->work != VIDEO_GENERATE;
    for (unsigned i = 0; i < r->n_media; i++)
        any = any || r->media[i].kind == VIDEO_MEDIA_VIDEO;
    return any;
}

static void ark_reserve(const struct video_call *c, struct video_units *out, struct video_terms *terms)
{
    struct video_refusal unused;
    struct checking k = {.c = c, .m = model_of(c), .no = &unused};
    *out = (struct video_units){.videos = 1, .cost_p = -1};
    *terms = (struct video_terms){.tier = SL_STR("default")};
    if (!ark_check_into(&k))
        return;
    const struct video_request *r = k.r;
    uint64_t most_s = k.m != NULL ? k.m->most_s : 30;
    uint64_t seconds = r->ms == VIDEO_AUTO_MS ? most_s : r->ms > 0 ? (uint64_t)(r->ms / VIDEO_S) : 5;
    uint64_t frames = r->frames > 0 ? r->frames : seconds * FPS + 1;
    terms->resolution = r->draft == VIDEO_YES ? SL_STR("480p")
                        : r->resolution.n > 0 ? r->resolution
                        : k.m != NULL         ? k.m->preset
                                              : SL_STR("720p");
    terms->video_input = has_video(r);
    terms->audio = can(k.m, ARK_AUDIO) && (r->audio == VIDEO_UNSAID ? AUDIO_PRESET : r->audio == VIDEO_YES);
    if (r->service_tier.n > 0)
        terms->tier = r->service_tier;
    terms->tier_share = FLEX_SHARE;
    /* A picture decides the ratio where nothing is said, so that the largest counts. */
    struct sl_str ratio = r->ratio.n > 0 ? r->ratio : SL_STR("adaptive");
    if (!ark_pixels(k.m, terms->resolution, ratio, &terms->width, &terms->height))
        ark_pixels(NULL, SL_STR("4k"), SL_STR("adaptive"), &terms->width, &terms->height);
    if (terms->video_input) {
        uint64_t input_s = k.m != NULL ? k.m->input_s : 30;
        out->input_ms = input_s * (uint64_t)VIDEO_S;
        frames += input_s * FPS;
    }
    out->ms = (r->frames > 0 ? r->frames * (uint64_t)VIDEO_S / FPS : seconds * (uint64_t)VIDEO_S);
    out->tokens = ark_tokens(terms->width, terms->height, frames);
}

static void ark_settle(const struct video_call *c, const struct video_job *job, struct video_units *out,
                       struct video_terms *terms)
{
    video_settle_seconds(job, out, terms);
    video_facts_fill(c->aux.n > 0 ? c->aux : job->aux, terms);
    terms->tier_share = FLEX_SHARE;
    if (job->status != VIDEO_COMPLETED)
        return;
    terms->audio = job->terms.audio;
    if (out->tokens == 0 && job->ms > 0 && job->terms.width > 0)
        out->tokens = ark_tokens(job->terms.width, job->terms.height, (uint64_t)job->ms * FPS / (uint64_t)VIDEO_S + 1);
}

const struct video_adapter video_ark = {
    .name = "ark",
    .takes_user = true,
    .options = ARK_OPTIONS,
    .as = VIDEO_FACE_ARK,
    .same_face = true,
    .resolve = VIDEO_RESOLVE_TOKEN,
    .list_poll_max = 50,
    .cancel = VIDEO_CANCEL_QUEUED,
    .unsigned_callback = true,
    .result_life_s = 86400,
    .poll_first_ns = INT64_C(10000000000),
    .poll_ns = INT64_C(5000000000),
    .poll_max_ns = INT64_C(15000000000),
    .deadline_s = EXPIRES_PRESET_S,
    .check = ark_check,
    .create_write = ark_create_write,
    .create_read = ark_create_read,
    .poll_write = ark_poll_write,
    .poll_read = ark_poll_read,
    .facts = ark_facts,
    .listed_apart = ark_listed_apart,
    .list_write = ark_list_write,
    .list_read = ark_list_read,
    .match = ark_match,
    .cancel_write = ark_delete_write,
    .delete_write = ark_delete_write,
    .content_write = ark_content_write,
    .reserve = ark_reserve,
    .settle = ark_settle,
};
