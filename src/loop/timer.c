/* The wheel. Level 0 has a slot per tick (1 ms) for the next 64 ticks, level k a slot per 64^k ticks. A timer sits in
 * the lowest level whose span reaches its time; when the wheel turns into a slot of a higher level, its timers are
 * dealt out again to lower ones. Varghese and Lauck, "Hashed and Hierarchical Timing Wheels" (1987), scheme 6. */
#include "loop/timer.h"

#include <string.h>

#include "base/clock.h"
#include "loop/loop.h"

#define SLOT_BITS 6
#define SLOT_MASK (SL_WHEEL_SLOTS - 1)
/* the furthest time the wheel can hold: 64^5 ms = 12 days; later timers wait at the edge and are dealt again */
#define SPAN (INT64_C(1) << (SLOT_BITS * SL_WHEEL_LEVELS))

void sl_wheel_init(struct sl_wheel *w, int64_t now_ns)
{
    *w = (struct sl_wheel){.tick = now_ns / SL_MS};
    for (unsigned k = 0; k < SL_WHEEL_LEVELS; k++)
        for (unsigned i = 0; i < SL_WHEEL_SLOTS; i++)
            sl_list_init(&w->slots[k][i]);
}

void sl_timer_init(struct sl_timer *t, sl_timer_f *fire)
{
    sl_list_init(&t->node);
    t->fire = fire;
    t->due_tick = 0;
}

static void place(struct sl_wheel *w, struct sl_timer *t)
{
    int64_t due = t->due_tick;
    if (due <= w->tick)
        due = w->tick + 1;
    int64_t distance = due - w->tick;
    if (distance >= SPAN - SPAN / SL_WHEEL_SLOTS) /* so that the top level never wraps either */
        due = w->tick + SPAN - SPAN / SL_WHEEL_SLOTS - 1;
    unsigned level = 0;
    /* the level is chosen by slots, not by time, so that a slot never wraps onto the one the wheel stands in */
    while (level < SL_WHEEL_LEVELS - 1 &&
           (due >> (SLOT_BITS * level)) - (w->tick >> (SLOT_BITS * level)) >= SL_WHEEL_SLOTS)
        level++;
    unsigned slot = (unsigned)((due >> (SLOT_BITS * level)) & SLOT_MASK);
    uint64_t bit = UINT64_C(1) << slot;
    sl_list_add_tail(&w->slots[level][slot], &t->node);
    if ((w->used[level] & bit) == 0 || due < w->first[level][slot])
        w->first[level][slot] = due;
    w->used[level] |= bit;
}

void sl_timer_arm(struct sl_loop *l, struct sl_timer *t, int64_t due_ns)
{
    sl_timer_cancel(l, t);
    if (due_ns == SL_NEVER)
        return;
    t->due_tick = due_ns <= 0 ? 0 : due_ns / SL_MS + (due_ns % SL_MS != 0); /* never early */
    place(&l->wheel, t);
    l->wheel.n++;
}

void sl_timer_cancel(struct sl_loop *l, struct sl_timer *t)
{
    if (!sl_timer_is_armed(t))
        return;
    sl_list_remove(&t->node); /* the slot's bit may stay set: a look that finds nothing */
    l->wheel.n--;
}

/* How many slots ahead the next used one of this level is, 1 to 64; 0 when the level is empty. */
static unsigned slots_ahead(const struct sl_wheel *w, unsigned level)
{
    if (w->used[level] == 0)
        return 0;
    unsigned from = (unsigned)(((w->tick >> (SLOT_BITS * level)) + 1) & SLOT_MASK);
    uint64_t rotated = (w->used[level] >> from) | (from != 0 ? w->used[level] << (SL_WHEEL_SLOTS - from) : 0);
    return 1 + (unsigned)__builtin_ctzll(rotated);
}

/* The next tick at which the wheel has work: the beginning of a used slot. */
static int64_t next_tick(const struct sl_wheel *w)
{
    int64_t next = INT64_MAX;
    for (unsigned k = 0; k < SL_WHEEL_LEVELS; k++) {
        unsigned ahead = slots_ahead(w, k);
        int64_t at = ((w->tick >> (SLOT_BITS * k)) + ahead) << (SLOT_BITS * k);
        if (ahead != 0 && at < next)
            next = at;
    }
    return next;
}

/* The next tick at which a timer is due. The slots of a level follow each other in time, so its first one tells; turning
 * into slots on the way there can wait until then (sl_wheel_advance makes up for it). */
static int64_t next_due(const struct sl_wheel *w)
{
    int64_t next = INT64_MAX;
    for (unsigned k = 0; k < SL_WHEEL_LEVELS; k++) {
        unsigned ahead = slots_ahead(w, k);
        unsigned slot = (unsigned)(((w->tick >> (SLOT_BITS * k)) + ahead) & SLOT_MASK);
        if (ahead != 0 && w->first[k][slot] < next)
            next = w->first[k][slot];
    }
    return next;
}

int64_t sl_wheel_next_ns(const struct sl_wheel *w)
{
    if (w->n == 0)
        return SL_NEVER;
    int64_t next = next_due(w);
    return next == INT64_MAX ? SL_NEVER : next * SL_MS;
}

/* Deals the timers of a higher slot out again; those that are due end in the list of the tick. */
static void cascade(struct sl_wheel *w, unsigned level, struct sl_list *due)
{
    unsigned slot = (unsigned)((w->tick >> (SLOT_BITS * level)) & SLOT_MASK);
    struct sl_list moved;
    if ((w->used[level] & (UINT64_C(1) << slot)) == 0)
        return;
    w->used[level] &= ~(UINT64_C(1) << slot);
    sl_list_init(&moved);
    sl_list_splice(&moved, &w->slots[level][slot]);
    SL_LIST_EACH(node, &moved)
    {
        struct sl_timer *t = SL_CONTAINER_OF(node, struct sl_timer, node);
        sl_list_remove(node);
        if (t->due_tick <= w->tick)
            sl_list_add_tail(due, node);
        else
            place(w, t);
    }
}

void sl_wheel_advance(struct sl_wheel *w, int64_t now_ns)
{
    int64_t target = now_ns / SL_MS;
    struct sl_list due, *node;
    sl_list_init(&due);
    while (w->tick < target) {
        if (w->n == 0) /* what was cancelled is forgotten: its slots would mean other times after the jump */
            memset(w->used, 0, sizeof w->used);
        int64_t next = next_tick(w);
        if (next > target) {
            w->tick = target;
            break;
        }
        w->tick = next;
        for (unsigned k = SL_WHEEL_LEVELS; k-- > 0;)
            if (k == 0 || (w->tick & ((INT64_C(1) << (SLOT_BITS * k)) - 1)) == 0)
                cascade(w, k, &due);
        while ((node = sl_list_take_head(&due)) != NULL) {
            w->n--;
            struct sl_timer *t = SL_CONTAINER_OF(node, struct sl_timer, node);
            t->fire(t);
        }
    }
}
