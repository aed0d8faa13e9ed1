/* Sessions of the Realtime API (openai.md section 18). One conversation, one response at a time, text or sound; what is said:
 *
 *   - words, or what a text of the user wants: "ECHO: words"; "LONG: n" gives n words, one each 20 ms
 *   - with output_modalities ["audio"], a delta of 2400 base64 letters and a transcript's delta for each word
 *   - with turn detection by a server's VAD, 24000 bytes of sound make a turn of the user, which is answered by itself
 *
 * Tokens: four bytes of text are one, 2400 bytes of sound (50 ms) are one, a word of an answer is one, its sound 10. Each response reads
 * the whole conversation; all of it but what is new since the last response is cached, in steps of 64. A transcription is charged by
 * itself: its sound, and 3 tokens of text; "whisper-1" by the second.
 *
 * With ?intent=transcription nothing but that is made, the URL must name no model, and "no-such-transcriber" is none.
 *
 * The beta interface (OpenAI-Beta: realtime=v1) has other names for some events. Faults are ws.c's; error-event is an error as the first
 * message. */
#include "sim/realtime.h"

#include "base/base64.h"
#include "base/mem.h"
#include "http/url.h"

#define WORDS 8u
#define LONG_NS (20 * SL_MS)
#define AUDIO_BYTES_PER_TOKEN 2400u
#define AUDIO_TOKENS_PER_WORD 10u
#define AUDIO_LETTERS 2400u /* base64 of a word's sound */
#define VAD_BYTES 24000u

struct sim_realtime {
    struct sim_ws ws;
    bool beta, audio, vad, transcribes, by_second;
    bool only; /* it transcribes, and makes no responses */
    char transcriber[48];
    uint64_t events, items, responses; /* for ids */
    uint64_t text_bytes, audio_bytes;  /* of the conversation, text in bytes of text, sound decoded */
    uint64_t pending;                  /* bytes of sound that are not committed */
    uint32_t context;                  /* tokens that the last response has read and said: what is cached now */
    char echo[512];
    /* the response that is being made */
    bool slow;
    uint32_t words, said; /* to say, said */
    uint32_t input, cached, audio_in;
};

/* ---- messages out ---- */

/* An event: `rest` is what stands behind its type and id, with the first comma. */
static void send_event(struct sim_call *c, const char *type, const char *rest, ...) SL_PRINTF(3, 4);
static void send_event(struct sim_call *c, const char *type, const char *rest, ...)
{
    struct sim_realtime *r = c->more;
    struct sl_buf *b = &c->sim->out;
    va_list ap;
    sl_buf_reset(b);
    sl_buf_addf(b, "{\"type\":\"%s\",\"event_id\":\"event_%llu\"", type, (unsigned long long)++r->events);
    va_start(ap, rest);
    sl_buf_addv(b, rest, ap);
    va_end(ap);
    sl_buf_addc(b, '}');
    sim_ws_send(c, WS_TEXT, sl_buf_str(b));
}

static void send_error(struct sim_call *c, const char *code, const char *message, struct sl_str cause)
{
    struct sl_str quoted = SL_STR("null");
    struct sl_buf b;
    sl_buf_init(&b, 4096);
    if (cause.n > 0 && cause.n < 512) {
        sl_buf_add_json(&b, cause);
        quoted = sl_buf_str(&b);
    }
    send_event(c, "error",
               ",\"error\":{\"type\":\"invalid_request_error\",\"code\":\"%s\",\"message\":\"%s\",\"param\":null,"
               "\"event_id\":" SL_STR_FMT "}",
               code, message, SL_STR_ARG(quoted));
    sl_buf_done(&b);
}

/* ---- responses ---- */

static uint32_t tokens_of_text(uint64_t bytes)
{
    return (uint32_t)((bytes + 3) / 4);
}

static const char *name_of(const struct sim_call *c, const char *ga, const char *beta)
{
    const struct sim_realtime *r = c->more;
    return r->beta ? beta : ga;
}

static void account(struct sim_call *c, bool complete)
{
    struct sim_realtime *r = c->more;
    uint32_t audio_out = r->audio ? r->said * AUDIO_TOKENS_PER_WORD : 0;
    sim_account_turn(c, &(struct sim_realtime_turn){.prompt = r->input,
                                                    .cached = r->cached,
                                                    .completion = r->said + audio_out,
                                                    .audio_in = r->audio_in,
                                                    .audio_out = audio_out,
                                                    .complete = complete});
    r->ws.active = false;
}

static void response_done(struct sim_call *c, const char *status)
{
    struct sim_realtime *r = c->more;
    uint32_t audio_out = r->audio ? r->said * AUDIO_TOKENS_PER_WORD : 0, output = r->said + audio_out;
    uint32_t audio_all = (uint32_t)(r->audio_bytes / AUDIO_BYTES_PER_TOKEN), cached_audio = audio_all - r->audio_in;
    bool told = sim_fault_marked(c, MARK_NO_USAGE) == NULL;
    struct sl_str usage = SL_STR("null");
    if (told)
        usage = sl_arena_printf(
            c->s->arena,
            "{\"total_tokens\":%u,\"input_tokens\":%u,\"output_tokens\":%u,\"input_token_details\":{\"text_tokens\":%u,"
            "\"audio_tokens\":%u,\"image_tokens\":0,\"cached_tokens\":%u,\"cached_tokens_details\":{\"text_tokens\":%u,"
            "\"audio_tokens\":%u,\"image_tokens\":0}},\"output_token_details\":{\"text_tokens\":%u,\"audio_tokens\":%u}}",
            r->input + output, r->input, output, r->input - audio_all, audio_all, r->cached, r->cached - cached_audio,
            cached_audio, r->said, audio_out);
    send_event(
        c, "response.done",
        ",\"response\":{\"object\":\"realtime.response\",\"id\":\"resp_%llu\",\"status\":\"%s\",\"status_details\":"
        "null,\"output\":[],\"conversation_id\":\"conv_1\",\"usage\":" SL_STR_FMT "}",
        (unsigned long long)r->responses, status, SL_STR_ARG(usage));
    r->context = r->input + output;
    r->text_bytes += (uint64_t)r->said * 4; /* what was said is read the next time; its sound is not */
    c->usage_sent = told;
    account(c, true);
}

static void say_on(struct sim_call *c);

static void say_word(struct sim_call *c)
{
    struct sim_realtime *r = c->more;
    char sound[AUDIO_LETTERS + 1];
    const char *where = "\"item_id\":\"item_0\",\"output_index\":0,\"content_index\":0";
    unsigned long long id = r->responses;
    bool first = r->said == 0;
    if (r->echo[0] != 0)
        send_event(c,
                   r->audio ? name_of(c, "response.output_audio_transcript.delta", "response.audio_transcript.delta")
                            : name_of(c, "response.output_text.delta", "response.text.delta"),
                   ",\"response_id\":\"resp_%llu\",%s,\"delta\":\"%s\"", id, where, first ? r->echo : " more");
    else
        send_event(c,
                   r->audio ? name_of(c, "response.output_audio_transcript.delta", "response.audio_transcript.delta")
                            : name_of(c, "response.output_text.delta", "response.text.delta"),
                   ",\"response_id\":\"resp_%llu\",%s,\"delta\":\"%s\"", id, where, first ? "[simulated]" : " word");
    if (!r->audio)
        return;
    memset(sound, 'A', AUDIO_LETTERS);
    sound[AUDIO_LETTERS] = 0;
    send_event(c, name_of(c, "response.output_audio.delta", "response.audio.delta"),
               ",\"response_id\":\"resp_%llu\",%s,\"delta\":\"%s\"", id, where, sound);
}

static void say_on(struct sim_call *c)
{
    struct sim_realtime *r = c->more;
    while (!c->released && r->ws.active && r->said < r->words) {
        if (sim_ws_is_broken(c))
            return;
        say_word(c);
        r->said++;
        if (r->slow || c->sim->set.token_ns > 0) {
            sim_after(c, r->slow ? LONG_NS : c->sim->set.token_ns, say_on);
            return;
        }
    }
    if (!c->released && r->ws.active && !sim_ws_is_broken(c))
        response_done(c, "completed");
}

static void begin_response(struct sim_call *c)
{
    struct sim_realtime *r = c->more;
    uint32_t audio = (uint32_t)(r->audio_bytes / AUDIO_BYTES_PER_TOKEN);
    r->input = tokens_of_text(r->text_bytes) + audio;
    r->cached = r->context < r->input ? r->context / 64 * 64 : r->input / 64 * 64;
    /* what is cached is the text first: sound of the newest turn never is */
    uint32_t text = r->input - audio, cached_audio = r->cached > text ? r->cached - text : 0;
    r->audio_in = audio - cached_audio;
    r->responses++;
    r->ws.active = true;
    r->said = 0;
    send_event(c, "response.created",
               ",\"response\":{\"object\":\"realtime.response\",\"id\":\"resp_%llu\",\"status\":\"in_progress\","
               "\"status_details\":null,\"output\":[],\"usage\":null}",
               (unsigned long long)r->responses);
    say_on(c);
}

/* ---- the client's messages ---- */

static struct sl_str text_of(yyjson_val *of, const char *name)
{
    yyjson_val *v = yyjson_obj_get(of, name);
    return yyjson_is_str(v) ? sl_str_of(yyjson_get_str(v), yyjson_get_len(v)) : SL_STR_NONE;
}

static void read_modalities(struct sim_realtime *r, yyjson_val *of)
{
    yyjson_val *list = yyjson_obj_get(of, r->beta ? "modalities" : "output_modalities");
    yyjson_val *v;
    size_t i, n;
    if (!yyjson_is_arr(list))
        return;
    r->audio = false;
    yyjson_arr_foreach(list, i, n, v) r->audio |= yyjson_equals_str(v, "audio");
}

static void on_session(struct sim_call *c, yyjson_val *root, struct sl_str id)
{
    struct sim_realtime *r = c->more;
    yyjson_val *session = yyjson_obj_get(root, "session");
    yyjson_val *input = yyjson_obj_get(yyjson_obj_get(session, "audio"), "input");
    yyjson_val *vad = yyjson_obj_get(r->beta ? session : input, "turn_detection");
    yyjson_val *words =
        yyjson_obj_get(r->beta ? session : input, r->beta ? "input_audio_transcription" : "transcription");
    if (!yyjson_is_obj(session)) {
        send_error(c, "missing_required_parameter", "Missing required parameter: 'session'.", id);
        return;
    }
    read_modalities(r, session);
    if (vad != NULL)
        r->vad = yyjson_is_obj(vad);
    if (words != NULL) {
        r->transcribes = yyjson_is_obj(words);
        sim_keep(r->transcriber, sizeof r->transcriber, text_of(words, "model"));
        r->by_second = strcmp(r->transcriber, "whisper-1") == 0;
    }
    if (r->only && strcmp(r->transcriber, "no-such-transcriber") == 0) {
        send_error(c, "model_not_found", "The model does not exist or you do not have access to it.", id);
        return;
    }
    if (r->only)
        c->model = sl_arena_str(c->s->arena, sl_str_c(r->transcriber));
    struct sl_buf b;
    sl_buf_init(&b, 1024);
    sl_buf_add_json(&b, sl_str_c(r->transcriber));
    if (r->only && !r->beta)
        send_event(c, "session.updated",
                   ",\"session\":{\"type\":\"transcription\",\"object\":\"realtime.transcription_session\",\"audio\":{"
                   "\"input\":{\"transcription\":{\"model\":" SL_STR_FMT "}}}}",
                   SL_STR_ARG(sl_buf_str(&b)));
    else if (r->beta)
        send_event(c, r->only ? "transcription_session.updated" : "session.updated",
                   ",\"session\":{\"object\":\"realtime.session\",\"input_audio_transcription\":{\"model\":" SL_STR_FMT
                   "}}",
                   SL_STR_ARG(sl_buf_str(&b)));
    else
        send_event(c, "session.updated",
                   ",\"session\":{\"type\":\"realtime\",\"object\":\"realtime.session\",\"audio\":{\"input\":{"
                   "\"transcription\":{\"model\":" SL_STR_FMT "}}}}",
                   SL_STR_ARG(sl_buf_str(&b)));
    sl_buf_done(&b);
}

static void item_added(struct sim_call *c, const char *content)
{
    struct sim_realtime *r = c->more;
    unsigned long long n = ++r->items;
    send_event(c, name_of(c, "conversation.item.added", "conversation.item.created"),
               ",\"previous_item_id\":null,\"item\":{\"id\":\"item_%llu\",\"object\":\"realtime.item\",\"type\":"
               "\"message\",\"role\":\"user\",\"status\":\"completed\",\"content\":[{\"type\":\"%s\"}]}",
               n, content);
    if (!r->beta)
        send_event(c, "conversation.item.done",
                   ",\"previous_item_id\":null,\"item\":{\"id\":\"item_%llu\",\"object\":\"realtime.item\",\"type\":"
                   "\"message\",\"role\":\"user\",\"status\":\"completed\",\"content\":[{\"type\":\"%s\"}]}",
                   n, content);
}

static void read_wish(struct sim_realtime *r, struct sl_str text)
{
    ptrdiff_t echo = sl_str_find_str(text, SL_STR("ECHO: ")), more = sl_str_find_str(text, SL_STR("LONG: "));
    uint64_t n = 0;
    if (echo >= 0) {
        struct sl_str words = sl_str_from(text, (size_t)echo + 6);
        sim_keep(r->echo, sizeof r->echo, words);
        for (char *p = r->echo; *p != 0; p++) /* it stands in JSON as it is */
            if (*p == '"' || *p == '\\' || (unsigned char)*p < 0x20)
                *p = '_';
        r->words = 1;
    }
    if (more >= 0 && sl_str_to_u64(sl_str_from(text, (size_t)more + 6), &n) && n > 0 && n < 10000) {
        r->words = (uint32_t)n;
        r->slow = true;
    }
}

static void on_item(struct sim_call *c, yyjson_val *root, struct sl_str id)
{
    struct sim_realtime *r = c->more;
    yyjson_val *item = yyjson_obj_get(root, "item"), *part;
    yyjson_val *content = yyjson_obj_get(item, "content");
    size_t i, n;
    if (!yyjson_is_obj(item)) {
        send_error(c, "missing_required_parameter", "Missing required parameter: 'item'.", id);
        return;
    }
    r->echo[0] = 0;
    r->words = WORDS;
    r->slow = false;
    yyjson_arr_foreach(content, i, n, part)
    {
        struct sl_str text = text_of(part, "text"), sound = text_of(part, "audio");
        r->text_bytes += text.n;
        r->audio_bytes += sound.n / 4 * 3;
        read_wish(r, text);
    }
    item_added(c, "input_text");
}

static void transcribe(struct sim_call *c, uint64_t bytes)
{
    struct sim_realtime *r = c->more;
    uint32_t audio = (uint32_t)(bytes / AUDIO_BYTES_PER_TOKEN);
    struct sl_str usage;
    if (!r->transcribes)
        return;
    if (r->by_second) /* 48000 bytes a second */
        usage = sl_arena_printf(c->s->arena, "{\"type\":\"duration\",\"seconds\":%llu.%03llu}",
                                (unsigned long long)(bytes / 48000), (unsigned long long)(bytes % 48000 / 48));
    else
        usage = sl_arena_printf(c->s->arena,
                                "{\"type\":\"tokens\",\"total_tokens\":%u,\"input_tokens\":%u,\"input_token_details\":{"
                                "\"text_tokens\":0,\"audio_tokens\":%u},\"output_tokens\":3}",
                                audio + 3, audio, audio);
    send_event(c, "conversation.item.input_audio_transcription.completed",
               ",\"item_id\":\"item_%llu\",\"content_index\":0,\"transcript\":\"[simulated] said "
               "something\",\"usage\":" SL_STR_FMT,
               (unsigned long long)r->items, SL_STR_ARG(usage));
    sim_account_turn(c, &(struct sim_realtime_turn){.prompt = r->by_second ? 0 : audio,
                                                    .completion = r->by_second ? 0 : 3,
                                                    .audio_in = r->by_second ? 0 : audio,
                                                    .audio_ms = r->by_second ? (uint32_t)(bytes / 48) : 0,
                                                    .complete = true});
}

static void on_commit(struct sim_call *c, struct sl_str id)
{
    struct sim_realtime *r = c->more;
    uint64_t bytes = r->pending;
    if (bytes < 4800) {
        send_error(c, "input_audio_buffer_commit_empty", "Error committing input audio buffer: buffer too small.", id);
        return;
    }
    r->pending = 0;
    r->audio_bytes += bytes;
    r->words = WORDS;
    r->slow = false;
    r->echo[0] = 0;
    send_event(c, "input_audio_buffer.committed", ",\"previous_item_id\":null,\"item_id\":\"item_%llu\"",
               (unsigned long long)r->items + 1);
    item_added(c, "input_audio");
    transcribe(c, bytes);
}

static void on_append(struct sim_call *c, yyjson_val *root, struct sl_str id)
{
    struct sim_realtime *r = c->more;
    struct sl_str sound = text_of(root, "audio");
    if (sound.p == NULL || sound.n % 4 != 0) {
        send_error(c, "invalid_value", "Invalid 'audio'. Expected base64-encoded audio bytes.", id);
        return;
    }
    r->pending += sound.n / 4 * 3;
    if (!r->vad || r->pending < VAD_BYTES || r->ws.active)
        return;
    send_event(c, "input_audio_buffer.speech_started", ",\"audio_start_ms\":0,\"item_id\":\"item_%llu\"",
               (unsigned long long)r->items + 1);
    send_event(c, "input_audio_buffer.speech_stopped", ",\"audio_end_ms\":500,\"item_id\":\"item_%llu\"",
               (unsigned long long)r->items + 1);
    on_commit(c, id);
    if (!r->only)
        begin_response(c);
}

static void on_create(struct sim_call *c, yyjson_val *root, struct sl_str id)
{
    struct sim_realtime *r = c->more;
    if (r->ws.active) {
        send_error(c, "conversation_already_has_active_response", "Conversation already has an active response.", id);
        return;
    }
    read_modalities(r, yyjson_obj_get(root, "response"));
    begin_response(c);
}

static void on_cancel(struct sim_call *c, struct sl_str id)
{
    const struct sim_realtime *r = c->more;
    if (!r->ws.active) {
        send_error(c, "response_cancel_not_active", "Cancellation failed: no active response found.", id);
        return;
    }
    sl_timer_cancel(c->sim->loop, &c->timer);
    response_done(c, "cancelled");
}

static void on_message(struct sim_call *c, yyjson_val *root)
{
    struct sim_realtime *r = c->more;
    struct sl_str type = text_of(root, "type"), id = text_of(root, "event_id");
    if (sl_str_eq(type, SL_STR("session.update")) ||
        (r->only && sl_str_eq(type, SL_STR("transcription_session.update")))) {
        on_session(c, root, id);
    } else if (sl_str_eq(type, SL_STR("conversation.item.create"))) {
        on_item(c, root, id);
    } else if (sl_str_eq(type, SL_STR("input_audio_buffer.append"))) {
        on_append(c, root, id);
    } else if (sl_str_eq(type, SL_STR("input_audio_buffer.commit"))) {
        on_commit(c, id);
    } else if (sl_str_eq(type, SL_STR("input_audio_buffer.clear"))) {
        r->pending = 0;
        send_event(c, "input_audio_buffer.cleared", "%s", "");
    } else if (r->only && sl_str_starts(type, SL_STR("response."))) {
        send_error(c, "invalid_request_error", "Transcription sessions make no responses.", id);
    } else if (sl_str_eq(type, SL_STR("response.create"))) {
        on_create(c, root, id);
    } else if (sl_str_eq(type, SL_STR("response.cancel"))) {
        on_cancel(c, id);
    } else {
        send_error(c, "invalid_value", "Invalid value: this is no type of an event of a client.", id);
    }
}

static void on_garbage(struct sim_call *c)
{
    send_error(c, "invalid_event", "The event is no JSON object.", SL_STR_NONE);
}

/* ---- the upgrade ---- */

static bool is_path(struct sl_str path)
{
    return sl_str_eq(path, SL_STR("/v1/realtime")) || sl_str_eq(path, SL_STR("/openai/v1/realtime")) ||
           sl_str_eq(path, SL_STR("/openai/realtime"));
}

static bool transcribes(const struct sim_call *c)
{
    struct sl_str intent;
    return url_query_find(c->r->query, SL_STR("intent"), &intent) && sl_str_eq(intent, SL_STR("transcription"));
}

static const struct sim_ws_kind kind = {.message = on_message, .no_object = on_garbage, .account = account};

static void upgrade(struct sim_call *c)
{
    struct sim_realtime *r = SL_ARENA_NEW(c->s->arena, struct sim_realtime);
    if (!sim_ws_begin(c, &r->ws, &kind))
        return;
    r->beta = sl_str_find_str(sim_header(c, "openai-beta"), SL_STR("realtime=v1")) >= 0;
    r->words = WORDS;
    r->only = r->transcribes = transcribes(c);
    if (sim_fault_marked(c, MARK_ERROR) != NULL) {
        send_error(c, "insufficient_quota", "You exceeded your current quota.", SL_STR_NONE);
        sim_ws_hang_up(c, WS_CODE_POLICY, SL_STR("quota"));
        return;
    }
    if (r->only && c->model.n > 0) {
        send_error(c, "invalid_model", "You must not provide a model parameter for transcription sessions.",
                   SL_STR_NONE);
        sim_ws_hang_up(c, WS_CODE_POLICY, SL_STR("model"));
        return;
    }
    send_event(c, "session.created",
               ",\"session\":{\"type\":\"%s\",\"object\":\"realtime.session\",\"id\":\"sess_1\",\"model\":\"" SL_STR_FMT
               "\",\"output_modalities\":[\"text\"]}",
               r->only ? "transcription" : "realtime", SL_STR_ARG(c->model));
    http_stream_read(c->s, true);
}

bool sim_realtime_serve(struct sim_call *c)
{
    static const struct sim_error upgrade_wanted = {
        .status = 426, .type = "invalid_request_error", .message = "Upgrade to a WebSocket is required."};
    static const struct sim_error broken = {
        .status = 400, .type = "invalid_request_error", .message = "The handshake is malformed."};
    static const struct sim_error no_model = {.status = 400,
                                              .type = "invalid_request_error",
                                              .code = "missing_model",
                                              .message = "You must provide a model parameter."};
    struct sl_str model;
    if (c->r->method != HTTP_GET || !is_path(c->r->path))
        return false;
    enum ws_ask ask = ws_asked(c->r);
    c->stream = true;
    if (ask != WS_ASK_OK) {
        sim_refuse(c, ask == WS_ASK_NOT ? &upgrade_wanted : &broken);
        return true;
    }
    bool named = (url_query_find(c->r->query, SL_STR("model"), &model) ||
                  url_query_find(c->r->query, SL_STR("deployment"), &model)) &&
                 model.n > 0;
    if (!named)
        model = SL_STR("");
    if ((!named && !transcribes(c)) || sl_str_find(model, '"') >= 0) {
        sim_refuse(c, &no_model);
        return true;
    }
    c->model = sim_unescape(c, model);
    sim_faults_choose(c);
    int64_t wait = sim_fault_delay_ns(c);
    if (wait > 0)
        sim_after(c, wait, upgrade);
    else
        upgrade(c);
    return true;
}
