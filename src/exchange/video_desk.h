/* The desk: looks after the video jobs that providers have taken, until each has ended and is paid for. One in the process, on the
 * first worker (docs/internals/jobs.md). It knows all jobs that are not settled; the keeper tells it of new ones. */
#ifndef SLUICE_EXCHANGE_VIDEO_DESK_H
#define SLUICE_EXCHANGE_VIDEO_DESK_H

#include "exchange/env.h"
#include "store/video_rows.h"

struct video_desk;

struct video_desk *video_desk_new(struct exchange_env *env); /* on the worker's thread, or before it runs */
/* Asks the keeper for what is not finished. */
void video_desk_start(struct video_desk *d);
/* The keeper has written, or could not write, a row; or its owner deleted it. */
void video_desk_take(struct video_desk *d, const struct store_video *v, bool deleted, bool written);
/* Polls the job of j->id now, then gives j to the keeper. Takes j. */
void video_desk_renew(struct video_desk *d, struct video_rows *j);
/* A provider has called back: looks at the job soon. */
void video_desk_poke(struct video_desk *d, struct sl_str token);
void video_desk_end(struct video_desk *d);  /* ends its calls; NULL accepted */
void video_desk_free(struct video_desk *d); /* after it has ended, and when no answer of the keeper's can come */

#endif
