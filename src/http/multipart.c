/* multipart/form-data as a stream: see multipart.h.
 *
 * The delimiter is CR LF "--" boundary, and begins as if a line had just ended: so a body that begins with "--boundary" is one
 * whose preamble is empty. Its only CR is its first byte: a match that fails at a byte goes on with that byte. */
#include "http/multipart.h"

#include "base/check.h"
#include "http/url.h"

#define BLANKS_MAX 128u /* behind a delimiter */
#define PARAMETERS_MAX 16u

/* ---- the boundary ---- */

static bool is_boundary_char(char c)
{
    return (c >= '0' && c <= '9') || (sl_lower(c) >= 'a' && sl_lower(c) <= 'z') ||
           (c != 0 && strchr("'()+_,-./:=? ", c) != NULL);
}

static bool is_boundary(struct sl_str s)
{
    if (s.n == 0 || s.n > MULTIPART_BOUNDARY_MAX || s.p[s.n - 1] == ' ')
        return false;
    for (size_t i = 0; i < s.n; i++)
        if (!is_boundary_char(s.p[i]))
            return false;
    return true;
}

static void skip_blanks(struct sl_str *s)
{
    while (s->n > 0 && (s->p[0] == ' ' || s->p[0] == '\t'))
        *s = sl_str_from(*s, 1);
}

/* One `; name=value` from the front of *s. Gives the value with quotes taken away but escapes in it; *out_quoted: it had some.
 * False: there is none, or (*out_bad) it cannot be read. */
static bool next_parameter(struct sl_str *s, struct sl_str *name, struct sl_str *value, bool *out_quoted, bool *out_bad)
{
    size_t n = 0;
    *out_bad = *out_quoted = false;
    skip_blanks(s);
    if (s->n == 0)
        return false;
    *out_bad = true;
    if (s->p[0] != ';')
        return false;
    *s = sl_str_from(*s, 1);
    skip_blanks(s);
    if (s->n == 0) { /* a last semicolon */
        *out_bad = false;
        return false;
    }
    while (n < s->n && s->p[n] != '=' && s->p[n] != ';')
        n++;
    if (n == 0 || n == s->n || s->p[n] != '=')
        return false;
    *name = sl_str_trim(sl_str_head(*s, n));
    *s = sl_str_from(*s, n + 1);
    skip_blanks(s);
    *out_quoted = s->n > 0 && s->p[0] == '"';
    if (*out_quoted) {
        for (n = 1; n < s->n && s->p[n] != '"'; n++)
            if (s->p[n] == '\\' && n + 1 < s->n && (s->p[n + 1] == '"' || s->p[n + 1] == '\\'))
                n++;
        if (n >= s->n)
            return false;
        *value = sl_str_of(s->p + 1, n - 1);
        *s = sl_str_from(*s, n + 1);
    } else {
        for (n = 0; n < s->n && s->p[n] != ';';)
            n++;
        *value = sl_str_trim(sl_str_head(*s, n));
        *s = sl_str_from(*s, n);
    }
    *out_bad = false;
    return true;
}

bool multipart_boundary(struct sl_str content_type, struct sl_str *out)
{
    static const struct sl_str type = SL_STR_INIT("multipart/form-data");
    struct sl_str name, value, rest;
    bool quoted, unreadable, found = false;
    if (!sl_str_starts_nocase(content_type, type))
        return false;
    rest = sl_str_from(content_type, type.n);
    while (next_parameter(&rest, &name, &value, &quoted, &unreadable)) {
        if (!sl_str_eq_nocase(name, SL_STR("boundary")))
            continue;
        if (found || !is_boundary(value))
            return false;
        found = true;
        *out = value;
    }
    return found && !unreadable;
}

/* ---- one part's head ---- */

static enum multipart_event bad(struct multipart *m, const char *error)
{
    m->state = MULTIPART_S_BAD;
    m->error = error;
    return MULTIPART_BAD;
}

/* The head is the parser's own memory: what is shorter without its escapes is written over them. */
static struct sl_str unescape(struct sl_str s)
{
    char *to = (char *)(uintptr_t)s.p;
    size_t n = 0;
    for (size_t i = 0; i < s.n; i++) {
        if (s.p[i] == '\\' && i + 1 < s.n && (s.p[i + 1] == '"' || s.p[i + 1] == '\\'))
            i++;
        to[n++] = s.p[i];
    }
    return sl_str_of(to, n);
}

/* RFC 8187: UTF-8'language'percent-encoded. */
static bool take_extended(struct sl_str s, struct sl_str *out)
{
    struct sl_str charset = sl_str_cut(&s, '\'');
    size_t n = 0;
    if (!sl_str_eq_nocase(charset, SL_STR("utf-8")) || sl_str_find(s, '\'') < 0)
        return false;
    sl_str_cut(&s, '\'');
    char *to = (char *)(uintptr_t)s.p;
    if (!url_decode(s, to, &n) || !sl_utf8_valid(sl_str_of(to, n)))
        return false;
    *out = sl_str_of(to, n);
    return true;
}

struct disposition {
    struct sl_str name, filename, extended;
    bool has_name, has_filename, has_extended;
};

/* False: a parameter that may not be there, or not twice. */
static bool note_parameter(struct disposition *d, struct sl_str name, struct sl_str value, bool quoted)
{
    if (sl_str_eq_nocase(name, SL_STR("name"))) {
        bool first = !d->has_name;
        d->has_name = true;
        d->name = quoted ? unescape(value) : value;
        return first;
    }
    if (sl_str_eq_nocase(name, SL_STR("filename"))) {
        bool first = !d->has_filename;
        d->has_filename = true;
        d->filename = quoted ? unescape(value) : value;
        return first;
    }
    if (sl_str_eq_nocase(name, SL_STR("filename*"))) {
        bool first = !d->has_extended;
        d->has_extended = true;
        return first && take_extended(value, &d->extended);
    }
    return !sl_str_starts_nocase(name, SL_STR("name*"));
}

static const char *read_disposition(struct multipart *m, struct sl_str value)
{
    static const struct sl_str type = SL_STR_INIT("form-data");
    struct disposition d = {.has_name = false};
    struct sl_str name, v;
    bool quoted, unreadable;
    unsigned n = 0;
    if (!sl_str_starts_nocase(value, type))
        return "A part of the form is no form-data.";
    value = sl_str_from(value, type.n);
    while (next_parameter(&value, &name, &v, &quoted, &unreadable))
        if (n++ == PARAMETERS_MAX || !note_parameter(&d, name, v, quoted))
            return "A part's content-disposition has a parameter twice, or one that cannot be read.";
    if (unreadable)
        return "A part's content-disposition cannot be read.";
    if (!d.has_name)
        return "A part of the form has no name.";
    m->part.name = d.name;
    m->part.has_filename = d.has_filename || d.has_extended;
    m->part.filename = d.has_filename ? d.filename : d.extended;
    return NULL;
}

static const char *read_line(struct multipart *m, struct sl_str line, bool *disposed)
{
    ptrdiff_t colon = sl_str_find(line, ':');
    if (line.p[0] == ' ' || line.p[0] == '\t')
        return "A part's head has a folded line.";
    if (colon <= 0 || sl_str_find(line, '\r') >= 0 || sl_str_find(line, '\n') >= 0 || sl_str_find(line, 0) >= 0)
        return "A part's head has a line that is no header; lines end with CRLF.";
    struct sl_str name = sl_str_head(line, (size_t)colon), value = sl_str_trim(sl_str_from(line, (size_t)colon + 1));
    if (sl_str_eq_nocase(name, SL_STR("content-type"))) {
        m->part.type = value;
    } else if (sl_str_eq_nocase(name, SL_STR("content-disposition"))) {
        if (*disposed)
            return "A part has two content-dispositions.";
        *disposed = true;
        return read_disposition(m, value);
    }
    return NULL;
}

static enum multipart_event read_head(struct multipart *m)
{
    struct sl_str all = sl_buf_str(&m->head);
    bool disposed = false;
    m->part = (struct multipart_part){.has_filename = false};
    all.n -= 2; /* the empty line */
    while (all.n > 0) {
        ptrdiff_t end = sl_str_find_str(all, SL_STR("\r\n"));
        SL_CHECK(end >= 0);
        const char *error = end == 0 ? "A part's head is empty."
                                     : read_line(m, sl_str_head(all, (size_t)end), &disposed);
        if (error != NULL)
            return bad(m, error);
        all = sl_str_from(all, (size_t)end + 2);
    }
    if (!disposed)
        return bad(m, "A part of the form has no content-disposition.");
    m->state = MULTIPART_S_BODY;
    m->parts++;
    return MULTIPART_PART;
}

/* ---- the stream ---- */

void multipart_init(struct multipart *m, struct sl_str boundary, const struct multipart_limits *limits)
{
    *m = (struct multipart){.limits = {MULTIPART_HEAD_BYTES, MULTIPART_PARTS}, .n = boundary.n + 4, .matched = 2};
    SL_CHECK(boundary.n > 0 && boundary.n <= MULTIPART_BOUNDARY_MAX);
    if (limits != NULL)
        m->limits = *limits;
    memcpy(m->delimiter, "\r\n--", 4);
    memcpy(m->delimiter + 4, boundary.p, boundary.n);
    sl_buf_init(&m->head, m->limits.head_bytes);
}

void multipart_done(struct multipart *m)
{
    sl_buf_done(&m->head);
}

/* How much of s is what the delimiter goes on with. */
static size_t matching(const struct multipart *m, struct sl_str s)
{
    size_t n = 0;
    while (n < s.n && m->matched + n < m->n && s.p[n] == m->delimiter[m->matched + n])
        n++;
    return n;
}

/* Bytes that are no delimiter, from the front of *in; empty: the delimiter was found, or is still possible. */
static struct sl_str before_delimiter(struct multipart *m, struct sl_str *in)
{
    struct sl_str all = *in;
    if (m->matched > 0) { /* it began in an earlier slice */
        size_t n = matching(m, all);
        size_t had = m->matched;
        *in = sl_str_from(all, n);
        m->matched += n;
        if (m->matched == m->n || in->n == 0)
            return SL_STR_NONE;
        m->matched = 0;
        *in =
            all; /* what matched of this slice is looked at again: it may hold no CR but as the delimiter's first byte */
        return sl_str_of(m->delimiter, had);
    }
    for (size_t at = 0; at < all.n;) {
        const char *cr = memchr(all.p + at, '\r', all.n - at);
        if (cr == NULL)
            break;
        at = (size_t)(cr - all.p);
        size_t n = matching(m, sl_str_from(all, at));
        if (n == m->n || at + n == all.n) {
            m->matched = n;
            *in = sl_str_from(all, at + n);
            return sl_str_head(all, at);
        }
        at += n;
    }
    *in = sl_str_from(all, all.n);
    return all;
}

static enum multipart_event next_in_body(struct multipart *m, struct sl_str *in, struct sl_str *out)
{
    bool body = m->state == MULTIPART_S_BODY;
    while (in->n > 0 && m->matched < m->n) {
        struct sl_str data = before_delimiter(m, in);
        if (body && data.n > 0) {
            *out = data;
            return MULTIPART_DATA;
        }
    }
    if (m->matched < m->n)
        return MULTIPART_MORE;
    m->matched = 0;
    m->behind_n = 0;
    m->behind = 0;
    m->state = MULTIPART_S_BEHIND;
    return body ? MULTIPART_PART_END : MULTIPART_MORE;
}

/* "--", or blanks and CRLF. */
static enum multipart_event next_behind(struct multipart *m, struct sl_str *in)
{
    while (in->n > 0) {
        char c = in->p[0], last = m->behind;
        *in = sl_str_from(*in, 1);
        m->behind = c;
        m->behind_n++;
        if (c == '-' && last == '-') {
            m->state = MULTIPART_S_EPILOGUE;
            return MULTIPART_END;
        }
        if (c == '\n' && last == '\r') {
            m->state = MULTIPART_S_HEAD;
            sl_buf_reset(&m->head);
            return m->parts < m->limits.parts ? MULTIPART_MORE : bad(m, "The form has too many parts.");
        }
        bool blank = last == 0 || last == ' ' || last == '\t';
        bool may = (c == '-' && last == 0) || (blank && (c == '\r' || c == ' ' || c == '\t'));
        if (!may || m->behind_n > BLANKS_MAX)
            return bad(m, "A delimiter of the form is followed by something else than CRLF.");
    }
    return MULTIPART_MORE;
}

static enum multipart_event next_in_head(struct multipart *m, struct sl_str *in)
{
    while (in->n > 0) {
        ptrdiff_t end = sl_str_find(*in, '\n');
        size_t n = end < 0 ? in->n : (size_t)end + 1;
        if (sl_buf_add(&m->head, in->p, n) != SL_OK)
            return bad(m, "A part's head is too long.");
        *in = sl_str_from(*in, n);
        struct sl_str all = sl_buf_str(&m->head);
        if (sl_str_eq(all, SL_STR("\r\n")))
            return bad(m, "A part's head is empty.");
        if (sl_str_ends(all, SL_STR("\n\n")) || sl_str_eq(all, SL_STR("\n")))
            return bad(m, "Lines of a form end with CRLF.");
        if (sl_str_ends(all, SL_STR("\r\n\r\n")))
            return read_head(m);
    }
    return MULTIPART_MORE;
}

enum multipart_event multipart_next(struct multipart *m, struct sl_str *in, struct sl_str *out_data)
{
    enum multipart_event e = MULTIPART_MORE;
    *out_data = SL_STR_NONE;
    while (e == MULTIPART_MORE && (in->n > 0 || m->matched == m->n || m->state == MULTIPART_S_BAD)) {
        switch (m->state) {
        case MULTIPART_S_PREAMBLE:
        case MULTIPART_S_BODY:
            e = next_in_body(m, in, out_data);
            break;
        case MULTIPART_S_BEHIND:
            e = next_behind(m, in);
            break;
        case MULTIPART_S_HEAD:
            e = next_in_head(m, in);
            break;
        case MULTIPART_S_EPILOGUE:
            *in = sl_str_from(*in, in->n);
            break;
        case MULTIPART_S_BAD:
            return MULTIPART_BAD;
        }
    }
    return e;
}
