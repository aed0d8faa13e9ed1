/* Whether what a client saw is what the declared policy promises, and what to change where it is not. Pure. */
#include "main/drill.h"

#include <stdio.h>

/* ---- one request ---- */

static bool is_whole(const struct drill_case *c, const struct drill_seen *seen)
{
    bool well = seen->status == 200 && seen->has_end && !seen->has_garbage && !seen->has_error && seen->text.n > 0;
    return well && (c->scenario == NULL || sl_str_eq(seen->text, sl_str_c(c->expected)));
}

/* Behind what was sent, the whole text once more. */
static bool is_restarted(const struct drill_case *c, const struct drill_seen *seen)
{
    return seen->status == 200 && seen->has_end && !seen->has_garbage && !seen->has_error &&
           sl_str_ends(seen->text, sl_str_c(c->expected));
}

static bool is_typed_error(const struct drill_case *c, const struct drill_seen *seen)
{
    bool in_stream = c->stream && seen->status == 200;
    return seen->has_error && seen->error.n > 0 && (!in_stream || !seen->has_end);
}

/* What the policy allows in place of the whole answer. */
static bool is_allowed(const struct settings *s, const struct drill_case *c, const struct drill_seen *seen)
{
    const struct drill_scenario *sc = c->scenario;
    if (sc == NULL)
        return false;
    switch (sc->expect) {
    case DRILL_WHOLE:
        return false;
    case DRILL_BROKEN:
        if (!c->stream || s->resilience.rescue == RESCUE_CONTINUE)
            return false;
        return s->resilience.rescue == RESCUE_RESTART ? is_restarted(c, seen)
                                                      : seen->status == 200 && is_typed_error(c, seen);
    case DRILL_REFUSAL: /* some vendors answer it with an empty text and the reason */
        return (seen->status == 200 && seen->has_end && !seen->has_error &&
                sl_str_eq(seen->finish, SL_STR("content_filter"))) ||
               (is_typed_error(c, seen) && seen->status >= 400 && seen->status < 500);
    case DRILL_ERROR:
        return is_typed_error(c, seen) && seen->status >= 429 && !seen->timed_out;
    }
    return false;
}

static void describe(const struct drill_case *c, const struct drill_seen *seen, char *to, size_t n)
{
    if (!seen->connected)
        snprintf(to, n, "no connection");
    else if (seen->timed_out)
        snprintf(to, n, "no end within the drill's patience");
    else if (seen->status == 0)
        snprintf(to, n, "a broken connection");
    else if (seen->status != 200)
        snprintf(to, n, "error %d " SL_STR_FMT "%s", seen->status, SL_STR_ARG(sl_str_head(seen->error, 80)),
                 seen->tells_when ? ", with retry-after" : "");
    else if (seen->has_error)
        snprintf(to, n, "an error within the %s: " SL_STR_FMT, c->stream ? "stream" : "answer",
                 SL_STR_ARG(sl_str_head(seen->error, 80)));
    else if (seen->has_garbage)
        snprintf(to, n, "an event that is no JSON");
    else if (!seen->has_end)
        snprintf(to, n, "a %s without its end", c->stream ? "stream" : "answer");
    else if (is_whole(c, seen))
        snprintf(to, n, "the whole answer");
    else if (c->scenario != NULL && is_restarted(c, seen))
        snprintf(to, n, "the whole answer anew, behind what was sent");
    else if (sl_str_eq(seen->finish, SL_STR("content_filter")))
        snprintf(to, n, "an answer that ends with content_filter");
    else
        snprintf(to, n, "another text, of %zu bytes", seen->text.n);
}

void drill_judge(const struct settings *s, const struct drill_case *c, const struct drill_seen *seen,
                 struct drill_result *out)
{
    bool whole = is_whole(c, seen), allowed = !whole && is_allowed(s, c, seen);
    bool must_fail = c->scenario != NULL && c->scenario->expect == DRILL_ERROR;
    bool good = must_fail ? allowed : whole || allowed;
    out->requests++;
    if (seen->took_ns > out->longest_ns)
        out->longest_ns = seen->took_ns;
    if (!good)
        out->failed++;
    if (out->failed > (good ? 0u : 1u)) /* the first that failed stays */
        return;
    out->passed = good;
    out->by_policy = good && allowed;
    out->status = seen->status;
    out->stream_error = seen->has_error && seen->status == 200;
    describe(c, seen, out->saw, sizeof out->saw);
    if (!good)
        snprintf(out->why, sizeof out->why, "request %u of this scenario: %.150s", out->requests, out->saw);
}

/* ---- what to change ---- */

static bool all_at_one_provider(const struct drill_result *plain)
{
    for (uint32_t i = 1; i < plain->n_targets; i++) {
        if (plain->targets[i].provider != plain->targets[0].provider)
            return false;
    }
    return true;
}

static bool all_in_one_region(const struct settings *s, const struct drill_result *plain)
{
    struct sl_str first = s->providers.v[plain->targets[0].provider].region;
    for (uint32_t i = 1; i < plain->n_targets; i++) {
        if (plain->targets[i].provider != plain->targets[0].provider &&
            !sl_str_eq(s->providers.v[plain->targets[i].provider].region, first))
            return false;
    }
    return true;
}

static struct sl_str where_of(const struct drill_case *c, struct sl_arena *a)
{
    return sl_arena_printf(a, "%s `%s`", c->route[0] != 0 ? "route" : "model", c->route[0] != 0 ? c->route : c->model);
}

/* Whose trouble takes a provider with all of its targets. */
static bool is_of_provider(enum drill_at at)
{
    return at == DRILL_PROVIDER || at == DRILL_KEY || at == DRILL_NAME_LOOKUP || at == DRILL_CERTIFICATE ||
           at == DRILL_REGION;
}

struct sl_str drill_advice(const struct settings *s, const struct drill_case *c, const struct drill_result *plain,
                           const struct drill_result *r, struct sl_arena *a)
{
    const struct drill_scenario *sc = c->scenario;
    struct sl_str where = where_of(c, a);
    const char *only = plain->n_targets > 0 ? plain->targets[0].provider_name : "";
    if (!r->ran || plain->n_targets == 0 || sc->expect == DRILL_ERROR)
        return SL_STR_NONE;
    if (plain->outcome[0] != 0)
        return sl_arena_printf(a, "`%s/%s` fails undisturbed already (%s): correct it", plain->first.provider_name,
                               plain->first.model, plain->outcome);
    if (plain->n_targets == 1)
        return sl_arena_printf(a, SL_STR_FMT " has one target: add a second, at another provider than `%s`",
                               SL_STR_ARG(where), only);
    if (s->resilience.retry.attempts == 1)
        return SL_STR("resilience.retry.attempts is 1, so that nothing is tried again: set it to 3");
    if (is_of_provider(sc->at) && all_at_one_provider(plain))
        return sl_arena_printf(a, "all targets of " SL_STR_FMT " are at `%s`: add one at another provider",
                               SL_STR_ARG(where), only);
    if (sc->at == DRILL_REGION && all_in_one_region(s, plain))
        return sl_arena_printf(a,
                               "all targets of " SL_STR_FMT " are in the region `" SL_STR_FMT "`: add one in another",
                               SL_STR_ARG(where), SL_STR_ARG(s->providers.v[plain->targets[0].provider].region));
    if (!r->met)
        return sl_arena_printf(a, "the order of " SL_STR_FMT " changes from request to request: drill again",
                               SL_STR_ARG(where));
    if (s->resilience.retry.attempts < 3)
        return SL_STR("resilience.retry.attempts leaves no try for another target: set it to 3");
    return SL_STR_NONE;
}
