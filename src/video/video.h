/* Video jobs, without any waiting: what a client asks for, what a provider's task says, and the adapters between the two. The job
 * machine (exchange/) keeps the job, sends what an adapter wrote and hands back what came. docs/internals/video.md tells the whole.
 *
 *   face reader ─► video_request ─► adapter->check ─► create_write ··· create_read ─► task id
 *                                    poll_write ··· poll_read ─► video_job ─► face writer
 *                                    content_write ··· the bytes
 *
 * Pure: bytes and an arena in, bytes out; no clock, no randomness. All texts are plain (unescaped UTF-8) unless said otherwise, and
 * views of the input, static or in the arena. Any bytes may come from a client or a provider.
 * Sources: seedance.md and video.md, November 2026 (wire references of the project). */
#ifndef SLUICE_VIDEO_VIDEO_H
#define SLUICE_VIDEO_VIDEO_H

#include "base/arena.h"
#include "base/buf.h"
#include "http/message.h"

/* One field of a multipart body, parsed. */
struct video_field {
    struct sl_str name, value; /* value: borrowed bytes */
    struct sl_str filename;    /* empty: no file */
    struct sl_str mime;        /* lower case; empty: not said */
};

/* -- The request ------------------------------------------------------------------------------------------------- */

enum video_face {
    VIDEO_FACE_OPENAI = 0, /* /v1/videos */
    VIDEO_FACE_ARK,        /* /api/v3/contents/generations/tasks */
    VIDEO_FACE_GOOGLE      /* models/M:predictLongRunning */
};

enum video_media_kind {
    VIDEO_MEDIA_IMAGE = 0,
    VIDEO_MEDIA_VIDEO,
    VIDEO_MEDIA_AUDIO
};

enum video_role {
    VIDEO_FIRST_FRAME = 0,
    VIDEO_LAST_FRAME,
    VIDEO_REFERENCE,
    VIDEO_SOURCE /* what is edited or extended */
};

struct video_media {
    enum video_media_kind kind;
    enum video_role role;
    struct sl_str url;          /* https://, asset://, gs://; empty: inline, or a file */
    struct sl_str mime, base64; /* inline; base64 is standard and padded as it came; mime lower case, "image/jpeg" */
    struct sl_str bytes;        /* inline, raw: a part of a multipart body; base64 is empty then */
    struct sl_str file_id;      /* a file of the gateway's: the caller puts url or bytes in its place before check */
    struct sl_str param;        /* where it stood, for refusals: "input_reference", "content[1]" */
};

enum video_said { /* a yes or no that may be left out */
    VIDEO_UNSAID = 0,
    VIDEO_NO,
    VIDEO_YES
};

enum video_work {
    VIDEO_GENERATE = 0,
    VIDEO_REMIX, /* source and prompt */
    VIDEO_EDIT,
    VIDEO_EXTEND
};

#define VIDEO_MEDIA_MAX 64u
#define VIDEO_PROMPT_MAX 32000u     /* characters: openai.md section 14 */
#define VIDEO_METADATA_MAX 16u      /* pairs */
#define VIDEO_AUTO_MS INT64_C(-1)   /* the model chooses how long */
#define VIDEO_SEED_NONE INT64_C(-2) /* not said; -1 is Ark's "random" */

struct video_pair {
    struct sl_str name, value;
};

struct video_extra {
    struct sl_str name; /* plain */
    struct sl_str raw;  /* JSON value */
};

struct video_request {
    enum video_face face;
    enum video_work work;
    struct sl_str model, prompt;
    /* How large: any of the three, as asked; what is missing follows from the others (video_frame_of). */
    unsigned width, height;   /* 0: not said */
    struct sl_str resolution; /* "720p", lower case; empty: not said */
    struct sl_str ratio;      /* "16:9", "adaptive"; empty: not said */
    int64_t ms;               /* of the clip; 0: not said; VIDEO_AUTO_MS */
    uint32_t frames;          /* instead of ms (Ark 1.0); 0: not said */
    int64_t seed;             /* VIDEO_SEED_NONE */
    uint32_t fps;             /* 0: not said */
    uint32_t n;               /* 0: not said */
    enum video_said audio, watermark, camera_fixed, last_frame_wanted, draft;
    struct sl_str negative_prompt, person_generation, service_tier, output_format, task_type;
    struct sl_str draft_task; /* Ark: the upstream task of a draft, or the gateway's id of it */
    int32_t priority;         /* -1: not said */
    uint32_t expires_after_s; /* Ark: execution_expires_after; 0: not said */
    bool web_search;          /* Ark: tools */
    struct sl_str user;       /* safety_identifier, or user */
    struct sl_str callback;   /* the client's webhook: never given to a provider by an adapter */
    struct sl_str source_id;  /* VIDEO_REMIX, _EDIT, _EXTEND: the gateway's id of the source; else empty */
    struct video_media media[VIDEO_MEDIA_MAX]; /* in the client's order */
    unsigned n_media;
    struct video_pair metadata[VIDEO_METADATA_MAX]; /* the client's own: shown again, never sent */
    unsigned n_metadata;
    struct sl_str options; /* raw object: provider_options; empty: none */
    const struct video_extra
        *extra; /* members that we do not know, in order: sent only where the provider's form is the face's */
    unsigned n_extra;
    struct sl_str raw;                /* the JSON body as it came; empty: multipart */
    const struct video_field *fields; /* of a multipart body, as they came; NULL: JSON */
    unsigned n_fields;
};

/* -- The job ----------------------------------------------------------------------------------------------------- */

enum video_status { /* the only words that clients' pollers know */
    VIDEO_QUEUED = 0,
    VIDEO_IN_PROGRESS,
    VIDEO_COMPLETED,
    VIDEO_FAILED
};

enum video_reason { /* why it failed; words of video.md B5 */
    VIDEO_REASON_NONE = 0,
    VIDEO_REASON_POLICY,    /* content_policy_violation */
    VIDEO_REASON_CANCELLED, /* cancelled */
    VIDEO_REASON_EXPIRED,   /* expired */
    VIDEO_REASON_PROVIDER,  /* provider_error */
    VIDEO_REASON_TIMEOUT,   /* timeout: our own deadline. Never set by an adapter */
    VIDEO_REASON_UNCLEAR    /* unknown_submission: nobody knows whether it was created. Never set by an adapter */
};
const char *video_status_name(enum video_status s); /* "in_progress" */
const char *video_reason_name(enum video_reason r); /* "" for none */
bool video_reason_of_name(struct sl_str name, enum video_reason *out);

enum video_part { /* of a result */
    VIDEO_PART_VIDEO = 0,
    VIDEO_PART_THUMBNAIL,
    VIDEO_PART_SPRITESHEET,
    VIDEO_PART_LAST_FRAME
};
const char *video_part_name(enum video_part p);
bool video_part_of_name(struct sl_str name, enum video_part *out); /* "video", "thumbnail", ...; empty: video */

#define VIDEO_CONTENT_MAX 4u

struct video_content {
    enum video_part part;
    struct sl_str url;    /* a secret: it carries its own right to read. Empty: inline in the poll's answer */
    struct sl_str mime;   /* empty: not said */
    struct sl_str base64; /* inline (Vertex): its beginning at least, inside of its quotes; a view of the answer */
    uint64_t bytes;       /* of what is inline, unpacked; 0: not known. Set by who saw them pass */
    int64_t expires_s;    /* unix time; 0: not known */
};

struct video_units {
    uint64_t tokens;   /* completion tokens; 0: not said */
    uint64_t ms;       /* of output that is billed, all clips together */
    uint64_t input_ms; /* of input video that is billed */
    uint64_t videos;   /* clips */
    uint64_t searches; /* web searches */
    int64_t cost_p;    /* pico-dollars the provider itself said; -1: it did not */
    uint64_t units;    /* credits or units of its own; 0: not said */
};

/* What a price depends on besides the model. Lower case. */
struct video_terms {
    struct sl_str resolution; /* "720p" */
    unsigned width, height;   /* 0: not known */
    bool video_input, audio;
    struct sl_str tier; /* "default", "flex" */
    unsigned
        tier_share; /* hundredths of the list's price that the tier costs where the list has none for it; 0: not known */
};

struct video_job {
    struct sl_str task_id; /* upstream; empty: not told */
    struct sl_str aux;     /* what else the adapter needs to find it again; keep it with the id */
    enum video_status status;
    enum video_reason reason;
    bool
        unknown_status; /* upstream_status is no word that we know: status is to stay what it was, and somebody should look */
    struct sl_str upstream_status;             /* trimmed, as it came */
    int progress;                              /* 0 to 100; -1: not told */
    struct sl_str error_code, error_message;   /* the provider's; empty: none */
    int64_t created_s, completed_s, expires_s; /* unix time; 0: not told. expires_s: of the results */
    struct sl_str model;
    struct video_terms terms; /* as the provider reports them; empty members: not told */
    struct sl_str ratio;
    int64_t ms;   /* of the clip; 0: not told */
    int64_t seed; /* VIDEO_SEED_NONE */
    uint32_t fps;
    struct sl_str user; /* safety_identifier as echoed */
    struct sl_str prompt;
    struct video_units usage;
    struct video_content content[VIDEO_CONTENT_MAX];
    unsigned n_content;
    unsigned filtered; /* clips that the provider withheld */
};
void video_job_init(struct video_job *j); /* queued, and nothing told */

/* -- Talking to a provider --------------------------------------------------------------------------------------- */

struct video_adapter;

/* One job at one target; borrowed by every function below. */
struct video_call {
    const struct video_adapter *adapter;
    const struct video_request *req; /* create, check, reserve; may be NULL elsewhere */
    struct sl_str kind;              /* the provider's: "ark" */
    struct sl_str model;             /* the provider's name for it */
    struct sl_str known_as; /* the model behind an endpoint id ("ep-..."), where the configuration says; else empty */
    struct sl_str project, location; /* Vertex */
    struct sl_str task_id, aux;      /* poll, cancel, content */
    struct sl_str callback;          /* our own URL for this job; empty: none wanted */
    struct sl_str
        token; /* of this job alone, [a-z0-9], at least 16 bytes, unguessable: written upstream where there is a
                                        place for it, so that the task can be found again. The same at every try */
    struct sl_str user;        /* what may be told upstream of who asks: a hash; empty: nothing */
    struct sl_str source_task; /* source_id's task at this very account; empty: none */
    struct sl_str source_url;  /* where the provider can fetch the source; empty: nowhere */
    bool strict;               /* wishes that have no place are refused instead of noted */
    struct sl_arena *a;
};

/* What a model can do goes by this name. */
static inline struct sl_str video_known(const struct video_call *c)
{
    return c->known_as.n > 0 ? c->known_as : c->model;
}

struct video_header {
    struct sl_str name, value; /* name in lower case */
};
#define VIDEO_HEADERS_MAX 4u

struct video_http { /* what to send */
    enum http_method method;
    struct sl_str path;         /* below the provider's base path, with its query; see `rooted` and `url` */
    bool rooted;                /* path begins at the host: the base path is not put before it */
    struct sl_str url;          /* absolute; then path is empty */
    bool keyless;               /* the provider's key must NOT go along (presigned links) */
    struct sl_str content_type; /* of the body; empty: no body */
    struct video_header headers[VIDEO_HEADERS_MAX];
    unsigned n_headers;
    struct sl_str body; /* of content_write's: what is sent; in the arena */
    bool unpack;        /* of content_write's: the bytes are inside of the JSON that comes (video/inline.h) */
};

struct video_answer {                   /* what came */
    int status;                         /* 0: no head came */
    const struct http_headers *headers; /* may be NULL */
    struct sl_str body;                 /* as much as came */
    bool whole;
};

struct video_refusal {
    struct sl_str code;    /* "invalid_value", "unsupported_parameter", "missing_required_parameter", "invalid_json" */
    struct sl_str param;   /* the client's name of the member; empty: none */
    struct sl_str message; /* names what is allowed */
};

struct video_notes { /* wishes that were dropped; static texts or in the arena */
    struct sl_str v[8];
    unsigned n;
};

enum video_created {
    VIDEO_CREATED = 0, /* job->task_id */
    VIDEO_NOT_CREATED, /* the provider says no, and nothing was made: another target may be tried, as the fault says */
    VIDEO_UNCLEAR      /* it may exist, and cost money: resolve by the list, never send again */
};

enum video_polled {
    VIDEO_POLL_OK = 0,
    VIDEO_POLL_GONE,   /* 404: expired after three of these in a row */
    VIDEO_POLL_DENIED, /* 401, 403: pause the account; the job is not lost */
    VIDEO_POLL_AGAIN   /* later: 429, 5xx, nonsense. The job stays as it is */
};

struct video_trouble { /* views of the answer */
    struct sl_str code, message, param;
    bool policy;     /* about what was asked for: no other target */
    bool invalid;    /* about how it was asked for */
    bool capacity;   /* too much at the moment */
    bool account;    /* key, money, rights of the account: never shown to a client */
    bool model_gone; /* no such model there */
    int status;
};

struct video_list { /* in the arena */
    const struct video_job *v;
    unsigned n;
    uint64_t total; /* 0: not told */
    bool more;
};

struct video_list_ask {
    const struct sl_str *task_ids; /* poll these; NULL: newest first */
    unsigned n_task_ids;
    unsigned page;        /* from 1 */
    bool apart;           /* those that the adapter's listed_apart names, and no others */
    struct sl_str cursor; /* the last id of the page before; empty: the first page */
};

/* How an unclear create can be cleared up. */
enum video_resolve {
    VIDEO_RESOLVE_NONE = 0, /* not at all: it stays unclear, the reservation is kept */
    VIDEO_RESOLVE_TOKEN,    /* the list (or a query) shows something that only this job has: match says yes */
    VIDEO_RESOLVE_WINDOW    /* model, user and time only: match never says yes. Maybe: adopt where exactly one
                               task fits that no other job has. The same goes for a maybe above */
};

enum video_match {
    VIDEO_MATCH_NO = 0,
    VIDEO_MATCH_MAYBE,
    VIDEO_MATCH_YES
};

enum video_cancel { /* what DELETE or cancel upstream would do */
    VIDEO_CANCEL_NEVER = 0,
    VIDEO_CANCEL_QUEUED, /* only while it waits. Poll first: of a finished task the same call destroys the result (Ark) */
    VIDEO_CANCEL_RUNNING /* also while it runs */
};

struct video_adapter {
    const char *name;   /* "ark" */
    enum video_face as; /* meaningful when same_face */
    bool same_face;     /* a client of that face has its body passed as it is but for the model and the callback */
    enum video_resolve resolve;
    unsigned list_poll_max; /* tasks that one list call polls; 0: it cannot */
    enum video_cancel cancel;
    bool takes_user;        /* create_write says c->user */
    const char *options;    /* comma-separated: members of provider_options that it reads; NULL: none */
    bool inline_data;       /* what is inline in its answers is a member "data" (interactions) */
    bool unsigned_callback; /* create_write can name c->callback upstream; a call is a hint to poll, no more */
    int64_t
        result_life_s; /* how long results can be fetched after completion where the answer does not say; 0: not known */
    int64_t poll_first_ns, poll_ns, poll_max_ns; /* when to look first, and how often */
    int64_t
        deadline_s; /* a job that is not finished so long after its creation will not be; Ark's own is in the request */

    /* False: *no. Before anything is spent. Models that are not in the table pass unchecked. notes may be NULL. */
    bool (*check)(const struct video_call *c, struct video_notes *notes, struct video_refusal *no);
    /* After check. The body is added to `body`. False: *no (what only shows while writing). */
    bool (*create_write)(const struct video_call *c, struct video_http *out, struct sl_buf *body,
                         struct video_refusal *no);
    enum video_created (*create_read)(const struct video_call *c, const struct video_answer *answer,
                                      struct video_job *out, struct video_trouble *why);
    void (*poll_write)(const struct video_call *c, struct video_http *out, struct sl_buf *body);
    /* VIDEO_POLL_OK: *out is whole. Else *why. An adapter may want another call first (fal: the result's URL): *again is filled and
     * its answer goes to poll_read once more, with c->aux replaced by out->aux. */
    enum video_polled (*poll_read)(const struct video_call *c, const struct video_answer *answer, struct video_job *out,
                                   struct video_trouble *why, bool *again);
    /* What has to be known of c->req where its create stays unanswered, for match and settle: it is the aux of a job that has no task
     * yet. NULL: video_facts_of says it. */
    struct sl_str (*facts)(const struct video_call *c);
    /* Whether the list shows a job of this aux only to who asks for such alone (Ark: service_tier flex). NULL: never. */
    bool (*listed_apart)(struct sl_str aux);
    /* NULL, both: there is no list. */
    bool (*list_write)(const struct video_call *c, const struct video_list_ask *ask, struct video_http *out);
    enum video_polled (*list_read)(const struct video_call *c, const struct video_answer *answer,
                                   struct video_list *out, struct video_trouble *why);
    /* Whether a listed task is the one that c->req made, sent at sent_s (unix time; clocks may differ by two minutes). NULL: none. */
    enum video_match (*match)(const struct video_call *c, int64_t sent_s, const struct video_job *listed);
    /* NULL: never. Answer: 2xx done, 404 not there, 409 too late; all else: try again later. */
    void (*cancel_write)(const struct video_call *c, struct video_http *out);
    /* Removes the upstream record of a finished task. NULL: it has no such call. */
    void (*delete_write)(const struct video_call *c, struct video_http *out);
    /* Where the bytes of a finished job are; job: as it was polled (kept by the caller). False: it has no such part. What was inline
     * is asked for once more (video_http.unpack). Range goes along as the client sent it. */
    bool (*content_write)(const struct video_call *c, const struct video_job *job, enum video_part part,
                          struct video_http *out);
    /* The most that it can cost (of c->req), and what it is priced by. */
    void (*reserve)(const struct video_call *c, struct video_units *out, struct video_terms *terms);
    /* What it did cost: a failed job is 0 unless the provider charges for it. job: terminal. *terms comes as reserve left it (all zero
     * where that is lost): what the provider reports takes the place of what was asked for. */
    void (*settle)(const struct video_call *c, const struct video_job *job, struct video_units *out,
                   struct video_terms *terms);
};

/* adapter->facts, or what all have: c->req as the price needs it. In c->a. */
struct sl_str video_facts(const struct video_call *c);

/* By the kind of the provider ("ark", "byteplus", "openai", "openai-compatible", "gemini", "vertex", "runway", ...) and the provider's
 * name of the model. NULL: that kind makes no videos, or that model is none of its video models (where a kind serves much else). */
const struct video_adapter *video_adapter_find(struct sl_str kind, struct sl_str model);
const struct video_adapter *video_adapter_at(unsigned i);              /* NULL behind the last */
const struct video_adapter *video_adapter_by_name(struct sl_str name); /* for jobs read back from the store */

/* adapter->check, and what no adapter knows of: a request's members of other providers. */
bool video_check(const struct video_call *c, struct video_notes *notes, struct video_refusal *no);

/* -- Faces ------------------------------------------------------------------------------------------------------- */

/* The bodies of creating calls. False: *no. Unknown members are kept (extra). */
bool video_openai_read(enum video_work work, struct sl_str body, struct sl_arena *a, struct video_request *out,
                       struct video_refusal *no);
bool video_openai_read_fields(enum video_work work, const struct video_field *v, unsigned n, struct sl_arena *a,
                              struct video_request *out, struct video_refusal *no);
bool video_ark_read(struct sl_str body, struct sl_arena *a, struct video_request *out, struct video_refusal *no);

/* model: of the path, plain. Unknown members are refused: an operation of Google's has no place for a warning. */
bool video_google_read(struct sl_str model, struct sl_str body, struct sl_arena *a, struct video_request *out,
                       struct video_refusal *no);
/* The job's id in the name of an operation ("models/M/operations/ID"): a view of it; empty: it is no such name. */
struct sl_str video_google_id(struct sl_str name);
/* The body of fetchPredictOperation: its operationName, in the arena. False: *no. */
bool video_google_fetch_read(struct sl_str body, struct sl_arena *a, struct sl_str *out, struct video_refusal *no);

/* What a face shows of a job: the caller's own record, whatever the provider called it. */
struct video_view {
    struct sl_str id;           /* the gateway's */
    struct sl_str model;        /* as the client named it */
    struct sl_str prompt;       /* empty: not shown */
    struct sl_str remixed_from; /* the gateway's id; empty: none */
    enum video_status status;
    enum video_reason reason;
    struct sl_str error_message; /* empty: a stable text by the reason */
    struct sl_str upstream_error_code;
    int progress; /* 0 to 100 */
    bool progress_estimated, may_be_charged;
    int64_t created_s, updated_s, completed_s, expires_s; /* 0: null */
    int64_t ms;             /* real where known, else as asked; VIDEO_AUTO_MS; 0: not known */
    uint32_t fps;           /* 0: not known */
    unsigned width, height; /* 0: not known */
    struct sl_str resolution, ratio;
    enum video_said audio;
    int64_t seed;                                            /* VIDEO_SEED_NONE */
    struct sl_str provider, upstream_model, upstream_status; /* shown under "gateway"; empty: left out */
    struct sl_str service_tier, user;
    uint32_t expires_after_s;                /* Ark */
    struct sl_str video_url, last_frame_url; /* Ark, Google: our own content addresses; empty until completed */
    bool usage_known;
    struct video_units usage;
    int64_t cost_p; /* pico-dollars; -1: not known */
    const struct video_pair *metadata;
    unsigned n_metadata;
    const struct video_notes *notes; /* NULL: none */
};

void video_openai_write(const struct video_view *v, struct sl_buf *out);
/* v: newest first, or as the client asked. */
void video_openai_list_write(const struct video_view *v, unsigned n, bool more, struct sl_buf *out);
void video_openai_deleted_write(struct sl_str id, struct sl_buf *out);
void video_openai_event_write(struct sl_str event_id, const struct video_view *v, int64_t now_s,
                              struct sl_buf *out); /* the webhook's body: video.completed, video.failed */

void video_ark_created_write(const struct video_view *v, struct sl_buf *out); /* {"id"} */
void video_ark_write(const struct video_view *v, struct sl_buf *out);
void video_ark_list_write(const struct video_view *v, unsigned n, uint64_t total, struct sl_buf *out);
/* An operation; name: what the client is to ask for. vertex: its result in the members that Vertex' clients read. */
void video_google_write(const struct video_view *v, struct sl_str name, bool vertex, struct sl_buf *out);
/* Ark's words: VIDEO_FAILED is failed, cancelled or expired by its reason. */
const char *video_ark_status(enum video_status s, enum video_reason r);

/* The query of Ark's list. False: *no. */
struct video_ark_list {
    unsigned page, size;                       /* from 1; 1 to 500 */
    struct sl_str status, model, service_tier; /* empty: any */
    const struct sl_str *task_ids;
    unsigned n_task_ids;
};
bool video_ark_list_read(struct sl_str query, struct sl_arena *a, struct video_ark_list *out, struct video_refusal *no);

/* -- Sizes ------------------------------------------------------------------------------------------------------- */

struct video_frame {
    struct sl_str ratio, resolution; /* "16:9", "720p" */
    bool nearest;                    /* what was asked for is near it, not equal: worth a note */
};
/* What was asked, in words of providers: of a width and height the nearest of the supported ratios by log distance, and the class by
 * the short side (video.md B3); members said in the request win. ratios: comma-separated; empty: all that we know. */
struct video_frame video_frame_of(const struct video_request *r, struct sl_str ratios);

/* Words of statuses, whoever says them: trimmed, any case, spelling twins. False: unknown. */
bool video_status_of_word(struct sl_str word, enum video_status *out, enum video_reason *reason);

#endif
