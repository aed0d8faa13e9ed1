/* All tables, put together: the whole configuration file. Read by settings.c and by the commands. */
#include "main/settings.h"

static const struct cfg_word LEVELS[] = {{"debug", SL_LOG_DEBUG, NULL},
                                         {"info", SL_LOG_INFO, NULL},
                                         {"warn", SL_LOG_WARN, NULL},
                                         {"error", SL_LOG_ERROR, NULL},
                                         {NULL, 0, NULL}};
static const struct cfg_word FORMS[] = {{"auto", LOG_FORM_AUTO, "text on a terminal, else JSON"},
                                        {"json", LOG_FORM_JSON, "one JSON object a line"},
                                        {"text", LOG_FORM_TEXT, "for people"},
                                        {NULL, 0, NULL}};

static const struct cfg_section ACCESS = {
    .short_form = "path",
    .settings = (const struct cfg_setting[]){
        {"path", CFG_PATH_AT(struct access_log_settings, path), .preset = "off", .flags = CFG_OFF | CFG_RESTART,
         .text = "Where the record of each request goes, one JSON line: a file, `-` for standard output, or `off`. It "
                 "holds no content of prompts or answers."},
        {"max_bytes", CFG_SIZE_AT(struct access_log_settings, max_bytes), .preset = "256MiB", .min = 1 << 16,
         .max = INT64_C(1) << 40, .flags = CFG_OFF | CFG_RESTART,
         .text = "The file is moved aside when it is this large (PATH.1, PATH.2, ...)."},
        {"keep", CFG_INT_AT(struct access_log_settings, keep), .preset = "4", .min = 0, .max = 1000,
         .flags = CFG_RESTART, .text = "How many files that were moved aside are kept."},
        CFG_END}};

static const struct cfg_section LOG = {
    .settings = (const struct cfg_setting[]){
        {"level", CFG_ENUM_AT(struct log_settings, level, LEVELS), .preset = "info", .flags = CFG_RESTART,
         .text = "The least important messages that are written to standard error."},
        {"format", CFG_ENUM_AT(struct log_settings, format, FORMS), .preset = "auto", .flags = CFG_RESTART,
         .text = "How messages look."},
        {"access", CFG_SECTION_AT(struct log_settings, access, &ACCESS), .text = "One record for each request."},
        CFG_END}};

static const struct cfg_section STATE = {
    .short_form = "directory",
    .settings = (const struct cfg_setting[]){
        {"directory", CFG_PATH_AT(struct state_settings, directory), .flags = CFG_RESTART,
         .text = "Where keys and ledger are kept. Not set: /var/lib/sluice for root, else $XDG_STATE_HOME/sluice or "
                 "~/.local/state/sluice."},
        CFG_END}};

const struct cfg_section settings_root = {
    .settings = (const struct cfg_setting[]){
        {"listen", CFG_SECTION_AT(struct settings, listen, &listen_settings_section), .text = "Where clients connect."},
        {"admin", CFG_SECTION_AT(struct settings, admin, &admin_settings_section), .text = "The operators' port."},
        {"drill", CFG_SECTION_AT(struct settings, drill, &drill_settings_section), .text = "Failing on purpose."},
        {"providers", CFG_MAP_AT(struct settings, providers, &provider_settings_section), .max = 1000,
         .text = "Accounts at vendors and servers of your own, by a name of your choice. At least one."},
        {"models", CFG_MAP_AT(struct settings, models, &model_settings_section), .max = 10000,
         .text = "Names that clients ask for, each with its targets: `gpt-4o: [openai/gpt-4o, openai-eu/gpt-4o]`, or a "
                 "section with more settings. Without any, clients ask for `provider/model`."},
        {"routes", CFG_MAP_AT(struct settings, routes, &route_settings_section), .max = 1000,
         .text = "Rules that choose targets by what a request is: each a list of `{when: {...}, use: [...]}`. Models "
                 "name them by `route`."},
        {"tenants", CFG_MAP_AT(struct settings, tenants, &tenant_settings_section), .max = 10000,
         .text =
             "What holds for all keys of a tenant (`sluice keys create --tenant`), by its name. Others may use any provider that "
             "their keys grant."},
        {"resilience", CFG_SECTION_AT(struct settings, resilience, &resilience_settings_section),
         .text = "What happens when a provider is slow or fails."},
        {"relay", CFG_SECTION_AT(struct settings, relay, &exchange_settings_section),
         .text = "How much of an answer is held in memory."},
        {"media", CFG_SECTION_AT(struct settings, media, &media_settings_section),
         .text = "What clients name by URL and providers do not fetch."},
        {"responses", CFG_SECTION_AT(struct settings, responses, &responses_settings_section),
         .text = "Stored responses of OpenAI's Responses API."},
        {"videos", CFG_SECTION_AT(struct settings, videos, &videos_settings_section),
         .text = "Video jobs: how long they are remembered, and how they are looked after."},
        {"files", CFG_SECTION_AT(struct settings, files, &files_settings_section), .text = "Files and batches."},
        {"batches", CFG_SECTION_AT(struct settings, batches, &batches_settings_section),
         .text = "Batches that the gateway runs itself, for providers that have none."},
        {"realtime", CFG_SECTION_AT(struct settings, realtime, &realtime_settings_section),
         .text = "Sessions of OpenAI's Realtime API, over WebSockets."},
        {"limits", CFG_SECTION_AT(struct settings, limits, &limit_settings_section),
         .text = "What the process takes on."},
        {"upstream", CFG_SECTION_AT(struct settings, upstream, &upstream_settings_section),
         .text = "Connections to providers."},
        {"ledger", CFG_SECTION_AT(struct settings, ledger, &ledger_settings_section),
         .text = "The account of what was spent."},
        {"state", CFG_SECTION_AT(struct settings, state, &STATE), .text = "What outlives the process."},
        {"log", CFG_SECTION_AT(struct settings, log, &LOG), .text = "Messages and records."},
        CFG_END}};
