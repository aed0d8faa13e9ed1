/* A create that nobody answered: the provider's list of tasks tells whether it took the job, and which of them it is. */
#include "base/die.h"
#include "base/log.h"
#include "exchange/video_desk_int.h"

#define RESOLVE_LOOKS 5u /* how often the list is read for a job that nobody knows of */
#define RESOLVE_PAGES 20u
#define CLOCK_SLACK_S 120 /* what a provider's clock may differ */

static void adopt(struct desk_job *j, struct sl_str task, const struct video_job *found)
{
    struct sl_buf b;
    SL_LOG(SL_LOG_INFO, "video.adopted", SL_LS("id", j->v.id), SL_LS("provider", j->v.provider));
    tel_add(j->desk->env->tel, TEL_VIDEOS_ADOPTED, 1);
    j->v.task = sl_arena_str(&j->a, task);
    if (j->v.state != STORE_VIDEO_CANCELLED)
        j->v.state = STORE_VIDEO_QUEUED;
    j->wait_ns = 0;
    if (found != NULL && found->aux.n > 0) { /* what is needed to ask for it */
        sl_buf_init(&b, VIDEO_ANSWER_BYTES);
        video_result_write(found, &b);
        j->v.result = sl_arena_str(&j->a, sl_buf_str(&b));
        sl_buf_done(&b);
    }
    sl_die_at("video_adopted");
    desk_write_row(j, video_rows_new(VR_PUT));
}

void desk_stays_unclear(struct desk_job *j)
{
    SL_LOG(SL_LOG_ERROR, "video.unclear", SL_LS("id", j->v.id), SL_LS("provider", j->v.provider));
    tel_add(j->desk->env->tel, TEL_VIDEOS_UNCLEAR, 1);
    desk_fail_job(
        j, STORE_VIDEO_FAILED, "unknown_submission",
        "The provider did not say whether it took the job, and cannot be asked. What it may cost stays reserved.");
    desk_settle(j, NULL, NULL, NULL, true);
}

static void was_not_taken(struct desk_job *j)
{
    desk_fail_job(j, STORE_VIDEO_FAILED, "provider_error", "The provider did not take the job. It was not sent again.");
    desk_settle(j, NULL, NULL, NULL, false);
}

int64_t desk_look_wait(const struct desk_job *j)
{
    int64_t step = desk_policy(j->desk)->resolve_ns / (1 << (RESOLVE_LOOKS - 1));
    return step << (j->looks < RESOLVE_LOOKS ? j->looks : RESOLVE_LOOKS);
}

/* Which of the tasks may be the job that nobody else has is asked of the store. */
void desk_known_answered(struct video_desk *d, const struct video_rows *m)
{
    struct desk_job *j = desk_find(d, m->v.id);
    unsigned free_ones = 0;
    size_t at = 0;
    if (j == NULL)
        return;
    j->busy = false;
    for (size_t i = 0; i < m->n_tasks && m->found == VF_OK; i++) {
        if (m->known[i])
            continue;
        free_ones++;
        at = i;
    }
    bool last = j->looks >= RESOLVE_LOOKS;
    if (free_ones == 1 && last && !m->more)
        adopt(j, m->tasks[at], NULL);
    else if (last && m->found == VF_OK && free_ones == 0 && !m->more)
        was_not_taken(j);
    else if (last && m->found == VF_OK)
        desk_stays_unclear(j);
    else
        desk_arm(j, desk_look_wait(j));
}

static void ask_known(struct desk_job *j, struct video_rows *m)
{
    struct video_desk *d = j->desk;
    m->v.id = sl_arena_str(&m->a, j->v.id);
    m->v.provider = sl_arena_str(&m->a, j->v.provider);
    j->busy = true;
    if (!desk_ask(d, m))
        j->busy = false;
}

/* Whether a list goes on, and could still show what was made when the job was. */
static bool goes_back(const struct video_list *list, const struct desk_job *j)
{
    int64_t made_s = list->n > 0 ? list->v[list->n - 1].created_s : 0;
    return list->more && list->n > 0 && (made_s <= 0 || made_s + CLOCK_SLACK_S >= j->v.sent_ns / SL_SEC);
}

static bool next_page(struct desk_call *c, struct desk_job *j, const struct video_list *list)
{
    c->ask.page++;
    c->ask.cursor = sl_arena_str(&c->a, list->v[list->n - 1].task_id);
    return c->again++ < RESOLVE_PAGES && c->call.adapter->list_write(&c->call, &c->ask, &c->http) &&
           desk_call_again(c, j, SL_STR_NONE);
}

/* *yes: which one it is; else those that it may be wait in c->may_be. */
static void match_list(struct desk_call *c, const struct desk_job *j, const struct video_list *list,
                       const struct video_job **yes)
{
    if (c->may_be == NULL)
        c->may_be = video_rows_new(VR_KNOWN);
    struct video_rows *m = c->may_be;
    struct sl_str *tasks = sl_arena_alloc(&m->a, (m->n_tasks + list->n + 1) * sizeof *tasks);
    for (size_t i = 0; i < m->n_tasks; i++)
        tasks[i] = m->tasks[i];
    for (unsigned i = 0; i < list->n && *yes == NULL; i++) {
        enum video_match match = c->call.adapter->match(&c->call, j->v.sent_ns / SL_SEC, &list->v[i]);
        if (match == VIDEO_MATCH_YES)
            *yes = &list->v[i];
        else if (match == VIDEO_MATCH_MAYBE)
            tasks[m->n_tasks++] = sl_arena_str(&m->a, list->v[i].task_id);
    }
    m->tasks = tasks;
}

void desk_resolved(struct desk_call *c, const struct video_answer *ans)
{
    struct desk_job *j = c->jobs[0];
    struct video_trouble why = {0};
    struct video_list list = {0};
    const struct video_job *yes = NULL;
    enum video_polled said = c->call.adapter->list_read(&c->call, ans, &list, &why);
    j->busy = false;
    c->n = 0;
    if (said != VIDEO_POLL_OK) {
        desk_pause_account(c, said);
        if (desk_too_late(j, c->call.adapter))
            desk_stays_unclear(j);
        else
            desk_arm(j, desk_look_wait(j) + SL_SEC);
        return;
    }
    match_list(c, j, &list, &yes);
    bool more = goes_back(&list, j);
    if (yes == NULL && more && next_page(c, j, &list))
        return;
    j->looks++;
    struct video_rows *m = c->may_be;
    c->may_be = NULL;
    m->more = more;
    if (yes == NULL) {
        ask_known(j, m);
        return;
    }
    video_rows_free(m);
    adopt(j, yes->task_id, yes);
}
