/* The price catalogue: public list prices by (provider, model id), immutable once loaded, counted.
 *
 * Loaded from JSON text of the shape that data/README.md describes; a copy is embedded in the binary. A catalogue that
 * does not load completely is refused with the place and leaves the caller's old one alone: nothing is skipped quietly.
 * Prices are pico-dollars per token (ledger/money.h). "No price" is a value of its own and never 0. */
#ifndef SLUICE_LEDGER_PRICE_H
#define SLUICE_LEDGER_PRICE_H

#include <stdbool.h>
#include <stdint.h>

#include "base/err.h"
#include "base/str.h"
#include "ledger/usage.h"

/* X(id, key in the catalogue) */
#define PRICE_RATES(X)                                                                                                 \
    X(INPUT, "input")                                                                                                  \
    X(OUTPUT, "output")                                                                                                \
    X(CACHE_READ, "cache_read")                                                                                        \
    X(CACHE_WRITE, "cache_write")                                                                                      \
    X(CACHE_WRITE_1H, "cache_write_1h")                                                                                \
    X(REASONING, "reasoning")                                                                                          \
    X(INPUT_AUDIO, "input_audio")                                                                                      \
    X(OUTPUT_AUDIO, "output_audio")                                                                                    \
    X(CACHE_READ_AUDIO, "cache_read_audio")                                                                            \
    X(INPUT_IMAGE, "input_image")                                                                                      \
    X(OUTPUT_IMAGE, "output_image")                                                                                    \
    X(CACHE_READ_IMAGE, "cache_read_image")                                                                            \
    X(OUTPUT_VIDEO, "output_video")

enum price_rate {
#define X(id, key) PR_##id,
    PRICE_RATES(X)
#undef X
    PR_COUNT
};

#define PRICE_NONE INT64_C(-1)
#define PRICE_MAX INT64_C(1000000000000) /* pico-dollars per token: a dollar a token; more is a mistake in the file */

struct price_rates {
    int64_t p[PR_COUNT]; /* pico-dollars per token, or PRICE_NONE */
};

struct price_tier { /* when the prompt is larger than `above` tokens, these replace the base rates for the whole call */
    uint64_t above;
    struct price_rates rates; /* PRICE_NONE: the base rate stays */
};

/* How a call was processed, when the vendor prices that apart. */
enum price_service {
    PRICE_STANDARD = 0,
    PRICE_BATCH,
    PRICE_FLEX,
    PRICE_PRIORITY,
    PRICE_FAST,
    PRICE_SERVICE_COUNT
};

struct price_service_rates {
    enum price_service service;
    struct price_rates rates;
};

struct price_region {
    struct sl_str name;
    uint32_t ppm; /* factor in millionths: 1.1 is 1100000 */
};

/* What one unit (telemetry/token_class.h) costs: pico-dollars an image, a character, a query, a page; of durations, which
 * are counted in milliseconds, a second. */
struct price_units {
    int64_t p[USAGE_UNIT_COUNT]; /* or PRICE_NONE */
};
#define PRICE_UNIT_MAX INT64_C(1000000000000000) /* a thousand dollars a unit; more is a mistake in the file */

/* What a generated picture or video is like, as far as its price depends on it. */
enum price_said {
    PRICE_ANY = 0, /* a row: for all; a call: not known */
    PRICE_NO,
    PRICE_YES
};
struct price_shape {
    struct sl_str quality, size, resolution; /* "hd", "1024x1536", "720p"; empty: not said */
    enum price_said sound, video_input;      /* it has a sound track; a video was given */
};

/* Output priced by its shape. Of the rows that fit the one that says most; `size` or `quality` "default" fits when none
 * names the call's own. Where none fits, the dearest, and COST_ASSUMED. */
enum price_per {
    PRICE_PER_IMAGE = 0,
    PRICE_PER_SECOND,     /* of video */
    PRICE_PER_VIDEO_TOKEN /* of TC_VIDEO_OUT */
};
struct price_row {
    enum price_per per;
    struct price_shape when; /* resolution: a list with commas */
    int64_t p;               /* pico-dollars an image, a second, a token */
};

struct price { /* one entry; all pointers borrow from the catalogue */
    struct sl_str provider, id;
    struct price_rates rates;
    const struct price_tier *tiers; /* rising `above` */
    const struct price_service_rates *services;
    const struct price_region *regions;
    struct price_units units;
    const struct price_row *rows;
    uint8_t n_tiers, n_services, n_regions, n_rows;
    bool free;      /* the entry says so in so many words */
    bool has_units; /* also or only priced by something that is not a token: units, rows, or a kind not computed */
    bool deprecated;
    uint32_t batch_ppm;  /* batch factor where only the vendor's rule is known; 0: none */
    uint64_t context;    /* tokens; 0: not known */
    uint64_t max_output; /* tokens; 0: not known */
};

void price_init(struct price *p); /* everything unknown; for prices that come from configuration */
/* Reads "0.15" (USD per 1,000,000 tokens) into one rate; refuses what the loader refuses. */
enum sl_err price_set_rate(struct price *p, enum price_rate r, struct sl_str usd_per_mtok, struct sl_fail *f);
bool price_rate_of_key(struct sl_str key, enum price_rate *out);
/* The members of `per`: "image", "character_in", ... False: none of them. */
bool price_unit_of_key(struct sl_str key, enum usage_unit *out);
bool price_service_of_name(struct sl_str name,
                           enum price_service *out); /* "default" and "standard" give PRICE_STANDARD */

/* ---- the catalogue ---- */

struct price_catalog; /* opaque, immutable, counted with an atomic: may be shared by threads */

#define PRICE_FILE_MAX (16u << 20) /* bytes; the shipped one has 430 KB */
#define PRICE_ENTRIES_MAX 100000u

/* `name` is for messages: a file name or "(embedded)". Failure: SL_EINVAL, SL_ELIMIT, SL_EEXIST (duplicate) with
 * f->place "name:line:column" and f->text naming the entry. Gives a catalogue with one reference. */
enum sl_err price_catalog_load(struct sl_str json, struct sl_str name, struct price_catalog **out, struct sl_fail *f);
/* Reads a whole file and loads it; SL_EIO when it cannot be read. Blocks: start-up and the keeper thread only. */
enum sl_err price_catalog_load_file(const char *path, struct price_catalog **out, struct sl_fail *f);
/* The one in the binary (data/model-prices.json at build time). Cannot fail in a build that passed its tests. */
struct price_catalog *price_catalog_embedded(void);
struct sl_str price_embedded_text(void);

struct price_catalog *price_catalog_ref(struct price_catalog *c);
void price_catalog_unref(struct price_catalog *c); /* NULL accepted */

struct price_version {
    struct sl_str text; /* "2026-11-20+89abcdef01234567": date in the file, then the content's hash */
    struct sl_str date; /* "2026-11-20" */
    uint64_t hash;      /* the same hash, for records that have no room for text; the same bytes give it everywhere */
};
const struct price_version *price_catalog_version(const struct price_catalog *c);
uint32_t price_catalog_count(const struct price_catalog *c);

enum price_match {
    PRICE_BY_ID = 0,
    PRICE_BY_ALIAS,
    PRICE_BY_UNDATED
};

/* provider: the catalogue's name of the vendor ("openai", "anthropic", ...). In this order: the exact id; an alias of
 * another entry; and, only when neither is there, the id without a date at its end ("-2026-04-21", "-20260421",
 * "@20260421"), because vendors publish dated snapshots faster than catalogues and price them as the undated name.
 * NULL: not known, which is unpriced and not free. *how may be NULL. */
const struct price *price_lookup(const struct price_catalog *c, struct sl_str provider, struct sl_str id,
                                 enum price_match *how);
const struct price *price_at(const struct price_catalog *c, uint32_t i); /* in the file's order; i < count */

/* ---- what a call cost ---- */

enum cost_flag {
    COST_UNPRICED = 1u << 0,  /* at least one class with tokens has no price: cost_p lacks it and is a lower bound */
    COST_ASSUMED = 1u << 1,   /* a class or condition without its own price was charged by a neighbouring one */
    COST_SATURATED = 1u << 2, /* did not fit; cost_p is MONEY_MAX */
    COST_FREE = 1u << 3,      /* 0 because the catalogue says free */
    COST_TIER = 1u << 4       /* a tier for long prompts applied */
};

struct price_terms { /* all zero: standard processing, no region */
    enum price_service service;
    struct sl_str region; /* pinned processing region; empty: none */
    struct price_shape shape;
};

struct cost {
    int64_t cost_p;
    uint32_t flags; /* enum cost_flag */
};

/* Pure, exact, never negative. price may be NULL (unpriced); terms may be NULL (standard).
 * Which rate a class takes, first one that is there:
 *   input: input                       output: output             reasoning: reasoning, output
 *   cache_read: cache_read, input      cache_write: cache_write, input
 *   audio_in: input_audio, input*      audio_out: output_audio, output*
 *   image_in: input_image, input*      image_out: output_image, output*        (*: sets COST_ASSUMED)
 *   video_out: rows, output_video, output*
 * Cached classes without a price of their own are charged as input, never as nothing.
 *
 * A unit is charged where the same thing was not charged in tokens already: units of the input side when no token of that
 * side has a price, of the output side likewise; searches and pages always. A fraction of a pico-dollar is rounded up, once
 * for each unit. A unit without a price leaves the cost UNPRICED, unless its side was charged in tokens. */
struct cost price_of(const struct price *price, const struct usage *usage, const struct price_terms *terms);

#endif
