/* The facts of a request, and the same request for a provider of this format. The members that matter to the gateway have the
 * names that OpenAI gave them, and so one reader serves both; what is only Anthropic's is added here. */
#include "dialect/anthropic/anthropic.h"

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

/* -- On other platforms ---------------------------------------------------------------------------------------------- */

#define CUTS_MAX (RM_OURS + 2) /* our members, model, stream */

/* Bedrock and Vertex have the model in the path and the version in the body; Bedrock has `stream` in the path, too (bedrock.md
 * 4.1, 11.2). Members are cut with one comma each, and the version goes in front. */
static unsigned members_to_cut(const struct request_facts *f, bool bedrock, const struct json_member *out[CUTS_MAX])
{
    unsigned n = 0;
    for (unsigned m = 0; m <= RM_STREAM; m++) {
        if (f->at[m].kind == JSON_ABSENT || (m == RM_STREAM && !bedrock) || (m > RM_MODEL && m != RM_STREAM))
            continue;
        unsigned i = n++;
        for (; i > 0 && out[i - 1]->index > f->at[m].index; i--)
            out[i] = out[i - 1];
        out[i] = &f->at[m];
    }
    return n;
}

static void add_piece(struct iovec *v, struct body_pieces *out, struct sl_str bytes)
{
    if (bytes.n == 0)
        return;
    v[out->n++] = (struct iovec){(void *)(uintptr_t)bytes.p, bytes.n};
    out->bytes += bytes.n;
}

static void encode_for_platform(const struct request_facts *f, struct sl_str body, struct sl_str platform,
                                struct sl_arena *a, struct body_pieces *out)
{
    const struct json_member *cut[CUTS_MAX];
    bool bedrock = sl_str_eq(platform, SL_STR("bedrock"));
    unsigned n = members_to_cut(f, bedrock, cut);
    struct iovec *v = sl_arena_alloc(a, (n + 3) * sizeof *v);
    *out = (struct body_pieces){.v = v};
    size_t at = (size_t)sl_str_find(body, '{') + 1; /* the decoder has seen that it is an object */
    add_piece(v, out, sl_str_head(body, at));
    add_piece(v, out,
              bedrock ? SL_STR("\"anthropic_version\":\"bedrock-2023-05-31\",")
                      : SL_STR("\"anthropic_version\":\"vertex-2023-10-16\","));
    for (unsigned i = 0; i < n; i++) {
        bool first = cut[i]->index == i; /* only cut members before it */
        size_t from = first ? cut[i]->key : cut[i]->prev_end, to = first ? cut[i]->next_key : cut[i]->to;
        add_piece(v, out, sl_str_of(body.p + at, from - at));
        at = to;
    }
    add_piece(v, out, sl_str_from(body, at));
}

void anthropic_request_encode_same(const struct request_facts *f, struct sl_str body,
                                   const struct request_change *change, struct sl_arena *a, struct body_pieces *out)
{
    struct request_change plain = *change;
    plain.ask_usage = false; /* it is always reported */
    bool other = sl_str_eq(change->platform, SL_STR("bedrock")) || sl_str_eq(change->platform, SL_STR("vertex"));
    if (other)
        encode_for_platform(f, body, change->platform, a, out);
    else
        openai_request_encode_same(f, body, &plain, a, out);
}
