/* `sluice sim`: argv[0] is "sim". Gives the exit code. */
#ifndef SLUICE_MAIN_CMD_SIM_H
#define SLUICE_MAIN_CMD_SIM_H

#include "listen/listener.h"

int cmd_sim(int argc, char **argv);
extern const struct listen_limits sim_wide_limits; /* of servers that only we ask */

#endif
