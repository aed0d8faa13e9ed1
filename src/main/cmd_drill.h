/* `sluice drill ...`: argv[0] is "drill". Gives the exit code: 0 all passed, 1 not, 2 wrong usage. */
#ifndef SLUICE_MAIN_CMD_DRILL_H
#define SLUICE_MAIN_CMD_DRILL_H

int cmd_drill(int argc, char **argv);

#endif
