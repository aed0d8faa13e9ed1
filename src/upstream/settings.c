#include "upstream/settings.h"

#include "base/clock.h"

static const struct cfg_section DNS = {
    .settings = (const struct cfg_setting[]){
        {"ttl", CFG_DURATION_AT(struct dns_settings, ttl_ns), .preset = "30s", .min = SL_SEC, .max = 86400 * SL_SEC,
         .text = "How long the addresses of a name are used. The system's resolver does not tell how long they are "
                 "good for; 30 s is what vendors' own records say."},
        {"failed_ttl", CFG_DURATION_AT(struct dns_settings, failed_ttl_ns), .preset = "1s", .min = 0,
         .max = 3600 * SL_SEC, .text = "How long a name that could not be resolved is not asked for again."},
        {"stale", CFG_DURATION_AT(struct dns_settings, stale_ns), .preset = "1h", .min = 0, .max = 7 * 86400 * SL_SEC,
         .text = "How long old addresses go on being used while the resolver fails."},
        {"names", CFG_INT_AT(struct dns_settings, names), .preset = "256", .min = 1, .max = 65536,
         .text = "Names that a worker remembers."},
        CFG_END}};

const struct cfg_section upstream_settings_section = {
    .settings = (const struct cfg_setting[]){
        {"idle_connections", CFG_INT_AT(struct upstream_settings, idle_connections), .preset = "64", .min = 0,
         .max = 65536,
         .text =
             "Idle HTTP/1.1 connections that a worker keeps for each provider; further ones go to the shelf that all "
             "workers share."},
        {"shelf", CFG_INT_AT(struct upstream_settings, shelf), .preset = "1024", .min = 0, .max = 65536,
         .flags = CFG_RESTART, .text = "Idle connections on the shared shelf, of all providers together."},
        {"idle", CFG_DURATION_AT(struct upstream_settings, idle_ns), .preset = "50s", .min = SL_SEC,
         .max = 3600 * SL_SEC,
         .text = "An idle connection older than this is not used again. Below the 60 s after which common servers and "
                 "balancers close, so that a request seldom meets a closing connection."},
        {"head_bytes", CFG_SIZE_AT(struct upstream_settings, head_bytes), .preset = "64KiB", .min = 4096,
         .max = 1 << 20, .text = "Largest head of an answer; a larger one counts as malformed."},
        {"answer_bytes", CFG_SIZE_AT(struct upstream_settings, answer_bytes), .preset = "256MiB", .min = 1 << 16,
         .max = INT64_C(16) << 30,
         .text =
             "Largest answer that is not a stream. It is passed on as it comes; the limit is against one that never "
             "ends."},
        {"dns", CFG_SECTION_AT(struct upstream_settings, dns, &DNS), .text = "Resolving providers' names."},
        {"proxy", CFG_SECTION_AT(struct upstream_settings, proxy, &proxy_settings_section),
         .text = "An HTTP CONNECT proxy on the way to all providers that have none of their own. The "
                 "environment's https_proxy is not used."},
        CFG_END}};

static const struct cfg_section BACKOFF = {
    .settings = (const struct cfg_setting[]){
        {"base", CFG_DURATION_AT(struct backoff_settings, base_ns), .preset = "200ms", .min = SL_MS, .max = 60 * SL_SEC,
         .text =
             "Longest wait before the second try at the same target; it doubles with each. The wait itself is drawn "
             "evenly from zero up to it, so that clients that failed together do not come back together."},
        {"cap", CFG_DURATION_AT(struct backoff_settings, cap_ns), .preset = "5s", .min = SL_MS, .max = 600 * SL_SEC,
         .text = "Where the doubling ends."},
        CFG_END}};

static const struct cfg_section RETRY = {
    .settings = (const struct cfg_setting[]){
        {"attempts", CFG_INT_AT(struct retry_settings, attempts), .preset = "3", .min = 1, .max = 16,
         .text = "Tries for one request, the first one and all targets counted. Nothing is tried again once the client "
                 "has seen a byte."},
        {"max_cost", CFG_STRING_AT(struct retry_settings, max_cost), .refused = cfg_usd_refused,
         .text =
             "US dollars. Once a request's attempts have cost as much, by what providers told or by estimate, none is begun "
             "any more, to go on with a broken stream neither. None: only `attempts` bounds what a request may cost."},
        {"backoff", CFG_SECTION_AT(struct retry_settings, backoff, &BACKOFF),
         .text = "Waiting before the same target is tried again. The next target is tried at once."},
        {"wait_cap", CFG_DURATION_AT(struct retry_settings, wait_cap_ns), .preset = "10s", .min = 0,
         .max = 600 * SL_SEC,
         .text = "A provider that asks to wait longer than this (retry-after) is not waited for: the next target, or "
                 "the answer, goes to the client."},
        CFG_END}};

#define DEADLINE_AT(m)                                                                                                 \
    CFG_DURATION_AT(struct deadline_settings, m), .min = 10 * SL_MS, .max = 86400 * SL_SEC, .flags = CFG_OFF

static const struct cfg_section DEADLINE = {
    .settings = (const struct cfg_setting[]){
        {"connect", DEADLINE_AT(connect_ns), .preset = "1s",
         .text = "Until the connection is there, for each address tried. The way around the world takes 300 ms."},
        {"tls", DEADLINE_AT(tls_ns), .preset = "5s", .text = "Until the TLS handshake is done."},
        {"send", DEADLINE_AT(send_ns), .preset = "30s",
         .text = "How long the provider may take nothing while the request is being sent."},
        {"first_byte", DEADLINE_AT(first_byte_ns), .preset = "60s",
         .text =
             "From the end of the request to the first byte of a streamed answer. Busy vendors take tens of seconds "
             "to begin; a silent one should not be waited for much longer when another target can serve."},
        {"answer", DEADLINE_AT(answer_ns), .preset = "9m",
         .text =
             "The same for an answer that is not streamed. Its first byte comes when all of it is ready, which takes "
             "minutes for long or reasoned answers; trying again before that would pay twice."},
        {"between_bytes", DEADLINE_AT(between_bytes_ns), .preset = "60s",
         .text = "Longest silence inside an answer that has begun."},
        {"first_token", DEADLINE_AT(first_token_ns), .preset = "30s",
         .text =
             "From the start of a try to the first output of a stream: text, reasoning, a tool call. What announces an "
             "answer, and life signs, do not count. Then the next target is asked; without one, waiting goes on."},
        {"thinking", DEADLINE_AT(thinking_ns), .preset = "2m",
         .text = "The same for models that may think before they say anything."},
        {"between_tokens", DEADLINE_AT(between_tokens_ns), .preset = "30s",
         .text = "Longest pause between two pieces of a stream's output before another target is asked to go on "
                 "(resilience.rescue). Life signs do not count. Without another target, waiting goes on."},
        {"total", DEADLINE_AT(total_ns), .preset = "10m",
         .text =
             "From the end of the request's head to the end of the answer, all tries included. 10 minutes is what the "
             "official SDKs wait."},
        CFG_END}};

static const struct cfg_word RESCUE[] = {
    {"continue", RESCUE_CONTINUE,
     "the next target is asked to go on from the text that was sent; a repetition at the seam is taken off"},
    {"restart", RESCUE_RESTART, "the next target answers anew, behind what was sent"},
    {"error", RESCUE_ERROR, "the client gets an error in its own format"},
    {"hold", RESCUE_HOLD,
     "the first output is held back (`resilience.hold`), so that what breaks meanwhile is asked for again unseen; behind it "
     "as `error`"},
    {NULL, 0, NULL}};

static const struct cfg_section HOLD = {
    .settings = (const struct cfg_setting[]){
        {"pieces", CFG_INT_AT(struct hold_settings, pieces), .preset = "64", .min = 1, .max = 1 << 20,
         .text = "Pieces of output, which are about tokens. No more than `relay.hold_bytes` in any case."},
        {"time", CFG_DURATION_AT(struct hold_settings, time_ns), .preset = "2s", .min = SL_MS, .max = 600 * SL_SEC,
         .text = "Or so long since the first of them: the client waits for the first output longer by this at most."},
        CFG_END}};

static const struct cfg_word SLOW[] = {
    {"behind", SLOW_BEHIND,
     "it is behind the others of its tier for 30 seconds, then longer each time, up to 5 minutes"},
    {"stays", SLOW_STAYS, "only orders that look at times (`fastest`, `scored`) notice"},
    {NULL, 0, NULL}};

static const struct cfg_word FILTER[] = {
    {"told", FILTER_TOLD, "the client gets the refusal"},
    {"next", FILTER_NEXT, "the next target is asked; with none left, the client gets the refusal"},
    {NULL, 0, NULL}};

static const struct cfg_section HEDGE = {
    .short_form = "enabled",
    .settings = (const struct cfg_setting[]){
        {"enabled", CFG_BOOL_AT(struct hedge_settings, enabled), .preset = "false",
         .text =
             "Whether a second target is asked when the first one of a stream has been silent for longer than 95 of 100 of its "
             "streams are (at least 300 ms). Who has output first serves; the other one is cancelled, and may bill what it "
             "read: so it is not on unless you say so. Only where the target's slowest hundredth takes three times the usual "
             "(of 200 or more), not for more than one request in twenty, not while hedges seldom win or a quarter of "
             "the requests are late, and not for requests of more than 0.02 USD of input at the second target, where its price is "
             "known."},
        {"input_tokens", CFG_INT_AT(struct hedge_settings, input_tokens), .preset = "32768", .min = 1,
         .max = 1000000000, .text = "Requests with more input than this, by estimate, are never sent twice."},
        CFG_END}};

static const struct cfg_word PROBE_ASK[] = {
    {"off", PROBE_OFF, "nothing: one request of a client finds out about a target that was down"},
    {"models", PROBE_MODELS,
     "the provider's list of models, once for all its targets. Costs nothing, and tells that the provider is there and takes the "
     "key, not that a model works. Bedrock and Vertex AI have no such list: there clients find out"},
    {"completion", PROBE_COMPLETION,
     "each target for a few words (about 8 tokens in, at most 16 out). Costs what that costs: in the ledger under the model "
     "`sluice:probe`, with no key"},
    {NULL, 0, NULL}};

static const struct cfg_section PROBE = {
    .short_form = "ask",
    .settings = (const struct cfg_setting[]){
        {"ask", CFG_ENUM_AT(struct probe_settings, ask, PROBE_ASK), .preset = "off",
         .text =
             "What the gateway asks by itself, so that no client's request has to find out. `models` is the cheap one."},
        {"interval", CFG_DURATION_AT(struct probe_settings, interval_ns), .preset = "30s", .min = SL_SEC,
         .max = 86400 * SL_SEC,
         .text =
             "So long a target is left alone since it was asked last, by whomever: one in use is never probed. One that is down is "
             "asked when its rest is over, and no later than this; and each second while it is not clear how it is."},
        {"timeout", CFG_DURATION_AT(struct probe_settings, timeout_ns), .preset = "10s", .min = 100 * SL_MS,
         .max = 600 * SL_SEC, .text = "How long an answer is waited for; then the probe has failed."},
        {"jitter", CFG_INT_AT(struct probe_settings, jitter), .preset = "20", .min = 0, .max = 90,
         .text =
             "By how many percent the interval is longer or shorter, drawn anew each time, so that several gateways do not "
             "ask together."},
        {"providers", CFG_LIST_AT(struct probe_settings, providers, CFG_STRING), .max = 1000,
         .text = "Only these are asked. None: all."},
        CFG_END}};

const struct cfg_section resilience_settings_section = {
    .settings = (const struct cfg_setting[]){
        {"breaker", CFG_BOOL_AT(struct resilience_settings, breaker), .preset = "true",
         .text =
             "Whether targets that fail are passed over for a while: after 3 of 5 failures or more by an exact window with a "
             "confidence bound, for 5 seconds up to 2 minutes, then one request finds out. A target that asks to wait "
             "(retry-after), refuses its credentials or has not the model rests, too."},
        {"slow", CFG_ENUM_AT(struct resilience_settings, slow, SLOW), .preset = "behind",
         .text =
             "What becomes of a target whose first outputs suddenly take twice as long as they used to (the slowest twentieth "
             "of the newest 20 to 64, against its own past minutes), without failing once. In every order, `ordered` too. Needs `breaker`."},
        {"rescue", CFG_ENUM_AT(struct resilience_settings, rescue, RESCUE), .preset = "continue",
         .text = "What happens to a stream that breaks off or stalls when the client has seen output of it. Once for a "
                 "request, and only for text: never inside of a tool call or structured output; those get the error. A "
                 "broken stream never ends as if it were whole."},
        {"content_filter", CFG_ENUM_AT(struct resilience_settings, content_filter, FILTER), .preset = "told",
         .text =
             "What follows when a vendor's content filter refuses a request with an error. An answer that the filter "
             "ended is an answer."},
        {"hedge", CFG_SECTION_AT(struct resilience_settings, hedge, &HEDGE),
         .text = "Asking a second target while the first is silent."},
        {"probe", CFG_SECTION_AT(struct resilience_settings, probe, &PROBE),
         .text = "Asking targets that are down or idle, without a client. Needs `breaker`."},
        {"concurrency", CFG_LIST_AT(struct resilience_settings, concurrency, CFG_STRING), .max = 1000,
         .text =
             "Providers of your own (vLLM and the like) whose targets get no more requests at a time than they answer without "
             "queueing: found from how long first outputs take as load grows. Beyond it the next target is asked first. Needs "
             "`breaker`. Vendors have limits of another kind, which their headers tell."},
        {"hold", CFG_SECTION_AT(struct resilience_settings, hold, &HOLD),
         .text = "With `rescue: hold`: how much of a stream is held back before the client sees any; what ends first."},
        {"retry", CFG_SECTION_AT(struct resilience_settings, retry, &RETRY), .text = "Trying again."},
        {"deadline", CFG_SECTION_AT(struct resilience_settings, deadline, &DEADLINE),
         .text = "How long a provider may take. `off`: no deadline of its own."},
        CFG_END}};
