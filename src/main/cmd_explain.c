/* `sluice explain`: what a setting does, from its row, and the value it has now. */
#include "main/cmd_explain.h"

#include <stdio.h>

#include "main/explain_offline.h"
#include "main/options.h"
#include "main/settings.h"

static int explain(const struct settings *s, const char *setting, bool is_json)
{
    struct sl_arena a;
    struct sl_buf out;
    struct sl_str path = sl_str_c(setting), nearest = SL_STR_NONE;
    const struct cfg *c = s != NULL ? s->cfg : NULL;
    sl_arena_init(&a, NULL);
    sl_buf_init(&out, 4u << 20);
    enum sl_err e = is_json ? cfg_explain_json(&settings_root, c, path, &out, &a, &nearest)
                            : cfg_explain(&settings_root, c, path, &out, &a, &nearest);
    if (e == SL_OK)
        fwrite(out.p, 1, out.n, stdout);
    else if (nearest.n != 0)
        fprintf(stderr, "sluice explain: no setting '%s'. Did you mean '" SL_STR_FMT "'?\n", setting,
                SL_STR_ARG(nearest));
    else
        fprintf(stderr, "sluice explain: no setting '%s'. `sluice explain` lists them\n", setting);
    sl_buf_done(&out);
    sl_arena_done(&a);
    return e == SL_OK ? EXIT_OK : EXIT_FAILED;
}

static int list_all(void)
{
    struct sl_buf out;
    sl_buf_init(&out, 1u << 20);
    cfg_list(&settings_root, &out);
    fwrite(out.p, 1, out.n, stdout);
    sl_buf_done(&out);
    return EXIT_OK;
}

int cmd_explain(int argc, char **argv)
{
    const char *config = NULL;
    bool is_json = false;
    struct explain_options plan = {.budget_percent = UINT64_MAX};
    const struct option options[] = {
        {"config", 'c', OPTION_TEXT, &config, "FILE", "where the current value comes from; else what serve would take"},
        {"json", 'j', OPTION_FLAG, &is_json, NULL, "print JSON"},
        {"request", 'r', OPTION_TEXT, &plan.request, "FILE", "a request's body (- is standard input): show its plan"},
        {"path", 'p', OPTION_TEXT, &plan.path, "PATH", "what it calls, if not /v1/chat/completions"},
        {"header", 'H', OPTION_MANY, &plan.headers, "LINE", "a header of it, as 'name: value'; may be repeated"},
        {"key", 'k', OPTION_TEXT, &plan.key, "NAME", "the key it comes with; else one that may everything"},
        {"budget-used", 'b', OPTION_NUMBER, &plan.budget_percent, "PERCENT", "how much of the tenant's budget is used"},
        {"id", 'i', OPTION_TEXT, &plan.id, "ID", "an exchange (x-sluice-id): make its plan again from its record"},
        {"log", 'l', OPTION_TEXT, &plan.log, "FILE", "the access log to look in; else the configuration's"},
        {"state", 's', OPTION_TEXT, &plan.state, "DIR", "the state directory, for --key"},
        {0}};
    struct command_line c = {.name = "explain",
                             .operands = "[SETTING]",
                             .summary =
                                 "Explain a setting: what it does, its type, default, bounds and current value. "
                                 "Without one, list all. Or explain how a request is routed, without sending it.",
                             .more = "For example: sluice explain listen.address\n"
                                     "             sluice explain 'providers.*.keys'\n"
                                     "             sluice explain --request body.json --key ci\n",
                             .options = options,
                             .max_operands = 1};
    enum options_result o = options_read(&c, argc, argv);
    if (o != OPTIONS_GO)
        return options_exit(o);
    if (plan.request != NULL || plan.id != NULL) {
        plan.config = config;
        plan.is_json = is_json;
        return explain_offline(&plan);
    }
    if (c.n_operands == 0)
        return list_all();
    struct cfg_report report;
    cfg_report_init(&report);
    struct settings *s = settings_load(config, &report);
    if (s == NULL)
        fprintf(stderr, "sluice explain: " SL_STR_FMT " has errors (`sluice check`), so no current value is shown\n",
                SL_STR_ARG(report.source));
    int code = explain(s, c.operand[0], is_json);
    settings_free(s);
    cfg_report_done(&report);
    return code;
}
