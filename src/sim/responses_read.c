/* Reads a request of OpenAI's Responses as strictly as the API does: openai.md 7.2 to 7.4 (November 2026), and recorded refusals. */
#include "sim/responses.h"

#include "base/hash.h"

#define TEXT_NAME_MAX 64u
#define TOOL_NAME_MAX 128u
#define CALL_ID_MAX 64u
#define CALLS_MAX 1024u
#define LEAST_OUTPUT 16

struct reader {
    struct sim_ask *a;
    struct sim_call *c;
    struct responses_more *more;
    struct sl_str calls[CALLS_MAX]; /* ids, of calls in the input or in what went before */
    bool given[CALLS_MAX];
    unsigned n_calls;
    struct sl_str lone_reasoning; /* id of a reasoning item that nothing of the model's has followed */
    size_t index;                 /* of the item */
};

static const char *at(struct reader *r, const char *more)
{
    return sl_arena_printf(r->c->s->arena, "input[%llu]%s", (unsigned long long)r->index, more).p;
}

static bool missing(struct reader *r, const char *param)
{
    return sim_openai_no(r->c, "missing_required_parameter", param, "Missing required parameter: '%s'.", param);
}

static struct sl_str raw_of(struct sim_call *c, yyjson_val *v)
{
    size_t n = 0;
    if (!sim_is_there(v))
        return SL_STR_NONE;
    char *text = yyjson_val_write_opts(v, YYJSON_WRITE_NOFLAG, &sim_json_alc, &n, NULL);
    struct sl_str kept = sl_arena_str(c->s->arena, sl_str_of(text, n));
    sim_json_alc.free(NULL, text);
    return kept;
}

/* ---- content parts ---- */

static bool read_image(struct reader *r, yyjson_val *part, const char *path)
{
    yyjson_val *url = yyjson_obj_get(part, "image_url"), *id = yyjson_obj_get(part, "file_id");
    struct sl_str type, data, magic;
    size_t bytes = 0;
    if (sim_is_there(url) && !yyjson_is_str(url))
        return sim_openai_no(r->c, "invalid_type", path,
                             "Invalid type for '%s.image_url': expected an image URL, but got an object instead.",
                             path);
    if (!sim_is_there(url) && !sim_is_there(id))
        return sim_openai_no(r->c, "missing_required_parameter", path, "Missing required parameter: '%s.image_url'.",
                             path);
    if (!sim_is_there(url)) {
        sim_ask_media(r->a, "image", SL_STR_NONE, sim_str(id), 0);
        return true;
    }
    if (!sim_media_data_url(sim_str(url), &type, &data)) {
        sim_ask_media(r->a, "image", SL_STR_NONE, sim_str(url), 0);
        return true;
    }
    if (!sim_media_size(r->c, data, &bytes, &magic))
        return sim_openai_no(r->c, "invalid_value", path, "Invalid '%s.image_url'. Expected a base64-encoded data URL.",
                             path);
    sim_ask_media(r->a, "image", type, SL_STR_NONE, bytes);
    return true;
}

static bool read_file(struct reader *r, yyjson_val *part, const char *path)
{
    struct sl_str id = sim_str(yyjson_obj_get(part, "file_id")), url = sim_str(yyjson_obj_get(part, "file_url")), type,
                  data, magic;
    size_t bytes = 0;
    if (id.n > 0 || url.n > 0) {
        sim_ask_media(r->a, "document", SL_STR_NONE, id.n > 0 ? id : url, 0);
        return true;
    }
    if (!sim_media_data_url(sim_str(yyjson_obj_get(part, "file_data")), &type, &data) ||
        !sim_media_size(r->c, data, &bytes, &magic))
        return sim_openai_no(
            r->c, "invalid_value", path,
            "Invalid file data: '%s.file_data'. Expected a base64-encoded data URL with a valid file MIME "
            "type (e.g. 'data:text/plain;base64,SGVsbG8sIFdvcmxkIQ==').",
            path);
    if (sim_str(yyjson_obj_get(part, "filename")).n == 0)
        return sim_openai_no(r->c, "missing_required_parameter", path, "Missing required parameter: '%s.filename'.",
                             path);
    sim_ask_media(r->a, "document", type, SL_STR_NONE, bytes);
    return true;
}

/* into: texts of a tool's result are gathered there; else they are the conversation's. */
static bool read_part(struct reader *r, yyjson_val *part, enum sim_role role, const char *path, struct sl_buf *into)
{
    struct sl_str type = sim_str(yyjson_obj_get(part, "type"));
    bool model = role == ROLE_MODEL, output = sl_str_eq(type, SL_STR("output_text"));
    if (output ? model : !model && sl_str_eq(type, SL_STR("input_text"))) {
        yyjson_val *text = yyjson_obj_get(part, "text");
        if (!yyjson_is_str(text))
            return sim_openai_no(r->c, "missing_required_parameter", path, "Missing required parameter: '%s.text'.",
                                 path);
        if (into == NULL) {
            sim_ask_text(r->a, sim_str(text));
        } else {
            sl_buf_adds(into, into->n > 0 ? SL_STR("\n") : SL_STR_NONE);
            sl_buf_adds(into, sim_str(text));
        }
        return true;
    }
    if (model && sl_str_eq(type, SL_STR("refusal")))
        return true;
    if (!model && sl_str_eq(type, SL_STR("input_image")))
        return read_image(r, part, path);
    if (!model && sl_str_eq(type, SL_STR("input_file")))
        return read_file(r, part, path);
    return sim_openai_no(r->c, "invalid_value", path, "Invalid value: '" SL_STR_FMT "'. Supported values are: %s.",
                         SL_STR_ARG(sl_str_head(type, 100)),
                         model ? "'output_text' and 'refusal'" : "'input_text', 'input_image', and 'input_file'");
}

static bool read_parts(struct reader *r, yyjson_val *content, enum sim_role role, const char *name, struct sl_buf *into)
{
    size_t i, max;
    yyjson_val *part;
    if (yyjson_is_str(content)) {
        if (into == NULL)
            sim_ask_text(r->a, sim_str(content));
        else
            sl_buf_adds(into, sim_str(content));
        return true;
    }
    if (!yyjson_is_arr(content))
        return missing(r, at(r, name));
    yyjson_arr_foreach(content, i, max, part)
    {
        const char *path = sl_arena_printf(r->c->s->arena, "input[%llu]%s[%llu]", (unsigned long long)r->index, name,
                                           (unsigned long long)i)
                               .p;
        if (!read_part(r, part, role, path, into))
            return false;
    }
    return true;
}

/* ---- items ---- */

static void begin_model(struct reader *r)
{
    if (r->a->role != ROLE_MODEL)
        sim_ask_message(r->a, ROLE_MODEL);
    r->lone_reasoning = SL_STR_NONE;
}

static bool responses_reasoning_id_is_ours(struct sl_str id, uint64_t *out_nonce)
{
    char own[40];
    uint64_t nonce = 0;
    if (id.n != 35)
        return false;
    for (size_t i = 3; i < 19; i++) {
        char ch = id.p[i];
        unsigned digit = ch >= '0' && ch <= '9'   ? (unsigned)(ch - '0')
                         : ch >= 'a' && ch <= 'f' ? (unsigned)(ch - 'a' + 10)
                                                  : 16;
        if (digit == 16)
            return false;
        nonce = nonce << 4 | digit;
    }
    responses_reasoning_id(nonce, own);
    *out_nonce = nonce;
    return sl_str_eq(id, sl_str_c(own));
}

static bool check_id(struct reader *r, yyjson_val *item, const char *prefix)
{
    yyjson_val *id = yyjson_obj_get(item, "id");
    if (!sim_is_there(id) || sl_str_starts(sim_str(id), sl_str_c(prefix)))
        return true;
    return sim_openai_no(r->c, "invalid_value", at(r, ".id"),
                         "Invalid '%s': '" SL_STR_FMT "'. Expected an ID that begins with '%s'.", at(r, ".id"),
                         SL_STR_ARG(sl_str_head(sim_str(id), 100)), prefix);
}

static bool read_message(struct reader *r, yyjson_val *item)
{
    static const char *const phases[] = {"commentary", "final_answer", NULL};
    struct sl_str role = sim_str(yyjson_obj_get(item, "role"));
    yyjson_val *phase = yyjson_obj_get(item, "phase");
    enum sim_role as = sl_str_eq(role, SL_STR("user"))                                             ? ROLE_USER
                       : sl_str_eq(role, SL_STR("assistant"))                                      ? ROLE_MODEL
                       : sl_str_eq(role, SL_STR("system")) || sl_str_eq(role, SL_STR("developer")) ? ROLE_SYSTEM
                                                                                                   : ROLE_NONE;
    if (as == ROLE_NONE)
        return sim_openai_no(r->c, "invalid_value", at(r, ""),
                             "Invalid value: '" SL_STR_FMT
                             "'. Supported values are: 'assistant', 'system', 'developer', and "
                             "'user'.",
                             SL_STR_ARG(sl_str_head(role, 100)));
    if (sim_is_there(phase) && !sim_is_one_of(sim_str(phase), phases))
        return sim_openai_no(r->c, "invalid_value", at(r, ".phase"), "Invalid value for '%s'.", at(r, ".phase"));
    if (as == ROLE_MODEL && !check_id(r, item, "msg"))
        return false;
    sim_ask_message(r->a, as);
    if (as == ROLE_MODEL)
        r->lone_reasoning = SL_STR_NONE;
    return read_parts(r, yyjson_obj_get(item, "content"), as, ".content", NULL);
}

static bool read_call(struct reader *r, yyjson_val *item)
{
    bool custom = yyjson_equals_str(yyjson_obj_get(item, "type"), "custom_tool_call");
    struct sl_str id = sim_str(yyjson_obj_get(item, "call_id"));
    if (id.n == 0)
        return missing(r, at(r, ".call_id"));
    if (id.n > CALL_ID_MAX)
        return sim_openai_no(
            r->c, "string_above_max_length", at(r, ".call_id"),
            "Invalid '%s': string too long. Expected a string with maximum length 64, but got a string with "
            "length %llu instead.",
            at(r, ".call_id"), (unsigned long long)id.n);
    if (sim_str(yyjson_obj_get(item, "name")).n == 0)
        return missing(r, at(r, ".name"));
    if (!yyjson_is_str(yyjson_obj_get(item, custom ? "input" : "arguments")))
        return missing(r, at(r, custom ? ".input" : ".arguments"));
    if (!check_id(r, item, custom ? "ctc" : "fc"))
        return false;
    if (r->n_calls == CALLS_MAX)
        return sim_openai_no(r->c, "array_above_max_length", "input", "Invalid 'input': too many calls.");
    r->calls[r->n_calls++] = id;
    begin_model(r);
    sim_ask_call(r->a);
    return true;
}

static bool read_output(struct reader *r, yyjson_val *item)
{
    struct sl_str id = sim_str(yyjson_obj_get(item, "call_id"));
    yyjson_val *output = yyjson_obj_get(item, "output");
    struct sl_buf text;
    unsigned i = 0;
    if (id.n == 0)
        return missing(r, at(r, ".call_id"));
    if (!yyjson_is_str(output) && !yyjson_is_arr(output))
        return missing(r, at(r, ".output"));
    while (i < r->n_calls && !sl_str_eq(r->calls[i], id))
        i++;
    if (i == r->n_calls)
        return sim_openai_no(r->c, NULL, "input",
                             "No tool call found for function call output with call_id " SL_STR_FMT ".",
                             SL_STR_ARG(sl_str_head(id, 100)));
    r->given[i] = true;
    sim_ask_message(r->a, ROLE_TOOL);
    sl_buf_init(&text, SIM_BODY_MAX);
    bool good = read_parts(r, output, ROLE_TOOL, ".output", &text);
    if (good)
        sim_ask_result(r->a, sl_arena_str(r->c->s->arena, sl_buf_str(&text)), false);
    sl_buf_done(&text);
    return good;
}

static bool read_reasoning(struct reader *r, yyjson_val *item)
{
    yyjson_val *id = yyjson_obj_get(item, "id"), *sealed = yyjson_obj_get(item, "encrypted_content");
    uint64_t nonce = 0, own = 0;
    if (!yyjson_is_arr(yyjson_obj_get(item, "summary")))
        return missing(r, at(r, ".summary"));
    if (!check_id(r, item, "rs"))
        return false;
    bool known = sim_is_there(id) && responses_reasoning_id_is_ours(sim_str(id), &nonce);
    if (!sim_is_there(sealed)) { /* then it has to be one that is kept here */
        if (!known)
            return sim_openai_no(r->c, NULL, "input",
                                 "Item with id '" SL_STR_FMT
                                 "' not found. Items are not persisted when `store` is set to "
                                 "false. Try again with `store` set to true, or remove this item from your input.",
                                 SL_STR_ARG(sl_str_head(sim_str(id), 100)));
    } else if (!sim_sign_check(r->c, SIGNER_OPENAI, sim_str(sealed), SL_STR("reasoning"), &own)) {
        return sim_openai_no(r->c, "invalid_encrypted_content", NULL,
                             "The encrypted content " SL_STR_FMT
                             "... could not be verified. Reason: Encrypted content could "
                             "not be decrypted or parsed. Invalid signature.",
                             SL_STR_ARG(sl_str_head(sim_str(sealed), 4)));
    } else if (sim_is_there(id) && (!known || own != nonce)) {
        return sim_openai_no(r->c, "invalid_encrypted_content", NULL,
                             "The encrypted content for item " SL_STR_FMT
                             " could not be verified. Reason: Encrypted content "
                             "item_id did not match the target item id.",
                             SL_STR_ARG(sl_str_head(sim_str(id), 100)));
    }
    begin_model(r);
    r->lone_reasoning = sim_is_there(id) ? sim_str(id) : SL_STR("rs");
    return true;
}

static void take_calls(struct reader *r, const struct responses_kept *kept)
{
    for (unsigned i = 0; i < kept->n_calls && r->n_calls < CALLS_MAX; i++) {
        unsigned k = 0;
        while (k < r->n_calls && !sl_str_eq(r->calls[k], kept->calls[i]))
            k++;
        if (k == r->n_calls)
            r->calls[r->n_calls++] = kept->calls[i];
    }
}

/* An item of a response that is kept here. */
static bool read_reference(struct reader *r, struct sl_str id)
{
    const struct responses_kept *kept = responses_find_item(r->c->sim, id);
    if (kept == NULL)
        return sim_openai_no(r->c, NULL, "input", "Item with id '" SL_STR_FMT "' not found.",
                             SL_STR_ARG(sl_str_head(id, 100)));
    begin_model(r);
    if (sl_str_starts(id, SL_STR("fc_")) || sl_str_starts(id, SL_STR("ctc_"))) {
        take_calls(r, kept);
        sim_ask_call(r->a);
    } else if (sl_str_starts(id, SL_STR("rs_"))) {
        r->lone_reasoning = id;
    }
    return true;
}

static bool read_item(struct reader *r, yyjson_val *item)
{
    static const char *const passed[] = {"file_search_call",
                                         "web_search_call",
                                         "computer_call",
                                         "computer_call_output",
                                         "image_generation_call",
                                         "code_interpreter_call",
                                         "local_shell_call",
                                         "local_shell_call_output",
                                         "shell_call",
                                         "shell_call_output",
                                         "apply_patch_call",
                                         "apply_patch_call_output",
                                         "mcp_list_tools",
                                         "mcp_call",
                                         "mcp_approval_request",
                                         "mcp_approval_response",
                                         "tool_search_call",
                                         "tool_search_output",
                                         "additional_tools",
                                         "configuration_update",
                                         "compaction",
                                         "compaction_trigger",
                                         "program",
                                         "program_output",
                                         NULL};
    yyjson_val *type = yyjson_obj_get(item, "type");
    struct sl_str name = sim_str(type);
    if (!yyjson_is_obj(item))
        return sim_openai_no(r->c, "invalid_type", at(r, ""), "Invalid type for '%s': expected an object.", at(r, ""));
    if (!sim_is_there(type) ? sim_is_there(yyjson_obj_get(item, "role")) : sl_str_eq(name, SL_STR("message")))
        return read_message(r, item);
    if (sl_str_eq(name, SL_STR("function_call")) || sl_str_eq(name, SL_STR("custom_tool_call")))
        return read_call(r, item);
    if (sl_str_eq(name, SL_STR("function_call_output")) || sl_str_eq(name, SL_STR("custom_tool_call_output")))
        return read_output(r, item);
    if (sl_str_eq(name, SL_STR("reasoning")))
        return read_reasoning(r, item);
    r->lone_reasoning = SL_STR_NONE;
    if (sim_is_one_of(name, passed))
        return true;
    if (sl_str_eq(name, SL_STR("item_reference")) || (!sim_is_there(type) && sim_is_there(yyjson_obj_get(item, "id"))))
        return read_reference(r, sim_str(yyjson_obj_get(item, "id")));
    return sim_openai_no(r->c, "invalid_value", at(r, ""), "Invalid value: '" SL_STR_FMT "'.",
                         SL_STR_ARG(sl_str_head(name, 100)));
}

static bool check_whole(struct reader *r)
{
    for (unsigned i = 0; i < r->n_calls; i++) {
        if (!r->given[i])
            return sim_openai_no(r->c, NULL, "input", "No tool output found for function call " SL_STR_FMT ".",
                                 SL_STR_ARG(sl_str_head(r->calls[i], 100)));
    }
    if (r->lone_reasoning.n > 0)
        return sim_openai_no(r->c, NULL, "input",
                             "Item '" SL_STR_FMT
                             "' of type 'reasoning' was provided without its required following item.",
                             SL_STR_ARG(sl_str_head(r->lone_reasoning, 100)));
    return true;
}

static bool read_input(struct reader *r, yyjson_val *root)
{
    yyjson_val *input = yyjson_obj_get(root, "input"), *item;
    size_t max;
    r->more->items = raw_of(r->c, input);
    if (!sim_is_there(input))
        return r->more->previous.n > 0 || missing(r, "input");
    if (yyjson_is_str(input)) {
        sim_ask_message(r->a, ROLE_USER);
        sim_ask_text(r->a, sim_str(input));
        return check_whole(r);
    }
    if (!yyjson_is_arr(input))
        return sim_openai_no(r->c, "invalid_type", "input",
                             "Invalid type for 'input': expected one of a string or array of input items.");
    yyjson_arr_foreach(input, r->index, max, item)
    {
        if (!read_item(r, item))
            return false;
    }
    return check_whole(r);
}

/* ---- strict schemas ---- */

struct walk {
    yyjson_val *stack[SIM_SCHEMA_DEPTH * 4];
    unsigned n, seen;
};

/* Every object closed and all its properties required (openai.md 6.4). NULL: it is; else what is wrong. */
static const char *strict_fault(yyjson_val *s)
{
    yyjson_val *properties = yyjson_obj_get(s, "properties"), *required = yyjson_obj_get(s, "required"), *key, *v,
               *name;
    size_t i, k, max, most;
    if (!yyjson_equals_str(yyjson_obj_get(s, "type"), "object") && properties == NULL)
        return NULL;
    if (!yyjson_is_false(yyjson_obj_get(s, "additionalProperties")))
        return "'additionalProperties' is required to be supplied and to be false.";
    yyjson_obj_foreach(sim_members(properties), i, max, key, v)
    {
        bool found = i >= 256;
        yyjson_arr_foreach(required, k, most, name)
        {
            found = found || yyjson_equals_strn(name, yyjson_get_str(key), yyjson_get_len(key));
        }
        if (!found)
            return "'required' is required to be supplied and to be an array including every key in properties.";
    }
    return NULL;
}

static const char *strict_schema_fault(yyjson_val *schema)
{
    static const char *const maps[] = {"properties", "$defs", "definitions"};
    struct walk w = {.stack = {schema}, .n = 1};
    size_t i, max;
    yyjson_val *key, *v;
    while (w.n > 0 && w.seen++ < 10000) {
        yyjson_val *s = w.stack[--w.n];
        const char *fault = strict_fault(s);
        if (fault != NULL)
            return fault;
        for (size_t m = 0; m < 3; m++) {
            yyjson_obj_foreach(sim_members(yyjson_obj_get(s, maps[m])), i, max, key, v)
            {
                if (w.n + 2 < sizeof w.stack / sizeof w.stack[0])
                    w.stack[w.n++] = v;
            }
        }
        yyjson_arr_foreach(yyjson_obj_get(s, "anyOf"), i, max, v)
        {
            if (w.n + 2 < sizeof w.stack / sizeof w.stack[0])
                w.stack[w.n++] = v;
        }
        if (yyjson_obj_get(s, "items") != NULL)
            w.stack[w.n++] = yyjson_obj_get(s, "items");
    }
    return NULL;
}

/* ---- tools ---- */

static bool check_name(struct reader *r, const char *param, struct sl_str name, unsigned most)
{
    if (name.n == 0)
        return missing(r, param);
    if (name.n > most)
        return sim_openai_no(
            r->c, "string_above_max_length", param,
            "Invalid '%s': string too long. Expected a string with maximum length %u, but got a string with "
            "length %llu instead.",
            param, most, (unsigned long long)name.n);
    for (size_t i = 0; i < name.n; i++) {
        char ch = sl_lower(name.p[i]);
        if (!((ch >= 'a' && ch <= 'z') || (ch >= '0' && ch <= '9') || ch == '_' || ch == '-'))
            return sim_openai_no(
                r->c, "invalid_value", param,
                "Invalid '%s': string does not match pattern. Expected a string that matches the pattern "
                "'^[a-zA-Z0-9_-]+$'.",
                param);
    }
    return true;
}

static bool read_function(struct reader *r, yyjson_val *tool, size_t i)
{
    struct sl_arena *a = r->c->s->arena;
    const char *name_param = sl_arena_printf(a, "tools[%llu].name", (unsigned long long)i).p;
    const char *param = sl_arena_printf(a, "tools[%llu].parameters", (unsigned long long)i).p;
    struct sl_str name = sim_str(yyjson_obj_get(tool, "name"));
    yyjson_val *schema = yyjson_obj_get(tool, "parameters"), *type = yyjson_obj_get(schema, "type");
    if (!check_name(r, name_param, name, TOOL_NAME_MAX))
        return false;
    if (sim_is_there(schema) && sim_is_there(type) && !yyjson_equals_str(type, "object"))
        return sim_openai_no(r->c, "invalid_function_parameters", param,
                             "Invalid schema for function '" SL_STR_FMT
                             "': schema must be a JSON Schema of 'type: \"object\"', "
                             "got another type.",
                             SL_STR_ARG(name));
    const char *fault = yyjson_get_bool(yyjson_obj_get(tool, "strict")) ? strict_schema_fault(schema) : NULL;
    if (fault != NULL)
        return sim_openai_no(r->c, "invalid_function_parameters", param,
                             "Invalid schema for function '" SL_STR_FMT "': In context=(), %s", SL_STR_ARG(name),
                             fault);
    sim_ask_offer(r->a, name, schema, false);
    return true;
}

static bool read_tools(struct reader *r, yyjson_val *root)
{
    static const char *const built_in[] = {"file_search",
                                           "web_search",
                                           "web_search_2025_08_26",
                                           "web_search_preview",
                                           "web_search_preview_2025_03_11",
                                           "computer",
                                           "computer_use_preview",
                                           "mcp",
                                           "code_interpreter",
                                           "image_generation",
                                           "local_shell",
                                           "shell",
                                           "apply_patch",
                                           "tool_search",
                                           "programmatic_tool_calling",
                                           "namespace",
                                           NULL};
    yyjson_val *tools = yyjson_obj_get(root, "tools"), *tool;
    size_t i, max;
    r->more->tools = raw_of(r->c, tools);
    if (sim_is_there(tools) && !yyjson_is_arr(tools))
        return sim_openai_no(r->c, "invalid_type", "tools", "Invalid type for 'tools': expected an array.");
    yyjson_arr_foreach(tools, i, max, tool)
    {
        struct sl_str type = sim_str(yyjson_obj_get(tool, "type"));
        const char *param = sl_arena_printf(r->c->s->arena, "tools[%llu]", (unsigned long long)i).p;
        if (sl_str_eq(type, SL_STR("function"))) {
            if (!read_function(r, tool, i))
                return false;
        } else if (sl_str_eq(type, SL_STR("custom"))) {
            struct sl_str name = sim_str(yyjson_obj_get(tool, "name"));
            if (!check_name(r, param, name, TOOL_NAME_MAX))
                return false;
            sim_ask_offer(r->a, name, NULL, true);
        } else if (!sim_is_one_of(type, built_in)) {
            return sim_openai_no(r->c, type.n > 0 ? "invalid_value" : "missing_required_parameter", param,
                                 type.n > 0 ? "Invalid value: '" SL_STR_FMT "'."
                                            : "Missing required parameter: 'tools.type'." SL_STR_FMT,
                                 SL_STR_ARG(sl_str_head(type, 100)));
        }
    }
    return true;
}

static bool read_choice(struct reader *r, yyjson_val *root)
{
    static const char *const words[] = {"none", "auto", "required", NULL};
    yyjson_val *choice = yyjson_obj_get(root, "tool_choice"), *parallel = yyjson_obj_get(root, "parallel_tool_calls");
    struct sl_str type = sim_str(yyjson_obj_get(choice, "type")), name = sim_str(yyjson_obj_get(choice, "name"));
    r->more->choice = raw_of(r->c, choice);
    r->more->parallel = raw_of(r->c, parallel);
    r->a->single = yyjson_is_false(parallel);
    if (!sim_is_there(choice))
        return true;
    if (yyjson_is_str(choice) && !sim_is_one_of(sim_str(choice), words))
        return sim_openai_no(r->c, "invalid_value", "tool_choice",
                             "Invalid value: '" SL_STR_FMT "'. Supported values are: 'none', 'auto', and 'required'.",
                             SL_STR_ARG(sl_str_head(sim_str(choice), 100)));
    if (yyjson_is_str(choice)) {
        r->a->choice = yyjson_equals_str(choice, "none")       ? CHOICE_NONE
                       : yyjson_equals_str(choice, "required") ? CHOICE_ANY
                                                               : CHOICE_AUTO;
        return true;
    }
    if (!sl_str_eq(type, SL_STR("function")) && !sl_str_eq(type, SL_STR("custom")))
        return type.n > 0 || missing(r, "tool_choice.type");
    if (name.n == 0)
        return missing(r, "tool_choice.name");
    if (sim_ask_find(r->a, name) == NULL)
        return sim_openai_no(r->c, "invalid_value", "tool_choice",
                             "Tool choice '" SL_STR_FMT "' not found in 'tools' parameter.",
                             SL_STR_ARG(sl_str_head(name, 100)));
    r->a->choice = CHOICE_NAMED;
    r->a->chosen = name;
    return true;
}

/* ---- members ---- */

static bool check_known(struct reader *r, yyjson_val *root)
{
    static const char *const known[] = {"model",
                                        "input",
                                        "instructions",
                                        "previous_response_id",
                                        "conversation",
                                        "store",
                                        "background",
                                        "stream",
                                        "stream_options",
                                        "include",
                                        "max_output_tokens",
                                        "max_tool_calls",
                                        "temperature",
                                        "top_p",
                                        "top_logprobs",
                                        "reasoning",
                                        "text",
                                        "tools",
                                        "tool_choice",
                                        "parallel_tool_calls",
                                        "prompt",
                                        "metadata",
                                        "service_tier",
                                        "prompt_cache_key",
                                        "prompt_cache_options",
                                        "prompt_cache_retention",
                                        "safety_identifier",
                                        "user",
                                        "truncation",
                                        "context_management",
                                        "image",
                                        "moderation",
                                        "access_programs",
                                        "client_metadata", /* of Codex */
                                        NULL};
    static const char *const of_messages[] = {"type", "stream_id", "generate", NULL};
    size_t i, max;
    yyjson_val *key, *v;
    yyjson_obj_foreach(sim_members(root), i, max, key, v)
    {
        bool fits = sim_is_one_of(sim_str(key), known) || (r->c->is_turn && sim_is_one_of(sim_str(key), of_messages));
        if (!fits)
            return sim_openai_no(r->c, "unknown_parameter", sl_arena_str(r->c->s->arena, sim_str(key)).p,
                                 "Unknown parameter: '" SL_STR_FMT "'.", SL_STR_ARG(sl_str_head(sim_str(key), 200)));
    }
    return true;
}

static bool read_number(struct reader *r, yyjson_val *root, const char *name, int most, struct sl_str *out)
{
    yyjson_val *v = yyjson_obj_get(root, name), *effort = yyjson_obj_get(yyjson_obj_get(root, "reasoning"), "effort");
    bool newer = sl_str_find_str(r->c->model, SL_STR("gpt-5.")) >= 0 ||
                 sl_str_find_str(r->c->model, SL_STR("gpt-6")) >= 0;
    bool thinks = sim_openai_reasons(r->c) && (sim_is_there(effort) ? !yyjson_equals_str(effort, "none") : !newer);
    *out = raw_of(r->c, v);
    if (!sim_is_there(v))
        return true;
    if (!yyjson_is_num(v))
        return sim_openai_no(r->c, "invalid_type", name, "Invalid type for '%s': expected a decimal.", name);
    if (yyjson_get_num(v) < 0)
        return sim_openai_no(r->c, "decimal_below_min_value", name,
                             "Invalid '%s': decimal below minimum value. Expected a value >= 0.", name);
    if (yyjson_get_num(v) > most)
        return sim_openai_no(r->c, "decimal_above_max_value", name,
                             "Invalid '%s': decimal above maximum value. Expected a value <= %d.", name, most);
    if (thinks && yyjson_get_num(v) < 1)
        return sim_openai_no(r->c, "unsupported_parameter", name,
                             "Unsupported parameter: '%s' is not supported with this model.", name);
    return true;
}

static bool read_most(struct reader *r, yyjson_val *root)
{
    yyjson_val *v = yyjson_obj_get(root, "max_output_tokens");
    r->more->most = raw_of(r->c, v);
    if (!sim_is_there(v))
        return true;
    if (!yyjson_is_int(v))
        return sim_openai_no(r->c, "invalid_type", "max_output_tokens",
                             "Invalid type for 'max_output_tokens': expected an integer.");
    if (yyjson_get_sint(v) < LEAST_OUTPUT)
        return sim_openai_no(
            r->c, "integer_below_min_value", "max_output_tokens",
            "Invalid 'max_output_tokens': integer below minimum value. Expected a value >= 16, but got %lld "
            "instead.",
            (long long)yyjson_get_sint(v));
    r->a->limit = yyjson_get_uint(v);
    return true;
}

static bool read_reasoning_config(struct reader *r, yyjson_val *root)
{
    static const char *const efforts[] = {"none", "minimal", "low", "medium", "high", "xhigh", "max", NULL};
    yyjson_val *reasoning = yyjson_obj_get(root, "reasoning"), *effort = yyjson_obj_get(reasoning, "effort"),
               *summary = yyjson_obj_get(reasoning, "summary");
    r->more->effort = raw_of(r->c, effort);
    r->more->summary = raw_of(r->c, summary);
    r->a->show = sim_is_there(summary) ? SHOW_TEXT : SHOW_EMPTY;
    if (!sim_is_there(effort))
        return true;
    if (!sim_is_one_of(sim_str(effort), efforts))
        return sim_openai_no(r->c, "invalid_value", "reasoning.effort",
                             "Invalid value: '" SL_STR_FMT
                             "'. Supported values are: 'none', 'minimal', 'low', 'medium', 'high', "
                             "'xhigh', and 'max'.",
                             SL_STR_ARG(sl_str_head(sim_str(effort), 100)));
    if (sim_openai_strict(r->c) && !sim_openai_reasons(r->c))
        return sim_openai_no(r->c, "unsupported_parameter", "reasoning.effort",
                             "Unsupported parameter: 'reasoning.effort' is not supported with this model.");
    r->a->think = yyjson_equals_str(effort, "none") ? THINK_OFF : THINK_ON;
    return true;
}

static bool read_text_config(struct reader *r, yyjson_val *root)
{
    yyjson_val *text = yyjson_obj_get(root, "text"), *format = yyjson_obj_get(text, "format");
    struct sl_str type = sim_str(yyjson_obj_get(format, "type"));
    yyjson_val *schema = yyjson_obj_get(format, "schema");
    r->more->format = raw_of(r->c, format);
    r->more->verbosity = raw_of(r->c, yyjson_obj_get(text, "verbosity"));
    if (!sim_is_there(format) || sl_str_eq(type, SL_STR("text")))
        return true;
    r->a->wants_json = true;
    if (sl_str_eq(type, SL_STR("json_object")))
        return true;
    if (!sl_str_eq(type, SL_STR("json_schema")))
        return sim_openai_no(r->c, "invalid_value", "text.format.type",
                             "Invalid value: '" SL_STR_FMT
                             "'. Supported values are: 'json_object', 'json_schema', and 'text'.",
                             SL_STR_ARG(sl_str_head(type, 100)));
    if (!check_name(r, "text.format.name", sim_str(yyjson_obj_get(format, "name")), TEXT_NAME_MAX))
        return false;
    if (!yyjson_is_obj(schema))
        return missing(r, "text.format.schema");
    const char *fault = yyjson_get_bool(yyjson_obj_get(format, "strict")) ? strict_schema_fault(schema) : NULL;
    if (fault != NULL)
        return sim_openai_no(r->c, "invalid_json_schema", "text.format.schema",
                             "Invalid schema for response_format '" SL_STR_FMT "': In context=(), %s",
                             SL_STR_ARG(sim_str(yyjson_obj_get(format, "name"))), fault);
    r->a->schema = schema;
    return true;
}

static bool read_include(struct reader *r, yyjson_val *root)
{
    static const char *const known[] = {"file_search_call.results",
                                        "web_search_call.results",
                                        "web_search_call.action.sources",
                                        "message.input_image.image_url",
                                        "computer_call_output.output.image_url",
                                        "code_interpreter_call.outputs",
                                        "reasoning.encrypted_content",
                                        "message.output_text.logprobs",
                                        NULL};
    yyjson_val *include = yyjson_obj_get(root, "include"), *v;
    size_t i, max;
    yyjson_arr_foreach(include, i, max, v)
    {
        if (!sim_is_one_of(sim_str(v), known))
            return sim_openai_no(r->c, "invalid_value", "include", "Invalid value: '" SL_STR_FMT "'.",
                                 SL_STR_ARG(sl_str_head(sim_str(v), 100)));
    }
    return true;
}

static bool read_metadata(struct reader *r, yyjson_val *root)
{
    yyjson_val *metadata = yyjson_obj_get(root, "metadata"), *key, *v;
    size_t i, max;
    r->more->metadata = raw_of(r->c, metadata);
    if (yyjson_obj_size(metadata) > 16)
        return sim_openai_no(r->c, "object_above_max_properties", "metadata",
                             "Invalid 'metadata': too many properties. Expected an object with at most 16 properties.");
    yyjson_obj_foreach(sim_members(metadata), i, max, key, v)
    {
        if (!yyjson_is_str(v) || yyjson_get_len(v) > 512 || yyjson_get_len(key) > 64)
            return sim_openai_no(
                r->c, "invalid_type", "metadata",
                "Invalid type for 'metadata': expected strings, keys of 64 and values of 512 characters at "
                "most.");
    }
    return true;
}

static bool read_stream(struct reader *r, yyjson_val *root)
{
    yyjson_val *stream = yyjson_obj_get(root, "stream"), *options = yyjson_obj_get(root, "stream_options");
    if (sim_is_there(stream) && !yyjson_is_bool(stream))
        return sim_openai_no(r->c, "invalid_type", "stream", "Invalid type for 'stream': expected a boolean.");
    r->c->stream = yyjson_get_bool(stream) || r->c->is_turn;
    r->c->silent = r->c->is_turn && yyjson_is_false(yyjson_obj_get(root, "generate"));
    if (sim_is_there(options) && !r->c->stream)
        return sim_openai_no(r->c, "invalid_value", "stream_options",
                             "The 'stream_options' parameter is only allowed when 'stream' is enabled.");
    if (yyjson_obj_get(options, "include_usage") != NULL)
        return sim_openai_no(r->c, "unknown_parameter", "stream_options.include_usage",
                             "Unknown parameter: 'stream_options.include_usage'.");
    r->c->obfuscate = r->c->stream && !yyjson_is_false(yyjson_obj_get(options, "include_obfuscation"));
    return true;
}

/* What went before is here, or the request is refused; instructions are not inherited. */
static bool read_previous(struct reader *r, yyjson_val *root)
{
    yyjson_val *previous = yyjson_obj_get(root, "previous_response_id");
    r->more->previous = raw_of(r->c, previous);
    if (!sim_is_there(previous))
        return true;
    if (sim_is_there(yyjson_obj_get(root, "conversation")))
        return sim_openai_no(r->c, "mutually_exclusive_parameters", "previous_response_id",
                             "Mutually exclusive parameters: 'previous_response_id' and 'conversation'.");
    const struct responses_kept *kept = responses_find(r->c->sim, sim_str(previous), sim_socket_number(r->c));
    if (kept == NULL)
        return sim_openai_no(r->c, "previous_response_not_found", "previous_response_id",
                             "Previous response with id '" SL_STR_FMT "' not found.",
                             SL_STR_ARG(sl_str_head(sim_str(previous), 100)));
    take_calls(r, kept);
    r->a->closed += kept->tokens;
    r->a->order = sl_arena_str(r->c->s->arena, sl_buf_str(&kept->order));
    r->a->last = r->a->order;
    r->a->script = sim_script_is(r->a->order);
    r->a->rounds = kept->rounds;
    if (kept->n_calls > 0) {
        r->a->in_model = true;
        r->a->called = true;
    }
    return true;
}

static bool read_small(struct reader *r, yyjson_val *root)
{
    yyjson_val *instructions = yyjson_obj_get(root, "instructions"), *store = yyjson_obj_get(root, "store");
    r->more->instructions = raw_of(r->c, instructions);
    r->more->user = raw_of(r->c, yyjson_obj_get(root, "user"));
    r->more->cache_key = raw_of(r->c, yyjson_obj_get(root, "prompt_cache_key"));
    r->more->store = !yyjson_is_false(store);
    if (sim_is_there(instructions) && !yyjson_is_str(instructions))
        return sim_openai_no(r->c, "invalid_type", "instructions",
                             "Invalid type for 'instructions': expected a string.");
    r->more->background = yyjson_get_bool(yyjson_obj_get(root, "background"));
    if (!sim_is_there(instructions))
        return true;
    sim_ask_message(r->a, ROLE_SYSTEM);
    sim_ask_text(r->a, sim_str(instructions));
    return true;
}

bool responses_read(struct sim_ask *a, yyjson_val *root)
{
    struct reader *r = SL_ARENA_NEW(a->c->s->arena, struct reader);
    struct sim_call *c = a->c;
    r->a = a;
    r->c = c;
    c->more = r->more = SL_ARENA_NEW(c->s->arena, struct responses_more);
    if (!sim_openai_model(a, root) || !check_known(r, root) || !read_stream(r, root))
        return false;
    bool good = read_most(r, root) && read_number(r, root, "temperature", 2, &r->more->temperature) &&
                read_number(r, root, "top_p", 1, &r->more->top_p) && read_reasoning_config(r, root) &&
                read_text_config(r, root) && read_include(r, root) && read_metadata(r, root) && read_tools(r, root) &&
                read_choice(r, root) && read_previous(r, root) && read_small(r, root) && read_input(r, root);
    if (!good)
        return false;
    r->more->order = sl_arena_str(c->s->arena, a->order);
    r->more->rounds = a->rounds;
    return true;
}

/* ---- ids ---- */

static uint64_t id_check(uint64_t nonce)
{
    return sl_hash((struct sl_hash_key){nonce, 0x7273u}, SL_STR("rs"));
}

static void put_hex(char *to, uint64_t v)
{
    static const char hex[] = "0123456789abcdef";
    for (unsigned i = 0; i < 16; i++)
        to[i] = hex[v >> (60 - 4 * i) & 15];
}

void responses_reasoning_id(uint64_t nonce, char out[40])
{
    memcpy(out, "rs_", 3);
    put_hex(out + 3, nonce);
    put_hex(out + 19, id_check(nonce));
    out[35] = 0;
}
