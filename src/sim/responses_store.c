/* Responses that are kept, as OpenAI keeps them: for previous_response_id and to be asked for, deleted and listed. The newest
 * RESPONSES_KEPT of them; openai.md 7.1, 7.7. */
#include "base/mem.h"
#include "sim/responses.h"

struct responses_store {
    struct responses_kept kept[RESPONSES_KEPT];
    uint64_t n;
};

static void clear(struct responses_kept *k)
{
    sl_buf_done(&k->body);
    sl_buf_done(&k->items);
    sl_buf_done(&k->order);
    memset(k, 0, sizeof *k);
}

void responses_store_free(struct responses_store *s)
{
    for (size_t i = 0; s != NULL && i < RESPONSES_KEPT; i++)
        clear(&s->kept[i]);
    sl_free(s);
}

struct responses_kept *responses_find(struct sim *s, struct sl_str id, uint64_t socket)
{
    for (size_t i = 0; s->responses != NULL && id.n > 0 && i < RESPONSES_KEPT; i++) {
        const struct responses_kept *k = &s->responses->kept[i];
        if (sl_str_eq(sl_str_c(k->id), id) && (k->socket == 0 || k->socket == socket))
            return &s->responses->kept[i];
    }
    return NULL;
}

struct responses_kept *responses_find_item(struct sim *s, struct sl_str id)
{
    if (s->responses == NULL || id.n < 10 || id.n >= RESPONSES_ID)
        return NULL;
    for (size_t i = 0; i < RESPONSES_KEPT; i++) {
        if (sl_str_find_str(sl_buf_str(&s->responses->kept[i].body), id) >= 0)
            return &s->responses->kept[i];
    }
    return NULL;
}

void responses_keep(struct sim_call *c, struct sl_str body)
{
    const struct responses_more *m = c->more;
    if ((!m->store && !c->is_turn) || body.n > RESPONSES_BYTES || m->items.n > RESPONSES_BYTES)
        return;
    if (c->sim->responses == NULL)
        c->sim->responses = SL_NEW(struct responses_store);
    struct responses_kept *k = &c->sim->responses->kept[c->sim->responses->n++ % RESPONSES_KEPT];
    clear(k);
    sl_buf_init(&k->body, SIM_ANSWER_MAX);
    sl_buf_init(&k->items, SIM_ANSWER_MAX);
    sl_buf_init(&k->order, SIM_ANSWER_MAX);
    memcpy(k->id, c->id, sizeof c->id);
    sl_buf_adds(&k->body, body);
    sl_buf_adds(&k->items, m->items);
    sl_buf_adds(&k->order, m->order);
    k->socket = m->store ? 0 : sim_socket_number(c);
    k->background = m->background;
    k->runs = m->background && !c->stream;
    k->rounds = m->rounds;
    k->tokens = c->prompt + c->tokens;
    for (unsigned i = 0; i < c->n_tools; i++) {
        struct sl_str id = responses_call_id(c, i);
        ptrdiff_t at = sl_str_find_str(sl_buf_str(&k->body), id);
        if (at >= 0)
            k->calls[k->n_calls++] = sl_str_of(k->body.p + at, id.n);
    }
}

/* ---- asked for ---- */

static void answer_items(struct sim_call *c, const struct responses_kept *k)
{
    struct sl_buf b;
    struct sl_str items = sl_buf_str(&k->items);
    bool list = items.n > 0 && items.p[0] == '[';
    sl_buf_init(&b, SIM_ANSWER_MAX);
    sl_buf_adds(&b, SL_STR("{\"object\":\"list\",\"data\":"));
    if (!list)
        sl_buf_adds(
            &b,
            SL_STR(
                "[{\"id\":\"msg_in00\",\"type\":\"message\",\"role\":\"user\",\"status\":\"completed\",\"content\":[{"
                "\"type\":\"input_text\",\"text\":"));
    sl_buf_adds(&b, items.n > 0 ? items : SL_STR("\"\""));
    sl_buf_adds(&b, list ? SL_STR_NONE : SL_STR("}]}]"));
    sl_buf_adds(&b, SL_STR(",\"first_id\":\"msg_in00\",\"last_id\":\"msg_in00\",\"has_more\":false}"));
    sim_answer(c, 200, SIM_JSON, sl_buf_str(&b));
    sl_buf_done(&b);
}

static bool refuse_unknown(struct sim_call *c, struct sl_str id)
{
    struct sl_str message =
        sl_arena_printf(c->s->arena, "Response with id '" SL_STR_FMT "' not found.", SL_STR_ARG(sl_str_head(id, 100)));
    sim_refuse(c, &(struct sim_error){.status = 404, .type = "invalid_request_error", .message = message.p});
    return true;
}

/* The body with another status. */
static void set_status(struct responses_kept *k, struct sl_str status, struct sl_buf *out)
{
    struct sl_str rest = sl_buf_str(&k->body), name = SL_STR("\"status\":\"");
    ptrdiff_t at = sl_str_find_str(rest, name);
    if (at < 0)
        return;
    sl_buf_adds(out, sl_str_head(rest, (size_t)at + name.n));
    rest = sl_str_from(rest, (size_t)at + name.n);
    sl_str_cut(&rest, '"');
    sl_buf_adds(out, status);
    sl_buf_addc(out, '"');
    sl_buf_adds(out, rest);
}

static void answer_get(struct sim_call *c, struct responses_kept *k)
{
    struct sl_buf b;
    sl_buf_init(&b, SIM_ANSWER_MAX);
    if (sl_str_find_str(c->r->query, SL_STR("stream=true")) >= 0 && k->background) {
        sl_buf_adds(&b,
                    SL_STR("event: response.completed\ndata: {\"type\":\"response.completed\",\"sequence_number\":9,"
                           "\"response\":"));
        sl_buf_adds(&b, sl_buf_str(&k->body));
        sl_buf_adds(&b, SL_STR("}\n\n"));
        sim_answer(c, 200, SL_STR("text/event-stream; charset=utf-8"), sl_buf_str(&b));
    } else if (k->runs) {
        set_status(k, SL_STR("in_progress"), &b);
        k->runs = false;
        sim_answer(c, 200, SIM_JSON, sl_buf_str(&b));
    } else {
        sim_answer(c, 200, SIM_JSON, sl_buf_str(&k->body));
    }
    sl_buf_done(&b);
}

static void answer_cancel(struct sim_call *c, struct responses_kept *k)
{
    struct sl_buf b;
    if (!k->background) {
        sim_refuse(c, &(struct sim_error){.status = 400,
                                          .type = "invalid_request_error",
                                          .message = "Cannot cancel a synchronous response."});
        return;
    }
    if (k->runs) {
        sl_buf_init(&b, SIM_ANSWER_MAX);
        set_status(k, SL_STR("cancelled"), &b);
        sl_buf_done(&k->body);
        k->body = b;
        k->n_calls = 0; /* views of the old body */
    }
    k->runs = false;
    sim_answer(c, 200, SIM_JSON, sl_buf_str(&k->body));
}

bool responses_serve(struct sim_call *c)
{
    struct sl_str path = c->r->path;
    if (sl_str_starts(path, SL_STR("/v1/")))
        path = sl_str_from(path, 3);
    if (!sl_str_starts(path, SL_STR("/responses/")))
        return false;
    struct sl_str rest = sl_str_from(path, 11), id = sl_str_cut(&rest, '/');
    struct responses_kept *k = responses_find(c->sim, id, 0);
    enum http_method method = c->r->method;
    bool bare = rest.p == NULL;
    if (bare ? method != HTTP_GET && method != HTTP_DELETE
             : !sl_str_eq(rest, SL_STR("input_items")) && !sl_str_eq(rest, SL_STR("cancel")))
        return false;
    if (k == NULL)
        return refuse_unknown(c, id);
    if (!bare && method == HTTP_GET) {
        answer_items(c, k);
    } else if (!bare) {
        answer_cancel(c, k);
    } else if (method == HTTP_DELETE) {
        clear(k);
        struct sl_str said = sl_arena_printf(
            c->s->arena, "{\"id\":\"" SL_STR_FMT "\",\"object\":\"response\",\"deleted\":true}", SL_STR_ARG(id));
        sim_answer(c, 200, SIM_JSON, said);
    } else {
        answer_get(c, k);
    }
    return true;
}
