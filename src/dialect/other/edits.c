/* OpenAI's images/edits for providers of another format (openai.md 12.1): Gemini's image models take the pictures as parts of the
 * request, Seedream as members of it. A form is read into the JSON that OpenAI takes for the same, so that there is one reading. */
#include "base/base64.h"
#include "dialect/media.h"
#include "dialect/other/pairs.h"
#include "http/multipart.h"

#define PICTURES_MAX 16u
#define FIELDS_MAX 64u

/* -- A form as JSON --------------------------------------------------------------------------------------------------------- */

struct reading {
    struct sl_arena *a;
    struct sl_buf pictures, rest;
    struct json_writer of_pictures, of_rest;
    struct request_refusal *refusal;
    const struct multipart_part *part;
    struct sl_str value; /* the part's bytes, one slice of the form */
    struct sl_str names[FIELDS_MAX];
    uint32_t n_names, n_pictures;
    size_t bytes;
};

static bool refuse(struct request_refusal *r, enum gateway_error e, struct sl_str param, struct sl_str message)
{
    r->error = (struct error_facts){.error = e, .param = param, .message = message};
    return false;
}

static bool add_picture(struct reading *f)
{
    struct sl_str type = f->part->type, start = sl_str_head(f->value, 48); /* enough to know a format by */
    if (++f->n_pictures > PICTURES_MAX)
        return other_refuse(f->refusal, GE_MEMBER_TOO_MANY, "image", "At most 16 images are taken.");
    struct sl_str seen = media_sniff(media_encode(start, f->a));
    if (sl_str_starts(seen, SL_STR("image/")))
        type = seen;
    else if (!sl_str_eq(type, SL_STR("image/png")) && !sl_str_eq(type, SL_STR("image/jpeg")) &&
             !sl_str_eq(type, SL_STR("image/webp")))
        type = media_by_name(f->part->filename);
    if (!sl_str_starts(type, SL_STR("image/")))
        return other_refuse(f->refusal, GE_MEMBER_VALUE, "image", "'image' must be a PNG, JPEG or WebP file.");
    jw_open(&f->of_pictures, '{');
    jw_key(&f->of_pictures, SL_STR("image_url"));
    jw_string(&f->of_pictures);
    jw_piece_plain(&f->of_pictures, SL_STR("data:"));
    jw_piece_plain(&f->of_pictures, type);
    jw_piece_plain(&f->of_pictures, SL_STR(";base64,"));
    char *room = sl_buf_room(&f->pictures, SL_BASE64_BYTES(f->value.n));
    if (room != NULL)
        sl_buf_wrote(&f->pictures, sl_base64_encode(f->value, room));
    jw_string_end(&f->of_pictures);
    jw_close(&f->of_pictures, '}');
    return true;
}

static bool is_one_of(struct sl_str name, const char *names)
{
    struct sl_str all = sl_str_c(names);
    while (all.n > 0)
        if (sl_str_eq(sl_str_cut(&all, ' '), name))
            return true;
    return false;
}

static bool add_field(struct reading *f, struct sl_str name)
{
    uint64_t number;
    for (uint32_t i = 0; i < f->n_names; i++)
        if (sl_str_eq(f->names[i], name)) /* who reads the first and who the last would not agree */
            return refuse(f->refusal, GE_MEMBER_REPEATED, name, SL_STR_NONE);
    if (f->n_names == FIELDS_MAX)
        return other_refuse(f->refusal, GE_MEMBER_TOO_MANY, "", "The form has too many fields.");
    f->names[f->n_names++] = name;
    jw_key(&f->of_rest, json_escape(name, f->a));
    if (f->part->has_filename)
        jw_raw(&f->of_rest, SL_STR("{}")); /* a mask and the like: what matters is that it is there */
    else if (is_one_of(name, "n partial_images output_compression") && sl_str_to_u64(f->value, &number))
        jw_u64(&f->of_rest, number);
    else
        jw_plain(&f->of_rest, f->value);
    return true;
}

static bool end_part(struct reading *f)
{
    struct sl_str name = sl_arena_str(f->a, f->part->name);
    f->bytes += f->value.n;
    if (f->bytes > OTHER_EDIT_BYTES)
        return refuse(f->refusal, GE_BODY_TOO_LARGE, SL_STR_NONE,
                      SL_STR("The images are too large for this model: 32 MiB are taken in all."));
    if (f->part->has_filename && is_one_of(name, "image image[]"))
        return add_picture(f);
    if (!f->part->has_filename && !sl_utf8_valid(f->value))
        return refuse(f->refusal, GE_MEMBER_VALUE, name, SL_STR("A field of the form is not UTF-8."));
    return sl_utf8_valid(name) ? add_field(f, name)
                               : other_refuse(f->refusal, GE_BAD_REQUEST, "", "The name of a field is not UTF-8.");
}

static bool read_parts(struct reading *f, struct multipart *m, struct sl_str form)
{
    struct sl_str data;
    for (;;) {
        switch (multipart_next(m, &form, &data)) {
        case MULTIPART_PART:
            f->value = SL_STR_NONE;
            break;
        case MULTIPART_DATA: /* fed in one piece: slices that follow each other */
            f->value = f->value.n == 0 ? data : sl_str_of(f->value.p, f->value.n + data.n);
            break;
        case MULTIPART_PART_END:
            if (!end_part(f))
                return false;
            break;
        case MULTIPART_BAD:
            return refuse(f->refusal, GE_BAD_REQUEST, SL_STR_NONE, sl_str_c(m->error));
        case MULTIPART_MORE:
            return multipart_is_whole(m) ||
                   other_refuse(f->refusal, GE_BAD_REQUEST, "", "The form was cut short: it has no closing boundary.");
        case MULTIPART_END:
            break;
        }
    }
}

bool other_edit_from_form(struct sl_str content_type, struct sl_str form, struct sl_arena *a, struct sl_str *out,
                          struct request_refusal *out_refusal)
{
    struct reading f = {.a = a, .refusal = out_refusal};
    struct sl_str boundary;
    struct multipart m;
    if (!multipart_boundary(content_type, &boundary))
        return other_refuse(out_refusal, GE_TYPE_UNSUPPORTED, "", "The content-type names no boundary.");
    sl_buf_init(&f.pictures, 2 * OTHER_EDIT_BYTES);
    sl_buf_init(&f.rest, 2 * OTHER_EDIT_BYTES);
    f.of_pictures = json_writer_on(&f.pictures);
    f.of_rest = json_writer_on(&f.rest);
    f.part = &m.part;
    multipart_init(&m, boundary, NULL);
    jw_open(&f.of_rest, '{');
    bool ok = read_parts(&f, &m, form);
    multipart_done(&m);
    if (ok) {
        jw_key(&f.of_rest, SL_STR("images"));
        sl_buf_addc(&f.rest, '[');
        sl_buf_adds(&f.rest, sl_buf_str(&f.pictures));
        sl_buf_addc(&f.rest, ']');
        sl_buf_addc(&f.rest, '}');
        *out = sl_arena_str(a, sl_buf_str(&f.rest));
        if (f.rest.over || f.pictures.over)
            ok = refuse(out_refusal, GE_BODY_TOO_LARGE, SL_STR_NONE, SL_STR_NONE);
    }
    sl_buf_done(&f.pictures);
    sl_buf_done(&f.rest);
    return ok;
}

/* -- Its pictures -------------------------------------------------------------------------------------------------------------- */

bool other_edit_pictures(struct other_translation *t, uint32_t most, other_edit_picture_f *each, void *arg,
                         struct request_refusal *r)
{
    const struct json_tree *tree = &t->look->tree;
    const struct json_node *images = other_member(t, SL_STR("images"));
    if (other_member(t, SL_STR("mask")) != NULL)
        return other_refuse(r, GE_UNSUPPORTED, "mask",
                            "This model takes no 'mask': leave it out and say in the prompt what is to change.");
    if (images->children > most)
        return refuse(r, GE_MEMBER_TOO_MANY, SL_STR("images"),
                      sl_arena_printf(t->a, "This model takes at most %u images.", most));
    for (JSON_EACH(tree, images, it)) {
        const struct json_node *url = json_got(tree, it, SL_STR("image_url"));
        if (json_kind_of(url) != JSON_STRING || url->n <= 2)
            return other_refuse(r, GE_UNSUPPORTED, "images",
                                "Each of 'images' must have an 'image_url' for this model: it has no files of OpenAI.");
        if (!each(arg, json_raw_of(tree, url), r))
            return false;
    }
    return true;
}
