/* Streams of Bedrock turned into server-sent events: a filter in front of relay_same_feed and relay_translate_feed. Claude's become
 * those that Anthropic itself gives: each frame "chunk" holds one event's JSON in base64, an exception becomes an error event in
 * Anthropic's words. Converse's frames are events themselves: the frame's name and payload; an exception is the event "error" with
 * {"type": its name, "message"}. Sources: bedrock.md sections 4.2, 5, 6.3 and 8, anthropic.md section 4. */
#ifndef SLUICE_DIALECT_AWS_STREAM_H
#define SLUICE_DIALECT_AWS_STREAM_H

#include "dialect/relay_same.h"
#include "http/aws_frames.h"

/* Embedded by value; fields belong to aws_stream.c. */
struct aws_stream {
    struct aws_frames frames;
    bool plain;                    /* the frames are the events: dialect.frames. Set behind init */
    struct sl_buf text, json, out; /* own: of the running frame, of it decoded, what this feed gives */
};

bool aws_stream_is(struct sl_str content_type);

void aws_stream_init(struct aws_stream *s,
                     size_t max_event); /* of the events that come out; 0: no other than the frames' */
void aws_stream_done(struct aws_stream *s);

/* Takes a slice as it came, cut anywhere. *out_events: whole events, valid until the next call; also of the frames before one
 * that is bad. RELAY_MORE, or RELAY_LIMIT and RELAY_BROKEN, which stay. */
enum relay_feed aws_stream_feed(struct aws_stream *s, struct sl_str slice, struct sl_str *out_events);

#endif
