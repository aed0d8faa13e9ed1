/* What a worker asks of the store of responses, as a message to the keeper and back (docs/internals/stored-responses.md).
 *
 * A job owns an arena of its own, without a thread's cache: it and everything it points to moves from thread to thread. The
 * asker fills the question, the keeper runs it (response_job_run), `done` runs on the asker's thread and frees it. */
#ifndef SLUICE_STORE_RESPONSE_JOB_H
#define SLUICE_STORE_RESPONSE_JOB_H

#include "base/arena.h"
#include "store/ask.h"
#include "store/store.h"

enum response_job_kind {
    RJ_PUT = 0,       /* put */
    RJ_FIND,          /* id -> r */
    RJ_CHAIN,         /* id -> r, turns */
    RJ_ITEMS,         /* items -> turns that have them; r: the last one that a provider has, or the last */
    RJ_DELETE,        /* id -> r; deleted where it is ours, a pin stays: its provider is asked first */
    RJ_DROP,          /* id: deleted, whatever it is */
    RJ_CANCEL,        /* id -> r as it then is */
    RJ_OBJECT_PUT,    /* objects: o */
    RJ_OBJECT_FIND,   /* o.kind, id -> o */
    RJ_OBJECT_DROP,   /* o.kind, id */
    RJ_OBJECT_SETTLE, /* o.kind, id; RF_NONE: it was settled already */
    RJ_OBJECT_REFS,   /* items: ids that a request names; o: where those lie that are this owner's (o.row 0: none is).
                         RF_NONE: one is somebody else's; RF_BROKEN: they lie at several places */
    RJ_OBJECT_PAGE    /* page -> objects */
};

enum response_found {
    RF_OK = 0,
    RF_NONE,      /* not there, or not this owner's */
    RF_BROKEN,    /* one before it is gone */
    RF_TOO_LARGE, /* more than max_bytes */
    RF_FAILED     /* the database cannot */
};

struct response_turn { /* what one row has; views of the job's arena */
    int64_t row;
    struct sl_str body, input;
};

struct response_job {
    struct store_ask ask;
    enum response_job_kind kind;
    struct sl_arena a; /* own */
    /* the question */
    struct store_response_owner owner;
    struct sl_str id;
    const struct sl_str *items;
    size_t n_items;
    struct store_response_put put;
    uint64_t max_bytes; /* of all turns together */
    bool synced;        /* on the disk before `done` */
    /* RJ_PUT of a run: who is told when it is cancelled */
    struct sl_id run;
    void (*stop)(struct sl_id run, void *receiver);
    /* the answer */
    enum response_found found;
    struct store_response r; /* views of the arena */
    struct response_turn *turns;
    size_t n_turns; /* oldest first; RJ_CHAIN: the last one is r itself */
    /* objects: question and answer; views of the arena */
    struct store_object o;
    struct store_object_page page;
    struct store_object *objects; /* the page's, in its order; RJ_OBJECT_PUT: more to put, beside o */
    size_t n_objects, cap_objects;
    struct sl_str intent; /* RJ_OBJECT_PUT: the row of that kind that goes with it; empty: none */
    /* the way back, with ask.reply_to */
    void (*done)(struct response_job *j, void *receiver);
    void *asker; /* touched on its thread only: NULL when it has gone */
};

struct response_job *response_job_new(enum response_job_kind kind);
void response_job_free(struct response_job *j); /* NULL accepted */
static inline bool response_job_writes(const struct response_job *j)
{
    return j->kind == RJ_PUT || (j->kind >= RJ_DELETE && j->kind != RJ_OBJECT_FIND && j->kind != RJ_OBJECT_REFS &&
                                 j->kind != RJ_OBJECT_PAGE);
}
/* On the store's thread; a writing one between begin and commit. False: the database failed (found is RF_FAILED): roll back. */
bool response_job_run(struct response_job *j, struct store *s, struct sl_fail *fail);

#endif
