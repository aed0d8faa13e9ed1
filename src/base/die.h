/* Dying on purpose, for tests of what a kill leaves behind: where the environment names a place (SLUICE_DIE_AT=video_row), the
 * process kills itself with SIGKILL when it comes by. Without the variable: one comparison. */
#ifndef SLUICE_BASE_DIE_H
#define SLUICE_BASE_DIE_H

void sl_die_at(const char *place);

#endif
