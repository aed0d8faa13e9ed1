/* The same request for another Google endpoint: the body as it came, in slices. Two things are taken out: the gateway's own members,
 * and what another vendor's model thought (signature.c), which Google would refuse: the value that stands for a lost signature goes in
 * its place. The model is in the path. For Vertex AI more is taken out: vertex.c. */
#include "dialect/gemini/gemini_int.h"
#include "dialect/pieces.h"

void gem_add_edit(struct gem_edits *e, size_t from, size_t to, struct sl_str text)
{
    if (e->n == e->cap) {
        e->cap = e->cap == 0 ? 8 : 2 * e->cap;
        e->v = sl_arena_grow(e->a, e->v, e->n, e->cap, sizeof *e->v);
    }
    e->v[e->n++] = (struct gem_edit){.from = from, .to = to, .text = text};
}

static void cut_ours(struct gem_edits *e, const struct request_facts *f)
{
    struct body_cut cuts[RM_OURS];
    unsigned n = cuts_of_ours(f, cuts);
    for (unsigned i = 0; i < n; i++)
        gem_add_edit(e, cuts[i].from, cuts[i].to, SL_STR_NONE);
}

static size_t skip_back(struct sl_str body, size_t at)
{
    while (at > 0 && (unsigned char)body.p[at - 1] <= ' ')
        at--;
    return at;
}

/* Whether the string whose inside begins at `at` is the value of a thoughtSignature. Within a text the quotes have backslashes. */
static bool is_signature(struct sl_str body, size_t at)
{
    if (at == 0 || body.p[at - 1] != '"')
        return false;
    at = skip_back(body, at - 1);
    if (at == 0 || body.p[at - 1] != ':')
        return false;
    struct sl_str before = sl_str_head(body, skip_back(body, at - 1));
    return sl_str_ends(before, SL_STR("\"thoughtSignature\"")) || sl_str_ends(before, SL_STR("\"thought_signature\""));
}

static void replace_envelopes(struct gem_edits *e, struct sl_str body)
{
    size_t at = 0;
    for (;;) {
        ptrdiff_t found = sl_str_find_str(sl_str_from(body, at), GEM_ENVELOPE_MARK);
        if (found < 0)
            return;
        at += (size_t)found;
        ptrdiff_t end = sl_str_find(sl_str_from(body, at), '"');
        if (end > 0 && is_signature(body, at))
            gem_add_edit(e, at, at + (size_t)end, GEM_BYPASS);
        at += GEM_ENVELOPE_MARK.n;
    }
}

void gemini_request_encode_same(const struct request_facts *f, struct sl_str body, const struct request_change *change,
                                struct sl_arena *a, struct body_pieces *out)
{
    struct gem_edits ours = {.a = a}, envelopes = {.a = a};
    *out = (struct body_pieces){.v = NULL};
    if (sl_str_eq(change->platform, SL_STR("vertex")))
        gem_edit_for_vertex(&ours, f, body, change->counts, out);
    else
        cut_ours(&ours, f);
    replace_envelopes(&envelopes, body);
    struct iovec *v = sl_arena_alloc(a, (2 * (ours.n + envelopes.n) + 1) * sizeof *v);
    size_t at = 0, i = 0, k = 0;
    out->v = v;
    while (i < ours.n || k < envelopes.n) {
        bool first = k == envelopes.n || (i < ours.n && ours.v[i].from < envelopes.v[k].from);
        const struct gem_edit *e = first ? &ours.v[i++] : &envelopes.v[k++];
        if (e->from < at) /* within a member that is cut */
            continue;
        piece_add(v, out, sl_str_of(body.p + at, e->from - at));
        piece_add(v, out, e->text);
        at = e->to;
    }
    piece_add(v, out, sl_str_from(body, at));
}
