/* Which of the APIs for videos a path belongs to. */
#include "sim/video.h"

bool sim_video_serve(struct sim_call *c, struct sl_str raw)
{
    return sim_video_link_serve(c) || sim_video_ark_serve(c, raw) || sim_video_vendors_serve(c, raw) ||
           sim_video_openai_serve(c, raw) || sim_video_google_serve(c, raw) || sim_video_omni_serve(c, raw);
}
