/* The command line of every sub-command: a table in, values out, --help made from the table.
 *
 * Accepted: --name value, --name=value, -n value, -nvalue, --flag, --no-flag, "--" (the rest are operands). Options and
 * operands may be mixed. Who calls: the cmd_*.c files; nothing is allocated, values point into argv. */
#ifndef SLUICE_MAIN_OPTIONS_H
#define SLUICE_MAIN_OPTIONS_H

#include "base/str.h"

#define OPTIONS_OPERANDS_MAX 64

enum exit_code {
    EXIT_OK = 0,
    EXIT_FAILED = 1,
    EXIT_USAGE = 2
};

enum option_kind {
    OPTION_FLAG = 0, /* bool: --name, --no-name */
    OPTION_TEXT,     /* const char *, NULL when not given */
    OPTION_NUMBER,   /* uint64_t */
    OPTION_DURATION, /* int64_t ns: "90s", "24h", "7d" */
    OPTION_SIZE,     /* uint64_t bytes: "64MiB" */
    OPTION_MANY      /* struct option_many: may be repeated */
};

#define OPTION_MANY_MAX 16
struct option_many {
    const char *v[OPTION_MANY_MAX];
    unsigned n;
};

struct option {       /* tables end with a NULL name */
    const char *name; /* without the dashes */
    char letter;      /* 0: none */
    enum option_kind kind;
    void *out;         /* where the value goes; its default stays when the option is not given */
    const char *value; /* what the help calls the value: "FILE" */
    const char *text;  /* what it does, one line of the help */
};

struct command_line {     /* the command's description, and where its operands go */
    const char *name;     /* "check" */
    const char *operands; /* "SETTING", "[NAME...]"; NULL: none are taken */
    const char *summary;  /* one sentence */
    const char *more;     /* further lines for --help; may be NULL */
    const struct option *options;
    unsigned min_operands, max_operands;
    const char *operand[OPTIONS_OPERANDS_MAX]; /* out */
    unsigned n_operands;                       /* out */
};

enum options_result {
    OPTIONS_GO = 0, /* go on */
    OPTIONS_HELP,   /* --help was printed on standard output: leave with EXIT_OK */
    OPTIONS_BAD     /* what is wrong was printed on standard error: leave with EXIT_USAGE */
};

/* argv[0] is the command's name. */
enum options_result options_read(struct command_line *c, int argc, char **argv);
static inline int options_exit(enum options_result r) /* what to leave with, where it does not go on */
{
    return r == OPTIONS_HELP ? EXIT_OK : EXIT_USAGE;
}

#endif
