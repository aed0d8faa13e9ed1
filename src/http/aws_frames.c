/* See aws_frames.h. */
#include "http/aws_frames.h"

#include <zlib.h>

#define PRELUDE 12u
#define CHECKSUM 4u
#define HEADERS_MOST (128u << 10)

static uint32_t u32_at(const char *p)
{
    const unsigned char *u = (const unsigned char *)p;
    return (uint32_t)u[0] << 24 | (uint32_t)u[1] << 16 | (uint32_t)u[2] << 8 | u[3];
}

static uint32_t crc_of(const char *p, size_t n)
{
    return (uint32_t)crc32_z(0, (const unsigned char *)p, n);
}

void aws_frames_init(struct aws_frames *s, size_t max_frame)
{
    *s = (struct aws_frames){.max = max_frame == 0 || max_frame > AWS_FRAME_BYTES ? AWS_FRAME_BYTES : max_frame};
    sl_buf_init(&s->carry, s->max + PRELUDE);
}

void aws_frames_done(struct aws_frames *s)
{
    sl_buf_done(&s->carry);
}

size_t aws_frames_rest(const struct aws_frames *s)
{
    return s->given ? 0 : s->carry.n;
}

/* -- Headers of a frame ---------------------------------------------------------------------------------------------- */

enum value_type {
    VALUE_TRUE = 0,
    VALUE_FALSE,
    VALUE_I8,
    VALUE_I16,
    VALUE_I32,
    VALUE_I64,
    VALUE_BYTES,
    VALUE_STRING,
    VALUE_TIME,
    VALUE_UUID,
    VALUE_TYPES
};

static bool take(struct sl_str *from, size_t n, struct sl_str *out)
{
    if (from->n < n)
        return false;
    *out = sl_str_head(*from, n);
    *from = sl_str_from(*from, n);
    return true;
}

static bool take_value(struct sl_str *from, unsigned type, struct sl_str *out)
{
    static const unsigned char sizes[VALUE_TYPES] = {
        [VALUE_I8] = 1, [VALUE_I16] = 2, [VALUE_I32] = 4, [VALUE_I64] = 8, [VALUE_TIME] = 8, [VALUE_UUID] = 16,
    };
    struct sl_str length;
    if (type >= VALUE_TYPES)
        return false;
    if (type != VALUE_BYTES && type != VALUE_STRING)
        return take(from, sizes[type], out);
    if (!take(from, 2, &length))
        return false;
    return take(from, (size_t)(unsigned char)length.p[0] << 8 | (unsigned char)length.p[1], out);
}

struct header {
    struct sl_str name, value;
    bool is_string;
};

static bool take_header(struct sl_str *from, struct header *out)
{
    struct sl_str length, type;
    if (!take(from, 1, &length) || !take(from, (unsigned char)length.p[0], &out->name) || !take(from, 1, &type))
        return false;
    out->is_string = type.p[0] == VALUE_STRING;
    return take_value(from, (unsigned char)type.p[0], &out->value);
}

static bool kind_of(struct sl_str type, enum aws_frame_kind *out)
{
    static const struct sl_str names[] = {
        [AWS_EVENT] = SL_STR_INIT("event"),
        [AWS_EXCEPTION] = SL_STR_INIT("exception"),
        [AWS_ERROR] = SL_STR_INIT("error"),
    };
    for (unsigned i = 0; i < sizeof names / sizeof names[0]; i++)
        if (sl_str_eq(names[i], type)) {
            *out = (enum aws_frame_kind)i;
            return true;
        }
    return false;
}

static bool read_headers(struct sl_str from, struct aws_frame *out)
{
    struct sl_str type = SL_STR_NONE, names[3] = {SL_STR_NONE, SL_STR_NONE, SL_STR_NONE};
    struct header h;
    while (from.n > 0) {
        if (!take_header(&from, &h))
            return false;
        if (!h.is_string)
            continue;
        if (sl_str_eq(h.name, SL_STR(":message-type")))
            type = h.value;
        else if (sl_str_eq(h.name, SL_STR(":event-type")))
            names[AWS_EVENT] = h.value;
        else if (sl_str_eq(h.name, SL_STR(":exception-type")))
            names[AWS_EXCEPTION] = h.value;
        else if (sl_str_eq(h.name, SL_STR(":error-code")))
            names[AWS_ERROR] = h.value;
        else if (sl_str_eq(h.name, SL_STR(":error-message")))
            out->message = h.value;
    }
    if (!kind_of(type, &out->kind))
        return false;
    out->name = names[out->kind];
    return true;
}

/* -- Frames ---------------------------------------------------------------------------------------------------------- */

static enum aws_result end_with(struct aws_frames *s, enum aws_result r)
{
    s->over = r;
    return r;
}

/* The first PRELUDE bytes. AWS_FRAME: *out_total can be trusted. */
static enum aws_result read_prelude(const struct aws_frames *s, const char *p, size_t *out_total)
{
    size_t total = u32_at(p), headers = u32_at(p + 4);
    if (u32_at(p + 8) != crc_of(p, 8))
        return AWS_BROKEN;
    if (total < PRELUDE + CHECKSUM || headers > HEADERS_MOST || headers > total - PRELUDE - CHECKSUM)
        return AWS_BROKEN;
    *out_total = total;
    return total > s->max ? AWS_LIMIT : AWS_FRAME;
}

static enum aws_result read_frame(struct sl_str bytes, struct aws_frame *out)
{
    size_t headers = u32_at(bytes.p + 4), end = bytes.n - CHECKSUM;
    *out = (struct aws_frame){.kind = AWS_EVENT};
    if (u32_at(bytes.p + end) != crc_of(bytes.p, end))
        return AWS_BROKEN;
    out->payload = sl_str_of(bytes.p + PRELUDE + headers, end - PRELUDE - headers);
    return read_headers(sl_str_of(bytes.p + PRELUDE, headers), out) ? AWS_FRAME : AWS_BROKEN;
}

/* Moves bytes to carry until it has `want`. False: there are not so many. */
static bool carry_to(struct aws_frames *s, size_t want, struct sl_str *in)
{
    size_t n = want > s->carry.n ? want - s->carry.n : 0;
    n = n > in->n ? in->n : n;
    if (n > 0)
        sl_buf_add(&s->carry, in->p, n);
    *in = sl_str_from(*in, n);
    return s->carry.n >= want;
}

enum aws_result aws_frames_next(struct aws_frames *s, struct sl_str *in, struct aws_frame *out_frame)
{
    size_t total = 0;
    enum aws_result r;
    if (s->over != AWS_MORE)
        return s->over;
    if (s->given)
        sl_buf_reset(&s->carry);
    s->given = false;
    if (s->carry.n == 0 && in->n >= PRELUDE) { /* a frame that lies in the slice is not copied */
        r = read_prelude(s, in->p, &total);
        if (r != AWS_FRAME)
            return end_with(s, r);
        if (in->n >= total) {
            r = read_frame(sl_str_head(*in, total), out_frame);
            *in = sl_str_from(*in, total);
            return r == AWS_FRAME ? r : end_with(s, r);
        }
    }
    if (!carry_to(s, PRELUDE, in))
        return AWS_MORE;
    r = read_prelude(s, s->carry.p, &total);
    if (r != AWS_FRAME)
        return end_with(s, r);
    if (!carry_to(s, total, in))
        return AWS_MORE;
    s->given = true;
    r = read_frame(sl_str_of(s->carry.p, total), out_frame);
    return r == AWS_FRAME ? r : end_with(s, r);
}
