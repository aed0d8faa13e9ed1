/* A neutral request as a body of the chat format: the members at the top. Decisions: translate-openai-anthropic.md 5.1,
 * translate-gemini.md 12.1; what OpenAI's own models refuse: openai.md 6.2 and caps.c; what compatible servers take:
 * openai-compatible.md 3 (November 2026). */
#include "dialect/openai_chat/chat_write.h"

#include "base/hash.h"
#include "dialect/effort.h"
#include "dialect/openai_responses/openai_responses.h"
#include "dialect/unsaid.h"

#define STOPS_OPENAI 4u /* openai.md 6.2 */
/* openai-compatible.md 3 and 17; its pages on reasoning tokens, 2026 */
#define OPENROUTER_EFFORTS                                                                                             \
    (EFFORT_BIT(EFFORT_NONE) | EFFORT_BIT(EFFORT_MINIMAL) | EFFORT_BIT(EFFORT_LOW) | EFFORT_BIT(EFFORT_MEDIUM) |       \
     EFFORT_BIT(EFFORT_HIGH) | EFFORT_BIT(EFFORT_XHIGH))

/* -- Numbers ----------------------------------------------------------------------------------------------------------- */

static bool is_one(struct sl_str raw)
{
    return sl_str_eq(raw, SL_STR("1")) || sl_str_eq(raw, SL_STR("1.0"));
}

/* Some models sample only when they are told not to think. */
static bool samples(const struct chat_write *cw)
{
    return caps_samples(cw->t->caps, cw->openai ? effort_wanted(&cw->req->reasoning) : EFFORT_UNSAID);
}

/* standard: the value that says nothing, dropped without a word. */
static bool write_number(struct chat_write *cw, const char *name, enum term term, struct sl_str raw, bool can,
                         bool is_standard)
{
    can = can && !translation_lacks(cw->t, sl_str_c(name));
    if (raw.n == 0 || (!can && is_standard))
        return true;
    if (!can)
        return !chat_refuses_term(cw, false, term, "");
    jw_member_raw(&cw->w, translation_name(cw->t, sl_str_c(name)), raw);
    return true;
}

static bool write_sampling(struct chat_write *cw)
{
    const struct neutral_request *q = cw->req;
    bool can = samples(cw), penalties = caps_has(cw->t->caps, CAP_PENALTIES);
    bool extensions = !cw->openai && q->from == &openai_chat_dialect;
    return write_number(cw, "temperature", TERM_TEMPERATURE, q->temperature, can, is_one(q->temperature)) &&
           write_number(cw, "top_p", TERM_TOP_P, q->top_p, can, is_one(q->top_p)) &&
           write_number(cw, "top_k", TERM_TOP_K, q->top_k, can && extensions, false) &&
           write_number(cw, "seed", TERM_SEED, q->seed, true, false) &&
           write_number(cw, "presence_penalty", TERM_PRESENCE, q->presence_penalty, penalties,
                        json_is_zero(q->presence_penalty)) &&
           write_number(cw, "frequency_penalty", TERM_FREQUENCY, q->frequency_penalty, penalties,
                        json_is_zero(q->frequency_penalty)) &&
           write_number(cw, "logit_bias", TERM_LOGIT_BIAS, q->logit_bias, caps_has(cw->t->caps, CAP_SAMPLING), false);
}

static void write_max(struct chat_write *cw)
{
    uint64_t max = cw->req->max_output, most = cw->t->caps->max_output;
    if (max == 0)
        return;
    if (most > 0 && max > most) {
        neutral_note(cw->t->notes, "clamped", term_of(cw->req, TERM_MAX_OUTPUT));
        max = most;
    }
    bool old_name = !cw->openai && cw->t->lacks.n == 0; /* a server that we know nothing of */
    jw_member_u64(&cw->w, old_name ? SL_STR("max_tokens") : translation_name(cw->t, SL_STR("max_completion_tokens")),
                  max);
}

static bool write_counts(struct chat_write *cw)
{
    const struct neutral_request *q = cw->req;
    if (q->n > 1) {
        if (!caps_has(cw->t->caps, CAP_N) || translation_lacks(cw->t, SL_STR("n")))
            return !chat_refuses_term(cw, true, TERM_N, "");
        jw_member_u64(&cw->w, SL_STR("n"), q->n);
    }
    if (q->logprobs != SAID_YES)
        return true;
    if (!caps_has(cw->t->caps, CAP_LOGPROBS) || translation_lacks(cw->t, SL_STR("logprobs")))
        return !chat_refuses_term(cw, true, TERM_LOGPROBS, "");
    bool top = q->top_logprobs > 0 && !translation_lacks(cw->t, SL_STR("top_logprobs"));
    if (q->top_logprobs > 0 && !top && chat_refuses_term(cw, true, TERM_LOGPROBS, "of the chosen tokens only"))
        return false;
    jw_member_bool(&cw->w, SL_STR("logprobs"), true);
    if (top)
        jw_member_u64(&cw->w, SL_STR("top_logprobs"), q->top_logprobs);
    return true;
}

/* Sequences that the provider does not take are looked for by the reader of the answer (stops.c). */
static bool write_stops(struct chat_write *cw)
{
    const struct neutral_request *q = cw->req;
    uint32_t n = 0, most = !caps_has(cw->t->caps, CAP_STOP) || translation_lacks(cw->t, SL_STR("stop")) ? 0
                           : cw->openai                                                                 ? STOPS_OPENAI
                                        : NEUTRAL_STOPS_MAX;
    for (uint32_t i = 0; i < q->n_stops && n < most; i++) {
        if (q->stops[i].n == 0)
            continue;
        if (n++ == 0) {
            jw_key(&cw->w, SL_STR("stop"));
            jw_open(&cw->w, '[');
        }
        jw_inside(&cw->w, q->stops[i]);
    }
    if (n > 0)
        jw_close(&cw->w, ']');
    bool too_long = false;
    for (uint32_t i = 0, wanted = 0; i < q->n_stops; i++) {
        if (q->stops[i].n == 0 || ++wanted <= n)
            continue;
        too_long |= q->stops[i].n > CHAT_STOP_MAX;
        cw->t->stops_kept_back += q->stops[i].n <= CHAT_STOP_MAX;
    }
    return !too_long || !chat_refuses_term(cw, true, TERM_STOP, "too long");
}

/* -- Words --------------------------------------------------------------------------------------------------------------- */

static bool write_reasoning_effort(struct chat_write *cw)
{
    const struct model_caps *caps = cw->t->caps;
    enum neutral_effort wanted = effort_wanted(&cw->req->reasoning);
    if (wanted == EFFORT_UNSAID)
        return true;
    if (wanted == EFFORT_NONE &&
        sl_str_eq(cw->t->platform, SL_STR("ark"))) { /* all its models take this, and think else */
        jw_member_raw(&cw->w, SL_STR("thinking"), SL_STR("{\"type\":\"disabled\"}"));
        return true;
    }
    uint16_t efforts = caps->thinking == THINK_EFFORT ? caps->efforts : 0;
    if (sl_str_eq(cw->t->platform, SL_STR("openrouter"))) /* it makes of the word what each model behind it takes */
        efforts = OPENROUTER_EFFORTS;
    enum neutral_effort fit = effort_fit(wanted, efforts);
    if (fit == EFFORT_UNSAID) /* it does not think: being told not to is no loss */
        return wanted == EFFORT_NONE || !chat_refuses_term(cw, false, TERM_REASONING, "");
    if (fit != wanted)
        neutral_note(cw->t->notes, "clamped", term_of(cw->req, TERM_REASONING));
    jw_member_inside(&cw->w, SL_STR("reasoning_effort"), effort_word(fit));
    return true;
}

static bool write_tier(struct chat_write *cw)
{
    struct sl_str tier = chat_tier(cw->req->service_tier);
    bool plain = sl_str_eq(tier, SL_STR("auto")) || sl_str_eq(tier, SL_STR("default"));
    if (cw->req->service_tier.n == 0 || (plain && !cw->openai))
        return true;
    if (tier.n == 0 || !cw->openai)
        return !chat_refuses_term(cw, false, TERM_SERVICE_TIER, "");
    jw_member_inside(&cw->w, SL_STR("service_tier"), tier);
    return true;
}

static bool has_marks(const struct neutral_request *q)
{
    for (const struct neutral_tool *tool = q->tools; tool != NULL; tool = tool->next)
        if (tool->cache != NC_NONE)
            return true;
    for (const struct neutral_message *m = q->messages; m != NULL; m = m->next)
        for (const struct neutral_part *p = m->parts; p != NULL; p = p->next)
            if (p->cache != NC_NONE)
                return true;
    return false;
}

/* The same conversation must meet the same machine: of what stands at its head and does not change. Empty: nothing does. */
static struct sl_str steady_key(struct chat_write *cw)
{
    static const struct sl_hash_key key = {0x736c75696365, 0x6361636865};
    uint64_t h = 0;
    for (const struct neutral_tool *tool = cw->req->tools; tool != NULL; tool = tool->next)
        h = h * 31 + sl_hash(key, tool->name);
    for (const struct neutral_message *m = cw->req->messages; m != NULL && m->role <= NR_DEVELOPER; m = m->next)
        for (const struct neutral_part *p = m->parts; p != NULL; p = p->next)
            h = h * 31 + sl_hash(key, p->text);
    return h != 0 ? sl_arena_printf(cw->t->a, "slc-%016llx", (unsigned long long)h) : SL_STR_NONE;
}

static bool write_ids(struct chat_write *cw)
{
    const struct neutral_request *q = cw->req;
    struct sl_str user = cw->openai ? SL_STR("safety_identifier") : SL_STR("user");
    if (q->user.n > 0 && translation_lacks(cw->t, user))
        neutral_note(cw->t->notes, "", term_of(q, TERM_USER));
    else if (q->user.n > 0)
        jw_member_inside(&cw->w, translation_name(cw->t, user), translation_short_id(cw->t, "u_", q->user));
    bool marks = has_marks(q);
    if (marks && !caps_has(cw->t->caps, CAP_CACHE_MARKS))
        neutral_note(cw->t->notes, "", term_of(q, TERM_CACHE_MARK));
    if (!cw->openai)
        return q->prompt_cache_key.n == 0 || !chat_refuses_term(cw, false, TERM_CACHE_KEY, "");
    if (q->prompt_cache_key.n > 0)
        jw_member_inside(&cw->w, SL_STR("prompt_cache_key"), translation_short_id(cw->t, "k_", q->prompt_cache_key));
    else if (marks)
        jw_maybe_inside(&cw->w, SL_STR("prompt_cache_key"), steady_key(cw));
    return true;
}

/* `store` of a Responses client is the gateway's own affair; labels are taken by OpenAI only for what is stored. */
static bool write_keeping(struct chat_write *cw)
{
    const struct neutral_request *q = cw->req;
    bool own = cw->openai && q->from == &openai_chat_dialect, ours = q->from == &openai_responses_dialect;
    if (q->store == SAID_YES && !own && !ours && chat_refuses_term(cw, false, TERM_STORE, ""))
        return false;
    if (own && q->store != SAID_NOTHING)
        jw_member_bool(&cw->w, SL_STR("store"), q->store == SAID_YES);
    if (q->metadata.n == 0)
        return true;
    if (!own || q->store != SAID_YES)
        return !chat_refuses_term(cw, false, TERM_METADATA, "");
    jw_member_raw(&cw->w, SL_STR("metadata"), q->metadata);
    return true;
}

static bool write_output_kinds(struct chat_write *cw)
{
    const struct neutral_request *q = cw->req;
    bool same = q->from == &openai_chat_dialect;
    if (!q->wants_audio && q->audio.n > 0 && chat_refuses_term(cw, false, TERM_AUDIO, "no audio is asked for"))
        return false;
    if (q->wants_image && !(same && !cw->openai))
        return !chat_refuses_term(cw, true, TERM_MODALITIES, "");
    if (q->wants_audio && !(same && caps_has(cw->t->caps, CAP_AUDIO_OUT)))
        return !chat_refuses_term(cw, true, TERM_MODALITIES, "");
    if (same && (q->wants_audio || q->wants_image)) {
        jw_maybe_raw(&cw->w, SL_STR("modalities"), q->modalities);
        jw_maybe_raw(&cw->w, SL_STR("audio"), q->audio);
    }
    return true;
}

static bool write_verbosity(struct chat_write *cw)
{
    if (cw->req->verbosity.n == 0)
        return true;
    bool can = cw->openai && caps_has(cw->t->caps, CAP_DEVELOPER) && !caps_has(cw->t->caps, CAP_STOP);
    if (!can)
        return !chat_refuses_term(cw, false, TERM_VERBOSITY, "");
    jw_member_inside(&cw->w, SL_STR("verbosity"), cw->req->verbosity);
    return true;
}

/* -- What has no place here ------------------------------------------------------------------------------------------------ */

#define UNSAID (WISH_STATE | WISH_MAX_CALLS | WISH_SAFETY)

static bool write_unknown(struct chat_write *cw)
{
    for (const struct neutral_member *m = cw->req->unknown; m != NULL; m = m->next) {
        if (cw->req->from == &openai_chat_dialect) {
            jw_key_inside(&cw->w, m->name);
            jw_raw(&cw->w, m->raw);
        } else if (chat_refuses(cw, m->harmful, json_plain(m->name, cw->t->a), "")) {
            return false;
        }
    }
    return true;
}

static void write_stream(struct chat_write *cw)
{
    if (!cw->req->stream)
        return;
    jw_member_bool(&cw->w, SL_STR("stream"), true);
    if (translation_lacks(cw->t, SL_STR("stream_options"))) /* these report usage without being asked */
        return;
    jw_key(&cw->w, SL_STR("stream_options"));
    jw_open(&cw->w, '{');
    jw_member_bool(&cw->w, SL_STR("include_usage"), true); /* we meter, whatever the client wants to see */
    jw_close(&cw->w, '}');
}

bool chat_request_write(struct translation *t, struct sl_buf *out, struct request_refusal *out_refusal)
{
    struct chat_write cw = {.t = t, .req = t->req, .w = json_writer_on(out), .refusal = out_refusal};
    cw.openai = chat_is_openai(t);
    *out_refusal = (struct request_refusal){.error = {.error = GE_NONE}};
    jw_open(&cw.w, '{');
    jw_member_plain(&cw.w, SL_STR("model"), translation_model(t));
    bool no_tools = translation_lacks(t, SL_STR("tools"));
    if (no_tools && t->req->tools != NULL && chat_refuses_term(&cw, true, TERM_TOOLS, ""))
        return false;
    if (unsaid_refuses(t, UNSAID, out_refusal) || !chat_write_messages(&cw) || (!no_tools && !chat_write_tools(&cw)) ||
        !chat_write_format(&cw))
        return false;
    write_max(&cw);
    if (!write_stops(&cw) || !write_sampling(&cw) || !write_counts(&cw) || !write_reasoning_effort(&cw) ||
        !write_verbosity(&cw))
        return false;
    if (!write_tier(&cw) || !write_ids(&cw) || !write_keeping(&cw) || !write_output_kinds(&cw))
        return false;
    if (!write_unknown(&cw))
        return false;
    write_stream(&cw);
    jw_close(&cw.w, '}');
    return true;
}
