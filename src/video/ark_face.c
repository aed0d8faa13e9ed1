/* Ark's own task API as a face: seedance.md sections 4 to 9. */
#include "http/url.h"
#include "video/video_int.h"

#define AT(member) offsetof(struct video_request, member)

static const struct video_member members[] = {
    {SL_STR_INIT("model"), VM_TEXT, AT(model)},
    {SL_STR_INIT("resolution"), VM_LOWER, AT(resolution)},
    {SL_STR_INIT("ratio"), VM_LOWER, AT(ratio)},
    {SL_STR_INIT("duration"), VM_MS, AT(ms)},
    {SL_STR_INIT("frames"), VM_U32, AT(frames)},
    {SL_STR_INIT("seed"), VM_SEED, AT(seed)},
    {SL_STR_INIT("camera_fixed"), VM_SAID, AT(camera_fixed)},
    {SL_STR_INIT("watermark"), VM_SAID, AT(watermark)},
    {SL_STR_INIT("generate_audio"), VM_SAID, AT(audio)},
    {SL_STR_INIT("return_last_frame"), VM_SAID, AT(last_frame_wanted)},
    {SL_STR_INIT("draft"), VM_SAID, AT(draft)},
    {SL_STR_INIT("service_tier"), VM_LOWER, AT(service_tier)},
    {SL_STR_INIT("priority"), VM_I32, AT(priority)},
    {SL_STR_INIT("output_format"), VM_LOWER, AT(output_format)},
    {SL_STR_INIT("omni_reference_task_type"), VM_LOWER, AT(task_type)},
    {SL_STR_INIT("execution_expires_after"), VM_U32, AT(expires_after_s)},
    {SL_STR_INIT("safety_identifier"), VM_TEXT, AT(user)},
    {SL_STR_INIT("callback_url"), VM_TEXT, AT(callback)},
};

struct reading {
    struct json_tree t;
    struct sl_arena *a;
    struct video_request *r;
    struct video_refusal *no;
    unsigned texts;
};

static const struct {
    struct sl_str type;
    enum video_media_kind kind;
    struct sl_str role;
} kinds[] = {
    {SL_STR_INIT("image_url"), VIDEO_MEDIA_IMAGE, SL_STR_INIT("reference_image")},
    {SL_STR_INIT("video_url"), VIDEO_MEDIA_VIDEO, SL_STR_INIT("reference_video")},
    {SL_STR_INIT("audio_url"), VIDEO_MEDIA_AUDIO, SL_STR_INIT("reference_audio")},
};

static bool take_role(struct reading *g, const struct json_node *item, unsigned kind, struct video_media *m)
{
    const struct json_node *role = json_got(&g->t, item, SL_STR("role"));
    m->kind = kinds[kind].kind;
    m->role = VIDEO_REFERENCE;
    if (m->kind == VIDEO_MEDIA_IMAGE && (role == NULL || json_text_is(&g->t, role, SL_STR("first_frame"))))
        m->role = VIDEO_FIRST_FRAME;
    else if (m->kind == VIDEO_MEDIA_IMAGE && json_text_is(&g->t, role, SL_STR("last_frame")))
        m->role = VIDEO_LAST_FRAME;
    else if (role != NULL && !json_text_is(&g->t, role, kinds[kind].role))
        return video_no(g->a, g->no, VIDEO_BAD_VALUE, m->param, "The role of this item has to be %s" SL_STR_FMT ".",
                        m->kind == VIDEO_MEDIA_IMAGE ? "first_frame, last_frame or " : "",
                        SL_STR_ARG(kinds[kind].role));
    return true;
}

static bool take_text(struct reading *g, const struct json_node *item, struct sl_str param)
{
    const struct json_node *text = json_got(&g->t, item, SL_STR("text"));
    if (json_kind_of(text) != JSON_STRING)
        return video_no(g->a, g->no, VIDEO_MISSING, param, "A text item has to have a text.");
    if (g->texts++ > 0)
        return video_no(g->a, g->no, VIDEO_BAD_VALUE, param, "There can be one text item.");
    g->r->prompt = json_plain_of(&g->t, text, g->a);
    return true;
}

static bool take_item(struct reading *g, const struct json_node *item, unsigned index)
{
    const struct json_node *type = json_got(&g->t, item, SL_STR("type"));
    struct video_media m = {.param = sl_arena_printf(g->a, "content[%u]", index)};
    if (json_text_is(&g->t, type, SL_STR("text")))
        return take_text(g, item, m.param);
    if (json_text_is(&g->t, type, SL_STR("draft_task"))) {
        g->r->draft_task = json_plain_of(&g->t, video_at(&g->t, item, SL_STR("draft_task.id")), g->a);
        g->r->source_id = g->r->draft_task;
        return g->r->draft_task.n > 0 || video_no(g->a, g->no, VIDEO_MISSING, m.param, "draft_task has to have an id.");
    }
    for (unsigned i = 0; i < VIDEO_COUNT(kinds); i++) {
        if (!json_text_is(&g->t, type, kinds[i].type))
            continue;
        const struct json_node *url = json_got(&g->t, json_got(&g->t, item, kinds[i].type), SL_STR("url"));
        if (json_kind_of(url) != JSON_STRING)
            return video_no(g->a, g->no, VIDEO_MISSING, m.param, SL_STR_FMT " has to have a url.",
                            SL_STR_ARG(kinds[i].type));
        return take_role(g, item, i, &m) && video_media_url(json_plain_of(&g->t, url, g->a), g->a, &m, g->no) &&
               video_media_add(g->r, &m, g->a, g->no);
    }
    return video_no(g->a, g->no, VIDEO_BAD_VALUE, m.param,
                    "The type of an item has to be text, image_url, video_url, audio_url or draft_task.");
}

static bool take_content(struct reading *g, const struct json_node *content)
{
    unsigned i = 0;
    if (json_kind_of(content) != JSON_ARRAY || content->children == 0)
        return video_no(g->a, g->no, VIDEO_MISSING, SL_STR("content"), "content has to be an array with items.");
    for (JSON_EACH(&g->t, content, it))
        if (!take_item(g, it, i++))
            return false;
    return true;
}

static bool take_tools(struct reading *g, const struct json_node *tools)
{
    for (JSON_EACH(&g->t, tools, it)) {
        if (!json_text_is(&g->t, json_got(&g->t, it, SL_STR("type")), SL_STR("web_search")))
            return video_no(g->a, g->no, VIDEO_BAD_VALUE, SL_STR("tools"), "The only tool is web_search.");
        g->r->web_search = true;
    }
    return true;
}

static bool take_member(struct reading *g, const struct json_node *it, struct video_extra *extra)
{
    struct sl_str name = json_plain(json_key_of(&g->t, it), g->a);
    bool found = true, fine = true;
    if (sl_str_eq(name, SL_STR("content"))) {
        fine = take_content(g, it);
    } else if (sl_str_eq(name, SL_STR("tools"))) {
        fine = take_tools(g, it);
    } else {
        struct video_value value = {
            .text = video_text_of(&g->t, it, g->a), .raw = json_raw_of(&g->t, it), .kind = json_kind_of(it)};
        fine = video_member_take(members, VIDEO_COUNT(members), name, &value, g->a, g->r, &found, g->no);
    }
    if (fine && found && json_get(&g->t, json_root(&g->t), name) != it)
        return video_no(g->a, g->no, "invalid_json", name, SL_STR_FMT " stands twice in the body.", SL_STR_ARG(name));
    if (fine && !found)
        extra[g->r->n_extra++] = (struct video_extra){.name = name, .raw = json_raw_of(&g->t, it)};
    return fine;
}

bool video_ark_options(struct sl_str options, struct sl_arena *a, struct video_request *out, struct video_refusal *no)
{
    struct reading g = {.a = a, .r = out, .no = no};
    if (options.n == 0 || !json_tree_read(&g.t, options, a))
        return true;
    for (JSON_EACH(&g.t, json_root(&g.t), of)) {
        if (!video_list_has(SL_STR(ARK_OPTIONS), json_plain(json_key_of(&g.t, of), a)))
            continue;
        for (JSON_EACH(&g.t, of, it)) {
            struct sl_str name = json_plain(json_key_of(&g.t, it), a);
            struct video_value value = {
                .text = video_text_of(&g.t, it, a), .raw = json_raw_of(&g.t, it), .kind = json_kind_of(it)};
            bool found = true, taken = video_list_has(SL_STR("model,callback_url"), name);
            if (sl_str_eq(name, SL_STR("tools")) ? !take_tools(&g, it)
                : taken                          ? false
                        : !video_member_take(members, VIDEO_COUNT(members), name, &value, a, out, &found, no))
                return false;
            if (taken || !found)
                return video_no(a, no, VIDEO_UNSUPPORTED, SL_STR("provider_options"),
                                "A task of Ark has no option " SL_STR_FMT ".", SL_STR_ARG(name));
        }
    }
    return true;
}

bool video_ark_read(struct sl_str body, struct sl_arena *a, struct video_request *out, struct video_refusal *no)
{
    struct reading g = {.a = a, .r = out, .no = no};
    video_request_init(out, VIDEO_FACE_ARK, VIDEO_GENERATE);
    if (!json_tree_read(&g.t, body, a) || json_kind_of(json_root(&g.t)) != JSON_OBJECT)
        return video_no(a, no, "invalid_json", SL_STR_NONE, "The body has to be a JSON object.");
    const struct json_node *root = json_root(&g.t);
    struct video_extra *extra = sl_arena_alloc(a, (root->children + 1u) * sizeof *extra);
    for (JSON_EACH(&g.t, root, it))
        if (!take_member(&g, it, extra))
            return false;
    out->extra = extra;
    out->raw = body;
    if (json_got(&g.t, root, SL_STR("content")) == NULL)
        return video_no(a, no, VIDEO_MISSING, SL_STR("content"), "content has to be given.");
    if (out->prompt.n == 0 && out->n_media == 0 && out->draft_task.n == 0)
        return video_no(a, no, VIDEO_MISSING, SL_STR("content"), "content has to have a text, or media.");
    return video_request_done(out, a, no);
}

/* ---- answers ---- */

const char *video_ark_status(enum video_status s, enum video_reason r)
{
    switch (s) {
    case VIDEO_QUEUED:
        return "queued";
    case VIDEO_IN_PROGRESS:
        return "running";
    case VIDEO_COMPLETED:
        return "succeeded";
    case VIDEO_FAILED:
        return r == VIDEO_REASON_CANCELLED ? "cancelled" : r == VIDEO_REASON_EXPIRED ? "expired" : "failed";
    }
    return "failed";
}

static void maybe_plain(struct json_writer *w, struct sl_str name, struct sl_str text)
{
    if (text.n > 0)
        jw_member_plain(w, name, text);
}

static void write_outcome(struct json_writer *w, const struct video_view *v)
{
    bool expired = v->reason == VIDEO_REASON_EXPIRED, cancelled = v->reason == VIDEO_REASON_CANCELLED;
    if (v->status == VIDEO_FAILED && !expired && !cancelled) {
        jw_key(w, SL_STR("error"));
        jw_open(w, '{');
        jw_member_plain(w, SL_STR("code"),
                        v->upstream_error_code.n > 0 ? v->upstream_error_code : sl_str_c(video_reason_name(v->reason)));
        jw_member_plain(w, SL_STR("message"),
                        v->error_message.n > 0 ? v->error_message : SL_STR("The video could not be made."));
        jw_close(w, '}');
    }
    if (v->status != VIDEO_COMPLETED)
        return;
    jw_key(w, SL_STR("content"));
    jw_open(w, '{');
    jw_member_plain(w, SL_STR("video_url"), v->video_url);
    maybe_plain(w, SL_STR("last_frame_url"), v->last_frame_url);
    jw_close(w, '}');
    if (v->usage.tokens > 0) {
        jw_key(w, SL_STR("usage"));
        jw_open(w, '{');
        jw_member_u64(w, SL_STR("completion_tokens"), v->usage.tokens);
        jw_member_u64(w, SL_STR("total_tokens"), v->usage.tokens);
        jw_close(w, '}');
    }
}

static void write_task(struct json_writer *w, const struct video_view *v)
{
    jw_open(w, '{');
    jw_member_plain(w, SL_STR("id"), v->id);
    jw_member_plain(w, SL_STR("model"), v->model);
    jw_member_plain(w, SL_STR("status"), sl_str_c(video_ark_status(v->status, v->reason)));
    write_outcome(w, v);
    jw_member_u64(w, SL_STR("created_at"), v->created_s > 0 ? (uint64_t)v->created_s : 0);
    int64_t updated = v->updated_s > 0 ? v->updated_s : v->created_s;
    jw_member_u64(w, SL_STR("updated_at"), updated > 0 ? (uint64_t)updated : 0);
    if (v->seed != VIDEO_SEED_NONE) {
        jw_key(w, SL_STR("seed"));
        jw_i64(w, v->seed);
    }
    maybe_plain(w, SL_STR("resolution"), v->resolution);
    maybe_plain(w, SL_STR("ratio"), v->ratio);
    if (v->ms > 0)
        jw_member_u64(w, SL_STR("duration"), (uint64_t)(v->ms / VIDEO_S));
    if (v->fps > 0)
        jw_member_u64(w, SL_STR("framespersecond"), v->fps);
    if (v->audio != VIDEO_UNSAID)
        jw_member_bool(w, SL_STR("generate_audio"), v->audio == VIDEO_YES);
    maybe_plain(w, SL_STR("service_tier"), v->service_tier);
    if (v->expires_after_s > 0)
        jw_member_u64(w, SL_STR("execution_expires_after"), v->expires_after_s);
    maybe_plain(w, SL_STR("safety_identifier"), v->user);
    jw_close(w, '}');
}

void video_ark_created_write(const struct video_view *v, struct sl_buf *out)
{
    struct json_writer w = json_writer_on(out);
    jw_open(&w, '{');
    jw_member_plain(&w, SL_STR("id"), v->id);
    maybe_plain(&w, SL_STR("safety_identifier"), v->user);
    jw_close(&w, '}');
}

void video_ark_write(const struct video_view *v, struct sl_buf *out)
{
    struct json_writer w = json_writer_on(out);
    write_task(&w, v);
}

void video_ark_list_write(const struct video_view *v, unsigned n, uint64_t total, struct sl_buf *out)
{
    struct json_writer w = json_writer_on(out);
    jw_open(&w, '{');
    jw_member_u64(&w, SL_STR("total"), total);
    jw_key(&w, SL_STR("items"));
    jw_open(&w, '[');
    for (unsigned i = 0; i < n; i++)
        write_task(&w, &v[i]);
    jw_close(&w, ']');
    jw_close(&w, '}');
}

/* ---- the list's query ---- */

#define IDS_MAX 500u

static bool take_query(struct sl_str key, struct sl_str value, struct sl_arena *a, struct video_ark_list *q,
                       struct sl_str *ids, struct video_refusal *no)
{
    uint64_t n = 0;
    if (sl_str_eq(key, SL_STR("page_num")) || sl_str_eq(key, SL_STR("page_size"))) {
        bool size = sl_str_eq(key, SL_STR("page_size"));
        if (!sl_str_to_u64(value, &n) || n == 0 || n > 500)
            return video_no(a, no, VIDEO_BAD_VALUE, key, "It has to be between 1 and 500.");
        *(size ? &q->size : &q->page) = (unsigned)n;
    } else if (sl_str_eq(key, SL_STR("filter.status"))) {
        q->status = value;
    } else if (sl_str_eq(key, SL_STR("filter.model"))) {
        q->model = value;
    } else if (sl_str_eq(key, SL_STR("filter.service_tier"))) {
        q->service_tier = value;
    } else if (sl_str_eq(key, SL_STR("filter.task_ids"))) {
        if (q->n_task_ids == IDS_MAX)
            return video_no(a, no, VIDEO_BAD_VALUE, key, "At most %u ids can be asked for.", IDS_MAX);
        ids[q->n_task_ids++] = value;
    }
    return true;
}

bool video_ark_list_read(struct sl_str query, struct sl_arena *a, struct video_ark_list *out, struct video_refusal *no)
{
    struct sl_str key, raw, *ids = sl_arena_alloc(a, IDS_MAX * sizeof *ids);
    *out = (struct video_ark_list){.page = 1, .size = 20, .task_ids = ids};
    while (url_query_next(&query, &key, &raw)) {
        char *plain = sl_arena_alloc(a, raw.n + 1);
        size_t n = 0;
        if (!url_decode(raw, plain, &n) || !sl_utf8_valid(sl_str_of(plain, n)))
            return video_no(a, no, VIDEO_BAD_VALUE, SL_STR_NONE, "The query is not well-formed.");
        if (!take_query(key, sl_str_of(plain, n), a, out, ids, no))
            return false;
    }
    return true;
}
