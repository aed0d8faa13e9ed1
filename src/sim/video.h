/* Inside sim/ only: jobs that make videos, whichever vendor's API they were asked for by. Sources: seedance.md, video.md part A,
 * openai.md 14.
 *
 *   Ark      POST, GET /api/v3/contents/generations/tasks, GET, DELETE .../tasks/ID
 *   OpenAI   POST, GET /v1/videos, GET, DELETE /v1/videos/ID, GET .../content, POST .../remix, /v1/videos/edits, /v1/videos/extensions
 *   Google   POST .../models/M:predictLongRunning, GET .../operations/ID, POST ...:fetchPredictOperation, GET /v1beta/files/ID:download
 *   omni     POST /v1beta/interactions of models with "omni", GET .../ID, POST .../ID/cancel
 *   links    GET /video-store/ID/PART?expires=...&signature=... (no credentials, or they count as leaked)
 *
 * How a job goes is said by words in its prompt, "[[video fate=policy takes=500]]", or by POST /sim/video for all that follow:
 *   takes=MS queue=MS bytes=N link=S fate=ok|fail|policy|expire|vanish|stuck|filtered create=ok|lost|late|error|hang|slow|busy */
#ifndef SLUICE_SIM_VIDEO_H
#define SLUICE_SIM_VIDEO_H

#include "sim/sim_int.h"

#define VIDEO_JOBS_MAX 100000u
#define VIDEO_ID 64u

enum video_vendor {
    VIDEO_ARK = 0,
    VIDEO_OPENAI,
    VIDEO_GEMINI,
    VIDEO_VERTEX,
    VIDEO_RUNWAY,
    VIDEO_KLING,
    VIDEO_XAI,
    VIDEO_MINIMAX,
    VIDEO_DASHSCOPE,
    VIDEO_FAL,
    VIDEO_REPLICATE,
    VIDEO_LUMA,
    VIDEO_MINIMAX_V1,
    VIDEO_VIDU,
    VIDEO_PIXVERSE,
    VIDEO_OMNI
};

enum video_fate {
    FATE_OK = 0,
    FATE_FAIL,
    FATE_POLICY,
    FATE_EXPIRE,
    FATE_VANISH, /* asked for when it should be finished, it is not there */
    FATE_STUCK,
    FATE_FILTERED /* finished, and nothing is shown (Google) */
};

enum video_birth { /* what the client hears of its creation */
    BIRTH_OK = 0,
    BIRTH_LOST,  /* made, and the connection is reset */
    BIRTH_LATE,  /* made, and 500 by something in front of it */
    BIRTH_ERROR, /* made, and 500 in the vendor's own words */
    BIRTH_HANG,  /* made, and nothing is ever answered */
    BIRTH_SLOW,  /* made, and answered a second later */
    BIRTH_BUSY   /* not made: no room */
};

struct video_knobs {
    int64_t takes_ns, queue_ns;
    uint64_t bytes; /* of the video */
    int64_t link_s;
    enum video_fate fate;
    enum video_birth birth;
    uint64_t times; /* how many jobs fate and birth hold for, when set for all; 0: every one */
};

enum video_state {
    STATE_QUEUED = 0,
    STATE_RUNNING,
    STATE_DONE,
    STATE_FAILED,
    STATE_EXPIRED,
    STATE_CANCELLED,
    STATE_GONE
};

struct video_job {
    char id[VIDEO_ID];
    enum video_vendor vendor;
    struct video_knobs k;
    uint64_t key; /* hash of the credentials that made it */
    int64_t born_ns, born_s;
    bool cancelled, deleted;
    char *prompt; /* own */
    char model[128], user[72], source[VIDEO_ID];
    char resolution[8], ratio[12], tier[12];
    unsigned w, h;
    uint32_t seconds, frames, input_seconds;
    int64_t seed;                          /* -1: none was asked for; then it is made */
    bool audio, last_frame, draft, stored; /* stored: in the client's bucket (Vertex) */
    uint64_t tokens;                       /* what a success costs */
    uint64_t polls, downloads, sent;
};

struct video_store {
    struct video_job **v; /* own */
    size_t n, cap, first; /* first: the first that the account tells of */
    struct video_knobs preset;
    uint64_t creates, polls, lists, deletes, refused, leaked;
};

/* video_jobs.c */
struct video_store *sim_video_store_of(struct sim *s);
void sim_video_store_free(struct video_store *s);
struct video_job *sim_video_make(struct sim_call *c, enum video_vendor vendor, const char *prefix,
                                 struct sl_str prompt);
/* One that this caller may see: 404 for other keys. NULL: none. */
struct video_job *sim_video_find(struct sim_call *c, enum video_vendor vendor, struct sl_str id);
bool sim_video_is_mine(const struct sim_call *c, const struct video_job *j);
enum video_state sim_video_state_of(struct sim *s, const struct video_job *j);
int64_t sim_video_ended_s(struct sim *s, const struct video_job *j); /* wall clock */
unsigned sim_video_progress(struct sim *s, const struct video_job *j);
void sim_video_born(struct sim_call *c, struct video_job *j, struct sl_str answer); /* answers a create, in its way */
bool sim_video_no_room(struct sim_call *c, struct sl_str prompt);
void sim_video_size_tokens(struct video_job *j); /* by w, h, seconds, frames, input_seconds */
void sim_video_control(struct sim_call *c);      /* /sim/video */

/* video_content.c */
struct sl_str sim_video_link(struct sim_call *c, const struct video_job *j,
                             const char *part); /* signed; in the arena */
bool sim_video_link_serve(struct sim_call *c);
void sim_video_bytes_send(struct sim_call *c, struct video_job *j, const char *part, struct sl_str type);
void sim_video_fill(const struct video_job *j, struct sl_str part, uint64_t at, char *to, size_t n);

/* video_ark.c, video_openai.c, video_google.c: false: another path */
bool sim_video_ark_serve(struct sim_call *c, struct sl_str raw);
bool sim_video_openai_serve(struct sim_call *c, struct sl_str raw);
bool sim_video_google_serve(struct sim_call *c, struct sl_str raw);
bool sim_video_omni_serve(struct sim_call *c, struct sl_str raw);    /* video_omni.c */
bool sim_video_vendors_serve(struct sim_call *c, struct sl_str raw); /* video_vendors.c */
/* video_jobs.c; the call is authorised and its faults are looked at: true: it is answered */
bool sim_video_refused(struct sim_call *c, struct sl_str raw); /* for its key, or as too large */
bool sim_video_guard(struct sim_call *c, struct sl_str raw);

#endif
