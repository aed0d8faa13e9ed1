/* What faults do to heads and bodies. Who calls: faults.c, by the rows of its table. Bytes below HTTP go through sim_raw, which
 * resets the stream where HTTP/2 has no such thing. */
#include "sim/sim_int.h"

#define HEAD_BYTES_MAX (16 << 20)
#define INFORMATIONAL_MAX 10000

static size_t bounded(int64_t arg, size_t most)
{
    return arg < 0 ? 0 : (uint64_t)arg < most ? (size_t)arg : most;
}

/* ---- instead of an answer ---- */

static const struct sim_error busy = {
    .trouble = TROUBLE_BUSY,
    .status = 503,
    .type = "service_unavailable_error",
    .code = "server_is_overloaded",
    .message = "The model is currently overloaded with other requests. Please try again later."};

bool sim_reset_before_head(struct sim_call *c, int64_t arg)
{
    (void)arg;
    sim_reset(c);
    return true;
}

static const struct sl_str start_of_head =
    SL_STR_INIT("HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-le");

bool sim_reset_in_head(struct sim_call *c, int64_t arg)
{
    sim_raw(c, sl_str_head(start_of_head, bounded(arg, start_of_head.n)), false);
    if (!c->released)
        sim_after(c, 2 * SL_MS, sim_reset);
    return true;
}

static bool raw_and_over(struct sim_call *c, struct sl_str bytes)
{
    sim_raw(c, bytes, true);
    sim_finish(c, false);
    return true;
}

bool sim_close_in_head(struct sim_call *c, int64_t arg)
{
    return raw_and_over(c, sl_str_head(start_of_head, bounded(arg, start_of_head.n)));
}

bool sim_bad_head(struct sim_call *c, int64_t arg)
{
    (void)arg;
    return raw_and_over(c, SL_STR("\x01\x02 this is \xff no HTTP\r\n\r\n"));
}

bool sim_two_lengths(struct sim_call *c, int64_t arg)
{
    (void)arg;
    return raw_and_over(c, SL_STR("HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: 5\r\n"
                                  "content-length: 7\r\n\r\n{\"a\":1}"));
}

bool sim_huge_head(struct sim_call *c, int64_t arg)
{
    struct sl_buf b;
    sl_buf_init(&b, HEAD_BYTES_MAX + 4096);
    sl_buf_adds(&b, SL_STR("HTTP/1.1 200 OK\r\n"));
    for (unsigned i = 0; b.n < bounded(arg, HEAD_BYTES_MAX); i++)
        sl_buf_addf(&b, "x-filler-%u: 0123456789012345678901234567890123456789012345678901234567890123456789\r\n", i);
    sl_buf_adds(&b, SL_STR("content-length: 0\r\n\r\n"));
    raw_and_over(c, sl_buf_str(&b));
    sl_buf_done(&b);
    return true;
}

bool sim_hang(struct sim_call *c, int64_t arg)
{
    (void)c;
    (void)arg;
    return true; /* until the client goes */
}

bool sim_garbage_body(struct sim_call *c, int64_t arg)
{
    (void)arg;
    sim_answer(c, 200, SIM_JSON, SL_STR("]]] this is \xff not JSON {{{"));
    return true;
}

bool sim_informational(struct sim_call *c, int64_t arg)
{
    size_t n = bounded(arg, INFORMATIONAL_MAX);
    for (size_t i = 0; i < n; i++)
        c->s->ops->send_informational(c->s, 103);
    return false;
}

bool sim_flap(struct sim_call *c, int64_t arg)
{
    uint64_t n = c->sim->n_flap++;
    if (arg <= 0 || n % (uint64_t)arg != (uint64_t)arg - 1)
        return false;
    sim_refuse(c, &busy);
    return true;
}

bool sim_flap_period(struct sim_call *c, int64_t arg)
{
    if (arg <= 0 || sl_loop_now(c->sim->loop) / SL_MS / arg % 2 == 0)
        return false;
    sim_refuse(c, &busy);
    return true;
}

bool sim_retry_date(struct sim_call *c, int64_t arg)
{
    char date[SL_HTTP_DATE];
    int64_t ahead = (int64_t)bounded(arg, 86400000) * SL_MS;
    sl_http_date(sl_loop_wall(c->sim->loop) + ahead, date);
    sim_refuse(c, &(struct sim_error){.trouble = TROUBLE_RATE,
                                      .status = 429,
                                      .type = "rate_limit_error",
                                      .code = "rate_limit_exceeded",
                                      .message = "Rate limit reached for requests. Please try again later.",
                                      .header = "retry-after",
                                      .value = date});
    return true;
}

/* ---- a body in another way ---- */

static void drip(struct sim_call *c)
{
    struct sl_str one = sl_str_head(c->rest, 1);
    c->rest = sl_str_from(c->rest, 1);
    sim_send(c, one, c->rest.n == 0);
    if (c->rest.n == 0)
        sim_finish(c, true);
    else
        sim_after(c, c->drip_ns, drip);
}

static void begin_drip(struct sim_call *c, int64_t ms, struct sl_str body)
{
    c->drip_ns = (int64_t)bounded(ms, 86400000) * SL_MS;
    c->rest = sl_arena_str(c->s->arena, body);
    drip(c);
}

static void send_split(struct sim_call *c, struct sl_str body)
{
    for (size_t i = 0; i < body.n; i++)
        sim_send(c, sl_str_of(body.p + i, 1), i + 1 == body.n);
    sim_finish(c, true);
}

/* RFC 1952 with stored blocks of RFC 1951 3.2.4: gzip that any reader must take, without a compressor. */
uint32_t sim_crc32(struct sl_str s)
{
    static const uint32_t nibbles[16] = {0x00000000, 0x1db71064, 0x3b6e20c8, 0x26d930ac, 0x76dc4190, 0x6b6b51f4,
                                         0x4db26158, 0x5005713c, 0xedb88320, 0xf00f9344, 0xd6d6a3e8, 0xcb61b38c,
                                         0x9b64c2b0, 0x86d3d2d4, 0xa00ae278, 0xbdbdf21c};
    uint32_t crc = 0xffffffffu;
    for (size_t i = 0; i < s.n; i++) {
        crc ^= (unsigned char)s.p[i];
        crc = (crc >> 4) ^ nibbles[crc & 15];
        crc = (crc >> 4) ^ nibbles[crc & 15];
    }
    return ~crc;
}

static void add_le(struct sl_buf *b, uint32_t v, unsigned bytes)
{
    for (unsigned i = 0; i < bytes; i++)
        sl_buf_addc(b, (char)(v >> (8 * i) & 0xff));
}

static void add_gzip(struct sl_buf *b, struct sl_str body)
{
    struct sl_str left = body;
    sl_buf_add(b, "\x1f\x8b\x08\x00\x00\x00\x00\x00\x00\xff", 10);
    do {
        struct sl_str part = sl_str_head(left, 65535);
        left = sl_str_from(left, part.n);
        sl_buf_addc(b, left.n == 0 ? 1 : 0);
        add_le(b, (uint32_t)part.n, 2);
        add_le(b, ~(uint32_t)part.n & 0xffffu, 2);
        sl_buf_adds(b, part);
    } while (left.n > 0);
    add_le(b, sim_crc32(body), 4);
    add_le(b, (uint32_t)body.n, 4);
}

static void send_gzip(struct sim_call *c, struct sl_str body, struct sl_str type)
{
    static const struct sim_error coded = {.header = "content-encoding", .value = "gzip"};
    struct sl_buf b;
    sl_buf_init(&b, 2u * SIM_ANSWER_MAX);
    add_gzip(&b, body);
    sim_head(c, 200, type, c->stream ? HTTP_LENGTH_NONE : (int64_t)b.n, &coded);
    sim_send(c, sl_buf_str(&b), true);
    sim_finish(c, true);
    sl_buf_done(&b);
}

/* The first bytes, then: the connection breaks, closes or stays silent. */
static void send_part(struct sim_call *c, enum sim_bytes how, struct sl_str part)
{
    sim_send(c, part, false);
    if (how == BYTES_RESET) {
        sim_after(c, 2 * SL_MS, sim_reset); /* what was sent arrives first */
    } else if (how == BYTES_CUT) {
        sim_raw(c, SL_STR_NONE, true);
        sim_finish(c, false);
    }
}

/* A content-length that is not the body's; the connection closes behind it. */
static void send_wrong_length(struct sim_call *c, int64_t length, struct sl_str body, struct sl_str type)
{
    sim_head(c, 200, type, length, NULL);
    sim_send(c, body, false);
    sim_raw(c, SL_STR_NONE, true);
    sim_finish(c, false);
}

void sim_deliver(struct sim_call *c, const struct sim_active *a, struct sl_str body, struct sl_str type)
{
    enum sim_bytes how = a->fault->bytes;
    int64_t off = (int64_t)bounded(a->arg, SIM_ANSWER_MAX);
    if (how == BYTES_GZIP) {
        send_gzip(c, body, type);
        return;
    }
    if (how == BYTES_LONG || how == BYTES_SHORT) {
        int64_t n = (int64_t)body.n;
        send_wrong_length(c, how == BYTES_LONG ? n + off : off < n ? n - off : 0, body, type);
        return;
    }
    sim_head(c, 200, type, c->stream ? HTTP_LENGTH_NONE : (int64_t)body.n, NULL);
    if (how == BYTES_SPLIT)
        send_split(c, body);
    else if (how == BYTES_DRIP)
        begin_drip(c, a->arg, body);
    else
        send_part(c, how, sl_str_head(body, bounded(a->arg, body.n)));
}
