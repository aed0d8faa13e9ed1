/* What clients ask and what providers answer, about videos. The first line chooses: a face or a reader, and the adapter; the rest is the
 * body. "ask-openai ark MODEL", "ask-ark openai MODEL", "ask-google ark MODEL", "form ark MODEL", "made ark STATUS", "poll ark STATUS", "list ark STATUS". */
#include "base/check.h"
#include "dialect/json_scan.h"
#include "video/inline.h"
#include "video/video.h"

int LLVMFuzzerTestOneInput(const unsigned char *data, size_t n);

static void json_is_whole(struct sl_str json)
{
    struct json_info info;
    SL_CHECK(json_scan(json, NULL, 0, NULL, &info) == JSON_OK);
}

static void refused(const struct video_refusal *no)
{
    SL_CHECK(no->message.n > 0 && no->code.n > 0 && sl_utf8_valid(no->message));
}

static void ask(struct video_call *c, bool read, struct video_refusal *no)
{
    struct video_notes notes = {.n = 0};
    struct video_units units;
    struct video_terms terms;
    struct video_http http;
    struct sl_buf body;
    sl_buf_init(&body, 16u << 20);
    if (!read) {
        refused(no);
    } else if (!video_check(c, &notes, no)) {
        refused(no);
    } else {
        c->adapter->reserve(c, &units, &terms);
        SL_CHECK(units.videos > 0 && video_facts(c).n > 0);
        if (c->adapter->create_write(c, &http, &body, no)) {
            SL_CHECK(body.n > 0 && !body.over);
            if (sl_str_eq(http.content_type, SL_STR("application/json")))
                json_is_whole(sl_buf_str(&body));
        } else {
            refused(no);
        }
    }
    sl_buf_done(&body);
}

/* "name=value" a line; "name@value" is a file. */
static unsigned fields_of(struct sl_str in, struct video_field *v, unsigned most)
{
    unsigned n = 0;
    while (in.n > 0 && n < most) {
        struct sl_str line = sl_str_cut(&in, '\n');
        ptrdiff_t at = sl_str_find(line, '@');
        bool file = at > 0;
        struct sl_str name = sl_str_cut(&line, file ? '@' : '=');
        v[n++] = (struct video_field){.name = name,
                                      .value = line,
                                      .filename = file ? SL_STR("a.png") : SL_STR_NONE,
                                      .mime = file ? SL_STR("image/png") : SL_STR_NONE};
    }
    return n;
}

static void check_job(const struct video_call *c, const struct video_job *j)
{
    struct video_units units;
    struct video_terms terms = {.width = 0};
    struct video_http http;
    SL_CHECK(j->progress >= -1 && j->progress <= 100);
    SL_CHECK((j->status == VIDEO_FAILED) == (j->reason != VIDEO_REASON_NONE));
    SL_CHECK(j->ms >= 0);
    c->adapter->settle(c, j, &units, &terms);
    bool charged = j->reason == VIDEO_REASON_POLICY && sl_str_eq(sl_str_c(c->adapter->name), SL_STR("runway"));
    SL_CHECK(j->status == VIDEO_COMPLETED || charged || units.tokens + units.ms + units.videos == 0);
    for (int part = VIDEO_PART_VIDEO; part <= VIDEO_PART_LAST_FRAME; part++)
        if (c->adapter->content_write(c, j, (enum video_part)part, &http) && http.url.n > 0)
            SL_CHECK(sl_str_starts_nocase(http.url, SL_STR("http")));
}

static void answer(struct video_call *c, struct sl_str what, int status, struct sl_str body)
{
    struct video_answer in = {.status = status, .body = body, .whole = (body.n & 1) == 0};
    struct video_trouble why;
    struct video_job job;
    struct video_list list;
    bool again;
    if (sl_str_eq(what, SL_STR("made"))) {
        enum video_created made = c->adapter->create_read(c, &in, &job, &why);
        SL_CHECK(made != VIDEO_CREATED || (job.task_id.n > 0 && status >= 200 && status < 300));
        SL_CHECK(made != VIDEO_NOT_CREATED || status >= 300 || why.message.n + why.code.n > 0);
    } else if (sl_str_eq(what, SL_STR("poll"))) {
        if (c->adapter->poll_read(c, &in, &job, &why, &again) == VIDEO_POLL_OK && !again)
            check_job(c, &job);
    } else if (c->adapter->list_read != NULL && c->adapter->list_read(c, &in, &list, &why) == VIDEO_POLL_OK) {
        for (unsigned i = 0; i < list.n; i++) {
            SL_CHECK(list.v[i].task_id.n > 0);
            check_job(c, &list.v[i]);
            c->adapter->match(c, 1795000000, &list.v[i]);
        }
    }
}

/* The same whatever the slices; "inline NAME": as many bytes as its letters. */
static void pass_inline(struct sl_str body, size_t slice, struct sl_arena *a)
{
    struct video_thin t[2] = {{.n = 0}};
    struct video_unpack u[2] = {{.state = 0}};
    char *out[2] = {sl_arena_alloc(a, body.n + 1), sl_arena_alloc(a, body.n + 1)};
    size_t n[2];
    for (int kind = 0; kind < 2; kind++) {
        struct sl_str rest = body;
        n[0] = kind == 0 ? video_thin(&t[0], body, out[0]) : video_unpack(&u[0], body, out[0]);
        n[1] = 0;
        while (rest.n > 0) {
            struct sl_str some = sl_str_head(rest, slice);
            n[1] += kind == 0 ? video_thin(&t[1], some, out[1] + n[1]) : video_unpack(&u[1], some, out[1] + n[1]);
            rest = sl_str_from(rest, some.n);
        }
        SL_CHECK(n[0] <= body.n && n[0] == n[1] && memcmp(out[0], out[1], n[0]) == 0);
    }
    SL_CHECK(video_unpack_whole(&u[0]) == video_unpack_whole(&u[1]));
}

static void run(struct sl_str line, struct sl_str body, struct sl_arena *a)
{
    static struct video_request req; /* large */
    struct sl_str what = sl_str_cut(&line, ' '), name = sl_str_cut(&line, ' ');
    struct video_refusal no = {.code = SL_STR_NONE};
    struct video_call c = {.adapter = video_adapter_by_name(name),
                           .model = line,
                           .req = &req,
                           .token = SL_STR("t0k3n0t0k3n0t0k3n0"),
                           .project = SL_STR("p"),
                           .location = SL_STR("global"),
                           .task_id = SL_STR("t"),
                           .source_url = SL_STR("https://x.example/s"),
                           .source_task = SL_STR("s"),
                           .a = a};
    struct video_field fields[16];
    if (sl_str_eq(what, SL_STR("inline")))
        pass_inline(body, name.n % 9 + 1, a);
    if (c.adapter == NULL)
        return;
    if (sl_str_eq(what, SL_STR("ask-openai"))) {
        ask(&c, video_openai_read(VIDEO_GENERATE, body, a, &req, &no), &no);
    } else if (sl_str_eq(what, SL_STR("remix"))) {
        ask(&c, video_openai_read(VIDEO_EXTEND, body, a, &req, &no), &no);
    } else if (sl_str_eq(what, SL_STR("ask-ark"))) {
        ask(&c, video_ark_read(body, a, &req, &no), &no);
    } else if (sl_str_eq(what, SL_STR("ask-google"))) {
        ask(&c, video_google_read(SL_STR("m"), body, a, &req, &no), &no);
        if (video_google_fetch_read(body, a, &line, &no))
            SL_CHECK(sl_str_find(video_google_id(line), '/') < 0);
    } else if (sl_str_eq(what, SL_STR("form"))) {
        unsigned n = fields_of(body, fields, 16);
        ask(&c, video_openai_read_fields(VIDEO_GENERATE, fields, n, a, &req, &no), &no);
    } else {
        uint64_t status = 0;
        sl_str_to_u64(line, &status);
        req = (struct video_request){.seed = VIDEO_SEED_NONE, .priority = -1};
        c.model = SL_STR("m");
        answer(&c, what, (int)(status % 1000), body);
    }
}

int LLVMFuzzerTestOneInput(const unsigned char *data, size_t n)
{
    struct sl_str body = sl_str_of(data, n), line = sl_str_cut(&body, '\n');
    struct sl_arena a;
    if (line.n == 0 || line.n > 200 || !sl_utf8_valid(line))
        return 0;
    sl_arena_init(&a, NULL);
    run(line, body, &a);
    sl_arena_done(&a);
    return 0;
}
