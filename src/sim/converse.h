/* Bedrock's Converse, read and written: bedrock.md 6, 7 (November 2026). Inside sim/ only. */
#ifndef SLUICE_SIM_CONVERSE_H
#define SLUICE_SIM_CONVERSE_H

#include "sim/anthropic.h"

struct converse_reader {
    struct sim_ask *a;
    struct sim_call *c;
    const struct claude_model *model;
    struct sim_marks marks;
    bool has_tools; /* toolConfig is there */
    bool forced;
};

bool converse_read(struct sim_ask *a, yyjson_val *root);
bool converse_read_messages(struct converse_reader *r, yyjson_val *messages);
/* Refuses members that are not in the list, which NULL ends. */
bool converse_only(struct sim_call *c, yyjson_val *obj, const char *const *names, const char *path);
/* Tokens of the prompt, for Anthropic's body in base64 or for Converse's. */
bool bedrock_count_read(struct sim_ask *a, yyjson_val *root);
/* Whether that id can be called; false: refused. */
bool bedrock_check_model(struct sim_call *c);

#endif
