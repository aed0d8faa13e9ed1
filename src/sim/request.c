/* What was asked: members of the request that change the answer, and refusals in OpenAI's form (openai.md 2.1, 6.2, 9). */
#include "base/mem.h"
#include "sim/sim_int.h"

#define TOKENS_DEFAULT 32u
#define COMPLETION_TOKENS_DEFAULT 16u /* of /v1/completions, openai.md 9 */
#define PIECE_BYTES 4u
#define ARGUMENT_BYTES 8u
#define NAME_BYTES_MAX 256u /* of a model or a tool: they are said again in every chunk */

static bool refuse(struct sim_call *c, const char *code, const char *param, const char *message)
{
    sim_refuse(c,
               &(struct sim_error){
                   .status = 400, .type = "invalid_request_error", .code = code, .param = param, .message = message});
    return false;
}

static struct sl_str str_of(yyjson_val *v)
{
    return yyjson_is_str(v) ? sl_str_of(yyjson_get_str(v), yyjson_get_len(v)) : SL_STR_NONE;
}

static uint32_t tokens_of_bytes(size_t n)
{
    return (uint32_t)((n + 3) / 4);
}

/* ---- prompts ---- */

/* The bytes of text in a message's content; *out_last: the last text. */
static size_t content_bytes(yyjson_val *content, struct sl_str *out_last)
{
    size_t i, max, sum = 0;
    yyjson_val *part;
    if (yyjson_is_str(content)) {
        *out_last = str_of(content);
        return out_last->n;
    }
    yyjson_arr_foreach(content, i, max, part)
    {
        struct sl_str text = str_of(yyjson_obj_get(part, "text"));
        if (text.p == NULL)
            continue;
        *out_last = text;
        sum += text.n;
    }
    return sum;
}

static bool read_messages(struct sim_call *c, yyjson_val *root, struct sl_str *out_last)
{
    yyjson_val *messages = yyjson_obj_get(root, "messages"), *m;
    size_t i, max;
    if (messages == NULL)
        return refuse(c, "missing_required_parameter", "messages", "Missing required parameter: 'messages'.");
    if (!yyjson_is_arr(messages))
        return refuse(c, "invalid_type", "messages", "Invalid type for 'messages': expected an array of objects.");
    if (yyjson_arr_size(messages) == 0)
        return refuse(c, "empty_array", "messages", "Invalid 'messages': empty array. Expected at least one message.");
    yyjson_arr_foreach(messages, i, max, m)
    {
        if (!yyjson_is_obj(m) || !yyjson_is_str(yyjson_obj_get(m, "role")))
            return refuse(c, "missing_required_parameter", "messages[].role", "Each message needs a 'role'.");
        c->prompt += 3 + tokens_of_bytes(content_bytes(yyjson_obj_get(m, "content"), out_last));
    }
    return true;
}

static bool is_tokens(yyjson_val *v)
{
    return yyjson_is_arr(v) && (yyjson_arr_size(v) == 0 || yyjson_is_num(yyjson_arr_get_first(v)));
}

static uint32_t tokens_of(yyjson_val *v)
{
    return yyjson_is_str(v) ? tokens_of_bytes(yyjson_get_len(v)) : (uint32_t)yyjson_arr_size(v);
}

static bool read_prompts(struct sim_call *c, yyjson_val *root)
{
    yyjson_val *prompt = yyjson_obj_get(root, "prompt"), *p;
    bool many = yyjson_is_arr(prompt) && !is_tokens(prompt);
    size_t i, max;
    c->prompts = 1;
    if (many && yyjson_arr_size(prompt) > SIM_PROMPTS_MAX)
        return refuse(c, "array_above_max_length", "prompt", "Invalid 'prompt': too many prompts.");
    c->prompts = many ? (uint32_t)yyjson_arr_size(prompt) : 1;
    struct sl_str *texts = sl_arena_zalloc(c->s->arena, c->prompts * sizeof *texts);
    if (!many) {
        c->prompt = tokens_of(prompt);
        texts[0] = sl_arena_str(c->s->arena, str_of(prompt));
    } else {
        yyjson_arr_foreach(prompt, i, max, p)
        {
            c->prompt += tokens_of(p);
            texts[i] = sl_arena_str(c->s->arena, str_of(p));
        }
    }
    c->prompt_texts = texts;
    c->echo = yyjson_get_bool(yyjson_obj_get(root, "echo"));
    return true;
}

/* ---- tools ---- */

static struct sl_str example_of(struct sim_call *c, yyjson_val *schema)
{
    struct sl_buf b;
    sl_buf_init(&b, 4u * SIM_SCHEMA_BYTES);
    if (yyjson_is_obj(schema))
        sim_schema_example(schema, &b);
    else
        sl_buf_adds(&b, SL_STR("{\"simulated\":true}"));
    struct sl_str s = sl_arena_str(c->s->arena, sl_buf_str(&b));
    sl_buf_done(&b);
    return s;
}

static void add_tool(struct sim_call *c, yyjson_val *tool)
{
    yyjson_val *f = yyjson_obj_get(tool, "function"), *custom = yyjson_obj_get(tool, "custom");
    struct sl_str name = str_of(yyjson_obj_get(f != NULL ? f : custom, "name"));
    if (name.n == 0 || name.n > NAME_BYTES_MAX || c->n_tools == SIM_TOOLS_MAX)
        return;
    c->tools[c->n_tools++] = (struct sim_tool){
        .name = sl_arena_str(c->s->arena, name),
        .arguments = f != NULL ? example_of(c, yyjson_obj_get(f, "parameters")) : SL_STR("[simulated] input"),
        .custom = f == NULL,
    };
}

static yyjson_val *find_tool(yyjson_val *tools, struct sl_str name)
{
    size_t i, max;
    yyjson_val *t;
    yyjson_arr_foreach(tools, i, max, t)
    {
        yyjson_val *f = yyjson_obj_get(t, "function"), *custom = yyjson_obj_get(t, "custom");
        if (sl_str_eq(str_of(yyjson_obj_get(f != NULL ? f : custom, "name")), name))
            return t;
    }
    return NULL;
}

/* Tools are called when tool_choice says so, or when the last text has the word "tool"; "tools" calls two. A named choice
 * ends in "stop", others in "tool_calls" (openai.md 6.4). */
static bool read_tools(struct sim_call *c, yyjson_val *root, struct sl_str last)
{
    yyjson_val *tools = yyjson_obj_get(root, "tools"), *choice = yyjson_obj_get(root, "tool_choice");
    yyjson_val *named = yyjson_obj_get(choice, "function");
    named = named != NULL ? named : yyjson_obj_get(choice, "custom");
    bool required = yyjson_equals_str(choice, "required");
    if (yyjson_arr_size(tools) == 0 || yyjson_equals_str(choice, "none"))
        return true;
    if (named != NULL) {
        yyjson_val *t = find_tool(tools, str_of(yyjson_obj_get(named, "name")));
        if (t == NULL)
            return refuse(c, "invalid_value", "tool_choice", "The tool named by 'tool_choice' is not in 'tools'.");
        add_tool(c, t);
        return true;
    }
    if (!required && sl_str_find_str(last, SL_STR("tool")) < 0)
        return true;
    add_tool(c, yyjson_arr_get_first(tools));
    if (sl_str_find_str(last, SL_STR("tools")) >= 0 && !yyjson_is_false(yyjson_obj_get(root, "parallel_tool_calls")))
        add_tool(c, yyjson_arr_size(tools) > 1 ? yyjson_arr_get(tools, 1) : yyjson_arr_get_first(tools));
    c->finish = FINISH_TOOLS;
    return true;
}

static void read_format(struct sim_call *c, yyjson_val *root)
{
    yyjson_val *format = yyjson_obj_get(root, "response_format"), *type = yyjson_obj_get(format, "type");
    if (yyjson_equals_str(type, "json_schema"))
        c->text = example_of(c, yyjson_obj_get(yyjson_obj_get(format, "json_schema"), "schema"));
    else if (yyjson_equals_str(type, "json_object"))
        c->text = SL_STR("{\"simulated\":true}");
}

/* ---- how much ---- */

static uint32_t natural_tokens(const struct sim_call *c)
{
    const struct http_header *h = http_headers_find_name(&c->r->headers, SL_STR("x-sim-tokens"));
    uint64_t n = c->sim->set.tokens > 0 ? c->sim->set.tokens : TOKENS_DEFAULT;
    if (h != NULL)
        sl_str_to_u64(h->value, &n);
    else if (sl_str_starts(c->model, SL_STR("sim-long-")))
        sl_str_to_u64(sl_str_from(c->model, 9), &n);
    return (uint32_t)(n < 1 ? 1 : n > SIM_TOKENS_MAX ? SIM_TOKENS_MAX : n);
}

static bool read_limit(struct sim_call *c, yyjson_val *root, uint64_t *out_limit)
{
    static const char *const names[] = {"max_completion_tokens", "max_tokens"};
    for (size_t i = c->kind == SIM_CHAT ? 0 : 1; i < 2; i++) {
        yyjson_val *v = yyjson_obj_get(root, names[i]);
        if (v == NULL || yyjson_is_null(v))
            continue;
        if (!yyjson_is_int(v))
            return refuse(c, "invalid_type", names[i], "The number of tokens must be an integer.");
        if (yyjson_get_sint(v) < 1)
            return refuse(c, "integer_below_min_value", names[i], "The number of tokens must be at least 1.");
        *out_limit = yyjson_get_uint(v);
        return true;
    }
    return true;
}

static bool read_amount(struct sim_call *c, yyjson_val *root)
{
    uint64_t limit = c->kind == SIM_COMPLETION && c->sim->set.tokens == 0 ? COMPLETION_TOKENS_DEFAULT : UINT64_MAX;
    bool is_long = sl_str_starts(c->model, SL_STR("sim-long-")) ||
                   http_headers_find_name(&c->r->headers, SL_STR("x-sim-tokens")) != NULL;
    limit = is_long ? UINT64_MAX : limit;
    if (!read_limit(c, root, &limit))
        return false;
    if (is_long)
        limit = UINT64_MAX; /* the test said how many */
    c->tokens = c->text.n > 0 ? (uint32_t)((c->text.n + PIECE_BYTES - 1) / PIECE_BYTES) : natural_tokens(c);
    c->pieces = c->tokens;
    if (c->n_tools > 0) {
        c->tokens = c->pieces = 0;
        for (unsigned i = 0; i < c->n_tools; i++) {
            c->tokens += tokens_of_bytes(c->tools[i].name.n + c->tools[i].arguments.n);
            c->pieces += sim_tool_pieces(&c->tools[i]);
        }
    } else if (c->tokens > limit) {
        c->tokens = c->pieces = (uint32_t)limit;
        c->finish = FINISH_LENGTH;
    }
    if ((uint64_t)c->tokens * c->n * c->prompts > SIM_TOKENS_MAX)
        return refuse(c, "invalid_value", "n", "More tokens than the simulator makes for one request.");
    return true;
}

uint32_t sim_tool_pieces(const struct sim_tool *t)
{
    return 1 + (uint32_t)((t->arguments.n + ARGUMENT_BYTES - 1) / ARGUMENT_BYTES);
}

/* Cuts between characters of UTF-8, never inside one. */
static size_t cut_at(struct sl_str s, size_t at)
{
    at = at < s.n ? at : s.n;
    while (at < s.n && at > 0 && ((unsigned char)s.p[at] & 0xc0) == 0x80)
        at--;
    return at;
}

struct sl_str sim_piece(const struct sim_tool *t, uint32_t k)
{
    size_t from = cut_at(t->arguments, (size_t)k * ARGUMENT_BYTES),
           to = cut_at(t->arguments, ((size_t)k + 1) * ARGUMENT_BYTES);
    return sl_str_of(t->arguments.p + from, to - from);
}

/* ---- members ---- */

/* Members that are the gateway's own and must never come here: OpenAI refuses what it does not know. */
static bool check_known(struct sim_call *c, yyjson_val *root)
{
    static const char *const foreign[] = {"task", "route", "fallback", "models"};
    for (size_t i = 0; i < sizeof foreign / sizeof foreign[0]; i++) {
        if (yyjson_obj_get(root, foreign[i]) != NULL)
            return refuse(c, "unknown_parameter", foreign[i], "Unrecognized request argument supplied.");
    }
    return true;
}

static bool read_choices(struct sim_call *c, yyjson_val *root)
{
    yyjson_val *n = yyjson_obj_get(root, "n");
    c->n = 1;
    if (n == NULL || yyjson_is_null(n))
        return true;
    if (!yyjson_is_uint(n) || yyjson_get_uint(n) < 1 || yyjson_get_uint(n) > SIM_CHOICES_MAX)
        return refuse(c, "invalid_value", "n", "Invalid 'n': expected an integer from 1 to 128.");
    c->n = (uint32_t)yyjson_get_uint(n);
    return true;
}

static bool read_stream(struct sim_call *c, yyjson_val *root)
{
    yyjson_val *stream = yyjson_obj_get(root, "stream"), *options = yyjson_obj_get(root, "stream_options");
    if (stream != NULL && !yyjson_is_bool(stream) && !yyjson_is_null(stream))
        return refuse(c, "invalid_type", "stream", "Invalid type for 'stream': expected a boolean.");
    c->stream = yyjson_get_bool(stream);
    if (yyjson_is_obj(options) && !c->stream)
        return refuse(c, "invalid_value", "stream_options", "'stream_options' is only allowed when 'stream' is true.");
    c->include_usage = yyjson_get_bool(yyjson_obj_get(options, "include_usage"));
    c->obfuscate = c->stream && c->kind == SIM_CHAT && !yyjson_is_false(yyjson_obj_get(options, "include_obfuscation"));
    return true;
}

/* The snapshot that answers for an alias (openai.md 6.6: the answer's model is the dated one). */
static struct sl_str snapshot_of(struct sl_str model)
{
    static const struct {
        struct sl_str alias, snapshot;
    } rows[] = {
        {SL_STR_INIT("gpt-4o"), SL_STR_INIT("gpt-4o-2024-08-06")},
        {SL_STR_INIT("gpt-4o-mini"), SL_STR_INIT("gpt-4o-mini-2024-07-18")},
        {SL_STR_INIT("gpt-4.1"), SL_STR_INIT("gpt-4.1-2025-04-14")},
        {SL_STR_INIT("gpt-4.1-mini"), SL_STR_INIT("gpt-4.1-mini-2025-04-14")},
    };
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        if (sl_str_eq(rows[i].alias, model))
            return rows[i].snapshot;
    }
    return model;
}

static struct sl_str tier_of(yyjson_val *root)
{
    struct sl_str asked = str_of(yyjson_obj_get(root, "service_tier"));
    if (sl_str_eq(asked, SL_STR("flex")))
        return SL_STR("flex");
    if (sl_str_eq(asked, SL_STR("priority")) || sl_str_eq(asked, SL_STR("fast")))
        return SL_STR("priority");
    return SL_STR("default");
}

static void read_reasoning(struct sim_call *c, yyjson_val *root)
{
    struct sl_str effort = str_of(yyjson_obj_get(root, "reasoning_effort"));
    c->reasoning = effort.n > 0 && !sl_str_eq(effort, SL_STR("none")) ? SIM_REASONING_TOKENS : 0;
}

static bool read_model(struct sim_call *c, yyjson_val *root)
{
    yyjson_val *model = yyjson_obj_get(root, "model");
    if (!yyjson_is_str(model) || yyjson_get_len(model) == 0)
        return refuse(c, "missing_required_parameter", "model", "you must provide a model parameter");
    if (yyjson_get_len(model) > NAME_BYTES_MAX)
        return refuse(c, "model_not_found", "model", "The model does not exist.");
    c->model = sl_arena_str(c->s->arena, str_of(model));
    return true;
}

bool sim_request_read(struct sim_call *c, yyjson_val *root, struct sl_str raw)
{
    struct sl_str last = SL_STR_NONE;
    c->prompts = 1;
    if (!yyjson_is_obj(root))
        return refuse(c, "invalid_json", NULL, "We could not parse the JSON body of your request.");
    if (!read_model(c, root) || !check_known(c, root))
        return false;
    c->tier = tier_of(root);
    if (c->kind == SIM_EMBEDDINGS)
        return true;
    if (!read_choices(c, root) || !read_stream(c, root))
        return false;
    if (c->kind == SIM_CHAT) {
        if (!read_messages(c, root, &last) || !read_tools(c, root, last))
            return false;
        if (c->n_tools == 0)
            read_format(c, root);
        read_reasoning(c, root);
    } else if (!read_prompts(c, root)) {
        return false;
    }
    if (!read_amount(c, root))
        return false;
    c->cached = sim_prefix_cached(c->sim, c->prompt, root, raw);
    c->snapshot = snapshot_of(c->model);
    return true;
}
