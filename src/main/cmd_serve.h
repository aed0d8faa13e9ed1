/* `sluice serve`. */
#ifndef SLUICE_MAIN_CMD_SERVE_H
#define SLUICE_MAIN_CMD_SERVE_H

int cmd_serve(int argc, char **argv);

#endif
