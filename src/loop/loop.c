/* The turn of a loop, on libuv or bare (virtual). Who calls: the threads of main/, tests. Owns: the wheel, the run
 * list, the list of ended objects.
 *
 *   uv_run: timers -> prepare (drain, arm) -> poll (events) -> check (drain) -> closing callbacks
 *
 * Draining twice a turn means that work posted by timers leaves before the poll, and work posted by socket events
 * right after it. */
#include "loop/loop.h"

#include "base/mem.h"
#include "loop/loop_int.h"
#include "loop/net.h"

void sl_task_init(struct sl_task *t, void (*run)(struct sl_task *))
{
    sl_list_init(&t->node);
    t->run = run;
}

void sl_task_post(struct sl_loop *l, struct sl_task *t)
{
    if (sl_list_is_empty(&t->node))
        sl_list_add_tail(&l->tasks, &t->node);
}

void sl_task_cancel(struct sl_task *t)
{
    sl_list_remove(&t->node);
}

void sl_end(struct sl_loop *l, struct sl_ended *e, void (*free_it)(struct sl_ended *))
{
    e->free_it = free_it;
    sl_list_init(&e->node);
    sl_list_add_tail(&l->ended, &e->node);
}

static void run_tasks(struct sl_loop *l)
{
    struct sl_list *node;
    while ((node = sl_list_take_head(&l->tasks)) != NULL) {
        struct sl_task *t = SL_CONTAINER_OF(node, struct sl_task, node);
        t->run(t);
    }
}

static void free_ended(struct sl_loop *l)
{
    struct sl_list *node;
    while ((node = sl_list_take_head(&l->ended)) != NULL) {
        struct sl_ended *e = SL_CONTAINER_OF(node, struct sl_ended, node);
        e->free_it(e);
    }
}

static void run_posted(struct sl_loop *l)
{
    /* Freeing may post work (a place became free) and work may end objects: until both are empty. */
    while (!sl_list_is_empty(&l->tasks) || !sl_list_is_empty(&l->ended)) {
        run_tasks(l);
        free_ended(l);
    }
}

void sl_loop_drain(struct sl_loop *l)
{
    run_posted(l);
    sl_wheel_advance(&l->wheel, l->now_ns);
    run_posted(l);
}

int64_t sl_loop_now_exact(struct sl_loop *l)
{
    return l->net->now(l);
}

int64_t sl_loop_wall(struct sl_loop *l)
{
    if (l->now_ns - l->wall_checked_ns > SL_SEC || l->wall_checked_ns == 0) {
        l->wall_offset_ns = l->net->wall(l) - l->net->now(l);
        l->wall_checked_ns = l->now_ns;
    }
    return l->now_ns + l->wall_offset_ns;
}

void sl_loop_init_bare(struct sl_loop *l, const struct sl_net_ops *net, void *net_state, int64_t now_ns, uint64_t seed)
{
    *l = (struct sl_loop){.net = net, .net_state = net_state, .now_ns = now_ns};
    sl_list_init(&l->tasks);
    sl_list_init(&l->ended);
    sl_list_init(&l->works.waiting);
    sl_list_init(&l->works.late);
    sl_wheel_init(&l->wheel, now_ns);
    sl_rand_seed(&l->rand, seed);
}

static void on_uv_timer(uv_timer_t *t)
{
    struct sl_loop *l = t->data;
    l->uv->timer_due_ns = SL_NEVER; /* prepare does the work, right after this */
}

/* Arms libuv's timer for the wheel's next look. Only when it must be earlier: a late look that finds nothing is
 * cheaper than moving the timer for each request. */
static void arm_timer(struct sl_loop *l)
{
    int64_t next = sl_wheel_next_ns(&l->wheel);
    struct sl_uv *u = l->uv;
    if (next == SL_NEVER) {
        if (u->timer_due_ns != SL_NEVER)
            uv_timer_stop(&u->timer);
        u->timer_due_ns = SL_NEVER;
        return;
    }
    if (next >= u->timer_due_ns)
        return;
    /* libuv counts from its own idea of now, whole milliseconds that were current when the turn began: a wait counted from
     * ours would end early, and the loop wake twice. */
    int64_t wait_ms = (next + u->clock_offset_ns) / SL_MS - (int64_t)uv_now(&u->uv);
    u->timer_due_ns = next;
    uv_timer_start(&u->timer, on_uv_timer, wait_ms > 0 ? (uint64_t)wait_ms : 0, 0);
}

static void on_prepare(uv_prepare_t *p)
{
    struct sl_loop *l = p->data;
    l->now_ns = sl_clock_mono_ns();
    sl_loop_drain(l);
    if (l->uv->in_turn && l->now_ns - l->turn_began_ns > l->slowest_turn_ns)
        l->slowest_turn_ns = l->now_ns - l->turn_began_ns;
    l->uv->in_turn = false;
    l->polls++;
    arm_timer(l);
    if (l->stopping)
        uv_stop(&l->uv->uv);
}

static void on_check(uv_check_t *c)
{
    struct sl_loop *l = c->data;
    run_posted(l);
}

/* Each event takes the time anew (a clock read costs some 20 ns); the first one of a poll begins the turn. */
void sl_loop_touch(struct sl_loop *l)
{
    l->now_ns = sl_clock_mono_ns();
    if (!l->uv->in_turn) {
        l->uv->in_turn = true;
        l->turn_began_ns = l->now_ns;
        l->turns++;
    }
}

enum sl_err sl_loop_init(struct sl_loop *l, struct sl_fail *fail)
{
    struct sl_uv *u = SL_NEW(struct sl_uv);
    int e = uv_loop_init(&u->uv);
    if (e != 0) {
        sl_free(u);
        return sl_fail_set(fail, SL_EIO, "loop", "cannot make an event loop: %s", uv_strerror(e));
    }
    sl_loop_init_bare(l, &sl_net_real, NULL, sl_clock_mono_ns(), 0);
    sl_rand_seed_system(&l->rand);
    l->uv = u;
    l->turn_began_ns = l->now_ns;
    u->uv.data = l;
    u->timer_due_ns = SL_NEVER;
    int64_t offset_ns = (int64_t)uv_hrtime() - sl_clock_mono_ns();
    if (offset_ns < -SL_SEC || offset_ns > SL_SEC) /* not the same clock; on Linux it is */
        u->clock_offset_ns = offset_ns;
    uv_timer_init(&u->uv, &u->timer);
    u->timer.data = l;
    uv_prepare_init(&u->uv, &u->prepare);
    u->prepare.data = l;
    uv_prepare_start(&u->prepare, on_prepare);
    uv_check_init(&u->uv, &u->check);
    u->check.data = l;
    uv_check_start(&u->check, on_check);
    return SL_OK;
}

void sl_loop_run(struct sl_loop *l)
{
    l->stopping = false;
    uv_run(&l->uv->uv, UV_RUN_DEFAULT);
}

void sl_loop_stop(struct sl_loop *l)
{
    l->stopping = true;
    uv_stop(&l->uv->uv);
}

static void close_leftover(uv_handle_t *h, void *arg)
{
    (void)arg;
    if (!uv_is_closing(h))
        uv_close(h, NULL);
}

void sl_loop_done(struct sl_loop *l)
{
    struct sl_uv *u = l->uv;
    run_posted(l);
    if (u == NULL) {
        sl_works_end(l);
        run_posted(l);
        return;
    }
    sl_rest_close(u);
    uv_close((uv_handle_t *)&u->timer, NULL);
    uv_close((uv_handle_t *)&u->prepare, NULL);
    uv_close((uv_handle_t *)&u->check, NULL);
    for (int i = 0; i < 3; i++)
        uv_run(&u->uv, UV_RUN_NOWAIT);
    if (uv_loop_close(&u->uv) == UV_EBUSY) { /* an owner forgot something: let go of it, the process or thread ends */
        uv_walk(&u->uv, close_leftover, NULL);
        uv_run(&u->uv, UV_RUN_DEFAULT);
        uv_loop_close(&u->uv);
    }
    run_posted(l);
    sl_polls_free(u);
    sl_boxes_free(u);
    sl_free(u);
    l->uv = NULL;
}
