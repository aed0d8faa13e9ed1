/* The conversation as this format has it: every part of every message becomes a block of ours, in a list of messages that
 * write_order.c brings into the order that Anthropic asks for. Results are not put where they stood but tied to their calls.
 * Source: translate-openai-anthropic.md 2.2, 2.3, 15, 16 (November 2026). */
#include "dialect/anthropic/anthropic_int.h"

#include "base/list.h"
#include "dialect/carrier.h"
#include "dialect/media.h"
#include "dialect/terms.h"

struct building {
    struct anthropic_writing *w;
    struct anthropic_message *last; /* of the list */
    const struct neutral_message *m;
    unsigned call_ordinal;
    bool seen_turn;
};

struct anthropic_block *anthropic_add_block(struct anthropic_writing *w, struct anthropic_blocks *to,
                                            enum anthropic_block_kind kind)
{
    struct anthropic_block *b = SL_ARENA_NEW(w->a, struct anthropic_block);
    b->kind = kind;
    SL_APPEND(to->first, to->last, b);
    return b;
}

void anthropic_join_blocks(struct anthropic_blocks *to, struct anthropic_blocks *more)
{
    if (more->first == NULL)
        return;
    if (to->last != NULL)
        to->last->next = more->first;
    else
        to->first = more->first;
    to->last = more->last;
    *more = (struct anthropic_blocks){NULL, NULL};
}

struct anthropic_message *anthropic_new_message(struct anthropic_writing *w, enum anthropic_role role, uint32_t index)
{
    struct anthropic_message *m = SL_ARENA_NEW(w->a, struct anthropic_message);
    m->role = role;
    m->index = index;
    return m;
}

/* p NULL: of the message. */
static struct sl_str place(struct building *b, const struct neutral_part *p)
{
    return term_part(b->w->req, b->m, p, b->w->a);
}

static struct anthropic_block *add_part(struct building *b, struct anthropic_blocks *to, enum anthropic_block_kind kind,
                                        const struct neutral_part *p)
{
    struct anthropic_block *block = anthropic_add_block(b->w, to, kind);
    block->part = p;
    block->cache = p->cache;
    return block;
}

/* Texts of nothing but blanks are refused by Anthropic, and so is a mark on an empty one (anthropic.md 2.3, 2.5). */
static void add_text(struct building *b, struct anthropic_blocks *to, const struct neutral_part *p, struct sl_str text)
{
    if (!json_is_blank(text))
        add_part(b, to, AB_TEXT, p)->text = text;
}

/* -- Media ------------------------------------------------------------------------------------------------------------------ */

static bool is_image_type(struct sl_str mime)
{
    static const struct sl_str types[] = {SL_STR_INIT("image/jpeg"), SL_STR_INIT("image/png"), SL_STR_INIT("image/gif"),
                                          SL_STR_INIT("image/webp")};
    for (size_t i = 0; i < sizeof types / sizeof types[0]; i++)
        if (sl_str_eq(types[i], mime))
            return true;
    return false;
}

static bool takes_url(const struct anthropic_writing *w, struct sl_str url)
{
    return (w->flags & CAP_IMAGE_URLS) != 0 &&
           (sl_str_starts_nocase(url, SL_STR("https:")) || sl_str_starts_nocase(url, SL_STR("http:")));
}

static void add_media(struct building *b, struct anthropic_blocks *to, enum anthropic_block_kind kind,
                      const struct neutral_part *p, const struct neutral_media *media)
{
    struct neutral_media *kept = SL_ARENA_NEW(b->w->a, struct neutral_media);
    *kept = *media;
    add_part(b, to, kind, p)->media = kept;
}

/* Of base64, each; anthropic.md 1.6 (November 2026). */
#define IMAGE_BYTES (10u << 20)
#define IMAGE_BYTES_ELSEWHERE (5u << 20) /* on Bedrock and Vertex AI */

/* A larger one is refused upstream without its place, and another target may take it. */
static bool is_too_large(const struct anthropic_writing *w, struct sl_str base64)
{
    bool elsewhere = sl_str_eq(w->t->platform, SL_STR("bedrock")) || sl_str_eq(w->t->platform, SL_STR("vertex"));
    return base64.n > (elsewhere ? IMAGE_BYTES_ELSEWHERE : IMAGE_BYTES);
}

static bool add_image(struct building *b, struct anthropic_blocks *to, const struct neutral_part *p)
{
    struct anthropic_writing *w = b->w;
    struct neutral_media media = p->media;
    const char *why = "";
    if (media.source == NS_BASE64) {
        struct sl_str mime = media_sniff(media.data); /* a wrong type is refused upstream: the bytes decide */
        media.mime = mime.n > 0 ? mime : media.mime;
        media.data = media_base64(media.data, w->a);
        why = media.data.n == 0             ? "not base64"
              : !is_image_type(media.mime)  ? "not a JPEG, PNG, GIF or WebP"
              : is_too_large(w, media.data) ? "larger than images may be there"
                                            : "";
    } else if (media.source == NS_URL) {
        why = takes_url(w, media.data) ? "" : "URLs are not fetched there";
    } else if (media.source != NS_FILE_ID || !w->native) {
        why = "the file is not there";
    }
    if ((w->flags & CAP_IMAGES) == 0)
        why = "the model takes no images";
    else if (why[0] != 0 && translation_fetches(w->t, p, place(b, p)))
        return true;
    if (why[0] != 0)
        return !anthropic_refuses(w, true, place(b, p), why);
    if (sl_str_eq(media.detail, SL_STR("low"))) /* which costs more here; "high" and "auto" say nothing new */
        neutral_notef(w->t->notes, "", SL_STR_FMT ".detail", SL_STR_ARG(place(b, p)));
    add_media(b, to, AB_IMAGE, p, &media);
    return true;
}

static bool is_pdf(const struct neutral_media *m)
{
    struct sl_str pdf = SL_STR("application/pdf"),
                  sniffed = m->source == NS_BASE64 ? media_sniff(m->data) : SL_STR_NONE;
    if (sniffed.n > 0)
        return sl_str_eq(sniffed, pdf);
    return sl_str_eq(m->mime, pdf) || (m->mime.n == 0 && sl_str_eq(media_by_name(m->filename), pdf));
}

static bool is_text_type(struct sl_str mime)
{
    return sl_str_starts(mime, SL_STR("text/")) || sl_str_eq(mime, SL_STR("application/json")) ||
           sl_str_eq(mime, SL_STR("application/xml")) || sl_str_eq(mime, SL_STR("application/yaml"));
}

/* Why it cannot be sent; "": media is what to send. */
static const char *fit_document(struct anthropic_writing *w, struct neutral_media *media)
{
    struct sl_str bytes, type = media->mime.n > 0 ? media->mime : media_by_name(media->filename);
    if (media->source == NS_URL)
        return !takes_url(w, media->data) ? "URLs are not fetched there" : is_pdf(media) ? "" : "not a PDF";
    if (media->source == NS_FILE_ID)
        return w->native ? "" : "the file is not there";
    if (media->source == NS_TEXT)
        return "";
    if (is_pdf(media)) {
        media->mime = SL_STR("application/pdf");
        media->data = media_base64(media->data, w->a);
        return media->data.n == 0 ? "not base64" : (w->flags & CAP_PDF) != 0 ? "" : "the model takes no PDF";
    }
    if (!is_text_type(type))
        return "not a PDF or text";
    if (!media_decode(media->data, w->a, &bytes) || !sl_utf8_valid(bytes))
        return "not UTF-8";
    media->source = NS_TEXT;
    media->data = json_escape(bytes, w->a);
    return "";
}

static bool add_file(struct building *b, struct anthropic_blocks *to, const struct neutral_part *p)
{
    struct neutral_media media = p->media;
    if (media.source == NS_BASE64 && (is_image_type(media.mime) || is_image_type(media_sniff(media.data))))
        return add_image(b, to, p);
    const char *why = fit_document(b->w, &media);
    if (why[0] != 0 && translation_fetches(b->w->t, p, place(b, p)))
        return true;
    if (why[0] != 0)
        return !anthropic_refuses(b->w, true, place(b, p), why);
    if (media.source != NS_TEXT || !json_is_blank(media.data))
        add_media(b, to, AB_DOCUMENT, p, &media);
    return true;
}

/* -- Thinking --------------------------------------------------------------------------------------------------------------- */

static void add_thinking(struct building *b, struct anthropic_blocks *to, enum anthropic_block_kind kind,
                         struct sl_str text, struct sl_str signature)
{
    struct anthropic_block *block = anthropic_add_block(b->w, to, kind);
    block->text = text;
    block->signature = signature;
}

/* Only what a model of this vendor made goes back to it; the rest is left out, as it means nothing to it. */
static void add_reasoning(struct building *b, struct anthropic_blocks *to, const struct neutral_part *p)
{
    struct anthropic_writing *w = b->w;
    bool sealed = p->encrypted.n > 0;
    struct sl_str held = sealed ? p->encrypted : p->signature;
    if (held.n == 0)
        return;
    struct carrier c = carrier_unpack(w->a, held);
    bool ours = c.vendor != CARRIER_NONE && sl_str_eq(c.family, w->family) && c.payload.n > 0;
    if (ours && c.vendor == CARRIER_ANTHROPIC)
        add_thinking(b, to, AB_THINKING, p->text, c.payload);
    else if (ours && c.vendor == CARRIER_ANTHROPIC_REDACTED)
        add_thinking(b, to, AB_REDACTED, SL_STR_NONE, c.payload);
    else if (c.vendor == CARRIER_NONE && w->native)
        add_thinking(b, to, sealed ? AB_REDACTED : AB_THINKING, p->text, json_plain(held, w->a));
}

/* Gemini's clients bring thoughts back on the call: signature, perhaps a line end and the text (translate-gemini.md 15). */
static void add_thinking_of_call(struct building *b, struct anthropic_blocks *to, const struct neutral_part *p)
{
    struct anthropic_writing *w = b->w;
    if (p->signature.n == 0 || (to->last != NULL && to->last->kind == AB_THINKING))
        return;
    struct carrier c = carrier_unpack(w->a, p->signature);
    if (!sl_str_eq(c.family, w->family))
        return;
    struct sl_str text = c.payload, signature = sl_str_cut(&text, '\n');
    if (c.vendor == CARRIER_ANTHROPIC && signature.n > 0)
        add_thinking(b, to, AB_THINKING, json_escape(text, w->a), signature);
    else if (c.vendor == CARRIER_ANTHROPIC_REDACTED && c.payload.n > 0)
        add_thinking(b, to, AB_REDACTED, SL_STR_NONE, c.payload);
}

/* -- Calls and results ------------------------------------------------------------------------------------------------------ */

/* Ids are unique in a conversation; some servers begin anew in each turn. The same history gives the same ids. */
static struct sl_str unique_id(struct building *b, struct sl_str id, unsigned repeats)
{
    struct sl_map *calls = &b->w->calls;
    struct sl_str head = sl_str_head(id, ids_anthropic.max - 24), out = id;
    if (repeats > 0)
        out = sl_arena_printf(b->w->a, SL_STR_FMT "_t%u", SL_STR_ARG(head), b->m->index);
    if (sl_map_get(calls, out) != NULL)
        out = sl_arena_printf(b->w->a, SL_STR_FMT "_t%u_%u", SL_STR_ARG(head), b->m->index, b->call_ordinal);
    return out;
}

static void add_call(struct building *b, struct anthropic_blocks *to, const struct neutral_part *p)
{
    struct anthropic_writing *w = b->w;
    add_thinking_of_call(b, to, p);
    struct sl_str id = names_fit(&ids_anthropic, p->id, w->a);
    struct anthropic_block *before = sl_map_get(&w->calls, id), *call = add_part(b, to, AB_CALL, p);
    call->repeats = before != NULL ? before->repeats + 1 : 0;
    call->id = call->repeats > 0 ? unique_id(b, id, call->repeats) : id;
    call->name = names_fit(&names_anthropic, p->name, w->a);
    const struct anthropic_tool *tool = sl_map_get(&w->by_name, p->name);
    call->wrapped = tool != NULL && tool->wrapped;
    sl_map_put(&w->calls, id, call);
    if (call->id.p != id.p)
        sl_map_put(&w->calls, call->id, call);
    b->call_ordinal++;
}

static bool add_content_part(struct building *b, struct anthropic_blocks *to, const struct neutral_part *p);

static bool refuse_result(struct building *b, const struct neutral_part *p)
{
    struct anthropic_writing *w = b->w;
    if (w->t->unsupported == UNSUPPORTED_DROP) {
        neutral_note(w->t->notes, "no call before it", place(b, p));
        return false;
    }
    struct sl_str what = place(b, p);
    *w->refusal = (struct request_refusal){.error = {.error = GE_MEMBER_VALUE, .param = what}};
    w->refusal->error.message =
        sl_arena_printf(w->a, "'" SL_STR_FMT "' is the result of no open tool call before it.", SL_STR_ARG(what));
    return true;
}

static bool add_result(struct building *b, const struct neutral_part *p)
{
    struct anthropic_writing *w = b->w;
    struct anthropic_block *call = sl_map_get(&w->calls, names_fit(&ids_anthropic, p->id, w->a));
    if (call == NULL || call->result != NULL)
        return !refuse_result(b, p);
    struct anthropic_blocks single = {NULL, NULL}, content = {NULL, NULL};
    struct anthropic_block *result = add_part(b, &single, AB_RESULT, p);
    result->id = call->id;
    call->result = result;
    for (const struct neutral_part *c = p->content; c != NULL; c = c->next)
        if (!add_content_part(b, &content, c))
            return false;
    if (p->content == NULL && p->raw.n > 0)
        anthropic_add_block(w, &content, AB_TEXT)->text = json_escape(p->raw, w->a);
    result->content = content.first;
    return true;
}

/* -- Messages --------------------------------------------------------------------------------------------------------------- */

/* What may stand in a message of any role. False: refused. */
static bool add_content_part(struct building *b, struct anthropic_blocks *to, const struct neutral_part *p)
{
    switch (p->kind) {
    case NP_TEXT:
    case NP_REFUSAL:
        add_text(b, to, p, p->text);
        return true;
    case NP_IMAGE:
        return add_image(b, to, p);
    case NP_FILE:
        return add_file(b, to, p);
    case NP_AUDIO:
    case NP_VIDEO:
        return !anthropic_refuses(b->w, true, place(b, p), "no such input");
    default:
        break;
    }
    if (b->w->native && p->raw.n > 0) {
        add_part(b, to, AB_RAW, p);
        return true;
    }
    return !anthropic_refuses(b->w, p->kind == NP_UNKNOWN && b->m->role != NR_ASSISTANT, place(b, p), "");
}

static bool add_any_part(struct building *b, struct anthropic_blocks *to, const struct neutral_part *p)
{
    if (p->kind == NP_TOOL_RESULT)
        return add_result(b, p);
    if (b->m->role == NR_ASSISTANT && p->kind == NP_TOOL_CALL) {
        add_call(b, to, p);
        return true;
    }
    if (b->m->role == NR_ASSISTANT && p->kind == NP_REASONING) {
        add_reasoning(b, to, p);
        return true;
    }
    return add_content_part(b, to, p);
}

static void append(struct building *b, struct anthropic_message *m)
{
    SL_APPEND(b->w->messages, b->last, m);
}

static enum anthropic_role role_of(enum neutral_role role)
{
    switch (role) {
    case NR_ASSISTANT:
        return AR_ASSISTANT;
    case NR_SYSTEM:
    case NR_DEVELOPER:
        return AR_SYSTEM;
    default:
        return AR_USER;
    }
}

static bool add_message(struct building *b)
{
    const struct neutral_message *m = b->m;
    enum anthropic_role role = role_of(m->role);
    struct anthropic_blocks blocks = {NULL, NULL};
    if (m->name.n > 0)
        neutral_notef(b->w->t->notes, "", SL_STR_FMT ".name", SL_STR_ARG(place(b, NULL)));
    for (const struct neutral_part *p = m->parts; p != NULL; p = p->next)
        if (!add_any_part(b, &blocks, p))
            return false;
    if (role == AR_SYSTEM && !b->seen_turn) {
        anthropic_join_blocks(&b->w->system, &blocks);
        return true;
    }
    b->seen_turn = true;
    if (b->last == NULL || b->last->role != role)
        append(b, anthropic_new_message(b->w, role, m->index));
    anthropic_join_blocks(&b->last->blocks, &blocks);
    return true;
}

bool anthropic_build_messages(struct anthropic_writing *w)
{
    struct building b = {.w = w};
    for (b.m = w->req->messages; b.m != NULL; b.m = b.m->next)
        if (!add_message(&b))
            return false;
    return true;
}
