/* A key pair as a JWT that is signed with it, HS256: what Kling takes as a Bearer token (video.md A8, November 2026; RFC 7519). Pure. */
#ifndef SLUICE_PROVIDER_AUTH_JWT_H
#define SLUICE_PROVIDER_AUTH_JWT_H

#include "base/arena.h"

/* pair: "ACCESS:SECRET". The token names ACCESS as its issuer, is valid from five seconds before to 30 minutes behind the time it was
 * made at, and is made anew every ten minutes: in between it is the same, so that nothing has to be kept. In the arena; empty: no pair. */
struct sl_str jwt_of_pair(struct sl_str pair, int64_t wall_s, struct sl_arena *a);

#endif
