/* Inside video/ only: what adapters and faces share. */
#ifndef SLUICE_VIDEO_VIDEO_INT_H
#define SLUICE_VIDEO_VIDEO_INT_H

#include "base/check.h"
#include "dialect/json_tree.h"
#include "dialect/json_write.h"
#include "video/video.h"

#define VIDEO_COUNT(v) (sizeof(v) / sizeof((v)[0]))
#define VIDEO_S INT64_C(1000) /* of ms */
#define VIDEO_MS_MAX (INT64_C(3600) * VIDEO_S)

extern const struct video_adapter video_ark, video_openai, video_veo, video_vertex, video_omni;

/* ---- common.c ---- */

/* Fills *no; gives false. */
bool video_no(struct sl_arena *a, struct video_refusal *no, const char *code, struct sl_str param, const char *format,
              ...) SL_PRINTF(5, 6);
#define VIDEO_BAD_VALUE "invalid_value"
#define VIDEO_UNSUPPORTED "unsupported_parameter"
#define VIDEO_MISSING "missing_required_parameter"
/* A wish that is dropped. */
void video_note(struct video_notes *notes, struct sl_arena *a, const char *format, ...) SL_PRINTF(3, 4);
/* Wishes that a provider has no member for: noted, or with c->strict refused (false). */
struct video_wish {
    bool asked;
    const char *param;
};
bool video_leave_out(const struct video_call *c, const struct video_wish *wishes, size_t n, struct video_notes *notes,
                     struct video_refusal *no);

/* Decimal seconds of a number or a text ("8", "5.04", "8s"): ms. False: not that, negative, or over VIDEO_MS_MAX. */
bool video_ms_of_text(struct sl_str text, int64_t *out);
int64_t video_ms_of(const struct json_tree *t, const struct json_node *v, struct sl_arena *a); /* 0: none */
/* A count as a number or as a text; 0: none. */
uint64_t video_count_of(const struct json_tree *t, const struct json_node *v, struct sl_arena *a);
/* Seconds since 1970, also said as ms, as a text of digits, or as RFC 3339 in UTC; 0: none. */
int64_t video_time_of(const struct json_tree *t, const struct json_node *v, struct sl_arena *a);
/* The text of a string or the digits of a number; else empty. */
struct sl_str video_text_of(const struct json_tree *t, const struct json_node *v, struct sl_arena *a);
/* By a path of members and indices, "data.task_result.videos[0].url"; NULL: not there. */
const struct json_node *video_at(const struct json_tree *t, const struct json_node *of, struct sl_str path);
struct sl_str video_lower(struct sl_str s, struct sl_arena *a);
/* "1280x720", "1280*720", "1280:720". */
bool video_size_of(struct sl_str text, unsigned *w, unsigned *h);
/* Whether a comma-separated list has the word; case does not matter. */
bool video_list_has(struct sl_str list, struct sl_str word);

/* A URL of a client's: "data:" URLs become inline. False: *no. */
bool video_media_url(struct sl_str url, struct sl_arena *a, struct video_media *m, struct video_refusal *no);
bool video_media_add(struct video_request *r, const struct video_media *m, struct sl_arena *a,
                     struct video_refusal *no);
/* Inline data as base64, whatever it came as; empty: it is a URL. */
struct sl_str video_media_base64(const struct video_media *m, struct sl_arena *a);
/* Its type, looked at when it was not said; "application/octet-stream" when nobody knows. */
struct sl_str video_media_type(const struct video_media *m, struct sl_arena *a);
/* As one URL: the one it has, or "data:TYPE;base64,...". To a writer, as a string. */
void video_media_write_url(struct json_writer *w, const struct video_media *m, struct sl_arena *a);
/* As an item of ModelArk's "content", which other vendors took over. */
void video_media_write_item(struct json_writer *w, const struct video_media *m, struct sl_arena *a);

void video_http_init(struct video_http *h, enum http_method method, struct sl_str path);
void video_http_json(struct video_http *h);

/* Of an answer to poll or list with a status that is not 2xx. */
enum video_polled video_poll_failed(const struct video_answer *answer, struct sl_arena *a, struct video_trouble *why);
/* How the reading of an answer to create begins. True: a document, in *t. False: *no says what became of it. */
bool video_create_document(const struct video_call *c, const struct video_answer *answer, struct json_tree *t,
                           struct video_job *out, struct video_trouble *why, enum video_created *no);
/* An answer to poll that is the task itself, with its status as a text. */
typedef void video_read_f(const struct json_tree *t, const struct json_node *task, struct sl_arena *a,
                          struct video_job *out);
enum video_polled video_poll_task(const struct video_call *c, const struct video_answer *answer, video_read_f *read,
                                  struct video_job *out, struct video_trouble *why);
bool video_is_policy(struct sl_str words); /* a code or a message about content */

/* The first content of that part with a URL; NULL: none. */
const struct video_content *video_content_find(const struct video_job *job, enum video_part part);
bool video_link_write(const struct video_job *job, enum video_part part, struct video_http *out); /* a presigned URL */
bool video_google_file_write(const struct video_job *job, enum video_part part, struct video_http *out);
void video_job_add(struct video_job *j, enum video_part part, struct sl_str url, struct sl_str mime);
void video_job_status(struct video_job *j, struct sl_str word);
/* seconds and clips */
void video_settle_seconds(const struct video_job *job, struct video_units *out, struct video_terms *terms);
/* The client's name of the member that says how long. */
struct sl_str video_ms_param(const struct video_request *r);
struct sl_str video_ratio_param(const struct video_request *r);
struct sl_str video_size_param(const struct video_request *r);
/* Copies a JSON document with some of its values replaced; at most 4, rising. */
struct video_splice {
    const struct json_node *node; /* NULL: nothing is changed */
    struct sl_str plain;          /* instead of it, as a string */
    bool drop;                    /* the member goes, its name and comma, too */
};
void video_splice_write(struct sl_str doc, const struct video_splice *v, unsigned n, struct sl_buf *out);

/* ---- facts.c: what was asked for, in video_job.aux ---- */

struct sl_str video_fact(struct sl_str aux, struct sl_str name); /* empty: none */
uint64_t video_fact_u64(struct sl_str aux, struct sl_str name);  /* 0: none */
/* Of c->req, and one more where its name is not empty. In the arena. */
struct sl_str video_facts_of(const struct video_call *c, struct sl_str more_name, struct sl_str more);
void video_facts_fill(struct sl_str aux, struct video_terms *terms);

/* ---- ark_face.c ---- */

#define ARK_OPTIONS "ark,byteplus"
/* Parameters of a task in provider_options.ark, over what the request says. False: *no. */
bool video_ark_options(struct sl_str options, struct sl_arena *a, struct video_request *out, struct video_refusal *no);

/* ---- members.c: members of requests by tables ---- */

enum video_member_kind {
    VM_TEXT = 0, /* struct sl_str */
    VM_LOWER,
    VM_SAID,
    VM_MS,
    VM_U32,
    VM_I32,
    VM_SEED,
    VM_SIZE, /* width and height */
    VM_RAW   /* an object as it is */
};
struct video_member {
    struct sl_str name;
    enum video_member_kind kind;
    size_t at; /* in struct video_request */
};
struct video_value {         /* of JSON or of a field */
    struct sl_str text, raw; /* text: plain, of strings and scalars */
    enum json_kind kind;     /* fields are JSON_STRING */
};
/* False: it has no such member (*found), or *no. */
bool video_member_take(const struct video_member *v, size_t n, struct sl_str name, const struct video_value *value,
                       struct sl_arena *a, struct video_request *out, bool *found, struct video_refusal *no);
void video_request_init(struct video_request *r, enum video_face face, enum video_work work);
bool video_request_done(const struct video_request *r, struct sl_arena *a,
                        struct video_refusal *no); /* common checks */

#endif
