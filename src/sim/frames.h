/* Frames of application/vnd.amazon.eventstream: bedrock.md 5. Inside sim/ only. */
#ifndef SLUICE_SIM_FRAMES_H
#define SLUICE_SIM_FRAMES_H

#include "base/buf.h"

struct sim_call;

/* An event; kind is its :event-type. A string of random length as member "p" goes behind the
 * others in the payload, which is a JSON object. */
void sim_frame_event(struct sim_call *c, struct sl_buf *b, const char *kind, struct sl_str payload);
void sim_frame_chunk(struct sim_call *c, struct sl_buf *b, struct sl_str json); /* InvokeModel: base64 inside */
/* For faults. */
void sim_frame_garbage(struct sim_call *c, struct sl_buf *b); /* a frame whose checksum is wrong */
void sim_frame_trouble(struct sim_call *c, struct sl_buf *b); /* an exception */
void sim_frame_comment(struct sim_call *c, struct sl_buf *b); /* an event that no reader knows */

#endif
