/* `sluice tokens ...`: argv[0] is "tokens". Gives the exit code: 0 done, 1 could not, 2 wrong usage. */
#ifndef SLUICE_MAIN_CMD_TOKENS_H
#define SLUICE_MAIN_CMD_TOKENS_H

int cmd_tokens(int argc, char **argv);

#endif
