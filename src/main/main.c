/* sluice: one executable, sub-commands. */
#include <stdio.h>
#include <string.h>

#include "main/cmd_check.h"
#include "main/cmd_drill.h"
#include "main/cmd_explain.h"
#include "main/cmd_keys.h"
#include "main/cmd_schema.h"
#include "main/cmd_serve.h"
#include "main/cmd_sim.h"
#include "main/cmd_tokens.h"
#include "main/cmd_usage.h"
#include "main/options.h"
#include "sluice_build.h"

static int cmd_version(int argc, char **argv);
static int cmd_help(int argc, char **argv);

struct command {
    const char *name;
    int (*run)(int argc, char **argv);
    const char *text;
};

static const struct command commands[] = {
    {"serve", cmd_serve, "run the gateway"},
    {"check", cmd_check, "check a configuration: all errors at once"},
    {"explain", cmd_explain, "what a setting does, its default, bounds and current value"},
    {"drill", cmd_drill, "let every provider fail, and see what your clients would see"},
    {"keys", cmd_keys, "make, list, rotate and revoke client keys"},
    {"usage", cmd_usage, "what was spent, by key, model, provider or day"},
    {"tokens", cmd_tokens, "how many tokens a text has for a model"},
    {"sim", cmd_sim, "simulated providers, with faults on demand"},
    {"schema", cmd_schema, "the JSON Schema of the configuration, for editors"},
    {"reference", cmd_reference, "the reference manual of the configuration"},
    {"version", cmd_version, "version and build choices"},
    {"help", cmd_help, "this list"},
};

#define N_COMMANDS (sizeof commands / sizeof commands[0])

static int cmd_version(int argc, char **argv)
{
    (void)argc;
    (void)argv;
    printf("sluice %s%s%s\n%s, %s, %s\n%s\n%s\n", SLUICE_VERSION, SLUICE_REVISION[0] != 0 ? " " : "", SLUICE_REVISION,
           SLUICE_COMPILER, SLUICE_HOST, SLUICE_BUILD_TYPE, SLUICE_BUILD_FLAGS, SLUICE_BUILD_LIBRARIES);
    return EXIT_OK;
}

static const struct command *find_command(const char *name)
{
    for (size_t i = 0; i < N_COMMANDS; i++)
        if (strcmp(commands[i].name, name) == 0)
            return &commands[i];
    return NULL;
}

/* The nearest name, or the one that `name` begins with or is the beginning of: "simulate", "ref". */
static const char *nearest_command(struct sl_str name)
{
    const char *best = NULL;
    unsigned least = 3;
    for (size_t i = 0; i < N_COMMANDS; i++) {
        struct sl_str known = sl_str_c(commands[i].name);
        unsigned d = sl_str_distance(name, known, least);
        if (name.n > 1 && (sl_str_starts(name, known) || sl_str_starts(known, name)))
            d = 0;
        if (d < least) {
            least = d;
            best = commands[i].name;
        }
    }
    return best;
}

static int no_command(const char *name)
{
    const char *nearest = nearest_command(sl_str_c(name));
    fprintf(stderr, "sluice: there is no command '%s'", name);
    if (nearest != NULL)
        fprintf(stderr, ". Did you mean '%s'?\n", nearest);
    else
        fprintf(stderr, "; 'sluice help' lists them\n");
    return EXIT_USAGE;
}

/* `sluice help`, or `sluice help COMMAND`, which is COMMAND --help. */
static int cmd_help(int argc, char **argv)
{
    static char option[] = "--help";
    if (argc > 1 && argv[1][0] != '-' && strcmp(argv[1], "help") != 0) {
        const struct command *c = find_command(argv[1]);
        char *of_command[] = {argv[1], option, NULL};
        return c != NULL ? c->run(2, of_command) : no_command(argv[1]);
    }
    printf(
        "sluice: one layer between your applications and every model provider\n\nUsage: sluice COMMAND [OPTION...]\n\n");
    for (size_t i = 0; i < N_COMMANDS; i++)
        printf("  %-10s %s\n", commands[i].name, commands[i].text);
    printf("\n'sluice COMMAND --help' tells more.\n");
    return EXIT_OK;
}

int main(int argc, char **argv)
{
    const char *name = argc > 1 ? argv[1] : "help";
    if (strcmp(name, "--help") == 0 || strcmp(name, "-h") == 0)
        name = "help";
    if (strcmp(name, "--version") == 0)
        name = "version";
    const struct command *c = find_command(name);
    return c != NULL ? c->run(argc > 1 ? argc - 1 : argc, argc > 1 ? argv + 1 : argv) : no_command(name);
}
