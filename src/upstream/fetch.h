/* One document from the public web, for a request that names it by URL and a provider that cannot fetch it. GET, redirects
 * followed at most FETCH_REDIRECTS times, into memory.
 *
 * Every connection is an attempt of its own (attempt.h), so the address guard holds for the very address that is connected to, at
 * each step. No proxy, no credentials, no header of anybody's request, no connection kept.
 *
 * The owner is called once, from the loop, never from inside fetch_start. */
#ifndef SLUICE_UPSTREAM_FETCH_H
#define SLUICE_UPSTREAM_FETCH_H

#include "upstream/upstream.h"

#define FETCH_REDIRECTS 3u
#define FETCH_URL_MAX 8192u /* bytes */

struct fetch_rules {            /* views and pointers live until the fetch is freed */
    int64_t total_ns;           /* for all of it, redirects included */
    uint64_t max_bytes;         /* of the document */
    const struct sl_str *hosts; /* lower case; ".example.com" also means what is below; none: any host */
    size_t n_hosts;
    bool plain_http;         /* http:// is allowed */
    bool allow_private;      /* the guard lets private addresses through: only with hosts */
    struct tls_context *tls; /* borrow; NULL: no https */
    struct sl_str accept;    /* value of the header */
};

struct fetch;

struct fetch_result {
    bool ok;
    const char *why;     /* not ok: a constant text, for the caller of the gateway: "has no public address" */
    struct sl_str bytes; /* ok: the document; lives as long as the fetch */
    struct sl_str type;  /* content-type as it came, or empty; in the arena */
};

typedef void fetch_done_f(void *owner, struct fetch *f);

/* url: plain. a: outlives the fetch. */
struct fetch *fetch_start(struct upstream *u, struct sl_arena *a, struct sl_str url, const struct fetch_rules *rules,
                          fetch_done_f *done, void *owner);
const struct fetch_result *fetch_result(const struct fetch *f); /* once done */
void fetch_free(struct fetch *f); /* at any time but inside done of another; NULL accepted */

bool fetch_redirects(int status); /* it sends to what its location names */

/* NULL: it may be fetched. Else why not, as in fetch_result. */
const char *fetch_refusal(struct sl_str url, const struct fetch_rules *rules, struct sl_arena *a);

/* Where a URL leads, for callers that make the attempt themselves: the origin, good for one connection, and path and query.
 * NULL: filled, in the arena; else why not. The guard still looks at the address that is connected to. */
const char *fetch_origin(struct sl_str url, const struct fetch_rules *rules, struct sl_arena *a,
                         struct upstream_origin *out, struct sl_str *out_target);

#endif
