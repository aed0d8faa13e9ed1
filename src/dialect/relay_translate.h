/* A stream between a client and a provider that speak different dialects: the provider's events in, the client's events out. The
 * same manners as relay_same.h: never sees a socket; what ends the client's stream is kept back in state.terminal until SETTLE.
 *
 *   slice ─► sse scanner ─► up->stream_read ─► neutral events ─► face->stream_write ─► out
 *
 * Errors of the provider are not passed on (the exchange writes its own); whoever is written to gets whole events only. */
#ifndef SLUICE_DIALECT_RELAY_TRANSLATE_H
#define SLUICE_DIALECT_RELAY_TRANSLATE_H

#include "dialect/codec.h"
#include "dialect/relay_same.h"
#include "dialect/resume.h"

struct relay_translate {
    struct relay_state state; /* saw_done: nothing more is read; terminal: set by relay_translate_end */
    struct translation *t;    /* borrow */
    void *reader, *writer;    /* of t->a */
    struct told *told;        /* borrow; NULL: nobody wants to know. Set right after init */
    struct resume *resume;    /* borrow; NULL: it is the first provider that answers */
    bool keeps_turn;          /* a stream that pauses is to go on: set right after init or begin_again */
    bool pauses;              /* such a stream has paused: its finish waits for the end */
    uint32_t blocks, calls;   /* ordinals that the writer has been given: a turn that goes on counts from there */
    struct sse_scanner sse;
    struct sl_buf turn; /* own: the provider's events, where keeps_turn */
    struct sl_buf out;  /* own: output of the running feed */
    struct iovec v;
    bool over;
};

/* t: lives longer than r. max_event: the largest event, 0: the scanner's default. */
void relay_translate_init(struct relay_translate *r, struct translation *t, size_t max_event);
void relay_translate_done(struct relay_translate *r);

/* Going on with another provider. First, once: the writer that the client's stream goes on with, of the relay that ran, or a new one
 * from what was told in the provider's own events; r is made anew, and its output stays where the writer expects it. False: it
 * cannot be taken up. Then, for each provider that is tried: begin ... pause. At last relay_translate_done. t: of the client's
 * side; lives as long as r. */
bool relay_translate_keep(struct relay_translate *r, struct translation *t, const struct told *told, size_t max_event);
void relay_translate_begin_again(struct relay_translate *r, struct translation *up, struct resume *resume,
                                 size_t max_event);
void relay_translate_pause(struct relay_translate *r);

/* As relay_same_feed. RELAY_DONE: the provider's terminal event was seen. RELAY_BROKEN: it breaks its format. Nothing is read
 * after either. */
enum relay_feed relay_translate_feed(struct relay_translate *r, struct sl_str slice, const struct iovec **out_v,
                                     int *out_n);

/* The provider's bytes are over (or RELAY_DONE came): whether the answer is whole. When it is, state.terminal has the client's
 * last events, or, where it is a turn that is to go on, state.turn what is sent back for that. Once. */
bool relay_translate_end(struct relay_translate *r, unsigned ending); /* enum relay_ending */

/* Instead of the end: what tells the client, in its own format, that the stream failed. In t->a. */
struct sl_str relay_translate_error(struct relay_translate *r, const struct error_facts *error);

/* A whole answer, not streamed: body in, the client's body (or, for a client that asked for a stream, the client's events) out.
 * False: it breaks its format, or (out_state->saw_error) it is an error inside a 200. */
bool relay_translate_answer(struct translation *t, struct sl_str body, bool stream, struct sl_buf *out,
                            struct relay_state *out_state);

/* Several of them as one: the first answer of each body is a choice, or all are turns of one choice; usage is the sum. */
enum relay_join {
    RELAY_JOIN_CHOICES = 0,
    RELAY_JOIN_TURNS
};
bool relay_translate_answers(struct translation *t, const struct sl_str *bodies, unsigned n, enum relay_join how,
                             bool stream, struct sl_buf *out, struct relay_state *out_state);

#endif
