/* `sluice schema` and `sluice reference`: what the tables say, for editors and for people. docs/reference/ holds both;
 * dev/generated checks that they are fresh. */
#include "main/cmd_schema.h"

#include <stdio.h>

#include "main/options.h"
#include "main/settings.h"

typedef void print_f(const struct cfg_section *root, struct sl_buf *out);

static int print(struct command_line *c, int argc, char **argv, print_f *f)
{
    struct sl_buf out;
    enum options_result o = options_read(c, argc, argv);
    if (o != OPTIONS_GO)
        return options_exit(o);
    sl_buf_init(&out, 4u << 20);
    f(&settings_root, &out);
    bool is_written = !out.over && fwrite(out.p, 1, out.n, stdout) == out.n && fflush(stdout) == 0;
    sl_buf_done(&out);
    return is_written ? EXIT_OK : EXIT_FAILED;
}

int cmd_schema(int argc, char **argv)
{
    struct command_line c = {.name = "schema",
                             .summary = "Print the JSON Schema (draft-07) of the configuration, for editors.",
                             .more = "First line of a sluice.yaml that editors understand:\n"
                                     "# yaml-language-server: $schema=./sluice.schema.json\n"};
    return print(&c, argc, argv, cfg_schema_json);
}

int cmd_reference(int argc, char **argv)
{
    struct command_line c = {.name = "reference",
                             .summary = "Print the reference manual of the configuration, in Markdown."};
    return print(&c, argc, argv, cfg_reference_md);
}
