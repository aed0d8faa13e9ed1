/* Inside exchange/ only: a session over a WebSocket (docs/internals/realtime.md). session.c moves messages and knows when it ends,
 * session_turn.c keeps account of the responses in it (session_live.c of Gemini's, which have no names), session_open.c is about
 * sessions whose messages say which model is asked. */
#ifndef SLUICE_EXCHANGE_SESSION_H
#define SLUICE_EXCHANGE_SESSION_H

#include "dialect/realtime.h"
#include "exchange/exchange_int.h"
#include "http/ws.h"

#define SESSION_TURNS_MAX 16u          /* responses asked for and not done; more are refused */
#define SESSION_SMALL 65536u           /* bytes of a message that is taken even when memory is short */
#define SESSION_ID_MAX 96u             /* bytes of an id that is compared; longer ones are cut */
#define SESSION_CLOSE_NS (5 * SL_SEC)  /* for the other side's close frame */
#define SESSION_LEAVE_NS (3 * SL_SEC)  /* for the end of a response whose client has left */
#define SESSION_GRACE_NS (60 * SL_SEC) /* for the end of a response when the session's time is over */
#define SESSION_STUCK_NS (60 * SL_SEC) /* a provider that takes nothing */
#define SESSION_WARN_NS (10 * SL_SEC)  /* Live: goAway so long before the session's time is over */
#define SESSION_PINGS_MISSED 3         /* intervals without a byte: that side is dead */

struct session_id { /* bytes of an id as they stood between its quotes */
    char text[SESSION_ID_MAX];
    unsigned n; /* 0: none */
};

/* A response, or another thing in a session that is charged by itself. In the exchange's arena; used again. */
struct session_turn {
    struct session_turn *next;
    struct sl_id id;
    int64_t wall_ns, began_ns, first_ns; /* first_ns: of its output; -1: none */
    struct reservation reservation;
    struct spend_cell *spend;                /* borrow (of the board): where the reservation counts; NULL: nowhere */
    const struct route_candidate *candidate; /* borrow (of the session's arena) */
    const struct price *price;               /* borrow (of the catalogue) */
    struct sl_str model;                     /* as asked; borrow (of the exchange's arena) */
    uint64_t estimate_input, max_output;     /* tokens; estimate_input: of this message alone */
    struct journal_place opened_at;
    bool is_open;               /* an open record without its close */
    struct session_id response; /* the provider's name of it; none yet: it was asked for */
    struct session_id cause;    /* event_id of what asked for it */
    struct session_id lane;     /* Responses: stream_id */
    uint64_t text_bytes, pieces, audio_bytes, bytes_in;
    struct sl_buf text; /* own (of the exchange's arena): how its text begins; insides */
    /* Live (session_live.c) */
    bool heard;      /* the provider has said something of it */
    bool unsure;     /* perhaps nobody asked for it */
    size_t client_n; /* ... that is complete: how much of session.client it can have read; 0: all of it */
    uint64_t client_bytes;
    bool over;                /* ... that it is complete, but not what it has used */
    struct token_counts said; /* the newest usage of it */
};

/* What a message of the client asks for. */
struct session_wish {
    struct sl_str text;  /* as the provider gets it: memory of ours, which is masked in place */
    struct sl_str model; /* as asked; borrow (of the session's arena) */
    const struct route_candidate *candidate;
    const struct price *price;
    uint64_t estimate_input, max_output; /* tokens; 0: not known */
};

/* A model that was asked for on this connection, and where it is here. */
struct session_model {
    struct session_model *next;
    struct sl_str asked;
    const struct route_candidate *candidate; /* NULL: not here */
    const struct price *price;
};
#define SESSION_MODELS_MAX 16u

struct session_end { /* why it ends */
    uint16_t code;   /* for the client; 0: nothing was decided */
    uint16_t code_up;
    struct sl_str reason;     /* static, or in the exchange's arena */
    enum gateway_error error; /* the client is told by an event first; GE_NONE: not */
    enum access_side by;
    struct sl_str why;
    enum outcome outcome;
};

struct exchange_session {
    const struct session_words *words; /* static */
    bool upgraded;                     /* the client has its 101 */
    bool warned;                       /* it was told that the session's time is nearly over */
    struct sl_str
        prepared; /* the first message where the handshake says all; arena of the exchange; empty: the client's own */
    uint16_t refusal_code; /* Live: of the provider's close frame; 0: none */
    bool greeted;          /* the live attempt's greeting was heard, and kept back: the client had one of ours */
    bool holds;            /* a message waits for its open record; nothing more of the client is read meanwhile */
    struct session_wish held;
    struct session_turn *held_turn;
    struct sl_chunks early;  /* own: bytes of the client that nobody has looked at */
    struct sl_buf rewritten; /* own: a message that goes to the provider changed */
    struct session_model *models;
    unsigned n_models;
    struct sl_str
        refusal; /* arena of the exchange: the provider's error event, where the client is to see it; empty: none */
    struct ws_reader from_client, from_provider;
    bool reads_client, reads_provider; /* that reader was begun */
    char key[WS_KEY_TEXT];             /* of the live attempt */
    struct upstream_origin origin;     /* of the live attempt: the target's, over HTTP/1.1 */
    struct sl_str protocol;            /* that the client offers and both sides speak; empty: none */
    unsigned char masks[64];
    unsigned n_masks; /* unused bytes of them */

    bool provider_full;                  /* the client is not read: enough waits for the provider ... */
    int64_t full_since_ns;               /* ... since */
    bool client_closed, provider_closed; /* a close frame came from there */
    bool told_client, told_provider;     /* ... went there */
    bool leaving;                        /* the client has gone, a response is waited for */
    bool ended;                          /* end is what happens; else, with a code, when the responses are over */
    struct session_end end;
    int64_t end_due_ns;

    int64_t began_ns, message_ns;   /* the last message of either side */
    int64_t client_ns, provider_ns; /* the last byte */
    int64_t pinged_client_ns, pinged_provider_ns;
    struct epoch *looked; /* ref: the one whose keys the key was looked for in last */
    struct access_session told;

    /* session_turn.c */
    struct session_turn *turns, *free_turns; /* oldest first */
    unsigned n_turns;
    uint16_t number; /* of records */
    struct usage usage;
    int64_t cost_p;
    uint32_t cost_flags;
    uint64_t context; /* tokens of the conversation so far, as reported last: what the next response reads */
    uint64_t text_bytes, audio_bytes; /* that the client has said since then */
    struct sl_buf client;             /* own (of the exchange's arena): its messages with text, how they begin */
    uint64_t client_bytes;            /* ... of all of them */
    uint32_t allowance;               /* thousandths of responses that may be asked for now */
    int64_t allowance_ns;
    struct session_id transcriber; /* model */
};

/* session.c, for session_open.c */
/* A name in the query, in the arena; *out empty: it cannot be one. False: it is not there. */
bool session_query_text(struct exchange *x, const char *name, struct sl_str *out);
void session_to_client(struct exchange *x, enum ws_opcode opcode, struct sl_str payload);
void session_to_provider(struct exchange *x, enum ws_opcode opcode, void *payload, size_t n);
void session_tell_error(struct exchange *x, const struct error_facts *f, const struct realtime_event *about);
void session_close_client(struct exchange *x, uint16_t code, struct sl_str reason);
bool session_key_is_good(struct exchange *x);

bool session_plan_of(struct exchange *x, const struct request_facts *facts, struct sl_str message,
                     struct route_plan *out);

/* A message that says another model than the first did, or the same: *out is what the provider gets. False: *f says why not. */
bool session_renames(struct exchange *x, struct sl_str message, const struct realtime_event *look, struct sl_str *out,
                     struct error_facts *f);
/* Live: the provider has closed before it began: x->seen says how. */
void session_closed_early(struct exchange *x, uint16_t code, struct sl_str reason);

/* session_secret.c; only with x->secret, but for the last */
bool secret_is_good(const struct exchange *x, const struct key_table *keys);
bool secret_fits_model(struct exchange *x, struct error_facts *out); /* the model is the key's where none was named */
bool secret_transcribes(const struct exchange *x);
struct sl_str secret_setup(const struct exchange *x); /* ... the message that says what it is for */
void secret_configure(struct exchange *x);            /* the provider learns what it was made for */

/* session_turn.c */
struct session_turn *session_turn_newest(const struct exchange *x);
bool session_turn_allowed(struct exchange *x); /* takes one of those that may be asked for in a minute */
void session_turn_never(struct exchange *x, struct session_turn *t); /* it was not asked for after all */

bool session_turn_may(struct exchange *x,
                      struct error_facts *out);              /* one more may be asked for; takes one of a minute's */
struct session_turn *session_turn_begun(struct exchange *x); /* by the provider itself; with its open record */
void session_turn_reported(struct exchange *x, struct session_turn *t, const struct token_counts *said);
void session_turn_unreported(struct exchange *x, struct session_turn *t);

/* session_said.c: texts, kept to be counted where nobody reports */
void session_said_piece(struct exchange *x, struct session_turn *t, const struct realtime_event *e);
void session_said_client(struct exchange *x, struct sl_str message);
uint64_t session_said_output(struct exchange *x, const struct session_turn *t); /* tokens of a turn's text */
uint64_t session_said_input(struct exchange *x, const struct session_turn *t); /* what the client said since a report */
void session_said_over(const struct exchange_session *s, struct session_turn *t); /* what comes next it has not read */
void session_said_reported(struct exchange_session *s, const struct session_turn *t);

/* session_live.c */
/* The client asks: *out_new: that needs a turn of its own. */
void session_live_asked(struct exchange *x, const struct realtime_event *e, bool *out_new);
void session_live_see(struct exchange *x, const struct realtime_event *e, size_t bytes);

/* session_open.c */
bool session_opens(const struct exchange *x); /* the first message says which model is asked */
/* IDENTIFY: false: no model that the key may use can be reached so; the client is to do it otherwise at once. */
bool session_is_of_use(struct exchange *x);
bool session_first_request(struct exchange *x, const struct route_candidate *c); /* as session_request */
void session_send_first(struct exchange *x); /* the provider has accepted the upgrade */
/* The provider's first word is an error that the client is to see: the session goes on with it. */
bool session_shows_error(struct exchange *x, const struct realtime_event *look);
/* A later message: where its model is, and what the provider gets. False: *f says why it gets nothing. */
bool session_wishes(struct exchange *x, struct sl_str message, struct session_wish *out, struct error_facts *f);

#endif
