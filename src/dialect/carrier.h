/* Reasoning that must return to the model that made it and must not reach another: signatures (Anthropic), encrypted content
 * (OpenAI), thought signatures (Gemini), wrapped for clients of other formats in one opaque text:
 *
 *     slc1.<vendor>.<family>.<base64url of the payload>
 *
 * All bytes are [A-Za-z0-9._-]: legal inside JSON and in ids of no format. */
#ifndef SLUICE_DIALECT_CARRIER_H
#define SLUICE_DIALECT_CARRIER_H

#include "base/arena.h"
#include "base/str.h"

enum carrier_vendor {
    CARRIER_NONE = 0, /* not a carrier of ours */
    CARRIER_ANTHROPIC,
    CARRIER_ANTHROPIC_REDACTED, /* payload: data of a redacted_thinking block */
    CARRIER_OPENAI,             /* payload: "<item id>\n<encrypted_content>" */
    CARRIER_GOOGLE,
    CARRIER_OTHER /* compatible servers: raw reasoning_details */
};

struct carrier {
    enum carrier_vendor vendor; /* CARRIER_NONE: a foreign text, as the vendor of the client's format made it */
    struct sl_str family;       /* plain; "claude", "gpt-5", "gemini-3": carrier_family */
    struct sl_str payload;      /* plain */
};

/* The family of a model name, which is what signatures are bound to: "claude-opus-4-6" is "claude", "gpt-5.2-mini" is "gpt-5",
 * "gemini-3.1-pro" is "gemini-3"; unknown names are their own family. A view or static. */
struct sl_str carrier_family(struct sl_str model);

struct sl_str carrier_pack(struct sl_arena *a, enum carrier_vendor vendor, struct sl_str family, struct sl_str payload);
/* text: inside. Never fails: what is no carrier of ours, or a broken one, has vendor CARRIER_NONE and the text as payload. */
struct carrier carrier_unpack(struct sl_arena *a, struct sl_str text);
/* Whether it is of that model's family, which stands in it with '_' for what JSON or a carrier has no place for. */
bool carrier_fits(const struct carrier *c, struct sl_str model);
/* Whether a carrier may stand in a JSON body as a string of its own: what pass-through must not send on. */
bool carrier_is_in(struct sl_str body);

#endif
