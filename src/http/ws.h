/* WebSocket: the frames of RFC 6455, both roles, and the arithmetic of its handshake. No extensions: none is ever agreed on, so
 * the reserved bits must be zero (permessage-deflate is refused by not answering it).
 *
 * Sans-I/O, pull style as sse.h; messages are given whole:
 *
 *     while ((r = ws_read(&w, &in, &event)) != WS_MORE)      `in` moves forward
 *         switch (r) {
 *         case WS_MESSAGE:  event.opcode is WS_TEXT or WS_BINARY, all fragments are joined in event.payload
 *         case WS_CONTROL:  WS_PING, WS_PONG with their payload, WS_CLOSE with code and reason
 *         case WS_BAD:      event.code is what to close with, event.reason says why; stays so
 *         }
 *
 * What breaks the protocol is told as soon as the bytes that show it are there: a length over the maximum with the frame's head,
 * bad UTF-8 with the fragment that holds it. Behind a close frame nothing is read any more. */
#ifndef SLUICE_HTTP_WS_H
#define SLUICE_HTTP_WS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/buf.h"
#include "base/str.h"
#include "http/message.h"

enum ws_opcode { /* RFC 6455 section 5.2 */
    WS_CONTINUATION = 0,
    WS_TEXT = 1,
    WS_BINARY = 2,
    WS_CLOSE = 8,
    WS_PING = 9,
    WS_PONG = 10
};

enum ws_code { /* section 7.4.1 */
    WS_CODE_NORMAL = 1000,
    WS_CODE_GOING_AWAY = 1001,
    WS_CODE_PROTOCOL = 1002,
    WS_CODE_UNSUPPORTED = 1003,
    WS_CODE_NONE = 1005, /* stands for a close frame without a code; never on the wire */
    WS_CODE_BAD_TEXT = 1007,
    WS_CODE_POLICY = 1008,
    WS_CODE_TOO_BIG = 1009,
    WS_CODE_INTERNAL = 1011,
    WS_CODE_TRY_LATER = 1013 /* registered with IANA in 2012 */
};

enum ws_role {          /* whose bytes are read */
    WS_FROM_CLIENT = 0, /* every frame must be masked */
    WS_FROM_SERVER      /* none may be */
};

enum ws_result {
    WS_MORE = 0, /* everything was taken */
    WS_MESSAGE,
    WS_CONTROL,
    WS_BAD
};

struct ws_event { /* views: valid until the next call, and as long as the slice */
    enum ws_opcode opcode;
    struct sl_str payload; /* of a close frame: all of it, as it came */
    uint16_t code;         /* WS_CLOSE: its code, WS_CODE_NONE when it has none. WS_BAD: what to close with */
    struct sl_str reason;  /* WS_CLOSE, WS_BAD */
};

#define WS_CONTROL_MAX 125u /* bytes of a control frame's payload */
#define WS_KEEP_BYTES 8192u /* of memory that a reader keeps between messages */

/* Embedded by value; fields belong to ws.c. */
struct ws_reader {
    struct sl_buf message; /* own: fragments of the message, or the masked frame that is read */
    size_t max;            /* of a message */
    uint64_t left;         /* payload bytes of the frame that have not come */
    uint32_t mask_at;
    uint32_t utf8; /* what may follow: see ws.c */
    uint8_t role, state;
    uint8_t head_n, control_n;
    uint8_t opcode; /* of the frame */
    uint8_t joined; /* opcode of the message that is in fragments; 0: none is */
    bool fin, given;
    unsigned char head[14], mask[4];
    char control[WS_CONTROL_MAX];
    uint16_t bad_code;
    const char *bad_why; /* static */
};

void ws_reader_init(struct ws_reader *w, enum ws_role role, size_t max_message);
void ws_reader_done(struct ws_reader *w);
enum ws_result ws_read(struct ws_reader *w, struct sl_str *in, struct ws_event *out);
/* A close frame was read: nothing more comes, and the end of the connection is an orderly one. */
bool ws_reader_is_closed(const struct ws_reader *w);

/* ---- writing ---- */

#define WS_HEAD_MAX 14u
/* The head of an unfragmented frame of n bytes; mask: four bytes (a client's frame), or NULL. Gives the bytes written. */
size_t ws_put_head(unsigned char out[WS_HEAD_MAX], enum ws_opcode opcode, uint64_t n, const unsigned char *mask);
/* Masks, or unmasks, in place; `at` is where in the payload these bytes begin. */
void ws_mask(void *p, size_t n, const unsigned char mask[4], uint64_t at);
/* The payload of a close frame; a code that may not be sent (WS_CODE_NONE) gives an empty one. The reason is cut at a whole
 * character. Gives the bytes written. */
size_t ws_put_close(unsigned char out[WS_CONTROL_MAX], uint16_t code, struct sl_str reason);
bool ws_code_may_be_sent(uint16_t code); /* section 7.4 and IANA's registry of November 2026 */

/* ---- the handshake (section 4) ---- */

enum ws_ask {
    WS_ASK_OK = 0,
    WS_ASK_NOT,     /* no request for a WebSocket */
    WS_ASK_VERSION, /* another version than 13: 426 with sec-websocket-version */
    WS_ASK_BROKEN   /* not GET over HTTP/1.1, a missing or wrong key, a body: 400 */
};
enum ws_ask ws_asked(const struct http_request *r);

#define WS_KEY_TEXT 24u
#define WS_ACCEPT_TEXT 28u
typedef void ws_sha1_f(const void *p, size_t n, uint8_t out[20]);
void ws_key_make(char out[WS_KEY_TEXT]);                                         /* random */
void ws_accept_of(struct sl_str key, ws_sha1_f *sha1, char out[WS_ACCEPT_TEXT]); /* key: WS_KEY_TEXT bytes */
/* Whether that answer (of status 101) accepts what was asked with `key`. */
bool ws_is_accepted(const struct http_response *r, struct sl_str key, ws_sha1_f *sha1);

#endif
