/* What the tests of rows share: a database in a directory of their own. */
#ifndef SLUICE_TESTS_WORLD_KIT_H
#define SLUICE_TESTS_WORLD_KIT_H

#include "journal_kit.h"

#include "base/clock.h"
#include "store/store.h"

struct world {
    char dir[64];
    char path[128];
    struct store *s;
};

static inline void world_open(struct world *t)
{
    struct sl_fail fail;
    if (store_open_sqlite(t->path, STORE_WRITE, &t->s, &fail) != SL_OK)
        fail_msg("%s: %s", fail.place, fail.text);
}

static inline int world_set_up(void **state)
{
    struct world *t = SL_NEW(struct world);
    kit_make_dir(t->dir);
    (void)snprintf(t->path, sizeof t->path, "%s/ledger.db", t->dir);
    world_open(t);
    *state = t;
    return 0;
}

static inline int world_tear_down(void **state)
{
    struct world *t = *state;
    store_close(t->s);
    kit_remove_dir(t->dir);
    sl_free(t);
    return 0;
}

/* Around a job of the database's, as the keeper does it. */
static inline void world_begin(struct world *t, bool writes)
{
    struct sl_fail fail;
    if (writes)
        assert_int_equal(t->s->ops->begin(t->s, STORE_SOON, &fail), SL_OK);
}

static inline void world_end(struct world *t, bool ran, bool writes, const struct sl_fail *why)
{
    struct sl_fail fail;
    if (!ran)
        fail_msg("%s: %s", why->place, why->text);
    if (writes)
        assert_int_equal(t->s->ops->commit(t->s, &fail), SL_OK);
}

#endif
