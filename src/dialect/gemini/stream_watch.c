/* What an event of a stream is, looked at in passing; the event itself goes on as bytes. gemini.md 8 (November 2026). There is no
 * terminator: a finishReason, or the reason why a prompt was blocked, makes an end an end. Usage grows from event to event, and a
 * count may be missing later, so what was seen of it is kept in the stream's memo. */
#include "dialect/gemini/gemini_int.h"

#include "dialect/json_peek.h"

_Static_assert(sizeof(struct gem_usage) <= STREAM_MEMO_BYTES, "the memo holds a report");

struct watching {
    struct stream_event *e;
    struct stream_memo *memo;
    bool candidates, any_candidate, error;
};

#define KEY_IS(k, text) sl_str_eq((k)->key, SL_STR(text))

static bool skip(struct json_peek *k)
{
    struct sl_str ignored;
    return json_peek_value(k, &ignored);
}

static bool is_text(struct sl_str v)
{
    return v.n > 2 && v.p[0] == '"';
}

static void note_says(struct stream_event *e, enum stream_says says, struct sl_str text)
{
    if (says == SAYS_TEXT && e->says == SAYS_TEXT)
        says = SAYS_MORE;
    if (says == SAYS_TEXT)
        e->text = text;
    if (says > e->says)
        e->says = says;
}

static bool is_picture(struct sl_str blob)
{
    struct json_peek k = json_peek_at(blob);
    struct sl_str v;
    while (json_peek_key(&k) && json_peek_value(&k, &v))
        if (KEY_IS(&k, "mimeType") || KEY_IS(&k, "mime_type"))
            return sl_str_starts_nocase(v, SL_STR("\"image/"));
    return false;
}

/* Output is what stands in a part, but its signature and whether it is a thought. */
static bool watch_part(struct watching *w, struct json_peek *outer)
{
    struct json_peek k = json_peek_enter(outer);
    struct sl_str v, text = SL_STR_NONE;
    bool thought = false, more = false, picture = false;
    while (json_peek_key(&k) && json_peek_value(&k, &v)) {
        picture |= v.p[0] == '{' && (KEY_IS(&k, "inlineData") || KEY_IS(&k, "inline_data")) && is_picture(v);
        thought |= KEY_IS(&k, "thought") && v.p[0] == 't';
        if (KEY_IS(&k, "thoughtSignature") || KEY_IS(&k, "thought"))
            continue;
        more |= (is_text(v) && !KEY_IS(&k, "text")) || v.p[0] == '{';
        if (is_text(v)) {
            w->e->output_bytes += (uint32_t)(v.n - 2);
            text = sl_str_of(v.p + 1, v.n - 2);
        } else if (v.p[0] == '{') {
            w->e->output_bytes += (uint32_t)v.n;
        }
    }
    w->e->images += picture && !thought;
    note_says(w->e, more ? SAYS_MORE : text.n == 0 ? SAYS_NOTHING : thought ? SAYS_THOUGHT : SAYS_TEXT, text);
    return json_peek_leave(outer, &k);
}

static bool watch_parts(struct watching *w, struct json_peek *outer)
{
    struct json_peek k = json_peek_enter(outer);
    bool good = true;
    while (good && json_peek_item(&k))
        good = json_peek_opens(&k, '{') ? watch_part(w, &k) : skip(&k);
    return json_peek_leave(outer, &k) && good;
}

static bool watch_content(struct watching *w, struct json_peek *outer)
{
    struct json_peek k = json_peek_enter(outer);
    bool good = true;
    while (good && json_peek_key(&k))
        good = KEY_IS(&k, "parts") && json_peek_opens(&k, '[') ? watch_parts(w, &k) : skip(&k);
    return json_peek_leave(outer, &k) && good;
}

static bool watch_candidate(struct watching *w, struct json_peek *outer)
{
    struct json_peek k = json_peek_enter(outer);
    struct sl_str v;
    bool good = true;
    while (good && json_peek_key(&k)) {
        if (KEY_IS(&k, "content") && json_peek_opens(&k, '{')) {
            good = watch_content(w, &k);
        } else {
            good = json_peek_value(&k, &v);
            if (good && KEY_IS(&k, "finishReason"))
                w->e->finish |= is_text(v) || (v.p[0] >= '1' && v.p[0] <= '9');
        }
    }
    return json_peek_leave(outer, &k) && good;
}

static bool watch_candidates(struct watching *w, struct json_peek *outer)
{
    struct json_peek k = json_peek_enter(outer);
    bool good = true;
    w->candidates = true;
    while (good && json_peek_item(&k)) {
        w->any_candidate = true;
        good = json_peek_opens(&k, '{') ? watch_candidate(w, &k) : skip(&k);
    }
    return json_peek_leave(outer, &k) && good;
}

static void watch_usage(struct watching *w, struct sl_str object)
{
    struct gem_usage u = {.found = false};
    if (w->memo != NULL && w->memo->filler)
        memcpy(&u, w->memo->bytes, sizeof u);
    gem_usage_add(&u, object);
    w->e->usage = gem_usage_counts(&u);
    w->e->has_usage = u.found;
    if (w->memo == NULL)
        return;
    memcpy(w->memo->bytes, &u, sizeof u);
    w->memo->filler = true;
}

static bool watch_feedback(struct watching *w, struct sl_str object)
{
    struct json_peek k = json_peek_at(object);
    struct sl_str v;
    while (json_peek_key(&k) && json_peek_value(&k, &v))
        if (KEY_IS(&k, "blockReason"))
            w->e->finish |= is_text(v) || (v.p[0] >= '1' && v.p[0] <= '9');
    return k.closed;
}

static bool watch_member(struct watching *w, struct json_peek *k)
{
    struct sl_str v;
    if (KEY_IS(k, "candidates") && json_peek_opens(k, '['))
        return watch_candidates(w, k);
    if (!json_peek_value(k, &v))
        return false;
    if (KEY_IS(k, "usageMetadata"))
        watch_usage(w, v);
    else if (KEY_IS(k, "promptFeedback") && v.p[0] == '{')
        return watch_feedback(w, v);
    else if (KEY_IS(k, "error") && !json_peek_is_null(v)) {
        w->error = true;
        gem_error_look(v, &w->e->error);
    }
    return true;
}

static bool watch_object(struct watching *w, struct json_peek k)
{
    bool good = true;
    while (good && json_peek_key(&k))
        good = watch_member(w, &k);
    return good && k.closed;
}

static enum stream_kind kind_of(const struct watching *w)
{
    if (w->e->output_bytes > 0)
        return SK_CONTENT;
    if (w->e->finish)
        return SK_FINISH;
    if (w->any_candidate)
        return SK_ROLE;
    if (w->e->has_usage)
        return SK_USAGE;
    return w->candidates ? SK_ROLE : SK_OTHER;
}

void gemini_stream_watch(struct stream_memo *memo, struct sl_str event, struct sl_str data, struct stream_event *out)
{
    struct watching w = {.e = out, .memo = memo};
    (void)event;
    *out = (struct stream_event){.kind = SK_OTHER};
    if (data.n == 0) {
        out->kind = SK_EMPTY;
        return;
    }
    bool understood = false;
    if (data.p[0] == '{') {
        understood = watch_object(&w, json_peek_at(data));
    } else if (data.p[0] == '[') { /* an error may come in a list */
        struct json_peek list = json_peek_at(data);
        if (json_peek_item(&list) && json_peek_opens(&list, '{'))
            understood = watch_object(&w, json_peek_enter(&list));
    }
    if (w.error)
        out->kind = SK_ERROR;
    else if (understood)
        out->kind = kind_of(&w);
    else
        out->finish = false; /* half understood: no end */
}
