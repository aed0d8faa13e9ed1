/* Writing a chat request: what the files request_write*.c share. Inside this folder only. */
#ifndef SLUICE_DIALECT_OPENAI_CHAT_CHAT_WRITE_H
#define SLUICE_DIALECT_OPENAI_CHAT_CHAT_WRITE_H

#include "dialect/openai_chat/chat_codec.h"
#include "dialect/terms.h"

struct chat_write {
    struct translation *t;
    const struct neutral_request *req;
    struct json_writer w;
    struct request_refusal *refusal;
    bool openai;
    unsigned marks_skipped, marks_seen; /* cache marks: only the last four are sent */
};

enum chat_sending {
    SENDING_REFUSED = 0,
    SENDING_SKIP, /* left out, and noted where it was something */
    SENDING_YES
};
struct chat_piece { /* a part ready to be written */
    const struct neutral_part *p;
    struct sl_str data; /* inside: clean base64, a URL, a text */
    struct sl_str mime; /* plain */
};

/* False: the request is refused. */
bool chat_write_messages(struct chat_write *cw);
bool chat_write_tools(struct chat_write *cw);
bool chat_write_format(struct chat_write *cw);
/* An instruction that the format of the answer needs in the messages; empty: none. plain. */
struct sl_str chat_format_hint(struct chat_write *cw);

enum chat_sending chat_prepare(struct chat_write *cw, const struct neutral_message *m, const struct neutral_part *p,
                               struct chat_piece *out);
void chat_write_piece(struct chat_write *cw, const struct chat_piece *piece);
void chat_write_mark(struct chat_write *cw, const struct neutral_part *p);
/* Where thoughts are parts of the content: opens its list and writes them. False: they are not. */
bool chat_write_thinking_parts(struct chat_write *cw, const struct neutral_message *m);
/* A signature of Google's for a call that goes back to where it came from, by a server of this format; empty: none. inside. */
struct sl_str chat_google_signature(struct chat_write *cw, struct sl_str signature);
void chat_write_reasoning(struct chat_write *cw, const struct neutral_message *m);

/* True: it is refused, and the writer must give false. */
static inline bool chat_refuses(struct chat_write *cw, bool harmful, struct sl_str what, const char *how)
{
    return translation_refuses(cw->t, harmful, what, how, cw->refusal);
}
static inline bool chat_refuses_term(struct chat_write *cw, bool harmful, enum term what, const char *how)
{
    return chat_refuses(cw, harmful, term_of(cw->req, what), how);
}

#endif
