/* An answer being written, as a stream or whole: neutral events become items, and the items are kept, since the last event repeats
 * them all. A whole answer is the same without the events in between, so that both are one (law b). Shared by output_items.c,
 * response_object.c, stream_write.c, answer_write.c and items.c of this folder. */
#ifndef SLUICE_DIALECT_OPENAI_RESPONSES_ANSWER_WRITING_H
#define SLUICE_DIALECT_OPENAI_RESPONSES_ANSWER_WRITING_H

#include "dialect/codec.h"
#include "dialect/json_write.h"

#define OUTPUT_CALLS_MAX 4096u /* calls of one answer that are told apart */

/* Bytes that grow in the arena. */
struct grown {
    char *p;
    size_t n, cap;
};
static inline struct sl_str grown_str(const struct grown *g)
{
    return sl_str_of(g->p, g->n);
}
void grown_add(struct grown *g, struct sl_arena *a, struct sl_str s);

enum output_kind {
    OK_MESSAGE = 0,
    OK_REASONING,
    OK_FUNCTION,
    OK_CUSTOM,
    OK_SEARCH, /* tool_search_call of the client's own search */
    OK_IMAGE,
    OK_WEB,  /* web_search_call */
    OK_CODE, /* code_interpreter_call */
    OK_MCP,  /* mcp_call */
    OK_RAW   /* an item of this format already */
};

struct output_note { /* url_citation; offsets in characters of its part */
    struct neutral_citation c;
    struct output_note *next;
};

struct output_part {
    struct sl_str raw; /* it was told whole by another provider: nothing else is set */
    bool refusal;
    uint64_t from, chars; /* of the answer's text before it, and of its own */
    struct grown text, logprobs;
    struct output_note *notes, *last_note;
    struct grown raw_notes; /* of another provider, before the others; joined by commas */
    uint32_t n_notes;
    struct output_part *next;
};

struct output_item {
    enum output_kind kind;
    uint32_t index;
    bool done, incomplete;
    struct sl_str id;
    struct output_part *parts, *last; /* MESSAGE */
    uint32_t n_parts;
    uint32_t block;       /* REASONING: of the provider */
    struct grown text;    /* REASONING: summary; calls: arguments or input; CODE, WEB, MCP: see output_items.c */
    struct sl_str sealed; /* REASONING: encrypted_content */
    struct sl_str call_id, name, space;
    struct grown output; /* CODE, MCP: what came of it */
    struct sl_str raw;   /* RAW, IMAGE: base64 */
    struct sl_str mime;
    struct output_item *next;
};

struct answer_writing {
    struct translation *t;
    struct json_writer w;
    bool quiet; /* no events: items are gathered only */
    bool started;
    struct sl_str lead; /* events that go before the next one */
    uint64_t sequence;
    struct output_item *first, *last;
    uint32_t n_items;
    struct output_item *open;   /* the message or reasoning that goes on */
    struct output_item *hosted; /* the provider's call that waits for its result */
    struct output_item **calls; /* by ordinal */
    uint32_t cap_calls;
    uint64_t chars;
    struct token_counts usage;
    struct sl_str tier, model;
    bool refused; /* a refusal was written */
    enum neutral_finish finish;
};

enum events_wanted {
    WITH_EVENTS = 0,
    WITHOUT_EVENTS
};
struct answer_writing *answer_writing_new(struct translation *t, struct sl_buf *out, enum events_wanted events);
void answer_writing_take(struct answer_writing *s, const struct neutral_event *e);
void answer_writing_close(struct answer_writing *s); /* all items are done */

/* output_items.c: one item, and the list of all. skeleton: as it is announced. */
enum item_form {
    ITEM_WHOLE = 0,
    ITEM_SKELETON
};
void write_output_item(struct answer_writing *s, struct json_writer *w, const struct output_item *item,
                       enum item_form form);
void write_output_part(struct json_writer *w, const struct output_part *part, enum item_form form);
void write_output_list(struct answer_writing *s, struct json_writer *w);
void write_output_note(struct json_writer *w, const struct output_note *note);

/* response_object.c */
enum response_status {
    RS_IN_PROGRESS = 0,
    RS_ENDED,
    RS_FAILED,
    RS_QUEUED
};
void write_response_object(struct answer_writing *s, struct json_writer *w, enum response_status status,
                           const struct error_facts *error);
bool answer_is_incomplete(const struct answer_writing *s);

#endif
