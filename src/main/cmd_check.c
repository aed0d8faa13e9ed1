/* `sluice check`: the three passes of the configuration, and a look at the files that it names. */
#include "main/cmd_check.h"

#include <stdio.h>

#include "dialect/json_write.h"
#include "ledger/price.h"
#include "main/options.h"
#include "main/settings_files.h"
#include "main/settings_int.h"
#include "provider/provider.h"

static void write_to(FILE *to, const struct sl_buf *text)
{
    if (text->n != 0)
        fwrite(text->p, 1, text->n, to);
}

static void print_verdict(const struct cfg_report *r)
{
    if (r->n_errors == 0 && r->n_warnings == 0)
        printf(SL_STR_FMT ": valid\n", SL_STR_ARG(r->source));
    else if (r->n_errors == 0)
        printf(SL_STR_FMT ": valid, %zu warning%s\n", SL_STR_ARG(r->source), r->n_warnings,
               r->n_warnings == 1 ? "" : "s");
    else
        printf(SL_STR_FMT ": %zu error%s, %zu warning%s\n", SL_STR_ARG(r->source), r->n_errors,
               r->n_errors == 1 ? "" : "s", r->n_warnings, r->n_warnings == 1 ? "" : "s");
}

static void print_report(const struct cfg_report *r, bool is_json)
{
    struct sl_buf text;
    sl_buf_init(&text, 1 << 20);
    if (is_json) {
        cfg_report_json(r, &text);
        write_to(stdout, &text);
    } else {
        cfg_report_text(r, &text);
        write_to(stderr, &text);
        fflush(stderr);
        print_verdict(r);
    }
    sl_buf_done(&text);
}

static void print_settings(const struct settings *s, bool is_json)
{
    struct sl_buf text;
    sl_buf_init(&text, 256u << 20);
    if (is_json)
        cfg_dump_json(s->cfg, &text);
    else
        cfg_dump_yaml(s->cfg, &text);
    write_to(stdout, &text);
    sl_buf_done(&text);
}

static void print_kinds(void)
{
    const struct provider_kind *k;
    printf("%-18s %-10s %-20s %s\n", "KIND", "FORMAT", "KEY", "ADDRESS");
    for (unsigned i = 0; (k = provider_kind_at(i)) != NULL; i++)
        printf("%-18.*s %-10.*s %-20.*s %.*s\n", SL_STR_ARG(k->name), SL_STR_ARG(k->dialect),
               SL_STR_ARG(k->env_key.n > 0 ? k->env_key : SL_STR("-")),
               SL_STR_ARG(k->base_url.n > 0 ? k->base_url : SL_STR("-")));
}

/* The members that a server lacks: "name" is left out, "name=other" goes by that name ("image_url.url": addresses of images). */
static void write_lacks(struct json_writer *w, struct sl_str lacks, bool renamed)
{
    while (lacks.n > 0) {
        struct sl_str member = sl_str_cut(&lacks, ' '), other = member, name = sl_str_cut(&other, '=');
        if (name.n == 0 || (name.n != member.n) != renamed)
            continue;
        if (renamed)
            jw_member_plain(w, name, other);
        else
            jw_plain(w, name);
    }
}

static void print_kinds_json(void)
{
    const struct provider_kind *k;
    struct sl_buf text;
    sl_buf_init(&text, 1u << 20);
    struct json_writer w = json_writer_on(&text);
    jw_open(&w, '[');
    for (unsigned i = 0; (k = provider_kind_at(i)) != NULL; i++) {
        jw_open(&w, '{');
        jw_member_plain(&w, SL_STR("kind"), k->name);
        jw_member_plain(&w, SL_STR("format"), k->dialect);
        jw_member_plain(&w, SL_STR("platform"), k->platform);
        jw_member_plain(&w, SL_STR("key"), k->env_key);
        jw_member_plain(&w, SL_STR("address"), k->base_url);
        jw_key(&w, SL_STR("lacks"));
        jw_open(&w, '[');
        write_lacks(&w, k->chat_lacks, false);
        jw_close(&w, ']');
        jw_key(&w, SL_STR("renamed"));
        jw_open(&w, '{');
        write_lacks(&w, k->chat_lacks, true);
        jw_close(&w, '}');
        jw_close(&w, '}');
    }
    jw_close(&w, ']');
    sl_buf_add(&text, "\n", 1);
    write_to(stdout, &text);
    sl_buf_done(&text);
}

/* The price catalogue's errors. The start and a reload load it by themselves, and say so. */
static void check_prices(const struct settings *s, struct cfg *c)
{
    struct sl_fail fail = {0};
    struct price_catalog *catalog;
    const struct sl_str *path = &s->ledger.prices;
    if (path->n == 0)
        return;
    if (price_catalog_load_file(sl_arena_cstr(cfg_arena(c), *path), &catalog, &fail) == SL_OK)
        price_catalog_unref(catalog);
    else if (cfg_is_literal(c, path))
        cfg_error_at(c, path, NULL, "%s: %s", fail.place, fail.text);
    else
        cfg_error_at(c, path, NULL, "the price catalogue cannot be read");
}

static void look(struct settings *s, struct cfg *c)
{
    settings_check_files(s, c);
    check_prices(s, c);
    settings_look_for_keys(s, c);
}

int cmd_check(int argc, char **argv)
{
    const char *config = NULL;
    bool is_json = false, show = false, kinds = false;
    const struct option options[] = {
        {"config", 'c', OPTION_TEXT, &config, "FILE", "the configuration to check; else the one that serve would take"},
        {"json", 'j', OPTION_FLAG, &is_json, NULL, "print what was found (or, with --show, the settings) as JSON"},
        {"show", 's', OPTION_FLAG, &show, NULL, "print all settings with their values, secrets masked"},
        {"kinds", 'k', OPTION_FLAG, &kinds, NULL,
         "list the kinds of providers: address, key's variable, format (with --json also what each lacks); check nothing"},
        {0}};
    struct command_line c = {.name = "check",
                             .summary = "Check a configuration: all errors at once, with their places.",
                             .more = "Ends with 0 when it is valid (warnings may be there), with 1 when it is not.\n",
                             .options = options};
    enum options_result o = options_read(&c, argc, argv);
    if (o != OPTIONS_GO)
        return options_exit(o);
    if (kinds) {
        (is_json ? print_kinds_json : print_kinds)();
        return EXIT_OK;
    }
    struct cfg_report report;
    cfg_report_init(&report);
    struct settings *s = settings_load_with(config, &report, look);
    int code = s != NULL ? EXIT_OK : EXIT_FAILED;
    if (s != NULL && show)
        print_settings(s, is_json);
    else
        print_report(&report, is_json);
    settings_free(s);
    cfg_report_done(&report);
    return code;
}
