/* Words for states and reasons. */
#include "video/video.h"

#include "http/url.h"

static const char *const status_names[] = {
    [VIDEO_QUEUED] = "queued",
    [VIDEO_IN_PROGRESS] = "in_progress",
    [VIDEO_COMPLETED] = "completed",
    [VIDEO_FAILED] = "failed",
};

static const char *const reason_names[] = {
    [VIDEO_REASON_NONE] = "",
    [VIDEO_REASON_POLICY] = "content_policy_violation",
    [VIDEO_REASON_CANCELLED] = "cancelled",
    [VIDEO_REASON_EXPIRED] = "expired",
    [VIDEO_REASON_PROVIDER] = "provider_error",
    [VIDEO_REASON_TIMEOUT] = "timeout",
    [VIDEO_REASON_UNCLEAR] = "unknown_submission",
};

static const char *const part_names[] = {
    [VIDEO_PART_VIDEO] = "video",
    [VIDEO_PART_THUMBNAIL] = "thumbnail",
    [VIDEO_PART_SPRITESHEET] = "spritesheet",
    [VIDEO_PART_LAST_FRAME] = "last_frame",
};

#define COUNT(v) (sizeof(v) / sizeof((v)[0]))

const char *video_status_name(enum video_status s)
{
    SL_CHECK(s < COUNT(status_names));
    return status_names[s];
}

const char *video_reason_name(enum video_reason r)
{
    SL_CHECK(r < COUNT(reason_names));
    return reason_names[r];
}

bool video_reason_of_name(struct sl_str name, enum video_reason *out)
{
    for (size_t i = 0; i < COUNT(reason_names); i++) {
        if (!sl_str_eq(name, sl_str_c(reason_names[i])))
            continue;
        *out = (enum video_reason)i;
        return true;
    }
    return false;
}

const char *video_part_name(enum video_part p)
{
    return part_names[p];
}

bool video_part_of_name(struct sl_str name, enum video_part *out)
{
    if (name.n == 0)
        name = SL_STR("video");
    for (size_t i = 0; i < COUNT(part_names); i++) {
        if (!sl_str_eq(name, sl_str_c(part_names[i])))
            continue;
        *out = (enum video_part)i;
        return true;
    }
    return false;
}

void video_job_init(struct video_job *j)
{
    *j = (struct video_job){.progress = -1, .seed = VIDEO_SEED_NONE, .usage = {.cost_p = -1}};
}

/* Every spelling of video.md B5; what stands for the same thing at several providers stands here once. */
static const struct {
    struct sl_str word;
    enum video_status status;
    enum video_reason reason;
} words[] = {
    {SL_STR_INIT("queued"), VIDEO_QUEUED, VIDEO_REASON_NONE},
    {SL_STR_INIT("queueing"), VIDEO_QUEUED, VIDEO_REASON_NONE},
    {SL_STR_INIT("in_queue"), VIDEO_QUEUED, VIDEO_REASON_NONE},
    {SL_STR_INIT("pending"), VIDEO_QUEUED, VIDEO_REASON_NONE},
    {SL_STR_INIT("throttled"), VIDEO_QUEUED, VIDEO_REASON_NONE},
    {SL_STR_INIT("submitted"), VIDEO_QUEUED, VIDEO_REASON_NONE},
    {SL_STR_INIT("preparing"), VIDEO_QUEUED, VIDEO_REASON_NONE},
    {SL_STR_INIT("starting"), VIDEO_QUEUED, VIDEO_REASON_NONE},
    {SL_STR_INIT("running"), VIDEO_IN_PROGRESS, VIDEO_REASON_NONE},
    {SL_STR_INIT("in_progress"), VIDEO_IN_PROGRESS, VIDEO_REASON_NONE},
    {SL_STR_INIT("processing"), VIDEO_IN_PROGRESS, VIDEO_REASON_NONE},
    {SL_STR_INIT("dreaming"), VIDEO_IN_PROGRESS, VIDEO_REASON_NONE},
    {SL_STR_INIT("succeeded"), VIDEO_COMPLETED, VIDEO_REASON_NONE},
    {SL_STR_INIT("succeed"), VIDEO_COMPLETED, VIDEO_REASON_NONE},
    {SL_STR_INIT("success"), VIDEO_COMPLETED, VIDEO_REASON_NONE},
    {SL_STR_INIT("completed"), VIDEO_COMPLETED, VIDEO_REASON_NONE},
    {SL_STR_INIT("complete"), VIDEO_COMPLETED, VIDEO_REASON_NONE},
    {SL_STR_INIT("done"), VIDEO_COMPLETED, VIDEO_REASON_NONE},
    {SL_STR_INIT("failed"), VIDEO_FAILED, VIDEO_REASON_PROVIDER},
    {SL_STR_INIT("fail"), VIDEO_FAILED, VIDEO_REASON_PROVIDER},
    {SL_STR_INIT("failure"), VIDEO_FAILED, VIDEO_REASON_PROVIDER},
    {SL_STR_INIT("error"), VIDEO_FAILED, VIDEO_REASON_PROVIDER},
    {SL_STR_INIT("cancelled"), VIDEO_FAILED, VIDEO_REASON_CANCELLED},
    {SL_STR_INIT("canceled"), VIDEO_FAILED, VIDEO_REASON_CANCELLED},
    {SL_STR_INIT("aborted"), VIDEO_FAILED, VIDEO_REASON_CANCELLED},
    {SL_STR_INIT("expired"), VIDEO_FAILED, VIDEO_REASON_EXPIRED},
};

bool video_status_of_word(struct sl_str word, enum video_status *out, enum video_reason *reason)
{
    word = sl_str_trim(word);
    for (size_t i = 0; i < COUNT(words); i++) {
        if (!sl_str_eq_nocase(word, words[i].word))
            continue;
        *out = words[i].status;
        *reason = words[i].reason;
        return true;
    }
    return false;
}
