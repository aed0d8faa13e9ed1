/* Images, documents, video and audio as blocks. Bytes go as base64, what lies on S3 by its address; other addresses are fetched by the
 * gateway where it does that. Source: bedrock.md 6.1 (November 2026). */
#include "dialect/bedrock_converse/converse_int.h"

#include "dialect/media.h"

#define NAME_MAX_BYTES 200u

/* Only letters, digits, single blanks, hyphens, parentheses and brackets; unique in a request. */
static struct sl_str document_name(struct converse_writing *w, struct sl_str filename)
{
    struct sl_str plain = json_plain(filename, w->a);
    char *out = sl_arena_alloc(w->a, NAME_MAX_BYTES);
    size_t n = 0, end = plain.n, room = NAME_MAX_BYTES - 16;
    for (size_t i = 0; i < plain.n; i++)
        if (plain.p[i] == '.')
            end = i;
    for (size_t i = 0; i < end && n < room; i++) {
        char lower = sl_lower(plain.p[i]);
        bool fine = (lower >= 'a' && lower <= 'z') || (lower >= '0' && lower <= '9') ||
                    (lower != 0 && strchr("-()[]", lower) != NULL);
        if (fine)
            out[n++] = plain.p[i];
        else if (n > 0 && out[n - 1] != ' ')
            out[n++] = ' ';
    }
    while (n > 0 && out[n - 1] == ' ')
        n--;
    w->n_documents++;
    if (n == 0)
        return sl_arena_printf(w->a, "document %u", w->n_documents);
    struct sl_str name = sl_str_of(out, n);
    return w->n_documents == 1 ? name : sl_arena_printf(w->a, SL_STR_FMT " (%u)", SL_STR_ARG(name), w->n_documents);
}

struct wanted {
    enum converse_kind kind;
    unsigned flag;
    struct sl_str format;
    const char *lacks, *unknown; /* why not */
};

static struct wanted wanted_of(const struct neutral_part *p)
{
    const struct neutral_media *m = &p->media;
    struct sl_str sniffed = m->source == NS_BASE64 ? media_sniff(m->data) : SL_STR_NONE;
    struct sl_str mime = sniffed.n > 0 ? sniffed : m->mime.n > 0 ? m->mime : media_by_name(m->filename);
    if (p->kind == NP_IMAGE || (p->kind == NP_FILE && converse_image_format(mime).n > 0))
        return (struct wanted){CK_IMAGE, CAP_IMAGES, converse_image_format(mime), "the model takes no images",
                               "not a PNG, JPEG, GIF or WebP"};
    if (p->kind == NP_VIDEO || (p->kind == NP_FILE && converse_video_format(mime).n > 0))
        return (struct wanted){CK_VIDEO, CAP_VIDEO, converse_video_format(mime), "the model takes no video",
                               "no kind of video that it takes"};
    if (p->kind == NP_AUDIO)
        return (struct wanted){CK_AUDIO, CAP_AUDIO, converse_audio_format(mime), "the model takes no audio",
                               "no kind of audio that it takes"};
    if (m->source == NS_TEXT)
        return (struct wanted){CK_DOCUMENT, CAP_PDF, SL_STR("txt"), "", ""};
    return (struct wanted){CK_DOCUMENT, CAP_PDF, converse_document_format(m), "the model takes no documents",
                           "no kind of document that it takes"};
}

static bool is_s3(const struct neutral_media *m)
{
    return m->source == NS_URL && sl_str_starts(m->data, SL_STR("s3://"));
}

/* Why it cannot be sent; "": `b` has it. */
static const char *fill(struct converse_writing *w, const struct wanted *as, const struct neutral_media *m,
                        struct converse_block *b)
{
    if (!caps_has(w->t->caps, as->flag))
        return as->lacks;
    b->on_s3 = is_s3(m);
    if (m->source == NS_FILE_ID || (m->source == NS_URL && !b->on_s3))
        return m->source == NS_URL ? "URLs are not fetched there" : "the file is not there";
    if (as->format.n == 0)
        return as->unknown;
    b->format = as->format;
    b->data = b->on_s3               ? m->data
              : m->source == NS_TEXT ? media_encode(json_plain(m->data, w->a), w->a)
                                     : media_base64(m->data, w->a);
    return b->data.n == 0 ? "not base64" : "";
}

bool converse_add_media(struct converse_writing *w, struct converse_blocks *to, const struct neutral_part *p,
                        struct sl_str place)
{
    const struct wanted as = wanted_of(p);
    const struct neutral_media *m = &p->media;
    struct converse_block found = {.kind = as.kind};
    if (m->source == NS_TEXT && (json_is_blank(m->data) || !caps_has(w->t->caps, CAP_PDF))) {
        if (!json_is_blank(m->data)) /* a text is one, whatever it was called */
            converse_add(w, to, CK_TEXT)->text = m->data;
        return true;
    }
    const char *why = fill(w, &as, m, &found);
    if (why[0] != 0 && caps_has(w->t->caps, as.flag) && translation_fetches(w->t, p, place))
        return true;
    if (why[0] != 0)
        return !converse_refuses(w, true, place, why);
    if (as.kind == CK_IMAGE && sl_str_eq(m->detail, SL_STR("low")))
        neutral_notef(w->t->notes, "", SL_STR_FMT ".detail", SL_STR_ARG(place));
    if (m->fps.n > 0)
        neutral_notef(w->t->notes, "", SL_STR_FMT ".fps", SL_STR_ARG(place));
    struct converse_block *b = converse_add(w, to, as.kind);
    b->format = found.format;
    b->data = found.data;
    b->on_s3 = found.on_s3;
    b->cache = p->cache;
    if (as.kind == CK_DOCUMENT) {
        b->name = document_name(w, m->filename);
        b->context = m->context;
    }
    return true;
}
