/* What all adapters leave out alike: members of faces and providers that they do not know. */
#include "video/video_int.h"

static bool leave_out(const struct video_call *c, struct sl_str name, struct video_notes *notes,
                      struct video_refusal *no)
{
    if (c->strict)
        return video_no(c->a, no, VIDEO_UNSUPPORTED, name, "This provider has no such member.");
    video_note(notes, c->a, SL_STR_FMT ": not known to this provider, left out", SL_STR_ARG(name));
    return true;
}

/* Of provider_options those for others. */
static bool check_options(const struct video_call *c, struct video_notes *notes, struct video_refusal *no)
{
    struct json_tree t;
    if (c->req->options.n == 0)
        return true;
    if (!json_tree_read(&t, c->req->options, c->a))
        return video_no(c->a, no, VIDEO_BAD_VALUE, SL_STR("provider_options"), "provider_options has to be an object.");
    for (JSON_EACH(&t, json_root(&t), it)) {
        struct sl_str name = json_plain(json_key_of(&t, it), c->a);
        bool taken = video_list_has(sl_str_c(c->adapter->options != NULL ? c->adapter->options : ""), name);
        struct sl_str param = sl_arena_printf(c->a, "provider_options." SL_STR_FMT, SL_STR_ARG(name));
        if (!taken && !leave_out(c, param, notes, no))
            return false;
    }
    return true;
}

bool video_check(const struct video_call *c, struct video_notes *notes, struct video_refusal *no)
{
    const struct video_request *r = c->req;
    const struct video_wish wishes[] = {
        {r->user.n > 0 && !c->adapter->takes_user, "user"},
        {r->output_format.n > 0 && !sl_str_eq(r->output_format, SL_STR("mp4")) && c->adapter != &video_ark,
         "output_format"},
        {r->expires_after_s > 0 && c->adapter != &video_ark, "execution_expires_after"},
    };
    if (!c->adapter->check(c, notes, no))
        return false;
    if (c->adapter->same_face && c->adapter->as == r->face) /* as it came */
        return true;
    if (!video_leave_out(c, wishes, VIDEO_COUNT(wishes), notes, no) || !check_options(c, notes, no))
        return false;
    for (unsigned i = 0; i < r->n_extra; i++)
        if (!leave_out(c, r->extra[i].name, notes, no))
            return false;
    return true;
}
