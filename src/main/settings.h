/* The whole configuration as one typed, immutable struct: what a snapshot is made from.
 *
 * settings_read and settings_from_environment run all three passes (config/config.h) and report every finding at once;
 * `sluice check` opens the files that are named as well (main/settings_files.h). A struct settings is immutable and may be read from any thread until
 * settings_free; it owns everything reachable from it. There is no reference count here: the snapshot that holds it has
 * one. */
#ifndef SLUICE_MAIN_SETTINGS_H
#define SLUICE_MAIN_SETTINGS_H

#include "admin/settings.h"
#include "base/log.h"
#include "base/map.h"
#include "config/config.h"
#include "exchange/settings.h"
#include "ledger/settings.h"
#include "limit/settings.h"
#include "listen/settings.h"
#include "provider/settings.h"
#include "route/settings.h"
#include "upstream/settings.h"

enum log_form_setting {
    LOG_FORM_AUTO = 0,
    LOG_FORM_JSON,
    LOG_FORM_TEXT
}; /* AUTO: text on a terminal */

struct access_log_settings {
    struct sl_str path; /* a file, "-" for standard output, empty: off */
    uint64_t max_bytes; /* rotated at this size; 0: never */
    uint32_t keep;      /* rotated files kept */
};

struct log_settings {
    enum sl_log_level level;
    enum log_form_setting format;
    struct access_log_settings access;
};

struct state_settings {
    struct sl_str directory; /* empty: main/state_dir.h's default */
};

struct settings {
    struct listen_settings listen;
    struct admin_settings admin;
    struct drill_settings drill;
    struct state_settings state;
    struct log_settings log;
    struct ledger_settings ledger;
    struct limit_settings limits;
    struct upstream_settings upstream;
    struct resilience_settings resilience;
    struct exchange_settings relay;
    struct media_settings media;
    struct realtime_settings realtime;
    struct responses_settings responses;
    struct videos_settings videos;
    struct files_settings files;
    struct batches_settings batches;
    CFG_LIST_OF(struct provider_settings) providers; /* in the order of the file; at least one */
    CFG_LIST_OF(struct model_settings) models;       /* in the order of the file */
    CFG_LIST_OF(struct route_settings) routes;       /* in the order of the file */
    CFG_LIST_OF(struct tenant_settings) tenants;     /* in the order of the file */

    /* Filled by the third pass. */
    struct sl_map provider_by_name; /* -> struct provider_settings */
    struct sl_map model_by_name;    /* names and aliases -> struct model_settings */
    struct sl_map route_by_name;    /* -> struct route_settings */
    const char *source;             /* the file's path as given, or "environment" */
    bool is_simulated;              /* every provider is kind sim: say so plainly */
    char revision[13]; /* first 12 hex digits of a digest of the values, without secrets: equal settings, equal
                                       revision */
    struct cfg *cfg;   /* own: all of the above lives in it */
};

extern const struct cfg_section settings_root; /* all tables, put together */

/* Give the settings, or NULL when report->n_errors is not 0 (the report is sorted; warnings may be there either way).
 * The report is the caller's: cfg_report_init before, cfg_report_done after. */
struct settings *settings_read(const char *path, struct cfg_report *report);
struct settings *settings_read_text(const struct cfg_source *src, struct cfg_report *report);
/* No file: providers come from OPENAI_API_KEY (with OPENAI_BASE_URL), else there are simulated ones. `env` as in
 * struct cfg_source. */
struct settings *settings_from_environment(const char *(*env)(void *arg, const char *name), void *env_arg,
                                           struct cfg_report *report);
/* The file that is meant when none is named: SLUICE_CONFIG, or ./sluice.yaml where it exists; NULL: none, the environment
 * alone is used. SLUICE_LISTEN, SLUICE_ADMIN_LISTEN and SLUICE_STATE_DIR count in both cases and go before the file. */
const char *settings_default_path(void);
/* `path` NULL: settings_default_path(), then the environment. */
struct settings *settings_load(const char *path, struct cfg_report *report);
void settings_free(struct settings *s); /* NULL accepted */

const struct provider_settings *settings_provider(const struct settings *s, struct sl_str name);    /* NULL: none */
const struct model_settings *settings_model(const struct settings *s, struct sl_str name_or_alias); /* NULL: none */

/* What a reload would change: calls f for each setting; gives how many need a restart. */
size_t settings_compare(const struct settings *running, const struct settings *fresh, cfg_change_f *f, void *arg);

#endif
