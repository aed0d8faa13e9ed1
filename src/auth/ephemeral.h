/* Ephemeral keys: what a server of the caller's gets for a browser, which may open sessions with it for some minutes and nothing else.
 * They are not stored: the text itself says whose it is, for which model and session, and until when, under a signature of the
 * state directory's pepper. So they are good in every process of that state directory, and behind a restart. Who may is the key that
 * they were made with: when that is over, they are. Shape: OpenAI's client secrets, "ek_..." (openai.md section 18.1, November 2026).
 *
 *   "ek_" base64url( version 1 | key's id 16 | expiry, seconds since 1970, 8 | bytes of the model 2 | model | session | HMAC 32 )
 *
 * Numbers are big-endian. Pure but for the arena. */
#ifndef SLUICE_AUTH_EPHEMERAL_H
#define SLUICE_AUTH_EPHEMERAL_H

#include "base/arena.h"
#include "base/id.h"
#include "http/message.h"
#include "tls/digest.h"

#define EPHEMERAL_MODEL_MAX 1024u
#define EPHEMERAL_SESSION_MAX 4096u /* bytes of the session's JSON: the text goes in a header */

struct ephemeral {
    struct sl_id key;      /* that it was made with */
    int64_t expires_s;     /* since 1970 */
    struct sl_str model;   /* as asked for; 1 to EPHEMERAL_MODEL_MAX bytes */
    struct sl_str session; /* JSON; empty: none */
};

/* The text, in the arena. */
struct sl_str ephemeral_write(const struct tls_hmac *pepper, const struct ephemeral *e, struct sl_arena *a);
/* False: not one of ours, or changed. Whether its time is over is the caller's to see. Views of the arena. */
bool ephemeral_read(const struct tls_hmac *pepper, struct sl_str text, struct sl_arena *a, struct ephemeral *out);

/* The ephemeral key in a head: authorization (Bearer), or sec-websocket-protocol (openai-insecure-api-key.KEY). False: the head has
 * none, or another key beside it. *out_text is a view of the head. */
bool ephemeral_find(const struct http_headers *headers, struct sl_str *out_text);

#endif
