/* Writing answers of the chat format, streamed or whole: what stream_write.c and answer_write.c share. Inside this folder only. */
#ifndef SLUICE_DIALECT_OPENAI_CHAT_CHAT_RENDER_H
#define SLUICE_DIALECT_OPENAI_CHAT_CHAT_RENDER_H

#include "dialect/openai_chat/chat_codec.h"

/* "id", "object", "created", "model" and, when known, "service_tier"; inside an open object. */
void chat_render_head(struct json_writer *w, struct translation *t, struct sl_str object, struct sl_str tier);
/* One of reasoning_details: {"type", text or data, signature, id, "index"}. */
struct chat_thought {
    struct sl_str text, signature, data, id; /* inside */
    uint32_t index;
};
void chat_render_thought(struct json_writer *w, const struct chat_thought *thought);
/* {"type": "url_citation", ...} */
void chat_render_citation(struct json_writer *w, const struct neutral_citation *c);
/* {"type": "image_url", "index", "image_url": {"url": "data:..."}} */
void chat_render_image(struct json_writer *w, const struct neutral_media *m, struct sl_str signature, uint32_t index);
void chat_render_audio(struct json_writer *w, const struct neutral_media *m, struct sl_str id, struct sl_str transcript,
                       int64_t created_s);
/* "extra_content": {"google": {"thought_signature"}}: channel A of translate-gemini.md 10. */
void chat_render_signature(struct json_writer *w, struct sl_str signature);
/* A signature as it may go to a chat client: wrapped, if its reader did not. redacted: data of a block without text. */
struct sl_str chat_carried(struct translation *t, struct sl_str signature, struct sl_str id, bool redacted);
/* Why an answer was refused, in words; empty: the text is only the provider's code for it. */
struct sl_str chat_explanation(enum neutral_finish finish, struct sl_str text);

#endif
