/* The token classes, in one list: the fields of struct usage (ledger/usage.h), the label values of the token metric and
 * the members of the access record come from it. Classes are disjoint: every token of a call is in exactly one.
 *
 * It lives here because telemetry is below ledger and all three need it. If you add a class, also touch: the journal's
 * record version (ledger/entry.c), the price that belongs to it (ledger/price_of.c). The order is part of the journal's
 * format: append only. */
#ifndef SLUICE_TELEMETRY_TOKEN_CLASS_H
#define SLUICE_TELEMETRY_TOKEN_CLASS_H

/* X(id, field and label, side) */
#define TOKEN_CLASSES(X)                                                                                               \
    X(INPUT, input, IN)             /* prompt text that was neither read from nor written to the vendor's cache */     \
    X(CACHE_READ, cache_read, IN)   /* prompt tokens read from the vendor's cache */                                   \
    X(CACHE_WRITE, cache_write, IN) /* prompt tokens written to the vendor's cache */                                  \
    X(OUTPUT, output, OUT)          /* generated text, without reasoning */                                            \
    X(REASONING, reasoning, OUT)    /* generated and usually hidden */                                                 \
    X(AUDIO_IN, audio_in, IN)                                                                                          \
    X(AUDIO_OUT, audio_out, OUT)                                                                                       \
    X(IMAGE_IN, image_in, IN)                                                                                          \
    X(IMAGE_OUT, image_out, OUT)

enum token_class {
#define X(id, name, side) TC_##id,
    TOKEN_CLASSES(X)
#undef X
    TOKEN_CLASS_COUNT
};

#endif
