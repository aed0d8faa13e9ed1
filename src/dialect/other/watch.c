/* Events of streams that carry pictures, sound or a transcript. They pass as bytes; only their type, and of the last its usage, is
 * looked at. Source: openai.md 12.3, 13.1, 13.2; seedance.md 17. */
#include "dialect/json_peek.h"
#include "dialect/openai_chat/openai_chat.h"
#include "dialect/other/other.h"

const struct dialect other_stream_dialect = {
    .name = SL_STR_INIT("openai"),
    .errors = ERRORS_OPENAI,
    .stream_watch = other_stream_watch,
};

struct found {
    struct sl_str type, usage, error;
    bool picture;
};

/* The members stand at the top, in any order; pictures are passed over as strings. */
static bool find(struct sl_str data, struct found *f)
{
    struct json_peek k = json_peek_at(data);
    struct sl_str v;
    while (json_peek_key(&k)) {
        if (!json_peek_value(&k, &v))
            return false;
        if (sl_str_eq(k.key, SL_STR("type")) && v.n >= 2 && v.p[0] == '"')
            f->type = sl_str_of(v.p + 1, v.n - 2);
        else if (sl_str_eq(k.key, SL_STR("usage")) && v.p[0] == '{')
            f->usage = v;
        else if (sl_str_eq(k.key, SL_STR("error")) && !json_peek_is_null(v))
            f->error = v;
        else if (sl_str_eq(k.key, SL_STR("b64_json")) || sl_str_eq(k.key, SL_STR("url")))
            f->picture = f->picture || v.n > 2;
    }
    return k.closed;
}

static void add(struct token_counts *sum, const struct token_counts *u)
{
    sum->found = true;
    sum->bad = sum->bad || u->bad;
    sum->unknown = sum->unknown || u->unknown;
    sum->prompt += u->prompt;
    sum->completion += u->completion;
    sum->total += u->total;
    sum->cached += u->cached;
    sum->image_prompt += u->image_prompt;
    sum->image_completion += u->image_completion;
}

/* Each picture of several ends with an event and the usage of its own (OpenAI), or they end one by one and a last event tells of all
 * (Ark). */
static void read_usage(struct stream_memo *memo, const struct found *f, struct stream_event *out)
{
    struct token_counts *u = &out->usage;
    bool image = sl_str_starts(f->type, SL_STR("image"));
    out->has_usage = true;
    openai_usage_read(f->usage, u);
    if (image && u->image_completion == 0)
        u->image_completion = u->completion;
    else if (sl_str_starts(f->type, SL_STR("speech.")) && u->audio_completion == 0)
        u->audio_completion = u->completion;
    if (!image || !f->picture || memo == NULL)
        return;
    add(&memo->sum, u);
    *u = memo->sum;
}

void other_stream_watch(struct stream_memo *memo, struct sl_str event, struct sl_str data, struct stream_event *out)
{
    struct found f = {.type = event};
    *out = (struct stream_event){.kind = data.n == 0 ? SK_EMPTY : SK_OTHER};
    if (sl_str_starts(data, SL_STR("[DONE]"))) {
        out->kind = SK_DONE;
        return;
    }
    if (data.n == 0 || data.p[0] != '{' || !find(data, &f))
        return;
    out->says = SAYS_MORE;
    bool failed_one = sl_str_ends(f.type, SL_STR(".partial_failed")); /* of several pictures: the others come */
    if (sl_str_eq(f.type, SL_STR("error")) || sl_str_ends(f.type, SL_STR(".failed")) ||
        (f.error.n > 0 && !failed_one)) {
        out->kind = SK_ERROR;
        openai_error_read(f.error.n > 0 ? f.error : data, &out->error);
        return;
    }
    out->kind = SK_CONTENT;
    out->output_bytes = 1; /* not text: nothing is estimated from it */
    out->images = f.picture && !sl_str_ends(f.type, SL_STR(".partial_image")) &&
                  !sl_str_ends(f.type, SL_STR(".failed"));
    if (f.usage.n > 0)
        read_usage(memo, &f, out);
    if (sl_str_ends(f.type, SL_STR(".completed")) || sl_str_ends(f.type, SL_STR(".done"))) {
        out->kind = SK_FINISH;
        out->finish = true;
    }
}
