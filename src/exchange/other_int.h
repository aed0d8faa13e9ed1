/* What other.c and other_stream.c share; inside exchange/ only. */
#ifndef SLUICE_EXCHANGE_OTHER_INT_H
#define SLUICE_EXCHANGE_OTHER_INT_H

#include "dialect/other/stream.h"

struct exchange_other {
    struct other_look look;
    struct other_translation *live; /* of the attempt; NULL: the client's own format */
    struct sl_str path;             /* of the attempt; empty: as the operation says */
    bool root;                      /* it counts from the server's root */
    struct sl_str verb;             /* instead of a path: of a method of the model */
    struct other_usage usage;       /* of the attempt's answer */
    bool used;                      /* ... is set */
    unsigned candidate;             /* whose calls `bodies` are the answers of */
    uint32_t got, calls;
    size_t bytes;
    struct sl_str *bodies;
    struct other_stream stream; /* of the attempt's answer, while reads */
    struct sl_str rest;         /* of a slice: not taken yet */
    bool reads;
    bool told;  /* the client has the answer of one of several calls */
    bool rests; /* no attempt is live: the next call waits for the client */
};

#endif
