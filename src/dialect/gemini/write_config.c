/* generationConfig: translate-gemini.md 2, 6, 7; gemini.md 3.7, 6.1 (November 2026). The model's row (caps.c) decides what is sent. */
#include "dialect/gemini/gemini_int.h"

#include "dialect/effort.h"
#include "dialect/terms.h"

#define STOPS_MAX 5u
#define ANSWER_LEAST 1024u /* tokens that thinking leaves for the answer */
#define TOP_LOGPROBS_MAX 20u
#define SEED_MODULUS (INT64_C(1) << 31)

static bool drops(struct gem_writer *g, bool harmful, enum term what, const char *how)
{
    return gem_drops(g, harmful, term_of(g->req, what), how);
}

/* -- Numbers ---------------------------------------------------------------------------------------------------------------- */

static bool write_number(struct gem_writer *g, const char *name, struct sl_str raw, enum term what, bool takes)
{
    if (raw.n == 0)
        return true;
    if (!takes)
        return !drops(g, false, what, "");
    jw_member_raw(&g->w, sl_str_c(name), raw);
    return true;
}

/* An int32: larger ones wrap, which keeps equal seeds equal. */
static bool write_seed(struct gem_writer *g)
{
    int64_t seed;
    struct sl_str raw = g->req->seed;
    if (raw.n == 0)
        return true;
    if (!sl_str_to_i64(raw, &seed))
        return !drops(g, false, TERM_SEED, "");
    if (seed < 0 || seed >= SEED_MODULUS) {
        seed = (seed % SEED_MODULUS + SEED_MODULUS) % SEED_MODULUS;
        neutral_note(g->t->notes, "folded", term_of(g->req, TERM_SEED));
    }
    jw_key(&g->w, SL_STR("seed"));
    jw_i64(&g->w, seed);
    return true;
}

static uint64_t max_output_of(const struct gem_writer *g)
{
    uint64_t wanted = g->req->max_output, most = g->t->caps->max_output;
    return most > 0 && wanted > most ? most : wanted;
}

static void write_max(struct gem_writer *g)
{
    uint64_t n = max_output_of(g);
    if (n == 0)
        return;
    if (n != g->req->max_output)
        neutral_note(g->t->notes, "clamped", term_of(g->req, TERM_MAX_OUTPUT));
    jw_member_u64(&g->w, SL_STR("maxOutputTokens"), n);
}

static bool write_stops(struct gem_writer *g)
{
    const struct neutral_request *req = g->req;
    uint32_t n = 0;
    for (uint32_t i = 0; i < req->n_stops; i++)
        n += req->stops[i].n > 0;
    if (n == 0)
        return true;
    if (n > STOPS_MAX && drops(g, true, TERM_STOP, "more than five"))
        return false;
    g->t->stops_kept_back = n > STOPS_MAX ? n - STOPS_MAX : 0;
    jw_key(&g->w, SL_STR("stopSequences"));
    jw_open(&g->w, '[');
    uint32_t written = 0;
    for (uint32_t i = 0; i < req->n_stops && written < STOPS_MAX; i++) {
        if (req->stops[i].n == 0)
            continue;
        jw_inside(&g->w, req->stops[i]);
        written++;
    }
    jw_close(&g->w, ']');
    return true;
}

static bool write_numbers(struct gem_writer *g)
{
    const struct neutral_request *req = g->req;
    bool sampling = gem_flag(g, CAP_SAMPLING), penalties = gem_flag(g, CAP_PENALTIES) || g->vertex;
    write_max(g);
    if (!write_number(g, "temperature", req->temperature, TERM_TEMPERATURE, sampling) ||
        !write_number(g, "topP", req->top_p, TERM_TOP_P, sampling) ||
        !write_number(g, "topK", req->top_k, TERM_TOP_K, sampling) ||
        !write_number(g, "presencePenalty", req->presence_penalty, TERM_PRESENCE, penalties) ||
        !write_number(g, "frequencyPenalty", req->frequency_penalty, TERM_FREQUENCY, penalties) || !write_seed(g) ||
        !write_stops(g))
        return false;
    if (req->n > 1 && gem_flag(g, CAP_N))
        jw_member_u64(&g->w, SL_STR("candidateCount"), req->n);
    else if (req->n > 1 && drops(g, true, TERM_N, ""))
        return false;
    return true;
}

/* Of Vertex, and of answers that are not streamed. */
static bool write_logprobs(struct gem_writer *g)
{
    const struct neutral_request *req = g->req;
    bool wanted = req->logprobs == SAID_YES || req->top_logprobs > 0;
    if (!wanted)
        return true;
    if (!g->vertex || req->stream || !gem_flag(g, CAP_LOGPROBS))
        return !drops(g, true, TERM_LOGPROBS, "");
    jw_member_bool(&g->w, SL_STR("responseLogprobs"), true);
    uint32_t top = req->top_logprobs > TOP_LOGPROBS_MAX ? TOP_LOGPROBS_MAX : req->top_logprobs;
    if (top > 0)
        jw_member_u64(&g->w, SL_STR("logprobs"), top);
    return true;
}

/* -- Form of the answer ------------------------------------------------------------------------------------------------------- */

/* The name that the client gave stands as the title, and what it said of the whole as the description, where the schema has none. */
static struct sl_str titled(struct gem_writer *g, struct sl_str schema)
{
    schema = json_with_text(schema, SL_STR("description"), g->req->schema_description, g->t->a);
    return json_with_text(schema, SL_STR("title"), g->req->schema_name, g->t->a);
}

static bool write_schema(struct gem_writer *g)
{
    bool modern = gem_flag(g, CAP_JSON_SCHEMA), lost = false;
    struct sl_str schema = g->req->schema, out, what = term_of(g->req, TERM_FORMAT);
    if (schema.n == 0 || schema.p[0] != '{')
        return true; /* any JSON will do */
    if (g->req->schema_is_google) {
        jw_member_raw(&g->w, SL_STR("responseSchema"), schema);
        return true;
    }
    enum gem_schema_flaw flaw = modern ? gem_schema_json(g->t->a, schema, GEM_FOR_ANSWER, &out, &lost)
                                       : gem_schema_openapi(g->t->a, schema, GEM_FOR_ANSWER, &out, &lost);
    if (flaw != GEM_SCHEMA_FINE)
        return gem_reject(g, GE_MEMBER_VALUE, what, "has a $ref to another document, or is no schema");
    if (lost)
        neutral_note(g->t->notes, "schema simplified", what);
    jw_member_raw(&g->w, modern ? SL_STR("responseJsonSchema") : SL_STR("responseSchema"), titled(g, out));
    return true;
}

static bool write_format(struct gem_writer *g)
{
    enum neutral_format f = g->req->format;
    if (f != NF_JSON_OBJECT && f != NF_JSON_SCHEMA)
        return true;
    bool mixed = g->functions && g->req->choice.mode != NCH_NONE;
    if (g->any)
        return !drops(g, false, TERM_FORMAT, "a call is forced");
    if (mixed && !gem_flag(g, CAP_JSON_AND_TOOLS))
        return !drops(g, true, TERM_FORMAT, "not together with functions");
    if (!gem_flag(g, CAP_SCHEMA))
        return !drops(g, true, TERM_FORMAT, "");
    jw_member_inside(&g->w, SL_STR("responseMimeType"), SL_STR("application/json"));
    return f == NF_JSON_OBJECT || write_schema(g);
}

/* {"voice":"Kore","format":"wav"} of OpenAI: Google's voices by their own names; what comes is PCM whatever was asked for. */
static void write_speech(struct gem_writer *g)
{
    struct json_tree t;
    if (g->req->audio.n == 0 || !json_tree_read(&t, g->req->audio, g->t->a))
        return;
    struct sl_str voice = json_get_inside(&t, json_root(&t), SL_STR("voice"));
    if (voice.n == 0)
        return;
    jw_key(&g->w, SL_STR("speechConfig"));
    jw_raw(&g->w,
           sl_arena_printf(g->t->a, "{\"voiceConfig\":{\"prebuiltVoiceConfig\":{\"voiceName\":\"" SL_STR_FMT "\"}}}",
                           SL_STR_ARG(voice)));
}

static bool write_modalities(struct gem_writer *g)
{
    const struct neutral_request *req = g->req;
    if (g->from_google) {
        jw_maybe_raw(&g->w, SL_STR("responseModalities"), req->modalities);
        return true;
    }
    bool audio = req->wants_audio, image = req->wants_image;
    if (!audio && req->audio.n > 0 && drops(g, false, TERM_AUDIO, "no audio is asked for"))
        return false;
    if (audio && !gem_flag(g, CAP_AUDIO_OUT)) {
        if (drops(g, true, TERM_MODALITIES, "the model does not speak"))
            return false;
        audio = false;
    }
    if (image && !gem_flag(g, CAP_IMAGE_OUT)) {
        if (drops(g, true, TERM_MODALITIES, "the model does not draw"))
            return false;
        image = false;
    }
    if (audio) {
        jw_member_raw(&g->w, SL_STR("responseModalities"), SL_STR("[\"AUDIO\"]"));
        write_speech(g);
    } else if (image) {
        jw_member_raw(&g->w, SL_STR("responseModalities"), SL_STR("[\"TEXT\",\"IMAGE\"]"));
    }
    return true;
}

/* -- Thinking ------------------------------------------------------------------------------------------------------------------ */

/* Thinking counts against the answer's limit: room is left for the answer. */
static int64_t fitted_budget(const struct gem_writer *g, int64_t budget)
{
    int64_t most = (int64_t)max_output_of(g), least = g->t->caps->budget_min;
    if (most == 0 || budget < most)
        return budget;
    int64_t answer = most / 4 > (int64_t)ANSWER_LEAST ? most / 4 : (int64_t)ANSWER_LEAST;
    int64_t left = most - answer;
    return left > least ? left : least;
}

/* Tokens for a model that takes a budget; -1: it decides. False: nothing was said. */
static bool budget_of(struct gem_writer *g, int64_t *out)
{
    const struct neutral_reasoning *r = &g->req->reasoning;
    const struct model_caps *caps = g->t->caps;
    bool off = r->effort == EFFORT_NONE || (r->effort == EFFORT_UNSAID && r->budget == 0);
    if (r->effort == EFFORT_UNSAID && r->budget < 0) {
        *out = -1;
        return r->budget == -2;
    }
    if (off && !gem_flag(g, CAP_THINKING_OFF) && caps->budget_min > 0)
        neutral_note(g->t->notes, "clamped", term_of(g->req, TERM_REASONING));
    if (r->effort != EFFORT_UNSAID || off) {
        *out = effort_budget_google(off ? EFFORT_NONE : r->effort, caps);
        return true;
    }
    int64_t most = caps->budget_max, least = caps->budget_min;
    *out = r->budget > most ? most : r->budget < least ? least : r->budget;
    if (*out != r->budget)
        neutral_note(g->t->notes, "clamped", term_of(g->req, TERM_REASONING));
    return true;
}

static struct sl_str shout(struct gem_writer *g, struct sl_str word)
{
    char *p = sl_arena_alloc(g->t->a, word.n);
    for (size_t i = 0; i < word.n; i++)
        p[i] = word.p[i] >= 'a' && word.p[i] <= 'z' ? (char)(word.p[i] & ~0x20) : word.p[i];
    return sl_str_of(p, word.n);
}

/* The level's word; empty: nothing to send. */
static struct sl_str level_of(struct gem_writer *g)
{
    enum neutral_effort wanted = effort_wanted(&g->req->reasoning);
    enum neutral_effort level = effort_fit(wanted, g->t->caps->efforts);
    bool has_high = (g->t->caps->efforts & EFFORT_BIT(EFFORT_HIGH)) != 0;
    if (wanted == EFFORT_MEDIUM && level < EFFORT_MEDIUM && has_high)
        level = EFFORT_HIGH; /* of Gemini 3 Pro, which has no medium: translate-gemini.md 6.1 */
    if (wanted == EFFORT_UNSAID || level == EFFORT_UNSAID)
        return SL_STR_NONE;
    if (wanted == EFFORT_NONE)
        neutral_note(g->t->notes, "clamped", term_of(g->req, TERM_REASONING));
    struct sl_str word = effort_word(level);
    return level == EFFORT_XHIGH ? word : shout(g, word); /* the one that Google spells in lower case (gemini.md 6.1) */
}

/* Whether the client can show what the model thinks. Costs nothing more. */
static bool wants_thoughts(const struct gem_writer *g)
{
    enum said visible = g->req->reasoning.visible;
    return visible != SAID_NOTHING ? visible == SAID_YES && g->t->show_reasoning : g->t->show_reasoning;
}

static bool write_thinking(struct gem_writer *g)
{
    const struct neutral_reasoning *r = &g->req->reasoning;
    int64_t budget = 0;
    bool said = effort_wanted(r) != EFFORT_UNSAID || r->budget != -1;
    struct sl_str level = SL_STR_NONE;
    switch (g->t->caps->thinking) {
    case THINK_BUDGET:
        said = budget_of(g, &budget);
        break;
    case THINK_LEVEL:
        level = level_of(g);
        said = level.n > 0;
        break;
    default:
        return !said || effort_wanted(r) == EFFORT_NONE || !drops(g, false, TERM_REASONING, "");
    }
    budget = said ? fitted_budget(g, budget) : budget;
    bool thoughts = wants_thoughts(g) && !(said && level.n == 0 && budget == 0);
    if (!said && !thoughts)
        return true;
    jw_key(&g->w, SL_STR("thinkingConfig"));
    jw_open(&g->w, '{');
    if (level.n > 0) {
        jw_member_inside(&g->w, SL_STR("thinkingLevel"), level);
    } else if (said) {
        jw_key(&g->w, SL_STR("thinkingBudget"));
        jw_i64(&g->w, budget);
    }
    if (thoughts)
        jw_member_bool(&g->w, SL_STR("includeThoughts"), true);
    jw_close(&g->w, '}');
    return true;
}

/* -- All of it -------------------------------------------------------------------------------------------------------------------- */

static void write_google_members(struct gem_writer *g)
{
    struct sl_str head = SL_STR("generationConfig.");
    for (const struct neutral_member *m = g->req->unknown; g->from_google && m != NULL; m = m->next)
        if (sl_str_starts(m->name, head))
            jw_member_raw(&g->w, sl_str_from(m->name, head.n), m->raw);
}

bool gem_write_config(struct gem_writer *g)
{
    size_t before = g->w.to->n;
    bool comma = g->w.comma;
    jw_key(&g->w, SL_STR("generationConfig"));
    jw_open(&g->w, '{');
    size_t empty = g->w.to->n;
    if (!write_numbers(g) || !write_logprobs(g) || !write_format(g) || !write_modalities(g) || !write_thinking(g))
        return false;
    write_google_members(g);
    if (g->w.to->n == empty) { /* nothing was said */
        g->w.to->n = before;
        g->w.comma = comma;
        return true;
    }
    jw_close(&g->w, '}');
    return true;
}
