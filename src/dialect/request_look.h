/* What routing asks about a request beyond its facts: tags, kinds of media, what its conversation is known by. Looked for only where a
 * policy wants to know; each is one pass over a body that was checked. Pure. */
#ifndef SLUICE_DIALECT_REQUEST_LOOK_H
#define SLUICE_DIALECT_REQUEST_LOOK_H

#include "dialect/dialect.h"

#define REQUEST_TAGS_MAX 32u      /* from body and header together; more are not looked at */
#define REQUEST_TAG_TEXT_MAX 128u /* bytes of a name, and of a value; longer ones are passed over */

struct request_tag {
    struct sl_str name, value; /* plain; views of the body, the header or the arena */
};

/* The header's (x-sluice-tags: "latency=critical, budget=low"; a word alone is "true"), then the members of `metadata` that are short
 * texts, and `user`. Where a name stands twice, the first counts for who asks for one. Gives how many. */
uint32_t request_look_tags(const struct request_facts *f, struct sl_str body, struct sl_arena *a,
                           struct request_tag out[REQUEST_TAGS_MAX]);

enum request_media {
    REQUEST_IMAGE = 1 << 0,
    REQUEST_AUDIO = 1 << 1,
    REQUEST_VIDEO = 1 << 2,
    REQUEST_FILE = 1 << 3
};
/* Parts of the request by their `type` or `mimeType`, in the words of all formats. */
unsigned request_look_media(const struct request_facts *f, struct sl_str body);

/* The first message of a user, which all requests of a conversation begin with: a view of the body, at most 4 KiB of it; empty: none. */
struct sl_str request_look_conversation(const struct request_facts *f, struct sl_str body);

/* The facts of a body. *out_op: whose body it is, op but for what Cursor sends: a body of Responses, to be answered in chat completions
 * (clients.md 2.6). False: *out_refusal. */
bool request_look(enum operation op, struct sl_str body, struct sl_arena *a, struct request_facts *out_facts,
                  enum operation *out_op, struct request_refusal *out_refusal);

/* The body with that model (plain), where it is an object that names none; else as it is. In the arena. */
struct sl_str request_default_model(struct sl_str body, struct sl_str model, struct sl_arena *a);

#endif
