/* The provider simulator: answers as the providers' APIs would, with faults on demand and an exact account of what was served. An
 * http_app: hosted by `sluice sim` (main/cmd_sim.c), inside the process of `make run` (main/worker.c), and by tests. The paths and
 * formats stand in paths.c; docs/reference/simulator.md tells all of it to people who write tests.
 *
 *   OpenAI      chat, completions, embeddings, responses; also as Azure and Vertex carry them
 *   Anthropic   messages, count_tokens; also on Vertex and by Bedrock's InvokeModel
 *   Gemini      generateContent, streamGenerateContent, countTokens; also on Vertex
 *   Bedrock     Converse, ConverseStream, CountTokens
 *   Videos      Ark's tasks, OpenAI's /v1/videos, Veo on the Gemini API and on Vertex (video.h)
 *   GET /sim/health    GET /sim/count?after=N    GET, POST, DELETE /sim/rules    GET, POST, DELETE /sim/video
 *
 * It is as strict as the vendors are: what they refuse is refused, in their words, so that a request that was translated is judged
 * by whether it is taken. It knows nothing of the gateway's own codecs.
 *
 * Every answer says that it is simulated: its text begins with "[simulated]" (JSON text holds "simulated"), the header
 * x-sluice-simulated is true.
 *
 * What an answer says, in every format alike:
 *   - words; or, of a request that asks for JSON by a schema, JSON that fits it
 *   - "SAY: words" in a system text: the words. "ECHO: words" in the user's last text: the words
 *   - media in the request: how many of which kind, their types and sizes
 *   - "call NAME" in the user's text, when a tool of that name was offered: calls (order.c has the grammar); when their results are
 *     there, a text that quotes them, or the order's next step
 *   - "think" in the user's text, or thinking asked for: a part of thinking with a signature. A signature that comes back must be
 *     one that was made here for this text, this call or this item, by a model of the same family; else 400
 *
 * Tokens are counted by rules that tests can repeat. Prompt: each message costs 3 and the bytes of its text / 4, rounded up (a
 * system text and the results of a tool are text); a text without messages its bytes / 4, rounded up; a list of token numbers its
 * length. Media, tools and the arguments of calls cost nothing. Answer: each word is a token, of other text and of calls each 4
 * bytes. An answer has 32 tokens, another number by the header x-sim-tokens or the model sim-long-N. Thinking is 16 tokens on top;
 * a limit in the request holds for all of it, thinking first. Prompts of 1024 tokens or more have their known prefix, in steps of
 * 128 tokens, counted as cached; Anthropic's and Bedrock's by their breakpoints.
 *
 * The body of an answer depends on the request, the seed and the order of requests alone. */
#ifndef SLUICE_SIM_SIM_H
#define SLUICE_SIM_SIM_H

#include "base/str.h"
#include "http/server.h"

struct sim;
struct tls_rsa_key;

/* What faults outside of HTTP need from whoever hosts the simulator; either may be NULL: such a rule is refused. */
struct sim_host {
    void (*refuse)(void *owner, int64_t ns);              /* no listening socket for this long */
    void (*break_tls)(void *owner, uint64_t connections); /* the next ones fail before their handshake */
    void *owner;                                          /* borrow */
};

struct sim_asked { /* a request that asks for no fault of its own; during the call only */
    const struct http_request *r;
    struct sl_str model;
    bool stream;
    bool prefill; /* it ends with words of the model */
};
struct sim_chooser { /* gives requests their faults by what it has seen: sluice drill */
    /* The name of a row of the table, NULL: none. *out_arg: left alone, the row's preset is used. */
    const char *(*choose)(void *owner, const struct sim_asked *asked, int64_t *out_arg);
    void *owner; /* borrow */
};

struct sim_settings {        /* all zero: no added latency, any key */
    int64_t ttft_ns;         /* to the first token */
    int64_t token_ns;        /* between tokens */
    unsigned jitter_percent; /* of both: up to this much more */
    uint32_t tokens;         /* of an answer; 0: 32 */
    uint32_t records;        /* kept for /sim/count, at most 1000000; 0: 65536 */
    uint64_t seed;           /* of ids and jitter; 0: random */
    const char *const *keys; /* borrow; accepted keys, "ID:SECRET" a pair of AWS; NULL: any */
    unsigned n_keys;
    /* borrow; whose assertions Google's token endpoint takes; NULL: any that are well-formed */
    const struct tls_rsa_key *service_key;
    const struct sim_host *host;       /* borrow; may be NULL */
    const struct sim_chooser *chooser; /* borrow; NULL: rules alone */
};

extern const struct http_app sim_app; /* its argument is a struct sim */

struct sim *sim_new(struct sl_loop *l, const struct sim_settings *s);
void sim_free(struct sim *s); /* when no stream is live; NULL accepted */

struct sim_billed {             /* of all requests that are still in the account, in the classes of the ledger */
    uint64_t requests, answers; /* answers: status 200 */
    uint64_t input, cache_read, cache_write, output, reasoning;
};
void sim_bill(const struct sim *s, struct sim_billed *out); /* adds */

/* The faults that can be asked for: by the header x-sim-fault: NAME[=ARG][;NAME[=ARG]...], by the model
 * sim-fault-NAME[-ARG], or by a rule: POST /sim/rules {"fault": NAME, "arg": N, "times": N, "model": TEXT}. Their text is what
 * OpenAI's formats say; the other vendors' words for the same trouble stand in vendors.c. */
struct sim_fault_row {
    const char *name, *text;
};
const struct sim_fault_row *sim_fault_at(unsigned i); /* NULL behind the last */

#endif
