/* Reading answers of the chat format, streamed or whole: what the files answer_read*.c and stream_read.c share. A whole answer is read
 * as a stream of one event. Inside this folder only. */
#ifndef SLUICE_DIALECT_OPENAI_CHAT_CHAT_ANSWER_H
#define SLUICE_DIALECT_OPENAI_CHAT_CHAT_ANSWER_H

#include "dialect/openai_chat/chat_codec.h"

#define CHAT_CHOICES_MAX 128u /* openai.md 6.2: n */
#define CHAT_CALLS_MAX 1024u  /* of one answer; more is no answer */

struct chat_text { /* pieces of a text that is kept: a list in the arena of the translation */
    struct chat_text_piece *first, *last;
    size_t bytes;
};

struct json_balance { /* whether a JSON text is whole, looked at as it comes */
    uint32_t depth;
    bool begun, in_string, escape;
};

struct chat_call {
    uint32_t index;                   /* as the server counts; CHAT_NO_INDEX: it does not */
    struct sl_str given_id, id, name; /* ident; given_id: what the server repeats */
    struct sl_str signature;          /* inside */
    bool custom, begun, ended;
    bool wrapped; /* a function that stands for a free-form tool: its arguments are kept to the end */
    uint32_t ordinal, block;
    struct json_balance balance;
    struct chat_text kept; /* arguments that cannot be given yet */
    struct chat_call *next;
};
#define CHAT_NO_INDEX UINT32_MAX
#define CHAT_LEGACY_INDEX (UINT32_MAX - 1u) /* function_call */

struct chat_detail {                       /* of reasoning_details, put together from the pieces of a stream */
    struct sl_str type, id, format, index; /* inside, inside, inside, raw */
    struct chat_text text, data;
    struct sl_str signature; /* inside */
    struct chat_detail *next;
};

enum chat_block {
    CB_NONE = 0,
    CB_TEXT,
    CB_REASONING,
    CB_REFUSAL,
    CB_CALL,
    CB_OTHER
};

struct chat_choice {
    bool begun, finished; /* finished: a finish_reason was seen */
    bool stopped;         /* at a stop sequence that the provider does not take: what follows is not the client's */
    struct sl_str word;   /* finish_reason, inside */
    struct sl_str stop;   /* inside; the stop sequence that was met */
    enum chat_block open;
    uint32_t block; /* of the open one */
    struct chat_call *first_call, *last_call;
    uint32_t n_calls, n_begun;
    /* reasoning since the last signature */
    struct sl_str reasoning_member; /* static: "reasoning_content"; empty: none */
    struct chat_detail *first_detail, *last_detail;
    uint32_t reasoning_block;
    bool cited;
    char *held; /* the end of the text, which may be the beginning of a stop sequence; plain */
    size_t held_n;
};

struct chat_reader {
    struct translation *t;
    struct sl_arena scratch; /* of one event */
    struct json_tree tree;
    const struct neutral_sink *to; /* of the running call */
    struct chat_choice *choices[CHAT_CHOICES_MAX];
    uint32_t n_choices;
    bool started, failed, done, ended, too_much;
    bool whole; /* an answer that is no stream */
    struct token_counts usage;
    struct sl_str tier;      /* inside */
    struct sl_str citations; /* raw: what the newest chunk cites at its top */
    size_t stop_max;         /* bytes of the longest stop sequence that is kept back; 0: none */
    struct sl_str *stops;    /* plain */
};

struct chat_reader *chat_reader_new(struct translation *t);
/* One object: a chunk, or a whole answer. False: it breaks the format. */
bool chat_take_object(struct chat_reader *r, const struct json_node *root);
/* All finishes and what was kept back. Once. True: the format says that the answer is whole. */
bool chat_finish_all(struct chat_reader *r);

void chat_put(struct chat_reader *r, uint32_t choice, struct neutral_event *e);
/* delta or message. */
void chat_take_delta(struct chat_reader *r, uint32_t choice, const struct json_node *delta);
void chat_take_calls(struct chat_reader *r, uint32_t choice, const struct json_node *calls);
void chat_take_function_call(struct chat_reader *r, uint32_t choice, const struct json_node *call);
void chat_end_calls(struct chat_reader *r, uint32_t choice);
/* What came of it is over: its signature, when there is one to give. */
void chat_end_reasoning(struct chat_reader *r, uint32_t choice);
void chat_open_block(struct chat_reader *r, uint32_t choice, enum chat_block kind);
void chat_take_citations(struct chat_reader *r);

/* Whether the object is an error in one of the shapes of openai-compatible.md 6, and what it says. */
bool chat_error_of(struct chat_reader *r, const struct json_node *root, struct neutral_error *out);
void chat_fail(struct chat_reader *r, const struct neutral_error *error);

/* Text on its way out, where stop sequences are kept back. */
void chat_stops_init(struct chat_reader *r);
void chat_put_text(struct chat_reader *r, uint32_t choice, struct sl_str inside);
void chat_stops_flush(struct chat_reader *r, uint32_t choice);

void chat_text_add(struct chat_reader *r, struct chat_text *to, struct sl_str piece);
struct sl_str chat_text_join(struct chat_reader *r, const struct chat_text *text);
struct sl_str chat_keep(struct chat_reader *r, struct sl_str s); /* a copy that outlives the event */

static inline struct sl_str chat_member(struct chat_reader *r, const struct json_node *of, struct sl_str name)
{
    return json_get_inside(&r->tree, of, name);
}

#endif
