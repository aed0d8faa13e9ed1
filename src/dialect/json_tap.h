/* Takes the values of a few top-level members out of a document that passes by in slices and is not kept: usage of an answer that
 * is too long to hold. Follows strings and brackets and checks nothing else; what it took is read strictly afterwards.
 * Inside dialect/ only.
 *
 * Embedded by value; fields belong to json_tap.c. Holds at most max bytes for each member, from the arena. */
#ifndef SLUICE_DIALECT_JSON_TAP_H
#define SLUICE_DIALECT_JSON_TAP_H

#include <stdint.h>

#include "base/arena.h"
#include "base/str.h"

#define JSON_TAP_NAMES 4u
#define JSON_TAP_KEY 16u /* bytes of a name, at most */

struct json_tapped {
    struct sl_str name;
    size_t max; /* bytes to keep; 0: only count */
    char *p;    /* own (of the arena); NULL until met */
    size_t kept;
    uint64_t bytes; /* of the value; more than kept: it is not whole */
    bool repeated;  /* met a second time: believe neither */
};

struct json_tap {
    struct json_tapped *v; /* borrow (of the owner) */
    unsigned n;
    struct sl_arena *arena;
    char key[JSON_TAP_KEY];
    uint8_t key_n; /* JSON_TAP_KEY + 1: longer than any name */
    int8_t now;    /* index of the member whose value passes, -1: none */
    uint32_t depth;
    bool in_string, escape; /* escape: the next byte is escaped */
    bool in_key;            /* the string is a key of the top object */
    bool expect_key;        /* the next string of the top object is a key */
    bool begun, ended, odd; /* odd: brackets do not match, or something is behind the end */
};

void json_tap_init(struct json_tap *t, struct json_tapped *v, unsigned n, struct sl_arena *a);
void json_tap_feed(struct json_tap *t, struct sl_str slice);
/* One object came, whole as far as brackets tell. */
bool json_tap_complete(const struct json_tap *t);

/* The value, when it came once and whole; else the empty view. */
struct sl_str json_tap_value(const struct json_tapped *v);

#endif
