/* A request as the neutral form: the top level and generationConfig. Contents are read in read_contents.c, tools in read_tools.c. */
#include "dialect/gemini/gemini_int.h"

#include <stdarg.h>
#include <stdio.h>

#include "base/list.h"
#include "dialect/effort.h"

#define PATH_MAX_N 256

static bool read_top(struct gem_reader *r, const struct json_node *root);
static bool read_config(struct gem_reader *r, const struct json_node *config);

bool gemini_request_read(enum operation op, struct sl_str body, struct sl_arena *a, struct neutral_request *out,
                         struct request_refusal *out_refusal)
{
    struct gem_reader r = {.a = a, .out = out, .refusal = out_refusal};
    struct sl_str model = out->model;
    bool stream = out->stream;
    enum operation_kind kind = op == OP_GENERATE_COUNT ? NO_COUNT_TOKENS : out->kind;
    *out = (struct neutral_request){.from = &gemini_dialect,
                                    .kind = kind,
                                    .model = model,
                                    .stream = stream,
                                    .include_usage = SAID_YES,
                                    .n = 1,
                                    .reasoning.budget = -1};
    *out_refusal = (struct request_refusal){.at = 0};
    if (!json_tree_read(&r.t, body, a)) {
        out_refusal->error.error = GE_BODY_INVALID;
        out_refusal->at = r.t.bad_at;
        return false;
    }
    const struct json_node *root = json_root(&r.t);
    if (root->kind != JSON_OBJECT) {
        out_refusal->error.error = GE_BODY_NOT_OBJECT;
        return false;
    }
    const struct json_node *inner = gem_get(&r.t, root, SL_STR("generateContentRequest"));
    if (inner != NULL) {
        out->kind = NO_COUNT_TOKENS;
        if (inner->kind != JSON_OBJECT)
            return gem_refuse(&r, GE_MEMBER_TYPE, "must be an object", "generateContentRequest");
        root = inner;
    }
    return read_top(&r, root);
}

bool gem_refuse(struct gem_reader *r, enum gateway_error e, const char *what, const char *path, ...)
{
    char text[PATH_MAX_N];
    va_list ap;
    va_start(ap, path);
    int n = vsnprintf(text, sizeof text, path, ap);
    va_end(ap);
    struct sl_str param = sl_arena_str(r->a, sl_str_of(text, n < 0                     ? 0
                                                             : (size_t)n < sizeof text ? (size_t)n
                                                                                       : PATH_MAX_N - 1));
    r->refusal->error = (struct error_facts){
        .error = e, .param = param, .message = sl_arena_printf(r->a, "'" SL_STR_FMT "' %s.", SL_STR_ARG(param), what)};
    return false;
}

void gem_unknown(struct gem_reader *r, struct sl_str raw, const char *path, ...)
{
    char text[PATH_MAX_N];
    va_list ap;
    va_start(ap, path);
    int n = vsnprintf(text, sizeof text, path, ap);
    va_end(ap);
    struct neutral_member *m = SL_ARENA_NEW(r->a, struct neutral_member);
    m->name = sl_arena_str(r->a, sl_str_of(text, n < 0 ? 0 : (size_t)n < sizeof text ? (size_t)n : PATH_MAX_N - 1));
    m->raw = raw;
    m->harmful = sl_str_starts(m->name, SL_STR("cachedContent")) || sl_str_starts(m->name, SL_STR("cached_content")) ||
                 sl_str_starts(m->name, SL_STR("continuation")) ||
                 sl_str_starts(m->name, SL_STR("generationConfig.response"));
    SL_APPEND(r->out->unknown, r->last_unknown, m);
}

static bool is_among(const struct json_tree *t, const struct json_node *member, const char *known)
{
    for (struct sl_str left = sl_str_c(known); left.n > 0;)
        if (gem_key_is(t, member, sl_str_cut(&left, ' ')))
            return true;
    return false;
}

void gem_rest(struct gem_reader *r, const struct json_node *of, const char *known, const char *place, ...)
{
    for (JSON_EACH(&r->t, json_kind_of(of) == JSON_OBJECT ? of : NULL, it)) {
        if (it->kind == JSON_NULL || is_among(&r->t, it, known))
            continue;
        char text[PATH_MAX_N];
        va_list ap;
        va_start(ap, place);
        (void)vsnprintf(text, sizeof text, place, ap);
        va_end(ap);
        gem_unknown(r, json_raw_of(&r->t, it), "%s." SL_STR_FMT, text, SL_STR_ARG(json_key_of(&r->t, it)));
    }
}

/* -- The top --------------------------------------------------------------------------------------------------------- */

static bool is_bool(const struct json_node *v)
{
    return v->kind == JSON_TRUE || v->kind == JSON_FALSE;
}

static enum said said_of(const struct json_node *v)
{
    return v->kind == JSON_TRUE ? SAID_YES : SAID_NO;
}

/* Empty ones say nothing, and LangChain always sends them: nobody is told that they were left out. */
static struct sl_str said_raw(const struct gem_reader *r, const struct json_node *v)
{
    return v->children > 0 ? json_raw_of(&r->t, v) : SL_STR_NONE;
}

/* Members that the neutral form takes as they are. False: it is another one. */
static bool take_plain(struct gem_reader *r, const struct json_node *v)
{
    struct neutral_request *out = r->out;
    if (gem_key_is(&r->t, v, SL_STR("safetySettings")) && v->kind == JSON_ARRAY)
        out->safety_settings = said_raw(r, v);
    else if (gem_key_is(&r->t, v, SL_STR("labels")) && v->kind == JSON_OBJECT)
        out->metadata = said_raw(r, v);
    else if (gem_key_is(&r->t, v, SL_STR("store")) && is_bool(v))
        out->store = said_of(v);
    else if (gem_key_is(&r->t, v, SL_STR("serviceTier")) && v->kind == JSON_STRING)
        out->service_tier = gem_tier_to_neutral(json_inside_of(&r->t, v));
    else
        return false;
    return true;
}

static bool is_ours(const struct gem_reader *r, const struct json_node *v)
{
    static const struct sl_str ours[] = {SL_STR_INIT("task"), SL_STR_INIT("fallback"), SL_STR_INIT("models"),
                                         SL_STR_INIT("route"), SL_STR_INIT("model")};
    for (size_t i = 0; i < sizeof ours / sizeof ours[0]; i++)
        if (json_key_is(&r->t, v, ours[i]))
            return true;
    return false;
}

static bool is_read_apart(const struct gem_reader *r, const struct json_node *v)
{
    static const struct sl_str apart[] = {
        SL_STR_INIT("contents"),   SL_STR_INIT("systemInstruction"), SL_STR_INIT("tools"),
        SL_STR_INIT("toolConfig"), SL_STR_INIT("generationConfig"),  SL_STR_INIT("generateContentRequest")};
    for (size_t i = 0; i < sizeof apart / sizeof apart[0]; i++)
        if (gem_key_is(&r->t, v, apart[i]))
            return true;
    return is_ours(r, v);
}

static bool read_top(struct gem_reader *r, const struct json_node *root)
{
    const struct json_tree *t = &r->t;
    const struct json_node *contents = gem_get(t, root, SL_STR("contents"));
    if (contents == NULL)
        return gem_refuse(r, GE_MEMBER_MISSING, "is missing", "contents");
    if (!gem_read_system(r, gem_get(t, root, SL_STR("systemInstruction"))) || !gem_read_contents(r, contents) ||
        !gem_read_tools(r, gem_get(t, root, SL_STR("tools"))) ||
        !gem_read_tool_config(r, gem_get(t, root, SL_STR("toolConfig"))) ||
        !read_config(r, gem_get(t, root, SL_STR("generationConfig"))))
        return false;
    for (JSON_EACH(t, root, it)) {
        struct sl_str name = json_key_of(t, it);
        if (it->kind != JSON_NULL && !is_read_apart(r, it) && !take_plain(r, it))
            gem_unknown(r, json_raw_of(t, it), SL_STR_FMT, SL_STR_ARG(name));
    }
    return true;
}

/* -- generationConfig --------------------------------------------------------------------------------------------------- */

enum config_kind {
    CK_NUMBER = 0, /* a raw number at `field` */
    CK_COUNT,      /* uint64_t */
    CK_N,
    CK_STOPS,
    CK_LOGPROBS,
    CK_TOP_LOGPROBS,
    CK_MIME,
    CK_SCHEMA,
    CK_JSON_SCHEMA,
    CK_MODALITIES,
    CK_THINKING
};

#define ROW(name, what, member)                                                                                        \
    {                                                                                                                  \
        SL_STR_INIT(name), what, offsetof(struct neutral_request, member)                                              \
    }
static const struct config_row {
    struct sl_str name;
    enum config_kind kind;
    size_t field;
} config_rows[] = {
    ROW("temperature", CK_NUMBER, temperature),
    ROW("topP", CK_NUMBER, top_p),
    ROW("topK", CK_NUMBER, top_k),
    ROW("seed", CK_NUMBER, seed),
    ROW("presencePenalty", CK_NUMBER, presence_penalty),
    ROW("frequencyPenalty", CK_NUMBER, frequency_penalty),
    ROW("maxOutputTokens", CK_COUNT, max_output),
    ROW("candidateCount", CK_N, n),
    ROW("stopSequences", CK_STOPS, stops),
    ROW("responseLogprobs", CK_LOGPROBS, logprobs),
    ROW("logprobs", CK_TOP_LOGPROBS, top_logprobs),
    ROW("responseMimeType", CK_MIME, format),
    ROW("responseSchema", CK_SCHEMA, schema),
    ROW("responseJsonSchema", CK_JSON_SCHEMA, schema),
    ROW("responseModalities", CK_MODALITIES, modalities),
    ROW("thinkingConfig", CK_THINKING, reasoning),
};

static bool refuse_config(struct gem_reader *r, const struct config_row *row, enum gateway_error e, const char *what)
{
    return gem_refuse(r, e, what, "generationConfig." SL_STR_FMT, SL_STR_ARG(row->name));
}

static bool read_count(struct gem_reader *r, const struct json_node *v, const struct config_row *row, uint64_t *out)
{
    if (!gem_count_of(&r->t, v, out))
        return refuse_config(r, row, GE_MEMBER_TYPE, "must be a whole number");
    return true;
}

static bool read_stops(struct gem_reader *r, const struct json_node *v, const struct config_row *row)
{
    if (v->kind != JSON_ARRAY)
        return refuse_config(r, row, GE_MEMBER_TYPE, "must be a list of texts");
    if (v->children > NEUTRAL_STOPS_MAX)
        return refuse_config(r, row, GE_MEMBER_TOO_MANY, "has too many texts");
    struct sl_str *stops = sl_arena_alloc(r->a, (v->children + 1) * sizeof *stops);
    uint32_t n = 0;
    for (JSON_EACH(&r->t, v, it)) {
        if (it->kind != JSON_STRING)
            return refuse_config(r, row, GE_MEMBER_TYPE, "must be a list of texts");
        stops[n++] = json_inside_of(&r->t, it);
    }
    r->out->stops = stops;
    r->out->n_stops = n;
    return true;
}

static bool read_mime(struct gem_reader *r, const struct json_node *v, const struct config_row *row)
{
    if (v->kind != JSON_STRING)
        return refuse_config(r, row, GE_MEMBER_TYPE, "must be a text");
    struct sl_str mime = json_plain_of(&r->t, v, r->a);
    if (sl_str_eq(mime, SL_STR("application/json"))) {
        if (r->out->format == NF_UNSAID)
            r->out->format = NF_JSON_OBJECT;
    } else if (!sl_str_eq(mime, SL_STR("text/plain")) && !sl_str_eq(mime, SL_STR("text/x.enum"))) {
        gem_unknown(r, json_raw_of(&r->t, v), "generationConfig.responseMimeType");
    }
    return true;
}

static bool read_schema(struct gem_reader *r, const struct json_node *v, const struct config_row *row)
{
    if (v->kind != JSON_OBJECT && v->kind != JSON_TRUE)
        return refuse_config(r, row, GE_MEMBER_TYPE, "must be an object");
    struct sl_str raw = json_raw_of(&r->t, v);
    r->out->format = NF_JSON_SCHEMA;
    r->out->schema = row->kind == CK_SCHEMA ? gem_schema_back(r->a, raw) : raw;
    return true;
}

static bool read_modalities(struct gem_reader *r, const struct json_node *v, const struct config_row *row)
{
    if (v->kind != JSON_ARRAY)
        return refuse_config(r, row, GE_MEMBER_TYPE, "must be a list");
    r->out->modalities = json_raw_of(&r->t, v);
    for (JSON_EACH(&r->t, v, it)) {
        struct sl_str word = json_inside_of(&r->t, it);
        r->out->wants_audio |= sl_str_eq_nocase(word, SL_STR("audio"));
        r->out->wants_image |= sl_str_eq_nocase(word, SL_STR("image"));
    }
    return true;
}

static bool read_thinking(struct gem_reader *r, const struct json_node *v, const struct config_row *row)
{
    struct neutral_reasoning *to = &r->out->reasoning;
    if (v->kind != JSON_OBJECT)
        return refuse_config(r, row, GE_MEMBER_TYPE, "must be an object");
    const struct json_node *visible = gem_get(&r->t, v, SL_STR("includeThoughts"));
    const struct json_node *budget = gem_get(&r->t, v, SL_STR("thinkingBudget"));
    const struct json_node *level = gem_get(&r->t, v, SL_STR("thinkingLevel"));
    gem_rest(r, v, "includeThoughts thinkingBudget thinkingLevel", "generationConfig.thinkingConfig");
    if (visible != NULL && is_bool(visible))
        to->visible = said_of(visible);
    if (budget != NULL) {
        int64_t n;
        if (budget->kind != JSON_NUMBER || !sl_str_to_i64(json_raw_of(&r->t, budget), &n) || n < -1)
            return gem_refuse(r, GE_MEMBER_VALUE, "must be -1, 0 or a number of tokens",
                              "generationConfig.thinkingConfig.thinkingBudget");
        to->budget = n == -1 ? -2 : n;
    }
    struct sl_str word = json_inside_of(&r->t, level);
    if (level == NULL || sl_str_eq(word, SL_STR("THINKING_LEVEL_UNSPECIFIED")))
        return true;
    to->effort = effort_of(word);
    if (to->effort == EFFORT_UNSAID)
        return gem_refuse(r, GE_MEMBER_VALUE, "is no level of thinking",
                          "generationConfig.thinkingConfig.thinkingLevel");
    return true;
}

static bool take_config(struct gem_reader *r, const struct json_node *v, const struct config_row *row)
{
    struct neutral_request *out = r->out;
    uint64_t n = 0;
    switch (row->kind) {
    case CK_NUMBER:
        if (v->kind != JSON_NUMBER)
            return refuse_config(r, row, GE_MEMBER_TYPE, "must be a number");
        *(struct sl_str *)(void *)((char *)out + row->field) = json_raw_of(&r->t, v);
        return true;
    case CK_COUNT:
        return read_count(r, v, row, &out->max_output);
    case CK_N:
        if (!read_count(r, v, row, &n))
            return false;
        out->n = n == 0 ? 1 : n > UINT32_MAX ? UINT32_MAX : (uint32_t)n;
        return true;
    case CK_STOPS:
        return read_stops(r, v, row);
    case CK_LOGPROBS:
        if (is_bool(v))
            out->logprobs = said_of(v);
        return true;
    case CK_TOP_LOGPROBS:
        if (!read_count(r, v, row, &n))
            return false;
        out->top_logprobs = n > UINT32_MAX ? UINT32_MAX : (uint32_t)n;
        return true;
    case CK_MIME:
        return read_mime(r, v, row);
    case CK_SCHEMA:
    case CK_JSON_SCHEMA:
        return read_schema(r, v, row);
    case CK_MODALITIES:
        return read_modalities(r, v, row);
    case CK_THINKING:
        return read_thinking(r, v, row);
    }
    return true;
}

static const struct config_row *config_row_of(const struct gem_reader *r, const struct json_node *v)
{
    for (size_t i = 0; i < sizeof config_rows / sizeof config_rows[0]; i++)
        if (gem_key_is(&r->t, v, config_rows[i].name))
            return &config_rows[i];
    return NULL;
}

static bool read_config(struct gem_reader *r, const struct json_node *config)
{
    if (config == NULL)
        return true;
    if (config->kind != JSON_OBJECT)
        return gem_refuse(r, GE_MEMBER_TYPE, "must be an object", "generationConfig");
    for (JSON_EACH(&r->t, config, it)) {
        const struct config_row *row = config_row_of(r, it);
        struct sl_str name = json_key_of(&r->t, it);
        if (it->kind == JSON_NULL)
            continue;
        if (row == NULL)
            gem_unknown(r, json_raw_of(&r->t, it), "generationConfig." SL_STR_FMT, SL_STR_ARG(name));
        else if (!take_config(r, it, row))
            return false;
    }
    return true;
}
