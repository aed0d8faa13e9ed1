/* systemInstruction and contents of a request. gemini.md 3.2, 5; translate-gemini.md 12.1, 15 (November 2026).
 *
 * Ids: Gemini pairs results with calls by id where there are any, else by name and order. Everybody else needs ids, so a call
 * without one gets one made of its place, which stays the same as the conversation grows. A result belongs to the open call with
 * its id, else to the first open call of its name; one that answers nothing becomes a text of the user. */
#include "dialect/gemini/gemini_int.h"

#include "base/list.h"
#include "base/hash.h"
#include "dialect/media.h"

enum part_member {
    PM_TEXT = 0,
    PM_INLINE_DATA,
    PM_FILE_DATA,
    PM_CALL,
    PM_RESPONSE,
    PM_CODE,
    PM_CODE_RESULT,
    PM_SERVER_CALL,
    PM_SERVER_RESPONSE,
    PM_THOUGHT, /* from here on annotations */
    PM_SIGNATURE,
    PM_RESOLUTION,
    PM_VIDEO,
    PM_COUNT
};

static const struct sl_str part_names[PM_COUNT] = {
    [PM_TEXT] = SL_STR_INIT("text"),
    [PM_INLINE_DATA] = SL_STR_INIT("inlineData"),
    [PM_FILE_DATA] = SL_STR_INIT("fileData"),
    [PM_CALL] = SL_STR_INIT("functionCall"),
    [PM_RESPONSE] = SL_STR_INIT("functionResponse"),
    [PM_CODE] = SL_STR_INIT("executableCode"),
    [PM_CODE_RESULT] = SL_STR_INIT("codeExecutionResult"),
    [PM_SERVER_CALL] = SL_STR_INIT("toolCall"),
    [PM_SERVER_RESPONSE] = SL_STR_INIT("toolResponse"),
    [PM_THOUGHT] = SL_STR_INIT("thought"),
    [PM_SIGNATURE] = SL_STR_INIT("thoughtSignature"),
    [PM_RESOLUTION] = SL_STR_INIT("mediaResolution"),
    [PM_VIDEO] = SL_STR_INIT("videoMetadata"),
};

struct open_call {
    struct sl_str id;
    bool answered;
    struct open_call *next; /* of the same name */
};
struct calls_of_name {
    uint32_t step;
    struct open_call *first, *last;
};

struct part_list {
    struct neutral_part *first, *last;
};

/* One content being read. */
struct content {
    struct gem_reader *r;
    uint32_t index, part;
    bool model;
    struct part_list parts, results;
};

static bool read_part(struct content *c, const struct json_node *v);
static bool take_media(struct content *c, struct neutral_part *p, const struct json_node *v, bool file);
static bool take_response(struct content *c, const struct json_node *v);

static void append(struct part_list *to, struct neutral_part *p)
{
    SL_APPEND(to->first, to->last, p);
}

static struct neutral_part *new_part(struct content *c, enum neutral_part_kind kind)
{
    struct neutral_part *p = SL_ARENA_NEW(c->r->a, struct neutral_part);
    p->kind = kind;
    p->at = c->part + 1;
    return p;
}

static void add_message(struct gem_reader *r, enum neutral_role role, uint32_t index, struct neutral_part *parts)
{
    struct neutral_message *m = SL_ARENA_NEW(r->a, struct neutral_message);
    *m = (struct neutral_message){.role = role, .index = index, .parts = parts};
    SL_APPEND(r->out->messages, r->last_message, m);
}

#define AT "contents[%u].parts[%u]"

/* -- Contents ----------------------------------------------------------------------------------------------------------- */

/* One object stands for a list of one, as Google's own samples write it. */
static bool read_parts(struct content *c, const struct json_node *parts)
{
    if (parts == NULL)
        return true;
    if (parts->kind == JSON_OBJECT)
        return read_part(c, parts);
    if (parts->kind != JSON_ARRAY)
        return gem_refuse(c->r, GE_MEMBER_TYPE, "must be a list", "contents[%u].parts", c->index);
    for (JSON_EACH(&c->r->t, parts, it)) {
        if (it->kind != JSON_OBJECT)
            return gem_refuse(c->r, GE_MEMBER_TYPE, "must be an object", AT, c->index, c->part);
        if (!read_part(c, it))
            return false;
        c->part++;
    }
    return true;
}

static bool read_content(struct gem_reader *r, const struct json_node *v, uint32_t index)
{
    if (v->kind != JSON_OBJECT)
        return gem_refuse(r, GE_MEMBER_TYPE, "must be an object", "contents[%u]", index);
    const struct json_node *role = gem_get(&r->t, v, SL_STR("role"));
    struct sl_str word = json_inside_of(&r->t, role);
    struct content c = {.r = r, .index = index, .model = sl_str_eq(word, SL_STR("model"))};
    bool known = word.n == 0 || c.model || sl_str_eq(word, SL_STR("user")) || sl_str_eq(word, SL_STR("function"));
    if (!known || (role != NULL && role->kind != JSON_STRING))
        return gem_refuse(r, GE_MEMBER_VALUE, "must be 'user' or 'model'", "contents[%u].role", index);
    if (c.model && !r->in_model)
        r->step++; /* calls of the step before are not waited for any more */
    r->in_model = c.model;
    if (!c.model)
        gem_rest(r, v, "role parts", "contents[%u]", index);
    if (!read_parts(&c, gem_get(&r->t, v, SL_STR("parts"))))
        return false;
    if (c.results.first != NULL)
        add_message(r, NR_TOOL, index, c.results.first);
    if (c.parts.first != NULL || c.results.first == NULL)
        add_message(r, c.model ? NR_ASSISTANT : NR_USER, index, c.parts.first);
    return true;
}

bool gem_read_contents(struct gem_reader *r, const struct json_node *contents)
{
    uint32_t index = 0;
    if (contents->kind == JSON_OBJECT)
        return read_content(r, contents, 0);
    if (contents->kind != JSON_ARRAY)
        return gem_refuse(r, GE_MEMBER_TYPE, "must be a list", "contents");
    if (contents->children == 0)
        return gem_refuse(r, GE_MEMBER_VALUE, "must not be empty", "contents");
    for (JSON_EACH(&r->t, contents, it))
        if (!read_content(r, it, index++))
            return false;
    return true;
}

static bool add_system_text(struct content *c, const struct json_node *part)
{
    const struct json_node *text = gem_get(&c->r->t, part, SL_STR("text"));
    if (json_kind_of(text) != JSON_STRING)
        return gem_refuse(c->r, GE_MEMBER_TYPE, "must be text parts", "systemInstruction.parts");
    struct neutral_part *p = new_part(c, NP_TEXT);
    p->text = json_inside_of(&c->r->t, text);
    if (p->text.n > 0)
        append(&c->parts, p);
    c->part++;
    return true;
}

bool gem_read_system(struct gem_reader *r, const struct json_node *system)
{
    struct content c = {.r = r};
    if (system == NULL)
        return true;
    if (system->kind == JSON_STRING) { /* some clients write a text */
        struct neutral_part *p = new_part(&c, NP_TEXT);
        p->text = json_inside_of(&r->t, system);
        append(&c.parts, p);
    } else if (system->kind != JSON_OBJECT) {
        return gem_refuse(r, GE_MEMBER_TYPE, "must be an object", "systemInstruction");
    }
    const struct json_node *parts = gem_get(&r->t, system, SL_STR("parts"));
    if (json_kind_of(parts) == JSON_OBJECT && !add_system_text(&c, parts))
        return false;
    if (json_kind_of(parts) == JSON_ARRAY)
        for (JSON_EACH(&r->t, parts, it))
            if (!add_system_text(&c, it))
                return false;
    if (c.parts.first != NULL)
        add_message(r, NR_SYSTEM, NEUTRAL_APART, c.parts.first);
    return true;
}

/* -- Parts -------------------------------------------------------------------------------------------------------------- */

/* Calls made by place and never by chance: the same conversation gives the same ids. */
static struct sl_str made_id(struct content *c)
{
    struct sl_str place = sl_arena_printf(c->r->a, "gemini %u %u", c->index, c->part);
    uint64_t h1 = sl_hash((struct sl_hash_key){0x736c75696365, 1}, place);
    uint64_t h2 = sl_hash((struct sl_hash_key){0x736c75696365, 2}, place);
    return sl_arena_printf(c->r->a, "call_%016llx%08llx", (unsigned long long)h1,
                           (unsigned long long)(h2 & 0xffffffffu));
}

static void open_call(struct gem_reader *r, struct sl_str id, struct sl_str name)
{
    struct open_call *call = SL_ARENA_NEW(r->a, struct open_call);
    call->id = id;
    gem_index_put(&r->by_id, r->a, id, call);
    struct calls_of_name *of = gem_index_get(&r->by_name, name);
    if (of == NULL) {
        of = SL_ARENA_NEW(r->a, struct calls_of_name);
        gem_index_put(&r->by_name, r->a, name, of);
    }
    if (of->step != r->step || of->first == NULL) {
        *of = (struct calls_of_name){.step = r->step, .first = call, .last = call};
    } else {
        of->last->next = call;
        of->last = call;
    }
}

/* What stands before the first text of the envelope goes before the texts since the call before; the rest in front of this call. */
static void put_thoughts(struct content *c, struct neutral_part *thoughts)
{
    struct neutral_part *behind = NULL;
    bool early = false;
    for (struct neutral_part *p = thoughts; p != NULL; p = p->next)
        early |= p->kind == NP_TEXT;
    for (struct neutral_part *p = c->parts.first; p != NULL && early; p = p->next)
        behind = p->kind == NP_TOOL_CALL ? p : behind;
    for (struct neutral_part *next; thoughts != NULL; thoughts = next) {
        next = thoughts->next;
        thoughts->next = NULL;
        if (thoughts->kind == NP_TEXT) {
            early = false;
        } else if (!early || c->parts.first == NULL || behind == c->parts.last) {
            append(&c->parts, thoughts);
            behind = thoughts;
        } else {
            struct neutral_part **at = behind != NULL ? &behind->next : &c->parts.first;
            thoughts->next = *at;
            *at = behind = thoughts;
        }
    }
}

static bool take_call(struct content *c, const struct json_node *v, struct sl_str signature)
{
    const struct json_tree *t = &c->r->t;
    if (v->kind != JSON_OBJECT)
        return gem_refuse(c->r, GE_MEMBER_TYPE, "must be an object", AT ".functionCall", c->index, c->part);
    struct neutral_part *p = new_part(c, NP_TOOL_CALL);
    const struct json_node *args = gem_get(t, v, SL_STR("args"));
    p->name = json_ident(gem_get_inside(t, v, SL_STR("name")), c->r->a);
    p->id = json_ident(gem_get_inside(t, v, SL_STR("id")), c->r->a);
    p->arguments = args != NULL ? json_raw_of(t, args) : SL_STR("{}");
    if (p->name.n == 0)
        return gem_refuse(c->r, GE_MEMBER_MISSING, "is missing", AT ".functionCall.name", c->index, c->part);
    if (args != NULL && args->kind != JSON_OBJECT)
        return gem_refuse(c->r, GE_MEMBER_TYPE, "must be an object", AT ".functionCall.args", c->index, c->part);
    if (p->id.n == 0)
        p->id = made_id(c);
    open_call(c->r, p->id, p->name);
    struct neutral_part *thoughts = gem_envelope_unpack(c->r->a, signature);
    if (thoughts == NULL)
        p->signature = signature;
    put_thoughts(c, thoughts);
    append(&c->parts, p);
    return true;
}

static void take_hosted(struct content *c, const struct json_node *v, enum part_member what, struct sl_str signature)
{
    struct neutral_part *p = new_part(c, NP_HOSTED);
    p->type = part_names[what];
    p->raw = json_raw_of(&c->r->t, v);
    p->signature = signature;
    append(&c->parts, p);
}

static bool take_text(struct content *c, const struct json_node *v, bool thought, struct sl_str signature)
{
    if (v != NULL && v->kind != JSON_STRING)
        return gem_refuse(c->r, GE_MEMBER_TYPE, "must be a text", AT ".text", c->index, c->part);
    struct neutral_part *p = new_part(c, thought && c->model ? NP_REASONING : NP_TEXT);
    p->text = json_inside_of(&c->r->t, v);
    p->signature = signature;
    if (p->text.n > 0 || signature.n > 0)
        append(&c->parts, p);
    return true;
}

/* Which member the data is in; PM_COUNT: none. */
static enum part_member sort_members(struct content *c, const struct json_node *v,
                                     const struct json_node *found[PM_COUNT])
{
    enum part_member data = PM_COUNT;
    for (JSON_EACH(&c->r->t, v, it)) {
        enum part_member m = PM_TEXT;
        struct sl_str name = json_key_of(&c->r->t, it);
        while (m < PM_COUNT && !gem_key_is(&c->r->t, it, part_names[m]))
            m++;
        if (it->kind == JSON_NULL)
            continue;
        if (m == PM_COUNT) {
            gem_unknown(c->r, json_raw_of(&c->r->t, it), AT "." SL_STR_FMT, c->index, c->part, SL_STR_ARG(name));
            continue;
        }
        found[m] = it;
        if (m < PM_THOUGHT && !(m == PM_TEXT && it->n == 2 && data != PM_COUNT))
            data = m;
    }
    return data;
}

static void take_detail(struct content *c, struct neutral_part *p, const struct json_node *resolution)
{
    struct sl_str level = gem_get_inside(&c->r->t, resolution, SL_STR("level"));
    if (sl_str_ends(level, SL_STR("_LOW")))
        p->media.detail = SL_STR("low");
    else if (sl_str_ends(level, SL_STR("_HIGH")))
        p->media.detail = SL_STR("high");
    else if (level.n > 0 && !sl_str_ends(level, SL_STR("_UNSPECIFIED")))
        gem_unknown(c->r, json_raw_of(&c->r->t, resolution), AT ".mediaResolution", c->index, c->part);
}

/* Only how many frames are looked at is known elsewhere. */
static void take_video(struct content *c, struct neutral_part *p, const struct json_node *video)
{
    const struct json_tree *t = &c->r->t;
    for (JSON_EACH(t, json_kind_of(video) == JSON_OBJECT ? video : NULL, it)) {
        if (p != NULL && gem_key_is(t, it, SL_STR("fps")) && it->kind == JSON_NUMBER)
            p->media.fps = json_raw_of(t, it);
        else if (it->kind != JSON_NULL)
            gem_unknown(c->r, json_raw_of(t, it), AT ".videoMetadata." SL_STR_FMT, c->index, c->part,
                        SL_STR_ARG(json_key_of(t, it)));
    }
}

static bool read_part(struct content *c, const struct json_node *v)
{
    const struct json_node *only = json_child(v), *found[PM_COUNT] = {NULL};
    if (v->children == 1 && only->kind == JSON_STRING && gem_key_is(&c->r->t, only, part_names[PM_TEXT]))
        return take_text(c, only, false, SL_STR_NONE); /* what most are */
    enum part_member data = sort_members(c, v, found);
    struct sl_str signature = json_inside_of(&c->r->t, found[PM_SIGNATURE]);
    bool thought = json_kind_of(found[PM_THOUGHT]) == JSON_TRUE;
    unsigned kinds = 0;
    for (unsigned m = PM_TEXT; m < PM_THOUGHT; m++)
        kinds += found[m] != NULL && !(m == PM_TEXT && found[m]->n == 2); /* an empty text beside it says nothing */
    if (kinds > 1)
        return gem_refuse(c->r, GE_MEMBER_VALUE, "has content of several kinds", AT, c->index, c->part);
    switch (data) {
    case PM_TEXT:
        return take_text(c, found[data], thought, signature);
    case PM_CALL:
        return take_call(c, found[data], signature);
    case PM_RESPONSE:
        return take_response(c, found[data]);
    case PM_INLINE_DATA:
    case PM_FILE_DATA: {
        struct neutral_part *p = new_part(c, NP_FILE);
        if (!take_media(c, p, found[data], data == PM_FILE_DATA))
            return false;
        p->signature = signature;
        take_detail(c, p, found[PM_RESOLUTION]);
        take_video(c, p->kind == NP_VIDEO ? p : NULL, found[PM_VIDEO]);
        if (!thought) /* pictures of the model's thinking are never sent back */
            append(&c->parts, p);
        return true;
    }
    case PM_CODE:
    case PM_CODE_RESULT:
    case PM_SERVER_CALL:
    case PM_SERVER_RESPONSE:
        take_hosted(c, found[data], data, signature);
        return true;
    default:
        if (signature.n == 0)
            return gem_refuse(c->r, GE_MEMBER_MISSING, "has no content that is known", AT, c->index, c->part);
        return take_text(c, NULL, thought, signature);
    }
}

/* -- Media ---------------------------------------------------------------------------------------------------------------- */

static enum neutral_part_kind kind_of_mime(struct sl_str mime)
{
    if (sl_str_starts_nocase(mime, SL_STR("image/")))
        return NP_IMAGE;
    if (sl_str_starts_nocase(mime, SL_STR("audio/")))
        return NP_AUDIO;
    return sl_str_starts_nocase(mime, SL_STR("video/")) ? NP_VIDEO : NP_FILE;
}

/* Texts as text, so that every other format can say them. */
static void decode_text(struct content *c, struct neutral_media *m)
{
    struct sl_str bytes, mime = m->mime;
    bool text = sl_str_starts_nocase(mime, SL_STR("text/")) || sl_str_eq_nocase(mime, SL_STR("application/json"));
    if (text && media_decode(m->data, c->r->a, &bytes) && sl_utf8_valid(bytes)) {
        m->source = NS_TEXT;
        m->data = json_escape(bytes, c->r->a);
    }
}

static bool take_uri(struct content *c, struct neutral_part *p, struct sl_str uri)
{
    struct sl_str plain = json_plain(uri, c->r->a);
    bool google = sl_str_find_str(plain, SL_STR("generativelanguage.googleapis.com/")) >= 0 ||
                  sl_str_starts(plain, SL_STR("files/"));
    p->media.source = google ? NS_FILE_ID : NS_URL;
    p->media.data = uri;
    struct sl_str mime = p->media.mime.n > 0 ? p->media.mime : media_by_name(plain);
    p->kind = kind_of_mime(mime);
    if (mime.n == 0 && sl_str_find_str(plain, SL_STR("youtu")) >= 0)
        p->kind = NP_VIDEO;
    return true;
}

static bool take_media(struct content *c, struct neutral_part *p, const struct json_node *v, bool file)
{
    const struct json_tree *t = &c->r->t;
    const char *member = file ? "fileData.fileUri" : "inlineData.data";
    if (v->kind != JSON_OBJECT)
        return gem_refuse(c->r, GE_MEMBER_TYPE, "must be an object", AT ".%s", c->index, c->part,
                          file ? "fileData" : "inlineData");
    p->media.mime = json_ident(gem_get_inside(t, v, SL_STR("mimeType")), c->r->a);
    p->media.filename = gem_get_inside(t, v, SL_STR("displayName"));
    struct sl_str data = gem_get_inside(t, v, file ? SL_STR("fileUri") : SL_STR("data"));
    if (data.n == 0)
        return gem_refuse(c->r, GE_MEMBER_MISSING, "is missing", AT ".%s", c->index, c->part, member);
    if (file)
        return take_uri(c, p, data);
    if (media_base64(data, c->r->a).n == 0)
        return gem_refuse(c->r, GE_MEMBER_VALUE, "is not base64", AT ".%s", c->index, c->part, member);
    p->media.source = NS_BASE64;
    p->media.data = data;
    p->kind = kind_of_mime(p->media.mime);
    decode_text(c, &p->media);
    return true;
}

/* -- Results --------------------------------------------------------------------------------------------------------------- */

/* The call that is answered; NULL: none is open. */
static struct open_call *answered_by(struct gem_reader *r, struct sl_str id, struct sl_str name)
{
    struct open_call *call = id.n > 0 ? gem_index_get(&r->by_id, id) : NULL;
    if (call != NULL)
        return call;
    struct calls_of_name *of = gem_index_get(&r->by_name, name);
    if (of == NULL || of->step != r->step)
        return NULL;
    while (of->first != NULL && of->first->answered)
        of->first = of->first->next;
    return of->first;
}

static void add_text(struct content *c, struct part_list *to, struct sl_str inside)
{
    struct neutral_part *p = new_part(c, NP_TEXT);
    p->text = inside;
    append(to, p);
}

/* What the tool said: its `output` or `result` when that is all and a text, else the whole object. */
static struct sl_str said_by_tool(struct content *c, const struct json_node *response)
{
    const struct json_tree *t = &c->r->t;
    const struct json_node *only = response->children == 1 ? json_child(response) : NULL;
    bool usual = only != NULL && (json_key_is(t, only, SL_STR("output")) || json_key_is(t, only, SL_STR("result")));
    if (usual && only->kind == JSON_STRING)
        return json_inside_of(t, only);
    return json_escape(json_raw_of(t, response), c->r->a);
}

static bool take_result_media(struct content *c, struct part_list *content, const struct json_node *parts)
{
    uint32_t inner = 0;
    for (JSON_EACH(&c->r->t, parts, it)) {
        const struct json_node *data = gem_get(&c->r->t, it, SL_STR("inlineData"));
        const struct json_node *file = gem_get(&c->r->t, it, SL_STR("fileData"));
        struct neutral_part *p = new_part(c, NP_FILE);
        p->inner = ++inner;
        if (data == NULL && file == NULL)
            continue;
        if (!take_media(c, p, data != NULL ? data : file, data == NULL))
            return false;
        append(content, p);
    }
    return true;
}

static bool take_response(struct content *c, const struct json_node *v)
{
    const struct json_tree *t = &c->r->t;
    struct part_list content = {NULL};
    const struct json_node *response = gem_get(t, v, SL_STR("response"));
    struct sl_str name = json_ident(gem_get_inside(t, v, SL_STR("name")), c->r->a);
    if (v->kind != JSON_OBJECT)
        return gem_refuse(c->r, GE_MEMBER_TYPE, "must be an object", AT ".functionResponse", c->index, c->part);
    if (name.n == 0)
        return gem_refuse(c->r, GE_MEMBER_MISSING, "is missing", AT ".functionResponse.name", c->index, c->part);
    if (response != NULL && response->kind != JSON_OBJECT)
        return gem_refuse(c->r, GE_MEMBER_TYPE, "must be an object", AT ".functionResponse.response", c->index,
                          c->part);
    gem_rest(c->r, v, "id name response parts", AT ".functionResponse", c->index, c->part);
    struct open_call *call = answered_by(c->r, json_ident(gem_get_inside(t, v, SL_STR("id")), c->r->a), name);
    struct sl_str text = response != NULL ? said_by_tool(c, response) : SL_STR_NONE;
    if (call == NULL) {
        struct sl_str told =
            sl_arena_printf(c->r->a, "Tool result (" SL_STR_FMT "): " SL_STR_FMT, SL_STR_ARG(name), SL_STR_ARG(text));
        add_text(c, &c->parts, told);
        return true;
    }
    call->answered = true;
    struct neutral_part *p = new_part(c, NP_TOOL_RESULT);
    const struct json_node *only =
        json_kind_of(response) == JSON_OBJECT && response->children == 1 ? json_child(response) : NULL;
    p->id = call->id;
    p->name = name;
    p->raw = response != NULL ? json_raw_of(t, response) : SL_STR("{}");
    p->is_error = only != NULL && json_key_is(t, only, SL_STR("error"));
    if (text.n > 0)
        add_text(c, &content, text);
    if (!take_result_media(c, &content, gem_get(t, v, SL_STR("parts"))))
        return false;
    p->content = content.first;
    append(&c->results, p);
    return true;
}
