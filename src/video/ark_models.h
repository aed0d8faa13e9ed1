/* What Seedance's versions can do: seedance.md sections 3.1, 5, 6 and 8, November 2026. */
#ifndef SLUICE_VIDEO_ARK_MODELS_H
#define SLUICE_VIDEO_ARK_MODELS_H

#include "video/video_int.h"

enum ark_can {
    ARK_TEXT = 1 << 0,         /* text alone */
    ARK_FIRST = 1 << 1,        /* a first frame */
    ARK_LAST = 1 << 2,         /* a last frame, too */
    ARK_AUTO = 1 << 3,         /* duration -1 */
    ARK_FRAMES = 1 << 4,       /* frames instead of a duration */
    ARK_AUDIO = 1 << 5,        /* it can be heard */
    ARK_CAMERA = 1 << 6,       /* camera_fixed */
    ARK_FLEX = 1 << 7,         /* service_tier: flex */
    ARK_PRIORITY = 1 << 8,     /* priority */
    ARK_DRAFT = 1 << 9,        /* draft, and finals of drafts */
    ARK_MOV = 1 << 10,         /* output_format: mov */
    ARK_TASK_TYPE = 1 << 11,   /* omni_reference_task_type */
    ARK_SEARCH = 1 << 12,      /* tools */
    ARK_ADAPTIVE = 1 << 13,    /* ratio: adaptive without a picture */
    ARK_AUDIO_ALONE = 1 << 14, /* reference audio without image or video */
    ARK_OLD_SIZES = 1 << 15    /* the pixels of 1.0 */
};

struct ark_model {
    struct sl_str part;        /* of the model's name */
    struct sl_str resolutions; /* comma-separated; the first that is asked for when nothing is said: preset */
    struct sl_str preset;
    unsigned can; /* enum ark_can */
    unsigned least_s, most_s;
    unsigned images, videos, audios; /* references, at most */
    unsigned input_s;                /* of reference video, all together */
};

/* By its name, dated or not, of either platform; NULL: not known, and not checked. */
const struct ark_model *ark_model_find(struct sl_str name);
/* Pixels; false: not known. m may be NULL. ratio "adaptive" or empty: the largest of all. */
bool ark_pixels(const struct ark_model *m, struct sl_str resolution, struct sl_str ratio, unsigned *w, unsigned *h);
/* floor(W x H x frames / 1024) */
uint64_t ark_tokens(unsigned w, unsigned h, uint64_t frames);

/* Flags in a prompt ("--rs 720p"): those that are known go to the request where its own member says nothing. What is left of the prompt
 * is out's. conflict: the name of a flag that says something else than the member does; else empty. */
struct ark_flags {
    struct sl_str prompt;
    struct sl_str conflict;
    unsigned n; /* how many were there */
};
void ark_flags_take(struct video_request *r, struct sl_arena *a, struct ark_flags *out);

#endif
