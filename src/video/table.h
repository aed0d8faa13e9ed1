/* Servers that differ in words only: a row each. Paths of members are dotted, "data.task_result.videos[0].url". */
#ifndef SLUICE_VIDEO_TABLE_H
#define SLUICE_VIDEO_TABLE_H

#include "video/video_int.h"

enum table_write {
    TW_MODEL = 0,
    TW_PROMPT,
    TW_NEGATIVE,
    TW_SECONDS,               /* 5 */
    TW_SECONDS_TEXT,          /* "5" */
    TW_RATIO,                 /* "16:9" */
    TW_RATIO_WITHOUT_IMAGE,   /* ... where no picture says it */
    TW_PIXELS_COLON,          /* "1280:720" */
    TW_PIXELS_STAR,           /* "1280*720", without an image */
    TW_RESOLUTION,            /* "720p" */
    TW_RESOLUTION_WITH_IMAGE, /* "720P" */
    TW_RESOLUTION_UPPER,      /* "720P" */
    TW_MODE,                  /* "std"; "pro" above 720p */
    TW_FIRST,                 /* URL or data URL */
    TW_FIRST_BARE,            /* URL or base64 */
    TW_LAST,                  /* URL or data URL */
    TW_LAST_BARE,
    TW_FRAMES,       /* [first, last], those that there are */
    TW_KEYFRAMES,    /* {"frame0": first, "frame1": last}, each {"type": "image", "url"} */
    TW_SECONDS_UNIT, /* "5s" */
    TW_CONTENT,      /* items as Ark has them */
    TW_SOURCE,       /* the URL of what is edited or extended */
    TW_SEED,
    TW_AUDIO,
    TW_AUDIO_ON, /* "on", "off" */
    TW_WATERMARK,
    TW_USER,
    TW_CALLBACK,
    TW_CALLBACK_WHEN, /* ["completed"], where there is a callback */
    TW_TOKEN
};

struct table_member {
    struct sl_str path; /* members of one parent stand together; at most one level deep */
    enum table_write what;
};

struct table_word { /* what a word means here, where it means something else elsewhere, or nothing */
    struct sl_str word;
    enum video_status status;
    enum video_reason reason;
};

struct table_limit { /* of models whose name has `model` in it; instead of the row's own */
    struct sl_str model;
    struct sl_str seconds, resolutions;
    struct sl_str long_seconds,
        long_resolutions; /* these of the seconds are made in these resolutions only; empty: in all */
    struct sl_str preset; /* the resolution where none is asked for; empty: the row's */
};

struct table_row {
    struct video_adapter adapter;                                /* c->adapter is this */
    struct sl_str text_path, image_path, edit_path, extend_path; /* create; empty: there is none. "{model}": its name */
    struct sl_str frames_path;                                   /* ... with a last frame; empty: as with a first */
    struct sl_str callback_query; /* ours goes into the create's query under this name; empty: into a member */
    struct sl_str poll_path;      /* before the id; empty: the path of the create */
    struct sl_str poll_tail;      /* ... and behind it */
    bool rooted;
    struct video_header header; /* name empty: none */
    struct sl_str trace;        /* a header that wants an UUID of each job's own; empty: none */
    const struct table_member *members;
    unsigned n_members;
    /* limits; empty: any */
    struct sl_str seconds; /* comma-separated */
    unsigned least_s, most_s, preset_s;
    struct sl_str ratios, resolutions, preset;
    const struct table_limit *limits; /* of single models; the first that fits */
    unsigned n_limits;
    bool last_frame, references, no_media;
    bool says_all; /* what was not asked for is said as well: length, ratio, resolution are mandatory there */
    bool has_seed, has_watermark, has_audio, has_negative;
    /* answers */
    struct sl_str ok_code; /* whose value is 0 where all is well; empty: there is none */
    struct sl_str ok_message;
    struct sl_str policy_codes, account_codes, capacity_codes; /* values of ok_code, comma-separated */
    struct sl_str id, status, url, progress, error_code, error_message, duration, seconds_used, resolution, ratio,
        moderation, cost_ticks, credits, created;
    unsigned progress_of; /* of how many: 1, 100 */
    const struct table_word *words;
    unsigned n_words;
    struct sl_str other_url;                             /* where the result's link may be instead */
    struct sl_str other_duration;                        /* ... and how long it is */
    struct sl_str size, other_size;                      /* "1280*720", of the result */
    struct sl_str status_link, result_link, cancel_link; /* of a create's answer: asked as they are (fal) */
    struct sl_str file_id, file_path; /* a finished task names a file: its link is asked for at this path, and is url */
    struct sl_str width, height;      /* of the result, as numbers */
    struct sl_str cancel_tail;        /* behind the path of the task; empty: see cancel_link */
    struct sl_str token;              /* of a task asked for by the token that its create had; empty: it cannot be */
    bool url_media;                   /* pictures by URL only */
    bool pending_202;                 /* not finished: 202, and perhaps nothing in it */
    bool policy_charged;              /* refused results cost what finished ones do */
};

bool video_table_check(const struct video_call *c, struct video_notes *notes, struct video_refusal *no);
bool video_table_create_write(const struct video_call *c, struct video_http *out, struct sl_buf *body,
                              struct video_refusal *no);
enum video_created video_table_create_read(const struct video_call *c, const struct video_answer *answer,
                                           struct video_job *out, struct video_trouble *why);
void video_table_poll_write(const struct video_call *c, struct video_http *out, struct sl_buf *body);
void video_table_delete_write(const struct video_call *c, struct video_http *out);
void video_table_cancel_write(const struct video_call *c, struct video_http *out);
bool video_table_find_write(const struct video_call *c, const struct video_list_ask *ask, struct video_http *out);
enum video_polled video_table_find_read(const struct video_call *c, const struct video_answer *answer,
                                        struct video_list *out, struct video_trouble *why);
enum video_match video_table_find_match(const struct video_call *c, int64_t sent_s, const struct video_job *listed);
enum video_polled video_table_poll_read(const struct video_call *c, const struct video_answer *answer,
                                        struct video_job *out, struct video_trouble *why, bool *again);
bool video_table_content_write(const struct video_call *c, const struct video_job *job, enum video_part part,
                               struct video_http *out);
void video_table_reserve(const struct video_call *c, struct video_units *out, struct video_terms *terms);
void video_table_settle(const struct video_call *c, const struct video_job *job, struct video_units *out,
                        struct video_terms *terms);
#define VIDEO_TABLE_FUNCTIONS                                                                                          \
    .poll_first_ns = INT64_C(15000000000), .poll_ns = INT64_C(5000000000), .poll_max_ns = INT64_C(30000000000),        \
    .deadline_s = 86400, .check = video_table_check, .create_write = video_table_create_write,                         \
    .create_read = video_table_create_read, .poll_write = video_table_poll_write, .poll_read = video_table_poll_read,  \
    .content_write = video_table_content_write, .reserve = video_table_reserve, .settle = video_table_settle

#define VIDEO_ROWS 11u
extern const struct table_row video_rows[VIDEO_ROWS];

#endif
