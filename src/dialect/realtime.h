/* What one message of a session over a WebSocket says, to whoever passes it on and keeps account: its kind, the response it is about,
 * what that used. Messages are looked at as a whole. Formats: OpenAI's Realtime API, names of the GA and of the beta interface
 * (openai.md section 18), and OpenAI's Responses over a WebSocket (section 7.8); November 2026. Pure: allocates nothing but where an
 * arena is given. */
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
    struct sl_str lane;        /* Responses: stream_id; empty: none */
    size_t delta;              /* bytes of it, escaped; of the client's RT_TEXT all of the message */
    struct token_counts usage; /* audio and image tokens without those that were cached */
    uint64_t usage_ms;         /* of sound, where that is what is charged */
    struct answer_error error;
};

/* How sessions of one kind speak. */
struct session_words {
    bool
        opens; /* the client's first message says which model is asked: the upgrade is answered before a provider is known */
    void (*look_client)(struct sl_str message, struct realtime_event *out);
    void (*look_server)(struct sl_str message, struct realtime_event *out);
    /* An error event. id: of the event; about: of the client's message that it is about, or NULL. In the arena. */
    struct sl_str (*error)(struct sl_arena *a, struct sl_str id, const struct error_facts *f,
                           const struct realtime_event *about);
    struct sl_str cancel; /* what stops a response whose client has left; empty: closing does */
};
const struct session_words *session_words_of(enum operation op); /* of an operation that is a session */

void responses_look_client(struct sl_str message, struct realtime_event *out);
void responses_look_server(struct sl_str message, struct realtime_event *out);
struct sl_str responses_error(struct sl_arena *a, struct sl_str id, const struct error_facts *f,
                              const struct realtime_event *about);
/* The error of a provider's answer ({"error":{...}}) as an event of Responses; empty: it has none. In the arena. */
struct sl_str responses_error_of(struct sl_arena *a, int status, struct sl_str body);

void realtime_look_client(struct sl_str message, struct realtime_event *out);
void realtime_look_server(struct sl_str message, struct realtime_event *out);

/* A session with 24 kHz PCM: what a provider counts for base64 of it, where it has not said itself. */
#define REALTIME_AUDIO_BYTES_PER_TOKEN 3200u /* 50 ms of 16 bit at 24 kHz, four letters for three bytes */

struct sl_str realtime_error(struct sl_arena *a, struct sl_str id, const struct error_facts *f,
                             const struct realtime_event *about);

#endif
