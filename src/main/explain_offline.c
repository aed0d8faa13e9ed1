/* See explain_offline.h. */
#include "main/explain_offline.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "main/command_state.h"
#include "main/explain_plan.h"
#include "main/gateway.h"

#define LINE_BYTES (1u << 20) /* of one access record; they have a few kilobytes */

struct offline {
    const struct explain_options *o;
    struct cfg_report report;
    struct snapshot *snap;
    struct price_catalog *prices;
    struct key_table *keys;
    struct route_scripts *scripts;
    struct sl_arena arena;
    struct http_headers headers;
    struct tokens_set tokens;
};

static int complain(const char *what, const char *why)
{
    fprintf(stderr, "sluice explain: %s%s%s\n", what, why[0] != 0 ? ": " : "", why);
    return EXIT_FAILED;
}

static void print(struct sl_buf *text)
{
    if (text->n > 0)
        (void)fwrite(text->p, 1, text->n, stdout);
    sl_buf_done(text);
}

/* -- What it is planned with ------------------------------------------------------------------------------------------- */

static enum sl_err load_prices(struct offline *f, const struct settings *s, struct sl_fail *fail)
{
    if (s->ledger.prices.n > 0)
        return price_catalog_load_file(s->ledger.prices.p, &f->prices, fail);
    f->prices = price_catalog_embedded();
    return SL_OK;
}

static bool open_config(struct offline *f)
{
    struct sl_fail fail = {0};
    struct sl_addr sim;
    struct settings *s = settings_load(f->o->config, &f->report);
    if (s == NULL) {
        complain("the configuration has errors", "`sluice check` shows them");
        return false;
    }
    SL_CHECK(sl_addr_parse(SL_STR("127.0.0.1"), 1, &sim)); /* nothing is sent there */
    enum sl_err e = load_prices(f, s, &fail);
    if (e == SL_OK)
        e = snapshot_build(s, &sim, &f->snap, &fail);
    if (e != SL_OK)
        settings_free(s);
    else if (f->snap->n_scripts > 0)
        e = route_scripts_new(f->snap->scripts, f->snap->n_scripts, &f->scripts, &fail);
    if (e == SL_OK)
        return true;
    complain(fail.place, fail.text);
    return false;
}

static bool open_keys(struct offline *f)
{
    struct sl_fail fail = {0};
    struct state_dir dir;
    struct store *store = NULL;
    char path[STATE_PATH_MAX];
    size_t bad;
    enum sl_err e = command_state_path(f->o->state, f->o->config, path, &fail);
    if (e == SL_OK)
        e = state_dir_open(&dir, path, STATE_EXISTING, &fail);
    if (e == SL_OK) {
        e = store_open_sqlite(state_dir_path(&dir, "ledger.db").text, STORE_READ, &store, &fail);
        if (e == SL_OK)
            e = keys_table_load(store, &f->keys, &bad, &fail);
        store_close(store);
        state_dir_close(&dir);
    }
    if (e != SL_OK)
        complain(fail.place, fail.text);
    return e == SL_OK;
}

static bool find_key(struct offline *f, const struct auth_key **out)
{
    *out = NULL;
    if (f->o->key == NULL)
        return true;
    if (!open_keys(f))
        return false;
    *out = key_table_named(f->keys, sl_str_c(f->o->key), sl_clock_wall_ns());
    if (*out == NULL)
        complain(f->o->key, "there is no key of that name; `sluice keys list` shows them");
    return *out != NULL;
}

static bool read_headers(struct offline *f)
{
    for (unsigned i = 0; i < f->o->headers.n; i++) {
        struct sl_str value = sl_str_c(f->o->headers.v[i]), name = sl_str_trim(sl_str_cut(&value, ':'));
        char *lower = sl_arena_cstr(&f->arena, name);
        if (value.p == NULL || name.n == 0) {
            complain(f->o->headers.v[i], "a header is written as 'name: value'");
            return false;
        }
        for (size_t k = 0; k < name.n; k++)
            lower[k] = sl_lower(lower[k]);
        name.p = lower;
        enum http_name id = http_name_of(name);
        if (id != HN_OTHER)
            http_headers_add_id(&f->headers, &f->arena, id, sl_str_trim(value));
        else
            http_headers_add(&f->headers, &f->arena, name, sl_str_trim(value));
    }
    return true;
}

/* -- A request --------------------------------------------------------------------------------------------------------- */

static int explain_it(struct offline *f, const struct explain_from *from, struct sl_str body)
{
    struct explained *e = SL_ARENA_NEW(&f->arena, struct explained);
    struct sl_str why = SL_STR_NONE;
    struct sl_buf out;
    if (!explain_request(from, body, &f->arena, e, &why)) {
        fprintf(stderr, "sluice explain: %s: " SL_STR_FMT "\n", f->o->request, SL_STR_ARG(why));
        return EXIT_FAILED;
    }
    sl_buf_init(&out, 1u << 20);
    if (f->o->is_json)
        explain_json(e, &out);
    else
        explain_table(e, &out);
    print(&out);
    if (f->scripts != NULL && route_scripts_trouble(f->scripts).n > 0)
        fprintf(stderr, "sluice explain: " SL_STR_FMT "\n", SL_STR_ARG(route_scripts_trouble(f->scripts)));
    return e->verdict == ROUTE_OK ? EXIT_OK : EXIT_FAILED;
}

static int explain_file(struct offline *f, const struct explain_from *from)
{
    struct sl_fail fail = {0};
    struct sl_buf body;
    sl_buf_init(&body, EXPLAIN_BODY_MAX);
    const char *path = strcmp(f->o->request, "-") == 0 ? "/dev/stdin" : f->o->request;
    int code = cfg_read_file(path, EXPLAIN_BODY_MAX, &body, &fail) == SL_OK
                   ? explain_it(f, from, sl_str_trim(sl_buf_str(&body)))
                   : complain(fail.text, "");
    sl_buf_done(&body);
    return code;
}

/* -- A past decision --------------------------------------------------------------------------------------------------- */

/* The line of the file that has the id; false: none. */
static bool find_line(const char *path, const char *id, char *line, struct sl_str *out)
{
    char wanted[64];
    bool found = false;
    FILE *file = fopen(path, "re");
    snprintf(wanted, sizeof wanted, "\"id\":\"%s\"", id);
    while (file != NULL && !found && fgets(line, LINE_BYTES, file) != NULL)
        found = strstr(line, wanted) != NULL;
    if (file != NULL)
        fclose(file);
    *out = sl_str_c(line);
    return found;
}

static bool find_record(struct offline *f, char *line, struct sl_str *out)
{
    const struct access_log_settings *log = &snapshot_settings(f->snap)->log.access;
    const char *path = f->o->log != NULL ? f->o->log : log->path.p;
    char rotated[4096];
    if (path == NULL || path[0] == 0 || strcmp(path, "-") == 0) {
        complain("there is no access log in a file", "set log.access.path, or name one with --log");
        return false;
    }
    bool found = find_line(path, f->o->id, line, out);
    for (uint32_t i = 1; !found && i <= log->keep; i++) {
        snprintf(rotated, sizeof rotated, "%s.%u", path, i);
        found = find_line(rotated, f->o->id, line, out);
    }
    if (!found)
        complain(f->o->id, "not in the access log");
    return found;
}

static void add_replay_json(const struct replayed *r, struct sl_buf *out)
{
    struct sl_str rest = sl_buf_str(&r->differences);
    sl_buf_addf(out, "{\"same\":%s,\"same_config\":%s,\"config\":", r->same ? "true" : "false",
                r->same_config ? "true" : "false");
    sl_buf_add_json(out, r->recorded_config);
    sl_buf_adds(out, SL_STR(",\"differences\":["));
    for (const char *comma = ""; rest.n > 0; comma = ",") {
        struct sl_str line = sl_str_cut(&rest, '\n');
        sl_buf_addf(out, "%s", comma);
        sl_buf_add_json(out, line);
    }
    sl_buf_adds(out, SL_STR("]}\n"));
}

static void add_replay_text(const struct replayed *r, struct sl_buf *out)
{
    sl_buf_addf(out, "model " SL_STR_FMT "\n", SL_STR_ARG(r->model));
    explain_places(&r->plan, out);
    if (!r->same_config)
        sl_buf_addf(out, "the configuration is another one: the record has revision " SL_STR_FMT "\n",
                    SL_STR_ARG(r->recorded_config));
    sl_buf_adds(out, r->same ? SL_STR("the same plan as in the record\n") : SL_STR("differs from the record:\n"));
    sl_buf_adds(out, sl_buf_str(&r->differences));
}

static int replay(struct offline *f, const struct explain_from *from)
{
    char *line = sl_arena_alloc(&f->arena, LINE_BYTES);
    struct sl_str record, why = SL_STR_NONE;
    struct replayed r;
    struct sl_buf out;
    if (!find_record(f, line, &record))
        return EXIT_FAILED;
    while (record.n > 0 && record.p[record.n - 1] == '\n')
        record.n--;
    if (!explain_replay(from, record, &f->arena, &r, &why)) {
        fprintf(stderr, "sluice explain: %s: " SL_STR_FMT "\n", f->o->id, SL_STR_ARG(why));
        return EXIT_FAILED;
    }
    sl_buf_init(&out, 2u << 20);
    if (f->o->is_json)
        add_replay_json(&r, &out);
    else
        add_replay_text(&r, &out);
    print(&out);
    sl_buf_done(&r.differences);
    return r.same ? EXIT_OK : EXIT_FAILED;
}

/* -- Both -------------------------------------------------------------------------------------------------------------- */

static int run(struct offline *f)
{
    const struct auth_key *key;
    if (!open_config(f) || !find_key(f, &key) || !read_headers(f))
        return EXIT_FAILED;
    const uint64_t percent = f->o->budget_percent;
    const uint32_t permille = percent < UINT32_MAX / 10 ? (uint32_t)percent * 10 : UINT32_MAX - 1;
    const struct explain_from from = {
        .snap = f->snap,
        .prices = f->prices,
        .key = key,
        .tokens = &f->tokens,
        .path = sl_str_c(f->o->path != NULL ? f->o->path : "/v1/chat/completions"),
        .headers = &f->headers,
        .wall_ns = sl_clock_wall_ns(),
        .seed = 1,
        .script = f->scripts != NULL ? route_scripts_ask : NULL,
        .script_arg = f->scripts,
        .budget_permille = percent != UINT64_MAX ? &permille : NULL,
    };
    return f->o->id != NULL ? replay(f, &from) : explain_file(f, &from);
}

int explain_offline(const struct explain_options *o)
{
    struct offline f = {.o = o};
    cfg_report_init(&f.report);
    sl_arena_init(&f.arena, NULL);
    (void)tokens_set_open(&f.tokens, NULL, NULL); /* without, counts are estimates, as in the gateway */
    int code = run(&f);
    tokens_set_done(&f.tokens);
    route_scripts_free(f.scripts);
    key_table_unref(f.keys);
    price_catalog_unref(f.prices);
    snapshot_unref(f.snap);
    sl_arena_done(&f.arena);
    cfg_report_done(&f.report);
    return code;
}
