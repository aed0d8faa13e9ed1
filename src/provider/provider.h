/* Who speaks a dialect: a vendor's address, credentials and quirks. A dialect is a format, a provider is who speaks it.
 *
 * struct provider is one configured account, part of the immutable snapshot. This folder knows which headers go to a provider
 * and come back from it, and what its errors mean. Pure: no I/O. */
#ifndef SLUICE_PROVIDER_PROVIDER_H
#define SLUICE_PROVIDER_PROVIDER_H

#include "base/arena.h"
#include "base/secret.h"
#include "base/str.h"
#include "http/message.h"

/* -- Kinds -------------------------------------------------------------------------------------------------------- */

enum provider_auth {
    PROVIDER_BEARER = 0, /* authorization: Bearer KEY */
    PROVIDER_NO_AUTH,
    PROVIDER_X_API_KEY, /* Anthropic */
    PROVIDER_GOOG_KEY   /* x-goog-api-key */
};

struct provider_kind {
    struct sl_str name;        /* "openai" */
    struct sl_str base_url;    /* default; empty: must be configured */
    struct sl_str dialect;     /* "openai": what it speaks, and what clients of other formats are translated to */
    struct sl_str also;        /* another dialect that it speaks, for clients of that one; empty: none */
    struct sl_str platform;    /* what codecs know it as (codec.h); empty: the vendor itself */
    struct sl_str prices;      /* the catalogue's name of the vendor; empty: the provider's own name */
    struct sl_str open_prefix; /* open_models: only names that begin so; empty: any */
    struct sl_str
        env_key; /* environment variable whose key makes such a provider without a configuration; empty: none */
    enum provider_auth auth;
    bool vendor_headers; /* openai-organization and openai-project are understood */
    bool stream_usage;   /* understands stream_options.include_usage */
    bool client_agent;   /* may see the client's user-agent and x-stainless-*: the client's SDK is this vendor's own */
};
const struct provider_kind *provider_kind_find(struct sl_str name); /* NULL: none */
const struct provider_kind *provider_kind_at(unsigned i);           /* NULL behind the last */

/* -- One provider ------------------------------------------------------------------------------------------------- */

struct provider_header {
    struct sl_str name, value; /* name in lower case */
};

struct provider {
    struct sl_str name;               /* in the configuration */
    const struct provider_kind *kind; /* static */
    struct sl_str base_path;          /* of base_url, without a trailing '/': "/v1" */
    struct sl_secret *credentials;    /* own (of the snapshot): keys as given */
    struct sl_secret *authorization;  /* own: "Bearer <key>" for each, made once by provider_prepare */
    unsigned n_credentials;
    struct sl_str organization, project; /* empty: not sent */
    const struct provider_header
        *headers; /* static headers to add (they replace ours, except credentials and framing) */
    unsigned n_headers;
    const struct sl_str *pass; /* further names of client headers to pass, lower case; "x-foo-*" for a prefix */
    unsigned n_pass;
};

/* The dialect to speak with it for a client of that dialect: the client's own where it is understood. */
struct sl_str provider_dialect(const struct provider *p, struct sl_str client);

/* Makes `authorization` from `credentials`; provider_release wipes and frees both. */
void provider_prepare(struct provider *p);
void provider_release(struct provider *p);

/* -- Headers ------------------------------------------------------------------------------------------------------ */

struct provider_call {
    const struct http_headers *client; /* as received; may be NULL */
    unsigned credential;               /* which key, taken modulo n_credentials */
    struct sl_str traceparent;         /* ours, child of the client's; empty: none */
    struct sl_str tracestate;          /* as the client sent it; empty: none */
    bool body;                         /* a JSON body goes along: content-type */
    struct sl_str accept;              /* empty: "application/json" */
    bool foreign;                      /* the client speaks another dialect: its SDK's headers mean nothing there */
};

/* Headers to send, complete but for host, content-length and connection. In the arena; values are views of the client's head
 * and of the provider: valid while both are.
 *
 * Of the client's headers only those pass that are listed (headers.c) or configured: an unknown header may carry somebody's
 * secret. accept-encoding is always "identity": answers are scanned as they pass, and events must not wait in a compressor. */
void provider_request_headers(const struct provider *p, const struct provider_call *c, struct sl_arena *a,
                              struct http_headers *out);

/* Headers of an answer that go on to the client. `from`: as received. Dropped: hop-by-hop and what `connection` names,
 * framing, cookies, edge and account headers, x-sluice-* (ours). */
void provider_response_headers(const struct http_headers *from, struct sl_arena *a, struct http_headers *to);

/* The path to ask: base_path + operation path ("/v1" + "/chat/completions"). In the arena. */
struct sl_str provider_path(const struct provider *p, struct sl_str operation_path, struct sl_arena *a);

/* -- What an error of a provider means ------------------------------------------------------------------------------ */

/* Named and ordered like the rows of upstream/outcome.h that a status can give. */
enum provider_fault {
    PF_NONE = 0,     /* below 300 */
    PF_CLIENT_FAULT, /* the request: passed on as it is */
    PF_CONTEXT_OVERFLOW,
    PF_CONTENT_FILTER,
    PF_MODEL_GONE,
    PF_RATE_LIMITED,
    PF_QUOTA_EXHAUSTED,
    PF_BAD_CREDENTIALS,
    PF_FORBIDDEN,
    PF_OVERLOADED,
    PF_SERVER_ERROR,
    PF_REDIRECT,
    PF_MALFORMED /* a status that cannot be */
};

struct provider_answer {
    int status;
    struct sl_str type, code, param; /* of its error body (dialect: answer_error); empty where absent */
    bool retry_after;                /* it told when to come again */
};
enum provider_fault provider_fault_of(const struct provider_answer *r);
/* The same for an error event in a stream that began with 200. Never PF_NONE. A code of digits is a status. */
enum provider_fault provider_fault_in_stream(struct sl_str type, struct sl_str code);
const char *provider_fault_name(enum provider_fault f);

/* Whether the provider's error body may be shown to the caller. Never where it speaks about the gateway's own account: its
 * text quotes masked keys and organizations (openai.md section 2.3). */
bool provider_fault_shows_body(enum provider_fault f);

/* How long it asked to wait: retry-after-ms, retry-after (seconds, also with a fraction, or a date), in that order. -1: not
 * said or nonsense. Capped at 24 h. now_wall_ns: for dates. */
int64_t provider_retry_after_ns(const struct http_headers *headers, int64_t now_wall_ns);

#endif
