/* Reads content blocks. Blocks that other formats have no word for become text where they say something to the model, and are kept
 * raw otherwise. Source: anthropic.md 2.4; what becomes of each: translate-openai-anthropic.md 5.2. */
#include <stdio.h>

#include "dialect/anthropic/anthropic_int.h"
#include "dialect/within.h"

struct block { /* one being read */
    struct anthropic_reading *r;
    const struct json_node *v;
    struct anthropic_place at;
    enum neutral_role role;
    struct anthropic_parts *results, *rest;
};

typedef bool block_reader(struct block *b);

static bool read_blocks(struct block *list, const struct json_node *content);

static bool refuse(struct block *b, enum gateway_error e, const char *member, const char *what)
{
    return anthropic_refuse(b->r, e, &b->at, member, what);
}

static const struct json_node *member(struct block *b, const char *name)
{
    return json_got(&b->r->t, b->v, sl_str_c(name));
}

static struct sl_str inside(struct block *b, const char *name)
{
    return anthropic_inside(b->r, b->v, name);
}

/* False (refused): not there or no string. Empty texts are for the caller to judge. */
static bool need_text(struct block *b, const char *name, struct sl_str *out)
{
    const struct json_node *v = member(b, name);
    if (v == NULL)
        return refuse(b, GE_MEMBER_MISSING, name, "is missing");
    if (json_kind_of(v) != JSON_STRING)
        return refuse(b, GE_MEMBER_TYPE, name, "must be a string");
    *out = json_inside_of(&b->r->t, v);
    return true;
}

static bool need_ident(struct block *b, const char *name, struct sl_str *out)
{
    if (!need_text(b, name, out))
        return false;
    if (out->n == 0)
        return refuse(b, GE_MEMBER_VALUE, name, "must not be empty");
    *out = json_ident(*out, b->r->a);
    return true;
}

static struct neutral_part *add_to(struct block *b, struct anthropic_parts *to, enum neutral_part_kind kind)
{
    struct neutral_part *p = anthropic_add_part(b->r, to, kind);
    p->at = (uint32_t)(b->at.block + 1);
    p->inner = (uint32_t)(b->at.inner + 1);
    p->cache = anthropic_cache_of(&b->r->t, b->v);
    return p;
}

static struct neutral_part *add(struct block *b, enum neutral_part_kind kind)
{
    return add_to(b, b->rest, kind);
}

/* -- Texts made of pieces ------------------------------------------------------------------------------------------------ */

struct joined { /* room for everything: pieces are views of one value */
    char *p;
    size_t n, cap;
};

static struct joined joined_of(struct block *b, const struct json_node *v, size_t more)
{
    size_t cap = (v != NULL ? v->n : 0) + more;
    return (struct joined){.p = sl_arena_alloc(b->r->a, cap), .cap = cap};
}

static void join(struct joined *to, struct sl_str s)
{
    if (s.n > to->cap - to->n)
        s.n = to->cap - to->n;
    if (s.n > 0)
        memcpy(to->p + to->n, s.p, s.n);
    to->n += s.n;
}

/* The texts of a string or of text blocks, a line each. */
static void join_texts(struct block *b, struct joined *to, const struct json_node *content)
{
    const struct json_tree *t = &b->r->t;
    bool first = true;
    join(to, json_inside_of(t, content));
    if (json_kind_of(content) != JSON_ARRAY)
        return;
    for (JSON_EACH(t, content, it)) {
        struct sl_str text = json_get_inside(t, it, SL_STR("text"));
        if (text.n == 0)
            continue;
        if (!first)
            join(to, SL_STR("\\n")); /* escaped: shorter than the frame of the block it came from */
        join(to, text);
        first = false;
    }
}

static bool add_text(struct block *b, const struct joined *text)
{
    if (text->n > 0)
        add(b, NP_TEXT)->text = sl_str_of(text->p, text->n);
    return true;
}

/* -- Texts and thoughts --------------------------------------------------------------------------------------------------- */

static bool read_text(struct block *b)
{
    struct sl_str text;
    if (!need_text(b, "text", &text))
        return false;
    if (text.n == 0)
        return true;
    struct neutral_part *p = add(b, NP_TEXT);
    p->text = text;
    const struct json_node *citations = member(b, "citations");
    if (json_kind_of(citations) == JSON_ARRAY && citations->children > 0)
        p->citations = json_raw_of(&b->r->t, citations);
    return true;
}

static bool read_thinking(struct block *b)
{
    struct sl_str text;
    if (b->role != NR_ASSISTANT)
        return refuse(b, GE_MEMBER_VALUE, "type", "can only stand in messages of the assistant");
    if (!need_text(b, "thinking", &text))
        return false;
    struct neutral_part *p = add(b, NP_REASONING);
    p->text = text;
    p->signature = inside(b, "signature");
    p->cache = NC_NONE;
    return true;
}

static bool read_redacted(struct block *b)
{
    struct sl_str data;
    if (b->role != NR_ASSISTANT)
        return refuse(b, GE_MEMBER_VALUE, "type", "can only stand in messages of the assistant");
    if (!need_text(b, "data", &data))
        return false;
    struct neutral_part *p = add(b, NP_REASONING);
    p->encrypted = data;
    p->cache = NC_NONE;
    return true;
}

static bool read_search_result(struct block *b)
{
    struct joined text = joined_of(b, b->v, 64);
    join(&text, inside(b, "title"));
    join(&text, SL_STR(" ("));
    join(&text, inside(b, "source"));
    join(&text, SL_STR(")\\n"));
    join_texts(b, &text, member(b, "content"));
    return add_text(b, &text);
}

/* What stood before the block is in it, and nobody but Anthropic would know that (anthropic.md 2.11). */
static bool read_compaction(struct block *b)
{
    struct anthropic_reading *r = b->r;
    struct joined text = joined_of(b, member(b, "content"), 64);
    join(&text, SL_STR("Summary of earlier conversation: "));
    size_t head = text.n;
    join_texts(b, &text, member(b, "content"));
    if (text.n == head)
        return true; /* it failed: nothing was replaced */
    *b->results = *b->rest = (struct anthropic_parts){NULL, NULL};
    r->last = r->last_system;
    if (r->last != NULL)
        r->last->next = NULL;
    else
        r->out->messages = NULL;
    struct anthropic_parts summary = {NULL, NULL};
    add_to(b, &summary, NP_TEXT)->text = sl_str_of(text.p, text.n);
    anthropic_add_message(r, NR_USER, (uint32_t)b->at.message, &summary);
    return true;
}

static bool read_tool_reference(struct block *b)
{
    struct joined text = joined_of(b, b->v, 16);
    join(&text, SL_STR("Tool: "));
    join(&text, inside(b, "tool_name"));
    return add_text(b, &text);
}

static bool read_as_json(struct block *b)
{
    add(b, NP_TEXT)->text = json_escape(json_raw_of(&b->r->t, b->v), b->r->a);
    return true;
}

/* -- Media ----------------------------------------------------------------------------------------------------------------- */

/* source.type, or "" when there is none. */
static bool read_source(struct block *b, struct neutral_media *out)
{
    const struct json_tree *t = &b->r->t;
    const struct json_node *source = member(b, "source"), *type = json_get(t, source, SL_STR("type"));
    if (json_kind_of(source) != JSON_OBJECT)
        return refuse(b, source == NULL ? GE_MEMBER_MISSING : GE_MEMBER_TYPE, "source", "must be an object");
    out->mime = json_get_inside(t, source, SL_STR("media_type"));
    const char *holder = "data";
    if (json_text_is(t, type, SL_STR("base64"))) {
        out->source = NS_BASE64;
    } else if (json_text_is(t, type, SL_STR("url"))) {
        out->source = NS_URL;
        holder = "url";
    } else if (json_text_is(t, type, SL_STR("file"))) {
        out->source = NS_FILE_ID;
        holder = "file_id";
    } else if (json_text_is(t, type, SL_STR("text"))) {
        out->source = NS_TEXT;
    } else {
        return refuse(b, GE_MEMBER_VALUE, "source.type", "must be 'base64', 'url', 'file', 'text' or 'content'");
    }
    const struct json_node *data = json_get(t, source, sl_str_c(holder));
    if (json_kind_of(data) != JSON_STRING || data->n <= 2)
        return refuse(b, data == NULL ? GE_MEMBER_MISSING : GE_MEMBER_TYPE, "source",
                      "must have its data, url or file_id as text");
    out->data = json_inside_of(t, data);
    return true;
}

static bool read_image(struct block *b)
{
    struct neutral_media media = {.source = NS_BASE64};
    if (!read_source(b, &media))
        return false;
    if (media.source == NS_TEXT)
        return refuse(b, GE_MEMBER_VALUE, "source.type", "must be 'base64', 'url' or 'file'");
    add(b, NP_IMAGE)->media = media;
    return true;
}

/* A document of blocks: its texts, then its images as parts of their own. */
static bool read_document_content(struct block *b, const struct json_node *content)
{
    struct joined text = joined_of(b, content, 64);
    join_texts(b, &text, content);
    struct neutral_part *p = add(b, NP_FILE);
    p->media = (struct neutral_media){.source = NS_TEXT,
                                      .mime = SL_STR("text/plain"),
                                      .data = sl_str_of(text.p, text.n),
                                      .filename = inside(b, "title"),
                                      .context = inside(b, "context")};
    if (json_kind_of(content) != JSON_ARRAY)
        return true;
    struct block inner = *b;
    for (JSON_EACH(&b->r->t, content, it)) {
        inner.v = it;
        if (json_text_is(&b->r->t, json_get(&b->r->t, it, SL_STR("type")), SL_STR("image")) && !read_image(&inner))
            return false;
    }
    return true;
}

static bool read_document(struct block *b)
{
    const struct json_tree *t = &b->r->t;
    const struct json_node *source = member(b, "source");
    if (json_text_is(t, json_get(t, source, SL_STR("type")), SL_STR("content")))
        return read_document_content(b, json_get(t, source, SL_STR("content")));
    struct neutral_media media = {.source = NS_BASE64};
    if (!read_source(b, &media))
        return false;
    if (media.source == NS_URL && media.mime.n == 0)
        media.mime = SL_STR("application/pdf"); /* the only kind there is */
    media.filename = inside(b, "title");
    media.context = inside(b, "context");
    add(b, NP_FILE)->media = media;
    return true;
}

/* -- Tools ----------------------------------------------------------------------------------------------------------------- */

static bool read_tool_use(struct block *b)
{
    struct sl_str id, name;
    const struct json_node *input = member(b, "input");
    if (b->role != NR_ASSISTANT)
        return refuse(b, GE_MEMBER_VALUE, "type", "can only stand in messages of the assistant");
    if (!need_ident(b, "id", &id) || !need_ident(b, "name", &name))
        return false;
    if (input != NULL && json_kind_of(input) != JSON_OBJECT)
        return refuse(b, GE_MEMBER_TYPE, "input", "must be an object");
    struct neutral_part *p = add(b, NP_TOOL_CALL);
    p->id = id;
    p->name = name;
    p->arguments = input != NULL ? json_raw_of(&b->r->t, input) : SL_STR("{}");
    return true;
}

static bool read_tool_result(struct block *b)
{
    struct sl_str id;
    if (b->role != NR_USER)
        return refuse(b, GE_MEMBER_VALUE, "type", "can only stand in messages of the user");
    if (!need_ident(b, "tool_use_id", &id))
        return false;
    struct neutral_part *p = add_to(b, b->results, NP_TOOL_RESULT);
    p->id = id;
    p->is_error = json_kind_of(member(b, "is_error")) == JSON_TRUE;
    const struct json_node *content = member(b, "content");
    if (content == NULL)
        return true;
    struct anthropic_parts nested = {NULL, NULL}, parts = {NULL, NULL};
    struct block inner = {.r = b->r, .at = b->at, .role = NR_TOOL, .results = &nested, .rest = &parts};
    if (!read_blocks(&inner, content))
        return false;
    p->content = parts.first;
    return true;
}

static bool read_tool_change(struct block *b)
{
    anthropic_change_tools(b->r, b->v, &b->at);
    return true;
}

static bool keep_raw(struct block *b, enum neutral_part_kind kind)
{
    struct neutral_part *p = add(b, kind);
    p->type = inside(b, "type");
    p->raw = json_raw_of(&b->r->t, b->v);
    return true;
}

/* -- All kinds -------------------------------------------------------------------------------------------------------------- */

/* members: those that are read, besides type and cache_control; NULL: nothing is lost. */
static const struct {
    struct sl_str type;
    block_reader *read;
    const char *members;
} kinds[] = {
    {SL_STR_INIT("text"), read_text, "type cache_control text citations"},
    {SL_STR_INIT("tool_use"), read_tool_use},
    {SL_STR_INIT("tool_result"), read_tool_result, "type cache_control tool_use_id content is_error toolset_name"},
    {SL_STR_INIT("thinking"), read_thinking},
    {SL_STR_INIT("redacted_thinking"), read_redacted},
    {SL_STR_INIT("image"), read_image, "type cache_control source"},
    {SL_STR_INIT("document"), read_document, "type cache_control source title context"},
    {SL_STR_INIT("search_result"), read_search_result},
    {SL_STR_INIT("compaction"), read_compaction},
    {SL_STR_INIT("tool_reference"), read_tool_reference},
    {SL_STR_INIT("browser_state"), read_as_json},
    {SL_STR_INIT("tool_addition"), read_tool_change},
    {SL_STR_INIT("tool_removal"), read_tool_change},
};
#define KINDS (sizeof kinds / sizeof kinds[0])

/* Of tools that Anthropic runs, and marks of its own. */
static bool is_hosted(struct sl_str type)
{
    static const struct sl_str names[] = {SL_STR_INIT("server_tool_use"), SL_STR_INIT("mcp_tool_use"),
                                          SL_STR_INIT("mcp_tool_listing"), SL_STR_INIT("fallback")};
    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++)
        if (sl_str_eq(names[i], type))
            return true;
    return sl_str_ends(type, SL_STR("_tool_result"));
}

/* What is said of a block of the client's besides what was read; off is off. */
static void read_rest(struct block *b, const char *known)
{
    const struct anthropic_place *at = &b->at;
    const struct json_tree *t = &b->r->t;
    const struct json_node *enabled = json_got(t, member(b, "citations"), SL_STR("enabled"));
    char place[96];
    if (known == NULL || b->role == NR_ASSISTANT || b->v->children <= 2 || !within_any(t, b->v, known))
        return;
    if (at->message < 0)
        snprintf(place, sizeof place, "%s[%d]", at->list, at->block);
    else if (at->inner < 0)
        snprintf(place, sizeof place, "%s[%d].content[%d]", at->list, at->message, at->block);
    else
        snprintf(place, sizeof place, "%s[%d].content[%d].content[%d]", at->list, at->message, at->block, at->inner);
    char all[96];
    snprintf(all, sizeof all, "%s%s", known, json_kind_of(enabled) == JSON_FALSE ? " citations" : "");
    within_read(b->r->out, b->r->a, t, b->v, all, "%s", place);
}

static bool read_block(struct block *b)
{
    if (json_kind_of(b->v) != JSON_OBJECT)
        return refuse(b, GE_MEMBER_TYPE, "", "must be an object");
    const struct json_node *type = json_get(&b->r->t, b->v, SL_STR("type"));
    if (json_kind_of(type) != JSON_STRING)
        return refuse(b, type == NULL ? GE_MEMBER_MISSING : GE_MEMBER_TYPE, "type", "must be a string");
    for (size_t i = 0; i < KINDS; i++)
        if (json_text_is(&b->r->t, type, kinds[i].type)) {
            read_rest(b, kinds[i].members);
            return kinds[i].read(b);
        }
    bool hosted = b->role == NR_ASSISTANT && is_hosted(json_inside_of(&b->r->t, type));
    return keep_raw(b, hosted ? NP_HOSTED : NP_UNKNOWN);
}

static bool read_blocks(struct block *list, const struct json_node *content)
{
    if (json_kind_of(content) == JSON_STRING) {
        if (content->n > 2)
            add_to(list, list->rest, NP_TEXT)->text = json_inside_of(&list->r->t, content);
        return true;
    }
    if (json_kind_of(content) != JSON_ARRAY)
        return refuse(list, GE_MEMBER_TYPE, list->at.message < 0 ? "" : "content", "must be a string or a list");
    int i = 0;
    for (JSON_EACH(&list->r->t, content, it)) {
        struct block b = *list;
        b.v = it;
        if (list->at.block < 0)
            b.at.block = i++;
        else
            b.at.inner = i++;
        if (!read_block(&b))
            return false;
    }
    return true;
}

bool anthropic_read_content(struct anthropic_reading *r, const struct json_node *content,
                            const struct anthropic_place *at, enum neutral_role role, struct anthropic_parts *results,
                            struct anthropic_parts *rest)
{
    struct block list = {.r = r, .at = *at, .role = role, .results = results, .rest = rest};
    return read_blocks(&list, content);
}
