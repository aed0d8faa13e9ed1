/* The provider simulator: answers as OpenAI's API would, with faults on demand and an exact account of what was served. An
 * http_app: hosted by `sluice sim` (main/cmd_sim.c), inside the process of `make run` (main/worker.c), and by tests.
 *
 *   POST /v1/chat/completions, /v1/completions, /v1/embeddings    GET /v1/models, /v1/models/ID
 *   GET /sim/health    GET /sim/count?after=N    GET, POST, DELETE /sim/rules
 *
 * Every answer says that it is simulated: its text begins with "[simulated]" (JSON text holds "simulated"), the header
 * x-sluice-simulated is true, the system_fingerprint is "fp_sluice_sim".
 *
 * Tokens are counted by rules that tests can repeat. Prompt: each message costs 3 and the bytes of its text / 4, rounded up; a
 * text without messages its bytes / 4, rounded up; a list of token numbers its length. Answer: each word is a token, of JSON
 * (and of tool arguments) each 4 bytes. An answer has 32 tokens, fewer when max_tokens says so (finish_reason "length"),
 * another number by the header x-sim-tokens or the model sim-long-N. With reasoning_effort (not "none"), 16 tokens of
 * reasoning come on top. Prompts of 1024 tokens or more have their known prefix, in steps of 128 tokens, counted as cached.
 *
 * The body of an answer depends on the request, the seed and the order of requests alone. */
#ifndef SLUICE_SIM_SIM_H
#define SLUICE_SIM_SIM_H

#include "base/str.h"
#include "http/server.h"

struct sim;

/* What faults outside of HTTP need from whoever hosts the simulator; either may be NULL: such a rule is refused. */
struct sim_host {
    void (*refuse)(void *owner, int64_t ns);              /* no listening socket for this long */
    void (*break_tls)(void *owner, uint64_t connections); /* the next ones fail before their handshake */
    void *owner;                                          /* borrow */
};

struct sim_settings {        /* all zero: no added latency, any key */
    int64_t ttft_ns;         /* to the first token */
    int64_t token_ns;        /* between tokens */
    unsigned jitter_percent; /* of both: up to this much more */
    uint32_t tokens;         /* of an answer; 0: 32 */
    uint32_t records;        /* kept for /sim/count, at most 1000000; 0: 65536 */
    uint64_t seed;           /* of ids and jitter; 0: random */
    const char *const *keys; /* borrow; accepted keys; NULL: any */
    unsigned n_keys;
    const struct sim_host *host; /* borrow; may be NULL */
};

extern const struct http_app sim_app; /* its argument is a struct sim */

struct sim *sim_new(struct sl_loop *l, const struct sim_settings *s);
void sim_free(struct sim *s); /* when no stream is live; NULL accepted */

/* The faults that can be asked for: by the header x-sim-fault: NAME[=ARG][;NAME[=ARG]...], by the model
 * sim-fault-NAME[-ARG], or by a rule: POST /sim/rules {"fault": NAME, "arg": N, "times": N, "model": TEXT}. */
struct sim_fault_row {
    const char *name, *text;
};
const struct sim_fault_row *sim_fault_at(unsigned i); /* NULL behind the last */

#endif
