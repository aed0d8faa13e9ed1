/* An answer being read, from a stream or whole: items become events the same way. Shared by answer_events.c, answer_read.c and
 * stream_read.c of this folder. */
#ifndef SLUICE_DIALECT_OPENAI_RESPONSES_ANSWER_READING_H
#define SLUICE_DIALECT_OPENAI_RESPONSES_ANSWER_READING_H

#include "dialect/codec.h"
#include "dialect/json_tree.h"
#include "dialect/stop_match.h"

#define ANSWER_ITEMS_MAX 4096u /* of one answer; agents' longest turns have some hundred */
#define ANSWER_PARTS_MAX 1024u /* of one message */

enum answer_item_kind {
    AI_UNKNOWN = 0, /* not announced yet */
    AI_MESSAGE,
    AI_REASONING,
    AI_CALL,
    AI_OTHER
};

struct answer_part {   /* of a message */
    bool begun, noted; /* text was seen; annotations were seen */
    uint32_t block;
    uint64_t from; /* characters of text before it, in the whole answer */
};

enum answer_thought {
    THOUGHT_NONE = 0,
    THOUGHT_SUMMARY,
    THOUGHT_FULL
};

struct answer_item {
    enum answer_item_kind kind;
    bool done;
    uint32_t block;
    struct answer_part *parts; /* in t->a; n_parts of cap_parts */
    uint32_t n_parts, cap_parts;
    bool begun, saw_arguments; /* CALL: told; REASONING: begun means it has its block */
    uint32_t call;
    enum answer_thought thought; /* which of the two forms is told */
    uint64_t thought_part;       /* the part that the last piece was of */
    bool saw_thought;
};

struct answer_reading {
    struct translation *t;
    struct sl_arena scratch; /* own: of one event */
    const struct neutral_sink *to;
    struct json_tree tree;
    struct answer_item **items; /* by output_index; in t->a */
    uint32_t n_items, cap_items, current;
    uint32_t calls, blocks;
    uint64_t chars; /* of text told so far */
    bool started, over, failed;
    bool may_end; /* the item told last is one that an answer ends with, and whole */
    bool cut;     /* an item said that it is not */
    struct stop_match stops;
    uint32_t held_block; /* of what it holds back */
};

struct answer_reading *answer_reading_new(struct translation *t); /* in t->a, with its scratch */

/* NULL: more than anybody sends: the format is broken. */
struct answer_item *answer_item_at(struct answer_reading *r, uint64_t index);
struct answer_part *answer_part_at(struct answer_reading *r, struct answer_item *item, uint64_t index);

/* Nodes are of r->tree. */
void answer_start(struct answer_reading *r, const struct json_node *response);
void answer_text(struct answer_reading *r, struct answer_part *part, enum neutral_event_kind kind, struct sl_str text);
void answer_logprobs(struct answer_reading *r, const struct json_node *of);
void answer_annotation(struct answer_reading *r, struct answer_part *part, const struct json_node *annotation);
void answer_thought(struct answer_reading *r, struct answer_item *item, enum answer_thought form, uint64_t part,
                    struct sl_str text);
void answer_call_begin(struct answer_reading *r, struct answer_item *item, const struct json_node *v);
void answer_arguments(struct answer_reading *r, struct answer_item *item, struct sl_str inside);
/* A whole item: tells what was not told yet. False: the format is broken. */
bool answer_item_done(struct answer_reading *r, struct answer_item *item, const struct json_node *v);
enum answer_item_kind answer_item_kind_of(struct answer_reading *r, const struct json_node *v);
/* The end: usage and finish, or the error. */
void answer_end(struct answer_reading *r, const struct json_node *response, bool incomplete);
void answer_error(struct answer_reading *r, const struct json_node *error);
/* Everything goes through here: behind a stop sequence nothing of the answer goes on. */
void answer_put(struct answer_reading *r, const struct neutral_event *e);

#endif
