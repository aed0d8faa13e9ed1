/* What the tests of exchange/ share: the core (lib/core.h), two scripted providers (lib/fake.h), and clients that are no
 * more than a struct http_stream which writes down what it is told. */
#ifndef SLUICE_TESTS_EXCHANGE_KIT_H
#define SLUICE_TESTS_EXCHANGE_KIT_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include <cmocka.h>

#include "lib/core.h"
#include "lib/fake.h"

struct client {
    struct http_stream pub; /* first */
    struct core *core;
    struct sl_arena arena;
    struct http_request req;
    bool reading, last, reset, released, last_given;
    unsigned heads;
    int status;
    int64_t length;     /* of the head */
    struct sl_buf head; /* "name: value\n" for each header */
    struct sl_buf body;
    size_t room;         /* what http_stream_room gives */
    unsigned room_asked; /* while it was 0 */
    int64_t head_ns, last_ns;
    struct sl_str waiting; /* of the request's body, until the exchange reads */
};

struct kit {
    struct core core;
    struct fake one, two;
};

void kit_open(struct kit *k, const struct core_options *o);
/* Checks that nothing is left, and that the ledger is whole: one close for each open, no strays. Gives the number of
 * attempts in the ledger. */
size_t kit_close(struct kit *k);
void kit_run(struct kit *k, int64_t ns);
struct core_ledger kit_ledger(struct kit *k); /* core_ledger_free */

/* A request. headers: "name: value" lines, NULL at the end; a bearer key is added unless `key` is NULL. body NULL: none.
 * Its bytes are given as soon as the exchange reads. */
struct ask {
    const char *method, *path, *key;
    const char *const *headers;
    const char *body;
    bool no_length;    /* chunked: the length is not told */
    bool body_by_hand; /* client_give */
    enum http_version version;
};
void client_send(struct client *c, struct core *core, const struct ask *a);
/* POST /v1/chat/completions with CORE_KEY. */
void client_chat(struct client *c, struct core *core, const char *body);
void client_give(struct client *c, struct sl_str bytes, bool last);
void client_leave(struct client *c, enum http_gone why);
void client_room(struct client *c, size_t room); /* tells the exchange when it was 0 */
void client_done(struct client *c);              /* after it was released */

struct sl_str client_header(const struct client *c, const char *name); /* empty when absent */
bool client_has(const struct client *c, const char *text);             /* in the body */

/* The value of a member of the n-th access record, as JSON text: `"status":200` -> 200. Empty: not there. */
struct sl_str record_member(struct kit *k, unsigned n, const char *name);

#define expect_str(got, want) expect_text_(got, want, __FILE__, __LINE__)
static inline void expect_text_(struct sl_str got, const char *want, const char *file, int line)
{
    if (!sl_str_eq(got, sl_str_c(want)))
        fail_msg("%s:%d: got '" SL_STR_FMT "', want '%s'", file, line, SL_STR_ARG(got), want);
}

#define CHAT "{\"model\":\"solo\",\"messages\":[{\"role\":\"user\",\"content\":\"hello there\"}]}"
#define CHAT_PAIR "{\"model\":\"pair\",\"messages\":[{\"role\":\"user\",\"content\":\"hello there\"}]}"
#define STREAM "{\"model\":\"solo\",\"stream\":true,\"messages\":[{\"role\":\"user\",\"content\":\"hello there\"}]}"
#define STREAM_PAIR                                                                                                    \
    "{\"model\":\"pair\",\"stream\":true,\"messages\":[{\"role\":\"user\",\"content\":\"hello there\"}]}"

#define ANSWER                                                                                                               \
    "{\"id\":\"c1\",\"object\":\"chat.completion\",\"model\":\"up-solo\",\"choices\":[{\"index\":0,\"message\":{\"role\":"   \
    "\"assistant\",\"content\":\"hi\"},\"finish_reason\":\"stop\"}],\"usage\":{\"prompt_tokens\":9,\"completion_tokens\":3," \
    "\"total_tokens\":12}}"
#define EV(delta, finish)                                                                                              \
    "data: {\"id\":\"c1\",\"object\":\"chat.completion.chunk\",\"choices\":[{\"index\":0,\"delta\":{" delta            \
    "},\"finish_reason\":" finish "}]}\n\n"
#define EV_ROLE EV("\"role\":\"assistant\",\"content\":\"\"", "null")
#define EV_A EV("\"content\":\"Hello\"", "null")
#define EV_B EV("\"content\":\" world\"", "null")
#define EV_STOP EV("", "\"stop\"")
#define EV_USAGE                                                                                                       \
    "data: {\"id\":\"c1\",\"object\":\"chat.completion.chunk\",\"choices\":[],\"usage\":{\"prompt_tokens\":7,"         \
    "\"completion_tokens\":2,\"total_tokens\":9}}\n\n"
#define EV_DONE "data: [DONE]\n\n"

#endif
