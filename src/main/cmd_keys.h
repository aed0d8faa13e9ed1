/* `sluice keys ...`: argv[0] is "keys". Gives the exit code: 0 done, 1 could not, 2 wrong usage. */
#ifndef SLUICE_MAIN_CMD_KEYS_H
#define SLUICE_MAIN_CMD_KEYS_H

int cmd_keys(int argc, char **argv);

#endif
