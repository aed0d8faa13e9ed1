/* Reads a request of Gemini's as strictly as Google does: configuration, contents and their order, signatures (gemini.md 3, 5, 6,
 * 20.2, 22.1). gemini_proto.c has checked the names and kinds of members before. */
#include "sim/gemini.h"

#define NAME_BYTES_MAX 256u
#define OUTPUT_MAX 65536u
#define STOPS_MAX 5u
#define CALLS_MAX 1024u

/* ---- models: gemini.md 22.1; the first row that fits counts ---- */

#define LEVELS                                                                                                         \
    (GEMINI_LEVEL | GEMINI_SIGNED | GEMINI_MIXES | GEMINI_PENALTIES | GEMINI_SYSTEM | GEMINI_TOOLS | GEMINI_THINKS)
static const struct {
    struct sl_str prefix;
    unsigned flags;
} models[] = {
    {SL_STR_INIT("gemini-4"), LEVELS},
    {SL_STR_INIT("gemini-3.5-flash-lite"), LEVELS | GEMINI_BUDGET},
    {SL_STR_INIT("gemini-3.6"), LEVELS | GEMINI_BUDGET},
    {SL_STR_INIT("gemini-3.7"), LEVELS | GEMINI_BUDGET},
    {SL_STR_INIT("gemini-3.8"), LEVELS | GEMINI_BUDGET},
    {SL_STR_INIT("gemini-flash-"), LEVELS | GEMINI_BUDGET},
    {SL_STR_INIT("gemini-pro-latest"), LEVELS | GEMINI_BUDGET},
    {SL_STR_INIT("gemini-3"), LEVELS | GEMINI_BUDGET | GEMINI_PREFILL},
    {SL_STR_INIT("gemini-2.5"), GEMINI_BUDGET | GEMINI_PREFILL | GEMINI_SYSTEM | GEMINI_TOOLS | GEMINI_MANY},
    {SL_STR_INIT("gemini-"),
     GEMINI_LAX | GEMINI_MANY | GEMINI_PREFILL | GEMINI_PENALTIES | GEMINI_SYSTEM | GEMINI_TOOLS},
    {SL_STR_INIT("gemma-"), GEMINI_PREFILL | GEMINI_PENALTIES | GEMINI_LEVEL},
    {SL_STR_INIT(""),
     GEMINI_LEVEL | GEMINI_BUDGET | GEMINI_MIXES | GEMINI_PENALTIES | GEMINI_PREFILL | GEMINI_SYSTEM | GEMINI_TOOLS},
};

static struct sl_str bare_name(struct sl_str model)
{
    return sl_str_starts(model, SL_STR("sim-")) ? sl_str_from(model, 4) : model;
}

/* What the model of that name takes; a name that is not Google's takes everything. */
static unsigned gemini_flags_of(struct sl_str model)
{
    size_t i = 0;
    while (!sl_str_starts(bare_name(model), models[i].prefix))
        i++;
    return models[i].flags;
}

/* ---- contents ---- */

struct turn {
    struct gemini_reader *r;
    size_t index;                   /* of the content */
    struct sl_str calls[CALLS_MAX]; /* names, of the last model content that has any */
    struct sl_str ids[CALLS_MAX];
    unsigned n_calls, n_given;
    bool awaits;       /* they are not answered yet */
    bool model_before; /* the content before is the model's */
    bool unsigned_now; /* a step since the user's last text has no signature on its first call */
    struct sl_str unsigned_name;
    size_t unsigned_at;
};

static bool no(struct turn *t, const char *message)
{
    return sim_say_no(t->r->c, "%s", message);
}

static bool is_type(struct sl_str type, const char *const *types)
{
    for (; *types != NULL; types++) {
        if (sl_str_starts(type, sl_str_c(*types)))
            return true;
    }
    return false;
}

static bool read_blob(struct turn *t, yyjson_val *blob)
{
    static const char *const types[] = {"image/png",        "image/jpeg", "image/webp",      "image/heic", "image/heif",
                                        "image/gif",        "text/",      "application/pdf", "audio/",     "video/",
                                        "application/json", NULL};
    struct sl_str type = sim_str(gemini_get(blob, "mimeType")), magic, data = sim_str(gemini_get(blob, "data"));
    size_t bytes = 0;
    if (type.n == 0)
        return no(t, "Unable to submit request because it must have a mimeType parameter.");
    if (!is_type(type, types) || sl_str_find(type, ';') >= 0)
        return sim_say_no(t->r->c, "Unsupported MIME type: " SL_STR_FMT, SL_STR_ARG(sl_str_head(type, 100)));
    if (!sim_media_size(t->r->c, data, &bytes, &magic))
        return sim_say_no(t->r->c, "Invalid value at 'contents[%llu].parts' (TYPE_BYTES), Base64 decoding failed",
                          (unsigned long long)t->index);
    if (sl_str_starts(type, SL_STR("image/")) && bytes > 0 && magic.n > 0 && !sl_str_starts(magic, SL_STR("image/")))
        return no(t, "Unable to process input image. Please retry or report.");
    const char *word = sl_str_starts(type, SL_STR("image/"))   ? "image"
                       : sl_str_starts(type, SL_STR("audio/")) ? "audio"
                       : sl_str_starts(type, SL_STR("video/")) ? "video"
                                                               : "document";
    sim_ask_media(t->r->a, word, type, SL_STR_NONE, bytes);
    return true;
}

static bool read_file(struct turn *t, yyjson_val *file)
{
    struct sl_str type = sim_str(gemini_get(file, "mimeType")), uri = sim_str(gemini_get(file, "fileUri"));
    if (uri.n == 0)
        return no(t, "Unable to submit request because it must have a fileUri parameter.");
    if (t->r->c->carrier == CARRIER_VERTEX && type.n == 0)
        return no(t, "Unable to submit request because it must have a mimeType parameter.");
    if (!sim_gfile_check(t->r->c, uri))
        return false;
    sim_ask_media(t->r->a, sl_str_starts(type, SL_STR("image/")) || type.n == 0 ? "image" : "document", type, uri, 0);
    return true;
}

/* "thoughtSignature": where it stands it has to be one that was made for it, or a bypass (gemini.md 6.3). */
static bool check_signature(struct turn *t, yyjson_val *part, struct sl_str bound, bool *out_signed)
{
    struct sl_str signature = sim_str(gemini_get(part, "thoughtSignature"));
    uint64_t nonce;
    *out_signed = signature.n > 0;
    if (signature.n == 0 || sl_str_eq(signature, SL_STR("skip_thought_signature_validator")) ||
        sl_str_eq(signature, SL_STR("context_engineering_is_the_way_to_go")))
        return true;
    if (sim_sign_check(t->r->c, SIGNER_GOOGLE, signature, bound, &nonce))
        return true;
    return no(t, "Invalid signature: Thought signature is not valid.");
}

static bool read_call(struct turn *t, yyjson_val *part, yyjson_val *call, bool first)
{
    struct sl_str name = sim_str(gemini_get(call, "name"));
    bool is_signed;
    if (name.n == 0)
        return sim_say_no(t->r->c,
                          "* GenerateContentRequest.contents[%llu].parts[0].function_call.name: Name cannot be "
                          "empty.\n",
                          (unsigned long long)t->index);
    struct sl_str bound = sl_arena_printf(t->r->c->s->arena, "call:" SL_STR_FMT, SL_STR_ARG(name));
    if (!check_signature(t, part, bound, &is_signed))
        return false;
    if (first && !is_signed && !t->unsigned_now) {
        t->unsigned_now = true;
        t->unsigned_name = name;
        t->unsigned_at = t->index;
    }
    if (t->n_calls == CALLS_MAX)
        return no(t, "Request contains an invalid argument.");
    t->ids[t->n_calls] = sim_str(gemini_get(call, "id"));
    t->calls[t->n_calls++] = name;
    sim_ask_call(t->r->a);
    return true;
}

/* What a tool gave, as text: the only text in it, or the object as it is. */
static struct sl_str text_of(struct turn *t, yyjson_val *response, bool *out_failed)
{
    static const char *const names[] = {"output", "result", "content", "error"};
    size_t n = 0;
    for (size_t i = 0; i < 4 && yyjson_obj_size(response) == 1; i++) {
        yyjson_val *v = yyjson_obj_get(response, names[i]);
        *out_failed = v != NULL && i == 3;
        if (yyjson_is_str(v))
            return sim_str(v);
    }
    char *text = yyjson_val_write_opts(response, YYJSON_WRITE_NOFLAG, &sim_json_alc, &n, NULL);
    struct sl_str kept = sl_arena_str(t->r->c->s->arena, sl_str_of(text, n));
    sim_json_alc.free(NULL, text);
    return kept;
}

static bool is_awaited(const struct turn *t, struct sl_str name)
{
    for (unsigned i = t->n_given; i < t->n_calls; i++) {
        if (sl_str_eq(t->calls[i], name))
            return true;
    }
    return false;
}

static bool read_response(struct turn *t, yyjson_val *response)
{
    struct sl_str name = sim_str(gemini_get(response, "name")), id = sim_str(gemini_get(response, "id"));
    yyjson_val *body = gemini_get(response, "response"), *parts = gemini_get(response, "parts"), *p;
    size_t i, max;
    bool failed = false;
    if (name.n == 0)
        return sim_say_no(t->r->c,
                          "* GenerateContentRequest.contents[%llu].parts[%u].function_response.name: Name cannot be "
                          "empty.\n",
                          (unsigned long long)t->index, t->n_given);
    if (t->awaits && t->n_given < t->n_calls) {
        bool by_id = id.n > 0 && t->ids[t->n_given].n > 0;
        bool fits = sl_str_eq(t->calls[t->n_given], name) && (!by_id || sl_str_eq(t->ids[t->n_given], id));
        if (!fits &&
            ((t->r->flags & GEMINI_MIXES) != 0 || is_awaited(t, name))) /* older models go by the place alone */
            return sim_say_no(
                t->r->c,
                "Please ensure that function responses come in the order of the function calls: expected a "
                "response to `" SL_STR_FMT "`, found one to `" SL_STR_FMT "`.",
                SL_STR_ARG(t->calls[t->n_given]), SL_STR_ARG(sl_str_head(name, 200)));
    }
    t->n_given++;
    sim_ask_result(t->r->a, text_of(t, body, &failed), failed);
    if (parts != NULL && (t->r->flags & GEMINI_MIXES) == 0)
        return no(t, "Multimodal function responses are not supported by this model.");
    yyjson_arr_foreach(parts, i, max, p)
    {
        yyjson_val *blob = gemini_get(p, "inlineData"), *file = gemini_get(p, "fileData");
        if (blob != NULL ? !read_blob(t, blob) : file != NULL && !read_file(t, file))
            return false;
    }
    return true;
}

struct seen { /* kinds of parts in a content */
    unsigned calls, responses, others;
};

static bool read_text(struct turn *t, yyjson_val *part, enum sim_role role)
{
    struct sl_str text = sim_str(gemini_get(part, "text"));
    bool is_signed, thought = yyjson_get_bool(gemini_get(part, "thought"));
    if (!check_signature(t, part, SL_STR("text"), &is_signed))
        return false;
    if (text.n == 0 && role == ROLE_USER && (t->r->flags & GEMINI_MIXES) != 0)
        return no(t, "Unable to submit request because it must have a text parameter.");
    if (!thought)
        sim_ask_text(t->r->a, text);
    return true;
}

static bool read_part(struct turn *t, yyjson_val *part, enum sim_role role, size_t k, struct seen *seen)
{
    yyjson_val *call = gemini_get(part, "functionCall"), *response = gemini_get(part, "functionResponse");
    yyjson_val *blob = gemini_get(part, "inlineData"), *file = gemini_get(part, "fileData");
    static const char *const rest[] = {"executableCode", "codeExecutionResult", "toolCall", "toolResponse",
                                       "audioTranscription"};
    if (call != NULL && role == ROLE_MODEL)
        return read_call(t, part, call, seen->calls++ == 0);
    if (response != NULL && role == ROLE_USER) {
        seen->responses++;
        return read_response(t, response);
    }
    seen->others++;
    if (call != NULL || response != NULL)
        return no(t, "Please ensure that function call turns are the model's and function responses the user's.");
    if (gemini_get(part, "text") != NULL)
        return read_text(t, part, role);
    if (blob != NULL)
        return read_blob(t, blob);
    if (file != NULL)
        return read_file(t, file);
    for (size_t i = 0; i < 5; i++) {
        if (gemini_get(part, rest[i]) != NULL)
            return true;
    }
    return sim_say_no(
        t->r->c,
        "* GenerateContentRequest.contents[%llu].parts[%llu].data: required oneof field 'data' must have one "
        "initialized field\n",
        (unsigned long long)t->index, (unsigned long long)k);
}

static bool check_turn(struct turn *t, enum sim_role role, const struct seen *seen, bool awaited)
{
    if (role == ROLE_USER && seen->responses > 0 && !awaited)
        return no(t, "Please ensure that function response turn comes immediately after a function call turn.");
    if (role == ROLE_USER && awaited && t->n_given != t->n_calls && (t->r->flags & GEMINI_LAX) == 0)
        return no(t, "Please ensure that the number of function response parts is equal to the number of function call "
                     "parts of the function call turn.");
    if (role == ROLE_USER && seen->responses > 0 && seen->others > 0 && (t->r->flags & GEMINI_SIGNED) != 0)
        return no(t, "Please ensure that function response parts are not mixed with other parts in one turn.");
    return true;
}

/* A user content: answers calls, or begins anew. */
static bool read_user(struct turn *t, yyjson_val *parts)
{
    struct seen seen = {0};
    bool awaited = t->awaits;
    size_t i, max;
    yyjson_val *part;
    t->n_given = 0;
    yyjson_arr_foreach(parts, i, max, part)
    {
        if (!read_part(t, part, ROLE_USER, i, &seen))
            return false;
    }
    if (!check_turn(t, ROLE_USER, &seen, awaited))
        return false;
    t->awaits = false;
    t->model_before = false;
    if (seen.others > 0 && seen.responses == 0)
        t->unsigned_now = false; /* the current turn begins with the user's own words */
    return true;
}

static bool read_model(struct turn *t, yyjson_val *parts)
{
    struct seen seen = {0};
    size_t i, max;
    yyjson_val *part;
    if (t->awaits)
        return no(t, "Please ensure that function call turn comes immediately after a user turn or after a function "
                     "response turn.");
    t->n_calls = 0;
    yyjson_arr_foreach(parts, i, max, part)
    {
        if (!read_part(t, part, ROLE_MODEL, i, &seen))
            return false;
    }
    t->awaits = seen.calls > 0;
    if (t->awaits && (t->index == 0 || t->model_before))
        return no(t, "Please ensure that function call turn comes immediately after a user turn or after a function "
                     "response turn.");
    t->model_before = true;
    return true;
}

static bool read_content(struct turn *t, yyjson_val *content)
{
    struct sl_str role = sim_str(gemini_get(content, "role"));
    yyjson_val *parts = gemini_get(content, "parts");
    bool model = sl_str_eq(role, SL_STR("model"));
    if (role.n > 0 && !model && !sl_str_eq(role, SL_STR("user")) && !sl_str_eq(role, SL_STR("function")))
        return no(t, "Please use a valid role: user, model.");
    if (yyjson_arr_size(parts) == 0)
        return sim_say_no(t->r->c, "* GenerateContentRequest.contents[%llu].parts: contents.parts must not be empty.\n",
                          (unsigned long long)t->index);
    sim_ask_message(t->r->a, model ? ROLE_MODEL : ROLE_USER);
    return model ? read_model(t, parts) : read_user(t, parts);
}

static bool gemini_read_contents(struct gemini_reader *r, yyjson_val *contents)
{
    struct turn *t = SL_ARENA_NEW(r->c->s->arena, struct turn);
    size_t max;
    yyjson_val *content;
    t->r = r;
    if (yyjson_is_arr(contents) ? yyjson_arr_size(contents) == 0 : contents == NULL)
        return no(t, "* GenerateContentRequest.contents: contents is not specified\n");
    if (yyjson_is_obj(contents)) /* one is as good as a list of one */
        return read_content(t, contents);
    yyjson_arr_foreach(contents, t->index, max, content)
    {
        if (!read_content(t, content))
            return false;
    }
    if (t->awaits)
        return no(
            t, "Please ensure that the number of function response parts is equal to the number of function call parts "
               "of the function call turn.");
    if (t->model_before && (r->flags & GEMINI_PREFILL) == 0)
        return no(t, "Requests ending with a model turn are not supported by this model.");
    if (t->unsigned_now && (r->flags & GEMINI_SIGNED) != 0)
        return sim_say_no(
            r->c,
            "Function call is missing a thought_signature in functionCall parts. This is required for tools to "
            "work correctly, and missing thought_signature may lead to degraded model performance. "
            "Additional data, function call `default_api:" SL_STR_FMT "` , position %llu.",
            SL_STR_ARG(t->unsigned_name), (unsigned long long)t->unsigned_at + 1);
    return true;
}

/* ---- configuration ---- */

static int64_t int_of(yyjson_val *v, int64_t none)
{
    int64_t n = none;
    if (yyjson_is_int(v))
        return yyjson_get_sint(v);
    if (yyjson_is_str(v))
        sl_str_to_i64(sim_str(v), &n);
    return yyjson_is_real(v) ? (int64_t)yyjson_get_real(v) : n;
}

static bool is_word(yyjson_val *v, const char *word)
{
    return sl_str_eq_nocase(sim_str(v), sl_str_c(word));
}

static bool check_range(struct sim_call *c, yyjson_val *v, const char *name, double least, double over,
                        const char *text)
{
    if (v == NULL || (yyjson_get_num(v) >= least && yyjson_get_num(v) < over))
        return true;
    return sim_say_no(
        c,
        "Unable to submit request because it has a %s value that is not in the supported range %s. Update "
        "the value and try again.",
        name, text);
}

static bool read_stops(struct gemini_reader *r, yyjson_val *config)
{
    yyjson_val *stops = gemini_get(config, "stopSequences"), *s;
    size_t i, max;
    if (yyjson_arr_size(stops) > STOPS_MAX)
        return sim_say_no(
            r->c, "* GenerateContentRequest.generation_config.stop_sequences: the number of stop sequences must "
                  "not exceed 5.\n");
    if (yyjson_is_str(stops))
        sim_ask_stop(r->a, sim_str(stops));
    yyjson_arr_foreach(stops, i, max, s)
    {
        if (yyjson_get_len(s) == 0)
            return sim_say_no(r->c,
                              "* GenerateContentRequest.generation_config.stop_sequences[%llu]: must not be empty.\n",
                              (unsigned long long)i);
        sim_ask_stop(r->a, sim_str(s));
    }
    return true;
}

static bool read_format(struct gemini_reader *r, yyjson_val *config)
{
    yyjson_val *type = gemini_get(config, "responseMimeType"), *schema = gemini_get(config, "responseSchema"),
               *json = gemini_get(config, "responseJsonSchema");
    bool wants = yyjson_equals_str(type, "application/json");
    if (type != NULL && !wants && !yyjson_equals_str(type, "text/plain") && !yyjson_equals_str(type, "text/x.enum"))
        return sim_say_no(
            r->c, "* GenerateContentRequest.generation_config.response_mime_type: allowed mimetypes are "
                  "`text/plain`, `application/json`, `application/xml`, `application/yaml` and `text/x.enum`.\n");
    if (schema != NULL && json != NULL)
        return sim_say_no(r->c, "* GenerateContentRequest.generation_config: only one of response_schema and "
                                "response_json_schema can be set.\n");
    if ((schema != NULL || json != NULL) && (type == NULL || yyjson_equals_str(type, "text/plain")))
        return sim_say_no(r->c,
                          "* GenerateContentRequest.generation_config.response_schema: response_mime_type must be "
                          "application/json or text/x.enum when a schema is set.\n");
    if (wants && r->functions && (r->flags & GEMINI_MIXES) == 0)
        return sim_say_no(r->c, "Function calling with a response mime type: 'application/json' is unsupported");
    r->a->wants_json = wants;
    r->a->schema = schema != NULL ? schema : json;
    return true;
}

static bool check_level(struct gemini_reader *r, yyjson_val *level)
{
    static const char *const levels[] = {"MINIMAL", "LOW", "MEDIUM", "HIGH", "XHIGH", "THINKING_LEVEL_UNSPECIFIED"};
    if (level == NULL)
        return true;
    if ((r->flags & GEMINI_LEVEL) == 0)
        return sim_say_no(r->c, "Thinking level is not supported for this model.");
    for (size_t i = 0; i < 6; i++) {
        if (is_word(level, levels[i]))
            return true;
    }
    return sim_say_no(r->c, "Invalid value at 'generation_config.thinking_config.thinking_level' "
                            "(type.googleapis.com/google.ai.generativelanguage.v1beta.ThinkingConfig.ThinkingLevel)");
}

static bool read_thinking(struct gemini_reader *r, yyjson_val *config)
{
    yyjson_val *thinking = gemini_get(config, "thinkingConfig"), *level = gemini_get(thinking, "thinkingLevel"),
               *budget = gemini_get(thinking, "thinkingBudget");
    bool shows = yyjson_get_bool(gemini_get(thinking, "includeThoughts"));
    bool off = budget != NULL && int_of(budget, 0) == 0;
    r->a->show = shows ? SHOW_TEXT : SHOW_NOT;
    r->a->think = (r->flags & GEMINI_THINKS) != 0 ? THINK_ON : THINK_UNSAID;
    if (thinking == NULL)
        return true;
    if (level != NULL && budget != NULL)
        return sim_say_no(r->c, "You can only set only one of thinking budget and thinking level.");
    if (!check_level(r, level))
        return false;
    if (budget != NULL && (r->flags & GEMINI_BUDGET) == 0)
        return sim_say_no(r->c, "Thinking budget is not supported for this model.");
    if (shows && (r->flags & (GEMINI_LEVEL | GEMINI_BUDGET)) == 0)
        return sim_say_no(r->c, "Thinking is not supported for this model.");
    if (off && (sl_str_starts(bare_name(r->c->model), SL_STR("gemini-2.5-pro"))))
        return sim_say_no(r->c, "Budget 0 is invalid. This model only works in thinking mode.");
    if (off && shows)
        return sim_say_no(r->c,
                          "Unable to submit request because thinking_config.include_thoughts is only enabled when "
                          "thinking is enabled.");
    if (off && (r->flags & GEMINI_THINKS) == 0)
        r->a->think = THINK_OFF;
    else if (level != NULL || budget != NULL || shows)
        r->a->think = THINK_ON;
    return true;
}

static bool read_limits(struct gemini_reader *r, yyjson_val *config)
{
    yyjson_val *most = gemini_get(config, "maxOutputTokens"), *n = gemini_get(config, "candidateCount"),
               *seed = gemini_get(config, "seed");
    int64_t tokens = int_of(most, 1), s = int_of(seed, 0);
    if (tokens < 1 || tokens > OUTPUT_MAX)
        return sim_say_no(
            r->c,
            "Unable to submit request because it has a maxOutputTokens value of %lld but the supported range is "
            "from 1 (inclusive) to 65537 (exclusive). Update the value and try again.",
            (long long)tokens);
    if (most != NULL)
        r->a->limit = (uint64_t)tokens;
    if (n != NULL && int_of(n, 1) != 1 &&
        ((r->flags & GEMINI_MANY) == 0 || r->c->stream || int_of(n, 1) < 1 || int_of(n, 1) > 8))
        return sim_say_no(r->c, "Multiple candidates is not enabled for this model");
    r->c->n = (uint32_t)int_of(n, 1);
    if (s > INT32_MAX || s < INT32_MIN)
        return sim_say_no(r->c, "Invalid value at 'generation_config.seed' (TYPE_INT32), %lld", (long long)s);
    return true;
}

static bool read_config(struct gemini_reader *r, yyjson_val *config)
{
    static const char *const penalties[] = {"presencePenalty", "frequencyPenalty"};
    bool logprobs = yyjson_get_bool(gemini_get(config, "responseLogprobs"));
    if (!check_range(r->c, gemini_get(config, "temperature"), "temperature", 0, 2.0001,
                     "from 0 (inclusive) to 2.0001 (exclusive)") ||
        !check_range(r->c, gemini_get(config, "topP"), "topP", 0, 1.0001, "from 0 (inclusive) to 1 (inclusive)"))
        return false;
    for (size_t i = 0; i < 2 && r->c->carrier == CARRIER_OWN; i++) {
        yyjson_val *v = gemini_get(config, penalties[i]);
        if (v != NULL && (r->flags & GEMINI_PENALTIES) == 0 && yyjson_get_num(v) > 0)
            return sim_say_no(r->c, "Penalty is not enabled for this model");
    }
    if (logprobs && r->c->stream)
        return sim_say_no(r->c, "LogProbs is not supported in streaming mode");
    return read_limits(r, config) && read_stops(r, config) && read_thinking(r, config) && read_format(r, config);
}

/* ---- the rest ---- */

static bool read_system(struct gemini_reader *r, yyjson_val *system)
{
    yyjson_val *parts = gemini_get(system, "parts"), *p;
    size_t i, max;
    if (system == NULL)
        return true;
    if ((r->flags & GEMINI_SYSTEM) == 0)
        return sim_say_no(r->c, "Developer instruction is not enabled for models/" SL_STR_FMT, SL_STR_ARG(r->c->model));
    if (yyjson_is_obj(parts))
        parts = NULL; /* of one part only: read below */
    sim_ask_message(r->a, ROLE_SYSTEM);
    if (parts == NULL)
        sim_ask_text(r->a, sim_str(gemini_get(gemini_get(system, "parts"), "text")));
    yyjson_arr_foreach(parts, i, max, p)
    {
        yyjson_val *text = gemini_get(p, "text");
        if (text == NULL)
            return sim_say_no(r->c, "Unable to submit request because the system instruction must be text only.");
        sim_ask_text(r->a, sim_str(text));
    }
    return true;
}

static bool check_safety(struct gemini_reader *r, yyjson_val *settings)
{
    size_t i, max;
    yyjson_val *s;
    yyjson_arr_foreach(settings, i, max, s)
    {
        struct sl_str category = sim_str(gemini_get(s, "category"));
        for (size_t k = 0; k < i && k < 32; k++) {
            if (category.n > 0 && sl_str_eq(category, sim_str(gemini_get(yyjson_arr_get(settings, k), "category"))))
                return sim_say_no(r->c, "There are multiple safety settings for the same category.");
        }
    }
    return true;
}

static bool check_cached(struct gemini_reader *r, yyjson_val *root)
{
    yyjson_val *cached = gemini_get(root, "cachedContent");
    if (cached == NULL)
        return true;
    if (gemini_get(root, "systemInstruction") != NULL || gemini_get(root, "tools") != NULL ||
        gemini_get(root, "toolConfig") != NULL)
        return sim_say_no(
            r->c, "CachedContent can not be used with GenerateContent request setting system_instruction, tools "
                  "or tool_config. Proposed fix: move those values to CachedContent from GenerateContent request.");
    return sim_say_no(r->c, "Invalid CachedContent name: " SL_STR_FMT ".",
                      SL_STR_ARG(sl_str_head(sim_str(cached), 200)));
}

static bool read_all(struct gemini_reader *r, yyjson_val *root)
{
    return check_cached(r, root) && check_safety(r, gemini_get(root, "safetySettings")) && gemini_read_tools(r, root) &&
           read_config(r, gemini_get(root, "generationConfig")) &&
           read_system(r, gemini_get(root, "systemInstruction")) &&
           gemini_read_contents(r, gemini_get(root, "contents"));
}

bool gemini_read(struct sim_ask *a, yyjson_val *root)
{
    struct sim_call *c = a->c;
    struct gemini_reader r = {.a = a, .c = c};
    if (c->model.n > NAME_BYTES_MAX || sl_str_find(c->model, '/') >= 0)
        return sim_say_no(c, "* GenerateContentRequest.model: unexpected model name format\n");
    c->snapshot = c->model;
    r.flags = gemini_flags_of(c->model);
    sim_chain_begin(&a->chain, c->sim, c->model, SL_STR_NONE);
    if (!yyjson_is_obj(root))
        return sim_say_no(c, "Invalid JSON payload received. Unexpected end of string. Expected a value.");
    if (!gemini_check(c, root, c->count ? GEMINI_COUNT : GEMINI_GENERATE))
        return false;
    yyjson_val *inner = c->count ? gemini_get(root, "generateContentRequest") : NULL;
    if (inner != NULL && gemini_get(root, "contents") != NULL)
        return sim_say_no(c, "contents and generate_content_request are mutually exclusive. Only one can be set.");
    return read_all(&r, inner != NULL ? inner : root);
}
