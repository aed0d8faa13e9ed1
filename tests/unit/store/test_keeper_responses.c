/* Jobs of stored responses through the keeper's real thread: answers come back on the asker's, in order; a cancelled run's worker is
 * told; what was asked when the keeper stops is answered; a run of a process that died is lost. Under the thread sanitizer, too. */
#include "journal_kit.h"

#include <pthread.h>

#include "auth/key.h"
#include "main/keeper.h"
#include "store/response_job.h"

#define WORKERS 3u
#define JOBS 200u

struct asker { /* a worker: a loop, a mailbox, and what it has heard */
    struct keeper *k;
    struct sl_loop loop;
    struct sl_mailbox *mailbox;
    pthread_t thread;
    unsigned index, answered, found, wanted;
    unsigned stopped;
    struct sl_id stopped_run;
    bool forever; /* until sl_loop_stop */
};

struct world {
    char dir[64];
    struct state_dir state;
    struct keeper *k;
    struct asker askers[WORKERS];
};

static void on_keys(void *owner, struct key_table *table)
{
    (void)owner;
    key_table_unref(table);
}

static void start(struct world *t)
{
    struct sl_fail fail = {.code = SL_OK};
    const struct keeper_options o = {.state = &t->state,
                                     .n_writers = WORKERS,
                                     .segment_bytes = 4 * JOURNAL_SEGMENT_MIN,
                                     .on_keys = on_keys,
                                     .owner = t};
    if (state_dir_open(&t->state, t->dir, STATE_CREATE, &fail) != SL_OK || keeper_start(&o, &t->k, &fail) != SL_OK)
        fail_msg("%s: %s", fail.place, fail.text);
    for (unsigned i = 0; i < WORKERS; i++) {
        struct asker *a = &t->askers[i];
        *a = (struct asker){.k = t->k, .index = i};
        assert_int_equal(sl_loop_init(&a->loop, &fail), SL_OK);
        a->mailbox = sl_mailbox_open(&a->loop, a);
    }
}

static void stop(struct world *t)
{
    for (unsigned i = 0; i < WORKERS; i++)
        journal_writer_finish(keeper_writer(t->k, i));
    assert_true(keeper_stop(t->k));
    t->k = NULL;
    for (unsigned i = 0; i < WORKERS; i++) {
        sl_mailbox_close(t->askers[i].mailbox);
        sl_loop_drain(&t->askers[i].loop);
        sl_loop_done(&t->askers[i].loop);
    }
    state_dir_close(&t->state);
}

static int set_up(void **state)
{
    struct world *t = SL_NEW(struct world);
    kit_make_dir(t->dir);
    start(t);
    *state = t;
    return 0;
}

static int tear_down(void **state)
{
    struct world *t = *state;
    if (t->k != NULL)
        stop(t);
    kit_remove_dir(t->dir);
    sl_free(t);
    return 0;
}

static void on_done(struct response_job *j, void *receiver)
{
    struct asker *a = receiver;
    a->answered++;
    a->found += j->found == RF_OK;
    response_job_free(j);
    if (!a->forever && a->answered == a->wanted)
        sl_loop_stop(&a->loop);
}

static void on_stop_run(struct sl_id run, void *receiver)
{
    struct asker *a = receiver;
    a->stopped++;
    a->stopped_run = run;
    sl_loop_stop(&a->loop);
}

static struct response_job *job(struct asker *a, enum response_job_kind kind, const char *id)
{
    struct response_job *j = response_job_new(kind);
    j->id = sl_arena_str(&j->a, sl_str_c(id));
    j->owner = (struct store_response_owner){.key = {1, a->index}, .now_ns = 1};
    j->ask.reply_to = a->mailbox;
    j->done = on_done;
    j->stop = on_stop_run;
    if (kind == RJ_PUT)
        j->put.r = (struct store_response){.id = j->id,
                                           .key = {1, a->index},
                                           .tenant = SL_STR("t"),
                                           .state = STORE_RESPONSE_ENDED,
                                           .expires_ns = INT64_MAX,
                                           .body = SL_STR("{}"),
                                           .input = SL_STR("[]")};
    return j;
}

static void ask(struct asker *a, struct response_job *j)
{
    a->wanted++;
    assert_true(keeper_response(a->k, j));
}

static void *traffic(void *arg)
{
    struct asker *a = arg;
    char id[32];
    for (unsigned i = 0; i < JOBS; i++) {
        (void)snprintf(id, sizeof id, "resp_%u", i);
        ask(a, job(a, RJ_PUT, id));
        ask(a, job(a, RJ_FIND, id)); /* asked behind it: finds it */
    }
    sl_loop_run(&a->loop);
    return NULL;
}

static void answers_come_to_who_asked(void **state)
{
    struct world *t = *state;
    for (unsigned i = 0; i < WORKERS; i++)
        assert_int_equal(pthread_create(&t->askers[i].thread, NULL, traffic, &t->askers[i]), 0);
    for (unsigned i = 0; i < WORKERS; i++) {
        pthread_join(t->askers[i].thread, NULL);
        assert_int_equal(t->askers[i].answered, 2 * JOBS);
        assert_int_equal(t->askers[i].found, 2 * JOBS);
    }
}

static void put_run(struct asker *a, const char *id, struct sl_id run)
{
    struct response_job *j = job(a, RJ_PUT, id);
    j->put.r.state = STORE_RESPONSE_RUNS;
    j->run = run;
    ask(a, j);
    sl_loop_run(&a->loop);
}

/* Another worker than the one that runs it is asked to cancel. */
static void who_runs_it_is_told(void **state)
{
    struct world *t = *state;
    struct asker *runs = &t->askers[0], *asks = &t->askers[1];
    put_run(runs, "resp_run", (struct sl_id){5, 6});
    struct response_job *j = job(asks, RJ_CANCEL, "resp_run");
    j->owner.key = (struct sl_id){1, 0};
    ask(asks, j);
    sl_loop_run(&asks->loop);
    assert_int_equal(asks->found, 1);
    runs->forever = true;
    sl_loop_run(&runs->loop);
    assert_int_equal(runs->stopped, 1);
    assert_true(sl_id_eq(runs->stopped_run, (struct sl_id){5, 6}));
}

static void what_waits_at_the_end_is_answered(void **state)
{
    struct world *t = *state;
    struct asker *a = &t->askers[0];
    char id[32];
    a->forever = true;
    for (unsigned i = 0; i < JOBS; i++) {
        (void)snprintf(id, sizeof id, "resp_%u", i);
        ask(a, job(a, RJ_PUT, id));
    }
    stop(t);
    assert_int_equal(a->answered, JOBS);
    assert_int_equal(a->found, JOBS);
    start(t);
    a = &t->askers[0];
    for (unsigned i = 0; i < JOBS; i++) {
        (void)snprintf(id, sizeof id, "resp_%u", i);
        ask(a, job(a, RJ_FIND, id));
    }
    sl_loop_run(&a->loop);
    assert_int_equal(a->found, JOBS);
}

static enum store_response_state seen;

static void on_seen(struct response_job *j, void *receiver)
{
    struct asker *a = receiver;
    seen = j->r.state;
    response_job_free(j);
    sl_loop_stop(&a->loop);
}

static void a_run_does_not_outlive_the_process(void **state)
{
    struct world *t = *state;
    put_run(&t->askers[0], "resp_run", (struct sl_id){5, 6});
    stop(t);
    start(t);
    struct response_job *j = job(&t->askers[0], RJ_FIND, "resp_run");
    j->done = on_seen;
    ask(&t->askers[0], j);
    sl_loop_run(&t->askers[0].loop);
    assert_int_equal(seen, STORE_RESPONSE_LOST);
}

#define T(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        T(answers_come_to_who_asked),
        T(who_runs_it_is_told),
        T(what_waits_at_the_end_is_answered),
        T(a_run_does_not_outlive_the_process),
    };
    return cmocka_run_group_tests_name("keeper responses", tests, NULL, NULL);
}
