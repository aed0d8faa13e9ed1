/* What a routing rule can ask about: the request, who sends it, and what is known of the targets at this moment. All of it is
 * handed in; route/ reads no clock, no counter and no body. A fact that nobody knows is left at its zero value, and a condition on
 * it is false. */
#ifndef SLUICE_ROUTE_FACTS_H
#define SLUICE_ROUTE_FACTS_H

#include <stdint.h>

#include "base/str.h"

#define ROUTE_TARGET_NONE UINT32_MAX
#define ROUTE_Q16 65536u

/* -- Targets at this moment --------------------------------------------------------------------------------------- */

enum route_state {
    ROUTE_UP = 0,
    ROUTE_DEGRADED, /* answers, but slower or worse than it should */
    ROUTE_PROBE,    /* was down; the one request that finds out may be this one */
    ROUTE_BLOCKED,  /* asked us to wait until `until_ns` */
    ROUTE_OPEN      /* down, not to be asked before `until_ns` */
};
const char *route_state_name(enum route_state s); /* "up", "degraded", ... */

struct route_target_view {
    uint8_t state;                                 /* enum route_state */
    int64_t until_ns;                              /* BLOCKED, OPEN: on the loop's clock; 0: not known */
    uint32_t health_q16;                           /* ROUTE_Q16: no failures; 0 where nothing is known */
    uint32_t ttft_q50_us, ttft_q99_us, itl_q50_us; /* 0: no samples */
    uint32_t room_q16;         /* headroom under the provider's limits: share left after this request; 0: none */
    uint32_t in_flight, limit; /* limit 0: none */
    uint64_t pending_tokens;   /* of requests that are in flight there */
};
/* What is known of a target (route_policy_target). False: nothing; it counts as up, healthy, with room. Called at most once for each
 * candidate of a plan, and once for each condition that names a target. */
typedef bool route_view_f(const void *arg, uint32_t target_index, struct route_target_view *out);

/* What this request would cost at a target: 10^-12 USD; -1: not known. Asked only where an order or a ceiling needs it.
 * target_index: as above; the model is told too because a provider's catch-all stands for many. */
typedef int64_t route_cost_f(const void *arg, uint32_t target_index, uint32_t provider_index, struct sl_str model);

/* -- What a target must be able to do ------------------------------------------------------------------------------ */

enum route_need {
    ROUTE_NEED_TOOLS = 1 << 0,
    ROUTE_NEED_IMAGES = 1 << 1, /* ... in the request */
    ROUTE_NEED_AUDIO = 1 << 2,
    ROUTE_NEED_VIDEO = 1 << 3,
    ROUTE_NEED_IMAGE_OUT = 1 << 4,
    ROUTE_NEED_AUDIO_OUT = 1 << 5
};
struct route_caps {
    bool known;                   /* false: nothing is; nothing is excluded for it */
    uint32_t can;                 /* enum route_need */
    uint64_t context, max_output; /* tokens; 0: not known */
};
/* Capabilities of a model at a provider. Asked once for each target when the policy is built, and for targets behind a catch-all
 * when a plan is made. */
typedef void route_caps_f(const void *arg, uint32_t provider_index, struct sl_str model, struct route_caps *out);

/* -- The request --------------------------------------------------------------------------------------------------- */

/* Modalities that occur in the request (in) or are asked for (out). */
enum route_modality {
    ROUTE_MODE_TEXT = 1 << 0,
    ROUTE_MODE_IMAGE = 1 << 1,
    ROUTE_MODE_AUDIO = 1 << 2,
    ROUTE_MODE_VIDEO = 1 << 3,
    ROUTE_MODE_FILE = 1 << 4
};

enum route_flag {
    ROUTE_HAS_TOOLS = 1 << 0,
    ROUTE_HAS_SCHEMA = 1 << 1, /* structured output */
    ROUTE_HAS_STREAM = 1 << 2,
    ROUTE_ZERO_RETENTION = 1 << 3 /* demanded; a target without it is excluded */
};

struct route_tag { /* name=value; several values of one name are several tags */
    struct sl_str name, value;
};

/* A header of the request, by its name in lower case; empty: not there. */
typedef struct sl_str route_header_f(const void *arg, struct sl_str name);

#define ROUTE_BUDGET_UNKNOWN UINT32_MAX

struct route_facts { /* all borrowed for the call */
    struct sl_str task, operation, dialect;
    struct sl_str tenant, team, user, key; /* key: its name */
    struct sl_str region; /* that the request must stay in; a target elsewhere is excluded; empty: anywhere */
    uint64_t input_tokens, output_tokens; /* estimate; asked for at most, 0: not said */
    uint64_t wall_ns;                     /* when it came, since 1970; 0: not known */
    uint32_t budget_permille;             /* used of the tenant's budget; ROUTE_BUDGET_UNKNOWN */
    unsigned modalities;                  /* enum route_modality */
    unsigned flags;                       /* enum route_flag */
    unsigned needs;                       /* enum route_need: a target that cannot is excluded */
    const struct route_tag *tags;         /* of the request */
    uint32_t n_tags;
    const struct route_tag *key_tags;
    uint32_t n_key_tags;
    struct sl_str conversation; /* what all requests of one conversation share; empty: not known */
    route_header_f *header;     /* NULL: none can be asked */
    const void *headers;
};

/* What a key says of user and team stands before what the request says of itself. */
static inline void route_facts_own(struct route_facts *f)
{
    for (uint32_t i = f->n_key_tags; i > 0; i--) { /* the first of a name counts */
        if (sl_str_eq(f->key_tags[i - 1].name, SL_STR("user")))
            f->user = f->key_tags[i - 1].value;
        else if (sl_str_eq(f->key_tags[i - 1].name, SL_STR("team")))
            f->team = f->key_tags[i - 1].value;
    }
}

/* "eu" is "eu" and "eu-central-1". */
static inline bool route_is_within(struct sl_str region, struct sl_str wanted)
{
    return sl_str_starts(region, wanted) && (region.n == wanted.n || region.p[wanted.n] == '-');
}

#endif
