/* A quick look at JSON that is passed on whatever it is: events of a stream. Checks nothing but what it needs to stay within
 * the bytes; on anything odd it says "no more", and the caller passes the event on as it is. Keys are compared as they are
 * written: an escaped key is one that we do not know. Never used on what decides about rights or money of a request; usage
 * found this way is read again strictly. Inside dialect/ only.
 *
 *     struct json_peek k = json_peek_at(bytes);
 *     while (json_peek_key(&k))          (json_peek_item in an array)
 *         json_peek_value(&k, &value);   or: child = json_peek_enter(&k), walk it to its end, json_peek_leave(&k, &child)
 *     k.closed: the end was met as it should be; k.p is behind it
 *
 * Every byte is looked at once. */
#ifndef SLUICE_DIALECT_JSON_PEEK_H
#define SLUICE_DIALECT_JSON_PEEK_H

#include "dialect/json_scan.h"

struct json_peek {
    const char *p, *end;
    const char *at;     /* where the value begins */
    const char *key_at; /* the quote of its key */
    const char *before; /* end of the value before it; NULL: it is the first */
    struct sl_str key;  /* inside of its quotes */
    bool first, closed;
};

/* bytes begin with '{' or '['. */
static inline struct json_peek json_peek_at(struct sl_str bytes)
{
    return (struct json_peek){.p = bytes.p + 1, .end = bytes.p + bytes.n, .first = true};
}

bool json_peek_key(struct json_peek *k);  /* the next member; false: none, or not understood */
bool json_peek_item(struct json_peek *k); /* the next element */
/* Passes over the value; false: not understood, the walk is over. */
bool json_peek_value(struct json_peek *k, struct sl_str *out_value);

/* The value is an object (open '{') or array ('['). */
static inline bool json_peek_opens(const struct json_peek *k, char open)
{
    return *k->at == open;
}
static inline struct json_peek json_peek_enter(const struct json_peek *k)
{
    return (struct json_peek){.p = k->at + 1, .end = k->end, .first = true};
}
static inline bool json_peek_leave(struct json_peek *k, const struct json_peek *child)
{
    k->p = child->p;
    return child->closed;
}

/* The quote that closes the string whose inside begins at p; NULL: none before `end`. */
const char *json_peek_close(const char *p, const char *end);
/* Behind a member: where the next key begins, NULL when it is the last. */
const char *json_peek_next_key(const struct json_peek *k);

/* The inside of a string; empty: it is none. */
static inline struct sl_str json_peek_inside(struct sl_str value)
{
    return value.n >= 2 && value.p[0] == '"' ? sl_str_of(value.p + 1, value.n - 2) : SL_STR_NONE;
}
/* The inside of a string, a number's digits; anything else says nothing. */
static inline struct sl_str json_peek_word(struct sl_str value)
{
    return value.n > 0 && sl_is_digit(value.p[0]) ? value : json_peek_inside(value);
}

static inline bool json_peek_is_null(struct sl_str value)
{
    return value.n == 4 && value.p[0] == 'n';
}

#endif
