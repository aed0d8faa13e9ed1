/* Contents and their parts, as they are sent: translate-gemini.md 3.2, 3.4, 4.4, 4.6; gemini.md 3.2, 6.3 (November 2026). */
#include "dialect/gemini/gemini_int.h"

#include "base/list.h"
#include "dialect/media.h"
#include "dialect/terms.h"

#define JOIN_MAX (64u * 1024u * 1024u) /* bytes of a result's texts together */

/* Media of results that have to stand behind them. */
struct behind {
    const struct neutral_part *p;
    const struct neutral_message *at;
    struct behind *next;
};
struct result_media {
    struct behind *first, *last;
    unsigned n;
};

static bool write_media(struct gem_writer *g, const struct neutral_part *p, struct sl_str place,
                        struct sl_str signature);

static struct sl_str place_of(const struct gem_writer *g, const struct neutral_message *m, const struct neutral_part *p)
{
    return term_part(g->req, m, p, g->t->a);
}

static void write_signature(struct gem_writer *g, struct sl_str plain)
{
    if (plain.n > 0)
        jw_member_plain(&g->w, SL_STR("thoughtSignature"), plain);
}

void gem_write_text_part(struct gem_writer *g, struct sl_str inside, struct sl_str signature)
{
    jw_open(&g->w, '{');
    jw_member_inside(&g->w, SL_STR("text"), inside);
    write_signature(g, signature);
    jw_close(&g->w, '}');
}

/* -- Calls ---------------------------------------------------------------------------------------------------------------- */

static bool write_args(struct gem_writer *g, const struct gem_out_part *o)
{
    struct sl_str args = gem_trim(o->p->arguments);
    struct json_info info;
    jw_key(&g->w, SL_STR("args"));
    if (o->p->custom) {
        jw_open(&g->w, '{');
        jw_member_inside(&g->w, SL_STR("input"), o->p->text);
        jw_close(&g->w, '}');
        return true;
    }
    if (args.n == 0 || sl_str_eq(args, SL_STR("null"))) {
        jw_raw(&g->w, SL_STR("{}"));
        return true;
    }
    if (json_scan(args, NULL, 0, NULL, &info) != JSON_OK)
        return gem_reject(g, GE_MEMBER_VALUE, place_of(g, o->at, o->p), "has arguments that are not JSON");
    if (info.root == JSON_OBJECT) {
        jw_raw(&g->w, args);
        return true;
    }
    neutral_note(g->t->notes, "wrapped", place_of(g, o->at, o->p));
    jw_open(&g->w, '{');
    jw_member_raw(&g->w, SL_STR("value"), args);
    jw_close(&g->w, '}');
    return true;
}

static struct sl_str id_of(struct gem_writer *g, const struct gem_call *call)
{
    bool takes = !g->vertex && gem_flag(g, CAP_CALL_IDS) && call->call->id.n > 0;
    return takes ? names_fit(&ids_gemini, call->call->id, g->t->a) : SL_STR_NONE;
}

static struct sl_str name_of(struct gem_writer *g, const struct gem_call *call)
{
    return names_out(&g->t->names, &names_gemini, call->call->name, g->t->a);
}

static bool write_call(struct gem_writer *g, const struct gem_out_part *o, struct sl_str signature)
{
    jw_open(&g->w, '{');
    jw_key(&g->w, SL_STR("functionCall"));
    jw_open(&g->w, '{');
    jw_maybe_inside(&g->w, SL_STR("id"), id_of(g, o->call));
    jw_member_inside(&g->w, SL_STR("name"), name_of(g, o->call));
    if (!write_args(g, o))
        return false;
    jw_close(&g->w, '}');
    write_signature(g, signature);
    jw_close(&g->w, '}');
    return true;
}

/* -- Results ---------------------------------------------------------------------------------------------------------------- */

static bool is_media(const struct neutral_part *p)
{
    return p->kind == NP_IMAGE || p->kind == NP_AUDIO || p->kind == NP_VIDEO || p->kind == NP_FILE;
}

/* Whether it may be part of a functionResponse. */
static bool goes_inside(const struct gem_writer *g, const struct neutral_part *p)
{
    static const struct sl_str mimes[] = {SL_STR_INIT("image/png"), SL_STR_INIT("image/jpeg"),
                                          SL_STR_INIT("image/webp"), SL_STR_INIT("application/pdf"),
                                          SL_STR_INIT("text/plain")};
    if (!gem_flag(g, CAP_MEDIA_IN_RESULTS) || p->media.source != NS_BASE64)
        return false;
    struct sl_str mime = p->media.mime.n > 0 ? p->media.mime : media_sniff(p->media.data);
    for (size_t i = 0; i < sizeof mimes / sizeof mimes[0]; i++)
        if (sl_str_eq_nocase(mime, mimes[i]))
            return true;
    return false;
}

/* The texts of a result, with a word for each medium that follows behind. inside. */
static struct sl_str result_text(struct gem_writer *g, const struct gem_call *call, struct result_media *media)
{
    struct sl_buf b;
    const struct neutral_part *only = call->result->content;
    if (only == NULL || (only->next == NULL && only->kind == NP_TEXT))
        return only != NULL ? only->text : SL_STR_NONE;
    sl_buf_init(&b, JOIN_MAX);
    for (const struct neutral_part *p = only; p != NULL; p = p->next) {
        bool text = p->kind == NP_TEXT || p->kind == NP_REFUSAL;
        if (text || p->kind == NP_UNKNOWN || p->kind == NP_HOSTED) {
            if (b.n > 0)
                sl_buf_adds(&b, SL_STR("\\n"));
            sl_buf_adds(&b, text ? p->text : json_escape(p->raw, g->t->a));
        } else if (is_media(p) && !goes_inside(g, p)) {
            struct behind *m = SL_ARENA_NEW(g->t->a, struct behind);
            *m = (struct behind){.p = p, .at = call->result_at};
            SL_APPEND(media->first, media->last, m);
            sl_buf_addf(&b, "%s[%s %u attached below]", b.n > 0 ? "\\n" : "", p->kind == NP_IMAGE ? "image" : "file",
                        ++media->n);
        }
    }
    struct sl_str out = sl_arena_str(g->t->a, sl_buf_str(&b));
    sl_buf_done(&b);
    return out;
}

/* An object. Clients of OpenAI and Gemini give one as it is; Anthropic's results are texts, whatever they look like. */
static void write_response(struct gem_writer *g, const struct gem_call *call, struct result_media *media)
{
    struct json_writer *w = &g->w;
    const struct neutral_part *p = call->result;
    jw_key(w, SL_STR("response"));
    if (p == NULL) {
        jw_raw(w, SL_STR("{\"error\":\"no result provided\"}"));
        return;
    }
    if (g->from_google && p->raw.n > 0) {
        jw_raw(w, p->raw);
        return;
    }
    struct sl_str text = result_text(g, call, media);
    bool texts_only = g->req->from != NULL && sl_str_eq(g->req->from->name, SL_STR("anthropic"));
    bool object = !texts_only && !p->is_error && sl_str_find(sl_str_head(text, 16), '{') >= 0;
    struct sl_str plain = object ? gem_trim(json_plain(text, g->t->a)) : SL_STR_NONE;
    if (object && json_is(plain, JSON_OBJECT)) {
        jw_raw(w, plain);
        return;
    }
    jw_open(w, '{');
    jw_member_inside(w, p->is_error ? SL_STR("error") : SL_STR("output"), text);
    jw_close(w, '}');
}

static bool write_inside_media(struct gem_writer *g, const struct gem_call *call)
{
    bool open = false;
    for (const struct neutral_part *p = call->result != NULL ? call->result->content : NULL; p != NULL; p = p->next) {
        if (!is_media(p) || !goes_inside(g, p))
            continue;
        if (!open) {
            jw_key(&g->w, SL_STR("parts"));
            jw_open(&g->w, '[');
        }
        open = true;
        if (!write_media(g, p, place_of(g, call->result_at, p), SL_STR_NONE))
            return false;
    }
    if (open)
        jw_close(&g->w, ']');
    return true;
}

static bool write_result(struct gem_writer *g, const struct gem_call *call, struct result_media *media)
{
    jw_open(&g->w, '{');
    jw_key(&g->w, SL_STR("functionResponse"));
    jw_open(&g->w, '{');
    jw_maybe_inside(&g->w, SL_STR("id"), id_of(g, call));
    jw_member_inside(&g->w, SL_STR("name"), name_of(g, call));
    write_response(g, call, media);
    if (!write_inside_media(g, call))
        return false;
    jw_close(&g->w, '}');
    jw_close(&g->w, '}');
    return true;
}

/* -- Media ------------------------------------------------------------------------------------------------------------------ */

/* "wav" of OpenAI's input_audio; types with parameters; names that Google does not know. */
static struct sl_str mime_of(struct gem_writer *g, const struct neutral_part *p)
{
    struct sl_str mime = p->media.mime;
    if (mime.n > 0 && sl_str_find(mime, '/') < 0 && p->kind == NP_AUDIO)
        return sl_arena_printf(g->t->a, "audio/" SL_STR_FMT, SL_STR_ARG(mime));
    mime = sl_str_trim(sl_str_cut(&mime, ';'));
    if (sl_str_eq_nocase(mime, SL_STR("image/jpg")))
        return SL_STR("image/jpeg");
    if (mime.n > 0)
        return mime;
    if (p->media.source == NS_BASE64)
        mime = media_sniff(p->media.data);
    if (mime.n == 0)
        mime = media_by_name(json_plain(p->media.filename.n > 0 ? p->media.filename : p->media.data, g->t->a));
    return mime;
}

static bool write_inline(struct gem_writer *g, const struct neutral_part *p, struct sl_str place)
{
    struct sl_str data = media_base64(p->media.data, g->t->a), mime = mime_of(g, p);
    if (data.n == 0)
        return gem_reject(g, GE_MEMBER_VALUE, place, "is not base64");
    if (mime.n == 0)
        return gem_reject(g, GE_MEMBER_VALUE, place, "does not say what type it is of");
    jw_key(&g->w, SL_STR("inlineData"));
    jw_open(&g->w, '{');
    jw_member_inside(&g->w, SL_STR("mimeType"), mime);
    jw_member_inside(&g->w, SL_STR("data"), data);
    jw_close(&g->w, '}');
    return true;
}

/* What Google fetches by itself: its own files, videos of YouTube, Cloud Storage; any public address on Vertex. */
static bool takes_uri(const struct gem_writer *g, const struct neutral_part *p, struct sl_str plain)
{
    bool google = sl_str_find_str(plain, SL_STR("generativelanguage.googleapis.com/")) >= 0;
    bool tube = sl_str_find_str(plain, SL_STR("youtube.com/")) >= 0 || sl_str_find_str(plain, SL_STR("youtu.be/")) >= 0;
    if (p->media.source == NS_FILE_ID)
        return google || sl_str_starts(plain, SL_STR("files/"));
    return google || tube || g->vertex || sl_str_starts(plain, SL_STR("gs://")) || gem_flag(g, CAP_IMAGE_URLS);
}

static void write_uri(struct gem_writer *g, const struct neutral_part *p)
{
    struct sl_str mime = mime_of(g, p);
    if (mime.n == 0 && p->kind == NP_IMAGE)
        mime = SL_STR("image/jpeg"); /* a guess: the type is needed on Vertex */
    jw_key(&g->w, SL_STR("fileData"));
    jw_open(&g->w, '{');
    jw_maybe_inside(&g->w, SL_STR("mimeType"), mime);
    jw_member_inside(&g->w, SL_STR("fileUri"), p->media.data);
    jw_close(&g->w, '}');
}

static bool write_detail(struct gem_writer *g, const struct neutral_part *p, struct sl_str place)
{
    bool low = sl_str_eq(p->media.detail, SL_STR("low")), high = sl_str_eq(p->media.detail, SL_STR("high"));
    if (!low && !high)
        return true;
    if (!gem_flag(g, CAP_MEDIA_IN_RESULTS)) { /* both came with the third generation */
        neutral_notef(g->t->notes, "", SL_STR_FMT ".detail", SL_STR_ARG(place));
        return true;
    }
    jw_key(&g->w, SL_STR("mediaResolution"));
    jw_open(&g->w, '{');
    jw_member_inside(&g->w, SL_STR("level"), low ? SL_STR("MEDIA_RESOLUTION_LOW") : SL_STR("MEDIA_RESOLUTION_HIGH"));
    jw_close(&g->w, '}');
    return true;
}

/* Above 0, at most 24 (gemini.md 4.2): what is not gives an opaque 500 there. */
static bool is_rate(struct sl_str number)
{
    uint64_t whole = 0;
    struct sl_str rest = number, head = sl_str_cut(&rest, '.');
    if (json_is_zero(number) || !sl_str_to_u64(head, &whole))
        return false;
    return whole < 24 || (whole == 24 && (rest.n == 0 || json_is_zero(rest)));
}

static void write_rate(struct gem_writer *g, const struct neutral_part *p, struct sl_str place)
{
    if (p->media.fps.n == 0)
        return;
    if (!is_rate(p->media.fps)) {
        neutral_notef(g->t->notes, "", SL_STR_FMT ".fps", SL_STR_ARG(place));
        return;
    }
    jw_key(&g->w, SL_STR("videoMetadata"));
    jw_open(&g->w, '{');
    jw_member_raw(&g->w, SL_STR("fps"), p->media.fps);
    jw_close(&g->w, '}');
}

static void write_document(struct gem_writer *g, const struct neutral_part *p)
{
    jw_key(&g->w, SL_STR("text"));
    jw_string(&g->w);
    if (p->media.filename.n > 0) {
        jw_piece_inside(&g->w, p->media.filename);
        jw_piece_inside(&g->w, SL_STR(":\\n\\n"));
    }
    if (p->media.context.n > 0) {
        jw_piece_inside(&g->w, p->media.context);
        jw_piece_inside(&g->w, SL_STR("\\n\\n"));
    }
    jw_piece_inside(&g->w, p->media.data);
    jw_string_end(&g->w);
}

static bool write_media(struct gem_writer *g, const struct neutral_part *p, struct sl_str place,
                        struct sl_str signature)
{
    struct sl_str plain = p->media.source == NS_BASE64 ? SL_STR_NONE : json_plain(p->media.data, g->t->a);
    bool uri = p->media.source == NS_URL || p->media.source == NS_FILE_ID;
    if (uri && !takes_uri(g, p, plain)) {
        const char *how = p->media.source == NS_URL ? "the model cannot fetch addresses" : "the file is kept elsewhere";
        if (!translation_fetches(g->t, p, place) && gem_drops(g, true, place, how))
            return false;
        gem_write_text_part(g, SL_STR(" "), signature); /* a content without parts is refused */
        return true;
    }
    if (p->media.source != NS_TEXT && p->media.context.n > 0)
        neutral_notef(g->t->notes, "", SL_STR_FMT ".context", SL_STR_ARG(place));
    jw_open(&g->w, '{');
    if (p->media.source == NS_TEXT)
        write_document(g, p);
    else if (uri)
        write_uri(g, p);
    else if (!write_inline(g, p, place))
        return false;
    if (p->media.source != NS_TEXT && !write_detail(g, p, place))
        return false;
    write_rate(g, p, place);
    write_signature(g, signature);
    jw_close(&g->w, '}');
    return true;
}

/* -- Contents --------------------------------------------------------------------------------------------------------------- */

static void open_content(struct gem_writer *g, bool model)
{
    jw_open(&g->w, '{');
    sl_buf_adds(g->w.to, model ? SL_STR("\"role\":\"model\",\"parts\":[") : SL_STR("\"role\":\"user\",\"parts\":["));
    g->w.comma = false;
}

static void close_content(struct gem_writer *g)
{
    jw_close(&g->w, ']');
    jw_close(&g->w, '}');
}

static bool write_results(struct gem_writer *g, const struct gem_call *calls)
{
    struct result_media media = {.n = 0};
    open_content(g, false);
    for (const struct gem_call *call = calls; call != NULL; call = call->next)
        if (!write_result(g, call, &media))
            return false;
    close_content(g);
    if (media.first == NULL)
        return true;
    open_content(g, false);
    for (const struct behind *m = media.first; m != NULL; m = m->next)
        if (!write_media(g, m->p, place_of(g, m->at, m->p), SL_STR_NONE))
            return false;
    close_content(g);
    return true;
}

static bool write_part(struct gem_writer *g, const struct gem_out_part *p, struct sl_str signature)
{
    switch (p->kind) {
    case GO_TEXT:
        gem_write_text_part(g, p->text, signature);
        return true;
    case GO_MEDIA:
        return write_media(g, p->p, place_of(g, p->at, p->p), signature);
    case GO_CALL:
        return write_call(g, p, signature);
    case GO_RAW:
        jw_open(&g->w, '{');
        jw_member_raw(&g->w, p->p->type, p->p->raw);
        write_signature(g, signature);
        jw_close(&g->w, '}');
        return true;
    }
    return true;
}

bool gem_write_content(struct gem_writer *g, const struct gem_content *c)
{
    bool called = false;
    if (c->results != NULL)
        return write_results(g, c->results);
    open_content(g, c->model);
    for (const struct gem_out_part *p = c->first; p != NULL; p = p->next) {
        struct sl_str signature = p->signature;
        bool first_call = p->kind == GO_CALL && !called;
        called |= first_call;
        if (first_call && signature.n == 0 && gem_flag(g, CAP_SIGNED_CALLS))
            signature = GEM_BYPASS;
        if (!write_part(g, p, signature))
            return false;
    }
    close_content(g);
    return true;
}
