/* `sluice sim`: argv[0] is "sim". Gives the exit code. */
#ifndef SLUICE_MAIN_CMD_SIM_H
#define SLUICE_MAIN_CMD_SIM_H

int cmd_sim(int argc, char **argv);

#endif
