/* `sluice sim`: the provider simulator as a server of its own, on one thread. It owns its listening socket itself (the faults
 * "refuse" and "tls-failure" act on it) and hands what it accepts to listen/. */
#include "main/cmd_sim.h"

#include "base/log.h"
#include "base/mem.h"
#include "config/config.h"
#include "listen/listener.h"
#include "loop/watch.h"
#include "main/options.h"
#include "provider/credential.h"
#include "sim/sim.h"
#include "tls/context.h"

#include <malloc.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#define SCRATCH 65536u
#define BACKLOG 4096

struct host {
    struct sl_loop loop;
    struct sl_arena_cache arenas;
    struct sl_chunk_cache chunks;
    char *scratch; /* own */
    struct listen_server *server;
    struct sl_listener *listener; /* own; NULL while connections are refused */
    struct sl_addr at;            /* as bound */
    struct sl_timer reopen;
    uint64_t broken;           /* connections that are still to fail before their handshake */
    struct credential account; /* empty: none */
    struct sl_arena account_arena;
    struct sim_host ops;
    struct sim *sim;
};

struct sim_options {
    const char *listen, *cert, *key, *account;
    uint64_t seed, tps, tokens, jitter;
    int64_t ttft;
    struct option_many keys;
    bool faults, json;
};

static int print_faults(bool json)
{
    const struct sim_fault_row *row;
    struct sl_buf b;
    sl_buf_init(&b, 65536);
    for (unsigned i = 0; (row = sim_fault_at(i)) != NULL; i++) {
        if (!json) {
            sl_buf_addf(&b, "%-18s %s\n", row->name, row->text);
            continue;
        }
        sl_buf_adds(&b, i > 0 ? SL_STR(",\n{\"name\":") : SL_STR("[{\"name\":"));
        sl_buf_add_json(&b, sl_str_c(row->name));
        sl_buf_adds(&b, SL_STR(",\"text\":"));
        sl_buf_add_json(&b, sl_str_c(row->text));
        sl_buf_addc(&b, '}');
    }
    if (json)
        sl_buf_adds(&b, SL_STR("]\n"));
    fwrite(b.p, 1, b.n, stdout);
    sl_buf_done(&b);
    return EXIT_OK;
}

static void on_stop(void *owner, int signum)
{
    struct host *h = owner;
    (void)signum;
    sl_loop_stop(&h->loop);
}

/* ---- the socket ---- */

static void on_accept(void *owner, int fd, const struct sl_addr *peer)
{
    /* a fatal alert, handshake_failure (RFC 8446 6): what a server sends that will not talk TLS with us */
    static const unsigned char alert[] = {0x15, 0x03, 0x03, 0x00, 0x02, 0x02, 0x28};
    struct host *h = owner;
    if (h->broken == 0) {
        listen_server_adopt(h->server, fd, peer);
        return;
    }
    h->broken--;
    ssize_t put = write(fd, alert, sizeof alert);
    (void)put; /* the connection fails either way */
    sl_tcp_discard_fd(fd);
}

static enum sl_err open_listener(struct host *h, const struct sl_addr *at, struct sl_fail *fail)
{
    if (sl_listener_check(at, fail) != SL_OK)
        return fail->code;
    enum sl_err e = sl_listener_open(&h->loop, at, BACKLOG, on_accept, h, &h->listener, fail);
    if (e == SL_OK)
        h->at = sl_listener_addr(h->listener);
    return e;
}

static void on_reopen(struct sl_timer *t)
{
    struct host *h = SL_CONTAINER_OF(t, struct host, reopen);
    struct sl_fail fail = {0};
    if (h->listener != NULL || open_listener(h, &h->at, &fail) == SL_OK)
        return;
    SL_LOG(SL_LOG_ERROR, "sim.listen_failed", SL_LC("reason", fail.text));
    sl_timer_arm(&h->loop, t, sl_loop_now(&h->loop) + SL_SEC);
}

static void refuse(void *owner, int64_t ns)
{
    struct host *h = owner;
    sl_listener_close(h->listener);
    h->listener = NULL;
    sl_timer_arm(&h->loop, &h->reopen, sl_loop_now(&h->loop) + ns);
}

static void break_tls(void *owner, uint64_t connections)
{
    struct host *h = owner;
    h->broken = connections;
}

/* ---- hosting ---- */

static enum sl_err make_tls(const struct sim_options *o, struct tls_context **out, struct sl_fail *fail)
{
    *out = NULL;
    if (o->cert == NULL && o->key == NULL)
        return SL_OK;
    if (o->cert == NULL || o->key == NULL)
        return sl_fail_set(fail, SL_EINVAL, "--tls-cert", "a certificate and its key are given together");
    const struct tls_server_options t = {
        .cert_file = sl_str_c(o->cert), .key_file = sl_str_c(o->key), .min_version = TLS_1_2, .http2 = true};
    return tls_context_new_server(&t, out, NULL, fail);
}

/* Wider than a gateway's: what is tested here is the other side. */
const struct listen_limits sim_wide_limits = {
    .head_bytes = 65536,
    .headers = 200,
    .target_bytes = 16384,
    .streams = 1000,
    .resets_per_second = 100000,
    .connections = 100000,
    .queue_bytes = 65536,
    .handshake_ns = 10 * SL_SEC,
    .head_ns = 60 * SL_SEC,
    .idle_ns = 3600 * SL_SEC,
    .body_ns = 60 * SL_SEC,
    .write_ns = 3600 * SL_SEC,
    .linger_ns = SL_SEC,
};

static enum sl_err open_host(struct host *h, const struct sim_options *o, struct sl_fail *fail)
{
    struct sl_arena a;
    struct cfg_address at;
    const char *why = "";
    struct tls_context *tls;
    sl_arena_init(&a, NULL);
    enum sl_err e = cfg_parse_address(sl_str_c(o->listen), &a, &at, &why);
    sl_arena_done(&a);
    if (e != SL_OK)
        return sl_fail_set(fail, e, "--listen", "%s", why);
    e = make_tls(o, &tls, fail);
    if (e != SL_OK)
        return e;
    const struct listen_options lo = {
        .limits = sim_wide_limits,
        .http2 = true,
        .app = &sim_app,
        .app_arg = h->sim,
        .arenas = &h->arenas,
        .chunks = &h->chunks,
        .scratch = h->scratch,
        .scratch_bytes = SCRATCH,
        .tls = tls,
    };
    h->server = listen_server_new(&h->loop, &lo);
    tls_context_unref(tls);
    return open_listener(h, &at.addr, fail);
}

static struct sim *make_sim(struct host *h, const struct sim_options *o)
{
    h->ops = (struct sim_host){.refuse = refuse, .break_tls = break_tls, .owner = h};
    const struct sim_settings set = {
        .ttft_ns = o->ttft,
        .token_ns = o->tps > 0 ? SL_SEC / (int64_t)o->tps : 0,
        .jitter_percent = (unsigned)o->jitter,
        .tokens = (uint32_t)o->tokens,
        .records = 1000000,
        .seed = o->seed,
        .keys = o->keys.v,
        .n_keys = o->keys.n,
        .service_key = h->account.key,
        .host = &h->ops,
    };
    return sim_new(&h->loop, &set);
}

static bool read_account(struct host *h, const char *path)
{
    struct sl_fail fail = {0};
    struct credential_trouble why = {.text = ""};
    struct sl_buf text;
    sl_buf_init(&text, CFG_SECRET_FILE_MAX);
    bool ok = cfg_read_file(path, CFG_SECRET_FILE_MAX, &text, &fail) == SL_OK;
    if (!ok)
        fprintf(stderr, "sluice sim: --service-account: %s\n", fail.text);
    else if (!credential_read(sl_buf_str(&text), &h->account_arena, &h->account, &why)) {
        fprintf(stderr, "sluice sim: --service-account: the credential %s\n", why.text);
        ok = false;
    }
    if (text.p != NULL)
        explicit_bzero(text.p, text.n);
    sl_buf_done(&text);
    return ok;
}

static int serve(struct host *h, const struct sim_options *o)
{
    struct sl_fail fail = {0};
    char text[SL_ADDR_TEXT];
    if (open_host(h, o, &fail) != SL_OK) {
        fprintf(stderr, "sluice sim: %s%s%s\n", fail.place, fail.place[0] != 0 ? ": " : "", fail.text);
        return EXIT_FAILED;
    }
    struct sl_signal *term = sl_signal_open(&h->loop, SIGTERM, on_stop, h);
    struct sl_signal *intr = sl_signal_open(&h->loop, SIGINT, on_stop, h);
    sl_addr_text(&h->at, text);
    SL_LOG(SL_LOG_INFO, "sim.ready", SL_LC("address", text));
    sl_loop_run(&h->loop);
    sl_signal_close(term);
    sl_signal_close(intr);
    return EXIT_OK;
}

static int run(const struct sim_options *o)
{
    struct host *h = SL_NEW(struct host);
    struct sl_fail fail = {0};
    signal(SIGPIPE, SIG_IGN);
    mallopt(M_MMAP_THRESHOLD, 4 << 20);
    sl_arena_cache_init(&h->arenas, 4096);
    sl_chunk_cache_init(&h->chunks, 2048, 64);
    sl_timer_init(&h->reopen, on_reopen);
    if (sl_loop_init(&h->loop, &fail) != SL_OK) {
        fprintf(stderr, "sluice sim: %s\n", fail.text);
        sl_free(h);
        return EXIT_FAILED;
    }
    h->scratch = sl_malloc(SCRATCH);
    sl_arena_init(&h->account_arena, NULL);
    bool ready = o->account == NULL || read_account(h, o->account);
    h->sim = make_sim(h, o);
    int code = ready ? serve(h, o) : EXIT_FAILED;
    sl_timer_cancel(&h->loop, &h->reopen);
    sl_listener_close(h->listener);
    listen_server_free(h->server);
    sim_free(h->sim);
    credential_done(&h->account);
    sl_arena_done(&h->account_arena);
    sl_loop_done(&h->loop);
    sl_free(h->scratch);
    sl_arena_cache_done(&h->arenas);
    sl_chunk_cache_done(&h->chunks);
    sl_free(h);
    return code;
}

/* ---- the command ---- */

static const char *unusable(const struct sim_options *o)
{
    if (o->tps > 1000000000)
        return "--tps: at most 1000000000";
    if (o->tokens > 1000000)
        return "--tokens: at most 1000000";
    if (o->jitter > 1000)
        return "--jitter: at most 1000 percent";
    return NULL;
}

int cmd_sim(int argc, char **argv)
{
    struct sim_options o = {.listen = "127.0.0.1:9100"};
    const struct option options[] = {
        {"listen", 'l', OPTION_TEXT, &o.listen, "ADDRESS", "where to listen (default 127.0.0.1:9100)"},
        {"tls-cert", 0, OPTION_TEXT, &o.cert, "FILE", "certificate chain, PEM"},
        {"tls-key", 0, OPTION_TEXT, &o.key, "FILE", "private key, PEM"},
        {"ttft", 0, OPTION_DURATION, &o.ttft, "TIME", "time to the first token (default 0)"},
        {"tps", 0, OPTION_NUMBER, &o.tps, "N", "tokens per second (default: as fast as they go)"},
        {"jitter", 0, OPTION_NUMBER, &o.jitter, "PERCENT", "both take up to this much longer"},
        {"tokens", 0, OPTION_NUMBER, &o.tokens, "N", "tokens of an answer (default 32)"},
        {"seed", 0, OPTION_NUMBER, &o.seed, "N", "makes ids and jitter repeatable"},
        {"key", 0, OPTION_MANY, &o.keys, "KEY", "accept this key only (ID:SECRET for AWS); may be repeated"},
        {"service-account", 0, OPTION_TEXT, &o.account, "FILE",
         "JSON of a service account: its assertions alone are taken for Google's tokens"},
        {"faults", 0, OPTION_FLAG, &o.faults, NULL, "list the faults that can be asked for"},
        {"json", 0, OPTION_FLAG, &o.json, NULL, "with --faults: as JSON"},
        {0},
    };
    struct command_line c = {
        .name = "sim",
        .summary =
            "Simulated providers: OpenAI, Anthropic, Gemini, Vertex, Bedrock. Every answer says that it is simulated.",
        .more = "Faults are asked for by the header x-sim-fault: NAME[=ARG], by the model\n"
                "sim-fault-NAME[-ARG], or by POST /sim/rules. GET /sim/count tells what was served.\n",
        .options = options,
    };
    enum options_result r = options_read(&c, argc, argv);
    if (r != OPTIONS_GO)
        return options_exit(r);
    if (unusable(&o) != NULL) {
        fprintf(stderr, "sluice sim: %s\n", unusable(&o));
        return EXIT_USAGE;
    }
    return o.faults ? print_faults(o.json) : run(&o);
}
