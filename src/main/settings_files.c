/* Each finding stands at the setting that names the file. A file's name is shown only where it stands in the configuration as
 * it is: a variable may hold anything, also what it should not. */
#include "main/settings_files.h"

#include "base/clock.h"
#include "main/settings_int.h"
#include "route/script.h"
#include "tls/check.h"

struct named { /* files beside each other; by enum tls_file */
    struct cfg *cfg;
    const struct sl_str *files[3];
};

static void on_finding(void *arg, const struct tls_finding *f)
{
    const struct named *n = arg;
    const struct sl_str *file = n->files[f->trouble.file];
    struct sl_str name = sl_arena_printf(cfg_arena(n->cfg), "'" SL_STR_FMT "'", SL_STR_ARG(sl_str_head(*file, 200)));
    const char *shown = cfg_is_literal(n->cfg, file) ? name.p : "the file";
    if (f->is_warning)
        cfg_warn_at(n->cfg, file, f->trouble.todo, "%s %s", shown, f->trouble.text);
    else
        cfg_error_at(n->cfg, file, f->trouble.todo, "%s %s", shown, f->trouble.text);
}

static void check_listen(struct settings *s, struct cfg *c, int64_t now)
{
    const struct listen_tls_settings *t = &s->listen.tls;
    struct named n = {.cfg = c, .files = {&t->cert, &t->key, &t->client_ca}};
    struct tls_server_options o = settings_server_tls(s);
    if (o.cert_file.n == 0 || o.key_file.n == 0)
        return; /* reported by the third pass, where one is there */
    if (o.client_ca_file.n == 0)
        o.client_cert = TLS_CLIENT_CERT_NONE;
    tls_check_server(&o, now, on_finding, &n);
}

static void check_provider(struct provider_settings *p, struct cfg *c, int64_t now)
{
    struct named n = {.cfg = c, .files = {[TLS_FILE_CA] = &p->tls.ca}};
    if (p->base_url.tls && p->tls.ca.n != 0)
        tls_check_authorities(p->tls.ca, now, on_finding, &n);
}

/* The script of a rule: "script: 'route.lua': route.lua:3: ..." */
static void check_script(const struct rule_settings *r, struct cfg *c)
{
    struct sl_fail fail = {0};
    struct sl_buf text;
    struct route_scripts *compiled;
    sl_buf_init(&text, SCRIPT_TEXT_MAX);
    const char *path = sl_arena_cstr(cfg_arena(c), r->script);
    enum sl_err e = cfg_read_file(path, SCRIPT_TEXT_MAX, &text, &fail);
    if (e == SL_OK) {
        const struct route_script_text one = {sl_str_c(path), sl_buf_str(&text)};
        e = route_scripts_new(&one, 1, &compiled, &fail);
        if (e == SL_OK)
            route_scripts_free(compiled);
    }
    sl_buf_done(&text);
    if (e != SL_OK && cfg_is_literal(c, &r->script))
        cfg_error_at(c, &r->script, NULL, "%s", fail.text);
    else if (e != SL_OK)
        cfg_error_at(c, &r->script, NULL, "the script cannot be read or compiled");
}

static void check_scripts(const struct settings *s, struct cfg *c)
{
    for (size_t i = 0; i < s->routes.n; i++)
        for (size_t k = 0; k < s->routes.v[i].rules.n; k++)
            if (s->routes.v[i].rules.v[k].script.n > 0)
                check_script(&s->routes.v[i].rules.v[k], c);
}

static bool read_entra(const struct provider_settings *p, struct sl_arena *a, struct credential *out,
                       struct credential_trouble *why)
{
    const struct provider_entra_settings *e = &p->entra;
    struct sl_str authority = e->authority.text.n > 0 ? e->authority.text : SL_STR("https://login.microsoftonline.com");
    while (sl_str_ends(authority, SL_STR("/")))
        authority.n--;
    return credential_client(authority, e->tenant, e->client_id, sl_secret_expose(&e->client_secret), a, out, why);
}

bool settings_credential(const struct provider_settings *p, struct sl_arena *a, struct credential *out,
                         struct credential_trouble *why)
{
    struct credential c;
    bool azure = p->kind == PROVIDER_AZURE;
    if (azure ? !read_entra(p, a, &c, why) : !credential_read(sl_secret_expose(&p->credentials), a, &c, why))
        return false;
    why->todo = NULL;
    if (!credential_address_is_fine(&c, p->allow_private == PROVIDER_PRIVATE_YES)) {
        why->text = azure ? "is for an authority that is not https" : "has a token_uri that is not https";
    } else if (!azure && p->project.n == 0 && c.project.n == 0) {
        why->text = "names no project";
        why->todo = "Set project to the Google Cloud project";
    } else {
        *out = c;
        return true;
    }
    credential_done(&c);
    return false;
}

/* What it says is not quoted: it is a secret, or stands beside one. */
static void check_credential(struct provider_settings *p, struct cfg *c)
{
    struct credential_trouble why = {.text = ""};
    struct credential read;
    const void *at = p->kind == PROVIDER_AZURE ? (const void *)&p->entra : &p->credentials;
    if (!provider_settings_log_in(p))
        return;
    if (settings_credential(p, cfg_arena(c), &read, &why))
        credential_done(&read);
    else
        cfg_error_at(c, at, why.todo, "the credential %s", why.text);
}

void settings_check_files(struct settings *s, struct cfg *c)
{
    int64_t now = sl_clock_wall_ns();
    check_listen(s, c, now);
    for (size_t i = 0; i < s->providers.n; i++) {
        check_provider(&s->providers.v[i], c, now);
        check_credential(&s->providers.v[i], c);
    }
    check_scripts(s, c);
}

struct settings *settings_load_checked(const char *path, struct cfg_report *report)
{
    return settings_load_with(path, report, settings_check_files);
}

struct tls_server_options settings_server_tls(const struct settings *s)
{
    const struct listen_tls_settings *t = &s->listen.tls;
    return (struct tls_server_options){
        .cert_file = t->cert,
        .key_file = t->key,
        .min_version = t->min_version == LISTEN_TLS_1_2 ? TLS_1_2 : TLS_1_3,
        .http2 = s->listen.http2,
        .client_ca_file = t->client_ca,
        .client_cert = t->client_certificate == LISTEN_CERT_REQUIRED   ? TLS_CLIENT_CERT_REQUIRED
                       : t->client_certificate == LISTEN_CERT_OPTIONAL ? TLS_CLIENT_CERT_OPTIONAL
                                                                       : TLS_CLIENT_CERT_NONE,
    };
}
