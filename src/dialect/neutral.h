/* What the wire formats can say, in one form: the union of them. Facts of a request and counts of a usage report, which every
 * call needs; and whole requests, answers and stream events, through which one format becomes another.
 *
 *   client's format ─request_read─► neutral_request ─request_write─► provider's format
 *   client's format ◄─stream_write── neutral_event ◄──stream_read── provider's format
 *   (an answer that is not streamed is a list of the same events: neutral_answer)
 *
 * No owners: views point into the body, the answer or the arena they were read with. Texts are in one of three spellings, and
 * each member says which (json_tree.h): "inside" (still JSON-escaped: the default, so that text crosses without being touched),
 * "plain" (UTF-8) and "raw" (a JSON value as it stood: arguments, schemas, numbers keep their bytes).
 *
 * Members that a format has and the neutral form has not travel in `unknown`; whoever writes a request tells what it could not
 * say with neutral_note, so that nothing is dropped in silence. */
#ifndef SLUICE_DIALECT_NEUTRAL_H
#define SLUICE_DIALECT_NEUTRAL_H

#include <stdint.h>

#include "base/str.h"

struct dialect;

enum said {
    SAID_NOTHING = 0,
    SAID_NO,
    SAID_YES
}; /* a boolean that may be absent (or null) */

#define MODEL_NAME_MAX 256u /* bytes; names in use are below 100 */
#define MODELS_LIST_MAX 16u /* names in `models`: a plan longer than that is no plan */
#define HINT_TEXT_MAX 128u  /* bytes of `task` and `route` */

/* Wishes to the gateway: members of the body or x-sluice-* headers. They never reach a provider. */
struct request_hints {
    struct sl_str task;          /* empty: not said */
    struct sl_str route;         /* empty: not said */
    struct sl_str tags;          /* x-sluice-tags as sent; empty: not said */
    enum said fallback;          /* SAID_NO: exactly the first target */
    const struct sl_str *models; /* names to try, in order, behind `model` */
    uint32_t n_models;
};

enum modality {
    MODALITY_AUDIO_OUT = 1 << 0
}; /* what is cheap to know from the top-level members */

/* Token counts as a provider reported them: overlapping, not yet believed. Subsets are within prompt or completion where the
 * provider is OpenAI; ledger/ makes them disjoint. Members that were absent are 0. */
struct token_counts {
    bool found;     /* there was a report (an object) */
    bool bad;       /* at least one count was no count (negative, fraction, text): it is 0 here */
    bool unknown;   /* there were members that we do not know */
    bool estimated; /* counted here, because the provider reported nothing: told to the client with "estimated": true */
    uint64_t prompt;     /* prompt_tokens, input_tokens */
    uint64_t completion; /* completion_tokens, output_tokens */
    uint64_t total;      /* 0: not said */
    uint64_t cached, cache_write, audio_prompt, image_prompt;
    uint64_t cache_write_1h; /* within cache_write: kept for an hour (Anthropic) */
    uint64_t reasoning, audio_completion, image_completion;
    uint64_t prediction_accepted, prediction_rejected; /* within completion */
    uint64_t seconds; /* of sound given, where that is what is counted (transcriptions) */
};

/* == Requests ====================================================================================================== */

/* -- Parts of messages -- */

enum neutral_part_kind {
    NP_TEXT = 0,
    NP_IMAGE,
    NP_AUDIO,
    NP_VIDEO,
    NP_FILE, /* documents: PDF, text */
    NP_REFUSAL,
    NP_REASONING,   /* what the model thought: text, and the signature that lets it believe it again */
    NP_TOOL_CALL,   /* of the client's tools */
    NP_TOOL_RESULT, /* its parts are `content` */
    NP_HOSTED,      /* a call or result of a tool that the provider runs: raw, in its own format */
    NP_UNKNOWN      /* raw, in its own format */
};

enum neutral_source { /* where media are */
    NS_BASE64 = 0,    /* data: base64 as it stood, perhaps with blanks or the URL-safe alphabet (media.h cleans it) */
    NS_URL,           /* data: http(s), gs or other URL */
    NS_FILE_ID,       /* data: an id of the provider's file store */
    NS_TEXT           /* NP_FILE: data is the text itself */
};

struct neutral_media {
    enum neutral_source source;
    struct sl_str data;     /* inside */
    struct sl_str mime;     /* inside; "image/png"; of audio also "wav"; empty: not said */
    struct sl_str filename; /* inside; title of a document */
    struct sl_str detail;   /* inside; "low", "high", "auto", "original"; empty: not said */
    struct sl_str context;  /* inside; of a document (Anthropic) */
    struct sl_str fps;      /* raw number; frames of a video that are looked at in a second; empty: not said */
};

enum neutral_cache {
    NC_NONE = 0,
    NC_5M, /* the shortest that the provider has */
    NC_1H
}; /* a prompt cache mark on this part */

struct neutral_part {
    enum neutral_part_kind kind;
    enum neutral_cache cache;
    /* Where it stood in the client's request, for notes and refusals (terms.h): each 1 + a place, 0: not said. */
    uint32_t item; /* of the message or item it came from; 0: that of the message that it is in */
    uint32_t at;   /* in that one's list of parts (of calls, where chat has one of its own); 0: it is the whole of it */
    uint32_t inner; /* in that part's own list: the content of a result */
    struct neutral_part *next;
    struct sl_str text; /* inside; TEXT, REFUSAL, REASONING (empty: withheld); a custom call's input */
    struct neutral_media media;
    /* REASONING. Of the four carriers (carrier.h) at most signature or encrypted is set. */
    struct sl_str
        signature; /* inside; as the client sent it, perhaps a carrier of ours; also on a TOOL_CALL or TEXT (Gemini) */
    struct sl_str encrypted; /* inside; redacted_thinking.data, encrypted_content */
    struct sl_str id;   /* inside, json_ident; TOOL_CALL, TOOL_RESULT: the call's; REASONING: of the item (Responses) */
    struct sl_str name; /* inside, json_ident; TOOL_CALL; of TOOL_RESULT where the format says it (Gemini) */
    struct sl_str
        arguments; /* raw JSON (plain text, any kind of value, perhaps broken); empty: none. TOOL_CALL, not custom */
    bool custom;   /* TOOL_CALL, TOOL_RESULT: of a free-form tool */
    bool is_error; /* TOOL_RESULT */
    struct neutral_part *content; /* TOOL_RESULT; NULL: empty */
    struct sl_str raw;            /* HOSTED, UNKNOWN: the whole value; TOOL_RESULT of Gemini: the response object */
    struct sl_str type;           /* HOSTED, UNKNOWN: its type, inside */
    struct sl_str citations;      /* raw array of the format's own; TEXT of an assistant */
};

enum neutral_role {
    NR_SYSTEM = 0,
    NR_DEVELOPER,
    NR_USER,
    NR_ASSISTANT,
    NR_TOOL
}; /* TOOL: only TOOL_RESULT parts; readers of formats where results stand in user messages split these out */

#define NEUTRAL_APART UINT32_MAX /* in no list: a system prompt that is a member of its own */

struct neutral_message {
    enum neutral_role role;
    uint32_t index; /* its place in the client's list, for error texts: "messages[3]"; or NEUTRAL_APART */
    struct neutral_message *next;
    struct neutral_part *parts; /* NULL: empty */
    struct sl_str name;         /* inside; the speaker's; empty: none */
    struct sl_str phase;        /* inside; Responses */
};

/* -- Tools -- */

enum neutral_tool_kind {
    NT_FUNCTION = 0,
    NT_CUSTOM,     /* free-form input */
    NT_WEB_SEARCH, /* raw has the rest */
    NT_HOSTED      /* any other that the provider runs, or whose schema only its vendor knows: type, raw */
};

struct neutral_tool {
    enum neutral_tool_kind kind;
    enum neutral_cache cache;
    struct neutral_tool *next;
    struct sl_str name;        /* inside, json_ident */
    struct sl_str description; /* inside; empty: none */
    struct sl_str schema;      /* raw; JSON Schema; empty: none. CUSTOM: the grammar (`format`) */
    bool schema_is_google;     /* the schema is Gemini's OpenAPI subset ("STRING", nullable) */
    enum said strict;
    struct sl_str space; /* inside; the namespace (Responses) that `name` begins with, before "__"; empty: none */
    struct sl_str
        type; /* inside; HOSTED: as the format calls it ("code_interpreter", "bash_20250124", "googleSearch") */
    struct sl_str raw; /* the whole value in the client's format */
    /* Where it stands in the client's request, for notes and refusals (terms.h). */
    struct sl_str list; /* plain; the list's path; empty: the format's `tools` */
    uint32_t index;     /* in it; NEUTRAL_APART: `list` is the whole path */
    uint32_t
        inner; /* 1 + its place in a list of the entry's own (functionDeclarations, a namespace's tools); 0: none */
};

enum neutral_choice_mode {
    NCH_UNSAID = 0,
    NCH_AUTO,
    NCH_NONE,
    NCH_REQUIRED,
    NCH_NAMED, /* names[0] */
    NCH_ALLOWED_AUTO,
    NCH_ALLOWED_REQUIRED
};

struct neutral_choice {
    enum neutral_choice_mode mode;
    const struct sl_str *names; /* inside, json_ident */
    uint32_t n_names;
    enum said parallel; /* SAID_NO: at most one call at a time */
};

/* -- The rest -- */

enum neutral_format {
    NF_UNSAID = 0,
    NF_TEXT,
    NF_JSON_OBJECT,
    NF_JSON_SCHEMA
};

enum neutral_effort { /* in the order of effort */
    EFFORT_UNSAID = 0,
    EFFORT_NONE,
    EFFORT_MINIMAL,
    EFFORT_LOW,
    EFFORT_MEDIUM,
    EFFORT_HIGH,
    EFFORT_XHIGH,
    EFFORT_MAX
};

struct neutral_reasoning {
    enum neutral_effort effort;
    int64_t budget;        /* tokens; 0: off; -1: not said; -2: the model decides (adaptive, dynamic) */
    enum said visible;     /* the client wants to see it (summary, includeThoughts, display) */
    struct sl_str summary; /* inside; Responses: "auto", "concise", "detailed" */
};

struct neutral_member { /* a member that the neutral form has no place for */
    struct sl_str name; /* inside */
    struct sl_str raw;
    bool harmful; /* without it the client gets something else than it asked for: translation_refuses */
    struct neutral_member *next;
};
/* The first of a list with that name; NULL: none. */
const struct neutral_member *neutral_member_find(const struct neutral_member *list, struct sl_str name);

struct neutral_within { /* members of parts, tools and settings without a place, by their paths (within.h) */
    struct neutral_member *first, *last;
    uint32_t n;
};

#define NEUTRAL_STOPS_MAX 64u

struct neutral_request {
    const struct dialect *from; /* the client's */
    enum operation_kind {
        NO_GENERATE = 0,
        NO_COUNT_TOKENS
    } kind;
    struct sl_str model; /* plain; as the client named it */
    bool stream;
    enum said include_usage;
    struct neutral_message *messages; /* instructions and system prompts are SYSTEM messages in front */
    uint32_t earlier; /* of Responses: items in front of those that the client sent, of what it goes on from */
    struct neutral_tool *tools;
    struct neutral_choice choice;
    bool legacy_functions; /* asked with `functions`: calls are answered in that form */
    bool left_tool_search; /* of Anthropic: what finds deferred tools is not among the tools */
    uint64_t max_output;   /* tokens; 0: not said */
    struct sl_str temperature, top_p, top_k, seed, presence_penalty,
        frequency_penalty;      /* raw numbers; empty: not said */
    uint32_t n;                 /* answers; at least 1 */
    const struct sl_str *stops; /* inside */
    uint32_t n_stops;
    enum said logprobs;
    uint32_t top_logprobs;
    struct sl_str logit_bias; /* raw object */
    enum neutral_format format;
    struct sl_str schema_name, schema_description; /* inside */
    struct sl_str schema;                          /* raw */
    bool schema_is_google;
    enum said schema_strict;
    struct neutral_reasoning reasoning;
    struct sl_str verbosity;        /* inside */
    struct sl_str user;             /* inside; end user's id: safety_identifier, user, metadata.user_id */
    struct sl_str metadata;         /* raw object; labels */
    struct sl_str service_tier;     /* inside; as the format calls it */
    struct sl_str prompt_cache_key; /* inside */
    enum said store;
    struct sl_str modalities; /* raw array of the format's own; output: ["text","audio"] */
    bool wants_audio, wants_image;
    struct sl_str audio;                              /* raw object: voice and format */
    struct sl_str safety_settings;                    /* raw array (Gemini) */
    struct sl_str previous_response_id, conversation; /* inside, raw (Responses) */
    struct sl_str include;                            /* raw array (Responses) */
    bool background;
    uint32_t max_tool_calls;        /* 0: not said */
    struct neutral_member *unknown; /* top-level members without a place */
    struct neutral_within within;
    struct neutral_member *echo; /* members that the answer says again (Responses): raw, as sent */
};

/* == Answers and events ============================================================================================= */

enum neutral_finish {
    FINISH_NONE = 0,
    FINISH_STOP,
    FINISH_STOP_SEQUENCE,
    FINISH_LENGTH,
    FINISH_TOOL_CALLS,
    FINISH_CONTENT_FILTER, /* stopped or refused for what it says */
    FINISH_PAUSE,          /* pause_turn */
    FINISH_CONTEXT,        /* model_context_window_exceeded */
    FINISH_MALFORMED_CALL, /* the model broke its own call format */
    FINISH_OTHER           /* `text` has the provider's word */
};

enum neutral_event_kind {
    NE_START = 0,  /* once, first: id, model (inside); usage when the format gives it here */
    NE_TEXT,       /* text */
    NE_REASONING,  /* text */
    NE_SIGNATURE,  /* of the reasoning block `block`: text; id: of its item */
    NE_REDACTED,   /* a reasoning block that only its model can read: text; id */
    NE_REFUSAL,    /* text */
    NE_CALL_BEGIN, /* call, id, name, custom, signature: only when id and name are known */
    NE_CALL_ARGS,  /* call, text: the next piece of the arguments (of a custom call's input), as an inside */
    NE_CALL_END,   /* call; may be missing */
    NE_MEDIA,      /* image or audio in the answer: media, is_audio */
    NE_CITATION,   /* citation */
    NE_HOSTED,     /* something about a tool that the provider runs: type, raw */
    NE_LOGPROBS,   /* raw: OpenAI's `content` array of this piece */
    NE_USAGE,      /* usage: the whole so far, merged by the reader: the last one counts */
    NE_FINISH,     /* finish, text (the provider's word or, of a refusal, its explanation), stop_sequence */
    NE_PING,       /* a life sign */
    NE_ERROR,      /* error: the provider says that it failed */
    NE_DONE        /* the format's own end was met */
};

struct neutral_error { /* views; inside */
    int status;        /* HTTP status it stands for; 0: not known */
    struct sl_str type, code, message, param;
};

struct neutral_citation { /* inside; offsets in characters of the joined text of the answer, -1: not known */
    struct sl_str url, title, cited_text;
    int64_t from, to;
};

struct neutral_event {
    enum neutral_event_kind kind;
    uint32_t choice; /* of several answers; 0 else */
    uint32_t block;  /* ordinal of the provider's block or part within the answer: where it changes, a new one begins */
    uint32_t call;   /* ordinal of the client-tool call within the choice, from 0, dense */
    struct sl_str text, id, name; /* inside */
    struct sl_str model;          /* inside; START */
    struct sl_str signature;      /* inside; on CALL_BEGIN and TEXT (Gemini's thoughtSignature) */
    bool custom;
    bool is_audio;
    struct neutral_media media;
    struct sl_str type, raw;
    struct neutral_citation citation;
    struct token_counts usage;
    enum neutral_finish finish;
    struct sl_str stop_sequence; /* inside */
    struct sl_str tier;          /* inside; service tier, with USAGE or START */
    struct neutral_error error;
};

/* Takes events: a stream writer, a collector (neutral_answer.h), a test. Views are valid during the call only. */
struct neutral_sink {
    void (*put)(void *owner, const struct neutral_event *e);
    void *owner;
};
static inline void neutral_put(const struct neutral_sink *to, const struct neutral_event *e)
{
    to->put(to->owner, e);
}

#endif
