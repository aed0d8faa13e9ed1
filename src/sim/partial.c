/* A model that is shown the beginning of its own answer goes on with it: by a last message of its own (prefill), or because the user
 * says that it was cut off. Answers are made by the request, so this one is what the rest of the undisturbed answer would have been;
 * words that are not its beginning are not taken up: it answers as ever. The gateway that asks so strips blanks at the end. */
#include "sim/ask.h"

bool sim_partial_asked(struct sl_str text)
{
    return sl_str_find_str(text, SL_STR("was cut off")) >= 0 && sl_str_find_str(text, SL_STR("o on with it")) >= 0;
}

static struct sl_str without_end_blanks(struct sl_str s)
{
    while (s.n > 0 && (s.p[s.n - 1] == ' ' || s.p[s.n - 1] == '\n'))
        s.n--;
    return s;
}

/* A rest of words, token by token where a word ends at the seam. */
static void go_on_in_words(struct sim_call *c, struct sl_str shown, uint32_t natural)
{
    struct sl_str all = sim_words(c, natural);
    if (!sl_str_starts(all, shown))
        return;
    uint32_t told = 0;
    for (size_t i = 0; i < shown.n; i++)
        told += shown.p[i] == ' ';
    if (shown.n == all.n || all.p[shown.n] == ' ')
        c->told = told + 1;
    else
        c->text = sl_str_from(all, shown.n);
}

void sim_partial_take(struct sim_ask *a, uint32_t natural)
{
    struct sim_call *c = a->c;
    struct sl_str shown = without_end_blanks(a->partial);
    if (!a->goes_on || shown.n == 0)
        return;
    if (c->text.n == 0) {
        if (c->n_tools == 0)
            go_on_in_words(c, shown, natural);
    } else if (shown.n >= c->text.n && sl_str_eq(shown, without_end_blanks(c->text))) {
        c->text = SL_STR_NONE;
        c->told = natural; /* nothing is left to say */
    } else if (sl_str_starts(c->text, shown)) {
        c->text = sl_str_from(c->text, shown.n);
    }
}
