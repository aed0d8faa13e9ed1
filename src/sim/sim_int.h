/* Inside sim/ only. A call goes: find its format by the path (paths.c) -> read the request in that format (NAME_read.c), which
 * refuses what the vendor refuses and tells ask.c what was asked -> decide what the answer says (ask.c) -> choose faults
 * (faults.c) -> wait -> faults that answer themselves -> the answer whole (answer.c) or as a stream (stream.c), written in its
 * format (NAME_write.c), its bytes sent as they are or by a fault that handles bytes (deliver.c) -> the account (account.c).
 *
 * If you add a format: a struct sim_format, a reader, a writer; a row in paths.c; its errors in vendors.c. Nothing here knows
 * the codecs of dialect/: the simulator is a second, independent reading of the same specifications. */
#ifndef SLUICE_SIM_SIM_INT_H
#define SLUICE_SIM_SIM_INT_H

#include <stdarg.h>

#include <yyjson.h>

#include "base/buf.h"
#include "base/chunks.h"
#include "base/list.h"
#include "base/map.h"
#include "base/rand.h"
#include "loop/timer.h"
#include "sim/sim.h"
#include "telemetry/token_class.h"

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
struct sim_ask;     /* ask.h */
struct sim_preset;  /* presets.h */
struct sim_files;   /* files.c */
struct sim_gfiles;  /* google_files.c */
struct sim_parts;   /* upload_parts.c */
struct sim_batches; /* batches.c */
struct sim_upload;

/* Whose words errors and headers have. */
enum sim_vendor {
    VENDOR_OPENAI = 0,
    VENDOR_ANTHROPIC,
    VENDOR_GOOGLE,
    VENDOR_AWS
};
#define SIM_VENDORS 4u

/* How a format is carried: the same body differs a little by the cloud that it goes through. */
enum sim_carrier {
    CARRIER_OWN = 0, /* the vendor's own API */
    CARRIER_VERTEX,
    CARRIER_BEDROCK
};

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

enum sim_trouble {    /* what an error is about: vendors.c has its words for each vendor */
    TROUBLE_NONE = 0, /* as it is, in OpenAI's form */
    TROUBLE_SAID,     /* 400 with this message, in the vendor's form */
    TROUBLE_INVALID,
    TROUBLE_CONTEXT,
    TROUBLE_POLICY,
    TROUBLE_KEY,
    TROUBLE_WRONG_KEY, /* Google tells keys and tokens apart */
    TROUBLE_NO_KEY,
    TROUBLE_COUNTRY,
    TROUBLE_SCOPE,
    TROUBLE_MODEL,
    TROUBLE_PATH,
    TROUBLE_TIMEOUT,
    TROUBLE_CONFLICT,
    TROUBLE_TOO_LARGE,
    TROUBLE_UNPROCESSABLE,
    TROUBLE_RATE,
    TROUBLE_SLOW_DOWN,
    TROUBLE_QUOTA,
    TROUBLE_CREDIT,
    TROUBLE_ORG_SPEND,
    TROUBLE_PROJECT_SPEND,
    TROUBLE_ORG_USAGE,
    TROUBLE_TIER,
    TROUBLE_INTERNAL,
    TROUBLE_BUSY,
    TROUBLE_GATEWAY_TIMEOUT,
    TROUBLE_OVERLOADED,
    TROUBLE_COUNT
};

struct sim_error { /* an answer that is an error */
    enum sim_trouble trouble;
    int status;
    const char *type;         /* NULL: the body is `message` as it is */
    const char *code, *param; /* NULL: null */
    const char *message;
    const char *content_type;   /* NULL: application/json */
    const char *header, *value; /* one more header, or NULL */
    int64_t wait_ms;            /* when to come again, for vendors that say it in the body; 0: not said */
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
    uint32_t written;                               /* of prompt: to the cache */
    uint32_t units[USAGE_UNIT_COUNT];               /* beside tokens */
    uint32_t audio_in, image_in;                    /* of prompt */
    uint32_t audio_out, image_out;                  /* of completion */
    uint16_t status;                                /* 0: no head was sent */
    uint8_t stream, complete, usage_sent, faulty, live;
    const struct sim_format *format; /* NULL: none was found */
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
    uint64_t n_cancelled, n_flap;
    struct sim_rule rules[SIM_RULES_MAX];
    unsigned n_rules;
    uint64_t *prefixes; /* own: SIM_PREFIXES hashes */
    char *parse;        /* own: SIM_PARSE_BYTES */
    uint64_t n_sockets;
    struct responses_store *responses;              /* own; NULL: none yet */
    struct sim_batches *batches;                    /* own; NULL: none yet */
    struct sim_files *files;                        /* own; NULL: none yet */
    struct sim_gfiles *gfiles;                      /* own; NULL: none yet */
    struct sim_parts *parts;                        /* own; NULL: none yet */
    uint64_t uploaded;                              /* bytes of uploads, whole or not */
    uint32_t crc[8][256];                           /* files.c: tables for eight bytes at a time */
    struct video_store *videos;                     /* own; NULL: none yet */
    struct sl_buf out;                              /* what is being rendered; used within one call of a function */
    int64_t minute, minute_requests, minute_tokens; /* for the rate-limit headers */
    char fractions[256][12];                        /* "-0.50000000": the values that embeddings have */
    uint8_t fractions_n[256];
};

enum sim_kind {
    SIM_CHAT = 0,
    SIM_COMPLETION,
    SIM_EMBEDDINGS,
    SIM_OTHER /* kinds above are OpenAI's older APIs; the others differ in their format alone */
};
enum sim_finish {
    FINISH_STOP = 0,
    FINISH_LENGTH,
    FINISH_TOOLS,
    FINISH_SEQUENCE /* a stop sequence was met */
};

struct sim_tool {
    struct sl_str name, arguments; /* arguments: JSON text; of a custom tool the input */
    bool custom;
};
#define SIM_TOOLS_MAX 8u

/* ---- formats ---- */

/* Where a stream of parts is. A beat may make several events: `sub` counts them. */
enum sim_beat_kind {
    BEAT_BEGIN = 0,
    BEAT_OPEN,  /* a part begins */
    BEAT_PIECE, /* some of it */
    BEAT_CLOSE,
    BEAT_FINISH, /* no part follows */
    BEAT_OVER
};
struct sim_beat {
    enum sim_beat_kind kind;
    unsigned part, sub;
    uint32_t piece;
};
enum sim_part_kind {
    PART_THINK = 0,
    PART_TEXT,
    PART_TOOL
};
struct sim_part {
    enum sim_part_kind kind;
    unsigned tool; /* PART_TOOL: index in tools */
};
#define SIM_PARTS_MAX (SIM_TOOLS_MAX + 2u)

struct sim_format {
    const char *name; /* in the account */
    enum sim_vendor vendor;
    /* Reads what was asked; false: it has refused. */
    bool (*read)(struct sim_ask *a, yyjson_val *root);
    void (*whole)(struct sim_call *c, struct sl_buf *b);
    bool (*event)(struct sim_call *c, struct sl_buf *b);    /* the next event; false: none is left */
    bool (*paced)(const struct sim_call *c);                /* whether the next event takes a token's time */
    void (*garbage)(struct sim_call *c, struct sl_buf *b);  /* an event that is no JSON */
    void (*trouble)(struct sim_call *c, struct sl_buf *b);  /* an error event */
    void (*comments)(struct sim_call *c, struct sl_buf *b); /* what a reader has to pass over */
    struct sl_str type, stream_type;                        /* content-type */
};

struct sim_call { /* lives in the stream's arena */
    struct sim *sim;
    struct http_stream *s;
    const struct http_request *r;
    struct sl_list node;
    struct sl_timer timer;
    void (*then)(struct sim_call *c); /* when the timer fires */
    void (*room)(struct sim_call *c); /* when there is room again, for what is no stream of events; NULL: nothing */
    struct sl_chunks body;
    bool too_large, head_sent, gone, released, control;
    /* what was asked */
    const struct sim_format *format; /* NULL: no such path */
    enum sim_vendor vendor;          /* whose errors: the carrier's before the format's */
    enum sim_carrier carrier;
    const struct sim_preset *preset; /* NULL: OpenAI itself */
    bool array;                      /* Gemini: a stream as one JSON array */
    bool bedrock_body;               /* InvokeModel: the vendor's own body behind AWS' headers */
    bool count;                      /* only the tokens are asked for */
    enum sim_kind kind;
    struct sl_str version;         /* of the API, as the path has it */
    struct sl_str model, snapshot; /* as asked for; as the answer calls it */
    struct sl_str tier;            /* service_tier of the answer */
    bool stream, include_usage, obfuscate, echo;
    uint32_t n, prompts;                /* choices per prompt, prompts */
    const struct sl_str *prompt_texts;  /* COMPLETION with echo */
    uint32_t prompt, cached, reasoning; /* cached and written are parts of prompt */
    uint32_t written, written_1h;       /* written_1h is a part of written */
    uint64_t units[USAGE_UNIT_COUNT];   /* beside tokens */
    uint32_t audio_in, image_in;        /* parts of prompt */
    uint32_t audio_out, image_out;      /* parts of tokens */
    /* the answer */
    uint32_t tokens;                    /* of one choice */
    uint32_t pieces;                    /* body events of one choice */
    uint32_t text_pieces, think_pieces; /* of them */
    enum sim_finish finish;
    struct sl_str stopped_by; /* FINISH_SEQUENCE */
    struct sl_str text;       /* or empty: words */
    bool prefill;             /* the request ends with words of the model */
    uint32_t told;            /* words that the request has already: the answer goes on behind them */
    bool thinks;              /* a part of thinking is shown, be its text hidden or not */
    bool redacted;            /* the whole of it is sealed */
    struct sl_str signature;  /* of the thinking; base64 */
    uint64_t nonce;           /* that the signature has in it */
    struct sim_tool tools[SIM_TOOLS_MAX];
    unsigned n_tools;
    struct sim_part parts[SIM_PARTS_MAX];
    unsigned n_parts;
    struct sim_beat beat;
    void *more; /* the format's own */
    struct sim_active faults[SIM_FAULTS_MAX];
    unsigned n_faults;
    char id[48];
    char request_id[40]; /* "": not made yet */
    int64_t created, began_ns, next_ns;
    struct sl_str chunk_head; /* what each chunk begins with */
    uint32_t event;           /* next event */
    uint64_t out_tokens;      /* sent, of all choices */
    bool billed, usage_sent, complete;
    uint64_t sent; /* body bytes */
    int status;
    struct sl_str ready; /* EMBEDDINGS: the body */
    bool streaming;
    bool stopped;                /* a stream that will say no more */
    struct sl_str rest;          /* of a body that drips */
    struct sim_upload *upload;   /* arena; NULL: none */
    struct sim_gsend *gsend;     /* arena: bytes of an upload of Google's; NULL: none */
    uint64_t file_at, file_left; /* of a content that is made up */
    bool realtime;               /* a session: `more` is its own */
    bool live;                   /* ... of Gemini's Live API */
    struct sim_socket *socket;   /* Responses over a WebSocket; NULL: not so */
    bool silent;                 /* generate: false: it only reads */
    bool is_turn;                /* a response in it, not the connection itself */
    int64_t drip_ns;
};

extern const yyjson_alc sim_json_alc; /* sim.c: malloc of base/ */
/* schema.c: JSON text that fits the schema (as far as it is simple); at most SIM_SCHEMA_BYTES, valid JSON always */
void sim_schema_example(yyjson_val *schema, struct sl_buf *out);
/* paths.c: which format a path speaks; model and verb where the path has them. False: none. */
bool sim_path_find(struct sim_call *c);
struct sl_str sim_unescape(struct sim_call *c, struct sl_str s); /* "%2F" is "/"; in the arena */
bool sim_token_serve(struct sim_call *c, struct sl_str form);    /* google_token.c; false: another path */
/* keys.c: what is wrong with the credentials; NULL: nothing */
bool sim_key_is_jwt(struct sl_str authorization);
const struct sim_error *sim_key_error(struct sim_call *c, struct sl_str body);
const struct sim_error *sim_aws_key_error(struct sim_call *c, struct sl_str body); /* sigv4.c */
extern const struct sim_format sim_anthropic, sim_claude_frames, sim_gemini, sim_converse, sim_bedrock_count,
    sim_responses;
extern const struct sim_format sim_chat, sim_completion, sim_embeddings; /* chat_write.c */
/* chat_read.c */
bool sim_chat_read(struct sim_ask *a, yyjson_val *root); /* all three */
bool sim_openai_no(struct sim_call *c, const char *code, const char *param, const char *format, ...) SL_PRINTF(4, 5);
bool sim_openai_model(struct sim_ask *a, yyjson_val *root);
bool sim_openai_reasons(const struct sim_call *c); /* by the model's name */
bool sim_openai_strict(const struct sim_call *c);

/* answer.c */
void sim_answer_begin(struct sim_call *c); /* ids, latency, then whole or stream */
void sim_add_text(struct sim_call *c, struct sl_buf *b, uint32_t from, uint32_t to); /* pieces, escaped for JSON */
void sim_add_think(struct sim_call *c, struct sl_buf *b, uint32_t from, uint32_t to);
struct sl_str sim_words(struct sim_call *c, uint32_t n); /* the text of n words behind those told, in the arena */
struct sl_str sim_think_text(struct sim_call *c);
void sim_make_id(struct sim_call *c, char *to, const char *prefix, unsigned digits); /* to: with a NUL behind it */
/* What the format's event does when its stream is a row of parts: asks `write` for one event of each beat and sub; its result:
 * there are more of this beat. */
bool sim_beat_event(struct sim_call *c, struct sl_buf *b,
                    bool (*write)(struct sim_call *c, struct sl_buf *b, struct sim_beat at));
bool sim_beat_paced(const struct sim_call *c);
uint32_t sim_shown_tokens(const struct sim_call *c);           /* of the answer so far, without reasoning */
struct sl_str sim_piece(const struct sim_tool *t, uint32_t k); /* of a tool's arguments */
uint32_t sim_tool_pieces(const struct sim_tool *t);            /* with one for its name */
uint32_t sim_tool_tokens(const struct sim_tool *t);
uint64_t sim_completion_tokens(const struct sim_call *c);
/* sim.c, for responses_socket.c */
void sim_call_begin(struct sim_call *c); /* its lists and timer */
void sim_serve_post(struct sim_call *c, struct sl_str raw);
/* responses_socket.c */
bool sim_socket_serve(struct sim_call *c); /* false: another path, or no upgrade */
void sim_socket_bytes(struct sim_call *c, struct sl_str bytes);
void sim_socket_end(struct sim_call *c);
void sim_socket_send(struct sim_call *turn, struct sl_str bytes, bool last);
void sim_socket_turn_over(struct sim_call *turn);
struct sim_call *sim_socket_turn(const struct sim_call *c); /* that is being served; NULL: none */
uint64_t sim_socket_number(const struct sim_call *turn);    /* of its connection; 0: none */
/* embed.c */
bool sim_embeddings_read(struct sim_call *c, yyjson_val *root); /* makes c->ready; answers itself when it is wrong */
void sim_embeddings_send(struct sim_call *c);
void sim_embeddings_prepare(struct sim *s);
/* other.c */
bool sim_other_serve(struct sim_call *c, struct sl_str raw); /* false: another path */
/* forms.c */
bool sim_form_serve(struct sim_call *c, struct sl_str raw); /* false: another path */
/* batches.c */
bool sim_batches_serve(struct sim_call *c, struct sl_str raw); /* false: another path */
void sim_batches_free(struct sim_batches *s);
/* files.c */
#define SIM_FILE_KEPT (8u << 20)
bool sim_upload_begin(struct sim_call *c); /* false: no upload */
void sim_upload_feed(struct sim_call *c, struct sl_str bytes, bool last);
bool sim_files_serve(struct sim_call *c);                        /* without uploads; false: another path */
void sim_file_go(struct sim_call *c);                            /* more of a content that is made up */
struct sl_str sim_file_content(struct sim *s, struct sl_str id); /* empty: none is kept */
struct sl_str sim_file_add(struct sim_call *c, const char *name, struct sl_str content); /* gives its id */
struct sl_str sim_file_make(struct sim_call *c, struct sl_str name, struct sl_str purpose, uint64_t bytes,
                            const struct sl_buf *content); /* JSON of a new one; content NULL: not kept */
uint32_t sim_crc_more(const struct sim *s, uint32_t crc,
                      struct sl_str bytes); /* of what gave crc and bytes behind it */
void sim_files_prepare(struct sim *s);
void sim_files_free(struct sim_files *s);
/* google_files.c: Gemini's files and their resumable uploads */
bool sim_gsend_begin(struct sim_call *c); /* false: no bytes of an upload */
void sim_gsend_feed(struct sim_call *c, struct sl_str bytes, bool last);
void sim_gsend_gone(struct sim_call *c);
bool sim_gfiles_serve(struct sim_call *c, struct sl_str raw); /* false: another path */
bool sim_gfile_check(struct sim_call *c, struct sl_str uri);  /* false: it has refused */
void sim_gfiles_free(struct sim_gfiles *s);
/* upload_parts.c: OpenAI's uploads in parts */
bool sim_parts_serve(struct sim_call *c, struct sl_str raw); /* without the parts; false: another path */
bool sim_parts_is_part(const struct sim_call *c);
void sim_parts_add(struct sim_call *c, uint64_t bytes, const struct sl_buf *content, bool whole);
void sim_parts_free(struct sim_parts *s);
/* stream.c */
void sim_stream_begin(struct sim_call *c);
void sim_stream_go(struct sim_call *c);
struct sl_str sim_end_of_event(const struct sim_call *c);
void sim_sse_comments(struct sim_call *c, struct sl_buf *b);

/* faults.c */
const struct sim_fault *sim_fault_find(struct sl_str name);
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

uint32_t sim_crc32(struct sl_str s); /* IEEE 802.3 */

/* video.c: jobs that make videos (video.h); false: another path */
bool sim_video_serve(struct sim_call *c, struct sl_str raw);

/* rules.c */
void sim_rules_get(struct sim_call *c);
void sim_rules_post(struct sim_call *c);
void sim_rules_delete(struct sim_call *c);
bool sim_rules_apply(struct sim_call *c);

/* account.c */
void sim_account_add(struct sim_call *c);
void sim_account_get(struct sim_call *c);

/* vendors.c */
struct sim_vendor_error { /* an error in a vendor's words */
    int status;
    struct sl_str body, type; /* type: content-type; body in the arena */
    const char *kind;         /* the vendor's name of it */
    bool takes_header;        /* the error's own header is sent */
};
void sim_vendor_error(struct sim_call *c, const struct sim_error *e, struct sim_vendor_error *out);
void sim_vendor_headers(struct sim_call *c, int status, struct http_headers *h);
struct sl_str sim_request_id(struct sim_call *c); /* made once */
/* sign.c */
enum sim_signer {
    SIGNER_ANTHROPIC = 0, /* valid on Anthropic's own API, Bedrock and Vertex */
    SIGNER_GOOGLE,
    SIGNER_OPENAI
};
/* base64 of opaque bytes; the same nonce, text and model family give the same. In the arena. */
struct sl_str sim_sign(struct sim_call *c, enum sim_signer who, uint64_t nonce, struct sl_str bound);
bool sim_sign_check(struct sim_call *c, enum sim_signer who, struct sl_str signature, struct sl_str bound,
                    uint64_t *out_nonce);

/* sim.c */
#define SIM_JSON SL_STR("application/json")
void sim_refuse(struct sim_call *c, const struct sim_error *e);
void sim_keep(char *to, size_t cap, struct sl_str s);                 /* cut, with a NUL behind it */
struct sl_str sim_header(const struct sim_call *c, const char *name); /* of the request; empty: none */
/* In the call's arena, with a NUL behind it. */
struct sl_str sim_vprintf(struct sim_call *c, const char *format, va_list ap) SL_PRINTF(2, 0);
bool sim_say_no(struct sim_call *c, const char *format, ...) SL_PRINTF(2, 3); /* 400 in the vendor's form; false */
void sim_answer(struct sim_call *c, int status, struct sl_str type, struct sl_str body); /* whole, and finished */
void sim_head(struct sim_call *c, int status, struct sl_str type, int64_t length, const struct sim_error *e);
void sim_send(struct sim_call *c, struct sl_str bytes, bool last);
void sim_raw(struct sim_call *c, struct sl_str bytes, bool close); /* HTTP/2: resets */
void sim_reset(struct sim_call *c);                                /* a TCP reset, or RST_STREAM; and finished */
void sim_finish(struct sim_call *c, bool complete);
void sim_after(struct sim_call *c, int64_t ns, void (*then)(struct sim_call *c));

#endif
