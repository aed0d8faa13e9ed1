/* Sessions over a WebSocket in the simulator: OpenAI's Realtime API (openai.md section 18), Gemini's Live API (gemini.md section 18).
 * Inside sim/ only. */
#ifndef SLUICE_SIM_REALTIME_H
#define SLUICE_SIM_REALTIME_H

#include "http/ws.h"
#include "sim/sim_int.h"

struct sim_realtime; /* in the stream's arena */

/* True: the path is this API's, and the call was answered or became a session. */
bool sim_realtime_serve(struct sim_call *c);

/* live.c: the same of Gemini's Live API (gemini.md section 18) */
bool sim_live_is_path(struct sl_str path); /* either cloud's */
bool sim_live_serve(struct sim_call *c);

/* ws.c: what both have: frames, messages one at a time, faults */
struct sim_ws_kind {
    bool takes_binary;                                     /* messages, like text */
    void (*message)(struct sim_call *c, yyjson_val *root); /* an object */
    void (*no_object)(struct sim_call *c);                 /* a message that is none */
    void (*account)(struct sim_call *c, bool complete);    /* closes the answer that is made */
};
struct sim_ws { /* the first member of what is in c->more */
    const struct sim_ws_kind *kind;
    struct ws_reader in;
    bool closing;
    bool active;   /* an answer is made */
    uint64_t sent; /* messages of it, for faults */
};
/* The upgrade; w becomes c->more. False: the call was refused, or is a fault's. */
bool sim_ws_begin(struct sim_call *c, struct sim_ws *w, const struct sim_ws_kind *kind);
void sim_ws_bytes(struct sim_call *c, struct sl_str bytes); /* behind the upgrade */
void sim_ws_end(struct sim_call *c);                        /* when the call is finished */
void sim_ws_send(struct sim_call *c, enum ws_opcode opcode, struct sl_str payload);
/* Says that it closes and ends the call, once. */
void sim_ws_hang_up(struct sim_call *c, uint16_t code, struct sl_str reason);
/* A fault of streams that is due at the next message of the answer. True: nothing more is to be said. */
bool sim_ws_is_broken(struct sim_call *c);

/* account.c: a response of a session, or a transcription */
struct sim_realtime_turn {
    uint32_t prompt, cached, completion; /* OpenAI's way of counting: all of it */
    uint32_t audio_in, audio_out;        /* audio_in: without what was cached */
    uint32_t reasoning;                  /* of completion */
    uint32_t audio_ms;                   /* instead of tokens */
    bool complete;
};
void sim_account_turn(struct sim_call *c, const struct sim_realtime_turn *t);

#endif
