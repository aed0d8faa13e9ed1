/* The exchange: one client request and its answer. This folder is the only one that knows all stages; every wait of a
 * request belongs to the state machine declared here or to an attempt (upstream/attempt.h).
 *
 * Who calls: listen/ (through exchange_app, an http_app) opens exchanges; main/worker.c makes the exchange_env of its
 * thread. Everything here runs on one worker's thread.
 *
 * Rules (style section 4): exchange_run is the only caller of steps; exchange_goto is the only writer of x->state; news
 * comes in through exchange_wake, which sets a bit and puts x on the run list; a waiting exchange always has a deadline. */
#ifndef SLUICE_EXCHANGE_EXCHANGE_H
#define SLUICE_EXCHANGE_EXCHANGE_H

#include "base/chunks.h"
#include "base/id.h"
#include "http/server.h"
#include "loop/loop.h"

struct exchange;
struct exchange_env;

/* X(id, name, step function, deadline kind): the enum, the log names, the metric labels and the table in states.c. */
#define EXCHANGE_STATES(X)                                                                                             \
    X(IDENTIFY, "identify", step_identify, DL_TOTAL)                                                                   \
    X(READ_BODY, "read_body", step_read_body, DL_TOTAL)                                                                \
    X(ADMIT, "admit", step_admit, DL_TOTAL)                                                                            \
    X(QUEUE, "queue", step_queue, DL_QUEUE)                                                                            \
    X(RECALL, "recall", step_recall, DL_TOTAL)                                                                         \
    X(PLAN, "plan", step_plan, DL_TOTAL)                                                                               \
    X(TRY, "try", step_try, DL_TOTAL)                                                                                  \
    X(MEDIA, "media", step_media, DL_TOTAL)                                                                            \
    X(PAUSE, "pause", step_pause, DL_PAUSE)                                                                            \
    X(RELAY, "relay", step_relay, DL_TOTAL)                                                                            \
    X(SESSION, "session", step_session, DL_TOTAL)                                                                      \
    X(RESPOND, "respond", step_respond, DL_WRITE)                                                                      \
    X(SETTLE, "settle", step_settle, DL_SETTLE)                                                                        \
    X(DONE, "done", step_done, DL_NONE)

enum exchange_state {
#define X(id, ...) XS_##id,
    EXCHANGE_STATES(X)
#undef X
    XS_COUNT
};

enum deadline_kind {
    DL_NONE = 0,
    DL_TOTAL,
    DL_QUEUE,
    DL_PAUSE,
    DL_WRITE,
    DL_SETTLE
};

enum step {
    STEP_GO = 0,
    STEP_WAIT,
    STEP_OVER
};
typedef enum step step_f(struct exchange *x);

enum exchange_event { /* news, collected as bits in x->events */
    EV_START = 1 << 0,
    EV_BODY = 1 << 1,        /* the request body is complete (or failed: x->body_bad) */
    EV_HEAD = 1 << 2,        /* the attempt's head arrived */
    EV_HELD = 1 << 3,        /* more of the answer is held: enough to commit */
    EV_OVER = 1 << 4,        /* the attempt is over */
    EV_ROOM = 1 << 5,        /* the client takes bytes again */
    EV_GONE = 1 << 6,        /* the client is gone */
    EV_DEADLINE = 1 << 7,    /* the state's deadline has passed */
    EV_SYNCED = 1 << 8,      /* the keeper has flushed the journal up to our record */
    EV_STREAM_END = 1 << 9,  /* the stream's terminal event was seen */
    EV_SLOT = 1 << 10,       /* a place became free */
    EV_MEDIA = 1 << 11,      /* something that was asked for by URL is here, or will not come */
    EV_CREDENTIAL = 1 << 12, /* the fetch of a token has ended */
    EV_HEDGE = 1 << 14,      /* the second attempt has output, or has failed */
    EV_STORED = 1 << 13      /* the store of responses has answered */
};

/* What listen/ serves: http_stream's app is &exchange_app with the struct exchange_env of the worker as its argument. */
extern const struct http_app exchange_app;

const char *exchange_state_name(enum exchange_state s);

/* For crash reports: the state of the exchange that this thread is running, "" when none. */
const char *exchange_running_state(void);

/* Number of exchanges that are live on this worker; 0 means that a drain is complete. */
unsigned exchange_live(const struct exchange_env *env);
/* Ends all live exchanges: the drain deadline has passed. */
void exchange_end_all(struct exchange_env *env);

#endif
