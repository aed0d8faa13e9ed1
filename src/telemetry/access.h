/* The access record: what one exchange was, as one JSON line. Made in SETTLE from plain values; never any content of a
 * prompt or an answer. Tests and users read it: names and meanings are a contract (docs/internals/access-record.md).
 *
 * The writer puts a line at the end of a struct sl_buf: no printf, no allocation besides the buffer's own growth (one
 * check per line). Whatever comes from outside is cut to ACCESS_TEXT_MAX bytes and escaped, so that a line is always one
 * line of valid UTF-8 JSON. Pure. */
#ifndef SLUICE_TELEMETRY_ACCESS_H
#define SLUICE_TELEMETRY_ACCESS_H

#include <stdbool.h>
#include <stdint.h>

#include "base/buf.h"
#include "base/err.h"
#include "base/id.h"
#include "base/str.h"
#include "telemetry/token_class.h"

#define ACCESS_TEXT_MAX 200u    /* bytes of any one text member; longer ones are cut and end in "..." */
#define ACCESS_AGENT_MAX 120u   /* of the user agent */
#define ACCESS_ATTEMPTS_MAX 16u /* attempts written out; `attempts_n` tells how many there were */
#define ACCESS_PLAN_MAX 16u     /* candidates written out */
#define ACCESS_TIMES_MAX 16u    /* state times written out, per exchange and per attempt */

enum access_side {
    ACCESS_NOBODY = 0,
    ACCESS_CLIENT,
    ACCESS_GATEWAY,
    ACCESS_PROVIDER
}; /* who ended it */

enum access_usage_flag { /* written as members of "usage" when set */
    ACCESS_REPORTED = 1u << 0,
    ACCESS_ESTIMATED = 1u << 1,
    ACCESS_PARTIAL = 1u << 2,
    ACCESS_UNPRICED = 1u << 3,
    ACCESS_INCONSISTENT = 1u << 4
};

struct access_time {  /* time spent in a state; those of 0 us are left out */
    const char *name; /* static, plain letters: exchange_state_name, attempt_state_name */
    int64_t us;
};

struct access_usage {
    uint64_t tokens[TOKEN_CLASS_COUNT]; /* classes of 0 are left out */
    uint64_t units[USAGE_UNIT_COUNT];   /* likewise, and "units" where there are none */
    int64_t cost_p;                     /* 10^-12 USD; written as an exact decimal of USD */
    uint32_t flags;                     /* enum access_usage_flag */
};

struct access_candidate { /* a place in the plan */
    struct sl_str provider, model;
    struct sl_str why;   /* reason for the place, or for the exclusion */
    struct sl_str route; /* whose rule gave it; empty: none */
    uint32_t rule;       /* number of the rule in it */
    uint32_t tier;       /* left out when 0 */
    struct sl_str state; /* of the target as it was seen; empty: up, or not known */
    bool excluded, last_resort, has_terms;
    int64_t cost_p, time_p, fail_p, sum_p; /* has_terms: 10^-12 USD, what it was ordered by */
};

struct access_attempt {
    struct sl_id id;
    struct sl_str provider, model;     /* the target */
    struct sl_str outcome;             /* outcome_row(...)->name */
    struct sl_str detail;              /* attempt_result.detail: "connection refused"; may be empty */
    struct sl_str why;                 /* retry_decide's reason for what came next; may be empty */
    struct sl_str at;                  /* attempt state in which it ended; may be empty */
    struct sl_str provider_code;       /* error code or type the provider gave; redacted here; may be empty */
    struct sl_str provider_request_id; /* the provider's own id for the call; may be empty */
    int status;                        /* 0: no head came */
    bool reused, h2, sent;
    int64_t start_us; /* since the exchange's first byte */
    int64_t duration_us;
    int64_t first_byte_us; /* since the attempt's start; -1: none */
    int64_t pause_us;      /* waited after it before the next try; 0: not */
    uint64_t bytes_out, bytes_in;
    const struct access_time *times; /* borrow */
    uint32_t n_times;
    struct access_usage usage;
};

struct access_session {                            /* what passed in a WebSocket */
    uint64_t messages_in, messages_out, responses; /* in: of the client */
    uint32_t closed;                               /* code that the client was told; 0: none */
};

struct access_record { /* all views are borrowed for the call */
    struct sl_id id;
    int64_t wall_ns;              /* when the first byte of the request came */
    struct sl_str trace_id;       /* 32 hex digits; may be empty */
    struct sl_str span_id;        /* ours, 16 hex digits; may be empty */
    struct sl_str parent_span_id; /* the caller's; may be empty */
    struct sl_str tenant, team, user;
    struct sl_id key_id; /* zero: nobody was recognised */
    struct sl_str key_name;
    struct sl_str peer; /* client's address as text */
    struct sl_str user_agent;
    struct sl_str method, path;  /* without query */
    struct sl_str operation;     /* "chat", ... */
    struct sl_str dialect;       /* the client's wire format */
    struct sl_str http;          /* "1.1", "2" */
    struct sl_str model;         /* as asked */
    struct sl_str priority;      /* "high", "low"; empty: usual */
    bool tls, stream, committed; /* committed: the client has seen a byte of a provider's answer */
    int status;                  /* sent to the client; 0: none was */
    enum access_side ended_by;
    struct sl_str ended_in;              /* state in which it ended */
    struct sl_str ended_why;             /* outcome name or stable error code; "ok" */
    const struct access_candidate *plan; /* borrow */
    uint32_t n_plan;
    struct sl_str routing;                 /* a JSON object: what the plan was made from; empty: left out */
    const struct access_attempt *attempts; /* borrow; oldest first */
    uint32_t n_attempts;
    const struct access_time *times; /* borrow; time in each state */
    uint32_t n_times;
    int64_t duration_us;
    int64_t first_token_us;               /* -1: none */
    int64_t overhead_us;                  /* own time */
    uint64_t bytes_in, bytes_out;         /* client side */
    uint64_t events;                      /* stream events relayed */
    const struct access_session *session; /* borrow; NULL: it was none */
    struct access_usage usage;            /* sum over attempts */
    struct sl_str price_version;
    struct sl_str config_revision;
    uint16_t worker;
};

/* Appends the line and its '\n'. SL_ELIMIT: it does not fit under out->max; then nothing of it is left in `out` and
 * out->over is as before (the caller counts TEL_ACCESS_DROPPED and goes on). */
enum sl_err access_write(struct sl_buf *out, const struct access_record *r);

#endif
