/* Content of messages: text or a list of parts; and what the model thought in earlier turns, in the several forms that clients send
 * it back in. Source: openai.md 6.3, openai-compatible.md 5 (November 2026); translate-openai-anthropic.md 2.3 and 15. */
#include <stdio.h>

#include "base/list.h"
#include "dialect/carrier.h"
#include "dialect/media.h"
#include "dialect/openai_chat/chat_read.h"
#include "dialect/within.h"

struct neutral_part *chat_add_part(struct chat_read *r, struct chat_parts *to, enum neutral_part_kind kind)
{
    struct neutral_part *p = SL_ARENA_NEW(r->a, struct neutral_part);
    p->kind = kind;
    p->at = (uint32_t)((r->call >= 0 ? r->call : r->part) + 1);
    SL_APPEND(to->first, to->last, p);
    return p;
}

/* OpenAI's breakpoints live 30 minutes or 12 hours, which nobody else has: 2.8. */
enum neutral_cache chat_cache_of(struct chat_read *r, const struct json_node *holder)
{
    const struct json_node *point = json_got(r->t, holder, SL_STR("prompt_cache_breakpoint"));
    const struct json_node *control = json_got(r->t, holder, SL_STR("cache_control"));
    if (json_kind_of(point) == JSON_OBJECT)
        return json_got(r->t, point, SL_STR("ttl")) != NULL ? NC_1H : NC_5M;
    if (json_kind_of(control) == JSON_OBJECT)
        return json_text_is(r->t, json_get(r->t, control, SL_STR("ttl")), SL_STR("1h")) ? NC_1H : NC_5M;
    return NC_NONE;
}

/* -- Media ----------------------------------------------------------------------------------------------------------- */

/* {"image_url": {"url": ...}} and, as many send it, {"image_url": "..."}. */
static bool read_url(struct chat_read *r, struct neutral_part *p, const struct json_node *v, const char *member)
{
    const struct json_node *of = json_got(r->t, v, sl_str_c(member));
    const struct json_node *url = json_kind_of(of) == JSON_STRING ? of : json_got(r->t, of, SL_STR("url"));
    if (json_kind_of(url) != JSON_STRING)
        return chat_refuse_here(r, GE_MEMBER_MISSING, "is missing", p->kind == NP_IMAGE ? ".image_url.url" : ".url");
    if (!media_from_url(json_inside_of(r->t, url), r->a, &p->media))
        return chat_refuse_here(r, GE_MEMBER_VALUE, "is not a valid data URL",
                                p->kind == NP_IMAGE ? ".image_url.url" : ".url");
    p->media.detail = chat_inside(r, of, SL_STR("detail"));
    return true;
}

static bool read_image(struct chat_read *r, struct chat_parts *to, const struct json_node *v)
{
    struct neutral_part *p = chat_add_part(r, to, NP_IMAGE);
    const struct json_node *google = json_get(r->t, json_get(r->t, v, SL_STR("extra_content")), SL_STR("google"));
    p->signature = chat_inside(r, google, SL_STR("thought_signature"));
    return read_url(r, p, v, "image_url");
}

static bool read_video(struct chat_read *r, struct chat_parts *to, const struct json_node *v)
{
    struct neutral_part *p = chat_add_part(r, to, NP_VIDEO);
    const struct json_node *fps = json_got(r->t, json_got(r->t, v, SL_STR("video_url")), SL_STR("fps"));
    if (fps != NULL && fps->kind != JSON_NUMBER)
        return chat_refuse_here(r, GE_MEMBER_TYPE, "must be a number", ".video_url.fps");
    p->media.fps = json_raw_of(r->t, fps);
    return read_url(r, p, v, "video_url");
}

static bool read_audio_url(struct chat_read *r, struct chat_parts *to, const struct json_node *v)
{
    return read_url(r, chat_add_part(r, to, NP_AUDIO), v, "audio_url");
}

static bool is_url(struct sl_str s)
{
    return sl_str_starts_nocase(s, SL_STR("data:")) || sl_str_starts_nocase(s, SL_STR("http:")) ||
           sl_str_starts_nocase(s, SL_STR("https:"));
}

static bool read_audio(struct chat_read *r, struct chat_parts *to, const struct json_node *v)
{
    const struct json_node *of = json_got(r->t, v, SL_STR("input_audio"));
    struct sl_str data = json_kind_of(of) == JSON_STRING ? json_inside_of(r->t, of) /* Mistral */
                                                         : chat_inside(r, of, SL_STR("data"));
    struct sl_str format = chat_inside(r, of, SL_STR("format"));
    struct neutral_part *p = chat_add_part(r, to, NP_AUDIO);
    if (data.n == 0)
        return chat_refuse_here(r, GE_MEMBER_MISSING, "is missing", ".input_audio.data");
    p->media = (struct neutral_media){.source = NS_BASE64, .data = data};
    if (is_url(data) && !media_from_url(data, r->a, &p->media))
        return chat_refuse_here(r, GE_MEMBER_VALUE, "is not a valid data URL", ".input_audio.data");
    if (format.n > 0 && format.n < 32 && p->media.mime.n == 0)
        p->media.mime = sl_arena_printf(r->a, "audio/" SL_STR_FMT, SL_STR_ARG(format));
    return true;
}

/* Base64 without a data URL around it: the name says what it is. */
static void read_bare_file(struct chat_read *r, struct neutral_media *m, struct sl_str data)
{
    struct sl_str mime = media_by_name(m->filename), bytes;
    m->source = NS_BASE64;
    m->data = data;
    m->mime = mime.n > 0 ? mime : media_sniff(data);
    bool text = sl_str_starts(mime, SL_STR("text/")) || sl_str_eq(mime, SL_STR("application/json"));
    if (text && media_decode(data, r->a, &bytes) && sl_utf8_valid(bytes)) {
        m->source = NS_TEXT;
        m->data = json_escape(bytes, r->a);
    }
}

static bool read_file(struct chat_read *r, struct chat_parts *to, const struct json_node *v)
{
    const struct json_node *of = json_got(r->t, v, SL_STR("file"));
    struct sl_str id = chat_inside(r, of, SL_STR("file_id")), data = chat_inside(r, of, SL_STR("file_data"));
    struct sl_str url = chat_inside(r, of, SL_STR("file_url"));
    struct neutral_part *p = chat_add_part(r, to, NP_FILE);
    p->media.filename = chat_inside(r, of, SL_STR("filename"));
    if (id.n > 0) {
        p->media.source = NS_FILE_ID;
        p->media.data = id;
        return true;
    }
    if (data.n == 0 && url.n == 0)
        return chat_refuse_here(r, GE_MEMBER_MISSING, "is missing", ".file.file_data");
    if (data.n > 0 && !is_url(data)) {
        read_bare_file(r, &p->media, data);
        return true;
    }
    if (!media_from_url(data.n > 0 ? data : url, r->a, &p->media))
        return chat_refuse_here(r, GE_MEMBER_VALUE, "is not a valid data URL", ".file.file_data");
    if (p->media.mime.n == 0)
        p->media.mime = media_by_name(p->media.filename);
    return true;
}

/* -- Parts ----------------------------------------------------------------------------------------------------------- */

static bool read_text(struct chat_read *r, struct chat_parts *to, const struct json_node *v)
{
    const struct json_node *text = json_got(r->t, v, SL_STR("text"));
    if (json_kind_of(text) != JSON_STRING)
        return chat_refuse_here(r, text == NULL ? GE_MEMBER_MISSING : GE_MEMBER_TYPE, "must be a string", ".text");
    chat_add_part(r, to, NP_TEXT)->text = json_inside_of(r->t, text);
    return true;
}

static bool read_refusal(struct chat_read *r, struct chat_parts *to, const struct json_node *v)
{
    chat_add_part(r, to, NP_REFUSAL)->text = chat_inside(r, v, SL_STR("refusal"));
    return true;
}

static struct sl_str wrap_claude(struct chat_read *r, enum carrier_vendor vendor, struct sl_str inside)
{
    if (inside.n == 0 || sl_str_starts(inside, SL_STR("slc1.")))
        return inside;
    return carrier_pack(r->a, vendor, SL_STR("claude"), json_plain(inside, r->a));
}

/* Mistral's list of texts, or Anthropic's text with a signature. */
static bool read_thinking(struct chat_read *r, struct chat_parts *to, const struct json_node *v)
{
    const struct json_node *thinking = json_got(r->t, v, SL_STR("thinking"));
    struct sl_str signature = wrap_claude(r, CARRIER_ANTHROPIC, chat_inside(r, v, SL_STR("signature")));
    for (JSON_EACH(r->t, json_kind_of(thinking) == JSON_ARRAY ? thinking : NULL, it))
        chat_add_part(r, to, NP_REASONING)->text = chat_inside(r, it, SL_STR("text"));
    if (json_kind_of(thinking) == JSON_ARRAY)
        return true;
    struct neutral_part *p = chat_add_part(r, to, NP_REASONING);
    p->text = json_inside_of(r->t, thinking);
    p->signature = signature;
    return true;
}

static bool read_redacted(struct chat_read *r, struct chat_parts *to, const struct json_node *v)
{
    struct sl_str data = chat_inside(r, v, SL_STR("data"));
    chat_add_part(r, to, NP_REASONING)->encrypted = wrap_claude(r, CARRIER_ANTHROPIC_REDACTED, data);
    return true;
}

/* holder: the member that has the content, with these members of its own; empty: the part itself. */
static const struct {
    struct sl_str type;
    bool (*read)(struct chat_read *r, struct chat_parts *to, const struct json_node *v);
    const char *holder, *members;
} part_types[] = {
    {SL_STR_INIT("text"), read_text, "text", ""},
    {SL_STR_INIT("image_url"), read_image, "image_url", "url detail"},
    {SL_STR_INIT("input_audio"), read_audio, "input_audio", "data format"},
    {SL_STR_INIT("file"), read_file, "file", "file_id file_data file_url filename"},
    {SL_STR_INIT("refusal"), read_refusal, "refusal", ""},
    {SL_STR_INIT("video_url"), read_video, "video_url", "url detail fps"},
    {SL_STR_INIT("audio_url"), read_audio_url, "audio_url", "url"},
    {SL_STR_INIT("thinking"), read_thinking},
    {SL_STR_INIT("redacted_thinking"), read_redacted},
};

static void read_rest(struct chat_read *r, const struct json_node *v, size_t type)
{
    const char *holder = part_types[type].holder;
    char known[96];
    if (r->assistant || holder == NULL || (v->children == 2 && type == 0))
        return;
    snprintf(known, sizeof known, "type cache_control prompt_cache_breakpoint extra_content %s", holder);
    within_read(r->req, r->a, r->t, v, known, "messages[%u].content[%d]", r->message, r->part);
    within_read(r->req, r->a, r->t, json_got(r->t, v, sl_str_c(holder)), part_types[type].members,
                "messages[%u].content[%d].%s", r->message, r->part, holder);
}

static bool read_part(struct chat_read *r, struct chat_parts *to, const struct json_node *v)
{
    const struct json_node *type = json_got(r->t, v, SL_STR("type"));
    if (json_kind_of(v) != JSON_OBJECT)
        return chat_refuse_here(r, GE_MEMBER_TYPE, "must be an object", "");
    if (type == NULL)
        return chat_refuse_here(r, GE_MEMBER_MISSING, "is missing", ".type");
    if (json_kind_of(type) != JSON_STRING)
        return chat_refuse_here(r, GE_MEMBER_TYPE, "must be a string", ".type");
    for (size_t i = 0; i < sizeof part_types / sizeof part_types[0]; i++) {
        if (!json_text_is(r->t, type, part_types[i].type))
            continue;
        if (!part_types[i].read(r, to, v))
            return false;
        enum neutral_cache cache = chat_cache_of(r, v);
        if (to->last != NULL && cache != NC_NONE)
            to->last->cache = cache;
        read_rest(r, v, i);
        return true;
    }
    struct neutral_part *p = chat_add_part(r, to, NP_UNKNOWN);
    p->type = json_inside_of(r->t, type);
    p->raw = json_raw_of(r->t, v);
    return true;
}

bool chat_read_content(struct chat_read *r, struct chat_parts *to, const struct json_node *content)
{
    if (content == NULL)
        return true;
    if (json_kind_of(content) == JSON_STRING) {
        chat_add_part(r, to, NP_TEXT)->text = json_inside_of(r->t, content);
        return true;
    }
    if (json_kind_of(content) != JSON_ARRAY)
        return chat_refuse_here(r, GE_MEMBER_TYPE, "must be a string or a list of parts", ".content");
    r->part = 0;
    for (JSON_EACH(r->t, content, it)) {
        if (!read_part(r, to, it))
            return false;
        r->part++;
    }
    r->part = -1;
    return true;
}

/* -- Reasoning --------------------------------------------------------------------------------------------------------- */

/* Pieces of one detail, as a client keeps them that appends what a stream brings: the same index, up to the signature. */
struct detail_run {
    const struct json_node *first, *end; /* end: the one behind the last; NULL: the list's end */
    size_t bytes;
    struct sl_str signature, id;
    bool claude;
};

static struct sl_str detail_text(struct chat_read *r, const struct json_node *v)
{
    const struct json_node *text = json_got(r->t, v, SL_STR("text"));
    return json_inside_of(r->t, text != NULL ? text : json_got(r->t, v, SL_STR("summary")));
}

static bool is_text_detail(struct chat_read *r, const struct json_node *v)
{
    const struct json_node *type = json_get(r->t, v, SL_STR("type"));
    return json_text_is(r->t, type, SL_STR("reasoning.text")) || json_text_is(r->t, type, SL_STR("reasoning.summary"));
}

static bool same_index(struct chat_read *r, const struct json_node *a, const struct json_node *b)
{
    struct sl_str left = json_get_raw(r->t, a, SL_STR("index")), right = json_get_raw(r->t, b, SL_STR("index"));
    return left.n > 0 && sl_str_eq(left, right);
}

static struct detail_run run_of(struct chat_read *r, const struct json_node *v)
{
    struct detail_run run = {.first = v};
    do {
        struct sl_str id = chat_inside(r, v, SL_STR("id"));
        run.bytes += detail_text(r, v).n;
        run.signature = chat_inside(r, v, SL_STR("signature"));
        run.id = id.n > 0 ? id : run.id;
        run.claude |= sl_str_starts(chat_inside(r, v, SL_STR("format")), SL_STR("anthropic-claude"));
        v = json_sibling(r->t, v);
    } while (v != NULL && run.signature.n == 0 && is_text_detail(r, v) && same_index(r, run.first, v));
    run.end = v;
    return run;
}

static struct sl_str join_run(struct chat_read *r, const struct detail_run *run)
{
    const struct json_node *second = json_sibling(r->t, run->first);
    if (second == run->end)
        return detail_text(r, run->first);
    char *out = sl_arena_alloc(r->a, run->bytes + 1);
    size_t n = 0;
    for (const struct json_node *v = run->first; v != run->end; v = json_sibling(r->t, v)) {
        struct sl_str text = detail_text(r, v);
        if (text.n > 0)
            memcpy(out + n, text.p, text.n);
        n += text.n;
    }
    return sl_str_of(out, n);
}

static void read_encrypted(struct chat_read *r, struct chat_parts *to, const struct json_node *v)
{
    struct sl_str data = chat_inside(r, v, SL_STR("data"));
    bool claude = sl_str_starts(chat_inside(r, v, SL_STR("format")), SL_STR("anthropic-claude"));
    if (data.n == 0)
        return;
    struct neutral_part *p = chat_add_part(r, to, NP_REASONING);
    p->encrypted = claude ? wrap_claude(r, CARRIER_ANTHROPIC_REDACTED, data) : data;
    p->id = json_ident(chat_inside(r, v, SL_STR("id")), r->a);
}

static void read_details(struct chat_read *r, struct chat_parts *to, const struct json_node *details)
{
    const struct json_node *v = json_kind_of(details) == JSON_ARRAY ? json_child(details) : NULL;
    while (v != NULL) {
        if (!is_text_detail(r, v)) {
            if (json_text_is(r->t, json_get(r->t, v, SL_STR("type")), SL_STR("reasoning.encrypted")))
                read_encrypted(r, to, v);
            v = json_sibling(r->t, v);
            continue;
        }
        struct detail_run run = run_of(r, v);
        struct neutral_part *p = chat_add_part(r, to, NP_REASONING);
        p->text = join_run(r, &run);
        p->signature = run.claude ? wrap_claude(r, CARRIER_ANTHROPIC, run.signature) : run.signature;
        p->id = json_ident(run.id, r->a);
        v = run.end;
    }
}

static void read_blocks(struct chat_read *r, struct chat_parts *to, const struct json_node *blocks)
{
    for (JSON_EACH(r->t, json_kind_of(blocks) == JSON_ARRAY ? blocks : NULL, it)) {
        const struct json_node *type = json_get(r->t, it, SL_STR("type"));
        if (json_text_is(r->t, type, SL_STR("thinking")))
            read_thinking(r, to, it);
        else if (json_text_is(r->t, type, SL_STR("redacted_thinking")))
            read_redacted(r, to, it);
    }
}

/* reasoning_details, else thinking_blocks; the plain text is only needed where these do not have it. */
void chat_read_reasoning(struct chat_read *r, struct chat_parts *to, const struct json_node *message)
{
    struct sl_str text = chat_inside(r, message, SL_STR("reasoning_content"));
    if (text.n == 0)
        text = chat_inside(r, message, SL_STR("reasoning"));
    read_details(r, to, json_got(r->t, message, SL_STR("reasoning_details")));
    if (to->first == NULL)
        read_blocks(r, to, json_got(r->t, message, SL_STR("thinking_blocks")));
    struct neutral_part *textless = NULL;
    for (struct neutral_part *p = to->first; p != NULL; p = p->next) {
        if (p->text.n > 0)
            return;
        if (p->encrypted.n == 0 && textless == NULL)
            textless = p;
    }
    if (text.n == 0)
        return;
    if (textless == NULL) {
        textless = SL_ARENA_NEW(r->a, struct neutral_part);
        *textless = (struct neutral_part){.kind = NP_REASONING, .next = to->first};
        to->first = textless;
        to->last = to->last != NULL ? to->last : textless;
    }
    textless->text = text;
}
