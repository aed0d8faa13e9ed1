/* The facts of a request, and the same request for a provider that speaks Responses, too. The frame of the body is that of chat
 * (model, stream, tools, the gateway's own members), so chat's decoder reads it and this adds what is called differently. */
#include "dialect/json_tree.h"
#include "dialect/openai_chat/openai_chat.h"
#include "dialect/openai_responses/openai_responses.h"

static uint64_t count_of(struct sl_str body, const struct json_member *m)
{
    uint64_t v = 0;
    return m->kind == JSON_NUMBER && json_count(json_raw(body, m), &v) ? v : 0;
}

bool responses_request_decode(enum operation op, struct sl_str body, struct sl_arena *a,
                              struct request_facts *out_facts, struct request_refusal *out_refusal)
{
    struct request_facts *f = out_facts;
    if (!openai_request_decode(op, body, a, f, out_refusal))
        return false;
    const struct json_member *at = f->at;
    f->stream = op == OP_RESPONSES && at[RM_STREAM].kind == JSON_TRUE;
    f->max_output = count_of(body, &at[RM_MAX_OUTPUT_TOKENS]);
    f->n = 1;
    f->json_output = at[RM_TEXT_FORMAT].kind == JSON_OBJECT;
    f->modalities = 0;
    f->messages = at[RM_INPUT].kind == JSON_ARRAY ? at[RM_INPUT].children : at[RM_INPUT].kind == JSON_STRING ? 1 : 0;
    f->payload_bytes += at[RM_INSTRUCTIONS].to - at[RM_INSTRUCTIONS].from;
    f->payload_bytes += at[RM_TEXT].to - at[RM_TEXT].from;
    return true;
}

/* -- The same for a provider of this format ------------------------------------------------------------------------- */

/* Reasoning that another vendor's model sealed, when the conversation was there before: this provider would refuse it. Of what
 * was stored here also such that nobody sealed: it has an id that this provider never gave. */
static bool is_foreign(const struct json_tree *t, const struct json_node *item, bool restored)
{
    struct sl_str sealed = json_get_inside(t, item, SL_STR("encrypted_content"));
    return json_text_is(t, json_get(t, item, SL_STR("type")), SL_STR("reasoning")) &&
           (sl_str_starts(sealed, SL_STR("slc1.")) || (restored && sealed.n == 0));
}

/* The body without such items; the body itself where there are none. */
static struct sl_str without_foreign(struct sl_str body, const struct json_member *input, bool restored,
                                     struct sl_arena *a)
{
    struct json_tree t;
    bool any = false;
    if (input->kind != JSON_ARRAY || (!restored && sl_str_find_str(body, SL_STR("\"slc1.")) < 0) ||
        !json_tree_read(&t, json_raw(body, input), a))
        return body;
    char *out = sl_arena_alloc(a, body.n + 1);
    size_t n = input->from + 1;
    memcpy(out, body.p, n);
    for (JSON_EACH(&t, json_root(&t), it)) {
        struct sl_str raw = json_raw_of(&t, it);
        if (is_foreign(&t, it, restored)) {
            any = true;
            continue;
        }
        if (out[n - 1] != '[')
            out[n++] = ',';
        memcpy(out + n, raw.p, raw.n);
        n += raw.n;
    }
    out[n++] = ']';
    memcpy(out + n, body.p + input->to, body.n - input->to);
    return any ? sl_str_of(out, n + body.n - input->to) : body;
}

void responses_request_encode_same(const struct request_facts *f, struct sl_str body,
                                   const struct request_change *change, struct sl_arena *a, struct body_pieces *out)
{
    struct request_change mine = *change;
    struct request_refusal ignored;
    mine.ask_usage = false; /* the terminal event always has it */
    struct sl_str kept = without_foreign(body, &f->at[RM_INPUT], change->restored, a);
    if (kept.p != body.p) {
        struct request_facts *again = SL_ARENA_NEW(a, struct request_facts);
        if (responses_request_decode(f->op, kept, a, again, &ignored)) { /* as it could be before */
            openai_request_encode_same(again, kept, &mine, a, out);
            return;
        }
    }
    openai_request_encode_same(f, body, &mine, a, out);
}
