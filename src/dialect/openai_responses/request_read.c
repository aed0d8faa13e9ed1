/* A request as neutral form: the members at the top. Items of `input` are read by input_read.c, tools by tools_read.c. */
#include "dialect/openai_responses/openai_responses.h"

#include <stdio.h>

#include "dialect/effort.h"
#include "dialect/openai_responses/reading.h"
#include "dialect/within.h"

#define PATH_BYTES 192
#define PATH_DEPTH 12u

/* Gives how long it is. text: PATH_BYTES. */
static size_t place_text(const struct place *at, char *text)
{
    const struct place *places[PATH_DEPTH];
    size_t depth = 0, n = 0;
    text[0] = 0;
    for (; at != NULL && depth < PATH_DEPTH; at = at->in)
        places[depth++] = at;
    while (depth > 0 && n < PATH_BYTES) {
        const struct place *p = places[--depth];
        int wrote = p->name != NULL ? snprintf(text + n, PATH_BYTES - n, "%s%s", n > 0 ? "." : "", p->name)
                                    : snprintf(text + n, PATH_BYTES - n, "[%u]", p->index);
        n += wrote > 0 ? (size_t)wrote : 0;
    }
    return n < PATH_BYTES ? n : PATH_BYTES - 1;
}

struct sl_str reading_place(const struct reading *r, const struct place *at)
{
    char text[PATH_BYTES];
    size_t n = place_text(at, text);
    return sl_arena_str(r->a, sl_str_of(text, n));
}

void reading_rest(struct reading *r, const struct json_node *of, const char *known, const struct place *at)
{
    char place[PATH_BYTES];
    if (!within_any(&r->t, of, known))
        return;
    place_text(at, place);
    within_read(r->r, r->a, &r->t, of, known, "%s", place);
}

bool reading_refuse(struct reading *r, enum gateway_error e, const struct place *at, const char *what)
{
    struct sl_str path = reading_place(r, at);
    r->refusal->error = (struct error_facts){.error = e, .param = path};
    r->refusal->error.message = sl_arena_printf(r->a, "'" SL_STR_FMT "' %s.", SL_STR_ARG(path), what);
    return false;
}

bool reading_text(struct reading *r, const struct json_node *of, const char *name, const struct place *at,
                  enum reading_need need, struct sl_str *out)
{
    const struct json_node *v = json_got(&r->t, of, sl_str_c(name));
    if (v == NULL && need == MAY_LACK)
        return true;
    if (v == NULL)
        return reading_refuse(r, GE_MEMBER_MISSING, PLACE(at, name), "is missing");
    if (v->kind != JSON_STRING)
        return reading_refuse(r, GE_MEMBER_TYPE, PLACE(at, name), "must be a string");
    *out = json_inside_of(&r->t, v);
    return true;
}

/* -- Single members -------------------------------------------------------------------------------------------------- */

typedef bool member_f(struct reading *r, const struct json_node *v, const struct place *at);

static bool take_string(struct reading *r, const struct json_node *v, const struct place *at, struct sl_str *to)
{
    if (v->kind != JSON_STRING)
        return reading_refuse(r, GE_MEMBER_TYPE, at, "must be a string");
    *to = json_inside_of(&r->t, v);
    return true;
}

static bool take_number(struct reading *r, const struct json_node *v, const struct place *at, struct sl_str *to)
{
    if (v->kind != JSON_NUMBER)
        return reading_refuse(r, GE_MEMBER_TYPE, at, "must be a number");
    *to = json_raw_of(&r->t, v);
    return true;
}

static bool take_bool(struct reading *r, const struct json_node *v, const struct place *at, enum said *to)
{
    if (v->kind != JSON_TRUE && v->kind != JSON_FALSE)
        return reading_refuse(r, GE_MEMBER_TYPE, at, "must be true or false");
    *to = v->kind == JSON_TRUE ? SAID_YES : SAID_NO;
    return true;
}

static bool take_count(struct reading *r, const struct json_node *v, const struct place *at, uint64_t least,
                       uint64_t *to)
{
    if (v->kind != JSON_NUMBER)
        return reading_refuse(r, GE_MEMBER_TYPE, at, "must be a whole number");
    if (!json_u64_of(&r->t, v, to) || *to < least)
        return reading_refuse(r, GE_MEMBER_VALUE, at, "is no count that can be");
    return true;
}

static bool on_model(struct reading *r, const struct json_node *v, const struct place *at)
{
    struct sl_str inside = SL_STR_NONE;
    if (!take_string(r, v, at, &inside))
        return false;
    r->r->model = json_plain(inside, r->a);
    return true;
}

static bool on_stream(struct reading *r, const struct json_node *v, const struct place *at)
{
    enum said said = SAID_NOTHING;
    if (!take_bool(r, v, at, &said))
        return false;
    r->r->stream = said == SAID_YES;
    return true;
}

static bool on_instructions(struct reading *r, const struct json_node *v, const struct place *at)
{
    struct neutral_part *parts = NULL;
    if (!reading_content(r, v, at, &parts))
        return false;
    struct turn *turn = SL_ARENA_NEW(r->a, struct turn);
    turn->m.role = NR_SYSTEM;
    turn->m.index = NEUTRAL_APART;
    turn->m.parts = parts;
    if (parts == NULL || (parts->kind == NP_TEXT && parts->text.n == 0 && parts->next == NULL))
        return true;           /* "": nothing */
    r->first = r->last = turn; /* `input` is read when all members are known */
    return true;
}

static bool on_input(struct reading *r, const struct json_node *v, const struct place *at)
{
    (void)at;
    r->input = v;
    return true;
}

static bool on_max_output(struct reading *r, const struct json_node *v, const struct place *at)
{
    return take_count(r, v, at, 1, &r->r->max_output);
}

static bool on_max_tool_calls(struct reading *r, const struct json_node *v, const struct place *at)
{
    uint64_t n = 0;
    if (!take_count(r, v, at, 0, &n))
        return false;
    r->r->max_tool_calls = n > UINT32_MAX ? UINT32_MAX : (uint32_t)n;
    return true;
}

static bool on_top_logprobs(struct reading *r, const struct json_node *v, const struct place *at)
{
    uint64_t n = 0;
    if (!take_count(r, v, at, 0, &n))
        return false;
    r->r->top_logprobs = n > UINT32_MAX ? UINT32_MAX : (uint32_t)n;
    return true;
}

static bool on_temperature(struct reading *r, const struct json_node *v, const struct place *at)
{
    return take_number(r, v, at, &r->r->temperature);
}

static bool on_top_p(struct reading *r, const struct json_node *v, const struct place *at)
{
    return take_number(r, v, at, &r->r->top_p);
}

static bool on_parallel(struct reading *r, const struct json_node *v, const struct place *at)
{
    return take_bool(r, v, at, &r->r->choice.parallel);
}

static bool on_store(struct reading *r, const struct json_node *v, const struct place *at)
{
    return take_bool(r, v, at, &r->r->store);
}

static bool on_background(struct reading *r, const struct json_node *v, const struct place *at)
{
    enum said said = SAID_NOTHING;
    if (!take_bool(r, v, at, &said))
        return false;
    r->r->background = said == SAID_YES;
    return true;
}

static bool on_tools(struct reading *r, const struct json_node *v, const struct place *at)
{
    return reading_tools(r, v, at);
}

static bool on_tool_choice(struct reading *r, const struct json_node *v, const struct place *at)
{
    (void)at;
    return reading_choice(r, v);
}

static bool on_metadata(struct reading *r, const struct json_node *v, const struct place *at)
{
    if (v->kind != JSON_OBJECT)
        return reading_refuse(r, GE_MEMBER_TYPE, at, "must be an object");
    r->r->metadata = json_raw_of(&r->t, v);
    return true;
}

static bool on_include(struct reading *r, const struct json_node *v, const struct place *at)
{
    if (v->kind != JSON_ARRAY)
        return reading_refuse(r, GE_MEMBER_TYPE, at, "must be a list");
    r->r->include = json_raw_of(&r->t, v);
    for (JSON_EACH(&r->t, v, it))
        if (json_text_is(&r->t, it, SL_STR("message.output_text.logprobs")))
            r->r->logprobs = SAID_YES;
    return true;
}

static bool on_service_tier(struct reading *r, const struct json_node *v, const struct place *at)
{
    return take_string(r, v, at, &r->r->service_tier);
}

static bool on_cache_key(struct reading *r, const struct json_node *v, const struct place *at)
{
    return take_string(r, v, at, &r->r->prompt_cache_key);
}

static bool on_user(struct reading *r, const struct json_node *v, const struct place *at)
{
    struct sl_str user = SL_STR_NONE;
    if (!take_string(r, v, at, &user))
        return false;
    if (r->r->user.n == 0) /* safety_identifier goes first */
        r->r->user = user;
    return true;
}

static bool on_safety_identifier(struct reading *r, const struct json_node *v, const struct place *at)
{
    return take_string(r, v, at, &r->r->user);
}

static bool on_reasoning(struct reading *r, const struct json_node *v, const struct place *at)
{
    struct neutral_reasoning *to = &r->r->reasoning;
    if (v->kind != JSON_OBJECT)
        return reading_refuse(r, GE_MEMBER_TYPE, at, "must be an object");
    struct sl_str effort = SL_STR_NONE, summary = SL_STR_NONE;
    if (!reading_text(r, v, "effort", at, MAY_LACK, &effort) || !reading_text(r, v, "summary", at, MAY_LACK, &summary))
        return false;
    if (summary.n == 0 && !reading_text(r, v, "generate_summary", at, MAY_LACK, &summary))
        return false;
    reading_rest(r, v, "effort summary generate_summary", at);
    to->effort = effort_of(effort);
    if (effort.n > 0 && to->effort == EFFORT_UNSAID)
        return reading_refuse(r, GE_MEMBER_VALUE, PLACE(at, "effort"), "is no effort that we know");
    to->summary = summary;
    to->visible = summary.n > 0 ? SAID_YES : SAID_NOTHING;
    return true;
}

static bool read_format(struct reading *r, const struct json_node *v, const struct place *at)
{
    if (v->kind != JSON_OBJECT)
        return reading_refuse(r, GE_MEMBER_TYPE, at, "must be an object");
    const struct json_node *type = json_get(&r->t, v, SL_STR("type"));
    struct neutral_request *to = r->r;
    if (json_text_is(&r->t, type, SL_STR("text"))) {
        to->format = NF_TEXT;
    } else if (json_text_is(&r->t, type, SL_STR("json_object"))) {
        to->format = NF_JSON_OBJECT;
    } else if (json_text_is(&r->t, type, SL_STR("json_schema"))) {
        to->format = NF_JSON_SCHEMA;
        const struct json_node *schema = json_got(&r->t, v, SL_STR("schema"));
        if (json_kind_of(schema) != JSON_OBJECT)
            return reading_refuse(r, GE_MEMBER_TYPE, PLACE(at, "schema"), "must be an object");
        to->schema = json_raw_of(&r->t, schema);
        const struct json_node *strict = json_got(&r->t, v, SL_STR("strict"));
        if (strict != NULL && !take_bool(r, strict, PLACE(at, "strict"), &to->schema_strict))
            return false;
        return reading_text(r, v, "name", at, MAY_LACK, &to->schema_name) &&
               reading_text(r, v, "description", at, MAY_LACK, &to->schema_description);
    } else {
        return reading_refuse(r, GE_MEMBER_VALUE, PLACE(at, "type"), "is no format that we know");
    }
    return true;
}

static bool on_text(struct reading *r, const struct json_node *v, const struct place *at)
{
    if (v->kind != JSON_OBJECT)
        return reading_refuse(r, GE_MEMBER_TYPE, at, "must be an object");
    const struct json_node *format = json_got(&r->t, v, SL_STR("format"));
    reading_rest(r, v, "format verbosity", at);
    return (format == NULL || read_format(r, format, PLACE(at, "format"))) &&
           reading_text(r, v, "verbosity", at, MAY_LACK, &r->r->verbosity);
}

static bool add_unknown(struct reading *r, const struct json_node *v)
{
    struct neutral_member *m = SL_ARENA_NEW(r->a, struct neutral_member);
    *m = (struct neutral_member){.name = json_key_of(&r->t, v), .raw = json_raw_of(&r->t, v), .next = r->r->unknown};
    r->r->unknown = m; /* turned round at the end */
    return true;
}

static bool on_truncation(struct reading *r, const struct json_node *v, const struct place *at)
{
    (void)at;
    return json_text_is(&r->t, v, SL_STR("disabled")) || add_unknown(r, v);
}

/* What only a store can answer. The gateway's own store puts the items into `input` before the body is read here (openai_responses.h). */
static bool on_stored(struct reading *r, const struct json_node *v, const struct place *at)
{
    (void)v;
    return reading_refuse(r, GE_UNSUPPORTED, at, "refers to what is stored elsewhere: send the whole input instead");
}

static bool on_ours(struct reading *r, const struct json_node *v, const struct place *at)
{
    (void)r, (void)v, (void)at;
    return true;
}

enum echoed {
    SILENT = 0,
    ECHOED
};

static const struct {
    struct sl_str name;
    member_f *read;
    enum echoed echo;
} members[] = {
    {SL_STR_INIT("model"), on_model, SILENT},
    {SL_STR_INIT("stream"), on_stream, SILENT},
    {SL_STR_INIT("stream_options"), on_ours, SILENT}, /* only obfuscation, which we do not do */
    {SL_STR_INIT("instructions"), on_instructions, ECHOED},
    {SL_STR_INIT("input"), on_input, SILENT},
    {SL_STR_INIT("max_output_tokens"), on_max_output, ECHOED},
    {SL_STR_INIT("max_tool_calls"), on_max_tool_calls, ECHOED},
    {SL_STR_INIT("temperature"), on_temperature, ECHOED},
    {SL_STR_INIT("top_p"), on_top_p, ECHOED},
    {SL_STR_INIT("top_logprobs"), on_top_logprobs, ECHOED},
    {SL_STR_INIT("parallel_tool_calls"), on_parallel, ECHOED},
    {SL_STR_INIT("store"), on_store, ECHOED},
    {SL_STR_INIT("background"), on_background, ECHOED},
    {SL_STR_INIT("tools"), on_tools, ECHOED},
    {SL_STR_INIT("tool_choice"), on_tool_choice, ECHOED},
    {SL_STR_INIT("metadata"), on_metadata, ECHOED},
    {SL_STR_INIT("include"), on_include, SILENT},
    {SL_STR_INIT("service_tier"), on_service_tier, SILENT},
    {SL_STR_INIT("prompt_cache_key"), on_cache_key, ECHOED},
    {SL_STR_INIT("user"), on_user, ECHOED},
    {SL_STR_INIT("safety_identifier"), on_safety_identifier, ECHOED},
    {SL_STR_INIT("reasoning"), on_reasoning, ECHOED},
    {SL_STR_INIT("text"), on_text, ECHOED},
    {SL_STR_INIT("truncation"), on_truncation, ECHOED},
    {SL_STR_INIT("previous_response_id"), on_stored, SILENT},
    {SL_STR_INIT("conversation"), on_stored, SILENT},
    {SL_STR_INIT("prompt"), on_stored, SILENT},
    {SL_STR_INIT("task"), on_ours, SILENT},
    {SL_STR_INIT("route"), on_ours, SILENT},
    {SL_STR_INIT("models"), on_ours, SILENT},
    {SL_STR_INIT("fallback"), on_ours, SILENT},
};
#define MEMBERS (sizeof members / sizeof members[0])

static void echo(struct reading *r, const struct json_node *v, struct sl_str name)
{
    struct neutral_member *m = SL_ARENA_NEW(r->a, struct neutral_member);
    *m = (struct neutral_member){.name = name, .raw = json_raw_of(&r->t, v), .next = r->r->echo};
    r->r->echo = m;
}

static bool read_member(struct reading *r, const struct json_node *v)
{
    if (v->kind == JSON_NULL)
        return true;
    for (size_t i = 0; i < MEMBERS; i++) {
        if (!json_key_is(&r->t, v, members[i].name))
            continue;
        if (members[i].echo == ECHOED)
            echo(r, v, members[i].name);
        return members[i].read(r, v, PLACE(NULL, members[i].name.p));
    }
    return add_unknown(r, v);
}

static bool read_all(struct reading *r)
{
    const struct json_node *root = json_root(&r->t);
    if (json_kind_of(root) != JSON_OBJECT) {
        r->refusal->error.error = GE_BODY_NOT_OBJECT;
        return false;
    }
    for (JSON_EACH(&r->t, root, it))
        if (!read_member(r, it))
            return false;
    if (r->input == NULL)
        return reading_refuse(r, GE_MEMBER_MISSING, PLACE(NULL, "input"), "is missing");
    if (!reading_input(r))
        return false;
    r->r->messages = r->first != NULL ? &r->first->m : NULL;
    struct neutral_member *turned = NULL;
    for (struct neutral_member *m = r->r->unknown, *next; m != NULL; m = next) {
        next = m->next;
        m->next = turned;
        turned = m;
    }
    r->r->unknown = turned;
    return true;
}

bool responses_request_read(enum operation op, struct sl_str body, struct sl_arena *a, struct neutral_request *out,
                            struct request_refusal *out_refusal)
{
    (void)op;
    *out_refusal = (struct request_refusal){.at = 0};
    out->from = &openai_responses_dialect;
    out->n = 1;
    out->reasoning.budget = -1;
    struct reading r = {.a = a, .r = out, .refusal = out_refusal};
    if (!json_tree_read(&r.t, body, a)) {
        out_refusal->error.error = r.t.status == JSON_TOO_DEEP   ? GE_BODY_TOO_DEEP
                                   : r.t.status == JSON_BAD_UTF8 ? GE_BODY_UTF8
                                                                 : GE_BODY_INVALID;
        out_refusal->at = r.t.bad_at;
        return false;
    }
    sl_map_init(&r.calls);
    sl_map_init(&r.tools);
    bool good = read_all(&r);
    sl_map_done(&r.calls);
    sl_map_done(&r.tools);
    return good;
}
