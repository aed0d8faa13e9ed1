/* What a chat request costs before it is sent: its texts, and what the provider puts around them (separators, roles, the description
 * of tools, images). Fed with generic parts, so that every dialect can use it:
 *
 *     tokens_chat_init(&c, set, SL_STR("gpt-4o"));
 *     tokens_chat_message(&c, TOKENS_ROLE_SYSTEM);   tokens_chat_text(&c, ...);
 *     tokens_chat_message(&c, TOKENS_ROLE_USER);     tokens_chat_text(&c, ...);   tokens_chat_image(&c, 512, 512, ...);
 *     tokens_chat_tool(&c, name, description);       tokens_chat_property(&c, &p); ...
 *     struct tokens_answer a = tokens_chat_answer(&c);
 *     tokens_chat_done(&c);
 *
 * Messages of text alone are exact for OpenAI's chat models; the rest is as near as chat.c says. */
#ifndef SLUICE_TOKENS_CHAT_H
#define SLUICE_TOKENS_CHAT_H

#include "tokens/image.h"
#include "tokens/meter.h"

enum tokens_role {
    TOKENS_ROLE_SYSTEM = 0, /* or developer */
    TOKENS_ROLE_USER,
    TOKENS_ROLE_ASSISTANT,
    TOKENS_ROLE_TOOL
};

/* A member of a tool's parameters, in the order of the schema; those of an object inside follow it. */
struct tokens_property {
    struct sl_str name, description;
    struct sl_str type; /* "string", "number", "string[]", `"a" | "b"` for an enumeration */
    bool is_required;
};

struct tokens_chat {
    const struct tokens_model *model;
    const struct tokens_set *set; /* borrow, until done; may be NULL */
    struct tokens_meter tools;    /* their description, as one text */
    uint64_t text;                /* of the texts, in tokens of the method */
    uint64_t fixed;               /* of what has no text */
    uint32_t messages, tool_count, properties, calls_here;
    bool has_system, is_by_looks, is_exact;
};

void tokens_chat_init(struct tokens_chat *c, const struct tokens_set *set, struct sl_str model);
void tokens_chat_done(struct tokens_chat *c);

/* Begins a message; what follows is in it. */
void tokens_chat_message(struct tokens_chat *c, enum tokens_role role);
void tokens_chat_name(struct tokens_chat *c, struct sl_str name); /* the message's `name` */
void tokens_chat_text(struct tokens_chat *c, struct sl_str text);
void tokens_chat_call(struct tokens_chat *c, struct sl_str function,
                      struct sl_str arguments);                 /* made by the assistant */
void tokens_chat_fixed(struct tokens_chat *c, uint64_t tokens); /* a part whose tokens are known by something else */
void tokens_chat_image(struct tokens_chat *c, uint32_t width, uint32_t height, enum tokens_detail detail);

/* Of the request. */
void tokens_chat_tool(struct tokens_chat *c, struct sl_str name, struct sl_str description);
void tokens_chat_property(struct tokens_chat *c, const struct tokens_property *p); /* of the last tool */
void tokens_chat_choice(struct tokens_chat *c, struct sl_str function);            /* this function must be called */
void tokens_chat_schema(struct tokens_chat *c, struct sl_str json);                /* that the answer must follow */

struct tokens_answer tokens_chat_answer(struct tokens_chat *c);

#endif
