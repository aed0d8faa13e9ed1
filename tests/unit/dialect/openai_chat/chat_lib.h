/* What the tests of the chat format share: a translation at hand, events as text, streams fed in slices. */
#ifndef SLUICE_TESTS_UNIT_DIALECT_OPENAI_CHAT_CHAT_LIB_H
#define SLUICE_TESTS_UNIT_DIALECT_OPENAI_CHAT_CHAT_LIB_H

#include "dialect/codec.h"

struct chat_case {
    struct sl_arena a;
    struct neutral_notes notes;
    struct neutral_request req;
    struct translation t;
    struct request_refusal refusal;
    struct sl_buf out, log;
    struct neutral_collector *collector;
    unsigned finishes, starts;
};

/* From a client of `face` ("openai") to a provider of `up`; the request is a plain one. */
void chat_case_init(struct chat_case *c, const char *face, const char *up, const char *platform, const char *model);
void chat_case_done(struct chat_case *c);

/* Reads with the chat format's reader; then the request counts as one of the face's clients. */
bool chat_case_request(struct chat_case *c, const char *body);
/* Writes for the provider; the text lives until the next call. */
bool chat_case_write(struct chat_case *c, struct sl_str *out);

/* Takes events: as text into c->log ("text(Hi) finish(stop) ") and into c->collector. */
struct neutral_sink chat_case_sink(struct chat_case *c);

enum chat_fed {
    FED_BROKEN = 0, /* a reader said that it breaks its format */
    FED_CUT,        /* not whole */
    FED_WHOLE
};
/* The bytes of a stream in slices of `step` bytes (0: at once) through the reader of the provider's format. */
enum chat_fed chat_case_feed(struct chat_case *c, struct sl_str stream, size_t step, const struct neutral_sink *to);
/* The same, and what the client gets is in c->out: whole, or nothing final. */
enum chat_fed chat_case_relay(struct chat_case *c, struct sl_str stream, size_t step);

#endif
