/* What one message of OpenAI's Realtime API says, to whoever passes it on and keeps account: its kind, the response it is about,
 * what that used. Messages are looked at as a whole and never changed; names of the GA and of the beta interface. Source: openai.md
 * section 18 (November 2026). Pure: allocates nothing but where an arena is given. */
#ifndef SLUICE_DIALECT_REALTIME_H
#define SLUICE_DIALECT_REALTIME_H

#include "dialect/dialect.h"

enum realtime_kind {
    RT_OTHER = 0, /* nothing that matters here; also what is no JSON object: the other side will say so */
    RT_CREATE,    /* client: response.create */
    RT_CREATED,   /* server: response.created */
    RT_DONE,      /* server: response.done; `usage` */
    RT_TEXT, /* a piece of text, of a transcript or of arguments; of the client: what a conversation is made of; `delta` */
    RT_AUDIO,       /* a piece of audio, base64; `delta` */
    RT_TRANSCRIBED, /* server: input was transcribed, which is charged apart; `usage` */
    RT_SESSION,     /* server: what the session is now; `model` */
    RT_ERROR        /* server: mostly recoverable, the session goes on; `error`, `cause` */
};

struct realtime_event { /* views of the message; strings are insides (json_tree.h) */
    enum realtime_kind kind;
    struct sl_str id;          /* the message's event_id */
    struct sl_str response;    /* the response's id */
    struct sl_str cause;       /* RT_ERROR: event_id of the client's message that it is about; empty: not said */
    struct sl_str model;       /* RT_SESSION: of transcriptions; empty: none */
    struct sl_str status;      /* RT_DONE: "completed", "cancelled", "failed", "incomplete" */
    size_t delta;              /* bytes of it, escaped; of the client's RT_TEXT all of the message */
    struct token_counts usage; /* audio and image tokens without those that were cached */
    uint64_t usage_ms;         /* of sound, where that is what is charged */
    struct answer_error error;
};

void realtime_look_client(struct sl_str message, struct realtime_event *out);
void realtime_look_server(struct sl_str message, struct realtime_event *out);

/* A session with 24 kHz PCM: what a provider counts for base64 of it, where it has not said itself. */
#define REALTIME_AUDIO_BYTES_PER_TOKEN 3200u /* 50 ms of 16 bit at 24 kHz, four letters for three bytes */

/* An error event as the API has them. id: of the event; cause: inside, of the client's message, or empty. In the arena. */
struct sl_str realtime_error(struct sl_arena *a, struct sl_str id, const struct error_facts *f, struct sl_str cause);

#endif
