/* Telling tenants of the end of their video jobs: webhooks, signed as Standard Webhooks (standardwebhooks.com, 2024) says. The desk's;
 * docs/internals/jobs.md. */
#ifndef SLUICE_EXCHANGE_VIDEO_HOOK_H
#define SLUICE_EXCHANGE_VIDEO_HOOK_H

#include "exchange/env.h"
#include "store/store.h"

struct video_hooks;

struct video_hooks *video_hooks_new(struct exchange_env *env);
/* A row whose hook_due_ns is set: told then, again until somebody takes it or it is too old. */
void video_hooks_add(struct video_hooks *h, const struct store_video *row);
void video_hooks_end(struct video_hooks *h);
void video_hooks_free(struct video_hooks *h); /* NULL accepted */

/* Whether there is a secret that this tenant's webhooks are signed with. */
bool video_hook_may(const struct snapshot *s, struct sl_str tenant);
/* NULL: that address may be told. Else why not: "is not https", ... In the arena. */
const char *video_hook_refusal(const struct snapshot *s, struct sl_str url, struct sl_arena *a);

/* "v1,<base64>" of HMAC-SHA256(id.timestamp.body), the secret "whsec_<base64>" or plain text; in the arena. */
struct sl_str video_hook_signature(struct sl_str secret, struct sl_str id, int64_t timestamp, struct sl_str body,
                                   struct sl_arena *a);

#endif
