/* One request being read: shared by the files request_read.c, input_read.c and tools_read.c of this folder. */
#ifndef SLUICE_DIALECT_OPENAI_RESPONSES_READING_H
#define SLUICE_DIALECT_OPENAI_RESPONSES_READING_H

#include "base/map.h"
#include "dialect/dialect.h"
#include "dialect/json_tree.h"

/* A message while it grows. */
struct turn {
    struct neutral_message m; /* first: the list of messages is a list of these */
    struct neutral_part *last;
    struct turn *results; /* the TOOL message behind it; NULL: none yet */
};

struct reading {
    struct json_tree t;
    struct sl_arena *a;
    struct neutral_request *r;
    struct request_refusal *refusal;
    struct turn *first, *last;
    struct neutral_tool *last_tool;
    struct sl_map calls; /* own: call_id -> struct turn that has the call; the newest where ids repeat */
    struct sl_map tools; /* own: name -> struct neutral_tool */
    bool more_tools;
    struct sl_str tools_list;  /* where the tools being read stand */
    uint32_t tool, inner_tool; /* the entry being read; 1 + that of its own list */
    uint32_t item;             /* 1 + the place of the one being read; 0: none is */
    const struct json_node *input;
};

/* Where in the body something is: written out ("input[3].content[1].type") only when it is refused. On the stack. */
struct place {
    const struct place *in; /* NULL: at the top */
    const char *name;       /* NULL: an element */
    uint32_t index;
};
#define PLACE(in, name) (&(const struct place){(in), (name), 0})
#define PLACE_AT(in, index) (&(const struct place){(in), NULL, (index)})

struct sl_str reading_place(const struct reading *r, const struct place *at); /* in the arena */
/* Of an object of the client's: what is not among `known` is told (within.h). */
void reading_rest(struct reading *r, const struct json_node *of, const char *known, const struct place *at);
/* False, always. what: behind the member's path, "must be a string". */
bool reading_refuse(struct reading *r, enum gateway_error e, const struct place *at, const char *what);

/* The member is a string (or absent or null, where may_lack). *out: inside. */
enum reading_need {
    NEEDED = 0,
    MAY_LACK
};
bool reading_text(struct reading *r, const struct json_node *of, const char *name, const struct place *at,
                  enum reading_need need, struct sl_str *out);
struct sl_str reading_joined(struct reading *r, struct sl_str space, struct sl_str name); /* "space__name" */

/* input_read.c */
bool reading_input(struct reading *r);
/* A string or a list of parts. *out: the first of a list. */
bool reading_content(struct reading *r, const struct json_node *content, const struct place *at,
                     struct neutral_part **out);
/* tools_read.c */
bool reading_tools(struct reading *r, const struct json_node *list, const struct place *at);
/* Tools that an item brings: those that are there already are left out. item: where it is. */
bool reading_more_tools(struct reading *r, const struct json_node *list, const struct place *item);
bool reading_choice(struct reading *r, const struct json_node *v);

#endif
