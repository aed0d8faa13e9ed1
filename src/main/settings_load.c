/* Where the configuration comes from: a file, or the environment alone, which is written out as the file that would say
 * the same and then read like any other. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "main/settings_int.h"
#include "provider/provider.h"

static const struct cfg_override OVERRIDES[] = {
    {"SLUICE_LISTEN", "listen.address"},
    {"SLUICE_ADMIN_LISTEN", "admin.address"},
    {"SLUICE_STATE_DIR", "state.directory"},
    {NULL, NULL},
};

static struct settings *read_text(const struct cfg_source *src, struct cfg_report *report, settings_look_f *look)
{
    struct cfg_source with = *src;
    if (with.overrides == NULL)
        with.overrides = OVERRIDES;
    struct cfg *c = cfg_read(&settings_root, sizeof(struct settings), &with, report);
    struct settings *s = cfg_root(c);
    s->cfg = c;
    s->source = sl_arena_cstr(cfg_arena(c), sl_str_c(src->name));
    if (cfg_is_whole(c))
        settings_resolve(s, c);
    if (cfg_is_whole(c) && look != NULL)
        look(s, c);
    cfg_report_sort(report);
    if (report->n_errors == 0)
        return s;
    settings_free(s);
    return NULL;
}

struct settings *settings_read_text(const struct cfg_source *src, struct cfg_report *report)
{
    return read_text(src, report, NULL);
}

static void report_plain(struct cfg_report *report, const char *path, enum cfg_grade grade, const char *text)
{
    struct cfg_finding f = {.grade = grade, .text = sl_str_c(text)};
    report->source = sl_arena_str(&report->arena, sl_str_c(path));
    cfg_report_add(report, &f);
}

static struct settings *read_file(const char *path, struct cfg_report *report, settings_look_f *look)
{
    struct sl_fail fail;
    struct sl_buf text;
    struct settings *s = NULL;
    const char *slash = strrchr(path, '/');
    sl_buf_init(&text, CFG_FILE_MAX);
    if (cfg_read_file(path, CFG_FILE_MAX, &text, &fail) == SL_OK) {
        struct sl_str folder = sl_str_of(path, slash != NULL ? (size_t)(slash - path) : 0);
        const char *zfolder = slash == path ? "/" : sl_arena_cstr(&report->arena, folder);
        s = read_text(&(struct cfg_source){.name = path, .text = sl_buf_str(&text), .folder = zfolder}, report, look);
    } else {
        report_plain(report, path, CFG_ERROR, fail.text);
    }
    if (text.p != NULL)
        explicit_bzero(text.p, text.n); /* secrets may stand in it */
    sl_buf_done(&text);
    return s;
}

struct settings *settings_read(const char *path, struct cfg_report *report)
{
    return read_file(path, report, NULL);
}

/* The environment alone --------------------------------------------------------------------------------------------- */

struct environment {
    const char *(*get)(void *arg, const char *name);
    void *arg;
};

static const char *from_process(void *arg, const char *name)
{
    (void)arg;
    return getenv(name);
}

static bool is_there(const struct environment *e, const char *name)
{
    const char *value = e->get(e->arg, name);
    return value != NULL && value[0] != 0;
}

/* Pieces of a configuration, one for each variable that is there. */
static const struct {
    const char *variable, *unless; /* unless: another variable that says more */
    const char *text;
} VENDORS[] = {
    {"OPENAI_API_KEY", NULL,
     "  openai:\n"
     "    kind: openai\n"
     "    base_url: '${OPENAI_BASE_URL:-https://api.openai.com/v1}'\n"
     "    keys: '${OPENAI_API_KEY}'\n"
     "    organization: '${OPENAI_ORG_ID:-}'\n"
     "    project: '${OPENAI_PROJECT_ID:-}'\n"
     "    open_models: true\n"},
    {"OPENAI_BASE_URL", "OPENAI_API_KEY",
     "  local:\n"
     "    kind: openai-compatible\n"
     "    base_url: '${OPENAI_BASE_URL}'\n"
     "    open_models: true\n"},
    {"ANTHROPIC_API_KEY", NULL,
     "  anthropic:\n"
     "    kind: anthropic\n"
     "    keys: '${ANTHROPIC_API_KEY}'\n"
     "    open_models: true\n"},
    {"GEMINI_API_KEY", NULL,
     "  gemini:\n"
     "    kind: gemini\n"
     "    keys: '${GEMINI_API_KEY}'\n"
     "    open_models: true\n"},
    {"GOOGLE_API_KEY", "GEMINI_API_KEY",
     "  gemini:\n"
     "    kind: gemini\n"
     "    keys: '${GOOGLE_API_KEY}'\n"
     "    open_models: true\n"},
    {"GOOGLE_APPLICATION_CREDENTIALS", NULL,
     "  vertex:\n"
     "    kind: vertex\n"
     "    credentials: 'file:${GOOGLE_APPLICATION_CREDENTIALS}'\n"
     "    project: '${GOOGLE_CLOUD_PROJECT:-}'\n"
     "    region: '${GOOGLE_CLOUD_LOCATION:-global}'\n"},
};
static const char SIMULATED[] = "providers:\n"
                                "  sim:\n"
                                "    kind: sim\n"
                                "    open_models: true\n"
                                "models:\n"
                                "  sim-chat: sim/sim-chat\n"
                                "  sim-embedding: sim/sim-embedding\n";

static bool is_vendor(struct sl_str variable)
{
    for (size_t i = 0; i < sizeof VENDORS / sizeof *VENDORS; i++)
        if (sl_str_eq(sl_str_c(VENDORS[i].variable), variable))
            return true;
    return false;
}

/* The other kinds by their own variables: asked for as "groq/MODEL", and for any name where nothing else is there. */
static void add_presets(const struct environment *e, struct sl_buf *to)
{
    const struct provider_kind *k;
    for (unsigned i = 0; (k = provider_kind_at(i)) != NULL; i++) {
        char variable[64];
        snprintf(variable, sizeof variable, SL_STR_FMT, SL_STR_ARG(k->env_key));
        if (k->env_key.n == 0 || k->base_url.n == 0 || is_vendor(k->env_key) || !is_there(e, variable))
            continue;
        bool first = to->n == 0;
        sl_buf_addf(to, "%s  " SL_STR_FMT ":\n    kind: " SL_STR_FMT "\n    keys: '${%s}'\n    open_models: %s\n",
                    first ? "providers:\n" : "", SL_STR_ARG(k->name), SL_STR_ARG(k->name), variable,
                    first ? "true" : "false");
    }
}

/* Bedrock by AWS' own variables, in the order of its SDKs: the API key, else a pair. Both need a region. */
static void add_bedrock(const struct environment *e, struct sl_buf *to)
{
    const char *region = is_there(e, "AWS_REGION") ? "AWS_REGION" : "AWS_DEFAULT_REGION";
    bool key = is_there(e, "AWS_BEARER_TOKEN_BEDROCK"),
         pair = is_there(e, "AWS_ACCESS_KEY_ID") && is_there(e, "AWS_SECRET_ACCESS_KEY");
    if (!is_there(e, region) || (!key && !pair))
        return;
    bool first = to->n == 0;
    sl_buf_addf(to, "%s  bedrock:\n    kind: bedrock\n    region: '${%s}'\n    open_models: %s\n",
                first ? "providers:\n" : "", region, first ? "true" : "false");
    if (is_there(e, "AWS_ENDPOINT_URL_BEDROCK_RUNTIME"))
        sl_buf_adds(to, SL_STR("    base_url: '${AWS_ENDPOINT_URL_BEDROCK_RUNTIME}'\n"));
    if (key) {
        sl_buf_adds(to, SL_STR("    keys: '${AWS_BEARER_TOKEN_BEDROCK}'\n"));
        return;
    }
    sl_buf_adds(to, SL_STR("    aws:\n      access_key_id: '${AWS_ACCESS_KEY_ID}'\n"
                           "      secret_access_key: '${AWS_SECRET_ACCESS_KEY}'\n"));
    if (is_there(e, "AWS_SESSION_TOKEN"))
        sl_buf_adds(to, SL_STR("      session_token: '${AWS_SESSION_TOKEN}'\n"));
}

static void add_vendors(const struct environment *e, struct sl_buf *to)
{
    for (size_t i = 0; i < sizeof VENDORS / sizeof *VENDORS; i++) {
        if (!is_there(e, VENDORS[i].variable) || (VENDORS[i].unless != NULL && is_there(e, VENDORS[i].unless)))
            continue;
        bool first = to->n == 0, vertex = sl_str_starts(sl_str_c(VENDORS[i].text), SL_STR("  vertex:"));
        if (first)
            sl_buf_adds(to, SL_STR("providers:\n"));
        sl_buf_adds(to, sl_str_c(VENDORS[i].text));
        if (vertex) /* it has everybody's models: any name, where nothing else is there */
            sl_buf_addf(to, "    open_models: %s\n", first ? "true" : "false");
    }
    add_presets(e, to);
    add_bedrock(e, to);
}

static struct settings *from_environment(const char *(*env)(void *arg, const char *name), void *env_arg,
                                         struct cfg_report *report, settings_look_f *look)
{
    struct environment e = {.get = env != NULL ? env : from_process, .arg = env_arg};
    struct sl_buf text;
    sl_buf_init(&text, 64u << 10);
    add_vendors(&e, &text);
    if (text.n == 0)
        sl_buf_adds(&text, sl_str_c(SIMULATED));
    struct cfg_source src = {
        .name = "environment", .text = sl_buf_str(&text), .is_made = true, .env = e.get, .env_arg = e.arg};
    struct settings *s = read_text(&src, report, look);
    sl_buf_done(&text);
    return s;
}

struct settings *settings_from_environment(const char *(*env)(void *arg, const char *name), void *env_arg,
                                           struct cfg_report *report)
{
    return from_environment(env, env_arg, report, NULL);
}

const char *settings_default_path(void)
{
    const char *named = getenv("SLUICE_CONFIG");
    if (named != NULL && named[0] != 0)
        return named;
    return access("sluice.yaml", F_OK) == 0 ? "sluice.yaml" : NULL;
}

struct settings *settings_load_with(const char *path, struct cfg_report *report, settings_look_f *look)
{
    if (path == NULL)
        path = settings_default_path();
    return path != NULL ? read_file(path, report, look) : from_environment(NULL, NULL, report, look);
}

struct settings *settings_load(const char *path, struct cfg_report *report)
{
    return settings_load_with(path, report, NULL);
}
