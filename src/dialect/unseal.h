/* A body for a provider of the client's own format, of a conversation that was at another provider before: what that one's model
 * thought came to the client sealed (carrier.h), and no vendor takes another's. It is taken out of the bytes; what this model thought
 * itself, and the client has sealed, is put back as its server said it. All else stays as it came. Messages and chat completions;
 * Responses and Gemini do it within request_encode_same. */
#ifndef SLUICE_DIALECT_UNSEAL_H
#define SLUICE_DIALECT_UNSEAL_H

#include "dialect/dialect.h"

struct unseal {
    const struct dialect *dialect; /* Anthropic's or that of chat completions: others have nothing to be done */
    struct sl_str platform;        /* as in codec.h */
    struct sl_str model;           /* plain; the provider's name for it */
    /* out */
    struct sl_str body; /* in the arena; the one that came when nothing was to be done */
    /* Claude's manual thinking cannot begin within a turn of tools that another model began (anthropic.md 2.8): it was switched off */
    bool thinking_off;
};

/* False: not JSON. */
bool unseal_body(struct unseal *u, struct sl_str body, struct sl_arena *a);

/* Whether a server of that platform refuses an assistant's message with calls and without reasoning_content, as other models leave it
 * (openai-compatible.md 5), and what stands for it: a blank, since empty counts as missing. */
bool unseal_wants_thoughts(struct sl_str platform);
#define UNSEAL_NO_THOUGHT SL_STR(" ")
/* Whether what a carrier holds is the name of the member that the thought came in, which its text goes back to. */
bool unseal_is_member(struct sl_str payload);

#endif
