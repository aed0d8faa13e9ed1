/* Wishes that some formats have no word for, and what becomes of each there. One table for all writers, so that a wish means the
 * same to each of them and none is forgotten: a writer names those that it cannot say. Sources: translate-openai-anthropic.md 2
 * and 5, translate-gemini.md 12 and 15 (November 2026). */
#ifndef SLUICE_DIALECT_UNSAID_H
#define SLUICE_DIALECT_UNSAID_H

#include "dialect/codec.h"
#include "dialect/json_tree.h"

enum wish {
    WISH_N = 1 << 0,
    WISH_LOGPROBS = 1 << 1,
    WISH_AUDIO = 1 << 2,
    WISH_IMAGE = 1 << 3,
    WISH_STATE = 1 << 4, /* previous_response_id, conversation, background */
    WISH_TOP_K = 1 << 5,
    WISH_SEED = 1 << 6,
    WISH_LOGIT_BIAS = 1 << 7,
    WISH_PENALTIES = 1 << 8,
    WISH_VERBOSITY = 1 << 9,
    WISH_SAFETY = 1 << 10,
    WISH_USER = 1 << 11,
    WISH_METADATA = 1 << 12,
    WISH_CACHE_KEY = 1 << 13,
    WISH_MAX_CALLS = 1 << 14,
    WISH_STORE = 1 << 15,   /* that of a client of Responses is kept here */
    WISH_PARALLEL = 1 << 16 /* that there is one call at a time */
};

/* Those of `wishes` (of enum wish) that the request has are refused or noted, by translation_refuses, and so are all members that the
 * neutral form has no place for (within.h). True: refused (*out). */
bool unsaid_refuses(struct translation *t, unsigned wishes, struct request_refusal *out);

/* The client's tool that a choice names: one that the provider runs, and that has no name, by its type. NULL: there is none, and
 * whoever reads the request will say so. */
const struct neutral_tool *unsaid_chosen(const struct neutral_request *req, struct sl_str name);

/* Whether a member of a web search tool asks for something: not so what is null, the frame, or the default. */
bool unsaid_search_setting(const struct json_tree *t, const struct json_node *member);
/* Its path behind that of the tool, cut to a readable length. In the arena. */
struct sl_str unsaid_search_name(struct sl_str tool, const struct json_tree *t, const struct json_node *member,
                                 struct sl_arena *a);

#endif
