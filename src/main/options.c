#include "main/options.h"

#include <stdio.h>
#include <string.h>

#include "base/check.h"
#include "config/config.h"

#define COLUMNS 80
#define NAME_COLUMNS 26

struct reading {
    struct command_line *c;
    int argc, at;
    char **argv;
    bool only_operands; /* "--" was seen */
};

static void options_help(const struct command_line *c);

/* Says what is wrong; with the table's nearest name where an option is unknown. */
static enum options_result bad(const struct command_line *c, const char *text, const char *what, const char *nearest)
{
    fprintf(stderr, "sluice %s: %s%s%s", c->name, text, what[0] != 0 ? ": " : "", what);
    if (nearest != NULL)
        fprintf(stderr, ". Did you mean --%s?", nearest);
    fprintf(stderr, "\n`sluice %s --help` shows what there is.\n", c->name);
    return OPTIONS_BAD;
}

static const char *nearest_name(const struct command_line *c, struct sl_str name)
{
    const char *best = NULL;
    unsigned least = 3;
    for (const struct option *o = c->options; o != NULL && o->name != NULL; o++) {
        unsigned d = sl_str_distance(name, sl_str_c(o->name), least);
        if (d < least) {
            least = d;
            best = o->name;
        }
    }
    return best;
}

static const struct option *by_name(const struct command_line *c, struct sl_str name)
{
    for (const struct option *o = c->options; o != NULL && o->name != NULL; o++)
        if (sl_str_eq(name, sl_str_c(o->name)))
            return o;
    return NULL;
}

static const struct option *by_letter(const struct command_line *c, char letter)
{
    for (const struct option *o = c->options; o != NULL && o->name != NULL; o++)
        if (o->letter != 0 && o->letter == letter)
            return o;
    return NULL;
}

/* Puts a value; gives what was expected when it is not of that form. */
static const char *put(const struct option *o, const char *value)
{
    struct option_many *many = o->out;
    switch (o->kind) {
    case OPTION_FLAG:
        return "no value";
    case OPTION_TEXT:
        *(const char **)o->out = value;
        return NULL;
    case OPTION_NUMBER:
        return sl_str_to_u64(sl_str_c(value), o->out) ? NULL : "a number";
    case OPTION_DURATION:
        return cfg_parse_duration(sl_str_c(value), o->out) == SL_OK ? NULL : "a duration, as in 90s, 24h or 7d";
    case OPTION_SIZE:
        return cfg_parse_size(sl_str_c(value), o->out) == SL_OK ? NULL : "a size, as in 64MiB";
    case OPTION_MANY:
        if (many->n == OPTION_MANY_MAX)
            return "at most 16 of it";
        many->v[many->n++] = value;
        return NULL;
    }
    return NULL;
}

/* `value` NULL: it is the next argument. */
static enum options_result take(struct reading *r, const struct option *o, const char *value)
{
    if (value == NULL) {
        if (r->at + 1 >= r->argc)
            return bad(r->c, "a value is missing behind", r->argv[r->at], NULL);
        value = r->argv[++r->at];
    }
    const char *expected = put(o, value);
    if (expected == NULL)
        return OPTIONS_GO;
    char text[120];
    snprintf(text, sizeof text, "--%s takes %s, not", o->name, expected);
    return bad(r->c, text, value, NULL);
}

static enum options_result read_long(struct reading *r, const char *arg)
{
    struct sl_str value = sl_str_c(arg + 2);
    struct sl_str name = sl_str_cut(&value, '=');
    bool has_value = value.p != NULL, is_off = false;
    const struct option *o = by_name(r->c, name);
    if (o == NULL && sl_str_starts(name, SL_STR("no-"))) {
        o = by_name(r->c, sl_str_from(name, 3));
        is_off = o != NULL && o->kind == OPTION_FLAG;
        o = is_off ? o : NULL;
    }
    if (o == NULL)
        return bad(r->c, "unknown option", arg, nearest_name(r->c, name));
    if (o->kind != OPTION_FLAG)
        return take(r, o, has_value ? value.p : NULL);
    if (has_value)
        return bad(r->c, "this option takes no value", arg, NULL);
    *(bool *)o->out = !is_off;
    return OPTIONS_GO;
}

/* "-j", "-jc FILE", "-cFILE" */
static enum options_result read_letters(struct reading *r, const char *arg)
{
    for (const char *at = arg + 1; *at != 0; at++) {
        const struct option *o = by_letter(r->c, *at);
        if (o == NULL)
            return bad(r->c, "unknown option", arg, NULL);
        if (o->kind != OPTION_FLAG)
            return take(r, o, at[1] != 0 ? at + 1 : NULL);
        *(bool *)o->out = true;
    }
    return OPTIONS_GO;
}

static enum options_result read_operand(struct reading *r, const char *arg)
{
    struct command_line *c = r->c;
    if (c->n_operands == c->max_operands || c->n_operands == OPTIONS_OPERANDS_MAX)
        return bad(c, c->max_operands == 0 ? "takes options only" : "too many arguments", arg, NULL);
    c->operand[c->n_operands++] = arg;
    return OPTIONS_GO;
}

static enum options_result read_one(struct reading *r)
{
    const char *arg = r->argv[r->at];
    if (r->only_operands || arg[0] != '-' || arg[1] == 0)
        return read_operand(r, arg);
    if (strcmp(arg, "--") == 0) {
        r->only_operands = true;
        return OPTIONS_GO;
    }
    if (strcmp(arg, "--help") == 0 || (strcmp(arg, "-h") == 0 && by_letter(r->c, 'h') == NULL)) {
        options_help(r->c);
        return OPTIONS_HELP;
    }
    return arg[1] == '-' ? read_long(r, arg) : read_letters(r, arg);
}

enum options_result options_read(struct command_line *c, int argc, char **argv)
{
    struct reading r = {.c = c, .argc = argc, .argv = argv};
    c->n_operands = 0;
    for (r.at = 1; r.at < argc; r.at++) {
        enum options_result e = read_one(&r);
        if (e != OPTIONS_GO)
            return e;
    }
    if (c->n_operands < c->min_operands)
        return bad(c, "missing", c->operands != NULL ? c->operands : "", NULL);
    return OPTIONS_GO;
}

/* Words of `text` from `column` on, lines of at most COLUMNS, further ones indented to `indent`. */
static void print_wrapped(const char *text, unsigned column, unsigned indent)
{
    struct sl_str rest = sl_str_c(text);
    bool is_first = true;
    while (rest.p != NULL) {
        struct sl_str word = sl_str_cut(&rest, ' ');
        if (!is_first && column + 1 + word.n > COLUMNS) {
            printf("\n%*s", (int)indent, "");
            column = indent;
            is_first = true;
        }
        printf("%s" SL_STR_FMT, is_first ? "" : " ", SL_STR_ARG(word));
        column += (unsigned)word.n + (is_first ? 0 : 1);
        is_first = false;
    }
    printf("\n");
}

static void print_option(const struct option *o)
{
    char name[64];
    const char *value = o->kind == OPTION_FLAG ? "" : o->value != NULL ? o->value : "VALUE";
    int n = snprintf(name, sizeof name, "  %c%c%s --%s%s%s", o->letter != 0 ? '-' : ' ',
                     o->letter != 0 ? o->letter : ' ', o->letter != 0 ? "," : " ", o->name, value[0] != 0 ? " " : "",
                     value);
    SL_CHECK(n > 0 && (size_t)n < sizeof name);
    if (n >= NAME_COLUMNS)
        printf("%s\n%*s", name, NAME_COLUMNS, "");
    else
        printf("%-*s", NAME_COLUMNS, name);
    print_wrapped(o->text, NAME_COLUMNS, NAME_COLUMNS);
}

/* On standard output; at most 80 columns. */
static void options_help(const struct command_line *c)
{
    static const struct option HELP = {.name = "help", .letter = 'h', .kind = OPTION_FLAG, .text = "show this and end"};
    printf("usage: sluice %s [options]%s%s\n\n", c->name, c->operands != NULL ? " " : "",
           c->operands != NULL ? c->operands : "");
    print_wrapped(c->summary, 0, 0);
    printf("\n");
    for (const struct option *o = c->options; o != NULL && o->name != NULL; o++)
        print_option(o);
    print_option(&HELP);
    if (c->more != NULL)
        printf("\n%s%s", c->more, sl_str_ends(sl_str_c(c->more), SL_STR("\n")) ? "" : "\n");
}
