/* Every number that sluice counts, declared once. The lists below make the enums, the storage, and (prometheus.c) the
 * output with its HELP and TYPE lines.
 *
 * struct tel_worker belongs to one thread, its only writer; every number is a relaxed atomic, so that the admin worker
 * may read it at any time without a lock. Sums are made when read. The keeper and the admin worker have one each, too.
 *
 *   worker thread:  tel_add(w, TEL_RETRIES, 1)        admin worker:  prometheus_write(out, {w1, w2, ...})
 *
 * Numbers by target (provider and model) are in struct tel_target, looked up once per attempt. Their count is capped:
 * beyond the cap everything goes to provider "other", model "other", so that a client that invents model names cannot
 * grow us or the monitoring behind us. */
#ifndef SLUICE_TELEMETRY_COUNTERS_H
#define SLUICE_TELEMETRY_COUNTERS_H

#include <stdatomic.h>
#include <stdint.h>

#include "base/map.h"
#include "base/str.h"
#include "telemetry/histogram.h"
#include "telemetry/token_class.h"

/* Units: ONE plain count; NS kept in ns, shown in seconds; PICO kept in 10^-12 USD, shown in USD. */
enum tel_unit {
    TEL_ONE = 0,
    TEL_NS,
    TEL_PICO
};
enum tel_kind {
    TEL_COUNTER = 0,
    TEL_GAUGE
};

/* X(id, name, kind, unit, help): one number per worker. Gauges are summed over workers, so each holds its own part. */
#define TEL_NUMBERS(X)                                                                                                 \
    X(CONNECTIONS, "sluice_connections_total", COUNTER, ONE, "Client connections accepted.")                           \
    X(CONNECTIONS_OPEN, "sluice_connections_open", GAUGE, ONE, "Client connections open now.")                         \
    X(CONNECTIONS_REFUSED, "sluice_connections_refused_total", COUNTER, ONE,                                           \
      "Client connections closed at once because of a connection limit.")                                              \
    X(TLS_HANDSHAKES, "sluice_tls_handshakes_total", COUNTER, ONE, "TLS handshakes with clients that succeeded.")      \
    X(TLS_FAILURES, "sluice_tls_handshake_failures_total", COUNTER, ONE, "TLS handshakes with clients that failed.")   \
    X(IN_FLIGHT, "sluice_requests_in_flight", GAUGE, ONE, "Exchanges that are live now.")                              \
    X(CLIENT_BYTES_IN, "sluice_client_received_bytes_total", COUNTER, ONE, "Bytes received from clients.")             \
    X(CLIENT_BYTES_OUT, "sluice_client_sent_bytes_total", COUNTER, ONE, "Bytes sent to clients.")                      \
    X(EVENTS, "sluice_stream_events_total", COUNTER, ONE, "Stream events relayed to clients.")                         \
    X(SESSIONS, "sluice_realtime_sessions", GAUGE, ONE, "Realtime sessions that are open now.")                        \
    X(SESSION_MESSAGES, "sluice_realtime_messages_total", COUNTER, ONE,                                                \
      "Messages passed on in realtime sessions, both ways.")                                                           \
    X(SESSION_RESPONSES, "sluice_realtime_responses_total", COUNTER, ONE, "Responses made in realtime sessions.")      \
    X(RETRIES, "sluice_retries_total", COUNTER, ONE, "Attempts beyond the first of their exchange.")                   \
    X(RESCUES, "sluice_rescues_total", COUNTER, ONE,                                                                   \
      "Streams that broke behind their first byte and were given to another target.")                                  \
    X(DRILLED, "sluice_drill_faults_total", COUNTER, ONE,                                                              \
      "Attempts that a drill on live traffic took (sluice drill --live).")                                             \
    X(SPILLS, "sluice_bodies_spilled_total", COUNTER, ONE,                                                             \
      "Request bodies that waited in a file (relay.spill_bytes).")                                                     \
    X(SPILLS_FAILED, "sluice_body_spill_failures_total", COUNTER, ONE,                                                 \
      "Times that such a file could not be made, written or read.")                                                    \
    X(HELD_BYTES, "sluice_held_bytes", GAUGE, ONE, "Bytes that requests in flight hold: what limits.memory is about.") \
    X(PLACES, "sluice_places_adapted", GAUGE, ONE,                                                                     \
      "Requests that are taken on at the same time while this process does not keep up; 0: no fewer than ever.")       \
    X(KEYS_RESTED, "sluice_provider_keys_rested_total", COUNTER, ONE,                                                  \
      "Times that a provider's key was refused or had no credit left, and was set aside.")                             \
    X(HEDGES, "sluice_hedges_total", COUNTER, ONE, "Second targets asked while the first was silent.")                 \
    X(HEDGES_WON, "sluice_hedges_won_total", COUNTER, ONE, "Of these, those that served the client.")                  \
    X(PROBES, "sluice_probes_total", COUNTER, ONE,                                                                     \
      "Probes of targets that were down or idle (resilience.probe). They are no requests of clients.")                 \
    X(PROBES_FAILED, "sluice_probes_failed_total", COUNTER, ONE, "Of these, those that were not answered well.")       \
    X(SCRIPTS, "sluice_route_scripts_total", COUNTER, ONE, "Calls of routing scripts that named targets.")             \
    X(SCRIPTS_FAILED, "sluice_route_scripts_failed_total", COUNTER, ONE,                                               \
      "Calls of routing scripts that failed, ran over a limit or named no target.")                                    \
    X(ATTEMPTS_LIVE, "sluice_attempts_in_flight", GAUGE, ONE, "Attempts that are live now.")                           \
    X(MEDIA_FETCHED, "sluice_media_fetched_total", COUNTER, ONE,                                                       \
      "Images and files fetched by URL for providers that do not do that.")                                            \
    X(MEDIA_FAILED, "sluice_media_failed_total", COUNTER, ONE, "Such URLs that could not be fetched.")                 \
    X(RESPONSES_STORED, "sluice_responses_stored_total", COUNTER, ONE,                                                 \
      "Responses stored, or remembered with the provider that has them.")                                              \
    X(VIDEO_POLLS, "sluice_video_calls_total", COUNTER, ONE, "Calls to providers about video jobs, besides creating.") \
    X(VIDEO_HOOKS, "sluice_video_webhooks_total", COUNTER, ONE, "Webhooks about video jobs that were taken.")          \
    X(VIDEO_HOOKS_FAILED, "sluice_video_webhooks_failed_total", COUNTER, ONE,                                          \
      "Webhooks about video jobs that were not taken, each try.")                                                      \
    X(VIDEOS_SETTLED, "sluice_videos_settled_total", COUNTER, ONE, "Video jobs that ended.")                           \
    X(VIDEOS_ADOPTED, "sluice_videos_adopted_total", COUNTER, ONE,                                                     \
      "Video jobs whose create nobody answered, found at the provider.")                                               \
    X(VIDEOS_UNCLEAR, "sluice_videos_unclear_total", COUNTER, ONE,                                                     \
      "Video jobs of which nobody knows whether they were created.")                                                   \
    X(VIDEO_COPIES, "sluice_video_copies_total", COUNTER, ONE, "Contents of video jobs that were copied to be kept.")  \
    X(VIDEO_COPIES_FAILED, "sluice_video_copies_failed_total", COUNTER, ONE,                                           \
      "Tries to copy or to remove the content of a video job that failed; they are repeated.")                         \
    X(VIDEO_COPIES_SERVED, "sluice_video_copies_served_total", COUNTER, ONE,                                           \
      "Downloads that were answered from a copy.")                                                                     \
    X(RESPONSES_NOT_STORED, "sluice_responses_not_stored_total", COUNTER, ONE,                                         \
      "Responses that were to be stored and were not: too large, or the database failed.")                             \
    X(UPSTREAM_BYTES_OUT, "sluice_upstream_sent_bytes_total", COUNTER, ONE, "Bytes sent to providers.")                \
    X(UPSTREAM_BYTES_IN, "sluice_upstream_received_bytes_total", COUNTER, ONE, "Bytes received from providers.")       \
    X(POOL_NEW, "sluice_upstream_connections_opened_total", COUNTER, ONE, "Connections opened to providers.")          \
    X(POOL_REUSED, "sluice_upstream_connections_reused_total", COUNTER, ONE,                                           \
      "Attempts that went out on a connection that was already open.")                                                 \
    X(POOL_STALE, "sluice_upstream_connections_stale_total", COUNTER, ONE,                                             \
      "Reused connections that turned out to be dead before the first byte.")                                          \
    X(POOL_IDLE, "sluice_upstream_connections_idle", GAUGE, ONE, "Idle connections to providers kept for reuse.")      \
    X(USAGE_ESTIMATED, "sluice_usage_estimated_total", COUNTER, ONE,                                                   \
      "Attempts booked with estimated token counts because the provider reported none.")                               \
    X(USAGE_INCONSISTENT, "sluice_usage_inconsistent_total", COUNTER, ONE,                                             \
      "Attempts whose provider's token counts contradicted each other.")                                               \
    X(UNPRICED, "sluice_attempts_unpriced_total", COUNTER, ONE,                                                        \
      "Attempts that consumed tokens for which no price is known.")                                                    \
    X(ACCESS_LINES, "sluice_access_lines_total", COUNTER, ONE, "Access records written.")                              \
    X(ACCESS_DROPPED, "sluice_access_lines_dropped_total", COUNTER, ONE,                                               \
      "Access records dropped because their sink was full or slow.")                                                   \
    X(JOURNAL_RECORDS, "sluice_journal_records_total", COUNTER, ONE, "Records accepted by the journal.")               \
    X(JOURNAL_REFUSED, "sluice_journal_refused_total", COUNTER, ONE, "Records that the journal could not accept.")     \
    X(JOURNAL_PENDING, "sluice_journal_pending_bytes", GAUGE, ONE, "Journal bytes not yet fed to the database.")       \
    X(JOURNAL_LAG, "sluice_journal_lag_seconds", GAUGE, NS,                                                            \
      "Age of the oldest journal record that the database does not have yet.")                                         \
    X(JOURNAL_FULL, "sluice_journal_full", GAUGE, ONE, "1 while no new journal segment can be made.")                  \
    X(LEDGER_ERRORS, "sluice_ledger_errors_total", COUNTER, ONE,                                                       \
      "Failed writes to the database, failed flushes, and damage found in the journal.")                               \
    X(RELOADS, "sluice_config_reloads_total", COUNTER, ONE, "Configurations published.")                               \
    X(RELOADS_REFUSED, "sluice_config_reloads_refused_total", COUNTER, ONE,                                            \
      "Configurations refused, the running one was kept.")                                                             \
    X(TOKENS_FETCHED, "sluice_credential_tokens_total", COUNTER, ONE,                                                  \
      "Access tokens fetched for providers whose credentials are exchanged for one.")                                  \
    X(TOKENS_FAILED, "sluice_credential_failures_total", COUNTER, ONE, "Fetches of access tokens that failed.")        \
    X(PRICE_RELOADS, "sluice_price_reloads_total", COUNTER, ONE, "Price catalogues published.")                        \
    X(PRICE_RELOADS_REFUSED, "sluice_price_reloads_refused_total", COUNTER, ONE,                                       \
      "Price catalogues refused, the running one was kept.")                                                           \
    X(SERIES_FOLDED, "sluice_metrics_folded_total", COUNTER, ONE,                                                      \
      "Look-ups that were counted under \"other\" because of the cap on series.")

enum tel_number {
#define X(id, ...) TEL_##id,
    TEL_NUMBERS(X)
#undef X
    TEL_NUMBER_COUNT
};

/* X(id, label value): the operation label. The exchange maps its operations onto these. */
#define TEL_OPERATIONS(X)                                                                                              \
    X(CHAT, "chat")                                                                                                    \
    X(COMPLETIONS, "completions")                                                                                      \
    X(EMBEDDINGS, "embeddings")                                                                                        \
    X(RESPONSES, "responses")                                                                                          \
    X(MESSAGES, "messages")                                                                                            \
    X(GENERATE, "generate_content")                                                                                    \
    X(COUNT_TOKENS, "count_tokens")                                                                                    \
    X(MODERATIONS, "moderations")                                                                                      \
    X(RERANK, "rerank")                                                                                                \
    X(IMAGES, "images")                                                                                                \
    X(SPEECH, "speech")                                                                                                \
    X(REALTIME, "realtime")                                                                                            \
    X(MODELS, "models")                                                                                                \
    X(OTHER, "other")

enum tel_operation {
#define X(id, ...) TEL_OP_##id,
    TEL_OPERATIONS(X)
#undef X
    TEL_OP_COUNT
};

/* X(id, label value): how the client saw the answer. */
#define TEL_STATUSES(X)                                                                                                \
    X(2XX, "2xx")                                                                                                      \
    X(3XX, "3xx")                                                                                                      \
    X(4XX, "4xx")                                                                                                      \
    X(5XX, "5xx")                                                                                                      \
    X(GONE, "gone") /* the client left before a status was sent */

enum tel_status {
#define X(id, ...) TEL_ST_##id,
    TEL_STATUSES(X)
#undef X
    TEL_ST_COUNT
};
enum tel_status tel_status_of(int http_status); /* 0 and 499: GONE */

/* X(id, label value): why the gateway itself said no. */
#define TEL_REASONS(X)                                                                                                 \
    X(KEY, "key")               /* none, unknown, revoked or expired: 401 */                                           \
    X(GRANT, "grant")           /* model or operation not granted: 403 */                                              \
    X(MALFORMED_HTTP, "http")   /* framing or head broken: 400 */                                                      \
    X(HEAD_LIMIT, "head_limit") /* 431, 414 */                                                                         \
    X(BODY_LIMIT, "body_limit") /* 413 */                                                                              \
    X(BODY, "body")             /* not what the operation takes: 400, 415 */                                           \
    X(MODEL, "model")           /* unknown model: 404 */                                                               \
    X(PATH, "path")             /* 404, 405 */                                                                         \
    X(RATE, "rate")             /* limits and budgets: 429 */                                                          \
    X(OVERLOAD, "overload")     /* too much at once: 503 */                                                            \
    X(LEDGER, "ledger")         /* the journal could not accept: 503 */                                                \
    X(DRAINING, "draining")                                                                                            \
    X(SLOW, "slow")           /* head or body did not arrive in time: 408 */                                           \
    X(FLOOD, "flood")         /* resets, CONTINUATION, pings over their limit */                                       \
    X(NO_TARGET, "no_target") /* nothing left that may serve it: 503 */

enum tel_reason {
#define X(id, ...) TEL_WHY_##id,
    TEL_REASONS(X)
#undef X
    TEL_WHY_COUNT
};

/* X(id, name, lowest le, highest le in ns, help): histograms without labels. */
#define TEL_HISTS(X)                                                                                                   \
    X(FIRST_TOKEN, "sluice_first_token_seconds", 1000000, 200000000000,                                                \
      "From request head to the first stream event.")                                                                  \
    X(BETWEEN_TOKENS, "sluice_between_tokens_seconds", 100000, 50000000000, "Between two stream events of an answer.") \
    X(OVERHEAD, "sluice_overhead_seconds", 1000, 1000000000,                                                           \
      "Own time per exchange: not spent waiting for the client, a provider or a back-off.")                            \
    X(LOOP_LAG, "sluice_loop_lag_seconds", 10000, 10000000000, "How late a worker's loop ran what was due.")           \
    X(UPSTREAM_CONNECT, "sluice_upstream_connect_seconds", 100000, 50000000000,                                        \
      "Name resolution, connect and TLS for a new connection to a provider.")                                          \
    X(UPSTREAM_FIRST_BYTE, "sluice_upstream_first_byte_seconds", 100000, 500000000000,                                 \
      "From the start of an attempt to the first byte of the provider's answer.")                                      \
    X(JOURNAL_SYNC, "sluice_journal_sync_seconds", 10000, 50000000000,                                                 \
      "Waiting for a flush of the journal, where the ledger is synced.")

enum tel_histogram {
#define X(id, ...) TEL_H_##id,
    TEL_HISTS(X)
#undef X
    TEL_HIST_COUNT
};

#define TEL_MAX_OUTCOMES 48u /* upstream/outcome.h has fewer; its names come with struct tel_names (prometheus.h) */

/* Numbers of one target. Made on first use, published to readers, never released before the worker ends. */
struct tel_target {
    struct sl_str provider, model;               /* own; immutable */
    _Atomic uint64_t outcomes[TEL_MAX_OUTCOMES]; /* attempts by outcome */
    _Atomic uint64_t tokens[TOKEN_CLASS_COUNT];
    _Atomic uint64_t units[USAGE_UNIT_COUNT];
    _Atomic uint64_t cost_p;                                  /* pico-dollars; saturates */
    _Atomic uint64_t duration_ns, first_byte_ns, first_bytes; /* sums; the count of durations is that of outcomes */
    struct tel_target *next;                                  /* towards older ones; immutable once published */
};

struct tel_worker {
    /* Written by the owning thread only, read by anyone. */
    _Atomic uint64_t numbers[TEL_NUMBER_COUNT] __attribute__((aligned(64)));
    _Atomic uint64_t requests[TEL_OP_COUNT][TEL_ST_COUNT];
    _Atomic uint64_t refused[TEL_WHY_COUNT];
    struct tel_hist latency[TEL_OP_COUNT]; /* whole exchanges, by operation */
    struct tel_hist hists[TEL_HIST_COUNT];
    struct tel_target *_Atomic targets; /* newest first */
    /* Used by the owning thread only. */
    struct sl_map by_name; /* "provider\0model" */
    struct tel_target *other;
    uint32_t n_targets, max_targets;
} __attribute__((aligned(64)));

#define TEL_SERIES_DEFAULT 2000u /* series by target that a scrape shows at most, over all workers */
#define TEL_SERIES_PER_TARGET 6u /* the least that a used target shows; bounds a worker's own table of targets */

struct tel_worker *tel_worker_new(uint32_t max_series); /* 64-byte aligned; max_series 0: TEL_SERIES_DEFAULT */
void tel_worker_free(struct tel_worker *w);             /* when nobody reads any more; NULL accepted */

/* ---- the owning thread's calls; each a plain load, add and store ---- */

static inline void tel_bump(_Atomic uint64_t *c, uint64_t n)
{
    atomic_store_explicit(c, atomic_load_explicit(c, memory_order_relaxed) + n, memory_order_relaxed);
}

static inline uint64_t tel_read(const _Atomic uint64_t *c)
{
    return atomic_load_explicit(c, memory_order_relaxed);
}

static inline void tel_add(struct tel_worker *w, enum tel_number id, uint64_t n)
{
    tel_bump(&w->numbers[id], n);
}

/* Gauges are signed in meaning: the parts of workers may go below zero while their sum does not. */
static inline void tel_gauge_add(struct tel_worker *w, enum tel_number id, int64_t n)
{
    tel_bump(&w->numbers[id], (uint64_t)n);
}

static inline void tel_gauge_set(struct tel_worker *w, enum tel_number id, int64_t v)
{
    atomic_store_explicit(&w->numbers[id], (uint64_t)v, memory_order_relaxed);
}

static inline void tel_observe(struct tel_worker *w, enum tel_histogram id, int64_t ns)
{
    tel_hist_record(&w->hists[id], ns);
}

static inline void tel_refuse(struct tel_worker *w, enum tel_reason why)
{
    tel_bump(&w->refused[why], 1);
}

/* One exchange is over: counts it by operation and status class and records its latency. */
void tel_request(struct tel_worker *w, enum tel_operation op, int http_status, int64_t latency_ns);

/* The target's numbers; never NULL (the "other" one when the cap is reached). Stays valid as long as w. Copies the names
 * on first use; afterwards one hash look-up. Ask for the configured targets when a snapshot is taken up: then names that
 * clients invent later cannot take their places. */
struct tel_target *tel_target_get(struct tel_worker *w, struct sl_str provider, struct sl_str model);

struct tel_attempt {
    unsigned outcome; /* enum outcome of upstream/outcome.h */
    int64_t duration_ns;
    int64_t first_byte_ns; /* -1: none came */
    int64_t cost_p;
    const uint64_t *tokens; /* borrow: TOKEN_CLASS_COUNT counts, or NULL */
    const uint64_t *units;  /* borrow: USAGE_UNIT_COUNT counts, or NULL */
};
void tel_attempt_over(struct tel_target *t, const struct tel_attempt *a);

#endif
