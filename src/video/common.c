/* What adapters and faces share: reading numbers as providers write them, media, errors, links. */
#include "base/base64.h"
#include "dialect/error_read.h"
#include "dialect/media.h"
#include "http/url.h"
#include "video/video_int.h"

#include <stdarg.h>
#include <stdio.h>

static SL_PRINTF(2, 0) struct sl_str text_of(struct sl_arena *a, const char *format, va_list ap)
{
    char line[512];
    int n = vsnprintf(line, sizeof line, format, ap);
    size_t len = n < 0 ? 0 : (size_t)n < sizeof line ? (size_t)n : sizeof line - 1;
    while (len > 0 && !sl_utf8_valid(sl_str_of(line, len))) /* cut in the middle of a character */
        len--;
    return sl_arena_str(a, sl_str_of(line, len));
}

bool video_no(struct sl_arena *a, struct video_refusal *no, const char *code, struct sl_str param, const char *format,
              ...)
{
    va_list ap;
    va_start(ap, format);
    *no = (struct video_refusal){.code = sl_str_c(code), .param = param, .message = text_of(a, format, ap)};
    va_end(ap);
    return false;
}

void video_note(struct video_notes *notes, struct sl_arena *a, const char *format, ...)
{
    if (notes == NULL)
        return;
    if (notes->n == VIDEO_COUNT(notes->v)) {
        notes->v[notes->n - 1] = SL_STR("more than can be told here was left out");
        return;
    }
    va_list ap;
    va_start(ap, format);
    notes->v[notes->n++] = text_of(a, format, ap);
    va_end(ap);
}

bool video_leave_out(const struct video_call *c, const struct video_wish *wishes, size_t n, struct video_notes *notes,
                     struct video_refusal *no)
{
    for (size_t i = 0; i < n; i++) {
        if (!wishes[i].asked)
            continue;
        if (c->strict)
            return video_no(c->a, no, VIDEO_UNSUPPORTED, sl_str_c(wishes[i].param),
                            "This provider has no such member.");
        video_note(notes, c->a, "%s: not known to this provider, left out", wishes[i].param);
    }
    return true;
}

/* ---- numbers and texts ---- */

bool video_ms_of_text(struct sl_str text, int64_t *out)
{
    int64_t ms = 0, unit = VIDEO_S;
    bool digits = false, point = false;
    if (text.n > 1 && text.p[text.n - 1] == 's') /* protobuf's durations */
        text.n--;
    for (size_t i = 0; i < text.n; i++) {
        char ch = text.p[i];
        if (ch == '.' && !point && digits) {
            point = true;
            continue;
        }
        if (ch < '0' || ch > '9')
            return false;
        digits = true;
        if (point)
            unit /= 10;
        ms = point ? ms + (ch - '0') * unit : ms * 10 + (ch - '0') * VIDEO_S;
        if (ms > VIDEO_MS_MAX)
            return false;
    }
    if (!digits || text.p[text.n - 1] == '.')
        return false;
    *out = ms;
    return true;
}

struct sl_str video_text_of(const struct json_tree *t, const struct json_node *v, struct sl_arena *a)
{
    if (json_kind_of(v) == JSON_STRING)
        return json_plain_of(t, v, a);
    return json_kind_of(v) == JSON_NUMBER ? json_raw_of(t, v) : SL_STR_NONE;
}

int64_t video_ms_of(const struct json_tree *t, const struct json_node *v, struct sl_arena *a)
{
    int64_t ms = 0;
    return video_ms_of_text(sl_str_trim(video_text_of(t, v, a)), &ms) ? ms : 0;
}

uint64_t video_count_of(const struct json_tree *t, const struct json_node *v, struct sl_arena *a)
{
    uint64_t n = 0;
    if (json_kind_of(v) == JSON_NUMBER)
        return json_u64_of(t, v, &n) ? n : 0;
    return sl_str_to_u64(sl_str_trim(video_text_of(t, v, a)), &n) ? n : 0;
}

static int64_t days_before(int64_t y, int64_t m, int64_t d) /* of 1970-01-01; the civil calendar */
{
    y -= m <= 2;
    int64_t era = y / 400, of_era = y - era * 400, day = (153 * (m + (m > 2 ? -3 : 9)) + 2) / 5 + d - 1;
    return era * 146097 + of_era * 365 + of_era / 4 - of_era / 100 + day - 719468;
}

/* "2026-11-20T09:30:00.123Z"; fractions and the zone are not looked at: all providers say UTC. */
static int64_t rfc3339(struct sl_str s)
{
    static const char form[] = "dddd-dd-ddTdd:dd:dd";
    int64_t v[6] = {0};
    unsigned at = 0;
    if (s.n < sizeof form - 1)
        return 0;
    for (size_t i = 0; i < sizeof form - 1; i++) {
        bool digit = s.p[i] >= '0' && s.p[i] <= '9';
        if ((form[i] == 'd') != digit || (!digit && s.p[i] != form[i]))
            return 0;
        if (digit)
            v[at] = v[at] * 10 + (s.p[i] - '0');
        else
            at++;
    }
    if (v[0] < 1970 || v[1] < 1 || v[1] > 12 || v[2] < 1 || v[2] > 31)
        return 0;
    return days_before(v[0], v[1], v[2]) * 86400 + v[3] * 3600 + v[4] * 60 + v[5];
}

int64_t video_time_of(const struct json_tree *t, const struct json_node *v, struct sl_arena *a)
{
    int64_t dated = json_kind_of(v) == JSON_STRING ? rfc3339(json_plain_of(t, v, a)) : 0;
    if (dated != 0)
        return dated;
    struct sl_str text = video_text_of(t, v, a);
    ptrdiff_t point = sl_str_find(text, '.');
    if (point > 0)
        text = sl_str_head(text, (size_t)point);
    uint64_t n = 0;
    if (!sl_str_to_u64(sl_str_trim(text), &n) || n > UINT64_C(100000000000000))
        return 0;
    return (int64_t)(n >= UINT64_C(100000000000) ? n / 1000 : n);
}

const struct json_node *video_at(const struct json_tree *t, const struct json_node *of, struct sl_str path)
{
    while (of != NULL && path.n > 0) {
        struct sl_str step = sl_str_cut(&path, '.');
        ptrdiff_t bracket = sl_str_find(step, '[');
        struct sl_str name = bracket >= 0 ? sl_str_head(step, (size_t)bracket) : step;
        if (name.n > 0)
            of = json_got(t, of, name);
        if (bracket >= 0) { /* all paths are ours: "[0]" is the only index there is */
            of = json_kind_of(of) == JSON_ARRAY ? json_child(of) : NULL;
        }
    }
    return of;
}

struct sl_str video_lower(struct sl_str s, struct sl_arena *a)
{
    char *to = sl_arena_alloc(a, s.n + 1);
    for (size_t i = 0; i < s.n; i++)
        to[i] = sl_lower(s.p[i]);
    return sl_str_of(to, s.n);
}

bool video_size_of(struct sl_str text, unsigned *w, unsigned *h)
{
    uint64_t v[2] = {0, 0};
    size_t x = 0;
    text = sl_str_trim(text);
    while (x < text.n && text.p[x] >= '0' && text.p[x] <= '9')
        x++;
    bool cut = x < text.n && (sl_lower(text.p[x]) == 'x' || text.p[x] == '*' || text.p[x] == ':');
    if (!cut || !sl_str_to_u64(sl_str_head(text, x), &v[0]) || !sl_str_to_u64(sl_str_from(text, x + 1), &v[1]))
        return false;
    if (v[0] == 0 || v[1] == 0 || v[0] > 16384 || v[1] > 16384)
        return false;
    *w = (unsigned)v[0];
    *h = (unsigned)v[1];
    return true;
}

bool video_list_has(struct sl_str list, struct sl_str word)
{
    while (list.n > 0) {
        struct sl_str one = sl_str_trim(sl_str_cut(&list, ','));
        if (one.n > 0 && sl_str_eq_nocase(one, word))
            return true;
    }
    return false;
}

/* ---- media ---- */

static bool has_userinfo(struct sl_str rest) /* behind "://" */
{
    for (size_t i = 0; i < rest.n && rest.p[i] != '/' && rest.p[i] != '?' && rest.p[i] != '#'; i++)
        if (rest.p[i] == '@')
            return true;
    return false;
}

static bool data_url(struct sl_str url, struct sl_arena *a, struct video_media *m, struct video_refusal *no)
{
    struct sl_str data = sl_str_from(url, 5), head = sl_str_cut(&data, ','), mime = sl_str_cut(&head, ';');
    bool base64 = false;
    while (head.n > 0)
        base64 = sl_str_eq_nocase(sl_str_trim(sl_str_cut(&head, ';')), SL_STR("base64")) || base64;
    data = base64 ? media_base64(data, a) : SL_STR_NONE;
    if (data.n == 0)
        return video_no(a, no, VIDEO_BAD_VALUE, m->param, "A data URL has to be of base64: data:image/png;base64,...");
    m->mime = video_lower(mime, a);
    if (sl_str_eq(m->mime, SL_STR("image/jpg")))
        m->mime = SL_STR("image/jpeg");
    m->base64 = data;
    m->url = SL_STR_NONE;
    return true;
}

bool video_media_url(struct sl_str url, struct sl_arena *a, struct video_media *m, struct video_refusal *no)
{
    static const struct sl_str schemes[] = {SL_STR_INIT("https://"), SL_STR_INIT("http://"), SL_STR_INIT("asset://"),
                                            SL_STR_INIT("gs://")};
    url = sl_str_trim(url);
    if (sl_str_starts_nocase(url, SL_STR("data:")))
        return data_url(url, a, m, no);
    for (size_t i = 0; i < VIDEO_COUNT(schemes); i++) {
        if (!sl_str_starts_nocase(url, schemes[i]) || url.n == schemes[i].n)
            continue;
        if (has_userinfo(sl_str_from(url, schemes[i].n)))
            return video_no(a, no, VIDEO_BAD_VALUE, m->param, "A media URL must not have a user or password in it.");
        if (url.n > 8192 || !url_target_is_clean(url))
            break;
        m->url = url;
        return true;
    }
    return video_no(a, no, VIDEO_BAD_VALUE, m->param, "Media are given by an https URL or a data URL.");
}

bool video_media_add(struct video_request *r, const struct video_media *m, struct sl_arena *a, struct video_refusal *no)
{
    if (r->n_media == VIDEO_MEDIA_MAX)
        return video_no(a, no, VIDEO_BAD_VALUE, m->param, "At most %u media can be given.", VIDEO_MEDIA_MAX);
    r->media[r->n_media++] = *m;
    return true;
}

struct sl_str video_media_base64(const struct video_media *m, struct sl_arena *a)
{
    return m->bytes.n > 0 ? media_encode(m->bytes, a) : m->base64;
}

struct sl_str video_media_type(const struct video_media *m, struct sl_arena *a)
{
    if (m->mime.n > 0 && !sl_str_eq(m->mime, SL_STR("application/octet-stream")))
        return m->mime;
    struct sl_str head = m->bytes.n > 0 ? media_encode(sl_str_head(m->bytes, 48), a) : m->base64;
    struct sl_str seen = media_sniff(head);
    return seen.n > 0 ? seen : SL_STR("application/octet-stream");
}

void video_media_write_url(struct json_writer *w, const struct video_media *m, struct sl_arena *a)
{
    if (m->url.n > 0) {
        jw_plain(w, m->url);
        return;
    }
    jw_string(w);
    jw_piece_plain(w, SL_STR("data:"));
    jw_piece_plain(w, video_media_type(m, a));
    jw_piece_plain(w, SL_STR(";base64,"));
    jw_piece_inside(w, video_media_base64(m, a)); /* its alphabet needs no escaping */
    jw_string_end(w);
}

void video_media_write_item(struct json_writer *w, const struct video_media *m, struct sl_arena *a)
{
    static const struct sl_str types[] = {SL_STR_INIT("image_url"), SL_STR_INIT("video_url"), SL_STR_INIT("audio_url")};
    static const struct sl_str roles[] = {SL_STR_INIT("reference_image"), SL_STR_INIT("reference_video"),
                                          SL_STR_INIT("reference_audio")};
    jw_open(w, '{');
    jw_member_plain(w, SL_STR("type"), types[m->kind]);
    jw_key(w, types[m->kind]);
    jw_open(w, '{');
    jw_key(w, SL_STR("url"));
    video_media_write_url(w, m, a);
    jw_close(w, '}');
    jw_member_plain(w, SL_STR("role"),
                    m->role == VIDEO_FIRST_FRAME  ? SL_STR("first_frame")
                    : m->role == VIDEO_LAST_FRAME ? SL_STR("last_frame")
                                                  : roles[m->kind]);
    jw_close(w, '}');
}

/* ---- answers ---- */

void video_http_init(struct video_http *h, enum http_method method, struct sl_str path)
{
    *h = (struct video_http){.method = method, .path = path};
}

void video_http_json(struct video_http *h)
{
    h->content_type = SL_STR("application/json");
}

static bool has_word(struct sl_str text, const char *word)
{
    struct sl_str w = sl_str_c(word);
    for (size_t i = 0; i + w.n <= text.n; i++)
        if (sl_str_starts_nocase(sl_str_from(text, i), w))
            return true;
    return false;
}

bool video_is_policy(struct sl_str s)
{
    static const char *const telling[] = {
        "SensitiveContent", "RiskDetection", "PolicyViolation",  "content_policy", "moderation",
        "DataInspection",   "SAFETY",        "content policy",   "nsfw",           "content_filter",
        "RealPerson",       "sensitive",     "usage guidelines", "responsible ai", "blocked",
        "prohibited"};
    for (size_t i = 0; i < VIDEO_COUNT(telling); i++)
        if (has_word(s, telling[i]))
            return true;
    return false;
}

static bool is_capacity(struct sl_str code)
{
    static const char *const telling[] = {
        "RateLimit",          "rate_limit",        "TooFast", "QuotaExceeded", "Overloaded",         "ModelLoading",
        "RESOURCE_EXHAUSTED", "InflightBatchsize", "Throttl", "UNAVAILABLE",   "service_unavailable"};
    for (size_t i = 0; i < VIDEO_COUNT(telling); i++)
        if (has_word(code, telling[i]))
            return true;
    return false;
}

/* A word of error_read's is whatever stood between two quotes, perhaps of a body that was cut short: of one that is no proper string what
 * stands before its first escape. */
static struct sl_str word_plain(struct sl_str word, struct sl_arena *a)
{
    struct json_info info;
    ptrdiff_t escape = sl_str_find(word, '\\');
    if (escape < 0)
        return word;
    struct sl_str quoted = sl_arena_printf(a, "\"" SL_STR_FMT "\"", SL_STR_ARG(word));
    bool proper = quoted.n == word.n + 2 && json_scan(quoted, NULL, 0, NULL, &info) == JSON_OK;
    return proper ? json_plain(word, a) : sl_str_head(word, (size_t)escape);
}

/* What an error answer says, in anybody's words. */
static void video_trouble_read(const struct video_answer *answer, struct sl_arena *a, struct video_trouble *out)
{
    struct answer_error e = {.found = false};
    error_read(sl_str_head(answer->body, 1u << 16), answer->headers, a, &e);
    struct sl_str word = e.reason.n > 0 ? e.reason : e.code.n > 0 ? e.code : e.type;
    *out = (struct video_trouble){.code = word_plain(word, a),
                                  .message = error_message_text(&e, a),
                                  .param = word_plain(e.param, a),
                                  .status = answer->status};
    int s = answer->status;
    struct sl_str code = out->code;
    out->policy = video_is_policy(code) || video_is_policy(word_plain(e.type, a)) ||
                  (s == 400 && code.n == 0 && video_is_policy(out->message));
    out->account = s == 401 || s == 402 || s == 403 || has_word(code, "Overdue") ||
                   has_word(code, "SetLimitExceeded") || has_word(code, "AuthenticationError");
    out->capacity = !out->account && (s == 429 || is_capacity(code) || is_capacity(word_plain(e.type, a)));
    out->model_gone = !out->account && !out->policy && s == 404;
    out->invalid = s >= 400 && s < 500 && !out->policy && !out->account && !out->capacity && !out->model_gone;
}

/* Of an answer to create that has no task in it. */
static enum video_created video_not_created(const struct video_answer *answer, const struct video_trouble *why)
{
    int s = answer->status;
    bool said = why->code.n > 0 || why->message.n > 0;
    if (s >= 300 && s < 500 && s != 408 && s != 499)
        return VIDEO_NOT_CREATED;
    if (s >= 500 && said && answer->whole && why->capacity) /* it had no room, in words of its own */
        return VIDEO_NOT_CREATED;
    return VIDEO_UNCLEAR;
}

enum video_polled video_poll_failed(const struct video_answer *answer, struct sl_arena *a, struct video_trouble *why)
{
    video_trouble_read(answer, a, why);
    switch (answer->status) {
    case 404:
    case 410:
        return VIDEO_POLL_GONE;
    case 401:
    case 403:
        return VIDEO_POLL_DENIED;
    default:
        return VIDEO_POLL_AGAIN;
    }
}

bool video_create_document(const struct video_call *c, const struct video_answer *answer, struct json_tree *t,
                           struct video_job *out, struct video_trouble *why, enum video_created *no)
{
    video_job_init(out);
    *why = (struct video_trouble){.status = answer->status};
    *no = VIDEO_UNCLEAR;
    if (answer->status >= 200 && answer->status < 300)
        return json_tree_read(t, answer->body, c->a);
    video_trouble_read(answer, c->a, why);
    *no = video_not_created(answer, why);
    return false;
}

enum video_polled video_poll_task(const struct video_call *c, const struct video_answer *answer, video_read_f *read,
                                  struct video_job *out, struct video_trouble *why)
{
    struct json_tree t;
    *why = (struct video_trouble){.status = answer->status};
    video_job_init(out);
    if (answer->status != 200)
        return video_poll_failed(answer, c->a, why);
    if (!answer->whole || !json_tree_read(&t, answer->body, c->a) ||
        json_kind_of(json_get(&t, json_root(&t), SL_STR("status"))) != JSON_STRING)
        return VIDEO_POLL_AGAIN;
    read(&t, json_root(&t), c->a, out);
    out->aux = c->aux;
    return VIDEO_POLL_OK;
}

/* ---- jobs ---- */

const struct video_content *video_content_find(const struct video_job *job, enum video_part part)
{
    for (unsigned i = 0; i < job->n_content; i++)
        if (job->content[i].part == part)
            return &job->content[i];
    return NULL;
}

bool video_link_write(const struct video_job *job, enum video_part part, struct video_http *out)
{
    const struct video_content *c = video_content_find(job, part);
    if (c == NULL || c->url.n == 0)
        return false;
    video_http_init(out, HTTP_GET, SL_STR_NONE);
    out->url = c->url;
    out->keyless = true;
    return true;
}

/* Files of the Gemini API need the key. It goes to the provider's own address, whatever host the link names; other links are asked
 * for without it. */
bool video_google_file_write(const struct video_job *job, enum video_part part, struct video_http *out)
{
    const struct video_content *v = video_content_find(job, part);
    if (v == NULL)
        return false;
    struct sl_str rest = v->url;
    ptrdiff_t at = sl_str_find_str(rest, SL_STR("://"));
    rest = sl_str_from(rest, at >= 0 ? (size_t)at + 3 : 0);
    at = sl_str_find(rest, '/');
    rest = at >= 0 ? sl_str_from(rest, (size_t)at) : SL_STR_NONE;
    bool file = sl_str_starts(rest, SL_STR("/v1")) && sl_str_find_str(rest, SL_STR("/files/")) > 0 &&
                sl_str_find_str(rest, SL_STR("..")) < 0;
    if (!file)
        return video_link_write(job, part, out);
    video_http_init(out, HTTP_GET, rest);
    out->rooted = true;
    return true;
}

/* Links that nobody could ask for are none: what providers answer goes into requests of ours. */
void video_job_add(struct video_job *j, enum video_part part, struct sl_str url, struct sl_str mime)
{
    bool http = sl_str_starts_nocase(url, SL_STR("https://")) || sl_str_starts_nocase(url, SL_STR("http://"));
    if (!http || !url_target_is_clean(url) || url.n > 16384 || j->n_content == VIDEO_CONTENT_MAX)
        return;
    j->content[j->n_content++] = (struct video_content){.part = part, .url = url, .mime = mime};
}

void video_job_status(struct video_job *j, struct sl_str word)
{
    j->upstream_status = sl_str_trim(word);
    j->unknown_status = !video_status_of_word(word, &j->status, &j->reason);
    if (j->unknown_status)
        j->status = VIDEO_IN_PROGRESS;
}

static void video_settle_terms(const struct video_job *job, struct video_terms *terms)
{
    if (job->terms.resolution.n > 0)
        terms->resolution = job->terms.resolution;
    if (job->terms.width > 0) {
        terms->width = job->terms.width;
        terms->height = job->terms.height;
    }
    if (job->terms.tier.n > 0)
        terms->tier = job->terms.tier;
}

void video_settle_seconds(const struct video_job *job, struct video_units *out, struct video_terms *terms)
{
    *out = (struct video_units){.cost_p = job->usage.cost_p};
    video_settle_terms(job, terms);
    if (job->status != VIDEO_COMPLETED)
        return;
    *out = job->usage;
    out->videos = job->usage.videos > 0 ? job->usage.videos : 1;
    if (out->ms == 0 && job->ms > 0)
        out->ms = (uint64_t)job->ms * out->videos;
}

struct sl_str video_ms_param(const struct video_request *r)
{
    return r->face == VIDEO_FACE_ARK      ? SL_STR("duration")
           : r->face == VIDEO_FACE_GOOGLE ? SL_STR("durationSeconds")
                                          : SL_STR("seconds");
}

struct sl_str video_ratio_param(const struct video_request *r)
{
    return r->face == VIDEO_FACE_ARK      ? SL_STR("ratio")
           : r->face == VIDEO_FACE_GOOGLE ? SL_STR("aspectRatio")
                                          : SL_STR("aspect_ratio");
}

struct sl_str video_size_param(const struct video_request *r)
{
    return r->width > 0 ? SL_STR("size") : SL_STR("resolution");
}

/* From its name to behind its comma, or from the comma before it where it is the last. */
static void member_bytes(struct sl_str doc, const struct json_node *v, size_t *from, size_t *to)
{
    *from = v->key_at - 1;
    *to = (size_t)v->at + v->n;
    size_t behind = *to;
    while (behind < doc.n && sl_is_blank(doc.p[behind]))
        behind++;
    if (behind < doc.n && doc.p[behind] == ',') {
        *to = behind + 1;
        return;
    }
    size_t before = *from;
    while (before > 0 && sl_is_blank(doc.p[before - 1]))
        before--;
    if (before > 0 && doc.p[before - 1] == ',')
        *from = before - 1;
}

void video_splice_write(struct sl_str doc, const struct video_splice *v, unsigned n, struct sl_buf *out)
{
    size_t at = 0;
    for (unsigned i = 0; i < n; i++) {
        if (v[i].node == NULL)
            continue;
        size_t from = v[i].node->at, to = from + v[i].node->n;
        if (v[i].drop)
            member_bytes(doc, v[i].node, &from, &to);
        if (from < at) /* the one before it took its comma */
            from = at;
        sl_buf_add(out, doc.p + at, from - at);
        struct json_writer w = json_writer_on(out);
        if (!v[i].drop)
            jw_plain(&w, v[i].plain);
        at = to;
    }
    sl_buf_add(out, doc.p + at, doc.n - at);
}
