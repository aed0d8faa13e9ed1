/* Requests that only ask how many tokens they have, for providers that cannot say: counted here, exactly where the model's vocabulary
 * is public, else as an estimate (tokens/model.h says how good). */
#include "dialect/json_tree.h"
#include "exchange/exchange_int.h"

#include "tokens/chat.h"

#define IMAGE_SIDE 1024u /* pixels, of an image whose size nobody has looked at */

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
        if (p->media.source == NS_TEXT)
            tokens_chat_text(c, json_plain(p->media.data, a));
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

uint64_t exchange_count_tokens(struct exchange *x, struct sl_str model)
{
    struct tokens_chat c;
    tokens_chat_init(&c, x->env->tokens, model);
    for (const struct neutral_message *m = x->neutral->messages; m != NULL; m = m->next) {
        tokens_chat_message(&c, role_of(m->role));
        for (const struct neutral_part *p = m->parts; p != NULL; p = p->next)
            count_part(&c, p, x->a);
    }
    for (const struct neutral_tool *tool = x->neutral->tools; tool != NULL; tool = tool->next)
        count_tool(&c, tool, x->a);
    uint64_t n = tokens_chat_answer(&c).n;
    tokens_chat_done(&c);
    return n;
}
