/* `sluice explain ...`: argv[0] is "explain". Gives the exit code: 0 done, 1 could not, 2 wrong usage. */
#ifndef SLUICE_MAIN_CMD_EXPLAIN_H
#define SLUICE_MAIN_CMD_EXPLAIN_H

int cmd_explain(int argc, char **argv);

#endif
