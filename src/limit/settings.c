#include "limit/settings.h"

#include "base/clock.h"

static const struct cfg_word HEADER[] = {{"lower", PRIORITY_LOWER, "a request may go behind its class, never ahead"},
                                         {"any", PRIORITY_ANY, "a request chooses its class itself"},
                                         {"ignored", PRIORITY_IGNORED, "the header says nothing"},
                                         {NULL, 0, NULL}};

static const char *who_refused(struct sl_str who)
{
    static const struct sl_str kinds[] = {SL_STR_INIT("key:"), SL_STR_INIT("tenant:"), SL_STR_INIT("model:"),
                                          SL_STR_INIT("route:")};
    for (size_t i = 0; i < sizeof kinds / sizeof *kinds; i++)
        if (sl_str_starts(who, kinds[i]) && who.n > kinds[i].n)
            return NULL;
    return "says not who: write key:NAME, tenant:NAME, model:NAME or route:NAME";
}

static const struct cfg_section PRIORITY = {
    .settings = (const struct cfg_setting[]){
        {"high", CFG_LIST_AT(struct priority_settings, high, CFG_STRING), .max = 1000, .refused = who_refused,
         .text =
             "Whose requests go first: `key:NAME`, `tenant:NAME`, `model:NAME` (as asked for), `route:NAME`. The first "
             "of these four kinds that is listed, here or under `low`, counts."},
        {"low", CFG_LIST_AT(struct priority_settings, low, CFG_STRING), .max = 1000, .refused = who_refused,
         .text = "Whose go last: work that can wait. All others are in between."},
        {"header", CFG_ENUM_AT(struct priority_settings, header, HEADER), .preset = "lower",
         .text = "What `x-sluice-priority: high`, `normal` or `low` (also `batch`) of a request may do."},
        CFG_END}};

const struct cfg_section limit_settings_section = {
    .settings = (const struct cfg_setting[]){
        {"exchanges", CFG_INT_AT(struct limit_settings, exchanges), .preset = "0", .min = 0, .max = 1 << 24,
         .text =
             "Requests that are served at the same time in the whole process; more wait (`queue`) or are refused. 0: "
             "no limit but that of connections and memory."},
        {"queue", CFG_INT_AT(struct limit_settings, queue), .preset = "256", .min = 0, .max = 1 << 20,
         .text = "Requests that wait for one of these places, in the order in which they came, but so that a key that "
                 "sends many does not keep the others waiting. 0: nobody waits."},
        {"queue_wait", CFG_DURATION_AT(struct limit_settings, queue_ns), .preset = "2s", .min = SL_MS,
         .max = 600 * SL_SEC, .text = "How long one waits; then it is refused with 503 and a retry-after."},
        {"memory", CFG_SIZE_AT(struct limit_settings, memory), .preset = "0", .min = 0, .max = INT64_C(1) << 44,
         .text =
             "Bytes that requests in flight may hold together: their bodies, answers that are held back, and what was made of "
             "both. Above it new requests wait or are refused as with `exchanges`, and a body that does not fit is not read. "
             "What is sent to slow clients (`relay.client_queue`) and connections come on top. 0: no limit."},
        {"adaptive", CFG_BOOL_AT(struct limit_settings, adaptive), .preset = "false",
         .text =
             "Whether fewer requests than `exchanges` are taken on while this process does not keep up: when its loops run "
             "50 ms late or more, a tenth less each second (never below 16); back by and by when they do not."},
        {"priority", CFG_SECTION_AT(struct limit_settings, priority, &PRIORITY),
         .text =
             "Who goes first while requests wait. Of ten places that come free high has six, normal three and low one, "
             "as long as all have somebody waiting; a full queue makes room for a request at the cost of the last one of a "
             "lower class."},
        CFG_END}};
