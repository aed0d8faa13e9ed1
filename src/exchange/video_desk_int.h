/* Inside of the desk (video_desk*.c): its jobs and calls. */
#ifndef SLUICE_EXCHANGE_VIDEO_DESK_INT_H
#define SLUICE_EXCHANGE_VIDEO_DESK_INT_H

#include "base/map.h"
#include "exchange/video_desk.h"
#include "exchange/video_hook.h"
#include "exchange/video_int.h"
#include "exchange/video_keep.h"

#define DESK_LIST_MAX 100u /* jobs polled by one list */
#define DESK_PAUSE_NS (60 * SL_SEC)

struct desk_provider {
    struct sl_list node;
    struct video_desk *desk;
    struct sl_list
        ready; /* struct desk_job: of each tenant the one that waits longest, in turn; others stand behind it */
    struct sl_timer timer; /* when the next call may go */
    double allowance;      /* calls */
    int64_t filled_ns, paused_ns;
    unsigned calls;
    bool denied; /* its keys are refused: said once */
    bool pumping;
    size_t name_n;
    char name[]; /* name_n bytes */
};

struct desk_job {
    struct store_video v; /* texts in `a` */
    struct sl_arena a;    /* own */
    struct video_desk *desk;
    struct sl_timer timer;
    struct sl_list ready;  /* in its provider's, or behind another of its tenant's */
    struct sl_list behind; /* those of its tenant's that wait for a shorter time, while it stands in the provider's */
    struct sl_list all;
    int64_t wait_ns; /* until the next look, before jitter */
    unsigned gone, looks, cancels;
    bool busy;               /* a call or a write is under way */
    bool cancel;             /* the owner wants no more of it */
    bool cancel_now;         /* ... and the last look said that it can be cancelled */
    bool unsaid;             /* a write failed: the row is behind */
    bool poked;              /* somebody wants it looked at again, while it is busy */
    bool once;               /* settled: only looked at for new links */
    bool apart;              /* its adapter's listed_apart */
    struct sl_list renewals; /* struct renewal */
};

struct renewal {
    struct sl_list node;
    struct video_rows *j;
};

enum call_kind {
    CALL_POLL = 0,
    CALL_LIST,    /* polls */
    CALL_RESOLVE, /* looks for one */
    CALL_CANCEL
};

struct desk_call {
    struct sl_list node;
    struct video_desk *desk;
    struct desk_provider *p;
    enum call_kind kind;
    struct desk_job *jobs[DESK_LIST_MAX];
    unsigned n;
    struct snapshot *snap; /* ref */
    const struct snapshot_provider *at;
    struct sl_arena a;
    struct video_call call;
    struct video_http http;
    struct video_list_ask ask;
    struct upstream_origin origin;
    struct attempt_request request;
    struct attempt *attempt; /* own or NULL */
    struct attempt_result result;
    struct sl_chunks body;
    const struct http_response *head;
    struct video_thin thin;     /* an answer may have the whole video in it: */
    struct video_unpack unpack; /* how long it is */
    uint64_t unpacked;
    struct sl_task task;
    bool over, too_large;
    unsigned again;            /* calls that an adapter wanted besides, pages of a list */
    struct video_rows *may_be; /* own or NULL: of a CALL_RESOLVE, the tasks that may be the job */
    struct sl_str authorization;
    unsigned credential;
    struct sl_ended ended;
};

struct video_desk {
    struct exchange_env *env;
    struct sl_map jobs; /* id -> struct desk_job */
    struct sl_list all, providers, calls;
    struct video_hooks *hooks; /* own */
    struct video_keep *keep;   /* own */
    unsigned n;
    int64_t began_ns; /* wall */
    bool ending;
    struct sl_timer retry; /* the keeper did not take a question */
};

static inline int64_t desk_now(const struct video_desk *d)
{
    return sl_loop_now(d->env->loop);
}

static inline const struct videos_policy *desk_policy(const struct video_desk *d)
{
    return &d->env->epoch->snapshot->set.videos;
}

static inline bool desk_is_unclear(const struct desk_job *j)
{
    return j->v.task.n == 0;
}

/* video_desk.c */
struct desk_job *desk_find(const struct video_desk *d, struct sl_str id); /* NULL: none */
void desk_forget(struct desk_job *j);
/* The next look. A fifth more or less, so that jobs that began together are not looked at together. */
void desk_arm(struct desk_job *j, int64_t wait_ns);
int64_t desk_next_wait(const struct video_desk *d, struct desk_job *j);
bool desk_ask(struct video_desk *d, struct video_rows *m); /* takes m. False: there is no keeper any more */
void desk_write_row(struct desk_job *j, struct video_rows *m);
void desk_give_renewals(struct desk_job *j); /* whoever waits for links gets the row as the store has it */

/* video_desk_turns.c */
void desk_make_ready(struct desk_job *j);
/* No turn for it: the next of its tenant's stands where it stood, or at the end of `to`. Harmless for one that does not wait. */
void desk_leave(struct desk_job *j, struct sl_list *to);
void desk_pump(struct desk_provider *p);

/* video_desk_call.c */
struct desk_call *desk_call_new(struct desk_provider *p, const struct snapshot_provider *at, struct desk_job *j);
/* What is asked of the provider about the jobs of the call. False: nothing can be. */
bool desk_call_write(struct desk_call *c, struct sl_buf *body);
bool desk_call_send(struct desk_call *c, struct sl_str authorization, unsigned credential, struct sl_str body);
/* c->http, with the answer to the call before let go. */
bool desk_call_again(struct desk_call *c, struct desk_job *j, struct sl_str body);
void desk_call_end(struct desk_call *c);
void desk_pause_account(struct desk_call *c, enum video_polled said);

/* video_desk_look.c */
void desk_apply(struct desk_call *c, struct desk_job *j, const struct video_job *job);
void desk_look_later(struct desk_job *j, const struct video_adapter *a);
bool desk_too_late(const struct desk_job *j, const struct video_adapter *a);
void desk_fail_job(struct desk_job *j, enum store_video_state s, const char *code, const char *text);
/* The row is final: what it cost goes with it, in one transaction. keep: nobody knows, so what was reserved stands. */
void desk_settle(struct desk_job *j, const struct snapshot_provider *at, const struct video_call *call,
                 const struct video_job *job, bool keep);

/* video_desk_unclear.c */
int64_t desk_look_wait(const struct desk_job *j);
void desk_resolved(struct desk_call *c, const struct video_answer *ans);
void desk_known_answered(struct video_desk *d, const struct video_rows *m);
void desk_stays_unclear(struct desk_job *j);

#endif
