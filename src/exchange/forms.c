/* Requests that are forms and kept whole: transcriptions, translations of speech, edits and variations of images. They are read
 * by dialect/form.c and go to providers of OpenAI's format as they came, with the model's name replaced. */
#include "dialect/other/other.h"
#include "exchange/exchange_int.h"
#include "tokens/estimate.h"

static struct sl_str type_of(const struct exchange *x)
{
    return http_headers_get(&x->req->headers, HN_CONTENT_TYPE);
}

bool forms_is_one(const struct exchange *x)
{
    return x->op->form && (x->op->form_only || sl_str_starts_nocase(type_of(x), SL_STR("multipart/")));
}

bool forms_may_be(const struct exchange *x)
{
    bool multipart = sl_str_starts_nocase(type_of(x), SL_STR("multipart/"));
    return multipart ? x->op->form : !x->op->form_only;
}

enum step forms_understand(struct exchange *x)
{
    struct request_refusal refusal = {0};
    struct error_facts hint_error = {0};
    struct form_facts *form = SL_ARENA_NEW(x->a, struct form_facts);
    if (!form_read(x->match.op, type_of(x), x->body_text, x->a, &x->facts, form, &refusal)) {
        tel_refuse(x->env->tel, TEL_WHY_BODY);
        return exchange_refuse_with(x, &refusal.error);
    }
    if (!request_hints_from_headers(&x->req->headers, &x->facts.hints, &hint_error)) {
        tel_refuse(x->env->tel, TEL_WHY_BODY);
        return exchange_refuse_with(x, &hint_error);
    }
    x->form = form;
    x->estimate_input = tokens_estimate_input(x->facts.payload_bytes, 0);
    exchange_goto(x, XS_ADMIT);
    return STEP_GO;
}

bool forms_answer_is_other(const struct exchange *x)
{
    return x->op->any_answer && x->answer_ok && !x->is_stream && x->head != NULL &&
           !sl_str_starts_nocase(http_headers_get(&x->head->headers, HN_CONTENT_TYPE), SL_STR("application/json"));
}

bool forms_makes_images(const struct exchange *x)
{
    return x->match.op == OP_IMAGE_EDIT || x->match.op == OP_IMAGE_VARIATION;
}

/* As many pictures as are asked for, whatever becomes of the answer. */
void forms_reserve(struct exchange *x, struct try *t)
{
    const struct form_facts *form = x->form;
    struct sl_str model = provider_known_model(&t->at->provider, t->candidate->model);
    struct usage expected = {.images_out = x->facts.n > 0 ? x->facts.n : 1};
    const struct reserve_facts f = {
        .price = t->price,
        .terms.shape = form != NULL ? other_image_shape(model, form->size, form->quality)
                                    : (struct price_shape){.size = SL_STR_NONE},
        .input_tokens = x->estimate_input,
        .no_output = true,
        .expected = &expected,
    };
    t->reservation = reserve_estimate(&f);
    t->shape = f.terms.shape;
}

/* How many images there are, and of which size and quality, stands in the answer alone. */
void forms_note_images(struct exchange *x, struct try *t)
{
    struct other_usage u = {.found = false};
    t->output_bytes = 0; /* pictures are no text */
    if (x->answer_ok && other_note_stream(x, t))
        return;
    if (t->outcome != OUT_OK || !x->over)
        return;
    if (x->seen != NULL) {
        t->units.images_out = x->seen->images;
        return;
    }
    other_usage_same(OP_IMAGES, sl_chunks_flat(&x->held), &x->attempt_arena, &u);
    t->units.images_out = u.units[UU_IMAGES_OUT];
    t->shape.size = sl_arena_str(x->a, u.size);
    t->shape.quality = sl_arena_str(x->a, u.quality);
}
