/* Intrusive doubly linked list; a head is a node that is in no object. A node that is in no list points to itself. */
#ifndef SLUICE_BASE_LIST_H
#define SLUICE_BASE_LIST_H

#include <stdbool.h>
#include <stddef.h>

#include "base/check.h"

struct sl_list {
    struct sl_list *next, *prev;
};

static inline void sl_list_init(struct sl_list *l)
{
    l->next = l->prev = l;
}

static inline bool sl_list_is_empty(const struct sl_list *l)
{
    return l->next == l;
}

static inline void sl_list_add_tail(struct sl_list *head, struct sl_list *node)
{
    SL_DCHECK(sl_list_is_empty(node));
    node->prev = head->prev;
    node->next = head;
    head->prev->next = node;
    head->prev = node;
}

static inline void sl_list_add_head(struct sl_list *head, struct sl_list *node)
{
    sl_list_add_tail(head->next, node);
}

static inline void sl_list_remove(struct sl_list *node) /* harmless on a node that is in no list */
{
    node->prev->next = node->next;
    node->next->prev = node->prev;
    sl_list_init(node);
}

static inline struct sl_list *sl_list_take_head(struct sl_list *head) /* NULL when empty */
{
    struct sl_list *node = head->next;
    if (node == head)
        return NULL;
    sl_list_remove(node);
    return node;
}

/* Moves all nodes of `from` to the end of `to`. */
static inline void sl_list_splice(struct sl_list *to, struct sl_list *from)
{
    if (sl_list_is_empty(from))
        return;
    from->next->prev = to->prev;
    to->prev->next = from->next;
    from->prev->next = to;
    to->prev = from->prev;
    sl_list_init(from);
}

/* Walks; the current node may be removed inside. */
#define SL_LIST_EACH(it, head)                                                                                         \
    for (struct sl_list *it = (head)->next, *it##_next = it->next; it != (head); it = it##_next, it##_next = it->next)

/* Hangs a node behind a list that is linked by `next` alone and known by its first and its last node, both NULL when it is empty. */
#define SL_APPEND(first, last, node)                                                                                   \
    do {                                                                                                               \
        if ((last) != NULL)                                                                                            \
            (last)->next = (node);                                                                                     \
        else                                                                                                           \
            (first) = (node);                                                                                          \
        (last) = (node);                                                                                               \
    } while (0)

#endif
