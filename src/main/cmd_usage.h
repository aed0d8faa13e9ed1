/* `sluice usage ...`: argv[0] is "usage". Gives the exit code: 0 done, 1 could not, 2 wrong usage. */
#ifndef SLUICE_MAIN_CMD_USAGE_H
#define SLUICE_MAIN_CMD_USAGE_H

int cmd_usage(int argc, char **argv);

#endif
