/* The engine of the configuration: text -> tree with positions -> typed values, every error at once; and what follows
 * from the tables: explanations, JSON Schema, reference manual, masked dump, comparison.
 *
 * Called by main/ (settings.c and the commands); knows no module. Three passes, of which the first two are cfg_read:
 *
 *     read.c    text   -> struct cfg_tree       libyaml; sizes, depth and counts bounded; duplicate keys refused
 *     check.c   tree   -> the root struct       types, bounds, defaults, unknown names with the nearest known one
 *     caller    struct -> cross-references      reports through cfg_error_at / cfg_warn_at with the same places
 *
 * struct cfg owns the values, their arena and the tree; all of it is immutable after the third pass and goes with
 * cfg_free. Secrets never get into a message, a dump or an explanation. Not thread-safe; a finished cfg may be read from
 * any thread. */
#ifndef SLUICE_CONFIG_CONFIG_H
#define SLUICE_CONFIG_CONFIG_H

#include "base/arena.h"
#include "base/buf.h"
#include "base/err.h"
#include "config/schema.h"

#define CFG_FILE_MAX (4u << 20)    /* bytes: a thousand providers with ten thousand models stay under 1 MiB */
#define CFG_DEPTH_MAX 32u          /* our own tables nest 5 deep */
#define CFG_NODES_MAX 200000u      /* scalars, lists and mappings of the file, and again of what aliases repeat */
#define CFG_FINDINGS_MAX 100u      /* errors, and as many warnings; more are counted, not kept */
#define CFG_SECRET_FILE_MAX 65536u /* bytes of a file that holds a secret */
#define CFG_VALUE_MAX 65536u       /* bytes of one value, before and after ${...} is put in */

/* Findings -------------------------------------------------------------------------------------------------------- */

enum cfg_grade {
    CFG_ERROR = 0,
    CFG_WARNING
};

struct cfg_finding { /* all views borrow from the report */
    enum cfg_grade grade;
    uint32_t line, column; /* from 1; 0: no place in the file */
    struct sl_str path;    /* "providers.openai.keys[0]"; may be empty */
    struct sl_str text;    /* what is wrong */
    struct sl_str todo;    /* what to do; may be empty */
};

struct cfg_report {
    struct sl_arena arena;
    struct sl_str source;         /* the file's name as given, or "environment" */
    struct cfg_finding *findings; /* own (arena); by place once cfg_report_sort was called */
    size_t n;
    size_t n_errors, n_warnings; /* counted; may be more than are kept */
};

void cfg_report_init(struct cfg_report *r);
void cfg_report_done(struct cfg_report *r);
void cfg_report_sort(struct cfg_report *r); /* by line and column; errors without a place first */
/* "sluice.yaml:3:5: providers.openai.key: unknown setting. Did you mean 'keys'?" and a newline each. */
void cfg_report_text(const struct cfg_report *r, struct sl_buf *out);
/* {"valid":true,"errors":0,"warnings":0,"findings":[{"grade","file","line","column","path","text","todo"}]} */
void cfg_report_json(const struct cfg_report *r, struct sl_buf *out);
/* `text` and `todo` hold no bytes of a secret: the caller's duty. */
void cfg_report_add(struct cfg_report *r, const struct cfg_finding *f);

/* Reading --------------------------------------------------------------------------------------------------------- */

/* A variable that goes before the file: its value is read as if it stood at `path` (lists: separated by commas). */
struct cfg_override {
    const char *name; /* "SLUICE_LISTEN" */
    const char *path; /* "listen.address": sections and a setting, no maps */
};

struct cfg_source {
    const char *name;   /* for messages: the file's path as given, or "environment" */
    struct sl_str text; /* borrow for the call: YAML, UTF-8 */
    const char *folder; /* what relative paths start from; NULL or "": left as they are */
    bool is_made;       /* the text is our own: its lines mean nothing to anybody and are not shown */
    /* The environment; NULL result: not set. `env` NULL: getenv(3). */
    const char *(*env)(void *arg, const char *name);
    void *env_arg;
    const struct cfg_override *overrides; /* borrow for the call; ends with a NULL name; may be NULL */
};

struct cfg;

/* Passes one and two. Gives a cfg always, whose root struct (`size` bytes, all zero before defaults) holds what could be
 * understood; it may be used only when report->n_errors is still 0. `report` must live until the third pass is over. */
struct cfg *cfg_read(const struct cfg_section *root, size_t size, const struct cfg_source *src,
                     struct cfg_report *report);
void cfg_free(struct cfg *c); /* NULL accepted; wipes secrets and the text they came from */
void *cfg_root(const struct cfg *c);
bool cfg_is_whole(const struct cfg *c);    /* it could be read to its end; else there is nothing for a third pass */
struct sl_arena *cfg_arena(struct cfg *c); /* for what the third pass adds; until published */

/* The third pass. `member` points at the member of the root struct (or of an item of a list or map) that the message is
 * about; its place in the file is looked up, or that of the section it is missing from. Constant format; no secrets. */
void cfg_error_at(struct cfg *c, const void *member, const char *todo, const char *format, ...) SL_PRINTF(4, 5);
void cfg_warn_at(struct cfg *c, const void *member, const char *todo, const char *format, ...) SL_PRINTF(4, 5);
/* About a part of a CFG_TREE: `member` is the tree, `part` any value in it (NULL: all of it). */
void cfg_error_in(struct cfg *c, const struct cfg_tree *member, const struct cfg_value *part, const char *todo,
                  const char *format, ...) SL_PRINTF(5, 6);
void cfg_warn_in(struct cfg *c, const struct cfg_tree *member, const struct cfg_value *part, const char *todo,
                 const char *format, ...) SL_PRINTF(5, 6);
/* It stands in the file as it is, without variables: it may be quoted in a message (unless it is a secret). */
bool cfg_is_literal(const struct cfg *c, const void *member);
bool cfg_is_set(const struct cfg *c, const void *member); /* it stands in the file: not the default */

/* Reads a whole file of at most `max` bytes into *out (initialised by the caller with that maximum). */
enum sl_err cfg_read_file(const char *path, size_t max, struct sl_buf *out, struct sl_fail *fail) SL_MUST_CHECK;

/* From the tables ------------------------------------------------------------------------------------------------- */

/* The effective configuration as YAML, secrets as "***", settings in the tables' order; reads back to the same values
 * but for the secrets. */
void cfg_dump_yaml(const struct cfg *c, struct sl_buf *out);
void cfg_dump_json(const struct cfg *c, struct sl_buf *out);

/* "listen.limits.streams", "providers.*.keys" or "providers.openai.keys". `c` may be NULL: no current value. SL_ENOENT:
 * no such setting; then *out_nearest (may be NULL) is the nearest known path or empty (static or `arena`'s). */
enum sl_err cfg_explain(const struct cfg_section *root, const struct cfg *c, struct sl_str path, struct sl_buf *out,
                        struct sl_arena *arena, struct sl_str *out_nearest);
enum sl_err cfg_explain_json(const struct cfg_section *root, const struct cfg *c, struct sl_str path,
                             struct sl_buf *out, struct sl_arena *arena, struct sl_str *out_nearest);
/* Every path, one a line, with its type and default. */
void cfg_list(const struct cfg_section *root, struct sl_buf *out);
void cfg_schema_json(const struct cfg_section *root, struct sl_buf *out);  /* JSON Schema draft-07 */
void cfg_reference_md(const struct cfg_section *root, struct sl_buf *out); /* the reference manual, Markdown */

/* What differs between two configurations of one table: called with the path and the row's flags for each leaf that was
 * added, removed or changed (secrets too, without their values), in no particular order. Gives how many. */
typedef void cfg_change_f(void *arg, struct sl_str path, uint32_t flags);
size_t cfg_compare(const struct cfg *a, const struct cfg *b, cfg_change_f *f, void *arg);

/* Parsing single values, for tables, command lines and tests. SL_EINVAL: not of the form; SL_ELIMIT: too large. */
enum sl_err cfg_parse_size(struct sl_str s, uint64_t *out_bytes) SL_MUST_CHECK;
enum sl_err cfg_parse_duration(struct sl_str s, int64_t *out_ns) SL_MUST_CHECK;
/* On failure *out_why (may be NULL) says what is wrong, in constant text. Views are put into the arena. */
enum sl_err cfg_parse_address(struct sl_str s, struct sl_arena *a, struct cfg_address *out, const char **out_why);
enum sl_err cfg_parse_url(struct sl_str s, struct sl_arena *a, struct cfg_url *out, const char **out_why);
/* The shortest exact text: "64MiB", "1536B"; "90s", "1500ms". */
void cfg_add_size(struct sl_buf *out, uint64_t bytes);
void cfg_add_duration(struct sl_buf *out, int64_t ns);

#endif
