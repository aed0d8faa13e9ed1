/* Items of `input` as messages (translate-openai-anthropic.md 8.1). Neighbouring items of the assistant's side become one message;
 * outputs of calls become TOOL messages, which stand right behind the message that has the call, wherever they stood. */
#include "dialect/media.h"
#include "dialect/openai_responses/reading.h"

static struct turn *new_turn(struct reading *r, enum neutral_role role, uint32_t index)
{
    struct turn *turn = SL_ARENA_NEW(r->a, struct turn);
    turn->m.role = role;
    turn->m.index = index;
    return turn;
}

static void append_turn(struct reading *r, struct turn *turn)
{
    if (r->last != NULL)
        r->last->m.next = &turn->m;
    else
        r->first = turn;
    r->last = turn;
}

static void append_part(struct turn *turn, struct neutral_part *part)
{
    if (turn->last != NULL)
        turn->last->next = part;
    else
        turn->m.parts = part;
    for (turn->last = part; turn->last->next != NULL;)
        turn->last = turn->last->next;
}

static struct neutral_part *reading_new_part(struct reading *r, enum neutral_part_kind kind)
{
    struct neutral_part *part = SL_ARENA_NEW(r->a, struct neutral_part);
    part->kind = kind;
    part->item = r->item;
    return part;
}

/* The assistant's message that an item goes to: the one before it, when nothing else is between. */
static struct turn *assistant(struct reading *r, uint32_t index)
{
    if (r->last == NULL || r->last->m.role != NR_ASSISTANT)
        append_turn(r, new_turn(r, NR_ASSISTANT, index));
    return r->last;
}

/* -- Content -------------------------------------------------------------------------------------------------------- */

static enum neutral_cache cache_of(struct reading *r, const struct json_node *part)
{
    const struct json_node *mark = json_got(&r->t, part, SL_STR("prompt_cache_breakpoint"));
    if (json_kind_of(mark) != JSON_OBJECT)
        return NC_NONE;
    return json_got(&r->t, mark, SL_STR("ttl")) != NULL ? NC_1H : NC_5M;
}

static bool take_media(struct reading *r, struct sl_str url, const struct place *at, struct neutral_media *out)
{
    if (media_from_url(url, r->a, out))
        return true;
    return reading_refuse(r, GE_MEMBER_VALUE, at, "is no data URL that can be read");
}

static bool read_image(struct reading *r, const struct json_node *v, const struct place *at, struct neutral_part *part)
{
    struct sl_str url = SL_STR_NONE, id = SL_STR_NONE;
    if (!reading_text(r, v, "image_url", at, MAY_LACK, &url) || !reading_text(r, v, "file_id", at, MAY_LACK, &id))
        return false;
    if (url.n == 0 && id.n == 0)
        return reading_refuse(r, GE_MEMBER_MISSING, at, "needs an image_url or a file_id");
    if (url.n == 0)
        part->media = (struct neutral_media){.source = NS_FILE_ID, .data = id};
    else if (!take_media(r, url, at, &part->media))
        return false;
    part->kind = NP_IMAGE;
    return reading_text(r, v, "detail", at, MAY_LACK, &part->media.detail);
}

static bool read_file(struct reading *r, const struct json_node *v, const struct place *at, struct neutral_part *part)
{
    struct sl_str data = SL_STR_NONE, url = SL_STR_NONE, id = SL_STR_NONE;
    if (!reading_text(r, v, "file_data", at, MAY_LACK, &data) || !reading_text(r, v, "file_url", at, MAY_LACK, &url) ||
        !reading_text(r, v, "file_id", at, MAY_LACK, &id))
        return false;
    part->kind = NP_FILE;
    if (data.n > 0 && sl_str_starts_nocase(data, SL_STR("data:"))) {
        if (!take_media(r, data, at, &part->media))
            return false;
    } else if (data.n > 0) {
        part->media = (struct neutral_media){.source = NS_BASE64, .data = data};
    } else if (url.n > 0) {
        part->media = (struct neutral_media){.source = NS_URL, .data = url};
    } else if (id.n > 0) {
        part->media = (struct neutral_media){.source = NS_FILE_ID, .data = id};
    } else {
        return reading_refuse(r, GE_MEMBER_MISSING, at, "needs file_data, a file_url or a file_id");
    }
    if (!reading_text(r, v, "filename", at, MAY_LACK, &part->media.filename))
        return false;
    if (part->media.mime.n == 0 && part->media.source == NS_BASE64)
        part->media.mime = media_sniff(part->media.data);
    if (part->media.mime.n == 0)
        part->media.mime = media_by_name(part->media.filename);
    return true;
}

/* Not of OpenAI's own document, but compatible servers and clients use chat's form of it here. */
static bool read_audio(struct reading *r, const struct json_node *v, const struct place *at, struct neutral_part *part)
{
    const struct json_node *audio = json_got(&r->t, v, SL_STR("input_audio"));
    const struct place *inner = PLACE(at, "input_audio");
    if (json_kind_of(audio) != JSON_OBJECT)
        return reading_refuse(r, GE_MEMBER_TYPE, inner, "must be an object");
    part->kind = NP_AUDIO;
    part->media.source = NS_BASE64;
    return reading_text(r, audio, "data", inner, NEEDED, &part->media.data) &&
           reading_text(r, audio, "format", inner, NEEDED, &part->media.mime);
}

static bool read_text(struct reading *r, const struct json_node *v, const struct place *at, struct neutral_part *part)
{
    part->kind = NP_TEXT;
    const struct json_node *annotations = json_got(&r->t, v, SL_STR("annotations"));
    if (json_kind_of(annotations) == JSON_ARRAY && annotations->children > 0)
        part->citations = json_raw_of(&r->t, annotations);
    return reading_text(r, v, "text", at, NEEDED, &part->text);
}

static bool read_refusal(struct reading *r, const struct json_node *v, const struct place *at,
                         struct neutral_part *part)
{
    part->kind = NP_REFUSAL;
    return reading_text(r, v, "refusal", at, NEEDED, &part->text);
}

/* members: those that are read; NULL: an assistant's own. */
static const struct {
    struct sl_str type;
    bool (*read)(struct reading *r, const struct json_node *v, const struct place *at, struct neutral_part *part);
    const char *members;
} parts[] = {
    {SL_STR_INIT("input_text"), read_text, "type text prompt_cache_breakpoint"},
    {SL_STR_INIT("output_text"), read_text},
    {SL_STR_INIT("text"), read_text},
    {SL_STR_INIT("refusal"), read_refusal},
    {SL_STR_INIT("input_image"), read_image, "type image_url file_id detail prompt_cache_breakpoint"},
    {SL_STR_INIT("input_file"), read_file, "type file_id file_url file_data filename prompt_cache_breakpoint"},
    {SL_STR_INIT("input_audio"), read_audio, "type input_audio prompt_cache_breakpoint"},
    {SL_STR_INIT("summary_text"), read_text},
    {SL_STR_INIT("reasoning_text"), read_text},
};

static bool read_part(struct reading *r, const struct json_node *v, const struct place *at, struct neutral_part *part)
{
    if (v->kind != JSON_OBJECT)
        return reading_refuse(r, GE_MEMBER_TYPE, at, "must be an object");
    struct sl_str inside = SL_STR_NONE;
    if (!reading_text(r, v, "type", at, NEEDED, &inside))
        return false;
    part->cache = cache_of(r, v);
    const struct json_node *type = json_get(&r->t, v, SL_STR("type"));
    for (size_t i = 0; i < sizeof parts / sizeof parts[0]; i++)
        if (json_text_is(&r->t, type, parts[i].type)) {
            if (parts[i].members != NULL && v->children > 2)
                reading_rest(r, v, parts[i].members, at);
            return parts[i].read(r, v, at, part);
        }
    part->kind = NP_UNKNOWN;
    part->type = inside;
    part->raw = json_raw_of(&r->t, v);
    return true;
}

bool reading_content(struct reading *r, const struct json_node *content, const struct place *at,
                     struct neutral_part **out)
{
    *out = NULL;
    if (json_kind_of(content) == JSON_STRING) {
        *out = reading_new_part(r, NP_TEXT);
        (*out)->text = json_inside_of(&r->t, content);
        return true;
    }
    if (json_kind_of(content) != JSON_ARRAY)
        return reading_refuse(r, GE_MEMBER_TYPE, at, "must be a string or a list of parts");
    uint32_t i = 0;
    for (JSON_EACH(&r->t, content, it)) {
        struct neutral_part *part = reading_new_part(r, NP_TEXT);
        part->at = i + 1;
        if (!read_part(r, it, PLACE_AT(at, i), part))
            return false;
        *out = part;
        out = &part->next;
        i++;
    }
    return true;
}

/* Gemini signs the part itself: a reasoning item of ours that carries such a signature stands before the part that it belongs to
 * (translate-gemini.md 16). */
static void take_signature(struct turn *turn, struct neutral_part *part)
{
    struct neutral_part *before = turn->last;
    if (before == NULL || before->kind != NP_REASONING || !sl_str_starts(before->signature, SL_STR("slc1.goo.")))
        return;
    part->signature = before->signature;
    before->signature = SL_STR_NONE;
}

/* -- Items ---------------------------------------------------------------------------------------------------------- */

struct item {
    const struct json_node *v;
    const struct place *at;
    uint32_t index;
};

static bool role_of(struct reading *r, const struct item *item, enum neutral_role *out)
{
    static const struct {
        struct sl_str name;
        enum neutral_role role;
    } roles[] = {{SL_STR_INIT("user"), NR_USER},
                 {SL_STR_INIT("assistant"), NR_ASSISTANT},
                 {SL_STR_INIT("system"), NR_SYSTEM},
                 {SL_STR_INIT("developer"), NR_DEVELOPER}};
    struct sl_str ignored = SL_STR_NONE;
    if (!reading_text(r, item->v, "role", item->at, NEEDED, &ignored))
        return false;
    const struct json_node *role = json_get(&r->t, item->v, SL_STR("role"));
    for (size_t i = 0; i < sizeof roles / sizeof roles[0]; i++) {
        if (json_text_is(&r->t, role, roles[i].name)) {
            *out = roles[i].role;
            return true;
        }
    }
    return reading_refuse(r, GE_MEMBER_VALUE, PLACE(item->at, "role"),
                          "is none of user, assistant, system and developer");
}

static bool on_message(struct reading *r, const struct item *item)
{
    enum neutral_role role = NR_USER;
    struct neutral_part *content = NULL;
    struct sl_str phase = SL_STR_NONE;
    const struct place *at = PLACE(item->at, "content");
    const struct json_node *v = json_get(&r->t, item->v, SL_STR("content"));
    if (!role_of(r, item, &role) || !reading_text(r, item->v, "phase", item->at, MAY_LACK, &phase))
        return false;
    if (v == NULL)
        return reading_refuse(r, GE_MEMBER_MISSING, at, "is missing");
    if (role != NR_ASSISTANT && item->v->children > 2)
        reading_rest(r, item->v, "type role content phase id status", item->at);
    bool empty = v->kind == JSON_NULL && role == NR_ASSISTANT;
    if (!empty && !reading_content(r, v, at, &content))
        return false;
    struct turn *turn = role == NR_ASSISTANT ? r->last : NULL;
    bool joins = turn != NULL && turn->m.role == NR_ASSISTANT &&
                 (turn->m.phase.n == 0 || phase.n == 0 || sl_str_eq(turn->m.phase, phase));
    if (!joins) {
        turn = new_turn(r, role, item->index);
        append_turn(r, turn);
    }
    if (phase.n > 0)
        turn->m.phase = phase;
    if (content == NULL)
        return true;
    take_signature(turn, content);
    append_part(turn, content);
    return true;
}

/* Texts of an array of {"text"} parts of that type, joined by a blank line. Inside. */
static struct sl_str reading_texts(struct reading *r, const struct json_node *list, struct sl_str type)
{
    static const char gap[] = "\\n\\n";
    size_t bytes = 0;
    for (JSON_EACH(&r->t, list, it))
        bytes += json_get_inside(&r->t, it, SL_STR("text")).n + sizeof gap;
    char *out = sl_arena_alloc(r->a, bytes);
    size_t n = 0;
    bool any = false;
    for (JSON_EACH(&r->t, list, it)) {
        struct sl_str text = json_get_inside(&r->t, it, SL_STR("text"));
        if (!json_text_is(&r->t, json_get(&r->t, it, SL_STR("type")), type))
            continue;
        if (any) {
            memcpy(out + n, gap, sizeof gap - 1);
            n += sizeof gap - 1;
        }
        if (text.n > 0)
            memcpy(out + n, text.p, text.n);
        n += text.n;
        any = true;
    }
    return sl_str_of(out, n);
}

static bool on_reasoning(struct reading *r, const struct item *item)
{
    struct neutral_part *part = reading_new_part(r, NP_REASONING);
    if (!reading_text(r, item->v, "id", item->at, MAY_LACK, &part->id) ||
        !reading_text(r, item->v, "encrypted_content", item->at, MAY_LACK, &part->encrypted))
        return false;
    part->text = reading_texts(r, json_got(&r->t, item->v, SL_STR("summary")), SL_STR("summary_text"));
    if (part->text.n == 0)
        part->text = reading_texts(r, json_got(&r->t, item->v, SL_STR("content")), SL_STR("reasoning_text"));
    if (sl_str_starts(part->encrypted, SL_STR("slc1.")) && !sl_str_starts(part->encrypted, SL_STR("slc1.antr."))) {
        part->signature = part->encrypted; /* a carrier of ours for a text with its signature */
        part->encrypted = SL_STR_NONE;
    }
    append_part(assistant(r, item->index), part);
    return true;
}

struct sl_str reading_joined(struct reading *r, struct sl_str space, struct sl_str name)
{
    return space.n == 0 ? name : sl_arena_printf(r->a, SL_STR_FMT "__" SL_STR_FMT, SL_STR_ARG(space), SL_STR_ARG(name));
}

static bool read_call_head(struct reading *r, const struct item *item, struct neutral_part *part)
{
    struct sl_str space = SL_STR_NONE;
    if (!reading_text(r, item->v, "call_id", item->at, NEEDED, &part->id) ||
        !reading_text(r, item->v, "name", item->at, NEEDED, &part->name) ||
        !reading_text(r, item->v, "namespace", item->at, MAY_LACK, &space))
        return false;
    part->id = json_ident(part->id, r->a);
    part->name = reading_joined(r, json_ident(space, r->a), json_ident(part->name, r->a));
    return true;
}

static void add_call(struct reading *r, const struct item *item, struct neutral_part *part)
{
    struct turn *turn = assistant(r, item->index);
    take_signature(turn, part);
    append_part(turn, part);
    if (part->id.p != NULL)
        sl_map_put(&r->calls, part->id, turn);
}

static bool on_function_call(struct reading *r, const struct item *item)
{
    struct neutral_part *part = reading_new_part(r, NP_TOOL_CALL);
    struct sl_str arguments = SL_STR_NONE;
    if (!read_call_head(r, item, part) || !reading_text(r, item->v, "arguments", item->at, MAY_LACK, &arguments))
        return false;
    part->arguments = json_plain(arguments, r->a);
    add_call(r, item, part);
    return true;
}

static bool on_custom_call(struct reading *r, const struct item *item)
{
    struct neutral_part *part = reading_new_part(r, NP_TOOL_CALL);
    part->custom = true;
    if (!read_call_head(r, item, part) || !reading_text(r, item->v, "input", item->at, MAY_LACK, &part->text))
        return false;
    add_call(r, item, part);
    return true;
}

/* The TOOL message behind the one that has the call; where nobody called, one at this place. */
static struct turn *results_of(struct reading *r, struct sl_str id, uint32_t index)
{
    struct turn *caller = id.p != NULL ? sl_map_get(&r->calls, id) : NULL;
    if (caller == NULL) {
        if (r->last == NULL || r->last->m.role != NR_TOOL)
            append_turn(r, new_turn(r, NR_TOOL, index));
        return r->last;
    }
    if (caller->results == NULL) {
        struct turn *turn = caller->results = new_turn(r, NR_TOOL, index);
        turn->m.next = caller->m.next;
        caller->m.next = &turn->m;
        if (r->last == caller)
            r->last = turn;
    }
    return caller->results;
}

static bool read_output(struct reading *r, const struct item *item, struct neutral_part *part)
{
    if (!reading_text(r, item->v, "call_id", item->at, NEEDED, &part->id))
        return false;
    part->id = json_ident(part->id, r->a);
    reading_rest(r, item->v, "type call_id output id status name namespace caller", item->at);
    const struct json_node *output = json_got(&r->t, item->v, SL_STR("output"));
    if (output != NULL && !reading_content(r, output, PLACE(item->at, "output"), &part->content))
        return false;
    for (struct neutral_part *p = part->content; p != NULL; p = p->next) {
        p->inner = p->at;
        p->at = 0;
    }
    append_part(results_of(r, part->id, item->index), part);
    return true;
}

static bool on_output(struct reading *r, const struct item *item)
{
    return read_output(r, item, reading_new_part(r, NP_TOOL_RESULT));
}

static bool on_custom_output(struct reading *r, const struct item *item)
{
    struct neutral_part *part = reading_new_part(r, NP_TOOL_RESULT);
    part->custom = true;
    return read_output(r, item, part);
}

static bool on_hosted(struct reading *r, const struct item *item)
{
    struct neutral_part *part = reading_new_part(r, NP_HOSTED);
    part->type = json_get_inside(&r->t, item->v, SL_STR("type"));
    part->raw = json_raw_of(&r->t, item->v);
    append_part(assistant(r, item->index), part);
    return true;
}

static bool on_unknown(struct reading *r, const struct item *item)
{
    struct neutral_part *part = reading_new_part(r, NP_UNKNOWN);
    part->type = json_get_inside(&r->t, item->v, SL_STR("type"));
    part->raw = json_raw_of(&r->t, item->v);
    append_part(assistant(r, item->index), part);
    return true;
}

/* A search in the client's own tools: a call and its result like those of any function. */
static bool is_clients(struct reading *r, const struct item *item)
{
    return json_text_is(&r->t, json_get(&r->t, item->v, SL_STR("execution")), SL_STR("client"));
}

static bool on_search_call(struct reading *r, const struct item *item)
{
    if (!is_clients(r, item))
        return on_hosted(r, item);
    struct neutral_part *part = reading_new_part(r, NP_TOOL_CALL);
    if (!reading_text(r, item->v, "call_id", item->at, NEEDED, &part->id))
        return false;
    part->id = json_ident(part->id, r->a);
    part->name = SL_STR("tool_search");
    part->arguments = json_get_raw(&r->t, item->v, SL_STR("arguments"));
    add_call(r, item, part);
    return true;
}

static bool on_search_output(struct reading *r, const struct item *item)
{
    if (!is_clients(r, item))
        return on_hosted(r, item);
    struct neutral_part *part = reading_new_part(r, NP_TOOL_RESULT);
    if (!reading_text(r, item->v, "call_id", item->at, NEEDED, &part->id))
        return false;
    part->id = json_ident(part->id, r->a);
    const struct json_node *tools = json_got(&r->t, item->v, SL_STR("tools"));
    part->content = reading_new_part(r, NP_TEXT);
    part->content->text = json_escape(json_raw_of(&r->t, tools), r->a);
    append_part(results_of(r, part->id, item->index), part);
    return tools == NULL || reading_more_tools(r, tools, item->at); /* what it found may be called now */
}

static bool on_more_tools(struct reading *r, const struct item *item)
{
    const struct json_node *tools = json_got(&r->t, item->v, SL_STR("tools"));
    return tools == NULL || reading_more_tools(r, tools, item->at);
}

static bool on_reference(struct reading *r, const struct item *item)
{
    return reading_refuse(r, GE_UNSUPPORTED, item->at,
                          "refers to an item that is stored elsewhere: send the item itself");
}

typedef bool item_f(struct reading *r, const struct item *item);
static const struct {
    struct sl_str type;
    item_f *read;
} items[] = {
    {SL_STR_INIT("message"), on_message},
    {SL_STR_INIT("reasoning"), on_reasoning},
    {SL_STR_INIT("function_call"), on_function_call},
    {SL_STR_INIT("function_call_output"), on_output},
    {SL_STR_INIT("custom_tool_call"), on_custom_call},
    {SL_STR_INIT("custom_tool_call_output"), on_custom_output},
    {SL_STR_INIT("item_reference"), on_reference},
    {SL_STR_INIT("tool_search_call"), on_search_call},
    {SL_STR_INIT("tool_search_output"), on_search_output},
    {SL_STR_INIT("additional_tools"), on_more_tools},
    {SL_STR_INIT("web_search_call"), on_hosted},
    {SL_STR_INIT("file_search_call"), on_hosted},
    {SL_STR_INIT("code_interpreter_call"), on_hosted},
    {SL_STR_INIT("image_generation_call"), on_hosted},
    {SL_STR_INIT("computer_call"), on_hosted},
    {SL_STR_INIT("computer_call_output"), on_hosted},
    {SL_STR_INIT("local_shell_call"), on_hosted},
    {SL_STR_INIT("local_shell_call_output"), on_hosted},
    {SL_STR_INIT("shell_call"), on_hosted},
    {SL_STR_INIT("shell_call_output"), on_hosted},
    {SL_STR_INIT("apply_patch_call"), on_hosted},
    {SL_STR_INIT("apply_patch_call_output"), on_hosted},
    {SL_STR_INIT("mcp_list_tools"), on_hosted},
    {SL_STR_INIT("mcp_call"), on_hosted},
    {SL_STR_INIT("mcp_approval_request"), on_hosted},
    {SL_STR_INIT("mcp_approval_response"), on_hosted},
    {SL_STR_INIT("compaction"), on_hosted},
    {SL_STR_INIT("program"), on_hosted},
    {SL_STR_INIT("program_output"), on_hosted},
};

static item_f *item_reader(struct reading *r, const struct json_node *type)
{
    for (size_t i = 0; i < sizeof items / sizeof items[0]; i++)
        if (json_text_is(&r->t, type, items[i].type))
            return items[i].read;
    return on_unknown;
}

static bool read_item(struct reading *r, const struct item *item)
{
    if (item->v->kind != JSON_OBJECT)
        return reading_refuse(r, GE_MEMBER_TYPE, item->at, "must be an object");
    const struct json_node *type = json_got(&r->t, item->v, SL_STR("type"));
    if (type == NULL && json_got(&r->t, item->v, SL_STR("role")) != NULL)
        return on_message(r, item);
    if (type == NULL && json_got(&r->t, item->v, SL_STR("id")) != NULL)
        return on_reference(r, item);
    struct sl_str ignored = SL_STR_NONE;
    return reading_text(r, item->v, "type", item->at, NEEDED, &ignored) && item_reader(r, type)(r, item);
}

bool reading_input(struct reading *r)
{
    if (r->input->kind == JSON_STRING) {
        struct turn *turn = new_turn(r, NR_USER, 0);
        append_turn(r, turn);
        append_part(turn, reading_new_part(r, NP_TEXT));
        turn->m.parts->text = json_inside_of(&r->t, r->input);
        return true;
    }
    if (r->input->kind != JSON_ARRAY)
        return reading_refuse(r, GE_MEMBER_TYPE, PLACE(NULL, "input"), "must be a string or a list of items");
    struct item item = {.index = 0};
    for (JSON_EACH(&r->t, r->input, it)) {
        item.v = it;
        r->item = item.index + 1;
        bool earlier = item.index < r->r->earlier;
        item.at = earlier ? PLACE(NULL, "previous_response_id")
                          : PLACE_AT(PLACE(NULL, "input"), item.index - r->r->earlier);
        if (!read_item(r, &item))
            return false;
        item.index++;
    }
    return true;
}
