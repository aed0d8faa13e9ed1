#include "exchange/settings.h"

#include "limit/spend.h"

#include "base/clock.h"

static const struct cfg_word ON_UNSUPPORTED[] = {
    {"report", UNSUPPORTED_SAYS,
     "wishes that do no harm are left out and named in `x-sluice-dropped`; those that would change what the caller gets "
     "are refused"},
    {"reject", UNSUPPORTED_REFUSES, "anything that cannot be said is refused with a 400 that names it"},
    {"drop", UNSUPPORTED_DROPS, "whatever can be left out is, and named in `x-sluice-dropped`"},
    {NULL, 0, NULL}};

const struct cfg_section exchange_settings_section = {
    .settings = (const struct cfg_setting[]){
        {"hold_bytes", CFG_SIZE_AT(struct exchange_settings, hold_bytes), .preset = "256KiB", .min = 0, .max = 16 << 20,
         .text =
             "An answer that is not a stream is held back up to this size before the client sees a byte, so that one "
             "that breaks off can still be asked for again. Most answers are smaller; larger ones pass as they come."},
        {"hold_start", CFG_DURATION_AT(struct exchange_settings, hold_start_ns), .preset = "20s", .min = 0,
         .max = 600 * SL_SEC,
         .text =
             "What announces the answer of a stream (role, message_start, response.created, life signs) is held back "
             "until there is output or so long, so that a provider that fails before it has said anything is not "
             "seen. Up to hold_bytes are held."},
        {"client_queue", CFG_SIZE_AT(struct exchange_settings, client_queue_bytes), .preset = "256KiB", .min = 16 << 10,
         .max = 16 << 20,
         .text =
             "Bytes that wait for a slow client before reading from the provider stops. Bounds what one slow client "
             "costs; a fast one never has that much waiting."},
        {"sse_event", CFG_SIZE_AT(struct exchange_settings, sse_event_bytes), .preset = "1MiB", .min = 16 << 10,
         .max = 64 << 20,
         .text = "Largest single event of a stream; a larger one ends it. Events with tool arguments or images are the "
                 "largest seen, some hundred KiB."},
        {"on_unsupported", CFG_ENUM_AT(struct exchange_settings, on_unsupported, ON_UNSUPPORTED), .preset = "report",
         .text =
             "What happens to a member of a request that the provider's format or model has no word for. Only where "
             "client and provider speak different formats; else requests pass as they are."},
        {"fan_out", CFG_INT_AT(struct exchange_settings, fan_out), .preset = "1", .min = 1, .max = 8,
         .text =
             "A request for several answers (`n`) is sent so many times, one after the other, where the provider's format gives "
             "one answer only. Each time is paid, prompt included, so that it is refused unless this says more than 1."},
        {"spill_bytes", CFG_SIZE_AT(struct exchange_settings, spill_bytes), .preset = "1MiB", .min = 0,
         .max = INT64_C(4) << 30, .flags = CFG_OFF,
         .text =
             "The body of a request above this size waits in a file without a name, from which it is sent as often as it is asked "
             "with, and takes no memory meanwhile. 0: all bodies are in memory. Those of callers for whom nothing may be stored "
             "(`responses.store`, `responses.except`) always are."},
        {"spill_directory", CFG_STRING_AT(struct exchange_settings, spill_directory),
         .text = "Where such files are: a disk, not memory that looks like one (tmpfs). None: the state directory."},
        {"body_memory", CFG_SIZE_AT(struct exchange_settings, body_memory), .preset = "64MiB", .min = 64 << 10,
         .max = INT64_C(4) << 30,
         .text =
             "The largest body that has to be in memory: one that is written anew for a provider of another format, and one of a "
             "caller for whom nothing may be stored. A larger one is refused with 413."},
        CFG_END}};

/* Compared byte by byte with what a URL says, which is made lower case. */
static const char *host_refused(struct sl_str host)
{
    struct sl_str name = sl_str_starts(host, SL_STR(".")) ? sl_str_from(host, 1) : host;
    if (name.n == 0 || name.n > 253)
        return "is no host name";
    for (size_t i = 0; i < name.n; i++) {
        char c = name.p[i];
        if (!(c >= 'a' && c <= 'z') && !(c >= '0' && c <= '9') && c != '-' && c != '.' && c != '_' && c != ':')
            return "is no host name: write it in lower case, without a scheme, a port or a path";
    }
    return NULL;
}

const struct cfg_section media_settings_section = {
    .short_form = "fetch",
    .settings = (const struct cfg_setting[]){
        {"fetch", CFG_BOOL_AT(struct media_settings, fetch), .preset = "true",
         .text =
             "Whether images, files and recordings that a client names by URL are fetched here when the provider takes only their "
             "bytes. Without it such a request is refused."},
        {"hosts", CFG_LIST_AT(struct media_settings, hosts, CFG_STRING), .max = 1000, .refused = host_refused,
         .text =
             "The only hosts that are fetched from; `.example.com` also means every host below. None: any public host."},
        {"max_bytes", CFG_SIZE_AT(struct media_settings, max_bytes), .preset = "20MiB", .min = 1024, .max = 256 << 20,
         .text = "Largest single one. 20 MiB is what the largest vendors take as a whole request."},
        {"total_bytes", CFG_SIZE_AT(struct media_settings, total_bytes), .preset = "50MiB", .min = 1024, .max = 1 << 30,
         .text = "All of one request together."},
        {"count", CFG_INT_AT(struct media_settings, count), .preset = "20", .min = 1, .max = 256,
         .text = "How many a request may name."},
        {"parallel", CFG_INT_AT(struct media_settings, parallel), .preset = "4", .min = 1, .max = 32,
         .text = "How many of one request are fetched at a time."},
        {"timeout", CFG_DURATION_AT(struct media_settings, timeout_ns), .preset = "10s", .min = 100 * SL_MS,
         .max = 300 * SL_SEC, .text = "How long a single one may take, redirects included."},
        {"plain_http", CFG_BOOL_AT(struct media_settings, plain_http), .preset = "false",
         .text = "Whether `http://` is fetched, too. Anybody on the way can read and change what comes."},
        {"allow_private", CFG_BOOL_AT(struct media_settings, allow_private), .preset = "false",
         .text =
             "Whether `hosts` may have private and loopback addresses: a store within your own network. Only together with "
             "`hosts`, since clients choose the URLs."},
        CFG_END}};

static const struct cfg_word SCOPE[] = {
    {"key", RESPONSES_OF_KEY, "the key that made it, and the one it was rotated to"},
    {"tenant", RESPONSES_OF_TENANT, "every key of its tenant"},
    {NULL, 0, NULL}};
static const struct cfg_word WRITE[] = {
    {"kept", RESPONSES_KEPT, "survives a crash of this process (kill -9)"},
    {"synced", RESPONSES_SYNCED, "survives a crash of the machine; waits for the disk"},
    {NULL, 0, NULL}};

const struct cfg_section responses_settings_section = {
    .settings = (const struct cfg_setting[]){
        {"store", CFG_BOOL_AT(struct responses_settings, store), .preset = "true",
         .text =
             "Whether responses are stored as OpenAI stores them, unless a request says `store: false`. With `off` "
             "nothing is, here or at a provider: every answer says `store: false`, and `previous_response_id` is "
             "refused. Answers of providers with `zero_retention` are never stored. What was stored before stays until its "
             "time is over or it is deleted."},
        {"keep", CFG_DURATION_AT(struct responses_settings, keep_ns), .preset = "30d", .min = SL_SEC,
         .max = 10 * 365 * 24 * 60 * SL_MIN,
         .text = "How long a response is kept. What a newer one goes on from lives as long as that."},
        {"max_bytes", CFG_SIZE_AT(struct responses_settings, max_bytes), .preset = "32MiB", .min = 1 << 10,
         .max = 512 << 20,
         .text =
             "A response that is larger, with its own input, is not stored. A whole conversation may be as large as a "
             "request's body (`listen.limits.decoded_body_bytes`)."},
        {"per_key", CFG_SIZE_AT(struct responses_settings, per_key), .preset = "1GiB", .min = 0,
         .max = INT64_C(1) << 40, .flags = CFG_OFF,
         .text = "What all responses of one key may take. Beyond it the oldest of that key are deleted."},
        {"scope", CFG_ENUM_AT(struct responses_settings, scope, SCOPE), .preset = "key",
         .text = "Who may read, continue and delete a response. Everybody else is told that it does not exist."},
        {"write", CFG_ENUM_AT(struct responses_settings, write, WRITE), .preset = "kept",
         .text = "How durable a response must be before the client gets the end of its answer."},
        {"except", CFG_LIST_AT(struct responses_settings, except, CFG_STRING), .max = 10000,
         .text = "Tenants for which nothing is stored, as with `store: off`."},
        CFG_END}};

static const char *callback_refused(struct sl_str url)
{
    if (url.n == 0)
        return NULL;
    if (!sl_str_starts(url, SL_STR("https://")) && !sl_str_starts(url, SL_STR("http://")))
        return "is no http(s) URL";
    return sl_str_ends(url, SL_STR("/")) ? "must not end with '/'" : NULL;
}

const struct cfg_section videos_settings_section = {
    .settings = (const struct cfg_setting[]){
        {"keep", CFG_DURATION_AT(struct videos_settings, keep_ns), .preset = "30d", .min = SL_MIN,
         .max = 10 * 365 * 24 * 60 * SL_MIN,
         .text =
             "How long a video job is remembered, from its creation. The video itself is at the provider, for as long as that "
             "keeps it, unless `content` says where copies go."},
        {"keep_prompts", CFG_BOOL_AT(struct videos_settings, keep_prompts), .preset = "true",
         .text =
             "Whether the prompt is kept with the job and shown again. Without it a job whose create got no answer is harder "
             "to find at providers that have no place for a mark."},
        {"zero_retention", CFG_BOOL_AT(struct videos_settings, zero_retention), .preset = "false",
         .text =
             "Whether providers with `zero_retention` may run video jobs: every provider keeps the prompt and the video until "
             "they are fetched."},
        {"polls_per_second", CFG_INT_AT(struct videos_settings, polls_per_second), .preset = "10", .min = 1,
         .max = 1000,
         .text = "Calls about jobs to one provider, at most. Where a provider lists jobs, one call asks for many."},
        {"poll_first", CFG_DURATION_AT(struct videos_settings, poll_first_ns), .preset = "0s", .min = 0,
         .max = 600 * SL_SEC, .text = "When a new job is looked at first. 0: as is usual for the provider."},
        {"poll_interval", CFG_DURATION_AT(struct videos_settings, poll_ns), .preset = "0s", .min = 0,
         .max = 600 * SL_SEC,
         .text =
             "How long to wait between the first looks; later ones are further apart. 0: as is usual for the provider."},
        {"poll_max", CFG_DURATION_AT(struct videos_settings, poll_max_ns), .preset = "0s", .min = 0,
         .max = 3600 * SL_SEC, .text = "The longest wait between two looks. 0: as is usual for the provider."},
        {"resolve_for", CFG_DURATION_AT(struct videos_settings, resolve_ns), .preset = "2m", .min = SL_SEC,
         .max = 3600 * SL_SEC,
         .text =
             "How long a job whose create got no answer is looked for in the provider's list, in five looks. It is never sent "
             "again."},
        {"callback_url", CFG_STRING_AT(struct videos_settings, callback_url), .refused = callback_refused,
         .text =
             "Where providers reach this gateway from outside: `https://gateway.example.com`. Those that can are then told to "
             "call `/callbacks/videos/TOKEN` there when a job changes; it is only a reason to look at the job at once."},
        {"webhook_secret", CFG_SECRET_AT(struct videos_settings, webhook_secret),
         .text =
             "What webhooks to clients are signed with: `whsec_` and base64, or any text. Without it `webhook_url` (and "
             "Ark's `callback_url`) is refused."},
        {"webhook_previous", CFG_SECRET_AT(struct videos_settings, webhook_previous),
         .text =
             "The secret before `webhook_secret`: webhooks carry both signatures, until all receivers know the new one."},
        {"webhook_hosts", CFG_LIST_AT(struct videos_settings, webhook_hosts, CFG_STRING), .max = 1000,
         .refused = host_refused,
         .text =
             "The only hosts that webhooks go to; `.example.com` also means every host below. None: any public host."},
        {"content", CFG_SECTION_AT(struct videos_settings, content, &keep_settings_section),
         .text =
             "Where finished videos are copied to, so that they can be had when the provider has them no more. Without it they are "
             "passed through from there. Nothing is kept for tenants under `responses.except`, with `responses.store: false`, or of "
             "providers with `zero_retention`."},
        {"webhook_private", CFG_BOOL_AT(struct videos_settings, webhook_private), .preset = "false",
         .text = "Whether `webhook_hosts` may have private addresses and be spoken to by `http://`. Only together with "
                 "`webhook_hosts`, since clients choose the addresses."},
        CFG_END}};

const struct cfg_section files_settings_section = {
    .settings = (const struct cfg_setting[]){
        {"provider", CFG_STRING_AT(struct files_settings, provider),
         .text =
             "Name of the provider that new files and batches go to, for clients of its format; others, and all without it, use the "
             "first provider that speaks the client's format. A client may name another one in `x-sluice-provider`."},
        {"max_bytes", CFG_SIZE_AT(struct files_settings, max_bytes), .preset = "2GiB", .min = 1024,
         .max = INT64_C(1) << 40, .text = "Largest upload, as a whole form. It passes through; nothing of it is kept."},
        {"time", CFG_DURATION_AT(struct files_settings, time_ns), .preset = "1h", .min = SL_SEC,
         .max = 24 * 60 * SL_MIN,
         .text = "How long a single upload or download may take, instead of `resilience.deadline.total`."},
        CFG_END}};

const struct cfg_section batches_settings_section = {
    .settings = (const struct cfg_setting[]){
        {"parallel", CFG_INT_AT(struct batches_settings, parallel), .preset = "8", .min = 1, .max = 1000,
         .text =
             "Lines of batches that run here at a time, of all batches together, one of each in turn. Their requests count "
             "against the same limits as all others, and are the last to get a place."},
        {"tries", CFG_INT_AT(struct batches_settings, tries), .preset = "5", .min = 1, .max = 100,
         .text =
             "How often a line is run that ends with 408, 409, 425 or 5xx. 429, 503 and 529 are tried again until the batch "
             "expires."},
        {"retry", CFG_DURATION_AT(struct batches_settings, retry_ns), .preset = "1s", .min = 10 * SL_MS,
         .max = 600 * SL_SEC, .text = "The wait before a line is run again, doubled each time up to a minute."},
        {"window", CFG_DURATION_AT(struct batches_settings, window_ns), .preset = "24h", .min = SL_SEC,
         .max = 30 * 24 * 60 * SL_MIN,
         .text = "How long a batch may run. Lines that have not run by then are expired."},
        {"keep", CFG_DURATION_AT(struct batches_settings, keep_ns), .preset = "30d", .min = SL_SEC,
         .max = 10 * 365 * 24 * 60 * SL_MIN,
         .text = "How long a batch and its results are kept behind its end, and a file from its upload."},
        {"poll", CFG_DURATION_AT(struct batches_settings, poll_ns), .preset = "1m", .min = 10 * SL_MS,
         .max = 24 * 60 * SL_MIN,
         .text =
             "How soon the gateway itself asks a provider about a batch that it made, so that what the batch did cost is in the ledger "
             "also when no client asks. An older batch is asked for less often: after an eighth of its age, every 15 minutes "
             "at least."},
        {"max_bytes", CFG_SIZE_AT(struct batches_settings, max_bytes), .preset = "200MiB", .min = 1024,
         .max = INT64_C(8) << 30, .text = "Largest input file that is held here."},
        {"zero_retention", CFG_BOOL_AT(struct batches_settings, zero_retention), .preset = "false",
         .text =
             "Whether providers with `zero_retention` may get lines of batches: their answers are kept here until they are "
             "deleted or `keep` is over."},
        CFG_END}};

static const char *region_refused(struct sl_str text)
{
    for (size_t i = 0; i < text.n; i++)
        if (!((text.p[i] >= 'a' && text.p[i] <= 'z') || (text.p[i] >= '0' && text.p[i] <= '9') || text.p[i] == '-'))
            return "is no region, as in eu or eu-central-1";
    return text.n <= 64 ? NULL : "is longer than a region's name";
}

static const struct cfg_word RETENTION[] = {
    {"any", TENANT_RETENTION_ANY, "as providers and the other settings have it"},
    {"required", TENANT_RETENTION_ZERO,
     "only providers with `zero_retention` get the tenant's requests, and nothing of them is stored here"},
    {NULL, 0, NULL}};

static const struct cfg_word BUDGET_PER[] = {{"day", SPEND_DAY, "from midnight to midnight, UTC"},
                                             {"week", SPEND_WEEK, "from Monday on, UTC"},
                                             {"month", SPEND_MONTH, "of the calendar, UTC"},
                                             {NULL, 0, NULL}};

static const struct cfg_section tenant_budget_section = {
    .settings = (const struct cfg_setting[]){
        {"usd", CFG_STRING_AT(struct tenant_budget_settings, usd), .flags = CFG_REQUIRED, .refused = cfg_usd_refused,
         .text =
             "US dollars that may be spent in a period. A request whose highest cost would pass them is refused before anything is "
             "sent, in the form in which the client's format says that a quota is used up. 0: only what costs nothing."},
        {"per", CFG_ENUM_AT(struct tenant_budget_settings, per, BUDGET_PER), .preset = "month",
         .text = "How long a period is. Each begins with nothing spent."},
        CFG_END}};

static const struct cfg_section tenant_webhook_section = {
    .settings = (const struct cfg_setting[]){
        {"secret", CFG_SECRET_AT(struct tenant_webhook_settings, secret),
         .text =
             "What its webhooks are signed with, instead of `videos.webhook_secret`: `whsec_` and base64, or any text."},
        {"previous", CFG_SECRET_AT(struct tenant_webhook_settings, previous),
         .text = "The secret before that: its webhooks carry both signatures, until all receivers know the new one."},
        CFG_END}};

const struct cfg_section tenant_settings_section = {
    .name_offset = offsetof(struct tenant_settings, name),
    .name_called = "tenant",
    .settings = (const struct cfg_setting[]){
        {"region", CFG_STRING_AT(struct tenant_settings, region), .refused = region_refused,
         .text =
             "Where its requests must stay: only providers whose `region` is this one or begins with it (`eu`: `eu-central-1`, too) "
             "may serve them, in every fallback. Providers without a region are nowhere."},
        {"zero_retention", CFG_ENUM_AT(struct tenant_settings, zero_retention, RETENTION), .preset = "any",
         .text = "Whether anything of its requests and answers may be kept."},
        {"webhook", CFG_SECTION_AT(struct tenant_settings, webhook, &tenant_webhook_section),
         .text = "What the webhooks of its video jobs are signed with."},
        {"budget", CFG_SECTION_AT(struct tenant_settings, budget, &tenant_budget_section),
         .text =
             "What all its keys may spend together. Rules can ask how much of it is used: `when: {budget_used: \">= 80%\"}`."},
        CFG_END}};

const struct cfg_section realtime_settings_section = {
    .settings = (const struct cfg_setting[]){
        {"message_bytes", CFG_SIZE_AT(struct realtime_settings, message_bytes), .preset = "24MiB", .min = 64 << 10,
         .max = 256 << 20,
         .text =
             "Largest message of a session, either way. OpenAI takes 15 MiB of sound in one, which are 20 MiB as base64. "
             "A session holds at most one message and one queue for each direction."},
        {"session", CFG_DURATION_AT(struct realtime_settings, session_ns), .preset = "60m", .min = SL_SEC,
         .max = 24 * 60 * SL_MIN,
         .text =
             "How long a session may last. It ends behind the response that is being made then, or a minute later."},
        {"idle", CFG_DURATION_AT(struct realtime_settings, idle_ns), .preset = "15m", .min = 0, .max = 24 * 60 * SL_MIN,
         .flags = CFG_OFF, .text = "A session in which neither side has said anything for so long is closed."},
        {"ping", CFG_DURATION_AT(struct realtime_settings, ping_ns), .preset = "30s", .min = 0, .max = 60 * SL_MIN,
         .flags = CFG_OFF,
         .text =
             "A side from which no byte came for so long is asked for a life sign; after three times that it is dead."},
        {"max_cost", CFG_STRING_AT(struct realtime_settings, max_cost), .refused = cfg_usd_refused,
         .text =
             "US dollars that a session may cost. When its responses have cost as much, the client is told by an error event and "
             "the session is closed with 1008. None: no bound."},
        {"responses_per_minute", CFG_INT_AT(struct realtime_settings, responses_per_minute), .preset = "0", .min = 0,
         .max = 100000,
         .text =
             "Responses that a session may ask for in a minute, and transcriptions; more are answered by an error event, and the "
             "session goes on (Gemini's Live API has no such events: it is closed with 1013). 0: any. Those that a provider begins by itself (voice detection) are not counted."},
        CFG_END}};
