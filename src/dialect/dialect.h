/* The seam between the exchange and wire formats: struct dialect is what a format's folder fills, dialect/registry.c lists
 * all. Everything here is pure: bytes and arenas in, verdict out; no I/O, no clock.
 *
 *   request:  request_decode -> facts (or a refusal) -> request_encode_same -> pieces of the body for the provider
 *   answer:   answer_decode (not streamed, held whole), answer_watch_* (not streamed, passed on in slices), or relay_same.h
 *             around stream_watch (streamed)
 *   error:    error_read.h, for the bodies of any provider */
#ifndef SLUICE_DIALECT_DIALECT_H
#define SLUICE_DIALECT_DIALECT_H

#include <sys/uio.h>

#include "base/arena.h"
#include "dialect/errors.h"
#include "dialect/json_scan.h"
#include "dialect/neutral.h"
#include "dialect/operation.h"

/* -- Requests ---------------------------------------------------------------------------------------------------- */

/* Members of a request body that are looked for. X(id, name, the member it is in). The first group is ours: cut before it goes upstream. */
#define REQUEST_MEMBERS(X)                                                                                             \
    X(TASK, "task", -1)                                                                                                \
    X(FALLBACK, "fallback", -1)                                                                                        \
    X(MODELS, "models", -1)                                                                                            \
    X(ROUTE, "route", -1)                                                                                              \
    X(MODEL, "model", -1)                                                                                              \
    X(STREAM, "stream", -1)                                                                                            \
    X(STREAM_OPTIONS, "stream_options", -1)                                                                            \
    X(MAX_TOKENS, "max_tokens", -1)                                                                                    \
    X(MAX_COMPLETION_TOKENS, "max_completion_tokens", -1)                                                              \
    X(N, "n", -1)                                                                                                      \
    X(TOOLS, "tools", -1)                                                                                              \
    X(FUNCTIONS, "functions", -1)                                                                                      \
    X(MESSAGES, "messages", -1)                                                                                        \
    X(PROMPT, "prompt", -1)                                                                                            \
    X(INPUT, "input", -1)                                                                                              \
    X(AUDIO, "audio", -1)                                                                                              \
    X(RESPONSE_FORMAT, "response_format", -1)                                                                          \
    X(MAX_OUTPUT_TOKENS, "max_output_tokens", -1)                                                                      \
    X(INSTRUCTIONS, "instructions", -1)                                                                                \
    X(STORE, "store", -1)                                                                                              \
    X(PREVIOUS_RESPONSE_ID, "previous_response_id", -1)                                                                \
    X(CONVERSATION, "conversation", -1)                                                                                \
    X(BACKGROUND, "background", -1)                                                                                    \
    X(TEXT, "text", -1)                                                                                                \
    X(INCLUDE_USAGE, "include_usage", RM_STREAM_OPTIONS)                                                               \
    X(TEXT_FORMAT, "format", RM_TEXT)                                                                                  \
    X(SYSTEM, "system", -1)                                                                                            \
    X(OUTPUT_CONFIG, "output_config", -1)                                                                              \
    X(OUTPUT_FORMAT, "format", RM_OUTPUT_CONFIG)                                                                       \
    X(METADATA, "metadata", -1)                                                                                        \
    X(USER, "user", -1)

enum request_member {
#define X(id, ...) RM_##id,
    REQUEST_MEMBERS(X)
#undef X
    RM_COUNT
};
#define RM_OURS RM_MODEL /* members before this one are the gateway's own */

struct request_facts {
    enum operation op;
    struct sl_str
        model; /* unescaped; view of the body or the arena; valid UTF-8, no controls, 1..MODEL_NAME_MAX bytes */
    bool stream;
    enum said include_usage; /* what the client said in stream_options */
    uint64_t max_output;     /* tokens; 0: not said */
    uint32_t n;              /* answers wanted, at least 1 */
    bool has_tools;
    bool json_output;    /* response_format is an object */
    unsigned modalities; /* enum modality */
    uint32_t messages;   /* how many; 0: none or not known */
    struct request_hints hints;
    uint64_t starts; /* of the body's strings: json_info */
    size_t body_bytes;
    size_t payload_bytes;            /* of messages, prompt or input plus tools: what tokens are estimated from */
    struct json_member at[RM_COUNT]; /* where the members are in the body */
};

struct neutral_notes;

/* Why a body is refused: always a GE_* with a param and a message that names the member, never text of the body. */
struct request_refusal {
    struct error_facts error; /* views are static or in the arena */
    size_t at;                /* byte offset, for syntax errors */
};

struct request_change {     /* what shall be different upstream */
    struct sl_str model;    /* the provider's name for it; empty or equal to the asked one: unchanged */
    struct sl_str platform; /* as in codec.h: "bedrock" and "vertex" want some members elsewhere; empty: none */
    struct sl_str betas; /* the client's anthropic-beta, joined by commas: Bedrock has them in the body; empty: none */
    bool counts;         /* it is a count of tokens */
    bool ask_usage;      /* a stream shall report usage: sets stream_options.include_usage where the client did not */
    bool no_store;       /* Responses: store is false whatever the client said */
    bool restored;       /* Responses: what was stored here stands before its input (openai_responses.h) */
};

struct body_pieces {
    const struct iovec *v; /* in the arena; slices of the body (borrowed) and of the arena */
    int n;
    size_t bytes;
    const struct neutral_notes *notes; /* what the platform has no place for (notes.h); NULL: nothing */
    struct sl_str betas; /* what goes on of the client's anthropic-beta, where the platform takes some only (Vertex) */
    struct sl_str tier;  /* the service tier asked for, where the platform takes it in a header (Vertex); else empty */
    bool usage_asked;    /* we asked for usage and the client did not: it is to be withheld from the answer */
};

/* -- Answers ------------------------------------------------------------------------------------------------------ */

/* The provider's own words: views of the answer, still JSON-escaped; for classification and records. */
struct answer_error {
    bool found;
    struct sl_str type, code, message, param; /* empty: absent or null. A number as code is given as its digits */
    /* The rest is set by error_read only. */
    struct sl_str
        reason;          /* a finer name: details.error_code (Anthropic), ErrorInfo.reason (Google), metadata.error_type
                             (OpenRouter), innererror.code (Azure) */
    struct sl_str quota; /* the first quotaId of Google's QuotaFailure */
    struct sl_str delay; /* how long to wait, as a duration: retryDelay of Google's RetryInfo */
    int status;          /* an HTTP status in the body, 400 to 599; 0: none */
    bool plain;          /* message is text as it is, not JSON-escaped: the body was no JSON */
};

#define ANSWER_CONTENT_KEPT 32768u /* bytes of an answer in slices, to count tokens by */

struct answer_facts {
    bool valid; /* it is a JSON object */
    struct token_counts usage;
    struct sl_str model; /* as answered; escaped; view of the answer */
    struct answer_error error;
    struct sl_str finish; /* finish_reason of the first choice; empty: none */
    uint32_t images;      /* pictures in it, as far as the format's facts tell (Gemini) */
    size_t content_bytes; /* of choices or data: what output is estimated from when usage is missing */
    /* answer_watch_done: that value as far as it was kept, raw and cut anywhere, and its name */
    struct sl_str content, content_name;
};

enum stream_kind {
    SK_OTHER = 0, /* not understood: passed on as it is */
    SK_EMPTY,     /* no data: comments, blank lines; a life sign */
    SK_ROLE,      /* a chunk without model output yet: may be held back (openai.md section 5.5) */
    SK_CONTENT,   /* model output: text, refusal, tool call, audio */
    SK_FINISH,    /* a finish_reason, no output */
    SK_USAGE,     /* only usage: choices empty */
    SK_ERROR,     /* an error event */
    SK_DONE       /* [DONE] */
};

/* What an event says to the reader of the answer; the strongest of what is in it. told.h keeps account of it. */
enum stream_says {
    SAYS_NOTHING = 0,
    SAYS_KNOWN,   /* nothing, though the event's kind may be SK_OTHER: frames around texts */
    SAYS_THOUGHT, /* reasoning */
    SAYS_TEXT,    /* one piece of text: stream_event.text */
    SAYS_MORE     /* a call, a refusal, media, log-probabilities: what nobody else can take up in the middle */
};

/* What one event is. Offsets are into its data. */
struct stream_event {
    enum stream_kind kind;
    enum stream_says says;
    struct sl_str text;      /* inside; view of the data; SAYS_TEXT, of Responses also SAYS_THOUGHT */
    bool finish;             /* it has a finish_reason (may also have content) */
    bool has_usage;          /* usage was an object: `usage` is set */
    uint32_t images;         /* finished pictures in it */
    uint32_t output_bytes;   /* of model output in it, JSON-escaped, for estimates of a cut stream */
    size_t cut_from, cut_to; /* "usage":null with its comma; equal: nothing to cut */
    struct token_counts usage;
    struct answer_error error; /* kind SK_ERROR; views of the data */
    struct sl_str answer_id; /* inside; view of the data; what a first event calls the answer (Responses); else empty */
};

/* What the last event of a stream looked like. Most events differ from the one before in the text of one string (and a filler): these
 * are known by comparing the rest. Fields belong to the dialect; starts zeroed. */
#define STREAM_MEMO_BYTES 640u /* events with longer frames are looked at each time */
struct stream_memo {
    uint16_t head, middle, tail; /* bytes of what stays the same: before the text, behind it, behind the filler */
    uint16_t cut_from, cut_n;    /* event.cut, from the start of its part */
    uint8_t cut_in;              /* which part: 0, 1, 2 */
    bool filler;
    uint8_t says; /* enum stream_says */
    union {
        char bytes[STREAM_MEMO_BYTES];
        struct token_counts sum; /* of streams whose events report each its own part (pictures) */
    };
};

/* -- The seam ----------------------------------------------------------------------------------------------------- */

struct dialect_codec;
struct stream_unended;

/* What the beginning of an event that was cut lets be. */
enum rest_says {
    REST_MAY_END = 0, /* the stream's last event, or another */
    REST_ENDS,        /* the last event, and all was said */
    REST_IS_OTHER
};

struct dialect {
    struct sl_str name;        /* "openai" */
    bool frames;               /* it streams in AWS' frames, each an event of its own (aws_stream.h) */
    struct sl_str stream_done; /* the terminal event, written by SETTLE: "data: [DONE]\n\n"; empty: none */
    enum error_format errors;
    /* Reads a body. False: *out_refusal says why; *out_facts is then not to be used. */
    bool (*request_decode)(enum operation op, struct sl_str body, struct sl_arena *a, struct request_facts *out_facts,
                           struct request_refusal *out_refusal);
    /* The same request for a provider of the same dialect. body: what the facts were read from. */
    void (*request_encode_same)(const struct request_facts *f, struct sl_str body, const struct request_change *change,
                                struct sl_arena *a, struct body_pieces *out);
    void (*answer_decode)(struct sl_str body, struct answer_facts *out);
    /* The same facts from an answer that passes in slices, cut anywhere, and is not kept. watch: answer_watch_bytes of the
     * caller's, aligned for any type. `valid` then says only that the answer is whole as far as its brackets tell; done may
     * be called at any time, and gives what has passed so far. Views live as long as the arena. NULL, all three: this format
     * has no such watcher yet, and what passes unheld is estimated. */
    size_t answer_watch_bytes;
    void (*answer_watch_init)(void *watch, struct sl_arena *a);
    void (*answer_watch_feed)(void *watch, struct sl_str slice);
    void (*answer_watch_done)(const void *watch, struct answer_facts *out);
    const struct dialect_codec *codec; /* codec.h; NULL: this format is not translated */
    /* One event's data (and event name, usually empty). Safe on anything; allocates nothing. memo: of this stream, or NULL. */
    void (*stream_watch)(struct stream_memo *memo, struct sl_str event, struct sl_str data, struct stream_event *out);
    /* Of formats that tell of each part when it is whole, and whose last event only says all of it once more: an answer that lacks
     * just this can be ended here. NULL, all four: no such format. see: each event that is passed on, its data and what it is.
     * write: the last event, with what ends what is open before it, in the arena; empty: the answer is not whole. structured: its
     * text is JSON of a form that was asked for. Once. */
    struct stream_unended *(*unended_new)(struct sl_arena *a);
    void (*unended_see)(struct stream_unended *s, struct sl_str data, const struct stream_event *e);
    enum rest_says (*unended_rest)(struct sl_str rest); /* what came of an event that was cut; empty: nothing */
    struct sl_str (*unended_write)(struct stream_unended *s, const struct token_counts *usage, bool structured);
};

const struct dialect *dialect_find(struct sl_str name); /* NULL: none of that name */
const struct dialect *dialect_of(enum operation op);    /* the client's, from what it called; never NULL */

/* Where a provider of that dialect answers the operation, behind its base URL ("/chat/completions",
 * "/models/gemini-3-pro:streamGenerateContent?alt=sse"); in the arena or static. model: plain, the provider's name. Empty: the
 * dialect has no such thing. */
struct sl_str dialect_upstream_path(const struct dialect *d, enum operation op, struct sl_str model, bool stream,
                                    struct sl_arena *a);

/* Adds what the x-sluice-* headers say where the body said nothing. False: one of them cannot be (*out says which). */
bool request_hints_from_headers(const struct http_headers *headers, struct request_hints *h, struct error_facts *out);

#endif
