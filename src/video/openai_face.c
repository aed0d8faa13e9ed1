/* OpenAI's /v1/videos as a face: openai.md section 14, and the members that video.md B2 adds. */
#include "video/video_int.h"

#define AT(member) offsetof(struct video_request, member)

static const struct video_member members[] = {
    {SL_STR_INIT("model"), VM_TEXT, AT(model)},
    {SL_STR_INIT("prompt"), VM_TEXT, AT(prompt)},
    {SL_STR_INIT("seconds"), VM_MS, AT(ms)},
    {SL_STR_INIT("duration"), VM_MS, AT(ms)},
    {SL_STR_INIT("size"), VM_SIZE, 0},
    {SL_STR_INIT("resolution"), VM_LOWER, AT(resolution)},
    {SL_STR_INIT("aspect_ratio"), VM_LOWER, AT(ratio)},
    {SL_STR_INIT("fps"), VM_U32, AT(fps)},
    {SL_STR_INIT("n"), VM_U32, AT(n)},
    {SL_STR_INIT("seed"), VM_SEED, AT(seed)},
    {SL_STR_INIT("negative_prompt"), VM_TEXT, AT(negative_prompt)},
    {SL_STR_INIT("audio"), VM_SAID, AT(audio)},
    {SL_STR_INIT("generate_audio"), VM_SAID, AT(audio)},
    {SL_STR_INIT("watermark"), VM_SAID, AT(watermark)},
    {SL_STR_INIT("camera_fixed"), VM_SAID, AT(camera_fixed)},
    {SL_STR_INIT("return_last_frame"), VM_SAID, AT(last_frame_wanted)},
    {SL_STR_INIT("person_generation"), VM_LOWER, AT(person_generation)},
    {SL_STR_INIT("service_tier"), VM_LOWER, AT(service_tier)},
    {SL_STR_INIT("output_format"), VM_LOWER, AT(output_format)},
    {SL_STR_INIT("user"), VM_TEXT, AT(user)},
    {SL_STR_INIT("safety_identifier"), VM_TEXT, AT(user)},
    {SL_STR_INIT("webhook_url"), VM_TEXT, AT(callback)},
    {SL_STR_INIT("provider_options"), VM_RAW, AT(options)},
};

struct reading {
    struct json_tree t;
    struct sl_arena *a;
    struct video_request *r;
    struct video_refusal *no;
    struct video_extra *extra;
};

/* {"image_url": "..."} or {"image_url": {"url"}}, {"url"}, {"file_id"}, {"b64"}, or the URL itself. */
static bool take_media(struct reading *g, const struct json_node *v, struct video_media m)
{
    static const struct sl_str names[] = {SL_STR_INIT("image_url"), SL_STR_INIT("video_url"), SL_STR_INIT("audio_url"),
                                          SL_STR_INIT("url")};
    struct sl_str url = json_plain_of(&g->t, v, g->a);
    for (size_t i = 0; i < VIDEO_COUNT(names) && url.n == 0; i++) {
        const struct json_node *one = json_got(&g->t, v, names[i]);
        if (json_kind_of(one) == JSON_OBJECT)
            one = json_got(&g->t, one, SL_STR("url"));
        url = json_plain_of(&g->t, one, g->a);
    }
    m.file_id = json_plain_of(&g->t, json_got(&g->t, v, SL_STR("file_id")), g->a);
    const struct json_node *b64 = json_got(&g->t, v, SL_STR("b64"));
    if (url.n == 0 && m.file_id.n == 0 && json_kind_of(b64) == JSON_STRING) {
        struct sl_str mime = json_plain_of(&g->t, json_got(&g->t, v, SL_STR("mime_type")), g->a);
        url = sl_arena_printf(g->a, "data:" SL_STR_FMT ";base64," SL_STR_FMT, SL_STR_ARG(mime),
                              SL_STR_ARG(json_plain_of(&g->t, b64, g->a)));
    }
    if (url.n == 0 && m.file_id.n == 0)
        return video_no(g->a, g->no, VIDEO_BAD_VALUE, m.param, SL_STR_FMT " has to have a URL or a file_id.",
                        SL_STR_ARG(m.param));
    if (url.n > 0 && !video_media_url(url, g->a, &m, g->no))
        return false;
    return video_media_add(g->r, &m, g->a, g->no);
}

static bool take_reference(struct reading *g, const struct json_node *v, unsigned index)
{
    static const struct {
        struct sl_str name;
        enum video_role role;
    } roles[] = {
        {SL_STR_INIT("first_frame"), VIDEO_FIRST_FRAME},
        {SL_STR_INIT("last_frame"), VIDEO_LAST_FRAME},
        {SL_STR_INIT("source"), VIDEO_SOURCE},
    };
    struct video_media m = {.role = VIDEO_REFERENCE, .param = sl_arena_printf(g->a, "references[%u]", index)};
    const struct json_node *type = json_got(&g->t, v, SL_STR("type")), *role = json_got(&g->t, v, SL_STR("role"));
    if (json_text_is(&g->t, type, SL_STR("video")))
        m.kind = VIDEO_MEDIA_VIDEO;
    else if (json_text_is(&g->t, type, SL_STR("audio")))
        m.kind = VIDEO_MEDIA_AUDIO;
    else if (type != NULL && !json_text_is(&g->t, type, SL_STR("image")))
        return video_no(g->a, g->no, VIDEO_BAD_VALUE, m.param, "The type of a reference is image, video or audio.");
    for (size_t i = 0; i < VIDEO_COUNT(roles); i++)
        if (json_text_is(&g->t, role, roles[i].name))
            m.role = roles[i].role;
    return take_media(g, v, m);
}

static bool take_metadata(struct reading *g, const struct json_node *v)
{
    if (json_kind_of(v) == JSON_NULL)
        return true;
    if (json_kind_of(v) != JSON_OBJECT || v->children > VIDEO_METADATA_MAX)
        return video_no(g->a, g->no, VIDEO_BAD_VALUE, SL_STR("metadata"),
                        "metadata has to be an object of at most %u strings.", VIDEO_METADATA_MAX);
    for (JSON_EACH(&g->t, v, it)) {
        if (json_kind_of(it) != JSON_STRING)
            return video_no(g->a, g->no, VIDEO_BAD_VALUE, SL_STR("metadata"), "Values of metadata have to be strings.");
        g->r->metadata[g->r->n_metadata++] = (struct video_pair){.name = json_plain(json_key_of(&g->t, it), g->a),
                                                                 .value = json_plain_of(&g->t, it, g->a)};
    }
    return true;
}

/* Members with a shape of their own. */
static bool take_special(struct reading *g, struct sl_str name, const struct json_node *v, bool *found)
{
    *found = true;
    bool nothing = json_kind_of(v) == JSON_NULL;
    if (sl_str_eq(name, SL_STR("input_reference")))
        return nothing || take_media(g, v, (struct video_media){.role = VIDEO_FIRST_FRAME, .param = name});
    if (sl_str_eq(name, SL_STR("last_frame")))
        return nothing || take_media(g, v, (struct video_media){.role = VIDEO_LAST_FRAME, .param = name});
    if (sl_str_eq(name, SL_STR("metadata")))
        return take_metadata(g, v);
    if (sl_str_eq(name, SL_STR("references"))) {
        unsigned i = 0;
        if (!nothing && json_kind_of(v) != JSON_ARRAY)
            return video_no(g->a, g->no, VIDEO_BAD_VALUE, name, "references has to be an array.");
        for (JSON_EACH(&g->t, v, it))
            if (!take_reference(g, it, i++))
                return false;
        return true;
    }
    if (sl_str_eq(name, SL_STR("video")) && g->r->work != VIDEO_GENERATE) {
        g->r->source_id = json_plain_of(&g->t, json_got(&g->t, v, SL_STR("id")), g->a);
        return g->r->source_id.n > 0 ||
               video_no(g->a, g->no, VIDEO_BAD_VALUE, name, "video has to have the id of a video.");
    }
    *found = false;
    return true;
}

static bool take_member(struct reading *g, const struct json_node *it)
{
    struct sl_str name = json_plain(json_key_of(&g->t, it), g->a);
    struct video_value value = {
        .text = video_text_of(&g->t, it, g->a), .raw = json_raw_of(&g->t, it), .kind = json_kind_of(it)};
    bool found;
    if (!take_special(g, name, it, &found))
        return false;
    if (!found && !video_member_take(members, VIDEO_COUNT(members), name, &value, g->a, g->r, &found, g->no))
        return false;
    if (!found)
        g->extra[g->r->n_extra++] = (struct video_extra){.name = name, .raw = value.raw};
    else if (json_get(&g->t, json_root(&g->t), name) != it) /* what decides has to be what is sent */
        return video_no(g->a, g->no, "invalid_json", name, SL_STR_FMT " stands twice in the body.", SL_STR_ARG(name));
    return true;
}

static bool checked(const struct video_request *r, struct sl_arena *a, struct video_refusal *no)
{
    if (r->prompt.n == 0)
        return video_no(a, no, VIDEO_MISSING, SL_STR("prompt"), "A prompt has to be given.");
    return video_request_done(r, a, no);
}

bool video_openai_read(enum video_work work, struct sl_str body, struct sl_arena *a, struct video_request *out,
                       struct video_refusal *no)
{
    struct reading g = {.a = a, .r = out, .no = no};
    video_request_init(out, VIDEO_FACE_OPENAI, work);
    if (!json_tree_read(&g.t, body, a) || json_kind_of(json_root(&g.t)) != JSON_OBJECT)
        return video_no(a, no, "invalid_json", SL_STR_NONE, "The body has to be a JSON object.");
    const struct json_node *root = json_root(&g.t);
    g.extra = sl_arena_alloc(a, (root->children + 1u) * sizeof *g.extra);
    for (JSON_EACH(&g.t, root, it)) {
        if (!take_member(&g, it))
            return false;
    }
    out->extra = g.extra;
    out->raw = body;
    return checked(out, a, no);
}

/* ---- forms ---- */

/* "input_reference[image_url]": the name before the bracket, and what is in it. */
static struct sl_str inside_of(struct sl_str *name)
{
    ptrdiff_t open = sl_str_find(*name, '[');
    if (open <= 0 || name->p[name->n - 1] != ']')
        return SL_STR_NONE;
    struct sl_str inside = sl_str_of(name->p + open + 1, name->n - (size_t)open - 2);
    *name = sl_str_head(*name, (size_t)open);
    return inside;
}

static bool field_media(const struct video_field *f, struct sl_str name, struct sl_str inside, struct sl_arena *a,
                        struct video_request *r, struct video_refusal *no)
{
    struct video_media m = {.role = sl_str_eq(name, SL_STR("last_frame")) ? VIDEO_LAST_FRAME : VIDEO_FIRST_FRAME,
                            .param = name};
    bool file = f->filename.n > 0 || (f->mime.n > 0 && !sl_str_starts(f->mime, SL_STR("text/")));
    if (file && f->value.n == 0)
        return video_no(a, no, VIDEO_BAD_VALUE, name, "The file is empty.");
    if (file) {
        m.bytes = f->value;
        m.mime = sl_str_eq(f->mime, SL_STR("image/jpg")) ? SL_STR("image/jpeg") : f->mime;
        m.kind = sl_str_starts(m.mime, SL_STR("video/")) ? VIDEO_MEDIA_VIDEO : VIDEO_MEDIA_IMAGE;
    } else if (sl_str_eq(inside, SL_STR("file_id"))) {
        m.file_id = f->value;
    } else if (!video_media_url(f->value, a, &m, no)) {
        return false;
    }
    return video_media_add(r, &m, a, no);
}

/* extra: room for one more than there are. */
static bool take_field(const struct video_field *f, struct sl_arena *a, struct video_request *r,
                       struct video_extra *extra, struct video_refusal *no)
{
    struct sl_str name = f->name, inside = inside_of(&name);
    bool found;
    if (sl_str_eq(name, SL_STR("input_reference")) || sl_str_eq(name, SL_STR("last_frame")))
        return field_media(f, name, inside, a, r, no);
    if (!sl_utf8_valid(f->value) || !sl_utf8_valid(name))
        return video_no(a, no, VIDEO_BAD_VALUE, sl_utf8_valid(name) ? name : SL_STR_NONE, "A field is not UTF-8.");
    if (sl_str_eq(name, SL_STR("metadata")) && inside.n > 0) {
        if (r->n_metadata == VIDEO_METADATA_MAX)
            return video_no(a, no, VIDEO_BAD_VALUE, name, "metadata has at most %u pairs.", VIDEO_METADATA_MAX);
        r->metadata[r->n_metadata++] = (struct video_pair){.name = inside, .value = f->value};
        return true;
    }
    if (sl_str_eq(name, SL_STR("video")) && sl_str_eq(inside, SL_STR("id"))) {
        r->source_id = f->value;
        return true;
    }
    struct video_value value = {.text = f->value, .kind = JSON_STRING};
    if (!video_member_take(members, VIDEO_COUNT(members), name, &value, a, r, &found, no))
        return false;
    if (!found)
        extra[r->n_extra++] = (struct video_extra){.name = name};
    return true;
}

bool video_openai_read_fields(enum video_work work, const struct video_field *v, unsigned n, struct sl_arena *a,
                              struct video_request *out, struct video_refusal *no)
{
    video_request_init(out, VIDEO_FACE_OPENAI, work);
    struct video_extra *extra = sl_arena_alloc(a, (n + 1u) * sizeof *extra);
    out->extra = extra;
    for (unsigned i = 0; i < n; i++)
        if (!take_field(&v[i], a, out, extra, no))
            return false;
    out->fields = v;
    out->n_fields = n;
    return checked(out, a, no);
}

/* ---- answers ---- */

static void time_or_null(struct json_writer *w, struct sl_str name, int64_t s)
{
    if (s > 0)
        jw_member_u64(w, name, (uint64_t)s);
    else
        jw_member_null(w, name);
}

/* "5", "5.04" */
static void write_seconds(struct json_writer *w, int64_t ms)
{
    char text[40];
    size_t n = sl_u64_digits((uint64_t)(ms / VIDEO_S), text);
    unsigned rest = (unsigned)(ms % VIDEO_S);
    if (rest > 0) {
        text[n++] = '.';
        for (unsigned unit = 100; unit > 0 && rest > 0; unit /= 10) {
            text[n++] = (char)('0' + rest / unit);
            rest %= unit;
        }
    }
    jw_piece_plain(w, sl_str_of(text, n));
}

static struct sl_str reason_text(const struct video_view *v)
{
    static const char *const texts[] = {
        [VIDEO_REASON_NONE] = "The video could not be made.",
        [VIDEO_REASON_POLICY] = "The request or its result was refused by the provider's content policy.",
        [VIDEO_REASON_CANCELLED] = "The video was cancelled.",
        [VIDEO_REASON_EXPIRED] = "The provider gave the video up before it was finished.",
        [VIDEO_REASON_PROVIDER] = "The provider failed to make the video.",
        [VIDEO_REASON_TIMEOUT] = "The video was not finished in time.",
        [VIDEO_REASON_UNCLEAR] = "It is not known whether the provider accepted the video.",
    };
    return v->error_message.n > 0 ? v->error_message : sl_str_c(texts[v->reason]);
}

static void write_error(struct json_writer *w, const struct video_view *v)
{
    if (v->status != VIDEO_FAILED) {
        jw_member_null(w, SL_STR("error"));
        return;
    }
    enum video_reason r = v->reason == VIDEO_REASON_NONE ? VIDEO_REASON_PROVIDER : v->reason;
    jw_key(w, SL_STR("error"));
    jw_open(w, '{');
    jw_member_plain(w, SL_STR("code"), sl_str_c(video_reason_name(r)));
    jw_member_plain(w, SL_STR("message"), reason_text(v));
    jw_close(w, '}');
}

static void maybe_plain(struct json_writer *w, struct sl_str name, struct sl_str text)
{
    if (text.n > 0)
        jw_member_plain(w, name, text);
}

/* Pico-dollars as a JSON number of dollars, exactly. */
static void write_dollars(struct json_writer *w, int64_t cost_p)
{
    char text[48];
    size_t n = sl_u64_digits((uint64_t)cost_p / UINT64_C(1000000000000), text);
    uint64_t rest = (uint64_t)cost_p % UINT64_C(1000000000000);
    if (rest > 0)
        text[n++] = '.';
    for (uint64_t unit = UINT64_C(100000000000); unit > 0 && rest > 0; unit /= 10) {
        text[n++] = (char)('0' + rest / unit);
        rest %= unit;
    }
    jw_raw(w, sl_str_of(text, n));
}

static void write_usage(struct json_writer *w, const struct video_view *v)
{
    if (!v->usage_known)
        return;
    jw_key(w, SL_STR("usage"));
    jw_open(w, '{');
    if (v->ms > 0) {
        char text[24];
        jw_key(w, SL_STR("seconds"));
        size_t n = sl_u64_digits((uint64_t)(v->ms / VIDEO_S), text);
        jw_raw(w, sl_str_of(text, n));
    }
    if (v->usage.tokens > 0)
        jw_member_u64(w, SL_STR("total_tokens"), v->usage.tokens);
    if (v->cost_p >= 0) {
        jw_key(w, SL_STR("cost"));
        write_dollars(w, v->cost_p);
        jw_member_plain(w, SL_STR("currency"), SL_STR("USD"));
    }
    jw_close(w, '}');
}

static void write_gateway(struct json_writer *w, const struct video_view *v)
{
    jw_key(w, SL_STR("gateway"));
    jw_open(w, '{');
    maybe_plain(w, SL_STR("provider"), v->provider);
    maybe_plain(w, SL_STR("upstream_model"), v->upstream_model);
    maybe_plain(w, SL_STR("upstream_status"), v->upstream_status);
    maybe_plain(w, SL_STR("upstream_error_code"), v->upstream_error_code);
    maybe_plain(w, SL_STR("resolution"), v->resolution);
    maybe_plain(w, SL_STR("ratio"), v->ratio);
    if (v->audio != VIDEO_UNSAID)
        jw_member_bool(w, SL_STR("has_audio"), v->audio == VIDEO_YES);
    if (v->seed != VIDEO_SEED_NONE) {
        jw_key(w, SL_STR("seed"));
        jw_i64(w, v->seed);
    }
    if (v->progress_estimated)
        jw_member_bool(w, SL_STR("progress_estimated"), true);
    if (v->may_be_charged)
        jw_member_plain(w, SL_STR("billing"), SL_STR("may_be_charged"));
    if (v->notes != NULL && v->notes->n > 0) {
        jw_key(w, SL_STR("warnings"));
        jw_open(w, '[');
        for (unsigned i = 0; i < v->notes->n; i++)
            jw_plain(w, v->notes->v[i]);
        jw_close(w, ']');
    }
    jw_close(w, '}');
}

static void write_size(struct json_writer *w, const struct video_view *v)
{
    char text[24];
    jw_key(w, SL_STR("size"));
    if (v->width == 0) {
        jw_null(w);
        return;
    }
    jw_string(w);
    jw_piece_plain(w, sl_str_of(text, sl_u64_digits(v->width, text)));
    jw_piece_plain(w, SL_STR("x"));
    jw_piece_plain(w, sl_str_of(text, sl_u64_digits(v->height, text)));
    jw_string_end(w);
}

static void write_video(struct json_writer *w, const struct video_view *v)
{
    int progress = v->status == VIDEO_COMPLETED ? 100 : v->progress < 0 ? 0 : v->progress > 100 ? 100 : v->progress;
    jw_open(w, '{');
    jw_member_plain(w, SL_STR("id"), v->id);
    jw_member_plain(w, SL_STR("object"), SL_STR("video"));
    jw_member_plain(w, SL_STR("model"), v->model);
    jw_member_plain(w, SL_STR("status"), sl_str_c(video_status_name(v->status)));
    jw_member_u64(w, SL_STR("progress"), (uint64_t)progress);
    jw_member_u64(w, SL_STR("created_at"), v->created_s > 0 ? (uint64_t)v->created_s : 0);
    time_or_null(w, SL_STR("completed_at"), v->completed_s);
    time_or_null(w, SL_STR("expires_at"), v->expires_s);
    jw_key(w, SL_STR("seconds"));
    jw_string(w);
    if (v->ms > 0)
        write_seconds(w, v->ms);
    else
        jw_piece_plain(w, v->ms == VIDEO_AUTO_MS ? SL_STR("auto") : SL_STR_NONE);
    jw_string_end(w);
    write_size(w, v);
    maybe_plain(w, SL_STR("prompt"), v->prompt);
    if (v->remixed_from.n > 0)
        jw_member_plain(w, SL_STR("remixed_from_video_id"), v->remixed_from);
    else
        jw_member_null(w, SL_STR("remixed_from_video_id"));
    write_error(w, v);
    write_usage(w, v);
    if (v->n_metadata > 0) {
        jw_key(w, SL_STR("metadata"));
        jw_open(w, '{');
        for (unsigned i = 0; i < v->n_metadata; i++) { /* a client's own name: it may need escaping */
            struct json_writer *m = w;
            jw_plain(m, v->metadata[i].name);
            sl_buf_addc(m->to, ':');
            m->comma = false;
            jw_plain(m, v->metadata[i].value);
        }
        jw_close(w, '}');
    }
    write_gateway(w, v);
    jw_close(w, '}');
}

void video_openai_write(const struct video_view *v, struct sl_buf *out)
{
    struct json_writer w = json_writer_on(out);
    write_video(&w, v);
}

void video_openai_list_write(const struct video_view *v, unsigned n, bool more, struct sl_buf *out)
{
    struct json_writer w = json_writer_on(out);
    jw_open(&w, '{');
    jw_member_plain(&w, SL_STR("object"), SL_STR("list"));
    jw_key(&w, SL_STR("data"));
    jw_open(&w, '[');
    for (unsigned i = 0; i < n; i++)
        write_video(&w, &v[i]);
    jw_close(&w, ']');
    if (n > 0) {
        jw_member_plain(&w, SL_STR("first_id"), v[0].id);
        jw_member_plain(&w, SL_STR("last_id"), v[n - 1].id);
    } else {
        jw_member_null(&w, SL_STR("first_id"));
        jw_member_null(&w, SL_STR("last_id"));
    }
    jw_member_bool(&w, SL_STR("has_more"), more);
    jw_close(&w, '}');
}

void video_openai_deleted_write(struct sl_str id, struct sl_buf *out)
{
    struct json_writer w = json_writer_on(out);
    jw_open(&w, '{');
    jw_member_plain(&w, SL_STR("id"), id);
    jw_member_plain(&w, SL_STR("object"), SL_STR("video.deleted"));
    jw_member_bool(&w, SL_STR("deleted"), true);
    jw_close(&w, '}');
}

void video_openai_event_write(struct sl_str event_id, const struct video_view *v, int64_t now_s, struct sl_buf *out)
{
    struct json_writer w = json_writer_on(out);
    jw_open(&w, '{');
    jw_member_plain(&w, SL_STR("id"), event_id);
    jw_member_plain(&w, SL_STR("object"), SL_STR("event"));
    jw_member_plain(&w, SL_STR("type"),
                    v->status == VIDEO_COMPLETED ? SL_STR("video.completed") : SL_STR("video.failed"));
    jw_member_u64(&w, SL_STR("created_at"), (uint64_t)now_s);
    jw_key(&w, SL_STR("data"));
    jw_open(&w, '{');
    jw_member_plain(&w, SL_STR("id"), v->id);
    jw_close(&w, '}');
    jw_close(&w, '}');
}
