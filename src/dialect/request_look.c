/* See request_look.h. */
#include "dialect/request_look.h"

#include "dialect/json_peek.h"
#include "dialect/json_scan.h"
#include "dialect/json_tree.h"

#define CONVERSATION_BYTES 4096u
#define CONVERSATION_ELEMENTS 16u /* before the first user's message stand a system text or two */

/* -- Tags ------------------------------------------------------------------------------------------------------------ */

static void add_tag(struct request_tag *out, uint32_t *n, struct sl_str name, struct sl_str value)
{
    if (*n == REQUEST_TAGS_MAX || name.n == 0 || value.n == 0 || name.n > REQUEST_TAG_TEXT_MAX ||
        value.n > REQUEST_TAG_TEXT_MAX)
        return;
    out[(*n)++] = (struct request_tag){name, value};
}

static void add_header_tags(struct sl_str text, struct request_tag *out, uint32_t *n)
{
    while (text.p != NULL && *n < REQUEST_TAGS_MAX) {
        struct sl_str value = sl_str_trim(sl_str_cut(&text, ','));
        struct sl_str name = sl_str_trim(sl_str_cut(&value, '='));
        add_tag(out, n, name, value.p != NULL ? sl_str_trim(value) : SL_STR("true"));
    }
}

/* The text of a JSON string with its quotes; empty: it is none, or too long. */
static struct sl_str plain(struct sl_str raw, struct sl_arena *a)
{
    if (raw.n < 2 || raw.p[0] != '"' || raw.n > 6 * REQUEST_TAG_TEXT_MAX)
        return SL_STR_NONE;
    struct sl_str inside = sl_str_of(raw.p + 1, raw.n - 2);
    if (sl_str_find(inside, '\\') < 0)
        return inside;
    size_t n;
    char *text = sl_arena_alloc(a, inside.n);
    return json_unescape(inside, text, &n) ? sl_str_of(text, n) : SL_STR_NONE;
}

static void add_metadata(struct sl_str object, struct sl_arena *a, struct request_tag *out, uint32_t *n)
{
    struct json_peek k = json_peek_at(object);
    struct sl_str value;
    while (*n < REQUEST_TAGS_MAX && json_peek_key(&k)) {
        struct sl_str name = k.key;
        if (!json_peek_value(&k, &value))
            return;
        /* Anthropic's member for who asks */
        add_tag(out, n, sl_str_eq(name, SL_STR("user_id")) ? SL_STR("user") : name, plain(value, a));
    }
}

uint32_t request_look_tags(const struct request_facts *f, struct sl_str body, struct sl_arena *a,
                           struct request_tag out[REQUEST_TAGS_MAX])
{
    uint32_t n = 0;
    add_header_tags(f->hints.tags, out, &n);
    if (f->at[RM_METADATA].kind == JSON_OBJECT)
        add_metadata(json_raw(body, &f->at[RM_METADATA]), a, out, &n);
    if (f->at[RM_USER].kind == JSON_STRING)
        add_tag(out, &n, SL_STR("user"), plain(json_raw(body, &f->at[RM_USER]), a));
    return n;
}

/* -- Media ----------------------------------------------------------------------------------------------------------- */

static unsigned media_of_type(struct sl_str s)
{
    static const struct {
        struct sl_str word;
        unsigned media;
    } words[] = {{SL_STR_INIT("image_url"), REQUEST_IMAGE}, {SL_STR_INIT("input_image"), REQUEST_IMAGE},
                 {SL_STR_INIT("image"), REQUEST_IMAGE},     {SL_STR_INIT("input_audio"), REQUEST_AUDIO},
                 {SL_STR_INIT("audio"), REQUEST_AUDIO},     {SL_STR_INIT("video_url"), REQUEST_VIDEO},
                 {SL_STR_INIT("video"), REQUEST_VIDEO},     {SL_STR_INIT("input_video"), REQUEST_VIDEO},
                 {SL_STR_INIT("file"), REQUEST_FILE},       {SL_STR_INIT("input_file"), REQUEST_FILE},
                 {SL_STR_INIT("document"), REQUEST_FILE}};
    for (size_t i = 0; i < sizeof words / sizeof *words; i++)
        if (sl_str_eq(s, words[i].word))
            return words[i].media;
    return 0;
}

static unsigned media_of_mime(struct sl_str s)
{
    return sl_str_starts(s, SL_STR("image/"))            ? REQUEST_IMAGE
           : sl_str_starts(s, SL_STR("audio/"))          ? REQUEST_AUDIO
           : sl_str_starts(s, SL_STR("video/"))          ? REQUEST_VIDEO
           : sl_str_starts(s, SL_STR("application/pdf")) ? REQUEST_FILE
                                                         : 0;
}

enum last_key {
    KEY_OTHER = 0,
    KEY_TYPE,
    KEY_MIME
};

static enum last_key key_of(struct sl_str s)
{
    if (sl_str_eq(s, SL_STR("type")))
        return KEY_TYPE;
    return sl_str_eq(s, SL_STR("mimeType")) || sl_str_eq(s, SL_STR("mime_type")) ? KEY_MIME : KEY_OTHER;
}

/* By the four bytes that strings begin with: most bodies are text alone, and need not be read for that. */
static bool may_name_media(uint64_t starts)
{
    uint64_t both = json_start_bit("imag") | json_start_bit("audi") | json_start_bit("vide");
    uint64_t types = both | json_start_bit("inpu") | json_start_bit("file") | json_start_bit("docu");
    uint64_t mimes = both | json_start_bit("appl");
    return ((starts & json_start_bit("type")) != 0 && (starts & types) != 0) ||
           ((starts & json_start_bit("mime")) != 0 && (starts & mimes) != 0);
}

unsigned request_look_media(const struct request_facts *f, struct sl_str body)
{
    if (f->starts != 0 && !may_name_media(f->starts))
        return 0;
    const char *p = body.p, *end = body.p + body.n;
    enum last_key key = KEY_OTHER;
    unsigned media = 0;
    while (p < end && (p = memchr(p, '"', (size_t)(end - p))) != NULL) {
        const char *close = json_peek_close(p + 1, end);
        if (close == NULL)
            break;
        struct sl_str s = sl_str_of(p + 1, (size_t)(close - p - 1));
        p = close + 1;
        while (p < end && sl_is_blank(*p))
            p++;
        if (p < end && *p == ':') {
            key = key_of(s);
            continue;
        }
        if (key == KEY_TYPE)
            media |= media_of_type(s);
        else if (key == KEY_MIME)
            media |= media_of_mime(s);
        key = KEY_OTHER;
    }
    return media;
}

/* -- Conversations --------------------------------------------------------------------------------------------------- */

static bool is_of_user(struct sl_str object)
{
    struct json_peek k = json_peek_at(object);
    struct sl_str value;
    bool has_role = false;
    while (json_peek_key(&k)) {
        struct sl_str name = k.key;
        if (!json_peek_value(&k, &value))
            return false;
        if (!sl_str_eq(name, SL_STR("role")))
            continue;
        has_role = true;
        if (sl_str_eq(value, SL_STR("\"user\"")))
            return true;
    }
    return !has_role; /* Gemini allows contents without one */
}

struct sl_str request_look_conversation(const struct request_facts *f, struct sl_str body)
{
    const struct json_member *m = &f->at[RM_MESSAGES];
    if (m->kind == JSON_ABSENT)
        m = &f->at[RM_INPUT];
    if (m->kind == JSON_STRING)
        return sl_str_head(json_raw(body, m), CONVERSATION_BYTES);
    if (m->kind != JSON_ARRAY)
        return SL_STR_NONE;
    struct sl_str array = json_raw(body, m);
    struct json_member e;
    size_t at = 0;
    for (unsigned i = 0; i < CONVERSATION_ELEMENTS && json_next_element(array, &at, &e); i++)
        if (e.kind == JSON_OBJECT && is_of_user(json_raw(array, &e)))
            return sl_str_head(json_raw(array, &e), CONVERSATION_BYTES);
    return SL_STR_NONE;
}

struct sl_str request_default_model(struct sl_str body, struct sl_str model, struct sl_arena *a)
{
    static const struct json_watch watch = {SL_STR_INIT("model"), -1};
    struct json_member m;
    struct json_info info;
    if (json_scan(body, &watch, 1, &m, &info) != JSON_OK || info.root != JSON_OBJECT || m.kind != JSON_ABSENT)
        return body; /* what is wrong with it says who reads it */
    size_t at = (size_t)sl_str_find(body, '{') + 1;
    return sl_arena_printf(a, SL_STR_FMT "\"model\":\"" SL_STR_FMT "\"%s" SL_STR_FMT, SL_STR_ARG(sl_str_head(body, at)),
                           SL_STR_ARG(json_escape(model, a)), info.unwatched > 0 ? "," : "",
                           SL_STR_ARG(sl_str_from(body, at)));
}

bool request_look(enum operation op, struct sl_str body, struct sl_arena *a, struct request_facts *out_facts,
                  enum operation *out_op, struct request_refusal *out_refusal)
{
    const struct json_member *at = out_facts->at;
    *out_op = op;
    if (!dialect_of(op)->request_decode(op, body, a, out_facts, out_refusal))
        return false;
    if (op != OP_CHAT || at[RM_MESSAGES].kind != JSON_ABSENT || at[RM_INPUT].kind == JSON_ABSENT)
        return true;
    *out_op = OP_RESPONSES;
    return dialect_of(*out_op)->request_decode(*out_op, body, a, out_facts, out_refusal);
}
