/* `sluice serve`: puts the process together, waits for signals, takes it apart again.
 *
 *   settings -> state directory -> keeper (replays the journal) -> simulator if one is needed -> snapshot -> workers (bind)
 *   -> threads -> "serve.ready" -> signals -> drain -> workers end -> keeper takes in the rest -> exit 0
 *
 * Everything that can fail at start fails before the first thread serves. */
#include "main/cmd_serve.h"

#include "base/heap.h"
#include "base/mem.h"
#include "loop/work.h"
#include "main/gateway.h"
#include "main/keys.h"
#include "main/options.h"
#include "main/settings_files.h"
#include "sim/sim.h"
#include "tls/tickets.h"

#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <unistd.h>

struct serve_options {
    const char *config;
    bool dev;
};

/* ---- start ---- */

static void set_process_up(void)
{
    struct rlimit files;
    signal(SIGPIPE, SIG_IGN);
    prctl(PR_SET_DUMPABLE, 0, 0, 0, 0); /* no core dumps with prompts and keys in them */
    if (getrlimit(RLIMIT_NOFILE, &files) == 0 && files.rlim_cur < files.rlim_max) {
        files.rlim_cur = files.rlim_max;
        setrlimit(RLIMIT_NOFILE, &files);
    }
    sl_heap_set_up();
}

static unsigned count_workers(const struct settings *s)
{
    cpu_set_t set;
    unsigned n = s->listen.workers;
    if (n == 0 && sched_getaffinity(0, sizeof set, &set) == 0)
        n = (unsigned)CPU_COUNT(&set);
    if (n == 0)
        n = 1;
    return n < GATEWAY_WORKERS_MAX ? n : GATEWAY_WORKERS_MAX;
}

static void set_log(const struct settings *s)
{
    bool text = s->log.format == LOG_FORM_TEXT || (s->log.format == LOG_FORM_AUTO && isatty(STDERR_FILENO));
    sl_log_set(s->log.level, text ? SL_LOG_TEXT : SL_LOG_JSON, STDERR_FILENO);
}

static struct settings *load_settings(const char *path)
{
    struct cfg_report report;
    struct sl_buf text;
    cfg_report_init(&report);
    sl_buf_init(&text, 1u << 20);
    struct settings *s = settings_load_checked(path, &report);
    if (report.n > 0) {
        cfg_report_text(&report, &text);
        fprintf(stderr, SL_STR_FMT, SL_STR_ARG(sl_buf_str(&text)));
    }
    sl_buf_done(&text);
    cfg_report_done(&report);
    return s;
}

static void on_keys(void *owner, struct key_table *t)
{
    struct gateway *g = owner;
    pthread_mutex_lock(&g->lock);
    struct key_table *old = g->keys;
    g->keys = t;
    unsigned n = atomic_load(&g->is_ready) ? g->n_workers : 0;
    pthread_mutex_unlock(&g->lock);
    key_table_unref(old);
    for (unsigned i = 0; i < n; i++)
        worker_publish(g->workers[i], NULL, t, NULL);
    SL_LOG(SL_LOG_INFO, "keys.loaded", SL_LI("count", key_table_count(t)));
}

/* Before the first table of keys is made, so that every worker knows the key before it is shown. */
static enum sl_err on_store(void *owner, struct store *store, struct sl_fail *fail)
{
    struct gateway *g = owner;
    enum sl_err e = budgets_fill(g, store, INT64_MAX, fail);
    if (e != SL_OK || g->first == NULL)
        return e;
    return keys_first_run(&g->state, store, &g->first->made, &g->first->is_new, g->first->shown, fail);
}

static enum sl_err start_keeper(struct gateway *g, struct sl_fail *fail)
{
    char fallback[STATE_PATH_MAX - 64];
    const struct settings *s = g->settings;
    const char *dir = s->state.directory.n > 0 ? s->state.directory.p : fallback;
    if (s->state.directory.n == 0 && state_dir_default(fallback, sizeof fallback, fail) != SL_OK)
        return fail->code;
    if (state_dir_open(&g->state, dir, STATE_CREATE, fail) != SL_OK)
        return fail->code;
    tls_hmac_init(&g->pepper, sl_secret_expose(&g->state.pepper));
    struct sl_fail no_vocabulary;
    if (tokens_set_open(&g->tokens, NULL, &no_vocabulary) != SL_OK)
        SL_LOG(SL_LOG_INFO, "tokens.estimated", SL_LC("why", no_vocabulary.text));
    const struct keeper_options o = {
        .state = &g->state,
        .n_writers = g->n_workers,
        .segment_bytes = s->ledger.segment_bytes,
        .access_path = s->log.access.path.n > 0 ? s->log.access.path.p : NULL,
        .access_max_bytes = s->log.access.max_bytes,
        .access_keep = s->log.access.keep,
        .on_store = on_store,
        .on_keys = on_keys,
        .on_video = worker_video,
        .on_thread = budgets_on_keeper,
        .owner = g,
    };
    return keeper_start(&o, &g->keeper, fail);
}

/* People who have one in their shell take it for granted. Its value is not shown: it may hold a password. */
static void tell_of_proxy(const struct settings *s)
{
    static const char *const names[] = {"https_proxy", "HTTPS_PROXY", "all_proxy",
                                        "ALL_PROXY",   "http_proxy",  "HTTP_PROXY"};
    const char *found = NULL;
    for (size_t i = 0; i < sizeof names / sizeof names[0] && found == NULL; i++)
        if (getenv(names[i]) != NULL && getenv(names[i])[0] != 0)
            found = names[i];
    for (size_t i = 0; i < s->providers.n; i++)
        if (s->providers.v[i].proxy.url.text.n > 0)
            return;
    if (found != NULL && s->upstream.proxy.url.text.n == 0)
        SL_LOG(SL_LOG_WARN, "proxy.ignored", SL_LC("variable", found),
               SL_LC("todo", "set upstream.proxy where providers are behind it: the environment's is not used"));
}

static enum sl_err load_prices(struct gateway *g, struct sl_fail *fail)
{
    if (g->settings->ledger.prices.n > 0)
        return price_catalog_load_file(g->settings->ledger.prices.p, &g->prices, fail);
    g->prices = price_catalog_embedded();
    return SL_OK;
}

static enum sl_err start_sim(struct gateway *g, struct sl_fail *fail)
{
    struct sl_addr any;
    if (!settings_need_sim(g->settings))
        return SL_OK;
    SL_CHECK(sl_addr_parse(SL_STR("127.0.0.1"), 0, &any));
    g->sim = worker_new(g, WORKER_SIM, 0, fail);
    return g->sim != NULL ? worker_listen(g->sim, &any, &g->sim_addr, fail) : fail->code;
}

static void say_listening(const char *event, const struct sl_addr *at, bool tls)
{
    char text[SL_ADDR_TEXT];
    sl_addr_text(at, text);
    SL_LOG(SL_LOG_INFO, event, SL_LC("address", text), SL_LC("scheme", tls ? "https" : "http"));
}

/* All workers listen on every address; port 0 is chosen once and then shared. */
static enum sl_err open_listeners(struct gateway *g, struct sl_addr *out_first, struct sl_fail *fail)
{
    const struct listen_settings *l = &g->settings->listen;
    for (size_t a = 0; a < l->addresses.n; a++) {
        struct sl_addr at = l->addresses.v[a].addr;
        if (sl_listener_check(&at, fail) != SL_OK)
            return fail->code;
        for (unsigned i = 0; i < g->n_workers; i++) {
            struct sl_addr bound;
            if (worker_listen(g->workers[i], &at, &bound, fail) != SL_OK)
                return fail->code;
            at = bound;
        }
        if (a == 0)
            *out_first = at;
        say_listening("listen.ready", &at, g->server_tls.context != NULL);
    }
    if (g->admin != NULL) {
        struct sl_addr bound;
        const struct sl_addr *at = &g->settings->admin.address.addr;
        if (sl_listener_check(at, fail) != SL_OK || worker_listen(g->admin, at, &bound, fail) != SL_OK)
            return fail->code;
        say_listening("admin.ready", &bound, false);
    }
    return SL_OK;
}

static enum sl_err make_workers(struct gateway *g, struct sl_fail *fail)
{
    for (unsigned i = 0; i < g->n_workers; i++) {
        g->workers[i] = worker_new(g, WORKER_CLIENTS, i, fail);
        if (g->workers[i] == NULL)
            return fail->code;
    }
    if (g->settings->admin.address.text.n > 0) {
        g->admin = worker_new(g, WORKER_ADMIN, 0, fail);
        if (g->admin == NULL)
            return fail->code;
    }
    return SL_OK;
}

static enum sl_err start_threads(struct gateway *g, struct sl_fail *fail)
{
    if (g->sim != NULL && worker_start(g->sim, fail) != SL_OK)
        return fail->code;
    for (unsigned i = 0; i < g->n_workers; i++)
        if (worker_start(g->workers[i], fail) != SL_OK)
            return fail->code;
    if (g->admin != NULL && worker_start(g->admin, fail) != SL_OK)
        return fail->code;
    /* keys may have changed between the making of the workers and now */
    pthread_mutex_lock(&g->lock);
    atomic_store(&g->is_ready, true);
    struct key_table *keys = key_table_ref(g->keys);
    pthread_mutex_unlock(&g->lock);
    for (unsigned i = 0; i < g->n_workers; i++)
        worker_publish(g->workers[i], NULL, keys, NULL);
    key_table_unref(keys);
    return SL_OK;
}

enum sl_err gateway_assemble(struct gateway *g, struct sl_addr *out_first, struct sl_fail *fail)
{
    g->n_workers = count_workers(g->settings);
    sl_work_threads(g->n_workers);
    g->shelf = upstream_shelf_new(g->settings->upstream.shelf, g->settings->upstream.shelf);
    g->exported = tel_export_new(0);
    g->main_tel = tel_worker_new(0);
    live_drill_init(&g->drill);
    limit_gate_init(&g->gate, g->settings->limits.exchanges);
    exchange_queue_init(&g->queue);
    limit_gate_set_waiting(&g->gate, g->settings->limits.queue);
    limit_gate_set_bytes(&g->gate, g->settings->limits.memory);
    g->spend = spend_board_new();
    budgets_set(g, g->settings);
    if (start_keeper(g, fail) != SL_OK || load_prices(g, fail) != SL_OK || start_sim(g, fail) != SL_OK)
        return fail->code;
    struct server_tls tls;
    if (server_tls_open(g, g->settings, &tls, fail) != SL_OK)
        return fail->code;
    server_tls_use(g, &tls);
    if (snapshot_build(g->settings, &g->sim_addr, &g->snapshot, fail) != SL_OK)
        return fail->code;
    g->health = health_board_new();
    snapshot_attach_lanes(g->snapshot, g->health);
    /* the struct settings lives in the snapshot now; this one is kept for the process, others come and go */
    snapshot_ref(g->snapshot);
    g->first_snapshot = g->snapshot;
    if (make_workers(g, fail) != SL_OK || open_listeners(g, out_first, fail) != SL_OK)
        return fail->code;
    return start_threads(g, fail);
}

/* ---- the banner of a first run ---- */

static void print_first_request(const struct gateway *g, const char *key, const struct sl_addr *at)
{
    char address[SL_ADDR_TEXT];
    const struct settings *s = g->settings;
    const char *scheme = g->server_tls.context != NULL ? "https" : "http";
    struct sl_str model = s->models.n > 0 ? s->models.v[0].name : SL_STR("gpt-4o-mini");
    sl_addr_text(at, address);
    printf("\n  curl %s://%s/v1/chat/completions -H 'Authorization: Bearer %s' -H 'Content-Type: application/json' "
           "-d '{\"model\":\"" SL_STR_FMT "\",\"messages\":[{\"role\":\"user\",\"content\":\"Hello\"}]}'\n",
           scheme, address, key, SL_STR_ARG(model));
    printf("\n  from openai import OpenAI\n"
           "  client = OpenAI(base_url=\"%s://%s/v1\", api_key=\"%s\")\n"
           "  print(client.chat.completions.create(model=\"" SL_STR_FMT
           "\", messages=[{\"role\": \"user\", \"content\": \"Hello\"}]).choices[0].message.content)\n\n",
           scheme, address, key, SL_STR_ARG(model));
}

static void print_banner(const struct gateway *g, const struct sl_addr *at)
{
    char address[SL_ADDR_TEXT];
    sl_addr_text(at, address);
    printf("sluice is ready at %s://%s\n", g->server_tls.context != NULL ? "https" : "http", address);
    if (g->settings->is_simulated)
        printf("Providers: SIMULATED. Answers are made up in this process; set OPENAI_API_KEY for a real provider.\n");
    else
        for (size_t i = 0; i < g->settings->providers.n; i++)
            printf("Provider: " SL_STR_FMT "%s\n", SL_STR_ARG(g->settings->providers.v[i].name),
                   g->settings->providers.v[i].kind == PROVIDER_SIM ? " (SIMULATED)" : "");
    printf("State: %s\n", g->state.path);
    const struct first_key *k = g->first;
    if (k->is_new)
        printf("Key made for this first run (shown only now): %s\n", k->made.text);
    else
        printf("Keys are kept from an earlier run (%s). For another: sluice keys create --name NAME\n", k->shown);
    printf("A first request:\n");
    print_first_request(g, k->is_new ? k->made.text : "YOUR_KEY", at);
    fflush(stdout);
}

/* ---- signals and the end ---- */

static void drain(struct gateway *g)
{
    atomic_store(&g->is_draining, true);
    SL_LOG(SL_LOG_INFO, "serve.draining");
    for (unsigned i = 0; i < g->n_workers; i++)
        worker_drain(g->workers[i], g->settings->listen.deadlines.drain_ns);
}

/* A second stop signal: now; the journal makes that safe. */
static void exit_now(int signum)
{
    (void)signum;
    _exit(0);
}

static void on_signal(void *owner, int signum)
{
    struct gateway *g = owner;
    if (signum == SIGHUP) {
        reload_now(g, "SIGHUP");
        return;
    }
    if (signum == SIGUSR1) {
        keeper_lines_reopen(g->keeper);
        return;
    }
    /* From here on this loop is not run again, so a second signal must not go through it. */
    signal(SIGTERM, exit_now);
    signal(SIGINT, exit_now);
    drain(g);
    sl_loop_stop(&g->loop);
}

static void open_signals(struct gateway *g)
{
    static const int signals[] = {SIGTERM, SIGINT, SIGHUP, SIGUSR1};
    for (unsigned i = 0; i < 4; i++)
        g->signals[i] = sl_signal_open(&g->loop, signals[i], on_signal, g);
}

/* Only when all is taken apart: closing sets the default action again, and until then a second signal is exit_now's. */
static void close_signals(struct gateway *g)
{
    for (unsigned i = 0; i < 4; i++)
        sl_signal_close(g->signals[i]);
    reload_unwatch(g);
}

void gateway_take_apart(struct gateway *g)
{
    for (unsigned i = 0; i < g->n_workers; i++) {
        if (!atomic_load(&g->is_draining) && g->workers[i] != NULL && g->workers[i]->started)
            worker_stop(g->workers[i]); /* the start failed half-way */
        worker_join(g->workers[i]);
    }
    if (g->admin != NULL && g->admin->started)
        worker_stop(g->admin);
    if (g->sim != NULL && g->sim->started)
        worker_stop(g->sim);
    worker_join(g->admin);
    worker_join(g->sim);
    for (unsigned i = 0; i < g->n_workers; i++)
        if (g->workers[i] != NULL)
            worker_finish_unstarted(g->workers[i]);
    if (!keeper_stop(g->keeper))
        SL_LOG(SL_LOG_WARN, "ledger.left_for_next_start");
    for (unsigned i = 0; i < g->n_workers; i++)
        worker_free(g->workers[i]);
    worker_free(g->admin);
    worker_free(g->sim);
    health_board_free(g->health);
    spend_board_free(g->spend);
    upstream_shelf_free(g->shelf);
    tel_export_free(g->exported);
    tel_worker_free(g->main_tel);
    server_tls_close(&g->server_tls);
    tls_tickets_unref(g->tickets);
    snapshot_unref(g->snapshot);
    if (g->first_snapshot != NULL)
        snapshot_unref(g->first_snapshot);
    else
        settings_free(g->settings);
    key_table_unref(g->keys);
    price_catalog_unref(g->prices);
    tls_hmac_done(&g->pepper);
    tokens_set_done(&g->tokens);
    state_dir_close(&g->state);
}

static size_t count_keys(struct gateway *g) /* the keeper may replace them at any time */
{
    pthread_mutex_lock(&g->lock);
    size_t n = key_table_count(g->keys);
    pthread_mutex_unlock(&g->lock);
    return n;
}

static int serve(const struct serve_options *o)
{
    static struct gateway gateway;
    struct gateway *g = &gateway;
    struct first_key first = {0};
    struct sl_fail fail = {0};
    struct sl_addr at = {0};
    int result = EXIT_OK;
    set_process_up();
    g->config_path = o->config != NULL ? o->config : settings_default_path();
    g->settings = load_settings(g->config_path);
    if (g->settings == NULL)
        return EXIT_FAILED;
    set_log(g->settings);
    g->start_wall_ns = sl_clock_wall_ns();
    g->first = o->dev ? &first : NULL;
    g->state.lock_fd = -1;
    pthread_mutex_init(&g->lock, NULL);
    if (sl_loop_init(&g->loop, &fail) != SL_OK || gateway_assemble(g, &at, &fail) != SL_OK) {
        fprintf(stderr, "sluice: %s%s%s\n", fail.place, fail.place[0] != 0 ? ": " : "", fail.text);
        result = EXIT_FAILED;
    } else {
        open_signals(g);
        reload_watch(g);
        server_tls_watch(g);
        SL_LOG(SL_LOG_INFO, "serve.ready", SL_LI("workers", g->n_workers),
               SL_LS("revision", g->snapshot->revision_text),
               SL_LI("start_us", (sl_clock_wall_ns() - g->start_wall_ns) / 1000));
        tell_of_proxy(g->settings);
        sl_heap_trim();
        if (o->dev)
            print_banner(g, &at);
        else if (count_keys(g) == 0)
            SL_LOG(SL_LOG_WARN, "keys.none", SL_LC("todo", "make one: sluice keys create --name NAME"));
        sl_loop_run(&g->loop);
    }
    keys_made_wipe(&first.made);
    gateway_take_apart(g);
    close_signals(g);
    sl_loop_done(&g->loop);
    SL_LOG(SL_LOG_INFO, "serve.stopped");
    return result;
}

int cmd_serve(int argc, char **argv)
{
    struct serve_options o = {0};
    const struct option options[] = {
        {"config", 'c', OPTION_TEXT, &o.config, "FILE",
         "configuration (default: SLUICE_CONFIG, ./sluice.yaml, the environment)"},
        {"dev", 0, OPTION_FLAG, &o.dev, NULL, "first run: make a key if there is none, print a first request"},
        {0},
    };
    struct command_line c = {
        .name = "serve",
        .summary = "Runs the gateway until SIGTERM or SIGINT.",
        .more = "SIGHUP reads the configuration again; SIGUSR1 opens the access log again;\n"
                "SIGTERM lets streams finish, a second one ends at once.",
        .options = options,
    };
    enum options_result r = options_read(&c, argc, argv);
    if (r != OPTIONS_GO)
        return options_exit(r);
    return serve(&o);
}
