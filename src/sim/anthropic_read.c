/* Reads a request of Anthropic's Messages as strictly as the API does: the members at the top (anthropic.md 2.1, 2.2, 2.7 to 2.10).
 * On Bedrock and Vertex the body differs a little (bedrock.md 4.1, 11.2). */
#include "sim/anthropic.h"

#include "base/mem.h"
#include "sim/converse.h"

#define NAME_BYTES_MAX 256u
#define STOP_SEQUENCES_MAX 8191u
#define BUDGET_LEAST 1024

/* ---- models: the table of anthropic.md 2.8; the longest prefix counts ---- */

#define NEWEST (CLAUDE_ADAPTIVE | CLAUDE_OMITS | CLAUDE_EFFORT | CLAUDE_XHIGH)
static const struct claude_model models[] = {
    {SL_STR_INIT("claude-fable-5-"), 128000, NEWEST | CLAUDE_SYSTEM},
    {SL_STR_INIT("claude-mythos-5-"), 128000, NEWEST | CLAUDE_SYSTEM},
    {SL_STR_INIT("claude-fable-5"), 128000, NEWEST | CLAUDE_SYSTEM | CLAUDE_FORCED},
    {SL_STR_INIT("claude-mythos-5"), 128000, NEWEST | CLAUDE_SYSTEM | CLAUDE_FORCED},
    {SL_STR_INIT("claude-opus-5-5"), 128000, NEWEST | CLAUDE_SYSTEM},
    {SL_STR_INIT("claude-sonnet-5-5"), 128000, NEWEST | CLAUDE_BETWEEN},
    {SL_STR_INIT("claude-haiku-5-5"), 128000, NEWEST | CLAUDE_DISABLED | CLAUDE_FORCED},
    {SL_STR_INIT("claude-opus-5"), 128000, NEWEST | CLAUDE_DISABLED | CLAUDE_FORCED | CLAUDE_SYSTEM},
    {SL_STR_INIT("claude-sonnet-5"), 128000, NEWEST | CLAUDE_DISABLED | CLAUDE_FORCED},
    {SL_STR_INIT("claude-opus-4-8"), 128000, NEWEST | CLAUDE_DISABLED | CLAUDE_FORCED | CLAUDE_SYSTEM},
    {SL_STR_INIT("claude-opus-4-7"), 128000, NEWEST | CLAUDE_DISABLED | CLAUDE_FORCED},
    {SL_STR_INIT("claude-opus-4-6"), 128000,
     CLAUDE_ADAPTIVE | CLAUDE_ENABLED | CLAUDE_DISABLED | CLAUDE_SAMPLING | CLAUDE_ONE_OF_TWO | CLAUDE_FORCED |
         CLAUDE_EFFORT},
    {SL_STR_INIT("claude-sonnet-4-6"), 128000,
     CLAUDE_ADAPTIVE | CLAUDE_ENABLED | CLAUDE_DISABLED | CLAUDE_SAMPLING | CLAUDE_ONE_OF_TWO | CLAUDE_FORCED |
         CLAUDE_EFFORT},
    {SL_STR_INIT("claude-opus-4-5"), 64000,
     CLAUDE_ENABLED | CLAUDE_DISABLED | CLAUDE_SAMPLING | CLAUDE_ONE_OF_TWO | CLAUDE_FORCED | CLAUDE_EFFORT |
         CLAUDE_PREFILL},
    {SL_STR_INIT("claude-sonnet-4-5"), 64000,
     CLAUDE_ENABLED | CLAUDE_DISABLED | CLAUDE_SAMPLING | CLAUDE_ONE_OF_TWO | CLAUDE_FORCED | CLAUDE_PREFILL},
    {SL_STR_INIT("claude-haiku-4-5"), 64000,
     CLAUDE_ENABLED | CLAUDE_DISABLED | CLAUDE_SAMPLING | CLAUDE_ONE_OF_TWO | CLAUDE_FORCED | CLAUDE_PREFILL},
    {SL_STR_INIT("claude-3-7"), 128000,
     CLAUDE_ENABLED | CLAUDE_DISABLED | CLAUDE_SAMPLING | CLAUDE_FORCED | CLAUDE_PREFILL},
    {SL_STR_INIT("claude-3-"), 8192, CLAUDE_DISABLED | CLAUDE_SAMPLING | CLAUDE_FORCED | CLAUDE_PREFILL},
    {SL_STR_INIT("claude-"), 128000,
     CLAUDE_ENABLED | CLAUDE_DISABLED | CLAUDE_SAMPLING | CLAUDE_FORCED | CLAUDE_PREFILL},
    {SL_STR_INIT(""), 0,
     CLAUDE_ADAPTIVE | CLAUDE_ENABLED | CLAUDE_DISABLED | CLAUDE_BETWEEN | CLAUDE_SAMPLING | CLAUDE_FORCED |
         CLAUDE_PREFILL | CLAUDE_SYSTEM | CLAUDE_EFFORT | CLAUDE_XHIGH},
};

/* Without "sim-", a region, "anthropic.", "-v1:0". */
static struct sl_str claude_bare_name(struct sl_str model)
{
    ptrdiff_t at = sl_str_find_str(model, SL_STR("claude-"));
    if (at < 0)
        return model;
    model = sl_str_from(model, (size_t)at);
    if (sl_str_ends(model, SL_STR(":0")))
        model.n -= 2;
    if (sl_str_ends(model, SL_STR("-v1")) || sl_str_ends(model, SL_STR("-v2")))
        model.n -= 3;
    return model;
}

const struct claude_model *claude_model_of(struct sl_str model)
{
    const struct claude_model *m = models;
    struct sl_str name = claude_bare_name(model);
    while (!sl_str_starts(name, m->prefix))
        m++;
    return m;
}

/* ---- refusals ---- */

bool claude_no(struct claude_reader *r, const char *format, ...)
{
    va_list ap;
    va_start(ap, format);
    struct sl_str message = sim_vprintf(r->c, format, ap);
    va_end(ap);
    if (r->c->carrier == CARRIER_VERTEX)
        r->c->vendor = VENDOR_ANTHROPIC; /* the model's own words pass through (bedrock.md 11.4) */
    return sim_say_no(r->c, "%s", message.p);
}

bool claude_only(struct claude_reader *r, yyjson_val *obj, const char *const *names, const char *path)
{
    size_t i, max;
    yyjson_val *key, *v;
    yyjson_obj_foreach(sim_members(obj), i, max, key, v)
    {
        const char *const *n = names;
        while (*n != NULL && !yyjson_equals_str(key, *n))
            n++;
        if (*n == NULL)
            return claude_no(r, "%s%s" SL_STR_FMT ": Extra inputs are not permitted", path, path[0] != 0 ? "." : "",
                             SL_STR_ARG(sl_str_head(sim_str(key), 200)));
    }
    return true;
}

/* ---- headers ---- */

static bool has_beta(struct claude_reader *r, yyjson_val *root, struct sl_str beginning)
{
    const struct http_headers *h = &r->c->r->headers;
    yyjson_val *list = yyjson_obj_get(root, "anthropic_beta"), *v;
    size_t i, max;
    yyjson_arr_foreach(list, i, max, v)
    {
        if (sl_str_starts(sim_str(v), beginning))
            return true;
    }
    for (uint32_t k = 0; k < h->n; k++) {
        struct sl_str rest = h->v[k].value;
        if (!sl_str_eq(h->v[k].name, SL_STR("anthropic-beta")))
            continue;
        while (rest.p != NULL) {
            if (sl_str_starts(sl_str_trim(sl_str_cut(&rest, ',')), beginning))
                return true;
        }
    }
    return false;
}

static bool check_version(struct claude_reader *r, yyjson_val *root)
{
    struct sl_str header = SL_STR_NONE, body = sim_str(yyjson_obj_get(root, "anthropic_version"));
    const struct http_header *h = http_headers_find_name(&r->c->r->headers, SL_STR("anthropic-version"));
    if (h != NULL)
        header = h->value;
    struct sl_str version = r->c->carrier == CARRIER_OWN ? header : body;
    if (r->c->carrier != CARRIER_OWN && body.n == 0)
        return claude_no(r, "anthropic_version: Field required");
    if (version.n == 0)
        return claude_no(r, "anthropic-version: header is required");
    r->new_version = sl_str_eq(version, SL_STR("2026-10-21"));
    if (r->new_version && r->c->carrier == CARRIER_BEDROCK && (r->model->flags & CLAUDE_SAMPLING) != 0)
        return claude_no(r,
                         "anthropic_version: Input should be 'bedrock-2023-05-31'"); /* older models do not know it */
    if (r->new_version || sl_str_eq(version, SL_STR("2023-06-01")) || sl_str_eq(version, SL_STR("2023-01-01")))
        return true;
    if (r->c->carrier == CARRIER_BEDROCK && sl_str_eq(version, SL_STR("bedrock-2023-05-31")))
        return true;
    if (r->c->carrier == CARRIER_VERTEX && sl_str_eq(version, SL_STR("vertex-2023-10-16")))
        return true;
    return claude_no(r, "anthropic-version: \"" SL_STR_FMT "\" is not a valid version",
                     SL_STR_ARG(sl_str_head(version, 100)));
}

/* ---- members ---- */

/* Members that a beta header has to announce (anthropic.md 2.2). */
static const struct {
    const char *member;
    struct sl_str beta;
} paired[] = {
    {"context_management", SL_STR_INIT("context-management-")},
    {"compaction", SL_STR_INIT("compact-2026-09-04")},
    {"mcp_servers", SL_STR_INIT("mcp-client-")},
    {"fallbacks", SL_STR_INIT("server-side-fallback-")},
    {"fallback_credit_token", SL_STR_INIT("fallback-credit-")},
    {"thread", SL_STR_INIT("message-threads-")},
    {"billing_policy", SL_STR_INIT("user-profiles-")},
    {"output_format", SL_STR_INIT("structured-outputs-")},
    {"safeguards", SL_STR_INIT("dangerous-tool-use-")},
    {"diagnostics", SL_STR_INIT("cache-diagnosis-")},
};

static bool is_paired(struct claude_reader *r, yyjson_val *root, yyjson_val *key)
{
    for (size_t i = 0; i < sizeof paired / sizeof paired[0]; i++) {
        if (yyjson_equals_str(key, paired[i].member))
            return has_beta(r, root, paired[i].beta);
    }
    return false;
}

static bool is_of_carrier(const struct claude_reader *r, yyjson_val *key)
{
    switch (r->c->carrier) {
    case CARRIER_OWN:
        return yyjson_equals_str(key, "model") || (!r->counts && yyjson_equals_str(key, "stream"));
    case CARRIER_VERTEX: /* count-tokens has no other place for the model */
        return yyjson_equals_str(key, "anthropic_version") || yyjson_equals_str(key, r->counts ? "model" : "stream");
    case CARRIER_BEDROCK:
        return yyjson_equals_str(key, "anthropic_version") || yyjson_equals_str(key, "anthropic_beta");
    }
    return false;
}

static bool check_members(struct claude_reader *r, yyjson_val *root)
{
    static const char *const both[] = {"messages", "system",        "tools",         "tool_choice",
                                       "thinking", "output_config", "cache_control", "speed"};
    static const char *const create[] = {"max_tokens", "stop_sequences", "temperature",   "top_p",    "top_k",
                                         "metadata",   "service_tier",   "inference_geo", "container"};
    size_t i, max;
    yyjson_val *key, *v;
    yyjson_obj_foreach(sim_members(root), i, max, key, v)
    {
        bool known = is_of_carrier(r, key) || is_paired(r, root, key);
        for (size_t k = 0; !known && k < sizeof both / sizeof both[0]; k++)
            known = yyjson_equals_str(key, both[k]);
        for (size_t k = 0; !known && !r->counts && k < sizeof create / sizeof create[0]; k++)
            known = yyjson_equals_str(key, create[k]);
        if (known && r->c->carrier == CARRIER_BEDROCK && yyjson_equals_str(key, "cache_control"))
            known = false; /* not at the top: bedrock.md 4.1 */
        if (!known)
            return claude_no(r, SL_STR_FMT ": Extra inputs are not permitted",
                             SL_STR_ARG(sl_str_head(sim_str(key), 200)));
    }
    return true;
}

static bool read_model(struct claude_reader *r, yyjson_val *root)
{
    struct sim_call *c = r->c;
    yyjson_val *model = yyjson_obj_get(root, "model");
    bool in_path = c->carrier == CARRIER_BEDROCK || (c->carrier == CARRIER_VERTEX && !r->counts);
    if (!yyjson_is_obj(root))
        return claude_no(r, "The request body is not valid JSON: expected an object");
    if (!in_path && !sim_is_there(model))
        return claude_no(r, "model: Field required");
    if (!in_path && (!yyjson_is_str(model) || yyjson_get_len(model) == 0))
        return claude_no(r, "model: Input should be a valid string");
    if (!in_path)
        c->model = sl_arena_str(c->s->arena, sim_str(model));
    if (c->model.n > NAME_BYTES_MAX)
        return claude_no(r, "model: String should have at most 256 characters");
    r->model = claude_model_of(c->model);
    return true;
}

static bool read_max_tokens(struct claude_reader *r, yyjson_val *root)
{
    yyjson_val *v = yyjson_obj_get(root, "max_tokens");
    if (r->counts)
        return true;
    if (!sim_is_there(v))
        return claude_no(r, "max_tokens: Field required");
    if (!yyjson_is_int(v))
        return claude_no(r, "max_tokens: Input should be a valid integer");
    if (yyjson_get_sint(v) < 1)
        return claude_no(r, "max_tokens: Input should be greater than or equal to 1");
    if (r->model->max_tokens > 0 && yyjson_get_uint(v) > r->model->max_tokens)
        return claude_no(r,
                         "max_tokens: %llu > %u, which is the maximum allowed number of output tokens for " SL_STR_FMT,
                         (unsigned long long)yyjson_get_uint(v), r->model->max_tokens, SL_STR_ARG(r->c->model));
    r->a->limit = yyjson_get_uint(v);
    return true;
}

static bool read_stops(struct claude_reader *r, yyjson_val *root)
{
    yyjson_val *stops = yyjson_obj_get(root, "stop_sequences"), *s;
    size_t i, max;
    if (sim_is_there(stops) && (!yyjson_is_arr(stops) || yyjson_arr_size(stops) > STOP_SEQUENCES_MAX))
        return claude_no(r, "stop_sequences: Input should be a valid list");
    yyjson_arr_foreach(stops, i, max, s)
    {
        struct sl_str text = sim_str(s), rest = text;
        if (!yyjson_is_str(s))
            return claude_no(r, "stop_sequences.%llu: Input should be a valid string", (unsigned long long)i);
        while (rest.n > 0 && sl_is_blank(rest.p[0]))
            rest = sl_str_from(rest, 1);
        if (rest.n == 0)
            return claude_no(r, "stop_sequences: each stop sequence must contain non-whitespace");
        sim_ask_stop(r->a, text);
    }
    return true;
}

/* ---- sampling: anthropic.md 2.10 ---- */

static bool check_number(struct claude_reader *r, yyjson_val *v, const char *name)
{
    if (!sim_is_there(v))
        return true;
    if (!yyjson_is_num(v))
        return claude_no(r, "%s: Input should be a valid number", name);
    if (yyjson_get_num(v) < 0)
        return claude_no(r, "%s: Input should be greater than or equal to 0", name);
    if (yyjson_get_num(v) > 1)
        return claude_no(r, "%s: range: 0..1", name);
    return true;
}

static bool check_sampling_with_thinking(struct claude_reader *r, yyjson_val *temperature, yyjson_val *top_p,
                                         yyjson_val *top_k)
{
    if (sim_is_there(temperature) && yyjson_get_num(temperature) < 1)
        return claude_no(r, "`temperature` may only be set to 1 when thinking is enabled.");
    if (sim_is_there(top_k))
        return claude_no(r, "`top_k` must be unset when thinking is enabled.");
    if (sim_is_there(top_p) && yyjson_get_num(top_p) < 0.95)
        return claude_no(r, "`top_p` must be greater than or equal to 0.95 or unset when thinking is enabled.");
    return true;
}

static bool check_sampling(struct claude_reader *r, yyjson_val *root)
{
    static const char *const names[] = {"temperature", "top_p", "top_k"};
    yyjson_val *temperature = yyjson_obj_get(root, "temperature"), *top_p = yyjson_obj_get(root, "top_p"),
               *top_k = yyjson_obj_get(root, "top_k");
    for (size_t i = 0; i < 3; i++) {
        if (r->new_version && yyjson_obj_get(root, names[i]) != NULL)
            return claude_no(r, "%s: Extra inputs are not permitted", names[i]);
    }
    if (!check_number(r, temperature, "temperature") || !check_number(r, top_p, "top_p"))
        return false;
    if (sim_is_there(top_k) && !yyjson_is_uint(top_k))
        return claude_no(r, "top_k: Input should be greater than or equal to 0");
    if ((r->model->flags & CLAUDE_SAMPLING) == 0) {
        bool fine = (!sim_is_there(temperature) || !(yyjson_get_num(temperature) < 1)) &&
                    (!sim_is_there(top_p) || !(yyjson_get_num(top_p) < 0.99)) && !sim_is_there(top_k);
        if (!fine)
            return claude_no(r, "`temperature`, `top_p` and `top_k` are not supported for this model.");
    }
    if ((r->model->flags & CLAUDE_ONE_OF_TWO) != 0 && sim_is_there(temperature) && sim_is_there(top_p))
        return claude_no(r, "`temperature` and `top_p` cannot both be specified for this model. Please use only one.");
    return r->a->think != THINK_ON || check_sampling_with_thinking(r, temperature, top_p, top_k);
}

/* ---- thinking and effort: anthropic.md 2.8 ---- */

static bool read_budget(struct claude_reader *r, yyjson_val *thinking)
{
    yyjson_val *budget = yyjson_obj_get(thinking, "budget_tokens");
    r->manual = true;
    if (!sim_is_there(budget))
        return claude_no(r, "thinking.enabled.budget_tokens: Field required");
    if (!yyjson_is_int(budget) || yyjson_get_sint(budget) < BUDGET_LEAST)
        return claude_no(r, "thinking.enabled.budget_tokens: Input should be greater than or equal to 1024");
    if (!r->counts && yyjson_get_uint(budget) >= r->a->limit)
        return claude_no(r, "`max_tokens` must be greater than `thinking.budget_tokens`.");
    return true;
}

static bool read_thinking(struct claude_reader *r, yyjson_val *root)
{
    static const char *const members[] = {"type", "budget_tokens", "display", "block_binding", NULL};
    static const struct {
        struct sl_str type;
        unsigned flag;
        enum sim_think think;
    } types[] = {
        {SL_STR_INIT("enabled"), CLAUDE_ENABLED, THINK_ON},
        {SL_STR_INIT("adaptive"), CLAUDE_ADAPTIVE, THINK_ON},
        {SL_STR_INIT("disabled"), CLAUDE_DISABLED, THINK_OFF},
        {SL_STR_INIT("between_tools"), CLAUDE_BETWEEN, THINK_OFF},
    };
    yyjson_val *thinking = yyjson_obj_get(root, "thinking");
    struct sl_str type = sim_str(yyjson_obj_get(thinking, "type")),
                  display = sim_str(yyjson_obj_get(thinking, "display"));
    bool omits = (r->model->flags & CLAUDE_OMITS) != 0;
    size_t i = 0;
    if (display.n > 0)
        omits = sl_str_eq(display, SL_STR("omitted"));
    r->a->show = omits ? SHOW_EMPTY : SHOW_TEXT;
    if (!sim_is_there(thinking))
        return true;
    if (!yyjson_is_obj(thinking))
        return claude_no(r, "thinking: Input should be a valid dictionary");
    if (!claude_only(r, thinking, members, "thinking"))
        return false;
    while (i < 4 && !sl_str_eq(types[i].type, type))
        i++;
    if (i == 4)
        return claude_no(r,
                         "thinking: Input tag '" SL_STR_FMT "' found using 'type' does not match any of the expected "
                         "tags: 'adaptive', 'disabled', 'enabled'",
                         SL_STR_ARG(sl_str_head(type, 100)));
    if (display.n > 0 && !omits && !sl_str_eq(display, SL_STR("summarized")) && !sl_str_eq(display, SL_STR("updates")))
        return claude_no(r, "thinking." SL_STR_FMT ".display: Input should be 'summarized' or 'omitted'",
                         SL_STR_ARG(type));
    if ((r->model->flags & types[i].flag) == 0)
        return types[i].flag == CLAUDE_ADAPTIVE
                   ? claude_no(r, "adaptive thinking is not supported on this model")
                   : claude_no(r, "thinking.type." SL_STR_FMT " is not supported for this model", SL_STR_ARG(type));
    r->a->think = types[i].think;
    return types[i].flag != CLAUDE_ENABLED || read_budget(r, thinking);
}

static bool read_effort(struct claude_reader *r, yyjson_val *config)
{
    static const char *const efforts[] = {"low", "medium", "high", "max", "xhigh"};
    yyjson_val *effort = yyjson_obj_get(config, "effort");
    size_t i = 0;
    if (!sim_is_there(effort))
        return true;
    if ((r->model->flags & CLAUDE_EFFORT) == 0)
        return claude_no(r, "output_config.effort: This model does not support the effort parameter.");
    while (i < 5 && !yyjson_equals_str(effort, efforts[i]))
        i++;
    if (i == 5)
        return claude_no(r, "output_config.effort: Input should be 'low', 'medium', 'high', 'xhigh' or 'max'");
    if (i == 4 && (r->model->flags & CLAUDE_XHIGH) == 0)
        return claude_no(r,
                         "This model does not support effort level 'xhigh'. Supported levels: high, low, max, medium.");
    return true;
}

/* ---- structured output: anthropic.md 2.9 ---- */

static bool read_format(struct claude_reader *r, yyjson_val *format)
{
    static const char *const members[] = {"type", "schema", NULL};
    yyjson_val *schema = yyjson_obj_get(format, "schema");
    if (!sim_is_there(format))
        return true;
    if (!claude_only(r, format, members, "output_config.format"))
        return false;
    if (!yyjson_equals_str(yyjson_obj_get(format, "type"), "json_schema"))
        return claude_no(r, "output_config.format.type: Input should be 'json_schema'");
    if (!yyjson_is_obj(schema))
        return claude_no(r, "output_config.format.schema: Field required");
    r->a->wants_json = true;
    r->a->schema = schema;
    return claude_tool_schema(r, schema, "output_config.format.schema");
}

static bool read_output_config(struct claude_reader *r, yyjson_val *root)
{
    static const char *const members[] = {"effort", "format", NULL};
    static const char *const with_budget[] = {"effort", "format", "task_budget", NULL};
    yyjson_val *config = yyjson_obj_get(root, "output_config");
    bool budget = has_beta(r, root, SL_STR("task-budgets-"));
    if (sim_is_there(yyjson_obj_get(root, "output_format")) && !read_format(r, yyjson_obj_get(root, "output_format")))
        return false;
    if (!sim_is_there(config))
        return true;
    if (!claude_only(r, config, budget ? with_budget : members, "output_config"))
        return false;
    return read_effort(r, config) && read_format(r, yyjson_obj_get(config, "format"));
}

/* ---- the rest ---- */

static bool read_small(struct claude_reader *r, yyjson_val *root)
{
    static const char *const metadata_members[] = {"user_id", NULL};
    yyjson_val *metadata = yyjson_obj_get(root, "metadata"), *tier = yyjson_obj_get(root, "service_tier"),
               *stream = yyjson_obj_get(root, "stream");
    bool hour = false, marked = false;
    if (sim_is_there(metadata) && !claude_only(r, metadata, metadata_members, "metadata"))
        return false;
    if (sim_is_there(tier) && !yyjson_equals_str(tier, "auto") && !yyjson_equals_str(tier, "standard_only"))
        return claude_no(r, "service_tier: Input should be 'auto' or 'standard_only'");
    if (sim_is_there(stream) && !yyjson_is_bool(stream))
        return claude_no(r, "stream: Input should be a valid boolean");
    if (r->c->carrier != CARRIER_BEDROCK)
        r->c->stream = yyjson_get_bool(stream);
    if (!claude_cache_control(r, root, "", &marked, &hour))
        return false;
    r->auto_mark = marked;
    return true;
}

/* The dated id that answers for an alias. */
static struct sl_str snapshot_of(struct sim_call *c)
{
    static const struct {
        struct sl_str alias, snapshot;
    } rows[] = {
        {SL_STR_INIT("claude-haiku-4-5"), SL_STR_INIT("claude-haiku-4-5-20251001")},
        {SL_STR_INIT("claude-sonnet-4-5"), SL_STR_INIT("claude-sonnet-4-5-20250929")},
        {SL_STR_INIT("claude-opus-4-5"), SL_STR_INIT("claude-opus-4-5-20251101")},
    };
    struct sl_str name = claude_bare_name(c->model);
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        if (sl_str_eq(rows[i].alias, name))
            return rows[i].snapshot;
    }
    char *p = sl_arena_cstr(c->s->arena, name);
    for (size_t i = 0; i < name.n; i++) /* Vertex: claude-opus-4-1@20250805 */
        p[i] = p[i] == '@' ? '-' : p[i];
    return sl_str_of(p, name.n);
}

static bool finish(struct claude_reader *r)
{
    struct sim_call *c = r->c;
    uint32_t read, five, hour;
    if (r->auto_mark)
        sim_marks_break(&r->marks, false);
    sim_marks_settle(&r->marks, &read, &five, &hour);
    c->cached = read;
    c->written = five + hour;
    c->written_1h = hour;
    c->snapshot = snapshot_of(c);
    return true;
}

bool claude_read(struct sim_ask *a, yyjson_val *root)
{
    struct claude_reader reader = {.a = a, .c = a->c, .counts = a->c->count && a->c->format == &sim_anthropic},
                         *r = &reader;
    a->own_cache = true;
    if (!read_model(r, root) || !check_version(r, root) || !check_members(r, root))
        return false;
    if (a->c->carrier == CARRIER_BEDROCK && !bedrock_check_model(a->c))
        return false;
    r->marked = sl_str_find_str(a->raw, SL_STR("cache_control")) >= 0;
    sim_marks_begin(&r->marks, a->c->sim, a->c->model);
    return read_max_tokens(r, root) && read_stops(r, root) && read_thinking(r, root) && check_sampling(r, root) &&
           claude_read_tools(r, yyjson_obj_get(root, "tools"), yyjson_obj_get(root, "tool_choice")) &&
           claude_read_system(r, yyjson_obj_get(root, "system")) &&
           claude_read_messages(r, yyjson_obj_get(root, "messages")) && read_output_config(r, root) &&
           read_small(r, root) && finish(r);
}
