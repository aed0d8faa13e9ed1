/* See media.h. What data URLs hold may be tens of megabytes: nothing is copied that need not change. */
#include "dialect/media.h"

#include "base/base64.h"
#include "dialect/json_tree.h"

#define SNIFF_CHARS 64u /* of base64: 48 bytes */

/* RFC 3986; a '%' that begins no escape stays as it is. */
static struct sl_str percent_decode(struct sl_str s, struct sl_arena *a)
{
    if (sl_str_find(s, '%') < 0)
        return s;
    char *out = sl_arena_alloc(a, s.n);
    size_t n = 0;
    for (size_t i = 0; i < s.n; i++) {
        int high = s.p[i] == '%' && i + 2 < s.n ? sl_hex_value(s.p[i + 1]) : -1;
        int low = high >= 0 ? sl_hex_value(s.p[i + 2]) : -1;
        char c = s.p[i];
        if (low >= 0) {
            c = (char)(high << 4 | low);
            i += 2;
        }
        out[n++] = c;
    }
    return sl_str_of(out, n);
}

/* Spellings in use for the registered names (translate-openai-anthropic.md 2.3; corpus). */
static struct sl_str usual_mime(struct sl_str mime)
{
    static const struct {
        struct sl_str from, to;
    } rows[] = {{SL_STR_INIT("image/jpg"), SL_STR_INIT("image/jpeg")},
                {SL_STR_INIT("image/pjpeg"), SL_STR_INIT("image/jpeg")},
                {SL_STR_INIT("audio/x-wav"), SL_STR_INIT("audio/wav")},
                {SL_STR_INIT("audio/wave"), SL_STR_INIT("audio/wav")},
                {SL_STR_INIT("application/x-pdf"), SL_STR_INIT("application/pdf")}};
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++)
        if (sl_str_eq(rows[i].from, mime))
            return rows[i].to;
    return mime;
}

bool media_is_text(struct sl_str mime)
{
    static const struct sl_str exact[] = {
        SL_STR_INIT("application/json"),       SL_STR_INIT("application/xml"),
        SL_STR_INIT("application/javascript"), SL_STR_INIT("application/x-javascript"),
        SL_STR_INIT("application/yaml"),       SL_STR_INIT("application/x-yaml"),
        SL_STR_INIT("application/toml"),       SL_STR_INIT("application/x-ndjson"),
        SL_STR_INIT("application/sql"),        SL_STR_INIT("application/x-sh")};
    if (sl_str_starts(mime, SL_STR("text/")))
        return true;
    for (size_t i = 0; i < sizeof exact / sizeof exact[0]; i++)
        if (sl_str_eq(exact[i], mime))
            return true;
    return false;
}

static bool is_mime_char(char c)
{
    bool letter = (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9');
    return letter || (c != 0 && strchr("!#$&-^_.+/", c) != NULL);
}

/* Lower case, without parameters. False: characters that no type has. */
static bool read_mime(struct sl_str text, struct sl_arena *a, struct sl_str *out)
{
    struct sl_str name = sl_str_trim(text);
    char *p = sl_arena_alloc(a, name.n + 1);
    for (size_t i = 0; i < name.n; i++) {
        p[i] = sl_lower(name.p[i]);
        if (!is_mime_char(p[i]))
            return false;
    }
    *out = usual_mime(sl_str_of(p, name.n));
    return name.n == 0 || sl_str_find(name, '/') > 0;
}

/* The head of a data URL, "[type][;parameter]*[;base64]". */
static bool read_head(struct sl_str head, struct sl_arena *a, struct sl_str *out_mime, bool *out_base64)
{
    struct sl_str type = sl_str_cut(&head, ';');
    *out_base64 = false;
    while (head.p != NULL) {
        struct sl_str word = sl_str_trim(sl_str_cut(&head, ';'));
        *out_base64 = *out_base64 || sl_str_eq_nocase(word, SL_STR("base64"));
    }
    return read_mime(type, a, out_mime);
}

/* bytes: what was written in percent escapes, or decoded from base64. */
static void take_bytes(struct sl_str bytes, struct sl_arena *a, struct neutral_media *out)
{
    if (out->mime.n == 0)
        out->mime = SL_STR("text/plain"); /* RFC 2397 section 2 */
    if (media_is_text(out->mime) && sl_utf8_valid(bytes)) {
        out->source = NS_TEXT;
        out->data = json_escape(bytes, a);
    } else {
        out->source = NS_BASE64;
        out->data = media_encode(bytes, a);
    }
}

bool media_from_url(struct sl_str url, struct sl_arena *a, struct neutral_media *out)
{
    out->source = NS_URL;
    out->data = url;
    if (!sl_str_starts_nocase(url, SL_STR("data:")))
        return true;
    struct sl_str rest = sl_str_from(url, 5), head = sl_str_cut(&rest, ','), mime, bytes;
    bool base64;
    if (rest.p == NULL || !read_head(json_plain(head, a), a, &mime, &base64))
        return false;
    out->mime = mime;
    if (!base64) {
        take_bytes(percent_decode(json_plain(rest, a), a), a, out);
        return true;
    }
    out->source = NS_BASE64;
    out->data = sl_str_find(rest, '%') < 0 ? rest : json_escape(percent_decode(json_plain(rest, a), a), a);
    if (media_is_text(mime) && media_decode(out->data, a, &bytes) && sl_utf8_valid(bytes))
        take_bytes(bytes, a, out);
    return true;
}

/* -- base64 -------------------------------------------------------------------------------------------------------- */

enum {
    IS_NOTHING = 0,
    IS_STANDARD,
    IS_URL_SAFE, /* '-', '_' */
    IS_BLANK,
    IS_PAD
};

static const uint8_t kinds[256] = {
    ['A' ... 'Z'] = IS_STANDARD, ['a' ... 'z'] = IS_STANDARD, ['0' ... '9'] = IS_STANDARD, ['+'] = IS_STANDARD,
    ['/'] = IS_STANDARD,         ['-'] = IS_URL_SAFE,         ['_'] = IS_URL_SAFE,         [' '] = IS_BLANK,
    ['\n'] = IS_BLANK,           ['\r'] = IS_BLANK,           ['\t'] = IS_BLANK,           ['='] = IS_PAD,
};

static size_t standard_head(struct sl_str s)
{
    size_t n = 0;
    while (n < s.n && kinds[(unsigned char)s.p[n]] == IS_STANDARD)
        n++;
    return n;
}

static bool is_clean(struct sl_str s)
{
    size_t n = standard_head(s), left = s.n - n;
    return s.n > 0 && s.n % 4 == 0 && left <= 2 && (left == 0 || s.p[s.n - 1] == '=') && (left < 2 || s.p[n] == '=');
}

struct sl_str media_base64(struct sl_str data, struct sl_arena *a)
{
    if (is_clean(data))
        return data;
    data = json_plain(data, a);
    char *out = sl_arena_alloc(a, data.n + 3);
    size_t n = 0;
    bool padded = false;
    for (size_t i = 0; i < data.n; i++) {
        char c = data.p[i];
        uint8_t kind = kinds[(unsigned char)c];
        if (kind == IS_NOTHING || (padded && kind != IS_PAD && kind != IS_BLANK))
            return SL_STR_NONE;
        padded = padded || kind == IS_PAD;
        if (kind == IS_URL_SAFE)
            c = c == '-' ? '+' : '/';
        if (kind == IS_STANDARD || kind == IS_URL_SAFE)
            out[n++] = c;
    }
    if (n % 4 == 1)
        return SL_STR_NONE;
    while (n % 4 != 0)
        out[n++] = '=';
    return sl_str_of(out, n);
}

bool media_decode(struct sl_str base64, struct sl_arena *a, struct sl_str *out)
{
    struct sl_str text = json_plain(base64, a);
    char *p = sl_arena_alloc(a, text.n / 4 * 3 + 3);
    size_t n = 0;
    if (!sl_base64_decode(text, p, &n))
        return false;
    *out = sl_str_of(p, n);
    return true;
}

struct sl_str media_encode(struct sl_str bytes, struct sl_arena *a)
{
    char *p = sl_arena_alloc(a, SL_BASE64_BYTES(bytes.n) + 1);
    return sl_str_of(p, sl_base64_encode(bytes, p));
}

/* -- What it is ---------------------------------------------------------------------------------------------------- */

static bool has_at(struct sl_str s, size_t at, const char *what, size_t n)
{
    return s.n >= at + n && memcmp(s.p + at, what, n) == 0;
}

struct sl_str media_sniff(struct sl_str base64)
{
    static const struct {
        uint8_t at, n, at2, n2;
        const char *magic, *magic2;
        struct sl_str mime;
    } rows[] = {
        {0, 8, 0, 0, "\x89PNG\r\n\x1a\n", "", SL_STR_INIT("image/png")},
        {0, 3, 0, 0, "\xff\xd8\xff", "", SL_STR_INIT("image/jpeg")},
        {0, 4, 0, 0, "GIF8", "", SL_STR_INIT("image/gif")},
        {0, 4, 8, 4, "RIFF", "WEBP", SL_STR_INIT("image/webp")},
        {0, 5, 0, 0, "%PDF-", "", SL_STR_INIT("application/pdf")},
        {0, 4, 8, 4, "RIFF", "WAVE", SL_STR_INIT("audio/wav")},
        {0, 3, 0, 0, "ID3", "", SL_STR_INIT("audio/mpeg")},
        {0, 4, 0, 0, "OggS", "", SL_STR_INIT("audio/ogg")},
        {0, 4, 0, 0, "fLaC", "", SL_STR_INIT("audio/flac")},
        {0, 2, 0, 0, "\xff\xfb", "", SL_STR_INIT("audio/mpeg")},
        {0, 2, 0, 0, "\xff\xf3", "", SL_STR_INIT("audio/mpeg")},
        {0, 2, 0, 0, "\xff\xf2", "", SL_STR_INIT("audio/mpeg")},
        {0, 4, 0, 0, "OggS", "", SL_STR_INIT("audio/ogg")},
        {0, 4, 0, 0, "fLaC", "", SL_STR_INIT("audio/flac")},
        {4, 4, 8, 3, "ftyp", "M4A", SL_STR_INIT("audio/mp4")},
        {0, 4, 0, 0, "\x1a\x45\xdf\xa3", "", SL_STR_INIT("video/webm")},
        {4, 4, 8, 3, "ftyp", "iso", SL_STR_INIT("video/mp4")},
        {4, 4, 8, 3, "ftyp", "mp4", SL_STR_INIT("video/mp4")},
        {4, 4, 8, 3, "ftyp", "avc", SL_STR_INIT("video/mp4")},
        {4, 4, 8, 3, "ftyp", "M4V", SL_STR_INIT("video/mp4")},
    };
    char text[SNIFF_CHARS], bytes[SNIFF_CHARS];
    size_t n = 0, got = 0;
    for (size_t i = 0; i < base64.n && n < sizeof text; i++) {
        uint8_t kind = kinds[(unsigned char)base64.p[i]];
        if (base64.p[i] == '\\' && i + 1 < base64.n && strchr("nrt", base64.p[i + 1]) != NULL)
            i++; /* an escaped line end; that of '/' goes by itself */
        else if (kind == IS_STANDARD || kind == IS_URL_SAFE)
            text[n++] = base64.p[i];
        else if (base64.p[i] != '\\' && kind != IS_BLANK)
            break;
    }
    if (!sl_base64_decode(sl_str_of(text, n - (n % 4 == 1)), bytes, &got))
        return SL_STR_NONE;
    struct sl_str head = sl_str_of(bytes, got);
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++)
        if (has_at(head, rows[i].at, rows[i].magic, rows[i].n) && has_at(head, rows[i].at2, rows[i].magic2, rows[i].n2))
            return rows[i].mime;
    return SL_STR_NONE;
}

struct sl_str media_file_name(struct sl_str name, bool pdf, struct sl_arena *a)
{
    if (name.n == 0)
        return pdf ? SL_STR("document.pdf") : SL_STR("document");
    if (!pdf || sl_str_eq(media_by_name(name), SL_STR("application/pdf")))
        return name;
    return sl_arena_printf(a, SL_STR_FMT ".pdf", SL_STR_ARG(name));
}

struct sl_str media_by_name(struct sl_str filename)
{
    static const struct {
        struct sl_str ending, mime;
    } rows[] = {
        {SL_STR_INIT(".pdf"), SL_STR_INIT("application/pdf")},
        {SL_STR_INIT(".txt"), SL_STR_INIT("text/plain")},
        {SL_STR_INIT(".text"), SL_STR_INIT("text/plain")},
        {SL_STR_INIT(".log"), SL_STR_INIT("text/plain")},
        {SL_STR_INIT(".md"), SL_STR_INIT("text/markdown")},
        {SL_STR_INIT(".csv"), SL_STR_INIT("text/csv")},
        {SL_STR_INIT(".tsv"), SL_STR_INIT("text/plain")},
        {SL_STR_INIT(".html"), SL_STR_INIT("text/html")},
        {SL_STR_INIT(".htm"), SL_STR_INIT("text/html")},
        {SL_STR_INIT(".xml"), SL_STR_INIT("text/xml")},
        {SL_STR_INIT(".json"), SL_STR_INIT("application/json")},
        {SL_STR_INIT(".yaml"), SL_STR_INIT("text/plain")},
        {SL_STR_INIT(".yml"), SL_STR_INIT("text/plain")},
        {SL_STR_INIT(".py"), SL_STR_INIT("text/plain")},
        {SL_STR_INIT(".js"), SL_STR_INIT("text/plain")},
        {SL_STR_INIT(".ts"), SL_STR_INIT("text/plain")},
        {SL_STR_INIT(".c"), SL_STR_INIT("text/plain")},
        {SL_STR_INIT(".h"), SL_STR_INIT("text/plain")},
        {SL_STR_INIT(".png"), SL_STR_INIT("image/png")},
        {SL_STR_INIT(".jpg"), SL_STR_INIT("image/jpeg")},
        {SL_STR_INIT(".jpeg"), SL_STR_INIT("image/jpeg")},
        {SL_STR_INIT(".gif"), SL_STR_INIT("image/gif")},
        {SL_STR_INIT(".webp"), SL_STR_INIT("image/webp")},
        {SL_STR_INIT(".wav"), SL_STR_INIT("audio/wav")},
        {SL_STR_INIT(".mp3"), SL_STR_INIT("audio/mpeg")},
        {SL_STR_INIT(".mp4"), SL_STR_INIT("video/mp4")},
        {SL_STR_INIT(".m4v"), SL_STR_INIT("video/mp4")},
        {SL_STR_INIT(".docx"), SL_STR_INIT("application/vnd.openxmlformats-officedocument.wordprocessingml.document")},
        {SL_STR_INIT(".xlsx"), SL_STR_INIT("application/vnd.openxmlformats-officedocument.spreadsheetml.sheet")},
        {SL_STR_INIT(".pptx"),
         SL_STR_INIT("application/vnd.openxmlformats-officedocument.presentationml.presentation")},
    };
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        struct sl_str ending = rows[i].ending;
        if (filename.n > ending.n && sl_str_eq_nocase(sl_str_from(filename, filename.n - ending.n), ending))
            return rows[i].mime;
    }
    return SL_STR_NONE;
}
