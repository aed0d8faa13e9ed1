/* `sluice drill --live`: the order goes to the admin port that the configuration names; then its end is waited for. Stopping this
 * command stops the drill. */
#include <poll.h>
#include <signal.h>
#include <stdio.h>

#include "base/clock.h"
#include "dialect/json_tree.h"
#include "main/drill.h"
#include "main/options.h"

#define LOOK_MS 500

static volatile sig_atomic_t stopped;

static void on_signal(int signum)
{
    (void)signum;
    stopped = 1;
}

static int call(const struct settings *s, const char *method, struct sl_str body, struct sl_arena *a,
                struct sl_str *out)
{
    struct sl_str token = sl_secret_expose(&s->admin.token);
    int status = 0;
    struct sl_str authorization = SL_STR_NONE;
    if (token.n > 0)
        authorization = sl_arena_printf(a, "authorization: Bearer " SL_STR_FMT "\r\n", SL_STR_ARG(token));
    struct sl_str request =
        sl_arena_printf(a,
                        "%s /api/drill HTTP/1.1\r\nhost: localhost\r\ncontent-type: application/json\r\n" SL_STR_FMT
                        "content-length: %zu\r\nconnection: close\r\n\r\n" SL_STR_FMT,
                        method, SL_STR_ARG(authorization), body.n, SL_STR_ARG(body));
    return drill_fetch(&s->admin.address.addr, request, a, &status, out) ? status : 0;
}

static struct sl_str text_of_order(const struct drill_order *o, struct sl_arena *a)
{
    struct sl_buf b;
    sl_buf_init(&b, 4096);
    if (o->stop) {
        sl_buf_adds(&b, SL_STR("{\"stop\":true}"));
    } else {
        sl_buf_adds(&b, SL_STR("{\"target\":"));
        sl_buf_add_json(&b, sl_str_c(o->target));
        sl_buf_adds(&b, SL_STR(",\"fault\":"));
        sl_buf_add_json(&b, sl_str_c(o->fault));
        sl_buf_addf(&b, ",\"percent\":%llu,\"for_ms\":%lld,\"max_failures\":%llu}", (unsigned long long)o->share,
                    (long long)(o->for_ns / SL_MS), (unsigned long long)o->failures);
    }
    struct sl_str text = sl_arena_str(a, sl_buf_str(&b));
    sl_buf_done(&b);
    return text;
}

static bool is_true(struct sl_str answer, const char *member, struct sl_arena *a)
{
    struct json_tree t;
    return json_tree_read(&t, answer, a) && json_kind_of(json_get(&t, json_root(&t), sl_str_c(member))) == JSON_TRUE;
}

static uint64_t count_of(const struct json_tree *t, const char *name)
{
    uint64_t n = 0;
    (void)json_u64_of(t, json_get(t, json_root(t), sl_str_c(name)), &n);
    return n;
}

/* Gives the exit code: 0 when it ended as it should. */
static int report(const struct drill_order *o, struct sl_str answer, struct sl_arena *a)
{
    struct json_tree t;
    if (!json_tree_read(&t, answer, a))
        return EXIT_FAILED;
    struct sl_str ended = json_plain_of(&t, json_get(&t, json_root(&t), SL_STR("ended")), a);
    if (o->json)
        (void)fwrite(answer.p, 1, answer.n, stdout);
    else
        printf("ended by " SL_STR_FMT ": %llu of %llu attempts failed on purpose, clients saw %llu failures\n",
               SL_STR_ARG(ended), (unsigned long long)count_of(&t, "faults"),
               (unsigned long long)count_of(&t, "attempts"), (unsigned long long)count_of(&t, "client_failures"));
    return sl_str_eq(ended, SL_STR("failures")) ? EXIT_FAILED : EXIT_OK;
}

static int complain(const struct settings *s, int status, struct sl_str answer)
{
    if (status == 0)
        fprintf(stderr, "sluice drill: nobody answers at " SL_STR_FMT " (admin.address)\n",
                SL_STR_ARG(s->admin.address.text));
    else
        fprintf(stderr, "sluice drill: refused (%d): " SL_STR_FMT "\n", status, SL_STR_ARG(sl_str_trim(answer)));
    return EXIT_FAILED;
}

static int follow(const struct settings *s, const struct drill_order *o, struct sl_arena *a)
{
    struct sl_str answer = SL_STR_NONE;
    int status = call(s, "POST", text_of_order(o, a), a, &answer);
    if (status != 200)
        return complain(s, status, answer);
    while (is_true(answer, "running", a)) {
        if (!stopped)
            poll(NULL, 0, LOOK_MS);
        const struct drill_order stop = {.stop = true};
        status = stopped ? call(s, "POST", text_of_order(&stop, a), a, &answer)
                         : call(s, "GET", SL_STR_NONE, a, &answer);
        if (status != 200)
            return complain(s, status, answer);
    }
    return report(o, answer, a);
}

int drill_order(const struct settings *s, const struct drill_order *o)
{
    const struct sigaction act = {.sa_handler = on_signal};
    struct sl_arena a;
    if (s->admin.address.text.n == 0) {
        fprintf(stderr, "sluice drill: admin.address is off: there is no port to ask at\n");
        return EXIT_FAILED;
    }
    sigaction(SIGINT, &act, NULL);
    sigaction(SIGTERM, &act, NULL);
    sl_arena_init(&a, NULL);
    int code = follow(s, o, &a);
    sl_arena_done(&a);
    return code;
}
