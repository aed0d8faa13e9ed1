/* See order_check.h. translate-openai-anthropic.md 2.2 (November 2026). */
#include "dialect/order_check.h"

#include "base/map.h"
#include "dialect/terms.h"

static bool refuse(struct sl_str param, const char *what, struct sl_arena *a, struct request_refusal *out)
{
    *out = (struct request_refusal){
        .error = {.error = GE_MEMBER_VALUE,
                  .param = param,
                  .message = sl_arena_printf(a, "'" SL_STR_FMT "' %s.", SL_STR_ARG(param), what)}};
    return false;
}

static bool check_message(const struct neutral_request *r, const struct neutral_message *m, struct sl_map *calls,
                          struct sl_arena *a, struct request_refusal *out)
{
    for (const struct neutral_part *p = m->parts; p != NULL; p = p->next) {
        if (p->kind == NP_TOOL_CALL && p->id.n > 0)
            sl_map_put(calls, p->id, (void *)(uintptr_t)p);
        else if (p->kind == NP_TOOL_RESULT && p->id.n > 0 && sl_map_get(calls, p->id) == NULL)
            return refuse(term_part(r, m, p, a), "is the result of no tool call before it", a, out);
    }
    return true;
}

/* Whether a writer will find something in it to send. */
static bool says_something(const struct neutral_message *m)
{
    for (const struct neutral_part *p = m->parts; p != NULL; p = p->next)
        if (p->kind == NP_UNKNOWN ? m->role == NR_USER /* which a writer refuses by its place */
                                  : p->kind != NP_HOSTED && (p->kind != NP_TEXT || p->text.n > 0))
            return true;
    return false;
}

bool order_check(const struct neutral_request *r, struct sl_arena *a, struct request_refusal *out)
{
    struct sl_map calls;
    bool sound = true, content = false;
    if (r->previous_response_id.n > 0 || r->conversation.n > 0)
        return true; /* the calls are kept elsewhere */
    sl_map_init(&calls);
    for (const struct neutral_message *m = r->messages; m != NULL && sound; m = m->next) {
        content = content || says_something(m);
        sound = check_message(r, m, &calls, a, out);
    }
    sl_map_done(&calls);
    if (sound && !content)
        return refuse(term_of(r, TERM_MESSAGES),
                      "has no content: there must be at least one message that says something", a, out);
    return sound;
}
