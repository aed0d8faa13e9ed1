/* Ephemeral keys of the Realtime API (auth/ephemeral.h): made by POST /v1/realtime/client_secrets, /v1/realtime/sessions and
 * /v1/realtime/transcription_sessions, taken for WebSockets of /v1/realtime only. The provider's own are never handed out: whoever had one would speak to the provider past limits and
 * ledger. What the session was to be like goes to the provider as a session.update, before anything that the client says. */
#include "auth/ephemeral.h"
#include "dialect/json_tree.h"
#include "exchange/session.h"

#define SECONDS 600 /* openai.md 18.1 */
#define SECONDS_MIN 10
#define SECONDS_MAX 7200
#define SECONDS_BETA 60

struct secret_asked {
    struct sl_str model;   /* plain */
    struct sl_str session; /* JSON without model; of one that transcribes as it came */
    bool transcribes;
    uint64_t seconds;
};

/* ---- making ---- */

static bool no(struct error_facts *f, enum gateway_error error, const char *param, const char *message)
{
    *f = (struct error_facts){.error = error, .param = sl_str_c(param), .message = sl_str_c(message)};
    return false;
}

static bool read_seconds(const struct json_tree *t, const struct json_node *root, uint64_t *out, struct error_facts *f)
{
    const struct json_node *after = json_get(t, root, SL_STR("expires_after"));
    const struct json_node *seconds = json_get(t, after, SL_STR("seconds"));
    *out = SECONDS;
    if (seconds == NULL)
        return true;
    if (!json_count(json_raw_of(t, seconds), out) || *out < SECONDS_MIN || *out > SECONDS_MAX)
        return no(f, GE_MEMBER_VALUE, "expires_after.seconds", "'expires_after.seconds' must be from 10 to 7200.");
    return true;
}

/* The session without its model, which this gateway knows by other names than the provider. */
static struct sl_str without_model(const struct json_tree *t, const struct json_node *session, bool beta,
                                   struct sl_arena *a)
{
    struct sl_buf b;
    sl_buf_init(&b, 1u << 20);
    for (JSON_EACH(t, session, member)) {
        struct sl_str key = json_key_of(t, member);
        if (json_key_is(t, member, SL_STR("model")) || (beta && json_key_is(t, member, SL_STR("expires_after"))))
            continue;
        sl_buf_addf(&b, "%c\"" SL_STR_FMT "\":", b.n == 0 ? '{' : ',', SL_STR_ARG(key));
        sl_buf_adds(&b, json_raw_of(t, member));
    }
    if (b.n > 0)
        sl_buf_addc(&b, '}');
    struct sl_str text = sl_arena_str(a, sl_buf_str(&b));
    sl_buf_done(&b);
    return text;
}

/* Its model is that which transcribes; the key keeps the message that says so to the provider. */
static bool read_transcription(struct exchange *x, const struct json_tree *t, const struct json_node *session,
                               struct secret_asked *out, struct error_facts *f)
{
    struct realtime_event look;
    size_t n = 0;
    out->seconds = SECONDS_BETA;
    out->session = json_raw_of(t, session);
    struct sl_str setup = transcription_setup(x->a, out->session);
    transcription_look_client(setup, &look);
    char *plain = sl_arena_alloc(x->a, look.model.n + 1);
    if (look.kind != RT_SETUP || look.model.n == 0 || !json_unescape(look.model, plain, &n))
        return no(f, GE_MEMBER_MISSING,
                  x->match.op == OP_TRANSCRIPTION_SESSION ? "input_audio_transcription.model"
                                                          : "session.audio.input.transcription.model",
                  "The session must name the model that transcribes.");
    out->model = sl_str_of(plain, n);
    if (n == 0 || n > MODEL_NAME_MAX)
        return no(f, GE_MODEL_UNKNOWN, "session.model", "The model does not exist or you do not have access to it.");
    if (setup.n > EPHEMERAL_SESSION_MAX)
        return no(f, GE_MEMBER_TOO_LONG, "session",
                  "The session is too long to be part of a key: 4096 bytes. Send the rest by session.update.");
    return true;
}

static bool read_asked(struct exchange *x, struct secret_asked *out, struct error_facts *f)
{
    bool beta = x->match.op != OP_REALTIME_SECRET;
    struct json_tree t;
    if (!json_tree_read(&t, x->body_text, x->a))
        return no(f, GE_BODY_INVALID, "", "The body is not valid JSON.");
    const struct json_node *root = json_root(&t), *session = beta ? root : json_get(&t, root, SL_STR("session"));
    if (json_kind_of(root) != JSON_OBJECT)
        return no(f, GE_BODY_NOT_OBJECT, "", "The body must be a JSON object.");
    if (json_kind_of(session) != JSON_OBJECT)
        return no(f, GE_MEMBER_MISSING, "session", "'session' must say what the key is for.");
    const struct json_node *model = json_get(&t, session, SL_STR("model")),
                           *type = json_get(&t, session, SL_STR("type"));
    out->transcribes = x->match.op == OP_TRANSCRIPTION_SESSION ||
                       (!beta && json_text_is(&t, type, SL_STR("transcription")));
    if (out->transcribes)
        return read_transcription(x, &t, session, out, f) && (beta || read_seconds(&t, root, &out->seconds, f));
    if (type != NULL && !json_text_is(&t, type, SL_STR("realtime")))
        return no(f, GE_UNSUPPORTED, "session.type", "A session's type is 'realtime' or 'transcription'.");
    if (json_kind_of(model) != JSON_STRING)
        return no(f, GE_MEMBER_MISSING, "session.model", "'session.model' must name a model.");
    out->model = json_plain_of(&t, model, x->a);
    if (out->model.n == 0 || out->model.n > MODEL_NAME_MAX)
        return no(f, GE_MODEL_UNKNOWN, "session.model", "The model does not exist or you do not have access to it.");
    out->session = without_model(&t, session, beta, x->a);
    if (out->session.n > EPHEMERAL_SESSION_MAX)
        return no(f, GE_MEMBER_TOO_LONG, "session",
                  "The session is too long to be part of a key: 4096 bytes. Send the rest by session.update.");
    out->seconds = SECONDS_BETA;
    return beta || read_seconds(&t, root, &out->seconds, f);
}

static struct sl_str answer(struct exchange *x, const struct secret_asked *s, struct sl_str key, int64_t expires_s)
{
    struct sl_str rest = s->session.n > 2 ? sl_str_head(sl_str_from(s->session, 1), s->session.n - 2) : SL_STR(""),
                  model = json_quote(x->a, s->model);
    const char *comma = rest.n > 0 ? "," : "";
    char id[SL_ID_TEXT];
    sl_id_text(x->id, id);
    if (x->match.op == OP_TRANSCRIPTION_SESSION)
        return sl_arena_printf(x->a,
                               "{\"id\":\"sess_%s\",\"object\":\"realtime.transcription_session\",\"client_secret\":"
                               "{\"value\":\"" SL_STR_FMT "\",\"expires_at\":%lld}%s" SL_STR_FMT "}",
                               id, SL_STR_ARG(key), (long long)expires_s, comma, SL_STR_ARG(rest));
    if (s->transcribes)
        return sl_arena_printf(x->a,
                               "{\"value\":\"" SL_STR_FMT "\",\"expires_at\":%lld,\"session\":{\"id\":\"sess_%s\","
                               "\"object\":\"realtime.transcription_session\"%s" SL_STR_FMT "}}",
                               SL_STR_ARG(key), (long long)expires_s, id, comma, SL_STR_ARG(rest));
    if (x->match.op == OP_REALTIME_SESSION)
        return sl_arena_printf(x->a,
                               "{\"id\":\"sess_%s\",\"object\":\"realtime.session\",\"model\":" SL_STR_FMT
                               ",\"client_secret\":{\"value\":\"" SL_STR_FMT "\",\"expires_at\":%lld}%s" SL_STR_FMT "}",
                               id, SL_STR_ARG(model), SL_STR_ARG(key), (long long)expires_s, comma, SL_STR_ARG(rest));
    return sl_arena_printf(
        x->a,
        "{\"value\":\"" SL_STR_FMT
        "\",\"expires_at\":%lld,\"session\":{\"id\":\"sess_%s\",\"object\":\"realtime.session\",\"model\":" SL_STR_FMT
        "%s" SL_STR_FMT "}}",
        SL_STR_ARG(key), (long long)expires_s, id, SL_STR_ARG(model), comma, SL_STR_ARG(rest));
}

enum step secret_understand(struct exchange *x)
{
    struct secret_asked asked = {.seconds = 0};
    struct error_facts f = {.error = GE_NONE};
    struct request_facts facts = {.n = 1, .stream = true};
    struct route_plan plan = {.n = 0};
    if (!read_asked(x, &asked, &f)) {
        tel_refuse(x->env->tel, TEL_WHY_BODY);
        return exchange_refuse_with(x, &f);
    }
    facts.model = x->facts.model = asked.model;
    if (!session_plan_of(x, &facts, SL_STR("{}"), &plan))
        return exchange_refuse_with(x,
                                    &(struct error_facts){.error = GE_MODEL_UNKNOWN, .param = SL_STR("session.model")});
    int64_t expires_s = x->wall_ns / SL_SEC + (int64_t)asked.seconds;
    const struct ephemeral e = {.key = x->key->id,
                                .expires_s = expires_s,
                                .model = asked.model,
                                .session = asked.transcribes ? transcription_setup(x->a, asked.session)
                                                             : asked.session};
    x->own_body = answer(x, &asked, ephemeral_write(x->env->pepper, &e, x->a), expires_s);
    exchange_ends(x, ACCESS_GATEWAY, SL_STR("ok"));
    exchange_goto(x, XS_RESPOND);
    return STEP_GO;
}

/* ---- taking ---- */

enum gateway_error secret_authenticate(struct exchange *x)
{
    struct sl_str text;
    if (x->match.op != OP_REALTIME || !ephemeral_find(&x->req->headers, &text))
        return GE_NONE;
    struct ephemeral *e = SL_ARENA_NEW(x->a, struct ephemeral);
    if (!ephemeral_read(x->env->pepper, text, x->a, e))
        return GE_KEY_INVALID;
    const struct auth_key *key = key_table_of_id(x->epoch->keys, e->key, x->wall_ns);
    if (key == NULL || x->wall_ns / SL_SEC >= e->expires_s)
        return GE_KEY_INVALID;
    x->key = key;
    x->key_name = key->name;
    x->secret = e;
    return GE_NONE;
}

bool secret_is_good(const struct exchange *x, const struct key_table *keys)
{
    return key_table_of_id(keys, x->secret->key, sl_loop_wall(x->env->loop)) != NULL;
}

bool secret_transcribes(const struct exchange *x)
{
    static const struct json_watch type = {SL_STR_INIT("type"), -1};
    struct json_member m;
    struct json_info info;
    return json_scan(x->secret->session, &type, 1, &m, &info) == JSON_OK && m.kind == JSON_STRING &&
           sl_str_ends(json_inside(x->secret->session, &m),
                       SL_STR("session.update")); /* a session's own type is another */
}

struct sl_str secret_setup(const struct exchange *x)
{
    return x->secret->session;
}

bool secret_fits_model(struct exchange *x, struct error_facts *out)
{
    if (x->facts.model.n == 0)
        x->facts.model = x->secret->model;
    if (sl_str_eq(x->facts.model, x->secret->model))
        return true;
    *out = (struct error_facts){.error = GE_MEMBER_VALUE,
                                .param = SL_STR("model"),
                                .message = SL_STR("This client secret is for another model.")};
    return false;
}

void secret_configure(struct exchange *x)
{
    const struct ephemeral *e = x->secret;
    struct sl_arena a;
    if (e == NULL || e->session.n == 0)
        return;
    sl_arena_init(&a, x->env->arenas);
    struct sl_str text =
        sl_arena_printf(&a, "{\"type\":\"session.update\",\"session\":" SL_STR_FMT "}", SL_STR_ARG(e->session));
    session_to_provider(x, WS_TEXT, (void *)(uintptr_t)text.p, text.n);
    sl_arena_done(&a);
}
