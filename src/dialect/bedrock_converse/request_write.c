/* Writes a Converse request from the neutral form: prepared and decided first, then written from top to bottom; only what the format
 * knows is written. Sources: bedrock.md 6.1, 6.4; translate-openai-anthropic.md 2 (November 2026). */
#include "dialect/bedrock_converse/converse_int.h"

#include "dialect/effort.h"
#include "dialect/terms.h"
#include "dialect/unsaid.h"

#define STOPS_MAX 2500u

static struct sl_str term(const struct converse_writing *w, enum term what)
{
    return term_of(w->req, what);
}

bool converse_refuses(struct converse_writing *w, bool harmful, struct sl_str what, const char *how)
{
    return translation_refuses(w->t, harmful, what, how, w->refusal);
}

/* -- Decisions --------------------------------------------------------------------------------------------------------- */

static bool is_nova_2(const struct converse_writing *w)
{
    return sl_str_find_str(w->t->up_model, SL_STR("nova-2")) >= 0;
}

static bool plan_thinking(struct converse_writing *w)
{
    enum neutral_effort wanted = effort_wanted(&w->req->reasoning);
    if (wanted == EFFORT_UNSAID)
        return true;
    if (w->t->caps->thinking != THINK_EFFORT)
        return wanted == EFFORT_NONE || !converse_refuses(w, false, term(w, TERM_REASONING), "");
    w->effort = effort_fit(wanted, w->t->caps->efforts);
    if (wanted == EFFORT_NONE && caps_has(w->t->caps, CAP_THINKING_OFF))
        w->effort = EFFORT_NONE;
    return wanted != EFFORT_NONE || w->effort == EFFORT_NONE ||
           !converse_refuses(w, false, term(w, TERM_REASONING), "lowest");
}

/* An instruction that the model may follow. */
static bool ask_in_words(struct converse_writing *w)
{
    const struct neutral_request *req = w->req;
    if (converse_refuses(w, false, term(w, TERM_FORMAT), "instruction"))
        return false;
    w->t->json_asked_in_words = true;
    struct converse_block *b = converse_add(w, &w->system, CK_TEXT);
    b->text = SL_STR("Respond with one JSON object and nothing else, without a code fence.");
    if (req->format == NF_JSON_SCHEMA && req->schema.n > 0)
        b->text = sl_arena_printf(
            w->a,
            "Respond with one JSON value that fits this JSON Schema and nothing else, without a code fence.%s" SL_STR_FMT
            "\\n\\n" SL_STR_FMT,
            req->schema_description.n > 0 ? " " : "", SL_STR_ARG(req->schema_description),
            SL_STR_ARG(json_escape(req->schema, w->a)));
    return true;
}

static bool plan_format(struct converse_writing *w)
{
    if (w->req->format != NF_JSON_OBJECT && w->req->format != NF_JSON_SCHEMA)
        return true;
    if (w->req->format == NF_JSON_SCHEMA && converse_add_json_tool(w))
        return true;
    return ask_in_words(w);
}

/* -- Members ----------------------------------------------------------------------------------------------------------- */

/* Whether a raw number is above one: only its sign and its digits before the point are looked at, and an exponent. */
static bool is_above_one(struct sl_str raw, struct sl_arena *a)
{
    char *text = sl_arena_cstr(a, raw);
    double v = 0, scale = 1;
    bool fraction = false;
    size_t i = 0;
    for (; text[i] == '.' || (text[i] >= '0' && text[i] <= '9'); i++) {
        if (text[i] == '.') {
            fraction = true;
            continue;
        }
        scale = fraction ? scale / 10 : scale;
        v = fraction ? v + (text[i] - '0') * scale : v * 10 + (text[i] - '0');
    }
    int64_t exponent = 0;
    struct sl_str rest = sl_str_c(text + i + (text[i] != 0));
    if (rest.n > 0 && rest.p[0] == '+')
        rest = sl_str_from(rest, 1);
    if (rest.n > 0 && !sl_str_to_i64(rest, &exponent))
        return true;
    for (exponent = exponent > 40 ? 40 : exponent < -40 ? -40 : exponent; exponent > 0; exponent--)
        v *= 10;
    for (; exponent < 0; exponent++)
        v /= 10;
    return v > 1;
}

static bool write_sampling(struct converse_writing *w, const char *name, struct sl_str said, enum term what)
{
    if (said.n == 0)
        return true;
    if (!caps_has(w->t->caps, CAP_SAMPLING))
        return !converse_refuses(w, false, term(w, what), "");
    bool above = is_above_one(said, w->a);
    if (above && converse_refuses(w, false, term(w, what), "clamped"))
        return false;
    jw_member_raw(&w->w, sl_str_c(name), above ? SL_STR("1") : said);
    return true;
}

static bool write_stops(struct converse_writing *w)
{
    const struct neutral_request *req = w->req;
    uint32_t good = 0;
    for (uint32_t i = 0; i < req->n_stops && good < STOPS_MAX; i++)
        good += !json_is_blank(req->stops[i]);
    if (req->n_stops > 0 && !caps_has(w->t->caps, CAP_STOP))
        return !converse_refuses(w, true, term(w, TERM_STOP), "");
    if (good < req->n_stops && converse_refuses(w, false, term(w, TERM_STOP), "blank ones"))
        return false;
    if (good == 0)
        return true;
    jw_key(&w->w, SL_STR("stopSequences"));
    jw_open(&w->w, '[');
    for (uint32_t i = 0; i < req->n_stops && good > 0; i++) {
        if (json_is_blank(req->stops[i]))
            continue;
        jw_inside(&w->w, req->stops[i]);
        good--;
    }
    jw_close(&w->w, ']');
    return true;
}

/* Nova 2 refuses a limit where it thinks hard (bedrock.md 6.1). Nobody's limit: the model's own, which quotas are reckoned with. */
static bool write_limit(struct converse_writing *w)
{
    uint64_t said = w->req->max_output, most = w->t->caps->max_output;
    if (said == 0)
        return true;
    if (is_nova_2(w) && w->effort == EFFORT_HIGH)
        return !converse_refuses(w, false, term(w, TERM_MAX_OUTPUT), "");
    bool above = most > 0 && said > most;
    if (above && converse_refuses(w, false, term(w, TERM_MAX_OUTPUT), "clamped"))
        return false;
    jw_member_u64(&w->w, SL_STR("maxTokens"), above ? most : said);
    return true;
}

static bool write_inference(struct converse_writing *w)
{
    const struct neutral_request *req = w->req;
    if (req->max_output == 0 && req->temperature.n == 0 && req->top_p.n == 0 && req->n_stops == 0)
        return true;
    jw_key(&w->w, SL_STR("inferenceConfig"));
    jw_open(&w->w, '{');
    bool good = write_limit(w) && write_sampling(w, "temperature", req->temperature, TERM_TEMPERATURE) &&
                write_sampling(w, "topP", req->top_p, TERM_TOP_P) && write_stops(w);
    jw_close(&w->w, '}');
    return good;
}

/* What a client put into its body for the model itself (extra_body) goes before ours. */
static bool said_by_client(const struct json_tree *t, const struct json_node *own, const char *name)
{
    return json_get(t, own, sl_str_c(name)) != NULL;
}

static bool write_top_k(struct converse_writing *w, const struct json_tree *t, const struct json_node *own)
{
    if (w->req->top_k.n == 0)
        return true;
    bool nova = sl_str_find_str(w->t->up_model, SL_STR("nova")) >= 0;
    if (!nova || !caps_has(w->t->caps, CAP_SAMPLING))
        return !converse_refuses(w, false, term(w, TERM_TOP_K), "");
    if (said_by_client(t, own, "inferenceConfig"))
        return true;
    jw_key(&w->w, SL_STR("inferenceConfig"));
    jw_open(&w->w, '{');
    jw_member_raw(&w->w, SL_STR("topK"), w->req->top_k);
    jw_close(&w->w, '}');
    return true;
}

static void write_effort(struct converse_writing *w, const struct json_tree *t, const struct json_node *own)
{
    if (w->effort == EFFORT_UNSAID)
        return;
    if (!is_nova_2(w)) {
        if (!said_by_client(t, own, "reasoning_effort") && w->effort != EFFORT_NONE)
            jw_member_plain(&w->w, SL_STR("reasoning_effort"), effort_word(w->effort));
        return;
    }
    if (said_by_client(t, own, "reasoningConfig"))
        return;
    jw_key(&w->w, SL_STR("reasoningConfig"));
    jw_open(&w->w, '{');
    jw_member_plain(&w->w, SL_STR("type"), w->effort == EFFORT_NONE ? SL_STR("disabled") : SL_STR("enabled"));
    if (w->effort != EFFORT_NONE)
        jw_member_plain(&w->w, SL_STR("maxReasoningEffort"), effort_word(w->effort));
    jw_close(&w->w, '}');
}

static bool write_additional(struct converse_writing *w)
{
    const struct neutral_member *m = neutral_member_find(w->req->unknown, SL_STR("additionalModelRequestFields"));
    struct json_tree t = {.n = 0};
    const struct json_node *own = NULL;
    if (m != NULL && json_tree_read(&t, m->raw, w->a) && json_kind_of(json_root(&t)) == JSON_OBJECT)
        own = json_root(&t);
    if (own == NULL && w->effort == EFFORT_UNSAID && w->req->top_k.n == 0)
        return true;
    jw_key(&w->w, SL_STR("additionalModelRequestFields"));
    jw_open(&w->w, '{');
    for (JSON_EACH(&t, own, it)) {
        jw_key_inside(&w->w, json_key_of(&t, it));
        jw_raw(&w->w, json_raw_of(&t, it));
    }
    write_effort(w, &t, own);
    bool good = write_top_k(w, &t, own);
    jw_close(&w->w, '}');
    return good;
}

static bool write_tier(struct converse_writing *w)
{
    static const struct {
        struct sl_str said, sent;
    } rows[] = {
        {SL_STR_INIT("auto"), SL_STR_NONE},
        {SL_STR_INIT("default"), SL_STR_INIT("default")},
        {SL_STR_INIT("standard"), SL_STR_INIT("default")},
        {SL_STR_INIT("standard_only"), SL_STR_INIT("default")},
        {SL_STR_INIT("priority"), SL_STR_INIT("priority")},
        {SL_STR_INIT("flex"), SL_STR_INIT("flex")},
        {SL_STR_INIT("reserved"), SL_STR_INIT("reserved")},
    };
    struct sl_str said = w->req->service_tier;
    if (said.n == 0)
        return true;
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        if (!sl_str_eq_nocase(rows[i].said, said))
            continue;
        if (rows[i].sent.n == 0)
            return true;
        jw_key(&w->w, SL_STR("serviceTier"));
        jw_open(&w->w, '{');
        jw_member_plain(&w->w, SL_STR("type"), rows[i].sent);
        jw_close(&w->w, '}');
        return true;
    }
    return !converse_refuses(w, false, term(w, TERM_SERVICE_TIER), "");
}

/* What this format cannot say. */
#define UNSAID                                                                                                         \
    (WISH_N | WISH_LOGPROBS | WISH_AUDIO | WISH_IMAGE | WISH_STATE | WISH_SEED | WISH_LOGIT_BIAS | WISH_PENALTIES |    \
     WISH_VERBOSITY | WISH_SAFETY | WISH_USER | WISH_METADATA | WISH_CACHE_KEY | WISH_MAX_CALLS | WISH_STORE)

/* Members of this format's own that clients of other formats put into their bodies on purpose. */
static bool write_unknown(struct converse_writing *w)
{
    static const struct sl_str passed[] = {
        SL_STR_INIT("guardrailConfig"), SL_STR_INIT("additionalModelResponseFieldPaths"),
        SL_STR_INIT("performanceConfig"), SL_STR_INIT("requestMetadata"), SL_STR_INIT("promptVariables")};
    for (const struct neutral_member *m = w->req->unknown; m != NULL; m = m->next) {
        bool goes = sl_str_eq(m->name, SL_STR("additionalModelRequestFields"));
        for (size_t i = 0; i < sizeof passed / sizeof passed[0]; i++) {
            if (!sl_str_eq(passed[i], m->name))
                continue;
            jw_member_raw(&w->w, passed[i], m->raw);
            goes = true;
        }
        if (!goes && converse_refuses(w, m->harmful, json_plain(m->name, w->a), ""))
            return false;
    }
    return true;
}

/* -- All of it --------------------------------------------------------------------------------------------------------- */

static bool write_body(struct converse_writing *w)
{
    jw_open(&w->w, '{');
    converse_write_messages(w);
    converse_write_tools(w);
    bool good = write_inference(w) && write_additional(w) && write_tier(w) &&
                !unsaid_refuses(w->t, UNSAID, w->refusal) && write_unknown(w);
    jw_close(&w->w, '}');
    return good;
}

bool converse_request_write(struct translation *t, struct sl_buf *out, struct request_refusal *out_refusal)
{
    struct converse_writing w = {.t = t, .req = t->req, .refusal = out_refusal, .a = t->a, .w = json_writer_on(out)};
    *out_refusal = (struct request_refusal){.at = 0};
    sl_map_init(&w.by_name);
    sl_map_init(&w.calls);
    bool good = converse_prepare_tools(&w) && converse_build(&w) && converse_order(&w) && plan_thinking(&w) &&
                plan_format(&w) && write_body(&w);
    sl_map_done(&w.by_name);
    sl_map_done(&w.calls);
    return good;
}
