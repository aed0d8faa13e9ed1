/* Batches that run here, inside exchange/: docs/internals/batches.md. */
#ifndef SLUICE_EXCHANGE_BATCH_INT_H
#define SLUICE_EXCHANGE_BATCH_INT_H

#include "dialect/errors.h"
#include "exchange/env.h"
#include "http/server.h"
#include "ledger/usage.h"
#include "store/batch_rows.h"

#define BATCH_LINES_OPENAI 50000u     /* openai.md section 16 */
#define BATCH_LINES_ANTHROPIC 100000u /* anthropic.md, table of limits */
#define BATCH_LINE_MAX ((size_t)16 << 20)
#define BATCH_ERRORS_MAX 100u     /* of a failed batch */
#define BATCH_CUSTOM_ID_MAX 512u  /* bytes; Anthropic: 64 characters of [a-zA-Z0-9_-] */
#define BATCH_METADATA_MAX 65536u /* bytes of JSON; the vendor takes 16 pairs of 64 and 512 characters */

/* -- batch_object.c: what is read and written; pure ----------------------------------------------------------------- */

struct batch_asked { /* POST /v1/batches; views of the body */
    struct sl_str endpoint, metadata;
};
/* False: *out says what is wrong. */
bool batch_asked_read(struct sl_str body, struct sl_arena *a, struct batch_asked *out_asked, struct error_facts *out);

/* The next one behind *at of a provider's list that was made of that file; empty: none. */
struct sl_str batch_listed(struct sl_str list, size_t *at, struct sl_str file, struct sl_str *out_id,
                           struct sl_arena *a);

/* The batch as its owner sees it. */
void batch_object_write(const struct store_batch *b, struct sl_buf *to);
void batch_file_write(struct sl_str id, struct sl_str filename, struct sl_str purpose, uint64_t bytes, int64_t made_ns,
                      struct sl_buf *to);
/* "file-o" and "file-e" with the batch's id: what it wrote. The other way: the id of the batch, or empty. */
struct sl_str batch_file_id(const struct store_batch *b, enum store_line_state state, struct sl_arena *a);
struct sl_str batch_of_file(struct sl_str file, enum store_line_state *out_state, struct sl_arena *a);

/* One line of an input file. */
struct batch_line_read {
    struct sl_str custom_id; /* plain */
    struct sl_str body;      /* raw; a view */
};
struct batch_wrong { /* why a line cannot be */
    const char *code, *param;
    const char *message;
};
bool batch_line_read(struct sl_str line, struct sl_str endpoint, struct sl_arena *a, struct batch_line_read *out,
                     struct batch_wrong *out_wrong);
/* line 0: it is about the file. In an array: what is there begins with its '['. */
void batch_error_add(struct sl_buf *to, const struct batch_wrong *w, uint64_t line);
/* One element of Anthropic's `requests`. False: *out says what is wrong. */
bool batch_request_read(struct sl_str item, uint64_t index, struct sl_arena *a, struct batch_line_read *out_line,
                        struct error_facts *out);

/* What a line that has run gave. */
struct batch_answer {
    int status;
    bool is_final; /* asking again is of no use, whatever the status: a budget that is used up */
    struct sl_str request_id, body;
};
/* Writes the result with its line end; gives the file that it belongs to. */
enum store_line_state batch_result_write(enum store_object_kind kind, struct sl_str custom_id, struct sl_str id,
                                         const struct batch_answer *answer, struct sl_buf *to);
/* Of a line that did not run. */
void batch_unrun_write(enum store_object_kind kind, struct sl_str custom_id, struct sl_str id, bool cancelled,
                       struct sl_buf *to);
/* Why a line's body cannot be run in a batch; NULL: it can. */
const char *batch_body_refused(struct sl_str body);

/* -- batch_line.c: one line as an exchange -------------------------------------------------------------------------- */

struct batch_call;
struct batch_call_ask { /* views, until the call is over */
    struct sl_id key;
    struct sl_str path, body, betas;
    bool anthropic;
    bool lists; /* GET: what that provider has, under that credential */
    struct sl_str provider;
    const unsigned char *credential;
    /* The gateway's own business on somebody's behalf: it may be done when the key is no more. */
    bool house;
    struct sl_str tenant; /* of the key; house */
    /* Bytes of an answer of 200 as they come, instead of keeping them; NULL: they are kept. */
    void (*on_bytes)(void *arg, struct sl_str bytes);
};
typedef void batch_call_over_f(void *arg, struct batch_call *c);
/* `over` is called once, from the loop, when the exchange is over; then batch_call_free. */
struct batch_call *batch_call_start(struct exchange_env *env, const struct batch_call_ask *ask, batch_call_over_f *over,
                                    void *arg);
bool batch_call_answer(const struct batch_call *c, struct batch_answer *out,
                       int64_t *out_wait_ns);      /* false: none came whole */
int batch_call_status(const struct batch_call *c); /* 0: the answer did not come whole */
void batch_call_free(struct batch_call *c);        /* NULL accepted */

/* -- file_listed.c: files that providers may have ---------------------------------------------------------------------- */

struct file_intent { /* what the row of an upload says that is on its way */
    struct sl_str filename;
    int64_t bytes, or_bytes; /* of the file: one of the two; not above 0: nobody knows */
    int64_t due_s;           /* wall: it has ended by then */
    bool anthropic;
    bool any_size; /* asked for whatever its size, and its name where that is not known */
};
bool file_intent_is(struct sl_str body); /* the body of a row of STORE_OBJECT_INTENT is a file's */
bool file_intent_read(struct sl_str body, struct sl_arena *a, struct file_intent *out);
/* The next one behind *at of a provider's list that it can be, made behind from_ns; empty: none. Its id may be anything. */
struct sl_str file_listed(struct sl_str list, size_t *at, const struct file_intent *want, int64_t from_ns,
                          struct sl_str *out_id, struct sl_arena *a);
/* Whether the list shows all that was made behind from_ns. */
bool file_list_is_whole(struct sl_str list, int64_t from_ns, struct sl_arena *a);

/* -- batch_ledger.c ------------------------------------------------------------------------------------------------- */

struct batch_charge {
    const struct store_object *row; /* whose it is, where it lies, when it was made */
    struct sl_str id;               /* the attempt's id is made of it: of the output file, or of the batch */
    struct sl_str model;            /* plain */
    const struct usage *usage;
    const struct snapshot_provider *at; /* NULL: it is configured no more; unpriced */
    const struct price_catalog *prices;
    struct sl_id exchange;
    struct sl_str operation;
    struct journal_place *out_closed; /* NULL accepted */
};
/* An attempt at batch prices. The same again is the same attempt. False: the journal takes none. */
bool batch_charge(const struct exchange_env *env, const struct batch_charge *c);

/* -- batch_guess.c: what lines that nobody has the results of may have cost -------------------------------------------- */

struct batch_guess;
struct tokens_set;
/* tokens: borrowed; NULL: there is no vocabulary. */
struct batch_guess *batch_guess_new(const struct tokens_set *tokens);
void batch_guess_free(struct batch_guess *g);                       /* NULL accepted */
void batch_guess_bytes(struct batch_guess *g, struct sl_str bytes); /* of the input file, cut anywhere */
/* done of all lines have run; all 0: nobody knows how many. Gives one model at a time, plain, until false. */
bool batch_guess_next(struct batch_guess *g, uint64_t done, uint64_t all, struct sl_str *out_model,
                      struct usage *out_usage);

#endif
