/* Reading a chat request: what the files request_read*.c share. Inside this folder only. */
#ifndef SLUICE_DIALECT_OPENAI_CHAT_CHAT_READ_H
#define SLUICE_DIALECT_OPENAI_CHAT_CHAT_READ_H

#include "dialect/codec.h"
#include "dialect/json_tree.h"

#define CHAT_CUSTOM_MAX 256u /* custom calls of one turn whose results are recognised */

struct chat_parts { /* a list being made */
    struct neutral_part *first, *last;
};

struct chat_read {
    const struct json_tree *t;
    const struct json_node *root;
    struct sl_arena *a;
    struct neutral_request *req;
    struct request_refusal *refusal;
    struct neutral_message *last_message;
    struct neutral_member *last_unknown;
    struct neutral_tool *last_tool;
    /* where we are, for refusals */
    uint32_t message;
    int part, call; /* -1: none */
    bool assistant; /* what it said */
    /* of the turn whose results may follow */
    struct sl_str custom[CHAT_CUSTOM_MAX];
    uint32_t n_custom;
    struct sl_str function_id, function_name; /* of the newest function_call */
    uint32_t functions;
};

/* Both give false. `where` is the path of a top-level member ("tools[2].type"), or, behind messages[i] and its part or call, the tail
 * (".role"). what: "must be a string". */
bool chat_refuse(struct chat_read *r, enum gateway_error e, const char *what, const char *where, ...) SL_PRINTF(4, 5);
bool chat_refuse_here(struct chat_read *r, enum gateway_error e, const char *what, const char *tail);

bool chat_read_messages(struct chat_read *r, const struct json_node *v);
bool chat_read_content(struct chat_read *r, struct chat_parts *to, const struct json_node *content);
void chat_read_reasoning(struct chat_read *r, struct chat_parts *to, const struct json_node *message);
bool chat_read_tools(struct chat_read *r, const struct json_node *v);
bool chat_read_functions(struct chat_read *r, const struct json_node *v);
bool chat_read_tool_choice(struct chat_read *r, const struct json_node *v);
bool chat_read_function_call(struct chat_read *r, const struct json_node *v);
bool chat_read_format(struct chat_read *r, const struct json_node *v);
void chat_read_search(struct chat_read *r, const struct json_node *v);
/* reasoning_effort and the several members of other vendors that say the same. */
bool chat_read_effort(struct chat_read *r, const struct json_node *v);
void chat_read_thinking(struct chat_read *r);

struct neutral_part *chat_add_part(struct chat_read *r, struct chat_parts *to, enum neutral_part_kind kind);
enum neutral_cache chat_cache_of(struct chat_read *r, const struct json_node *holder);

static inline struct sl_str chat_inside(struct chat_read *r, const struct json_node *of, struct sl_str name)
{
    return json_get_inside(r->t, of, name);
}
static inline enum said chat_said(const struct json_node *v)
{
    return json_kind_of(v) == JSON_TRUE ? SAID_YES : json_kind_of(v) == JSON_FALSE ? SAID_NO : SAID_NOTHING;
}

#endif
