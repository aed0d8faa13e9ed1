/* The operations that are no conversation: embeddings, moderations, reranking, images, speech. Where client and provider speak the
 * same format the body goes as bytes and only what is needed to charge it is looked at here; where they do not, a pair (pairs.c)
 * writes the request anew and the answer back. Pure: bytes and arenas in, verdict out.
 *
 * Sources: openai.md sections 10 to 13, gemini.md 11.3 and 15, seedance.md 17 and 18, openai-compatible.md 19; Cohere's and Jina's
 * shapes from recorded traffic (November 2026). */
#ifndef SLUICE_DIALECT_OTHER_OTHER_H
#define SLUICE_DIALECT_OTHER_OTHER_H

#include "dialect/dialect.h"
#include "dialect/json_tree.h"
#include "dialect/notes.h"
#include "dialect/told.h"
#include "telemetry/token_class.h"

#define OTHER_INPUTS_MAX 2048u /* of embeddings, where we write the request: OpenAI's own limit */

struct other_look {                   /* what a request asks for, whoever serves it */
    struct json_tree tree;            /* of the body */
    uint64_t units[USAGE_UNIT_COUNT]; /* that an answer will have, as far as the request tells */
    struct sl_str quality, size;      /* of images; plain; empty: not said */
    uint32_t n;                       /* inputs, documents or images */
    bool ark;                         /* asked below /api/v3, in Ark's words; set by the caller */
};

/* Reads a body of one of these operations. False: what no provider could take (*out_refusal says it); nothing was spent. */
bool other_look(enum operation op, struct sl_str body, struct sl_arena *a, struct other_look *out,
                struct request_refusal *out_refusal);

/* A form of images/edits as the JSON that OpenAI takes for the same (openai.md 12.1); in the arena. False: what no provider could
 * take, or more bytes than are held for this. A file that is no image is a member {}. */
#define OTHER_EDIT_BYTES (32u << 20) /* of the parts; they go on as base64, and are held twice */
bool other_edit_from_form(struct sl_str content_type, struct sl_str form, struct sl_arena *a, struct sl_str *out,
                          struct request_refusal *out_refusal);

/* Whether a size is one that OpenAI's own model takes; false: refusal names those it does. Unknown models take any. */
bool other_size_fits(struct sl_str model, struct sl_str size, struct sl_arena *a, struct request_refusal *out_refusal);

struct other_usage {
    bool found; /* the answer tells what is charged */
    struct token_counts counts;
    uint64_t units[USAGE_UNIT_COUNT];
    struct sl_str quality, size; /* as answered; inside; empty: not said */
};
/* From a whole answer in the client's own format. */
void other_usage_same(enum operation op, struct sl_str body, struct sl_arena *a, struct other_usage *out);

/* -- Between two formats -------------------------------------------------------------------------------------------------- */

struct other_pair;

struct other_translation { /* one request for one candidate; everything in `a` */
    enum operation op;
    const struct other_pair *pair;
    const struct other_look *look; /* borrow */
    struct sl_str model, up_model; /* as asked; the provider's name; plain */
    struct sl_str asked_as;        /* what is sent for it, where its owner has another name for it; empty: up_model */
    uint32_t from, count;          /* of the inputs: those that this call is about */
    bool v2;                       /* the client's path was Cohere's /v2 */
    bool stream;                   /* the client asked for one: it gets each picture as an event */
    bool up_stream;                /* the provider is asked for one: other_asks_stream */
    uint32_t partials; /* partial pictures that the client wants and that the provider shows; set by write */
    int64_t created_s;
    struct usage_guess guess;   /* of: NULL: 0 tokens where nobody reports any */
    struct token_counts counts; /* what `usage` has read last */
    struct sl_str id;           /* the exchange's */
    struct neutral_notes *notes;
    struct sl_arena *a; /* borrow */
};

static inline struct sl_str other_model(const struct other_translation *t)
{
    return t->asked_as.n > 0 ? t->asked_as : t->up_model;
}

enum other_streams { /* what a pair's provider can answer as a stream (stream.h) */
    OTHER_STREAMS_NOTHING = 0,
    OTHER_STREAMS_GEMINI,   /* pictures, as events of Gemini's */
    OTHER_STREAMS_SEEDREAM, /* pictures, as Ark's */
    OTHER_STREAMS_SOUND     /* samples, inside of events of Gemini's */
};

struct other_pair {
    uint32_t most;      /* inputs in one call; more are asked for one call after the other. 0: any number */
    bool root;          /* its path counts from the server's root, not from the base URL's path */
    struct sl_str path; /* static; or path_of makes it */
    struct sl_str verb; /* instead of a path: of a method of the model (provider_method_path): ":predict", "/invoke" */
    struct sl_str stream_verb; /* the same where the provider is asked for a stream */
    enum other_streams streams;
    bool sound; /* its answer is sound: the format that the client asked for (other_sound_type) */
    struct sl_str (*path_of)(const struct other_translation *t);
    bool (*write)(struct other_translation *t, struct sl_buf *out, struct request_refusal *out_refusal);
    /* The usage of one call's answer. */
    void (*usage)(struct other_translation *t, struct sl_str body, struct other_usage *out);
    /* The answers of all calls, in order, as one in the client's format. False: one breaks its format. */
    bool (*answer)(struct other_translation *t, const struct sl_str *bodies, uint32_t n, struct sl_buf *out);
};
/* The content-type of a pair's sound, by what the client asked for. */
struct sl_str other_sound_type(const struct other_look *l);
bool other_wants_sound_events(const struct other_look *l); /* stream_format: sse */
/* Whether this call is to be answered as a stream: t->stream, pair and up_model are set. */
bool other_asks_stream(const struct other_translation *t);

enum other_way {
    OTHER_NONE = 0, /* the provider does not have this operation */
    OTHER_SAME,     /* in the client's own bytes */
    OTHER_PAIR
};
struct other_provider {
    struct sl_str dialect, platform; /* of its kind (provider.h) */
    struct sl_str model;             /* plain, the model's own name */
};
enum other_way other_way_to(enum operation op, const struct other_provider *p, const struct other_look *l, bool v2,
                            const struct other_pair **out_pair);
/* Where the same format has another path there than behind the base URL; empty: it has not. */
struct sl_str other_root_path(enum operation op, const struct other_provider *p, bool v2);

/* -- Streams -------------------------------------------------------------------------------------------------------------- */

/* What an event of a stream of images, speech or transcription is: as dialect.stream_watch. */
void other_stream_watch(struct stream_memo *memo, struct sl_str event, struct sl_str data, struct stream_event *out);
/* OpenAI's format with that watcher: for relay_same.h alone. */
extern const struct dialect other_stream_dialect;

#endif
