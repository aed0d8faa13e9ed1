/* See count_tokens.h. Images are taken as IMAGE_SIDE large each way, since nobody has looked at them; files, sounds and videos by a flat
 * sum. */
#include "exchange/count_tokens.h"

#include "tokens/chat.h"

#define IMAGE_SIDE 1024u      /* pixels */
#define TOKENS_PER_FILE 1000u /* as tokens/estimate.c has it */

static enum tokens_role role_of(enum neutral_role r)
{
    switch (r) {
    case NR_SYSTEM:
    case NR_DEVELOPER:
        return TOKENS_ROLE_SYSTEM;
    case NR_ASSISTANT:
        return TOKENS_ROLE_ASSISTANT;
    case NR_TOOL:
        return TOKENS_ROLE_TOOL;
    case NR_USER:
        break;
    }
    return TOKENS_ROLE_USER;
}

static void count_part(struct tokens_chat *c, const struct neutral_part *p, struct sl_arena *a)
{
    switch (p->kind) {
    case NP_TOOL_CALL:
        tokens_chat_call(c, p->name, p->custom ? json_plain(p->text, a) : p->arguments);
        break;
    case NP_IMAGE:
        tokens_chat_image(c, IMAGE_SIDE, IMAGE_SIDE, TOKENS_DETAIL_AUTO);
        break;
    case NP_FILE:
    case NP_AUDIO:
    case NP_VIDEO:
        if (p->media.source == NS_TEXT)
            tokens_chat_text(c, json_plain(p->media.data, a));
        else
            tokens_chat_fixed(c, TOKENS_PER_FILE);
        break;
    case NP_TOOL_RESULT:
        for (const struct neutral_part *in = p->content; in != NULL; in = in->next)
            if (in->kind == NP_TEXT)
                tokens_chat_text(c, json_plain(in->text, a));
            else if (in->kind == NP_IMAGE)
                tokens_chat_image(c, IMAGE_SIDE, IMAGE_SIDE, TOKENS_DETAIL_AUTO);
        break;
    default:
        tokens_chat_text(c, json_plain(p->text, a));
        break;
    }
}

static void count_tool(struct tokens_chat *c, const struct neutral_tool *tool, struct sl_arena *a)
{
    struct json_tree t;
    tokens_chat_tool(c, tool->name, json_plain(tool->description, a));
    if (tool->schema.n == 0 || !json_tree_read(&t, tool->schema, a))
        return;
    for (JSON_EACH(&t, json_get(&t, json_root(&t), SL_STR("properties")), it)) {
        const struct tokens_property p = {
            .name = json_key_of(&t, it),
            .description = json_plain_of(&t, json_get(&t, it, SL_STR("description")), a),
            .type = json_get_inside(&t, it, SL_STR("type")),
        };
        tokens_chat_property(c, &p);
    }
}

uint64_t count_request(const struct tokens_set *set, const struct neutral_request *n, struct sl_str model,
                       struct sl_arena *a)
{
    struct tokens_chat c;
    tokens_chat_init(&c, set, model);
    for (const struct neutral_message *m = n->messages; m != NULL; m = m->next) {
        tokens_chat_message(&c, role_of(m->role));
        for (const struct neutral_part *p = m->parts; p != NULL; p = p->next)
            count_part(&c, p, a);
    }
    for (const struct neutral_tool *tool = n->tools; tool != NULL; tool = tool->next)
        count_tool(&c, tool, a);
    uint64_t tokens = tokens_chat_answer(&c).n;
    tokens_chat_done(&c);
    return tokens;
}

static bool is_text(const struct json_tree *t, const struct json_node *v)
{
    static const struct sl_str others[] = {SL_STR_INIT("model"), SL_STR_INIT("taskType"), SL_STR_INIT("type"),
                                           SL_STR_INIT("role")};
    for (size_t i = 0; i < sizeof others / sizeof *others; i++)
        if (json_key_is(t, v, others[i]))
            return false;
    return v->kind == JSON_STRING && !sl_str_starts(json_inside_of(t, v), SL_STR("data:"));
}

uint64_t count_inputs(const struct tokens_set *set, const struct json_tree *body, struct sl_str model,
                      struct sl_arena *a)
{
    static const struct sl_str members[] = {SL_STR_INIT("input"),    SL_STR_INIT("inputs"),    SL_STR_INIT("texts"),
                                            SL_STR_INIT("query"),    SL_STR_INIT("documents"), SL_STR_INIT("content"),
                                            SL_STR_INIT("requests"), SL_STR_INIT("prompt")};
    uint64_t n = 0;
    for (size_t i = 0; i < sizeof members / sizeof *members; i++) {
        const struct json_node *v = json_got(body, json_root(body), members[i]);
        const struct json_node *end = v != NULL ? json_sibling(body, v) : NULL;
        if (end == NULL)
            end = body->nodes + body->n;
        for (; v != NULL && v < end; v++) /* nodes stand in the document's order */
            if (is_text(body, v))
                n += tokens_of_text(set, model, json_plain_of(body, v, a)).n;
            else
                n += v->kind == JSON_NUMBER && v->key_n == 0; /* a token */
    }
    return n;
}
