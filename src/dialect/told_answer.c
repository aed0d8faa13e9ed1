/* Answers that nobody translates, read for what they tell. */
#include "dialect/codec.h"
#include "dialect/json_mend.h"
#include "dialect/json_tree.h"

static void hear(void *owner, const struct neutral_event *e)
{
    told_neutral(owner, e);
}

/* {"choices":[{"text":"..."}]}: no codec reads the old completions. */
static bool read_completion(struct told *t, struct sl_str body, struct sl_arena *a)
{
    struct json_tree tree;
    struct neutral_event e = {.kind = NE_TEXT};
    if (!json_tree_read(&tree, body, a))
        return false;
    for (JSON_EACH(&tree, json_got(&tree, json_root(&tree), SL_STR("choices")), it)) {
        e.text = json_get_inside(&tree, it, SL_STR("text"));
        told_neutral(t, &e);
    }
    return t->bytes > 0;
}

static bool read_answer(struct told *t, const struct dialect *of, struct sl_str body, struct sl_arena *a)
{
    const struct neutral_sink to = {.put = hear, .owner = t};
    const struct neutral_request none = {.from = of};
    struct neutral_notes notes = {.a = a};
    struct translation side = {
        .face = of,
        .up = of,
        .req = &none,
        .caps = caps_find(of->codec->caps, SL_STR_NONE),
        .a = a,
        .notes = &notes,
    };
    bool ok = of->codec->answer_read(&side, body, &to);
    return t->bytes > 0 || of->errors != ERRORS_OPENAI ? ok : read_completion(t, body, a) || ok;
}

bool told_answer(struct told *t, const struct dialect *of, struct sl_str body)
{
    struct sl_arena a;
    if (of->codec == NULL)
        return false;
    sl_arena_init(&a, NULL);
    bool ok = read_answer(t, of, body, &a);
    sl_arena_done(&a);
    return ok;
}

bool told_beginning(struct told *t, const struct dialect *of, const struct answer_facts *f)
{
    struct sl_arena a;
    if (of->codec == NULL || f->content.n == 0)
        return false;
    sl_arena_init(&a, NULL);
    struct sl_str value = json_mended(f->content, &a);
    struct sl_str body =
        sl_arena_printf(&a, "{\"" SL_STR_FMT "\":" SL_STR_FMT "}", SL_STR_ARG(f->content_name), SL_STR_ARG(value));
    if (value.n > 0)
        (void)read_answer(t, of, body, &a); /* of most formats a beginning is no whole answer */
    bool ok = t->bytes > 0;
    if (ok) /* what is behind it is like it; both below 2^47 and 2^16 */
        t->bytes = (uint64_t)((unsigned __int128)t->bytes * f->content_bytes / f->content.n);
    sl_arena_done(&a);
    return ok;
}
