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
    const struct json_node *choice;
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
/* What the neutral form has no place for: writers name it by `name` (inside), a path. */
void anthropic_add_unknown(struct anthropic_reading *r, struct sl_str name, const struct json_node *v, bool harmful);
bool anthropic_read_tools(struct anthropic_reading *r, const struct json_node *list);
bool anthropic_read_tool_choice(struct anthropic_reading *r, const struct json_node *choice);
/* When all tools are read: a choice that only what was left out could meet goes, too. */
void anthropic_check_choice(struct anthropic_reading *r);
/* Blocks of system messages that change the list of tools. */
void anthropic_change_tools(struct anthropic_reading *r, const struct json_node *block,
                            const struct anthropic_place *at);

/* -- Schemas (schema.c) -- */

/* The schema of a JSON answer in the subset that can be enforced. False: it cannot be brought there. *out_changed: more than
 * nothing had to be done. */
bool anthropic_schema_of_answer(struct sl_str schema, bool google, struct sl_arena *a, struct sl_str *out,
                                bool *out_changed);
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
    bool wrapped;                    /* CALL: its tool's schema is */
    unsigned repeats;                /* CALL: how many had this id before */
    const struct neutral_part *part; /* NULL: made up */
    struct anthropic_block *next;
    struct sl_str text;                /* inside */
    struct sl_str signature;           /* plain */
    const struct neutral_media *media; /* IMAGE, DOCUMENT: as it is to be sent */
    struct sl_str id, name;            /* CALL, RESULT: inside, as sent */
    struct anthropic_block *result;    /* CALL */
    struct anthropic_block *content;   /* RESULT */
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
    enum neutral_cache cache;
    struct sl_str name, schema;   /* inside, raw */
    bool wrapped, strict, loaded; /* loaded: `defer_loading` is left out */
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
/* What finds deferred tools: the regex search, or the other one. */
static inline bool anthropic_is_tool_search(struct sl_str type)
{
    return sl_str_starts(type, SL_STR("tool_search_tool"));
}
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
/* The input object of a call. custom: text is its input; else arguments, raw, whatever a model made of them. wrapped: as the value
 * of "value". */
void anthropic_write_input(struct json_writer *w, const struct neutral_part *call, bool is_wrapped, struct sl_arena *a);

/* -- Reading answers (answer_events.c): blocks, from a stream or whole, become events -- */

enum anthropic_reading_kind {
    RB_TEXT = 0,
    RB_THINKING,
    RB_CALL,
    RB_JSON,   /* of the tool that stands for the answer: its input is text */
    RB_HOSTED, /* of a tool that runs at the provider */
    RB_IGNORED
};

struct anthropic_citation {
    struct neutral_citation c; /* in the arena of the translation */
    struct anthropic_citation *next;
};

struct anthropic_reading_block {
    enum anthropic_reading_kind kind;
    bool open, whole_only, custom, wrapped; /* whole_only: given at its end, since it has to be changed */
    bool any;                               /* something of it was given or gathered */
    uint32_t index;                         /* the provider's */
    uint32_t block, call;                   /* ours */
    struct sl_buf gathered;                 /* own: input, unescaped */
    struct sl_str type, id, name;           /* HOSTED: in the arena of the translation; insides */
    uint64_t from;                          /* TEXT: characters before it */
    struct anthropic_citation *citations, *last_citation;
};

#define ANTHROPIC_OPEN_MAX 64u /* blocks that are open at a time; real streams have one */

enum anthropic_fence { /* code fences around JSON that was only asked for in words */
    FENCE_START = 0,
    FENCE_AROUND,
    FENCE_NONE
};

struct anthropic_answering {
    struct translation *t;
    const struct neutral_sink *to;
    struct sl_arena scratch; /* own: of one event */
    struct json_tree tree;
    struct anthropic_reading_block open[ANTHROPIC_OPEN_MAX];
    uint32_t blocks, calls;
    uint64_t chars;     /* of all texts */
    struct sl_buf held; /* own: text that may not be the answer, inside */
    uint32_t held_block;
    enum anthropic_fence fence;
    bool started, json_called, finished, done, failed;
    enum neutral_finish finish;                     /* NONE: not said */
    struct sl_str finish_text, stop_sequence, tier; /* insides, in the arena of the translation */
    struct anthropic_usage usage;
    bool usage_told;
};

/* In t->a, with what it owns. */
struct anthropic_answering *anthropic_answering_new(struct translation *t);
/* message: a message object, of message_start or whole. */
void anthropic_take_start(struct anthropic_answering *r, const struct json_node *message);
/* False: more blocks are open than can be. */
bool anthropic_block_start(struct anthropic_answering *r, uint32_t index, const struct json_node *block);
/* False: there is no such block. */
bool anthropic_block_delta(struct anthropic_answering *r, uint32_t index, const struct json_node *delta);
void anthropic_block_stop(struct anthropic_answering *r, uint32_t index);
void anthropic_put_usage(struct anthropic_answering *r);
void anthropic_take_usage(struct anthropic_answering *r, const struct json_node *usage);
/* from: what has stop_reason, stop_sequence and stop_details. */
void anthropic_take_stop(struct anthropic_answering *r, const struct json_node *from);
void anthropic_take_error(struct anthropic_answering *r, const struct json_node *error);
/* Closes what is open, gives what was held, usage and finish. Once. */
void anthropic_finish(struct anthropic_answering *r);

/* -- Writing answers (answer_write.c) -- */

/* Whether the client asked for thinking: who did not shall not meet any. */
bool anthropic_wants_thinking(const struct translation *t);
/* The signature that the client gets: an envelope where it is not Anthropic's own. Inside; empty: the thought is not signed. */
struct sl_str anthropic_signature(const struct translation *t, struct sl_str signature, struct sl_arena *a);
/* id, type, role, model; then the caller writes content and the rest. */
void anthropic_write_message_head(struct json_writer *w, const struct translation *t, struct sl_str id);
/* An object. whole: with the members that only whole answers and message_start have. */
void anthropic_write_usage(struct json_writer *w, const struct token_counts *u, bool whole);
/* stop_reason, stop_sequence and stop_details. */
void anthropic_write_stop(struct json_writer *w, enum neutral_finish finish, bool calls, struct sl_str stop_sequence,
                          struct sl_str explanation);

/* -- Words (words.c) -- */

enum neutral_finish anthropic_finish_of(struct sl_str stop_reason); /* OTHER: a word that nobody knows */
struct sl_str anthropic_stop_reason(enum neutral_finish f, bool calls);
int anthropic_error_status(struct sl_str type); /* 0: not known */

/* The same request where others serve Claude (platform.c). */
void anthropic_encode_for_platform(const struct request_facts *f, struct sl_str body,
                                   const struct request_change *change, struct sl_arena *a, struct body_pieces *out);

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
void *anthropic_stream_write_resume(struct translation *t, struct sl_buf *out, const struct told *told);
void anthropic_stream_write(void *state, const struct neutral_event *e);
void anthropic_stream_write_end(void *state);

#endif
