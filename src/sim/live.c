/* Sessions of Gemini's Live API (gemini.md section 18), as the Gemini API and Vertex AI have them. The first message is `setup`; each turn
 * of the user is answered by one of the model, by words or, with responseModalities ["AUDIO"], by sound and a transcript of it. What a
 * text of the user may want:
 *
 *   - "ECHO: words"; "LONG: n" gives n words, one each 20 ms
 *   - "TOOL: name": a call of that function; the turn goes on when its result comes
 *   - "LATE": the usage comes behind the end of the turn; "GROWING": with each message, as far as it is
 *   - "GOAWAY": goAway and a handle to resume by, before the answer
 *
 * 16000 bytes of sound (half a second) are a turn, too. What the user says while the model speaks interrupts it. Tokens: four bytes of
 * text are one, 1280 bytes of sound (40 ms) are one, a word of an answer is one, its sound 10; each turn thinks two. A turn reads the
 * whole conversation. Messages go out as binary frames, as Google's do. Faults are ws.c's; error-event closes with 1011 instead of
 * setupComplete; the model "no-such-model" is none. */
#include "sim/realtime.h"

#include "base/mem.h"

#define WORDS 8u
#define LONG_NS (20 * SL_MS)
#define AUDIO_BYTES_PER_TOKEN 1280u
#define AUDIO_TOKENS_PER_WORD 10u
#define AUDIO_LETTERS 3200u /* base64 of a word's sound */
#define VAD_BYTES 16000u
#define THOUGHTS 2u

struct sim_live {
    struct sim_ws ws;
    bool set_up, audio;
    uint64_t text_bytes, audio_bytes; /* of the conversation, sound decoded */
    uint64_t pending;                 /* bytes of sound since the last turn */
    char echo[512], tool[64];
    /* the turn that is made */
    bool slow, waits, late, growing; /* waits: for the result of a tool */
    uint32_t words, said, input, audio_in;
};

static void send_text(struct sim_call *c, const char *format, ...) SL_PRINTF(2, 3);
static void send_text(struct sim_call *c, const char *format, ...)
{
    struct sl_buf *b = &c->sim->out;
    va_list ap;
    sl_buf_reset(b);
    va_start(ap, format);
    sl_buf_addv(b, format, ap);
    va_end(ap);
    sim_ws_send(c, WS_BINARY, sl_buf_str(b));
}

/* ---- a turn ---- */

static uint32_t audio_out(const struct sim_live *l)
{
    return l->audio ? l->said * AUDIO_TOKENS_PER_WORD : 0;
}

/* As a member: ,"usageMetadata":{...} */
static const char *usage_of(struct sim_call *c)
{
    const struct sim_live *l = c->more;
    uint32_t response = l->said + audio_out(l), text_in = l->input - l->audio_in;
    if (sim_fault_marked(c, MARK_NO_USAGE) != NULL)
        return "";
    return sl_arena_printf(
               c->s->arena,
               ",\"usageMetadata\":{\"promptTokenCount\":%u,\"responseTokenCount\":%u,\"totalTokenCount\":%u,"
               "\"thoughtsTokenCount\":%u,\"promptTokensDetails\":[{\"modality\":\"TEXT\",\"tokenCount\":%u},"
               "{\"modality\":\"AUDIO\",\"tokenCount\":%u}],\"responseTokensDetails\":[{\"modality\":\"TEXT\",\"tokenCount\":"
               "%u},{\"modality\":\"AUDIO\",\"tokenCount\":%u}]}%c",
               l->input, response, l->input + response, THOUGHTS, text_in, l->audio_in, l->said, audio_out(l), 0)
        .p;
}

static void account(struct sim_call *c, bool complete)
{
    struct sim_live *l = c->more;
    sim_account_turn(c, &(struct sim_realtime_turn){.prompt = l->input,
                                                    .completion = l->said + audio_out(l) + THOUGHTS,
                                                    .reasoning = THOUGHTS,
                                                    .audio_in = l->audio_in,
                                                    .audio_out = audio_out(l),
                                                    .complete = complete});
    l->text_bytes += (uint64_t)l->said * 4;
    l->ws.active = false;
}

static void turn_done(struct sim_call *c, const char *more)
{
    struct sim_live *l = c->more;
    const char *usage = usage_of(c);
    c->usage_sent = *usage != 0;
    send_text(c, "{\"serverContent\":{%s\"turnComplete\":true}%s}", more, l->late ? "" : usage);
    if (l->late && *usage != 0)
        send_text(c, "{%s}", usage + 1);
    account(c, true);
}

static void say_word(struct sim_call *c)
{
    struct sim_live *l = c->more;
    char sound[AUDIO_LETTERS + 1];
    const char *word = l->said > 0 ? " word" : l->echo[0] != 0 ? l->echo : "[simulated]";
    l->said++;
    const char *usage = l->growing ? usage_of(c) : "";
    if (!l->audio) {
        send_text(c, "{\"serverContent\":{\"modelTurn\":{\"parts\":[{\"text\":\"%s\"}]}}%s}", word, usage);
        return;
    }
    memset(sound, 'A', AUDIO_LETTERS);
    sound[AUDIO_LETTERS] = 0;
    send_text(c,
              "{\"serverContent\":{\"modelTurn\":{\"parts\":[{\"inlineData\":{\"mimeType\":\"audio/pcm;rate=24000\","
              "\"data\":\"%s\"}}]}}%s}",
              sound, usage);
    send_text(c, "{\"serverContent\":{\"outputTranscription\":{\"text\":\"%s\"}}}", word);
}

static void say_on(struct sim_call *c)
{
    struct sim_live *l = c->more;
    while (!c->released && l->ws.active && l->said < l->words) {
        if (sim_ws_is_broken(c))
            return;
        say_word(c);
        if (l->slow || c->sim->set.token_ns > 0) {
            sim_after(c, l->slow ? LONG_NS : c->sim->set.token_ns, say_on);
            return;
        }
    }
    if (c->released || !l->ws.active || sim_ws_is_broken(c))
        return;
    send_text(c, "{\"serverContent\":{\"generationComplete\":true}}");
    turn_done(c, "");
}

static void begin_turn(struct sim_call *c)
{
    struct sim_live *l = c->more;
    l->audio_in = (uint32_t)(l->audio_bytes / AUDIO_BYTES_PER_TOKEN);
    l->input = (uint32_t)((l->text_bytes + 3) / 4) + l->audio_in;
    l->ws.active = true;
    l->said = 0;
    if (l->tool[0] != 0) { /* what was made so far is charged, what the result leads to is another generation */
        l->waits = true;
        send_text(c, "{\"toolCall\":{\"functionCalls\":[{\"id\":\"call_1\",\"name\":\"%s\",\"args\":{}}]}%s}", l->tool,
                  usage_of(c));
        l->tool[0] = 0;
        account(c, true);
        return;
    }
    say_on(c);
}

/* ---- the client's messages ---- */

/* Names come in camelCase, and from Google's SDK for Python in snake_case. */
static yyjson_val *member(yyjson_val *of, const char *camel, const char *snake)
{
    yyjson_val *v = yyjson_obj_get(of, camel);
    return v != NULL ? v : yyjson_obj_get(of, snake);
}

static struct sl_str text_of(yyjson_val *v)
{
    return yyjson_is_str(v) ? sl_str_of(yyjson_get_str(v), yyjson_get_len(v)) : SL_STR_NONE;
}

static void keep_word(char *to, size_t cap, struct sl_str s)
{
    size_t n = s.n < cap - 1 ? s.n : cap - 1;
    for (size_t i = 0; i < n; i++) /* it stands in JSON as it is */
        to[i] = s.p[i] == '"' || s.p[i] == '\\' || (unsigned char)s.p[i] < 0x20 ? '_' : s.p[i];
    to[n] = 0;
}

static void on_user_text(struct sim_call *c, struct sl_str text)
{
    struct sim_live *l = c->more;
    ptrdiff_t at;
    uint64_t n = 0;
    l->text_bytes += text.n;
    if ((at = sl_str_find_str(text, SL_STR("ECHO: "))) >= 0) {
        keep_word(l->echo, sizeof l->echo, sl_str_from(text, (size_t)at + 6));
        l->words = 1;
    }
    if ((at = sl_str_find_str(text, SL_STR("LONG: "))) >= 0 && sl_str_to_u64(sl_str_from(text, (size_t)at + 6), &n)) {
        l->words = n > 0 && n < 10000 ? (uint32_t)n : WORDS;
        l->slow = true;
    }
    if ((at = sl_str_find_str(text, SL_STR("TOOL: "))) >= 0)
        keep_word(l->tool, sizeof l->tool, sl_str_from(text, (size_t)at + 6));
    l->late |= sl_str_find_str(text, SL_STR("LATE")) >= 0;
    l->growing |= sl_str_find_str(text, SL_STR("GROWING")) >= 0;
    if (sl_str_find_str(text, SL_STR("GOAWAY")) >= 0) {
        send_text(c, "{\"sessionResumptionUpdate\":{\"newHandle\":\"handle_1\",\"resumable\":true}}");
        send_text(c, "{\"goAway\":{\"timeLeft\":\"10s\"}}");
    }
}

/* What the user says ends what the model says. */
static void interrupt(struct sim_call *c)
{
    struct sim_live *l = c->more;
    l->waits = false;
    if (l->ws.active) {
        sl_timer_cancel(c->sim->loop, &c->timer);
        send_text(c, "{\"serverContent\":{\"interrupted\":true}}");
        turn_done(c, "");
    }
    l->words = WORDS;
    l->slow = l->late = l->growing = false;
    l->echo[0] = 0;
}

static void on_setup(struct sim_call *c, yyjson_val *setup)
{
    struct sim_live *l = c->more;
    struct sl_str model = text_of(yyjson_obj_get(setup, "model"));
    yyjson_val *config = member(setup, "generationConfig", "generation_config"), *v;
    yyjson_val *modalities = member(config, "responseModalities", "response_modalities");
    ptrdiff_t at = sl_str_find_str(model, SL_STR("models/"));
    size_t i, n;
    if (at < 0) {
        sim_ws_hang_up(c, WS_CODE_BAD_TEXT, SL_STR("Request contains an invalid argument."));
        return;
    }
    c->model = sl_arena_str(c->s->arena, sl_str_from(model, (size_t)at + 7));
    if (sl_str_eq(c->model, SL_STR("no-such-model"))) {
        sim_ws_hang_up(c, WS_CODE_POLICY, SL_STR("models/no-such-model is not found for API version v1beta"));
        return;
    }
    if (modalities == NULL && sl_str_starts(model, SL_STR("projects/")))
        l->audio = true;
    if (yyjson_is_arr(modalities))
        yyjson_arr_foreach(modalities, i, n, v) l->audio |= yyjson_equals_str(v, "AUDIO");
    v = member(member(setup, "systemInstruction", "system_instruction"), "parts", "parts");
    l->text_bytes += text_of(yyjson_obj_get(yyjson_arr_get_first(v), "text")).n;
    if (c->n_faults == 0 && sl_str_starts(c->model, SL_STR("sim-fault-")))
        sim_faults_choose(c);
    if (sim_fault_marked(c, MARK_ERROR) != NULL) {
        sim_ws_hang_up(c, WS_CODE_INTERNAL, SL_STR("You exceeded your current quota, please check your plan."));
        return;
    }
    l->set_up = true;
    send_text(c, "{\"setupComplete\":{}}");
}

static void on_content(struct sim_call *c, yyjson_val *content)
{
    yyjson_val *turn, *part;
    size_t i, n, k, m;
    interrupt(c);
    yyjson_arr_foreach(yyjson_obj_get(content, "turns"), i, n, turn)
    {
        yyjson_arr_foreach(yyjson_obj_get(turn, "parts"), k, m, part)
            on_user_text(c, text_of(yyjson_obj_get(part, "text")));
    }
    if (yyjson_is_true(member(content, "turnComplete", "turn_complete")))
        begin_turn(c);
}

static void on_input(struct sim_call *c, yyjson_val *input)
{
    struct sim_live *l = c->more;
    struct sl_str sound = text_of(yyjson_obj_get(yyjson_obj_get(input, "audio"), "data"));
    yyjson_val *text = yyjson_obj_get(input, "text");
    bool ends = member(input, "activityEnd", "activity_end") != NULL;
    l->pending += sound.n / 4 * 3;
    l->audio_bytes += sound.n / 4 * 3;
    if (text == NULL && !ends && l->pending < VAD_BYTES)
        return;
    interrupt(c);
    if (text != NULL)
        on_user_text(c, text_of(text));
    l->pending = 0;
    begin_turn(c);
}

static void on_message(struct sim_call *c, yyjson_val *root)
{
    struct sim_live *l = c->more;
    yyjson_val *setup = yyjson_obj_get(root, "setup"), *content = member(root, "clientContent", "client_content"),
               *input = member(root, "realtimeInput", "realtime_input"),
               *result = member(root, "toolResponse", "tool_response");
    if (l->set_up == (setup != NULL) || yyjson_obj_size(root) != 1) {
        sim_ws_hang_up(c, WS_CODE_BAD_TEXT, SL_STR("Request contains an invalid argument."));
    } else if (setup != NULL) {
        on_setup(c, setup);
    } else if (content != NULL) {
        on_content(c, content);
    } else if (input != NULL) {
        on_input(c, input);
    } else if (result != NULL && l->waits) {
        l->waits = false;
        l->text_bytes += 8;
        begin_turn(c);
    } else {
        sim_ws_hang_up(c, WS_CODE_BAD_TEXT, SL_STR("Request contains an invalid argument."));
    }
}

static void on_garbage(struct sim_call *c)
{
    sim_ws_hang_up(c, WS_CODE_BAD_TEXT, SL_STR("Invalid JSON payload received."));
}

/* ---- the upgrade ---- */

bool sim_live_is_path(struct sl_str path)
{
    return (sl_str_starts(path, SL_STR("/ws/google.ai.generativelanguage.v1")) &&
            sl_str_ends(path, SL_STR(".GenerativeService.BidiGenerateContent"))) ||
           (sl_str_starts(path, SL_STR("/ws/google.cloud.aiplatform.v1")) &&
            sl_str_ends(path, SL_STR(".LlmBidiService/BidiGenerateContent")));
}

static const struct sim_ws_kind kind = {
    .takes_binary = true, .message = on_message, .no_object = on_garbage, .account = account};

static void upgrade(struct sim_call *c)
{
    struct sim_live *l = SL_ARENA_NEW(c->s->arena, struct sim_live);
    if (!sim_ws_begin(c, &l->ws, &kind))
        return;
    c->live = true;
    l->words = WORDS;
    http_stream_read(c->s, true);
}

bool sim_live_serve(struct sim_call *c)
{
    static const struct sim_error upgrade_wanted = {
        .status = 426, .type = "FAILED_PRECONDITION", .message = "Upgrade to a WebSocket is required."};
    if (!sim_live_is_path(c->r->path) || c->r->method != HTTP_GET)
        return false;
    c->stream = true;
    if (ws_asked(c->r) != WS_ASK_OK) {
        sim_refuse(c, &upgrade_wanted);
        return true;
    }
    sim_faults_choose(c);
    int64_t wait = sim_fault_delay_ns(c);
    if (wait > 0)
        sim_after(c, wait, upgrade);
    else
        upgrade(c);
    return true;
}
