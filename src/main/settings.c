/* The third pass of the configuration: values -> a snapshot's settings with cross-references resolved. Everything that no
 * single row of a table can know: whether names lead somewhere, whether settings go together, what follows from others.
 * Reports all findings with their places; pure but for that. */
#include <stdio.h>
#include <string.h>

#include "base/hash.h"
#include "base/mem.h"
#include "main/settings_int.h"
#include "provider/provider.h"

#define TOKEN_MIN 16u /* characters: 16 of base 64 are 96 bits */

/* Providers --------------------------------------------------------------------------------------------------------- */

/* Names that the public DNS cannot lead anywhere: one label (a container, a host of the search domain), and RFC 6762,
 * RFC 8375, RFC 6761, ICANN's .internal, cluster-internal .svc. */
static bool is_local_name(struct sl_str host)
{
    static const struct sl_str ENDINGS[] = {SL_STR_INIT(".local"),     SL_STR_INIT(".internal"),  SL_STR_INIT(".lan"),
                                            SL_STR_INIT(".localhost"), SL_STR_INIT(".home.arpa"), SL_STR_INIT(".svc")};
    if (sl_str_find(host, '.') < 0 && sl_str_find(host, ':') < 0)
        return true;
    for (size_t i = 0; i < sizeof ENDINGS / sizeof *ENDINGS; i++)
        if (sl_str_ends(host, ENDINGS[i]))
            return true;
    return false;
}

/* The address of a kind that has one for each region. */
static void resolve_region(struct cfg *c, struct provider_settings *p, const struct provider_kind *kind)
{
    struct sl_str url = provider_region_url(kind, p->region, cfg_arena(c));
    if (url.n > 0)
        SL_CHECK(cfg_parse_url(url, cfg_arena(c), &p->base_url, NULL) == SL_OK);
}

static const char *address_help(enum provider_kind_setting kind)
{
    if (kind == PROVIDER_AZURE)
        return "Write https://RESOURCE.openai.azure.com/openai/v1";
    if (kind == PROVIDER_BEDROCK)
        return "Set region to the AWS region, as in eu-central-1";
    if (kind == PROVIDER_VERTEX)
        return "Set region to the location, as in europe-west4 or global";
    return "Write where its API begins, as in http://10.0.0.5:8000/v1";
}

/* What people paste: an address without its version, or that of one operation. */
static void check_path(struct cfg *c, const struct provider_settings *p)
{
    static const struct sl_str operations[] = {SL_STR_INIT("/chat/completions"), SL_STR_INIT("/completions"),
                                               SL_STR_INIT("/responses"), SL_STR_INIT("/messages"),
                                               SL_STR_INIT("/embeddings")};
    const struct cfg_url *u = &p->base_url;
    if (u->path.n == 0 && p->kind == PROVIDER_AZURE)
        cfg_warn_at(c, u, "Azure's end with /openai/v1, or with /openai where api_version is set",
                    "the address has no path");
    else if (u->path.n == 0 && p->kind != PROVIDER_BEDROCK)
        cfg_warn_at(c, u, "Most servers want /v1 at the end", "the address has no path");
    for (size_t i = 0; i < sizeof operations / sizeof operations[0]; i++)
        if (sl_str_ends(u->path, operations[i])) {
            cfg_warn_at(c, u, "Write where the API begins: the path of what is called is put behind it",
                        "the address ends with that of an operation, " SL_STR_FMT, SL_STR_ARG(operations[i]));
            break;
        }
}

static void resolve_address(struct cfg *c, struct provider_settings *p)
{
    const struct provider_kind *kind = provider_kind_find(sl_str_c(provider_kind_name(p->kind)));
    if (!cfg_is_set(c, &p->base_url) && kind != NULL && kind->base_url.n > 0)
        SL_CHECK(cfg_parse_url(kind->base_url, cfg_arena(c), &p->base_url, NULL) == SL_OK);
    else if (!cfg_is_set(c, &p->base_url) && kind != NULL)
        resolve_region(c, p, kind);
    struct cfg_url *u = &p->base_url;
    if (u->text.n == 0) {
        if (p->kind != PROVIDER_SIM && p->kind != PROVIDER_KIND_NONE && !cfg_is_set(c, u))
            cfg_error_at(c, u, address_help(p->kind), "the address is missing");
        if (p->allow_private == PROVIDER_PRIVATE_AUTO)
            p->allow_private = PROVIDER_PRIVATE_NO;
        return;
    }
    bool is_local = u->is_private || (!u->is_literal && is_local_name(u->host));
    if (p->allow_private == PROVIDER_PRIVATE_AUTO)
        p->allow_private = is_local ? PROVIDER_PRIVATE_YES : PROVIDER_PRIVATE_NO;
    if (u->is_private && p->allow_private == PROVIDER_PRIVATE_NO)
        cfg_error_at(c, u, "Remove allow_private, or name a public address",
                     "the address is a private one, and allow_private is 'no'");
    if (!u->tls && !is_local)
        cfg_warn_at(c, u, "Use https:// where the server has it", "keys and prompts go over the network unencrypted");
    check_path(c, p);
    if (!u->tls && (p->tls.ca.n != 0 || p->tls.verify_name.n != 0))
        cfg_warn_at(c, p->tls.ca.n != 0 ? &p->tls.ca : &p->tls.verify_name, NULL,
                    "has no meaning: the address is not https://");
}

static void check_proxy(struct cfg *c, const struct proxy_settings *p)
{
    if (p->url.text.n != 0 && p->url.tls)
        cfg_error_at(c, &p->url, "Write http://HOST:PORT; what goes through it is encrypted all the same",
                     "TLS to the proxy itself is not spoken");
    if (p->url.text.n != 0 && p->url.path.n != 0)
        cfg_error_at(c, &p->url, "Write http://HOST:PORT", "a proxy has no path");
    if (p->password.n != 0 && p->user.n == 0)
        cfg_error_at(c, &p->password, "Set user too", "a password without a user");
    if (p->url.text.n == 0 && (p->user.n != 0 || p->password.n != 0))
        cfg_error_at(c, p->user.n != 0 ? (const void *)&p->user : &p->password, "Set url too", "there is no proxy");
}

/* A pair of AWS. */
static void check_aws(struct cfg *c, const struct provider_settings *p)
{
    const struct provider_aws_settings *aws = &p->aws;
    if (aws->access_key_id.n == 0 && aws->secret_access_key.n == 0 && aws->session_token.n == 0)
        return;
    if (p->kind != PROVIDER_BEDROCK)
        cfg_error_at(c, &aws->access_key_id, "Remove it", "only kind bedrock signs its requests");
    else if (aws->access_key_id.n == 0 || aws->secret_access_key.n == 0)
        cfg_error_at(c, aws->access_key_id.n == 0 ? &aws->access_key_id : &aws->secret_access_key, "Set it, too",
                     "half of a pair signs nothing");
    else if (p->keys.n > 0)
        cfg_error_at(c, &p->keys, "Remove one of them", "an API key, and a pair under aws");
    else if (!provider_region_is(p->region))
        cfg_error_at(c, &p->region, "Set it to the AWS region, as in eu-central-1", "signatures are made for a region");
}

static void check_keys(struct cfg *c, const struct provider_settings *p)
{
    for (size_t i = 0; i < p->keys.n; i++)
        if (sl_str_starts_nocase(sl_secret_expose(&p->keys.v[i]), SL_STR("bearer ")))
            cfg_error_at(c, &p->keys.v[i], "Write what stands behind it: the header is made from the key",
                         "the key begins with 'Bearer '");
}

static void check_accounts(struct cfg *c, const struct provider_settings *p)
{
    if (p->key_accounts.n > 0 && p->key_accounts.n != p->keys.n)
        cfg_error_at(c, &p->key_accounts, "Write a name for each key, in their order",
                     "names %zu accounts, and there are %zu keys", p->key_accounts.n, p->keys.n);
}

static void resolve_headers(struct cfg *c, struct provider_settings *p)
{
    for (size_t i = 0; i < p->headers.n; i++) {
        struct provider_header_settings *h = &p->headers.v[i];
        char *lower = sl_arena_cstr(cfg_arena(c), h->name);
        for (size_t k = 0; k < h->name.n; k++)
            lower[k] = sl_lower(lower[k]);
        h->name.p = lower;
        for (size_t k = 0; k < i; k++)
            if (sl_str_eq(h->name, p->headers.v[k].name))
                cfg_error_at(c, &h->value, "Keep one of them", "the same header stands here twice");
    }
    for (size_t i = 0; i < p->pass_headers.n; i++) {
        struct sl_str *name = &p->pass_headers.v[i];
        char *lower = sl_arena_cstr(cfg_arena(c), *name);
        for (size_t k = 0; k < name->n; k++)
            lower[k] = sl_lower(lower[k]);
        name->p = lower;
    }
}

/* Kind vertex. What is in the credentials is looked at in settings_files.c. */
static void check_vertex(struct cfg *c, const struct provider_settings *p)
{
    bool token = p->credentials.n > 0;
    for (size_t i = 0; i < p->keys.n; i++)
        token |= sl_str_starts(sl_secret_expose(&p->keys.v[i]), SL_STR("ya29."));
    if (p->credentials.n == 0 && p->keys.n == 0 && !cfg_is_set(c, &p->credentials))
        cfg_error_at(c, &p->credentials, "Write credentials: file:PATH, of a service account, or keys: with an API key",
                     "a provider of kind 'vertex' needs credentials");
    if (p->credentials.n > 0 && p->keys.n > 0)
        cfg_error_at(c, &p->keys, "Keep one of the two", "credentials are there, too");
    if ((token || p->project.n > 0) && p->region.n == 0)
        cfg_error_at(c, &p->region, "Set region to the location, as in europe-west4 or global",
                     "the location is missing");
    if (token && p->credentials.n == 0 && p->project.n == 0)
        cfg_error_at(c, &p->project, "Set project to the Google Cloud project", "an access token needs a project");
}

static void check_entra(struct cfg *c, const struct provider_settings *p)
{
    const struct provider_entra_settings *e = &p->entra;
    if (e->tenant.n == 0 && e->client_id.n == 0 && e->client_secret.n == 0 && e->authority.text.n == 0)
        return;
    if (p->kind != PROVIDER_AZURE)
        cfg_error_at(c, &e->client_id, "Remove it", "only kind azure logs in at Entra ID");
    else if (e->tenant.n == 0)
        cfg_error_at(c, &e->tenant, "Write the tenant's id or domain", "the tenant is missing");
    else if (e->client_id.n == 0)
        cfg_error_at(c, &e->client_id, "Write the application's id", "the application is missing");
    else if (e->client_secret.n == 0)
        cfg_error_at(c, &e->client_secret, "Write \"${AZURE_CLIENT_SECRET}\"", "the application's secret is missing");
    else if (p->keys.n > 0)
        cfg_error_at(c, &p->keys, "Keep one of the two", "an API key, and an application under entra");
}

static void resolve_provider(struct settings *s, struct cfg *c, struct provider_settings *p)
{
    sl_map_put(&s->provider_by_name, p->name, p);
    resolve_address(c, p);
    resolve_headers(c, p);
    check_proxy(c, &p->proxy);
    if (p->only_responses && p->kind != PROVIDER_OPENAI && p->kind != PROVIDER_AZURE)
        cfg_error_at(c, &p->only_responses, "Remove it", "only kinds openai and azure speak Responses");
    if (p->api_version.n > 0 && p->kind != PROVIDER_AZURE)
        cfg_error_at(c, &p->api_version, "Remove it", "only kind azure has versions of that sort");
    if (p->kind == PROVIDER_VERTEX)
        check_vertex(c, p);
    else if (p->credentials.n > 0)
        cfg_error_at(c, &p->credentials, "Write keys", "only kind vertex has credentials of that sort");
    p->no_proxy = p->proxy.url.text.n == 0 && cfg_is_set(c, &p->proxy.url);
    const struct provider_kind *kind = provider_kind_find(sl_str_c(provider_kind_name(p->kind)));
    check_aws(c, p);
    check_keys(c, p);
    check_accounts(c, p);
    check_entra(c, p);
    if (kind != NULL && kind->env_key.n > 0 && p->keys.n == 0 && p->aws.access_key_id.n == 0 &&
        !provider_settings_log_in(p)) {
        struct sl_str todo =
            sl_arena_printf(cfg_arena(c), "Write keys: [\"${" SL_STR_FMT "}\"]", SL_STR_ARG(kind->env_key));
        cfg_error_at(c, &p->keys, sl_arena_cstr(cfg_arena(c), todo), "a provider of kind '%s' needs a key",
                     provider_kind_name(p->kind));
    }
}

static struct sl_str open_prefix_of(const struct provider_settings *p)
{
    const struct provider_kind *kind = provider_kind_find(sl_str_c(provider_kind_name(p->kind)));
    return kind != NULL ? kind->open_prefix : SL_STR_NONE;
}

/* A provider above that gets the same open names. */
static const struct provider_settings *same_open_above(const struct settings *s, size_t i)
{
    struct sl_str prefix = open_prefix_of(&s->providers.v[i]);
    for (size_t k = 0; k < i; k++)
        if (s->providers.v[k].open_models && sl_str_eq(open_prefix_of(&s->providers.v[k]), prefix))
            return &s->providers.v[k];
    return NULL;
}

static void resolve_providers(struct settings *s, struct cfg *c)
{
    s->is_simulated = s->providers.n != 0;
    for (size_t i = 0; i < s->providers.n; i++) {
        struct provider_settings *p = &s->providers.v[i];
        resolve_provider(s, c, p);
        s->is_simulated &= p->kind == PROVIDER_SIM;
        const struct provider_settings *open = p->open_models ? same_open_above(s, i) : NULL;
        if (open != NULL)
            cfg_warn_at(c, &p->open_models, NULL, "has no effect: '" SL_STR_FMT "' above gets these names already",
                        SL_STR_ARG(open->name));
    }
    if (s->providers.n == 0)
        cfg_error_at(c, &s->providers,
                     "Add one, for example: providers: {openai: {kind: openai, keys: "
                     "[\"${OPENAI_API_KEY}\"]}}",
                     "there is no provider");
}

/* Models ------------------------------------------------------------------------------------------------------------ */

static struct sl_str nearest_provider(const struct settings *s, struct sl_str name)
{
    struct sl_str best = SL_STR_NONE;
    unsigned least = 4;
    for (size_t i = 0; i < s->providers.n; i++) {
        unsigned d = sl_str_distance(name, s->providers.v[i].name, least);
        if (d < least) {
            least = d;
            best = s->providers.v[i].name;
        }
    }
    return best;
}

static const char add_provider[] = "Add it under providers";

/* "Did you mean 'openai/gpt-4o'?" */
static const char *meant_target(const struct settings *s, struct cfg *c, struct sl_str name, struct sl_str model)
{
    struct sl_str nearest = nearest_provider(s, name);
    if (nearest.n == 0)
        return add_provider;
    return sl_arena_printf(cfg_arena(c), "Did you mean '" SL_STR_FMT "/" SL_STR_FMT "'?", SL_STR_ARG(nearest),
                           SL_STR_ARG(sl_str_head(model, 100)))
        .p;
}

static void report_unknown_provider(const struct settings *s, struct cfg *c, const struct target_settings *t,
                                    struct sl_str name)
{
    if (!cfg_is_literal(c, &t->to)) /* a variable may hold anything, also what it should not */
        cfg_error_at(c, &t->to, add_provider, "there is no such provider");
    else
        cfg_error_at(c, &t->to, meant_target(s, c, name, t->model), "there is no provider '" SL_STR_FMT "'",
                     SL_STR_ARG(sl_str_head(name, 100)));
}

void settings_unknown_provider(const struct settings *s, struct cfg *c, const struct cfg_tree *tree,
                               const struct cfg_value *at, struct sl_str target)
{
    struct sl_str model = target, name = sl_str_cut(&model, '/');
    if (at != NULL && !at->is_literal && at->kind == CFG_VALUE_TEXT)
        cfg_error_in(c, tree, at, add_provider, "there is no such provider");
    else
        cfg_error_in(c, tree, at, meant_target(s, c, name, model), "there is no provider '" SL_STR_FMT "'",
                     SL_STR_ARG(sl_str_head(name, 100)));
}

static void resolve_target(const struct settings *s, struct cfg *c, const struct model_settings *m,
                           struct target_settings *t)
{
    struct sl_str model = t->to;
    struct sl_str name = sl_str_cut(&model, '/');
    if (t->to.n == 0)
        return; /* missing, which was reported */
    if (model.n == 0 || name.n == 0) {
        cfg_error_at(c, &t->to, "Write provider/model, as in openai/gpt-4o", "not a target");
        return;
    }
    t->model = model;
    t->provider = sl_map_get(&s->provider_by_name, name);
    if (t->provider == NULL)
        report_unknown_provider(s, c, t, name);
    for (const struct target_settings *before = m->targets.v; before < t; before++)
        if (sl_str_eq(before->to, t->to)) {
            cfg_warn_at(c, &t->to, "Keep the first", "the same target stands above already");
            return;
        }
}

static void resolve_alias(struct settings *s, struct cfg *c, struct model_settings *m, const struct sl_str *alias)
{
    const struct model_settings *other = sl_map_get(&s->model_by_name, *alias);
    if (alias->n == 0) {
        cfg_error_at(c, alias, NULL, "an empty name");
    } else if (other == NULL) {
        sl_map_put(&s->model_by_name, *alias, m);
    } else if (other == m) {
        cfg_error_at(c, alias, "Remove it", "this name stands here already");
    } else {
        cfg_error_at(c, alias, "A name can lead to one model only",
                     "this name already leads to the model '" SL_STR_FMT "'",
                     SL_STR_ARG(sl_str_head(other->name, 100)));
    }
}

static void resolve_models(struct settings *s, struct cfg *c)
{
    for (size_t i = 0; i < s->models.n; i++)
        sl_map_put(&s->model_by_name, s->models.v[i].name, &s->models.v[i]);
    for (size_t i = 0; i < s->models.n; i++) {
        struct model_settings *m = &s->models.v[i];
        if (m->targets.n == 0 && m->route.n == 0 && !cfg_is_set(c, &m->targets))
            cfg_error_at(c, m, "Write targets, or a route", "there is no target");
        if (m->targets.n == 0 && cfg_is_set(c, &m->targets))
            cfg_error_at(c, &m->targets, "Write at least one, as in [openai/gpt-4o]", "there is no target");
        for (size_t k = 0; k < m->targets.n; k++)
            resolve_target(s, c, m, &m->targets.v[k]);
        for (size_t k = 0; k < m->aliases.n; k++)
            resolve_alias(s, c, m, &m->aliases.v[k]);
    }
    bool can_ask = s->models.n != 0;
    for (size_t i = 0; i < s->providers.n; i++)
        can_ask |= s->providers.v[i].direct || s->providers.v[i].open_models || s->providers.v[i].models.n != 0;
    if (!can_ask && s->providers.n != 0)
        cfg_warn_at(c, &s->models, "Add one, or let a provider be asked directly",
                    "there is no model that clients could ask for");
}

/* The rest ---------------------------------------------------------------------------------------------------------- */

static bool is_same_address(const struct sl_addr *a, const struct sl_addr *b)
{
    return sl_addr_port(a) != 0 && sl_addr_port(a) == sl_addr_port(b) && sl_addr_host_eq(a, b);
}

static void check_addresses(const struct settings *s, struct cfg *c)
{
    if (s->listen.addresses.n == 0)
        cfg_error_at(c, &s->listen.addresses, "Write at least one, as in 127.0.0.1:8080", "there is no address");
    for (size_t i = 0; i < s->listen.addresses.n; i++) {
        const struct cfg_address *at = &s->listen.addresses.v[i];
        for (size_t k = 0; k < i; k++)
            if (is_same_address(&at->addr, &s->listen.addresses.v[k].addr))
                cfg_error_at(c, at, "Remove it", "the same address stands above already");
        if (s->admin.address.text.n != 0 && is_same_address(&at->addr, &s->admin.address.addr))
            cfg_error_at(c, &s->admin.address, "Choose another port",
                         "clients connect at this address (listen.address)");
    }
}

static void check_admin(const struct admin_settings *a, struct cfg *c)
{
    if (a->address.text.n == 0)
        return;
    if (!cfg_is_set(c, &a->token) && !sl_addr_is_loopback(&a->address.addr))
        cfg_error_at(c, &a->address, "Set admin.token, or listen on 127.0.0.1",
                     "operators could connect from other machines without a token");
    if (a->token.n != 0 && a->token.n < TOKEN_MIN)
        cfg_error_at(c, &a->token, "Make one with: openssl rand -hex 32", "shorter than 16 characters");
}

static void check_tls(const struct listen_tls_settings *t, struct cfg *c)
{
    if (t->cert.n != 0 && t->key.n == 0)
        cfg_error_at(c, &t->cert, "Set key too", "a certificate without its key");
    if (t->key.n != 0 && t->cert.n == 0)
        cfg_error_at(c, &t->key, "Set cert too", "a key without its certificate");
    if (t->client_certificate != LISTEN_CERT_NONE && t->client_ca.n == 0)
        cfg_error_at(c, &t->client_certificate, "Set client_ca",
                     "there is nothing to verify client certificates against");
    if (t->client_certificate != LISTEN_CERT_NONE && t->cert.n == 0)
        cfg_error_at(c, &t->client_certificate, "Set cert and key", "client certificates need TLS");
    if (t->client_ca.n != 0 && t->client_certificate == LISTEN_CERT_NONE)
        cfg_warn_at(c, &t->client_ca, "Set client_certificate: required",
                    "has no effect: client certificates are not asked for");
}

static void check_resilience(const struct resilience_settings *r, struct cfg *c)
{
    const struct deadline_settings *d = &r->deadline;
    if (r->retry.backoff.base_ns > r->retry.backoff.cap_ns)
        cfg_error_at(c, &r->retry.backoff.base_ns, "Lower it, or raise cap", "larger than cap");
    if (d->total_ns == 0)
        return;
    const int64_t *const parts[] = {&d->connect_ns, &d->tls_ns, &d->first_byte_ns, &d->answer_ns, &d->between_bytes_ns};
    const int64_t *const said[] = {&d->first_token_ns, &d->thinking_ns, &d->between_tokens_ns};
    for (size_t i = 0; i < sizeof parts / sizeof *parts; i++)
        if (*parts[i] > d->total_ns && (cfg_is_set(c, parts[i]) || cfg_is_set(c, &d->total_ns)))
            cfg_warn_at(c, parts[i], NULL, "has no effect: resilience.deadline.total is shorter");
    for (size_t i = 0; i < sizeof said / sizeof *said; i++) /* their presets are for the usual total */
        if (*said[i] > d->total_ns && cfg_is_set(c, said[i]))
            cfg_warn_at(c, said[i], NULL, "has no effect: resilience.deadline.total is shorter");
}

static void names_of_providers(const struct settings *s, struct cfg *c, const struct sl_str *v, size_t n)
{
    for (size_t i = 0; i < n; i++)
        if (sl_map_get(&s->provider_by_name, v[i]) == NULL)
            cfg_error_at(c, &v[i], "Write names of providers", "there is no provider '" SL_STR_FMT "'",
                         SL_STR_ARG(sl_str_head(v[i], 100)));
}

/* What rests on something that is turned off. */
static void check_health(const struct settings *s, struct cfg *c)
{
    const struct resilience_settings *r = &s->resilience;
    const struct probe_settings *p = &r->probe;
    const void *const parts[] = {&p->interval_ns, &p->timeout_ns, &p->jitter, &p->providers};
    names_of_providers(s, c, r->concurrency.v, r->concurrency.n);
    names_of_providers(s, c, p->providers.v, p->providers.n);
    for (size_t i = 0; i < sizeof parts / sizeof *parts && p->ask == PROBE_OFF; i++)
        if (cfg_is_set(c, parts[i]))
            cfg_warn_at(c, parts[i], "Set resilience.probe.ask", "has no effect: nothing is asked");
    for (size_t i = 0; i < p->providers.n && p->ask == PROBE_MODELS; i++) {
        const struct provider_settings *of = sl_map_get(&s->provider_by_name, p->providers.v[i]);
        if (of != NULL && (of->kind == PROVIDER_BEDROCK || of->kind == PROVIDER_VERTEX))
            cfg_warn_at(c, &p->providers.v[i], "Set ask: completion",
                        "has no effect: a provider of this kind has no list of models");
    }
    if (r->breaker)
        return;
    static const char *const why = "has no effect: resilience.breaker is false";
    if (p->ask != PROBE_OFF)
        cfg_warn_at(c, &p->ask, NULL, "%s", why);
    if (r->hedge.enabled)
        cfg_warn_at(c, &r->hedge.enabled, NULL, "%s", why);
    if (r->concurrency.n > 0)
        cfg_warn_at(c, &r->concurrency, NULL, "%s", why);
    if (cfg_is_set(c, &r->slow))
        cfg_warn_at(c, &r->slow, NULL, "%s", why);
}

static void check_listen(const struct listen_settings *l, struct cfg *c)
{
    if (l->limits.connections_per_address > l->limits.connections && cfg_is_set(c, &l->limits.connections_per_address))
        cfg_warn_at(c, &l->limits.connections_per_address, NULL, "has no effect: listen.limits.connections is smaller");
    if (l->limits.target_bytes > l->limits.head_bytes)
        cfg_error_at(c, &l->limits.target_bytes, "Lower it, or raise head_bytes",
                     "larger than head_bytes, which it is part of");
}

/* Equal values, equal revision; secrets do not count, so that it may be shown anywhere. */
static void set_revision(struct settings *s, const struct cfg *c)
{
    static const struct sl_hash_key KEY = {UINT64_C(0x736c756963650001), UINT64_C(0x636f6e6669670001)};
    struct sl_buf dump;
    char hex[17];
    sl_buf_init(&dump, 64u << 20);
    cfg_dump_yaml(c, &dump);
    snprintf(hex, sizeof hex, "%016llx", (unsigned long long)sl_hash(KEY, sl_buf_str(&dump)));
    memcpy(s->revision, hex, sizeof s->revision - 1);
    sl_buf_done(&dump);
}

static void check_previous(const struct sl_secret *secret, const struct sl_secret *previous, struct cfg *c)
{
    if (sl_secret_expose(previous).n > 0 && sl_secret_expose(secret).n == 0)
        cfg_error_at(c, previous, "Set the new secret beside it", "nothing is signed with a previous secret alone");
}

static void check_videos(const struct videos_settings *v, struct cfg *c)
{
    check_previous(&v->webhook_secret, &v->webhook_previous, c);
    if (v->webhook_private && v->webhook_hosts.n == 0)
        cfg_error_at(c, &v->webhook_private, "Name them under videos.webhook_hosts",
                     "clients choose the addresses: private ones are only for hosts that are named");
    keep_settings_check(&v->content, c);
}

static void check_media(const struct media_settings *m, struct cfg *c)
{
    if (m->allow_private && m->hosts.n == 0)
        cfg_error_at(c, &m->allow_private, "Name them under media.hosts",
                     "clients choose the URLs: private addresses are only for hosts that are named");
}

/* Terms that no provider meets leave a tenant without any. */
static void check_tenants(struct settings *s, struct cfg *c)
{
    for (size_t i = 0; i < s->tenants.n; i++) {
        const struct tenant_settings *t = &s->tenants.v[i];
        bool zero = t->zero_retention == TENANT_RETENTION_ZERO, any = false;
        check_previous(&t->webhook.secret, &t->webhook.previous, c);
        for (size_t k = 0; k < s->providers.n && !any; k++) {
            const struct provider_settings *p = &s->providers.v[k];
            any = (t->region.n == 0 || route_is_within(p->region, t->region)) && (!zero || p->zero_retention);
        }
        if (!any)
            cfg_warn_at(
                c, &t->name, "Set `region` and `zero_retention` of a provider that may serve it",
                "no provider is where this tenant's requests must stay and keeps as little as they need: all are refused");
    }
}

void settings_resolve(struct settings *s, struct cfg *c)
{
    sl_map_init(&s->provider_by_name);
    sl_map_init(&s->model_by_name);
    sl_map_init(&s->route_by_name);
    resolve_providers(s, c);
    resolve_models(s, c);
    settings_resolve_routes(s, c);
    check_proxy(c, &s->upstream.proxy);
    check_addresses(s, c);
    check_admin(&s->admin, c);
    check_tls(&s->listen.tls, c);
    check_listen(&s->listen, c);
    check_resilience(&s->resilience, c);
    check_health(s, c);
    settings_check_priority(s, c);
    check_videos(&s->videos, c);
    check_tenants(s, c);
    check_media(&s->media, c);
    if (s->files.provider.n > 0 && sl_map_get(&s->provider_by_name, s->files.provider) == NULL)
        cfg_error_at(c, &s->files.provider, "Name one under providers", "there is no provider of that name");
    set_revision(s, c);
}

void settings_free(struct settings *s)
{
    if (s == NULL)
        return;
    sl_map_done(&s->provider_by_name);
    sl_map_done(&s->model_by_name);
    sl_map_done(&s->route_by_name);
    cfg_free(s->cfg); /* s lives in it */
}

const struct provider_settings *settings_provider(const struct settings *s, struct sl_str name)
{
    return sl_map_get(&s->provider_by_name, name);
}

const struct model_settings *settings_model(const struct settings *s, struct sl_str name_or_alias)
{
    return sl_map_get(&s->model_by_name, name_or_alias);
}

/* Reloading --------------------------------------------------------------------------------------------------------- */

struct changes {
    cfg_change_f *f;
    void *arg;
    size_t n_restart;
};

static void on_change(void *arg, struct sl_str path, uint32_t flags)
{
    struct changes *x = arg;
    x->n_restart += (flags & CFG_RESTART) != 0;
    if (x->f != NULL)
        x->f(x->arg, path, flags);
}

size_t settings_compare(const struct settings *running, const struct settings *fresh, cfg_change_f *f, void *arg)
{
    struct changes x = {.f = f, .arg = arg};
    cfg_compare(running->cfg, fresh->cfg, on_change, &x);
    return x.n_restart;
}
