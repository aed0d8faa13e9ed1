/* See grant.h. */
#include "auth/grant.h"

static size_t count_words(struct sl_str list)
{
    size_t n = 0;
    while (list.p != NULL) {
        sl_str_cut(&list, ',');
        n++;
    }
    return n;
}

static enum sl_err build_models(struct sl_str list, struct sl_arena *a, struct grant *g, struct sl_fail *fail)
{
    size_t n = count_words(list);
    if (n > GRANT_MODELS_MAX)
        return sl_fail_set(fail, SL_ELIMIT, "", "a grant has more than %u models", GRANT_MODELS_MAX);
    struct grant_pattern *v = sl_arena_alloc(a, n * sizeof *v);
    for (size_t i = 0; i < n; i++) {
        struct sl_str word = sl_str_trim(sl_str_cut(&list, ','));
        if (word.n == 0)
            return sl_fail_set(fail, SL_EINVAL, "", "a grant's list of models has an empty name");
        if (word.n > GRANT_PATTERN_MAX)
            return sl_fail_set(fail, SL_ELIMIT, "", "a name in a grant is longer than %u bytes", GRANT_PATTERN_MAX);
        bool prefix = word.p[word.n - 1] == '*';
        word.n -= prefix;
        if (sl_str_find(word, '*') >= 0)
            return sl_fail_set(fail, SL_EINVAL, "", "in a grant's models '*' can only be the last character");
        v[i] = (struct grant_pattern){sl_arena_str(a, word), prefix};
    }
    g->models = v;
    g->n_models = (uint32_t)n;
    return SL_OK;
}

static enum sl_err build_operations(struct sl_str list, grant_operation_f *operation_of, struct grant *g,
                                    struct sl_fail *fail)
{
    g->operations = 0;
    while (list.p != NULL) {
        struct sl_str word = sl_str_trim(sl_str_cut(&list, ','));
        int op = operation_of(word);
        if (op < 0 || op > 63)
            return sl_fail_set(fail, SL_EINVAL, "", "a grant has an unknown operation: '" SL_STR_FMT "'",
                               SL_STR_ARG(sl_str_head(word, 40)));
        g->operations |= UINT64_C(1) << op;
    }
    return SL_OK;
}

enum sl_err grant_build(struct sl_str models, struct sl_str operations, grant_operation_f *operation_of,
                        struct sl_arena *a, struct grant *out_g, struct sl_fail *fail)
{
    struct grant g = {.operations = UINT64_MAX};
    models = sl_str_trim(models);
    operations = sl_str_trim(operations);
    enum sl_err e = models.n > 0 ? build_models(models, a, &g, fail) : SL_OK;
    if (e == SL_OK && operations.n > 0)
        e = build_operations(operations, operation_of, &g, fail);
    if (e == SL_OK)
        *out_g = g;
    return e;
}

bool grant_allows_model(const struct grant *g, struct sl_str model)
{
    for (uint32_t i = 0; i < g->n_models; i++) {
        const struct grant_pattern *p = &g->models[i];
        if (p->prefix ? sl_str_starts(model, p->text) : sl_str_eq(model, p->text))
            return true;
    }
    return g->n_models == 0;
}

bool grant_allows_operation(const struct grant *g, int operation)
{
    return operation >= 0 && operation < 64 && (g->operations >> operation & 1) != 0;
}

static enum sl_err read_tag(struct sl_str text, struct key_tag *out, struct sl_fail *fail)
{
    struct sl_str rest = text;
    out->name = sl_str_trim(sl_str_cut(&rest, '='));
    out->value = rest.p != NULL ? sl_str_trim(rest) : SL_STR_NONE;
    if (out->name.n == 0 || out->value.n == 0)
        return sl_fail_set(fail, SL_EINVAL, "", "'" SL_STR_FMT "' is no tag: write name=value",
                           SL_STR_ARG(sl_str_head(text, KEY_TAG_MAX)));
    if (out->name.n > KEY_TAG_MAX || out->value.n > KEY_TAG_MAX)
        return sl_fail_set(fail, SL_ELIMIT, "", "a tag's name or value is longer than %u bytes", KEY_TAG_MAX);
    return SL_OK;
}

enum sl_err key_tags_read(struct sl_str list, struct sl_arena *a, const struct key_tag **out_v, uint32_t *out_n,
                          struct sl_fail *fail)
{
    struct key_tag tags[KEY_TAGS_MAX];
    uint32_t n = 0;
    *out_v = NULL;
    *out_n = 0;
    if (list.n == 0)
        return SL_OK;
    while (list.p != NULL) {
        if (n == KEY_TAGS_MAX)
            return sl_fail_set(fail, SL_ELIMIT, "", "more than %u tags", KEY_TAGS_MAX);
        enum sl_err e = read_tag(sl_str_cut(&list, ','), &tags[n++], fail);
        if (e != SL_OK)
            return e;
    }
    struct key_tag *v = sl_arena_alloc(a, n * sizeof *v);
    memcpy(v, tags, n * sizeof *v);
    *out_v = v;
    *out_n = n;
    return SL_OK;
}
