/* OpenAI's audio/speech at Gemini's speech models (gemini.md 15.3): they answer raw samples inside of JSON, which are given as they are
 * (pcm) or behind a head (wav), as bytes or as events. They are asked for a stream (stream_sound.c); a server that answers in one piece
 * all the same is read here. Nothing is encoded: other formats are refused. */
#include "dialect/media.h"
#include "dialect/other/pairs.h"

#define KNOWN "model input voice response_format stream_format instructions task fallback models route"
#define RATE 24000u

bool other_wants_pcm(const struct other_look *l)
{
    return json_text_is(&l->tree, json_got(&l->tree, json_root(&l->tree), SL_STR("response_format")), SL_STR("pcm"));
}

bool other_wants_sound_events(const struct other_look *l)
{
    return json_text_is(&l->tree, json_got(&l->tree, json_root(&l->tree), SL_STR("stream_format")), SL_STR("sse"));
}

struct sl_str other_sound_type(const struct other_look *l)
{
    if (other_wants_sound_events(l))
        return SL_STR("text/event-stream; charset=utf-8");
    return other_wants_pcm(l) ? SL_STR("audio/pcm") : SL_STR("audio/wav");
}

static bool write(struct other_translation *t, struct sl_buf *out, struct request_refusal *r)
{
    const struct json_tree *tree = &t->look->tree;
    const struct json_node *format = other_member(t, SL_STR("response_format")),
                           *voice = other_member(t, SL_STR("voice")), *how = other_member(t, SL_STR("instructions")),
                           *how_given = other_member(t, SL_STR("stream_format"));
    struct json_writer w = json_writer_on(out);
    if (!other_wants_pcm(t->look) && !json_text_is(tree, format, SL_STR("wav")))
        return other_refuse(
            r, GE_MEMBER_VALUE, "response_format",
            "'response_format' must be wav or pcm for this model: it gives samples, and they are not encoded.");
    if (how_given != NULL && !other_wants_sound_events(t->look) && !json_text_is(tree, how_given, SL_STR("audio")))
        return other_refuse(r, GE_MEMBER_VALUE, "stream_format", "'stream_format' must be audio or sse.");
    if (json_kind_of(voice) != JSON_STRING || voice->n <= 2)
        return other_refuse(r, GE_MEMBER_MISSING, "voice",
                            "'voice' must be the name of a voice of this model, such as Kore.");
    other_note_rest(t, KNOWN);
    jw_open(&w, '{');
    jw_key(&w, SL_STR("contents"));
    jw_raw(&w, SL_STR("[{\"role\":\"user\",\"parts\":[{\"text\":"));
    if (json_kind_of(how) == JSON_STRING && how->n > 2) /* its models read them before the text */
        sl_buf_addf(out, "\"" SL_STR_FMT ":\\n\\n" SL_STR_FMT "\"", SL_STR_ARG(json_inside_of(tree, how)),
                    SL_STR_ARG(json_inside_of(tree, other_member(t, SL_STR("input")))));
    else
        sl_buf_adds(out, json_raw_of(tree, other_member(t, SL_STR("input"))));
    sl_buf_adds(out, SL_STR("}]}]"));
    jw_key(&w, SL_STR("generationConfig"));
    jw_raw(
        &w,
        SL_STR(
            "{\"responseModalities\":[\"AUDIO\"],\"speechConfig\":{\"voiceConfig\":{\"prebuiltVoiceConfig\":{\"voiceName\":"));
    sl_buf_adds(out, json_raw_of(tree, voice));
    sl_buf_adds(out, SL_STR("}}}}"));
    jw_close(&w, '}');
    return true;
}

static void use(struct other_translation *t, struct sl_str body, struct other_usage *out)
{
    struct json_tree tree;
    struct token_counts *c = &out->counts;
    if (!json_tree_read(&tree, body, t->a))
        return;
    const struct json_node *meta = json_got(&tree, json_root(&tree), SL_STR("usageMetadata"));
    c->found = json_u64_of(&tree, json_got(&tree, meta, SL_STR("promptTokenCount")), &c->prompt);
    (void)json_u64_of(&tree, json_got(&tree, meta, SL_STR("candidatesTokenCount")), &c->completion);
    c->audio_completion = c->completion; /* all that these models generate */
    c->total = c->prompt + c->completion;
    out->found = c->found;
    t->counts = *c;
}

uint32_t other_sound_rate(struct sl_str mime)
{
    ptrdiff_t at = sl_str_find_str(mime, SL_STR("rate="));
    struct sl_str digits = sl_str_from(mime, at < 0 ? mime.n : (size_t)at + 5);
    uint64_t rate = 0;
    size_t n = 0;
    while (n < digits.n && digits.p[n] >= '0' && digits.p[n] <= '9')
        n++;
    return sl_str_to_u64(sl_str_head(digits, n), &rate) && rate >= 4000 && rate <= 192000 ? (uint32_t)rate : RATE;
}

static void add_number(struct sl_buf *out, uint32_t v, unsigned bytes)
{
    for (unsigned i = 0; i < bytes; i++)
        sl_buf_addc(out, (char)(v >> 8 * i & 0xff));
}

/* One channel of 16 bits, little-endian. */
void other_wav_head(struct sl_buf *out, uint32_t rate, uint32_t n)
{
    sl_buf_adds(out, SL_STR("RIFF"));
    add_number(out, n < OTHER_WAV_UNKNOWN - 36 ? n + 36 : OTHER_WAV_UNKNOWN, 4);
    sl_buf_adds(out, SL_STR("WAVEfmt "));
    add_number(out, 16, 4);
    add_number(out, 1, 2);
    add_number(out, 1, 2);
    add_number(out, rate, 4);
    add_number(out, rate * 2, 4);
    add_number(out, 2, 2);
    add_number(out, 16, 2);
    sl_buf_adds(out, SL_STR("data"));
    add_number(out, n, 4);
}

/* In one piece, or as one event and the one that ends it. */
static void add_sound(struct other_translation *t, struct sl_buf *out, uint32_t rate, const struct sl_buf *samples)
{
    struct sl_buf head;
    bool events = other_wants_sound_events(t->look);
    sl_buf_init(&head, 64);
    if (!other_wants_pcm(t->look))
        other_wav_head(&head, rate, (uint32_t)samples->n);
    if (events) {
        size_t n = head.n + samples->n;
        char *all = sl_arena_alloc(t->a, n + 1);
        memcpy(all, head.n > 0 ? head.p : "", head.n);
        memcpy(all + head.n, samples->p, samples->n);
        other_sound_event(out, sl_str_of(all, n));
        other_sound_done(out, &t->counts);
    } else {
        sl_buf_adds(out, sl_buf_str(&head));
        sl_buf_adds(out, sl_buf_str(samples));
    }
    sl_buf_done(&head);
}

static bool answer(struct other_translation *t, const struct sl_str *bodies, uint32_t n, struct sl_buf *out)
{
    struct json_tree tree;
    uint32_t rate = RATE;
    struct sl_buf samples;
    if (n != 1 || !json_tree_read(&tree, bodies[0], t->a))
        return false;
    sl_buf_init(&samples, 256u << 20);
    const struct json_node *first = json_child(json_got(&tree, json_root(&tree), SL_STR("candidates")));
    for (JSON_EACH(&tree, json_got(&tree, json_got(&tree, first, SL_STR("content")), SL_STR("parts")), it)) {
        const struct json_node *blob = json_got(&tree, it, SL_STR("inlineData"));
        struct sl_str bytes;
        if (json_kind_of(json_got(&tree, blob, SL_STR("data"))) != JSON_STRING ||
            !media_decode(json_inside_of(&tree, json_got(&tree, blob, SL_STR("data"))), t->a, &bytes))
            continue;
        rate = other_sound_rate(json_plain_of(&tree, json_got(&tree, blob, SL_STR("mimeType")), t->a));
        sl_buf_adds(&samples, bytes);
    }
    bool good = samples.n > 0 && !samples.over;
    if (good)
        add_sound(t, out, rate, &samples);
    sl_buf_done(&samples);
    return good;
}

static struct sl_str gemini_path(const struct other_translation *t)
{
    return other_google_path(t, t->up_stream ? ":streamGenerateContent?alt=sse" : ":generateContent");
}

const struct other_pair other_speech_gemini = {.most = 1,
                                               .sound = true,
                                               .streams = OTHER_STREAMS_SOUND,
                                               .path_of = gemini_path,
                                               .write = write,
                                               .usage = use,
                                               .answer = answer};
const struct other_pair other_speech_vertex = {.most = 1,
                                               .sound = true,
                                               .streams = OTHER_STREAMS_SOUND,
                                               .verb = SL_STR_INIT(":generateContent"),
                                               .stream_verb = SL_STR_INIT(":streamGenerateContent?alt=sse"),
                                               .write = write,
                                               .usage = use,
                                               .answer = answer};
