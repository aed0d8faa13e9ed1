/* `sluice drill`: the failure exam on one's own configuration. docs/internals/drill.md has the design.
 *
 *   cmd_drill.c        the command: what is drilled, children, how many at once
 *   drill_scenarios.c  the table
 *   drill_settings.c   the user's settings, with simulated providers in place of theirs
 *   drill_sims.c       the simulators and who of them fails
 *   drill_client.c     one request over a socket, and what came
 *   drill_run.c        a child: one scenario on a gateway of its own
 *   drill_judge.c      passed or not, why, and what to change
 *   drill_report.c     the scorecard, and the same as JSON
 *   drill_order.c      --live: asks a running gateway for a fault on its own traffic, and waits for its end
 *   drill_live.c       what the gateway makes of that */
#ifndef SLUICE_MAIN_DRILL_H
#define SLUICE_MAIN_DRILL_H

#include "base/buf.h"
#include "loop/net.h"
#include "main/settings.h"
#include "sim/sim.h"

#define DRILL_NAME 200u /* bytes of names that are kept */
#define DRILL_TEXT 2048u
#define DRILL_TARGETS 8u
#define DRILL_PATH 512u

/* ---- what goes wrong ---- */

enum drill_at { /* who is at fault, once the victim is known */
    DRILL_TARGET = 0,
    DRILL_KEY,
    DRILL_PROVIDER,
    DRILL_REGION,
    DRILL_ALL,
    DRILL_NAME_LOOKUP, /* of the victim's provider; the child is told who */
    DRILL_CERTIFICATE
};

enum drill_expect {
    DRILL_WHOLE = 0, /* the undisturbed text */
    DRILL_BROKEN,    /* the same, after the client has seen some of it: resilience.rescue decides */
    DRILL_REFUSAL,   /* the same, or the provider's refusal as it is */
    DRILL_ERROR      /* a typed error, in time */
};

enum drill_forms {
    DRILL_BOTH = 0,
    DRILL_STREAMED
};

struct drill_scenario {
    const char *name;        /* stable: --scenario, JSON */
    const char *text;        /* one line for people */
    const char *fault;       /* a row of `sluice sim --faults`, of a stream; NULL: none */
    const char *fault_whole; /* the same where the answer is not streamed; NULL: as above */
    int64_t arg;             /* of the fault; INT64_MIN: its own */
    enum drill_at at;
    enum drill_expect expect;
    enum drill_forms forms;
    unsigned times;    /* that it happens; 0: always */
    unsigned requests; /* of the client, one after the other; 0: one */
    bool slow;         /* arg is above the deadline for the first token */
    bool flaps;        /* three requests badly, three well, and so on */
    bool no_prefill;   /* whoever else is asked by a prefill refuses it */
    bool accounts;     /* the ledger must be the simulators' account */
    /* Only a target with a larger context may answer it: where there are others and none is larger, a refusal is right. */
    bool too_long;
};

/* NULL behind the last. */
const struct drill_scenario *drill_scenario_at(unsigned i);
const struct drill_scenario *drill_scenario_find(struct sl_str name);

/* ---- one run ---- */

struct drill_target {
    uint32_t provider; /* index in the settings */
    char provider_name[DRILL_NAME], model[DRILL_NAME];
};

struct drill_case {
    const struct drill_scenario *scenario; /* NULL: undisturbed */
    bool stream;
    char route[DRILL_NAME]; /* asked for by name; empty: only the model is */
    char model[DRILL_NAME];
    const char *expected;       /* text of the undisturbed run */
    struct drill_target victim; /* of the undisturbed run */
    int64_t wait_ns;            /* the longest deadline */
    const char *folder;         /* of this run, empty */
};

struct drill_result {
    bool ran;       /* else `why` says what kept it */
    bool passed;    /* what was expected was seen, by every request */
    bool by_policy; /* ... and it is not the whole answer */
    bool met;       /* the fault did happen */
    unsigned requests, failed;
    int status;           /* of the last request, or of the first that failed */
    bool stream_error;    /* an error event came in the stream */
    char saw[DRILL_NAME]; /* what its client saw, for people */
    char why[DRILL_NAME];
    char text[DRILL_TEXT];               /* undisturbed: what was answered */
    int64_t longest_ns;                  /* of a request, as it was measured here */
    struct drill_target first, answered; /* of the attempts in the ledger; provider_name empty: none */
    uint32_t attempts;
    char outcome[32];        /* of the first attempt that failed; empty: none */
    uint64_t booked, billed; /* tokens: the ledger's, the simulators' */
    uint32_t n_targets;      /* undisturbed: of the plan */
    struct drill_target targets[DRILL_TARGETS];
    char cost[48]; /* USD, exact */
};

/* drill_run.c: forks nothing; to be called in a process of its own, which must end behind it. */
void drill_run(struct settings *s, const struct drill_case *c, struct drill_result *out);

/* ---- parts of a run ---- */

struct drill_sims;
/* One for each provider, listening. */
struct drill_sims *drill_sims_open(const struct settings *s, const struct drill_case *c, struct sl_fail *fail);
struct sl_str drill_sims_url(const struct drill_sims *d, uint32_t provider,
                             struct sl_arena *a);        /* "http://127.0.0.1:1" */
struct sl_str drill_sims_ca(const struct drill_sims *d); /* of the victim's, where its certificate is the trouble */
enum sl_err drill_sims_start(struct drill_sims *d, struct sl_fail *fail) SL_MUST_CHECK;
void drill_sims_stop(struct drill_sims *d); /* from here on the following may be asked */
bool drill_sims_met(const struct drill_sims *d);
void drill_sims_bill(const struct drill_sims *d, struct sim_billed *out);
void drill_sims_free(struct drill_sims *d);

void drill_settings_apply(struct settings *s, const struct drill_case *c, const struct drill_sims *d);
/* Of deadlines: where they are between 0 and wait_ns when the longest of them all is to be wait_ns. */
int64_t drill_shorter(const struct settings *s, int64_t deadline_ns, int64_t wait_ns);
/* The deadline behind an attempt's outcome, as it is in the user's settings; 0: it has none. */
int64_t drill_deadline_of(const struct settings *s, struct sl_str outcome, bool stream);

struct drill_seen { /* in the arena */
    bool connected, timed_out;
    int status; /* 0: no head came */
    struct sl_str text;
    bool has_end;         /* the format's end; of an answer that is no stream, its last byte */
    bool has_garbage;     /* an event that is no JSON */
    bool has_error;       /* an error body or event */
    struct sl_str finish; /* why it ended, where it says so */
    struct sl_str error;  /* its code or type */
    bool tells_when;      /* retry-after */
    int64_t took_ns;
};
void drill_ask(const struct sl_addr *at, const char *key, const struct drill_case *c, struct sl_arena *a,
               struct drill_seen *out);

/* One request, as it is, whose answer is read whole. False: none came. */
bool drill_fetch(const struct sl_addr *at, struct sl_str request, struct sl_arena *a, int *out_status,
                 struct sl_str *out_body);

/* ---- on live traffic: drill_order.c ---- */

struct drill_order {
    const char *target, *fault;
    uint64_t share, failures;
    int64_t for_ns;
    bool stop, json;
};
int drill_order(const struct settings *s, const struct drill_order *o); /* the exit code */

/* ---- judging ---- */

/* Looks at one request; the worst of all stays in *out. */
void drill_judge(const struct settings *s, const struct drill_case *c, const struct drill_seen *seen,
                 struct drill_result *out);
/* What to change; empty: nothing that a configuration could. */
struct sl_str drill_advice(const struct settings *s, const struct drill_case *c, const struct drill_result *plain,
                           const struct drill_result *r, struct sl_arena *a);

/* ---- reporting ---- */

struct drill_row {
    const struct drill_scenario *scenario;
    struct drill_result forms[2]; /* [0] whole, [1] streamed */
    bool has[2], passed;
    struct sl_str advice;
};
struct drill_route {
    struct drill_case c;
    struct drill_result plain[2];
    bool drilled;
    struct drill_row *rows; /* own */
    unsigned n_rows, n_passed;
};
struct drill_card {
    const struct settings *s;
    int64_t wait_ns, took_ns;
    struct drill_route *routes; /* own */
    unsigned n_routes, n_passed, n_of, n_skipped;
};
void drill_print(const struct drill_card *card, struct sl_buf *out);
void drill_print_json(const struct drill_card *card, struct sl_buf *out);

#endif
