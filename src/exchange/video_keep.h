/* Copies the contents of finished video jobs to where the settings say, and removes them when their time is over: docs/internals/
 * kept-videos.md. One in the process, beside the desk, on the first worker. What is to be done stands in the store; here is only what
 * is being done. */
#ifndef SLUICE_EXCHANGE_VIDEO_KEEP_H
#define SLUICE_EXCHANGE_VIDEO_KEEP_H

#include "exchange/env.h"
#include "store/video_rows.h"

struct video_keep;

struct video_keep *video_keep_new(struct exchange_env *env);
void video_keep_start(struct video_keep *k);
/* Something is due now: a job was settled, or deleted. */
void video_keep_poke(struct video_keep *k);
/* Whether a copy of the job's content is wanted; fills `to` then, with views of `v`. */
bool video_keep_wants(const struct exchange_env *env, const struct store_video *v, struct store_copy *to);
void video_keep_end(struct video_keep *k); /* what is half done is dropped: the next process does it anew */
void video_keep_free(struct video_keep *k);

#endif
