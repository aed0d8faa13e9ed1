/* Facts of a request without making a tree of it; see dialect.h. The model and whether it streams were read from the path by the
 * caller. What is checked here is what the gateway decides by; everything else is the provider's to judge. */
#include "dialect/gemini/gemini.h"

#include "base/check.h"

/* Both spellings of what has two; the config is looked for in both, too. */
enum watched {
    GW_TASK = 0,
    GW_FALLBACK,
    GW_MODELS,
    GW_ROUTE,
    GW_CONTENTS,
    GW_TOOLS,
    GW_SYSTEM,
    GW_SYSTEM_SNAKE,
    GW_INNER, /* countTokens: a whole request inside */
    GW_INNER_SNAKE,
    GW_CONFIG,
    GW_CONFIG_SNAKE,
    GW_MAX,
    GW_MAX_SNAKE,
    GW_N,
    GW_N_SNAKE,
    GW_MIME,
    GW_MIME_SNAKE,
    GW_SCHEMA,
    GW_SCHEMA_SNAKE,
    GW_JSON_SCHEMA,
    GW_JSON_SCHEMA_SNAKE,
    GW_MODALITIES,
    GW_MODALITIES_SNAKE,
    GW_MAX_2, /* camelCase within generation_config, as hand-written requests have it */
    GW_N_2,
    GW_MIME_2,
    GW_SCHEMA_2,
    GW_MODALITIES_2,
    GW_COUNT
};

static const struct json_watch watches[GW_COUNT] = {
    [GW_TASK] = {SL_STR_INIT("task"), -1},
    [GW_FALLBACK] = {SL_STR_INIT("fallback"), -1},
    [GW_MODELS] = {SL_STR_INIT("models"), -1},
    [GW_ROUTE] = {SL_STR_INIT("route"), -1},
    [GW_CONTENTS] = {SL_STR_INIT("contents"), -1},
    [GW_TOOLS] = {SL_STR_INIT("tools"), -1},
    [GW_SYSTEM] = {SL_STR_INIT("systemInstruction"), -1},
    [GW_SYSTEM_SNAKE] = {SL_STR_INIT("system_instruction"), -1},
    [GW_INNER] = {SL_STR_INIT("generateContentRequest"), -1},
    [GW_INNER_SNAKE] = {SL_STR_INIT("generate_content_request"), -1},
    [GW_CONFIG] = {SL_STR_INIT("generationConfig"), -1},
    [GW_CONFIG_SNAKE] = {SL_STR_INIT("generation_config"), -1},
    [GW_MAX] = {SL_STR_INIT("maxOutputTokens"), GW_CONFIG},
    [GW_MAX_SNAKE] = {SL_STR_INIT("max_output_tokens"), GW_CONFIG_SNAKE},
    [GW_N] = {SL_STR_INIT("candidateCount"), GW_CONFIG},
    [GW_N_SNAKE] = {SL_STR_INIT("candidate_count"), GW_CONFIG_SNAKE},
    [GW_MIME] = {SL_STR_INIT("responseMimeType"), GW_CONFIG},
    [GW_MIME_SNAKE] = {SL_STR_INIT("response_mime_type"), GW_CONFIG_SNAKE},
    [GW_SCHEMA] = {SL_STR_INIT("responseSchema"), GW_CONFIG},
    [GW_SCHEMA_SNAKE] = {SL_STR_INIT("response_schema"), GW_CONFIG_SNAKE},
    [GW_JSON_SCHEMA] = {SL_STR_INIT("responseJsonSchema"), GW_CONFIG},
    [GW_JSON_SCHEMA_SNAKE] = {SL_STR_INIT("response_json_schema"), GW_CONFIG_SNAKE},
    [GW_MODALITIES] = {SL_STR_INIT("responseModalities"), GW_CONFIG},
    [GW_MODALITIES_SNAKE] = {SL_STR_INIT("response_modalities"), GW_CONFIG_SNAKE},
    [GW_MAX_2] = {SL_STR_INIT("maxOutputTokens"), GW_CONFIG_SNAKE},
    [GW_N_2] = {SL_STR_INIT("candidateCount"), GW_CONFIG_SNAKE},
    [GW_MIME_2] = {SL_STR_INIT("responseMimeType"), GW_CONFIG_SNAKE},
    [GW_SCHEMA_2] = {SL_STR_INIT("responseSchema"), GW_CONFIG_SNAKE},
    [GW_MODALITIES_2] = {SL_STR_INIT("responseModalities"), GW_CONFIG_SNAKE},
};
_Static_assert(GW_COUNT <= JSON_WATCH_MAX, "one scan finds them all");

struct reading {
    struct sl_str body;
    struct sl_arena *a;
    struct request_facts *f;
    struct request_refusal *refusal;
    struct json_member at[GW_COUNT];
};

static bool refuse_scan(struct reading *r, enum json_status status, const struct json_info *info);
static bool read_hints(struct reading *r);
static void read_options(struct reading *r);

bool gemini_request_decode(enum operation op, struct sl_str body, struct sl_arena *a, struct request_facts *out_facts,
                           struct request_refusal *out_refusal)
{
    struct request_facts *f = out_facts;
    struct sl_str model = f->model;
    bool stream = f->stream;
    memset(f, 0, sizeof *f);
    memset(out_refusal, 0, sizeof *out_refusal);
    f->op = op;
    f->model = model;
    f->stream = stream;
    f->n = 1;
    f->body_bytes = body.n;
    struct reading r = {.body = body, .a = a, .f = f, .refusal = out_refusal};
    if (body.n == 0) {
        out_refusal->error.error = GE_BODY_MISSING;
        return false;
    }
    struct json_info info;
    enum json_status status = json_scan(body, watches, GW_COUNT, r.at, &info);
    f->starts = info.starts;
    if (status != JSON_OK)
        return refuse_scan(&r, status, &info);
    if (info.root != JSON_OBJECT) {
        out_refusal->error.error = GE_BODY_NOT_OBJECT;
        return false;
    }
    if (!read_hints(&r))
        return false;
    read_options(&r);
    return true;
}

/* -- Refusals -------------------------------------------------------------------------------------------------------- */

static bool refuse_scan(struct reading *r, enum json_status status, const struct json_info *info)
{
    struct error_facts *e = &r->refusal->error;
    r->refusal->at = info->at;
    e->param = info->member >= 0 ? watches[info->member].name : SL_STR_NONE;
    if (status == JSON_REPEATED) {
        e->error = GE_MEMBER_REPEATED;
        e->message = sl_arena_printf(r->a, "The member '" SL_STR_FMT "' occurs twice.", SL_STR_ARG(e->param));
        return false;
    }
    e->error = status == JSON_TOO_DEEP ? GE_BODY_TOO_DEEP : status == JSON_BAD_UTF8 ? GE_BODY_UTF8 : GE_BODY_INVALID;
    e->message =
        sl_arena_printf(r->a, "The body is not valid JSON: %s, at byte %zu.", json_status_text(status), info->at);
    return false;
}

static bool refuse_hint(struct reading *r, enum gateway_error e, enum watched m, const char *what)
{
    struct sl_str name = watches[m].name;
    r->refusal->error = (struct error_facts){
        .error = e, .param = name, .message = sl_arena_printf(r->a, "'" SL_STR_FMT "' %s.", SL_STR_ARG(name), what)};
    r->refusal->at = r->at[m].from;
    return false;
}

/* -- The gateway's own members --------------------------------------------------------------------------------------- */

/* A name the caller chose: unescaped, bounded, printable, not empty. */
static bool take_name(struct sl_str doc, const struct json_member *m, struct sl_arena *a, size_t max,
                      struct sl_str *out)
{
    struct sl_str s;
    if (m->kind != JSON_STRING || m->to - m->from - 2 > 6 * max || !json_text(doc, m, a, &s) || s.n == 0 || s.n > max)
        return false;
    for (size_t i = 0; i < s.n; i++)
        if ((unsigned char)s.p[i] < 0x20 || s.p[i] == 0x7f)
            return false;
    *out = s;
    return true;
}

static bool read_text_hint(struct reading *r, enum watched m, struct sl_str *out)
{
    if (!json_is_said(&r->at[m]) || take_name(r->body, &r->at[m], r->a, HINT_TEXT_MAX, out))
        return true;
    if (r->at[m].kind != JSON_STRING)
        return refuse_hint(r, GE_MEMBER_TYPE, m, "must be a string");
    return refuse_hint(r, GE_MEMBER_VALUE, m, "must be a short text without control characters");
}

static bool read_models_list(struct reading *r)
{
    const struct json_member *m = &r->at[GW_MODELS];
    if (!json_is_said(m))
        return true;
    if (m->kind != JSON_ARRAY)
        return refuse_hint(r, GE_MEMBER_TYPE, GW_MODELS, "must be a list of names");
    if (m->children > MODELS_LIST_MAX)
        return refuse_hint(r, GE_MEMBER_TOO_MANY, GW_MODELS, "has too many names");
    struct sl_str *names = sl_arena_alloc(r->a, (m->children + 1) * sizeof *names);
    struct sl_str array = json_raw(r->body, m);
    struct json_member e;
    uint32_t n = 0;
    for (size_t at = 0; n < m->children && json_next_element(array, &at, &e); n++)
        if (!take_name(array, &e, r->a, MODEL_NAME_MAX, &names[n]))
            return refuse_hint(r, GE_MEMBER_VALUE, GW_MODELS, "has an element that cannot be a model's name");
    r->f->hints.models = names;
    r->f->hints.n_models = n;
    return true;
}

static bool read_hints(struct reading *r)
{
    static const enum request_member ours[] = {
        [GW_TASK] = RM_TASK, [GW_FALLBACK] = RM_FALLBACK, [GW_MODELS] = RM_MODELS, [GW_ROUTE] = RM_ROUTE};
    struct request_facts *f = r->f;
    for (unsigned i = 0; i < sizeof ours / sizeof ours[0]; i++)
        f->at[ours[i]] = r->at[i];
    const struct json_member *fallback = &r->at[GW_FALLBACK];
    if (json_is_said(fallback)) {
        if (fallback->kind != JSON_TRUE && fallback->kind != JSON_FALSE)
            return refuse_hint(r, GE_MEMBER_TYPE, GW_FALLBACK, "must be true or false");
        f->hints.fallback = fallback->kind == JSON_TRUE ? SAID_YES : SAID_NO;
    }
    return read_text_hint(r, GW_TASK, &f->hints.task) && read_text_hint(r, GW_ROUTE, &f->hints.route) &&
           read_models_list(r);
}

/* -- Members that are only looked at ----------------------------------------------------------------------------------- */

/* The value that was given under any of its spellings. */
static const struct json_member *given(const struct reading *r, const enum watched names[3])
{
    for (int i = 0; i < 3; i++)
        if (json_is_said(&r->at[names[i]]))
            return &r->at[names[i]];
    return NULL;
}

static uint64_t count_of(const struct reading *r, const enum watched names[3])
{
    const struct json_member *m = given(r, names);
    uint64_t v = 0;
    return m != NULL && m->kind == JSON_NUMBER && json_count(json_raw(r->body, m), &v) ? v : 0;
}

static void read_options(struct reading *r)
{
    static const enum watched max[] = {GW_MAX, GW_MAX_SNAKE, GW_MAX_2}, n[] = {GW_N, GW_N_SNAKE, GW_N_2};
    static const enum watched mime[] = {GW_MIME, GW_MIME_SNAKE, GW_MIME_2};
    static const enum watched schema[] = {GW_SCHEMA, GW_SCHEMA_SNAKE, GW_SCHEMA_2};
    static const enum watched json_schema[] = {GW_JSON_SCHEMA, GW_JSON_SCHEMA_SNAKE, GW_JSON_SCHEMA};
    static const enum watched modalities[] = {GW_MODALITIES, GW_MODALITIES_SNAKE, GW_MODALITIES_2};
    static const enum watched payload[] = {
        GW_CONTENTS, GW_TOOLS,        GW_SYSTEM,      GW_SYSTEM_SNAKE, GW_INNER,
        GW_SCHEMA,   GW_SCHEMA_SNAKE, GW_JSON_SCHEMA, GW_INNER_SNAKE,  GW_JSON_SCHEMA_SNAKE};
    struct request_facts *f = r->f;
    f->max_output = count_of(r, max);
    uint64_t wanted = count_of(r, n);
    f->n = wanted == 0 ? 1 : wanted > UINT32_MAX ? UINT32_MAX : (uint32_t)wanted;
    f->include_usage = SAID_YES; /* it always does */
    f->at[RM_MESSAGES] = r->at[GW_CONTENTS];
    f->at[RM_TOOLS] = r->at[GW_TOOLS];
    f->has_tools = r->at[GW_TOOLS].kind == JSON_ARRAY && r->at[GW_TOOLS].children > 0;
    f->messages = r->at[GW_CONTENTS].kind == JSON_ARRAY ? r->at[GW_CONTENTS].children : 0;
    const struct json_member *type = given(r, mime), *out = given(r, modalities);
    bool json_type = type != NULL && sl_str_find_str(json_raw(r->body, type), SL_STR("json")) >= 0;
    f->json_output = json_type || given(r, schema) != NULL || given(r, json_schema) != NULL;
    if (out != NULL && sl_str_find_str(json_raw(r->body, out), SL_STR("AUDIO")) >= 0)
        f->modalities = MODALITY_AUDIO_OUT;
    for (size_t i = 0; i < sizeof payload / sizeof payload[0]; i++)
        f->payload_bytes += r->at[payload[i]].to - r->at[payload[i]].from;
}
