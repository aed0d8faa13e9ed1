/* See frames.h. Layout: total length, headers' length, CRC-32 of these eight bytes, headers, payload, CRC-32 of all before it;
 * numbers big endian, CRC-32 of IEEE 802.3. bedrock.md 5 has vectors. */
#include "sim/frames.h"

#include "base/base64.h"
#include "base/mem.h"
#include "sim/sim_int.h"

#define PREFIX_BYTES 12u
#define PAYLOAD_MOST (16u << 20)

static void put_u32(char *to, uint32_t v)
{
    for (unsigned i = 0; i < 4; i++)
        to[i] = (char)(v >> (24 - 8 * i) & 0xff);
}

static void add_u32(struct sl_buf *b, uint32_t v)
{
    char bytes[4];
    put_u32(bytes, v);
    sl_buf_add(b, bytes, 4);
}

static void add_header(struct sl_buf *b, const char *name, const char *value)
{
    size_t n = strlen(name), m = strlen(value);
    sl_buf_addc(b, (char)n);
    sl_buf_add(b, name, n);
    sl_buf_addc(b, 7); /* a string */
    sl_buf_addc(b, (char)(m >> 8));
    sl_buf_addc(b, (char)(m & 0xff));
    sl_buf_add(b, value, m);
}

static void add_frame(struct sl_buf *b, const char *type, const char *kind_name, const char *kind,
                      struct sl_str payload)
{
    size_t from = b->n;
    sl_buf_add(b, "\0\0\0\0\0\0\0\0\0\0\0", PREFIX_BYTES);
    add_header(b, kind_name, kind);
    add_header(b, ":content-type", "application/json");
    add_header(b, ":message-type", type);
    size_t headers = b->n - from - PREFIX_BYTES;
    sl_buf_adds(b, payload);
    if (b->over)
        return;
    put_u32(b->p + from, (uint32_t)(b->n - from + 4));
    put_u32(b->p + from + 4, (uint32_t)headers);
    put_u32(b->p + from + 8, sim_crc32(sl_str_of(b->p + from, 8)));
    add_u32(b, sim_crc32(sl_str_of(b->p + from, b->n - from)));
}

void sim_frame_event(struct sim_call *c, struct sl_buf *b, const char *kind, struct sl_str payload)
{
    static const char padding[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789";
    struct sl_buf padded;
    sl_buf_init(&padded, PAYLOAD_MOST);
    sl_buf_adds(&padded, sl_str_head(payload, payload.n - 1));
    sl_buf_addf(&padded, "%s\"p\":\"%.*s\"}", payload.n > 2 ? "," : "", (int)(1 + sl_rand_below(&c->sim->rand, 61)),
                padding);
    add_frame(b, "event", ":event-type", kind, sl_buf_str(&padded));
    sl_buf_done(&padded);
}

/* kind is its :exception-type. */
static void sim_frame_exception(struct sl_buf *b, const char *kind, struct sl_str payload)
{
    add_frame(b, "exception", ":exception-type", kind, payload);
}

void sim_frame_chunk(struct sim_call *c, struct sl_buf *b, struct sl_str json)
{
    struct sl_buf payload;
    sl_buf_init(&payload, PAYLOAD_MOST);
    sl_buf_adds(&payload, SL_STR("{\"bytes\":\""));
    char *to = sl_buf_room(&payload, SL_BASE64_BYTES(json.n));
    if (to != NULL)
        sl_buf_wrote(&payload, sl_base64_encode(json, to));
    sl_buf_adds(&payload, SL_STR("\"}"));
    sim_frame_event(c, b, "chunk", sl_buf_str(&payload));
    sl_buf_done(&payload);
}

void sim_frame_garbage(struct sim_call *c, struct sl_buf *b)
{
    sim_frame_event(c, b, "chunk", SL_STR("{\"bytes\":\"bm8gSlNPTg==\"}"));
    if (!b->over)
        b->p[b->n - 1] = (char)(b->p[b->n - 1] ^ 0x55);
}

void sim_frame_trouble(struct sim_call *c, struct sl_buf *b)
{
    (void)c;
    sim_frame_exception(b, "internalServerException",
                        SL_STR("{\"message\":\"The system encountered an unexpected error during processing. Try your "
                               "request again.\"}"));
}

void sim_frame_comment(struct sim_call *c, struct sl_buf *b)
{
    sim_frame_event(c, b, "somethingNew", SL_STR("{}"));
}
