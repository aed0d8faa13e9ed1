/* See pieces.h. */
#include "dialect/pieces.h"

void piece_add(struct iovec *v, struct body_pieces *out, struct sl_str bytes)
{
    if (bytes.n == 0)
        return;
    v[out->n++] = (struct iovec){(void *)(uintptr_t)bytes.p, bytes.n};
    out->bytes += bytes.n;
}

unsigned cut_add(const struct json_member **list, unsigned n, const struct json_member *m)
{
    if (m->kind == JSON_ABSENT)
        return n;
    unsigned i = n;
    for (; i > 0 && list[i - 1]->index > m->index; i--)
        list[i] = list[i - 1];
    list[i] = m;
    return n + 1;
}

struct body_cut cut_of(const struct json_member *m, bool first)
{
    return (struct body_cut){first ? m->key : m->prev_end, first ? m->next_key : m->to};
}

unsigned cuts_of_ours(const struct request_facts *f, struct body_cut out[RM_OURS])
{
    const struct json_member *ours[RM_OURS];
    unsigned n = 0;
    for (unsigned m = 0; m < RM_OURS; m++)
        n = cut_add(ours, n, &f->at[m]);
    for (unsigned i = 0; i < n; i++)
        out[i] = cut_of(ours[i], ours[i]->index == i);
    return n;
}
