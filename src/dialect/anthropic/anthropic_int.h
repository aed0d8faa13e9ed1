/* What the files of this folder share. */
#ifndef SLUICE_DIALECT_ANTHROPIC_ANTHROPIC_INT_H
#define SLUICE_DIALECT_ANTHROPIC_ANTHROPIC_INT_H

#include "base/map.h"
#include "dialect/anthropic/anthropic.h"
#include "dialect/json_peek.h"
#include "dialect/json_tree.h"
#include "dialect/json_write.h"

/* The value of an "error" member: an object (Anthropic's or Google's), or a text. Looks only, checks nothing. */
void anthropic_error_read(struct sl_str value, struct answer_error *out);

/* -- Reading requests (request_read.c, read_blocks.c, read_tools.c) -- */

struct anthropic_parts { /* a list being built */
    struct neutral_part *first, *last;
};

struct anthropic_reading {
    struct json_tree t;
    struct sl_arena *a;
    struct neutral_request *out;
    struct request_refusal *refusal;
    struct neutral_message *last, *last_system; /* last_system: the system prompt, which a compaction leaves */
    struct neutral_tool *last_tool;
    struct neutral_member *last_unknown;
    enum neutral_effort turn_effort; /* what the newest system message between turns asks for */
    bool saw_max_tokens;
};

struct
    anthropic_place { /* of a block: messages[message].content[block].content[inner], system[block]; -1: not that deep */
    const char *list;
    int message, block, inner;
};

/* Fills the refusal and gives false. member: "" or the name of one in the block. what: "must be a string". */
bool anthropic_refuse(struct anthropic_reading *r, enum gateway_error e, const struct anthropic_place *at,
                      const char *member, const char *what);
bool anthropic_refuse_member(struct anthropic_reading *r, enum gateway_error e, const char *path, const char *what);

struct neutral_part *anthropic_add_part(struct anthropic_reading *r, struct anthropic_parts *to,
                                        enum neutral_part_kind kind);
/* A message behind the others; NULL without parts. */
void anthropic_add_message(struct anthropic_reading *r, enum neutral_role role, uint32_t index,
                           const struct anthropic_parts *parts);
enum neutral_cache anthropic_cache_of(const struct json_tree *t, const struct json_node *block);
struct sl_str anthropic_inside(struct anthropic_reading *r, const struct json_node *of, const char *name);

/* content: a string or blocks. Results of the client's tools go to `results`, everything else to `rest`. */
bool anthropic_read_content(struct anthropic_reading *r, const struct json_node *content,
                            const struct anthropic_place *at, enum neutral_role role, struct anthropic_parts *results,
                            struct anthropic_parts *rest);
bool anthropic_read_tools(struct anthropic_reading *r, const struct json_node *list);
bool anthropic_read_tool_choice(struct anthropic_reading *r, const struct json_node *choice);
/* Blocks of system messages that change the list of tools. */
void anthropic_change_tools(struct anthropic_reading *r, const struct json_node *block);

/* -- Schemas (schema.c) -- */

/* The schema of a JSON answer in the subset that can be enforced. False: it cannot be brought there. *out_changed: more than
 * nothing had to be done. */
bool anthropic_schema_of_answer(struct sl_str schema, bool google, struct sl_arena *a, struct sl_str *out,
                                bool *out_changed);
/* The input schema of a tool; an empty one means an object without members. *out_wrapped: it is {"value": schema} now. */
struct sl_str anthropic_schema_of_tool(struct sl_str schema, bool google, struct sl_arena *a, bool *out_wrapped);

/* -- Writing requests (request_write.c, write_*.c) -- */

enum anthropic_block_kind {
    AB_TEXT = 0,
    AB_IMAGE,
    AB_DOCUMENT,
    AB_THINKING, /* text, signature (plain) */
    AB_REDACTED, /* signature (plain): the data */
    AB_CALL,
    AB_RESULT,
    AB_RAW /* part->raw */
};

struct anthropic_block {
    enum anthropic_block_kind kind;
    enum neutral_cache cache;
    bool in_system_words;            /* TEXT: between <system> and </system> */
    const struct neutral_part *part; /* NULL: made up */
    struct anthropic_block *next;
    struct sl_str text;              /* inside */
    struct sl_str signature;         /* plain */
    struct neutral_media media;      /* IMAGE, DOCUMENT: as it is to be sent */
    struct sl_str id, name;          /* CALL, RESULT: inside, as sent */
    unsigned repeats;                /* CALL: how many had this id before */
    bool wrapped;                    /* CALL: its tool's schema is */
    struct anthropic_block *result;  /* CALL */
    struct anthropic_block *content; /* RESULT */
};

struct anthropic_blocks {
    struct anthropic_block *first, *last;
};

enum anthropic_role {
    AR_USER = 0,
    AR_ASSISTANT,
    AR_SYSTEM
};

struct anthropic_message {
    enum anthropic_role role;
    uint32_t index; /* of the client's message that it began with */
    struct anthropic_blocks blocks;
    struct anthropic_message *next;
};

struct anthropic_tool { /* to be sent */
    const struct neutral_tool *tool;
    unsigned index; /* in the client's list */
    enum neutral_cache cache;
    struct sl_str name, schema; /* inside, raw */
    bool wrapped, strict;
};

enum anthropic_thinking {
    AT_UNSAID = 0,
    AT_DISABLED,
    AT_BETWEEN_TOOLS,
    AT_ADAPTIVE,
    AT_MANUAL
};

enum anthropic_format {
    AF_NONE = 0,
    AF_NATIVE, /* output_config.format */
    AF_TOOL,   /* a tool that has to be called */
    AF_WORDS   /* an instruction */
};

struct anthropic_writing {
    struct translation *t;
    const struct neutral_request *req;
    struct request_refusal *refusal;
    struct sl_arena *a;
    struct json_writer w;
    uint32_t flags; /* of the model on this platform */
    bool native;    /* the client speaks this format: what is raw may go as it is */
    struct sl_str family;
    struct anthropic_tool *tools;
    unsigned n_tools;
    struct sl_map by_name; /* own: the client's name -> struct anthropic_tool */
    struct sl_map calls;   /* own: id -> the newest call of that id; ids as sent -> the same */
    struct anthropic_blocks system;
    struct anthropic_message *messages;
    /* decided */
    uint64_t max_tokens, budget;
    enum anthropic_thinking thinking;
    bool show_thinking, thinking_by_effort; /* only our mapping of an effort turned it on */
    enum neutral_effort effort;
    enum anthropic_format format;
    struct sl_str schema;
    enum neutral_choice_mode choice; /* UNSAID, AUTO, NONE, REQUIRED, NAMED */
    struct sl_str choice_name;
    bool single_calls, top_cache;
};

/* translation_refuses, with what this format knows of it. */
static inline bool anthropic_refuses(struct anthropic_writing *w, bool harmful, struct sl_str what, const char *how)
{
    return translation_refuses(w->t, harmful, what, how, w->refusal);
}

/* Each: false: refused. */
bool anthropic_prepare_tools(struct anthropic_writing *w);
void anthropic_list_wrapped(struct anthropic_writing *w);    /* into t->wrapped */
bool anthropic_build_messages(struct anthropic_writing *w);  /* write_messages.c */
bool anthropic_finish_messages(struct anthropic_writing *w); /* write_order.c: merging, pairs, order */
bool anthropic_plan(struct anthropic_writing *w); /* write_plan.c: max_tokens, thinking, form of output, choice */
void anthropic_limit_marks(struct anthropic_writing *w);

void anthropic_write_cache(struct json_writer *w, enum neutral_cache cache);
void anthropic_write_system(struct anthropic_writing *w);
void anthropic_write_messages(struct anthropic_writing *w);
void anthropic_write_tools(struct anthropic_writing *w);

struct anthropic_block *anthropic_add_block(struct anthropic_writing *w, struct anthropic_blocks *to,
                                            enum anthropic_block_kind kind);
struct anthropic_message *anthropic_new_message(struct anthropic_writing *w, enum anthropic_role role, uint32_t index);
void anthropic_join_blocks(struct anthropic_blocks *to, struct anthropic_blocks *more);
/* Nothing but blanks, escaped or not. */
bool anthropic_is_blank(struct sl_str inside);
/* The input object of a call. custom: text is its input; else arguments, raw, whatever a model made of them. wrapped: as the value
 * of "value". */
void anthropic_write_input(struct json_writer *w, const struct neutral_part *call, bool is_wrapped, struct sl_arena *a);

/* -- The codec's functions, one file each -- */

bool anthropic_request_read(enum operation op, struct sl_str body, struct sl_arena *a, struct neutral_request *out,
                            struct request_refusal *out_refusal);
bool anthropic_request_write(struct translation *t, struct sl_buf *out, struct request_refusal *out_refusal);
bool anthropic_answer_read(struct translation *t, struct sl_str body, const struct neutral_sink *to);
void *anthropic_stream_read_begin(struct translation *t);
bool anthropic_stream_read(void *state, struct sl_str event, struct sl_str data, const struct neutral_sink *to);
bool anthropic_stream_read_end(void *state, const struct neutral_sink *to);
void anthropic_answer_write(struct translation *t, const struct neutral_answer *answer, struct sl_buf *out);
void *anthropic_stream_write_begin(struct translation *t, struct sl_buf *out);
void anthropic_stream_write(void *state, const struct neutral_event *e);
void anthropic_stream_write_end(void *state);

#endif
