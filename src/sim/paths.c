/* Which format a path speaks. Sources: openai.md 1.1, anthropic.md 1.1, gemini.md 2 and 20.1, bedrock.md 4, 6 and 11.1.
 *
 *   /v1/chat/completions, /v1/completions, /v1/embeddings, /v1/responses      also without /v1, and behind /openai (Azure)
 *   /openai/deployments/NAME/chat/completions                                Azure: the model in the path
 *   /v1/messages, /v1/messages/count_tokens                                  also behind /anthropic
 *   /VERSION/models/MODEL:VERB                                               Gemini
 *   /VERSION/[projects/P/locations/L/]publishers/{google,anthropic}/models/MODEL:VERB      Vertex
 *   /VERSION/projects/P/locations/L/endpoints/openapi/chat/completions       Vertex, OpenAI's format
 *   /token, and the metadata server's path: google_token.c
 *   /api/v3/chat/completions                                                 Ark: presets.c
 *   /as/NAME/v1/chat/completions                                             as that server does: presets.c
 *   /model/MODEL/{invoke,invoke-with-response-stream,converse,converse-stream,count-tokens}   Bedrock */
#include "sim/presets.h"

struct plain {
    struct sl_str path;
    const struct sim_format *format;
    enum sim_kind kind;
    bool count;
};

static const struct plain plains[] = {
    {SL_STR_INIT("chat/completions"), &sim_chat, SIM_CHAT, false},
    {SL_STR_INIT("completions"), &sim_completion, SIM_COMPLETION, false},
    {SL_STR_INIT("embeddings"), &sim_embeddings, SIM_EMBEDDINGS, false},
    {SL_STR_INIT("responses"), &sim_responses, SIM_OTHER, false},
    {SL_STR_INIT("responses/input_tokens"), &sim_responses, SIM_OTHER, true},
    {SL_STR_INIT("messages"), &sim_anthropic, SIM_OTHER, false},
    {SL_STR_INIT("messages/count_tokens"), &sim_anthropic, SIM_OTHER, true},
};

static void choose(struct sim_call *c, const struct sim_format *f, enum sim_kind kind, bool count)
{
    c->format = f;
    c->vendor = f->vendor;
    c->kind = kind;
    c->count = count;
}

struct sl_str sim_unescape(struct sim_call *c, struct sl_str s)
{
    char *out = sl_arena_alloc(c->s->arena, s.n + 1);
    size_t n = 0;
    for (size_t i = 0; i < s.n; i++) {
        bool escape = s.p[i] == '%' && i + 2 < s.n && sl_hex_value(s.p[i + 1]) >= 0 && sl_hex_value(s.p[i + 2]) >= 0;
        if (escape) {
            out[n++] = (char)(sl_hex_value(s.p[i + 1]) << 4 | sl_hex_value(s.p[i + 2]));
            i += 2;
        } else {
            out[n++] = s.p[i];
        }
    }
    return sl_str_of(out, n);
}

static bool take(struct sl_str *path, struct sl_str prefix)
{
    if (!sl_str_starts(*path, prefix))
        return false;
    *path = sl_str_from(*path, prefix.n);
    return true;
}

/* "MODEL:VERB", cut at the last colon. */
static bool take_verb(struct sim_call *c, struct sl_str path, struct sl_str *out_verb)
{
    size_t i = path.n;
    while (i > 0 && path.p[i - 1] != ':')
        i--;
    if (i < 2)
        return false;
    *out_verb = sl_str_from(path, i);
    c->model = sim_unescape(c, sl_str_head(path, i - 1));
    return true;
}

static bool find_google(struct sim_call *c, struct sl_str path)
{
    struct sl_str verb;
    if (!take_verb(c, path, &verb))
        return false;
    bool stream = sl_str_eq(verb, SL_STR("streamGenerateContent")), count = sl_str_eq(verb, SL_STR("countTokens"));
    if (!stream && !count && !sl_str_eq(verb, SL_STR("generateContent")))
        return false;
    choose(c, &sim_gemini, SIM_OTHER, count);
    c->stream = stream;
    c->array = stream && sl_str_find_str(c->r->query, SL_STR("alt=sse")) < 0;
    return true;
}

static bool find_claude_on_vertex(struct sim_call *c, struct sl_str path)
{
    struct sl_str verb;
    if (!take_verb(c, path, &verb))
        return false;
    bool stream = sl_str_eq(verb, SL_STR("streamRawPredict"));
    if (!stream && !sl_str_eq(verb, SL_STR("rawPredict")))
        return false;
    choose(c, &sim_anthropic, SIM_OTHER, sl_str_eq(c->model, SL_STR("count-tokens")));
    c->vendor = VENDOR_GOOGLE;
    c->stream = stream;
    return true;
}

/* Behind the version. */
static bool find_vertex(struct sim_call *c, struct sl_str path)
{
    c->carrier = CARRIER_VERTEX;
    if (take(&path, SL_STR("projects/"))) {
        sl_str_cut(&path, '/');
        if (path.p == NULL || !take(&path, SL_STR("locations/")))
            return false;
        sl_str_cut(&path, '/');
    }
    if (path.p == NULL)
        return false;
    if (sl_str_eq(path, SL_STR("endpoints/openapi/chat/completions"))) {
        choose(c, &sim_chat, SIM_CHAT, false);
        return true;
    }
    if (take(&path, SL_STR("publishers/google/models/")))
        return find_google(c, path);
    return take(&path, SL_STR("publishers/anthropic/models/")) && find_claude_on_vertex(c, path);
}

static bool find_bedrock(struct sim_call *c, struct sl_str path)
{
    static const struct {
        struct sl_str verb;
        const struct sim_format *format;
        bool stream, count;
    } verbs[] = {
        {SL_STR_INIT("invoke"), &sim_anthropic, false, false},
        {SL_STR_INIT("invoke-with-response-stream"), &sim_claude_frames, true, false},
        {SL_STR_INIT("converse"), &sim_converse, false, false},
        {SL_STR_INIT("converse-stream"), &sim_converse, true, false},
        {SL_STR_INIT("count-tokens"), &sim_bedrock_count, false, true},
    };
    struct sl_str model = sl_str_cut(&path, '/');
    if (path.p == NULL || model.n == 0)
        return false;
    for (size_t i = 0; i < sizeof verbs / sizeof verbs[0]; i++) {
        if (!sl_str_eq(verbs[i].verb, path))
            continue;
        choose(c, verbs[i].format, SIM_OTHER, verbs[i].count);
        c->vendor = VENDOR_AWS;
        c->carrier = CARRIER_BEDROCK;
        c->bedrock_body = i < 2;
        c->stream = verbs[i].stream;
        c->model = sim_unescape(c, model);
        return true;
    }
    return false;
}

static bool find_plain(struct sim_call *c, struct sl_str path)
{
    for (size_t i = 0; i < sizeof plains / sizeof plains[0]; i++) {
        if (!sl_str_eq(plains[i].path, path))
            continue;
        choose(c, plains[i].format, plains[i].kind, plains[i].count);
        return true;
    }
    return false;
}

bool sim_path_find(struct sim_call *c)
{
    struct sl_str path = c->r->path, rest;
    if (c->r->method != HTTP_POST || !take(&path, SL_STR("/")))
        return false;
    if (take(&path, SL_STR("model/")))
        return find_bedrock(c, path);
    if (take(&path, SL_STR("as/"))) { /* a server that is like OpenAI's: chat only */
        c->preset = sim_preset_find(sl_str_cut(&path, '/'));
        if (c->preset == NULL || !sl_str_eq(path, SL_STR("v1/chat/completions")))
            return false;
        choose(c, &sim_chat, SIM_CHAT, false);
        return true;
    }
    if (sl_str_eq(path, SL_STR("api/v3/chat/completions"))) {
        c->preset = sim_preset_find(SL_STR("ark"));
        choose(c, &sim_chat, SIM_CHAT, false);
        return true;
    }
    if (!take(&path, SL_STR("anthropic/")))
        take(&path, SL_STR("openai/"));
    if (take(&path, SL_STR("deployments/"))) {
        c->model = sim_unescape(c, sl_str_cut(&path, '/'));
        return path.p != NULL && find_plain(c, path);
    }
    if (find_plain(c, path))
        return true;
    rest = path;
    struct sl_str version = sl_str_cut(&rest, '/');
    if (rest.p == NULL || version.n < 2 || version.n > 8 || version.p[0] != 'v')
        return false;
    c->version = version;
    if (sl_str_starts(rest, SL_STR("projects/")) || sl_str_starts(rest, SL_STR("publishers/")))
        return find_vertex(c, rest);
    if (take(&rest, SL_STR("models/")))
        return find_google(c, rest);
    return sl_str_eq(version, SL_STR("v1")) && find_plain(c, rest);
}
