/* OpenAI's Responses, read, written and kept: openai.md 7 (November 2026). Inside sim/ only. */
#ifndef SLUICE_SIM_RESPONSES_H
#define SLUICE_SIM_RESPONSES_H

#include "sim/ask.h"

#define RESPONSES_KEPT 256u        /* the newest of them */
#define RESPONSES_BYTES (1u << 20) /* a longer one is not kept */
#define RESPONSES_ID 64u

struct responses_kept { /* for previous_response_id, and to be asked for */
    char id[RESPONSES_ID];
    struct sl_buf body, items; /* the response; its input items, as a JSON list */
    struct sl_buf order;       /* the user's order to call tools, which may have more steps */
    unsigned rounds;
    uint32_t tokens;                    /* of the conversation so far */
    struct sl_str calls[SIM_TOOLS_MAX]; /* ids of calls that wait for results: views of body */
    unsigned n_calls;
    uint64_t socket; /* known on this connection only; 0: stored */
    bool background;
    bool runs; /* as far as one knows who asks for the first time: openai.md 7.7 */
};

struct responses_store;
void responses_store_free(struct responses_store *s); /* NULL accepted */

/* What of the request the answer repeats: JSON text in the arena; empty: the default. */
struct responses_more {
    struct sl_str instructions, metadata, previous, effort, summary, format, verbosity, choice, tools, temperature,
        top_p, most, parallel, user, cache_key;
    struct sl_str items; /* the input as a list */
    bool store, single, background;
    struct sl_str order; /* of the user, for what comes next */
    unsigned rounds;
};

bool responses_read(struct sim_ask *a, yyjson_val *root);
/* NULL: not kept. socket: of the connection that asks; 0: none. */
struct responses_kept *responses_find(struct sim *s, struct sl_str id, uint64_t socket);
struct responses_kept *responses_find_item(struct sim *s, struct sl_str id); /* that has this item in its output */
void responses_keep(struct sim_call *c, struct sl_str body);
/* GET, DELETE and POST below /v1/responses/ID; false: none of them */
bool responses_serve(struct sim_call *c);
/* "rs_" with the nonce of its signature and a check, so that an id that was never given is known as such. */
void responses_reasoning_id(uint64_t nonce, char out[40]);
struct sl_str responses_call_id(const struct sim_call *c, unsigned tool); /* in the arena */

#endif
