/* A stream between a client and a provider that speak the same dialect: bytes in, bytes out, while the dialect's watcher looks
 * for content, usage, errors and the end. Never sees a socket; the exchange feeds it what the attempt gives and sends what
 * comes out.
 *
 * What passes: every event with data, byte for byte, in order, but
 *   - the terminal event ([DONE]) is kept back: SETTLE writes it when the ledger has accepted the close;
 *   - when we asked for usage and the client did not (hide_usage): the usage-only event is withheld and "usage":null is cut out
 *     of the others, so that the client gets what it would have got;
 *   - a comment line, and an event without data, become a bare "\n": a life sign for the client and whatever stands between.
 *     All clients measured take that, while comments break some (clients.md 0.2), comment blocks and events without data
 *     others (openai.md 4.4);
 *   - what comes behind the terminal event is dropped;
 *   - an event whose data are no JSON ends the stream as broken (RELAY_BROKEN): every decoder would stumble over it.
 * A last event without its blank line is not passed on as it is, since decoders disagree about it (openai.md 4.4): relay_same_end. */
#ifndef SLUICE_DIALECT_RELAY_SAME_H
#define SLUICE_DIALECT_RELAY_SAME_H

#include "dialect/told.h"
#include "http/sse.h"

enum relay_feed {
    RELAY_MORE = 0,
    RELAY_DONE,   /* terminal event seen */
    RELAY_LIMIT,  /* an event is too large */
    RELAY_BROKEN, /* the provider breaks its format */
};

struct relay_state {           /* read by the exchange at any time */
    bool saw_content;          /* model output has been passed on: the point of no return (openai.md 5.5) */
    bool saw_done;             /* the terminal event was seen and kept back */
    struct sl_str terminal;    /* its bytes, to be written by SETTLE; in the arena; empty: none was seen */
    bool saw_finish;           /* a finish_reason was seen (of at least one choice) */
    bool paused;               /* the provider wants to be asked to go on (pause_turn) */
    struct sl_str turn;        /* raw; in the arena; of a stream that paused and is to go on: what is sent back */
    bool ended_here;           /* `terminal` was not said by the provider (relay_same_unended) */
    bool saw_error;            /* the provider sent an error event; it was passed on unless RELAY_HOLD_ERRORS */
    struct token_counts usage; /* last report seen */
    uint64_t events;           /* events with data passed on */
    uint64_t content_events;   /* of these, with model output, or not understood */
    uint64_t unreported;       /* of these, how many came after the last report */
    uint64_t output_bytes;     /* of model output, for estimates when no usage came */
    uint32_t images;           /* finished pictures seen */
    struct answer_error error; /* texts are copied to the arena */
    struct sl_str error_event; /* RELAY_HOLD_ERRORS: its bytes; in the arena */
    struct sl_str answer_id;   /* inside; in the arena; what the answer is called (Responses); empty: not said yet */
};

struct relay_same {
    struct relay_state state;
    const struct dialect *dialect; /* borrow */
    bool hide_usage;
    bool hold_errors;
    bool array;                     /* the client gets one JSON array */
    bool in_array;                  /* ... which has begun */
    bool skip_lf;                   /* a CR LF was cut behind something that was not passed on */
    bool rest_is_lost;              /* relay_same_end could make nothing of an event that was cut */
    bool broken;                    /* an event was no JSON */
    bool over;                      /* the terminal event or a limit was met: nothing more goes through */
    struct sl_arena *arena;         /* borrow */
    struct stream_memo *memo;       /* own (of the arena) */
    struct told *told;              /* borrow; NULL: nobody wants to know. Set right after init */
    struct stream_unended *unended; /* own (of the arena); NULL: the format has no such thing */
    bool cut_crlf;                  /* what was passed on ends between CR and LF */
    struct usage_guess guess;       /* with unended */
    struct sse_scanner sse;
    struct sl_buf held; /* own: bytes of this feed's output that are not in the slice */
    struct iovec *v;    /* output of the running feed; in the arena, reused */
    int n, cap;
};

/* Options that are decided before the first byte. */
enum relay_option {
    RELAY_HIDE_USAGE = 1 << 0, /* body_pieces.usage_asked */
    RELAY_ARRAY = 1 << 2, /* a Gemini client without alt=sse: events become the elements of an array (gemini.md 8.2) */
    RELAY_HOLD_ERRORS = 1 << 1 /* error events are not passed on: the exchange writes its own */
};

/* a: lives as long as r. */
void relay_same_init(struct relay_same *r, const struct dialect *d, unsigned options, struct sl_arena *a);
void relay_same_done(struct relay_same *r);
/* The largest event; right after init. 0: the scanner's default. */
void relay_same_limit(struct relay_same *r, size_t max_event);

/* An answer that lacks only its last event may be ended by relay_same_end, with usage that is guessed. Right after init; nothing
 * happens where the format has no such thing. */
void relay_same_unended(struct relay_same *r, struct usage_guess guess);

/* Takes a slice as it came. *out_v, *out_n: what to send now, valid until the next call and as long as the slice is. After
 * RELAY_DONE and RELAY_LIMIT further slices give nothing. */
enum relay_feed relay_same_feed(struct relay_same *r, struct sl_str slice, const struct iovec **out_v, int *out_n);

/* Whether the stream may end here: terminal event seen, or (servers that send none) a finish_reason seen and nothing half
 * read. Otherwise it was truncated. */
bool relay_same_complete(const struct relay_same *r);

/* What is known when the provider's bytes are over. */
enum relay_ending {
    RELAY_LONE = 1 << 0,       /* one answer was asked for: nothing of it follows its finish_reason */
    RELAY_NO_MORE = 1 << 1,    /* nothing follows a whole item: the end is no break, or there are no tools */
    RELAY_STRUCTURED = 1 << 2, /* the text is JSON of a form that was asked for */
};

/* The provider's bytes are over. A whole last event that lacks its blank line counts ([DONE], a finish, usage: some servers just
 * close): it is completed and put into state.terminal, so that the client gets it when the ledger has the close. Then the same
 * answer as relay_same_complete. What is cut inside an event stays cut. */
bool relay_same_end(struct relay_same *r, unsigned ending);

/* Both relays' own, of an event that was not ended: whether its data are whole; whether they are the beginning of "[DONE]", which
 * is no loss. */
bool relay_is_whole_data(struct sl_str data);
bool relay_is_part_of_done(struct sl_str data);

#endif
