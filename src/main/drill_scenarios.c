/* The 22 scenarios. If you add one: a row here, a line in docs/internals/drill.md when it needs more than a row. */
#include "main/drill.h"

#define OWN INT64_MIN
#define TOLD 8          /* requests where the victim is told beforehand, and orders that draw may ask others first */
#define STREAM_EVENTS 8 /* that the client has seen before it breaks */

static const struct drill_scenario rows[] = {
    {.name = "rate-limit", .text = "429 with retry-after, once", .fault = "429", .arg = OWN, .times = 1},
    {.name = "rate-limit-stays", .text = "429 again and again", .fault = "429", .arg = OWN, .requests = 6},
    {.name = "error-once", .text = "500, once", .fault = "500", .arg = OWN, .times = 1},
    {.name = "overload", .text = "503 again and again", .fault = "503", .arg = OWN, .requests = 6},
    {.name = "reset", .text = "connections are reset before the answer", .fault = "reset-before-head", .arg = OWN},
    {.name = "silence", .text = "no answer at all", .fault = "hang", .arg = OWN},
    {.name = "slow-first-token",
     .text = "the first token comes too late",
     .fault = "slow",
     .slow = true,
     .forms = DRILL_STREAMED},
    {.name = "stream-cut",
     .text = "the stream is cut off",
     .fault = "reset",
     .arg = STREAM_EVENTS,
     .expect = DRILL_BROKEN,
     .forms = DRILL_STREAMED},
    {.name = "stream-stalls",
     .text = "the stream stands still",
     .fault = "stall",
     .arg = STREAM_EVENTS,
     .expect = DRILL_BROKEN,
     .forms = DRILL_STREAMED},
    {.name = "malformed",
     .text = "a chunk, or the answer, is no JSON",
     .fault = "garbage-chunk",
     .fault_whole = "garbage-body",
     .arg = STREAM_EVENTS,
     .expect = DRILL_BROKEN},
    {.name = "missing-end",
     .text = "the answer lacks its end",
     .fault = "missing-end",
     .fault_whole = "length-long",
     .arg = STREAM_EVENTS,
     .expect = DRILL_BROKEN},
    {.name = "context-overflow",
     .text = "the prompt is too long for the model",
     .fault = "context",
     .arg = OWN,
     .too_long = true},
    {.name = "content-filter",
     .text = "the vendor's filter refuses",
     .fault = "content-policy",
     .arg = OWN,
     .expect = DRILL_REFUSAL},
    {.name = "prefill-refused",
     .text = "the stream is cut off, and the next model takes no prefill",
     .fault = "reset",
     .arg = STREAM_EVENTS,
     .no_prefill = true,
     .expect = DRILL_BROKEN,
     .forms = DRILL_STREAMED},
    {.name = "flapping", .text = "bad and well by turns", .fault = "503", .arg = OWN, .flaps = true, .requests = 24},
    {.name = "accounting",
     .text = "after failures the ledger is what the providers counted",
     .fault = "500",
     .arg = OWN,
     .times = 2,
     .requests = 8,
     .accounts = true},
    {.name = "expired-certificate",
     .text = "the provider's certificate has expired",
     .at = DRILL_CERTIFICATE,
     .requests = TOLD},
    {.name = "name-lookup", .text = "the provider's name leads nowhere", .at = DRILL_NAME_LOOKUP, .requests = TOLD},
    {.name = "no-credit", .text = "the account has no credit", .fault = "credit", .arg = OWN, .at = DRILL_PROVIDER},
    {.name = "revoked-key", .text = "the key is refused", .fault = "401", .arg = OWN, .at = DRILL_KEY},
    {.name = "region-outage",
     .text = "nobody of the provider's region answers",
     .fault = "503",
     .arg = OWN,
     .at = DRILL_REGION,
     .requests = 3},
    {.name = "all-down",
     .text = "all providers fail",
     .fault = "503",
     .arg = OWN,
     .at = DRILL_ALL,
     .expect = DRILL_ERROR,
     .requests = 2},
};

const struct drill_scenario *drill_scenario_at(unsigned i)
{
    return i < sizeof rows / sizeof rows[0] ? &rows[i] : NULL;
}

const struct drill_scenario *drill_scenario_find(struct sl_str name)
{
    const struct drill_scenario *s;
    for (unsigned i = 0; (s = drill_scenario_at(i)) != NULL; i++) {
        if (sl_str_eq(sl_str_c(s->name), name))
            return s;
    }
    return NULL;
}
