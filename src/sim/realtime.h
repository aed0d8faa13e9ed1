/* OpenAI's Realtime API in the simulator: openai.md section 18. Inside sim/ only. */
#ifndef SLUICE_SIM_REALTIME_H
#define SLUICE_SIM_REALTIME_H

#include "sim/sim_int.h"

struct sim_realtime; /* in the stream's arena */

/* True: the path is this API's, and the call was answered or became a session. */
bool sim_realtime_serve(struct sim_call *c);
void sim_realtime_bytes(struct sim_call *c, struct sl_str bytes); /* behind the upgrade */
void sim_realtime_end(struct sim_call *c);                        /* when the call is finished */

/* account.c: a response of a session, or a transcription */
struct sim_realtime_turn {
    uint32_t prompt, cached, completion; /* OpenAI's way of counting: all of it */
    uint32_t audio_in, audio_out;        /* audio_in: without what was cached */
    bool complete;
};
void sim_account_turn(struct sim_call *c, const struct sim_realtime_turn *t);

#endif
