/* Reading JSON without making a tree: one pass over a whole document that checks it strictly and tells where the members
 * are that the caller asked for. Used on request bodies (dialect/openai_chat/request_decode.c), on answers and on usage
 * reports. Pure: borrows the document, allocates nothing, keeps nothing.
 *
 * Strict means RFC 8259: one value, no BOM, no trailing bytes but blanks, valid UTF-8 (RFC 3629), no raw control characters
 * in strings, numbers as the grammar has them. Left to the reader of a value, since the grammar allows them: escapes of
 * lone surrogates, numbers of any size. Nesting is capped and kept in bits, not on the stack.
 *
 * Keys are compared after unescaping: "mod\u0065l" is "model". A watched member that occurs twice is an error, so that what
 * we decided by is what the provider will see. */
#ifndef SLUICE_DIALECT_JSON_SCAN_H
#define SLUICE_DIALECT_JSON_SCAN_H

#include <stdint.h>
#include <string.h>

#include "base/arena.h"
#include "base/str.h"

#define JSON_DEPTH_MAX                                                                                                 \
    128u /* real bodies stay below 30 (tool schemas); parsers of providers give up between 100 and 1000 */
#define JSON_WATCH_MAX 48u  /* watched members in one call */
#define JSON_WATCH_DEPTH 3u /* "usage.prompt_tokens_details.cached_tokens" from the top */

enum json_kind {
    JSON_ABSENT = 0,
    JSON_NULL,
    JSON_FALSE,
    JSON_TRUE,
    JSON_NUMBER,
    JSON_STRING,
    JSON_ARRAY,
    JSON_OBJECT
};

/* A member to look for. `parent` is the index in the same table of the member whose object it is in, -1: the top one. A
 * parent stands before its children. */
struct json_watch {
    struct sl_str name; /* unescaped, at most 63 bytes */
    int parent;
};

struct json_member {     /* offsets into the document */
    enum json_kind kind; /* JSON_ABSENT: not there */
    bool escaped;        /* a string with at least one backslash: json_unescape before use */
    uint32_t index;      /* its place among the members of its object, from 0 */
    uint32_t children;   /* an object's members or an array's elements */
    size_t from, to;     /* the value, quotes and brackets included */
    size_t key;          /* where its key begins (the quote) */
    size_t prev_end;     /* end of the value before it, or behind the '{' */
    size_t next_key;     /* where the key behind it begins; `to` when it is the last */
};

enum json_status {
    JSON_OK = 0,
    JSON_BAD_SYNTAX,
    JSON_BAD_NUMBER,
    JSON_BAD_ESCAPE,
    JSON_BAD_CONTROL, /* a raw control character in a string */
    JSON_BAD_UTF8,
    JSON_TOO_DEEP,
    JSON_CUT_SHORT, /* the document ends too early; an empty one, too */
    JSON_TRAILING,  /* something behind the value */
    JSON_REPEATED   /* a watched member occurs twice */
};

struct json_info {
    size_t at;  /* where it failed (bytes from the start); the document's length when it did not */
    int member; /* when it failed: the watched top-level member it was in or about, -1: none of them */
    enum json_kind root;
    uint32_t unwatched; /* members seen in watched objects and at the top that match no watch */
    uint64_t
        starts; /* of keys and strings: json_start_bit of their first four bytes; all bits when a key has an escape */
};

/* Whether a string of the document may begin with these four bytes: so that who looks for a word need not read a whole body
 * for it. A bit not set says surely not; one set says little where there are many strings. */
static inline uint64_t json_start_bit(const char *four)
{
    uint32_t word;
    memcpy(&word, four, sizeof word);
    return UINT64_C(1) << (word * UINT32_C(0x9e3779b1) >> 26);
}

/* Scans `doc`. out_members has n elements; those not met have kind JSON_ABSENT. Both outputs are set whatever the result. */
enum json_status json_scan(struct sl_str doc, const struct json_watch *watches, unsigned n,
                           struct json_member *out_members, struct json_info *out_info);
const char *json_status_text(enum json_status s); /* "invalid UTF-8 in a string": for error messages */

/* The bytes of a value (with quotes) and of a string's inside. */
static inline struct sl_str json_raw(struct sl_str doc, const struct json_member *m)
{
    return (struct sl_str){doc.p + m->from, m->to - m->from};
}
static inline struct sl_str json_inside(struct sl_str doc, const struct json_member *m)
{
    return (struct sl_str){doc.p + m->from + 1, m->to - m->from - 2};
}
static inline struct sl_str json_inside_if(struct sl_str doc, const struct json_member *m) /* empty: no string */
{
    return m->kind == JSON_STRING ? json_inside(doc, m) : SL_STR_NONE;
}
static inline bool json_is_said(const struct json_member *m) /* it is there, and not null */
{
    return m->kind != JSON_ABSENT && m->kind != JSON_NULL;
}

/* The text of a string member: a view of the document, or of the arena when it had escapes. False: escapes of lone
 * surrogates in it, so that it has no UTF-8 form. */
bool json_text(struct sl_str doc, const struct json_member *m, struct sl_arena *a, struct sl_str *out);
/* The same for the inside of a checked string; out has room for inside.n bytes. Gives false and nothing as above. */
bool json_unescape(struct sl_str inside, char *out, size_t *out_n);

/* A number as a count: digits, also "12.0" and "1e3" when that is whole. False: negative, a fraction, over UINT64_MAX. */
bool json_count(struct sl_str number, uint64_t *out);
/* Whether a number is zero, however it is written ("-0.0e7"); nothing is, too. */
bool json_is_zero(struct sl_str number);

/* Walks the elements of a checked array (from its '[' on). *at starts at 0; gives false at the end. */
bool json_next_element(struct sl_str array, size_t *at, struct json_member *out);

/* Where a string's special byte is: the first '"', '\' or control character in [p, end), or end. */
const char *json_string_special(const char *p, const char *end);

#endif
