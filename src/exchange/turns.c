/* Anthropic pauses a long turn of its own tools (pause_turn) and wants it sent back to go on. Clients of Messages know that; for the
 * others the gateway does it: what came is appended as the assistant's message, and the client gets all turns as one answer. Each is
 * an attempt of its own with its own rows in the ledger.
 *
 *   whole    nothing is shown before the last turn is there; the bodies are read into one answer
 *   stream   RELAY ── paused ──► turns_stream ──► TRY (the same target) ──► RELAY: the client's writer goes on (rescue.c)
 *
 * A turn that cannot go on (too many, too long) ends as "stop" (translate-openai-anthropic.md 3 and 13, November 2026). */
#include "dialect/json_tree.h"
#include "dialect/relay_translate.h"
#include "exchange/exchange_int.h"

#define TURNS_MAX 5u /* beyond the first */
#define TURNS_BYTES (64u << 20)

struct exchange_turns { /* in the exchange's arena */
    unsigned candidate; /* whose turns these are */
    unsigned n;
    bool more; /* the last one paused */
    size_t bytes;
    struct sl_str bodies[TURNS_MAX + 1], content[TURNS_MAX + 1]; /* whole answers; raw lists of blocks */
};

static bool are_kept(const struct exchange *x)
{
    return x->turns != NULL && x->turns->candidate == x->at_candidate && x->turns->n > 0;
}

unsigned turns_answered(const struct exchange *x)
{
    return are_kept(x) ? x->turns->n : 0;
}

bool turns_want_more(const struct exchange *x)
{
    return are_kept(x) && x->turns->more && x->n_tries < EXCHANGE_TRIES_MAX;
}

/* The list of blocks of an answer, as it stood. */
static struct sl_str content_of(struct exchange *x, struct sl_str body)
{
    struct json_tree t;
    if (!json_tree_read(&t, body, &x->attempt_arena))
        return SL_STR_NONE;
    const struct json_node *content = json_get(&t, json_root(&t), SL_STR("content"));
    return json_kind_of(content) == JSON_ARRAY && content->children > 0 ? sl_arena_str(x->a, json_raw_of(&t, content))
                                                                        : SL_STR_NONE;
}

/* Room for one more of this candidate's; NULL: it is not asked again. */
static struct exchange_turns *room(struct exchange *x, size_t bytes)
{
    struct exchange_turns *u = x->turns;
    if (u == NULL)
        x->turns = u = SL_ARENA_NEW(x->a, struct exchange_turns);
    if (u->candidate != x->at_candidate) {
        u->n = 0;
        u->bytes = 0;
    }
    u->candidate = x->at_candidate;
    return u->n < TURNS_MAX && u->bytes + bytes <= TURNS_BYTES && x->n_tries < EXCHANGE_TRIES_MAX ? u : NULL;
}

/* Keeps a turn that paused. False: it is the last that is asked for. */
static bool keep(struct exchange *x, struct sl_str body)
{
    if (!x->answer_seen.paused || x->up->errors != ERRORS_ANTHROPIC)
        return false;
    struct sl_str content = content_of(x, body);
    struct exchange_turns *u = content.n > 0 ? room(x, body.n) : NULL;
    if (u == NULL)
        return false;
    u->bodies[u->n] = sl_arena_str(x->a, body);
    u->content[u->n++] = content;
    u->bytes += body.n;
    return true;
}

bool turns_answer(struct exchange *x, struct sl_str body, struct sl_buf *out)
{
    struct relay_state all = {.events = 0};
    if (!relay_translate_answer(x->translation, body, x->facts.stream, out, &x->answer_seen))
        return false;
    bool more = keep(x, body);
    if (x->turns != NULL)
        x->turns->more = more;
    if (more) {
        sl_buf_reset(out);
        return true;
    }
    if (!are_kept(x))
        return true;
    sl_buf_reset(out);
    x->turns->bodies[x->turns->n] = body;
    return relay_translate_answers(x->translation, x->turns->bodies, x->turns->n + 1, RELAY_JOIN_TURNS, x->facts.stream,
                                   out, &all);
}

/* What stands in the body before its list of messages ends goes first, then what paused, in one message of the assistant's. */
static struct sl_str with_turns(struct exchange *x, struct sl_str body)
{
    struct json_tree t;
    struct sl_buf b;
    if (!json_tree_read(&t, body, &x->attempt_arena))
        return body;
    const struct json_node *messages = json_get(&t, json_root(&t), SL_STR("messages"));
    if (json_kind_of(messages) != JSON_ARRAY)
        return body;
    size_t end = messages->at + messages->n - 1u;
    sl_buf_init(&b, body.n + x->turns->bytes + 256);
    sl_buf_add(&b, body.p, end);
    sl_buf_adds(&b, messages->children > 0 ? SL_STR(",") : SL_STR_NONE);
    sl_buf_adds(&b, SL_STR("{\"role\":\"assistant\",\"content\":["));
    for (unsigned i = 0; i < x->turns->n; i++) {
        struct sl_str list = x->turns->content[i];
        if (i > 0)
            sl_buf_addc(&b, ',');
        sl_buf_add(&b, list.p + 1, list.n - 2);
    }
    sl_buf_adds(&b, SL_STR("]}"));
    sl_buf_add(&b, body.p + end, body.n - end);
    struct sl_str out = b.over ? body : sl_arena_str(&x->attempt_arena, sl_buf_str(&b));
    sl_buf_done(&b);
    return out;
}

void turns_append(struct exchange *x)
{
    if (!are_kept(x) || x->pieces.n != 1)
        return;
    struct sl_str body = with_turns(x, sl_str_of(x->pieces.v[0].iov_base, x->pieces.v[0].iov_len));
    struct iovec *v = SL_ARENA_NEW(&x->attempt_arena, struct iovec);
    *v = (struct iovec){.iov_base = (void *)(uintptr_t)body.p, .iov_len = body.n};
    x->pieces.v = v;
    x->pieces.bytes = body.n;
}

/* -- Streams --------------------------------------------------------------------------------------------------------------- */

/* Only these tools pause; without one nothing of the stream is kept. */
static bool has_its_own_tools(const struct neutral_request *req)
{
    for (const struct neutral_tool *tool = req->tools; tool != NULL; tool = tool->next)
        if (tool->kind == NT_WEB_SEARCH || tool->kind == NT_HOSTED)
            return true;
    for (const struct neutral_member *m = req->unknown; m != NULL; m = m->next)
        if (sl_str_eq(m->name, SL_STR("mcp_servers")) || sl_str_eq(m->name, SL_STR("container")))
            return true;
    return false;
}

bool turns_listens(struct exchange *x)
{
    return x->out_stream && x->up != x->dialect && x->up->codec->turn_of_events != NULL &&
           has_its_own_tools(x->neutral) && room(x, 0) != NULL;
}

bool turns_paused(const struct exchange *x)
{
    return x->is_stream && x->translation != NULL && x->relay_live && x->foreign.pauses;
}

bool turns_stream(struct exchange *x)
{
    if (!x->is_stream || x->seen->turn.n == 0)
        return false;
    struct exchange_turns *u = room(x, x->seen->turn.n); /* it was there when the stream began */
    if (u == NULL)
        return false;
    u->more = false;
    u->bytes += x->seen->turn.n;
    u->content[u->n++] = sl_arena_str(x->a, x->seen->turn);
    return rescue_turn(x);
}
