/* See sse.h. Offsets count from the start of the current event, so they mean the same whether its bytes still lie in the
 * owner's slice (carry is empty) or in carry (it began in an earlier slice; each further line is appended to it). Every
 * byte is looked at once for line ends, whatever the split. */
#include "http/sse.h"

#include "base/check.h"

#define DONE_TEXT SL_STR("[DONE]")

void sse_scanner_init(struct sse_scanner *s, size_t max_event)
{
    *s = (struct sse_scanner){.max = max_event != 0 ? max_event : SSE_EVENT_BYTES};
    sl_buf_init(&s->carry, s->max);
    sl_buf_init(&s->joined, s->max);
}

void sse_scanner_from(struct sse_scanner *s, struct sl_arena *a)
{
    sl_buf_init_in(&s->carry, s->max, a);
}

void sse_scanner_done(struct sse_scanner *s)
{
    sl_buf_done(&s->carry);
    sl_buf_done(&s->joined);
}

struct sl_str sse_rest(const struct sse_scanner *s)
{
    return s->given ? SL_STR_NONE : sl_buf_str(&s->carry);
}

/* ---- line ends ---- */

static bool is_line_end(char c)
{
    return c == '\n' || c == '\r';
}

/* The first CR or LF in [p, end), or NULL. Eight bytes at a time: text has hardly a byte under 0x0e but line ends, so one
 * subtraction per word tells that there is none ("a byte is less than n", Hacker's Delight 6-1). */
static const char *line_end_find(const char *p, const char *end)
{
    while (end - p >= 8) {
        uint64_t w;
        memcpy(&w, p, 8);
        if (SL_UNLIKELY(((w - 0x0e0e0e0e0e0e0e0eu) & ~w & 0x8080808080808080u) != 0))
            for (int i = 0; i < 8; i++)
                if (is_line_end(p[i]))
                    return p + i;
        p += 8;
    }
    for (; p < end; p++)
        if (is_line_end(*p))
            return p;
    return NULL;
}

/* ---- fields ---- */

static const char *event_bytes(const struct sse_scanner *s, struct sl_str in)
{
    return s->carry.n > 0 ? s->carry.p : in.p;
}

static void data_add(struct sse_scanner *s, const char *bytes, size_t at, size_t n)
{
    if (s->data_lines++ == 0) {
        s->data_at = at;
        s->data_n = n;
        return;
    }
    /* The values with an LF between them are shorter than the fields they come from, so this stays under the maximum. */
    if (s->data_lines == 2) {
        sl_buf_reset(&s->joined);
        sl_buf_add(&s->joined, bytes + s->data_at, s->data_n);
    }
    sl_buf_addc(&s->joined, '\n');
    sl_buf_add(&s->joined, bytes + at, n);
    SL_DCHECK(!s->joined.over);
}

/* A line that is neither blank nor a comment: "name", "name:value" or "name: value". */
static void field_note(struct sse_scanner *s, const char *bytes, size_t at, size_t n)
{
    struct sl_str line = sl_str_of(bytes + at, n), name = line;
    ptrdiff_t colon = sl_str_find(line, ':');
    size_t value = n; /* within the line */
    if (colon >= 0) {
        name = sl_str_head(line, (size_t)colon);
        value = (size_t)colon + 1;
        if (value < n && line.p[value] == ' ')
            value++;
    }
    s->fields = true;
    if (sl_str_eq(name, SL_STR("data"))) {
        data_add(s, bytes, at + value, n - value);
    } else if (sl_str_eq(name, SL_STR("event"))) {
        s->name_at = at + value;
        s->name_n = n - value;
    } else if (sl_str_eq(name, SL_STR("id"))) {
        s->id_at = at + value;
        s->id_n = n - value;
    }
}

/* ---- pieces ---- */

static enum sse_result over(struct sse_scanner *s)
{
    s->over = true;
    return SSE_LIMIT;
}

/* Gives the event's first `n` bytes as a piece and is ready for the next one. */
static enum sse_result give(struct sse_scanner *s, struct sl_str *in, size_t n, struct sse_piece *out)
{
    const char *bytes = event_bytes(s, *in);
    out->raw = sl_str_of(bytes, n);
    out->has_data = s->data_lines > 0;
    out->data = s->data_lines > 1 ? sl_buf_str(&s->joined) : sl_str_of(bytes + s->data_at, s->data_n);
    out->name = sl_str_of(bytes + s->name_at, s->name_n);
    out->id = sl_str_of(bytes + s->id_at, s->id_n);
    out->is_done = s->data_lines == 1 && sl_str_eq(out->data, DONE_TEXT);
    if (s->carry.n > 0)
        s->given = true;
    else
        *in = sl_str_from(*in, n);
    s->line = s->data_at = s->data_n = s->name_at = s->name_n = s->id_at = s->id_n = 0;
    s->data_lines = 0;
    s->fields = false;
    return SSE_PIECE;
}

/* The line [s->line, end) is whole, its line end reaches to `next`. True when a piece is: *out_kind says which. */
static bool line_take(struct sse_scanner *s, const char *bytes, size_t end, size_t next, enum sse_kind *out_kind)
{
    size_t at = s->line;
    if (!s->begun && end - at >= 3 && memcmp(bytes + at, "\xef\xbb\xbf", 3) == 0)
        at += 3;
    s->begun = true;
    s->line = next;
    if (end == at) {
        *out_kind = s->fields ? SSE_EVENT : SSE_BLANK;
        return true;
    }
    if (bytes[at] == ':') {
        *out_kind = SSE_COMMENT;
        return !s->fields; /* within an event it is part of it */
    }
    field_note(s, bytes, at, end - at);
    return false;
}

/* The LF of a CR LF that was cut by the end of a slice. True when it is a piece of its own. */
static bool late_lf_take(struct sse_scanner *s, const struct sl_str *in)
{
    if (!s->cr || in->n == 0)
        return false;
    s->cr = false;
    if (in->p[0] != '\n')
        return false;
    if (s->carry.n == 0)
        return true;
    s->line++; /* it goes into carry with the rest of the line that follows */
    return false;
}

enum sse_result sse_next(struct sse_scanner *s, struct sl_str *in, struct sse_piece *out_piece)
{
    if (s->over)
        return SSE_LIMIT;
    if (s->given)
        sl_buf_reset(&s->carry);
    s->given = false;
    if (late_lf_take(s, in)) {
        out_piece->kind = SSE_BLANK;
        return give(s, in, 1, out_piece);
    }
    size_t from = s->line > s->carry.n ? s->line - s->carry.n : 0; /* in *in: where to look for line ends */
    for (;;) {
        const char *end = in->n > from ? line_end_find(in->p + from, in->p + in->n) : NULL;
        if (end == NULL)
            break;
        size_t at = (size_t)(end - in->p), behind = at + 1;
        if (*end == '\r' && behind < in->n)
            behind += in->p[behind] == '\n';
        else
            s->cr = *end == '\r';
        size_t line_end = s->carry.n + at, next = s->carry.n + behind;
        if (next > s->max)
            return over(s);
        if (s->carry.n > 0) {
            sl_buf_add(&s->carry, in->p, behind);
            *in = sl_str_from(*in, behind);
            behind = 0;
        }
        if (line_take(s, event_bytes(s, *in), line_end, next, &out_piece->kind))
            return give(s, in, next, out_piece);
        from = behind;
    }
    if (in->n > s->max - s->carry.n)
        return over(s);
    sl_buf_add(&s->carry, in->p, in->n);
    *in = sl_str_from(*in, in->n);
    return SSE_MORE;
}
