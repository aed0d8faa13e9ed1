/* `sluice check ...`: argv[0] is "check". Gives the exit code: 0 done, 1 could not, 2 wrong usage. */
#ifndef SLUICE_MAIN_CMD_CHECK_H
#define SLUICE_MAIN_CMD_CHECK_H

int cmd_check(int argc, char **argv);

#endif
