/* See error_read.h. A walk over members, some levels deep: what stands further in is more precise than what is around it, so
 * an inner error's words come before those beside it. Looks only (json_peek.h): on bytes that are odd it keeps what it has. */
#include "dialect/error_read.h"

#include "dialect/json_peek.h"

#define LEVELS_MAX 8u /* wrapped errors seen in the wild are three deep, with two members for each */
#define NAME_MAX_N 128u

struct reader {
    struct sl_arena *a;
    unsigned level;
    size_t room; /* bytes that may still be unescaped: bounds the work of texts in texts */
};

enum said_by {
    BY_ERROR = 0, /* what the error is */
    BY_LIST,      /* the first element is */
    BY_AROUND,    /* the error is a member of it */
    BY_MESSAGE,
    BY_DETAIL,
    BY_TITLE,
    BY_TYPE,
    BY_CODE,
    BY_REASON,
    BY_STATUS,
    BY_PARAM,
    BY_DETAILS,
    BY_METADATA,
    BY_INNER,
    BY_RAW
};

static const struct member_row {
    struct sl_str name;
    enum said_by what;
} members[] = {
    {SL_STR_INIT("error"), BY_ERROR},
    {SL_STR_INIT("fault"), BY_ERROR},
    {SL_STR_INIT("errors"), BY_LIST},
    {SL_STR_INIT("response"), BY_AROUND},
    {SL_STR_INIT("x_groq"), BY_AROUND},
    {SL_STR_INIT("message"), BY_MESSAGE},
    {SL_STR_INIT("Message"), BY_MESSAGE},
    {SL_STR_INIT("msg"), BY_MESSAGE},
    {SL_STR_INIT("originalMessage"), BY_MESSAGE},
    {SL_STR_INIT("error_message"), BY_MESSAGE},
    {SL_STR_INIT("error_description"), BY_MESSAGE},
    {SL_STR_INIT("faultstring"), BY_MESSAGE},
    {SL_STR_INIT("detail"), BY_DETAIL},
    {SL_STR_INIT("title"), BY_TITLE},
    {SL_STR_INIT("type"), BY_TYPE},
    {SL_STR_INIT("__type"), BY_TYPE},
    {SL_STR_INIT("code"), BY_CODE},
    {SL_STR_INIT("errorcode"), BY_CODE},
    {SL_STR_INIT("error_code"), BY_CODE},
    {SL_STR_INIT("error_type"), BY_REASON},
    {SL_STR_INIT("reason"), BY_REASON},
    {SL_STR_INIT("status"), BY_STATUS},
    {SL_STR_INIT("status_code"), BY_STATUS},
    {SL_STR_INIT("statusCode"), BY_STATUS},
    {SL_STR_INIT("raw_status_code"), BY_STATUS},
    {SL_STR_INIT("originalStatusCode"), BY_STATUS},
    {SL_STR_INIT("param"), BY_PARAM},
    {SL_STR_INIT("details"), BY_DETAILS},
    {SL_STR_INIT("metadata"), BY_METADATA},
    {SL_STR_INIT("innererror"), BY_INNER},
    {SL_STR_INIT("raw"), BY_RAW},
};

static void read_value(struct reader *r, struct sl_str v, struct answer_error *e);

static struct sl_str skip_blanks(struct sl_str s)
{
    if (sl_str_starts(s, SL_STR("\xef\xbb\xbf")))
        s = sl_str_from(s, 3);
    while (s.n > 0 && sl_is_blank(s.p[0]))
        s = sl_str_from(s, 1);
    return s;
}

/* The next member; a value that is cut off is what there is of it. */
static bool next_member(struct json_peek *k, struct sl_str *out_value)
{
    if (!json_peek_key(k))
        return false;
    if (!json_peek_value(k, out_value))
        *out_value = sl_str_of(k->at, (size_t)(k->end - k->at));
    return true;
}

static bool first_item(struct sl_str array, struct sl_str *out_item)
{
    struct json_peek items = json_peek_at(array);
    if (!json_peek_item(&items))
        return false;
    if (!json_peek_value(&items, out_item))
        *out_item = sl_str_of(items.at, (size_t)(items.end - items.at));
    return true;
}

/* The first that is said counts. */
static void keep(struct sl_str *to, struct sl_str v)
{
    if (to->n == 0)
        *to = v;
}

/* "com.amazon.coral.service#ThrottlingException:http://internal/": only the name tells. */
static struct sl_str bare_name(struct sl_str s)
{
    ptrdiff_t hash = sl_str_find(s, '#');
    if (hash >= 0)
        s = sl_str_from(s, (size_t)hash + 1);
    s = sl_str_cut(&s, ',');
    return sl_str_head(sl_str_cut(&s, ':'), NAME_MAX_N);
}

static void keep_status(struct answer_error *e, struct sl_str word)
{
    uint64_t v = 0;
    if (e->status == 0 && word.n == 3 && sl_str_to_u64(word, &v) && v >= 400 && v <= 599)
        e->status = (int)v;
}

static void merge(struct answer_error *e, const struct answer_error *further_in)
{
    const struct answer_error around = *e;
    *e = *further_in;
    keep(&e->type, around.type);
    keep(&e->code, around.code);
    if (e->message.n == 0) {
        e->message = around.message;
        e->plain = around.plain;
    }
    keep(&e->param, around.param);
    keep(&e->reason, around.reason);
    keep(&e->quota, around.quota);
    keep(&e->delay, around.delay);
    if (e->status == 0)
        e->status = around.status;
}

/* The text of a string's inside, in the arena; empty: not proper. */
static struct sl_str unescape(struct sl_str inside, struct sl_arena *a)
{
    if (sl_str_find(inside, '\\') < 0)
        return inside;
    struct json_info info;
    struct sl_str quoted = sl_str_of(inside.p - 1, inside.n + 2); /* its quotes stand around it */
    char *p = sl_arena_alloc(a, inside.n);
    size_t n = 0;
    if (json_scan(quoted, NULL, 0, NULL, &info) != JSON_OK || !json_unescape(inside, p, &n))
        return SL_STR_NONE;
    return sl_str_of(p, n);
}

/* A text that may be an error itself, as proxies write it. */
static void dig(struct reader *r, struct sl_str inside, struct answer_error *e)
{
    struct sl_str start = skip_blanks(inside);
    if (start.n == 0 || (start.p[0] != '{' && start.p[0] != '[') || inside.n > r->room || r->level >= LEVELS_MAX)
        return;
    r->room -= inside.n;
    struct answer_error in = {.found = false};
    r->level++;
    read_value(r, skip_blanks(unescape(inside, r->a)), &in);
    r->level--;
    merge(e, &in);
}

static void read_message(struct reader *r, struct sl_str v, struct answer_error *e)
{
    struct sl_str inside = json_peek_word(v);
    if (inside.n == 0 || v.p[0] != '"')
        return;
    keep(&e->message, inside);
    dig(r, inside, e);
}

static void read_violation(struct sl_str array, struct answer_error *e)
{
    struct sl_str v, value;
    if (array.p[0] != '[' || !first_item(array, &v) || v.p[0] != '{')
        return;
    struct json_peek k = json_peek_at(v);
    while (next_member(&k, &value)) {
        if (sl_str_eq(k.key, SL_STR("quotaId")))
            keep(&e->quota, json_peek_word(value));
        else if (sl_str_eq(k.key, SL_STR("field")))
            keep(&e->param, json_peek_word(value));
    }
}

/* google.rpc.ErrorInfo, QuotaFailure, RetryInfo and BadRequest, known by their members (gemini.md 10.3). */
static void read_google_detail(struct sl_str v, struct answer_error *e)
{
    struct json_peek k = json_peek_at(v);
    struct sl_str value;
    while (next_member(&k, &value)) {
        if (sl_str_eq(k.key, SL_STR("reason")))
            keep(&e->reason, json_peek_word(value));
        else if (sl_str_eq(k.key, SL_STR("retryDelay")))
            keep(&e->delay, json_peek_word(value));
        else if (sl_str_eq(k.key, SL_STR("violations")) || sl_str_eq(k.key, SL_STR("fieldViolations")))
            read_violation(value, e);
    }
}

/* A list of Google's, or Anthropic's object with its error_code. */
static void read_details(struct reader *r, struct sl_str v, struct answer_error *e)
{
    struct sl_str item;
    if (v.p[0] == '[') {
        struct json_peek items = json_peek_at(v);
        while (json_peek_item(&items) && json_peek_value(&items, &item))
            if (item.p[0] == '{')
                read_google_detail(item, e);
        return;
    }
    if (v.p[0] != '{')
        return;
    struct json_peek k = json_peek_at(v);
    struct sl_str value;
    while (next_member(&k, &value)) {
        if (sl_str_eq(k.key, SL_STR("error_code")))
            keep(&e->reason, json_peek_word(value));
        else if (sl_str_eq(k.key, SL_STR("error")))
            read_value(r, value, e);
    }
}

/* A wrapper's own code says less than what it names beside it: kept as the reason. */
static void read_inner(struct reader *r, struct sl_str v, struct answer_error *e)
{
    struct answer_error in = {.found = false};
    read_value(r, v, &in);
    keep(&e->reason, in.reason.n > 0 ? in.reason : in.code);
    keep(&e->message, in.message);
}

/* OpenRouter: what the provider behind it said, as a text, and whose message is then only "Provider returned error". */
static void read_raw(struct reader *r, struct sl_str v, struct answer_error *e)
{
    struct sl_str inside = json_peek_word(v);
    if (inside.n == 0 || v.p[0] != '"')
        return;
    struct answer_error in = {.message = inside};
    dig(r, inside, &in);
    in.status = 0; /* another hop's */
    keep(&e->reason, in.code.n > 0 ? in.code : in.type);
    keep(&e->message, in.message);
}

static void read_word(enum said_by what, struct sl_str v, struct answer_error *e)
{
    struct sl_str word = sl_str_head(json_peek_word(v), NAME_MAX_N);
    bool digits = word.n > 0 && word.p[0] >= '0' && word.p[0] <= '9';
    switch (what) {
    case BY_TITLE:
        keep(&e->message, word);
        break;
    case BY_TYPE:
        if (!sl_str_eq(word, SL_STR("error"))) /* Anthropic's frame, and that of events */
            keep(&e->type, bare_name(word));
        break;
    case BY_CODE:
        keep(&e->code, bare_name(word));
        keep_status(e, word);
        break;
    case BY_REASON:
        keep(&e->reason, word);
        break;
    case BY_STATUS:
        keep_status(e, word);
        if (!digits)
            keep(&e->type, word); /* Google: "RESOURCE_EXHAUSTED" */
        break;
    default:
        keep(&e->param, word);
        break;
    }
}

/* in: what stands further in. */
static void read_member(struct reader *r, enum said_by what, struct sl_str v, struct answer_error *e,
                        struct answer_error *in)
{
    bool nested = v.p[0] == '{' || v.p[0] == '[';
    switch (what) {
    case BY_ERROR:
        read_value(r, v, in);
        break;
    case BY_AROUND:
    case BY_LIST:
        if (nested)
            read_value(r, v, in);
        break;
    case BY_MESSAGE:
        read_message(r, v, e);
        break;
    case BY_DETAIL: /* a text says more than the title beside it */
        read_value(r, v, in);
        break;
    case BY_DETAILS:
        if (nested)
            read_details(r, v, e);
        break;
    case BY_METADATA:
        if (nested)
            read_inner(r, v, in);
        break;
    case BY_INNER:
        if (nested)
            read_inner(r, v, e);
        break;
    case BY_RAW:
        read_raw(r, v, e);
        break;
    default:
        read_word(what, v, e);
        break;
    }
}

static void read_object(struct reader *r, struct sl_str v, struct answer_error *e)
{
    struct answer_error in = {.found = false};
    struct json_peek k = json_peek_at(v);
    struct sl_str value;
    while (next_member(&k, &value))
        for (size_t i = 0; i < sizeof members / sizeof members[0]; i++)
            if (sl_str_eq(members[i].name, k.key)) {
                read_member(r, members[i].what, value, e, &in);
                break;
            }
    merge(e, &in);
}

static void read_value(struct reader *r, struct sl_str v, struct answer_error *e)
{
    struct sl_str first;
    if (v.n == 0 || r->level >= LEVELS_MAX)
        return;
    r->level++;
    if (v.p[0] == '{')
        read_object(r, v, e);
    else if (v.p[0] != '[')
        read_message(r, v, e);
    else if (first_item(v, &first))
        read_value(r, first, e);
    r->level--;
}

/* ---- what is no JSON ---- */

static ptrdiff_t find_nocase(struct sl_str s, struct sl_str what)
{
    for (size_t i = 0; i + what.n <= s.n; i++)
        if (sl_str_starts_nocase(sl_str_from(s, i), what))
            return (ptrdiff_t)i;
    return -1;
}

/* A page says in its title what it has to say. */
static struct sl_str title_of(struct sl_str page)
{
    page = sl_str_head(page, 4 * ERROR_MESSAGE_MAX);
    ptrdiff_t at = find_nocase(page, SL_STR("<title"));
    if (at < 0)
        return SL_STR_NONE;
    page = sl_str_from(page, (size_t)at);
    sl_str_cut(&page, '>');
    return skip_blanks(sl_str_cut(&page, '<'));
}

static void read_plain(struct sl_str body, struct answer_error *e)
{
    e->plain = true;
    e->message = body.p[0] == '<' ? title_of(body) : sl_str_head(body, ERROR_MESSAGE_MAX);
}

void error_read(struct sl_str body, const struct http_headers *headers, struct sl_arena *a, struct answer_error *out)
{
    struct reader r = {.a = a, .room = 2 * body.n};
    *out = (struct answer_error){.found = false};
    if (headers != NULL) {
        const struct http_header *h = http_headers_find_name(headers, SL_STR("x-amzn-errortype"));
        if (h == NULL)
            h = http_headers_find_name(headers, SL_STR("x-ms-error-code"));
        if (h != NULL)
            out->code = bare_name(h->value);
    }
    body = skip_blanks(body);
    if (body.n > 0 && (body.p[0] == '{' || body.p[0] == '[' || body.p[0] == '"'))
        read_value(&r, body, out);
    else if (body.n > 0)
        read_plain(body, out);
    out->message = sl_str_head(out->message, ERROR_MESSAGE_MAX);
    out->found = out->type.n > 0 || out->code.n > 0 || out->message.n > 0 || out->reason.n > 0 || out->status > 0;
}

/* The last bytes of a message that was cut to ERROR_MESSAGE_MAX may be half an escape or half a character. */
#define HALF_MAX 12u

struct sl_str error_message_text(const struct answer_error *e, struct sl_arena *a)
{
    struct sl_str m = sl_str_head(e->message, ERROR_MESSAGE_MAX);
    char *quoted = sl_arena_alloc(a, m.n + 2), *text = sl_arena_alloc(a, m.n + 1);
    for (size_t half = 0; half <= HALF_MAX && half < m.n; half++) {
        struct json_info info;
        size_t n = m.n - half;
        if (e->plain && sl_utf8_valid(sl_str_head(m, n)))
            return sl_str_head(m, n);
        quoted[0] = quoted[n + 1] = '"';
        memcpy(quoted + 1, m.p, n);
        if (json_scan(sl_str_of(quoted, n + 2), NULL, 0, NULL, &info) == JSON_OK &&
            json_unescape(sl_str_of(quoted + 1, n), text, &n))
            return sl_str_of(text, n);
    }
    return SL_STR_NONE;
}
