/* Reading and writing of frames: see ws.h.
 *
 * A masked payload is copied into `message` and unmasked there; an unmasked message that is one frame and lies whole in the slice
 * is given as a view of it. UTF-8 is followed byte by byte across fragments: `utf8` holds how many bytes of a character are
 * missing and between which bounds the next one must be. */
#include "http/ws.h"

#include "base/base64.h"
#include "base/check.h"
#include "base/rand.h"

#define FIN 0x80u
#define RESERVED 0x70u
#define MASKED 0x80u
#define GUID "258EAFA5-E914-47DA-95CA-C5AB0DC85B11" /* section 1.3 */

enum reader_state {
    RS_HEAD = 0,
    RS_PAYLOAD,
    RS_CLOSED,
    RS_BAD
};

void ws_reader_init(struct ws_reader *w, enum ws_role role, size_t max_message)
{
    *w = (struct ws_reader){.role = (uint8_t)role, .max = max_message};
    sl_buf_init(&w->message, max_message);
}

void ws_reader_done(struct ws_reader *w)
{
    sl_buf_done(&w->message);
}

bool ws_reader_is_closed(const struct ws_reader *w)
{
    return w->state == RS_CLOSED;
}

static enum ws_result refuse(struct ws_reader *w, uint16_t code, const char *why)
{
    w->state = RS_BAD;
    w->bad_code = code;
    w->bad_why = why;
    return WS_BAD;
}

static bool is_control(unsigned opcode)
{
    return (opcode & 8) != 0;
}

/* ---- text ---- */

#define UTF8_WAITS(left, low, high) ((uint32_t)(left) << 16 | (uint32_t)(low) << 8 | (uint32_t)(high))

/* What a character's first byte promises (RFC 3629 section 4); 0: it is no first byte of more than one. */
static uint32_t utf8_begin(unsigned char c)
{
    if (c >= 0xc2 && c <= 0xdf)
        return UTF8_WAITS(1, 0x80, 0xbf);
    if (c >= 0xe0 && c <= 0xef)
        return UTF8_WAITS(2, c == 0xe0 ? 0xa0 : 0x80, c == 0xed ? 0x9f : 0xbf);
    if (c >= 0xf0 && c <= 0xf4)
        return UTF8_WAITS(3, c == 0xf0 ? 0x90 : 0x80, c == 0xf4 ? 0x8f : 0xbf);
    return 0;
}

static size_t ascii_run(const char *p, size_t n)
{
    size_t i = 0;
    for (; i + 8 <= n; i += 8) {
        uint64_t w;
        memcpy(&w, p + i, 8);
        if ((w & 0x8080808080808080u) != 0)
            break;
    }
    while (i < n && (unsigned char)p[i] < 0x80)
        i++;
    return i;
}

/* Follows on from *state; false: no UTF-8. */
static bool utf8_follow(uint32_t *state, const char *p, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        if (*state == 0)
            i += ascii_run(p + i, n - i);
        if (i == n)
            break;
        unsigned char c = (unsigned char)p[i];
        if (*state == 0) {
            if ((*state = utf8_begin(c)) == 0)
                return false;
            continue;
        }
        if (c < (*state >> 8 & 0xff) || c > (*state & 0xff))
            return false;
        uint32_t left = (*state >> 16) - 1;
        *state = left == 0 ? 0 : UTF8_WAITS(left, 0x80, 0xbf);
    }
    return true;
}

/* ---- heads ---- */

static size_t head_wants(const struct ws_reader *w)
{
    if (w->head_n < 2)
        return 2;
    unsigned length = w->head[1] & 0x7f;
    return 2u + (length == 126 ? 2u : length == 127 ? 8u : 0u) + ((w->head[1] & MASKED) != 0 ? 4u : 0u);
}

/* The length as it is coded; false: not in the shortest form, or over 2^63. */
static bool length_of(const struct ws_reader *w, uint64_t *out)
{
    unsigned code = w->head[1] & 0x7f, bytes = code == 126 ? 2 : code == 127 ? 8 : 0;
    uint64_t n = 0;
    for (unsigned i = 0; i < bytes; i++)
        n = n << 8 | w->head[2 + i];
    *out = bytes == 0 ? code : n;
    return bytes == 0 || (bytes == 2 ? n > 125 : n > 0xffff && n >> 63 == 0);
}

/* What the first two bytes say; NULL: nothing wrong. */
static const char *first_flaw(const struct ws_reader *w)
{
    unsigned opcode = w->head[0] & 0x0f;
    bool fin = (w->head[0] & FIN) != 0;
    if ((w->head[0] & RESERVED) != 0)
        return "reserved bits are set and no extension was agreed on";
    if (opcode > WS_PONG || (opcode > WS_BINARY && opcode < WS_CLOSE))
        return "a reserved opcode";
    if (is_control(opcode) && !fin)
        return "a control frame in fragments";
    if (is_control(opcode) && (w->head[1] & 0x7f) > WS_CONTROL_MAX)
        return "a control frame of more than 125 bytes";
    if (opcode == WS_CONTINUATION && w->joined == 0)
        return "a continuation of nothing";
    if ((opcode == WS_TEXT || opcode == WS_BINARY) && w->joined != 0)
        return "a new message inside of another";
    if (((w->head[1] & MASKED) != 0) != (w->role == WS_FROM_CLIENT))
        return w->role == WS_FROM_CLIENT ? "a frame of a client that is not masked" : "a masked frame of a server";
    return NULL;
}

static enum ws_result begin_frame(struct ws_reader *w)
{
    uint64_t n;
    if (!length_of(w, &n))
        return refuse(w, WS_CODE_PROTOCOL, "a length in a longer form than needed");
    w->opcode = w->head[0] & 0x0f;
    w->fin = (w->head[0] & FIN) != 0;
    w->left = n;
    w->mask_at = 0;
    w->control_n = 0;
    if (w->role == WS_FROM_CLIENT)
        memcpy(w->mask, w->head + w->head_n - 4, 4);
    w->head_n = 0;
    w->state = RS_PAYLOAD;
    if (is_control(w->opcode))
        return WS_MORE;
    size_t had = w->joined != 0 ? w->message.n : 0;
    if (n > w->max - had)
        return refuse(w, WS_CODE_TOO_BIG, "the message is larger than is taken here");
    if (w->joined == 0) {
        w->joined = w->opcode;
        w->utf8 = 0;
    }
    return WS_MORE;
}

static enum ws_result read_head(struct ws_reader *w, struct sl_str *in)
{
    while (in->n > 0 && w->head_n < head_wants(w)) {
        w->head[w->head_n++] = (unsigned char)in->p[0];
        *in = sl_str_from(*in, 1);
        if (w->head_n == 2) {
            const char *flaw = first_flaw(w);
            if (flaw != NULL)
                return refuse(w, WS_CODE_PROTOCOL, flaw);
        }
    }
    return w->head_n == head_wants(w) && w->head_n >= 2 ? begin_frame(w) : WS_MORE;
}

/* ---- payloads ---- */

static struct sl_str take(struct ws_reader *w, struct sl_str *in)
{
    struct sl_str part = sl_str_head(*in, w->left < in->n ? (size_t)w->left : in->n);
    *in = sl_str_from(*in, part.n);
    w->left -= part.n;
    return part;
}

static enum ws_result give_close(struct ws_reader *w, struct ws_event *out)
{
    const struct sl_str p = out->payload;
    if (p.n == 1)
        return refuse(w, WS_CODE_PROTOCOL, "a close frame with half a code");
    out->code = WS_CODE_NONE;
    if (p.n >= 2) {
        out->code = (uint16_t)((unsigned char)p.p[0] << 8 | (unsigned char)p.p[1]);
        out->reason = sl_str_from(p, 2);
    }
    if (p.n >= 2 && !ws_code_may_be_sent(out->code))
        return refuse(w, WS_CODE_PROTOCOL, "a close code that may not be sent");
    if (!sl_utf8_valid(out->reason))
        return refuse(w, WS_CODE_BAD_TEXT, "the reason of a close frame is not UTF-8");
    w->state = RS_CLOSED;
    return WS_CONTROL;
}

static enum ws_result read_control(struct ws_reader *w, struct sl_str *in, struct ws_event *out)
{
    struct sl_str part = take(w, in);
    if (part.n > 0)
        memcpy(w->control + w->control_n, part.p, part.n);
    if (w->role == WS_FROM_CLIENT)
        ws_mask(w->control + w->control_n, part.n, w->mask, w->control_n);
    w->control_n = (uint8_t)(w->control_n + part.n);
    if (w->left > 0)
        return WS_MORE;
    w->state = RS_HEAD;
    *out = (struct ws_event){.opcode = (enum ws_opcode)w->opcode, .payload = sl_str_of(w->control, w->control_n)};
    return w->opcode == WS_CLOSE ? give_close(w, out) : WS_CONTROL;
}

/* Without a copy: one frame, unmasked, all of it in the slice. */
static bool is_view(const struct ws_reader *w, struct sl_str in)
{
    return w->role == WS_FROM_SERVER && w->fin && w->opcode != WS_CONTINUATION && w->message.n == 0 && w->left <= in.n;
}

static enum ws_result read_data(struct ws_reader *w, struct sl_str *in, struct ws_event *out)
{
    bool view = is_view(w, *in);
    struct sl_str part = take(w, in);
    if (!view && part.n > 0) {
        size_t from = w->message.n;
        if (sl_buf_adds(&w->message, part) != SL_OK)
            return refuse(w, WS_CODE_TOO_BIG, "the message is larger than is taken here");
        if (w->role == WS_FROM_CLIENT)
            ws_mask(w->message.p + from, part.n, w->mask, w->mask_at);
        w->mask_at += (uint32_t)part.n;
        part = sl_str_of(w->message.p + from, part.n);
    }
    if (w->joined == WS_TEXT && !utf8_follow(&w->utf8, part.p, part.n))
        return refuse(w, WS_CODE_BAD_TEXT, "a text message is not UTF-8");
    if (w->left > 0)
        return WS_MORE;
    w->state = RS_HEAD;
    if (!w->fin)
        return WS_MORE;
    if (w->joined == WS_TEXT && w->utf8 != 0)
        return refuse(w, WS_CODE_BAD_TEXT, "a text message ends within a character");
    *out = (struct ws_event){.opcode = (enum ws_opcode)w->joined, .payload = view ? part : sl_buf_str(&w->message)};
    w->joined = 0;
    w->given = true;
    return WS_MESSAGE;
}

/* The message that was given is over; large memory goes back. */
static void forget(struct ws_reader *w)
{
    w->given = false;
    if (w->message.cap > WS_KEEP_BYTES) {
        sl_buf_done(&w->message);
        sl_buf_init(&w->message, w->max);
    }
    sl_buf_reset(&w->message);
}

static enum ws_result step(struct ws_reader *w, struct sl_str *in, struct ws_event *out)
{
    if (w->state == RS_HEAD)
        return read_head(w, in);
    return is_control(w->opcode) ? read_control(w, in, out) : read_data(w, in, out);
}

enum ws_result ws_read(struct ws_reader *w, struct sl_str *in, struct ws_event *out)
{
    enum ws_result r = w->state == RS_BAD ? WS_BAD : WS_MORE;
    *out = (struct ws_event){.opcode = WS_CONTINUATION};
    if (w->given)
        forget(w);
    if (w->state == RS_CLOSED)
        *in = sl_str_from(*in, in->n);
    /* a frame without a payload is over with its head */
    while (r == WS_MORE && w->state != RS_CLOSED && (in->n > 0 || (w->state == RS_PAYLOAD && w->left == 0)))
        r = step(w, in, out);
    if (r == WS_BAD)
        *out = (struct ws_event){.opcode = WS_CLOSE, .code = w->bad_code, .reason = sl_str_c(w->bad_why)};
    return r;
}

/* ---- writing ---- */

size_t ws_put_head(unsigned char out[WS_HEAD_MAX], enum ws_opcode opcode, uint64_t n, const unsigned char *mask)
{
    size_t at = 2;
    unsigned bytes = n <= 125 ? 0 : n <= 0xffff ? 2 : 8;
    out[0] = (unsigned char)(FIN | (unsigned)opcode);
    out[1] = (unsigned char)((mask != NULL ? MASKED : 0) | (bytes == 0 ? (unsigned)n : bytes == 2 ? 126u : 127u));
    for (unsigned i = bytes; i-- > 0;)
        out[at++] = (unsigned char)(n >> (8 * i));
    if (mask != NULL) {
        memcpy(out + at, mask, 4);
        at += 4;
    }
    return at;
}

void ws_mask(void *p, size_t n, const unsigned char mask[4], uint64_t at)
{
    unsigned char *b = p, turned[8];
    uint64_t word, key;
    size_t i = 0;
    for (unsigned k = 0; k < 8; k++)
        turned[k] = mask[(at + k) & 3];
    memcpy(&key, turned, 8);
    for (; i + 8 <= n; i += 8) {
        memcpy(&word, b + i, 8);
        word ^= key;
        memcpy(b + i, &word, 8);
    }
    for (; i < n; i++)
        b[i] ^= turned[i & 7];
}

size_t ws_put_close(unsigned char out[WS_CONTROL_MAX], uint16_t code, struct sl_str reason)
{
    if (!ws_code_may_be_sent(code))
        return 0;
    size_t n = reason.n < WS_CONTROL_MAX - 2 ? reason.n : WS_CONTROL_MAX - 2;
    while (n < reason.n && n > 0 && ((unsigned char)reason.p[n] & 0xc0) == 0x80)
        n--;
    out[0] = (unsigned char)(code >> 8);
    out[1] = (unsigned char)code;
    if (n > 0)
        memcpy(out + 2, reason.p, n);
    return 2 + n;
}

bool ws_code_may_be_sent(uint16_t code)
{
    if (code >= 3000)
        return code <= 4999;
    return (code >= 1000 && code <= 1003) || (code >= 1007 && code <= 1014);
}

/* ---- the handshake ---- */

static bool key_is_valid(struct sl_str key)
{
    char raw[WS_KEY_TEXT];
    size_t n = 0;
    return key.n == WS_KEY_TEXT && sl_base64_decode(key, raw, &n) && n == 16;
}

static struct sl_str header(const struct http_headers *h, const char *name)
{
    const struct http_header *found = http_headers_find_name(h, sl_str_c(name));
    return found != NULL ? found->value : SL_STR_NONE;
}

enum ws_ask ws_asked(const struct http_request *r)
{
    if (!http_list_has(header(&r->headers, "upgrade"), SL_STR("websocket")))
        return WS_ASK_NOT;
    if (r->method != HTTP_GET || r->version != HTTP_1_1 || r->has_body ||
        !http_list_has(header(&r->headers, "connection"), SL_STR("upgrade")))
        return WS_ASK_BROKEN;
    if (!sl_str_eq(header(&r->headers, "sec-websocket-version"), SL_STR("13")))
        return WS_ASK_VERSION;
    return key_is_valid(header(&r->headers, "sec-websocket-key")) ? WS_ASK_OK : WS_ASK_BROKEN;
}

void ws_key_make(char out[WS_KEY_TEXT])
{
    unsigned char raw[16];
    sl_random_bytes(raw, sizeof raw);
    SL_CHECK(sl_base64_encode(sl_str_of(raw, sizeof raw), out) == WS_KEY_TEXT);
}

void ws_accept_of(struct sl_str key, ws_sha1_f *sha1, char out[WS_ACCEPT_TEXT])
{
    char joined[WS_KEY_TEXT + sizeof GUID - 1];
    uint8_t digest[20];
    SL_CHECK(key.n == WS_KEY_TEXT);
    memcpy(joined, key.p, WS_KEY_TEXT);
    memcpy(joined + WS_KEY_TEXT, GUID, sizeof GUID - 1);
    sha1(joined, sizeof joined, digest);
    SL_CHECK(sl_base64_encode(sl_str_of(digest, sizeof digest), out) == WS_ACCEPT_TEXT);
}

bool ws_is_accepted(const struct http_response *r, struct sl_str key, ws_sha1_f *sha1)
{
    char want[WS_ACCEPT_TEXT];
    ws_accept_of(key, sha1, want);
    return r->status == 101 && http_list_has(header(&r->headers, "upgrade"), SL_STR("websocket")) &&
           http_list_has(header(&r->headers, "connection"), SL_STR("upgrade")) &&
           header(&r->headers, "sec-websocket-extensions").n == 0 &&
           sl_str_eq(header(&r->headers, "sec-websocket-accept"), sl_str_of(want, WS_ACCEPT_TEXT));
}
