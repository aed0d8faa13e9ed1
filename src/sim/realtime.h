/* OpenAI's Realtime API in the simulator: openai.md section 18. Inside sim/ only. */
#ifndef SLUICE_SIM_REALTIME_H
#define SLUICE_SIM_REALTIME_H

#include "http/ws.h"
#include "sim/sim_int.h"

struct sim_realtime; /* in the stream's arena */

/* True: the path is this API's, and the call was answered or became a session. */
bool sim_realtime_serve(struct sim_call *c);
void sim_realtime_bytes(struct sim_call *c, struct sl_str bytes); /* behind the upgrade */
void sim_realtime_end(struct sim_call *c);                        /* when the call is finished */

/* live.c: the same of Gemini's Live API (gemini.md section 18) */
bool sim_live_is_path(struct sl_str path); /* either cloud's */
bool sim_live_serve(struct sim_call *c);
void sim_live_bytes(struct sim_call *c, struct sl_str bytes);
void sim_live_end(struct sim_call *c);

/* realtime.c, for both */
void sim_ws_send(struct sim_call *c, enum ws_opcode opcode, struct sl_str payload);
/* Says that it closes and ends the call, once: closing is the session's own. */
void sim_ws_hang_up(struct sim_call *c, bool *closing, uint16_t code, struct sl_str reason);
/* A fault of streams that is due at message `at` of an answer; account closes it. True: nothing more is to be said. */
bool sim_ws_is_broken(struct sim_call *c, uint64_t at, void (*account)(struct sim_call *c, bool complete));
bool sim_ws_accept(struct sim_call *c); /* 101; false: it was refused */

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
