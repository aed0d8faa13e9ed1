/* OpenAI's audio/speech at Gemini's speech models (gemini.md 15.3): they answer raw samples inside of JSON, which are given as they are
 * (pcm) or behind a head (wav). Nothing is encoded here: what a client says nothing about is wav, other formats are refused. */
#include "dialect/media.h"
#include "dialect/other/pairs.h"

#define KNOWN "model input voice response_format stream_format instructions task fallback models route"
#define RATE 24000u

static bool wants_pcm(const struct other_look *l)
{
    return json_text_is(&l->tree, json_got(&l->tree, json_root(&l->tree), SL_STR("response_format")), SL_STR("pcm"));
}

struct sl_str other_sound_type(const struct other_look *l)
{
    return wants_pcm(l) ? SL_STR("audio/pcm") : SL_STR("audio/wav");
}

static bool write(struct other_translation *t, struct sl_buf *out, struct request_refusal *r)
{
    const struct json_tree *tree = &t->look->tree;
    const struct json_node *format = other_member(t, SL_STR("response_format")),
                           *voice = other_member(t, SL_STR("voice")), *how = other_member(t, SL_STR("instructions"));
    struct json_writer w = json_writer_on(out);
    if (!wants_pcm(t->look) && !json_text_is(tree, format, SL_STR("wav")))
        return other_refuse(
            r, GE_MEMBER_VALUE, "response_format",
            "'response_format' must be wav or pcm for this model: it gives samples, and they are not encoded.");
    if (json_text_is(tree, other_member(t, SL_STR("stream_format")), SL_STR("sse")))
        return other_refuse(r, GE_UNSUPPORTED, "stream_format", "'stream_format' must be audio for this model.");
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
}

/* "audio/L16;codec=pcm;rate=24000" */
static uint32_t rate_of(struct sl_str mime)
{
    ptrdiff_t at = sl_str_find_str(mime, SL_STR("rate="));
    struct sl_str digits = sl_str_from(mime, at < 0 ? mime.n : (size_t)at + 5);
    uint64_t rate = 0;
    digits = sl_str_cut(&digits, ';');
    return sl_str_to_u64(digits, &rate) && rate >= 4000 && rate <= 192000 ? (uint32_t)rate : RATE;
}

static void add_number(struct sl_buf *out, uint32_t v, unsigned bytes)
{
    for (unsigned i = 0; i < bytes; i++)
        sl_buf_addc(out, (char)(v >> 8 * i & 0xff));
}

/* One channel of 16 bits, little-endian. */
static void add_wav_head(struct sl_buf *out, uint32_t rate, size_t n)
{
    sl_buf_adds(out, SL_STR("RIFF"));
    add_number(out, (uint32_t)n + 36, 4);
    sl_buf_adds(out, SL_STR("WAVEfmt "));
    add_number(out, 16, 4);
    add_number(out, 1, 2);
    add_number(out, 1, 2);
    add_number(out, rate, 4);
    add_number(out, rate * 2, 4);
    add_number(out, 2, 2);
    add_number(out, 16, 2);
    sl_buf_adds(out, SL_STR("data"));
    add_number(out, (uint32_t)n, 4);
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
        rate = rate_of(json_plain_of(&tree, json_got(&tree, blob, SL_STR("mimeType")), t->a));
        sl_buf_adds(&samples, bytes);
    }
    bool good = samples.n > 0 && !samples.over;
    if (good && !wants_pcm(t->look))
        add_wav_head(out, rate, samples.n);
    sl_buf_adds(out, sl_buf_str(&samples));
    sl_buf_done(&samples);
    return good;
}

static struct sl_str gemini_path(const struct other_translation *t)
{
    return other_google_path(t, ":generateContent");
}

const struct other_pair other_speech_gemini = {
    .most = 1, .sound = true, .path_of = gemini_path, .write = write, .usage = use, .answer = answer};
const struct other_pair other_speech_vertex = {
    .most = 1, .sound = true, .verb = SL_STR_INIT(":generateContent"), .write = write, .usage = use, .answer = answer};
