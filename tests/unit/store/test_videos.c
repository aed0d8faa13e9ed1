/* Rows of video jobs: who may see them, pages, what ends, and that a job is paid for once. */
#include "world_kit.h"

#include "store/video_rows.h"

#define NOW (INT64_C(1795176000) * SL_SEC)

static struct video_rows *run(struct world *t, struct video_rows *j)
{
    struct sl_fail fail;
    world_begin(t, video_rows_writes(j));
    world_end(t, video_rows_run(j, t->s, &fail), video_rows_writes(j), &fail);
    return j;
}

static struct store_video video(const char *id, const char *tenant)
{
    return (struct store_video){
        .id = sl_str_c(id),
        .tenant = sl_str_c(tenant),
        .key = {7, 1},
        .attempt = {(uint64_t)(NOW / SL_MS) << 16, 1},
        .provider = SL_STR("up"),
        .model = SL_STR("clip"),
        .target = SL_STR("m-1"),
        .made_ns = NOW,
        .sent_ns = NOW,
        .expires_ns = NOW + 60 * SL_SEC,
        .reserved_p = 5000,
        .operation = SL_STR("videos"),
        .progress = -1,
        .request = SL_STR("{\"prompt\":\"p\"}"),
        .token = SL_STR("tok"),
    };
}

static enum video_rows_found put(struct world *t, const struct store_video *v, const struct store_attempt *settles)
{
    struct video_rows *j = video_rows_new(VR_PUT);
    j->v = *v;
    if (settles != NULL) {
        j->settles = *settles;
        j->has_settles = true;
    }
    enum video_rows_found found = run(t, j)->found;
    video_rows_free(j);
    return found;
}

static struct video_rows *ask(struct world *t, enum video_rows_kind kind, const char *tenant, const char *id,
                              int64_t now)
{
    struct video_rows *j = video_rows_new(kind);
    j->tenant = sl_str_c(tenant);
    j->id = sl_str_c(id);
    j->now_ns = now;
    return run(t, j);
}

static enum video_rows_found seen(struct world *t, const char *tenant, const char *id, int64_t now)
{
    struct video_rows *j = ask(t, VR_FIND, tenant, id, now);
    enum video_rows_found found = j->found;
    video_rows_free(j);
    return found;
}

static void a_row_is_its_tenants(void **state)
{
    struct world *t = *state;
    struct store_video v = video("video_a", "acme");
    assert_int_equal(put(t, &v, NULL), VF_OK);
    assert_int_equal(seen(t, "acme", "video_a", NOW), VF_OK);
    assert_int_equal(seen(t, "other", "video_a", NOW), VF_NONE);
    assert_int_equal(seen(t, "acme", "video_b", NOW), VF_NONE);
    assert_int_equal(seen(t, "acme", "' OR 1=1 --", NOW), VF_NONE);
    assert_int_equal(seen(t, "acme", "video_a", v.expires_ns), VF_NONE);
    struct video_rows *j = ask(t, VR_DELETE, "other", "video_a", NOW);
    assert_int_equal(j->found, VF_NONE);
    video_rows_free(j);
    assert_int_equal(seen(t, "acme", "video_a", NOW), VF_OK);
}

static size_t page(struct world *t, const char *after, uint32_t limit, bool up, char *out, bool *out_more)
{
    struct video_rows *j = video_rows_new(VR_LIST);
    j->page = (struct store_video_page){
        .tenant = SL_STR("acme"), .after = sl_str_c(after), .now_ns = NOW, .limit = limit, .ascending = up};
    (void)run(t, j);
    size_t n = j->n_rows;
    for (size_t i = 0; i < n; i++)
        out[i] = j->rows[i].id.p[j->rows[i].id.n - 1];
    out[n] = 0;
    *out_more = j->more;
    video_rows_free(j);
    return n;
}

static void pages_follow_each_other(void **state)
{
    struct world *t = *state;
    static const char *const ids[] = {"video_a", "video_b", "video_c", "video_d"};
    char got[8];
    bool more;
    for (size_t i = 0; i < 4; i++) {
        struct store_video v = video(ids[i], "acme");
        assert_int_equal(put(t, &v, NULL), VF_OK);
    }
    struct store_video foreign = video("video_x", "other");
    assert_int_equal(put(t, &foreign, NULL), VF_OK);
    (void)page(t, "", 3, false, got, &more);
    assert_string_equal(got, "dcb");
    assert_true(more);
    (void)page(t, "video_b", 3, false, got, &more);
    assert_string_equal(got, "a");
    assert_false(more);
    (void)page(t, "video_b", 1, true, got, &more);
    assert_string_equal(got, "c");
    assert_true(more);
    assert_int_equal(page(t, "video_x", 3, false, got, &more), 0); /* another's id is no place to begin at */
}

static bool count_attempt(void *arg, const struct store_attempt *a)
{
    int64_t *sum = arg;
    sum[0]++;
    sum[1] += a->cost_p;
    sum[2] = (int64_t)a->state;
    return true;
}

static void expect_ledger(struct world *t, int64_t n, int64_t cost)
{
    struct sl_fail fail;
    int64_t sum[3] = {0};
    assert_int_equal(t->s->ops->each_attempt(t->s, count_attempt, sum, &fail), SL_OK);
    assert_int_equal(sum[0], n);
    assert_int_equal(sum[1], cost);
    assert_int_equal(sum[2], STORE_CLOSED);
}

static void put_attempt(struct world *t, const struct store_attempt *a)
{
    struct sl_fail fail;
    assert_int_equal(t->s->ops->begin(t->s, STORE_SOON, &fail), SL_OK);
    assert_int_equal(t->s->ops->put_attempt(t->s, a, &fail), SL_OK);
    assert_int_equal(t->s->ops->commit(t->s, &fail), SL_OK);
}

/* Whatever comes first: the journal's records of the create, or the settlement; and however often. */
static void a_job_is_paid_for_once(void **state)
{
    struct world *t = *state;
    struct store_video v = video("video_a", "acme");
    struct store_attempt reserved = {.has = STORE_HAS_OPEN | STORE_HAS_CLOSE,
                                     .attempt = v.attempt,
                                     .exchange = {1, 2},
                                     .opened_ns = NOW,
                                     .closed_ns = NOW,
                                     .cost_p = 5000,
                                     .operation = SL_STR("videos")};
    struct store_attempt final = reserved;
    final.cost_p = 1234;
    assert_int_equal(put(t, &v, NULL), VF_OK);
    put_attempt(t, &reserved);
    expect_ledger(t, 1, 5000);
    v.state = STORE_VIDEO_COMPLETED;
    v.settled = true;
    assert_int_equal(put(t, &v, &final), VF_OK);
    expect_ledger(t, 1, 1234);
    put_attempt(t, &reserved); /* the journal, read again */
    expect_ledger(t, 1, 1234);
    final.cost_p = 99;
    v.state = STORE_VIDEO_FAILED;
    assert_int_equal(put(t, &v, &final), VF_NONE);
    expect_ledger(t, 1, 1234);
    struct video_rows *j = ask(t, VR_FIND, "acme", "video_a", NOW);
    assert_int_equal(j->rows[0].state, STORE_VIDEO_COMPLETED);
    video_rows_free(j);
}

static size_t live(struct world *t)
{
    struct video_rows *j = run(t, video_rows_new(VR_LIVE));
    size_t n = j->n_rows;
    video_rows_free(j);
    return n;
}

static bool known(struct world *t, const char *task)
{
    struct video_rows *j = video_rows_new(VR_KNOWN);
    struct sl_str one = sl_str_c(task);
    j->v.provider = SL_STR("up");
    j->tasks = &one;
    j->n_tasks = 1;
    bool is = run(t, j)->known[0];
    video_rows_free(j);
    return is;
}

static uint64_t sweep(struct world *t, int64_t now)
{
    struct sl_fail fail;
    uint64_t n = 0;
    assert_int_equal(t->s->ops->begin(t->s, STORE_SOON, &fail), SL_OK);
    assert_int_equal(t->s->ops->sweep_videos(t->s, now, 100, &n, &fail), SL_OK);
    assert_int_equal(t->s->ops->commit(t->s, &fail), SL_OK);
    return n;
}

/* What is deleted while it runs is looked after all the same, and its task is nobody else's. */
static void a_deleted_job_is_remembered_until_it_is_over(void **state)
{
    struct world *t = *state;
    struct store_video v = video("video_a", "acme");
    v.task = SL_STR("up_1");
    v.state = STORE_VIDEO_QUEUED;
    v.expires_ns = NOW + 10 * 86400 * SL_SEC;
    assert_int_equal(put(t, &v, NULL), VF_OK);
    struct video_rows *j = ask(t, VR_DELETE, "acme", "video_a", NOW);
    assert_int_equal(j->found, VF_OK);
    assert_true(sl_str_eq(j->rows[0].task, SL_STR("up_1")));
    video_rows_free(j);
    assert_int_equal(seen(t, "acme", "video_a", NOW), VF_NONE);
    assert_int_equal(live(t), 1);
    assert_int_equal(sweep(t, NOW + 2 * 86400 * SL_SEC), 0);
    v.state = STORE_VIDEO_COMPLETED;
    v.settled = true;
    assert_int_equal(put(t, &v, NULL), VF_OK);
    assert_int_equal(seen(t, "acme", "video_a", NOW), VF_NONE);
    assert_int_equal(live(t), 0);
    assert_true(known(t, "up_1"));
    assert_false(known(t, "up_2"));
    assert_int_equal(sweep(t, NOW + 3600 * SL_SEC), 0);
    assert_int_equal(sweep(t, NOW + 2 * 86400 * SL_SEC), 1);
    assert_false(known(t, "up_1"));
}

static void links_are_renewed_and_nothing_else(void **state)
{
    struct world *t = *state;
    struct store_video v = video("video_a", "acme");
    struct video_rows *j = video_rows_new(VR_RENEW);
    j->v = v;
    assert_int_equal(run(t, j)->found, VF_NONE);
    video_rows_free(j);
    v.state = STORE_VIDEO_COMPLETED;
    v.settled = true;
    assert_int_equal(put(t, &v, NULL), VF_OK);
    j = video_rows_new(VR_RENEW);
    j->v = v;
    j->v.state = STORE_VIDEO_FAILED;
    j->v.result = SL_STR("{\"new\":1}");
    j->v.links_ns = NOW + 5;
    assert_int_equal(run(t, j)->found, VF_OK);
    video_rows_free(j);
    j = ask(t, VR_FIND, "acme", "video_a", NOW);
    assert_int_equal(j->rows[0].state, STORE_VIDEO_COMPLETED);
    assert_int_equal(j->rows[0].links_ns, NOW + 5);
    assert_true(sl_str_eq(j->rows[0].result, SL_STR("{\"new\":1}")));
    assert_true(sl_str_eq(j->rows[0].request, v.request));
    video_rows_free(j);
}

/* ---- copies ---- */

static struct store_copy copy_of(const char *id, enum store_copy_state state, int64_t due_ns)
{
    return (struct store_copy){.id = sl_str_c(id),
                               .tenant = SL_STR("acme"),
                               .state = state,
                               .due_ns = due_ns,
                               .until_ns = NOW + 50 * SL_SEC,
                               .place = SL_STR("directory:/v"),
                               .parts = SL_STR("[]")};
}

static enum video_rows_found settle_with_copy(struct world *t, const char *id, int64_t due_ns)
{
    struct store_video v = video(id, "acme");
    struct video_rows *j = video_rows_new(VR_PUT);
    v.state = STORE_VIDEO_COMPLETED;
    v.settled = true;
    j->v = v;
    j->copy = copy_of(id, STORE_COPY_WANTED, due_ns);
    j->has_copy = true;
    enum video_rows_found found = run(t, j)->found;
    video_rows_free(j);
    return found;
}

static enum video_rows_found change(struct world *t, const struct store_copy *c, enum store_copy_state from)
{
    struct video_rows *j = video_rows_new(VR_COPY);
    j->copy = *c;
    j->copy_from = from;
    enum video_rows_found found = run(t, j)->found;
    video_rows_free(j);
    return found;
}

/* State of the copy with that id; 0: there is none. */
static unsigned state_of(struct world *t, const char *id)
{
    unsigned state = 0;
    struct video_rows *j = video_rows_new(VR_COPIES);
    j->page.limit = 100;
    run(t, j);
    for (size_t i = 0; i < j->n_copies; i++)
        if (sl_str_eq(j->copies[i].id, sl_str_c(id)))
            state = j->copies[i].state;
    video_rows_free(j);
    return state;
}

static void forget_copy(struct world *t, const char *id)
{
    struct video_rows *j = video_rows_new(VR_COPY_GONE);
    j->copy.id = sl_str_c(id);
    assert_int_equal(run(t, j)->found, VF_OK);
    video_rows_free(j);
}

static void copies_by_when_they_are_due(void **state)
{
    struct world *t = *state;
    assert_int_equal(settle_with_copy(t, "video_a", NOW + 3), VF_OK);
    assert_int_equal(settle_with_copy(t, "video_b", NOW + 1), VF_OK);
    assert_int_equal(settle_with_copy(t, "video_c", NOW + 2), VF_OK);
    assert_int_equal(settle_with_copy(t, "video_b", NOW + 9), VF_NONE); /* settled already: nothing changes */
    struct video_rows *j = video_rows_new(VR_COPIES);
    j->page.limit = 2;
    run(t, j);
    assert_int_equal(j->n_copies, 2);
    assert_true(sl_str_eq(j->copies[0].id, SL_STR("video_b")));
    assert_int_equal(j->copies[0].due_ns, NOW + 1);
    assert_true(sl_str_eq(j->copies[1].id, SL_STR("video_c")));
    assert_true(sl_str_eq(j->copies[1].place, SL_STR("directory:/v")));
    video_rows_free(j);
}

static void a_copy_changes_from_the_state_that_was_seen(void **state)
{
    struct world *t = *state;
    assert_int_equal(settle_with_copy(t, "video_a", 0), VF_OK);
    struct store_copy c = copy_of("video_a", STORE_COPY_KEPT, NOW);
    c.parts = SL_STR("[{\"part\":0}]");
    assert_int_equal(change(t, &c, STORE_COPY_REMOVE), VF_NONE);
    assert_int_equal(change(t, &c, STORE_COPY_WANTED), VF_OK);
    struct video_rows *j = video_rows_new(VR_FIND);
    j->tenant = SL_STR("acme");
    j->id = SL_STR("video_a");
    j->now_ns = NOW;
    j->with_copy = true;
    run(t, j);
    assert_int_equal(j->n_copies, 1);
    assert_int_equal(j->copies[0].state, STORE_COPY_KEPT);
    assert_true(sl_str_eq(j->copies[0].parts, c.parts));
    video_rows_free(j);
    forget_copy(t, "video_a"); /* only what is to be removed is forgotten */
    assert_int_equal(state_of(t, "video_a"), STORE_COPY_KEPT);
}

/* What is stored must be removed before it is forgotten, however its job ended. */
static void a_copy_outlives_its_job(void **state)
{
    struct world *t = *state;
    struct sl_fail fail;
    uint64_t n = 0;
    assert_int_equal(settle_with_copy(t, "video_a", NOW), VF_OK);
    assert_int_equal(settle_with_copy(t, "video_b", NOW), VF_OK);
    video_rows_free(ask(t, VR_DELETE, "acme", "video_a", NOW));
    assert_int_equal(state_of(t, "video_a"), STORE_COPY_REMOVE);
    struct store_copy kept = copy_of("video_a", STORE_COPY_KEPT, NOW);
    assert_int_equal(change(t, &kept, STORE_COPY_WANTED), VF_NONE); /* whoever copied it learns that */
    world_begin(t, true);
    assert_int_equal(t->s->ops->sweep_videos(t->s, NOW + 61 * SL_SEC, 100, &n, &fail), SL_OK);
    world_end(t, true, true, &fail);
    assert_int_equal(state_of(t, "video_b"), STORE_COPY_REMOVE);
    forget_copy(t, "video_a");
    assert_int_equal(state_of(t, "video_a"), 0);
}

static enum video_rows_found put_once(struct world *t, const char *id, const char *tenant, char key, char body,
                                      int64_t now, bool forgets, bool *out_same)
{
    struct video_rows *j = video_rows_new(VR_PUT);
    j->v = video(id, tenant);
    j->has_once = true;
    j->once = (struct store_once){.tenant = sl_str_c(tenant), .id = sl_str_c(id), .made_ns = now};
    memset(j->once.key, key, sizeof j->once.key);
    memset(j->once.body, body, sizeof j->once.body);
    j->forgets_once = forgets;
    enum video_rows_found found = run(t, j)->found;
    if (found == VF_TAKEN)
        assert_true(j->n_rows == 1 && sl_str_eq(j->rows[0].id, SL_STR("video_1")));
    *out_same = j->same_body;
    video_rows_free(j);
    return found;
}

static void a_key_makes_one_job(void **state)
{
    struct world *t = *state;
    uint64_t n = 0;
    bool same = false;
    assert_int_equal(put_once(t, "video_1", "acme", 'k', 'b', NOW, false, &same), VF_OK);
    assert_int_equal(put_once(t, "video_1", "acme", 'k', 'b', NOW, false, &same), VF_OK); /* the next target */
    assert_int_equal(put_once(t, "video_2", "acme", 'k', 'b', NOW + SL_SEC, false, &same), VF_TAKEN);
    assert_true(same);
    assert_int_equal(put_once(t, "video_2", "acme", 'k', 'c', NOW + SL_SEC, false, &same), VF_TAKEN);
    assert_false(same);
    assert_int_equal(put_once(t, "video_3", "acme", 'l', 'b', NOW, false, &same), VF_OK);
    assert_int_equal(put_once(t, "video_4", "other", 'k', 'b', NOW, false, &same), VF_OK);
    struct video_rows *j = ask(t, VR_FIND, "acme", "video_2", NOW);
    assert_int_equal(j->found, VF_NONE); /* nothing was put */
    video_rows_free(j);
    assert_int_equal(put_once(t, "video_4", "other", 'k', 'b', NOW, true, &same), VF_OK); /* it came to nothing */
    assert_int_equal(put_once(t, "video_5", "other", 'k', 'b', NOW, false, &same), VF_OK);
    assert_int_equal(put_once(t, "video_6", "acme", 'k', 'c', NOW + STORE_ONCE_NS + 1, false, &same),
                     VF_OK); /* a day later */
    world_begin(t, true);
    assert_int_equal(t->s->ops->sweep_videos(t->s, NOW + 3 * STORE_ONCE_NS, 10, &n, NULL), SL_OK);
    world_end(t, true, true, NULL);
    struct store_once o = {.tenant = SL_STR("acme"), .made_ns = NOW};
    memset(o.key, 'k', sizeof o.key);
    assert_int_equal(t->s->ops->find_once(t->s, &o, NULL, NULL, NULL), SL_ENOENT);
}

#define T(name) cmocka_unit_test_setup_teardown(name, world_set_up, world_tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        T(copies_by_when_they_are_due),
        T(a_copy_changes_from_the_state_that_was_seen),
        T(a_copy_outlives_its_job),
        T(a_row_is_its_tenants),
        T(pages_follow_each_other),
        T(a_job_is_paid_for_once),
        T(a_deleted_job_is_remembered_until_it_is_over),
        T(links_are_renewed_and_nothing_else),
        T(a_key_makes_one_job),
    };
    return cmocka_run_group_tests_name("videos", tests, NULL, NULL);
}
