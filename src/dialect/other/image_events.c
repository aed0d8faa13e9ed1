/* Pictures as OpenAI's events (openai.md 12.3). What the provider does not tell is "auto", which every client of the format knows. */
#include "dialect/media.h"
#include "dialect/other/pairs.h"

static bool is_edit(const struct other_translation *t)
{
    return t->op == OP_IMAGE_EDIT;
}

static struct sl_str type_of(const struct other_translation *t, bool partial)
{
    if (is_edit(t))
        return partial ? SL_STR("image_edit.partial_image") : SL_STR("image_edit.completed");
    return partial ? SL_STR("image_generation.partial_image") : SL_STR("image_generation.completed");
}

/* "png" of base64 that begins so; what was asked for where nobody knows. */
static struct sl_str format_of(const struct other_translation *t, struct sl_str raw)
{
    struct sl_str type = media_sniff(sl_str_head(sl_str_from(raw, 1), 64)),
                  asked = json_inside_of(&t->look->tree, other_member(t, SL_STR("output_format")));
    if (sl_str_starts(type, SL_STR("image/")))
        return sl_str_from(type, 6);
    return asked.n > 0 ? asked : SL_STR("png");
}

void other_image_begin(const struct other_translation *t, const struct other_image *i, struct sl_buf *out)
{
    bool partial = i->partial >= 0;
    struct sl_str type = type_of(t, partial), size = i->size.n > 0 ? i->size : t->look->size;
    struct json_writer w = json_writer_on_line(out);
    sl_buf_adds(out, SL_STR("event: "));
    sl_buf_adds(out, type);
    sl_buf_adds(out, SL_STR("\ndata: "));
    jw_open(&w, '{');
    jw_member_plain(&w, SL_STR("type"), type);
    if (partial)
        jw_member_u64(&w, SL_STR("partial_image_index"), (uint64_t)i->partial);
    jw_member_u64(&w, SL_STR("created_at"), (uint64_t)t->created_s);
    jw_member_inside(&w, SL_STR("size"), size.n > 0 ? size : SL_STR("auto"));
    jw_member_plain(&w, SL_STR("quality"), SL_STR("auto"));
    jw_member_plain(&w, SL_STR("background"), SL_STR("auto"));
    jw_member_plain(&w, SL_STR("output_format"), format_of(t, i->raw));
    jw_member_raw(&w, sl_str_c(i->name), i->raw);
}

void other_image_usage(struct json_writer *w, const struct token_counts *c)
{
    if (!c->found)
        return;
    jw_key(w, SL_STR("usage"));
    jw_open(w, '{');
    jw_member_u64(w, SL_STR("input_tokens"), c->prompt);
    jw_key(w, SL_STR("input_tokens_details"));
    jw_open(w, '{');
    jw_member_u64(w, SL_STR("text_tokens"), c->prompt > c->image_prompt ? c->prompt - c->image_prompt : 0);
    jw_member_u64(w, SL_STR("image_tokens"), c->image_prompt);
    jw_close(w, '}');
    jw_member_u64(w, SL_STR("output_tokens"), c->completion);
    jw_member_u64(w, SL_STR("total_tokens"), c->total > 0 ? c->total : c->prompt + c->completion);
    jw_close(w, '}');
}

void other_image_end(const struct token_counts *usage, struct sl_buf *out)
{
    struct json_writer w = json_writer_on_line(out);
    w.comma = true;
    if (usage != NULL)
        other_image_usage(&w, usage);
    sl_buf_adds(out, SL_STR("}\n\n"));
}
