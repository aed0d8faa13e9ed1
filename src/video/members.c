/* Members of requests by tables: one reader of values for both faces, for JSON and for fields of a form. */
#include "video/video_int.h"

void video_request_init(struct video_request *r, enum video_face face, enum video_work work)
{
    *r = (struct video_request){.face = face, .work = work, .seed = VIDEO_SEED_NONE, .priority = -1};
}

struct taking {
    const struct video_member *m;
    const struct video_value *v;
    struct sl_arena *a;
    struct video_request *r;
    struct video_refusal *no;
};

static void *place(const struct taking *t)
{
    return (char *)t->r + t->m->at;
}

static bool wrong(const struct taking *t, const char *what)
{
    return video_no(t->a, t->no, VIDEO_BAD_VALUE, t->m->name, "%.*s has to be %s.", SL_STR_ARG(t->m->name), what);
}

static bool is_scalar(const struct video_value *v)
{
    return v->kind == JSON_STRING || v->kind == JSON_NUMBER;
}

static bool take_text(const struct taking *t)
{
    if (t->v->kind != JSON_STRING)
        return wrong(t, "a string");
    struct sl_str *to = place(t);
    *to = t->m->kind == VM_LOWER ? video_lower(sl_str_trim(t->v->text), t->a) : t->v->text;
    return true;
}

static bool take_said(const struct taking *t)
{
    enum video_said *to = place(t);
    bool yes = t->v->kind == JSON_TRUE || sl_str_eq_nocase(t->v->text, SL_STR("true"));
    bool negative = t->v->kind == JSON_FALSE || sl_str_eq_nocase(t->v->text, SL_STR("false"));
    if (!yes && !negative)
        return wrong(t, "true or false");
    *to = yes ? VIDEO_YES : VIDEO_NO;
    return true;
}

static bool take_ms(const struct taking *t)
{
    int64_t *to = place(t);
    if (is_scalar(t->v) && (sl_str_eq(t->v->text, SL_STR("-1")) || sl_str_eq_nocase(t->v->text, SL_STR("auto")))) {
        *to = VIDEO_AUTO_MS;
        return true;
    }
    if (!is_scalar(t->v) || !video_ms_of_text(sl_str_trim(t->v->text), to) || *to == 0)
        return wrong(t, "a number of seconds");
    return true;
}

static bool take_number(const struct taking *t)
{
    int64_t n = 0;
    if (!is_scalar(t->v) || !sl_str_to_i64(sl_str_trim(t->v->text), &n))
        return wrong(t, "a whole number");
    if (t->m->kind == VM_SEED) {
        if (n < -1 || n > UINT32_MAX)
            return wrong(t, "between -1 and 4294967295");
        *(int64_t *)place(t) = n;
        return true;
    }
    if (n < 0 || n > INT32_MAX)
        return wrong(t, "between 0 and 2147483647");
    if (t->m->kind == VM_U32)
        *(uint32_t *)place(t) = (uint32_t)n;
    else
        *(int32_t *)place(t) = (int32_t)n;
    return true;
}

static bool take_size(const struct taking *t)
{
    if (t->v->kind == JSON_STRING && sl_str_eq_nocase(sl_str_trim(t->v->text), SL_STR("auto")))
        return true;
    if (t->v->kind != JSON_STRING || !video_size_of(t->v->text, &t->r->width, &t->r->height))
        return wrong(t, "a width and a height as in \"1280x720\"");
    return true;
}

static bool take_one(const struct taking *t)
{
    switch (t->m->kind) {
    case VM_TEXT:
    case VM_LOWER:
        return take_text(t);
    case VM_SAID:
        return take_said(t);
    case VM_MS:
        return take_ms(t);
    case VM_U32:
    case VM_I32:
    case VM_SEED:
        return take_number(t);
    case VM_SIZE:
        return take_size(t);
    case VM_RAW:
        if (t->v->kind != JSON_OBJECT)
            return wrong(t, "an object");
        *(struct sl_str *)place(t) = t->v->raw;
        return true;
    }
    return true;
}

bool video_member_take(const struct video_member *v, size_t n, struct sl_str name, const struct video_value *value,
                       struct sl_arena *a, struct video_request *out, bool *found, struct video_refusal *no)
{
    *found = false;
    for (size_t i = 0; i < n; i++) {
        if (!sl_str_eq(v[i].name, name))
            continue;
        *found = true;
        struct taking t = {.m = &v[i], .v = value, .a = a, .r = out, .no = no};
        return value->kind == JSON_NULL || take_one(&t);
    }
    return true;
}

/* What no provider could make sense of. */
bool video_request_done(const struct video_request *r, struct sl_arena *a, struct video_refusal *no)
{
    if (r->model.n == 0 && r->work == VIDEO_GENERATE)
        return video_no(a, no, VIDEO_MISSING, SL_STR("model"), "A model has to be given.");
    if (r->model.n > 512)
        return video_no(a, no, VIDEO_BAD_VALUE, SL_STR("model"), "The model's name is too long.");
    if (json_chars(r->prompt) > VIDEO_PROMPT_MAX)
        return video_no(a, no, VIDEO_BAD_VALUE, SL_STR("prompt"), "The prompt has more than %u characters.",
                        VIDEO_PROMPT_MAX);
    bool first = false, last = false, reference = false;
    struct sl_str last_param = SL_STR_NONE;
    for (unsigned i = 0; i < r->n_media; i++) {
        const struct video_media *m = &r->media[i];
        if (m->role == VIDEO_FIRST_FRAME && first)
            return video_no(a, no, VIDEO_BAD_VALUE, m->param, "There can be one first frame.");
        if (m->role == VIDEO_LAST_FRAME && last)
            return video_no(a, no, VIDEO_BAD_VALUE, m->param, "There can be one last frame.");
        first = first || m->role == VIDEO_FIRST_FRAME;
        reference = reference || m->role == VIDEO_REFERENCE;
        if (m->role == VIDEO_LAST_FRAME) {
            last = true;
            last_param = m->param;
        }
    }
    if (last && !first)
        return video_no(a, no, VIDEO_BAD_VALUE, last_param, "A last frame needs a first frame.");
    return true;
}
