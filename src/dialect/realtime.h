/* What one message of a session over a WebSocket says, to whoever passes it on and keeps account: its kind, the response it is about,
 * what that used. Messages are looked at as a whole. Formats: OpenAI's Realtime API, names of the GA and of the beta interface
 * (openai.md section 18), OpenAI's Responses over a WebSocket (section 7.8), and Gemini's Live API (gemini.md section 18); November
 * 2026. Pure: allocates nothing but where an
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
    RT_ERROR,       /* server: mostly recoverable, the session goes on; `error`, `cause` */
    RT_SETUP,       /* client: says which model the session is of; `model` */
    RT_COMMIT,      /* client: sound that shall be transcribed now */
    RT_RESULT,      /* client, Live: of a tool: what is made next is charged by itself */
    RT_PIECE        /* server, Live: of a turn; `delta`, `audio`, `usage`, `ends` */
};

struct realtime_event { /* views of the message; strings are insides (json_tree.h) */
    enum realtime_kind kind;
    struct sl_str id;          /* the message's event_id */
    struct sl_str response;    /* the response's id */
    struct sl_str cause;       /* RT_ERROR: event_id of the client's message that it is about; empty: not said */
    struct sl_str model;       /* RT_SESSION: of transcriptions; RT_SETUP: as it stands there; empty: none */
    struct sl_str status;      /* RT_DONE: "completed", "cancelled", "failed", "incomplete" */
    struct sl_str lane;        /* Responses: stream_id; empty: none */
    struct sl_str text;        /* the server's RT_TEXT and RT_PIECE: of the piece, or how it begins */
    size_t delta;              /* bytes of it, escaped; of the client's RT_TEXT all of the message */
    size_t audio;              /* RT_PIECE: bytes of sound, base64 */
    bool ends;                 /* RT_PIECE: the turn is complete */
    bool unsure;               /* RT_CREATE: a response may follow, or none (Live: input as it is spoken) */
    bool opening;              /* RT_SESSION: what the server says before anything else */
    struct token_counts usage; /* audio and image tokens without those that were cached */
    uint64_t usage_ms;         /* of sound, where that is what is charged */
    struct answer_error error;
};

/* How sessions of one kind speak. */
struct session_words {
    bool
        opens; /* the client's first message says which model is asked: the upgrade is answered before a provider is known */
    bool each_names;  /* ... and so does each that asks for a response, the first one too */
    bool binary;      /* messages may come as binary frames, too */
    bool live;        /* turns have no names, there is one at a time; errors are told by the close frame alone */
    bool transcribes; /* nothing but transcriptions is made */
    void (*look_client)(struct sl_str message, struct realtime_event *out);
    void (*look_server)(struct sl_str message, struct realtime_event *out);
    /* An error event. id: of the event; about: of the client's message that it is about, or NULL. In the arena; empty: there is none. */
    struct sl_str (*error)(struct sl_arena *a, struct sl_str id, const struct error_facts *f,
                           const struct realtime_event *about);
    /* The error of a provider's answer ({"error":{...}}) as what the client is to be told: an event, where `live` the text behind its
     * close code. Empty: it has none. In the arena. NULL: not before the client has its upgrade. */
    struct sl_str (*error_of)(struct sl_arena *a, int status, struct sl_str body);
    /* What the client hears before anything else. In the arena; NULL: nothing. */
    struct sl_str (*greeting)(struct sl_arena *a, struct sl_str id);
    struct sl_str cancel;   /* what stops a response whose client has left; empty: closing does */
    struct sl_str no_model; /* opens: what a client is told that says something else first; static */
};
const struct session_words *session_words_of(enum operation op); /* of an operation that is a session */
extern const struct session_words transcription_words;           /* OP_REALTIME with intent=transcription */

void responses_look_client(struct sl_str message, struct realtime_event *out);
void responses_look_server(struct sl_str message, struct realtime_event *out);
struct sl_str responses_error(struct sl_arena *a, struct sl_str id, const struct error_facts *f,
                              const struct realtime_event *about);
struct sl_str responses_error_of(struct sl_arena *a, int status, struct sl_str body);

void realtime_look_client(struct sl_str message, struct realtime_event *out);
void realtime_look_server(struct sl_str message, struct realtime_event *out);

/* Sessions that transcribe (realtime_transcription.c). */
void transcription_look_client(struct sl_str message, struct realtime_event *out);
struct sl_str transcription_greeting(struct sl_arena *a, struct sl_str id);
struct sl_str realtime_error_of(struct sl_arena *a, int status, struct sl_str body);
/* The update that says what a session is, from its JSON, or from its model alone. In the arena. */
struct sl_str transcription_setup(struct sl_arena *a, struct sl_str session);
struct sl_str transcription_setup_of(struct sl_arena *a, struct sl_str model);

/* Gemini's Live API (realtime_live.c). */
void live_look_client(struct sl_str message, struct realtime_event *out);
void live_look_server(struct sl_str message, struct realtime_event *out);
struct sl_str live_error(struct sl_arena *a, struct sl_str id, const struct error_facts *f,
                         const struct realtime_event *about);
struct sl_str live_error_of(struct sl_arena *a, int status, struct sl_str body);
/* What a close frame of that API means, in Google's words for errors. Views of `reason`, and static. */
struct answer_error live_close_error(unsigned code, struct sl_str reason);
struct sl_str live_go_away(struct sl_arena *a, unsigned seconds);

/* A session with 24 kHz PCM: what a provider counts for base64 of it, where it has not said itself. */
#define REALTIME_AUDIO_BYTES_PER_TOKEN 3200u /* 50 ms of 16 bit at 24 kHz, four letters for three bytes */

struct sl_str realtime_error(struct sl_arena *a, struct sl_str id, const struct error_facts *f,
                             const struct realtime_event *about);

#endif
