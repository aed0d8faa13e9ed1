/* What a settings table is made of. A module declares its struct and one table of struct cfg_setting that says where in
 * the struct each setting lives, its type, unit, default, bounds and one sentence of text; the engine (config/config.h)
 * does the rest: reading, defaults, bounds, places in errors, `sluice explain`, the JSON Schema, the reference manual, the
 * masked dump. The engine knows no module; main/settings.c puts the tables together.
 *
 * A row names its member through one of the CFG_..._AT macros, which do not compile when type and member differ:
 *
 *     {"backlog", CFG_INT_AT(struct listen_settings, backlog), .preset = "1024", .min = 1, .max = 65535,
 *      .flags = CFG_RESTART, .text = "Connections that the kernel keeps for us until a worker accepts them."},
 *
 * Everything a table points at is static. Values live in the arena of the struct cfg they were read into, and are
 * immutable once it has been published. */
#ifndef SLUICE_CONFIG_SCHEMA_H
#define SLUICE_CONFIG_SCHEMA_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/secret.h"
#include "base/str.h"
#include "loop/net.h"

enum cfg_type {
    CFG_BOOL = 0,
    CFG_INT,      /* uint32_t, uint64_t or int64_t */
    CFG_SIZE,     /* bytes, uint32_t or uint64_t; KiB MiB GiB, KB MB GB, or plain bytes */
    CFG_DURATION, /* int64_t nanoseconds; ns us ms s m h d */
    CFG_STRING,   /* struct sl_str */
    CFG_PATH,     /* struct sl_str: a file or directory, relative to the folder of the configuration file */
    CFG_ENUM,     /* an enum whose values are not negative */
    CFG_SECRET,   /* struct sl_secret; "${NAME}", "file:PATH" or (with a warning) the secret itself */
    CFG_ADDRESS,  /* struct cfg_address */
    CFG_URL,      /* struct cfg_url */
    CFG_TREE,     /* struct cfg_tree: a value of a shape that no table can say; read by its owner in the third pass */
    CFG_SECTION,  /* a struct embedded by value, with a table of its own */
    CFG_LIST,     /* CFG_LIST_OF(type): zero or more of .item */
    CFG_MAP       /* CFG_LIST_OF(struct): sections by name, in the order of the file */
};

enum cfg_flag {
    CFG_RELOAD = 0,            /* a change takes effect with a reload: the default */
    CFG_RESTART = 1 << 0,      /* a change takes effect with the next start */
    CFG_EXPERIMENTAL = 1 << 1, /* may change or go away */
    CFG_OFF = 1 << 2,          /* the word `off` is allowed and gives the zero value */
    CFG_REQUIRED = 1 << 3,     /* must be in the file wherever its section is */
    CFG_DOCUMENT = 1 << 4      /* SECRET: may have several lines, and does not go into a header as it is */
};

/* A listening address: an IP literal (or "localhost") with a port. */
struct cfg_address {
    struct sl_str text; /* as written; empty: off */
    struct sl_addr addr;
};

/* An http:// or https:// address. No user part, no query, no fragment. */
struct cfg_url {
    struct sl_str text; /* as written; empty: not set */
    struct sl_str host; /* name or IP literal, without brackets, lower case */
    struct sl_str
        authority;      /* for host / :authority: brackets where they belong, the port when it is not the scheme's */
    struct sl_str path; /* "/v1", without a slash at the end; "" for none */
    unsigned port;
    bool tls;         /* https */
    bool is_literal;  /* host is an IP literal */
    bool is_loopback; /* a loopback literal or "localhost" */
    bool is_private;  /* a literal (or localhost) that is not of the public internet */
};

/* A value of free shape, as written, with variables put in; bounded as the file is (config.h), so it may be walked by recursion. */
enum cfg_value_kind {
    CFG_VALUE_TEXT = 0,
    CFG_VALUE_LIST,
    CFG_VALUE_MAP
};
struct cfg_value {
    enum cfg_value_kind kind;
    bool is_literal;    /* TEXT without variables: it may be quoted in a message */
    bool is_quoted;     /* TEXT in quotes: no word like `true` is meant */
    struct sl_str key;  /* child of a MAP */
    struct sl_str text; /* TEXT */
    const struct cfg_value *first, *next;
    uint32_t n;     /* LIST, MAP: children */
    const void *at; /* the engine's: its place in the file */
};
struct cfg_tree {
    struct sl_str text;            /* the same as JSON in one line, all scalars as strings; empty: not set */
    const struct cfg_value *value; /* NULL: not set */
};

/* The shape of every list and map: CFG_LIST_OF(struct cfg_address) addresses; -> addresses.v[i], addresses.n */
#define CFG_LIST_OF(type)                                                                                              \
    struct {                                                                                                           \
        type *v; /* borrow (of the struct cfg) */                                                                      \
        size_t n;                                                                                                      \
    }

struct cfg_word { /* one word of an enum; tables end with a NULL word */
    const char *word;
    unsigned value;
    const char *text; /* what it means, for the manual; may be NULL */
};

struct cfg_setting;

struct cfg_section {
    const struct cfg_setting *settings; /* ends with a row whose name is NULL */
    const char *short_form;             /* the setting that a bare scalar (or list, for one of type LIST) stands for */
    /* Items of a map: where in the item its name goes (a struct sl_str), and what a name may be. */
    size_t name_offset;
    const char *name_called;                         /* "provider", for messages */
    const char *(*name_refused)(struct sl_str name); /* NULL when fine, else why not; may be NULL */
};

struct cfg_setting {
    const char *name;
    enum cfg_type type;
    uint32_t offset;    /* in the module's struct */
    uint32_t width;     /* bytes of the member */
    uint32_t item_size; /* LIST, MAP: bytes of one item */
    uint32_t flags;     /* enum cfg_flag */
    const char *preset; /* the default, as one would write it; lists: items separated by ", "; NULL: not set */
    int64_t min, max;   /* INT, SIZE, DURATION; both 0: no bounds but the type's. LIST, MAP: .max items */
    const struct cfg_word *words;      /* ENUM */
    const struct cfg_section *section; /* SECTION, MAP; LIST of sections */
    enum cfg_type item;                /* LIST */
    const char *text;                  /* one or two sentences: what it does, and why the default is what it is */
    /* STRING and items of a list of strings: NULL when fine, else what is wrong with it (constant text). */
    const char *(*refused)(struct sl_str value);
};

/* The member's place, checked for its type. */
#define CFG_AT_(kind, S, m, as) .type = (kind), .offset = _Generic(((S *)0)->m, as : offsetof(S, m)), CFG_WIDTH_(S, m)
#define CFG_WIDTH_(S, m) .width = sizeof(((S *)0)->m)
#define CFG_INT_OF_(S, m)                                                                                              \
    _Generic(((S *)0)->m, uint32_t : offsetof(S, m), uint64_t : offsetof(S, m), int64_t : offsetof(S, m))

#define CFG_BOOL_AT(S, m) CFG_AT_(CFG_BOOL, S, m, bool)
#define CFG_INT_AT(S, m) .type = CFG_INT, .offset = CFG_INT_OF_(S, m), CFG_WIDTH_(S, m)
#define CFG_SIZE_AT(S, m) .type = CFG_SIZE, .offset = CFG_INT_OF_(S, m), CFG_WIDTH_(S, m)
#define CFG_DURATION_AT(S, m) CFG_AT_(CFG_DURATION, S, m, int64_t)
#define CFG_STRING_AT(S, m) CFG_AT_(CFG_STRING, S, m, struct sl_str)
#define CFG_PATH_AT(S, m) CFG_AT_(CFG_PATH, S, m, struct sl_str)
#define CFG_ENUM_AT(S, m, w) CFG_AT_(CFG_ENUM, S, m, unsigned), .words = (w) /* enums are unsigned to gcc and clang */
#define CFG_SECRET_AT(S, m) CFG_AT_(CFG_SECRET, S, m, struct sl_secret)
#define CFG_ADDRESS_AT(S, m) CFG_AT_(CFG_ADDRESS, S, m, struct cfg_address)
#define CFG_URL_AT(S, m) CFG_AT_(CFG_URL, S, m, struct cfg_url)
#define CFG_TREE_AT(S, m) CFG_AT_(CFG_TREE, S, m, struct cfg_tree)
#define CFG_SECTION_AT(S, m, sec) .type = CFG_SECTION, .offset = offsetof(S, m), CFG_WIDTH_(S, m), .section = (sec)
#define CFG_ITEMS_(S, m) .offset = offsetof(S, m), CFG_WIDTH_(S, m), .item_size = sizeof(*((S *)0)->m.v)
#define CFG_LIST_AT(S, m, kind) .type = CFG_LIST, .item = (kind), CFG_ITEMS_(S, m)
#define CFG_SECTIONS_AT(S, m, sec) .type = CFG_LIST, .item = CFG_SECTION, .section = (sec), CFG_ITEMS_(S, m)
#define CFG_MAP_AT(S, m, sec) .type = CFG_MAP, .section = (sec), CFG_ITEMS_(S, m)

#define CFG_END                                                                                                        \
    {                                                                                                                  \
        .name = NULL                                                                                                   \
    }

/* For `refused`: an amount of US dollars as in 2.50, which money_parse_usd takes. */
const char *cfg_usd_refused(struct sl_str text);

#endif
