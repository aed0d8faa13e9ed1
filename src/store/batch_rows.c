/* Messages about batches that run here: see batch_rows.h. */
#include "store/batch_rows.h"

#include "base/mem.h"

#define ROWS_FIRST 8u

struct batch_rows *batch_rows_new(enum batch_rows_kind kind)
{
    struct batch_rows *j = SL_NEW(struct batch_rows);
    j->kind = kind;
    sl_arena_init(&j->a, NULL);
    return j;
}

void batch_rows_free(struct batch_rows *j)
{
    if (j == NULL)
        return;
    sl_arena_done(&j->a);
    sl_free(j);
}

void store_batch_copy(struct store_batch *to, const struct store_batch *from, struct sl_arena *a)
{
    *to = *from;
    struct sl_str *const texts[] = {&to->id,    &to->tenant,   &to->input, &to->endpoint,
                                    &to->betas, &to->metadata, &to->errors};
    for (size_t i = 0; i < sizeof texts / sizeof texts[0]; i++)
        *texts[i] = sl_arena_str(a, *texts[i]);
}

void store_object_copy(struct store_object *to, const struct store_object *from, struct sl_arena *a)
{
    *to = *from;
    to->id = sl_arena_str(a, from->id);
    to->tenant = sl_arena_str(a, from->tenant);
    to->provider = sl_arena_str(a, from->provider);
    to->body = sl_arena_str(a, from->body);
}

/* Room for one more. */
static void *grow(struct sl_arena *a, void *v, size_t n, size_t *cap, size_t each)
{
    if (n < *cap)
        return v;
    *cap = *cap > 0 ? 2 * *cap : ROWS_FIRST;
    return sl_arena_grow(a, v, n, *cap, each);
}

struct store_line *batch_rows_add_line(struct batch_rows *j)
{
    j->lines = grow(&j->a, j->lines, j->n_lines, &j->cap_lines, sizeof *j->lines);
    j->lines[j->n_lines] = (struct store_line){.line = 0};
    return &j->lines[j->n_lines++];
}

struct store_batch *batch_rows_add_batch(struct batch_rows *j)
{
    j->batches = grow(&j->a, j->batches, j->n_batches, &j->cap_batches, sizeof *j->batches);
    j->batches[j->n_batches] = (struct store_batch){.kind = STORE_OBJECT_BATCH};
    return &j->batches[j->n_batches++];
}

void batch_rows_add_object(struct batch_rows *j, const struct store_object *o)
{
    j->objects = grow(&j->a, j->objects, j->n_objects, &j->cap_objects, sizeof *j->objects);
    store_object_copy(&j->objects[j->n_objects++], o, &j->a);
}

bool batch_rows_run(struct batch_rows *j, struct store *s, struct sl_fail *fail)
{
    enum sl_err e = s->ops->run_batches(s, j, fail);
    j->found = e == SL_OK ? BF_OK : e == SL_ENOENT ? BF_NONE : BF_FAILED;
    return j->found != BF_FAILED;
}
