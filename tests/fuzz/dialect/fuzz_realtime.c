/* Messages of the Realtime API and of Responses over a WebSocket: whatever they are, what is read of them are views of them; and an error that names a client's event
 * is one that reads back. */
#include "dialect/realtime.h"

#include "base/check.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void within(struct sl_str part, struct sl_str all)
{
    SL_CHECK(part.n == 0 || (part.p >= all.p && part.p + part.n <= all.p + all.n));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct sl_str message = sl_str_of(data, size);
    struct realtime_event e, back;
    struct sl_arena a;
    sl_arena_init(&a, NULL);
    realtime_look_client(message, &e);
    within(e.id, message);
    SL_CHECK(e.delta <= size);
    if (e.id.n > 0) {
        realtime_look_server(realtime_error(&a, SL_STR("1"), &(struct error_facts){.error = GE_SESSION_ENDS}, &e),
                             &back);
        SL_CHECK(back.kind == RT_ERROR && sl_str_eq(back.cause, e.id));
    }
    realtime_look_server(message, &e);
    within(e.id, message);
    within(e.response, message);
    within(e.cause, message);
    within(e.model, message);
    within(e.error.message, message);
    SL_CHECK(e.delta <= size && (!e.usage.bad || e.usage.found));
    responses_look_client(message, &e);
    within(e.lane, message);
    within(e.model, message);
    if (e.lane.n > 0) {
        responses_look_server(responses_error(&a, SL_STR("1"), &(struct error_facts){.error = GE_SESSION_ENDS}, &e),
                              &back);
        SL_CHECK(back.kind == RT_ERROR && sl_str_eq(back.lane, e.lane));
    }
    responses_look_server(message, &e);
    within(e.response, message);
    within(e.lane, message);
    within(e.error.message, message);
    SL_CHECK(e.delta <= size);
    struct sl_str error = responses_error_of(&a, 400, message);
    if (error.n > 0) {
        responses_look_server(error, &back);
        SL_CHECK(back.kind == RT_ERROR);
    }
    sl_arena_done(&a);
    return 0;
}
