/* A stream of a provider between two formats that carries no conversation: pictures of Gemini and Seedream as OpenAI's events, sound of
 * Gemini as bytes or as OpenAI's events. The manners of relay_translate.h: never sees a socket; the provider's errors are not passed
 * on; whoever is written to gets whole events only.
 *
 * A picture is told with its usage: in OpenAI's format both are one event. So it waits for what its provider tells behind it, a small
 * event, and no longer than the stream lasts. Sound does not wait, not even for the end of its event.
 *
 * Memory: of pictures one event of the provider (max_event), and while a picture waits or is written that picture once more; of sound
 * SIEVE_DOC_BYTES and what one slice brings.
 *
 * Sources: openai.md 12.3 and 13.1, gemini.md 8 and 15, seedance.md 17 (November 2026). */
#ifndef SLUICE_DIALECT_OTHER_STREAM_H
#define SLUICE_DIALECT_OTHER_STREAM_H

#include "dialect/other/other.h"
#include "dialect/other/sieve.h"
#include "dialect/relay_same.h"

struct other_stream {         /* fields but state belong to stream*.c */
    struct relay_state state; /* images: pictures to be charged; terminal: of other_stream_end */
    struct other_translation *t;
    struct stream_memo memo;
    struct sl_arena scratch;   /* of an event */
    struct sse_scanner sse;    /* of pictures */
    struct other_sieve sieve;  /* of sound */
    struct sl_buf out;         /* own: output of the running feed */
    struct sl_buf kept;        /* own: a picture that waits for its usage: its event but for the end; or samples */
    struct answer_error first; /* of pictures that failed; in the arena */
    struct iovec v;
    size_t max_event;
    uint64_t partial;  /* how many partial pictures were told */
    uint64_t samples;  /* bytes of sound */
    uint32_t pictures; /* that came, told or not */
    uint32_t rate;     /* samples a second; 0: not known yet */
    uint8_t odd_n;
    char odd[2]; /* half a sample */
    bool finished, headed, broken, over, ended, whole;
};

/* t: of a call that is asked as a stream (t->up_stream); lives longer than s. */
void other_stream_init(struct other_stream *s, struct other_translation *t, size_t max_event);
void other_stream_done(struct other_stream *s);

/* Takes from the front of *in, perhaps not all: again while it has bytes. Else as relay_same_feed. */
enum relay_feed other_stream_feed(struct other_stream *s, struct sl_str *in, const struct iovec **out_v, int *out_n);

/* The provider's bytes are over: whether the answer is whole. state.terminal is what the client has not been given yet. Once more
 * gives the same. */
bool other_stream_end(struct other_stream *s);

/* Instead of the end: what is left of pictures that came whole, and the error in OpenAI's format. In t->a. */
struct sl_str other_stream_error(struct other_stream *s, const struct error_facts *error);

#endif
