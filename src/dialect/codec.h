/* The seam of translation: what a dialect's folder fills so that any other dialect's clients and providers can be joined to it.
 * Pure: bytes and arenas in, bytes out; no I/O, no clock, no randomness: the same input gives the same bytes.
 *
 *   request_read ─► neutral_request ─► request_write              once for each attempt
 *   stream_read (each event of the provider) ─► neutral_event ─► stream_write (whole events of the client's format)
 *   answer_read ─► neutral_event ... collected (collect.h) ─► answer_write
 *
 * A codec never trusts what it reads: any bytes may come, of any size up to the caller's limits, and the worst answer is "this
 * breaks the format". Time is linear in the input. */
#ifndef SLUICE_DIALECT_CODEC_H
#define SLUICE_DIALECT_CODEC_H

#include "base/buf.h"
#include "dialect/caps.h"
#include "dialect/collect.h"
#include "dialect/dialect.h"
#include "dialect/names.h"
#include "dialect/neutral.h"
#include "dialect/notes.h"
#include "dialect/told.h"

enum on_unsupported {
    UNSUPPORTED_REPORT =
        0,              /* harmless wishes are dropped and noted; harmful ones (n, logprobs, forms of output) refused */
    UNSUPPORTED_REJECT, /* anything that cannot be said is refused */
    UNSUPPORTED_DROP    /* nothing is refused that can be left out; still noted */
};

/* A part that the target takes as bytes and not as a URL. */
struct media_wish {
    const struct neutral_part *part; /* of the request */
    struct sl_str place;             /* plain; "messages[2].content[1].image_url" */
    struct media_wish *next;
};

struct media_wishes { /* made by whoever can fetch: a translation without one cannot */
    struct media_wish *first, *last;
    unsigned n;
};

/* One request on its way through one provider. Made by the exchange for each attempt; lives as long as the attempt's arena. */
struct translation {
    const struct dialect *face, *up;
    const struct neutral_request *req;
    const struct model_caps *caps; /* of up_model; never NULL */
    enum on_unsupported unsupported;
    struct sl_str up_model; /* plain; the provider's name for the model */
    struct sl_str asked_as; /* plain; what is sent for it, where its owner has another name for it; empty: up_model */
    struct sl_str platform; /* plain; "vertex", "bedrock", "azure" where it matters to the format; else empty */
    struct sl_str lacks;    /* plain; members that this server has not: provider.h, chat_lacks */
    bool short_call_ids;    /* ids of calls by ids_mistral */
    struct sl_arena *a;
    struct neutral_notes *notes;
    struct media_wishes *wishes; /* NULL: nobody fetches media */
    /* for what the client gets */
    struct sl_str id;         /* plain, [a-z0-9]: the answer's id without the format's prefix */
    int64_t created_s;        /* wall clock of the request */
    uint64_t estimate_input;  /* tokens; for formats that say it before the provider does */
    struct usage_guess guess; /* of: NULL: what is not reported is not told */
    bool show_reasoning;      /* the client gets the model's reasoning */
    bool no_more;             /* set before stream_read_end: nothing follows a whole item (RELAY_NO_MORE) */
    bool stream_array;        /* a Gemini client without alt=sse: one JSON array instead of events */
    /* from request_write to the readers of the same dialect; start zeroed */
    struct names_map names;  /* tool names that had to be changed */
    struct sl_str json_tool; /* inside; the tool that stands for a JSON answer: its input is the text. Empty: none */
    const struct sl_str *wrapped; /* inside; tools whose schema was wrapped in {"value": ...}: unwrap in calls */
    uint32_t n_wrapped;
    bool
        json_asked_in_words; /* JSON is only asked for by an instruction: a code fence around the answer is taken off */
    struct sl_str tier; /* the service tier asked for, where the platform takes it in a header (Vertex); else empty */
    uint32_t stops_kept_back; /* stop sequences that the provider does not take */
};

/* The model's name as the provider is to read it. */
static inline struct sl_str translation_model(const struct translation *t)
{
    return t->asked_as.n > 0 ? t->asked_as : t->up_model;
}

/* Whether a member that cannot be said is refused here. `harmful`: it changes what the caller receives. When true, *out is filled
 * (GE_UNSUPPORTED, what as param) and the writer gives false. Else it is noted. */
bool translation_refuses(struct translation *t, bool harmful, struct sl_str what, const char *how,
                         struct request_refusal *out);

/* A part with a URL that may not be written here, and with bytes might be. True: it is put on the list of wishes; the writer goes on
 * as if it were left out, since what is written now is not sent. False: nobody fetches it. place: the part's. */
bool translation_fetches(struct translation *t, const struct neutral_part *p, struct sl_str place);

/* Whether the provider has no such member ("seed"), and what it calls it instead (the name itself where it has it). */
bool translation_lacks(const struct translation *t, struct sl_str name);
struct sl_str translation_name(const struct translation *t, struct sl_str name);

/* Of a call of the provider's: whether the client's tool of that name is a free-form one, and whether its schema was wrapped. */
bool translation_is_custom(const struct translation *t, struct sl_str name);
bool translation_is_wrapped(const struct translation *t, struct sl_str name);
/* The arguments of such a call, raw: out of {"input": text} of a free-form one, {"value": any} of a wrapped one. What has no such
 * member stays as it is. Inside; in the arena or a view of `whole`. */
struct sl_str translation_unwrap(struct sl_str whole, bool custom, struct sl_arena *a);

/* The member `description` of a tool for formats without free-form tools: the grammar of such a one is told in words behind it. */
struct json_writer;
void translation_describe_tool(struct json_writer *w, const struct neutral_tool *tool, struct sl_arena *a);

/* An id of a user or a session as OpenAI's formats take it: one that is longer than that, or made of JSON (Claude Code writes its
 * account and session so), becomes a hash (translate-openai-anthropic.md 5.1). id: inside. */
struct sl_str translation_short_id(const struct translation *t, const char *prefix, struct sl_str id);

struct dialect_codec {
    /* body: checked by request_decode before, but read here as if it were not. The model is not in the body of every format: *out
     * comes with model and stream set where the path says them, and with `earlier`. False: *out_refusal (GE_MEMBER_*, param is the member's path). */
    bool (*request_read)(enum operation op, struct sl_str body, struct sl_arena *a, struct neutral_request *out,
                         struct request_refusal *out_refusal);
    /* Adds the body. False: it cannot be said (*out_refusal). */
    bool (*request_write)(struct translation *t, struct sl_buf *out, struct request_refusal *out_refusal);
    /* A whole answer (2xx) as events, NE_START to NE_FINISH and NE_USAGE. False: it breaks the format; events may have come. */
    bool (*answer_read)(struct translation *t, struct sl_str body, const struct neutral_sink *to);
    /* State in t->a. */
    void *(*stream_read_begin)(struct translation *t);
    /* One server-sent event with data. False: it breaks the format. */
    bool (*stream_read)(void *state, struct sl_str event, struct sl_str data, const struct neutral_sink *to);
    /* The bytes ended. May give what was kept back. True: the format says that the answer is whole. */
    bool (*stream_read_end)(void *state, const struct neutral_sink *to);
    /* The body of an answer. */
    void (*answer_write)(struct translation *t, const struct neutral_answer *answer, struct sl_buf *out);
    /* Writes whole events to `out` (borrow; the caller empties it between calls). State in t->a. */
    void *(*stream_write_begin)(struct translation *t, struct sl_buf *out);
    /* A writer that goes on in the middle of a stream whose beginning the client was given in the provider's own events: the same
     * envelope, the same block, the next number. `out` is left empty. NULL: this cannot be taken up. */
    void *(*stream_write_resume)(struct translation *t, struct sl_buf *out, const struct told *told);
    void (*stream_write)(void *state,
                         const struct neutral_event *e); /* NE_ERROR, NE_DONE: nothing (the exchange ends it) */
    /* The last events: finish, usage, terminator. Only after a whole answer. */
    void (*stream_write_end)(void *state);
    /* Instead of the last events, at any time: that it failed, told as this format tells it in a stream that has begun. NULL:
     * error_event (errors.h) says all that is to be said. */
    void (*stream_write_error)(void *state, const struct error_facts *error);
    /* The answer to a request that counts tokens; NULL: the format has none. */
    void (*count_write)(uint64_t tokens, struct sl_buf *out);
    /* Of a streamed answer that pauses (FINISH_PAUSE), its server-sent events: what is sent back so that it goes on, raw, in the arena.
     * Empty: it cannot. NULL: this format knows no pauses. */
    struct sl_str (*turn_of_events)(struct sl_str events, struct sl_arena *a);
    const struct model_caps *caps; /* the table */
};

extern const struct dialect_codec openai_chat_codec, openai_responses_codec, anthropic_codec, gemini_codec;

#endif
