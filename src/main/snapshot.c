/* Settings -> snapshot: providers with their origins and credentials, the routing policy, TLS contexts. Everything an exchange
 * reads is resolved here, once; the settings themselves stay alive as long as the snapshot. */
#include <stdlib.h>

#include "base/hash.h"
#include "base/mem.h"
#include "dialect/codec.h"
#include "ledger/money.h"
#include "main/gateway.h"
#include "main/settings_files.h"
#include "tls/context.h"

struct full_snapshot {
    struct snapshot s;         /* first */
    struct settings *settings; /* own */
    struct sl_arena arena;
};

static void free_login(struct provider_login *l)
{
    if (l == NULL)
        return;
    credential_done(&l->credential);
    token_cell_unref(l->cell);
    if (l->origin.tls_ctx != NULL)
        tls_context_unref(l->origin.tls_ctx);
    sl_free(l);
}

static void free_snapshot(struct snapshot *s)
{
    struct full_snapshot *f = (struct full_snapshot *)s;
    for (size_t i = 0; i < s->n_providers; i++) {
        provider_release(&s->providers[i].provider);
        free_login(s->providers[i].login);
        sl_free(s->providers[i].keys);
        if (s->providers[i].origin.tls_ctx != NULL)
            tls_context_unref(s->providers[i].origin.tls_ctx);
    }
    tls_context_unref(s->media_tls);
    route_policy_free(s->policy);
    sl_free(s->lanes);
    sl_arena_done(&f->arena);
    settings_free(f->settings);
    sl_free(f);
}

static void share_keys(struct snapshot_provider *p, const struct provider_settings *set, struct health_board *board)
{
    unsigned accounts[HEALTH_KEYS_MAX];
    unsigned n = p->provider.n_credentials;
    if (n != set->key_accounts.n || n > HEALTH_KEYS_MAX)
        return;
    for (unsigned i = 0; i < n; i++)
        for (accounts[i] = 0; !sl_str_eq(set->key_accounts.v[accounts[i]], set->key_accounts.v[i]);)
            accounts[i]++;
    health_keys_share(board, p->keys, n, accounts);
}

/* Which key is which, also behind a reload; nobody can get a key back from it. */
static void attach_keys(struct snapshot_provider *p, const struct provider_settings *set, struct health_board *board)
{
    unsigned n = p->provider.n_credentials;
    if (n == 0)
        return;
    uint64_t *hashes = sl_calloc(n, sizeof *hashes);
    for (unsigned i = 0; i < n; i++)
        hashes[i] = sl_hash(sl_hash_process_key(), sl_secret_expose(&p->provider.credentials[i]));
    p->keys = sl_calloc(n, sizeof *p->keys);
    health_keys_set(board, p->provider.name, hashes, n, p->keys);
    share_keys(p, set, board);
    sl_free(hashes);
}

void snapshot_attach_lanes(struct snapshot *s, struct health_board *board)
{
    if (!snapshot_settings(s)->resilience.breaker)
        return;
    const struct resilience_settings *r = &snapshot_settings(s)->resilience;
    for (size_t i = 0; i < s->n_providers; i++) {
        for (size_t k = 0; k < r->concurrency.n; k++)
            s->providers[i].adaptive |= sl_str_eq(r->concurrency.v[k], s->providers[i].provider.name);
        s->some_adaptive |= s->providers[i].adaptive;
        s->providers[i].probed = r->probe.providers.n == 0;
        for (size_t k = 0; k < r->probe.providers.n; k++)
            s->providers[i].probed |= sl_str_eq(r->probe.providers.v[k], s->providers[i].provider.name);
    }
    for (size_t i = 0; i < s->n_providers; i++)
        attach_keys(&s->providers[i], &snapshot_settings(s)->providers.v[i], board);
    s->n_lanes = route_policy_targets(s->policy);
    s->lanes = sl_calloc(s->n_lanes, sizeof(struct health_lane *));
    for (uint32_t i = 0; i < s->n_lanes; i++) {
        uint32_t provider;
        struct sl_str model;
        route_policy_target(s->policy, i, &provider, &model);
        s->lanes[i] = health_lane_of(board, s->providers[provider].provider.name, model);
    }
}

const struct settings *snapshot_settings(const struct snapshot *s)
{
    return ((const struct full_snapshot *)s)->settings;
}

bool settings_need_sim(const struct settings *s)
{
    for (size_t i = 0; i < s->providers.n; i++)
        if (s->providers.v[i].kind == PROVIDER_SIM && s->providers.v[i].base_url.text.n == 0)
            return true;
    return false;
}

/* ---- providers ---- */

static void fill_provider(struct sl_arena *a, const struct provider_settings *p, struct provider *out)
{
    struct provider_header *headers = sl_arena_alloc(a, (p->headers.n + 1) * sizeof *headers);
    for (size_t i = 0; i < p->headers.n; i++)
        headers[i] =
            (struct provider_header){.name = p->headers.v[i].name, .value = sl_secret_expose(&p->headers.v[i].value)};
    struct provider_deployment *deployments = sl_arena_alloc(a, (p->deployments.n + 1) * sizeof *deployments);
    for (size_t i = 0; i < p->deployments.n; i++)
        deployments[i] =
            (struct provider_deployment){.name = p->deployments.v[i].name, .model = p->deployments.v[i].model};
    *out = (struct provider){
        .name = p->name,
        .kind = provider_kind_find(sl_str_c(provider_kind_name(p->kind))),
        .base_path = p->base_url.text.n > 0 ? p->base_url.path : SL_STR("/v1"),
        .n_credentials = (unsigned)p->keys.n,
        .api_version = p->api_version,
        .only_responses = p->only_responses,
        .organization = p->organization,
        .project = p->project,
        .location = p->region,
        .headers = headers,
        .n_headers = (unsigned)p->headers.n,
        .deployments = deployments,
        .n_deployments = (unsigned)p->deployments.n,
        .pass = p->pass_headers.v,
        .n_pass = (unsigned)p->pass_headers.n,
    };
    out->credentials = sl_calloc(p->keys.n, sizeof *out->credentials);
    for (size_t i = 0; i < p->keys.n; i++)
        sl_secret_set(&out->credentials[i], sl_secret_expose(&p->keys.v[i]));
    sl_secret_set(&out->aws.id, sl_secret_expose(&p->aws.access_key_id));
    sl_secret_set(&out->aws.secret, sl_secret_expose(&p->aws.secret_access_key));
    sl_secret_set(&out->aws.session, sl_secret_expose(&p->aws.session_token));
    out->aws.region = p->region;
    provider_prepare(out);
}

/* "Basic " and base64 of user:password (RFC 7617). */
static struct sl_str proxy_authorization(struct sl_arena *a, struct sl_str user, struct sl_str password)
{
    static const char digits[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    size_t n = user.n + 1 + password.n, at = 6;
    unsigned char *in = sl_arena_zalloc(a, n + 2);
    char *out = sl_arena_alloc(a, 6 + (n + 2) / 3 * 4);
    memcpy(in, user.p, user.n);
    in[user.n] = ':';
    if (password.n > 0)
        memcpy(in + user.n + 1, password.p, password.n);
    memcpy(out, "Basic ", 6);
    for (size_t i = 0; i < n; i += 3) {
        unsigned v = (unsigned)in[i] << 16 | (unsigned)in[i + 1] << 8 | in[i + 2];
        out[at++] = digits[v >> 18];
        out[at++] = digits[v >> 12 & 63];
        out[at++] = i + 1 < n ? digits[v >> 6 & 63] : '=';
        out[at++] = i + 2 < n ? digits[v & 63] : '=';
    }
    return sl_str_of(out, at);
}

static void fill_proxy(struct sl_arena *a, const struct proxy_settings *p, struct upstream_origin *o)
{
    o->proxy_host = p->url.host;
    o->proxy_port = p->url.port;
    if (p->user.n > 0)
        o->proxy_auth = proxy_authorization(a, p->user, sl_secret_expose(&p->password));
}

static void fill_address(struct sl_arena *a, const struct provider_settings *p, const struct sl_addr *sim,
                         struct upstream_origin *o)
{
    char text[SL_ADDR_TEXT];
    if (p->base_url.text.n > 0) {
        o->host = p->base_url.host;
        o->authority = p->base_url.authority;
        o->port = p->base_url.port;
        o->tls = p->base_url.tls;
        return;
    }
    sl_addr_text(sim, text); /* the simulator inside the process */
    o->authority = sl_arena_str(a, sl_str_c(text));
    o->host = SL_STR("127.0.0.1");
    o->port = sl_addr_port(sim);
    o->allow_private = true;
}

/* Equal for origins that may share connections: everything that a connection depends on. */
static uint64_t origin_id(struct sl_arena *a, const struct upstream_origin *o, const struct provider_settings *p)
{
    struct sl_str all =
        sl_arena_printf(a, "%d|" SL_STR_FMT "|%u|%d|" SL_STR_FMT "|" SL_STR_FMT "|" SL_STR_FMT "|%u|" SL_STR_FMT,
                        o->tls, SL_STR_ARG(o->host), o->port, (int)o->http, SL_STR_ARG(o->tls_name),
                        SL_STR_ARG(p->tls.ca), SL_STR_ARG(o->proxy_host), o->proxy_port, SL_STR_ARG(o->proxy_auth));
    return sl_hash(sl_hash_process_key(), all) | 1;
}

/* An amount that was checked when it was read; none: 0. */
static int64_t usd(struct sl_str text)
{
    int64_t p = 0;
    if (text.n > 0)
        SL_CHECK(money_parse_usd(text, &p) == SL_OK);
    return p;
}

/* The last of an origin: what it shares connections by, and what its certificate is verified with. */
static enum sl_err name_and_trust(struct full_snapshot *f, const struct provider_settings *p, struct upstream_origin *o,
                                  struct sl_fail *fail)
{
    o->id = origin_id(&f->arena, o, p);
    if (!o->tls)
        return SL_OK;
    return tls_context_new_client(
        &(struct tls_client_options){.ca_file = p->tls.ca, .min_version = TLS_1_2, .resume = true}, &o->tls_ctx, NULL,
        fail);
}

static enum sl_err fill_origin(struct full_snapshot *f, const struct provider_settings *p, const struct sl_addr *sim,
                               struct upstream_origin *o, struct sl_fail *fail)
{
    const struct settings *s = f->settings;
    *o = (struct upstream_origin){
        .provider = p->name,
        .allow_private = p->allow_private == PROVIDER_PRIVATE_YES,
        .http = p->http == PROVIDER_HTTP_1   ? UPSTREAM_HTTP1
                : p->http == PROVIDER_HTTP_2 ? UPSTREAM_HTTP2
                                             : UPSTREAM_AUTO,
        .max_idle = s->upstream.idle_connections,
        .idle_ns = s->upstream.idle_ns,
    };
    fill_address(&f->arena, p, sim, o);
    o->tls_name = p->tls.verify_name.n > 0 ? p->tls.verify_name : o->host;
    if (!p->no_proxy && o->host.n > 0 && p->base_url.text.n > 0)
        fill_proxy(&f->arena, p->proxy.url.text.n > 0 ? &p->proxy : &s->upstream.proxy, o);
    return name_and_trust(f, p, o, fail);
}

/* ---- credentials that tokens are fetched with ---- */

/* The token's server: like the provider's own, on the way there and in what is trusted. */
static enum sl_err fill_token_origin(struct full_snapshot *f, const struct provider_settings *p,
                                     const struct credential *c, struct upstream_origin *o, struct sl_fail *fail)
{
    bool metadata = c->kind == CREDENTIAL_METADATA; /* link-local, and what the operator wrote */
    *o = (struct upstream_origin){
        .provider = p->name,
        .host = c->token_url.host,
        .authority = c->token_url.authority,
        .port = c->token_url.port,
        .tls = c->token_url.tls,
        .tls_name = c->token_url.host,
        .allow_private = metadata || p->allow_private == PROVIDER_PRIVATE_YES,
        .http = UPSTREAM_AUTO,
        .max_idle = 1,
        .idle_ns = f->settings->upstream.idle_ns,
    };
    if (!p->no_proxy && !metadata)
        fill_proxy(&f->arena, p->proxy.url.text.n > 0 ? &p->proxy : &f->settings->upstream.proxy, o);
    return name_and_trust(f, p, o, fail);
}

/* One for a credential, whoever uses it: several locations of one account. */
static struct token_cell *cell_of(const struct full_snapshot *f, uint64_t identity)
{
    for (size_t i = 0; i < f->s.n_providers; i++) {
        const struct provider_login *l = f->s.providers[i].login;
        if (l != NULL && l->cell != NULL && token_cell_identity(l->cell) == identity)
            return token_cell_ref(l->cell);
    }
    return token_cell_new(identity);
}

static enum sl_err fill_login(struct full_snapshot *f, const struct provider_settings *p, struct snapshot_provider *out,
                              struct sl_fail *fail)
{
    struct credential_trouble why = {.text = ""};
    struct credential c;
    if (!provider_settings_log_in(p))
        return SL_OK;
    if (!settings_credential(p, &f->arena, &c, &why))
        return sl_fail_set(fail, SL_EINVAL, "", "provider '" SL_STR_FMT "': the credential %s", SL_STR_ARG(p->name),
                           why.text);
    struct provider_login *l = SL_NEW(struct provider_login);
    out->login = l;
    l->credential = c;
    l->cell = cell_of(f, c.identity);
    if (out->provider.project.n == 0)
        out->provider.project = c.project;
    out->provider.quota_project = c.quota_project;
    return fill_token_origin(f, p, &l->credential, &l->origin, fail);
}

void snapshot_adopt_tokens(struct snapshot *fresh, const struct snapshot *old)
{
    for (size_t i = 0; i < fresh->n_providers; i++)
        for (size_t k = 0; fresh->providers[i].login != NULL && k < old->n_providers; k++) {
            struct provider_login *to = fresh->providers[i].login;
            const struct provider_login *from = old->providers[k].login;
            if (from == NULL || token_cell_identity(from->cell) != token_cell_identity(to->cell))
                continue;
            token_cell_unref(to->cell);
            to->cell = token_cell_ref(from->cell);
            break;
        }
}

/* ---- policy ---- */

/* What routing may exclude a target for: from the tables of the dialect that the provider is spoken to in. A name that no row knows is
 * not judged, and neither is what a simulator answers. */
static void caps_of(const void *snapshot, uint32_t provider_index, struct sl_str model, struct route_caps *out)
{
    static const struct {
        unsigned flag, need;
    } rows[] = {{CAP_TOOLS, ROUTE_NEED_TOOLS},         {CAP_IMAGES, ROUTE_NEED_IMAGES},
                {CAP_AUDIO, ROUTE_NEED_AUDIO},         {CAP_VIDEO, ROUTE_NEED_VIDEO},
                {CAP_IMAGE_OUT, ROUTE_NEED_IMAGE_OUT}, {CAP_AUDIO_OUT, ROUTE_NEED_AUDIO_OUT}};
    const struct provider *p = &((const struct snapshot *)snapshot)->providers[provider_index].provider;
    const struct dialect *d = dialect_find(provider_dialect(p, SL_STR("openai"), model));
    *out = (struct route_caps){.known = false};
    if (d == NULL || d->codec == NULL || sl_str_eq(p->kind->name, SL_STR("sim")))
        return;
    const struct model_caps *c = caps_find(d->codec->caps, provider_known_model(p, model));
    if (c == NULL || sl_str_eq(c->pattern, SL_STR("*")))
        return;
    *out = (struct route_caps){.known = true, .context = c->context, .max_output = c->max_output};
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++)
        if (caps_has(c, rows[i].flag))
            out->can |= rows[i].need;
}

/* The files of the policy's scripts, read once: what a snapshot runs does not change under it. */
static enum sl_err load_scripts(struct full_snapshot *f, struct sl_fail *fail)
{
    uint32_t n = route_policy_scripts(f->s.policy);
    struct route_script_text *texts = sl_arena_zalloc(&f->arena, (n + 1) * sizeof *texts);
    struct route_scripts *compiled;
    for (uint32_t i = 0; i < n; i++) {
        struct sl_buf b;
        const char *path = sl_arena_cstr(&f->arena, route_policy_script(f->s.policy, i));
        sl_buf_init(&b, SCRIPT_TEXT_MAX);
        enum sl_err e = cfg_read_file(path, SCRIPT_TEXT_MAX, &b, fail);
        texts[i] = (struct route_script_text){sl_str_c(path), sl_arena_str(&f->arena, sl_buf_str(&b))};
        sl_buf_done(&b);
        if (e != SL_OK)
            return e;
    }
    f->s.scripts = texts;
    f->s.n_scripts = n;
    if (n == 0)
        return SL_OK;
    enum sl_err e = route_scripts_new(texts, n, &compiled, fail);
    if (e == SL_OK)
        route_scripts_free(compiled);
    return e;
}

/* What routes say differently from `resilience`, for exchanges. */
static void take_terms(struct full_snapshot *f)
{
    const struct settings *s = f->settings;
    struct snapshot_route *routes = sl_arena_zalloc(&f->arena, (s->routes.n + 1) * sizeof *routes);
    _Static_assert((int)ROUTE_RESCUE_CONTINUE == (int)RESCUE_CONTINUE + 1 &&
                       (int)ROUTE_RESCUE_HOLD == (int)RESCUE_HOLD + 1,
                   "the same words in the same order");
    for (size_t i = 0; i < s->routes.n; i++) {
        const struct route_settings *r = &s->routes.v[i];
        const struct route_deadline_settings *d = &r->deadline;
        routes[i] = (struct snapshot_route){
            .name = r->name,
            .has_rescue = r->rescue != ROUTE_RESCUE_AS_ALL,
            .terms = {.rescue = r->rescue != ROUTE_RESCUE_AS_ALL ? (enum rescue_policy)(r->rescue - 1)
                                                                 : RESCUE_CONTINUE,
                      .first_token_ns = d->first_token_ns,
                      .thinking_ns = d->thinking_ns,
                      .between_tokens_ns = d->between_tokens_ns,
                      .first_byte_ns = d->first_byte_ns,
                      .answer_ns = d->answer_ns},
            .total_ns = d->total_ns,
        };
    }
    f->s.routes = routes;
    f->s.n_routes = s->routes.n;
}

static struct route_route_spec *route_specs(struct full_snapshot *f)
{
    const struct settings *s = f->settings;
    struct route_route_spec *routes = sl_arena_zalloc(&f->arena, (s->routes.n + 1) * sizeof *routes);
    for (size_t i = 0; i < s->routes.n; i++) {
        const struct route_settings *r = &s->routes.v[i];
        struct route_rule_spec *rules = sl_arena_alloc(&f->arena, (r->rules.n + 1) * sizeof *rules);
        for (size_t k = 0; k < r->rules.n; k++)
            rules[k] = *r->rules.v[k].rule;
        routes[i] = (struct route_route_spec){
            .name = r->name, .rules = rules, .n_rules = r->rules.n, .on_request = r->on_request};
    }
    return routes;
}

static enum sl_err build_policy(struct full_snapshot *f, struct sl_fail *fail)
{
    const struct settings *s = f->settings;
    struct sl_arena *a = &f->arena;
    struct route_provider_spec *providers = sl_arena_zalloc(a, (s->providers.n + 1) * sizeof *providers);
    struct route_model_spec *models = sl_arena_zalloc(a, (s->models.n + 1) * sizeof *models);
    size_t n_aliases = 0;
    for (size_t i = 0; i < s->models.n; i++)
        n_aliases += s->models.v[i].aliases.n;
    struct route_alias_spec *aliases = sl_arena_zalloc(a, (n_aliases + 1) * sizeof *aliases);
    size_t at = 0;
    for (size_t i = 0; i < s->providers.n; i++)
        providers[i] = (struct route_provider_spec){.name = s->providers.v[i].name,
                                                    .direct = s->providers.v[i].direct,
                                                    .open_models = s->providers.v[i].open_models,
                                                    .open_prefix = f->s.providers[i].provider.kind->open_prefix,
                                                    .models = s->providers.v[i].models.v,
                                                    .n_models = s->providers.v[i].models.n,
                                                    .region = s->providers.v[i].region,
                                                    .zero_retention = s->providers.v[i].zero_retention};
    for (size_t i = 0; i < s->models.n; i++) {
        const struct model_settings *m = &s->models.v[i];
        models[i] = (struct route_model_spec){.name = m->name, .group = m->group, .route = m->route};
        for (size_t k = 0; k < m->aliases.n; k++)
            aliases[at++] = (struct route_alias_spec){.name = m->aliases.v[k], .model = m->name};
    }
    const struct route_policy_spec spec = {
        .providers = providers,
        .n_providers = s->providers.n,
        .models = models,
        .n_models = s->models.n,
        .aliases = aliases,
        .n_aliases = n_aliases,
        .created_s = sl_clock_wall_ns() / SL_SEC,
        .caps = caps_of,
        .caps_arg = &f->s,
        .routes = route_specs(f),
        .n_routes = s->routes.n,
    };
    take_terms(f);
    return route_policy_build(&spec, &f->s.policy, fail);
}

static void fill_plain(struct full_snapshot *f)
{
    const struct settings *s = f->settings;
    const struct deadline_settings *d = &s->resilience.deadline;
    f->s.revision_text = sl_str_c(s->revision);
    f->s.set = (struct exchange_policy){
        .hold_bytes = s->relay.hold_bytes,
        .body_bytes = s->listen.limits.body_bytes,
        .decoded_body_bytes = s->listen.limits.decoded_body_bytes,
        .answer_bytes = s->upstream.answer_bytes,
        .event_bytes = s->relay.sse_event_bytes,
        .fan_out = s->relay.fan_out,
        .spill_bytes = s->relay.spill_bytes,
        .body_memory = s->relay.body_memory,
        .spill_dir = s->relay.spill_directory.n > 0 ? s->relay.spill_directory.p : NULL,
        .unsupported = (unsigned)s->relay.on_unsupported, /* the same order */
        .answer_ns = d->answer_ns,
        .rescue = s->resilience.rescue,
        .hold_pieces = s->resilience.hold.pieces,
        .hold_more_ns = s->resilience.hold.time_ns,
        .priority = {.high = s->limits.priority.high.v,
                     .n_high = s->limits.priority.high.n,
                     .low = s->limits.priority.low.v,
                     .n_low = s->limits.priority.low.n,
                     .header = s->limits.priority.header},
        .adaptive = s->limits.adaptive,
        .slow_stays = s->resilience.slow == SLOW_STAYS,
        .hedge = s->resilience.hedge.enabled,
        .probe = {.ask = s->resilience.probe.ask,
                  .interval_ns = s->resilience.probe.interval_ns,
                  .timeout_ns = s->resilience.probe.timeout_ns,
                  .jitter_percent = s->resilience.probe.jitter},
        .hedge_input_tokens = s->resilience.hedge.input_tokens,
        .hold_start_ns = s->relay.hold_start_ns,
        .first_token_ns = d->first_token_ns,
        .thinking_ns = d->thinking_ns,
        .between_tokens_ns = d->between_tokens_ns,
        .media = {.fetch = s->media.fetch,
                  .plain_http = s->media.plain_http,
                  .allow_private = s->media.allow_private && s->media.hosts.n > 0,
                  .count = s->media.count,
                  .parallel = s->media.parallel,
                  .max_bytes = s->media.max_bytes,
                  .total_bytes = s->media.total_bytes,
                  .timeout_ns = s->media.timeout_ns,
                  .hosts = s->media.hosts.v,
                  .n_hosts = s->media.hosts.n},
        .realtime = {.message_bytes = (size_t)s->realtime.message_bytes,
                     .session_ns = s->realtime.session_ns,
                     .idle_ns = s->realtime.idle_ns,
                     .ping_ns = s->realtime.ping_ns,
                     .responses_per_minute = s->realtime.responses_per_minute},
        .open_synced = s->ledger.open == LEDGER_SYNCED,
        .queue_ns = s->limits.queue_ns,
        .write_ns = s->listen.deadlines.write_ns,
        .settle_ns = 2 * SL_SEC,
        .close_synced = s->ledger.close == LEDGER_SYNCED,
        .full_refuses = s->ledger.on_full == LEDGER_REFUSE,
        .videos = {.keep_ns = s->videos.keep_ns,
                   .hook = {.secret = sl_secret_expose(&s->videos.webhook_secret),
                            .previous = sl_secret_expose(&s->videos.webhook_previous)},
                   .hook_hosts = s->videos.webhook_hosts.v,
                   .n_hook_hosts = s->videos.webhook_hosts.n,
                   .hook_private = s->videos.webhook_private && s->videos.webhook_hosts.n > 0,
                   .callback = s->videos.callback_url,
                   .prompts = s->videos.keep_prompts,
                   .zero_retention = s->videos.zero_retention,
                   .polls_per_second = s->videos.polls_per_second,
                   .poll_first_ns = s->videos.poll_first_ns,
                   .poll_ns = s->videos.poll_ns,
                   .poll_max_ns = s->videos.poll_max_ns,
                   .resolve_ns = s->videos.resolve_ns},
        .files = {.provider = s->files.provider, .max_bytes = s->files.max_bytes, .time_ns = s->files.time_ns},
        .batches = {.parallel = s->batches.parallel,
                    .tries = s->batches.tries,
                    .window_ns = s->batches.window_ns,
                    .keep_ns = s->batches.keep_ns,
                    .retry_ns = s->batches.retry_ns,
                    .poll_ns = s->batches.poll_ns,
                    .max_bytes = s->batches.max_bytes,
                    .zero_retention = s->batches.zero_retention},
        .stored = {.off = !s->responses.store,
                   .tenant_scope = s->responses.scope == RESPONSES_OF_TENANT,
                   .synced = s->responses.write == RESPONSES_SYNCED,
                   .keep_ns = s->responses.keep_ns,
                   .max_bytes = s->responses.max_bytes,
                   .per_key = s->responses.per_key,
                   .except = s->responses.except.v,
                   .n_except = s->responses.except.n},
    };
    f->s.retry = (struct retry_policy){
        .attempts = s->resilience.retry.attempts,
        .base_ns = s->resilience.retry.backoff.base_ns,
        .cap_ns = s->resilience.retry.backoff.cap_ns,
        .wait_cap_ns = s->resilience.retry.wait_cap_ns,
        .filtered_next = s->resilience.content_filter == FILTER_NEXT,
        .cost_p = usd(s->resilience.retry.max_cost),
    };
    f->s.deadlines = (struct attempt_deadlines){
        .connect_ns = d->connect_ns,
        .tls_ns = d->tls_ns,
        .send_ns = d->send_ns,
        .first_byte_ns = d->first_byte_ns,
        .between_ns = d->between_bytes_ns,
        .total_due_ns = d->total_ns > 0 ? d->total_ns : 24 * 60 * SL_MIN,
    };
    f->s.set.realtime.cost_p = usd(s->realtime.max_cost);
}

static int by_tenant(const void *a, const void *b)
{
    return sl_str_cmp(((const struct tenant_terms *)a)->name, ((const struct tenant_terms *)b)->name);
}

static void fill_tenants(struct full_snapshot *f)
{
    const struct settings *s = f->settings;
    struct tenant_terms *v = sl_arena_zalloc(&f->arena, (s->tenants.n + 1) * sizeof *v);
    for (size_t i = 0; i < s->tenants.n; i++)
        v[i] = (struct tenant_terms){.name = s->tenants.v[i].name,
                                     .region = s->tenants.v[i].region,
                                     .hook = {.secret = sl_secret_expose(&s->tenants.v[i].webhook.secret),
                                              .previous = sl_secret_expose(&s->tenants.v[i].webhook.previous)},
                                     .zero_retention = s->tenants.v[i].zero_retention == TENANT_RETENTION_ZERO};
    qsort(v, s->tenants.n, sizeof *v, by_tenant);
    f->s.tenants = v;
    f->s.n_tenants = s->tenants.n;
}

enum sl_err snapshot_build(struct settings *s, const struct sl_addr *sim_addr, struct snapshot **out,
                           struct sl_fail *fail)
{
    struct full_snapshot *f = SL_NEW(struct full_snapshot);
    enum sl_err e = SL_OK;
    f->settings = s;
    f->s.refs = 1;
    f->s.free_it = free_snapshot;
    sl_arena_init(&f->arena, NULL);
    fill_plain(f);
    fill_tenants(f);
    f->s.providers = sl_arena_zalloc(&f->arena, (s->providers.n + 1) * sizeof *f->s.providers);
    for (size_t i = 0; i < s->providers.n && e == SL_OK; i++) {
        struct snapshot_provider *p = &f->s.providers[i];
        fill_provider(&f->arena, &s->providers.v[i], &p->provider);
        p->price_provider = p->provider.kind->prices.n > 0 ? p->provider.kind->prices : s->providers.v[i].name;
        p->keeps_nothing = s->providers.v[i].zero_retention;
        p->no_files = s->providers.v[i].files == FILES_AUTO ? !p->provider.kind->files
                                                            : s->providers.v[i].files == FILES_HERE;
        f->s.n_providers = i + 1;
        e = fill_origin(f, &s->providers.v[i], sim_addr, &p->origin, fail);
        if (e == SL_OK)
            e = fill_login(f, &s->providers.v[i], p, fail);
    }
    if (e == SL_OK) /* no sessions are kept: these are servers of anybody (media, links to videos) */
        e = tls_context_new_client(&(struct tls_client_options){.min_version = TLS_1_2, .later = true}, &f->s.media_tls,
                                   NULL, fail);
    if (e == SL_OK)
        keep_place_fill(&s->videos.content, f->s.media_tls, &f->arena, &f->s.set.videos.place);
    if (e == SL_OK)
        e = build_policy(f, fail);
    if (e == SL_OK)
        e = load_scripts(f, fail);
    if (e != SL_OK) {
        f->settings = NULL; /* stays the caller's */
        free_snapshot(&f->s);
        return e;
    }
    *out = &f->s;
    return SL_OK;
}
