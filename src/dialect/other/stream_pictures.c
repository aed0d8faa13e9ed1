/* Streams of pictures. Gemini: thoughts have pictures, too, which a client that wants partial ones gets as such; the picture itself,
 * then a finishReason and what it cost. Seedream: an event for each picture that was made or failed, one with the usage, [DONE]. */
#include "dialect/other/stream_int.h"

#include "dialect/error_read.h"

#define KEPT_SCANNER (1u << 20) /* of an event that is gone: more is given back */

static bool wants_more_partials(const struct other_stream *s)
{
    return s->partial < s->t->partials;
}

/* The picture that waits goes out. */
static void tell(struct other_stream *s, const struct token_counts *usage)
{
    if (s->kept.n == 0)
        return;
    other_image_end(usage, &s->kept);
    if (s->out.n == 0) {
        struct sl_buf empty = s->out;
        s->out = s->kept;
        s->kept = empty;
    } else {
        sl_buf_adds(&s->out, sl_buf_str(&s->kept));
    }
    sl_buf_reset(&s->kept);
}

static void take_partial(struct other_stream *s, struct sl_str raw)
{
    if (!wants_more_partials(s))
        return;
    const struct other_image i = {.name = "b64_json", .raw = raw, .partial = (int)s->partial++};
    other_image_begin(s->t, &i, &s->out);
    other_image_end(NULL, &s->out);
}

/* Of several the last one tells what all have cost. */
static void take_picture(struct other_stream *s, const char *name, struct sl_str raw, struct sl_str size)
{
    const struct token_counts nothing = {.found = true};
    const struct other_image i = {.name = name, .raw = raw, .size = size, .partial = -1};
    tell(s, &nothing);
    other_image_begin(s->t, &i, &s->kept);
    s->state.images++;
    s->pictures++;
    s->state.output_bytes++;
}

static bool is_text(const struct json_node *v)
{
    return json_kind_of(v) == JSON_STRING && v->n > 2;
}

/* Whatever is still to come is told with what is known now. */
static bool finish(struct other_stream *s)
{
    s->finished = true;
    if (s->pictures > 0)
        s->state.saw_finish = true;
    else if (s->first.found)
        other_stream_fails(s, &s->first);
    if (s->state.usage.found)
        tell(s, &s->state.usage);
    return !s->state.saw_error && !s->broken;
}

/* ---- Gemini ---- */

static void take_candidate(struct other_stream *s, const struct json_tree *t, const struct json_node *candidate)
{
    const struct json_node *parts = json_got(t, json_got(t, candidate, SL_STR("content")), SL_STR("parts"));
    for (JSON_EACH(t, parts, it)) {
        const struct json_node *data = json_got(t, json_got(t, it, SL_STR("inlineData")), SL_STR("data"));
        if (!is_text(data))
            continue;
        if (json_kind_of(json_got(t, it, SL_STR("thought"))) == JSON_TRUE)
            take_partial(s, json_raw_of(t, data));
        else
            take_picture(s, "b64_json", json_raw_of(t, data), SL_STR_NONE);
    }
}

static bool take_gemini(struct other_stream *s, const struct json_tree *t)
{
    struct sl_str end;
    if (!other_stream_gemini(s, t, &end))
        return false;
    for (JSON_EACH(t, json_got(t, json_root(t), SL_STR("candidates")), it))
        take_candidate(s, t, it);
    if (end.n == 0)
        return true;
    if (s->pictures == 0)
        other_stream_refused(s, end);
    return finish(s);
}

/* ---- Seedream ---- */

static void take_failure(struct other_stream *s, struct sl_str data)
{
    struct answer_error e;
    error_read(data, NULL, &s->scratch, &e);
    if (s->first.found)
        return;
    s->first = (struct answer_error){.found = true,
                                     .type = e.type,
                                     .code = sl_arena_str(s->t->a, e.code),
                                     .message = sl_arena_str(s->t->a, sl_str_head(e.message, ERROR_MESSAGE_MAX))};
    if (sl_str_find_str(e.code, SL_STR("SensitiveContent")) >= 0 || sl_str_find_str(e.code, SL_STR("RiskDetect")) >= 0)
        s->first.type = SL_STR("content_filter");
    else
        s->first.type = SL_STR_NONE;
}

static void take_usage(struct other_stream *s, const struct json_tree *t, const struct json_node *usage)
{
    struct token_counts *c = &s->state.usage;
    uint64_t made;
    if (!json_u64_of(t, json_got(t, usage, SL_STR("output_tokens")), &c->completion))
        return;
    c->found = true;
    c->total = c->image_completion = c->completion;
    if (json_u64_of(t, json_got(t, usage, SL_STR("generated_images")), &made) && s->pictures > 0 &&
        made > s->state.images && made < 64)
        s->state.images = (uint32_t)made;
}

static bool take_seedream(struct other_stream *s, const struct json_tree *t)
{
    const struct json_node *root = json_root(t), *b64 = json_got(t, root, SL_STR("b64_json")),
                           *url = json_got(t, root, SL_STR("url"));
    struct sl_str type = json_get_inside(t, root, SL_STR("type"));
    if (sl_str_ends(type, SL_STR(".partial_failed"))) {
        take_failure(s, t->doc);
        return true;
    }
    if (json_got(t, root, SL_STR("error")) != NULL || sl_str_eq(type, SL_STR("error"))) {
        s->first.found = false;
        take_failure(s, t->doc);
        other_stream_fails(s, &s->first);
        return false;
    }
    if (sl_str_ends(type, SL_STR(".partial_succeeded")) && (is_text(b64) || is_text(url)))
        take_picture(s, is_text(b64) ? "b64_json" : "url", json_raw_of(t, is_text(b64) ? b64 : url),
                     json_get_inside(t, root, SL_STR("size")));
    if (!sl_str_ends(type, SL_STR(".completed")))
        return true;
    if (s->pictures == 0 && !s->first.found)
        s->broken = true;
    take_usage(s, t, json_got(t, root, SL_STR("usage")));
    return finish(s);
}

/* ---- both ---- */

static bool take_event(struct other_stream *s, const struct sse_piece *piece)
{
    struct json_tree t;
    if (piece->is_done) {
        s->state.saw_done = true;
        return false;
    }
    sl_arena_reset(&s->scratch);
    if (!json_tree_read(&t, piece->data, &s->scratch) || json_kind_of(json_root(&t)) != JSON_OBJECT) {
        s->broken = true;
        return false;
    }
    return s->t->pair->streams == OTHER_STREAMS_SEEDREAM ? take_seedream(s, &t) : take_gemini(s, &t);
}

bool other_pictures_next(struct other_stream *s, struct sl_str *in)
{
    struct sse_piece piece;
    enum sse_result r = sse_next(&s->sse, in, &piece);
    if (r != SSE_PIECE)
        return r == SSE_MORE;
    if (piece.kind != SSE_EVENT || !piece.has_data)
        return true;
    bool more = take_event(s, &piece);
    if (s->sse.carry.cap > KEPT_SCANNER) { /* the event was all that it held */
        sse_scanner_done(&s->sse);
        sse_scanner_init(&s->sse, s->max_event);
    }
    return more && !s->out.over && !s->kept.over;
}

/* An event that lacks its blank line counts when it is whole: some servers just close. */
static void take_last(struct other_stream *s)
{
    struct sl_str end = SL_STR("\n\n"), rest = sse_rest(&s->sse);
    struct sse_piece piece;
    if (rest.n == 0 || s->over || sse_next(&s->sse, &end, &piece) != SSE_PIECE || piece.kind != SSE_EVENT ||
        !piece.has_data || relay_is_part_of_done(piece.data))
        return;
    (void)take_event(s, &piece);
}

void other_pictures_end(struct other_stream *s)
{
    take_last(s);
    tell(s, s->state.usage.found ? &s->state.usage : NULL);
}
