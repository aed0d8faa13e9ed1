/* Who speaks a dialect: a vendor's address, credentials and quirks. A dialect is a format, a provider is who speaks it.
 *
 * struct provider is one configured account, part of the immutable snapshot. This folder knows which headers go to a provider
 * and come back from it, and what its errors mean. Pure: no I/O. */
#ifndef SLUICE_PROVIDER_PROVIDER_H
#define SLUICE_PROVIDER_PROVIDER_H

#include <sys/uio.h>

#include "base/arena.h"
#include "base/secret.h"
#include "base/str.h"
#include "http/message.h"

/* -- Kinds -------------------------------------------------------------------------------------------------------- */

enum provider_auth {
    PROVIDER_BEARER = 0, /* authorization: Bearer KEY */
    PROVIDER_NO_AUTH,
    PROVIDER_X_API_KEY, /* Anthropic */
    PROVIDER_GOOG_KEY,  /* x-goog-api-key */
    PROVIDER_API_KEY,   /* api-key (Azure, PixVerse) */
    PROVIDER_KEY,       /* authorization: Key KEY (fal) */
    PROVIDER_TOKEN,     /* authorization: Token KEY (Vidu) */
    PROVIDER_PAIR,      /* as BEARER; of a key "ACCESS:SECRET" a JWT of its own (Kling): provider_sign */
    PROVIDER_GOOG_ANY   /* x-goog-api-key, or authorization for what begins with "ya29." */
};

struct provider_kind {
    struct sl_str name;     /* "openai" */
    struct sl_str base_url; /* default; empty: must be configured */
    struct sl_str dialect;  /* "openai": what it speaks, and what clients of other formats are translated to */
    struct sl_str also;     /* another dialect that it speaks, for clients of that one; empty: none */
    struct sl_str platform; /* what codecs know it as (codec.h); empty: the vendor itself */
    struct sl_str prices;   /* the catalogue's name of the vendor; empty: the provider's own name */
    /* Of openai-compatible servers: members of a chat request that they have no place for or refuse, separated by blanks, and
     * "name=other" for those that they call otherwise. Only translated requests are written by this; others pass as they are. */
    struct sl_str chat_lacks;
    bool reasoning_outside;    /* completion_tokens do not include reasoning_tokens (xAI) */
    bool short_call_ids;       /* ids of calls are exactly nine letters and digits (Mistral) */
    struct sl_str open_prefix; /* open_models: only names that begin so; empty: any */
    struct sl_str
        env_key; /* environment variable whose key makes such a provider without a configuration; empty: none */
    enum provider_auth auth;
    bool own_errors;     /* its errors are in no client's form: never passed on as they are */
    bool files;          /* has files and batches in the form of its dialect */
    bool chat_only;      /* of the operations of OpenAI's format only those that another format has, too */
    bool counts_some;    /* counts tokens for some models and keys only: where it fails they are counted here */
    bool vendor_headers; /* openai-organization and openai-project are understood */
    bool stream_usage;   /* understands stream_options.include_usage */
    bool client_agent;   /* may see the client's user-agent and x-stainless-*: the client's SDK is this vendor's own */
    bool responses_socket; /* has Responses over a WebSocket (openai.md 7.8), on its v1 paths */
};
const struct provider_kind *provider_kind_find(struct sl_str name); /* NULL: none */
const struct provider_kind *provider_kind_at(unsigned i);           /* NULL behind the last */

/* -- One provider ------------------------------------------------------------------------------------------------- */

struct provider_header {
    struct sl_str name, value; /* name in lower case */
};

struct provider_aws {                     /* what requests are signed with */
    struct sl_secret id, secret, session; /* own; id empty: not signed. session: of temporary keys, or empty */
    struct sl_str region;
};

struct provider_deployment {
    struct sl_str name;  /* as its owner calls it, and as it is asked for */
    struct sl_str model; /* the model's public name */
};

struct provider {
    struct sl_str name;               /* in the configuration */
    const struct provider_kind *kind; /* static */
    struct sl_str base_path;          /* of base_url, without a trailing '/': "/v1" */
    struct sl_secret *credentials;    /* own (of the snapshot): keys as given */
    struct sl_secret *authorization;  /* own: "Bearer <key>" for each, made once by provider_prepare */
    unsigned n_credentials;
    struct provider_aws aws;
    bool only_responses; /* of a kind that has it: all clients are brought to Responses */
    struct sl_str organization,
        project;                 /* empty: not sent; kind vertex: the project of its paths, empty: express mode */
    struct sl_str location;      /* kind vertex: of its paths; else nothing to us */
    struct sl_str quota_project; /* x-goog-user-project; empty: not sent */
    struct sl_str api_version;   /* Azure's classic paths: "2024-10-21"; empty: its v1 paths, or another kind */
    const struct provider_header
        *headers; /* static headers to add (they replace ours, except credentials and framing) */
    unsigned n_headers;
    const struct provider_deployment *deployments;
    unsigned n_deployments;
    const struct sl_str *pass; /* further names of client headers to pass, lower case; "x-foo-*" for a prefix */
    unsigned n_pass;
};

/* The dialect to speak with it for a client of that dialect: the client's own where it is understood. model: plain, the
 * provider's name. */
struct sl_str provider_dialect(const struct provider *p, struct sl_str client, struct sl_str model);
/* Whether Responses over a WebSocket can be asked of it. */
bool provider_has_socket(const struct provider *p);
/* Gemini's Live API there: its path, and how a model is called in it ("models/ID"; on Vertex AI with project and location). version: of
 * the API that the client speaks. In the arena; empty: it has none. */
struct sl_str provider_live_path(const struct provider *p, struct sl_str version, struct sl_arena *a);
struct sl_str provider_live_model(const struct provider *p, struct sl_str model, struct sl_arena *a);
/* Whether its errors are in no client's form where it speaks that dialect: never passed on as they are. */
bool provider_own_errors(const struct provider *p, struct sl_str dialect);

/* Makes `authorization` from `credentials`; provider_release wipes and frees both. */
void provider_prepare(struct provider *p);
void provider_release(struct provider *p);

/* -- Headers ------------------------------------------------------------------------------------------------------ */

struct provider_call {
    const struct http_headers *client; /* as received; may be NULL */
    unsigned credential;               /* which key, taken modulo n_credentials */
    struct sl_str authorization;       /* a fetched token's (token.h): instead of a key; empty: none */
    struct sl_str betas;               /* kind vertex: anthropic-beta; empty: not sent */
    struct sl_str tier;                /* kind vertex: "flex", "priority"; empty: not said */
    struct sl_str traceparent;         /* ours, child of the client's; empty: none */
    struct sl_str tracestate;          /* as the client sent it; empty: none */
    bool body;                         /* a JSON body goes along: content-type */
    struct sl_str content_type;        /* of the body; empty: "application/json" */
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

/* The last step before a request leaves, for accounts that sign: what is computed over all of it is added to `h`, which has
 * everything else but host and framing. Other accounts: nothing happens. In the arena. */
struct provider_signing {
    struct sl_str method;
    struct sl_str authority;  /* as the host header has it */
    struct sl_str target;     /* path and query as they go out */
    const struct iovec *body; /* n_body pieces; final */
    int n_body;
    int64_t wall_ns; /* now, UTC */
};
void provider_sign(const struct provider *p, const struct provider_signing *s, struct sl_arena *a,
                   struct http_headers *h);

/* Headers of an answer that go on to the client. `from`: as received. Dropped: hop-by-hop and what `connection` names,
 * framing, cookies, edge and account headers, x-sluice-* (ours). */
void provider_response_headers(const struct http_headers *from, struct sl_arena *a, struct http_headers *to);

/* The path to ask: base_path + operation path ("/v1" + "/chat/completions"). With api_version it is the classic one of Azure:
 * "/openai" + "/deployments/MODEL" + "/chat/completions" + "?api-version=...", and for what is no deployment's "/openai/responses" +
 * "?api-version=...". In the arena. model: plain, the provider's name. */
struct sl_str provider_path(const struct provider *p, struct sl_str operation_path, struct sl_str model,
                            struct sl_arena *a);

/* A method of a model there: base_path + "/projects/P/locations/L/publishers/google/models/ID" + verb (Vertex AI),
 * "/model/ID" + verb (Bedrock). In the arena. */
struct sl_str provider_method_path(const struct provider *p, struct sl_str model, struct sl_str verb,
                                   struct sl_arena *a);

/* The path to ask on platforms that have the model in it, whatever the dialect says: base_path + "/model/ID/invoke" (Bedrock,
 * bedrock.md section 4), "/projects/P/locations/L/publishers/google/models/ID:generateContent" (Vertex AI, gemini.md 20.1). Other
 * kinds: empty, provider_path has it. counts: a count of tokens. In the arena. */
struct sl_str provider_model_path(const struct provider *p, struct sl_str dialect, struct sl_str model, bool counts,
                                  bool stream, struct sl_arena *a);

/* The public name of the model that stands behind a name of the provider's own (a deployment, an endpoint, a profile), where the
 * configuration says so; else the name itself. What a model can do, costs and counts goes by this one, what is sent by the other. A view. */
struct sl_str provider_known_model(const struct provider *p, struct sl_str model);
/* The same as price lists have it: on Vertex AI without what stands before the id ("publishers/google/models/gemini-x"). A view. */
struct sl_str provider_plain_model(const struct provider *p, struct sl_str model);

/* Where the API of a kind begins that has an address for each region; in the arena. Empty: the kind has none, or the region's
 * name is none ([a-z0-9-], not at the ends). Sources: bedrock.md sections 1 and 11.1, gemini.md 1.1. */
bool provider_region_is(struct sl_str name);
struct sl_str provider_region_url(const struct provider_kind *kind, struct sl_str region, struct sl_arena *a);

/* -- What an error of a provider means ------------------------------------------------------------------------------ */

/* Named and ordered like the rows of upstream/outcome.h that an answer can give. */
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

/* Whose words an error may be in: bits. A provider that serves several formats has several; where nobody knows who answers
 * behind an address (openai-compatible servers, the simulator), all of them. */
enum provider_words {
    WORDS_OPENAI = 1 << 0,
    WORDS_AZURE = 1 << 1,
    WORDS_ANTHROPIC = 1 << 2,
    WORDS_GOOGLE = 1 << 3,
    WORDS_AWS = 1 << 4,
    WORDS_LOCAL = 1 << 5, /* vLLM, Ollama, llama.cpp, TGI */
    WORDS_GROQ = 1 << 6,
    WORDS_MISTRAL = 1 << 7,
    WORDS_XAI = 1 << 8,
    WORDS_TOGETHER = 1 << 9,
    WORDS_FIREWORKS = 1 << 10,
    WORDS_OPENROUTER = 1 << 11,
    WORDS_PERPLEXITY = 1 << 12,
    WORDS_COHERE = 1 << 13,
    WORDS_DASHSCOPE = 1 << 14,
    WORDS_MOONSHOT = 1 << 15,
    WORDS_ZHIPU = 1 << 16,
    WORDS_DEEPSEEK = 1 << 17,
    WORDS_ARK = 1 << 18,
    WORDS_ALL = (1 << 19) - 1
};
unsigned provider_words_of(const struct provider_kind *kind); /* by its name; others and NULL: all */

struct provider_answer {
    unsigned words; /* enum provider_words; 0: all */
    int status;
    struct sl_str type, code, param, message; /* of its error body (dialect: answer_error); empty where absent */
    struct sl_str reason, quota;
    int inner_status; /* a status in the body; 0: none */
    bool retry_after; /* it told when to come again */
};
/* The first row of the table in errors.c that fits, else by the status. */
enum provider_fault provider_fault_of(const struct provider_answer *r);
unsigned provider_error_rows(void); /* how many the table has, so that a test can say that it knows all */
/* The same for an error that came with a status of 200, in the answer or as an event of a stream (status is not looked at).
 * Never PF_NONE. A status in the body, also a code of digits, counts as the status. */
enum provider_fault provider_fault_inside(const struct provider_answer *r);
const char *provider_fault_name(enum provider_fault f);

/* Whether the provider's error body may be shown to the caller. Never where it speaks about the gateway's own account: its
 * text quotes masked keys and organizations (openai.md section 2.3). */
bool provider_fault_shows_body(enum provider_fault f);

/* -- How long it asks to wait --------------------------------------------------------------------------------------- */

#define PROVIDER_WAIT_MAX_NS (INT64_C(24) * 3600 * 1000000000) /* daily limits are the longest there are */

struct provider_wait {
    const struct http_headers *headers;
    struct sl_str delay;   /* answer_error.delay */
    struct sl_str message; /* answer_error.message: "Please retry in 34.07s" */
    bool limited;          /* it is about a rate: the resets of limits that are used up count */
    int64_t now_wall_ns;   /* for dates */
};
/* In this order: retry-after-ms; retry-after in seconds (also with a fraction), as a duration or as a date; delay; message;
 * when limited, the latest reset among the limits whose remaining is 0 ("x-ratelimit-reset-requests", and Anthropic's). -1:
 * not said or nonsense (a sign, a word). From 0 to PROVIDER_WAIT_MAX_NS, which is also what 10^9 seconds become; dates that
 * have passed give 0. */
int64_t provider_wait_ns(const struct provider_wait *w);

/* One value of a limit's reset: a duration of one or more "<decimal><unit>" (ns, us, ms, s, m, h, d: "6m0s"), seconds, seconds
 * or milliseconds since 1970 (from 10^9 and 10^11 on), RFC 3339, or an HTTP date. False: none of them. Bounded as above. */
bool provider_reset_ns(struct sl_str value, int64_t now_wall_ns, int64_t *out_ns);

#endif
