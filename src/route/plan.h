/* Which targets may serve a request, in which order, and why: route_plan. The policy is built once per snapshot from the
 * configuration and is immutable; any thread reads it.
 *
 *   name asked -> alias -> configured model -> its targets in its order, or its route: the first rule that holds
 *              -> "provider/model" where that provider is direct or knows the model -> that target
 *              -> any other name -> the providers whose models are open
 *
 * Rights are asked through a function (auth/ is of the same level). A model that is unknown and one that is not granted look
 * the same to the caller. Pure: allocates from the arena given, and the same policy, ask, answers of the callbacks and seed give the
 * same plan on any machine. docs/internals/routing.md tells the rules. */
#ifndef SLUICE_ROUTE_PLAN_H
#define SLUICE_ROUTE_PLAN_H

#include <stdint.h>

#include "base/arena.h"
#include "base/err.h"
#include "base/str.h"
#include "route/facts.h"
#include "route/rules.h"

#define ROUTE_CANDIDATES_MAX 32u /* in one plan; more are cut, with an exclusion that says so */

/* -- Policy ------------------------------------------------------------------------------------------------------- */

struct route_target_spec {
    struct sl_str provider, model; /* "openai", "gpt-4o" */
};
struct route_model_spec {
    struct sl_str name;
    const struct route_target_spec *targets; /* in order; used where group is NULL and route empty */
    size_t n_targets;
    const struct route_group_spec *group;
    struct sl_str route; /* its rules choose */
};
struct route_route_spec {
    struct sl_str name;
    const struct route_rule_spec *rules; /* copied, but the words in their conditions live as long as the policy */
    size_t n_rules;
    bool on_request; /* requests may name it, whatever model they ask for */
};
struct route_alias_spec {
    struct sl_str name, model; /* model: a configured model, or "provider/model" */
};
struct route_provider_spec {
    struct sl_str name;
    bool direct;               /* "provider/model" may be asked for, with any model */
    bool open_models;          /* gets every name that nothing else answers to; several: in their order */
    struct sl_str open_prefix; /* only names that begin so ("claude"), and before those without a prefix; empty: any */
    const struct sl_str *models; /* known models: listed by GET /models as "provider/model", and asked for so */
    size_t n_models;
    struct sl_str region; /* where it answers: "eu", "eu-central-1"; empty: not known, so nowhere in particular */
    bool zero_retention;
};
struct route_policy_spec { /* borrowed for the call; copied, but what says otherwise */
    const struct route_provider_spec *providers;
    size_t n_providers;
    const struct route_model_spec *models;
    size_t n_models;
    const struct route_alias_spec *aliases;
    size_t n_aliases;
    int64_t created_s;    /* told as `created` of the listed models */
    route_caps_f *caps;   /* NULL: nothing is known of any model */
    const void *caps_arg; /* borrow: as long as the policy */
    const struct route_route_spec *routes;
    size_t n_routes;
};

struct route_policy;

/* SL_EINVAL: a target of a provider that is not there, an alias to nothing or onto itself, a name given twice, a model
 * without targets. *out_p is the caller's: route_policy_free. */
enum sl_err route_policy_build(const struct route_policy_spec *spec, struct route_policy **out_p,
                               struct sl_fail *fail) SL_MUST_CHECK;
void route_policy_free(struct route_policy *p); /* NULL accepted */

/* Every target that the policy can place has a dense index: first those that stand in the configuration, by first mention, then one
 * catch-all for each provider (empty model), which stands for all its other models. */
uint32_t route_policy_targets(const struct route_policy *p);
/* i < route_policy_targets(p). Views borrow from the policy. */
void route_policy_target(const struct route_policy *p, uint32_t i, uint32_t *out_provider_index,
                         struct sl_str *out_model);
/* The index of a model at a provider: its own, or the provider's catch-all. */
uint32_t route_policy_target_of(const struct route_policy *p, uint32_t provider_index, struct sl_str model);

/* Whether names that no model of the configuration has may lead to that provider. */
bool route_policy_takes_any(const struct route_policy *p, uint32_t provider_index);

/* Of "provider/model"; ROUTE_TARGET_NONE: no such provider. */
uint32_t route_policy_target_named(const struct route_policy *p, struct sl_str name);

/* The files of the rules that are scripts, by the index that a plan asks them with. */
uint32_t route_policy_scripts(const struct route_policy *p);
struct sl_str route_policy_script(const struct route_policy *p, uint32_t i);

/* What the policy asks about a request that is not known without looking for it. */
enum route_wants {
    ROUTE_WANTS_TAGS = 1 << 0, /* tags, user, team */
    ROUTE_WANTS_CONVERSATION = 1 << 1,
    ROUTE_WANTS_MEDIA = 1 << 2
};
/* Tokens that a model there takes; 0: not known. */
uint64_t route_policy_context(const struct route_policy *p, uint32_t provider_index, struct sl_str model);
unsigned route_policy_wants(const struct route_policy *p);
/* Whether plans may differ by the size of the input where that lies between least and most tokens, and was taken as `estimate`: a bound
 * of a condition lies there, a script may ask, or a target is passed over that would have had room. */
bool route_policy_turns_on_input(const struct route_policy *p, uint64_t least, uint64_t estimate, uint64_t most);
/* False: all names lead to plain lists of targets, so that plans depend on names and health alone. */
bool route_policy_has_rules(const struct route_policy *p);

/* Tokens that an answer is expected to have, of which at most `asked` (0: any number) may come. */
uint64_t route_expected_output(uint64_t asked);

/* -- Plans -------------------------------------------------------------------------------------------------------- */

/* May this caller use the model of that name? */
typedef bool route_granted_f(const void *grant, struct sl_str model);

enum route_fallback {
    ROUTE_ALL = 0,
    ROUTE_FIRST_ONLY
};

/* The user's function: names of targets or models in order, at most `max`; gives how many, or -1 with a reason (static). The
 * names live as long as the arena. */
struct route_ask;
typedef int route_script_f(void *arg, uint32_t script, const struct route_ask *ask, struct sl_arena *a,
                           struct sl_str *out_names, unsigned max, const char **out_why);

/* Which rule gave a place. Borrow (of the policy). */
struct route_rule_told {
    struct sl_str route, name; /* name: empty where it has none */
    uint32_t number;           /* in its route, from 1 */
};

struct route_ask {
    struct sl_str model;
    const struct sl_str *models; /* further names in order; may be NULL */
    uint32_t n_models;
    struct sl_str route; /* a named route; empty: none */
    enum route_fallback fallback;
    route_granted_f *granted;
    const void *grant;
    uint64_t seed;                   /* of every draw; the same seed gives the same plan */
    const struct route_facts *facts; /* NULL: nothing but the name is known */
    route_view_f *view;              /* NULL: all are up, nothing is known */
    const void *view_arg;
    route_cost_f *cost; /* NULL: no price is known */
    const void *cost_arg;
    route_script_f *script; /* NULL: scripts are passed over */
    void *script_arg;
    const struct route_policy *policy; /* for scripts that ask about targets; NULL: they cannot */
};

/* The sum by which `scored` orders, in 10^-12 USD (routing by one unit): sum = cost + time + fail - saving. */
struct route_terms {
    int64_t cost, time, fail, saving, sum;
};

struct route_candidate {
    struct sl_str asked;     /* the name by which the caller asked for it */
    struct sl_str provider;  /* borrow (of the policy) */
    struct sl_str model;     /* the provider's name; borrow (of the policy, or of the ask for an open provider) */
    uint32_t provider_index; /* in route_policy_spec.providers */
    uint32_t target_index;   /* route_policy_target; ROUTE_TARGET_NONE: an exclusion of a name that leads nowhere */
    uint16_t tier;           /* from 0; a lower one goes first, whatever its scores */
    uint8_t state;           /* enum route_state as it was seen */
    bool last_resort; /* OPEN, BLOCKED or without room: behind all that may serve now, for when nothing else is left */
    const char *why;  /* static: reason for the place, or for the exclusion */
    const struct route_rule_told *rule; /* that gave the place; NULL: no rule */
    const struct route_terms *terms;    /* arena; NULL: the order did not ask for them */
};

enum route_verdict {
    ROUTE_OK = 0,        /* at least one candidate */
    ROUTE_UNKNOWN,       /* no such model */
    ROUTE_NOT_GRANTED,   /* there is one, but not for this caller: told as ROUTE_UNKNOWN */
    ROUTE_NO_SUCH_ROUTE, /* or it may not be asked for */
    ROUTE_NONE_FITS      /* the name leads to targets, none of which may serve this request: plan.excluded says why */
};

struct route_plan {
    struct route_candidate *candidates; /* in the arena, in order */
    uint32_t n;
    struct route_candidate *excluded;
    uint32_t n_excluded;
    struct sl_str near; /* not ROUTE_OK: the nearest name that this caller may use; empty: none is near */
};

enum route_verdict route_plan(const struct route_policy *p, const struct route_ask *ask, struct sl_arena *a,
                              struct route_plan *out_plan);

/* -- GET /models ---------------------------------------------------------------------------------------------------- */

struct route_listed {
    struct sl_str id, owned_by; /* borrow (of the policy) */
    int64_t created_s;
    uint32_t provider_index; /* of its first target */
    struct sl_str model;     /* that provider's name for it */
};
/* What this caller may use, by name. In the arena. */
size_t route_list(const struct route_policy *p, route_granted_f *granted, const void *grant, struct sl_arena *a,
                  struct route_listed **out_rows);
/* One of them, by id; false: unknown or not granted. */
bool route_listed_find(const struct route_policy *p, route_granted_f *granted, const void *grant, struct sl_str id,
                       struct route_listed *out);

#endif
