/* Frames of application/vnd.amazon.eventstream, in which AWS streams answers: bytes in, any split, whole frames out. Both
 * checksums of a frame are verified before anything of it is given. Source: the event stream encoding of the AWS SDKs (November
 * 2026), bedrock.md section 5.
 *
 *   total length (4) | headers' length (4) | CRC-32 of these eight | headers | payload | CRC-32 of all before it; big endian
 *
 * Pull style, as sse.h:
 *
 *     struct sl_str in = slice;
 *     while ((r = aws_frames_next(&s, &in, &frame)) == AWS_FRAME)
 *         ...
 *     r == AWS_MORE: in is empty, what is no whole frame was kept */
#ifndef SLUICE_HTTP_AWS_FRAMES_H
#define SLUICE_HTTP_AWS_FRAMES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/buf.h"
#include "base/str.h"

#define AWS_FRAME_BYTES (24u << 20) /* largest frame taken; AWS documents 16 MiB */

enum aws_frame_kind {
    AWS_EVENT = 0,
    AWS_EXCEPTION, /* a failure that the service's model knows */
    AWS_ERROR      /* any other; no payload */
};

struct aws_frame { /* views: valid until the next call, and as long as the slice */
    enum aws_frame_kind kind;
    struct sl_str name;    /* :event-type, :exception-type or :error-code; empty: absent */
    struct sl_str message; /* :error-message */
    struct sl_str payload;
};

enum aws_result {
    AWS_MORE = 0,
    AWS_FRAME,
    AWS_LIMIT, /* a frame is larger than the maximum; stays so */
    AWS_BROKEN /* not this format: a checksum, a length, a header; stays so */
};

/* Embedded by value; fields belong to aws_frames.c. */
struct aws_frames {
    struct sl_buf carry; /* own: the frame that began in an earlier slice */
    size_t max;
    bool given; /* the frame given last is in carry: drop it first */
    enum aws_result over;
};

void aws_frames_init(struct aws_frames *s, size_t max_frame); /* 0, or more than AWS_FRAME_BYTES: AWS_FRAME_BYTES */
void aws_frames_done(struct aws_frames *s);

enum aws_result aws_frames_next(struct aws_frames *s, struct sl_str *in, struct aws_frame *out_frame);

/* Bytes of an unfinished frame that are kept. At the end of the stream, more than 0: it was cut. */
size_t aws_frames_rest(const struct aws_frames *s);

#endif
