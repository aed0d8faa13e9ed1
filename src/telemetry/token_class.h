/* What a call can use, in two lists: tokens by class, and what is counted in other units. The token classes: the fields of struct usage (ledger/usage.h), the label values of the token metric and
 * the members of the access record come from it. Classes are disjoint: every token of a call is in exactly one.
 *
 * It lives here because telemetry is below ledger and all three need it. If you add a class, also touch: the journal's
 * record (ledger/entry.c), the price that belongs to it (ledger/price_of.c), the columns of the database (store/store.h).
 * The order is part of the journal's format: append only. */
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
    X(IMAGE_OUT, image_out, OUT)                                                                                       \
    X(VIDEO_OUT, video_out, OUT) /* generated video, where its vendor counts it in tokens (Seedance) */

enum token_class {
#define X(id, name, side) TC_##id,
    TOKEN_CLASSES(X)
#undef X
    TOKEN_CLASS_COUNT
};

/* Units beside tokens. Each counts another thing, so they are disjoint among themselves; but the same output may be counted
 * in tokens and in a unit, too (an image has tokens at one vendor and a price a piece at another): what is charged then
 * says ledger/price.h. Durations are whole milliseconds: no float comes near money. Append only, as above.
 *
 * X(id, field and label, side) - NONE: never counted in tokens. */
#define USAGE_UNITS(X)                                                                                                 \
    X(IMAGES_IN, images_in, IN)        /* images given */                                                              \
    X(IMAGES_OUT, images_out, OUT)     /* images generated */                                                          \
    X(AUDIO_MS_IN, audio_ms_in, IN)    /* of sound given */                                                            \
    X(AUDIO_MS_OUT, audio_ms_out, OUT) /* of sound generated */                                                        \
    X(VIDEO_MS_IN, video_ms_in, IN)                                                                                    \
    X(VIDEO_MS_OUT, video_ms_out, OUT)                                                                                 \
    X(CHARACTERS, characters, IN) /* of text given, in Unicode code points */                                          \
    X(SEARCHES, searches, NONE)   /* reranked queries */                                                               \
    X(PAGES, pages, NONE)         /* of documents read */

enum usage_unit {
#define X(id, name, side) UU_##id,
    USAGE_UNITS(X)
#undef X
    USAGE_UNIT_COUNT
};

#endif
