/* OpenAI's chat, completions and embeddings: what is asked, and what OpenAI refuses (openai.md 2.1, 6.2 to 6.5, 9). Models whose
 * names are OpenAI's own ("gpt-4o", "o3", "sim-gpt-5") are as strict as its API; others take members that compatible servers
 * know. */
#include "sim/ask.h"
#include "sim/presets.h"

#define NAME_BYTES_MAX 256u /* of a model: it is said again in every chunk */
#define FUNCTION_NAME_MAX 64u
#define TOOLS_MAX 128u
#define STOPS_MAX 4u

bool sim_openai_no(struct sim_call *c, const char *code, const char *param, const char *format, ...)
{
    va_list ap;
    va_start(ap, format);
    struct sl_str message = sim_vprintf(c, format, ap);
    va_end(ap);
    sim_refuse(c,
               &(struct sim_error){
                   .status = 400, .type = "invalid_request_error", .code = code, .param = param, .message = message.p});
    return false;
}

static bool refuse(struct sim_call *c, const char *code, const char *param, const char *message)
{
    return sim_openai_no(c, code, param, "%s", message);
}

/* ---- models ---- */

static struct sl_str bare_model(const struct sim_call *c)
{
    return sl_str_starts(c->model, SL_STR("sim-")) ? sl_str_from(c->model, 4) : c->model;
}

bool sim_openai_reasons(const struct sim_call *c)
{
    static const char *const names[] = {"o1", "o3", "o4", "gpt-5", "gpt-6"};
    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++) {
        if (sl_str_starts(bare_model(c), sl_str_c(names[i])))
            return true;
    }
    return false;
}

bool sim_openai_strict(const struct sim_call *c)
{
    return sl_str_starts(bare_model(c), SL_STR("gpt-")) || sim_openai_reasons(c);
}

/* ---- messages ---- */

struct reader {
    struct sim_ask *a;
    struct sim_call *c;
    yyjson_val *awaited;  /* the tool_calls of the last assistant message, until they are answered */
    uint64_t answered[2]; /* bits, of the first 128 */
    size_t index;         /* of the message */
};

static const char *path(struct reader *r, const char *more)
{
    return sl_arena_printf(r->c->s->arena, "messages[%llu]%s", (unsigned long long)r->index, more).p;
}

static bool read_image(struct reader *r, yyjson_val *part)
{
    yyjson_val *image = yyjson_obj_get(part, "image_url");
    struct sl_str url = sim_str(yyjson_is_str(image) ? image : yyjson_obj_get(image, "url")), type, data, magic;
    size_t bytes = 0;
    if (url.n == 0)
        return refuse(r->c, "missing_required_parameter", path(r, ".content"), "Missing required parameter: 'url'.");
    if (!sim_media_data_url(url, &type, &data)) {
        sim_ask_media(r->a, "image", SL_STR_NONE, url, 0);
        return true;
    }
    if (!sim_media_size(r->c, data, &bytes, &magic))
        return refuse(r->c, "invalid_base64", path(r, ".content"), "Invalid base64 image_url.");
    sim_ask_media(r->a, "image", type, SL_STR_NONE, bytes);
    return true;
}

static bool read_audio(struct reader *r, yyjson_val *part)
{
    yyjson_val *audio = yyjson_obj_get(part, "input_audio");
    struct sl_str magic, format = sim_str(yyjson_obj_get(audio, "format"));
    size_t bytes = 0;
    if (!sl_str_eq(format, SL_STR("wav")) && !sl_str_eq(format, SL_STR("mp3")))
        return refuse(r->c, "invalid_value", path(r, ".content"), "Supported values are: 'wav' and 'mp3'.");
    if (!sim_media_size(r->c, sim_str(yyjson_obj_get(audio, "data")), &bytes, &magic))
        return refuse(r->c, "invalid_base64", path(r, ".content"), "Invalid base64 audio data.");
    bool wav = sl_str_eq(format, SL_STR("wav"));
    sim_ask_media(r->a, "audio", wav ? SL_STR("audio/wav") : SL_STR("audio/mpeg"), SL_STR_NONE, bytes);
    return true;
}

static bool read_file(struct reader *r, yyjson_val *part)
{
    yyjson_val *file = yyjson_obj_get(part, "file");
    struct sl_str type, data, magic, id = sim_str(yyjson_obj_get(file, "file_id"));
    size_t bytes = 0;
    if (id.n > 0) {
        sim_ask_media(r->a, "document", SL_STR_NONE, id, 0);
        return true;
    }
    if (!sim_media_data_url(sim_str(yyjson_obj_get(file, "file_data")), &type, &data) ||
        !sim_media_size(r->c, data, &bytes, &magic))
        return refuse(r->c, "invalid_value", path(r, ".content"), "Invalid file data. Expected a base64 data URL.");
    if (sim_str(yyjson_obj_get(file, "filename")).n == 0)
        return refuse(r->c, "missing_required_parameter", path(r, ".content"),
                      "Missing required parameter: 'filename'.");
    sim_ask_media(r->a, "document", type, SL_STR_NONE, bytes);
    return true;
}

static bool read_video(struct reader *r, yyjson_val *part)
{
    yyjson_val *video = yyjson_obj_get(part, "video_url"), *fps = yyjson_obj_get(video, "fps");
    struct sl_str url = sim_str(yyjson_obj_get(video, "url")), type, data, magic;
    size_t bytes = 0;
    if (fps != NULL && (yyjson_get_num(fps) < 0.2 || yyjson_get_num(fps) > 5))
        return refuse(r->c, "InvalidParameter", "messages.content.video_url.fps", "fps has to be within 0.2 and 5.");
    if (!sim_media_data_url(url, &type, &data)) {
        struct sl_str at = sl_arena_printf(r->c->s->arena, SL_STR_FMT ", %d frames in 10 s", SL_STR_ARG(url),
                                           (int)(yyjson_get_num(fps) * 10));
        sim_ask_media(r->a, "video", SL_STR_NONE, fps != NULL ? at : url, 0);
        return url.n > 0 || refuse(r->c, "MissingParameter", path(r, ".content"), "video_url.url is missing.");
    }
    if (!sim_media_size(r->c, data, &bytes, &magic))
        return refuse(r->c, "InvalidParameter", path(r, ".content"), "Invalid base64 video_url.");
    sim_ask_media(r->a, "video", type, SL_STR_NONE, bytes);
    return true;
}

static bool read_part(struct reader *r, yyjson_val *part, enum sim_role role)
{
    struct sl_str type = sim_str(yyjson_obj_get(part, "type"));
    bool user = role == ROLE_USER;
    if (sl_str_eq(type, SL_STR("text"))) {
        yyjson_val *text = yyjson_obj_get(part, "text");
        if (!yyjson_is_str(text))
            return refuse(r->c, "missing_required_parameter", path(r, ".content"),
                          "Missing required parameter: 'text'.");
        if (role != ROLE_TOOL)
            sim_ask_text(r->a, sim_str(text));
        return true;
    }
    if (user && sl_str_eq(type, SL_STR("image_url")))
        return read_image(r, part);
    if (user && sl_str_eq(type, SL_STR("input_audio")))
        return read_audio(r, part);
    if (user && sim_has(r->c, HABIT_SEED) && sl_str_eq(type, SL_STR("video_url")))
        return read_video(r, part);
    if (user && sl_str_eq(type, SL_STR("file")))
        return read_file(r, part);
    if (role == ROLE_MODEL && sl_str_eq(type, SL_STR("refusal")))
        return true;
    return sim_openai_no(r->c, "invalid_value", path(r, ".content"),
                         "Invalid value: '" SL_STR_FMT "'. Supported values are: 'text', 'image_url', 'input_audio', "
                         "'refusal', 'audio', and 'file'.",
                         SL_STR_ARG(sl_str_head(type, 100)));
}

/* The texts of a tool's answer, joined. */
static struct sl_str joined(struct sim_call *c, yyjson_val *parts)
{
    struct sl_buf b;
    size_t i, max;
    yyjson_val *p;
    sl_buf_init(&b, SIM_BODY_MAX);
    yyjson_arr_foreach(parts, i, max, p)
    {
        if (b.n > 0)
            sl_buf_addc(&b, '\n');
        sl_buf_adds(&b, sim_str(yyjson_obj_get(p, "text")));
    }
    struct sl_str s = sl_arena_str(c->s->arena, sl_buf_str(&b));
    sl_buf_done(&b);
    return s;
}

static bool read_content(struct reader *r, yyjson_val *content, enum sim_role role)
{
    size_t i, max;
    yyjson_val *part;
    if (!sim_is_there(content))
        return true; /* left out: laxer than OpenAI, for terse tests */
    if (yyjson_is_str(content)) {
        if (role == ROLE_TOOL)
            sim_ask_result(r->a, sim_str(content), false);
        else
            sim_ask_text(r->a, sim_str(content));
        return true;
    }
    if (!yyjson_is_arr(content))
        return refuse(r->c, "invalid_type", path(r, ".content"),
                      "Invalid type for 'content': expected a string or an array.");
    yyjson_arr_foreach(content, i, max, part)
    {
        if (!read_part(r, part, role))
            return false;
    }
    if (role == ROLE_TOOL)
        sim_ask_result(r->a, joined(r->c, content), false);
    return true;
}

/* ---- calls and their answers ---- */

static bool read_calls(struct reader *r, yyjson_val *calls)
{
    size_t i, max;
    yyjson_val *call;
    if (!sim_is_there(calls))
        return true;
    if (!yyjson_is_arr(calls) || yyjson_arr_size(calls) == 0)
        return refuse(r->c, "empty_array", path(r, ".tool_calls"), "Invalid 'tool_calls': empty array.");
    yyjson_arr_foreach(calls, i, max, call)
    {
        yyjson_val *f = yyjson_obj_get(call, "function"), *custom = yyjson_obj_get(call, "custom");
        yyjson_val *arguments = f != NULL ? yyjson_obj_get(f, "arguments") : yyjson_obj_get(custom, "input");
        if (sim_str(yyjson_obj_get(call, "id")).n == 0)
            return refuse(r->c, "missing_required_parameter", path(r, ".tool_calls"),
                          "Missing required parameter: 'id'.");
        if (sim_str(yyjson_obj_get(f != NULL ? f : custom, "name")).n == 0 || !yyjson_is_str(arguments))
            return refuse(r->c, "invalid_type", path(r, ".tool_calls"),
                          "Invalid type for 'arguments': expected a string, and a 'name'.");
    }
    r->awaited = calls;
    r->answered[0] = r->answered[1] = 0;
    sim_ask_call(r->a);
    return true;
}

static bool read_answer(struct reader *r, yyjson_val *m)
{
    struct sl_str id = sim_str(yyjson_obj_get(m, "tool_call_id"));
    size_t i, max;
    yyjson_val *call;
    yyjson_arr_foreach(r->awaited, i, max, call)
    {
        if (i < 128 && sl_str_eq(sim_str(yyjson_obj_get(call, "id")), id)) {
            r->answered[i / 64] |= UINT64_C(1) << (i % 64);
            return true;
        }
    }
    return refuse(r->c, NULL, path(r, ".role"),
                  "Invalid parameter: messages with role 'tool' must be a response to a preceeding message with "
                  "'tool_calls'.");
}

/* Every call needs its answer before the conversation goes on. */
static bool check_answered(struct reader *r)
{
    size_t i, max;
    yyjson_val *call;
    yyjson_arr_foreach(r->awaited, i, max, call)
    {
        if (i >= 128 || (r->answered[i / 64] >> (i % 64) & 1) != 0)
            continue;
        struct sl_str id = sl_str_head(sim_str(yyjson_obj_get(call, "id")), 100);
        return sim_openai_no(
            r->c, NULL, path(r, ".role"),
            "An assistant message with 'tool_calls' must be followed by tool messages responding to "
            "each 'tool_call_id'. The following tool_call_ids did not have response messages: " SL_STR_FMT,
            SL_STR_ARG(id));
    }
    r->awaited = NULL;
    return true;
}

static enum sim_role role_of(struct sl_str name)
{
    static const struct {
        struct sl_str name;
        enum sim_role role;
    } roles[] = {{SL_STR_INIT("system"), ROLE_SYSTEM}, {SL_STR_INIT("developer"), ROLE_SYSTEM},
                 {SL_STR_INIT("user"), ROLE_USER},     {SL_STR_INIT("assistant"), ROLE_MODEL},
                 {SL_STR_INIT("tool"), ROLE_TOOL},     {SL_STR_INIT("function"), ROLE_TOOL}};
    for (size_t i = 0; i < sizeof roles / sizeof roles[0]; i++) {
        if (sl_str_eq(roles[i].name, name))
            return roles[i].role;
    }
    return ROLE_NONE;
}

static bool read_message(struct reader *r, yyjson_val *m)
{
    struct sl_str name = sim_str(yyjson_obj_get(m, "role"));
    enum sim_role role = role_of(name);
    if (!yyjson_is_obj(m) || name.p == NULL)
        return refuse(r->c, "missing_required_parameter", "messages[].role", "Each message needs a 'role'.");
    if (role == ROLE_NONE)
        return sim_openai_no(r->c, "invalid_value", path(r, ".role"),
                             "Invalid value: '" SL_STR_FMT "'. Supported values are: 'system', 'assistant', 'user', "
                             "'function', 'tool', and 'developer'.",
                             SL_STR_ARG(sl_str_head(name, 100)));
    if (role == ROLE_TOOL && sl_str_eq(name, SL_STR("tool"))) {
        if (!read_answer(r, m))
            return false;
    } else if (!check_answered(r)) {
        return false;
    }
    sim_ask_message(r->a, role);
    if (!read_content(r, yyjson_obj_get(m, "content"), role))
        return false;
    return role != ROLE_MODEL || read_calls(r, yyjson_obj_get(m, "tool_calls"));
}

static bool read_messages(struct sim_ask *a, yyjson_val *root)
{
    struct sim_call *c = a->c;
    yyjson_val *messages = yyjson_obj_get(root, "messages"), *m;
    struct reader r = {.a = a, .c = c};
    size_t max;
    if (messages == NULL)
        return refuse(c, "missing_required_parameter", "messages", "Missing required parameter: 'messages'.");
    if (!yyjson_is_arr(messages))
        return refuse(c, "invalid_type", "messages", "Invalid type for 'messages': expected an array of objects.");
    if (yyjson_arr_size(messages) == 0)
        return refuse(c, "empty_array", "messages", "Invalid 'messages': empty array. Expected at least one message.");
    yyjson_arr_foreach(messages, r.index, max, m)
    {
        if (!read_message(&r, m))
            return false;
    }
    return check_answered(&r);
}

/* ---- completions ---- */

static bool is_tokens(yyjson_val *v)
{
    return yyjson_is_arr(v) && (yyjson_arr_size(v) == 0 || yyjson_is_num(yyjson_arr_get_first(v)));
}

static uint32_t tokens_of(yyjson_val *v)
{
    return yyjson_is_str(v) ? (uint32_t)((yyjson_get_len(v) + 3) / 4) : (uint32_t)yyjson_arr_size(v);
}

static bool read_prompts(struct sim_ask *a, yyjson_val *root)
{
    struct sim_call *c = a->c;
    yyjson_val *prompt = yyjson_obj_get(root, "prompt"), *p;
    bool many = yyjson_is_arr(prompt) && !is_tokens(prompt);
    size_t i, max;
    if (many && yyjson_arr_size(prompt) > SIM_PROMPTS_MAX)
        return refuse(c, "array_above_max_length", "prompt", "Invalid 'prompt': too many prompts.");
    c->prompts = many ? (uint32_t)yyjson_arr_size(prompt) : 1;
    struct sl_str *texts = sl_arena_zalloc(c->s->arena, c->prompts * sizeof *texts);
    if (!many) {
        c->prompt = tokens_of(prompt);
        texts[0] = sl_arena_str(c->s->arena, sim_str(prompt));
    } else {
        yyjson_arr_foreach(prompt, i, max, p)
        {
            c->prompt += tokens_of(p);
            texts[i] = sl_arena_str(c->s->arena, sim_str(p));
        }
    }
    c->prompt_texts = texts;
    c->echo = yyjson_get_bool(yyjson_obj_get(root, "echo"));
    sim_chain_add(&a->chain, a->raw);
    return true;
}

/* ---- tools ---- */

static bool check_name(struct sim_call *c, size_t index, struct sl_str name)
{
    const char *param = sl_arena_printf(c->s->arena, "tools[%llu].function.name", (unsigned long long)index).p;
    if (name.n == 0)
        return sim_openai_no(c, "missing_required_parameter", param, "Missing required parameter: '%s'.", param);
    if (name.n > FUNCTION_NAME_MAX)
        return sim_openai_no(
            c, "string_above_max_length", param,
            "Invalid '%s': string too long. Expected a string with maximum length 64, but got a string "
            "with length %llu instead.",
            param, (unsigned long long)name.n);
    for (size_t i = 0; i < name.n; i++) {
        char ch = name.p[i];
        bool fine = (ch >= '0' && ch <= '9') || (sl_lower(ch) >= 'a' && sl_lower(ch) <= 'z') || ch == '_' || ch == '-';
        if (!fine)
            return sim_openai_no(c, "invalid_value", param,
                                 "Invalid '%s': string does not match pattern. Expected a string that matches the "
                                 "pattern '^[a-zA-Z0-9_-]+$'.",
                                 param);
    }
    return true;
}

static bool read_tools(struct sim_ask *a, yyjson_val *root)
{
    yyjson_val *tools = yyjson_obj_get(root, "tools"), *t;
    size_t i, max;
    if (sim_is_there(tools) && (!yyjson_is_arr(tools) || yyjson_arr_size(tools) == 0))
        return refuse(a->c, "empty_array", "tools", "Invalid 'tools': empty array. Expected at least one tool.");
    if (yyjson_arr_size(tools) > TOOLS_MAX)
        return refuse(a->c, "array_above_max_length", "tools", "Invalid 'tools': array too long, 128 at most.");
    yyjson_arr_foreach(tools, i, max, t)
    {
        yyjson_val *f = yyjson_obj_get(t, "function"), *custom = yyjson_obj_get(t, "custom");
        struct sl_str name = sim_str(yyjson_obj_get(f != NULL ? f : custom, "name"));
        if (!check_name(a->c, i, name))
            return false;
        sim_ask_offer(a, name, yyjson_obj_get(f, "parameters"), f == NULL);
    }
    return true;
}

static bool read_choice(struct sim_ask *a, yyjson_val *root)
{
    yyjson_val *choice = yyjson_obj_get(root, "tool_choice"), *named = yyjson_obj_get(choice, "function");
    yyjson_val *parallel = yyjson_obj_get(root, "parallel_tool_calls");
    named = named != NULL ? named : yyjson_obj_get(choice, "custom");
    a->single = yyjson_is_false(parallel);
    if (a->n_offers == 0) {
        if (sim_is_there(choice) && !yyjson_equals_str(choice, "none"))
            return refuse(a->c, "invalid_value", "tool_choice",
                          "'tool_choice' is only allowed when 'tools' are specified.");
        if (sim_is_there(parallel))
            return refuse(a->c, "invalid_value", "parallel_tool_calls",
                          "'parallel_tool_calls' is only allowed when 'tools' are specified.");
        return true;
    }
    if (yyjson_equals_str(choice, "none"))
        a->choice = CHOICE_NONE;
    else if (yyjson_equals_str(choice, "required"))
        a->choice = CHOICE_ANY;
    if (named == NULL)
        return true;
    a->choice = CHOICE_NAMED;
    a->chosen = sim_str(yyjson_obj_get(named, "name"));
    if (sim_ask_find(a, a->chosen) == NULL)
        return refuse(a->c, "invalid_value", "tool_choice", "The tool named by 'tool_choice' is not in 'tools'.");
    return true;
}

static bool read_format(struct sim_ask *a, yyjson_val *root)
{
    yyjson_val *format = yyjson_obj_get(root, "response_format"), *type = yyjson_obj_get(format, "type");
    yyjson_val *schema = yyjson_obj_get(format, "json_schema");
    a->wants_json = yyjson_equals_str(type, "json_schema") || yyjson_equals_str(type, "json_object");
    if (yyjson_equals_str(type, "json_schema")) {
        if (!yyjson_is_obj(schema))
            return refuse(a->c, "missing_required_parameter", "response_format.json_schema",
                          "Missing required parameter: 'response_format.json_schema'.");
        a->schema = yyjson_obj_get(schema, "schema");
    }
    return true;
}

/* ---- how much ---- */

static bool read_limit(struct sim_ask *a, yyjson_val *root)
{
    static const char *const names[] = {"max_completion_tokens", "max_tokens"};
    struct sim_call *c = a->c;
    for (size_t i = c->kind == SIM_CHAT ? 0 : 1; i < 2; i++) {
        yyjson_val *v = yyjson_obj_get(root, names[i]);
        if (!sim_is_there(v))
            continue;
        if (!yyjson_is_int(v))
            return refuse(c, "invalid_type", names[i], "The number of tokens must be an integer.");
        if (yyjson_get_sint(v) < 1)
            return refuse(c, "integer_below_min_value", names[i], "The number of tokens must be at least 1.");
        a->limit = yyjson_get_uint(v);
        return true;
    }
    return true;
}

static bool read_stops(struct sim_ask *a, yyjson_val *root)
{
    yyjson_val *stop = yyjson_obj_get(root, "stop"), *s;
    size_t i, max;
    if (yyjson_is_str(stop))
        sim_ask_stop(a, sim_str(stop));
    if (yyjson_arr_size(stop) > STOPS_MAX)
        return sim_openai_no(
            a->c, "array_above_max_length", "stop",
            "Invalid 'stop': array too long. Expected an array with maximum length 4, but got an array "
            "with length %llu instead.",
            (unsigned long long)yyjson_arr_size(stop));
    yyjson_arr_foreach(stop, i, max, s)
    {
        sim_ask_stop(a, sim_str(s));
    }
    return true;
}

static bool read_choices(struct sim_call *c, yyjson_val *root)
{
    yyjson_val *n = yyjson_obj_get(root, "n");
    if (!sim_is_there(n))
        return true;
    if (!yyjson_is_uint(n) || yyjson_get_uint(n) < 1 || yyjson_get_uint(n) > SIM_CHOICES_MAX)
        return refuse(c, "invalid_value", "n", "Invalid 'n': expected an integer from 1 to 128.");
    c->n = (uint32_t)yyjson_get_uint(n);
    return true;
}

static bool read_stream(struct sim_call *c, yyjson_val *root)
{
    yyjson_val *stream = yyjson_obj_get(root, "stream"), *options = yyjson_obj_get(root, "stream_options");
    if (sim_is_there(stream) && !yyjson_is_bool(stream))
        return refuse(c, "invalid_type", "stream", "Invalid type for 'stream': expected a boolean.");
    c->stream = yyjson_get_bool(stream);
    if (yyjson_is_obj(options) && !c->stream)
        return refuse(c, "invalid_value", "stream_options", "'stream_options' is only allowed when 'stream' is true.");
    c->include_usage = yyjson_get_bool(yyjson_obj_get(options, "include_usage"));
    c->obfuscate = c->stream && c->kind == SIM_CHAT && !yyjson_is_false(yyjson_obj_get(options, "include_obfuscation"));
    return true;
}

/* ---- members ---- */

/* Members that are the gateway's own and must never come here; and those that OpenAI's own models refuse. */
static bool check_known(struct sim_call *c, yyjson_val *root)
{
    static const char *const own[] = {"task", "route", "fallback", "models", NULL};
    static const char *const known[] = {"model",
                                        "messages",
                                        "max_completion_tokens",
                                        "max_tokens",
                                        "temperature",
                                        "top_p",
                                        "n",
                                        "stop",
                                        "seed",
                                        "presence_penalty",
                                        "frequency_penalty",
                                        "logit_bias",
                                        "logprobs",
                                        "top_logprobs",
                                        "reasoning_effort",
                                        "verbosity",
                                        "response_format",
                                        "tools",
                                        "tool_choice",
                                        "parallel_tool_calls",
                                        "stream",
                                        "stream_options",
                                        "modalities",
                                        "audio",
                                        "prediction",
                                        "web_search_options",
                                        "store",
                                        "metadata",
                                        "service_tier",
                                        "prompt_cache_key",
                                        "prompt_cache_options",
                                        "prompt_cache_retention",
                                        "safety_identifier",
                                        "user",
                                        "moderation",
                                        "functions",
                                        "function_call",
                                        NULL};
    bool strict = c->kind == SIM_CHAT && sim_openai_strict(c);
    size_t i, max;
    yyjson_val *key, *v;
    yyjson_obj_foreach(sim_members(root), i, max, key, v)
    {
        struct sl_str name = sim_str(key);
        if (sim_is_one_of(name, own) || (strict && !sim_is_one_of(name, known)))
            return sim_openai_no(c, "unknown_parameter", sl_arena_str(c->s->arena, name).p,
                                 "Unrecognized request argument supplied: " SL_STR_FMT,
                                 SL_STR_ARG(sl_str_head(name, 200)));
    }
    return true;
}

static bool check_range(struct sim_call *c, yyjson_val *root, const char *name, int least, int most)
{
    yyjson_val *v = yyjson_obj_get(root, name);
    if (!sim_is_there(v))
        return true;
    if (!yyjson_is_num(v))
        return sim_openai_no(c, "invalid_type", name, "Invalid type for '%s': expected a decimal.", name);
    if (yyjson_get_num(v) < least)
        return sim_openai_no(c, "decimal_below_min_value", name,
                             "Invalid '%s': decimal below minimum value. Expected a value >= %d.", name, least);
    if (yyjson_get_num(v) > most)
        return sim_openai_no(c, "decimal_above_max_value", name,
                             "Invalid '%s': decimal above maximum value. Expected a value <= %d.", name, most);
    return true;
}

/* Models that reason take no sampling, no stop sequences and no max_tokens (openai.md 6.2); those that do not unless they are asked
 * to ("gpt-5.1" and later) take them then. Recorded answers of 2025 and 2026 agree. */
static bool reasons_unasked(const struct sim_call *c)
{
    return !sl_str_starts(bare_model(c), SL_STR("gpt-5.")) && !sl_str_starts(bare_model(c), SL_STR("gpt-6"));
}

static bool check_reasoning(struct sim_call *c, yyjson_val *root)
{
    static const char *const never[] = {"stop",       "presence_penalty", "frequency_penalty",
                                        "logit_bias", "logprobs",         "top_logprobs"};
    static const char *const only_one[] = {"temperature", "top_p"};
    yyjson_val *effort = yyjson_obj_get(root, "reasoning_effort");
    bool reasons = sim_openai_reasons(c);
    bool none = sim_is_there(effort) ? yyjson_equals_str(effort, "none") : !reasons_unasked(c);
    bool may_stop = sl_str_starts(bare_model(c), SL_STR("o1")) || sl_str_starts(bare_model(c), SL_STR("o3-mini"));
    if (!reasons && sim_openai_strict(c) && sim_is_there(effort))
        return refuse(c, "unknown_parameter", "reasoning_effort",
                      "Unrecognized request argument supplied: reasoning_effort");
    if (!reasons)
        return true;
    if (sim_is_there(yyjson_obj_get(root, "max_tokens")))
        return refuse(
            c, "unsupported_parameter", "max_tokens",
            "Unsupported parameter: 'max_tokens' is not supported with this model. Use 'max_completion_tokens' "
            "instead.");
    for (size_t i = 0; !none && i < sizeof never / sizeof never[0]; i++) {
        if (sim_is_there(yyjson_obj_get(root, never[i])) && !(i == 0 && may_stop))
            return sim_openai_no(c, "unsupported_parameter", never[i],
                                 "Unsupported parameter: '%s' is not supported with this model.", never[i]);
    }
    for (size_t i = 0; !none && i < 2; i++) {
        yyjson_val *v = yyjson_obj_get(root, only_one[i]);
        if (sim_is_there(v) && yyjson_get_num(v) < 1)
            return sim_openai_no(
                c, "unsupported_value", only_one[i],
                "Unsupported value: '%s' does not support this value with this model. Only the default "
                "(1) value is supported.",
                only_one[i]);
    }
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
    struct sl_str asked = sim_str(yyjson_obj_get(root, "service_tier"));
    if (sl_str_eq(asked, SL_STR("flex")))
        return SL_STR("flex");
    if (sl_str_eq(asked, SL_STR("priority")) || sl_str_eq(asked, SL_STR("fast")))
        return SL_STR("priority");
    return SL_STR("default");
}

static bool read_effort(struct sim_ask *a, yyjson_val *root)
{
    static const char *const efforts[] = {"none", "minimal", "low", "medium", "high", "xhigh", "max", NULL};
    yyjson_val *v = yyjson_obj_get(root, "reasoning_effort");
    struct sl_str effort = sim_str(v);
    /* OpenAI bills reasoning and keeps its text; compatible servers tell it. */
    a->show = sim_openai_strict(a->c) ? SHOW_NOT : SHOW_TEXT;
    if (!sim_is_there(v))
        return true;
    if (!sim_is_one_of(effort, efforts))
        return refuse(a->c, "invalid_value", "reasoning_effort",
                      "Invalid value for 'reasoning_effort'. Supported values are: 'none', 'minimal', 'low', 'medium', "
                      "'high', 'xhigh', and 'max'.");
    a->think = sl_str_eq(effort, SL_STR("none")) ? THINK_OFF : THINK_ON;
    return true;
}

/* Seed's switch: on where nothing is said; an effort goes not with "disabled". */
static bool read_thinking(struct sim_ask *a, yyjson_val *root)
{
    static const char *const types[] = {"enabled", "disabled", "auto", NULL};
    yyjson_val *v = yyjson_obj_get(root, "thinking"), *effort = yyjson_obj_get(root, "reasoning_effort");
    struct sl_str type = sim_str(yyjson_obj_get(v, "type"));
    if (!sim_has(a->c, HABIT_SEED) || !sim_is_there(v))
        return true;
    if (!sim_is_one_of(type, types))
        return refuse(a->c, "InvalidParameter", "thinking.type", "thinking.type has to be enabled, disabled or auto.");
    bool off = sl_str_eq(type, SL_STR("disabled"));
    if (off && sim_is_there(effort) && !yyjson_equals_str(effort, "minimal"))
        return refuse(a->c, "InvalidParameter", "reasoning_effort", "reasoning_effort needs thinking.");
    a->think = off ? THINK_OFF : THINK_ON;
    return true;
}

bool sim_openai_model(struct sim_ask *a, yyjson_val *root)
{
    struct sim_call *c = a->c;
    yyjson_val *model = yyjson_obj_get(root, "model");
    if (!yyjson_is_obj(root))
        return refuse(c, "invalid_json", NULL, "We could not parse the JSON body of your request.");
    if (!yyjson_is_str(model) || yyjson_get_len(model) == 0)
        return refuse(c, "missing_required_parameter", "model", "you must provide a model parameter");
    if (yyjson_get_len(model) > NAME_BYTES_MAX)
        return refuse(c, "model_not_found", "model", "The model does not exist.");
    c->model = sl_arena_str(c->s->arena, sim_str(model));
    c->snapshot = snapshot_of(c->model);
    c->tier = tier_of(root);
    sim_chain_begin(&a->chain, c->sim, c->model, sim_str(yyjson_obj_get(root, "prompt_cache_key")));
    return true;
}

static bool read_chat(struct sim_ask *a, yyjson_val *root)
{
    return check_reasoning(a->c, root) && check_range(a->c, root, "temperature", 0, 2) &&
           check_range(a->c, root, "top_p", 0, 1) && read_tools(a, root) && read_choice(a, root) &&
           read_messages(a, root) && read_format(a, root) && read_effort(a, root) && read_thinking(a, root);
}

bool sim_chat_read(struct sim_ask *a, yyjson_val *root)
{
    struct sim_call *c = a->c;
    if (!sim_openai_model(a, root) || !check_known(c, root))
        return false;
    if (c->kind == SIM_EMBEDDINGS)
        return true;
    if (!read_choices(c, root) || !read_stream(c, root) || !read_limit(a, root) || !read_stops(a, root))
        return false;
    return c->kind == SIM_CHAT ? read_chat(a, root) : read_prompts(a, root);
}

/* ---- calls in pieces ---- */

#define ARGUMENT_BYTES 8u

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
