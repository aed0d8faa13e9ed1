/* Parts of messages in the chat format. What cannot be sent is found before anything is written. Decisions:
 * translate-openai-anthropic.md 5.2 and 15, translate-gemini.md 12.1 (November 2026). */
#include "dialect/carrier.h"
#include "dialect/media.h"
#include "dialect/openai_chat/chat_write.h"
#include "dialect/unseal.h"

static enum chat_sending cannot(struct chat_write *cw, const struct neutral_message *m, const struct neutral_part *p,
                                const char *how)
{
    bool refused = chat_refuses(cw, true, term_part(cw->req, m, p, cw->t->a), how);
    return refused ? SENDING_REFUSED : SENDING_SKIP;
}

/* Data it would take, an address it does not. */
static enum chat_sending no_url(struct chat_write *cw, const struct neutral_message *m, const struct neutral_part *p,
                                const char *how)
{
    if (translation_fetches(cw->t, p, term_part(cw->req, m, p, cw->t->a)))
        return SENDING_SKIP;
    return cannot(cw, m, p, how);
}

/* Whatever the client allows to be dropped: this is no wish, it is broken. */
static enum chat_sending broken(struct chat_write *cw, const struct neutral_message *m, const struct neutral_part *p,
                                const char *what)
{
    struct sl_str path = term_part(cw->req, m, p, cw->t->a);
    *cw->refusal = (struct request_refusal){
        .error = {.error = GE_MEMBER_VALUE,
                  .param = path,
                  .message = sl_arena_printf(cw->t->a, "'" SL_STR_FMT "' %s.", SL_STR_ARG(path), what)}};
    return SENDING_REFUSED;
}

static enum chat_sending prepare_image(struct chat_write *cw, const struct neutral_message *m, struct chat_piece *to)
{
    const struct neutral_media *media = &to->p->media;
    if (!caps_has(cw->t->caps, CAP_IMAGES))
        return cannot(cw, m, to->p, "it takes no images");
    if (media->source == NS_URL) {
        to->data = media->data;
        return caps_has(cw->t->caps, CAP_IMAGE_URLS) && !translation_lacks(cw->t, SL_STR("image_url.url"))
                   ? SENDING_YES
                   : no_url(cw, m, to->p, "it takes no images by URL");
    }
    if (media->source != NS_BASE64)
        return cannot(cw, m, to->p, "it takes images as a URL or as data");
    to->data = media_base64(media->data, cw->t->a);
    if (to->data.n == 0)
        return broken(cw, m, to->p, "has data that is not base64");
    to->mime = media_sniff(to->data); /* what it says it is may be wrong, and is an error upstream */
    if (!sl_str_starts(to->mime, SL_STR("image/")))
        to->mime = json_plain(media->mime, cw->t->a);
    return sl_str_starts(to->mime, SL_STR("image/")) ? SENDING_YES : broken(cw, m, to->p, "is no image");
}

static struct sl_str audio_format(struct sl_str mime)
{
    static const struct {
        struct sl_str mime, format;
    } rows[] = {
        {SL_STR_INIT("audio/wav"), SL_STR_INIT("wav")}, {SL_STR_INIT("audio/x-wav"), SL_STR_INIT("wav")},
        {SL_STR_INIT("wav"), SL_STR_INIT("wav")},       {SL_STR_INIT("audio/mpeg"), SL_STR_INIT("mp3")},
        {SL_STR_INIT("audio/mp3"), SL_STR_INIT("mp3")}, {SL_STR_INIT("mp3"), SL_STR_INIT("mp3")},
    };
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++)
        if (sl_str_eq(rows[i].mime, mime))
            return rows[i].format;
    return SL_STR_NONE;
}

static enum chat_sending prepare_audio(struct chat_write *cw, const struct neutral_message *m, struct chat_piece *to)
{
    const struct neutral_media *media = &to->p->media;
    if (!caps_has(cw->t->caps, CAP_AUDIO))
        return cannot(cw, m, to->p, "it takes no audio");
    if (media->source != NS_BASE64)
        return no_url(cw, m, to->p, "it takes audio as data only");
    to->data = media_base64(media->data, cw->t->a);
    if (to->data.n == 0)
        return broken(cw, m, to->p, "has data that is not base64");
    struct sl_str mime = json_plain(media->mime, cw->t->a);
    to->mime = audio_format(mime.n > 0 ? mime : media_sniff(to->data));
    if (to->mime.n == 0 && !cw->openai && sl_str_starts(mime, SL_STR("audio/")))
        to->mime = sl_str_from(mime, 6);
    return to->mime.n > 0 ? SENDING_YES : cannot(cw, m, to->p, "it takes wav and mp3");
}

static enum chat_sending prepare_video(struct chat_write *cw, const struct neutral_message *m, struct chat_piece *to)
{
    const struct neutral_media *media = &to->p->media;
    if (cw->openai || !caps_has(cw->t->caps, CAP_VIDEO))
        return cannot(cw, m, to->p, "it takes no video");
    if (media->source != NS_URL && media->source != NS_BASE64)
        return cannot(cw, m, to->p, "it takes video as a URL or as data");
    to->data = media->source == NS_URL ? media->data : media_base64(media->data, cw->t->a);
    if (to->data.n == 0)
        return broken(cw, m, to->p, "has data that is not base64");
    struct sl_str mime = json_plain(media->mime, cw->t->a);
    to->mime = sl_str_starts(mime, SL_STR("video/")) ? mime : SL_STR("video/mp4");
    if (media->fps.n > 0 && !sl_str_eq(cw->t->platform, SL_STR("ark")))
        neutral_notef(cw->t->notes, "", SL_STR_FMT ".fps", SL_STR_ARG(term_part(cw->req, m, to->p, cw->t->a)));
    return SENDING_YES;
}

/* Texts go as text with their title above: every model reads that. */
static enum chat_sending prepare_file(struct chat_write *cw, const struct neutral_message *m, struct chat_piece *to)
{
    const struct neutral_media *media = &to->p->media;
    bool own_id = cw->openai && cw->req->from != NULL && cw->req->from->errors == ERRORS_OPENAI;
    to->data = media->data;
    if (media->source == NS_TEXT)
        return SENDING_YES;
    if (media->source == NS_FILE_ID)
        return own_id ? SENDING_YES : cannot(cw, m, to->p, "the file is not in its store");
    if (media->source == NS_URL)
        return no_url(cw, m, to->p, "it takes no files by URL");
    to->data = media_base64(media->data, cw->t->a);
    if (to->data.n == 0)
        return broken(cw, m, to->p, "has data that is not base64");
    struct sl_str mime = media_sniff(to->data);
    to->mime = mime.n > 0 ? mime : json_plain(media->mime, cw->t->a);
    if (sl_str_starts(to->mime, SL_STR("image/")))
        return prepare_image(cw, m, to);
    bool pdf = sl_str_eq(to->mime, SL_STR("application/pdf"));
    if (!caps_has(cw->t->caps, CAP_PDF) || (!pdf && !cw->openai))
        return cannot(cw, m, to->p, "it takes no such files");
    if (media->context.n > 0)
        neutral_notef(cw->t->notes, "", SL_STR_FMT ".context", SL_STR_ARG(term_part(cw->req, m, to->p, cw->t->a)));
    return to->mime.n > 0 ? SENDING_YES : broken(cw, m, to->p, "is a file of no known type");
}

enum chat_sending chat_prepare(struct chat_write *cw, const struct neutral_message *m, const struct neutral_part *p,
                               struct chat_piece *out)
{
    *out = (struct chat_piece){.p = p};
    switch (p->kind) {
    case NP_TEXT:
    case NP_REFUSAL:
        out->data = p->text;
        return p->text.n > 0 ? SENDING_YES : SENDING_SKIP;
    case NP_IMAGE:
        return prepare_image(cw, m, out);
    case NP_AUDIO:
        return prepare_audio(cw, m, out);
    case NP_VIDEO:
        return prepare_video(cw, m, out);
    case NP_FILE:
        return prepare_file(cw, m, out);
    case NP_UNKNOWN:
        if (cw->req->from == &openai_chat_dialect)
            return SENDING_YES;
        return cannot(cw, m, p, "it does not know this kind of part");
    case NP_HOSTED: /* what a provider's own tool did: no user wrote it */
    case NP_REASONING:
        return SENDING_SKIP;
    default:
        return cannot(cw, m, p, "it cannot stand here");
    }
}

/* -- Written ------------------------------------------------------------------------------------------------------------------- */

static void write_data_url(struct chat_write *cw, struct sl_str name, const struct chat_piece *piece)
{
    jw_key(&cw->w, name);
    jw_string(&cw->w);
    if (piece->p->media.source == NS_BASE64) {
        jw_piece_inside(&cw->w, SL_STR("data:"));
        jw_piece_plain(&cw->w, piece->mime);
        jw_piece_inside(&cw->w, SL_STR(";base64,"));
    }
    jw_piece_inside(&cw->w, piece->data);
    jw_string_end(&cw->w);
}

static void write_image(struct chat_write *cw, const struct chat_piece *piece)
{
    struct sl_str detail = piece->p->media.detail;
    bool original = sl_str_eq(detail, SL_STR("original"));
    bool known = original || sl_str_eq(detail, SL_STR("low")) || sl_str_eq(detail, SL_STR("high")) ||
                 sl_str_eq(detail, SL_STR("auto"));
    jw_key(&cw->w, SL_STR("image_url"));
    jw_open(&cw->w, '{');
    write_data_url(cw, SL_STR("url"), piece);
    if (known)
        jw_member_inside(&cw->w, SL_STR("detail"), original && !cw->openai ? SL_STR("high") : detail);
    jw_close(&cw->w, '}');
}

static void write_audio(struct chat_write *cw, const struct chat_piece *piece)
{
    jw_key(&cw->w, SL_STR("input_audio"));
    jw_open(&cw->w, '{');
    jw_member_inside(&cw->w, SL_STR("data"), piece->data);
    jw_member_plain(&cw->w, SL_STR("format"), piece->mime);
    jw_close(&cw->w, '}');
}

static void write_video(struct chat_write *cw, const struct chat_piece *piece)
{
    jw_key(&cw->w, SL_STR("video_url"));
    jw_open(&cw->w, '{');
    write_data_url(cw, SL_STR("url"), piece);
    if (sl_str_eq(cw->t->platform, SL_STR("ark")))
        jw_maybe_raw(&cw->w, SL_STR("fps"), piece->p->media.fps);
    jw_close(&cw->w, '}');
}

static void write_file(struct chat_write *cw, const struct chat_piece *piece)
{
    const struct neutral_media *media = &piece->p->media;
    jw_key(&cw->w, SL_STR("file"));
    jw_open(&cw->w, '{');
    if (media->source == NS_FILE_ID) {
        jw_member_inside(&cw->w, SL_STR("file_id"), piece->data);
    } else {
        jw_member_inside(&cw->w, SL_STR("filename"),
                         media_file_name(media->filename, sl_str_eq(piece->mime, SL_STR("application/pdf")), cw->t->a));
        write_data_url(cw, SL_STR("file_data"), piece);
    }
    jw_close(&cw->w, '}');
}

static void write_text(struct chat_write *cw, const struct chat_piece *piece)
{
    const struct neutral_media *media = &piece->p->media;
    bool file = piece->p->kind == NP_FILE;
    jw_key(&cw->w, SL_STR("text"));
    jw_string(&cw->w);
    if (file && media->filename.n > 0) {
        jw_piece_inside(&cw->w, media->filename);
        jw_piece_inside(&cw->w, SL_STR("\\n"));
    }
    if (file && media->context.n > 0) {
        jw_piece_inside(&cw->w, media->context);
        jw_piece_inside(&cw->w, SL_STR("\\n"));
    }
    jw_piece_inside(&cw->w, piece->data);
    jw_string_end(&cw->w);
}

/* At most four, so the last four (openai.md 6.3). */
void chat_write_mark(struct chat_write *cw, const struct neutral_part *p)
{
    if (p->cache == NC_NONE || !caps_has(cw->t->caps, CAP_CACHE_MARKS))
        return;
    if (cw->marks_seen++ < cw->marks_skipped)
        return;
    jw_key(&cw->w, SL_STR("prompt_cache_breakpoint"));
    jw_open(&cw->w, '{');
    jw_member_inside(&cw->w, SL_STR("mode"), SL_STR("explicit"));
    jw_member_inside(&cw->w, SL_STR("ttl"), p->cache == NC_1H ? SL_STR("12h") : SL_STR("30m"));
    jw_close(&cw->w, '}');
}

void chat_write_piece(struct chat_write *cw, const struct chat_piece *piece)
{
    static const struct {
        struct sl_str type;
        void (*write)(struct chat_write *cw, const struct chat_piece *piece);
    } kinds[] = {
        [NP_TEXT] = {SL_STR_INIT("text"), write_text},        [NP_REFUSAL] = {SL_STR_INIT("text"), write_text},
        [NP_IMAGE] = {SL_STR_INIT("image_url"), write_image}, [NP_AUDIO] = {SL_STR_INIT("input_audio"), write_audio},
        [NP_VIDEO] = {SL_STR_INIT("video_url"), write_video}, [NP_FILE] = {SL_STR_INIT("file"), write_file},
    };
    enum neutral_part_kind kind = piece->p->kind;
    if (kind == NP_UNKNOWN) {
        jw_raw(&cw->w, piece->p->raw);
        return;
    }
    if (kind == NP_FILE && piece->p->media.source == NS_TEXT)
        kind = NP_TEXT;
    else if (kind == NP_FILE && sl_str_starts(piece->mime, SL_STR("image/")))
        kind = NP_IMAGE;
    jw_open(&cw->w, '{');
    jw_member_inside(&cw->w, SL_STR("type"), kinds[kind].type);
    kinds[kind].write(cw, piece);
    chat_write_mark(cw, piece->p);
    jw_close(&cw->w, '}');
}

/* -- Reasoning ----------------------------------------------------------------------------------------------------------------- */

/* Of a thought of the same model on a compatible server: the name of the member that its text came in, or its raw details. */
static struct sl_str payload_of(struct chat_write *cw, const struct neutral_part *p)
{
    struct sl_str text = p->signature.n > 0 ? p->signature : p->encrypted;
    if (p->kind != NP_REASONING || text.n == 0)
        return SL_STR_NONE;
    struct carrier c = carrier_unpack(cw->t->a, text);
    if (c.vendor != CARRIER_OTHER || !carrier_fits(&c, cw->t->up_model))
        return SL_STR_NONE;
    return unseal_is_member(c.payload) || json_is(c.payload, JSON_ARRAY) ? c.payload : SL_STR_NONE;
}

/* Mistral's thoughts stand in the content, as parts before the text. */
static bool thinks_in_content(struct sl_str payload)
{
    return sl_str_eq(payload, SL_STR("thinking"));
}

bool chat_write_thinking_parts(struct chat_write *cw, const struct neutral_message *m)
{
    bool any = false;
    for (const struct neutral_part *p = m->parts; p != NULL && !cw->openai; p = p->next) {
        if (!thinks_in_content(payload_of(cw, p)))
            continue;
        if (!any)
            jw_open(&cw->w, '[');
        any = true;
        jw_open(&cw->w, '{');
        jw_member_inside(&cw->w, SL_STR("type"), SL_STR("thinking"));
        jw_key(&cw->w, SL_STR("thinking"));
        jw_open(&cw->w, '[');
        jw_open(&cw->w, '{');
        jw_member_inside(&cw->w, SL_STR("type"), SL_STR("text"));
        jw_member_inside(&cw->w, SL_STR("text"), p->text);
        jw_close(&cw->w, '}');
        jw_close(&cw->w, ']');
        jw_close(&cw->w, '}');
    }
    return any;
}

static bool has_call(const struct neutral_message *m)
{
    for (const struct neutral_part *p = m->parts; p != NULL; p = p->next)
        if (p->kind == NP_TOOL_CALL)
            return true;
    return false;
}

void chat_write_reasoning(struct chat_write *cw, const struct neutral_message *m)
{
    struct sl_str member = SL_STR_NONE;
    bool details = false;
    if (cw->openai)
        return;
    for (const struct neutral_part *p = m->parts; p != NULL; p = p->next) {
        struct sl_str payload = payload_of(cw, p);
        if (unseal_is_member(payload))
            member = thinks_in_content(payload) ? member : payload;
        else
            details |= payload.n > 2;
    }
    if (member.n == 0 && !details && unseal_wants_thoughts(cw->t->platform) && has_call(m))
        jw_member_inside(&cw->w, SL_STR("reasoning_content"), UNSEAL_NO_THOUGHT);
    if (member.n > 0) {
        jw_key(&cw->w, member);
        jw_string(&cw->w);
        for (const struct neutral_part *p = m->parts; p != NULL; p = p->next)
            if (sl_str_eq(payload_of(cw, p), member))
                jw_piece_inside(&cw->w, p->text);
        jw_string_end(&cw->w);
    }
    if (!details)
        return;
    jw_key(&cw->w, SL_STR("reasoning_details"));
    jw_open(&cw->w, '[');
    for (const struct neutral_part *p = m->parts; p != NULL; p = p->next) {
        struct sl_str payload = payload_of(cw, p);
        struct sl_str inner = unseal_is_member(payload) || payload.n < 2 ? SL_STR_NONE
                                                                         : sl_str_of(payload.p + 1, payload.n - 2);
        if (sl_str_trim(inner).n > 0)
            jw_raw(&cw->w, inner);
    }
    jw_close(&cw->w, ']');
}

struct sl_str chat_google_signature(struct chat_write *cw, struct sl_str signature)
{
    struct carrier c = carrier_unpack(cw->t->a, signature);
    bool back = !cw->openai && c.vendor == CARRIER_GOOGLE && carrier_fits(&c, cw->t->up_model);
    return back ? json_escape(c.payload, cw->t->a) : SL_STR_NONE;
}
