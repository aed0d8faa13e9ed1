/* `sluice drill`: which runs there are, a child process for each, several at once. See drill.h. */
#include "main/cmd_drill.h"

#include <errno.h>
#include <fcntl.h>
#include <ftw.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/mem.h"
#include "main/drill.h"
#include "main/options.h"
#include "provider/provider.h"

#define AT_ONCE_MAX 16u
#define AT_ONCE 4u
#define RUN_NS (120 * SL_SEC) /* a child that takes longer is ended */
#define OUTPUT_MAX (64u << 20)
#define WAIT_MIN (200 * SL_MS)
#define WAIT_MAX (60 * SL_SEC)

struct drilling {
    const char *config, *route, *scenario;
    bool json, list;
    int64_t wait_ns;
    uint64_t at_once;
    struct settings *s;
    struct sl_arena arena;
    struct drill_card card;
    char folder[64];
    struct drill_order order; /* target NULL, and not stop: none */
};

struct child {
    pid_t pid; /* 0: free */
    int fd;
    int64_t due_ns;
    size_t got;
    struct drill_result *to;
    struct drill_result in;
    char folder[DRILL_PATH];
};

static volatile sig_atomic_t stopped;

/* ---- folders ---- */

static int remove_one(const char *path, const struct stat *st, int kind, struct FTW *at)
{
    (void)st;
    (void)kind;
    (void)at;
    return remove(path) == 0 || errno == ENOENT ? 0 : -1;
}

static void remove_folder(const char *path)
{
    (void)nftw(path, remove_one, 16, FTW_DEPTH | FTW_PHYS);
}

/* In memory where there is such a place: nothing of it is to be kept. */
static bool make_folder(struct drilling *d)
{
    const char *base = getenv("TMPDIR");
    if (base == NULL || base[0] == 0 || access(base, W_OK) != 0)
        base = access("/dev/shm", W_OK) == 0 ? "/dev/shm" : "/tmp";
    int n = snprintf(d->folder, sizeof d->folder, "%s/sluice-drill-XXXXXX", base);
    if (n > 0 && (size_t)n < sizeof d->folder && mkdtemp(d->folder) != NULL)
        return true;
    fprintf(stderr, "sluice drill: cannot make a temporary directory below %s: %s\n", base, sl_errno_text(errno));
    d->folder[0] = 0;
    return false;
}

/* ---- children ---- */

static void run_child(const struct drilling *d, struct drill_case c, int to)
{
    static struct drill_result result;
    char log[DRILL_PATH + 8];
    prctl(PR_SET_PDEATHSIG, SIGKILL);
    signal(SIGINT, SIG_IGN); /* the parent ends us */
    signal(SIGPIPE, SIG_IGN);
    snprintf(log, sizeof log, "%s/log", c.folder);
    int fd = open(log, O_WRONLY | O_CREAT | O_CLOEXEC, 0600);
    if (fd >= 0)
        dup2(fd, STDERR_FILENO);
    sl_log_set(SL_LOG_WARN, SL_LOG_TEXT, STDERR_FILENO);
    drill_run(d->s, &c, &result);
    size_t at = 0;
    while (at < sizeof result) {
        ssize_t n = write(to, (const char *)&result + at, sizeof result - at);
        if (n <= 0)
            _exit(EXIT_FAILED);
        at += (size_t)n;
    }
    _exit(EXIT_OK);
}

static void fail_to_run(struct drill_result *to, const char *why)
{
    *to = (struct drill_result){.ran = false};
    snprintf(to->why, sizeof to->why, "%s", why);
}

static void start_child(const struct drilling *d, struct child *k, unsigned number, const struct drill_case *c,
                        struct drill_result *to)
{
    int ends[2];
    snprintf(k->folder, sizeof k->folder, "%s/%u", d->folder, number);
    if (mkdir(k->folder, 0700) != 0 || pipe2(ends, O_CLOEXEC) != 0) {
        fail_to_run(to, sl_errno_text(errno));
        return;
    }
    struct drill_case own = *c;
    own.folder = k->folder;
    own.wait_ns = d->wait_ns;
    fflush(stdout);
    pid_t pid = fork();
    if (pid == 0) {
        close(ends[0]);
        run_child(d, own, ends[1]);
    }
    close(ends[1]);
    if (pid < 0) {
        close(ends[0]);
        fail_to_run(to, sl_errno_text(errno));
        return;
    }
    k->pid = pid;
    k->fd = ends[0];
    k->due_ns = sl_clock_mono_ns() + RUN_NS;
    k->got = 0;
    k->to = to;
}

/* Gives the last line that it wrote, where it died of something. */
static void end_child(struct child *k)
{
    int status = 0;
    if (k->got < sizeof k->in)
        kill(k->pid, SIGKILL);
    close(k->fd);
    while (waitpid(k->pid, &status, 0) < 0 && errno == EINTR)
        ;
    if (k->got == sizeof k->in)
        *k->to = k->in;
    else
        fail_to_run(k->to, sl_clock_mono_ns() >= k->due_ns ? "it took too long and was ended" : "the process died");
    k->pid = 0;
    remove_folder(k->folder);
}

static void read_child(struct child *k)
{
    ssize_t n = read(k->fd, (char *)&k->in + k->got, sizeof k->in - k->got);
    if (n > 0)
        k->got += (size_t)n;
    if (n == 0 || (n < 0 && errno != EINTR) || k->got == sizeof k->in)
        end_child(k);
}

static void wait_children(struct child *v, unsigned n)
{
    struct pollfd p[AT_ONCE_MAX];
    unsigned at[AT_ONCE_MAX], live = 0;
    for (unsigned i = 0; i < n; i++) {
        if (v[i].pid == 0)
            continue;
        at[live] = i;
        p[live++] = (struct pollfd){.fd = v[i].fd, .events = POLLIN};
    }
    (void)poll(p, live, 500);
    for (unsigned i = 0; i < live; i++) {
        struct child *k = &v[at[i]];
        if ((p[i].revents & (POLLIN | POLLHUP | POLLERR)) != 0)
            read_child(k);
        else if (stopped || sl_clock_mono_ns() >= k->due_ns)
            end_child(k);
    }
}

static unsigned count_live(const struct child *v, unsigned n)
{
    unsigned live = 0;
    for (unsigned i = 0; i < n; i++)
        live += v[i].pid != 0;
    return live;
}

struct job {
    struct drill_case c;
    struct drill_result *to;
};

static void run_jobs(struct drilling *d, const struct job *jobs, unsigned n_jobs)
{
    static struct child v[AT_ONCE_MAX];
    static unsigned number;
    unsigned next = 0, n = (unsigned)d->at_once;
    while (!stopped && (next < n_jobs || count_live(v, n) > 0)) {
        for (unsigned i = 0; i < n && next < n_jobs; i++) {
            if (v[i].pid != 0)
                continue;
            start_child(d, &v[i], ++number, &jobs[next].c, jobs[next].to);
            next++;
        }
        wait_children(v, n);
    }
    for (unsigned i = 0; i < n; i++) {
        if (v[i].pid != 0)
            end_child(&v[i]);
    }
}

/* ---- what is drilled ---- */

static void keep(char to[DRILL_NAME], struct sl_str s)
{
    s = sl_str_head(s, DRILL_NAME - 1);
    if (s.n > 0)
        memcpy(to, s.p, s.n);
    to[s.n] = 0;
}

static bool is_wanted(const struct drilling *d, struct sl_str route, struct sl_str model)
{
    struct sl_str only = sl_str_c(d->route);
    return d->route == NULL || sl_str_eq(route, only) || sl_str_eq(model, only);
}

static void add_route(struct drilling *d, struct sl_str route, struct sl_str model)
{
    if (!is_wanted(d, route, model))
        return;
    struct drill_route *r = &d->card.routes[d->card.n_routes++];
    keep(r->c.route, route);
    keep(r->c.model, model);
}

/* Without a configured model: a name that the provider would take. */
static struct sl_str model_of(const struct provider_settings *p, struct sl_arena *a)
{
    struct sl_str dialect = provider_kind_find(sl_str_c(provider_kind_name(p->kind)))->dialect;
    struct sl_str model = p->models.n > 0                           ? p->models.v[0]
                          : sl_str_eq(dialect, SL_STR("anthropic")) ? SL_STR("claude-haiku-4-5")
                          : sl_str_eq(dialect, SL_STR("gemini"))    ? SL_STR("gemini-2.5-flash")
                                                                    : SL_STR("gpt-4o-mini");
    return sl_arena_printf(a, SL_STR_FMT "/" SL_STR_FMT, SL_STR_ARG(p->name), SL_STR_ARG(model));
}

static bool is_led_to(const struct settings *s, struct sl_str route)
{
    for (size_t i = 0; i < s->models.n; i++) {
        if (sl_str_eq(s->models.v[i].route, route))
            return true;
    }
    return false;
}

static bool is_first_of_route(const struct settings *s, size_t at)
{
    for (size_t i = 0; i < at; i++) {
        if (sl_str_eq(s->models.v[i].route, s->models.v[at].route))
            return false;
    }
    return true;
}

static void find_routes(struct drilling *d)
{
    const struct settings *s = d->s;
    d->card.routes = sl_calloc(s->models.n + s->routes.n + s->providers.n + 1, sizeof *d->card.routes);
    for (size_t i = 0; i < s->models.n; i++) {
        const struct model_settings *m = &s->models.v[i];
        if (m->route.n == 0 || is_first_of_route(s, i))
            add_route(d, m->route, m->name);
    }
    for (size_t i = 0; i < s->routes.n; i++) {
        if (s->routes.v[i].on_request && !is_led_to(s, s->routes.v[i].name) && s->models.n > 0)
            add_route(d, s->routes.v[i].name, s->models.v[0].name);
    }
    for (size_t i = 0; s->models.n == 0 && i < s->providers.n; i++) {
        if (s->providers.v[i].direct || s->providers.v[i].open_models)
            add_route(d, SL_STR_NONE, model_of(&s->providers.v[i], &d->arena));
    }
}

static void make_rows(struct drilling *d, struct drill_route *r)
{
    const struct drill_scenario *s;
    unsigned n = 0;
    while (drill_scenario_at(n) != NULL)
        n++;
    r->rows = sl_calloc(n, sizeof *r->rows);
    for (unsigned i = 0; (s = drill_scenario_at(i)) != NULL; i++) {
        if (d->scenario != NULL && !sl_str_eq(sl_str_c(s->name), sl_str_c(d->scenario)))
            continue;
        r->rows[r->n_rows++] = (struct drill_row){.scenario = s, .has = {s->forms == DRILL_BOTH, true}};
    }
}

/* ---- both rounds ---- */

static void run_undisturbed(struct drilling *d)
{
    struct drill_card *card = &d->card;
    struct job *jobs = sl_calloc(2u * card->n_routes + 1, sizeof *jobs);
    unsigned n = 0;
    for (unsigned i = 0; i < card->n_routes; i++) {
        for (int f = 0; f < 2; f++) {
            jobs[n].c = card->routes[i].c;
            jobs[n].c.stream = f == 1;
            jobs[n++].to = &card->routes[i].plain[f];
        }
    }
    run_jobs(d, jobs, n);
    sl_free(jobs);
}

static void run_scenarios(struct drilling *d)
{
    struct drill_card *card = &d->card;
    unsigned n = 0, most = 0;
    while (drill_scenario_at(most) != NULL)
        most++;
    struct job *jobs = sl_calloc((size_t)2 * most * card->n_routes + 1, sizeof *jobs);
    for (unsigned i = 0; i < card->n_routes; i++) {
        struct drill_route *r = &card->routes[i];
        r->drilled = r->plain[0].ran && r->plain[0].passed && r->plain[1].ran && r->plain[1].passed;
        if (!r->drilled)
            continue;
        make_rows(d, r);
        for (unsigned k = 0; k < r->n_rows; k++) {
            for (int f = 0; f < 2; f++) {
                if (!r->rows[k].has[f])
                    continue;
                jobs[n].c = r->c;
                jobs[n].c.stream = f == 1;
                jobs[n].c.scenario = r->rows[k].scenario;
                jobs[n].c.expected = r->plain[0].text;
                jobs[n].c.victim = r->plain[0].first;
                jobs[n++].to = &r->rows[k].forms[f];
            }
        }
    }
    run_jobs(d, jobs, n);
    sl_free(jobs);
}

static void judge_route(struct drilling *d, struct drill_route *r)
{
    for (unsigned k = 0; k < r->n_rows; k++) {
        struct drill_row *row = &r->rows[k];
        row->passed = true;
        for (int f = 0; f < 2; f++) {
            if (!row->has[f] || (row->forms[f].ran && row->forms[f].passed))
                continue;
            struct drill_case c = r->c;
            c.scenario = row->scenario;
            row->passed = row->forms[f].passed = false;
            row->advice = drill_advice(d->s, &c, &r->plain[0], &row->forms[f], &d->arena);
        }
        r->n_passed += row->passed;
    }
    d->card.n_passed += r->n_passed;
    d->card.n_of += r->n_rows;
    d->card.n_skipped += !r->drilled;
}

/* ---- the command ---- */

static int print_list(void)
{
    const struct drill_scenario *s;
    for (unsigned i = 0; (s = drill_scenario_at(i)) != NULL; i++)
        printf("%-20s %s\n", s->name, s->text);
    return EXIT_OK;
}

static void print_card(struct drilling *d)
{
    struct sl_buf out;
    sl_buf_init(&out, OUTPUT_MAX);
    if (d->json)
        drill_print_json(&d->card, &out);
    else
        drill_print(&d->card, &out);
    (void)fwrite(out.p, 1, out.n, stdout);
    sl_buf_done(&out);
}

static void on_signal(int signum)
{
    (void)signum;
    stopped = 1;
}

static int drill(struct drilling *d)
{
    const struct sigaction act = {.sa_handler = on_signal};
    int64_t began = sl_clock_mono_ns();
    find_routes(d);
    if (d->card.n_routes == 0) {
        fprintf(stderr, "sluice drill: there is no route or model%s%s to drill\n", d->route != NULL ? " " : "",
                d->route != NULL ? d->route : "");
        return EXIT_FAILED;
    }
    if (!make_folder(d))
        return EXIT_FAILED;
    sigaction(SIGINT, &act, NULL);
    sigaction(SIGTERM, &act, NULL);
    run_undisturbed(d);
    run_scenarios(d);
    remove_folder(d->folder);
    if (stopped) {
        fprintf(stderr, "sluice drill: stopped\n");
        return EXIT_FAILED;
    }
    for (unsigned i = 0; i < d->card.n_routes; i++)
        judge_route(d, &d->card.routes[i]);
    d->card.took_ns = sl_clock_mono_ns() - began;
    print_card(d);
    return d->card.n_of > 0 && d->card.n_passed == d->card.n_of ? EXIT_OK : EXIT_FAILED;
}

static bool open_settings(struct drilling *d)
{
    struct cfg_report report;
    struct sl_buf text;
    cfg_report_init(&report);
    sl_buf_init(&text, 1u << 20);
    d->s = settings_load(d->config, &report);
    if (d->s == NULL) {
        cfg_report_text(&report, &text);
        fprintf(stderr, SL_STR_FMT, SL_STR_ARG(sl_buf_str(&text)));
    }
    sl_buf_done(&text);
    cfg_report_done(&report);
    d->card.s = d->s;
    d->card.wait_ns = d->wait_ns;
    return d->s != NULL;
}

static const char *unusable(const struct drilling *d)
{
    if (d->scenario != NULL && drill_scenario_find(sl_str_c(d->scenario)) == NULL)
        return "--scenario: there is none of that name; --list shows them";
    if (d->wait_ns < WAIT_MIN || d->wait_ns > WAIT_MAX)
        return "--wait: from 200ms to 60s";
    if (d->order.target != NULL && d->order.fault == NULL)
        return "--live: say --fault, too";
    if (d->at_once < 1 || d->at_once > AT_ONCE_MAX)
        return "--parallel: from 1 to 16";
    return NULL;
}

int cmd_drill(int argc, char **argv)
{
    struct drilling d = {
        .wait_ns = SL_SEC, .at_once = AT_ONCE, .order = {.share = 10, .for_ns = SL_MIN, .failures = 10}};
    const struct option options[] = {
        {"config", 'c', OPTION_TEXT, &d.config, "FILE", "the configuration; else what serve would take"},
        {"route", 'r', OPTION_TEXT, &d.route, "NAME", "only this route or model"},
        {"scenario", 0, OPTION_TEXT, &d.scenario, "NAME", "only this scenario"},
        {"list", 0, OPTION_FLAG, &d.list, NULL, "list the scenarios"},
        {"wait", 0, OPTION_DURATION, &d.wait_ns, "TIME", "what the longest deadline is shortened to (default 1s)"},
        {"parallel", 0, OPTION_NUMBER, &d.at_once, "N", "how many run at once (default 4)"},
        {"json", 'j', OPTION_FLAG, &d.json, NULL, "print JSON"},
        {"live", 0, OPTION_TEXT, &d.order.target, "TARGET",
         "let a running gateway's own attempts at it fail (drill.live)"},
        {"fault", 0, OPTION_TEXT, &d.order.fault, "KIND",
         "with --live: how, as 503, 429, reset, timeout, 401, credit, stream-cut"},
        {"share", 0, OPTION_NUMBER, &d.order.share, "PCT", "with --live: how many of a hundred (default 10)"},
        {"for", 0, OPTION_DURATION, &d.order.for_ns, "TIME", "with --live: how long, at most 1h (default 1m)"},
        {"max-failures", 0, OPTION_NUMBER, &d.order.failures, "N",
         "with --live: what clients may see of it (default 10)"},
        {"stop", 0, OPTION_FLAG, &d.order.stop, NULL, "end a drill on live traffic now"},
        {0}};
    struct command_line c = {.name = "drill",
                             .summary = "Lets every provider of the configuration fail, one way after the other, and "
                                        "shows what clients would see. All providers are simulated: nothing leaves "
                                        "this machine, no key is used.",
                             .more = "Exit code 0 when every scenario passes on every route.\n",
                             .options = options};
    enum options_result o = options_read(&c, argc, argv);
    if (o != OPTIONS_GO)
        return options_exit(o);
    if (d.list)
        return print_list();
    if (unusable(&d) != NULL) {
        fprintf(stderr, "sluice drill: %s\n", unusable(&d));
        return EXIT_USAGE;
    }
    sl_arena_init(&d.arena, NULL);
    bool live = d.order.target != NULL || d.order.stop;
    d.order.json = d.json;
    int code = !open_settings(&d) ? EXIT_FAILED : live ? drill_order(d.s, &d.order) : drill(&d);
    for (unsigned i = 0; i < d.card.n_routes; i++)
        sl_free(d.card.routes[i].rows);
    sl_free(d.card.routes);
    settings_free(d.s);
    sl_arena_done(&d.arena);
    return code;
}
