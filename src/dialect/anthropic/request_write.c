/* Writes a Messages request from the neutral form. First everything is prepared and decided (write_tools.c, write_messages.c,
 * write_order.c, write_plan.c), then written from top to bottom; only what this format knows is written. Source:
 * translate-openai-anthropic.md 2, 8, translate-gemini.md 15, bedrock.md 4.1, 11.2 (November 2026). */
#include "dialect/anthropic/anthropic_int.h"

#include "base/hash.h"
#include "dialect/carrier.h"
#include "dialect/effort.h"
#include "dialect/openai_responses/openai_responses.h"
#include "dialect/terms.h"
#include "dialect/unsaid.h"

#define USER_MAX 256u

static bool write_body(struct anthropic_writing *w);

bool anthropic_request_write(struct translation *t, struct sl_buf *out, struct request_refusal *out_refusal)
{
    struct anthropic_writing w = {.t = t,
                                  .req = t->req,
                                  .refusal = out_refusal,
                                  .a = t->a,
                                  .w = json_writer_on(out),
                                  .flags = anthropic_flags(t->caps, t->up_model, t->platform),
                                  .native = t->req->from == &anthropic_dialect,
                                  .family = carrier_family(t->up_model)};
    /* as it is spelled inside of a carrier */
    w.family = carrier_unpack(t->a, carrier_pack(t->a, CARRIER_ANTHROPIC, w.family, SL_STR("-"))).family;
    *out_refusal = (struct request_refusal){.at = 0};
    sl_map_init(&w.by_name);
    sl_map_init(&w.calls);
    bool good = anthropic_prepare_tools(&w) && anthropic_build_messages(&w) && anthropic_finish_messages(&w) &&
                anthropic_plan(&w) && write_body(&w);
    sl_map_done(&w.by_name);
    sl_map_done(&w.calls);
    return good;
}

static struct sl_str term(const struct anthropic_writing *w, enum term what)
{
    return term_of(w->req, what);
}

static bool on_platform(const struct anthropic_writing *w, const char *name)
{
    return sl_str_eq(w->t->platform, sl_str_c(name));
}

/* -- Sampling ------------------------------------------------------------------------------------------------------------------ */

/* A number in millionths, for comparing: no digit of it is ever written. */
static int64_t millionths(struct sl_str raw)
{
    const int64_t most = INT64_C(1000000000000);
    bool minus = raw.n > 0 && raw.p[0] == '-';
    int64_t v = 0, exponent = 0;
    size_t i = minus;
    int scale = 6;
    for (bool fraction = false; i < raw.n && (raw.p[i] == '.' || (raw.p[i] >= '0' && raw.p[i] <= '9')); i++) {
        if (raw.p[i] == '.') {
            fraction = true;
        } else if (v < most) {
            v = v * 10 + (raw.p[i] - '0');
            scale -= fraction;
        } else {
            scale += !fraction;
        }
    }
    struct sl_str rest = sl_str_from(raw, i + 1);
    if (i < raw.n && !sl_str_to_i64(rest.n > 0 && rest.p[0] == '+' ? sl_str_from(rest, 1) : rest, &exponent))
        exponent = 400;
    exponent = exponent > 400 ? 400 : exponent < -400 ? -400 : exponent;
    for (exponent += scale; exponent > 0 && v < most; exponent--)
        v *= 10;
    for (; exponent < 0 && v > 0; exponent++)
        v /= 10;
    v = v > most ? most : v;
    return minus ? -v : v;
}

#define ONE INT64_C(1000000)

static bool thinks(const struct anthropic_writing *w)
{
    return w->thinking == AT_ADAPTIVE || w->thinking == AT_MANUAL;
}

static bool write_temperature(struct anthropic_writing *w)
{
    struct sl_str said = w->req->temperature;
    if (said.n == 0)
        return true;
    int64_t v = millionths(said);
    if ((w->flags & CAP_SAMPLING) == 0 || thinks(w))
        return v == ONE || !anthropic_refuses(w, false, term(w, TERM_TEMPERATURE), "");
    if (v > ONE && anthropic_refuses(w, false, term(w, TERM_TEMPERATURE), "clamped"))
        return false;
    jw_member_raw(&w->w, SL_STR("temperature"), v > ONE ? SL_STR("1") : said);
    return true;
}

static bool write_top_p(struct anthropic_writing *w)
{
    struct sl_str said = w->req->top_p;
    if (said.n == 0)
        return true;
    int64_t v = millionths(said);
    bool both = w->req->temperature.n > 0 && !thinks(w) && !caps_has(w->t->caps, CAP_TEMPERATURE_AND_TOP_P);
    bool low = thinks(w) && v < ONE / 100 * 95;
    if ((w->flags & CAP_SAMPLING) == 0 || both || low)
        return v == ONE || !anthropic_refuses(w, false, term(w, TERM_TOP_P), "");
    jw_member_raw(&w->w, SL_STR("top_p"), said);
    return true;
}

static bool write_top_k(struct anthropic_writing *w)
{
    if (w->req->top_k.n == 0)
        return true;
    if ((w->flags & CAP_SAMPLING) == 0 || thinks(w))
        return !anthropic_refuses(w, false, term(w, TERM_TOP_K), "");
    jw_member_raw(&w->w, SL_STR("top_k"), w->req->top_k);
    return true;
}

static bool write_stops(struct anthropic_writing *w)
{
    const struct neutral_request *req = w->req;
    uint32_t good = 0;
    for (uint32_t i = 0; i < req->n_stops; i++)
        good += !json_is_blank(req->stops[i]);
    if (good < req->n_stops && anthropic_refuses(w, false, term(w, TERM_STOP), "blank ones"))
        return false;
    if (good == 0)
        return true;
    jw_key(&w->w, SL_STR("stop_sequences"));
    jw_open(&w->w, '[');
    for (uint32_t i = 0; i < req->n_stops; i++)
        if (!json_is_blank(req->stops[i]))
            jw_inside(&w->w, req->stops[i]);
    jw_close(&w->w, ']');
    return true;
}

/* -- Thinking and form of output ---------------------------------------------------------------------------------------------------- */

static void write_thinking(struct anthropic_writing *w)
{
    static const struct sl_str words[] = {
        [AT_DISABLED] = SL_STR_INIT("disabled"),
        [AT_BETWEEN_TOOLS] = SL_STR_INIT("between_tools"),
        [AT_ADAPTIVE] = SL_STR_INIT("adaptive"),
        [AT_MANUAL] = SL_STR_INIT("enabled"),
    };
    if (w->thinking == AT_UNSAID || neutral_member_find(w->req->unknown, SL_STR("thinking")) != NULL)
        return;
    jw_key(&w->w, SL_STR("thinking"));
    jw_open(&w->w, '{');
    jw_member_inside(&w->w, SL_STR("type"), words[w->thinking]);
    if (w->thinking == AT_MANUAL)
        jw_member_u64(&w->w, SL_STR("budget_tokens"), w->budget);
    if (w->thinking == AT_ADAPTIVE && w->show_thinking)
        jw_member_inside(&w->w, SL_STR("display"), SL_STR("summarized"));
    jw_close(&w->w, '}');
}

static void write_output_config(struct anthropic_writing *w)
{
    if (w->effort == EFFORT_UNSAID && w->format != AF_NATIVE)
        return;
    jw_key(&w->w, SL_STR("output_config"));
    jw_open(&w->w, '{');
    if (w->effort != EFFORT_UNSAID)
        jw_member_plain(&w->w, SL_STR("effort"), effort_word(w->effort));
    if (w->format == AF_NATIVE) {
        jw_key(&w->w, SL_STR("format"));
        jw_open(&w->w, '{');
        jw_member_inside(&w->w, SL_STR("type"), SL_STR("json_schema"));
        jw_member_raw(&w->w, SL_STR("schema"), w->schema);
        jw_close(&w->w, '}');
    }
    jw_close(&w->w, '}');
}

/* -- The rest --------------------------------------------------------------------------------------------------------------------- */

/* The member must not hold what tells who somebody is (anthropic.md 2.1): mail addresses, phone numbers. */
static bool looks_personal(struct sl_str plain)
{
    size_t digits = 0, others = 0;
    for (size_t i = 0; i < plain.n; i++) {
        char c = plain.p[i];
        if (c == '@')
            return true;
        digits += c >= '0' && c <= '9';
        others += !((c >= '0' && c <= '9') || strchr("+-() ./", c) != NULL);
    }
    return others == 0 && digits >= 7 && digits <= 15;
}

static void write_user(struct anthropic_writing *w)
{
    struct sl_str user = w->req->user;
    if (user.n == 0)
        return;
    struct sl_str plain = json_plain(user, w->a);
    bool personal = looks_personal(plain);
    if (plain.n > USER_MAX || (!w->native && personal))
        user = sl_arena_printf(w->a, "user_%016llx%016llx",
                               (unsigned long long)sl_hash((struct sl_hash_key){0x736c75696365, 0x75736572}, plain),
                               (unsigned long long)sl_hash((struct sl_hash_key){0x75736572, 0x736c75696365}, plain));
    jw_key(&w->w, SL_STR("metadata"));
    jw_open(&w->w, '{');
    jw_member_inside(&w->w, SL_STR("user_id"), user);
    jw_close(&w->w, '}');
}

/* translate-openai-anthropic.md 2.1: who asks for a cheaper or slower tier gets the standard one. */
static bool write_tier(struct anthropic_writing *w)
{
    static const struct {
        struct sl_str said, sent;
        bool noted;
    } rows[] = {
        {SL_STR_INIT("auto"), SL_STR_INIT("auto"), false},
        {SL_STR_INIT("standard_only"), SL_STR_INIT("standard_only"), false},
        {SL_STR_INIT("default"), SL_STR_INIT("standard_only"), false},
        {SL_STR_INIT("standard"), SL_STR_INIT("standard_only"), false},
        {SL_STR_INIT("priority"), SL_STR_INIT("auto"), false},
        {SL_STR_INIT("flex"), SL_STR_INIT("standard_only"), true},
        {SL_STR_INIT("scale"), SL_STR_INIT("standard_only"), true},
    };
    struct sl_str said = w->req->service_tier;
    if (said.n == 0)
        return true;
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        if (!sl_str_eq_nocase(rows[i].said, said))
            continue;
        bool bedrock = on_platform(w, "bedrock") || on_platform(w, "vertex"); /* they refuse the member */
        if (rows[i].noted && anthropic_refuses(w, false, term(w, TERM_SERVICE_TIER), "standard_only"))
            return false;
        if (!bedrock)
            jw_member_plain(&w->w, SL_STR("service_tier"), rows[i].sent);
        return true;
    }
    return !anthropic_refuses(w, false, term(w, TERM_SERVICE_TIER), "");
}

/* What this format cannot say. */
#define UNSAID                                                                                                         \
    (WISH_N | WISH_LOGPROBS | WISH_AUDIO | WISH_IMAGE | WISH_STATE | WISH_SEED | WISH_LOGIT_BIAS | WISH_PENALTIES |    \
     WISH_VERBOSITY | WISH_SAFETY | WISH_METADATA | WISH_CACHE_KEY | WISH_MAX_CALLS | WISH_STORE)

/* Members of this format's own that clients of other formats put into their bodies on purpose (extra_body). */
static bool is_passed(const struct anthropic_writing *w, struct sl_str name)
{
    static const struct sl_str names[] = {SL_STR_INIT("thinking"),      SL_STR_INIT("context_management"),
                                          SL_STR_INIT("mcp_servers"),   SL_STR_INIT("container"),
                                          SL_STR_INIT("inference_geo"), SL_STR_INIT("speed"),
                                          SL_STR_INIT("diagnostics")};
    if (w->native)
        return sl_str_find(name, '.') < 0;
    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++)
        if (sl_str_eq(names[i], name))
            return true;
    return sl_str_eq(name, SL_STR("anthropic_beta")) && on_platform(w, "bedrock"); /* elsewhere it is a header */
}

static bool write_unknown(struct anthropic_writing *w)
{
    for (const struct neutral_member *m = w->req->unknown; m != NULL; m = m->next) {
        if (is_passed(w, m->name)) {
            jw_key_inside(&w->w, m->name);
            jw_raw(&w->w, m->raw);
        } else if (sl_str_eq(m->name, SL_STR("cache_control"))) {
            w->top_cache = (w->flags & CAP_TOP_CACHE) != 0;
        } else if (anthropic_refuses(w, m->harmful, json_plain(m->name, w->a), "")) {
            return false;
        }
    }
    return true;
}

/* -- All of it -------------------------------------------------------------------------------------------------------------------- */

static void write_head(struct anthropic_writing *w)
{
    bool counts = w->req->kind == NO_COUNT_TOKENS, bedrock = on_platform(w, "bedrock"),
         vertex = on_platform(w, "vertex");
    if (bedrock)
        jw_member_inside(&w->w, SL_STR("anthropic_version"), SL_STR("bedrock-2023-05-31"));
    else if (vertex)
        jw_member_inside(&w->w, SL_STR("anthropic_version"), SL_STR("vertex-2023-10-16"));
    if (!(bedrock || vertex) || (vertex && counts))
        jw_member_plain(&w->w, SL_STR("model"), translation_model(w->t));
    if (!counts)
        jw_member_u64(&w->w, SL_STR("max_tokens"), w->max_tokens);
}

static bool write_generation(struct anthropic_writing *w)
{
    if (!write_temperature(w) || !write_top_p(w) || !write_top_k(w) || !write_stops(w))
        return false;
    if (w->req->stream && !on_platform(w, "bedrock"))
        jw_member_bool(&w->w, SL_STR("stream"), true);
    write_user(w);
    return write_tier(w) && !unsaid_refuses(w->t, UNSAID, w->refusal);
}

static bool write_body(struct anthropic_writing *w)
{
    anthropic_limit_marks(w);
    jw_open(&w->w, '{');
    write_head(w);
    if (w->req->kind == NO_GENERATE && !write_generation(w))
        return false;
    write_thinking(w);
    write_output_config(w);
    if (!write_unknown(w))
        return false;
    if (w->top_cache)
        anthropic_write_cache(&w->w, NC_5M);
    anthropic_write_system(w);
    anthropic_write_messages(w);
    anthropic_write_tools(w);
    jw_close(&w->w, '}');
    return true;
}
