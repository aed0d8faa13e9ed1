/* Who is asking: finds the key in a request's head, makes its digest, looks it up.
 *
 *   key_find(headers, query) -> text -> key_digest(pepper) -> auth_check(table, digest, now) -> struct auth_key
 *
 * A key's text goes into the digest function and nowhere else. struct key_table is immutable and counted; the keeper builds a
 * new one when keys change and every worker holds a reference. auth_check does the same work and gives the same verdict
 * whether the key never was, is over or was revoked; why is told apart for the access record only. */
#ifndef SLUICE_AUTH_KEY_H
#define SLUICE_AUTH_KEY_H

#include "auth/grant.h"
#include "base/id.h"
#include "http/message.h"
#include "tls/digest.h"

#define KEY_DIGEST_BYTES 32u
#define KEY_TEXT_MAX 512u /* bytes; ours have 53, those of vendors below 200, signed tokens do not come here */

enum key_find {
    KEY_FOUND = 0,
    KEY_NONE,
    KEY_MALFORMED, /* empty, too long, not printable ASCII, or an authorization that is not Bearer */
    KEY_CONFLICT   /* several that differ */
};

/* Looks at authorization (Bearer, any case), x-api-key, api-key, x-goog-api-key, ?key=, and at what browsers can set on a WebSocket
 * (sec-websocket-protocol: openai-insecure-api-key.KEY). Several are fine when they are the
 * same. *out_text is a view of the head (or of `scratch`, when ?key= was percent-encoded). */
enum key_find key_find(const struct http_headers *headers, struct sl_str query, char scratch[KEY_TEXT_MAX],
                       struct sl_str *out_text);

/* HMAC-SHA-256 of the text under the state directory's pepper: what is stored of a key, and what it is found by. The second form
 * takes the pepper prepared (tls_hmac_init, once per process) and costs half. */
void key_digest(struct sl_str pepper, struct sl_str text, unsigned char out[KEY_DIGEST_BYTES]);
void key_digest_prepared(const struct tls_hmac *pepper, struct sl_str text, unsigned char out[KEY_DIGEST_BYTES]);

struct auth_key { /* lives as long as its table */
    struct sl_id id;
    struct sl_str name, tenant;
    struct grant grant;
    const struct key_tag *tags;
    uint32_t n_tags;
    int64_t expires_ns; /* wall; 0: never */
    int64_t revoked_ns; /* wall; 0: not */
};

enum auth_verdict {
    AUTH_OK = 0,
    AUTH_UNKNOWN
};
enum auth_reason {
    AUTH_FINE = 0,
    AUTH_NO_SUCH_KEY,
    AUTH_EXPIRED,
    AUTH_REVOKED
}; /* for the record, never for the caller */

struct auth_result {
    enum auth_verdict verdict;
    enum auth_reason reason;
    const struct auth_key *key; /* AUTH_OK: borrow (of the table). Otherwise NULL, but `known` tells whose it was */
    const struct auth_key *known;
};

struct key_row { /* one key as the store has it; borrowed for the call */
    struct sl_id id;
    struct sl_str name, tenant;
    unsigned char digest[KEY_DIGEST_BYTES];
    struct sl_str models, operations; /* comma-separated; empty: all */
    struct sl_str tags;               /* comma-separated name=value; one that cannot be read has none */
    int64_t expires_ns, revoked_ns;   /* wall; 0: never, not */
};

struct key_table;

/* Gives a table with one reference. A row whose grant does not parse grants nothing (fails closed) and is counted in
 * *out_bad (may be NULL). Two rows of one digest: the first is taken. n at most KEY_TABLE_MAX, else NULL. */
#define KEY_TABLE_MAX 1000000u
struct key_table *key_table_build(const struct key_row *rows, size_t n, grant_operation_f *operation_of,
                                  size_t *out_bad);
struct key_table *key_table_ref(struct key_table *t); /* any thread */
void key_table_unref(struct key_table *t);            /* any thread; NULL accepted */
size_t key_table_count(const struct key_table *t);
/* By name, for explanations: one that still works, else any; NULL: none. Looks at all of them. */
const struct auth_key *key_table_named(const struct key_table *t, struct sl_str name, int64_t now_wall_ns);

/* The same by id, and only one that still works; NULL: none. */
const struct auth_key *key_table_of_id(const struct key_table *t, struct sl_id id, int64_t now_wall_ns);

/* now: wall ns. t NULL: nobody is known. */
struct auth_result auth_check(const struct key_table *t, const unsigned char digest[KEY_DIGEST_BYTES],
                              int64_t now_wall_ns);

#endif
