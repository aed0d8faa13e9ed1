/* Client keys: making, ending, and the table that workers check against. Called by `sluice keys`, by the keeper and at
 * the first run. A key's text exists once, in the answer to its making; what is stored is its HMAC-SHA-256 (key_digest) under the
 * state directory's pepper and its first characters for people. */
#ifndef SLUICE_MAIN_KEYS_H
#define SLUICE_MAIN_KEYS_H

#include "main/state_dir.h"
#include "store/store.h"

#define KEYS_PREFIX "sk-sluice-"
#define KEYS_RANDOM_CHARS 43u /* base 62: 256 bits */
#define KEYS_SHOWN_CHARS 8u   /* of the random part; 208 bits stay unknown */
#define KEYS_TEXT 56u         /* prefix, random part and a NUL, rounded up */
#define KEYS_NAME_MAX 100u
#define KEYS_LIST_MAX 4096u /* bytes of a list of models or operations */

struct keys_spec {
    struct sl_str name, tenant;       /* tenant empty: "default" */
    struct sl_str models, operations; /* comma-separated; empty: all */
    struct sl_str tags;               /* comma-separated name=value; empty: none */
    int64_t expires_ns;               /* wall; 0: never */
};

struct keys_made {
    struct sl_id id;
    char text[KEYS_TEXT]; /* the secret; wipe with keys_made_wipe after showing it */
};

/* SL_EINVAL: a name, list or time that cannot be. */
enum sl_err keys_create(const struct state_dir *d, struct store *s, const struct keys_spec *spec,
                        struct keys_made *out_made, struct sl_fail *fail) SL_MUST_CHECK;
/* A new key with the name, tenant, tags and grants of `id`; the old one ends after grace_ns. SL_ENOENT, SL_EINVAL (it has
 * ended already). */
enum sl_err keys_rotate(const struct state_dir *d, struct store *s, struct sl_id id, int64_t grace_ns,
                        struct keys_made *out_made, struct sl_fail *fail) SL_MUST_CHECK;
enum sl_err keys_revoke(const struct state_dir *d, struct store *s, struct sl_id id,
                        struct sl_fail *fail) SL_MUST_CHECK;
enum sl_err keys_expire(const struct state_dir *d, struct store *s, struct sl_id id, int64_t expires_ns,
                        struct sl_fail *fail) SL_MUST_CHECK;
void keys_made_wipe(struct keys_made *m);

/* The first run: when there is no key at all, makes one named "first-run" and gives its text. Otherwise *out_is_new is
 * false and out_shown says which key is there: "sk-sluice-AbCdEfGh..." of the oldest that still works, "" when none does. */
#define KEYS_SHOWN 32u
enum sl_err keys_first_run(const struct state_dir *d, struct store *s, struct keys_made *out_made, bool *out_is_new,
                           char out_shown[KEYS_SHOWN], struct sl_fail *fail) SL_MUST_CHECK;

/* Builds the workers' table from the store (auth/key.h), with one reference. Keys that have ended are in it too, so that
 * the access record can say why they were refused. *out_bad: keys whose grant does not parse; they grant nothing. */
struct key_table;
enum sl_err keys_table_load(struct store *s, struct key_table **out_t, size_t *out_bad,
                            struct sl_fail *fail) SL_MUST_CHECK;

#endif
