/* Amazon Bedrock's Converse: one format for all families of models there; Claude has its own way (InvokeModel, dialect anthropic). Only
 * providers speak it: there is no face. MAP.md in this folder says where each member goes. Source: bedrock.md sections 6 and 8
 * (November 2026; the service's own model of 2023-09-30 in its version of August 2026).
 *
 * Its streams come in AWS' frames; aws_stream.h makes server-sent events of them: the event's name is the frame's, the data its
 * payload, and an exception is the event "error" with {"type","message"}. */
#ifndef SLUICE_DIALECT_BEDROCK_CONVERSE_BEDROCK_CONVERSE_H
#define SLUICE_DIALECT_BEDROCK_CONVERSE_BEDROCK_CONVERSE_H

#include "dialect/codec.h"

extern const struct dialect bedrock_converse_dialect;
extern const struct dialect_codec bedrock_converse_codec;
extern const struct model_caps bedrock_converse_caps[];

#endif
