/* `sluice explain --request` and `--id`: with the configuration, the keys and the access log of this machine, and nothing sent. */
#ifndef SLUICE_MAIN_EXPLAIN_OFFLINE_H
#define SLUICE_MAIN_EXPLAIN_OFFLINE_H

#include "main/options.h"

struct explain_options {
    const char *config, *state; /* NULL: what serve would take */
    const char *request;        /* a file, "-": standard input */
    const char *id, *log;       /* of an exchange; the access log, NULL: the configuration's */
    const char *key;            /* a key's name; NULL: one that may everything */
    const char *path;           /* what is called; NULL: /v1/chat/completions */
    struct option_many headers; /* "name: value" */
    uint64_t budget_percent;    /* used of the tenant's budget; UINT64_MAX: not known */
    bool is_json;
};

/* Exit codes: 0 planned (or replayed and the same), 1 not. */
int explain_offline(const struct explain_options *o);

#endif
