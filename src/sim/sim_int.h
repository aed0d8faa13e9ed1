/* Inside sim/ only. A call goes: read the request (request.c) -> choose faults (faults.c) -> wait -> faults that answer
 * themselves -> the answer whole (answer.c) or as a stream (stream.c), its bytes sent as they are or by a fault that
 * handles bytes (deliver.c) -> the account (account.c). */
#ifndef SLUICE_SIM_SIM_INT_H
#define SLUICE_SIM_SIM_INT_H

#include <yyjson.h>

#include "base/buf.h"
#include "base/chunks.h"
#include "base/list.h"
#include "base/map.h"
#include "base/rand.h"
#include "loop/timer.h"
#include "sim/sim.h"

#define SIM_BODY_MAX (64u << 20) /* of a request, as the gateway's default */
#define SIM_ANSWER_MAX (64u << 20)
#define SIM_RECORDS 65536u       /* kept when the settings do not say */
#define SIM_RECORDS_MAX 1000000u /* about 150 MB when full, grown by doubling */
#define SIM_COUNT_PAGE 10000u    /* records in one answer of /sim/count */
#define SIM_RULES_MAX 64u
#define SIM_FAULTS_MAX 4u       /* of one call */
#define SIM_TOKENS_MAX 1000000u /* of one choice */
#define SIM_CHOICES_MAX 128u    /* OpenAI's own limit of n */
#define SIM_PROMPTS_MAX 128u    /* of a completion */
#define SIM_INPUTS_MAX 2048u    /* OpenAI's own limit of embedding inputs */
#define SIM_DIMENSIONS_MAX 3072u
#define SIM_SCHEMA_DEPTH 24u
#define SIM_SCHEMA_BYTES 65536u
#define SIM_REASONING_TOKENS 16u
#define SIM_PREFIXES 65536u            /* remembered prefixes of prompts: a table that forgets by overwriting */
#define SIM_PARSE_BYTES (256u * 1024u) /* JSON of this size is parsed without malloc */
#define SIM_TRACE 26u                  /* bytes of a traceparent's four fields */
#define SIM_TEXT 44u                   /* of names and ids in a record; longer ones are cut */

struct sim_call;

/* ---- faults ---- */

enum sim_stage {    /* where a fault acts */
    STAGE_HOST = 0, /* below HTTP, by rule only: rules.c */
    STAGE_DELAY,    /* waits arg ms, then goes on */
    STAGE_INSTEAD,  /* row->run answers; false: this time it does not */
    STAGE_BYTES,    /* sends the rendered body in its way: row->bytes */
    STAGE_STREAM,   /* looked at by the stream: row->mark */
    STAGE_SHAPE     /* looked at while rendering: row->mark */
};

enum sim_mark {
    MARK_NONE = 0,
    MARK_STALL, /* nothing more after event arg */
    MARK_CUT,   /* the body ends after event arg */
    MARK_CLOSE, /* the connection ends after event arg */
    MARK_RESET,
    MARK_GARBAGE, /* event arg is no JSON */
    MARK_ERROR,   /* error event after event arg, then the end */
    MARK_NO_DONE,
    MARK_COMMENTS,
    MARK_CRLF,
    MARK_NO_USAGE
};

enum sim_bytes {     /* how a body is sent */
    BYTES_SPLIT = 0, /* each byte in a write of its own */
    BYTES_DRIP,
    BYTES_RESET, /* after arg bytes */
    BYTES_CUT,
    BYTES_HANG,
    BYTES_LONG, /* under a content-length that is wrong by arg */
    BYTES_SHORT,
    BYTES_GZIP
};

typedef bool sim_fault_f(struct sim_call *c, int64_t arg); /* true: the answer is made, or never will be */

struct sim_error { /* an answer that is an error */
    int status;
    const char *type;         /* NULL: the body is `message` as it is */
    const char *code, *param; /* NULL: null */
    const char *message;
    const char *content_type;   /* NULL: application/json */
    const char *header, *value; /* one more header, or NULL */
};

struct sim_fault {
    struct sim_fault_row row;
    enum sim_stage stage;
    int64_t preset; /* of the argument */
    enum sim_mark mark;
    enum sim_bytes bytes;
    sim_fault_f *run;
    const struct sim_error *error; /* INSTEAD: this answer, when run is NULL */
};

struct sim_active { /* a fault with its argument */
    const struct sim_fault *fault;
    int64_t arg;
};

struct sim_rule {
    struct sim_active what;
    uint64_t left;   /* times */
    char model[128]; /* "": every model */
};

/* ---- the account ---- */

struct sim_served {                 /* one request, as /sim/count tells it */
    unsigned char trace[SIM_TRACE]; /* traceparent in binary; all zero: none */
    char id[SIM_TEXT];              /* x-client-request-id, else x-request-id */
    char model[SIM_TEXT];
    uint64_t bytes;                                 /* of the body */
    uint32_t prompt, cached, completion, reasoning; /* what a provider would bill: nothing for an error */
    uint16_t status;                                /* 0: no head was sent */
    uint8_t stream, complete, usage_sent, faulty;
};

/* ---- the simulator ---- */

struct sim {
    struct sl_loop *loop;
    struct sim_settings set;
    struct sl_rand rand;
    struct sl_list calls;
    unsigned n_calls;
    struct sim_served *served; /* own: a ring */
    uint64_t n_served;
    size_t cap_served;
    uint64_t n_requests, n_cancelled, n_flap;
    struct sim_rule rules[SIM_RULES_MAX];
    unsigned n_rules;
    uint64_t *prefixes;                             /* own: SIM_PREFIXES hashes */
    char *parse;                                    /* own: SIM_PARSE_BYTES */
    struct sl_buf out;                              /* what is being rendered; used within one call of a function */
    int64_t minute, minute_requests, minute_tokens; /* for the rate-limit headers */
    char fractions[256][12];                        /* "-0.50000000": the values that embeddings have */
    uint8_t fractions_n[256];
};

enum sim_kind {
    SIM_CHAT = 0,
    SIM_COMPLETION,
    SIM_EMBEDDINGS
};
enum sim_finish {
    FINISH_STOP = 0,
    FINISH_LENGTH,
    FINISH_TOOLS
};

struct sim_tool {
    struct sl_str name, arguments; /* arguments: JSON text; of a custom tool the input */
    bool custom;
};
#define SIM_TOOLS_MAX 2u

struct sim_call { /* lives in the stream's arena */
    struct sim *sim;
    struct http_stream *s;
    const struct http_request *r;
    struct sl_list node;
    struct sl_timer timer;
    void (*then)(struct sim_call *c); /* when the timer fires */
    struct sl_chunks body;
    bool too_large, head_sent, gone, released, control;
    /* what was asked */
    enum sim_kind kind;
    struct sl_str model, snapshot; /* as asked for; as the answer calls it */
    struct sl_str tier;            /* service_tier of the answer */
    bool stream, include_usage, obfuscate, echo;
    uint32_t n, prompts;               /* choices per prompt, prompts */
    const struct sl_str *prompt_texts; /* COMPLETION with echo */
    uint32_t prompt, cached, reasoning;
    /* the answer */
    uint32_t tokens; /* of one choice */
    uint32_t pieces; /* body events of one choice */
    enum sim_finish finish;
    struct sl_str text; /* JSON text, or empty: words */
    struct sim_tool tools[SIM_TOOLS_MAX];
    unsigned n_tools;
    struct sim_active faults[SIM_FAULTS_MAX];
    unsigned n_faults;
    char id[48];
    int64_t created, began_ns, next_ns;
    struct sl_str chunk_head; /* what each chunk begins with */
    uint32_t event;           /* next event */
    uint64_t out_tokens;      /* sent, of all choices */
    bool billed, usage_sent, complete;
    uint64_t sent; /* body bytes */
    int status;
    struct sl_str ready; /* EMBEDDINGS: the body */
    bool stopped;        /* a stream that will say no more */
    struct sl_str rest;  /* of a body that drips */
    int64_t drip_ns;
};

/* request.c: reads what was asked into c; answers itself and gives false when it is wrong */
bool sim_request_read(struct sim_call *c, yyjson_val *root, struct sl_str raw);
extern const yyjson_alc sim_json_alc; /* sim.c: malloc of base/ */
/* schema.c: JSON text that fits the schema (as far as it is simple); at most SIM_SCHEMA_BYTES, valid JSON always */
void sim_schema_example(yyjson_val *schema, struct sl_buf *out);
/* prefix.c: how many tokens of this prompt were seen before, in steps of 128; remembers it */
uint32_t sim_prefix_cached(struct sim *s, uint32_t prompt_tokens, yyjson_val *root, struct sl_str raw);

/* answer.c */
void sim_answer_begin(struct sim_call *c); /* ids, latency, then whole or stream */
void sim_add_text(struct sim_call *c, struct sl_buf *b, uint32_t from, uint32_t to); /* pieces, escaped for JSON */
void sim_add_usage(struct sim_call *c, struct sl_buf *b);
void sim_add_start(const struct sim_call *c, struct sl_buf *b, struct sl_str object);
struct sl_str sim_piece(const struct sim_tool *t, uint32_t k); /* of a tool's arguments */
uint32_t sim_tool_pieces(const struct sim_tool *t);
struct sl_str sim_finish_text(const struct sim_call *c); /* with quotes */
uint64_t sim_completion_tokens(const struct sim_call *c);
/* embed.c */
bool sim_embeddings_read(struct sim_call *c, yyjson_val *root); /* makes c->ready; answers itself when it is wrong */
void sim_embeddings_send(struct sim_call *c);
void sim_embeddings_prepare(struct sim *s);
/* stream.c */
void sim_stream_begin(struct sim_call *c);
void sim_stream_go(struct sim_call *c);
void sim_stream_render(struct sim_call *c, struct sl_buf *out); /* all of it, for faults that handle bytes */

/* faults.c */
const struct sim_fault *sim_fault_find(struct sl_str name);
bool sim_fault_read(struct sl_str text, char sep, struct sim_active *out); /* "NAME", "NAME=7", "NAME-7" */
void sim_faults_choose(struct sim_call *c);
const struct sim_active *sim_fault_marked(const struct sim_call *c, enum sim_mark mark); /* NULL: no */
bool sim_fault_instead(struct sim_call *c); /* true: the answer is made, or never will be */
bool sim_fault_bytes(struct sim_call *c, struct sl_str body, struct sl_str type);
int64_t sim_fault_delay_ns(const struct sim_call *c);
extern const struct sim_error sim_error_not_found, sim_error_key, sim_error_too_large;
/* deliver.c: the functions of rows of the table */
sim_fault_f sim_reset_before_head, sim_reset_in_head, sim_close_in_head, sim_hang, sim_bad_head, sim_huge_head,
    sim_two_lengths, sim_garbage_body, sim_informational, sim_flap, sim_flap_period, sim_retry_date;
void sim_deliver(struct sim_call *c, const struct sim_active *a, struct sl_str body, struct sl_str type);

/* rules.c */
void sim_rules_get(struct sim_call *c);
void sim_rules_post(struct sim_call *c);
void sim_rules_delete(struct sim_call *c);
bool sim_rules_apply(struct sim_call *c);

/* account.c */
void sim_account_add(struct sim_call *c);
void sim_account_get(struct sim_call *c);

/* sim.c */
#define SIM_JSON SL_STR("application/json")
void sim_refuse(struct sim_call *c, const struct sim_error *e);
void sim_answer(struct sim_call *c, int status, struct sl_str type, struct sl_str body); /* whole, and finished */
void sim_head(struct sim_call *c, int status, struct sl_str type, int64_t length, const struct sim_error *e);
void sim_send(struct sim_call *c, struct sl_str bytes, bool last);
void sim_raw(struct sim_call *c, struct sl_str bytes, bool close); /* HTTP/2: resets */
void sim_reset(struct sim_call *c);                                /* a TCP reset, or RST_STREAM; and finished */
void sim_finish(struct sim_call *c, bool complete);
void sim_after(struct sim_call *c, int64_t ns, void (*then)(struct sim_call *c));

#endif
