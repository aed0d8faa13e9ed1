/* See remove.h.
 *
 *   directory: unlink NAME and .NAME.part (work)
 *   S3: uploads of the name are listed ─► each is ended ─► the object is deleted */
#include "keep/remove.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <unistd.h>

#include "base/mem.h"
#include "http/url.h"
#include "keep/s3.h"
#include "loop/work.h"

enum stage {
    STAGE_LIST = 0,
    STAGE_ABORT,
    STAGE_DELETE
};

struct keep_remove {
    struct keep_env env; /* a copy: the end of work may come behind that of who started it */
    const struct keep_place *p;
    keep_removed_f *done; /* NULL: freed */
    void *owner;
    struct sl_arena a; /* own */
    struct sl_str name;
    char *directory;
    struct sl_work work;
    bool working;
    int error;
    enum stage stage;
    struct s3_call *call;
    struct s3_ask ask;
    struct sl_str aborts;
};

static void free_remove(struct keep_remove *r)
{
    s3_call_free(r->call);
    sl_arena_done(&r->a);
    sl_free(r);
}

void keep_remove_free(struct keep_remove *r)
{
    if (r == NULL)
        return;
    r->done = NULL;
    if (!r->working)
        free_remove(r);
}

/* ---- the directory ---- */

static void run_unlink(struct sl_work *w)
{
    struct keep_remove *r = SL_CONTAINER_OF(w, struct keep_remove, work);
    char temp[KEEP_NAME_MAX + 8], file[KEEP_NAME_MAX + 1];
    int dir = open(r->directory, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    snprintf(temp, sizeof temp, "." SL_STR_FMT ".part", SL_STR_ARG(r->name));
    snprintf(file, sizeof file, SL_STR_FMT, SL_STR_ARG(r->name));
    if (dir < 0) {
        r->error = errno == ENOENT ? 0 : errno;
        return;
    }
    if (unlinkat(dir, temp, 0) != 0 && errno != ENOENT)
        r->error = errno;
    if (unlinkat(dir, file, 0) != 0 && errno != ENOENT)
        r->error = errno;
    if (r->error == 0 && fsync(dir) != 0)
        r->error = errno;
    (void)close(dir);
}

static void unlinked(struct sl_work *w)
{
    struct keep_remove *r = SL_CONTAINER_OF(w, struct keep_remove, work);
    r->working = false;
    if (r->done == NULL) {
        free_remove(r);
        return;
    }
    struct sl_str why = r->error == 0 ? SL_STR_NONE
                                      : sl_arena_printf(&r->a, "cannot remove the file: %s", sl_errno_text(r->error));
    r->done(r->owner, r, r->error == 0, why);
}

/* ---- S3 ---- */

static void step(struct keep_remove *r);

static void on_answer(void *owner, struct s3_call *c, const struct s3_answer *a)
{
    struct keep_remove *r = owner;
    bool ok = a->status == 200 || a->status == 204 || a->status == 404;
    r->call = NULL;
    if (!ok && r->stage != STAGE_LIST) {
        struct sl_str why = a->status == 0 ? a->why : sl_arena_printf(&r->a, "the store says %d", a->status);
        why = sl_arena_printf(&r->a, "cannot remove the object: " SL_STR_FMT, SL_STR_ARG(why));
        r->done(r->owner, r, false, why);
    } else if (r->stage == STAGE_DELETE) {
        r->done(r->owner, r, true, SL_STR_NONE);
    } else {
        if (r->stage == STAGE_LIST && a->status == 200)
            r->aborts = s3_uploads_read(r->p, r->name, a->body, &r->a);
        r->stage = r->aborts.n > 0 ? STAGE_ABORT : STAGE_DELETE;
        step(r);
    }
    s3_call_free(c);
}

static void step(struct keep_remove *r)
{
    r->ask = (struct s3_ask){.method = SL_STR("DELETE"), .name = r->name};
    if (r->stage == STAGE_LIST) {
        r->ask.method = SL_STR("GET");
        r->ask.name = SL_STR_NONE;
        r->ask.query = s3_uploads_query(r->p, r->name, &r->a);
    } else if (r->stage == STAGE_ABORT) {
        struct sl_str id = sl_str_cut(&r->aborts, '\n');
        r->ask.query = sl_arena_printf(&r->a, "uploadId=" SL_STR_FMT, SL_STR_ARG(id));
    }
    r->call = s3_call_start(&r->env, r->p, &r->ask, on_answer, r);
}

/* ---- from outside ---- */

struct keep_remove *keep_remove_start(const struct keep_env *env, const struct keep_place *p, struct sl_str name,
                                      keep_removed_f *done, void *owner)
{
    struct keep_remove *r = SL_NEW(struct keep_remove);
    SL_CHECK(keep_name_is(name) && p->kind != KEEP_NOWHERE);
    *r = (struct keep_remove){.env = *env, .p = p, .done = done, .owner = owner};
    sl_arena_init(&r->a, NULL);
    r->name = sl_arena_str(&r->a, name);
    if (p->kind == KEEP_S3) {
        step(r);
        return r;
    }
    r->directory = sl_arena_cstr(&r->a, sl_str_c(p->directory));
    r->work = (struct sl_work){.run = run_unlink, .done = unlinked};
    r->working = true;
    sl_work_start(env->loop, &r->work);
    return r;
}
