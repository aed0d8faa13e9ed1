/* Messages of the Realtime API, of Responses over a WebSocket and of Gemini's Live API: whatever they are, what is read of them are views
 * of them; an error that names a client's event is one that reads back, and a model that is put into a message stands there alone. */
#include "dialect/realtime.h"

#include "base/check.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void within(struct sl_str part, struct sl_str all)
{
    SL_CHECK(part.n == 0 || (part.p >= all.p && part.p + part.n <= all.p + all.n));
}

/* What the gateway does with a first message: other bytes in the place of the model. */
static void renamed(struct sl_str message, const struct realtime_event *e,
                    void (*look)(struct sl_str message, struct realtime_event *out), struct sl_arena *a)
{
    struct realtime_event back;
    if (e->kind != RT_SETUP || e->model.n == 0)
        return;
    size_t at = (size_t)(e->model.p - message.p);
    struct sl_str other = sl_arena_printf(a, SL_STR_FMT "models/other" SL_STR_FMT, SL_STR_ARG(sl_str_head(message, at)),
                                          SL_STR_ARG(sl_str_from(message, at + e->model.n)));
    look(other, &back);
    SL_CHECK(back.kind == RT_SETUP && sl_str_eq(back.model, SL_STR("models/other")));
}

static void look_at_live(struct sl_str message, struct sl_arena *a)
{
    struct realtime_event e;
    live_look_client(message, &e);
    within(e.model, message);
    SL_CHECK(e.delta <= message.n);
    renamed(message, &e, live_look_client, a);
    live_look_server(message, &e);
    SL_CHECK(e.delta <= message.n && e.audio <= message.n && (e.kind == RT_PIECE || e.kind == RT_OTHER));
    SL_CHECK(e.kind == RT_PIECE || (!e.ends && !e.usage.found && e.delta == 0));
    struct answer_error error = live_close_error(1008, message);
    SL_CHECK(error.found && error.status >= 400);
    (void)live_error_of(a, 400, message);
}

static void look_at_transcription(struct sl_str message, struct sl_arena *a)
{
    struct realtime_event e;
    transcription_look_client(message, &e);
    within(e.id, message);
    within(e.model, message);
    SL_CHECK(e.delta <= message.n);
    renamed(message, &e, transcription_look_client, a);
    struct sl_str error = realtime_error_of(a, 400, message);
    if (error.n > 0) { /* the provider's own object, be it as odd as it likes, in an event */
        struct json_member m[2];
        struct json_info info;
        static const struct json_watch of[] = {{SL_STR_INIT("type"), -1}, {SL_STR_INIT("error"), -1}};
        SL_CHECK(json_scan(error, of, 2, m, &info) == JSON_OK && m[0].kind == JSON_STRING && m[1].kind == JSON_OBJECT);
    }
    (void)transcription_setup(a, message);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct sl_str message = sl_str_of(data, size);
    struct realtime_event e, back;
    struct sl_arena a;
    sl_arena_init(&a, NULL);
    look_at_live(message, &a);
    look_at_transcription(message, &a);
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
