/* What a key may use: models by exact name or prefix, operations. Built with the key table, read by many threads.
 * Operations are numbers of the caller's (dialect/operation.h), below 64. Pure. */
#ifndef SLUICE_AUTH_GRANT_H
#define SLUICE_AUTH_GRANT_H

#include <stdint.h>

#include "base/arena.h"
#include "base/err.h"
#include "base/str.h"

#define GRANT_MODELS_MAX 1000u /* patterns in one grant: more is a list of models, not a grant */
#define GRANT_PATTERN_MAX 256u /* bytes */

struct grant_pattern {
    struct sl_str text; /* without the '*' */
    bool prefix;
};

struct grant {
    const struct grant_pattern *models; /* borrow (of the arena it was built in) */
    uint32_t n_models;                  /* 0: all models */
    uint64_t operations;                /* bit of each operation; UINT64_MAX: all */
};

/* A number for an operation's name, -1: there is none (dialect: operation_by_name). */
typedef int grant_operation_f(struct sl_str name);

/* From comma-separated lists as the store keeps them; blanks around names do not matter; an empty list grants all. SL_EINVAL:
 * an empty name, a '*' that is not the last byte, an unknown operation. SL_ELIMIT: too many or too long. */
enum sl_err grant_build(struct sl_str models, struct sl_str operations, grant_operation_f *operation_of,
                        struct sl_arena *a, struct grant *out_g, struct sl_fail *fail) SL_MUST_CHECK;

/* Facts about a key that routing can ask about (key_tags.NAME). */
#define KEY_TAGS_MAX 32u
#define KEY_TAG_MAX 128u /* bytes of a name, and of a value */
struct key_tag {
    struct sl_str name, value;
};
/* From "feature=search, team=web" as the store keeps it. Views of it; the array is in the arena. SL_EINVAL: something in it is no
 * name=value. SL_ELIMIT: too many or too long. */
enum sl_err key_tags_read(struct sl_str list, struct sl_arena *a, const struct key_tag **out_v, uint32_t *out_n,
                          struct sl_fail *fail) SL_MUST_CHECK;

bool grant_allows_model(const struct grant *g, struct sl_str model);
bool grant_allows_operation(const struct grant *g, int operation);

#endif
