/* See main/command_state.h. Called by cmd_keys.c and cmd_usage.c. */
#include "main/command_state.h"

#include <stdio.h>
#include <stdlib.h>

#include "main/settings.h"

static enum sl_err copy(struct sl_str path, char out[STATE_PATH_MAX], struct sl_fail *fail)
{
    if (path.n >= STATE_PATH_MAX)
        return sl_fail_set(fail, SL_ELIMIT, "", "the path of the state directory is too long");
    memcpy(out, path.p, path.n);
    out[path.n] = 0;
    return SL_OK;
}

static struct sl_str first_error(const struct cfg_report *r)
{
    for (size_t i = 0; i < r->n; i++)
        if (r->findings[i].grade == CFG_ERROR)
            return r->findings[i].text;
    return SL_STR_NONE;
}

enum sl_err command_state_path(const char *state, const char *config, char out[STATE_PATH_MAX], struct sl_fail *fail)
{
    struct cfg_report report;
    if (state != NULL)
        return copy(sl_str_c(state), out, fail);
    const char *named = getenv("SLUICE_STATE_DIR");
    if (config == NULL && named != NULL && named[0] != 0)
        return copy(sl_str_c(named), out, fail);
    cfg_report_init(&report);
    struct settings *s = settings_load(config, &report);
    if (s == NULL)
        (void)sl_fail_set(fail, SL_EINVAL, config != NULL ? config : "",
                          "the configuration has errors (" SL_STR_FMT "; `sluice check` shows them all): mend it, or "
                          "name the directory with --state",
                          SL_STR_ARG(sl_str_head(first_error(&report), 300)));
    cfg_report_done(&report);
    if (s == NULL)
        return SL_EINVAL;
    enum sl_err e = s->state.directory.n > 0 ? copy(s->state.directory, out, fail)
                                             : state_dir_default(out, STATE_PATH_MAX, fail);
    settings_free(s);
    return e;
}
