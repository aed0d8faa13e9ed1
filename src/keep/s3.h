/* Requests to a store that speaks S3, and what is read of its answers. s3_fill and s3_xml_* are pure. Source: Amazon S3 API Reference
 * (2006-03-01, as of November 2026): PutObject, GetObject, DeleteObject, *MultipartUpload*, "Signature Version 4". */
#ifndef SLUICE_KEEP_S3_H
#define SLUICE_KEEP_S3_H

#include "keep/place.h"
#include "upstream/attempt.h"

#define S3_PART_BYTES ((size_t)8 << 20) /* of multipart uploads: at least 5 MiB but for the last, and 10,000 at most */
#define S3_UPLOAD_ID_MAX 1024u
#define S3_ANSWER_MAX ((size_t)1 << 20) /* of an answer that is not an object */

struct s3_ask {            /* views; outlive the call */
    struct sl_str method;  /* "PUT" */
    struct sl_str name;    /* behind the prefix; empty: the bucket itself */
    struct sl_str query;   /* escaped: "partNumber=1&uploadId=x"; empty: none */
    struct iovec body;     /* iov_len 0: none */
    const uint8_t *sha256; /* of the body; NULL: there is none */
    struct sl_str type;    /* content-type of the body; empty: none */
    struct sl_str range, if_match;
};

/* The signed request, in the arena. The payload is always signed by its hash, on TLS as without. */
void s3_fill(const struct keep_place *p, const struct s3_ask *ask, int64_t wall_s, struct sl_arena *a,
             struct attempt_request *out);

/* The inside of the next element of that name in *rest, which begins behind it then. No namespaces, no attributes in names: what S3
 * answers with. False: there is none that is whole. */
bool s3_xml_next(struct sl_str *rest, struct sl_str name, struct sl_str *out_inside);
/* Text of the first such element, its five named entities and numbers of ASCII resolved; in the arena. False: none. */
bool s3_xml_text(struct sl_str xml, struct sl_str name, struct sl_arena *a, struct sl_str *out);
/* Whether an entity tag of theirs can be said again in a header and in XML: visible ASCII without markup. */
bool s3_etag_is(struct sl_str etag);

/* What asks the bucket for uploads of that name that were not completed; and their ids out of the answer, escaped, each with a line's
 * end. In the arena. */
struct sl_str s3_uploads_query(const struct keep_place *p, struct sl_str name, struct sl_arena *a);
struct sl_str s3_uploads_read(const struct keep_place *p, struct sl_str name, struct sl_str xml, struct sl_arena *a);

/* -- One call, tried three times where the store did not answer, was busy or failed. Every call that is made here may be repeated. */

struct s3_answer { /* lives until the call is freed */
    int status;    /* of the last try; 0: none came */
    const struct http_response *head;
    struct sl_str body; /* cut at S3_ANSWER_MAX */
    struct sl_str why;  /* status 0: what went wrong; static */
};

struct s3_call;
typedef void s3_done_f(void *owner, struct s3_call *c,
                       const struct s3_answer *a); /* from the loop; may free the call */

struct s3_call *s3_call_start(const struct keep_env *env, const struct keep_place *p, const struct s3_ask *ask,
                              s3_done_f *done, void *owner);
void s3_call_free(struct s3_call *c); /* at any time; NULL accepted */

#endif
