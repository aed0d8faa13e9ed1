/* The facts of a request, and the same request for a provider of this format. The members that matter to the gateway have the
 * names that OpenAI gave them, and so one reader serves both; what is only Anthropic's is added here. */
#include "dialect/anthropic/anthropic.h"
#include "dialect/anthropic/anthropic_int.h"

#include "dialect/openai_chat/openai_chat.h"

bool anthropic_request_decode(enum operation op, struct sl_str body, struct sl_arena *a,
                              struct request_facts *out_facts, struct request_refusal *out_refusal)
{
    struct request_facts *f = out_facts;
    if (!openai_request_decode(op, body, a, f, out_refusal))
        return false;
    f->n = 1;
    f->modalities = 0;
    f->payload_bytes += f->at[RM_SYSTEM].to - f->at[RM_SYSTEM].from;
    f->json_output = f->at[RM_OUTPUT_FORMAT].kind == JSON_OBJECT;
    return true;
}

void anthropic_request_encode_same(const struct request_facts *f, struct sl_str body,
                                   const struct request_change *change, struct sl_arena *a, struct body_pieces *out)
{
    struct request_change plain = *change;
    plain.ask_usage = false; /* it is always reported */
    bool other = sl_str_eq(change->platform, SL_STR("bedrock")) || sl_str_eq(change->platform, SL_STR("vertex"));
    if (other)
        anthropic_encode_for_platform(f, body, change, a, out);
    else
        openai_request_encode_same(f, body, &plain, a, out);
}
