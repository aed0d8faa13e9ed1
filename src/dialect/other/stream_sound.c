/* Streams of sound: samples as they come (pcm), behind a head (wav), or as events of base64, each of which has whole samples. */
#include "dialect/other/stream_int.h"

#include "base/base64.h"
#include "dialect/gemini/gemini.h"

void other_sound_event(struct sl_buf *out, struct sl_str bytes)
{
    sl_buf_adds(out, SL_STR("event: speech.audio.delta\ndata: {\"type\":\"speech.audio.delta\",\"audio\":\""));
    char *room = sl_buf_room(out, SL_BASE64_BYTES(bytes.n));
    if (room != NULL)
        sl_buf_wrote(out, sl_base64_encode(bytes, room));
    sl_buf_adds(out, SL_STR("\"}\n\n"));
}

/* The document may not be whole yet: in front of the samples stands their type. */
static void begin(struct other_stream *s)
{
    if (s->headed)
        return;
    s->headed = true;
    if (s->rate == 0)
        s->rate = other_sound_rate(sl_buf_str(&s->sieve.doc));
}

/* kept: what was decoded now. */
static void give(struct other_stream *s)
{
    struct sl_buf *b = &s->kept, all;
    bool first = !s->headed, events = other_wants_sound_events(s->t->look);
    if (b->n == 0)
        return;
    begin(s);
    s->samples += b->n;
    if (!events) {
        if (first && !other_wants_pcm(s->t->look))
            other_wav_head(&s->out, s->rate, OTHER_WAV_UNKNOWN);
        sl_buf_adds(&s->out, sl_buf_str(b));
        sl_buf_reset(b);
        return;
    }
    sl_buf_init(&all, b->n + 64);
    if (first && !other_wants_pcm(s->t->look))
        other_wav_head(&all, s->rate, OTHER_WAV_UNKNOWN);
    sl_buf_add(&all, s->odd, s->odd_n);
    sl_buf_adds(&all, sl_buf_str(b));
    s->odd_n = all.n % 2;
    if (s->odd_n > 0)
        s->odd[0] = all.p[all.n - 1];
    if (all.n > s->odd_n)
        other_sound_event(&s->out, sl_str_of(all.p, all.n - s->odd_n));
    sl_buf_done(&all);
    sl_buf_reset(b);
}

/* False: nothing more is read. */
static bool take_document(struct other_stream *s, struct sl_str doc)
{
    struct json_tree t;
    struct sl_str end;
    if (sl_str_eq(sl_str_trim(doc), SL_STR("[DONE]"))) /* of servers that are like Google's */
        return true;
    sl_arena_reset(&s->scratch);
    if (!json_tree_read(&t, doc, &s->scratch) || json_kind_of(json_root(&t)) != JSON_OBJECT) {
        s->broken = true;
        return false;
    }
    const struct json_node *first = json_child(json_got(&t, json_root(&t), SL_STR("candidates")));
    for (JSON_EACH(&t, json_got(&t, json_got(&t, first, SL_STR("content")), SL_STR("parts")), it)) {
        struct sl_str mime = json_get_inside(&t, json_got(&t, it, SL_STR("inlineData")), SL_STR("mimeType"));
        uint32_t rate = mime.n > 0 ? other_sound_rate(mime) : s->rate;
        if (s->headed && rate != s->rate && !other_wants_pcm(s->t->look)) /* the head says another */
            s->broken = true;
        s->rate = rate;
    }
    if (!other_stream_gemini(s, &t, &end) || s->broken)
        return false;
    s->state.usage.audio_completion = s->state.usage.completion; /* all that these models generate */
    if (end.n == 0)
        return true;
    s->finished = true;
    if (gemini_is_filter(end) || s->samples + s->kept.n == 0)
        other_stream_refused(s, end);
    return !s->broken && !s->state.saw_error;
}

bool other_sound_next(struct other_stream *s, struct sl_str *in)
{
    enum sieve_result r;
    while ((r = other_sieve_next(&s->sieve, in, &s->kept)) == SIEVE_EVENT)
        if (!take_document(s, sl_buf_str(&s->sieve.doc)))
            break;
    if (!s->broken)
        give(s);
    s->state.saw_finish = s->finished && s->samples > 0;
    s->broken = s->broken || r == SIEVE_BAD;
    return r == SIEVE_MORE;
}

void other_sound_done(struct sl_buf *out, const struct token_counts *c)
{
    struct json_writer w = json_writer_on_line(out);
    sl_buf_adds(out, SL_STR("event: speech.audio.done\ndata: "));
    jw_open(&w, '{');
    jw_member_plain(&w, SL_STR("type"), SL_STR("speech.audio.done"));
    if (c->found) {
        jw_key(&w, SL_STR("usage"));
        jw_open(&w, '{');
        jw_member_u64(&w, SL_STR("input_tokens"), c->prompt);
        jw_member_u64(&w, SL_STR("output_tokens"), c->completion);
        jw_member_u64(&w, SL_STR("total_tokens"), c->prompt + c->completion);
        jw_close(&w, '}');
    }
    jw_close(&w, '}');
    sl_buf_adds(out, SL_STR("\n\n"));
}

void other_sound_end(struct other_stream *s)
{
    struct sl_str end = SL_STR("\n\n");
    if (!s->over && other_sieve_is_inside(&s->sieve)) /* a server that just closes: whole when the document is */
        (void)other_sound_next(s, &end);
    if (!s->finished || s->broken || s->state.saw_error || s->samples == 0)
        return;
    if (other_wants_sound_events(s->t->look)) {
        if (s->odd_n > 0)
            other_sound_event(&s->out, sl_str_of(s->odd, s->odd_n));
        other_sound_done(&s->out, &s->state.usage);
    }
}
