/* Inside bedrock_converse/ only. */
#ifndef SLUICE_DIALECT_BEDROCK_CONVERSE_CONVERSE_INT_H
#define SLUICE_DIALECT_BEDROCK_CONVERSE_CONVERSE_INT_H

#include "base/map.h"
#include "dialect/bedrock_converse/bedrock_converse.h"
#include "dialect/json_tree.h"
#include "dialect/json_write.h"

/* -- Words (words.c) ------------------------------------------------------------------------------------------------ */

enum neutral_finish converse_finish_of(struct sl_str stop_reason);     /* OTHER: a word that nobody knows */
struct sl_str converse_image_format(struct sl_str mime);               /* "png"; empty: none that it takes */
struct sl_str converse_document_format(const struct neutral_media *m); /* "pdf"; by bytes, type, name; empty: none */
struct sl_str converse_video_format(struct sl_str mime);
struct sl_str converse_audio_format(struct sl_str mime);

/* What the model thought, in an envelope for clients of other formats (carrier.h): "s" a signature, "r" a sealed block. */
struct sl_str converse_seal(struct sl_arena *a, struct sl_str model, char what, struct sl_str payload);
/* Of the same model's family and made here; else empty. *out_what: 's' or 'r'. */
struct sl_str converse_unseal(struct sl_arena *a, struct sl_str model, struct sl_str text, char *out_what);

/* -- Writing requests ------------------------------------------------------------------------------------------------ */

enum converse_kind {
    CK_TEXT = 0,
    CK_SYSTEM_TEXT, /* a system message between turns: text of the user's, marked as what it is */
    CK_IMAGE,
    CK_DOCUMENT,
    CK_VIDEO,
    CK_AUDIO,
    CK_THOUGHT,
    CK_SEALED,
    CK_CALL,
    CK_RESULT,
    CK_JSON /* of a result: a value */
};

struct converse_block {
    enum converse_kind kind;
    enum neutral_cache cache;
    struct converse_block *next;
    const struct neutral_part *part; /* CALL, RESULT */
    struct sl_str text;              /* inside; JSON: raw */
    struct sl_str signature;         /* plain; THOUGHT, SEALED */
    struct sl_str format;            /* static; media */
    struct sl_str data;              /* media: base64, or a URL of S3 */
    bool on_s3;
    struct sl_str name;             /* DOCUMENT: plain; CALL: inside */
    struct sl_str context;          /* inside; DOCUMENT */
    struct sl_str id;               /* inside; CALL, RESULT */
    bool wrapped;                   /* CALL: its tool's schema was wrapped */
    struct converse_block *content; /* RESULT */
    struct converse_block *result;  /* CALL */
};

struct converse_blocks {
    struct converse_block *first, *last;
};

struct converse_turn {
    bool assistant;
    uint32_t index; /* of the client's message */
    struct converse_turn *next;
    struct converse_blocks blocks;
};

struct converse_tool {
    const struct neutral_tool *tool;
    struct sl_str name, schema; /* inside, raw */
    bool wrapped;
};

struct converse_writing {
    struct translation *t;
    const struct neutral_request *req;
    struct request_refusal *refusal;
    struct sl_arena *a;
    struct json_writer w;
    struct converse_tool *tools;
    unsigned n_tools, n_documents, n_marks;
    bool flatten;                 /* no tools go along: calls and results become text */
    struct sl_map by_name, calls; /* own */
    struct converse_blocks system;
    struct converse_turn *turns, *last;
    enum neutral_choice_mode choice; /* UNSAID, AUTO, REQUIRED, NAMED */
    struct sl_str choice_name;
    enum neutral_effort effort; /* UNSAID: nothing is said */
};

bool converse_refuses(struct converse_writing *w, bool harmful, struct sl_str what, const char *how);
struct converse_block *converse_add(struct converse_writing *w, struct converse_blocks *to, enum converse_kind kind);

bool converse_prepare_tools(struct converse_writing *w); /* write_tools.c */
bool converse_add_json_tool(struct converse_writing *w);
void converse_write_tools(struct converse_writing *w);
bool converse_build(struct converse_writing *w);          /* write_messages.c */
bool converse_order(struct converse_writing *w);          /* write_order.c */
void converse_write_messages(struct converse_writing *w); /* write_blocks.c */
bool converse_request_write(struct translation *t, struct sl_buf *out, struct request_refusal *out_refusal);

/* Media of a part as a block's (write_media.c). False: refused. */
bool converse_add_media(struct converse_writing *w, struct converse_blocks *to, const struct neutral_part *p,
                        struct sl_str place);

/* -- Reading answers (answer_events.c) --------------------------------------------------------------------------------- */

#define CONVERSE_OPEN_MAX 64u /* blocks that are open at once: one, in what is seen */

enum converse_reading_kind {
    CR_TEXT = 0,
    CR_CALL,
    CR_JSON, /* the call that stands for a JSON answer */
    CR_THOUGHT,
    CR_SEALED,
    CR_OTHER
};

struct converse_reading_block {
    bool open;
    enum converse_reading_kind kind;
    uint32_t index, block, call;
    bool custom, wrapped, any;
    struct sl_buf gathered; /* own */
};

struct converse_answering {
    struct translation *t;
    const struct neutral_sink *to;
    struct sl_arena scratch; /* own: of one event */
    struct json_tree tree;
    struct converse_reading_block open[CONVERSE_OPEN_MAX];
    uint32_t blocks, calls;
    struct sl_buf held; /* own: text that waits for the end */
    uint32_t held_block;
    bool holds, json_called;
    bool started, stopped, finished, failed, done;
    struct token_counts usage;
    enum neutral_finish finish;
    struct sl_str finish_text, stop_sequence, tier;
};

struct converse_answering *converse_answering_new(struct translation *t);
void converse_start(struct converse_answering *r);
/* A whole block, as `content` of an answer has it. False: it breaks the format. */
bool converse_whole_block(struct converse_answering *r, const struct json_node *v);
bool converse_block_start(struct converse_answering *r, uint32_t index, const struct json_node *start);
bool converse_block_delta(struct converse_answering *r, uint32_t index, const struct json_node *delta);
void converse_block_stop(struct converse_answering *r, uint32_t index);
void converse_take_stop(struct converse_answering *r, const struct json_node *from);
void converse_take_metadata(struct converse_answering *r, const struct json_node *from);
void converse_take_error(struct converse_answering *r, struct sl_str type, struct sl_str message);
void converse_finish(struct converse_answering *r);

bool converse_answer_read(struct translation *t, struct sl_str body, const struct neutral_sink *to);
void *converse_stream_read_begin(struct translation *t);
bool converse_stream_read(void *state, struct sl_str event, struct sl_str data, const struct neutral_sink *to);
bool converse_stream_read_end(void *state, const struct neutral_sink *to);

#endif
