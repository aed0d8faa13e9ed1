/* See aws_stream.h. */
#include "dialect/aws_stream.h"

#include "base/base64.h"

#define FRAME_OVERHEAD 4096u /* headers, padding, the payload's own members */
#define OUT_MAX (256u << 20) /* of one slice: many frames */

bool aws_stream_is(struct sl_str content_type)
{
    return sl_str_starts_nocase(content_type, SL_STR("application/vnd.amazon.eventstream"));
}

void aws_stream_init(struct aws_stream *s, size_t max_event)
{
    size_t max = max_event > AWS_FRAME_BYTES / 2 ? 0 : max_event;
    *s = (struct aws_stream){.text = {.p = NULL}};
    aws_frames_init(&s->frames, max > 0 ? max / 3 * 4 + FRAME_OVERHEAD : 0);
    sl_buf_init(&s->text, AWS_FRAME_BYTES);
    sl_buf_init(&s->json, AWS_FRAME_BYTES);
    sl_buf_init(&s->out, OUT_MAX);
}

void aws_stream_done(struct aws_stream *s)
{
    aws_frames_done(&s->frames);
    sl_buf_done(&s->text);
    sl_buf_done(&s->json);
    sl_buf_done(&s->out);
}

/* -- Chunks ---------------------------------------------------------------------------------------------------------- */

/* The string member's bytes, decoded from base64 into s->json. */
static bool decode_bytes(struct aws_stream *s, struct sl_str doc, const struct json_member *m)
{
    struct sl_str text = json_inside(doc, m);
    size_t n = 0;
    sl_buf_reset(&s->text);
    sl_buf_reset(&s->json);
    if (m->escaped) { /* some encoders write "\/" */
        char *plain = sl_buf_room(&s->text, text.n);
        if (plain == NULL || !json_unescape(text, plain, &n))
            return false;
        text = sl_str_of(plain, n);
    }
    char *to = sl_buf_room(&s->json, text.n / 4 * 3 + 3);
    if (to == NULL || !sl_base64_decode(text, to, &n))
        return false;
    sl_buf_wrote(&s->json, n);
    return true;
}

static bool is_event_name(struct sl_str name)
{
    for (size_t i = 0; i < name.n; i++)
        if (!(sl_lower(name.p[i]) >= 'a' && sl_lower(name.p[i]) <= 'z') && name.p[i] != '_')
            return false;
    return name.n > 0 && name.n <= 64;
}

/* One line of data: line ends between JSON's tokens become blanks; in its strings there are none. */
static void add_line(struct sl_buf *out, struct sl_str json)
{
    size_t at = out->n;
    sl_buf_adds(out, json);
    for (; !out->over && at < out->n; at++)
        if (out->p[at] == '\n' || out->p[at] == '\r')
            out->p[at] = ' ';
}

/* An event without a type is none: dropped, as Anthropic's clients do. */
static bool add_chunk(struct aws_stream *s, struct sl_str payload)
{
    static const struct json_watch bytes = {SL_STR_INIT("bytes"), -1}, type = {SL_STR_INIT("type"), -1};
    struct json_member m;
    struct json_info info;
    if (json_scan(payload, &bytes, 1, &m, &info) != JSON_OK || info.root != JSON_OBJECT)
        return false;
    if (m.kind != JSON_STRING)
        return m.kind == JSON_ABSENT;
    if (!decode_bytes(s, payload, &m))
        return false;
    struct sl_str json = sl_buf_str(&s->json);
    if (json_scan(json, &type, 1, &m, &info) != JSON_OK)
        return false;
    if (m.kind != JSON_STRING || !is_event_name(json_inside(json, &m)))
        return true;
    sl_buf_adds(&s->out, SL_STR("event: "));
    sl_buf_adds(&s->out, json_inside(json, &m));
    sl_buf_adds(&s->out, SL_STR("\ndata: "));
    add_line(&s->out, json);
    sl_buf_adds(&s->out, SL_STR("\n\n"));
    return true;
}

/* -- Failures -------------------------------------------------------------------------------------------------------- */

static struct sl_str anthropic_name(struct sl_str exception)
{
    static const struct {
        struct sl_str exception, name;
    } rows[] = {
        {SL_STR_INIT("throttlingException"), SL_STR_INIT("rate_limit_error")},
        {SL_STR_INIT("serviceUnavailableException"), SL_STR_INIT("overloaded_error")},
        {SL_STR_INIT("modelNotReadyException"), SL_STR_INIT("overloaded_error")},
        {SL_STR_INIT("validationException"), SL_STR_INIT("invalid_request_error")},
        {SL_STR_INIT("accessDeniedException"), SL_STR_INIT("permission_error")},
        {SL_STR_INIT("resourceNotFoundException"), SL_STR_INIT("not_found_error")},
        {SL_STR_INIT("modelTimeoutException"), SL_STR_INIT("timeout_error")},
    };
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++)
        if (sl_str_eq_nocase(rows[i].exception, exception))
            return rows[i].name;
    return SL_STR("api_error");
}

static void add_failure(struct aws_stream *s, const struct aws_frame *f)
{
    bool named = f->name.n > 0 && is_event_name(f->name);
    static const struct json_watch message = {SL_STR_INIT("message"), -1};
    struct json_member m;
    struct json_info info;
    bool found = json_scan(f->payload, &message, 1, &m, &info) == JSON_OK && m.kind == JSON_STRING;
    sl_buf_adds(&s->out, s->plain ? SL_STR("event: error\ndata: {\"type\":\"")
                                  : SL_STR("event: error\ndata: {\"type\":\"error\",\"error\":{\"type\":\""));
    if (s->plain)
        sl_buf_adds(&s->out, named ? f->name : SL_STR("internalServerException"));
    else
        sl_buf_adds(&s->out, anthropic_name(f->name));
    sl_buf_adds(&s->out, SL_STR("\",\"message\":"));
    if (found) /* checked: a string without raw controls */
        sl_buf_adds(&s->out, json_raw(f->payload, &m));
    else
        sl_buf_add_json(&s->out, f->message.n > 0 ? f->message : f->name);
    sl_buf_adds(&s->out, s->plain ? SL_STR("}\n\n") : SL_STR("}}\n\n"));
}

/* -- Frames ---------------------------------------------------------------------------------------------------------- */

static bool add_event(struct aws_stream *s, const struct aws_frame *f)
{
    if (f->payload.n == 0 || !is_event_name(f->name))
        return true; /* of a kind that may come any day */
    sl_buf_adds(&s->out, SL_STR("event: "));
    sl_buf_adds(&s->out, f->name);
    sl_buf_adds(&s->out, SL_STR("\ndata: "));
    add_line(&s->out, f->payload);
    sl_buf_adds(&s->out, SL_STR("\n\n"));
    return true;
}

static bool add_frame(struct aws_stream *s, const struct aws_frame *f)
{
    if (f->kind == AWS_EVENT && s->plain)
        return add_event(s, f);
    if (f->kind == AWS_EVENT) /* other events may be added to the service any day */
        return !sl_str_eq(f->name, SL_STR("chunk")) || add_chunk(s, f->payload);
    add_failure(s, f);
    return true;
}

enum relay_feed aws_stream_feed(struct aws_stream *s, struct sl_str slice, struct sl_str *out_events)
{
    struct aws_frame f;
    enum aws_result r;
    sl_buf_reset(&s->out);
    while ((r = aws_frames_next(&s->frames, &slice, &f)) == AWS_FRAME) {
        if (add_frame(s, &f))
            continue;
        r = s->frames.over = AWS_BROKEN;
        break;
    }
    *out_events = sl_buf_str(&s->out);
    if (s->out.over)
        return RELAY_LIMIT;
    return r == AWS_MORE ? RELAY_MORE : r == AWS_LIMIT ? RELAY_LIMIT : RELAY_BROKEN;
}
