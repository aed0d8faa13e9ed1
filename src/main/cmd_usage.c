/* `sluice usage`: spend, tokens and other units from the ledger. Reads the database; when no gateway runs it first takes in what the
 * last one left in the journal. Costs are exact decimals of 10^-12 USD: no floating point anywhere. */
#include "main/cmd_usage.h"

#include <stdio.h>

#include "base/buf.h"
#include "base/clock.h"
#include "ledger/money.h"
#include "main/command_state.h"
#include "main/ingest.h"
#include "main/options.h"

#define OUTPUT_MAX (256u << 20)

struct usage_output {
    struct sl_buf out;
    enum store_by by;
    bool json;
    uint64_t rows;
    bool shown[STORE_CLASSES]; /* text: classes that have a column: those that occur, and the usual two */
    struct store_usage_row total;
};

static const struct {
    const char *name, *title;
    enum store_by by;
} dimensions[] = {
    {"all", "ALL", STORE_BY_ALL},          {"key", "KEY", STORE_BY_KEY},
    {"model", "MODEL", STORE_BY_MODEL},    {"provider", "PROVIDER", STORE_BY_PROVIDER},
    {"day", "DAY", STORE_BY_DAY},          {"target", "TARGET", STORE_BY_TARGET},
    {"tenant", "TENANT", STORE_BY_TENANT},
};

static int complain(const struct sl_fail *fail)
{
    fprintf(stderr, "sluice usage: %s%s%s\n", fail->place, fail->place[0] != 0 ? ": " : "", fail->text);
    return EXIT_FAILED;
}

/* -- Arguments ------------------------------------------------------------------------------------------------------ */

static bool read_by(const char *text, enum store_by *out)
{
    for (size_t i = 0; i < sizeof dimensions / sizeof dimensions[0]; i++) {
        if (!sl_str_eq(sl_str_c(text), sl_str_c(dimensions[i].name)))
            continue;
        *out = dimensions[i].by;
        return true;
    }
    fprintf(stderr, "sluice usage: --by %s: must be key, model, provider, day, target, tenant or all\n", text);
    return false;
}

/* "2026-11-21": the day's first moment in UTC. */
static bool read_date(const char *option, const char *text, int64_t *out_ns)
{
    struct sl_str s = sl_str_c(text);
    uint64_t year, month, day;
    if (s.n == 10 && s.p[4] == '-' && s.p[7] == '-' && sl_str_to_u64(sl_str_head(s, 4), &year) &&
        sl_str_to_u64(sl_str_of(s.p + 5, 2), &month) && sl_str_to_u64(sl_str_of(s.p + 8, 2), &day) && year >= 1970 &&
        year <= 2200 && month >= 1 && month <= 12 && day >= 1 && day <= 31) {
        struct sl_civil c = {.year = (int64_t)year, .month = (unsigned)month, .day = (unsigned)day};
        int64_t at_s = sl_civil_to_s(&c);
        struct sl_civil back = sl_civil_of(at_s);
        if (back.month == c.month && back.day == c.day) { /* not 31 February */
            *out_ns = at_s * SL_SEC;
            return true;
        }
    }
    fprintf(stderr, "sluice usage: --%s %s: must be a date like 2026-11-21\n", option, text);
    return false;
}

/* -- Output --------------------------------------------------------------------------------------------------------- */

static size_t u128_digits(unsigned __int128 v, char out[40])
{
    char back[40];
    size_t n = 0;
    do {
        back[n++] = (char)('0' + (unsigned)(v % 10));
        v /= 10;
    } while (v != 0);
    for (size_t i = 0; i < n; i++)
        out[i] = back[n - 1 - i];
    out[n] = 0;
    return n;
}

static void cost_text(__int128 cost_p, char out[MONEY_TEXT])
{
    struct money_sum sum = {.p = cost_p > 0 ? (unsigned __int128)cost_p : 0}; /* rows are never negative */
    (void)money_sum_text(&sum, out);
}

static void add_json(struct usage_output *u, const struct store_usage_row *r)
{
    struct sl_buf *b = &u->out;
    char text[MONEY_TEXT];
    (void)sl_buf_adds(b, SL_STR("{\"group\":"));
    (void)sl_buf_add_json(b, r->group);
    if (u->by == STORE_BY_KEY) {
        (void)sl_buf_adds(b, SL_STR(",\"name\":"));
        (void)sl_buf_add_json(b, r->label);
    }
    (void)sl_buf_addf(b, ",\"attempts\":%llu,\"open\":%llu,\"interrupted\":%llu,\"estimated\":%llu,\"unpriced\":%llu",
                      (unsigned long long)r->attempts, (unsigned long long)r->open, (unsigned long long)r->interrupted,
                      (unsigned long long)r->estimated, (unsigned long long)r->unpriced);
    (void)sl_buf_adds(b, SL_STR(",\"tokens\":{"));
    for (int i = 0; i < STORE_CLASSES; i++) {
        char digits[40];
        (void)u128_digits(r->used[i], digits);
        if (i == STORE_TOKEN_CLASSES)
            (void)sl_buf_adds(b, SL_STR("},\"units\":{"));
        (void)sl_buf_addf(b, "%s\"%s\":%s", i > 0 && i != STORE_TOKEN_CLASSES ? "," : "", store_class_names[i], digits);
    }
    cost_text(r->cost_p, text);
    /* Text, because a JSON number would be read as a double somewhere. */
    (void)sl_buf_addf(b, "},\"cost_usd\":\"%s\"}", text);
}

static void add_header(struct usage_output *u)
{
    const char *title = "";
    for (size_t i = 0; i < sizeof dimensions / sizeof dimensions[0]; i++)
        if (dimensions[i].by == u->by)
            title = dimensions[i].title;
    (void)sl_buf_addf(&u->out, "%-28s %9s %6s %6s %6s", title, "ATTEMPTS", "OPEN", "INTER.", "ESTIM.");
    static const char *const short_names[STORE_CLASSES] = {
        "INPUT",     "CACHE-RD",   "CACHE-WR",   "OUTPUT",   "REASON",   "AUDIO-IN",  "AUDIO-OUT",
        "IMAGE-IN",  "IMAGE-OUT",  "VIDEO-OUT",  "IMGS-IN",  "IMGS-OUT", "AUD-IN-MS", "AUD-OUT-MS",
        "VID-IN-MS", "VID-OUT-MS", "CHARACTERS", "SEARCHES", "PAGES"};
    for (int i = 0; i < STORE_CLASSES; i++)
        if (u->shown[i])
            (void)sl_buf_addf(&u->out, " %10s", short_names[i]);
    (void)sl_buf_adds(&u->out, SL_STR("  COST USD\n"));
}

static void add_text(struct usage_output *u, const struct store_usage_row *r, struct sl_str group)
{
    struct sl_buf *b = &u->out;
    char text[MONEY_TEXT];
    struct sl_str name = u->by == STORE_BY_KEY && r->label.n > 0 ? r->label : group;
    size_t shown = 0;
    for (size_t i = 0; i < name.n; i++) { /* names come from clients: nothing here may move a terminal's cursor */
        bool plain = (unsigned char)name.p[i] >= 0x20 && name.p[i] != 0x7F;
        (void)sl_buf_addc(b, plain ? name.p[i] : '?');
        shown += ((unsigned char)name.p[i] & 0xC0u) != 0x80u;
    }
    for (; shown < 28; shown++)
        (void)sl_buf_addc(b, ' ');
    (void)sl_buf_addf(b, " %9llu %6llu %6llu %6llu", (unsigned long long)r->attempts, (unsigned long long)r->open,
                      (unsigned long long)r->interrupted, (unsigned long long)r->estimated);
    for (int i = 0; i < STORE_CLASSES; i++) {
        char digits[40];
        (void)u128_digits(r->used[i], digits);
        if (u->shown[i])
            (void)sl_buf_addf(b, " %10s", digits);
    }
    cost_text(r->cost_p, text);
    (void)sl_buf_addf(b, "  %s%s\n", text, r->unpriced > 0 ? " (some calls have no price)" : "");
}

static bool on_survey(void *arg, const struct store_usage_row *r)
{
    struct usage_output *u = arg;
    for (int i = 0; i < STORE_CLASSES; i++)
        u->shown[i] = u->shown[i] || r->used[i] != 0;
    return true;
}

static bool on_row(void *arg, const struct store_usage_row *r)
{
    struct usage_output *u = arg;
    struct store_usage_row *t = &u->total;
    t->attempts += r->attempts;
    t->open += r->open;
    t->interrupted += r->interrupted;
    t->estimated += r->estimated;
    t->unpriced += r->unpriced;
    t->cost_p += r->cost_p;
    for (int i = 0; i < STORE_CLASSES; i++)
        t->used[i] += r->used[i];
    if (u->json) {
        (void)sl_buf_adds(&u->out, u->rows > 0 ? SL_STR(",\n  ") : SL_STR("\n  "));
        add_json(u, r);
    } else if (u->by != STORE_BY_ALL) {
        if (u->rows == 0)
            add_header(u);
        add_text(u, r, r->group.n > 0 ? r->group : SL_STR("(none)"));
    }
    u->rows++;
    return !u->out.over;
}

static void add_end(struct usage_output *u)
{
    u->total.group = SL_STR("total");
    if (u->json) {
        (void)sl_buf_adds(&u->out, SL_STR("\n ],\n \"total\":"));
        add_json(u, &u->total);
        (void)sl_buf_adds(&u->out, SL_STR("}\n"));
        return;
    }
    if (u->rows == 0 || u->by == STORE_BY_ALL)
        add_header(u);
    add_text(u, &u->total, u->total.group);
}

/* -- The command ---------------------------------------------------------------------------------------------------- */

static enum sl_err interrupt_open(struct store *s, struct sl_fail *fail)
{
    uint64_t n;
    enum sl_err e = s->ops->begin(s, STORE_NOW, fail);
    if (e != SL_OK)
        return e;
    e = s->ops->interrupt_open(s, sl_clock_wall_ns(), &n, fail);
    if (e == SL_OK)
        e = s->ops->commit(s, fail);
    if (e != SL_OK)
        s->ops->rollback(s);
    return e;
}

/* What the last gateway left, when none runs: the same steps as at its start. With a gateway running there is nothing to
 * do, it is a fraction of a second behind. */
static enum sl_err take_in(struct state_dir *d, struct sl_fail *fail)
{
    struct state_path journal = state_dir_path(d, "journal");
    struct ingest_replay replay = {.dir = journal.text};
    struct store *s;
    enum sl_err e = state_dir_lock(d, fail);
    if (e == SL_EEXIST)
        return SL_OK;
    if (e == SL_OK)
        e = store_open_sqlite(state_dir_path(d, "ledger.db").text, STORE_WRITE, &s, fail);
    if (e != SL_OK)
        return e;
    e = ingest_replay(s, &replay, fail);
    if (e == SL_OK)
        e = interrupt_open(s, fail);
    store_close(s);
    return e;
}

static enum sl_err report(struct state_dir *d, const struct store_usage_query *q, struct usage_output *u,
                          struct sl_fail *fail)
{
    struct store *s;
    enum sl_err e = take_in(d, fail);
    if (e == SL_OK)
        e = store_open_sqlite(state_dir_path(d, "ledger.db").text, STORE_READ, &s, fail);
    if (e != SL_OK)
        return e;
    struct store_usage_query all = *q;
    all.by = STORE_BY_ALL;
    if (u->json)
        (void)sl_buf_adds(&u->out, SL_STR("{\"rows\":["));
    else
        e = s->ops->usage(s, &all, on_survey, u, fail);
    if (e == SL_OK)
        e = s->ops->usage(s, q, on_row, u, fail);
    store_close(s);
    add_end(u);
    if (e == SL_OK && u->out.over)
        e = sl_fail_set(fail, SL_ELIMIT, "", "the answer is too long to print");
    return e;
}

static int run(const char *path, const struct store_usage_query *q, bool json)
{
    struct state_dir d;
    struct sl_fail fail;
    struct usage_output u = {.by = q->by, .json = json};
    u.shown[STORE_INPUT] = u.shown[STORE_OUTPUT] = true;
    if (state_dir_open(&d, path, STATE_EXISTING, &fail) != SL_OK)
        return complain(&fail);
    sl_buf_init(&u.out, OUTPUT_MAX);
    enum sl_err e = report(&d, q, &u, &fail);
    state_dir_close(&d);
    if (e == SL_OK)
        (void)fwrite(u.out.p, 1, u.out.n, stdout);
    sl_buf_done(&u.out);
    return e == SL_OK ? EXIT_OK : complain(&fail);
}

int cmd_usage(int argc, char **argv)
{
    const char *by = "model", *from = NULL, *to = NULL, *state = NULL, *config = NULL;
    bool json = false;
    const struct option options[] = {
        {"by", 'b', OPTION_TEXT, &by, "WHAT", "key, model, provider, day, target, tenant, all (default: model)"},
        {"from", 0, OPTION_TEXT, &from, "DATE", "attempts begun on this day (UTC) or later: 2026-11-01"},
        {"to", 0, OPTION_TEXT, &to, "DATE", "attempts begun before this day (UTC)"},
        {"json", 0, OPTION_FLAG, &json, NULL, "print JSON"},
        {"state", 0, OPTION_TEXT, &state, "DIR", "the state directory (default: the gateway's)"},
        {"config", 'c', OPTION_TEXT, &config, "FILE", "the configuration that names it"},
        {NULL},
    };
    struct command_line c = {.name = "usage",
                             .summary = "Shows attempts, tokens by class, other units and exact cost from the ledger.",
                             .more = "Interrupted attempts are booked with their estimate.",
                             .options = options};
    enum options_result r = options_read(&c, argc, argv);
    if (r != OPTIONS_GO)
        return options_exit(r);
    struct store_usage_query q = {.from_ns = 0, .to_ns = INT64_MAX};
    char path[STATE_PATH_MAX];
    struct sl_fail fail;
    if (!read_by(by, &q.by) || (from != NULL && !read_date("from", from, &q.from_ns)) ||
        (to != NULL && !read_date("to", to, &q.to_ns)))
        return EXIT_USAGE;
    if (q.to_ns <= q.from_ns) {
        fprintf(stderr, "sluice usage: --to is the first day that is left out: it has to be later than --from\n");
        return EXIT_USAGE;
    }
    if (command_state_path(state, config, path, &fail) != SL_OK)
        return complain(&fail);
    return run(path, &q, json);
}
