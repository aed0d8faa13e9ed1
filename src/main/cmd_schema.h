/* `sluice schema` and `sluice reference`: argv[0] is the command's name. Gives the exit code: 0 done, 1 could not, 2 wrong usage. */
#ifndef SLUICE_MAIN_CMD_SCHEMA_H
#define SLUICE_MAIN_CMD_SCHEMA_H

int cmd_schema(int argc, char **argv);
int cmd_reference(int argc, char **argv);

#endif
