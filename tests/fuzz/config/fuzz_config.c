/* The configuration reader, all three passes: any text gives settings or errors, never both; settings that were taken can be
 * shown and read back to the same. */
#include <string.h>

#include "main/settings.h"

#define CANARY SL_STR("canary-4711-0123456789") /* what a variable holds is in no finding */

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n);

static const char *env(void *arg, const char *name)
{
    (void)arg;
    if (strcmp(name, "OPENAI_API_KEY") == 0)
        return CANARY.p;
    return strcmp(name, "EMPTY") == 0 ? "" : NULL;
}

static struct settings *read_text(struct sl_str text, struct cfg_report *report)
{
    static const struct cfg_override NONE[] = {{NULL, NULL}};
    cfg_report_init(report);
    return settings_read_text(
        &(struct cfg_source){.name = "fuzz", .text = text, .folder = "/nowhere", .env = env, .overrides = NONE},
        report);
}

/* A token shows as "***", which is too short for one. */
static void read_back(const struct settings *s)
{
    struct cfg_report report;
    struct sl_buf text;
    sl_buf_init(&text, CFG_FILE_MAX);
    cfg_dump_yaml(s->cfg, &text);
    if (s->admin.token.n == 0 && !text.over) {
        struct settings *again = read_text(sl_buf_str(&text), &report);
        SL_CHECK(again != NULL);
        SL_CHECK(strcmp(s->revision, again->revision) == 0);
        settings_free(again);
        cfg_report_done(&report);
    }
    sl_buf_done(&text);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
    struct cfg_report report;
    struct sl_buf lines;
    struct settings *s = read_text(sl_str_of(data, n), &report);
    SL_CHECK((s != NULL) == (report.n_errors == 0));
    sl_buf_init(&lines, 1 << 20);
    cfg_report_text(&report, &lines);
    cfg_report_json(&report, &lines);
    SL_CHECK(!lines.over && sl_utf8_valid(sl_buf_str(&lines)));
    if (sl_str_find_str(sl_str_of(data, n), CANARY) < 0) /* the fuzzer learns it by and by */
        SL_CHECK(sl_str_find_str(sl_buf_str(&lines), CANARY) < 0);
    sl_buf_done(&lines);
    if (s != NULL)
        read_back(s);
    settings_free(s);
    cfg_report_done(&report);
    return 0;
}
