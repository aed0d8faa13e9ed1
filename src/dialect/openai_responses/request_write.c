/* A request of any client for a provider that speaks Responses (translate-openai-anthropic.md section 10; openai.md 7.9). Stateless
 * always: store is false, and encrypted reasoning is asked for so that the client can carry it. */
#include "dialect/openai_responses/openai_responses.h"

#include "dialect/effort.h"
#include "dialect/json_tree.h"
#include "dialect/openai_responses/writing.h"
#include "dialect/schema_strict.h"
#include "dialect/stop_match.h"
#include "dialect/terms.h"
#include "dialect/unsaid.h"

#define OUTPUT_LEAST 16u /* openai.md 7.2 */

bool writing_refuses(struct writing *w, bool harmful, struct sl_str what, const char *how)
{
    return translation_refuses(w->t, harmful, what, how, w->refusal);
}

/* -- Wishes that this API has no member for -------------------------------------------------------------------------- */

#define UNSAID                                                                                                         \
    (WISH_N | WISH_AUDIO | WISH_IMAGE | WISH_TOP_K | WISH_SEED | WISH_PENALTIES | WISH_LOGIT_BIAS | WISH_SAFETY |      \
     WISH_STATE | WISH_STORE)

/* The reader of the answer looks for them (stop_match.h), but for those that nobody could mean. */
static bool refuses_stops(struct writing *w)
{
    bool too_long = false;
    for (uint32_t i = 0; i < w->req->n_stops; i++) {
        w->t->stops_kept_back += w->req->stops[i].n > 0 && w->req->stops[i].n <= STOP_MATCH_BYTES;
        too_long = too_long || w->req->stops[i].n > STOP_MATCH_BYTES;
    }
    return too_long && writing_refuses(w, false, term_of(w->req, TERM_STOP), "");
}

static bool refuses_unsayable(struct writing *w)
{
    const struct neutral_request *req = w->req;
    if (unsaid_refuses(w->t, UNSAID, w->refusal))
        return true;
    for (const struct neutral_member *m = w->own ? NULL : req->unknown; m != NULL; m = m->next)
        if (writing_refuses(w, m->harmful, json_plain(m->name, w->t->a), ""))
            return true;
    return refuses_stops(w);
}

/* -- Members --------------------------------------------------------------------------------------------------------- */

static enum neutral_effort wanted_effort(const struct writing *w)
{
    const struct neutral_reasoning *r = &w->req->reasoning;
    bool google = w->req->from != NULL && sl_str_eq(w->req->from->name, SL_STR("gemini"));
    if (r->effort == EFFORT_UNSAID && google)
        return effort_of_budget_google(r->budget);
    return effort_wanted(r);
}

static bool write_sampling(struct writing *w)
{
    const struct neutral_request *req = w->req;
    const struct {
        struct sl_str name, value;
        enum term what;
    } rows[] = {{SL_STR("temperature"), req->temperature, TERM_TEMPERATURE}, {SL_STR("top_p"), req->top_p, TERM_TOP_P}};
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        if (rows[i].value.n == 0)
            continue;
        if (caps_samples(w->t->caps, wanted_effort(w)))
            jw_member_raw(&w->w, rows[i].name, rows[i].value);
        else if (writing_refuses(w, false, term_of(req, rows[i].what), ""))
            return false;
    }
    if (req->logprobs != SAID_YES)
        return true;
    if (!caps_has(w->t->caps, CAP_LOGPROBS))
        return !writing_refuses(w, true, term_of(req, TERM_LOGPROBS), "");
    if (req->top_logprobs > 0)
        jw_member_u64(&w->w, SL_STR("top_logprobs"), req->top_logprobs);
    return true;
}

static bool write_reasoning(struct writing *w)
{
    const struct neutral_reasoning *r = &w->req->reasoning;
    enum neutral_effort wanted = wanted_effort(w);
    if (w->t->caps->thinking == THINK_NONE) {
        bool asked = wanted > EFFORT_NONE || r->budget == -2;
        return !asked || !writing_refuses(w, false, term_of(w->req, TERM_REASONING), "");
    }
    enum neutral_effort effort = effort_fit(wanted, w->t->caps->efforts);
    if (effort != wanted && writing_refuses(w, false, term_of(w->req, TERM_REASONING), "clamped"))
        return false;
    bool visible = r->visible == SAID_YES && wanted != EFFORT_NONE;
    if (effort == EFFORT_UNSAID && !visible)
        return true;
    jw_key(&w->w, SL_STR("reasoning"));
    jw_open(&w->w, '{');
    if (effort != EFFORT_UNSAID)
        jw_member_inside(&w->w, SL_STR("effort"), effort_word(effort));
    if (visible)
        jw_member_inside(&w->w, SL_STR("summary"), r->summary.n > 0 ? r->summary : SL_STR("auto"));
    jw_close(&w->w, '}');
    return true;
}

static void write_schema(struct writing *w)
{
    const struct neutral_request *req = w->req;
    static const struct names_rule rule = {.others = "_-", .max = 64};
    jw_member_inside(&w->w, SL_STR("type"), SL_STR("json_schema"));
    jw_member_inside(&w->w, SL_STR("name"),
                     req->schema_name.n > 0 ? names_fit(&rule, req->schema_name, w->t->a) : SL_STR("response"));
    jw_maybe_inside(&w->w, SL_STR("description"), req->schema_description);
    jw_member_raw(&w->w, SL_STR("schema"), req->schema);
    bool strict = req->schema_strict == SAID_YES ||
                  (req->schema_strict == SAID_NOTHING && schema_is_strict(req->schema, w->t->a));
    jw_member_bool(&w->w, SL_STR("strict"), strict && !req->schema_is_google);
}

static void write_text(struct writing *w)
{
    const struct neutral_request *req = w->req;
    if (req->format == NF_UNSAID && req->verbosity.n == 0)
        return;
    jw_key(&w->w, SL_STR("text"));
    jw_open(&w->w, '{');
    if (req->format != NF_UNSAID) {
        jw_key(&w->w, SL_STR("format"));
        jw_open(&w->w, '{');
        if (req->format == NF_JSON_SCHEMA)
            write_schema(w);
        else
            jw_member_inside(&w->w, SL_STR("type"), req->format == NF_TEXT ? SL_STR("text") : SL_STR("json_object"));
        jw_close(&w->w, '}');
    }
    jw_maybe_inside(&w->w, SL_STR("verbosity"), req->verbosity);
    jw_close(&w->w, '}');
}

/* What several formats call the same, to what OpenAI calls it; others are dropped and noted. */
static bool write_tier(struct writing *w)
{
    static const struct {
        struct sl_str from, to;
    } rows[] = {
        {SL_STR_INIT("auto"), SL_STR_INIT("auto")},           {SL_STR_INIT("default"), SL_STR_INIT("default")},
        {SL_STR_INIT("flex"), SL_STR_INIT("flex")},           {SL_STR_INIT("scale"), SL_STR_INIT("scale")},
        {SL_STR_INIT("priority"), SL_STR_INIT("priority")},   {SL_STR_INIT("fast"), SL_STR_INIT("fast")},
        {SL_STR_INIT("ultrafast"), SL_STR_INIT("ultrafast")}, {SL_STR_INIT("standard_only"), SL_STR_INIT("default")},
        {SL_STR_INIT("standard"), SL_STR_INIT("default")},
    };
    struct sl_str tier = w->req->service_tier;
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        if (sl_str_eq(rows[i].from, tier)) {
            jw_member_plain(&w->w, SL_STR("service_tier"), rows[i].to);
            return true;
        }
    }
    return tier.n == 0 || !writing_refuses(w, false, term_of(w->req, TERM_SERVICE_TIER), "");
}

/* The end user's id, short enough; and a key that keeps one session's prefix on one machine (openai.md 6.8). */
static void write_user(struct writing *w)
{
    const struct neutral_request *req = w->req;
    struct sl_str user = SL_STR_NONE;
    if (req->user.n > 0)
        user = names_fit(&ids_openai, translation_short_id(w->t, "u_", req->user), w->t->a);
    struct sl_str key = req->prompt_cache_key;
    jw_maybe_inside(&w->w, SL_STR("safety_identifier"), user);
    if (key.n == 0 && !w->from_openai)
        key = user;
    if (key.n > 0)
        jw_member_inside(&w->w, SL_STR("prompt_cache_key"), w->own ? key : names_fit(&ids_openai, key, w->t->a));
}

static void write_include(struct writing *w)
{
    bool reasoning = w->t->caps->thinking != THINK_NONE;
    bool logprobs = w->req->logprobs == SAID_YES && caps_has(w->t->caps, CAP_LOGPROBS);
    if (w->own && w->req->include.n > 0) {
        jw_member_raw(&w->w, SL_STR("include"), w->req->include);
        return;
    }
    if (!reasoning && !logprobs)
        return;
    jw_key(&w->w, SL_STR("include"));
    jw_open(&w->w, '[');
    if (reasoning)
        jw_plain(&w->w, SL_STR("reasoning.encrypted_content"));
    if (logprobs)
        jw_plain(&w->w, SL_STR("message.output_text.logprobs"));
    jw_close(&w->w, ']');
}

static void write_own(struct writing *w)
{
    for (const struct neutral_member *m = w->req->unknown; m != NULL; m = m->next) {
        jw_key_inside(&w->w, m->name);
        jw_raw(&w->w, m->raw);
    }
}

static bool write_limits(struct writing *w)
{
    const struct neutral_request *req = w->req;
    uint64_t most = w->t->caps->max_output, tokens = req->max_output;
    if (req->max_output > 0) {
        tokens = tokens < OUTPUT_LEAST ? OUTPUT_LEAST : most > 0 && tokens > most ? most : tokens;
        if (tokens != req->max_output && writing_refuses(w, false, term_of(req, TERM_MAX_OUTPUT), "clamped"))
            return false;
        jw_member_u64(&w->w, SL_STR("max_output_tokens"), tokens);
    }
    if (req->max_tool_calls > 0)
        jw_member_u64(&w->w, SL_STR("max_tool_calls"), req->max_tool_calls);
    return true;
}

static bool write_all(struct writing *w)
{
    const struct neutral_request *req = w->req;
    bool counts = req->kind == NO_COUNT_TOKENS; /* POST /responses/input_tokens */
    if (refuses_unsayable(w))
        return false;
    jw_open(&w->w, '{');
    jw_member_plain(&w->w, SL_STR("model"), translation_model(w->t));
    if (!writing_input(w) || !writing_tools(w) || !write_reasoning(w))
        return false;
    write_text(w);
    if (!counts) {
        if (!write_limits(w) || !write_sampling(w) || !write_tier(w))
            return false;
        if (w->from_openai)
            jw_maybe_raw(&w->w, SL_STR("metadata"), req->metadata);
        else if (req->metadata.n > 2 && writing_refuses(w, false, term_of(req, TERM_METADATA), ""))
            return false;
        write_user(w);
        write_include(w);
        if (w->own)
            write_own(w);
        jw_member_bool(&w->w, SL_STR("store"), w->own && req->store == SAID_YES);
        jw_member_bool(&w->w, SL_STR("stream"), req->stream);
    }
    jw_close(&w->w, '}');
    return true;
}

bool responses_request_write(struct translation *t, struct sl_buf *out, struct request_refusal *out_refusal)
{
    struct writing w = {.t = t, .req = t->req, .w = json_writer_on(out), .refusal = out_refusal};
    w.own = t->req->from == &openai_responses_dialect;
    w.from_openai = w.own || t->req->from == NULL || sl_str_eq(t->req->from->name, SL_STR("openai"));
    sl_map_init(&w.custom);
    sl_map_init(&w.tools);
    bool good = write_all(&w);
    sl_map_done(&w.custom);
    sl_map_done(&w.tools);
    return good;
}
