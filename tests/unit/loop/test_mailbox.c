/* Messages between threads: all arrive, each once, those of one sender in order; closing; a burst while the receiver is
 * busy. Runs under ThreadSanitizer, too. */
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/mem.h"
#include "loop/mailbox.h"

enum {
    SENDERS = 4,
    EACH = 5000
};

struct note {
    struct sl_msg msg;
    unsigned sender, number;
};

struct receiver {
    struct sl_loop loop;
    struct sl_mailbox *box;
    unsigned next[SENDERS];
    unsigned all;
    pthread_t thread;
};

static void on_note(struct sl_msg *m, void *arg)
{
    struct note *n = SL_CONTAINER_OF(m, struct note, msg);
    struct receiver *r = arg;
    assert_int_equal(n->number, r->next[n->sender]);
    r->next[n->sender]++;
    sl_free(n);
    if (++r->all == SENDERS * EACH)
        sl_loop_stop(&r->loop);
}

static void *receive(void *arg)
{
    struct receiver *r = arg;
    sl_loop_run(&r->loop);
    return NULL;
}

struct sender {
    struct receiver *to;
    unsigned index;
    pthread_t thread;
};

static void *send(void *arg)
{
    struct sender *s = arg;
    for (unsigned i = 0; i < EACH; i++) {
        struct note *n = SL_NEW(struct note);
        n->sender = s->index;
        n->number = i;
        n->msg.deliver = on_note;
        assert_true(sl_mailbox_post(s->to->box, &n->msg));
    }
    return NULL;
}

static void test_many_senders(void **state)
{
    (void)state;
    struct receiver r = {.all = 0};
    struct sender s[SENDERS];
    assert_int_equal(sl_loop_init(&r.loop, NULL), SL_OK);
    r.box = sl_mailbox_open(&r.loop, &r);
    pthread_create(&r.thread, NULL, receive, &r);
    for (unsigned i = 0; i < SENDERS; i++) {
        s[i] = (struct sender){.to = &r, .index = i};
        pthread_create(&s[i].thread, NULL, send, &s[i]);
    }
    for (unsigned i = 0; i < SENDERS; i++)
        pthread_join(s[i].thread, NULL);
    pthread_join(r.thread, NULL);
    assert_int_equal(r.all, SENDERS * EACH);
    sl_mailbox_close(r.box);
    sl_loop_done(&r.loop);
}

/* Two loops play with one message. */
struct player {
    struct sl_loop loop;
    struct sl_mailbox *box;
    struct player *other;
    unsigned hits;
    pthread_t thread;
};

static void on_ball(struct sl_msg *m, void *arg)
{
    struct player *p = arg;
    if (++p->hits >= 1000) {
        sl_loop_stop(&p->loop);
        if (p->hits > 1000 || p->other->box == NULL)
            return;
    }
    (void)!sl_mailbox_post(p->other->box, m);
}

static void *play(void *arg)
{
    sl_loop_run(&((struct player *)arg)->loop);
    return NULL;
}

static void test_ping_pong(void **state)
{
    (void)state;
    static struct player p[2];
    static struct sl_msg ball = {.deliver = on_ball};
    for (int i = 0; i < 2; i++) {
        p[i] = (struct player){.other = &p[1 - i]};
        assert_int_equal(sl_loop_init(&p[i].loop, NULL), SL_OK);
        p[i].box = sl_mailbox_open(&p[i].loop, &p[i]);
    }
    assert_true(sl_mailbox_post(p[0].box, &ball));
    for (int i = 0; i < 2; i++)
        pthread_create(&p[i].thread, NULL, play, &p[i]);
    for (int i = 0; i < 2; i++)
        pthread_join(p[i].thread, NULL);
    for (int i = 0; i < 2; i++) {
        assert_true(p[i].hits >= 1000);
        sl_mailbox_close(p[i].box);
        sl_loop_done(&p[i].loop);
    }
}

/* What was posted before the close is delivered by it; what comes later stays with its sender. */
static unsigned delivered;
static void on_count(struct sl_msg *m, void *arg)
{
    (void)m, (void)arg;
    delivered++;
}

static struct sl_loop *turning;
static void on_turned(struct sl_timer *t)
{
    (void)t;
    sl_loop_stop(turning);
}

static void turn(struct sl_loop *l)
{
    struct sl_timer t;
    turning = l;
    sl_timer_init(&t, on_turned);
    sl_timer_arm(l, &t, sl_loop_now(l) + SL_MS);
    sl_loop_run(l);
}

static void test_close(void **state)
{
    (void)state;
    struct sl_loop loop;
    struct sl_msg m[3] = {{.deliver = on_count}, {.deliver = on_count}, {.deliver = on_count}};
    assert_int_equal(sl_loop_init(&loop, NULL), SL_OK);
    struct sl_mailbox *box = sl_mailbox_open(&loop, NULL);
    delivered = 0;
    assert_true(sl_mailbox_post(box, &m[0]));
    assert_true(sl_mailbox_post(box, &m[1]));
    sl_mailbox_close(box);
    assert_int_equal(delivered, 2);
    assert_false(sl_mailbox_post(box, &m[2]));
    turn(&loop);
    turn(&loop);
    assert_false(sl_mailbox_post(box, &m[2])); /* turns later, too */
    sl_mailbox_close(NULL);
    assert_int_equal(delivered, 2);
    sl_loop_done(&loop);
}

/* Threads that go on posting while the receiver closes its mailbox and turns on: each message is delivered or comes back. */
static struct sl_mailbox *racing;
static atomic_uint taken, returned;

static void on_taken(struct sl_msg *m, void *arg)
{
    struct sl_loop *l = arg;
    sl_free(m);
    if (atomic_fetch_add(&taken, 1) == 200) {
        sl_mailbox_close(racing);
        sl_loop_stop(l);
    }
}

static void *post_on(void *arg)
{
    (void)arg;
    for (unsigned i = 0; i < EACH; i++) {
        struct sl_msg *m = SL_NEW(struct sl_msg);
        m->deliver = on_taken;
        if (!sl_mailbox_post(racing, m)) {
            sl_free(m);
            atomic_fetch_add(&returned, 1);
        }
    }
    return NULL;
}

static void test_close_under_fire(void **state)
{
    (void)state;
    struct sl_loop l;
    pthread_t threads[SENDERS];
    assert_int_equal(sl_loop_init(&l, NULL), SL_OK);
    racing = sl_mailbox_open(&l, &l);
    for (unsigned i = 0; i < SENDERS; i++)
        pthread_create(&threads[i], NULL, post_on, NULL);
    sl_loop_run(&l);
    turn(&l); /* in which the closed handle is let go, while others still post */
    turn(&l);
    for (unsigned i = 0; i < SENDERS; i++)
        pthread_join(threads[i], NULL);
    sl_loop_done(&l);
    assert_int_equal(atomic_load(&taken) + atomic_load(&returned), SENDERS * EACH);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_many_senders),
        cmocka_unit_test(test_ping_pong),
        cmocka_unit_test(test_close),
        cmocka_unit_test(test_close_under_fire),
    };
    return cmocka_run_group_tests_name("loop mailbox", tests, NULL, NULL);
}
