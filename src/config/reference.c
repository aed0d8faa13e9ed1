/* The reference manual, from the tables: docs/reference/configuration.md (`sluice reference`). */
#include "config/config_int.h"

static const char INTRO[] =
    "# Configuration reference\n"
    "\n"
    "Made by `sluice reference` from the tables that also check the file; do not edit.\n"
    "`sluice explain SETTING` shows one setting with its current value, `sluice check` finds all errors of a file\n"
    "at once, `sluice schema` prints a JSON Schema for editors.\n"
    "\n"
    "## How values are written\n"
    "\n"
    "| type | form |\n"
    "|---|---|\n"
    "| duration | `500ms`, `10s`, `5m`, `1h30m`, `7d`; the unit is needed |\n"
    "| size | bytes, or `KiB` `MiB` `GiB` (1024), `KB` `MB` `GB` (1000) |\n"
    "| secret | `\"${NAME}\"` (environment), `\"file:PATH\"`, or the secret itself, which is warned about; "
    "never shown again |\n"
    "| address | `127.0.0.1:8080`, `[::1]:8080`, `localhost:8080` |\n"
    "| path | relative paths start from the folder of the configuration file |\n"
    "| list | `[a, b]` or one `- item` a line; a single value stands for a list of one |\n"
    "\n"
    "`${NAME}` in any value is replaced by that environment variable; a variable that is not set is an error, unless\n"
    "a text to use instead is given: `${NAME:-text}`. `$${` is a plain `${`.\n"
    "\n"
    "Variables that go before the file: `SLUICE_LISTEN` (`listen.address`), `SLUICE_ADMIN_LISTEN` (`admin.address`),\n"
    "`SLUICE_STATE_DIR` (`state.directory`). `SLUICE_CONFIG` names the file itself.\n";

static void add_row(void *arg, struct sl_str path, const struct cfg_setting *row, unsigned depth)
{
    struct sl_buf *out = arg;
    bool is_section = row->section != NULL;
    sl_buf_addf(out, "\n%s `" SL_STR_FMT "%s`\n\n",
                depth == 0   ? "##"
                : is_section ? "###"
                             : "####",
                SL_STR_ARG(path), row->type == CFG_MAP ? ".*" : "");
    if (!is_section || row->type != CFG_SECTION) {
        struct sl_buf facts;
        sl_buf_init(&facts, 1000);
        type_add_text(&facts, row);
        sl_buf_adds(out, sl_buf_str(&facts));
        sl_buf_reset(&facts);
        bounds_add_text(&facts, row);
        if (facts.n != 0)
            sl_buf_addf(out, " · " SL_STR_FMT, SL_STR_ARG(sl_buf_str(&facts)));
        sl_buf_done(&facts);
        if (row->preset != NULL)
            sl_buf_addf(out, " · default `%s`", row->preset);
        if ((row->flags & CFG_REQUIRED) != 0)
            sl_buf_adds(out, SL_STR(" · **required**"));
        if ((row->flags & CFG_EXPERIMENTAL) != 0)
            sl_buf_adds(out, SL_STR(" · experimental"));
        sl_buf_addf(out, " · change: %s\n\n", (row->flags & CFG_RESTART) != 0 ? "restart" : "reload");
    }
    sl_buf_addf(out, "%s\n", row->text);
    for (const struct cfg_word *w = row->words; w != NULL && w->word != NULL; w++)
        if (w->text != NULL)
            sl_buf_addf(out, "%s- `%s`: %s\n", w == row->words ? "\n" : "", w->word, w->text);
}

void cfg_reference_md(const struct cfg_section *root, struct sl_buf *out)
{
    sl_buf_add(out, INTRO, sizeof INTRO - 1);
    schema_walk(root, add_row, out);
}
