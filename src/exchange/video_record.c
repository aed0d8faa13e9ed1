/* What is kept of a video job as JSON: what was asked for and what the provider said last, as far as clients, the desk and the
 * download need it. The form is ours alone, and members may be added: who reads takes what is there. Pure. */
#include "dialect/json_tree.h"
#include "exchange/video_int.h"

/* ---- writing ---- */

void video_json_comma(struct sl_buf *out)
{
    if (out->n > 0 && out->p[out->n - 1] != '{' && out->p[out->n - 1] != '[')
        sl_buf_addc(out, ',');
}

void video_json_text(struct sl_buf *out, const char *name, struct sl_str v)
{
    if (v.n == 0)
        return;
    video_json_comma(out);
    sl_buf_addf(out, "\"%s\":", name);
    sl_buf_add_json(out, v);
}

static void number(struct sl_buf *out, const char *name, int64_t v, int64_t unless)
{
    if (v == unless)
        return;
    video_json_comma(out);
    sl_buf_addf(out, "\"%s\":%lld", name, (long long)v);
}

static void pairs(struct sl_buf *out, const struct video_request *r)
{
    if (r->n_metadata == 0)
        return;
    video_json_comma(out);
    sl_buf_adds(out, SL_STR("\"meta\":["));
    for (unsigned i = 0; i < r->n_metadata; i++) {
        video_json_comma(out);
        sl_buf_add_json(out, r->metadata[i].name);
        sl_buf_addc(out, ',');
        sl_buf_add_json(out, r->metadata[i].value);
    }
    sl_buf_addc(out, ']');
}

static void notes_of(struct sl_buf *out, const struct video_notes *notes)
{
    if (notes == NULL || notes->n == 0)
        return;
    video_json_comma(out);
    sl_buf_adds(out, SL_STR("\"notes\":["));
    for (unsigned i = 0; i < notes->n; i++) {
        video_json_comma(out);
        sl_buf_add_json(out, notes->v[i]);
    }
    sl_buf_addc(out, ']');
}

static bool begins_with_frame(const struct video_request *r)
{
    for (unsigned i = 0; i < r->n_media; i++)
        if (r->media[i].role == VIDEO_FIRST_FRAME)
            return true;
    return false;
}

void video_asked_write(const struct video_request *r, const struct video_notes *notes, bool prompts,
                       struct sl_str remixed_from, struct sl_buf *out)
{
    sl_buf_addc(out, '{');
    video_json_text(out, "prompt", prompts ? r->prompt : SL_STR_NONE);
    number(out, "ms", r->ms, 0);
    number(out, "width", r->width, 0);
    number(out, "height", r->height, 0);
    video_json_text(out, "resolution", r->resolution);
    video_json_text(out, "ratio", r->ratio);
    number(out, "fps", r->fps, 0);
    number(out, "seed", r->seed, VIDEO_SEED_NONE);
    number(out, "audio", r->audio, VIDEO_UNSAID);
    video_json_text(out, "tier", r->service_tier);
    video_json_text(out, "user", prompts ? r->user : SL_STR_NONE);
    number(out, "expires_after", r->expires_after_s, 0);
    video_json_text(out, "remixed_from", remixed_from);
    number(out, "ark", r->face == VIDEO_FACE_ARK, 0);
    number(out, "framed", begins_with_frame(r), 0);
    pairs(out, r);
    notes_of(out, notes);
    sl_buf_addc(out, '}');
}

static void contents(struct sl_buf *out, const struct video_job *j)
{
    if (j->n_content == 0)
        return;
    video_json_comma(out);
    sl_buf_adds(out, SL_STR("\"content\":["));
    for (unsigned i = 0; i < j->n_content; i++) {
        const struct video_content *c = &j->content[i];
        video_json_comma(out);
        sl_buf_addc(out, '{');
        number(out, "part", c->part, -1);
        video_json_text(out, "url", c->url);
        video_json_text(out, "mime", c->mime);
        number(out, "expires", c->expires_s, 0);
        number(out, "bytes", (int64_t)c->bytes, 0);
        sl_buf_addc(out, '}');
    }
    sl_buf_addc(out, ']');
}

void video_result_write(const struct video_job *j, struct sl_buf *out)
{
    const struct video_units *u = &j->usage;
    sl_buf_addc(out, '{');
    video_json_text(out, "aux", j->aux);
    video_json_text(out, "said", j->upstream_status);
    number(out, "reason", j->reason, VIDEO_REASON_NONE);
    number(out, "ms", j->ms, 0);
    number(out, "width", j->terms.width, 0);
    number(out, "height", j->terms.height, 0);
    video_json_text(out, "resolution", j->terms.resolution);
    video_json_text(out, "tier", j->terms.tier);
    number(out, "audio", j->terms.audio, 0);
    video_json_text(out, "ratio", j->ratio);
    number(out, "fps", j->fps, 0);
    number(out, "seed", j->seed, VIDEO_SEED_NONE);
    number(out, "expires", j->expires_s, 0);
    number(out, "tokens", (int64_t)u->tokens, 0);
    number(out, "out_ms", (int64_t)u->ms, 0);
    number(out, "in_ms", (int64_t)u->input_ms, 0);
    number(out, "videos", (int64_t)u->videos, 0);
    number(out, "searches", (int64_t)u->searches, 0);
    number(out, "units", (int64_t)u->units, 0);
    contents(out, j);
    sl_buf_addc(out, '}');
}

/* ---- reading ---- */

struct reading {
    struct json_tree t;
    const struct json_node *at;
    struct sl_arena *a;
};

static bool open_json(struct reading *r, struct sl_str json, struct sl_arena *a)
{
    r->a = a;
    r->at = NULL;
    if (json.n == 0 || !json_tree_read(&r->t, json, a))
        return false;
    r->at = json_root(&r->t);
    return json_kind_of(r->at) == JSON_OBJECT;
}

static struct sl_str get_text(const struct reading *r, const char *name)
{
    return json_plain_of(&r->t, json_got(&r->t, r->at, sl_str_c(name)), r->a);
}

static int64_t get_number(const struct reading *r, const char *name, int64_t otherwise)
{
    struct sl_str raw = json_get_raw(&r->t, r->at, sl_str_c(name));
    bool minus = raw.n > 0 && raw.p[0] == '-';
    uint64_t v = 0;
    if (!sl_str_to_u64(sl_str_from(raw, minus), &v) || v > INT64_MAX)
        return otherwise;
    return minus ? -(int64_t)v : (int64_t)v;
}

static uint64_t get_count(const struct reading *r, const char *name)
{
    int64_t v = get_number(r, name, 0);
    return v > 0 ? (uint64_t)v : 0;
}

void video_asked_read(struct sl_str json, struct sl_arena *a, struct video_request *out)
{
    struct reading r;
    *out = (struct video_request){.seed = VIDEO_SEED_NONE, .priority = -1};
    if (!open_json(&r, json, a))
        return;
    out->prompt = get_text(&r, "prompt");
    out->ms = get_number(&r, "ms", 0);
    out->width = (unsigned)get_count(&r, "width");
    out->height = (unsigned)get_count(&r, "height");
    out->resolution = get_text(&r, "resolution");
    out->ratio = get_text(&r, "ratio");
    out->fps = (uint32_t)get_count(&r, "fps");
    out->seed = get_number(&r, "seed", VIDEO_SEED_NONE);
    out->audio = (enum video_said)(get_count(&r, "audio") % 3);
    out->service_tier = get_text(&r, "tier");
    out->user = get_text(&r, "user");
    out->expires_after_s = (uint32_t)get_count(&r, "expires_after");
    out->n_media = get_number(&r, "framed", 0) == 1; /* which tells where some providers have its task */
    out->media[0].role = VIDEO_FIRST_FRAME;
}

bool video_asked_in_ark(struct sl_str json, struct sl_arena *a)
{
    struct reading r;
    return open_json(&r, json, a) && get_number(&r, "ark", 0) == 1;
}

static void read_contents(struct reading *r, struct video_job *out)
{
    const struct json_node *list = json_get(&r->t, r->at, SL_STR("content"));
    for (JSON_EACH(&r->t, list, it)) {
        struct reading one = *r;
        one.at = it;
        if (out->n_content == VIDEO_CONTENT_MAX)
            break;
        out->content[out->n_content++] = (struct video_content){
            .part = (enum video_part)(get_count(&one, "part") % (VIDEO_PART_LAST_FRAME + 1)),
            .url = get_text(&one, "url"),
            .mime = get_text(&one, "mime"),
            .expires_s = get_number(&one, "expires", 0),
            .bytes = get_count(&one, "bytes"),
        };
    }
}

void video_result_read(struct sl_str json, struct sl_arena *a, struct video_job *out)
{
    struct reading r;
    video_job_init(out);
    if (!open_json(&r, json, a))
        return;
    out->aux = get_text(&r, "aux");
    out->upstream_status = get_text(&r, "said");
    out->reason = (enum video_reason)(get_count(&r, "reason") % (VIDEO_REASON_UNCLEAR + 1));
    out->ms = get_number(&r, "ms", 0);
    out->terms.width = (unsigned)get_count(&r, "width");
    out->terms.height = (unsigned)get_count(&r, "height");
    out->terms.resolution = get_text(&r, "resolution");
    out->terms.tier = get_text(&r, "tier");
    out->terms.audio = get_count(&r, "audio") == 1;
    out->ratio = get_text(&r, "ratio");
    out->fps = (uint32_t)get_count(&r, "fps");
    out->seed = get_number(&r, "seed", VIDEO_SEED_NONE);
    out->expires_s = get_number(&r, "expires", 0);
    out->usage.tokens = get_count(&r, "tokens");
    out->usage.ms = get_count(&r, "out_ms");
    out->usage.input_ms = get_count(&r, "in_ms");
    out->usage.videos = get_count(&r, "videos");
    out->usage.searches = get_count(&r, "searches");
    out->usage.units = get_count(&r, "units");
    read_contents(&r, out);
}

/* ---- copies ---- */

void video_copy_write(const struct video_copy *c, struct sl_buf *out)
{
    sl_buf_addc(out, '[');
    for (unsigned i = 0; i < c->n; i++) {
        sl_buf_adds(out, i > 0 ? SL_STR(",{") : SL_STR("{"));
        number(out, "part", (int64_t)c->v[i].part, -1);
        number(out, "bytes", (int64_t)c->v[i].bytes, -1);
        video_json_text(out, "sum", c->v[i].sum);
        video_json_text(out, "type", c->v[i].type);
        video_json_text(out, "etag", c->v[i].etag);
        sl_buf_addc(out, '}');
    }
    sl_buf_addc(out, ']');
}

void video_copy_read(struct sl_str json, struct sl_arena *a, struct video_copy *out)
{
    struct reading r = {.a = a};
    *out = (struct video_copy){0};
    if (json.n == 0 || !json_tree_read(&r.t, json, a))
        return;
    for (JSON_EACH(&r.t, json_root(&r.t), it)) {
        struct reading one = r;
        one.at = it;
        if (out->n == VIDEO_CONTENT_MAX)
            break;
        out->v[out->n++] = (struct video_copied){
            .part = (enum video_part)(get_count(&one, "part") % (VIDEO_PART_LAST_FRAME + 1)),
            .bytes = get_count(&one, "bytes"),
            .sum = get_text(&one, "sum"),
            .type = get_text(&one, "type"),
            .etag = get_text(&one, "etag"),
        };
    }
}

struct sl_str video_copy_name(struct sl_str id, enum video_part part, struct sl_arena *a)
{
    return sl_arena_printf(a, SL_STR_FMT ".%s", SL_STR_ARG(id), video_part_name(part));
}

bool video_keeps_nothing(const struct snapshot *s, struct sl_str tenant, struct sl_str provider)
{
    if (!tenant_may_store(s, tenant))
        return true;
    for (size_t i = 0; i < s->n_providers; i++)
        if (sl_str_eq(s->providers[i].provider.name, provider) && s->providers[i].keeps_nothing)
            return true;
    return s->set.stored.off;
}

/* ---- what a client sees ---- */

bool video_state_is_over(enum store_video_state s)
{
    return s >= STORE_VIDEO_COMPLETED;
}

static enum video_status status_of(enum store_video_state s)
{
    if (s == STORE_VIDEO_COMPLETED)
        return VIDEO_COMPLETED;
    if (video_state_is_over(s))
        return VIDEO_FAILED;
    return s == STORE_VIDEO_RUNS ? VIDEO_IN_PROGRESS : VIDEO_QUEUED;
}

static enum video_reason reason_of(const struct store_video *row)
{
    enum video_reason r = VIDEO_REASON_NONE;
    if (!video_state_is_over(row->state) || row->state == STORE_VIDEO_COMPLETED)
        return VIDEO_REASON_NONE;
    if (row->state == STORE_VIDEO_CANCELLED)
        return VIDEO_REASON_CANCELLED;
    if (row->state == STORE_VIDEO_EXPIRED)
        return VIDEO_REASON_EXPIRED;
    return video_reason_of_name(row->error_code, &r) ? r : VIDEO_REASON_PROVIDER;
}

/* What providers tell no progress of goes by the time: half of what is left in each minute, never to the end. */
static int estimate(const struct store_video *row, int64_t wall_ns)
{
    int64_t s = (wall_ns - (row->sent_ns > 0 ? row->sent_ns : row->made_ns)) / SL_SEC;
    int left = 95;
    for (; s >= 60 && left > 1; s -= 60)
        left /= 2;
    if (s > 0 && s < 60)
        left -= (int)(left * s / 120);
    return 95 - left;
}

static void read_pairs(struct reading *r, struct video_view *out)
{
    const struct json_node *list = json_get(&r->t, r->at, SL_STR("meta"));
    struct video_pair *v = sl_arena_alloc(r->a, VIDEO_METADATA_MAX * sizeof *v);
    unsigned n = 0;
    for (JSON_EACH(&r->t, list, it)) {
        if (n == 2 * VIDEO_METADATA_MAX)
            break;
        struct sl_str s = json_plain_of(&r->t, it, r->a);
        if (n % 2 == 0)
            v[n / 2].name = s;
        else
            v[n / 2].value = s;
        n++;
    }
    out->metadata = v;
    out->n_metadata = n / 2;
}

static void read_notes(struct reading *r, struct video_view *out)
{
    const struct json_node *list = json_get(&r->t, r->at, SL_STR("notes"));
    struct video_notes *notes = SL_ARENA_NEW(r->a, struct video_notes);
    for (JSON_EACH(&r->t, list, it))
        if (notes->n < sizeof notes->v / sizeof notes->v[0])
            notes->v[notes->n++] = json_plain_of(&r->t, it, r->a);
    out->notes = notes->n > 0 ? notes : NULL;
}

static struct sl_str either(struct sl_str a, struct sl_str b)
{
    return a.n > 0 ? a : b;
}

/* What was asked stands until the provider has said what it really made. */
static void fill_shape(struct video_view *v, const struct video_request *asked, const struct video_job *made)
{
    bool real = made->terms.width > 0 && made->terms.height > 0;
    v->ms = made->ms > 0 ? made->ms : asked->ms;
    v->fps = made->fps > 0 ? made->fps : asked->fps;
    v->width = real ? made->terms.width : asked->width;
    v->height = real ? made->terms.height : asked->height;
    v->resolution = either(made->terms.resolution, asked->resolution);
    v->ratio = either(made->ratio, asked->ratio);
    v->audio = made->terms.audio ? VIDEO_YES : asked->audio;
    v->seed = made->seed != VIDEO_SEED_NONE ? made->seed : asked->seed;
    v->service_tier = either(made->terms.tier, asked->service_tier);
}

void video_view_of(const struct store_video *row, int64_t wall_ns, struct sl_arena *a, struct video_view *out)
{
    struct video_request *asked = SL_ARENA_NEW(a, struct video_request);
    struct video_job made;
    struct reading r;
    video_asked_read(row->request, a, asked);
    video_result_read(row->result, a, &made);
    bool done = row->state == STORE_VIDEO_COMPLETED;
    *out = (struct video_view){
        .id = row->id,
        .model = row->model,
        .prompt = asked->prompt,
        .status = status_of(row->state),
        .reason = reason_of(row),
        .error_message = row->error_text,
        .progress = done                                    ? 100
                    : video_state_is_over(row->state)       ? 0
                    : row->progress >= 0                    ? row->progress
                    : status_of(row->state) == VIDEO_QUEUED ? 0
                                                            : estimate(row, wall_ns),
        .progress_estimated = !video_state_is_over(row->state) && row->progress < 0,
        .may_be_charged = row->state == STORE_VIDEO_CANCELLED && !row->settled,
        .created_s = row->made_ns / SL_SEC,
        .updated_s = (row->ended_ns > 0 ? row->ended_ns : row->made_ns) / SL_SEC,
        .completed_s = row->ended_ns / SL_SEC,
        .expires_s = done && row->links_ns > 0 ? row->links_ns / SL_SEC : 0,
        .provider = row->provider,
        .upstream_model = row->target,
        .upstream_status = made.upstream_status,
        .user = asked->user,
        .expires_after_s = asked->expires_after_s,
        .usage_known = done,
        .usage = made.usage,
        .cost_p = row->settled ? row->cost_p : -1,
    };
    fill_shape(out, asked, &made);
    if (!open_json(&r, row->request, a))
        return;
    out->remixed_from = get_text(&r, "remixed_from");
    read_pairs(&r, out);
    read_notes(&r, out);
}
