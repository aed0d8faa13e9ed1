/* `sluice keys create|list|revoke|rotate|expire`: client keys, on the state directory itself, also while the gateway runs
 * (it is told, and looks once a second anyway). One function per verb, listed in `verbs`. */
#include "main/cmd_keys.h"

#include <stdio.h>

#include "base/buf.h"
#include "base/clock.h"
#include "dialect/operation.h"
#include "main/command_state.h"
#include "main/keys.h"
#include "main/options.h"

#define OUTPUT_MAX (64u << 20)

struct where { /* options that all verbs have */
    const char *state, *config;
    bool json;
};

struct opened {
    struct state_dir dir;
    struct store *store;
};

#define WHERE_OPTIONS(w)                                                                                               \
    {"json", 0, OPTION_FLAG, &(w).json, NULL, "print JSON"},                                                           \
        {"state", 0, OPTION_TEXT, &(w).state, "DIR", "the state directory (default: the gateway's)"},                  \
        {"config", 'c', OPTION_TEXT, &(w).config, "FILE", "the configuration that names it"},                          \
    {                                                                                                                  \
        NULL                                                                                                           \
    }

static int complain(const struct sl_fail *fail)
{
    fprintf(stderr, "sluice keys: %s%s%s\n", fail->place, fail->place[0] != 0 ? ": " : "", fail->text);
    return EXIT_FAILED;
}

/* Only `create` makes a directory: a mistyped one would else be told to hold no keys. */
static enum sl_err open_state(const struct where *w, enum state_mode mode, struct opened *out, struct sl_fail *fail)
{
    char path[STATE_PATH_MAX];
    enum sl_err e = command_state_path(w->state, w->config, path, fail);
    if (e == SL_OK)
        e = state_dir_open(&out->dir, path, mode, fail);
    if (e != SL_OK)
        return e;
    e = store_open_sqlite(state_dir_path(&out->dir, "ledger.db").text, STORE_WRITE, &out->store, fail);
    if (e != SL_OK)
        state_dir_close(&out->dir);
    return e;
}

static void close_state(struct opened *o)
{
    store_close(o->store);
    state_dir_close(&o->dir);
}

static void print(struct sl_buf *b)
{
    (void)fwrite(b->p, 1, b->n, stdout);
    sl_buf_done(b);
}

static bool read_id(const char *text, struct sl_id *out)
{
    if (sl_id_parse(sl_str_c(text), out))
        return true;
    fprintf(stderr, "sluice keys: '%s' is not a key id; `sluice keys list` shows them\n", text);
    return false;
}

/* -- What is printed ------------------------------------------------------------------------------------------------ */

static void add_member(struct sl_buf *b, const char *name, struct sl_str value)
{
    (void)sl_buf_addf(b, ",\"%s\":", name);
    (void)sl_buf_add_json(b, value);
}

static void add_time(struct sl_buf *b, const char *name, int64_t wall_ns)
{
    char text[SL_TIME_TEXT];
    if (wall_ns == 0) {
        (void)sl_buf_addf(b, ",\"%s\":null", name);
        return;
    }
    sl_time_text(wall_ns, text);
    add_member(b, name, sl_str_c(text));
}

static void add_list(struct sl_buf *b, const char *name, struct sl_str list)
{
    const char *comma = "";
    (void)sl_buf_addf(b, ",\"%s\":", name);
    if (list.n == 0) {
        (void)sl_buf_adds(b, SL_STR("null"));
        return;
    }
    (void)sl_buf_addc(b, '[');
    while (list.p != NULL) {
        (void)sl_buf_adds(b, sl_str_c(comma));
        (void)sl_buf_add_json(b, sl_str_trim(sl_str_cut(&list, ',')));
        comma = ",";
    }
    (void)sl_buf_addc(b, ']');
}

static const char *state_of(const struct store_key *k, int64_t now_ns)
{
    if (k->revoked_ns != 0)
        return "revoked";
    return k->expires_ns != 0 && k->expires_ns <= now_ns ? "expired" : "active";
}

static int show_made(const struct where *w, struct keys_made *made)
{
    char id[SL_ID_TEXT];
    sl_id_text(made->id, id);
    if (w->json)
        printf("{\"id\":\"%s\",\"key\":\"%s\"}\n", id, made->text);
    else
        printf("%s\n\nid %s. The key is shown this once: only a digest of it is kept.\n", made->text, id);
    keys_made_wipe(made);
    return EXIT_OK;
}

struct listing {
    struct sl_buf out;
    int64_t now_ns;
    bool json;
    unsigned n;
};

static void list_json(struct listing *l, const struct store_key *k, const char *id)
{
    struct sl_buf *b = &l->out;
    (void)sl_buf_addf(b, "%s\n  {\"id\":\"%s\"", l->n > 0 ? "," : "", id);
    add_member(b, "name", k->name);
    add_member(b, "tenant", k->tenant);
    add_member(b, "prefix", k->prefix);
    add_member(b, "state", sl_str_c(state_of(k, l->now_ns)));
    add_time(b, "created", k->created_ns);
    add_time(b, "expires", k->expires_ns);
    add_time(b, "revoked", k->revoked_ns);
    char from[SL_ID_TEXT];
    sl_id_text(k->rotated_from, from);
    if (k->rotated_from.hi != 0 || k->rotated_from.lo != 0)
        add_member(b, "rotated_from", sl_str_c(from));
    add_list(b, "models", k->models);
    add_list(b, "operations", k->operations);
    add_list(b, "tags", k->tags);
    (void)sl_buf_addc(b, '}');
}

static struct sl_str or_all(struct sl_str list)
{
    return list.n > 0 ? list : SL_STR("all");
}

static void list_text(struct listing *l, const struct store_key *k, const char *id)
{
    char created[SL_TIME_TEXT], expires[SL_TIME_TEXT] = "never";
    struct sl_str models = or_all(k->models), operations = or_all(k->operations);
    sl_time_text(k->created_ns, created);
    if (k->expires_ns != 0)
        sl_time_text(k->expires_ns, expires);
    if (l->n == 0)
        (void)sl_buf_addf(&l->out, "%-26s  %-8s  %-21s  %-10s  %-16s  %-12s  %-12s  %-18s  %s\n", "ID", "STATE", "KEY",
                          "CREATED", "EXPIRES", "NAME", "TENANT", "MODELS", "OPERATIONS");
    (void)sl_buf_addf(&l->out, "%-26s  %-8s  %-18.*s...  %-10.10s  %-16.16s  %-12.*s  %-12.*s  %-18.*s  %.*s\n", id,
                      state_of(k, l->now_ns), SL_STR_ARG(k->prefix), created, expires, SL_STR_ARG(k->name),
                      SL_STR_ARG(k->tenant), SL_STR_ARG(models), SL_STR_ARG(operations));
}

static bool on_key(void *arg, const struct store_key *k)
{
    struct listing *l = arg;
    char id[SL_ID_TEXT];
    sl_id_text(k->id, id);
    if (l->json)
        list_json(l, k, id);
    else
        list_text(l, k, id);
    l->n++;
    return !l->out.over;
}

/* -- Verbs ---------------------------------------------------------------------------------------------------------- */

/* An empty list would be all there is: most likely a variable of a script is not set. */
static bool is_empty(const char *list)
{
    return list != NULL && sl_str_trim(sl_str_c(list)).n == 0;
}

/* "Operations: chat, ...", in lines of at most 80 bytes: every name that covers itself. */
static void write_operations(struct sl_buf *b)
{
    size_t column = sizeof "Operations:" - 1;
    sl_buf_init(b, 65536);
    (void)sl_buf_adds(b, SL_STR("Operations:"));
    for (enum operation op = OP_CHAT; op < OP_COUNT; op++) {
        struct sl_str name = operation_row(op)->name;
        if (operation_by_name(name) != (int)op || operation_granted_as(op) != op)
            continue;
        if (column + 2 + name.n > 80) {
            (void)sl_buf_adds(b, SL_STR("\n "));
            column = 1;
        }
        (void)sl_buf_addc(b, ' ');
        (void)sl_buf_adds(b, name);
        column += 1 + name.n;
    }
    (void)sl_buf_addc(b, '\n');
}

static int create(int argc, char **argv)
{
    struct where w = {NULL, NULL, false};
    const char *name = NULL, *tenant = NULL, *models = NULL, *operations = NULL, *tags = NULL;
    int64_t expires_in_ns = 0;
    const struct option options[] = {
        {"name", 'n', OPTION_TEXT, &name, "NAME", "what people call the key (needed)"},
        {"tenant", 't', OPTION_TEXT, &tenant, "TENANT", "who it belongs to (default: default)"},
        {"models", 'm', OPTION_TEXT, &models, "LIST", "models it may use: a,b,prefix-* (default: all)"},
        {"operations", 'o', OPTION_TEXT, &operations, "LIST",
         "operations it may use: chat,embeddings,... (default: all)"},
        {"tags", 'g', OPTION_TEXT, &tags, "LIST", "what rules can ask about by key_tags.NAME: feature=search,team=web"},
        {"expires", 'e', OPTION_DURATION, &expires_in_ns, "TIME", "ends after this: 30d, 12h (default: never)"},
        WHERE_OPTIONS(w),
    };
    struct sl_buf more;
    write_operations(&more);
    struct command_line c = {.name = "keys create",
                             .summary = "Makes a client key and prints it, once.",
                             .more = sl_buf_addc(&more, 0) == SL_OK ? more.p : NULL,
                             .options = options};
    enum options_result r = options_read(&c, argc, argv);
    sl_buf_done(&more);
    if (r != OPTIONS_GO)
        return options_exit(r);
    struct opened o;
    struct keys_made made;
    struct sl_fail fail;
    struct keys_spec spec = {
        .name = sl_str_c(name),
        .tenant = sl_str_c(tenant),
        .models = sl_str_c(models),
        .operations = sl_str_c(operations),
        .tags = sl_str_c(tags),
        .expires_ns = expires_in_ns > 0 ? sl_clock_wall_ns() + expires_in_ns : 0,
    };
    if (name == NULL) {
        fprintf(stderr, "sluice keys create: give the key a name: --name NAME\n");
        return EXIT_USAGE;
    }
    if (is_empty(models) || is_empty(operations)) {
        fprintf(stderr, "sluice keys create: %s is empty: name what the key may use, or leave the option out for all\n",
                is_empty(models) ? "--models" : "--operations");
        return EXIT_USAGE;
    }
    if (open_state(&w, STATE_CREATE, &o, &fail) != SL_OK)
        return complain(&fail);
    enum sl_err e = keys_create(&o.dir, o.store, &spec, &made, &fail);
    close_state(&o);
    return e == SL_OK ? show_made(&w, &made) : complain(&fail);
}

static int list(int argc, char **argv)
{
    struct where w = {NULL, NULL, false};
    const struct option options[] = {WHERE_OPTIONS(w)};
    struct command_line c = {.name = "keys list",
                             .summary = "Lists all keys, oldest first: never their text, only how it begins.",
                             .options = options};
    enum options_result r = options_read(&c, argc, argv);
    if (r != OPTIONS_GO)
        return options_exit(r);
    struct opened o;
    struct sl_fail fail;
    struct listing l = {.now_ns = sl_clock_wall_ns(), .json = w.json};
    if (open_state(&w, STATE_EXISTING, &o, &fail) != SL_OK)
        return complain(&fail);
    sl_buf_init(&l.out, OUTPUT_MAX);
    if (w.json)
        (void)sl_buf_addc(&l.out, '[');
    enum sl_err e = o.store->ops->each_key(o.store, on_key, &l, &fail);
    close_state(&o);
    if (w.json)
        (void)sl_buf_adds(&l.out, SL_STR("\n]\n"));
    else if (l.n == 0)
        (void)sl_buf_adds(&l.out, SL_STR("There are no keys. Make one: sluice keys create --name NAME\n"));
    if (e == SL_OK && l.out.over)
        e = sl_fail_set(&fail, SL_ELIMIT, "", "too many keys to list");
    if (e == SL_OK)
        print(&l.out);
    else
        sl_buf_done(&l.out);
    return e == SL_OK ? EXIT_OK : complain(&fail);
}

/* The command line of a verb about one key, and the state. False: the command is over, *out_exit is what it leaves with. */
static bool begin_on_one(struct command_line *c, int argc, char **argv, const struct where *w, struct opened *o,
                         struct sl_id *out_id, int *out_exit)
{
    struct sl_fail fail;
    c->operands = "ID";
    c->min_operands = c->max_operands = 1;
    enum options_result r = options_read(c, argc, argv);
    if (r != OPTIONS_GO)
        *out_exit = options_exit(r);
    else if (!read_id(c->operand[0], out_id))
        *out_exit = EXIT_USAGE;
    else if (open_state(w, STATE_EXISTING, o, &fail) != SL_OK)
        *out_exit = complain(&fail);
    else
        return true;
    return false;
}

static int show_ended(const struct where *w, const char *id, const char *what)
{
    if (w->json)
        printf("{\"id\":\"%s\",\"state\":\"%s\"}\n", id, what);
    else
        printf("%s is %s.\n", id, what);
    return EXIT_OK;
}

static int revoke(int argc, char **argv)
{
    struct where w = {NULL, NULL, false};
    const struct option options[] = {WHERE_OPTIONS(w)};
    struct command_line c = {.name = "keys revoke",
                             .summary = "Ends a key now and for good. A running gateway refuses it within a second.",
                             .options = options};
    struct opened o;
    struct sl_fail fail;
    struct sl_id id;
    int left_with;
    if (!begin_on_one(&c, argc, argv, &w, &o, &id, &left_with))
        return left_with;
    enum sl_err e = keys_revoke(&o.dir, o.store, id, &fail);
    close_state(&o);
    return e == SL_OK ? show_ended(&w, c.operand[0], "revoked") : complain(&fail);
}

static int expire(int argc, char **argv)
{
    struct where w = {NULL, NULL, false};
    int64_t in_ns = 0;
    const struct option options[] = {
        {"in", 0, OPTION_DURATION, &in_ns, "TIME", "after this: 30d, 12h (default: now)"},
        WHERE_OPTIONS(w),
    };
    struct command_line c = {
        .name = "keys expire", .summary = "Sets when a key ends, also to later than before.", .options = options};
    struct opened o;
    struct sl_fail fail;
    struct sl_id id;
    int left_with;
    if (!begin_on_one(&c, argc, argv, &w, &o, &id, &left_with))
        return left_with;
    enum sl_err e = keys_expire(&o.dir, o.store, id, sl_clock_wall_ns() + in_ns, &fail);
    close_state(&o);
    return e == SL_OK ? show_ended(&w, c.operand[0], in_ns > 0 ? "going to expire" : "expired") : complain(&fail);
}

static int rotate(int argc, char **argv)
{
    struct where w = {NULL, NULL, false};
    int64_t grace_ns = 0;
    const struct option options[] = {
        {"grace", 'g', OPTION_DURATION, &grace_ns, "TIME", "the old key works for so long: 1h (default: not at all)"},
        WHERE_OPTIONS(w),
    };
    struct command_line c = {
        .name = "keys rotate",
        .summary = "Makes a key with the same name, tenant, tags and grants, and ends the old one.",
        .options = options};
    struct opened o;
    struct keys_made made;
    struct sl_fail fail;
    struct sl_id id;
    int left_with;
    if (!begin_on_one(&c, argc, argv, &w, &o, &id, &left_with))
        return left_with;
    enum sl_err e = keys_rotate(&o.dir, o.store, id, grace_ns, &made, &fail);
    close_state(&o);
    return e == SL_OK ? show_made(&w, &made) : complain(&fail);
}

static const struct {
    const char *name;
    int (*run)(int argc, char **argv); /* argv[0] is the verb */
    const char *text;
} verbs[] = {
    {"create", create, "make a key and print it, once"},
    {"list", list, "list all keys"},
    {"revoke", revoke, "end a key now"},
    {"rotate", rotate, "replace a key by a fresh one"},
    {"expire", expire, "set when a key ends"},
};

static int help(FILE *to)
{
    fprintf(to, "usage: sluice keys VERB [OPTIONS]\n\nClient keys: who may use the gateway, and for what.\n\n");
    for (size_t i = 0; i < sizeof verbs / sizeof verbs[0]; i++)
        fprintf(to, "  %-8s %s\n", verbs[i].name, verbs[i].text);
    fprintf(to, "\n`sluice keys VERB --help` tells more.\n");
    return to == stdout ? EXIT_OK : EXIT_USAGE;
}

int cmd_keys(int argc, char **argv)
{
    if (argc < 2)
        return help(stderr);
    struct sl_str verb = sl_str_c(argv[1]);
    if (sl_str_eq(verb, SL_STR("--help")) || sl_str_eq(verb, SL_STR("-h")))
        return help(stdout);
    for (size_t i = 0; i < sizeof verbs / sizeof verbs[0]; i++)
        if (sl_str_eq(verb, sl_str_c(verbs[i].name)))
            return verbs[i].run(argc - 1, argv + 1);
    fprintf(stderr, "sluice keys: there is no '%s'\n", argv[1]);
    return help(stderr);
}
