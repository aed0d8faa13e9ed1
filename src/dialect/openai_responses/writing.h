/* One request being written: shared by request_write.c, input_write.c and tools_write.c of this folder. */
#ifndef SLUICE_DIALECT_OPENAI_RESPONSES_WRITING_H
#define SLUICE_DIALECT_OPENAI_RESPONSES_WRITING_H

#include "base/map.h"
#include "dialect/codec.h"
#include "dialect/json_write.h"

struct writing {
    struct translation *t;
    const struct neutral_request *req;
    struct json_writer w;
    struct request_refusal *refusal;
    struct sl_map custom; /* own: ids of calls of free-form tools */
    struct sl_map tools;  /* own: name -> the tool */
    bool own;             /* the client speaks Responses, too: what is raw may go as it is */
    bool from_openai;     /* or chat: ids of files are of the same store */
};

/* True: the writer gives up. */
bool writing_refuses(struct writing *w, bool harmful, struct sl_str what, const char *how);

/* input_write.c: the members `instructions` and `input`. */
bool writing_input(struct writing *w);
/* tools_write.c: the members `tools`, `tool_choice` and `parallel_tool_calls`. */
bool writing_tools(struct writing *w);

#endif
