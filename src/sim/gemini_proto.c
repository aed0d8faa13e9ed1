/* The messages of Google's API as tables, and a walk that checks a body against them, as its JSON parser does: names in camelCase or
 * snake_case, unknown ones refused with their place, values of the right kind, one member of a oneof. gemini.md 3, 4.1, 20.2
 * (November 2026). The walk keeps its own bounded stack. */
#include "sim/gemini.h"

#define DEPTH_MAX 64u /* Schema is the only one that holds itself */
#define PATH_BYTES 2048u

enum kind {
    K_STRING = 0,
    K_BOOL,
    K_INT, /* also as a string */
    K_NUMBER,
    K_BYTES,
    K_ENUM,
    K_OBJECT, /* any object */
    K_ANY,
    K_MESSAGE,
    K_MAP /* of messages */
};
enum {
    MANY = 1,   /* repeated */
    DEV = 2,    /* not on Vertex */
    VERTEX = 4, /* only on Vertex */
    DATA = 8    /* of the oneof `data` */
};

struct message;
struct field {
    const char *name;
    enum kind kind;
    unsigned flags;
    const struct message *of;
};
struct message {
    const char *name;
    const struct field *fields;
    unsigned n;
};

#define M(what)                                                                                                        \
    static const struct message what = {#what, what##_fields, sizeof what##_fields / sizeof what##_fields[0]}

static const struct field Blob_fields[] = {
    {"mimeType", K_STRING, 0, NULL}, {"data", K_BYTES, 0, NULL}, {"displayName", K_STRING, 0, NULL}};
M(Blob);
static const struct field FileData_fields[] = {
    {"mimeType", K_STRING, 0, NULL}, {"fileUri", K_STRING, 0, NULL}, {"displayName", K_STRING, 0, NULL}};
M(FileData);
static const struct field FunctionCall_fields[] = {{"id", K_STRING, DEV, NULL},
                                                   {"name", K_STRING, 0, NULL},
                                                   {"args", K_OBJECT, 0, NULL},
                                                   {"partialArgs", K_ANY, VERTEX | MANY, NULL},
                                                   {"willContinue", K_BOOL, VERTEX, NULL}};
M(FunctionCall);
static const struct field FunctionResponsePart_fields[] = {
    {"inlineData", K_MESSAGE, 0, &Blob},     {"fileData", K_MESSAGE, 0, &FileData},
    {"videoMetadata", K_OBJECT, 0, NULL},    {"mediaResolution", K_OBJECT, 0, NULL},
    {"mediaProcessing", K_ENUM, DEV, NULL},  {"audioMetadata", K_OBJECT, 0, NULL},
    {"documentMetadata", K_OBJECT, 0, NULL}, {"spreadsheetMetadata", K_OBJECT, 0, NULL}};
M(FunctionResponsePart);
static const struct field FunctionResponse_fields[] = {
    {"id", K_STRING, DEV, NULL},       {"name", K_STRING, 0, NULL},
    {"response", K_OBJECT, 0, NULL},   {"parts", K_MESSAGE, MANY, &FunctionResponsePart},
    {"scheduling", K_ENUM, DEV, NULL}, {"willContinue", K_BOOL, DEV, NULL}};
M(FunctionResponse);
static const struct field ExecutableCode_fields[] = {
    {"id", K_STRING, 0, NULL}, {"language", K_ENUM, 0, NULL}, {"code", K_STRING, 0, NULL}};
M(ExecutableCode);
static const struct field CodeExecutionResult_fields[] = {
    {"id", K_STRING, 0, NULL}, {"outcome", K_ENUM, 0, NULL}, {"output", K_STRING, 0, NULL}};
M(CodeExecutionResult);
static const struct field ToolCall_fields[] = {
    {"id", K_STRING, 0, NULL}, {"toolType", K_ENUM, 0, NULL}, {"args", K_OBJECT, 0, NULL}};
M(ToolCall);
static const struct field ToolResponse_fields[] = {
    {"id", K_STRING, 0, NULL}, {"toolType", K_ENUM, 0, NULL}, {"response", K_OBJECT, 0, NULL}};
M(ToolResponse);
static const struct field VideoMetadata_fields[] = {{"startOffset", K_STRING, 0, NULL},
                                                    {"endOffset", K_STRING, 0, NULL},
                                                    {"fps", K_NUMBER, 0, NULL},
                                                    {"contentLayers", K_ANY, 0, NULL}};
M(VideoMetadata);
static const struct field PartResolution_fields[] = {{"level", K_ENUM, 0, NULL}, {"numTokens", K_INT, 0, NULL}};
M(PartResolution);
static const struct field Part_fields[] = {{"text", K_STRING, DATA, NULL},
                                           {"inlineData", K_MESSAGE, DATA, &Blob},
                                           {"fileData", K_MESSAGE, DATA, &FileData},
                                           {"functionCall", K_MESSAGE, DATA, &FunctionCall},
                                           {"functionResponse", K_MESSAGE, DATA, &FunctionResponse},
                                           {"executableCode", K_MESSAGE, DATA, &ExecutableCode},
                                           {"codeExecutionResult", K_MESSAGE, DATA, &CodeExecutionResult},
                                           {"toolCall", K_MESSAGE, DATA | DEV, &ToolCall},
                                           {"toolResponse", K_MESSAGE, DATA | DEV, &ToolResponse},
                                           {"audioTranscription", K_OBJECT, DATA, NULL},
                                           {"thought", K_BOOL, 0, NULL},
                                           {"thoughtSignature", K_BYTES, 0, NULL},
                                           {"videoMetadata", K_MESSAGE, 0, &VideoMetadata},
                                           {"mediaResolution", K_MESSAGE, 0, &PartResolution},
                                           {"mediaProcessing", K_ENUM, DEV, NULL},
                                           {"speechMetadata", K_OBJECT, 0, NULL},
                                           {"audioMetadata", K_OBJECT, 0, NULL},
                                           {"documentMetadata", K_OBJECT, 0, NULL},
                                           {"spreadsheetMetadata", K_OBJECT, 0, NULL},
                                           {"partMetadata", K_OBJECT, DEV, NULL}};
M(Part);
static const struct field Content_fields[] = {{"role", K_STRING, 0, NULL}, {"parts", K_MESSAGE, MANY, &Part}};
M(Content);

static const struct message Schema;
static const struct field Schema_fields[] = {{"type", K_ENUM, 0, NULL},
                                             {"format", K_STRING, 0, NULL},
                                             {"title", K_STRING, 0, NULL},
                                             {"description", K_STRING, 0, NULL},
                                             {"nullable", K_BOOL, 0, NULL},
                                             {"default", K_ANY, 0, NULL},
                                             {"enum", K_STRING, MANY, NULL},
                                             {"items", K_MESSAGE, 0, &Schema},
                                             {"minItems", K_INT, 0, NULL},
                                             {"maxItems", K_INT, 0, NULL},
                                             {"minLength", K_INT, 0, NULL},
                                             {"maxLength", K_INT, 0, NULL},
                                             {"minProperties", K_INT, 0, NULL},
                                             {"maxProperties", K_INT, 0, NULL},
                                             {"properties", K_MAP, 0, &Schema},
                                             {"required", K_STRING, MANY, NULL},
                                             {"propertyOrdering", K_STRING, MANY, NULL},
                                             {"anyOf", K_MESSAGE, MANY, &Schema},
                                             {"minimum", K_NUMBER, 0, NULL},
                                             {"maximum", K_NUMBER, 0, NULL},
                                             {"pattern", K_STRING, 0, NULL},
                                             {"example", K_ANY, 0, NULL},
                                             {"additionalProperties", K_ANY, VERTEX, NULL},
                                             {"ref", K_STRING, VERTEX, NULL},
                                             {"defs", K_MAP, VERTEX, &Schema}};
static const struct message Schema = {"Schema", Schema_fields, sizeof Schema_fields / sizeof Schema_fields[0]};

static const struct field FunctionDeclaration_fields[] = {
    {"name", K_STRING, 0, NULL},           {"description", K_STRING, 0, NULL},
    {"parameters", K_MESSAGE, 0, &Schema}, {"parametersJsonSchema", K_ANY, 0, NULL},
    {"response", K_MESSAGE, 0, &Schema},   {"responseJsonSchema", K_ANY, 0, NULL},
    {"behavior", K_ENUM, DEV, NULL}};
M(FunctionDeclaration);
static const struct field Empty_fields[] = {{"", K_ANY, 0, NULL}};
static const struct message Empty = {"Empty", Empty_fields, 0};
static const struct field GoogleSearch_fields[] = {{"timeRangeFilter", K_OBJECT, 0, NULL},
                                                   {"searchTypes", K_OBJECT, 0, NULL},
                                                   {"excludeDomains", K_STRING, VERTEX | MANY, NULL},
                                                   {"blockingConfidence", K_ENUM, VERTEX, NULL}};
M(GoogleSearch);
static const struct field ComputerUse_fields[] = {{"environment", K_ENUM, 0, NULL},
                                                  {"excludedPredefinedFunctions", K_STRING, MANY, NULL},
                                                  {"disabledSafetyPolicies", K_ENUM, MANY, NULL},
                                                  {"enablePromptInjectionDetection", K_BOOL, 0, NULL}};
M(ComputerUse);
static const struct field FileSearch_fields[] = {
    {"fileSearchStoreNames", K_STRING, MANY, NULL}, {"topK", K_INT, 0, NULL}, {"metadataFilter", K_STRING, 0, NULL}};
M(FileSearch);
static const struct field Tool_fields[] = {{"functionDeclarations", K_MESSAGE, MANY, &FunctionDeclaration},
                                           {"googleSearch", K_MESSAGE, 0, &GoogleSearch},
                                           {"googleSearchRetrieval", K_OBJECT, 0, NULL},
                                           {"codeExecution", K_MESSAGE, 0, &Empty},
                                           {"urlContext", K_MESSAGE, 0, &Empty},
                                           {"computerUse", K_MESSAGE, 0, &ComputerUse},
                                           {"googleMaps", K_OBJECT, 0, NULL},
                                           {"fileSearch", K_MESSAGE, DEV, &FileSearch},
                                           {"mcpServers", K_OBJECT, DEV | MANY, NULL},
                                           {"retrieval", K_OBJECT, VERTEX, NULL},
                                           {"enterpriseWebSearch", K_OBJECT, VERTEX, NULL},
                                           {"parallelAiSearch", K_OBJECT, VERTEX, NULL},
                                           {"exaAiSearch", K_OBJECT, VERTEX, NULL}};
M(Tool);
static const struct field FunctionCallingConfig_fields[] = {{"mode", K_ENUM, 0, NULL},
                                                            {"allowedFunctionNames", K_STRING, MANY, NULL},
                                                            {"streamFunctionCallArguments", K_BOOL, VERTEX, NULL}};
M(FunctionCallingConfig);
static const struct field ToolConfig_fields[] = {{"functionCallingConfig", K_MESSAGE, 0, &FunctionCallingConfig},
                                                 {"retrievalConfig", K_OBJECT, 0, NULL},
                                                 {"includeServerSideToolInvocations", K_BOOL, DEV, NULL}};
M(ToolConfig);
static const struct field SafetySetting_fields[] = {
    {"category", K_ENUM, 0, NULL}, {"threshold", K_ENUM, 0, NULL}, {"method", K_ENUM, VERTEX, NULL}};
M(SafetySetting);
static const struct field ThinkingConfig_fields[] = {
    {"includeThoughts", K_BOOL, 0, NULL}, {"thinkingBudget", K_INT, 0, NULL}, {"thinkingLevel", K_ENUM, 0, NULL}};
M(ThinkingConfig);
static const struct field ImageConfig_fields[] = {{"aspectRatio", K_STRING, 0, NULL},
                                                  {"imageSize", K_STRING, 0, NULL},
                                                  {"personGeneration", K_ENUM, VERTEX, NULL},
                                                  {"prominentPeople", K_ENUM, VERTEX, NULL},
                                                  {"imageOutputOptions", K_OBJECT, VERTEX, NULL}};
M(ImageConfig);
static const struct field GenerationConfig_fields[] = {{"temperature", K_NUMBER, 0, NULL},
                                                       {"topP", K_NUMBER, 0, NULL},
                                                       {"topK", K_NUMBER, 0, NULL},
                                                       {"candidateCount", K_INT, 0, NULL},
                                                       {"maxOutputTokens", K_INT, 0, NULL},
                                                       {"stopSequences", K_STRING, MANY, NULL},
                                                       {"seed", K_INT, 0, NULL},
                                                       {"presencePenalty", K_NUMBER, 0, NULL},
                                                       {"frequencyPenalty", K_NUMBER, 0, NULL},
                                                       {"responseMimeType", K_STRING, 0, NULL},
                                                       {"responseSchema", K_MESSAGE, 0, &Schema},
                                                       {"responseJsonSchema", K_ANY, 0, NULL},
                                                       {"responseFormat", K_ANY, 0, NULL},
                                                       {"responseLogprobs", K_BOOL, 0, NULL},
                                                       {"logprobs", K_INT, 0, NULL},
                                                       {"responseModalities", K_ENUM, MANY, NULL},
                                                       {"speechConfig", K_OBJECT, 0, NULL},
                                                       {"thinkingConfig", K_MESSAGE, 0, &ThinkingConfig},
                                                       {"imageConfig", K_MESSAGE, 0, &ImageConfig},
                                                       {"mediaResolution", K_ENUM, 0, NULL},
                                                       {"audioTimestamp", K_BOOL, VERTEX, NULL},
                                                       {"enableEnhancedCivicAnswers", K_BOOL, DEV, NULL},
                                                       {"enableAffectiveDialog", K_BOOL, 0, NULL},
                                                       {"audioTranscriptionConfig", K_OBJECT, 0, NULL},
                                                       {"translationConfig", K_OBJECT, 0, NULL},
                                                       {"routingConfig", K_OBJECT, VERTEX, NULL},
                                                       {"modelConfig", K_OBJECT, VERTEX, NULL}};
M(GenerationConfig);
static const struct field GenerateContentRequest_fields[] = {{"model", K_STRING, 0, NULL},
                                                             {"contents", K_MESSAGE, MANY, &Content},
                                                             {"systemInstruction", K_MESSAGE, 0, &Content},
                                                             {"tools", K_MESSAGE, MANY, &Tool},
                                                             {"toolConfig", K_MESSAGE, 0, &ToolConfig},
                                                             {"safetySettings", K_MESSAGE, MANY, &SafetySetting},
                                                             {"generationConfig", K_MESSAGE, 0, &GenerationConfig},
                                                             {"cachedContent", K_STRING, 0, NULL},
                                                             {"serviceTier", K_ENUM, 0, NULL},
                                                             {"labels", K_OBJECT, 0, NULL},
                                                             {"continuationToken", K_BYTES, 0, NULL},
                                                             {"store", K_BOOL, DEV, NULL},
                                                             {"modelArmorConfig", K_OBJECT, VERTEX, NULL},
                                                             {"outputConfig", K_OBJECT, VERTEX, NULL}};
M(GenerateContentRequest);
static const struct field CountTokensRequest_fields[] = {
    {"model", K_STRING, 0, NULL},
    {"contents", K_MESSAGE, MANY, &Content},
    {"generateContentRequest", K_MESSAGE, DEV, &GenerateContentRequest},
    {"systemInstruction", K_MESSAGE, VERTEX, &Content},
    {"tools", K_MESSAGE, VERTEX | MANY, &Tool},
    {"generationConfig", K_MESSAGE, VERTEX, &GenerationConfig}};
M(CountTokensRequest);

/* ---- names ---- */

/* "maxOutputTokens" is also "max_output_tokens". */
static bool is_named(struct sl_str key, const char *camel)
{
    size_t i = 0;
    for (const char *p = camel; *p != 0; p++, i++) {
        if (*p >= 'A' && *p <= 'Z' && i < key.n && key.p[i] == '_') {
            if (i + 1 >= key.n || key.p[i + 1] != sl_lower(*p))
                return false;
            i++;
            continue;
        }
        if (i >= key.n || key.p[i] != *p)
            return false;
    }
    return i == key.n;
}

yyjson_val *gemini_get(yyjson_val *obj, const char *camel)
{
    size_t i, max;
    yyjson_val *key, *v;
    yyjson_obj_foreach(sim_members(obj), i, max, key, v)
    {
        if (!yyjson_is_null(v) && is_named(sim_str(key), camel))
            return v;
    }
    return NULL;
}

/* ---- the walk ---- */

struct frame {
    const struct message *of;  /* of the object, or of the elements */
    const struct field *field; /* NULL: the top */
    yyjson_obj_iter members;
    yyjson_arr_iter elements;
    bool is_array, is_map, has_data;
    size_t index; /* of the element that is looked at, + 1 */
};

struct walk {
    struct sim_call *c;
    struct frame stack[DEPTH_MAX];
    unsigned n;
};

static void add_snake(struct sl_buf *b, const char *camel)
{
    for (; *camel != 0; camel++) {
        if (*camel >= 'A' && *camel <= 'Z')
            sl_buf_addc(b, '_');
        sl_buf_addc(b, sl_lower(*camel));
    }
}

/* Where the walk is, as Google writes it: "contents[0].parts[1]". */
static struct sl_str path_of(struct walk *w, const struct field *leaf)
{
    struct sl_buf b;
    sl_buf_init(&b, PATH_BYTES);
    for (unsigned i = 0; i < w->n; i++) {
        const struct frame *f = &w->stack[i];
        if (f->field != NULL && (i == 0 || !w->stack[i - 1].is_array)) {
            sl_buf_adds(&b, b.n > 0 ? SL_STR(".") : SL_STR_NONE);
            add_snake(&b, f->field->name);
        }
        if ((f->is_array || f->is_map) && f->index > 0)
            sl_buf_addf(&b, "[%llu]", (unsigned long long)f->index - 1);
    }
    if (leaf != NULL) {
        sl_buf_adds(&b, b.n > 0 ? SL_STR(".") : SL_STR_NONE);
        add_snake(&b, leaf->name);
    }
    struct sl_str s = sl_arena_str(w->c->s->arena, sl_buf_str(&b));
    sl_buf_done(&b);
    return s;
}

static bool refuse(struct walk *w, struct sl_str path, struct sl_str message)
{
    sim_refuse(w->c, &(struct sim_error){.trouble = TROUBLE_SAID,
                                         .param = path.n > 0 ? path.p : "",
                                         .message = sl_arena_str(w->c->s->arena, message).p});
    return false;
}

static bool unknown_name(struct walk *w, struct sl_str name)
{
    struct sl_str path = path_of(w, NULL);
    name = sl_str_head(name, 200);
    if (path.n == 0)
        return refuse(w, path,
                      sl_arena_printf(w->c->s->arena,
                                      "Invalid JSON payload received. Unknown name \"" SL_STR_FMT
                                      "\": Cannot find field.",
                                      SL_STR_ARG(name)));
    return refuse(w, path,
                  sl_arena_printf(w->c->s->arena,
                                  "Invalid JSON payload received. Unknown name \"" SL_STR_FMT "\" at '" SL_STR_FMT
                                  "': Cannot find field.",
                                  SL_STR_ARG(name), SL_STR_ARG(path)));
}

static bool wrong_value(struct walk *w, const struct field *f, const char *kind, yyjson_val *v)
{
    struct sl_str path = path_of(w, f);
    size_t n = 0;
    char *text = yyjson_val_write_opts(v, YYJSON_WRITE_NOFLAG, &sim_json_alc, &n, NULL);
    struct sl_str said = sl_arena_printf(w->c->s->arena, "Invalid value at '" SL_STR_FMT "' (%s), " SL_STR_FMT,
                                         SL_STR_ARG(path), kind, SL_STR_ARG(sl_str_head(sl_str_of(text, n), 100)));
    sim_json_alc.free(NULL, text);
    return refuse(w, path, said);
}

static bool is_number(yyjson_val *v)
{
    uint64_t n;
    return yyjson_is_num(v) || (yyjson_is_str(v) && sl_str_to_u64(sim_str(v), &n));
}

static bool check_scalar(struct walk *w, const struct field *f, yyjson_val *v)
{
    size_t bytes;
    struct sl_str magic;
    switch (f->kind) {
    case K_STRING:
        return yyjson_is_str(v) || wrong_value(w, f, "TYPE_STRING", v);
    case K_BOOL:
        return yyjson_is_bool(v) || wrong_value(w, f, "TYPE_BOOL", v);
    case K_INT:
        return is_number(v) || wrong_value(w, f, "TYPE_INT32", v);
    case K_NUMBER:
        return is_number(v) || wrong_value(w, f, "TYPE_FLOAT", v);
    case K_ENUM:
        return yyjson_is_str(v) || yyjson_is_int(v) || wrong_value(w, f, "TYPE_ENUM", v);
    case K_OBJECT:
        return yyjson_is_obj(v) || wrong_value(w, f, "type.googleapis.com/google.protobuf.Struct", v);
    case K_BYTES:
        if (yyjson_is_str(v) && (yyjson_get_len(v) < 100 || sim_media_size(w->c, sim_str(v), &bytes, &magic)))
            return true; /* short ones are looked at by who uses them: a bypass value is no base64 */
        return wrong_value(w, f, "TYPE_BYTES", v);
    case K_ANY:
    case K_MESSAGE:
    case K_MAP:
        break;
    }
    return true;
}

static bool push(struct walk *w, struct frame f)
{
    if (w->n == DEPTH_MAX)
        return refuse(w, SL_STR_NONE, SL_STR("Request contains an invalid argument."));
    w->stack[w->n++] = f;
    return true;
}

/* A value of a field: deeper, or right here. */
static bool enter(struct walk *w, const struct field *f, yyjson_val *v, bool element)
{
    if ((f->flags & MANY) != 0 && !element) {
        struct frame list = {.of = f->of, .field = f, .is_array = true};
        if (!yyjson_is_arr(v)) {
            if (f->kind != K_MESSAGE)
                return check_scalar(w, f, v); /* one is as good as a list of one */
            if (!yyjson_is_obj(v))
                return wrong_value(w, f, f->of->name, v);
            return push(w, (struct frame){.of = f->of, .field = f, .members = yyjson_obj_iter_with(v)});
        }
        list.elements = yyjson_arr_iter_with(v);
        return push(w, list);
    }
    if (f->kind != K_MESSAGE && f->kind != K_MAP)
        return check_scalar(w, f, v);
    if (!yyjson_is_obj(v))
        return wrong_value(w, f, f->of->name, v);
    return push(
        w, (struct frame){.of = f->of, .field = f, .members = yyjson_obj_iter_with(v), .is_map = f->kind == K_MAP});
}

static const struct field *find(const struct walk *w, const struct message *m, struct sl_str key)
{
    bool vertex = w->c->carrier == CARRIER_VERTEX;
    for (unsigned i = 0; i < m->n; i++) {
        const struct field *f = &m->fields[i];
        if (is_named(key, f->name))
            return (f->flags & (vertex ? DEV : VERTEX)) != 0 ? NULL : f;
    }
    return NULL;
}

static bool check_member(struct walk *w, struct frame *f, yyjson_val *key, yyjson_val *v)
{
    static const struct field value = {"value", K_MESSAGE, 0, NULL};
    if (f->is_map) {
        f->index++;
        if (!yyjson_is_obj(v))
            return wrong_value(w, &value, f->of->name, v);
        return push(w, (struct frame){.of = f->of, .field = &value, .members = yyjson_obj_iter_with(v)});
    }
    const struct field *field = find(w, f->of, sim_str(key));
    if (field == NULL)
        return unknown_name(w, sim_str(key));
    if (yyjson_is_null(v))
        return true;
    if ((field->flags & DATA) != 0 && f->has_data) {
        struct sl_str path = path_of(w, NULL);
        return refuse(w, path,
                      sl_arena_printf(w->c->s->arena,
                                      "Invalid value at '" SL_STR_FMT
                                      "' (oneof), oneof field 'data' is already set. Cannot "
                                      "set '%s'",
                                      SL_STR_ARG(path), field->name));
    }
    f->has_data |= (field->flags & DATA) != 0;
    return enter(w, field, v, false);
}

static bool step(struct walk *w)
{
    struct frame *f = &w->stack[w->n - 1];
    if (f->is_array) {
        yyjson_val *v = yyjson_arr_iter_next(&f->elements);
        if (v == NULL) {
            w->n--;
            return true;
        }
        f->index++;
        return enter(w, f->field, v, true);
    }
    yyjson_val *key = yyjson_obj_iter_next(&f->members);
    if (key == NULL) {
        w->n--;
        return true;
    }
    return check_member(w, f, key, yyjson_obj_iter_get_val(key));
}

bool gemini_check(struct sim_call *c, yyjson_val *root, enum gemini_body body)
{
    struct walk *w = SL_ARENA_NEW(c->s->arena, struct walk);
    w->c = c;
    push(w, (struct frame){.of = body == GEMINI_COUNT ? &CountTokensRequest : &GenerateContentRequest,
                           .members = yyjson_obj_iter_with(root)});
    while (w->n > 0) {
        if (!step(w))
            return false; /* and w is gone with the call */
    }
    return true;
}
