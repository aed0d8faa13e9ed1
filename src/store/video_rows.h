/* What the exchange asks of the rows of video jobs, as a message to the keeper and back (docs/internals/jobs.md).
 *
 * As with struct response_job: a message owns an arena without a thread's cache; the asker fills the question, the keeper
 * runs it (video_rows_run), `done` runs on the asker's thread and frees it. */
#ifndef SLUICE_STORE_VIDEO_ROWS_H
#define SLUICE_STORE_VIDEO_ROWS_H

#include "base/arena.h"
#include "store/ask.h"
#include "store/store.h"

enum video_rows_kind {
    VR_PUT = 0,   /* v, settles */
    VR_RENEW,     /* v: id, result, links_ns */
    VR_HOOK,      /* v: id, hook_due_ns, hook_tries */
    VR_COPY,      /* copy, copy_from: changes the row; VF_NONE: its state is another one */
    VR_COPY_GONE, /* copy.id: nothing is left of it */
    VR_DELETE,    /* id -> rows[0] as it was */
    VR_FIND,      /* id -> rows[0] */
    VR_LIST,      /* page -> rows; more */
    VR_LIVE,      /* all that is not finished -> rows */
    VR_COPIES,    /* page.limit -> copies, by when they are due */
    VR_KNOWN,     /* tasks of v.provider -> known */
    VR_ONCE       /* once, tenant -> VF_TAKEN: rows[0], same_body; VF_NONE */
};

enum video_rows_found {
    VF_OK = 0,
    VF_NONE, /* not there, not this tenant's, or (VR_PUT) settled already */
    VF_TAKEN, /* VR_ONCE, VR_PUT with has_once: its key has made another row: rows[0] if it is still seen; nothing is put */
    VF_FAILED /* the database cannot */
};

struct video_rows {
    struct store_ask ask;
    enum video_rows_kind kind;
    struct sl_arena a; /* own */
    /* the question; views of the arena */
    struct sl_str tenant, id;
    int64_t now_ns; /* wall */
    struct store_video v;
    struct store_attempt settles;
    bool has_settles;
    struct store_copy copy;
    enum store_copy_state copy_from;
    bool has_copy;  /* VR_PUT: a copy is wanted, too */
    bool with_copy; /* VR_FIND: the copy's row as well -> copies[0] */
    struct store_video_page page;
    const struct sl_str *tasks;
    size_t n_tasks;
    struct store_once once; /* views of the arena */
    bool has_once;          /* VR_PUT: put only if its key has made no other row */
    bool forgets_once;      /* VR_PUT: the row came to nothing, its key is free */
    bool synced;            /* on the disk before `done` */
    bool tell;              /* the desk is to have the row, also when it could not be written */
    /* the answer */
    enum video_rows_found found;
    struct store_video *rows;
    size_t n_rows, cap_rows;
    struct store_copy *copies; /* VR_COPIES, VR_FIND */
    size_t n_copies, cap_copies;
    bool taken, same_body; /* VF_TAKEN: body is equal */
    bool more;             /* VR_LIST */
    bool *known;           /* VR_KNOWN, of n_tasks */
    /* the way back, with ask.reply_to */
    void (*done)(struct video_rows *j, void *receiver);
    void *asker; /* touched on its thread only: NULL when it has gone */
};

struct video_rows *video_rows_new(enum video_rows_kind kind);
void video_rows_free(struct video_rows *j);                                                        /* NULL accepted */
void store_video_copy(struct store_video *to, const struct store_video *from, struct sl_arena *a); /* with its texts */
void store_copy_copy(struct store_copy *to, const struct store_copy *from, struct sl_arena *a);
static inline bool video_rows_writes(const struct video_rows *j)
{
    return j->kind <= VR_DELETE;
}
/* On the store's thread; a writing one between begin and commit. False: the database failed (found is VF_FAILED): roll back. */
bool video_rows_run(struct video_rows *j, struct store *s, struct sl_fail *fail);

#endif
