/* Reads a request of Bedrock's Converse: what stands around the messages (bedrock.md 2, 6.1, 7). AWS' own words where they are known
 * (recorded answers of 2026), the model's own behind "The model returned the following errors: ". */
#include "sim/converse.h"

#include "base/base64.h"
#include "base/mem.h"

#define TOOL_NAME_MAX 64u
#define STOPS_MAX 2500u
#define RETURNED "The model returned the following errors: "

bool converse_only(struct sim_call *c, yyjson_val *obj, const char *const *names, const char *path)
{
    size_t i, max;
    yyjson_val *key, *v;
    yyjson_obj_foreach(sim_members(obj), i, max, key, v)
    {
        const char *const *n = names;
        while (*n != NULL && !yyjson_equals_str(key, *n))
            n++;
        if (*n == NULL)
            return sim_say_no(c,
                              "Malformed input request: #%s: extraneous key [" SL_STR_FMT
                              "] is not permitted, please reformat "
                              "your input and try again.",
                              path, SL_STR_ARG(sl_str_head(sim_str(key), 200)));
    }
    return true;
}

/* Newer models are called by an inference profile only (bedrock.md 2). */
bool bedrock_check_model(struct sim_call *c)
{
    unsigned flags = claude_model_of(c->model)->flags;
    bool newer = (flags & CLAUDE_ONE_OF_TWO) != 0 || (flags & CLAUDE_SAMPLING) == 0;
    if (c->model.n > 256)
        return sim_say_no(c, "The provided model identifier is invalid.");
    if (c->count && !sl_str_starts(c->model, SL_STR("anthropic.")) &&
        sl_str_find_str(c->model, SL_STR(".anthropic.")) >= 0)
        return sim_say_no(c, "The provided model doesn't support counting tokens.");
    if (newer && !c->count && sl_str_starts(c->model, SL_STR("anthropic.")))
        return sim_say_no(c,
                          "Invocation of model ID " SL_STR_FMT
                          " with on-demand throughput isn\xe2\x80\x99t supported. Retry your "
                          "request with the ID or ARN of an inference profile that contains this model.",
                          SL_STR_ARG(c->model));
    return true;
}

/* ---- system ---- */

static bool read_system(struct converse_reader *r, yyjson_val *system)
{
    static const char *const members[] = {"text", "guardContent", "cachePoint", NULL};
    size_t i, max;
    yyjson_val *block;
    if (!sim_is_there(system))
        return true;
    if (!yyjson_is_arr(system))
        return sim_say_no(
            r->c, "Malformed input request: #/system: expected type: JSONArray, please reformat your input and try "
                  "again.");
    sim_ask_message(r->a, ROLE_SYSTEM);
    yyjson_arr_foreach(system, i, max, block)
    {
        struct sl_str text = sim_str(yyjson_obj_get(block, "text"));
        if (!converse_only(r->c, block, members, "/system"))
            return false;
        if (sim_is_there(yyjson_obj_get(block, "cachePoint"))) {
            sim_marks_break(&r->marks,
                            yyjson_equals_str(yyjson_obj_get(yyjson_obj_get(block, "cachePoint"), "ttl"), "1h"));
            continue;
        }
        if (yyjson_obj_get(block, "text") != NULL && text.n == 0)
            return sim_say_no(
                r->c,
                "The text field in the SystemContentBlock object at system.%llu is blank. Add text to the text "
                "field, and try again.",
                (unsigned long long)i);
        sim_ask_text(r->a, text);
        sim_marks_add(&r->marks, text);
        sim_marks_block(&r->marks, sim_ask_tokens(r->a));
    }
    return true;
}

/* ---- tools ---- */

static bool is_name(struct sl_str s)
{
    for (size_t i = 0; i < s.n; i++) {
        char ch = sl_lower(s.p[i]);
        if (!((ch >= 'a' && ch <= 'z') || (ch >= '0' && ch <= '9') || ch == '_' || ch == '-'))
            return false;
    }
    return s.n > 0 && s.n <= TOOL_NAME_MAX;
}

static bool read_spec(struct converse_reader *r, yyjson_val *spec, size_t i)
{
    static const char *const members[] = {"name", "description", "inputSchema", "strict", NULL};
    struct sl_str name = sim_str(yyjson_obj_get(spec, "name"));
    yyjson_val *description = yyjson_obj_get(spec, "description"),
               *schema = yyjson_obj_get(yyjson_obj_get(spec, "inputSchema"), "json");
    if (!converse_only(r->c, spec, members, "/toolConfig/tools/toolSpec"))
        return false;
    if (!is_name(name))
        return sim_say_no(
            r->c,
            "1 validation error detected: Value '" SL_STR_FMT
            "' at 'toolConfig.tools.%llu.member.toolSpec.name' failed "
            "to satisfy constraint: Member must satisfy regular expression pattern: [a-zA-Z0-9_-]+, and have length "
            "less than or equal to 64",
            SL_STR_ARG(sl_str_head(name, 200)), (unsigned long long)i + 1);
    if (sim_is_there(description) && yyjson_get_len(description) == 0)
        return sim_say_no(
            r->c,
            "1 validation error detected: Value at 'toolConfig.tools.%llu.member.toolSpec.description' failed to "
            "satisfy constraint: Member must have length greater than or equal to 1",
            (unsigned long long)i + 1);
    if (!yyjson_is_obj(schema) || !yyjson_equals_str(yyjson_obj_get(schema, "type"), "object"))
        return sim_say_no(
            r->c,
            "The value at toolConfig.tools.%llu.toolSpec.inputSchema.json.type must be one of the following: "
            "object.",
            (unsigned long long)i);
    if (sim_ask_find(r->a, name) != NULL)
        return sim_say_no(r->c, "The toolConfig contains a duplicate tool name: " SL_STR_FMT, SL_STR_ARG(name));
    sim_ask_offer(r->a, name, schema, false);
    sim_marks_add(&r->marks, name);
    sim_marks_block(&r->marks, sim_ask_tokens(r->a));
    return true;
}

static bool read_choice(struct converse_reader *r, yyjson_val *choice)
{
    yyjson_val *any = yyjson_obj_get(choice, "any"), *tool = yyjson_obj_get(choice, "tool");
    struct sl_str name = sim_str(yyjson_obj_get(tool, "name"));
    if (!sim_is_there(choice))
        return true;
    if (yyjson_obj_size(choice) != 1 || (any == NULL && tool == NULL && yyjson_obj_get(choice, "auto") == NULL))
        return sim_say_no(
            r->c,
            "The ToolChoice object at toolConfig.toolChoice must set one of the following keys: auto, any, tool.");
    if (any == NULL && tool == NULL)
        return true;
    r->forced = true;
    if ((r->model->flags & CLAUDE_FORCED) == 0)
        return sim_say_no(r->c, RETURNED "tool_choice: type \"tool\" and \"any\" are not supported for this model.");
    if (tool != NULL && sim_ask_find(r->a, name) == NULL)
        return sim_say_no(r->c, RETURNED "tool_choice: Tool '" SL_STR_FMT "' not found in provided tools",
                          SL_STR_ARG(sl_str_head(name, 200)));
    r->a->choice = tool != NULL ? CHOICE_NAMED : CHOICE_ANY;
    r->a->chosen = name;
    return true;
}

static bool read_tools(struct converse_reader *r, yyjson_val *config)
{
    static const char *const members[] = {"tools", "toolChoice", NULL};
    static const char *const tool_members[] = {"toolSpec", "cachePoint", "systemTool", NULL};
    yyjson_val *tools = yyjson_obj_get(config, "tools"), *tool;
    size_t i, max;
    if (!sim_is_there(config))
        return true;
    if (!converse_only(r->c, config, members, "/toolConfig"))
        return false;
    r->has_tools = true;
    if (yyjson_arr_size(tools) == 0)
        return sim_say_no(
            r->c, "1 validation error detected: Value at 'toolConfig.tools' failed to satisfy constraint: Member must "
                  "have length greater than or equal to 1");
    yyjson_arr_foreach(tools, i, max, tool)
    {
        yyjson_val *spec = yyjson_obj_get(tool, "toolSpec"), *point = yyjson_obj_get(tool, "cachePoint");
        if (!converse_only(r->c, tool, tool_members, "/toolConfig/tools"))
            return false;
        if (spec != NULL && !read_spec(r, spec, i))
            return false;
        if (point != NULL)
            sim_marks_break(&r->marks, yyjson_equals_str(yyjson_obj_get(point, "ttl"), "1h"));
    }
    return read_choice(r, yyjson_obj_get(config, "toolChoice"));
}

/* ---- inference ---- */

static bool check_range(struct converse_reader *r, yyjson_val *v, const char *name)
{
    if (!sim_is_there(v))
        return true;
    if (!yyjson_is_num(v) || yyjson_get_num(v) < 0 || yyjson_get_num(v) > 1)
        return sim_say_no(
            r->c,
            "1 validation error detected: Value at 'inferenceConfig.%s' failed to satisfy constraint: Member must have "
            "value between 0 and 1",
            name);
    if ((r->model->flags & CLAUDE_SAMPLING) == 0 && yyjson_get_num(v) < 0.99)
        return sim_say_no(r->c, RETURNED "`%s` is not supported for this model.",
                          sl_str_eq(sl_str_c(name), SL_STR("topP")) ? "top_p" : "temperature");
    return true;
}

static bool read_stops(struct converse_reader *r, yyjson_val *stops)
{
    size_t i, max;
    yyjson_val *s;
    if (yyjson_arr_size(stops) > STOPS_MAX)
        return sim_say_no(
            r->c, "1 validation error detected: Value at 'inferenceConfig.stopSequences' failed to satisfy constraint: "
                  "Member must have length less than or equal to 2500");
    yyjson_arr_foreach(stops, i, max, s)
    {
        if (yyjson_get_len(s) == 0)
            return sim_say_no(r->c,
                              "1 validation error detected: Value at 'inferenceConfig.stopSequences' failed to satisfy "
                              "constraint: Member must have length greater than or equal to 1");
        sim_ask_stop(r->a, sim_str(s));
    }
    return true;
}

static bool read_inference(struct converse_reader *r, yyjson_val *config)
{
    static const char *const members[] = {"maxTokens", "temperature", "topP", "stopSequences", NULL};
    yyjson_val *most = yyjson_obj_get(config, "maxTokens"), *temperature = yyjson_obj_get(config, "temperature"),
               *top_p = yyjson_obj_get(config, "topP");
    if (!sim_is_there(config))
        return true;
    if (!converse_only(r->c, config, members, "/inferenceConfig"))
        return false;
    if (sim_is_there(most) && (!yyjson_is_int(most) || yyjson_get_sint(most) < 1))
        return sim_say_no(
            r->c, "1 validation error detected: Value at 'inferenceConfig.maxTokens' failed to satisfy constraint: "
                  "Member must have value greater than or equal to 1");
    if (sim_is_there(most) && r->model->max_tokens > 0 && yyjson_get_uint(most) > r->model->max_tokens)
        return sim_say_no(
            r->c,
            "The maximum tokens you requested exceeds the model limit of %u. Try again with a maximum tokens value that "
            "is lower than %u.",
            r->model->max_tokens, r->model->max_tokens);
    if (sim_is_there(most))
        r->a->limit = yyjson_get_uint(most);
    if (!check_range(r, temperature, "temperature") || !check_range(r, top_p, "topP"))
        return false;
    if ((r->model->flags & CLAUDE_ONE_OF_TWO) != 0 && sim_is_there(temperature) && sim_is_there(top_p))
        return sim_say_no(r->c, RETURNED
                          "`temperature` and `top_p` cannot both be specified for this model. Please use only one.");
    return read_stops(r, yyjson_obj_get(config, "stopSequences"));
}

/* ---- what goes to the model as it is ---- */

static bool read_thinking(struct converse_reader *r, yyjson_val *thinking)
{
    struct sl_str type = sim_str(yyjson_obj_get(thinking, "type")),
                  display = sim_str(yyjson_obj_get(thinking, "display"));
    bool enabled = sl_str_eq(type, SL_STR("enabled")), adaptive = sl_str_eq(type, SL_STR("adaptive"));
    bool omits = display.n > 0 ? sl_str_eq(display, SL_STR("omitted")) : (r->model->flags & CLAUDE_OMITS) != 0;
    r->a->show = omits ? SHOW_EMPTY : SHOW_TEXT;
    if (!sim_is_there(thinking))
        return true;
    if (enabled && (r->model->flags & CLAUDE_ENABLED) == 0)
        return sim_say_no(r->c, RETURNED "thinking.type.enabled is not supported for this model");
    if (adaptive && (r->model->flags & CLAUDE_ADAPTIVE) == 0)
        return sim_say_no(r->c, RETURNED "adaptive thinking is not supported on this model");
    if (enabled && yyjson_get_uint(yyjson_obj_get(thinking, "budget_tokens")) < 1024)
        return sim_say_no(r->c,
                          RETURNED "thinking.enabled.budget_tokens: Input should be greater than or equal to 1024");
    if (enabled && yyjson_get_uint(yyjson_obj_get(thinking, "budget_tokens")) >= r->a->limit)
        return sim_say_no(r->c, RETURNED "`max_tokens` must be greater than `thinking.budget_tokens`.");
    if (enabled && r->forced)
        return sim_say_no(r->c, RETURNED "Thinking may not be enabled when tool_choice forces tool use.");
    r->a->think = enabled || adaptive ? THINK_ON : THINK_OFF;
    return true;
}

/* Nova 2: {"type": "enabled", "maxReasoningEffort": "low"}. */
static bool read_nova(struct converse_reader *r, yyjson_val *config)
{
    if (!yyjson_is_obj(config))
        return false;
    r->a->show = SHOW_TEXT;
    r->a->think = yyjson_equals_str(yyjson_obj_get(config, "type"), "enabled") ? THINK_ON : THINK_OFF;
    return true;
}

static bool read_additional(struct converse_reader *r, yyjson_val *more)
{
    static const char *const claude[] = {
        "thinking",           "output_config",    "top_k", "anthropic_beta", "tool_choice", "tools", "metadata",
        "context_management", "reasoning_config", NULL};
    yyjson_val *choice = yyjson_obj_get(more, "tool_choice");
    bool is_claude = sl_str_find_str(r->c->model, SL_STR("claude")) >= 0;
    if (is_claude && !converse_only(r->c, more, claude, "/additionalModelRequestFields"))
        return false;
    if (sim_is_there(yyjson_obj_get(more, "top_k")) && (r->model->flags & CLAUDE_SAMPLING) == 0)
        return sim_say_no(r->c, RETURNED "`top_k` is not supported for this model.");
    if (yyjson_equals_str(yyjson_obj_get(choice, "type"), "none"))
        r->a->choice = CHOICE_NONE;
    r->a->single = yyjson_get_bool(yyjson_obj_get(choice, "disable_parallel_tool_use"));
    yyjson_val *thinking = yyjson_obj_get(more, "thinking");
    if (read_nova(r, yyjson_obj_get(more, "reasoningConfig")))
        return true;
    return read_thinking(r, thinking != NULL ? thinking : yyjson_obj_get(more, "reasoning_config")); /* an older name */
}

static void free_doc(void *doc)
{
    yyjson_doc_free(doc);
}

/* The schema is a text in the JSON. */
static bool read_output(struct converse_reader *r, yyjson_val *output)
{
    yyjson_val *format = yyjson_obj_get(output, "textFormat");
    yyjson_val *text = yyjson_obj_get(yyjson_obj_get(yyjson_obj_get(format, "structure"), "jsonSchema"), "schema");
    if (!sim_is_there(format))
        return true;
    if (!yyjson_equals_str(yyjson_obj_get(format, "type"), "json_schema") || !yyjson_is_str(text))
        return sim_say_no(r->c,
                          "The value at outputConfig.textFormat.structure.jsonSchema.schema must be a string of JSON.");
    yyjson_doc *doc = yyjson_read_opts((char *)(uintptr_t)yyjson_get_str(text), yyjson_get_len(text),
                                       YYJSON_READ_NOFLAG, &sim_json_alc, NULL);
    if (doc == NULL)
        return sim_say_no(r->c,
                          "The value at outputConfig.textFormat.structure.jsonSchema.schema must be a string of JSON.");
    sl_arena_on_drop(r->c->s->arena, free_doc, doc);
    r->a->wants_json = true;
    r->a->schema = yyjson_doc_get_root(doc);
    return true;
}

/* ---- all of it ---- */

static bool check_members(struct sim_call *c, yyjson_val *root)
{
    static const char *const members[] = {"messages",
                                          "system",
                                          "inferenceConfig",
                                          "toolConfig",
                                          "guardrailConfig",
                                          "additionalModelRequestFields",
                                          "additionalModelResponseFieldPaths",
                                          "outputConfig",
                                          "performanceConfig",
                                          "serviceTier",
                                          "requestMetadata",
                                          "promptVariables",
                                          NULL};
    if (!yyjson_is_obj(root))
        return sim_say_no(c, "Malformed input request, please reformat your input and try again.");
    return converse_only(c, root, members, "");
}

static bool read_all(struct converse_reader *r, yyjson_val *root)
{
    return read_tools(r, yyjson_obj_get(root, "toolConfig")) &&
           read_inference(r, yyjson_obj_get(root, "inferenceConfig")) &&
           read_additional(r, yyjson_obj_get(root, "additionalModelRequestFields")) &&
           read_output(r, yyjson_obj_get(root, "outputConfig")) && read_system(r, yyjson_obj_get(root, "system")) &&
           converse_read_messages(r, yyjson_obj_get(root, "messages"));
}

bool converse_read(struct sim_ask *a, yyjson_val *root)
{
    struct sim_call *c = a->c;
    struct converse_reader *r = SL_ARENA_NEW(c->s->arena, struct converse_reader);
    uint32_t read, five, hour;
    r->a = a;
    r->c = c;
    r->model = claude_model_of(c->model);
    a->own_cache = true;
    c->snapshot = c->model;
    sim_marks_begin(&r->marks, c->sim, c->model);
    if (!bedrock_check_model(c) || !check_members(c, root) || !read_all(r, root))
        return false;
    sim_marks_settle(&r->marks, &read, &five, &hour);
    c->cached = read;
    c->written = five + hour;
    c->written_1h = hour;
    return true;
}

/* ---- counting ---- */

static bool count_invoke(struct sim_ask *a, yyjson_val *invoke)
{
    struct sim_call *c = a->c;
    struct sl_str body = sim_str(yyjson_obj_get(invoke, "body"));
    char *text = sl_arena_alloc(c->s->arena, body.n / 4 * 3 + 3);
    size_t n = 0;
    if (body.n == 0 || !sl_base64_decode(body, text, &n))
        return sim_say_no(c, "Malformed input request, please reformat your input and try again.");
    yyjson_doc *doc = yyjson_read_opts(text, n, YYJSON_READ_NOFLAG, &sim_json_alc, NULL);
    if (doc != NULL)
        sl_arena_on_drop(c->s->arena, free_doc, doc);
    a->raw = sl_str_of(text, n);
    return claude_read(a, yyjson_doc_get_root(doc));
}

bool bedrock_count_read(struct sim_ask *a, yyjson_val *root)
{
    yyjson_val *input = yyjson_obj_get(root, "input"), *invoke = yyjson_obj_get(input, "invokeModel"),
               *converse = yyjson_obj_get(input, "converse");
    if (!bedrock_check_model(a->c))
        return false;
    if ((invoke != NULL) == (converse != NULL))
        return sim_say_no(
            a->c, "The CountTokensInput object at input must set one of the following keys: invokeModel, converse.");
    return invoke != NULL ? count_invoke(a, invoke) : converse_read(a, converse);
}
