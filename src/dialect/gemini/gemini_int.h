/* What the files of this folder share. */
#ifndef SLUICE_DIALECT_GEMINI_GEMINI_INT_H
#define SLUICE_DIALECT_GEMINI_GEMINI_INT_H

#include "dialect/gemini/gemini.h"
#include "dialect/json_write.h"

struct sl_str gem_trim(struct sl_str s); /* white space and control characters at both ends (members.c) */

/* -- Members under both spellings (members.c) ---------------------------------------------------------------------- */

/* camel: "inlineData"; a key "inline_data" is it, too. */
bool gem_key_is_other(const struct json_tree *t, const struct json_node *v, struct sl_str camel); /* the slow rest */
static inline bool gem_key_is(const struct json_tree *t, const struct json_node *v, struct sl_str camel)
{
    const char *key = t->doc.p + v->key_at;
    if (v->key_escaped || (v->key_n > camel.n && *key == *camel.p))
        return gem_key_is_other(t, v, camel);
    return v->key_n == camel.n && json_same(key, camel.p, camel.n);
}
/* The member; null counts as absent. */
const struct json_node *gem_get(const struct json_tree *t, const struct json_node *of, struct sl_str camel);
struct sl_str gem_get_inside(const struct json_tree *t, const struct json_node *of, struct sl_str camel);
struct sl_str gem_get_raw(const struct json_tree *t, const struct json_node *of, struct sl_str camel);
/* A count, also where it is written as a string (int64 in proto's JSON). */
bool gem_count_of(const struct json_tree *t, const struct json_node *v, uint64_t *out);
/* The JSON without blanks between its tokens; the tokens keep their bytes. raw: valid JSON. A view when there were none. */
struct sl_str gem_compact(struct sl_str raw, struct sl_arena *a);

/* -- A table in an arena (index.c) ---------------------------------------------------------------------------------- */

struct gem_slot {
    struct sl_str key; /* borrow; p NULL: empty */
    void *value;
};
struct gem_index {
    struct gem_slot *slots;
    size_t cap, n;
};
void *gem_index_get(const struct gem_index *x, struct sl_str key); /* NULL: absent */
void gem_index_put(struct gem_index *x, struct sl_arena *a, struct sl_str key, void *value);

/* -- Words (words.c) -------------------------------------------------------------------------------------------------- */

enum gem_end { /* what a finishReason means (translate-gemini.md 8.2) */
    GEM_END_STOP = 0,
    GEM_END_LENGTH,
    GEM_END_FILTER,
    GEM_END_MALFORMED,
    GEM_END_OTHER /* a failure when nothing was said, else the end */
};
/* word: inside, or a number as Vertex writes enums when asked to. */
enum gem_end gem_end_of(struct sl_str word);
struct sl_str gem_finish_word(enum neutral_finish f);

enum gem_modality {
    GEM_TEXT = 0,
    GEM_IMAGE,
    GEM_AUDIO,
    GEM_OTHER
};
enum gem_modality gem_modality_of(struct sl_str word);

/* The HTTP status of a google.rpc.Code ("RESOURCE_EXHAUSTED"); 0: no such word. */
int gem_status_of(struct sl_str word);

/* Tiers in OpenAI's words, which neutral events carry, and back. Empty: none. */
struct sl_str gem_tier_to_neutral(struct sl_str word);
struct sl_str gem_tier_from_neutral(struct sl_str word);

/* -- Usage (usage.c) --------------------------------------------------------------------------------------------------- */

/* usageMetadata as it grew: the newest report of each count. */
struct gem_usage {
    bool found, bad;
    uint64_t prompt, cached, candidates, thoughts, tool_use, total;
    uint64_t audio_in, image_in, audio_out, image_out;
    struct sl_str tier; /* in neutral words; static */
};
/* object: usageMetadata, raw; anything else adds nothing. Allocates nothing. */
void gem_usage_add(struct gem_usage *u, struct sl_str object);
struct token_counts gem_usage_counts(const struct gem_usage *u);
void gem_usage_write(struct json_writer *w, const struct token_counts *c, struct sl_str tier);

/* -- Errors (error_read.c) ----------------------------------------------------------------------------------------------- */

/* google.rpc.Status: {"error":{...}}, [{"error":{...}}], messages that are such a body again (up to three deep). False: no error. */
bool gem_error_read(struct sl_str body, struct sl_arena *a, struct neutral_error *out);

/* The error member's value as facts; looks only, allocates nothing (answer_decode.c). */
void gem_error_look(struct sl_str value, struct answer_error *out);

/* -- Signatures (signature.c) ------------------------------------------------------------------------------------------- */

#define GEM_BYPASS SL_STR("skip_thought_signature_validator") /* gemini.md 6.3 */

/* What is different in a body that passes as it is (request_encode.c): in its order, none within another but those that are left out. */
struct gem_edit {
    size_t from, to;
    struct sl_str text;
};
struct gem_edits {
    struct gem_edit *v;
    size_t n, cap;
    struct sl_arena *a;
};
void gem_add_edit(struct gem_edits *e, size_t from, size_t to, struct sl_str text);
/* Everything that Vertex AI has no place for, and the gateway's own members. Sets out->notes, to what is lost by it, and out->tier. */
void gem_edit_for_vertex(struct gem_edits *e, const struct request_facts *f, struct sl_str body, bool counts,
                         struct body_pieces *out);

#define GEM_ENVELOPE_MARK SL_STR("eyJjc2lnMSI6") /* how an envelope (below) begins */

/* The signature that may go to Google's model t->up_model, plain; empty: none that fits. signature: inside, as in a neutral_part.
 * raw_is_google: what no carrier of ours holds is Google's own. */
struct sl_str gem_signature_for(const struct translation *t, struct sl_str signature, bool raw_is_google);
/* Google's signature (inside) for the client of t: as it is, or carried. */
struct sl_str gem_signature_out(const struct translation *t, struct sl_str signature, struct sl_arena *a);

/* The signature of a call or text for a Gemini client, plain: Google's own, without a carrier; empty: another vendor's. */
struct sl_str gem_signature_native(struct sl_arena *a, struct sl_str signature);

/* What another vendor's model thought, in one thoughtSignature of a Gemini client (translate-gemini.md 15).
 * parts: NP_REASONING, those without signature are passed over, and NP_TEXT for a text between them and the call (its words are not
 * looked at). Empty: nothing to carry. In t->a; base64. */
struct sl_str gem_envelope_pack(const struct translation *t, const struct neutral_part *parts);
/* The same parts, their signatures as carriers, the texts empty; NULL: it is no envelope of ours. signature: inside. */
struct neutral_part *gem_envelope_unpack(struct sl_arena *a, struct sl_str signature);

/* -- Schemas (schema*.c; translate-gemini.md 5) --------------------------------------------------------------------------- */

enum gem_schema_flaw {
    GEM_SCHEMA_FINE = 0,
    GEM_SCHEMA_NOT_OBJECT, /* not an object, or (tools) its root is not of type object */
    GEM_SCHEMA_EXTERNAL    /* a $ref to another document */
};
enum gem_schema_use {
    GEM_FOR_TOOL = 0,
    GEM_FOR_ANSWER
};
/* JSON Schema as Gemini understands it. *out: raw, in the arena. *out_lost: something could not be said but in a description. */
enum gem_schema_flaw gem_schema_json(struct sl_arena *a, struct sl_str raw, enum gem_schema_use use, struct sl_str *out,
                                     bool *out_lost);
/* The same as `Schema`, the OpenAPI subset of older models. */
enum gem_schema_flaw gem_schema_openapi(struct sl_arena *a, struct sl_str raw, enum gem_schema_use use,
                                        struct sl_str *out, bool *out_lost);
/* `Schema` as JSON Schema. Never fails: what is no object comes back as it was. */
struct sl_str gem_schema_back(struct sl_arena *a, struct sl_str raw);

/* -- Reading of requests (request_read.c, read_contents.c, read_tools.c) ----------------------------------------------------- */

struct gem_reader {
    struct json_tree t;
    struct sl_arena *a;
    struct neutral_request *out;
    struct request_refusal *refusal;
    struct neutral_message *last_message;
    struct neutral_tool *last_tool;
    struct neutral_member *last_unknown;
    uint32_t tools;
    /* calls of the model that results may answer */
    struct gem_index by_id, by_name;
    uint32_t step;
    bool in_model;
};

bool gem_refuse(struct gem_reader *r, enum gateway_error e, const char *what, const char *path, ...) SL_PRINTF(4, 5);
/* Members of an object that are not among `known` (blanks between): unknown, each. place: of the object. */
void gem_rest(struct gem_reader *r, const struct json_node *of, const char *known, const char *place, ...)
    SL_PRINTF(4, 5);
void gem_unknown(struct gem_reader *r, struct sl_str raw, const char *path, ...) SL_PRINTF(3, 4);
bool gem_read_contents(struct gem_reader *r, const struct json_node *contents);
bool gem_read_system(struct gem_reader *r, const struct json_node *system);
bool gem_read_tools(struct gem_reader *r, const struct json_node *tools);
bool gem_read_tool_config(struct gem_reader *r, const struct json_node *config);

/* -- Writing of requests (request_write.c, write_contents.c, write_parts.c, write_tools.c, write_config.c) -------------------- */

struct gem_writer {
    struct translation *t;
    const struct neutral_request *req;
    struct json_writer w;
    struct request_refusal *refusal;
    bool vertex;
    bool from_google, from_chat; /* whose client */
    bool functions, hosted;      /* tools of these kinds are written */
    bool any;                    /* a call is forced */
    bool strict;
};

/* A call of the conversation and what answered it. */
struct gem_call {
    const struct neutral_part *call, *result;
    const struct neutral_message *call_at, *result_at;
    struct gem_call *next; /* of the same content */
};

enum gem_out_kind {
    GO_TEXT = 0,
    GO_MEDIA,
    GO_CALL,
    GO_RAW /* a part of Gemini's own */
};
struct gem_out_part {
    enum gem_out_kind kind;
    const struct neutral_part *p;
    const struct neutral_message *at;
    struct sl_str text;      /* inside; GO_TEXT */
    struct sl_str signature; /* plain */
    struct gem_call *call;
    struct gem_out_part *next;
};
struct gem_content {
    bool model;
    struct gem_call *results; /* of the model's content before; then there are no parts */
    struct gem_out_part *first, *last;
    struct gem_content *next;
};

static inline bool gem_flag(const struct gem_writer *g, unsigned flag)
{
    return caps_has(g->t->caps, flag);
}
/* Notes or refuses (translation_refuses). True: the request is refused. */
bool gem_drops(struct gem_writer *g, bool harmful, struct sl_str what, const char *how);
bool gem_reject(struct gem_writer *g, enum gateway_error e, struct sl_str what, const char *why);
bool gem_write_contents(struct gem_writer *g); /* and systemInstruction */
bool gem_write_content(struct gem_writer *g, const struct gem_content *c);
void gem_write_text_part(struct gem_writer *g, struct sl_str inside, struct sl_str signature);
bool gem_write_tools(struct gem_writer *g); /* and toolConfig */
bool gem_write_config(struct gem_writer *g);

/* -- Chunks of an answer (chunk_read.c) ------------------------------------------------------------------------------------------ */

struct gem_answer; /* what is known so far of one answer; in the arena */
struct gem_answer *gem_answer_begin(struct translation *t);
/* A GenerateContentResponse: whole, or the next piece of one. False: it breaks the format. */
bool gem_answer_chunk(struct gem_answer *x, struct sl_str chunk, const struct neutral_sink *to);
/* Gives finish and usage. True: it was whole. */
bool gem_answer_end(struct gem_answer *x, const struct neutral_sink *to);

/* -- Streamed arguments of Vertex (partial_args.c) ------------------------------------------------------------------------------- */

struct gem_partial;
struct gem_partial *gem_partial_new(struct sl_arena *a);
/* partialArgs of a functionCall: [{"jsonPath":"$.a[0]","stringValue":"x","willContinue":true}, ...]. False: they make no sense. */
bool gem_partial_add(struct gem_partial *p, const struct json_tree *t, const struct json_node *list);
/* The object so far, raw. */
struct sl_str gem_partial_text(const struct gem_partial *p);

/* -- Offsets (text_map.c) ---------------------------------------------------------------------------------------------------- */

/* Which byte of a growing text is which character: runs of characters of the same width. */
struct gem_run {
    uint64_t chars, bytes; /* where it begins */
    unsigned width;
};
struct gem_text_map {
    struct gem_run *runs;
    size_t n, cap;
    uint64_t chars, bytes;
};
void gem_text_add(struct gem_text_map *m, struct sl_arena *a, struct sl_str inside);
int64_t gem_text_char_at(const struct gem_text_map *m, uint64_t byte);
int64_t gem_text_byte_at(const struct gem_text_map *m, uint64_t at);

/* -- Answers to Gemini clients (answer_parts.c) ---------------------------------------------------------------------------------- */

/* Whether a Gemini client gets that part at all. */
bool gem_part_shows(const struct translation *t, const struct neutral_part *p);
/* Writes it; signature: plain, of a call or text. False: a call whose arguments are no JSON, and nothing was written. */
bool gem_write_part(struct json_writer *w, const struct translation *t, const struct neutral_part *p,
                    struct sl_str signature);

/* What a candidate says behind its content. */
struct gem_ending {
    enum neutral_finish finish;
    struct sl_str text; /* inside */
    bool malformed;     /* a call could not be written */
    uint32_t index;
    const struct neutral_citation *citations;
    uint32_t n_citations;
    const struct gem_text_map *map;
    struct sl_str logprobs; /* elements of OpenAI's array, without brackets */
};
void gem_write_ending(struct json_writer *w, const struct translation *t, const struct gem_ending *e);
/* usageMetadata (NULL: none), modelVersion, responseId. */
void gem_write_tail(struct json_writer *w, const struct translation *t, const struct token_counts *usage,
                    struct sl_str tier);

#endif
