/* Where copies are kept, as the settings say it: part of the snapshot, immutable, views of it and of the settings. */
#ifndef SLUICE_KEEP_PLACE_H
#define SLUICE_KEEP_PLACE_H

#include "base/arena.h"
#include "keep/settings.h"
#include "loop/loop.h"
#include "provider/auth_sigv4.h"
#include "upstream/target.h"

enum keep_kind {
    KEEP_NOWHERE = 0,
    KEEP_DIRECTORY,
    KEEP_S3
};

struct keep_place {
    enum keep_kind kind;
    struct sl_str name; /* stored with every copy: who finds another one there looks no further. No secret in it */
    char *directory;    /* zero-terminated */
    struct upstream_origin origin;
    struct sl_str base; /* of paths: endpoint's path, bucket and prefix, "/bucket/videos/"; names follow it */
    struct sl_str root; /* the bucket's own path: "/bucket", or "/" */
    struct sl_str prefix, region;
    struct sigv4_key key;
    int64_t for_ns, retry_ns;
    uint64_t max_bytes;
    uint32_t parallel;
};

struct tls_context;

/* tls: borrow, as long as the place. s: borrow, the same. */
void keep_place_fill(const struct keep_settings *s, struct tls_context *tls, struct sl_arena *a,
                     struct keep_place *out);

struct upstream;
struct keep_env { /* of whoever reads or writes copies */
    struct sl_loop *loop;
    struct upstream *upstream;
};

#define KEEP_NAME_MAX 128u
/* Names of copies: letters, digits, '_', '-' and '.', not at the front. */
bool keep_name_is(struct sl_str name);

#endif
