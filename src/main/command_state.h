/* Which state directory a command works on: what was said on the command line, or what the gateway would use. */
#ifndef SLUICE_MAIN_COMMAND_STATE_H
#define SLUICE_MAIN_COMMAND_STATE_H

#include "main/state_dir.h"

/* state: --state or NULL. config: --config or NULL. Without either: SLUICE_STATE_DIR, the configuration file that serve
 * would take, then state_dir_default. A configuration with errors is SL_EINVAL: guessing would show the wrong ledger. */
enum sl_err command_state_path(const char *state, const char *config, char out[STATE_PATH_MAX],
                               struct sl_fail *fail) SL_MUST_CHECK;

#endif
