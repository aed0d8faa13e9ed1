/* The same request for another Google endpoint: the body as it came, in slices, without the gateway's own members. The model is in
 * the path. Cutting a member takes one comma with it: the one before when a member that stays is before it, else the one behind. */
#include "dialect/gemini/gemini.h"

static void add_piece(struct iovec *v, struct body_pieces *out, struct sl_str body, size_t from, size_t to)
{
    if (from >= to)
        return;
    v[out->n++] = (struct iovec){(void *)(uintptr_t)(body.p + from), to - from};
    out->bytes += to - from;
}

void gemini_request_encode_same(const struct request_facts *f, struct sl_str body, const struct request_change *change,
                                struct sl_arena *a, struct body_pieces *out)
{
    (void)change;
    const struct json_member *ours[RM_OURS];
    uint32_t n = 0;
    for (unsigned m = 0; m < RM_OURS; m++) { /* by their order in the body */
        if (f->at[m].kind == JSON_ABSENT)
            continue;
        uint32_t i = n++;
        for (; i > 0 && ours[i - 1]->index > f->at[m].index; i--)
            ours[i] = ours[i - 1];
        ours[i] = &f->at[m];
    }
    struct iovec *v = sl_arena_alloc(a, (n + 1) * sizeof *v);
    size_t at = 0;
    *out = (struct body_pieces){.v = v};
    for (uint32_t i = 0; i < n; i++) {
        bool first = ours[i]->index == i; /* only cut members before it */
        add_piece(v, out, body, at, first ? ours[i]->key : ours[i]->prev_end);
        at = first ? ours[i]->next_key : ours[i]->to;
    }
    add_piece(v, out, body, at, body.n);
}
