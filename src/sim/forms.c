/* Forms: transcriptions, translations of speech, edits of images (openai.md 12, 13). Answers say what was received (how many bytes of
 * which file, and a hash of them), so that tests can tell that a file arrived as it was sent. Read without http/multipart: a
 * second, independent reading. */
#include "base/base64.h"
#include "base/hash.h"
#include "sim/sim_int.h"

static const struct sim_format sim_form = {.name = "form", .vendor = VENDOR_OPENAI};

#define AUDIO_BYTES_A_TOKEN 100u
#define IMAGE_TOKENS 64u

struct sim_form_ask {
    struct sl_str boundary, file, file_name, format, n;
    uint32_t files;
    uint64_t file_bytes;
    bool bad;
};

static struct sl_str quoted(struct sl_str head, struct sl_str mark)
{
    ptrdiff_t at = sl_str_find_str(head, mark);
    struct sl_str rest = at >= 0 ? sl_str_from(head, (size_t)at + mark.n) : SL_STR_NONE;
    return at >= 0 ? sl_str_cut(&rest, '"') : SL_STR_NONE;
}

static void take_part(struct sim_call *c, struct sim_form_ask *a, struct sl_str head, struct sl_str body)
{
    struct sl_str name = quoted(head, SL_STR(" name=\""));
    if (sl_str_find_str(head, SL_STR("; filename=\"")) >= 0) {
        if (a->files++ == 0) {
            a->file = body;
            a->file_name = quoted(head, SL_STR("; filename=\""));
        }
        a->file_bytes += body.n;
    } else if (sl_str_eq(name, SL_STR("model"))) {
        c->model = sl_arena_str(c->s->arena, body);
    } else if (sl_str_eq(name, SL_STR("stream"))) {
        c->stream = sl_str_eq_nocase(body, SL_STR("true"));
    } else if (sl_str_eq(name, SL_STR("response_format"))) {
        a->format = body;
    } else {
        c->prompt += (uint32_t)(body.n + 3) / 4;
    }
}

static void read_form(struct sim_call *c, struct sl_str raw, struct sim_form_ask *a)
{
    struct sl_str type = http_headers_get(&c->r->headers, HN_CONTENT_TYPE);
    ptrdiff_t at = sl_str_find_str(type, SL_STR("boundary="));
    a->bad = true;
    if (at < 0)
        return;
    struct sl_str b = sl_str_from(type, (size_t)at + 9);
    if (b.n > 2 && b.p[0] == '"')
        b = sl_str_of(b.p + 1, b.n - 2);
    struct sl_str line = sl_arena_printf(c->s->arena, "--" SL_STR_FMT, SL_STR_ARG(b)),
                  between = sl_arena_printf(c->s->arena, "\r\n--" SL_STR_FMT, SL_STR_ARG(b));
    if (!sl_str_starts(raw, line))
        return;
    raw = sl_str_from(raw, line.n);
    while (sl_str_starts(raw, SL_STR("\r\n"))) {
        ptrdiff_t head = sl_str_find_str(raw, SL_STR("\r\n\r\n"));
        if (head < 0)
            return;
        struct sl_str body = sl_str_from(raw, (size_t)head + 4);
        ptrdiff_t end = sl_str_find_str(body, between);
        if (end < 0)
            return;
        take_part(c, a, sl_str_head(raw, (size_t)head), sl_str_head(body, (size_t)end));
        raw = sl_str_from(body, (size_t)end + between.n);
    }
    a->bad = !sl_str_starts(raw, SL_STR("--"));
}

static struct sl_str heard(struct sim_call *c, const struct sim_form_ask *a)
{
    static const struct sl_hash_key key = {1, 2};
    return sl_arena_printf(c->s->arena, "heard %llu bytes %016llx of " SL_STR_FMT " as " SL_STR_FMT,
                           (unsigned long long)a->file.n, (unsigned long long)sl_hash(key, a->file),
                           SL_STR_ARG(a->file_name), SL_STR_ARG(c->model));
}

/* ---- speech ---- */

static void add_usage(struct sim_call *c, struct sl_buf *b)
{
    if (sl_str_starts(c->model, SL_STR("whisper"))) {
        sl_buf_addf(b, ",\"usage\":{\"type\":\"duration\",\"seconds\":%llu}",
                    (unsigned long long)(c->units[UU_AUDIO_MS_IN] / 1000));
        return;
    }
    uint32_t audio = c->audio_in, text = c->prompt - audio;
    sl_buf_addf(b,
                ",\"usage\":{\"type\":\"tokens\",\"input_tokens\":%u,\"input_token_details\":{\"text_tokens\":%u,"
                "\"audio_tokens\":%u},\"output_tokens\":%u,\"total_tokens\":%u}",
                c->prompt, text, audio, c->tokens, c->prompt + c->tokens);
    c->usage_sent = true;
}

static void write_speech(struct sim_call *c, struct sl_buf *b, struct sl_str text)
{
    sl_buf_adds(b, SL_STR("{\"text\":"));
    sl_buf_add_json(b, text);
    add_usage(c, b);
    sl_buf_addc(b, '}');
}

static void stream_speech(struct sim_call *c, struct sl_buf *b, struct sl_str text)
{
    struct sl_str rest = text;
    bool cut = sim_fault_marked(c, MARK_CUT) != NULL;
    while (rest.n > 0) {
        size_t n = rest.n < 8 ? rest.n : 8;
        sl_buf_adds(b, SL_STR("data: {\"type\":\"transcript.text.delta\",\"delta\":"));
        sl_buf_add_json(b, sl_str_head(rest, n));
        sl_buf_adds(b, SL_STR("}\n\n"));
        rest = sl_str_from(rest, n);
    }
    if (cut)
        return;
    sl_buf_adds(b, SL_STR("data: {\"type\":\"transcript.text.done\",\"text\":"));
    sl_buf_add_json(b, text);
    add_usage(c, b);
    sl_buf_adds(b, SL_STR("}\n\n"));
}

/* ---- images ---- */

static void write_image(struct sim_call *c, struct sl_buf *b, const struct sim_form_ask *a, struct sl_str text)
{
    char *image = sl_arena_alloc(c->s->arena, SL_BASE64_BYTES(text.n));
    struct sl_str said = sl_str_of(image, sl_base64_encode(text, image));
    uint32_t words = c->prompt;
    c->prompt += a->files * IMAGE_TOKENS;
    c->tokens = 2 * IMAGE_TOKENS;
    c->image_in = a->files * IMAGE_TOKENS;
    c->image_out = c->tokens;
    c->units[UU_IMAGES_OUT] = 1;
    if (c->stream) {
        sl_buf_adds(b, SL_STR("event: image_edit.partial_image\ndata: {\"type\":\"image_edit.partial_image\","
                              "\"partial_image_index\":0,\"b64_json\":\"QUJD\"}\n\n"
                              "event: image_edit.completed\ndata: {\"type\":\"image_edit.completed\",\"b64_json\":\""));
        sl_buf_adds(b, said);
        sl_buf_addc(b, '"');
    } else {
        sl_buf_adds(b, SL_STR("{\"created\":1790000000,\"output_format\":\"png\",\"data\":[{\"b64_json\":\""));
        sl_buf_adds(b, said);
        sl_buf_adds(b, SL_STR("\"}]"));
    }
    sl_buf_addf(b,
                ",\"usage\":{\"input_tokens\":%u,\"input_tokens_details\":{\"text_tokens\":%u,\"image_tokens\":%u},"
                "\"output_tokens\":%u,\"total_tokens\":%u}}",
                c->prompt, words, a->files * IMAGE_TOKENS, c->tokens, c->prompt + c->tokens);
    sl_buf_adds(b, c->stream ? SL_STR("\n\n") : SL_STR_NONE);
    c->usage_sent = true;
}

/* ---- serving ---- */

static void go_on(struct sim_call *c)
{
    struct sl_str type = SIM_JSON;
    if (c->stream)
        type = SL_STR("text/event-stream; charset=utf-8");
    else if (c->ready.n == 0 || c->ready.p[0] != '{')
        type = SL_STR("text/plain; charset=utf-8");
    if (sim_fault_instead(c))
        return;
    c->billed = true;
    c->out_tokens = c->tokens;
    if (!sim_fault_bytes(c, c->ready, type))
        sim_answer(c, 200, type, c->ready);
}

static void write_answer(struct sim_call *c, struct sim_form_ask *a, bool image)
{
    struct sl_buf *b = &c->sim->out;
    struct sl_str text = heard(c, a);
    bool plain = sl_str_eq(a->format, SL_STR("text")) || sl_str_eq(a->format, SL_STR("srt")) ||
                 sl_str_eq(a->format, SL_STR("vtt"));
    c->tokens = (uint32_t)(text.n + 3) / 4;
    if (sl_str_starts(c->model, SL_STR("whisper")))
        c->stream = false;
    if (!image && sl_str_starts(c->model, SL_STR("whisper"))) {
        c->units[UU_AUDIO_MS_IN] = (a->file.n / 16000 + 1) * 1000;
    } else if (!image) { /* billed also where the form of the answer has no place to say it */
        c->audio_in = (uint32_t)(a->file.n / AUDIO_BYTES_A_TOKEN) + 1;
        c->prompt += c->audio_in;
    }
    sl_buf_reset(b);
    if (image)
        write_image(c, b, a, text);
    else if (c->stream)
        stream_speech(c, b, text);
    else if (plain)
        sl_buf_adds(b, text);
    else
        write_speech(c, b, text);
    if (sl_str_starts(c->model, SL_STR("whisper"))) /* billed by the second */
        c->prompt = c->tokens = 0;
    c->ready = sl_arena_str(c->s->arena, sl_buf_str(b));
}

bool sim_form_serve(struct sim_call *c, struct sl_str raw)
{
    struct sl_str path = c->r->path;
    struct sim_form_ask a = {.files = 0};
    if (sl_str_starts(path, SL_STR("/v1/")))
        path = sl_str_from(path, 3);
    bool image = sl_str_eq(path, SL_STR("/images/edits")) || sl_str_eq(path, SL_STR("/images/variations"));
    bool speech = sl_str_eq(path, SL_STR("/audio/transcriptions")) || sl_str_eq(path, SL_STR("/audio/translations"));
    if (c->r->method != HTTP_POST || (!image && !speech))
        return false;
    c->format = &sim_form;
    read_form(c, raw, &a);
    if (a.bad || a.files == 0 || c->model.n == 0) {
        sim_say_no(c, "%s", a.bad ? "Could not parse multipart form" : "a part is missing: file, model");
        return true;
    }
    sim_faults_choose(c);
    write_answer(c, &a, image);
    int64_t wait = sim_fault_delay_ns(c);
    if (wait > 0)
        sim_after(c, wait, go_on);
    else
        go_on(c);
    return true;
}
