/* Counts the pictures of an answer that passes: its bytes are megabytes of base64 and kept nowhere, so its brackets are followed and
 * the few names on the way to a picture looked at. Whole answers go through it in one piece. */
#include "dialect/gemini/gemini.h"

/* candidates[].content.parts[].inlineData.mimeType; lists have no names. */
static const struct {
    struct sl_str name, other;
} way[GEMINI_PICTURE_DEPTH] = {
    {SL_STR_INIT("candidates"), {NULL, 0}},
    {{NULL, 0}, {NULL, 0}},
    {SL_STR_INIT("content"), {NULL, 0}},
    {SL_STR_INIT("parts"), {NULL, 0}},
    {{NULL, 0}, {NULL, 0}},
    {SL_STR_INIT("inlineData"), SL_STR_INIT("inline_data")},
    {SL_STR_INIT("mimeType"), SL_STR_INIT("mime_type")},
};
#define PART_DEPTH 6u /* inside of an element of parts */

/* Whether what stands at this depth is on the way: `on` counts how many names from the root were right. */
static bool is_on(const struct gemini_pictures *p, uint32_t depth)
{
    return p->on + 1 >= depth;
}

static void open_bracket(struct gemini_pictures *p, bool list)
{
    if (list && p->depth == 0) /* answers in a list: each counts from its own root */
        return;
    p->depth++;
    p->value = false;
    if (!is_on(p, p->depth))
        return;
    if (list && p->depth <= GEMINI_PICTURE_DEPTH && way[p->depth - 1].name.n == 0)
        p->on = p->depth; /* each of its elements */
    if (p->depth == PART_DEPTH)
        p->picture = p->thought = false;
}

static void close_bracket(struct gemini_pictures *p)
{
    if (p->depth == PART_DEPTH && is_on(p, PART_DEPTH))
        p->count += p->picture && !p->thought;
    if (p->depth > 0)
        p->depth--;
    if (p->on > p->depth)
        p->on = p->depth;
}

/* A name has been read: whether its value is on the way. */
static void take_name(struct gemini_pictures *p)
{
    struct sl_str word = sl_str_of(p->word, p->word_n);
    p->thought_comes = false;
    if (!is_on(p, p->depth) || p->depth == 0 || p->depth > GEMINI_PICTURE_DEPTH)
        return;
    bool right = sl_str_eq(word, way[p->depth - 1].name) || sl_str_eq(word, way[p->depth - 1].other);
    p->on = p->depth - !(right && word.n > 0);
    p->thought_comes = p->depth == PART_DEPTH && sl_str_eq(word, SL_STR("thought"));
}

static void take_text(struct gemini_pictures *p)
{
    if (p->depth == GEMINI_PICTURE_DEPTH && p->on == GEMINI_PICTURE_DEPTH)
        p->picture |= sl_str_starts_nocase(sl_str_of(p->word, p->word_n), SL_STR("image/"));
}

/* Inside of a string: to its end, or to the end of the slice. */
static size_t pass_string(struct gemini_pictures *p, struct sl_str s)
{
    for (size_t i = 0; i < s.n; i++) {
        if (p->word_n < sizeof p->word) {
            if (!p->escaped && s.p[i] != '"')
                p->word[p->word_n++] = s.p[i];
        } else if (!p->escaped && s.p[i] != '"' && s.p[i] != '\\') {
            const char *quote = memchr(s.p + i, '"', s.n - i);
            size_t to = quote != NULL ? (size_t)(quote - s.p) : s.n;
            const char *slash = memchr(s.p + i, '\\', to - i);
            i = slash != NULL ? (size_t)(slash - s.p) : to;
            if (i == s.n)
                return i;
        }
        if (p->escaped)
            p->escaped = false;
        else if (s.p[i] == '\\')
            p->escaped = true;
        else if (s.p[i] == '"') {
            p->in_string = false;
            if (p->value)
                take_text(p);
            return i + 1;
        }
    }
    return s.n;
}

static void take_mark(struct gemini_pictures *p, char c)
{
    switch (c) {
    case '"':
        p->in_string = true;
        p->word_n = 0;
        break;
    case ':':
        take_name(p);
        p->value = true;
        break;
    case ',':
        p->value = p->thought_comes = false;
        break;
    case '{':
    case '[':
        open_bracket(p, c == '[');
        break;
    case '}':
    case ']':
        close_bracket(p);
        break;
    case 't': /* of true */
        p->thought |= p->value && p->thought_comes && p->depth == PART_DEPTH;
        break;
    default:
        break;
    }
}

void gemini_pictures_feed(struct gemini_pictures *p, struct sl_str slice)
{
    for (size_t i = 0; i < slice.n;)
        if (p->in_string)
            i += pass_string(p, sl_str_from(slice, i));
        else
            take_mark(p, slice.p[i++]);
}
