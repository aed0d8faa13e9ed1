/* Anthropic's Messages, read and written: anthropic.md 2 to 5, 9 (November 2026). Inside sim/ only. */
#ifndef SLUICE_SIM_ANTHROPIC_H
#define SLUICE_SIM_ANTHROPIC_H

#include "sim/ask.h"

enum claude_flag {
    CLAUDE_ADAPTIVE = 1 << 0,   /* thinking.type adaptive */
    CLAUDE_ENABLED = 1 << 1,    /* thinking.type enabled */
    CLAUDE_DISABLED = 1 << 2,   /* thinking.type disabled */
    CLAUDE_BETWEEN = 1 << 3,    /* thinking.type between_tools */
    CLAUDE_SAMPLING = 1 << 4,   /* temperature, top_p, top_k */
    CLAUDE_ONE_OF_TWO = 1 << 5, /* temperature or top_p, not both */
    CLAUDE_FORCED = 1 << 6,     /* tool_choice any, tool */
    CLAUDE_PREFILL = 1 << 7,
    CLAUDE_SYSTEM = 1 << 8, /* system messages between the others */
    CLAUDE_OMITS = 1 << 9,  /* the text of thinking, when not asked for */
    CLAUDE_EFFORT = 1 << 10,
    CLAUDE_XHIGH = 1 << 11
};

struct claude_model {
    struct sl_str prefix;
    uint32_t max_tokens;
    unsigned flags;
};

/* What the model of that name takes; a name that is not Claude's takes everything. */
const struct claude_model *claude_model_of(struct sl_str model);

struct claude_reader {
    struct sim_ask *a;
    struct sim_call *c;
    const struct claude_model *model;
    struct sim_marks marks;
    bool marked; /* the request has breakpoints */
    unsigned n_cache_control;
    bool manual; /* thinking.type enabled */
    bool forced; /* tool_choice any or tool */
    bool new_version;
    bool auto_mark; /* the top-level cache_control */
    bool counts;    /* a body of count_tokens */
};

bool claude_read(struct sim_ask *a, yyjson_val *root);
bool claude_no(struct claude_reader *r, const char *format, ...) SL_PRINTF(2, 3);
/* Refuses members that are not in the list (ended by NULL): "PATH.NAME: Extra inputs are not permitted". */
bool claude_only(struct claude_reader *r, yyjson_val *obj, const char *const *names, const char *path);
bool claude_read_messages(struct claude_reader *r, yyjson_val *messages);
bool claude_read_system(struct claude_reader *r, yyjson_val *system);
bool claude_read_tools(struct claude_reader *r, yyjson_val *tools, yyjson_val *choice);
/* Notes a cache_control; false: refused. */
bool claude_cache_control(struct claude_reader *r, yyjson_val *block, const char *path, bool *out_marked,
                          bool *out_hour);
/* A block is over: for the prompt cache. */
void claude_block(struct claude_reader *r, yyjson_val *block, bool marked, bool hour);
bool claude_tool_schema(struct claude_reader *r, yyjson_val *schema, const char *path);

#endif
