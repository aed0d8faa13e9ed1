/* The facts of a request, and the same request for a provider that speaks Responses, too. The frame of the body is that of chat
 * (model, stream, tools, the gateway's own members), so chat's decoder reads it and this adds what is called differently. */
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
    f->stream = at[RM_STREAM].kind == JSON_TRUE; /* whatever the operation's row says of other formats */
    f->max_output = count_of(body, &at[RM_MAX_OUTPUT_TOKENS]);
    f->n = 1;
    f->json_output = at[RM_TEXT_FORMAT].kind == JSON_OBJECT;
    f->modalities = 0;
    f->messages = at[RM_INPUT].kind == JSON_ARRAY ? at[RM_INPUT].children : at[RM_INPUT].kind == JSON_STRING ? 1 : 0;
    f->payload_bytes += at[RM_INSTRUCTIONS].to - at[RM_INSTRUCTIONS].from;
    f->payload_bytes += at[RM_TEXT].to - at[RM_TEXT].from;
    return true;
}

void responses_request_encode_same(const struct request_facts *f, struct sl_str body,
                                   const struct request_change *change, struct sl_arena *a, struct body_pieces *out)
{
    struct request_change mine = *change;
    mine.ask_usage = false; /* the terminal event always has it */
    openai_request_encode_same(f, body, &mine, a, out);
}
