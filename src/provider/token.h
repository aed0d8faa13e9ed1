/* The cell of one credential: its token, who fetches a new one, who waits, and when a failed fetch may be tried again. All workers
 * share it; one mutex, held for a copy. Knows no sockets and no clock: docs/internals/credentials.md has the table of what it says.
 *
 *     token_cell_ask ─► READY, WAIT or FAILED; and perhaps `fetch`: the caller is the one, and must end it with exactly one of
 *     token_cell_got, token_cell_failed, token_cell_left ─► whom to wake */
#ifndef SLUICE_PROVIDER_TOKEN_H
#define SLUICE_PROVIDER_TOKEN_H

#include "base/arena.h"
#include "base/secret.h"

#define TOKEN_ASKERS_MAX 64u /* workers of a process */

struct token_cell;

struct token_cell *token_cell_new(uint64_t identity); /* of a credential (credential.h); gives one reference */
struct token_cell *token_cell_ref(struct token_cell *c);
void token_cell_unref(struct token_cell *c); /* the last one wipes; NULL accepted */
uint64_t token_cell_identity(const struct token_cell *c);

enum token_say {
    TOKEN_READY = 0,
    TOKEN_WAIT,
    TOKEN_FAILED
};

struct token_ask {
    int64_t now_ns;  /* monotonic */
    void *who;       /* noted when it must wait: comes back from the end of the fetch. The same for all of a worker */
    uint64_t waited; /* the fetch that was waited for: when that one has failed, no other is begun. 0: none */
    struct sl_arena *a; /* for a copy of the token, wiped when the arena is dropped */
};

struct token_asked {
    enum token_say say;
    bool fetch;                  /* READY, WAIT: the caller fetches now */
    uint64_t number;             /* READY: the token's; WAIT: the fetch's */
    struct sl_str authorization; /* READY: "Bearer ...", in the arena */
    int failure;                 /* FAILED: as it was told to token_cell_failed */
};

void token_cell_ask(struct token_cell *c, const struct token_ask *q, struct token_asked *out);

struct token_waiters {
    void *v[TOKEN_ASKERS_MAX];
    unsigned n;
};

/* life_ns: above 0. random: any 64 bits. */
void token_cell_got(struct token_cell *c, struct sl_str token, int64_t life_ns, int64_t now_ns, uint64_t random,
                    struct token_waiters *out);
void token_cell_failed(struct token_cell *c, int failure, int64_t now_ns, uint64_t random, struct token_waiters *out);
void token_cell_left(struct token_cell *c,
                     struct token_waiters *out); /* the one who fetched must go: somebody else may */

/* The provider did not take it. Dropped when it is still the one of that number, but not more often than every ten seconds: a
 * provider that refuses every token must not become a load on who gives them. True: the next ask will not give that one. */
bool token_cell_refused(struct token_cell *c, uint64_t number, int64_t now_ns);

#endif
