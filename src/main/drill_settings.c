/* The user's settings as a drill runs them: everything that decides stays, everything that leads out of the machine goes. In place: the
 * process is the drill's own. */
#include "base/mem.h"
#include "main/drill.h"
#include "provider/provider.h"
#include "sim/presets.h"

#define TOTAL_NS (30 * SL_SEC) /* for a request, all tries */
#define FAKE_KEY "drill-key"

/* ---- deadlines ---- */

static const int64_t *longest_of(const struct deadline_settings *d)
{
    const int64_t *const all[] = {&d->first_byte_ns,  &d->answer_ns,   &d->between_bytes_ns,
                                  &d->first_token_ns, &d->thinking_ns, &d->between_tokens_ns};
    const int64_t *most = all[0];
    for (size_t i = 1; i < sizeof all / sizeof all[0]; i++)
        most = *all[i] > *most ? all[i] : most;
    return most;
}

/* Between a half and all of it, so that their order stays and none is too short for a busy machine. */
int64_t drill_shorter(const struct settings *s, int64_t deadline_ns, int64_t wait_ns)
{
    int64_t most = *longest_of(&s->resilience.deadline);
    if (deadline_ns == 0) /* off: would hang as long as the provider does */
        return wait_ns + wait_ns / 2;
    if (deadline_ns <= wait_ns / 2 || most <= 0)
        return deadline_ns;
    return wait_ns / 2 + (int64_t)((__int128)(wait_ns / 2) * deadline_ns / most);
}

int64_t drill_deadline_of(const struct settings *s, struct sl_str outcome, bool stream)
{
    const struct deadline_settings *d = &s->resilience.deadline;
    const struct {
        const char *outcome;
        int64_t ns;
    } rows[] = {
        {"connect_timeout", d->connect_ns},
        {"tls_timeout", d->tls_ns},
        {"send_timeout", d->send_ns},
        {"first_byte_timeout", stream ? d->first_byte_ns : d->answer_ns},
        {"between_bytes_timeout", d->between_bytes_ns},
        {"first_token_timeout", d->first_token_ns},
        {"stalled", d->between_tokens_ns},
        {"total_timeout", d->total_ns},
    };
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        if (sl_str_eq(sl_str_c(rows[i].outcome), outcome))
            return rows[i].ns;
    }
    return 0;
}

static void shorten(struct settings *s, int64_t wait_ns)
{
    struct settings as_written = *s;
    struct deadline_settings *d = &s->resilience.deadline;
    int64_t *const all[] = {&d->first_byte_ns,  &d->answer_ns,   &d->between_bytes_ns,
                            &d->first_token_ns, &d->thinking_ns, &d->between_tokens_ns};
    for (size_t i = 0; i < sizeof all / sizeof all[0]; i++)
        *all[i] = drill_shorter(&as_written, *all[i], wait_ns);
    if (d->total_ns == 0 || d->total_ns > TOTAL_NS)
        d->total_ns = TOTAL_NS;
}

/* ---- providers ---- */

/* Where the simulator speaks as that provider does. Vertex and Azure keep what is behind their host. */
static struct sl_str path_of(const struct provider_settings *p, struct sl_arena *a)
{
    struct sl_str kind = sl_str_c(provider_kind_name(p->kind));
    switch (p->kind) {
    case PROVIDER_BEDROCK:
        return SL_STR_NONE;
    case PROVIDER_GEMINI:
        return SL_STR("/v1beta");
    case PROVIDER_VERTEX:
    case PROVIDER_AZURE:
        return p->base_url.path;
    default:
        return sim_preset_find(kind) != NULL ? sl_arena_printf(a, "/as/" SL_STR_FMT "/v1", SL_STR_ARG(kind))
                                             : SL_STR("/v1");
    }
}

static void give_key(struct provider_settings *p, struct sl_arena *a, const char *key)
{
    p->keys.v = sl_arena_zalloc(a, sizeof *p->keys.v);
    p->keys.n = 1;
    sl_secret_set(&p->keys.v[0], sl_str_c(key));
}

/* Nothing of what the user wrote is sent, not even to a simulator. */
static void take_secrets(struct provider_settings *p, struct sl_arena *a)
{
    for (size_t i = 0; i < p->keys.n; i++) {
        bool token = sl_str_starts(sl_secret_expose(&p->keys.v[i]), SL_STR("ya29."));
        sl_secret_set(&p->keys.v[i], sl_arena_printf(a, "%s" FAKE_KEY "-%zu",
                                                     token                        ? "ya29."
                                                     : p->kind == PROVIDER_VERTEX ? "AQ."
                                                                                  : "",
                                                     i));
    }
    for (size_t i = 0; i < p->headers.n; i++)
        sl_secret_set(&p->headers.v[i].value, SL_STR("drill"));
    if (p->aws.access_key_id.n > 0) {
        sl_secret_set(&p->aws.access_key_id, SL_STR("AKIADRILLDRILLDRILL0"));
        sl_secret_set(&p->aws.secret_access_key, SL_STR("drilldrilldrilldrilldrilldrilldrilldrill"));
        if (p->aws.session_token.n > 0)
            sl_secret_set(&p->aws.session_token, SL_STR(FAKE_KEY));
    }
    if (provider_settings_log_in(p)) { /* would fetch a token */
        give_key(p, a, p->kind == PROVIDER_VERTEX ? "ya29." FAKE_KEY : FAKE_KEY);
        if (p->kind == PROVIDER_VERTEX && p->project.n == 0)
            p->project = SL_STR("drill");
        sl_secret_done(&p->credentials);
        p->entra = (struct provider_entra_settings){0};
    }
}

static void replace(struct settings *s, uint32_t i, const struct drill_case *c, const struct drill_sims *d)
{
    struct provider_settings *p = &s->providers.v[i];
    struct sl_arena *a = cfg_arena(s->cfg);
    struct sl_str origin = drill_sims_url(d, i, a);
    bool trusts = c->scenario != NULL && c->scenario->at == DRILL_CERTIFICATE && c->victim.provider == i;
    struct sl_str path = path_of(p, a);
    struct sl_str url = sl_arena_printf(a, SL_STR_FMT SL_STR_FMT, SL_STR_ARG(origin), SL_STR_ARG(path));
    SL_CHECK(cfg_parse_url(url, a, &p->base_url, NULL) == SL_OK);
    p->allow_private = PROVIDER_PRIVATE_YES;
    p->no_proxy = true;
    p->http = PROVIDER_HTTP_1;
    p->tls = (struct provider_tls_settings){.ca = trusts ? drill_sims_ca(d) : SL_STR_NONE};
    take_secrets(p, a);
}

/* ---- all of it ---- */

void drill_settings_apply(struct settings *s, const struct drill_case *c, const struct drill_sims *d)
{
    struct sl_arena *a = cfg_arena(s->cfg);
    struct cfg_address *at = SL_ARENA_NEW(a, struct cfg_address);
    for (uint32_t i = 0; i < s->providers.n; i++)
        replace(s, i, c, d);
    shorten(s, c->wait_ns);
    SL_CHECK(sl_addr_parse(SL_STR("127.0.0.1"), 0, &at->addr));
    at->text = SL_STR("127.0.0.1:0");
    s->listen.addresses.v = at;
    s->listen.addresses.n = 1;
    s->listen.workers = 1;
    s->listen.tls = (struct listen_tls_settings){0};
    s->admin.address = (struct cfg_address){0};
    s->state.directory = sl_arena_printf(a, "%s/state", c->folder);
    s->log.access.path = sl_arena_printf(a, "%s/access.jsonl", c->folder);
    s->upstream.proxy = (struct proxy_settings){0};
    s->media.fetch = false;
}
