/* Reranking between Cohere's form and Jina's, which local servers, Together and others have, too. They ask alike; the answers tell
 * apart: Cohere counts searches in meta.billed_units, the others tokens in usage. A client of /v1/rerank may be either's, so it gets
 * the members of both. */
#include "dialect/other/pairs.h"

#define KNOWN                                                                                                          \
    "model query documents top_n return_documents max_tokens_per_doc max_chunks_per_doc task fallback models route"

/* A document is a text, or an object with one. */
static const struct json_node *text_of(const struct json_tree *t, const struct json_node *d)
{
    return json_kind_of(d) == JSON_OBJECT ? json_got(t, d, SL_STR("text")) : d;
}

static bool write(struct other_translation *t, struct sl_buf *out, struct request_refusal *r)
{
    const struct json_tree *tree = &t->look->tree;
    struct json_writer w = json_writer_on(out);
    bool cohere = t->pair == &other_rerank_cohere;
    uint64_t top = 0;
    const struct json_node *n = other_member(t, SL_STR("top_n"));
    if (json_kind_of(other_member(t, SL_STR("query"))) != JSON_STRING)
        return other_refuse(r, GE_UNSUPPORTED, "query", "'query' must be a text for this model.");
    if (n != NULL && (!json_u64_of(tree, n, &top) || top == 0))
        return other_refuse(r, GE_MEMBER_VALUE, "top_n", "'top_n' must be a whole number, at least 1.");
    other_note_rest(t, KNOWN);
    jw_open(&w, '{');
    jw_member_plain(&w, SL_STR("model"), other_model(t));
    jw_member_raw(&w, SL_STR("query"), json_raw_of(tree, other_member(t, SL_STR("query"))));
    jw_key(&w, SL_STR("documents"));
    jw_open(&w, '[');
    for (JSON_EACH(tree, other_member(t, SL_STR("documents")), it)) {
        const struct json_node *text = text_of(tree, it);
        if (json_kind_of(text) != JSON_STRING)
            return other_refuse(r, GE_UNSUPPORTED, "documents", "'documents' must be texts for this model.");
        jw_raw(&w, json_raw_of(tree, text));
    }
    jw_close(&w, ']');
    if (top > 0)
        jw_member_u64(&w, SL_STR("top_n"), top);
    if (cohere)
        jw_maybe_raw(&w, SL_STR("max_tokens_per_doc"),
                     json_raw_of(tree, other_member(t, SL_STR("max_tokens_per_doc"))));
    else
        jw_member_bool(&w, SL_STR("return_documents"), false);
    jw_close(&w, '}');
    return true;
}

static void use(struct other_translation *t, struct sl_str body, struct other_usage *out)
{
    other_usage_same(OP_RERANK, body, t->a, out);
}

/* The documents by their number; look.n of them. */
static const struct json_node **documents_of(const struct other_translation *t)
{
    const struct json_tree *tree = &t->look->tree;
    const struct json_node **all = sl_arena_alloc(t->a, t->look->n * sizeof *all);
    uint32_t n = 0;
    for (JSON_EACH(tree, other_member(t, SL_STR("documents")), it))
        all[n++] = text_of(tree, it);
    return all;
}

static bool add_results(struct other_translation *t, struct json_writer *w, const struct json_tree *up)
{
    const struct json_tree *tree = &t->look->tree;
    const struct json_node *results = json_got(up, json_root(up), SL_STR("results")),
                           *wanted = other_member(t, SL_STR("return_documents"));
    bool documents = !t->v2 && wanted != NULL && wanted->kind == JSON_TRUE;
    if (json_kind_of(results) != JSON_ARRAY)
        return false;
    const struct json_node **all = documents ? documents_of(t) : NULL;
    jw_key(w, SL_STR("results"));
    jw_open(w, '[');
    for (JSON_EACH(up, results, it)) {
        uint64_t index;
        const struct json_node *score = json_got(up, it, SL_STR("relevance_score"));
        if (!json_u64_of(up, json_got(up, it, SL_STR("index")), &index) || index >= t->look->n ||
            json_kind_of(score) != JSON_NUMBER)
            return false;
        jw_open(w, '{');
        jw_member_u64(w, SL_STR("index"), index);
        jw_member_raw(w, SL_STR("relevance_score"), json_raw_of(up, score));
        if (documents) {
            jw_key(w, SL_STR("document"));
            jw_open(w, '{');
            jw_member_raw(w, SL_STR("text"), json_raw_of(tree, all[index]));
            jw_close(w, '}');
        }
        jw_close(w, '}');
    }
    jw_close(w, ']');
    return true;
}

static bool answer(struct other_translation *t, const struct sl_str *bodies, uint32_t n, struct sl_buf *out)
{
    struct json_tree up;
    struct json_writer w = json_writer_on(out);
    struct other_usage u;
    (void)n;
    if (!json_tree_read(&up, bodies[0], t->a))
        return false;
    use(t, bodies[0], &u);
    jw_open(&w, '{');
    jw_member_plain(&w, SL_STR("id"), t->id);
    if (!t->v2) {
        jw_member_plain(&w, SL_STR("object"), SL_STR("list"));
        jw_member_plain(&w, SL_STR("model"), t->model);
    }
    if (!add_results(t, &w, &up))
        return false;
    uint64_t searches = u.units[UU_SEARCHES] > 0 ? u.units[UU_SEARCHES] : t->look->units[UU_SEARCHES];
    jw_key(&w, SL_STR("meta"));
    jw_open(&w, '{');
    jw_member_raw(&w, SL_STR("api_version"), t->v2 ? SL_STR("{\"version\":\"2\"}") : SL_STR("{\"version\":\"1\"}"));
    jw_key(&w, SL_STR("billed_units"));
    jw_open(&w, '{');
    jw_member_u64(&w, SL_STR("search_units"), searches);
    jw_close(&w, '}');
    jw_close(&w, '}');
    if (!t->v2) {
        jw_key(&w, SL_STR("usage"));
        jw_open(&w, '{');
        jw_member_u64(&w, SL_STR("total_tokens"), u.counts.prompt > 0 ? u.counts.prompt : other_guessed(t));
        jw_close(&w, '}');
    }
    jw_close(&w, '}');
    return true;
}

const struct other_pair other_rerank_cohere = {
    .root = true, .path = SL_STR_INIT("/v2/rerank"), .write = write, .usage = use, .answer = answer};
const struct other_pair other_rerank_jina = {
    .path = SL_STR_INIT("/rerank"), .write = write, .usage = use, .answer = answer};
