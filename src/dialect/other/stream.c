/* See stream.h. What is read is in stream_pictures.c and stream_sound.c. */
#include "dialect/other/stream.h"

#include "dialect/errors.h"
#include "dialect/gemini/gemini.h"
#include "dialect/other/stream_int.h"

static bool is_sound(const struct other_stream *s)
{
    return s->t->pair->streams == OTHER_STREAMS_SOUND;
}

void other_stream_init(struct other_stream *s, struct other_translation *t, size_t max_event)
{
    *s = (struct other_stream){.t = t, .max_event = max_event > 0 ? max_event : SSE_EVENT_BYTES};
    sl_arena_init(&s->scratch, NULL);
    sse_scanner_init(&s->sse, s->max_event);
    other_sieve_init(&s->sieve);
    sl_buf_init(&s->out, 2 * s->max_event + 65536);
    sl_buf_init(&s->kept, 2 * s->max_event + 65536);
}

void other_stream_done(struct other_stream *s)
{
    sse_scanner_done(&s->sse);
    other_sieve_done(&s->sieve);
    sl_buf_done(&s->out);
    sl_buf_done(&s->kept);
    sl_arena_done(&s->scratch);
}

void other_stream_fails(struct other_stream *s, const struct answer_error *e)
{
    struct sl_arena *a = s->t->a;
    if (s->state.saw_error)
        return;
    s->state.saw_error = true;
    s->state.error = *e;
    s->state.error.found = true;
    s->state.error.type = sl_arena_str(a, sl_str_head(e->type, 128));
    s->state.error.code = sl_arena_str(a, sl_str_head(e->code, 128));
    s->state.error.message = sl_arena_str(a, sl_str_head(e->message, 1024));
    s->state.error.param = sl_arena_str(a, sl_str_head(e->param, 128));
    s->state.error.reason = s->state.error.quota = s->state.error.delay = SL_STR_NONE;
}

void other_stream_refused(struct other_stream *s, struct sl_str word)
{
    struct answer_error e = {
        .code = word,
        .message = sl_arena_printf(s->t->a, "The model gave nothing: " SL_STR_FMT ".", SL_STR_ARG(word)),
    };
    if (!gemini_is_filter(word)) { /* it talked instead, or whatever "OTHER" is */
        s->broken = true;
        return;
    }
    e.type = SL_STR("content_filter");
    other_stream_fails(s, &e);
}

bool other_stream_gemini(struct other_stream *s, const struct json_tree *t, struct sl_str *out_finish)
{
    const struct json_node *root = json_root(t), *first = json_child(json_got(t, root, SL_STR("candidates"))),
                           *feedback = json_got(t, root, SL_STR("promptFeedback"));
    struct stream_event e;
    gemini_stream_watch(&s->memo, SL_STR_NONE, t->doc, &e);
    *out_finish = json_get_inside(t, first, SL_STR("finishReason"));
    if (out_finish->n == 0)
        *out_finish = json_get_inside(t, feedback, SL_STR("blockReason"));
    if (e.has_usage)
        s->state.usage = e.usage;
    if (e.kind != SK_ERROR)
        return true;
    other_stream_fails(s, &e.error);
    return false;
}

enum relay_feed other_stream_feed(struct other_stream *s, struct sl_str *in, const struct iovec **out_v, int *out_n)
{
    if (s->out.cap > s->max_event / 8) { /* of a picture: not for as long as the next one takes */
        size_t max = s->out.max;
        sl_buf_done(&s->out);
        sl_buf_init(&s->out, max);
    }
    sl_buf_reset(&s->out);
    while (in->n > 0 && s->out.n == 0 && !s->over)
        s->over = is_sound(s) ? !other_sound_next(s, in) : !other_pictures_next(s, in);
    if (s->over)
        *in = SL_STR_NONE;
    s->v = (struct iovec){s->out.p, s->out.n};
    *out_v = &s->v;
    *out_n = s->out.n > 0 && !s->out.over;
    if (s->out.n > 0) {
        s->state.saw_content = true;
        s->state.output_bytes++; /* nothing is estimated from it; there was output */
        s->state.events++;
        s->state.content_events++;
    }
    if (!s->over)
        return RELAY_MORE;
    if (s->state.saw_error || s->state.saw_done)
        return RELAY_DONE;
    return s->broken ? RELAY_BROKEN : RELAY_LIMIT;
}

bool other_stream_end(struct other_stream *s)
{
    if (s->ended)
        return s->whole;
    s->ended = true;
    sl_buf_reset(&s->out);
    if (is_sound(s))
        other_sound_end(s);
    else
        other_pictures_end(s);
    s->over = true;
    s->state.terminal = sl_buf_str(&s->out);
    s->whole = s->finished && (s->samples > 0 || s->pictures > 0) && !s->broken && !s->state.saw_error &&
               !s->out.over && !s->kept.over;
    s->state.saw_finish = s->whole;
    return s->whole;
}

struct sl_str other_stream_error(struct other_stream *s, const struct error_facts *error)
{
    struct sl_str event = error_event(s->t->a, ERRORS_OPENAI, error);
    if (is_sound(s))
        return event;
    (void)other_stream_end(s);
    return sl_arena_printf(s->t->a, SL_STR_FMT SL_STR_FMT, SL_STR_ARG(s->state.terminal), SL_STR_ARG(event));
}
