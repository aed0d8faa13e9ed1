/* Video jobs inside exchange/: docs/internals/jobs.md. What an exchange has to do with them (video_create.c, video_recall.c,
 * video_content.c), what is kept of them as JSON (video_record.c), and what both sides send upstream (video_send.c). */
#ifndef SLUICE_EXCHANGE_VIDEO_INT_H
#define SLUICE_EXCHANGE_VIDEO_INT_H

#include "exchange/exchange_int.h"
#include "store/video_rows.h"
#include "video/inline.h"
#include "video/video.h"

#define VIDEO_TOKEN_BYTES 24u                 /* letters and digits: 120 bits */
#define VIDEO_ID_BYTES OPERATION_VIDEO_RANDOM /* behind "video_": 160 bits */
#define VIDEO_ANSWER_BYTES ((size_t)8 << 20)  /* of a provider's answer about a job */
#define VIDEO_POLL_AFTER_MS 2000              /* what pollers of clients are told to wait */

enum video_wait { /* what the exchange waits for, outside of RECALL */
    VW_NOTHING = 0,
    VW_ROW,   /* the row must be on the disk before the create is sent */
    VW_TAKEN, /* ... and what the provider said before the client hears of it */
    VW_LINKS  /* the desk asks for links that work */
};

/* What is kept of a job's content, part by part. */
struct video_copied {
    enum video_part part;
    uint64_t bytes;
    struct sl_str sum;  /* SHA-256, in hexadecimal */
    struct sl_str type; /* media type */
    struct sl_str etag; /* the store's own; empty: none */
};
struct video_copy {
    struct video_copied v[VIDEO_CONTENT_MAX];
    unsigned n;
};

struct kept_serving; /* video_kept.c */

struct exchange_video {
    struct video_request req;
    struct video_notes notes;
    struct video_rows *waiting; /* the keeper's or the desk's: this exchange is its asker */
    struct video_rows *answer;  /* arena: the newest that came back; NULL: none yet */
    enum video_wait wait;
    struct store_once once;           /* texts in the exchange's arena */
    bool has_once;                    /* there is an Idempotency-Key */
    bool replayed;                    /* the answer is of the job that it made before */
    const struct video_field *fields; /* of a form; arena */
    unsigned n_fields;
    struct sl_str id;             /* plain; of the path */
    struct sl_str operation;      /* OP_VIDEO_FETCH: the name that it has in the body */
    struct store_video row;       /* of the job that is made; texts in the exchange's arena; id empty: none yet */
    bool written;                 /* the row was given to the store */
    bool sending;                 /* a create is under way: it goes on without its client */
    struct video_call call;       /* of the live attempt, in its arena */
    struct video_http http;       /* the same */
    struct video_trouble trouble; /* of the last create, in the exchange's arena */
    enum video_created created;
    struct video_job job; /* what create_read said; views of the exchange's arena */
    /* remix, content: the job of the path */
    const struct store_video *found; /* in `answer` */
    struct store_video source;       /* of a remix; texts in the exchange's arena */
    struct video_job made;           /* of `found` */
    enum video_part part;
    struct upstream_origin origin; /* of a link */
    struct sl_str link;            /* where the last answer redirected to; empty: nowhere */
    unsigned hops;
    bool renewed;
    struct video_unpack unpack; /* of an answer that has the bytes in JSON */
    char *unpacked;             /* arena; of one slice */
    size_t unpacked_cap;
    /* Of what is unpacked: its length where it is known (0: it is not), what was asked for, how far it is. */
    uint64_t whole_bytes, first, last, at;
    bool in_part;
    struct sl_str asked;          /* what is kept of the request, without a price; in the exchange's arena */
    struct kept_serving *serving; /* arena: the bytes come from a copy; NULL: they do not */
    bool no_copy;                 /* there is none that can be read */
    uint64_t size;                /* of what was asked for in a range; 0: not known */
};

/* -- video_price.c: the price list's entry that a job was made under, in the row's request */

/* What video_price_add left in a row's request; false: there is none in it. *out borrows from a. */
bool video_price_read(struct sl_str request, struct sl_arena *a, struct price *out);
struct sl_str video_price_add(struct sl_str request, const struct price *p, struct sl_arena *a); /* p: NULL: unpriced */

/* -- video_record.c: what the store keeps */

/* Members of JSON of our own; a comma goes before where one is needed. Without a text there is no member. */
void video_json_comma(struct sl_buf *out);
void video_json_text(struct sl_buf *out, const char *name, struct sl_str v);

void video_asked_write(const struct video_request *r, const struct video_notes *notes, bool prompts,
                       struct sl_str remixed_from, struct sl_buf *out);
void video_result_write(const struct video_job *j, struct sl_buf *out);
void video_result_read(struct sl_str json, struct sl_arena *a, struct video_job *out);
bool video_asked_in_ark(struct sl_str json, struct sl_arena *a); /* by a client of Ark's face */
/* What of a request is kept: enough for video_adapter.match. */
void video_asked_read(struct sl_str json, struct sl_arena *a, struct video_request *out);
void video_copy_write(const struct video_copy *c, struct sl_buf *out);
void video_copy_read(struct sl_str json, struct sl_arena *a, struct video_copy *out); /* views of json and arena */
/* "video_abc.video": what a part is called where copies are kept. */
struct sl_str video_copy_name(struct sl_str id, enum video_part part, struct sl_arena *a);
/* Nothing is stored for that tenant, or of that provider. */
bool video_keeps_nothing(const struct snapshot *s, struct sl_str tenant, struct sl_str provider);
/* What a client sees of a row; views of it and the arena. */
void video_view_of(const struct store_video *row, int64_t wall_ns, struct sl_arena *a, struct video_view *out);
bool video_state_is_over(enum store_video_state s);

/* -- video_send.c: both sides of what goes to a provider */

/* What tells a key of the provider's from its others, as it is stored. */
void video_credential(const struct exchange_env *env, const struct provider *p, unsigned i,
                      unsigned char out[STORE_CREDENTIAL_BYTES]);
unsigned video_credential_find(const struct exchange_env *env, const struct provider *p,
                               const unsigned char digest[STORE_CREDENTIAL_BYTES]);
/* What speaks with it for that model of its. NULL: it makes no videos. */
const struct video_adapter *video_adapter_of(const struct snapshot_provider *at, struct sl_str model);
void video_call_fill(struct video_call *c, const struct snapshot_provider *at, const struct store_video *row,
                     struct sl_arena *a);

struct video_send {
    struct exchange_env *env;
    const struct snapshot *snap;
    const struct snapshot_provider *at;
    unsigned credential;
    struct sl_str authorization; /* of a fetched token; empty: the key */
    const struct video_http *http;
    struct iovec body; /* iov_len 0: none */
    struct sl_str range;
    struct sl_str traceparent;
};
/* In the arena; origin: of a link, outlives the attempt. False: the link may not be followed (*why, static). */
bool video_send_fill(const struct video_send *s, struct sl_arena *a, struct upstream_origin *origin,
                     struct attempt_request *out, const char **why);

/* What a job did or may cost. price NULL: not known. */
struct cost video_cost(const struct price *price, const struct video_units *units, const struct video_terms *terms,
                       struct usage *out_usage);

/* -- In the exchange */

/* video_once.c: Idempotency-Key of creates */
bool video_once_read(struct exchange *x,
                     struct error_facts *out); /* READ_BODY: the request is read; false: *out says why not */
enum step video_once_ask(struct exchange *x);  /* RECALL */
enum step video_once_answer(struct exchange *x, const struct video_rows *j); /* it has made a job before */

bool video_ask(struct exchange *x, struct video_rows *j); /* x waits for it; false: there is no store; j is freed */
void video_forget(struct exchange *x);
struct video_rows *video_find(struct exchange *x, struct sl_str id);
enum step video_answer(struct exchange *x, struct sl_buf *b); /* takes b: to RESPOND with it */
enum step video_refuse_unknown(struct exchange *x);
void video_show(struct exchange *x, const struct store_video *row, struct sl_buf *out);  /* in the face's words */
enum step video_pin(struct exchange *x, const struct store_video *row, const char *why); /* one candidate: to TRY */
enum step video_content_begin(struct exchange *x);                                       /* RECALL: the row was found */
bool video_content_request(struct exchange *x, const struct route_candidate *c);
bool video_is_content(const struct exchange *x);
enum step video_content_pass(struct exchange *x); /* the same, from the provider */
/* Of what is inline. False: a range beyond its end. */
bool video_content_measure(struct exchange *x);
void video_inline_headers(const struct exchange *x, struct http_headers *to);
/* video_kept.c: the bytes from a copy */
bool video_kept_begin(struct exchange *x,
                      enum step *out);         /* RECALL: the row was found. False: there is no copy of it */
enum step video_kept_step(struct exchange *x); /* RECALL, while v->serving */
void video_kept_end(struct exchange *x);

#endif
